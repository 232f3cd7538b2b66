"""Data to explain models on, shipped with the package: nothing is downloaded."""

from __future__ import annotations

from sklearn_xai.datasets._adult import load_adult

__all__ = ["load_adult"]
