"""Noise moves numbers by a share of their spread, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_xai.model_selection._noise import RowNoise

RNG = np.random.RandomState


def moved(X, rows=None, noise=0.1, seed=1):
    return RowNoise(X, noise, "caller").move(X if rows is None else rows, RNG(seed))


@pytest.fixture
def frame():
    rng, n = RNG(0), 4_000
    return pd.DataFrame(
        {
            "income": 1_000 * rng.randn(n),
            "age": rng.randint(18, 90, n),
            "count": pd.array(rng.randint(0, 50, n), dtype="Int64"),
            "ratio": rng.rand(n).astype(np.float32),
            "job": rng.choice(["a", "b"], n),
            "code": pd.Categorical(rng.randint(0, 5, n)),
            "flag": rng.rand(n) > 0.5,
            "day": pd.date_range("2020-01-01", periods=n),
            "mixed": [1, "x"] * (n // 2),
        },
        index=np.arange(n)[::-1],
    )


def test_numbers_move_by_their_standard_deviation_and_the_rest_stays(frame):
    before = frame.copy(deep=True)
    found = moved(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert (found.dtypes == frame.dtypes).all()
    assert found.index.equals(frame.index)
    for name in ("job", "code", "flag", "day", "mixed"):
        pd.testing.assert_series_equal(found[name], frame[name])
    for name in ("income", "age", "count"):
        steps = (found[name] - frame[name]).astype(float)
        assert steps.std() == pytest.approx(0.1 * frame[name].astype(float).std(), rel=0.06)
        assert found[name].between(frame[name].min(), frame[name].max()).all()
    assert found["ratio"].between(frame["ratio"].min() - 1e-6, frame["ratio"].max() + 1e-6).all()


def test_missing_values_stay_missing_and_whole_numbers_whole(frame):
    frame.loc[frame.index[:9], "count"] = pd.NA
    frame["years"] = frame["age"].astype(float)
    frame.loc[frame.index[5:20], ["income", "years"]] = np.nan
    found = moved(frame)
    for name in ("income", "count", "years"):
        assert found[name].isna().equals(frame[name].isna())
    known = found["years"].dropna()
    assert (known == known.round()).all()
    assert not known.equals(frame["years"].dropna())


def test_rows_outside_the_range_are_not_pulled_into_it():
    X = np.array([[0.0], [1.0]])
    found = moved(X, np.array([[10.0], [-10.0]]), noise=0.01)
    np.testing.assert_allclose(found, [[10], [-10]], atol=0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, object])
def test_arrays_keep_their_type(dtype):
    X = RNG(0).randint(0, 200, (50, 3)).astype(dtype)
    before = X.copy()
    found = moved(X)
    assert found.dtype == X.dtype
    np.testing.assert_array_equal(X, before)
    assert (found != X).any(axis=0).all()
    assert all(float(value).is_integer() for value in found.ravel())
    if dtype is object:
        assert all(isinstance(value, int) for value in found.ravel())


def test_columns_of_an_array_of_objects_are_looked_at_one_by_one():
    X = np.array([[1.5, "a", True], [2.5, "b", False], [0.5, "a", True]], dtype=object)
    found = moved(X)
    assert (found[:, 1:] == X[:, 1:]).all()
    assert (found[:, 0] != X[:, 0]).any()


def test_images_share_one_spread():
    X = RNG(0).rand(40, 1, 8, 8).astype(np.float32)
    X[:, :, 0, 0] = 0.5
    found = moved(X, noise=0.05)
    assert found.shape == X.shape
    assert found.dtype == np.float32
    assert (found - X)[:, :, 0, 0].std() == pytest.approx(0.05 * X.std(), rel=0.3)


def test_codes_of_several_inputs_stay():
    X = {"num": RNG(0).randn(30, 2).astype(np.float32), "one": RNG(0).rand(30), "code": RNG(0).randint(0, 90, (30, 1))}
    found = moved(X)
    assert set(found) == set(X)
    np.testing.assert_array_equal(found["code"], X["code"])
    assert (found["num"] != X["num"]).mean() > 0.9  # but for some at the end of their range
    assert (found["one"] != X["one"]).any()


@pytest.mark.parametrize(
    "X",
    [["a text", "another"], np.array([["a"], ["b"]]), pd.DataFrame({"a": ["x", "y"]}), {"code": np.ones((3, 1), int)}],
)
def test_nothing_to_move_is_an_error(X):
    with pytest.raises(ValueError, match="'sources' parameter of caller names 'noise', which moves numbers"):
        RowNoise(X, 0.1, "caller")
