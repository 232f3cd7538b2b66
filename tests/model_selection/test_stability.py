"""Agreement between folds, on attributions whose agreement is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import ShuffleSplit

from sklearn_xai.model_selection import explanation_stability, stability_from_attributions

MEASURES = ["spearman", "top_k_overlap", "sign_agreement", "cosine"]


def test_known_agreement_of_three_folds():
    one, opposite, nothing = [[1.0, 2, 3, 4]], [[-1.0, -2, -3, -4]], [[0.0, 0, 0, 0]]
    found = stability_from_attributions([one, opposite, nothing], top_k=2)
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found.spearman[:, 0].tolist() == pytest.approx([-1, 0, 0])
    assert found.cosine[:, 0].tolist() == pytest.approx([-1, 0, 0])
    assert found.sign_agreement[:, 0].tolist() == [0, 0, 0]
    assert found.top_k_overlap[:, 0].tolist() == [1, 0, 0]
    assert found.overall == pytest.approx(dict(zip(MEASURES, [-1 / 3, 1 / 3, 0, -1 / 3], strict=True)))
    assert found.feature_names == ["x0", "x1", "x2", "x3"]


def test_shapes_means_and_intervals_belong_together():
    attributions = np.random.RandomState(0).randn(4, 50, 6) + np.arange(6)
    found = stability_from_attributions(attributions, feature_names=list("abcdef"))
    for measure in MEASURES:
        assert found[measure].shape == (6, 50)
        np.testing.assert_allclose(found.per_row[measure], found[measure].mean(axis=0))
        assert found.overall[measure] == pytest.approx(found[measure].mean())
        low, high = found.interval[measure]
        spread = 1.96 * found.per_row[measure].std() / np.sqrt(50)
        assert low == pytest.approx(found.overall[measure] - spread, abs=0.25 * spread)
        assert high == pytest.approx(found.overall[measure] + spread, abs=0.25 * spread)
    i, j = found.pairs[4]
    assert found.spearman[4, 7] == pytest.approx(spearmanr(attributions[i, 7], attributions[j, 7]).statistic)
    assert found.feature_names == list("abcdef")


def test_the_interval_follows_its_parameters():
    attributions = np.random.RandomState(0).randn(2, 40, 5)
    wide = stability_from_attributions(attributions, confidence_level=0.99).interval["cosine"]
    narrow = stability_from_attributions(attributions, confidence_level=0.5).interval["cosine"]
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    again = stability_from_attributions(attributions, confidence_level=0.99).interval["cosine"]
    assert again == wide
    other = stability_from_attributions(attributions, confidence_level=0.99, random_state=1).interval["cosine"]
    assert other != wide
    one = stability_from_attributions(attributions, n_bootstrap=1).interval["cosine"]
    assert one[0] == one[1]


def test_one_background_for_all_folds_gives_perfect_stability(linear, regression, X, y):
    explainer = linear(FrozenEstimator(regression.fit(X, y)))
    same = np.arange(60)
    found = explanation_stability(explainer, X, cv=[(same, same[:3])] * 3, X_eval=X[:9])
    assert found.overall == pytest.approx(dict.fromkeys(MEASURES, 1.0))
    for interval in found.interval.values():
        assert interval == pytest.approx((1.0, 1.0))
    assert found.attributions.shape == (3, 9, 4)
    assert found.feature_names == list("abcd")


def test_more_data_makes_explanations_more_stable(linear, regression, X, y):
    def stability(train_size):
        cv = ShuffleSplit(4, train_size=train_size, random_state=0)
        return explanation_stability(linear(regression), X, y, cv=cv).overall

    few, many = stability(6), stability(50)
    for measure in ("spearman", "sign_agreement", "cosine"):
        assert few[measure] < many[measure] < 1


def test_images_keep_their_shape_and_are_judged_as_columns():
    attributions = np.random.RandomState(0).randn(3, 8, 1, 2, 3)
    found = stability_from_attributions(attributions)
    flat = stability_from_attributions(attributions.reshape(3, 8, 6))
    assert found.attributions.shape == attributions.shape
    assert found.overall == flat.overall
    assert found.columns.equals(flat.columns)
    assert list(found.columns.index) == found.feature_names == [f"x{i}" for i in range(6)]


def test_nothing_depends_on_the_order_of_the_rows():
    attributions = np.random.RandomState(0).randn(4, 30, 5) + np.arange(5)
    order = np.random.RandomState(1).permutation(30)
    found, shuffled = stability_from_attributions(attributions), stability_from_attributions(attributions[:, order])
    np.testing.assert_allclose(found.spearman[:, order], shuffled.spearman)
    np.testing.assert_allclose(found.columns.select_dtypes("number"), shuffled.columns.select_dtypes("number"))
    assert found.decomposition.components == pytest.approx(shuffled.decomposition.components)
    assert found.interval_refits["cosine"] == pytest.approx(shuffled.interval_refits["cosine"])
    assert found.unstable_columns == shuffled.unstable_columns


def test_the_attributions_given_are_not_written_to():
    attributions = np.random.RandomState(0).randn(3, 9, 4)
    before = attributions.copy()
    stability_from_attributions(attributions)
    np.testing.assert_array_equal(attributions, before)


def test_pairs_differ_in_one_source_and_are_counted_to_it():
    conditions = {"folds": [0, 1, 2, 0, 1], "seeds": [0, 0, 0, 1, 2]}
    base = np.random.RandomState(0).randn(10, 4)
    attributions = np.stack([base, base, base, -base, -base])
    found = stability_from_attributions(attributions, conditions=conditions)
    assert found.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 4]]
    assert found.pair_sources == ["folds", "folds", "seeds", "folds", "seeds"]
    assert found.by_source["folds"]["cosine"] == pytest.approx(1)
    assert found.by_source["seeds"]["cosine"] == pytest.approx(-1)
    assert found.by_source["seeds"]["same_top"] == 1
    assert found.overall["cosine"] == pytest.approx(1 / 5)
    assert {source: levels.tolist() for source, levels in found.conditions.items()} == conditions


def test_bad_input_ends_in_one_clear_error(linear, regression, X, y):
    explainer = linear(regression)
    with pytest.raises(ValueError, match="at least two explanations: 'cv' must give 2 folds. Got 1"):
        explanation_stability(explainer, X, y, cv=ShuffleSplit(1))
    assert regression.trainings == []
    with pytest.raises(ValueError, match="'n_bootstrap' parameter of explanation_stability .* Got 0"):
        explanation_stability(explainer, X, y, n_bootstrap=0)
    with pytest.raises(ValueError, match="'confidence_level' parameter of explanation_stability .* Got 95"):
        explanation_stability(explainer, X, y, confidence_level=95)
    with pytest.raises(ValueError, match="'top_k' parameter of \\w+ must be a whole number from 1"):
        explanation_stability(explainer, X, y, top_k=0)
    with pytest.raises(TypeError, match="class LinearExplainer: make one"):
        explanation_stability(linear, X, y)
    with pytest.raises(ValueError, match=r"Got shape \(2, 0, 3\)"):
        stability_from_attributions(np.ones((2, 0, 3)))
    with pytest.raises(ValueError, match=r"at least two explanations .* Got shape \(1, 60, 4\)"):
        stability_from_attributions(np.ones((1, 60, 4)))
    with pytest.raises(ValueError, match="must be finite. Got 12 that are NaN"):
        stability_from_attributions(np.full((2, 2, 3), np.nan))
    for sources in ((), ("fold",), ("folds", "folds")):
        with pytest.raises(ValueError, match="'sources' parameter of explanation_stability must name some of"):
            explanation_stability(explainer, X, y, sources=sources)
    for name, value in (("cv", 3), ("groups", np.arange(60))):
        with pytest.raises(ValueError, match=f"'{name}' parameter .* is for the folds, which 'sources' does not name"):
            explanation_stability(explainer, X, y, sources="seeds", **{name: value})
    for n_repeats in (1, 2.0, True):
        with pytest.raises(
            ValueError, match="'n_repeats' parameter of explanation_stability must be a whole number from 2"
        ):
            explanation_stability(explainer, X, y, sources="seeds", n_repeats=n_repeats)
    for noise in (0, -1, np.nan):
        with pytest.raises(ValueError, match="'noise' parameter of explanation_stability must be positive"):
            explanation_stability(explainer, X, y, sources="noise", noise=noise)
    with pytest.raises(ValueError, match="names 'seeds', which trains the estimator: pass 'y'"):
        explanation_stability(explainer, X, sources="seeds")
    with pytest.raises(ValueError, match="a FrozenEstimator is explained as it stands"):
        explanation_stability(linear(FrozenEstimator(regression)), X, y, sources="seeds")
    with pytest.raises(ValueError, match="'conditions' parameter of stability_from_attributions must name some of"):
        stability_from_attributions(np.ones((2, 2, 3)), conditions={"weather": [0, 1]})
    with pytest.raises(ValueError, match=r"one level per explanation, 2. Got shape \(3,\) for 'seeds'"):
        stability_from_attributions(np.ones((2, 2, 3)), conditions={"seeds": [0, 1, 2]})
    with pytest.raises(ValueError, match="'feature_names' must have one name for each of the 3 players. Got 1"):
        stability_from_attributions(np.ones((2, 2, 3)), feature_names=["a"])
    two_at_a_time = {"folds": [0, 1, 1, 0], "seeds": [0, 1, 0, 1], "noise": [0, 0, 1, 1]}
    with pytest.raises(ValueError, match=r"differ in that source alone. Got none for \['folds', 'seeds', 'noise'\]"):
        stability_from_attributions(np.ones((4, 2, 3)), conditions=two_at_a_time)
    with pytest.raises(ValueError, match=r"must tell the sources \['folds', 'seeds'\] apart"):
        stability_from_attributions(np.ones((2, 2, 3)), conditions={"seeds": [0, 1], "folds": [0, 1]})
