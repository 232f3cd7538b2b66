"""How attributions are drawn: one function for each kind of picture, given finished arrays and an axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    GRID,
    INK,
    MISSING,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    clean,
    lighter,
    make_room,
    number_text,
    set_rows,
    span_around,
    write_beside,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# A gap shorter than this share of the path cannot be seen.
NEGLIGIBLE = 0.005


@dataclass
class Step:
    """One bar of a waterfall or of a bar chart."""

    label: str
    value: float
    folded: bool = False


def signed_colors(values: np.ndarray) -> list[str]:
    """Return the colour of each value: one for those that raise the output, one for those that lower it."""
    return [POSITIVE if value >= 0 else NEGATIVE for value in values]


def draw_bars(ax: Axes, steps: list[Step], *, signed: bool, **kwargs: Any) -> None:
    """Draw one horizontal bar for each step, the first at the top."""
    steps = steps[::-1]
    values = np.array([step.value for step in steps])
    colors = signed_colors(values) if signed else [NEUTRAL] * len(values)
    bars = ax.barh(np.arange(len(values)), values, **{"height": 0.68, "color": colors, **kwargs})
    _lighten_folded(bars, steps, colors)
    set_rows(ax, [step.label for step in steps])
    clean(ax)
    ax.axvline(0, color=INK, linewidth=0.8)
    low, high = span_around(np.append(values, 0.0))
    ax.set_xlim(low if signed else 0.0, high)
    texts = [
        write_beside(ax, value, y, number_text(value, signed=signed), left=value < 0) for y, value in enumerate(values)
    ]
    make_room(ax, texts)


def _lighten_folded(bars: Any, steps: list[Step], colors: list[str]) -> None:
    for bar, step, color in zip(bars, steps, colors, strict=True):
        if step.folded:
            bar.set_facecolor(lighter(color))


def waterfall_steps(steps: list[Step], base: float, output: float | None) -> tuple[list[Step], float]:
    """Return the steps from the bottom up and the remainder ``output - base - sum`` (0 when it cannot be seen)."""
    values = np.array([step.value for step in steps])
    if output is None:
        return steps[::-1], 0.0
    remainder = output - base - float(values.sum())
    path = float(np.abs(values).sum())
    # Rounding of numbers of this size is no gap, even if nothing is attributed.
    visible = abs(remainder) > max(NEGLIGIBLE * path, 1e-6 * max(abs(output), abs(base)))
    return steps[::-1], remainder if visible else 0.0


def draw_waterfall(ax: Axes, steps: list[Step], base: float | None, output: float | None, **kwargs: Any) -> None:
    """Draw the way from the base value (bottom) to the output (top), one bar for each step."""
    start = 0.0 if base is None else base
    steps, remainder = waterfall_steps(steps, start, output if base is not None else None)
    if remainder:
        steps = [Step("not attributed", remainder, folded=True), *steps]
    values = np.array([step.value for step in steps])
    ends = start + np.cumsum(values)
    rows = range(1, len(values) + 1)

    colors = signed_colors(values)
    # The edge keeps bars visible that are thinner than a pixel.
    style = {"height": 0.68, "color": colors, "edgecolor": colors, "linewidth": 0.8, **kwargs}
    bars = ax.barh(rows, values, left=ends - values, **style)
    _lighten_folded(bars, steps, colors)
    if remainder:
        bars[0].set(facecolor="white", edgecolor=colors[0], hatch="////")
    # Each link joins the end of a bar with the beginning of the next one.
    corners = np.concatenate([[start], ends])
    ax.vlines(corners, np.arange(len(corners)) - 0.1, np.arange(len(corners)) + 1.1, color=MISSING, linewidth=0.8)

    known = output is not None and base is not None
    final = output if known and output is not None else float(corners[-1])
    top = "f(x)" if known else "sum of attributions" if base is None else "base value + sum"
    set_rows(ax, ["base value" if base is not None else "start", *(step.label for step in steps), top])
    clean(ax)
    ax.set_xlim(*span_around(np.append(corners, final)))
    ends_style: dict[str, Any] = {"marker": "D", "color": INK, "markersize": 5, "linestyle": "none", "zorder": 3}
    ax.plot([start, final], [0, len(values) + 1], **ends_style)
    texts = [
        write_beside(ax, x, row, number_text(x), distance=7, fontweight="bold")
        for x, row in ((start, 0), (final, len(values) + 1))
    ]
    for row, value, end in zip(rows, values, ends, strict=True):
        texts.append(write_beside(ax, end, row, number_text(value, signed=True), left=value < 0))
    make_room(ax, texts)


def value_colormap() -> Colormap:
    """Return the colours of feature values, low to high, none of them close to white or to the grey of missing ones."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"](np.linspace(0.05, 0.92, 256)), name="feature_value")


def density_jitter(x: np.ndarray, half_width: float = 0.38) -> np.ndarray:
    """Return vertical offsets that spread points where many lie close together.

    The offset of a point is a term of the golden-ratio sequence (evenly filling, without random numbers) times the
    smoothed density at the point; a lonely point stays on its line.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
    half_width : float, default=0.38
        The largest offset.

    Returns
    -------
    offsets : ndarray of shape (n_points,)
    """
    n_bins = 60
    low, high = float(x.min()), float(x.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)) or high == low:
        density, crowd = np.ones(len(x)), float(len(x))
    else:
        counts, edges = np.histogram(x, bins=n_bins, range=(low, high))
        window = np.exp(-0.5 * (np.arange(-4, 5) / 1.6) ** 2)
        smooth = np.convolve(counts, window / window.max(), mode="same")
        density = np.interp(x, 0.5 * (edges[1:] + edges[:-1]), smooth)
        crowd = float(density.max())
        density = density / crowd
    rank = np.empty(len(x))
    rank[np.argsort(x, kind="stable")] = np.arange(len(x))
    sequence = 2 * ((0.5 + rank * 0.6180339887498949) % 1.0) - 1
    return half_width * min(1.0, (crowd - 1) / 8) * density * sequence


def color_scale(numbers: np.ndarray) -> np.ndarray:
    """Return values of one feature between 0 (5th percentile and below) and 1 (95th and above), NaN where missing."""
    known = numbers[np.isfinite(numbers)]
    if known.size == 0:
        return np.where(np.isnan(numbers), np.nan, 0.5)
    low, high = np.percentile(known, [5, 95])
    if low == high:
        low, high = known.min(), known.max()
    if low == high:
        return np.where(np.isnan(numbers), np.nan, 0.5)
    return np.clip((numbers - low) / (high - low), 0, 1)


def draw_beeswarm(
    ax: Axes, attributions: np.ndarray, numbers: np.ndarray | None, labels: list[str], **kwargs: Any
) -> None:
    """Draw one swarm of points for each feature, the first at the top, coloured by the value of the feature."""
    n_rows, n_features = attributions.shape
    rows = np.arange(n_features)[::-1]
    x = attributions.T.ravel()
    y = np.concatenate([row + density_jitter(swarm) for row, swarm in zip(rows, attributions.T, strict=True)])
    style = {"s": 9 if n_rows > 300 else 16, "linewidths": 0, "rasterized": True, "zorder": 2, **kwargs}
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    if numbers is None or np.isnan(numbers).all():
        ax.scatter(x, y, **{"color": NEUTRAL, **style})
    else:
        colors = np.concatenate([color_scale(column) for column in numbers.T])
        without = np.isnan(colors)
        if without.any():
            ax.scatter(x[without], y[without], **{**style, "color": MISSING, "label": "missing or no number"})
        known = ~without
        points = ax.scatter(x[known], y[known], **{"c": colors[known], "cmap": value_colormap(), **style})
        points.set_clim(0, 1)
        _value_legend(ax, points, without.any())
    set_rows(ax, labels[::-1])
    clean(ax)
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    ax.set_xlim(*span_around(np.append(x, 0.0)))


def _value_legend(ax: Axes, points: Any, some_without: bool) -> None:
    bar = ax.figure.colorbar(points, ax=ax, ticks=[0, 1], fraction=0.025, pad=0.02, aspect=35)
    bar.ax.set_yticklabels(["low", "high"])
    bar.ax.tick_params(length=0, labelsize=ANNOTATION_SIZE)
    bar.set_label("column value", fontsize=ANNOTATION_SIZE, labelpad=-8)
    bar.outline.set_visible(False)
    if some_without:
        style = {"frameon": False, "fontsize": ANNOTATION_SIZE, "handletextpad": 0.2, "markerscale": 1.6}
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderpad=0, **style)


def similarity_order(attributions: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return rows in an order in which neighbours have similar attributions (Ward clustering, low outputs first)."""
    if len(attributions) < 3:
        return np.argsort(outputs, kind="stable")
    from scipy.cluster.hierarchy import leaves_list, linkage

    # Optimal leaf order is cubic in the number of rows.
    tree = linkage(attributions, method="ward", optimal_ordering=len(attributions) <= 250)
    order = leaves_list(tree)
    half = len(order) // 2
    return order if outputs[order[:half]].mean() <= outputs[order[half:]].mean() else order[::-1]


def draw_heatmap(
    ax: Axes, attributions: np.ndarray, outputs: np.ndarray, base: float | None, labels: list[str], **kwargs: Any
) -> Axes:
    """Draw features by rows as colours around 0, the output of each row above; return the axes of the outputs."""
    size = np.abs(attributions)
    largest = float(size.max())
    # A few extreme cells must not take the colour from all others; the colour bar shows an arrow then.
    limit = (float(np.percentile(size, 99.5)) if size.size > 1000 else largest) or largest or 1.0
    style = {"cmap": "RdBu_r", "aspect": "auto", "interpolation": "nearest", "vmin": -limit, "vmax": limit, **kwargs}
    image = ax.imshow(attributions.T, **style)
    ax.set_yticks(np.arange(len(labels)), labels)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", color=MISSING, labelcolor=INK)
    if len(outputs) == 1:
        ax.set_xticks([0])
    else:
        ax.locator_params(axis="x", integer=True)
    for spine in ax.spines.values():
        spine.set_visible(False)
    bar = ax.figure.colorbar(
        image, ax=ax, fraction=0.03, pad=0.02, aspect=30, extend="both" if largest > limit * 1.001 else "neither"
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=ANNOTATION_SIZE)

    strip = ax.inset_axes((0.0, 1.03, 1.0, 0.2), sharex=ax)
    strip.step(np.arange(len(outputs)), outputs, where="mid", color=INK, linewidth=1.1)
    if len(outputs) == 1:
        strip.plot([0], outputs, marker="D", color=INK, markersize=4)
    if base is not None:
        strip.axhline(base, color=MISSING, linewidth=1, linestyle="--")
    strip.tick_params(axis="x", labelbottom=False, length=0)
    strip.tick_params(axis="y", labelsize=ANNOTATION_SIZE, color=MISSING)
    strip.set_ylim(*span_around(outputs if base is None else np.append(outputs, base), share=0.1))
    strip.locator_params(axis="y", nbins=3)
    for side in ("top", "right", "bottom"):
        strip.spines[side].set_visible(False)
    strip.spines["left"].set_color(MISSING)
    return strip


def fold(values: np.ndarray, labels: list[str], order: np.ndarray, n_shown: int) -> list[Step]:
    """Return the first `n_shown` features of `order` as steps, and the sum of all others as one more."""
    steps = [Step(labels[i], float(values[i])) for i in order[:n_shown]]
    others = order[n_shown:]
    if len(others):
        steps.append(Step(f"{len(others):,} other features", float(values[others].sum()), folded=True))
    return steps
