"""Pictures of explanations: what an explainer says, how stable it is, how explainers compare."""

from __future__ import annotations

from sklearn_xai.display._attribution import AttributionDisplay
from sklearn_xai.display._comparison import ComparisonDisplay
from sklearn_xai.display._stability import StabilityDisplay

__all__ = ["AttributionDisplay", "ComparisonDisplay", "StabilityDisplay"]
