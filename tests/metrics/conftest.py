"""A linear model explained in closed form, so that every metric has a known answer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LinearRegression


class LinearExplainer(TransformerMixin, BaseEstimator):
    """Attributions of a linear model, `coef * (x - mean)`, mixed with noise and scaled."""

    def __init__(self, estimator=None, *, noise=0.0, scale=1.0, target="auto"):
        self.estimator = estimator
        self.noise = noise
        self.scale = scale
        self.target = target

    def fit(self, X, y=None):
        X = np.asarray(X, dtype=float)
        y = X @ np.arange(1.0, X.shape[1] + 1) if y is None else y
        self.coef_ = np.asarray(LinearRegression().fit(X, y).coef_)
        self.mean_ = X.mean(axis=0)
        self.wrong_ = np.random.RandomState(0).randn(X.shape[1])
        self.n_features_in_ = X.shape[1]
        return self

    def explained_output(self, X, targets=None):
        f = np.asarray(X, dtype=float) @ self.coef_
        return np.stack([f, 1 - f], axis=1) if self.target == "all" else f

    def coalition_values(self, X, coalitions, targets=None):
        X = np.asarray(X, dtype=float)
        kept = np.asarray(coalitions, dtype=float)
        values = (X * self.coef_) @ kept.T + (self.mean_ * self.coef_) @ (1 - kept).T
        return values if targets is None else np.where(np.reshape(targets, (-1, 1)) == 0, values, 1 - values)

    def transform(self, X):
        exact = self.coef_ * (np.asarray(X, dtype=float) - self.mean_)
        if self.target == "all":
            return np.hstack([exact, -exact]) * self.scale
        noise = np.random.RandomState(1).randn(*exact.shape) * self.wrong_
        return self.scale * ((1 - self.noise) * exact + self.noise * noise)

    def explain(self, X):
        values, base = self.transform(X), float(self.mean_ @ self.coef_)
        if self.target == "all":
            d = len(self.mean_)
            values = np.stack([values[:, :d], values[:, d:]], axis=2)
            return SimpleNamespace(values=values, base_values=np.tile([base, 1 - base], (len(values), 1)))
        return SimpleNamespace(values=values, base_values=np.full(len(values), base))


@pytest.fixture
def linear_explainer():
    return LinearExplainer


@pytest.fixture
def X():
    return np.random.RandomState(0).randn(60, 6)
