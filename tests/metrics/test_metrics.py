"""Faithfulness and completeness, on explanations whose quality is known."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_xai.metrics import completeness_gap, faithfulness_correlation


# ---------------------------------------------------------------- faithfulness
def test_exact_attributions_of_a_linear_model_are_perfectly_faithful(linear_explainer, X):
    explainer = linear_explainer().fit(X)
    found = faithfulness_correlation(explainer, X, sample_wise=True)
    assert found.shape == (60,)
    np.testing.assert_allclose(found, 1.0)
    assert faithfulness_correlation(explainer, X, subset_size=2) == pytest.approx(1.0)


def test_faithfulness_knows_sign_zero_and_chance(linear_explainer, X):
    explainer = linear_explainer().fit(X)
    exact = explainer.transform(X)
    assert faithfulness_correlation(explainer, X, attributions=-exact) == pytest.approx(-1.0)
    assert faithfulness_correlation(explainer, X, attributions=np.zeros_like(exact)) == 0.0
    chance = np.random.RandomState(3).randn(*exact.shape)
    assert abs(faithfulness_correlation(explainer, X, attributions=chance)) < 0.15
    half = faithfulness_correlation(explainer, X, attributions=exact + np.abs(exact).mean() * chance)
    assert 0.2 < half < 0.95


def test_faithfulness_is_repeatable_and_depends_on_the_seed_only_through_the_subsets(linear_explainer, X):
    explainer = linear_explainer(noise=0.5).fit(X)
    first = faithfulness_correlation(explainer, X, random_state=1)
    assert faithfulness_correlation(explainer, X, random_state=1) == first
    assert faithfulness_correlation(explainer, X, random_state=2) != first
    assert faithfulness_correlation(
        explainer, X[::-1], attributions=explainer.transform(X)[::-1], random_state=1
    ) == pytest.approx(first)


def test_one_player_has_no_faithfulness(linear_explainer, X):
    explainer = linear_explainer().fit(X[:, :1])
    assert faithfulness_correlation(explainer, X[:, :1]) == 0.0


def test_faithfulness_of_all_targets_is_their_mean(linear_explainer, X):
    explainer = linear_explainer(target="all").fit(X)
    both = explainer.transform(X)
    assert faithfulness_correlation(explainer, X) == pytest.approx(1.0)
    assert faithfulness_correlation(explainer, X, attributions=explainer.explain(X).values) == pytest.approx(1.0)
    one_wrong = np.hstack([both[:, :6], -both[:, 6:]])
    assert faithfulness_correlation(explainer, X, attributions=one_wrong) == pytest.approx(0.0)


def test_faithfulness_names_what_does_not_fit(linear_explainer, X):
    explainer = linear_explainer().fit(X)
    with pytest.raises(ValueError, match="'attributions' parameter of faithfulness_correlation must be finite"):
        faithfulness_correlation(explainer, X, attributions=np.full(X.shape, np.nan))
    with pytest.raises(ValueError, match=r"must have one row for each of the 60 rows of X. Got shape \(10, 6\)"):
        faithfulness_correlation(explainer, X, attributions=np.ones((10, 6)))
    with pytest.raises(ValueError, match="'X' parameter of faithfulness_correlation must have at least one row"):
        faithfulness_correlation(explainer, X[:0])


# ---------------------------------------------------------------- completeness
def test_the_gap_is_what_the_attributions_leave(linear_explainer, X):
    exact = linear_explainer().fit(X)
    assert completeness_gap(exact, X) < 1e-12
    half = linear_explainer(scale=0.5).fit(X)
    difference = np.abs(exact.transform(X).sum(axis=1))
    np.testing.assert_allclose(completeness_gap(half, X, sample_wise=True), difference / 2)
    assert completeness_gap(half, X) == pytest.approx(difference.mean() / 2)
    np.testing.assert_allclose(completeness_gap(half, X, relative=True, sample_wise=True), 0.5)
    nothing = linear_explainer(scale=0.0).fit(X)
    assert completeness_gap(nothing, X, relative=True) == pytest.approx(1.0)


def test_relative_gap_stays_finite_where_output_and_base_are_equal(linear_explainer, X):
    explainer = linear_explainer(noise=1.0).fit(X)
    at_base = explainer.mean_[None]
    absolute = completeness_gap(explainer, at_base)
    largest = absolute / (1e-6 * abs(explainer.mean_ @ explainer.coef_))
    assert absolute > 0
    assert completeness_gap(explainer, at_base, relative=True) == pytest.approx(largest, rel=1e-6)
    explainer.coef_ = np.zeros(6)
    assert completeness_gap(explainer, at_base, relative=True) == pytest.approx(completeness_gap(explainer, at_base))


def test_gap_of_all_targets_is_their_mean(linear_explainer, X):
    both = linear_explainer(target="all", scale=0.5).fit(X)
    one = linear_explainer(scale=0.5).fit(X)
    np.testing.assert_allclose(completeness_gap(both, X, sample_wise=True), completeness_gap(one, X, sample_wise=True))


def test_gap_takes_an_explanation_at_hand_and_refuses_nan(linear_explainer, X):
    explainer = linear_explainer(scale=0.5).fit(X)
    explanation = explainer.explain(X)
    expected = completeness_gap(explainer, X)
    explainer.scale = 1.0
    assert completeness_gap(explainer, X, attributions=explanation) == expected
    explanation.values[3, 0] = np.nan
    with pytest.raises(ValueError, match="'attributions' parameter of completeness_gap must be finite.* row 3"):
        completeness_gap(explainer, X, attributions=explanation)
