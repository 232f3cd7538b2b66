"""Rows with something added to their numbers."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from sklearn_xai.models import is_mapping, is_network
from sklearn_xai.tables import is_frame


class Numbers:
    """Which entries of some rows are numbers, and how far they are spread over the background.

    Parameters
    ----------
    background : DataFrame, array, or dict of arrays
    direct : bool
        Whether the rows go into a network as they are, to which all numbers are real.
    layout : Layout, optional
        How a dict of arrays is one table.

    Attributes
    ----------
    spread : ndarray of the shape of a row
        Standard deviation over the background, 1 where nothing varies, and 0 for what is no number. Of rows that are no
        table, one for all their numbers.
    whole : bool ndarray of the same shape
        Which numbers may be codes, as all their values are whole.
    """

    def __init__(self, background, *, direct, layout=None):
        self._layout = layout
        if layout is not None:
            background = layout.table(background)
        background = background if is_frame(background) else as_array_or_objects(background)
        if background.ndim > 2:
            self.spread = np.full(background.shape[1:], _spread(background))
            self.whole = np.zeros(self.spread.shape, dtype=bool)
            return
        columns = [_numbers_in(column) for column in _columns(background)]
        self.spread = np.array([0.0 if column is None else _spread(column) for column in columns])
        self.whole = np.array([not direct and (c is None or bool((c == np.rint(c)).all())) for c in columns])
        if layout is not None:  # what the module looks up is no number, whatever else is
            self.spread[layout.whole] = 0.0

    @classmethod
    def of_rows(cls, refitting):
        """Return the numbers in the rows that an explainer takes."""
        explainer = refitting.explainer
        network, direct = explainer._model.network, is_network(refitting.model)
        numbers = cls(refitting.background, direct=direct, layout=explainer._layout)
        if direct and (network.whole_rows or (network.takes_integers and explainer._layout is None)):
            numbers.spread = np.zeros_like(numbers.spread)
        return numbers

    def moved(self, X, steps):
        """Return rows with a step added to each number; the rows themselves are left alone.

        Parameters
        ----------
        X : DataFrame, array, or dict of arrays
        steps : ndarray of the shape of a row
        """
        if is_mapping(X):
            return self._layout.unpack(self._layout.table(X) + steps)
        if is_frame(X):
            X = X.copy()
            for j in np.flatnonzero(steps):
                X.isetitem(j, X.iloc[:, j].astype(np.float64) + steps[j])
            return X
        X = as_array_or_objects(X)
        if X.dtype.kind != "O":
            return X.astype(np.float64) + steps
        X = X.copy()
        for j in np.flatnonzero(steps):
            X[:, j] = X[:, j].astype(np.float64) + steps[j]
        return X


def as_array_or_objects(X):
    """Return rows as a dense array, of objects where they are no numbers."""
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    return X.astype(np.float64) if X.dtype.kind == "b" else X.astype(object) if X.dtype.kind not in "fiuO" else X


def _columns(table):
    return [table.iloc[:, j] if is_frame(table) else table[:, j] for j in range(table.shape[1])]


def _numbers_in(column):
    """Return the numbers of a column that are not missing, or None where there are others than numbers."""
    if getattr(column.dtype, "kind", "O") not in "fiuO" or hasattr(column, "cat"):
        return None
    try:
        if column.dtype.kind == "O" and any(isinstance(value, bool | str) for value in column):
            return None
        values = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    values = values[np.isfinite(values)]
    return values if len(values) else None


def _spread(values):
    found = float(np.std(np.asarray(values, dtype=np.float64)))
    return found if found > 0 else 1.0


class Shift(TransformerMixin, BaseEstimator):
    """A step of a Pipeline that adds something to the numbers of rows.

    Parameters
    ----------
    numbers : Numbers
    steps : ndarray of the shape of a row
    """

    def __init__(self, numbers, steps):
        self.numbers = numbers
        self.steps = steps

    def fit(self, X, y=None):
        """Do nothing: there is nothing to be learned."""
        return self

    def transform(self, X):
        """Return moved rows."""
        return self.numbers.moved(X, self.steps)

    def __sklearn_is_fitted__(self):
        return True
