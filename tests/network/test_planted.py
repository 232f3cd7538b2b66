"""The network with planted detectors does what its tests are to rely on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sklearn_xai.datasets import make_concept_images
from tests.network.planted import COLOUR_CONCEPTS, ConceptDetectors, brute_force_iou


def maps_of(net, images):
    with torch.no_grad():
        return net.units(torch.as_tensor(images)).numpy()


@pytest.mark.parametrize("stride", [1, 2])
def test_planted_units_have_the_largest_overlap_with_their_concepts(stride):
    made = make_concept_images(200, random_state=0)
    net = ConceptDetectors(stride=stride)
    iou = brute_force_iou(maps_of(net, made.images), made.masks)
    assert iou.shape == (19, 24)
    for concept, row in zip(net.concepts, iou, strict=True):
        assert concept is None or (made.concepts[row.argmax()] == concept and row.max() > 0.045)
    scrambled = ConceptDetectors(stride=stride, scrambled=True)
    assert brute_force_iou(maps_of(scrambled, made.images), made.masks).max() < 0.04


def test_a_colours_unit_is_on_where_the_colour_is():
    made = make_concept_images(20, random_state=0)
    net = ConceptDetectors()
    maps = maps_of(net, made.images)
    for concept in COLOUR_CONCEPTS:
        mask = made.masks[:, made.concepts.index(concept)]
        assert ((maps[:, net.concepts.index(concept)] > 0) == mask).all()
    assert maps_of(ConceptDetectors(stride=4), made.images).shape == (20, 19, 8, 8)
    assert net(torch.as_tensor(made.images)).shape == (20, 6)


def test_overlap_by_hand():
    maps = np.zeros((1, 1, 2, 2), dtype=np.float32)
    maps[0, 0, 0] = [3, 2]
    masks = np.array([[[[True, True], [True, False]], [[False, False], [False, True]]]])
    # above the median, 0, are the two pixels of the first row
    np.testing.assert_allclose(brute_force_iou(maps, masks, 0.5), [[2 / 3, 0]])
