"""Integrated gradients of census rows on a cluster: two single-thread workers against one."""

from __future__ import annotations

import logging
from functools import cache
from itertools import count

import numpy as np

from benchmarks.census import census
from benchmarks.common import size, take_turns, timed
from sklearn_xai import IntegratedGradientsExplainer
from sklearn_xai.datasets import load_adult

N_BLOCKS, ROWS_PER_BLOCK = size((40, 12_500), (8, 1_000))


@cache
def table():
    """Return the census table, which a worker reads once: it is not sent."""
    return load_adult(return_X_y=True)[0]


def block(number, n_rows, call):
    """Return some rows of the table, which begins anew where it ends; no block of one call is that of another."""
    rows = np.arange(number * n_rows, (number + 1) * n_rows)
    return table().iloc[rows % len(table())].set_index(rows)


def run():
    """What is brought back is the mean size of the attributions of each column: they stay where they were made."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    pipeline, X, _ = census()
    explainer = IntegratedGradientsExplainer(pipeline, random_state=0).fit(X.iloc[:2_000])
    calls, n_rows = count(), N_BLOCKS * ROWS_PER_BLOCK

    def importances(client, workers):
        rows = dd.from_map(block, range(N_BLOCKS), n_rows=ROWS_PER_BLOCK, call=next(calls), meta=X.iloc[:0])
        client.compute(explainer.transform(rows).abs().mean(), workers=workers).result()

    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": logging.ERROR}
    with LocalCluster(**settings) as cluster, Client(cluster, set_as_default=False) as client:
        both = sorted(client.ncores())
        one, two = (lambda: importances(client, both[:1])), (lambda: importances(client, both))
        two()  # both warm up
        seconds = take_turns({"one": one, "two": two}, rounds=3, warm=False)
    result = timed(
        f"dask, census, {n_rows:,} rows, IG, two workers", "one worker, one thread each", 1.6, seconds["two"],
        seconds["one"], n_rows=n_rows, headline=True,
    )  # fmt: skip
    hours = 1e8 / (n_rows / result.ours / 2) / 3600
    result.note = f"{result.ratio / 2:.0%} efficiency; at that, 100 million rows take {hours:.1f} hours of workers"
    yield result
