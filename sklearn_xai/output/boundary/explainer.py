"""How far rows are from where a model changes its mind, and what takes them there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_xai._checks import is_whole
from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Sampling, Seed, Target
from sklearn_xai.background import sample_rows
from sklearn_xai.base import BACKGROUND_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.output.boundary.finding import FindsBoundary
from sklearn_xai.output.boundary.moves import HowNumbersMove, measured_numbers, searched_model
from sklearn_xai.output.boundary.views import BoundaryViews

_SEEN_ROWS = 5_000  # rows that rules of regions are grown on
_DIRECTIONS = 128


class DecisionBoundaryExplainer(BoundaryViews, FindsBoundary, BaseExplainer):
    r"""How far is each row from where the model changes its mind, and which columns take it there?

    A row x goes to the nearest point of the decision boundary, in columns that are standardised over the rows given to
    ``fit``:

    .. math:: \min_u \|u\| \quad \text{so that} \quad m(x + s \odot u) \le 0

    with s the standard deviations and m the margin: the output of the explained class less the largest of the others,
    taken as positive where x is. A row that the model gives to another class goes to where the explained one begins.
    For a regressor the boundary is the level ``threshold``. ``transform`` gives u, and its norm is the distance. Of a
    linear model :math:`w^T x` of standardised columns this is :math:`-f(x) w / \|w\|^2`.

    Parameters
    ----------
    %(estimator)s
    threshold : float, default=None
        The level of the explained output where the boundary is. None: where one class gives way to another; for a
        regressor, and a plain module with one output, the mean output over the background rows. Give 0 for a module
        whose output is a logit, or with ``output="proba"`` the probability at which a classifier decides.
    categories : {"hold", "switch"}, default="hold"
        Whether what is no number (texts, categories, truth values, dates, codes) keeps its value, or may change to one
        of a background row: then each switch counts as one standard deviation, and is 1 in ``transform``. So does a
        number that is missing and gets a value. Up to three switches are tried one after the other.
    features_to_vary : list of column names or indices, default=None
        The columns that may change. None lets all.
    within_background : bool, default=False
        Whether numbers stay in the range of the rows given to ``fit``. Those outside it may stay where they are.
    n_starts : int, default=10
        Nearest background rows of the other side from which the boundary is looked for, beside the row itself.
    n_iterations : int, default=50
        Most steps along the boundary from each start.
    %(background)s
    %(shared)s

    Attributes
    ----------
    threshold_ : ndarray of shape (n_outputs,), or None
        The level of each output; None where classes have the boundary between them.
    spread_ : ndarray of shape (n_features,)
        The unit of each column: its standard deviation over the rows given to ``fit``, 0 for what is no number.
    varies_ : bool ndarray of shape (n_features,)
        Which columns are numbers that may change: constant ones do not, nor numbers that a one-hot encoder takes.
    %(attributes)s

    Warns
    -----
    ConvergenceWarning
        When no boundary is found from some rows: their distance is infinite, and ``transform`` gives no step, 0. A
        model whose output is the same for all background rows has no boundary: the same, without a warning.

    See Also
    --------
    sklearn.inspection.DecisionBoundaryDisplay : Draws what ``slice_estimator`` returns.
    TreeSurrogateExplainer : Rules for the output as a whole.
    SaliencyExplainer : The slope of the output, whatever the boundary.

    Notes
    -----
    The boundary is linearised at each step, and the nearest point of that gone to (DeepFool's step from the row, then
    that of Hasofer, Lind, Rackwitz and Fiessler), as far as it lowers the length plus twice what is left to the
    boundary; where a network has kinks, several linearisations count at once. Networks are differentiated, whatever
    column-wise preprocessing is before them; other models by central differences. Where these are zero, as in a forest,
    steps towards rows of the other side are taken back column by column. At last, points nearer than the one found are
    asked in up to 128 directions. The result is a local minimum at best: an
    upper bound of the distance. ``explain`` adds, for each row,

    ``distance``
        The norm of the step; inf where no boundary was found within 32 standard deviations.
    ``margin``
        The output of the explained class less the largest other one (or less the level), at the row.
    ``other_class``
        The class beyond the point; the row's own where there is none. Not with a level.
    ``converged``
        Whether the point is the nearest one around, by the gradients there; not known of a forest.
    ``residual``
        The absolute margin at the point. A forest jumps over 0, so that it stays large.
    ``nearest_point``
        The row at the boundary, as ``nearest_point`` returns it (an array for ``target="all"``).

    A number that is missing does not move. Whole numbers are moved like others, and may have fractions at the
    point. The step of a group of columns is the norm of its columns' steps.

    Misleads when columns cannot change on their own: the nearest point of the boundary may be like no row, moves what
    nobody can change (an age) and keeps correlated columns apart. ``features_to_vary`` and ``within_background``
    narrow it. A large step of a column says that the boundary is reached by it, not that the output was brought about
    by it; a near boundary that was not found makes a row look safe.

    Cost: one to three thousand evaluations a row by default. On a table of 13 columns these were 1,690 of a linear
    model, 2,341 of a forest and 2,497 of a small network, which is differentiated; they grow with ``n_starts`` and
    ``n_iterations``, and by central differences with the columns.

    References
    ----------
    Moosavi-Dezfooli, S., Fawzi, A. and Frossard, P. (2016). DeepFool: a simple and accurate method to fool deep neural
    networks.

    Rackwitz, R. and Fiessler, B. (1978). Structural reliability under combined random load sequences.

    Zhang, Y. and Der Kiureghian, A. (1995). Two improved algorithms for reliability analysis.

    Gower, J. C. (1971). A General Coefficient of Similarity and Some of Its Properties.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_xai import DecisionBoundaryExplainer
    >>> X = np.random.RandomState(0).standard_normal((200, 3))
    >>> model = LogisticRegression().fit(X, X @ [1.0, 0.0, -2.0] > 0)
    >>> explainer = DecisionBoundaryExplainer(model).fit(X)
    >>> normal = model.coef_[0] * X.std(axis=0)
    >>> bool(np.allclose(explainer.distance(X), np.abs(model.decision_function(X)) / np.linalg.norm(normal)))
    True
    >>> model.predict(X[:1]) == model.predict(X[:1] + 1.01 * explainer.transform(X[:1]) * explainer.spread_)
    array([False])
    """

    _probing = True
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        **BACKGROUND_PARAMETERS,
        "threshold": [Real, None],
        "categories": [StrOptions({"hold", "switch"})],
        "features_to_vary": ["array-like", None],
        "within_background": ["boolean"],
        "n_starts": [Interval(Integral, 1, None, closed="left")],
        "n_iterations": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        threshold: float | None = None,
        categories: Literal["hold", "switch"] = "hold",
        features_to_vary: Sequence[str | int] | None = None,
        within_background: bool = False,
        n_starts: int = 10,
        n_iterations: int = 50,
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
        self.threshold = threshold
        self.categories = categories
        self.features_to_vary = features_to_vary
        self.within_background = within_background
        self.n_starts = n_starts
        self.n_iterations = n_iterations
        self.background_size = background_size
        self.background_sampling = background_sampling

    # ------------------------------------------------------------------ fit
    def _prepare(self, X, y, rng):
        model = self._model
        self._asked = self._columns_to_vary()
        between_classes = model.n_outputs > 1 and (model.classifier or model.plain)
        if self.threshold is not None:
            self.threshold_ = np.full(model.n_outputs, float(self.threshold))
        else:
            self.threshold_ = None if between_classes else np.asarray(self.base_outputs_, dtype=np.float64)
        searched = model if self.threshold_ is not None else searched_model(model, self.background_)
        self._how = HowNumbersMove(searched, measured_numbers(self, X), self.background_)
        self.varies_ = self._how.movable & self._asked
        self.spread_ = self._how.numbers.spread
        self._sides = searched.outputs(self.background_).astype(np.float64)
        scale = np.abs(self._sides).max()
        self._constant = bool((np.ptp(self._sides, axis=0) <= 1e-6 * scale).all())
        self._seen = sample_rows(X, _SEEN_ROWS, rng)
        self._seed = draw_seed(rng)
        self._directions = rng.standard_normal((_DIRECTIONS, len(self.varies_)))

    def _columns_to_vary(self):
        names = [str(name) for name in self._column_names()]
        if self.features_to_vary is None:
            return np.ones(len(names), dtype=bool)
        return np.isin(np.arange(len(names)), self._positions(self.features_to_vary, "features_to_vary"))

    def _positions(self, features, parameter, caller=""):
        names, found = [str(name) for name in self._column_names()], []
        for feature in np.asarray(features, dtype=object).ravel().tolist():
            if isinstance(feature, str) and feature in names:
                found.append(names.index(feature))
            elif is_whole(feature) and feature < len(names):
                found.append(int(feature))
            else:
                raise ValueError(
                    f"The '{parameter}' parameter of {type(self).__name__}{caller} names the column {feature!r}, which "
                    f"is not in the table. It has {names}."
                )
        return found

    # ------------------------------------------------------------------ transform
    def _attribute(self, X, choose):
        found = self._search(X, choose)
        self._warn_of_lost(found)
        return self._attributions(X, found)

    def _attribute_fully(self, X, choose):
        found = self._search(X, choose)
        self._warn_of_lost(found)
        return self._attributions(X, found)._replace(extras=self._facts(X, found))

    def _attributions(self, X, found):
        values = np.nan_to_num(found.values)
        if self._grouped:
            values = np.column_stack([np.linalg.norm(values[:, columns], axis=1) for columns in self._members])
        outputs = np.take_along_axis(found.outputs, found.targets[:, None], axis=1)[:, 0]
        return Attributions(values, self.base_outputs_[found.targets], outputs, {})

    def _warn_of_lost(self, found):
        lost = int(np.isinf(found.distance).sum())
        if lost and not self._constant:
            warnings.warn(
                f"{type(self).__name__}: no boundary was found from {lost} of {len(found.distance)} rows: their "
                "distance is inf and their step 0. Does the model give one class to all rows like these, or do "
                "columns that it needs not vary?",
                ConvergenceWarning,
                stacklevel=6,
            )
