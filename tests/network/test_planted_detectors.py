"""Detectors that were built into a network are found, and named; none is found where they were scrambled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_xai import NetworkDissection
from sklearn_xai.datasets import make_concept_images
from tests.network.planted import ConceptDetectors, brute_force_iou

SEEDS = pytest.mark.parametrize(
    "seeds", [range(4), pytest.param(range(4, 20), marks=pytest.mark.slow)], ids=["few", "all"]
)


def dissected(seed, n_samples=250, **units):
    """Return a network with planted detectors, images, and their dissection."""
    made = make_concept_images(n_samples, random_state=seed)
    module = ConceptDetectors(seed=seed, **units).eval()
    return module, made, NetworkDissection(module, layer="units").fit(made.images, made)


def found_as_planted(module, found):
    """Return, for each planted detector, whether it is one of the concept that it was made for."""
    planted = [k for k, concept in enumerate(module.concepts) if concept is not None]
    return np.array([k in found.detectors_ and found.unit_concept_[k] == module.concepts[k] for k in planted])


@SEEDS
@pytest.mark.parametrize("stride", [1, 2])
def test_planted_detectors_are_found(stride, seeds):
    right = np.concatenate([found_as_planted(*dissected(seed, stride=stride)[::2]) for seed in seeds])
    assert len(right) == 11 * len(seeds) and right.mean() >= 0.95


@SEEDS
def test_a_scrambled_network_has_none(seeds):
    for seed in seeds:
        assert len(dissected(seed, 100, scrambled=True)[2].detectors_) == 0


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_as_with_all_activations_in_memory(stride):
    module, made, found = dissected(3, 120, stride=stride)
    with torch.no_grad():
        maps = module.units(torch.as_tensor(made.images)).double()
    # In float64 interpolation between equal values is exact; float32 puts some of them above a threshold they equal.
    assert_allclose(found.iou_, brute_force_iou(maps, made.masks), atol=1e-6)


def test_a_detector_matters_for_what_is_read_from_it():
    module, made, _ = dissected(0, 120)
    colours = [f"colour: {name}" for name in made.colour_names]
    head = module.head = torch.nn.Linear(len(module.concepts), len(colours))
    with torch.no_grad():
        head.weight.zero_(), head.bias.zero_()
        for k, concept in enumerate(colours):
            head.weight[k, module.concepts.index(concept)] = 1
    found = NetworkDissection(module, layer="units", random_state=0).fit(made.images, made)
    table = found.ablation(module.concepts.index("colour: red"), made.images, made.y_colour)
    assert table.loc[0, "lost"] > 0.8 and table.drop(["(all)", 0])["lost"].max() <= 0
    assert table.loc["(all)", "lost"] > table.loc["(all)", "lost_at_random"]
    assert found.summary_.set_index("category").loc["colour", "n_unique"] == len(colours)
