"""Ranks, the tests on them and their groups, against scipy, published tables and enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, rankdata

from sklearn_xai.model_selection._ranking import (
    alike_groups,
    bootstrap_control_difference,
    bootstrap_difference,
    bootstrap_ranks,
    dunn_difference,
    friedman,
    nemenyi_difference,
    ranks_of,
)


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 6), st.integers(2, 12), st.integers(2, 9), st.integers(0, 10**6))
def test_friedman_is_that_of_scipy_with_ties_or_without(k, n_blocks, levels, seed):
    scores = np.random.RandomState(seed).randint(levels, size=(n_blocks, k)).astype(float)
    ranks = ranks_of(scores)
    np.testing.assert_array_equal(ranks, rankdata(-scores, axis=1))
    if (ranks == ranks[:, :1]).all():
        assert friedman(ranks) == (0.0, 1.0)
    else:
        np.testing.assert_allclose(friedman(ranks), friedmanchisquare(*scores.T), rtol=1e-9, atol=1e-12)


def test_friedman_by_hand():
    # Two explainers, of which one wins 8 of 10 blocks: (8 - 2)**2 / 10, the chi-squared of a sign test.
    ranks = np.array([[1.0, 2.0]] * 8 + [[2.0, 1.0]] * 2)
    assert friedman(ranks)[0] == pytest.approx(3.6)
    assert friedman(np.ones((4, 1))) == (0.0, 1.0)
    assert friedman(np.full((4, 3), 2.0)) == (0.0, 1.0)


def test_critical_differences_are_those_of_the_table():
    # Demsar (2006), table 5 (a): q of alpha = 0.05 and 0.10 for 2 to 10 classifiers.
    published = {
        0.05: [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164],
        0.10: [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920],
    }
    for alpha, quantiles in published.items():
        for k, q in enumerate(quantiles, start=2):
            found = nemenyi_difference(k, 12, alpha) / np.sqrt(k * (k + 1) / (6 * 12))
            assert found == pytest.approx(q, abs=1.1e-3)
    assert nemenyi_difference(1, 5) == 0.0


def test_differences_from_a_control_are_those_of_the_table():
    # Demsar (2006), table 5 (b): q of Bonferroni-Dunn, two-sided at 0.10, so one-sided at 0.05.
    published = [1.645, 1.960, 2.128, 2.241, 2.326, 2.394, 2.450, 2.498, 2.539]
    for k, q in enumerate(published, start=2):
        assert dunn_difference(k, 12) / np.sqrt(k * (k + 1) / (6 * 12)) == pytest.approx(q, abs=1.1e-3)
        assert k == 2 or dunn_difference(k, 12) < nemenyi_difference(k, 12)
    assert dunn_difference(1, 5) == 0.0


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 10**6), st.floats(0.1, 1e6))
def test_ranks_sum_up_and_follow_permutations_and_units(k, n_blocks, seed, unit):
    rng = np.random.RandomState(seed)
    scores, order = rng.randn(n_blocks, k), rng.permutation(k)
    ranks = ranks_of(scores)
    np.testing.assert_allclose(ranks.sum(axis=1), k * (k + 1) / 2)
    np.testing.assert_array_equal(ranks_of(scores[:, order]), ranks[:, order])
    np.testing.assert_array_equal(ranks_of(scores * unit), ranks)


def test_what_rounding_tells_apart_is_a_tie():
    near = [1.0, 1.0 - 1e-7, 1.0 + 1e-7, 0.5]
    np.testing.assert_array_equal(ranks_of(near), [2, 2, 2, 4])
    np.testing.assert_array_equal(ranks_of(near, resolution=0), [2, 3, 1, 4])
    np.testing.assert_array_equal(ranks_of([-1e-7, -3e-8, -2.0]), [1.5, 1.5, 3])
    np.testing.assert_array_equal(ranks_of(np.zeros((2, 3))), np.full((2, 3), 2.0))
    # On a grid of 1e-5, these would lie on two sides of a line.
    np.testing.assert_array_equal(ranks_of([1.0, 0.500005 + 1e-7, 0.500005 - 1e-7]), [1, 2.5, 2.5])


def test_groups_are_the_largest_that_span_the_difference():
    ranks = {"a": 1.0, "b": 1.5, "c": 2.0, "d": 4.0}
    assert alike_groups(ranks, 0.5) == [["a", "b"], ["b", "c"]]
    assert alike_groups(ranks, 0.4) == []
    assert alike_groups(ranks, 3.0) == [["a", "b", "c", "d"]]
    assert alike_groups({"only": 1.0}, 0.0) == []


def scores_of(means, n_folds=4, n_rows=30, noise=1.0, seed=0):
    rng = np.random.RandomState(seed)
    return [np.asarray(means)[None, :, None] + noise * rng.randn(2, len(means), n_rows) for _ in range(n_folds)]


@pytest.mark.parametrize("shared", [False, True])
def test_the_bootstrap_tells_what_is_far_apart_and_only_that(shared):
    scores = scores_of([3.0, 3.0, 0.0])
    drawn = bootstrap_ranks(scores, n_bootstrap=500, shared=shared, random_state=0)
    assert drawn.shape == (500, 3)
    np.testing.assert_allclose(drawn.sum(axis=1), 6)
    assert (drawn[:, 2] == 3).all()
    mean_ranks = np.mean([ranks_of(fold.mean(axis=2)) for fold in scores], axis=(0, 1))
    difference, p_value = bootstrap_difference(drawn, mean_ranks, 0.05, 0.01)
    assert abs(mean_ranks[0] - mean_ranks[1]) < difference < mean_ranks[2] - mean_ranks[:2].max()
    assert p_value < 0.01
    advantage = bootstrap_control_difference(drawn, mean_ranks, 2, 0.05, 0.01)
    assert 0.01 < advantage < mean_ranks[2] - mean_ranks[:2].max()
    assert bootstrap_control_difference(drawn, mean_ranks, 0, 0.05, 0.01) > mean_ranks[1] - mean_ranks[0]
    alike = scores_of([0.0, 0.0, 0.0])
    drawn = bootstrap_ranks(alike, n_bootstrap=500, shared=shared, random_state=0)
    mean_ranks = np.mean([ranks_of(fold.mean(axis=2)) for fold in alike], axis=(0, 1))
    assert bootstrap_difference(drawn, mean_ranks, 0.05, 0.01)[1] > 0.1


def test_without_noise_the_bootstrap_says_what_was_found():
    scores = scores_of([2.0, 1.0], noise=0.0)
    drawn = bootstrap_ranks(scores, n_bootstrap=50, random_state=0)
    np.testing.assert_array_equal(drawn, np.tile([1.0, 2.0], (50, 1)))
    assert bootstrap_difference(drawn, np.array([1.0, 2.0]), 0.05, 0.0625) == (0.0625, pytest.approx(1 / 51))
    assert bootstrap_control_difference(drawn, np.array([1.0, 2.0]), 1, 0.05, 0.0625) == 0.0625


def test_draws_of_shared_rows_are_the_same_in_all_folds():
    # Each row alone decides who wins, and the folds say the same of it: shared draws never disagree between folds.
    fold = np.random.RandomState(0).randn(1, 2, 5)
    drawn = bootstrap_ranks([fold] * 6, n_bootstrap=200, shared=True, random_state=0)
    assert set(np.unique(drawn)) <= {1.0, 1.5, 2.0}
    apart = bootstrap_ranks([fold] * 6, n_bootstrap=200, random_state=0)
    assert len(np.unique(apart)) > 3


def test_the_bootstrap_is_repeatable_and_draws_from_a_generator_of_its_own():
    scores = scores_of([0.5, 0.0])
    rng = np.random.RandomState(3)
    first = bootstrap_ranks(scores, n_bootstrap=20, random_state=rng)
    np.testing.assert_array_equal(bootstrap_ranks(scores, n_bootstrap=20, random_state=rng), first)
    assert not np.array_equal(bootstrap_ranks(scores, n_bootstrap=20, random_state=4), first)
