"""Mutual information against closed forms, tables whose information is known, and its own shuffles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import digamma
from scipy.stats import entropy
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC

from sklearn_xai import MutualInformationExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.explainers.selection._information import (
    Player,
    labels_information,
    numbers_information,
    separate,
    table_information,
)
from sklearn_xai.explainers.selection.mutual_information import observed_information, shuffled_information
from tests.nets import classifier, table

RNG = np.random.RandomState(0)
X, Y, LABELS = table(n=200)
THREE = np.array(["low", "mid", "top"])[table(n=200, n_classes=3)[2]]


def first_column():
    """Return a fitted model that says the first column of its table."""
    return make_pipeline(FunctionTransformer(first_of), LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))


def first_of(rows):
    return np.asarray(rows)[:, :1].astype(float)


def explain(estimator=None, **kwargs):
    return MutualInformationExplainer(
        FrozenEstimator(first_column()) if estimator is None else estimator,
        **{"n_permutations": 5, "random_state": 0, **kwargs},
    )


def gaussian(n, rho, seed=0):
    return np.random.RandomState(seed).multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)


# ---------------------------------------------------------------------- closed forms
@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_two_gaussian_columns(rho):
    explainer = explain(n_permutations=0).fit(gaussian(2000, rho))
    assert_allclose(explainer.mutual_information_[1], -0.5 * np.log(1 - rho**2), atol=0.05)


def test_a_group_of_gaussian_columns():
    rng = np.random.RandomState(0)
    first, second = rng.randn(2, 2000)
    y = first + second + rng.randn(2000)
    rows = np.column_stack([y, first, second, rng.randn(2000)])
    found = explain(n_permutations=20, feature_groups={"both": [1, 2], "one and noise": [1, 3]}, target=0)
    with pytest.raises(ValueError, match="in two groups"):
        found.fit(rows)
    both = explain(n_permutations=20, feature_groups={"both": [1, 2]}).fit(rows)
    noise = explain(n_permutations=20, feature_groups={"one and noise": [1, 3]}).fit(rows)
    assert_allclose(both.mutual_information_[1], 0.5 * np.log(3), atol=0.08)  # variance 3, of which 1 is left
    assert_allclose(noise.mutual_information_[1], 0.5 * np.log(3 / 2), atol=0.08)
    assert both.p_values_[1] == 1 / 21 and both.null_mean_[1] < 0.05


def test_xor_is_told_by_both_columns_together_only():
    bits = np.array([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)] * 25)
    labels = (bits[:, 0] != bits[:, 1]).astype(int)
    model = FrozenEstimator(RandomForestClassifier(20, random_state=0).fit(bits, labels))
    alone = explain(model, to="y").fit(bits, labels)
    both = explain(model, to="y", feature_groups={"bits": [0, 1]}, n_permutations=19).fit(bits, labels)
    assert_allclose(alone.mutual_information_, 0, atol=1e-12)
    assert_array_equal(alone.p_values_, 1)
    assert_allclose(both.mutual_information_, np.log(2), atol=1e-12)
    assert_allclose(both.p_values_, 1 / 20)


def test_a_discrete_column_of_known_information():
    labels = np.repeat(["a", "b"], 100)
    column = np.concatenate([np.repeat([0, 1], [80, 20]), np.repeat([0, 1], [20, 80])])
    found = explain(FrozenEstimator(LogisticRegression().fit(column[:, None], labels)), to="y")
    wanted = np.log(2) - entropy([0.8, 0.2])
    assert_allclose(found.fit(column[:, None], labels).mutual_information_, wanted, atol=1e-12)


def test_a_column_of_numbers_and_a_class():
    """Two classes that share no value: the column tells the class."""
    labels = np.arange(1000) % 2
    rows = RNG.rand(1000, 1) + labels[:, None]
    found = explain(FrozenEstimator(LogisticRegression().fit(rows, labels)), to="class").fit(rows)
    assert_allclose(found.mutual_information_, np.log(2), atol=0.02)


def test_being_missing_says_something():
    """A number that is missing for one class, and independent of it otherwise."""
    rng = np.random.RandomState(0)
    labels = np.arange(2000) % 2
    column = np.where((labels == 1) & (rng.rand(2000) < 0.5), np.nan, rng.randn(2000))
    rows = pd.DataFrame({"column": column})
    model = HistGradientBoostingClassifier(max_iter=5).fit(rows, labels)
    found = explain(FrozenEstimator(model), to="y", n_permutations=19).fit(rows, labels)
    share = np.mean(np.isnan(column))
    wanted = np.log(2) - (1 - share) * entropy([0.5 / (1 - share), (0.5 - share) / (1 - share)])
    assert_allclose(found.mutual_information_, wanted, atol=0.04)
    assert found.p_values_[0] == 1 / 20


def test_numbers_within_the_values_of_a_discrete_column():
    """The sign of the dependence is that of the other column: told by both, with the information of each half."""
    rng = np.random.RandomState(0)
    sign = rng.choice([-1.0, 1.0], 3000)
    pairs = gaussian(3000, 0.9)
    rows = np.column_stack([sign * pairs[:, 0], sign, pairs[:, 1]])
    found = explain(feature_groups={"signed": [1, 2]}, max_samples=None).fit(rows)
    assert_allclose(found.mutual_information_[1], -0.5 * np.log(1 - 0.81), atol=0.06)
    alone = explain(max_samples=None).fit(rows).mutual_information_[1:]
    assert alone[0] < 0.02 and alone[1] < 0.6


# ---------------------------------------------------------------------- several columns, by a loop
def distances(x):
    """Return the largest difference in any column between all pairs of rows."""
    return np.abs(x[:, None] - x[None]).max(axis=2)


def kraskov_loop(x, y, k):
    of_x, of_y = distances(x), distances(y[:, None])
    total = 0.0
    for i in range(len(x)):
        radius = np.sort(np.maximum(of_x[i], of_y[i]))[k]
        total += digamma((of_x[i] < radius).sum()) + digamma((of_y[i] < radius).sum())
    return digamma(len(x)) + digamma(k) - total / len(x)


def ross_loop(x, labels, k):
    of_x, total = distances(x), 0.0
    for i, label in enumerate(labels):
        own = np.sort(of_x[i][labels == label])
        nearest = min(k, len(own) - 1)
        total += digamma(nearest) - digamma(len(own)) - digamma((of_x[i] < own[nearest]).sum())
    return digamma(len(x)) + total / len(x)


@pytest.mark.parametrize("n_columns", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 4])
def test_estimates_by_a_loop(n_columns, k):
    rng = np.random.RandomState(n_columns)
    x = rng.randn(120, n_columns)
    y = x.sum(axis=1) + rng.randn(120)
    labels = np.digitize(y, [-1, 0, 2.5])
    assert_allclose(numbers_information(x, y, k), kraskov_loop(x, y, k), atol=1e-10)
    assert_allclose(labels_information(x, labels, k), ross_loop(x, labels, k), atol=1e-10)


# ---------------------------------------------------------------------- the null
def test_p_values_of_independent_columns_are_spread_out():
    rng = np.random.RandomState(3)
    rows = np.column_stack([rng.randn(300), rng.randn(300, 12), rng.randint(0, 4, (300, 12))])
    found = explain(n_permutations=39).fit(rows)
    assert found.p_values_[0] == 1 / 40
    assert (found.p_values_[1:] > 0.05).mean() > 0.8 and found.p_values_[1:].max() > 0.7
    inside = np.abs(found.mutual_information_ - found.null_mean_)[1:] < 4 * found.null_std_[1:]
    assert inside.mean() > 0.9


def test_dependent_columns_have_the_least_p_value():
    rows = np.column_stack([RNG.randn(300), *[RNG.randn(300) for _ in range(2)]])
    rows[:, 1] = np.square(rows[:, 0]) + 0.1 * rows[:, 1]  # no correlation, much information
    found = explain(n_permutations=19).fit(rows)
    assert_allclose(found.p_values_[:2], 1 / 20)
    assert found.mutual_information_[1] > found.null_mean_[1] + 5 * found.null_std_[1]
    assert abs(np.corrcoef(rows[:, 0], rows[:, 1])[0, 1]) < 0.3


@pytest.mark.parametrize("discrete", [False, True])
def test_shuffles_are_of_the_estimate_itself(discrete):
    """The order that shuffles nothing gives what was observed, of columns and outputs of every kind."""
    rng = np.random.RandomState(0)
    numbers, codes = rng.randn(300, 2), rng.randint(0, 5, (300, 2)).astype(float)
    numbers[:, 1] += codes[:, 0]
    aim = codes[:, 0].astype(int) if discrete else numbers[:, 0] + codes[:, 1]
    orders = [np.arange(300), *(rng.permutation(300) for _ in range(9))]
    missing = np.where(rng.rand(300, 1) < 0.1, np.nan, numbers[:, [1]])
    for columns in (numbers[:, [1]], codes[:, [1]], numbers, np.column_stack([numbers[:, 0], codes[:, 0]]), missing):
        mask = np.array([len(np.unique(column)) < 20 for column in columns.T])
        player = Player(columns, mask, 3, rng)
        found = shuffled_information(player, [aim if discrete else separate(aim, rng)], [discrete], orders, 3)
        observed = observed_information([player], aim, discrete, n_neighbors=3, seed=0)
        assert found.shape == (1, 10)
        assert_allclose(found[0, 0], observed[0], atol=1e-10)
        assert 0 <= found[0, 1:].mean() < 0.1


def test_no_shuffles():
    found = explain(n_permutations=0).fit(X)
    assert_array_equal(found.p_values_, 1)
    assert np.isnan(found.null_mean_).all() and np.isnan(found.null_std_).all()


# ---------------------------------------------------------------------- ties, constants, categories
@pytest.mark.parametrize("discrete_features", ["auto", False, True])
def test_a_constant_column_tells_nothing(discrete_features):
    rows = np.column_stack([X[:, 0], np.full(200, 3.3), np.full(200, 0)])
    found = explain(discrete_features=discrete_features, n_permutations=9).fit(rows)
    assert_allclose(found.mutual_information_[1:], 0, atol=0.15 if discrete_features is False else 0)
    assert (found.p_values_[1:] > 0.1).all()


def test_a_constant_output_tells_nothing():
    found = explain(FrozenEstimator(LinearRegression().fit(X, np.zeros(200)))).fit(X)
    assert_array_equal(found.mutual_information_, 0)
    assert_array_equal(found.p_values_, 1)


def test_tied_columns_tell_the_same():
    rows = np.column_stack([X[:, 0], X[:, 1] + X[:, 0], X[:, 1] + X[:, 0], 5 * (X[:, 1] + X[:, 0])])
    found = explain(n_permutations=9).fit(rows)
    assert_allclose(found.mutual_information_[2:], found.mutual_information_[1], atol=1e-6)
    assert_allclose(found.null_mean_[2:], found.null_mean_[1], atol=1e-6)


def test_many_ties_are_told_apart_by_noise():
    rows = np.round(gaussian(1000, 0.8), 1)
    found = explain(discrete_features=False, n_permutations=5).fit(rows)
    assert not found.discrete_features_.any()
    assert_allclose(found.mutual_information_[1], -0.5 * np.log(1 - 0.64), atol=0.12)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=60), st.permutations(list("abcde"))
)
def test_the_names_of_categories_do_not_matter(cells, names):
    codes, y = np.array(cells).T
    plain, named = (pd.DataFrame({"c": np.array(list(letters))[codes]}) for letters in ("abcde", names))
    other = FrozenEstimator(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    model = make_pipeline(FunctionTransformer(lengths), other)
    found = [explain(model, to="y").fit(rows, y.astype(float)) for rows in (plain, named)]
    assert_allclose(found[0].mutual_information_, found[1].mutual_information_, atol=1e-12)
    assert_allclose(found[0].p_values_, found[1].p_values_)
    assert found[0].mutual_information_[0] <= entropy(np.bincount(y)) + 1e-12 or len(cells) < 9


def lengths(rows):
    return np.ones((len(rows), 1))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=50))
def test_a_table_by_its_entropies(cells):
    first, second = np.array(cells).T
    both = np.unique(np.array(cells), axis=0, return_counts=True)[1]
    wanted = entropy(np.bincount(first)) + entropy(np.bincount(second)) - entropy(both)
    assert_allclose(table_information(first, second), wanted, atol=1e-12)


# ---------------------------------------------------------------------- targets
def test_several_outputs_have_importances_of_their_own():
    model = LogisticRegression().fit(X, THREE)
    every, predicted = explain(model, target="all").fit(X), explain(model).fit(X)
    blocks = every.transform(X[:30]).reshape(30, 3, 4)
    assert every.mutual_information_.shape == every.p_values_.shape == every.null_std_.shape == (3, 4)
    assert_array_equal(blocks, np.broadcast_to(every.mutual_information_, (30, 3, 4)))
    assert_array_equal(
        predicted.transform(X[:30]), every.mutual_information_[model.decision_function(X[:30]).argmax(axis=1)]
    )
    alone = explain(model, target="mid").fit(X)
    assert_allclose(alone.transform(X[:2]), [every.mutual_information_[1]] * 2)
    assert not np.allclose(every.mutual_information_[0], every.mutual_information_[1], atol=0.01)


def test_the_predicted_class_is_one_thing_to_tell():
    model = LogisticRegression().fit(X, THREE)
    found = explain(model, to="class", target="all").fit(X)
    assert found.mutual_information_.shape == (4,)
    assert_array_equal(found.transform(X[:1]).reshape(3, 4), [found.mutual_information_] * 3)
    by_hand = explain(FrozenEstimator(model), to="y").fit(X, model.predict(X))
    assert_allclose(by_hand.mutual_information_, found.mutual_information_)


def test_what_cannot_be_told():
    with pytest.raises(ValueError, match="'to' parameter of MutualInformationExplainer is 'class', but the model"):
        explain(to="class").fit(X)
    with pytest.raises(ValueError, match="'to' parameter of MutualInformationExplainer is 'y', but fit was called"):
        explain(to="y").fit(X)


@pytest.mark.parametrize("given", [["no such"], [7], [-1], [0.5], [True, False]])
def test_discrete_features_that_are_no_columns(given):
    with pytest.raises(ValueError, match="'discrete_features' parameter of MutualInformationExplainer must be 'auto'"):
        explain(discrete_features=given).fit(X)


def test_discrete_features_by_name_index_and_mask():
    rows = pd.DataFrame(np.round(X, 0), columns=list("abcd")).assign(e=X[:, 0])
    mask = [False, True, False, True, False]
    for chosen in (["b", "d"], [1, 3], mask, np.array(mask)):
        assert_array_equal(explain(discrete_features=chosen).fit(rows).discrete_features_, mask)
    assert_array_equal(explain().fit(rows).discrete_features_, [True, True, True, True, False])


# ---------------------------------------------------------------------- tables and models
def frame(n=300):
    rng = np.random.RandomState(0)
    rows = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n).astype(float),
            "city": pd.array(rng.choice(["Bern", "Genf", "Chur"], n), dtype="str"),
            "size": pd.Categorical(rng.choice(["s", "m", "l"], n), categories=["s", "m", "l"], ordered=True),
            "member": rng.rand(n) < 0.5,
            "none": np.nan,
            "day": pd.date_range("2020-01-01", periods=n),
        }
    )
    y = rows["age"] / 20 + 2 * (rows["city"] == "Genf") + rows["member"] * 3.0
    rows.loc[::7, "age"] = np.nan
    rows.loc[::9, "city"] = None
    return rows, y.to_numpy()


def boosting(kind=HistGradientBoostingRegressor, **kwargs):
    encode = (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number"))
    return make_pipeline(make_column_transformer(encode, remainder="passthrough"), kind(max_iter=30, **kwargs))


def test_strings_categories_booleans_dates_and_missing_values():
    rows, y = frame()
    model = boosting(categorical_features=None)
    model.set_params(columntransformer__remainder="passthrough").fit(rows.drop(columns=["none", "day"]), y)
    model = FrozenEstimator(make_pipeline(FunctionTransformer(without_days), model))
    found = explain(model, n_permutations=39, discrete_features=False, random_state=1).fit(rows)
    assert_array_equal(found.discrete_features_, [False, True, True, False, True, False])
    assert_allclose(found.p_values_[[0, 1, 3]], 1 / 40)
    assert (found.p_values_[[2, 4, 5]] > 0.05).all() and found.mutual_information_[4] == 0
    grouped = explain(model, feature_groups={"who": ["age", "city", "member"], "rest": ["size", "day"]}).fit(rows)
    assert grouped.get_feature_names_out().tolist() == ["who", "rest", "none"]
    assert grouped.mutual_information_[0] > found.mutual_information_[[0, 1, 3]].max()


def without_days(rows):
    return rows.drop(columns=["none", "day"])


@pytest.mark.parametrize("kind", [RandomForestClassifier, SVC, lambda **_: classifier()])
def test_any_model(kind):
    found = explain(kind(random_state=0)).fit(X, THREE).transform(X[:1])
    assert found.shape == (1, 4) and (found >= 0).all()
    assert explain(kind(random_state=0)).fit(X[:, :1], THREE).transform(X[:3, :1]).shape == (3, 1)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_few_rows(n):
    found = explain().fit(X[:n])
    assert np.isfinite(found.transform(X[:1])).all() and (found.p_values_ > 0).all()


def test_columns_are_shared_out_among_threads_and_rows_are_drawn():
    one = explain(max_samples=100).fit(X)
    assert_array_equal(explain(max_samples=100, n_jobs=2).fit(X).null_mean_, one.null_mean_)
    assert not np.allclose(one.mutual_information_, explain().fit(X).mutual_information_)


def test_the_census():
    rows, y = load_adult(return_X_y=True)
    rows, y = rows[:1500], y[:1500]
    model = boosting(HistGradientBoostingClassifier).fit(rows, y)
    found = explain(model, n_permutations=19).fit(rows)
    by_name = dict(zip(found.player_names_, found.mutual_information_, strict=True))
    assert by_name["relationship"] > by_name["sex"] > by_name["native_country"]
    assert found.p_values_[found.player_names_ == "age"] == 1 / 20
    assert_array_equal(found.transform(rows[:2]), [found.mutual_information_] * 2)
