"""Partial dependence, against ``sklearn.inspection.partial_dependence`` with ``method="brute"``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_xai import PartialDependenceExplainer

pytestmark = pytest.mark.slow

N = 120


def numbers(seed=0):
    """Return columns with fewer values than either side's grid has points, so that both evaluate at all of them."""
    rng = np.random.RandomState(seed)
    X = np.round(rng.standard_normal((N, 4)), 1)
    return X, X[:, 0] * X[:, 1] + np.abs(X[:, 2]) + 0.1 * rng.standard_normal(N)


def compare(model, X, features=None, method="auto", **params):
    explainer = PartialDependenceExplainer(model, background_size=N, **params).fit(X)
    frame = hasattr(X, "columns")
    text = [name for name in X.columns if X[name].dtype.kind not in "fb"] if frame else None
    for j, name in enumerate(X.columns if frame else range(X.shape[1])):
        theirs = partial_dependence(
            model, X, [name], method="brute", kind="average", response_method=method, categorical_features=text or None
        )
        assert_array_equal(explainer.grid_values_[j], theirs["grid_values"][0])
        assert_allclose(explainer.pd_values_[j], theirs["average"], rtol=0, atol=1e-10)
        # the attribution is their curve at the row's value, less its mean over the rows
        own = np.asarray(X[name] if frame else X[:, j])
        place = {value: k for k, value in enumerate(theirs["grid_values"][0])}
        curve = theirs["average"][:, [place[value] for value in own]]
        found = explainer.transform(X).reshape(N, -1, X.shape[1])[:, :, j].T
        assert_allclose(found, curve - curve.mean(axis=1, keepdims=True), rtol=0, atol=1e-10)


def test_forest():
    X, y = numbers()
    compare(RandomForestRegressor(10, random_state=0).fit(X, y), X)


def test_boosting():
    X, y = numbers()
    compare(HistGradientBoostingRegressor(max_iter=10).fit(X, y), X)


def test_probabilities_of_two_classes_and_of_three():
    X, y = numbers()
    for cuts in ([0.0], [-0.5, 0.8]):
        model = RandomForestClassifier(10, random_state=0).fit(X, np.digitize(y, cuts))
        compare(model, X, output="proba", method="predict_proba", target=1 if len(cuts) == 1 else "all")


def test_scores_of_a_pipeline_on_a_table_with_strings():
    X, y = numbers()
    table = pd.DataFrame(X[:, :2], columns=["a", "b"])
    table["city"] = np.random.RandomState(1).choice(["Bern", "Genf", "Zug"], N).astype(object)
    before = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["a", "b"]))
    labels = y + (table["city"] == "Zug") > 0.3
    compare(make_pipeline(before, LogisticRegression()).fit(table, labels), table, method="decision_function")
    forest = make_pipeline(before, RandomForestRegressor(10, random_state=0)).fit(table, y + (table["city"] == "Zug"))
    compare(forest, table)


def test_joint_dependence_of_two_columns():
    X, y = numbers()
    model = RandomForestRegressor(10, random_state=0).fit(X, y)
    explainer = PartialDependenceExplainer(model, background_size=N, feature_groups={"pair": [0, 1]}).fit(X)
    theirs = partial_dependence(model, X, [(0, 1)], method="brute", kind="average")
    first, second = (np.searchsorted(grid, X[:, j]) for j, grid in enumerate(theirs["grid_values"]))
    curve = theirs["average"][0][first, second]
    assert_allclose(explainer.transform(X)[:, 0], curve - curve.mean(), rtol=0, atol=1e-10)
