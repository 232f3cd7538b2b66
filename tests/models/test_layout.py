"""Several inputs as one table, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_xai.models import Layout, is_mapping

X = {
    "num": np.arange(6.0).reshape(3, 2),
    "cat": np.array([[1], [0], [2]]),
    "mask": np.array([[True, False], [False, False], [True, True]]),
    "image": np.arange(12.0, dtype=np.float32).reshape(3, 1, 2, 2),
}


def test_names_and_columns():
    layout = Layout(X)
    assert layout.names == ["num_0", "num_1", "cat", "mask_0", "mask_1", "image_0", "image_1", "image_2", "image_3"]
    assert layout.whole.tolist() == [False] * 2 + [True] * 3 + [False] * 4
    table = layout.table(X)
    assert table.shape == (3, 9) and table.dtype == np.float64
    assert_array_equal(table[:, 2], [1, 0, 2])


@pytest.mark.parametrize("of", [np.asarray, torch.as_tensor])
def test_there_and_back(of):
    layout = Layout(X)
    found = layout.unpack(of(layout.table(X)))
    assert list(found) == list(X)
    for key, block in found.items():
        assert_array_equal(np.asarray(block), X[key])
    kinds = [str(block.dtype).removeprefix("torch.") for block in found.values()]
    assert kinds == ["float64", "int64", "bool", "float64"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=4), st.integers(1, 4))
def test_any_blocks(blocks, n_rows):
    rng = np.random.RandomState(0)
    given_ = {
        f"block{i}": rng.randint(-5, 5, (n_rows, width)) if whole else rng.standard_normal((n_rows, width))
        for i, (width, whole) in enumerate(blocks)
    }
    layout = Layout(given_)
    assert len(set(layout.names)) == layout.width == sum(width for width, _ in blocks)
    for key, block in layout.unpack(layout.table(given_)).items():
        assert_array_equal(block, given_[key])
        assert block.dtype == given_[key].dtype


def test_the_order_of_the_keys_does_not_matter_later():
    layout = Layout(X)
    assert_array_equal(layout.table(dict(reversed(X.items()))), layout.table(X))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dog": X["cat"]}, "must have the keys"),
        ({"num": X["num"][:, :1]}, r"X\['num'\] must have rows of shape \(2,\). Got \(1,\)"),
        ({"num": X["num"][:2]}, "same number of rows. Got {'num': 2"),
        ({"cat": X["cat"] + 0.5}, "held whole numbers in fit"),
        ({"cat": X["cat"] + 2**24}, "which are not explained"),
        ({"num": np.full((3, 2), "a")}, "must be an array of numbers"),
        ({"num": np.float64(1.0)}, "must be an array of numbers"),
    ],
)
def test_what_does_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        Layout(X).table({**X, **changed}, "Caller")


def test_two_columns_of_one_name():
    with pytest.raises(ValueError, match=r"the names \['a_0'\] twice"):
        Layout({"a": np.zeros((2, 2)), "a_0": np.zeros((2, 1))})


def test_what_is_a_mapping():
    assert is_mapping({}) and not is_mapping([]) and not is_mapping(np.zeros(1))
