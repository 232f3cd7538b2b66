"""Where a path is looked at, and with which weight: quadrature rules on [0, 1]."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.special import roots_legendre

METHODS = ("adaptive", "gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")
# n_steps="auto" begins with the first number of nodes; rows that are not there yet go on with the next.
AUTO_STEPS = (33, 129, 513, 2049)


@lru_cache(maxsize=64)
def path_nodes(method, n_steps):
    """Return the nodes and weights of a quadrature rule on [0, 1], as float64 arrays of shape (n_steps,)."""
    if method == "gausslegendre":
        nodes, weights = roots_legendre(n_steps)
        return (nodes + 1) / 2, weights / 2
    if method in ("adaptive", "riemann_trapezoid") and n_steps > 1:
        weights = np.full(n_steps, 1 / (n_steps - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, n_steps), weights
    shift = {"riemann_left": 0.0, "riemann_right": 1.0}.get(method, 0.5)
    return (np.arange(n_steps) + shift) / n_steps, np.full(n_steps, 1 / n_steps)


def segment_shares(change, left, right):
    """Return how much of each segment of a path the slope at its left end stands for, the rest being the right end's.

    On a piecewise linear network the slope jumps somewhere inside a segment; where, is told by the change of the output
    over it.

    Parameters
    ----------
    change, left, right : Tensor of shape (n_rows, n_segments)
        The change of the output, and what it would be with the slope at either end.

    Returns
    -------
    share : Tensor of shape (n_rows, n_segments)
        ``share * left + (1 - share) * right`` is the change, wherever a share from 0 to 1 makes it so.
    """
    jump = left - right
    share = ((change - right) / torch.where(jump == 0, 1.0, jump)).clamp(0, 1)
    # Where the two slopes agree to rounding, the share says nothing.
    noise = 1e-4 * (left.abs() + right.abs())
    return torch.where(jump.abs() <= noise, 0.5, share)


def balanced_weights(values, slopes):
    """Return weights of equal nodes that give each segment's change of the output to its two ends.

    The segment's weight is split so that slope times weight adds up to the change (each part stays within [0, 1]).

    Parameters
    ----------
    values, slopes : Tensor of shape (n_rows, n_nodes)
        The output at the nodes, and its derivative along the path.

    Returns
    -------
    weights : Tensor of shape (n_rows, n_nodes), rows sum to 1.
    """
    n = values.shape[1] - 1
    share = segment_shares((values[:, 1:] - values[:, :-1]) * n, slopes[:, :-1], slopes[:, 1:])
    weights = torch.zeros_like(values)
    weights[:, :-1] += share / n
    weights[:, 1:] += (1 - share) / n
    return weights
