"""LRP against zennit: every rule and composite, on perceptrons and convolutions, with batch normalisation merged."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_xai import LRPExplainer
from tests.oracles import seeded
from tests.parity.zennit_peer import import_zennit

pytestmark = pytest.mark.slow

LOW, HIGH = -3.0, 3.5
TABLE = np.random.RandomState(0).randn(9, 6)
IMAGES = np.random.RandomState(1).uniform(LOW, HIGH, size=(7, 2, 8, 8))


def mlp():
    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
    )


def smooth_mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.Sigmoid(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))


def normalised_mlp():
    return nn.Sequential(nn.Linear(6, 16), moved(nn.BatchNorm1d(16)), nn.ReLU(), nn.Linear(16, 3))


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, stride=2, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


def normalised_cnn():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, groups=2), moved(nn.BatchNorm2d(6)), nn.ReLU(), nn.AvgPool2d(2),
        nn.ConvTranspose2d(6, 4, 2), moved(nn.BatchNorm2d(4)), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(100, 3),
    )  # fmt: skip


def moved(norm):
    """Draw statistics; zennit leaves a scale of 1 / sqrt(1 + eps) behind where it has merged, hence the small eps."""
    norm.eps = 1e-14
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean):
            values.normal_()
        norm.running_var.uniform_(0.5, 2)
    return norm


NETWORKS = {
    "mlp": (mlp, TABLE),
    "smooth mlp": (smooth_mlp, TABLE),
    "normalised mlp": (normalised_mlp, TABLE),
    "cnn": (cnn, IMAGES),
    "normalised cnn": (normalised_cnn, IMAGES),
}


@cache
def zennit():
    return import_zennit()


def composite(name, network, epsilon, stabilizer):
    """Return zennit's composite, or one that has the rule of this name at every linear layer."""
    composites, rules = zennit().composites, zennit().rules
    canonizers = [zennit().canonizers.SequentialMergeBatchNorm()]
    if name in composites.COMPOSITES:
        bounds = {}
        if name == "epsilon_gamma_box":
            bounds = {side: torch.tensor([[[[value]]]]) for side, value in (("low", LOW), ("high", HIGH))}
        build = composites.COMPOSITES[name]
        return build(epsilon=epsilon, stabilizer=stabilizer, canonizers=canonizers, **bounds)
    rule = {
        "epsilon": lambda: rules.Epsilon(epsilon=epsilon),
        "gamma": lambda: rules.Gamma(gamma=0.4, stabilizer=stabilizer),
        "alpha_beta": lambda: rules.AlphaBeta(alpha=1.5, beta=0.5, stabilizer=stabilizer),
        "z_plus": lambda: rules.ZPlus(stabilizer=stabilizer),
    }[name]()
    layers = [*composites.layer_map_base(stabilizer), (zennit().types.Linear, rule)]
    return composites.LayerMapComposite(layer_map=layers, canonizers=canonizers)


def peer_relevance(module, X, target, composite):
    inputs = torch.tensor(X, requires_grad=True)
    chosen = nn.functional.one_hot(torch.full((len(X),), target), 3)
    with zennit().attribution.Gradient(model=module, composite=composite) as attributor:
        return attributor(inputs, lambda output: output.detach() * chosen)[1].numpy()


RULES = [
    "epsilon", "gamma", "alpha_beta", "z_plus", "epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box",
    "epsilon_plus_flat", "epsilon_alpha2_beta1_flat",
]  # fmt: skip


@pytest.mark.parametrize("epsilon", [1e-6, 0.1])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("rule", RULES)
def test_like_zennit(rule, network, epsilon):
    build, X = NETWORKS[network]
    module = seeded(build)
    # zennit has the box rule for convolutions only
    first = None if rule == "epsilon_gamma_box" and X.ndim == 2 else "auto"
    explainer = LRPExplainer(
        module, rule=rule, input_rule=first, target=1, epsilon=epsilon, gamma=0.4 if rule == "gamma" else 0.25,
        alpha=1.5, beta=0.5, low=LOW, high=HIGH,
    )  # fmt: skip
    # Where nothing can cancel in a denominator, there is no stabiliser here. zennit needs one against 0 / 0.
    stabilizer = 1e-6 if first is None or "box" in rule else 1e-12
    expected = peer_relevance(module, X, 1, composite(rule, network, epsilon, stabilizer))
    found = explainer.fit(X).transform(X)
    assert np.abs(expected).max() > 1e-4
    assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize(("input_rule", "peer"), [("flat", "Flat"), ("w_square", "WSquare"), ("box", "ZBox")])
def test_first_layer_like_zennit(input_rule, peer, network):
    build, X = NETWORKS[network]
    module = seeded(build)
    composites, rules = zennit().composites, zennit().rules
    # the square of a bias has no input to go to: zennit is told to leave it out
    first = rules.ZBox(low=LOW, high=HIGH) if peer == "ZBox" else getattr(rules, peer)(zero_params="bias")
    peers = composites.SpecialFirstLayerMapComposite(
        layer_map=[*composites.layer_map_base(), (zennit().types.Linear, rules.ZPlus(stabilizer=1e-12))],
        first_map=[(zennit().types.Linear, first)],
    )
    explainer = LRPExplainer(module, rule="z_plus", input_rule=input_rule, target=2, low=LOW, high=HIGH)
    expected = peer_relevance(module, X, 2, peers)
    assert_allclose(explainer.fit(X).transform(X), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
