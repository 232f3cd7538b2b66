"""Explanations of dask collections: nothing is computed before it is asked for, block by block."""

from __future__ import annotations

from sklearn_xai.base.lazy.blocks import lazy_method, lazy_transform, past_set_output
from sklearn_xai.base.lazy.explanation import LazyExplanation

__all__ = ["LazyExplanation", "lazy_method", "lazy_transform", "past_set_output"]
