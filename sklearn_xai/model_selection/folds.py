"""The attributions of the same rows by an explainer fitted on each fold."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
import sklearn
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed

from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai._typing import Rows, Splits
from sklearn_xai.base.threads import limited_threads
from sklearn_xai.model_selection._conditions import Conditions, explain_job, is_as_it_stands
from sklearn_xai.model_selection.inputs import (
    around,
    check_explainer,
    given,
    last_step,
    n_rows,
    rows_to_explain,
)
from sklearn_xai.models import is_mapping, is_module


def cross_val_attributions(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    cv: Splits = None,
    X_eval: Rows | None = None,
    fit_params: dict[str, Any] | None = None,
    n_jobs: int | None = None,
    verbose: int | bool = 0,
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
    groups : array-like of shape (n_samples,) or None, default=None
        For a splitter that keeps the rows of a group together, such as GroupKFold.
    cv : int, cross-validation generator, iterable or None, default=None
        As in :func:`sklearn.model_selection.cross_validate`: None is 5 folds, stratified for a classifier. Repeated,
        shuffled, grouped and time-series splitters work alike.
    X_eval : array-like or DataFrame of shape (n_eval, n_features) or None, default=None
        The rows to explain. None takes all rows of `X`, of which each explainer has seen those of its training part.
    fit_params : dict or None, default=None
        Handed to `fit`; what has one entry per row of `X` is shared out like `X`. With metadata routing enabled, it is
        routed to the explainer and the splitter as they request.
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
    caller = "cross_val_attributions"
    check_explainer(explainer, caller)
    X_eval = rows_to_explain(X, X_eval, caller)
    splits, fit_params = splits_and_params(explainer, X, y, cv, groups, fit_params)
    conditions = Conditions(("folds",), len(splits), 1, None)
    return explain_conditions(explainer, X, y, conditions, splits, X_eval, fit_params, n_jobs, verbose, caller)[0]


def explain_conditions(explainer, X, y, conditions, splits, X_eval, fit_params, n_jobs, verbose, caller):
    """Give the attributions under each condition, (n_conditions, n_eval, ...), and the players' names.

    Parameters
    ----------
    conditions : Conditions
    splits : list of (train, test)
        The rows of each fold; `train` is None for all rows.
    fit_params : dict
    """
    fresh = clone(explainer) if y is not None else clone(explaining(explainer, FrozenEstimator))
    cores_each = max(1, (os.cpu_count() or 1) // effective_n_jobs(n_jobs))
    jobs = conditions.jobs()
    work = (
        delayed(_explain_apart)(
            os.getpid(), cores_each, fresh, job, X, y, splits[job.fold][0], X_eval, fit_params, conditions.noise
        )
        for job in jobs
    )
    done = Parallel(n_jobs=n_jobs, return_as="generator")(work)
    what = "Explaining folds" if list(conditions.levels) == ["folds"] else "Explaining conditions"
    results = list(track(done, what, total=len(jobs), verbose=verbose))
    found = dict(part for parts, _ in results for part in parts)
    shapes = {attributions.shape for attributions in found.values()}
    if len(shapes) > 1:
        raise ValueError(
            f"{caller} needs the same players in each fold. {type(explainer).__name__} gave the shapes "
            f"{sorted(shapes)}: a fold may lack a class or a category; set 'target' to one class, or stratify 'cv'."
        )
    return np.stack([found[number] for number in range(len(found))]), results[0][1]


def _explain_apart(parent, cores, explainer, job, *args):
    """Explain a model's conditions, in this process or in a worker that has `cores` to itself."""
    with limited_threads(cores if os.getpid() != parent else None):
        found, fitted = explain_job(explainer, job, *args)
    return found, player_names(fitted, found[0][1])


def explaining(explainer, wrap):
    """Give a copy of `explainer` whose estimator is `wrap(estimator)`; a FrozenEstimator or torch module stays."""
    if isinstance(explainer, Pipeline):
        *steps, (name, last) = explainer.steps
        return copy.copy(explainer).set_params(steps=[*steps, (name, explaining(last, wrap))])
    if is_as_it_stands(given(explainer)):
        return explainer
    return around(explainer, wrap(given(explainer)))


def fold_seeds(random_state, n_splits) -> list[int]:
    """Draw a seed per fold, for explainers that have none; without it, all folds would draw alike."""
    rng = own_random_state(random_state)
    return [draw_seed(rng) for _ in range(n_splits)]


def fold_indices(estimator, X, y, cv, **split_params):
    """Share out the rows of `X`, stratified by `y` when `estimator` is a classifier."""
    classifier = not is_module(estimator) and is_classifier(estimator)
    rows = np.zeros(n_rows(X)) if is_mapping(X) else X
    splitter = check_cv(cv, y, classifier=classifier)
    try:
        return list(splitter.split(rows, y, **split_params))
    except ValueError as error:
        if "'groups' parameter should not be None" not in str(error):
            raise
        raise ValueError(
            f"The 'cv' parameter is {type(splitter).__name__}, which must know the group of each row. Pass 'groups', "
            "or where there is no such parameter the folds themselves, cv=list(splitter.split(X, y, groups))."
        ) from error


def splits_and_params(explainer, X, y, cv, groups, fit_params):
    """Give the folds, and the parameters of ``fit``: all of them, or with metadata routing what is requested."""
    split_params, fit_params = {}, dict(fit_params or {})
    if sklearn.get_config()["enable_metadata_routing"] and fit_params:
        router = MetadataRouter(owner="cross_val_attributions")
        router.add(explainer=explainer, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        if hasattr(cv, "split"):
            router.add(splitter=cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        routed = process_routing(router, "fit", **fit_params)
        fit_params = routed.explainer.fit
        split_params = dict(routed.splitter.split) if hasattr(cv, "split") else {}
    if groups is not None:
        split_params["groups"] = groups
    return fold_indices(given(last_step(explainer)), X, y, cv, **split_params), fit_params


def player_names(explainer, attributions) -> list[str]:
    """Name the players of a fitted explainer, by number where it cannot."""
    names = [str(name) for name in last_step(explainer).get_feature_names_out()]
    n_players = attributions[0].size
    return names if len(names) == n_players else [f"x{i}" for i in range(n_players)]
