"""Where a network is looked into: at its input, at the embeddings of its tokens, at a layer.

A site splits a network in two: ``variable(z)`` is what is attributed to, ``enter`` goes on from there to where blends are
made, ``tail`` from there to the explained outputs. Every gradient method is written for any site. Use all functions
inside ``network.frozen()``.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sklearn_xai.models.affine_head import Split, find_affine_head, find_cut

_PROBES = 48  # variants of a row by which the column behind each embedding is found


class _Enough(Exception):
    """Ends a forward pass once all that was looked for is known."""


class Site:
    """A network seen from a point inside, whose values are the rows' own; see ``Split`` for the input itself."""

    channels_last = False
    in_place = True  # whether the tail may write to what it is given

    def __init__(self, network):
        self.network = network

    @property
    def at_rows(self):
        """The same site, for one evaluation at each row."""
        return self

    def variable(self, z):
        """Return what is attributed to, for input rows: shape (n_rows, ...)."""
        raise AttributeError(f"{type(self).__name__} does not say what is attributed to.")

    def context(self, z):
        """Return what ``tail`` needs to know of input rows: all of them, or the first only where they do not matter."""
        return z

    def enter(self, v):
        """Return where blends are made, and what turns gradients there into gradients at the variable."""
        return v, _unchanged

    def own(self, h):
        """Return values that the tail may write to."""
        return h.clone()

    def still(self, v, context):
        """Return which elements of the variable play no part, such as those of padding: a mask, or None."""
        return None

    def tail(self, h, context):
        """Return the explained outputs for values at the site, in rows otherwise like ``context``."""
        raise AttributeError(f"{type(self).__name__} does not say what follows it.")


def _unchanged(gradient):
    return gradient


# ---------------------------------------------------------------------- layers
class LayerSite(Site):
    """The output, or the input, of a named layer.

    Parameters
    ----------
    network : Network
    path : str
        Dotted name of the layer.
    side : {"output", "input"}
    rows : ndarray of shape (n_rows, ...)
        A few rows, to see what goes through the layer.
    caller : str
        Class name for messages.
    """

    def __init__(self, network, path, side, rows, caller):
        super().__init__(network)
        self.path, self.side = path, side
        names = [name for name, _ in network.module.named_modules() if name]
        if path not in names:
            raise ValueError(
                f"The 'layer' parameter of {caller} must name a sub-module of {type(network.module).__name__}, or be "
                f"(name, 'input'). Got {path!r}. There are: {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}."
            )
        with network.frozen(), torch.no_grad():
            z = network.tensor(rows)
            seen = self._calls(z)
            if len(seen) != 1:
                how = "is not called" if not seen else f"is called {len(seen)} times"
                raise ValueError(
                    f"The 'layer' parameter of {caller} is {path!r}, which {how} for a row, so that it has no one "
                    f"{side}. Name another layer."
                )
            h = seen[0]
            if not isinstance(h, torch.Tensor) or not h.is_floating_point() or h.ndim < 2 or len(h) != len(z):
                got = tuple(h.shape) if isinstance(h, torch.Tensor) else type(h).__name__
                raise ValueError(
                    f"The 'layer' parameter of {caller} is {path!r}, whose {side} is no tensor of one row for each row "
                    f"of X: it is {got} for {len(z)} rows. Name another layer."
                )
        self.shape = tuple(h.shape[1:])
        self._cut = self._find_cut(z) if side == "output" else None

    def _find_cut(self, z):
        """Return the Split at this layer, if rows reach the output through it only."""
        if not z.is_floating_point() or self.network.takes_integers:
            return None
        with self.network.frozen():
            return find_cut(self.network, self.path, z)

    def _calls(self, z):
        """Return what goes in or comes out, each time the layer is called."""
        seen = []
        with self._hooked(lambda value: seen.append(value)):
            self.network(z)
        return seen

    @contextmanager
    def _hooked(self, see):
        """Show the value at the site to a function, which may return another to be used instead."""
        layer = self.network.module.get_submodule(self.path)

        def before(module, args):
            if not args:
                raise ValueError(f"The layer {self.path!r} is given its input by name only: ask for its output.")
            new = see(args[0])
            return None if new is None else (new, *args[1:])

        def after(module, args, output):
            several = isinstance(output, (tuple, list))
            new = see(output[0] if several else output)
            if new is None:
                return None
            return type(output)((new, *output[1:])) if several else new

        hook = layer.register_forward_hook(after) if self.side == "output" else layer.register_forward_pre_hook(before)
        try:
            yield
        finally:
            hook.remove()

    def variable(self, z):
        """Return the values at the layer."""
        found = []

        def stop(value):
            found.append(value)
            raise _Enough

        try:
            with self._hooked(stop):
                self.network(z)
        except _Enough:
            pass
        return found[0].detach().clone()

    def context(self, z):
        """Return the rows, or one where they reach the output through the layer only."""
        return z if self._cut is None else z[:1]

    def tail(self, h, context):
        """Return the explained outputs."""
        if self._cut is not None:
            return self._cut.tail(h, context[:1])
        context = context.expand(len(h), *context.shape[1:]) if len(context) == 1 else context
        with self._hooked(lambda value: h):
            return self.network(context)


# ---------------------------------------------------------------------- embeddings
class _Lookups(TorchFunctionMode):
    """Sees every look-up in an embedding, however it is spelled, and may put other vectors in its place."""

    def __init__(self, see):
        super().__init__()
        self.see = see

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "embedding_bag":
            return self._bag(func, *args, **kwargs)
        if name != "embedding":
            return func(*args, **kwargs)
        ids, padding = _ids_and_padding(func, args, kwargs)
        new = self.see(ids, padding, lambda: func(*args, **kwargs))
        return func(*args, **kwargs) if new is None else new

    def _bag(self, func, input, weight, offsets=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
             mode="mean", sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None):  # fmt: skip
        """Do a bag's look-up and its sum apart."""
        if input.ndim != 2 or isinstance(mode, int) or per_sample_weights is not None or max_norm is not None:
            raise ValueError("EmbeddingBag is explained with ids of shape (n_rows, n_tokens) and without weights only.")
        vectors = self.see(input, padding_idx, lambda: nn.functional.embedding(input, weight))
        vectors = nn.functional.embedding(input, weight) if vectors is None else vectors
        if padding_idx is None:
            kept = torch.ones_like(input, dtype=torch.bool)
        else:
            kept = input != padding_idx % len(weight)
        if mode == "max":
            return vectors.masked_fill(~kept[..., None], -torch.inf).amax(dim=1)
        total = (vectors * kept[..., None]).sum(dim=1)
        return total if mode == "sum" else total / kept.sum(dim=1, keepdim=True).clamp(min=1)


def _ids_and_padding(func, args, kwargs):
    """Return the ids and the padding id (-1 without) of a look-up: torch's operator has the table first."""
    first, second = (args + tuple(kwargs.get(name) for name in ("input", "weight", "indices")[len(args) :]))[:2]
    if first.is_floating_point():
        first, second = second, first
    padding = args[2] if len(args) > 2 else kwargs.get("padding_idx")
    return first, padding if padding is None or padding >= 0 else (padding + len(second) if padding < -1 else None)


class EmbeddingSite(Site):
    """The vectors that a network looks up for whole numbers, beside its other inputs.

    The variable has one row for each row: where the input holds whole numbers only, and one look-up takes them all, its
    vectors (n_positions, n_dimensions); else the input itself and all vectors, one after the other.

    Attributes
    ----------
    feeds : ndarray of shape (n_elements,) of int
        The input column that each element of the (flattened) variable comes from; -1 for those that no row moves.
    """

    def __init__(self, network, live, rows, caller):
        super().__init__(network)
        self._live = live  # which look-ups depend on the row, in the order of the calls
        self.plain = not network.tensor(rows[:1]).is_floating_point()
        with network.frozen(), torch.no_grad():
            z = network.tensor(rows)
            looked_up = self._look_up(z)
            self._shapes = [tuple(vectors.shape[1:]) for _, _, vectors in looked_up]
            for ids, _, vectors in looked_up:
                if len(ids) != len(z) or vectors.ndim < 2:
                    raise ValueError(
                        f"{caller}: the network looks up ids of shape {tuple(ids.shape)} for {len(z)} rows; one row of "
                        "ids for each row is needed. Put the rows first (batch_first=True)."
                    )
            self.feeds = self._find_feeds(z, caller)
            self._coded = torch.zeros(z.shape[1], dtype=torch.bool)  # columns that are ids
            behind = self.feeds[0 if self.plain else z.shape[1] :]
            self._coded[torch.as_tensor(behind[behind >= 0])] = True

    @property
    def _single(self):
        return self.plain and len(self._shapes) == 1

    def _look_up(self, z):
        """Return (ids, padding, vectors) of each look-up that depends on the row; the forward pass ends there."""
        found, count = [], [0]

        def see(ids, padding, look):
            mine = count[0] in self._live
            count[0] += 1
            if mine:
                found.append((ids, padding, look()))
            if len(found) == len(self._live):
                raise _Enough

        try:
            with _Lookups(see):
                self.network(z)
        except _Enough:
            pass
        return found

    def variable(self, z):
        """Return the vectors, and the input before them where it holds more than whole numbers."""
        parts = [vectors for _, _, vectors in self._look_up(z)]
        if self._single:
            return parts[0].detach().clone()
        return torch.cat([part.flatten(1) for part in ([] if self.plain else [z]) + parts], dim=1).detach()

    def still(self, v, context):
        """Return where the variable is a padding token's."""
        masks, any_padding = [], False
        for (ids, padding, vectors), shape in zip(self._look_up(context), self._shapes, strict=True):
            mask = torch.zeros_like(ids, dtype=torch.bool) if padding is None else ids == padding
            any_padding |= padding is not None
            masks.append(mask.reshape(len(ids), *mask.shape[1:], 1).expand(vectors.shape).reshape(len(ids), *shape))
        if not any_padding:
            return None
        if self._single:
            return masks[0]
        before = [] if self.plain else [torch.zeros_like(context, dtype=torch.bool)]
        return torch.cat([mask.flatten(1) for mask in before + masks], dim=1)

    def fold(self, attributions, n_columns):
        """Add up the attributions of the elements that one input column feeds; arrays of shape (n_rows, ...)."""
        flat = attributions.reshape(len(attributions), -1)
        found = np.zeros((len(flat), n_columns), dtype=flat.dtype)
        known = self.feeds >= 0
        np.add.at(found.T, self.feeds[known], flat.T[known])
        return found

    def padding_vectors(self, z):
        """Return the variable of rows that are all padding, or None where no padding id is known."""
        looked_up = self._look_up(z)
        if not self._single or looked_up[0][1] is None or not self.plain:
            return None
        return self.variable(torch.full_like(z, looked_up[0][1]))

    def tail(self, h, context):
        """Return the explained outputs."""
        context = context.expand(len(h), *context.shape[1:]) if len(context) == 1 else context
        flat = h.flatten(1)
        start = [0 if self.plain else context.shape[1]]
        count, place = [0], [0]

        def see(ids, padding, look):
            mine = count[0] in self._live
            count[0] += 1
            if not mine:
                return None
            shape = self._shapes[place[0]]
            place[0] += 1
            end = start[0] + int(torch.Size(shape).numel())
            vectors = flat[:, start[0] : end].reshape(len(flat), *shape)
            start[0] = end
            return vectors

        rows = context
        if not self.plain:  # ids stay the row's own, also where the numbers beside them are blended
            coded = self._coded.to(context)
            rows = context * coded + flat[:, : context.shape[1]] * (1 - coded)
        with _Lookups(see):
            return self.network(rows)

    # ------------------------------------------------------------------ which column is behind each vector
    def _find_feeds(self, z, caller):
        """Find the column that feeds each vector: change random columns of one row, see which vectors move with which."""
        columns = z.shape[1] if z.ndim == 2 else 0
        if not columns:
            raise ValueError(
                f"{caller}: ids must be rows of a table, (n_rows, n_tokens). Got rows of shape {z.shape[1:]}."
            )
        generator = torch.Generator().manual_seed(0)
        changed = torch.rand(_PROBES, columns, generator=generator) < 0.5
        variants = z[:1].repeat(_PROBES, 1)
        for j in range(columns):
            other = self._other_value(z, j)
            if other is not None:
                variants[changed[:, j], j] = other
        base = [ids for ids, _, _ in self._look_up(z[:1])]
        moved = [ids != first for (ids, _, _), first in zip(self._look_up(variants), base, strict=True)]
        signatures = changed.to(z.device).T.float() * 2 - 1  # (n_columns, n_probes)
        feeds = [] if self.plain else [torch.arange(columns)]
        for bits, shape in zip(moved, self._shapes, strict=True):
            flat = bits.reshape(_PROBES, -1).T.float() * 2 - 1  # (n_positions, n_probes)
            agreement, column = (flat @ signatures.T).max(dim=1)
            still = ~(flat > 0).any(dim=1)
            if ((agreement < _PROBES) & ~still).any():
                raise ValueError(
                    f"{caller}: a vector that the network looks up depends on several columns of X, so that nothing can "
                    "be said of single ones. Use ShapleyExplainer or LocalSurrogateExplainer."
                )
            column = torch.where(still, -1, column)
            size = int(torch.Size(shape).numel()) // max(1, len(column))
            feeds.append(column.cpu().repeat_interleave(size))
        return torch.cat(feeds).numpy()

    def _other_value(self, z, j):
        """Return a value of column j other than the first row's, with which the network still runs."""
        seen = z[:, j].unique()
        others = seen[seen != z[0, j]]
        if len(others):
            return others[0]
        for value in z.unique()[:64]:  # a column that is constant: try what is seen elsewhere
            if value == z[0, j] or value != value.round():
                continue
            row = z[:1].clone()
            row[0, j] = value
            try:
                self._look_up(row)
            except (IndexError, RuntimeError):
                continue
            return value
        return None


def live_lookups(network, rows):
    """Return which look-ups of embeddings depend on the rows, by their place in the order of the calls.

    Positions, which many networks look up too, are the same for all rows.
    """

    def ids_of(z):
        calls: list = []
        with _Lookups(lambda ids, padding, look: calls.append(ids)):
            network(z)
        return calls

    with network.frozen(), torch.no_grad():
        z = network.tensor(rows)
        last = z[-1:].expand_as(z)
        if not (z[0] != z[-1]).any():  # without two different rows, what is looked up in the shape of the input counts
            return [i for i, ids in enumerate(ids_of(z)) if ids.ndim > 1 and len(ids) == len(z)]
        pairs = zip(ids_of(z), ids_of(last), strict=True)
        return [i for i, (ids, others) in enumerate(pairs) if ids.shape == others.shape and bool((ids != others).any())]


def find_site(network, rows, layer, caller):
    """Return where a network is looked into: at a layer, at its embeddings, or at its input, after an affine head.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n_rows, ...)
        A few rows of data, not all the same.
    layer : str, (str, "input"), or None
    caller : str
        Class name for messages.
    """
    if layer is not None:
        path, side = (layer, "output") if isinstance(layer, str) else layer
        return LayerSite(network, path, side, rows, caller)
    if network.takes_integers:
        live = live_lookups(network, rows)
        if live:
            return EmbeddingSite(network, live, rows, caller)
    if not network.tensor(rows[:1]).is_floating_point():
        raise ValueError(
            f"{caller} differentiates the network at its inputs, but the network is given whole numbers that it does not "
            "look up in an embedding. Use LocalSurrogateExplainer, ShapleyExplainer or SHAPExplainer."
        )
    return find_affine_head(network, rows)


__all__ = ["EmbeddingSite", "LayerSite", "Site", "Split", "find_site"]
