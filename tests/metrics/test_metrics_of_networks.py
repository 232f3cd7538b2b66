"""The same metrics on explainers of skorch nets and torch modules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer
from sklearn_xai.metrics import completeness_gap, faithfulness_correlation, make_explanation_scorer


def small_net():
    """Give a linear skorch net, of classes that any worker process can import."""
    return NeuralNetRegressor(
        torch.nn.Linear,
        module__in_features=4,
        module__out_features=1,
        max_epochs=3,
        lr=0.1,
        verbose=0,
        train_split=None,
    )


@pytest.fixture
def table():
    X = np.random.RandomState(0).randn(80, 4).astype(np.float32)
    return X, X @ np.float32([1, -2, 0, 3])


def test_a_trained_linear_net_is_explained_faithfully_in_two_processes(table):
    X, y = table
    scoring = {name: make_explanation_scorer(name) for name in ("faithfulness_correlation", "completeness_gap")}
    explainer = IntegratedGradientsExplainer(small_net(), n_steps=4, random_state=0)
    alone = cross_validate(explainer, X, y, scoring=scoring, cv=2)
    spread = cross_validate(explainer, X, y, scoring=scoring, cv=2, n_jobs=2)
    for name in ("test_faithfulness_correlation", "test_completeness_gap"):
        np.testing.assert_allclose(spread[name], alone[name], atol=1e-6)
    # Not 1.0: a removed column comes from a few background rows, the baseline of the attributions from all of them.
    assert (alone["test_faithfulness_correlation"] > 0.95).all()
    assert (alone["test_completeness_gap"] > -1e-4).all()


def test_a_search_in_a_pipeline_chooses_the_steps_of_integrated_gradients(table):
    X, y = table
    net = NeuralNetRegressor(
        torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)),
        max_epochs=30,
        lr=0.1,
        verbose=0,
        train_split=None,
    )
    explainer = IntegratedGradientsExplainer(net, random_state=0, method="riemann_left", tol=1e6)
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), explainer)
    frame = pd.DataFrame(X, columns=list("abcd"))
    scorer = make_explanation_scorer("completeness_gap")
    search = GridSearchCV(pipe, {"integratedgradientsexplainer__n_steps": [1, 64]}, scoring=scorer, cv=2).fit(frame, y)
    assert search.best_params_ == {"integratedgradientsexplainer__n_steps": 64}
    assert search.cv_results_["mean_test_score"][0] < search.cv_results_["mean_test_score"][1] <= 0


def test_gradient_times_input_of_a_linear_module_leaves_the_mean(table):
    X, _ = table
    module = torch.nn.Linear(4, 1)
    explainer = InputXGradientExplainer(module).fit(X)
    assert faithfulness_correlation(explainer, X[:5], attributions=np.zeros((5, 4))) == 0.0
    assert completeness_gap(explainer, X, relative=True, sample_wise=True).shape == (80,)
