"""Look-ups in embeddings, seen from outside a network, and other vectors put in their place."""

from __future__ import annotations

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Enough(Exception):
    """Ends a forward pass once all that was looked for is known."""


class Lookups(TorchFunctionMode):
    """Shows every look-up in an embedding, however it is spelled, to a function.

    Parameters
    ----------
    see : callable
        Gets the ids, the number of the padding id or None, the number of ids that there are, and a function that looks
        the ids up. Returns None, or vectors that are used instead.
    """

    def __init__(self, see):
        super().__init__()
        self.see = see

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "embedding_bag" and func is not torch.embedding_bag:
            return self._bag(*args, **kwargs)
        if name != "embedding":
            return func(*args, **kwargs)
        ids, table, padding = _arguments(func is torch.embedding, args, kwargs)
        new = self.see(ids, padding, len(table), lambda: func(*args, **kwargs))
        return func(*args, **kwargs) if new is None else new

    def _bag(
        self, input, weight, offsets=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode="mean",
        sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None,
    ):  # fmt: skip
        """Look up the vectors of a bag, and only then add them up."""
        if input.ndim != 2 or max_norm is not None:
            raise ValueError("EmbeddingBag is explained with ids of shape (n_rows, n_tokens), without max_norm.")
        padding = None if padding_idx is None else padding_idx % len(weight)
        vectors = self.see(input, padding, len(weight), lambda: nn.functional.embedding(input, weight))
        vectors = nn.functional.embedding(input, weight) if vectors is None else vectors
        kept = torch.ones_like(input, dtype=torch.bool) if padding is None else input != padding
        if mode == "max":
            largest = vectors.masked_fill(~kept[..., None], -torch.inf).amax(dim=1)
            return torch.where(kept.any(dim=1, keepdim=True), largest, 0.0)  # a bag of nothing
        if per_sample_weights is not None:
            vectors = vectors * per_sample_weights[..., None]
        total = (vectors * kept[..., None]).sum(dim=1)
        return total if mode == "sum" else total / kept.sum(dim=1, keepdim=True).clamp(min=1)


def _arguments(table_first, args, kwargs):
    """Return (ids, table, padding id or None) of a look-up; torch's own operator takes the table first."""
    names = ("weight", "indices", "padding_idx") if table_first else ("input", "weight", "padding_idx")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    padding, table = given.get("padding_idx"), given["weight"]
    if padding is not None and padding < 0:  # -1 is the last id, and to the operator no id
        padding = None if table_first else padding + len(table)
    return given["indices" if table_first else "input"], table, padding


def check_ids(ids, size):
    """Raise where ids are no rows of a table of a size."""
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < size:
        raise ValueError(
            f"The network looks up ids from {int(ids.min())} to {int(ids.max())} in an embedding of {size} vectors, "
            f"which takes 0 to {size - 1}. Give it more vectors, or rare and new tokens one id of their own."
        )


def look_up(network, z, wanted=None):
    """Return (ids, padding id or None, vectors) of each look-up of a forward pass, in the order of the calls.

    Parameters
    ----------
    network : Network
        In ``frozen()``.
    z : Tensor of shape (n_rows, ...)
    wanted : list of int, optional
        Which look-ups, by their place in the order; the forward pass ends after the last. All by default.
    """
    found: list = []
    count = 0

    def see(ids, padding, size, look):
        nonlocal count
        if wanted is None or count in wanted:
            check_ids(ids, size)
            found.append((ids, padding, look()))
        count += 1
        if wanted is not None and len(found) == len(wanted):
            raise Enough

    try:
        with Lookups(see):
            network(z)
    except Enough:
        pass
    return found
