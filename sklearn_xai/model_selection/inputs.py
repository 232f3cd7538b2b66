"""What is given to model selection, checked: one clear error for everything that cannot work."""

from __future__ import annotations

import inspect

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_xai.base.wrapping import around as around
from sklearn_xai.base.wrapping import given as given
from sklearn_xai.models import is_mapping


def last_step(explainer):
    """Give the explainer at the end of a Pipeline, or `explainer` itself."""
    while isinstance(explainer, Pipeline):
        explainer = explainer.steps[-1][1]
    return explainer


def check_explainer(explainer, caller, parameter="explainer"):
    """Raise TypeError unless `explainer` is an instance of an explainer, or a Pipeline that ends in one."""
    if inspect.isclass(explainer):
        raise TypeError(
            f"The '{parameter}' parameter of {caller} must be an explainer. Got the class {explainer.__name__}: make "
            f"one, {explainer.__name__}(estimator)."
        )
    if not all(hasattr(last_step(explainer), name) for name in ("estimator", "fit", "transform", "explain")):
        raise TypeError(
            f"The '{parameter}' parameter of {caller} must be an explainer, or a Pipeline whose last step is one. Got "
            f"{type(explainer).__name__}."
        )


def rows_to_explain(X, X_eval, caller):
    """Give the rows to explain: `X_eval`, or all of `X`; there must be one."""
    X_eval = X if X_eval is None else X_eval
    if n_rows(X_eval) == 0:
        raise ValueError(f"The 'X_eval' parameter of {caller} must have at least one row to explain. Got none.")
    return X_eval


def n_rows(X) -> int:
    """Count the rows of an array, DataFrame, sparse matrix, list, or dict of such."""
    if is_mapping(X):
        return n_rows(next(iter(X.values())))
    return X.shape[0] if hasattr(X, "shape") else len(X)


def take_rows(X, indices):
    """Select rows by position from an array, DataFrame, Series, list, or dict of such."""
    if is_mapping(X):
        return {name: take_rows(part, indices) for name, part in X.items()}
    if hasattr(X, "iloc"):
        return X.iloc[indices]
    return X[indices] if hasattr(X, "shape") else [X[i] for i in indices]


def finite(attributions, name):
    """Raise ValueError, naming the explainer, if an attribution is NaN or infinite."""
    if not np.isfinite(attributions).all():
        raise ValueError(f"{name} gave {np.sum(~np.isfinite(attributions))} attributions that are NaN or infinite.")
    return attributions


def check_explainers(explainers, caller):
    """Raise unless `explainers` is a dict of at least one explainer, none of them in a Pipeline."""
    if not isinstance(explainers, dict):
        raise TypeError(
            f"The 'explainers' parameter of {caller} must be a dict {{name: explainer}}. Got "
            f"{type(explainers).__name__}."
        )
    if not explainers:
        raise ValueError(f"The 'explainers' parameter of {caller} must name at least one explainer. Got {{}}.")
    for name, explainer in explainers.items():
        check_explainer(explainer, caller, f"explainers[{name!r}]")
        if isinstance(explainer, Pipeline):
            raise TypeError(
                f"The 'explainers[{name!r}]' parameter of {caller} must be an explainer of the same columns "
                "as the others. Got a Pipeline: put the steps before the explainer into its 'estimator', as a Pipeline."
            )


def reference_name(explainers, reference):
    """Give the name of the reference: the one asked for, else the first SHAPExplainer's, else None."""
    if reference is None:
        return next((name for name, e in explainers.items() if type(e).__name__ == "SHAPExplainer"), None)
    if reference not in explainers:
        raise ValueError(
            f"The 'reference' parameter of compare_explainers must be None or one of {list(explainers)}. "
            f"Got {reference!r}."
        )
    return reference
