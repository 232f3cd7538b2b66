"""What makes an explanation good: plain functions, and scorers made of them."""

from __future__ import annotations

from sklearn_xai.metrics._registry import METRICS, Metric, explanation_metric
from sklearn_xai.metrics.completeness import completeness_gap
from sklearn_xai.metrics.faithfulness import faithfulness_correlation
from sklearn_xai.metrics.scorer import ExplanationScorer, make_explanation_scorer

__all__ = [
    "METRICS",
    "ExplanationScorer",
    "Metric",
    "completeness_gap",
    "explanation_metric",
    "faithfulness_correlation",
    "make_explanation_scorer",
]
