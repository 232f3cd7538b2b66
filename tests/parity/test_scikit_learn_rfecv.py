"""The choice of the number of columns, against scikit-learn's ``RFECV``, which drops what is eliminated.

Columns that are held at one value are as good as dropped for a linear model with an intercept: with importances that
are its coefficients, every score, rank and number is the same.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_xai import GradientXWeightExplainer, RFEExplainer, attribution_importance
from sklearn_xai.base import Attributions, BaseExplainer
from tests.nets import regressor

pytestmark = pytest.mark.slow


class CoefficientExplainer(BaseExplainer):
    """Attributes to each column its coefficient, whatever the row: scikit-learn's importance of a linear model."""

    def _attribute(self, X, choose):
        outputs, _ = self._model.explained(X, choose)
        coefficients = np.reshape(self.estimator_.estimator.coef_, -1)
        return Attributions(np.repeat(coefficients[None], len(X), axis=0), np.zeros(len(X)), outputs, {})


def data(seed, n=50, d=11):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d))
    return X, X[:, 1] - 2 * X[:, 4] + 1.5 * X[:, 7] + 0.2 * X[:, 9] + rng.standard_normal(n)


def same(ours, theirs):
    assert ours.n_features_ == theirs.n_features_
    assert_array_equal(ours.support_, theirs.support_)
    assert_array_equal(ours.ranking_, theirs.ranking_)
    assert_array_equal(ours.cv_results_["n_features"], theirs.cv_results_["n_features"])
    for name, scores in ours.cv_results_.items():
        assert_allclose(scores, theirs.cv_results_[name], atol=1e-8, err_msg=name)


@pytest.mark.parametrize("step", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_linear_regression(seed, step):
    X, y = data(seed)
    for model in (LinearRegression(), Ridge()):
        theirs = RFECV(model, step=step, cv=5).fit(X, y)
        ours = RFEExplainer(model, step=step, cv=5, refit=True, importance=CoefficientExplainer(None), random_state=0)
        same(ours.fit(X, y), theirs)


@pytest.mark.parametrize("seed", range(3))
def test_logistic_regression(seed):
    X, y = data(seed, n=80)
    labels = np.where(y > 0, "yes", "no")
    model, cv = LogisticRegression(tol=1e-10, max_iter=1000), StratifiedKFold(4, shuffle=True, random_state=seed)
    theirs = RFECV(model, cv=cv).fit(X, labels)
    ours = RFEExplainer(model, cv=cv, refit=True, importance=CoefficientExplainer(None), random_state=0)
    same(ours.fit(X, labels), theirs)


def test_the_change_of_the_output_finds_the_same_columns_on_standardised_data():
    """The default importance is the coefficient times the column's mean distance from others: about its spread."""
    X, y = data(0, n=400)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = RFECV(LinearRegression(), cv=KFold(5)).fit(X, y)
    ours = RFEExplainer(LinearRegression(), cv=KFold(5), refit=True, background_size=400, random_state=0).fit(X, y)
    four = [1, 4, 7, 9]
    assert theirs.support_[four].all() and ours.support_[four].all()
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(ours.cv_results_[name][3:], theirs.cv_results_[name][3:], atol=2e-3)
    assert_array_equal(np.argsort(-ours.ranking_, kind="stable")[-4:], np.argsort(-theirs.ranking_, kind="stable")[-4:])


def test_gradients_of_a_net_and_scikit_learns_elimination_find_the_same_columns():
    X, y = data(0, n=300)
    X, y = X.astype(np.float32), y.astype(np.float32)[:, None]
    net = regressor(max_epochs=30, lr=0.05)
    theirs = RFECV(net, cv=3, importance_getter=attribution_importance, min_features_to_select=2).fit(X, y)
    ours = RFEExplainer(net, cv=3, refit=True, importance=GradientXWeightExplainer(None), random_state=0).fit(X, y)
    assert set(ours.elimination_order_[-3:]) == {1, 4, 7}
    assert theirs.support_[[1, 4, 7]].all() and ours.support_[[1, 4, 7]].all()
