"""Layer conductance, against closed forms, the axioms and Captum."""

from __future__ import annotations

import pickle
import warnings

import captum.attr as captum
import numpy as np
import pytest
import skops.io as skops_io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer
from sklearn_xai.explainers.gradient.integrated_gradients import METHODS
from tests.nets import regressor
from tests.oracles import mlp, run, seeded
from tests.zoo import BY_NAME

X = np.random.RandomState(0).standard_normal((7, 4))
BASELINE = np.array([0.5, -1.0, 0.2, 0.0])


def conductance(module, X, layer, **kwargs):
    kwargs = {"path": "input", "baseline": BASELINE, "target": 0, **kwargs}
    return IntegratedGradientsExplainer(module, layer=layer, **kwargs).fit(X).transform(X)


class Product(nn.Module):
    """``h_1 * h_2`` where h_1 is the square of the sum of the inputs, and h_2 the sum."""

    def __init__(self):
        super().__init__()
        self.units = Powers()

    def forward(self, x):
        return self.units(x).prod(dim=1, keepdim=True)


class Powers(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x):
        s = self.scale * x.sum(dim=1)
        return torch.stack([s**2, s], dim=1)


class Past(nn.Module):
    """The input reaches the output through the hidden layer and past it."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(4, 3), nn.Linear(3, 1)

    def forward(self, x):
        h = self.hidden(x)
        return self.out(torch.tanh(h)) + (x * x).sum(dim=1, keepdim=True)


# ---------------------------------------------------------------------- closed forms
@pytest.mark.parametrize("n_steps", [1, 2, 5])
@pytest.mark.parametrize("method", METHODS)
def test_a_linear_net_is_explained_exactly_by_any_rule(method, n_steps):
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    hidden = run(module[0], X) - run(module[0], BASELINE[None])
    expected = hidden * module[1].weight.detach().numpy()[1]
    found = conductance(module, X, "0", method=method, n_steps=n_steps, target=1)
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_units_go_their_own_way(method):
    # With s from 0 to S: the integral of h_2 dh_1 is that of 2 s^2, of h_1 dh_2 that of s^2.
    total = X.sum(axis=1) ** 3
    expected = np.stack([2 / 3 * total, total / 3], axis=1)
    found = conductance(Product(), X, "units", baseline="zero", method=method, n_steps=2000)
    assert_allclose(found, expected, rtol=2e-3)
    straight = conductance(Product(), X, "units", baseline="zero", method=method, n_steps=2000, path="layer")
    assert_allclose(straight, np.stack([total / 2, total / 2], axis=1), rtol=2e-3)


def test_units_that_the_output_adds_up_have_what_they_change():
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)))
    hidden = np.tanh(run(module[0], X)) - np.tanh(run(module[0], BASELINE[None]))
    expected = hidden * module[2].weight.detach().numpy()[0]
    assert_allclose(conductance(module, X, "1", n_steps=300), expected, atol=1e-12)
    assert_allclose(conductance(module, X, "0", n_steps=600), expected, atol=1e-4)
    assert_allclose(conductance(module, X, ("1", "input"), n_steps=600), expected, atol=1e-4)


# ---------------------------------------------------------------------- axioms
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("layer", ["0", "1", "2", "3"])
def test_the_units_add_up_to_the_change_of_the_output(layer, activation):
    module = seeded(lambda: mlp(activation=activation))
    change = (run(module, X) - run(module, BASELINE[None]))[:, 0]
    found = conductance(module, X, layer, n_steps=9)
    # without a jump inside a segment whose ends agree by chance, each segment is complete by itself
    assert_allclose(found.sum(axis=1), change, atol=0.02 * np.abs(change).max())
    close = conductance(module, X, layer, tol=1e-3)
    assert_allclose(close.sum(axis=1), change, atol=1e-3 * np.maximum(1, np.abs(change)).max())
    assert np.abs(change).min() > 1e-3


def test_the_split_of_segments_narrows_the_gap():
    module = seeded(mlp)
    change = (run(module, X) - run(module, BASELINE[None]))[:, 0]
    gaps = {
        method: np.abs(conductance_quietly(module, "0", method=method, n_steps=17).sum(axis=1) - change).mean()
        for method in ("adaptive", "riemann_trapezoid")
    }
    assert gaps["adaptive"] < 0.4 * gaps["riemann_trapezoid"]


def conductance_quietly(module, layer, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return conductance(module, X, layer, **kwargs)


def test_what_goes_past_the_layer_is_said_to_be_missing():
    module = seeded(Past)
    explainer = IntegratedGradientsExplainer(module, layer="hidden", path="input", baseline=BASELINE).fit(X)
    with pytest.warns(ConvergenceWarning, match="past the layer: that part belongs to none of its units"):
        found = explainer.transform(X)
    through = np.tanh(run(module.hidden, X)) - np.tanh(run(module.hidden, BASELINE[None]))
    assert_allclose(found, through * module.out.weight.detach().numpy(), atol=1e-2)
    missing = (X * X).sum(axis=1) - (BASELINE**2).sum()
    with pytest.warns(ConvergenceWarning, match="completeness gap"):
        assert_allclose(explainer.explain(X).completeness_gap, np.abs(missing), atol=3e-2)
    explainer.set_params(path="layer", baseline="mean").fit(X)
    assert "past" not in explainer._gap_advice


def test_no_layer_and_one_that_changes_nothing_are_integrated_gradients():
    module = seeded(lambda: nn.Sequential(nn.Identity(), mlp()))
    options = {"baseline": BASELINE, "n_steps": 50}
    expected = IntegratedGradientsExplainer(module, **options).fit(X).transform(X)
    assert_array_equal(IntegratedGradientsExplainer(module, path="input", **options).fit(X).transform(X), expected)
    assert_allclose(conductance(module, X, "0", n_steps=50), expected, atol=1e-12)


@pytest.mark.parametrize("method", ["adaptive", "gausslegendre"])
def test_parts_of_a_path_and_rows_are_explained_each_for_itself(method):
    module = seeded(lambda: mlp(activation=nn.Tanh))
    options = {"method": method, "n_steps": 23}
    whole = conductance(module, X, "2", **options)
    for batch_size in (1, 2, 5, 24, 60):
        assert_allclose(conductance(module, X, "2", batch_size=batch_size, **options), whole, atol=1e-12)
    fitted = IntegratedGradientsExplainer(module, layer="2", path="input", baseline=BASELINE, **options).fit(X)
    assert_allclose(np.concatenate([fitted.transform(X[i : i + 1]) for i in range(7)]), whole, atol=1e-12)


# ---------------------------------------------------------------------- baselines
def test_several_baselines_are_averaged_over():
    module = seeded(lambda: mlp(activation=nn.Tanh))
    single = [conductance(module, X, "1", baseline=row, n_steps=60) for row in X[:3]]
    assert_allclose(conductance(module, X, "1", baseline=X[:3], n_steps=60), np.mean(single, axis=0), atol=1e-12)
    explainer = IntegratedGradientsExplainer(module, layer="1", path="input", baseline="sample", background_size=4)
    explainer.fit(X)
    assert explainer.baseline_.shape == (4, 4)
    expected = run(module, X)[:, 0] - run(module, explainer.baseline_).mean()
    assert_allclose(explainer.transform(X).sum(axis=1), expected, atol=1e-2)


def test_the_mean_of_the_inputs_behind_a_pipeline():
    module = seeded(mlp)
    pipe = make_pipeline(StandardScaler(), module)
    scaled = pipe[0].fit_transform(X)
    found = conductance(pipe, X, "1", baseline="mean", n_steps=40)
    assert_allclose(found, conductance(module, scaled, "1", baseline="mean", n_steps=40), atol=1e-10)


# ---------------------------------------------------------------------- Captum
def test_as_captum():
    module = seeded(lambda: mlp(activation=nn.Tanh, n_outputs=3))
    rows, baseline = torch.as_tensor(X), torch.as_tensor(BASELINE)[None]
    for layer in ("0", "1", "2"):
        peer = captum.LayerConductance(module, module.get_submodule(layer))
        expected = peer.attribute(rows, baseline, target=2, n_steps=1500).detach().numpy()
        found = conductance(module, X, layer, target=2, n_steps=300)
        assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_the_straight_path_as_captum():
    module = seeded(lambda: mlp(activation=nn.Tanh, n_outputs=3))
    peer = captum.LayerIntegratedGradients(module, module[2])
    expected = peer.attribute(
        torch.as_tensor(X), torch.as_tensor(BASELINE)[None], target=2, n_steps=30, method="gausslegendre"
    )
    units = run(module[:3], BASELINE[None])[0]
    found = conductance(module, X, "2", target=2, path="layer", baseline=units, method="gausslegendre", n_steps=30)
    assert_allclose(found, expected.detach().numpy(), atol=1e-12)


def test_a_convolution():
    member = BY_NAME["cnn with batch norm"]
    net, images = member.net(), member.rows()
    module = net.module_.eval()
    explainer = IntegratedGradientsExplainer(net, layer="0", path="input", baseline="zero", target=1).fit(images)
    peer = captum.LayerConductance(module, module[0])
    expected = peer.attribute(torch.as_tensor(images), target=1, n_steps=800).detach().numpy().reshape(len(images), -1)
    found = explainer.transform(images)
    assert_allclose(found, expected, atol=0.03 * np.abs(expected).max())
    assert explainer.get_feature_names_out()[3] == "0_3"


# ---------------------------------------------------------------------- the explainer
@pytest.mark.parametrize("way", ["pickle", "skops"])
def test_stored_and_loaded(way):
    rows = X.astype(np.float32)
    net = regressor().fit(rows, rows[:, :1])
    explainer = IntegratedGradientsExplainer(net, layer="act", path="input", baseline="zero").fit(rows)
    if way == "pickle":
        loaded = pickle.loads(pickle.dumps(explainer))
    else:
        stored = skops_io.dumps(explainer)
        loaded = skops_io.loads(stored, trusted=skops_io.get_untrusted_types(data=stored))
    assert_array_equal(loaded.transform(rows), explainer.transform(rows))
    assert_allclose(explainer.explain(rows).data, run(net.module_.hidden, rows).clip(0), atol=1e-6)


def test_tokens_cannot_be_blended():
    member = BY_NAME["text cnn"]
    with pytest.raises(ValueError, match=r"'path' parameter of IntegratedGradientsExplainer is 'input', which blends"):
        IntegratedGradientsExplainer(member.net(), layer="conv", path="input").fit(member.rows())
    with pytest.raises(ValueError, match="or 'baseline' is 'pad'"):
        IntegratedGradientsExplainer(seeded(mlp), layer="1", path="input", baseline="pad").fit(X)
