"""Baselines, background samples, feature groups, and how a feature is "removed"."""

from __future__ import annotations

from sklearn_xai.background.baselines import BASELINES, resolve_baseline, typical_row
from sklearn_xai.background.groups import association, correlated_groups, group_matrix, resolve_groups
from sklearn_xai.background.neighbours import Neighbours
from sklearn_xai.background.regions import image_groups
from sklearn_xai.background.sampling import balanced_rows, cluster_rows, sample_rows, strata_rows

__all__ = [
    "BASELINES",
    "Neighbours",
    "association",
    "balanced_rows",
    "cluster_rows",
    "correlated_groups",
    "group_matrix",
    "image_groups",
    "resolve_baseline",
    "resolve_groups",
    "sample_rows",
    "strata_rows",
    "typical_row",
]
