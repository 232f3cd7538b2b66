"""The one place that touches the global random states, and puts them back."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock

import numpy as np
import torch
from sklearn.utils import check_random_state

# Blocks that have another generator in numpy's place, and generators to put there (making one takes time).
_open: list[_OtherGenerator] = []
_spare: list[np.random.BitGenerator] = []
_lock = Lock()


class _NoGenerator:
    state: dict = {"bit_generator": "none"}


def _pending_normal():
    """Return the half of a pair of normal numbers that numpy's global state keeps for the next draw, or None.

    Reading the whole state takes as long as a small network: here all of it but this is left out.
    """
    try:
        source = np.random.mtrand._rand
        own = source._bit_generator
        try:
            source._bit_generator = _NoGenerator
            kept = source.get_state(legacy=False)
        finally:
            source._bit_generator = own
    except AttributeError:  # another numpy, which names these otherwise
        kept = np.random.get_state(legacy=False)
    return kept["gauss"] if kept["has_gauss"] else None


class _OtherGenerator:
    """Another generator in the place of numpy's global one: far cheaper than to store its state and set it again."""

    def __init__(self):
        with _lock:
            self.pending = _pending_normal()
            self.before = np.random.get_bit_generator()
            self.own = _spare.pop() if _spare else np.random.MT19937()
            np.random.set_bit_generator(self.own)
            _open.append(self)

    def leave(self):
        with _lock:
            at = _open.index(self)
            if at == len(_open) - 1:
                np.random.set_bit_generator(self.before)
                if self.pending is not None:  # a change of generators forgets it
                    np.random.set_state(np.random.get_state(legacy=False) | {"has_gauss": 1, "gauss": self.pending})
            else:  # another thread is in a block that began inside this one: it puts back what was before both
                _open[at + 1].before, _open[at + 1].pending = self.before, self.pending
            _open.remove(self)
            _spare.append(self.own)


@contextmanager
def isolated_rng(seed=0):
    """Seed the global generators of numpy and torch inside the block and restore them after it.

    Training a skorch net and modules that draw in ``forward`` read the global generators; there is no other way to
    seed them.
    """
    torch_state = torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    other = _OtherGenerator()
    try:
        np.random.seed(seed)  # of the other generator: that of the user is out of reach here, and comes back unread
        torch.random.default_generator.manual_seed(seed)
        if cuda_states is not None:
            torch.cuda.manual_seed_all(seed)
        yield
    finally:
        other.leave()
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
