"""The explainers that the tests go through, with few evaluations."""

from __future__ import annotations

from sklearn_xai import all_explainers

CLASSES = [cls for _, cls in all_explainers(inputs="table")]

FAST = {
    "CaptumExplainer": {"method_params": {"n_steps": 200}},  # no gap above the tolerance
    "DecisionBoundaryExplainer": {"categories": "switch", "n_starts": 5},  # numbers alone are not always enough
    "ExpectedGradientsExplainer": {"n_samples": 40, "background_size": 10, "tol": 0.05},
    "ForestExplainer": {"n_estimators": 3, "min_fidelity": None, "background_size": 5},
    "LinearSurrogateExplainer": {"min_fidelity": None},
    "LocalSurrogateExplainer": {"n_samples": 64},
    "MutualInformationExplainer": {"n_permutations": 3},
    "OcclusionExplainer": {"background_size": 10},
    "PermutationImportanceExplainer": {"n_repeats": 2},
    "PartialDependenceExplainer": {"grid_resolution": 10, "background_size": 20},
    "RuleSurrogateExplainer": {"max_rules": 3, "min_fidelity": None},
    "SHAPExplainer": {"algorithm": "permutation", "max_evals": 60, "background_size": 5},
    "ShapleyExplainer": {"background_size": 10},
    "SmoothGradExplainer": {"n_samples": 6},
    "TreeSurrogateExplainer": {"max_depth": 3, "min_samples_leaf": 1, "min_fidelity": None},
}


def fast(cls, estimator, **kwargs):
    """Build an explainer with few evaluations."""
    return cls(estimator, **{**FAST.get(cls.__name__, {}), **kwargs})
