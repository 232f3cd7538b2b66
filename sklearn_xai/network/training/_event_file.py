"""Files that TensorBoard reads: numbers, histograms and pictures by epoch, and points for its projector."""

from __future__ import annotations

import time
import uuid
from itertools import count
from pathlib import Path

import numpy as np

_VERSION = "brain.Event:2"  # that of the event files that TensorBoard's own writer writes


def check_tensorboard(caller):
    """Raise an error that says how to install tensorboard, where it is missing."""
    try:
        import tensorboard.compat.proto.event_pb2
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{caller} needs tensorboard: pip install sklearn-xai[tensorboard]") from error


def new_run(log_dir, name):
    """Make and return a folder for a run that no other run has, also of another process: "name", "name-2", ..."""
    for i in count(1):
        folder = Path(log_dir) / (name if i == 1 else f"{name}-{i}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder


class EventFile:
    """An event file of a run, opened for each record and closed again.

    So everything is on disk when an epoch is, whatever becomes of the training, and there is nothing open that could
    not be pickled. A copy writes to a file of its own, in the same folder, which TensorBoard reads as the same run.

    Parameters
    ----------
    folder : str or Path
        Of the run.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.path = None

    def __getstate__(self):
        return {**vars(self), "path": None}

    def write(self, step, *, scalars=None, histograms=None, images=None):
        """Add what was found at a step, each by its tag.

        Parameters
        ----------
        step : int
        scalars : dict of str to float
        histograms : dict of str to dict
            As ``describe`` returns them.
        images : dict of str to (height, width, bytes)
            In PNG.
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in (scalars or {}).items()]
        values += [Summary.Value(tag=tag, histo=_histogram(found)) for tag, found in (histograms or {}).items()]
        for tag, (height, width, png) in (images or {}).items():
            picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
            values.append(Summary.Value(tag=tag, image=picture))
        if values:
            self._append(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _append(self, event):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        events = [event]
        if self.path is None:
            # Files of a run are read in the order of their names: by when they began, to the nanosecond.
            seconds, rest = divmod(time.time_ns(), 10**9)
            self.path = self.folder / f"events.out.tfevents.{seconds}.{rest:09d}.{uuid.uuid4().hex[:12]}"
            events = [Event(wall_time=event.wall_time, file_version=_VERSION), event]
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            for one in events:
                RecordWriter(file).write(one.SerializeToString())


def _histogram(found):
    """Return a histogram as TensorBoard keeps it: by the upper ends of its bins, with sums of the values."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    edges, counts = np.asarray(found["histogram_edges"], float), np.asarray(found["histogram_counts"], float)
    n = counts.sum()
    mean, square = found["mean"], found["std"] ** 2 + found["mean"] ** 2
    if not np.isfinite(square):  # of what is finite, as nearly as the bins say
        centres = (edges[:-1] + edges[1:]) / 2
        mean, square = (float(counts @ numbers / max(n, 1)) for numbers in (centres, centres**2))
    return HistogramProto(
        min=edges[0],
        max=edges[-1],
        num=n,
        sum=mean * n,
        sum_squares=square * n,
        bucket_limit=edges[1:].tolist(),
        bucket=counts.tolist(),
    )


def write_points(folder, points, labels):
    """Write points for the embedding projector, in the place of what was written before.

    Parameters
    ----------
    folder : Path
        Of the run.
    points : dict of str to ndarray of shape (n_points, n_dimensions)
    labels : dict of str to sequence of n_points
        What is known of each point.
    """
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config, place = ProjectorConfig(), folder / "projector"
    place.mkdir(parents=True, exist_ok=True)
    columns = [[_cell(name), *map(_cell, values)] for name, values in labels.items()]
    lines = ["\t".join(row) for row in zip(*columns, strict=True)]
    if len(columns) == 1:
        lines = lines[1:]  # a single column has no header
    (place / "metadata.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for i, (name, values) in enumerate(points.items()):
        np.savetxt(place / f"tensors_{i}.tsv", values, fmt="%.7g", delimiter="\t")
        config.embeddings.add(
            tensor_name=name, tensor_path=f"projector/tensors_{i}.tsv", metadata_path="projector/metadata.tsv"
        )
    (folder / "projector_config.pbtxt").write_text(text_format.MessageToString(config), encoding="utf-8")


def _cell(value):
    return " ".join(str(value).split())
