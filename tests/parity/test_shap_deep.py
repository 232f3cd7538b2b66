"""DeepLIFT over background rows against shap.DeepExplainer, on the networks that it supports."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_xai import DeepLiftExplainer
from tests.oracles import mlp, seeded

pytestmark = pytest.mark.slow


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 8),
        nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


NETS = {
    "relu": (lambda: mlp(n_outputs=3), (4,)),
    "tanh": (lambda: mlp(n_outputs=3, activation=nn.Tanh), (4,)),
    "sigmoid": (lambda: mlp(n_outputs=3, activation=nn.Sigmoid), (4,)),
    "images, max pooling": (cnn, (2, 8, 8)),
}


@pytest.mark.parametrize(("build", "shape"), NETS.values(), ids=NETS)
def test_deep_explainer(build, shape):
    import shap

    module = seeded(build)
    rng = np.random.RandomState(0)
    background, X = (rng.standard_normal((n, *shape)) for n in (10, 6))
    found = DeepLiftExplainer(module, baseline=background, target=1).fit(background)
    peer = shap.DeepExplainer(module, torch.as_tensor(background)).shap_values(torch.as_tensor(X))
    values = found.transform(X)
    assert_allclose(values, peer[..., 1], atol=1e-5 * np.abs(values).max())
