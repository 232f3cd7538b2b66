"""How unsure a classifier is, explained by every explainer: networks, modules and black boxes."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import entropy
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sklearn_xai import (
    DeepLiftExplainer,
    ForestExplainer,
    IntegratedGradientsExplainer,
    MutualInformationExplainer,
    OcclusionExplainer,
    PermutationImportanceExplainer,
    RFEExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
)
from sklearn_xai._rng import isolated_rng
from tests.every_explainer import CLASSES, fast
from tests.nets import MLP, classifier, regressor, table
from tests.test_hygiene import random_states, state

X, Y, LABELS = table(n=50, n_classes=3)
NAMES = np.array(["low", "middle", "high"])[LABELS]
with isolated_rng(0):
    NET = classifier(max_epochs=60, lr=0.1).fit(X, LABELS)
GRADIENTS = [cls for cls in CLASSES if cls._gradients]


def with_loss(loss, *last, n_outputs=3, kind=NeuralNetClassifier):
    """Return a net that ends in given layers, and is trained with a given loss."""
    body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, n_outputs), *last)
    return kind(body, criterion=loss, max_epochs=10, lr=0.1, train_split=None, verbose=0)


NETS = {
    "logits": (with_loss(nn.CrossEntropyLoss), 3),
    "softmax": (with_loss(nn.NLLLoss, nn.Softmax(dim=1)), 3),
    "softmax after softmax": (with_loss(nn.CrossEntropyLoss, nn.Softmax(dim=1)), 3),
    "one logit": (with_loss(nn.BCEWithLogitsLoss, nn.Flatten(0), n_outputs=1, kind=NeuralNetBinaryClassifier), 2),
    "one probability": (
        with_loss(nn.BCELoss, nn.Sigmoid(), nn.Flatten(0), n_outputs=1, kind=NeuralNetBinaryClassifier),
        2,
    ),
    "clipped probabilities": (with_loss(nn.NLLLoss, nn.Softmax(dim=1), nn.Hardtanh(1e-3, 1)), 3),
}


@pytest.mark.parametrize("name", NETS)
def test_it_is_the_entropy_of_what_predict_proba_gives(name):
    net, n_classes = NETS[name]
    labels = table(n=50, n_classes=n_classes)[2]
    explainer = SaliencyExplainer(net, output="entropy", random_state=0).fit(X, labels)
    proba = explainer.predict_proba(X)
    expected = -(proba * np.log(proba)).sum(axis=1)
    assert_allclose(explainer.explained_output(X), expected, atol=2e-6)
    assert_allclose(proba.sum(axis=1), 1, atol=2e-2 if name == "clipped probabilities" else 1e-6)
    assert_array_equal(explainer.predict(X), proba.argmax(axis=1))
    gradient = explainer.transform(X)
    for j in range(4):
        step = np.eye(4, dtype=np.float32)[j] * 1e-2
        slope = (explainer.explained_output(X + step) - explainer.explained_output(X - step)) / 2e-2
        assert_allclose(gradient[:, j], slope, atol=3e-3)


@pytest.mark.parametrize("last", [nn.Softmax(dim=1), nn.LogSoftmax(dim=1)])
def test_plain_modules_that_end_in_probabilities(last):
    module = nn.Sequential(MLP(4, 3), last)
    with torch.no_grad():
        p = module(torch.from_numpy(X))
        p = p.exp() if isinstance(last, nn.LogSoftmax) else p
    explainer = SaliencyExplainer(module, output="entropy").fit(X)
    assert_allclose(explainer.explained_output(X), entropy(p.numpy(), axis=1), atol=1e-6)
    one = SaliencyExplainer(nn.Sequential(MLP(4, 1), nn.Sigmoid()), output="entropy").fit(X)
    assert ((one.explained_output(X) > 0) & (one.explained_output(X) <= np.log(2) + 1e-6)).all()


@pytest.mark.parametrize("estimator", [LogisticRegression(), RandomForestClassifier(10, random_state=0)])
def test_black_boxes(estimator):
    explainer = OcclusionExplainer(estimator, output="entropy", random_state=0).fit(X, NAMES)
    proba = explainer.predict_proba(X).astype(np.float64)
    assert_allclose(explainer.explained_output(X), entropy(proba, axis=1), atol=1e-6)
    assert explainer.classes_.tolist() == ["high", "low", "middle"]
    assert set(explainer.predict(X)) <= set(NAMES)


# ---------------------------------------------------------------------- every explainer
@pytest.mark.parametrize("cls", CLASSES)
def test_every_explainer_of_a_network(cls):
    explainer = fast(cls, classifier(max_epochs=15, lr=0.1), output="entropy", random_state=0)
    if cls.__name__ == "GradientXWeightExplainer":
        with pytest.raises(ValueError, match="not linear.*Use InputXGradientExplainer"):
            explainer.fit(X, NAMES)
        return
    explainer.fit(X, NAMES)
    values = explainer.transform(X[:7])
    assert values.shape == (7, 4)
    assert np.isfinite(values).all()
    assert np.abs(values).max() > 0
    assert explainer.explained_output(X[:7]).shape == (7,)
    assert np.isfinite(explainer.explain(X[:7]).values).all()
    assert np.isfinite(explainer.score(X[:7]))
    assert explainer.classes_.tolist() == ["high", "low", "middle"]
    assert set(explainer.predict(X)) <= set(NAMES)
    assert explainer.predict_proba(X).shape == (50, 3)


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if not cls._gradients])
def test_every_explainer_of_a_black_box(cls):
    explainer = fast(cls, LogisticRegression(), output="entropy", random_state=0).fit(X, NAMES)
    assert np.isfinite(explainer.transform(X[:7])).all()
    assert np.isfinite(explainer.score(X[:7]))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("target", ["low", 0, 1])
def test_there_is_no_class_to_choose(cls, target):
    estimator = NET if cls._gradients else LogisticRegression()
    with pytest.raises(ValueError, match="'target'.*must be 'auto'.*one number"):
        fast(cls, estimator, output="entropy", target=target).fit(X, NAMES if estimator is not NET else None)


@pytest.mark.parametrize("cls", CLASSES)
def test_regressors_have_no_entropy(cls):
    for estimator in (regressor(), LinearRegression()) if not cls._gradients else (regressor(),):
        with pytest.raises(ValueError, match="'output'.*'entropy'.*no probabilities.*must be a classifier"):
            fast(cls, estimator, output="entropy").fit(X, Y)


@pytest.mark.parametrize("estimator", [SVC(), MLP(4, 3)])
def test_nor_have_others_without_probabilities(estimator):
    with pytest.raises(ValueError, match="'entropy'.*no probabilities"):
        OcclusionExplainer(estimator, output="entropy").fit(X, LABELS)


def test_several_labels_at_once_have_no_entropy():
    class Several(NeuralNetClassifier):
        pass

    body = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
    with pytest.raises(ValueError, match="do not add up to 1"):
        OcclusionExplainer(body, output="entropy").fit(X)
    net = Several(nn.Linear(4, 3), criterion=nn.BCEWithLogitsLoss, max_epochs=1, train_split=None, verbose=0)
    net.fit(X, np.eye(3, dtype=np.float32)[LABELS])
    with pytest.raises(ValueError, match="do not add up to 1"):
        OcclusionExplainer(net, output="entropy").fit(X)


# ---------------------------------------------------------------------- what attributions add up to
@pytest.mark.parametrize("cls", [IntegratedGradientsExplainer, DeepLiftExplainer])
def test_attributions_add_up_from_the_baseline_to_the_row(cls):
    explainer = cls(
        NET, output="entropy", baseline="mean", **({"n_steps": 400} if "Integrated" in cls.__name__ else {})
    )
    explained = explainer.fit(X).explain(X[:9])
    at_baseline = explainer.explained_output(X.mean(axis=0, keepdims=True))
    assert_allclose(explained.base_values, np.repeat(at_baseline, 9), atol=1e-5)
    difference = explainer.explained_output(X[:9]) - at_baseline
    assert np.abs(difference).max() > 0.05
    tolerance = 1e-5 if cls is DeepLiftExplainer else 2e-3
    assert_allclose(explained.values.sum(axis=1), difference, atol=tolerance)


@pytest.mark.parametrize("estimator", [NET, LogisticRegression().fit(X, LABELS)])
def test_shapley_values_are_those_of_all_coalitions(estimator):
    explainer = ShapleyExplainer(estimator, output="entropy", background_size=20, random_state=0).fit(X)
    background = np.asarray(explainer.background_)
    row = X[3]

    def value(coalition):
        rows = background.copy()
        rows[:, list(coalition)] = row[list(coalition)]
        p = estimator.predict_proba(rows).astype(np.float64)
        return entropy(p, axis=1).mean()

    expected = np.zeros(4)
    for j in range(4):
        others = [k for k in range(4) if k != j]
        for size in range(4):
            weight = factorial(size) * factorial(3 - size) / factorial(4)
            for coalition in combinations(others, size):
                expected[j] += weight * (value((*coalition, j)) - value(coalition))
    assert_allclose(explainer.transform(row[None])[0], expected, atol=2e-6)


def test_certain_rows_have_finite_attributions():
    for cls in GRADIENTS:
        if cls.__name__ not in ("GradientXWeightExplainer", "CaptumExplainer"):
            found = fast(cls, NET, output="entropy", random_state=0).fit(X)
            found.tol = 1e6
            assert np.isfinite(found.transform(X[:5] * 1e4)).all(), cls.__name__


def test_a_pipeline_of_mixed_columns():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"age": rng.randn(60), "city": rng.choice(["Rome", "Oslo"], 60)})
    labels = np.where(frame["age"] > 0, "yes", "no")
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(sparse_output=False), ["city"]))
    pipe = make_pipeline(columns, classifier(lr=0.2, max_epochs=10))
    explainer = IntegratedGradientsExplainer(pipe, output="entropy", random_state=0).fit(frame, labels)
    assert_allclose(
        explainer.explained_output(frame), entropy(explainer.predict_proba(frame).astype(float), axis=1), atol=1e-5
    )
    assert explainer.transform(frame).shape == (60, 2)


# ---------------------------------------------------------------------- what else depends on classes
def test_what_is_fitted_to_y_says_that_it_is_not_of_the_entropy():
    for cls in (ForestExplainer, MutualInformationExplainer):
        with pytest.raises(ValueError, match="says nothing of output='entropy': use to='model'"):
            fast(cls, LogisticRegression(), output="entropy", to="y").fit(X, NAMES)
    for kwargs in ({"refit": True}, {"cv": 3}):
        with pytest.raises(ValueError, match="says nothing of output='entropy'"):
            RFEExplainer(LogisticRegression(), output="entropy", **kwargs).fit(X, NAMES)


def test_elimination_keeps_the_entropy_and_permutation_the_accuracy():
    by_entropy = RFEExplainer(LogisticRegression(), output="entropy", random_state=0).fit(X, NAMES)
    scores = by_entropy.elimination_path_["score"]
    assert scores[0] == pytest.approx(1)
    assert scores[-1] < 1
    settings = {"n_repeats": 3, "random_state": 0}
    found = [
        PermutationImportanceExplainer(LogisticRegression(), output=output, **settings).fit(X, NAMES).transform(X[:1])
        for output in ("entropy", "raw")
    ]
    assert_allclose(*found)


def test_all_targets_are_the_one():
    auto, every = (
        OcclusionExplainer(NET, output="entropy", target=target, random_state=0).fit(X).transform(X)
        for target in ("auto", "all")
    )
    assert_array_equal(auto, every)


def test_the_module_and_the_random_states_are_left_alone():
    NET.module_.train()
    before, drawn = state(NET.module_), random_states()
    for cls in (IntegratedGradientsExplainer, DeepLiftExplainer, OcclusionExplainer):
        fast(cls, NET, output="entropy").fit(X).explain(X)
    assert state(NET.module_) == before
    assert random_states() == drawn
