"""Pictures of explanations: what an explainer says, how stable it is, how explainers compare."""

from __future__ import annotations

from sklearn_xai.display._activation import ActivationDisplay
from sklearn_xai.display._agreement import AgreementDisplay
from sklearn_xai.display._attribution import AttributionDisplay
from sklearn_xai.display._comparison import ComparisonDisplay
from sklearn_xai.display._critical_difference import CriticalDifferenceDisplay
from sklearn_xai.display._dissection import DissectionDisplay
from sklearn_xai.display._evaluation import EvaluationDisplay
from sklearn_xai.display._metrics import MetricsDisplay
from sklearn_xai.display._perturbation_curve import PerturbationCurveDisplay
from sklearn_xai.display._projection import ProjectionDisplay
from sklearn_xai.display._stability import StabilityDisplay
from sklearn_xai.display._training import TrainingDisplay

__all__ = [
    "ActivationDisplay",
    "AgreementDisplay",
    "AttributionDisplay",
    "ComparisonDisplay",
    "CriticalDifferenceDisplay",
    "DissectionDisplay",
    "EvaluationDisplay",
    "MetricsDisplay",
    "PerturbationCurveDisplay",
    "ProjectionDisplay",
    "StabilityDisplay",
    "TrainingDisplay",
]
