"""Neighbours of rows: which values change, by how much, and that the rest stays what it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from torch import nn

from sklearn_xai import InputXGradientExplainer, OcclusionExplainer, SaliencyExplainer, TokenEncoder
from sklearn_xai.metrics import METRICS, local_lipschitz, max_sensitivity
from sklearn_xai.metrics._neighbours import Neighbourhood
from tests.nets import classifier
from tests.oracles import mlp, seeded

ALL = [metric.function for metric in METRICS.values() if metric.family == "robustness"]
OPTIONS = {
    "metric": "tested", "n_samples": 8, "radius": 0.5, "scale": "std", "flip_probability": 0.4, "random_state": 0
}  # fmt: skip


def near(explainer, X, rows=slice(None), **options):
    return Neighbourhood(explainer, X, **OPTIONS | options).near(rows)


# ---------------------------------------------------------------- arrays of numbers
@settings(max_examples=20, deadline=None)
@given(
    radius=st.floats(0.01, 3), scale=st.sampled_from(["std", "none"]), dtype=st.sampled_from([np.float32, np.float64])
)
def test_the_same_noise_for_all_rows_within_the_radius(radius, scale, dtype):
    X = (np.random.RandomState(0).randn(9, 4) * [1, 2, 5, 0]).astype(dtype)
    explainer = SaliencyExplainer(seeded(lambda: mlp(4))).fit(X)
    before = X.copy()
    found = near(explainer, X, radius=radius, scale=scale)
    assert found.rows.shape == (72, 4) and found.rows.dtype == dtype
    unit = X.std(axis=0, dtype=np.float64) if scale == "std" else np.ones(4)
    moves = found.rows.reshape(9, 8, 4) - X[:, None].astype(np.float64)
    assert (np.abs(moves) <= radius * unit + 1e-5).all()
    assert (np.abs(moves).max(axis=(0, 1)) > radius * unit / 3).all() or scale == "std"
    assert_allclose(moves, np.broadcast_to(moves[:1], moves.shape), atol=1e-5)
    scaled = moves / np.where(unit > 0, unit, 1)
    assert_allclose(found.distance(), np.linalg.norm(scaled, axis=2), atol=1e-9)
    part = near(explainer, X, slice(2, 4), radius=radius, scale=scale)
    assert_array_equal(part.rows, found.rows[16:32])
    assert_array_equal(X, before)


def test_relative_changes_of_rows():
    X = np.array([[1.0, -4.0], [0.0, 2.0], [3.0, 1.0]])
    explainer = SaliencyExplainer(seeded(lambda: mlp(2))).fit(X)
    found = near(explainer, X)
    moves = found.rows.reshape(3, 8, 2) - X[:, None]
    floor = np.maximum(np.abs(X), 0.01 * X.std(axis=0))[:, None]
    assert_allclose(found.relative(0.01), np.linalg.norm(moves / floor, axis=2))


def test_whole_numbers_stay_whole_and_within_their_type():
    X = np.array([[0, 200, 3], [255, 100, 3], [90, 10, 4], [9, 60, 3]], dtype=np.uint8)
    explainer = SaliencyExplainer(seeded(lambda: mlp(3))).fit(X)
    found = near(explainer, X)
    assert found.rows.dtype == np.uint8
    moves = found.rows.reshape(4, 8, 3).astype(float) - X[:, None]
    assert (np.abs(moves) <= np.ceil(0.5 * X.std(axis=0))).all()
    assert (moves[:, :, 0] != 0).any() and (moves[:, :, 2] == 0).all()
    assert_allclose(found.distance(), np.linalg.norm(moves / X.std(axis=0), axis=2))
    with pytest.raises(ValueError, match="tested: no neighbour could differ .*whole numbers stay whole"):
        near(explainer, X, scale="none", radius=0.4)


def test_images_are_moved_in_deviations_of_all_pixels():
    X = np.random.RandomState(0).rand(6, 1, 4, 4).astype(np.float32)
    X[:, :, 0] = 0  # a row of pixels that are always dark moves too
    net = seeded(
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)), dtype=torch.float32
    )
    explainer = SaliencyExplainer(net).fit(X)
    found = near(explainer, X)
    assert found.rows.shape == (48, 1, 4, 4)
    moves = np.abs(found.rows.reshape(6, 8, 1, 4, 4) - X[:, None])
    assert (moves[..., 0, :].max(axis=(0, 1, 2)) > 0.3 * X.std()).all()
    assert (moves <= 0.5 * X.std() + 1e-6).all()
    assert_allclose(found.distance(), np.sqrt((moves**2).sum(axis=(2, 3, 4))) / X.std(), rtol=1e-5)


# ---------------------------------------------------------------- tables of anything
def mixed_table():
    return pd.DataFrame(
        {
            "age": np.array([20, 30, 40, 50, 60, 70]),
            "pay": [1.5, np.nan, 2.5, 4.0, 9.0, 3.0],
            "city": ["Rome", "Lima", None, "Rome", "Oslo", "Lima"],
            "kind": pd.Categorical(["a", "b", "a", "c", "b", "a"]),
            "member": [True, False, True, True, False, False],
            "count": pd.array([1, 20, None, 3, 40, 5], dtype="Int64"),
            "since": pd.to_datetime(["2020-01-01", "2021-05-05"] * 3),
            "old": np.array([3, 10, None, 4, 80, 6], dtype=object),
        },
        index=[5, 5, 7, 8, 9, 9],
    )


@pytest.fixture(scope="module")
def forest():
    table = mixed_table()
    words, numbers = ["city", "kind", "member"], ["age", "pay", "count", "old"]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), words), (SimpleImputer(), numbers), sparse_threshold=0
    )
    pipe = make_pipeline(columns, RandomForestClassifier(10, random_state=0)).fit(table, [0, 1, 0, 1, 0, 1])
    return OcclusionExplainer(pipe).fit(table)


def test_each_column_of_a_table_changes_as_its_values_can(forest):
    table = mixed_table()
    kept = table.copy(deep=True)
    found = near(forest, table)
    pd.testing.assert_frame_equal(table, kept)
    assert_array_equal(found.rows.dtypes, table.dtypes)
    own = table.iloc[np.repeat(np.arange(6), 8)].reset_index(drop=True)
    assert_array_equal(found.rows.isna(), own.isna())
    units = table[["age", "pay", "count", "old"]].astype(float).std(ddof=0)
    expected = np.zeros(48)
    for name in table:
        if name in units:
            moved = (found.rows[name].astype(float) - own[name].astype(float)).to_numpy()
            assert np.nanmax(np.abs(moved)) <= 0.5 * units[name] + 0.5 * (name != "pay")
            assert (moved[0:8] != 0).any(), name
            whole = moved[np.isfinite(moved)] == np.rint(moved[np.isfinite(moved)])
            assert whole.all() == (name != "pay")
            expected += np.nan_to_num(moved / units[name]) ** 2
        else:
            present = own[name].notna()
            changed = ((found.rows[name].astype(str) != own[name].astype(str)) & present).to_numpy()
            assert 0 < changed.mean() < 0.5, name
            assert set(found.rows[name].dropna()) <= set(table[name].dropna())
            expected += changed
    assert_allclose(found.distance().reshape(-1), np.sqrt(expected))
    assert {type(value) for value in found.rows["old"]} <= {int, type(None)}


def test_a_row_of_a_table_alone_has_the_same_neighbours(forest):
    table = mixed_table()
    together = near(forest, table).rows
    alone = [near(forest, table.iloc[[i]]).rows for i in range(6)]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together)


def test_without_flips_words_stay(forest):
    table = mixed_table()
    found = near(forest, table, flip_probability=0.0)
    names = ["city", "kind", "member", "since"]
    pd.testing.assert_frame_equal(
        found.rows[names], table[names].iloc[np.repeat(np.arange(6), 8)].reset_index(drop=True)
    )
    numbers = near(forest, table, radius=0).rows
    assert_array_equal(numbers["age"], np.repeat(table["age"], 8))


@pytest.mark.parametrize("metric", [metric for metric in ALL if not METRICS[metric.__name__].network])
def test_metrics_of_a_forest_of_mixed_columns(forest, metric):
    table = mixed_table()
    found = metric(forest, table, flip_probability=0.3, sample_wise=True)
    assert found.shape == (6,) and np.isfinite(found).all() and found.max() > 0
    assert_array_equal(metric(forest, table.iloc[3:], flip_probability=0.3, sample_wise=True), found[3:])


def test_an_array_of_objects_is_a_table():
    X = mixed_table()[["pay", "city", "age"]].iloc[[0, 3, 4, 5]].to_numpy(dtype=object)
    columns = make_column_transformer((OneHotEncoder(), [1]), ("passthrough", [0, 2]), sparse_threshold=0)
    explainer = OcclusionExplainer(make_pipeline(columns, RandomForestClassifier(5)).fit(X, [0, 1, 0, 1])).fit(X)
    found = near(explainer, X)
    assert found.rows.dtype == object and found.rows.shape == (32, 3)
    assert set(found.rows[:, 1]) <= {"Rome", "Oslo", "Lima"}
    assert (found.rows[:, 2] == np.rint(found.rows[:, 2].astype(float))).all()
    assert np.isfinite(max_sensitivity(explainer, X))


def test_a_table_for_a_network_keeps_its_types():
    table = mixed_table()[["age", "member"]].assign(real=np.arange(6) / 3)
    explainer = SaliencyExplainer(seeded(lambda: mlp(3))).fit(table)
    found = near(explainer, table)
    assert_array_equal(found.rows.dtypes, table.dtypes)
    assert 0 < (found.rows["member"].to_numpy() != np.repeat(table["member"].to_numpy(), 8)).mean() < 0.4
    assert local_lipschitz(explainer, table) > 0


# ---------------------------------------------------------------- ids, texts, several inputs
class Tokens(nn.Module):
    def __init__(self, padding_idx=0):
        super().__init__()
        self.table, self.out = nn.Embedding(50, 3, padding_idx=padding_idx), nn.Linear(3, 2)

    def forward(self, X):
        return self.out(torch.tanh(self.table(X)).mean(dim=1))


def test_tokens_are_replaced_by_those_at_the_same_place():
    X = np.arange(1, 49).reshape(8, 6)
    X[3:, 4:] = 0
    explainer = InputXGradientExplainer(seeded(Tokens)).fit(X)
    found = near(explainer, X)
    assert found.rows.dtype == X.dtype
    for j in range(6):
        assert set(found.rows[:, j]) <= set(X[:, j])
    assert_array_equal(found.rows == 0, np.repeat(X, 8, axis=0) == 0)
    changed = (found.rows.reshape(8, 8, 6) != X[:, None]).sum(axis=2)
    assert 0 < changed.mean() < 3
    assert_allclose(found.distance(), np.sqrt(changed))
    for metric in ALL:
        assert np.isfinite(metric(explainer, X, flip_probability=0.3, sample_wise=True)).all()
    with pytest.raises(ValueError, match="max_sensitivity: no neighbour could differ .* flip_probability=0"):
        max_sensitivity(explainer, X, flip_probability=0)


def test_padding_is_a_token_where_nothing_says_otherwise():
    X = np.arange(1, 49).reshape(8, 6)
    X[3:, 4:] = 0
    explainer = InputXGradientExplainer(seeded(lambda: Tokens(None))).fit(X)
    assert ((near(explainer, X).rows == 0) != (np.repeat(X, 8, axis=0) == 0)).any()


def test_texts():
    texts = ["a good film", "a bad film", "good good cast", "bad bad plot of a film"] * 5
    pipe = make_pipeline(TokenEncoder(max_tokens=50), classifier(Tokens, max_epochs=2, callbacks=None))
    explainer = InputXGradientExplainer(pipe).fit(texts, [1, 0, 1, 0] * 5)
    for metric in ALL:
        found = metric(explainer, texts[:4], flip_probability=0.5, sample_wise=True)
        assert found.shape == (4,) and np.isfinite(found).all() and found.max() > 0
        assert_allclose(metric(explainer, texts[2:4], flip_probability=0.5, sample_wise=True), found[2:], rtol=1e-3)


class Several(nn.Module):
    """Numbers, pictures, ids and truth values."""

    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(50, 2), nn.Linear(2 + 4 + 2 + 1, 2)

    def forward(self, num, picture, word, flag):
        parts = [num, picture.flatten(1), self.table(word).mean(dim=1), flag.to(num)]
        return self.out(torch.tanh(torch.cat(parts, dim=1)))


def test_several_inputs_change_by_their_types():
    rng = np.random.RandomState(0)
    X = {
        "num": rng.randn(10, 2) * [1, 9],
        "picture": rng.rand(10, 1, 2, 2) * np.array([[1, 1], [0, 5]]),
        "word": rng.randint(0, 50, (10, 3)),
        "flag": rng.rand(10, 1) > 0.5,
    }
    kept = {name: value.copy() for name, value in X.items()}
    explainer = OcclusionExplainer(seeded(Several), target=0).fit(X)
    found = near(explainer, X)
    rows = found.rows.to_numpy()
    table = np.concatenate([value.reshape(10, -1) for value in X.values()], axis=1)
    units = np.concatenate([X["num"].std(axis=0), np.full(4, X["picture"].std())])
    moves = (rows.reshape(10, 8, 10) - table[:, None])[..., :6] / units
    assert (np.abs(moves) <= 0.5).all() and (np.abs(moves).max(axis=(0, 1)) > 0.2).all()
    for j in range(6, 10):
        assert set(rows[:, j]) <= set(table[:, j])
    changed = (rows.reshape(10, 8, 10) != table[:, None])[..., 6:].sum(axis=2)
    assert changed.any()
    assert_allclose(found.distance(), np.sqrt((moves**2).sum(axis=2) + changed))
    for metric in ALL:
        assert np.isfinite(metric(explainer, X, sample_wise=True)).all()
    for name, value in X.items():
        assert_array_equal(value, kept[name])


def test_codes_among_real_numbers_stay_codes():
    class Coded(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(4, 2), nn.Linear(3, 1)

        def forward(self, X):
            return self.out(torch.cat([self.table(X[:, 0].long()), X[:, 1:]], dim=1))

    rng = np.random.RandomState(0)
    X = np.column_stack([rng.randint(0, 4, 20), rng.randn(20)])
    found = near(InputXGradientExplainer(seeded(Coded)).fit(X), X)
    assert set(found.rows[:, 0]) == {0, 1, 2, 3}
    assert len(set(found.rows[:, 1])) == 160
