"""Rows as shap wants them, a matrix of numbers with one column a player, and the model as a function of that matrix."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import torch

from sklearn_xai.engines.gradients import chunk_rows
from sklearn_xai.tables import assemble, is_frame, stack_rows, value_codes

_TABLE_ROWS = 20_000  # rows of a raw table that are put together at once
_EXACT_INTEGERS = 2**53  # whole numbers up to here are the same as floats


@contextmanager
def players(model, coalitions, background, X, batch_size=None):
    """Yield (background matrix, matrix of the rows, function from such matrices to outputs).

    Numbers stay as they are where each player is a column of numbers. Otherwise a player's value is the number of the
    first row that shows it, among the background and X: strings, missing values, categories and the values of several
    columns at once are told apart, and put back exactly.

    Parameters
    ----------
    model : ExplainedModel
    coalitions : Coalitions
        Knows the players.
    background, X : table of shape (n_rows, n_columns), or array (n_rows, ...)
    batch_size : int, optional
        Rows given to the model at once.
    """
    preprocessed = model.network is not None and model.column_wise and not model.columns.identity
    if not preprocessed and _is_plain(background, X, coalitions.members):
        dtype = np.result_type(_dtype(background), _dtype(X))
        view = _Plain(model, X, dtype, batch_size)
        floats = dtype if dtype.kind == "f" else np.float64
        known, rows = (np.asarray(table, dtype=floats).reshape(len(table), -1) for table in (background, X))
    else:
        pool = stack_rows(background, X)
        numbers = first_rows(pool, coalitions.members).astype(np.float64)
        known, rows = numbers[: len(background)], numbers[len(background) :]
        view = _Inputs.of(model, coalitions, pool, batch_size) or _Table(model, coalitions, pool, batch_size)
    if model.network is None:
        yield known, rows, view.outputs
        return
    with model.network.frozen(), torch.no_grad():
        yield known, rows, view.outputs


def _dtype(X):
    return X.dtypes.iloc[0] if is_frame(X) else X.dtype


def _is_plain(background, X, members):
    """Whether rows can be handed on as numbers: shap multiplies them by zero, and turns them into floats."""
    if any(len(columns) > 1 for columns in members):
        return False
    for table in (background, X):
        if is_frame(table):
            if len(set(table.dtypes)) > 1 or table.dtypes.iloc[0] not in (np.float64, np.float32):
                return False
        elif table.dtype.kind not in "fiub":
            return False
        values = np.asarray(table)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            return False
        if values.dtype.kind in "iu" and np.abs(values.astype(np.float64)).max() >= _EXACT_INTEGERS:
            return False
    return True


def first_rows(table, members):
    """Return, for each row and player, the first row of the table with the same values, (n_rows, n_players)."""
    found = np.empty((len(table), len(members)), dtype=np.int64)
    for player, columns in enumerate(members):
        _, first, inverse = np.unique(value_codes(table, columns), axis=0, return_index=True, return_inverse=True)
        found[:, player] = first[inverse.reshape(-1)]
    return found


class _Plain:
    """The matrix holds the values of the rows."""

    def __init__(self, model, like, dtype, batch_size):
        self.model, self.like, self.dtype = model, like, dtype
        self.direct = model.network is not None and model.columns is not None and model.columns.identity
        self.step = batch_size
        if self.direct:
            network = model.network
            self.type = torch.int64 if np.dtype(dtype).kind in "iu" and network.takes_integers else network.dtype
            self.device = network.device
            self.step = chunk_rows(max(1, int(np.prod(like.shape[1:]))), batch_size)

    def outputs(self, matrix):
        """Return the explained outputs, (n_rows, n_outputs), float64."""
        step = self.step or len(matrix)
        parts = [self._run(matrix[first : first + step]) for first in range(0, len(matrix), step)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _run(self, matrix):
        if self.direct:
            rows = torch.as_tensor(matrix, dtype=self.type, device=self.device)
            return self.model.network(rows.reshape(-1, *self.like.shape[1:])).double().cpu().numpy()
        rows = matrix.astype(self.dtype, copy=False).reshape(-1, *self.like.shape[1:])
        if is_frame(self.like):
            import pandas as pd

            rows = pd.DataFrame(rows, columns=self.like.columns)
        return np.asarray(self.model.outputs(rows), dtype=np.float64)


class _Inputs:
    """The matrix holds numbers of rows, from which the network's inputs are taken after the preprocessing."""

    def __init__(self, network, inputs, owner, batch_size):
        self.network, self.owner = network, torch.as_tensor(owner)
        self.inputs = network.tensor(inputs)
        self.step = chunk_rows(self.inputs.shape[1], batch_size)

    @classmethod
    def of(cls, model, coalitions, pool, batch_size):
        """Return the view, or None where there is no network whose inputs are fed by one player each."""
        if model.network is None or not model.column_wise:
            return None
        inputs = model.inputs(pool)
        owner = coalitions.owners(model.columns.feeds_of(pool, inputs))
        nobody = owner < 0
        if (inputs[:, nobody] != inputs[:1, nobody]).any():
            return None
        # Inputs that nobody moves are taken from the first row: the column of zeros that outputs() appends.
        return cls(model.network, inputs, np.where(nobody, len(coalitions.members), owner), batch_size)

    def outputs(self, matrix):
        """Return the explained outputs, (n_rows, n_outputs), float64."""
        numbers = torch.nn.functional.pad(torch.as_tensor(matrix).long(), (0, 1))
        parts = []
        for first in range(0, len(numbers), self.step):
            rows = numbers[first : first + self.step, self.owner].to(self.inputs.device)
            parts.append(self.network(self.inputs.gather(0, rows)).double().cpu())
        return torch.cat(parts).numpy()


class _Table:
    """The matrix holds numbers of rows, from which rows of the raw table are put together."""

    def __init__(self, model, coalitions, pool, batch_size):
        self.model, self.pool = model, pool
        self.player = coalitions.owners(np.arange(pool.shape[1]))
        self.step = batch_size or _TABLE_ROWS

    def outputs(self, matrix):
        """Return the explained outputs, (n_rows, n_outputs), float64."""
        sources = matrix.astype(np.int64)[:, self.player]
        parts = [
            self.model.outputs(assemble(self.pool, sources[first : first + self.step]))
            for first in range(0, len(sources), self.step)
        ]
        return np.concatenate(parts).astype(np.float64)
