"""Explainers of linear models in closed form, around estimators that count their trainings."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression


class CountedRegression(LinearRegression):
    """A linear regression that remembers the numbers of rows it was trained on."""

    trainings: list[int] = []

    def fit(self, X, y):
        CountedRegression.trainings.append(len(X))
        return super().fit(X, y)


class LinearExplainer(TransformerMixin, BaseEstimator):
    """Attributions of a linear model, `coef * (x - mean of the background)`, times `sign`."""

    def __init__(self, estimator, *, sign=1.0, keep=None, random_state=None):
        self.estimator = estimator
        self.sign = sign
        self.keep = keep
        self.random_state = random_state

    def fit(self, X, y=None):
        train = y is not None and not isinstance(self.estimator, FrozenEstimator)
        self.estimator_ = clone(self.estimator).fit(X, y) if train else self.estimator
        self.names_ = list(getattr(X, "columns", [f"c{i}" for i in range(np.shape(X)[1])]))[: self.keep]
        self.mean_ = np.asarray(X).mean(axis=0)
        return self

    def get_feature_names_out(self, input_features=None):
        return np.array(self.names_, dtype=object)

    def explained_output(self, X):
        return np.asarray(X) @ self.estimator_.coef_

    def coalition_values(self, X, coalitions):
        kept, coef = np.asarray(coalitions, dtype=float), self.estimator_.coef_[: self.keep]
        return (np.asarray(X)[:, : self.keep] * coef) @ kept.T + (self.mean_[: self.keep] * coef) @ (1 - kept).T

    def transform(self, X):
        return (self.sign * self.estimator_.coef_ * (np.asarray(X) - self.mean_))[:, : self.keep]

    def explain(self, X):
        values = self.transform(X)
        base = np.full(len(values), self.mean_ @ self.estimator_.coef_)
        return SimpleNamespace(values=values, base_values=base, feature_names=self.names_)


class SHAPExplainer(LinearExplainer):
    """A linear explainer that is taken for the reference, by its name."""


@pytest.fixture
def linear():
    return LinearExplainer


@pytest.fixture
def shap_like():
    return SHAPExplainer


@pytest.fixture
def regression():
    CountedRegression.trainings.clear()
    return CountedRegression()


@pytest.fixture
def X():
    return pd.DataFrame(np.random.RandomState(0).randn(60, 4), columns=list("abcd"))


@pytest.fixture
def y(X):
    return X.to_numpy() @ [1.0, -2.0, 0.0, 4.0] + np.random.RandomState(1).randn(60)


@pytest.fixture
def iris():
    """A table with names, and labels that are strings."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, load_iris().target_names[y]
