"""Which rows are near to each row: draws that are the same for all of them."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from sklearn_xai._rng import own_random_state
from sklearn_xai.base.checks import check_rows
from sklearn_xai.metrics._near_rows import ArrayCells, FrameCells, ObjectCells
from sklearn_xai.tables import is_frame, take_rows

_CHUNK_CELLS = 2_000_000  # cells of neighbours that are explained at once


class Neighbourhood:
    """Draws from the surroundings of each row, the same draws for all rows.

    Numbers get uniform noise of at most ``radius`` of their units; whole ones stay whole. Every other value is, with
    ``flip_probability``, replaced by that of a background row. What is missing stays missing.

    Parameters
    ----------
    explainer : fitted explainer
    X : rows, as the explainer takes them
    metric : str
        Name of the metric, for messages.
    n_samples : int
    radius : float
    scale : {"std", "none"}
    flip_probability : float
    random_state : int, RandomState instance or None

    Attributes
    ----------
    table : DataFrame or ndarray
        The rows, as ``explainer.attribute`` takes them.
    n_samples : int
    """

    def __init__(self, explainer, X, *, metric, n_samples, radius, scale, flip_probability, random_state):
        _check_parameters(metric, n_samples, radius, scale, flip_probability)
        self.n_samples = n_samples
        self.table = _as_table(explainer, X)
        kind = FrameCells if is_frame(self.table) else ArrayCells
        if not is_frame(self.table) and self.table.dtype.kind not in "fiub":
            kind = ObjectCells
        self._cells = kind(self.table, explainer)
        unit = self._cells.spread() if scale == "std" else np.ones(self._cells.n_cells)
        self._cells.unit = np.where(self._cells.is_number, unit, 0.0)
        rng = own_random_state(random_state)
        shape = (n_samples, self._cells.n_cells)
        self._steps = rng.uniform(-radius, radius, shape) * self._cells.unit
        self._steps[:, self._cells.is_whole] = np.rint(self._steps[:, self._cells.is_whole])
        others = ~self._cells.is_number
        self._flips = np.zeros(shape, dtype=bool)
        self._picks = np.zeros(shape)
        self._flips[:, others] = rng.uniform(size=(n_samples, others.sum())) < flip_probability
        self._picks[:, others] = rng.uniform(size=(n_samples, others.sum()))
        reach = radius * self._cells.unit >= np.where(self._cells.is_whole, 0.5, np.finfo(float).tiny)
        if not reach.any() and not (others.any() and flip_probability > 0):
            raise ValueError(
                f"{metric}: no neighbour could differ from its row, with radius={radius!r}, scale={scale!r} and "
                f"flip_probability={flip_probability!r} (whole numbers stay whole; a column that is constant in the "
                "background stays as it is). Raise 'radius' or 'flip_probability', or use scale='none'."
            )

    def chunks(self, n_players):
        """Yield slices of rows whose neighbours are few enough to be explained at once."""
        step = max(1, _CHUNK_CELLS // (self.n_samples * max(self._cells.n_cells, n_players)))
        for start in range(0, len(self.table), step):
            yield slice(start, min(len(self.table), start + step))

    def near(self, rows):
        """Return the neighbours of a slice of rows.

        Parameters
        ----------
        rows : slice

        Returns
        -------
        Near
        """
        return self._cells.near(take_rows(self.table, rows), self._steps, self._flips, self._picks)


def _as_table(explainer, X):
    """Return rows in a form of which the explainer takes neighbours too."""
    checked = check_rows(explainer, X, reset=False)
    if is_frame(X):
        return X
    layout = getattr(explainer, "_layout", None)
    if layout is None:
        return checked
    import pandas as pd

    return pd.DataFrame(np.asarray(checked), columns=layout.names)


def _check_parameters(metric, n_samples, radius, scale, flip_probability):
    if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
        raise ValueError(f"The 'n_samples' parameter of {metric} must be a whole number from 1. Got {n_samples!r}.")
    if not isinstance(radius, Real) or isinstance(radius, bool) or not 0 <= radius < np.inf:
        raise ValueError(f"The 'radius' parameter of {metric} must be a finite number from 0. Got {radius!r}.")
    if scale not in ("std", "none"):
        raise ValueError(f"The 'scale' parameter of {metric} must be 'std' or 'none'. Got {scale!r}.")
    if not isinstance(flip_probability, Real) or not 0 <= flip_probability <= 1:
        raise ValueError(
            f"The 'flip_probability' parameter of {metric} must be a number from 0 to 1. Got {flip_probability!r}."
        )
