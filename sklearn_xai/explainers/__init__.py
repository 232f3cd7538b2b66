"""The explainers, a room per family."""

from __future__ import annotations

from sklearn_xai.explainers.gradient import (
    GradientXWeightExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    SaliencyExplainer,
)

__all__ = [
    "GradientXWeightExplainer",
    "InputXGradientExplainer",
    "IntegratedGradientsExplainer",
    "SaliencyExplainer",
]
