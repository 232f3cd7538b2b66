"""What all explainers share."""

from __future__ import annotations

from sklearn_xai.base.explainer import BACKGROUND_PARAMETERS, REMOVAL_PARAMETERS, Attributions, BaseExplainer

__all__ = ["BACKGROUND_PARAMETERS", "REMOVAL_PARAMETERS", "Attributions", "BaseExplainer"]
