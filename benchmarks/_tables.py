"""The tables of the results, in a terminal and between two marks of a page of Markdown."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks._results import FOLDER, GROWTH, as_results, load

ROOT = Path(__file__).parents[1]
PAGES = {Path("README.md"): True, Path("benchmarks", "README.md"): False}  # path -> whether it shows headlines only
RATIOS = "![Ratios with their quartiles beside their targets](results/ratios.png)"
GROWN = "![Time and memory against rows, features, steps and coalitions](results/growth.png)"
EMPTY = "No full run of `python -m benchmarks` has been committed yet."


def amount(value, unit, n_rows=None):
    """Return a quantity as people write it: 12 ms, 480 MiB, 5,000 rows/s."""
    if value is None:
        return ""
    if unit == "s" and n_rows is not None:
        rate = n_rows / value
        return f"{rate:,.0f} rows/s" if rate >= 100 else f"{rate:.2g} rows/s"
    if unit == "s":
        for scale, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if value >= scale:
                return f"{value / scale:.3g} {name}"
    return f"{value:.0f} {unit}" if unit == "MiB" else f"{value:.1e} {unit}".strip()


def ratio(result):
    """Return a ratio with the quartiles of its rounds: 9.4x (9.1 to 9.6)."""
    if not result.unit:
        return f"{result.ratio:g}"
    spread = "" if result.low is None else f" ({figure(result.low)} to {figure(result.high)})"
    return f"{figure(result.ratio)}{'' if result.at_most else 'x'}{spread}"


def figure(value):
    """Return a number with two digits behind the point, one from 10 on, none from 100 on, three of a small one."""
    if abs(value) < 0.05:
        return f"{value:.2g}"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def target(result):
    sign = "at most " if result.at_most else "at least "
    return f"{sign}{result.target:g}{'' if result.at_most or not result.unit else 'x'}"


def cells(result):
    """Return the cells of a line, as all tables have them."""
    ours = amount(result.ours, result.unit, result.n_rows)
    theirs = amount(result.theirs, result.unit, result.n_theirs or result.n_rows)
    return [
        result.work, result.against, ratio(result), target(result), "yes" if result.reached else "**no**", ours, theirs,
        result.note,
    ]  # fmt: skip


HEAD = ("work", "against", "ratio (quartiles)", "target", "reached", "ours", "theirs", "note")


def markdown(rows, head):
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def made_with(runs):
    """Say on what, with what and when the figures were measured."""
    if not runs:
        return EMPTY
    dates = sorted({run["date"] for run in runs})
    kinds = {
        f"{run['machine']['processor']}, {run['machine']['cores']} cores, {run['threads']} threads" for run in runs
    }
    used = {}
    for run in runs:
        used |= run["versions"]
    parts = ", ".join(f"{name} {number}" for name, number in used.items())
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    minutes = sum(run["seconds"] for run in runs) / 60
    return f"Measured on {when} in {minutes:.0f} minutes on {'; '.join(sorted(kinds))}; {parts}."


def short_table(runs):
    """Return the table of the README: one line a benchmark."""
    lines = [r for run in runs.values() for r in as_results(run) if r.headline]
    if not lines:
        return EMPTY
    rows = [cells(r)[:5] for r in lines]
    shown = [r for run in runs.values() for r in as_results(run)]
    reached = sum(r.reached for r in shown)
    return f"{markdown(rows, HEAD[:5])}\n\n{reached} of all {len(shown)} figures reach their targets."


def long_table(runs):
    """Return the table of benchmarks/README.md: everything."""
    if not runs:
        return EMPTY
    rows = [cells(r) for run in runs.values() for r in as_results(run)]
    took = ", ".join(f"{name} {run['seconds']:.0f}" for name, run in runs.items())
    parts = [RATIOS, markdown(rows, HEAD), made_with(list(runs.values())), f"Seconds of each benchmark: {took}."]
    return "\n\n".join(parts)


def growth_table(run):
    """Return the table of exponents, and how it was measured."""
    if run is None:
        return "No full run of `python -m benchmarks growth` has been committed yet."
    rows = []
    for line in run["results"]:
        xs = [f"{x:,}" for x in line["x"]]
        rows.append(
            [line["explainer"], line["axis"], f"{xs[0]} to {xs[-1]}", *(exponent(line[what]) for what in MEASURED)]
        )
    head = ("explainer", "against", "range", "exponent of time", "exponent of memory")
    return "\n\n".join([GROWN, markdown(rows, head), made_with([run])])


MEASURED = ("time", "memory")


def exponent(fit):
    """Return an exponent with its interval, and the last value."""
    value = "" if fit["exponent"] is None else f"{fit['exponent']:.2f} ({fit['low']:.2f} to {fit['high']:.2f}), "
    return f"{value}{amount(fit['last'], fit['unit'])} at the end"


def show(results):
    """Print results as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEAD)
    for r in results:
        table.add_row(*(cell.strip("*").replace("[", "\\[") for cell in cells(r)))
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def between(text, mark, inside):
    """Return a page with what is between ``<!-- mark -->`` and ``<!-- /mark -->`` replaced; it must have the marks."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"The page must have <!-- {mark} --> and <!-- /{mark} --> on lines of their own once.")
    return pattern.sub(lambda found: f"{found[1]}{inside}\n{found[2]}", text)


def pages(root=ROOT, folder=FOLDER):
    """Return {path: text} of the pages as the results of a folder make them."""
    runs = load(folder)
    growth = runs.pop(GROWTH, None)
    found = {}
    for path, is_short in PAGES.items():
        text = between((root / path).read_text(), "benchmarks", short_table(runs) if is_short else long_table(runs))
        found[path] = text if is_short else between(text, "growth", growth_table(growth))
    return found


def write_pages(root=ROOT, folder=FOLDER):
    """Write the tables into the pages."""
    for path, text in pages(root, folder).items():
        (root / path).write_text(text)
