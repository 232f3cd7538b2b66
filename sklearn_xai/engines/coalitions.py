"""What the model says of a row when some of its columns are removed.

Every coalition method is a choice of coalitions and a weighting of these values. Removed columns are taken from
background rows; where the preprocessing is column-wise and the model a network, rows are put together after the
preprocessing, and after the network's affine head: a coalition then costs additions instead of matrix products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sklearn_xai._typing import Removal, Table
from sklearn_xai.background import Neighbours, typical_row
from sklearn_xai.engines.gradients import chunk_rows
from sklearn_xai.models.image_layout import widest
from sklearn_xai.tables import assemble, stack_rows, take_rows

if TYPE_CHECKING:
    from sklearn_xai.models import ExplainedModel, InsideModel

TABLE_ROWS = 20_000  # rows of a raw table that are given to a black box at once
_FILLERS = 2**20  # fillers that differ from row to row, held at once
_FEW_PLAYERS = 64  # what each player adds to a row's pre-activations is kept for all of them


class Coalitions:
    """Values of coalitions of players, each with the background row that fills it up.

    Parameters
    ----------
    model : ExplainedModel
    members : list of int ndarray
        The columns of each player.
    background : table of shape (n_background, n_columns)
        Rows that removed columns are taken from.
    batch_size : int, optional
        Rows given to the model at once.
    removal : {"marginal", "baseline", "conditional"}, default="marginal"
        What fills a coalition up: all background rows; one typical row, which is then the only one of ``background``;
        or the background rows nearest to the row in the columns that are kept.
    """

    def __init__(
        self,
        model: ExplainedModel | InsideModel,
        members: list[np.ndarray],
        background: Table,
        batch_size: int | None = None,
        removal: Removal = "marginal",
    ) -> None:
        self.model: Any = model
        self.members = members
        self.background = typical_row(background) if removal == "baseline" else background
        self.batch_size = batch_size
        self.removal = removal
        self.neighbours = Neighbours(background, members) if removal == "conditional" else None
        self.inputs = model.inputs(self.background) if model.column_wise else None

    def owners(self, feeds: np.ndarray) -> np.ndarray:
        """Return the player of each model input, -1 for an input of none."""
        player = np.full(sum(map(len, self.members)) + 1, -1)
        for p, columns in enumerate(self.members):
            player[columns] = p
        return player[feeds]

    def values(self, X: Table, kept: np.ndarray, filler: np.ndarray, targets: np.ndarray | None = None) -> np.ndarray:
        """Return the explained output of rows in which only some players are kept.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
        kept : bool ndarray of shape (n_coalitions, n_players) or (n_rows, n_coalitions, n_players)
            The same coalitions for all rows, or each row's own.
        filler : int ndarray of shape (n_coalitions,) or (n_rows, n_coalitions)
            The background row that the removed columns of each coalition are taken from, for all rows or for each.
        targets : int ndarray of shape (n_rows,), optional
            Output of each row; all outputs by default.

        Returns
        -------
        ndarray of shape (n_rows, n_coalitions) or (n_rows, n_coalitions, n_outputs)
        """
        kept, filler = np.asarray(kept, dtype=bool), np.asarray(filler)
        if self.model.network is not None and self.model.column_wise:
            with self.model.network.frozen(), torch.no_grad():
                out = self._network_values(X, kept, filler, targets)
            return out
        return self._table_values(X, kept, filler, targets)

    def averaged(self, X: Table, kept: np.ndarray, targets: np.ndarray | None = None) -> np.ndarray:
        """Return the explained output averaged over the background rows that fill a coalition up.

        Without any player it is the mean over all background rows, whatever the removal.

        Parameters
        ----------
        X, kept, targets
            As in ``values``.

        Returns
        -------
        ndarray of shape (n_rows, n_coalitions) or (n_rows, n_coalitions, n_outputs), float64
        """
        return self._filled(X, kept, targets, lambda values: values.mean(axis=2, dtype=np.float64))

    def filled(self, X: Table, kept: np.ndarray, targets: np.ndarray | None = None) -> np.ndarray:
        """Return the explained output for each of the background rows that fill a coalition up.

        Parameters
        ----------
        X, kept, targets
            As in ``values``.

        Returns
        -------
        ndarray of shape (n_rows, n_coalitions, n_fillers) or (n_rows, n_coalitions, n_fillers, n_outputs), float64
        """
        return self._filled(X, kept, targets, lambda values: values.astype(np.float64))

    def _filled(self, X, kept, targets, reduce):
        kept = np.asarray(kept, dtype=bool)
        fill = self._with_neighbours if self.removal == "conditional" else self._with_background
        n_fill = self.neighbours.n_neighbours if self.removal == "conditional" else len(self.background)
        rows_at_once = len(X)
        if kept.ndim == 3 or self.removal == "conditional":
            rows_at_once = max(1, _FILLERS // max(1, n_fill * kept.shape[-2]))
        parts = []
        for start in range(0, len(X), rows_at_once):
            rows = slice(start, start + rows_at_once)
            own = None if targets is None else np.asarray(targets)[rows]
            parts.append(reduce(fill(take_rows(X, rows), kept[rows] if kept.ndim == 3 else kept, own)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _with_background(self, X, kept, targets):
        n_fill, m = len(self.background), kept.shape[-2]
        filler = np.tile(np.arange(n_fill), m)
        values = self.values(X, np.repeat(kept, n_fill, axis=-2), filler, targets)
        return values.reshape(len(X), m, n_fill, *values.shape[2:])

    def _with_neighbours(self, X, kept, targets):
        k, m = self.neighbours.n_neighbours, kept.shape[-2]
        filler = self.neighbours.find(X, kept).reshape(len(X), -1)
        values = self.values(X, np.repeat(kept, k, axis=-2), filler, targets)
        values = values.reshape(len(X), m, k, *values.shape[2:])
        empty = np.broadcast_to(~kept.any(axis=-1), (len(X), m))
        if empty.any():  # nothing is known of the row: every background row is as near as any other
            base = self.model.outputs(self.background).mean(axis=0, dtype=np.float64)
            base = np.broadcast_to(base, (len(X), len(base))) if targets is None else base[np.asarray(targets)]
            values = np.where(_beside(empty, values), base[:, None, None], values)
        return values

    def fillers(self, X: Table, kept: np.ndarray, picks: np.ndarray) -> np.ndarray:
        """Return one background row for each coalition, as ``values`` takes them, from draws that were made in ``fit``.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
        kept : bool ndarray of shape (n_coalitions, n_players)
        picks : ndarray of shape (n_coalitions,)
            Draws from [0, 1): which of the rows that may fill the coalition up.

        Returns
        -------
        int ndarray of shape (n_coalitions,), or (n_rows, n_coalitions) where they depend on the row
        """
        kept, picks = np.asarray(kept, dtype=bool), np.asarray(picks)
        anywhere = (picks * len(self.background)).astype(np.intp)
        if self.neighbours is None:
            return anywhere
        found = np.empty((len(X), len(kept)), dtype=np.intp)
        found[:] = anywhere
        some = np.flatnonzero(kept.any(axis=1))
        which = (picks[some] * self.neighbours.n_neighbours).astype(np.intp)
        rows_at_once = max(1, _FILLERS // max(1, self.neighbours.n_neighbours * len(some)))
        for start in range(0, len(X) if len(some) else 0, rows_at_once):
            rows = slice(start, min(len(X), start + rows_at_once))
            nearest = self.neighbours.find(take_rows(X, rows), kept[some])
            found[rows, some] = np.take_along_axis(nearest, which[None, :, None], axis=2)[:, :, 0]
        return found

    # ------------------------------------------------------------------ black boxes: whole tables
    def pool(self, X: Table) -> tuple[Any, np.ndarray, Callable[..., np.ndarray]]:
        """Return (rows, player of each of their columns, function of such rows): the background's rows come last.

        The rows are raw ones, or, where the preprocessing is column-wise, what the final estimator takes.
        """
        if not self.model.column_wise:
            return stack_rows(X, self.background), self.owners(np.arange(X.shape[1])), self.model.outputs
        inputs = self.model.inputs(X)
        owner = self.owners(self.model.columns.feeds_of(X, inputs))
        return stack_rows(inputs, self.inputs), owner, self.model.outputs_of_inputs

    def _table_values(self, X, kept, filler, targets):
        n, m = len(X), kept.shape[-2]
        width = self.model.n_outputs if targets is None else 1
        result = np.empty((n, m, width), dtype=self.model.dtype)
        pool, owner, outputs = self.pool(X)
        most = self.batch_size or TABLE_ROWS
        mask = np.broadcast_to(kept[..., owner] | (owner < 0), (n, m, len(owner)))
        fillers = np.broadcast_to(filler, (n, m))
        for row in range(0, n, max(1, most // m)):
            rows = np.arange(row, min(n, row + max(1, most // m)))
            for first in range(0, m, most):
                part = slice(first, first + most)
                sources = np.where(mask[rows, part], rows[:, None, None], n + fillers[rows, part][:, :, None])
                out = outputs(assemble(pool, sources.reshape(-1, len(owner))))
                out = out.reshape(len(rows), -1, self.model.n_outputs)
                result[rows, part] = out if targets is None else choose_outputs(out, targets[rows])
        return result if targets is None else result[:, :, 0]

    # ------------------------------------------------------------------ networks: after the affine head
    def _network_values(self, X, kept, filler, targets):
        network, columns = self.model.network, self.model.columns
        inputs = self.model.inputs(X)
        owner = self.owners(columns.feeds_of(X, inputs))
        z, fill = network.tensor(inputs), network.tensor(self.inputs)
        shared, m = np.ndim(filler) == 1 and kept.ndim == 2, kept.shape[-2]
        split, owner = self.model.find_head(self.inputs), torch.as_tensor(owner, device=z.device)
        blend = _blend(split, z, fill, owner, kept.shape[-1], shared)
        mask = torch.as_tensor(kept, device=z.device)
        chosen = torch.as_tensor(filler, device=z.device)
        wanted = None if targets is None else torch.tensor(np.asarray(targets), device=z.device)
        width = self.model.n_outputs if targets is None else 1
        result = np.empty((len(z), m, width), dtype=self.model.dtype)
        most = chunk_rows(blend.numel, self.batch_size)
        for first in range(0, m, most):
            part = slice(first, min(m, first + most))
            blend.prepare(mask[..., part, :], chosen[..., part])
            n_rows = max(1, most // (part.stop - first))
            for row in range(0, len(z), n_rows):
                rows = slice(row, row + n_rows)
                out = blend.run(rows).reshape(len(z[rows]), -1, self.model.n_outputs)
                if targets is not None:
                    out = out.gather(2, wanted[rows, None, None].expand(-1, out.shape[1], 1))
                result[rows, part] = out.cpu().numpy()
        return result if targets is None else result[:, :, 0]


def _beside(mask, values):
    """Return a mask of rows and coalitions with the axes that values have after these two."""
    return mask.reshape(*mask.shape, *[1] * (values.ndim - 2))


def choose_outputs(outputs, targets):
    """Return the explained output of each row, (n_rows, n, n_outputs) -> (n_rows, n, 1)."""
    return np.take_along_axis(outputs, np.asarray(targets)[:, None, None], axis=2)


def blends_after_head(split, z, n_players):
    """Whether rows are better put together after the head: players are few beside the inputs."""
    return split.found and z.ndim == 2 and n_players <= max(_FEW_PLAYERS, z.shape[1] // 2)


def _blend(split, z, fill, owner, n_players, shared):
    """Put rows together after the head where coalitions and fillers are shared by all rows and it is worth it."""
    after = shared and blends_after_head(split, z, n_players)
    return (HeadBlend if after else _InputBlend)(split, z, fill, owner, n_players)


class _InputBlend:
    """Rows put together at the network's input."""

    def __init__(self, split, z, fill, owner, n_players):
        self.network, self.shape = split.network, z.shape[1:]
        self.z, self.fill, self.owner = z.flatten(1), fill.flatten(1), owner
        channels_last = self.network.channels_last
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        # What convolutions make of a chunk is written and read again: it should stay within the cache, all of it.
        self.numel = 4 * widest(self.network, z[:3]) if channels_last else self.z.shape[1]

    def prepare(self, mask, chosen):
        """Keep the players that stay, and the background rows of those that do not."""
        self._mask, self._chosen = mask, chosen.expand(len(self.z), -1)
        self._kept = self._inputs_of(mask) if mask.ndim == 2 else None

    def _inputs_of(self, mask):
        return torch.nn.functional.pad(mask, (0, 1), value=True)[..., self.owner]  # an input of no player stays

    def run(self, rows):
        """Return the outputs for some rows and the prepared coalitions."""
        kept = self._inputs_of(self._mask[rows]) if self._kept is None else self._kept
        blend = torch.where(kept, self.z[rows, None], self.fill[self._chosen[rows]])
        return self.network(blend.reshape(-1, *self.shape).to(memory_format=self._layout))


class HeadBlend:
    """Rows put together after an affine head, from what each player adds to the pre-activations."""

    def __init__(self, split, z, fill, owner, n_players):
        self.split, self.like = split, z[:1]
        origin = split.head(torch.zeros_like(z[:1]))
        self.shape, self.origin = origin.shape[1:], origin.reshape(1, -1)
        self.numel = self.origin.numel()
        self.added = self._contributions(z, owner, n_players)
        self.fill = self._contributions(fill, owner, n_players)

    def _contributions(self, z, owner, n_players):
        """Return what each player of each row adds, and last the inputs of none, (n_rows, n_players + 1, n_hidden)."""
        players = torch.arange(n_players + 1, device=z.device)[:, None]
        players[-1] = -1
        alone = torch.where(owner == players, z[:, None], z.new_zeros(1))
        return (self.split.head(alone.flatten(0, 1)).flatten(1) - self.origin).reshape(len(z), n_players + 1, -1)

    def prepare(self, mask, chosen):
        """Keep the weights of the row's players, and what the background adds, for each coalition."""
        self._weights = torch.nn.functional.pad(mask, (0, 1), value=True).to(self.added.dtype)
        order = chosen.argsort()
        removed = (1 - self._weights[order]).split(torch.bincount(chosen, minlength=len(self.fill)).tolist())
        self._filling = torch.empty(len(mask), self.numel, dtype=self.added.dtype, device=mask.device)
        self._filling[order] = torch.cat([part @ fill for part, fill in zip(removed, self.fill, strict=True)])
        self._filling += self.origin

    def run(self, rows):
        """Return the outputs for some rows and the prepared coalitions."""
        added = self.added[rows]
        n = len(added)
        blend = torch.baddbmm(self._filling.expand(n, -1, -1), self._weights.expand(n, -1, -1), added)
        return self.split.tail(blend.reshape(-1, *self.shape), self.like)
