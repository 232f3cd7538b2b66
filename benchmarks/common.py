"""Timing side by side: contenders take turns in one process, and the ratio is that of their best times."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import torch

THREADS = 2


@dataclass
class Result:
    """One line of the report."""

    work: str
    against: str
    measured: float
    wanted: float
    at_most: bool = False  # whether the ratio must stay below instead of above
    note: str = ""

    @property
    def reached(self):
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted


def best_times(contenders, repeats=3):
    """Return {name: best seconds}; the contenders are called in turn, so that a busy moment hits all of them."""
    torch.set_num_threads(THREADS)
    best = dict.fromkeys(contenders, float("inf"))
    for function in contenders.values():
        function()  # warm up
    for _ in range(repeats):
        for name, function in contenders.items():
            start = time.perf_counter()
            function()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def in_batches(attribute, rows, sizes):
    """Return {size: call} of a function of a tensor of rows, given so many of them at once."""

    def call(size):
        return lambda: torch.cat([attribute(part).detach() for part in rows.split(size)])

    return {size: call(size) for size in sizes}


def against_best(work, against, wanted, ours, theirs, n_rows, n_theirs=None, note="", repeats=3):
    """Compare the rows a second of one call with the best of a peer's settings.

    Parameters
    ----------
    work, against, wanted, note
        As in Result; the rows a second come before the note.
    ours : callable
    theirs : dict of callables
        By setting.
    n_rows, n_theirs : int
        Rows that each explains.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = best_times({"ours": ours, **theirs}, repeats)
    best = min(theirs, key=times.get)
    mine, other = n_rows / times["ours"], (n_theirs or n_rows) / times[best]
    note = f"{mine:,.0f} vs {other:,.0f} rows/s ({best}); {note}"
    return Result(work, against, mine / other, wanted, note=note)


def show(results):
    """Print results as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("work", "against", "measured", "at least", "reached", "note")
    for r in results:
        wanted = f"<= {r.wanted:g}" if r.at_most else f"{r.wanted:g}x"
        table.add_row(r.work, r.against, f"{r.measured:.2f}", wanted, "yes" if r.reached else "NO", r.note)
    Console(width=160).print(table)
