"""What the output of a model says: how sure it is, where it changes its mind, how good it is."""

from __future__ import annotations

from sklearn_xai.output.boundary import DecisionBoundaryExplainer
from sklearn_xai.output.predictive_distribution import PredictiveDistribution

__all__ = ["DecisionBoundaryExplainer", "PredictiveDistribution"]
