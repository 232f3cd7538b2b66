"""Draws of a network's weights as one torch module, which is differentiated like any other."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sklearn_xai.models import noted_calls
from sklearn_xai.models.uncertainty import log_probabilities


class WeightDraws(nn.Module):
    """Many members that take the same rows: (n_rows, n_draws, n_outputs).

    Parameters
    ----------
    members : list of torch.nn.Module
        Each returns log-probabilities, or predictions, of shape (n_rows, n_outputs).
    likelihood : {"categorical", "gaussian"}
    classes : ndarray of shape (n_classes,), or None
    """

    def __init__(self, members, likelihood, classes):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.draws_likelihood, self.classes_ = likelihood, classes

    def forward(self, *args, **kwargs):
        """Run every member."""
        return torch.stack([member(*args, **kwargs) for member in self.members], dim=1)


class _BareNet:
    """What ``Network`` needs of a skorch net, and no more: it is stored together with its module."""

    def __init__(self, net, module):
        self.module_ = module
        self.predict_nonlinearity = getattr(net, "predict_nonlinearity", None)

    def infer(self, z):
        if isinstance(z, dict):
            return self.module_(**{name: part.clone() for name, part in z.items()})
        return self.module_(z)


def around(network, module):
    """Return a Network that runs another module in the same way."""
    twin = copy.copy(network)
    twin.estimator = _BareNet(network.estimator, module) if network.is_net else module
    twin.layout = None  # the rows that it is given are unpacked
    return twin


class Member(nn.Module):
    """One draw: a module with weights of its own."""

    def __init__(self, network, module):
        super().__init__()
        self.module = module
        self.network = around(network, module)

    def forward(self, *args, **kwargs):
        """Return log-probabilities of classes, or predictions."""
        z = args[0] if args else kwargs
        network = self.network
        return network.log_probabilities(z) if network.output == "entropy" else network(z)


class WithProbabilities(nn.Module):
    """A module of logits, followed by the softmax or sigmoid that its training has in its loss."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        """Return log-probabilities, or the probability of the second of two classes."""
        out = self.module(*args, **kwargs)
        out = out[0] if isinstance(out, (tuple, list)) else out
        out = out.reshape(len(out), -1)
        return torch.sigmoid(out) if out.shape[1] == 1 else torch.log_softmax(out, dim=1)


# ---------------------------------------------------------------------- dropout
_BY_ELEMENT = {"dropout", "alpha_dropout"}
_BY_CHANNEL = {"dropout1d", "dropout2d", "dropout3d", "feature_dropout", "feature_alpha_dropout"}
# What a dropped unit of a self-normalising network is set to: the least value of a scaled exponential unit
# (Klambauer, G. et al. (2017). Self-Normalizing Neural Networks).
_DROPPED = -1.0507009873554805 * 1.6732632423543772


class DropoutCalls(TorchFunctionMode):
    """Sees every call of dropout, whatever its spelling and the mode of the module."""

    def __init__(self, replace):
        super().__init__()
        self._replace = replace

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").removesuffix("_")
        if name not in _BY_ELEMENT | _BY_CHANNEL:
            return func(*args, **kwargs)
        given = dict(zip(("input", "p"), args, strict=False)) | kwargs
        return self._replace(name, given["input"], float(given.get("p", 0.5)))


def dropout_shapes(run):
    """Return (name, p, shape) of the calls of dropout while ``run()`` runs."""
    seen = []

    def note(name, x, p):
        if p > 0:
            seen.append((name, p, tuple(x.shape)))
        return x

    with DropoutCalls(note):
        run()
    return seen


def draw_masks(calls, generator):
    """Draw what is kept of one row, for each call of dropout: 1 with probability 1 - p, else 0."""
    masks = []
    for name, p, shape in calls:
        size = (1, *shape[1:]) if name in _BY_ELEMENT else (1, *shape[1:2], *[1] * (len(shape) - 2))
        masks.append((torch.rand(size, generator=generator) >= p).float())
    return masks


class MaskedMember(Member):
    """One draw: a module in which some units are switched off, the same for all rows.

    Parameters
    ----------
    network : Network
    module : torch.nn.Module
        Shared by all draws.
    rates : list of float
        Rate of each call of dropout that has one.
    masks : list of Tensor
    """

    def __init__(self, network, module, rates, masks):
        super().__init__(network, module)
        self.rates = rates
        for i, mask in enumerate(masks):
            self.register_buffer(f"mask_{i}", mask.to(network.device, network.dtype))

    def forward(self, *args, **kwargs):
        """Return log-probabilities of classes, or predictions."""
        calls = iter(range(len(self.rates)))

        def drop(name, x, p):
            if p <= 0:
                return x
            i = next(calls)
            return _dropped(x, getattr(self, f"mask_{i}"), self.rates[i], alpha="alpha" in name)

        with DropoutCalls(drop):
            return super().forward(*args, **kwargs)


def _dropped(x, mask, p, *, alpha):
    """Switch units off and scale the rest, so that the mean (of alpha dropout: the variance too) stays the same."""
    if not alpha:
        return x * (mask / (1 - p)) if p < 1 else x * 0
    scale = ((1 - p) * (1 + p * _DROPPED**2)) ** -0.5
    return x * (mask * scale) + (_DROPPED * scale * (1 - mask) - _DROPPED * p * scale)


# ---------------------------------------------------------------------- last layer
class LastLayerDraws(Member):
    """All draws at once: one body, and last layers of their own.

    Parameters
    ----------
    network : Network
    module : torch.nn.Module
    path : str
        Name of the last layer.
    weights : Tensor of shape (n_draws, n_logits, n_features + 1)
        The last column is the bias, if there is one.
    """

    def __init__(self, network, module, path, weights, likelihood, classes):
        super().__init__(network, module)
        self.path = path
        self.register_buffer("weights", weights.to(network.device, network.dtype))
        self.draws_likelihood, self.classes_ = likelihood, classes

    def forward(self, *args, **kwargs):
        """Return log-probabilities or predictions of shape (n_rows, n_draws, n_outputs)."""
        z = args[0] if args else kwargs
        h = layer_input(self.network, self.path, lambda: self.network(z))
        n_draws, n_logits, width = self.weights.shape
        flat = self.weights.reshape(-1, width)
        bias = flat[:, -1] if width > h.shape[1] else None
        out = nn.functional.linear(h, flat[:, : h.shape[1]], bias).reshape(len(h) * n_draws, n_logits)
        if self.draws_likelihood == "categorical":
            out = log_probabilities(out, self.network.ending)
        return out.reshape(len(h), n_draws, -1)


def layer_input(network, path, run):
    """Return what goes into a layer while ``run()`` runs."""
    with noted_calls([(path, network.module.get_submodule(path))]) as calls:
        run()
    return calls[-1].input
