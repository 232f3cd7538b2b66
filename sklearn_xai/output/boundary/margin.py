"""How far outputs are on their own side of a boundary, and the boundary as a surface in the moves of some rows."""

from __future__ import annotations

import numpy as np


class Margin:
    """The margin of some rows: positive on the row's own side, 0 on the boundary.

    With levels it is the output less its level; without, the output of the target class less the largest of the others.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_outputs)
        Of the rows where they are.
    targets : int ndarray of shape (n_rows,)
    levels : ndarray of shape (n_outputs,), or None
    """

    def __init__(self, outputs, targets, levels):
        self.targets, self.levels = targets, levels
        self.sign = np.ones(len(targets))
        self.sign = np.where(self(outputs, np.arange(len(targets))) >= 0, 1.0, -1.0)

    def take(self, rows):
        """Return the margin of some of the rows, or of several copies of them."""
        twin = object.__new__(Margin)
        twin.targets, twin.levels, twin.sign = self.targets[rows], self.levels, self.sign[rows]
        return twin

    def __call__(self, outputs, rows):
        """Return the margins (n,) of outputs (n, n_outputs) of copies of ``rows`` (n,)."""
        own, targets = np.arange(len(rows)), self.targets[rows]
        if self.levels is not None:
            return self.sign[rows] * (outputs[own, targets] - self.levels[targets])
        return self.sign[rows] * (outputs[own, targets] - outputs[own, self.rival(outputs, rows)])

    def rival(self, outputs, rows, place=0):
        """Return the class with the largest output beside the target's, or the next ones."""
        others = outputs.copy()
        others[np.arange(len(rows)), self.targets[rows]] = -np.inf
        return others.argmax(axis=1) if place == 0 else np.argsort(-others, axis=1, kind="stable")[:, place]

    def seed(self, outputs, rows, place=0):
        """Return the derivative of the margin by the outputs, (n, n_outputs)."""
        found, own = np.zeros(outputs.shape), np.arange(len(rows))
        found[own, self.targets[rows]] = self.sign[rows]
        if self.levels is None:
            found[own, self.rival(outputs, rows, place)] -= self.sign[rows]
        return found


class Surface:
    """The margin as a function of the moves of some rows; steps are in standard deviations.

    Parameters
    ----------
    moves : LinearMoves or TableMoves
    margin : Margin
    free : bool ndarray of shape (n_rows, n_columns)
        Which numbers may move.
    stepwise : bool
        Whether the margin leaps, and slopes say nothing.
    low, high : ndarray of shape (n_rows, n_columns), or None
        How far they may.
    """

    def __init__(self, moves, margin, free, stepwise, low=None, high=None):
        self.moves, self.margin, self.free, self.stepwise = moves, margin, free, stepwise
        self.low, self.high = low, high

    @property
    def bounded(self):
        """Whether moves end somewhere."""
        return self.low is not None

    def within(self, steps, rows):
        """Return steps that end where they must."""
        return np.clip(steps, self.low[rows], self.high[rows]) if self.bounded else steps

    def margins(self, steps, rows):
        """Return the margins (n,) of ``rows`` (n,) moved by steps (n, n_columns), or (n, k) of k steps each."""
        if steps.ndim == 2:
            return self.margin(self.moves.outputs(steps, rows), rows)
        each = np.repeat(rows, steps.shape[1])
        return self.margins(steps.reshape(-1, steps.shape[-1]), each).reshape(steps.shape[:2])

    def over(self, steps, rows):
        """Return whether moved rows are on the other side; a tie is the boundary, but in forests, tied over areas."""
        margins = self.margins(steps, rows)
        return margins < 0 if self.stepwise else margins <= 0

    def slopes(self, steps, rows, place=0):
        """Return margins (n,) and their gradients (n, n_columns); those to the next class for another place."""
        outputs, slope = self.moves.pull(steps, rows, lambda out, own: self.margin.seed(out, own, place))
        return self.margin(outputs, rows), np.where(self.free[rows], slope, 0)
