"""Progress bars for long work, drawn on stderr so that results on stdout stay clean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
        Nothing is shown when falsy.

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
    if not verbose or not _live.acquire(blocking=False):
        yield from iterable
        return
    try:
        yield from _shown(iterable, description, total)
    finally:
        _live.release()


def _shown(iterable: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import track as rich_track

    console = Console(stderr=True)
    yield from rich_track(iterable, description=description, total=total, console=console, transient=True)
