"""Several explainers, cross-validated by several metrics: the one loop behind the comparison and the choice."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.parallel import Parallel, delayed

from sklearn_xai._checks import meant
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai.metrics import METRICS, ExplanationScorer
from sklearn_xai.model_selection.folds import is_as_it_stands, limited_threads
from sklearn_xai.model_selection.inputs import around, finite, given, take_rows
from sklearn_xai.models import train_clone


@dataclass(frozen=True)
class Fold:
    """What one fold trains on, explains, and draws from.

    Attributes
    ----------
    train : int array
        Rows of `X` to train on, and to take the background from.
    evaluated : int array or None
        Rows of `X` to explain; None explains `X_eval`.
    seed : int
        For explainers that have none.
    estimator : fitted estimator or None
        What was trained on these rows before; None trains.
    """

    train: np.ndarray
    evaluated: np.ndarray | None
    seed: int
    estimator: Any = None


@dataclass
class Measured:
    """What was found of one explainer in one fold.

    Attributes
    ----------
    attributions : ndarray of shape (n_eval, n_attributions)
    importances : ndarray of shape (n_players,)
        Mean absolute attribution over rows and outputs.
    feature_names : list of str
    fit_seconds, transform_seconds, train_seconds : float
        The training is that of the fold, counted with the explainer that was first to need it.
    scores : dict of str to ndarray of shape (n_eval,) or ()
        What each metric says, as it is; NaN where it could not be computed.
    reasons : dict of str to str
        Why not.
    """

    attributions: np.ndarray
    importances: np.ndarray
    feature_names: list[str]
    fit_seconds: float
    transform_seconds: float
    train_seconds: float
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """What is the same in all folds.

    Attributes
    ----------
    explainers : dict of str to explainer
    X, y : table, and targets or None
    X_eval : table or None
        The rows to explain, where they are the same in all folds.
    scorers : dict of str to ExplanationScorer
    params : dict of str to array
        What metrics need, one entry per row of what is explained.
    caller : str
    strict : bool
        Whether a metric that cannot be computed is an error.
    """

    explainers: Mapping[str, Any]
    X: Any
    y: Any
    X_eval: Any
    scorers: dict[str, ExplanationScorer]
    params: dict[str, Any]
    caller: str
    strict: bool = True


def evaluate(task: Task, folds, *, n_jobs=None, verbose=0, description) -> dict[str, list[Measured]]:
    """Give what was found of each explainer in each fold."""
    import shap  # noqa: F401 (now, and not within the first explainer's seconds)

    if effective_n_jobs(n_jobs) == 1:
        found = (part for fold in folds for part in _evaluate_fold(task, fold))
        parts = list(track(found, description, total=len(folds) * len(task.explainers), verbose=verbose))
    else:
        cores_each = max(1, (os.cpu_count() or 1) // effective_n_jobs(n_jobs))
        work = (delayed(_evaluate_apart)(task, fold, os.getpid(), cores_each) for fold in folds)
        done = Parallel(n_jobs=n_jobs, return_as="generator")(work)
        parts = [part for fold in track(done, description, total=len(folds), verbose=verbose) for part in fold]
    results: dict[str, list[Measured]] = {name: [] for name in task.explainers}
    for name, measured in parts:
        results[name].append(measured)
    return results


def _evaluate_apart(task, fold, parent, cores):
    """Evaluate one fold, in this process or in a worker that has `cores` to itself."""
    import shap  # noqa: F401

    with limited_threads(cores if os.getpid() != parent else None):
        return list(_evaluate_fold(task, fold))


def _evaluate_fold(task: Task, fold: Fold) -> Iterator[tuple[str, Measured]]:
    X, y = take_rows(task.X, fold.train), None if task.y is None else take_rows(task.y, fold.train)
    rows, y_rows, params = task.X_eval, None, task.params
    if fold.evaluated is not None:
        rows, y_rows = (None if part is None else take_rows(part, fold.evaluated) for part in (task.X, task.y))
        params = {name: take_rows(value, fold.evaluated) for name, value in params.items()}
    trainer, n_players = Trainer(fold.estimator), {}
    for name, explainer in task.explainers.items():
        before = trainer.seconds
        ready = trainer.around_trained(with_seed(explainer, fold.seed), X, y)
        measured, explanation = _measure(ready, X, y, rows, f"Explainer {name!r} of {task.caller}")
        measured.train_seconds = trainer.seconds - before
        n_players[name] = len(measured.importances)
        if len(set(n_players.values())) > 1:
            raise ValueError(
                f"The explainers of {task.caller} must explain the same players. Got numbers of players {n_players}."
            )
        _score(measured, ready, explanation, rows, y_rows, params, task)
        yield name, measured


class Trainer:
    """Trains equal estimators once, and counts the seconds; nothing where a trained one is given for all."""

    def __init__(self, trained=None):
        self.given = trained
        self.seconds = 0.0
        self._trained = []

    def around_trained(self, explainer, X, y):
        """Give a fresh explainer around the estimator trained on these rows, or as it stands."""
        estimator = given(explainer)
        if self.given is not None:
            return clone(around(explainer, as_frozen(self.given)))
        if is_as_it_stands(estimator):
            return clone(explainer)
        if y is None:
            return clone(around(explainer, FrozenEstimator(estimator)))
        random_state = getattr(explainer, "random_state", None)
        for other, other_state, trained in self._trained:
            if alike(estimator, other) and alike(random_state, other_state):
                return clone(around(explainer, trained))
        start = perf_counter()
        trained = FrozenEstimator(train_clone(estimator, X, y, random_state=random_state))
        self.seconds += perf_counter() - start
        self._trained.append((estimator, random_state, trained))
        return clone(around(explainer, trained))


def as_frozen(estimator):
    """Give a trained estimator such that no explainer trains it."""
    return estimator if is_as_it_stands(estimator) else FrozenEstimator(estimator)


def alike(a, b) -> bool:
    """Say whether two estimators, or parameters of theirs, train to the same: one object, or equal in all parts.

    What is shared by explainers is no longer the same object once they have been cloned.
    """
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, BaseEstimator) or hasattr(a, "get_params"):
        return alike(a.get_params(deep=False), b.get_params(deep=False))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return isinstance(a, str | int | float | bool | set | np.generic) and bool(a == b)


def with_seed(explainer, seed):
    """Give the explainer, or a copy that is seeded where it has no seed of its own."""
    seedless = getattr(explainer, "random_state", 0) is None
    return copy.copy(explainer).set_params(random_state=seed) if seedless else explainer


def _measure(explainer, X, y, rows, name) -> tuple[Measured, Any]:
    """Fit one explainer and explain the rows; give what is known without a metric, and the explanation."""
    start = perf_counter()
    explainer.fit(X, y)
    fitted = perf_counter()
    explanation = explainer.explain(rows)
    explained = perf_counter()
    values = finite(np.asarray(explanation.values), name)
    n_outputs = np.shape(explanation.base_values)[1:]
    players = values.reshape(len(values), -1, *n_outputs)
    names = getattr(explanation, "feature_names", None)
    names = [f"x{i}" for i in range(players.shape[1])] if names is None else [str(name) for name in names]
    measured = Measured(
        values.reshape(len(values), -1),
        np.abs(players).mean(axis=(0, 2) if n_outputs else 0),
        names,
        fitted - start,
        explained - fitted,
        0.0,
    )
    return measured, explanation


def _score(measured: Measured, explainer, explanation, rows, y, params, task: Task):
    """Give the explanation at hand to all metrics; those that are the same are computed once."""
    for name, scorer in task.scorers.items():
        same = next((other for other in measured.scores if task.scorers[other] == scorer), None)
        if same is not None:
            measured.scores[name] = measured.scores[same]
            continue
        reason = None if task.strict else unsuited(scorer, explainer)
        if reason is None:
            own = {key: value for key, value in params.items() if scorer.takes(key)}
            try:
                measured.scores[name] = scorer.measure(
                    explainer, rows, y, attributions=explanation, sample_wise=True, **own
                )
                continue
            except ValueError as error:  # what a metric raises when an explainer or its model does not suit it
                if task.strict:
                    raise
                reason = str(error).splitlines()[0]
        measured.scores[name], measured.reasons[name] = np.asarray(np.nan), reason


def unsuited(scorer, explainer) -> str | None:
    """Say why a metric does not apply to what a fitted explainer explains, or None."""
    known = scorer.known
    if known is None:
        return None
    if known.network and getattr(getattr(explainer, "_model", None), "network", None) is None:
        return "it needs a network, which the explained estimator does not end in"
    if known.inputs == ("image",) and len(getattr(explainer, "_row_shape", (1,))) < 3:
        return "it is for images"
    return None


def metric_scorers(metrics, caller, random_state) -> dict[str, ExplanationScorer]:
    """Give a scorer for each metric, by name; those known draw from `random_state`, an int."""
    if not isinstance(metrics, dict):
        listed = [metrics] if isinstance(metrics, str | ExplanationScorer) or callable(metrics) else list(metrics)
        metrics = {_name(metric): metric for metric in listed}
    return {name: _as_scorer(name, metric, caller, random_state) for name, metric in metrics.items()}


def _name(metric) -> str:
    metric = metric.metric if isinstance(metric, ExplanationScorer) else metric
    return metric if isinstance(metric, str) else getattr(metric, "__name__", repr(metric))


def _as_scorer(name, metric, caller, random_state):
    if isinstance(metric, ExplanationScorer):
        return metric
    if metric in METRICS if isinstance(metric, str) else callable(metric):
        scorer = ExplanationScorer(metric)
        return ExplanationScorer(metric, random_state=random_state) if scorer.known else scorer
    raise ValueError(
        f"The 'metrics' parameter of {caller} must hold functions, scorers or names in {sorted(METRICS)}. Got "
        f"{metric!r} for {name!r}.{meant(metric, METRICS)}"
    )


def as_seed(random_state) -> int:
    """Give an int of what may be one, so that worker processes draw as this one would."""
    whole = isinstance(random_state, int | np.integer)
    return int(random_state) if whole else draw_seed(own_random_state(random_state))
