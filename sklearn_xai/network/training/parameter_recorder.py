"""Records the parameters of a network while it is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from sklearn_xai.network.training._probe import Recorder
from sklearn_xai.network.training._rows import check_count
from sklearn_xai.network.training._statistics import as_real, describe

_COMPILED = "_orig_mod."
_WAITING = 64  # batches whose gradients are added up at once


class ParameterRecorder(Recorder):
    r"""How do the weights of a network move while it is trained, and what gradients reach them?

    A skorch callback. For each parameter :math:`w` it records at the end of an epoch the norm, mean, standard deviation
    and histogram; over the batches :math:`b` of the epoch the mean and the largest norm of the gradient,

    .. math:: \frac{1}{B} \sum_b \| \nabla_w L_b \|_2, \qquad \max_b \| \nabla_w L_b \|_2,

    which vanish, or explode, from layer to layer where training fails; and by how much the epoch moved it,
    :math:`\| w_t - w_{t-1} \| / \max(\| w_t \|, \| w_{t-1} \|)`. The training is bit by bit what it is without.

    Parameters
    ----------
    layer : str or list of str, default=None
        Names of layers, or blocks of layers, whose parameters are recorded. None stands for all.
    n_bins : int, default=20
        Bins of the histograms, of equal width from the least to the largest value; 0 for none.
    %(every)s
    %(end)s

    Attributes
    ----------
    %(records)s

    Raises
    ------
    ValueError
        When training begins, for the name of a layer that is not there.

    Notes
    -----
    Values in the history are under ``net.history[-1, "parameters"]``; over all parameters, ``parameters_gradient_norm``
    (the root of the sum of the squares), ``parameters_update`` and ``parameters_norm`` are numbers that other callbacks
    can watch. None of them shows up in the log that skorch prints. Gradients are as they are when skorch announces
    them: a callback in front of this one that clips them comes first. A copy of the parameters is kept during an epoch
    that is recorded.

    Misleads when norms of different layers are compared as they are: a layer followed by normalisation may have
    weights of any size, and of its gradients the size changes with theirs.

    Cost: one norm of every gradient a batch, and statistics of every weight after each recorded epoch. No forward or
    backward pass is added.

    See Also
    --------
    ActivationRecorder : What comes out of the layers.
    AttributionRecorder : What the network attends to.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetRegressor
    >>> from torch import nn
    >>> from sklearn_xai import ParameterRecorder
    >>> X = np.random.RandomState(0).randn(50, 3).astype(np.float32)
    >>> recorder = ParameterRecorder()
    >>> module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> net = NeuralNetRegressor(module, max_epochs=2, verbose=0, callbacks=[recorder]).fit(X, X[:, :1])
    >>> table = recorder.to_frame()
    >>> sorted(table["statistic"].unique())
    ['gradient_max', 'gradient_norm', 'mean', 'norm', 'not_finite', 'std', 'update']
    >>> table.query("statistic == 'gradient_norm'").pivot(index="parameter", columns="epoch", values="value").shape
    (5, 2)
    """

    _kind = "parameters"
    _place = "parameter"
    _overall = ("norm", "gradient_norm", "update")

    def __init__(
        self,
        layer: str | Sequence[str] | None = None,
        *,
        n_bins: int = 20,
        every: int = 1,
        name: str | None = None,
        path: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(every=every, name=name, path=path)
        self.layer = layer
        self.n_bins = n_bins

    def _check(self, net):
        super()._check(net)
        check_count(self, "n_bins", 0)

    def _begin(self, net, X, rng):
        self.names_ = _chosen_parameters(net.module_, self.layer, type(self).__name__)
        self.epoch_ = None

    def on_grad_computed(
        self, net: Any, named_parameters: Any, X: Any = None, y: Any = None, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Note the gradients of a batch."""
        if not self._is_due(net):
            return
        if self.epoch_ is None:  # before the first step, and after lazy layers have found their size
            self.epoch_ = _Epoch(_parameters(net.module_, self.names_))
        self.epoch_.note_gradients()

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Record the epoch, if it is one to record."""
        try:
            super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        finally:
            self.epoch_ = None

    def _measure(self, net):
        values = {}
        with torch.no_grad():
            parameters = _parameters(net.module_, self.names_)
            for name, parameter in parameters.items():
                if parameter.numel():
                    real = as_real(parameter)
                    values[name] = {"norm": real.norm().item(), **describe(real, self.n_bins)}
            moved = self.epoch_.summary() if self.epoch_ is not None else {}
        for name, found in moved.items():
            values.get(name, {}).update(found)
        overall = {"norm": _root(found["norm"] for found in values.values())}
        if moved:
            overall["gradient_norm"] = _root(found.get("gradient_norm", 0.0) for found in moved.values())
            overall["update"] = self.epoch_.total_update()
        return values, overall


class _Epoch:
    """What happens to parameters in an epoch: what they were before, and the norms of their gradients.

    Parameters
    ----------
    parameters : dict of str to nn.Parameter
    """

    def __init__(self, parameters):
        self.parameters = parameters
        self.before = [parameter.detach().clone() for parameter in parameters.values()]
        self._tensors = list(parameters.values())
        self._waiting = []  # the norms of the last batches, None where a parameter had no gradient
        self._sums = self._largest = torch.zeros(len(self._tensors))
        self._counts = torch.zeros(len(self._tensors))

    @torch.no_grad()
    def note_gradients(self):
        """Note the norms of the gradients of a batch; they stay on the device, which is not waited for."""
        gradients = [parameter.grad for parameter in self._tensors]
        if any(gradient is None or gradient.is_sparse for gradient in gradients):
            norms = [None if gradient is None else _norm(gradient) for gradient in gradients]
        else:
            norms = torch._foreach_norm(gradients)
        self._waiting.append(norms)
        if len(self._waiting) == _WAITING:
            self._add_up()

    def _add_up(self):
        if not self._waiting:
            return
        there = torch.tensor([[norm is not None for norm in norms] for norms in self._waiting])
        numbers = torch.zeros(there.shape)
        # In lots, as each number by itself would have to be waited for.
        numbers[there] = _together([norm for norms in self._waiting for norm in norms if norm is not None])
        self._sums = self._sums + numbers.sum(dim=0)
        self._largest = torch.maximum(self._largest, numbers.amax(dim=0))
        self._counts = self._counts + there.sum(dim=0)
        self._waiting = []

    def summary(self):
        """Return, by name, how far each parameter moved and what gradients it had."""
        self._add_up()
        found = {}
        numbers = zip(self._sums.tolist(), self._largest.tolist(), self._counts.tolist(), strict=True)
        for (name, parameter), old, (total, largest, count) in zip(
            self.parameters.items(), self.before, numbers, strict=True
        ):
            after, before = as_real(parameter), as_real(old)
            found[name] = {"update": _ratio((after - before).norm(), torch.maximum(after.norm(), before.norm()))}
            if count:
                found[name] |= {"gradient_norm": total / count, "gradient_max": largest}
        return found

    def total_update(self):
        """Return how far all parameters moved together."""
        after = [as_real(parameter) for parameter in self.parameters.values()]
        before = [as_real(parameter) for parameter in self.before]
        moved = _root((a - b).norm().item() for a, b in zip(after, before, strict=True))
        size = max(_root(a.norm().item() for a in after), _root(b.norm().item() for b in before))
        return moved / size if size else 0.0


def _norm(gradient):
    """Return the norm of a gradient; of a sparse one, that of its values."""
    return (gradient.coalesce().values() if gradient.is_sparse else gradient).norm()


def _together(norms):
    """Return numbers that are each on some device as one tensor on the CPU."""
    devices = {norm.device for norm in norms}
    norms = norms if len(devices) < 2 else [norm.cpu() for norm in norms]
    return torch.stack([norm.to(torch.float32) for norm in norms]).cpu() if norms else torch.zeros(0)


def _ratio(part, whole):
    part, whole = part.item(), whole.item()
    return part / whole if whole else 0.0


def _root(numbers):
    return math.sqrt(sum(number**2 for number in numbers))


def _parameters(module, names):
    parameters = {name.replace(_COMPILED, ""): parameter for name, parameter in module.named_parameters()}
    return {name: parameters[name] for name in names if name in parameters and not is_lazy(parameters[name])}


def _chosen_parameters(module, layers, caller):
    """Return the names of the parameters of some layers, or raise and say which layers there are."""
    names = [name.replace(_COMPILED, "") for name, _ in module.named_parameters()]
    if layers is None:
        return names
    layers = [layers] if isinstance(layers, str) else list(layers)
    known = [name.replace(_COMPILED, "") for name, _ in module.named_modules()]
    known = [layer for layer in known if layer and any(name.startswith(f"{layer}.") for name in names)]
    unknown = [layer for layer in layers if layer not in known]
    if unknown or not layers:
        raise ValueError(
            f"The 'layer' parameter of {caller} must name layers with parameters. Got {unknown or layers}. There are: "
            f"{known}."
        )
    return [name for name in names if any(name.startswith(f"{layer}.") for layer in layers)]
