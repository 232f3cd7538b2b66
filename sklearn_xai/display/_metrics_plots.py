"""How explainers by several measures are drawn: scaled from the worst to the best, on parallel or radial axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, GRID, INK, MISSING, inches_of, lay_out, number_text, shorten
from sklearn_xai.display._series import (
    OTHERS,
    SMALLEST_TEXT,
    fit_key,
    key_at_right,
    letters_in,
    series_styles,
    size_that_fits,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

FEWEST_SPOKES = 3
UNKNOWN_LEVEL = -0.2  # the line of what is unknown, below the worst value at 0
INNER = -0.3  # where the spokes of a wheel begin


@dataclass(frozen=True)
class Scaled:
    """A table of metrics, brought to heights from 0 (worst) to 1 (best).

    Parameters
    ----------
    frame : DataFrame of shape (n_explainers, n_metrics)
        The heights; NaN where a value is not finite.
    worst, best : list of float
        The raw values at the ends of each axis; NaN where there is none.
    greater_is_better : list of bool
        The direction of each metric.
    """

    frame: DataFrame
    worst: list[float]
    best: list[float]
    greater_is_better: list[bool]

    @classmethod
    def of(cls, frame: DataFrame, greater_is_better: Mapping[str, bool]) -> Scaled:
        """Return the heights of all values of a table."""
        import pandas as pd

        values = frame.to_numpy(dtype=float, na_value=np.nan)
        up = [greater_is_better[str(metric)] for metric in frame.columns]
        heights, worst, best = np.full(values.shape, np.nan), [], []
        for j, column in enumerate(values.T):
            known = np.isfinite(column)
            ends = [column[known].min(), column[known].max()] if known.any() else [np.nan, np.nan]
            low, high = ends if up[j] else ends[::-1]
            heights[known, j] = np.abs(column[known] - low) / abs(high - low) if high != low else 0.5
            worst.append(float(low))
            best.append(float(high))
        names = [str(key) for key in frame.index]
        return cls(pd.DataFrame(heights, index=names, columns=[str(key) for key in frame.columns]), worst, best, up)

    @property
    def ranking(self) -> list[str]:
        """The names from the highest mean height to the lowest, those that are nowhere known last."""
        means = {key: np.mean(row[np.isfinite(row)]) if np.isfinite(row).any() else -1.0 for key, row in self.rows()}
        return sorted(means, key=lambda key: -means[key])

    def rows(self) -> list[tuple[str, np.ndarray]]:
        """Return each explainer's name and heights."""
        return list(zip(self.frame.index, self.frame.to_numpy(), strict=True))

    def direction(self, j: int) -> str:
        """Return which way is better on an axis, in words."""
        return "higher is better" if self.greater_is_better[j] else "lower is better"


def is_polar(ax: Axes) -> bool:
    """Say whether axes are polar."""
    return ax.name == "polar"


def polar_axes(ax: Axes | None, caller: str) -> tuple[Figure, Axes]:
    """Return the given polar axes, or new ones when `ax` is None."""
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.subplots(figsize=(8.0, 5.2), layout="constrained", subplot_kw={"projection": "polar"})
    if not is_polar(ax):
        raise ValueError(
            f"The 'ax' parameter of {caller} must be polar with kind='radar': subplots(subplot_kw="
            f"{{'projection': 'polar'}}). Got {ax!r}."
        )
    return ax.figure, ax  # type: ignore[return-value]


def draw_parallel(ax: Axes, scaled: Scaled, shown: Sequence[str], control: str | None, **kwargs: Any) -> None:
    """Draw one upright axis for each metric, and a line for each explainer."""
    n_metrics = scaled.frame.shape[1]
    missing = bool(scaled.frame.isna().to_numpy().any())
    handles = _draw_lines(ax, scaled, shown, control, np.arange(n_metrics), **kwargs)
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.vlines(np.arange(n_metrics), 0, 1, color=MISSING, linewidth=1.0, zorder=0.8)
    if missing:
        ax.hlines(UNKNOWN_LEVEL, -0.15, n_metrics - 0.85, color=GRID, linewidth=6, zorder=0.7)
    ax.set_yticks([UNKNOWN_LEVEL] if missing else [], ["n/a"] if missing else [], fontsize=ANNOTATION_SIZE, color=INK)
    ax.tick_params(length=0)
    ax.set_ylim(UNKNOWN_LEVEL - 0.07 if missing else -0.12, 1.12)
    ax.set_xlim(-0.35, n_metrics - 0.65)
    ax.set_xticks(np.arange(n_metrics), [""] * n_metrics)
    limits = ax.get_xlim()
    legend = key_at_right(ax, handles, dict.fromkeys(handles, ""), "by mean height, best first", top=0.9)

    room = inches_of(ax)[0] / (ax.get_xlim()[1] - ax.get_xlim()[0])
    size = float(np.clip(ANNOTATION_SIZE * room / 0.55, SMALLEST_TEXT, ANNOTATION_SIZE))
    for j in range(n_metrics):
        for level, value, offset, side in ((1, scaled.best[j], 4, "bottom"), (0, scaled.worst[j], -4, "top")):
            text = number_text(value) if np.isfinite(value) else "n/a"
            style: dict[str, Any] = {"ha": "center", "va": side, "fontsize": size, "color": INK}
            ax.annotate(text, (j, level), (0, offset), textcoords="offset points", **style)
    _name_axes(ax, scaled, room, size)
    fit_key(ax, legend, limits, margin=28.0)  # half of a number is beyond the last axis


def _name_axes(ax: Axes, scaled: Scaled, room: float, size: float) -> None:
    """Write the metrics and their directions below, slanted where they do not fit side by side otherwise."""
    letters = letters_in(0.94 * room, size)
    names = [_spaced(name) for name in scaled.frame.columns]
    arrows = ["↑" if up else "↓" for up in scaled.greater_is_better]
    style: dict[str, Any] = {}
    if letters >= len("(higher is better)"):
        texts = [f"{fill(shorten(name, 40), letters)}\n({scaled.direction(j)})" for j, name in enumerate(names)]
    elif max(len(word) for name in names for word in name.split()) + 2 <= letters:
        texts = [
            fill(f"{shorten(name, 40)}\N{NO-BREAK SPACE}{arrow}", letters)
            for name, arrow in zip(names, arrows, strict=True)
        ]
    else:
        texts = [f"{shorten(name, 26)} {arrow}" for name, arrow in zip(names, arrows, strict=True)]
        style = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    if "↑" in texts[0] or "↓" in texts[0]:
        ax.set_xlabel("↑ higher is better, ↓ lower is better", fontsize=ANNOTATION_SIZE, color=INK)
    ax.set_xticks(np.arange(len(texts)), texts, fontsize=max(size, 6.5), color=INK, **style)


def draw_radar(ax: Axes, scaled: Scaled, shown: Sequence[str], control: str | None, **kwargs: Any) -> None:
    """Draw the axes as spokes, the first one upwards and the others clockwise, and a closed line for each explainer."""
    from matplotlib.patheffects import withStroke

    n_metrics = scaled.frame.shape[1]
    polar: Any = ax
    polar.set_theta_zero_location("N")
    polar.set_theta_direction(-1)
    angles = 2 * np.pi * np.arange(n_metrics) / n_metrics
    handles = _draw_lines(ax, scaled, shown, control, np.append(angles, 2 * np.pi), **{"markersize": 3.5, **kwargs})
    polar.set_rlim(INNER, 1.0)
    missing = bool(scaled.frame.isna().to_numpy().any())
    rings = [UNKNOWN_LEVEL, 0.0, 0.5, 1.0] if missing else [0.0, 0.5, 1.0]
    texts = ["n/a", "worst", "", "best"] if missing else ["worst", "", "best"]
    polar.set_rgrids(rings, [""] * len(rings))
    halo = [withStroke(linewidth=2.5, foreground="white")]
    style: dict[str, Any] = {"fontsize": 7.0, "color": "#444444", "path_effects": halo, "zorder": 5}
    for ring, text in zip(rings, texts, strict=True):
        # Between spokes; what is unknown between others than its neighbour, the worst.
        angle = (3 if text == "n/a" else 1) * np.pi / n_metrics
        ax.text(angle, ring, text, ha="center", va="center", **style)
    ax.grid(color=GRID, linewidth=0.9)
    ax.spines["polar"].set_color(MISSING)
    ax.set_axisbelow(True)

    size = float(np.clip(1.9 * inches_of(ax)[1], 6.0, 8.0))
    ax.set_xticks(angles, [_spoke_text(scaled, j) for j in range(n_metrics)], fontsize=size, color=INK)
    ax.tick_params(axis="x", pad=2)
    for angle, label in zip(angles, ax.get_xticklabels(), strict=True):
        sine, cosine = np.sin(angle), np.cos(angle)
        label.set_horizontalalignment("center" if abs(sine) < 0.1 else "left" if sine > 0 else "right")
        label.set_verticalalignment("center" if abs(cosine) < 0.6 else "bottom" if cosine > 0 else "top")
    _key_beside(ax, handles)


def _key_beside(ax: Axes, handles: Mapping[str, Any]) -> None:
    """Write the legend to the right of a wheel and of the names of its spokes."""
    width, height = inches_of(ax)
    size = min(size_that_fits(height, len(handles) + 2), max(6.0, 2.0 * width))
    ax.set_anchor("W")
    legend = ax.legend(
        list(handles.values()),
        [shorten(name, int(np.clip(letters_in(0.4 * width, size), 12, 28))) for name in handles],
        title="by mean height, best first",
        loc="center left",
        bbox_to_anchor=(1.3, 0.5),
        alignment="left",
        fontsize=size,
        title_fontsize=size,
        labelcolor=INK,
        frameon=False,
        labelspacing=0.25,
        handlelength=2.4,
    )
    legend.get_title().set_color(INK)
    # Where the figure has a layout, wheel and legend give way to each other.
    for _ in range(4):
        lay_out(ax)
        rightmost = max(text.get_window_extent().x1 for text in ax.get_xticklabels())
        legend.set_bbox_to_anchor((max(1.03, (rightmost + 8.0 - ax.bbox.x0) / ax.bbox.width), 0.5), ax.transAxes)


def _spoke_text(scaled: Scaled, j: int) -> str:
    """Return a metric's name and what its spoke reaches from and to."""
    name = fill(shorten(_spaced(scaled.frame.columns[j]), 34), 18)
    ends = [number_text(value) if np.isfinite(value) else "n/a" for value in (scaled.worst[j], scaled.best[j])]
    return f"{name}\n{ends[0]} → {ends[1]}" if ends[0] != ends[1] else f"{name}\n{ends[0]}"


def _draw_lines(
    ax: Axes, scaled: Scaled, shown: Sequence[str], control: str | None, places: np.ndarray, **kwargs: Any
) -> dict[str, Any]:
    """Draw the line of each explainer, and what is unknown of it on the line below; return what the key shows.

    One place more than there are metrics closes the line.
    """
    styles = series_styles([name for name, _ in scaled.rows() if name in shown], control)
    heights = dict(scaled.rows())
    closed = len(places) - scaled.frame.shape[1]
    handles: dict[str, Any] = {}
    for rank, name in enumerate(shown):
        row = np.append(heights[name], heights[name][:closed])
        style = {**styles[name], "markersize": 5.0, "zorder": 3 - 0.5 * rank / len(shown), **kwargs}
        handles[name] = ax.plot(places, row, **style)[0]
        unknown = ~np.isfinite(heights[name])
        # Several explainers can be unknown at one place: they stand side by side.
        shift = 0.0 if closed else 0.05 * (rank - (len(shown) - 1) / 2) * 10 / max(len(shown), 10)
        if unknown.any():
            at = places[: len(unknown)][unknown] + shift
            hollow = {**style, "linestyle": "none", "markerfacecolor": "none"}
            ax.plot(at, np.full(len(at), UNKNOWN_LEVEL), gid=f"n/a {name}", **hollow)
    others = [name for name in heights if name not in shown]
    for name in others:
        row = np.append(heights[name], heights[name][:closed])
        handles[f"{len(others)} others"] = ax.plot(places, row, color=OTHERS, linewidth=0.8, zorder=1)[0]
    return handles


def _spaced(name: str) -> str:
    return name.replace("_", " ")
