"""What all explainers share."""

from __future__ import annotations

from sklearn_xai.base.explainer import BACKGROUND_PARAMETERS, REMOVAL_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.base.streaming import StreamedAttributions

__all__ = ["BACKGROUND_PARAMETERS", "REMOVAL_PARAMETERS", "Attributions", "BaseExplainer", "StreamedAttributions"]
