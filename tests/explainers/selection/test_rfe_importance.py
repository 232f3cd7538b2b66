"""Recursive elimination by another explainer, the choice of the number of columns, how columns are removed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from torch import nn

from sklearn_xai import InputXGradientExplainer, LocalSurrogateExplainer, PartialDependenceExplainer, RFEExplainer
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.explainers.selection._elimination import TrainedAgain, take_cells
from tests.nets import classifier, regressor
from tests.oracles import mlp, run, seeded

COEF = np.array([0.5, -3.0, 0.1, 2.0, -1.0, 0.0])


def rows(n=80, d=6, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


class Seen(BaseExplainer):
    """Says of each column how much it varies in the rows it is given, and takes note of what it was given."""

    notes: list = []

    def _prepare(self, X, y, rng):
        self.notes.append((self, np.asarray(X), y))
        self.spread_ = np.array([np.asarray(X)[:, columns].std() for columns in self._members])

    def _attribute(self, X, choose):
        outputs, _ = self._model.explained(X, choose)
        return Attributions(np.repeat(self.spread_[None], len(X), axis=0), np.zeros(len(X)), outputs, {})


@pytest.fixture
def seen():
    Seen.notes = []
    return Seen(None)


# ---------------------------------------------------------------------- another explainer ranks
@pytest.mark.parametrize("importance", [PartialDependenceExplainer(None), LocalSurrogateExplainer(None, n_samples=500)])
@pytest.mark.parametrize("step", [1, 2])
def test_on_a_linear_model_any_importance_ranks_by_weight_times_spread(importance, step):
    X = rows(200)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LinearRegression().fit(X, X @ COEF)
    explainer = RFEExplainer(model, importance=importance, step=step, n_features_to_select=2, random_state=0).fit(X)
    assert_array_equal(explainer.support_, [False, True, False, True, False, False])
    if step == 1:
        assert explainer.elimination_order_[2:].tolist() == [0, 4, 3, 1]


def test_gradients_rank_the_inputs_of_a_net():
    X = rows(60, 4).astype(np.float32)
    net = regressor(nn.Linear(4, 1), callbacks=None, lr=0.0).fit(X, X[:, :1])
    weights = np.abs(net.module_.weight.detach().numpy()[0])
    explainer = RFEExplainer(net, importance=InputXGradientExplainer(None), n_features_to_select=1, random_state=0)
    explainer.fit(X)
    expected = np.argsort(weights * np.abs(X).mean(axis=0))
    assert explainer.elimination_order_.tolist() == expected.tolist()
    explained = explainer.explain(X)
    assert explained.completeness_gap.max() < 1e-5


def test_a_template_is_used_as_it_is_set_and_left_alone(seen):
    module, X = seeded(lambda: mlp(4, 3, nn.Tanh)), rows(d=4)
    seen.set_params(batch_size=7)
    before = seen.get_params()
    RFEExplainer(module, importance=seen, target=1, feature_groups={"g": [0, 2]}, random_state=0).fit(X)
    assert seen.get_params() == before and not hasattr(seen, "estimator_")
    for used, *_ in Seen.notes:
        assert used.batch_size == 7 and used.target == 1 and used.estimator is module
        assert used.player_names_.tolist() == ["g", "x1", "x3"]


def test_eliminated_columns_are_those_of_other_rows(seen):
    X = rows(50, 3)
    model = LinearRegression().fit(X, X @ [1.0, 2.0, 3.0])
    explainer = RFEExplainer(model, importance=seen, random_state=0).fit(X)
    first, second, third = (table for _, table, _ in Seen.notes)
    assert_array_equal(first, X)
    gone, last = explainer.elimination_order_[[0, 2]]
    for table in (second, third):
        assert (table[:, gone] != X[:, gone]).mean() > 0.8 and np.isin(table[:, gone], X[:, gone]).all()
        assert_array_equal(table[:, last], X[:, last])


def test_eliminated_columns_are_removed_as_the_explainer_removes_them(seen):
    X = rows(100, 2)
    X[:, 1] = 0.5 * X[:, 0] + 1e-3 * X[:, 1]  # goes first, as it varies less; the other one says where it would be
    model = LinearRegression().fit(X, X @ [1.0, 2.0])
    like = {}
    for removal in ("marginal", "baseline", "conditional"):
        Seen.notes.clear()
        RFEExplainer(model, importance=seen, removal=removal, random_state=0).fit(X)
        table = Seen.notes[1][1]
        assert_array_equal(table[:, 0], X[:, 0])
        like[removal] = np.abs(table[:, 1] - X[:, 1]).mean()
        if removal == "baseline":
            assert_array_equal(table[:, 1], np.sort(X[:, 1])[49])
    assert like["conditional"] < 0.3 * min(like["marginal"], like["baseline"])


def test_with_refit_the_importance_sees_the_model_that_was_trained_last(seen):
    X = rows(100, 3)
    y = X @ [1.0, 2.0, 3.0]
    RFEExplainer(LinearRegression(), refit=True, importance=seen, random_state=0).fit(X, y)
    for step, (used, table, truth) in enumerate(Seen.notes):
        held = np.ptp(table, axis=0) == 0
        assert held.sum() == step and isinstance(used.estimator, FrozenEstimator)
        assert_allclose(used.estimator_.estimator.coef_[held], 0, atol=1e-12)
        assert_array_equal(truth, y)


def test_strings_groups_and_labels_go_to_the_importance():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"a": rng.standard_normal(120), "job": rng.choice(["x", "y"], 120).astype(object),
                          "b": rng.standard_normal(120), "c": rng.standard_normal(120)})  # fmt: skip
    labels = np.where(2 * table["a"] + 3 * (table["job"] == "x") > 1.5, "yes", "no")
    before = make_column_transformer((StandardScaler(), ["a", "b", "c"]), (OneHotEncoder(sparse_output=False), ["job"]))
    for final in (LogisticRegression(), classifier(max_epochs=30, lr=0.3)):
        for refit in (False, True):
            explainer = RFEExplainer(
                make_pipeline(before, final), importance=PartialDependenceExplainer(None), refit=refit,
                feature_groups={"noise": ["b", "c"]}, n_features_to_select=2, random_state=0,
            ).fit(table, labels)  # fmt: skip
            assert explainer.get_feature_names_out()[explainer.support_].tolist() == ["a", "job"]


def test_images_too():
    module = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 1)))
    X = np.random.RandomState(0).standard_normal((10, 3, 2, 2))
    table = take_cells(X, -X, np.array([0, 11]), np.arange(10)[::-1])
    assert_array_equal(table.reshape(10, 12)[:, 1:11], X.reshape(10, 12)[:, 1:11])
    assert_array_equal(table.reshape(10, 12)[:, [0, 11]], -X[::-1].reshape(10, 12)[:, [0, 11]])
    explainer = RFEExplainer(module, step=4, removal="baseline", random_state=0).fit(X)
    assert explainer.explain(X).completeness_gap.max() < 1e-10


@pytest.mark.parametrize("params", [{"importance": "gradient"}, {"importance": Seen}, {"cv": "five"}], ids=str)
def test_parameters_that_make_no_sense(params):
    X = rows()
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter of RFEExplainer"):
        RFEExplainer(LinearRegression(), **params).fit(X, X @ COEF)


# ---------------------------------------------------------------------- the number of columns
def noisy(n=60, d=12, seed=0):
    """Return rows, and numbers that depend on three of the columns; with few rows the others do harm."""
    X = rows(n, d, seed)
    return X, X[:, 1] - 2 * X[:, 4] + 1.5 * X[:, 7] + np.random.RandomState(seed + 1).standard_normal(n)


@pytest.mark.parametrize("refit", [False, True])
def test_the_number_is_that_of_the_columns_that_matter(refit):
    X, y = noisy()
    explainer = RFEExplainer(LinearRegression(), cv=5, refit=refit, random_state=0).fit(X, y)
    assert explainer.n_features_ == explainer.support_.sum() and 3 <= explainer.n_features_ <= 5
    assert explainer.support_[[1, 4, 7]].all() and (explainer.ranking_ == 1).sum() == explainer.n_features_
    results = explainer.cv_results_
    assert results["n_features"].tolist() == list(range(1, 13))
    folds = np.stack([results[f"split{k}_test_score"] for k in range(5)])
    assert_allclose(results["mean_test_score"], folds.mean(axis=0))
    assert_allclose(results["std_test_score"], folds.std(axis=0))
    assert results["mean_test_score"].argmax() + 1 == explainer.n_features_
    path = explainer.elimination_path_
    assert_allclose(path["score"][:-1], results["mean_test_score"][::-1])
    assert path["score"][-1] < 0.1 and path["n_features"][-1] == 0
    again = clone(explainer).fit(X, y)
    assert again.elimination_path_ == path and again.n_features_ == explainer.n_features_


def test_of_numbers_that_are_as_good_the_least():
    X = rows(60, 4)
    labels = np.where(X[:, 2] > 0, "yes", "no")
    explainer = RFEExplainer(DecisionTreeClassifier(max_depth=1), cv=KFold(3), refit=True, random_state=0)
    explainer.fit(X, labels)
    assert np.ptp(explainer.cv_results_["mean_test_score"]) == 0
    assert explainer.n_features_ == 1 and explainer.support_.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        make_pipeline(StandardScaler(), KNeighborsRegressor()),
        DecisionTreeRegressor(max_depth=2, min_samples_leaf=8, random_state=0),  # few rows would leave ties
    ],
    ids=lambda model: type(model).__name__,
)
def test_held_columns_are_as_good_as_dropped(model):
    X, y = noisy()
    explainer, rng = RFEExplainer(model, random_state=0).fit(X, y), np.random.RandomState(0)
    world = TrainedAgain(explainer, (X[:40], y[:40]), (X[:40], y[:40]), X[:40], rng, (X[40:], y[40:]))
    kept = np.isin(np.arange(12), [1, 4, 7, 9])
    stage = world.without(kept, rng)
    dropped = clone(model).fit(X[:40][:, kept], y[:40])
    assert stage.score == pytest.approx(dropped.score(X[40:][:, kept], y[40:]), abs=1e-12)
    assert_allclose(stage.estimator.predict(stage.rows), dropped.predict(X[:40][:, kept]), atol=1e-12)
    assert world.without(~kept & kept, rng).score == pytest.approx(r2_score(y[40:], np.full(20, y[:40].mean())))


def test_with_strings_and_a_forest():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"a": rng.standard_normal(90), "job": rng.choice(["x", "y", "z"], 90).astype(object),
                          "noise": rng.standard_normal(90)})  # fmt: skip
    labels = pd.Series(np.where((table["job"] == "x") | (table["a"] > 1), "yes", "no"))
    table.loc[::8, "job"] = None
    before = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["job"]), remainder="passthrough")
    forest = make_pipeline(before, RandomForestClassifier(10, random_state=0))
    for refit in (False, True):
        explainer = RFEExplainer(forest, cv=3, refit=refit, removal="baseline", random_state=0).fit(table, labels)
        assert explainer.support_.tolist()[:2] == [True, True]
        assert explainer.cv_results_["mean_test_score"].max() > 0.85


def test_labels_and_numbers_of_nets():
    X = rows(60, 3).astype(np.float32)
    labels = np.where(X[:, 1] > 0, "yes", "no")
    found = RFEExplainer(classifier(max_epochs=20, lr=0.3), cv=3, refit=True, random_state=0).fit(X, labels)
    assert found.support_[1] and found.cv_results_["mean_test_score"].max() > 0.8
    found = RFEExplainer(regressor(), cv=2, random_state=0).fit(X, X[:, :1])
    assert len(found.cv_results_["n_features"]) == 3 and np.isfinite(found.transform(X)).all()


def test_what_cross_validation_needs():
    X, y = noisy()
    fitted = LinearRegression().fit(X, y)
    for estimator, truth in ((fitted, None), (FrozenEstimator(fitted), y), (seeded(lambda: mlp(12)), y)):
        with pytest.raises(ValueError, match="'cv' parameter of RFEExplainer is not None, but there is nothing to"):
            RFEExplainer(estimator, cv=3).fit(X, truth)
    with pytest.raises(ValueError, match="'n_features_to_select' parameter of RFEExplainer is 2, but with the 'cv'"):
        RFEExplainer(LinearRegression(), cv=3, n_features_to_select=2).fit(X, y)


# ---------------------------------------------------------------------- removal
@pytest.mark.parametrize("removal", ["marginal", "baseline", "conditional"])
def test_the_sum_telescopes_whatever_fills_the_gaps(removal):
    module, X = seeded(lambda: mlp(6, 1, nn.Tanh)), rows()
    explainer = RFEExplainer(module, removal=removal, random_state=0).fit(X)
    explained = explainer.explain(X)
    assert explained.completeness_gap.max() < 1e-10
    full = run(module, X)[:, 0]
    assert_allclose(explained.values.sum(axis=1) + explained.base_values, full, atol=1e-10)
    typical = np.sort(explainer.background_, axis=0)[(len(explainer.background_) - 1) // 2][None]
    base = run(module, typical)[0, 0] if removal == "baseline" else run(module, explainer.background_).mean()
    assert_allclose(explained.base_values, base, atol=1e-10)


def test_conditional_removal_gives_up_a_copy_first():
    X = rows(300, 3)
    X[:, 2] = X[:, 0]
    model = LinearRegression().fit(X, X @ [1.0, 0.7, 1.0])
    model.coef_ = np.array([1.0, 0.7, 1.0])
    assert RFEExplainer(model, random_state=0).fit(X).elimination_order_[0] == 1
    kept = RFEExplainer(model, removal="conditional", background_size=300, random_state=0).fit(X)
    assert kept.elimination_order_[0] in (0, 2)
