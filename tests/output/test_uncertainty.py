"""Explanations of a predictive distribution: what makes it unsure, by the columns of the table."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_xai import (
    IntegratedGradientsExplainer,
    OcclusionExplainer,
    PredictiveDistribution,
    SaliencyExplainer,
    ShapleyExplainer,
)
from sklearn_xai.models.uncertainty import log_probabilities, of_log_draws
from tests.every_explainer import CLASSES, fast
from tests.nets import Mixed, classifier, regressor, table
from tests.output.test_predictive_distribution import METHODS, distribution, mixed_pipeline, mixed_table

X, Y, LABELS = table(n=50, n_classes=3)
NAMES = np.array(["low", "middle", "high"])[LABELS]
PARTS = {"entropy": "total", "aleatoric": "aleatoric", "epistemic": "epistemic"}
NOT_LINEAR = ("GradientXWeightExplainer",)  # multiplies weights, which no entropy has


@pytest.mark.parametrize("output", PARTS)
@pytest.mark.parametrize("method", METHODS)
def test_the_explained_output_is_the_uncertainty(method, output):
    found = distribution(classifier(Mixed), method).fit(X, NAMES)
    explainer = SaliencyExplainer(found, output=output).fit(X)
    assert_allclose(explainer.explained_output(X), found.uncertainty(X)[PARTS[output]], atol=2e-6)
    assert_allclose(explainer.predict_proba(X), found.predict_proba(X), atol=2e-6)
    assert_array_equal(explainer.predict(X), found.predict(X))
    assert explainer.classes_.tolist() == ["high", "low", "middle"]


@pytest.mark.parametrize("output", PARTS)
@pytest.mark.parametrize("cls", CLASSES)
def test_every_explainer_takes_it_for_one_network(cls, output):
    found = distribution(classifier(Mixed), "laplace_last_layer").fit(X, NAMES)
    explainer = fast(cls, found, output=output, random_state=0)
    if cls.__name__ in NOT_LINEAR:
        with pytest.raises(ValueError, match="not linear.*Use InputXGradientExplainer"):
            explainer.fit(X)
        return
    values = explainer.fit(X, None if cls.__name__ != "PermutationImportanceExplainer" else NAMES).transform(X[:6])
    assert values.shape == (6, 4)
    assert np.isfinite(values).all()
    assert np.abs(values).max() > 0


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_finite_differences(method):
    found = distribution(
        classifier(Mixed, module__n_features=4, callbacks=None, module__n_outputs=3).set_params(), method
    )
    found.fit(X, LABELS)
    for output in PARTS:
        explainer = SaliencyExplainer(found, output=output).fit(X)
        gradient = explainer.transform(X[:5])
        for j in range(4):
            step = np.zeros(4, dtype=np.float32)
            step[j] = 1e-2
            up, down = explainer.explained_output(X[:5] + step), explainer.explained_output(X[:5] - step)
            smooth = np.abs(up + down - 2 * explainer.explained_output(X[:5])) < 1e-4  # no kink in between
            assert_allclose(gradient[smooth, j], ((up - down) / 2e-2)[smooth], atol=2e-3)


def test_attributions_add_up_on_the_columns_of_a_mixed_table():
    frame, labels = mixed_table()
    found = distribution(mixed_pipeline(), "ensemble").fit(frame, labels)
    for estimator in (found, FrozenEstimator(found)):
        explainer = IntegratedGradientsExplainer(estimator, output="epistemic", n_steps=200).fit(frame)
        explained = explainer.explain(frame.iloc[:10])
        assert explained.values.shape == (10, 3)
        gap = explained.values.sum(axis=1) + explained.base_values - explainer.explained_output(frame.iloc[:10])
        assert np.abs(gap).max() < 1e-3
    again = pickle.loads(pickle.dumps(explainer))
    assert_allclose(again.transform(frame.iloc[:10]), explainer.transform(frame.iloc[:10]), atol=1e-6)


def test_trained_by_the_explainer_and_at_the_end_of_a_pipeline():
    frame, labels = mixed_table()
    whole = mixed_pipeline()
    pipe = make_pipeline(whole[0], distribution(whole[-1], "mc_dropout"))
    explainer = IntegratedGradientsExplainer(pipe, output="entropy", random_state=0).fit(frame, labels)
    assert explainer.transform(frame).shape == (80, 3)
    assert list(explainer.get_feature_names_out()) == ["age", "city", "n"]
    nested = distribution(mixed_pipeline(), "laplace_last_layer")
    assert np.isfinite(ShapleyExplainer(nested, output="aleatoric").fit(frame, labels).transform(frame[:4])).all()


def test_the_mean_probabilities_can_be_explained_too():
    rows, _, labels = table(n=50)
    found = distribution(classifier(), "ensemble").fit(rows, labels)
    proba = SaliencyExplainer(found, output="proba").fit(rows)
    assert_allclose(proba.explained_output(rows), found.predict_proba(rows)[:, 1], atol=1e-6)
    raw = SaliencyExplainer(found).fit(rows)
    p = found.predict_proba(rows)
    assert_allclose(raw.explained_output(rows), np.log(p[:, 1] / p[:, 0]), atol=1e-5)
    many = distribution(classifier(), "ensemble").fit(X, NAMES)
    scores = SaliencyExplainer(many, target="middle").fit(X).explained_output(X)
    assert_allclose(scores, np.log(many.predict_proba(X)[:, 2]), atol=1e-5)


def test_the_variance_of_a_regressor():
    found = distribution(regressor(), "ensemble").fit(X, Y)
    explainer = IntegratedGradientsExplainer(found, output="epistemic", n_steps=100).fit(X)
    assert_allclose(explainer.explained_output(X), found.uncertainty(X)["epistemic"], atol=1e-6)
    assert_allclose(OcclusionExplainer(found).fit(X).explained_output(X), found.predict(X), atol=1e-6)
    for output in ("entropy", "aleatoric"):
        with pytest.raises(ValueError, match="what differs by row is output='epistemic'"):
            SaliencyExplainer(found, output=output).fit(X)


def test_images():
    images = np.random.RandomState(0).rand(30, 1, 6, 6).astype(np.float32)
    labels = (images[:, 0, :3].mean(axis=(1, 2)) > 0.5).astype(int)
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout2d(0.3), nn.Flatten(), nn.Linear(64, 2))
    net = classifier(body, callbacks=None)
    found = PredictiveDistribution(net, method="mc_dropout", n_samples=5, random_state=0).fit(images, labels)
    values = IntegratedGradientsExplainer(found, output="epistemic").fit(images).transform(images[:3])
    assert values.shape == (3, 1, 6, 6)


@pytest.mark.parametrize("output", ["aleatoric", "epistemic"])
@pytest.mark.parametrize(
    "estimator", [classifier(), LogisticRegression(), make_pipeline(StandardScaler(), classifier())]
)
def test_one_prediction_has_no_parts(estimator, output):
    with pytest.raises(ValueError, match=f"'output'.*'{output}'.*PredictiveDistribution.*output='entropy'"):
        OcclusionExplainer(estimator, output=output).fit(X, LABELS)


# ---------------------------------------------------------------------- the numbers themselves
@pytest.mark.parametrize("ending", ["softmax", "sigmoid", "probabilities"])
def test_certain_predictions_have_an_entropy_and_a_gradient(ending):
    extremes = torch.tensor([[-1e4], [-100.0], [0.0], [100.0], [1e4]])
    out = torch.cat([extremes, -extremes], dim=1) if ending == "softmax" else extremes
    out = (out > 0).float() if ending == "probabilities" else out
    out.requires_grad_()
    for output in ("entropy", "aleatoric", "epistemic", "proba"):
        log_p = log_probabilities(out, ending)
        draws = torch.stack([log_p, log_p.flip(0)], dim=1)
        found = of_log_draws(draws, output)
        gradient = torch.autograd.grad(found.sum(), out)[0]
        assert torch.isfinite(found).all()
        assert torch.isfinite(gradient).all()
        assert (found >= -1e-6).all()
    assert of_log_draws(draws, "epistemic")[0].item() == pytest.approx(np.log(2), abs=1e-5)
    assert of_log_draws(draws, "aleatoric")[0].item() == pytest.approx(0, abs=1e-5)
