"""Comparisons side by side: contenders take turns in one process, and the ratio is the median over their rounds.

The form of a benchmark
-----------------------
A file ``bench_NAME.py`` says in the first line of its docstring what is compared, and has a function ``run()`` that
yields a Result for each line of the table::

    from benchmarks.common import size, take_turns, timed

    def run():
        rows = X[: size(5_000, 500)]  # what the full run takes, and what --quick takes
        seconds = take_turns({"ours": lambda: ours.transform(rows), "peer": lambda: theirs(rows)})
        yield timed("saliency, census", "the peer", 1.5, seconds["ours"], seconds["peer"], headline=True)

`take_turns` returns the seconds of each round; `timed` makes the ratio of them: how many times faster, which should be
at least the target, or with ``at_most=True`` how many times as long, which should be at most the target. Where a peer
has settings (batch sizes), `against_best` picks the best of them in a first pass. What is counted and not timed is a
plain ``Result(work, against, ratio, target)``, with ``ours``, ``theirs`` and ``unit`` where it is a ratio of two
quantities. ``headline=True`` shows the line in the table of the README too: one a benchmark.

`size` follows the mode, which is set before a benchmark is imported, so that sizes may be constants of the module. A
process that a benchmark starts does not know the mode: it must be given its sizes.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch

THREADS = 2
MOST_ROUNDS = 1_000
_mode = {"quick": False}


@dataclass
class Result:
    """One line of the table.

    Parameters
    ----------
    work, against : str
        What is done, and by whom else.
    ratio, target : float
        What came out, and what it should be.
    at_most : bool
        Whether the ratio must stay below the target instead of above.
    note : str
    low, high : float or None
        Quartiles of the ratios of the rounds; None where there was one measurement.
    ours, theirs : float or None
        The two quantities of the ratio, of times the medians over the rounds.
    unit : str
        Of the two quantities; "" where the ratio is a number of its own and not a ratio.
    n_rows, n_theirs : int or None
        Rows that each has explained in its time, where that differs or is worth a rate.
    repeats : int
        Rounds.
    headline : bool
        Whether the README shows it.
    """

    work: str
    against: str
    ratio: float
    target: float
    at_most: bool = False
    note: str = ""
    low: float | None = None
    high: float | None = None
    ours: float | None = None
    theirs: float | None = None
    unit: str = "s"
    n_rows: int | None = None
    n_theirs: int | None = None
    repeats: int = 1
    headline: bool = False

    @property
    def reached(self):
        return bool(self.ratio <= self.target if self.at_most else self.ratio >= self.target)


def set_quick(quick):
    """Make all benchmarks of this process quick ones, or full ones."""
    _mode["quick"] = bool(quick)


def is_quick():
    return _mode["quick"]


def size(full, quick):
    """Return what the full run takes, or what ``--quick`` takes."""
    return quick if is_quick() else full


def take_turns(calls, rounds=5, seconds=4.0, warm=True):
    """Return {name: seconds in each round, an array} of calls that take turns.

    Every second round goes in the opposite order, so that none always comes after the same one. A machine that slows
    down midway slows both sides of a round, and the ratio of the round stays.

    Parameters
    ----------
    calls : dict of callables
    rounds : int
        At least so many.
    seconds : float
        More rounds are made until so much time is over; in a quick run two rounds, or a tenth of the time.
    warm : bool
        Whether each is called once before.
    """
    torch.set_num_threads(THREADS)
    rounds, seconds = (min(rounds, 2), seconds / 10) if is_quick() else (rounds, seconds)
    names, taken = list(calls), {name: [] for name in calls}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names if warm else ():
            calls[name]()
        until = time.perf_counter() + seconds
        for done in range(MOST_ROUNDS):
            if done >= rounds and time.perf_counter() > until:
                break
            for name in names if done % 2 == 0 else names[::-1]:
                start = time.perf_counter()
                calls[name]()
                taken[name].append(time.perf_counter() - start)
    return {name: np.array(found) for name, found in taken.items()}


def fastest(calls, rounds=2):
    """Return the name of the fastest of a peer's settings, the first pass of a comparison."""
    if len(calls) == 1:
        return next(iter(calls))
    found = take_turns(calls, rounds, seconds=0.0)
    return min(calls, key=lambda name: found[name].min())


def timed(work, against, target, ours, theirs, *, at_most=False, note="", n_rows=None, n_theirs=None, headline=False):
    """Return the Result of two arrays of seconds, one number a round.

    Parameters
    ----------
    work, against, target, at_most, note, headline
        As in Result.
    ours, theirs : ndarray of shape (n_rounds,)
    n_rows, n_theirs : int or None
        Rows explained in one call, for the rates; theirs are as many if not given.
    """
    share = 1.0 if n_theirs is None else n_theirs / n_rows
    times_faster = theirs / ours / share
    low, ratio, high = np.quantile(1 / times_faster if at_most else times_faster, [0.25, 0.5, 0.75])
    return Result(
        work, against, float(ratio), target, at_most, note, float(low), float(high), float(np.median(ours)),
        float(np.median(theirs)), "s", n_rows, n_theirs, len(ours), headline,
    )  # fmt: skip


def in_batches(attribute, rows, sizes):
    """Return {size: call} of a function of a tensor of rows, given so many of them at once."""

    def call(size):
        return lambda: torch.cat([attribute(part).detach() for part in rows.split(size)])

    return {size: call(size) for size in sizes}


def against_best(work, against, target, ours, theirs, *, note="", rounds=5, seconds=4.0, **options):
    """Compare a call with the best of a peer's settings, which a first pass finds.

    Parameters
    ----------
    work, against, target, note
        As in Result; the setting is put behind the note.
    ours : callable
    theirs : dict of callables
        By setting.
    rounds, seconds
        As in `take_turns`.
    **options
        ``at_most``, ``n_rows``, ``n_theirs`` and ``headline`` of `timed`.
    """
    best = fastest(theirs)
    found = take_turns({"ours": ours, "theirs": theirs[best]}, rounds, seconds)
    note = "; ".join(filter(None, [note, f"best of {len(theirs)} settings: {best}" if len(theirs) > 1 else ""]))
    return timed(work, against, target, found["ours"], found["theirs"], note=note, **options)
