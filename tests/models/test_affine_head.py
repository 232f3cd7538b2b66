"""Where a network is cut after its affine part, and that the cut changes nothing but the speed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

from sklearn_xai.engines import path_gradient
from sklearn_xai.models import Network, Split, find_affine_head

TABLE = np.random.RandomState(0).randn(12, 6)
IMAGES = np.random.RandomState(1).randn(10, 2, 6, 6)


def worn(module):
    """Give batch normalisation something to do."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
                part.weight.uniform_(0.5, 2)
    return module.eval()


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.second = nn.Linear(8, 8)
        self.out = nn.Linear(8, 2)


class ScalesAndFlattens(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(0.3))
        self.hidden, self.out = nn.Linear(72, 8), nn.Linear(8, 2)

    def forward(self, X):
        return self.out(F.gelu(self.hidden(((X - self.mean) / 2.5).flatten(1))))


class FunctionalActivation(Layers):
    def forward(self, X):
        return self.out(torch.tanh(self.second(F.relu(self.first(X)))))


class TwoLinearsInARow(Layers):
    def forward(self, X):
        return self.out(F.silu(self.second(self.first(X))))


class ResidualLater(Layers):
    """A skip connection that begins after the first layer."""

    def forward(self, X):
        hidden = self.first(X)
        return self.out(hidden + F.relu(self.second(hidden)))


class Concatenated(Layers):
    """The input is put together before the first layer: only the layer reads it."""

    def forward(self, X):
        return self.out(self.first(torch.cat([X[:, 3:], X[:, :3]], dim=1)).sigmoid())


FOUND = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)), TABLE, "0"),
    "in-place": (lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 2)), TABLE, "0"),
    "linear": (lambda: nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 2)), TABLE, "1"),
    "dropout and norm": (
        lambda: nn.Sequential(
            nn.Dropout(), nn.BatchNorm1d(6), nn.Linear(6, 8), nn.Linear(8, 8), nn.ELU(), nn.Linear(8, 2)
        ),
        TABLE,
        "3",
    ),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)
        ),
        IMAGES,
        "1",
    ),
    "average pooling": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Softplus(), nn.Linear(16, 3)),
        IMAGES,
        "2",
    ),
    "scales and flattens": (ScalesAndFlattens, IMAGES, "hidden"),
    "functional": (FunctionalActivation, TABLE, "first"),
    "two in a row": (TwoLinearsInARow, TABLE, "second"),
    "skip after the cut": (ResidualLater, TABLE, "first"),
    "concatenated": (Concatenated, TABLE, "first"),
}


class Skip(Layers):
    def forward(self, X):
        return self.out(torch.relu(self.first(X))) + X[:, :2]


class ReadAgain(Layers):
    """The input gates a later layer."""

    def forward(self, X):
        return self.out(F.relu(self.first(X)) * X[:, :1])


class Masked(Layers):
    """The mask passes no gradient: only values tell that the input is read again."""

    def forward(self, X):
        return self.out(F.relu(self.first(X)) * (X[:, :1] > 0).float())


class MaskedFirst(Layers):
    """The layer's input is masked: each operation is linear, and together they are not."""

    def forward(self, X):
        return self.out(F.relu(self.first(X * (X > 0).float())))


class MaskedByIndex(Layers):
    """What is largest in the input chooses a factor."""

    def forward(self, X):
        factor = torch.arange(1.0, 7.0)[X.argmax(dim=1)]
        return self.out(F.relu(self.first(X))) * factor[:, None]


class Branches(Layers):
    """Python reads a number of the input."""

    def forward(self, X):
        hidden = F.relu(self.first(X))
        return self.out(hidden if float(X.detach().sum()) < 1e9 else -hidden)


class SharedLayer(nn.Module):
    """One layer is called twice."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, X):
        return self.out(torch.tanh(self.layer(torch.tanh(self.layer(X)))))


class TwoBranches(Layers):
    """Two layers read the input: neither is a cut."""

    def __init__(self):
        super().__init__()
        self.other = nn.Linear(6, 8)

    def forward(self, X):
        return self.out(torch.relu(self.first(X)) * torch.sigmoid(self.other(X)))


class Squared(Layers):
    def forward(self, X):
        return self.out(F.relu(self.first(X * X)))


NOT_FOUND = {
    "skip": Skip,
    "read again": ReadAgain,
    "masked": Masked,
    "masked first": MaskedFirst,
    "masked by index": MaskedByIndex,
    "branches": Branches,
    "shared layer": SharedLayer,
    "two branches": TwoBranches,
    "squared": Squared,
    "activation first": lambda: nn.Sequential(nn.Tanh(), nn.Linear(6, 2)),
    "layer norm first": lambda: nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 2)),
}


def seen(make, rows):
    torch.manual_seed(0)
    network = Network(worn(make()), rows[:4])
    return network, find_affine_head(network, rows[:8])


@pytest.fixture(autouse=True)
def own_seed():
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


@pytest.mark.parametrize("kind", FOUND)
def test_the_cut_is_after_the_last_affine_layer(kind):
    make, rows, path = FOUND[kind]
    assert seen(make, rows)[1].path == path


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_no_cut_where_the_input_goes_another_way(kind):
    assert not seen(NOT_FOUND[kind], TABLE)[1].found


@pytest.mark.parametrize("kind", [*FOUND, *NOT_FOUND])
def test_the_path_is_that_of_the_whole_network(kind):
    make, rows, _ = FOUND.get(kind) or (NOT_FOUND[kind], TABLE, None)
    network, split = seen(make, rows)
    nodes = torch.linspace(0.05, 0.95, 7)
    with network.frozen():
        z = network.tensor(rows)
        found, expected = (
            path_gradient(one, z, z.mean(dim=0, keepdim=True), nodes, torch.full_like(nodes, 1 / 7), 1, z[:1])
            for one in (split, Split(network))
        )
    for field in ("gradient", "values", "slopes"):
        a, b = getattr(found, field).numpy(), getattr(expected, field).numpy()
        assert_allclose(a, b, atol=5e-6 * np.abs(b).max())


@pytest.mark.parametrize("kind", FOUND)
def test_layers_before_the_cut_run_once_a_row(kind):
    make, rows, path = FOUND[kind]
    network, split = seen(make, rows)
    rows_run = []
    layer = network.module.get_submodule(path)
    layer.register_forward_hook(lambda layer, args, output: rows_run.append(len(output)))
    inside = type(layer).forward
    calls = []
    type(layer).forward = lambda self, *args: calls.append((self, len(args[0]))) or inside(self, *args)
    try:
        with network.frozen():
            z = network.tensor(rows)
            path_gradient(split, z, z[:1], torch.linspace(0, 1, 9), torch.full((9,), 1 / 9), 0, z[:1])
    finally:
        type(layer).forward = inside
    assert sum(n for self, n in calls if self is layer) == len(rows) + 1  # each row once, and the baseline


def test_the_cut_survives_what_happens_to_the_weights():
    """Values come from the module as it is: a copy of the head would go stale."""
    network, split = seen(FOUND["mlp"][0], TABLE)
    with torch.no_grad():
        network.module[0].weight.mul_(2)
    with network.frozen(), torch.no_grad():
        z = network.tensor(TABLE)
        assert_allclose(split.tail(split.head(z), z[:1]).numpy(), network(z).numpy(), atol=1e-6)


def test_float64_is_cut_to_its_own_rounding():
    network = Network(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)).double(), TABLE)
    split = find_affine_head(network, TABLE)
    assert split.path == "0"
    with network.frozen(), torch.no_grad():
        z = network.tensor(TABLE)
        assert_allclose(split.tail(split.head(z), z[:1]).numpy(), network(z).numpy(), rtol=1e-12)


@pytest.mark.parametrize("rows", [np.ones((8, 6)), np.zeros((1, 6)), 1e6 + TABLE, 1e-6 * TABLE])
def test_rows_that_say_little_do_not_fool_it(rows):
    """Constant, single, huge and tiny rows: what is not affine stays whole."""
    torch.manual_seed(0)
    for kind in NOT_FOUND:
        network = Network(NOT_FOUND[kind]().eval(), rows[:4])
        assert not find_affine_head(network, rows).found, kind
