"""What CaptumExplainer explains, in which columns, and where it shields from Captum."""

from __future__ import annotations

import copy
import pickle
import sys
import warnings

import captum.attr as captum
import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr._utils.lrp_rules import GammaRule
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetBinaryClassifier
from torch import nn

from sklearn_xai import CaptumExplainer, IntegratedGradientsExplainer
from tests.nets import MLP, classifier, regressor, table

TABLE = np.random.RandomState(0).randn(6, 4).astype(np.float32)
IMAGES = np.random.RandomState(1).randn(5, 2, 6, 6).astype(np.float32)


def seeded(make):
    """Return a module with the same random weights each time."""
    before = torch.get_rng_state()
    torch.manual_seed(0)
    module = make()
    torch.set_rng_state(before)
    return module


def mlp():
    return seeded(lambda: MLP(n_outputs=3))


def cnn():
    return seeded(lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)))


# ---------------------------------------------------------------------- what is explained
@pytest.mark.parametrize(("labels", "output"), [(2, "raw"), (2, "proba"), (3, "proba")])
def test_the_explained_number_is_that_of_other_explainers(labels, output):
    X, _, y = table(n_classes=labels)
    net = classifier().fit(X, y)
    explainer = CaptumExplainer(net, method_params={"n_steps": 300}, output=output).fit(X)
    found = explainer.explain(X[:9])
    other = IntegratedGradientsExplainer(net, n_steps=301, output=output).fit(X)
    assert_allclose(found.values, other.transform(X[:9]), atol=5e-3 * np.abs(found.values).max())
    assert_allclose(found.base_values, other.explain(X[:9]).base_values, atol=1e-6)
    assert found.completeness_gap.max() < 1e-2
    proba = net.predict_proba(X[:9])
    shown = {2: proba[:, 1], 3: proba.max(axis=1)}[labels]
    if output == "proba":
        assert_allclose(explainer.explained_output(X[:9]), shown, atol=1e-6)


def test_all_targets():
    X, _, y = table(n_classes=3)
    net = classifier().fit(X, y)
    whole = CaptumExplainer(net, method="GradientShap", target="all", random_state=0).fit(X).transform(X[:5])
    assert whole.shape == (5, 12)
    for k in range(3):
        one = CaptumExplainer(net, method="GradientShap", target=k, random_state=0).fit(X).transform(X[:5])
        assert_array_equal(whole[:, 4 * k : 4 * k + 4], one)


def test_each_row_has_its_predicted_class():
    X, _, y = table(n_classes=3)
    net = classifier().fit(X, y)
    found = CaptumExplainer(net, method="LRP").fit(X).transform(X)
    single = [CaptumExplainer(net, method="LRP", target=k).fit(X).transform(X) for k in range(3)]
    best = net.forward(X).argmax(dim=1).numpy()
    assert len(set(best)) > 1
    assert_array_equal(found, np.stack(single, axis=2)[np.arange(len(X)), :, best])


@pytest.mark.parametrize("method", ["IntegratedGradients", "FeatureAblation", "DeepLift"])
def test_several_baselines_are_averaged_over(method):
    module = mlp()
    single = [CaptumExplainer(module, method=method, target=0, baseline=row, tol=1).fit(TABLE) for row in TABLE[:2]]
    found = CaptumExplainer(module, method=method, target=0, baseline=TABLE[:2], tol=1).fit(TABLE)
    mean = np.mean([explainer.transform(TABLE) for explainer in single], axis=0)
    assert_allclose(found.transform(TABLE), mean, atol=1e-6)
    sample = CaptumExplainer(module, method=method, target=0, baseline="sample", tol=1).fit(TABLE)
    assert_array_equal(sample.baseline_, sample.background_)


def test_a_neuron_has_its_own_base_value():
    module = mlp()
    for layer, value in (("hidden", module.hidden), ("act", lambda z: module.act(module.hidden(z)))):
        explainer = CaptumExplainer(
            module,
            method="NeuronIntegratedGradients",
            layer=layer,
            method_params={"neuron_selector": 3, "n_steps": 300},
        ).fit(TABLE)
        found = explainer.explain(TABLE)
        with torch.no_grad():
            here = value(torch.as_tensor(TABLE))[:, 3].numpy()
            there = value(torch.as_tensor(explainer.baseline_))[:, 3].numpy()
        assert_allclose(found.base_values, np.full(len(TABLE), there.mean()), atol=1e-6)
        assert_allclose(found.values.sum(axis=1) + found.base_values, here, atol=5e-3)
        assert found.completeness_gap.max() < 5e-3


@pytest.mark.parametrize("selector", [(1, 2, 2), (slice(0, 2), 1, 1), lambda units: units[:, 1].flatten(1).sum(dim=1)])
def test_neurons_of_a_map(selector):
    module = cnn()
    explainer = CaptumExplainer(
        module, method="NeuronGradient", layer="0", method_params={"neuron_selector": selector}
    ).fit(IMAGES)
    found = explainer.explain(IMAGES)
    z = torch.tensor(IMAGES, requires_grad=True)
    units = module[0](z)
    chosen = selector(units) if callable(selector) else units[(slice(None), *selector)].reshape(len(z), -1).sum(dim=1)
    chosen.sum().backward()
    assert_allclose(found.values, z.grad.numpy(), atol=1e-6)
    assert_allclose(found.base_values, chosen.mean().item(), atol=1e-5)


def test_the_input_of_a_layer():
    module = mlp()
    method = {"method": "LayerIntegratedGradients", "target": 0, "method_params": {"n_steps": 20}}
    before = CaptumExplainer(module, layer=("out", "input"), **method).fit(TABLE).transform(TABLE)
    after = CaptumExplainer(module, layer="act", **method).fit(TABLE).transform(TABLE)
    assert before.shape == (6, 8)
    assert_allclose(before, after, atol=1e-6)


def test_noise_around_a_layer():
    options = {"attribution_method": captum.LayerGradientXActivation, "multiply_by_inputs": False, "nt_samples": 2}
    explainer = CaptumExplainer(mlp(), method="NoiseTunnel", method_params=options, layer="out", target=0).fit(TABLE)
    assert_allclose(explainer.transform(TABLE), np.tile([1.0, 0, 0], (6, 1)))


def test_windows_of_an_image_do_not_overlap():
    module, rows = nn.Sequential(nn.Flatten(), nn.Linear(192, 1)), np.random.RandomState(0).randn(3, 2, 8, 12)
    explainer = CaptumExplainer(module, method="Occlusion", target=0, baseline="zero").fit(rows)
    found = explainer.explain(rows)
    assert_allclose(found.values.reshape(3, 2, 8, 6, 2).std(axis=(1, 4)), 0, atol=1e-7)  # windows of (2, 1, 2)
    assert_allclose(
        found.values[:, 0, :, ::2].sum(axis=(1, 2)), explainer.explained_output(rows) - found.base_values, atol=1e-5
    )


# ---------------------------------------------------------------------- Pipelines
def mixed_table():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"age": rng.randn(60), "city": rng.choice(["Rome", "Oslo", "Bonn"], 60), "size": rng.randn(60)})
    y = X["age"].to_numpy() + (X["city"] == "Oslo") - X["size"].to_numpy() ** 2
    return X, y.astype(np.float32)


def mixed_pipeline():
    X, y = mixed_table()
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), remainder=StandardScaler())
    explainer = CaptumExplainer(make_pipeline(encode, regressor(max_epochs=20)), random_state=0).fit(X, y)
    return explainer.estimator_, X


def test_columns_of_a_pipeline_are_removed_as_one():
    pipe, X = mixed_pipeline()
    explainer = CaptumExplainer(pipe, method="FeatureAblation", baseline="mean").fit(X)
    module = pipe[-1].module_.eval()
    z = torch.as_tensor(np.asarray(pipe[:-1].transform(X)), dtype=torch.float32)
    expected = []
    for inputs in ([3], [0, 1, 2], [4]):
        without = z.clone()
        without[:, inputs] = z.mean(dim=0)[inputs]
        expected.append((module(z) - module(without)).detach().numpy()[:, 0])
    assert_allclose(explainer.transform(X), np.stack(expected, axis=1), atol=1e-5)
    assert list(explainer.get_feature_names_out()) == ["age", "city", "size"]


def test_gradients_of_a_pipeline_are_added_up():
    pipe, X = mixed_pipeline()
    explainer = CaptumExplainer(pipe, method="DeepLift", baseline="mean").fit(X)
    module = pipe[-1].module_.eval()
    z = torch.as_tensor(np.asarray(pipe[:-1].transform(X)), dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = captum.DeepLift(module).attribute(z, z.mean(dim=0, keepdim=True), target=0).detach().numpy()
    expected = np.stack([parts[:, 3], parts[:, :3].sum(axis=1), parts[:, 4]], axis=1)
    assert_allclose(explainer.transform(X), expected, atol=1e-5)


@pytest.mark.parametrize("method", ["ShapleyValues", "ShapleyValueSampling", "FeatureAblation", "KernelShap"])
def test_groups_are_one_player(method):
    pipe, X = mixed_pipeline()
    kwargs = {"method": method, "random_state": 0, "tol": 1e-3}
    explainer = CaptumExplainer(pipe, feature_groups={"who": ["age", "city"]}, **kwargs).fit(X)
    found = explainer.explain(X[:8])
    assert list(explainer.get_feature_names_out()) == ["who", "size"]
    if method != "FeatureAblation":
        assert found.completeness_gap.max() < 1e-3
    if method != "KernelShap":  # Captum's has nothing to draw for one player
        whole = CaptumExplainer(pipe, feature_groups={"all": list(X.columns)}, **kwargs).fit(X).explain(X[:8])
        outputs = explainer.explained_output(X[:8])
        assert_allclose(whole.values[:, 0], outputs - whole.base_values, atol=1e-5)


def test_each_cell_of_an_image_is_a_player_and_a_mask_joins_them():
    module, grid = cnn(), torch.arange(36).reshape(1, 1, 6, 6) // 18
    explainer = CaptumExplainer(
        module, method="FeatureAblation", method_params={"feature_mask": grid}, target=0, baseline="zero"
    ).fit(IMAGES)
    found = explainer.transform(IMAGES)
    top = torch.as_tensor(IMAGES * (grid.numpy() != 0))
    with torch.no_grad():
        expected = (module(torch.as_tensor(IMAGES)) - module(top))[:, 0].numpy()
    assert_allclose(found[:, 0, 0, 0], expected, atol=1e-5)
    assert len(np.unique(found[0])) == 2


def test_relevance_goes_through_a_rotation():
    X, y, _ = table()
    pipe = make_pipeline(PCA(3), regressor(max_epochs=3)).fit(X, y.reshape(-1, 1))
    found = CaptumExplainer(pipe, method="LRP").fit(X).transform(X)
    rotation = nn.Linear(4, 3)
    rotation.weight.data = torch.as_tensor(pipe[0].components_)
    rotation.bias.data = torch.as_tensor(-pipe[0].components_ @ pipe[0].mean_)
    whole = nn.Sequential(rotation, copy.deepcopy(pipe[-1].module_)).eval()
    expected = captum.LRP(whole).attribute(torch.tensor(X, requires_grad=True), target=0).detach().numpy()
    assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_regions_of_an_image_are_players():
    module = cnn()
    explainer = CaptumExplainer(module, method="FeatureAblation", feature_groups=3, target=0, baseline="zero")
    found = explainer.fit(IMAGES).transform(IMAGES)
    assert found.shape == (5, 4)
    for region, (rows, columns) in enumerate(np.ndindex(2, 2)):
        without = IMAGES.copy()
        without[:, :, 3 * rows : 3 * rows + 3, 3 * columns : 3 * columns + 3] = 0
        with torch.no_grad():
            expected = (module(torch.as_tensor(IMAGES)) - module(torch.as_tensor(without)))[:, 0].numpy()
        assert_allclose(found[:, region], expected, atol=1e-5)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(20, 5), nn.Linear(5, 2)

    def forward(self, ids):
        return self.out(self.embed(ids).tanh().mean(dim=1))


def test_whole_numbers_that_are_looked_up():
    ids = np.random.RandomState(0).randint(1, 20, (9, 6))
    module = seeded(Words)
    removed = CaptumExplainer(module, method="FeatureAblation", target=0, baseline="zero").fit(ids)
    with torch.no_grad():
        outputs = module(torch.as_tensor(ids))[:, 0]
        for j, found in enumerate(removed.transform(ids).T):
            without = torch.as_tensor(np.where(np.arange(6) == j, 0, ids))
            assert_allclose(found, (outputs - module(without)[:, 0]).numpy(), atol=1e-6)
    inner = CaptumExplainer(module, method="LayerGradientXActivation", layer="embed", target=0).fit(ids)
    assert inner.transform(ids).shape == (9, 30)
    assert set(CaptumExplainer(module, method="FeatureAblation").fit(ids).baseline_[0]) <= set(range(20))
    with pytest.raises(ValueError, match="Saliency differentiates the network at its inputs, but .* in an embedding"):
        CaptumExplainer(module, method="Saliency").fit(ids)


@pytest.mark.parametrize("name", ["LayerConductance", "LayerGradCam"])
def test_units_are_players_of_all_that_an_explainer_does(name):
    module = cnn()
    explainer = CaptumExplainer(module, method=name, layer="0", target=0).fit(IMAGES)
    n_units = {"LayerConductance": 48, "LayerGradCam": 16}[name]
    assert explainer.n_players_ == n_units and explainer.get_feature_names_out()[3] == "0_3"
    found = explainer.explain(IMAGES)
    assert found.values.shape == found.data.shape == (5, n_units)
    kept = np.array([[True] * n_units, [False] * n_units])
    values = explainer.coalition_values(IMAGES, kept)
    assert_allclose(values[:, 0], explainer.explained_output(IMAGES), atol=1e-5)
    assert not np.allclose(values[:, 1], values[:, 0])
    assert -1 <= explainer.score(IMAGES) <= 1


# ---------------------------------------------------------------------- where Captum goes wrong
def test_relevance_of_the_first_of_two_classes():
    X, _, y = table()
    net = NeuralNetBinaryClassifier(MLP, max_epochs=3, train_split=None, verbose=0).fit(X, y.astype(np.float32))
    second, first = (CaptumExplainer(net, method="LRP", target=k).fit(X).explain(X) for k in (1, 0))
    assert_array_equal(first.values, -second.values)
    module = copy.deepcopy(net.module_).eval()
    for found, sign in ((second, 1), (first, -1)):
        module.out.weight.data, module.out.bias.data = sign * net.module_.out.weight, sign * net.module_.out.bias
        expected = captum.LRP(module).attribute(torch.tensor(X, requires_grad=True), target=0).detach().numpy()
        assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)


def test_rules_that_the_user_gave_to_layers_stay_there():
    module = mlp()
    plain = CaptumExplainer(module, method="LRP", target=0).fit(TABLE).transform(TABLE)
    rule = module.hidden.rule = GammaRule()
    storage = module.hidden.weight.data_ptr()
    explainer = CaptumExplainer(module, method="LRP", target=0).fit(TABLE)
    with_rule = explainer.transform(TABLE)
    assert not np.allclose(plain, with_rule)
    assert_array_equal(explainer.transform(TABLE), with_rule)
    assert module.hidden.rule is rule and module.hidden.weight.data_ptr() == storage


@pytest.mark.parametrize(
    ("method", "activation"),
    [("DeepLift", nn.ELU), ("LRP", nn.ReLU), ("LayerIntegratedGradients", nn.ReLU), ("LayerFeatureAblation", nn.SiLU)],
)
def test_layers_that_work_in_place(method, activation):
    found = []
    for inplace in (False, True):
        module = seeded(
            lambda inplace=inplace: nn.Sequential(nn.Linear(4, 8), activation(inplace=inplace), nn.Linear(8, 2))
        )
        layer = "0" if method.startswith("Layer") else None
        found.append(CaptumExplainer(module, method=method, layer=layer, target=0).fit(TABLE).transform(TABLE))
        assert module[1].inplace is inplace
    assert_array_equal(*found)


class Functional(MLP):
    def forward(self, X):
        return self.out(torch.sigmoid(3 * self.hidden(X)).relu())


def test_functions_that_hooks_do_not_reach():
    module = seeded(lambda: Functional(n_outputs=2))
    with pytest.raises(ValueError, match="GuidedBackprop changes the gradient of nn.ReLU layers, but Functional calls"):
        CaptumExplainer(module, method="GuidedBackprop").fit(TABLE)
    module.out.weight.data *= 10
    explainer = CaptumExplainer(module, method="DeepLift", target=0, tol=1e-3).fit(TABLE)
    with pytest.warns(ConvergenceWarning, match="use DeepLiftExplainer"):
        explainer.transform(3 * TABLE)


# ---------------------------------------------------------------------- errors
class NotForRows:
    def attribute(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"method": "TracInCP"},
            "'TracInCP', but captum.attr has no class of that name. Use one of Deconvolution, .*Saliency",
        ),
        ({"method": "LLMAttribution"}, "explains a language model"),
        ({"method": captum.DataLoaderAttribution}, "'DataLoaderAttribution', but it goes through a whole data set"),
        ({"method": "TokenReferenceBase"}, "'TokenReferenceBase', but it does not attribute to rows"),
        ({"method": "GradientAttribution"}, "'GradientAttribution', but it does not attribute to rows"),
        ({"method": "visualization"}, "'visualization', but it does not attribute to rows"),
        ({"method": NotForRows}, "'NotForRows', but it does not attribute to rows"),
        ({"method_params": {"steps": 3}}, "has 'steps': it is no option of IntegratedGradients.*'n_steps'"),
        ({"method_params": {"baselines": 0}}, "has 'baselines': use the 'baseline' parameter"),
        ({"method": "Lime", "method_params": {"feature_mask": 0}}, "has 'feature_mask'.*use feature_groups"),
        ({"method": "NoiseTunnel"}, "repeats another method: name it"),
        ({"method": "NoiseTunnel", "method_params": {"attribution_method": "Noise"}}, "'method_params'.*'Noise'"),
        ({"method": "NeuronGradient", "layer": "hidden"}, r"needs method_params=\{'neuron_selector': ...\}"),
        ({"method": "LayerActivation"}, "LayerActivation needs the 'layer' parameter, one of 'hidden', 'act', 'out'"),
        ({"method": "LayerActivation", "layer": "hiden"}, "Got 'hiden'. There are: hidden, act, out"),
        ({"method": "LayerActivation", "layer": ("hidden", "middle")}, "that names no place"),
        ({"method": "LayerActivation", "layer": ()}, "that names no place"),
        ({"method": "LayerFeaturePermutation", "layer": ("out", "input")}, "use 'out'"),
        ({"method": "LayerLRP", "layer": "out", "feature_groups": {"a": [0, 1]}}, "leave feature_groups None"),
        ({"method": "Saliency", "layer": "hidden"}, "'hidden', but Captum's Saliency has none"),
        (
            {"method": "LRP", "output": "proba", "estimator": nn.Sequential(MLP(), nn.Sigmoid())},
            "'proba', but Captum's LRP",
        ),
        ({"method": "LRP", "estimator": nn.Sequential(nn.Linear(4, 2), nn.GELU())}, "could not be run on Sequential"),
        ({"method": "IntegratedGradients", "baseline": [1.0]}, "must be one of 'zero'.*Got shape"),
        ({"method": "IntegratedGradients", "baseline": "pad"}, "is 'pad', which is for gradients at the embedding"),
    ],
)
def test_errors(kwargs, message):
    kwargs = {"estimator": MLP(), **kwargs}
    with pytest.raises(ValueError, match=message):
        CaptumExplainer(**kwargs).fit(TABLE)


def test_captum_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"CaptumExplainer needs captum: pip install sklearn-xai\[captum\]"):
        CaptumExplainer(MLP()).fit(TABLE)


@pytest.mark.parametrize("method", ["IntegratedGradients", "LayerConductance", "KernelShap"])
def test_a_pickle_says_the_same(method):
    layer = "hidden" if method.startswith("Layer") else None
    explainer = CaptumExplainer(mlp(), method=method, layer=layer, target=0, tol=1, random_state=0).fit(TABLE)
    again = pickle.loads(pickle.dumps(explainer))
    assert_array_equal(again.transform(TABLE), explainer.transform(TABLE))
