"""Images: channels, and regions as players."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch import nn

from sklearn_xai import (
    IntegratedGradientsExplainer,
    LocalSurrogateExplainer,
    OcclusionExplainer,
    RandomExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
)
from tests.oracles import seeded

RNG = np.random.RandomState(0)
X = RNG.standard_normal((12, 3, 6, 6))
LABELS = np.arange(36).reshape(6, 6) // 9
FAST = {
    SaliencyExplainer: {},
    IntegratedGradientsExplainer: {},
    OcclusionExplainer: {"background_size": 4},
    ShapleyExplainer: {"background_size": 4},
    LocalSurrogateExplainer: {"n_samples": 40, "background_size": 4},
    RandomExplainer: {},
}


def cnn():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3))


@pytest.mark.parametrize("cls", [SaliencyExplainer, IntegratedGradientsExplainer])
def test_the_sum_over_channels(cls):
    module = seeded(cnn)
    every, summed = (cls(module, target=0, channels=channels).fit(X) for channels in ("keep", "sum"))
    assert every.transform(X).shape == X.shape
    assert_allclose(summed.transform(X), every.transform(X).sum(axis=1, keepdims=True), atol=1e-12)
    assert summed.explain(X).values.shape == (12, 1, 6, 6)
    assert summed.n_players_ == 36 and summed.feature_importances_.shape == (36,)
    assert -1 <= summed.score(X) <= 1
    both = cls(module, target="all", channels="sum").fit(X).transform(X)
    assert_allclose(both[..., 0], summed.transform(X), atol=1e-12)


def test_a_pixel_is_removed_with_all_its_channels():
    module = seeded(cnn)
    explainer = SaliencyExplainer(module, target=0, channels="sum").fit(X)
    kept = np.ones((1, 36), dtype=bool)
    kept[0, 7] = False
    found = explainer.coalition_values(X, kept)[:, 0]
    background = explainer._coalitions.background
    blends = np.repeat(X[:, None], len(background), axis=1)
    blends[:, :, :, 1, 1] = background[:, :, 1, 1]
    with torch.no_grad():
        expected = module(torch.as_tensor(blends.reshape(-1, 3, 6, 6)))[:, 0].reshape(12, -1).mean(dim=1)
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("groups", [3, 4, LABELS, LABELS.tolist()], ids=["3", "4", "labels", "list"])
@pytest.mark.parametrize("cls", FAST)
def test_regions_are_players(cls, groups):
    explainer = cls(seeded(cnn), target=1, feature_groups=groups, random_state=0, **FAST[cls]).fit(X)
    found = explainer.transform(X)
    assert found.shape == (12, 4) and explainer.n_players_ == 4 and np.isfinite(found).all()
    explanation = explainer.explain(X[:2])
    assert explanation.values.shape == (2, 4) and len(explanation.feature_names) == 4
    assert explainer.feature_importances_.shape == (4,)
    assert -1 <= explainer.score(X[:4]) <= 1
    assert_allclose(explainer.transform(X[5:6]), found[5:6], atol=1e-10)
    frame = clone(explainer).set_output(transform="pandas").fit(X).transform(X)
    assert isinstance(frame, pd.DataFrame) and frame.columns.tolist() == list(explainer.get_feature_names_out())


def test_the_attribution_of_a_region_is_that_of_its_cells():
    module = seeded(cnn)
    cells = IntegratedGradientsExplainer(module, target=0).fit(X).transform(X).sum(axis=1)
    by_label = IntegratedGradientsExplainer(module, target=0, feature_groups=LABELS).fit(X).transform(X)
    expected = np.stack([cells[:, label == LABELS].sum(axis=1) for label in range(4)], axis=1)
    assert_allclose(by_label, expected, atol=1e-10)
    squares = IntegratedGradientsExplainer(module, target=0, feature_groups=4).fit(X)
    assert squares.player_names_.tolist() == ["row0_column0", "row0_column4", "row4_column0", "row4_column4"]
    corner = cells[:, :4, 4:].sum(axis=(1, 2))
    assert_allclose(squares.transform(X)[:, 1], corner, atol=1e-10)


def test_shapley_values_of_regions_add_up():
    explainer = ShapleyExplainer(seeded(cnn), target=0, feature_groups=LABELS, background_size=4).fit(X)
    explanation = explainer.explain(X)
    assert_allclose(explanation.values.sum(axis=1) + explanation.base_values, explainer.explained_output(X), atol=1e-6)


def test_labels_need_not_begin_at_zero():
    explainer = SaliencyExplainer(seeded(cnn), target=0, feature_groups=LABELS * 10 - 3).fit(X)
    assert explainer.player_names_.tolist() == ["region-3", "region7", "region17", "region27"]
    plain = SaliencyExplainer(seeded(cnn), target=0, feature_groups=LABELS).fit(X)
    assert_array_equal(explainer.transform(X), plain.transform(X))


@pytest.mark.parametrize(("groups", "shape"), [(None, (10, 2, 6)), (2, (10, 3)), (np.arange(6) // 3, (10, 2))])
def test_signals(groups, shape):
    signals = RNG.standard_normal((10, 2, 6))
    module = seeded(lambda: nn.Sequential(nn.Conv1d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 1)))
    explainer = IntegratedGradientsExplainer(module, feature_groups=groups, tol=1e-4).fit(signals)
    found = explainer.transform(signals)
    assert found.shape == shape
    assert_allclose(
        found.reshape(10, -1).sum(axis=1),
        explainer.explained_output(signals) - explainer.explain(signals).base_values,
        atol=1e-3,
    )


@pytest.mark.parametrize(
    ("groups", "came"),
    [
        (np.ones((5, 5), dtype=int), r"int64 of shape \(5, 5\)"),
        (np.ones((6, 6)), "float64 of shape"),
        (np.ones((3, 6, 6), dtype=int), r"int64 of shape \(3, 6, 6\)"),
        ("correlated", "'correlated'"),
        ({"a": [0]}, "a dict"),
        (0, "Got 0"),
    ],
)
def test_what_are_no_regions(groups, came):
    with pytest.raises(ValueError, match=f"'feature_groups' parameter of SaliencyExplainer must be .*{came}"):
        SaliencyExplainer(seeded(cnn), target=0, feature_groups=groups).fit(X)


@pytest.mark.parametrize("groups", [2, np.array([0, 0, 1])])
def test_tables_have_no_regions(groups):
    with pytest.raises(ValueError, match="must be a dict of lists of columns or 'correlated' for a table"):
        SaliencyExplainer(nn.Linear(3, 1), feature_groups=groups).fit(np.eye(3))


def test_channels_of_a_table_are_its_columns():
    module = nn.Linear(3, 1)
    summed, every = (SaliencyExplainer(module, channels=channels).fit(np.eye(3)) for channels in ("sum", "keep"))
    assert_array_equal(summed.transform(np.eye(3)), every.transform(np.eye(3)))
    with pytest.raises(ValueError, match="'channels' parameter"):
        SaliencyExplainer(module, channels="mean").fit(np.eye(3))
