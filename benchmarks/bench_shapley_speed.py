"""Shapley values of the census table against shap's KernelExplainer and ExactExplainer: rows a second, and the error.

All explain the same number of the same rows, the second logit of a net (of a forest: the probability), on the same 100
background rows. shap takes numbers only: the strings are given to it as codes that its function turns back into a
DataFrame for the Pipeline; or it is given the one-hot matrix, its columns grouped by those of the DataFrame.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import shap
import torch
from shap.utils._legacy import DenseData
from sklearn.ensemble import RandomForestClassifier

from benchmarks.bench_local_surrogate import _codes, _inputs_of
from benchmarks.census import census
from benchmarks.common import Result, size, take_turns, timed
from benchmarks.shapley_peers import Game, estimate
from sklearn_xai import ShapleyExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.models import ExplainedModel

N_PLAYERS, N_BACKGROUND = 14, size(100, 20)
N_COALITIONS = 2 * N_PLAYERS + 2**11  # shap's default
BACKGROUND, ROWS = slice(0, N_BACKGROUND), slice(10_000, size(10_064, 10_016))
ERROR_ROWS, SEEDS = size(6, 2), range(size(3, 1))
FEWER = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536)  # coalitions tried to reach shap's error


@cache
def members():
    """Return the model inputs that each column of the table feeds, {name: indices}."""
    pipeline, X, _ = census()
    model = ExplainedModel(pipeline, X.iloc[:2_000], np.asarray(X.columns), output="raw")
    model.columns.learn(X)  # the inputs of rare categories too
    return {name: _inputs_of(model, j).tolist() for j, name in enumerate(X)}


def logit(matrix):
    """Return the explained number of rows of the one-hot matrix."""
    with torch.no_grad():
        return census()[0][-1].module_(torch.as_tensor(np.asarray(matrix, dtype=np.float32)))[:, 1].numpy()


@cache
def coded():
    """Return the table as codes, and the explained number of such rows, through the Pipeline."""
    pipeline, X, _ = census()
    codes, values, _ = _codes(X)

    def predict(z):
        columns = {
            name: values[j][z[:, j].astype(int)] if values[j] is not None else z[:, j] for j, name in enumerate(X)
        }
        matrix = pipeline[:-1].transform(type(X)(columns))
        return logit(matrix.toarray() if hasattr(matrix, "toarray") else matrix)

    return codes, predict


@cache
def games():
    """Return the enumerated games of a few rows, and their exact Shapley values."""
    matrix = census()[2]
    groups = list(members().values())
    played = [Game(logit, row, matrix[BACKGROUND], groups) for row in matrix[ROWS][:ERROR_ROWS]]
    return played, np.stack([game.exact() for game in played])


def rmse(values):
    return float(np.sqrt(np.square(values - games()[1]).mean()))


@cache
def shap_error():
    """Return the RMSE of KernelExplainer, the same for both ways of feeding it."""
    played, _ = games()
    found = [
        [estimate("shap Kernel", game, N_COALITIONS, 100 * s + i)[0] for i, game in enumerate(played)] for s in SEEDS
    ]
    return float(np.mean([rmse(np.stack(values)) for values in found]))


def explainer(estimator, background, **options):
    options = {"output": "raw", "algorithm": "kernel", "n_coalitions": N_COALITIONS, "random_state": 0} | options
    return ShapleyExplainer(estimator, background_size=N_BACKGROUND, **options).fit(background)


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def values_of(ours, rows):
    """Return the attributions, players in the order of the table's columns."""
    place = {name: player for player, name in enumerate(ours.player_names_)}
    return quietly(ours.transform, rows)[:, [place[name] for name in members()]]


def kernel_call(predict, background, rows):
    """Return a call of KernelExplainer on some rows, all coalitions in the regression."""

    def call():
        quietly(
            shap.KernelExplainer(predict, background).shap_values, rows, nsamples=N_COALITIONS, l1_reg=0, silent=True
        )

    return call


def against_kernel(work, against, build, rows, theirs, n_theirs, targets, headline=False):
    """Compare at the same coalitions, then with as few of ours as give shap's error.

    ``build(n_coalitions, seed)`` returns our fitted explainer; ``theirs`` explains ``n_theirs`` rows.
    """

    def error(n_coalitions):
        return np.mean([rmse(values_of(build(n_coalitions, seed), rows[:ERROR_ROWS])) for seed in SEEDS])

    same, best = error(N_COALITIONS), shap_error()
    enough = next(fewer for fewer in (*FEWER, N_COALITIONS) if fewer == N_COALITIONS or error(fewer) <= best)
    ours, faster = build(N_COALITIONS, 0), build(enough, 0)
    calls = {
        "shap": theirs,
        "ours": lambda: quietly(ours.transform, rows),
        "few": lambda: quietly(faster.transform, rows),
    }
    seconds = take_turns(calls)
    yield timed(
        f"Shapley values, {work}", against, targets[0], seconds["ours"], seconds["shap"], n_rows=len(rows),
        n_theirs=n_theirs, note=f"{N_COALITIONS:,} coalitions", headline=headline,
    )  # fmt: skip
    yield Result(
        f"error of Shapley values, {work}", against, float(same / best), 0.5, True, f"{N_COALITIONS:,} coalitions",
        ours=float(same), theirs=best, unit="RMSE",
    )  # fmt: skip
    yield timed(
        f"Shapley values as exact as the peer's, {work}", against, targets[1], seconds["few"], seconds["shap"],
        n_rows=len(rows), n_theirs=n_theirs, note=f"{enough:,} coalitions",
    )  # fmt: skip


def raw_columns():
    pipeline, X, _ = census()
    codes, predict = coded()
    return against_kernel(
        "census Pipeline, 14 raw columns", "shap.KernelExplainer on the Pipeline",
        lambda n, seed: explainer(pipeline, X.iloc[BACKGROUND], n_coalitions=n, random_state=seed), X.iloc[ROWS],
        kernel_call(predict, codes[BACKGROUND], codes[ROWS][:2]), 2, (40, 120), headline=True,
    )  # fmt: skip


def one_hot_matrix():
    pipeline, _, matrix = census()
    groups = members()
    # shap writes to the weights and the rows that it is given
    background = DenseData(matrix[BACKGROUND].copy(), list(groups), [np.array(columns) for columns in groups.values()])
    return against_kernel(
        "one-hot matrix grouped in 14", "shap.KernelExplainer with groups",
        lambda n, seed: explainer(
            pipeline[-1], matrix[BACKGROUND], n_coalitions=n, random_state=seed, feature_groups=groups
        ),
        matrix[ROWS], kernel_call(logit, background, matrix[ROWS][:4].copy()), 4, (5, 15),
    )  # fmt: skip


def exact_values():
    pipeline, X, _ = census()
    codes, predict = coded()
    theirs = shap.ExactExplainer(predict, shap.maskers.Independent(codes[BACKGROUND], max_samples=N_BACKGROUND))
    ours, rows = explainer(pipeline, X.iloc[BACKGROUND], algorithm="exact", n_coalitions=None), X.iloc[ROWS][:8]
    seconds = take_turns(
        {
            "ours": lambda: ours.transform(rows),
            "shap": lambda: quietly(theirs, codes[ROWS][:1], max_evals=2**N_PLAYERS, silent=True),
        },
        rounds=3,
    )
    note = f"{rmse(ours.transform(rows[:ERROR_ROWS])):.0e} from an enumeration in plain"
    return timed(
        "exact Shapley values, 14 raw columns", "shap.ExactExplainer on the Pipeline", 15, seconds["ours"],
        seconds["shap"], n_rows=len(rows), n_theirs=1, note=note,
    )  # fmt: skip


def forest():
    codes, y = coded()[0], load_adult(return_X_y=True)[1]
    model = RandomForestClassifier(50, min_samples_leaf=5, random_state=0).fit(codes[:8_000], y[:8_000])
    ours, rows = explainer(model, codes[BACKGROUND], output="proba"), codes[ROWS][: size(3, 1)]
    theirs = kernel_call(lambda z: model.predict_proba(z)[:, 1], codes[BACKGROUND], rows)
    seconds = take_turns({"ours": lambda: quietly(ours.transform, rows), "shap": theirs}, rounds=3)
    return timed(
        "Shapley values, random forest, 14 columns", "shap.KernelExplainer", 1.2, seconds["ours"], seconds["shap"],
        n_rows=len(rows), note=f"{N_COALITIONS:,} coalitions",
    )  # fmt: skip


def run():
    """Compare on raw columns, on the one-hot matrix, exactly, and on a forest."""
    yield from raw_columns()
    yield from one_hot_matrix()
    yield exact_values()
    yield forest()
