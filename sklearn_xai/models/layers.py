"""The layers of a network: their names, what goes through them, and which of its axes the units are on."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from sklearn_xai.models.image_layout import widest
from sklearn_xai.models.lookups import Enough

if TYPE_CHECKING:
    from sklearn_xai.models.network import Network

_COMPILED = "_orig_mod."  # torch.compile puts it before the names of the layers of what it compiles
_FEW = 8  # rows from which shapes are found
_POOLS = (
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.pooling._LPPoolNd,
)
_UNITS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    *_POOLS,
)
_UNITS_LAST = (nn.Linear, nn.Bilinear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.RNNBase, nn.MultiheadAttention)


class LayerPoint:
    """The output, or the input, of a named layer of a module.

    Of a layer that returns several tensors it is the first, and of one that takes several the first and all that are
    the same, as the query, key and value of self-attention.

    Parameters
    ----------
    module : nn.Module
    layer : str, or (str, {"output", "input"})
        Dotted name of the layer; compiled layers go by the names they had before.
    caller : str
        Class name for messages.
    """

    def __init__(self, module, layer, caller):
        path, self.side = (layer, "output") if isinstance(layer, str) else layer
        self.name = path.replace(_COMPILED, "")
        self.message = f"The 'layer' parameter of {caller} is {path!r}"
        self.path = find_path(module, path, caller)
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(f"{self.message}, inside a scripted module, which cannot be looked into. Leave it None.")

    @contextmanager
    def hooked(self, module, see):
        """Show what goes through the layer, and whether it is all that does, to a function; it may return another."""

        def before(layer, args, kwargs):
            if not args and not kwargs:
                raise ValueError(f"{self.message}, which is called without an input. Ask for its output.")
            first = args[0] if args else next(iter(kwargs.values()))
            given = (*args, *kwargs.values())
            new = see(first, sum(isinstance(value, torch.Tensor) and value is not first for value in given) == 0)
            if new is None:
                return None
            changed = {name: new if value is first else value for name, value in kwargs.items()}
            return tuple(new if value is first else value for value in args), changed

        def after(layer, args, output):
            several = isinstance(output, (tuple, list))
            new = see(output[0] if several else output, not several)
            if new is None or not several:
                return new
            named = hasattr(output, "_fields")
            return type(output)(new, *output[1:]) if named else type(output)((new, *output[1:]))

        layer = module.get_submodule(self.path)
        if self.side == "output":
            hook = layer.register_forward_hook(after)
        else:
            hook = layer.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()

    def check_calls(self, count):
        """Raise unless the layer is called once for a row."""
        if count != 1:
            how = f"is called {count} times for a row, so that it has no one {self.side}"
            how = how if count else "is not called for a row"
            raise ValueError(f"{self.message}, which {how}. Name another layer.")

    def check_rows(self, value, n, more, n_more):
        """Raise unless a value has one row for each of n rows; with one row more it must have one more."""
        # An axis that happens to be as long as the number of rows is not to be taken for theirs.
        if value.ndim < 2 or len(value) != n or len(more) != n_more:
            raise ValueError(
                f"{self.message}, whose {self.side} is no array with one row for each row of X: it is of shape "
                f"{tuple(value.shape)} for {n} rows. Name another layer, or put the rows first (batch_first=True)."
            )


def find_path(module, path, caller):
    """Return the name of a layer as its module has it.

    Raises
    ------
    ValueError
        When there is no such layer; it names those that there are.
    """
    known = {name.replace(_COMPILED, ""): name for name, _ in module.named_modules() if name}
    if path.replace(_COMPILED, "") not in known:
        names = list(known)
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(
            f"The 'layer' parameter of {caller} must name a sub-module of {type(module).__name__}, or be (name, "
            f"'input'). Got {path!r}. There are: {shown or 'none'}."
        )
    return known[path.replace(_COMPILED, "")]


Call = namedtuple("Call", ["name", "input", "output"])


@contextmanager
def noted_calls(layers: Iterable[tuple[str, torch.nn.Module]]) -> Iterator[list[Call]]:
    """Note the calls of layers in the block, in the order in which they end.

    Parameters
    ----------
    layers : iterable of (str, nn.Module)
        Names, as the calls are to have them, and layers.

    Yields
    ------
    calls : list of Call
        ``name``, ``input`` (the first, None where a layer is called by names), ``output``.
    """
    calls: list[Call] = []

    def noting(name):
        return lambda layer, args, output: calls.append(Call(name, args[0] if args else None, output))

    with ExitStack() as stack:
        for name, layer in layers:
            stack.callback(layer.register_forward_hook(noting(name)).remove)
        yield calls


class LayerReader:
    """What comes out of some layers of a network, or goes in; no more of the network is run than that takes.

    Parameters
    ----------
    network : Network
    layers : list of str or (str, {"output", "input"})
    rows : ndarray of shape (n_rows, ...)
        A few rows, to see what goes through the layers.
    caller : str
        Class name for messages.

    Attributes
    ----------
    points : list of LayerPoint
    shapes : list of tuple of int
        Shape of the values of one row, for each layer.
    unit_axes : list of int
        Which of these axes the units are on: channels of an image, features of a token.
    widest : int
        How many numbers a row has at most on its way through the network.
    """

    def __init__(
        self,
        network: Network,
        layers: Sequence[str | tuple[str, Literal["output", "input"]]],
        rows: np.ndarray,
        caller: str,
    ) -> None:
        self.network = network
        self.points = [LayerPoint(network.module, layer, caller) for layer in layers]
        with network.frozen(), torch.no_grad():
            z = network.tensor(rows[:_FEW])
            with UnitAxes(network.module) as axes:
                values = self._read_whole(z, axes)
            more = self._read_whole(torch.cat([z, z[:1]]))
            self.widest = widest(network, z[:3])
        for point, (value, _), (longer, _) in zip(self.points, values, more, strict=True):
            point.check_rows(value, len(z), longer, len(z) + 1)
        self.shapes = [tuple(value.shape[1:]) for value, _ in values]
        self.unit_axes = [axis for _, axis in values]

    def _read_whole(self, z, axes=None):
        """Return the value at each layer, and the axis of its units, from a whole forward pass."""
        seen: list[list] = [[] for _ in self.points]

        def noting(values):
            return lambda value, alone: values.append((value, axes.of(value) if axes is not None else None))

        with ExitStack() as stack:
            for point, values in zip(self.points, seen, strict=True):
                stack.enter_context(point.hooked(self.network.module, noting(values)))
            self.network(z)
        for point, values in zip(self.points, seen, strict=True):
            point.check_calls(len(values))
            if not isinstance(values[0][0], torch.Tensor):
                got = type(values[0][0]).__name__
                raise ValueError(f"{point.message}, whose {point.side} is no tensor but {got}. Name another layer.")
        return [values[0] for values in seen]

    def read(self, z: torch.Tensor) -> list[torch.Tensor]:
        """Return the values at the layers for input rows, a list of tensors; call inside ``network.frozen()``."""
        found: list = [None] * len(self.points)
        left = len(self.points)

        def noting(i):
            def see(value, alone):
                nonlocal left
                # What comes after may write to it; where nothing comes after, it is the reader's alone.
                left -= 1
                found[i] = value if not left else value.clone()
                if not left:
                    raise Enough

            return see

        with ExitStack() as stack:
            for i, point in enumerate(self.points):
                stack.enter_context(point.hooked(self.network.module, noting(i)))
            try:
                self.network(z)
            except Enough:
                pass
        return found


class UnitAxes:
    """Follows a forward pass, and tells by the layers that know which axis of a value the units are on."""

    def __init__(self, module):
        self.module = module
        self._told: dict[int, int] = {}  # the axis by the number of axes, from the last layer that tells

    def __enter__(self):
        self._hooks = []
        for part in self.module.modules():
            if isinstance(part, (*_UNITS_FIRST, *_UNITS_LAST)):
                self._hooks.append(part.register_forward_hook(self._note))
        return self

    def __exit__(self, *error):
        for hook in self._hooks:
            hook.remove()

    def _note(self, part, args, output):
        value = output[0] if isinstance(output, (tuple, list)) else output
        if isinstance(value, torch.Tensor):
            self._told[value.ndim] = 0 if isinstance(part, _UNITS_FIRST) else value.ndim - 2

    def of(self, value):
        """Return the axis of a row of a value that its units are on."""
        if value.ndim <= 2:
            return 0
        return self._told.get(value.ndim, 1 if value.ndim == 3 else 0)
