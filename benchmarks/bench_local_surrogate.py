"""Local surrogates against lime's tabular explainer: 5,000 perturbed rows for each row, the same network.

lime takes numbers only. As its own tutorial on this table does, the strings are given to it as codes, and its
prediction function turns the codes back: here by the Pipeline itself, as a user would, or by a table look-up written
for the occasion, which is the fastest that lime can be fed.
"""

from __future__ import annotations

import numpy as np
from lime.lime_tabular import LimeTabularExplainer

from benchmarks.census import census
from benchmarks.common import size, take_turns, timed
from sklearn_xai import LocalSurrogateExplainer
from sklearn_xai.models import ExplainedModel

N_SAMPLES = 5_000
N_ROWS, LIME_ROWS = size(256, 64), size(8, 2)


def run():
    """Compare on the raw columns, and on the one-hot matrix."""
    yield from _raw_columns()
    yield _one_hot_matrix()


def _lime_call(lime, rows, predict):
    def call():
        for row in rows:
            lime.explain_instance(row, predict, num_samples=N_SAMPLES, num_features=len(row))

    return call


def _raw_columns():
    pipeline, X, matrix = census()
    rows = X.iloc[10_000 : 10_000 + N_ROWS]
    ours = LocalSurrogateExplainer(pipeline, n_samples=N_SAMPLES, output="proba", random_state=0).fit(X.iloc[:2_000])
    codes, values, categorical = _codes(X)
    model = ExplainedModel(pipeline, X.iloc[:2_000], np.asarray(X.columns), output="proba")
    model.columns.learn(X)  # the inputs of rare categories too
    lime = LimeTabularExplainer(codes[:2_000], categorical_features=categorical, random_state=0)

    def through_pipeline(z):
        columns = {
            name: values[j][z[:, j].astype(int)] if values[j] is not None else z[:, j] for j, name in enumerate(X)
        }
        return model.outputs(type(X)(columns))

    tables = [_contribution(codes[:, j], matrix, _inputs_of(model, j), values[j]) for j in range(X.shape[1])]

    def by_look_up(z):
        parts = [table(z[:, j]) for j, table in enumerate(tables)]
        order = np.argsort(np.concatenate([_inputs_of(model, j) for j in range(X.shape[1])]))
        return model.network.outputs(np.concatenate(parts, axis=1)[:, order])

    few = codes[10_000 : 10_000 + LIME_ROWS]
    assert np.allclose(through_pipeline(few), by_look_up(few), atol=1e-5)
    calls = {
        "ours": lambda: ours.transform(rows),
        "pipeline": _lime_call(lime, few, through_pipeline),
        "look-up": _lime_call(lime, few, by_look_up),
    }
    seconds = take_turns(calls)
    for name, against in (("pipeline", "lime, calling the Pipeline"), ("look-up", "lime, look-up table")):
        yield timed(
            "local surrogate, 5,000 samples a row, census, 14 raw columns", against, 20, seconds["ours"], seconds[name],
            n_rows=N_ROWS, n_theirs=LIME_ROWS, headline=name == "pipeline",
        )  # fmt: skip


def _codes(X):
    """Return the table as numbers, the values of each column of strings, and the indices of these columns."""
    codes, values, categorical = np.empty(X.shape), [], []
    for j, name in enumerate(X):
        column = X[name]
        if column.dtype.kind in "fiu":
            codes[:, j] = column
            values.append(None)
        else:
            labels, levels = column.factorize(use_na_sentinel=False)
            codes[:, j] = labels
            values.append(np.asarray(levels, dtype=object))
            categorical.append(j)
    return codes, values, categorical


def _inputs_of(model, column):
    return np.flatnonzero(model.columns.feeds == column)


def _contribution(column, matrix, inputs, levels):
    """Return the function from a coded column to the model inputs it feeds."""
    if levels is not None:
        rows = np.array([np.flatnonzero(column == code)[0] for code in range(len(levels))])
        table = matrix[rows][:, inputs]
        return lambda z: table[z.astype(int)]
    low, high = np.argmin(column), np.argmax(column)
    slope = (matrix[high, inputs] - matrix[low, inputs]) / (column[high] - column[low])
    return lambda z: (matrix[low, inputs] + (z[:, None] - column[low]) * slope).astype(np.float32)


def _one_hot_matrix():
    pipeline, _, matrix = census()
    net, width = pipeline[-1], matrix.shape[1]
    background, rows = matrix[:2_000], matrix[10_000 : 10_000 + N_ROWS]
    ours = LocalSurrogateExplainer(net, n_samples=N_SAMPLES, output="proba", random_state=0).fit(background)
    model = ExplainedModel(net, background, np.arange(width), output="proba")
    binary = [j for j in range(width) if len(np.unique(matrix[:, j])) == 2]
    lime = LimeTabularExplainer(background, categorical_features=binary, random_state=0)
    theirs = _lime_call(lime, rows[:LIME_ROWS], lambda z: model.outputs(z.astype(np.float32)))
    seconds = take_turns({"ours": lambda: ours.transform(rows), "lime": theirs})
    return timed(
        f"local surrogate, 5,000 samples a row, census, {width} one-hot columns", "lime", 20, seconds["ours"],
        seconds["lime"], note="each column a player", n_rows=N_ROWS, n_theirs=LIME_ROWS,
    )  # fmt: skip
