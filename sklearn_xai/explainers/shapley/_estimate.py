"""Shapley values of many rows at once: which pairs of rows are enumerated, which are sampled, and by what design."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sklearn_xai._rng import own_random_state
from sklearn_xai.engines import PairGames
from sklearn_xai.explainers.shapley.designs import enumerate_coalitions, kernel_design, permutation_design

MAX_DESIGN = 4096  # coalitions of one design; more are several designs, whose estimates are averaged
N_DESIGNS = 8  # background rows share so many designs: the errors of different ones cancel


class DesignStore:
    """Drawn designs, made when they are first needed, always the same for the same number of players.

    Parameters
    ----------
    algorithm : {"kernel", "permutation"}
    seed : int
    odd, even : (third, decay)
        Energies, as ``kernel_design`` takes them; even is None without interactions.
    """

    def __init__(self, algorithm, seed, odd=None, even=None):
        self.algorithm, self.seed, self.odd, self.even = algorithm, seed, odd, even
        self._found = {}

    def get(self, d, n_coalitions, number):
        """Return the Design of that number for d players."""
        key = (d, n_coalitions, number)
        if key not in self._found:
            rng = own_random_state(np.random.RandomState([self.seed, *key]))
            if self.algorithm == "permutation" or d < 2:
                self._found[key] = permutation_design(d, n_coalitions, rng)
            else:
                self._found[key] = kernel_design(d, n_coalitions, rng, self.odd, self.even)
        return self._found[key]

    def __getstate__(self):
        return {**self.__dict__, "_found": {}}


class Estimate:
    """Shapley values of some rows as they add up, with what is known of their error.

    Attributes
    ----------
    values, errors : ndarray of shape (n_rows, n_players)
        The Shapley values and their standard errors.
    interactions : ndarray of shape (n_rows, n_players, n_players) or None
        Symmetric; the index of each pair, and 0 on the diagonal.
    n_evaluations : ndarray of shape (n_rows,) of int
        Rows given to the model for each row.
    """

    def __init__(self, n_rows, n_players, interactions):
        self.values = np.zeros((n_rows, n_players))
        self.interactions = np.zeros((n_rows, n_players, n_players)) if interactions else None
        self.n_evaluations = np.zeros(n_rows, dtype=np.int64)
        self._variance = np.zeros((n_rows, n_players))

    @property
    def errors(self):
        return np.sqrt(self._variance)

    def add(self, design, rows, players, values, share):
        """Add the estimates of some games: values (n_patterns, n_games) of the players (n_games, d) of some rows."""
        np.add.at(self.values, (rows[:, None], players), share * (design.weights @ values).T)
        np.add.at(self.n_evaluations, rows, len(design.patterns))
        if self.interactions is None or players.shape[1] < 2:
            return
        found = share * (design.pair_weights @ values).T
        first, second = np.triu_indices(players.shape[1], 1)
        for i, j in ((first, second), (second, first)):
            np.add.at(self.interactions, (rows[:, None], players[:, i], players[:, j]), found)

    def add_errors(self, design, rows, players, misses, share):
        """Add the errors of games that share a design: misses (n_checks, n_games) are its checks of their values.

        What the games of one row miss is added up before it is squared, as their errors may go together.
        """
        found, own = np.unique(rows, return_inverse=True)
        total = np.zeros((len(found), len(misses)))
        np.add.at(total, own, misses.T)
        scale = np.square(share * total).mean(axis=1) / np.bincount(own)
        np.add.at(self._variance, (rows[:, None], players), scale[own][:, None] * design.variance)

    def replace(self, rows, other):
        """Put the estimates of another in the place of some rows."""
        self.values[rows], self._variance[rows] = other.values, other._variance
        self.n_evaluations[rows] += other.n_evaluations
        if self.interactions is not None:
            self.interactions[rows] = other.interactions


@lru_cache(maxsize=32)
def _enumerated(d, interactions):
    return list(enumerate_coalitions(d, interactions))


def _designs(d, interactions):
    small = d <= 13
    return _enumerated(d, interactions) if small else enumerate_coalitions(d, interactions)


def estimate_pairs(coalitions, X, targets, store, n_coalitions, *, enumerate_all=False, interactions=False):
    """Estimate the mean of the Shapley values of each row's games with all background rows.

    All coalitions of a pair are enumerated where its row stays within ``n_coalitions`` for each background row in all,
    or the pair by itself; the others are sampled.

    Parameters
    ----------
    coalitions : Coalitions
    X : table of shape (n_rows, n_columns)
    targets : int ndarray of shape (n_rows,)
    store : DesignStore
    n_coalitions : int
    enumerate_all : bool
    interactions : bool

    Returns
    -------
    Estimate
    """
    games = PairGames(coalitions, X, targets)
    n_rows, n_background, n_players = games.differs.shape
    found = Estimate(n_rows, n_players, interactions)
    counts = games.differs.sum(axis=2)
    exact = _are_enumerated(counts, n_coalitions, enumerate_all, store.algorithm)
    for d in np.unique(counts[exact & (counts > 0)]):
        pairs = np.nonzero(exact & (counts == d))
        for design in _designs(int(d), interactions):
            _add_games(found, games, pairs, design, 1 / n_background)
    replicates = -(-n_coalitions // MAX_DESIGN)
    n_designs = min(N_DESIGNS, n_background)
    group = np.arange(n_background) % n_designs
    for d in np.unique(counts[~exact]):
        for number in range(n_designs):
            pairs = np.nonzero(~exact & (counts == d) & (group == number))
            for replicate in range(replicates) if len(pairs[0]) else ():
                design = store.get(int(d), n_coalitions // replicates, number + n_designs * replicate)
                _add_games(found, games, pairs, design, 1 / (n_background * replicates))
    return found


def _are_enumerated(counts, n_coalitions, enumerate_all, algorithm):
    """Return which pairs are enumerated, (n_rows, n_background)."""
    if enumerate_all:
        return np.ones(counts.shape, dtype=bool)
    if algorithm == "permutation":
        return counts == 0
    sizes = 2.0**counts
    affordable = sizes.sum(axis=1) <= n_coalitions * counts.shape[1]
    return (sizes <= n_coalitions) | affordable[:, None]


def _add_games(found, games, pairs, design, share):
    rows, fillers = pairs
    players = np.nonzero(games.differs[rows, fillers])[1].reshape(len(rows), -1)
    misses = []
    for part, values in games.values(rows, fillers, players, design.patterns):
        found.add(design, rows[part], players[part], values, share)
        if design.checks is not None:
            misses.append(design.checks @ values)
    if misses:
        found.add_errors(design, rows, players, np.concatenate(misses, axis=1), share)


def estimate_averaged(coalitions, X, targets, store, n_coalitions, *, enumerate_all=False, interactions=False):
    """Do as ``estimate_pairs`` where what fills a coalition up depends on it: the games are averaged before."""
    n_players = len(coalitions.members)
    found = Estimate(len(X), n_players, interactions)
    everyone = np.tile(np.arange(n_players), (len(X), 1))
    rows = np.arange(len(X))
    replicates = 1 if enumerate_all else -(-n_coalitions // MAX_DESIGN)
    if enumerate_all or (store.algorithm != "permutation" and 2.0**n_players <= n_coalitions):
        designs, share = _designs(n_players, interactions), 1.0
    else:
        share = 1 / replicates
        designs = (store.get(n_players, n_coalitions // replicates, number) for number in range(replicates))
    for design in designs:
        values = coalitions.averaged(X, design.patterns, targets).T
        found.add(design, rows, everyone, values, share)
        if design.checks is not None:
            found.add_errors(design, rows, everyone, design.checks @ values, share)
    found.n_evaluations *= coalitions.neighbours.n_neighbours
    return found
