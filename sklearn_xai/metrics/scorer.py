"""Metrics of explanations as `scoring=` of scikit-learn's searches."""

from __future__ import annotations

import inspect

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_xai.metrics._registry import METRICS


class ExplanationScorer:
    """How good are an explainer's explanations of these rows, larger being better?

    Made by :func:`make_explanation_scorer`; called by a search or by cross-validation as `scorer(explainer, X, y)`.

    Parameters
    ----------
    metric : str or callable
        As in :func:`make_explanation_scorer`.
    greater_is_better : bool, default=True
        As in :func:`make_explanation_scorer`.
    **kwargs : dict
        Handed to `metric` at every call.

    Examples
    --------
    >>> from sklearn_xai.metrics import ExplanationScorer
    >>> ExplanationScorer("completeness_gap", relative=True)
    make_explanation_scorer('completeness_gap', relative=True)
    """

    def __init__(self, metric, *, greater_is_better=True, **kwargs):
        self.metric = _named_metric(metric)
        known = METRICS.get(_name_of(self.metric))
        self.known = known is not None and known.function is self.metric
        self.greater_is_better = known.greater_is_better if known and self.known else greater_is_better
        # Candidates of a search are scored with the same draws, in whichever process.
        self.kwargs = {"random_state": 0, **kwargs} if known and self.known else kwargs
        self._given = kwargs
        try:
            inspect.signature(self.metric).bind(None, None, **kwargs)
        except TypeError as error:
            raise TypeError(f"make_explanation_scorer: {_name_of(self.metric)} cannot be called so: {error}.") from None

    def __call__(self, explainer, X, y=None):
        """Give the metric of `explainer` on the rows `X`, its sign turned so that larger is better.

        Parameters
        ----------
        explainer : fitted explainer, or Pipeline whose last step is one
            In a pipeline, `X` goes through the earlier steps first.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows to explain.
        y : ignored
            For scikit-learn.

        Returns
        -------
        score : float
            Larger is better.
        """
        while isinstance(explainer, Pipeline):
            for _, step in explainer.steps[:-1]:
                X = X if step in (None, "passthrough") else step.transform(X)
            explainer = explainer.steps[-1][1]
        if not hasattr(explainer, "explained_output"):
            raise TypeError(f"{self!r} scores explainers. Got {type(explainer).__name__}, which explains nothing.")
        value = np.asarray(self.metric(explainer, X, **self.kwargs))
        if value.ndim:
            raise ValueError(
                f"{self!r} needs one number. {_name_of(self.metric)} gave an array of shape {value.shape}."
            )
        return float(value) if self.greater_is_better else -float(value)

    def __repr__(self):
        """Show the call that makes this scorer."""
        arguments = [repr(self.metric.__name__) if self.known else _name_of(self.metric)]
        if not self.greater_is_better and not self.known:
            arguments.append("greater_is_better=False")
        arguments += [f"{name}={value!r}" for name, value in self._given.items()]
        return f"make_explanation_scorer({', '.join(arguments)})"


def _named_metric(metric):
    if isinstance(metric, str) and metric in METRICS:
        return METRICS[metric].function
    if callable(metric) and not inspect.isclass(metric):
        return metric
    raise ValueError(
        f"The 'metric' parameter of make_explanation_scorer must be one of {sorted(METRICS)} or a function "
        f"metric(explainer, X, ...) -> float. Got {metric!r}."
    )


def _name_of(metric) -> str:
    return getattr(metric, "__name__", repr(metric))


def make_explanation_scorer(metric, *, greater_is_better=True, **kwargs):
    """How can a search choose among explainers by the quality of their explanations?

    Parameters
    ----------
    metric : {"faithfulness_correlation", "completeness_gap"} or callable
        `metric(explainer, X, **kwargs) -> float`.
    greater_is_better : bool, default=True
        Whether larger values of `metric` are better; if not, the score is its negative. Of `completeness_gap`,
        smaller is better whatever is said here.
    **kwargs : dict
        Handed to `metric` at every call.

    Returns
    -------
    scorer : ExplanationScorer
        A callable `scorer(explainer, X, y=None) -> float` for `scoring=` of GridSearchCV, RandomizedSearchCV and
        cross_validate. It pickles, clones, and looks through a Pipeline whose last step is an explainer.

    Raises
    ------
    ValueError
        If `metric` is neither a known name nor a function.
    TypeError
        If `metric` does not take `kwargs`.

    See Also
    --------
    faithfulness_correlation : Do the attributions say how the output moves?
    completeness_gap : What an explanation leaves unexplained.

    Examples
    --------
    >>> from sklearn_xai.metrics import make_explanation_scorer
    >>> make_explanation_scorer("faithfulness_correlation", n_subsets=20)
    make_explanation_scorer('faithfulness_correlation', n_subsets=20)
    """
    return ExplanationScorer(metric, greater_is_better=greater_is_better, **kwargs)
