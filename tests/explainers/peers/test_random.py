"""The random control: same row, same attributions, and nothing to do with the model."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from torch import nn

from sklearn_xai import RandomExplainer

RNG = np.random.RandomState(0)
X = RNG.randn(400, 5)
LINEAR = LinearRegression().fit(X, X @ np.arange(1.0, 6.0))


def test_a_row_has_the_same_attributions_in_any_company():
    explainer = RandomExplainer(LINEAR, random_state=0).fit(X)
    whole = explainer.transform(X)
    order = np.random.RandomState(1).permutation(len(X))
    assert_array_equal(explainer.transform(X[order]), whole[order])
    assert_array_equal(explainer.transform(X[7:8]), whole[7:8])
    assert_array_equal(pickle.loads(pickle.dumps(explainer)).transform(X), whole)
    assert_array_equal(RandomExplainer(LINEAR, random_state=0).fit(X).transform(X), whole)


def test_a_change_of_one_value_changes_all_attributions():
    explainer = RandomExplainer(LINEAR, random_state=0).fit(X)
    other = X.copy()
    other[:, 2] += 1e-9
    assert (np.abs(explainer.transform(other) - explainer.transform(X)) > 0).all()
    swapped = X[:, [1, 0, 2, 3, 4]]
    assert (np.abs(explainer.transform(swapped) - explainer.transform(X)) > 0).all()


def test_draws_are_normal_around_zero_and_know_nothing_of_the_model():
    explainer = RandomExplainer(LINEAR, random_state=3).fit(X)
    rows = np.random.RandomState(2).randn(4000, 5)
    found = explainer.transform(rows)
    spread = np.std(LINEAR.predict(explainer.background_))
    assert_allclose(found.std(axis=0), spread / np.sqrt(5), rtol=0.05)
    assert_allclose(found.sum(axis=1).std(), spread, rtol=0.05)
    assert np.abs(found.mean(axis=0)).max() < 4 * spread / np.sqrt(5 * 4000)
    assert np.abs(np.corrcoef(found.T) - np.eye(5)).max() < 0.06
    truth = LINEAR.coef_ * (rows - X.mean(axis=0))
    assert max(abs(np.corrcoef(found[:, j], truth[:, j])[0, 1]) for j in range(5)) < 0.06


def test_another_random_state_draws_anew():
    first, second = (RandomExplainer(LINEAR, random_state=seed).fit(X).transform(X) for seed in (0, 1))
    assert np.abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_frames_with_strings_and_missing_values():
    table = pd.DataFrame(
        {
            "town": ["Ghent", None, "Turin", "Ghent", "Lund", "Turin"],
            "age": [31.0, 4.0, np.nan, 31.0, 31.0, 80.0],
            "kind": pd.Categorical(["a", "b", "a", "a", "b", None]),
            "left": [True, False, True, True, False, False],
        }
    )
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), RandomForestClassifier(5, random_state=0))
    model.fit(table, list("xyzxyz"))
    explainer = RandomExplainer(model, random_state=0).fit(table)
    found = explainer.transform(table)
    assert np.isfinite(found).all()
    assert_array_equal(found[0], found[3])
    assert len(np.unique(found, axis=0)) == 5
    assert_array_equal(explainer.transform(table.iloc[[5, 2]]), found[[5, 2]])


def test_targets_and_images():
    X3, labels = X[:, :3], RNG.randint(3, size=len(X))
    explainer = RandomExplainer(
        RandomForestClassifier(5, random_state=0).fit(X3, labels), target="all", random_state=0
    ).fit(X3)
    blocks = explainer.transform(X3)
    assert blocks.shape == (len(X), 9)
    assert np.abs(np.corrcoef(blocks.T) - np.eye(9)).max() < 0.2
    images = RNG.randn(6, 1, 4, 4).astype(np.float32)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    found = RandomExplainer(net, random_state=0).fit(images).transform(images)
    assert found.shape == images.shape
    assert len(np.unique(found)) == found.size


def test_an_output_that_does_not_vary_still_has_a_control():
    constant = LinearRegression().fit(X, np.zeros(len(X)))
    explainer = RandomExplainer(constant, random_state=0).fit(X)
    assert_array_equal(explainer.scale_, [1.0])
    assert explainer.transform(X).std() == pytest.approx(1 / np.sqrt(5), rel=0.1)


def test_faithfulness_is_that_of_chance():
    explainer = RandomExplainer(LINEAR, random_state=0).fit(X)
    assert abs(explainer.score(X[:200])) < 0.15
