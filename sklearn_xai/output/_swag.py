"""Weights that stochastic gradient descent goes through at a constant learning rate, as a normal distribution."""

from __future__ import annotations

import copy
from collections import deque

import numpy as np
import torch
from torch import nn

_MOMENTUM = 0.9


class SwagMoments:
    """Mean, variances and the last deviations of a sequence of vectors, of which only as many as these are kept.

    Parameters
    ----------
    rank : int
        Deviations that are kept.

    Attributes
    ----------
    mean : ndarray of shape (n_weights,)
    n_iterates : int
    """

    def __init__(self, rank):
        self.mean = self._square = None
        self.n_iterates = 0
        self._deviations: deque = deque(maxlen=rank)

    def update(self, weights):
        """Add one vector."""
        weights = np.asarray(weights, dtype=np.float64)
        if self.mean is None:
            self.mean, self._square = np.zeros_like(weights), np.zeros_like(weights)
        self.n_iterates += 1
        before = weights - self.mean
        self.mean = self.mean + before / self.n_iterates
        self._square = self._square + before * (weights - self.mean)  # Welford: sum of squared deviations
        self._deviations.append(weights - self.mean)

    @property
    def variance(self):
        """Variance of each weight, shape (n_weights,)."""
        return self._square / self.n_iterates

    @property
    def deviations(self):
        """The last vectors less the mean of those up to them, shape (rank, n_weights)."""
        return np.array(self._deviations)

    @property
    def covariance(self):
        r"""Covariance :math:`\tfrac12 \mathrm{diag}(\sigma^2) + \tfrac1{2(K-1)} D^\top D`, (n_weights, n_weights)."""
        low = self.deviations
        return 0.5 * np.diag(self.variance) + 0.5 / max(1, len(low) - 1) * low.T @ low

    def draw(self, n_draws, rng):
        """Draw weights, shape (n_draws, n_weights)."""
        low = self.deviations
        diagonal = rng.standard_normal((n_draws, len(self.mean))) * np.sqrt(self.variance / 2)
        return self.mean + diagonal + rng.standard_normal((n_draws, len(low))) @ low / np.sqrt(2 * max(1, len(low) - 1))


def collect_iterates(net, X, y, *, n_epochs, learning_rate, rank, caller):
    """Train a fitted net further and return the SwagMoments of its weights after each epoch; they are put back.

    Call inside ``isolated_rng``.

    Parameters
    ----------
    net : skorch net
    X, y : array or dict of arrays, array
        As the net's own ``fit`` takes them.
    n_epochs : int
    learning_rate : float or None
        None is that of the net.
    rank : int
    caller : str
        Class name for messages.
    """
    module = net.module_
    parts = trained_weights(module)
    kept = copy.deepcopy(module.state_dict())
    training = {part: part.training for part in module.modules()}
    rate = getattr(net, "lr", 0.01) if learning_rate is None else learning_rate
    optimizer = torch.optim.SGD(parts, lr=rate, momentum=_MOMENTUM)
    moments = SwagMoments(rank)
    batches = net.get_iterator(net.get_dataset(X, y), training=True)
    try:
        for _ in range(n_epochs):
            for batch in batches:
                optimizer.zero_grad()
                net.train_step_single(batch)
                optimizer.step()
            moments.update(nn.utils.parameters_to_vector(parts).detach().cpu().numpy())
    finally:
        optimizer.zero_grad()
        module.load_state_dict(kept)
        for part, mode in training.items():
            part.training = mode
    if not np.isfinite(moments.variance).all():
        raise ValueError(
            f"{caller}: the weights became infinite while they were collected at a learning rate of {rate}. Lower "
            "'learning_rate'."
        )
    return moments


def trained_weights(module):
    """Return the parameters that training changes."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def module_with(module, weights, network, inputs, batch_size=1024):
    """Return a copy of a module with other weights, whose batch normalisation has the statistics that suit them."""
    twin = copy.deepcopy(module)
    parts = trained_weights(twin)
    with torch.no_grad():
        like = nn.utils.parameters_to_vector(parts)
        nn.utils.vector_to_parameters(torch.as_tensor(weights).to(like), parts)
    norms = [part for part in twin.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    norms = [part for part in norms if part.track_running_stats]
    if norms:
        _learn_statistics(twin, norms, network, inputs, batch_size)
    return twin


def _learn_statistics(module, norms, network, inputs, batch_size):
    """Have batch normalisation average over all rows, each batch alike."""
    momenta = [part.momentum for part in norms]
    with torch.no_grad():
        module.eval()
        for part in norms:
            part.reset_running_stats()
            part.momentum = None
            part.training = True
        for start in range(0, len(inputs), batch_size):
            z = network.tensor(inputs[start : start + batch_size])
            if len(z) > 1 or start == 0:
                z = z if network.layout is None else network.layout.unpack(z)
                module(**z) if isinstance(z, dict) else module(z)
    for part, momentum in zip(norms, momenta, strict=True):
        part.momentum, part.training = momentum, False
