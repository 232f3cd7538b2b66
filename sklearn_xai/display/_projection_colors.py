"""What the colours of points mean: classes, numbers, signed numbers, or right and wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai._checks import meant
from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    MISSING,
    MUTED,
    POSITIVE,
    finish_bar,
    lay_out,
    shorten,
    value_text,
)
from sklearn_xai.display._series import PALETTE
from sklearn_xai.display._signed_scale import SignedScale, signed_colormap
from sklearn_xai.models import is_mapping
from sklearn_xai.tables import is_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

# Petroff (2021), "Accessible color sequences for data visualization", the sequence of ten.
TEN = (
    "#3F90DA",
    "#FFA90E",
    "#BD1F01",
    "#94A4A2",
    "#832DB6",
    "#A96B59",
    "#E76300",
    "#B9AC70",
    "#717581",
    "#92DADD",
)
MARKERS = ("o", "s", "^", "D", "v", "P")
MOST_CLASSES = 10
CORRECT, WRONG = "correct", "wrong"


@dataclass(frozen=True)
class Coloring:
    """The colour of each point.

    Parameters
    ----------
    kind : {"classes", "numbers", "signed", "error"}
    values : ndarray of shape (n_points,)
        Labels (None where missing), numbers (NaN where missing), or whether each point is wrong.
    name : str
        What they are, for the legend.
    order : tuple
        The labels, in the order of the legend.
    """

    kind: str
    values: np.ndarray
    name: str
    order: tuple = ()


def coloring_of(values: Any, name: str | None, caller: str, *, classes: bool | None = None) -> Coloring:
    """Return what colours mean for the values of points.

    Parameters
    ----------
    values : array-like of shape (n_points,)
    name : str or None
        None takes the name of a Series.
    caller : str
    classes : bool, default=None
        Whether they are classes. None: texts, categories, booleans, and at most ten different whole numbers are.
    """
    import pandas as pd

    name = str(getattr(values, "name", None) or "") if name is None else str(name)
    values = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    if not hasattr(values, "dtype"):
        values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = np.asarray(values)[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"The 'color' parameter of {caller} must be one value for each point. Got shape {tuple(values.shape)}."
        )
    column = values if hasattr(values, "cat") else pd.Series(np.asarray(values)).infer_objects()
    whole = pd.api.types.is_integer_dtype(column.dtype) and column.nunique() <= MOST_CLASSES
    number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    if classes is None:
        classes = whole or not number
    if not classes:
        return Coloring("numbers", column.to_numpy(dtype=np.float64, na_value=np.nan), name)
    labels, gone = column.astype(object).to_numpy(), column.isna().to_numpy()
    known = list(dict.fromkeys(labels[~gone].tolist()))
    if hasattr(column, "cat"):
        order = [label for label in column.cat.categories if label in set(known)]
    else:
        try:
            order = sorted(known)
        except TypeError:  # labels of several kinds
            order = sorted(known, key=str)
    return Coloring(
        "classes", np.array([None if g else v for v, g in zip(labels, gone, strict=True)], object), name, tuple(order)
    )


def column_of(table: Any, column: Any, caller: str) -> Any:
    """Return a column of a DataFrame or a dict of arrays by its name."""
    if not is_frame(table) and not is_mapping(table):
        raise ValueError(
            f"The 'color' parameter of {caller} is {column!r}, the name of a column, but there is no table with named "
            "columns. Give the values themselves, or a DataFrame."
        )
    names = list(table.columns) if is_frame(table) else list(table)
    if column not in names:
        shown = ", ".join(repr(name) for name in names[:30]) + (", …" if len(names) > 30 else "")
        raise ValueError(
            f"The 'color' parameter of {caller} must be values or the name of a column, which are {shown}. Got "
            f"{column!r}.{meant(column, map(str, names))}"
        )
    return table[column]


# ---------------------------------------------------------------------- drawing
def draw_points(ax: Axes, points: np.ndarray, coloring: Coloring | None, **kwargs: Any) -> list[PathCollection]:
    """Draw points in their colours, and say beside the axes what these mean."""
    size = float(np.clip(9000 / len(points), 9, 36))
    style = {"s": size, "linewidths": 0.0, "alpha": 0.85, **kwargs}
    if coloring is None:
        return [_draw(ax, points, {"color": PALETTE[0], "marker": "o", **style})]
    if coloring.kind in ("classes", "error"):
        drawn = _draw_classes(ax, points, coloring, style)
        _legend(ax, coloring.name)
        return drawn
    return _draw_numbers(ax, points, coloring, style)


def _draw(ax: Axes, points: np.ndarray, style: dict[str, Any]) -> PathCollection:
    return ax.scatter(points[:, 0], points[:, 1], **style)


def _draw_classes(ax: Axes, points: np.ndarray, coloring: Coloring, style: dict[str, Any]) -> list[PathCollection]:
    drawn = []
    for label, members, look in _looks(coloring):
        mine = {**style, "color": look["color"], "marker": look["marker"], "zorder": look["zorder"], "label": label}
        mine["s"] = style["s"] * look.get("larger", 1)
        # Rare classes are drawn last, so that frequent ones do not hide them.
        mine["zorder"] += 0.5 * (1 - members.mean())
        drawn.append(_draw(ax, points[members], mine))
    return drawn


def _looks(coloring: Coloring) -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """Return label, points and style of each entry of the legend."""
    if coloring.kind == "error":
        wrong = coloring.values.astype(bool)
        good = {"color": MUTED, "marker": "o", "zorder": 2}
        bad = {"color": POSITIVE, "marker": "X", "zorder": 3, "larger": 2}
        return [(f"{CORRECT} ({(~wrong).sum():,})", ~wrong, good), (f"{WRONG} ({wrong.sum():,})", wrong, bad)]
    codes = {label: i for i, label in enumerate(coloring.order)}
    of = np.array([-1 if label is None else codes[label] for label in coloring.values], dtype=int)
    counts = np.bincount(of[of >= 0], minlength=len(codes))
    shown = np.arange(len(codes))
    if len(codes) > MOST_CLASSES:
        shown = np.sort(np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1])
    colors = PALETTE if len(shown) <= len(PALETTE) else TEN
    entries = [
        (
            value_text(coloring.order[k], 22),
            of == k,
            {"color": colors[i], "marker": MARKERS[i % len(MARKERS)], "zorder": 2},
        )
        for i, k in enumerate(shown)
    ]
    rest = (of >= 0) & ~np.isin(of, shown)
    if rest.any():
        entries.append((f"{len(codes) - len(shown)} others", rest, {"color": "#D4D4D4", "marker": "o", "zorder": 1.2}))
    if (of < 0).any():
        entries.append((f"missing ({(of < 0).sum():,})", of < 0, {"color": MISSING, "marker": "x", "zorder": 1.4}))
    return entries


def _draw_numbers(ax: Axes, points: np.ndarray, coloring: Coloring, style: dict[str, Any]) -> list[PathCollection]:
    values = coloring.values
    known = np.isfinite(values)
    drawn = []
    if not known.all():
        gone = {**style, "color": MISSING, "marker": "x", "linewidths": 0.8, "zorder": 1.4}
        drawn.append(_draw(ax, points[~known], {**gone, "label": f"missing ({(~known).sum():,})"}))
    if known.any():
        look: dict[str, Any] = {"cmap": "viridis", "marker": "o"}
        extend = "neither"
        if coloring.kind == "signed":
            scale = SignedScale.of(values[known])
            look = {"cmap": signed_colormap(), "vmin": -scale.limit, "vmax": scale.limit, "marker": "o"}
            look |= {"edgecolors": MISSING, "linewidths": 0.5}  # white on white otherwise
            extend = scale.extend
        found = _draw(ax, points[known], {**style, **look, "c": values[known]})
        drawn.append(found)
        bar = ax.figure.colorbar(found, ax=ax, extend=extend, fraction=0.05, pad=0.02)
        if bar.solids is not None:
            bar.solids.set_alpha(1)
        finish_bar(bar, shorten(coloring.name, 50))
    if not known.all():
        ax.legend(
            loc="upper right",
            frameon=True,
            framealpha=0.9,
            edgecolor="none",
            fontsize=ANNOTATION_SIZE,
            handletextpad=0.2,
        )
    return drawn


def _legend(ax: Axes, title: str) -> None:
    """Write the legend right of the axes, which are made narrower where nothing else makes room for it."""
    legend = ax.legend(
        title=shorten(title, 28) or None,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize=ANNOTATION_SIZE,
        title_fontsize=ANNOTATION_SIZE,
        alignment="left",
        handletextpad=0.2,
        scatterpoints=1,
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_sizes([30])  # type: ignore[attr-defined]
            handle.set_alpha(1)
    figure = ax.figure.canvas.figure
    if figure.get_layout_engine() is None:
        width = legend.get_window_extent().width / figure.bbox.width
        place = ax.get_position()
        ax.set_position((place.x0, place.y0, max(0.2 * place.width, place.width - width - 0.02), place.height))
    lay_out(ax)
