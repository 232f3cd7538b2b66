"""Every explainer on every kind of model, on tables of strings, categories, booleans and missing values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest
import shap
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from sklearn_xai._rng import isolated_rng
from tests.every_explainer import CLASSES, fast
from tests.nets import classifier

N_ROWS = 24
FEW = slice(4)


def people():
    """Return (table, labels, numbers): strings, a categorical, a boolean, an integer, and numbers with holes."""
    rng = np.random.RandomState(0)
    age, income = rng.uniform(20, 70, N_ROWS), rng.gamma(2.0, 1.5, N_ROWS)
    job = np.array(["clerk", "nurse", "smith"], dtype=object)[rng.randint(3, size=N_ROWS)]
    town = rng.choice(["north", "south"], N_ROWS)
    member, visits = rng.uniform(size=N_ROWS) < 0.5, rng.poisson(3, N_ROWS)
    score = 0.05 * age - 0.4 * income + (job == "nurse") + (town == "north") * member + 0.1 * visits
    labels = np.where(score > np.median(score), "yes", "no")
    age[:2] = np.nan
    columns = {
        "age": age,
        "income": income,
        "job": job,
        "town": pd.Categorical(town),
        "member": member,
        "visits": visits,
    }
    return pd.DataFrame(columns), labels, score


TABLE, LABELS, SCORE = people()
TABLE.loc[3, "job"] = None
HOLES = TABLE[["age", "income", "member", "visits"]]
NUMBERS = HOLES.fillna({"age": 40.0})
SCALED = ((NUMBERS - NUMBERS.mean()) / NUMBERS.std())[["age", "income", "visits"]].astype(np.float32)


def by_kind(numbers, rest):
    """Return a ColumnTransformer for the table of people."""
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)  # what is missing is a category
    return ColumnTransformer(
        [
            ("numbers", numbers, ["age", "income", "visits"]),
            ("strings", one_hot, ["job", "town"]),
            ("rest", rest, ["member"]),
        ]
    )


@dataclass
class Case:
    """A model, not fitted, and what it is trained on."""

    model: object
    X: pd.DataFrame
    y: np.ndarray
    network: bool = False  # whether it ends in a network
    takes_missing: bool = False


def small_forest():
    return RandomForestClassifier(4, max_depth=4, random_state=0)


def net():
    return classifier(max_epochs=20, lr=0.1)


CASES = {
    "forest": Case(small_forest(), HOLES, LABELS, takes_missing=True),
    "boosting": Case(
        HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=4, categorical_features="from_dtype"),
        TABLE.drop(columns="job"), SCORE, takes_missing=True,
    ),
    "svc": Case(SVC(), NUMBERS, LABELS),
    "pipeline of a forest": Case(
        make_pipeline(by_kind(SimpleImputer(), "passthrough"), small_forest()), TABLE, LABELS, takes_missing=True
    ),
    "pipeline of a net": Case(
        make_pipeline(by_kind(make_pipeline(SimpleImputer(), StandardScaler()), "passthrough"), net()),
        TABLE, LABELS, network=True, takes_missing=True,
    ),
    "net": Case(net(), SCALED, LABELS, network=True),
}  # fmt: skip
PAIRS = [(cls, name) for cls in CLASSES for name, case in CASES.items() if case.network or not cls._gradients]
every_pair = pytest.mark.parametrize(("cls", "name"), PAIRS, ids=[f"{cls.__name__}-{name}" for cls, name in PAIRS])


@cache
def fitted_model(name):
    """Return a model trained as its user would; skorch takes no strings for labels, nor float64."""
    case = CASES[name]
    X, y, model = case.X, case.y, clone(case.model)
    if case.network:
        y = (y == "yes").astype(np.int64)
    if name == "net":
        X = X.to_numpy()
    if name == "pipeline of a net":
        before = model[:-1].fit(X)
        model.steps[-1][1].fit(before.transform(X).astype(np.float32), y)
        return model
    return model.fit(X, y)


@cache
def explained(cls, name):
    """Return a fitted explainer of a fitted model, and the attributions of a few rows."""
    with isolated_rng(0):
        explainer = fast(cls, fitted_model(name), random_state=0).fit(CASES[name].X)
    return explainer, explainer.transform(CASES[name].X.iloc[FEW])


@every_pair
def test_one_finite_number_for_each_column(cls, name):
    explainer, values = explained(cls, name)
    X = CASES[name].X.iloc[FEW]
    assert values.shape == X.shape and np.isfinite(values).all()
    assert_array_equal(explainer.get_feature_names_out(), X.columns)
    assert explainer.feature_importances_.max() > 0  # a few rows may all fall under the last rule of a list


@every_pair
def test_a_row_alone_is_explained_as_among_others(cls, name):
    explainer, values = explained(cls, name)
    X = CASES[name].X
    tolerance = 1e-6 * max(1.0, np.abs(values).max())
    for rows in ([0], [3], [3, 2, 0]):
        assert_allclose(explainer.transform(X.iloc[rows]), values[rows], rtol=1e-5, atol=tolerance)


@every_pair
def test_explanation_holds_the_same_numbers(cls, name):
    explainer, values = explained(cls, name)
    X = CASES[name].X.iloc[FEW]
    found = explainer.explain(X)
    assert isinstance(found, shap.Explanation)
    assert_array_equal(found.values, values)
    assert found.feature_names == list(X.columns) and found.data.shape == found.display_data.shape == X.shape
    outputs = explainer.explained_output(X)
    total = found.base_values + found.values.sum(axis=1)
    assert_allclose(found.completeness_gap, np.abs(outputs - total), rtol=1e-4, atol=1e-5)
    if cls._additive:
        assert (found.completeness_gap <= explainer.gap_tolerance(outputs, found.base_values)).all()


@every_pair
def test_a_group_is_one_player(cls, name):
    X = CASES[name].X
    groups = {"both": [X.columns[0], X.columns[1]]}
    explainer = fast(cls, fitted_model(name), feature_groups=groups, random_state=0).fit(X)
    values = explainer.transform(X.iloc[:4])
    assert values.shape == (4, X.shape[1] - 1) and np.isfinite(values).all()
    assert list(explainer.get_feature_names_out()) == ["both", *X.columns[2:]]


@every_pair
def test_trained_on_labels_as_they_are(cls, name):
    case = CASES[name]
    explainer = fast(cls, clone(case.model), random_state=0).fit(case.X, case.y)
    assert np.isfinite(explainer.transform(case.X.iloc[:3])).all()
    if case.y is LABELS:
        assert list(explainer.classes_) == ["no", "yes"] and set(explainer.predict(case.X)) <= {"no", "yes"}


@every_pair
def test_errors_name_what_is_wrong(cls, name):
    explainer, _ = explained(cls, name)
    case = CASES[name]
    wrong = fast(cls, fitted_model(name), feature_groups={"g": ["height"]})
    with pytest.raises(ValueError, match="feature_groups.*'height'"):
        wrong.fit(case.X)
    with pytest.raises(ValueError, match=r"(?s)feature names should match.*height"):
        explainer.transform(case.X.rename(columns={case.X.columns[0]: "height"}))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        explainer.transform(case.X.iloc[:0])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        clone(explainer).fit(case.X.iloc[:0], case.y[:0])
    if not case.takes_missing:
        holes = case.X.copy()
        holes.iloc[0, 0] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            explainer.transform(holes)


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls._gradients])
def test_gradients_ask_for_a_network(cls):
    with pytest.raises(ValueError, match=f"{cls.__name__} takes gradients.*SVC"):
        cls(fitted_model("svc")).fit(NUMBERS)
