"""Rows a little beside those given: which of their entries are numbers, how far these are spread, and moving them."""

from __future__ import annotations

import numpy as np

from sklearn_xai.models import Layout, is_mapping
from sklearn_xai.tables import is_frame


class Numbers:
    """Which entries of rows (columns, pixels) are numbers, how far they are spread, and rows in which they are moved.

    No numbers are truth values, texts, categories, dates, and codes that a network looks up. A column of objects is one
    of numbers if all that is not missing is. Numbers are whole where their type or all values in the background are; in
    rows that go into a network as they are, to which 3.0 is a real number, where the type is. A column that is constant
    in the background has no spread. The entries of images share one spread and range, and are whole if all are.

    Parameters
    ----------
    background : DataFrame, array of shape (n_rows, ...), or dict of arrays
        Where spread and range are taken from.
    rows : DataFrame, array, or dict of arrays, optional
        Rows that are to be moved, if their types may be others: what is a number must be one in both.
    direct : bool, default=False
        Whether the rows go into a network as they are.
    layout : Layout, optional
        How a dict of arrays is one table.
    codes : bool ndarray of shape (n_entries,), optional
        Which entries are looked up, though they look like numbers.

    Attributes
    ----------
    shape : tuple of int
        Shape of a row.
    is_number, whole : bool ndarrays of shape (n_entries,)
    spread : ndarray of shape (n_entries,)
        Standard deviation over the background, what is missing left out; 0 for what is no number.
    low, high : ndarrays of shape (n_entries,)
        Range over the background.
    direct : bool
    """

    def __init__(self, background, *, rows=None, direct=False, layout=None, codes=None):
        if is_mapping(background):
            layout = Layout(background) if layout is None else layout
            background = layout.table(background)
        background = _as_table(background)
        self.direct, self.shape, self._layout = direct, background.shape[1:], layout
        self.is_number, self.whole = _kinds(background)
        if rows is not None and not is_mapping(rows):
            also, whole = _kinds(_as_table(rows))
            self.is_number, self.whole = self.is_number & also, self.whole | whole
        codes = codes if layout is None else layout.whole
        if codes is not None:
            self.is_number &= ~codes
        self._measure(background)

    def _measure(self, background):
        values = np.full((len(background), len(self.is_number)), np.nan)
        values[:, self.is_number] = self.values(background)
        self.spread, self.low, self.high, whole = _statistics(values)
        together = [slice(None)] if background.ndim > 2 else []
        if self._layout is not None:  # arguments that are images
            together = [slice(start, end) for _, start, end, shape, _ in self._layout.blocks if len(shape) > 1]
        for block in together:
            inside = np.zeros(len(self.is_number), dtype=bool)
            inside[block] = self.is_number[block]
            if inside.any():
                found = _statistics(values[:, inside].reshape(-1, 1))
                self.spread[inside], self.low[inside], self.high[inside], whole[inside] = found
        if not self.direct:
            self.whole |= whole
        self.whole &= self.is_number

    def values(self, X):
        """Return the numbers of rows of a table or array, (n_rows, n_numbers); as float64 those of columns."""
        X, places = _as_table(X), np.flatnonzero(self.is_number)
        if _is_numeric(X):
            cells = X.reshape(len(X), -1)
            return cells if len(places) == cells.shape[1] else cells[:, places]
        found = np.empty((len(X), len(places)))
        for k, j in enumerate(places):
            found[:, k] = _floats(column_of(X, j))
        return found

    def rounded(self, steps):
        """Return steps that leave whole numbers whole."""
        return np.where(self.whole, np.rint(steps), steps)

    def moved(self, X, steps, *, within=False, real=False):
        """Return rows with steps added to their numbers; the rows themselves, and all other values, are left alone.

        Parameters
        ----------
        X : DataFrame, array, or dict of arrays
            Rows like the background.
        steps : ndarray of shape (n_copies, n_entries), or (n_rows, n_copies, n_entries)
            What is added in each copy, 0 to what is no number.
        within : bool, default=False
            Whether numbers stay in the range of the background. Those outside are not pulled into it.
        real : bool, default=False
            Whether numbers that are moved come back as float64; else as their own type, within its bounds.

        Returns
        -------
        DataFrame, array, or dict of arrays
            Of n_rows * n_copies rows, the copies of the first row first.
        """
        if is_mapping(X):
            moved = self._layout.unpack(self.moved(self._layout.table(X), steps, within=within, real=True))
            return moved if real else {name: part.astype(np.asarray(X[name]).dtype) for name, part in moved.items()}
        X = _as_table(X)
        if is_frame(X):
            return self._moved_columns(X, steps, within, real)
        if not _is_numeric(X):
            import pandas as pd

            rows = self._moved_columns(pd.DataFrame(X, dtype=object), steps, within, real)
            return rows.to_numpy(dtype=object).astype(X.dtype)
        dtype = np.dtype(np.float64) if real else X.dtype
        if not real and X.dtype.kind == "f":
            steps = steps.astype(X.dtype)
        moved = self._added(X.reshape(len(X), -1), steps, slice(None), within)
        return _bounded(moved, dtype).astype(dtype, copy=False).reshape(-1, *X.shape[1:])

    def _moved_columns(self, X, steps, within, real):
        import pandas as pd

        rows = X.take(np.repeat(np.arange(len(X)), steps.shape[-2]))
        for j in np.flatnonzero(self.is_number & steps.any(axis=tuple(range(steps.ndim - 1)))):
            column = X.iloc[:, j]
            new = self._added(_floats(column), steps[..., j], j, within).reshape(-1)
            if not real and column.dtype == object:
                present = ~np.isnan(new)
                filled = rows.iloc[:, j].to_numpy(copy=True)
                filled[present] = new[present].astype(int) if self.whole[j] and _kind(column)[1] else new[present]
                rows.isetitem(j, filled)
            elif not real:
                own = getattr(column.dtype, "numpy_dtype", column.dtype)  # of a type with missing values
                rows.isetitem(j, pd.Series(_bounded(new, own)).astype(column.dtype).array)
            else:
                rows.isetitem(j, new)
        return rows

    def _added(self, values, steps, entries, within):
        """Return the sums of values, (n,) or (n, n_entries), and the steps of each copy: (n, n_copies, ...)."""
        new = values[:, None] + steps
        if not within:
            return new
        low, high = np.minimum(self.low[entries], values), np.maximum(self.high[entries], values)
        return np.clip(new, low[:, None], high[:, None])


def numbers_of(explainer, rows=None):
    """Return the numbers in the rows that an explainer takes, measured on its background.

    Parameters
    ----------
    explainer : fitted explainer
    rows : DataFrame or array, optional
        Rows that are to be moved.
    """
    model = explainer._model
    direct = model.network is not None and not model.steps
    codes = looked_up(model.network, explainer.background_) if direct else None
    return Numbers(explainer.background_, rows=rows, direct=direct, layout=explainer._layout, codes=codes)


def looked_up(network, inputs):
    """Return which entries of its inputs a network may look up: ids and codes, no amounts; (n_entries,).

    Parameters
    ----------
    network : Network
    inputs : array-like of shape (n_rows, ...)
    """
    if network.layout is not None:
        return network.layout.whole
    inputs = np.asarray(inputs)
    inputs = inputs.reshape(len(inputs), -1)
    if not (network.takes_integers or network.whole_rows):
        return np.zeros(inputs.shape[1], dtype=bool)
    return (inputs == np.rint(inputs)).all(axis=0)


# ---------------------------------------------------------------------- tables and their columns
def column_of(X, j):
    """Return a column of a DataFrame or array as a Series, of objects if the array is none of numbers."""
    if is_frame(X):
        return X.iloc[:, j]
    import pandas as pd

    return pd.Series(X.reshape(len(X), -1)[:, j], dtype=X.dtype if _is_numeric(X) else object)


def _as_table(X):
    return X if is_frame(X) else X.toarray() if hasattr(X, "toarray") else np.asarray(X)


def _is_numeric(X):
    return not is_frame(X) and X.dtype.kind in "fiub"


def _kinds(X):
    """Return which entries of rows are numbers by their type, and which of a type of whole numbers."""
    if _is_numeric(X):
        n = int(np.prod(X.shape[1:]))
        return np.full(n, X.dtype.kind != "b"), np.full(n, X.dtype.kind in "iu")
    kinds = [_kind(column_of(X, j)) for j in range(X.shape[1] if X.ndim > 1 else 1)]
    return np.array(kinds, dtype=bool).reshape(-1, 2).T.copy()


def _kind(column):
    import pandas as pd

    if column.dtype == object:
        found = pd.api.types.infer_dtype(column, skipna=True)
        return found in ("integer", "floating", "mixed-integer-float", "empty"), found == "integer"
    number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    return number, pd.api.types.is_integer_dtype(column.dtype)


def _floats(column):
    import pandas as pd

    column = pd.to_numeric(column) if column.dtype == object else column
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _bounded(values, dtype):
    """Return numbers that a type can hold, whole ones for whole ones."""
    if dtype.kind not in "iu":
        return values
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    top = float(high) if int(float(high)) == high else np.nextafter(float(high), 0.0)
    return np.clip(np.rint(values), float(low), top)


def _statistics(values):
    """Return the standard deviation, least, largest of each column, and whether all are whole; NaN is left out."""
    seen = np.isfinite(values)
    count = np.maximum(1, seen.sum(axis=0))
    mean = np.where(seen, values, 0).sum(axis=0) / count
    deviation = np.sqrt(np.square(np.where(seen, values - mean, 0)).sum(axis=0) / count)
    low, high = np.where(seen, values, np.inf).min(axis=0), np.where(seen, values, -np.inf).max(axis=0)
    whole = np.where(seen, values == np.rint(values), True).all(axis=0)
    return np.where(low < high, deviation, 0.0), low, high, whole
