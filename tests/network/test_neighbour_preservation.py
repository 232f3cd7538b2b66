"""Whether a projection keeps neighbours: the published measures row by row, and what nothing and everything score."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.preprocessing import normalize

from sklearn_xai.network import _neighbour_preservation
from sklearn_xai.network._neighbour_preservation import (
    neighbour_overlap,
    neighbour_preservation,
    trustworthiness_continuity,
)

RNG = np.random.RandomState(0)
X = RNG.normal(size=(120, 8)) * np.arange(1, 9)
FLAT = PCA(2).fit_transform(X)


@pytest.mark.parametrize("k", [1, 5, 59])
def test_trustworthiness_is_that_of_scikit_learn_and_continuity_the_same_of_exchanged_roles(k):
    found = trustworthiness_continuity(X, FLAT, n_neighbors=k)
    assert_allclose(found, [trustworthiness(X, FLAT, n_neighbors=k), trustworthiness(FLAT, X, n_neighbors=k)])


def test_the_metric_holds_in_both_directions():
    # on the unit sphere, neighbours by cosine are those by Euclidean distance
    found = trustworthiness_continuity(X, FLAT, metric="cosine")
    sphere = normalize(X)
    assert_allclose(found, [trustworthiness(sphere, FLAT), trustworthiness(FLAT, sphere)])
    assert found != trustworthiness_continuity(X, FLAT)


@pytest.mark.parametrize("k", [1, 7])
def test_share_kept_is_that_of_sets_of_neighbours(k):
    def nearest(points, i):
        distance = np.linalg.norm(points - points[i], axis=1)
        distance[i] = np.inf
        return set(np.argsort(distance)[:k].tolist())

    shares = [len(nearest(X, i) & nearest(FLAT, i)) / k for i in range(len(X))]
    assert_allclose(neighbour_preservation(X, FLAT, n_neighbors=k).kept, shares)
    assert neighbour_overlap(X, FLAT, n_neighbors=k) == pytest.approx(np.mean(shares))


def test_rows_that_a_projection_moves_are_those_with_low_values():
    moved = X.copy()
    moved[:5] = 1000 * RNG.normal(size=(5, 8))
    for values in neighbour_preservation(X, moved, n_neighbors=3):
        assert values[:5].mean() < 0.8
        assert values[5:].mean() > 0.9


def test_chunks_change_nothing(monkeypatch):
    whole = neighbour_preservation(X, FLAT)
    monkeypatch.setattr(_neighbour_preservation, "_CHUNK_CELLS", 7 * len(X))
    assert_allclose(neighbour_preservation(X, FLAT), whole)


def test_itself_keeps_everything_also_with_ties():
    grid = np.stack(np.meshgrid(np.arange(7.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    doubled = np.concatenate([grid, grid])
    assert_array_equal(np.stack(neighbour_preservation(doubled, doubled, n_neighbors=4)), 1)


def test_one_point_for_all_rows_keeps_what_chance_keeps():
    ordered = np.sort(RNG.normal(size=(300, 1)), axis=0)  # neighbours are next to each other in the table
    found = neighbour_preservation(ordered, np.zeros((300, 2)), n_neighbors=10)
    assert neighbour_overlap(ordered, np.zeros((300, 2)), n_neighbors=10) < 0.08
    assert 0.3 < found.trustworthiness.mean() < 0.7
    assert 0.3 < found.continuity.mean() < 0.7


def test_the_worst_that_can_be_is_zero():
    line = np.arange(9.0)[:, None]
    distance = np.abs(line - line.T)
    # each row in turn: what was farthest comes nearest
    for i in (0, 4, 8):
        turned = np.where(np.arange(9)[:, None] == i, 0.0, 100.0 - distance[:, [i]])
        order = np.argsort(np.abs(line - line[i])[:, 0], kind="stable")
        assert order[0] == i
        assert neighbour_preservation(line + 0.01 * line**2, turned, n_neighbors=2).kept[i] == 0
    found = neighbour_preservation(line, np.where(line == 0, 0.0, 100.0 - line), n_neighbors=2)
    assert found.trustworthiness[0] == 0
    assert found.continuity[0] == 0


def test_arrays_are_left_alone():
    before = X.copy(), FLAT.copy()
    neighbour_preservation(X, FLAT)
    assert_array_equal(X, before[0])
    assert_array_equal(FLAT, before[1])


@pytest.mark.parametrize("k", [0, 60, 2.5, True])
def test_impossible_number_of_neighbours(k):
    with pytest.raises(ValueError, match="whole number from 1 to 59, less than half of the 120 rows. Got"):
        trustworthiness_continuity(X, FLAT, n_neighbors=k)


def test_rows_that_do_not_belong_together():
    with pytest.raises(ValueError, match="Got 119 points .'embedded'. for 120 rows"):
        neighbour_overlap(X, FLAT[1:])
    with pytest.raises(ValueError, match="Input embedded contains NaN"):
        neighbour_overlap(X, np.where(FLAT == FLAT[3, 0], np.nan, FLAT))
