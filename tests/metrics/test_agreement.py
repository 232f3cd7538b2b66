"""Row-wise agreement, held against slow references and the ends of the float range."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ConstantInputWarning, pearsonr, spearmanr

from sklearn_xai.engines.agreement import (
    cosine,
    draw_subsets,
    sign_agreement,
    spearman,
    subset_faithfulness,
    top_k_overlap,
)

# Few distinct values: ties and zeros in nearly every row.
tied = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 0.5, 1.0, 2.0])
any_finite = st.floats(allow_nan=False, allow_infinity=False)
MEASURES = [spearman, lambda a, b: top_k_overlap(a, b, 2), sign_agreement, cosine]


@st.composite
def pairs(draw, elements):
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 6)))
    return draw(arrays(float, shape, elements=elements)), draw(arrays(float, shape, elements=elements))


def slow_top(row, k):
    """Spread k places over the players, one level of |attribution| after the other, never over zeros."""
    share, left = np.zeros(len(row)), min(k, len(row))
    for level in sorted(set(np.abs(row)) - {0.0}, reverse=True):
        tied = [i for i, value in enumerate(row) if abs(value) == level]
        for i in tied:
            share[i] = min(1.0, left / len(tied))
        left = max(0, left - len(tied))
    return share


@given(pairs(tied))
def test_spearman_is_scipys_and_zero_where_scipy_has_no_answer(pair):
    for a, b, found in zip(*pair, spearman(*pair), strict=True):
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            assert found == 0.0
        else:
            assert found == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


@given(pairs(tied), st.integers(1, 8))
def test_top_k_overlap_is_that_of_the_slow_reference(pair, k):
    for a, b, found in zip(*pair, top_k_overlap(*pair, k), strict=True):
        top_a, top_b = slow_top(a, k), slow_top(b, k)
        larger = max(top_a.sum(), top_b.sum())
        assert found == pytest.approx(np.minimum(top_a, top_b).sum() / larger if larger else 0.0)


@given(pairs(tied))
def test_sign_agreement_counts_players_that_either_side_mentions(pair):
    for a, b, found in zip(*pair, sign_agreement(*pair), strict=True):
        mentioned = [(x, y) for x, y in zip(a, b, strict=True) if x or y]
        expected = np.mean([np.sign(x) == np.sign(y) for x, y in mentioned]) if mentioned else 0.0
        assert found == pytest.approx(expected)


@given(pairs(tied))
def test_cosine_is_the_textbook_formula(pair):
    for a, b, found in zip(*pair, cosine(*pair), strict=True):
        norms = np.sqrt((a**2).sum() * (b**2).sum())
        assert found == pytest.approx((a * b).sum() / norms if norms else 0.0)


@settings(max_examples=300)
@given(pairs(any_finite))
def test_measures_are_finite_bounded_and_symmetric_on_all_floats(pair):
    for measure in MEASURES:
        found = measure(*pair)
        assert np.isfinite(found).all()
        assert (np.abs(found) <= 1).all()
        np.testing.assert_allclose(found, measure(*pair[::-1]), atol=1e-12)


@given(arrays(float, (3, 5), elements=any_finite))
def test_a_row_agrees_with_itself_unless_it_says_nothing(a):
    speaks = (a != 0).any(axis=1)
    varies = np.ptp(np.sign(a) * np.log1p(np.abs(a)), axis=1) > 0
    np.testing.assert_allclose(cosine(a, a), speaks, atol=1e-12)
    np.testing.assert_array_equal(sign_agreement(a, a), speaks)
    np.testing.assert_allclose(top_k_overlap(a, a, 3), speaks, atol=1e-12)
    assert (spearman(a, a)[varies] > 1 - 1e-12).all()


@given(arrays(float, (2, 4), elements=tied))
def test_an_all_zero_explanation_agrees_with_nothing(a):
    zeros = np.zeros_like(a)
    for measure in MEASURES:
        assert (measure(zeros, a) == 0).all()
        assert (measure(zeros, zeros) == 0).all()


def test_a_constant_explanation_overlaps_as_chance_does():
    distinct = np.arange(1.0, 11.0)[None]
    assert top_k_overlap(np.ones((1, 10)), distinct, 5) == pytest.approx(0.5)


def test_top_k_overlap_of_known_rows():
    a = [[5, -4, 3, 0], [1, 0, 0, 0], [9, 8, 7, 6]]
    b = [[1, -9, 8, 0], [1, 0, 0, 0], [6, 7, 8, 9]]
    np.testing.assert_allclose(top_k_overlap(a, b, 2), [0.5, 1.0, 0.0])
    np.testing.assert_allclose(top_k_overlap(a, b, 99), [1.0, 1.0, 1.0])


@given(st.integers(0, 2**31 - 1))
def test_faithfulness_is_pearson_row_by_row(seed):
    rng = np.random.RandomState(seed)
    attributions, kept = rng.randn(3, 5), draw_subsets(5, 20, random_state=seed)
    values, full = rng.randn(3, 20), rng.randn(3)
    found = subset_faithfulness(attributions, kept, values, full)
    for i in range(3):
        sums = [attributions[i][~coalition].sum() for coalition in kept]
        assert found[i] == pytest.approx(pearsonr(sums, full[i] - values[i]).statistic)


@given(arrays(float, (2, 3), elements=any_finite), arrays(float, (2, 6), elements=any_finite))
def test_faithfulness_is_finite_on_all_floats(attributions, values):
    found = subset_faithfulness(attributions, draw_subsets(3, 6), values, values[:, 0])
    assert np.isfinite(found).all()
    assert (np.abs(found) <= 1).all()


def test_faithfulness_is_zero_where_a_side_is_silent():
    kept = draw_subsets(4, 50, subset_size=2)
    drops = np.random.RandomState(0).randn(1, 50)
    full = np.zeros(1)
    assert subset_faithfulness(np.zeros((1, 4)), kept, -drops, full) == 0.0
    assert subset_faithfulness([[1.0, 2.0, 3.0, 4.0]], kept, np.full((1, 50), 0.1), full) == 0.0
    assert subset_faithfulness(np.full((1, 4), 0.1), kept, -drops, full) == 0.0


def test_sums_that_differ_by_their_rounding_only_are_constant():
    a, b = np.random.RandomState(0).rand(2, 200)
    rows = np.stack([a, b, a + b], axis=1)
    kept = np.array([[False, False, True], [True, True, False]])
    scaled = rows / rows.max(axis=1, keepdims=True)
    assert (scaled[:, 0] + scaled[:, 1] != scaled[:, 2]).any()
    found = subset_faithfulness(rows, kept, np.tile([0.0, 1.0], (200, 1)), np.ones(200))
    np.testing.assert_array_equal(found, 0.0)


def test_rounding_of_a_float32_model_is_silence():
    kept = draw_subsets(4, 50)
    attributions = np.array([[1.0, 2.0, 3.0, 4.0]])
    values = np.float32(100) * (1 + np.finfo(np.float32).eps * ((~kept) @ attributions[0] > 4).astype(np.float32))
    assert np.ptp(values) > 0
    assert subset_faithfulness(attributions, kept, values[None], np.float32([100])) == 0.0


def test_subsets_leave_someone_in_and_take_someone_out():
    removed = (~draw_subsets(6, 4000, random_state=0)).sum(axis=1)
    counts = np.bincount(removed, minlength=7)
    assert counts[0] == counts[6] == 0
    np.testing.assert_allclose(counts[1:6] / 4000, 0.2, atol=0.03)
    each = (~draw_subsets(6, 4000, subset_size=3, random_state=0)).mean(axis=0)
    np.testing.assert_allclose(each, 0.5, atol=0.03)


def test_subsets_depend_on_the_seed_alone():
    state, instance = np.random.get_state()[1].copy(), np.random.RandomState(3)  # noqa: NPY002
    assert (draw_subsets(5, 9, random_state=instance) == draw_subsets(5, 9, random_state=3)).all()
    assert (draw_subsets(5, 9, random_state=3) != draw_subsets(5, 9, random_state=4)).any()
    assert (instance.random_sample(3) == np.random.RandomState(3).random_sample(3)).all()
    draw_subsets(5, 9, random_state=None)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_no_rows_and_images_are_rows_too():
    for measure in MEASURES:
        assert measure(np.empty((0, 3)), np.empty((0, 3))).shape == (0,)
    images = np.random.RandomState(0).randn(2, 3, 4, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConstantInputWarning)
        np.testing.assert_allclose(spearman(images, images), 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spearman([[1, 2]], [[1, 2, 3]]), "'a' and 'b' must have one shape"),
        (lambda: cosine([[1, np.nan]], [[1, 2]]), "'a' must be finite.* 1 rows, first in row 0"),
        (lambda: cosine([[1, 2]], [[np.inf, 2]]), "'b' must be finite"),
        (lambda: cosine(1, 2), "'a' must have one row per sample"),
        (lambda: top_k_overlap([[1]], [[1]], 0), "'k' parameter.* whole number from 1. Got 0"),
        (lambda: top_k_overlap([[1]], [[1]], True), "'k' parameter.* whole number from 1. Got True"),
        (lambda: draw_subsets(3, 0), "'n_subsets' parameter.* whole number from 1. Got 0"),
        (lambda: draw_subsets(3, 5, subset_size=4), "'subset_size' must be None or from 1 to 3"),
        (
            lambda: subset_faithfulness([[1, 2]], [[True]], [[1]], [1]),
            r"'coalitions' must have shape \(n_coalitions, 2\)",
        ),
        (lambda: subset_faithfulness([[1]], [[True]], [[1, 2]], [1]), r"'values' must have shape \(1, 1\)"),
        (lambda: subset_faithfulness([[1]], [[True]], [[1]], [1, 2]), r"'full' must have shape \(1,\)"),
    ],
)
def test_bad_input_ends_in_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
