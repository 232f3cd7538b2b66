"""The explainers that the tests go through, with few evaluations."""

from __future__ import annotations

from sklearn_xai import all_explainers

CLASSES = [cls for _, cls in all_explainers(inputs="table")]

FAST = {
    "LocalSurrogateExplainer": {"n_samples": 64},
    "SHAPExplainer": {"algorithm": "permutation", "max_evals": 60, "background_size": 5},
}


def fast(cls, estimator, **kwargs):
    """Build an explainer with few evaluations."""
    return cls(estimator, **{**FAST.get(cls.__name__, {}), **kwargs})
