"""Permutation importance of the census Pipeline against scikit-learn's, for the same permutations.

A net in a Pipeline that scikit-learn can call: it is trained on 0 and 1, and a step makes dense rows of float32.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from benchmarks.census import census
from benchmarks.common import size, take_turns, timed
from sklearn_xai import PermutationImportanceExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.models import train_clone

N_ROWS, N_REPEATS = size(5_000, 500), 5


def as_float32(matrix):
    """Return a matrix, sparse or not, as a skorch net takes it."""
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float32)


def run():
    """Compare two scorers, from the fitted Pipeline to the importances."""
    pipeline, X, _ = census()
    y = (load_adult(return_X_y=True)[1] == ">50K").astype(int).to_numpy()
    model = make_pipeline(clone(pipeline[0]), FunctionTransformer(as_float32), clone(pipeline[-1]))
    model = train_clone(model, X.iloc[:8_000], y[:8_000], random_state=0)
    rows, labels = X.iloc[10_000 : 10_000 + N_ROWS], y[10_000 : 10_000 + N_ROWS]
    for scoring in ("accuracy", "roc_auc"):
        yield _compare(model, rows, labels, scoring)


def _compare(model, rows, labels, scoring):
    found = {}

    def ours():
        explainer = PermutationImportanceExplainer(
            FrozenEstimator(model), scoring=scoring, n_repeats=N_REPEATS, random_state=0
        )
        found["ours"] = explainer.fit(rows, labels).importances_

    def theirs():
        found["theirs"] = permutation_importance(
            model, rows, labels, scoring=scoring, n_repeats=N_REPEATS, random_state=0, n_jobs=1
        ).importances

    seconds = take_turns({"ours": ours, "theirs": theirs})
    difference = np.abs(found["ours"] - found["theirs"]).max()
    assert difference < 1e-6, difference
    return timed(
        f"permutation importance, {scoring}, {N_REPEATS} repeats, census Pipeline, {N_ROWS:,} rows",
        "sklearn.inspection", 4, seconds["ours"], seconds["theirs"], note=f"largest difference {difference:.0e}",
        headline=scoring == "accuracy",
    )  # fmt: skip
