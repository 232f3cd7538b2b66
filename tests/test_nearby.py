"""Which entries of rows are numbers, and rows in which these are moved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestRegressor
from torch import nn

from sklearn_xai import OcclusionExplainer, SaliencyExplainer
from sklearn_xai.base.nearby import Numbers, numbers_of
from tests.oracles import mlp, seeded


def objects(*columns):
    return np.array(columns, dtype=object).T


def mixed():
    return pd.DataFrame(
        {
            "real": [0.5, np.nan, 1.5, 2.5],
            "whole": [1.0, 2.0, np.nan, 5.0],
            "few": pd.array([1, None, 100, 127], dtype="Int8"),
            "count": np.array([7, 8, 9, 12], dtype=np.uint8),
            "constant": [0.1, 0.1, 0.1, 0.1],
            "object": np.array([3, None, 4, 9], dtype=object),
            "either": np.array([1, 2.5, None, 4], dtype=object),
            "word": ["a", None, "b", "a"],
            "truth": [True, False, True, True],
            "kind": pd.Categorical([1, 2, 1, 1]),
            "day": pd.to_datetime(["2020-01-01"] * 4),
            "other": np.array([1, "x", 2, 3], dtype=object),
            "nothing": np.array([None] * 4, dtype=object),
        },
        index=[3, 3, 1, 0],
    )


# ---------------------------------------------------------------- what is a number
def test_numbers_of_a_table():
    numbers, table = Numbers(mixed()), mixed()
    names = np.array(table.columns)
    assert list(names[numbers.is_number & (numbers.spread > 0)]) == [
        "real", "whole", "few", "count", "object", "either"
    ]  # fmt: skip
    assert {"whole", "few", "count", "object"} <= set(names[numbers.whole])
    assert not {"real", "constant", "either"} & set(names[numbers.whole])
    assert not set(names[7:12]) & set(names[numbers.is_number])
    for name in ("real", "whole", "few", "count", "object", "either"):
        column, j = table[name].astype(float), names.tolist().index(name)
        assert numbers.spread[j] == pytest.approx(column.std(ddof=0))
        assert (numbers.low[j], numbers.high[j]) == (column.min(), column.max())


def test_constants_have_no_spread_at_all():
    X = np.full((7, 2), 0.1)  # of which the mean, and so the deviation, is a little off
    assert_array_equal(Numbers(X).spread, [0, 0])


def test_real_numbers_of_a_network_may_all_be_whole():
    X = np.arange(12.0).reshape(4, 3)
    forest = OcclusionExplainer(RandomForestRegressor(2).fit(X, X[:, 0])).fit(X)
    network = SaliencyExplainer(seeded(lambda: mlp(3))).fit(X)
    assert numbers_of(forest).whole.all()
    assert not numbers_of(network).whole.any()
    assert numbers_of(SaliencyExplainer(seeded(lambda: mlp(3))).fit(X.astype(int))).whole.all()
    ids = SaliencyExplainer(nn.Sequential(nn.Embedding(12, 2), nn.Flatten(), nn.Linear(6, 1))).fit(X.astype(int))
    assert not numbers_of(ids).is_number.any()


def test_a_number_is_one_in_the_rows_too():
    background = np.array([[0.0, 1.0], [1.0, 3.0]])
    rows = pd.DataFrame({"truth": [True, False, True], "count": [1, 2, 3]})
    numbers = Numbers(background, rows=rows, direct=True)
    assert_array_equal(numbers.is_number, [False, True])
    assert_array_equal(numbers.whole, [False, True])


def test_images_and_arguments_that_are_images_share_their_spread():
    images = np.random.RandomState(0).rand(5, 2, 3, 3)
    images[:, 0, 0] = 1
    numbers = Numbers(images)
    assert_allclose(numbers.spread, np.full(18, images.std()))
    assert (numbers.low == images.min()).all() and not numbers.whole.any() and numbers.shape == (2, 3, 3)
    assert Numbers(np.rint(9 * images)).whole.all()
    several = Numbers({"image": images, "code": np.arange(5), "size": np.arange(5.0) / 2})
    assert_allclose(several.spread, [*numbers.spread, 0, np.arange(5.0).std() / 2])
    assert_array_equal(several.is_number, np.arange(20) != 18)


# ---------------------------------------------------------------- moving
def test_every_column_keeps_its_type_and_what_is_missing():
    table, before = mixed(), mixed()
    numbers = Numbers(table)
    steps = numbers.rounded(np.array([[0.0], [1.25], [-2.0]]) * numbers.is_number)
    found = numbers.moved(table, steps)
    pd.testing.assert_frame_equal(table, before)
    own = table.iloc[np.repeat(range(4), 3)]
    assert_array_equal(found.dtypes, table.dtypes)
    assert_array_equal(found.index, own.index)
    assert_array_equal(found.isna(), own.isna())
    pd.testing.assert_frame_equal(found.iloc[::3], table)
    for name in ("word", "truth", "kind", "day", "other", "nothing"):
        pd.testing.assert_series_equal(found[name], own[name])
    assert found["real"].tolist()[:3] == [0.5, 1.75, -1.5]
    assert found["whole"].tolist()[:3] == [1.0, 2.0, -1.0]
    assert found["few"].tolist()[-3:] == [127, 127, 125]  # the largest that it holds
    assert found["either"].tolist()[:3] == [1, 2.25, -1.0]
    assert {type(value) for value in found["object"]} == {int, type(None)}


def test_real_numbers_where_they_are_asked_for():
    table = mixed()[["few", "object", "word"]]
    numbers = Numbers(table)
    found = numbers.moved(table, 0.5 * numbers.is_number[None], real=True)
    assert_array_equal(found["few"], [1.5, np.nan, 100.5, 127.5])
    assert_array_equal(found["object"], [3.5, np.nan, 4.5, 9.5])
    assert found["word"].tolist() == table["word"].tolist()
    single = np.array([[1.0], [1e8]], dtype=np.float32)
    assert_array_equal(Numbers(single).moved(single, np.array([[0.25]]), real=True), [[1.25], [1e8 + 0.25]])


@settings(max_examples=25, deadline=None)
@given(
    dtype=st.sampled_from(["int8", "uint8", "int64", "uint64", "float32", "float64", "bool", object]),
    shape=st.sampled_from([(3,), (2, 2)]),
    each=st.booleans(),
    seed=st.integers(0, 99),
)
def test_arrays_keep_their_type_within_its_bounds(dtype, shape, each, seed):
    rng = np.random.RandomState(seed)
    X = rng.randint(-3, 4, (4, *(shape if dtype is not object else (3,)))).astype(dtype)
    if np.dtype(dtype).kind in "iu":
        X.flat[:2] = np.iinfo(dtype).min, np.iinfo(dtype).max
    before, numbers = X.copy(), Numbers(X)
    n = len(numbers.spread)
    steps = numbers.is_number * rng.randint(-9, 10, ((4, 2, n) if each else (2, n))).astype(float)
    found = numbers.moved(X, steps)
    assert_array_equal(X, before)
    assert found.dtype == X.dtype and found.shape == (8, *X.shape[1:])
    # The sums of rows and steps, one number at a time
    each_step = np.broadcast_to(steps, (4, 2, n))
    for i, row in enumerate(found.reshape(4, 2, n)):
        for j in range(n):
            for copy in range(2):
                own, new = X.reshape(4, n)[i, j], row[copy, j]
                if np.dtype(dtype).kind not in "iu":
                    assert new == own + each_step[i, copy, j]
                elif abs(int(own)) < 2**50:
                    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
                    assert int(new) == min(max(int(own) + int(each_step[i, copy, j]), low), high)
                else:  # float64 has fewer digits
                    assert abs(int(new) - int(own)) <= 2**12


def test_within_the_range_of_the_background():
    numbers, far = Numbers(np.array([[0.0], [0.5]])), np.array([[5.0], [-5.0], [0.4]])
    steps = np.array([[1.0], [-1.0]])
    assert_array_equal(numbers.moved(far, steps, within=True).ravel(), [5, 4, -4, -5, 0.5, 0])
    table = numbers.moved(pd.DataFrame(far), steps, within=True)
    assert_array_equal(table.to_numpy().ravel(), [5, 4, -4, -5, 0.5, 0])


def test_arrays_of_objects_and_of_texts():
    X = objects([1.5, None, 2.5], [1, 2, None], ["a", None, "b"], [True, False, None])
    numbers = Numbers(X)
    assert_array_equal(numbers.is_number, [True, True, False, False])
    found = numbers.moved(X, np.array([[1.0, 2.0, 0.0, 0.0]]))
    assert found.tolist() == objects([2.5, None, 3.5], [3, 4, None], ["a", None, "b"], [True, False, None]).tolist()
    assert type(found[0, 1]) is int
    texts = np.array([["a", "bc"], ["d", "e"]])
    same = Numbers(texts).moved(texts, np.zeros((2, 2)))
    assert same.dtype == texts.dtype
    assert_array_equal(same, np.repeat(texts, 2, axis=0))


def test_arguments_of_a_module_keep_their_types():
    X = {"size": np.ones((2, 2), dtype=np.float32), "code": np.array([4, 5], dtype=np.int16), "flag": np.ones(2, bool)}
    numbers = Numbers(X)
    found = numbers.moved({name: X[name] for name in ("code", "flag", "size")}, 0.5 * numbers.is_number[None])
    assert {name: part.dtype for name, part in found.items()} == {name: part.dtype for name, part in X.items()}
    assert_array_equal(found["size"], np.full((2, 2), 1.5))
    assert_array_equal(found["code"], [4, 5])
    assert_array_equal(X["size"], np.ones((2, 2)))
