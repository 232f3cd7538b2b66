"""Rows near to given ones: numbers with noise, other values now and then those of a background row."""

from __future__ import annotations

import numpy as np

from sklearn_xai.tables import is_frame

_LARGEST = 2**53  # whole numbers up to here are the same as real ones


class Near:
    """Neighbours of some rows, and how far they are from them.

    Attributes
    ----------
    own : DataFrame or ndarray of n rows
    rows : DataFrame or ndarray of n * n_samples rows
        The neighbours of the first row, then those of the second, as ``explainer.attribute`` takes them.
    """

    def __init__(self, own, rows, before, after, flipped, unit):
        self.own, self.rows = own, rows
        # Numbers before (n, n_numbers) and after (n, n_samples, n_numbers), how many other values changed, and units.
        self._before, self._after, self._flipped, self._unit = before, after, flipped, unit

    def distance(self):
        """Return the Euclidean distances in the units of the noise, a changed category being 1 away: (n, n_samples)."""
        return self._length(np.broadcast_to(self._unit, self._before.shape))

    def relative(self, eps):
        """Return the Euclidean norm of the relative changes, a changed category being one of 1: (n, n_samples).

        Numbers closer to zero than ``eps`` units are taken to be that far from it.
        """
        return self._length(np.maximum(np.abs(self._before), eps * self._unit))

    def _length(self, divisor):
        divisor = np.where(divisor > 0, divisor, 1.0)
        change = np.subtract(self._after, self._before[:, None], dtype=np.float64) / divisor[:, None]
        return np.sqrt(np.nansum(np.square(change), axis=-1) + self._flipped)


class ArrayCells:
    """The entries of rows that are arrays of numbers.

    Parameters
    ----------
    table : ndarray of shape (n_rows, ...)
    explainer : fitted explainer
    """

    unit: np.ndarray

    def __init__(self, table, explainer):
        self._background = np.asarray(explainer.background_).reshape(len(explainer.background_), -1)
        self._codes = np.flatnonzero(_is_code(explainer, self._background))
        self._paddings = _paddings(explainer)
        self.n_cells = self._background.shape[1]
        self._together = [slice(None)] if table.ndim > 2 else _blocks(explainer)
        self.is_number = np.full(self.n_cells, table.dtype.kind != "b")
        self.is_number[self._codes] = False
        if table.dtype.kind == "b":
            self._codes = np.arange(self.n_cells)
        self.is_whole = self.is_number & (table.dtype.kind in "iu")

    def spread(self):
        """Return the standard deviation of each entry over the background; of images, of all pixels."""
        return _spread(self._background, self.is_number, self._together)

    def near(self, own, steps, flips, picks):
        """Return the neighbours of rows."""
        cells = own.reshape(len(own), -1)
        if self.is_number.any():
            after = _as_kind(cells[:, None] + steps.astype(cells.dtype if cells.dtype.kind == "f" else float), cells)
        else:
            after = np.repeat(cells[:, None], len(steps), axis=1)
        changed = np.zeros(after.shape[:2])
        if len(self._codes):
            codes = self._codes
            filler = self._background[(picks[:, codes] * len(self._background)).astype(int), codes]
            before = cells[:, None, codes]
            kept = ~flips[:, codes] | np.isin(before, self._paddings) | np.isin(filler, self._paddings)
            after[..., codes] = np.where(kept, before, filler)
            changed = (after[..., codes] != before).sum(axis=-1)
        rows = after.reshape(-1, *own.shape[1:])
        if self.is_number.all():
            return Near(own, rows, cells, after, changed, self.unit)
        numbers = self.is_number
        return Near(own, rows, cells[:, numbers], after[..., numbers], changed, self.unit[numbers])


class FrameCells:
    """The columns of a DataFrame.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
    explainer : fitted explainer
    """

    unit: np.ndarray

    def __init__(self, table, explainer):
        import pandas as pd

        background = explainer.background_
        if not is_frame(background):
            background = pd.DataFrame(np.asarray(background), columns=table.columns).infer_objects()
        self._background = background
        self.n_cells = table.shape[1]
        both = [(table.iloc[:, j], background.iloc[:, j]) for j in range(self.n_cells)]
        # Of a table given to a network the background is an array, in which truth values are numbers too.
        self.is_number = np.array([_is_number(a) and _is_number(b) for a, b in both])
        self.is_number &= ~_is_code(explainer, explainer.background_)
        self.is_whole = self.is_number & [_is_whole(a) or _is_whole(b) for a, b in both]
        self._together = _blocks(explainer)

    def spread(self):
        """Return the standard deviation of each column over the background, missing values left out."""
        found = np.zeros((len(self._background), self.n_cells))
        for j in np.flatnonzero(self.is_number):
            found[:, j] = _numbers(self._background.iloc[:, j])
        return _spread(found, self.is_number, self._together)

    def near(self, own, steps, flips, picks):
        """Return the neighbours of rows."""
        import pandas as pd

        columns, changed = {}, np.zeros((len(own), len(steps)))
        before, after = [], []
        for j in range(self.n_cells):
            column = own.iloc[:, j]
            if self.is_number[j]:
                before.append(_numbers(column))
                columns[j] = _noisy(column, before[-1], steps[:, j], self.is_whole[j])
                after.append(_numbers(columns[j]).reshape(changed.shape))
            else:
                columns[j], flipped = _flipped(column, self._background.iloc[:, j], flips[:, j], picks[:, j])
                changed += flipped
        rows = pd.DataFrame(columns)
        rows.columns = own.columns
        numbers = np.stack(before, axis=-1) if before else np.empty((len(own), 0))
        moved = np.stack(after, axis=-1) if after else np.empty((*changed.shape, 0))
        return Near(own, rows, numbers, moved, changed, self.unit[self.is_number])


class ObjectCells(FrameCells):
    """The columns of an array of objects or strings."""

    def __init__(self, table, explainer):
        super().__init__(_inferred(table), explainer)

    def near(self, own, steps, flips, picks):
        """Return the neighbours of rows."""
        found = super().near(_inferred(own), steps, flips, picks)
        found.own, found.rows = own, found.rows.to_numpy(dtype=object).astype(own.dtype)
        return found


# ---------------------------------------------------------------------- what the rows are
def _inferred(table):
    import pandas as pd

    return pd.DataFrame(table).infer_objects()


def _is_code(explainer, background):
    """Return which columns are whole numbers that a network looks up, or takes as truth values: ids, not amounts."""
    if getattr(explainer, "_layout", None) is not None:
        return explainer._layout.whole
    network = explainer._model.network
    if network is None or explainer._model.steps or not network.takes_integers:
        return np.zeros(background.shape[1], dtype=bool)
    background = np.asarray(background)
    return (background == np.rint(background)).all(axis=0)


def _paddings(explainer):
    """Return the ids that stand for no token, at which a text stays as long as it is."""
    network = explainer._model.network
    if network is None or explainer._layout is not None or not network.whole_rows:
        return []
    ids = {getattr(part, "padding_idx", None) for part in network.module.modules()}
    return sorted(ids - {None})


def _blocks(explainer):
    """Return the columns of arguments that are images: their entries share a standard deviation."""
    layout = getattr(explainer, "_layout", None)
    return [] if layout is None else [slice(start, end) for _, start, end, shape, _ in layout.blocks if len(shape) > 1]


def _spread(background, is_number, together):
    """Return the standard deviation of each column, those of some columns being that of all of them."""
    values = np.where(is_number, background, 0).astype(np.float64)
    found = _deviation(values)
    for block in together:
        inside = np.zeros(values.shape[1], dtype=bool)
        inside[block] = True
        inside &= is_number
        found[inside] = _deviation(values[:, inside].reshape(-1, 1))[0] if inside.any() else 0.0
    return found


def _deviation(values):
    seen = np.isfinite(values)
    count = np.maximum(1, seen.sum(axis=0))
    mean = np.where(seen, values, 0).sum(axis=0) / count
    return np.sqrt(np.square(np.where(seen, values - mean, 0)).sum(axis=0) / count)


# ---------------------------------------------------------------------- columns of a DataFrame
def _is_number(column):
    import pandas as pd

    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in ("integer", "floating", "mixed-integer-float", "empty")
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def _is_whole(column):
    import pandas as pd

    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) == "integer"
    return pd.api.types.is_integer_dtype(column.dtype)


def _numbers(column):
    import pandas as pd

    column = pd.to_numeric(column) if column.dtype == object else column
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _noisy(column, values, steps, whole):
    """Return a column of neighbours, of its type, in which what is missing is as it was."""
    import pandas as pd

    new = values[:, None] + steps
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu":
        return pd.Series(_as_kind(new, column.to_numpy()).reshape(-1))
    new = new.reshape(-1)
    if column.dtype != object:
        return pd.Series(new).astype(column.dtype)
    filled = np.repeat(column.to_numpy(), len(steps))
    present = ~np.isnan(new)
    filled[present] = new[present].astype(int) if whole else new[present]
    return pd.Series(filled, dtype=object)


def _as_kind(new, like):
    """Return numbers as the type of an array, within its bounds."""
    if like.dtype.kind in "iu":
        bounds = np.iinfo(like.dtype)
        new = np.clip(new, max(bounds.min, -_LARGEST), min(bounds.max, _LARGEST))
    return new.astype(like.dtype, copy=False)


def _flipped(column, background, flips, picks):
    """Return a column of neighbours with some values of background rows, and which differ: (n, n_samples)."""
    import pandas as pd

    n, column = len(column), column.reset_index(drop=True)
    pool = background.dropna().astype(column.dtype).dropna()
    own = np.broadcast_to(np.arange(n)[:, None], (n, len(flips)))
    if not len(pool):
        return column.take(own.reshape(-1)).reset_index(drop=True), np.zeros(own.shape, dtype=bool)
    taken = flips & column.notna().to_numpy()[:, None]
    source = np.where(taken, n + (picks * len(pool)).astype(int), own)
    both = pd.concat([column, pool], ignore_index=True)
    codes = pd.factorize(both)[0]
    return both.take(source.reshape(-1)).reset_index(drop=True), codes[source] != codes[own]
