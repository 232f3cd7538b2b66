"""Error of Shapley values at equal evaluations: five public tables, against the best of shap's and shapiq's estimators.

One evaluation is one row given to the model, and all contenders may use as many: ``BUDGET`` coalitions of players times
the background rows, for each explained row. Those of our ``fit`` count too, shared out among the explained rows. The
truth is the sum over all coalitions. ``python -m benchmarks.bench_shapley_error`` prints all contenders and budgets.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.common import Result, size
from benchmarks.shapley_peers import PEERS, Game, estimate
from benchmarks.tables import NAMES, load, model_of
from sklearn_xai import ShapleyExplainer

N_BACKGROUND, N_ROWS = 25, size(8, 2)
BUDGET, SEEDS = 256, range(size(2, 1))
BUDGETS = (64, 128, 256, 512, 1024)
ROUNDING = 1e-6  # errors below this share of the values' size are those of the arithmetic, not of the sampling
OURS = {"sklearn_xai": True, "sklearn_xai, fit not counted": False}


@contextmanager
def one_thread():
    """Nothing is timed here, and the matrices are small: threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def games(name, kind):
    """Return (background, rows, games of the rows, their Shapley values)."""
    table, model = load(name), model_of(name, kind)
    background, rows = table.X[:N_BACKGROUND], table.X[-N_ROWS:]
    outputs = model.outputs(rows)
    k = outputs.shape[1]
    chosen = np.full(N_ROWS, k - 1) if k <= 2 else outputs.argmax(axis=1)
    played = [
        Game(lambda X, c=c: model.outputs(X)[:, c], row, background, table.members)
        for row, c in zip(rows, chosen, strict=True)
    ]
    return background, rows, played, np.stack([game.exact() for game in played])


def peer_error(peer, name, kind, budget, seed):
    """Return (RMSE, evaluations a row) of a peer; NaN where it cannot work with so few."""
    _, _, played, exact = games(name, kind)
    found = [estimate(peer, game, budget, 1000 * seed + i) for i, game in enumerate(played)]
    evaluations = np.mean([rows for _, rows in found])
    if any(values is None for values, _ in found):
        return np.nan, evaluations
    return rmse(np.stack([values for values, _ in found]), exact), evaluations


def our_error(fit_counts, name, kind, budget, seed):
    """Return (RMSE, evaluations a row) of ShapleyExplainer, with as many coalitions as the budget allows."""
    table, model = load(name), model_of(name, kind)
    background, rows, _, exact = games(name, kind)
    allowed = budget * len(background)
    n_coalitions = budget
    while True:
        explainer = ShapleyExplainer(
            model.estimator, n_coalitions=n_coalitions, background_size=len(background), feature_groups=table.groups,
            random_state=seed,
        )  # fmt: skip
        model.rows = 0
        explainer.fit(background)
        model.rows *= fit_counts
        values = explainer.transform(rows)
        evaluations = model.rows / len(rows)
        if evaluations <= allowed + 1 + len(background):  # the row itself, and the background, as KernelExplainer's
            return rmse(values, exact), evaluations
        n_coalitions = min(n_coalitions - 2, int(n_coalitions * allowed / evaluations))


def rmse(values, exact):
    return float(np.sqrt(np.square(values - exact).mean()))


def errors(name, kind="net", budget=BUDGET, seeds=range(3)):
    """Return {contender: (mean RMSE, evaluations a row)}, ours first."""
    runs = {label: (our_error, fit_counts) for label, fit_counts in OURS.items()}
    runs |= {peer: (peer_error, peer) for peer in PEERS}
    found = {}
    for label, (measure, what) in runs.items():
        scores = np.array([measure(what, name, kind, budget, seed) for seed in seeds])
        found[label] = tuple(scores.mean(axis=0))
    return found


def run(budget=BUDGET, seeds=SEEDS):
    """Compare on the network of each table."""
    with one_thread():
        yield from _compare(budget, seeds)


def _compare(budget, seeds):
    lower = 0
    for name in NAMES:
        found = errors(name, budget=budget, seeds=seeds)
        (error, evaluations), (bare, _) = (found[label] for label in OURS)
        theirs = {peer: found[peer] for peer in PEERS}
        best = min(theirs, key=lambda peer: np.nan_to_num(theirs[peer][0], nan=np.inf))
        typical = np.sqrt(np.square(games(name, "net")[3]).mean())
        tie = max(error, theirs[best][0]) < ROUNDING * typical
        ratio = 1.0 if tie else theirs[best][0] / error
        lower += ratio > 1
        players = len(load(name).members)
        note = f"values of size {typical:.1e}; evaluations a row: "
        note += f"{evaluations:,.0f} vs {theirs[best][1]:,.0f}; RMSE {bare:.1e} where our fit is not counted"
        note += f"; a tie: all {2**players} coalitions of {players} players are within the budget" if tie else ""
        work = f"error of Shapley values, {name}, {players} players, {budget} coalitions"
        yield Result(work, best, float(ratio), 1, note=note, ours=error, theirs=theirs[best][0], unit="RMSE")
    work, against = "tables of 5 on which the error of Shapley values is lower", "the best of shap and shapiq on each"
    yield Result(work, against, lower, 4, unit="", headline=True)


def study(names=NAMES, budgets=BUDGETS, kinds=("net", "boosting"), seeds=range(3)):
    """Print the RMSE of all contenders at all budgets as tables of Markdown; below full enumeration only."""
    with one_thread():
        _print_study(names, budgets, kinds, seeds)


def _print_study(names, budgets, kinds, seeds):
    for kind in kinds:
        for name in names:
            n_players = len(load(name).members)
            sizes = [budget for budget in budgets if budget < 2**n_players]
            if not sizes:
                print(f"\n{name}, {kind}: {2**n_players} coalitions, everything is exact.")
                continue
            columns = {budget: errors(name, kind, budget, seeds) for budget in sizes}
            print(f"\n{name}, {kind}, {n_players} players: RMSE (evaluations a row) by number of coalitions\n")
            print("| contender | " + " | ".join(f"{budget:,}" for budget in sizes) + " |")
            print("|---" * (len(sizes) + 1) + "|")
            for label in columns[sizes[0]]:
                cells = [columns[budget][label] for budget in sizes]
                print(
                    f"| {label} | " + " | ".join(f"{error:.1e} ({rows:,.0f})" for error, rows in cells) + " |",
                    flush=True,
                )


if __name__ == "__main__":
    study(*(sys.argv[1:] and [sys.argv[1:]]))
