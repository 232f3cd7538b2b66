"""Draws of a network's weights, one function a method."""

from __future__ import annotations

import numpy as np
import torch

from sklearn_xai._rng import draw_seed, isolated_rng
from sklearn_xai.models import split_pipeline, train_clone, unwrap
from sklearn_xai.models.training import training_data
from sklearn_xai.output._last_layer import find_last_layer, last_layer_posterior
from sklearn_xai.output._swag import collect_iterates, module_with
from sklearn_xai.output._weight_draws import (
    LastLayerDraws,
    MaskedMember,
    Member,
    WeightDraws,
    draw_masks,
    dropout_shapes,
)

_FEW = 3  # rows for which dropout is looked at


def mc_dropout(distribution, network, inputs, y, rng):
    """Keep dropout on, with masks drawn once and for all rows (Gal and Ghahramani 2016)."""
    calls, few = [], inputs[np.arange(_FEW) % len(inputs)]
    with network.frozen(), torch.no_grad():
        z = network.tensor(few)
        calls = dropout_shapes(lambda: network(z))
    name = type(distribution).__name__
    if not calls:
        raise ValueError(
            f"The 'method' parameter of {name} is 'mc_dropout', but {type(network.module).__name__} never calls "
            "dropout at a rate above 0 (that inside recurrent and attention layers is out of reach). Give it a Dropout "
            "layer, or use method='ensemble', 'swag' or 'laplace_last_layer'."
        )
    strange = [shape for _, _, shape in calls if shape[:1] != (_FEW,)]
    if strange:
        raise ValueError(
            f"The 'method' parameter of {name} is 'mc_dropout', but {type(network.module).__name__} calls dropout on "
            f"values of shape {strange[0]} for {_FEW} rows, which are "
            "not in its first axis. Put the rows first, or use method='ensemble'."
        )
    generator = torch.Generator().manual_seed(draw_seed(rng))
    rates = [p for _, p, _ in calls]
    draws = (draw_masks(calls, generator) for _ in range(distribution.n_samples))
    return _together([MaskedMember(network, network.module, rates, masks) for masks in draws], network), None


def ensemble(distribution, network, inputs, y, rng):
    """Train more nets, alike but for their seeds (Lakshminarayanan et al. 2017)."""
    net = unwrap(split_pipeline(distribution.estimator)[1])
    seeds = [draw_seed(rng) for _ in range(distribution.n_members)][1:]
    members = [Member(network, network.module)]
    for seed in seeds:
        trained = train_clone(net, inputs, y, layout=network.layout, random_state=seed)
        members.append(Member(network, trained.module_))
    return _together(members, network), None


def swag(distribution, network, inputs, y, rng):
    """Train on, and take the weights on the way for draws of a normal distribution (Maddox et al. 2019)."""
    net = network.estimator
    with isolated_rng(draw_seed(rng)), torch.inference_mode(False), torch.enable_grad():
        X, target, _ = training_data(net, inputs, y, network.layout)
        moments = collect_iterates(
            net,
            X,
            target,
            n_epochs=distribution.n_epochs,
            learning_rate=distribution.learning_rate,
            rank=distribution.rank,
            caller=type(distribution).__name__,
        )
        weights = moments.draw(distribution.n_samples, rng)
        modules = [module_with(network.module, drawn, network, inputs) for drawn in weights]
    return _together([Member(network, module) for module in modules], network), moments


def laplace_last_layer(distribution, network, inputs, y, rng):
    """Take the curvature of the likelihood around the last layer's weights (MacKay 1992; Daxberger et al. 2021)."""
    caller = type(distribution).__name__
    path = find_last_layer(network, inputs[:_FEW], caller)
    posterior = last_layer_posterior(
        network, path, inputs, None if network.output == "entropy" else y, distribution.prior_precision, caller
    )
    weights = torch.as_tensor(posterior.draw(distribution.n_samples, rng))
    likelihood = "categorical" if network.output == "entropy" else "gaussian"
    return LastLayerDraws(network, network.module, path, weights, likelihood, network.classes), posterior


METHODS = {
    "mc_dropout": mc_dropout,
    "ensemble": ensemble,
    "swag": swag,
    "laplace_last_layer": laplace_last_layer,
}
# What must be trained here, and cannot be taken as it stands.
TRAINED = ("ensemble", "swag")


def _together(members, network):
    likelihood = "categorical" if network.output == "entropy" else "gaussian"
    return WeightDraws(members, likelihood, network.classes)
