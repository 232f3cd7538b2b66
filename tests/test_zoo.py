"""Every gradient explainer on every network of the zoo: what must hold however the module was written."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import ShapleyExplainer, all_explainers
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.models import is_module
from sklearn_xai.network import layer_randomisation, randomisable_layers
from tests.zoo import BY_NAME, MEMBERS, SPELLINGS, n_rows, take

# The kind of explainer that takes a member's rows; several inputs are one table of named columns.
KIND = {"table": "table", "image": "image", "tokens": "tokens", "mixed": "table", "two tables": "table"}
FEW: dict[str, dict] = {
    "CaptumExplainer": {"method": "Saliency"},
    "ExpectedGradientsExplainer": {"n_samples": 50, "tol": 0.05},
}
# Relevance is divided by sums whose terms may cancel, which makes rounding larger.
AMPLIFIED = {"LRPExplainer": 50}
EXPLAINERS = {name: cls for name, cls in all_explainers() if cls._gradients}

# What a method does not explain by design, and says so; any other refusal fails.
ATTENTION = {"self-attention", "multi-head attention", "transformer encoder", "vision transformer", "text transformer"}
RECURRENT = {"gru", "lstm", "text gru"}
COMPILED = {"scripted", "traced"}  # what their activations are is not Python's to say
WITHOUT_RECTIFIERS = {
    "linear", "softmax", "hardtanh", "leaky", "prelu", "gelu", "silu", "mish", "elu", "softplus",
    "sigmoid", "gated", "maxout", "distances", "several outputs", "self-attention", "multi-head attention",
}  # fmt: skip
REFUSED: dict[str, set[str]] = {
    "DeconvolutionExplainer": WITHOUT_RECTIFIERS | RECURRENT,
    "GuidedBackpropExplainer": WITHOUT_RECTIFIERS | RECURRENT,
    # where(x > 0, ...) chooses between two differences
    "DeepLiftExplainer": {"operators"},
    # Captum's gradients are those at the inputs; this package's go through the embeddings
    "CaptumExplainer": {"entity embeddings", "one embedding"},
    # no single weight connects an input with the output
    "GradientXWeightExplainer": ATTENTION | RECURRENT | COMPILED | {
        "operators", "layer norm", "gated", "experts", "maxout", "distances", "sequence cnn", "cnn with max pooling",
        "channels last", "functional cnn", "cnn with group norm", "mean of words", "text cnn",
        "bag of words",
    },
}  # fmt: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.(script|trace|trace_method)` is deprecated:DeprecationWarning"),
]

# Layers whose new parameters are those of every untrained net.
CONSTANT = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.PReLU)
# A layer whose output is attributed to, with a non-linearity after it.
LAYERS = {
    "mlp": "0", "in place": "first", "shared weights": "first", "residual": "first", "batch norm": "0", "gru": "cell",
    "transformer encoder": "embed", "reshaping cnn": "conv", "functional cnn": "first", "residual block": "stem",
    "text cnn": "conv", "bag of words": "hidden", "entity embeddings": "hidden",
}  # fmt: skip


def pairs(members):
    """Yield (explainer, member) wherever the explainer takes rows of the member's kind."""
    for name, cls in EXPLAINERS.items():
        for member in members:
            if KIND[BY_NAME[member].inputs] in cls._inputs:
                yield pytest.param(name, member, id=f"{name}-{member}")


def layered_pairs():
    """Yield the pairs for units of any layer: neither Captum's methods nor those of feature maps have them."""
    for pair in pairs(LAYERS):
        name, member = pair.values
        cls = EXPLAINERS[name]
        if issubclass(cls, GradientExplainer) and "table" in cls._inputs and member not in REFUSED.get(name, ()):
            yield pair


@cache
def inhabitant(name):
    """Return a member's fitted net and some rows; a test must leave both as they are."""
    member = BY_NAME[name]
    return member.net(), member.rows(12, seed=2), member.rows(6, seed=3)


def module_of(net):
    return net if is_module(net) else net.module_


def explainer_of(name, net, **kwargs):
    return EXPLAINERS[name](net, **{"random_state": 0, **FEW.get(name, {}), **kwargs})


def state(module):
    """Return everything about a module that an explainer might change."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "values": {name: value.detach().numpy().tobytes() for name, value in module.state_dict().items()},
        "identities": [(id(p), p.requires_grad, p.grad is None) for p in module.parameters()],
        "training": [part.training for part in module.modules()],
        "hooks": [[len(getattr(part, kind, ())) for kind in hooks] for part in module.modules()],
        "forwards": ["forward" in vars(part) for part in module.modules()],
    }


def random_states():
    algorithm, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [algorithm, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()]


def close(found, expected, amplified=1):
    """Whether attributions are the same up to the rounding of the network's type, on the scale of the largest."""
    scale = np.abs(expected).max() * amplified
    assert_allclose(found, expected, rtol=0, atol=(1e-10 if found.dtype == np.float64 else 2e-5) * scale)


@pytest.mark.parametrize(("explainer", "member"), [*pairs(BY_NAME)])
def test_whatever_the_network(explainer, member):
    net, background, X = inhabitant(member)
    module = module_of(net)
    before, drawn, given = state(module), random_states(), repr(X)
    try:
        if member in REFUSED.get(explainer, ()):
            with pytest.raises(ValueError, match=explainer):
                explainer_of(explainer, net).fit(background).transform(X)
        else:
            fitted = explainer_of(explainer, net).fit(background)
            check_values(fitted, X, BY_NAME[member].inputs)
            check_row_invariance(fitted, X, AMPLIFIED.get(explainer, 1))
            check_modes(fitted, module, X)
    finally:
        after = state(module), random_states(), repr(X)
    assert after == (before, drawn, given)


def check_values(fitted, X, inputs):
    """Attributions are finite, have the shape of the rows, and add up where the method says so."""
    explanation = fitted.explain(X)
    values, n = explanation.values, n_rows(X)
    shape = (n, sum(part.shape[1] for part in X.values())) if isinstance(X, dict) else X.shape
    outputs = fitted.explained_output(X)
    assert values.shape == (shape if outputs.ndim == 1 else (*shape, outputs.shape[1]))
    assert np.isfinite(values).all()
    assert np.abs(values).max() > 0
    if inputs == "tokens":
        assert_array_equal(values[X == 0], 0)
    assert_array_equal(fitted.transform(X).size, values.size)
    if type(fitted)._additive:
        axes = tuple(range(1, len(shape)))
        gap = np.abs(outputs - explanation.base_values - values.sum(axis=axes, dtype=np.float64))
        assert (gap <= fitted.gap_tolerance(outputs, explanation.base_values)).all()


@pytest.mark.parametrize(("explainer", "member"), [*layered_pairs()])
def test_units_of_a_layer(explainer, member):
    """What a layer gives is attributed to as the columns of a table are."""
    net, background, X = inhabitant(member)
    module = module_of(net)
    before = state(module)
    fitted = explainer_of(explainer, net, layer=LAYERS[member]).fit(background)
    explanation = fitted.explain(X)
    outputs, n = fitted.explained_output(X), n_rows(X)
    assert explanation.values.shape[:2] == (n, len(fitted.player_names_))
    assert np.isfinite(explanation.values).all()
    assert np.abs(explanation.values).max() > 0
    close(fitted.transform(take(X, slice(2, 3))), explanation.values[2:3], AMPLIFIED.get(explainer, 1))
    if type(fitted)._additive:
        gap = np.abs(outputs - explanation.base_values - explanation.values.sum(axis=1, dtype=np.float64))
        assert (gap <= fitted.gap_tolerance(outputs, explanation.base_values)).all()
    assert state(module) == before


def check_row_invariance(fitted, X, amplified):
    """A row has the same attributions in another order, alone, and in small batches."""
    values, n = fitted.transform(X), n_rows(X)
    order = np.arange(n)[::-1]
    close(fitted.transform(take(X, order)), values[order], amplified)
    close(fitted.transform(take(X, slice(2, 3))), values[2:3], amplified)
    size = fitted.batch_size
    close(fitted.set_params(batch_size=4).transform(X), values, amplified)
    fitted.set_params(batch_size=size)


def check_modes(fitted, module, X):
    """It makes no difference whether the caller left the module in training or in evaluation mode."""
    values = fitted.transform(X)
    modes = [(part, part.training) for part in module.modules()]
    try:
        for mode in (True, False):
            module.train(mode)
            assert_array_equal(fitted.transform(X), values)
            assert [part.training for part in module.modules()] == [mode] * len(modes)
    finally:
        for part, mode in modes:
            part.training = mode


def test_enough_of_every_kind():
    kinds = [member.inputs for member in MEMBERS]
    assert len({member.name for member in MEMBERS}) == len(MEMBERS) >= 24
    assert min(kinds.count(kind) for kind in ("table", "image", "tokens", "mixed")) >= 2
    assert set().union(*REFUSED.values()) | set(LAYERS) | set(SPELLINGS) <= set(BY_NAME)
    assert {"SaliencyExplainer", "IntegratedGradientsExplainer"} <= set(EXPLAINERS)


@pytest.mark.parametrize("name", [member.name for member in MEMBERS if "differs in training" in member.traits])
def test_networks_that_differ_in_training(name):
    """The modes of the caller are worth a test where training changes what the module says."""
    net, _, X = inhabitant(name)
    module = module_of(net)
    z = torch.as_tensor(X)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        statistics = {key: value.clone() for key, value in module.state_dict().items()}
        training = module.train()(z)
        module.load_state_dict(statistics)
        evaluating = module.eval()(z)
        module.train()
    assert not torch.allclose(training, evaluating)


@pytest.mark.parametrize("name", [member.name for member in MEMBERS if member.inputs in ("table", "image")])
def test_saliency_is_the_gradient(name):
    net, background, X = inhabitant(name)
    module = module_of(net)
    found = explainer_of("SaliencyExplainer", module, target=0).fit(background).transform(X)
    module = getattr(module, "_orig_mod", module)  # of a compiled module
    modes = [(part, part.training) for part in module.modules()]
    leaf = torch.tensor(X, requires_grad=True)
    out = module.eval()(leaf * 1)
    for part, mode in modes:
        part.training = mode
    out = (out[0] if isinstance(out, tuple) else out).reshape(len(X), -1)
    close(found, torch.autograd.grad(out[:, 0].sum(), leaf)[0].numpy())


def spelled(name):
    """Return a module of this spelling, with the parameters of the first."""
    module, first = BY_NAME[name].build(), BY_NAME[SPELLINGS[0]].build
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.random.default_generator.manual_seed(0)
        for parameter, value in zip(module.parameters(), first().parameters(), strict=True):
            parameter.copy_(value)
    return module


@pytest.mark.parametrize("explainer", [name for name, cls in EXPLAINERS.items() if "table" in cls._inputs])
def test_how_the_module_is_written_makes_no_difference(explainer):
    background, X = (BY_NAME["mlp"].rows(n, seed=n) for n in (12, 6))
    names = [name for name in SPELLINGS if name not in REFUSED.get(explainer, ())]
    assert set(SPELLINGS) - set(names) <= COMPILED
    values = {name: explainer_of(explainer, spelled(name)).fit(background).transform(X) for name in names}
    for name in names[1:]:
        close(values[name], values[names[0]], AMPLIFIED.get(explainer, 1))


def test_shapley_values_neither():
    background, X = (BY_NAME["mlp"].rows(n, seed=n) for n in (12, 6))
    first, *others = (ShapleyExplainer(spelled(name)).fit(background).transform(X) for name in SPELLINGS)
    for other in others:
        close(other, first)


@pytest.mark.parametrize("explainer", ["SaliencyExplainer", "IntegratedGradientsExplainer"])
def test_a_linear_network_is_its_weights(explainer):
    net, background, X = inhabitant("linear")
    weight = module_of(net).weight.detach().numpy()
    scale = 1 if explainer == "SaliencyExplainer" else X - background.mean(axis=0)
    close(explainer_of(explainer, net).fit(background).transform(X), np.broadcast_to(weight * scale, X.shape))


@pytest.mark.parametrize("name", BY_NAME)
def test_layers_of_every_network_can_be_randomised(name):
    net = inhabitant(name)[0]
    module = module_of(net)
    before, drawn = state(module), random_states()
    with layer_randomisation(net, random_state=0) as names:
        inside = state(module)["values"]
    same = {key for key, value in before["values"].items() if inside[key] == value}
    parts = {key: dict(module.named_modules())[key.rpartition(".")[0]] for key in before["values"]}
    assert names == randomisable_layers(net)
    assert all(isinstance(parts[key], CONSTANT) or key.endswith("bias") for key in same)
    assert (state(module), random_states()) == (before, drawn)
