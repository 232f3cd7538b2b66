"""Permutation importance against scikit-learn's, permutation by permutation; occlusion against Captum's."""

from __future__ import annotations

import captum.attr as captum
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from torch import nn

from sklearn_xai import OcclusionExplainer, PermutationImportanceExplainer
from sklearn_xai.datasets import load_adult
from tests.nets import classifier, table
from tests.oracles import seeded

pytestmark = pytest.mark.slow


def same_as_scikit_learn(model, X, y, atol=1e-12, **settings):
    theirs = permutation_importance(model, X, y, n_repeats=4, random_state=3, **settings)
    ours = PermutationImportanceExplainer(FrozenEstimator(model), n_repeats=4, random_state=3, **settings).fit(X, y)
    assert np.ptp(theirs.importances) > 0
    assert_allclose(ours.importances_, theirs.importances, atol=atol)
    assert_allclose(ours.importances_mean_, theirs.importances_mean, atol=atol)
    assert_allclose(ours.importances_std_, theirs.importances_std, atol=atol)


@pytest.mark.parametrize("scoring", [None, "accuracy", "roc_auc", "neg_log_loss"])
def test_random_forest(scoring):
    X, _, y = table(n=200)
    labels = np.array(["no", "yes"])[y]
    same_as_scikit_learn(RandomForestClassifier(20, random_state=0).fit(X, labels), X, labels, scoring=scoring)


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_gradient_boosting_with_missing_values(scoring):
    X, y, _ = table(n=200)
    X[np.random.RandomState(0).rand(*X.shape) < 0.2] = np.nan
    same_as_scikit_learn(HistGradientBoostingRegressor(max_iter=20).fit(X, y), X, y, scoring=scoring)


@pytest.mark.parametrize(("scoring", "n_classes"), [(None, 3), ("roc_auc", 2)])
def test_svc(scoring, n_classes):
    X, _, y = table(n=150, n_classes=n_classes)
    same_as_scikit_learn(SVC().fit(X, y), X, y, scoring=scoring)


def census(n=400):
    X, y = load_adult(return_X_y=True)
    return X.iloc[:n], y.iloc[:n]


def preprocessing():
    fill = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (fill, make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )


@pytest.mark.parametrize("scoring", [None, "roc_auc"])
@pytest.mark.parametrize("final", [SVC(), HistGradientBoostingClassifier(max_iter=20)])
def test_census_pipeline(final, scoring):
    X, y = census()
    same_as_scikit_learn(make_pipeline(preprocessing(), final).fit(X, y), X, y, scoring=scoring)


@pytest.mark.parametrize("scoring", [None, "roc_auc", "neg_log_loss"])
def test_census_pipeline_of_a_net(scoring):
    X, y = census()
    y = (y == ">50K").astype(int).to_numpy()
    model = make_pipeline(preprocessing(), FunctionTransformer(np.float32), classifier()).fit(X, y)
    same_as_scikit_learn(model, X, y, atol=1e-6, scoring=scoring)


# ---------------------------------------------------------------------- occlusion
class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.out = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, X):
        return self.out(torch.relu(self.first(X)).mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("window", "strides"),
    [((3, 4, 4), (3, 2, 2)), ((3, 5, 3), (1, 3, 2)), ((1, 2, 2), (1, 2, 2)), ((2, 3, 3), (1, 1, 2))],
)
def test_occlusion_of_images(window, strides):
    module, X = seeded(Convolutions), np.random.RandomState(0).standard_normal((4, 3, 12, 10))
    baseline = X.mean(axis=0)
    theirs = captum.Occlusion(module).attribute(
        torch.as_tensor(X), window, strides=strides, baselines=torch.as_tensor(baseline[None]), target=1
    )
    ours = OcclusionExplainer(module, window=window, strides=strides, baseline=baseline, target=1).fit(X).transform(X)
    assert_allclose(ours, theirs.detach().numpy(), atol=1e-10)


def test_ablation_of_columns():
    module = seeded(lambda: nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2)))
    X = np.random.RandomState(0).standard_normal((20, 5))
    theirs = captum.FeatureAblation(module).attribute(
        torch.as_tensor(X), target=0, feature_mask=torch.tensor([[0, 1, 1, 2, 3]])
    )
    groups = {"pair": [1, 2]}
    ours = OcclusionExplainer(module, baseline="zero", target=0, feature_groups=groups).fit(X).transform(X)
    assert_allclose(ours, theirs.detach().numpy()[:, [0, 1, 3, 4]], atol=1e-10)
