from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import correlate2d

from sklearn_xai import IntegratedGradientsExplainer, SaliencyExplainer
from sklearn_xai.datasets import make_attribution_images
from tests.oracles import run

PARAMETERS = [
    {},
    {"n_classes": 5, "n_distractors": 2, "background": "waves", "noise": 0.9, "n_channels": 3},
    {"n_classes": 2, "image_size": (9, 20), "object_size": 4, "dtype": "float64", "noise": 0.0},
]


@pytest.fixture(scope="module", params=PARAMETERS, ids=["default", "waves", "wide"])
def made(request):
    return make_attribution_images(60, **request.param, random_state=0, return_bunch=True)


def test_images_differ_from_their_backgrounds_where_objects_are(made):
    n, _, height, width = made.data.shape
    assert made.attributions.shape == made.distractors.shape == (n, height, width)
    assert made.attributions.dtype == made.distractors.dtype == bool
    differ = made.data != made.background
    assert_array_equal(differ.all(axis=1), differ.any(axis=1))
    assert_array_equal(differ.any(axis=1), made.attributions | made.distractors)
    assert not (made.attributions & made.distractors).any()
    assert set(np.unique(made.data[differ])) == {-1, 1}


def test_each_class_has_its_texture_at_its_place(made):
    side = made.templates.shape[1]
    for image, mask, label, (r, c) in zip(made.data, made.attributions, made.target, made.positions, strict=True):
        inside = made.templates[label] != 0
        assert_array_equal(mask[r : r + side, c : c + side], inside)
        assert mask.sum() == inside.sum()
        for channel in image:
            assert_array_equal(channel[r : r + side, c : c + side][inside], made.templates[label][inside])
    assert np.ptp(np.bincount(made.target)) <= 1
    assert len(made.target_names) == len(made.templates) == made.target.max() + 1


def test_the_model_decides_by_the_object(made):
    found = run(made.model, made.data)
    assert_array_equal(found.argmax(axis=1), made.target)
    rows = np.arange(len(found))
    assert_allclose(found[rows, made.target], 1, atol=1e-5)
    found[rows, made.target] = -1
    assert found.max() < 0.95
    # without the object it has nothing to go by
    assert run(made.model, made.background).max() < 0.95


def test_the_model_is_the_correlation_with_the_textures():
    made = make_attribution_images(3, image_size=12, n_channels=2, random_state=0, dtype="float64", return_bunch=True)
    for image, row in zip(made.data, run(made.model, made.data), strict=True):
        for template, value in zip(made.templates, row, strict=True):
            maps = sum(correlate2d(channel, template, mode="valid") for channel in image)
            assert_allclose(value, maps.max() / 2 / np.abs(template).sum(), atol=1e-12)


@pytest.mark.parametrize("side", range(4, 13))
def test_no_texture_looks_like_another(side):
    templates = make_attribution_images(1, n_classes=5, object_size=side, random_state=0, return_bunch=True).templates
    objects = [*templates, np.ones((side, side))]  # the last is a distractor
    for k, template in enumerate(templates):
        for j, other in enumerate(objects):
            closest = correlate2d(other, template, mode="full").max() / np.abs(template).sum()
            assert closest == pytest.approx(1) if j == k else closest <= 0.6


def test_gradients_of_the_exact_model_lie_on_the_object(made):
    for k in range(len(made.templates)):
        rows, masks = made.data[made.target == k], made.attributions[made.target == k]
        gradient = SaliencyExplainer(made.model, target=k).fit(made.data).transform(rows)
        assert_array_equal(gradient != 0, np.broadcast_to(masks[:, None], rows.shape))
        sizes = np.abs(gradient[gradient != 0])
        assert_allclose(sizes, sizes[0], rtol=1e-5)


def test_most_relevance_of_integrated_gradients_is_on_the_object():
    X, y, masks, model = make_attribution_images(30, n_distractors=1, random_state=0, return_model=True)
    for k in range(3):
        found = np.abs(IntegratedGradientsExplainer(model, target=k, tol=1.0).fit(X).transform(X[y == k]))[:, 0]
        share = found[masks[y == k]].sum() / found.sum()
        assert share > 0.5 > 3 * masks.mean()


def test_distractors_are_as_many_and_apart():
    for n_distractors in range(3):
        X, _, masks = make_attribution_images(40, n_distractors=n_distractors, noise=0.2, random_state=1)
        solid = (X[:, 0] == 1) & ~masks
        assert_array_equal(solid.sum(axis=(1, 2)), n_distractors * 49)


def test_objects_are_anywhere():
    made = make_attribution_images(2000, image_size=10, object_size=5, random_state=0, return_bunch=True)
    counts = np.zeros((6, 6))
    np.add.at(counts, tuple(made.positions.T), 1)
    assert counts.min() > 25 and counts.max() < 95  # 55.6 each on average


def test_backgrounds():
    waves, noise = (
        make_attribution_images(20, background=kind, noise=0.5, random_state=0, return_bunch=True).background
        for kind in ("waves", "noise")
    )
    assert np.abs(waves).max() <= 0.5 and np.abs(noise).max() <= 0.5
    neighbours = [np.corrcoef(b[..., 1:].ravel(), b[..., :-1].ravel())[0, 1] for b in (waves, noise)]
    assert neighbours[0] > 0.4 and abs(neighbours[1]) < 0.05
    assert waves.std() > 0.1 and len(np.unique(waves[:, 0, 0, 0])) == 20


@settings(max_examples=25, deadline=None)
@given(
    n_samples=st.integers(1, 12),
    size=st.tuples(st.integers(4, 16), st.integers(4, 16)),
    n_channels=st.integers(1, 3),
    n_classes=st.integers(2, 5),
    noise=st.floats(0, 0.9),
    background=st.sampled_from(["noise", "waves"]),
    seed=st.integers(0, 2**31),
)
def test_sizes(n_samples, size, n_channels, n_classes, noise, background, seed):
    X, y, masks, model = make_attribution_images(
        n_samples, image_size=size, n_channels=n_channels, n_classes=n_classes, object_size=4, noise=noise,
        background=background, random_state=seed, return_model=True,
    )  # fmt: skip
    assert X.shape == (n_samples, n_channels, *size) and X.dtype == np.float32
    assert masks.shape == (n_samples, *size) and masks.any(axis=(1, 2)).all()
    found = run(model, X)
    assert_array_equal(found.argmax(axis=1), y)
    assert_allclose(found.max(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_classes": 1}, r"'n_classes' .* must be an int from 2 to 5. Got 1"),
        ({"n_classes": 6}, r"'n_classes' .* must be an int from 2 to 5. Got 6"),
        ({"n_channels": 0}, r"'n_channels' .* must be an int of at least 1. Got 0"),
        ({"image_size": "big"}, r"'image_size' .* must be an int or two, height and width. Got 'big'"),
        ({"image_size": (9, 9, 3)}, r"'image_size' .* must be an int or two, height and width."),
        ({"image_size": 3}, r"'image_size' .* must be an int of at least 4. Got 3"),
        ({"object_size": 3}, r"'object_size' .* must be an int from 4 to 28, the side of an image. Got 3"),
        ({"image_size": (30, 6)}, r"'object_size' .* must be an int from 4 to 6, the side of an image. Got 7"),
        ({"background": "sky"}, r"'background' .* must be 'noise' or 'waves'. Got 'sky'"),
        ({"noise": 1.0}, r"'noise' .* must be a number in \[0, 1\). Got 1.0"),
        (
            {"n_distractors": 3},
            r"'n_distractors' .* int from 0 to 2, so that objects of 7 pixels find a place .* Got 3",
        ),
        ({"n_distractors": -1}, r"'n_distractors' .* must be an int from 0 to 2"),
    ],
)
def test_impossible_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_attribution_images(**parameters)


@settings(max_examples=20, deadline=None)
@given(size=st.integers(8, 24), n_distractors=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_as_many_distractors_as_are_allowed_find_a_place(size, n_distractors, seed):
    try:
        X, _, masks = make_attribution_images(
            10, image_size=size, object_size=4, n_distractors=n_distractors, noise=0.2, random_state=seed
        )
    except ValueError:
        assert n_distractors * 49 >= (size - 3) ** 2
        return
    assert_array_equal(((X[:, 0] == 1) & ~masks).sum(axis=(1, 2)), n_distractors * 16)
