"""A tree surrogate with its rules against the fit of scikit-learn's decision tree on what the model says.

20,000 census rows, trees of the same depth. Computing the model's outputs is counted in neither. First the surrogate
alone, from the raw table to the rules with the outputs at hand, against a tree on the ready one-hot matrix; then the
whole of ``fit``, less the time of the outputs, against the preprocessing and a tree. ``fit`` also looks into the
preprocessing and prepares what ``score`` and ``coalition_values`` need.
"""

from __future__ import annotations

import copy

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from benchmarks.census import census
from benchmarks.common import Result, best_times
from sklearn_xai import TreeSurrogateExplainer

N_ROWS = 20_000
TREE = {"max_depth": 5, "min_samples_leaf": 5, "random_state": 0}


def run():
    """Compare on the census Pipeline."""
    pipeline, X, _ = census()
    X = X.iloc[:N_ROWS]
    explainer = TreeSurrogateExplainer(pipeline, **TREE).fit(X)
    labels = explainer.predict(X)

    def numbers():
        matrix = pipeline[:-1].transform(X)
        return matrix.toarray() if hasattr(matrix, "toarray") else matrix

    matrix = numbers()
    outputs = explainer._outputs_of(X)
    ready = copy.copy(explainer)
    ready._outputs_of = lambda rows: outputs
    calls = {
        "fit": lambda: TreeSurrogateExplainer(pipeline, **TREE).fit(X),
        "surrogate": lambda: ready._prepare(X, None, np.random.RandomState(0)),
        "outputs": lambda: explainer._outputs_of(X),
        "tree": lambda: DecisionTreeClassifier(**TREE).fit(matrix, labels),
        "table and tree": lambda: DecisionTreeClassifier(**TREE).fit(numbers(), labels),
    }
    times = best_times(calls, repeats=5)
    for name, other, work in (
        ("surrogate", "tree", "tree surrogate with rules, 20,000 census rows"),
        ("fit", "table and tree", "the same, all of fit"),
    ):
        own = times[name] - (times["outputs"] if name == "fit" else 0.0)
        note = f"{own:.3f} vs {times[other]:.3f} s; the model's outputs, in neither: {times['outputs']:.3f} s"
        yield Result(work, f"DecisionTreeClassifier: {other}", own / times[other], 1.5, at_most=True, note=note)
