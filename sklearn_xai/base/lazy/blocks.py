"""Rows in a dask collection are explained block by block, when the result is asked for."""

from __future__ import annotations

import functools
import math
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_xai._compat import get_output_config
from sklearn_xai.base.lazy.sent import SentExplainer
from sklearn_xai.models import is_network
from sklearn_xai.tables import columns_of_no_numbers, is_dask, is_frame, take_rows

T = TypeVar("T")


# ---------------------------------------------------------------------- what is asked for
def past_set_output(cls: T) -> T:
    """Let ``transform`` of a class have dask collections: scikit-learn's wrapper would compute what it returns.

    Parameters
    ----------
    cls : class with a ``transform`` that ``set_output`` wraps, and that returns a dask collection for one

    Returns
    -------
    cls : class
    """
    kind: Any = cls
    wrapped = kind.transform

    @functools.wraps(wrapped)
    def transform(self, X):
        return _as_asked(self, wrapped.__wrapped__(self, X)) if is_dask(X) else wrapped(self, X)

    kind.transform = transform
    return cls


def _as_asked(transformer, found):
    """Return lazy attributions in the container that ``set_output`` asks for."""
    asked = get_output_config("transform", transformer)["dense"]
    if asked == "default" or (asked == "pandas" and is_frame(found)):
        return found
    caller = type(transformer).__name__
    if asked != "pandas":
        raise ValueError(
            f"{caller} was asked for {asked} by set_output, but X is a dask collection: use 'default' or 'pandas'."
        )
    if found.ndim != 2:
        raise ValueError(f"{caller}: attributions of shape {found.shape} are no table; use set_output 'default'.")
    import dask.dataframe as dd

    return dd.from_dask_array(found, columns=[str(name) for name in transformer.get_feature_names_out()])


def lazy_transform(explainer: Any, X: Any) -> Any:
    """Return the attributions of a dask collection, block by block.

    Parameters
    ----------
    explainer : fitted explainer
    X : dask array or dask DataFrame

    Returns
    -------
    attributions : dask array, or of a dask DataFrame of rows a dask DataFrame with their index and divisions
    """
    X, sent = checked_blocks(explainer, X), SentExplainer(explainer).as_key()
    dtype, shape = np.dtype(explainer._model.dtype), explainer._value_shape
    if explainer._target_index == "all":
        n_outputs = explainer._model.n_outputs
        shape = (shape[0] * n_outputs,) if explainer._blocks else (*shape, n_outputs)
    if not is_frame(X):
        return on_blocks(_array_block, X, shape, dtype, sent=sent, method="transform")
    import pandas as pd

    names = explainer.get_feature_names_out()
    meta = pd.DataFrame(np.empty((0, len(names)), dtype=dtype), columns=names, index=X._meta.index)
    return X.map_partitions(_frame_block, sent, names, dtype, meta=meta, enforce_metadata=False)


def lazy_method(explainer: Any, method: str, X: Any) -> Any:
    """Return predictions for a dask collection, a dask array.

    Parameters
    ----------
    explainer : fitted explainer
    method : {"predict", "predict_proba", "decision_function"}
    X : dask array or dask DataFrame
    """
    X, sent = checked_blocks(explainer, X), SentExplainer(explainer).as_key()
    example = getattr(explainer, method)(take_rows(explainer.background_, slice(1)))
    return on_blocks(_array_block, X, example.shape[1:], example.dtype, sent=sent, method=method)


def on_blocks(function, X, shape, dtype, **kwargs):
    """Return what a function makes of blocks of whole rows, as a dask array.

    Parameters
    ----------
    function : callable
        Takes a block, ``shape``, ``dtype`` and the keywords; returns an array of as many rows.
    X : dask array or dask DataFrame
    shape : tuple of int
        Shape of what comes of a row.
    dtype : numpy dtype

    Returns
    -------
    dask array of shape (n_rows, *shape)
    """
    function = functools.partial(function, shape=shape, dtype=dtype)
    meta = np.empty((0,) * (1 + len(shape)), dtype=dtype)
    if is_frame(X):
        meta = np.empty((0, *shape), dtype=dtype)
        return X.map_partitions(function, meta=meta, enforce_metadata=False, **kwargs)
    import dask.array as da

    rows = ("row", *(f"in{axis}" for axis in range(1, X.ndim)))
    found = ("row", *(f"out{axis}" for axis in range(len(shape))))
    new = dict(zip(found[1:], shape, strict=True))
    # The last axes of X have one block each: without concatenate they come as lists of one, and no block is copied.
    return da.blockwise(function, found, X, rows, new_axes=new, dtype=dtype, meta=meta, concatenate=None, **kwargs)


# ---------------------------------------------------------------------- what is known before anything is computed
def checked_blocks(explainer, X):
    """Return a dask collection in blocks of whole rows; what its columns lack is an error at once.

    Parameters
    ----------
    explainer : fitted explainer
    X : dask array or dask DataFrame
    """
    check_is_fitted(explainer)
    caller, kind = type(explainer).__name__, type(X).__name__
    if explainer._layout is not None or explainer._reader is not None:
        what = "texts" if explainer._layout is None else "a dict of arrays"
        raise ValueError(
            f"{caller} was fitted on {what}, which it takes from memory only. Got a dask {kind}: compute it in parts."
        )
    if not hasattr(X, "_meta") or not (is_frame(X) or hasattr(X, "rechunk")):  # a Delayed seems to have everything else
        raise ValueError(f"{caller}: of dask collections, X must be an array or a DataFrame. Got a dask {kind}.")
    if is_frame(X):
        _check_columns(explainer, X._meta, caller)
        return X
    return _whole_rows(explainer, X, caller)


def _check_columns(explainer, meta, caller):
    validate_data(explainer, meta, reset=False, skip_check_array=True)
    wordy = set(columns_of_no_numbers(meta))
    background = explainer.background_
    if is_network(explainer._given):
        wrong, why = wordy, "a network takes numbers: put a ColumnTransformer in front of it, in one Pipeline"
    elif is_frame(background):
        texts = {str(name) for name, dtype in meta.dtypes.items() if str(dtype).startswith(("str", "datetime"))}
        wrong = texts & wordy - set(columns_of_no_numbers(background))
        why = "they were numbers in fit: give them that type, X.astype(...), where the collection is made"
    else:
        return
    if wrong:
        raise ValueError(f"{caller}: the columns {sorted(wrong)} of X are not numbers, but {why}.")


def _whole_rows(explainer, X, caller):
    row_shape = tuple(explainer._row_shape)
    if any(math.isnan(length) for length in X.shape[1:]):
        raise ValueError(
            f"{caller}: the number of columns of X, a dask array of shape {X.shape}, is not known. Call "
            "X.compute_chunk_sizes() first."
        )
    if X.shape[1:] != row_shape:
        raise ValueError(f"{caller}: X has rows of shape {X.shape[1:]}, but those given to fit were of {row_shape}.")
    if X.shape[0] == 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={X.shape}); a minimum of 1 is required by {caller}.")
    validate_data(explainer, np.empty((0, *row_shape)), reset=False, skip_check_array=True)
    if all(n == 1 for n in X.numblocks[1:]):
        return X
    whole = dict.fromkeys(range(1, X.ndim), -1)
    if not math.isnan(X.shape[0]):  # fewer rows where they become longer: no block is larger than it was
        whole[0] = max(1, max(X.chunks[0]) // math.prod(X.numblocks[1:]))
    return X.rechunk(whole)


# ---------------------------------------------------------------------- on the workers
def the_block(block):
    """Return a block that may come in lists, one for each axis after the first."""
    while isinstance(block, list):
        (block,) = block
    return block


def _array_block(block, sent, method, shape, dtype):
    X = the_block(block)
    return sent.call(method, X) if len(X) else np.empty((0, *shape), dtype=dtype)


def _frame_block(X, sent, names, dtype):
    import pandas as pd

    return pd.DataFrame(_array_block(X, sent, "transform", (len(names),), dtype), columns=names, index=X.index)
