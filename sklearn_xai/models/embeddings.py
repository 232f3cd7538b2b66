"""A network seen at the vectors that it looks up for whole numbers: tokens of a text, or codes of categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from sklearn_xai.models.lookups import Lookups, look_up
from sklearn_xai.models.sites import Site, repeated

if TYPE_CHECKING:
    from sklearn_xai.models.network import Network

_PROBES = 48  # variants of a row by which the column behind each vector is found
_TRIED = 8  # values of a column that are tried for one that moves a look-up
_TRIED_COLUMNS = 512  # up to so many columns; of ids any other value does

STILL, SEVERAL = -1, -2  # a vector that no column moves, or more than one


class EmbeddingSite(Site):
    """The vectors that a network looks up for whole numbers, beside its other inputs.

    The variable has one row for each row: where the input holds whole numbers only, and one look-up takes them all, its
    vectors (n_positions, n_dimensions); else the input itself and all vectors, one after the other.

    Parameters
    ----------
    network : Network
    feeds : dict of int to ndarray
        As ``find_embeddings`` finds them: the column behind each position of each look-up that is attributed to.
    rows : Tensor of shape (n_rows, n_columns)

    Attributes
    ----------
    feeds : ndarray of shape (n_elements,) of int
        The input column that each element of the (flattened) variable comes from; -1 for those that no row moves.
    coded : ndarray of shape (n_columns,) of bool
        Columns that are a row's own whatever the variable: ids, and other whole numbers.
    """

    def __init__(self, network: Network, feeds: dict[int, np.ndarray], rows: torch.Tensor) -> None:
        super().__init__(network)
        self._live = sorted(feeds)  # which look-ups are attributed to, in the order of the calls
        self.plain = not rows.is_floating_point()
        self._n_columns = 0 if self.plain else rows.shape[1]
        self._shapes = [tuple(vectors.shape[1:]) for _, _, vectors in look_up(network, rows[:1], self._live)]
        sizes = [int(np.prod(shape)) // len(feeds[i]) for i, shape in zip(self._live, self._shapes, strict=True)]
        behind = [np.repeat(feeds[i], size) for i, size in zip(self._live, sizes, strict=True)]
        self.feeds = np.concatenate([np.arange(self._n_columns), *behind])
        self.coded = np.zeros(self._n_columns, dtype=bool)
        if not self.plain:
            self.coded = self._find_coded(rows, np.unique(np.concatenate(behind)))

    def _find_coded(self, z, looked_up):
        """Find the columns that are ids only: changed a little, with the same vectors, they change nothing."""
        with torch.enable_grad():
            leaf = self.variable(z).requires_grad_(True)
            out = self.tail(self.own(leaf), z)
            weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(0)).to(out)
            slope = torch.autograd.grad((out * weights).sum(), leaf)[0] if out.requires_grad else torch.zeros_like(leaf)
        coded = np.zeros(self._n_columns, dtype=bool)
        coded[looked_up[looked_up >= 0]] = True
        coded &= (slope[:, : self._n_columns] == 0).all(dim=0).cpu().numpy()
        if self.network.layout is not None:
            coded |= self.network.layout.whole
        return coded

    @property
    def single(self) -> bool:
        """Whether the variable is the vectors of one look-up."""
        return self.plain and len(self._shapes) == 1

    def variable(self, z: torch.Tensor) -> torch.Tensor:
        """Return the vectors, and the input before them where it holds more than whole numbers."""
        parts = [vectors for _, _, vectors in look_up(self.network, z, self._live)]
        if self.single:
            return parts[0].detach().clone()
        return torch.cat([part.flatten(1) for part in ([] if self.plain else [z]) + parts], dim=1).detach()

    def still(self, v: torch.Tensor, context: torch.Tensor) -> torch.Tensor | None:
        """Return where the variable is a padding token's."""
        looked_up = look_up(self.network, context, self._live)
        if all(padding is None for _, padding, _ in looked_up):
            return None
        masks = []
        for ids, padding, vectors in looked_up:
            mask = torch.zeros_like(ids, dtype=torch.bool) if padding is None else ids == padding
            masks.append(mask[..., None].expand(vectors.shape))
        if self.single:
            return masks[0]
        before = [] if self.plain else [torch.zeros_like(context, dtype=torch.bool)]
        return torch.cat([mask.flatten(1) for mask in before + masks], dim=1)

    def fold(self, attributions: np.ndarray, n_columns: int) -> np.ndarray:
        """Add up the attributions of the elements that one input column feeds.

        Parameters
        ----------
        attributions : ndarray of shape (n_rows, ...)
        n_columns : int

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
        """
        flat = attributions.reshape(len(attributions), -1)
        found = np.zeros((len(flat), n_columns), dtype=flat.dtype)
        known = self.feeds >= 0
        np.add.at(found.T, self.feeds[known], flat.T[known])
        return found

    def padding_vectors(self, z: torch.Tensor) -> torch.Tensor | None:
        """Return the variable of a row that is all padding, or None where no padding id is known."""
        paddings = {padding for _, padding, _ in look_up(self.network, z[:1], self._live)}
        columns = self.feeds[self._n_columns :]
        if len(paddings) > 1 or None in paddings or (columns < 0).any():
            return None
        row = z[:1].clone()
        row[:, np.unique(columns)] = paddings.pop()
        return self.variable(row) if self.plain or self.coded.all() else None

    def tail(self, h: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Return the explained outputs."""
        context, flat = repeated(context, len(h)), h.flatten(1)
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        numbers, *vectors = flat.split([self._n_columns, *sizes], dim=1)
        found = {
            call: part.reshape(len(h), *shape)
            for call, part, shape in zip(self._live, vectors, self._shapes, strict=True)
        }
        count = -1

        def see(ids, padding, size, look):
            nonlocal count
            count += 1
            return found.get(count)

        if not self.plain:  # ids stay the row's own, also where the numbers beside them are blended
            context = torch.where(torch.as_tensor(self.coded, device=h.device), context, numbers)
        with Lookups(see):
            return self.network(context)


# ---------------------------------------------------------------------- which column is behind each vector
def find_embeddings(network, rows, caller):
    """Return the EmbeddingSite of a network, or None where it looks nothing up that depends on the row.

    Positions, which many networks look up too, are the same for all rows and are not attributed to; nor are those that
    a network counts from the padding of a row.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n_rows, n_columns)
        Rows of data, not all the same.
    caller : str
        Class name for messages.
    """
    with network.frozen(), torch.no_grad():
        z = network.tensor(rows)
        if not look_up(network, z[:2]):
            return None
        if z.ndim != 2:
            raise ValueError(f"{caller}: ids must be rows of a table. Got rows of shape {tuple(rows.shape[1:])}.")
        probes = _Probes(network, z, caller)
        feeds = {call: columns for call, columns in probes.feeds().items() if (columns != STILL).any()}
        mixed = [call for call, columns in feeds.items() if (columns == SEVERAL).any()]
        known = {column for call in feeds if call not in mixed for column in feeds[call].tolist()}
        if mixed and not probes.columns_behind(mixed) <= known:
            raise ValueError(
                f"{caller}: a vector that the network looks up depends on several columns of X, so that nothing can be "
                "said of single ones. Use ShapleyExplainer or LocalSurrogateExplainer."
            )
        feeds = {call: columns for call, columns in feeds.items() if call not in mixed}
        return EmbeddingSite(network, feeds, z[:_TRIED]) if feeds else None


class _Probes:
    """Variants of one row, and which ids move with which column."""

    def __init__(self, network, z, caller):
        self.network, self.z, self.caller = network, z, caller
        self.columns = z.shape[1]
        self.base = self._ids(z[:1])
        self.other = self._other_values()

    def _ids(self, z):
        return [ids for ids, _, _ in look_up(self.network, z)]

    def _moved(self, variants):
        """Return which ids differ from those of the row, (n_variants, n_positions) for each look-up."""
        found, again = self._ids(variants), self._ids(torch.cat([variants, variants[:1]]))
        moved = []
        for ids, longer, first in zip(found, again, self.base, strict=True):
            if len(ids) == len(variants) and len(longer) == len(variants) + 1 and ids.shape[1:] == first.shape[1:]:
                moved.append((ids != first).reshape(len(variants), -1))
                continue
            if ids.shape != first.shape:
                raise ValueError(
                    f"{self.caller}: the network looks up ids of shape {tuple(ids.shape)} for {len(variants)} rows; "
                    "one row of ids for each row is needed. Put the rows first (batch_first=True)."
                )
            moved.append(torch.zeros(len(variants), max(1, ids.numel()), dtype=torch.bool, device=ids.device))
        return moved

    def feeds(self):
        """Return the column behind each position of each look-up: change columns at random, see which ids go along."""
        changed = torch.rand(_PROBES, self.columns, generator=torch.Generator().manual_seed(0)) < 0.5
        changed = changed.to(self.z.device)
        moved = self._moved(torch.where(changed, self.other, self.z[:1]))
        feeds = {}
        for call, bits in enumerate(moved):
            signs = bits.T.float() * 2 - 1, changed.float() * 2 - 1
            agreement, column = (signs[0] @ signs[1]).max(dim=1)
            column = torch.where(agreement < _PROBES, SEVERAL, column)
            feeds[call] = torch.where(bits.any(dim=0), column, STILL).cpu().numpy()
        return feeds

    def columns_behind(self, calls):
        """Return the columns that move any of some look-ups."""
        found = set()
        for j in range(self.columns):
            moved = self._moved(self._with(j, self.other[:, j]))
            if any(moved[call].any() for call in calls):
                found.add(j)
        return found

    def _with(self, j, values):
        """Return the row with other values of a column."""
        rows = self.z[:1].repeat(len(values), 1)
        rows[:, j] = values
        return rows

    def _other_values(self):
        """Return a value of each column other than the first row's, with which the network runs: (1, n_columns)."""
        other = self.z[:1].clone()
        constant = []
        for j in range(self.columns):
            seen = self.z[:, j].unique()
            seen = seen[seen != self.z[0, j]]
            if not len(seen):
                constant.append(j)
            elif self.z.is_floating_point() and self.columns <= _TRIED_COLUMNS:
                tried = seen[torch.linspace(len(seen) - 1, 0, min(_TRIED, len(seen))).long().to(seen.device)]
                moves = torch.stack([bits.any(dim=1) for bits in self._moved(self._with(j, tried))]).any(dim=0)
                other[0, j] = tried[int(moves.int().argmax())]
            else:
                other[0, j] = seen[-1]
        return self._vary_constants(other, constant)

    def _vary_constants(self, other, constant):
        """Try values next to those of columns that never vary, first in all columns at once."""
        steps = [step for step in (1, -1) if constant]
        for step in steps:
            row = other.clone()
            row[0, constant] = self.z[0, constant] + step
            if self._runs(row):
                return row
        for j in constant:
            for step in steps:
                row = self._with(j, self.z[:1, j] + step)
                if self._runs(row):
                    other[0, j] = row[0, j]
                    break
        return other

    def _runs(self, row):
        try:
            self._ids(row)
        except (IndexError, RuntimeError, ValueError):
            return False
        return True
