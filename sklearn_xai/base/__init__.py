"""What all explainers share: BaseExplainer, and what it is made of."""

from __future__ import annotations

from sklearn_xai.base.explainer import Attributions, BaseExplainer

__all__ = ["Attributions", "BaseExplainer"]
