"""The explainers, a room per family; what a family exports is public here and in ``sklearn_xai``."""

from __future__ import annotations

from sklearn_xai.explainers import gradient, peers, perturbation, propagation, selection, shapley, surrogate
from sklearn_xai.explainers.gradient import *  # noqa: F403
from sklearn_xai.explainers.peers import *  # noqa: F403
from sklearn_xai.explainers.perturbation import *  # noqa: F403
from sklearn_xai.explainers.propagation import *  # noqa: F403
from sklearn_xai.explainers.selection import *  # noqa: F403
from sklearn_xai.explainers.shapley import *  # noqa: F403
from sklearn_xai.explainers.surrogate import *  # noqa: F403

_FAMILIES = (gradient, peers, perturbation, propagation, selection, shapley, surrogate)

__all__ = sorted(name for family in _FAMILIES for name in family.__all__)
