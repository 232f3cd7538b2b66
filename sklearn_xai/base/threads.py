"""How many threads, and which memory, torch and BLAS may keep for a while: in processes that others started."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

# glibc's parameters: number, name in the environment, what is usual, and what suits tensors.
_TRIM = "MALLOC_TRIM_THRESHOLD_"
_PARAMETERS = (
    (-1, _TRIM, 2**17, 2**27),
    (-2, "MALLOC_TOP_PAD_", 2**17, 2**26),  # a thread's heap of 64 MiB stays when it gets empty
    (-3, "MALLOC_MMAP_THRESHOLD_", 2**17, 2**25),
)


@contextmanager
def limited_threads(limit: int | None) -> Iterator[None]:
    """Hold torch and BLAS to `limit` threads, and let them keep memory, in a process that works for another one.

    Parameters
    ----------
    limit : int or None
        None leaves all alone, as in the caller's own process.
    """
    if limit is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(limit)
    try:
        with threadpool_limits(limit), _kept_memory():
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _kept_memory() -> Iterator[None]:
    """Keep memory that is free for the next tensor, where the environment says to give it back at once.

    Dask's workers are started with such an environment. Every intermediate tensor is then of new pages, which have to
    be made: half of the time of a small network.
    """
    asked = _from_environment(_TRIM, None)
    set_option = None if asked is None or os.name != "posix" else getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        yield
        return
    before = [(number, _from_environment(name, usual)) for number, name, usual, _ in _PARAMETERS]
    for (number, value), (*_, large) in zip(before, _PARAMETERS, strict=True):
        set_option(number, max(value, large))
    try:
        yield
    finally:
        for number, value in before:
            set_option(number, value)


def _from_environment(name, default):
    asked = os.environ.get(name, "")
    return int(asked) if asked.isdecimal() else default
