"""Cells of tables as the page shows them: their text, what they are sorted by, and where their bars begin and end."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from sklearn_xai.report._content import Column, Table

MINUS = "\N{MINUS SIGN}"


def number_text(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """Return a number for people to read: so many significant digits, thousands apart, a true minus sign."""
    number = float(value)
    if math.isnan(number):
        return "\N{EN DASH}"
    size = abs(number)
    if math.isinf(size):
        text = "\N{INFINITY}"
    elif isinstance(value, Integral):
        text = f"{abs(int(value)):,}"
    elif size == 0.0:
        text = "0"
    elif 1e-4 <= size < 1e9:
        # The exponent after rounding: 0.9996 with three digits is 1.00, not 1.000.
        exponent = int(f"{size:.{digits - 1}e}".split("e")[1])
        text = f"{size:,.{max(0, digits - 1 - exponent)}f}"
    else:
        mantissa, power = f"{size:.{digits - 1}e}".split("e")
        text = f"{mantissa}e{int(power)}".replace("-", MINUS)
    sign = MINUS if number < 0 else "+" if signed and number > 0 else ""
    return sign + text


def table_view(table: Table) -> dict[str, Any]:
    """Return what the template needs of a table."""
    by_column = [_cells(column, [row[j] for row in table.rows]) for j, column in enumerate(table.columns)]
    # Drawings of a column have one scale, so that they must begin at one place, whatever the length of the texts.
    widest = [{part: _widest(cells, part) for part in ("text", "range")} for cells in by_column]
    return {
        "caption": table.caption,
        "columns": table.columns,
        "widest": widest,
        "rows": [[cells[i] for cells in by_column] for i in range(len(table.rows))],
        "marked": table.marked,
        "helped": any(column.help for column in table.columns),
    }


def _widest(cells: list[dict[str, Any]], part: str) -> str:
    return max((cell.get(part) or "" for cell in cells), key=len, default="")


def is_number(value: Any) -> bool:
    """Whether a cell holds a finite number or an infinite one."""
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)


def _cells(column: Column, values: list[Any]) -> list[dict[str, Any]]:
    if column.kind == "bar":
        return _bars(column, values)
    if column.kind == "interval":
        return _intervals(column, values)
    return [_cell(column, value) for value in values]


def _cell(column: Column, value: Any) -> dict[str, Any]:
    """Return a cell without a drawing; `key` is what it is sorted by, None for a missing one."""
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return {"text": None, "key": None}
    if is_number(value):
        return {"text": number_text(value, column.digits), "key": repr(float(value)).replace("inf", "Infinity")}
    return {"text": str(value), "key": str(value)}


def _bars(column: Column, values: list[Any]) -> list[dict[str, Any]]:
    """Return cells with bars, all of one scale: from the left, or to both sides of the middle if some are negative."""
    sizes = [abs(float(v)) for v in values if is_number(v) and math.isfinite(v)]
    most = max(sizes, default=0.0) or 1.0
    signed = any(is_number(v) and v < 0 for v in values)
    cells = []
    for value in values:
        cell = _cell(column, value)
        if is_number(value):
            share = min(abs(float(value)) / most, 1.0) * (50.0 if signed else 100.0)
            start = 50.0 - share if value < 0 else 50.0 if signed else 0.0
            cell |= {"start": round(start, 2), "width": round(share, 2), "negative": bool(value < 0), "signed": signed}
        cells.append(cell)
    return cells


def _intervals(column: Column, values: list[Any]) -> list[dict[str, Any]]:
    """Return cells "value [low, high]" with a dot and whiskers, all of one scale."""
    known = [v for v in values if isinstance(v, (tuple, list))]
    ends = [float(end) for triple in known for end in triple if is_number(end) and math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(4.0 + 92.0 * (min(max(float(value), low), high) - low) / span, 2)

    cells = []
    for value in values:
        if not isinstance(value, (tuple, list)):
            cells.append(_cell(column, value))
            continue
        middle, ends_of = value[0], value[1:]
        cell = _cell(column, middle)
        if all(is_number(end) for end in ends_of) and cell["key"] is not None:
            cell["range"] = ", ".join(number_text(end, column.digits) for end in ends_of)
            cell |= {"dot": place(middle), "low": place(ends_of[0]), "high": place(ends_of[1])}
            cell["zero"] = place(0.0) if low < 0.0 < high else None
        cells.append(cell)
    return cells
