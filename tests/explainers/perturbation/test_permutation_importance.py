"""Permutation importance: closed forms, what is not predicted twice, scorers of every kind, the user's own columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from sklearn_xai import OcclusionExplainer, PermutationImportanceExplainer
from sklearn_xai.explainers.perturbation._permuted_scores import codes_of, distinct_rows, mixed_rows, permutations
from tests.nets import classifier, regressor, table


def shuffled(X, columns, order):
    """Return a table with some columns in another order, made cell by cell."""
    if hasattr(X, "iloc"):
        parts = [X.iloc[:, j].iloc[order if j in columns else slice(None)].to_numpy() for j in range(X.shape[1])]
        return pd.DataFrame({j: pd.Series(part, dtype=X.dtypes.iloc[j]) for j, part in enumerate(parts)}).set_axis(
            X.columns, axis=1
        )
    return np.column_stack([X[order if j in columns else slice(None), j] for j in range(X.shape[1])])


def one_by_one(score, X, members, n_repeats, random_state):
    """Return the drop of a score of a table for each player and repeat, one permutation at a time."""
    orders = permutations(len(X), n_repeats, random_state)
    return score(X) - np.array([[score(shuffled(X, list(columns), order)) for order in orders] for columns in members])


def mixed_frame(n=60):
    rng = np.random.RandomState(0)
    city = pd.array(rng.choice(["Bern", "Genf", "Basel"], n), dtype="str")
    city[3] = None
    X = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n),
            "city": city,
            "size": pd.Categorical(rng.choice(["S", "M", "L"], n), categories=["S", "M", "L"], ordered=True),
            "member": rng.rand(n) > 0.5,
            "income": np.where(rng.rand(n) < 0.1, np.nan, rng.lognormal(size=n)),
        }
    )
    return X, np.where((X["age"] > 45) ^ X["member"], "yes", "no")


def mixed_pipeline(final):
    before = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "size"]),
        ("passthrough", ["age", "member", "income"]),
    )
    return make_pipeline(before, final)


# ---------------------------------------------------------------------- the parts
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_every_permuted_row_is_found_among_the_distinct_ones(values, n_repeats, seed):
    X = np.column_stack([values, np.arange(len(values))])
    orders = permutations(len(X), n_repeats, seed)
    rows, sources, place = distinct_rows(codes_of(X, [0]), orders)
    pool = np.concatenate([X, mixed_rows(X, [0], rows, sources)])
    assert len(np.unique(pool, axis=0)) == len(pool)
    for order, at in zip(orders, place, strict=True):
        assert_array_equal(pool[at], shuffled(X, [0], order))


def test_codes_tell_values_apart_as_a_model_may():
    objects = np.array([1, True, "1", None, np.nan, 1.0, 1], dtype=object)[:, None]
    assert len(np.unique(codes_of(objects, [0]))) == 6
    assert len(np.unique(codes_of(np.array([[[1], [1]], [[2], 0]], dtype=object)[:, :1], [0]))) == 2
    numbers = np.array([[0.0, 1], [np.nan, 1], [0.0, 2], [np.nan, 1], [0.0, 1]])
    assert_array_equal(codes_of(numbers, [0, 1]), [0, 2, 1, 2, 0])
    X, _ = mixed_frame()
    for j, column in enumerate(X):
        assert len(np.unique(codes_of(X, [j]))) == X[column].nunique(dropna=False)


def test_rows_that_no_permutation_changes_are_not_predicted_again():
    class Counting(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_, self.seen_ = np.unique(y), []
            return self

        def predict(self, X):
            self.seen_.append(len(X))
            return np.where(X[:, 0] > 0, *self.classes_[::-1])

        def predict_proba(self, X):
            return np.eye(2)[(X[:, 0] > 0).astype(int)]

    rng = np.random.RandomState(0)
    X = np.column_stack([rng.randint(2, size=100), np.ones(100), rng.randn(100)])
    model = Counting().fit(X, np.arange(100) % 2)
    PermutationImportanceExplainer(FrozenEstimator(model), n_repeats=20).fit(X, np.arange(100) % 2)
    assert model.seen_[0] == 100  # the rows as they are
    assert model.seen_[1] <= 100  # a column of two values: each row changes in one way only
    assert len(model.seen_) == 3 and model.seen_[2] > 1500  # a constant changes nothing; all repeats in one batch


# ---------------------------------------------------------------------- global importances
@pytest.mark.parametrize("kind", ["forest", "svc", "net", "pipeline of a net", "mixing pipeline of a net"])
def test_one_permutation_at_a_time(kind):
    X, _, y = table(n=60)
    model = {
        "forest": lambda: RandomForestClassifier(10, random_state=0),
        "svc": SVC,
        "net": classifier,
        "pipeline of a net": lambda: make_pipeline(StandardScaler(), classifier()),
        "mixing pipeline of a net": lambda: make_pipeline(PCA(3), classifier()),
    }[kind]()
    groups = {"both": [1, 3]}
    explainer = PermutationImportanceExplainer(model, feature_groups=groups, n_repeats=3, random_state=5).fit(X, y)
    drops = one_by_one(lambda Z: np.mean(explainer.predict(Z) == y), X, explainer._members, 3, 5)
    assert [list(columns) for columns in explainer._members] == [[0], [1, 3], [2]]
    assert_allclose(explainer.importances_, drops, atol=1e-12)
    assert_allclose(explainer.importances_mean_, drops.mean(axis=1), atol=1e-12)
    assert_allclose(explainer.importances_std_, drops.std(axis=1), atol=1e-12)
    assert_allclose(explainer.transform(X[:4]), np.tile(drops.mean(axis=1), (4, 1)), atol=1e-6)
    assert explainer.baseline_score_ == pytest.approx(np.mean(explainer.predict(X) == y))


@pytest.mark.parametrize("final", [HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5), "classifier"])
def test_columns_of_a_frame_as_they_come(final):
    X, y = mixed_frame()
    if final == "classifier":
        X, final = X.assign(income=X["income"].fillna(0)), RandomForestClassifier(10, random_state=0)
    else:
        y = (y == "yes").astype(float)
    model = mixed_pipeline(final).fit(X, y)
    explainer = PermutationImportanceExplainer(FrozenEstimator(model), random_state=1).fit(X, y)
    drops = one_by_one(lambda Z: model.score(Z, y), X, explainer._members, 5, 1)
    assert_allclose(explainer.importances_, drops, atol=1e-12)
    assert explainer.importances_mean_.max() > 0.05
    assert_array_equal(explainer.get_feature_names_out(), X.columns)


def test_linear_model():
    """Permuting a column of a linear model that fits exactly costs 2 w^2 (var - cov with the permuted column)."""
    rng = np.random.RandomState(0)
    X, w = rng.standard_normal((80, 3)), np.array([1.0, 0.0, -2.0])
    y = X @ w
    explainer = PermutationImportanceExplainer(FrozenEstimator(LinearRegression().fit(X, y)), random_state=0).fit(X, y)
    orders = permutations(80, 5, 0)
    expected = [[np.mean((w[j] * (X[order, j] - X[:, j])) ** 2) / y.var() for order in orders] for j in range(3)]
    assert_allclose(explainer.importances_, expected, atol=1e-10)
    assert_allclose(explainer.importances_[1], 0, atol=1e-12)


SCORES = {
    "accuracy": lambda model, X, y: metrics.accuracy_score(y, model.predict(X)),
    "neg_log_loss": lambda model, X, y: -metrics.log_loss(y, model.predict_proba(X)),
    "roc_auc": lambda model, X, y: metrics.roc_auc_score(y, model.predict_proba(X)[:, 1]),
    "f1": lambda model, X, y: metrics.f1_score(y, model.predict(X)),
}


@pytest.mark.parametrize("scoring", SCORES)
@pytest.mark.parametrize("build", [classifier, LogisticRegression])
def test_scorers_by_name(scoring, build):
    X, _, y = table(n=60)
    explainer = PermutationImportanceExplainer(build(), scoring=scoring, n_repeats=2, random_state=0).fit(X, y)
    drops = one_by_one(lambda Z: SCORES[scoring](explainer, Z, y), X, explainer._members, 2, 0)
    assert_allclose(explainer.importances_, drops, atol=1e-6)


@pytest.mark.parametrize("build", [classifier, RandomForestClassifier])
def test_a_callable_is_given_the_permuted_table_and_what_predicts_labels(build):
    X, _, labels = table(n=60)
    X, y = pd.DataFrame(X, columns=list("abcd")), np.array(["low", "high"])[labels]

    def scorer(model, Z, truth):
        assert isinstance(Z, pd.DataFrame) and list(Z) == list("abcd")
        return np.mean(model.predict(Z) == truth)

    settings = {"n_repeats": 2, "random_state": 0}
    before = make_column_transformer((StandardScaler(), list("abcd")))
    model = make_pipeline(before, build())
    called = PermutationImportanceExplainer(model, scoring=scorer, **settings).fit(X, y)
    made = PermutationImportanceExplainer(model, scoring=metrics.make_scorer(metrics.accuracy_score), **settings).fit(
        X, y
    )
    assert_allclose(called.importances_, made.importances_, atol=1e-12)
    assert 0.5 < called.baseline_score_ <= 1


def test_without_y_the_model_is_held_against_itself():
    X, y, labels = table(n=60)
    model = RandomForestClassifier(10, random_state=0).fit(X, labels)
    alone = PermutationImportanceExplainer(model, random_state=0).fit(X)
    with_own = PermutationImportanceExplainer(FrozenEstimator(model), random_state=0).fit(X, model.predict(X))
    assert alone.baseline_score_ == 1
    assert_array_equal(alone.importances_, with_own.importances_)
    net = regressor().fit(X, y.reshape(-1, 1))
    alone = PermutationImportanceExplainer(net, random_state=0).fit(X)
    drops = one_by_one(lambda Z: metrics.r2_score(alone.predict(X), alone.predict(Z)), X, alone._members, 5, 0)
    assert alone.baseline_score_ == 1
    assert_allclose(alone.importances_, drops, atol=1e-6)


def test_a_score_of_the_estimators_own():
    class Scored(LinearRegression):
        def score(self, X, y):
            return -np.abs(self.predict(X) - y).max()

    X, y, _ = table(n=40)
    model = Scored().fit(X, y)
    explainer = PermutationImportanceExplainer(FrozenEstimator(model), n_repeats=2, random_state=0).fit(X, y)
    drops = one_by_one(lambda Z: model.score(Z, y), X, explainer._members, 2, 0)
    assert_allclose(explainer.importances_, drops, atol=1e-6)


def test_outputs_and_targets_share_the_importances():
    X, _, y = table(n=60, n_classes=3)
    explainer = PermutationImportanceExplainer(RandomForestClassifier(5, random_state=0), target="all").fit(X, y)
    assert_allclose(explainer.transform(X[:2]), np.tile(explainer.importances_mean_, (2, 3)))
    predicted = PermutationImportanceExplainer(explainer.estimator_, random_state=0).fit(X)
    assert_allclose(predicted.transform(X[:2]), np.tile(predicted.importances_mean_, (2, 1)))


def test_one_row_cannot_be_shuffled():
    X, y, _ = table()
    model = LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="at least 2 of them. Got 1 sample. Give more rows, or use kind='local'"):
        PermutationImportanceExplainer(model).fit(X[:1])
    assert PermutationImportanceExplainer(model, kind="local").fit(X[:1]).transform(X[:3]).shape == (3, 4)


# ---------------------------------------------------------------------- local importances
def test_local_importances_of_a_linear_model():
    X, y, _ = table(n=60)
    X = X.astype(float)
    model = LinearRegression().fit(X, y)
    explainer = PermutationImportanceExplainer(model, kind="local").fit(X)
    assert_allclose(explainer.transform(X[:5]), model.coef_ * (X[:5] - X.mean(axis=0)), atol=1e-6)
    assert not hasattr(explainer, "importances_")


@pytest.mark.parametrize("final", ["forest", "net"])
def test_local_importances_are_those_of_occlusion(final):
    X, y = mixed_frame()
    X = X.assign(income=X["income"].fillna(0))
    model = mixed_pipeline(RandomForestClassifier(10, random_state=0) if final == "forest" else classifier())
    settings = {"background_size": 7, "random_state": 3, "target": "all", "feature_groups": {"who": ["age", "member"]}}
    local = PermutationImportanceExplainer(model, kind="local", **settings).fit(X, y)
    assert_allclose(local.transform(X), OcclusionExplainer(model, **settings).fit(X, y).transform(X), atol=1e-6)


def test_fitted_again_as_the_other_kind():
    X, y, _ = table()
    explainer = PermutationImportanceExplainer(LinearRegression()).fit(X, y)
    assert not hasattr(explainer.set_params(kind="local").fit(X, y), "importances_mean_")
    assert explainer.set_params(kind="global").fit(X, y).importances_mean_.shape == (4,)
