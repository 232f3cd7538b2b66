"""The games between a row and one background row each: what the model says when each player is of one or the other.

The mean over background rows of a game's Shapley values is the Shapley value of the mean game. Taken pair by pair, a
player whose columns are the same in both rows plays no part: with d players that differ, all coalitions are 2**d, not
2**n_players. On tables of categories that is a small share of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import torch

from sklearn_xai._typing import Table
from sklearn_xai.engines.coalitions import TABLE_ROWS, HeadBlend, blends_after_head, choose_outputs
from sklearn_xai.engines.gradients import chunk_rows
from sklearn_xai.tables import assemble, value_codes

if TYPE_CHECKING:
    from sklearn_xai.engines.coalitions import Coalitions


class PairGames:
    """The games of some rows with all background rows.

    Parameters
    ----------
    coalitions : Coalitions
        Knows the model, the players and the background rows.
    X : table of shape (n_rows, n_columns)
    targets : int ndarray of shape (n_rows,)
        Explained output of each row.

    Attributes
    ----------
    differs : bool ndarray of shape (n_rows, n_background, n_players)
        Which players differ in each pair.
    """

    def __init__(self, coalitions: Coalitions, X: Table, targets: np.ndarray) -> None:
        model = coalitions.model
        self.targets = np.asarray(targets)
        network = model.network is not None and model.column_wise
        self._side = (_NetworkSide if network else _TableSide)(coalitions, X)
        self.differs = self._side.differs

    def values(
        self, rows: np.ndarray, fillers: np.ndarray, players: np.ndarray, patterns: np.ndarray
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield (which pairs, values) of some pairs that have the same number d of players that differ.

        Parameters
        ----------
        rows, fillers : int ndarray of shape (n_pairs,)
            The row and the background row of each pair.
        players : int ndarray of shape (n_pairs, d)
            The players that differ, in order.
        patterns : bool ndarray of shape (n_patterns, d)
            Which of them are the row's.

        Yields
        ------
        part : slice
        values : ndarray of shape (n_patterns, length of the part), float64
        """
        most = max(1, self._side.most // max(1, len(patterns)))
        with self._side.evaluating():
            for first in range(0, len(rows), most):
                part = slice(first, first + most)
                found = [
                    self._side.run(rows[part], fillers[part], players[part], some, self.targets[rows[part]])
                    for some in np.array_split(patterns, max(1, -(-len(patterns) // self._side.most)))
                ]
                yield part, np.concatenate(found).astype(np.float64, copy=False)


class _TableSide:
    """Rows put together as tables, raw ones or what the final estimator takes."""

    def __init__(self, coalitions, X):
        self.n_rows, self.n_outputs = len(X), coalitions.model.n_outputs
        self.pool, self.owner, self.outputs = coalitions.pool(X)
        self.most = coalitions.batch_size or TABLE_ROWS
        codes = value_codes(self.pool)
        unequal = codes[: self.n_rows, None] != codes[None, self.n_rows :]
        self.differs = _any_of_player(unequal, self.owner, len(coalitions.members))

    def evaluating(self):
        return nullcontext()

    def run(self, rows, fillers, players, patterns, targets):
        """Return the explained outputs, (n_patterns, n_pairs)."""
        own = _owned(self.owner, players, patterns, self.differs.shape[2])
        sources = np.where(own, rows[:, None], self.n_rows + fillers[:, None])
        out = self.outputs(assemble(self.pool, sources.reshape(-1, len(self.owner))))
        out = out.reshape(len(patterns), len(rows), self.n_outputs)
        return choose_outputs(out.transpose(1, 0, 2), targets)[:, :, 0].T


class _NetworkSide:
    """Rows put together at the network's input, or after its affine head from what each player adds there."""

    def __init__(self, coalitions, X):
        model = coalitions.model
        self.network = model.network
        inputs = model.inputs(X)
        self.owner = coalitions.owners(model.columns.feeds_of(X, inputs))
        unequal = _flat(inputs)[:, None] != _flat(coalitions.inputs)[None]
        n_players = len(coalitions.members)
        self.differs = _any_of_player(unequal, self.owner, n_players)
        with self.network.frozen(), torch.no_grad():
            z, fill = self.network.tensor(inputs), self.network.tensor(coalitions.inputs)
            split = model.find_head(coalitions.inputs)
            self.blend = None
            if blends_after_head(split, z, n_players):
                self.blend = HeadBlend(split, z, fill, torch.as_tensor(self.owner, device=z.device), n_players)
                self.filled = self.blend.fill[:, :-1].sum(dim=1) + self.blend.origin
            self.z, self.fill = z, fill
        numel = self.blend.numel if self.blend is not None else z[0].numel()
        self.most = chunk_rows(numel, coalitions.batch_size)

    @contextmanager
    def evaluating(self):
        with self.network.frozen(), torch.no_grad():
            yield

    def run(self, rows, fillers, players, patterns, targets):
        """Return the explained outputs, (n_patterns, n_pairs)."""
        out = (self._after_head if self.blend is not None else self._at_input)(rows, fillers, players, patterns)
        out = out.reshape(len(patterns), len(rows), -1)
        chosen = torch.as_tensor(targets, device=out.device).expand(len(patterns), -1)
        return out.gather(2, chosen[..., None])[..., 0].cpu().numpy()

    def _after_head(self, rows, fillers, players, patterns):
        blend = self.blend
        rows, fillers, players = (
            torch.as_tensor(index, device=blend.added.device) for index in (rows, fillers, players)
        )
        change = blend.added[rows[:, None], players] - blend.fill[fillers[:, None], players]  # (n_pairs, d, n_hidden)
        origin = self.filled[fillers] + blend.added[rows, -1]
        weights = torch.as_tensor(patterns, device=change.device).to(change.dtype)
        flat = change.transpose(0, 1).reshape(players.shape[1], -1)
        h = torch.addmm(origin.reshape(1, -1), weights, flat)
        return blend.split.tail(h.reshape(-1, *blend.shape), blend.like)

    def _at_input(self, rows, fillers, players, patterns):
        own = torch.as_tensor(_owned(self.owner, players, patterns, self.differs.shape[2]), device=self.z.device)
        z, fill = self.z.flatten(1), self.fill.flatten(1)
        return self.network(torch.where(own, z[rows], fill[fillers]).reshape(-1, *self.z.shape[1:]))


def _flat(rows):
    return rows.reshape(len(rows), -1)


def _owned(owner, players, patterns, n_players):
    """Return which columns are the row's, (n_patterns, n_pairs, n_columns); those of players that do not differ are."""
    kept = np.ones((len(patterns), len(players), n_players + 1), dtype=bool)
    np.put_along_axis(kept, np.broadcast_to(players, (len(patterns), *players.shape)), patterns[:, None], axis=2)
    return kept[:, :, owner]


def _any_of_player(unequal, owner, n_players):
    """Return which players have a column that differs, (n_rows, n_background, n_players)."""
    if len(owner) == n_players and (owner == np.arange(n_players)).all():
        return unequal
    belongs = np.zeros((len(owner), n_players), dtype=np.float32)
    belongs[np.flatnonzero(owner >= 0), owner[owner >= 0]] = 1
    return unequal.astype(np.float32) @ belongs > 0
