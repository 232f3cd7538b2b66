"""ShapleyExplainer against the ``shap`` package: the same numbers of the same rows on the same background."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shap
from numpy.testing import assert_allclose
from shap.utils._legacy import DenseData
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_xai import ShapleyExplainer
from sklearn_xai._rng import isolated_rng
from tests.oracles import mlp, run, seeded

pytestmark = pytest.mark.slow

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 7))
Y = X[:, 0] * X[:, 1] + np.abs(X[:, 2]) - X[:, 3]
BACKGROUND, ROWS = X[:12], X[20:26]


def ours(estimator, background=BACKGROUND, **options):
    return ShapleyExplainer(estimator, background_size=len(background), random_state=0, **options).fit(background)


def kernel_values(predict, background, rows, **options):
    with isolated_rng(0):  # KernelExplainer draws from numpy's global generator
        explainer = shap.KernelExplainer(predict, background)
        return explainer.shap_values(rows, l1_reg=0, silent=True, **options)


def net():
    module = seeded(lambda: mlp(7))
    return module, lambda Z: run(module, Z)[:, 0]


def test_exact():
    module, predict = net()
    masker = shap.maskers.Independent(BACKGROUND, max_samples=len(BACKGROUND))
    theirs = shap.ExactExplainer(predict, masker)(ROWS)
    found = ours(module, algorithm="exact").explain(ROWS)
    assert_allclose(found.values, theirs.values, atol=1e-10)
    assert_allclose(found.base_values, theirs.base_values, atol=1e-10)


def test_kernel_of_all_coalitions():
    module, predict = net()
    theirs = kernel_values(predict, BACKGROUND, ROWS, nsamples=2**7)
    assert_allclose(ours(module, algorithm="kernel", n_coalitions=2**7).transform(ROWS), theirs, atol=1e-9)


@pytest.mark.parametrize("algorithm", ["kernel", "permutation"])
def test_drawn_coalitions_are_nearer_than_those_of_shap(algorithm):
    """With 56 of the 126 coalitions, on rows that share no value with the background."""
    module, predict = net()
    exact = ours(module, algorithm="exact").transform(ROWS)
    found = ours(module, algorithm=algorithm, n_coalitions=56).transform(ROWS)
    if algorithm == "kernel":
        theirs = kernel_values(predict, BACKGROUND, ROWS, nsamples=56)
    else:
        masker = shap.maskers.Independent(BACKGROUND, max_samples=len(BACKGROUND))
        with isolated_rng(0):  # PermutationExplainer seeds it
            theirs = shap.PermutationExplainer(predict, masker, seed=0)(ROWS, max_evals=56, silent=True).values
    error, other = np.abs(found - exact).mean(), np.abs(theirs - exact).mean()
    assert 0 < error < other


@pytest.mark.parametrize(
    "model", [GradientBoostingRegressor(random_state=0), RandomForestRegressor(10, random_state=0)], ids=str
)
def test_trees(model):
    model = model.fit(X, Y)
    theirs = shap.TreeExplainer(model, BACKGROUND, feature_perturbation="interventional").shap_values(ROWS)
    assert_allclose(ours(model, algorithm="exact").transform(ROWS), theirs, atol=1e-6)


def test_probabilities_of_a_forest():
    model = RandomForestClassifier(10, max_depth=4, random_state=0).fit(X, np.digitize(Y, [-0.5, 1.0]))
    explainer = shap.TreeExplainer(model, BACKGROUND, feature_perturbation="interventional", model_output="probability")
    found = ours(model, algorithm="exact", output="proba", target="all").explain(ROWS)
    assert_allclose(found.values, explainer.shap_values(ROWS), atol=1e-6)


def test_groups():
    module, predict = net()
    groups = {"a": [0, 3], "b": [1], "c": [2, 4, 5], "d": [6]}
    data = DenseData(BACKGROUND.copy(), list(groups), [np.array(columns) for columns in groups.values()])
    theirs = kernel_values(predict, data, ROWS.copy(), nsamples=2**4)
    assert_allclose(ours(module, algorithm="exact", feature_groups=groups).transform(ROWS), theirs, atol=1e-9)


def test_strings_through_a_pipeline():
    """shap is given codes, and a function that turns them back into the DataFrame."""
    words = np.array(["low", "middle", "high"], dtype=object)
    codes = np.column_stack([X[:, :3], RNG.randint(3, size=(len(X), 2))])

    def frame(Z):
        return pd.DataFrame({
            "a": Z[:, 0], "b": Z[:, 1], "c": Z[:, 2], "d": words[Z[:, 3].astype(int)], "e": words[Z[:, 4].astype(int)]
        })  # fmt: skip

    columns = make_column_transformer((StandardScaler(), ["a", "b", "c"]), (OneHotEncoder(), ["d", "e"]))
    pipeline = make_pipeline(columns, GradientBoostingRegressor(random_state=0)).fit(frame(codes), Y + codes[:, 3])
    masker = shap.maskers.Independent(codes[:12], max_samples=12)
    theirs = shap.ExactExplainer(lambda Z: pipeline.predict(frame(Z)), masker)(codes[20:26]).values
    found = ours(pipeline, frame(codes[:12]), algorithm="exact").transform(frame(codes[20:26]))
    assert_allclose(found, theirs, atol=1e-9)


def test_interactions():
    """On a full grid columns are independent: the path-dependent values of a tree are the interventional ones."""
    grid = np.array(np.meshgrid(*[[0.0, 1.0]] * 4)).reshape(4, -1).T
    model = RandomForestRegressor(1, bootstrap=False, random_state=0).fit(
        grid, grid[:, 0] * grid[:, 1] + grid.prod(axis=1)
    )
    theirs = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_interaction_values(grid[-3:])
    found = ours(model, grid, algorithm="exact", interactions_order=2).explain_interactions(grid[-3:])
    assert_allclose(found.values, theirs, atol=1e-6)
