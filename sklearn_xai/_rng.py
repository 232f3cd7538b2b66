"""The one place that touches the global random states, and puts them back."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state


@contextmanager
def isolated_rng(seed=0):
    """Seed the global generators of numpy and torch inside the block and restore them after it.

    Training a skorch net and modules that draw in ``forward`` read the global generators; there is no other way to
    seed them.
    """
    numpy_state = np.random.get_state()
    torch_state = torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        np.random.set_state(np.random.RandomState(seed).get_state())
        torch.random.default_generator.manual_seed(seed)
        if cuda_states is not None:
            torch.cuda.manual_seed_all(seed)
        yield
    finally:
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if cuda_states is not None:
            torch.cuda.set_rng_state_all(cuda_states)


def own_random_state(random_state):
    """Return a generator of our own: drawing from it never advances the caller's, nor the global one.

    ``None`` copies the state of numpy's global generator, so that ``np.random.seed`` still makes a run repeatable.
    """
    source = check_random_state(random_state)
    own = np.random.RandomState(0)
    own.set_state(source.get_state())
    return own


def draw_seed(rng):
    """Draw a seed for a library that wants an integer."""
    return int(rng.randint(2**31 - 1))
