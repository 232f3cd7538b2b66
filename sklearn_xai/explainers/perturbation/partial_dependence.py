"""Partial dependence and accumulated local effects."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._progress import track
from sklearn_xai._typing import Groups, Output, Sampling, Seed, Target
from sklearn_xai.base import BACKGROUND_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.engines import Coalitions
from sklearn_xai.explainers.perturbation._dependence import (
    ColumnCodes,
    Curve,
    effect_curve,
    grid_points,
    keeps_its_order,
    plan_effects,
    ranks_of,
    rows_with,
    similarity_order,
)
from sklearn_xai.explainers.perturbation._dependence_plots import DependencePlots
from sklearn_xai.tables import assemble, is_frame, take_rows

_CELLS = 2**21  # outputs held at once while the curves are evaluated
_DECILES = np.linspace(0.1, 0.9, 9)


class PartialDependenceExplainer(DependencePlots, BaseExplainer):
    r"""What does the model say on average of rows with this value of a column, less what it says on average?

    The attribution of a column is its centred partial dependence at the row's value,

    .. math:: \phi_j(x) = PD_j(x_j) - \frac{1}{n} \sum_b PD_j(b_j), \quad
              PD_j(v) = \frac{1}{n} \sum_b f(v, b_{-j})

    over the background rows b. On a model that is a sum of functions of single columns, the attributions of a row add
    up to f(x) less the mean output; on any other, the completeness gap is what interactions add. ``kind="ale"`` takes
    accumulated local effects, which ask the model only about rows with similar values: where columns are correlated,
    partial dependence asks it about rows that do not exist.

    .. math:: ALE_j(v) = \sum_{k \le k(v)} \mathrm{E}\left[f(z_k, b_{-j}) - f(z_{k-1}, b_{-j})
              \mid b_j \in (z_{k-1}, z_k]\right]

    centred in the same way. All curves are evaluated in ``fit``, in batches; ``transform`` reads them.

    Parameters
    ----------
    %(estimator)s
    kind : {"pd", "ale"}, default="pd"
        Partial dependence, or accumulated local effects.
    grid_resolution : int, default=100
        Largest number of values of a numeric column at which partial dependence is evaluated: its distinct values, or
        quantiles of them. Between them the curve is linear, beyond them constant. With "ale", the largest number of
        bins, whose edges are quantiles of the background rows. None evaluates partial dependence at each row's own
        value, which costs ``background_size`` evaluations for each row and column; it is no choice for "ale".
    %(background)s
    %(shared)s

    Attributes
    ----------
    grid_values_ : list of length n_players of ndarray of shape (n_points,), or None
        The values of each column at which its curve is evaluated: those of a category in their order (with "ale", in
        the order along which effects add up), a missing value last. None for a player without a curve.
    pd_values_ : list of length n_players of ndarray of shape (n_explained_outputs, n_points), or None
        Partial dependence at these values as scikit-learn defines it, not centred; with "ale" the centred accumulated
        local effects. One output, or all where which one is explained depends on the row or all of them are.
    %(attributes)s

    Raises
    ------
    ValueError
        With ``kind="ale"`` and groups of several columns, or ``grid_resolution=None``.

    See Also
    --------
    sklearn.inspection.PartialDependenceDisplay : Its ``from_estimator`` takes a fitted explainer in place of the
        estimator; ``plot_dependence`` draws the curves that the explainer has evaluated already.

    Notes
    -----
    A number that is missing in some row given to ``fit`` has a point of its own. A value that no such row has (or that
    is not among the 100 most frequent ones of a category) is evaluated when it comes; with "ale" it gets 0, since no
    local effect leads to it. A group of several columns has no curve: its joint partial dependence is evaluated
    at the row's own values.

    With "ale", an ordered pandas categorical keeps its order, and the values of any other category are ordered by the
    similarity of their rows in all other columns, as Apley and Zhu propose. A category that no background row has is
    read between its neighbours. Missing numbers have no neighbours: their step is the mean change over all background
    rows.

    Misleads when columns interact, since a curve that goes up for some rows and down for others is flat on average,
    and when they are correlated: "pd" asks the model about rows that do not exist, and a column gets what the model
    says there. "ale" then gives each column its own effect, which depends on the bins where rows are few.

    Cost: in ``fit``, one evaluation for each column, point of its grid and background row. With "ale" two or three for
    each column and background row. A row then takes one evaluation, and one for each background row for every group of
    several columns.

    References
    ----------
    Friedman, J. H. (2001). Greedy Function Approximation: A Gradient Boosting Machine. Annals of Statistics 29.

    Apley, D. W. and Zhu, J. (2020). Visualizing the Effects of Predictor Variables in Black Box Supervised Learning
    Models. Journal of the Royal Statistical Society B 82.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import PartialDependenceExplainer
    >>> X = np.arange(12.0).reshape(4, 3)
    >>> model = LinearRegression().fit(X, X[:, 0])
    >>> model.coef_ = np.array([1.0, 0.0, -2.0])
    >>> PartialDependenceExplainer(model).fit(X).transform(X[:1])
    array([[-4.5,  0. ,  9. ]])
    """

    _one_target = True
    _adds_up = "to the output of additive models"
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        **BACKGROUND_PARAMETERS,
        "kind": [StrOptions({"pd", "ale"})],
        "grid_resolution": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        kind: Literal["pd", "ale"] = "pd",
        grid_resolution: int = 100,
        background_size: int = 100,
        background_sampling: Sampling = "random",
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.kind = kind
        self.grid_resolution = grid_resolution
        self.background_size = background_size
        self.background_sampling = background_sampling

    # ------------------------------------------------------------------ fit
    def _prepare(self, X, y, rng):
        self._check_kind()
        self._marginal = Coalitions(self._model, self._members, self.background_, self.batch_size)
        self._codes = ColumnCodes(X)
        index = self._target_index
        self._kept_outputs = np.arange(self._model.n_outputs) if isinstance(index, str) else np.array([index])
        self._curves = [None] * self.n_players_
        self.grid_values_: list = [None] * self.n_players_
        codes = self._codes(X)
        if self.kind == "ale":
            self._fit_effects(X, codes)
        elif self.grid_resolution is not None:
            self._fit_dependence(X, codes)
        known = codes[:, [columns[0] for columns in self._members]]
        self._deciles = np.array([_deciles(column) for column in known.T])
        self._centre = np.zeros((self.n_players_, len(self._kept_outputs)))
        self._centre = self._dependence(self.background_).mean(axis=0)
        if self.kind == "ale":
            for curve, centre in zip(self._curves, self._centre, strict=True):
                curve.shift(-centre)
            self._centre = np.zeros_like(self._centre)
        self.pd_values_ = [
            None if curve is None else curve.at_points()[: len(points)].T
            for curve, points in zip(self._curves, self.grid_values_, strict=True)
        ]

    def _check_kind(self):
        if self.kind == "pd":
            return
        if self.grid_resolution is None:
            raise ValueError(
                "The 'grid_resolution' parameter of PartialDependenceExplainer is None, but kind='ale' accumulates "
                "effects over bins. Give the largest number of them."
            )
        large = [name for name, columns in zip(self.player_names_, self._members, strict=True) if len(columns) > 1]
        if large:
            raise ValueError(
                f"The 'feature_groups' parameter of PartialDependenceExplainer has several columns in {large}, and "
                "kind='ale' accumulates the effects of one column. Use kind='pd', or no groups."
            )

    def _single(self):
        """Return (player, its only column) of all players but groups of several columns."""
        return [(p, columns[0]) for p, columns in enumerate(self._members) if len(columns) == 1]

    # ------------------------------------------------------------------ partial dependence
    def _fit_dependence(self, X, codes):
        points, rows = {}, {}
        for player, j in self._single():
            points[player] = grid_points(codes[:, j], self._codes.is_category[j], self.grid_resolution)
            rows[player] = rows_with(codes[:, j], points[player])
            if not self._codes.is_category[j] and np.isnan(codes[:, j]).any():
                rows[player] = np.append(rows[player], np.isnan(codes[:, j]).argmax())
            self.grid_values_[player] = _cells(X, rows[player], j)
        for player, values in self._evaluate(X, rows):
            self._curves[player] = self._curve(player, points[player], values)

    def _curve(self, player, points, values):
        j = self._members[player][0]
        if self._codes.is_category[j]:
            order = ranks_of(points, self._codes.n_places(j))
            return Curve(np.arange(len(points), dtype=float), values, order=order)
        missing = values[-1] if len(values) > len(points) else None
        if not len(points):  # all are missing
            return Curve(np.zeros(1), values, missing)
        return Curve(points, values[: len(points)], missing)

    def _evaluate(self, X, rows):
        """Yield (player, partial dependence at its points), for players with as many points together."""
        chunks = []
        for length in sorted({len(found) for found in rows.values()}):
            players = [player for player in rows if len(rows[player]) == length]
            cells = length * len(self.background_) * self._model.n_outputs
            at_once = max(1, _CELLS // cells)
            chunks += [players[start : start + at_once] for start in range(0, len(players), at_once)]
        for players in track(chunks, "partial dependence", verbose=self.verbose):
            sources = np.zeros((len(rows[players[0]]), X.shape[1]), dtype=np.intp)
            for player in players:
                sources[:, self._members[player]] = rows[player][:, None]
            kept = np.eye(self.n_players_, dtype=bool)[players]
            values = self._marginal.averaged(assemble(X, sources), kept)[..., self._kept_outputs]
            yield from zip(players, np.moveaxis(values, 1, 0), strict=True)

    # ------------------------------------------------------------------ accumulated local effects
    def _fit_effects(self, X, codes):
        own = self._codes(self.background_)
        plans = [
            plan_effects(codes[:, j], own[:, j], self._order(X, codes, j), self.grid_resolution)
            for _, j in self._single()
        ]
        moves = ["lower", "upper"] + ["missing"] * any(plan["has_missing"] for plan in plans)
        moved = [self._background_with(X, [plan[name] for plan in plans]) for name in moves]
        outputs = self._model.outputs(self.background_)[:, self._kept_outputs].astype(np.float64)
        for player, plan in enumerate(plans):
            self._curves[player] = effect_curve(plan, outputs, *(values[:, player] for values in moved))
            self.grid_values_[player] = _cells(X, plan["rows"], self._members[player][0])

    def _order(self, X, codes, j):
        if not self._codes.is_category[j]:
            return None
        if keeps_its_order(X, j):
            return ranks_of(np.unique(codes[~np.isnan(codes[:, j]), j]), self._codes.n_places(j))
        return similarity_order(codes, j, self._codes.n_places(j), self._codes.is_category)

    def _background_with(self, X, rows):
        """Return what the model says of background rows with one cell from another row, for each player in turn.

        The result has shape (n_background, n_players, n_kept_outputs).
        """
        sources = np.zeros((len(self.background_), X.shape[1]), dtype=np.intp)
        for (_, j), found in zip(self._single(), rows, strict=True):
            sources[:, j] = found
        n = len(sources)
        filler = np.repeat(np.arange(n)[:, None], self.n_players_, axis=1)
        values = self._marginal.values(assemble(X, sources), np.eye(self.n_players_, dtype=bool), filler)
        return values[..., self._kept_outputs].astype(np.float64)

    # ------------------------------------------------------------------ transform
    def _cells_per_row(self):
        evaluated = sum(curve is None for curve in self._curves)
        return self.n_players_ * len(self._kept_outputs) + evaluated * len(self.background_) * self._model.n_outputs

    def _dependence(self, X):
        """Return the centred curves at the values of rows, (n_rows, n_players, n_kept_outputs)."""
        codes = self._codes(X)
        found = np.zeros((len(X), self.n_players_, len(self._kept_outputs)))
        known = np.zeros(found.shape[:2], dtype=bool)
        for player, curve in enumerate(self._curves):
            if curve is not None:
                found[:, player], known[:, player] = curve.read(codes[:, self._members[player][0]])
        found -= self._centre
        found[~known] = 0
        if self.kind == "pd" and not known.all():
            rows, players = np.flatnonzero(~known.all(axis=1)), np.flatnonzero(~known.all(axis=0))
            kept = np.eye(self.n_players_, dtype=bool)[players]
            values = self._marginal.averaged(take_rows(X, rows), kept)[..., self._kept_outputs] - self._centre[players]
            cells = np.ix_(rows, players)
            found[cells] = np.where(known[cells][..., None], found[cells], values)
        return found

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        at = np.searchsorted(self._kept_outputs, targets)
        values = np.take_along_axis(self._dependence(X), at[:, None, None], axis=2)[:, :, 0]
        return Attributions(values, self.base_outputs_[targets], outputs, {})


def _cells(X, rows, j):
    """Return the values of a column in some rows, as an array."""
    if not is_frame(X):
        return X[rows, j]
    column = X.iloc[rows, j]
    return column.to_numpy(dtype="datetime64[ns]") if column.dtype.kind == "M" else column.to_numpy()


def _deciles(codes):
    finite = codes[np.isfinite(codes)]
    return np.quantile(finite, _DECILES) if len(finite) else np.full(len(_DECILES), np.nan)
