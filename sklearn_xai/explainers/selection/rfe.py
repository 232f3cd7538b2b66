"""Recursive feature elimination."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv, train_test_split

from sklearn_xai._compat import Interval, RealNotInt
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Removal, Sampling, Seed, Splits, Target
from sklearn_xai.base import BACKGROUND_PARAMETERS, REMOVAL_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.base.targets import chooser, resolve_target
from sklearn_xai.explainers.selection._elimination import AsItStands, TrainedAgain, removing, see
from sklearn_xai.models import is_module, split_pipeline, train_clone
from sklearn_xai.tables import take_rows


class RFEExplainer(BaseExplainer):
    r"""In what order can columns be given up, and what does each row lose with each of them?

    ``fit`` eliminates the columns one after the other: at each step the one (or the ``step``) whose removal changes the
    explained output of background rows least, the columns eliminated before being gone already. ``transform`` walks the
    same order for each row; the attribution of the column eliminated at step t is

    .. math:: \phi_t(x) = v(x, S_{t-1}) - v(x, S_t)

    with v(x, S) the output when only the columns S are kept and the others are removed. The sum telescopes to
    :math:`f(x) - \mathrm{E} f(background)`: completeness holds to rounding.

    Parameters
    ----------
    %(estimator)s
    step : int or float, default=1
        Number of columns eliminated at a time; below 1.0, a share of all columns.
    n_features_to_select : int or float, default=None
        Number (or share) of columns that are selected. None selects half, or what ``cv`` chooses.
    refit : bool, default=False
        Whether the estimator is trained again after each elimination (needs y). In the training rows, the eliminated
        columns are then held at their median or most frequent value, so that nothing can be learned from them and every
        preprocessing still fits.
    importance : explainer, default=None
        An instance of any other explainer, whose ``feature_importances_`` rank the columns at each step. A clone of it
        explains the model of that step; its ``estimator``, ``target``, ``output`` and ``feature_groups`` are replaced
        by those of this one. It sees rows in which the eliminated columns are removed: taken from a background row
        drawn for each, or held as described under ``refit``. None ranks by the mean absolute change of the output.
    cv : int, splitter or iterable, default=None
        Chooses the number of columns by cross-validation (needs y): in each fold the estimator is trained and the
        columns are eliminated on the training rows, and what is left is scored on the test rows, by accuracy or R2. The
        least number with the best mean score is selected. With ``refit=True`` the estimator is trained after each
        elimination, as scikit-learn's ``RFECV`` does; without, once in each fold.
    %(background)s
        On as many rows, drawn at random, the columns are ranked.
    %(removal)s
    %(shared)s

    Attributes
    ----------
    ranking_ : ndarray of shape (n_players,) of int
        1 for the selected columns, 2 for those eliminated last, and so on, as in scikit-learn's ``RFE``: columns that
        go in one step share a rank.
    support_ : bool ndarray of shape (n_players,)
        Which columns are selected.
    n_features_ : int
        How many.
    elimination_order_ : ndarray of shape (n_players,) of int
        The players from the first eliminated to the last.
    elimination_path_ : dict of list
        ``n_features`` that remain after each step, the names ``eliminated`` in it, the ``score``: accuracy or R2 of
        what remains on rows with y (held out from training with ``refit=True``; the mean over the folds with ``cv``),
        without y the R2 with which the outputs of the full model are reproduced. The first entry is the model with all
        columns. The last one, without any, scores with ``refit=True`` the most frequent class or the mean.
    cv_results_ : dict of ndarray of shape (n_numbers,)
        With ``cv``, as in ``RFECV``: ``n_features`` in increasing order, their ``mean_test_score``,
        ``std_test_score`` and ``split0_test_score`` and so on.
    %(attributes)s

    Raises
    ------
    ValueError
        With ``refit=True`` or ``cv`` and no y, or an estimator that is never trained; with both ``cv`` and
        ``n_features_to_select``.

    See Also
    --------
    attribution_importance : An ``importance_getter`` for scikit-learn's own ``RFE`` and ``RFECV`` around a net.

    Notes
    -----
    For a linear model with an intercept, a tree, or distances of standardised columns, a column that is held at one
    value is as good as dropped: scores, ranks and the chosen number are those of ``RFECV``, as far as the importances
    are. They differ where the number of columns itself enters the training, as in a forest that draws some columns for
    each split or an SVC with ``gamma="scale"``.

    Misleads when columns stand in for each other: the first of two twins to go loses nothing, the second carries all,
    and which goes first may hang by a thread. A row's attribution depends on the one order that is walked for all rows
    (Shapley values average over orders), and with ``removal="marginal"`` the rest of the row is put to values it does
    not occur with.

    Cost: one evaluation for each row, background row and number of columns that are left. The elimination, in ``fit``,
    ranks by half the square of the number of columns, times 16 for each of ``background_size`` rows, and scores by the
    square of ``background_size`` for each column: 309,000 evaluations with 13 columns. ``refit`` trains a model after
    each step, and ``cv`` does all this in each fold.

    References
    ----------
    Guyon, I., Weston, J., Barnhill, S. and Vapnik, V. (2002). Gene selection for cancer classification using support
    vector machines. Machine Learning 46.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import RFEExplainer
    >>> X = np.random.RandomState(0).standard_normal((50, 3))
    >>> model = LinearRegression().fit(X, X @ [1.0, 0.0, -2.0])
    >>> explainer = RFEExplainer(model, n_features_to_select=1, random_state=0).fit(X)
    >>> explainer.ranking_
    array([2, 3, 1])
    """

    _additive = True
    _inputs = ("table", "image")
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "step": [Interval(Integral, 1, None, closed="left"), Interval(RealNotInt, 0, 1, closed="neither")],
        "n_features_to_select": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            None,
        ],
        "refit": ["boolean"],
        "importance": [BaseExplainer, None],
        "cv": ["cv_object"],
        **BACKGROUND_PARAMETERS,
        **REMOVAL_PARAMETERS,
    }

    def __init__(
        self,
        estimator: Any,
        *,
        step: int | float = 1,
        n_features_to_select: int | float | None = None,
        refit: bool = False,
        importance: Any = None,
        cv: Splits = None,
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
        self.step = step
        self.n_features_to_select = n_features_to_select
        self.refit = refit
        self.importance = importance
        self.cv = cv
        self.background_size = background_size
        self.background_sampling = background_sampling
        self.removal = removal

    # ------------------------------------------------------------------ elimination
    def _prepare(self, X, y, rng):
        wanted = self._wanted()
        if self.refit or self.cv is not None:
            self._check_trainable(y)
        self._walk = removing(self, self._model, self.background_)
        scores = None if self.cv is None else self._cross_validate(X, y, rng)
        gone, score = self._eliminate(self._world(X, y, rng), rng, self.verbose)
        self.elimination_order_ = np.array([player for players in gone for player in players])
        self.elimination_path_ = {
            "n_features": (self.n_players_ - np.cumsum([len(players) for players in gone])).tolist(),
            "eliminated": [[str(name) for name in self.player_names_[players]] for players in gone],
            "score": score if scores is None else scores.mean(axis=0).tolist(),
        }
        self._rank(self._best_number(scores) if wanted is None else wanted)

    def _wanted(self):
        """Return the number of columns to select, None where ``cv`` chooses it."""
        n, wanted, name = self.n_players_, self.n_features_to_select, type(self).__name__
        if self.cv is not None:
            if wanted is not None:
                raise ValueError(
                    f"The 'n_features_to_select' parameter of {name} is {wanted}, but with the 'cv' parameter the "
                    "number is chosen. Leave one of them None."
                )
            return None
        wanted = 0.5 if wanted is None else wanted
        wanted = max(1, int(wanted * n)) if wanted < 1 else wanted
        if wanted > n:
            raise ValueError(f"The 'n_features_to_select' parameter of {name} is {wanted}, but there are {n} columns.")
        return wanted

    def _check_trainable(self, y):
        if self._model.of_uncertainty:
            raise ValueError(
                f"{type(self).__name__} with 'refit' or 'cv' scores models by y, which says nothing of output="
                f"{self.output!r}. Leave these parameters as they are by default."
            )
        if y is None or self.estimator_ is self.estimator:
            asked = "'refit' parameter of {} is True" if self.refit else "'cv' parameter of {} is not None"
            raise ValueError(
                f"The {asked.format(type(self).__name__)}, but there is nothing to train: call fit(X, y), with an "
                "estimator that is not frozen and not a plain torch module, or leave the parameter as it is by default."
            )

    def _per_step(self):
        return self.step if self.step >= 1 else max(1, int(self.step * self.n_players_))

    def _world(self, X, y, rng):
        """Return what all rows given to ``fit`` say of the columns."""
        ranked = _draw((X, y), self.background_size, rng)
        if not self.refit:
            return AsItStands(self, self.estimator_, self._model, ranked, self.background_, rng)
        if self.cv is not None:  # scored in the folds
            return TrainedAgain(self, (X, y), ranked, self.background_, rng)
        rows = np.arange(len(X))
        train, test = train_test_split(rows, test_size=0.2, random_state=draw_seed(rng)) if len(X) > 4 else (rows, rows)
        training = take_rows(X, train), take_rows(y, train)
        return TrainedAgain(self, training, ranked, self.background_, rng, _pair(X, y, test))

    def _fold(self, X, y, train, test, rng):
        """Return what the training rows of a fold say of the columns, scored on its test rows."""
        training = take_rows(X, train), take_rows(y, train)
        ranked = _draw(training, self.background_size, rng)
        if self.refit:
            return TrainedAgain(self, training, ranked, ranked[0], rng, _pair(X, y, test))
        trained = train_clone(self.estimator, *training, random_state=draw_seed(rng))
        model = see(self, trained, training[0], rng)
        return AsItStands(self, trained, model, ranked, ranked[0], rng, _pair(X, y, test))

    def _eliminate(self, world, rng, verbose):
        """Return the players that go at each step, none before the first, and the score of what is left."""
        kept = np.ones(self.n_players_, dtype=bool)
        stage = world.without(kept, rng)
        gone, score = [np.empty(0, dtype=int)], [stage.score]
        for _ in track(range(0, self.n_players_, self._per_step()), "eliminating columns", verbose=verbose):
            worst = self._least_important(stage, kept, rng)[: self._per_step()]
            kept = kept.copy()
            kept[worst] = False
            stage = world.without(kept, rng)
            gone.append(worst)
            score.append(stage.score)
        return gone, score

    def _least_important(self, stage, kept, rng):
        """Return the kept players, those that matter least first."""
        left = np.flatnonzero(kept)
        change = self._change(stage, kept, left) if self.importance is None else self._importance(stage, rng)[left]
        return left[np.argsort(change, kind="stable")]

    def _change(self, stage, kept, left):
        """Return how much the outputs change when each player is removed that is left."""
        tried = np.repeat(kept[None], len(left) + 1, axis=0)
        tried[np.arange(len(left)), left] = False
        index = resolve_target(stage.model, self.target, type(self).__name__)
        targets = None if index == "all" else stage.model.explained(stage.rows, chooser(index))[1]
        values = stage.walk.averaged(stage.rows, tried, targets)
        change = np.abs(values[:, :-1] - values[:, -1:])
        return change.mean(axis=(0, *range(2, change.ndim)))

    def _importance(self, stage, rng):
        """Return the importance of all players that an explainer of the model at this stage finds."""
        given = self.importance.get_params(deep=False)
        seed = draw_seed(rng) if given["random_state"] is None else given["random_state"]
        groups = {name: columns.tolist() for name, columns in zip(self.player_names_, self._members, strict=True)}
        explainer = clone(self.importance).set_params(
            estimator=_never_trained(stage.estimator),
            target=self.target,
            output=self.output,
            feature_groups=groups if self._grouped else None,
            random_state=seed,
        )
        explainer.fit(stage.rows, stage.truth)
        return np.asarray(explainer.feature_importances_)

    # ------------------------------------------------------------------ choice of the number
    def _cross_validate(self, X, y, rng):
        """Return the scores of each fold, (n_folds, n_steps + 1), from all columns to none."""
        splits = list(check_cv(self.cv, y, classifier=is_classifier(self.estimator)).split(X, y))
        folds = track(splits, "folds", verbose=self.verbose)
        return np.array([self._eliminate(self._fold(X, y, *fold, rng), rng, 0)[1] for fold in folds])

    def _best_number(self, scores):
        """Keep ``cv_results_``, and return the number of columns with the best mean score, the least of several."""
        numbers = np.array(self.elimination_path_["n_features"])
        some = np.flatnonzero(numbers > 0)[::-1]
        scores = scores[:, some]
        self.cv_results_ = {
            "n_features": numbers[some],
            "mean_test_score": scores.mean(axis=0),
            "std_test_score": scores.std(axis=0),
            **{f"split{k}_test_score": fold for k, fold in enumerate(scores)},
        }
        return int(numbers[some][scores.sum(axis=0).argmax()])

    def _rank(self, wanted):
        n = self.n_players_
        self.ranking_ = np.ones(n, dtype=int)
        steps = np.arange(n - wanted) // self._per_step()
        self.ranking_[self.elimination_order_[: n - wanted]] += steps.max(initial=0) + 1 - steps
        self.support_ = self.ranking_ == 1
        self.n_features_ = wanted

    # ------------------------------------------------------------------ attribution
    def _cells_per_row(self):
        return max(super()._cells_per_row(), (self.n_players_ + 1) * len(self._walk.background))

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        kept = np.ones((self.n_players_ + 1, self.n_players_), dtype=bool)
        for step, player in enumerate(self.elimination_order_):
            kept[step + 1 :, player] = False
        values = self._walk.averaged(X, kept, targets)
        found = np.empty((len(X), self.n_players_))
        found[:, self.elimination_order_] = values[:, :-1] - values[:, 1:]
        return Attributions(found.reshape(len(X), *self._value_shape), values[:, -1], outputs, {})


def _pair(X, y, rows):
    """Return some rows, and what is true of them (or None)."""
    return take_rows(X, rows), None if y is None else np.asarray(y)[rows]


def _draw(pair, size, rng):
    X, y = pair
    return _pair(X, y, np.sort(rng.choice(len(X), min(len(X), size), replace=False)))


def _never_trained(estimator):
    """Return a fitted estimator such that ``fit(X, y)`` of an explainer leaves it as it is."""
    return estimator if is_module(split_pipeline(estimator)[1]) else FrozenEstimator(estimator)
