from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import binary_erosion, label

from sklearn_xai.datasets import make_concept_images
from sklearn_xai.datasets._concept_shapes import COLOURS, DARK, PARTS, SHAPES, TEXTURES, shape_mask

PARAMETERS = {
    "default": {},
    "large": {"image_size": 128, "n_distractors": 1},
    "small": {"image_size": 16, "n_distractors": 3, "noise": 0.4},
    "wide": {"image_size": (40, 70), "noise": 0.0},
}
KINDS = {"colour": tuple(COLOURS), "texture": TEXTURES, "shape": SHAPES}
# of the square of half of the side
AREAS = {"circle": np.pi, "square": 4, "triangle": 2, "diamond": 2, "cross": 20 / 9, "ring": 0.75 * np.pi}


@pytest.fixture(scope="module", params=PARAMETERS.values(), ids=PARAMETERS)
def made(request):
    return make_concept_images(84, **request.param, random_state=0)


@pytest.fixture(scope="module")
def alone():
    """Large images of one object each."""
    return make_concept_images(252, image_size=128, n_distractors=0, random_state=0)


def masks_of(made, category):
    return made.masks[:, [c == category for c in made.categories]]


def mask_of(made, concept):
    return made.masks[:, made.concepts.index(concept)]


def test_what_comes(made):
    n, _, height, width = made.images.shape
    assert made.images.shape[:2] == (84, 3)
    assert made.images.dtype == np.float32
    assert made.images.min() >= 0
    assert made.images.max() <= 1
    assert made.masks.shape == (n, 24, height, width)
    assert made.masks.dtype == made.image_labels.dtype == bool
    assert len(made.concepts) == len(set(made.concepts)) == len(made.categories) == 24
    assert [name.split(": ")[0] for name in made.concepts] == made.categories
    assert_array_equal(made.image_labels, made.masks.any(axis=(2, 3)))
    for task, names in KINDS.items():
        assert made[f"{task}_names"] == list(names)
        assert made[f"y_{task}"].shape == (n,)
        assert np.ptp(np.bincount(made[f"y_{task}"], minlength=len(names))) <= 1
    assert np.abs(np.corrcoef([made.y_colour, made.y_texture, made.y_shape])[np.triu_indices(3, 1)]).max() < 0.3


def test_a_pixel_has_one_colour_one_texture_and_one_shape_or_is_background(made):
    seen = masks_of(made, "shape").any(axis=1)
    assert seen.any(axis=(1, 2)).all()
    for category in KINDS:
        assert_array_equal(masks_of(made, category).sum(axis=1), seen)
    parts = masks_of(made, "part")
    assert not (parts & ~seen[:, None]).any()
    assert not (mask_of(made, "part: top") & mask_of(made, "part: bottom")).any()


def test_pixels_have_the_colour_of_their_mask_bright_or_dark(made):
    pixels = made.images.transpose(0, 2, 3, 1)
    plain = mask_of(made, "texture: plain")
    for name, colour in COLOURS.items():
        mask = mask_of(made, f"colour: {name}")
        bright = np.all(pixels == np.float32(colour), axis=-1)
        dark = np.all(pixels == np.float32(colour) * np.float32(DARK), axis=-1)
        assert_array_equal(bright | dark, mask)
        assert_array_equal(bright[plain], mask[plain])
        assert (mask & dark).any()
    noise = np.abs(pixels[~masks_of(made, "shape").any(axis=1)] - 0.4)
    expected = {40: 0.0, 16: 0.4}.get(made.images.shape[2], 0.1)
    assert noise.max() <= expected + 1e-6
    assert noise.max() >= 0.98 * expected


def test_masks_are_those_of_the_objects_drawn_one_over_the_other(made):
    """Each pixel by itself, from the place, size and kind of each object."""
    height, width = made.images.shape[2:]
    for i in range(0, 84, 6):
        owner = np.full((height, width), -1)
        parts = {part: np.zeros((height, width), dtype=bool) for part in ("top", "bottom", "core", "edge")}
        objects = {name: values[i] for name, values in made.objects.items()}
        for k in range(len(objects["side"])):
            half = objects["side"][k] / 2
            rows = (np.arange(height) + 0.5 - objects["row"][k] - half) / half
            columns = (np.arange(width) + 0.5 - objects["column"][k] - half) / half
            shape = shape_mask(SHAPES[objects["shape"][k]], rows[:, None], columns)
            owner[shape] = k
            parts["top"][shape] = np.broadcast_to(rows[:, None] < -1 / 3, shape.shape)[shape]
            parts["bottom"][shape] = np.broadcast_to(rows[:, None] > 1 / 3, shape.shape)[shape]
            parts["core"][shape] = (np.hypot(rows[:, None], columns) < 0.5)[shape]
            thickness = max(1, round(min(height, width) / 32))
            parts["edge"][shape] = ~binary_erosion(shape, iterations=thickness)[shape]
        for category, names in KINDS.items():
            for j, name in enumerate(names):
                expected = np.isin(owner, np.flatnonzero(objects[category] == j))
                assert_array_equal(mask_of(made, f"{category}: {name}")[i], expected)
        for part, expected in parts.items():
            assert_array_equal(mask_of(made, f"part: {part}")[i], expected)


def test_the_large_object_is_the_tasks_and_is_seen_whole(made):
    assert (made.objects["side"][:, -1:] > made.objects["side"][:, :-1]).all()
    length = min(made.images.shape[2:])
    assert (made.objects["side"] <= 0.65 * length + 0.5).all()
    for category, names in KINDS.items():
        labels = made[f"y_{category}"]
        assert_array_equal(labels, made.objects[category][:, -1])
        middle = [made.concepts.index(f"{category}: {names[label]}") for label in labels]
        area = made.masks[np.arange(84), middle].sum(axis=(1, 2))
        half = made.objects["side"][:, -1] / 2
        least = np.array([AREAS[SHAPES[k]] for k in made.y_shape]) * half**2 - 8 * half
        assert (area >= least).all()


def test_areas_are_those_of_the_figures(alone):
    half = alone.objects["side"][:, 0] / 2
    for k, name in enumerate(SHAPES):
        those = alone.y_shape == k
        area = mask_of(alone, f"shape: {name}")[those].sum(axis=(1, 2))
        assert_allclose(area, AREAS[name] * half[those] ** 2, rtol=0.05)
        # nothing of it lies outside of its square, and it reaches all four sides
        for mask, row, column, side in zip(
            mask_of(alone, f"shape: {name}")[those],
            *(alone.objects[key][those, 0] for key in ("row", "column", "side")),
            strict=True,
        ):
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert rows[0] - row == (name == "triangle" and side % 2 == 0)
            assert (rows[-1], columns[0], columns[-1]) == (row + side - 1, column, column + side - 1)
            figure = mask[row : row + side, column : column + side]
            assert_array_equal(figure, figure[:, ::-1])
            assert name == "triangle" or (figure == figure[::-1]).all()


def test_parts_lie_where_their_names_say(alone):
    seen = masks_of(alone, "shape").any(axis=1)
    parts = {name: mask_of(alone, f"part: {name}") for name in PARTS}
    for i in range(len(seen)):
        name, side = SHAPES[alone.y_shape[i]], alone.objects["side"][i, 0]
        # four pixels in images of 128, taken off one after the other
        assert_array_equal(parts["edge"][i], seen[i] & ~binary_erosion(seen[i], iterations=4))
        rows = np.flatnonzero(seen[i].any(axis=1))
        top, bottom = (np.flatnonzero(parts[part][i].any(axis=1)) for part in ("top", "bottom"))
        assert (top[0], bottom[-1]) == (rows[0], rows[-1])
        for part in (top, bottom):
            assert abs(np.ptp(part) + 1 - side / 3) <= 1.5
        corners = {"circle": 0, "ring": 0, "cross": 8, "triangle": 3}.get(name, 4)
        assert parts["corner"][i].any() == (corners > 0)
        assert not (parts["corner"][i] & parts["core"][i]).any() or name == "cross"
        core = np.argwhere(parts["core"][i])
        assert (len(core) == 0) == (name == "ring")
        if len(core):
            middle = alone.objects["row"][i, 0] + (side - 1) / 2, alone.objects["column"][i, 0] + (side - 1) / 2
            assert np.linalg.norm(core - middle, axis=1).max() < side / 4


def test_corners_are_where_the_figure_has_them(alone):
    # those at both sides of an arm's end are one region
    regions = {"square": 4, "triangle": 3, "diamond": 4, "cross": 4}
    for i in range(len(alone.images)):
        name = SHAPES[alone.y_shape[i]]
        if name in regions:
            row, column, side = (alone.objects[key][i, 0] for key in ("row", "column", "side"))
            corners = mask_of(alone, "part: corner")[i, row : row + side, column : column + side]
            assert label(corners)[1] == regions[name]
            assert_array_equal(corners, corners[:, ::-1])
            assert name == "triangle" or (corners == corners.T).all()


@pytest.mark.parametrize("side", range(5, 84))
def test_figures_are_symmetric(side):
    middles = (np.arange(side) + 0.5) / (side / 2) - 1
    for name in SHAPES:
        figure = shape_mask(name, middles[:, None], middles)
        assert_array_equal(figure, figure[:, ::-1])
        assert name == "triangle" or ((figure == figure[::-1]).all() and (figure == figure.T).all())


@pytest.mark.parametrize("image_size", [16, 32, 64])
def test_textures_differ(image_size):
    """Which neighbours of a square's pixels are as bright tells its texture."""
    made = make_concept_images(504, image_size=image_size, n_distractors=0, random_state=0)
    width = image_size // 16
    alike = {name: [] for name in TEXTURES}
    for i in np.flatnonzero(made.y_shape == SHAPES.index("square")):
        row, column, side = (made.objects[key][i, 0] for key in ("row", "column", "side"))
        object_ = made.images[i].max(axis=0)[row : row + side, column : column + side]
        shifted = [
            np.mean(object_[width:] == object_[:-width]),
            np.mean(object_[:, width:] == object_[:, :-width]),
            np.mean(object_[width:, width:] == object_[:-width, :-width]),
            np.mean(object_[width:, :-width] == object_[:-width, width:]),
        ]
        alike[TEXTURES[made.y_texture[i]]].append(shifted)
    found = {name: np.mean(rows, axis=0) for name, rows in alike.items()}
    assert_allclose(found["plain"], 1)
    assert_allclose(found["rows"], [0, 1, 0, 0])
    assert_allclose(found["columns"], [1, 0, 0, 0])
    assert_allclose(found["checked"], [0, 0, 1, 1])
    assert found["diagonal"][3] == 1
    assert found["diagonal"][:3].max() < 0.6
    assert_allclose(found["dotted"], 0.5, atol=0.15)


def test_frequent_enough_to_learn_and_rare_enough_to_be_detected():
    made = make_concept_images(500, random_state=0)
    share = made.masks.mean(axis=(0, 2, 3))
    assert 0.03 < share.min()
    assert share.max() < 0.115
    assert make_concept_images(3, n_distractors=0, random_state=0).objects["side"].shape == (3, 1)


def test_distractors_may_be_hidden_and_then_do_not_count():
    made = make_concept_images(100, n_distractors=10, image_size=24, random_state=0)
    drawn = np.zeros((100, len(SHAPES)), dtype=bool)
    drawn[np.arange(100)[:, None], made.objects["shape"]] = True
    seen = made.image_labels[:, [c == "shape" for c in made.categories]]
    assert not (seen & ~drawn).any()
    assert (drawn & ~seen).any()


def test_same_seed_same_images():
    made = [make_concept_images(150, random_state=seed) for seed in (0, 0, 1, np.random.RandomState(0))]
    for key in ("images", "masks", "y_shape"):
        assert_array_equal(made[0][key], made[1][key])
        assert_array_equal(made[0][key], made[3][key])
        assert (made[0][key] != made[2][key]).any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "'n_samples' parameter of make_concept_images must be an int of at least 1"),
        ({"image_size": 15}, "'image_size' parameter of make_concept_images must be an int of at least 16. Got 15"),
        ({"image_size": (32, 8)}, "'image_size' parameter of make_concept_images must be an int of at least 16. Got 8"),
        ({"image_size": "big"}, "'image_size' parameter of make_concept_images must be an int or two, height and wid"),
        ({"n_distractors": -1}, "'n_distractors' parameter of make_concept_images must be an int of at least 0"),
        ({"noise": 0.5}, r"'noise' parameter of make_concept_images must be a number in \[0, 0.4\]. Got 0.5"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_concept_images(**parameters)
