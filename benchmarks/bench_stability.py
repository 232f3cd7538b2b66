"""Explanation stability on the census table against the fits and transforms that it cannot do without."""

from __future__ import annotations

from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from benchmarks.census import census
from benchmarks.common import size, take_turns, timed
from sklearn_xai import IntegratedGradientsExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.model_selection import explanation_stability

N_FOLDS, N_ROWS = size((5, 32_561), (2, 3_000))


def run():
    """Five folds of the whole table, integrated gradients of all rows by each: everything else is measures."""
    pipeline, X, _ = census()
    X, y = X[:N_ROWS], load_adult(return_X_y=True)[1][:N_ROWS]
    explainer = IntegratedGradientsExplainer(clone(pipeline), random_state=0)
    folds = list(StratifiedKFold(N_FOLDS).split(X, y))

    def by_hand():
        for train, _ in folds:
            clone(explainer).fit(X.iloc[train], y.iloc[train]).transform(X)

    few = slice(0, 500)
    explanation_stability(explainer, X[few], y[few], cv=N_FOLDS)  # warm up with little of it
    calls = {"ours": lambda: explanation_stability(explainer, X, y, cv=N_FOLDS), "sum": by_hand}
    seconds = take_turns(calls, rounds=3, warm=False)
    yield timed(
        f"explanation_stability, census, {len(X):,} rows, {N_FOLDS} folds, IG",
        f"{N_FOLDS} fits + {N_FOLDS} transforms", 1.1, seconds["ours"], seconds["sum"], at_most=True, headline=True,
    )  # fmt: skip
