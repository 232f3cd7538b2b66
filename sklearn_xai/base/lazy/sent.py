"""A fitted explainer that is sent to workers: once for all blocks, and unpickled once in each process."""

from __future__ import annotations

import copyreg
import hashlib
import io
import sys
from contextlib import contextmanager
from threading import Lock, RLock

import numpy as np
import sklearn

from sklearn_xai.base.threads import limited_threads
from sklearn_xai.tables import is_frame

# Blocks of one process take turns, each with all threads of the worker: a network serves one caller at a time anyway,
# and what peers must change for a moment (random states, warnings) is shared by all threads.
_turn = RLock()


class SentExplainer:
    """A fitted explainer on its way: pickled once where it was fitted, unpickled once in each process that uses it.

    It is as it was when it was sent, whatever becomes of the one that it was made of.

    Parameters
    ----------
    explainer : fitted explainer
    """

    def __init__(self, explainer):
        try:
            self.packed = _pickled((explainer, sklearn.get_config()))
        except Exception as error:
            raise TypeError(
                f"X is a dask collection, for which {type(explainer).__name__} is pickled, and that failed ({error}). "
                "Define what it holds at the top of a module, or explain rows in memory."
            ) from error
        self._ready, self._lock = None, Lock()

    def __getstate__(self):
        return self.packed

    def __setstate__(self, packed):
        self.packed, self._ready, self._lock = packed, None, Lock()

    def __sizeof__(self):
        return len(self.packed)

    def as_key(self):
        """Return it as one key of a graph, which all blocks share, and equal explainers."""
        from dask import delayed

        name = f"explainer-{hashlib.sha1(self.packed, usedforsecurity=False).hexdigest()}"
        return delayed(self, name=name, traverse=False)

    def call(self, method, X):
        """Call a method of the explainer in this process, with as many threads as the worker has."""
        with _turn, limited_threads(_threads_of_worker()), self.unpacked() as explainer:
            try:
                return getattr(explainer, method)(_texts_as_in_fit(X, explainer.background_))
            except ValueError as error:
                error.add_note("The rows are those of one block of a dask collection, counted from its first.")
                raise

    @contextmanager
    def unpacked(self):
        """Have the explainer, under the settings of scikit-learn that it was sent with."""
        import cloudpickle

        with self._lock:
            if self._ready is None:
                explainer, config = cloudpickle.loads(self.packed)
                explainer.verbose = 0  # dask shows its own progress
                self._ready = explainer.set_output(transform="default"), config
        explainer, config = self._ready
        with sklearn.config_context(**config):
            yield explainer


def _pickled(value):
    """Pickle by cloudpickle, the parts of skorch nets too: these are pickled by reference, which no worker can follow.

    The class of a module that was defined in a notebook is none that a worker could import.
    """
    import cloudpickle

    class Pickler(cloudpickle.Pickler):
        def reducer_override(self, obj):
            if not hasattr(type(obj), "initialize_module") or not hasattr(obj, "cuda_dependent_attributes_"):
                return super().reducer_override(obj)
            state, prefixes = dict(vars(obj)), tuple(obj.cuda_dependent_attributes_)
            parts = {name: state.pop(name) for name in list(state) if name.startswith(prefixes)}
            state["__cuda_dependent_attributes__"] = _pickled(parts)  # as the net's __getstate__ has it
            return copyreg.__newobj__, (type(obj),), state

    with io.BytesIO() as file:
        Pickler(file).dump(value)
        return file.getvalue()


def _threads_of_worker():
    """Return how many threads a worker of a cluster has; None elsewhere, where threads are left as they are."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return get_worker().state.nthreads
    except ValueError:
        return None


def _texts_as_in_fit(X, background):
    """Return rows whose texts are of the type they had in ``fit``: in dask's own, a missing one is no NaN."""
    if not (is_frame(X) and is_frame(background)):
        return X
    types = {}
    for name, own, fitted in zip(X.columns, X.dtypes, background.dtypes, strict=True):
        if own != fitted and hasattr(own, "na_value") and str(own).startswith("string"):
            types[name] = fitted if str(fitted).startswith("str") else object
    X = X.astype(types)
    for name in [name for name, kind in types.items() if kind is object]:
        X[name] = X[name].where(X[name].notna(), np.nan)
    return X
