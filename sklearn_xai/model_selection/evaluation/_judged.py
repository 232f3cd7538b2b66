"""The predictions of all folds, and what is measured of them: of classes, and of values."""

from __future__ import annotations

import numpy as np

from sklearn_xai.model_selection.evaluation._folds import Outcome, Task
from sklearn_xai.model_selection.evaluation._measures import PER_CLASS, Found, counts_of, of_classes, of_values
from sklearn_xai.output._calibration import calibration_summary


class Classes:
    """The predictions of classes in all folds, by their numbers, and what is measured of them.

    Parameters
    ----------
    task : Task
    outcomes : list of Outcome
    n_bins : int
    labels : list, optional
        All that there are; those of the models and of y when not given.
    """

    def __init__(self, task: Task, outcomes: list[Outcome], n_bins, labels=None):
        self.n_bins = n_bins
        self.labels = _all_labels(task.y, outcomes) if labels is None else labels
        place = {label: number for number, label in enumerate(self.labels)}
        codes = np.array([place[label] for label in task.y.tolist()])
        self.true = [codes[outcome.test] for outcome in outcomes]
        self.predicted = [np.array([place[label] for label in outcome.predicted.tolist()]) for outcome in outcomes]
        self.scores = [_aligned(outcome, place) for outcome in outcomes]
        self.probabilistic = all(outcome.probabilistic for outcome in outcomes)
        self.found = [with_extra(self.measured(number), outcome) for number, outcome in enumerate(outcomes)]

    def measured(self, fold, rows=slice(None)) -> Found:
        """Measure some test rows of a fold."""
        answers = self.true[fold][rows], self.predicted[fold][rows], self.scores[fold][rows]
        return of_classes(*answers, self.probabilistic, self.n_bins)

    def predictions(self) -> dict:
        """Give the columns of the predictions, in the user's labels."""
        labels = _as_labels(self.labels)
        return {"true": labels[np.concatenate(self.true)], "predicted": labels[np.concatenate(self.predicted)]}

    def more(self) -> dict:
        """Give the tables that are of classes only."""
        import pandas as pd

        true, predicted, scores = map(np.concatenate, (self.true, self.predicted, self.scores))
        index = pd.Index(_as_labels(self.labels), name="class")
        k = len(index)
        counts = counts_of(true, predicted, k)
        known = self.probabilistic and k > 1
        return {
            "per_class": self._per_class(index, np.bincount(true, minlength=k)),
            "confusion": pd.DataFrame(counts, index.rename("true"), index.rename("predicted")),
            "calibration": calibration_summary(true, scores, np.arange(k), self.n_bins).table if known else None,
            "scores": pd.DataFrame(scores, columns=index) if np.isfinite(scores).all() else None,
            "probabilistic": self.probabilistic,
        }

    def _per_class(self, index, counts):
        import pandas as pd

        folds = pd.concat([pd.DataFrame(found.per_class, index, list(PER_CLASS)) for found in self.found])
        table = folds.groupby(level=0, sort=False).mean()
        if len(self.found) > 1:
            spread = folds.groupby(level=0, sort=False).std().add_suffix("_std")
            table = pd.concat([table, spread], axis=1)[[part for name in PER_CLASS for part in (name, f"{name}_std")]]
        return table.assign(n_rows=counts)


def _all_labels(y, outcomes):
    """Return the labels of the models and of y, sorted where they can be."""
    labels = dict.fromkeys(label for outcome in outcomes for label in np.asarray(outcome.classes).tolist())
    labels |= dict.fromkeys(y.tolist())
    try:
        return sorted(labels)
    except TypeError:
        return list(labels)


def _as_labels(labels):
    array = np.asarray(labels)
    return array if array.dtype.kind in "iufb" else np.array(labels, dtype=object)


def _aligned(outcome: Outcome, place):
    """Return scores with a column for each label: 0 where the model knows none, of decisions the least there is."""
    if outcome.scores is None:
        return np.full((len(outcome.test), len(place)), np.nan)
    absent = 0.0 if outcome.probabilistic else outcome.scores.min()
    scores = np.full((len(outcome.test), len(place)), absent)
    scores[:, [place[label] for label in np.asarray(outcome.classes).tolist()]] = outcome.scores
    return scores


class Values:
    """The predictions of values in all folds, and what is measured of them."""

    def __init__(self, task: Task, outcomes: list[Outcome]):
        y = task.y.astype(np.float64)
        self.true = [y[outcome.test] for outcome in outcomes]
        self.predicted = [outcome.predicted.astype(np.float64) for outcome in outcomes]
        for true, predicted in zip(self.true, self.predicted, strict=True):
            if true.shape != predicted.shape:
                raise ValueError(
                    f"{task.caller}: the model predicts {_columns(predicted)} for each row, but y has {_columns(true)}."
                )
        self.found = [with_extra(self.measured(number), outcome) for number, outcome in enumerate(outcomes)]

    def measured(self, fold, rows=slice(None)) -> Found:
        """Measure some test rows of a fold."""
        return of_values(self.true[fold][rows], self.predicted[fold][rows])

    def predictions(self) -> dict:
        """Give the columns of the predictions."""
        both = {"true": np.concatenate(self.true), "predicted": np.concatenate(self.predicted)}
        if both["true"].ndim == 1:
            return both
        return {f"{name} {j}": column for name, values in both.items() for j, column in enumerate(values.T)}

    def more(self) -> dict:
        """Give no tables of classes."""
        return {}


def _columns(values):
    n = 1 if values.ndim == 1 else values.shape[1]
    return f"{n} value{'s' if n > 1 else ''}"


def with_extra(found: Found, outcome: Outcome) -> Found:
    """Add what the user's scorers say of a fold."""
    found.values |= outcome.extra
    return found
