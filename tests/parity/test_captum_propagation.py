"""DeepLIFT, guided backpropagation and deconvolution against Captum, and where Captum's attributions do not add up."""

from __future__ import annotations

import captum.attr as captum
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_xai import DeconvolutionExplainer, DeepLiftExplainer, GuidedBackpropExplainer
from tests.oracles import mlp, seeded

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Setting (forward, )?backward hooks"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients"),
]

TABLE = np.random.RandomState(0).standard_normal((8, 4)).astype(np.float32)
IMAGES = np.random.RandomState(0).standard_normal((9, 2, 8, 8)).astype(np.float32)


def cnn(pool=nn.MaxPool2d):
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), pool(2), nn.Conv2d(4, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 8),
        nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


NETS = {
    "relu": (lambda: mlp(n_outputs=3), TABLE),
    "tanh": (lambda: mlp(n_outputs=3, activation=nn.Tanh), TABLE),
    "images, mean pooling": (lambda: cnn(nn.AvgPool2d), IMAGES),
}


@pytest.mark.parametrize(("build", "X"), NETS.values(), ids=NETS)
def test_deep_lift(build, X):
    module = seeded(build, dtype=torch.float32)
    found = DeepLiftExplainer(module, baseline="zero", target=1).fit(X).transform(X)
    peer = captum.DeepLift(module).attribute(torch.as_tensor(X), target=1).detach().numpy()
    assert_allclose(found, peer, atol=1e-5 * np.abs(found).max())


def test_max_pooling_where_captum_does_not_add_up():
    """Double precision, a baseline that is an image: this package's attributions add up, Captum's are far from it.

    With a baseline of zeros both add up, and may still differ: all places of its windows are the greatest, and which
    of them the difference is given to is open.
    """
    module, X = seeded(cnn), IMAGES.astype(np.float64)
    baseline = X[::-1][:1] / 2
    explainer = DeepLiftExplainer(module, baseline=baseline, target=1).fit(X)
    change = explainer.explained_output(X) - explainer.explain(X).base_values
    rows = torch.as_tensor(X)
    peer = captum.DeepLift(module).attribute(rows, torch.as_tensor(baseline), target=1).detach().numpy()
    gaps = [np.abs(values.sum(axis=(1, 2, 3)) - change).max() for values in (explainer.transform(X), peer)]
    assert gaps[0] < 1e-12
    assert gaps[1] > 0.1 * np.abs(change).max()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(GuidedBackpropExplainer, captum.GuidedBackprop), (DeconvolutionExplainer, captum.Deconvolution)],
)
@pytest.mark.parametrize(("build", "X"), [(cnn, IMAGES), (lambda: mlp(n_outputs=3), TABLE)], ids=["images", "table"])
def test_rectified_gradients(ours, theirs, build, X):
    module = seeded(build, dtype=torch.float32)
    peer = theirs(module).attribute(torch.as_tensor(X), target=1).detach().numpy()
    found = ours(module, target=1).fit(X).transform(X)
    assert_allclose(found, peer, atol=1e-6 * np.abs(peer).max())
    assert np.abs(found).max() > 0
