"""scikit-learn's own recursive elimination around nets."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import RFE, RFECV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn, optim

from sklearn_xai import attribution_importance
from tests.oracles import as_net, mlp, seeded


class Lazy(nn.Module):
    """Takes as many columns as it is given."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x):
        return self.layers(x)


def lazy_net():
    return NeuralNetClassifier(
        Lazy, criterion=nn.CrossEntropyLoss, optimizer=optim.Adam, lr=0.03, max_epochs=10, batch_size=32,
        train_split=None, verbose=0,
    )  # fmt: skip


def task(n=240):
    X = np.random.RandomState(0).standard_normal((n, 6)).astype(np.float32)
    return X, (2 * X[:, 1] - 2 * X[:, 4] > 0).astype(np.int64)


lazy_is_new = pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning")


@lazy_is_new
def test_rfe_of_sklearn_selects_what_matters():
    X, y = task()
    selector = RFE(lazy_net(), n_features_to_select=2, importance_getter=attribution_importance).fit(X, y)
    assert selector.support_.tolist() == [False, True, False, False, True, False]
    assert selector.score(X, y) > 0.9


@lazy_is_new
def test_rfecv_of_sklearn_selects_what_matters():
    X, y = task()
    selector = RFECV(lazy_net(), step=2, cv=2, importance_getter=attribution_importance, min_features_to_select=2)
    selector.fit(X, y)
    assert selector.support_[[1, 4]].all()
    assert selector.cv_results_["mean_test_score"].max() > 0.85


def test_importance_of_a_linear_net_is_its_weights():
    module = seeded(lambda: nn.Linear(4, 1))
    weights = np.abs(module.weight.detach().numpy()[0])
    for estimator in (module, as_net(module), make_pipeline(StandardScaler(), as_net(module))):
        np.testing.assert_allclose(attribution_importance(estimator), weights, atol=1e-12)


def test_importance_compares_outputs_with_each_other():
    """What moves all classes alike moves no probability."""
    module = seeded(lambda: nn.Linear(3, 4))
    w = module.weight.detach().numpy()
    w[:, 1] = 5.0
    expected = np.abs(w - w.mean(axis=0)).mean(axis=0)
    np.testing.assert_allclose(attribution_importance(module), expected, atol=1e-12)
    assert expected[1] == 0


def test_importance_is_repeatable():
    module = seeded(mlp)
    np.testing.assert_array_equal(attribution_importance(module), attribution_importance(module))


def test_the_inputs_are_counted_by_the_first_layer_that_says_so():
    norm_first = nn.Sequential(nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 1))
    assert attribution_importance(seeded(lambda: norm_first)).shape == (5,)


class Nameless(nn.Module):
    def forward(self, x):
        return x.sum(dim=1)


def test_a_module_that_does_not_say_how_many_inputs_it_takes():
    with pytest.raises(ValueError, match="attribution_importance reads .* module Nameless has none. Use RFEExplainer"):
        attribution_importance(Nameless())
