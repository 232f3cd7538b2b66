"""Sparseness, complexity and effective complexity: by hand on three players, and as properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer, RandomExplainer
from sklearn_xai.metrics import complexity, effective_complexity, sparseness
from tests.oracles import mlp, seeded

ROWS = np.random.RandomState(0).randn(30, 3)
tied = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 0.5, 1.0, 4.0])


def linear(weights):
    """Return a layer with one output of the given weights, and no intercept."""
    layer = nn.Linear(len(weights), 1, bias=False).double()
    layer.weight.data = torch.tensor([weights], dtype=torch.float64)
    return layer


@pytest.fixture(scope="module")
def explainer():
    with torch.random.fork_rng(devices=[]):
        return IntegratedGradientsExplainer(linear([4.0, 2.0, 1.0]), baseline="zero").fit(np.zeros((4, 3)))


# ---------------------------------------------------------------- shares
def test_three_players_by_hand(explainer):
    found = np.array([[1.0, -2.0, 3.0], [0, 0, -5], [2, 2, -2], [0, 1, 1], [0, 0, 0]])
    rows = ROWS[:5]
    # (-2 * 1 + 0 * 2 + 2 * 3) / (3 * 6) = 2 / 9; of one player alone (2 * 5) / (3 * 5); of two of one size 2 / (3 * 2)
    gini = sparseness(explainer, rows, attributions=found, sample_wise=True)
    assert_allclose(gini, [2 / 9, 2 / 3, 0, 1 / 3, 0], atol=1e-15)
    entropy = complexity(explainer, rows, attributions=found, sample_wise=True)
    shares = np.array([1, 2, 3]) / 6
    assert_allclose(entropy, [-(shares * np.log(shares)).sum(), 0, np.log(3), np.log(2), np.log(3)], atol=1e-15)
    assert sparseness(explainer, rows, attributions=found) == pytest.approx(gini.mean())
    assert complexity(explainer, rows, attributions=found) == pytest.approx(entropy.mean())


def mean_difference(row):
    """Return the Gini index as half the mean absolute difference of two players, over the mean."""
    size = np.abs(row)
    return np.abs(size[:, None] - size).mean() / (2 * size.mean()) if size.any() else 0.0


@given(arrays(float, (2, 3), elements=tied), st.permutations(range(3)), st.sampled_from([0.125, 3.0, -8.0]))
def test_shares_do_not_depend_on_place_or_scale(explainer, a, places, factor):
    for metric in (sparseness, complexity):
        found = metric(explainer, ROWS[:2], attributions=a, sample_wise=True)
        moved = metric(explainer, ROWS[:2], attributions=factor * a[::-1, places], sample_wise=True)
        assert_allclose(moved[::-1], found, atol=1e-14)
    assert_allclose(
        sparseness(explainer, ROWS[:2], attributions=a, sample_wise=True),
        [mean_difference(row) for row in a],
        atol=1e-14,
    )


@given(arrays(float, (3, 3), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_shares_stay_in_their_range_on_all_floats(explainer, a):
    gini = sparseness(explainer, ROWS[:3], attributions=a, sample_wise=True)
    entropy = complexity(explainer, ROWS[:3], attributions=a, sample_wise=True)
    assert (gini >= 0).all() and (gini <= 2 / 3 + 1e-15).all()
    assert (entropy >= 0).all() and (entropy <= np.log(3) + 1e-15).all()


# ---------------------------------------------------------------- effective complexity
@pytest.mark.parametrize(("tol", "needed"), [(0, 3), (0.1, 3), (0.15, 2), (0.5, 1), (0.99, 1), (1, 0)])
def test_players_needed_by_hand(explainer, tol, needed):
    # Without any player 7 are lost, with the first 3, with two 1, with all none.
    rows = np.ones((1, 3))
    assert effective_complexity(explainer, rows, tol=tol, removal="baseline", normalize=False) == needed
    assert effective_complexity(explainer, rows, tol=tol, removal="marginal") == pytest.approx(needed / 3)


def test_a_wrong_order_needs_more_players(explainer):
    rows = np.ones((2, 3))
    found = effective_complexity(
        explainer, rows, attributions=[[-4, 2, 1], [1, 2, 4]], tol=0.15, normalize=False, sample_wise=True
    )
    assert_array_equal(found, [2, 3])


def test_a_row_at_the_mean_of_the_background_needs_its_players():
    background = np.array([[-1.0, 0, 0], [1, 0, 0]])
    explainer = IntegratedGradientsExplainer(linear([4.0, 2.0, 1.0])).fit(background)
    assert effective_complexity(explainer, np.zeros((1, 3)), attributions=[[3, 2, 1]], normalize=False) == 1
    assert effective_complexity(explainer, np.zeros((1, 3)), attributions=[[1, 2, 3]], normalize=False) == 3


def test_nobody_is_needed_of_a_constant_model_and_one_of_one():
    constant = IntegratedGradientsExplainer(linear([0.0, 0.0, 0.0])).fit(ROWS)
    assert effective_complexity(constant, ROWS) == 0.0
    single = IntegratedGradientsExplainer(linear([2.0])).fit(ROWS[:, :1])
    assert effective_complexity(single, ROWS[:5, :1]) == 1.0
    assert sparseness(single, ROWS[:5, :1]) == complexity(single, ROWS[:5, :1]) == 0.0


def test_an_explanation_that_says_nothing_scores_as_chance_does():
    X = np.random.RandomState(1).randn(40, 10)
    explainer = IntegratedGradientsExplainer(linear([5.0, 4.0, 3.0] + [0.0] * 7), n_steps=8).fit(X)
    truth = effective_complexity(explainer, X)
    zeros = [effective_complexity(explainer, X, attributions=np.zeros_like(X), random_state=i) for i in range(10)]
    control = RandomExplainer(linear([5.0, 4.0, 3.0] + [0.0] * 7), random_state=0).fit(X).transform(X)
    random = effective_complexity(explainer, X, attributions=control)
    assert truth <= 0.3 and random > truth + 0.3
    assert np.mean(zeros) == pytest.approx(random, abs=0.1)


def test_many_players_are_tried_in_steps():
    X = np.random.RandomState(2).randn(20, 200)
    explainer = IntegratedGradientsExplainer(linear([1.0] * 20 + [0.0] * 180), n_steps=8).fit(X)
    found = effective_complexity(explainer, X[:5], tol=0.01, normalize=False, sample_wise=True)
    assert (found >= 15).all() and (found <= 22).all()
    assert_array_equal(found, effective_complexity(explainer, X[:5], tol=0.01, sample_wise=True) * 200)


@pytest.mark.parametrize("removal", ["marginal", "baseline", "conditional"])
def test_all_targets_are_averaged_and_rows_stand_alone(removal):
    explainer = IntegratedGradientsExplainer(seeded(lambda: mlp(3, 2)), target="all", tol=10).fit(ROWS)
    X, both = ROWS[:4], explainer.transform(ROWS[:4])
    before = both.copy()
    found = effective_complexity(explainer, X, attributions=both, removal=removal, sample_wise=True)
    alone = [effective_complexity(explainer, X[[i]], attributions=both[[i]], removal=removal) for i in range(4)]
    assert_allclose(alone, found)
    parts = [
        effective_complexity(
            IntegratedGradientsExplainer(seeded(lambda: mlp(3, 2)), target=k, tol=10).fit(ROWS),
            X,
            removal=removal,
            sample_wise=True,
        )
        for k in range(2)
    ]
    assert_allclose(found, np.mean(parts, axis=0))
    for metric in (sparseness, complexity):
        halves = [metric(explainer, X, attributions=np.tile(both[:, 3 * k :][:, :3], 2)) for k in range(2)]
        assert metric(explainer, X) == pytest.approx(np.mean(halves))
    assert_array_equal(both, before)


@pytest.mark.parametrize("tol", [-0.1, 1.5, True, "small", None, np.nan, [0.1]])
def test_a_wrong_tolerance_is_named(explainer, tol):
    with pytest.raises(ValueError, match="'tol' parameter of effective_complexity must be a number from 0 to 1. Got"):
        effective_complexity(explainer, ROWS, tol=tol)
