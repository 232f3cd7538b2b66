"""Players of images: squares of a grid, or regions that an array of labels marks, such as superpixels."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike


def image_groups(feature_groups: ArrayLike, shape: tuple[int, ...], caller: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the players of images: what is attributed to and removed as one, all channels together.

    Parameters
    ----------
    feature_groups : int or int array-like
        The side of the squares of a grid, in pixels; or the label of each pixel, shape (height, width).
    shape : tuple of int
        Shape of one image, (n_channels, height, width), or (n_channels, length).
    caller : str
        Class name for messages.

    Returns
    -------
    player_names : ndarray of shape (n_players,) of object
        "row0_column4" by the first pixel of a square, "region3" by label.
    members : list of int ndarray
        The cells of each player, of the flattened image.
    """
    pixels = shape[1:]
    if isinstance(feature_groups, Integral):
        places = np.meshgrid(*(np.arange(size) // feature_groups for size in pixels), indexing="ij")
        labels = np.ravel_multi_index(places, [-(-size // feature_groups) for size in pixels])
        firsts = [
            [int(axis[labels == label].min()) for axis in np.indices(pixels)] for label in range(labels.max() + 1)
        ]
        axes = ("row", "column") if len(pixels) == 2 else [f"axis{i}_" for i in range(len(pixels))]
        names = ["_".join(f"{axis}{at}" for axis, at in zip(axes, first, strict=True)) for first in firsts]
    else:
        labels = np.asarray(feature_groups) if not isinstance(feature_groups, (dict, str)) else np.empty(0)
        if labels.shape != pixels or labels.dtype.kind not in "iub":
            raise ValueError(
                f"The 'feature_groups' parameter of {caller} must be the side of squares in pixels or an array of "
                f"whole numbers of shape {pixels}, the label of each pixel, for images of shape {shape}. Got "
                f"{_described(feature_groups)}."
            )
        known, labels = np.unique(labels, return_inverse=True)
        labels = labels.reshape(pixels)
        names = [f"region{label}" for label in known]
    cells = np.broadcast_to(labels, shape).reshape(-1)
    return np.array(names, dtype=object), [np.flatnonzero(cells == label) for label in range(len(names))]


def _described(given):
    if isinstance(given, (dict, str)):
        return repr(given) if isinstance(given, str) else "a dict"
    array = np.asarray(given)
    return f"{array.dtype} of shape {array.shape}"
