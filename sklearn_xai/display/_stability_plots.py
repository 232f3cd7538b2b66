"""How stability is drawn: boxes of agreement, features, a matrix of fits, and where disagreement comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import (
    INK,
    MUTED,
    NEUTRAL,
    clean,
    make_room,
    number_text,
    set_rows,
    shorten,
    write_beside,
)
from sklearn_xai.display._heatmap import draw_square

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = {
    "spearman": "Spearman correlation",
    "top_k_overlap": "top-k overlap",
    "sign_agreement": "sign agreement",
    "cosine": "cosine similarity",
}
SOURCES = {
    "folds": "other training rows",
    "seeds": "retraining with another seed",
    "backgrounds": "other background rows",
    "noise": "noise on the rows",
}
UNITS = {"folds": "fold", "seeds": "seed", "backgrounds": "background", "noise": "noise"}


def unit_and_names(conditions: Mapping[str, Any] | None) -> tuple[str, list[str] | None]:
    """Return what one fit is called, and the names of all fits, from the level of each source in each of them.

    Of several sources the first is always named, the others where they are not at their first level.

    Examples
    --------
    >>> from sklearn_xai.display._stability_plots import unit_and_names
    >>> unit_and_names({"folds": [0, 1, 0], "seeds": [0, 0, 1]})
    ('fit', ['fold 1', 'fold 2', 'fold 1, seed 2'])
    """
    if not conditions:
        return "fold", None
    units = [UNITS.get(source, shorten(source, 14)) for source in conditions]
    names = []
    for levels in np.stack([np.asarray(level) for level in conditions.values()], axis=1):
        parts = [
            f"{unit} {level + 1}" for k, (unit, level) in enumerate(zip(units, levels, strict=True)) if level or not k
        ]
        names.append(", ".join(parts))
    return units[0] if len(units) == 1 else "fit", names


def matrix_of_pairs(agreement: np.ndarray, pairs: np.ndarray, n_splits: int) -> np.ndarray:
    """Return the mean over rows of the agreement of each pair, (n_splits, n_splits); NaN where no pair was compared.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.display._stability_plots import matrix_of_pairs
    >>> matrix_of_pairs(np.array([[0.5, 0.7]]), np.array([[0, 1]]), 2)
    array([[1. , 0.6],
           [0.6, 1. ]])
    """
    matrix = np.full((n_splits, n_splits), np.nan)
    np.fill_diagonal(matrix, 1.0)
    known = np.isfinite(agreement)
    counts = known.sum(axis=1)
    means = np.where(counts > 0, np.where(known, agreement, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)
    i, j = pairs.T
    matrix[i, j] = matrix[j, i] = means
    return matrix


def pairs_of(n_pairs: int) -> np.ndarray | None:
    """Return all pairs of so many splits that there are `n_pairs`, or None when no number of splits has them."""
    n_splits = round((1 + np.sqrt(1 + 8 * n_pairs)) / 2)
    pairs = np.array(list(combinations(range(n_splits), 2)))
    return pairs if len(pairs) == n_pairs else None


def draw_matrix(ax: Axes, matrix: np.ndarray, names: Sequence[str], label: str, **kwargs: Any) -> None:
    """Draw the mean agreement of each pair of fits, in their order."""
    draw_square(ax, matrix, names, label, "auto", **kwargs)


def draw_sources(ax: Axes, sources: Mapping[str, float], **kwargs: Any) -> None:
    """Draw a bar for the share of each source, the largest on top, what is unknown below."""
    shares = {key: value if np.isfinite(value) else -1.0 for key, value in sources.items()}
    order = sorted(shares, key=lambda key: shares[key])
    widths = [max(shares[key], 0.0) for key in order]
    ax.barh(np.arange(len(order)), widths, **{"height": 0.62, "color": NEUTRAL, **kwargs})
    set_rows(ax, [SOURCES.get(key, shorten(key)) for key in order])
    clean(ax)
    ax.set_xlim(0, max([*widths, 0.0]) * 1.02 or 1.0)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_xlabel("share of the disagreement between explanations")
    texts = [
        write_beside(ax, width, y, f"{100 * width:.0f} %" if shares[key] >= 0 else "n/a")
        for y, (key, width) in enumerate(zip(order, widths, strict=True))
    ]
    make_room(ax, texts)


def draw_box(
    ax: Axes,
    measures: Mapping[str, np.ndarray],
    overall: Mapping[str, float],
    interval: Mapping[str, tuple[float, float]],
    unit: str,
    **kwargs: Any,
) -> None:
    """Draw a box of the rows for each measure, with its mean and interval."""
    names = list(measures)[::-1]
    rows = [_mean_over_pairs(measures[name]) for name in names]
    for y, row in enumerate(rows):
        if len(row):
            _draw_box(ax, y, row, **kwargs)
    set_rows(ax, [MEASURES.get(name, shorten(name)) for name in names])
    clean(ax)
    ends = [np.percentile(row, 5) for row in rows if len(row)]
    lowest = min([0.0, *ends, *(low for low, _ in interval.values() if np.isfinite(low))])
    ax.set_xlim(lowest - 0.03 if lowest < 0 else 0.0, 1.02)
    if lowest < 0:
        ax.axvline(0, color=INK, linewidth=0.8, zorder=0)
    make_room(ax, [_mark_mean(ax, y, overall.get(name, np.nan), interval.get(name)) for y, name in enumerate(names)])
    left = ax.get_xlim()[0]
    ax.set_xticks([tick for tick in ax.get_xticks() if left <= tick <= 1.0 + 1e-9])
    ax.set_xlabel(f"agreement between {unit}s (1 = the same explanation)")


def _mark_mean(ax: Axes, y: int, mean: float, interval: tuple[float, float] | None) -> Any:
    if not np.isfinite(mean):
        return write_beside(ax, 1.0, y, "n/a")
    text = number_text(mean)
    if interval is not None and np.isfinite(interval).all():
        low, high = interval
        ax.plot([low, high], [y, y], color=INK, linewidth=2.4, solid_capstyle="butt", zorder=3)
        text += f"  [{number_text(low)}, {number_text(high)}]"
    ax.plot([mean], [y], marker="D", markersize=5.5, color=INK, markeredgecolor="white", zorder=4)
    return write_beside(ax, 1.02, y, text)


def draw_features(
    ax: Axes,
    attributions: np.ndarray,
    feature_names: Sequence[str] | None,
    n_shown: int,
    quantity: str,
    unit: str,
    **kwargs: Any,
) -> None:
    """Draw the mean absolute attribution of each feature, and a point for each fit."""
    folds = np.nanmean(np.abs(attributions), axis=1)
    order = np.argsort(-folds.mean(axis=0), kind="stable")
    shown, others = order[:n_shown], order[n_shown:]
    names = feature_names or [f"x{i}" for i in range(folds.shape[1])]
    labels, bars = [shorten(names[i]) for i in shown], folds[:, shown]
    if len(others):
        labels.append(f"{len(others):,} other features")
        bars = np.column_stack([bars, folds[:, others].sum(axis=1)])
    labels, bars = labels[::-1], bars[:, ::-1]

    y = np.arange(len(labels))
    ax.barh(y, bars.mean(axis=0), **{"height": 0.62, "color": MUTED, **kwargs})
    ax.hlines(y, bars.min(axis=0), bars.max(axis=0), color=NEUTRAL, linewidth=1.4, zorder=3)
    ax.scatter(bars.ravel(), np.tile(y, len(bars)), s=16, color=NEUTRAL, edgecolors="white", linewidths=0.5, zorder=4)
    set_rows(ax, labels)
    clean(ax)
    ax.set_xlim(0, float(bars.max()) * 1.05 or 1.0)
    ax.set_xlabel(f"mean absolute {quantity}\n(bar: mean of {len(bars)} {unit}s, points: each {unit})")


def _draw_box(ax: Axes, y: int, values: np.ndarray, **kwargs: Any) -> None:
    """Draw the quartiles of `values` as a box, their median, and a line from the 5th to the 95th percentile."""
    low, first, middle, third, high = np.percentile(values, [5, 25, 50, 75, 95])
    ax.hlines(y, low, high, color=NEUTRAL, linewidth=1.1, zorder=1)
    ax.vlines([low, high], y - 0.12, y + 0.12, color=NEUTRAL, linewidth=1.1, zorder=1)
    ax.barh(y, third - first, left=first, **{"height": 0.5, "color": MUTED, "zorder": 2, **kwargs})
    ax.vlines(middle, y - 0.25, y + 0.25, color=NEUTRAL, linewidth=1.4, zorder=2.5)


def _mean_over_pairs(agreement: np.ndarray) -> np.ndarray:
    """Return the mean over pairs of folds for each row where there is one."""
    known = np.isfinite(agreement)
    counts = known.sum(axis=0)
    sums = np.where(known, agreement, 0.0).sum(axis=0)
    return sums[counts > 0] / counts[counts > 0]
