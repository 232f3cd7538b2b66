"""Integrated gradients, saliency and input x gradient against Captum, on ten architectures."""

from __future__ import annotations

import captum.attr as captum
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer

pytestmark = pytest.mark.slow

TABLE = np.random.RandomState(0).randn(20, 12).astype(np.float32)
IMAGES = np.random.RandomState(1).randn(12, 1, 8, 8).astype(np.float32)
SERIES = np.random.RandomState(2).randn(12, 6, 5).astype(np.float32)


class SkipConnection(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.out = nn.Linear(12, 12), nn.Linear(12, 3)

    def forward(self, X):
        return self.out(X + torch.relu(self.first(X)))


class ReusedActivation(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(12, 16), nn.Linear(16, 16), nn.Linear(16, 3)
        self.act = nn.SiLU()

    def forward(self, X):
        return self.out(self.act(self.second(self.act(self.first(X)))))


class FunctionalActivation(ReusedActivation):
    def forward(self, X):
        return self.out(F.softplus(self.second(F.gelu(self.first(X)))))


class InPlaceActivation(ReusedActivation):
    def forward(self, X):
        return self.out(F.relu(self.second(self.first(X).relu_()), inplace=True))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.out = nn.GRU(5, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, X):
        return self.out(self.cells(X)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Linear(5, 8), nn.Linear(8, 3)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, X):
        hidden = self.embed(X)
        return self.out(self.attend(hidden, hidden, hidden, need_weights=False)[0].mean(dim=1))


ARCHITECTURES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3)), TABLE),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 2),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(16, 3),
        ),
        IMAGES,
    ),
    "batch norm": (
        lambda: nn.Sequential(
            nn.BatchNorm1d(12), nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)
        ),
        TABLE,
    ),
    "skip connection": (SkipConnection, TABLE),
    "reused activation": (ReusedActivation, TABLE),
    "functional activation": (FunctionalActivation, TABLE),
    "in-place activation": (InPlaceActivation, TABLE),
    "layer norm": (lambda: nn.Sequential(nn.Linear(12, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 3)), TABLE),
    "gru": (Recurrent, SERIES),
    "attention": (Attention, SERIES),
}


@pytest.fixture(params=ARCHITECTURES)
def case(request):
    """Return (module in evaluation mode with random weights, rows)."""
    make, rows = ARCHITECTURES[request.param]
    state = torch.get_rng_state()
    torch.manual_seed(0)
    module = make().train()
    for _ in range(3):
        module(torch.as_tensor(rows))  # batch normalisation sees data
    torch.set_rng_state(state)
    return module.eval(), rows


def peer(kind, module, rows, **kwargs):
    leaf = torch.tensor(rows, requires_grad=True)
    return kind(module).attribute(leaf, target=1, **kwargs).detach().numpy()


def assert_same(found, expected):
    assert found.shape == expected.shape and np.abs(expected).max() > 0
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("n_steps", [1, 20, 50])
def test_integrated_gradients(case, n_steps):
    module, rows = case
    baseline = rows[:5].mean(axis=0)
    explainer = IntegratedGradientsExplainer(
        module, baseline=baseline, method="gausslegendre", n_steps=n_steps, target=1, tol=1e3
    ).fit(rows)
    expected = peer(
        captum.IntegratedGradients,
        module,
        rows,
        baselines=torch.as_tensor(baseline[None]),
        method="gausslegendre",
        n_steps=n_steps,
    )
    assert_same(explainer.transform(rows), expected)


@pytest.mark.parametrize("case", ["mlp"], indirect=True)
@pytest.mark.parametrize("method", ["riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"])
def test_quadrature_rules(case, method):
    module, rows = case
    explainer = IntegratedGradientsExplainer(module, baseline="zero", method=method, n_steps=16, target=1, tol=1e3)
    expected = peer(captum.IntegratedGradients, module, rows, method=method, n_steps=16)
    if method == "riemann_trapezoid":
        expected *= 16 / 15  # Captum's weights sum to (n_steps - 1) / n_steps here, and to 1 in the other rules
    assert_same(explainer.fit(rows).transform(rows), expected)


def test_saliency(case):
    module, rows = case
    explainer = SaliencyExplainer(module, target=1).fit(rows)
    assert_same(explainer.transform(rows), peer(captum.Saliency, module, rows, abs=False))
    explainer = SaliencyExplainer(module, target=1, absolute=True).fit(rows)
    assert_same(explainer.transform(rows), peer(captum.Saliency, module, rows, abs=True))


def test_input_x_gradient(case):
    module, rows = case
    explainer = InputXGradientExplainer(module, target=1).fit(rows)
    assert_same(explainer.transform(rows), peer(captum.InputXGradient, module, rows))
