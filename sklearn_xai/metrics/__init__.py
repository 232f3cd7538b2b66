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
from sklearn_xai.metrics.relative_stability import (
    relative_input_stability,
    relative_output_stability,
    relative_representation_stability,
)
from sklearn_xai.metrics.robustness import avg_sensitivity, local_lipschitz, max_sensitivity
from sklearn_xai.metrics.scorer import ExplanationScorer
from sklearn_xai.metrics.scorers import (
    ExplanationScorers,
    get_explanation_scorer,
    get_explanation_scorer_names,
    make_explanation_scorer,
)

__all__ = [
    "METRICS",
    "ExplanationScorer",
    "ExplanationScorers",
    "Metric",
    "avg_sensitivity",
    "completeness_gap",
    "comprehensiveness",
    "deletion_auc",
    "explanation_metric",
    "faithfulness_correlation",
    "get_explanation_scorer",
    "get_explanation_scorer_names",
    "infidelity",
    "insertion_auc",
    "local_lipschitz",
    "make_explanation_scorer",
    "max_sensitivity",
    "monotonicity_correlation",
    "perturbation_curve",
    "prediction_gap_important",
    "prediction_gap_unimportant",
    "relative_input_stability",
    "relative_output_stability",
    "relative_representation_stability",
    "sensitivity_n",
    "sufficiency",
]
