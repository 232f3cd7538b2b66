"""How the regions of units are drawn: images in rows, dark where the unit is not above its threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, inches_of, number_text, shorten
from sklearn_xai.display._image_plots import (
    GAP_INCHES,
    LINE_INCHES,
    blank,
    cell_in,
    draw_picture,
    limits_of,
    picture_of,
)
from sklearn_xai.display._series import letters_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_xai.display._dissection_regions import TopImages

CELL = 1.15  # inches of the longer side of an image
LABEL = 1.75  # inches for what a unit is
DARK = 0.28  # of the brightness outside of regions is left
TITLE = LINE_INCHES + 0.04


def images_size(found: TopImages) -> tuple[float, float]:
    """Return the inches of a figure with a row of images for each unit."""
    n_units, n_top, height, width = found.regions.shape
    longer = max(height, width)
    cell = CELL * max(0.2, width / longer), CELL * max(0.2, height / longer)
    tall = max(cell[1] + TITLE, 4 * LINE_INCHES) + GAP_INCHES
    return max(LABEL + n_top * (max(cell[0], 0.8) + GAP_INCHES) + 0.2, 5.4), n_units * tall + 0.75


def draw_top_images(ax: Axes, found: TopImages, labels: list[list[str]], **kwargs: Any) -> np.ndarray:
    """Draw a row of images for each unit; return their axes, (n_units, n_top)."""
    blank(ax)
    width, height = inches_of(ax)
    n_units, n_top = found.rows.shape
    label = min(LABEL, 0.35 * width)
    cell_width, cell_height = (width - label) / n_top, height / n_units
    title = min(TITLE, 0.3 * cell_height)
    limits = limits_of(found.images)
    cells = np.empty((n_units, n_top), dtype=object)
    for k in range(n_units):
        top = height - k * cell_height - title
        tall = max(0.05, cell_height - title - GAP_INCHES)
        style: dict[str, Any] = {"va": "top", "ha": "left", "fontsize": ANNOTATION_SIZE, "color": INK}
        lines = lines_that_fit(labels[k], int((cell_height - title) / LINE_INCHES))
        text = "\n".join(shorten(line, letters_in(label)) for line in lines)
        ax.text(0, top / height, text, transform=ax.transAxes, linespacing=1.3, **style)
        for i in range(n_top):
            box = (label + i * cell_width, top - tall, cell_width - GAP_INCHES, tall)
            cells[k, i] = cell_in(ax, box, (width, height))
            _draw_region(cells[k, i], picture_of(found.images[k, i], limits), found.regions[k, i], **kwargs)
            head = f"row {found.rows[k, i]}: {number_text(found.activations[k, i])}"
            head = shorten(head, max(8, letters_in(cell_width)))
            cells[k, i].set_title(head, fontsize=ANNOTATION_SIZE - 1, color=INK, pad=2, loc="left")
    return cells


def lines_that_fit(lines: list[str], n: int) -> list[str]:
    """Return what a unit is in at most n lines, the last ones left out and the first two in one.

    Examples
    --------
    >>> from sklearn_xai.display._dissection_images import lines_that_fit
    >>> lines_that_fit(["unit 3", "red", "IoU 0.2", "threshold 1"], 2)
    ['unit 3: red', 'IoU 0.2']
    """
    if n >= 3:
        return lines[:n]
    return [f"{lines[0]}: {lines[1]}", *lines[2:]][: max(n, 1)]


def _draw_region(ax: Axes, picture: np.ndarray, region: np.ndarray, **kwargs: Any) -> None:
    """Draw a picture dark outside of a region, and the region's outline: white on black, seen on all colours."""
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import Normal, Stroke

    shade = np.where(region, 1.0, DARK)
    draw_picture(ax, picture * (shade if picture.ndim == 2 else shade[..., np.newaxis]))
    style = {"colors": "white", "linewidths": 0.9, "capstyle": "projecting", **kwargs}
    effects = [Stroke(linewidth=2.1, foreground="black"), Normal()]
    ax.add_collection(LineCollection(outline(region), path_effects=effects, **style), autolim=False)  # type: ignore[arg-type]


def outline(region: np.ndarray) -> np.ndarray:
    """Return the sides of pixels between a region and what is outside, (n_sides, 2, 2): from (x, y) to (x, y).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.display._dissection_images import outline
    >>> outline(np.array([[True]])).tolist()[0]
    [[-0.5, -0.5], [0.5, -0.5]]
    >>> len(outline(np.array([[True, True]])))
    6
    """
    inside = np.pad(region, 1)
    y, x = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])
    level = np.stack([np.stack([x, y], axis=1), np.stack([x + 1, y], axis=1)], axis=1)
    y, x = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])
    upright = np.stack([np.stack([x, y], axis=1), np.stack([x, y + 1], axis=1)], axis=1)
    return np.concatenate([level, upright]) - 0.5
