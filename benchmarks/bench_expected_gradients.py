"""Expected gradients of the census net against shap's GradientExplainer and Captum's GradientShap at the same draws.

The 100 background rows are the same. shap and Captum draw anew for each row, ours are shared. The error is the distance
to 20,000 draws, 200 equal steps of the way to each background row.
"""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import shap
import torch
from captum.attr import GradientShap

from benchmarks.census import census
from benchmarks.common import against_best, in_batches, size
from benchmarks.nets import median_gap, only_output, rmse
from sklearn_xai import ExpectedGradientsExplainer
from sklearn_xai._rng import isolated_rng

BACKGROUND, ROWS = slice(0, 100), slice(10_000, size(12_000, 10_500))
SHAP_ROWS, ERROR_ROWS, SEEDS = size(40, 32), 32, range(size(5, 1))
BATCHES = size((8, 32, 64, 128, 256, 512, 2_000), (64, 256))
N_STEPS = 200
TARGET = 1


@cache
def exact():
    """Return the attributions of the first rows by many draws, in double precision."""
    pipeline, _, matrix = census()
    net = copy.deepcopy(pipeline[-1].module_).eval().double()
    background = torch.as_tensor(matrix[BACKGROUND]).double()
    alphas = (torch.arange(N_STEPS, dtype=torch.float64) + 0.5) / N_STEPS
    found = []
    for row in torch.as_tensor(matrix[ROWS][:ERROR_ROWS]).double():
        away = row - background
        points = (background[:, None] + alphas[:, None] * away[:, None]).flatten(0, 1).requires_grad_()
        slopes = torch.autograd.grad(net(points)[:, TARGET].sum(), points)[0]
        found.append((slopes.unflatten(0, (-1, N_STEPS)).mean(dim=1) * away).mean(dim=0))
    return torch.stack(found).numpy()


def ours(n_samples, seed=0):
    pipeline, _, matrix = census()
    net = pipeline[-1].module_.eval()
    return ExpectedGradientsExplainer(
        net, n_samples=n_samples, background_size=100, tol=10.0, target=TARGET, random_state=seed
    ).fit(matrix[BACKGROUND])


def errors(n_samples, theirs):
    """Say how far ours and theirs are from the exact values, and from adding up to the difference of the outputs."""
    pipeline, _, matrix = census()
    net, rows = pipeline[-1].module_, matrix[ROWS][:ERROR_ROWS]
    found = [ours(n_samples, seed).transform(rows) for seed in SEEDS]
    mean = np.mean([rmse(values, exact()) for values in found])
    gaps = [median_gap(values, net, rows, matrix[BACKGROUND], TARGET) for values in (found[0], theirs)]
    return f"RMSE {mean:.1e} vs {rmse(theirs, exact()):.1e}; median gap {gaps[0]:.0e} vs {gaps[1]:.0e}"


def against_shap(n_samples=200):
    pipeline, _, matrix = census()
    net = only_output(pipeline[-1].module_.layers, TARGET)
    background, few = torch.as_tensor(matrix[BACKGROUND]), torch.as_tensor(matrix[ROWS][:SHAP_ROWS])

    def call(batch_size):
        method = shap.GradientExplainer(net, background, batch_size=batch_size)

        def run():
            with isolated_rng(0):  # it seeds the global generators
                return method.shap_values(few.clone(), nsamples=n_samples, rseed=0)

        return run

    calls = {f"batch {size}": call(size) for size in (50, 200)}
    theirs = calls["batch 50"]()[:ERROR_ROWS].reshape(ERROR_ROWS, -1)
    explainer, rows = ours(n_samples), matrix[ROWS]
    return against_best(
        f"expected gradients, {n_samples} draws, census MLP", "shap.GradientExplainer, one output", 30,
        lambda: explainer.transform(rows), calls, n_rows=len(rows), n_theirs=len(few), note=errors(n_samples, theirs),
        headline=True,
    )  # fmt: skip


def against_captum(n_samples=50):
    pipeline, _, matrix = census()
    net, rows = pipeline[-1].module_.eval(), matrix[ROWS]
    background, z = torch.as_tensor(matrix[BACKGROUND]), torch.as_tensor(rows)
    method = GradientShap(net)

    def attribute(part):
        return method.attribute(part, background, n_samples=n_samples, target=TARGET)

    with isolated_rng(0):
        theirs = attribute(z[:ERROR_ROWS]).detach()
        explainer = ours(n_samples)
        return against_best(
            f"expected gradients, {n_samples} draws, census MLP", "Captum GradientShap, best batch", 5,
            lambda: explainer.transform(rows), in_batches(attribute, z, BATCHES), n_rows=len(rows),
            note=errors(n_samples, theirs),
        )  # fmt: skip


def run():
    """Compare at 200 draws, shap's default, and at 50."""
    yield against_shap()
    yield against_captum()
