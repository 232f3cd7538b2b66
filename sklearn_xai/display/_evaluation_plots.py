"""How the evaluation of a model is drawn: measures, confusion, reliability, ROC, residuals, losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    GRID,
    INK,
    MISSING,
    MUTED,
    NEUTRAL,
    POSITIVE,
    clean,
    finish_bar,
    inches_of,
    number_text,
    set_rows,
    shorten,
    span_around,
)
from sklearn_xai.display._heatmap import ink_on, name_sides, share_colors
from sklearn_xai.display._series import PALETTE, even_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_xai.model_selection import ModelEvaluation

NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision (macro)",
    "recall": "recall (macro)",
    "f1": "F1 (macro)",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss (nats)",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "r2": "R2",
    "rmse": "RMSE",
    "mae": "mean abs. error",
    "median_absolute_error": "median abs. error",
}
MOST_CURVES = len(PALETTE)
MOST_POINTS = 5_000
_SMALL = ANNOTATION_SIZE - 0.5


def framed(ax: Axes, title: str, x: str, y: str = "") -> None:
    """Name axes that are read in both directions."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MISSING)
    ax.tick_params(color=MISSING, labelcolor=INK, labelsize=ANNOTATION_SIZE)
    ax.grid(color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.set_title(title, fontsize="medium", color=INK, loc="left")
    ax.set_xlabel(x, fontsize=ANNOTATION_SIZE, color=INK)
    ax.set_ylabel(y, fontsize=ANNOTATION_SIZE, color=INK)


def add_key(ax: Axes, **kwargs: Any) -> None:
    ax.legend(**{"frameon": False, "fontsize": _SMALL, "labelcolor": INK, "handlelength": 1.6, **kwargs})


# ---------------------------------------------------------------------- measures
def measures_of(evaluation: ModelEvaluation, better: str) -> list[str]:
    """Return the measures of one direction that share an axis: the user's own scores where they are from 0 to 1."""
    names = []
    for name, row in evaluation.table.iterrows():
        values = evaluation.folds[name].to_numpy(dtype=float)
        fits = row["unit"] or (evaluation.task == "classification" and ((values >= 0) & (values <= 1)).all())
        if row["better"] == better and fits:
            names.append(str(name))
    return names


def draw_measures(ax: Axes, evaluation: ModelEvaluation, better: str, **kwargs: Any) -> None:
    """Draw a line for each measure: the folds, their mean and spread, and the baseline."""
    names = measures_of(evaluation, better)[::-1]
    table, folds = evaluation.table.loc[names], evaluation.folds[names].to_numpy(dtype=float)
    mean, spread, base = (table[column].to_numpy(dtype=float) for column in ("mean", "std", "baseline"))
    several, y = len(folds) > 1, np.arange(len(names))
    known = np.isfinite(mean)
    error = np.where(np.isfinite(spread), spread, 0.0)
    ax.plot(base, y, "|", color=POSITIVE, markersize=13, markeredgewidth=2, label="baseline, which sees no column")
    if several:
        lines = np.tile(y - 0.24 * min(1.0, len(names) / 5), (len(folds), 1)).ravel()
        ax.plot(folds.ravel(), lines, "o", color=MUTED, markersize=4, markeredgewidth=0, label="one fold")
    ax.hlines(y[known], (mean - error)[known], (mean + error)[known], color=NEUTRAL, linewidth=1.6, zorder=2.5)
    style = {"color": NEUTRAL, "markersize": 6.5, "zorder": 3, "label": f"mean ± {_spread_name(evaluation)}"}
    ax.plot(mean, y, "o", **{**style, **kwargs})
    clean(ax)
    set_rows(ax, [NAMES.get(name, shorten(name, 24)) for name in names])
    ax.tick_params(labelsize=ANNOTATION_SIZE)
    _measure_limits(ax, np.concatenate([folds.ravel(), base, mean - error, mean + error]), better, evaluation.task)
    for row, (value, error_) in enumerate(zip(mean, spread, strict=True)):
        text = " ± ".join(even_numbers([value, error_] if np.isfinite(error_) else [value]))
        ax.text(1.02, row, text, transform=ax.get_yaxis_transform(), va="center", color=INK, fontsize=_SMALL)
    unit = ", unit of y" if evaluation.task == "regression" and better == "lower" else ""
    ax.set_title(f"{better} is better{unit}", fontsize="medium", color=INK, loc="left")


def _spread_name(evaluation: ModelEvaluation) -> str:
    return "std of the folds" if len(evaluation.folds) > 1 else "standard error (bootstrap)"


def _measure_limits(ax: Axes, values: np.ndarray, better: str, task: str) -> None:
    values = values[np.isfinite(values)]
    values = values if len(values) else np.array([0.0, 1.0])
    low, high = span_around(values)
    if better == "lower":
        low = 0.0  # no error is a place to measure from
    elif task == "classification":
        low, high = max(low, -0.02), min(high, 1.02)
    ax.set_xlim(low, high)
    ax.locator_params(axis="x", nbins=5)


# ---------------------------------------------------------------------- classes
def draw_confusion(ax: Axes, evaluation: ModelEvaluation, **kwargs: Any) -> None:
    """Draw which class is taken for which: shares of each true class, and numbers of rows where they fit."""
    confusion: Any = evaluation.confusion
    counts = confusion.to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(shares, **{"cmap": share_colors(), "vmin": 0.0, "vmax": 1.0, "aspect": "auto", **kwargs})
    ax.set_title("confusion: share of each true class", fontsize="medium", color=INK, loc="left")
    ax.set_xlabel("predicted class", fontsize=ANNOTATION_SIZE, color=INK)
    ax.set_ylabel("true class", fontsize=ANNOTATION_SIZE, color=INK)
    name_sides(ax, [str(label) for label in confusion.index])
    width, height = (72 * inches / len(counts) for inches in inches_of(ax))
    size = min(ANNOTATION_SIZE, 0.24 * width, 0.38 * height)
    if size < 5:
        finish_bar(ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03), "")
        return
    for (i, j), count in np.ndenumerate(counts):
        color = ink_on(np.ravel(image.cmap(image.norm(shares[i, j]))))
        text = f"{100 * shares[i, j]:.0f} %\n{count:,}" if count else ""
        ax.text(j, i, text, ha="center", va="center", color=color, fontsize=size)


def draw_calibration(ax: Axes, evaluation: ModelEvaluation, **kwargs: Any) -> None:
    """Draw how often the most probable class is right against its probability, and how many rows claim so much."""
    table: Any = evaluation.calibration
    share = table["n_rows"] / table["n_rows"].sum()
    middle, width = (table["from"] + table["to"]) / 2, table["to"] - table["from"]
    ax.bar(middle, share, 0.92 * width, color=MUTED, alpha=0.6, label="share of all rows")
    ax.plot([0, 1], [0, 1], color=MISSING, linestyle="--", linewidth=1.2, label="as often as it says")
    style = {
        "color": NEUTRAL,
        "marker": "o",
        "markersize": 5,
        "linewidth": 1.6,
        "label": "share that is right",
    }
    ax.plot(table["confidence"], table["accuracy"], **{**style, **kwargs})
    error = evaluation.table["mean"].get("calibration_error", np.nan)
    framed(
        ax,
        f"calibration: expected error {number_text(error, digits=2)}",
        "probability of the most probable class",
        "share of rows",
    )
    ax.set_xlim(float(table["from"].min()), 1.0)
    ax.set_ylim(0, 1.4)  # room for the key above all that is drawn
    ax.set_yticks(np.linspace(0, 1, 6))
    add_key(ax, loc="upper left", borderaxespad=0.1)


def draw_roc(ax: Axes, evaluation: ModelEvaluation, **kwargs: Any) -> None:
    """Draw the ROC curve of each class against the rest, the mean over folds at equal false positive rates."""
    per_class: Any = evaluation.per_class
    labels = list(per_class.index)
    shown = labels[1:] if len(labels) == 2 else labels
    areas = per_class["roc_auc"]
    shown = sorted(shown, key=lambda label: areas[label])[:MOST_CURVES] if len(shown) > MOST_CURVES else shown
    for label, color in zip(shown, PALETTE, strict=False):
        curves = roc_curves(evaluation, label)
        if not len(curves):
            continue
        for curve in curves if len(shown) == 1 and len(curves) > 1 else []:
            ax.plot(RATES, curve, color=MUTED, linewidth=0.9)
        name = f"{shorten(label, 18)}: {number_text(areas[label])}"
        ax.plot(RATES, curves.mean(axis=0), **{"color": color, "linewidth": 1.8, "label": name, **kwargs})
    ax.plot([0, 1], [0, 1], color=MISSING, linestyle="--", linewidth=1.2, label="chance: 0.5")
    if len(shown) == 1 and len(evaluation.folds) > 1:
        ax.plot([], [], color=MUTED, linewidth=0.9, label="one fold")
    which = f": the {MOST_CURVES} hardest of {len(labels)} classes" if len(labels) > MOST_CURVES else ""
    framed(ax, f"ROC{which}", "false positive rate", "true positive rate")
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.02)
    add_key(ax, loc="lower right", title="area under the curve", title_fontsize=_SMALL, alignment="left")


RATES = np.linspace(0.0, 1.0, 201)


def roc_curves(evaluation: ModelEvaluation, label: Any) -> np.ndarray:
    """Return the true positive rates of a class at ``RATES``, shape (n_folds, 201), of folds with and without it."""
    from sklearn.metrics import roc_curve

    scores: Any = evaluation.scores
    curves = []
    for _, rows in evaluation.predictions.groupby("fold"):
        truth = (rows["true"] == label).to_numpy()
        if truth.all() or not truth.any():
            continue
        false, true, _ = roc_curve(truth, scores.loc[rows.index, label])
        curve = np.interp(RATES, false, true)
        curve[0] = 0.0
        curves.append(curve)
    return np.array(curves).reshape(-1, len(RATES))


# ---------------------------------------------------------------------- values
def draw_predicted(ax: Axes, evaluation: ModelEvaluation, **kwargs: Any) -> None:
    """Draw predictions against what is true, all rows or some that are evenly spaced."""
    table = evaluation.predictions
    some = table.iloc[:: -(-len(table) // MOST_POINTS)]
    limits = span_around(table[["true", "predicted"]].to_numpy())
    ax.plot(limits, limits, color=MISSING, linestyle="--", linewidth=1.2, label="exact")
    alpha = float(np.clip(60 / np.sqrt(len(some)) / 10, 0.12, 0.6))
    style = {"s": 12, "color": NEUTRAL, "alpha": alpha, "linewidths": 0, "label": "one row"}
    ax.scatter(some["true"], some["predicted"], **{**style, **kwargs})
    shown = f" ({len(some):,} of {len(table):,} rows)" if len(some) < len(table) else ""
    framed(ax, f"predicted and true{shown}", "true value", "predicted value")
    ax.set_xlim(limits)
    ax.set_ylim(limits)
    add_key(ax, loc="upper left")


def draw_residuals(ax: Axes, evaluation: ModelEvaluation, **kwargs: Any) -> None:
    """Draw how the errors are distributed."""
    table = evaluation.predictions
    residuals = (table["predicted"] - table["true"]).to_numpy()
    ax.hist(residuals, **{"bins": 30, "color": MUTED, "edgecolor": "white", "linewidth": 0.5, **kwargs})
    ax.axvline(0, color=INK, linewidth=1)
    mean, std = residuals.mean(), residuals.std()
    mean = 0.0 if abs(mean) < 1e-9 * std else mean
    title = f"errors: mean {number_text(mean, signed=True, digits=2)}, std {number_text(std, digits=2)}"
    framed(ax, title, "predicted less true value", "rows")


# ---------------------------------------------------------------------- training
def draw_loss(ax: Axes, evaluation: ModelEvaluation, **kwargs: Any) -> None:
    """Draw the losses by epoch: the mean over the folds that got so far, from the least to the largest."""
    curves = evaluation.loss_curves
    several = curves["fold"].nunique() > 1
    for name, color, label in (("train_loss", PALETTE[0], "training"), ("valid_loss", PALETTE[1], "validation")):
        if not curves[name].notna().any():
            continue
        epochs = curves.groupby("epoch")[name]
        low, mean, high = epochs.min(), epochs.mean(), epochs.max()
        if several:
            ax.fill_between(mean.index, low, high, color=color, alpha=0.18, linewidth=0)
        style = {"color": color, "linewidth": 1.8, "label": label, "marker": "" if len(mean) > 1 else "o"}
        ax.plot(mean.index, mean, **{**style, **kwargs})
    band = ": mean and range of the folds" if several else ""
    framed(ax, f"losses{band}", "epoch", "loss")
    ax.locator_params(axis="x", integer=True)
    add_key(ax, loc="upper right")
