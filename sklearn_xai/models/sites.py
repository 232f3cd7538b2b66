"""Where a network is looked into: at a layer; the embeddings of its tokens are in ``embeddings``.

A site splits a network in two: ``variable(z)`` is what is attributed to, ``enter`` goes on from there to where blends
are made, ``tail`` from there to the explained outputs. Every gradient method is written for any site. Use all functions
inside ``network.frozen()``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from sklearn_xai.models.affine_head import find_cut
from sklearn_xai.models.layers import LayerPoint
from sklearn_xai.models.lookups import Enough

if TYPE_CHECKING:
    from sklearn_xai.models.network import Network


class Site:
    """A network seen from a point inside, whose values are the rows' own; see ``Split`` for the input itself.

    Parameters
    ----------
    network : Network
    """

    channels_last = False
    in_place = True  # whether the tail may write to what it is given

    def __init__(self, network: Network) -> None:
        self.network = network

    @property
    def at_rows(self) -> Site:
        """The same site, for one evaluation at each row."""
        return self

    def variable(self, z: torch.Tensor) -> torch.Tensor:
        """Return what is attributed to, for input rows: shape (n_rows, ...)."""
        raise AttributeError(f"{type(self).__name__} does not say what is attributed to.")

    def context(self, z: torch.Tensor) -> torch.Tensor:
        """Return what ``tail`` needs to know of input rows: all of them, or the first only where they do not matter."""
        return z

    def enter(self, v: torch.Tensor) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
        """Return where blends are made, and what turns gradients there into gradients at the variable."""
        return v, _unchanged

    def own(self, h: torch.Tensor) -> torch.Tensor:
        """Return values that the tail may write to."""
        return h.clone()

    def still(self, v: torch.Tensor, context: torch.Tensor) -> torch.Tensor | None:
        """Return which elements of the variable play no part, such as those of padding: a mask, or None."""
        return None

    def tail(self, h: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Return the explained outputs for values at the site, in rows otherwise like ``context``."""
        raise AttributeError(f"{type(self).__name__} does not say what follows it.")


def _unchanged(gradient):
    return gradient


def repeated(context, n_rows):
    """Return one row as often as there are rows; several as they are."""
    return context.expand(n_rows, *context.shape[1:]) if len(context) == 1 else context


class LayerSite(Site):
    """The output, or the input, of a named layer.

    Of a layer that returns several tensors it is the first, and of one that takes several the first and all that are
    the same, as the query, key and value of self-attention.

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

    Attributes
    ----------
    shape : tuple of int
        Shape of the values of one row.
    """

    def __init__(
        self, network: Network, path: str, side: Literal["output", "input"], rows: np.ndarray, caller: str
    ) -> None:
        super().__init__(network)
        self.point = LayerPoint(network.module, (path, side), caller)
        with network.frozen(), torch.no_grad():
            z = network.tensor(rows)
            h, alone = self._value(z)
            more = self._value(torch.cat([z, z[:1]]))[0]
            self.point.check_rows(h, len(z), more, len(z) + 1)
        self.shape = tuple(h.shape[1:])
        self._cut = None
        if alone and side == "output" and z.is_floating_point() and not network.takes_integers:
            with network.frozen():
                self._cut = find_cut(network, self.point.path, z)
        self._check_tail(z)

    def _check_tail(self, z):
        """Raise unless the network goes on from the layer to the explained outputs."""
        with self.network.frozen(), torch.no_grad():
            truth = self.network(z)
            try:
                found = self.tail(self.variable(z), self.context(z))
                same = torch.allclose(found, truth, rtol=1e-3, atol=1e-4, equal_nan=True)
            except (RuntimeError, TypeError, ValueError):
                same = False
        if not same:
            raise ValueError(
                f"{self.point.message}, from which the explained output cannot be reached: it may come after that "
                "output (use output='proba' for a final softmax), or the network draws numbers. Name another layer."
            )

    def _value(self, z):
        """Return what comes out of the layer, or goes in, and whether it is all that does."""
        seen = []
        with self._hooked(lambda value, alone: seen.append((value, alone))):
            self.network(z)
        self.point.check_calls(len(seen))
        value, alone = seen[0]
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            got = f"an array of {value.dtype}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise ValueError(
                f"{self.point.message}, whose {self.point.side} is {got}: it has no gradient. Name a layer of real "
                "numbers."
            )
        return value, alone

    def _hooked(self, see):
        """Show the value at the site to a function, which may return another to be used instead."""
        return self.point.hooked(self.network.module, see)

    def variable(self, z: torch.Tensor) -> torch.Tensor:
        """Return the values at the layer."""
        found = []

        def stop(value, alone):
            found.append(value)
            raise Enough

        try:
            with self._hooked(stop):
                self.network(z)
        except Enough:
            pass
        return found[0].detach().clone()

    def context(self, z: torch.Tensor) -> torch.Tensor:
        """Return the rows, or one where they reach the output through the layer only."""
        return z if self._cut is None else z[:1]

    def tail(self, h: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Return the explained outputs."""
        if self._cut is not None:
            return self._cut.tail(h, context[:1])
        with self._hooked(lambda value, alone: h):
            return self.network(repeated(context, len(h)))
