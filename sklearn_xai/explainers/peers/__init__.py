"""Other libraries wrapped as explainers, and the random control."""

from __future__ import annotations

from sklearn_xai.explainers.peers.captum_attribution import CaptumExplainer
from sklearn_xai.explainers.peers.random_control import RandomExplainer
from sklearn_xai.explainers.peers.shap_values import SHAPExplainer

__all__ = ["CaptumExplainer", "RandomExplainer", "SHAPExplainer"]
