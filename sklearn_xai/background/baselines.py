"""Baselines of paths, and the typical row of a table."""

from __future__ import annotations

import numpy as np

from sklearn_xai._typing import Baseline, Table
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.tables import assemble

BASELINES = ("zero", "mean", "median", "min", "max", "pad", "sample")
"""Names of baselines that `resolve_baseline` knows."""


def resolve_baseline(baseline: Baseline, inputs: np.ndarray, caller: str) -> np.ndarray:
    """Return the baseline rows of a path, shape (n_baselines, ...), in the space of the model's inputs.

    Parameters
    ----------
    baseline : {"zero", "mean", "median", "min", "max", "sample"} or array-like
        An array is one baseline of the shape of a row, or several, stacked.
    inputs : ndarray of shape (n_background, ...)
        Background rows as the model takes them: a one-hot block's mean is the frequency of the categories.
    caller : str
        Class name for the message.
    """
    shape = inputs.shape[1:]
    if isinstance(baseline, str):
        if baseline == "pad":
            raise ValueError(
                f"The 'baseline' parameter of {caller} is 'pad', which is for gradients at the embedding of tokens. "
                f"Use one of {', '.join(repr(known) for known in BASELINES if known != 'pad')}, or an array."
            )
        if baseline == "zero":
            return np.zeros((1, *shape), dtype=inputs.dtype)
        if baseline == "sample":
            return inputs
        return getattr(np, baseline)(inputs, axis=0, keepdims=True).astype(inputs.dtype)
    rows = np.asarray(baseline)
    if rows.dtype.kind not in "fiub":
        raise ValueError(f"The 'baseline' parameter of {caller} must hold numbers. Got an array of {rows.dtype}.")
    rows = rows[np.newaxis] if rows.ndim == len(shape) else rows
    if rows.shape[1:] != shape or not len(rows):
        raise ValueError(
            f"The 'baseline' parameter of {caller} must be one of {', '.join(map(repr, BASELINES))} or an array of "
            f"shape {shape} or {('n_baselines', *shape)}, in the space of the model's inputs (after the preprocessing "
            f"of a Pipeline). Got shape {np.shape(baseline)}."
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"The 'baseline' parameter of {caller} must be finite. Got NaN or infinity.")
    return rows.astype(inputs.dtype)


def typical_row(X: Table) -> Table:
    """Return one row of observed values that stand for their columns, with the types of X.

    A number or date is the lower median of those that are not missing, anything else the most frequent value; of a
    column without any, it is missing. Rows that are no table are treated cell by cell.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_rows, n_columns), or array (n_rows, ...)

    Returns
    -------
    DataFrame or ndarray of one row
    """
    if X.ndim > 2:
        return typical_row(X.reshape(len(X), -1)).reshape(1, *X.shape[1:])
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        return assemble(X, _lower_medians(X)[None])
    encoder = TableEncoder(one_hot=False).fit(X)
    codes, category = encoder.transform(X), encoder.is_category
    rows = _lower_medians(codes)
    rows[category] = [_most_frequent(column) for column in codes[:, category].T]
    return assemble(X, rows[None])


def _lower_medians(values):
    """Return the place of each column's lower median; that of 0 and 1 is the more frequent."""
    seen = (~np.isnan(values)).sum(axis=0)
    return np.argsort(values, axis=0, kind="stable")[np.maximum(0, seen - 1) // 2, np.arange(values.shape[1])]


def _most_frequent(codes):
    seen = codes[~np.isnan(codes)].astype(int)
    return int(np.argmax(codes == np.bincount(seen).argmax())) if len(seen) else 0
