"""Local surrogates, against scikit-learn's Ridge on perturbations that are built cell by cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from sklearn_xai import LocalSurrogateExplainer
from sklearn_xai.explainers.surrogate.local_surrogate import kernel_weights
from tests.oracles import as_net, coalition_loop, mlp, run, seeded


def rows(n=30, d=4, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


def singles(n):
    return [np.array([j]) for j in range(n)]


def ridge_loop(explainer, model, X, members):
    """Return coefficients, intercepts and R2 of scikit-learn's Ridge, row by row."""
    kept, background = explainer.coalitions_, explainer.background_
    width = explainer.kernel_width or 0.75 * np.sqrt(len(members))
    weights = np.exp(-(len(members) - kept.sum(axis=1)) / width**2)
    filler = explainer._perturbed.fillers(X, kept, explainer._picks)
    values = coalition_loop(model, X, background, kept, filler, members)[:, :, 0]
    fits = [Ridge(alpha=explainer.alpha).fit(kept.astype(float), row, sample_weight=weights) for row in values]
    r2 = [fit.score(kept.astype(float), row, sample_weight=weights) for fit, row in zip(fits, values, strict=True)]
    return np.array([fit.coef_ for fit in fits]), np.array([fit.intercept_ for fit in fits]), np.array(r2)


def assert_ridge(explainer, model, X, members):
    explained = explainer.explain(X)
    coefficients, intercepts, r2 = ridge_loop(explainer, model, X, members)
    np.testing.assert_allclose(explained.values, coefficients, atol=1e-9)
    np.testing.assert_allclose(explained.base_values, intercepts, atol=1e-9)
    np.testing.assert_allclose(explained.local_r2, r2, atol=1e-9)
    assert np.abs(coefficients).max() > 1e-4 and 1e-4 < r2.min() and r2.max() < 1


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("kernel_width", [None, 0.8, 10.0])
def test_coefficients_are_those_of_ridge(alpha, kernel_width):
    module, X = seeded(lambda: mlp(activation=nn.Tanh)), rows()
    explainer = LocalSurrogateExplainer(
        module, n_samples=60, alpha=alpha, kernel_width=kernel_width, background_size=7, random_state=0
    ).fit(X)
    assert_ridge(explainer, lambda row: run(module, row), X[:4], singles(4))


def test_groups():
    module, X = seeded(lambda: mlp(5, activation=nn.Tanh)), rows(d=5)
    explainer = LocalSurrogateExplainer(module, n_samples=60, feature_groups={"g": [0, 3]}, random_state=0).fit(X)
    assert explainer.player_names_.tolist() == ["g", "x1", "x2", "x4"]
    members = [np.array([0, 3]), np.array([1]), np.array([2]), np.array([4])]
    assert_ridge(explainer, lambda row: run(module, row), X[:3], members)


@pytest.fixture
def frame():
    rng = np.random.RandomState(0)
    table = pd.DataFrame(
        {
            "age": rng.standard_normal(60),
            "city": rng.choice(["Oslo", "Bern", "Rome"], 60).astype(object),
            "pay": rng.standard_normal(60),
        }
    )
    table.loc[::7, "pay"] = np.nan
    table.loc[::11, "city"] = None
    return table


def preprocessing(frame):
    return make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["pay", "age"]),
        (OneHotEncoder(sparse_output=False), ["city"]),
    ).fit(frame)


def test_strings_and_missing_values_before_a_net(frame):
    columns = preprocessing(frame)
    module = seeded(lambda: mlp(columns.transform(frame).shape[1], activation=nn.Tanh))
    explainer = LocalSurrogateExplainer(
        make_pipeline(columns, as_net(module)), n_samples=50, alpha=0.1, random_state=0
    ).fit(frame)
    assert explainer.get_feature_names_out().tolist() == ["age", "city", "pay"]
    assert_ridge(explainer, lambda row: run(module, columns.transform(row)), frame.iloc[[0, 7, 11]], singles(3))


def test_strings_and_missing_values_before_a_tree(frame):
    pipeline = make_pipeline(preprocessing(frame), DecisionTreeClassifier(max_depth=4, random_state=0))
    pipeline.fit(frame, (frame["age"] > 0) ^ (frame["city"] == "Rome"))
    explainer = LocalSurrogateExplainer(pipeline, n_samples=40, output="proba", random_state=0).fit(frame)

    def positive(row):
        return pipeline.predict_proba(row)[:, 1]

    assert_ridge(explainer, positive, frame.iloc[[0, 1, 7]], singles(3))


# ---------------------------------------------------------------------- linear models
def test_a_linear_net_gives_back_its_weights():
    """Against one background row, the surrogate is the model: w (x - b), without a gap and with an R2 of 1."""
    module, X = seeded(lambda: nn.Linear(4, 1)), rows()
    w = module.weight.detach().numpy()[0]
    explainer = LocalSurrogateExplainer(module, background_size=1, alpha=1e-9, random_state=0).fit(X)
    explained = explainer.explain(X)
    np.testing.assert_allclose(explained.values, w * (X - explainer.background_), atol=1e-6)
    np.testing.assert_allclose(explained.base_values, run(module, explainer.background_)[0, 0], atol=1e-6)
    np.testing.assert_allclose(explained.local_r2, 1, atol=1e-9)
    assert explained.completeness_gap.max() < 1e-6


def test_against_many_background_rows_it_is_the_weights_on_average():
    module, X = seeded(lambda: nn.Linear(4, 1)), rows(200)
    w = module.weight.detach().numpy()[0]
    explainer = LocalSurrogateExplainer(module, n_samples=20_000, alpha=1e-9, random_state=0).fit(X)
    expected = w * (X[:20] - explainer.background_.mean(axis=0))
    np.testing.assert_allclose(explainer.transform(X[:20]), expected, atol=0.05)


def test_alpha_shrinks():
    module, X = seeded(mlp), rows()
    sizes = [
        np.abs(LocalSurrogateExplainer(module, n_samples=100, alpha=alpha, random_state=0).fit(X).transform(X)).sum()
        for alpha in (0.0, 1.0, 10.0, 1e6)
    ]
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3] and sizes[3] < 1e-2


# ---------------------------------------------------------------------- the kernel
def test_kernel_weights():
    kept = np.array([[True, True, True], [True, False, True], [False, False, False]])
    np.testing.assert_allclose(kernel_weights(kept, 2.0), np.exp([0, -1 / 4, -3 / 4]))


def test_a_narrow_kernel_looks_at_single_removals_only():
    """What counts is then the row itself and the row without one column: f(x) - f(x without i)."""
    module, X = seeded(lambda: mlp(activation=nn.Tanh)), rows()
    explainer = LocalSurrogateExplainer(
        module, background_size=1, alpha=0.0, kernel_width=0.25, n_samples=500, random_state=0
    ).fit(X)
    without = np.repeat(X[:, None], 4, axis=1)
    without[:, np.arange(4), np.arange(4)] = explainer.background_[0]
    expected = run(module, X) - run(module, without.reshape(-1, 4)).reshape(-1, 4)
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-5)


def test_a_wide_kernel_weighs_all_alike():
    module, X = seeded(lambda: mlp(activation=nn.Tanh)), rows()
    explainer = LocalSurrogateExplainer(
        module, background_size=1, alpha=0.0, kernel_width=1e6, n_samples=200, random_state=0
    ).fit(X)
    kept = explainer.coalitions_
    values = coalition_loop(
        lambda row: run(module, row), X[:3], explainer.background_, kept, np.zeros(200, dtype=int), singles(4)
    )
    design = np.column_stack([np.ones(200), kept])
    expected = np.linalg.lstsq(design, values[:, :, 0].T, rcond=None)[0].T
    np.testing.assert_allclose(explainer.transform(X[:3]), expected[:, 1:], atol=1e-8)


# ---------------------------------------------------------------------- edges
def constant(n_columns, value=3.0):
    module = seeded(lambda: nn.Linear(n_columns, 1))
    with torch.no_grad():
        module.weight.zero_()
        module.bias.fill_(value)
    return module


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("value", [0.0, 3.0, -1e8])
def test_a_constant_model_leaves_nothing_to_explain(alpha, value):
    X = rows()
    explained = LocalSurrogateExplainer(constant(4, value), alpha=alpha, random_state=0).fit(X).explain(X)
    np.testing.assert_allclose(explained.values, 0, atol=1e-12 * max(1, abs(value)))
    np.testing.assert_allclose(explained.base_values, value)
    np.testing.assert_array_equal(explained.local_r2, 1)


@pytest.mark.parametrize("n_samples", [2, 3])
def test_too_few_samples_without_penalty_give_numbers(n_samples):
    X = rows(d=8)
    explainer = LocalSurrogateExplainer(seeded(lambda: mlp(8)), n_samples=n_samples, alpha=0.0, random_state=0).fit(X)
    assert explainer.coalitions_.shape == (n_samples, 8) and explainer.coalitions_[0].all()
    assert np.isfinite(explainer.transform(X)).all()


def test_one_column():
    module, X = seeded(lambda: nn.Linear(1, 1)), rows(d=1)
    explainer = LocalSurrogateExplainer(module, background_size=1, alpha=0.0, n_samples=50, random_state=0).fit(X)
    expected = module.weight.item() * (X - explainer.background_)
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-9)


def test_all_targets_and_single_targets_agree():
    module, X = seeded(lambda: mlp(4, 3)), rows()
    every = LocalSurrogateExplainer(module, target="all", n_samples=100, random_state=0).fit(X).explain(X)
    assert every.values.shape == (30, 4, 3) and every.local_r2.shape == (30, 3)
    for k in range(3):
        one = LocalSurrogateExplainer(module, target=k, n_samples=100, random_state=0).fit(X).explain(X)
        np.testing.assert_allclose(every.values[..., k], one.values, atol=1e-10)
        np.testing.assert_allclose(every.local_r2[:, k], one.local_r2, atol=1e-10)


@pytest.mark.parametrize(
    "params", [{"n_samples": 1}, {"kernel_width": 0.0}, {"alpha": -1.0}, {"background_size": 0}], ids=str
)
def test_parameters_that_make_no_sense(params):
    name = next(iter(params))
    with pytest.raises(ValueError, match=f"'{name}' parameter of LocalSurrogateExplainer"):
        LocalSurrogateExplainer(seeded(mlp), **params).fit(rows())
