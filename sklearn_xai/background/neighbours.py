"""The background rows that are like a row in the columns that are kept."""

from __future__ import annotations

import numpy as np

from sklearn_xai._typing import Table
from sklearn_xai.encoding import TableEncoder

_CELLS = 2**21  # distances held at once
_GRAIN = 2.0**16  # distances are whole numbers of its inverse, so that their sums are exact in any order
_EXACT = 2.0**52
_GOLDEN = (5**0.5 - 1) / 2


class Neighbours:
    """Nearest background rows of each row in the columns of each coalition of players.

    The squared distance in a number (or date, or boolean) is that of standardised values; in any other column it is 0
    for the same value and otherwise such that every column has the same mean over all pairs of background rows, as
    standardised numbers have. Missing is a value of its own.

    Parameters
    ----------
    background : table of shape (n_background, n_columns)
    members : list of int ndarray
        The columns of each player.

    Attributes
    ----------
    n_neighbours : int
    """

    def __init__(self, background: Table, members: list[np.ndarray]) -> None:
        self.members = members
        self.encoder = TableEncoder(one_hot=False).fit(background)
        self.codes = self.encoder.codes(background).T.copy()
        self.n_neighbours = count_neighbours(len(background))
        self._weights = np.array(
            [_weight(codes, category) for codes, category in zip(self.codes, self.encoder.is_category, strict=True)]
        )
        # Of rows at one distance, any would do: an order that spreads over the rows favours none of their own orders.
        n = len(background)
        self._order = np.argsort(np.arange(n) * _GOLDEN % 1)
        self._rank = np.empty(n)
        self._rank[self._order] = np.arange(n)

    def find(self, X: Table, kept: np.ndarray) -> np.ndarray:
        """Return the neighbours of each row in each coalition, nearest first.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
        kept : bool ndarray of shape (n_coalitions, n_players) or (n_rows, n_coalitions, n_players)
            The same coalitions for all rows, or each row's own.

        Returns
        -------
        int ndarray of shape (n_rows, n_coalitions, n_neighbours)
        """
        n_background, k = len(self._rank), self.n_neighbours
        m = kept.shape[-2]
        found = np.empty((len(X), m, k), dtype=np.intp)
        codes = self.encoder.codes(X)
        weights = np.concatenate([kept, np.ones((*kept.shape[:-1], 1))], axis=-1)
        n_rows = max(1, _CELLS // (n_background * weights.shape[-1]))
        for start in range(0, len(codes), n_rows):
            rows = slice(start, start + n_rows)
            distances = self._distances(codes[rows])
            step = max(1, _CELLS // (n_background * len(distances)))
            own = weights[rows] if weights.ndim == 3 else weights
            for first in range(0, m, step):
                part = slice(first, first + step)
                keys = np.matmul(own[..., part, :], distances)
                keys = np.sort(np.partition(keys, k - 1, axis=2)[:, :, :k], axis=2)
                found[rows, part] = self._order[(keys % n_background).astype(np.intp)]
        return found

    def _distances(self, codes):
        """Return squared distances by player, (n_rows, n_players + 1, n_background), whole numbers; last the ranks.

        A sum of them is ``n_background * distance + rank``: unlike for all background rows, and the rank is its rest.
        """
        n_background, n_players = len(self._rank), len(self.members)
        total = np.zeros((len(codes), n_players + 1, n_background))
        for player, columns in enumerate(self.members):
            for j in columns:
                total[:, player] += self._column(codes[:, j, None], j)
        most = np.floor(_EXACT / n_background / n_players)
        total = np.rint(np.minimum(total * _GRAIN, most - 1)) * n_background
        total[:, -1] = self._rank
        return total

    def _column(self, codes, j):
        known = self.codes[j]
        if self.encoder.is_category[j]:
            squared = (codes != known) * self._weights[j]
        else:
            squared = np.square((codes - known) * self._weights[j])
        missing, gone = np.isnan(codes), np.isnan(known)
        return np.where(missing | gone, 2.0 * (missing != gone), squared)


def count_neighbours(n_background):
    """Return how many neighbours fill a coalition up: 16 of 100 background rows, 63 of 1,000.

    On 100 Gaussian rows with correlations of 0.3 to 0.9 and linear models of 4 to 14 columns, the mean squared error to
    the conditional expectation was .0373 of the output's variance, against .0430 for a power of 1/2 and .0378 for 2/3.
    """
    return round(n_background**0.6)


def _weight(codes, category):
    """Return what a difference of numbers, or an inequality of categories, is multiplied by."""
    if category:
        shares = np.unique(codes, return_counts=True, equal_nan=True)[1] / len(codes)
        mismatch = 1 - np.square(shares).sum()
        return 2 / mismatch if mismatch > 1e-12 else 0.0
    seen = codes[np.isfinite(codes)]
    spread = seen.std() if len(seen) else 0.0
    return 1 / spread if spread > 0 else 0.0
