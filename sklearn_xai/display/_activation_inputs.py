"""How inputs that excite units are drawn: images in a grid, rows of a table, texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._activation_plots import plain, sides_of
from sklearn_xai.display._common import ANNOTATION_SIZE, INK, inches_of, shorten, value_text
from sklearn_xai.display._heatmap import UNKNOWN, agreement_colors, ink_on
from sklearn_xai.display._image_plots import GAP_INCHES, LINE_INCHES, blank, cell_in, color_bar, draw_picture
from sklearn_xai.display._series import SMALLEST_TEXT, letters_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

CELL = 1.0  # inches of an image
NAME = 0.95  # inches for the names of units
LETTER = 0.068  # inches
ROW = 0.27  # inches of a row of a table
LIMIT = 3.0  # standard deviations at which colours are full
LINES = 2 * LINE_INCHES + 0.06
DEVIATIONS = "standard deviations from the mean of X"


@dataclass
class Line:
    """One input of a unit: what is written of it, and the input as a picture, as values of columns or as words."""

    title: list[str]
    shown: Any
    deviations: np.ndarray | None = None


@dataclass
class Block:
    """A unit: its name, and its inputs, the strongest first."""

    name: list[str]
    lines: list[Line]


# ---------------------------------------------------------------------- images
def images_size(blocks: list[Block]) -> tuple[float, float]:
    """Return the inches of a figure with a row of images for each unit."""
    width, height = sides_of(_height_and_width(blocks), CELL)
    n = max(len(block.lines) for block in blocks)
    return max(NAME + n * (max(width, 0.75) + GAP_INCHES), 4.2), len(blocks) * (height + LINES + GAP_INCHES) + 0.75


def _height_and_width(blocks: list[Block]) -> tuple[int, int]:
    return blocks[0].lines[0].shown.shape[:2]


def draw_image_rows(ax: Axes, blocks: list[Block]) -> np.ndarray:
    """Draw a row of images for each unit; return their axes, (n_units, n_images)."""
    blank(ax)
    width, height = inches_of(ax)
    n_columns = max(len(block.lines) for block in blocks)
    name = min(NAME, 0.25 * width)
    cell_width, cell_height = (width - name) / n_columns, height / len(blocks)
    image_height = max(0.3 * cell_height, cell_height - LINES - GAP_INCHES)
    cells = np.full((len(blocks), n_columns), None, dtype=object)
    for k, block in enumerate(blocks):
        top = height - k * cell_height - LINES
        for i, line in enumerate(block.lines):
            box = (name + i * cell_width, top - image_height, cell_width - GAP_INCHES, image_height)
            cells[k, i] = cell_in(ax, box, (width, height))
            draw_picture(cells[k, i], line.shown)
            text = "\n".join(shorten(part, max(6, letters_in(cell_width))) for part in line.title)
            cells[k, i].set_title(text, fontsize=ANNOTATION_SIZE, color=INK, pad=3, loc="left", linespacing=1.1)
        _write(ax, 0.0, top / height, "\n".join(block.name))
    return cells


def _write(ax: Axes, x: float, y: float, text: str, **style: Any) -> Text:
    style = {"va": "top", "ha": "left", "fontsize": ANNOTATION_SIZE, "color": INK, "linespacing": 1.25, **style}
    return ax.text(x, y, text, transform=ax.transAxes, **style)


# ---------------------------------------------------------------------- tables
def table_size(blocks: list[Block], names: list[str]) -> tuple[float, float]:
    """Return the inches of a figure with a row of values for each input."""
    texts = max(_width(blocks), 0.5)
    lines = sum(len(block.lines) + 1 for block in blocks)
    titles = max(len(line.title[0]) for block in blocks for line in block.lines)
    head = LETTER * min(max(map(len, names)), 24) * 0.8
    return 1.3 + LETTER * titles + texts * len(names), lines * ROW + head + 0.9


def _width(blocks: list[Block]) -> float:
    texts = [value_text(value) for block in blocks for line in block.lines for value in line.shown]
    return LETTER * max(map(len, texts)) + 0.12


def draw_table(ax: Axes, blocks: list[Block], names: list[str], **kwargs: Any) -> np.ndarray:
    """Draw values of columns, coloured by how far they are from the mean; return the deviations that are drawn."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shown = ScalarMappable(Normalize(-LIMIT, LIMIT), agreement_colors())
    n_lines = sum(len(block.lines) + 1 for block in blocks)
    deviations = np.full((n_lines, len(names)), np.nan)
    titles, texts, heads, place = [], {}, [], 0
    for block in blocks:
        heads.append((place, ", ".join(block.name)))
        titles.append("")
        for i, line in enumerate(block.lines, start=place + 1):
            assert line.deviations is not None  # of tables there are
            deviations[i] = line.deviations
            titles.append(line.title[0])
            texts[i] = [value_text(value) for value in line.shown]
        place += len(block.lines) + 1
    beyond = bool((np.abs(deviations[np.isfinite(deviations)]) > LIMIT).any())
    style = {"norm": shown.norm, "cmap": shown.cmap, "interpolation": "nearest", "aspect": "auto", **kwargs}
    ax.imshow(np.ma.masked_invalid(deviations), **style)
    plain(ax)
    ax.set_yticks(np.arange(n_lines), titles)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(len(names)), [shorten(name, 24) for name in names])
    color_bar(ax, shown, DEVIATIONS, "both" if beyond else "neither")
    _write_cells(ax, deviations, texts, shown)
    for row, head in heads:
        ax.text(-0.5, row + 0.42, head, va="bottom", ha="left", fontsize=ANNOTATION_SIZE, color=INK, fontweight="bold")
    return deviations


def _write_cells(ax: Axes, deviations: np.ndarray, texts: dict[int, list[str]], shown: Any) -> None:
    width, height = inches_of(ax)
    cell, longest = width / deviations.shape[1], max(len(text) for row in texts.values() for text in row)
    if max(len(text.get_text()) for text in ax.get_xticklabels()) * LETTER > cell:
        ax.tick_params(axis="x", labelrotation=40)
        for label in ax.get_xticklabels():
            label.set(ha="left", rotation_mode="anchor")
        width, height = inches_of(ax)
        cell = width / deviations.shape[1]
    size = min(ANNOTATION_SIZE, 72 * (cell - 0.06) / (0.6 * longest), 0.75 * 72 * height / len(deviations))
    if size < SMALLEST_TEXT:
        return
    for row, line in texts.items():
        for j, text in enumerate(line):
            value = deviations[row, j]
            color = ink_on(shown.to_rgba(value)) if np.isfinite(value) else INK
            if not np.isfinite(value):
                edges = (j - 0.5, row - 0.5)
                ax.add_patch(_rectangle(edges))
            ax.text(j, row, text, ha="center", va="center", fontsize=size, color=color)


def _rectangle(corner: tuple[float, float]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, facecolor=UNKNOWN, alpha=0.45, linewidth=0)


# ---------------------------------------------------------------------- texts
def texts_size(blocks: list[Block]) -> tuple[float, float]:
    """Return the inches of a figure with a line for each text."""
    return 8.5, sum(len(block.lines) + 1.6 for block in blocks) * 0.2 + 0.7


def draw_texts(ax: Axes, blocks: list[Block]) -> list[list[Text]]:
    """Write a line of words for each text; return them."""
    blank(ax)
    width, height = inches_of(ax)
    n_lines = sum(len(block.lines) + 1.6 for block in blocks)
    step = min(0.2, height / n_lines) / height
    titles = max(len(line.title[0]) for block in blocks for line in block.lines)
    left = (LETTER * titles + 0.15) / width
    y = 1.0
    written: list[list[Text]] = []
    for block in blocks:
        _write(ax, 0.0, y, ", ".join(block.name), fontweight="bold")
        y -= step
        written.append([])
        for line in block.lines:
            _write(ax, 0.0, y, line.title[0])
            text = shorten(line.shown, max(10, letters_in(width * (1 - left))))
            written[-1].append(_write(ax, left, y, text))
            y -= step
        y -= 0.6 * step
    return written
