"""Several inputs of a module as one table: a dict of arrays, as skorch takes it, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.sparse import issparse

_EXACT = 2**24  # whole numbers below are the same in float32, the type that a table is given to a network in


def is_mapping(X: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether X is a dict of arrays, one for each argument of a module's ``forward``."""
    return isinstance(X, Mapping) and not issparse(X)  # a dictionary of keys is a matrix


class Layout:
    """Which columns of a table are which argument of a module's ``forward``.

    Parameters
    ----------
    sample : dict of str to array of shape (n_rows, ...)
    caller : str
        Class name for messages.

    Attributes
    ----------
    names : list of str
        Names of the columns: "age" for an argument of one column, "num_0", "num_1" for one of several.
    whole : bool ndarray of shape (n_columns,)
        Which columns are whole numbers or truth values to the module, which no gradient passes.
    """

    def __init__(self, sample: Mapping[str, ArrayLike], caller: str = "Layout") -> None:
        # (argument, first column, end, shape of a row, kind: "i" for whole numbers, "b" for truth, "f" for others)
        self.blocks = []
        self.names = []
        start = 0
        for key, value in sample.items():
            array = _as_block(key, value, caller)
            width = int(np.prod(array.shape[1:]))
            self.blocks.append((key, start, start + width, array.shape[1:], array.dtype.kind.replace("u", "i")))
            self.names += [str(key)] if width == 1 else [f"{key}_{j}" for j in range(width)]
            start += width
        self.width = start
        if len(set(self.names)) < start:
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise ValueError(f"{caller}: the columns of X would have the names {twice} twice. Rename the keys of X.")
        self.whole = np.concatenate([np.full(end - first, kind != "f") for _, first, end, _, kind in self.blocks])

    def table(self, X: Mapping[str, ArrayLike], caller: str = "Layout") -> np.ndarray:
        """Return a dict of arrays as one table, shape (n_rows, n_columns), float64.

        Raises
        ------
        ValueError
            When the arguments, their widths or their numbers of rows are not those seen first.
        """
        expected = [key for key, *_ in self.blocks]
        if set(X) != set(expected):
            raise ValueError(f"{caller}: X must have the keys {expected}. Got {list(X)}.")
        parts = []
        for key, start, end, shape, kind in self.blocks:
            array = _as_block(key, X[key], caller)
            if int(np.prod(array.shape[1:])) != end - start:
                raise ValueError(f"{caller}: X[{key!r}] must have rows of shape {tuple(shape)}. Got {array.shape[1:]}.")
            if kind == "i" and array.size and np.abs(array).max() >= _EXACT:
                raise ValueError(
                    f"{caller}: X[{key!r}] holds whole numbers of {_EXACT} or more, which are not explained."
                )
            if kind != "f" and not np.array_equal(array, np.round(array)):
                raise ValueError(f"{caller}: X[{key!r}] held whole numbers in fit. Got numbers with a fraction.")
            parts.append(array.reshape(len(array), -1).astype(np.float64))
        lengths = {key: len(part) for (key, *_), part in zip(self.blocks, parts, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{caller}: the arrays of X must have the same number of rows. Got {lengths}.")
        return np.concatenate(parts, axis=1)

    def unpack(self, z: Any) -> dict[str, Any]:
        """Return a table, array or tensor, as a dict of arguments; whole numbers are int64 again, truth bool."""
        found = {}
        for key, start, end, shape, kind in self.blocks:
            block = z[:, start:end].reshape(len(z), *shape)
            if kind != "f":
                own = (torch.int64, np.int64) if kind == "i" else (torch.bool, np.bool_)
                block = block.to(own[0]) if isinstance(block, torch.Tensor) else block.astype(own[1])
            found[key] = block
        return found


def _as_block(key, value, caller):
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise ValueError(
            f"{caller}: X[{key!r}] must be an array of numbers of shape (n_rows, ...). Got {array.dtype} of shape "
            f"{array.shape}. Encode it before, in a Pipeline for instance."
        )
    return array
