"""How a fitted estimator is seen: as a network, a black box, or a Pipeline with columns."""

from __future__ import annotations

from sklearn_xai.models.affine_head import Split, find_affine_head
from sklearn_xai.models.blackbox import BlackBox
from sklearn_xai.models.columns import ColumnMap, as_array, find_columns, run_steps, split_pipeline
from sklearn_xai.models.embeddings import EmbeddingSite
from sklearn_xai.models.explained import ExplainedModel, train_clone
from sklearn_xai.models.finding import find_site
from sklearn_xai.models.inside import InsideModel
from sklearn_xai.models.layers import LayerReader, noted_calls
from sklearn_xai.models.layout import Layout, is_mapping
from sklearn_xai.models.network import Network, check_network_is_fitted, is_module, is_net, is_network, unwrap
from sklearn_xai.models.sites import LayerSite, Site

__all__ = [
    "BlackBox",
    "ColumnMap",
    "EmbeddingSite",
    "ExplainedModel",
    "InsideModel",
    "LayerReader",
    "LayerSite",
    "Layout",
    "Network",
    "Site",
    "Split",
    "as_array",
    "check_network_is_fitted",
    "find_affine_head",
    "find_columns",
    "find_site",
    "is_mapping",
    "is_module",
    "is_net",
    "is_network",
    "noted_calls",
    "run_steps",
    "split_pipeline",
    "train_clone",
    "unwrap",
]
