"""ROAD: its imputation against a sparse direct solver, and its score on planted pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from torch import nn

from sklearn_xai import InputXGradientExplainer, OcclusionExplainer, RandomExplainer, SaliencyExplainer
from sklearn_xai.datasets import make_attribution_images
from sklearn_xai.metrics import road
from sklearn_xai.metrics.pixel_removal import impute_pixels
from tests.nets import classifier
from tests.oracles import seeded

IMAGES = np.random.RandomState(0).rand(6, 2, 5, 6)


def cnn(n_outputs=3):
    return nn.Sequential(nn.Conv2d(2, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(60, n_outputs))


# ---------------------------------------------------------------- imputation
def solved(image, removed):
    """Return one image (height, width) imputed pixel by pixel with scipy's direct solver."""
    height, width = image.shape
    number = {place: i for i, place in enumerate(zip(*np.nonzero(removed), strict=True))}
    matrix, right = lil_matrix((len(number), len(number))), np.zeros(len(number))
    for (r, c), i in number.items():
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                other = r + down, c + across
                if other == (r, c) or not (0 <= other[0] < height and 0 <= other[1] < width):
                    continue
                weight = 1 / 6 if 0 in (down, across) else 1 / 12
                matrix[i, i] += weight
                if other in number:
                    matrix[i, number[other]] -= weight
                else:
                    right[i] += weight * image[other]
    filled = image.copy()
    if number:
        filled[removed] = spsolve(matrix.tocsr(), right)
    return filled


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    scale=st.sampled_from([1e-3, 1, 1e4]),
)
def test_imputation_solves_the_sparse_system(seed, height, width, scale):
    rng = np.random.RandomState(seed)
    images = scale * (rng.randn(3, 2, height, width) + 5)
    removed = rng.rand(3, height, width) < rng.rand(3, 1, 1)
    removed[:, rng.randint(height), rng.randint(width)] = False
    before = images.copy()
    found = impute_pixels(images, removed)
    for i in range(3):
        for channel in range(2):
            expected = solved(images[i, channel], removed[i])
            assert_allclose(found[i, channel], expected, atol=1e-6 * scale, rtol=0)
    assert_array_equal(images, before)


def test_a_pixel_by_hand():
    image = np.array([[0.0, 6, 12], [6, 99, 6], [12, 0, 0]])
    removed = image == 99
    assert impute_pixels(image[None, None], removed[None])[0, 0, 1, 1] == pytest.approx(18 / 6 + 24 / 12)
    corner = np.zeros((3, 3), dtype=bool)
    corner[0, 2] = True  # two direct neighbours of 6, one diagonal one of 99; five are beyond the edge
    filled = impute_pixels(image[None, None], corner[None])[0, 0]
    assert filled[0, 2] == pytest.approx((12 / 6 + 99 / 12) / (5 / 12))
    assert_array_equal(filled[~corner], image[~corner])


def test_a_constant_image_stays_and_rows_stand_alone():
    removed = np.random.RandomState(1).rand(6, 5, 6) < 0.7
    assert_allclose(impute_pixels(np.full_like(IMAGES, 3.0), removed), 3.0, atol=1e-12)
    together = impute_pixels(IMAGES, removed)
    for i in range(6):
        assert_allclose(impute_pixels(IMAGES[[i]], removed[[i]])[0], together[i], atol=1e-12)
    assert_array_equal(impute_pixels(IMAGES, np.zeros((6, 5, 6), dtype=bool)), IMAGES)


# ---------------------------------------------------------------- the score
def test_three_pixels_by_hand():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1, bias=False).double())
    model[1].weight.data = torch.tensor([[5.0, 1.0, 0.0]], dtype=torch.float64)
    X = np.array([[[[4.0, 2.0, 6.0]]]])
    explainer = InputXGradientExplainer(model).fit(np.zeros((2, 1, 1, 3)))
    # The most relevant pixel, 20, becomes its neighbour, 2, and 10; the least relevant one, 0, becomes 2, and 0.
    options = {"percentages": [33], "noise": 0.0}
    assert road(explainer, X, order="morf", **options) == pytest.approx(10)
    assert road(explainer, X, order="lerf", **options) == pytest.approx(0)
    assert road(explainer, X, **options) == pytest.approx(10)
    # Of two, all are 6 and the output 36; or all are 4 and it is 24: with one pixel removed 12 and 22.
    options["percentages"] = [33, 67]
    assert road(explainer, X, order="morf", **options) == pytest.approx((10 - 14) / 2)
    assert road(explainer, X, order="lerf", **options) == pytest.approx((0 + 2) / 2)
    # The other way round the least relevant pixel is the first.
    found = road(explainer, X, attributions=[[[[1, 2, 3]]]], order="lerf", percentages=[33], noise=0.0)
    assert found == pytest.approx(-10)


@pytest.mark.parametrize("measure", ["output", "accuracy"])
def test_combined_is_the_sum_of_both_orders(measure):
    explainer = SaliencyExplainer(seeded(cnn), target=1).fit(IMAGES)
    y = np.array([0, 1, 2, 0, 1, 2])
    both, morf, lerf = (
        road(explainer, IMAGES, y, order=order, measure=measure, sample_wise=True, random_state=0)
        for order in ("combined", "morf", "lerf")
    )
    assert_allclose(both, morf + lerf, atol=1e-12)
    assert road(explainer, IMAGES, y, measure=measure, random_state=0) == pytest.approx(both.mean())


@pytest.fixture(scope="module")
def planted():
    """Images of which only four pixels matter, a linear model, and an explainer of it."""
    rng = np.random.RandomState(0)
    X = rng.rand(12, 1, 8, 8)
    X[:, :, 2:4, 5:7] += 2
    weights = np.zeros((8, 8))
    weights[2:4, 5:7] = 1
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False).double())
    model[1].weight.data = torch.tensor(weights.reshape(1, -1))
    return X, InputXGradientExplainer(model).fit(X)


@pytest.mark.parametrize("order", ["combined", "morf", "lerf"])
def test_what_matters_scores_best_and_chance_between(planted, order):
    X, explainer = planted
    options = {"order": order, "percentages": [10, 50, 90]}
    truth = road(explainer, X, **options, random_state=0)
    random = RandomExplainer(explainer.estimator_, random_state=0).fit(X).transform(X)
    by_chance = road(explainer, X, attributions=random, **options, random_state=0)
    wrong = road(explainer, X, attributions=-explainer.transform(X), **options, random_state=0)
    assert truth > by_chance + 1 > wrong + 2
    nothing = np.mean([road(explainer, X, attributions=0 * X, **options, random_state=i) for i in range(20)])
    assert wrong + 1 < nothing < truth - 1
    if order == "combined":
        assert abs(nothing) < 0.25 * truth and abs(by_chance) < 0.25 * truth


def test_neither_scale_nor_other_rows_matter_and_the_seed_does(planted):
    X, explainer = planted
    found = explainer.transform(X) + np.random.RandomState(1).randn(*X.shape)
    before = X.copy(), found.copy()
    scores = road(explainer, X, attributions=found, sample_wise=True, random_state=3)
    assert_array_equal(road(explainer, X, attributions=4 * found, sample_wise=True, random_state=3), scores)
    again = road(explainer, X[::-1][:7], attributions=found[::-1][:7], sample_wise=True, random_state=3)
    assert_allclose(again, scores[::-1][:7], atol=1e-9)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert (road(explainer, X, attributions=found, sample_wise=True, random_state=4) != scores).all()
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert_array_equal(X, before[0])
    assert_array_equal(found, before[1])


def test_a_constant_model_and_a_single_pixel_score_zero():
    explainer = SaliencyExplainer(seeded(cnn), target=0).fit(IMAGES)
    with torch.no_grad():
        explainer.estimator_[3].weight.zero_()
    assert_array_equal(road(explainer, IMAGES, sample_wise=True), 0.0)
    single = SaliencyExplainer(nn.Sequential(nn.Flatten(), seeded(lambda: nn.Linear(2, 1)))).fit(IMAGES[:, :, :1, :1])
    assert_array_equal(road(single, IMAGES[:, :, :1, :1], sample_wise=True), 0.0)


def test_channels_regions_and_targets():
    every, summed, all_of, other = (
        SaliencyExplainer(seeded(cnn), **options).fit(IMAGES)
        for options in ({"target": 1}, {"target": 1, "channels": "sum"}, {"target": "all"}, {"target": 0})
    )
    options = {"sample_wise": True, "random_state": 0}
    assert_allclose(road(every, IMAGES, **options), road(summed, IMAGES, **options))
    third = SaliencyExplainer(seeded(cnn), target=2).fit(IMAGES)
    expected = np.mean([road(one, IMAGES, **options) for one in (other, every, third)], axis=0)
    assert_allclose(road(all_of, IMAGES, **options), expected)
    options["noise"] = 0.0  # which is in units of the background, of which a method of regions has less
    squares = OcclusionExplainer(seeded(cnn), target=1, feature_groups=2, background_size=3).fit(IMAGES)
    a = squares.transform(IMAGES)
    shares = (a / [4, 4, 4, 4, 4, 4, 2, 2, 2]).reshape(6, 3, 3).repeat(2, axis=1).repeat(2, axis=2)[:, :5]
    assert_allclose(road(squares, IMAGES, **options), road(summed, IMAGES, attributions=shares[:, None], **options))


def test_the_explained_output_is_that_of_the_whole_image():
    X, y, _, model = make_attribution_images(12, dtype=np.float64, random_state=0, return_model=True)
    explainer = SaliencyExplainer(model, target=0).fit(X)
    found = road(explainer, X, order="morf", sample_wise=True, random_state=0)
    own = [road(explainer, X[[i]], order="morf", random_state=0) for i in range(12)]
    assert_allclose(found, own, atol=1e-6)
    assert found[y == 0].min() > 0.5


def test_accuracy_is_that_of_the_labels_the_estimator_was_trained_on():
    X = np.random.RandomState(0).rand(40, 1, 4, 4).astype(np.float32)
    bright = np.arange(40) % 2 == 0
    X[bright, :, :2] += 2
    y = np.where(bright, "top", "none")
    net = classifier(
        nn.Sequential(nn.Flatten(), seeded(lambda: nn.Linear(16, 2), dtype=torch.float32)),
        callbacks=None,
        max_epochs=40,
        lr=0.1,
    )
    explainer = InputXGradientExplainer(net, target="top", random_state=0).fit(X, y)
    assert (explainer.predict(X) == y).all()
    found = road(explainer, X, y, measure="accuracy", order="lerf", sample_wise=True, random_state=0)
    assert set(np.unique(np.round(found * 9))) <= set(range(-9, 1))
    assert road(explainer, X, y, measure="accuracy", order="morf", random_state=0) > 0.1
    wrong = np.where(bright, "none", "top")
    assert road(explainer, X, wrong, measure="accuracy", order="morf", random_state=0) < -0.1


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percentages": []}, "'percentages' parameter of road must hold numbers above 0 and below 100"),
        ({"percentages": [0, 50]}, "'percentages' parameter"),
        ({"percentages": [100]}, "'percentages' parameter"),
        ({"order": "mostly"}, "'order' parameter of road must be one of .*combined.* Got 'mostly'"),
        ({"measure": "auc"}, "'measure' parameter of road must be one of"),
        ({"noise": -1}, "'noise' parameter of road must be a number, at least 0. Got -1"),
        ({"noise": True}, "'noise' parameter of road"),
        ({"measure": "accuracy"}, "which needs the labels y. Got y=None"),
        ({"measure": "accuracy", "y": [1, 2]}, r"'y' parameter of road must have shape \(6,\). Got shape \(2,\)"),
        ({"attributions": np.ones((6, 7))}, r"60 numbers for each row. Got 7, of shape \(6, 7\)"),
        ({"attributions": np.ones((6, 1, 2, 2))}, r"of shape \(6, 1, 2, 2\)"),
    ],
)
def test_what_is_wrong_is_named(options, message):
    explainer = SaliencyExplainer(seeded(cnn), target=0).fit(IMAGES)
    with pytest.raises(ValueError, match=message):
        road(explainer, IMAGES, **options)


def test_tables_and_single_outputs_are_refused():
    rows = np.random.RandomState(0).rand(5, 4)
    table = SaliencyExplainer(seeded(lambda: nn.Linear(4, 1))).fit(rows)
    with pytest.raises(ValueError, match=r"'X' parameter of road must be images .* Got float64 of shape \(5, 4\)"):
        road(table, rows)
    single = SaliencyExplainer(seeded(lambda: cnn(1))).fit(IMAGES)
    with pytest.raises(ValueError, match="'accuracy', which needs a model with an output for each class"):
        road(single, IMAGES, np.zeros(6), measure="accuracy")
