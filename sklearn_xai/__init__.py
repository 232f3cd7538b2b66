"""Explanations of PyTorch networks as scikit-learn estimators."""

from __future__ import annotations

from sklearn_xai.explainers import (
    GradientXWeightExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    SaliencyExplainer,
)

__version__ = "0.1.0"

__all__ = [
    "GradientXWeightExplainer",
    "InputXGradientExplainer",
    "IntegratedGradientsExplainer",
    "SaliencyExplainer",
]
