"""Checks of single parameters of functions, whose errors all have one form; estimators have their constraints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from numbers import Integral
from typing import Any


def check_choice(value: Any, options: Sequence[str], parameter: str, caller: str) -> None:
    """Raise ValueError unless `value` is one of `options`."""
    if value not in options:
        allowed = ", ".join(repr(option) for option in options)
        raise ValueError(f"The '{parameter}' parameter of {caller} must be one of {allowed}. Got {value!r}.")


def is_whole(value: Any, least: int = 0) -> bool:
    """Say whether `value` is a whole number of at least `least`; a truth value is none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def check_whole(value: Any, parameter: str, caller: str, *, least: int = 1, none: str | None = None) -> int:
    """Return a whole number, or raise ValueError unless it is one of at least `least`.

    Examples
    --------
    >>> from sklearn_xai._checks import check_whole
    >>> check_whole(3, "n_top", "top_rows")
    3
    >>> check_whole(0, "max_rows", "project", none="None for all")
    Traceback (most recent call last):
    ...
    ValueError: The 'max_rows' parameter of project must be a whole number from 1, or None for all. Got 0.
    """
    if not is_whole(value, least):
        otherwise = f", or {none}" if none else ""
        raise ValueError(
            f"The '{parameter}' parameter of {caller} must be a whole number from {least}{otherwise}. Got {value!r}."
        )
    return int(value)


def meant(name: object, names: Iterable[str]) -> str:
    """Return the question whether one of the names was meant, after a blank; nothing if none is like what came."""
    near = get_close_matches(name, list(names), n=1) if isinstance(name, str) else []
    return f" Did you mean {near[0]!r}?" if near else ""
