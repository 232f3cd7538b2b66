"""What a model says of rows whose numbers are moved, and how that changes with each number."""

from __future__ import annotations

import copy
from contextlib import ExitStack

import numpy as np
import torch

from sklearn_xai.base.nearby import Numbers, looked_up
from sklearn_xai.models import BlackBox
from sklearn_xai.tables import take_rows

ROWS_AT_ONCE = 8_192
_PROBED = 64  # background rows on which it is found out how numbers reach the model
_DIFFERENCE = {"network": 1e-2, "blackbox": 1e-4}  # in standard deviations; a float32 network needs the larger one
_CHAIN = 1e-3
_LEAP = 1e-2  # change of an input, of its range, that a thousandth more of a whole number does not make


def measured_numbers(explainer, X):
    """Return the numbers of rows like X, with spreads measured over all of X."""
    model = explainer._model
    direct = model.network is not None and not model.steps
    codes = looked_up(model.network, X) if direct and X.ndim == 2 else None
    return Numbers(X, direct=direct, layout=explainer._layout, codes=codes)


def searched_model(model, rows):
    """Return the model by its raw outputs, if these choose the same classes: probabilities are flat far from 0.5."""
    seen = model.network or model.blackbox
    if seen.output != "proba":
        return model
    twin = copy.copy(model)
    if model.network is not None:
        twin.network = model.network.with_output("raw", model.inputs(take_rows(rows, slice(2))))
        twin.n_outputs = twin.network.n_outputs
    else:
        twin.blackbox = BlackBox(model.blackbox.estimator, take_rows(rows, slice(2)), output="raw")
    raw, given = twin.outputs(rows), model.outputs(rows)
    return twin if raw.shape == given.shape and (raw.argmax(axis=1) == given.argmax(axis=1)).all() else model


class HowNumbersMove:
    """How the numbers of a table reach a model; found out once, from background rows.

    Parameters
    ----------
    model : ExplainedModel
    numbers : Numbers
    X : table of some rows

    Attributes
    ----------
    codes : bool ndarray of shape (n_columns,)
        What is no number, and whole numbers whose fractions say nothing to the model: they are encoded one-hot.
    movable : bool ndarray of shape (n_columns,)
        Numbers that vary.
    matrix : ndarray of shape (n_inputs, n_columns), or None
        Change of the network's inputs for a move by one standard deviation, where it is the same for all rows.
    stepwise : bool
        Whether small moves change nothing, as in a forest.
    """

    def __init__(self, model, numbers, X):
        self.model, self.numbers = model, numbers
        X = take_rows(X, slice(_PROBED))
        self.movable = numbers.is_number & (numbers.spread > 0)
        self.matrix = None
        self.codes = ~numbers.is_number
        if model.columns is not None:
            self.codes |= self._numbers_as_codes(X)
        self.movable &= ~self.codes
        if model.network is not None and model.columns is not None:
            self.matrix = self._common_matrix(X)
        self.stepwise = False
        if self.movable.any():
            moves = self.of(X)
            with moves.open():
                _, slope = moves.pull(np.zeros(numbers_shape(X)), np.arange(len(X)), _all_outputs)
            self.stepwise = bool(np.median(np.abs(slope).max(axis=1)) == 0)

    def of(self, X):
        """Return the moves of some rows."""
        if self.model.network is not None and self.matrix is not None:
            return LinearMoves(self, X)
        return TableMoves(self, X)

    def moved(self, X, steps):
        """Return copies of rows: steps of shape (n_rows, n_copies, n_columns), in standard deviations."""
        return self.numbers.moved(X, steps * self.numbers.spread, real=True)

    def present(self, X):
        """Return which numbers of rows can be moved: those that are not missing; bool (n_rows, n_columns)."""
        found = np.zeros(numbers_shape(X), dtype=bool)
        found[:, self.numbers.is_number] = np.isfinite(self.numbers.values(X).astype(np.float64))
        return found & self.movable

    def standardised(self, X):
        """Return the numbers of rows in standard deviations; 0 for all that cannot be moved."""
        found = np.zeros(numbers_shape(X))
        found[:, self.numbers.is_number] = self.numbers.values(X)
        found[~self.present(X)] = 0
        return found / np.where(self.numbers.spread > 0, self.numbers.spread, 1)

    def _numbers_as_codes(self, X):
        """Return which whole columns are encoded one-hot or the like: inputs leap, and say nothing of fractions."""
        columns, codes = self.model.columns, np.zeros(len(self.movable), dtype=bool)
        asked = np.flatnonzero(self.movable & self.numbers.whole)
        if columns.identity or not len(asked):
            return codes
        base = columns.inputs(X).astype(np.float64)
        leap = _LEAP * np.maximum(np.ptp(base, axis=0), 1e-12)
        for j in asked:
            steps = np.zeros((3, len(self.movable)))
            steps[:, j] = np.array([1e-3, 0.25, 0.5]) / self.numbers.spread[j]
            try:
                found = columns.inputs(self.moved(X, steps)).reshape(len(X), 3, -1)
            except (TypeError, ValueError):  # a value that the encoder does not know
                codes[j] = True
                continue
            leaps = (np.abs(found[:, 0] - base) > leap).any()
            codes[j] = leaps and (found[:, 1] == found[:, 2]).all()
        return codes

    def _middle(self, X):
        """Return the middle of the range of each column, in standard deviations."""
        numbers = self.numbers
        spread = np.where(numbers.spread > 0, numbers.spread, 1)
        low, high = (np.where(self.movable, edge, 0) for edge in (numbers.low, numbers.high))
        return (low + high) / (2 * spread)

    def _common_matrix(self, X):
        """Return how inputs change with numbers, if this is the same for all rows and moves."""
        columns = self.model.columns
        if columns.identity:
            return np.diag(np.where(self.movable, self.numbers.spread, 0.0))
        base, present = columns.inputs(X).astype(np.float64), self.present(X)
        inwards = np.where(self.standardised(X) > self._middle(X), -1.0, 1.0) * present
        try:
            slopes = [(columns.inputs(self.moved(X, t * inwards[:, None])) - base) / t for t in (0.2, 0.5)]
        except ValueError:  # numbers that the preprocessing does not take
            return None
        feeds = columns.feeds
        moving = present[:, feeds] & (feeds >= 0)
        slopes = [slope * inwards[:, feeds] if len(feeds) else slope for slope in slopes]
        found = np.where(moving, slopes[0], 0).sum(axis=0) / np.maximum(1, moving.sum(axis=0))
        off = max(np.abs(slope - np.where(moving, found, 0)).max(initial=0) for slope in slopes)
        if not off <= 1e-5 * max(1.0, np.abs(base).max(initial=0)):
            return None
        matrix = np.zeros((len(feeds), len(self.movable)))
        matrix[np.arange(len(feeds)), feeds] = np.where(feeds >= 0, found, 0)
        return matrix


def numbers_shape(X):
    """Return (n_rows, n_columns) of a table."""
    return len(X), X.shape[1]


def _all_outputs(outputs, rows):
    return np.cos(np.arange(outputs.shape[1]))[None] + np.zeros_like(outputs)


class LinearMoves:
    """Moved rows of a network whose inputs are linear in the numbers: the preprocessing runs once a row.

    Parameters
    ----------
    how : HowNumbersMove
    X : table of some rows
    """

    most_starts = 10  # gone on with from each row
    most_drawn = 6  # points around it, likewise
    most_probes = 128  # directions in which it is looked whether the boundary is nearer than it was found

    def __init__(self, how, X):
        self.network, self.matrix = how.model.network, how.matrix
        self.inputs = np.asarray(how.model.inputs(X), dtype=np.float64)

    def open(self):
        """Keep the user's module as it is while it is asked many times."""
        return self.network.frozen()

    def outputs(self, steps, rows):
        """Return outputs (n, n_outputs) of ``rows`` (n,) moved by steps (n, n_columns), in standard deviations."""
        with torch.no_grad():
            parts = [self.network(self._tensor(steps[s], rows[s])) for s in _slices(len(rows))]
        return np.concatenate([part.cpu().numpy() for part in parts]).astype(np.float64)

    def pull(self, steps, rows, seed):
        """Return outputs, and the gradient (n, n_columns) of their sum weighted by ``seed(outputs, rows)``."""
        parts = [self._pull(steps[s], rows[s], seed) for s in _slices(len(rows))]
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def _pull(self, steps, rows, seed):
        found = network_slope(self.network, self._tensor(steps, rows), rows, seed)
        return found[0], found[1] @ self.matrix

    def _tensor(self, steps, rows):
        return self.network.tensor(self.inputs[rows] + steps @ self.matrix.T)


class TableMoves:
    """Moved rows of any model, which sees them as a table.

    The gradient is that of the network times the change of its inputs, where single columns feed these, one more
    run of the preprocessing for all columns at once; else central differences of the outputs.

    Parameters
    ----------
    how : HowNumbersMove
    X : table of some rows
    """

    most_starts = 3
    most_drawn = 0
    most_probes = 8

    def __init__(self, how, X):
        self.how, self.X, self.model = how, X, how.model
        self.present = how.present(X)

    def open(self):
        """Keep the user's module as it is while it is asked many times."""
        kept = ExitStack()
        kept.enter_context(np.errstate(all="ignore"))  # far away there may be no logarithm, say: such points are left
        if self.model.network is not None:
            kept.enter_context(self.model.network.frozen())
        return kept

    def outputs(self, steps, rows):
        """Return outputs (n, n_outputs) of ``rows`` (n,) moved by steps (n, n_columns), in standard deviations."""
        parts = [self.model.outputs(self._table(steps[s, None], rows[s])) for s in _slices(len(rows))]
        return np.concatenate(parts).astype(np.float64)

    def pull(self, steps, rows, seed):
        """Return outputs, and the gradient (n, n_columns) of their sum weighted by ``seed(outputs, rows)``."""
        chained = self.model.network is not None and self.model.columns is not None
        pull, copies = (self._chain, 2) if chained else (self._differences, 1 + 2 * steps.shape[1])
        parts = [pull(steps[s], rows[s], seed) for s in _slices(len(rows), ROWS_AT_ONCE // copies)]
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def _chain(self, steps, rows, seed):
        free, columns = self.present[rows], self.model.columns
        table = self._table(np.stack([steps, steps + _CHAIN * free], axis=1), rows)
        inputs = np.asarray(columns.inputs(table), dtype=np.float64)
        change = (inputs[1::2] - inputs[::2]) / _CHAIN
        outputs, slope = network_slope(self.model.network, self.model.network.tensor(inputs[::2]), rows, seed)
        known = columns.feeds >= 0
        fold = np.zeros((len(known), steps.shape[1]))
        fold[np.flatnonzero(known), columns.feeds[known]] = 1
        return outputs, np.where(free, (slope * change) @ fold, 0)

    def _differences(self, steps, rows, seed):
        h = _DIFFERENCE["blackbox" if self.model.network is None else "network"]
        moved = np.flatnonzero(self.how.movable)
        nudges = np.zeros((1 + 2 * len(moved), steps.shape[1]))
        nudges[1 + np.arange(len(moved)), moved] = h
        nudges[1 + len(moved) + np.arange(len(moved)), moved] = -h
        table = self._table(steps[:, None] + nudges * self.present[rows][:, None], rows)
        found = np.asarray(self.model.outputs(table), dtype=np.float64).reshape(len(rows), len(nudges), -1)
        outputs, up, down = found[:, 0], found[:, 1 : 1 + len(moved)], found[:, 1 + len(moved) :]
        slope = np.zeros(steps.shape)
        slope[:, moved] = np.einsum("njk,nk->nj", up - down, seed(outputs, rows)) / (2 * h)
        return outputs, slope

    def _table(self, steps, rows):
        return self.how.moved(take_rows(self.X, rows), steps)


def network_slope(network, z, rows, seed):
    """Return outputs of a network, and the gradient at its inputs of their sum weighted by ``seed(outputs, rows)``."""
    leaf = z.detach().requires_grad_(True)
    out = network(leaf)
    outputs = out.detach().cpu().numpy().astype(np.float64)
    slope = None
    if out.requires_grad:
        weights = torch.as_tensor(seed(outputs, rows), dtype=out.dtype, device=out.device)
        slope = torch.autograd.grad(out, leaf, weights, allow_unused=True)[0]
    slope = torch.zeros_like(leaf) if slope is None else slope
    return outputs, slope.cpu().numpy().astype(np.float64)


def _slices(n, step=ROWS_AT_ONCE):
    step = max(1, step)
    return [slice(start, start + step) for start in range(0, max(1, n), step)]
