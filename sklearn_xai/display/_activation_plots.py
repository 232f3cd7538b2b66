"""How activations are drawn: maps, bars, units by places, and units over a whole set of rows."""

from __future__ import annotations

from itertools import pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    INK,
    MISSING,
    MUTED,
    NEUTRAL,
    clean,
    inches_of,
    make_room,
    no_frame,
    number_text,
    set_rows,
    shorten,
    span_around,
    value_text,
    write_beside,
)
from sklearn_xai.display._heatmap import agreement_colors, share_colors
from sklearn_xai.display._image_plots import GAP_INCHES, LINE_INCHES, blank, cell_in, color_bar, draw_picture
from sklearn_xai.display._series import PALETTE, letters_in, size_that_fits
from sklearn_xai.display._signed_scale import SignedScale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = 0.95  # inches
TITLE = LINE_INCHES + 0.04
IMAGE_SHARE = 1.7  # the image is so many cells wide
STRIP = 0.09  # inches of the strip of classes
SUMMARY = 0.55  # inches of the bars above a set of rows
BELOW = 0.42  # inches for the names of units
QUANTITIES = {
    "max": "activation as a share of each unit's largest absolute one",
    "standard": "activation in standard deviations from each unit's mean",
}


def scale_of(values: np.ndarray) -> tuple[Any, str]:
    """Return the colours of activations, white at 0, and at which end of the scale some lie beyond."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = SignedScale.of(values)
    if values.min(initial=0.0) < 0:
        return ScalarMappable(Normalize(-scale.limit, scale.limit), agreement_colors()), scale.extend
    return ScalarMappable(Normalize(0, scale.limit), share_colors()), "max" if scale.extend == "both" else "neither"


def grid_shape(n: int) -> tuple[int, int]:
    """Return the numbers of rows and columns of a grid wider than high that leaves few places empty.

    Examples
    --------
    >>> from sklearn_xai.display._activation_plots import grid_shape
    >>> grid_shape(8), grid_shape(16), grid_shape(1)
    ((2, 4), (3, 6), (1, 1))
    """

    def badness(n_rows: int) -> float:
        n_columns = -(-n // n_rows)
        return (n_rows * n_columns - n) / n + abs(np.log(n_columns / (1.7 * n_rows)))

    n_rows = min(range(1, n + 1), key=badness)
    return n_rows, -(-n // n_rows)


def sides_of(shape: tuple[int, ...], cell: float) -> tuple[float, float]:
    """Return the width and height in inches of an image of a shape whose longer side is a cell."""
    height, width = shape[-2:]
    return cell * max(0.2, min(1.0, width / height)), cell * max(0.2, min(1.0, height / width))


# ---------------------------------------------------------------------- one row
def maps_size(maps: np.ndarray) -> tuple[float, float]:
    """Return the inches of a figure of an image and its maps."""
    n_rows, n_columns = grid_shape(len(maps))
    width, height = sides_of(maps.shape, CELL)
    image = IMAGE_SHARE * max(width, height) + GAP_INCHES
    wide = image + n_columns * (width + GAP_INCHES) + 1.1
    return max(wide, 3.8), max(n_rows * (height + TITLE + GAP_INCHES), image + TITLE) + 0.4


def draw_maps(
    ax: Axes, maps: np.ndarray, titles: list[str], picture: np.ndarray | None, quantity: str, **kwargs: Any
) -> np.ndarray:
    """Draw an image, where there is one, and right of it the maps of units under one scale of colours.

    Return the axes, that of the image first.
    """
    shown, extend = scale_of(maps)
    blank(ax)
    color_bar(ax, shown, quantity, extend)
    width, height = inches_of(ax)
    n_rows, n_columns = grid_shape(len(maps))
    share = 0.0 if picture is None else IMAGE_SHARE
    cell_width, cell_height = (width + GAP_INCHES) / (n_columns + share), (height + GAP_INCHES) / n_rows
    # No higher than the maps are: what is left stays below them.
    cell_height = min(cell_height, sides_of(maps.shape, cell_width - GAP_INCHES)[1] + TITLE + GAP_INCHES)
    left, cells = share * cell_width, []
    if picture is not None:
        side = left - GAP_INCHES
        box = (0.0, max(0.0, height - TITLE - side), side, min(side, height - TITLE))
        cells.append(cell_in(ax, box, (width, height)))
        draw_picture(cells[0], picture)
        _head(cells[0], "the row", side)
    style = {"norm": shown.norm, "cmap": shown.cmap, "interpolation": "nearest", **kwargs}
    for i, values in enumerate(maps):
        row, column = divmod(i, n_columns)
        bottom = height - (row + 1) * cell_height + GAP_INCHES
        box = (left + column * cell_width, bottom, cell_width - GAP_INCHES, cell_height - TITLE - GAP_INCHES)
        cells.append(cell_in(ax, box, (width, height)))
        cells[-1].imshow(values, **style)
        _head(cells[-1], titles[i], cell_width)
    return np.array(cells, dtype=object)


def _head(cell: Axes, title: str, inches: float) -> None:
    text = shorten(title, max(6, letters_in(inches)))
    cell.set_title(text, fontsize=ANNOTATION_SIZE, color=INK, pad=3, loc="left")


def draw_bars(ax: Axes, values: np.ndarray, names: list[str], quantity: str, **kwargs: Any) -> None:
    """Draw a bar for each unit, the first at the top."""
    y = np.arange(len(values))[::-1]
    ax.barh(y, values, **{"height": 0.62, "color": NEUTRAL, **kwargs})
    set_rows(ax, names[::-1])
    clean(ax)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_xlim(*span_around(np.append(values, 0.0)))
    ax.set_xlabel(quantity, loc="left", fontsize=ANNOTATION_SIZE, color=INK)
    pairs = zip(values.tolist(), y.tolist(), strict=True)
    make_room(ax, [write_beside(ax, value, place, number_text(value), left=value < 0) for value, place in pairs])


def draw_places(ax: Axes, values: np.ndarray, names: list[str], words: list[str], quantity: str, **kwargs: Any) -> None:
    """Draw units by places, such as the tokens of a text, as colours."""
    shown, extend = scale_of(values)
    style = {"norm": shown.norm, "cmap": shown.cmap, "interpolation": "nearest", "aspect": "auto", **kwargs}
    ax.imshow(values, **style)
    plain(ax)
    ax.set_yticks(np.arange(len(names)), names)
    if words:
        color_bar(ax, shown, quantity, extend)
        size = size_that_fits(inches_of(ax)[0], len(words))
        ax.set_xticks(np.arange(len(words)), [shorten(word, 16) for word in words], rotation=90, fontsize=size)
    else:
        ax.locator_params(axis="x", integer=True)
        ax.set_xlabel("place", loc="left", fontsize=ANNOTATION_SIZE, color=INK)
        color_bar(ax, shown, quantity, extend)


def plain(ax: Axes) -> None:
    """Take away the frame and the marks of the ticks."""
    ax.tick_params(length=0, labelsize=ANNOTATION_SIZE, labelcolor=INK)
    no_frame(ax)


# ---------------------------------------------------------------------- a whole set
def units_size(n_rows: int, n_units: int, labels: np.ndarray | None) -> tuple[float, float]:
    """Return the inches of a figure of units over a set of rows."""
    wide = float(np.clip(0.24 * n_units, 3.4, 9.0)) + _left_of_rows(labels) + 1.0
    return wide, float(np.clip(0.012 * n_rows, 1.8, 3.6)) + 2 * (SUMMARY + GAP_INCHES) + BELOW + 0.4


def _left_of_rows(labels: np.ndarray | None) -> float:
    names = ["rows where"] if labels is None else ["rows where", *map(_label, np.unique(labels))]
    return 0.3 + 0.068 * min(20, max(map(len, names)))


def draw_units(
    ax: Axes,
    values: np.ndarray,
    units: np.ndarray,
    labels: np.ndarray | None,
    summary: tuple[np.ndarray, np.ndarray],
    scaling: str,
    **kwargs: Any,
) -> tuple[Axes, Axes, Axes]:
    """Draw scaled activations, rows by units, with the mean and the share of zeros of each unit above.

    Return the axes of the three.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    limit, extend = (3.0, "both") if scaling == "standard" else (1.0, "neither")
    shown = ScalarMappable(Normalize(-limit if values.min() < 0 else 0.0, limit), scale_of(values)[0].cmap)
    blank(ax)
    color_bar(ax, shown, QUANTITIES[scaling], extend)
    width, height = size = inches_of(ax)
    left = min(_left_of_rows(labels), 0.4 * width)
    summed = min(SUMMARY, 0.15 * height)
    high = height - 2 * (summed + GAP_INCHES) - BELOW
    heat = cell_in(ax, (left, BELOW, width - left, high), size)
    style = {"norm": shown.norm, "cmap": shown.cmap, "interpolation": "nearest", "aspect": "auto", **kwargs}
    heat.imshow(values, **style)
    plain(heat)
    letters = 72 * (width - left) / len(units)
    upright = len(str(units.max())) * 0.65 * ANNOTATION_SIZE > letters
    font = size_that_fits(width - left, len(units)) if upright else ANNOTATION_SIZE
    heat.set_xticks(np.arange(len(units)), [str(unit) for unit in units], rotation=90 * upright, fontsize=font)
    heat.set_xlabel("unit", fontsize=ANNOTATION_SIZE, labelpad=2)
    _mark_rows(heat, labels, len(values), (width - left, high))

    means, zeros = summary
    bottom = BELOW + high + GAP_INCHES
    first = _summary(ax, (left, bottom, width - left, summed), size, means, "mean\nactivation", NEUTRAL)
    first.axhline(0, color=INK, linewidth=0.6)
    first.set_ylim(*span_around(np.append(means, 0.0), share=0.06))
    first.locator_params(axis="y", nbins=3)
    bottom += summed + GAP_INCHES
    second = _summary(ax, (left, bottom, width - left, summed), size, 100 * zeros, "rows where\nit is 0", MUTED)
    second.set_ylim(0, 100)
    second.set_yticks([0, 100], ["0 %", "100 %"])
    return heat, first, second


def _summary(ax: Axes, box: Any, size: tuple[float, float], values: np.ndarray, label: str, color: str) -> Axes:
    strip = cell_in(ax, box, size)
    strip.bar(np.arange(len(values)), values, width=0.7, color=color)
    strip.set_xlim(-0.5, len(values) - 0.5)
    strip.yaxis.set_major_locator(_few_ticks())
    strip.tick_params(axis="y", labelsize=7.5, color=MISSING, labelcolor=INK)
    strip.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=ANNOTATION_SIZE, color=INK)
    for side in ("top", "right", "bottom"):
        strip.spines[side].set_visible(False)
    return strip


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=3)


def _mark_rows(heat: Axes, labels: np.ndarray | None, n_rows: int, size: tuple[float, float]) -> None:
    """Write what the rows are at the left: classes, in a strip of their colours, or numbers."""
    if labels is None:
        heat.set_yticks([])
        heat.set_ylabel("rows, similar ones together", fontsize=ANNOTATION_SIZE)
        return
    width, height = size
    strip = heat.inset_axes((-1.6 * STRIP / width, 0.0, STRIP / width, 1.0))
    strip.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(n_rows - 0.5, -0.5))
    no_frame(strip)
    heat.tick_params(axis="y", pad=72 * 2.0 * STRIP)
    if labels.dtype.kind == "f":
        strip.imshow(labels[:, None], cmap="viridis", aspect="auto", extent=(0.0, 1.0, n_rows - 0.5, -0.5))
        places = np.unique(np.linspace(0, n_rows - 1, 6).astype(int))
        heat.set_yticks(places, [_label(labels[place]) for place in places])
        heat.set_ylabel("y", fontsize=ANNOTATION_SIZE)
        return
    _mark_classes(heat, strip, labels, height)


def _label(value: Any) -> str:
    return value_text(value, 20)


def _mark_classes(heat: Axes, strip: Axes, labels: np.ndarray, inches: float) -> None:
    starts = np.concatenate([[0], np.flatnonzero(labels[1:] != labels[:-1]) + 1, [len(labels)]])
    places, names, last = [], [], -np.inf
    for k, (start, end) in enumerate(pairwise(starts.tolist())):
        strip.axhspan(start - 0.5, end - 0.5, color=PALETTE[k % len(PALETTE)], linewidth=0)
        if start:
            heat.axhline(start - 0.5, color="white", linewidth=1.5)
        middle = (start + end - 1) / 2
        # Names of classes with few rows would lie on each other.
        if (middle - last) * inches / len(labels) > 0.13:
            places.append(middle)
            names.append(_label(labels[start]))
            last = middle
    heat.set_yticks(places, names)
    heat.set_ylim(len(labels) - 0.5, -0.5)


def write_caption(ax: Axes, notes: list[str]) -> None:
    """Write below a picture what it leaves out and how it is scaled."""
    text = ax.get_xlabel()
    if notes:
        width = inches_of(ax)[0]
        notes_text = fill("; ".join(notes) + ".", max(40, letters_in(width)))
        text = f"{text}\n{notes_text}" if text else notes_text
        ax.set_xlabel(text, loc="left", fontsize=ANNOTATION_SIZE, color=INK)
