"""Progress bars for long work, drawn on stderr so that results on stdout stay clean."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from multiprocessing import current_process
from threading import Lock
from typing import TypeVar

T = TypeVar("T")

# One bar at a time: rich allows a single live display per console, and a reader follows a single bar best.
_live = Lock()


def track(iterable: Iterable[T], description: str, *, total: int | None = None, verbose: int | bool = 1) -> Iterator[T]:
    """Yield the items of `iterable` and show how far the work has come.

    Parameters
    ----------
    iterable : iterable
        What is worked through.
    description : str
        The words left of the bar.
    total : int or None, default=None
        Number of items. None takes ``len(iterable)`` where there is one; otherwise the bar only pulses.
    verbose : int or bool, default=1
        Nothing is shown when falsy, nor where nobody looks: where stderr is no terminal (and no notebook), and in the
        processes of joblib and dask, whose bars would be drawn over each other.

    Yields
    ------
    item
        The items of `iterable`, unchanged and in order. While another bar is shown, a nested one stays silent.

    Examples
    --------
    >>> from sklearn_xai._progress import track
    >>> sum(track([1, 2, 3], "adding", verbose=0))
    6
    """
    console = _console() if verbose else None
    if console is None or not _live.acquire(blocking=False):
        yield from iterable
        return
    try:
        yield from _shown(iterable, description, total, console)
    finally:
        _live.release()


def _console():
    """Return the console that bars are drawn on, None where nobody looks."""
    if current_process().name != "MainProcess":
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_terminal or console.is_jupyter else None


def _shown(iterable: Iterable[T], description: str, total: int | None, console) -> Iterator[T]:
    from rich.markup import escape
    from rich.progress import Progress

    # What is printed meanwhile goes above the bar; but what goes to a file must not come out on the terminal.
    above = bool(getattr(sys.stdout, "isatty", bool)()) or console.is_jupyter
    with Progress(console=console, transient=True, redirect_stdout=above) as progress:
        yield from progress.track(iterable, total=total, description=escape(description))
