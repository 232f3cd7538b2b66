from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_xai.network._quantile_sketch import QuantileSketch

N = 30_000


def streams(n, rng):
    """Return values (9, n) of which sketches have gone wrong on each kind."""
    return np.stack(
        [
            rng.normal(size=n),
            rng.standard_cauchy(n),
            np.maximum(rng.normal(size=n) - 0.85, 0),  # 80 % zeros
            np.maximum(rng.normal(size=n) - 2.33, 0),  # 99 % zeros
            np.full(n, 3.0),
            np.arange(n),
            np.arange(n)[::-1],
            1000 + rng.normal(size=n) * rng.choice([1e-3, 1], n),  # clustered, far from zero
            rng.choice([-1, 0, 5], n),
        ]
    ).astype(np.float32)


@pytest.fixture(scope="module")
def rows():
    return streams(N, np.random.default_rng(0))


def exact(rows, q):
    return np.quantile(rows, q, axis=1, method="inverted_cdf").astype(np.float32)


def rank_errors(rows, found, q):
    """Return how far the ranks that values take up in rows are from the one wanted, as a share of the row."""
    n = rows.shape[1]
    wanted = max(1, np.ceil(q * n))
    ordered = np.sort(rows, axis=1)
    first = np.array([np.searchsorted(row, v, "left") + 1 for row, v in zip(ordered, found, strict=True)])
    last = np.array([np.searchsorted(row, v, "right") for row, v in zip(ordered, found, strict=True)])
    # a value that is none of the row's would have first = last + 1
    assert (last >= first).all()
    return np.maximum(np.maximum(first - wanted, wanted - last), 0) / n


def sketched(rows, q, n_batches=7, **parameters):
    sketch = QuantileSketch(len(rows), q, **parameters)
    for batch in np.array_split(rows, n_batches, axis=1):
        assert sketch.update(batch) is sketch
    return sketch


@pytest.mark.parametrize("q", [0, 0.001, 0.25, 0.5, 0.9, 0.995, 1])
@pytest.mark.parametrize("announced", [N, 2 * N])
def test_while_the_tail_fits_the_quantile_is_exact(rows, q, announced):
    sketch = sketched(rows, q, n_values=announced)
    assert sketch.rank_error_ == 0
    assert_array_equal(sketch.quantile(), exact(rows, q))
    assert sketch.n_values_ == N
    assert sketch.quantile().dtype == np.float32


@pytest.mark.parametrize("q", [0, 0.001, 0.3, 0.5, 0.98, 0.995, 1])
@pytest.mark.parametrize("announced", [None, 2 * N])
@pytest.mark.parametrize("capacity", [512, 4099])
def test_ranks_are_within_the_bound(rows, q, announced, capacity):
    sketch = sketched(rows, q, n_values=announced, capacity=capacity)
    block = capacity // 8
    assert sketch.rank_error_ <= (np.log2(N / block) + 3) / (3 * block)
    assert (rank_errors(rows, sketch.quantile(), q) <= sketch.rank_error_).all()


def test_blocks_are_used_and_their_bound_means_something(rows):
    sketch = sketched(rows, 0.5, 1, capacity=4096)
    # without the errors of halving at even and at odd places being of opposite sign it would be half as much again
    assert 0.001 < sketch.rank_error_ < (np.log2(N / 512) + 2) / (4 * 512)
    assert rank_errors(rows, sketch.quantile(), 0.5).max() > 0


@pytest.mark.parametrize("announced", [None, 200_000])
def test_memory_does_not_grow(announced):
    rng = np.random.default_rng(0)
    sketch = QuantileSketch(4, 0.5, n_values=announced, capacity=1024)
    sizes = []
    for _ in range(5):
        sketch.update(rng.normal(size=(4, 40_000)))
        sizes.append(len(pickle.dumps(sketch)))
    # one more block of an eighth of the capacity for each doubling, of float32
    assert sizes[-1] < 4 * 4 * 128 * (2 + np.log2(200_000 / 128)) + 4_000
    assert sketch.n_values_ == 200_000


def test_announced_tail_takes_memory_of_the_tail_only():
    sketch = QuantileSketch(4, 0.995, n_values=10_000_000)
    assert len(pickle.dumps(sketch)) < 4 * 4 * (2 * 50_001) + 4_000


def test_any_quantile_where_nothing_was_announced(rows):
    sketch = sketched(rows, 0.5)
    for q in (0.0, 0.1, 0.5, 0.77, 1.0):
        assert (rank_errors(rows, sketch.quantile(q), q) <= sketch.rank_error_).all()
    assert sketch.rank_error_ < 0.001


def test_what_lies_further_out_can_be_asked_for_too(rows):
    high, low = sketched(rows, 0.9, n_values=N), sketched(rows, 0.1, n_values=N)
    assert_array_equal(high.quantile(0.997), exact(rows, 0.997))
    assert_array_equal(low.quantile(0.02), exact(rows, 0.02))
    with pytest.raises(ValueError, match="ask for one of at least 0.9, or leave n_values out"):
        high.quantile(0.8)
    with pytest.raises(ValueError, match="ask for one of at most 0.1"):
        low.quantile(0.2)


@pytest.mark.parametrize("capacity", [512, 2**16])
def test_what_it_says_on_the_way_is_right_too(rows, capacity):
    sketch = QuantileSketch(len(rows), 0.95, n_values=N, capacity=capacity)
    for end in range(10_000, N + 1, 10_000):
        sketch.update(rows[:, end - 10_000 : end])
        errors = rank_errors(rows[:, :end], sketch.quantile(), 0.95)
        assert (errors <= sketch.rank_error_).all()


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -3])
def test_streams_may_lie_along_any_axis(rows, axis):
    images = rows[:, :21_000].reshape(9, 30, 20, 35)
    expected = exact(rows[:, :21_000], 0.99)
    for capacity, announced in [(2**16, 21_000), (2**16, None), (100, 21_000)]:
        sketch = QuantileSketch(9, 0.99, n_values=announced, capacity=capacity)
        moved = np.moveaxis(images, 0, axis)
        sketch.update(moved[:5] if axis % 4 else moved[..., :9], axis=axis)
        sketch.update(torch.tensor(moved[5:] if axis % 4 else moved[..., 9:]).requires_grad_(), axis=axis)
        assert sketch.n_values_ == 21_000
        if capacity > 100 and announced:
            assert_array_equal(sketch.quantile(), expected)
        else:
            assert (rank_errors(rows[:, :21_000], sketch.quantile(), 0.99) <= sketch.rank_error_).all()


@pytest.mark.parametrize("capacity", [100, 2**16])
def test_tensors_that_stay_on_their_device(rows, capacity, monkeypatch):
    images = rows.reshape(9, 30, 20, 50).swapaxes(0, 1)
    expected = QuantileSketch(9, 0.99, n_values=N, capacity=capacity).update(images, axis=1)
    # those of another device are not made arrays of; here there is none, so that this is told of the processor's
    monkeypatch.setattr("sklearn_xai.network._quantile_sketch._as_array", torch.as_tensor)
    found = QuantileSketch(9, 0.99, n_values=N, capacity=capacity).update(images, axis=1)
    assert_array_equal(found.quantile(), expected.quantile())
    with pytest.raises(ValueError, match="NaN in stream 3"):
        QuantileSketch(4, 0.5, capacity=capacity).update(np.array([[1.0, 2], [1, 2], [1, 2], [1, np.nan]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64])
def test_tensors_of_any_type(dtype):
    values = torch.arange(200).reshape(2, 100).to(dtype)
    assert_array_equal(QuantileSketch(2, 0.9, n_values=100).update(values).quantile(), [89, 189])


def test_float64_is_kept_where_asked_for():
    values = 1 + 1e-12 * np.arange(100)
    found = QuantileSketch(1, 0.9, n_values=100, dtype=np.float64).update(values[None]).quantile()
    assert found.dtype == np.float64
    assert found[0] == values[89]
    assert QuantileSketch(1, 0.9, n_values=100).update(values[None]).quantile()[0] == 1


def test_how_values_are_cut_into_batches_makes_no_difference_to_what_is_exact(rows):
    found = [sketched(rows, 0.99, n, n_values=N).quantile() for n in (1, 4, 600)]
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])


def test_same_values_same_answer(rows):
    found = [sketched(rows, 0.7, capacity=512).quantile() for _ in range(2)]
    assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("q", [0.02, 0.5, 0.98])
@pytest.mark.parametrize(("announced", "capacity"), [(N, 2**16), (N, 512), (None, 1024)])
def test_merged_sketches_know_what_both_saw(rows, q, announced, capacity):
    cuts = [0, 5, 10_000, 11_000, 25_000, N]
    parts = [sketched(rows[:, a:b], q, n_values=announced, capacity=capacity) for a, b in pairwise(cuts)]
    before = [pickle.dumps(part) for part in parts]
    merged = QuantileSketch(len(rows), q, n_values=announced, capacity=capacity)
    for part in parts:
        assert merged.merge(part) is merged
    assert [pickle.dumps(part) for part in parts] == before
    assert merged.n_values_ == N
    assert (rank_errors(rows, merged.quantile(), q) <= merged.rank_error_).all()
    if capacity == 2**16:
        assert_array_equal(merged.quantile(), exact(rows, q))


def test_merging_with_itself_doubles_all_values(rows):
    sketch = sketched(rows[:, :1000], 0.9, n_values=2000)
    sketch.merge(sketch)
    assert_array_equal(sketch.quantile(), exact(np.tile(rows[:, :1000], 2), 0.9))


@pytest.mark.parametrize("parameters", [{"n_values": N}, {"capacity": 2048}])
def test_a_pickled_sketch_goes_on(rows, parameters):
    sketch = sketched(rows[:, : N // 2], 0.9, **parameters)
    again = pickle.loads(pickle.dumps(sketch))
    for one in (sketch, again):
        one.update(rows[:, N // 2 :])
    assert_array_equal(sketch.quantile(), again.quantile())


def test_infinities_are_values():
    values = np.array([[-np.inf, -np.inf, -np.inf, 1, np.inf, np.inf]])
    for announced in (6, None):
        for q, expected in [(0.1, -np.inf), (0.5, -np.inf), (0.6, 1), (0.9, np.inf)]:
            assert QuantileSketch(1, q, n_values=announced).update(values).quantile()[0] == expected


def test_empty_batches_and_the_callers_array(rows):
    values = rows[:, :2000].copy()
    sketch = QuantileSketch(9, 0.1, n_values=2000, capacity=64).update(values[:, :0]).update(values)
    assert sketch.n_values_ == 2000
    assert_array_equal(values, rows[:, :2000])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-10, 10, width=16), min_size=1, max_size=300),
    st.floats(0, 1),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from([64, 2**16]),
)
def test_any_values(values, q, n_batches, announced, capacity):
    rows = np.array([values, values[::-1]], dtype=np.float32)
    n = rows.shape[1] if announced else None
    sketch = sketched(rows, q, n_batches, n_values=n, capacity=capacity)
    assert (rank_errors(rows, sketch.quantile(), q) <= sketch.rank_error_).all()
    if announced and capacity > 64:
        assert_array_equal(sketch.quantile(), exact(rows, q))


@pytest.mark.parametrize("at", [(0, 0), (7, 999), (8, 500)])
@pytest.mark.parametrize("announced", [None, N])
def test_nan_is_an_error_that_names_the_stream(rows, at, announced):
    sketch = sketched(rows[:, :20_000], 0.99, n_values=announced)
    spoilt = rows[:, 20_000:].copy()
    spoilt[at] = np.nan
    with pytest.raises(ValueError, match=f"Got NaN in stream {at[0]}"):
        sketch.update(spoilt)


def test_wrong_shapes_and_numbers():
    sketch = QuantileSketch(3, 0.9, n_values=10)
    with pytest.raises(ValueError, match=r"must have 3 streams along axis 0. Got shape \(2, 3\)"):
        sketch.update(np.ones((2, 3)))
    with pytest.raises(ValueError, match="along axis 4"):
        sketch.update(np.ones((3, 3)), axis=4)
    with pytest.raises(ValueError, match="has seen no values"):
        sketch.quantile()
    sketch.update(np.ones((3, 8)))
    with pytest.raises(ValueError, match=r"'n_values' parameter of QuantileSketch, 10, .* Got 11 values"):
        sketch.update(np.ones((3, 3)))
    with pytest.raises(ValueError, match="Got 16 values"):
        sketch.merge(sketch)
    with pytest.raises(ValueError, match="Got q 0.9 and 0.5"):
        sketch.merge(QuantileSketch(3, 0.5, n_values=10))
    with pytest.raises(ValueError, match="'q' parameter of QuantileSketch must be a number from 0 to 1. Got 95"):
        sketch.quantile(95)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_streams", 0),
        ("n_streams", 2.0),
        ("q", 99.5),
        ("q", "median"),
        ("q", np.nan),
        ("n_values", 0),
        ("capacity", 8),
        ("dtype", int),
    ],
)
def test_wrong_parameters(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of QuantileSketch must be"):
        QuantileSketch(**{"n_streams": 2, "q": 0.5} | {name: value})


@pytest.mark.slow
@pytest.mark.parametrize(("q", "announced"), [(0.995, True), (0.5, False)])
def test_ten_million_values_are_within_a_thousandth(q, announced):
    n = 10_000_000
    rng = np.random.default_rng(0)
    for first in range(0, 9, 3):  # a few at a time, for the exact ranks take memory
        rows = streams(n, rng)[first : first + 3]
        sketch = sketched(rows, q, 40, n_values=n if announced else None)
        assert rank_errors(rows, sketch.quantile(), q).max() <= min(0.001, sketch.rank_error_)
        assert sketch.rank_error_ < 0.001
        assert (sketch.rank_error_ == 0) == announced
