"""What all recorders share: when they record, on which rows, and how the training is left as if they were not there."""

from __future__ import annotations

import math
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_xai._rng import draw_seed, isolated_rng, own_random_state
from sklearn_xai.background import sample_rows
from sklearn_xai.models import Layout, as_array, is_mapping
from sklearn_xai.network.training.records import RecordFile, Records
from sklearn_xai.tables import is_frame

_FEW = 8  # rows from which a network is looked at
_MOST_ROWS = 512
_LEAST_ROWS = 16
_MOST_CELLS = 2**21  # numbers in the probe set, where its size is left to us

SHARED = {
    "every": """every : int, default=1
        Record the first epoch and each ``every``-th after it.""",
    "probe": """X : array-like of shape (n_samples, ...), DataFrame of numbers, or dict of arrays, default=None
        Rows to probe the network with, as the network itself is given them: for a net at the end of a Pipeline, what
        the steps before it return. None takes them from the rows that the net is trained on.""",
    "probe_size": """probe_size : int or "auto", default="auto"
        Rows of X that are probed, drawn once. "auto" is 512, and fewer where rows are large.""",
    "end": """name : str, default=None
        Key in ``net.history``; None is "{kind}". Two recorders of a net need two names.
    path : str or Path, default=None
        File to which each recorded epoch is added at once, as a line of JSON. Several recorders may share it;
        ``read_records`` reads it.""",
    "random_state": """random_state : int, RandomState instance or None, default=None
        Seeds the draw of the probe rows, and everything that is drawn while they are probed, which is the same in each
        epoch.""",
    "records": """records_ : Records
        What was recorded, epoch by epoch; a new training begins anew, one that goes on (``partial_fit``,
        ``warm_start``) adds to it.""",
    "probe_": """probe_ : ndarray of shape (n_probe, ...), DataFrame or dict of arrays
        The rows that are probed.""",
}


class Recorder(Callback):
    """Base class of the callbacks that record something at the end of an epoch, and change nothing.

    A subclass says by ``_measure(net)`` what there is to record: ``(values, overall)``, as in ``Records``. It is called
    in a block after which the module, its modes, buffers, gradients and hooks and all global random states are what
    they were, whatever it does. Attributes that are no parameters end in ``_``, as skorch takes all others for some.

    Class attributes
    ----------------
    _kind : str
        The name, unless the user gives another.
    _place : str
        What ``values`` are of.
    _overall : tuple of str
        Statistics in ``overall``; each becomes a number of its own in the history.
    """

    _kind = "records"
    _place = "place"
    _overall: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, text in SHARED.items():
            cls.__doc__ = (cls.__doc__ or "").replace(f"%({name})s", text.replace("{kind}", cls._kind))

    def __init__(self, *, every=1, name=None, path=None, random_state=None):
        self.every = every
        self.name = name
        self.path = path
        self.random_state = random_state

    # ------------------------------------------------------------------ what skorch calls
    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Begin anew, or go on where the history of the net does."""
        self._check(net)
        self.name_ = self._kind if self.name is None else self.name
        self._check_name(net)
        _hide_from_loggers(net, [self.name_, *(f"{self.name_}_{key}" for key in self._overall)])
        epoch = len(net.history)
        before = [record for record in getattr(self, "records_", []) if record["epoch"] <= epoch]
        self.records_ = Records(before, name=self.name_, place=self._place)
        rng = own_random_state(self.random_state)
        self.seed_ = draw_seed(rng)
        self._begin(net, X, rng)
        self._open_file(epoch)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Record the epoch, if it is one to record."""
        if not self._is_due(net):
            return
        with self._untouched(net):
            values, overall = self._measure(net)
        overall = {name: math.nan for name in self._overall} | overall
        record = self.records_.add(len(net.history), values, overall)
        net.history.record(self.name_, {"place": self._place, **_without_epoch(record)})
        for statistic in self._overall:
            net.history.record(f"{self.name_}_{statistic}", record["overall"][statistic])
        if self.file_ is not None:
            self.file_.add(record)

    def to_frame(self):
        """Return what was recorded as a tidy table; see ``Records.to_frame``."""
        if not hasattr(self, "records_"):
            raise ValueError(f"This {type(self).__name__} has recorded nothing yet: it does in the fit of its net.")
        return self.records_.to_frame()

    # ------------------------------------------------------------------ what a subclass says
    def _check(self, net):
        """Raise for parameters that make no sense, before the training; a subclass checks its own too."""
        check_count(self, "every", 1)

    def _begin(self, net, X, rng):
        """Prepare for a training on X (None where it is unknown)."""

    def _measure(self, net):
        """Return (values, overall) at the end of an epoch."""
        raise AttributeError(f"{type(self).__name__} does not say what it records.")

    # ------------------------------------------------------------------ inside
    def _is_due(self, net):
        return (len(net.history) - 1) % self.every == 0

    @contextmanager
    def _untouched(self, net):
        with untouched(net.module_), isolated_rng(self.seed_):
            yield

    def _check_name(self, net):
        same = [cb for _, cb in net.callbacks_ if isinstance(cb, Recorder) and (cb.name or cb._kind) == self.name_]
        if len(same) > 1:
            raise ValueError(
                f"{len(same)} recorders of the net have the name {self.name_!r}, under which each would write into its "
                f"history. Give them names: {type(self).__name__}(..., name='{self._kind}_of_test_rows')."
            )

    def _open_file(self, epoch):
        known = getattr(self, "file_", None)
        self.file_ = None
        if self.path is not None:
            goes_on = epoch and known is not None and str(known.path) == str(self.path)
            self.file_ = known if goes_on else RecordFile(self.path, self.name_, self._place)
            self.file_.begin(epoch)


class ProbeRecorder(Recorder):
    """Base class of the recorders that run the network on a fixed set of rows."""

    def __init__(self, X=None, *, probe_size="auto", every=1, name=None, path=None, random_state=None):
        super().__init__(every=every, name=name, path=path, random_state=random_state)
        self.X = X
        self.probe_size = probe_size

    def _check(self, net):
        super()._check(net)
        if self.probe_size != "auto":
            check_count(self, "probe_size", 1)

    def _begin(self, net, X, rng):
        self.probe_ = self._choose_probe(X, rng)

    def _choose_probe(self, X, rng):
        caller = type(self).__name__
        if self.X is None and hasattr(self, "probe_") and len(self.records_):
            return self.probe_  # of a training that goes on: epochs are to be compared
        given = X if self.X is None else self.X
        rows = _as_rows(given, caller, self.X is None)
        if self.X is not None:
            _check_like(rows, X, caller)
        size = self.probe_size
        if size == "auto":
            cells = max(1, _n_cells(rows) // max(1, n_rows(rows)))
            size = int(np.clip(_MOST_CELLS // cells, _LEAST_ROWS, _MOST_ROWS))
        if not is_mapping(rows):
            return sample_rows(rows, size, rng)
        chosen = sample_rows(np.arange(n_rows(rows)), size, rng)
        return {key: value[chosen] for key, value in rows.items()}

    def _network_rows(self):
        """Return the probe as a table, or array, and how its columns are arguments of the module (None for one)."""
        if not is_mapping(self.probe_):
            return np.asarray(self.probe_), None
        layout = Layout(self.probe_, type(self).__name__)
        return layout.table(self.probe_), layout


# ---------------------------------------------------------------------- checks
def check_count(recorder, name, least):
    """Raise unless a parameter is a whole number, and not below ``least``."""
    value = getattr(recorder, name)
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"The '{name}' parameter of {type(recorder).__name__} must be a whole number of {least} or more. "
            f"Got {value!r}."
        )


def n_rows(X):
    """Return the number of rows of an array, table or dict of arrays."""
    return len(next(iter(X.values()))) if is_mapping(X) else len(X)


def _n_cells(X):
    return sum(value.size for value in X.values()) if is_mapping(X) else X.size


def _as_rows(X, caller, of_training):
    """Return X as an array, table or dict of arrays of numbers, or raise."""
    advice = "give as X what the net itself sees: for a net behind a preprocessing, pipeline[:-1].transform(X)"
    if is_frame(X):
        bad = [str(name) for name, dtype in X.dtypes.items() if getattr(dtype, "kind", "O") not in "fiub"]
        if bad:
            raise ValueError(f"{caller} probes a network, but the columns {bad} of X hold no numbers: {advice}.")
    elif is_mapping(X) and len(X):
        X = {key: _as_numbers(value, caller, advice) for key, value in X.items()}
    else:
        X = _as_numbers(X, caller, f"{advice}." if not of_training else "give some rows as the X of the recorder")
    if not n_rows(X) or not _n_cells(X):
        raise ValueError(f"{caller}: X has no rows to probe the network with.")
    for value in X.values() if is_mapping(X) else [X]:
        if not np.isfinite(np.asarray(value, dtype=np.float64)).all():
            raise ValueError(f"{caller}: X holds NaN or infinity, which a network is not probed with: {advice}.")
    return X


def _as_numbers(X, caller, advice):
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().numpy()
    try:
        array = as_array(X)
    except (TypeError, ValueError):
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiub" or array.ndim < 1 or isinstance(X, (str, type(None))):
        raise ValueError(f"{caller} needs rows of numbers to probe the network with. Got {type(X).__name__}: {advice}.")
    return array


def _check_like(rows, X, caller):
    """Raise where the probe is plainly not like what the net is trained on, before an epoch is trained."""
    shape, expected = np.shape(rows)[1:], getattr(X, "shape", None)
    if is_mapping(rows) or is_mapping(X) or expected is None or tuple(expected[1:]) == shape:
        return
    raise ValueError(
        f"{caller}: the rows of X have the shape {shape}, but the net is trained on rows of shape "
        f"{tuple(expected[1:])}. Give what the net itself sees, as pipeline[:-1].transform(X), or leave X None."
    )


# ---------------------------------------------------------------------- leaving the training alone
@contextmanager
def untouched(module):
    """Put back what a block does to the buffers, attributes and gradients of a module, also after an error.

    Modes and parameters are looked after by ``Network.frozen``; this is for modules that keep account in ``forward``
    whatever the mode: a counter, a running mean, a cache.
    """
    parts = [part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
    kept = [(part, dict(vars(part)), dict(part._buffers)) for part in parts]
    values = [(buffer, buffer._version, buffer.detach().clone()) for buffer in module.buffers()]
    gradients = [(parameter, parameter.grad) for parameter in module.parameters()]
    try:
        yield
    finally:
        for part, attributes, buffers in kept:
            _restore(vars(part), attributes)
            _restore(part._buffers, buffers)
        for buffer, version, value in values:
            if buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(value)
        for parameter, gradient in gradients:
            if parameter.grad is not gradient:
                parameter.grad = gradient


def _restore(now, before):
    for name in [name for name in now if name not in before]:
        del now[name]
    for name, value in before.items():
        if now.get(name, now) is not value:
            now[name] = value


def _hide_from_loggers(net, keys):
    """Keep what is no number, and what would flood a table, out of what PrintLog and other loggers show."""
    for _, callback in net.callbacks_:
        ignored = getattr(callback, "keys_ignored_", None)
        if isinstance(ignored, set):
            ignored.update(keys)


def _without_epoch(record):
    return {"values": record["values"], "overall": record["overall"]}
