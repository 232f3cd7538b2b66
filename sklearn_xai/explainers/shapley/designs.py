r"""Which coalitions of d players to evaluate, and how their values are weighed: the numerics of Shapley values.

Write a game as :math:`v(z) = \sum_T \beta_T \prod_{i \in T} s_i` with s = 2z - 1, over all sets T of players. Its
Shapley value is :math:`\phi_i = \sum_{T \ni i, |T| odd} 2 \beta_T / |T|`, and its Shapley interaction index
:math:`I_{ij} = \sum_{T \ni i, j, |T| even} 4 \beta_T / (|T| - 1)`. So the odd part (v(z) - v(not z)) / 2 has all of the
former, the even part (v(z) + v(not z)) / 2 all of the latter, and both come from the same pairs of coalitions.

The sampled design takes the game as drawn from a Gaussian process: independent coefficients of mean 0, of which those
of order k = abs(T) have the energy E_k together. The covariance of two coalitions that differ in h players is then
:math:`\sum_k E_k \kappa_k^d(h)`, with the Krawtchouk polynomials :math:`\kappa` scaled to 1 at h = 0, and the best
linear estimate of the Shapley values given the values seen is one matrix, the same for all rows. First-order
regression, as kernel SHAP does it, is the limit in which all energy is of order 1; the energies of the higher orders
are fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

_BLOCK = 13  # 2**13 coalitions are enumerated at once
_MAX_ORDER = 11  # higher ones have no energy
_LISTED = 50_000  # subsets of one size that are listed to draw from
_CHECKS = 64  # coalitions that are left out in turn, to see how far the values are from what the others predict
_THIRD = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)  # energy of the first order left out of the fit
_DECAY = (0.03, 0.1, 0.2, 0.4)  # from each order to the next but one
_FITTED = 256  # pairs that energies are fitted to


@dataclass
class Design:
    """Coalitions of d players, and what their values say.

    Attributes
    ----------
    patterns : bool ndarray of shape (n_patterns, d)
    weights : ndarray of shape (d, n_patterns)
        Shapley values are ``weights @ values``.
    pair_weights : ndarray of shape (d * (d - 1) / 2, n_patterns) or None
        Shapley interaction indices of the pairs (i, j), i < j, in the order of ``combinations``.
    checks : ndarray of shape (n_checks, n_patterns) or None
        ``checks @ values`` are standardised errors of predicting some values from the others; None without error.
    variance : ndarray of shape (d,) or None
        Squared error of each Shapley value, in units of the mean square of ``checks @ values``.
    """

    patterns: np.ndarray
    weights: np.ndarray
    pair_weights: np.ndarray | None = None
    checks: np.ndarray | None = None
    variance: np.ndarray | None = None


# ---------------------------------------------------------------------- all coalitions
def enumerate_coalitions(d, interactions=False):
    """Yield Designs that together hold all coalitions of d players: their Shapley values add up to the exact ones.

    Parameters
    ----------
    d : int
    interactions : bool
        Whether to weigh for interactions too.
    """
    low = np.arange(2 ** min(d, _BLOCK))
    sizes = np.arange(d + 1)
    inverse = np.array([1 / (max(d, 1) * comb(max(d, 1) - 1, min(s, max(d - 1, 0)))) for s in sizes])
    for high in range(2 ** max(0, d - _BLOCK)):
        patterns = (((high << _BLOCK) + low)[:, None] >> np.arange(d) & 1).astype(bool)
        size = patterns.sum(axis=1)
        gained, lost = inverse[np.maximum(size - 1, 0)], inverse[size]
        weights = np.where(patterns, gained[:, None], -lost[:, None]).T
        yield Design(patterns, weights, _pair_weights(patterns, size) if interactions else None)


def _pair_weights(patterns, size):
    d = patterns.shape[1]
    if d < 2:
        return np.zeros((0, len(patterns)))
    inverse = np.array([1 / ((d - 1) * comb(d - 2, s)) for s in range(d - 1)])
    signs = np.where(patterns, 1, -1)
    return np.stack(
        [
            signs[:, i] * signs[:, j] * inverse[size - patterns[:, i].astype(int) - patterns[:, j]]
            for i, j in combinations(range(d), 2)
        ]
    )


# ---------------------------------------------------------------------- drawn coalitions
def draw_pairs(d, n_pairs, rng):
    """Draw coalitions, one of each complementary pair: the same number of each size, all of the sizes that have fewer.

    Parameters
    ----------
    d : int
        At least 2.
    n_pairs : int
    rng : RandomState

    Returns
    -------
    bool ndarray of shape (at most n_pairs, d); the first is the coalition of all players.
    """
    found = [np.ones((1, d), dtype=bool)]
    left = n_pairs - 1
    # of two complementary subsets of half the players, take that with the first player
    sizes = sorted((comb(d, size) // (1 + (2 * size == d)), size) for size in range(1, d // 2 + 1))
    for number, (count, size) in enumerate(sizes):
        wanted = min(count, left // (len(sizes) - number))
        found.append(_subsets(d, size, wanted, count, 2 * size == d, rng))
        left -= wanted
    return np.concatenate(found)


def _subsets(d, size, wanted, count, halved, rng):
    """Draw different subsets of a size."""
    if count <= _LISTED:
        chosen = np.sort(rng.choice(count, wanted, replace=False))
        rest = list(combinations(range(1, d), size - 1)) if halved else list(combinations(range(d), size))
        picked = np.array([rest[i] for i in chosen], dtype=int).reshape(wanted, size - halved)
        members = np.column_stack([np.zeros(wanted, dtype=int), picked]) if halved else picked
    else:
        drawn = np.empty((0, size), dtype=int)
        while len(drawn) < wanted:
            more = np.sort(rng.rand(wanted, d).argpartition(size - 1, axis=1)[:, :size], axis=1)
            drawn = np.unique(np.concatenate([drawn, more]), axis=0)
        members = drawn[rng.permutation(len(drawn))[:wanted]]
    kept = np.zeros((wanted, d), dtype=bool)
    np.put_along_axis(kept, members, True, axis=1)
    return kept


# ---------------------------------------------------------------------- the Gaussian process of games
def krawtchouk(n, orders):
    """Return the Krawtchouk polynomials of {0..n}, scaled to 1 at 0, shape (orders + 1, n + 1); 0 above order n."""
    h = np.arange(n + 1)
    found = np.zeros((orders + 1, n + 1))
    found[0] = 1
    if n and orders:
        found[1] = 1 - 2 * h / n
    for k in range(1, min(orders, n)):
        found[k + 1] = ((n - 2 * h) * found[k] - k * found[k - 1]) / (n - k)
    return found


def energies(d, third, decay, odd=True):
    """Return the energy of each order, from 0 to at most d: 1 for the first, ``third``, then less by ``decay``."""
    found = np.zeros(min(d, _MAX_ORDER) + 1)
    first = 1 if odd else 2
    if not odd:
        found[0] = 1e3  # a constant is no news
    for step, k in enumerate(range(first, len(found), 2)):
        found[k] = 1.0 if step == 0 else third * decay ** (step - 1)
    return found


def _covariance(signs, energy):
    """Return the covariance of the (odd or even part of the) values of coalitions, (n_pairs, n_pairs)."""
    d = signs.shape[1]
    distance = np.rint((d - signs @ signs.T) / 2).astype(int)
    curve = energy @ krawtchouk(d, len(energy) - 1)
    # rounding is allowed for, but not in the first coalition, that of all: the values must add up to its own
    return curve[distance] + np.diag(np.where(np.arange(len(signs)), 1e-9 * curve[0], 0.0))


def _with_shapley(signs, energy):
    """Return the covariance of Shapley values and the odd part of the values, (d, n_pairs)."""
    d = signs.shape[1]
    curve = 2 / d * energy[1:] @ krawtchouk(d - 1, len(energy) - 2)
    negative = (signs < 0).sum(axis=1)[:, None] - (signs < 0)
    return (signs * curve[negative]).T


def _with_interactions(signs, energy):
    """Return the covariance of interaction indices and the even part of the values, (d * (d - 1) / 2, n_pairs)."""
    d = signs.shape[1]
    k = np.arange(2, len(energy))
    curve = (4 * k / (d * (d - 1)) * energy[2:]) @ krawtchouk(d - 2, len(k) - 1)
    negative = signs < 0
    total = negative.sum(axis=1)
    return np.stack(
        [
            signs[:, i] * signs[:, j] * curve[total - negative[:, i].astype(int) - negative[:, j]]
            for i, j in combinations(range(d), 2)
        ]
    )


def fit_energies(kept, values, odd=True):
    """Fit the energies of the higher orders to the values of some games, by their likelihood.

    Parameters
    ----------
    kept : bool ndarray of shape (n_pairs, d)
    values : ndarray of shape (n_games, n_pairs)
        The odd (or even) part of the values.

    Returns
    -------
    third, decay : float
        What ``energies`` takes.
    """
    signs = np.where(kept, 1.0, -1.0)[:_FITTED]
    values = values[:, :_FITTED]
    varies = np.abs(values).max(axis=1, initial=0) > 0
    if len(signs) < 2 or not varies.any():
        return _THIRD[0], _DECAY[0]
    best = (np.inf, _THIRD[0], _DECAY[0])
    for third in _THIRD:
        for decay in _DECAY:
            lower = np.linalg.cholesky(_covariance(signs, energies(kept.shape[1], third, decay, odd)))
            scale = np.square(np.linalg.solve(lower, values[varies].T)).mean(axis=0)
            misfit = 2 * np.log(np.diag(lower)).sum() + len(signs) * np.log(scale).mean()
            best = min(best, (misfit, third, decay))
    return best[1:]


def kernel_design(d, n_coalitions, rng, odd, even=None):
    """Return a Design of drawn pairs, weighed as the posterior mean of the Gaussian process of games.

    Parameters
    ----------
    d : int
        At least 2.
    n_coalitions : int
        Evaluated, with the empty and the full one.
    rng : RandomState
    odd : (third, decay)
        Energies of the odd part.
    even : (second, decay), optional
        Energies of the even part; with it interactions are weighed for too.
    """
    from scipy.linalg import cho_factor, cho_solve

    kept = draw_pairs(d, max(2, n_coalitions // 2), rng)
    signs = np.where(kept, 1.0, -1.0)
    energy = energies(d, *odd)
    factor = cho_factor(_covariance(signs, energy), lower=True)
    cross = _with_shapley(signs, energy)
    weights = cho_solve(factor, cross.T).T
    orders = np.arange(1, len(energy))
    prior = (4 * energy[1:] / (orders * d)).sum()
    variance = np.maximum(0, prior - (weights * cross).sum(axis=1))
    tested = 1 + rng.choice(len(kept) - 1, min(_CHECKS, len(kept) - 1), replace=False)
    inverse = cho_solve(factor, np.eye(len(kept))[:, tested]).T
    checks = inverse / np.sqrt(inverse[np.arange(len(tested)), tested])[:, None]
    pair_weights = None
    if even is not None:
        energy = energies(d, *even, odd=False)
        factor = cho_factor(_covariance(signs, energy), lower=True)
        pair_weights = _symmetric(cho_solve(factor, _with_interactions(signs, energy).T).T, 1)
    return Design(
        np.concatenate([kept, ~kept]), _symmetric(weights, -1), pair_weights, _symmetric(checks, -1), variance
    )


def _symmetric(weights, sign):
    """Turn weights of the odd or even part into weights of the values of each coalition, then of its complement."""
    return np.concatenate([weights, sign * weights], axis=1) / 2


# ---------------------------------------------------------------------- permutations
def permutation_design(d, n_coalitions, rng):
    """Return a Design of walks along permutations and back: the mean of what each player adds where it comes.

    Its checks are the deviations of single walks from the mean of all.

    Parameters
    ----------
    d : int
        At least 1.
    n_coalitions : int
        One walk there and back is 2 * d of them.
    rng : RandomState

    References
    ----------
    Mitchell, R., Cooper, J., Frank, E. and Holmes, G. (2022). Sampling Permutations for Shapley Value Estimation.
    """
    n_walks = max(2, n_coalitions // (2 * d))
    steps = np.arange(d + 1)
    patterns, weights = [], np.zeros((n_walks, d, n_walks, 2, d + 1))
    for walk in range(n_walks):
        order = rng.permutation(d)
        place = np.argsort(order)
        there = place[None, :] < steps[:, None]  # the first players of the order, one more at each step
        patterns += [there, ~there]
        for player in range(d):
            weights[walk, player, walk, :, place[player]] = (-0.5, 0.5)
            weights[walk, player, walk, :, place[player] + 1] = (0.5, -0.5)
    patterns, same = np.unique(np.concatenate(patterns), axis=0, return_inverse=True)
    weights = weights.reshape(n_walks * d, -1) @ np.eye(len(patterns))[same.reshape(-1)]
    mean = weights.reshape(n_walks, d, -1).mean(axis=0)
    checks = weights - np.tile(mean, (n_walks, 1))
    return Design(patterns, mean, checks=checks, variance=np.full(d, 1 / (n_walks - 1)))
