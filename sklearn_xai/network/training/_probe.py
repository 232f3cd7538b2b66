"""What all recorders share: when they record, on which rows, and that the training is as if they were not there."""

from __future__ import annotations

import math
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from skorch.callbacks import Callback

from sklearn_xai._rng import draw_seed, isolated_rng, own_random_state
from sklearn_xai._typing import Rows, Seed
from sklearn_xai.models import Layout, Network, is_mapping
from sklearn_xai.network.training._rows import check_count, check_like, draw_rows
from sklearn_xai.network.training._untouched import untouched
from sklearn_xai.network.training.records import RecordFile, TrainingRecords

if TYPE_CHECKING:
    import pandas as pd

_FEW = 8  # rows from which a network is looked at

SHARED = {
    "every": """every : int, default=1
        Record the first epoch and each ``every``-th after it.""",
    "probe": """X : array-like of shape (n_samples, ...), DataFrame of numbers, or dict of arrays, default=None
        Rows to probe the network with, as the network itself is given them: for a net at the end of a Pipeline, what
        the steps before it return. None takes them from the rows that the net is trained on.""",
    "probe_size": """probe_size : int or "auto", default="auto"
        How many rows of X are probed, drawn once. "auto" is 512, and fewer where rows are large.""",
    "end": """name : str, default=None
        Key in ``net.history``; None is "{kind}". Two recorders of a net need two names.
    path : str or Path, default=None
        File to which each recorded epoch is added at once, as a line of JSON. Several recorders may share it;
        ``read_records`` reads it.""",
    "random_state": """random_state : int, RandomState instance or None, default=None
        Seeds the draw of the probe rows, and everything that is drawn while they are probed, which is the same in each
        epoch.""",
    "records": """records_ : TrainingRecords
        What was recorded, epoch by epoch; a new training begins anew, one that goes on (``partial_fit``,
        ``warm_start``) adds to it.""",
    "probe_": """probe_ : ndarray of shape (n_probe, ...), DataFrame or dict of arrays
        The rows that are probed.""",
}


class Recorder(Callback):
    """Base class of the callbacks that record something at the end of an epoch, and change nothing.

    A subclass says by ``_measure(net)`` what there is to record: ``(values, overall)``, as in ``TrainingRecords``. It
    is called in a block after which the module, its modes, buffers and gradients, and all global random states are what
    they were, whatever it does. Attributes that are no parameters end in ``_``, as skorch takes all others for some.

    Class attributes
    ----------------
    _kind : str
        The name, unless the user gives another.
    _place : str
        What ``values`` are of.
    _overall : tuple of str
        Statistics in ``overall`` of every epoch; each is a number of its own in the history too.
    """

    _kind = "records"
    _place = "place"
    _overall: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, text in SHARED.items():
            cls.__doc__ = (cls.__doc__ or "").replace(f"%({name})s", text.replace("{kind}", cls._kind))

    def __init__(self, *, every: int = 1, name: str | None = None, path: str | PathLike[str] | None = None) -> None:
        self.every = every
        self.name = name
        self.path = path

    # ------------------------------------------------------------------ what skorch calls
    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Begin anew, or go on where the history of the net does."""
        self.name_ = self._kind if self.name is None else self.name
        self._check(net)
        _hide_from_loggers(net, [self.name_, *(f"{self.name_}_{statistic}" for statistic in self._overall)])
        epoch = len(net.history)
        before = [record for record in getattr(self, "records_", []) if record["epoch"] <= epoch]
        self.records_ = TrainingRecords(before, name=self.name_, place=self._place)
        rng = own_random_state(getattr(self, "random_state", 0))
        self.seed_ = draw_seed(rng)
        self._begin(net, X, rng)
        self._open_file(epoch)

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Record the epoch, if it is one to record."""
        if not self._is_due(net):
            return
        with self._untouched(net):
            values, overall = self._measure(net)
        overall = {statistic: math.nan for statistic in self._overall} | overall
        record = self.records_.add(len(net.history), values, overall)
        entry = {"place": self._place, "values": record["values"], "overall": record["overall"]}
        net.history.record(self.name_, entry)
        for statistic in self._overall:
            net.history.record(f"{self.name_}_{statistic}", record["overall"][statistic])
        if self.file_ is not None:
            self.file_.add(record)

    def to_frame(self) -> pd.DataFrame:
        """Return what was recorded as a tidy table; see ``TrainingRecords.to_frame``."""
        if not hasattr(self, "records_"):
            raise ValueError(f"This {type(self).__name__} has recorded nothing yet: it does in the fit of its net.")
        return self.records_.to_frame()

    # ------------------------------------------------------------------ what a subclass says
    def _check(self, net):
        """Raise for parameters that make no sense, before the training; a subclass checks its own too."""
        check_count(self, "every", 1)
        if not hasattr(net, "module_"):
            raise ValueError(f"{type(self).__name__} records the 'module_' of a net; {type(net).__name__} has none.")
        same = [cb for _, cb in net.callbacks_ if isinstance(cb, Recorder) and (cb.name or cb._kind) == self.name_]
        if len(same) > 1:
            raise ValueError(
                f"{len(same)} recorders of the net have the name {self.name_!r}, under which each would write into its "
                f"history. Give them names: {type(self).__name__}(..., name='{self._kind}_of_test_rows')."
            )

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

    def _open_file(self, epoch):
        known = getattr(self, "file_", None)
        self.file_ = None
        if self.path is not None:
            goes_on = epoch and known is not None and str(known.path) == str(self.path)
            self.file_ = known if goes_on else RecordFile(self.path, self.name_, self._place)
            self.file_.begin(epoch)


class ProbeRecorder(Recorder):
    """Base class of the recorders that run the network on a fixed set of rows."""

    def __init__(
        self,
        X: Rows | None = None,
        *,
        probe_size: int | float | Literal["auto"] | None = "auto",
        every: int = 1,
        name: str | None = None,
        path: str | PathLike[str] | None = None,
        random_state: Seed = None,
    ) -> None:
        super().__init__(every=every, name=name, path=path)
        self.X = X
        self.probe_size = probe_size
        self.random_state = random_state

    def _check(self, net):
        super()._check(net)
        if self.probe_size != "auto":
            check_count(self, "probe_size", 1)

    def _begin(self, net, X, rng):
        if self.X is None and hasattr(self, "probe_") and self.records_:
            return  # the training goes on, and its epochs are to be compared
        self.probe_ = draw_rows(X if self.X is None else self.X, self.probe_size, rng, type(self).__name__)
        if self.X is not None:
            check_like(self.probe_, X, type(self).__name__)

    def _look(self, net):
        """Return the net as a ``Network`` and the probe rows as it takes them, an array (n_probe, ...)."""
        caller, rows, layout = type(self).__name__, self.probe_, None
        if is_mapping(rows):
            layout = Layout(rows, caller)
            rows = layout.table(rows, caller)
        rows = np.asarray(rows)
        return Network(net, rows[:_FEW], layout=layout, caller=caller), rows


def _hide_from_loggers(net, keys):
    """Keep what is no number, and what would flood a table, out of what PrintLog and other loggers show."""
    for _, callback in net.callbacks_:
        ignored = getattr(callback, "keys_ignored_", None)
        if isinstance(ignored, set):
            ignored.update(keys)
