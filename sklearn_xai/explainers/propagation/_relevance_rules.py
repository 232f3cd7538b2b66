"""How relevance goes back through each operation of a tape.

Relevance is kept as a multiple of the values: c stands for the relevance ``value * c``. What is linear then passes c on
by its own derivative, and so shares relevance in proportion to the parts of its sums.
"""

from __future__ import annotations

from collections import Counter

import torch

from sklearn_xai.engines.tape import Ref, vector_jacobian
from sklearn_xai.explainers.propagation._linear_rules import INPUT_RULES, RULES, linear_layer, stabilised
from sklearn_xai.explainers.propagation._normaliser_rules import NORMALISERS, scale_and_shift

_aten = torch.ops.aten

# Only the shape changes.
_RESHAPES = {
    "view", "_unsafe_view", "reshape", "_reshape_copy", "view_copy", "clone", "alias", "detach", "contiguous",
    "squeeze", "unsqueeze", "lift_fresh",
}  # fmt: skip
# Every element of the result is an element of what is given, or a constant.
_PICKS = _RESHAPES | {
    "_to_copy", "expand", "transpose", "t", "permute", "select", "slice", "split", "split_with_sizes", "unsafe_split",
    "unsafe_split_with_sizes", "unbind", "cat", "stack", "repeat", "flip", "roll", "index", "index_select", "gather",
    "take", "unfold", "im2col", "as_strided", "diagonal", "tril", "triu", "masked_fill", "where", "constant_pad_nd",
    "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d",
    "replication_pad3d", "overwrite", "copy", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "slice_scatter",
    "select_scatter", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
}  # fmt: skip
# With constants: one element of the result for each element of what is given.
_ARITHMETIC = {"add", "sub", "rsub", "mul", "div", "neg"}
_SUMS = {
    "add", "sub", "rsub", "neg", "sum", "mean", "cumsum", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d",
    "upsample_trilinear3d", "col2im",
}  # fmt: skip
# The largest, or those in a place of an order, take all.
_WINNERS = {
    "max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d", "amax", "amin",
    "max", "min", "maximum", "minimum", "fmax", "fmin", "sort", "topk", "median", "kthvalue",
}  # fmt: skip
_BY_GRADIENT = {"_softmax", "_safe_softmax", "_log_softmax", "logsumexp"}
_PRODUCTS = {"mul", "div", "mm", "bmm", "addmm", "baddbmm", "mv", "dot", "convolution"}
_GATES = {"sigmoid", "hardsigmoid", "_softmax", "_safe_softmax", "rsqrt", "reciprocal"}
_LINEAR = _PICKS | _SUMS | _WINNERS | _BY_GRADIENT | {"mul", "div"}
_CONSTANT = {"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}
# Element-wise operators that torch does not mark as such.
_ELEMENTWISE = {"hardswish", "_prelu_kernel", "log_sigmoid_forward", "rrelu_with_noise"}
_NOTHING, _DECISION, _GATE, _SIGNAL = range(4)


class RelevanceRules:
    """The rules of the steps of one tape, for ``Tape.pull``.

    Parameters
    ----------
    tape : Tape
    layers : dict of {"dense": str, "convolution": str, "input": str or None}
        Names of the rules of the linear layers.
    settings : dict
        epsilon, gamma, alpha, beta of these rules.
    bounds : pair of Tensor, or None
        Least and greatest values of the leaf, of the shape of the leaf, for the box rule.
    caller : str
        Class name for messages.
    """

    def __init__(self, tape, layers, settings, bounds, caller):
        self.tape, self.layers, self.settings, self.caller = tape, layers, settings, caller
        self._ranks = _find_ranks(tape)
        self._near = _find_near(tape) if layers["input"] else set()
        self._bounds = _carry_bounds(tape, self._near, bounds) if layers["input"] == "box" else {}
        self._find_layers()
        self._direct: dict = {}  # relevance itself, of values that are the leaf's own

    def _find_layers(self):
        """Find the linear layers, by the place of what they give.

        A bias that is added afterwards, and batch normalisation, are merged into the layer whose only use they are.
        """
        tape = self.tape
        uses = Counter(place for step in tape.steps for place in step.inputs)
        uses[tape.output] += 1
        self._linear, self._merged = {}, set()
        self._ends: dict = {}  # the layer whose result a place holds
        for step in tape.steps:
            before, after = step.inputs[0], step.outputs[0]
            layer = linear_layer(tape, step)
            if layer is not None:
                self._linear[after] = self._ends[after] = layer
            elif len(step.inputs) == 1 == uses[before] and before in self._ends:
                layer = self._ends[before]
                if self._is_merged(step, layer):
                    self._merged.add(after)
                    self._ends[after] = layer
                elif step.name in _RESHAPES:
                    self._ends[after] = layer

    def _is_merged(self, step, layer):
        """Merge a step into the layer before it, if it can be; returns whether it could."""
        z = self.tape.values[step.outputs[0]]
        if step.name == "add" and step.kwargs.get("alpha", 1) == 1:
            constant = step.args[1] if isinstance(step.args[0], Ref) else step.args[0]
            return layer.add(constant, z)
        if step.name in ("native_batch_norm", "cudnn_batch_norm") and not step.args[5]:
            return layer.merge(*scale_and_shift(step), z)
        return False

    def __call__(self, step, given):
        """Return what comes back for the inputs of a step."""
        c, place, name = given[0], step.outputs[0], step.name
        rank = max(self._ranks[i] for i in step.inputs)
        if name in _CONSTANT or rank == _NOTHING:
            return [None] * len(step.inputs)
        if rank == _DECISION:
            self._refuse(name, "relevance has come back to what was made of comparisons only: ")
        if place in self._linear:
            return [self._through(self._linear[place], step.inputs[0], c)]
        if place in self._merged:
            return given[:1]
        if name in _RESHAPES:
            return [c.reshape(self.tape.values[step.inputs[0]].shape)]
        if name in _PRODUCTS and len(step.inputs) > 1:
            return self._product(step, given)
        if name == "add" and len(step.inputs) == 2 and step.kwargs.get("alpha", 1) == 1:
            return [c.sum_to_size(value.shape) for value in self.tape.given(step)]
        if name == "relu":
            return [c * (self.tape.values[place] > 0)]
        if name == "max_pool2d_with_indices":
            return [_max_pool_back(self.tape, step, c)]
        if name in _LINEAR and not _is_inverse(step):
            return vector_jacobian(self.tape, step, given)
        if name in NORMALISERS and len(step.inputs) == 1:
            return [NORMALISERS[name](self.tape, step, c, self.settings["epsilon"])]
        if name == "glu":
            return [_glu_back(self.tape, step, c)]
        if self._is_elementwise(step):
            return [self._activation(step, c)]
        self._refuse(name)

    def relevance(self, c):
        """Return the relevance at the leaf, from what ``Tape.pull`` brought back to it."""
        tape, leaf = self.tape, self.tape.values[0]
        for step in reversed(tape.steps if self._direct else []):
            found = [self._direct.pop(place, None) for place in step.outputs]
            if all(part is None for part in found):
                continue
            shape = tape.values[step.inputs[0]].shape
            if step.name in _ARITHMETIC:
                self._add_direct(step.inputs[0], found[0].sum_to_size(shape))
            else:
                for place, part in zip(step.inputs, vector_jacobian(tape, step, found), strict=True):
                    self._add_direct(place, part)
        total = torch.zeros_like(leaf) if c is None else leaf * c
        return total + self._direct[0] if 0 in self._direct else total

    # ------------------------------------------------------------------ rules
    def _through(self, layer, place, c):
        if place not in self._near:
            return RULES[self.layers[layer.kind]](layer, c, self.settings)
        self._add_direct(place, INPUT_RULES[self.layers["input"]](layer, c, self._bounds.get(place)))
        return None

    def _add_direct(self, place, relevance):
        self._direct[place] = self._direct[place] + relevance if place in self._direct else relevance

    def _product(self, step, given):
        """Give all to the signals and nothing to gates and divisors; factors of one rank share alike."""
        ranks = [self._ranks[place] for place in step.inputs]
        if step.name == "div":
            shares = [1.0, 0.0]
        else:  # what a matrix product is added to has its own part of the sum
            added = {"addmm": 0, "baddbmm": 0, "convolution": 2}.get(step.name)
            free = [i == added for i, part in enumerate(step.args) if isinstance(part, Ref)]
            factors = [rank for rank, apart in zip(ranks, free, strict=True) if not apart]
            part = 1 / factors.count(max(factors))
            shares = [1.0 if apart else part * (rank == max(factors)) for rank, apart in zip(ranks, free, strict=True)]
        found = vector_jacobian(self.tape, step, given)
        return [None if part is None or not share else part * share for part, share in zip(found, shares, strict=True)]

    def _is_elementwise(self, step):
        if len(step.inputs) != 1 or step.inputs[0] in self.tape.decisions:
            return False
        same = self.tape.values[step.inputs[0]].shape == self.tape.values[step.outputs[0]].shape
        return same and (step.name in _ELEMENTWISE or torch.Tag.pointwise in getattr(step.func, "tags", ()))

    def _activation(self, step, c):
        """Pass the relevance on as it is."""
        before, after = self.tape.values[step.inputs[0]], self.tape.values[step.outputs[0]]
        # A linear layer has an epsilon of its own for a sum near 0; an activation of anything else has it here.
        c = c if step.inputs[0] in self._ends else stabilised(c, before, self.settings["epsilon"])
        none = before.abs() < torch.finfo(before.dtype).tiny ** 0.5
        return (c * after / before.masked_fill(none, 1)).masked_fill_(none, 0)

    def _refuse(self, name, why=""):
        raise ValueError(
            f"{self.caller} has no rule for the operation {name!r} of this network: {why}relevance cannot be shared "
            "among what goes into it. Attribute to a layer behind it with the 'layer' parameter, write the network "
            "without it, or use IntegratedGradientsExplainer, which needs no rules."
        )


def _is_inverse(step):
    """Whether a division is none by a constant: a constant by a value, or one that rounds."""
    return step.name == "div" and (not isinstance(step.args[0], Ref) or bool(step.kwargs.get("rounding_mode")))


# ---------------------------------------------------------------------- what is known of values beforehand
def _find_ranks(tape):
    """Tell signals from gates (sigmoids, softmax, one over a norm) and from what is made of comparisons."""
    ranks = {0: _SIGNAL}
    curves = set()  # tanh and erf: moved up by a constant, they are gates
    for step in tape.steps:
        given = [ranks[place] for place in step.inputs]
        alone, rank = len(given) == 1, max(given)
        if rank <= _DECISION or step.name in _CONSTANT:
            rank = _NOTHING if step.name in _CONSTANT else rank
        elif step.name in _GATES:
            rank = _GATE
        elif step.name in ("add", "rsub") and alone and step.inputs[0] in curves:
            rank = _GATE
        elif not (step.name in _PICKS or step.name == "mul" or (step.name in _ARITHMETIC and alone)):
            rank = _SIGNAL
        for place in step.outputs:
            if place is not None:
                ranks[place] = min(rank, _DECISION) if place in tape.decisions else rank
        if step.name in ("tanh", "erf"):
            curves.add(step.outputs[0])
    return ranks


def _find_near(tape):
    """Find the values that are elements of the leaf, moved and scaled by constants at most."""
    near = {0}
    for step in tape.steps:
        if step.name in _PICKS or (step.name in _ARITHMETIC and len(step.inputs) == 1):
            if not _is_inverse(step) and near.issuperset(step.inputs):
                near.update(place for place in step.outputs if place is not None)
    return near


def _carry_bounds(tape, near, bounds):
    """Return the bounds of each value that is the leaf's own."""
    found = {0: bounds}
    with torch.no_grad():
        for step in tape.steps:
            if near.isdisjoint(step.outputs):
                continue
            ends = []
            for side in (0, 1):
                args, kwargs = tape.arguments(step, [found[place][side] for place in step.inputs])
                ends.append(step.func(*args, **kwargs))
            ends = ends if isinstance(ends[0], (tuple, list)) else [[end] for end in ends]
            for place, low, high in zip(step.outputs, *ends, strict=True):
                found[place] = torch.minimum(low, high), torch.maximum(low, high)
    return found


# ---------------------------------------------------------------------- single operations
def _max_pool_back(tape, step, c):
    defaults = (step.args[1], [], 0, 1, False)  # kernel, stride, padding, dilation, ceil mode
    settings = (*step.args[1:], *defaults[len(step.args) - 1 :])
    before, places = tape.values[step.inputs[0]], tape.values[step.outputs[1]]
    return _aten.max_pool2d_with_indices_backward(c, before, *settings, places)


def _glu_back(tape, step, c):
    axis = step.args[1] if len(step.args) > 1 else -1
    gate = tape.values[step.inputs[0]].chunk(2, dim=axis)[1].sigmoid()
    return torch.cat([c * gate, torch.zeros_like(c)], dim=axis)
