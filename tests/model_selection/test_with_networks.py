"""Model selection around skorch nets: trained in each fold, frozen, in a Pipeline, in other processes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sklearn_xai import (
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    RandomExplainer,
    RFEExplainer,
    SaliencyExplainer,
    SHAPExplainer,
    SmoothGradExplainer,
)
from sklearn_xai.model_selection import compare_explainers, cross_val_attributions, explanation_stability


def regressor(n_features=4, **params):
    """Give a linear skorch net of classes that any process can import."""
    params = {"max_epochs": 20, "lr": 0.1, "verbose": 0, "train_split": None, **params}
    return NeuralNetRegressor(torch.nn.Linear, module__in_features=n_features, module__out_features=1, **params)


def classifier(n_features, n_classes=2):
    return NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=n_features,
        module__out_features=n_classes,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=15,
        lr=0.3,
        verbose=0,
        train_split=None,
    )


@pytest.fixture
def table():
    X = np.random.RandomState(0).randn(80, 4).astype(np.float32)
    return X, X @ np.float32([1, -2, 0.5, 3])


@pytest.fixture
def frame():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"age": rng.randn(90), "colour": rng.choice(["red", "blue", "green"], 90), "size": rng.randn(90)})
    return X, np.where(X["age"] + 2 * (X["colour"] == "red") + 0.1 * rng.randn(90) > 0.7, "yes", "no")


def test_each_fold_has_its_own_net_in_one_process_or_two(table):
    X, y = table
    explainer = IntegratedGradientsExplainer(regressor(max_epochs=2), n_steps=4, random_state=0)
    threads = torch.get_num_threads()
    alone = cross_val_attributions(explainer, X, y, cv=3, X_eval=X[:6])
    spread = cross_val_attributions(explainer, X, y, cv=3, X_eval=X[:6], n_jobs=2)
    np.testing.assert_allclose(spread, alone, atol=1e-6)
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    train = next(KFold(3).split(X))[0]
    direct = IntegratedGradientsExplainer(regressor(max_epochs=2), n_steps=4, random_state=0).fit(X[train], y[train])
    np.testing.assert_allclose(alone[0], direct.transform(X[:6]), atol=1e-6)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_trained_net_or_module_is_explained_as_it_stands(table, n_jobs):
    X, y = table
    net = regressor().fit(X, y[:, None])
    before = net.module_.weight.detach().clone()
    for estimator in (net, FrozenEstimator(net), net.module_):
        found = cross_val_attributions(SaliencyExplainer(estimator), X, cv=3, X_eval=X[:2], n_jobs=n_jobs)
        expected = np.broadcast_to(np.abs(before.numpy()), found.shape)
        np.testing.assert_allclose(np.abs(found), expected, atol=1e-6)
    assert torch.equal(net.module_.weight, before)


def test_the_module_is_not_trained_with_y(table):
    X, y = table
    module = torch.nn.Linear(4, 1)
    before = module.weight.detach().clone()
    found = cross_val_attributions(SaliencyExplainer(module), X, y, cv=2, X_eval=X[:1])
    np.testing.assert_allclose(np.abs(found[:, 0]), np.abs(np.tile(before.numpy(), (2, 1))), atol=1e-6)
    table = compare_explainers({"saliency": SaliencyExplainer(module)}, X, y, cv=2)
    assert table.attrs["train_seconds"] == 0
    assert torch.equal(module.weight, before)


def test_stability_of_a_mixed_table_with_text_labels(frame):
    X, y = frame
    columns = make_column_transformer((StandardScaler(), ["age", "size"]), (OneHotEncoder(), ["colour"]))
    explainer = IntegratedGradientsExplainer(make_pipeline(columns, classifier(5)), n_steps=4, random_state=0)
    found = explanation_stability(explainer, X, y, cv=3, X_eval=X[:20], top_k=2)
    assert found.attributions.shape == (3, 20, 3)
    assert found.feature_names == ["age", "colour", "size"]
    assert found.overall["cosine"] > 0.9
    low, high = found.interval["cosine"]
    assert low <= found.overall["cosine"] <= high


def test_all_classes_are_explained_in_blocks(frame):
    X, _ = frame
    X, y = X[["age", "size"]].to_numpy(np.float32), np.digitize(X["age"], [-0.5, 0.5])
    explainer = InputXGradientExplainer(classifier(2, 3), target="all", random_state=0)
    found = explanation_stability(explainer, X, y, cv=3)
    assert found.attributions.shape == (3, 90, 6)
    assert found.feature_names == ["0_x0", "0_x1", "1_x0", "1_x1", "2_x0", "2_x1"]
    table = compare_explainers({"all": explainer}, X, y, cv=3)
    assert len(table.attrs["importances"]["all"]) == len(table.attrs["feature_names"]) == 2
    assert table.loc["all", "faithfulness"] > 0.5


def test_a_comparison_trains_the_nets_that_fit_would_train(table):
    X, y = table
    net = regressor(max_epochs=3)
    explainers = {
        "ig": IntegratedGradientsExplainer(net, n_steps=4, random_state=5),
        "saliency": SaliencyExplainer(net, random_state=5),
    }
    table = compare_explainers(explainers, X, y, cv=2, X_eval=X[:30], reference="ig")
    direct = cross_val_attributions(explainers["ig"], X, y, cv=2, X_eval=X[:30])
    np.testing.assert_allclose(table.attrs["importances"]["ig"], np.abs(direct).mean(axis=(0, 1)), rtol=1e-5)
    assert table.loc["ig", "faithfulness"] > max(0.9, table.loc["saliency", "faithfulness"])
    assert table.loc["ig", "completeness_gap"] < 1e-5 < table.loc["saliency", "completeness_gap"]
    assert table.loc["ig", "agreement"] == pytest.approx(1.0)
    assert not hasattr(net, "module_")


def test_chance_is_not_stable_and_a_seed_makes_only_the_data_differ(table):
    X, y = table
    net = regressor().fit(X, y[:, None])
    for n_jobs in (None, 2):
        drawn = explanation_stability(RandomExplainer(net), X, cv=3, n_jobs=n_jobs)
        assert abs(drawn.overall["spearman"]) < 0.15
        pipe = make_pipeline(StandardScaler(), RandomExplainer(net))
        assert abs(explanation_stability(pipe, X, cv=3, n_jobs=n_jobs).overall["cosine"]) < 0.15
    again = explanation_stability(RandomExplainer(net), X, cv=3, n_jobs=2)
    np.testing.assert_array_equal(again.attributions, drawn.attributions)
    np.random.seed(5)  # noqa: NPY002 (without a random_state, numpy's own state counts)
    assert not np.array_equal(cross_val_attributions(RandomExplainer(net), X, cv=3)[0], drawn.attributions[0])

    trained = {"free": IntegratedGradientsExplainer(regressor(), n_steps=2)}
    compared = compare_explainers(trained, X, y, cv=3, random_state=7).loc["free", "stability"]
    alone = explanation_stability(trained["free"], X, y, cv=3, random_state=7).overall["spearman"]
    assert compared == pytest.approx(alone)


def test_explainers_of_a_mixed_table_against_shap_and_chance(frame):
    X, y = frame
    columns = make_column_transformer((StandardScaler(), ["age", "size"]), (OneHotEncoder(), ["colour"]))
    pipe = make_pipeline(columns, classifier(5).set_params(max_epochs=80))
    explainers = {
        "ig": IntegratedGradientsExplainer(pipe, n_steps=4),
        "rfe": RFEExplainer(pipe),
        "shap": SHAPExplainer(pipe),
        "random": RandomExplainer(pipe),
    }
    table = compare_explainers(explainers, X, y, cv=2, X_eval=X[:25])
    assert table.attrs["reference"] == "shap"
    assert table.attrs["feature_names"] == ["age", "colour", "size"]
    for name in ("ig", "rfe", "shap"):
        assert table.loc[name, "faithfulness"] > 0.8 > table.loc["random", "faithfulness"]
        assert table.loc[name, "completeness_gap"] < 1e-3 < table.loc["random", "completeness_gap"]
        assert table.loc[name, "agreement"] > 0.5 > table.loc["random", "agreement"]
        assert table.attrs["top"][name][-1] == "size"
    assert abs(table.loc["random", "stability"]) < 0.3 < table.loc["ig", "stability_low"]


def test_the_global_generators_are_left_alone(table):
    X, y = table
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    compare_explainers({"ig": IntegratedGradientsExplainer(regressor(max_epochs=1))}, X, y, cv=2)
    explanation_stability(IntegratedGradientsExplainer(regressor(max_epochs=1)), X, y, cv=2)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


class Numbers(nn.Module):
    """Takes numbers, and codes that it looks up."""

    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(5, 3), nn.Linear(6, 1)

    def forward(self, num, cat):
        return self.out(torch.cat([num, self.embedding(cat[:, 0])], dim=1).tanh())


def numbers_and_codes(n=40):
    rng = np.random.RandomState(0)
    X = {"num": rng.standard_normal((n, 3)).astype(np.float32), "cat": rng.randint(0, 5, (n, 1))}
    return X, (X["num"][:, 0] + (X["cat"][:, 0] > 2)).astype(np.float32)


def test_several_inputs_across_folds():
    X, y = numbers_and_codes()
    net = NeuralNetRegressor(Numbers, max_epochs=2, lr=0.01, train_split=None, verbose=0)
    explainer = IntegratedGradientsExplainer(net, random_state=0)
    few = {name: part[:6] for name, part in X.items()}
    found = cross_val_attributions(explainer, X, y, cv=2, X_eval=few)
    half = {name: part[20:] for name, part in X.items()}
    np.testing.assert_allclose(found[0], explainer.fit(half, y[20:]).transform(few), atol=1e-6)
    table = compare_explainers({"IG": explainer, "control": RandomExplainer(net)}, X, y, cv=2, X_eval=few)
    assert table.loc["IG", "faithfulness"] > table.loc["control", "faithfulness"]


def test_an_explainer_inside_another_is_trained_once_a_fold():
    X, y = numbers_and_codes()
    net = NeuralNetRegressor(Numbers, max_epochs=2, lr=0.01, train_split=None, verbose=0)
    inside = IntegratedGradientsExplainer(net, n_steps=8, tol=1)
    smooth = SmoothGradExplainer(inside, noise=1e-6, n_samples=2)
    alone = IntegratedGradientsExplainer(net, n_steps=8, tol=1)
    table = compare_explainers({"smooth": smooth, "IG": alone}, X, y, cv=2)
    np.testing.assert_allclose(*table["faithfulness"], atol=1e-3)
    assert inside.estimator is net
