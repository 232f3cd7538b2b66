"""Where the truth is known: on every generated set, every measure of faithfulness and agreement puts it first.

The exact attributions are to beat the same with as much noise as there is signal, and those the random control, which
knows nothing. The margin: the exact ones beat the control by ``MARGIN`` standard errors, and each step by a third of
that, of the differences over ``N_ROWS`` rows, each the mean over ``N_DRAWS`` draws of noise or control. Correlations
are 0.7 at least for the exact attributions, and no more than 0.15 beyond what chance gives for the control.
"""

from __future__ import annotations

from functools import cache
from inspect import signature

import numpy as np
import pytest

from sklearn_xai import InputXGradientExplainer, RandomExplainer
from sklearn_xai.datasets import (
    make_attribution_clusters,
    make_attribution_images,
    make_attribution_interactions,
    make_attribution_linear,
)
from sklearn_xai.metrics import METRICS

MARGIN = 6
N_ROWS, N_DRAWS = 120, 3
N_IMAGES = 15
TABLES = ["linear", "interactions", "clusters"]
CORRELATIONS = ["faithfulness_correlation", "sensitivity_n", "monotonicity_correlation"]


def names(family, inputs="table"):
    return sorted(name for name, metric in METRICS.items() if metric.family == family and inputs in metric.inputs)


@cache
def made(kind):
    if kind == "linear":
        return make_attribution_linear(2 * N_ROWS, loc=2.0, random_state=0, return_bunch=True)
    if kind == "interactions":
        return make_attribution_interactions(2 * N_ROWS, random_state=0, return_bunch=True)
    return make_attribution_clusters(4 * N_ROWS, random_state=0, return_bunch=True)


@cache
def explanations(kind):
    """Return an explainer, rows, and their attributions: exact, with noise (several draws), of the control (several).

    The background is of other rows. Those of clusters are judged beside the nearest ones (``removal="conditional"``),
    as their truth is that of a row's own cluster.
    """
    bunch = made(kind)
    X, others = bunch.data[:N_ROWS], bunch.data[N_ROWS:]
    explainer = InputXGradientExplainer(bunch.model, target=0).fit(others)
    exact = bunch.attributions[:N_ROWS]
    rng = np.random.RandomState(0)
    noisy = [exact + exact.std() * rng.randn(*exact.shape) for _ in range(N_DRAWS)]
    controls = [RandomExplainer(bunch.model, target=0, random_state=k).fit(others) for k in range(N_DRAWS)]
    return explainer, X, {"exact": [exact], "noisy": noisy, "random": [control.transform(X) for control in controls]}


def scores(name, kind, **options):
    """Return the scores of the three, larger being better, (n_rows,) each."""
    explainer, X, found = explanations(kind)
    metric = METRICS[name]

    def score(attributions):
        return metric.sign * metric.function(
            explainer, X, attributions=attributions, sample_wise=True, random_state=0, **options
        )

    return {which: np.mean([score(attributions) for attributions in draws], axis=0) for which, draws in found.items()}


def standard_errors(better, worse):
    """Return by how many standard errors the mean of one is above that of the other."""
    difference = better - worse
    return difference.mean() / (difference.std(ddof=1) / np.sqrt(len(difference)))


def assert_in_order(found):
    assert standard_errors(found["exact"], found["random"]) > MARGIN
    assert standard_errors(found["exact"], found["noisy"]) > MARGIN / 3
    assert standard_errors(found["noisy"], found["random"]) > MARGIN / 3


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("name", names("faithfulness"))
def test_faithfulness_puts_the_truth_first_and_chance_last(name, kind):
    found = scores(name, kind, removal="conditional" if kind == "clusters" else None)
    assert_in_order(found)
    if name in CORRELATIONS:
        assert found["exact"].mean() > 0.7
        assert abs(found["random"].mean()) < 0.15


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("name", names("agreement"))
def test_agreement_puts_the_truth_first_and_chance_last(name, kind):
    truth = explanations(kind)[2]["exact"][0]
    found = scores(name, kind, reference=truth)
    assert_in_order(found)
    np.testing.assert_allclose(found["exact"], 1.0)
    chance = 0.5 if name == "pairwise_rank_agreement" else 0.0 if name == "rank_correlation" else 0.25
    assert found["random"].mean() < chance + 0.15


# ---------------------------------------------------------------- images
@cache
def images():
    """Return an explainer of images of one class, the images, the true masks, and attributions as of tables.

    The noise is three times that of tables: with less, the largest attribution stays on the object in each image.

    The class's output is the mean over the object of texture times pixel: each of its pixels contributes the same.
    """
    bunch = make_attribution_images(3 * N_IMAGES, image_size=16, n_distractors=0, random_state=0, return_bunch=True)
    own = bunch.target == 1
    X, masks = bunch.data[own], bunch.attributions[own]
    explainer = InputXGradientExplainer(bunch.model, target=1).fit(bunch.background[:8])
    exact = (masks / masks.sum(axis=(1, 2), keepdims=True))[:, None]
    rng = np.random.RandomState(0)
    noisy = [exact + 3 * exact.std() * rng.randn(*exact.shape) for _ in range(N_DRAWS)]
    controls = [RandomExplainer(bunch.model, target=1, random_state=k).fit(bunch.background) for k in range(N_DRAWS)]
    return explainer, X, masks, {"exact": [exact], "noisy": noisy, "random": [c.transform(X) for c in controls]}


def image_scores(name):
    explainer, X, masks, found = images()
    metric = METRICS[name]
    needs = {"masks": masks} if "masks" in metric.needs else {}
    if "n_subsets" in signature(metric.function).parameters:
        needs["n_subsets"] = 30

    def score(a):
        return metric.sign * metric.function(explainer, X, attributions=a, sample_wise=True, random_state=0, **needs)

    return {which: np.mean([score(a) for a in draws], axis=0) for which, draws in found.items()}


@pytest.mark.parametrize("name", names("faithfulness", "image") + names("localisation", "image"))
def test_images_put_the_truth_first_and_chance_last(name):
    found = image_scores(name)
    assert_in_order(found)
    if METRICS[name].family == "localisation":
        np.testing.assert_allclose(found["exact"], 1.0)
