"""How relevance goes back through a linear layer ``z = W a + b``.

Relevance is kept as a multiple of the values: at a layer that gives z, c stands for the relevance ``z * c``, and a rule
returns the c of what goes in, so that the relevance there is ``a * c``. Rules for the first layer give relevance to
inputs that are zero, too: they return the relevance itself.
"""

from __future__ import annotations

import torch

from sklearn_xai.engines.tape import Ref

_aten = torch.ops.aten


class LinearLayer:
    """A step ``z = W a + b`` of a tape, of which W and b are constant.

    Attributes
    ----------
    a, z : Tensor
        What goes in and what comes out.
    weight, bias : Tensor
        The bias may be None; it is broadcast to z.
    kind : {"dense", "convolution"}
    apply : callable
        From (a, weight) to ``W a``.
    back : callable
        From (s, weight), s of the shape of z, to ``W^T s``.
    """

    def __init__(self, tape, step, weight, bias, kind, apply, back, out_axis):
        self.a, self.z = tape.values[step.inputs[0]], tape.values[step.outputs[0]]
        self.weight, self.bias, self.kind = weight, bias, kind
        self.apply, self.back = apply, back
        self._out_axis = out_axis  # the axis of the weight that is the channels of z; None where there is no such axis

    def add(self, constant, z):
        """Take a bias that is added to z, which may have another shape by now; returns whether it is one."""
        channels = self.z.shape[1] if self.kind == "convolution" else self.z.shape[-1]
        if isinstance(constant, torch.Tensor):  # one with as many axes as z may have a row for each row
            if constant.numel() not in (1, channels) or (constant.ndim and constant.ndim >= z.ndim):
                return False
            constant = constant.expand(z.shape).reshape(self.z.shape)
        self.bias = torch.as_tensor(constant).to(self.z) if self.bias is None else self.bias + constant
        self.z = z.reshape(self.z.shape)
        return True

    def merge(self, scale, shift, z):
        """Take an affine map of the channels of z into the layer; returns whether that is possible."""
        axis = self._out_axis
        if axis is None or scale.numel() != self.weight.shape[axis] or z.shape != self.z.shape:
            return False
        self.weight = self.weight * along(scale, self.weight.ndim, axis)
        shift = along(shift, z.ndim, 1)
        self.bias = shift if self.bias is None else self.bias * along(scale, z.ndim, 1) + shift
        self.z = z
        return True


def along(vector, ndim, axis):
    """Return a vector as a tensor of some number of axes, along one of them."""
    shape = [1] * ndim
    shape[axis] = -1
    return vector.reshape(shape)


def linear_layer(tape, step):
    """Return a step as a LinearLayer, or None where it is none with constant weights."""
    if len(step.inputs) != 1:
        return None
    if step.name == "convolution":
        return _convolution(tape, step)
    if step.name in ("addmm", "baddbmm"):
        added, left, right = step.args[:3]
        if isinstance(added, Ref):
            return None
        beta, alpha = step.kwargs.get("beta", 1), step.kwargs.get("alpha", 1)
        bias = None if beta == 0 else added * beta if beta != 1 else added
    elif step.name in ("mm", "bmm", "mv"):
        (left, right), bias, alpha = step.args[:2], None, 1
    else:
        return None
    if isinstance(left, Ref):
        weight, out_axis = right, 1 if step.name in ("mm", "addmm") else None
        apply, back = torch.matmul, _outer if step.name == "mv" else _times_transposed
    else:
        weight, out_axis = left, None
        apply, back = _before, _transposed_before
    return LinearLayer(tape, step, weight if alpha == 1 else weight * alpha, bias, "dense", apply, back, out_axis)


def _outer(s, weight):
    return s[:, None] * weight


def _times_transposed(s, weight):
    return s @ weight.mT


def _before(a, weight):
    return weight @ a


def _transposed_before(s, weight):
    return weight.mT @ s


def _convolution(tape, step):
    a, weight, bias, *settings = step.args
    if not isinstance(a, Ref):
        return None
    a = tape.values[a.index]
    transposed, groups = settings[3], settings[5]

    def apply(a, weight):
        return _aten.convolution(a, weight, None, *settings)

    def back(s, weight):
        return _aten.convolution_backward(s, a, weight, None, *settings, [True, False, False])[0]

    bias = None if bias is None else along(bias, a.ndim, 1)
    out_axis = 0 if not transposed else 1 if groups == 1 else None
    return LinearLayer(tape, step, weight, bias, "convolution", apply, back, out_axis)


# ---------------------------------------------------------------------- divisions
def stabilised(c, z, epsilon):
    """Return ``c * z / (z + epsilon * sign(z))``."""
    if not epsilon:
        return c
    share = z.abs()
    return share.div_(share + epsilon).mul_(c)


def ratio(numerator, denominator, epsilon=0.0):
    """Return a quotient whose denominator is moved away from 0 by epsilon; 0 where it is 0."""
    if epsilon:
        denominator = denominator + torch.where(denominator < 0, -epsilon, epsilon)
    none = denominator.abs() < torch.finfo(denominator.dtype).tiny
    return (numerator / denominator.masked_fill(none, 1)).masked_fill_(none, 0)


# ---------------------------------------------------------------------- rules of inner layers
def epsilon_rule(layer, c, settings):
    """Share in proportion to the contributions ``w a``; epsilon and the bias take their part."""
    return layer.back(stabilised(c, layer.z, settings["epsilon"]), layer.weight)


def gamma_rule(layer, c, settings):
    """Favour the contributions of the sign of z, by a factor 1 + gamma."""
    gamma, weight, bias = settings["gamma"], layer.weight, layer.bias
    more, less = weight + gamma * weight.clamp(min=0), weight + gamma * weight.clamp(max=0)
    up, down = (None, None) if bias is None else (bias + gamma * bias.clamp(min=0), bias + gamma * bias.clamp(max=0))
    found = c * layer.z
    return _by_signs(layer, [(found * (layer.z > 0), more, less, up), (found * (layer.z < 0), less, more, down)])


def alpha_beta_rule(layer, c, settings):
    """Share alpha parts by the positive contributions, and take beta parts by the negative ones."""
    found, weight, bias = c * layer.z, layer.weight, layer.bias
    more, less = weight.clamp(min=0), weight.clamp(max=0)
    up, down = (None, None) if bias is None else (bias.clamp(min=0), bias.clamp(max=0))
    terms = [(settings["alpha"] * found, more, less, up)]
    if settings["beta"]:
        terms.append((-settings["beta"] * found, less, more, down))
    return _by_signs(layer, terms)


def z_plus_rule(layer, c, settings):
    """Share by the positive contributions only."""
    return alpha_beta_rule(layer, c, {"alpha": 1, "beta": 0})


def _by_signs(layer, terms):
    """Share relevance by weights of their own for positive and negative inputs.

    Each term is (relevance, weights of positive inputs, weights of negative inputs, bias). The contributions that are
    shared by have one sign in each term, so that their sum needs no epsilon.
    """
    a = layer.a
    both = bool((a < 0).any())
    positive, negative = (a.clamp(min=0), a.clamp(max=0)) if both else (a, None)
    c = torch.zeros_like(a)
    for relevance, above, below, bias in terms:
        if not relevance.any():
            continue
        total = layer.apply(positive, above)
        total = total + layer.apply(negative, below) if both else total
        total = total if bias is None else total + bias
        s = ratio(relevance, total)
        given = layer.back(s, above)
        c = c + (torch.where(a < 0, layer.back(s, below), given) if both else given)
    return c


# ---------------------------------------------------------------------- rules of the first layer
def flat_rule(layer, c, bounds):
    """Share alike among the inputs that reach a unit; returns relevance."""
    weight = torch.ones_like(layer.weight)
    total = layer.apply(torch.ones_like(layer.a), weight)
    return layer.back(ratio(c * layer.z, total), weight)


def w_square_rule(layer, c, bounds):
    """Share in proportion to the squares of the weights; returns relevance."""
    weight = layer.weight.square()
    total = layer.apply(torch.ones_like(layer.a), weight)
    return layer.back(ratio(c * layer.z, total), weight)


def box_rule(layer, c, bounds):
    """Share by the contributions of what is above the lower and below the upper bound; returns relevance.

    A row outside of the bounds has contributions of both signs, hence a small epsilon.
    """
    low, high = bounds
    weight, more, less = layer.weight, layer.weight.clamp(min=0), layer.weight.clamp(max=0)
    total = layer.apply(layer.a, weight) - layer.apply(low, more) - layer.apply(high, less)
    s = ratio(c * layer.z, total, 1e-6)
    return layer.a * layer.back(s, weight) - low * layer.back(s, more) - high * layer.back(s, less)


RULES = {"epsilon": epsilon_rule, "gamma": gamma_rule, "alpha_beta": alpha_beta_rule, "z_plus": z_plus_rule}
INPUT_RULES = {"box": box_rule, "flat": flat_rule, "w_square": w_square_rule}
