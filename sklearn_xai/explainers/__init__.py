"""The explainers, a room per family."""

from __future__ import annotations

from sklearn_xai.explainers.gradient import (
    GradientXWeightExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    SaliencyExplainer,
)
from sklearn_xai.explainers.peers import RandomExplainer, SHAPExplainer
from sklearn_xai.explainers.selection import RFEExplainer, attribution_importance
from sklearn_xai.explainers.surrogate import LocalSurrogateExplainer

__all__ = [
    "GradientXWeightExplainer",
    "InputXGradientExplainer",
    "IntegratedGradientsExplainer",
    "LocalSurrogateExplainer",
    "RFEExplainer",
    "RandomExplainer",
    "SHAPExplainer",
    "SaliencyExplainer",
    "attribution_importance",
]
