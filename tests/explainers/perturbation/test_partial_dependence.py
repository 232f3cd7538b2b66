"""Partial dependence and accumulated local effects: closed forms, any column, scikit-learn's display."""

from __future__ import annotations

import pickle

import matplotlib
import numpy as np
import pandas as pd
import pytest
import skops.io as skops_io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, is_classifier, is_regressor
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.inspection import PartialDependenceDisplay
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from torch import nn

from sklearn_xai import PartialDependenceExplainer
from sklearn_xai.explainers.perturbation._dependence import quantile_points, similarity_order
from tests.nets import classifier
from tests.oracles import mlp, run, seeded

matplotlib.use("Agg")

KINDS = ["pd", "ale"]


class Function(RegressorMixin, BaseEstimator):
    """A regressor that says what a function says of the table."""

    def __init__(self, function=None):
        self.function = function

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(self.function(X), dtype=float)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = True
        return tags


def fitted(function, X, **params):
    return PartialDependenceExplainer(Function(function).fit(X), background_size=10_000, random_state=0, **params).fit(
        X
    )


def rows(n=60, d=3, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


def mixed(n=80, seed=0):
    rng = np.random.RandomState(seed)
    table = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n),
            "income": rng.lognormal(size=n),
            "city": rng.choice(["Bern", "Genf", "Zug"], n).astype(object),
            "size": pd.Categorical(rng.choice(["s", "m", "l"], n), categories=["s", "m", "l"], ordered=True),
            "owner": rng.rand(n) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.randint(0, 900, n), unit="D"),
        }
    )
    table.loc[::7, "income"] = np.nan
    table.loc[::9, "city"] = None
    return table


def parts_of(table):
    """Return one term of an additive function for each column of ``mixed``."""
    return np.column_stack(
        [
            np.square(np.asarray(table["age"], dtype=float)) / 1000,
            np.asarray(table["income"].fillna(-3.0)),
            table["city"].map({"Bern": 1.0, "Genf": -2.0, "Zug": 4.0}).astype(float).fillna(7.0),
            table["size"].astype(object).map({"s": 0.5, "m": 1.0, "l": 3.0}).astype(float),
            np.asarray(table["owner"], dtype=float) * 2,
            np.asarray((table["since"] - pd.Timestamp("2020-01-01")).dt.days, dtype=float) / 100,
        ]
    )


def additive(table):
    return parts_of(table).sum(axis=1)


# ---------------------------------------------------------------------- closed forms
@pytest.mark.parametrize("resolution", [2, 5, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_model_is_explained_by_its_terms(kind, resolution):
    X, coef = rows(), np.array([0.5, -3.0, 0.0])
    model = LinearRegression().fit(X, X @ coef)
    explainer = PartialDependenceExplainer(model, kind=kind, grid_resolution=resolution).fit(X)
    explained = explainer.explain(X)
    assert_allclose(explained.values, coef * (X - X.mean(axis=0)), atol=1e-10)
    assert_allclose(explained.base_values, (X @ coef).mean(), atol=1e-10)
    assert explained.completeness_gap.max() < 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_attributions_of_an_additive_function_add_up_whatever_the_columns(kind):
    table = mixed()
    explainer = fitted(additive, table, kind=kind)
    parts = parts_of(table)
    explained = explainer.explain(table)
    assert_allclose(explained.values, parts - parts.mean(axis=0), atol=1e-10)
    assert explained.completeness_gap.max() < 1e-10


@settings(max_examples=25, deadline=None)
@given(
    columns=st.lists(st.lists(st.integers(-3, 3), min_size=6, max_size=6), min_size=1, max_size=4),
    kind=st.sampled_from(KINDS),
)
def test_additive_functions_of_columns_with_ties_and_constants(columns, kind):
    X = np.array(columns, dtype=float).T
    explained = fitted(lambda Z: (Z**3).sum(axis=1), X, kind=kind).explain(X)
    assert_allclose(explained.values, X**3 - (X**3).mean(axis=0), atol=1e-9)
    assert explained.completeness_gap.max() < 1e-9


def test_partial_dependence_is_the_mean_over_the_background():
    X = rows()
    explainer = fitted(lambda Z: Z[:, 0] * Z[:, 1] + np.abs(Z[:, 2]), X, grid_resolution=1000)
    curve = X[:, 0] * X[:, 1].mean()
    assert_allclose(explainer.transform(X)[:, 0], curve - curve.mean(), atol=1e-10)
    assert_allclose(explainer.pd_values_[0][0], np.sort(X[:, 0]) * X[:, 1].mean() + np.abs(X[:, 2]).mean(), atol=1e-10)
    assert_array_equal(explainer.grid_values_[0], np.sort(X[:, 0]))


def test_effects_of_a_product_on_a_full_grid():
    """With all pairs of values, each bin sees all of the other column: E[x2] is the slope beside that of the square."""
    one, two = np.meshgrid(np.arange(6.0), np.array([-1.0, 0.0, 4.0]), indexing="ij")
    X = np.column_stack([one.ravel(), two.ravel()])
    explainer = fitted(lambda Z: Z[:, 0] ** 2 + Z[:, 0] * Z[:, 1], X, kind="ale")
    first, second = X[:, 0] ** 2 + X[:, 0] * X[:, 1].mean(), X[:, 1] * X[:, 0].mean()
    # the bin (0, 1] holds the rows of 0 too, the others have one value each: all see every value of the other column
    expected = np.column_stack([first - first.mean(), second - second.mean()])
    found = explainer.transform(X)
    assert_allclose(found[:, 0], expected[:, 0], atol=1e-10)
    # of the second column, a bin's slope is the mean of the first column, which is the same in each
    assert_allclose(found[:, 1], expected[:, 1], atol=1e-10)


def test_effects_keep_to_the_data_where_columns_are_correlated():
    """The function is x1 wherever there are data; far from them it is wild, which partial dependence mixes in."""
    x1 = np.random.RandomState(0).uniform(-1, 1, 400)
    X = np.column_stack([x1, x1 + 0.01 * np.random.RandomState(1).standard_normal(400)])

    def function(Z):
        return Z[:, 0] + 100 * np.where(np.abs(Z[:, 0] - Z[:, 1]) > 0.3, Z[:, 0] ** 2, 0)

    effects = fitted(function, X, kind="ale", grid_resolution=50).transform(X)
    dependence = fitted(function, X).transform(X)
    assert_allclose(effects[:, 0], x1 - x1.mean(), atol=0.05)
    assert_allclose(effects[:, 1], 0, atol=1e-10)
    assert np.abs(dependence[:, 0] - x1).max() > 5 and np.abs(dependence[:, 1]).max() > 5


def test_effects_of_a_category_go_both_ways():
    """Ordered a < b < c: a step is the mean change of the rows of both values."""
    table = pd.DataFrame(
        {
            "level": pd.Categorical(list("aabbbc"), categories=list("abc"), ordered=True),
            "z": [1.0, 2.0, 3.0, 4.0, 5.0, 9.0],
        }
    )
    worth = {"a": 0.0, "b": 1.0, "c": 3.0}

    def function(Z):
        return Z["level"].astype(object).map(worth).astype(float) * np.asarray(Z["z"])

    curve = fitted(function, table, kind="ale").pd_values_[0][0]
    z = table["z"].to_numpy()
    assert_allclose(np.diff(curve), [z[:5].mean(), 2 * z[2:].mean()], atol=1e-12)
    assert_allclose(curve[[0, 0, 1, 1, 1, 2]].mean(), 0, atol=1e-12)


# ---------------------------------------------------------------------- points
def test_quantiles_keep_the_extremes():
    values = np.random.RandomState(0).lognormal(size=500)
    points = quantile_points(values, 10)
    assert len(points) == 10 and points[0] == values.min() and points[-1] == values.max()
    assert np.isin(points, values).all()
    assert_allclose(np.searchsorted(np.sort(values), points) / 499, np.linspace(0, 1, 10), atol=2e-3)
    assert_array_equal(quantile_points(np.array([3.0, 1.0, 3.0]), 2), [1.0, 3.0])


def test_between_points_the_curve_is_linear_and_beyond_them_constant():
    X = np.array([[0.0], [1.0], [4.0]])
    explainer = fitted(lambda Z: Z[:, 0] ** 2, X)
    found = explainer.transform(np.array([[0.5], [2.5], [-3.0], [9.0]]))[:, 0]
    assert_allclose(found + np.mean([0, 1, 16]), [0.5, 8.5, 0, 16])


def test_without_a_grid_every_value_is_evaluated():
    X = rows()
    explainer = fitted(lambda Z: np.sin(5 * Z).sum(axis=1), X[:20], grid_resolution=None)
    assert explainer.grid_values_ == explainer.pd_values_ == [None] * 3
    explained = explainer.explain(10 * X)
    assert_allclose(explained.values, np.sin(50 * X) - np.sin(5 * X[:20]).mean(axis=0), atol=1e-10)
    assert explained.completeness_gap.max() < 1e-10


def test_a_few_points_are_close_to_every_value():
    module, X = seeded(lambda: mlp(3, 1, nn.Tanh)), rows(300)
    coarse = PartialDependenceExplainer(module, grid_resolution=30, random_state=0).fit(X).transform(X)
    exact = PartialDependenceExplainer(module, grid_resolution=None, random_state=0).fit(X).transform(X)
    assert 0 < np.abs(coarse - exact).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_fit_has_not_seen(kind):
    table = mixed().fillna({"income": 1.0, "city": "Bern"})
    explainer = fitted(additive, table, kind=kind)
    strange = table.iloc[:4].copy()
    strange.loc[0, "income"] = np.nan
    strange.loc[1, "city"] = None
    found = explainer.transform(strange)
    assert_allclose(found[2:], explainer.transform(table.iloc[2:4]), atol=1e-12)
    centre = parts_of(table).mean(axis=0)
    assert_allclose(found[0, 1], -3 - centre[1] if kind == "pd" else 0, atol=1e-10)
    assert_allclose(found[1, 2], 7 - centre[2] if kind == "pd" else 0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_is_missing_altogether(kind):
    table = pd.DataFrame({"gone": np.full(10, np.nan), "none": [None] * 10, "z": np.arange(10.0)})
    explainer = fitted(lambda Z: Z["z"] + Z["gone"].isna() + Z["none"].isna(), table, kind=kind)
    assert_allclose(explainer.transform(table), np.column_stack([np.zeros((10, 2)), np.arange(10) - 4.5]), atol=1e-12)
    assert [len(points) for points in explainer.grid_values_] == [values.shape[1] for values in explainer.pd_values_]


def test_categories_of_which_no_background_row_has_one_are_read_between_others():
    table = pd.DataFrame({"level": pd.Categorical(list("abc") * 40, categories=list("abc"), ordered=True)})
    table["z"] = np.arange(120.0)

    def function(Z):
        return Z["level"].astype(object).map({"a": 0.0, "b": 5.0, "c": 2.0}).astype(float)

    explainer = PartialDependenceExplainer(Function(function).fit(table), kind="ale", background_size=2)
    for seed in range(50):
        explainer.set_params(random_state=seed).fit(table)
        if set(explainer.background_["level"]) == {"a", "c"}:
            break
    assert_array_equal(explainer.grid_values_[0], ["a", "c"])
    assert_allclose(explainer.transform(table.iloc[:3])[:, 0], [-1, 0, 1], atol=1e-12)


def test_similar_categories_are_neighbours():
    rng = np.random.RandomState(0)
    level = rng.randint(5, size=2000)
    hidden = np.array([3.0, 0.0, 4.0, 1.0, 2.0])
    codes = np.column_stack([level, hidden[level] + rng.standard_normal(2000), rng.standard_normal(2000)])
    order = similarity_order(codes, 0, 7, np.array([True, False, False]))
    assert order[:5].tolist() in (hidden.tolist(), (4 - hidden).tolist()) and np.isnan(order[5:]).all()
    other = (rng.rand(2000) < hidden[level] / 4).astype(float)
    order = similarity_order(np.column_stack([level, other]), 0, 5, np.array([True, True]))
    assert order.tolist() in (hidden.tolist(), (4 - hidden).tolist())
    assert_array_equal(similarity_order(codes[:, :1], 0, 5, np.array([True])), np.arange(5))


# ---------------------------------------------------------------------- groups, targets, models
def test_a_group_is_evaluated_at_its_joint_value():
    X = rows()
    explainer = fitted(lambda Z: Z[:, 0] * Z[:, 1] + Z[:, 2], X, feature_groups={"pair": [0, 1]}, grid_resolution=1000)
    explained = explainer.explain(X)
    pair = X[:, 0] * X[:, 1]
    assert_allclose(explained.values, np.column_stack([pair - pair.mean(), X[:, 2] - X[:, 2].mean()]), atol=1e-10)
    assert explained.completeness_gap.max() < 1e-10
    assert explainer.grid_values_[0] is None and explainer.pd_values_[0] is None


@pytest.mark.parametrize("params", [{"feature_groups": {"g": [0, 1]}}, {"grid_resolution": None}], ids=str)
def test_what_effects_cannot_do(params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter of PartialDependenceExplainer"):
        fitted(lambda Z: Z[:, 0], rows(), kind="ale", **params)


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_is_told_of_its_own_output(kind):
    module, X = seeded(lambda: mlp(3, 4, nn.Tanh)), rows()
    of_all = PartialDependenceExplainer(module, kind=kind, target="all").fit(X).explain(X)
    largest = run(module, X).argmax(axis=1)
    assert len(set(largest)) > 1
    predicted = PartialDependenceExplainer(module, kind=kind).fit(X).explain(X)
    assert_allclose(predicted.values, of_all.values[np.arange(60), :, largest], atol=1e-12)
    assert_allclose(predicted.base_values, run(module, X).mean(axis=0)[largest], atol=1e-12)
    single = PartialDependenceExplainer(module, kind=kind, target=2).fit(X)
    assert_allclose(single.transform(X), of_all.values[:, :, 2], atol=1e-12)
    assert [values.shape[0] for values in single.pd_values_] == [1] * 3


def table_models():
    table = mixed()
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "size"]),
        (StandardScaler(), ["age"]),
        ("passthrough", ["owner"]),
    )
    labels = np.where(additive(table) > np.median(additive(table)), "high", "low")
    numbers = table[["age", "income", "owner"]].astype(float)
    whole = numbers.drop(columns="income")
    return {
        "forest": (make_pipeline(encode, RandomForestClassifier(5, random_state=0)), table, labels),
        "boosting": (HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5), numbers, additive(table)),
        "svc": (SVC(), whole, labels),
        "net": (make_pipeline(encode, classifier()), table, labels),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["forest", "boosting", "svc", "net"])
def test_any_model(name, kind):
    model, table, y = table_models()[name]
    explainer = PartialDependenceExplainer(model, kind=kind, background_size=30, random_state=0).fit(table, y)
    found = explainer.transform(table)
    assert found.shape == table.shape and np.isfinite(found).all() and np.ptp(found) > 0
    alone = np.concatenate([explainer.transform(table.iloc[[i]]) for i in range(5)])
    assert_allclose(alone, found[:5], atol=1e-6)
    assert_allclose(explainer.transform(explainer.background_).mean(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_stored_and_loaded(kind):
    model, table, y = table_models()["forest"]
    explainer = PartialDependenceExplainer(model, kind=kind, background_size=20, random_state=0).fit(table, y)
    stored = skops_io.dumps(explainer)
    loaded = skops_io.loads(stored, trusted=skops_io.get_untrusted_types(data=stored))
    for other in (loaded, pickle.loads(pickle.dumps(explainer))):
        assert_allclose(other.transform(table), explainer.transform(table))


@pytest.mark.parametrize("params", [{"kind": "ice"}, {"grid_resolution": 1}, {"background_size": 0}], ids=str)
def test_parameters_that_make_no_sense(params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter of PartialDependenceExplainer"):
        PartialDependenceExplainer(LinearRegression(), **params).fit(rows(), rows()[:, 0])


# ---------------------------------------------------------------------- scikit-learn's display
@pytest.fixture
def figures():
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")


def test_the_explainer_in_place_of_its_estimator(figures):
    table = mixed().drop(columns=["income", "since"]).assign(city="Bern", age=lambda t: t["age"].astype(float))
    table.loc[::3, "city"] = "Zug"
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city", "size"]), remainder="passthrough"), LogisticRegression()
    ).fit(table, table["age"] > 50)
    explainer = PartialDependenceExplainer(model, output="proba").fit(table)
    asked = {"features": ["age", "city"], "categorical_features": ["city", "size"], "grid_resolution": 30}
    ours = PartialDependenceDisplay.from_estimator(explainer, table, **asked)
    theirs = PartialDependenceDisplay.from_estimator(model, table, **asked)
    for own, other in zip(ours.pd_results, theirs.pd_results, strict=True):
        assert_array_equal(own.average, other.average)
    assert_allclose(explainer.pd_values_[1], ours.pd_results[1].average, atol=1e-10)
    assert ours.axes_[0, 0].get_xlabel() == "age" and ours.bars_[0, 1] is not None


def test_it_is_what_its_estimator_is_once_it_is_fitted(figures):
    X = rows().astype(np.float32)
    labels = (X[:, 0] > 0).astype(int)
    explainer = PartialDependenceExplainer(classifier())
    assert not is_classifier(explainer) and not is_regressor(explainer)
    explainer.fit(X, labels)
    assert is_classifier(explainer) and not is_regressor(explainer)
    display = PartialDependenceDisplay.from_estimator(explainer, X, [0, (0, 1)], grid_resolution=5)
    assert display.pd_results[0].average.shape == (1, 5)
    assert is_regressor(fitted(lambda Z: Z[:, 0], rows()))


@pytest.mark.parametrize("kind", KINDS)
def test_curves_are_drawn_as_they_were_evaluated(figures, kind):
    table = mixed()
    explainer = fitted(additive, table, kind=kind)
    display = explainer.plot_dependence(["income", "city", 0], n_cols=2)
    n = len(np.unique(table["income"].dropna()))
    assert len(explainer.grid_values_[1]) == n + 1 and np.isnan(explainer.grid_values_[1][-1])
    line = display.lines_[0, 0]
    assert_allclose(line.get_xdata(), explainer.grid_values_[1][:n])
    assert_allclose(line.get_ydata(), explainer.pd_values_[1][0, :n])
    assert_allclose([bar.get_height() for bar in display.axes_[0, 1].patches], explainer.pd_values_[2][0])
    assert [axes.get_xlabel() for axes in display.axes_.ravel()[:3]] == ["income", "city", "age"]
    assert display.axes_[0, 0].get_ylabel() == {"pd": "Partial dependence", "ale": "Accumulated local effects"}[kind]
    assert sum(axes is not None for axes in explainer.plot_dependence().axes_.ravel()) == 6


def test_what_cannot_be_drawn(figures):
    X = rows()
    module = seeded(lambda: mlp(3, 4))
    explainer = PartialDependenceExplainer(module, feature_groups={"pair": [0, 1]}).fit(X)
    for feature in ("pair", "none", 7):
        with pytest.raises(ValueError, match="'features' parameter of PartialDependenceExplainer.plot_dependence"):
            explainer.plot_dependence([feature], target=0)
    for target in (None, "all"):
        with pytest.raises(ValueError, match="'target' parameter of PartialDependenceExplainer.plot_dependence"):
            explainer.plot_dependence(["x2"], target=target)
    line = explainer.plot_dependence(["x2"], target=3).lines_[0, 0]
    assert_allclose(line.get_ydata(), explainer.pd_values_[1][3])
