"""``python -m benchmarks [name ...]`` runs all comparisons, or those that are named; growth and table are names too."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from benchmarks import _growth, _plots, _results, _tables
from benchmarks.common import THREADS, set_quick

TABLE = "table"


def known():
    """Return the names of the comparisons, those of the files here."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def parse(arguments):
    parser = argparse.ArgumentParser("python -m benchmarks", description="Run comparisons with peers, side by side.")
    parser.add_argument(
        "names", nargs="*", metavar="name",
        help=f"comparisons: {', '.join(known())}; growth: time and memory against rows, features, steps and "
        "coalitions; table: remake the tables and pictures from the results. All comparisons, if none is named",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds; no figures to keep, none are")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where results go instead (also those of --quick)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in (*known(), _results.GROWTH, TABLE)]
    if unknown:
        parser.exit(
            2, f"No benchmark is called {', '.join(unknown)}. There are: {', '.join(known())}, growth and table.\n"
        )
    return options


class Progress:
    """A bar on stderr that is drawn between results only: nothing runs beside what is measured. Lines in pipes."""

    def __init__(self, total):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self.console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bar = Bar(
            *columns, console=self.console, auto_refresh=False, transient=True, disable=not self.console.is_terminal
        )
        self.task = self.bar.add_task("", total=total)

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *error):
        self.bar.stop()

    def at(self, name, advance=0):
        self.bar.update(self.task, description=name, advance=advance, refresh=True)

    def say(self, line):
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def run_one(name, progress):
    """Return (first line of the docstring, results) of a comparison."""
    torch.set_num_threads(THREADS)
    module = importlib.import_module(f"benchmarks.bench_{name}")
    results = []
    for result in module.run():
        sign = "reached" if result.reached else "NOT REACHED"
        line = f"{result.work} / {result.against}: {_tables.ratio(result)}, {_tables.target(result)}, {sign}"
        progress.say(f"{line}; {result.note}" if result.note else line)
        progress.at(name)
        results.append(result)
    return module.__doc__.partition("\n")[0], results


def run_growth(progress):
    """Return (what it is, lines) of the growth of time and memory."""
    found = []
    for case, (seconds, mebibytes) in _growth.run():
        progress.say(f"{case.explainer}, {case.x:,} {case.axis}: {seconds:.4f} s, {mebibytes:.0f} MiB")
        progress.at(_results.GROWTH)
        found.append((case, (seconds, mebibytes)))
    return _growth.__doc__.partition("\n")[0], list(_growth.measured(found))


def run(names, folder):
    """Run what is named, one after the other; return (results, names of those that failed)."""
    shown, failed = [], []
    with Progress(len(names)) as progress, threadpool_limits(THREADS):
        for name in names:
            progress.at(name)
            start = time.perf_counter()
            try:
                growth = name == _results.GROWTH
                about, results = run_growth(progress) if growth else run_one(name, progress)
            except Exception as error:
                failed.append(name)
                progress.say(traceback.format_exc())
                progress.say(f"{name} FAILED: {type(error).__name__}: {error}")
            else:
                seconds = time.perf_counter() - start
                progress.say(f"{name}: {seconds:.0f} seconds")
                shown += [] if growth else results
                if folder is not None:
                    _results.save(folder, name, about, results, seconds)
            progress.at(name, advance=1)
    return shown, failed


def main(arguments=None):
    """Run the command line and return its exit code: 1 where a benchmark failed."""
    options = parse(arguments)
    set_quick(options.quick)
    folder = options.out or (None if options.quick else _results.FOLDER)
    names = [name for name in options.names if name != TABLE]
    if not options.names:
        names = known()
    shown, failed = run(names, folder)
    if shown:
        _tables.show(shown)
        if options.quick:
            print("Quick: fewer rows and rounds, no figures to keep.")
    if folder is not None and not options.quick:
        _plots.write_plots(folder)
        if folder == _results.FOLDER:
            _tables.write_pages()
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
