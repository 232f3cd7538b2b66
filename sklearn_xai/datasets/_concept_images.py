"""Images of coloured, textured shapes of which it is known which concept is where."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Seed
from sklearn_xai.datasets._attribution_common import checked_count, checked_number, checked_size
from sklearn_xai.datasets._concept_shapes import (
    COLOURS,
    DARK,
    PARTS,
    SHAPES,
    TEXTURES,
    part_mask,
    shape_mask,
    texture_dark,
)

CALLER = "make_concept_images"
NAMES = {"colour": tuple(COLOURS), "texture": TEXTURES, "shape": SHAPES, "part": PARTS}
GREY = 0.4
# Images made together: what is computed of them stays small.
_AT_ONCE = 128


def make_concept_images(
    n_samples: int = 100,
    *,
    image_size: int | tuple[int, int] = 32,
    n_distractors: int = 2,
    noise: float = 0.1,
    random_state: Seed = None,
) -> Bunch:
    """Make images of coloured, textured shapes with the pixels of every concept: what do the units of a net detect?

    Each image has a large object, of a side from 0.5 to 0.65 of the image's, and smaller ones behind it, from 0.28 to
    0.4. An object has one of 7 colours, 6 textures and 6 shapes; where its texture is dark, its colour is multiplied by
    0.55. It may cover others, which then count as far as they are seen. The background is grey. The masks follow from
    how the images are drawn, so that they are exact.

    Of an object's parts, a corner reaches 0.4 of half its side from where two straight sides of its outline meet, the
    core 0.5 of it from its middle; the edge is 1 pixel wide in images of 32 and in proportion in larger ones; top and
    bottom are the outer thirds of its height. A mask of parts, too, is of what is seen. From 32 pixels on, the most
    frequent concept, the edges, covers a tenth of the pixels: the highest 0.5 % of the activations of a unit can reach
    an intersection over union of 0.05 with any concept.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images. Of each class of each task there are as many, give or take one.
    image_size : int or (int, int), default=32
        Height and width of the images, in pixels; at least 16.
    n_distractors : int, default=2
        Number of smaller objects of an image. Some may be hidden by others.
    noise : float in [0, 0.4], default=0.1
        The largest difference of the background from grey, drawn for each pixel and channel.
    random_state : int, RandomState instance or None, default=None
        Seeds all draws. An instance is read and not advanced.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        With the keys

        - ``images``: ndarray of shape (n_samples, 3, height, width) of float32 from 0 to 1: red, green, blue.
        - ``masks``: the pixels of each concept, ndarray of shape (n_samples, n_concepts, height, width) of bool.
        - ``concepts``: list of 24 names such as "colour: red" or "part: corner".
        - ``categories``: list of the category of each concept: "colour", "texture", "shape" or "part".
        - ``image_labels``: whether a concept is seen in an image, ndarray of shape (n_samples, n_concepts) of bool.
        - ``y_colour``, ``y_texture``, ``y_shape``: three tasks, ndarrays of shape (n_samples,) of int: what the large
          object is like. They are drawn independently.
        - ``colour_names``, ``texture_names``, ``shape_names``: lists of the classes' names.
        - ``objects``: dict of ndarrays of shape (n_samples, 1 + n_distractors) of int: the "row" and "column" of the
          upper left corner, "side", "colour", "texture" and "shape" of each object from the hindmost to the large one.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    make_attribution_images : Images with the object that decides the class.

    References
    ----------
    D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba (2017): Network dissection: quantifying interpretability of deep
    visual representations.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.datasets import make_concept_images
    >>> made = make_concept_images(10, random_state=0)
    >>> made.images.shape, made.masks.shape
    ((10, 3, 32, 32), (10, 24, 32, 32))
    >>> red = made.masks[:, made.concepts.index("colour: red")]
    >>> np.unique(made.images[:, 0][red])  # bright and dark
    array([0.495, 0.9  ], dtype=float32)
    """
    checked_count(CALLER, "n_samples", n_samples)
    height, width = checked_size(CALLER, image_size, least=16)
    checked_count(CALLER, "n_distractors", n_distractors, least=0)
    noise = checked_number(CALLER, "noise", noise, 0, GREY, "[]")

    rng = own_random_state(random_state)
    objects = _drawn_objects(rng, n_samples, 1 + n_distractors, height, width)
    images = np.empty((n_samples, 3, height, width), dtype=np.float32)
    concepts = [f"{category}: {name}" for category, names in NAMES.items() for name in names]
    masks = np.zeros((n_samples, len(concepts), height, width), dtype=bool)
    for start in range(0, n_samples, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        images[some] = GREY + noise * rng.uniform(-1, 1, images[some].shape)
        for k in range(1 + n_distractors):
            _draw(images[some], masks[some], {name: values[some, k] for name, values in objects.items()})
    tasks = ("colour", "texture", "shape")
    return Bunch(
        images=images,
        masks=masks,
        concepts=concepts,
        categories=[category for category, names in NAMES.items() for _ in names],
        image_labels=masks.any(axis=(2, 3)),
        objects=objects,
        **{f"y_{task}": objects[task][:, -1].copy() for task in tasks},
        **{f"{task}_names": list(NAMES[task]) for task in tasks},
    )


def _drawn_objects(rng, n_samples, n_objects, height, width):
    """Return what the objects of all images are like and where; the last of each image is the large one."""
    shape = (n_samples, n_objects)
    length = min(height, width)
    sides = rng.uniform(0.28, 0.4, shape)
    sides[:, -1] = rng.uniform(0.5, 0.65, n_samples)
    sides = np.rint(sides * length).astype(np.int64)
    objects = {
        "row": rng.randint(0, height - sides + 1),
        "column": rng.randint(0, width - sides + 1),
        "side": sides,
    }
    for category in ("colour", "texture", "shape"):
        kinds = len(NAMES[category])
        objects[category] = rng.randint(0, kinds, shape)
        objects[category][:, -1] = rng.permutation(np.arange(n_samples) % kinds)
    return objects


def _draw(images, masks, objects):
    """Draw one object into each image (n, 3, height, width), and into the masks of concepts what is seen of it."""
    height, width = images.shape[2:]
    length = min(height, width)
    edge, stripe = max(1, round(length / 32)), max(1, round(length / 16))
    first = dict(zip(NAMES, np.cumsum([0] + [len(names) for names in NAMES.values()]), strict=False))
    down = np.arange(height)[:, None] - objects["row"][:, None, None]
    right = np.arange(width) - objects["column"][:, None, None]
    half = objects["side"][:, None, None] / 2
    u, v = (down + 0.5) / half - 1, (right + 0.5) / half - 1

    seen = np.zeros((len(images), height, width), dtype=bool)
    parts = np.zeros((len(images), len(PARTS), height, width), dtype=bool)
    for k, name in enumerate(SHAPES):
        those = np.flatnonzero(objects["shape"] == k)
        seen[those] = inside = shape_mask(name, u[those], v[those])
        for j, part in enumerate(PARTS):
            parts[those, j] = part_mask(part, name, inside, u[those], v[those], edge)
    bright = np.ones(seen.shape, dtype=np.float32)
    for k, name in enumerate(TEXTURES):
        those = np.flatnonzero(objects["texture"] == k)
        bright[those] = np.where(texture_dark(name, down[those], right[those], stripe), DARK, 1)

    masks &= ~seen[:, None]
    masks[:, first["part"] :] |= parts
    rows = np.arange(len(images))
    for category in ("colour", "texture", "shape"):
        masks[rows, first[category] + objects[category]] |= seen
    paints = np.array(list(COLOURS.values()), dtype=np.float32)[objects["colour"]]
    np.copyto(images, paints[:, :, None, None] * bright[:, None], where=seen[:, None])
