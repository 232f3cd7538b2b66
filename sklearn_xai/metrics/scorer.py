"""Metrics of explanations as `scoring=` of scikit-learn's searches."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import sklearn
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_xai._checks import meant
from sklearn_xai._typing import Explained, Rows, Scores
from sklearn_xai.metrics._registry import METRICS


class ExplanationScorer:
    """How good are an explainer's explanations of these rows, larger being better?

    Made by :func:`make_explanation_scorer` and :func:`get_explanation_scorer`; called by a search or by
    cross-validation as `scorer(explainer, X, y)`.

    Parameters
    ----------
    metric : str or callable
        As in :func:`make_explanation_scorer`.
    greater_is_better : bool or None, default=None
        As in :func:`make_explanation_scorer`.
    **kwargs : dict
        Handed to `metric` at every call.

    Attributes
    ----------
    metric : callable
        The function.
    known : Metric or None
        What is known of it, where it is a metric of this package.
    name : str
        Its name, after ``"neg_"`` where smaller is better: what :func:`get_explanation_scorer` calls it.
    greater_is_better : bool
        Whether larger values of `metric` are better.

    See Also
    --------
    ExplanationScorers : Several of them, of one explanation.

    Examples
    --------
    >>> from sklearn_xai.metrics import ExplanationScorer
    >>> ExplanationScorer("completeness_gap", relative=True)
    make_explanation_scorer('completeness_gap', relative=True)
    """

    def __init__(
        self, metric: str | Callable[..., Any], *, greater_is_better: bool | None = None, **kwargs: Any
    ) -> None:
        self.metric = _named_metric(metric)
        known = METRICS.get(_name_of(self.metric))
        self.known = known if known is not None and known.function is self.metric else None
        self.greater_is_better = _direction(self.known, greater_is_better)
        # Candidates of a search are scored with the same draws, in whichever process.
        self.kwargs = {"random_state": 0, **kwargs} if self.known else kwargs
        self._given = kwargs
        self._requests: dict[str, bool | str | None] = {}
        parameters = inspect.signature(self.metric).parameters
        self._parameters = [
            name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
        try:
            inspect.signature(self.metric).bind_partial(None, None, **kwargs)
        except TypeError as error:
            raise TypeError(f"make_explanation_scorer: {_name_of(self.metric)} cannot be called so: {error}.") from None

    @property
    def name(self) -> str:
        """The name of the metric, after ``"neg_"`` where smaller is better."""
        return ("" if self.greater_is_better else "neg_") + _name_of(self.metric)

    def __call__(self, explainer, X, y=None, **params):
        """Give the metric of `explainer` on the rows `X`, its sign turned so that larger is better.

        Parameters
        ----------
        explainer : fitted explainer, or Pipeline whose last step is one
            In a pipeline, `X` goes through the earlier steps first. An
            :class:`~sklearn_xai.model_selection.ExplainerSelector` stands for its best explainer.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows to explain.
        y : array-like of shape (n_samples,), default=None
            Handed to a metric that takes it.
        **params : dict
            What the metric needs of these rows, such as `masks`.

        Returns
        -------
        score : float
            Larger is better.

        Raises
        ------
        TypeError
            If `explainer` explains nothing, or the metric needs what was not given.
        ValueError
            If the metric gives more than one number.
        """
        return self.signed(self.measure(*look_through(explainer, X, self), y, **params))

    def signed(self, value: Scores) -> Scores:
        """Give the one number that the metric found, its sign turned so that larger is better."""
        if np.ndim(value):
            raise ValueError(
                f"{self!r} needs one number. {_name_of(self.metric)} gave an array of shape {np.shape(value)}."
            )
        return float(value) if self.greater_is_better else -float(value)

    def takes(self, name: str) -> bool:
        """Whether the metric has a parameter of this name."""
        return name in self._parameters[2:]

    def measure(
        self,
        explainer: Any,
        X: Rows,
        y: ArrayLike | None = None,
        *,
        attributions: Explained | None = None,
        sample_wise: bool = False,
        **params: Any,
    ) -> np.ndarray:
        """Give the metric as it is, of explanations that may be at hand.

        Parameters
        ----------
        explainer : fitted explainer
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        attributions : shap.Explanation or array, default=None
            What `explainer.explain(X)` gave. A metric that does not take it explains the rows itself, and so does one
            that fits the explainer anew.
        sample_wise : bool, default=False
            Whether to ask for one number per row, of a metric that can give it.
        **params : dict
            As in a call.

        Returns
        -------
        value : ndarray
            Of shape (), or (n_samples,).
        """
        refits = self.known is not None and self.known.refits
        at_hand = {"y": y, "attributions": None if refits else attributions, "sample_wise": sample_wise or None}
        arguments = {name: v for name, v in at_hand.items() if v is not None and self.takes(name)}
        arguments |= self.kwargs | params
        missing = [name for name in (self.known.needs if self.known else ()) if arguments.get(name) is None]
        if missing:
            raise TypeError(
                f"{self!r} needs {missing}: give what is the same for all rows to make_explanation_scorer; what has an "
                "entry a row, at the call, or with metadata routing enabled by "
                f"set_score_request({missing[0]}=True) and params={{{missing[0]!r}: ...}} of cross_validate."
            )
        return np.asarray(self.metric(explainer, X, **arguments))

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Ask cross-validation for what the metric needs of each row; it is shared out to the folds like X.

        Parameters
        ----------
        **requests : dict of str to bool, str or None
            Parameters of the metric, such as `masks=True`; a name asks for the metadata of that name.

        Returns
        -------
        self : ExplanationScorer

        Raises
        ------
        RuntimeError
            Unless metadata routing is enabled.
        TypeError
            If the metric has no such parameter.
        """
        if not sklearn.get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request has an effect with metadata routing only: "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        own = self._parameters[2:]
        unknown = sorted(set(requests) - set(own))
        if unknown:
            raise TypeError(f"set_score_request: {_name_of(self.metric)} has no parameters {unknown}. It has {own}.")
        self._requests.update(requests)
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what is asked for of each row: nothing that `set_score_request` has not named.

        Returns
        -------
        routing : MetadataRequest
        """
        routing = MetadataRequest(owner=repr(self))
        for name, alias in (dict.fromkeys(self.known.needs if self.known else ()) | self._requests).items():
            routing.score.add_request(param=name, alias=alias)
        return routing

    def _accept_sample_weight(self):
        """Tell scikit-learn, which asks every scorer, whether weights of rows have a meaning here."""
        return self.takes("sample_weight")

    def __sklearn_clone__(self):
        return copy.deepcopy(self)

    def __eq__(self, other):
        """Whether another scorer says the same of every explainer."""
        if not isinstance(other, ExplanationScorer):
            return NotImplemented
        same = (self.metric, self.greater_is_better, self._requests) == (
            other.metric,
            other.greater_is_better,
            other._requests,
        )
        return (
            same
            and self.kwargs.keys() == other.kwargs.keys()
            and all(_alike(value, other.kwargs[name]) for name, value in self.kwargs.items())
        )

    def __hash__(self):
        return hash((self.metric, self.greater_is_better, *sorted(self.kwargs)))

    def __repr__(self):
        """Show the call that makes this scorer."""
        arguments = [repr(self.metric.__name__) if self.known else _name_of(self.metric)]
        if not self.greater_is_better and not self.known:
            arguments.append("greater_is_better=False")
        arguments += [f"{name}={value!r}" for name, value in self._given.items()]
        requests = ", ".join(f"{name}={alias!r}" for name, alias in self._requests.items())
        return f"make_explanation_scorer({', '.join(arguments)})" + (f".set_score_request({requests})" * bool(requests))


def look_through(explainer, X, caller):
    """Return the explainer inside a Pipeline or a selector, and the rows as they reach it."""
    while isinstance(explainer, Pipeline) or hasattr(explainer, "best_explainer_"):
        if isinstance(explainer, Pipeline):
            for _, step in explainer.steps[:-1]:
                X = X if step in (None, "passthrough") else step.transform(X)
            explainer = explainer.steps[-1][1]
        else:
            explainer = explainer.best_explainer_
    if not hasattr(explainer, "explained_output"):
        raise TypeError(f"{caller!r} scores explainers. Got {type(explainer).__name__}, which explains nothing.")
    return explainer, X


def _named_metric(metric):
    if isinstance(metric, str) and metric in METRICS:
        return METRICS[metric].function
    if callable(metric) and not inspect.isclass(metric) and not isinstance(metric, ExplanationScorer):
        return metric
    raise ValueError(
        f"The 'metric' parameter of make_explanation_scorer must be one of {sorted(METRICS)} or a function "
        f"metric(explainer, X, ...) -> float. Got {metric!r}.{meant(metric, METRICS)}"
    )


def _direction(known, greater_is_better) -> bool:
    if known is None:
        return True if greater_is_better is None else bool(greater_is_better)
    if greater_is_better not in (None, known.greater_is_better):
        raise ValueError(
            f"The 'greater_is_better' parameter of make_explanation_scorer is {known.greater_is_better} for "
            f"{known.name}; leave it out. Got {greater_is_better!r}."
        )
    return known.greater_is_better


def _name_of(metric) -> str:
    return getattr(metric, "__name__", repr(metric))


def _alike(a, b) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(value, b[key]) for key, value in a.items())
    if hasattr(a, "equals") and hasattr(b, "equals"):
        return type(a) is type(b) and bool(a.equals(b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b)
    return a is b or bool(type(a) is type(b) and a == b)
