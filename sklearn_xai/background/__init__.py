"""Baselines, background samples, feature groups, and how a feature is "removed"."""

from __future__ import annotations

from sklearn_xai.background.baselines import BASELINES, resolve_baseline, typical_row
from sklearn_xai.background.groups import group_matrix, resolve_groups
from sklearn_xai.background.neighbours import Neighbours
from sklearn_xai.background.sampling import sample_rows

__all__ = [
    "BASELINES",
    "Neighbours",
    "group_matrix",
    "resolve_baseline",
    "resolve_groups",
    "sample_rows",
    "typical_row",
]
