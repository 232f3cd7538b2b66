"""The pointing game and relevance accuracies: by hand, on every shape of masks, and on planted objects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import OcclusionExplainer, RandomExplainer, SaliencyExplainer
from sklearn_xai.datasets import make_attribution_images
from sklearn_xai.metrics import pointing_game, relevance_mass_accuracy, relevance_rank_accuracy
from tests.oracles import mlp, seeded

METRICS = [pointing_game, relevance_mass_accuracy, relevance_rank_accuracy]
ROWS = np.random.RandomState(0).randn(8, 3)
IMAGES = np.random.RandomState(0).rand(4, 2, 4, 5)
every = pytest.mark.parametrize("metric", METRICS)
tied = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 0.5, 1.0, 4.0])


def cnn(n_outputs=1):
    return nn.Sequential(nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(24, n_outputs))


@pytest.fixture(scope="module")
def table():
    return SaliencyExplainer(seeded(lambda: mlp(3, 1))).fit(ROWS)


@pytest.fixture(scope="module")
def image():
    return SaliencyExplainer(seeded(cnn)).fit(IMAGES)


# ---------------------------------------------------------------- by hand
def test_three_players_by_hand(table):
    a = np.array([[3.0, 2, 1], [1, 2, 3], [2, 2, -4], [1, 1, 1], [0, 0, 0], [-1, -2, -3]])
    options = {"masks": [True, False, True], "attributions": a, "sample_wise": True}
    rows = ROWS[:6]
    assert_allclose(pointing_game(table, rows, **options), [1, 1, 0.5, 2 / 3, 0, 0])
    assert_allclose(relevance_mass_accuracy(table, rows, **options), [4 / 6, 4 / 6, 0.5, 2 / 3, 0, 0])
    # Of two places: 3 and 2; 3 and 2; 2 and 2; two of three; none; none
    assert_allclose(relevance_rank_accuracy(table, rows, **options), [0.5, 0.5, 0.5, 2 / 3, 0, 0])
    options["absolute"] = True
    assert_allclose(pointing_game(table, rows, **options), [1, 1, 1, 2 / 3, 0, 1])
    assert_allclose(relevance_mass_accuracy(table, rows, **options), [4 / 6, 4 / 6, 6 / 8, 2 / 3, 0, 4 / 6])
    assert_allclose(relevance_rank_accuracy(table, rows, **options), [0.5, 0.5, 0.75, 2 / 3, 0, 0.5])


@every
def test_a_mask_of_everything_and_a_single_player(metric, table):
    full = np.ones((2, 3), dtype=bool)
    assert_array_equal(metric(table, ROWS[:2], masks=full, attributions=[[1, 2, 2], [3, 1, 4]]), 1.0)
    single = SaliencyExplainer(seeded(lambda: mlp(1, 1))).fit(ROWS[:, :1])
    found = metric(single, ROWS[:3, :1], masks=[1], attributions=[[2], [0], [-1]], sample_wise=True)
    assert_array_equal(found, [1, 0, 0])


def test_what_is_not_positive_is_never_among_the_largest(table):
    found = relevance_rank_accuracy(table, ROWS[:1], masks=[True] * 3, attributions=[[1, 0, -1]])
    assert found == pytest.approx(1 / 3)


# ---------------------------------------------------------------- images
@every
def test_masks_of_images_take_any_of_their_shapes(metric, image):
    a = np.random.RandomState(1).randn(4, 2, 4, 5)
    masks = np.random.RandomState(2).rand(4, 4, 5) < 0.4
    expected = metric(image, IMAGES, masks=masks, attributions=a, sample_wise=True)
    summed = a.sum(axis=1)
    for given_masks, attributions in [
        (masks[:, None], a),
        (masks.astype(int), a),
        (torch.as_tensor(masks), a),
        (masks, summed[:, None]),
        (masks[:, None], summed[:, None]),
    ]:
        found = metric(image, IMAGES, masks=given_masks, attributions=attributions, sample_wise=True)
        assert_array_equal(found, expected)
    each = np.broadcast_to(masks[:, None], a.shape)
    by_channel = metric(image, IMAGES, masks=each, attributions=a, sample_wise=True)
    assert_array_equal(
        by_channel,
        metric(image, IMAGES, masks=each.reshape(4, -1), attributions=a, sample_wise=True),
    )
    assert (by_channel != expected).any()


@every
def test_a_region_is_shared_out_among_its_pixels(metric):
    explainer = OcclusionExplainer(seeded(cnn), feature_groups=2, background_size=3).fit(IMAGES)
    assert explainer.n_players_ == 6
    a = np.random.RandomState(1).randn(4, 6)
    masks = np.zeros((4, 4, 5), dtype=bool)
    masks[:, :2, 1:4] = True
    sizes = np.array([4, 4, 2, 4, 4, 2])
    pixels = (a / sizes).reshape(4, 2, 3).repeat(2, axis=1).repeat(2, axis=2)[:, :, :5]
    plain = SaliencyExplainer(seeded(cnn), channels="sum").fit(IMAGES)
    expected = metric(plain, IMAGES, masks=masks, attributions=pixels[:, None], sample_wise=True)
    assert_allclose(metric(explainer, IMAGES, masks=masks, attributions=a, sample_wise=True), expected)
    whole = metric(explainer, IMAGES, masks=np.arange(6) < 2, attributions=a, sample_wise=True)
    assert_allclose(
        whole, metric(explainer, IMAGES, masks=np.tile(np.arange(6) < 2, (4, 1)), attributions=a, sample_wise=True)
    )


def test_the_tolerance_is_a_distance_in_pixels(image):
    a = np.zeros((4, 2, 4, 5))
    for i, place in enumerate([(0, 0), (1, 1), (0, 2), (3, 3)]):
        a[i, 0][place] = 1.0
    masks = np.zeros((4, 4, 5), dtype=bool)
    masks[:, 0, 0] = True  # from it the pixels lie 0, sqrt(2), 2 and sqrt(18) away
    masks[3, 0, 4] = True  # and the last one sqrt(10) from this
    for tolerance, hits in [(0, [1, 0, 0, 0]), (1.5, [1, 1, 0, 0]), (2, [1, 1, 1, 0]), (3.2, [1, 1, 1, 1])]:
        options = {"attributions": a, "tolerance": tolerance, "sample_wise": True}
        assert_array_equal(pointing_game(image, IMAGES, masks=masks, **options), hits)
        by_channel = np.stack([masks, np.zeros_like(masks)], axis=1)
        assert_array_equal(pointing_game(image, IMAGES, masks=by_channel, **options), hits)


def test_the_other_channel_is_no_nearer_for_the_tolerance(image):
    a, masks = np.zeros((4, 2, 4, 5)), np.zeros((4, 2, 4, 5), dtype=bool)
    a[:, 0, 1, 1], masks[:, 1, 1, 1] = 1.0, True
    assert pointing_game(image, IMAGES, masks=masks, attributions=a, tolerance=3) == 0.0


# ---------------------------------------------------------------- properties
@every
@settings(max_examples=30)
@given(
    a=arrays(float, (3, 3), elements=tied),
    masks=arrays(bool, (3, 3)).map(lambda masks: masks | np.eye(3, dtype=bool)),
    places=st.permutations(range(3)),
    absolute=st.booleans(),
)
def test_neither_place_nor_scale_nor_other_rows_matter(metric, table, a, masks, places, absolute):
    options = {"absolute": absolute, "sample_wise": True}
    a_before, masks_before = a.copy(), masks.copy()
    found = metric(table, ROWS[:3], masks=masks, attributions=a, **options)
    assert (found >= 0).all() and (found <= 1).all()
    moved = metric(table, ROWS[:3], masks=masks[:, places], attributions=4 * a[:, places], **options)
    assert_allclose(moved, found, atol=1e-14)
    alone = [metric(table, ROWS[:1], masks=masks[[i]], attributions=a[[i]], absolute=absolute) for i in range(3)]
    assert_allclose(alone, found, atol=1e-14)
    assert_array_equal(a, a_before)
    assert_array_equal(masks, masks_before)


@every
def test_planted_objects_are_found_and_by_chance_they_are_not(metric):
    X, y, masks, model = make_attribution_images(
        24, n_distractors=1, noise=0.3, dtype=np.float64, random_state=0, return_model=True
    )
    keep = y == 0
    X, masks = X[keep], masks[keep]
    explainer = SaliencyExplainer(model, target=0).fit(X)
    assert metric(explainer, X, masks=masks, absolute=True) == 1.0
    assert metric(explainer, X, masks=masks, attributions=masks[:, None] * 1.0) == 1.0
    random = RandomExplainer(model, target=0, random_state=0).fit(X).transform(X)
    assert metric(explainer, X, masks=masks, attributions=random) < 0.4
    assert metric(explainer, X, masks=masks, attributions=np.ones_like(X)) == pytest.approx(masks.mean())


@every
def test_all_targets_are_averaged(metric):
    explainer = SaliencyExplainer(seeded(lambda: cnn(2)), target="all").fit(IMAGES)
    masks = np.random.RandomState(2).rand(4, 4, 5) < 0.4
    parts = [SaliencyExplainer(seeded(lambda: cnn(2)), target=k).fit(IMAGES) for k in range(2)]
    expected = np.mean([metric(part, IMAGES, masks=masks, sample_wise=True) for part in parts], axis=0)
    assert_allclose(metric(explainer, IMAGES, masks=masks, sample_wise=True), expected)
    each = np.repeat(masks[:, None], 2, axis=1)
    expected = np.mean([metric(part, IMAGES, masks=each) for part in parts])
    assert metric(explainer, IMAGES, masks=each) == pytest.approx(expected)
    explainer = SaliencyExplainer(seeded(lambda: mlp(3, 2)), target="all").fit(ROWS)
    both, mask = explainer.transform(ROWS), np.array([True, False, True])
    halves = [metric(explainer, ROWS, masks=mask, attributions=np.tile(both[:, 3 * k :][:, :3], 2)) for k in range(2)]
    assert metric(explainer, ROWS, masks=mask) == pytest.approx(np.mean(halves))


# ---------------------------------------------------------------- errors
@every
@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.ones((7, 3), dtype=bool), r"must have shape \(8, 3\) or \(3,\). Got \(7, 3\)"),
        (np.full((8, 3), 0.5), "must hold True and False. Got float64"),
        (np.full((8, 3), "yes"), "must hold True and False. Got <U3"),
        (np.arange(8)[:, None] * np.ones(3) > 1.5, "must have a True in each row. Got none in 2 rows, first in row 0"),
    ],
)
def test_wrong_masks_are_named(metric, table, masks, message):
    with pytest.raises(ValueError, match=f"'masks' parameter of {metric.__name__} {message}"):
        metric(table, ROWS, masks=masks)


def test_what_else_is_wrong_is_named(table, image):
    with pytest.raises(ValueError, match=r"must have shape \(4, 4, 5\) or \(4, 2, 4, 5\). Got \(4, 3, 4, 5\)"):
        pointing_game(image, IMAGES, masks=np.ones((4, 3, 4, 5)))
    with pytest.raises(ValueError, match="'tolerance' parameter of pointing_game is for images"):
        pointing_game(table, ROWS, masks=[True, True, False], tolerance=1)
    for tolerance in (-1, True, "near", np.inf):
        with pytest.raises(ValueError, match="'tolerance' parameter of pointing_game must be a number of pixels"):
            pointing_game(image, IMAGES, masks=np.ones((4, 4, 5)), tolerance=tolerance)
