"""What stands in for a removed column: typical rows, neighbours, and the games they make."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from torch import nn

from sklearn_xai import LocalSurrogateExplainer
from sklearn_xai.background import Neighbours, typical_row
from sklearn_xai.engines import Coalitions
from sklearn_xai.models import ExplainedModel
from tests.every_explainer import CLASSES, fast
from tests.nets import classifier, regressor

REMOVALS = ["marginal", "baseline", "conditional"]
REMOVING = [cls for cls in CLASSES if "removal" in cls._parameter_constraints]


def singles(n):
    return [np.array([j]) for j in range(n)]


def game(coefficients, background, removal, members=None):
    """Return the coalitions of a linear model."""
    d = len(coefficients)
    model = LinearRegression().fit(np.eye(d), np.zeros(d))
    model.coef_, model.intercept_ = np.asarray(coefficients, dtype=float), 0.0
    seen = ExplainedModel(model, background, np.arange(d))
    return Coalitions(seen, members or singles(d), background, removal=removal)


def all_coalitions(d):
    return np.array(list(itertools.product([False, True], repeat=d)))


def shapley(values, d):
    """Return Shapley values from the values of all coalitions, (n_rows, 2**d), by the formula."""
    kept = all_coalitions(d)
    place = {tuple(coalition): c for c, coalition in enumerate(kept)}
    found = np.zeros((len(values), d))
    for c, coalition in enumerate(kept):
        for i in np.flatnonzero(~coalition):
            with_i = coalition.copy()
            with_i[i] = True
            weight = math.factorial(coalition.sum()) * math.factorial(d - coalition.sum() - 1) / math.factorial(d)
            found[:, i] += weight * (values[:, place[tuple(with_i)]] - values[:, c])
    return found


# ---------------------------------------------------------------------- the conditional expectation
def gaussian(correlation, d, n, rng):
    covariance = (1 - correlation) * np.eye(d) + correlation
    return rng.standard_normal((n, d)) @ np.linalg.cholesky(covariance).T, covariance


def conditional_expectation(X, kept, coefficients, covariance):
    """Return E[w x | x_S] for centred Gaussian x, one coalition at a time."""
    found = np.empty((len(X), len(kept)))
    for c, own in enumerate(kept):
        slope = covariance[np.ix_(~own, own)] @ np.linalg.inv(covariance[np.ix_(own, own)])
        found[:, c] = X[:, own] @ coefficients[own] + X[:, own] @ slope.T @ coefficients[~own]
    return found


@pytest.mark.parametrize("correlation", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(("n_background", "allowed"), [(100, 0.25), (1000, 0.15)])
def test_neighbours_approach_the_conditional_expectation(n_background, allowed, correlation):
    rng, d, square_errors = np.random.RandomState(0), 6, []
    for _ in range(8):
        w = rng.standard_normal(d)
        background, covariance = gaussian(correlation, d, n_background, rng)
        X, _ = gaussian(correlation, d, 20, rng)
        kept = all_coalitions(d)[1:-1]
        found = game(w, background, "conditional").averaged(X, kept)[..., 0]
        truth = conditional_expectation(X, kept, w, covariance)
        square_errors.append(np.mean((found - truth) ** 2) / (w @ covariance @ w))
    assert np.sqrt(np.mean(square_errors)) < allowed


def test_conditional_shapley_values_of_a_gaussian():
    """What is closer to the closed form: marginal values give a column without a coefficient nothing."""
    rng, d = np.random.RandomState(0), 4
    w = np.array([2.0, 0.0, -1.0, 1.0])
    background, covariance = gaussian(0.8, d, 1000, rng)
    X, _ = gaussian(0.8, d, 40, rng)
    kept = all_coalitions(d)
    truth = np.empty((40, len(kept)))
    truth[:, 0], truth[:, -1] = 0, X @ w
    truth[:, 1:-1] = conditional_expectation(X, kept[1:-1], w, covariance)
    truth = shapley(truth, d)
    error = {
        removal: np.sqrt(np.mean((shapley(game(w, background, removal).averaged(X, kept)[..., 0], d) - truth) ** 2))
        for removal in ("marginal", "conditional")
    }
    spread = np.sqrt(w @ covariance @ w)
    assert error["conditional"] < 0.06 * spread < 0.2 * spread < error["marginal"]


def test_of_two_equal_columns_either_tells_all_about_both():
    rng = np.random.RandomState(0)
    background = np.repeat(rng.standard_normal((1000, 1)), 2, axis=1)
    background = np.column_stack([background, rng.standard_normal(1000)])
    X = np.array([[-1.0, -1.0, 0.3], [0.5, 0.5, -0.2], [1.2, 1.2, 1.0]])
    kept = np.array([[True, False, False], [False, True, False], [True, True, False]])
    marginal = game([1, 1, 1], background, "marginal").averaged(X, kept)[..., 0]
    first, second, both = game([1, 1, 1], background, "conditional").averaged(X, kept)[..., 0].T
    np.testing.assert_allclose(marginal[:, 2] - marginal[:, 0], X[:, 0], atol=0.1)  # half of what both say
    np.testing.assert_allclose(first, both, atol=0.1)
    np.testing.assert_array_equal(first, second)


# ---------------------------------------------------------------------- neighbours, by hand
@pytest.fixture
def frame():
    rng = np.random.RandomState(0)
    table = pd.DataFrame(
        {
            "age": rng.randint(20, 30, 60).astype(float),
            "city": rng.choice(["Oslo", "Bern", "Rome"], 60).astype(object),
            "smoker": rng.rand(60) < 0.3,
            "job": pd.Categorical(rng.choice(["a", "b"], 60)),
            "same": np.ones(60),
        }
    )
    table.loc[::7, "age"] = np.nan
    table.loc[::11, "city"] = None
    return table


def own_distances(background, row, j):
    """Return squared distances of a row from the background in one column, pair by pair."""
    column, value = background.iloc[:, j], row.iloc[j]
    numbers = j in (0, 2, 4)
    pairs = [(a, b) for a in column for b in column]
    apart = np.mean([unlike(a, b) for a, b in pairs])
    found = []
    for other in column:
        if pd.isna(value) or pd.isna(other):
            found.append(2.0 * (pd.isna(value) != pd.isna(other)))
        elif numbers:
            spread = np.nanstd(column.to_numpy(dtype=float))
            found.append(((float(value) - float(other)) / spread) ** 2 if spread else 0.0)
        else:
            found.append(2 / apart * (value != other))
    return np.array(found)


def unlike(a, b):
    return not (a == b or (pd.isna(a) and pd.isna(b)))


def test_neighbours_are_the_nearest_rows(frame):
    members = [np.array([0, 3]), np.array([1]), np.array([2]), np.array([4])]
    background, X = frame.iloc[:40], frame.iloc[40:].copy()
    X.iloc[0, 1] = "Paris"
    neighbours = Neighbours(background, members)
    kept = all_coalitions(4)[1:]
    found = neighbours.find(X, kept)
    assert found.shape == (20, 15, neighbours.n_neighbours) and neighbours.n_neighbours == 9
    for i in range(len(X)):
        own = [sum(own_distances(background, X.iloc[i], j) for j in columns) for columns in members]
        for c, coalition in enumerate(kept):
            distance = np.sum([own[player] for player in np.flatnonzero(coalition)], axis=0)
            assert len(set(found[i, c])) == 9
            np.testing.assert_allclose(distance[found[i, c]], np.sort(distance)[:9], atol=1e-3)


def test_rows_at_one_distance_are_taken_from_everywhere():
    background = np.zeros((100, 2))
    chosen = np.sort(Neighbours(background, singles(2)).find(background[:1], np.array([[True, False]]))[0, 0])
    assert len(chosen) == 16 and np.diff(np.concatenate([[0], chosen, [100]])).max() <= 12


def test_all_columns_count_alike_however_they_are_coded():
    rng = np.random.RandomState(0)
    truth = rng.rand(50) < 0.2
    numbers = rng.standard_normal(50)
    kept = np.array([[True, True], [True, False]])
    found = [
        Neighbours(table, singles(2)).find(table, kept)
        for table in (
            pd.DataFrame({"a": truth, "b": numbers}),
            pd.DataFrame({"a": np.where(truth, "yes", "no"), "b": 1000 + 7 * numbers}),
        )
    ]
    np.testing.assert_array_equal(*found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_neighbours_do_not_depend_on_the_company(seed, n_background):
    rng = np.random.RandomState(seed)
    table = pd.DataFrame({"a": rng.randint(3, size=40), "b": rng.choice(["x", "y", None], 40), "c": rng.rand(40)})
    neighbours = Neighbours(table.iloc[:n_background], singles(3))
    kept = rng.rand(5, 3) < 0.5
    order = rng.permutation(40)
    whole = neighbours.find(table, kept)
    np.testing.assert_array_equal(neighbours.find(table.iloc[order], kept[::-1])[:, ::-1], whole[order])


# ---------------------------------------------------------------------- typical rows
def test_a_typical_row_holds_values_that_were_seen():
    table = pd.DataFrame(
        {
            "number": [3.0, np.nan, 1.0, 2.0, 10.0],
            "whole": np.array([4, 1, 2, 3, 9], dtype=np.int8),
            "string": ["b", "a", "b", None, "c"],
            "kind": pd.Categorical(["u", "v", "v", None, None], categories=["u", "v", "w"]),
            "flag": [True, False, True, True, False],
            "day": pd.to_datetime(["2020-01-03", "2020-01-01", None, "2020-01-02", "2021-01-01"]),
            "none": [np.nan] * 5,
            "nullable": pd.array([None, 2, 1, None, None], dtype="Int64"),
        }
    )
    row = typical_row(table)
    pd.testing.assert_series_equal(row.dtypes, table.dtypes)
    assert row.iloc[0, :6].tolist() == [2.0, 3, "b", "v", True, pd.Timestamp("2020-01-02")]
    assert np.isnan(row.iat[0, 6]) and row.iat[0, 7] == 1 and len(row) == 1


@pytest.mark.parametrize("shape", [(7, 3), (7, 1, 2, 2)])
def test_a_typical_row_of_arrays(shape):
    X = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
    row = typical_row(X)
    assert row.shape == (1, *shape[1:]) and row.dtype == np.float32
    np.testing.assert_array_equal(row[0], np.median(X, axis=0))


# ---------------------------------------------------------------------- in explainers
def pipeline(model):
    return make_pipeline(
        make_column_transformer(
            (StandardScaler(), make_column_selector(dtype_include=np.number)),
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                make_column_selector(dtype_exclude=np.number),
            ),
        ),
        model,
    )


MODELS = {
    "forest": lambda: pipeline(RandomForestClassifier(5, random_state=0)),
    "svc": lambda: pipeline(SVC(random_state=0)),
    "net": lambda: pipeline(classifier()),
    "boosting": lambda: HistGradientBoostingRegressor(
        max_iter=5, min_samples_leaf=5, categorical_features=["city", "job"]
    ),
}


@pytest.fixture(params=MODELS)
def mixed(request, frame):
    """Return a model, a table it takes and targets."""
    if request.param != "boosting":
        frame["age"] = frame["age"].fillna(25)
        return MODELS[request.param](), frame, np.where(frame["age"] + 5 * frame["smoker"] > 26, "old", "young")
    frame["city"] = frame["city"].astype("category")
    return MODELS[request.param](), frame, frame["age"].fillna(25).to_numpy() + 5 * frame["smoker"].to_numpy()


@pytest.mark.parametrize("sampling", ["random", "kmeans", "stratified"])
@pytest.mark.parametrize("removal", REMOVALS)
def test_removal_with_every_kind_of_model(removal, sampling, mixed):
    model, table, y = mixed
    explainer = LocalSurrogateExplainer(
        model, removal=removal, background_sampling=sampling, background_size=20, n_samples=30, random_state=0
    ).fit(table, y)
    assert len(explainer.background_) == 20
    pd.testing.assert_series_equal(explainer.background_.dtypes, table.dtypes)
    found = explainer.transform(table)
    assert np.isfinite(found).all() and found.std() > 0
    single = np.concatenate([explainer.transform(table.iloc[[i]]) for i in (0, 7, 40)])
    np.testing.assert_allclose(single, found[[0, 7, 40]], atol=1e-5)
    ends = explainer.coalition_values(table.iloc[:5], np.array([[False] * 5, [True] * 5]))
    np.testing.assert_allclose(ends[:, 1], explainer.explained_output(table.iloc[:5]), rtol=1e-5, atol=1e-6)
    if removal != "marginal":  # marginal values of coalitions take fewer background rows
        base = explainer.base_outputs_[explainer._target_index]
        np.testing.assert_allclose(ends[:, 0], base, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", REMOVING)
@pytest.mark.parametrize("removal", REMOVALS)
def test_every_explainer_that_removes(removal, cls, frame):
    frame["age"] = frame["age"].fillna(25)
    y = np.where(frame["age"] + 5 * frame["smoker"] > 26, "old", "young")
    forest = MODELS["forest"]().fit(frame, y)
    explainer = fast(cls, forest, removal=removal, random_state=0).fit(frame)
    assert explainer._coalitions.removal == removal
    expected = typical_row(explainer.background_) if removal == "baseline" else explainer.background_
    np.testing.assert_allclose(explainer.base_outputs_, explainer._model.outputs(expected).mean(axis=0))
    found = explainer.transform(frame)
    np.testing.assert_allclose(explainer.transform(frame.iloc[3:4]), found[3:4], atol=1e-9)


def test_conditional_removal_needs_a_table():
    images = np.random.RandomState(0).standard_normal((6, 1, 2, 2)).astype(np.float32)
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
    message = "'removal' parameter of LocalSurrogateExplainer is 'conditional'.*rows of shape.*Use 'marginal' or"
    with pytest.raises(ValueError, match=message):
        LocalSurrogateExplainer(module, removal="conditional", n_samples=8).fit(images)
    found = LocalSurrogateExplainer(module, removal="baseline", n_samples=8, random_state=0).fit(images)
    assert found.transform(images).shape == images.shape


def test_removal_changes_nothing_else():
    """The draws of one removal are those of another."""
    X = np.random.RandomState(0).standard_normal((50, 3)).astype(np.float32)
    fits = [
        LocalSurrogateExplainer(regressor(), removal=removal, n_samples=20, random_state=0).fit(X, X[:, 0])
        for removal in REMOVALS
    ]
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.background_, fits[0].background_)
        np.testing.assert_array_equal(fit.coalitions_, fits[0].coalitions_)


@pytest.mark.parametrize("removal", REMOVALS)
def test_a_stored_explainer_removes_alike(removal, frame):
    forest = MODELS["forest"]()
    columns = ["age", "city", "smoker", "job"]
    frame["age"] = frame["age"].fillna(25)
    forest.fit(frame[columns], frame["smoker"])
    explainer = LocalSurrogateExplainer(forest, removal=removal, n_samples=30, random_state=0).fit(frame[columns])
    stored = skops.io.dumps(explainer)
    loaded = skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored))
    twin = pickle.loads(pickle.dumps(explainer))
    expected = explainer.transform(frame[columns])
    np.testing.assert_array_equal(loaded.transform(frame[columns]), expected)
    np.testing.assert_array_equal(twin.transform(frame[columns]), expected)
