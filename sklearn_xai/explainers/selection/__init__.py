"""Which features to keep."""

from __future__ import annotations

from sklearn_xai.explainers.selection.rfe import RFEExplainer, attribution_importance

__all__ = ["RFEExplainer", "attribution_importance"]
