"""How the IoU of all units and concepts is drawn: colours, concepts of a category side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, finish_bar, inches_of, no_frame, shorten
from sklearn_xai.display._dissection_tables import concepts_of, largest_iou, short_concept
from sklearn_xai.display._heatmap import share_colors
from sklearn_xai.display._series import letters_in, size_that_fits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_xai.network.dissection import NetworkDissection

CELL = (0.27, 0.2)  # inches
BESIDE = 0.5  # cells between categories
MOST_INCHES = 14.0


def order_of_concepts(dissection: NetworkDissection) -> np.ndarray:
    """Return the concepts category by category, else in their own order."""
    _, first, categories = np.unique(
        np.asarray(dissection.concept_categories_, dtype=str), return_index=True, return_inverse=True
    )
    return np.argsort(first[categories], kind="stable")


def order_of_units(dissection: NetworkDissection, units: np.ndarray, concepts: np.ndarray) -> np.ndarray:
    """Return detectors before other units, both by their best concept and, of one concept, by their IoU."""
    place = np.argsort(concepts)
    best = place[dissection.iou_[units].argmax(axis=1)]
    other = ~np.isin(units, dissection.detectors_)
    return units[np.lexsort((-largest_iou(dissection)[units], best, other))]


def heatmap_size(dissection: NetworkDissection, units: np.ndarray) -> tuple[float, float]:
    """Return the inches of a figure of units by concepts."""
    n_gaps = BESIDE * (len(set(dissection.concept_categories_)) - 1)
    longest = max(len(short_concept(*pair)) for pair in concepts_of(dissection))
    wide = CELL[0] * (dissection.iou_.shape[1] + n_gaps) + 2.0
    return float(np.clip(wide, 4.6, MOST_INCHES)), CELL[1] * len(units) + 0.07 * min(longest, 24) + 1.2


def draw_iou(ax: Axes, dissection: NetworkDissection, units: np.ndarray, concepts: np.ndarray, **kwargs: Any) -> Any:
    """Draw the IoU of units and concepts, and a frame about each detector's concept; return the image of colours."""
    pairs = [concepts_of(dissection)[j] for j in concepts]
    new = np.array([a != b for (a, _), (b, _) in zip(pairs[1:], pairs[:-1], strict=True)], dtype=float)
    x = np.arange(len(pairs)) + BESIDE * np.concatenate([[0.0], np.cumsum(new)])
    values = dissection.iou_[np.ix_(units, concepts)]
    # Between categories there is a column of nothing.
    edges, colums = [x[0] - 0.5], []
    for j, place in enumerate(x):
        if j and place - x[j - 1] > 1:
            edges.append(place - 0.5)
            colums.append(np.full(len(units), np.nan))
        edges.append(place + 0.5)
        colums.append(values[:, j])
    style = {"cmap": share_colors(), "vmin": 0.0, "vmax": values.max() or 1.0, **kwargs}
    rows = np.arange(len(units) + 1) - 0.5
    mesh = ax.pcolormesh(edges, rows, np.ma.masked_invalid(np.stack(colums, axis=1)), **style)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(len(units) - 0.5, -0.5))
    _frame_detectors(ax, dissection, units, concepts, x)
    _scale(ax, mesh, dissection)
    _names(ax, dissection, units, pairs, x)
    return mesh


def _frame_detectors(ax: Axes, dissection: NetworkDissection, units: np.ndarray, concepts: np.ndarray, x: np.ndarray):
    from matplotlib.patches import Rectangle

    best = dissection.iou_.argmax(axis=1)
    for row, unit in enumerate(units):
        if unit in dissection.detectors_:
            corner = x[np.flatnonzero(concepts == best[unit])[0]] - 0.5, row - 0.5
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.3, zorder=3))


def _scale(ax: Axes, mesh: Any, dissection: NetworkDissection) -> None:
    bar = ax.figure.colorbar(mesh, ax=ax, fraction=0.04, pad=0.02, aspect=30)
    finish_bar(bar, "IoU of unit and concept")
    if mesh.norm.vmin < dissection.iou_threshold <= mesh.norm.vmax:
        bar.ax.axhline(dissection.iou_threshold, color=INK, linewidth=1.2, linestyle="--")


def _names(ax: Axes, dissection: NetworkDissection, units: np.ndarray, pairs: list[tuple[str, str]], x: np.ndarray):
    """Write units at the left, concepts below and their categories above."""
    width, height = inches_of(ax)
    across, down = size_that_fits(width, float(x[-1] + 1)), size_that_fits(height, len(units))
    ax.set_xticks(x, [shorten(short_concept(*pair), 24) for pair in pairs], rotation=90, fontsize=across, color=INK)
    ax.set_yticks(np.arange(len(units)), [shorten(dissection.unit_names_[k], 24) for k in units], color=INK)
    ax.tick_params(length=0)
    ax.tick_params(axis="y", labelsize=down)
    no_frame(ax)
    names = [category for category, _ in pairs]
    for category in dict.fromkeys(names):
        inside = [j for j, name in enumerate(names) if name == category]
        cells = (x[inside[-1]] - x[inside[0]] + 1 + 0.6 * BESIDE) * width / (x[-1] + 1)
        text = shorten(category, max(3, letters_in(0.94 * cells)))
        style: dict[str, Any] = {"fontsize": ANNOTATION_SIZE, "color": INK, "fontweight": "bold"}
        ax.text(x[inside[0]] - 0.5, -0.7, text, ha="left", va="bottom", **style)
