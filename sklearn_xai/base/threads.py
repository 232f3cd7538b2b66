"""How many threads torch and BLAS may use for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def limited_threads(limit: int | None) -> Iterator[None]:
    """Hold torch and BLAS to `limit` threads; None leaves them alone, as the caller's own process must be."""
    if limit is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(limit)
    try:
        with threadpool_limits(limit):
            yield
    finally:
        torch.set_num_threads(before)
