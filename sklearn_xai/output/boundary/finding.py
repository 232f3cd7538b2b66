"""How DecisionBoundaryExplainer looks for the boundary from rows: by moving numbers, then by switching categories."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._progress import track
from sklearn_xai.base.checks import check_no_nan, check_rows
from sklearn_xai.output.boundary.margin import Margin, Surface
from sklearn_xai.output.boundary.search import nearest
from sklearn_xai.output.boundary.switches import switch_categories, switched
from sklearn_xai.tables import take_rows


class Found:
    """What was found of some rows.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_outputs)
    targets : int ndarray of shape (n_rows,)
    margin : Margin
    values, steps : ndarray of shape (n_rows, n_columns)
        Steps, with 1 for a category that is switched, and without; NaN where no boundary was found.
    donors : int ndarray of shape (n_rows, n_columns)
        The background row that a category is taken from, or -1.
    settled : bool ndarray of shape (n_rows,)
    """

    def __init__(self, outputs, targets, margin, values, steps, donors, settled):
        self.outputs, self.targets, self.margin = outputs, targets, margin
        self.values, self.steps, self.donors, self.settled = values, steps, donors, settled
        lost = ~np.isfinite(steps).all(axis=1)
        self.distance = np.where(lost, np.inf, np.linalg.norm(np.where(lost[:, None], 0, values), axis=1))

    def stretched(self, factor):
        """Return the same with longer steps; none where no boundary was found."""
        steps = np.nan_to_num(self.steps) * factor
        return Found(self.outputs, self.targets, self.margin, self.values, steps, self.donors, self.settled)


class FindsBoundary:
    """Mixin of DecisionBoundaryExplainer: what its methods are made of."""

    def _cells_per_row(self):
        return 64 * (len(self.varies_) + self._model.n_outputs) * max(1, self.n_starts // 4)

    def _search(self, X, choose, only=None):
        """Return what is Found of some rows; ``only`` some columns may change."""
        how, explained = self._how, self._model.outputs(X).astype(np.float64)
        outputs = explained if how.model is self._model else how.model.outputs(X).astype(np.float64)
        targets = np.array(np.broadcast_to(choose(outputs), len(X)))
        margin = Margin(outputs, targets, self.threshold_)
        free = self._asked if only is None else only
        if self._constant and self.threshold is None:
            steps, settled = np.full((len(X), len(free)), np.nan), np.zeros(len(X), dtype=bool)
        else:
            steps, settled = self._move(X, margin, how.movable & free)
        donors = np.full(steps.shape, -1)
        if not self._constant and self.categories == "switch" and only is None:
            steps, settled, donors = switch_categories(
                X,
                self.background_,
                np.flatnonzero(how.codes & free),
                how.movable & free & ~how.present(X),
                steps,
                settled,
                lambda rows, places: self._move(rows, margin.take(places), how.movable & free),
                lambda rows, places: self._guess(rows, margin.take(places), how.movable & free),
            )
        return Found(
            explained, targets, margin, np.where(donors >= 0, np.hypot(1.0, steps), steps), steps, donors, settled
        )

    def _surface(self, X, margin, columns):
        how = self._how
        free, low, high = how.present(X) & columns, None, None
        if self.within_background:
            numbers, own = how.numbers, how.standardised(X)
            spread = np.where(numbers.spread > 0, numbers.spread, 1)
            low, high = (np.where(free, edge / spread - own, 0) for edge in (numbers.low, numbers.high))
            low, high = np.minimum(low, 0), np.maximum(high, 0)
        return Surface(how.of(X), margin, free, how.stepwise, low, high)

    def _move(self, X, margin, columns):
        """Return the steps of the numbers of rows, and whether they are settled."""
        surface = self._surface(X, margin, columns)
        with surface.moves.open():
            starts = self._starts(X, margin, surface.free)
            return nearest(surface, starts, self._directions, self.n_iterations)

    def _guess(self, X, margin, columns):
        """Return how far rows are from the boundary as it looks from them."""
        surface = self._surface(X, margin, columns)
        zero, rows = np.zeros(surface.free.shape), np.arange(len(X))
        with surface.moves.open():
            if self._how.stepwise:
                return np.maximum(0, surface.margins(zero, rows))
            margins, slope = surface.slopes(zero, rows)
        size = np.linalg.norm(slope, axis=1)
        return np.where(margins <= 0, 0, np.maximum(margins, 0) / np.maximum(size, 1e-12))

    def _starts(self, X, margin, free):
        """Return the steps to the nearest background rows of the other side, (n_rows, n_starts, n_columns), or NaN."""
        own, others = self._how.standardised(X), self._how.standardised(self.background_)
        both = free[:, None] & self._how.present(self.background_)[None]
        steps = np.where(both, others[None] - own[:, None], 0)
        side = np.empty((len(X), len(others)), dtype=bool)
        for target, sign in {(int(t), float(s)) for t, s in zip(margin.targets, margin.sign, strict=True)}:
            rows = (margin.targets == target) & (margin.sign == sign)
            value = Margin(self._sides, np.full(len(others), target), self.threshold_).sign
            side[rows] = value != sign
        distance = np.where(side, np.linalg.norm(steps, axis=2), np.inf)
        order = np.argsort(distance, axis=1, kind="stable")[:, : self.n_starts]
        chosen = np.take_along_axis(steps, order[..., None], axis=1)
        return np.where(np.isfinite(np.take_along_axis(distance, order, axis=1))[..., None], chosen, np.nan)

    def _all_found(self, X):
        """Yield what is Found of a few rows at a time, with them; for one output of each row."""
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        if isinstance(self._target_index, str) and self._target_index == "all":
            raise ValueError(
                f"{type(self).__name__} has target='all', and so several boundaries: take them from explain(X), or "
                "give one target."
            )
        self._known_outputs(X)
        step = max(16, min(4096, 2**21 // self._cells_per_row()))
        for start in track(range(0, len(X), step), type(self).__name__, verbose=self.verbose):
            part = take_rows(X, slice(start, start + step))
            yield part, self._search(part, self._choose)

    def _known_outputs(self, X):
        """Return the outputs of rows; raise where they are NaN, which is on no side of a boundary."""
        outputs = self._model.outputs(X).astype(np.float64)
        is_nan = np.isnan(outputs).any(axis=1)
        check_no_nan(type(self).__name__, "the model's output", is_nan, X, self._column_names())
        return outputs

    def _rows_at(self, X, found):
        """Return rows moved to the boundary."""
        rows = switched(X, found.donors, self.background_)
        return self._how.moved(rows, found.steps[:, None])
