"""Which rows are near to each row: numbers with uniform noise, other values now and then those of a background row."""

from __future__ import annotations

from numbers import Real

import numpy as np

from sklearn_xai._checks import check_whole
from sklearn_xai._rng import own_random_state
from sklearn_xai.base.checks import check_rows
from sklearn_xai.base.nearby import column_of, numbers_of
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
        self._background, self._paddings = explainer.background_, _paddings(explainer)
        self._numbers = numbers = numbers_of(explainer, self.table)
        self._unit = numbers.spread if scale == "std" else numbers.is_number.astype(np.float64)
        rng = own_random_state(random_state)
        steps = rng.uniform(-radius, radius, (n_samples, len(self._unit))) * self._unit
        self._steps = numbers.rounded(steps)
        self._others = np.flatnonzero(~numbers.is_number)
        self._flips, self._picks = rng.uniform(size=(2, n_samples, len(self._others)))
        self._flips = self._flips < flip_probability
        reach = radius * self._unit >= np.where(numbers.whole, 0.5, np.finfo(float).tiny)
        if not reach.any() and not (len(self._others) and flip_probability > 0):
            raise ValueError(
                f"{metric}: no neighbour could differ from its row, with radius={radius!r}, scale={scale!r} and "
                f"flip_probability={flip_probability!r} (whole numbers stay whole; a column that is constant in the "
                "background stays as it is). Raise 'radius' or 'flip_probability', or use scale='none'."
            )

    def chunks(self, n_players):
        """Yield slices of rows whose neighbours are few enough to be explained at once."""
        step = max(1, _CHUNK_CELLS // (self.n_samples * max(len(self._unit), n_players)))
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
        own = take_rows(self.table, rows)
        moved = self._numbers.moved(own, self._steps)
        if is_frame(moved):
            moved = moved.reset_index(drop=True)
        flip = self._flip_ids if not is_frame(own) and own.dtype.kind in "fiub" else self._flip_columns
        changed = flip(own, moved) if len(self._others) else np.zeros((len(own), self.n_samples))
        return Near(own, moved, changed, self._numbers, self._unit)

    def _flip_ids(self, own, moved):
        """Put numbers of background rows into an array of neighbours; return how many differ, (n, n_samples)."""
        background = np.asarray(self._background).reshape(len(self._background), -1)
        filler = background[(self._picks * len(background)).astype(int), self._others]
        before = own.reshape(len(own), 1, -1)[..., self._others]
        kept = ~self._flips | np.isin(before, self._paddings) | np.isin(filler, self._paddings)
        after = np.where(kept, before, filler)
        moved.reshape(len(own), self.n_samples, -1)[..., self._others] = after
        return (after != before).sum(axis=-1)

    def _flip_columns(self, own, moved):
        """Put values of background rows into the columns of neighbours; return how many differ, (n, n_samples)."""
        changed = np.zeros((len(own), self.n_samples))
        for place, j in enumerate(self._others):
            drawn = self._flips[:, place], self._picks[:, place]
            column, differs = _flipped(column_of(own, j), column_of(self._background, j), *drawn)
            changed += differs
            if is_frame(moved):
                moved.isetitem(j, column)
            else:
                moved[:, j] = column.to_numpy()
        return changed


class Near:
    """Neighbours of some rows, and how far they are from them.

    Attributes
    ----------
    own : DataFrame or ndarray of n rows
    rows : DataFrame or ndarray of n * n_samples rows
        The neighbours of the first row, then those of the second, as ``explainer.attribute`` takes them.
    """

    def __init__(self, own, rows, changed, numbers, unit):
        self.own, self.rows = own, rows
        self._changed, self._numbers, self._unit = changed, numbers, unit[numbers.is_number]

    def distance(self):
        """Return the Euclidean distances in the units of the noise, a changed category being 1 away: (n, n_samples)."""
        return self._length(lambda before: np.broadcast_to(self._unit, before.shape))

    def relative(self, eps):
        """Return the Euclidean norm of the relative changes, a changed category being one of 1: (n, n_samples).

        Numbers closer to zero than ``eps`` units are taken to be that far from it.
        """
        return self._length(lambda before: np.maximum(np.abs(before), eps * self._unit))

    def _length(self, divide_by):
        before, after = self._numbers.values(self.own), self._numbers.values(self.rows)
        divisor = divide_by(before)
        change = np.subtract(after.reshape(*self._changed.shape, -1), before[:, None], dtype=np.float64)
        change /= np.where(divisor > 0, divisor, 1.0)[:, None]
        return np.sqrt(np.nansum(np.square(change), axis=-1) + self._changed)


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


def _paddings(explainer):
    """Return the ids that stand for no token, at which a text stays as long as it is."""
    network = explainer._model.network
    if network is None or explainer._layout is not None or not network.whole_rows:
        return []
    ids = {getattr(part, "padding_idx", None) for part in network.module.modules()}
    return sorted(ids - {None})


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


def _check_parameters(metric, n_samples, radius, scale, flip_probability):
    check_whole(n_samples, "n_samples", metric)
    if not isinstance(radius, Real) or isinstance(radius, bool) or not 0 <= radius < np.inf:
        raise ValueError(f"The 'radius' parameter of {metric} must be a finite number from 0. Got {radius!r}.")
    if scale not in ("std", "none"):
        raise ValueError(f"The 'scale' parameter of {metric} must be 'std' or 'none'. Got {scale!r}.")
    if not isinstance(flip_probability, Real) or not 0 <= flip_probability <= 1:
        raise ValueError(
            f"The 'flip_probability' parameter of {metric} must be a number from 0 to 1. Got {flip_probability!r}."
        )
