"""What a prediction costs: time of one row, rows in a second, parameters, memory."""

from __future__ import annotations

import os
import tracemalloc
import weakref
from contextlib import contextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sklearn_xai.model_selection.inputs import n_rows, take_rows

if TYPE_CHECKING:
    import pandas as pd

_WARM_UP, _CALLS, _SECONDS = 3, 100, 1.0  # calls before the clock, calls on it, and when to stop
_BATCHES = 5
_MIB = 2.0**20


def cost_table(fitted, X, train_seconds) -> pd.DataFrame:
    """Make the table of costs: a row for each quantity, with its unit and how it was measured.

    Parameters
    ----------
    fitted : FittedModel
    X : table of the rows to predict
    train_seconds : list of float
        Of each fold that was trained.
    """
    import pandas as pd

    rows: list[tuple] = [*_times(fitted, X)]
    if fitted.model is not None:
        rows += _parameters(fitted.model.network.module)
    rows.append(_memory(fitted, X))
    if train_seconds:
        folds = f"mean of {len(train_seconds)} folds, {min(train_seconds):.3g} to {max(train_seconds):.3g} s"
        rows.append(("training", float(np.mean(train_seconds)), "s", folds))
    return pd.DataFrame(rows, columns=["quantity", "value", "unit", "how"]).set_index("quantity")


# ---------------------------------------------------------------------- time
def _times(fitted, X):
    """Yield latency of one row and throughput of a batch."""
    n = n_rows(X)
    singles = [take_rows(X, np.array([i])) for i in range(min(n, _CALLS))]
    milliseconds = 1e3 * _seconds(fitted, [singles[i % len(singles)] for i in range(_CALLS)])
    how = f"{len(milliseconds)} predictions of one row, preprocessing included, {_where(fitted)}"
    yield "latency, median", float(np.median(milliseconds)), "ms", how
    yield "latency, 95th percentile", float(np.percentile(milliseconds, 95)), "ms", how
    size = min(n, fitted.batch_size)
    seconds = np.median(_seconds(fitted, [take_rows(X, np.arange(size))] * _BATCHES))
    how = f"median of {_BATCHES} predictions of {size:,} rows, preprocessing included, {_where(fitted)}"
    yield "throughput", float(size / seconds), "rows/s", how


def _seconds(fitted, tables):
    """Return the seconds of each prediction; fewer than asked for where they take long, never fewer than five."""
    for table in tables[:_WARM_UP]:
        fitted.run(table)
    seconds: list[float] = []
    begun = perf_counter()
    for table in tables:
        if len(seconds) >= 5 and perf_counter() - begun > _SECONDS:
            break
        start = perf_counter()
        fitted.run(table)
        seconds.append(perf_counter() - start)
    return np.maximum(seconds, 1e-9)  # the clock may not tell two moments apart


def _where(fitted):
    if fitted.model is None:
        return f"cores: {os.cpu_count()}"
    device = fitted.model.network.device
    return f"on the CPU, threads: {torch.get_num_threads()}" if device.type == "cpu" else f"on {device}"


# ---------------------------------------------------------------------- parameters
def _parameters(module):
    """Yield the numbers of parameters; one that is used in several places counts once."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
    trained, everything = sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
    yield "parameters, trainable", float(trained), "", "those that require gradients"
    yield "parameters, all", float(everything), "", "of the torch module, without buffers"


# ---------------------------------------------------------------------- memory
def _memory(fitted, X):
    """Return the most memory that one batch takes beside the model and its rows."""
    size = min(n_rows(X), fitted.batch_size)
    table = take_rows(X, np.arange(size))
    counter = _Storages() if fitted.model is not None else None
    with _traced() as most:
        with counter or nullcontext():
            fitted.run(table)
        arrays = most()
    total = arrays + (counter.most if counter is not None else 0)
    parts = "Python and numpy by tracemalloc"
    if counter is not None:
        parts = f"{parts}, {arrays / _MIB:.3g} MiB, plus tensors by their storages, {counter.most / _MIB:.3g} MiB"
    how = f"a prediction of {size:,} rows: {parts}; what libraries allocate for themselves is not seen"
    return "peak memory", total / _MIB, "MiB", how


@contextmanager
def _traced():
    """Trace what Python and numpy allocate in the block; gives a function that returns the most so far, in bytes."""
    own = not tracemalloc.is_tracing()
    if own:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        yield lambda: max(tracemalloc.get_traced_memory()[1] - before, 0)
    finally:
        if own:
            tracemalloc.stop()


class _Storages(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make, while they live, on any device.

    Operators' own scratch space is not seen. Tensors that share memory count once, and not at all where they share that
    of one made before.
    """

    def __init__(self):
        super().__init__()
        self.now = self.most = 0
        self._known = weakref.WeakSet()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = {s.data_ptr() for s in self._storages((args, kwargs)) if s not in self._known}
        out = func(*args, **kwargs)
        for storage in self._storages(out):
            if storage not in self._known and storage.data_ptr() not in given:
                self._known.add(storage)
                self._count(storage)
        return out

    def _storages(self, tree):
        return [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]

    def _count(self, storage):
        self.now += storage.nbytes()
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, size):
        self.now -= size
