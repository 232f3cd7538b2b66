"""Draws of weights against closed forms, enumeration and numpy; the estimator among scikit-learn's."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sklearn_xai import PredictiveDistribution
from sklearn_xai.output._last_layer import best_precision, centred_normal
from sklearn_xai.output._swag import SwagMoments, collect_iterates
from sklearn_xai.output._weight_draws import Member, WeightDraws
from tests.nets import MLP, Mixed, classifier, regressor, table
from tests.test_common import named
from tests.test_hygiene import random_states, state

X, Y, LABELS = table(n=60, n_classes=3)
NAMES = np.array(["low", "middle", "high"])[LABELS]
METHODS = ["ensemble", "mc_dropout", "swag", "laplace_last_layer"]
FEW = {"n_samples": 6, "n_members": 3, "n_epochs": 4, "random_state": 0}


def distribution(estimator, method, **kwargs):
    return PredictiveDistribution(estimator, method=method, **{**FEW, **kwargs})


def linear(weights, bias, *after):
    """Return a linear layer with given weights, in double precision, and what comes after it."""
    layer = nn.Linear(np.shape(weights)[1], len(weights)).double()
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(np.asarray(weights)))
        layer.bias.copy_(torch.as_tensor(bias))
    return nn.Sequential(layer, *after)


# ---------------------------------------------------------------------- Laplace
def test_laplace_of_a_linear_regression_is_bayesian_linear_regression():
    rng = np.random.RandomState(0)
    rows = rng.randn(80, 3)
    phi = np.column_stack([rows, np.ones(80)])
    y = phi @ [1.0, -2.0, 0.5, 0.3] + 0.4 * rng.randn(80)
    noise, precision = 0.4**2, 2.0
    for _ in range(100):  # the noise that the method finds by itself, given the prior
        covariance = np.linalg.inv(phi.T @ phi / noise + precision * np.eye(4))
        mean = covariance @ phi.T @ y / noise
        noise = ((y - phi @ mean) ** 2).sum() / (80 - 4 + precision * np.trace(covariance))
    net = linear([mean[:3]], mean[3:])
    found = PredictiveDistribution(
        net, method="laplace_last_layer", prior_precision=precision, n_samples=20_000, random_state=0
    ).fit(rows, y)
    assert_allclose(found.noise_variance_, noise, rtol=1e-6)
    assert_allclose(found.posterior_.covariance, covariance, rtol=1e-5, atol=1e-12)
    predicted, std = found.predict(rows[:9], return_std=True)
    assert_allclose(predicted, phi[:9] @ mean, rtol=1e-8)
    variance = np.einsum("ni,ij,nj->n", phi[:9], covariance, phi[:9])
    assert_allclose(std**2, variance + noise, rtol=5e-3)
    assert_allclose(found.uncertainty(rows[:9])["epistemic"], variance, rtol=0.05)
    assert is_regressor(found)


@pytest.mark.parametrize("n_logits", [1, 3])
def test_laplace_of_a_logistic_regression_is_the_inverse_gauss_newton_matrix(n_logits):
    rng = np.random.RandomState(1)
    rows, weights, bias = rng.randn(40, 2), rng.randn(n_logits, 2), rng.randn(n_logits)
    phi = np.column_stack([rows, np.ones(40)])
    logits = rows @ weights.T + bias
    hessian = 1.7 * np.eye(3 * n_logits)
    for f, logit in zip(phi, logits, strict=True):
        if n_logits == 1:
            p = expit(logit)
            curvature = np.diag(p * (1 - p))
        else:
            p = softmax(logit)
            curvature = np.diag(p) - np.outer(p, p)
        jacobian = np.kron(np.eye(n_logits), f)
        hessian += jacobian.T @ curvature @ jacobian
    net = linear(weights, bias, *([nn.Sigmoid()] if n_logits == 1 else [nn.Softmax(dim=1)]))
    found = PredictiveDistribution(
        net, method="laplace_last_layer", likelihood="categorical", prior_precision=1.7, n_samples=4_000, random_state=0
    ).fit(rows)
    assert_allclose(found.posterior_.covariance, np.linalg.inv(hessian), rtol=1e-6, atol=1e-10)
    draws = np.random.RandomState(2).multivariate_normal(
        np.column_stack([weights, bias]).ravel(), np.linalg.inv(hessian), 4_000
    )
    by_hand = np.einsum("sci,ni->snc", draws.reshape(-1, n_logits, 3), phi[:5])
    by_hand = (
        np.concatenate([1 - expit(by_hand), expit(by_hand)], axis=2) if n_logits == 1 else softmax(by_hand, axis=2)
    )
    assert_allclose(found.predict_proba(rows[:5]), by_hand.mean(axis=0), atol=0.02)


def test_logits_without_a_last_step_are_taken_for_logits():
    with_step = linear(np.ones((3, 2)) * [[1], [2], [-1]], np.zeros(3), nn.LogSoftmax(dim=1))
    settings = {"method": "laplace_last_layer", "likelihood": "categorical", "random_state": 0}
    rows = X[:20, :2].astype(np.float64)
    found = [
        PredictiveDistribution(net, **settings).fit(rows).predict_proba(rows) for net in (with_step, with_step[:1])
    ]
    assert_allclose(*found, rtol=1e-10)


def test_the_prior_precision_has_the_greatest_marginal_likelihood():
    rng = np.random.RandomState(0)
    root, weights = rng.randn(7, 5), rng.randn(5)
    hessian = root.T @ root

    def evidence(precision):
        return 0.5 * (
            5 * np.log(precision)
            - precision * weights @ weights
            - np.linalg.slogdet(hessian + precision * np.eye(5))[1]
        )

    best = best_precision(np.linalg.eigvalsh(hessian), weights @ weights)
    others = [evidence(precision) for precision in best * np.array([0.5, 0.9, 0.99, 1.01, 1.1, 2.0])]
    assert evidence(best) > max(others)


def test_draws_have_the_mean_and_covariance_they_should():
    z = centred_normal(5_000, 3, np.random.RandomState(0))
    assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    assert_allclose(z.T @ z / 5_000, np.eye(3), atol=0.06)
    spread = np.mean([centred_normal(4, 50, np.random.RandomState(s)).var(axis=0).mean() for s in range(50)])
    assert spread == pytest.approx(1, abs=0.05)
    assert_array_equal(centred_normal(1, 4, np.random.RandomState(0)), np.zeros((1, 4)))


def test_laplace_without_a_bias():
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1, bias=False))
    found = distribution(net, "laplace_last_layer").fit(X, Y)
    assert found.posterior_.covariance.shape == (5, 5)
    assert np.isfinite(found.predict(X)).all()


# ---------------------------------------------------------------------- dropout
class Dropping(nn.Module):
    """Three units, of which each is switched off half of the time."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(2, 3), nn.Linear(3, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, X):
        return self.out(self.drop(self.hidden(X).relu())).log_softmax(dim=1)


def test_dropout_draws_are_masks_of_units():
    torch.manual_seed(0)
    net, rows = Dropping(), torch.from_numpy(X[:12, :2])
    found = PredictiveDistribution(
        net, method="mc_dropout", likelihood="categorical", n_samples=2_000, random_state=0
    ).fit(X[:, :2])
    with torch.no_grad():
        h = net.hidden(rows).relu()
        every = [net.out(h * torch.tensor(mask) * 2).softmax(1) for mask in itertools.product([0.0, 1.0], repeat=3)]
    every = torch.stack(every).numpy()
    draws = found.predict_distribution(rows.numpy())
    nearest = np.abs(draws[:, None] - every[None]).max(axis=(2, 3))
    assert nearest.min(axis=1).max() < 1e-6  # each draw is one of the eight, for all rows at once
    assert_allclose(np.bincount(nearest.argmin(axis=1), minlength=8) / 2_000, 1 / 8, atol=0.03)
    assert_allclose(found.predict_proba(rows.numpy()), every.mean(axis=0), atol=0.02)


@pytest.mark.parametrize("kind", [nn.Dropout, nn.AlphaDropout, nn.Dropout1d, nn.FeatureAlphaDropout])
def test_dropout_is_torchs_own_but_for_its_masks(kind):
    net = nn.Sequential(nn.Unflatten(1, (4, 1)), kind(0.3), nn.Flatten(), nn.Linear(4, 1))
    found = PredictiveDistribution(net, method="mc_dropout", n_samples=600, random_state=0).fit(X)
    draws = found.predict_distribution(X)
    torch.manual_seed(0)
    with torch.no_grad():
        own = torch.stack([net(torch.from_numpy(X))[:, 0] for _ in range(600)]).numpy()
    error = np.sqrt((draws.var(axis=0) + own.var(axis=0)) / 600)
    assert (np.abs(draws.mean(axis=0) - own.mean(axis=0)) < 4.5 * error).all()
    assert_allclose(draws.std(axis=0), own.std(axis=0), rtol=0.15)


def test_channels_are_dropped_whole():
    images = np.random.RandomState(0).rand(5, 2, 3, 3).astype(np.float32) + 1
    net = nn.Sequential(nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(18, 4, bias=False))
    found = distribution(net, "mc_dropout", n_samples=40).fit(images)
    channels = images.reshape(5, 2, 9), net[2].weight.detach().numpy().reshape(4, 2, 9)
    every = [2 * np.einsum("ncp,kcp,c->nk", *channels, mask) for mask in itertools.product([0, 1], repeat=2)]
    distance = np.abs(found.predict_distribution(images)[:, None] - np.array(every)[None]).max(axis=(2, 3))
    assert distance.min(axis=1).max() < 1e-5
    assert len(set(distance.argmin(axis=1))) == 4


# ---------------------------------------------------------------------- SWAG
@pytest.mark.parametrize("rank", [3, 20])
def test_swag_moments_are_those_of_the_iterates(rank):
    iterates = np.random.RandomState(0).randn(8, 5).cumsum(axis=0)
    moments = SwagMoments(rank)
    for weights in iterates:
        moments.update(weights)
    deviations = np.array([iterates[i] - iterates[: i + 1].mean(axis=0) for i in range(8)])[-rank:]
    expected = np.diag(iterates.var(axis=0)) / 2 + deviations.T @ deviations / (2 * (len(deviations) - 1))
    assert_allclose(moments.mean, iterates.mean(axis=0))
    assert_allclose(moments.variance, iterates.var(axis=0))
    assert_allclose(moments.covariance, expected)
    draws = moments.draw(40_000, np.random.RandomState(1))
    assert_allclose(np.cov(draws.T), expected, atol=0.03 * np.abs(expected).max())
    assert_allclose(draws.mean(axis=0), moments.mean, atol=0.05)


def test_swag_follows_gradient_descent_and_puts_the_weights_back():
    net = regressor(callbacks=None, module__n_features=4, batch_size=-1).fit(X, Y[:, None])
    before = {name: value.clone() for name, value in net.module_.state_dict().items()}
    moments = collect_iterates(net, X, Y[:, None], n_epochs=3, learning_rate=0.05, rank=2, caller="Test")
    weights = torch.cat([value.flatten() for value in before.values()]).requires_grad_()
    velocity, iterates = torch.zeros_like(weights), []
    for _ in range(3):
        parts = dict(zip(before, weights.split([value.numel() for value in before.values()]), strict=True))
        parts = {name: part.reshape(before[name].shape) for name, part in parts.items()}
        found = torch.func.functional_call(net.module_, parts, torch.from_numpy(X))
        loss = ((found - torch.from_numpy(Y)[:, None]) ** 2).mean()
        velocity = 0.9 * velocity + torch.autograd.grad(loss, weights)[0]
        weights = (weights - 0.05 * velocity).detach().requires_grad_()
        iterates.append(weights.detach().double().numpy())
    assert_allclose(moments.mean, np.mean(iterates, axis=0), atol=1e-6)
    assert_allclose(moments.variance, np.var(iterates, axis=0), atol=1e-6)
    for name, value in net.module_.state_dict().items():
        assert torch.equal(value, before[name])


def test_swag_learns_the_statistics_of_batch_normalisation_anew():
    found = distribution(regressor(Mixed), "swag").fit(X, Y)
    held = found.network_pipeline_.members[0].module.norm
    rows = np.setdiff1d(np.arange(60), _held_out(found))
    assert_allclose(held.running_mean.numpy(), X[rows].mean(axis=0), atol=1e-5)
    assert held.momentum == found.estimator_.module_.norm.momentum


def _held_out(found):
    return np.sort(np.random.RandomState(found.random_state).permutation(60)[:6])


# ---------------------------------------------------------------------- ensembles
def test_an_ensemble_of_one_net_several_times_is_not_unsure_of_its_weights():
    found = distribution(classifier(), "ensemble").fit(X, NAMES)
    assert (found.uncertainty(X)["epistemic"] > 1e-6).any()
    first = found.network_pipeline_.members[0]
    same = [Member(first.network, first.module) for _ in range(3)]
    found._draws.estimator = WeightDraws(same, "categorical", found.classes_)
    assert_allclose(found.uncertainty(X)["epistemic"], 0, atol=1e-7)


def test_members_are_trained_from_different_seeds_behind_one_preprocessing():
    pipe = make_pipeline(StandardScaler(), classifier())
    found = distribution(pipe, "ensemble", n_members=4).fit(X, NAMES)
    draws = found.predict_distribution(X)
    assert draws.shape == (4, 60, 3)
    for a, b in itertools.combinations(draws, 2):
        assert np.abs(a - b).max() > 1e-3
    assert_allclose(draws[0], found.estimator_.predict_proba(X), atol=1e-6)
    assert len(found.network_pipeline_.steps) == 2
    assert_allclose(found.predict_proba(X), draws.mean(axis=0), atol=1e-7)


# ---------------------------------------------------------------------- what is said of rows
@pytest.mark.parametrize("method", METHODS)
def test_the_parts_add_up_and_rows_are_each_for_themselves(method):
    found = distribution(classifier(Mixed), method).fit(X, NAMES)
    parts = found.uncertainty(X)
    assert_allclose(parts["aleatoric"] + parts["epistemic"], parts["total"], atol=1e-6)
    assert (parts["epistemic"] >= 0).all()
    draws = found.predict_distribution(X)
    entropies = -(draws * np.log(draws)).sum(axis=2)
    mean = draws.mean(axis=0)
    assert_allclose(parts["total"], -(mean * np.log(mean)).sum(axis=1), atol=1e-6)
    assert_allclose(parts["aleatoric"], entropies.mean(axis=0), atol=1e-6)
    assert_allclose(draws.sum(axis=2), 1, atol=1e-6)
    assert_array_equal(found.predict_proba(X), found.predict_proba(X))
    assert_allclose(found.predict_proba(X[7:9]), found.predict_proba(X)[7:9], atol=1e-6)
    assert_allclose(clone(found).set_params(batch_size=7).fit(X, NAMES).predict_proba(X), mean, atol=1e-6)
    assert set(found.predict(X)) <= set(NAMES)
    assert found.score(X, NAMES) == np.mean(found.predict(X) == NAMES)
    assert is_classifier(found)


@pytest.mark.parametrize("method", METHODS)
def test_regression(method):
    found = distribution(regressor(Mixed, max_epochs=20), method, n_samples=20).fit(X, Y)
    mean, std = found.predict(X, return_std=True)
    draws = found.predict_distribution(X)
    assert draws.shape == (found.n_draws_, 60)
    assert_allclose(mean, draws.mean(axis=0), atol=1e-6)
    parts = found.uncertainty(X)
    assert_allclose(parts["epistemic"], draws.var(axis=0), atol=1e-6)
    assert_allclose(parts["total"], std**2, rtol=1e-6)
    assert_allclose(parts["aleatoric"], found.noise_variance_[0])
    assert found.noise_variance_[0] > 0
    assert not hasattr(found, "classes_")
    assert not hasattr(found, "predict_proba")


def test_the_noise_of_a_regressor_is_found_from_rows_that_it_was_not_trained_on():
    rng = np.random.RandomState(0)
    rows = rng.randn(800, 2).astype(np.float32)
    y = rows @ np.array([1.0, -1.0]) + 0.5 * rng.randn(800)
    net = regressor(max_epochs=30, lr=0.05)
    for method in ("ensemble", "laplace_last_layer"):
        found = distribution(net, method, validation_fraction=0.3).fit(rows, y)
        assert found.noise_variance_[0] == pytest.approx(0.25, rel=0.25)


def test_several_outputs_of_a_regressor():
    both = np.column_stack([Y, -2 * Y])
    for method in ("ensemble", "laplace_last_layer"):
        found = distribution(regressor(), method).fit(X, both)
        mean, std = found.predict(X, return_std=True)
        assert mean.shape == std.shape == (60, 2)
        assert found.predict_distribution(X).shape == (found.n_draws_, 60, 2)
        assert found.noise_variance_.shape == (2,)
        assert_allclose(found.uncertainty(X)["total"], (std**2).sum(axis=1))


def test_a_net_as_it_stands_without_y():
    net = regressor(Mixed).fit(X, Y[:, None])
    found = distribution(net, "mc_dropout").fit(X)
    assert found.estimator_ is net
    parts = found.uncertainty(X)
    assert parts[["total", "aleatoric"]].isna().all(axis=None)
    assert (parts["epistemic"] > 0).all()
    known = distribution(FrozenEstimator(net), "mc_dropout").fit(X, Y)
    assert_allclose(known.predict(X), found.predict(X))
    assert known.noise_variance_[0] > 0


@pytest.mark.parametrize("method", METHODS)
def test_far_from_the_data_the_draws_disagree_more(method):
    rng = np.random.RandomState(0)
    rows = np.concatenate([rng.randn(60, 2) + [2, 0], rng.randn(60, 2) - [2, 0]]).astype(np.float32)
    labels = np.repeat([0, 1], 60)
    body = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Dropout(0.2), nn.Linear(32, 2))
    net = NeuralNetClassifier(body, criterion=nn.CrossEntropyLoss, lr=0.2, max_epochs=30, train_split=None, verbose=0)
    found = distribution(net, method, n_samples=30, n_members=6, n_epochs=15).fit(rows, labels)
    between = np.column_stack([np.zeros(40), np.linspace(6, 14, 40) * np.resize([1, -1], 40)]).astype(np.float32)
    near, far = (found.uncertainty(part)["epistemic"].mean() for part in (rows, between))
    assert far > 2 * near


def test_one_logit_for_two_classes():
    rows, _, labels = table(n=60)
    names = np.array(["no", "yes"])[labels]
    net = NeuralNetBinaryClassifier(
        nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 1)),
        max_epochs=15, lr=0.3, train_split=None, verbose=0,
    )  # fmt: skip
    for method in METHODS:
        found = distribution(net, method).fit(rows, names)
        assert found.predict_proba(rows).shape == (60, 2)
        assert found.score(rows, names) > 0.7
        assert found.predict_distribution(rows).shape[2] == 2


def test_a_dict_of_arguments():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.drop = nn.Linear(2, 3), nn.Linear(2, 3), nn.Dropout(0.2)

        def forward(self, left, right):
            return self.drop(self.a(left) * self.b(right))

    net = NeuralNetClassifier(Two, criterion=nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0)
    rows = {"left": X[:, :2], "right": X[:, 2:]}
    for method in ("ensemble", "mc_dropout", "swag"):
        found = distribution(net, method).fit(rows, NAMES)
        assert_allclose(found.predict_proba(rows).sum(axis=1), 1)


# ---------------------------------------------------------------------- calibration
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_is_by_definition(n_classes):
    rows, _, labels = table(n=200, n_classes=n_classes)
    names = np.array(["c", "a", "b"])[labels]
    found = distribution(classifier(max_epochs=8, lr=0.1), "ensemble").fit(rows[:100], names[:100])
    summary = found.calibration(rows, names, n_bins=7)
    proba, right = found.predict_proba(rows), found.predict(rows) == names
    ece = 0.0
    for b in range(7):
        at = (proba.max(axis=1) > b / 7) & (proba.max(axis=1) <= (b + 1) / 7)
        if at.any():
            ece += at.mean() * abs(right[at].mean() - proba.max(axis=1)[at].mean())
    assert summary.ece == pytest.approx(ece, abs=1e-9)
    assert summary.table["n_rows"].sum() == 200
    assert (summary.table["n_rows"] > 0).all()
    one_hot = names[:, None] == found.classes_
    brier = ((proba - one_hot) ** 2).sum(axis=1).mean() / (2 if n_classes == 2 else 1)
    assert summary.brier == pytest.approx(brier, abs=1e-9)
    assert summary.log_loss == pytest.approx(log_loss(names, proba), abs=1e-9)


def test_calibration_says_what_is_wrong():
    found = distribution(classifier(), "ensemble").fit(X, NAMES)
    with pytest.raises(ValueError, match="'strange'.*not seen"):
        found.calibration(X, np.where(LABELS == 0, "strange", NAMES))
    with pytest.raises(ValueError, match="must hold 60 labels"):
        found.calibration(X, NAMES[:3])
    with pytest.raises(ValueError, match="'n_bins'"):
        found.calibration(X, NAMES, n_bins=0)


# ---------------------------------------------------------------------- among scikit-learn's estimators
def mixed_table():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"age": rng.randn(80), "city": rng.choice(["Rome", "Oslo"], 80), "n": rng.randint(9, size=80)})
    return frame, np.where(frame["age"] + (frame["city"] == "Rome") > 0.5, "yes", "no")


def mixed_pipeline(**kwargs):
    columns = make_column_transformer((StandardScaler(), ["age", "n"]), (OneHotEncoder(sparse_output=False), ["city"]))
    return make_pipeline(columns, classifier(Mixed, lr=0.1, max_epochs=10, **kwargs))


@pytest.mark.parametrize("method", METHODS)
def test_a_pipeline_on_a_mixed_table_with_string_labels(method):
    frame, labels = mixed_table()
    found = distribution(mixed_pipeline(), method).fit(frame, labels)
    assert found.classes_.tolist() == ["no", "yes"]
    assert found.score(frame, labels) > 0.6
    parts = found.uncertainty(frame.iloc[10:20])
    assert parts.index.tolist() == list(range(10, 20))
    again = pickle.loads(pickle.dumps(found))
    assert_array_equal(again.predict_proba(frame), found.predict_proba(frame))
    assert_array_equal(again.uncertainty(frame), found.uncertainty(frame))
    same = clone(found).fit(frame, labels)
    assert_array_equal(same.predict_proba(frame), found.predict_proba(frame))
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frame.rename(columns={"age": "years"}))


def test_searches_folds_and_calibration_take_it():
    frame, labels = mixed_table()
    found = distribution(mixed_pipeline(), "laplace_last_layer")
    scores = cross_val_score(found, frame, labels, cv=3, scoring="neg_log_loss")
    assert np.isfinite(scores).all()
    search = GridSearchCV(found, {"prior_precision": ["auto", 1.0], "n_samples": [3]}, cv=2).fit(frame, labels)
    assert search.best_score_ > 0.5
    calibrated = CalibratedClassifierCV(found, cv=2).fit(frame, labels)
    assert_allclose(calibrated.predict_proba(frame).sum(axis=1), 1)
    assert cross_val_predict(distribution(regressor(), "ensemble"), X, Y, cv=2).shape == (60,)


class Suited(MLP):
    """Takes any table, and drops some units."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.act = nn.Sequential(nn.ReLU(), nn.Dropout(0.1))


SUITED = [
    distribution(net, method, n_samples=3, n_members=2, learning_rate=1e-6)
    for method in METHODS
    for net in (
        classifier(Suited, max_epochs=40, lr=0.1),
        regressor(Suited, max_epochs=100, lr=0.05, optimizer=torch.optim.Adam),
    )
]


def whole_suite():
    """Yield (estimator, check) with names that are the same in every process."""
    for suited in SUITED:
        for estimator, check in estimator_checks_generator(suited):
            yield named(estimator, check, f"{suited.method}-{type(suited.estimator).__name__}")


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), [*whole_suite()])
def test_scikit_learns_checks(estimator, check):
    torch.manual_seed(0)
    check(estimator)


def test_it_is_the_last_step_of_a_pipeline():
    frame, labels = mixed_table()
    whole = mixed_pipeline()
    pipe = make_pipeline(whole[0], distribution(whole[-1], "mc_dropout")).fit(frame, labels)
    assert pipe.predict_proba(frame).shape == (80, 2)
    assert pipe[-1].uncertainty(pipe[:-1].transform(frame)).shape == (80, 3)


# ---------------------------------------------------------------------- hygiene
@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_the_users_changes(method):
    net = classifier(Mixed).fit(X, LABELS)
    net.module_.train()
    before, drawn, rows = state(net.module_), random_states(), X.copy()
    frozen = method in ("mc_dropout", "laplace_last_layer")
    found = distribution(net, method, random_state=None)
    found = found.fit(rows) if frozen else found.fit(rows, LABELS)
    found.predict(rows)
    found.uncertainty(rows)
    assert state(net.module_) == before
    assert random_states() == drawn
    assert_array_equal(rows, X)


@pytest.mark.parametrize("method", METHODS)
def test_inside_a_block_without_gradients(method):
    expected = distribution(classifier(Mixed), method).fit(X, LABELS).predict_proba(X)
    with torch.inference_mode():
        inside = distribution(classifier(Mixed), method).fit(X, LABELS)
        assert_array_equal(inside.predict_proba(X), expected)
    assert_array_equal(inside.predict_proba(X), expected)


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("estimator", "method", "y", "match"),
    [
        (classifier(), "mc_dropout", LABELS, "never calls dropout.*method='ensemble'"),
        (regressor(nn.Sequential(nn.Linear(4, 1), nn.Tanh()), callbacks=None), "laplace_last_layer",
         Y, "does not end in a Linear layer"),
        (nn.Linear(4, 1), "ensemble", Y, "trains nets.*never trained"),
        (FrozenEstimator(classifier().fit(X, LABELS)), "swag", LABELS, "trains nets.*never trained"),
        (regressor().fit(X, Y[:, None]), "laplace_last_layer", None, "needs y for the noise of a regressor"),
        (LogisticRegression(), "ensemble", LABELS, "must be a skorch net.*Got LogisticRegression"),
        (classifier(), "bayes", LABELS, "'method' parameter"),
        (nn.Sequential(nn.Linear(4, 9_000), nn.ReLU(), nn.Linear(9_000, 1)), "laplace_last_layer", Y, "at most 8192"),
    ],
)  # fmt: skip
def test_what_cannot_be_says_so(estimator, method, y, match):
    with pytest.raises(ValueError, match=match):
        distribution(estimator, method).fit(X, y)


def test_weights_that_run_away_are_an_error():
    with pytest.raises(ValueError, match="the training ran away"), np.errstate(all="ignore"):
        distribution(regressor(lr=1e6, max_epochs=20), "laplace_last_layer").fit(X, Y)
    with pytest.raises(ValueError, match="Lower 'learning_rate'"), np.errstate(all="ignore"):
        distribution(regressor(), "swag", learning_rate=1e6, n_epochs=30).fit(X, Y)


def test_not_fitted():
    found = distribution(classifier(), "mc_dropout")
    with pytest.raises(NotFittedError):
        found.predict(X)
    with pytest.raises(NotFittedError, match="PredictiveDistribution"):
        found.fit(X)
    with pytest.raises(ValueError, match="'return_std'"):
        distribution(classifier(), "ensemble").fit(X, LABELS).predict(X, return_std=True)
