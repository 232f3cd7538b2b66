"""The rows that recorders probe a network with: drawn from what they are given, and checked before the training."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import issparse

from sklearn_xai._checks import check_whole
from sklearn_xai.background import sample_rows
from sklearn_xai.models import as_array, is_mapping
from sklearn_xai.tables import is_frame

_MOST_ROWS = 512
_LEAST_ROWS = 16
_MOST_CELLS = 2**21  # numbers in the probe set, where its size is left to us
_BEHIND = "give as X what the net itself sees: behind a preprocessing, pipeline[:-1].transform(X)"


def check_count(recorder, name, least):
    """Raise unless a parameter is a whole number, and not below ``least``."""
    check_whole(getattr(recorder, name), name, type(recorder).__name__, least=least)


def draw_rows(X, size, rng, caller):
    """Draw rows of what a net is given, and check that they are numbers; only those drawn are made dense.

    Parameters
    ----------
    X : array, sparse matrix, tensor or list of shape (n_samples, ...), DataFrame, or dict of these
    size : int or "auto"
    rng : RandomState
    caller : str
        Class name for messages.

    Returns
    -------
    ndarray, DataFrame or dict of ndarray
    """
    X = {key: _with_shape(value, caller) for key, value in X.items()} if is_mapping(X) else _with_shape(X, caller)
    blocks = list(X.values()) if is_mapping(X) else [X]
    n = blocks[0].shape[0] if blocks else 0
    cells = sum(int(np.prod(block.shape[1:])) for block in blocks)
    if not n or not cells:
        raise ValueError(f"{caller}: X has no rows to probe the network with.")
    if size == "auto":
        size = int(np.clip(_MOST_CELLS // cells, _LEAST_ROWS, _MOST_ROWS))
    chosen = sample_rows(np.arange(n), size, rng)
    if is_mapping(X):
        return {key: _checked(_take(value, chosen), caller) for key, value in X.items()}
    return _checked(_take(X, chosen), caller)


def _with_shape(X, caller):
    """Return a table, array, matrix or tensor of at least one axis, or raise."""
    if not is_frame(X) and not issparse(X) and not isinstance(X, torch.Tensor):
        try:
            X = np.asarray(X)
        except (TypeError, ValueError):  # rows of several lengths
            X = np.empty((), dtype=object)
    if len(X.shape) < 1:
        raise ValueError(
            f"{caller} needs rows to probe the network with, as X or in the fit of the net: an array, a DataFrame of "
            "numbers or a dict of arrays. From a Dataset none are drawn: give some of its rows as the X of the "
            "recorder."
        )
    return X


def _take(X, chosen):
    if is_frame(X):
        return X.iloc[chosen]
    if isinstance(X, torch.Tensor):
        return X[torch.from_numpy(chosen).to(X.device)].detach().cpu().numpy()
    return as_array(X.tocsr()[chosen]) if issparse(X) else X[chosen]


def _checked(rows, caller):
    """Return rows, or raise unless they are finite numbers."""
    if is_frame(rows):
        bad = [str(name) for name, dtype in rows.dtypes.items() if getattr(dtype, "kind", "O") not in "fiub"]
        if bad:
            raise ValueError(f"{caller} probes a network, but the columns {bad} of X hold no numbers: {_BEHIND}.")
    elif rows.dtype.kind not in "fiub":
        raise ValueError(f"{caller} needs rows of numbers to probe the network with. Got {rows.dtype}: {_BEHIND}.")
    if not np.isfinite(np.asarray(rows, dtype=np.float64)).all():
        raise ValueError(f"{caller}: X holds NaN or infinity, which a network is not probed with: {_BEHIND}.")
    return rows


def check_like(rows, X, caller):
    """Raise where the probe is plainly not like what the net is trained on, before an epoch is trained."""
    expected = getattr(X, "shape", None)
    if is_mapping(rows) or is_mapping(X) or expected is None or tuple(expected[1:]) == rows.shape[1:]:
        return
    raise ValueError(
        f"{caller}: the rows of X have the shape {tuple(rows.shape[1:])}, but the net is trained on rows of shape "
        f"{tuple(expected[1:])}. Give what the net itself sees, as pipeline[:-1].transform(X), or leave X None."
    )
