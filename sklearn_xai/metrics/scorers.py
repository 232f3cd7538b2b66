"""Scorers of metrics, by name, and several scores of one explanation: the fast form of multi-metric `scoring=`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sklearn
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from sklearn_xai._checks import meant
from sklearn_xai.metrics._registry import METRICS
from sklearn_xai.metrics.scorer import ExplanationScorer, look_through


def make_explanation_scorer(
    metric: str | Callable[..., Any], *, greater_is_better: bool | None = None, **kwargs: Any
) -> ExplanationScorer:
    """How can a search choose among explainers by the quality of their explanations?

    Parameters
    ----------
    metric : str or callable
        Name of a metric of :mod:`sklearn_xai.metrics`, or `metric(explainer, X, **kwargs) -> float`. A function with
        parameters `y`, `attributions` or `sample_wise` is given them where they are at hand.
    greater_is_better : bool or None, default=None
        Whether larger values of a function of your own are better (None: they are); if not, the score is its
        negative. The metrics of this package know.
    **kwargs : dict
        Handed to `metric` at every call. `random_state` is 0 unless given, so that all candidates of a search meet
        the same draws.

    Returns
    -------
    scorer : ExplanationScorer
        A callable `scorer(explainer, X, y=None) -> float` for `scoring=` of GridSearchCV, RandomizedSearchCV and
        cross_validate. It pickles, clones, equals another of the same parameters, and looks through a Pipeline whose
        last step is an explainer.

    Raises
    ------
    ValueError
        If `metric` is neither a known name nor a function, or `greater_is_better` is not what the metric says.
    TypeError
        If `metric` does not take `kwargs`.

    See Also
    --------
    get_explanation_scorer : A scorer by name, as it is.
    ExplanationScorers : Several scores of one explanation.

    Examples
    --------
    >>> from sklearn_xai.metrics import make_explanation_scorer
    >>> make_explanation_scorer("faithfulness_correlation", n_subsets=20)
    make_explanation_scorer('faithfulness_correlation', n_subsets=20)
    """
    return ExplanationScorer(metric, greater_is_better=greater_is_better, **kwargs)


def get_explanation_scorer_names() -> list[str]:
    """Which names does `get_explanation_scorer` know?

    Returns
    -------
    names : list of str
        In alphabetical order: the name of each metric of which larger is better, and ``"neg_"`` and the name of each of
        which smaller is better, as with :func:`sklearn.metrics.get_scorer_names`.

    See Also
    --------
    get_explanation_scorer : The scorer of a name.

    Examples
    --------
    >>> from sklearn_xai.metrics import get_explanation_scorer_names
    >>> {"faithfulness_correlation", "neg_completeness_gap"} <= set(get_explanation_scorer_names())
    True
    """
    return sorted(_scorers())


def get_explanation_scorer(scoring: str | Callable[..., Any]) -> Callable[..., Any]:
    """Which scorer has this name?

    Parameters
    ----------
    scoring : str or callable
        One of :func:`get_explanation_scorer_names`: the name of a metric, after ``"neg_"`` where smaller is better, so
        that larger scores are always better. A callable is returned as it is.

    Returns
    -------
    scorer : ExplanationScorer
        A new one, with the metric's own defaults and `random_state=0`.

    Raises
    ------
    ValueError
        If there is no such name.

    See Also
    --------
    make_explanation_scorer : A scorer with parameters of its own.

    Examples
    --------
    >>> from sklearn_xai.metrics import get_explanation_scorer
    >>> get_explanation_scorer("neg_completeness_gap")
    make_explanation_scorer('completeness_gap')
    """
    if callable(scoring):
        return scoring
    names = _scorers()
    if not isinstance(scoring, str) or scoring not in names:
        turned = f" Of {scoring}, smaller is better: 'neg_{scoring}'." if f"neg_{scoring}" in names else ""
        advice = turned or meant(scoring, names)
        raise ValueError(
            f"The 'scoring' parameter of get_explanation_scorer must be one of {sorted(names)}. Got "
            f"{scoring!r}.{advice}"
        )
    return ExplanationScorer(names[scoring])


def _scorers() -> dict[str, str]:
    return {("" if metric.greater_is_better else "neg_") + name: name for name, metric in METRICS.items()}


class ExplanationScorers:
    """How good are the explanations of these rows by several metrics, each row being explained once?

    A dict of scorers as `scoring=` explains the rows anew for each of them. This callable explains them once, gives
    the explanation to all metrics, and returns a dict, which `cross_validate` and `GridSearchCV` take as they take a
    dict of scorers.

    Parameters
    ----------
    scorers : list of str, or dict of str to str or ExplanationScorer
        Names of :func:`get_explanation_scorer_names`; or the names of the scores, with such a name or a scorer each.

    Attributes
    ----------
    scorers : dict of str to ExplanationScorer
        By the name of the score.

    Raises
    ------
    ValueError
        If there is none, one is named twice, or a name is unknown.
    TypeError
        If a scorer was not made by :func:`make_explanation_scorer`.

    See Also
    --------
    make_explanation_scorer : One scorer.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import ExplanationScorers
    >>> X = np.random.RandomState(0).randn(20, 3).astype("float32")
    >>> scoring = ExplanationScorers(["faithfulness_correlation", "neg_completeness_gap"])
    >>> scores = cross_validate(InputXGradientExplainer(torch.nn.Linear(3, 1)), X, scoring=scoring, cv=2)
    >>> sorted(name for name in scores if name.startswith("test"))
    ['test_faithfulness_correlation', 'test_neg_completeness_gap']
    """

    def __init__(self, scorers: Sequence[str] | Mapping[str, str | ExplanationScorer]) -> None:
        if isinstance(scorers, str) or not len(scorers):
            raise ValueError(
                "The 'scorers' parameter of ExplanationScorers must be a list of names or a dict of scorers, of at "
                f"least one. Got {scorers!r}."
            )
        if not isinstance(scorers, dict):
            names = list(scorers)
            if len(set(names)) < len(names):
                raise ValueError(f"The 'scorers' parameter of ExplanationScorers names one twice: {names}.")
            scorers = {name: name for name in names}
        self.scorers = {name: get_explanation_scorer(scorer) for name, scorer in scorers.items()}
        for name, scorer in self.scorers.items():
            if not isinstance(scorer, ExplanationScorer):
                raise TypeError(
                    "The 'scorers' parameter of ExplanationScorers must hold names, or what make_explanation_scorer "
                    f"makes. Got {type(scorer).__name__} for {name!r}."
                )

    def __call__(self, explainer, X, y=None, **params):
        """Give all scores of `explainer` on the rows `X`.

        Parameters
        ----------
        explainer : fitted explainer, or Pipeline whose last step is one
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        **params : dict
            What metrics need of these rows, such as `masks`; each metric gets what it has a parameter for, and with
            metadata routing enabled what its `set_score_request` asks for.

        Returns
        -------
        scores : dict of str to float
            Larger is better.
        """
        explainer, X = look_through(explainer, X, self)
        explanation, routed = explainer.explain(X), self._share_out(params)
        scores = {}
        for name, scorer in self.scorers.items():
            scores[name] = scorer.signed(scorer.measure(explainer, X, y, attributions=explanation, **routed[name]))
        return scores

    def _share_out(self, params):
        if sklearn.get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "score", **params)
            return {name: routed[name].score for name in self.scorers}
        shared = {
            name: {key: params[key] for key in params if scorer.takes(key)} for name, scorer in self.scorers.items()
        }
        unused = sorted(set(params) - {key for given in shared.values() for key in given})
        if unused:
            raise TypeError(f"{self!r}: none of the metrics has the parameters {unused}.")
        return shared

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what the scorers ask for of each row.

        Returns
        -------
        routing : MetadataRouter
        """
        return MetadataRouter(owner=repr(self)).add(
            **self.scorers, method_mapping=MethodMapping().add(caller="score", callee="score")
        )

    def __sklearn_clone__(self):
        return copy.deepcopy(self)

    def __eq__(self, other):
        """Whether another has the same scorers under the same names."""
        return self.scorers == other.scorers if isinstance(other, ExplanationScorers) else NotImplemented

    def __hash__(self):
        return hash(frozenset(self.scorers.items()))

    def __repr__(self):
        """Show the call that makes it."""
        return f"ExplanationScorers({self.scorers!r})"
