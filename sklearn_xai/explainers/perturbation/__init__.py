"""What the model says when columns are changed: occlusion, permutation, partial dependence."""

from __future__ import annotations

from sklearn_xai.explainers.perturbation.occlusion import OcclusionExplainer
from sklearn_xai.explainers.perturbation.partial_dependence import PartialDependenceExplainer
from sklearn_xai.explainers.perturbation.permutation_importance import PermutationImportanceExplainer

__all__ = ["OcclusionExplainer", "PartialDependenceExplainer", "PermutationImportanceExplainer"]
