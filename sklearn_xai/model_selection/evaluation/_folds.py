"""One fold of a model's evaluation: train, predict, remember the training."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils.parallel import Parallel, delayed

from sklearn_xai._progress import track
from sklearn_xai.model_selection._conditions import share_of_rows
from sklearn_xai.model_selection.evaluation._fitted import FittedModel
from sklearn_xai.model_selection.folds import limited_threads
from sklearn_xai.model_selection.inputs import n_rows, take_rows
from sklearn_xai.models import is_net, split_pipeline, train_clone


@dataclass(frozen=True)
class Task:
    """What is the same in all folds.

    Attributes
    ----------
    estimator : estimator
    X : table
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    kind : {"classification", "regression"}
    trains : bool
        Whether a clone is trained in each fold.
    scorers : dict of str to callable
    fit_params : dict
    batch_size : int
    caller : str
    keeps : bool
        Whether the model of each fold is given back.
    """

    estimator: Any
    X: Any
    y: np.ndarray
    kind: str
    trains: bool
    scorers: dict[str, Any]
    fit_params: dict[str, Any]
    batch_size: int
    caller: str
    keeps: bool = False


@dataclass
class Outcome:
    """What one fold's model says of the fold's test rows.

    Attributes
    ----------
    train, test : int arrays
        Rows of X; without training, `train` is empty.
    predicted : ndarray of shape (n_test,) or (n_test, n_outputs)
    scores : ndarray of shape (n_test, n_classes) or None
    probabilistic : bool
    classes : ndarray of shape (n_classes,) or None
    extra : dict of str to float
        What the scorers say.
    losses : list of (float, float)
        Training and validation loss of each epoch.
    train_seconds : float
        NaN without training.
    fitted : FittedModel or None
    estimator : fitted estimator or None
    """

    train: np.ndarray
    test: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray | None
    probabilistic: bool
    classes: np.ndarray | None
    extra: dict[str, float]
    losses: list[tuple[float, float]]
    train_seconds: float
    fitted: FittedModel | None = field(default=None, repr=False)
    estimator: Any = field(default=None, repr=False)


def run_folds(task: Task, splits, seeds, n_jobs, verbose) -> list[Outcome]:
    """Evaluate each fold; the model of the first comes with it."""
    cores_each = max(1, (os.cpu_count() or 1) // effective_n_jobs(n_jobs))
    work = (
        delayed(_run_apart)(os.getpid(), cores_each, task, number, train, test, seed)
        for number, ((train, test), seed) in enumerate(zip(splits, seeds, strict=True))
    )
    done = Parallel(n_jobs=n_jobs, return_as="generator")(work)
    return list(track(done, "Evaluating folds", total=len(splits), verbose=verbose))


def _run_apart(parent, cores, task, number, *args):
    """Run a fold, in this process or in a worker that has `cores` to itself; an error says which fold it is of."""
    with limited_threads(cores if os.getpid() != parent else None):
        try:
            return _run_fold(task, number == 0, *args)
        except Exception as error:
            if task.trains:
                error.add_note(f"This was in fold {number} of {task.caller}.")
            raise


def _run_fold(task: Task, keep, train, test, seed):
    estimator, seconds = task.estimator, np.nan
    if task.trains:
        X, y = take_rows(task.X, train), task.y[train]
        fit_params = {name: share_of_rows(value, train, n_rows(task.X)) for name, value in task.fit_params.items()}
        start = perf_counter()
        estimator = train_clone(estimator, X, y, random_state=seed, fit_params=fit_params)
        seconds = perf_counter() - start
    rows, true = take_rows(task.X, test), task.y[test]
    fitted = FittedModel(estimator, rows, task=task.kind, batch_size=task.batch_size, caller=task.caller)
    if task.trains:
        _check_labels(fitted, task.y[train], task.caller)
    predicted, scores, probabilistic = fitted.answers(rows)
    _check_finite(predicted if scores is None else scores, test, task.caller)
    asked = fitted.for_scorers()
    extra = {name: float(scorer(asked, rows, true)) for name, scorer in task.scorers.items()}
    final = split_pipeline(estimator)[1]
    return Outcome(
        np.asarray(train, dtype=int),
        np.asarray(test, dtype=int),
        predicted,
        scores,
        probabilistic,
        fitted.classes,
        extra,
        _losses(final),
        seconds,
        fitted if keep else None,
        estimator if task.keeps else None,
    )


def dummy_outcome(task: Task, outcome: Outcome) -> Outcome:
    """Give what a model that looks at no column says: trained on the same rows, without training on the test rows."""
    seen = outcome.train if len(outcome.train) else outcome.test
    rows, classes, scores = np.zeros((len(outcome.test), 1)), None, None
    dummy = DummyRegressor() if task.kind == "regression" else DummyClassifier(strategy="prior")
    dummy.fit(np.zeros((len(seen), 1)), task.y[seen])
    predicted = dummy.predict(rows).reshape(task.y[outcome.test].shape)
    if task.kind == "classification":
        classes, scores = dummy.classes_, dummy.predict_proba(rows)
    extra = {name: float(scorer(dummy, rows, task.y[outcome.test])) for name, scorer in task.scorers.items()}
    return Outcome(outcome.train, outcome.test, predicted, scores, True, classes, extra, [], np.nan)


def _check_labels(fitted, y, caller):
    """Raise where a net's outputs are not those of the labels it was trained on, so that one would pass for another."""
    if fitted.model is None or fitted.classes is None:
        return
    labels = np.unique(y)
    if len(labels) == len(fitted.classes) or labels.tolist() == list(range(len(labels))):
        return
    raise ValueError(
        f"{caller}: a net of {len(fitted.classes)} outputs was trained on rows of {len(labels)} classes, "
        f"{labels.tolist()}, so that which output is which class is not known. Stratify 'cv' so that each fold has "
        "rows of all classes, or give the net an output for each class."
    )


def _check_finite(values, rows, caller):
    """Raise where a model says something else than a number."""
    if values.dtype.kind != "f":
        return
    wrong = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if len(wrong):
        raise ValueError(
            f"{caller}: what the model says is not a finite number for {len(wrong)} of {len(values)} rows, first for "
            f"row {rows[wrong[0]]} of X. Does it miss values there that no step of a Pipeline fills in "
            "(SimpleImputer), or did the training diverge?"
        )


def _losses(final):
    """Return the training and validation losses of the epochs of a net, or of scikit-learn's own."""
    if is_net(final):
        history = getattr(final, "history", None) or []
        return [(_number(epoch, "train_loss"), _number(epoch, "valid_loss")) for epoch in history]
    return [(float(loss), np.nan) for loss in getattr(final, "loss_curve_", None) or []]


def _number(epoch, name):
    return float(epoch.get(name, np.nan))
