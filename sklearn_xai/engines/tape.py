"""The operations of a forward pass, one after the other, so that they can be gone back through by rules of one's own.

What is recorded are torch's basic operators, below modules, functions and tensor methods: however a network is written,
as a module, a function, a method, in place, or as a script, the same computation is the same tape. Composite operators
(attention, recurrent cells) come as what they are made of, and so does an autograd function of the user's: its forward
is on the tape, its backward is not. ``detach`` is a step like any other, for the rules to decide on; a block without
gradients leaves no trace. What leaves torch (``item()``, a copy in numpy) comes back as a constant.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

_aten = torch.ops.aten

Step = namedtuple("Step", ["name", "func", "args", "kwargs", "inputs", "outputs"])
Step.__doc__ = """One operation between values that the leaf reaches.

name : str
    Name of the operator, without a mark for in-place variants.
func : callable
    The operator itself, out of place.
args, kwargs
    Its arguments, with a Ref in the place of each value that the leaf reaches.
inputs : list of int
    The places of these values in ``Tape.values``, in the order of the Refs.
outputs : list of (int or None)
    The places of its results; None for a result that the leaf does not reach by numbers.
"""


class Ref:
    """Stands for a recorded value among the arguments of a step."""

    def __init__(self, index):
        self.index = index


class Tape:
    """The values and steps of one forward pass.

    Attributes
    ----------
    values : list of Tensor
        The leaf comes first.
    steps : list of Step
    output : int or None
        Place of the result; None when the leaf does not reach it.
    decisions : set of int
        Places of values that are no floating numbers: comparisons, indices.
    """

    def __init__(self, leaf: torch.Tensor) -> None:
        self.values = [leaf]
        self.steps: list[Step] = []
        self.output: int | None = None
        self.decisions: set[int] = set()

    def pull(self, seed: torch.Tensor, rule: Callable[..., Any]) -> torch.Tensor | None:
        """Carry a cotangent of the output back to the leaf.

        Parameters
        ----------
        seed : Tensor of the shape of the output
        rule : callable
            From (step, cotangents of its outputs, None where there is none) to the cotangents of its inputs.

        Returns
        -------
        Tensor of the shape of the leaf (of more rows, if the seed has), or None when nothing reaches it
        """
        found: dict[int | None, Any] = {self.output: seed}
        for step in reversed(self.steps):
            given = [None if place is None else found.pop(place, None) for place in step.outputs]
            if all(cotangent is None for cotangent in given):
                continue
            for place, cotangent in zip(step.inputs, rule(step, given), strict=True):
                if cotangent is not None:
                    found[place] = found[place] + cotangent if place in found else cotangent
        return found.get(0)

    def arguments(self, step: Step, values: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a step with other values for those that the leaf reaches, in their order."""
        values = iter(values)
        return tree_map(lambda part: next(values) if isinstance(part, Ref) else part, (step.args, step.kwargs))

    def given(self, step: Step) -> list[torch.Tensor]:
        """Return the values that went into a step."""
        return [self.values[place] for place in step.inputs]


def vector_jacobian(
    tape: Tape, step: Step, cotangents: Sequence[torch.Tensor | None], values: Sequence[torch.Tensor] | None = None
) -> list[torch.Tensor | None]:
    """Return the true cotangents of a step's inputs: what autograd says of the one operation."""
    values = tape.given(step) if values is None else values
    with torch.enable_grad():
        leaves = [v.detach().requires_grad_(v.is_floating_point() or v.is_complex()) for v in values]
        args, kwargs = tape.arguments(step, leaves)
        results = step.func(*args, **kwargs)
    results = results if isinstance(results, (tuple, list)) else (results,)
    pairs = [
        (result, cotangent)
        for result, cotangent in zip(results, cotangents, strict=False)
        if cotangent is not None and result.requires_grad
    ]
    if not pairs:
        return [None] * len(leaves)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    outputs, given = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(outputs, wanted, given, allow_unused=True))
    return [next(found) if leaf.requires_grad else None for leaf in leaves]


# ---------------------------------------------------------------------- recording
def record(module: torch.nn.Module, run: Callable[[torch.Tensor], torch.Tensor], leaf: torch.Tensor) -> Tape:
    """Run ``run(leaf)`` and return its Tape; call inside ``network.frozen()``.

    Parameters
    ----------
    module : torch.nn.Module
        The module that is run, to keep its layers from taking fused short cuts.
    run : callable
        From the leaf to the outputs.
    leaf : Tensor
    """
    leaf = leaf.detach().clone()
    with torch.no_grad(), _unfused(module), _Recorder(leaf) as recorder:
        result = run(leaf)
    recorder.tape.output = recorder.place_of(result)
    return recorder.tape


@contextmanager
def _unfused(module):
    """Have attention and recurrent layers computed by basic operators."""
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel([SDPBackend.MATH]))
        if any(isinstance(part, nn.RNNBase) for part in module.modules()):
            stack.callback(setattr, torch.backends.mkldnn, "enabled", torch.backends.mkldnn.enabled)
            torch.backends.mkldnn.enabled = False
        fast = torch.backends.mha.get_fastpath_enabled()
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        yield


_Write = namedtuple("_Write", ["positions", "place", "dtype"])
# In-place operators that change the shape of a tensor, not what is in its memory.
_RESHAPING = {"transpose_", "t_", "squeeze_", "unsqueeze_", "swapaxes_", "swapdims_", "as_strided_", "detach_"}
_MOVING = {"set_", "resize_", "resize_as_"}  # these give a tensor another memory
# What these return has the shape or type of what they are given, and none of its values.
_CONSTANT = {
    "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "new_zeros", "new_ones",
    "new_full", "new_empty", "new_empty_strided",
}  # fmt: skip


class _Recorder(TorchDispatchMode):
    """Notes each operator that the leaf reaches; in-place operators and views are followed through the memory.

    A tensor is known by its identity. A write to memory that other tensors share is kept in a list for that memory:
    when one of those is used next, what has been written over it is put into it.
    """

    def __init__(self, leaf):
        super().__init__()
        self.tape = Tape(leaf)
        self._bound = {id(leaf): (leaf, 0, 0)}  # tensor, place of its value, writes to its memory that are in it
        self._writes: dict = {}
        self._in_memory = {_memory(leaf): [0]}  # places of the values that live in a memory
        self._uses: dict = {}  # steps that a constant in a memory is an argument of

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [part for part in tree_leaves((args, kwargs)) if isinstance(part, torch.Tensor)]
        written = [t for t in self._written(func, args, kwargs) if t is not None]
        places = {id(t): self.place_of(t) for t in tensors}
        reached = any(place is not None for place in places.values())
        reached = reached and func.overloadpacket.__name__ not in _CONSTANT
        if written:
            return self._write(func, args, kwargs, written, places, reached)
        results = func(*args, **kwargs)
        if reached:
            self._note(func, func.overloadpacket.__name__, args, kwargs, places, results)
        return results

    # ------------------------------------------------------------------ reading
    def place_of(self, tensor):
        """Return the place of a tensor's value, None when the leaf does not reach it."""
        writes = self._writes.get(_memory(tensor), ())
        known = self._bound.get(id(tensor))
        if known is None and not writes:
            if tensor.numel() and _memory(tensor) in self._in_memory:
                raise ValueError(
                    "The network looks at numbers of its own through a tensor that was not made of them by torch, such "
                    "as one of a numpy array that shares their memory: what happens to them cannot be followed."
                )
            return None
        _, place, seen = known or (tensor, None, 0)
        for write in writes[seen:]:
            place = self._overwritten(tensor, place, write)
        self._bound[id(tensor)] = (tensor, place, len(writes))
        return place

    def _overwritten(self, tensor, place, write):
        """Return the place of a tensor's value after a write to other elements of its memory."""
        if write.dtype != tensor.dtype:
            raise ValueError(
                f"The network writes {write.dtype} to memory that it also sees as {tensor.dtype}: this cannot be "
                "followed."
            )
        own = _positions(tensor)
        source = np.full(max(write.positions.max(initial=0), own.max(initial=0)) + 1, -1)
        source[write.positions] = np.arange(len(write.positions))
        index = torch.as_tensor(source[own], device=tensor.device)
        if (index < 0).all():
            return place
        whole = bool((index >= 0).all())
        inputs = [p for p in (None if whole else place, write.place) if p is not None]
        if not inputs:
            return None
        step_args = (index, None if whole or place is None else Ref(place), write.place and Ref(write.place))
        return self._add(Step("overwrite", overwrite, step_args, {}, inputs, None), tensor)

    # ------------------------------------------------------------------ writing
    def _written(self, func, args, kwargs):
        if not func._schema.is_mutable:
            return []
        found = []
        for i, argument in enumerate(func._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                part = kwargs.get(argument.name, args[i] if i < len(args) else None)
                found += part if isinstance(part, (list, tuple)) else [part]
        return found

    def _write(self, func, args, kwargs, written, places, reached):
        """Run an operator that changes a tensor, and note it as one that does not."""
        memories = {_memory(t) for t in written}
        for memory in memories:
            self._keep_constants(memory)
        if not reached and not any(memory in self._writes or memory in self._in_memory for memory in memories):
            return func(*args, **kwargs)
        for memory in memories:  # what the values were must outlive the change
            for place in self._in_memory.pop(memory, ()):
                self.tape.values[place] = self.tape.values[place].clone()
        name = func.overloadpacket.__name__
        if name in _MOVING:
            raise ValueError(f"The network uses {name}, which moves a tensor to another memory and cannot be followed.")
        if name.startswith("_foreach") or any(part is target for part in kwargs.values() for target in written):
            return self._write_apart(func, name, args, kwargs, written, places, reached)
        target = written[0]
        if name in _RESHAPING:
            return self._reshape(func, name, args, kwargs, places)
        if name.startswith("native_batch_norm") or len(written) > 1 or target is not args[0]:
            results = func(*args, **kwargs)  # running statistics, written in training only
            if reached:
                self._note(func, name, args, kwargs, places, results)
            return results
        before = self._before(args, places, memories)
        results = func(*args, **kwargs)
        place = None
        if reached and name not in ("zero_", "fill_"):
            place = self._note_write(func, name, before, kwargs, places, target)
        elif name == "fill_" and places.get(id(args[1])) is not None:
            place = self._note_write(func, name, before, kwargs, places, target)
        writes = self._writes.setdefault(_memory(target), [])
        writes.append(_Write(_positions(target).reshape(-1), place, target.dtype))
        self._bound[id(target)] = (target, place, len(writes))
        return results

    def _before(self, parts, places, memories):
        """Return arguments with copies of the constants whose memory is about to be written to."""

        def copied(part):
            constant = isinstance(part, torch.Tensor) and places.get(id(part)) is None
            return part.clone() if constant and _memory(part) in memories else part

        return tree_map(copied, parts)

    def _keep_constants(self, memory):
        """Give the steps that use a constant a copy of it, before it is written over."""
        for i in self._uses.pop(memory, ()):
            step = self.tape.steps[i]
            args, kwargs = self._before((step.args, step.kwargs), {}, {memory})
            self.tape.steps[i] = step._replace(args=args, kwargs=kwargs)

    def _write_apart(self, func, name, args, kwargs, written, places, reached):
        """Note an operator that puts its results into tensors given for them, or into each of several."""
        step = None
        if reached:
            given = self._before(args, places, {_memory(t) for t in written})
            named = {key: part for key, part in kwargs.items() if not any(part is target for target in written)}
            step = self._step(getattr(_aten, name.removesuffix("_")), name.removesuffix("_"), given, named, places)
        results = func(*args, **kwargs)
        outputs = [self._new(target) if reached else None for target in written]
        for target, place in zip(written, outputs, strict=True):
            writes = self._writes.setdefault(_memory(target), [])
            writes.append(_Write(_positions(target).reshape(-1), place, target.dtype))
            self._bound[id(target)] = (target, place, len(writes))
        if reached:
            self._append(step._replace(outputs=outputs))
        return results

    def _reshape(self, func, name, args, kwargs, places):
        """Note a change of shape as a view."""
        target = args[0]
        before = target.detach()
        places[id(before)] = places.get(id(target))
        results = func(*args, **kwargs)
        if places[id(before)] is not None:
            self._note_write(func, name, (before, *args[1:]), kwargs, places, target)
        return results

    def _note_write(self, func, name, args, kwargs, places, target):
        if name in ("copy_", "fill_"):
            return self._add(self._step(filled, "copy", (args[1], target.shape), {}, places), target)
        packet = getattr(_aten, name.removesuffix("_"))
        known = packet.overloads()
        plain = getattr(packet, func._overloadname if func._overloadname in known else known[0])
        return self._add(self._step(plain, name.removesuffix("_"), args, kwargs, places), target)

    # ------------------------------------------------------------------ steps
    def _step(self, func, name, args, kwargs, places):
        inputs = []

        def marked(part):
            place = places.get(id(part)) if isinstance(part, torch.Tensor) else None
            if place is None:
                return part
            inputs.append(place)
            return Ref(place)

        args, kwargs = tree_map(marked, (args, kwargs))
        return Step(name, func, args, kwargs, inputs, None)

    def _note(self, func, name, args, kwargs, places, results):
        step = self._step(func, name, args, kwargs, places)
        several = isinstance(results, (tuple, list))
        self._append(step._replace(outputs=[self._new(t) for t in (results if several else [results])]))

    def _add(self, step, tensor):
        place = self._new(tensor)
        self._append(step._replace(outputs=[place]))
        return place

    def _append(self, step):
        self.tape.steps.append(step)
        for part in tree_leaves((step.args, step.kwargs)):
            if isinstance(part, torch.Tensor):
                self._uses.setdefault(_memory(part), []).append(len(self.tape.steps) - 1)

    def _new(self, tensor):
        if not isinstance(tensor, torch.Tensor) or not tensor.numel():
            return None
        tape, memory = self.tape, _memory(tensor)
        tape.values.append(tensor)
        place = len(tape.values) - 1
        if not (tensor.is_floating_point() or tensor.is_complex()):
            tape.decisions.add(place)
        self._in_memory.setdefault(memory, []).append(place)
        self._bound[id(tensor)] = (tensor, place, len(self._writes.get(memory, ())))
        return place


def overwrite(index, base, written):
    """Return the base with elements of what was written in their places; ``index`` is -1 where the base stays."""
    kept = index < 0
    taken = index.clamp(min=0)
    values = 0 if written is None else written.reshape(-1)[taken]
    return torch.where(kept, 0 if base is None else base, values)


def filled(source, shape):
    """Return what a tensor of some shape holds once it is filled with another."""
    return source.expand(shape).clone()


def _memory(tensor):
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else id(tensor)


def _positions(tensor):
    """Return where in its memory each element of a tensor lies, in elements."""
    position = np.asarray(tensor.storage_offset())
    for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        shape = [1] * tensor.ndim
        shape[axis] = size
        position = position + (np.arange(size) * stride).reshape(shape)
    return position
