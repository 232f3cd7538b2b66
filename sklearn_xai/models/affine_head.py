"""Splits a network after its leading affine part.

A path or coalition method runs the network on blends of a row and a background. As long as the layers are affine, the
pre-activations of a blend are the blend of the pre-activations: these layers need to run once per row and once per
background, not once per blend, and so does their backward pass.

The cut is found on any module, not only on a Sequential. The layers of one forward pass are recorded; a layer is
accepted when

1. it is called once, and every operation between the input and its output is multilinear (its autograd graph says
   which, and no comparison, index or detached copy is between them, which it would not show) and affine together
   (checked on blends of rows, inside and outside the segment);
2. with its output replaced by a leaf, the input no longer reaches the network's output, neither by an operation, with
   a gradient or without, nor in value (checked with another input).

Otherwise the network is used whole. Never wrong, sometimes faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sklearn_xai.models.image_layout import takes_channels_last

if TYPE_CHECKING:
    from sklearn_xai.models.inside import InsideModel
    from sklearn_xai.models.network import Network

# Operations that are affine, or linear in each factor: whether their composition is affine is then decided exactly, up
# to rounding, by evaluating it at random points.
_MULTILINEAR = {
    "AccumulateGrad", "Addmm", "Mm", "Bmm", "Baddbmm", "T", "Transpose", "Permute", "View", "UnsafeView",
    "ReshapeAlias", "Alias", "Clone", "ToCopy", "Expand", "Squeeze", "Unsqueeze", "Select", "Slice", "Cat", "Stack",
    "Unbind", "Split", "SplitWithSizes", "Index", "IndexSelect", "ConstantPadNd", "Add", "Sub", "Rsub", "Mul",
    "Div", "Neg", "Sum", "Mean", "Convolution", "Conv1D", "Conv2D", "MkldnnConvolution", "ThnnConv2D", "SlowConv2D",
    "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "BatchNorm", "AvgPool1D", "AvgPool2D", "AvgPool3D",
    "AdaptiveAvgPool2D", "MkldnnAdaptiveAvgPool2D", "Repeat", "Flip", "Roll", "AsStrided", "Linear", "MkldnnLinear",
    "UnsafeSplit", "Movedim", "Unfold", "Detach", "Lift", "Copy", "CopyBackwards", "CopySlices", "AsStrided_",
    "UpsampleNearest1D", "UpsampleNearest2D", "UpsampleLinear1D", "UpsampleBilinear2D", "ReflectionPad1D",
    "ReflectionPad2D", "ReplicationPad1D", "ReplicationPad2D", "PixelShuffle", "PixelUnshuffle", "Triu", "Tril",
    "Cumsum",
    "Where", "MaskedFill",  # of a mask that does not depend on the rows: one that does is seen otherwise
}  # fmt: skip
# Operations that ask a tensor for its shape and type only.
_SHAPE_ONLY = {"zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_empty", "new_full"}
_BLENDS = (-2.0, -0.5, 0.3, 0.8, 3.0)


class Split:
    """A network as ``tail(head(z))`` with an affine head; without a cut the head is the identity.

    Use all three functions inside ``network.frozen()``.
    """

    def __init__(
        self,
        network: Network | InsideModel,
        path: str | None = None,
        skipped: Sequence[tuple[str, tuple[int, ...]]] = (),
    ) -> None:
        self.network = network
        self.path = path  # dotted name of the layer the head ends with
        self.skipped = tuple(skipped)  # layers inside the head, not run with the tail
        self.channels_last = False  # whether the tail takes images in the layout that convolutions on a CPU like best
        self.in_place = True  # whether the tail may write to what it is given

    @property
    def found(self) -> bool:
        """Whether there is a head."""
        return self.path is not None

    @property
    def at_rows(self) -> Split:
        """The whole network, for one evaluation at each row."""
        return Split(self.network) if self.found else self

    def variable(self, z: torch.Tensor) -> torch.Tensor:
        """Return what is attributed to: the input itself."""
        return z

    def context(self, z: torch.Tensor) -> torch.Tensor:
        """Return what the tail needs to know of input rows: nothing but their shape."""
        return z[:1]

    def still(self, v: torch.Tensor, context: torch.Tensor) -> None:
        """Return which elements of the variable play no part: none."""
        return None

    def head(self, z: torch.Tensor) -> torch.Tensor:
        """Return the pre-activations of input rows."""
        return z if not self.found else _run_until(self.network, self._layer(self.path), z)

    def tail(self, h: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Return the explained outputs for pre-activations; ``like`` is any one input row, shape (1, ...)."""
        if not self.found:
            return self.network(h)
        # The layers that run before the cut only need something of the right shape: a view that costs nothing.
        fillers = {name: shape for name, shape in self.skipped}
        with ExitStack() as stack:
            for name, shape in fillers.items():
                filler = h.new_zeros(1).expand(len(h), *shape)
                stack.enter_context(_replaced(self._layer(name), filler))
            stack.enter_context(_replaced(self._layer(self.path), h))
            return self.network(like.expand(len(h), *like.shape[1:]))

    def own(self, h: torch.Tensor) -> torch.Tensor:
        """Return pre-activations that the tail may write to: a copy, if its first step is in place."""
        return h.clone() if self.in_place and self.found else h  # the whole network copies what it writes to

    def enter(self, z: torch.Tensor) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
        """Return the pre-activations of input rows, and what turns gradients there into gradients at the input.

        The head is affine: that function is the same whatever the rows.
        """
        if not self.found:
            return z, _unchanged
        leaf = z.detach().requires_grad_(True)
        h = self.head(leaf)

        def pull(gradient):
            return torch.autograd.grad(h, leaf, gradient, retain_graph=True)[0]

        return h.detach(), pull

    def _layer(self, path):
        return self.network.module.get_submodule(path)


def _unchanged(gradient):
    return gradient


@contextmanager
def _replaced(layer, value):
    """Let a layer return a given tensor."""
    own = layer.__dict__.get("forward")
    layer.forward = lambda *args, **kwargs: value
    try:
        yield
    finally:
        if own is None:
            del layer.forward
        else:
            layer.forward = own


class _Reached(Exception):
    """Ends a forward pass at the cut."""


def _run_until(network, layer, z):
    kept = []

    def stop(module, args, output):
        kept.append(output)
        raise _Reached

    handle = layer.register_forward_hook(stop)
    try:
        network(z)
    except _Reached:
        pass
    finally:
        handle.remove()
    return kept[0]


def find_affine_head(network: Network, rows: np.ndarray) -> Split:
    """Return the Split of a network after its longest affine head.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n_rows, ...)
        A few rows of data, not all the same.
    """
    with network.frozen():
        z = network.tensor(rows)
        unblended = not z.is_floating_point() or network.takes_integers  # blends of ids are none
        if unblended or isinstance(network.module, torch.jit.ScriptModule):
            return Split(network)
        points = _blended(z)
        try:
            calls = _record(network, points)
        except (RuntimeError, TypeError, ValueError):  # a network that takes only some numbers, such as codes
            return Split(network)
        for name, output in reversed(calls):
            split = Split(network, name)
            if _is_affine(output, z) and _is_cut(split, points[: 2 * len(z)]):
                split = _skipping(split, calls, points[: 2 * len(z)])
                break
        else:
            split = Split(network)
        with torch.no_grad():
            h = split.head(z)
        split.channels_last = takes_channels_last(network.module, lambda h: split.tail(h, z[:1]), h)
        split.in_place = _writes_to_its_input(split, z)
    return split


def find_cut(network, path, z):
    """Return the Split of a network at a layer, affine or not, if rows reach the output through it only, else None.

    Call inside ``network.frozen()``.
    """
    if isinstance(network.module, torch.jit.ScriptModule):
        return None
    split, points = Split(network, path), _blended(z)[: 2 * len(z)]
    if not _is_cut(split, points):
        return None
    split = _skipping(split, _calls_before(network, path, points), points)
    split.in_place = _writes_to_its_input(split, z)
    return split


def _calls_before(network, path, points):
    """Return (name, output) of each leaf layer that is called, once, before a layer."""
    module = network.module
    inside = {id(part) for part in module.get_submodule(path).modules()}
    outside = {
        part: name
        for name, part in module.named_modules()
        if not list(part.children()) and name and id(part) not in inside
    }
    seen, handles = [], []
    try:
        for part in outside:
            handles.append(part.register_forward_hook(lambda part, args, output: seen.append((part, output))))
        with torch.no_grad():
            _run_until(network, module.get_submodule(path), points)
    finally:
        for handle in handles:
            handle.remove()
    once = [part for part, _ in seen]
    return [
        (outside[part], output)
        for part, output in seen
        if once.count(part) == 1 and isinstance(output, torch.Tensor) and len(output) == len(points)
    ]


def _blended(z):
    """Rows, the same rows in another order, and blends of the two within and beyond the segment, all in one batch."""
    generator = torch.Generator().manual_seed(0)
    spread = z.std(dim=0, keepdim=True, correction=0) + 0.1 * z.abs().mean() + 1e-3
    other = z.flip(0) + spread * torch.randn(z.shape, generator=generator).to(z)
    first = z + spread * torch.randn(z.shape, generator=generator).to(z)
    return torch.cat([first, other] + [first + t * (other - first) for t in _BLENDS])


def _record(network, points):
    """Return (name, output) of each leaf layer called once, in the order of the calls."""
    names = {layer: name for name, layer in network.module.named_modules() if not list(layer.children()) and name}
    outputs, counts, handles = [], {}, []

    def note(layer, args, output):
        counts[layer] = counts.get(layer, 0) + 1
        # a copy, as an in-place activation may follow
        outputs.append((layer, output.clone() if isinstance(output, torch.Tensor) else None))

    try:
        handles.extend(layer.register_forward_hook(note) for layer in names)
        points = points.detach().requires_grad_(True)
        with _Flow(points) as flow:
            network(points)
    finally:
        for handle in handles:
            handle.remove()
    if flow.decided:
        return []
    return [
        (names[layer], output)
        for layer, output in outputs
        if counts[layer] == 1
        and output is not None
        and output.ndim > 1
        and len(output) == len(points)
        and not flow.hidden(output)
    ]


class _Flow(TorchDispatchMode):
    """Follows the input through a forward pass, also where no gradient does: comparisons, indices, detached copies.

    Tensors are known by their memory, so that views and in-place operations are followed too; all that were reached
    are kept, so that no memory is used twice.
    """

    def __init__(self, source):
        super().__init__()
        self._reached = {_memory(source): source}
        self._hidden = {}
        self.decided = False  # whether Python read a number, on which a branch may hang

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given = [_memory(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        name = func.overloadpacket.__name__
        if name in _SHAPE_ONLY or not any(memory in self._reached for memory in given):
            return out
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        self.decided |= not results
        hidden = name == "detach" or any(memory in self._hidden for memory in given)
        for result in results:
            self._reached[_memory(result)] = result
            if hidden or not result.is_floating_point():
                self._hidden[_memory(result)] = result
        return out

    def reaches(self, tensor):
        """Whether the input reaches a tensor, or what is done with it."""
        return self.decided or _memory(tensor) in self._reached

    def hidden(self, tensor):
        """Whether the input reaches a tensor on a way that autograd does not see."""
        return _memory(tensor) in self._hidden


def _memory(tensor):
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else id(tensor)


def _is_affine(output, z):
    """Whether the output is made by multilinear operations, and its blends are the blends of its values."""
    if output.grad_fn is None or not output.is_floating_point():
        return False
    if nonlinear_operation(output.grad_fn) is not None:
        return False
    n = len(z)
    values = output.detach().double()
    first, other = values[:n], values[n : 2 * n]
    scale = values.abs().amax() + 1e-30
    tolerance = (1e-9 if output.dtype == torch.float64 else 2e-5) * scale
    return all(
        bool(((first + t * (other - first)) - values[(2 + i) * n : (3 + i) * n]).abs().amax() <= tolerance)
        for i, t in enumerate(_BLENDS)
    )


def nonlinear_operation(node):
    """Return the name of an operation in an autograd graph that is not linear in each of its inputs, or None."""
    seen, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        kind = node.name().split("::")[-1].rstrip("0123456789").removesuffix("Backward")
        if kind not in _MULTILINEAR:
            return kind
        waiting.extend(following for following, _ in node.next_functions)
    return None


def _is_cut(split, points):
    """Whether the input reaches the network's output through the layer only."""
    network = split.network
    try:
        with torch.no_grad():
            truth = network(points)
            h = split.head(points)
            from_other = split.tail(h, points[-1:])
        source = points[:1].detach().clone().requires_grad_(True)
        leaf = h.detach().requires_grad_(True)
        with _Flow(source) as flow:
            out = split.tail(leaf.clone(), source)
        reached = torch.autograd.grad(out.sum(), [source, leaf], allow_unused=True)
    except (RuntimeError, TypeError, ValueError):
        return False
    others = reached[0] is not None or flow.reaches(out)
    return not others and reached[1] is not None and _close(truth, from_other)


def _close(a, b):
    tolerance = 1e-9 if a.dtype == torch.float64 else 1e-5
    return a.shape == b.shape and bool((a - b).abs().amax() <= tolerance * (a.abs().amax() + 1e-30))


def _skipping(split, calls, points):
    """Leave out the layers before the cut, if the tail gives the same without them."""
    before = []
    for name, output in calls:
        if name == split.path:
            break
        before.append((name, tuple(output.shape[1:])))
    faster = Split(split.network, split.path, before)
    try:
        with torch.no_grad():
            h = split.head(points)
            same = _close(split.tail(h.clone(), points[:1]), faster.tail(h, points[:1]))
    except (RuntimeError, TypeError, ValueError):
        same = False
    return faster if same else split


def _writes_to_its_input(split, z):
    h = split.enter(z)[0].clone().requires_grad_(True)
    before = h.detach().clone()
    try:
        split.tail(h, z[:1])
    except RuntimeError:  # autograd does not let a leaf be written to
        return True
    return not torch.equal(before, h.detach())
