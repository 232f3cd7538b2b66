"""What the tests of model evaluation share: tables, and all measures by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn import metrics
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NAMES = np.array(["setosa", "versicolor", "virginica"])
QUICK = {"cost": False, "n_bootstrap": 0}


def by_hand(y, predicted, proba, labels):
    """Give all measures of classes by scikit-learn, for labels that are all among the rows."""
    macro = {"average": "macro", "zero_division": 0}
    found = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
        "precision": metrics.precision_score(y, predicted, **macro),
        "recall": metrics.recall_score(y, predicted, **macro),
        "f1": metrics.f1_score(y, predicted, **macro),
        "log_loss": metrics.log_loss(y, proba, labels=labels),
        "calibration_error": loop_calibration_error(y, proba, labels),
    }
    truth = np.asarray(y)[:, None] == labels
    if len(labels) == 2:
        found["roc_auc"] = metrics.roc_auc_score(truth[:, 1], proba[:, 1])
        found["average_precision"] = metrics.average_precision_score(truth[:, 1], proba[:, 1])
        found["brier"] = metrics.brier_score_loss(truth[:, 1], proba[:, 1])
    else:
        found["roc_auc"] = metrics.roc_auc_score(y, proba, multi_class="ovr", labels=labels)
        found["average_precision"] = metrics.average_precision_score(truth, proba, average="macro")
        found["brier"] = np.mean([sum((p - t) ** 2) for p, t in zip(proba, truth, strict=True)])
    return found


def loop_calibration_error(y, proba, labels, n_bins=10):
    error = 0.0
    for b in range(n_bins):
        low, high = b / n_bins, (b + 1) / n_bins
        rows = [i for i, p in enumerate(proba) if low < max(p) <= high or (b == 0 and max(p) == 0)]
        if rows:
            right = np.mean([labels[int(np.argmax(proba[i]))] == y[i] for i in rows])
            error += len(rows) / len(y) * abs(right - np.mean([max(proba[i]) for i in rows]))
    return error


def census(n=90):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"age": rng.randint(20, 60, n), "job": rng.choice(["a", "b", "c"], n)})
    labels = np.where((frame["age"] > 40) & (frame["job"] != "a"), "rich", "poor")
    steps = ColumnTransformer([("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(sparse_output=False), ["job"])])
    return frame, labels, steps
