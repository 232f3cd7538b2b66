"""Grad-CAM, against closed forms, a slow computation of its own, and Captum."""

from __future__ import annotations

import captum.attr as captum
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_xai import GradCAMExplainer
from tests.oracles import seeded
from tests.zoo import BY_NAME

IMAGES = np.random.RandomState(0).standard_normal((5, 3, 8, 6))


def cnn(n_outputs=4):
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 6, 2), nn.Tanh(), nn.Flatten(),
        nn.Linear(6 * 3 * 2, n_outputs),
    )  # fmt: skip


def attribute(module, X, **kwargs):
    return GradCAMExplainer(module, **kwargs).fit(X).transform(X)


def hat(i, j, n_from, n_to):
    """Return the weight of cell j of ``n_from`` for cell i of ``n_to`` in linear interpolation between centres."""
    at = min(max((i + 0.5) * n_from / n_to - 0.5, 0), n_from - 1)
    return max(0.0, 1 - abs(at - j))


def slow_map(head, tail, image, target):
    """Return the map of one image, channel by channel and cell by cell."""
    with torch.no_grad():
        A = head(torch.as_tensor(image)[None])[0].clone()
    A.requires_grad_(True)
    gradient = torch.autograd.grad(tail(A[None])[0, target], A)[0].numpy()
    A, coarse = A.detach().numpy(), np.zeros(A.shape[1:])
    for k in range(len(A)):
        coarse += gradient[k].mean() * A[k]
    coarse = np.maximum(coarse, 0)
    (h, w), (height, width) = coarse.shape, image.shape[1:]
    rows = np.array([[hat(i, j, h, height) for j in range(h)] for i in range(height)])
    columns = np.array([[hat(i, j, w, width) for j in range(w)] for i in range(width)])
    return rows @ coarse @ columns.T


# ---------------------------------------------------------------------- closed forms
def test_one_channel_pooled_is_its_positive_part():
    module = seeded(lambda: nn.Sequential(nn.Conv2d(3, 1, 1), nn.AvgPool2d((8, 6)), nn.Flatten()))
    with torch.no_grad():
        expected = module[0](torch.as_tensor(IMAGES)).relu().numpy() / 48
    assert_allclose(attribute(module, IMAGES, channels="sum"), expected, atol=1e-12)
    assert_allclose(attribute(module, IMAGES), np.repeat(expected / 3, 3, axis=1), atol=1e-12)


def test_a_channel_that_lowers_the_output_counts_against_the_others():
    module = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1)
    )
    with torch.no_grad():
        module[0].weight[:] = torch.tensor([1.0, -1.0])[:, None, None, None]
        module[4].weight[:] = torch.tensor([[6.0, -3.0]])
    image = np.array([[[[2.0, -1.0], [0.5, -4.0]]]], dtype=np.float32)
    # the two channels are relu(x) and relu(-x), with slopes 6/4 and -3/4 at each of the 4 positions
    found = attribute(module, image, layer="1", channels="sum")
    assert_allclose(found, [[[[3.0, 0.0], [0.75, 0.0]]]], atol=1e-6)


@pytest.mark.parametrize("target", [0, 2])
@pytest.mark.parametrize("layer", [None, "0", "1", "4", ("3", "input")])
def test_against_a_slow_computation(layer, target):
    module = seeded(cnn)
    cut = {None: 4, "0": 1, "1": 2, "4": 5, ("3", "input"): 3}[layer]
    expected = [slow_map(module[:cut], module[cut:], image, target) for image in IMAGES]
    found = attribute(module, IMAGES, layer=layer, target=target, channels="sum")
    assert_allclose(found[:, 0], expected, atol=1e-12)
    assert np.abs(expected).max() > 0
    assert_allclose(attribute(module, IMAGES, layer=layer, target=target).sum(axis=1), expected, atol=1e-12)


def test_a_layer_beside_which_there_is_another_way_to_the_output():
    member = BY_NAME["residual block"]
    net, X = member.net(), member.rows()
    module = net.module_.eval()
    found = GradCAMExplainer(net, target=1, channels="sum").fit(X).transform(X)
    assert_allclose(found, captum_map(module, module.second, X, 1), atol=1e-6 * found.max())
    assert found.max() > 0


# ---------------------------------------------------------------------- Captum
def captum_map(module, layer, X, target):
    size = X.shape[2:]
    maps = captum.LayerGradCam(module, layer).attribute(torch.as_tensor(X), target=target, relu_attributions=True)
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)]
    return captum.LayerAttribution.interpolate(maps, size, interpolate_mode=mode).detach().numpy()


SIGNALS = np.random.RandomState(1).standard_normal((6, 2, 9))
VOLUMES = np.random.RandomState(2).standard_normal((4, 1, 4, 5, 6))
PEERS = {
    "images": (cnn, "3", IMAGES),
    "signals": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.Linear(8, 3)),
        "0",
        SIGNALS,
    ),
    "volumes": (
        lambda: nn.Sequential(nn.Conv3d(1, 4, 2), nn.SiLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3)),
        "0",
        VOLUMES,
    ),
}


@pytest.mark.parametrize("kind", PEERS)
def test_as_captum(kind):
    build, layer, X = PEERS[kind]
    module = seeded(build)
    expected = captum_map(module, module.get_submodule(layer), X, 1)
    explainer = GradCAMExplainer(module, target=1, channels="sum").fit(X)
    assert explainer.layer_ == layer
    assert_allclose(explainer.transform(X), expected, atol=1e-12)
    assert expected.max() > 0


def relu_cnn():
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(60, 3))


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations:UserWarning")
def test_guided_as_captum():
    module = seeded(relu_cnn)
    peer = captum.GuidedGradCam(module, module[2])
    given = torch.tensor(IMAGES, requires_grad=True)
    expected = peer.attribute(given, target=1, interpolate_mode="bilinear").detach().numpy()
    assert_allclose(attribute(module, IMAGES, target=1, guided=True), expected, atol=1e-12)
    found = attribute(module, IMAGES, target=1, guided=True, channels="sum")
    assert_allclose(found, expected.sum(axis=1, keepdims=True), atol=1e-12)
    assert expected.max() > 0 > expected.min()


def test_guided_by_nothing():
    module = seeded(lambda: nn.Sequential(nn.Conv2d(3, 1, 1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 1)))
    with pytest.raises(ValueError, match=r"GradCAMExplainer is guided by rectifiers .* Sequential has none"):
        attribute(module, IMAGES, guided=True)


# ---------------------------------------------------------------------- rows that become images
class Reshaped(nn.Module):
    """Makes images of flat rows, in one order of the axes or another."""

    def __init__(self, channels_first=True, scale=1.0):
        super().__init__()
        self.images, self.channels_first, self.scale = cnn(), channels_first, scale

    def forward(self, x):
        x = self.scale * x - 0.5
        if self.channels_first:
            return self.images(x.view(-1, 3, 8, 6))
        return self.images(x.view(-1, 8, 6, 3).permute(0, 3, 1, 2))


@pytest.mark.parametrize("channels_first", [True, False])
def test_flat_rows(channels_first):
    module = seeded(lambda: Reshaped(channels_first, scale=2.0))
    rows = IMAGES if channels_first else IMAGES.transpose(0, 2, 3, 1)
    expected = attribute(module.images, 2 * IMAGES - 0.5, target=1)
    expected = expected if channels_first else expected.transpose(0, 2, 3, 1)
    found = attribute(module, rows.reshape(5, -1), target=1)
    assert_allclose(found, expected.reshape(5, -1), atol=1e-12)
    assert found.max() > 0


def test_behind_a_scaler():
    module = seeded(Reshaped)
    rows = 3 + 2 * IMAGES.reshape(5, -1)
    pipe = make_pipeline(StandardScaler(), module)
    pipe[0].fit(rows)
    assert_allclose(attribute(pipe, rows, target=2), attribute(module, pipe[0].transform(rows), target=2), atol=1e-10)


def test_images_without_an_axis_of_channels():
    class Grey(nn.Module):
        def __init__(self):
            super().__init__()
            self.images = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 1))

        def forward(self, x):
            return self.images(x[:, None])

    module, X = seeded(Grey), IMAGES[:, 0]
    assert_allclose(attribute(module, X), attribute(module.images, X[:, None])[:, 0], atol=1e-12)


class Mixing(nn.Module):
    """The first convolution sees sums of columns."""

    def __init__(self):
        super().__init__()
        self.mix, self.conv, self.out = nn.Linear(12, 12), nn.Conv2d(1, 2, 2), nn.Linear(12, 1)

    def forward(self, x):
        return self.out(self.conv(self.mix(x).view(-1, 1, 3, 4)).relu().flatten(1))


# ---------------------------------------------------------------------- regions
def test_regions_add_up_their_pixels():
    module = seeded(cnn)
    labels = np.arange(48).reshape(8, 6) // 20
    pixels = attribute(module, IMAGES, target=1, channels="sum")[:, 0]
    found = attribute(module, IMAGES, target=1, feature_groups=labels)
    assert_allclose(found, np.stack([pixels[:, labels == k].sum(axis=1) for k in range(3)], axis=1), atol=1e-12)


# ---------------------------------------------------------------------- errors
def test_a_network_without_a_convolution():
    with pytest.raises(
        ValueError, match="GradCAMExplainer makes a map of what a convolution gives, but Sequential calls"
    ):
        attribute(nn.Sequential(nn.Linear(3, 1)), np.eye(3))


def test_columns_that_the_convolution_does_not_see_one_by_one():
    with pytest.raises(ValueError, match="do not go into the first convolution one by one"):
        attribute(seeded(Mixing), IMAGES.reshape(5, -1)[:, :12])


def test_a_layer_that_gives_no_positions():
    with pytest.raises(
        ValueError, match=r"'layer' parameter of GradCAMExplainer must name a layer that gives channels"
    ):
        attribute(seeded(cnn), IMAGES, layer="6")
    with pytest.raises(ValueError, match=r"must name a sub-module of Sequential.*Got 'nine'"):
        attribute(seeded(cnn), IMAGES, layer="nine")
    with pytest.raises(ValueError, match=r"or \(name, 'input'\)"):
        attribute(seeded(cnn), IMAGES, layer=("0", "inside"))


def test_the_last_convolution_with_several_positions_is_chosen():
    member = BY_NAME["functional cnn"]
    assert GradCAMExplainer(member.net()).fit(member.rows()).layer_ == "first"
    pointwise = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 2, 1), nn.Flatten())
    assert GradCAMExplainer(pointwise, target=0).fit(IMAGES.astype(np.float32)).layer_ == "1"
