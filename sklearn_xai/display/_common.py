"""What all displays share: colours, short texts, axes that are made only when none is given, and checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai._checks import check_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.text import Text

POSITIVE = "#C4392D"  # raises the output
NEGATIVE = "#2B6CB0"  # lowers the output
NEUTRAL = "#4F7A8C"  # has no direction
MUTED = "#B4C4CC"
MISSING = "#A6A6A6"
INK = "#333333"
GRID = "#E4E4E4"

ANNOTATION_SIZE = 8.5
MINUS = "\N{MINUS SIGN}"


def require_matplotlib(caller: str) -> None:
    """Raise an error that names `caller` where matplotlib cannot be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{caller} needs matplotlib to draw: pip install matplotlib.") from error


def axes_for(ax: Axes | None, caller: str, figsize: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return the given axes and its figure, or new ones of `figsize` inches when `ax` is None."""
    require_matplotlib(caller)
    if ax is not None:
        return ax.figure, ax  # type: ignore[return-value]
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")


def check_named(explainers: Any, caller: str) -> None:
    """Raise unless `explainers` is a dict of at least one."""
    if not isinstance(explainers, Mapping):
        raise TypeError(
            f"The 'explainers' parameter of {caller} must be a dict from names to fitted explainers. Got "
            f"{type(explainers).__name__}."
        )
    if not explainers:
        raise ValueError(f"The 'explainers' parameter of {caller} must hold at least one explainer. Got none.")


def check_max_display(max_display: int | None, n_features: int, caller: str) -> int:
    """Return how many features get a place of their own."""
    if max_display is None:
        return n_features
    most = check_whole(max_display, "max_display", caller, none="None for all")
    # One feature left over takes as much room as the bar that would stand for it.
    return n_features if n_features <= most + 1 else most


def shorten(text: Any, width: int = 28) -> str:
    """Return `text` in one line of at most `width` characters, an ellipsis in place of what was cut.

    Examples
    --------
    >>> from sklearn_xai.display._common import shorten
    >>> shorten("years of formal education completed", 12)
    'years of fo…'
    """
    line = " ".join(str(text).split())
    line = line if len(line) <= width else line[: width - 1].rstrip() + "…"
    return line.replace("$", r"\$")  # a column named "$a$" is a name, not a formula


def is_missing(value: Any) -> bool:
    """Say whether `value` stands for a missing one (None, NaN, NaT, NA)."""
    import pandas as pd

    return bool(np.all(pd.isna(value)))


def value_text(value: Any, width: int = 18) -> str:
    """Return a data value as it is written beside its column."""
    if is_missing(value):
        return "missing"
    if isinstance(value, float | np.floating):
        number = float(value)
        return (f"{number:.0f}" if 1e4 <= abs(number) < 1e9 else f"{number:.4g}").replace("-", MINUS)
    return shorten(value, width)


def number_text(value: float, *, signed: bool = False, digits: int = 3) -> str:
    """Return a number with `digits` significant digits and a true minus sign.

    Examples
    --------
    >>> from sklearn_xai.display._common import number_text
    >>> number_text(0.25, signed=True), number_text(0.0, signed=True), number_text(1234567.0)
    ('+0.25', '0', '1.23e+06')
    """
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1_000_000:
        text = f"{value:+,.0f}" if signed else f"{value:,.0f}"
    else:
        text = f"{value:+.{digits}g}" if signed else f"{value:.{digits}g}"
    return text.replace("-", MINUS)


def clean(ax: Axes, *, grid: bool = True) -> None:
    """Take away the frame and the tick marks, keep light vertical lines to read values by."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(MISSING)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", color=MISSING, labelcolor=INK)
    if grid:
        ax.grid(axis="x", color=GRID, linewidth=0.8)
        ax.set_axisbelow(True)


def no_frame(ax: Axes) -> None:
    """Take away the lines around axes."""
    for spine in ax.spines.values():
        spine.set_visible(False)


def finish_bar(bar: Colorbar, label: str) -> None:
    """Write what the colours of a bar mean, and take away its frame."""
    bar.set_label(label, fontsize=ANNOTATION_SIZE, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=ANNOTATION_SIZE, labelcolor=INK)


def set_rows(ax: Axes, labels: Iterable[str]) -> None:
    """Write one label for each row, the first row at the bottom."""
    labels = list(labels)
    ax.set_yticks(np.arange(len(labels)), labels)
    ax.set_ylim(-0.6, len(labels) - 0.4)


def lighter(color: str, share: float = 0.5) -> tuple[float, float, float]:
    """Return `color` mixed with `share` of white."""
    from matplotlib.colors import to_rgb

    red, green, blue = ((1 - share) * part + share for part in to_rgb(color))
    return red, green, blue


def write_beside(
    ax: Axes, x: float, y: float, text: str, *, left: bool = False, distance: float = 4.0, **kwargs: Any
) -> Text:
    """Write `text` `distance` points right (or left) of a point."""
    style = {"color": INK, "fontsize": ANNOTATION_SIZE, **kwargs}
    offset, side = (-distance, "right") if left else (distance, "left")
    return ax.annotate(text, (x, y), (offset, 0), textcoords="offset points", ha=side, va="center", **style)


def lay_out(ax: Axes) -> None:
    """Give the axes their final size, where the figure has a layout engine."""
    figure = ax.figure.canvas.figure
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()


def inches_of(ax: Axes) -> tuple[float, float]:
    """Return the final width and height of axes."""
    lay_out(ax)
    dpi = ax.figure.canvas.figure.dpi
    return ax.bbox.width / dpi, ax.bbox.height / dpi


def make_room(ax: Axes, texts: Sequence[Text], margin: float = 6.0) -> None:
    """Widen the x limits until all `texts` lie inside the axes, `margin` pixels from its sides."""
    lay_out(ax)
    for _ in range(6):
        boxes = [text.get_window_extent() for text in texts]
        if not boxes:
            return
        left = max(0.0, ax.bbox.x0 + margin - min(box.x0 for box in boxes))
        right = max(0.0, max(box.x1 for box in boxes) + margin - ax.bbox.x1)
        if left + right < 1:
            return
        # More than the width of the axes in one step cannot help: the text is wider than the picture.
        left, right = min(left, ax.bbox.width), min(right, ax.bbox.width)
        corners = [(ax.bbox.x0 - left, ax.bbox.y0), (ax.bbox.x1 + right, ax.bbox.y0)]
        ax.set_xlim(*ax.transData.inverted().transform(corners)[:, 0])


def span_around(values: np.ndarray, *, share: float = 0.04) -> tuple[float, float]:
    """Return x limits that hold all `values` with some air, also when they are all the same."""
    low, high = float(np.min(values)), float(np.max(values))
    air = share * (high - low)
    if air <= 1e-12 * max(abs(low), abs(high)):
        air = 0.5 * max(abs(low), abs(high)) or 1.0
    return low - air, high + air
