"""What recorders saw of a training: in memory, in the history of the net, and in a file of lines."""

from __future__ import annotations

import json
import uuid
import warnings
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.base.findings import listed

if TYPE_CHECKING:
    import pandas as pd

OVERALL = "(all)"  # what a table calls the place of a statistic of all layers, parameters or columns together


class TrainingRecords(list):
    """What did a recorder see, epoch by epoch?

    A list of dicts, one for each recorded epoch: ``epoch`` (from 1 on); ``values``, a dict of dicts of statistics by
    layer, parameter or column, each a number or a list of numbers; ``overall``, a dict of statistics of all of them
    together. Only what JSON can hold is in there.

    Parameters
    ----------
    records : iterable of dict
    name : str
        The name of the recorder.
    place : {"layer", "parameter", "column"}
        What the statistics are of.

    See Also
    --------
    read_records : Reads them from a file.

    Examples
    --------
    >>> from sklearn_xai.network.training import TrainingRecords
    >>> seen = {"epoch": 1, "values": {"hidden": {"mean": 0.5}}, "overall": {"dead": 0.0}}
    >>> print(TrainingRecords([seen], name="activations", place="layer").to_frame())
       epoch   layer statistic  value
    0      1  hidden      mean    0.5
    1      1   (all)      dead    0.0
    """

    def __init__(
        self,
        records: Iterable[dict[str, Any]] = (),
        *,
        name: str = "",
        place: str = "place",
    ) -> None:
        super().__init__(records)
        self.name = name
        self.place = place

    def __repr__(self):
        places = {place: None for record in self for place in record["values"]}
        epochs = f"epochs {self.epochs[0]} to {self.epochs[-1]} ({len(self)} recorded)" if self else "no epoch"
        seen = f"{epochs}, {len(places)} {self.place}{'' if len(places) == 1 else 's'}"
        named = f" ({listed(places)})" if places else ""
        of = f" of {self.name}" if self.name else ""
        return f"<{type(self).__name__}{of}: {seen}{named}; to_frame() has the numbers>"

    @property
    def epochs(self) -> list[int]:
        """The recorded epochs, a list of int."""
        return [record["epoch"] for record in self]

    def add(self, epoch: int, values: Any, overall: Any) -> dict[str, Any]:
        """Add what was seen at the end of an epoch, in the place of what was recorded of it before; return it."""
        record = {"epoch": int(epoch), "values": _plain(values), "overall": _plain(overall)}
        self[:] = [other for other in self if other["epoch"] != record["epoch"]] + [record]
        return record

    def update_overall(self, record: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """Add to the statistics of all together what is known of an epoch later only; return it as it is kept."""
        found = _plain(found)
        record["overall"].update(found)
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return all numbers as a tidy table; lists, such as histograms, are left to ``histograms``.

        Returns
        -------
        DataFrame
            With the columns ``epoch``, the place ("layer", "parameter" or "column"; "(all)" for all together),
            ``statistic`` and ``value``.
        """
        import pandas as pd

        rows = [
            (record["epoch"], place, statistic, value)
            for record in self
            for place, statistics in [*record["values"].items(), (OVERALL, record["overall"])]
            for statistic, value in statistics.items()
            if not isinstance(value, list)
        ]
        return pd.DataFrame(rows, columns=["epoch", self.place, "statistic", "value"])

    def histograms(self) -> pd.DataFrame:
        """Return the histograms as a tidy table.

        Returns
        -------
        DataFrame
            With the columns ``epoch``, the place, ``left`` and ``right`` (the edges of a bin) and ``count``.
        """
        import pandas as pd

        rows = [
            (record["epoch"], place, *bin_)
            for record in self
            for place, found in record["values"].items()
            if "histogram_counts" in found
            for bin_ in zip(
                found["histogram_edges"][:-1], found["histogram_edges"][1:], found["histogram_counts"], strict=True
            )
        ]
        return pd.DataFrame(rows, columns=["epoch", self.place, "left", "right", "count"])

    @classmethod
    def from_history(cls, history: Any, name: str) -> TrainingRecords:
        """Return what the recorder of a name wrote into the history of a net.

        Parameters
        ----------
        history : skorch.history.History
            ``net.history``, also one that was read with ``History.from_file``.
        name : str
            "activations", "parameters" or "attributions", unless the recorder was given another.

        Raises
        ------
        ValueError
            When no recorder of this name was there.
        """
        seen = [(epoch, row[name]) for epoch, row in enumerate(history, start=1) if is_entry(row.get(name))]
        if not seen:
            there = sorted({key for row in history for key, value in row.items() if is_entry(value)})
            raise ValueError(f"No recorder named {name!r} wrote into this history. There are: {there or 'none'}.")
        found = [{"epoch": epoch, "values": entry["values"], "overall": entry["overall"]} for epoch, entry in seen]
        return cls(found, name=name, place=seen[0][1]["place"])


def is_entry(value):
    """Say whether a value is what recorders keep of an epoch."""
    return isinstance(value, dict) and {"place", "values", "overall"} <= set(value)


def _plain(value):
    """Return numbers as Python's own, of seven digits, and arrays as lists: the same in memory as in a file."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(f"{float(value):.7g}")


# ---------------------------------------------------------------------- on disk
class RecordFile:
    """A file to which each recorded epoch is added as one line of JSON, written at once.

    A training that is cut off loses no more than the line it was writing. Several recorders, and several trainings, may
    share a file, those of the processes of a search too: each line says whose it is.

    Parameters
    ----------
    path : str or Path
        Made if it is not there, with its folder; never emptied.
    name, place : str
        Of the recorder.
    """

    def __init__(self, path, name, place):
        self.path = Path(path)
        self.name = name
        self.place = place
        self.run = uuid.uuid4().hex  # of the operating system: no generator that training uses is advanced

    def begin(self, after):
        """Write that a training begins, or goes on ``after`` an epoch."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._write({"place": self.place, "after": int(after)}, "\n" if self._is_torn() else "")

    def add(self, record):
        """Write what was seen of an epoch; what is written of it later is added to that."""
        self._write(record)

    def _is_torn(self):
        """Whether the last line was cut off, so that what is added would be lost with it."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read() != b"\n"

    def _write(self, content, before=""):
        line = json.dumps({"recorder": self.name, "run": self.run, **content})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{before}{line}\n")


def read_records(path: str | PathLike[str]) -> dict[str, TrainingRecords]:
    """What did the recorders of a training write to a file?

    Parameters
    ----------
    path : str or Path
        The ``path`` of the recorders.

    Returns
    -------
    records : dict of str to TrainingRecords
        By the name of the recorder, of the last training that each saw begin. A training that went on
        (``partial_fit``, ``warm_start``) is one with what it went on from.

    Raises
    ------
    ValueError
        When the file holds no records.

    Warns
    -----
    UserWarning
        When lines were cut off in writing; they are left out.

    See Also
    --------
    ActivationRecorder, ParameterRecorder, AttributionRecorder : Write such files.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skorch import NeuralNetRegressor
    >>> from torch import nn
    >>> from sklearn_xai.network.training import ParameterRecorder, read_records
    >>> X = np.random.RandomState(0).randn(50, 3).astype(np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "training.jsonl")
    ...     recorder = ParameterRecorder(path=path)
    ...     module = nn.Sequential(nn.Linear(3, 1))
    ...     net = NeuralNetRegressor(module, max_epochs=2, verbose=0, callbacks=[recorder]).fit(X, X[:, :1])
    ...     records = read_records(path)
    >>> records["parameters"].epochs
    [1, 2]
    >>> records["parameters"] == recorder.records_
    True
    """
    # Records by (recorder, training), and the training that each saw begin last.
    runs: dict[tuple[str, Any], TrainingRecords] = {}
    last: dict[str, Any] = {}
    torn = 0
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
            name, run = line.pop("recorder"), line.pop("run")
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            torn += 1
            continue
        if "place" in line:
            gone_on = runs.get((name, run), runs.get((name, last.get(name))))
            before = [record for record in gone_on or [] if record["epoch"] <= line["after"]]
            runs[name, run] = TrainingRecords(before, name=name, place=line["place"])
            last[name] = run
        elif (name, run) in runs:
            _merge(runs[name, run], line)
    if not runs:
        raise ValueError(f"read_records: {str(path)!r} holds no records, which a recorder with this 'path' writes.")
    if torn:
        warnings.warn(f"{torn} lines of {str(path)!r} are no records: cut off in writing?", UserWarning, stacklevel=2)
    return {name: runs[name, run] for name, run in last.items()}


def _merge(records, line):
    """Add a line to the record of its epoch, or as a new one; a whole record replaces that of an epoch done again."""
    known = next((record for record in records if record["epoch"] == line["epoch"]), None)
    if known is None or "values" in line:
        records[:] = [record for record in records if record is not known] + [line]
    else:
        known["overall"].update(line["overall"])
