"""What the metrics of robustness share: rows and their neighbours, explained at the same output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_xai._progress import track
from sklearn_xai.base.checks import check_rows
from sklearn_xai.metrics._judged import Judged
from sklearn_xai.metrics._neighbours import Neighbourhood
from sklearn_xai.metrics._registry import explanation_metric
from sklearn_xai.tables import stack_rows

NEIGHBOURS = """n_samples : int, default=10
        Number of neighbours that are drawn of each row.
    radius : float, default=0.1
        A number is moved by at most this, uniformly. Whole numbers (by their type, or in all rows of the background of
        a model that is no network) are moved by whole numbers, so that those of a small spread stay as they are; what
        is missing stays missing.
    scale : {"std", "none"}, default="std"
        In which units: standard deviations of each column over the explainer's background (of images, of all pixels),
        or the column's own.
    flip_probability : float, default=0.03
        How likely each value that is no number (categories, strings, truth values, dates, ids of tokens) is replaced by
        that of a background row. Ids of padding stay. 0.03 is what OpenXAI takes.
    same_prediction : bool, default=False
        Whether only neighbours of the same predicted class count; a row that has none is judged on all of them.
        Neighbours are explained at the row's own output in either case."""

RELATIVE = """eps_min : float, default=1e-6
        What the denominator is never below. Entries that are divided by are taken to be no closer to zero than this
        share of the row's largest, numbers of a row than this many of their units.
    log : bool, default=False
        Whether to give the natural logarithm of each row's ratio, of which a few rows do not make up the mean; ratios
        below ``eps_min`` count as that."""

DRAWS = """random_state : int, RandomState instance or None, default=None
        Seeds the draws, which are the same for all rows; None reads numpy's global generator, without advancing it."""


def robustness_metric(**properties):
    """Make a function known as a metric of robustness, with the shared texts in its docstring."""
    register = explanation_metric(family="robustness", greater_is_better=False, **properties)

    def fill(function):
        text = function.__doc__ or ""
        for name, shared in {"neighbours": NEIGHBOURS, "relative": RELATIVE, "draws": DRAWS}.items():
            text = text.replace(f"%({name})s", shared)
        function.__doc__ = text
        return register(function)

    return fill


@dataclass(frozen=True)
class Surroundings:
    """Which neighbours a metric draws: its parameters as they were given."""

    n_samples: int
    radius: float
    scale: str
    flip_probability: float
    same_prediction: bool
    random_state: object


@dataclass(frozen=True)
class Compared:
    """Some rows and their neighbours, explained.

    Attributes
    ----------
    before : ndarray of shape (n, n_players), float64
    after : ndarray of shape (n, n_samples, n_players), float64
    near : Near
    """

    before: np.ndarray
    after: np.ndarray
    near: object

    def change(self):
        """Return the Euclidean norms of the changes of the attributions, (n, n_samples)."""
        return np.linalg.norm(self.after - self.before[:, None], axis=-1)


def over_neighbours(
    metric, explainer, X, attributions, surroundings, compare, *, mean=False, finish=None, sample_wise=False
):
    """Return the largest, or mean, of what ``compare`` says of each row's neighbours.

    Parameters
    ----------
    metric : str
    explainer : fitted explainer
    X : rows, as the explainer takes them
    attributions : array, shap.Explanation or None
    surroundings : Surroundings
    compare : callable
        From Compared to (n, n_samples), non-negative.
    mean : bool
    finish : callable or None
        What is made of each row's number.
    sample_wise : bool

    Returns
    -------
    float, or ndarray of shape (n_samples,) if ``sample_wise``
    """
    judged = Judged(explainer, X, attributions, metric=metric)
    options = dict(vars(surroundings))
    same_class = options.pop("same_prediction")
    if same_class:
        _check_classes(explainer, metric)
    space = Neighbourhood(explainer, X, metric=metric, **options)
    targets = np.asarray(explainer.explained_targets(X)).reshape(len(space.table), -1)
    scores = np.empty((len(judged.parts), len(targets)))
    chunks = list(space.chunks(judged.parts[0].n_players))
    for rows in track(chunks, f"{metric}: neighbours", verbose=getattr(explainer, "verbose", 0)):
        near = space.near(rows)
        counted = _same_class(explainer, near) if same_class else True
        for k, part in enumerate(judged.parts):
            before = part.attributions[rows]
            found = explainer.attribute(near.rows, np.repeat(targets[rows, k], space.n_samples))
            after = _of_neighbours(found, before, explainer, metric)
            found = compare(Compared(before, after, near))
            scores[k, rows] = np.mean(found, axis=1, where=counted) if mean else found.max(1, where=counted, initial=0)
    each = (scores if finish is None else finish(scores)).mean(axis=0)
    return each if sample_wise else float(each.mean())


def _of_neighbours(found, before, explainer, metric):
    """Return the attributions of neighbours, (n, n_samples, n_players), where they are like those of the rows."""
    n_players = int(np.prod(found.shape[1:]))
    if n_players != before.shape[1]:
        raise ValueError(
            f"The 'attributions' parameter of {metric} must be as {type(explainer).__name__} gives them, {n_players} "
            f"numbers for each row and output. Got {before.shape[1]}."
        )
    after = np.asarray(found, dtype=np.float64).reshape(len(before), -1, n_players)
    if not np.isfinite(after).all():
        raise ValueError(f"{metric}: {type(explainer).__name__} gives neighbours attributions that are not finite.")
    return after


def at_both(near, function):
    """Return what a function says of rows, (n, k), and of their neighbours, (n, n_samples, k), asked for together.

    A network rounds a row otherwise in a batch of another size, which the difference of two outputs would show.
    """
    found = np.asarray(function(stack_rows(near.own, near.rows)), dtype=np.float64)
    n = len(near.own)
    return found[:n], found[n:].reshape(n, -1, found.shape[1])


def outputs_of(explainer):
    """Return the function from rows to all of their outputs, (n_rows, n_outputs)."""
    return lambda rows: explainer._model.outputs(check_rows(explainer, rows, reset=False))


def _check_classes(explainer, metric):
    model = explainer._model
    if model.n_outputs < 2 or not (model.classifier or model.plain):
        raise ValueError(
            f"The 'same_prediction' parameter of {metric} asks for the predicted class, but the model that "
            f"{type(explainer).__name__} explains is no classifier of two classes or more. Leave it False."
        )


def _same_class(explainer, near):
    """Return which neighbours are predicted as their row is, (n, n_samples); all of them where none is."""
    own, others = at_both(near, outputs_of(explainer))
    same = others.argmax(axis=2) == own.argmax(axis=1)[:, None]
    return same | ~same.any(axis=1, keepdims=True)


def relative_change(before, after, eps):
    """Return the Euclidean norms of entry-wise relative changes, ||(after - before) / before||.

    An entry closer to zero than ``eps`` times the row's largest is taken to be that far from it; of a row that is all
    zero, the largest is that of what it changes to.

    Parameters
    ----------
    before : ndarray of shape (n, d)
    after : ndarray of shape (n, n_samples, d)
    eps : float

    Returns
    -------
    ndarray of shape (n, n_samples)
    """
    largest = np.abs(before).max(axis=1)[:, None]
    largest = np.where(largest > 0, largest, np.abs(after).max(axis=2))[..., None]
    floor = np.maximum(eps * np.where(largest > 0, largest, 1.0), np.finfo(np.float64).tiny)
    divisor = np.maximum(np.abs(before)[:, None], floor)
    return np.linalg.norm((after - before[:, None]) / divisor, axis=2)
