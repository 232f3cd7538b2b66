"""How many threads, and which memory, torch and BLAS may keep for a while: in processes that others started."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

# glibc's parameters and their numbers, what dask sets them to by the environment, and what suits tensors.
_TRIM, _TOP_PAD, _MMAP = -1, -2, -3
_TOP_PAD_USUAL, _MMAP_USUAL = 2**17, 2**17
_TRIM_LARGE, _TOP_PAD_LARGE, _MMAP_LARGE = 2**27, 2**26, 2**25


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
    asked = os.environ.get("MALLOC_TRIM_THRESHOLD_", "")
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if asked.isdecimal() and os.name == "posix" else None
    if set_option is None:
        yield
        return
    mmap = os.environ.get("MALLOC_MMAP_THRESHOLD_", "")
    top_pad = os.environ.get("MALLOC_TOP_PAD_", "")
    set_option(_TRIM, max(_TRIM_LARGE, int(asked)))
    set_option(_TOP_PAD, _TOP_PAD_LARGE)  # a thread's heap of 64 MiB stays when it gets empty
    set_option(_MMAP, _MMAP_LARGE)
    try:
        yield
    finally:
        set_option(_TRIM, int(asked))
        set_option(_TOP_PAD, int(top_pad) if top_pad.isdecimal() else _TOP_PAD_USUAL)
        set_option(_MMAP, int(mmap) if mmap.isdecimal() else _MMAP_USUAL)
