"""How time and peak memory of ``transform`` grow with rows, features, steps and coalitions, with fitted exponents.

Every point is measured in a process of its own, forked from one that has imported the library: what is left of other
points is not in its memory. Networks are n-128-128-2, rows standard normal.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import time
import warnings
from dataclasses import dataclass

import numpy as np

from benchmarks.common import MOST_ROUNDS, THREADS, is_quick

LEAST_MIB = 1.0  # less is what any call takes for itself
SECONDS, ROUNDS = 1.0, 3  # of the repeats of a point, at least


@dataclass(frozen=True)
class Case:
    """One point: an explainer, what is varied, and the sizes of everything."""

    explainer: str
    axis: str
    x: int
    n_rows: int
    n_features: int
    options: tuple = ()
    is_quick: bool = False


def cases():
    """Return all points, those of a line in rising order; in a quick run the lowest of each line."""
    path, shapley = "IntegratedGradientsExplainer", "ShapleyExplainer"
    few = {"n_coalitions": 256, "background_size": 20}

    def line(explainer, axis, first, last, n_rows=1_000, n_features=103, option=None, **options):
        for x in (2**k for k in range(first, (min(last, first + 2) if is_quick() else last) + 1)):
            sizes = {"n_rows": n_rows, "n_features": n_features}
            if option is None:
                sizes[f"n_{axis}"] = x
            chosen = tuple({**options, **({option: x} if option else {})}.items())
            yield Case(explainer, axis, x, options=chosen, is_quick=is_quick(), **sizes)

    return [
        *line("SaliencyExplainer", "rows", 9, 17),
        *line(path, "rows", 9, 15),
        *line("LocalSurrogateExplainer", "rows", 5, 12, n_samples=1_000),
        *line(shapley, "rows", 4, 10, **few),
        *line("SaliencyExplainer", "features", 4, 12),
        *line(path, "features", 4, 12),
        *line("LocalSurrogateExplainer", "features", 4, 10, n_rows=128, n_samples=1_000),
        *line(shapley, "features", 4, 9, n_rows=64, **few),
        *line(path, "steps", 3, 10, n_rows=500, option="n_steps"),
        *line(shapley, "coalitions", 5, 12, n_rows=32, option="n_coalitions", background_size=20),
        *line("LocalSurrogateExplainer", "coalitions", 7, 14, n_rows=128, option="n_samples"),
    ]


def _status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024


def _explainer(case):
    """Return the fitted explainer of a case, and its rows."""
    import torch
    from torch import nn

    import sklearn_xai

    torch.set_num_threads(THREADS)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(case.n_features, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)
        ).eval()  # fmt: skip
    X = np.random.RandomState(0).standard_normal((max(case.n_rows, 100), case.n_features)).astype(np.float32)
    cls = getattr(sklearn_xai, case.explainer)
    return cls(net, target=1, random_state=0, **dict(case.options)).fit(X[:100]), X[: case.n_rows]


def measure(case):
    """Return (median seconds, MiB) of a ``transform``: its peak less what was there before and what it returns."""
    warnings.simplefilter("ignore")
    explainer, rows = _explainer(case)
    explainer.transform(rows[:2])
    gc.collect()
    before = _status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak is counted from here
    result = explainer.transform(rows)
    mebibytes = (_status("VmHWM") - before - result.nbytes) / 2**20
    taken, (seconds, rounds) = [], (0.0, 1) if case.is_quick else (SECONDS, ROUNDS)
    until = time.perf_counter() + seconds
    while len(taken) < rounds or (time.perf_counter() < until and len(taken) < MOST_ROUNDS):
        start = time.perf_counter()
        explainer.transform(rows)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)), mebibytes


def fit_exponent(x, values):
    """Return the exponent of growth over the upper half of the range (four points or more), with a 95% interval.

    Least squares of log y on log x: ``y = factor * x ** exponent``.
    """
    from scipy.stats import linregress, t

    points = min(len(x), max(4, math.ceil(len(x) / 2)))
    found = linregress(np.log(x[-points:]), np.log(values[-points:]))
    error = np.nan_to_num(found.stderr)  # not a number where all values are equal
    half = float(t.ppf(0.975, points - 2) * error) if points > 2 else math.inf
    slope = float(found.slope)
    return {
        "exponent": slope, "low": slope - half, "high": slope + half, "factor": float(np.exp(found.intercept)),
        "points": points,
    }  # fmt: skip


def _line(x, values, unit):
    return {"values": list(values), "last": values[-1], "unit": unit, **fit_exponent(x, values)}


def measured(found):
    """Yield a dictionary for each line, of the cases and their (seconds, MiB)."""
    lines = {}
    for case, numbers in found:
        lines.setdefault((case.explainer, case.axis), []).append((case.x, *numbers))
    for (explainer, axis), points in lines.items():
        x, seconds, mebibytes = (list(column) for column in zip(*points, strict=True))
        yield {
            "explainer": explainer, "axis": axis, "x": x, "time": _line(x, seconds, "s"),
            "memory": _line(x, [max(amount, LEAST_MIB) for amount in mebibytes], "MiB"),
        }  # fmt: skip


def run():
    """Yield (case, its seconds and MiB), one process after the other."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "sklearn_xai"])
    todo = cases()
    with context.Pool(1, maxtasksperchild=1) as pool:
        yield from zip(todo, pool.imap(measure, todo), strict=True)
