"""Shapley values."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Removal, Rows, Sampling, Seed, Target
from sklearn_xai.base import BACKGROUND_PARAMETERS, REMOVAL_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.base.targets import chooser
from sklearn_xai.engines import Coalitions, PairGames
from sklearn_xai.explainers.shapley._estimate import N_DESIGNS, DesignStore, estimate_averaged, estimate_pairs
from sklearn_xai.explainers.shapley.designs import draw_pairs, fit_energies
from sklearn_xai.tables import take_rows

if TYPE_CHECKING:
    import shap

_MAX_ENUMERATED = 20  # players
_MAX_INTERACTING = 64  # players
_ROUNDS = 3  # how often the coalitions of a row are quadrupled
_FITTED_ROWS = 8  # background rows whose games the energies are fitted to
_FITTED_PAIRS = 256


class ShapleyExplainer(BaseExplainer):
    r"""What is each column's share of the output, averaged over all orders in which the columns could become known?

    With v(S) the output when the columns S are the row's and the others are taken from background rows, averaged over
    these (interventional Shapley values),

    .. math:: \phi_i = \sum_{S \not\ni i} \frac{|S|! (n - |S| - 1)!}{n!} (v(S \cup i) - v(S))

    The values of a row add up to its output less the mean output of the background. All rows, background rows and
    coalitions are one batch; strings, categories and missing values are columns like all others.

    Columns in which a row and a background row are the same play no part in the game of these two: all coalitions of
    the others are evaluated where that costs no more than ``n_coalitions``, and the result is exact. Otherwise the
    coalitions are drawn in complementary pairs, with all of the smallest and largest, and weighed as the posterior
    mean of a Gaussian process over games, in which the interactions of each odd order have a variance fitted to
    background rows.

    Parameters
    ----------
    %(estimator)s
    algorithm : {"auto", "exact", "kernel", "permutation"}, default="auto"
        "exact" evaluates all coalitions, of 20 columns at most. "kernel" evaluates them where they are few, and draws
        them otherwise. "permutation" walks random permutations there and back. "auto" is "exact" where all coalitions
        are at most ``n_coalitions``, else "kernel".
    n_coalitions : int, default=None
        Coalitions evaluated with each background row, where they are drawn. None is ``2 * n_players + 2048``.
    tol : float, default=None
        Rows with a standard error above ``tol * max(1, |f(x) - base value|)`` go on with four times as many
        coalitions, up to 64 times. None stops at once. The completeness gap of all rows is at rounding level anyway.
    interactions_order : {1, 2}, default=1
        2 lets ``explain_interactions`` find the interactions of pairs of columns from the same evaluations.
    %(background)s
    %(removal)s
    %(shared)s

    Attributes
    ----------
    algorithm_ : str
        What was chosen: "exact", "kernel" or "permutation".
    n_coalitions_ : int
        What was chosen.
    %(attributes)s

    See Also
    --------
    SHAPExplainer : The algorithms of the shap library.
    IntegratedGradientsExplainer : Shares of the output by the gradient along a path, for networks.

    Notes
    -----
    ``explain`` adds ``standard_errors`` (n_rows, n_players), in the units of the output, 0 where nothing was drawn, and
    ``n_evaluations`` (n_rows,), the number of rows that were given to the model for each row. The errors are those of
    drawing coalitions; that the background is a sample of the data is another matter. They are estimated from how well
    values are predicted by others: on networks of four public tables the root mean square of the actual errors was 0.8
    to 1.3 times that of the standard errors. The draws are made in ``fit`` and shared by all rows.

    Misleads when columns are correlated: with ``removal="marginal"`` columns are put together that do not occur
    together, and the model is asked where it was never trained; with "conditional" a column that the model does not
    read shares with one that it does. Columns that stand in for each other share the credit, so that each looks small;
    ``feature_groups`` keep them together. A share is not an effect of changing the column.

    Cost: at most ``n_coalitions`` evaluations for each pair of a row and a background row. With 14 columns that is
    2,076 for each of 100, fewer where the two rows have values in common: ``n_evaluations`` tells. ``tol`` multiplies
    it by up to 64 for rows that are not exact enough. Where coalitions are drawn, ``fit`` takes about 53,000 more.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games.

    Lundberg, S. M. and Lee, S.-I. (2017). A Unified Approach to Interpreting Model Predictions.

    Covert, I. and Lee, S.-I. (2021). Improving KernelSHAP: Practical Shapley Value Estimation Using Linear Regression.

    Grabisch, M. and Roubens, M. (1999). An axiomatic approach to the concept of interaction among players in
    cooperative games.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import ShapleyExplainer
    >>> X = np.random.RandomState(0).standard_normal((50, 3))
    >>> model = LinearRegression().fit(X, X @ [1.0, 0.0, -2.0])
    >>> explainer = ShapleyExplainer(model, random_state=0).fit(X)
    >>> np.allclose(explainer.transform(X), (X - X.mean(axis=0)) * [1.0, 0.0, -2.0])
    True
    """

    _additive = True
    _inputs = ("table", "image")
    _gap_advice = "The network's numbers may be too coarse, or the model not a function of its rows"
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        **BACKGROUND_PARAMETERS,
        **REMOVAL_PARAMETERS,
        "algorithm": [StrOptions({"auto", "exact", "kernel", "permutation"})],
        "n_coalitions": [Interval(Integral, 4, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="neither"), None],
        "interactions_order": [Interval(Integral, 1, 2, closed="both")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        algorithm: Literal["auto", "exact", "kernel", "permutation"] = "auto",
        n_coalitions: int | None = None,
        tol: float | None = None,
        interactions_order: Literal[1, 2] = 1,
        background_size: int = 100,
        background_sampling: Sampling = "random",
        removal: Removal = "marginal",
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
        self.algorithm = algorithm
        self.n_coalitions = n_coalitions
        self.tol = tol
        self.interactions_order = interactions_order
        self.background_size = background_size
        self.background_sampling = background_sampling
        self.removal = removal

    # ------------------------------------------------------------------ fit
    def _prepare(self, X, y, rng):
        n = self.n_players_
        self.n_coalitions_ = 2 * n + 2048 if self.n_coalitions is None else self.n_coalitions
        self.algorithm_ = self._chosen_algorithm()
        self._games = Coalitions(self._model, self._members, self.background_, self.batch_size, self.removal)
        sampled = "permutation" if self.algorithm_ == "permutation" else "kernel"
        self._store = DesignStore(sampled, draw_seed(rng))
        if self.algorithm_ == "kernel":
            self._fit_energies(rng)

    def _chosen_algorithm(self):
        n, name = self.n_players_, type(self).__name__
        if self.algorithm == "exact" and n > _MAX_ENUMERATED:
            raise ValueError(
                f"The 'algorithm' parameter of {name} is 'exact', which evaluates 2**n coalitions of n columns or "
                f"groups: at most {_MAX_ENUMERATED}. There are {n}. Use algorithm='auto', or put columns together by "
                "'feature_groups'."
            )
        if self.interactions_order == 2 and n > _MAX_INTERACTING:
            raise ValueError(
                f"The 'interactions_order' parameter of {name} is 2, for at most {_MAX_INTERACTING} columns or groups. "
                f"There are {n}. Put columns together by 'feature_groups'."
            )
        if self.algorithm == "permutation" and self.interactions_order == 2:
            raise ValueError(
                f"The 'interactions_order' parameter of {name} is 2, which algorithm='permutation' does not find. Use "
                "algorithm='auto'."
            )
        if self.algorithm == "auto":
            return "exact" if 2.0**n <= self.n_coalitions_ else "kernel"
        return self.algorithm

    def _fit_energies(self, rng):
        """Fit the energies of the orders to the games of a few background rows with those that share a design."""
        n = self.n_players_
        kept = draw_pairs(n, min(_FITTED_PAIRS, self.n_coalitions_ // 2), rng) if n > 1 else np.ones((1, n), dtype=bool)
        patterns = np.concatenate([kept, ~kept])
        chosen = np.sort(rng.choice(len(self.background_), min(_FITTED_ROWS, len(self.background_)), replace=False))
        rows = take_rows(self.background_, chosen)
        targets = self._model.explained(rows, chooser(0) if self._target_index == "all" else self._choose)[1]
        if self.removal == "conditional":
            values = self._games.averaged(rows, patterns, targets)
        else:
            values = self._mean_games(rows, targets, patterns)
        one, other = values[:, : len(kept)], values[:, len(kept) :]
        self._store.odd = fit_energies(kept, (one - other) / 2)
        self._store.even = fit_energies(kept, (one + other) / 2, odd=False) if self.interactions_order == 2 else None

    def _mean_games(self, rows, targets, patterns):
        n_rows, every = len(rows), np.arange(0, len(self._games.background), N_DESIGNS)
        games = PairGames(self._games, rows, targets)
        pairs = np.repeat(np.arange(n_rows), len(every)), np.tile(every, n_rows)
        players = np.tile(np.arange(self.n_players_), (len(pairs[0]), 1))
        values = np.concatenate([part for _, part in games.values(*pairs, players, patterns)], axis=1)
        return values.reshape(len(patterns), n_rows, len(every)).mean(axis=2).T

    # ------------------------------------------------------------------ transform
    def _cells_per_row(self):
        inputs = self._games.inputs
        width = self.n_players_ if inputs is None else int(np.prod(inputs.shape[1:]))
        return max(super()._cells_per_row(), width * len(self._games.background), self.n_players_**2)

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        base = self.base_outputs_[targets]
        found = self._run(X, targets, self.n_coalitions_)
        if self.tol is not None:
            self._go_on(found, X, targets, self.gap_tolerance(outputs, base))
        extras = {
            "standard_errors": found.errors.reshape(len(X), *self._value_shape),
            "n_evaluations": found.n_evaluations,
        }
        if found.interactions is not None:
            extras["interactions"] = found.interactions
        return Attributions(found.values.reshape(len(X), *self._value_shape), base, outputs, extras)

    def _go_on(self, found, X, targets, allowed):
        """Find the rows again that have too large an error, with more coalitions."""
        for n_coalitions in self.n_coalitions_ * 4 ** np.arange(1, _ROUNDS + 1):
            rows = np.flatnonzero(found.errors.max(axis=1) > allowed)
            if not len(rows):
                return
            found.replace(rows, self._run(take_rows(X, rows), targets[rows], int(n_coalitions)))

    def _run(self, X, targets, n_coalitions):
        estimate = estimate_averaged if self.removal == "conditional" else estimate_pairs
        return estimate(
            self._games,
            X,
            targets,
            self._store,
            n_coalitions,
            enumerate_all=self.algorithm_ == "exact",
            interactions=self.interactions_order == 2,
        )

    def explain_interactions(self, X: Rows) -> shap.Explanation:
        """Return what pairs of columns do together, as a ``shap.Explanation``.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        explanation : shap.Explanation
            ``values`` (n_samples, n_players, n_players[, n_outputs]) as ``shap.TreeExplainer`` gives them: off the
            diagonal half of the Shapley interaction index of the pair, on it what is left of the column's own Shapley
            value, so that a row adds up to that value, and all to the output less the base value.

        Raises
        ------
        ValueError
            When ``interactions_order`` is 1.

        References
        ----------
        Grabisch, M. and Roubens, M. (1999). An axiomatic approach to the concept of interaction among players in
        cooperative games.
        """
        check_is_fitted(self)
        if self.interactions_order != 2:
            raise ValueError(
                f"{type(self).__name__}.explain_interactions needs the 'interactions_order' parameter to be 2 before "
                "'fit'. Got 1."
            )
        explanation: Any = self.explain(X)
        values = explanation.interactions / 2
        own = explanation.values - values.sum(axis=2)
        player = np.arange(self.n_players_)
        values[:, player, player] = own
        explanation.values = values
        return explanation
