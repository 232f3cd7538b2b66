"""The measures of OpenXAI, written as plain loops from the papers, beside those of this package.

OpenXAI is on no package index. Prediction gaps and relative stabilities are those of C. Agarwal, S. Krishna, E. Saxena,
M. Pawelczyk, N. Johnson, I. Puri, M. Zitnik and H. Lakkaraju (2022), OpenXAI: Towards a Transparent Evaluation of Model
Explanations; agreements those of S. Krishna, T. Han, A. Gu, J. Pombra, S. Jabbari, S. Wu and H. Lakkaraju (2022), The
Disagreement Problem in Explainable Machine Learning.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from torch import nn

from sklearn_xai import InputXGradientExplainer
from sklearn_xai.metrics import prediction_gap_important, prediction_gap_unimportant
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
