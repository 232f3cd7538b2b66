"""What is given to evaluate a model, checked: one clear error for everything that cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import get_scorer
from sklearn.utils.multiclass import type_of_target

from sklearn_xai.base.checks import check_estimator, is_trained
from sklearn_xai.model_selection.evaluation._fitted import task_of
from sklearn_xai.model_selection.folds import fold_indices
from sklearn_xai.model_selection.inputs import n_rows
from sklearn_xai.models import is_net, split_pipeline, unwrap


def checked_inputs(estimator: Any, X: Any, y: Any, cv: Any, caller: str) -> tuple[Any, np.ndarray, str]:
    """Return (X, y as an array, the kind of task)."""
    check_estimator(estimator, caller)
    if cv is None and not is_trained(estimator):
        raise NotFittedError(
            f"This {type(unwrap(estimator)).__name__} instance is not fitted yet, and {caller} was called without cv. "
            "Either fit the estimator before it is evaluated on other rows, or pass cv=5 to have clones of it trained."
        )
    X = _rows(X)
    y = _targets(y, caller)
    if n_rows(X) != len(y):
        raise ValueError(f"{caller}: X and y must have the same number of rows. Got {n_rows(X)} and {len(y)}.")
    kind = task_of(estimator, X, y, caller)
    return X, _of_kind(y, kind, estimator, caller), kind


def _rows(X):
    """Return a list as an array, texts and a column of them as one of objects; anything else as it is."""
    if isinstance(X, list):
        return np.asarray(X, dtype=object if X and isinstance(X[0], str) else None)
    return np.asarray(X, dtype=object) if getattr(X, "ndim", 2) == 1 and hasattr(X, "to_frame") else X


def _targets(y, caller):
    import pandas as pd

    if y is None:
        raise ValueError(f"{caller} requires y to be passed, but the target y is None.")
    y = np.asarray(y)
    y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim not in (1, 2):
        raise ValueError(f"{caller}: y must have the shape (n_samples,) or (n_samples, n_outputs). Got {y.shape}.")
    if not len(y):
        raise ValueError(f"{caller}: y must have at least one row. Got none.")
    missing = pd.isna(y).reshape(len(y), -1).any(axis=1)
    if missing.any():
        raise ValueError(
            f"{caller}: y misses a value in {missing.sum()} of {len(y)} rows, first in row {missing.argmax()}. Leave "
            "these rows out."
        )
    return y


def _of_kind(y, kind, estimator, caller):
    """Return targets that suit the kind of task, or raise."""
    name = type(unwrap(split_pipeline(estimator, as_network=False)[1])).__name__
    if kind == "regression":
        try:
            numbers = y.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{caller}: {name} predicts values, but y holds {y.ravel().tolist()[0]!r}.") from error
        if not np.isfinite(numbers).all():
            raise ValueError(f"{caller}: y holds numbers that are not finite.")
        return numbers if y.dtype.kind in "Ob" else y
    if y.ndim > 1:
        raise ValueError(
            f"{caller}: y has {y.shape[1]} columns, and {name} predicts classes. Several labels of a row are not "
            "evaluated: evaluate one column of y at a time."
        )
    if type_of_target(y) == "continuous":
        raise ValueError(
            f"{caller}: {name} predicts classes, but y holds numbers with a fraction, such as {y.tolist()[0]!r}."
        )
    return y


def checked_scorers(scoring, own, caller) -> dict:
    """Return scikit-learn's scorers by the names that they have in the table."""
    if scoring is None:
        return {}
    if isinstance(scoring, str) or callable(scoring):
        scoring = [scoring]
    if not isinstance(scoring, Mapping):
        scoring = {one if isinstance(one, str) else getattr(one, "__name__", repr(one)): one for one in scoring}
    taken = [name for name in scoring if name in own]
    if taken:
        raise ValueError(
            f"The 'scoring' parameter of {caller} names {taken}, but the table has rows of these names anyway: "
            f"{list(own)}. Leave them out, or give a dict with another name for what is meant."
        )
    return {str(name): _scorer(one, caller) for name, one in scoring.items()}


def _scorer(one, caller):
    if not (isinstance(one, str) or callable(one)):
        raise ValueError(
            f"The 'scoring' parameter of {caller} must hold names of scikit-learn's scorers or callables "
            f"(estimator, X, y). Got {one!r}."
        )
    try:
        return get_scorer(one)
    except ValueError as error:
        raise ValueError(
            f"The 'scoring' parameter of {caller} names {one!r}, which is no scorer of scikit-learn: see "
            "sklearn.metrics.get_scorer_names()."
        ) from error


def split_rows(y, cv, groups, kind, caller) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the training and test rows of each fold; without `cv` one fold of all rows to test on."""
    rows = np.arange(len(y))
    if cv is None:
        if groups is not None:
            raise ValueError(
                f"The 'groups' parameter of {caller} is for the folds: pass 'cv' too, such as GroupKFold()."
            )
        return [(rows[:0], rows)]
    if isinstance(cv, bool):
        raise ValueError(f"The 'cv' parameter of {caller} must be None, an int, a splitter or folds. Got {cv!r}.")
    # What is known of the task by now counts, not the estimator: folds are stratified for a torch module's classes too.
    like = DummyClassifier() if kind == "classification" else DummyRegressor()
    splits = fold_indices(like, np.zeros((len(y), 1)), y, cv, **({} if groups is None else {"groups": groups}))
    # A fold of rows is given as numbers or as truth values.
    splits = [(rows[np.asarray(train)], rows[np.asarray(test)]) for train, test in splits]
    if not splits or any(not len(test) for _, test in splits):
        raise ValueError(
            f"The 'cv' parameter of {caller} must give folds with rows to test on. Got {splits or 'none'}."
        )
    return splits


def notes_of(task, outcomes, judged, cv) -> list[str]:
    """Say what is to be known before the figures are believed."""
    notes = []
    if cv is None:
        notes.append("Evaluated as it stands, on all rows given: true of new rows only if it was not trained on these.")
        notes.append("std: the standard error of the figure by bootstrap of the rows; the training is not repeated.")
    elif not task.trains:
        notes.append("Not trained: evaluated as it stands on the test rows of each fold.")
    final = split_pipeline(task.estimator)[1]
    if not task.trains and is_net(final) and not len(getattr(final, "history", None) or []):
        notes.append("The net has no history of training: unless its parameters were loaded, its weights are random.")
    if task.kind == "classification":
        notes += _notes_of_classes(task, outcomes)
    if outcomes[0].predicted.ndim > 1:
        notes.append(f"Each measure is the mean over {outcomes[0].predicted.shape[1]} outputs.")
    return notes


def _notes_of_classes(task, outcomes):
    """Say which classes the models do not know."""
    notes, unknown = [], {}
    for number, outcome in enumerate(outcomes):
        missing = set(np.unique(task.y[outcome.test]).tolist()) - set(outcome.classes.tolist())
        for label in missing:
            unknown.setdefault(label, []).append(number)
    for label, folds in unknown.items():
        where = f"in fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))} " if len(outcomes) > 1 else ""
        notes.append(f"Class {label!r} is unknown to the model {where}and has probability 0 there.")
    return notes
