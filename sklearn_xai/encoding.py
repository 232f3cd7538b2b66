"""Rows of mixed columns as numbers, fitted once: what a surrogate, a distance or a tree can be fitted to."""

from __future__ import annotations

from typing import Self

import numpy as np

from sklearn_xai._typing import Table
from sklearn_xai.tables import is_frame

_MAX_LEVELS = 100  # most frequent values of a column that are told apart
_NUMBERS = ("boolean", "integer", "floating", "mixed-integer-float")  # what objects may be, beside None
MISSING = "missing"


class TableEncoder:
    """From rows of the user's table to a matrix of numbers, and the column and value that each number stands for.

    Numbers and booleans stay numbers, dates become days since 1970; every other column is a category. What ``fit`` has
    not seen is no known category; a table is encoded alike whatever rows it holds.

    Parameters
    ----------
    one_hot : bool, default=True
        One 0/1 output for each value of a category (and for "missing"), or one output with the values' numbers (NaN
        for what is missing or unknown).

    Attributes
    ----------
    feeds : ndarray of shape (n_outputs,) of int
        The column of each output.
    levels : list of length n_outputs
        The value that a 0/1 output stands for; None for a number.
    categories : list of length n_columns
        The values of each category, in their order (that of a pandas categorical, else sorted); None for a number.
    """

    def __init__(self, one_hot: bool = True) -> None:
        self.one_hot = one_hot

    def fit(self, X: Table) -> Self:
        """Learn the kinds and values of the columns of X."""
        frame = _as_frame(X)
        self.names = [str(name) for name in X.columns] if is_frame(X) else [f"x{j}" for j in range(X.shape[1])]
        self.categories = [_values(frame.iloc[:, j]) for j in range(frame.shape[1])]
        self._missing = [bool(frame.iloc[:, j].isna().any()) for j in range(frame.shape[1])]
        feeds, levels = [], []
        for j, values in enumerate(self.categories):
            own = [None] if values is None or not self.one_hot else [*values, *([MISSING] * self._missing[j])]
            feeds += [j] * len(own)
            levels += own
        self.feeds, self.levels = np.array(feeds, dtype=int), levels
        return self

    def transform(self, X: Table) -> np.ndarray:
        """Return a table as numbers, shape (n_rows, n_outputs), float64."""
        frame = _as_frame(X)
        parts = [self._encode(frame.iloc[:, j], j) for j in range(frame.shape[1])]
        return np.concatenate(parts, axis=1) if parts else np.empty((len(frame), 0))

    def codes(self, X: Table) -> np.ndarray:
        """Return one number for each cell: numbers as they are, the places of categories' values, -1 for unknown ones.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64; NaN for what is missing
        """
        frame = _as_frame(X)
        found = np.empty(frame.shape)
        for j, values in enumerate(self.categories):
            column = frame.iloc[:, j]
            found[:, j] = _as_numbers(column) if values is None else _places(column, values)
        return found

    def _encode(self, column, j):
        values = self.categories[j]
        if values is None:
            return _as_numbers(column)[:, None]
        codes = _places(column, values)[:, None]
        if not self.one_hot:
            return np.where(codes < 0, np.nan, codes)
        found = (codes == np.arange(len(values))).astype(np.float64)
        return np.column_stack([found, np.isnan(codes)]) if self._missing[j] else found

    @property
    def output_names(self) -> list[str]:
        """The name of each output: that of its column, with the value where it stands for one."""
        return [
            self.names[j] if level is None else f"{self.names[j]} = {level}"
            for j, level in zip(self.feeds, self.levels, strict=True)
        ]

    @property
    def is_category(self) -> np.ndarray:
        """Whether each column is a category, bool ndarray of shape (n_columns,)."""
        return np.array([values is not None for values in self.categories], dtype=bool)

    def fold(self, values: np.ndarray) -> np.ndarray:
        """Add up, over the outputs of each column, (n_rows, n_outputs) -> (n_rows, n_columns)."""
        matrix = np.zeros((len(self.feeds), len(self.categories)))
        matrix[np.arange(len(self.feeds)), self.feeds] = 1
        return values @ matrix


def _as_frame(X):
    import pandas as pd

    return X if is_frame(X) else pd.DataFrame(np.asarray(X)).infer_objects()


def _values(column):
    """Return the values of a category in their order, or None for numbers, booleans and dates."""
    import pandas as pd

    dtype = column.dtype
    if pd.api.types.is_numeric_dtype(dtype) or getattr(dtype, "kind", "O") in "mM":
        return None
    if getattr(dtype, "kind", "") == "O" and pd.api.types.infer_dtype(column, skipna=True) in _NUMBERS:
        return None
    counts = column.value_counts(dropna=True)
    counts = counts[counts > 0]
    frequent = set(counts.index[:_MAX_LEVELS])
    order = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else sorted(frequent, key=str)
    return [value for value in order if value in frequent]


def _places(column, values):
    """Return where each cell's value stands among the values: -1 for none of them, NaN for what is missing."""
    import pandas as pd

    missing = column.isna().to_numpy()
    places = pd.Index(values, dtype=object).get_indexer(column.astype(object).where(~missing, None))
    return np.where(missing, np.nan, places)


def _as_numbers(column):
    import pandas as pd

    kind = getattr(column.dtype, "kind", "O")
    if kind in "mM":
        start = pd.Timestamp(0, tz=getattr(column.dtype, "tz", None)) if kind == "M" else pd.Timedelta(0)
        return ((column - start) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
