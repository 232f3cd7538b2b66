"""Mutual information and forests, against scikit-learn's own on the same rows and seeds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression

from sklearn_xai import ForestExplainer, MutualInformationExplainer
from sklearn_xai.explainers.selection._information import Player, separate
from tests.nets import table

N_NEIGHBORS = [1, 3, 7]


def mixed(n=400, seed=0):
    """Return a table of numbers, of numbers with ties, and of few values; and a number and a label for each row."""
    rng = np.random.RandomState(seed)
    rows = np.column_stack([rng.randn(n, 2), np.round(rng.randn(n), 1), rng.randint(0, 5, n), rng.rand(n) < 0.3])
    y = rows @ [1.0, 0.0, 1.0, 0.5, 2.0] + rng.randn(n)
    return rows, y, np.digitize(y, [-1, 0, 2])


@pytest.mark.parametrize("n_neighbors", N_NEIGHBORS)
def test_information_about_the_output(n_neighbors):
    rows, y, _ = mixed()
    model = LinearRegression().fit(rows, y)
    found = MutualInformationExplainer(model, n_neighbors=n_neighbors, n_permutations=0, random_state=0).fit(rows)
    theirs = mutual_info_regression(
        rows,
        model.predict(rows),
        discrete_features=[3, 4],
        n_neighbors=n_neighbors,
        random_state=found._seed,
    )
    assert_allclose(found.discrete_features_, [False, False, False, True, True])
    assert_allclose(found.mutual_information_, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("n_neighbors", N_NEIGHBORS)
def test_information_about_labels(n_neighbors):
    rows, _, labels = mixed()
    model = FrozenEstimator(LogisticRegression(max_iter=500).fit(rows, labels))
    found = MutualInformationExplainer(model, to="y", n_neighbors=n_neighbors, n_permutations=0, random_state=0)
    found.fit(rows, labels)
    seed = {"n_neighbors": n_neighbors, "random_state": found._seed}
    assert_allclose(
        found.mutual_information_,
        mutual_info_classif(rows, labels, discrete_features=[3, 4], **seed),
        rtol=0,
        atol=0,
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_neighbors", N_NEIGHBORS)
def test_what_shuffles_are_estimated_by(n_neighbors, seed):
    """The estimators of this package, which shuffles go through, are scikit-learn's."""
    rows, y, labels = mixed(300, seed)
    rows[:, 2] = np.random.RandomState(seed).exponential(size=300)  # ties are told apart by other draws of noise
    discrete = np.array([False, False, False, True, True])
    order = np.random.RandomState(seed).permutation(300)
    for aim, is_code, estimate in ((y, False, mutual_info_regression), (labels, True, mutual_info_classif)):
        for shuffled in (aim, aim[order]):
            theirs = estimate(rows, shuffled, discrete_features=discrete, n_neighbors=n_neighbors, random_state=0)
            code = (
                np.unique(shuffled, return_inverse=True)[1] if is_code else separate(shuffled, np.random.RandomState(0))
            )
            ours = [
                Player(rows[:, [j]], discrete[[j]], n_neighbors, np.random.RandomState(0)).information(
                    code, is_code, n_neighbors
                )
                for j in range(5)
            ]
            assert_allclose(ours, theirs, atol=1e-10)


def test_labels_of_which_some_are_rare():
    rng = np.random.RandomState(0)
    x, labels = rng.randn(60, 1), np.r_[np.zeros(40), np.ones(17), [2, 2], [3]].astype(int)
    theirs = mutual_info_classif(x, labels, discrete_features=[False], n_neighbors=5, random_state=0)
    player = Player(x, np.array([False]), 5, np.random.RandomState(0))
    assert_allclose(player.information(labels, True, 5), theirs[0], atol=1e-10)


def test_impurity_of_a_forest():
    rows, y, _ = table(n=200)
    model = LinearRegression().fit(rows, y)
    found = ForestExplainer(model, importance="impurity", min_samples_leaf=1, n_estimators=30, random_state=0).fit(rows)
    theirs = RandomForestRegressor(30, random_state=found.forest_.random_state).fit(rows, model.predict(rows))
    assert_allclose(found.transform(rows[:1])[0], theirs.feature_importances_, atol=1e-7)


@pytest.mark.slow
def test_permutation_out_of_bag_and_on_fresh_rows():
    rows, y, _ = table(n=2000, seed=1)
    fresh, fresh_y, _ = table(n=2000, seed=2)
    model = LinearRegression().fit(rows, y)
    found = ForestExplainer(model, importance="permutation", n_estimators=50, n_repeats=10, random_state=0).fit(rows)
    theirs = permutation_importance(
        found.forest_, fresh, model.predict(fresh), n_repeats=10, random_state=0, scoring="r2"
    ).importances_mean
    assert_allclose(found.transform(rows[:1])[0], theirs, atol=0.05 * theirs.max())
    assert len(fresh_y) == len(fresh)
