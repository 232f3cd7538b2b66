"""Expected gradients and SmoothGrad against Captum's GradientShap and NoiseTunnel."""

from __future__ import annotations

from contextlib import contextmanager

import captum.attr as captum
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_xai import ExpectedGradientsExplainer, IntegratedGradientsExplainer, SaliencyExplainer, SmoothGradExplainer
from tests.oracles import seeded

pytestmark = pytest.mark.slow

TABLE = np.random.RandomState(0).randn(20, 12).astype(np.float32)
IMAGES = np.random.RandomState(1).randn(12, 1, 8, 8).astype(np.float32)


def mlp():
    return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))


def smooth():
    return nn.Sequential(
        nn.Linear(12, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)
    )  # fmt: skip


def cnn():
    first = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2), nn.Tanh())
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(16, 3))


NETS = {"mlp": (mlp, TABLE), "smooth": (smooth, TABLE), "cnn": (cnn, IMAGES)}


@pytest.fixture(params=NETS)
def case(request):
    make, rows = NETS[request.param]
    return seeded(make, dtype=torch.float32), rows


@contextmanager
def seeded_generators():
    """Captum draws from the global generators of both libraries."""
    ours, theirs = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    yield
    np.random.set_state(ours)  # noqa: NPY002
    torch.set_rng_state(theirs)


def test_gradient_shap(case):
    module, rows = case
    explainer = ExpectedGradientsExplainer(module, n_samples=2_000, target=1, random_state=0).fit(rows)
    leaf = torch.tensor(rows)
    peer = captum.GradientShap(module)
    with seeded_generators():
        parts = [peer.attribute(leaf, baselines=leaf, n_samples=400, target=1).numpy() for _ in range(10)]
    expected, spread = np.mean(parts, axis=0), np.std(parts, axis=0, ddof=1) / np.sqrt(10)
    away = np.abs(explainer.transform(rows) - expected)
    assert np.mean(away > 4.5 * spread + 1e-6) < 0.01  # Student's t with 9 degrees of freedom
    assert away.mean() < 0.05 * np.abs(expected).mean()


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
@pytest.mark.parametrize("inside", ["saliency", "integrated gradients"])
def test_noise_tunnel(case, kind, inside, monkeypatch):
    module, rows = case
    if inside == "saliency":
        ours, theirs, options = SaliencyExplainer(module, absolute=True), captum.Saliency(module), {}
    else:
        ours = IntegratedGradientsExplainer(module, baseline="zero", n_steps=16, method="gausslegendre", tol=1e3)
        theirs, options = captum.IntegratedGradients(module), {"n_steps": 16}
    explainer = SmoothGradExplainer(ours, kind=kind, n_samples=10, target=1, random_state=0).fit(rows)
    noise = torch.as_tensor(explainer.noise_)
    monkeypatch.setattr(torch, "normal", lambda mean, std: noise.repeat(len(rows), *[1] * (noise.ndim - 1)))
    expected = captum.NoiseTunnel(theirs).attribute(
        torch.tensor(rows), nt_type=kind, nt_samples=10, stdevs=1.0, target=1, **options
    )
    expected = expected.detach().numpy()
    assert np.abs(expected).max() > 0
    assert_allclose(explainer.transform(rows), expected, atol=2e-5 * np.abs(expected).max())
