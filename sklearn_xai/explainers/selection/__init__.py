"""Which features to keep."""

from __future__ import annotations

from sklearn_xai.explainers.selection.attribution_importance import attribution_importance
from sklearn_xai.explainers.selection.forest import ForestExplainer
from sklearn_xai.explainers.selection.mutual_information import MutualInformationExplainer
from sklearn_xai.explainers.selection.rfe import RFEExplainer

__all__ = ["ForestExplainer", "MutualInformationExplainer", "RFEExplainer", "attribution_importance"]
