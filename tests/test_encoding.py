"""Tables as numbers: what each number stands for, whatever rows and types come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_xai.encoding import TableEncoder

NAN = np.nan


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "number": [0.5, NAN, 2.5],
            "ordered": pd.Categorical(["low", None, "high"], categories=["low", "mid", "high"], ordered=True),
            "string": pd.array(["y", None, "x"], dtype="string"),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "bool": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "when": pd.to_datetime(["1970-01-02", None, "1970-01-11"]),
            "long": pd.to_timedelta(["1D", None, "36h"]),
            "zone": pd.to_datetime(["1970-01-02", None, "1970-01-11"]).tz_localize("UTC"),
            "objects": np.array([1, None, 3], dtype=object),
            "truths": np.array([True, None, False], dtype=object),
        }
    )


def test_codes_of_every_type(frame):
    codes = TableEncoder().fit(frame).codes(frame)
    expected = [
        [0.5, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [NAN, NAN, NAN, NAN, 0, NAN, NAN, NAN, NAN, NAN, NAN],
        [2.5, 1, 0, 3, 1, 0, 10, 1.5, 10, 3, 0],
    ]
    np.testing.assert_array_equal(codes, expected)
    assert TableEncoder().fit(frame).is_category.tolist() == [False, True, True, *[False] * 8]


def test_outputs_of_every_type(frame):
    encoder = TableEncoder().fit(frame[["number", "ordered", "string"]])
    assert encoder.output_names == [
        "number",
        *("ordered = low", "ordered = high", "ordered = missing"),
        *("string = x", "string = y", "string = missing"),
    ]
    assert encoder.feeds.tolist() == [0, 1, 1, 1, 2, 2, 2]
    found = encoder.transform(frame[["number", "ordered", "string"]])
    expected = [[0.5, 1, 0, 0, 0, 1, 0], [NAN, 0, 0, 1, 0, 0, 1], [2.5, 0, 1, 0, 1, 0, 0]]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(encoder.fold(found[[0, 2]]), [[0.5, 1, 1], [2.5, 1, 1]])


@pytest.mark.parametrize("new", ["q", None, NAN, 7])
def test_what_was_never_seen(new):
    known = pd.DataFrame({"city": np.array(["Oslo", "Bern"], dtype=object)})
    row = pd.DataFrame({"city": np.array([new], dtype=object)})
    np.testing.assert_array_equal(TableEncoder().fit(known).transform(row), [[0, 0]])
    np.testing.assert_array_equal(TableEncoder(one_hot=False).fit(known).transform(row), [[NAN]])
    np.testing.assert_array_equal(TableEncoder().fit(known).codes(row), [[-1 if new in ("q", 7) else NAN]])


def test_a_category_of_the_type_is_unknown_where_no_row_had_it(frame):
    encoder = TableEncoder().fit(frame[["ordered"]])
    row = pd.DataFrame({"ordered": pd.Categorical(["mid"], categories=["low", "mid", "high"])})
    assert encoder.codes(row).tolist() == [[-1]] and encoder.transform(row).tolist() == [[0, 0, 0]]


def test_rare_values_are_not_told_apart():
    values = np.repeat([f"v{i:03d}" for i in range(120)], np.arange(120, 0, -1))
    encoder = TableEncoder().fit(pd.DataFrame({"id": values}))
    assert encoder.categories[0] == [f"v{i:03d}" for i in range(100)]
    assert encoder.codes(pd.DataFrame({"id": ["v100", "v099"]})).tolist() == [[-1], [99]]


def test_arrays_are_tables():
    mixed = np.array([[2.5, "b"], [None, "a"]], dtype=object)
    encoder = TableEncoder().fit(mixed)
    assert encoder.output_names == ["x0", "x1 = a", "x1 = b"]
    np.testing.assert_array_equal(encoder.transform(mixed), [[2.5, 0, 1], [NAN, 1, 0]])
    numbers = np.array([[1.0, NAN], [2.0, 3.0]], dtype=np.float32)
    np.testing.assert_array_equal(TableEncoder().fit(numbers).transform(numbers), numbers)
    assert TableEncoder().fit(np.empty((3, 0))).transform(np.empty((3, 0))).shape == (3, 0)


# ---------------------------------------------------------------------- properties
CELLS = {
    "number": st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-100, 100)),
    "string": st.one_of(st.none(), st.sampled_from(["a", "b", "c", "missing", "1", ""])),
    "bool": st.one_of(st.none(), st.booleans()),
}
TABLES = st.lists(st.tuples(*CELLS.values()), min_size=1, max_size=12).map(
    lambda rows: pd.DataFrame(rows, columns=list(CELLS), dtype=object)
)


@settings(max_examples=40, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_a_row_is_encoded_alike_in_any_company(table, random):
    order = random.sample(range(len(table)), len(table))
    for one_hot in (True, False):
        encoder = TableEncoder(one_hot=one_hot).fit(table)
        whole = encoder.transform(table)
        np.testing.assert_array_equal(encoder.transform(table.iloc[order]), whole[order])
        for i in range(len(table)):
            np.testing.assert_array_equal(encoder.transform(table.iloc[[i]])[0], whole[i])
        np.testing.assert_array_equal(TableEncoder(one_hot=one_hot).fit(table.iloc[order]).transform(table), whole)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_numbers_can_be_read_back(table):
    encoder = TableEncoder().fit(table)
    encoded = encoder.transform(table)
    for i in range(len(table)):
        for j, values in enumerate(encoder.categories):
            own = encoder.feeds == j
            cell, numbers = table.iat[i, j], encoded[i, own]
            if values is None:
                assert numbers[0] == cell if cell is not None else np.isnan(numbers[0])
                continue
            levels = [level for level, of in zip(encoder.levels, own, strict=True) if of]
            assert numbers.sum() == 1  # each value and what is missing has one place of its own
            place = int(numbers.argmax())
            assert place == len(values) if cell is None else levels[place] == cell and place < len(values)
