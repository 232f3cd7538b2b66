"""Slow and plain computations that the fast ones are held against: one row, one node, one coalition at a time."""

from __future__ import annotations

import numpy as np
import torch
from skorch import NeuralNetRegressor
from torch import nn


def seeded(build, seed=0, dtype=torch.float64):
    """Return ``build()`` with weights drawn from a seed; torch's global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return build().to(dtype).eval()


def mlp(n_inputs=4, n_outputs=1, activation=nn.ReLU, n_hidden=8):
    """Return a perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Linear(n_inputs, n_hidden), activation(), nn.Linear(n_hidden, n_hidden), activation(),
        nn.Linear(n_hidden, n_outputs),
    )  # fmt: skip


class Skip(nn.Module):
    """A network whose input reaches the output by two ways, so that it has no affine head."""

    def __init__(self, n_inputs=4, n_outputs=2):
        super().__init__()
        self.first, self.last = nn.Linear(n_inputs, n_inputs), nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)) + x)


def as_net(module):
    """Return a module as a fitted skorch net; its training moved nothing."""
    first = next(module.parameters())
    net = NeuralNetRegressor(module, lr=0.0, max_epochs=1, train_split=None, verbose=0)
    z = torch.zeros(2, first.shape[-1], dtype=first.dtype)
    with torch.no_grad():
        return net.fit(z, torch.zeros_like(module(z)))


def run(module, X):
    """Return what a module says of an array of rows, as an array."""
    with torch.no_grad():
        return module(torch.as_tensor(np.array(X))).numpy()


def gradient_loop(module, X, target):
    """Return the gradient of output ``target[i]`` at each row, one row at a time."""
    found = []
    for row, k in zip(np.asarray(X), np.broadcast_to(target, len(X)), strict=True):
        leaf = torch.tensor(row[np.newaxis], requires_grad=True)
        found.append(torch.autograd.grad(module(leaf * 1)[0, int(k)], leaf)[0][0].numpy())
    return np.stack(found)


def path_loop(module, X, baseline, nodes, weights, target):
    """Return the weighted gradients of each row, one node at a time."""
    total = np.zeros_like(X)
    for node, weight in zip(nodes, weights, strict=True):
        total += weight * gradient_loop(module, baseline + node * (X - baseline), target)
    return total


def coalition_loop(model, X, background, kept, filler, members):
    """Return what a model says of each row and coalition, (n_rows, n_coalitions, n_outputs), built cell by cell."""
    values = []
    for i in range(len(X)):
        for coalition, fill in zip(kept, filler, strict=True):
            columns = {j for player in np.flatnonzero(coalition) for j in members[player]}
            values.append(model(_mixed(X, background, i, fill, columns)).reshape(-1))
    return np.stack(values).reshape(len(X), len(kept), -1)


def _mixed(X, background, i, fill, columns):
    if hasattr(X, "iloc"):
        row = background.iloc[[fill]].copy()
        for j in columns:
            row.isetitem(j, X.iloc[[i], j].array)
        return row
    row = background[fill : fill + 1].copy()
    flat = row.reshape(-1)
    for j in columns:
        flat[j] = X[i].reshape(-1)[j]
    return row
