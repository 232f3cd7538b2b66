"""Captum's attribution classes as explainers: every one that it exports, against itself on the bare module."""

from __future__ import annotations

import copy
import inspect
import warnings

import captum.attr as captum
import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnLinearRegression
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import CaptumExplainer
from tests.nets import MLP
from tests.test_hygiene import random_states, state

TABLE = np.random.RandomState(0).randn(6, 4).astype(np.float32)
IMAGES = np.random.RandomState(1).randn(5, 2, 6, 6).astype(np.float32)
TARGET = 1


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


class OneOutput(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, z):
        return self.module(z)[:, TARGET]


def perturb(row, **kwargs):
    return torch.bernoulli(torch.full_like(row, 0.5))


def kept(perturbed, row, **kwargs):
    return perturbed * row


def similar(row, perturbed, interpretable, **kwargs):
    return torch.ones(1)


def interpretable(*args, **kwargs):
    return args[0]


NEURON = {"neuron_selector": 3}
# What each class needs beside its defaults; a class that is new in Captum fails until it is here.
OPTIONS: dict = {
    "Deconvolution": {},
    "DeepLift": {},
    "DeepLiftShap": {},
    "FeatureAblation": {},
    "FeaturePermutation": {},
    "GradientShap": {"stdevs": 0.1},
    "GuidedBackprop": {},
    "GuidedGradCam": {},
    "InputXGradient": {},
    "IntegratedGradients": {"n_steps": 20},
    "InternalInfluence": {"n_steps": 20},
    "KernelShap": {"n_samples": 30},
    "LRP": {},
    "LayerActivation": {},
    "LayerConductance": {"n_steps": 20},
    "LayerDeepLift": {},
    "LayerDeepLiftShap": {},
    "LayerFeatureAblation": {"layer_baselines": 0.5},
    "LayerFeaturePermutation": {},
    "LayerGradCam": {},
    "LayerGradientShap": {"n_samples": 7},
    "LayerGradientXActivation": {"multiply_by_inputs": False},
    "LayerIntegratedGradients": {"n_steps": 20},
    "LayerLRP": {},
    "Lime": {"n_samples": 30},
    "LimeBase": {
        "interpretable_model": SkLearnLinearRegression(),
        "similarity_func": similar,
        "perturb_func": perturb,
        "perturb_interpretable_space": True,
        "from_interp_rep_transform": kept,
        "to_interp_rep_transform": None,
        "n_samples": 20,
    },
    "NeuronConductance": {**NEURON, "n_steps": 20},
    "NeuronDeconvolution": NEURON,
    "NeuronDeepLift": NEURON,
    "NeuronDeepLiftShap": NEURON,
    "NeuronFeatureAblation": NEURON,
    "NeuronGradient": NEURON,
    "NeuronGradientShap": NEURON,
    "NeuronGuidedBackprop": NEURON,
    "NeuronIntegratedGradients": NEURON,
    "NoiseTunnel": {"attribution_method": "Saliency", "abs": False, "nt_samples": 3},
    "Occlusion": {},
    "Saliency": {},
    "ShapleyValueSampling": {"n_samples": 3},
    "ShapleyValues": {},
}
REFUSED = {"DataLoaderAttribution", "LLMAttribution", "LLMGradientAttribution", "RemoteLLMAttribution"}
ON_IMAGES = {"GuidedGradCam", "LayerGradCam"}


def attribution_classes():
    """Return the names of all that can attribute in Captum; its abstract classes only declare that they will."""
    found = [name for name in captum.__all__ if callable(getattr(getattr(captum, name), "attribute", None))]
    return sorted(found)


NAMES = [name for name in attribution_classes() if name not in REFUSED]


def has(function, name):
    return name in inspect.signature(function).parameters


def case(name, **kwargs):
    """Return (explainer, module, rows): Grad-CAM on images, the rest on a table."""
    kind = getattr(captum, name)
    module, rows, layer = (cnn(), IMAGES, "0") if name in ON_IMAGES else (mlp(), TABLE, "hidden")
    explainer = CaptumExplainer(
        module,
        method=name,
        method_params=OPTIONS[name],
        layer=layer if has(kind.__init__, "layer") else None,
        target=TARGET,
        random_state=0,
        tol=1.0,
        **kwargs,
    )
    return explainer.fit(rows), module, rows


def directly(explainer, module, rows):
    """Call Captum on the bare module, for one row after the other."""
    kind, options = getattr(captum, explainer.method), dict(OPTIONS[explainer.method])
    init = {k: options.pop(k) for k in list(options) if has(kind.__init__, k) and k != "attribution_method"}
    module = copy.deepcopy(module).eval()
    first = module
    if "attribution_method" in options:
        first = getattr(captum, options.pop("attribution_method"))(module)
    if explainer.method == "LayerFeaturePermutation":  # Captum chooses its target twice
        first = OneOutput(module)
    args = (module.get_submodule(explainer.layer),) if explainer.layer else ()
    if has(kind.attribute, "target") or explainer.method == "NoiseTunnel":
        options["target"] = None if isinstance(first, OneOutput) else TARGET
    if explainer.method == "Occlusion":
        options["sliding_window_shapes"] = (1,)
    if has(kind.attribute, "baselines"):
        options["baselines"] = torch.as_tensor(explainer.baseline_)
    found, before = [], (np.random.get_state(), torch.get_rng_state())  # noqa: NPY002
    for row in rows:
        np.random.seed(explainer._seed)  # noqa: NPY002
        torch.manual_seed(explainer._seed)
        z = torch.tensor(row[np.newaxis])
        if explainer.method in ("FeaturePermutation", "LayerFeaturePermutation"):
            z = torch.cat([z, torch.as_tensor(explainer.background_)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            part = kind(first, *args, **init).attribute(z, **options)
        found.append((part[0] if isinstance(part, tuple) else part)[:1].detach().numpy())
    np.random.set_state(before[0])  # noqa: NPY002
    torch.set_rng_state(before[1])
    return np.concatenate(found)


def test_every_class_is_here():
    assert set(attribution_classes()) == set(OPTIONS) | REFUSED


@pytest.mark.parametrize("name", NAMES)
def test_every_class_says_what_captum_says(name):
    explainer, module, rows = case(name)
    expected = directly(explainer, module, rows)
    found = explainer.transform(rows)
    if issubclass(getattr(captum, name), captum.LayerAttribution):
        expected = expected.reshape(len(rows), -1)
        names = explainer.get_feature_names_out()
        assert len(names) == found.shape[1] and len(set(names)) == len(names)
        assert explainer.feature_importances_.shape == names.shape
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.isfinite(found).all() and np.abs(found).max() > 0
    assert_allclose(found, expected, rtol=1e-5, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", NAMES)
def test_every_class_leaves_things_alone_and_says_the_same_again(name):
    explainer, module, rows = case(name)
    again, *_ = case(name)
    module.train()
    before, drawn = state(module), random_states()
    storage = [weight.data_ptr() for weight in module.parameters()]
    whole = explainer.transform(rows)
    scale = np.abs(whole).max()
    assert state(module) == before and random_states() == drawn
    assert [weight.data_ptr() for weight in module.parameters()] == storage
    assert_array_equal(explainer.transform(rows), whole)
    assert_allclose(again.transform(rows), whole, atol=2e-6 * scale)
    assert_allclose(explainer.transform(rows[3:4]), whole[3:4], atol=2e-6 * scale)
    assert_allclose(explainer.transform(rows[::-1].copy())[::-1], whole, atol=2e-6 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_every_class_leaves_things_alone_after_an_exception(name):
    explainer, module, rows = case(name)
    calls = []

    def broken(*_):
        calls.append(None)
        if len(calls) > 1:
            raise RuntimeError("broken down")

    last = module.out if hasattr(module, "out") else module[-1]
    last.register_forward_hook(broken)
    before, drawn = state(module), random_states()
    with pytest.raises((ValueError, RuntimeError), match="broken down"):
        explainer.transform(rows)
        explainer.transform(rows)
    assert state(module) == before and random_states() == drawn
