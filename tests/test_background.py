"""Tables put together from rows, numbers for what is none, baselines and groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_xai.background import group_matrix, resolve_baseline, resolve_groups, sample_rows
from sklearn_xai.tables import as_codes, as_shown, assemble, stack_rows, take_rows


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "number": [0.5, np.nan, 2.5],
            "category": pd.Categorical(["b", None, "a"], categories=["a", "b", "unused"]),
            "string": pd.array(["x", None, "y"], dtype="string"),
            "object": np.array(["u", None, "v"], dtype=object),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "bool": [True, False, True],
            "when": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
            "small": np.array([1, 2, 3], dtype=np.int8),
        },
        index=[7, 3, 9],
    )


def test_assemble_takes_each_column_from_a_row_of_its_own_and_keeps_types(frame):
    sources = np.random.RandomState(0).randint(3, size=(10, frame.shape[1]))
    made = assemble(frame, sources)
    pd.testing.assert_series_equal(made.dtypes, frame.dtypes)
    for i in range(10):
        for j in range(frame.shape[1]):
            got, expected = made.iat[i, j], frame.iat[sources[i, j], j]
            assert (pd.isna(got) and pd.isna(expected)) or got == expected


def test_assemble_keeps_columns_of_one_name_apart():
    frame = pd.DataFrame([[1, "a"], [2, "b"]])
    frame.columns = ["same", "same"]
    made = assemble(frame, np.array([[1, 0]]))
    assert made.columns.tolist() == ["same", "same"] and made.iloc[0].tolist() == [2, "a"]


def test_assemble_an_array():
    X = np.arange(6, dtype=np.float32).reshape(3, 2)
    made = assemble(X, np.array([[0, 2], [1, 0]]))
    np.testing.assert_array_equal(made, [[0, 5], [2, 1]])
    assert made.dtype == np.float32


def test_stack_rows_keeps_types(frame):
    stacked = stack_rows(frame, take_rows(frame, np.array([2, 0])))
    pd.testing.assert_series_equal(stacked.dtypes, frame.dtypes)
    pd.testing.assert_frame_equal(stacked, frame.iloc[[0, 1, 2, 2, 0]].reset_index(drop=True))
    np.testing.assert_array_equal(stack_rows(np.eye(2), np.ones((1, 2))), [[1, 0], [0, 1], [1, 1]])


def test_as_codes(frame):
    codes = as_codes(frame)
    assert codes.dtype == np.float64
    nan = np.nan
    expected = [[0.5, 1, 0, 0, 1, 1, 0, 1], [nan, nan, nan, nan, nan, 0, nan, 2], [2.5, 0, 1, 1, 3, 1, 1, 3]]
    np.testing.assert_array_equal(codes, expected)


def test_codes_of_categories_are_their_own():
    sizes = pd.Categorical(["low", "high", None, "mid"], categories=["low", "mid", "high"], ordered=True)
    nan = np.nan
    np.testing.assert_array_equal(as_codes(pd.DataFrame({"size": sizes}))[:, 0], [0, 2, nan, 1])
    np.testing.assert_array_equal(as_codes(pd.DataFrame({"size": sizes}).iloc[[3]]), [[1]])  # of any selection of rows


def test_as_shown(frame):
    shown = as_shown(frame)
    assert shown[0].tolist() == [0.5, "b", "x", "u", 1, True, "2020-01-01", 1]
    missing = [j for j, value in enumerate(shown[1]) if isinstance(value, float) and np.isnan(value)]
    assert missing == [0, 1, 2, 3, 4, 6]
    assert as_shown(frame[["when"]])[2, 0] == "2021-01-01"
    numbers = np.ones((2, 2), dtype=np.float32)
    assert as_shown(numbers) is numbers


def test_as_codes_of_arrays():
    numbers = np.ones((2, 2), dtype=np.float32)
    assert as_codes(numbers) is numbers
    np.testing.assert_array_equal(as_codes([[2.5, "b"], [0.5, "a"]]), [[1, 1], [0, 0]])
    mixed = np.array([[2.5, "b"], [0.5, None]], dtype=object)
    np.testing.assert_array_equal(as_codes(mixed), [[2.5, 0], [0.5, np.nan]])


def test_sample_rows_keeps_order_and_draws_without_replacement(frame):
    X = np.arange(100)[:, None]
    drawn = sample_rows(X, 30, np.random.RandomState(0))[:, 0]
    assert len(drawn) == 30 and (np.diff(drawn) > 0).all()
    for size in (None, 100, 200):
        np.testing.assert_array_equal(sample_rows(X, size, np.random.RandomState(0)), X)
    assert sample_rows(frame, 2, np.random.RandomState(0)).shape == (2, frame.shape[1])


# ---------------------------------------------------------------------- baselines
@pytest.mark.parametrize("kind", ["mean", "median", "min", "max"])
@pytest.mark.parametrize("shape", [(5, 3), (5, 1, 2, 2)])
def test_named_baselines(kind, shape):
    inputs = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
    baseline = resolve_baseline(kind, inputs, "Me")
    assert baseline.dtype == np.float32 and baseline.shape == (1, *shape[1:])
    np.testing.assert_array_equal(baseline[0], getattr(np, kind)(inputs, axis=0))


def test_zero_sample_and_arrays():
    inputs = np.random.RandomState(0).standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_array_equal(resolve_baseline("zero", inputs, "Me"), np.zeros((1, 3)))
    np.testing.assert_array_equal(resolve_baseline("sample", inputs, "Me"), inputs)
    for given in ([1, 2, 3], [[1, 2, 3]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.array([True, False, True])):
        baseline = resolve_baseline(given, inputs, "Me")
        assert baseline.dtype == np.float32
        np.testing.assert_array_equal(baseline, np.atleast_2d(given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0, 2.0], r"'baseline' parameter of Me must be one of 'zero'.*shape \(3,\).* Got shape \(2,\)"),
        (np.zeros((2, 2, 3)), r"Got shape \(2, 2, 3\)"),
        (1.0, r"Got shape \(\)"),
        ([1.0, np.nan, 2.0], "'baseline' parameter of Me must be finite"),
        (["a", "b", "c"], "'baseline' parameter of Me must hold numbers"),
    ],
)
def test_baselines_that_do_not_fit(given, message):
    with pytest.raises(ValueError, match=message):
        resolve_baseline(given, np.zeros((4, 3)), "Me")


# ---------------------------------------------------------------------- groups
NAMES = np.array(["age", "city", "job", "pay"], dtype=object)


def test_without_groups_each_column_is_a_player():
    names, members = resolve_groups(None, NAMES, "Me")
    assert names.tolist() == NAMES.tolist() and [m.tolist() for m in members] == [[0], [1], [2], [3]]


@pytest.mark.parametrize("groups", [{"work": ["pay", "job"]}, {"work": [3, 2]}, {"work": ("job", np.int64(3))}])
def test_groups_stand_where_their_first_column_stands(groups):
    names, members = resolve_groups(groups, NAMES, "Me")
    assert names.tolist() == ["age", "city", "work"]
    assert [m.tolist() for m in members] == [[0], [1], [2, 3]]
    np.testing.assert_array_equal(group_matrix(members, 4), [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])


def test_a_group_may_be_one_column():
    names, members = resolve_groups({"where": "city", "years": 0}, NAMES, "Me")
    assert names.tolist() == ["years", "where", "job", "pay"] and members[1].tolist() == [1]


def test_a_group_may_have_the_name_of_a_column_in_it():
    names, _ = resolve_groups({"job": ["job", "pay"]}, NAMES, "Me")
    assert names.tolist() == ["age", "city", "job"]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"g": ["aeg"]}, "'feature_groups' parameter of Me names the column 'aeg' in group 'g'.*'age', 'city'"),
        ({"g": [4]}, "the column 4 in group 'g'"),
        ({"g": [-1]}, "the column -1 in group 'g'"),
        ({"g": [True]}, "the column True in group 'g'"),
        ({"g": ["age"], "h": ["age"]}, "the column 'age' in two groups, 'g' and 'h'"),
        ({"g": ["age", 0]}, "the column 0 in two groups, 'g' and 'g'"),
        ({"g": []}, "has no column in group 'g'"),
        ({"pay": ["age", "city"]}, "gives a group the name of a column outside it"),
    ],
)
def test_groups_that_do_not_fit(groups, message):
    with pytest.raises(ValueError, match=message):
        resolve_groups(groups, NAMES, "Me")


def test_a_long_table_is_not_listed_whole():
    names = np.array([f"c{j}" for j in range(50)], dtype=object)
    with pytest.raises(ValueError, match="'c11' and 38 more"):
        resolve_groups({"g": ["none"]}, names, "Me")


def test_assemble_keeps_none_in_a_column_of_objects():
    """Pandas 3 reads objects again as strings when a frame is made of arrays, and None becomes NaN."""
    frame = pd.DataFrame({"a": pd.Series(["x", None, "y"], dtype=object), "b": [1, 2, 3]})
    made = assemble(frame, np.array([[1, 0], [2, 1]]))
    assert made["a"].dtype == object and made["a"].tolist() == [None, "y"] and made["b"].tolist() == [1, 2]
