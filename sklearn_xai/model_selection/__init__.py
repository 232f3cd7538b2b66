"""Attributions across folds, their stability, the comparison of explainers; how good a model itself is."""

from __future__ import annotations

from sklearn_xai.model_selection.comparison import compare_explainers
from sklearn_xai.model_selection.evaluation import ModelEvaluation, evaluate_model
from sklearn_xai.model_selection.folds import cross_val_attributions
from sklearn_xai.model_selection.selection import ExplainerSelector
from sklearn_xai.model_selection.stability import explanation_stability, stability_from_attributions

__all__ = [
    "ExplainerSelector",
    "ModelEvaluation",
    "compare_explainers",
    "cross_val_attributions",
    "evaluate_model",
    "explanation_stability",
    "stability_from_attributions",
]
