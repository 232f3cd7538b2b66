"""How numbers of detectors are drawn: by layer and category, by concept, and of several networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, MISSING, inches_of, make_room, shorten, write_beside
from sklearn_xai.display._dissection_tables import short_concept
from sklearn_xai.display._image_plots import blank
from sklearn_xai.display._series import PALETTE, letters_in, size_that_fits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from pandas import DataFrame

ROW = 0.2  # inches
LETTER = 0.068  # inches
HEAD = 0.32  # inches of the title of a panel
MOST_LETTERS = 32
HATCHES = (None, "////", "....", "xxxx")


def styles_of(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return a colour for each name, and a pattern when there are more names than colours."""
    found: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(names):
        found[name] = {"color": PALETTE[i % len(PALETTE)], "hatch": HATCHES[i // len(PALETTE) % len(HATCHES)]}
        found[name] |= {"edgecolor": "white", "linewidth": 0.5}
    return found


@dataclass
class Sheet:
    """Axes that hold panels, whose places are given in inches from the upper left of a sheet of a natural size."""

    ax: Axes
    size: tuple[float, float]

    def panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes at a place."""
        wide, tall = self.size
        box = (left / wide, 1 - (top + height) / tall, width / wide, height / tall)
        panel = self.ax.inset_axes(box)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            panel.spines[side].set_color(MISSING)
        panel.tick_params(color=MISSING, labelcolor=INK, labelsize=ANNOTATION_SIZE)
        return panel


def sheet_on(ax: Axes, size: tuple[float, float]) -> Sheet:
    """Make axes the invisible sheet of panels."""
    blank(ax)
    return Sheet(ax, size)


def title(ax: Axes, text: str) -> None:
    """Write what a panel shows above it."""
    ax.set_title(text, fontsize=ANNOTATION_SIZE + 0.5, color=INK, loc="left", fontweight="bold")


def width_of(texts: Sequence[str]) -> float:
    """Return the inches that short texts take."""
    return LETTER * min(max(map(len, texts), default=0), MOST_LETTERS) + 0.12


# ---------------------------------------------------------------------- concepts
@dataclass
class Lines:
    """Concepts from top to bottom, below the names of their categories."""

    pairs: list[tuple[str, str]]

    @property
    def categories(self) -> list[str]:
        return list(dict.fromkeys(category for category, _ in self.pairs))

    @property
    def n(self) -> int:
        return len(self.pairs) + len(self.categories)

    def places(self) -> tuple[np.ndarray, dict[str, int]]:
        """Return the line of each concept and of each category."""
        lines, heads, line = [], {}, 0
        for category, _ in self.pairs:
            if category not in heads:
                heads[category] = line
                line += 1
            lines.append(line)
            line += 1
        return np.array(lines), heads

    @property
    def label_width(self) -> float:
        return max(width_of([short_concept(*pair) for pair in self.pairs]), 1.15 * width_of(self.categories))


def most_frequent(table: DataFrame, columns: Sequence[str], n_most: int) -> tuple[Lines, int]:
    """Return the concepts with the most detectors, category by category, and how many have any.

    Parameters
    ----------
    table : DataFrame
        Numbers, with (category, concept) as its index.
    columns : sequence of str
        Those that are summed.
    n_most : int
    """
    totals = table[list(columns)].sum(axis=1).to_numpy()
    frequent = np.argsort(-totals, kind="stable")
    frequent = frequent[: min(n_most, int((totals > 0).sum()))]
    categories = list(dict.fromkeys(category for category, _ in table.index))
    order = sorted(frequent, key=lambda j: (categories.index(table.index[j][0]), -totals[j]))
    return Lines([table.index[j] for j in order]), int((totals > 0).sum())


def name_lines(ax: Axes, lines: Lines, inks: dict[str, Any]) -> None:
    """Write concepts at the left of axes, and in bold the categories above theirs."""
    places, heads = lines.places()
    names = {int(place): short_concept(*pair) for place, pair in zip(places, lines.pairs, strict=True)}
    names |= {place: category for category, place in heads.items()}
    at = sorted(names)
    size = size_that_fits(inches_of(ax)[1], lines.n)
    ax.set_yticks(at, [shorten(names[place], MOST_LETTERS) for place in at], fontsize=size)
    for place, label in zip(at, ax.get_yticklabels(), strict=True):
        category = next((name for name, head in heads.items() if head == place), None)
        label.set_color(inks.get(category, INK) if category else INK)
        label.set_fontweight("bold" if category else "normal")


def finish_lines(ax: Axes, n_lines: int, texts: list[Text], most: float) -> None:
    """Give axes of horizontal bars their limits; the numbers beside the bars take the place of a scale."""
    ax.set(ylim=(n_lines - 0.4, -0.6), xlim=(0, max(most, 1.0)), xticks=[])
    ax.tick_params(axis="y", length=0)
    ax.spines["bottom"].set_visible(False)
    make_room(ax, texts)
    ax.set_xlim(left=0)


def draw_lines(
    ax: Axes, lines: Lines, numbers: np.ndarray, styles: dict[str, dict[str, Any]], most: float, **kwargs: Any
) -> None:
    """Draw a bar in its category's colour for each concept."""
    places, _ = lines.places()
    for category in lines.categories:
        inside = np.array([pair[0] == category for pair in lines.pairs])
        ax.barh(places[inside], numbers[inside], **{"height": 0.72, **styles[category], **kwargs})
    pairs = zip(places.tolist(), numbers.tolist(), strict=True)
    finish_lines(ax, lines.n, [write_beside(ax, n, place, f"{n:g}") for place, n in pairs if n], most)


def draw_grouped(
    ax: Axes,
    places: np.ndarray,
    numbers: np.ndarray,
    texts: list[list[str]],
    styles: Sequence[dict[str, Any]],
    n_lines: int,
    **kwargs: Any,
) -> None:
    """Draw a bar for each line and column of `numbers`, those of a line below each other, and texts beside them."""
    n = numbers.shape[1]
    height = 0.84 / n
    written = []
    size = min(ANNOTATION_SIZE, size_that_fits(inches_of(ax)[1], n_lines * n))
    for j, style in enumerate(styles):
        y = places + (j - (n - 1) / 2) * height
        ax.barh(y, numbers[:, j], **{"height": height, **style, **kwargs})
        for at, number, row in zip(y.tolist(), numbers[:, j].tolist(), texts, strict=True):
            if row[j]:
                written.append(write_beside(ax, number, at, row[j], fontsize=size))
    finish_lines(ax, n_lines, written, float(numbers.max(initial=0)))


# ---------------------------------------------------------------------- layers
def draw_layers(
    ax: Axes, summary: DataFrame, categories: Sequence[str], styles: dict[str, dict[str, Any]], **kwargs: Any
) -> None:
    """Draw, for each layer, its detectors by category, and the different concepts that these detect."""
    layers = list(dict.fromkeys(summary["layer"]))
    names, texts, y = [], [], 0.0
    ticks = []
    for layer in layers:
        rows = summary[summary["layer"] == layer].set_index("category")
        for column, whole, what in (("n_detectors", "n_units", "units"), ("n_unique", "n_concepts", "concepts")):
            ends = np.concatenate([[0], rows.loc[list(categories), column].cumsum()])
            for category, start, end in zip(categories, ends[:-1], ends[1:], strict=True):
                if end > start:
                    ax.barh(y, end - start, left=start, **{"height": 0.8, **styles[category], **kwargs})
            total = f"{rows.loc['(all)', column]} of {rows.loc['(all)', whole]} {what}"
            texts.append(write_beside(ax, float(ends[-1]), y, total))
            ticks.append(y)
            names.append(f"{layer}: {what}" if len(layers) > 1 else what)
            y += 1.0
        y += 0.4
    ax.set_yticks(ticks, [shorten(name, MOST_LETTERS) for name in names])
    finish_lines(ax, 1, texts, float(summary["n_detectors"].max()))
    ax.set_ylim(ticks[-1] + 0.6, -0.6)


def draw_iou_histogram(
    ax: Axes, best: DataFrame, edges: np.ndarray, threshold: float, styles: dict[str, dict[str, Any]], **kwargs: Any
) -> None:
    """Draw how the units' largest IoU are distributed: detectors in their category's colour, other units in grey."""
    below = np.zeros(len(edges) - 1)
    parts = [(best[~best["detector"]], {"color": MISSING, "edgecolor": "white", "linewidth": 0.5})]
    parts += [(best[best["detector"] & (best["category"] == category)], style) for category, style in styles.items()]
    for part, style in parts:
        numbers = np.histogram(part["iou"].to_numpy(), edges)[0]
        if numbers.any():
            ax.bar(edges[:-1], numbers, np.diff(edges), bottom=below, align="edge", **{**style, **kwargs})
        below += numbers
    ax.axvline(threshold, color=INK, linewidth=1.2, linestyle="--")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, 1.15 * max(below.max(), 1.0))
    ax.locator_params(axis="y", nbins=3, integer=True)


def iou_edges(iou: np.ndarray, threshold: float) -> np.ndarray:
    """Return the edges of bins that hold all IoU, the threshold being one of them where it can be.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.display._dissection_bars import iou_edges
    >>> edges = iou_edges(np.array([0.01, 0.5]), 0.04)
    >>> bool(np.isclose(edges, 0.04).any()), bool(edges[-1] >= 0.5)
    (True, True)
    """
    highest = max(float(iou.max(initial=0.0)), 1.1 * threshold, 1e-3)
    step = highest / 24
    if threshold > 0:
        step = threshold / max(1, round(threshold / step))
        edges = step * np.arange(int(np.ceil(highest / step)) + 1)
        edges[-1] = max(edges[-1], highest)  # rounding leaves none out
        return edges
    return np.linspace(0.0, highest, 25)


def write_key(ax: Axes, entries: list[tuple[str, dict[str, Any]]], n_columns: int) -> None:
    """Write what colours mean into axes of their own."""
    from matplotlib.patches import Patch

    blank(ax)
    width = inches_of(ax)[0] / n_columns - 0.45
    handles = []
    for name, style in entries:
        color: dict[str, Any] = {"facecolor": style["color"], "edgecolor": "white", "hatch": style.get("hatch")}
        handles.append(Patch(label=shorten(name, max(8, letters_in(width))), **color))
    look: dict[str, Any] = {"frameon": False, "fontsize": ANNOTATION_SIZE, "labelcolor": INK, "handlelength": 1.3}
    ax.legend(handles=handles, ncols=n_columns, loc="upper left", borderaxespad=0.0, borderpad=0.0, **look)
