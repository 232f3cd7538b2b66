"""Interpretable models fitted to the model."""

from __future__ import annotations

from sklearn_xai.explainers.surrogate.linear_surrogate import LinearSurrogateExplainer
from sklearn_xai.explainers.surrogate.local_surrogate import LocalSurrogateExplainer
from sklearn_xai.explainers.surrogate.rule_surrogate import RuleSurrogateExplainer
from sklearn_xai.explainers.surrogate.tree_surrogate import TreeSurrogateExplainer

__all__ = [
    "LinearSurrogateExplainer",
    "LocalSurrogateExplainer",
    "RuleSurrogateExplainer",
    "TreeSurrogateExplainer",
]
