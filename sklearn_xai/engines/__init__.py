"""The two computations that everything is made of: coalition values and path gradients."""

from __future__ import annotations

from sklearn_xai.engines.agreement import draw_subsets, subset_faithfulness
from sklearn_xai.engines.coalitions import Coalitions
from sklearn_xai.engines.gradients import Path, evaluate, gradient, path_gradient, path_gradient_between, pick
from sklearn_xai.engines.pair_games import PairGames

__all__ = [
    "Coalitions",
    "PairGames",
    "Path",
    "draw_subsets",
    "evaluate",
    "gradient",
    "path_gradient",
    "path_gradient_between",
    "pick",
    "subset_faithfulness",
]
