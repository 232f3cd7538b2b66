"""Interpretable models fitted to the model."""

from __future__ import annotations

from sklearn_xai.explainers.surrogate.local_surrogate import LocalSurrogateExplainer

__all__ = ["LocalSurrogateExplainer"]
