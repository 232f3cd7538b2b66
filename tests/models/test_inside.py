"""A model seen from a layer: its rows are raw rows and the values there, which can be removed one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai.engines import Coalitions
from sklearn_xai.models import ExplainedModel, InsideModel, find_site
from tests.oracles import Skip, mlp, seeded

RNG = np.random.RandomState(0)
X = RNG.standard_normal((9, 4))
IMAGES = RNG.standard_normal((5, 1, 4, 4))
IDS = RNG.randint(0, 6, (9, 3))


def words():
    return nn.Sequential(nn.Embedding(6, 2), nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2))


def conv():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2))


CASES = {
    "cut": (lambda: mlp(4, 2, nn.Tanh), X, "2"),
    "way around": (Skip, X, "first"),
    "input": (lambda: mlp(4, 2, nn.Tanh), X, ("2", "input")),
    "image": (conv, IMAGES, "0"),
    "tokens": (words, IDS, "2"),
}


def inside(name):
    build, rows, layer = CASES[name]
    names = np.array([f"x{j}" for j in range(rows.shape[1])], dtype=object)
    model = ExplainedModel(seeded(build), rows, names, gradients=True)
    site = find_site(model.network, rows, layer, "Caller")
    return InsideModel(model, site, rows), model, site, rows


@pytest.mark.parametrize("name", CASES)
def test_rows_with_their_own_values_say_what_the_model_says(name):
    found, model, site, rows = inside(name)
    inner = found.inputs(rows)
    with found.frozen(), torch.no_grad():
        values = site.variable(model.network.tensor(rows)).flatten(1)
        assert_array_equal(inner[:, found.feeds >= 0], values)
        assert_allclose(found(found.tensor(inner)), model.outputs(rows), atol=1e-12)
    assert_allclose(found.outputs(rows), model.outputs(rows))


@pytest.mark.parametrize("name", CASES)
def test_removed_units_are_those_of_a_background_row(name):
    found, model, site, rows = inside(name)
    n_units = int((found.feeds >= 0).sum())
    kept = RNG.rand(6, n_units) < 0.5
    coalitions = Coalitions(found, [np.array([j]) for j in range(n_units)], rows[-2:])
    values = coalitions.values(rows, kept, np.array([0, 1] * 3))
    with found.frozen(), torch.no_grad():
        z = model.network.tensor(rows)
        v = site.variable(z)
        for i, mask in enumerate(torch.as_tensor(kept)):
            blend = torch.where(mask, v.flatten(1), v[len(v) - 2 + i % 2].flatten()).reshape(v.shape)
            assert_allclose(values[:, i], site.tail(blend, site.context(z)), atol=1e-10)
