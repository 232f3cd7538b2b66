"""How inputs that excite units are drawn: images in a grid, rows of a table, texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._activation_plots import plain, sides_of
from sklearn_xai.display._common import ANNOTATION_SIZE, INK, inches_of, shorten, value_text
from sklearn_xai.display._heatmap import agreement_colors, ink_on
from sklearn_xai.display._image_plots import GAP_INCHES, LINE_INCHES, blank, cell_in, color_bar, draw_picture
from sklearn_xai.display._series import SMALLEST_TEXT, letters_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

CELL = 1.1  # inches of an image
NAME = 0.95  # inches for the names of units
LETTER = 0.068  # inches
ROW = 0.27  # inches of a row of a table
NAME_LETTERS = 30
NO_NUMBER = "#EEEEEE"
_TEXT: dict[str, Any] = {"fontsize": ANNOTATION_SIZE, "color": INK, "va": "bottom"}
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
    wide = NAME * any(block.name for block in blocks) + n * (max(width, 0.85) + GAP_INCHES)
    return max(wide, 3.4), len(blocks) * (height + LINES + GAP_INCHES) + 0.35


def _height_and_width(blocks: list[Block]) -> tuple[int, int]:
    return blocks[0].lines[0].shown.shape[:2]


def draw_image_rows(ax: Axes, blocks: list[Block]) -> np.ndarray:
    """Draw a row of images for each unit; return their axes, (n_units, n_images)."""
    blank(ax)
    width, height = inches_of(ax)
    n_columns = max(len(block.lines) for block in blocks)
    name = min(NAME, 0.25 * width) * any(block.name for block in blocks)
    cell_width, cell_height = (width - name) / n_columns, height / len(blocks)
    image_height = max(0.3 * cell_height, cell_height - LINES - GAP_INCHES)
    # No higher than the images are: what is left stays below them.
    image_height = min(image_height, sides_of(_height_and_width(blocks), cell_width - GAP_INCHES)[1])
    cell_height = min(cell_height, image_height + LINES + GAP_INCHES)
    cells = np.full((len(blocks), n_columns), None, dtype=object)
    for k, block in enumerate(blocks):
        top = height - k * cell_height - LINES
        for i, line in enumerate(block.lines):
            box = (name + i * cell_width, top - image_height, cell_width - GAP_INCHES, image_height)
            cells[k, i] = cell_in(ax, box, (width, height))
            draw_picture(cells[k, i], line.shown)
            text = "\n".join(shorten(part, max(6, letters_in(cell_width - 0.04))) for part in line.title)
            cells[k, i].set_title(text, fontsize=ANNOTATION_SIZE, color=INK, pad=3, loc="left", linespacing=1.1)
        _write(ax, 0.0, top / height, "\n".join(block.name))
    return cells


def _write(ax: Axes, x: float, y: float, text: str, **style: Any) -> Text:
    style = {"va": "top", "ha": "left", "fontsize": ANNOTATION_SIZE, "color": INK, "linespacing": 1.25, **style}
    return ax.text(x, y, text, transform=ax.transAxes, **style)


# ---------------------------------------------------------------------- tables
def table_size(blocks: list[Block], names: list[str]) -> tuple[float, float]:
    """Return the inches of a figure with a row of values for each input."""
    lines = sum(len(block.lines) + 1 for block in blocks)
    head = 0.5 * LETTER * min(max(map(len, names)), NAME_LETTERS)
    return 1.0 + titles_inches(blocks) + float(np.sum(_widths(blocks))), lines * ROW + head + 0.8


def titles_inches(blocks: list[Block]) -> float:
    """Return the inches that the names of inputs take, left of their rows."""
    return 0.3 + LETTER * max(len(line.title[0]) for block in blocks for line in block.lines)


def _widths(blocks: list[Block]) -> np.ndarray:
    """Return the inches that the values of each column need."""
    texts = [[value_text(value) for value in line.shown] for block in blocks for line in block.lines]
    letters = np.array([[len(text) for text in row] for row in texts]).max(axis=0)
    return np.maximum(0.42, LETTER * letters + 0.12)


def draw_table(ax: Axes, blocks: list[Block], names: list[str], **kwargs: Any) -> None:
    """Draw values of columns, coloured by how far they are from the mean."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shown = ScalarMappable(Normalize(-LIMIT, LIMIT), agreement_colors())
    n_lines = sum(len(block.lines) + 1 for block in blocks)
    deviations = np.full((n_lines, len(names)), np.nan)
    titles, texts, place = [], {}, 0
    for block in blocks:
        ax.text(0.0, place + 0.92, ", ".join(block.name), ha="left", fontweight="bold", **_TEXT)
        titles.append("")
        for i, line in enumerate(block.lines, start=place + 1):
            deviations[i] = line.deviations
            titles.append(line.title[0])
            texts[i] = [value_text(value) for value in line.shown]
        place += len(block.lines) + 1
    beyond = bool((np.abs(deviations[np.isfinite(deviations)]) > LIMIT).any())
    edges = np.concatenate([[0.0], np.cumsum(_widths(blocks))])
    style = {"norm": shown.norm, "cmap": shown.cmap, "edgecolors": "white", "linewidth": 0.8, **kwargs}
    ax.pcolormesh(edges, np.arange(n_lines + 1), np.ma.masked_invalid(deviations), **style)
    ax.set(xlim=(0, edges[-1]), ylim=(n_lines, 0))
    plain(ax)
    ax.set_yticks(np.arange(n_lines) + 0.5, titles)
    ax.xaxis.tick_top()
    ax.set_xticks((edges[1:] + edges[:-1]) / 2, [shorten(name, NAME_LETTERS) for name in names])
    ax.tick_params(length=0)
    _turn_names(ax, np.diff(edges))
    color_bar(ax, shown, DEVIATIONS, "both" if beyond else "neither")
    _write_cells(ax, deviations, texts, edges, shown)


def _turn_names(ax: Axes, widths: np.ndarray) -> None:
    """Write the names of columns aslant where they do not fit above them."""
    labels = ax.get_xticklabels()
    if any(len(label.get_text()) * LETTER > width for label, width in zip(labels, widths, strict=True)):
        for label in labels:
            label.set(ha="left", rotation=35, rotation_mode="anchor")


def _write_cells(ax: Axes, deviations: np.ndarray, texts: dict[int, list[str]], edges: np.ndarray, shown: Any) -> None:
    from matplotlib.patches import Rectangle

    width, height = inches_of(ax)
    size = min(ANNOTATION_SIZE, ANNOTATION_SIZE * width / edges[-1], 0.75 * 72 * height / len(deviations))
    for row, line in texts.items():
        for j, text in enumerate(line):
            value, middle = deviations[row, j], (edges[j] + edges[j + 1]) / 2
            known = bool(np.isfinite(value))
            if not known:
                corner, wide = (edges[j], row), edges[j + 1] - edges[j]
                ax.add_patch(Rectangle(corner, wide, 1, facecolor=NO_NUMBER, edgecolor="white", linewidth=0.8))
            color = ink_on(shown.to_rgba(value)) if known else INK
            if size >= SMALLEST_TEXT:
                ax.text(middle, row + 0.5, text, ha="center", va="center", fontsize=size, color=color)


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
    left = titles_inches(blocks) / width
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
