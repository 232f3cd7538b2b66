"""A square of numbers as colours, with names on both sides: agreement of explainers, of folds, of refits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, MINUS, finish_bar, inches_of, no_frame, shorten
from sklearn_xai.display._series import SMALLEST_TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# Brown, white, teal: apart in lightness from white to both ends, and in hue for all common kinds of colour vision.
DISAGREE, NOTHING, AGREE = "#8C510A", "#FAFAFA", "#01546B"
UNKNOWN = "#DDDDDD"
CELL_INCHES = 0.34
ANNOTATION_SHARE = 0.29  # of a cell's width is the font size in which "-0.25" fits into it
SMALLEST_ANNOTATION = 6.0


def agreement_colors() -> Colormap:
    """Return the colours from -1 (brown) over 0 (white) to 1 (teal)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("agreement", [DISAGREE, NOTHING, AGREE], N=511)


def share_colors() -> Colormap:
    """Return the colours from 0 (white) to the largest number (teal)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("share", [NOTHING, AGREE], N=256)


def ink_on(color: Any) -> str:
    """Return black or white, whichever has more contrast with an RGB colour (by WCAG's relative luminance).

    Examples
    --------
    >>> from sklearn_xai.display._heatmap import ink_on
    >>> ink_on((1.0, 1.0, 0.8)), ink_on((0.0, 0.2, 0.4))
    ('#000000', '#ffffff')
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) ** 2 >= 1.05 * 0.05 else "#ffffff"


def clustered_order(matrix: np.ndarray) -> np.ndarray:
    """Return an order that puts next to each other what agrees (average linkage of 1 - agreement, optimal leaves).

    Of whom nothing is known comes last.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    apart = np.isfinite(matrix) & ~np.eye(len(matrix), dtype=bool)
    heard = (apart | apart.T).any(axis=1)
    inside, unknown = np.flatnonzero(heard), np.flatnonzero(~heard)
    if len(inside) < 3:
        return np.concatenate([inside, unknown])
    both = np.stack([matrix, matrix.T])[:, inside][:, :, inside]
    known = np.isfinite(both)
    counts = known.sum(axis=0)
    mean = np.where(known, both, 0.0).sum(axis=0) / np.maximum(counts, 1)
    # Where agreement is unknown, two are as far apart as can be.
    distance = np.where(counts > 0, 1.0 - mean, 2.0)
    np.fill_diagonal(distance, 0.0)
    distance = np.maximum(distance, 0.0)
    leaves = leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True))
    # Read from either end it is the same order: the end that was given first begins.
    return np.concatenate([inside[leaves if leaves[0] < leaves[-1] else leaves[::-1]], unknown])


def square_size(n_names: int, longest: int) -> tuple[float, float]:
    """Return the inches of a figure that holds `n_names` cells a side and names of `longest` letters."""
    side = max(2.2, CELL_INCHES * min(n_names, 12) + 0.26 * max(n_names - 12, 0))
    margin = 0.35 + 0.075 * min(longest, 28)
    return side + margin + 1.0, side + margin + 0.4


def draw_square(
    ax: Axes, matrix: np.ndarray, names: Sequence[str], label: str, annotate: bool | str, **kwargs: Any
) -> None:
    """Draw a matrix of agreements: one colour for each number, whatever the other numbers are.

    The scale reaches from 0 to 1, or from -1 when a number is negative. With `annotate` "auto" cells are written in
    when a readable number fits; what is unknown is grey, and "n/a" is written into it.
    """
    low = -1.0 if np.nanmin(np.append(matrix, 0.0)) < 0 else 0.0
    cmap = agreement_colors() if low else share_colors()
    style = {"cmap": cmap, "vmin": low, "vmax": 1.0, "interpolation": "nearest", "aspect": "auto", **kwargs}
    ax.set_facecolor(UNKNOWN)
    image = ax.imshow(np.ma.masked_invalid(matrix), **style)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03, aspect=25)
    unknown = " (grey: n/a)" if not np.isfinite(matrix).all() else ""
    finish_bar(bar, label + unknown)
    bar.locator = _tenths(low)
    bar.update_ticks()

    name_sides(ax, names)
    width, height = (72 * inches / len(matrix) for inches in inches_of(ax))
    size = min(ANNOTATION_SIZE, ANNOTATION_SHARE * width, 0.6 * height)
    if annotate is True or (annotate == "auto" and size >= SMALLEST_ANNOTATION):
        for (i, j), value in np.ndenumerate(matrix):
            text = f"{value:z.2f}".replace("-", MINUS) if np.isfinite(value) else "n/a"
            color = ink_on(np.ravel(image.cmap(image.norm(value)))) if np.isfinite(value) else "#555555"
            ax.text(j, i, text, ha="center", va="center", color=color, fontsize=size)


def _tenths(low: float) -> Any:
    from matplotlib.ticker import FixedLocator

    return FixedLocator([-1, -0.5, 0, 0.5, 1] if low else [0, 0.25, 0.5, 0.75, 1])


def name_sides(ax: Axes, names: Sequence[str]) -> None:
    """Write the names at the left and below, in a size that suits the cells."""
    n_names = len(names)
    width, height = inches_of(ax)
    size = float(np.clip(0.78 * min(width, height) * 72 / n_names, SMALLEST_TEXT, 9.0))
    letters = 28 if n_names <= 12 else 24
    texts = [shorten(name, letters) for name in names]
    upright = max(len(text) for text in texts) * 0.6 * size > 0.95 * width * 72 / n_names
    ax.set_xticks(np.arange(n_names), texts, rotation=90 if upright else 0, fontsize=size, color=INK)
    ax.set_yticks(np.arange(n_names), texts, fontsize=size, color=INK)
    ax.tick_params(length=0)
    no_frame(ax)
