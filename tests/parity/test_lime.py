"""The local surrogate, against the ``lime`` package on nets that both should see alike."""

from __future__ import annotations

import lime.lime_tabular as lime
import numpy as np
import pytest
import torch
from torch import nn

from sklearn_xai import LocalSurrogateExplainer
from sklearn_xai.engines.agreement import spearman
from tests.oracles import run, seeded

pytestmark = pytest.mark.slow

N_SAMPLES = 3000


def trained(X, y):
    """Return a small net that was trained on a task, in double precision."""
    module = seeded(lambda: nn.Sequential(nn.Linear(X.shape[1], 16), nn.Tanh(), nn.Linear(16, 1)))
    X, y = torch.as_tensor(X), torch.as_tensor(y)[:, None]
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.mse_loss(module(X), y).backward()
        optimizer.step()
    return module.eval().requires_grad_(False)


def lime_coefficients(theirs, module, X):
    found = np.empty(X.shape)
    for i, row in enumerate(X):
        explanation = theirs.explain_instance(
            row, lambda Z: run(module, Z)[:, 0], num_features=X.shape[1], num_samples=N_SAMPLES
        )
        for column, coefficient in explanation.local_exp[1]:  # in a regression, 0 holds them with the sign turned
            found[i, column] = coefficient
    return found


def test_numbers():
    """lime fits a slope around the mean row; times the distance from the mean it is what the column adds."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 6)) * [1, 2, 0.5, 1, 3, 1]
    module = trained(X, np.tanh(X @ [1.0, -0.4, 1.0, 0.5, 0.1, 0.0]) + 0.2 * X[:, 1])
    theirs = lime.LimeTabularExplainer(X, mode="regression", discretize_continuous=False, random_state=0)
    slopes = lime_coefficients(theirs, module, X[:12])
    expected = slopes * (X[:12] - theirs.scaler.mean_) / theirs.scaler.scale_
    found = LocalSurrogateExplainer(module, n_samples=N_SAMPLES, random_state=0).fit(X).transform(X[:12])
    assert spearman(found, expected).mean() > 0.8
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9


def test_categories():
    """lime's perturbed rows keep some categories, drawn as often as the table has them; so do ours."""
    rng = np.random.RandomState(0)
    X = rng.randint(4, size=(300, 6)).astype(float)
    effect = rng.standard_normal((6, 4)) * np.array([2.0, 1.5, 1.0, 0.7, 0.3, 0.0])[:, None]
    module = trained(X, effect[np.arange(6), X.astype(int)].sum(axis=1))
    theirs = lime.LimeTabularExplainer(X, mode="regression", categorical_features=list(range(6)), random_state=0)
    expected = lime_coefficients(theirs, module, X[:12])
    found = LocalSurrogateExplainer(module, n_samples=N_SAMPLES, random_state=0).fit(X).transform(X[:12])
    assert spearman(found, expected).mean() > 0.8
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9
