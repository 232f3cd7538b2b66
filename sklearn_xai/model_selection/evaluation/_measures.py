"""What is measured of predictions: accuracy to calibration of classes, R2 to absolute errors of values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    mean_absolute_error,
    median_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from sklearn_xai.output._calibration import calibration_summary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measure:
    """How a measure is read."""

    unit: str
    higher_is_better: bool


MEASURES = {
    "classification": {
        "accuracy": Measure("share of rows", True),
        "balanced_accuracy": Measure("share of rows", True),
        "precision": Measure("share of rows", True),
        "recall": Measure("share of rows", True),
        "f1": Measure("share of rows", True),
        "roc_auc": Measure("share of pairs", True),
        "average_precision": Measure("share of rows", True),
        "log_loss": Measure("nats", False),
        "brier": Measure("squared probability", False),
        "calibration_error": Measure("probability", False),
    },
    "regression": {
        "r2": Measure("share of variance", True),
        "rmse": Measure("unit of y", False),
        "mae": Measure("unit of y", False),
        "median_absolute_error": Measure("unit of y", False),
    },
}
PER_CLASS = ("precision", "recall", "f1", "roc_auc", "average_precision")


@dataclass
class Found:
    """What was found of the test rows of one fold.

    Attributes
    ----------
    values : dict of str to float
        NaN where a measure is not defined.
    reasons : dict of str to str
        Why it is not, or what it leaves out.
    per_class : ndarray of shape (n_classes, 5)
        The measures of ``PER_CLASS``.
    """

    values: dict[str, float]
    reasons: dict[str, str] = field(default_factory=dict)
    per_class: np.ndarray = field(default_factory=lambda: np.empty((0, len(PER_CLASS))))


def of_classes(codes, predicted, scores, probabilistic, n_bins) -> Found:
    """Measure predictions of classes, given as numbers from 0.

    Parameters
    ----------
    codes, predicted : int ndarray of shape (n_rows,)
    scores : ndarray of shape (n_rows, n_classes)
        NaN where the model gives none.
    probabilistic : bool
        Whether they are probabilities.
    n_bins : int
        Of the calibration error.
    """
    k = scores.shape[1]
    found = Found(dict.fromkeys(MEASURES["classification"], np.nan))
    each = _counted(found, counts_of(codes, predicted, k))
    ranked, reason = _ranked(codes, scores)
    found.per_class = np.column_stack([*each, *ranked])
    for name, values in zip(("roc_auc", "average_precision"), ranked, strict=True):
        known = values[1:] if k == 2 else values[np.isfinite(values)]
        found.values[name] = float(known.mean()) if len(known) else np.nan
        found.reasons |= {name: reason} if reason else {}
    _of_probabilities(found, codes, scores, probabilistic, n_bins)
    return found


def counts_of(codes, predicted, k):
    """Return how often each of k classes, by row, is taken for each, by column."""
    return np.bincount(codes * k + predicted, minlength=k * k).reshape(k, k)


def _counted(found, counts):
    """Add what the counts of a confusion matrix tell; return precision, recall and F1 of each class.

    One matrix serves all of them: over the resamples of a bootstrap, scikit-learn's functions take ten times as long.
    """
    hits, rows, claims = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    there = rows + claims > 0
    each = [hits / np.maximum(of, 1) for of in (claims, rows, (rows + claims) / 2)]
    found.values["accuracy"] = float(hits.sum() / rows.sum())
    found.values["balanced_accuracy"] = float(each[1][rows > 0].mean())
    found.values |= {name: float(part[there].mean()) for name, part in zip(PER_CLASS, each, strict=False)}
    return [np.where(there, part, np.nan) for part in each]


def _ranked(codes, scores):
    """Return for each class the ROC AUC and the average precision against the rest, and what is to be said of them."""
    k = scores.shape[1]
    ranked = np.full((2, k), np.nan)
    if not np.isfinite(scores).all():
        return ranked, "the model gives classes neither probabilities nor a decision function"
    present = np.unique(codes)
    if len(present) < 2:
        return ranked, "the test rows are all of one class"
    for c in present:
        ranked[:, c] = roc_auc_score(codes == c, scores[:, c]), average_precision_score(codes == c, scores[:, c])
    left_out = k - len(present)
    return ranked, f"mean without {left_out} of {k} classes, of which there is no test row" if left_out else ""


def _of_probabilities(found, codes, probabilities, probabilistic, n_bins):
    """Add the measures that need probabilities."""
    k = probabilities.shape[1]
    if not probabilistic or k < 2:
        reason = "there is one class only" if probabilistic else "the model gives no probabilities"
        found.reasons |= dict.fromkeys(("log_loss", "brier", "calibration_error"), reason)
        return
    summary = calibration_summary(codes, probabilities, np.arange(k), n_bins)
    found.values |= {"log_loss": summary.log_loss, "brier": summary.brier, "calibration_error": summary.ece}


def of_values(true, predicted) -> Found:
    """Measure predictions of values, shape (n_rows,) or (n_rows, n_outputs): then the mean over outputs."""
    found = Found(dict.fromkeys(MEASURES["regression"], np.nan))
    if len(true) > 1:
        found.values["r2"] = float(r2_score(true, predicted))
    else:
        found.reasons["r2"] = "one test row has no variance"
    functions: dict[str, Callable] = {
        "rmse": root_mean_squared_error,
        "mae": mean_absolute_error,
        "median_absolute_error": median_absolute_error,
    }
    found.values |= {name: float(function(true, predicted)) for name, function in functions.items()}
    return found


def measures_table(known, folds, baselines, errors=None) -> pd.DataFrame:
    """Make the table of measures: mean and spread over the folds in which a measure is defined.

    Parameters
    ----------
    known : dict of str to Measure
    folds, baselines : list of Found
    errors : dict of str to float, optional
        The spread of a single fold, found otherwise.
    """
    import pandas as pd

    values, base = (pd.DataFrame([found.values for found in part], columns=list(known)) for part in (folds, baselines))
    spread = values.std(ddof=1) if errors is None else pd.Series(errors, dtype=float).reindex(list(known))
    table = pd.DataFrame({"mean": values.mean(), "std": spread, "folds": values.notna().sum(), "baseline": base.mean()})
    table["unit"] = [measure.unit for measure in known.values()]
    table["better"] = ["higher" if measure.higher_is_better else "lower" for measure in known.values()]
    table["note"] = [_note(name, folds) for name in known]
    table.index.name = "measure"
    return table


def _note(name, folds):
    """Say in which folds a measure is not defined, or leaves something out, and why."""
    where: dict[str, list[int]] = {}
    for number, found in enumerate(folds):
        if name in found.reasons:
            where.setdefault(found.reasons[name], []).append(number)
    parts = []
    for reason, numbers in where.items():
        of = f"fold{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}: "
        parts.append(reason if len(numbers) == len(folds) else of + reason)
    return "; ".join(parts)
