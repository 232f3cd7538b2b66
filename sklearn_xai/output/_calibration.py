"""How far probabilities are what they say."""

from __future__ import annotations

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.utils import Bunch


def calibration_summary(y, proba, classes, n_bins):
    r"""Return how probabilities of the predicted class compare to how often it is right, and three numbers.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels.
    proba : ndarray of shape (n_rows, n_classes)
    classes : ndarray of shape (n_classes,)
    n_bins : int
        Bins of equal width.

    Returns
    -------
    Bunch with ``table``, ``ece``, ``brier``, ``log_loss``
    """
    import pandas as pd

    proba = np.asarray(proba, dtype=np.float64)
    proba = proba / proba.sum(axis=1, keepdims=True)
    right = classes[proba.argmax(axis=1)] == y
    confidence = proba.max(axis=1)
    # A probability is in the bin whose upper edge it does not exceed, as scikit-learn has it.
    edges = np.linspace(0, 1, n_bins + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=n_bins)
    filled = np.flatnonzero(counts)
    accuracy, mean = calibration_curve(right.astype(int), confidence, n_bins=n_bins, pos_label=1)
    table = pd.DataFrame(
        {
            "from": edges[filled],
            "to": edges[filled + 1],
            "confidence": mean,
            "accuracy": accuracy,
            "n_rows": counts[filled],
        }
    )
    ece = float((counts[filled] / len(y) * np.abs(accuracy - mean)).sum())
    if len(classes) == 2:
        brier = brier_score_loss(y == classes[1], proba[:, 1])
    else:
        brier = ((proba - (np.asarray(y)[:, None] == classes)) ** 2).sum(axis=1).mean()
    return Bunch(table=table, ece=ece, brier=float(brier), log_loss=float(log_loss(y, proba, labels=classes)))
