"""What each propagation method makes of each operation, measured on small networks; docs/operations.md is made of it.

``python -m tests.propagation_operations > docs/operations.md`` writes the page anew.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_xai import (
    DeconvolutionExplainer,
    DeepLiftExplainer,
    GradCAMExplainer,
    GuidedBackpropExplainer,
    IntegratedGradientsExplainer,
    LRPExplainer,
)
from tests.oracles import seeded

UNITS = 6


@dataclass(frozen=True)
class Operation:
    """An operation in the middle of a network: ``build`` returns a module, or a function of tensors."""

    name: str
    build: Callable
    group: str
    images: bool = False


class Around(nn.Module):
    """An operation between linear layers without biases; the first rectifier is for the methods that need one."""

    def __init__(self, operation):
        super().__init__()
        if operation.images:
            self.first, self.second = nn.Conv2d(2, 4, 3, bias=False), nn.Conv2d(4, 4, 3, bias=False)
        else:
            self.first, self.second = nn.Linear(4, 16, bias=False), nn.Linear(16, UNITS, bias=False)
        self.operation = operation.build()
        with torch.no_grad():
            width = self.middle(torch.ones(2, *shape_of(operation))).shape[1]
        self.last = nn.Linear(width, 2, bias=False)

    def middle(self, x, rectify=torch.relu):
        return self.operation(self.second(rectify(self.first(x)))).flatten(1)

    def forward(self, x):
        return self.last(self.middle(x))


class Rows(nn.Module):
    """A module that takes a row as a sequence of two values a position."""

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, x):
        out = self.part(x.unflatten(1, (3, 2)))
        return out[0] if isinstance(out, tuple) else out


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.MultiheadAttention(2, 1, batch_first=True)

    def forward(self, x):
        return self.part(x, x, x, need_weights=False)[0]


class Reused(nn.Module):
    """One activation, used twice."""

    def __init__(self):
        super().__init__()
        self.act, self.linear = nn.ReLU(), nn.Linear(UNITS, UNITS, bias=False)

    def forward(self, x):
        return self.act(self.linear(self.act(x)))


def written_rows(x):
    out = torch.zeros(len(x), 8, dtype=x.dtype)
    out[:, 1:7] = x
    out[:, 2] = 1.0
    return out


def rectified_part(x):
    x = x.clone()
    x[:, :3].relu_()
    return x


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(nn.Sequential(nn.ReLU(), nn.Linear(UNITS, UNITS, bias=False), nn.ReLU()))


def several(group, operations, images=False):
    return [Operation(name, build, group, images) for name, build in operations.items()]


RELU_SPELLINGS = {
    "nn.ReLU": nn.ReLU,
    "nn.ReLU(inplace=True)": lambda: nn.ReLU(inplace=True),
    "F.relu": lambda: F.relu,
    "x.relu()": lambda: lambda x: x.relu(),
    "x.relu_()": lambda: lambda x: x.clone().relu_(),
    "x.clamp(min=0)": lambda: lambda x: x.clamp(min=0),
    "F.threshold(x, 0, 0)": lambda: lambda x: F.threshold(x, 0, 0),
    "torch.maximum(x, 0)": lambda: lambda x: torch.maximum(x, torch.zeros_like(x)),
}

ACTIVATIONS = {
    "ReLU6": nn.ReLU6, "LeakyReLU": nn.LeakyReLU, "PReLU": nn.PReLU, "RReLU": nn.RReLU, "ELU": nn.ELU, "SELU": nn.SELU,
    "CELU": nn.CELU, "GELU": nn.GELU, "SiLU": nn.SiLU, "Mish": nn.Mish, "Softplus": nn.Softplus,
    "Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh, "Hardtanh": nn.Hardtanh, "Hardsigmoid": nn.Hardsigmoid,
    "Hardswish": nn.Hardswish, "Softsign": nn.Softsign, "Tanhshrink": nn.Tanhshrink, "Softshrink": nn.Softshrink,
    "Hardshrink": nn.Hardshrink, "LogSigmoid": nn.LogSigmoid, "GLU": nn.GLU,
}  # fmt: skip

OPERATIONS = [
    *several("ReLU, however it is written", RELU_SPELLINGS),
    *several("ReLU, however it is written", {
        "one module used twice": Reused,
        "of some columns, in place": lambda: rectified_part,
        "torch.jit.script": scripted,
        "where(x > 0, x, 0)": lambda: lambda x: torch.where(x > 0, x, 0.0),
        "x * (x > 0)": lambda: lambda x: x * (x > 0),
    }),
    *several("Activations", ACTIVATIONS),
    *several("Functions of one value", {
        "exp": lambda: lambda x: torch.exp(x),
        "log": lambda: lambda x: torch.log(x.abs() + 0.1),
        "sqrt": lambda: lambda x: torch.sqrt(x.abs() + 0.1),
        "1 / x": lambda: lambda x: 1 / (x.abs() + 0.5),
        "x ** 2": lambda: lambda x: x**2,
        "abs": lambda: lambda x: x.abs(),
        "sin": lambda: lambda x: x.sin(),
        "round": lambda: lambda x: (4 * x).round(),
    }),
    *several("Two values", {
        "residual": lambda: lambda x: x + x.tanh(),
        "product": lambda: lambda x: x * x.flip(1).sigmoid(),
        "quotient": lambda: lambda x: x / (1 + x.flip(1).exp()),
        "maximum": lambda: lambda x: torch.maximum(x, x.flip(1)),
        "where(x > y, x, y)": lambda: lambda x: torch.where(x > x.flip(1), x, x.flip(1)),
        "matrix product": lambda: lambda x: x.unflatten(1, (2, 3)) @ x.unflatten(1, (3, 2)),
    }),
    *several("Over a row", {
        "sum, mean": lambda: lambda x: torch.stack([x.sum(1), x.mean(1)], 1),
        "max, amax": lambda: lambda x: torch.stack([x.max(1).values, -x.amax(1)], 1),
        "var, std": lambda: lambda x: torch.stack([x.var(1), x.std(1)], 1),
        "norm": lambda: lambda x: x.norm(dim=1, keepdim=True),
        "F.normalize": lambda: lambda x: F.normalize(x),
        "softmax": lambda: lambda x: x.softmax(1),
        "log-softmax": lambda: lambda x: x.log_softmax(1),
        "logsumexp": lambda: lambda x: x.logsumexp(1, keepdim=True),
        "cumsum": lambda: lambda x: x.cumsum(1),
        "cumprod": lambda: lambda x: x.cumprod(1),
        "prod": lambda: lambda x: x.prod(1, keepdim=True),
        "sort": lambda: lambda x: x.sort(1).values,
        "topk": lambda: lambda x: x.topk(2, dim=1).values,
        "fft": lambda: lambda x: torch.view_as_real(torch.fft.rfft(x)),
    }),
    *several("Shapes and places", {
        "index, slice, cat": lambda: lambda x: torch.cat([x[:, [3, 0]], x[:, 1:3], x[:, ::2]], 1),
        "writes to a buffer": lambda: written_rows,
        "permute, reshape": lambda: lambda x: x.unflatten(1, (2, 3)).permute(0, 2, 1).reshape(len(x), -1),
        "einsum": lambda: lambda x: torch.einsum("ni,nj->nij", x, x),
    }),
    *several("Normalisation, attention, recurrence", {
        "LayerNorm": lambda: nn.LayerNorm(UNITS),
        "BatchNorm1d": lambda: nn.BatchNorm1d(UNITS),
        "RMSNorm": lambda: nn.RMSNorm(UNITS),
        "MultiheadAttention": lambda: Rows(Attention()),
        "TransformerEncoderLayer": lambda: Rows(nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)),
        "RNN": lambda: Rows(nn.RNN(2, 3, batch_first=True)),
        "GRU": lambda: Rows(nn.GRU(2, 3, batch_first=True)),
        "LSTM": lambda: Rows(nn.LSTM(2, 3, batch_first=True)),
    }),
    *several("Images", {
        "Conv2d": lambda: nn.Conv2d(4, 3, 3, bias=False),
        "ConvTranspose2d": lambda: nn.ConvTranspose2d(4, 3, 2, bias=False),
        "MaxPool2d": lambda: nn.MaxPool2d(2),
        "AvgPool2d": lambda: nn.AvgPool2d(2),
        "AdaptiveMaxPool2d": lambda: nn.AdaptiveMaxPool2d(1),
        "AdaptiveAvgPool2d": lambda: nn.AdaptiveAvgPool2d(1),
        "Upsample": lambda: nn.Upsample(scale_factor=2),
        "BatchNorm2d": lambda: nn.BatchNorm2d(4),
        "GroupNorm": lambda: nn.GroupNorm(2, 4),
        "InstanceNorm2d": lambda: nn.InstanceNorm2d(4),
        "PixelShuffle": lambda: nn.PixelShuffle(2),
    }, images=True),
]  # fmt: skip
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def shape_of(operation):
    return (2, 8, 8) if operation.images else (4,)


@cache
def network(name):
    """Return the network around an operation, of double precision, in evaluation mode."""
    return seeded(lambda: Around(BY_NAME[name]))


@cache
def rows(name, n=6, seed=0):
    return np.random.RandomState(seed).standard_normal((n, *shape_of(BY_NAME[name])))


# ---------------------------------------------------------------------- what is measured
def total(values):
    return values.reshape(len(values), -1).sum(axis=1)


def fitted(cls, name, **kwargs):
    """Return a fitted explainer of the first output, or None where it refuses the network."""
    try:
        return cls(network(name), target=0, random_state=0, **kwargs).fit(rows(name, seed=1))
    except ValueError as error:
        if cls.__name__ not in str(error):
            raise
        return None


def adds_up(cls, name, share, **kwargs):
    """Say whether attributions are the difference that they should add up to, but for a share of it."""
    explainer = fitted(cls, name, **kwargs)
    if explainer is None:
        return "refused"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the gap that is measured here
        explanation = explainer.explain(rows(name))
    change = explainer.explained_output(rows(name)) - explanation.base_values
    gap = np.abs(total(explanation.values) - change)
    return "exact" if gap.max() <= share * np.abs(change).max() else "a gap"


class _Guided(torch.autograd.Function):
    """The rectifier at the front of the network, for an independent account of what the others would do."""

    deconvolution = False

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx, cotangent):
        passed = 1.0 if _Guided.deconvolution else (ctx.saved_tensors[0] > 0)
        return cotangent.clamp(min=0) * passed


def rectified(cls, name):
    """Say whether an operation passes on its gradient, or what the rule for rectifiers makes of it."""
    explainer = fitted(cls, name)
    if explainer is None:
        return "refused"
    module, leaf = network(name), torch.tensor(rows(name), requires_grad=True)
    _Guided.deconvolution = cls is DeconvolutionExplainer
    outputs = module.last(module.middle(leaf, rectify=_Guided.apply))
    gradient = torch.autograd.grad(outputs[:, 0].sum(), leaf)[0].numpy()
    return "gradient" if np.allclose(explainer.transform(rows(name)), gradient, atol=1e-10) else "rule"


def cam(name):
    if not BY_NAME[name].images:
        return "-"
    explainer = fitted(GradCAMExplainer, name, layer="second")
    return "refused" if explainer is None else "gradient" if explainer.transform(rows(name)).any() else "nothing"


METHODS = {
    "DeepLIFT": lambda name: adds_up(DeepLiftExplainer, name, 1e-4),
    "LRP": lambda name: adds_up(LRPExplainer, name, 1e-4, epsilon=1e-9),
    "Guided backpropagation": lambda name: rectified(GuidedBackpropExplainer, name),
    "Deconvolution": lambda name: rectified(DeconvolutionExplainer, name),
    "Grad-CAM": cam,
    "Integrated gradients": lambda name: adds_up(IntegratedGradientsExplainer, name, 1e-2, tol=1e-4),
}


@cache
def measure(method, name):
    """Return what a method makes of an operation, in a word."""
    return METHODS[method](name)


# ---------------------------------------------------------------------- the page
HEAD = """\
# What each method makes of each operation

Measured on small networks in double precision, each with the operation between linear layers. The tests hold this page
against what is measured, and `python -m tests.propagation_operations > docs/operations.md` writes it anew.

- **exact**: the attributions add up to the difference of the output from the baseline's (DeepLIFT: but for 1e-4 of it;
  integrated gradients: 1e-2, by more nodes where needed), or to the output itself (LRP, epsilon rule: 1e-4).
- **a gap**: they do not. `explain` reports the gap of each row, and integrated gradients warn of it.
- **rule**: the rule for rectifiers is applied. **gradient**: the operation passes on its gradient.
- **refused**: `fit` raises an error that names the operation, and what to use instead.

Saliency, input x gradient, SmoothGrad and expected gradients take the gradient of the whole network, and so does
Grad-CAM from the layer on: they run wherever it has one.
"""


def page():
    """Return the page, line by line as it is committed."""
    lines = [HEAD]
    columns = [*METHODS]
    for group in dict.fromkeys(operation.group for operation in OPERATIONS):
        lines += [f"## {group}", "", f"| operation | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for operation in OPERATIONS:
            if operation.group == group:
                cells = [measure(method, operation.name) for method in columns]
                lines.append(f"| {operation.name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
