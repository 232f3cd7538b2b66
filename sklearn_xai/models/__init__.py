"""How a fitted estimator is seen: as a network, a black box, or a Pipeline with columns."""

from __future__ import annotations

from sklearn_xai.models.affine_head import Split, find_affine_head
from sklearn_xai.models.blackbox import BlackBox
from sklearn_xai.models.columns import ColumnMap, find_columns, split_pipeline
from sklearn_xai.models.explained import ExplainedModel, train_clone
from sklearn_xai.models.network import Network, check_network_is_fitted, is_module, is_net, is_network, unwrap

__all__ = [
    "BlackBox",
    "ColumnMap",
    "ExplainedModel",
    "Network",
    "Split",
    "check_network_is_fitted",
    "find_affine_head",
    "find_columns",
    "is_module",
    "is_net",
    "is_network",
    "split_pipeline",
    "train_clone",
    "unwrap",
]
