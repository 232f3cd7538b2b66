"""What makes an explanation good: plain functions, and scorers made of them."""

from __future__ import annotations

from sklearn_xai.metrics._registry import METRICS, Metric, explanation_metric
from sklearn_xai.metrics.completeness import completeness_gap
from sklearn_xai.metrics.erasure import comprehensiveness, sufficiency
from sklearn_xai.metrics.faithfulness import (
    faithfulness_correlation,
    infidelity,
    monotonicity_correlation,
    sensitivity_n,
)
from sklearn_xai.metrics.perturbation_curves import deletion_auc, insertion_auc, perturbation_curve
from sklearn_xai.metrics.prediction_gap import prediction_gap_important, prediction_gap_unimportant
from sklearn_xai.metrics.scorer import ExplanationScorer, make_explanation_scorer

__all__ = [
    "METRICS",
    "ExplanationScorer",
    "Metric",
    "completeness_gap",
    "comprehensiveness",
    "deletion_auc",
    "explanation_metric",
    "faithfulness_correlation",
    "infidelity",
    "insertion_auc",
    "make_explanation_scorer",
    "monotonicity_correlation",
    "perturbation_curve",
    "prediction_gap_important",
    "prediction_gap_unimportant",
    "sensitivity_n",
    "sufficiency",
]
