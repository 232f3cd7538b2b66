"""A forest instead of the model: its Shapley values by enumeration, its importances by plain loops, its fidelity."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.ensemble import RandomForestRegressor as Forest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from sklearn_xai import ForestExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.explainers.selection._forests import impurity_importances, out_of_bag, permutation_importances
from tests.nets import classifier, table

X, Y, LABELS = table(n=200)
THREE = np.array(["low", "mid", "top"])[table(n=200, n_classes=3)[2]]
MODEL = LinearRegression().fit(X, Y)


def explain(estimator=MODEL, **kwargs):
    return ForestExplainer(
        estimator, **{"n_estimators": 20, "random_state": 0, "background_size": 10, "min_fidelity": None, **kwargs}
    )


def shapley(values, n_players):
    """Return the Shapley values of ``values(coalition)``, a coalition being a tuple of players, by enumeration."""
    found = []
    for i in range(n_players):
        others = [j for j in range(n_players) if j != i]
        total = 0.0
        for size in range(n_players):
            weight = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
            total += weight * sum(values((*s, i)) - values(s) for s in combinations(others, size))
        found.append(total)
    return np.array(found)


# ---------------------------------------------------------------------- Shapley values
def test_shapley_values_are_those_of_the_forest_by_enumeration():
    explainer = explain().fit(X)
    background = explainer.background_

    def values(row, coalition):
        rows = background.copy()
        rows[:, list(coalition)] = row[list(coalition)]
        return explainer.forest_.predict(rows).mean()

    for row, found in zip(X[:3], explainer.transform(X[:3]), strict=True):
        assert_allclose(found, shapley(partial(values, row), 4), atol=1e-6)


def test_they_add_up_to_the_forest_and_the_gap_is_its_error():
    explainer = explain().fit(X)
    shown = explainer.explain(X)
    assert_allclose(shown.base_values + shown.values.sum(axis=1), explainer.forest_.predict(X), atol=1e-6)
    assert_allclose(shown.surrogate_output, explainer.forest_.predict(X))
    assert_allclose(shown.completeness_gap, np.abs(MODEL.predict(X) - explainer.forest_.predict(X)), atol=1e-5)
    assert shown.completeness_gap.max() > 0.01


def test_an_output_says_the_same_whichever_are_explained_with_it():
    model = LogisticRegression().fit(X, THREE)
    every, rows = explain(model, target="all").fit(X), X[:30]
    blocks = every.transform(rows).reshape(30, 3, 4)
    assert len(every.forest_) == 3 and every.fidelity_.shape == (3,)
    for k, label in enumerate(model.classes_):
        alone = explain(model, target=label).fit(X)
        assert_allclose(alone.transform(rows), blocks[:, k])
        assert_allclose(alone.fidelity_, every.fidelity_[k])
    predicted = explain(model).fit(X).transform(rows)
    chosen = np.argmax(model.decision_function(rows), axis=1)
    assert len(set(chosen)) == 3
    assert_allclose(predicted, blocks[np.arange(30), chosen])


# ---------------------------------------------------------------------- global importances
def test_impurity_is_the_forests_own():
    explainer = explain(importance="impurity").fit(X)
    assert_allclose(explainer.transform(X[:2]), [explainer.forest_.feature_importances_] * 2, atol=1e-7)
    of_labels = RandomForestClassifier(15, random_state=0).fit(X, THREE)
    of_two = RandomForestClassifier(15, random_state=0).fit(X, LABELS)
    assert_allclose(impurity_importances(of_two), [of_two.feature_importances_] * 2, atol=1e-12)
    found = impurity_importances(of_labels)
    assert_allclose(found.sum(axis=1), 1)
    assert not np.allclose(found[0], found[2])


def test_impurity_of_a_class_by_the_rows_of_each_node():
    forest = RandomForestClassifier(1, bootstrap=False, max_depth=3, random_state=0).fit(X, THREE)
    tree = forest.estimators_[0].tree_
    passed = forest.estimators_[0].decision_path(X).toarray().astype(bool)
    wanted = np.zeros((3, 4))
    for k, label in enumerate(forest.classes_):
        of_class = (label == THREE).astype(float)
        squares = [np.square(of_class[rows] - of_class[rows].mean()).sum() for rows in passed.T]
        for node in np.flatnonzero(tree.children_left >= 0):
            gain = squares[node] - squares[tree.children_left[node]] - squares[tree.children_right[node]]
            wanted[k, tree.feature[node]] += gain
    assert_allclose(impurity_importances(forest), wanted / wanted.sum(axis=1, keepdims=True), atol=1e-10)


def test_out_of_bag_is_scikit_learns():
    forest = Forest(40, oob_score=True, random_state=0).fit(X, Y)
    (found,), held_out = out_of_bag(forest, X[None])
    assert held_out.all()
    assert_allclose(found[:, 0], forest.oob_prediction_, rtol=1e-6)
    trees = RandomForestClassifier(40, oob_score=True, random_state=0).fit(X, THREE)
    assert_allclose(out_of_bag(trees, X[None])[0][0], trees.oob_decision_function_, atol=1e-12)


def test_rows_that_all_trees_were_grown_on_get_what_all_say():
    forest = Forest(1, random_state=0).fit(X, Y)
    (found,), held_out = out_of_bag(forest, X[None])
    assert_array_equal(np.flatnonzero(~held_out), np.unique(forest.estimators_samples_[0]))
    assert_allclose(found[:, 0], forest.predict(X))


def test_permutation_is_the_drop_of_the_score_out_of_bag():
    forest = Forest(10, random_state=0).fit(X, Y)
    members = [np.array([0, 2]), np.array([1]), np.array([3])]
    found = permutation_importances(forest, X, Y[:, None], members, n_repeats=3, rng=np.random.RandomState(1), n_jobs=2)
    rng = np.random.RandomState(1)
    orders = [rng.permutation(len(X)) for _ in range(3)]

    def score(table):
        said, n = np.zeros(len(X)), np.zeros(len(X))
        for tree, sample in zip(forest.estimators_, forest.estimators_samples_, strict=True):
            for i in set(range(len(X))) - set(sample.tolist()):
                said[i] += tree.predict(table[i : i + 1])[0]
                n[i] += 1
        return r2_score(Y[n > 0], said[n > 0] / n[n > 0])

    for player, columns in enumerate(members[:1]):
        shuffled = []
        for order in orders:
            rows = X.copy()
            rows[:, columns] = X[order][:, columns]
            shuffled.append(score(rows))
        assert_allclose(found[0, player], score(X) - np.mean(shuffled), atol=1e-6)


@pytest.mark.parametrize("importance", ["impurity", "permutation", "shap"])
def test_a_column_the_model_ignores_gets_least(importance):
    model = LinearRegression().fit(X, X @ [3.0, 0.0, -1.0, 2.0])
    found = explain(model, importance=importance, n_estimators=40).fit(X).feature_importances_
    assert found.argmin() == 1 and found.argmax() == 0
    assert found[1] < 0.1 * found[0]


@pytest.mark.parametrize("importance", ["impurity", "permutation"])
def test_global_importances_of_several_outputs(importance):
    model = LinearRegression().fit(X, X @ np.array([[1, 0], [0, 0], [0, 0], [0, 50.0]]))
    found = explain(model, importance=importance).fit(X).transform(X[:2])
    assert found.shape == (2, 8) and (found[0] == found[1]).all()
    assert found[0, :4].argmax() == 0 and found[0, 4:].argmax() == 3


# ---------------------------------------------------------------------- fidelity
def test_a_forest_too_poor_is_told_with_the_number():
    with pytest.warns(UserWarning, match=r"ForestExplainer: the fidelity is 0\.\d+ on held-out rows.*Raise n_est"):
        explain(max_depth=1, min_fidelity=0.7).fit(X)
    with pytest.warns(UserWarning, match="the fidelity of output 'mid' is"):
        explain(LogisticRegression().fit(X, THREE), max_depth=1, target="all", min_fidelity=0.7).fit(X)


def test_fidelity_is_out_of_bag():
    explainer = explain(n_estimators=60, min_samples_leaf=1).fit(X)
    forest = Forest(60, oob_score=True, random_state=explainer.forest_.random_state).fit(X, MODEL.predict(X))
    assert_allclose(explainer.fidelity_, forest.oob_score_, atol=1e-6)
    assert isinstance(explainer.fidelity_, float) and explainer.agreement_ is None
    assert explainer.fidelity_ < r2_score(MODEL.predict(X), explainer.forest_.predict(X))


def test_agreement_is_of_classes():
    two = explain(LogisticRegression().fit(X, LABELS)).fit(X)
    every = explain(LogisticRegression().fit(X, THREE), target="all").fit(X)
    one_of_three = explain(LogisticRegression().fit(X, THREE), target="mid").fit(X)
    assert 0.8 < two.agreement_ < 1 and 0.7 < every.agreement_ < 1 and one_of_three.agreement_ is None


# ---------------------------------------------------------------------- fitted to y
def test_fitted_to_labels_it_explains_their_probability():
    model = LogisticRegression().fit(X, THREE)
    explainer = explain(FrozenEstimator(model), to="y", target="top", output="proba").fit(X, THREE)
    shown = explainer.explain(X)
    proba = explainer.forest_.predict_proba(X)[:, 2]
    assert_array_equal(explainer.forest_.classes_, model.classes_)
    assert_allclose(shown.base_values + shown.values.sum(axis=1), proba, atol=1e-6)
    assert shown.completeness_gap.max() < 1e-5
    assert 0.5 < explainer.fidelity_ < 1 and explainer.fidelity_ == explainer.agreement_


def test_fitted_to_y_the_model_does_not_matter():
    other = FrozenEstimator(LinearRegression().fit(X, -7 * X[:, 1]))
    first = explain(FrozenEstimator(MODEL), to="y").fit(X, Y).transform(X)
    assert_allclose(explain(other, to="y").fit(X, Y).transform(X), first)


def test_a_class_that_y_lacks_gets_nothing():
    model = LogisticRegression().fit(X, THREE)
    some = THREE != "low"
    for importance in ("shap", "impurity", "permutation"):
        explainer = explain(FrozenEstimator(model), to="y", target="all", importance=importance)
        blocks = explainer.fit(X[some], THREE[some]).transform(X[:5]).reshape(5, 3, 4)
        assert (blocks[:, 0] == 0).all() and (blocks[:, 1] != 0).any()


def test_y_that_does_not_suit():
    with pytest.raises(ValueError, match="'to' parameter of ForestExplainer is 'y', but fit was called without y"):
        explain(to="y").fit(X)
    model = FrozenEstimator(LogisticRegression().fit(X, THREE))
    with pytest.raises(ValueError, match=r"y has the labels \['new'\], which the model does not know"):
        explain(model, to="y").fit(X, np.where(THREE == "low", "new", THREE))
    with pytest.raises(ValueError, match="one column, or one for each output of a regressor: 1 here. Got 2"):
        explain(FrozenEstimator(MODEL), to="y").fit(X, np.column_stack([Y, Y]))


# ---------------------------------------------------------------------- tables and models
def frame(n=150):
    rng = np.random.RandomState(0)
    rows = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n).astype(float),
            "city": pd.array(rng.choice(["Bern", "Genf", "Chur"], n), dtype="str"),
            "size": pd.Categorical(rng.choice(["s", "m", "l"], n), categories=["s", "m", "l"], ordered=True),
            "member": rng.rand(n) < 0.5,
            "fixed": 1.0,
        }
    )
    y = rows["age"] / 20 + 2 * (rows["city"] == "Genf") + rows["member"] * (rows["size"] == "l")
    rows.loc[::7, "age"] = np.nan
    rows.loc[::9, "city"] = None
    return rows, y.to_numpy()


def boosting(kind=HistGradientBoostingRegressor):
    encode = (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number"))
    return make_pipeline(make_column_transformer(encode, remainder="passthrough"), kind(max_iter=30))


@pytest.mark.parametrize("importance", ["impurity", "permutation", "shap"])
def test_strings_categories_booleans_and_missing_values(importance):
    rows, y = frame()
    explainer = explain(boosting().fit(rows, y), importance=importance, feature_groups={"who": ["age", "member"]})
    explainer.fit(rows)
    found = explainer.transform(rows)
    assert explainer.get_feature_names_out().tolist() == ["who", "city", "size", "fixed"]
    assert np.isfinite(found).all() and (found[:, 3] == 0).all() and found[:, 0].any()
    assert_allclose(explainer.transform(rows.iloc[3:4]), found[3:4])
    unseen = rows.iloc[:2].assign(city=pd.array(["Rom", None], dtype="str"))
    assert np.isfinite(explainer.transform(unseen)).all()


def test_missing_values_add_up_as_others_do():
    rows, y = frame()
    shown = explain(boosting().fit(rows, y)).fit(rows).explain(rows)
    assert np.isnan(rows["age"]).any()
    assert_allclose(shown.base_values + shown.values.sum(axis=1), shown.surrogate_output, atol=1e-5)


@pytest.mark.parametrize("kind", [RandomForestClassifier, SVC, lambda **_: classifier()])
def test_any_model(kind):
    model = make_pipeline(StandardScaler(), kind(random_state=0))
    explainer = explain(model).fit(X, THREE)
    assert explainer.transform(X[:1]).shape == (1, 4)
    one_column = explain(kind(random_state=0)).fit(X[:, :1], THREE)
    assert one_column.transform(X[:3, :1]).shape == (3, 1)


def test_the_census():
    rows, y = load_adult(return_X_y=True)
    rows, y = rows[:1000], y[:1000]
    model = boosting(HistGradientBoostingClassifier).fit(rows, y)
    explainer = explain(model, min_fidelity=0.7, importance="impurity").fit(rows)
    best = explainer.player_names_[np.argsort(-explainer.feature_importances_)[:5]]
    assert {"relationship", "marital_status"} & set(best) and explainer.agreement_ > 0.8
