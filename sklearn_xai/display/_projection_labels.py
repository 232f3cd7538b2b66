"""What is written around points in a plane: how they came there, and how far they can be trusted."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, GRID, INK, MISSING, inches_of, shorten
from sklearn_xai.network._projections import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP", "opentsne": "t-SNE (openTSNE)"}
AXES = {**NAMES, "opentsne": "t-SNE"}
CHARACTER = 4.5  # mean width of one of ANNOTATION_SIZE, in points


class ProjectionLabels:
    """Mixin: title, axes and the numbers above the points."""

    projection_: np.ndarray
    method: str
    trustworthiness_: float | None
    continuity_: float | None
    variance_share_: float | None
    explained_variance_ratio_: np.ndarray | None
    n_neighbors: int | None
    words: list[Any] | None
    n_rows: int
    settings: list[str]
    name: str | None

    def _label(self, ax: Axes) -> None:
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        for side in ("bottom", "left"):
            ax.spines[side].set_color(MISSING)
        ax.tick_params(color=MISSING, labelcolor=INK)
        ax.margins(0.12 if self.words is not None else 0.05)
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_xlabel(self._axis_name(0), color=INK)
        ax.set_ylabel(self._axis_name(1), color=INK)
        if self.method == "pca":
            ax.set_ylabel(self._axis_name(1).replace(" (", "\n("))  # low axes have no room for it in one line
            ax.grid(color=GRID, linewidth=0.8)
            ax.set_axisbelow(True)
        else:  # neither zero nor the lengths mean anything
            ax.set_xticks([])
            ax.set_yticks([])

    def _head(self, ax: Axes, *, own_figure: bool) -> None:
        """Write the title and, below it in as many lines as they need, the numbers."""
        inches = inches_of(ax)[0]
        if own_figure:  # there is nothing right of the axes but their legend, which begins lower
            figure = ax.figure.canvas.figure
            inches = (figure.bbox.x1 - ax.bbox.x0) / figure.dpi - 0.1
        width = max(20, int(72 * inches / CHARACTER))
        lines = [*packed(self._how(), "; ", width), *packed(self._measures(), ", ", width)]
        height = 1.25 * ANNOTATION_SIZE * len(lines)
        title = "" if self.name is None else shorten(self.name, max(12, int(0.8 * width)))
        ax.set_title(title, loc="left", fontsize="medium", color=INK, pad=9 + height)
        ax.annotate(
            "\n".join(lines),
            (0, 1),
            (0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=ANNOTATION_SIZE,
            color=INK,
            va="bottom",
            annotation_clip=False,
        )
        _make_room_above(ax)

    def _axis_name(self, i: int) -> str:
        if self.method != "pca":
            return f"{AXES[self.method]} axis {i + 1} (no unit)"
        ratio = self.explained_variance_ratio_
        share = "" if ratio is None else f" ({percent(ratio[i])} of the variance)"
        return f"principal component {i + 1}{share}"

    def _how(self) -> list[str]:
        """Return how the points came there."""
        n = len(self.projection_)
        things = "rows" if self.words is None else "words"
        drawn = f"{n:,} {things}" if n == self.n_rows else f"{n:,} of {self.n_rows:,} {things}, drawn at random"
        return [f"{NAMES[self.method]} of {drawn}", *self.settings]

    def _measures(self) -> list[str]:
        """Return what the picture keeps of the rows."""
        parts = []
        if self.trustworthiness_ is not None:
            parts.append(f"trustworthiness {self.trustworthiness_:.3f}")
        if self.continuity_ is not None:
            near = "" if self.n_neighbors is None else f" ({self.n_neighbors} nearest)"
            parts.append(f"continuity {self.continuity_:.3f}{near}")
        if self.variance_share_ is not None:
            linear = "of the variance" if self.method == "pca" else "of the variance is linear in the axes"
            parts.append(f"{percent(self.variance_share_)} {linear}")
        return parts


def packed(parts: list[str], between: str, width: int) -> list[str]:
    """Return parts in lines of at most `width` characters, a part in several only where it is longer.

    Examples
    --------
    >>> from sklearn_xai.display._projection_labels import packed
    >>> packed(["one", "two", "three"], ", ", 10)
    ['one, two', 'three']
    """
    lines: list[str] = []
    for part in (piece for whole in parts for piece in wrap(whole, width)):
        joined = f"{lines[-1]}{between}{part}" if lines else part
        if lines and len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def _make_room_above(ax: Axes) -> None:
    """Lower the top of axes, and of their colour bar, to where their title is inside the figure."""
    figure = ax.figure.canvas.figure
    if figure.get_layout_engine() is not None:
        return
    excess = (ax.get_tightbbox().y1 + 2 - figure.bbox.y1) / figure.bbox.height  # type: ignore[union-attr]
    bars = [points.colorbar.ax for points in ax.collections if points.colorbar is not None]
    for part in (ax, *bars):
        place = part.get_position(original=True)
        if 0 < excess < 0.8 * place.height:
            part.set_position((place.x0, place.y0, place.width, place.height - excess))
