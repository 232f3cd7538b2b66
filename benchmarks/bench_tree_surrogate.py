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
from benchmarks.common import size, take_turns, timed
from sklearn_xai import TreeSurrogateExplainer

N_ROWS = size(20_000, 4_000)
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
    seconds = take_turns(calls)
    for name, other, work in (
        ("surrogate", "tree", f"tree surrogate with rules, {N_ROWS:,} census rows"),
        ("fit", "table and tree", f"all of fit of a tree surrogate, {N_ROWS:,} census rows"),
    ):
        own = seconds[name] - (seconds["outputs"] if name == "fit" else 0.0)
        yield timed(
            work, f"DecisionTreeClassifier: {other}", 1.5, own, seconds[other], at_most=True,
            note=f"the model's outputs, in neither: {np.median(seconds['outputs']):.3f} s",
            headline=name == "surrogate",
        )  # fmt: skip
