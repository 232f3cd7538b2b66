"""What makes an explanation good: plain functions, and scorers made of them."""

from __future__ import annotations

from sklearn_xai.metrics._registry import METRICS, Metric, explanation_metric
from sklearn_xai.metrics.agreement import (
    feature_agreement,
    pairwise_rank_agreement,
    rank_agreement,
    rank_correlation,
    sign_agreement,
    signed_rank_agreement,
)
from sklearn_xai.metrics.axioms import implementation_invariance, input_invariance, non_sensitivity
from sklearn_xai.metrics.completeness import completeness_gap
from sklearn_xai.metrics.concentration import complexity, effective_complexity, sparseness
from sklearn_xai.metrics.erasure import comprehensiveness, sufficiency
from sklearn_xai.metrics.faithfulness import (
    faithfulness_correlation,
    infidelity,
    monotonicity_correlation,
    sensitivity_n,
)
from sklearn_xai.metrics.localisation import pointing_game, relevance_mass_accuracy, relevance_rank_accuracy
from sklearn_xai.metrics.perturbation_curves import deletion_auc, insertion_auc, perturbation_curve
from sklearn_xai.metrics.pixel_removal import road
from sklearn_xai.metrics.prediction_gap import prediction_gap_important, prediction_gap_unimportant
from sklearn_xai.metrics.random_target import random_target
from sklearn_xai.metrics.randomisation import (
    efficient_parameter_randomisation,
    parameter_randomisation,
    smooth_parameter_randomisation,
)
from sklearn_xai.metrics.randomisation_curve import parameter_randomisation_curve
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
    "complexity",
    "comprehensiveness",
    "deletion_auc",
    "effective_complexity",
    "efficient_parameter_randomisation",
    "explanation_metric",
    "faithfulness_correlation",
    "feature_agreement",
    "get_explanation_scorer",
    "get_explanation_scorer_names",
    "implementation_invariance",
    "infidelity",
    "input_invariance",
    "insertion_auc",
    "local_lipschitz",
    "make_explanation_scorer",
    "max_sensitivity",
    "monotonicity_correlation",
    "non_sensitivity",
    "pairwise_rank_agreement",
    "parameter_randomisation",
    "parameter_randomisation_curve",
    "perturbation_curve",
    "pointing_game",
    "prediction_gap_important",
    "prediction_gap_unimportant",
    "random_target",
    "rank_agreement",
    "rank_correlation",
    "relative_input_stability",
    "relative_output_stability",
    "relative_representation_stability",
    "relevance_mass_accuracy",
    "relevance_rank_accuracy",
    "road",
    "sensitivity_n",
    "sign_agreement",
    "signed_rank_agreement",
    "smooth_parameter_randomisation",
    "sparseness",
    "sufficiency",
]
