"""Where a model changes its mind: how far rows are from there, and which columns take them."""

from __future__ import annotations

from sklearn_xai.output.boundary.explainer import DecisionBoundaryExplainer

__all__ = ["DecisionBoundaryExplainer"]
