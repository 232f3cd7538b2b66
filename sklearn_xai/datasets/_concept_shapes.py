"""What objects of concept images are made of: colours, textures, shapes and their parts."""

from __future__ import annotations

import math

import numpy as np

COLOURS = {
    "red": (0.9, 0.1, 0.1),
    "green": (0.1, 0.7, 0.1),
    "blue": (0.2, 0.2, 0.95),
    "yellow": (0.95, 0.9, 0.1),
    "magenta": (0.9, 0.1, 0.85),
    "cyan": (0.1, 0.85, 0.9),
    "orange": (1.0, 0.5, 0.0),
}
TEXTURES = ("plain", "rows", "columns", "diagonal", "checked", "dotted")
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
PARTS = ("corner", "edge", "core", "top", "bottom")
# of the brightness of a colour, where a texture is dark
DARK = 0.55
# a ring's hole and a cross's arms, of half of the object's side
HOLE, ARM = 0.5, 1 / 3
# how far the corners and the core of an object reach, of half of its side
CORNER, CORE = 0.4, 0.5
# where its outer thirds begin
THIRD = 1 / 3

_CORNERS = {
    "square": [(-1, -1), (-1, 1), (1, -1), (1, 1)],
    "triangle": [(-1, 0), (1, -1), (1, 1)],
    "diamond": [(-1, 0), (0, -1), (0, 1), (1, 0)],
    "cross": [(a, s * b) for s in (-1, 1) for a, b in [(-1, ARM), (-ARM, 1), (ARM, 1), (1, ARM)]],
}


def shape_mask(shape, u, v):
    """Return where a shape is, given how far pixels are below and right of its middle, in halves of its side."""
    down, across = np.abs(u), np.abs(v)
    if shape in ("circle", "ring"):
        squared = u**2 + v**2
        return (squared <= 1) & (squared >= HOLE**2) if shape == "ring" else squared <= 1
    if shape == "triangle":
        return (across <= (u + 1) / 2) & (down <= 1)
    if shape == "diamond":
        return down + across <= 1
    box = np.maximum(down, across) <= 1
    return box & (np.minimum(down, across) <= ARM) if shape == "cross" else box


def part_mask(part, shape, inside, u, v, width):
    """Return where a part of an object is, whose shape is the mask ``inside``; ``width`` is that of its edge."""
    if part == "corner":
        near = np.zeros(inside.shape, dtype=bool)
        for a, b in _CORNERS.get(shape, ()):
            near |= (u - a) ** 2 + (v - b) ** 2 <= CORNER**2
        return inside & near
    if part == "edge":
        return inside & ~_shrunk(inside, width)
    if part == "core":
        return inside & (u**2 + v**2 < CORE**2)
    return inside & (u < -THIRD if part == "top" else u > THIRD)


def texture_dark(texture, down, right, width):
    """Return where a texture is dark, given how many pixels it is below and right of the object's upper left corner."""
    row, column = down // width, right // width
    if texture == "dotted":
        return (row % 2 == 1) & (column % 2 == 1)
    stripe = {
        "plain": 0 * (row + column),
        "rows": row + 0 * column,
        "columns": column + 0 * row,
        # as wide as the others are; at a width of 1 it would otherwise be the same as checked
        "diagonal": (down + right) // math.ceil(math.sqrt(2) * width),
        "checked": row + column,
    }[texture]
    return stripe % 2 == 1


def _shrunk(masks, width):
    """Return what is left of masks (n, height, width) without the pixels next to others, so many times."""
    for _ in range(width):
        held = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
        masks = masks & held[:, :-2, 1:-1] & held[:, 2:, 1:-1] & held[:, 1:-1, :-2] & held[:, 1:-1, 2:]
    return masks
