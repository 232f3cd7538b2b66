"""The attributions of the same rows by an explainer fitted on each fold."""

from __future__ import annotations

import copy
import os
from contextlib import contextmanager

import numpy as np
import torch
from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai.model_selection.inputs import (
    around,
    check_explainer,
    finite,
    given,
    last_step,
    n_rows,
    rows_to_explain,
    take_rows,
)
from sklearn_xai.models import is_mapping, is_module


def cross_val_attributions(
    explainer, X, y=None, *, cv=None, X_eval=None, fit_params=None, n_jobs=None, verbose=0
) -> np.ndarray:
    """How would the same rows be explained, had the data been a little different?

    A clone of the explainer is fitted on the training part of each fold, and all of them explain the same rows.

    Parameters
    ----------
    explainer : explainer, or Pipeline whose last step is one
        Never changed. With `y`, a clone of its estimator is trained in each fold. Without `y`, its fitted estimator is
        explained as it stands in all folds, which then differ in the background only; so are a FrozenEstimator and a
        torch module, with or without `y`. With an int as `random_state`, nothing but the data differs between the
        folds; with None, each fold has a seed of its own, for training and for what the method draws.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows that the folds share out.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs) or None, default=None
        The targets to train on.
    cv : int, cross-validation generator, iterable or None, default=None
        As in :func:`sklearn.model_selection.cross_validate`: None is 5 folds, stratified for a classifier.
    X_eval : array-like or DataFrame of shape (n_eval, n_features) or None, default=None
        The rows to explain. None takes all rows of `X`, of which each explainer has seen those of its training part.
    fit_params : dict or None, default=None
        Handed to `fit`; what has one entry per row of `X` is shared out like `X`.
    n_jobs : int or None, default=None
        Number of folds at the same time. Worker processes share the cores between them.
    verbose : int or bool, default=0
        Whether to show progress.

    Returns
    -------
    attributions : ndarray of shape (n_splits, n_eval, n_players)
        In the order of the folds. Images keep their shape after `n_eval`.

    Raises
    ------
    TypeError
        If `explainer` is a class, or no explainer.
    ValueError
        If `X_eval` has no rows, or the folds give attributions of different shapes.

    See Also
    --------
    explanation_stability : How much do these attributions agree?

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.model_selection import cross_val_attributions
    >>> X = np.random.RandomState(0).randn(20, 3).astype("float32")
    >>> cross_val_attributions(InputXGradientExplainer(torch.nn.Linear(3, 1)), X, cv=4, X_eval=X[:5]).shape
    (4, 5, 3)
    """
    return attributions_and_names(explainer, X, y, cv, X_eval, fit_params, n_jobs, verbose)[0]


def attributions_and_names(explainer, X, y, cv, X_eval, fit_params=None, n_jobs=None, verbose=0, random_state=None):
    """Do the work of `cross_val_attributions`; give the players' names as well."""
    check_explainer(explainer, "cross_val_attributions")
    X_eval = rows_to_explain(X, X_eval, "cross_val_attributions")
    splits = fold_indices(given(last_step(explainer)), X, y, cv)
    fresh = clone(explainer) if y is not None else clone(explaining(explainer, FrozenEstimator))
    cores_each = max(1, (os.cpu_count() or 1) // effective_n_jobs(n_jobs))
    work = (
        delayed(_explain_fold)(fresh, seed, X, y, train, X_eval, fit_params or {}, os.getpid(), cores_each)
        for (train, _), seed in zip(splits, fold_seeds(random_state, len(splits)), strict=True)
    )
    done = Parallel(n_jobs=n_jobs, return_as="generator")(work)
    folds = list(track(done, "Explaining folds", total=len(splits), verbose=verbose))
    shapes = {attributions.shape for attributions, _ in folds}
    if len(shapes) > 1:
        raise ValueError(
            f"cross_val_attributions needs the same players in each fold. {type(explainer).__name__} gave the shapes "
            f"{sorted(shapes)}: a fold may lack a class or a category; set 'target' to one class, or stratify 'cv'."
        )
    return np.stack([attributions for attributions, _ in folds]), folds[0][1]


def _explain_fold(explainer, seed, X, y, train, X_eval, fit_params, parent, cores):
    explainer = clone(explainer)
    if getattr(last_step(explainer), "random_state", 0) is None:
        last_step(explainer).set_params(random_state=seed)
    fit_params = {name: _share(value, train, n_rows(X)) for name, value in fit_params.items()}
    with limited_threads(cores if os.getpid() != parent else None):
        explainer.fit(take_rows(X, train), None if y is None else take_rows(y, train), **fit_params)
        attributions = np.asarray(explainer.transform(X_eval))
    return finite(attributions, type(explainer).__name__), player_names(explainer, attributions)


@contextmanager
def limited_threads(limit):
    """Hold torch and BLAS to `limit` threads; None leaves them alone, as the caller's own process must be."""
    if limit is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(limit)
    try:
        with threadpool_limits(limit):
            yield
    finally:
        torch.set_num_threads(before)


def explaining(explainer, wrap):
    """Give a copy of `explainer` whose estimator is `wrap(estimator)`; a FrozenEstimator or torch module stays."""
    if isinstance(explainer, Pipeline):
        *steps, (name, last) = explainer.steps
        return copy.copy(explainer).set_params(steps=[*steps, (name, explaining(last, wrap))])
    if is_as_it_stands(given(explainer)):
        return explainer
    return around(explainer, wrap(given(explainer)))


def is_as_it_stands(estimator) -> bool:
    """Say whether an estimator is explained without training, `y` or not."""
    return isinstance(estimator, FrozenEstimator) or is_module(estimator)


def fold_seeds(random_state, n_splits) -> list[int]:
    """Draw a seed per fold, for explainers that have none; without it, all folds would draw alike."""
    rng = own_random_state(random_state)
    return [draw_seed(rng) for _ in range(n_splits)]


def fold_indices(estimator, X, y, cv):
    """Share out the rows of `X`, stratified by `y` when `estimator` is a classifier."""
    classifier = not is_module(estimator) and is_classifier(estimator)
    rows = np.zeros(n_rows(X)) if is_mapping(X) else X
    return list(check_cv(cv, y, classifier=classifier).split(rows, y))


def _share(value, indices, n_samples):
    per_row = hasattr(value, "__len__") and not isinstance(value, str | dict) and np.ndim(value) > 0
    return take_rows(value, indices) if per_row and n_rows(value) == n_samples else value


def player_names(explainer, attributions) -> list[str]:
    """Name the players of a fitted explainer, by number where it cannot."""
    names = [str(name) for name in last_step(explainer).get_feature_names_out()]
    n_players = attributions[0].size
    return names if len(names) == n_players else [f"x{i}" for i in range(n_players)]
