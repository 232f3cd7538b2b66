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


def test_bad_input_ends_in_one_clear_error(linear, regression, X, y):
    explainer = linear(regression)
    with pytest.raises(ValueError, match=r"at least two explanations .* Got shape \(1, 60, 4\)"):
        explanation_stability(explainer, X, y, cv=ShuffleSplit(1))
    with pytest.raises(ValueError, match="'n_bootstrap' parameter of explanation_stability .* Got 0"):
        explanation_stability(explainer, X, y, n_bootstrap=0)
    with pytest.raises(ValueError, match="'confidence_level' parameter of explanation_stability .* Got 95"):
        explanation_stability(explainer, X, y, confidence_level=95)
    with pytest.raises(ValueError, match="'k' parameter of top_k_overlap"):
        explanation_stability(explainer, X, y, top_k=0)
    with pytest.raises(TypeError, match="class LinearExplainer: make one"):
        explanation_stability(linear, X, y)
    with pytest.raises(ValueError, match=r"Got shape \(2, 0, 3\)"):
        stability_from_attributions(np.ones((2, 0, 3)))
    with pytest.raises(ValueError, match="must be finite"):
        stability_from_attributions(np.full((2, 2, 3), np.nan))
