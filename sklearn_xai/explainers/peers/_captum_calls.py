"""Calls of Captum that leave nothing behind: no draw, no hook, no changed module or weight."""

from __future__ import annotations

import copy
import warnings
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sklearn_xai._rng import isolated_rng
from sklearn_xai.models import noted_calls

_USUAL_WARNINGS = (
    r"\s*Setting (forward, )?backward hooks",
    "Input Tensor .* did not already require gradients",
    "The neuron_selector provided is a callable",
)
_HOOKS_OF_RELU = ("GuidedBackprop", "Deconvolution", "GuidedGradCam", "NeuronGuidedBackprop", "NeuronDeconvolution")


def run(method, function, z, target, *, layer=None, baselines=None, mask=None, to_layer_input=False, seed=0):
    """Attribute one output of some rows; call inside ``network.frozen()``.

    Parameters
    ----------
    method : Method
    function : AllOutputs
    z : Tensor of shape (n_rows, ...)
    target : int
    layer : nn.Module, optional
    baselines : Tensor of shape (n_baselines, ...), optional
        One after the other, and the attributions averaged, unless the method wants many.
    mask : int Tensor of shape (1, ...), optional
        The player of each input.
    to_layer_input : bool
        Attribute to what enters the layer.
    seed : int
        Seeds the draws.

    Returns
    -------
    attributions : Tensor of shape (n_rows, ...)
    drew : bool
        Whether the method drew from a global generator.
    """
    options = dict(method.call)
    if method.is_of == "LayerFeaturePermutation":
        function.only = target  # it would choose the output a second time, among the rows
    elif "target" in method.parameters:
        options["target"] = target
    if mask is not None:
        options["feature_mask"] = mask
    if to_layer_input:
        options[method.side_option] = True
    starts = [None]
    if baselines is not None:
        starts = [baselines] if method.takes_distribution else [start[None] for start in baselines]
    total = 0
    with _alone(function, seed):
        before = _random_states()
        attribution = method.build(function, layer)
        for start in starts:
            given = options if start is None else options | {"baselines": start.clone()}
            found = attribution.attribute(z.detach().clone(), **given)
            total = total + (found[0] if isinstance(found, (tuple, list)) else found).detach()
        drew = _random_states() != before
    return total / len(starts), drew


def neuron_values(method, function, z, layer, to_layer_input):
    """Return the neuron that is explained, shape (n_rows,); call inside ``network.frozen()``."""
    from captum.attr import LayerActivation

    selector = method.call["neuron_selector"]
    with _alone(function, 0), torch.no_grad():
        found = LayerActivation(function, layer).attribute(z, attribute_to_layer_input=to_layer_input)
        found = found[0] if isinstance(found, tuple) else found
        if callable(selector):
            found = selector(found)
        else:
            found = found[(slice(None), *(selector if isinstance(selector, tuple) else (selector,)))]
    return found.reshape(len(z), -1).sum(dim=1)


def _random_states():
    _, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()]


@contextmanager
def _alone(function, seed):
    """Keep Captum's draws, its announcements of hooks and what it leaves on the layers to the block."""
    with isolated_rng(seed), warnings.catch_warnings(), _restored(function):
        for message in _USUAL_WARNINGS:
            warnings.filterwarnings("ignore", message, UserWarning)
        yield


@contextmanager
def _restored(module):
    """Put back attributes, hooks and weights, also after an error; in-place layers work out of place."""
    parts = [part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
    weights = [(weight, weight.data) for weight in module.parameters()]
    before = []
    for part in parts:
        contents = {name: dict(value) for name, value in vars(part).items() if isinstance(value, dict)}
        before.append((dict(vars(part)), contents))
    try:
        for part in parts:
            if getattr(part, "inplace", None) is True:
                part.inplace = False  # hooks see what a layer was given and returned, not what the next made of it
        yield
    finally:
        for weight, data in weights:
            weight.data = data  # the rules of LRP put others in their place
        for part, (attributes, contents) in zip(parts, before, strict=True):
            vars(part).clear()
            vars(part).update(attributes)
            for name, content in contents.items():
                vars(part)[name].clear()
                vars(part)[name].update(content)


class AllOutputs(nn.Module):
    """The explained outputs of a network, as a module with the user's as a child: hooks reach its layers."""

    def __init__(self, network):
        super().__init__()
        self.first = self.only = None
        if network.prefix is not None:
            self.first = _linear(network)
            network = copy.copy(network)
            network.prefix = None
        self.module, self.network = network.module, network

    def forward(self, z):
        """Return outputs of shape (n_rows, n_outputs), or ``only`` one of shape (n_rows,)."""
        # The clone is for modules that write into their input.
        outputs = self.network((z if self.first is None else self.first(z)).clone())
        return outputs if self.only is None else outputs[:, self.only]


def _linear(network):
    """Return the affine map in front of a network as a layer, which methods with rules can treat as one."""
    matrix, offset = (torch.as_tensor(part, dtype=network.dtype, device=network.device) for part in network.prefix)
    layer = nn.Linear(matrix.shape[1], matrix.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(matrix, requires_grad=False), nn.Parameter(offset, requires_grad=False)
    return layer.eval()


def is_mirrored(function, z):
    """Whether the second output is the first with the other sign, as the one logit of a classifier is written."""
    with torch.no_grad():
        outputs = function(z)
    return outputs.shape[1] == 2 and bool((outputs[:, 0] == -outputs[:, 1]).all())


def check_relus(method, network, z, caller):
    """Raise where a method that changes the gradient of nn.ReLU would miss a ReLU that is called as a function."""
    if method.is_of not in _HOOKS_OF_RELU:
        return
    layers = [(name, part) for name, part in network.module.named_modules() if isinstance(part, nn.ReLU)]
    with noted_calls(layers) as calls, torch.no_grad(), _CountReLU() as counted:
        network(z)
    if counted.n_calls > len(calls):
        raise ValueError(
            f"{caller}: Captum's {method.is_of} changes the gradient of nn.ReLU layers, but "
            f"{type(network.module).__name__} calls ReLU as a function {counted.n_calls - len(calls)} times, where it "
            "would be an ordinary gradient. Use nn.ReLU layers in the module."
        )


class _CountReLU(TorchFunctionMode):
    """Counts how often ReLU is called, by a layer or as a function."""

    def __init__(self):
        super().__init__()
        self.n_calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.n_calls += getattr(func, "__name__", "") in ("relu", "relu_")
        return func(*args, **(kwargs or {}))
