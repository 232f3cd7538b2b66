"""The gradient times the product of the weight matrices, however the activations are spelled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_xai import GradientXWeightExplainer
from tests.oracles import gradient_loop, run, seeded


class Net(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)
        self.first, self.second = first, second

    def forward(self, x):
        return self.c(self.second(self.b(self.first(self.a(x)))))


def rows(n=8, d=4):
    return np.random.RandomState(0).standard_normal((n, d))


SPELLINGS = {
    "relu, module": nn.ReLU(),
    "relu, module in place": nn.ReLU(inplace=True),
    "relu, function": F.relu,
    "relu, function in place": lambda h: F.relu(h, inplace=True),
    "relu, by keyword": lambda h: F.relu(input=h),
    "relu, torch": torch.relu,
    "relu, method": lambda h: h.relu(),
    "relu, method in place": lambda h: h.relu_(),
    "relu, clamp": lambda h: h.clamp(min=0),
    "relu, clamp in place": lambda h: h.clamp_(min=0),
    "relu, torch.clamp_min": lambda h: torch.clamp_min(h, 0),
    "relu, threshold": nn.Threshold(0.0, 0.0),
    "relu6": nn.ReLU6(),
    "leaky relu": nn.LeakyReLU(),
    "leaky relu, in place": lambda h: F.leaky_relu_(h),
    "prelu": nn.PReLU(),
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "celu": F.celu,
    "tanh, module": nn.Tanh(),
    "tanh, torch": torch.tanh,
    "tanh, method": lambda h: h.tanh(),
    "tanh, method in place": lambda h: h.tanh_(),
    "sigmoid, module": nn.Sigmoid(),
    "sigmoid, torch": torch.sigmoid,
    "sigmoid, method": lambda h: h.sigmoid(),
    "sigmoid, method in place": lambda h: h.sigmoid_(),
    "sigmoid, expit": torch.special.expit,
    "gelu, module": nn.GELU(),
    "gelu, function": lambda h: F.gelu(h, approximate="tanh"),
    "silu, module": nn.SiLU(),
    "silu, in place": nn.SiLU(inplace=True),
    "silu, function": F.silu,
    "mish": nn.Mish(),
    "softplus": nn.Softplus(),
    "softsign": F.softsign,
    "hardtanh": nn.Hardtanh(),
    "hardswish": nn.Hardswish(),
    "hardsigmoid": nn.Hardsigmoid(),
    "logsigmoid": F.logsigmoid,
    "atan": torch.atan,
}


@pytest.mark.parametrize("name", list(SPELLINGS))
def test_the_gradient_times_the_product_of_the_weight_matrices(name):
    module, X = seeded(lambda: Net(SPELLINGS[name], SPELLINGS[name])), rows()
    explainer = GradientXWeightExplainer(module, target=1).fit(X)
    product = (module.c.weight @ module.b.weight @ module.a.weight).detach().numpy()
    np.testing.assert_allclose(explainer.connection_weights_, product, atol=1e-12)
    assert np.abs(gradient_loop(module, X, 1) - product[1]).max() > 1e-3
    np.testing.assert_allclose(explainer.transform(X), product[1] * gradient_loop(module, X, 1), atol=1e-12)


def test_each_row_has_the_weights_of_its_own_output():
    module, X = seeded(lambda: Net(nn.Tanh(), F.relu)), rows()
    weights = GradientXWeightExplainer(module).fit(X).connection_weights_
    largest = run(module, X).argmax(axis=1)
    assert len(set(largest)) > 1
    found = GradientXWeightExplainer(module).fit(X).transform(X)
    np.testing.assert_allclose(found, weights[largest] * gradient_loop(module, X, largest), atol=1e-12)


def test_connection_weights_of_a_convolution_and_a_batch_norm():
    module = seeded(
        lambda: nn.Sequential(
            nn.Conv1d(1, 2, 2),
            nn.BatchNorm1d(2),
            nn.ReLU(),
            nn.AvgPool1d(3),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(2, 2),
        )
    )
    linear = nn.Sequential(*(part for part in module if not isinstance(part, nn.ReLU)))
    X = rows()[:, None]
    explainer = GradientXWeightExplainer(module).fit(X)
    expected = np.stack([gradient_loop(linear, X[:1], k)[0] for k in range(2)])
    np.testing.assert_allclose(explainer.connection_weights_, expected, atol=1e-12)


class Recurrent(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.out = cell(1, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, x):
        return self.out(self.cell(x[..., None])[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.each, self.attend, self.out = (
            nn.Linear(1, 4),
            nn.MultiheadAttention(4, 2, batch_first=True),
            nn.Linear(4, 1),
        )

    def forward(self, x):
        h = self.each(x[..., None])
        return self.out(self.attend(h, h, h)[0].mean(dim=1))


class Product(nn.Module):
    def forward(self, x):
        return x[:, :1] * x[:, 1:2]


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: Recurrent(nn.LSTM), "because of (MkldnnRnnLayer|Sigmoid|Tanh)"),
        (lambda: Recurrent(nn.GRU), "because of (Sigmoid|Tanh)"),
        (Attention, "because of (Softmax|ScaledDotProduct)"),
        (lambda: nn.Sequential(nn.Unflatten(1, (1, 4)), nn.MaxPool1d(2), nn.Flatten()), "because of MaxPool"),
        (lambda: nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 1)), "because of NativeLayerNorm"),
        (lambda: nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=1)), "because of Softmax"),
        (lambda: Net(lambda h: h.exp(), F.relu), "because of Exp"),
        (lambda: Net(lambda h: h * torch.sigmoid(h), F.relu), "because of a product of inputs"),
        (Product, "because of a product of inputs"),
    ],
)
def test_what_is_not_linear_without_its_activations_is_refused_by_name(build, reason):
    X = rows().astype(np.float32)
    with pytest.raises(ValueError, match=f"^GradientXWeightExplainer: .* {reason}.* Use InputXGradientExplainer"):
        GradientXWeightExplainer(seeded(build, dtype=torch.float32)).fit(X)
