"""Networks are evaluated in the user's labels, are left alone, and their costs are counted."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetBinaryClassifier
from torch import nn

from sklearn_xai import PredictiveDistribution
from sklearn_xai.model_selection import evaluate_model
from sklearn_xai.model_selection.evaluation._cost import _Storages, _traced
from sklearn_xai.model_selection.evaluation._fitted import FittedModel
from sklearn_xai.models import ExplainedModel, train_clone
from tests.model_selection.evaluated import NAMES, QUICK, by_hand, census
from tests.nets import MLP, Mixed, classifier, regressor, table
from tests.test_hygiene import random_states, state


def test_a_net_behind_columns_trains_in_each_fold_and_says_the_users_labels():
    X, y, steps = census()
    model = make_pipeline(steps, classifier(max_epochs=4, lr=0.3))
    found = evaluate_model(model, X, pd.Series(y), cv=3, random_state=0)
    splits = list(StratifiedKFold(3).split(X, y))
    for fold, (train, test) in enumerate(splits):
        trained = train_clone(model, X.iloc[train], y[train], random_state=0)
        seen = ExplainedModel(trained, X.iloc[train[:8]], None, probing=False)
        proba = seen.predict_proba(X.iloc[test]).astype(float)
        expected = by_hand(y[test], seen.predict(X.iloc[test]), proba / proba.sum(axis=1)[:, None], seen.classes)
        for name, value in expected.items():
            assert_allclose(found.folds.loc[fold, name], value, rtol=1e-6, err_msg=name)
        history = trained[-1].history
        curve = found.loss_curves[found.loss_curves["fold"] == fold]
        assert curve["epoch"].tolist() == [1, 2, 3, 4]
        assert_allclose(curve["train_loss"], history[:, "train_loss"])
        assert curve["valid_loss"].isna().all()
    assert not hasattr(model[-1], "module_")
    assert list(found.confusion.index) == ["poor", "rich"]


def test_a_net_of_one_logit_and_its_threshold():
    X, _, labels = table(80)
    net = NeuralNetBinaryClassifier(MLP, max_epochs=3, lr=0.1, train_split=None, verbose=0, threshold=0.3)
    net.fit(X, labels.astype(np.float32))
    found = evaluate_model(net, X, labels, **QUICK)
    proba = 1 / (1 + np.exp(-net.infer(torch.from_numpy(X)).detach().numpy().ravel().astype(float)))
    assert_array_equal(found.predictions["predicted"], proba > 0.3)
    assert_allclose(found.table.loc["log_loss", "mean"], metrics.log_loss(labels, proba), rtol=1e-5)


def test_validation_losses_are_there():
    X, y, _ = table(60)
    net = regressor(max_epochs=2).set_params(train_split=clone(regressor()).train_split)
    assert evaluate_model(net, X, y, cv=2, cost=False).loss_curves["valid_loss"].isna().all()
    from skorch.dataset import ValidSplit

    found = evaluate_model(net.set_params(train_split=ValidSplit(4)), X, y, cv=2, cost=False).loss_curves
    assert found.shape == (4, 4)
    assert found.notna().all().all()


def test_losses_of_scikit_learns_network(iris):
    net = MLPClassifier(max_iter=3, random_state=0, solver="adam", learning_rate_init=0.01, n_iter_no_change=5)
    with pytest.warns(match="Maximum iterations"):
        found = evaluate_model(net, *iris, cv=2, cost=False).loss_curves
    assert found.groupby("fold").size().tolist() == [3, 3]


def test_several_inputs_of_a_net():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(3, 1)

        def forward(self, left, right):
            return self.out(torch.cat([left, right], dim=1))

    X, y, _ = table(40)
    module = Two()
    parts = {"left": X[:, :2], "right": X[:, 2:3]}
    found = evaluate_model(module, parts, y, cv=2, cost=True)
    expected = module(*map(torch.from_numpy, parts.values())).detach().numpy().ravel()
    assert_allclose(found.predictions.sort_values("row")["predicted"], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [list, pd.Series])
@pytest.mark.parametrize(
    "last", [classifier(callbacks=[], module__n_features=3, module__n_outputs=2), LogisticRegression()]
)
def test_texts(kind, last):
    texts = kind(["good film", "bad film", "good", "bad bad film"] * 5)
    labels = ["yes", "no"] * 10
    found = evaluate_model(make_pipeline(CountVectorizer(), last), texts, labels, cv=2, n_bootstrap=0)
    assert found.folds["n_test"].tolist() == [10, 10]
    assert found.table["mean"].notna().all()


@pytest.mark.parametrize("last", [nn.Identity(), nn.Softmax(dim=1), nn.LogSoftmax(dim=1)])
def test_a_module_of_several_classes(iris, last):
    X, y = np.array(iris[0], dtype=np.float32), np.arange(150) % 3
    module = nn.Sequential(nn.Linear(4, 3), last)
    logits = module[0](torch.from_numpy(X)).detach()
    found = evaluate_model(module, X, y, cv=KFold(3), cost=False)
    assert found.task == "classification"
    expected = torch.softmax(logits.double(), dim=1).numpy()
    assert_allclose(found.scores.to_numpy()[found.predictions["row"].argsort()], expected, rtol=1e-4, atol=1e-6)
    assert "Not trained" in found.notes[0]
    assert found.folds["train_seconds"].isna().all()


def test_a_module_of_one_output_classifies_where_it_ends_in_a_sigmoid():
    X, _, labels = table(40)
    module = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    found = evaluate_model(module, X, labels, **QUICK)
    assert_allclose(found.scores[1], module(torch.from_numpy(X)).detach().numpy().ravel(), rtol=1e-6)
    assert evaluate_model(module[0], X, labels, **QUICK).task == "regression"
    assert evaluate_model(module, X, labels + 0.5, **QUICK).task == "regression"


def test_a_module_of_labels_that_do_not_exclude_each_other_is_refused():
    X, _, labels = table(40, n_classes=3)
    module = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
    with pytest.raises(ValueError, match="do not add up to 1"):
        evaluate_model(module, X, labels)


def test_a_frozen_estimator_is_not_trained(iris):
    X, y = iris
    model = FrozenEstimator(LogisticRegression(C=0.02).fit(X, y))
    found = evaluate_model(model, X, y, cv=3, cost=False)
    order = found.predictions["row"].to_numpy()
    assert_array_equal(found.predictions["predicted"], model.predict(X)[order])
    assert "Not trained" in found.notes[0]


def test_modules_and_random_states_are_left_alone():
    X, _, labels = table(60, n_classes=3)
    net = classifier(Mixed).fit(X, labels)
    net.module_.train()
    before, drawn, traced = state(net.module_), random_states(), tracemalloc.is_tracing()
    evaluate_model(net, X, labels)
    evaluate_model(net, X, labels, cv=2, random_state=0)
    assert state(net.module_) == before
    assert random_states() == drawn
    assert tracemalloc.is_tracing() == traced


def test_a_seed_makes_training_repeat(iris):
    runs = [evaluate_model(classifier(Mixed), *iris, cv=2, cost=False, random_state=s).folds for s in (1, 1, 2, None)]
    drop = ["train_seconds"]
    pd.testing.assert_frame_equal(runs[0].drop(columns=drop), runs[1].drop(columns=drop))
    assert not np.allclose(runs[0]["log_loss"], runs[2]["log_loss"])


@pytest.mark.slow
def test_two_processes_say_the_same(iris):
    one, two = (
        evaluate_model(classifier(), *iris, cv=2, cost=False, random_state=0, n_jobs=n).folds["log_loss"]
        for n in (None, 2)
    )
    assert_allclose(one, two, rtol=1e-5)


# ---------------------------------------------------------------------- what it costs
def test_costs_are_counted(iris):
    X, y = iris
    rows, codes = np.array(X, dtype=np.float32), np.searchsorted(NAMES, y)
    net = classifier(Mixed).fit(rows, codes)
    net.module_.out.weight.requires_grad_(False)
    cost = evaluate_model(net, rows, codes, n_bootstrap=0).cost
    parameters = list(net.module_.parameters())
    assert cost.loc["parameters, all", "value"] == sum(p.numel() for p in parameters)
    assert cost.loc["parameters, trainable", "value"] == sum(p.numel() for p in parameters) - 8 * 3
    for name in ("latency, median", "latency, 95th percentile", "throughput", "peak memory"):
        assert 0 < cost.loc[name, "value"] < np.inf
    assert cost.loc["latency, median", "value"] <= cost.loc["latency, 95th percentile", "value"]
    assert "training" not in cost.index
    assert cost["how"].str.len().min() > 0
    trained = evaluate_model(LogisticRegression(C=0.02), X, y, cv=2).cost
    assert trained.loc["training", "value"] > 0
    assert "parameters, all" not in trained.index


def test_tensors_are_counted_while_they_live():
    module = nn.Sequential(*[nn.Linear(1000, 1000, bias=False) for _ in range(4)])
    rows = torch.randn(100, 1000)
    with torch.no_grad(), _Storages() as counter:
        out = module(rows)
        views = out[:, :10].t().contiguous()
    # Two of four outputs of the layers are alive at any moment; a view is no new memory, a copy of one is.
    assert counter.most == 2 * 100 * 1000 * 4
    assert counter.now == 100 * 1000 * 4 + 10 * 100 * 4
    assert len(views) == 10
    gone = weakref.ref(out)
    del out, views
    gc.collect()
    assert gone() is None
    assert counter.now == 0


def test_arrays_are_traced_and_a_running_trace_goes_on():
    with _traced() as most:
        np.ones(1_000_000)
        assert most() >= 8_000_000
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        with _traced():
            pass
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_a_batch_at_a_time_says_the_same(iris):
    X, y = iris
    fitted = train_clone(classifier(), X, y, random_state=0)
    whole, parts = (FittedModel(fitted, X, task="classification", batch_size=n).answers(X)[1] for n in (1024, 7))
    assert_allclose(whole, parts, rtol=1e-5)


@pytest.mark.parametrize("around", [lambda model: model, FrozenEstimator, lambda model: make_pipeline(model)])
def test_many_networks_in_one_are_asked_in_their_own_labels(around):
    X, y, steps = census()
    model = make_pipeline(steps, classifier(max_epochs=4, lr=0.3))
    unsure = PredictiveDistribution(model, method="laplace_last_layer", n_samples=5, random_state=0)
    half = len(X) // 2
    fitted = clone(unsure).fit(X.iloc[:half], y[:half])
    found = evaluate_model(around(fitted), X.iloc[half:], pd.Series(y[half:]), cost=False, random_state=0)
    proba = fitted.predict_proba(X.iloc[half:])
    for name, value in by_hand(y[half:], fitted.predict(X.iloc[half:]), proba, fitted.classes_).items():
        assert_allclose(found.folds.loc[0, name], value, rtol=1e-6, err_msg=name)
    assert found.name == "PredictiveDistribution"


def test_many_networks_in_one_are_trained_in_each_fold():
    X, y, steps = census()
    model = make_pipeline(steps, classifier(max_epochs=4, lr=0.3))
    unsure = PredictiveDistribution(model, method="laplace_last_layer", n_samples=5, random_state=0).fit(X, y)
    found = evaluate_model(unsure, X, pd.Series(y), cv=3, cost=False, random_state=0)
    for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        trained = clone(unsure).fit(X.iloc[train], y[train])
        assert found.folds.loc[fold, "accuracy"] == trained.score(X.iloc[test], y[test])
