"""Records what comes out of the layers of a network while it is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Literal

import torch
from torch import nn

from sklearn_xai._typing import Rows, Seed
from sklearn_xai.models.layers import UnitAxes
from sklearn_xai.network.training._probe import ProbeRecorder
from sklearn_xai.network.training._rows import check_count
from sklearn_xai.network.training._statistics import as_real, describe

WHOLE = "(module)"  # the name of the module itself, where it is a layer
_COMPILED = "_orig_mod."
_NEAR = 0.05  # share of the range of a saturating activation that counts as its end
_BOUNDS = {nn.Sigmoid: (0, 1), nn.Hardsigmoid: (0, 1), nn.Tanh: (-1, 1), nn.Softsign: (-1, 1), nn.ReLU6: (0, 6)}


class ActivationRecorder(ProbeRecorder):
    r"""What do the layers of a network answer while it is trained, and which of their units never do?

    A skorch callback. At the end of an epoch the same rows are run through the network, in evaluation mode, and for
    each layer the mean, standard deviation and histogram of what comes out of it are recorded, the norm
    :math:`\sqrt{\sum_{ij} h_{ij}^2 / n}` of its rows, the share of zeros, and the share of *dead* units,

    .. math:: \frac{1}{d} \sum_{j=1}^{d} \prod_{i=1}^{n} \mathbb{1}[h_{ij} = 0],

    which are zero for all rows of the probe (a channel, where a layer has channels: at all places too). Of sigmoid,
    tanh, softsign and clipped activations also the share that is *saturated*: within 5 % of the range from its ends.
    The training is bit by bit what it is without.

    Parameters
    ----------
    %(probe)s
    layer : str or list of str, default=None
        Names of the layers, as ``layer_names`` lists them. None stands for all that have no layers inside, or
        parameters of their own.
    n_bins : int, default=20
        Bins of the histograms, of equal width from the least to the largest value; 0 for none.
    %(probe_size)s
    %(every)s
    %(end)s
    %(random_state)s

    Attributes
    ----------
    %(records)s
    %(probe_)s

    Raises
    ------
    ValueError
        When training begins, for the name of a layer that is not there, or rows that the net cannot be given.

    Notes
    -----
    Values in the history are under ``net.history[-1, "activations"]``; ``activations_dead``, the largest share of any
    layer, is a number that other callbacks can watch. Neither shows up in the log that skorch prints. A layer that is
    called several times for a row has a record for each call: "act", "act#2". The module itself, where it is a layer
    of its own, goes by "(module)".

    Misleads when the probe is small or unlike the data: a unit that is dead on its rows may fire on others. What comes
    out of a layer in evaluation mode is not what dropout lets through in training.

    Cost: one forward pass of the probe after each recorded epoch.

    See Also
    --------
    ParameterRecorder : The weights and their gradients.
    LayerActivations : What the units of a layer say of each row, after training.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010). Understanding the Difficulty of Training Deep Feedforward Neural Networks.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetRegressor
    >>> from torch import nn
    >>> from sklearn_xai import ActivationRecorder
    >>> X = np.random.RandomState(0).randn(50, 3).astype(np.float32)
    >>> recorder = ActivationRecorder(X)
    >>> module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> net = NeuralNetRegressor(module, max_epochs=2, verbose=0, callbacks=[recorder]).fit(X, X[:, :1])
    >>> sorted(recorder.records_[-1]["values"]["1"])
    ['dead', 'histogram_counts', 'histogram_edges', 'mean', 'norm', 'not_finite', 'std', 'zeros']
    >>> table = recorder.to_frame().query("statistic == 'dead'")
    >>> list(table["layer"].unique())
    ['0', '1', '2', '(all)']
    """

    _kind = "activations"
    _place = "layer"
    _overall = ("dead",)

    def __init__(
        self,
        X: Rows | None = None,
        layer: str | Sequence[str] | None = None,
        *,
        n_bins: int = 20,
        probe_size: int | float | Literal["auto"] | None = "auto",
        every: int = 1,
        name: str | None = None,
        path: str | PathLike[str] | None = None,
        random_state: Seed = None,
    ) -> None:
        super().__init__(X, probe_size=probe_size, every=every, name=name, path=path, random_state=random_state)
        self.layer = layer
        self.n_bins = n_bins

    def _check(self, net):
        super()._check(net)
        check_count(self, "n_bins", 0)
        self.layers_ = chosen_layers(net.module_, self.layer, type(self).__name__)

    def _measure(self, net):
        network, rows = self._look(net)
        parts = _named_layers(network.module)
        seen = _Seen(self.n_bins, len(rows))
        hooks = []
        try:
            with network.frozen(), torch.no_grad(), UnitAxes(network.module) as axes:
                for name in self.layers_:
                    if name in parts:
                        hooks.append(parts[name].register_forward_hook(seen.by(name, axes)))
                network(network.tensor(rows))
        finally:
            for hook in hooks:
                hook.remove()
        if not seen.values:
            raise ValueError(
                f"{type(self).__name__}: none of the layers {self.layers_} was called for the probe rows, or gives a "
                "tensor; what is inside a scripted module is not seen. Name other layers."
            )
        return seen.values, {"dead": max(found["dead"] for found in seen.values.values())}


class _Seen:
    """Statistics of what comes out of layers, taken at once: what comes after may write to it.

    Attributes
    ----------
    values : dict of str to dict
        Statistics by layer, and by call where a layer is called several times.
    """

    def __init__(self, n_bins, n):
        self.n_bins = n_bins
        self.n = n
        self.values = {}
        self._calls = {}

    def by(self, name, axes):
        """Return a forward hook for a layer."""

        def hook(layer, args, output):
            value = _first_tensor(output)
            if value is not None and value.numel():
                self._calls[name] = call = self._calls.get(name, 0) + 1
                self.values[name if call == 1 else f"{name}#{call}"] = self._describe(layer, value, axes)

        return hook

    def _describe(self, layer, value, axes):
        real = as_real(value)
        zero = real == 0
        units = zero.movedim(axes.of(real) + 1, -1).flatten(0, -2) if real.ndim > 1 else zero[None]
        found = {
            "norm": real.norm() / math.sqrt(self.n),
            "zeros": _share(zero),
            "dead": _share(units.all(dim=0)),
        }
        bounds = next((ends for kind, ends in _BOUNDS.items() if isinstance(layer, kind)), None)
        bounds = (layer.min_val, layer.max_val) if type(layer) is nn.Hardtanh else bounds
        if bounds is not None:
            near = _NEAR * (bounds[1] - bounds[0])
            found["saturated"] = _share((real <= bounds[0] + near) | (real >= bounds[1] - near))
        numbers = torch.stack([number.to(torch.float64) for number in found.values()]).tolist()
        return {**describe(real, self.n_bins), **dict(zip(found, numbers, strict=True))}


def _share(truth):
    return torch.count_nonzero(truth) / truth.numel()


def _first_tensor(output):
    if isinstance(output, torch.Tensor):
        return output
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return next((part for part in parts if isinstance(part, torch.Tensor)), None)


def _named_layers(module):
    return {name.replace(_COMPILED, "") or WHOLE: part for name, part in module.named_modules()}


def chosen_layers(module, layers, caller):
    """Return the names of the layers to record, or raise and say which there are."""
    module = module._modules.get("_orig_mod", module)
    parts = _named_layers(module)
    if layers is None:
        return [name for name, part in parts.items() if not part._modules or part._parameters]
    layers = [layers] if isinstance(layers, str) else list(layers)
    unknown = [layer for layer in layers if layer not in parts]
    if unknown or not layers:
        raise ValueError(
            f"The 'layer' parameter of {caller} must name layers of the net's module. Got {unknown or layers}. There "
            f"are: {list(parts)}."
        )
    return layers
