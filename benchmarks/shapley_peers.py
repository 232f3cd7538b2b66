"""A game in which every value is known, and all other estimators of Shapley values that play it.

The game is interventional: v(S) is the mean, over background rows, of the output of a row that keeps the columns of the
players in S and takes all others from the background row. One evaluation is one row given to the model, so that a value
of the game costs as many evaluations as there are background rows.
"""

from __future__ import annotations

import importlib.util
import math
import warnings

import numpy as np
import shap
import shapiq

from sklearn_xai._rng import isolated_rng

_AT_ONCE = 4_096  # coalitions


class Game:
    """The game of one row, enumerated; what it is asked for is looked up, and counted as if it were computed.

    Parameters
    ----------
    outputs : callable
        Rows -> the explained number of each.
    row : ndarray of shape (n_columns,)
    background : ndarray of shape (n_background, n_columns)
    members : list of list of int
        The columns of each player.
    """

    def __init__(self, outputs, row, background, members):
        self.n_players, self.n_background = len(members), len(background)
        owner = np.empty(len(row), dtype=int)
        for player, columns in enumerate(members):
            owner[columns] = player
        self._place = 2 ** np.arange(self.n_players)
        self.kept = (np.arange(2**self.n_players)[:, None] & self._place) > 0
        self._table = np.empty((self.n_background, 2**self.n_players))
        for first in range(0, 2**self.n_players, _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            keeps = self.kept[part, owner]
            for values, other in zip(self._table, background, strict=True):
                values[part] = outputs(np.where(keeps, row, other))
        self._means = self._table.mean(axis=0)
        # What shap takes for rows: which background row a player's columns come from, 0 for the explained row itself.
        # A player that is alike in both is 0 in both, since shap looks for these and spends nothing on them.
        alike = np.stack([(background[:, columns] == row[columns]).all(axis=1) for columns in members], axis=1)
        self.sources = np.where(alike, 0.0, 1.0 + np.arange(self.n_background)[:, None])
        self.rows = 0

    def coalitions(self, kept):
        """Return the values of coalitions, bool (n_coalitions, n_players) or one of them."""
        kept = np.atleast_2d(kept)
        self.rows += len(kept) * self.n_background
        return self._means[kept.astype(bool) @ self._place]

    def model(self, sources):
        """Return the output for rows written as in ``sources``."""
        sources = np.asarray(sources, dtype=int)
        self.rows += len(sources)
        other = np.maximum(sources.max(axis=1) - 1, 0)
        return self._table[other, (sources == 0) @ self._place]

    def exact(self):
        """Return the Shapley values: the sum over all coalitions, as it is defined."""
        n, size = self.n_players, self.kept.sum(axis=1)
        weight = np.array([1 / (n * math.comb(n - 1, s)) if s < n else 0.0 for s in range(n + 1)])
        phi = np.empty(n)
        for player in range(n):
            without = np.flatnonzero(~self.kept[:, player])
            phi[player] = weight[size[without]] @ (self._means[without + 2**player] - self._means[without])
        return phi


# ---------------------------------------------------------------------- shap
def _kernel(game, budget, seed):
    explainer = shap.KernelExplainer(game.model, game.sources)
    return explainer.shap_values(np.zeros((1, game.n_players)), nsamples=budget, l1_reg=0, silent=True)[0]


def _permutation(game, budget, seed):
    masker = shap.maskers.Independent(game.sources, max_samples=game.n_background)
    explainer = shap.PermutationExplainer(game.model, masker, seed=seed)
    return explainer(np.zeros((1, game.n_players)), max_evals=budget, silent=True).values[0]


def _sampling(game, budget, seed):
    explainer = shap.SamplingExplainer(game.model, game.sources)
    n_samples = budget * game.n_background // 2  # each compares two rows
    return explainer.shap_values(np.zeros((1, game.n_players)), nsamples=n_samples, silent=True)[0]


SHAP = {"shap Kernel": _kernel, "shap Permutation": _permutation, "shap Sampling": _sampling}


# ---------------------------------------------------------------------- shapiq
def _shapiq(name, **options):
    """Return a contender: an approximator of shapiq, whose values of single players are read."""

    def play(game, budget, seed):
        approximator = getattr(shapiq.approximator, name)(n=game.n_players, random_state=seed, **options)
        found = approximator.approximate(budget=budget, game=game.coalitions)
        return np.array([found[(player,)] for player in range(game.n_players)])

    return play


# Not played, since they gave the same numbers: SVARMIQ (as SVARM), SHAPIQ (as UnbiasedKernelSHAP), KernelSHAPIQ (as
# KernelSHAP), InconsistentKernelSHAPIQ and RegressionFSII (as kADDSHAP of their order).
SHAPIQ = {
    "PermutationSamplingSV": _shapiq("PermutationSamplingSV"),
    "PermutationSamplingSII": _shapiq("PermutationSamplingSII", max_order=1, index="SII"),
    "StratifiedSamplingSV": _shapiq("StratifiedSamplingSV"),
    "OwenSamplingSV": _shapiq("OwenSamplingSV"),
}
for _note, _options in ("", {}), (", paired", {"pairing_trick": True}):
    SHAPIQ |= {
        f"SVARM{_note}": _shapiq("SVARM", **_options),
        f"UnbiasedKernelSHAP{_note}": _shapiq("UnbiasedKernelSHAP", **_options),
        f"KernelSHAP{_note}": _shapiq("KernelSHAP", **_options),
        f"kADDSHAP, order 2{_note}": _shapiq("kADDSHAP", max_order=2, **_options),
        f"kADDSHAP, order 3{_note}": _shapiq("kADDSHAP", max_order=3, **_options),
    }

PEERS = SHAP | {f"shapiq {name}": play for name, play in SHAPIQ.items()}

# Seconds for each row: not played by ``study``, at hand for ``estimate``. ProxySPEX needs lightgbm.
SLOW_PEERS = {"shapiq SPEX": _shapiq("SPEX", index="SV", max_order=1)}
if importlib.util.find_spec("lightgbm") is not None:
    SLOW_PEERS["shapiq ProxySPEX"] = _shapiq("ProxySPEX", index="SV", max_order=1)


def estimate(name, game, budget, seed):
    """Return (Shapley values, evaluations) of a peer that may ask for ``budget`` coalitions.

    None instead of values where the peer cannot work with so few.
    """
    game.rows = 0
    # KernelExplainer and SamplingExplainer draw from numpy's global generator, PermutationExplainer seeds it.
    with warnings.catch_warnings(), isolated_rng(seed):
        warnings.simplefilter("ignore")
        try:
            values = (PEERS | SLOW_PEERS)[name](game, budget, seed)
        except (ValueError, IndexError, np.linalg.LinAlgError):
            return None, game.rows
    return np.asarray(values), game.rows
