"""Occlusion: closed forms, games, and windows held against a loop over them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC
from torch import nn

from sklearn_xai import OcclusionExplainer
from sklearn_xai.explainers.perturbation.occlusion import Windows, resolve_windows
from tests.nets import classifier, table
from tests.oracles import mlp, run, seeded


class Game(RegressorMixin, BaseEstimator):
    """A function of rows as an estimator."""

    def __init__(self, play):
        self.play = play

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return self.play(np.asarray(X))


# ---------------------------------------------------------------------- tables
def test_linear_model():
    rng = np.random.RandomState(0)
    X, w = rng.standard_normal((60, 4)), np.array([1.0, 0.0, -2.0, 0.3])
    model = LinearRegression().fit(X, X @ w)
    explainer = OcclusionExplainer(model).fit(X)
    assert_allclose(explainer.transform(X), w * (X - X.mean(axis=0)), atol=1e-10)
    assert explainer.n_windows_ == 4
    for baseline, value in {"zero": 0, "max": X.max(axis=0), "sample": X.mean(axis=0)}.items():
        found = OcclusionExplainer(model, baseline=baseline).fit(X)
        assert_allclose(found.transform(X), w * (X - value), atol=1e-10)
    found = OcclusionExplainer(model, baseline=X[3]).fit(X)
    assert_allclose(found.transform(X), w * (X - X[3]), atol=1e-10)
    assert_allclose(found.explain(X).base_values, model.predict(X[3:4])[0])
    grouped = OcclusionExplainer(model, feature_groups={"pair": [0, 3]}).fit(X).transform(X)
    each = w * (X - X.mean(axis=0))
    assert_allclose(grouped, np.column_stack([each[:, 0] + each[:, 3], each[:, 1:3]]), atol=1e-10)


@pytest.mark.parametrize("game", ["and", "or", "xor", "sum"])
def test_games(game):
    rows = np.array(list(product([0.0, 1.0], repeat=3)))  # the third player has no part in the game
    play = {
        "and": lambda Z: Z[:, 0] * Z[:, 1],
        "or": lambda Z: np.maximum(Z[:, 0], Z[:, 1]),
        "xor": lambda Z: np.abs(Z[:, 0] - Z[:, 1]),
        "sum": lambda Z: Z[:, 0] + Z[:, 1],
    }[game]
    a, b = rows[:, 0], rows[:, 1]
    first = {"and": a * b, "or": a * (1 - b), "xor": np.abs(a - b) - b, "sum": a}[game]
    second = {"and": a * b, "or": b * (1 - a), "xor": np.abs(a - b) - a, "sum": b}[game]
    found = OcclusionExplainer(Game(play).fit(rows), baseline="zero").fit(rows).transform(rows)
    assert_allclose(found, np.column_stack([first, second, 0 * a]), atol=1e-12)


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_a_column_without_effect_gets_nothing_and_equal_columns_get_the_same(n_background, seed):
    rng = np.random.RandomState(seed)
    background = rng.choice([0.0, 1.0, 2.5], size=(n_background, 4))
    background[:, 1] = background[:, 0]
    model = Game(lambda Z: np.sin(Z[:, 0] + Z[:, 1]) * Z[:, 2]).fit(background)
    rows = rng.standard_normal((5, 4))
    rows[:, 1] = rows[:, 0]
    found = OcclusionExplainer(model).fit(background).transform(rows)
    assert_allclose(found[:, 3], 0, atol=1e-12)
    assert_allclose(found[:, 0], found[:, 1], atol=1e-12)


@pytest.mark.parametrize("removal", ["marginal", "baseline", "conditional"])
@pytest.mark.parametrize("kind", ["forest", "boosting", "svc", "net"])
def test_columns_of_a_frame_as_they_come(kind, removal):
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "age": rng.randint(18, 80, 50),
            "city": rng.choice(["Bern", "Genf"], 50),
            "size": pd.Categorical(rng.choice(["S", "L"], 50)),
            "member": rng.rand(50) > 0.5,
        }
    )
    y = np.where((X["age"] > 45) & X["member"], "yes", "no")
    final = {"forest": RandomForestClassifier(10, random_state=0), "svc": SVC(), "net": classifier()}.get(kind)
    if kind == "boosting":
        final, y = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5), (y == "yes").astype(float)
        X["age"] = X["age"].astype(float).where(rng.rand(50) > 0.1)
    before = make_column_transformer((OneHotEncoder(), ["city", "size"]), ("passthrough", ["age", "member"]))
    explainer = OcclusionExplainer(make_pipeline(before, final), removal=removal, random_state=0).fit(X, y)
    found = explainer.transform(X)
    assert found.shape == (50, 4) and np.abs(found[:, 0]).max() > 1e-3
    assert_allclose(explainer.transform(X.iloc[:1]), found[:1], atol=1e-6)
    if removal == "marginal":
        for i in range(3):
            rows = pd.concat([X.iloc[[i]]] * len(explainer.background_), ignore_index=True)
            rows["age"] = explainer.background_["age"].to_numpy()
            loss = explainer.explained_output(X.iloc[[i]])[0] - explainer.explained_output(rows).mean()
            assert_allclose(found[i, 0], loss, atol=1e-5)


def test_a_baseline_for_a_frame_keeps_its_types():
    X = pd.DataFrame({"count": [1, 2, 6, 3], "flag": [True, False, True, True], "size": [0.5, 1.5, 2.5, 0.0]})
    seen = []

    def play(frame):
        seen.append(frame.dtypes.astype(str).tolist())
        return frame.astype(float).to_numpy() @ [1.0, 10.0, 100.0]

    class Frames(Game):
        def predict(self, X):
            return self.play(X)

    model = Frames(play).fit(X)
    found = OcclusionExplainer(model, baseline="median").fit(X).transform(X)
    assert_allclose(found, (X.astype(float) - X.astype(float).median()) * [1, 10, 100])
    seen.clear()
    OcclusionExplainer(model, baseline="max").fit(X)
    assert {tuple(kinds) for kinds in seen} == {("int64", "bool", "float64")}


def test_baselines_that_do_not_suit():
    X = pd.DataFrame({"city": ["a", "b"], "n": [1.0, np.nan]})
    model = Game(lambda Z: np.ones(len(Z))).fit(X)
    with pytest.raises(ValueError, match="replaces numbers, but X has columns of other values. Leave it None, and use"):
        OcclusionExplainer(model, baseline="mean").fit(X)
    with pytest.raises(ValueError, match="is 'mean', but the background has missing or infinite values"):
        OcclusionExplainer(HistGradientBoostingRegressor().fit(X[["n"]], [0, 1]), baseline="mean").fit(X[["n"]])
    X, y, _ = table()
    with pytest.raises(ValueError, match=r"an array of shape \(4,\)"):
        OcclusionExplainer(LinearRegression(), baseline=[0.0, 1.0]).fit(X, y)


# ---------------------------------------------------------------------- windows
def boxes(shape, sizes, strides):
    """Return the cells of each window, made one window at a time."""
    counts = [-(-(side - size) // stride) + 1 for side, size, stride in zip(shape, sizes, strides, strict=True)]
    found = []
    for at in product(*map(range, counts)):
        mask = np.zeros(shape, dtype=bool)
        mask[
            tuple(slice(i * stride, i * stride + size) for i, size, stride in zip(at, sizes, strides, strict=True))
        ] = 1
        found.append(mask)
    return np.array(found)


AXIS = st.integers(1, 6).flatmap(
    lambda side: st.integers(1, side).flatmap(
        lambda size: st.tuples(st.just(side), st.just(size), st.integers(1, size))
    )
)


@given(st.lists(AXIS, min_size=1, max_size=3), st.integers(0, 100))
@settings(deadline=None, max_examples=60)
def test_windows(axes, seed):
    shape, sizes, strides = zip(*axes, strict=True)
    expected = boxes(shape, sizes, strides)
    windows = Windows(shape, sizes, strides)
    assert len(windows) == len(expected)
    some = np.random.RandomState(seed).permutation(len(expected))
    assert_array_equal(windows.masks(some), expected[some].reshape(len(some), -1))
    values = np.random.RandomState(seed).standard_normal((2, len(expected)))
    mean = np.tensordot(values, expected.astype(float), axes=1) / expected.sum(axis=0)
    assert_allclose(windows.spread(values), mean, atol=1e-12)


@pytest.mark.parametrize(
    ("window", "strides", "shape", "sizes", "steps"),
    [
        (None, None, (14,), (1,), (1,)),
        (4, None, (14,), (4,), (2,)),
        (None, None, (3, 32, 32), (3, 4, 4), (2, 2, 2)),
        (None, None, (3, 224, 224), (3, 28, 28), (2, 14, 14)),
        (5, 2, (3, 20, 20), (3, 5, 5), (2, 2, 2)),
        (5, None, (20, 3), (5, 3), (3, 2)),
        ((5, 2), (1, 2), (3, 20, 20), (3, 5, 2), (3, 1, 2)),
        ((1, 5, 5), 1, (3, 20, 20), (1, 5, 5), (1, 1, 1)),
    ],
)
def test_sizes_of_windows(window, strides, shape, sizes, steps):
    assert_array_equal(
        resolve_windows(window, strides, shape, "X").masks([0])[0], boxes(shape, sizes, steps)[0].ravel()
    )
    assert len(resolve_windows(window, strides, shape, "X")) == np.prod(
        [-(-(side - size) // step) + 1 for side, size, step in zip(shape, sizes, steps, strict=True)]
    )


@pytest.mark.parametrize(
    ("window", "strides", "message"),
    [
        ((9, 2), None, r"'window' parameter of Me is 9 along axis 1 of a row, which has 8 cells"),
        (2, 3, r"'strides' parameter of Me steps by 3 along axis 1 of a row"),
        ((2, 2, 2, 2), None, r"must be an integer or hold 2 or 3 of them, for rows of shape \(3, 8, 8\)"),
        ((2, 0), None, r"'window' parameter of Me must hold positive integers. Got \(2, 0\)"),
        (2, (1, 1.5), r"'strides' parameter of Me must hold positive integers"),
    ],
)
def test_windows_that_do_not_suit(window, strides, message):
    with pytest.raises(ValueError, match=message):
        resolve_windows(window, strides, (3, 8, 8), "Me")


class Picture(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(2, 3, 3), nn.Linear(3, 3)

    def forward(self, X):
        return self.out(torch.tanh(self.conv(X)).mean(dim=(2, 3)))


def window_loop(module, X, fill, masks, target):
    """Return the mean loss over the windows that cover each cell, one window and row at a time."""
    total, count = np.zeros(X.shape), masks.sum(axis=0)
    full = run(module, X)
    for i, mask in product(range(len(X)), masks):
        rows = np.where(mask, fill, X[i])
        total[i] += mask * (full[i, target] - run(module, rows)[:, target].mean())
    return total / count


@pytest.mark.parametrize("baseline", [None, "zero", "sample"])
def test_images(baseline, monkeypatch):
    module = seeded(Picture)
    X = np.random.RandomState(0).standard_normal((6, 2, 7, 6))
    explainer = OcclusionExplainer(module, window=3, strides=2, baseline=baseline, target=1).fit(X)
    fill = {None: X.mean(axis=0, keepdims=True), "zero": np.zeros((1, 2, 7, 6)), "sample": X}[baseline]
    expected = window_loop(module, X[:2], fill, boxes((2, 7, 6), (2, 3, 3), (1, 2, 2)), 1)
    found = explainer.transform(X[:2])
    assert found.shape == (2, 2, 7, 6) and explainer.n_windows_ == 9
    assert_allclose(found, expected, atol=1e-10)
    monkeypatch.setattr("sklearn_xai.explainers.perturbation.occlusion._MASK_CELLS", 200)  # a few windows at a time
    assert_allclose(explainer.transform(X[:2]), expected, atol=1e-10)


def test_sequences_with_their_channels_last():
    class Series(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.out = nn.GRU(2, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, X):
            return self.out(self.cells(X)[0][:, -1])

    module, X = seeded(Series), np.random.RandomState(0).standard_normal((5, 9, 2))
    found = OcclusionExplainer(module, window=(4, 2), strides=3, target=0, baseline="zero").fit(X).transform(X)
    assert_allclose(found, window_loop(module, X, 0 * X[:1], boxes((9, 2), (4, 2), (3, 3)), 0), atol=1e-10)


def test_windows_over_neighbouring_columns():
    module, X = seeded(lambda: mlp(n_inputs=7)), np.random.RandomState(0).standard_normal((5, 7))
    explainer = OcclusionExplainer(module, window=3, strides=2, target=0).fit(X)
    assert_allclose(explainer.transform(X), window_loop(module, X, X, boxes((7,), (3,), (2,)), 0), atol=1e-10)


def test_tokens():
    class Text(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.out = nn.Embedding(10, 3, dtype=torch.float64), nn.Linear(3, 2)

        def forward(self, X):
            return self.out(torch.tanh(self.words(X)).sum(dim=1))

    module, X = seeded(Text), np.random.RandomState(0).randint(1, 10, size=(6, 5))
    for baseline, fill in {"zero": np.zeros((1, 5), dtype=int), None: X}.items():
        found = OcclusionExplainer(module, window=2, strides=1, baseline=baseline, target=1).fit(X).transform(X)
        assert_allclose(found, window_loop(module, X, fill, boxes((5,), (2,), (1,)), 1), atol=1e-10)
