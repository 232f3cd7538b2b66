"""Quantus 0.6 on faithfulness and completeness, beside the same measures here.

Equal where the definitions are; where they are not, how far apart.

The network, the images, the attributions and the draws are the same on both sides. A removed pixel becomes 0: the only
background row is black.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer, SaliencyExplainer
from sklearn_xai.engines.agreement import draw_subsets
from sklearn_xai.metrics import (
    completeness_gap,
    deletion_auc,
    faithfulness_correlation,
    infidelity,
    monotonicity_correlation,
    perturbation_curve,
    road,
    sensitivity_n,
)
from tests.oracles import seeded
from tests.parity.quantus_digits import BLACK, N_PIXELS, N_ROWS, both, digits, explained, network, network_classes
from tests.parity.quantus_peer import quantus_scores

pytestmark = pytest.mark.slow


def pixels(subsets):
    """Return the removed pixels of each coalition, as Quantus draws them."""
    return np.stack([np.flatnonzero(~kept) for kept in subsets])


# ---------------------------------------------------------------- faithfulness
@pytest.mark.parametrize("size", [1, 9, 40])
def test_faithfulness_correlation(size, monkeypatch):
    explainer, attributions, _ = explained()
    drawn = pixels(draw_subsets(N_PIXELS, 30, subset_size=size, random_state=4))
    draws = iter(np.repeat(drawn, N_ROWS, axis=0))  # Quantus draws for each row; here a subset is that of all rows
    monkeypatch.setattr(np.random, "choice", lambda *args, **kwargs: next(draws))
    theirs = both("FaithfulnessCorrelation", nr_runs=30, subset_size=size, perturb_baseline=0.0)
    ours = faithfulness_correlation(
        explainer, digits(), attributions=attributions, n_subsets=30, subset_size=size, sample_wise=True, random_state=4
    )
    assert next(draws, None) is None
    assert_allclose(ours, theirs, atol=2e-5)


def test_faithfulness_correlation_of_own_draws_within_their_error():
    """Other draws: with 400 subsets of 9 pixels the mean over rows differs by less than four standard errors."""
    explainer, attributions, _ = explained()
    options = {"n_subsets": 400, "subset_size": 9, "sample_wise": True}
    seeds = [
        faithfulness_correlation(explainer, digits(), attributions=attributions, random_state=k, **options)
        for k in range(8)
    ]
    error = np.std(seeds, axis=0, ddof=1)
    theirs = both("FaithfulnessCorrelation", nr_runs=400, subset_size=9, perturb_baseline=0.0)
    assert (np.abs(theirs - np.mean(seeds, axis=0)) < 4 * error).mean() > 0.9
    assert abs(theirs.mean() - np.mean(seeds)) < 4 * np.sqrt((error**2).sum()) / N_ROWS


def test_deletion_curve_is_pixel_flipping():
    """Quantus leaves out the value of the whole image, and its area needs ``numpy.trapz``, which numpy 2.4 has not."""
    explainer, attributions, _ = explained()
    theirs = both("PixelFlipping", features_in_step=1, perturb_baseline=0.0)
    fractions, ours = perturbation_curve(explainer, digits(), attributions=attributions)
    assert_allclose(fractions, np.arange(N_PIXELS + 1) / N_PIXELS)
    assert_allclose(ours[:, 1:], theirs, atol=1e-5)
    area = deletion_auc(explainer, digits(), attributions=attributions, sample_wise=True)
    whole = np.column_stack([explainer.explained_output(digits()), theirs])
    assert_allclose(area, np.trapezoid(whole, dx=1 / N_PIXELS, axis=1), atol=1e-5)


def test_deletion_in_steps_of_several_pixels():
    explainer, attributions, _ = explained()
    theirs = both("PixelFlipping", features_in_step=4, perturb_baseline=0.0)
    _, ours = perturbation_curve(explainer, digits(), attributions=attributions, n_steps=16)
    assert_allclose(ours[:, 1:], theirs, atol=1e-5)


def test_deletion_curve_of_blocks_is_region_perturbation():
    """Its regions are groups of pixels here; the fall of the output is what it gives, not the output."""
    explainer = SaliencyExplainer(network(), target=0, feature_groups=2).fit(BLACK)
    theirs = both("RegionPerturbation", patch_size=2, regions_evaluation=16, order="morf", perturb_baseline=0.0)
    _, ours = perturbation_curve(explainer, digits())
    assert_allclose(ours[:, :1] - ours[:, 1:], theirs, atol=1e-5)


def test_black_is_another_number_for_each_image_in_quantus():
    """Its default replaces a pixel by the smallest of its image, 0.020 to 0.026, twelve numbers in twelve images.

    An image's curve then hangs on one of its pixels, and moves by 0.01 with it. Here the background is what replaces a
    pixel, the same in all images.
    """
    explainer, attributions, _ = explained()
    least = digits().min(axis=(1, 2, 3))
    assert len(np.unique(least)) == N_ROWS
    theirs = both("PixelFlipping", features_in_step=1)
    constant = both("PixelFlipping", features_in_step=1, perturb_baseline=0.0)
    assert np.abs(theirs - constant).max() > 0.01
    own = [both("PixelFlipping", features_in_step=1, perturb_baseline=float(value))[i] for i, value in enumerate(least)]
    assert_allclose(theirs, own, atol=1e-6)
    _, ours = perturbation_curve(explainer, digits(), attributions=attributions)
    assert_allclose(ours[:, 1:], constant, atol=1e-5)


def test_infidelity_of_the_same_perturbations(monkeypatch):
    """Quantus's k-th perturbation has lost all of the first k blocks: 16 nested sets and no two apart.

    Its attributions are slopes, to be multiplied by what the pixels lost; here they are contributions, which are that
    product. Of sets of one block each, as the published measure has them, the number is another.
    """
    explainer, slopes, _ = explained()
    theirs = both("Infidelity", perturb_patch_sizes=[2], n_perturb_samples=1, perturb_baseline=0.0)
    blocks = np.arange(N_PIXELS).reshape(4, 2, 4, 2).transpose(0, 2, 1, 3).reshape(16, 4)
    single = np.ones((16, N_PIXELS), dtype=bool)
    np.put_along_axis(single, blocks, False, axis=1)
    nested = np.logical_and.accumulate(single)
    scores = {}
    for name, kept in [("nested", nested), ("single", single)]:
        monkeypatch.setattr("sklearn_xai.metrics.faithfulness.draw_subsets", lambda *args, kept=kept, **kwargs: kept)
        scores[name] = infidelity(explainer, digits(), attributions=slopes * digits(), sample_wise=True)
    assert_allclose(scores["nested"], theirs, rtol=1e-4, atol=1e-7)
    assert (scores["single"] < 0.5 * theirs).mean() > 0.8


def test_monotonicity_correlation():
    """Spearman of what single pixels change, squared, with the size of their attributions; one value to change to.

    Quantus divides the changes of a row by the square of its output, which no rank knows of; where the output of some
    but not all rows is below 1e-5 it fails on shapes instead.
    """
    explainer, attributions, _ = explained()
    options = {"features_in_step": 1, "nr_samples": 1, "perturb_baseline": 0.0}
    theirs = both("MonotonicityCorrelation", attributions=np.abs(attributions), **options)
    ours = monotonicity_correlation(explainer, digits(), attributions=attributions, sample_wise=True)
    assert_allclose(ours, theirs, atol=1e-6)
    assert theirs.min() > 0.5


@cache
def linear_network():
    return seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(N_PIXELS, 3)), dtype=None)


def test_sensitivity_n_of_exact_attributions():
    """Exact attributions of a linear network have correlation 1 for each row and each n, as published.

    Quantus sums only the attributions of the last step, correlates them with what all steps together lost, and does so
    over rows in place of subsets. It gives the exact attributions a mean of 0.36. Of more rows than its batch
    holds, only the first batch counts.
    """
    X, y = digits(100), np.zeros(100, dtype=int)
    explainer = IntegratedGradientsExplainer(linear_network(), target=0).fit(BLACK)
    exact = explainer.transform(X)
    ours = sensitivity_n(explainer, X[:N_ROWS], attributions=exact[:N_ROWS], sample_wise=True)
    assert_allclose(ours, 1.0, atol=1e-6)
    options = {"features_in_step": 1, "n_max_percentage": 0.8, "perturb_baseline": 0.0}

    def theirs(n, **call):
        return quantus_scores("SensitivityN", linear_network(), X[:n], y[:n], exact[:n], call=call, **options)

    assert np.mean(theirs(100, batch_size=100)) < 0.5
    assert_array_equal(theirs(100), theirs(64))


def test_road_with_the_same_noise(monkeypatch):
    """The share of rows that keep their class without the most relevant pixels, at one percentage.

    Quantus draws 0.01 times standard normal noise for each image and percentage; here it is left out on both sides. Of
    more rows than its batch holds, only the first batch counts.
    """
    explainer, attributions, _ = explained()
    labels = network_classes(digits())
    monkeypatch.setattr(np.random, "randn", lambda *shape: np.zeros(shape))
    for percentage in (10, 40, 80):
        options = {"percentages": [percentage], "noise": 0.0}
        theirs = quantus_scores("ROAD", network(), digits(), labels, attributions, **options)[percentage]
        lost = road(
            explainer, digits(), labels, attributions=attributions, order="morf", measure="accuracy", random_state=0,
            **options,
        )  # fmt: skip
        assert 1 - lost == pytest.approx(theirs)


# ---------------------------------------------------------------- axioms
def test_completeness_is_no_matter_of_equal_floats():
    """Exact attributions are incomplete for 4 of 10 rows in Quantus, which compares sums of float32 with ``==``.

    Here the gap is a number: 2e-6 of the output at most for these attributions, and half of it for half of them.
    """
    X, y = digits(100), np.zeros(100, dtype=int)
    explainer = IntegratedGradientsExplainer(linear_network(), target=0).fit(BLACK)
    exact = explainer.transform(X)
    theirs = quantus_scores("Completeness", linear_network(), X, y, exact, perturb_baseline=0.0)
    assert np.mean(theirs) < 0.9
    gap = completeness_gap(explainer, X, attributions=exact, relative=True, sample_wise=True)
    assert gap.max() < 1e-4
    assert_allclose(
        completeness_gap(explainer, X, attributions=exact / 2, relative=True, sample_wise=True), 0.5, rtol=1e-3
    )
