"""Lines for many explainers in one picture: colours that last, a control in grey, a key that covers no line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, inches_of, lay_out, number_text, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

# Okabe and Ito (2008), "Color universal design", without the yellow that is lost on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4B3B8F")
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
CONTROL = "#767676"  # contrast 4.5 on white
OTHERS = "#D4D4D4"
SMALLEST_TEXT = 4.5
LINE_HEIGHT = 1.4  # times the font size


def series_styles(names: Sequence[str], control: str | None) -> dict[str, dict[str, Any]]:
    """Return the colour, line style and marker of each name; they depend on its place among the names only.

    So explainers look the same in all pictures that show the same ones.
    """
    styles: dict[str, dict[str, Any]] = {}
    others = [name for name in names if name != control]
    for i, name in enumerate(others):
        turn = i // len(PALETTE) % len(LINE_STYLES)
        styles[name] = {
            "color": PALETTE[i % len(PALETTE)],
            "linestyle": LINE_STYLES[turn],
            "marker": MARKERS[turn],
            "linewidth": 1.6,
        }
    if control is not None:
        styles[control] = {"color": CONTROL, "linestyle": "--", "marker": "x", "linewidth": 1.6}
    return styles


def control_among(names: Sequence[str], control: str | None, caller: str) -> str | None:
    """Return the name of the random control: the given one, or with "auto" the first whose name says random."""
    if control == "auto" and "auto" not in names:
        return next((name for name in names if "random" in name.lower()), None)
    if control is not None and control not in names:
        raise ValueError(
            f"The 'control' parameter of {caller} must be None or one of the names {', '.join(names)}. Got {control!r}."
        )
    return control


def chosen_series(order: Sequence[str], n_shown: int, control: str | None) -> list[str]:
    """Return the first `n_shown` names of `order` besides the control, and the control in its place."""
    rivals = [name for name in order if name != control]
    kept = set(rivals[:n_shown]) | {control}
    return [name for name in order if name in kept]


def even_numbers(values: Sequence[float]) -> list[str]:
    """Return numbers as texts with as many decimals each as three digits of the largest need; "n/a" where unknown.

    Examples
    --------
    >>> from sklearn_xai.display._series import even_numbers
    >>> even_numbers([0.51234, 0.025, float("nan")])
    ['0.512', '0.025', 'n/a']
    """
    known = [abs(float(value)) for value in values if np.isfinite(value)]
    largest = max(known, default=0.0)
    if largest and not 1e-3 <= largest < 1e6:
        return [number_text(float(value)) if np.isfinite(value) else "n/a" for value in values]
    decimals = int(np.clip(2 - np.floor(np.log10(largest)), 0, 5)) if largest else 0
    texts = [f"{value:.{decimals}f}" if np.isfinite(value) else "n/a" for value in values]
    return [text.replace("-", "\N{MINUS SIGN}") for text in texts]


def letters_in(inches: float, size: float = ANNOTATION_SIZE) -> int:
    """Return about how many letters of a font of `size` points fit into some inches."""
    return int(inches * 72 / (0.58 * size))


def size_that_fits(inches: float, n_lines: float) -> float:
    """Return the font size at which `n_lines` lines fit into some inches, within what can be read."""
    return float(np.clip(inches * 72 / (LINE_HEIGHT * max(n_lines, 1)), SMALLEST_TEXT, ANNOTATION_SIZE))


def key_at_right(
    ax: Axes, handles: Mapping[str, Any], labels: Mapping[str, str], title: str, top: float = 1.0
) -> Legend:
    """Write a legend inside the axes, to the right of all data: the x axis is made longer, not the figure.

    Parameters
    ----------
    ax : Axes
        With its x limits set to the data's.
    handles : dict of str to artist
        In the order of the legend.
    labels : dict of str to str
        What is written before each name, usually a number.
    title : str
        Written above.
    top : float, default=1.0
        Where it begins, as a share of the axes' height.

    Returns
    -------
    legend : Legend
        For :func:`fit_key`, where the axes change their size afterwards.
    """
    limits = ax.get_xlim()
    width, height = inches_of(ax)
    title_lines = title.count("\n") + 1
    size = min(size_that_fits(top * height, len(handles) + title_lines + 1), max(6.0, 2.0 * width))
    n_fitting = max(2, int(top * height * 72 / (LINE_HEIGHT * SMALLEST_TEXT)) - title_lines - 1)
    if len(handles) > n_fitting:
        kept = list(handles)[: n_fitting - 1]
        more = f"and {len(handles) - len(kept)} more"
        handles = {key: handles[key] for key in kept} | {more: ax.plot([], [], linestyle="none")[0]}
        labels = {**labels, more: ""}
    letters = int(np.clip(letters_in(0.5 * width, size) - 10, 10, 28))
    texts = [f"{labels[name]}  {shorten(name, letters)}".strip() for name in handles]
    legend = ax.legend(
        list(handles.values()),
        texts,
        title=title,
        loc="upper right",
        bbox_to_anchor=(1.0, top),
        alignment="left",
        fontsize=size,
        title_fontsize=size,
        labelcolor=INK,
        frameon=False,
        borderaxespad=0.0,
        borderpad=0.0,
        labelspacing=0.25,
        handlelength=2.4,
    )
    legend.get_title().set_color(INK)
    fit_key(ax, legend, limits)
    return legend


def fit_key(ax: Axes, legend: Legend, limits: tuple[float, float], margin: float = 16.0) -> None:
    """Make the x axis so long that the data, which lie between `limits`, end `margin` pixels before the legend."""
    low, right = limits
    lay_out(ax)
    taken = (legend.get_window_extent().width + margin) / ax.bbox.width
    ax.set_xlim(low, low + (right - low) / (1 - min(taken, 0.75)))


def end_axis(ax: Axes, limits: tuple[float, float]) -> None:
    """Let the x axis, its ticks and the grid end where the data do, not below the legend."""
    low, right = limits
    end = ax.get_xlim()[1]
    ax.spines["bottom"].set_bounds(low, right)
    ax.set_xticks(_ticks(low, right, inches_of(ax)[0] * (right - low) / (end - low)))
    ax.axvspan(right, end, facecolor=ax.get_facecolor(), edgecolor="none", zorder=0.6)
    ax.set_xlim(low, end)


def _ticks(low: float, high: float, inches: float) -> list[float]:
    """Return round numbers between two ends, no closer than their texts are wide."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=int(np.clip(inches / 0.42, 2, 6)), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [tick for tick in ticks if low - 1e-9 <= tick <= high + 1e-9]


def horizontal_grid(ax: Axes, color: str) -> None:
    """Draw light horizontal lines behind the data."""
    ax.grid(axis="y", color=color, linewidth=0.8)
    ax.set_axisbelow(True)
