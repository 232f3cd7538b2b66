"""Which metrics there are, and what a scorer or a comparison must know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn_xai._typing import Decorated

FAMILIES = ("faithfulness", "robustness", "complexity", "randomisation", "axioms", "localisation", "agreement")


@dataclass(frozen=True)
class Metric:
    """A metric and its properties.

    Attributes
    ----------
    function : callable
        ``metric(explainer, X, y=None, *, attributions=None, sample_wise=False, random_state=None, ...)``.
    family : str
        One of FAMILIES.
    greater_is_better : bool
    needs : tuple of str
        Parameters without a default, which the caller must give: "masks", "reference".
    inputs : tuple of {"table", "image", "tokens"}
        What the explained rows may be.
    network : bool
        Whether the explained estimator must end in a network.
    refits : bool
        Whether it fits explainers anew. It then makes the explanation to judge itself, so that this has the draws of
        those it is held against; one at hand, of other draws, would look as if it depended on the model.
    """

    function: Callable
    family: str
    greater_is_better: bool
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("table", "image", "tokens")
    network: bool = False
    refits: bool = False

    @property
    def name(self) -> str:
        """The name of the function, by which the metric is asked for."""
        return self.function.__name__

    @property
    def sign(self) -> int:
        """1 where larger is better, else -1."""
        return 1 if self.greater_is_better else -1


METRICS: dict[str, Metric] = {}
"""Every metric by its name, as a `Metric`: its function, its family, its direction and what it needs."""

# Parameter descriptions that metrics share, written once: "%(judged)s" in a docstring stands for them.
SHARED = {
    "judged": """explainer : fitted explainer
        With ``target="all"``, each output is judged by itself and the mean over the outputs is given.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation to judge, as ``transform(X)`` or ``explain(X)`` gives it. None calls ``transform``.""",
    "removal": """removal : {"marginal", "baseline", "conditional"}, default=None
        What a removed player is replaced by, as :class:`~sklearn_xai.ShapleyExplainer` says; None leaves it to the
        explainer.""",
    "sample_wise": """sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.""",
    "ties": """random_state : int, RandomState instance or None, default=None
        Seeds the order of players with equal attributions, which is the same for all rows.""",
}


def explanation_metric(*, family: str, greater_is_better: bool, **properties: Any) -> Callable[[Decorated], Decorated]:
    """Make a function known as a metric; it stays the plain function that it is.

    Parameters
    ----------
    family : str
        One of "faithfulness", "robustness", "complexity", "randomisation", "axioms", "localisation" and "agreement".
    greater_is_better : bool
        Whether larger values are better.
    **properties : dict
        Other properties of a `Metric`: ``needs``, ``inputs``, ``network``, ``refits``.

    Returns
    -------
    decorator : callable
        Puts the function into ``METRICS`` and returns it.

    Raises
    ------
    ValueError
        For another family.
    """
    if family not in FAMILIES:
        raise ValueError(f"The 'family' parameter of explanation_metric must be one of {FAMILIES}. Got {family!r}.")

    def register(function):
        for name, text in SHARED.items():
            function.__doc__ = (function.__doc__ or "").replace(f"%({name})s", text)
        METRICS[function.__name__] = Metric(function, family, greater_is_better, **properties)
        return function

    return register
