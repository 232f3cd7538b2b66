"""Integrated gradients, against closed forms and the axioms."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer
from sklearn_xai.explainers.gradient.integrated_gradients import METHODS, balanced_weights, path_nodes
from tests.engines.test_gradients import Constant
from tests.oracles import Skip, as_net, mlp, path_loop, run, seeded

WEIGHTS = np.array([1.5, -2.0, 0.0, 0.5])


def rows(n=6, d=4, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


def attribute(module, X, background=None, **kwargs):
    """Return the attributions of X; a gap above the tolerance is let pass."""
    explainer = IntegratedGradientsExplainer(module, **kwargs).fit(X if background is None else background)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return explainer.transform(X)


class Power(nn.Module):
    """``(w.x) ** degree``: the gradient along a path is a polynomial of degree ``degree - 1``."""

    def __init__(self, degree):
        super().__init__()
        self.w, self.degree = nn.Parameter(torch.as_tensor(WEIGHTS)), degree

    def forward(self, x):
        return (x @ self.w)[:, None] ** self.degree


# ---------------------------------------------------------------------- closed forms
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_a_linear_net_is_explained_exactly_by_any_rule(method, n_steps):
    module, X = seeded(lambda: nn.Linear(4, 1)), rows()
    found = attribute(module, X, baseline="mean", method=method, n_steps=n_steps)
    np.testing.assert_allclose(found, (X - X.mean(axis=0)) * module.weight.detach().numpy(), atol=1e-12)


def exact_power(X, baseline, degree):
    end, start = X @ WEIGHTS, baseline @ WEIGHTS
    return WEIGHTS * (X - baseline) * ((end**degree - start**degree) / (end - start))[:, None]


@pytest.mark.parametrize(
    ("method", "n_steps", "degree"),
    [
        ("gausslegendre", 1, 2),
        ("gausslegendre", 2, 4),
        ("gausslegendre", 3, 6),
        ("riemann_middle", 1, 2),
        ("riemann_trapezoid", 2, 2),
        ("adaptive", 2, 2),
    ],
)
def test_polynomials_of_the_order_of_a_rule_are_exact(method, n_steps, degree):
    X, baseline = rows(), rows(1, seed=5)[0]
    found = attribute(Power(degree), X, baseline=baseline, method=method, n_steps=n_steps)
    np.testing.assert_allclose(found, exact_power(X, baseline, degree), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n_steps", [4, 10])
@pytest.mark.parametrize(
    ("method", "degree", "error"),
    [
        # what the rule adds to the integral of the derivative, for a path that goes from w.b over w.d
        ("riemann_left", 2, lambda wd, n: -wd / n),
        ("riemann_right", 2, lambda wd, n: wd / n),
        ("riemann_middle", 3, lambda wd, n: -(wd**2) / (4 * n**2)),
        ("riemann_trapezoid", 3, lambda wd, n: wd**2 / (2 * (n - 1) ** 2)),
    ],
)
def test_the_error_of_a_rule_is_what_theory_says(method, degree, error, n_steps):
    X, baseline = rows(), rows(1, seed=5)[0]
    found = attribute(Power(degree), X, baseline=baseline, method=method, n_steps=n_steps)
    wrong = error((X - baseline) @ WEIGHTS, n_steps)[:, None] * WEIGHTS * (X - baseline)
    np.testing.assert_allclose(found, exact_power(X, baseline, degree) + wrong, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("method", METHODS[1:])
def test_each_rule_is_a_sum_over_its_nodes(method):
    module, X, baseline = seeded(lambda: mlp(activation=nn.Tanh)), rows(), rows(1, seed=5)[0]
    nodes, weights = path_nodes(method, 6)
    assert weights.sum() == pytest.approx(1) and (0 <= nodes).all() and (nodes <= 1).all()
    expected = path_loop(module, X, baseline, nodes, weights, 0) * (X - baseline)
    np.testing.assert_allclose(attribute(module, X, baseline=baseline, method=method, n_steps=6), expected, atol=1e-12)


# ---------------------------------------------------------------------- balanced weights
@pytest.mark.parametrize("kink", [0.03, 0.25, 0.5, 0.61, 0.999])
@pytest.mark.parametrize("n", [1, 4, 10])
def test_balanced_weights_are_complete_on_one_kink(kink, n):
    nodes = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    values = torch.stack([3 * (nodes - kink).relu() - nodes, (kink - nodes).relu()])
    slopes = torch.stack([3.0 * (nodes > kink) - 1.0, -1.0 * (nodes < kink)]).double()
    weights = balanced_weights(values, slopes)
    np.testing.assert_allclose((weights * slopes).sum(dim=1), values[:, -1] - values[:, 0], atol=1e-12)
    np.testing.assert_allclose(weights.sum(dim=1), 1, atol=1e-12)


@settings(max_examples=30, deadline=None, database=None, derandomize=True)
@given(n=st.integers(1, 12), seed=st.integers(0, 10**6), scale=st.sampled_from([0.0, 1e-6, 1.0, 1e6]))
def test_balanced_weights_are_weights_whatever_the_values(n, seed, scale):
    values, slopes = torch.as_tensor(scale * np.random.RandomState(seed).standard_normal((2, 5, n + 1)))
    weights = balanced_weights(values, slopes).numpy()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    most = np.full(n + 1, 2 / n)
    most[[0, -1]] = 1 / n
    assert (weights >= 0).all() and (weights <= most + 1e-12).all()


def test_one_hidden_unit_is_explained_exactly():
    """The kink of a ReLU of w.x + c lies at a known node; what is beyond it counts."""
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 1), nn.ReLU()))
    X, baseline = rows(20), np.zeros(4)
    w = module[0].weight.detach().numpy()[0]
    change = run(module, X)[:, 0] - run(module, baseline[None])[0, 0]
    expected = X * w * (change / (X @ w))[:, None]
    found = attribute(module, X, baseline=baseline, n_steps=5)
    np.testing.assert_allclose(found, expected, atol=1e-12)


# ---------------------------------------------------------------------- as many steps as it takes
def hard_net(dtype=torch.float64):
    module = seeded(lambda: mlp(4, 3, n_hidden=32), dtype=dtype)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(4)
    return module


@pytest.mark.parametrize(("method", "tol"), [("adaptive", 1e-1), ("adaptive", 1e-3), ("gausslegendre", 1e-2)])
def test_auto_keeps_its_word_for_each_row(tol, method):
    module, X = hard_net(), rows(30)
    explained = IntegratedGradientsExplainer(module, baseline="zero", tol=tol, method=method).fit(X).explain(X)
    largest = run(module, X).argmax(axis=1)
    f, f0 = run(module, X)[np.arange(30), largest], run(module, np.zeros((1, 4)))[0, largest]
    np.testing.assert_allclose(explained.base_values, f0, atol=1e-10)
    gap = np.abs(f - f0 - explained.values.sum(axis=1))
    np.testing.assert_allclose(explained.completeness_gap, gap, atol=1e-9)
    assert (gap <= tol * np.maximum(1, np.abs(f - f0)) + 1e-10).all()
    assert gap.max() > 1e-9  # the net is hard enough for the tolerance to matter


def test_auto_gives_a_row_the_same_whatever_else_is_in_the_batch():
    module, X = hard_net(), rows(12)
    explainer = IntegratedGradientsExplainer(module, baseline="mean", tol=1e-3).fit(X)
    alone = np.concatenate([explainer.transform(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(explainer.transform(X), alone, atol=1e-11)
    np.testing.assert_allclose(explainer.transform(X[::-1])[::-1], alone, atol=1e-11)


@pytest.mark.parametrize("batch_size", [1, 50, None])
@pytest.mark.parametrize("n_steps", [20, "auto"])
def test_batch_size_changes_nothing(n_steps, batch_size):
    module, X = hard_net(), rows(5)
    found = attribute(module, X, n_steps=n_steps, batch_size=batch_size)
    np.testing.assert_allclose(found, attribute(module, X, n_steps=n_steps), atol=1e-11)


def test_auto_leaves_rounding_some_room():
    """Rows whose gap is about the tolerance: what stops them must also be enough for the gap that is reported."""
    module = seeded(lambda: mlp(4, 2, n_hidden=32), 3, torch.float32)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3)
    X = rows(20_000, seed=3).astype(np.float32)
    IntegratedGradientsExplainer(module, target=0, tol=1e-3).fit(X).transform(X)  # a warning would be an error


def test_too_few_steps_are_warned_of_with_the_gap():
    X = rows()
    explainer = IntegratedGradientsExplainer(Power(3), baseline="zero", method="riemann_left", n_steps=1).fit(X)
    f = (X @ WEIGHTS) ** 3  # the gradient at the zero baseline is 0: all of f is missing
    above = (np.abs(f) > 1e-2 * np.maximum(1, np.abs(f))).sum()
    message = f"gap of {above} of 6 rows is above the tolerance .largest: {np.abs(f).max():.3g}.*Raise n_steps"
    with pytest.warns(ConvergenceWarning, match=message):
        explainer.transform(X)


# ---------------------------------------------------------------------- baselines
@pytest.mark.parametrize("kind", ["zero", "mean", "median", "min", "max"])
def test_named_baselines(kind):
    module, X, background = seeded(mlp), rows(), rows(41, seed=3) + 1
    explainer = IntegratedGradientsExplainer(module, baseline=kind).fit(background)
    expected = np.zeros(4) if kind == "zero" else getattr(np, kind)(background, axis=0)
    np.testing.assert_allclose(explainer.baseline_, expected[None], atol=1e-12)
    np.testing.assert_allclose(explainer.explain(X).base_values, run(module, expected[None])[0, 0], atol=1e-12)
    np.testing.assert_allclose(explainer.transform(X), attribute(module, X, baseline=expected), atol=1e-12)


@pytest.mark.parametrize("n_steps", [5, "auto"])
def test_sample_is_the_mean_over_single_baselines(n_steps):
    module, X, background = seeded(lambda: mlp(activation=nn.Tanh)), rows(), rows(30, seed=3)
    explainer = IntegratedGradientsExplainer(
        module, baseline="sample", background_size=4, n_steps=n_steps, random_state=0
    ).fit(background)
    drawn = explainer.baseline_
    assert drawn.shape == (4, 4) and all((background == row).all(axis=1).any() for row in drawn)
    expected = np.mean([attribute(module, X, baseline=row, n_steps=n_steps) for row in drawn], axis=0)
    explained = explainer.explain(X)
    np.testing.assert_allclose(explained.values, expected, atol=1e-12)
    np.testing.assert_allclose(explained.base_values, run(module, drawn).mean(), atol=1e-12)
    np.testing.assert_allclose(attribute(module, X, baseline=drawn, n_steps=n_steps), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        (np.zeros(3), r"'baseline' parameter of IntegratedGradientsExplainer .* shape \(4,\).* Got shape \(3,\)"),
        (np.zeros((2, 3)), r"Got shape \(2, 3\)"),
        (np.zeros((0, 4)), r"Got shape \(0, 4\)"),
        ([0.0, np.nan, 0.0, 0.0], "must be finite. Got NaN"),
        ([0.0, np.inf, 0.0, 0.0], "must be finite"),
        (list("abcd"), "must hold numbers. Got an array of <U1"),
        ("noise", "'baseline' parameter of IntegratedGradientsExplainer must be"),
    ],
)
def test_a_baseline_that_does_not_fit(baseline, message):
    with pytest.raises(ValueError, match=message):
        IntegratedGradientsExplainer(seeded(mlp), baseline=baseline).fit(rows())


def test_images_are_attributed_to_their_pixels():
    module = seeded(lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)))
    X = np.random.RandomState(0).standard_normal((5, 1, 3, 3))
    explainer = IntegratedGradientsExplainer(module, baseline=np.zeros((1, 3, 3)), target=2, tol=1e-4).fit(X)
    found = explainer.transform(X)
    assert found.shape == X.shape
    change = run(module, X)[:, 2] - run(module, np.zeros((1, 1, 3, 3)))[0, 2]
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), change, atol=1e-3)


def test_an_output_that_no_input_reaches_gets_zeros():
    X = rows().astype(np.float32)
    for n_steps in (3, "auto"):
        assert (attribute(Constant(attached=False), X, target=0, n_steps=n_steps) == 0).all()


# ---------------------------------------------------------------------- axioms
seeds = st.integers(0, 10**6)
quick = settings(max_examples=10, deadline=None, database=None, derandomize=True)


class Sum(nn.Module):
    def __init__(self, f, g, a, b):
        super().__init__()
        self.f, self.g, self.a, self.b = f, g, a, b

    def forward(self, x):
        return self.a * self.f(x) + self.b * self.g(x)


@quick
@given(seed=seeds, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_linearity(seed, a, b):
    f, g = seeded(lambda: mlp(activation=nn.Tanh), seed), seeded(lambda: Skip(4, 1), seed + 1)
    X = rows(seed=seed)
    both, of_f, of_g = (
        attribute(module, X, baseline="mean", method="gausslegendre", n_steps=8) for module in (Sum(f, g, a, b), f, g)
    )
    np.testing.assert_allclose(both, a * of_f + b * of_g, atol=1e-10)


class Only(nn.Module):
    """Reads some columns, each symmetric to the others."""

    def __init__(self, net, columns):
        super().__init__()
        self.net, self.columns = net, columns

    def forward(self, x):
        part = x[:, self.columns]
        return self.net(torch.stack([part.sum(dim=1), part.prod(dim=1)], dim=1))


@quick
@given(seed=seeds, n_steps=st.sampled_from([3, 20, "auto"]))
def test_dummy_and_symmetry(seed, n_steps):
    module = Only(seeded(lambda: mlp(2), seed), [0, 2])
    X = rows(seed=seed)
    X[:, 2] = X[:, 0]
    found = attribute(module, X, baseline="mean", n_steps=n_steps)
    assert (found[:, [1, 3]] == 0).all()
    np.testing.assert_allclose(found[:, 0], found[:, 2], atol=1e-11)


class Spelled(nn.Module):
    """The function of ``mlp``, with its matrices split in two and its activations written as functions."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        first, _, second, _, last = self.net
        for layer in (first, second):
            half = x.shape[1] // 2
            w = layer.weight
            x = x[:, :half] @ w[:, :half].T + x[:, half:] @ w[:, half:].T + layer.bias
            x = (x + x.abs()) / 2
        return torch.nn.functional.linear(x, last.weight, last.bias)


@quick
@given(seed=seeds)
def test_implementation_invariance(seed):
    module, X = seeded(mlp, seed), rows(seed=seed)
    for n_steps in (6, "auto"):
        np.testing.assert_allclose(
            attribute(Spelled(module), X, n_steps=n_steps), attribute(module, X, n_steps=n_steps), atol=1e-10
        )


# ---------------------------------------------------------------------- columns of a table
@pytest.mark.parametrize("seed", range(3))
def test_categories_that_one_background_row_has_keep_their_share_of_the_mean(seed):
    rng = np.random.RandomState(seed)
    table = pd.DataFrame({"age": rng.standard_normal(3000), "job": rng.choice(["a", "b"], 3000).astype(object)})
    rare = rng.choice(3000, 10, replace=False)
    table.loc[rare, "job"] = [f"rare {i}" for i in range(10)]
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(sparse_output=False), ["job"]))
    columns.fit(table)
    module = seeded(lambda: nn.Linear(13, 1))
    with torch.no_grad():
        module.weight.copy_(1000 * module.weight)  # one share is 1/3000 of such a weight
    explainer = IntegratedGradientsExplainer(
        Pipeline([("columns", columns), ("net", as_net(module))]), baseline="mean", random_state=seed
    ).fit(table)
    X = table.iloc[np.concatenate([rare[:3], np.arange(20)])]
    explained = explainer.explain(X)
    assert explained.completeness_gap.max() <= 1e-9
    z = columns.transform(X) - columns.transform(table).mean(axis=0)
    parts = z * module.weight.detach().numpy()
    np.testing.assert_allclose(explained.values, np.column_stack([parts[:, 0], parts[:, 1:].sum(axis=1)]), atol=1e-8)
