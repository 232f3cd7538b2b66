"""Permutation importance: of the whole table for a score, and of single rows for their outputs."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.metrics import get_scorer_names

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._progress import track
from sklearn_xai._typing import Groups, Output, Sampling, Seed, Target
from sklearn_xai.base import BACKGROUND_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.engines import Coalitions
from sklearn_xai.explainers.perturbation._permuted_scores import PermutedScores, permutations


class PermutationImportanceExplainer(BaseExplainer):
    r"""How much worse does the model get when the values of a column are shuffled among the rows?

    ``kind="global"``: with s the score on the rows given to ``fit`` and s_{j,r} the score when column j is permuted in
    repeat r, the importance of column j is

    .. math:: \phi_j = s - \frac{1}{R} \sum_{r=1}^{R} s_{j,r}

    and ``transform`` says the same of every row. ``kind="local"``: the mean change of a row's output when its value of
    the column is drawn again from the background rows b,

    .. math:: \phi_j(x) = f(x) - \frac{1}{B} \sum_{b} f(x \text{ with column } j \text{ of } b)

    with its sign: positive where the row's own value raises the output.

    Parameters
    ----------
    %(estimator)s
    scoring : str, callable or None, default=None
        What the importance is a drop of (``kind="global"``): the name of a scorer of scikit-learn, a callable
        ``scorer(estimator, X, y)``, or None for the estimator's own ``score`` (of a network the accuracy or R2).
    n_repeats : int, default=5
        How often each column is permuted (``kind="global"``).
    kind : {"global", "local"}, default="global"
        Importance for the score of all rows, or for the output of each row.
    %(background)s
        ``kind="local"`` draws from them; ``kind="global"`` permutes all rows given to ``fit``.
    %(shared)s

    Attributes
    ----------
    importances_ : ndarray of shape (n_players, n_repeats)
        The drop of the score in each repeat (``kind="global"``).
    importances_mean_ : ndarray of shape (n_players,)
        Their mean: what ``transform`` gives for every row.
    importances_std_ : ndarray of shape (n_players,)
        Their standard deviation over the repeats.
    baseline_score_ : float
        The score of the rows as they are (``kind="global"``).
    %(attributes)s

    Raises
    ------
    ValueError
        When ``fit`` is given one row only, which cannot be shuffled (``kind="global"``).

    See Also
    --------
    OcclusionExplainer : The same as ``kind="local"``, with other ways to remove a column, and windows on images.
    RFEExplainer : Removes columns one after the other.

    Notes
    -----
    With y, ``fit`` trains a clone, and the importances are those for the rows it was trained on. To ask what matters
    on held-out rows, train the model first and freeze it:
    ``PermutationImportanceExplainer(FrozenEstimator(model)).fit(X_test, y_test)``. Without y, the model's own
    predictions take its place: the importance is then the loss of agreement of the model with itself.

    The importances are in the units of the score and concern the model as a whole: they are the same for every
    ``target``. For the same integer ``random_state`` the permutations, and with them the importances, are those of
    ``sklearn.inspection.permutation_importance``. What a permutation leaves as it was, or has in common with an
    earlier one, is not predicted again; where the preprocessing of a Pipeline treats each column on its own, it runs
    once. This needs a scorer that asks for predictions only, as all of scikit-learn's do; any other callable is
    called with the estimator and the permuted table, and of a network with an object that predicts in its place.

    Misleads when columns are correlated: shuffling one makes rows that do not exist, and the model is scored where it
    was never trained (Hooker et al., 2021); columns that say the same make up for each other. On the rows it was
    trained on, it tells what was learned by heart too. It says nothing of a single row.

    Cost: ``n_repeats`` predictions of all rows given to ``fit`` for each column. A row then takes one evaluation; with
    ``kind="local"`` one for each column and background row, and ``fit`` nothing.

    References
    ----------
    Breiman, L. (2001). Random Forests.

    Fisher, A., Rudin, C. and Dominici, F. (2019). All Models are Wrong, but Many are Useful: Learning a Variable's
    Importance by Studying an Entire Class of Prediction Models Simultaneously.

    Hooker, G., Mentch, L. and Zhou, S. (2021). Unrestricted permutation forces extrapolation: variable importance
    requires at least one more model, or there is no free variable importance. Statistics and Computing 31.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import PermutationImportanceExplainer
    >>> X = np.random.RandomState(0).standard_normal((50, 3))
    >>> y = X @ [1.0, 0.0, -2.0]
    >>> model = LinearRegression().fit(X, y)
    >>> explainer = PermutationImportanceExplainer(FrozenEstimator(model), random_state=0).fit(X, y)
    >>> explainer.importances_mean_.argmax()
    np.int64(2)
    >>> explainer.importances_.shape
    (3, 5)
    """

    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        **BACKGROUND_PARAMETERS,
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "kind": [StrOptions({"global", "local"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        scoring: str | Callable[..., float] | None = None,
        n_repeats: int = 5,
        kind: Literal["global", "local"] = "global",
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
        self.scoring = scoring
        self.n_repeats = n_repeats
        self.kind = kind
        self.background_size = background_size
        self.background_sampling = background_sampling

    def _prepare(self, X, y, rng):
        for name in ("importances_", "importances_mean_", "importances_std_", "baseline_score_"):
            self.__dict__.pop(name, None)  # of an earlier fit of the other kind
        if self.kind == "local":
            self._redrawn = Coalitions(self._model, self._members, self.background_, self.batch_size)
            return
        if len(X) < 2:
            raise ValueError(
                f"{type(self).__name__} shuffles columns among the rows given to fit and needs at least 2 of them. Got "
                "1 sample. Give more rows, or use kind='local'."
            )
        whole = self.estimator_ if self._model.network is None else self
        scores = PermutedScores(
            self.scoring, self.estimator_, whole, self._model, self._coalitions, X, y, self.batch_size
        )
        orders = permutations(len(X), self.n_repeats, self.random_state)
        self.baseline_score_ = scores.of_rows()
        players = track(range(self.n_players_), "permuting columns", verbose=self.verbose)
        permuted = np.stack([scores.permuted(player, orders) for player in players])
        self.importances_ = self.baseline_score_ - permuted
        self.importances_mean_ = self.importances_.mean(axis=1)
        self.importances_std_ = self.importances_.std(axis=1)

    def _cells_per_row(self):
        redrawn = self.n_players_ * len(self.background_) if self.kind == "local" else 0
        return max(super()._cells_per_row(), redrawn)

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        if self.kind == "local":
            values = outputs[:, None] - self._redrawn.averaged(X, ~np.eye(self.n_players_, dtype=bool), targets)
        else:
            values = np.broadcast_to(self.importances_mean_, (len(X), self.n_players_))
        return Attributions(values, self.base_outputs_[targets], outputs, {})
