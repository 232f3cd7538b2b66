"""Agreement of many pairs at once, and the intervals of its mean."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_xai.engines.agreement import cosine, sign_agreement, spearman, top_k_overlap
from sklearn_xai.model_selection import _pairs
from sklearn_xai.model_selection._pairs import pairwise_agreement, refits_interval, rows_interval

ALL_OF_THREE = np.array([[0, 1], [0, 2], [1, 2]])


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        float, st.tuples(st.just(3), st.integers(1, 5), st.integers(1, 5)), elements=st.sampled_from([-2, -1, 0, 1])
    ),
    st.integers(1, 6),
)
def test_the_measures_are_those_of_the_engine_with_ties_and_zeros(attributions, k):
    found = pairwise_agreement(attributions, ALL_OF_THREE, k)
    for p, (i, j) in enumerate(ALL_OF_THREE):
        a, b = attributions[i], attributions[j]
        np.testing.assert_allclose(found["spearman"][p], spearman(a, b), atol=1e-12)
        np.testing.assert_allclose(found["top_k_overlap"][p], top_k_overlap(a, b, k), atol=1e-12)
        np.testing.assert_allclose(found["sign_agreement"][p], sign_agreement(a, b), atol=1e-12)
        np.testing.assert_allclose(found["cosine"][p], cosine(a, b), atol=1e-12)


def test_chunks_give_what_the_whole_gives(monkeypatch):
    attributions = np.random.RandomState(0).randn(3, 50, 4)
    whole = pairwise_agreement(attributions, ALL_OF_THREE, 2)
    monkeypatch.setattr(_pairs, "_CHUNK_CELLS", 3 * 4 * 7)
    chunked = pairwise_agreement(attributions, ALL_OF_THREE, 2)
    for measure, values in whole.items():
        np.testing.assert_array_equal(chunked[measure], values)


def test_huge_and_tiny_attributions_neither_overflow_nor_vanish():
    one = np.array([[1.0, -2.0, 3.0]])
    found = pairwise_agreement(np.stack([one * 1e-300, one * 1e300]), np.array([[0, 1]]), 1)
    assert {measure: values[0, 0] for measure, values in found.items()} == pytest.approx(dict.fromkeys(found, 1.0))


@pytest.mark.parametrize("n", [700, 5_003])
def test_the_rows_interval_is_that_of_a_mean(n):
    values = np.random.RandomState(0).gamma(1.0, size=n)
    low, high = rows_interval({"a": values}, 4_000, 0.9, 0)["a"]
    error = values.std() / np.sqrt(n)
    assert low == pytest.approx(values.mean() - 1.645 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.645 * error, abs=0.15 * error)


def test_a_constant_has_no_interval_whatever_the_groups():
    assert rows_interval({"a": np.full(5_003, 0.3)}, 50, 0.95, 0)["a"] == pytest.approx((0.3, 0.3))


def test_the_resamples_leave_the_generator_given_alone():
    rng = np.random.RandomState(3)
    state = rng.get_state()[1].copy()
    rows_interval({"a": np.arange(9.0)}, 10, 0.95, rng)
    np.testing.assert_array_equal(rng.get_state()[1], state)


def test_the_refits_interval_of_three_by_hand():
    agreement = {"cosine": np.array([[0.8], [0.6], [0.4]])}  # leaving 0, 1, 2 out: 0.4, 0.6, 0.8
    low, high = refits_interval(agreement, ALL_OF_THREE, 3, 0.5)["cosine"]
    half = 0.816497 * np.sqrt(2 / 3 * 0.08)  # Student's t of 2 degrees at 0.75
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=1e-5)
    wider = refits_interval(agreement, ALL_OF_THREE, 3, 0.5, inflation=2.25)["cosine"]
    assert wider[0] == pytest.approx(0.6 - 1.5 * half, abs=1e-5)
    assert refits_interval(agreement, ALL_OF_THREE, 3, 0.99)["cosine"] == (-1.0, 1.0)
    rows = {"cosine": np.repeat([[0.5, 0.7]], 3, axis=0)}
    low, high = refits_interval(rows, ALL_OF_THREE, 3, 0.5)["cosine"]
    assert high - 0.6 == pytest.approx(0.816497 * 0.1, abs=1e-5)


def test_two_refits_have_no_interval():
    pair = refits_interval({"cosine": np.ones((1, 4))}, np.array([[0, 1]]), 2, 0.95)["cosine"]
    assert np.isnan(pair).all()


def test_the_refits_interval_covers_and_that_of_the_rows_does_not():
    pairs, rng = np.array(list(combinations(range(6), 2))), np.random.RandomState(0)
    center, found = np.array([2.0, -1.0, 1.0, 0.5]), []
    for _ in range(150):
        attributions = center + 0.5 * rng.randn(1, 60, 4) + 0.7 * rng.randn(6, 1, 4) + 0.2 * rng.randn(6, 60, 4)
        agreement = {"cosine": pairwise_agreement(attributions, pairs, 1)["cosine"]}
        of_rows = rows_interval({"cosine": agreement["cosine"].mean(axis=0)}, 50, 0.95, 0)["cosine"]
        wide = refits_interval(agreement, pairs, 6, 0.95)["cosine"]
        found.append((agreement["cosine"].mean(), *wide, *of_rows))
    mean, low, high, rows_low, rows_high = np.array(found).T
    truth = mean.mean()
    assert np.mean((low <= truth) & (truth <= high)) > 0.9
    assert np.mean((rows_low <= truth) & (truth <= rows_high)) < 0.6
