"""Data to explain models on: tables and texts shipped with the package, and data generated with known attributions."""

from __future__ import annotations

from sklearn_xai.datasets._adult import load_adult
from sklearn_xai.datasets._attribution_clusters import make_attribution_clusters
from sklearn_xai.datasets._attribution_images import make_attribution_images
from sklearn_xai.datasets._attribution_interactions import make_attribution_interactions
from sklearn_xai.datasets._attribution_linear import make_attribution_linear
from sklearn_xai.datasets._concept_images import make_concept_images
from sklearn_xai.datasets._movie_reviews import load_movie_reviews

__all__ = [
    "load_adult",
    "load_movie_reviews",
    "make_attribution_clusters",
    "make_attribution_images",
    "make_attribution_interactions",
    "make_attribution_linear",
    "make_concept_images",
]
