"""The measures of OpenXAI, written as plain loops from the papers, beside those of this package.

OpenXAI is on no package index. Prediction gaps and relative stabilities are those of C. Agarwal, S. Krishna, E. Saxena,
M. Pawelczyk, N. Johnson, I. Puri, M. Zitnik and H. Lakkaraju (2022), OpenXAI: Towards a Transparent Evaluation of Model
Explanations; agreements those of S. Krishna, T. Han, A. Gu, J. Pombra, S. Jabbari, S. Wu and H. Lakkaraju (2022), The
Disagreement Problem in Explainable Machine Learning.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from torch import nn

from sklearn_xai import InputXGradientExplainer
from sklearn_xai.metrics import (
    feature_agreement,
    pairwise_rank_agreement,
    prediction_gap_important,
    prediction_gap_unimportant,
    rank_agreement,
    rank_correlation,
    relative_input_stability,
    relative_output_stability,
    relative_representation_stability,
    sign_agreement,
    signed_rank_agreement,
)
from tests.oracles import mlp, run, seeded

N_FEATURES = 6
BACKGROUND = np.random.RandomState(0).randn(12, N_FEATURES)
X = np.random.RandomState(1).randn(10, N_FEATURES)


@cache
def explained():
    module = seeded(lambda: mlp(N_FEATURES, 3, nn.Tanh))
    explainer = InputXGradientExplainer(module, target=1).fit(BACKGROUND)
    return module, explainer, explainer.transform(X)


# ---------------------------------------------------------------- prediction gaps
def prediction_gap(module, attributions, k, important):
    """Return E |f(x) - f(x')| where x' has the k features of largest size, or all others, of a background row."""
    gaps = []
    for row, explanation in zip(X, attributions, strict=True):
        top = sorted(range(N_FEATURES), key=lambda j: -abs(explanation[j]))[:k]
        changes = []
        for other in BACKGROUND:
            changed = row.copy()
            for j in range(N_FEATURES):
                if (j in top) == important:
                    changed[j] = other[j]
            changes.append(abs(run(module, row[np.newaxis])[0, 1] - run(module, changed[np.newaxis])[0, 1]))
        gaps.append(np.mean(changes))
    return np.array(gaps)


@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_prediction_gaps(k):
    """x' is of the background here; OpenXAI adds noise to numbers and flips what is binary."""
    module, explainer, attributions = explained()
    for metric, important in [(prediction_gap_important, True), (prediction_gap_unimportant, False)]:
        found = metric(explainer, X, attributions=attributions, k=k, sample_wise=True)
        assert_allclose(found, prediction_gap(module, attributions, k, important), atol=1e-10)


# ---------------------------------------------------------------- agreement
def ranks(explanation):
    """Return the features from the most important to the least, by size."""
    return sorted(range(len(explanation)), key=lambda j: -abs(explanation[j]))


def top_agreement(a, b, k, same_rank, same_sign):
    """Return the share of k features that both name, at the same rank, with the same sign."""
    found = 0
    for j in set(ranks(a)[:k]) & set(ranks(b)[:k]):
        at_same_rank = ranks(a).index(j) == ranks(b).index(j)
        found += (at_same_rank or not same_rank) and (np.sign(a[j]) == np.sign(b[j]) or not same_sign)
    return found / k


def pair_agreement(a, b):
    """Return the share of pairs of features of which both say that the same one is the more important."""
    pairs = list(combinations(range(len(a)), 2))
    return sum((abs(a[i]) > abs(a[j])) == (abs(b[i]) > abs(b[j])) for i, j in pairs) / len(pairs)


@cache
def reference():
    attributions = explained()[2]
    return attributions + attributions.std() * np.random.RandomState(2).randn(*attributions.shape)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_agreement_of_the_most_important_features(k):
    _, explainer, attributions = explained()
    measures = [
        (feature_agreement, False, False),
        (rank_agreement, True, False),
        (sign_agreement, False, True),
        (signed_rank_agreement, True, True),
    ]
    for metric, same_rank, same_sign in measures:
        found = metric(explainer, X, attributions=attributions, reference=reference(), k=k, sample_wise=True)
        pairs = zip(attributions, reference(), strict=True)
        assert_allclose(found, [top_agreement(a, b, k, same_rank, same_sign) for a, b in pairs])


def test_agreement_of_orders():
    _, explainer, attributions = explained()
    given = {"attributions": attributions, "reference": reference(), "sample_wise": True}
    pairs = list(zip(np.abs(attributions), np.abs(reference()), strict=True))
    assert_allclose(rank_correlation(explainer, X, **given), [spearmanr(a, b)[0] for a, b in pairs])
    assert_allclose(pairwise_rank_agreement(explainer, X, **given), [pair_agreement(a, b) for a, b in pairs])


def test_an_explanation_that_says_nothing_agrees_with_nothing():
    """By the letter, zeros agree with a sparse truth: the order of the columns ranks them.

    The first two columns lead a truth of two features, and rank first in a row of zeros: feature and rank agreement
    are 1.0 of a reference in which they are the largest, and 0.0 of one in which the last two are.
    """
    _, explainer, attributions = explained()
    zeros, truth = np.zeros_like(attributions), np.zeros_like(attributions)
    truth[:, :2] = [2.0, 1.0]
    assert [top_agreement(zeros[0], side, 2, True, False) for side in (truth[0], truth[0, ::-1])] == [1.0, 0.0]
    for metric in (feature_agreement, rank_agreement, sign_agreement, signed_rank_agreement):
        for side in (truth, truth[:, ::-1]):
            assert metric(explainer, X, attributions=zeros, reference=side, k=2) == 0
    assert pair_agreement(zeros[0], truth[0, ::-1]) > pair_agreement(zeros[0], truth[0])
    for side in (truth, truth[:, ::-1]):
        assert pairwise_rank_agreement(explainer, X, attributions=zeros, reference=side) == 0.5
        assert rank_correlation(explainer, X, attributions=zeros, reference=side) == 0


# ---------------------------------------------------------------- relative stability
def relative(before, after):
    return np.linalg.norm((before - after) / before)


def hidden(module, rows):
    """Return the values that go into the last layer."""
    return run(module[:-1], rows)[0]


RATIOS = {
    relative_input_stability: lambda module, x, near: relative(x, near),
    relative_output_stability: lambda module, x, near: np.linalg.norm(run(module, [x])[0] - run(module, [near])[0]),
    relative_representation_stability: lambda module, x, near: relative(hidden(module, [x]), hidden(module, [near])),
}


@pytest.mark.parametrize("metric", RATIOS)
def test_relative_stability(metric):
    """The largest ratio over neighbours, which are drawn by the metric and seen as it asks for their explanations."""
    module, _, attributions = explained()
    explainer = InputXGradientExplainer(module, target=1).fit(BACKGROUND)
    attribute, seen = explainer.attribute, []
    explainer.attribute = lambda rows, targets: (seen.append(np.array(rows)), attribute(rows, targets))[1]
    found = metric(explainer, X, attributions=attributions, n_samples=5, sample_wise=True, random_state=3)
    expected = []
    for x, before, neighbours in zip(X, attributions, seen[0].reshape(len(X), 5, N_FEATURES), strict=True):
        after = attribute(neighbours, np.ones(5, dtype=int))
        ratios = [
            relative(before, now) / max(RATIOS[metric](module, x, near), 1e-6)
            for now, near in zip(after, neighbours, strict=True)
        ]
        expected.append(max(ratios))
    assert_allclose(found, expected, rtol=1e-6)
