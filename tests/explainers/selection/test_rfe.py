"""Recursive elimination: the sums telescope, the order is that of scikit-learn on a linear model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn, optim

from sklearn_xai import RFEExplainer
from tests.oracles import coalition_loop, mlp, run, seeded


def rows(n=60, d=6, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


def linear(X, coef, noise=0.0):
    return LinearRegression().fit(X, X @ coef + noise * np.random.RandomState(1).standard_normal(len(X)))


COEF = np.array([0.5, -3.0, 0.1, 2.0, -1.0, 0.0])
SCALE = np.array([1.0, 0.1, 20.0, 1.0, 1.0, 1.0])  # |coef| * scale: 0.5, 0.3, 2.0, 2.0, 1.0, 0


# ---------------------------------------------------------------------- attribution
@pytest.mark.parametrize("step", [1, 2, 0.5])
def test_the_sum_telescopes(step):
    module, X = seeded(lambda: mlp(6, 3, nn.Tanh)), rows()
    explainer = RFEExplainer(module, step=step, random_state=0).fit(X)
    explained = explainer.explain(X)
    largest = run(module, X).argmax(axis=1)
    fillers = run(module, explainer._walk.background)
    assert len(fillers) == len(X)
    base = fillers.mean(axis=0)[largest]
    np.testing.assert_allclose(explained.base_values, base, atol=1e-10)
    np.testing.assert_allclose(explained.values.sum(axis=1), run(module, X).max(axis=1) - base, atol=1e-10)
    assert explained.completeness_gap.max() < 1e-6


def test_attributions_are_what_each_elimination_takes_away():
    module, X = seeded(lambda: mlp(4, activation=nn.Tanh)), rows(d=4)
    explainer = RFEExplainer(module, feature_groups={"g": [0, 2]}, random_state=0).fit(X)
    members, fillers = explainer._members, explainer._walk.background
    kept = np.ones((4, 3), dtype=bool)
    for step, player in enumerate(explainer.elimination_order_):
        kept[step + 1 :, player] = False
    values = np.stack(
        [
            coalition_loop(lambda row: run(module, row), X[:5], fillers, kept, np.full(4, fill), members)[:, :, 0]
            for fill in range(len(fillers))
        ]
    ).mean(axis=0)
    found = explainer.transform(X[:5])
    np.testing.assert_allclose(found[:, explainer.elimination_order_], values[:, :-1] - values[:, 1:], atol=1e-10)


def test_a_linear_model_is_explained_by_its_terms():
    X = rows()
    explainer = RFEExplainer(linear(X, COEF), random_state=0).fit(X)
    expected = COEF * (X - explainer._walk.background.mean(axis=0))
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-9)


def test_strings_and_missing_values():
    rng = np.random.RandomState(0)
    table = pd.DataFrame(
        {"city": rng.choice(["a", "b"], 80).astype(object), "age": rng.standard_normal(80), "one": 1.0}
    )
    table.loc[3, "city"] = None
    columns = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "one"]))
    forest = make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(table, table["city"] == "a")
    explainer = RFEExplainer(forest, output="proba", n_features_to_select=1, random_state=0).fit(table)
    explained = explainer.explain(table)
    assert explainer.get_feature_names_out()[explainer.support_].tolist() == ["city"]
    assert explained.completeness_gap.max() < 1e-9
    assert (explained.values[:, 2] == 0).all()


# ---------------------------------------------------------------------- ranking
def test_columns_go_by_weight_times_spread():
    X = rows(200) * SCALE
    explainer = RFEExplainer(linear(X, COEF), n_features_to_select=1, random_state=0).fit(X)
    assert explainer.elimination_order_[:4].tolist() == [5, 1, 0, 4]
    assert explainer.ranking_[[5, 1, 0, 4]].tolist() == [6, 5, 4, 3]


@pytest.mark.parametrize("step", [1, 2, 4, 10, 0.5, 0.01])
@pytest.mark.parametrize("wanted", [None, 1, 2, 6, 0.7])
def test_ranking_and_support_are_those_of_sklearn(step, wanted):
    X = rows(400)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = linear(X, np.array([0.5, -3.0, 0.2, 2.0, -1.0, 0.05]))
    theirs = RFE(model, n_features_to_select=wanted, step=step).fit(X, model.predict(X))
    ours = RFEExplainer(model, n_features_to_select=wanted, step=step, random_state=0).fit(X)
    np.testing.assert_array_equal(ours.ranking_, theirs.ranking_)
    np.testing.assert_array_equal(ours.support_, theirs.support_)


def test_more_columns_than_there_are_cannot_be_selected():
    X = rows()
    with pytest.raises(ValueError, match="'n_features_to_select' parameter of RFEExplainer is 7, but there are 6"):
        RFEExplainer(linear(X, COEF), n_features_to_select=7).fit(X)


@pytest.mark.parametrize("params", [{"step": 0}, {"step": 1.5}, {"n_features_to_select": 0}, {"refit": "yes"}], ids=str)
def test_parameters_that_make_no_sense(params):
    X, name = rows(), next(iter(params))
    with pytest.raises(ValueError, match=f"'{name}' parameter of RFEExplainer"):
        RFEExplainer(linear(X, COEF), **params).fit(X)


# ---------------------------------------------------------------------- the path
def test_path_without_y_is_how_well_the_full_model_is_reproduced():
    X = rows(300)
    explainer = RFEExplainer(linear(X, COEF), background_size=300, random_state=0).fit(X)
    path = explainer.elimination_path_
    assert path["n_features"] == [6, 5, 4, 3, 2, 1, 0]
    assert path["eliminated"] == [[], ["x5"], ["x2"], ["x0"], ["x4"], ["x3"], ["x1"]]
    assert path["score"][0] == pytest.approx(1) and path["score"][1] == pytest.approx(1)
    assert (np.diff(path["score"]) <= 1e-9).all()
    assert path["score"][-1] == pytest.approx(0, abs=0.5)
    # what is lost with x2 and x0 is their share of the variance, up to the mean of the fillers
    kept = X @ np.where(np.isin(np.arange(6), [0, 2, 5]), 0, COEF)
    best = r2_score(X @ COEF, kept + (X @ COEF - kept).mean())
    assert 0.3 < best and 0 <= best - path["score"][3] < 0.2  # the mean of the fillers is not that of all rows


@pytest.mark.parametrize(("step", "left"), [(2, [6, 4, 2, 0]), (4, [6, 2, 0]), (0.5, [6, 3, 0]), (10, [6, 0])])
def test_several_columns_may_go_at_once(step, left):
    X = rows()
    explainer = RFEExplainer(linear(X, COEF), step=step, random_state=0).fit(X)
    path = explainer.elimination_path_
    assert path["n_features"] == left and len(path["score"]) == len(left)
    assert [len(names) for names in path["eliminated"]] == [0, *-np.diff(left)]
    assert sorted(explainer.elimination_order_) == list(range(6))


def test_path_with_y_is_the_score_of_the_estimator():
    X = rows(100)
    labels = np.where(X @ COEF + rows(100, 1, seed=1)[:, 0] > 0, "yes", "no")
    model = LogisticRegression().fit(X, labels)
    found = RFEExplainer(FrozenEstimator(model), background_size=100, random_state=0).fit(X, labels)
    assert found.elimination_path_["score"][0] == pytest.approx(model.score(X, labels))
    assert found.elimination_path_["score"][-1] <= 0.7
    y = X @ COEF + rows(100, 1, seed=1)[:, 0]
    model = LinearRegression().fit(X, y)
    found = RFEExplainer(FrozenEstimator(model), background_size=100, random_state=0).fit(X, y)
    assert found.elimination_path_["score"][0] == pytest.approx(model.score(X, y))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_rows_give_numbers(n):
    X = rows(n)
    explainer = RFEExplainer(seeded(lambda: mlp(6)), random_state=0).fit(X)
    assert np.isfinite(explainer.elimination_path_["score"]).all() and explainer.elimination_path_["score"][0] == 1
    assert np.isfinite(explainer.transform(X)).all()


def test_a_constant_model_is_reproduced_by_no_column_at_all():
    X = rows().astype(np.float32)
    module = seeded(lambda: mlp(6), dtype=torch.float32)
    with torch.no_grad():
        module[-1].weight.zero_()
    explainer = RFEExplainer(module, random_state=0).fit(X)
    assert explainer.elimination_path_["score"] == [1.0] * 7
    assert (explainer.transform(X) == 0).all()


def test_one_column():
    X = rows(d=1)
    explainer = RFEExplainer(linear(X, np.array([2.0])), random_state=0).fit(X)
    assert explainer.ranking_.tolist() == [1] and explainer.support_.tolist() == [True]
    np.testing.assert_allclose(explainer.transform(X), 2 * (X - explainer._walk.background.mean(axis=0)), atol=1e-9)


# ---------------------------------------------------------------------- training again
def trained(kind, module, **kwargs):
    return kind(
        module, train_split=None, verbose=0, optimizer=optim.Adam, lr=0.02, max_epochs=12, iterator_train__shuffle=True,
        **kwargs,
    )  # fmt: skip


def test_refit_ranks_noise_last():
    X = rows(200, 5).astype(np.float32)
    y = np.where(2 * X[:, 1] - 2 * X[:, 3] > 0, "yes", "no")
    net = trained(NeuralNetClassifier, nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2)),
                  criterion=nn.CrossEntropyLoss, batch_size=32)  # fmt: skip
    explainer = RFEExplainer(net, refit=True, n_features_to_select=2, random_state=0).fit(X, y)
    assert explainer.support_.tolist() == [False, True, False, True, False]
    scores = explainer.elimination_path_["score"]
    assert scores[0] > 0.85 and scores[3] > 0.85 and scores[-1] < 0.75
    again = RFEExplainer(net, refit=True, n_features_to_select=2, random_state=0).fit(X, y)
    assert again.elimination_path_ == explainer.elimination_path_


def test_refit_of_a_regression_pipeline_with_strings():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"a": rng.standard_normal(150), "job": rng.choice(["x", "y"], 150).astype(object),
                          "noise": rng.standard_normal(150)})  # fmt: skip
    y = 2 * table["a"] + 3 * (table["job"] == "x")
    columns = make_column_transformer((StandardScaler(), ["a", "noise"]), (OneHotEncoder(sparse_output=False), ["job"]))
    pipeline = make_pipeline(columns, LinearRegression())
    explainer = RFEExplainer(pipeline, refit=True, n_features_to_select=2, random_state=0).fit(table, y)
    assert explainer.support_.tolist() == [True, True, False]
    scores = explainer.elimination_path_["score"]
    assert scores[0] > 0.999 and scores[1] > 0.99 and scores[2] < 0.8 and scores[3] < 0.1


def test_refit_ranks_by_what_was_trained_last():
    """Two copies share a weight of 2; once one is gone, the other takes it over and is above 1.5."""
    X = rows(200, 3)
    X[:, 2] = X[:, 0]
    y = X @ [2.0, 1.5, 0.0]
    as_it_stands = RFEExplainer(LinearRegression(), random_state=0).fit(X, y)
    again = RFEExplainer(LinearRegression(), refit=True, random_state=0).fit(X, y)
    assert as_it_stands.elimination_order_[-1] == 1
    assert again.elimination_order_[1] == 1


def test_refit_needs_something_to_train():
    X = rows()
    y = X @ COEF
    for estimator, truth in (
        (linear(X, COEF), None),
        (FrozenEstimator(linear(X, COEF)), y),
        (seeded(lambda: mlp(6)), y),
    ):
        with pytest.raises(
            ValueError, match="'refit' parameter of RFEExplainer is True, but there is nothing to train"
        ):
            RFEExplainer(estimator, refit=True).fit(X, truth)


def test_refit_leaves_the_given_net_alone():
    X = rows(40, 3).astype(np.float32)
    net = trained(NeuralNetRegressor, nn.Linear(3, 1))
    RFEExplainer(net, refit=True, random_state=0).fit(X, X[:, 0])
    assert not net.initialized_
