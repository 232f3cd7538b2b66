"""The two computations that everything is made of: coalition values and path gradients."""

from __future__ import annotations

from sklearn_xai.engines.agreement import draw_subsets, subset_faithfulness
from sklearn_xai.engines.coalitions import Coalitions
from sklearn_xai.engines.gradients import (
    Path,
    chunk_rows,
    evaluate,
    gradient,
    path_gradient,
    path_gradient_between,
    pick,
    scattered_gradients,
)
from sklearn_xai.engines.pair_games import PairGames
from sklearn_xai.engines.tape import Tape, record, vector_jacobian

__all__ = [
    "Coalitions",
    "PairGames",
    "Path",
    "Tape",
    "chunk_rows",
    "draw_subsets",
    "evaluate",
    "gradient",
    "path_gradient",
    "path_gradient_between",
    "pick",
    "record",
    "scattered_gradients",
    "subset_faithfulness",
    "vector_jacobian",
]
