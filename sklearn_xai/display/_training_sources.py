"""Where the records of a training come from: the history of a net, recorders, tables, files."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from sklearn_xai.display._training_tables import OVERALL, loss_table, panels_of

if TYPE_CHECKING:
    import pandas as pd

PANELS = ("loss", "gradients", "updates", "dead", "importance", "drift")


def records_in(history: Any) -> dict[str, Any]:
    """Return all records in the history of a net, by the names of the recorders."""
    from sklearn_xai.network import TrainingRecords
    from sklearn_xai.network.training.records import is_entry

    names = dict.fromkeys(key for row in history for key, value in row.items() if is_entry(value))
    return {name: TrainingRecords.from_history(history, name) for name in names}


def records_by_name(records: Any) -> dict[str, Any]:
    """Return what the user gives as records in a dict by name."""
    from sklearn_xai.network import read_records

    if isinstance(records, (str, PathLike)):
        return read_records(records)
    if isinstance(records, Mapping):
        return dict(records)
    several = isinstance(records, (list, tuple)) and not hasattr(records, "to_frame")
    found: dict[str, Any] = {}
    for i, one in enumerate(records if several else [records]):
        name = str(getattr(one, "name", "") or f"records {i + 1}")
        if name in found:
            raise ValueError(
                f"The 'records' parameter of TrainingDisplay.from_records holds two of the name {name!r}: give a dict "
                "that names them apart."
            )
        found[name] = one
    return found


def tables_of(records: dict[str, Any], history: Any) -> dict[str, pd.DataFrame]:
    """Return the tables of all panels that there are records for."""
    frames = {name: _frame_of(name, one) for name, one in records.items()}
    order = [
        layer
        for frame in frames.values()
        if frame.columns[1] == "layer"
        for layer in dict.fromkeys(frame["layer"])
        if layer != OVERALL
    ]
    found: dict[str, pd.DataFrame] = {}
    for name, frame in frames.items():
        for panel, table in panels_of(name, frame, order).items():
            found[panel if panel not in found else f"{panel}:{name}"] = table
    if not found:
        raise ValueError(
            "TrainingDisplay has nothing to draw: nothing was recorded. Train the net with recorders among its "
            "callbacks, NeuralNetClassifier(..., callbacks=[ActivationRecorder(), ParameterRecorder(), "
            "AttributionRecorder()])."
        )
    losses = loss_table(history) if history is not None else None
    first = {} if losses is None else {"loss": losses}
    return first | dict(sorted(found.items(), key=lambda item: PANELS.index(item[0].partition(":")[0])))


def _frame_of(name: str, records: Any) -> pd.DataFrame:
    frame = records.to_frame() if hasattr(records, "to_frame") else records
    if not hasattr(frame, "columns") or len(frame.columns) < 2:
        raise TypeError(
            f"The records {name!r} of TrainingDisplay must be the records_ of a recorder, or a table like that of its "
            f"to_frame(). Got {type(records).__name__}."
        )
    return frame
