"""What goes into ``fit`` and ``transform`` is checked here; an error names what came and what would do."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sklearn_xai.base.texts import as_texts, check_no_gaps, is_texts
from sklearn_xai.models import (
    Layout,
    as_array,
    check_network_is_fitted,
    is_mapping,
    is_module,
    is_net,
    is_network,
    run_steps,
    split_pipeline,
    unwrap,
)
from sklearn_xai.tables import as_codes, columns_of_no_numbers, is_dask, is_frame, take_rows


def check_estimator(estimator, caller):
    """Raise unless the estimator is an instance of something that can be explained."""
    if isinstance(estimator, type) or not (is_network(estimator) or hasattr(estimator, "fit")):
        raise TypeError(
            f"The 'estimator' parameter of {caller} must be an estimator, a skorch net, a torch.nn.Module or a "
            f"Pipeline (an instance). Got {estimator!r}."
        )


def _trained_parts(estimator):
    """Return what must be fitted: the estimator, or the steps before a torch module, which never is."""
    steps, final = split_pipeline(estimator)
    return [step for _, step in steps] if is_module(final) else [estimator]


def is_trained(estimator):
    """Whether the estimator can be explained as it stands."""
    try:
        for part in _trained_parts(estimator):
            check_is_fitted(part)
    except (NotFittedError, TypeError):
        return False
    return True


def check_is_trained(estimator, caller, *, trains=True):
    """Raise when an estimator that is to be explained as it stands is not fitted; ``trains``: the caller has a fit."""
    try:
        for part in _trained_parts(estimator):
            check_is_fitted(part)
    except NotFittedError as error:
        kind = type(unwrap(estimator)).__name__
        if not trains:
            raise NotFittedError(
                f"This {kind} instance is not fitted yet, and {caller} trains nothing. Fit it first, or take the "
                "estimator_ of LayerActivations(estimator).fit(X, y), which trains a clone."
            ) from error
        raise NotFittedError(
            f"This {kind} instance is not fitted yet, and {caller}.fit was called without "
            f"y. Either fit the estimator before it is explained (a search or cross-validation clones it, which "
            f"forgets that: wrap it in a FrozenEstimator), or call {caller}.fit(X, y) to have a clone of it trained: "
            f"then {caller} requires y to be passed, but the target y is None."
        ) from error
    final = split_pipeline(estimator)[1]
    if is_net(final):
        check_network_is_fitted(final, caller)


def check_rows(explainer, X, *, reset):
    """Validate X: numbers for a network, anything a DataFrame holds for a Pipeline or another estimator."""
    if not reset and _is_as_fitted(explainer, X):
        return X
    name = type(explainer).__name__
    _check_kind(explainer, X, name, reset)
    if is_mapping(X):
        X = _as_table(explainer, X, reset)
    elif is_texts(X) and getattr(explainer, "_reader", None) is not None and not reset:
        X = as_array(run_steps(explainer._reader, as_texts(explainer, X)))
    elif is_texts(X) and reset:
        return as_texts(explainer, X)
    direct = is_network(explainer._given) or explainer._reader is not None
    if is_frame(X) and not direct:
        validate_data(explainer, X, reset=reset, skip_check_array=True)
        if not len(X) or not X.shape[1]:
            raise ValueError(
                f"Found array with {len(X)} sample(s) and {X.shape[1]} feature(s) (shape={X.shape}) while a minimum of "
                f"1 is required by {name}."
            )
        return X
    if is_frame(X):
        _check_numeric(X, name)
    return validate_data(
        explainer,
        X,
        reset=reset,
        dtype="numeric" if direct else None,
        allow_nd=direct,
        ensure_all_finite="allow-nan" if get_tags(explainer).input_tags.allow_nan else True,
        estimator=explainer,
    )


def _is_as_fitted(explainer, X):
    """Whether X is plainly an array that all checks pass and none changes: they take longer than to explain a row."""
    plain = (
        type(X) is np.ndarray
        and X.dtype in (np.float32, np.float64)
        and X.ndim >= 2
        and X.shape[0] > 0
        and X.shape[1] == explainer.n_features_in_ > 0
        and (X.ndim == 2 or is_network(explainer._given))
        and not hasattr(explainer, "feature_names_in_")
        and explainer._layout is None
        and explainer._reader is None
    )
    if not plain:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def _check_kind(explainer, X, caller, reset):
    """Raise for what is no table, no array, no dict and no sequence of texts, before anything is made of it."""
    if is_dask(X) or (is_mapping(X) and any(map(is_dask, X.values()))):
        raise ValueError(
            f"{caller}: dask collections, arrays and DataFrames, are for transform, explain, predict, predict_proba "
            "and decision_function. All else, fit first, takes rows in memory: give a sample, such as "
            "X.sample(frac=0.01, random_state=0).compute() of a DataFrame, X[::100].compute() of an array, or "
            "X.head(1000) where rows are in no order."
        )
    if not reset and explainer._reader is None and getattr(X, "ndim", 2) == 1 and hasattr(X, "to_frame"):
        raise ValueError(
            f"{caller}: X must be a table. Got a Series of {len(X)} values; one row of a DataFrame is X.iloc[[0]], "
            "with two pairs of brackets."
        )
    check_no_gaps(X, caller)
    if explainer._reader is not None and getattr(X, "ndim", 1) == 1 and hasattr(X, "__len__") and not len(X):
        raise ValueError(f"{caller}: X holds no text. Give at least one.")
    arrays = isinstance(X, (tuple, list)) and all(hasattr(part, "shape") and len(part.shape) > 1 for part in X)
    if arrays and len({part.shape for part in X}) > 1 and is_network(explainer._given):
        raise ValueError(
            f"{caller}: X is a {type(X).__name__} of {len(X)} arrays. Give a dict of them instead, whose keys are the "
            "names of the arguments of the module's forward."
        )
    if not reset and explainer._layout is None and explainer._reader is None and is_texts(X):
        raise ValueError(f"{caller}: X holds texts, but it was fitted on a table. Give a table of its columns.")


def _as_table(explainer, X, reset):
    """Return a dict of arrays as a DataFrame with a name for each of their columns."""
    import pandas as pd

    caller = type(explainer).__name__
    if not is_network(explainer._given):
        raise ValueError(
            f"{caller}: X is a dict, which only a skorch net or a torch module takes, as the arguments of its forward. "
            f"Got {type(explainer._given).__name__}: give it a DataFrame, and let the last step before a net make the "
            "dict."
        )
    if reset:
        explainer._layout = Layout(X, caller)
    elif explainer._layout is None:
        raise ValueError(f"{caller}: X is a dict, but it was fitted on a table. Give a table of its columns.")
    return pd.DataFrame(explainer._layout.table(X, caller), columns=explainer._layout.names)


def _check_numeric(X, caller):
    bad = columns_of_no_numbers(X)
    if bad:
        raise ValueError(
            f"{caller}: a network takes numbers, but the columns {bad} of X hold other values. Put a ColumnTransformer "
            "in front of the net, in one Pipeline, and give that: its columns are then those of X."
        )


def raise_of_outputs(caller, outputs, X, names):
    """Raise as there is no finite output, or base value, for some rows: say which, and what they lack."""
    wrong = np.flatnonzero(~np.isfinite(outputs))
    if not len(wrong):
        raise ValueError(
            f"{caller}: the model's output for the background, from which attributions add up, is not a finite number. "
            "Do the rows given to fit miss values that no step of the Pipeline fills in?"
        )
    raise ValueError(
        f"{caller}: the model's output is not a finite number for {len(wrong)} of {len(outputs)} rows, first for row "
        f"{wrong[0]}, so that there is nothing to explain. {_why_not_finite(X, wrong[0], names)}"
    )


def check_no_nan(caller, what, is_nan, X, names):
    """Raise where something is NaN for some rows of X: say which, and what they lack.

    Parameters
    ----------
    caller, what : str
        Who says it, and of what.
    is_nan : ndarray of bool, (n_rows,)
    X : table or array of these rows
    names : names of its columns
    """
    wrong = np.flatnonzero(is_nan)
    if len(wrong):
        raise ValueError(
            f"{caller}: {what} is NaN for {len(wrong)} of {len(is_nan)} rows, first for row {wrong[0]}. "
            f"{_why_not_finite(X, wrong[0], names)}"
        )


def _why_not_finite(X, row, names):
    codes = as_codes(take_rows(X, slice(row, row + 1)))[0] if X.ndim == 2 else np.empty(0)
    missing = [str(name) for name, value in zip(names, codes, strict=False) if value != value]
    if missing:
        return f"X has no value in {missing} there: fill it in, in a step of a Pipeline (SimpleImputer)."
    return "The model overflows there, or makes something else than numbers."


def check_target_values(explainer, X, y):
    """Validate y, which may be labels, numbers, or several columns of them; a column of numbers stays a column."""
    if y is None:
        return None
    check_consistent_length(X, y)
    if not hasattr(y, "shape"):
        y = np.asarray(y)
    # One column of numbers is what skorch's regressors take, also inside a search; others warn of it themselves.
    if y.ndim > 1 and (y.shape[1] > 1 or not is_classifier(explainer._given)):
        return check_array(y, dtype=None, input_name="y", estimator=explainer)
    y = column_or_1d(y, warn=True)
    check_array(y, dtype=None, ensure_2d=False, input_name="y", estimator=explainer)
    return y
