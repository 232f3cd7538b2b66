"""Rows a little beside those given: noise on numbers, never on categories."""

from __future__ import annotations

import numpy as np

from sklearn_xai.models import is_mapping
from sklearn_xai.tables import is_frame


class RowNoise:
    """Moves the numbers of rows by a share of their spread.

    A number moves by `noise` standard deviations of its column times a standard normal draw, and stays within the range
    of its column. Booleans, texts, categories, dates and missing values stay as they are, and so do whole numbers
    where `X` is a dict of arrays (codes that a network looks up); other columns of whole numbers are rounded. The
    entries of rows that are no table (images) share one standard deviation.

    Parameters
    ----------
    X : DataFrame, array of shape (n_rows, ...), or dict of arrays
        What the standard deviations and ranges are taken from.
    noise : float
        In standard deviations.
    caller : str
        Of the error message.
    """

    def __init__(self, X, noise, caller):
        self.noise = float(noise)
        self._parts = {name: _columns(part, codes=True) for name, part in X.items()} if is_mapping(X) else _columns(X)
        parts = self._parts.values() if is_mapping(X) else [self._parts]
        if not any(spread is not None for part in parts for spread in part):
            raise ValueError(
                f"The 'sources' parameter of {caller} names 'noise', which moves numbers: X must have a column of "
                f"them. Got {type(X).__name__} without any."
            )

    def move(self, X, rng):
        """Give rows like `X` with noise drawn from `rng`; `X` stays as it is."""
        if is_mapping(X):
            return {name: self._moved(part, self._parts[name], rng) for name, part in X.items()}
        return self._moved(X, self._parts, rng)

    def _moved(self, X, spreads, rng):
        if is_frame(X):
            moved = X.copy()
            for place, spread in enumerate(spreads):
                if spread is not None:
                    moved.isetitem(place, self._moved_column(X.iloc[:, place], spread, rng))
            return moved
        moved = np.array(X)
        if len(spreads) == 1 and moved.ndim != 2:
            return moved if spreads[0] is None else self._moved_values(moved, spreads[0], rng).astype(moved.dtype)
        for place, spread in enumerate(spreads):
            if spread is not None:
                values = self._moved_values(moved[:, place].astype(np.float64), spread, rng)
                moved[:, place] = values.astype(int) if moved.dtype == object and spread.whole else values
        return moved

    def _moved_column(self, column, spread, rng):
        values = self._moved_values(column.to_numpy(dtype=np.float64, na_value=np.nan), spread, rng)
        return type(column)(values, index=column.index, name=column.name).astype(column.dtype)

    def _moved_values(self, values, spread, rng):
        draws = rng.standard_normal(values.shape)
        moved = values + self.noise * spread.deviation * draws
        # A row outside the range seen in X is not pulled into it.
        moved = np.clip(moved, np.minimum(spread.low, values), np.maximum(spread.high, values))
        return np.rint(moved) if spread.whole else moved


class _Spread:
    """Standard deviation and range of a column, and whether it holds whole numbers."""

    def __init__(self, values, whole=None):
        known = values[np.isfinite(values)].astype(np.float64)
        self.deviation = float(known.std()) if known.size else 0.0
        self.low, self.high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        self.whole = bool((known == np.rint(known)).all()) if whole is None else whole


def _columns(X, codes=False):
    """Give the spread of each column, None of one that holds no numbers; one spread for rows that are no table."""
    if is_frame(X):
        from pandas.api.types import is_bool_dtype, is_numeric_dtype

        numeric = [is_numeric_dtype(dtype) and not is_bool_dtype(dtype) for dtype in X.dtypes]
        columns = [X.iloc[:, j] for j in range(X.shape[1])]
        return [
            _Spread(column.to_numpy(dtype=np.float64, na_value=np.nan)) if moves else None
            for column, moves in zip(columns, numeric, strict=True)
        ]
    X = np.asarray(X)
    if X.dtype.kind not in ("f" if codes else "fiuO") or (X.ndim < 2 and not codes):
        return [None]
    if X.ndim != 2:
        return [None if X.dtype == object else _Spread(X)]
    if X.dtype == object:
        return [_Spread(column.astype(np.float64)) if _all_numbers(column) else None for column in X.T]
    return [_Spread(column) for column in X.T]


def _all_numbers(column):
    numbers = (int, float, np.integer, np.floating)
    return all(isinstance(value, numbers) and not isinstance(value, bool) for value in column)
