"""Which of several explainers to believe: a meta-estimator that cross-validates them all, as a search does settings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from time import perf_counter
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import indexable

from sklearn_xai._compat import Interval, StrOptions, fit_context
from sklearn_xai._docs import Documented
from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Rows, Seed, Splits
from sklearn_xai.model_selection._best_explainer import BestExplainer
from sklearn_xai.model_selection._choice import (
    better_than,
    blocks_table,
    results_table,
    scores_of,
    verdict_of,
)
from sklearn_xai.model_selection._evaluation import Fold, Task, as_seed, evaluate, with_seed
from sklearn_xai.model_selection._selector_inputs import checked_params, chosen_metrics, tell_left_out, with_control
from sklearn_xai.model_selection.comparison import OWN, comparison_scorers, comparison_table
from sklearn_xai.model_selection.folds import explaining, fold_indices, fold_seeds
from sklearn_xai.model_selection.inputs import given, n_rows, reference_name, rows_to_explain
from sklearn_xai.models import is_mapping

_TOP_K = 5  # players named in the attrs of the comparison, as compare_explainers does by default


class ExplainerSelector(BestExplainer, Documented, MetaEstimatorMixin, BaseEstimator):
    r"""Which of several explainers is the best on this model and these rows, and is it better than chance?

    In each fold, the estimator is trained once for all explainers that share it; each explainer explains rows of the
    test part, once for all metrics. Within each block, a metric in a fold, explainers are ranked, 1 for the best, ties
    sharing the mean of their places; the best explainer is that of the smallest mean rank over the N blocks b,

    .. math:: R_j = \frac{1}{N} \sum_b r_{bj},

    and two explainers are told apart where their mean ranks differ by more than a critical difference. A random
    explainer is among them: one that is not better than it says nothing that the metrics can see.

    Parameters
    ----------
    explainers : dict of str to explainer, or list of (str, explainer)
        Never changed. One whose `random_state` is None gets another seed in each fold. Steps before an explainer
        belong into its `estimator`, as a Pipeline.
    metrics : list of str, dict of str to str, callable or scorer, or None, default=None
        Names of metrics of :mod:`sklearn_xai.metrics`, functions `metric(explainer, X) -> float` of which larger is
        better, or scorers of :func:`~sklearn_xai.metrics.make_explanation_scorer`. None takes one of each of five
        families: "faithfulness_correlation", "max_sensitivity", "sparseness", "completeness_gap", and around networks
        "parameter_randomisation". All count the same.
    cv : int, cross-validation generator, iterable or None, default=None
        None is 5 folds, stratified if the first explainer's estimator is a classifier.
    control : str or None, default="random"
        The name of the explainer that the others must beat. "random" takes the one of that name, or the first
        :class:`~sklearn_xai.RandomExplainer`; without one, one around the first explainer's estimator is added. The
        control is never chosen. None does without.
    refit : bool, default=True
        Whether to fit the best explainer to all rows.
    test : {"nemenyi", "bootstrap"}, default="nemenyi"
        What the critical difference is taken from; see Notes.
    alpha : float, default=0.05
        How often, at most, explainers that are alike may be told apart.
    n_bootstrap : int, default=1000
        Number of draws of the bootstrap.
    n_eval : int or None, default=30
        How many rows of each test part are explained, drawn at random; None explains all.
    n_jobs : int or None, default=None
        Number of folds at the same time. Worker processes share the cores between them.
    random_state : int, RandomState instance or None, default=None
        Seeds the rows drawn, the metrics, the bootstrap, and explainers that have no seed of their own.
    verbose : int or bool, default=0
        Whether to show progress.

    Attributes
    ----------
    best_explainer_ : explainer
        The best, fitted to all rows; `transform`, `explain`, `predict` and the like are its own. Only with `refit`.
    best_name_ : str
        Its name.
    best_index_ : int
        Its place in `explainers` and in `results_`.
    results_ : DataFrame
        A row per explainer, the control among them. For each metric `mean_...` and `std_...` over folds of what the
        metric says, and `rank_...`, its mean rank there; `mean_rank`; whether it is `not_different_from_best`, and
        `better_than_control` (with a control); `fit_seconds` without training and `transform_seconds`, means over
        folds.
    scores_, ranks_ : DataFrame
        What each metric says, and the ranks, with a row for each (metric, fold) and a column for each explainer.
    mean_ranks_ : dict of str to float
        For :class:`~sklearn_xai.display.CriticalDifferenceDisplay`, with `critical_difference_`, `n_blocks_`,
        `p_value_` and `control_`.
    critical_difference_ : float
        Mean ranks that differ by more are told apart.
    control_difference_ : float
        A mean rank that is smaller than the control's by more than this is `better_than_control`.
    groups_ : list of list of str
        The largest sets of explainers that are not told apart.
    n_blocks_ : int
        Number of blocks: metrics that were ranked, times folds.
    control_ : str or None
        Name of the control.
    statistic_ : float
        Friedman's chi-squared.
    p_value_ : float
        That all explainers are alike, by Friedman's test, or by the bootstrap.
    left_out_ : dict of str to dict of str to str
        Metrics that could not be computed: why, by explainer. They take part in no rank.
    comparison_ : DataFrame
        The table of :func:`compare_explainers`. Its stability is NaN unless `X_eval` is given to `fit`: without, each
        fold explains rows of its own.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds that the last fit took. Only with `refit`.

    Raises
    ------
    TypeError
        If there is no explainer among the explainers, or a metric lacks what it needs.
    ValueError
        If a name or parameter is unknown, the explainers have different players, or no metric could be computed.

    Warns
    -----
    UserWarning
        When no explainer is better than the control, and when a metric could not be computed.

    Notes
    -----
    *Nemenyi.* The critical difference of `k` explainers and `N` blocks is `q * sqrt(k (k + 1) / (6 N))`, beside
    Friedman's test; against the control alone, `q` is that of Dunn's one-sided test with Bonferroni's correction. All
    take blocks for independent. They are not: folds share most of their training rows, and what makes one metric prefer
    an explainer may make another. So the differences they find are somewhat too many; with few folds and unlike
    metrics the fault is small.

    *Bootstrap.* Folds, and rows within them, are drawn with replacement, together for all explainers and metrics, so
    that their dependence is kept; the metrics are taken as they are. The critical difference is what the largest
    deviation of any difference of mean ranks exceeds in a share `alpha` of the draws. It speaks of other rows and
    folds, not of other metrics, and is smaller than Nemenyi's where these agree on the same rows.

    Scores that differ by less than 1e-5 of the largest in their block are ties.

    Misleads when the metrics are not what is wanted of an explanation: the best by three measures of removal is the
    one that removes as they do. The best of several bad ones is still the best; look at the scores, and at the
    control.

    Cost: in each fold one training for each estimator, and one explanation of the test rows by each explainer. The
    metrics come on top, and often cost more; their own documentation says how much.

    References
    ----------
    Demsar, J. (2006). Statistical comparisons of classifiers over multiple data sets. JMLR 7.

    Friedman, M. (1937). The use of ranks to avoid the assumption of normality implicit in the analysis of variance.

    See Also
    --------
    compare_explainers : The table by itself.
    sklearn_xai.display.CriticalDifferenceDisplay : The mean ranks on a line.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer, SaliencyExplainer
    >>> from sklearn_xai.model_selection import ExplainerSelector
    >>> X = np.random.RandomState(0).randn(60, 4).astype("float32")
    >>> net = torch.nn.Linear(4, 1)
    >>> explainers = {"slopes": SaliencyExplainer(net), "products": InputXGradientExplainer(net)}
    >>> metrics = ["faithfulness_correlation", "completeness_gap"]
    >>> selector = ExplainerSelector(explainers, metrics, random_state=0).fit(X)
    >>> selector.best_name_, selector.control_
    ('products', 'random')
    >>> selector.transform(X).shape
    (60, 4)
    """

    _parameter_constraints: dict = {
        "explainers": "no_validation",
        "metrics": "no_validation",
        "cv": ["cv_object"],
        "control": [str, None],
        "refit": ["boolean"],
        "test": [StrOptions({"nemenyi", "bootstrap"})],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "n_eval": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        explainers: Mapping[str, Any] | Sequence[tuple[str, Any]],
        metrics: Sequence[str] | Mapping[str, Any] | None = None,
        *,
        cv: Splits = None,
        control: str | None = "random",
        refit: bool = True,
        test: Literal["nemenyi", "bootstrap"] = "nemenyi",
        alpha: float = 0.05,
        n_bootstrap: int = 1000,
        n_eval: int | None = 30,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        self.explainers = explainers
        self.metrics = metrics
        self.cv = cv
        self.control = control
        self.refit = refit
        self.test = test
        self.alpha = alpha
        self.n_bootstrap = n_bootstrap
        self.n_eval = n_eval
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Rows,
        y: ArrayLike | None = None,
        *,
        X_eval: Rows | None = None,
        metric_params: Mapping[str, Any] | None = None,
    ) -> Self:
        """Cross-validate all explainers, rank them, and fit the best to all rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
            The rows that the folds share out.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The targets to train on. None explains the fitted estimators as they stand, as FrozenEstimators and torch
            modules always are; the folds then differ in the background and the rows explained.
        X_eval : DataFrame or array-like of shape (n_eval, n_features), default=None
            Rows to explain in all folds, instead of those of the test parts.
        metric_params : dict of str to array, default=None
            What metrics need, such as `masks`, with an entry for each row of X (of `X_eval` where it is given).

        Returns
        -------
        self : object
        """
        caller = type(self).__name__
        explainers, self.control_ = with_control(self.explainers, self.control, super().get_params(deep=False), caller)
        seed = as_seed(self.random_state)
        X, y = (X, *indexable(y)) if is_mapping(X) else indexable(X, y)
        if X_eval is not None:
            rows_to_explain(X, X_eval, f"{caller}.fit")
        scorers = comparison_scorers(chosen_metrics(self.metrics, explainers, caller), caller, seed)
        asked = {name.removeprefix(OWN): scorer for name, scorer in scorers.items() if name.startswith(OWN)}
        params = checked_params(metric_params or {}, asked, n_rows(X if X_eval is None else X_eval), f"{caller}.fit")
        folds, last_seed = self._folds(X, y, X_eval is None, next(iter(explainers.values())), seed)
        task = Task(explainers, X, y, X_eval, scorers, params, caller, strict=False)
        results = evaluate(
            task, folds, n_jobs=self.n_jobs, verbose=self.verbose, description="Choosing among explainers"
        )
        self._judge(results, explainers, asked, X_eval is not None, seed)
        self.__dict__.pop("best_explainer_", None)
        if self.refit:
            start = perf_counter()
            best = with_seed(explainers[self.best_name_], last_seed)
            self.best_explainer_ = clone(best if y is not None else explaining(best, FrozenEstimator)).fit(X, y)
            self.refit_time_ = perf_counter() - start
        return self

    def _folds(self, X, y, own_rows, first, seed):
        """Share out the rows; give the folds, and one seed more."""
        splits = fold_indices(given(first), X, y, self.cv)
        *seeds, last = fold_seeds(seed, len(splits) + 1)
        folds = []
        for (train, test), fold_seed in zip(splits, seeds, strict=True):
            if own_rows and self.n_eval is not None and len(test) > self.n_eval:
                test = np.sort(own_random_state(fold_seed).permutation(test)[: self.n_eval])
            folds.append(Fold(train, test if own_rows else None, fold_seed))
        return folds, last

    def _judge(self, results, explainers, scorers, same_rows, seed):
        """Rank the explainers, choose, and keep what was found."""
        scores = scores_of(results, {name: scorer.greater_is_better for name, scorer in scorers.items()})
        tell_left_out(scores.left_out, len(scorers), type(self).__name__)
        verdict = verdict_of(
            scores,
            results,
            control=self.control_,
            test=self.test,
            alpha=self.alpha,
            same_rows=same_rows,
            n_bootstrap=self.n_bootstrap,
            random_state=seed,
        )
        names = scores.names
        candidates = [name for name in names if name != self.control_] or names
        self.best_name_ = min(candidates, key=verdict.mean_ranks.__getitem__)
        self.best_index_ = names.index(self.best_name_)
        self.results_ = results_table(results, scores, verdict, self.best_name_, self.control_)
        self.scores_ = blocks_table(scores.means, scores.metrics, names)
        self.ranks_ = blocks_table(verdict.ranks, [scores.metrics[m] for m in scores.ranked], names)
        self.mean_ranks_, self.groups_ = verdict.mean_ranks, verdict.groups
        self.critical_difference_, self.control_difference_ = verdict.critical_difference, verdict.control_difference
        self.n_blocks_ = len(self.ranks_)
        self.statistic_, self.p_value_, self.left_out_ = verdict.statistic, verdict.p_value, scores.left_out
        self.n_splits_ = scores.means.shape[1]
        self.comparison_ = comparison_table(
            results,
            reference_name(explainers, None),
            _TOP_K,
            seed,
            n_eval=len(results[names[0]][0].attributions),
            same_rows=same_rows and self.n_splits_ > 1,
        )
        self._warn_of_chance(verdict, candidates)

    def _warn_of_chance(self, verdict, candidates):
        if self.control_ in (None, *candidates) or better_than(verdict, candidates, self.control_).any():
            return
        ranks, best = verdict.mean_ranks, self.best_name_
        warnings.warn(
            f"{type(self).__name__}: no explainer is better than the control {self.control_!r}, whose mean rank over "
            f"{self.n_blocks_} blocks is {ranks[self.control_]:.2f}. The best, {best!r}, has {ranks[best]:.2f}; only a "
            f"difference above {verdict.control_difference:.2f} ({self.test}, alpha={self.alpha:g}) tells them apart. "
            "More folds or metrics lower it.",
            UserWarning,
            stacklevel=5,
        )
