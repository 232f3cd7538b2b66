"""Explanation stability on the census table against the fits and transforms that it cannot do without."""

from __future__ import annotations

from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from benchmarks.census import census
from benchmarks.common import Result, best_times
from sklearn_xai import IntegratedGradientsExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.model_selection import explanation_stability

N_FOLDS = 5


def run():
    """Five folds of the whole table, integrated gradients of all rows by each: everything else is measures."""
    pipeline, X, _ = census()
    y = load_adult(return_X_y=True)[1]
    explainer = IntegratedGradientsExplainer(clone(pipeline), random_state=0)
    folds = list(StratifiedKFold(N_FOLDS).split(X, y))

    def by_hand():
        for train, _ in folds:
            clone(explainer).fit(X.iloc[train], y.iloc[train]).transform(X)

    times = best_times({"ours": lambda: explanation_stability(explainer, X, y, cv=N_FOLDS), "sum": by_hand}, repeats=2)
    note = f"{times['ours']:.1f} s vs {times['sum']:.1f} s, {len(X):,} rows"
    yield Result(
        "explanation_stability, census, 5 folds, IG", "5 fits + 5 transforms", times["ours"] / times["sum"], 1.1,
        at_most=True, note=note,
    )  # fmt: skip
