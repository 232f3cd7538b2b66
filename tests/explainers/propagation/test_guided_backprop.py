"""Guided backpropagation: an independent backward pass, all spellings, and what it says it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import DeconvolutionExplainer, GuidedBackpropExplainer, SaliencyExplainer
from tests.oracles import mlp, seeded

X = np.random.RandomState(0).standard_normal((6, 4))
CLASSES = [GuidedBackpropExplainer, DeconvolutionExplainer]


def by_hand(module, rows, target, guided):
    """Go back through a Sequential of linear layers and rectifiers, one row and one layer at a time."""
    found = []
    for row in rows:
        values = [row]
        for layer in module:
            linear = isinstance(layer, nn.Linear)
            z = values[-1]
            values.append(layer.weight.numpy() @ z + layer.bias.numpy() if linear else np.maximum(z, 0))
        c = np.eye(len(values[-1]))[target]
        for layer, z in zip(reversed(module), reversed(values[:-1]), strict=True):
            if isinstance(layer, nn.Linear):
                c = layer.weight.numpy().T @ c
            else:
                c = np.maximum(c, 0) * ((z > 0) if guided else 1)
        found.append(c)
    return np.array(found)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("target", [0, 1])
def test_by_hand(cls, target):
    module = seeded(lambda: mlp(n_outputs=2)).requires_grad_(False)
    found = cls(module, target=target).fit(X).transform(X)
    assert_allclose(found, by_hand(module, X, target, cls is GuidedBackpropExplainer), atol=1e-12)
    assert np.abs(found - SaliencyExplainer(module, target=target).fit(X).transform(X)).max() > 1e-3


@pytest.mark.parametrize("cls", CLASSES)
def test_the_predicted_class_of_each_row_and_all_of_them(cls):
    module = seeded(lambda: mlp(n_outputs=3))
    targets = np.argmax(module(torch.as_tensor(X)).detach().numpy(), axis=1)
    each = np.stack([cls(module, target=k).fit(X).transform(X) for k in range(3)], axis=-1)
    every = cls(module, target="all").fit(X).explain(X).values
    assert_array_equal(every, each)
    assert len(set(targets)) > 1


@pytest.mark.parametrize("cls", CLASSES)
def test_small_batches(cls):
    module = seeded(lambda: mlp(n_outputs=2))
    whole = cls(module, target=0).fit(X).transform(X)
    assert_allclose(cls(module, target=0, batch_size=4).fit(X).transform(X), whole, atol=1e-13)


class Straight(torch.autograd.Function):
    """A step with the gradient of a line."""

    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent


class Odd(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.first, self.last = how, nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        h = self.first(x).relu()
        if self.how == "custom":
            return self.last(Straight.apply(h) + h)
        if self.how == "no_grad":
            with torch.no_grad():
                gate = torch.sigmoid(h)
            return self.last(h * gate)
        return self.last(h * torch.sigmoid(h).detach())


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("how", ["custom", "no_grad"])
def test_a_gradient_that_is_not_that_of_the_operations_is_refused(cls, how):
    with pytest.raises(ValueError, match=rf"{cls.__name__} goes back .* of the network Odd.*SaliencyExplainer"):
        cls(seeded(lambda: Odd(how))).fit(X)


@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_detached_passes_nothing_back(cls):
    module = seeded(lambda: Odd("detached")).requires_grad_(False)
    found = cls(module, target=0).fit(X).transform(X)
    h = torch.as_tensor(X) @ module.first.weight.T + module.first.bias
    c = (module.last.weight[0] * torch.sigmoid(h.relu())).clamp(min=0)
    c = c * (h > 0) if cls is GuidedBackpropExplainer else c
    assert_allclose(found, (c @ module.first.weight).numpy(), atol=1e-12)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_network_without_rectifiers_is_refused(cls):
    with pytest.raises(ValueError, match=rf"{cls.__name__} has a rule .* Sequential has none .*SaliencyExplainer"):
        cls(seeded(lambda: mlp(activation=nn.Tanh))).fit(X)


def test_units_of_a_layer():
    module = seeded(lambda: mlp(n_outputs=2)).requires_grad_(False)
    found = GuidedBackpropExplainer(module, layer="2", target=0).fit(X).transform(X)
    inner = module[2](module[1](module[0](torch.as_tensor(X)))).numpy()
    assert_allclose(found, by_hand(module[3:], inner, 0, guided=True), atol=1e-12)
