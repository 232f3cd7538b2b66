"""Results with several parts, shown as a list of what is in them rather than as all their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils import Bunch

_LISTED = 5  # entries that are named, of more the number is told
_WIDEST = 100


class Findings(Bunch):
    """What is in a result: a Bunch that prints a line for each of its parts.

    Parameters
    ----------
    **parts : dict

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.base.findings import Findings
    >>> Findings(overall=0.81234567, layer="act", per_row=np.linspace(0, 1, 100), names=["a", "b"])
    overall  0.8123
    layer    'act'
    per_row  array (100,), mean 0.5, from 0 to 1
    names    ['a', 'b']
    """

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:{width}}  {told(part)}" for name, part in self.items()) or "nothing"

    def _repr_html_(self) -> str:
        rows = (f"<tr><th>{escape(name)}</th><td>{escape(told(part))}</td></tr>" for name, part in self.items())
        return f"<table>{''.join(rows)}</table>"


def told(value: Any) -> str:
    """Say in one line what a value is.

    Parameters
    ----------
    value : object

    Returns
    -------
    str

    Examples
    --------
    >>> from sklearn_xai.base.findings import told
    >>> told({"between": 1.0, "within": 2.0})
    'between: 1, within: 2'
    """
    if isinstance(value, np.ndarray) and value.ndim:
        text = _array(value)
    elif isinstance(value, bool | np.bool_) or value is None:
        text = str(value)
    elif isinstance(value, Number) or (isinstance(value, np.ndarray) and value.dtype.kind in "fiu"):
        text = f"{value:.4g}"
    elif hasattr(value, "columns") and hasattr(value, "shape"):
        text = f"table of {value.shape[0]:,} rows: {listed(value.columns)}"
    elif isinstance(value, dict):
        text = listed(f"{name}: {_within(part)}" for name, part in value.items())
    elif isinstance(value, list | tuple) and len(repr(value)) > _WIDEST:
        text = f"{type(value).__name__} of {len(value):,}"
    else:
        text = repr(value)
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _within(value):
    """Say what a value in a dict is: of a table or an array the shape, of a dict what is in it, held together."""
    if isinstance(value, dict):
        return f"({told(value)})"
    return told(value).split(", mean ")[0]


def _array(value):
    shape = f"array {value.shape}"
    if value.dtype.kind not in "fiub" or not value.size:
        return f"{shape}: {listed(value.flat)}" if value.size else shape
    if value.ndim == 1 and len(value) <= _LISTED:
        return f"{shape}: {', '.join(map(told, value.tolist()))}"
    if value.dtype.kind == "b":
        return f"{shape}, {int(value.sum()):,} of {value.size:,} true"
    known = value[np.isfinite(value)]
    if not len(known):
        return f"{shape}, nothing finite"
    spread = f"{shape}, mean {known.mean(dtype=np.float64):.4g}, from {known.min():.4g} to {known.max():.4g}"
    return spread if len(known) == value.size else f"{spread}, {value.size - len(known):,} not finite"


def listed(things: Iterable[Any]) -> str:
    """Name the first few of some things, and say how many more there are.

    Parameters
    ----------
    things : iterable

    Returns
    -------
    str

    Examples
    --------
    >>> from sklearn_xai.base.findings import listed
    >>> listed("abcdefgh")
    'a, b, c, d, e and 3 more'
    """
    names = [str(thing) for thing in things]
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else "")
