"""Faithfulness, completeness and their scorers, on explanations whose quality is known."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xai.metrics import completeness_gap, faithfulness_correlation, make_explanation_scorer


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
    with pytest.raises(ValueError, match="completeness_gap needs finite numbers. LinearExplainer .* row 3"):
        completeness_gap(explainer, X, attributions=explanation)


# ---------------------------------------------------------------- scorers
def test_scorers_are_larger_for_better_explanations(linear_explainer, X):
    good, bad = linear_explainer().fit(X), linear_explainer(noise=0.9).fit(X)
    for metric in ("faithfulness_correlation", "completeness_gap", faithfulness_correlation, completeness_gap):
        scorer = make_explanation_scorer(metric)
        assert isinstance(scorer(good, X), float)
        assert scorer(good, X) > scorer(bad, X, None)
    assert make_explanation_scorer("completeness_gap", greater_is_better=False)(bad, X) == -completeness_gap(bad, X)


def largest_attribution(explainer, X, *, power=1):
    return np.abs(explainer.transform(X)).max() ** power


def test_own_metrics_become_scorers(linear_explainer, X):
    explainer = linear_explainer().fit(X)
    scorer = make_explanation_scorer(largest_attribution, greater_is_better=False, power=2)
    assert scorer(explainer, X) == pytest.approx(-(np.abs(explainer.transform(X)).max() ** 2))
    assert repr(scorer) == "make_explanation_scorer(largest_attribution, greater_is_better=False, power=2)"


def test_scorers_show_copy_clone_and_pickle(linear_explainer, X):
    explainer = linear_explainer(noise=0.3).fit(X)
    scorer = make_explanation_scorer("faithfulness_correlation", n_subsets=7, random_state=5)
    assert repr(scorer) == "make_explanation_scorer('faithfulness_correlation', n_subsets=7, random_state=5)"
    expected = faithfulness_correlation(explainer, X, n_subsets=7, random_state=5)
    for copy in (scorer, clone(scorer, safe=False), pickle.loads(pickle.dumps(scorer))):
        assert copy(explainer, X) == expected
    search = clone(GridSearchCV(explainer, {}, scoring=scorer))
    assert repr(search.scoring) == repr(scorer)


def test_scorers_say_what_is_wrong(linear_explainer, X):
    with pytest.raises(ValueError, match="'metric' parameter .* must be one of .*completeness_gap.*Got 'accuracy'"):
        make_explanation_scorer("accuracy")
    with pytest.raises(TypeError, match="faithfulness_correlation cannot be called so: .*n_subset'"):
        make_explanation_scorer("faithfulness_correlation", n_subset=3)
    with pytest.raises(TypeError, match="scores explainers. Got LinearRegression"):
        make_explanation_scorer("completeness_gap")(LinearRegression().fit(X, X[:, 0]), X)
    with pytest.raises(ValueError, match=r"needs one number. completeness_gap gave an array of shape \(60,\)"):
        make_explanation_scorer("completeness_gap", sample_wise=True)(linear_explainer().fit(X), X)


def test_scorer_looks_through_pipelines(linear_explainer, X):
    y = X @ np.arange(6.0)
    pipe = make_pipeline(
        StandardScaler(), "passthrough", make_pipeline(SelectKBest(f_regression, k=3), linear_explainer())
    )
    pipe.fit(X * 100 + 7, y)
    found = make_explanation_scorer("faithfulness_correlation")(pipe, X * 100 + 7, y)
    inner = pipe[-1][0].transform(pipe[0].transform(X * 100 + 7))
    assert found == faithfulness_correlation(pipe[-1][-1], inner) == pytest.approx(1.0)


def test_searches_find_the_setting_that_explains_best(linear_explainer, X):
    y = X @ np.arange(1.0, 7.0)
    scorer = make_explanation_scorer("faithfulness_correlation")
    search = GridSearchCV(linear_explainer(), {"noise": [0.9, 0.0, 0.5]}, scoring=scorer, cv=3).fit(X, y)
    assert search.best_params_ == {"noise": 0.0}
    assert search.best_score_ == pytest.approx(1.0)
    gap = make_explanation_scorer("completeness_gap")
    pipe = make_pipeline(StandardScaler(), linear_explainer())
    drawn = RandomizedSearchCV(
        pipe, {"linearexplainer__scale": [0.5, 1.0, 2.0]}, n_iter=3, scoring=gap, cv=2, random_state=0
    )
    assert drawn.fit(X, y).best_params_ == {"linearexplainer__scale": 1.0}
    many = cross_validate(linear_explainer(scale=0.5), X, y, scoring={"faithful": scorer, "gap": gap}, cv=3)
    np.testing.assert_allclose(many["test_faithful"], 1.0)
    assert (many["test_gap"] < -0.1).all()


def test_scorer_works_with_metadata_routing(linear_explainer, X):
    with config_context(enable_metadata_routing=True):
        scores = cross_validate(linear_explainer(), X, scoring=make_explanation_scorer("completeness_gap"), cv=2)
    np.testing.assert_allclose(scores["test_score"], 0.0, atol=1e-12)
