"""Parameters of ``fit`` reach the net, with metadata routing and without."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xai import IntegratedGradientsExplainer, LocalSurrogateExplainer
from tests.nets import MLP, regressor, table

X, Y, LABELS = table()
WEIGHTS = np.random.RandomState(0).rand(len(X))


class Scaled(MLP):
    """Takes a factor from the parameters of ``fit`` and remembers it."""

    def forward(self, X, factor=1.0):
        if self.training:
            self.seen = factor
        return super().forward(X) * factor


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def seen(explainer):
    return explainer._model.network.module.seen


def test_fit_params_reach_the_net():
    explainer = IntegratedGradientsExplainer(regressor(Scaled)).fit(X, Y, factor=2.0)
    assert seen(explainer) == 2.0


def test_fit_params_of_a_step_reach_it():
    pipe = make_pipeline(StandardScaler(), make_pipeline(regressor(Scaled)))
    explainer = IntegratedGradientsExplainer(pipe)
    explainer.fit(X, Y, pipeline__neuralnetregressor__factor=3.0, standardscaler__sample_weight=WEIGHTS)
    assert seen(explainer) == 3.0
    assert_allclose(explainer.estimator_[0].mean_, np.average(X, axis=0, weights=WEIGHTS), rtol=1e-5)


def test_routed_to_the_net(routing):
    explainer = IntegratedGradientsExplainer(regressor(Scaled).set_fit_request(factor=True)).fit(X, Y, factor=2.0)
    assert seen(explainer) == 2.0


def test_routed_to_the_steps(routing):
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    pipe = make_pipeline(scaler, regressor(Scaled).set_fit_request(factor=True))
    explainer = IntegratedGradientsExplainer(pipe).fit(X, Y, factor=2.0, sample_weight=WEIGHTS)
    assert seen(explainer) == 2.0
    assert_allclose(explainer.estimator_[0].mean_, np.average(X, axis=0, weights=WEIGHTS), rtol=1e-5)


def test_routed_by_a_pipeline_around_the_explainer(routing):
    inner = LocalSurrogateExplainer(LogisticRegression().set_fit_request(sample_weight=True), n_samples=32)
    pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), inner)
    pipe.fit(X, LABELS, sample_weight=WEIGHTS)
    expected = LogisticRegression().fit(StandardScaler().fit_transform(X), LABELS, sample_weight=WEIGHTS)
    assert_allclose(pipe[-1].estimator_.coef_, expected.coef_, rtol=1e-6)


def test_what_nobody_asked_for_is_an_error(routing):
    with pytest.raises(TypeError, match="factor"):
        IntegratedGradientsExplainer(regressor(Scaled)).fit(X, Y, factor=2.0)


def test_fit_params_without_training_are_an_error():
    net = regressor().fit(X, Y.reshape(-1, 1))
    with pytest.raises(ValueError, match="IntegratedGradientsExplainer.fit got .'factor'. without y"):
        IntegratedGradientsExplainer(net).fit(X, factor=2.0)
