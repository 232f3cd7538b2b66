"""Gradients along a path, against plain autograd at every node."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_xai.engines import gradient, path_gradient
from sklearn_xai.models import Network, Split, find_affine_head
from tests.oracles import Skip, gradient_loop, mlp, path_loop, run, seeded

NODES = np.array([0.0, 0.1, 0.35, 0.5, 0.9, 1.0])
WEIGHTS = np.array([0.3, 0.05, 0.2, 0.25, 0.1, 0.4])

TABLES = {
    "relu": lambda: mlp(n_outputs=2),
    "tanh": lambda: mlp(n_outputs=2, activation=nn.Tanh),
    "in place": lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 2)),
    "scaled first": lambda: nn.Sequential(
        nn.BatchNorm1d(4), nn.Linear(4, 6), nn.Dropout(), nn.Sigmoid(), nn.Linear(6, 2)
    ),
}
WITHOUT_HEAD = {
    "skip": Skip,
    "in place after another": lambda: nn.Sequential(nn.Softplus(), nn.ELU(inplace=True), nn.Linear(4, 2)),
    "writes its input": lambda: nn.Sequential(nn.ELU(inplace=True), nn.Linear(4, 2)),
}


def rows(n=7, shape=(4,), seed=1):
    return np.random.RandomState(seed).standard_normal((n, *shape))


def on_path(module, X, baseline, target, *, split=None, weights=WEIGHTS, batch_size=None):
    network = Network(module, X)
    split = find_affine_head(network, X) if split is None else split(network)
    with network.frozen():
        z, start = network.tensor(X), network.tensor(baseline)
        target = target if isinstance(target, int) else torch.as_tensor(target)
        weights = weights if callable(weights) else torch.as_tensor(weights).to(z)
        nodes = torch.as_tensor(NODES).to(z)
        return path_gradient(split, z, start, nodes, weights, target, split.context(z), batch_size), split


@pytest.mark.parametrize("name", [*TABLES, *WITHOUT_HEAD])
@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_path_gradient_is_the_weighted_sum_of_gradients(name, batch_size):
    module = seeded({**TABLES, **WITHOUT_HEAD}[name])
    X, baseline = rows(), rows(1, seed=2)
    target = np.array([0, 1, 1, 0, 1, 0, 1])
    path, split = on_path(module, X, baseline, target, batch_size=batch_size)
    assert split.found == (name in TABLES)
    np.testing.assert_allclose(path.gradient, path_loop(module, X, baseline, NODES, WEIGHTS, target), atol=1e-12)


@pytest.mark.parametrize("name", list(TABLES))
def test_path_gradient_is_the_same_without_the_affine_head(name):
    module = seeded(TABLES[name])
    X, baseline = rows(), rows(1, seed=2)
    with_head, split = on_path(module, X, baseline, 1)
    without, _ = on_path(module, X, baseline, 1, split=Split)
    assert split.found
    for found, expected in zip(with_head, without, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_path_gradient_of_images():
    module = seeded(
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2))
    )
    X, baseline = rows(5, (1, 6, 6)), rows(1, (1, 6, 6), seed=2)
    path, split = on_path(module, X, baseline, 1, batch_size=4)
    assert split.found
    np.testing.assert_allclose(path.gradient, path_loop(module, X, baseline, NODES, WEIGHTS, 1), atol=1e-12)


def test_each_row_may_have_its_own_baseline():
    module, X, baseline = seeded(TABLES["tanh"]), rows(), rows(seed=2)
    path, _ = on_path(module, X, baseline, 0, batch_size=13)
    np.testing.assert_allclose(path.gradient, path_loop(module, X, baseline, NODES, WEIGHTS, 0), atol=1e-12)


@pytest.mark.parametrize("name", ["tanh", "skip"])
def test_values_and_slopes_are_those_of_the_output_along_the_path(name):
    module = seeded({**TABLES, **WITHOUT_HEAD}[name])
    X, baseline, h = rows(), rows(1, seed=2), 1e-5
    path, _ = on_path(module, X, baseline, 1)

    def at(node):
        return run(module, baseline + node * (X - baseline))[:, 1]

    np.testing.assert_allclose(path.values, np.stack([at(node) for node in NODES], axis=1), atol=1e-12)
    slopes = np.stack([(at(node + h) - at(node - h)) / (2 * h) for node in NODES], axis=1)
    np.testing.assert_allclose(path.slopes, slopes, atol=1e-8)


@pytest.mark.parametrize("batch_size", [1, 20, None])
def test_weights_may_depend_on_values_and_slopes(batch_size):
    module, X, baseline = seeded(TABLES["relu"]), rows(), rows(1, seed=2)

    def weights(values, slopes):
        return values**2 + slopes

    path, _ = on_path(module, X, baseline, 0, weights=weights, batch_size=batch_size)
    chosen = (path.values**2 + path.slopes).numpy()
    expected = [path_loop(module, X[[i]], baseline, NODES, chosen[i], 0)[0] for i in range(len(X))]
    np.testing.assert_allclose(path.gradient, expected, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_gradient_is_that_of_each_row_alone(batch_size):
    module, X = seeded(Skip), rows()
    network = Network(module, X)
    with network.frozen():
        z = network.tensor(X)
        found, outputs = gradient(Split(network), z, lambda outputs: outputs.argmax(dim=1), z[:1], batch_size)
    np.testing.assert_allclose(outputs, run(module, X), atol=1e-12)
    np.testing.assert_allclose(found, gradient_loop(module, X, run(module, X).argmax(axis=1)), atol=1e-12)


def test_gradient_through_a_first_step_in_place_leaves_the_rows_alone():
    module, X = seeded(WITHOUT_HEAD["writes its input"]), rows()
    network = Network(module, X)
    with network.frozen():
        z = network.tensor(X)
        found, _ = gradient(Split(network), z, 0, z[:1])
    np.testing.assert_array_equal(z, X)
    np.testing.assert_allclose(found, gradient_loop(module, X, 0), atol=1e-12)


class Constant(nn.Module):
    """Says the same of every row; ``attached`` keeps the input in the graph of another output."""

    def __init__(self, attached):
        super().__init__()
        self.attached = attached

    def forward(self, x):
        ones = x.new_ones(len(x), 1)
        return torch.cat([ones, x[:, :1] if self.attached else 2 * ones], dim=1)


@pytest.mark.parametrize("attached", [True, False])
def test_a_constant_output_has_no_gradient(attached):
    X = rows().astype(np.float32)
    network = Network(Constant(attached), X)
    with network.frozen():
        z = network.tensor(X)
        found, outputs = gradient(Split(network), z, 0, z[:1])
        path, _ = on_path(Constant(attached), X, X[:1], 0)
    assert (found == 0).all() and (path.gradient == 0).all() and (path.slopes == 0).all()
    assert (outputs[:, 0] == 1).all() and (path.values == 1).all()
