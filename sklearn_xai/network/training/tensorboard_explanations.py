"""Writes what happens inside a network while it is trained to where TensorBoard reads it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from numbers import Real
from os import PathLike
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from skorch.callbacks import Callback

from sklearn_xai._rng import draw_seed, isolated_rng, own_random_state
from sklearn_xai._typing import Rows, Seed
from sklearn_xai.background import sample_rows
from sklearn_xai.models import is_mapping
from sklearn_xai.network.training._event_file import EventFile, check_tensorboard, new_run, write_points
from sklearn_xai.network.training._probe import SHARED, Recorder
from sklearn_xai.network.training._rows import check_count, check_like, draw_rows
from sklearn_xai.network.training._untouched import untouched
from sklearn_xai.network.training._views import (
    gradients_of,
    map_layers,
    network_and_rows,
    picture_of_attributions,
    pictures_of_maps,
    points_of,
)
from sklearn_xai.network.training.activation_recorder import ActivationRecorder, chosen_layers
from sklearn_xai.network.training.attribution_recorder import AttributionRecorder
from sklearn_xai.network.training.parameter_recorder import ParameterRecorder
from sklearn_xai.network.training.records import is_entry

_KINDS = (ActivationRecorder, ParameterRecorder, AttributionRecorder)


class TensorBoardExplanations(Callback):
    """What does TensorBoard show of the inside of a network while it is trained?

    A skorch callback that writes event files, at the end of each epoch:

    - scalars: every number in ``net.history`` (losses, scores, what other callbacks put there: an ``EpochScoring`` of
      the epistemic part of a ``PredictiveDistribution``, for one), and every number of the recorders: norms of weights
      and gradients, shares of dead units, mean absolute attributions, drift;
    - histograms: weights and activations, as the recorders found them, and the gradients of the epoch's last batch;
    - images: attributions of a few rows, and the feature maps that convolutions make of them;
    - the embedding projector: activations of a layer for all rows of the probe, with their labels, as they last were.

    Recorders do the work: those among the callbacks of the net, and of each kind of which it has none one of its own.
    The training is bit by bit what it is without.

    Parameters
    ----------
    log_dir : str or Path
        Folder of all runs, as in ``tensorboard --logdir``. Each training writes to a folder of its own in there, so
        that those of a search do not mix.
    %(probe)s
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Labels of X, shown in the projector; with X None, they are those that the net is trained on.
    recorders : "auto" or list of recorders, default="auto"
        Recorders that need not be callbacks of the net themselves; clones of them are used. "auto" is one of each kind
        that the net does not have, on X.
    layer : str or list of str, default=None
        Layers whose feature maps are pictured. None is up to six convolutions of images.
    embedding : str, (str, "input"), list of these, "auto" or None, default="auto"
        Layers whose activations go to the projector, means over places where there are such. "auto" is the input of the
        last layer that has weights, None is none.
    n_pictured : int, default=4
        How many rows are pictured, the first of the probe; 0 for no pictures.
    %(probe_size)s
    every : int, default=1
        Pictures, points, the histograms of gradients and its own recorders come with the first epoch and each
        ``every``-th after it; numbers of the history, and what the net's recorders record, when they come.
    run : str, default=None
        Name of the run's folder in ``log_dir``; None is the time. Where there is one of that name, a number is added.
    %(random_state)s

    Attributes
    ----------
    run_dir_ : Path
        Folder of the run. A new training begins a new one, one that goes on (``partial_fit``, ``warm_start``) stays.
    recorders_ : list of recorders
        Those of its own.
    %(probe_)s
    labels_ : dict of str to list
        What the projector is told of each row of the probe: its number in X, and its label.

    Raises
    ------
    ImportError
        When training begins and tensorboard is not installed.
    ValueError
        When training begins, for the name of a layer that is not there, or rows that the net cannot be given.

    Notes
    -----
    Tags are "loss/train_loss", "history/valid_acc", "parameters/gradient_norm" of all parameters,
    "parameters_gradient_norm/hidden.weight" of one; "activations_dead/relu", "attributions_mean_abs/age". Steps are
    epochs, from 1 on. NaN of a recorder, which is unknown, is left out.

    The file is opened for each epoch and closed again: whatever becomes of a training, what it did is there, a fitted
    net can be pickled, and one that goes on in another process adds to the same run.

    Misleads where the recorders do. The images are those of a few rows, and the scale of colours is that of the rows
    shown.

    Cost: that of the recorders after each epoch, and the writing of what they found. The embedding projector takes one
    forward pass of the probe more.

    See Also
    --------
    ActivationRecorder, ParameterRecorder, AttributionRecorder : What is recorded, and for other uses.
    sklearn_xai.display.TrainingDisplay : Pictures of the records without TensorBoard.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skorch import NeuralNetRegressor
    >>> from torch import nn
    >>> from sklearn_xai import TensorBoardExplanations
    >>> X = np.random.RandomState(0).randn(50, 3).astype(np.float32)
    >>> module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     board = TensorBoardExplanations(folder, run="first", n_pictured=0)
    ...     net = NeuralNetRegressor(module, max_epochs=2, verbose=0, callbacks=[board]).fit(X, X[:, :1])
    ...     print(os.listdir(folder))
    ['first']
    """

    def __init__(
        self,
        log_dir: str | PathLike[str],
        X: Rows | None = None,
        *,
        y: ArrayLike | None = None,
        recorders: Literal["auto"] | Sequence[Any] = "auto",
        layer: str | Sequence[str] | None = None,
        embedding: Any = "auto",
        n_pictured: int = 4,
        probe_size: int | float | Literal["auto"] | None = "auto",
        every: int = 1,
        run: str | None = None,
        random_state: Seed = None,
    ) -> None:
        self.log_dir = log_dir
        self.X = X
        self.y = y
        self.recorders = recorders
        self.layer = layer
        self.embedding = embedding
        self.n_pictured = n_pictured
        self.probe_size = probe_size
        self.every = every
        self.run = run
        self.random_state = random_state

    # ------------------------------------------------------------------ what skorch calls
    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Begin a new run, or go on with the last where the history of the net does."""
        check_tensorboard(type(self).__name__)
        self._check(net)
        goes_on = bool(len(net.history)) and hasattr(self, "run_dir_")
        if not (goes_on and self.X is None):
            self._draw_probe(X, y)
        if not goes_on:
            self.recorders_ = self._own_recorders(net)
        self._check_names(net)
        for recorder in self.recorders_:
            recorder.on_train_begin(net, X=X, y=y, **kwargs)
        if not goes_on:
            name = time.strftime("%Y%m%d-%H%M%S") if self.run is None else str(self.run)
            self.run_dir_, self.written_ = new_run(self.log_dir, name), set[tuple[int, str]]()
            self.file_ = EventFile(self.run_dir_)

    def on_grad_computed(
        self, net: Any, named_parameters: Any, X: Any = None, y: Any = None, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Let its own recorders note the gradients of a batch."""
        for recorder in self.recorders_:
            recorder.on_grad_computed(net, named_parameters, X=X, y=y, training=training, **kwargs)

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Write what is known of the epoch."""
        for recorder in self.recorders_:
            recorder.on_epoch_end(net, dataset_train=dataset_train, dataset_valid=dataset_valid, **kwargs)
        self._write_history(net)
        epoch = len(net.history)
        if (epoch - 1) % self.every:
            return
        histograms = self._gradients(net)
        with untouched(net.module_), isolated_rng(self.seed_):
            network, rows = network_and_rows(net, self.probe_, type(self).__name__)
            images = self._pictures(net, network, rows, epoch) if self.n_pictured else {}
            points = {}
            if self.embedding is not None:
                points = points_of(network, rows, self.embedding, type(self).__name__)
        self.file_.write(epoch, histograms=histograms, images=images)
        if points:
            write_points(self.run_dir_, points, self.labels_)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Write what callbacks behind this one found in the last epoch."""
        for recorder in self.recorders_:
            recorder.on_train_end(net, X=X, y=y, **kwargs)
        self._write_history(net)

    # ------------------------------------------------------------------ before the training
    def _check(self, net):
        caller = type(self).__name__
        check_count(self, "every", 1)
        check_count(self, "n_pictured", 0)
        if self.probe_size != "auto":
            check_count(self, "probe_size", 1)
        if self.y is not None and self.X is None:
            raise ValueError(f"The 'y' parameter of {caller} holds the labels of X, which is None.")
        given = self.recorders
        is_list = isinstance(given, (list, tuple)) and all(isinstance(recorder, Recorder) for recorder in given)
        if not is_list and not (isinstance(given, str) and given == "auto"):
            raise ValueError(
                f"The 'recorders' parameter of {caller} must be 'auto' or a list of recorders. Got {given!r}."
            )
        module = net.module_._modules.get("_orig_mod", net.module_)
        none = self.layer is not None and not isinstance(self.layer, str) and not len(self.layer)
        known = self.layer is None or none
        self.layers_ = [] if none else map_layers(module) if known else chosen_layers(module, self.layer, caller)

    def _draw_probe(self, X, y):
        """Draw the rows of the probe, and the labels that belong to them."""
        caller = type(self).__name__
        self.seed_ = draw_seed(own_random_state(self.random_state))
        source, labels = (X, y) if self.X is None else (self.X, self.y)
        self.probe_ = draw_rows(source, self.probe_size, np.random.RandomState(self.seed_), caller)
        if self.X is not None:
            check_like(self.probe_, X, caller)
        n, size = (_length(rows) for rows in (source, self.probe_))
        at = sample_rows(np.arange(n), size, np.random.RandomState(self.seed_))  # as the rows were drawn
        self.labels_ = {"row": at.tolist()} | {
            name: values[at].tolist() for name, values in _label_columns(labels, n, caller).items()
        }

    def _own_recorders(self, net):
        if not isinstance(self.recorders, str):
            return [clone(recorder).initialize() for recorder in self.recorders]
        there = [callback for _, callback in net.callbacks_]
        missing = [kind for kind in _KINDS if not any(isinstance(callback, kind) for callback in there)]
        probe = {"X": self.probe_, "probe_size": self.probe_size, "random_state": self.seed_}
        return [kind(every=self.every, **(probe if kind is not ParameterRecorder else {})) for kind in missing]

    def _check_names(self, net):
        names = [recorder.name or recorder._kind for recorder in self._all_recorders(net)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"{type(self).__name__} has a recorder of the name {twice[0]!r}, and so has the net, or there are two: "
                "each writes into the history under its name. Give one another, as its 'name'."
            )

    def _all_recorders(self, net):
        others = [callback for _, callback in net.callbacks_ if isinstance(callback, Recorder)]
        return [*self.recorders_, *others]

    # ------------------------------------------------------------------ after an epoch
    def _write_history(self, net):
        """Write what is new in the history: of the last epoch, and what came late of the one before."""
        last = len(net.history)
        self.written_ = {(epoch, key) for epoch, key in self.written_ if epoch >= last - 1}
        for epoch in range(max(1, last - 1), last + 1):
            row = net.history[epoch - 1]
            new = {key: value for key, value in row.items() if (epoch, key) not in self.written_}
            entries = {key: value for key, value in new.items() if is_entry(value)}
            if entries or any(isinstance(value, Real) for value in new.values()):
                self.file_.write(epoch, scalars=_numbers(row, new, entries), histograms=_histograms(entries))
            self.written_ |= {(epoch, key) for key in new}

    def _gradients(self, net):
        recorders = [recorder for recorder in self._all_recorders(net) if isinstance(recorder, ParameterRecorder)]
        if not recorders or not recorders[0].n_bins:
            return {}
        with torch.no_grad():
            return gradients_of(net.module_, recorders[0].names_, recorders[0].n_bins)

    def _pictures(self, net, network, rows, epoch):
        few = rows[: self.n_pictured]
        images = pictures_of_maps(network, few, self.layers_, type(self).__name__)
        for recorder in self._all_recorders(net):
            if isinstance(recorder, AttributionRecorder):
                titles = self._titles(recorder)
                images |= picture_of_attributions(recorder, net, self.n_pictured, titles, epoch)
        return images

    def _titles(self, recorder):
        """Return what the rows that a recorder explains first are called: by their labels, where they are ours."""
        if recorder.X is not self.probe_:
            return [f"probe row {i}" for i in range(self.n_pictured)]
        rows = list(zip(*self.labels_.values(), strict=True))[: self.n_pictured]
        return [": ".join([f"row {row}", *(str(value) for value in labels[:1])]) for row, *labels in rows]


def _numbers(row, new, entries):
    """Return the scalars in what is new of a row of the history, by tag."""
    inside = {f"{name}_{key}" for name, value in row.items() if is_entry(value) for key in value["overall"]}
    found = {
        f"loss/{key}" if key.endswith("_loss") else f"history/{key}": float(value)
        for key, value in new.items()
        if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and key != "epoch" and key not in inside
    }
    for name, entry in entries.items():
        numbers = {f"{name}/{statistic}": value for statistic, value in entry["overall"].items()}
        for place, statistics in entry["values"].items():
            numbers |= {f"{name}_{statistic}/{place}": value for statistic, value in statistics.items()}
        # How far an epoch is from the last one is known, and changes, when training ends.
        found |= {
            tag: value
            for tag, value in numbers.items()
            if isinstance(value, Real) and not math.isnan(value) and not tag.startswith(f"{name}/to_last_")
        }
    return found


def _histograms(entries):
    return {
        f"{name}/{place}": found
        for name, entry in entries.items()
        for place, found in entry["values"].items()
        if "histogram_counts" in found
    }


def _length(rows):
    rows = next(iter(rows.values())) if is_mapping(rows) else rows
    return rows.shape[0] if hasattr(rows, "shape") else len(rows)


def _label_columns(y, n, caller):
    """Return labels as columns by name; none where there are no labels for the rows."""
    if y is None or is_mapping(y):
        return {}
    columns = list(map(str, y.columns)) if hasattr(y, "columns") else None
    y = y.detach().cpu().numpy() if isinstance(y, torch.Tensor) else np.asarray(y)
    if y.ndim not in (1, 2):
        return {}
    if len(y) != n:
        raise ValueError(f"{caller}: y has {len(y)} labels for the {n} rows of X.")
    if y.ndim == 1 or y.shape[1] == 1:
        return {"label": y.ravel()}
    return {name: y[:, j] for j, name in enumerate(columns or [f"label_{j}" for j in range(y.shape[1])])}


for _name, _text in SHARED.items():
    TensorBoardExplanations.__doc__ = (TensorBoardExplanations.__doc__ or "").replace(f"%({_name})s", _text)
