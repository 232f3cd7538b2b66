"""Which column of the user's table feeds which input of the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer
from sklearn_xai.engines import Coalitions
from sklearn_xai.models import ExplainedModel, find_columns, split_pipeline
from tests.nets import regressor
from tests.oracles import coalition_loop, mlp, seeded


@pytest.fixture
def frame():
    rng = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "age": rng.randint(18, 80, 60),
            "city": rng.choice(["Bern", "Basel", "Genf"], 60),
            "income": np.where(rng.rand(60) < 0.2, np.nan, rng.lognormal(size=60)),
            "kind": pd.Categorical(rng.choice(["a", "b"], 60)),
        }
    )


@pytest.fixture
def numbers():
    return np.random.RandomState(1).randn(50, 4) * [1, 5, 0.1, 2] + [0, 10, 0, -3]


def target(X):
    return np.random.RandomState(2).randn(len(X)).astype(np.float32)


def feeds(transformer, X):
    """Return the names of the columns that feed the outputs of a transformer."""
    names = np.asarray(getattr(X, "columns", [f"x{j}" for j in range(X.shape[1])]), dtype=object)
    found = find_columns([("step", transformer.fit(X))], X, names, "Test")
    assert found.affine is None
    return names[found.feeds].tolist()


def test_one_hot_imputed_scaled_and_passed_columns(frame):
    transformer = make_column_transformer(
        (OneHotEncoder(), ["city", "kind"]),
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["income"]),
        remainder="passthrough",
    )
    assert feeds(transformer, frame) == ["city"] * 3 + ["kind"] * 2 + ["income"] * 2 + ["age"]


def test_dropped_columns_feed_nothing(frame):
    transformer = ColumnTransformer([("kept", StandardScaler(), ["age"]), ("gone", "drop", ["city"])])
    assert feeds(transformer, frame) == ["age"]


def test_one_column_may_be_used_by_several_transformers(frame):
    transformer = make_column_transformer(
        (StandardScaler(), ["age"]), (KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), ["age"])
    )
    assert feeds(transformer, frame) == ["age"] * 4


def test_columns_in_another_order(numbers):
    transformer = FunctionTransformer(lambda X: X[:, [2, 0, 3]])
    assert feeds(transformer, numbers) == ["x2", "x0", "x3"]


def test_sparse_output(frame):
    transformer = OneHotEncoder(sparse_output=True)
    assert feeds(transformer, frame[["city", "kind"]]) == ["city"] * 3 + ["kind"] * 2


def test_output_as_a_frame(frame):
    transformer = make_column_transformer((OrdinalEncoder(), ["city", "kind"]), remainder="passthrough")
    assert feeds(transformer.set_output(transform="pandas"), frame) == ["city", "kind", "age", "income"]


def test_a_basis_of_several_outputs(numbers):
    assert feeds(SplineTransformer(n_knots=3, degree=2), numbers[:, :2]) == ["x0"] * 4 + ["x1"] * 4


def test_strings_without_a_frame(frame):
    rows = frame[["city", "kind"]].to_numpy(dtype=object)
    assert feeds(OneHotEncoder(), rows) == ["x0"] * 3 + ["x1"] * 2


# ---------------------------------------------------------------------- attributions of whole Pipelines
def gradient_by_differences(pipe, X, width=0.1):
    """Return the slope of the prediction along each column, by central differences."""
    steps = width * np.eye(X.shape[1])
    up, down = (np.stack([pipe.predict(X + sign * step).ravel() for step in steps], axis=1) for sign in (1, -1))
    return (up - down) / (2 * width)


class AsFloat32(FunctionTransformer):
    """Gives skorch the type it wants."""

    def __init__(self):
        super().__init__(lambda X: np.asarray(X, dtype=np.float32))


@pytest.mark.parametrize("before", [[], [StandardScaler()]])
def test_pca_is_exact(numbers, before):
    explainer = SaliencyExplainer(make_pipeline(*before, PCA(3), regressor()), random_state=0)
    explainer.fit(numbers, target(numbers))
    assert explainer._model.columns.affine is not None
    # gradients are in units of what the column-wise steps make of a column
    scale = explainer.estimator_[0].scale_ if before else 1
    expected = gradient_by_differences(explainer, numbers, width=1e-2) * scale
    close = np.abs(explainer.transform(numbers) - expected) <= 1e-2 * np.abs(expected).max(axis=0)
    assert close.mean() > 0.9  # a kink of the net inside a difference is off


def test_pca_after_scaling_keeps_completeness_in_the_original_columns(numbers):
    y = target(numbers)
    pipe = make_pipeline(make_column_transformer((StandardScaler(), [0, 1, 3]), remainder="passthrough"), PCA(2))
    explainer = IntegratedGradientsExplainer(make_pipeline(pipe, regressor()), tol=1e-3).fit(numbers, y)
    found = explainer.explain(numbers)
    assert found.values.shape == numbers.shape
    assert_allclose(found.values.sum(axis=1), explainer.explained_output(numbers) - found.base_values, atol=2e-3)
    assert_allclose(explainer.explained_output(numbers), explainer.predict(numbers).ravel(), atol=1e-6)


def test_pca_after_one_hot(frame):
    transformer = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["city", "kind"]), (StandardScaler(), ["age"])
    )
    pipe = make_pipeline(transformer, PCA(4), regressor())
    explainer = IntegratedGradientsExplainer(pipe, tol=1e-3).fit(frame, target(frame))
    found = explainer.explain(frame)
    assert found.feature_names == ["age", "city", "income", "kind"]
    assert_array_equal(found.values[:, 2], 0)
    assert np.abs(found.values[:, [0, 1, 3]]).min(axis=0).max() > 0
    assert_allclose(found.values.sum(axis=1), explainer.explained_output(frame) - found.base_values, atol=2e-3)


@pytest.mark.parametrize(
    ("step", "name"), [(PolynomialFeatures(2), "polynomialfeatures"), (Normalizer(), "normalizer")]
)
def test_a_step_that_mixes_columns_is_named(numbers, step, name):
    explainer = SaliencyExplainer(make_pipeline(StandardScaler(), step, regressor()))
    with pytest.raises(ValueError, match=rf"(?s)SaliencyExplainer .*step '{name}' \({type(step).__name__}\).*SHAPExp"):
        explainer.fit(numbers, target(numbers))


def test_the_step_that_mixes_is_found_behind_a_linear_one(numbers):
    explainer = SaliencyExplainer(make_pipeline(PCA(3), PolynomialFeatures(2), StandardScaler(), regressor()))
    with pytest.raises(ValueError, match="step 'polynomialfeatures'"):
        explainer.fit(numbers, target(numbers))


def test_a_nested_pipeline_is_seen_through(frame):
    inner = make_pipeline(make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), remainder="drop"))
    pipe = Pipeline([("outer", inner), ("pass", "passthrough"), ("end", Pipeline([("net", regressor())]))])
    steps, final = split_pipeline(pipe)
    assert [name for name, _ in steps] == ["outer"] and final is pipe[-1][-1]
    explainer = IntegratedGradientsExplainer(pipe).fit(frame, target(frame))
    assert explainer.transform(frame).shape == (60, 4)
    assert_array_equal(explainer.transform(frame)[:, [0, 2, 3]], 0)


def test_a_fitted_search_is_seen_through(numbers):
    X = numbers.astype(np.float32)
    search = GridSearchCV(make_pipeline(StandardScaler(), regressor()), {"neuralnetregressor__lr": [0.01, 0.1]}, cv=2)
    search.fit(X, target(X).reshape(-1, 1))
    found = IntegratedGradientsExplainer(search).fit(X).transform(X)
    assert_allclose(found, IntegratedGradientsExplainer(search.best_estimator_).fit(X).transform(X))


@pytest.mark.parametrize("handle_unknown", ["ignore", "error"])
def test_a_category_that_no_background_row_has(frame, handle_unknown):
    table = frame[["age", "city"]].copy()
    table.loc[[3, 40], "city"] = "Uri"
    transformer = make_column_transformer(
        (OneHotEncoder(handle_unknown=handle_unknown, sparse_output=False), ["city"]), (StandardScaler(), ["age"])
    )
    pipe = make_pipeline(transformer, AsFloat32(), regressor()).fit(table, target(table).reshape(-1, 1))
    background = table[table["city"] != "Uri"]
    explainer = IntegratedGradientsExplainer(pipe, tol=1e-3).fit(background)
    found = explainer.explain(table)
    assert_allclose(found.values.sum(axis=1), explainer.explained_output(table) - found.base_values, atol=2e-3)
    # the same row in every company
    assert_allclose(explainer.transform(table.iloc[[3]]), found.values[[3]], atol=1e-6)
    both = IntegratedGradientsExplainer(pipe, tol=1e-3, baseline=explainer.baseline_).fit(table)
    assert_allclose(both.transform(table), found.values, atol=1e-5)


def test_gradients_are_folded_by_summation(frame):
    transformer = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), (StandardScaler(), ["age"]))
    explainer = InputXGradientExplainer(make_pipeline(transformer, regressor())).fit(frame, target(frame))
    inputs = transformer.fit(frame).transform(frame).astype(np.float32)
    inner = InputXGradientExplainer(explainer.estimator_[-1]).fit(inputs).transform(inputs)
    assert_allclose(explainer.transform(frame)[:, 1], inner[:, :3].sum(axis=1), atol=1e-7)
    assert_allclose(explainer.transform(frame)[:, 0], inner[:, 3], atol=1e-7)


def test_a_black_box_at_the_end_has_no_gradient(numbers):
    pipe = make_pipeline(StandardScaler(), RandomForestRegressor(5))
    with pytest.raises(ValueError, match="(?s)takes gradients.*RandomForestRegressor.*SHAPExplainer"):
        SaliencyExplainer(pipe).fit(numbers, target(numbers))


def test_a_pipeline_of_any_estimator_is_seen_behind_its_column_wise_steps():
    frame = pd.DataFrame({"number": [1.0, 2.0, np.nan, 4.0] * 5, "word": ["a", "b", "c", "a"] * 5})
    y = np.arange(20) % 3
    steps = make_column_transformer((SimpleImputer(), ["number"]), (OneHotEncoder(), ["word"]))
    for table in (False, True):
        before = steps if not table else clone(steps).set_params(onehotencoder__sparse_output=False)
        before.set_output(transform="pandas" if table else "default")
        pipeline = make_pipeline(before, RandomForestClassifier(5, random_state=0)).fit(frame, y)
        model = ExplainedModel(pipeline, frame, np.asarray(frame.columns))
        assert model.column_wise
        np.testing.assert_allclose(model.outputs_of_inputs(model.inputs(frame)), model.outputs(frame))
        coalitions = Coalitions(model, [np.array([0]), np.array([1])], frame[:4])
        kept, filler = np.array([[True, False], [False, True]]), np.array([1, 3])
        truth = coalition_loop(model.outputs, frame[:6], frame[:4], kept, filler, coalitions.members)
        np.testing.assert_allclose(coalitions.values(frame[:6], kept, filler), truth)


def test_a_filler_of_each_row_is_that_of_the_row():
    module = seeded(lambda: mlp(4, 2))
    rows = np.random.RandomState(0).standard_normal((5, 4))
    background = np.random.RandomState(1).standard_normal((3, 4))
    model = ExplainedModel(module, background, np.arange(4))
    coalitions = Coalitions(model, [np.array([j]) for j in range(4)], background)
    kept = np.random.RandomState(2).rand(6, 4) < 0.5
    filler = np.random.RandomState(3).randint(3, size=(5, 6))
    found = coalitions.values(rows, kept, filler)
    for i in range(5):
        np.testing.assert_allclose(found[i], coalitions.values(rows[i : i + 1], kept, filler[i])[0], atol=1e-12)
