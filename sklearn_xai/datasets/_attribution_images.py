"""Images of which it is known what decides their class, and where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils import Bunch

from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Seed
from sklearn_xai.datasets._attribution_common import (
    checked_choice,
    checked_count,
    checked_dtype,
    checked_number,
    checked_size,
    returned,
)

CALLER = "make_attribution_images"
SHAPES = ("cross", "square", "disc", "frame", "triangle")
BACKGROUNDS = ("noise", "waves")


def make_attribution_images(
    n_samples: int = 100,
    *,
    n_classes: int = 3,
    image_size: int | tuple[int, int] = 28,
    n_channels: int = 1,
    object_size: int = 7,
    background: str = "noise",
    noise: float = 0.3,
    n_distractors: int = 0,
    dtype: DTypeLike = np.float32,
    random_state: Seed = None,
    return_model: bool = False,
    return_bunch: bool = False,
) -> Any:
    r"""Make images with one object that decides the class: does an explainer look at the object?

    Each class has a shape with a texture of its own, of pixels 1 and -1: a chequered cross, a square of rows, a disc
    of columns, a frame and a triangle of diagonals. One is put at a random place on a background of smaller values.
    With :math:`t_k` the texture of class k, 0 outside of its shape :math:`S_k`, the exact function is

    .. math:: f_k(x) = \max_{\text{places } p} \frac{1}{n_{channels} |S_k|} \sum_{c,\, q \in S_k} t_k(q)\, x_c(p + q),

    a convolution and a maximum. It is 1 for the class of the image, at the place of the object, and less for the
    others. The gradient of the class's output has the same size at all pixels of the object and the sign of their
    texture, and is 0 at all others.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images; of each class as many, give or take one.
    n_classes : int from 2 to 5, default=3
        Number of classes.
    image_size : int or (int, int), default=28
        Height and width of the images, in pixels.
    n_channels : int, default=1
        Number of channels. An object looks the same in all of them.
    object_size : int, default=7
        Side of the square that an object fits in, in pixels; at least 4, so that no two shapes look alike.
    background : {"noise", "waves"}, default="noise"
        What surrounds the objects: independent values of pixels, or three waves of random direction, length and phase
        for each image and channel.
    noise : float in [0, 1), default=0.3
        The largest absolute value of the background, and the width of its distribution.
    n_distractors : int, default=0
        Number of squares of pixels 1, the brightest objects there are, that have no say in the class. No two objects
        overlap: as many are allowed as find a place wherever the others are.
    dtype : {float32, float64}, default=float32
        Type of the images and the model.
    random_state : int, RandomState instance or None, default=None
        Seeds all draws. An instance is read and not advanced.
    return_model : bool, default=False
        Return the exact function too.
    return_bunch : bool, default=False
        Return all there is, by name.

    Returns
    -------
    X : ndarray of shape (n_samples, n_channels, height, width)
        The images.
    y : ndarray of shape (n_samples,)
        Labels from 0 to ``n_classes - 1``.
    masks : ndarray of shape (n_samples, height, width) of bool
        The pixels of the object that decides the class.
    model : torch.nn.Sequential
        :math:`f`, with an output for each class, when `return_model` is True. Explain output ``y[i]`` of image i.
    bunch : sklearn.utils.Bunch
        Instead of these when `return_bunch` is True, with the keys

        - ``data``, ``target``, ``model``: as above.
        - ``attributions``: the masks.
        - ``distractors``: the pixels of distractors, (n_samples, height, width) of bool.
        - ``background``: the images before objects were put on them, of the shape of X.
        - ``positions``: row and column of the upper left corner of each object's square, (n_samples, 2).
        - ``templates``: the textures :math:`t_k`, (n_classes, object_size, object_size).
        - ``target_names``: the shapes, in the order of the labels.

    Raises
    ------
    ValueError
        If a parameter is out of its range, an object is larger than an image, or so many distractors may find no place.

    See Also
    --------
    make_attribution_linear : Tables of which the attributions are known.

    Examples
    --------
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.datasets import make_attribution_images
    >>> X, y, masks, model = make_attribution_images(9, n_distractors=1, random_state=0, return_model=True)
    >>> X.shape, masks.shape
    ((9, 1, 28, 28), (9, 28, 28))
    >>> found = SaliencyExplainer(model, target=0).fit(X).transform(X)[:, 0]
    >>> bool(((found[y == 0] != 0) == masks[y == 0]).all())
    True
    """
    checked_count(CALLER, "n_samples", n_samples)
    checked_count(CALLER, "n_classes", n_classes, least=2, most=len(SHAPES))
    checked_count(CALLER, "n_channels", n_channels)
    height, width = checked_size(CALLER, image_size, least=4)
    checked_count(CALLER, "object_size", object_size, least=4, most=min(height, width), why=", the side of an image")
    checked_choice(CALLER, "background", background, BACKGROUNDS)
    noise = checked_number(CALLER, "noise", noise, 0, 1)
    places = (height - object_size + 1, width - object_size + 1)
    _check_distractors(n_distractors, places, object_size)
    dtype = checked_dtype(CALLER, dtype)

    rng = own_random_state(random_state)
    templates = np.stack([_texture(shape, object_size) for shape in SHAPES[:n_classes]])
    y = rng.permutation(np.arange(n_samples) % n_classes)
    corners = _drawn_corners(rng, n_samples, 1 + n_distractors, places, object_size)
    surroundings = _drawn_background(rng, background, (n_samples, n_channels, height, width)) * noise

    objects, distractors = np.zeros((2, n_samples, height, width))
    _put(objects, corners[:, 0], templates[y])
    for corner in corners.transpose(1, 0, 2)[1:]:
        _put(distractors, corner, np.ones((n_samples, object_size, object_size)))
    drawn = (objects + distractors)[:, np.newaxis]
    surroundings = surroundings.astype(dtype)

    from sklearn_xai.datasets._attribution_models import template_model

    filters = templates / np.abs(templates).sum(axis=(1, 2), keepdims=True) / n_channels
    bunch = Bunch(
        data=np.where(drawn != 0, drawn.astype(dtype), surroundings),
        target=y,
        attributions=objects != 0,
        model=template_model(np.repeat(filters[:, np.newaxis], n_channels, axis=1), dtype),
        distractors=distractors != 0,
        background=surroundings,
        positions=corners[:, 0],
        templates=templates,
        target_names=list(SHAPES[:n_classes]),
    )
    return returned(CALLER, bunch, return_model, return_bunch)


def _texture(shape, side):
    """Return a shape (side, side) of pixels 1 and -1, and 0 outside."""
    r, c = np.indices((side, side))
    middle = (side - 1) / 2
    down, across = np.abs(r - middle), np.abs(c - middle)
    # From a side of 4 on, no texture put anywhere gives the filter of another class more than 0.6.
    stripe, inside = {
        "cross": (r + c, np.minimum(down, across) <= side / 6),
        "square": (r, np.ones((side, side), dtype=bool)),
        "disc": (c, down**2 + across**2 <= (side / 2) ** 2),
        "frame": ((r + c) // 2, np.maximum(down, across) > middle - side / 4),
        "triangle": (r // 2 + c // 2, c <= r),
    }[shape]
    return np.where(inside, 1.0 - 2.0 * (stripe % 2), 0.0)


def _drawn_background(rng, kind, shape):
    """Return images with values from -1 to 1."""
    if kind == "noise":
        return rng.uniform(-1, 1, shape)
    r, c = np.indices(shape[2:])[:, np.newaxis, np.newaxis]
    waves = np.zeros(shape)
    for _ in range(3):
        angle, length, phase = rng.uniform([[0], [0.2], [0]], [[np.pi], [1], [2 * np.pi]], (3, shape[0] * shape[1]))
        angle, length, phase = (a.reshape(*shape[:2], 1, 1) for a in (angle, length * max(shape[2:]), phase))
        waves += np.cos(2 * np.pi * (np.cos(angle) * r + np.sin(angle) * c) / length + phase)
    return waves / 3


def _drawn_corners(rng, n_samples, n_objects, places, side):
    """Return corners (n_samples, n_objects, 2) of squares that do not overlap, all free places being as likely."""
    r, c = np.indices(places).reshape(2, -1)
    free = np.ones((n_samples, len(r)), dtype=bool)
    corners = np.empty((n_samples, n_objects, 2), dtype=np.int64)
    for k in range(n_objects):
        chosen = np.where(free, rng.uniform(size=free.shape), -1.0).argmax(axis=1)
        corners[:, k] = np.column_stack([r[chosen], c[chosen]])
        free &= (np.abs(r - r[chosen, None]) >= side) | (np.abs(c - c[chosen, None]) >= side)
    return corners


def _put(images, corners, patches):
    """Write patches (n, side, side) into images (n, height, width) with their upper left pixels at the corners."""
    side = np.arange(patches.shape[1])
    rows = corners[:, 0, None, None] + side[:, None]
    columns = corners[:, 1, None, None] + side
    images[np.arange(len(images))[:, None, None], rows, columns] = patches


def _check_distractors(n_distractors, places, side):
    """Raise where drawn squares might leave no place for the last one."""
    # a square rules out the corners of those that would overlap it, in the middle of an image most of them
    ruled_out = min(2 * side - 1, places[0]) * min(2 * side - 1, places[1])
    most = (places[0] * places[1] - 1) // ruled_out
    why = (
        f", so that objects of {side} pixels find a place beside each other wherever they are; more need larger images"
    )
    checked_count(CALLER, "n_distractors", n_distractors, least=0, most=most, why=why)
