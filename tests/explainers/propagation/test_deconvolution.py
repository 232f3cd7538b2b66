"""Deconvolution: what tells it from guided backpropagation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_xai import DeconvolutionExplainer, GuidedBackpropExplainer
from tests.oracles import seeded

X = np.random.RandomState(0).standard_normal((5, 4))


def test_a_closed_rectifier_passes_what_is_positive():
    """With one layer of rectifiers it is the positive part of the last weights, the same for every row."""
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)))
    first, last = module[0].weight.detach().numpy(), module[2].weight.detach().numpy()
    found = DeconvolutionExplainer(module).fit(X).transform(X)
    assert_allclose(found, np.repeat(np.maximum(last, 0) @ first, 5, axis=0), atol=1e-12)


def test_where_all_is_let_through_it_is_guided_backpropagation():
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)))
    with torch.no_grad():
        module[0].bias.fill_(50)
    found = DeconvolutionExplainer(module).fit(X).transform(X)
    assert_allclose(found, GuidedBackpropExplainer(module).fit(X).transform(X), atol=1e-12)
    with torch.no_grad():
        module[0].bias.fill_(-50)
    assert not GuidedBackpropExplainer(module).fit(X).transform(X).any()
    assert_allclose(DeconvolutionExplainer(module).fit(X).transform(X), found, atol=1e-12)


@pytest.mark.parametrize("cut", [nn.ReLU6, lambda: nn.Hardtanh(0, 2)])
def test_a_rectifier_that_is_cut_above(cut):
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 8), cut(), nn.Linear(8, 1)))
    with torch.no_grad():
        module[0].bias.fill_(50)
    assert not GuidedBackpropExplainer(module).fit(X).transform(X).any()
    assert DeconvolutionExplainer(module).fit(X).transform(X).all()
