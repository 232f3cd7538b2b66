"""Explainers inside what scikit-learn builds of transformers, around real nets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer
from sklearn_xai.datasets import load_adult
from tests.every_explainer import CLASSES, fast
from tests.nets import classifier, regressor, table

X, Y, LABELS = table(n=60)


def net(**kwargs):
    return regressor(**{"max_epochs": 30, "lr": 0.05} | kwargs)


@pytest.mark.parametrize("cls", CLASSES)
def test_clone_has_the_parameters_and_nothing_learned(cls):
    explainer = fast(cls, regressor(), target="all", random_state=3, batch_size=7).fit(X, Y)
    twin = clone(explainer)
    assert twin.target == "all" and twin.random_state == 3 and twin.batch_size == 7
    assert twin.estimator is not explainer.estimator
    assert not [name for name in vars(twin) if name.endswith("_") or name.startswith("_model")]


def test_clone_of_an_explainer_of_a_fitted_net_starts_anew():
    first = IntegratedGradientsExplainer(net(), random_state=0).fit(X, Y)
    again = clone(IntegratedGradientsExplainer(first.estimator_, random_state=0)).fit(X, Y)
    assert_allclose(again.transform(X), first.transform(X), atol=1e-6)


def test_grid_search():
    grid = {"n_steps": [4, 32], "baseline": ["mean", "zero"], "estimator__lr": [0.05]}
    search = GridSearchCV(IntegratedGradientsExplainer(net(), tol=1e3, random_state=0), grid, cv=3).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 4 and np.isfinite(scores).all() and (scores > 0.2).all()
    best = search.best_estimator_
    assert best.n_steps == search.best_params_["n_steps"] and best.estimator_.lr == 0.05
    assert_array_equal(search.transform(X), best.transform(X))
    assert_array_equal(search.predict(X), best.estimator_.predict(X).ravel())


def test_grid_search_by_the_prediction():
    """The explainer predicts as its estimator does, so that the net's own parameters can be chosen by its errors."""
    search = GridSearchCV(
        SaliencyExplainer(net(), random_state=0), {"estimator__lr": [1e-6, 0.05]}, scoring="r2", cv=3
    ).fit(X, Y)
    assert search.best_params_ == {"estimator__lr": 0.05}


def test_two_jobs_say_what_one_says():
    grid = {"estimator__lr": [0.01, 0.05]}
    one, two = (
        GridSearchCV(InputXGradientExplainer(net(), random_state=0), grid, cv=2, n_jobs=jobs).fit(X, Y)
        for jobs in (1, 2)
    )
    assert_allclose(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"], atol=1e-4)


def test_randomized_search():
    search = RandomizedSearchCV(
        make_pipeline(StandardScaler(), IntegratedGradientsExplainer(net(), random_state=0)),
        {"integratedgradientsexplainer__estimator__lr": loguniform(1e-3, 1e-1)},
        n_iter=3,
        cv=2,
        random_state=0,
    ).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.transform(X).shape == X.shape


def test_cross_validate():
    found = cross_validate(
        IntegratedGradientsExplainer(classifier(max_epochs=200, lr=0.3), random_state=0),
        X,
        np.where(LABELS, "yes", "no"),
        cv=3,
        scoring=["accuracy", "roc_auc"],
        return_estimator=True,
        error_score="raise",
    )
    assert (found["test_accuracy"] > 0.7).all() and (found["test_roc_auc"] > 0.8).all()
    assert [each.classes_.tolist() for each in found["estimator"]] == [["no", "yes"]] * 3


def test_faithfulness_across_folds():
    scores = cross_val_score(IntegratedGradientsExplainer(net(), random_state=0), X, Y, cv=3)
    assert (scores > 0.3).all() and (scores <= 1).all()


def test_select_from_model():
    rng = np.random.RandomState(0)
    rows = rng.randn(200, 6).astype(np.float32)
    y = (3 * rows[:, 1] - 2 * rows[:, 4]).astype(np.float32)
    selector = SelectFromModel(SaliencyExplainer(net(), random_state=0), max_features=2).fit(rows, y)
    assert selector.get_support(indices=True).tolist() == [1, 4]
    assert_array_equal(selector.transform(rows), rows[:, [1, 4]])
    pipe = make_pipeline(selector, LinearRegression()).fit(rows, y)
    assert pipe.score(rows, y) > 0.999


def test_select_from_a_fitted_model():
    explainer = IntegratedGradientsExplainer(net(), random_state=0).fit(X, Y)
    selector = SelectFromModel(explainer, prefit=True, threshold="mean")
    importances = explainer.feature_importances_
    assert_array_equal(selector.transform(X), X[:, importances >= importances.mean()])


def test_feature_union():
    union = FeatureUnion(
        [
            ("rows", FunctionTransformer(feature_names_out="one-to-one")),
            ("why", IntegratedGradientsExplainer(net(), random_state=0)),
            ("slope", SaliencyExplainer(net(), random_state=0)),
        ]
    )
    found = union.fit_transform(X, Y)
    assert found.shape == (60, 12)
    assert_array_equal(found[:, :4], X)
    expected = IntegratedGradientsExplainer(net(), random_state=0).fit(X, Y).transform(X)
    assert_allclose(found[:, 4:8], expected, atol=1e-6)
    assert union.get_feature_names_out()[[0, 4, 8]].tolist() == ["rows__x0", "why__x0", "slope__x0"]


def test_column_transformer():
    frame = pd.DataFrame(X, columns=list("abcd"))
    explainer = IntegratedGradientsExplainer(net(), random_state=0)
    both = ColumnTransformer([("why", explainer, ["d", "a"])], remainder="passthrough").set_output(transform="pandas")
    found = both.fit_transform(frame, Y)
    assert list(found.columns) == ["why__d", "why__a", "remainder__b", "remainder__c"]
    expected = clone(explainer).fit(frame[["d", "a"]], Y).transform(frame[["d", "a"]])
    assert_allclose(found[["why__d", "why__a"]].to_numpy(), expected, atol=1e-6)


def test_explanations_as_features():
    """Attributions of a net feed another model."""
    stack = make_pipeline(StandardScaler(), IntegratedGradientsExplainer(net(), random_state=0), LinearRegression())
    stack.set_output(transform="pandas").fit(X, Y)
    assert stack.score(X, Y) > 0.7
    assert stack[:-1].transform(X).columns.tolist() == ["x0", "x1", "x2", "x3"]


@pytest.mark.parametrize("cls", CLASSES)
def test_pandas_output(cls):
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(100, 160))
    explainer = fast(cls, classifier(), target="all", random_state=0).set_output(transform="pandas")
    found = explainer.fit(frame, np.where(LABELS, "yes", "no")).transform(frame)
    assert list(found.columns) == [f"{label}_{name}" for label in ("no", "yes") for name in "abcd"]
    assert_array_equal(found.index, frame.index)
    assert set(found.dtypes) == {np.dtype("float32")}


# ---------------------------------------------------------------------- the census table
@pytest.fixture(scope="module")
def census():
    """Return (rows, labels, fitted Pipeline of a net on the raw columns)."""
    rows, labels = load_adult(return_X_y=True, as_frame=True, split="train")
    rows, labels = rows.iloc[:500], labels.iloc[:500]
    texts = rows.select_dtypes(exclude="number").columns.tolist()
    before = make_column_transformer(
        (StandardScaler(), [name for name in rows if name not in texts]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    )
    return rows, labels, make_pipeline(before, classifier(max_epochs=2, lr=0.1))


def test_the_raw_census_table(census):
    rows, labels, pipe = census
    explainer = IntegratedGradientsExplainer(pipe, random_state=0, tol=1e-3).fit(rows, labels)
    found = explainer.explain(rows)
    assert found.values.shape == (500, 14) and found.feature_names == rows.columns.tolist()
    expected = explainer.explained_output(rows) - found.base_values
    assert (np.abs(found.values.sum(axis=1) - expected) <= 1e-3 * np.maximum(1, np.abs(expected))).all()
    # the base value is the output at the mean of the inputs: category frequencies
    inputs = explainer.estimator_[0].transform(rows).mean(axis=0, keepdims=True).astype(np.float32)
    logits = explainer.estimator_[-1].forward(inputs).numpy()
    assert_allclose(found.base_values, logits[0, 1], atol=1e-5)
    assert np.abs(found.values).max(axis=0).min() > 0
    assert set(explainer.predict(rows)) <= set(labels)


def test_the_fitted_census_pipeline_as_it_stands(census):
    rows, labels, pipe = census
    trained = IntegratedGradientsExplainer(pipe, random_state=0).fit(rows, labels)
    as_it_stands = IntegratedGradientsExplainer(trained.estimator_).fit(rows)
    assert as_it_stands.estimator_ is trained.estimator_
    assert_allclose(as_it_stands.transform(rows), trained.transform(rows), atol=1e-5)
