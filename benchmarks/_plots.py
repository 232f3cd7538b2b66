"""The results as pictures: ratios beside their targets, and what time and memory grow with."""

from __future__ import annotations

from pathlib import Path

from benchmarks._results import GROWTH, as_results, load
from benchmarks._tables import MEASURED, figure

REACHED, MISSED, GREY = "#1b6ca8", "#b3261e", "#5f6368"
LEAST = 0.1  # smaller ratios are arrows at the edge
STYLES = {
    "SaliencyExplainer": ("#1b6ca8", "o"),
    "IntegratedGradientsExplainer": ("#c05a00", "s"),
    "LocalSurrogateExplainer": ("#2e7d32", "^"),
    "ShapleyExplainer": ("#7b3294", "D"),
}


def write_plots(folder):
    """Draw what a folder holds full runs of; return the paths of the pictures."""
    runs = load(folder)
    growth = runs.pop(GROWTH, None)
    written = []
    if runs:
        written.append(draw_ratios(runs, Path(folder) / "ratios.png"))
    if growth:
        written.append(draw_growth(growth, Path(folder) / "growth.png"))
    return written


def _figure(width, height):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(fig, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=130, metadata={"Software": None})  # the same figures give the same file
    return path


# ---------------------------------------------------------------------- ratios
def draw_ratios(runs, path):
    """Draw each ratio with its quartiles and its target, those to be large above those to be small."""
    results = [r for run in runs.values() for r in as_results(run) if r.unit]
    parts = [
        (title, part)
        for title, at_most in (("times faster, or closer: at least the target", False),
                               ("share of the time, memory or error: at most the target", True))
        if (part := [r for r in results if r.at_most == at_most])
    ]  # fmt: skip
    fig = _figure(11, 1.6 + 0.27 * len(results) + 0.5 * len(parts))
    axes = fig.subplots(len(parts), 1, squeeze=False, height_ratios=[len(part) + 1 for _, part in parts])[:, 0]
    for ax, (title, part) in zip(axes, parts, strict=True):
        _draw_part(ax, title, part)
    handles, labels = _legend()
    fig.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return _save(fig, path)


def _draw_part(ax, title, results):
    from matplotlib.ticker import FuncFormatter

    least = max(min(min(r.ratio, r.low or r.ratio, r.target) for r in results), LEAST)
    ax.set_xscale("log")
    for y, r in enumerate(results):
        color = REACHED if r.reached else MISSED
        if r.ratio < least:
            ax.plot(least, y, "<", color=color, markersize=6, zorder=3)
        if r.low is not None:
            ends = [max(r.low, least), max(r.high, least)]
            ax.plot(ends, [y, y], color=color, linewidth=4, alpha=0.35, solid_capstyle="butt", zorder=2)
        if r.ratio >= least:
            ax.plot(r.ratio, y, "o" if r.reached else "X", color=color, markersize=6 if r.reached else 8, zorder=3)
        ax.plot([r.target, r.target], [y - 0.4, y + 0.4], color="black", linewidth=1.6, zorder=4)
        words = figure(r.ratio) + ("" if r.reached else "  not reached")
        ax.annotate(
            words, (1, y), xycoords=ax.get_yaxis_transform(), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=7.5, color=color,
        )  # fmt: skip
    ax.set_yticks(range(len(results)), [f"{r.work} / {r.against}" for r in results], fontsize=7.5)
    ax.set_ylim(len(results) - 0.4, -0.6)
    ax.axvline(1, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    wide = ax.get_xlim()[1] / ax.get_xlim()[0] > 20
    ax.xaxis.set_minor_formatter(FuncFormatter(lambda x, _: "" if wide else f"{x:g}"))
    ax.tick_params(axis="x", which="both", labelsize=7.5)
    ax.grid(axis="x", color="#e3e3e3", zorder=0)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title, loc="left", fontsize=9.5)


def _legend():
    from matplotlib.lines import Line2D

    shown = {
        "target reached": Line2D([], [], color=REACHED, marker="o", linestyle=""),
        "not reached": Line2D([], [], color=MISSED, marker="X", markersize=8, linestyle=""),
        "quartiles of the rounds": Line2D([], [], color=REACHED, linewidth=4, alpha=0.35),
        "target": Line2D([], [], color="black", marker="|", markersize=11, markeredgewidth=1.6, linestyle=""),
    }
    return list(shown.values()), list(shown)


# ---------------------------------------------------------------------- growth
def draw_growth(run, path):
    """Draw time and memory against what they grow with, a column of panels each; the fitted lines are broad."""
    axes_shown = list(dict.fromkeys(line["axis"] for line in run["results"]))
    fig = _figure(3.1 * len(axes_shown), 6.2)
    panels = fig.subplots(2, len(axes_shown), squeeze=False, sharex="col")
    for column, axis in zip(panels.T, axes_shown, strict=True):
        for ax, what in zip(column, MEASURED, strict=True):
            for line in run["results"]:
                if line["axis"] == axis:
                    _draw_line(ax, line, what)
            ax.set_xscale("log", base=2)
            _scale_up(ax)
            ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}" if x < 10_000 else f"{x / 1000:,.0f}k")
            ax.grid(color="#e3e3e3")
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelsize=8)
            ax.legend(loc="upper left", fontsize=7.5, frameon=False, handlelength=1.2, borderaxespad=0)
        column[0].set_title(f"against {axis}", fontsize=10)
        column[1].set_xlabel(axis, fontsize=9)
    panels[0, 0].set_ylabel("seconds of transform", fontsize=9)
    panels[1, 0].set_ylabel("MiB that transform takes for itself", fontsize=9)
    return _save(fig, path)


def _scale_up(ax):
    """Make the axis upwards logarithmic, with room for the legend above the lines."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    # Half of the lines are fits, which have no words of their own.
    high *= (high / low) ** (0.05 + 0.06 * len(ax.lines))
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 1_000 else (1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _draw_line(ax, line, what):
    color, marker = STYLES.get(line["explainer"], (GREY, "v"))
    fit = line[what]
    name = line["explainer"].removesuffix("Explainer")
    label = f"{name}, exponent {fit['exponent']:.2f}"
    ax.plot(line["x"], fit["values"], marker=marker, markersize=4, color=color, linewidth=1.2, label=label)
    upper = line["x"][-fit["points"] :]
    ends = [fit["factor"] * x ** fit["exponent"] for x in (upper[0], upper[-1])]
    ax.plot([upper[0], upper[-1]], ends, color=color, linewidth=3, alpha=0.25, zorder=0)
