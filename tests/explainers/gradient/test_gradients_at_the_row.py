"""Saliency and input times gradient, against finite differences and closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer
from tests.oracles import Skip, as_net, mlp, run, seeded


def rows(n=6, d=4, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


def finite_differences(f, X, h=1e-5):
    return np.stack([(f(X + h * e) - f(X - h * e)) / (2 * h) for e in np.eye(X.shape[1])], axis=1)


@pytest.mark.parametrize("build", [lambda: mlp(4, 3, nn.Tanh), lambda: mlp(4, 3, nn.GELU), lambda: Skip(4, 3)])
@pytest.mark.parametrize("batch_size", [1, 4, None])
def test_saliency_is_the_gradient(build, batch_size):
    module, X = seeded(build), rows()
    expected = np.stack([finite_differences(lambda Z, k=k: run(module, Z)[:, k], X) for k in range(3)], axis=2)
    for k in range(3):
        found = SaliencyExplainer(module, target=k, batch_size=batch_size).fit(X).transform(X)
        np.testing.assert_allclose(found, expected[:, :, k], atol=1e-9)
    every = SaliencyExplainer(module, target="all", batch_size=batch_size).fit(X).explain(X).values
    np.testing.assert_allclose(every, expected, atol=1e-9)
    largest = run(module, X).argmax(axis=1)
    np.testing.assert_allclose(
        SaliencyExplainer(module).fit(X).transform(X), expected[np.arange(len(X)), :, largest], atol=1e-9
    )


def test_absolute_saliency_and_its_mean():
    module, X = seeded(lambda: mlp(activation=nn.Tanh)), rows()
    signed = SaliencyExplainer(module).fit(X)
    absolute = SaliencyExplainer(module, absolute=True).fit(X)
    assert (signed.transform(X) < 0).any()
    np.testing.assert_array_equal(absolute.transform(X), np.abs(signed.transform(X)))
    for explainer in (signed, absolute):
        np.testing.assert_allclose(explainer.feature_importances_, np.abs(signed.transform(X)).mean(axis=0), atol=1e-12)


def test_inputs_of_one_column_are_made_absolute_before_they_are_added_up():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"age": rng.standard_normal(40), "job": rng.choice(["a", "b", "c"], 40).astype(object)})
    columns = make_column_transformer((OneHotEncoder(sparse_output=False), ["job"]), (StandardScaler(), ["age"]))
    columns.fit(table)
    module = seeded(lambda: mlp(4, activation=nn.Tanh))
    pipeline = make_pipeline(columns, as_net(module))
    z = columns.transform(table)
    slopes = finite_differences(lambda Z: run(module, Z)[:, 0], z)
    expected = {
        "signed": (slopes, {"absolute": False}),
        "absolute": (np.abs(slopes), {"absolute": True}),
    }
    for inputs, params in expected.values():
        found = SaliencyExplainer(pipeline, **params).fit(table).transform(table)
        np.testing.assert_allclose(found, np.column_stack([inputs[:, 3], inputs[:, :3].sum(axis=1)]), atol=1e-9)
    found = InputXGradientExplainer(pipeline).fit(table).transform(table)
    by_input = z * slopes
    np.testing.assert_allclose(found, np.column_stack([by_input[:, 3], by_input[:, :3].sum(axis=1)]), atol=1e-9)


def test_groups_add_up():
    module, X = seeded(lambda: mlp(activation=nn.Tanh)), rows()
    alone = InputXGradientExplainer(module).fit(X).transform(X)
    grouped = InputXGradientExplainer(module, feature_groups={"ends": [0, 3]}).fit(X)
    assert grouped.get_feature_names_out().tolist() == ["ends", "x1", "x2"]
    expected = np.column_stack([alone[:, 0] + alone[:, 3], alone[:, 1], alone[:, 2]])
    np.testing.assert_allclose(grouped.transform(X), expected, atol=1e-12)


def without_bias(n_outputs=3):
    return nn.Sequential(
        nn.Linear(4, 16, bias=False), nn.ReLU(), nn.Linear(16, 16, bias=False), nn.LeakyReLU(0.2),
        nn.Linear(16, n_outputs, bias=False),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_input_x_gradient_is_ig_from_zero_on_a_piecewise_linear_net_without_bias(seed):
    """Such a net is positively homogeneous: its gradient is the same all along the way from the origin."""
    module, X = seeded(without_bias, seed), rows(20, seed=seed)
    found = InputXGradientExplainer(module).fit(X).transform(X)
    np.testing.assert_allclose(found.sum(axis=1), run(module, X).max(axis=1), atol=1e-12)
    ig = IntegratedGradientsExplainer(module, baseline="zero", n_steps=7, method="riemann_middle").fit(X)
    np.testing.assert_allclose(found, ig.transform(X), atol=1e-12)


def test_input_x_gradient_of_images():
    module = seeded(lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 1)))
    X = np.random.RandomState(0).standard_normal((4, 1, 3, 3))
    found = InputXGradientExplainer(module).fit(X).transform(X)
    slopes = finite_differences(lambda Z: run(module, Z.reshape(-1, 1, 3, 3))[:, 0], X.reshape(4, 9))
    np.testing.assert_allclose(found, X * slopes.reshape(X.shape), atol=1e-9)
