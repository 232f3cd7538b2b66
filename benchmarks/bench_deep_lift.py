"""DeepLIFT of the census net: averaged over 100 background rows against shap, and from one baseline against Captum."""

from __future__ import annotations

import warnings

import shap
import torch
from captum.attr import DeepLift

from benchmarks.census import census
from benchmarks.common import against_best, in_batches, size
from benchmarks.nets import farthest, median_gap, only_output
from sklearn_xai import DeepLiftExplainer

BACKGROUND, ROWS = slice(0, 100), slice(10_000, size(15_000, 12_500))
MANY_ROWS, SHAP_ROWS = size(1_000, 500), size(40, 20)  # averaged over the background, ours and shap's
TARGET = 1


def quietly(function, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


def gaps(found, rows, background):
    """Say how far ours and theirs are from each other, and from adding up to the difference of the outputs."""
    net = census()[0][-1].module_
    mine, theirs = (median_gap(values, net, rows, background, TARGET) for values in found)
    return f"{farthest(*found)}; median gap {mine:.0e} vs {theirs:.0e}"


def against_shap():
    pipeline, _, matrix = census()
    background, rows = matrix[BACKGROUND], matrix[ROWS][:MANY_ROWS]
    few = rows[:SHAP_ROWS]
    z = torch.as_tensor(few)
    ours = DeepLiftExplainer(
        pipeline[-1].module_.eval(), baseline="sample", background_size=100, target=TARGET, random_state=0
    ).fit(background)
    # The check of the sum costs shap a little; whether it adds up is measured here for both.
    method = shap.DeepExplainer(only_output(pipeline[-1].module_.layers, TARGET), torch.as_tensor(background))
    theirs = lambda: method.shap_values(z, check_additivity=False)  # noqa: E731
    found = ours.transform(few), quietly(theirs).reshape(few.shape)
    return against_best(
        "DeepLIFT over 100 background rows, census MLP", "shap.DeepExplainer, one output", 10,
        lambda: ours.transform(rows), {"row by row": theirs}, n_rows=len(rows), n_theirs=len(few), headline=True,
        note=gaps(found, few, background),
    )  # fmt: skip


def against_captum():
    pipeline, _, matrix = census()
    net, rows = pipeline[-1].module_.eval(), matrix[ROWS]
    ours = DeepLiftExplainer(net, baseline="mean", target=TARGET).fit(matrix)
    baseline, z, method = torch.as_tensor(ours.baseline_), torch.as_tensor(rows), DeepLift(net)
    calls = in_batches(lambda part: method.attribute(part, baseline, target=TARGET), z, (128, 512, 1_024, 2_500, 5_000))
    found = ours.transform(rows), quietly(calls[1_024])
    return against_best(
        "DeepLIFT, one baseline, census MLP", "Captum DeepLift, best batch", 1.5, lambda: ours.transform(rows), calls,
        n_rows=len(rows), note=gaps(found, rows, ours.baseline_),
    )  # fmt: skip


def run():
    """Compare over many baselines, then with one."""
    yield against_shap()
    yield against_captum()
