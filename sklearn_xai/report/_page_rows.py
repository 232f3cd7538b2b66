"""Explained rows as the page shows them: the steps of their waterfalls, worked out here so that the page only draws."""

from __future__ import annotations

import json
import math
from typing import Any

from sklearn_xai.report._content import Row, Rows
from sklearn_xai.report._page_tables import number_text

MOST_STEPS = 12
MOST_CHOICES = 20
_UNSAFE_IN_SCRIPT = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def as_json(value: Any) -> Any:
    """Return JSON that may stand in a script element: no text in it can end the element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE_IN_SCRIPT))


def explorer(block: Rows) -> dict[str, Any]:
    """Return what the template and the script need of explained rows, as plain lists, texts and finite numbers."""
    explainers = list(dict.fromkeys(name for row in block.rows for name in row.attributions))
    features = len(block.features)
    labels = bool({row.predicted for row in block.rows} & {row.true for row in block.rows})
    errors = [None if labels else _error(row) for row in block.rows]
    kept = features if features <= MOST_STEPS else MOST_STEPS - 1
    return {
        "columns": block.columns,
        "features": block.features,
        "output_name": block.output_name,
        "explainers": explainers,
        "others": f"{features - kept} other features",
        "rows": [
            {
                "name": row.name,
                "values": row.values,
                "held": held,
                "predicted": row.predicted,
                "true": row.true,
                "wrong": labels and bool(row.true) and row.true != row.predicted,
                "error": error,
                "explained": {name: _explained(row, name, kept) for name in row.attributions},
            }
            for row, held, error in zip(block.rows, block.feature_values, errors, strict=True)
        ],
        "predictions": _choices(row.predicted for row in block.rows),
        "truths": _choices(row.true for row in block.rows),
        "truth_known": any(row.true for row in block.rows),
        "wrong_known": labels,
        "error_known": any(error is not None for error in errors),
        "gap_known": any(row.gaps for row in block.rows),
    }


def _choices(texts: Any) -> list[str]:
    """Return the different texts to choose from; none if there is one, or more than anyone looks through."""
    found = sorted(set(texts))
    return found if 2 <= len(found) <= MOST_CHOICES else []


def _error(row: Row) -> float | None:
    """Return how far a predicted number is from the true one."""
    try:
        return _finite(abs(float(row.predicted) - float(row.true)))
    except ValueError:
        return None


def _explained(row: Row, explainer: str, kept: int) -> dict[str, Any]:
    """Return the bars of one row by one explainer: [feature, contribution in text, start, end], places in percent.

    The attributions of an additive explainer lead from its base value to the output, each bar beginning where the last
    one ended; other attributions have their zero in common. Feature -1 stands for the others.
    """
    values = [float(value) for value in row.attributions[explainer]]
    order = sorted(range(len(values)), key=lambda j: -abs(values[j]) if math.isfinite(values[j]) else math.inf)
    steps = [(j, values[j]) for j in order[:kept]]
    base, output = row.base_values.get(explainer, math.nan), row.outputs.get(explainer, math.nan)
    additive = explainer in row.gaps and math.isfinite(base) and all(map(math.isfinite, values))
    if order[kept:]:
        steps.append((-1, sum(values[j] for j in order[kept:]) if additive else math.nan))
    at, bars = (base if additive else 0.0), []
    for feature, value in steps:
        size = value if math.isfinite(value) else 0.0
        bars.append((feature, number_text(value, signed=True), at, at + size))
        at = at + size if additive else at
    ends = [end for bar in bars for end in bar[2:]]
    ends += [end for end in (base, output) if additive and math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=0.0)

    def place(value: float) -> float | None:
        return round(2.0 + 96.0 * (value - low) / ((high - low) or 1.0), 2) if math.isfinite(value) else None

    return {
        "additive": additive,
        "output": number_text(output),
        "output_number": float(output) if math.isfinite(output) else None,
        "output_at": place(output) if additive else None,
        "base": number_text(base) if additive else "",
        "base_at": place(base) if additive else place(0.0),
        "gap": number_text(row.gaps[explainer]) if explainer in row.gaps else "",
        "gap_number": _finite(row.gaps.get(explainer)),
        "steps": [[feature, text, place(start), place(end)] for feature, text, start, end in bars],
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
