"""Inputs that excite a unit most: closed forms, an optimiser as oracle, and rows found by sorting all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from torch import nn

from sklearn_xai import maximise_activation, top_rows
from sklearn_xai.network.activation_maximisation import total_variation
from tests.nets import regressor, table
from tests.oracles import seeded
from tests.test_hygiene import state, worn_net

RNG = np.random.RandomState(0)
X = RNG.uniform(-1, 2, (60, 4))
IMAGES = RNG.uniform(0, 1, (30, 2, 7, 7))


def linear():
    return seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)))


def images():
    return seeded(
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(18, 2))
    )


# ---------------------------------------------------------------------- rows of data
@pytest.mark.parametrize("batch_size", [1, 7, None])
@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_top_rows_are_those_of_a_sort(pooling, batch_size):
    module = images()
    with torch.no_grad():
        maps = module[:2](torch.as_tensor(IMAGES)).numpy()
    values = maps.max((2, 3)) if pooling == "max" else maps.mean((2, 3))
    found = top_rows(module, IMAGES, layer="1", n_top=5, pooling=pooling, batch_size=batch_size)
    assert_array_equal(found.rows, np.argsort(-values, axis=0, kind="stable")[:5].T)
    assert_allclose(found.activations, -np.sort(-values, axis=0)[:5].T, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_of_equal_rows_the_first_ones(batch_size):
    rows = np.array([[1.0, 0], [2, 0], [2, 0], [1, 0], [2, 0]])
    module = nn.Sequential(nn.Identity(), nn.Linear(2, 1)).double()
    found = top_rows(module, rows, layer="0", n_top=4, batch_size=batch_size)
    assert found.rows.tolist() == [[1, 2, 4, 0], [0, 1, 2, 3]]
    assert top_rows(module, rows, layer="0", n_top=9).rows.shape == (2, 5)


# ---------------------------------------------------------------------- all inputs
def test_a_linear_unit_is_excited_most_at_the_bounds():
    module = linear()
    weights = module[0].weight.detach().numpy()
    found = maximise_activation(module, X, layer="0")
    assert_allclose(found.inputs, np.where(weights > 0, X.max(axis=0), X.min(axis=0)), atol=1e-6)
    assert_allclose(found.activations, module[0](torch.as_tensor(found.inputs)).detach().numpy().diagonal())
    own = maximise_activation(module, X, layer="0", bounds=(-3, 3), units=[1])
    assert_allclose(own.inputs, 3 * np.sign(weights[[1]]), atol=1e-6)


def test_a_penalty_on_the_distance_has_a_closed_form():
    module, weight = linear(), 5.0
    found = maximise_activation(module, X, layer="0", l2_weight=weight, bounds=None, n_steps=2000, learning_rate=0.01)
    width, slopes = np.ptp(X, axis=0), module[0].weight.detach().numpy()
    assert_allclose(found.inputs, X.mean(axis=0) + slopes * width**2 * 4 / (2 * weight), atol=1e-4)


def test_images_against_an_optimiser():
    module, tv, l2 = images(), 0.05, 0.02
    found = maximise_activation(
        module, IMAGES, layer="2", bounds=(0, 1), tv_weight=tv, l2_weight=l2, n_steps=1500, learning_rate=0.01
    )
    low, high = (getattr(IMAGES, kind)(axis=(0, 2, 3), keepdims=True) for kind in ("min", "max"))
    mean, width = torch.as_tensor(IMAGES.mean(axis=0)), torch.as_tensor((high - low)[0])

    def score(x, unit):
        share = (x - torch.as_tensor(low)) / torch.as_tensor(high - low)
        penalty = tv * total_variation(share)[0] + l2 * ((x[0] - mean) / width).square().mean()
        return penalty - module[:3](x)[0, unit].mean()

    for unit in range(2):

        def objective(flat, unit=unit):
            x = torch.tensor(flat.reshape(1, 2, 7, 7), requires_grad=True)
            value = score(x, unit)
            value.backward()
            return value.item(), x.grad.numpy().ravel()

        begun = np.asarray(mean).ravel().clip(0, 1)
        oracle = minimize(objective, begun, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * begun.size)
        reached = score(torch.as_tensor(found.inputs[unit : unit + 1]), unit).item()
        assert reached <= oracle.fun + 1e-3 * abs(oracle.fun)


def test_total_variation_of_a_ramp():
    ramp = torch.arange(5.0).expand(1, 2, 4, 5)
    assert_allclose(total_variation(ramp), [1.0])
    assert_allclose(total_variation(ramp.transpose(2, 3) * 2), [4.0])
    assert_allclose(total_variation(torch.ones(1, 1, 1, 1)), 0)


def test_regularised_images_are_smoother_and_none_is_worse_than_its_start():
    module = images()
    plain, smooth = (maximise_activation(module, IMAGES, layer="0", tv_weight=tv, n_steps=60) for tv in (0, 10))
    assert (total_variation(torch.as_tensor(smooth.inputs)) < total_variation(torch.as_tensor(plain.inputs))).all()
    assert (plain.activations >= plain.start_activations).all()
    assert (plain.activations >= plain.data_activations).all()
    best = top_rows(module, IMAGES, layer="0", n_top=1, pooling="mean")
    assert_array_equal(plain.data_rows, best.rows[:, 0])


def test_jitter_and_noise_are_seeded():
    def run(seed):
        settings = {"layer": "2", "jitter": 2, "start": "noise", "n_steps": 20}
        return maximise_activation(images(), IMAGES, random_state=seed, **settings).inputs

    assert_array_equal(run(0), run(0))
    assert (run(0) != run(1)).any()


def test_a_unit_is_the_same_alone():
    together = maximise_activation(images(), IMAGES, layer="0", n_steps=30).inputs
    alone = maximise_activation(images(), IMAGES, layer="0", n_steps=30, units=[2]).inputs
    assert_allclose(alone[0], together[2], atol=1e-9)


def test_nothing_else_is_touched():
    net, rows = worn_net(), X.copy()
    before, drawn = state(net.module_), torch.get_rng_state()
    maximise_activation(net, rows, layer="hidden", n_steps=3, start="noise")
    top_rows(net, rows, layer="hidden")
    assert state(net.module_) == before and torch.equal(torch.get_rng_state(), drawn)
    assert_array_equal(rows, X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": [3]}, r"'units' parameter.*from 0 to 2. Got \[3\]"),
        ({"units": []}, "'units'"),
        ({"n_steps": 0}, "'n_steps' parameter.*from 1. Got 0"),
        ({"learning_rate": 0}, "'learning_rate'"),
        ({"tv_weight": -1}, "'tv_weight'"),
        ({"tv_weight": 1}, "of images.*shape"),
        ({"jitter": 1}, "of images.*shape"),
        ({"bounds": (1, 0)}, "'bounds' parameter"),
        ({"bounds": "all"}, "'bounds' parameter"),
        ({"start": "zero"}, "'start' parameter.*'zero'"),
        ({"start": np.zeros(3)}, "'start' parameter.*shape"),
        ({"pooling": "sum"}, "'pooling' parameter"),
        ({"layer": "nope"}, "nope"),
        ({"layer": ["0", "1"]}, "one layer. Got 2"),
    ],
)
def test_wrong_use(settings, message):
    with pytest.raises(ValueError, match=message):
        maximise_activation(linear(), X, **{"layer": "0", **settings})


def test_ids_have_no_gradient():
    module = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(6, 2))
    with pytest.raises(ValueError, match="looks whole numbers up"):
        maximise_activation(module, RNG.randint(0, 9, (10, 2)), layer="0")


def test_top_rows_wrong_use():
    net = regressor().fit(*[part.astype("f4") for part in (table()[0], table()[1].reshape(-1, 1))])
    for settings, message in [({"n_top": 0}, "'n_top'"), ({"pooling": "flatten"}, "'pooling'")]:
        with pytest.raises(ValueError, match=message):
            top_rows(net, table()[0], layer="act", **settings)
