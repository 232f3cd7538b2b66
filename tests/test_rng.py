"""Blocks with seeded global generators: what is drawn inside, and that nothing is seen of them outside."""

# ruff: noqa: NPY002 (the global generator is what is tested)
from __future__ import annotations

import numpy as np
import pytest
import torch

from sklearn_xai._rng import isolated_rng


@pytest.fixture(autouse=True)
def global_states():
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()
    yield
    np.random.set_state(numpy_state)
    torch.set_rng_state(torch_state)


def states():
    algorithm, keys, *rest = np.random.get_state()
    return algorithm, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()


def draw():
    return np.random.standard_normal(3).tolist(), np.random.randint(1000, size=700).sum(), torch.rand(2).tolist()


@pytest.mark.parametrize("normals", [0, 1, 2])
def test_states_are_as_before(normals):
    np.random.seed(5)
    np.random.standard_normal(normals)  # an odd number of draws leaves one pending
    before = states()
    with isolated_rng(3):
        draw()
    assert states() == before
    with pytest.raises(ZeroDivisionError), isolated_rng(3):
        draw()
        raise ZeroDivisionError
    assert states() == before
    following = np.random.standard_normal(2).tolist()
    assert following == np.random.RandomState(5).standard_normal(normals + 2)[normals:].tolist()


@pytest.mark.parametrize("normals", [0, 1])
def test_the_seed_alone_says_what_is_drawn(normals):
    np.random.seed(5)
    np.random.standard_normal(normals)
    with isolated_rng(3):
        first = draw()
    assert first[0] == np.random.RandomState(3).standard_normal(3).tolist()
    np.random.seed(6)
    with isolated_rng(3):
        assert draw() == first
    with isolated_rng(4):
        assert draw() != first


def test_a_block_inside_another():
    alone = np.random.RandomState(1).standard_normal(4).tolist()
    before = states()
    with isolated_rng(1):
        found = [np.random.standard_normal()]
        with isolated_rng(1):
            found_inside = [np.random.standard_normal() for _ in range(4)]
            np.random.seed(9)
        found += [np.random.standard_normal() for _ in range(3)]
    assert found == alone and found_inside == alone
    assert states() == before


def test_blocks_that_end_in_the_order_they_began():
    np.random.seed(5)
    np.random.standard_normal()
    before, generator = np.random.get_state(), np.random.get_bit_generator()
    first, second, third = isolated_rng(1), isolated_rng(2), isolated_rng(3)
    for block in (first, second, third):
        block.__enter__()
    for block in (first, third, second):
        block.__exit__(None, None, None)
    assert np.random.get_bit_generator() is generator
    after = np.random.get_state()
    assert after[1].tobytes() == before[1].tobytes() and after[2:] == before[2:]


def test_another_kind_of_generator():
    own, other = np.random.get_bit_generator(), np.random.PCG64(0)
    np.random.set_bit_generator(other)
    try:
        before = str(other.state)
        with isolated_rng(1):
            draw()
        assert np.random.get_bit_generator() is other and str(other.state) == before
    finally:
        np.random.set_bit_generator(own)
