"""Gradient methods."""

from __future__ import annotations

from sklearn_xai.explainers.gradient.expected_gradients import ExpectedGradientsExplainer
from sklearn_xai.explainers.gradient.gradient_x_weight import GradientXWeightExplainer
from sklearn_xai.explainers.gradient.input_x_gradient import InputXGradientExplainer
from sklearn_xai.explainers.gradient.integrated_gradients import IntegratedGradientsExplainer
from sklearn_xai.explainers.gradient.saliency import SaliencyExplainer
from sklearn_xai.explainers.gradient.smooth_grad import SmoothGradExplainer

__all__ = [
    "ExpectedGradientsExplainer",
    "GradientXWeightExplainer",
    "InputXGradientExplainer",
    "IntegratedGradientsExplainer",
    "SaliencyExplainer",
    "SmoothGradExplainer",
]
