"""Games whose Shapley values are known in closed form, as fitted estimators; and the definitions, written plainly.

Players are columns. The explained row is all ones, the background one row of zeros: a column is 1 if its player takes
part and 0 if not, and the model's output is the value of the game.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from math import comb, factorial

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class GameModel(RegressorMixin, BaseEstimator):
    """A regressor that predicts a function of its columns; it has nothing to learn.

    Parameters
    ----------
    kind : one of the names in ``FUNCTIONS``
    weights : tuple of float
        Of a linear game, or of the votes of a majority; None where the kind has none.
    """

    def __init__(self, kind="sum", weights=None):
        self.kind = kind
        self.weights = weights

    def fit(self, X, y=None):
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X):
        return FUNCTIONS[self.kind](np.asarray(X, dtype=np.float64), self.weights)


def _xor(X, weights):
    return (X > 0.5).sum(axis=1) % 2 * 1.0


# All are functions of rows of numbers; the columns that a kind does not read are dummies.
FUNCTIONS = {
    "linear": lambda X, w: X @ np.asarray(w),
    "sum": lambda X, w: X.sum(axis=1),
    "and": lambda X, w: X.prod(axis=1),
    "or": lambda X, w: 1 - (1 - X).prod(axis=1),
    "xor": _xor,
    "majority": lambda X, w: (X.sum(axis=1) > X.shape[1] / 2) * 1.0,
    "votes": lambda X, w: (X @ np.asarray(w) > sum(w) / 2) * 1.0,
    "and of the first two": lambda X, w: X[:, 0] * X[:, 1],
    "tied": lambda X, w: np.maximum(X[:, 0], X[:, 1]) + X[:, 2:].sum(axis=1),
    "three together": lambda X, w: X[:, 0] * X[:, 1] * X[:, 2] + X.sum(axis=1),
}


@dataclass
class ClosedForm:
    """A game and what is known of it.

    ``values`` (n,) are its Shapley values; ``pairs`` (n, n) the pairwise Shapley interaction indices, symmetric, with a
    diagonal of zeros: the mean over coalitions S of others, each size weighing the same, of
    v(S + i + j) - v(S + i) - v(S + j) + v(S).
    """

    name: str
    model: GameModel
    values: np.ndarray
    pairs: np.ndarray

    @property
    def n_players(self):
        return len(self.values)

    @property
    def row(self):
        """The explained row: all players take part."""
        return np.ones((1, self.n_players))

    @property
    def background(self):
        """The row that removed columns are taken from."""
        return np.zeros((1, self.n_players))


def _game(name, kind, values, pair=0.0, weights=None):
    values = np.asarray(values, dtype=np.float64)
    n = len(values)
    pairs = np.full((n, n), pair, dtype=np.float64) if np.isscalar(pair) else np.asarray(pair, dtype=np.float64)
    np.fill_diagonal(pairs, 0.0)
    return ClosedForm(name, GameModel(kind, weights).fit(np.zeros((1, n))), values, pairs)


def _between(n, entries):
    """Return a symmetric matrix (n, n) from {(i, j): value}."""
    matrix = np.zeros((n, n))
    for (i, j), value in entries.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix


def closed_forms():
    """Return all games, ClosedForm each."""
    n = 5
    return [
        # every player adds its weight whoever is there
        _game("linear", "linear", [1.0, -2.0, 0.5, 0.0], weights=(1.0, -2.0, 0.5, 0.0)),
        _game("sum", "sum", np.ones(n)),
        # the last to come brings all, one in n; a pair does where all others are there, one of n - 1 sizes
        _game("and", "and", np.full(n, 1 / n), 1 / (n - 1)),
        _game("or", "or", np.full(n, 1 / n), -1 / (n - 1)),
        # of five, the differences of a player's arrival are 1, -1, 1, -1, 1; those of a pair's -2, 2, -2, 2
        _game("xor", "xor", np.full(n, 1 / 5), 0.0),
        _game("xor of four", "xor", np.zeros(4), -2 / 3),
        # who comes third of five decides: a pair needs each other beside one more, and is one too many beside two
        _game("majority", "majority", np.full(n, 1 / n), 0.0),
        # votes of 2, 1, 1 need more than 2: the first decides unless it comes first, that is in two of three places
        _game(
            "votes", "votes", [2 / 3, 1 / 6, 1 / 6], _between(3, {(0, 1): 1 / 2, (0, 2): 1 / 2, (1, 2): -1 / 2}),
            weights=(2.0, 1.0, 1.0),
        ),
        _game("dummies", "and of the first two", [0.5, 0.5, 0.0, 0.0], _between(4, {(0, 1): 1.0})),
        # the first two say the same: either will do
        _game("tied", "tied", [0.5, 0.5, 1.0, 1.0], _between(4, {(0, 1): -1.0})),
        # each pair of the three waits for the third, which is there in half of the cases
        _game(
            "three together", "three together", [4 / 3, 4 / 3, 4 / 3, 1.0],
            _between(4, {(0, 1): 0.5, (0, 2): 0.5, (1, 2): 0.5}),
        ),
    ]  # fmt: skip


# ---------------------------------------------------------------------- the definitions
def coalitions_of(players):
    """Yield all subsets of some players, as tuples."""
    players = list(players)
    return chain.from_iterable(combinations(players, size) for size in range(len(players) + 1))


def coalition_value(predict, row, background, kept, members=None):
    """Return v(S): the mean output of the row with the columns of players outside ``kept`` from each background row."""
    members = [[j] for j in range(len(row))] if members is None else members
    mixed = np.array(background, dtype=np.float64)
    for player in kept:
        mixed[:, members[player]] = row[members[player]]
    return float(np.mean(predict(mixed)))


def shapley_values(predict, row, background, members=None):
    """Return the Shapley values of a row, (n_players,), by their definition."""
    n = len(row) if members is None else len(members)
    v = {kept: coalition_value(predict, row, background, kept, members) for kept in coalitions_of(range(n))}
    phi = np.zeros(n)
    for i in range(n):
        for kept in coalitions_of(set(range(n)) - {i}):
            share = factorial(len(kept)) * factorial(n - len(kept) - 1) / factorial(n)
            phi[i] += share * (v[tuple(sorted((*kept, i)))] - v[tuple(sorted(kept))])
    return phi


def shapley_interactions(predict, row, background, members=None):
    """Return the pairwise Shapley interaction indices of a row, (n_players, n_players), by their definition."""
    n = len(row) if members is None else len(members)
    v = {kept: coalition_value(predict, row, background, kept, members) for kept in coalitions_of(range(n))}
    found = np.zeros((n, n))
    for i, j in combinations(range(n), 2):
        for kept in coalitions_of(set(range(n)) - {i, j}):
            s = tuple(sorted(kept))
            both, first, second = (tuple(sorted((*s, *new))) for new in ((i, j), (i,), (j,)))
            found[i, j] += (v[both] - v[first] - v[second] + v[s]) / ((n - 1) * comb(n - 2, len(s)))
    return found + found.T
