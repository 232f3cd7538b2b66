"""Words beside some of many points, placed so that none covers another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, MISSING, lay_out, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

# Where a word may stand: (x, y) of its nearest point from the marker in units of the distance, and how it is aligned.
_SIDES = (
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (0.7, 0.7, "left", "bottom"),
    (-0.7, 0.7, "right", "bottom"),
    (0.7, -0.7, "left", "top"),
    (-0.7, -0.7, "right", "top"),
)
_NEAR = 5.0  # points between a marker and its word
_DISTANCES = (_NEAR, 14.0, 26.0, 42.0)


def farthest_apart(points: np.ndarray, n: int) -> np.ndarray:
    """Return n points far apart: the one farthest from the middle, then each the farthest from all before.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.display._projection_words import farthest_apart
    >>> farthest_apart(np.array([[0.0, 0], [1, 0], [9, 0], [5, 0]]), 3).tolist()
    [2, 0, 3]
    """
    if n < 1:
        return np.empty(0, dtype=int)
    at = int(np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1)))
    chosen, nearest = [at], ((points - points[at]) ** 2).sum(axis=1)
    while len(chosen) < min(n, len(points)) and nearest.max() > 0:
        at = int(np.argmax(nearest))
        chosen.append(at)
        nearest = np.minimum(nearest, ((points - points[at]) ** 2).sum(axis=1))
    return np.array(chosen, dtype=int)


def write_words(
    ax: Axes, points: np.ndarray, words: list[str], chosen: np.ndarray, *, all_of_them: bool
) -> list[Annotation]:
    """Write the words of the chosen points beside these.

    A word for which there is no room is left out, or with `all_of_them` put where it covers least. Call it when nothing
    else changes the limits or the size of the axes.
    """
    from matplotlib.text import Text

    lay_out(ax)
    ax.apply_aspect()  # where no layout engine did
    figure = ax.figure.canvas.figure
    per_point = figure.dpi / 72
    anchors = ax.transData.transform(points[chosen])
    inside = np.array([ax.bbox.x0, ax.bbox.y0, ax.bbox.x1, ax.bbox.y1])
    # No word may hide the marker of another.
    taken = [np.array([x - 3, y - 3, x + 3, y + 3]) for x, y in anchors]
    written = []
    for i, row in enumerate(chosen):
        text = shorten(words[row], 24)
        word = _annotation(ax, text, points[row])
        extent = Text.get_window_extent(word)  # an annotation's own includes its line
        size = np.array([extent.width, extent.height]) + 2
        best, least = None, np.inf
        for distance in _DISTANCES:
            for side in _SIDES:
                box = _box(anchors[i], size, distance * per_point, side)
                cost = sum(_common_area(box, other) for k, other in enumerate(taken) if k != i) + 3 * _outside(
                    box, inside
                )
                if cost < least:
                    best, least = (distance, side, box), cost
            if least == 0:
                break
        if best is None or (least > 0 and not all_of_them):
            word.remove()
            continue
        _put(word, best[0], best[1])
        taken.append(best[2])
        written.append(word)
    return written


def _annotation(ax: Axes, text: str, point: np.ndarray) -> Annotation:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.2, foreground=ax.get_facecolor())]
    line: dict[str, Any] = {"arrowstyle": "-", "color": MISSING, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 2}
    return ax.annotate(
        text,
        (float(point[0]), float(point[1])),
        (0, 0),
        textcoords="offset points",
        fontsize=ANNOTATION_SIZE,
        color=INK,
        path_effects=halo,
        arrowprops=line,
        zorder=5,
    )


def _put(word: Annotation, distance: float, side: tuple[float, float, str, str]) -> None:
    dx, dy, horizontal, vertical = side
    word.set_position((dx * distance, dy * distance))
    word.set(ha=horizontal, va=vertical)
    if distance == _NEAR and word.arrow_patch is not None:
        word.arrow_patch.set_visible(False)


def _box(anchor: np.ndarray, size: np.ndarray, distance: float, side: tuple[float, float, str, str]) -> np.ndarray:
    """Return the pixels (left, bottom, right, top) that a word would take."""
    dx, dy, horizontal, vertical = side
    x, y = anchor + distance * np.array([dx, dy])
    left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[horizontal] * size[0]
    bottom = y - {"bottom": 0.0, "center": 0.5, "top": 1.0}[vertical] * size[1]
    return np.array([left, bottom, left + size[0], bottom + size[1]])


def _common_area(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return float(width * height) if width > 0 and height > 0 else 0.0


def _outside(box: np.ndarray, inside: np.ndarray) -> float:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return float(area - _common_area(box, inside))
