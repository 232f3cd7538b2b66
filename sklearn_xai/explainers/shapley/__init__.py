"""Shapley values."""

from __future__ import annotations

from sklearn_xai.explainers.shapley.shapley_values import ShapleyExplainer

__all__ = ["ShapleyExplainer"]
