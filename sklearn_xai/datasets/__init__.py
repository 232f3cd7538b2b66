"""Data to explain models on, shipped with the package: nothing is downloaded."""

from __future__ import annotations

from sklearn_xai.datasets._adult import load_adult
from sklearn_xai.datasets._movie_reviews import load_movie_reviews

__all__ = ["load_adult", "load_movie_reviews"]
