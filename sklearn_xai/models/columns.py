"""A Pipeline as (preprocessing, final model), and which input column feeds which model input.

What feeds what is found by probing the fitted preprocessing, not from a list of known transformers: change one column
of a row, and see which outputs move.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_xai._typing import Table
from sklearn_xai.models.layout import Layout, is_mapping
from sklearn_xai.models.network import unwrap
from sklearn_xai.tables import assemble, is_frame, stack_rows, take_rows

_MAX_VALUES = 256  # distinct values of a column that are tried
_FEW_VALUES = 16  # of them where the column is numeric
_CHUNK = 2_000_000  # cells of a table that is pushed through the preprocessing at once


def split_pipeline(estimator: Any, *, as_network: bool = True) -> tuple[list[tuple[str, Any]], Any]:
    """Return ([(name, fitted transformer), ...], final estimator) of a fitted estimator; no steps but for a Pipeline.

    Frozen estimators and fitted searches (``best_estimator_``) are looked into, and so is, with ``as_network``, an
    estimator that says what it is as a network: a torch module, or a Pipeline that ends in one (``network_pipeline_``).
    """
    steps = []
    while True:
        estimator = unwrap(estimator)
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif as_network and hasattr(estimator, "network_pipeline_"):
            estimator = estimator.network_pipeline_
        elif hasattr(estimator, "steps") and hasattr(estimator, "named_steps"):
            steps += [(name, step) for name, step in estimator.steps[:-1] if step is not None and step != "passthrough"]
            estimator = estimator.steps[-1][1]
        else:
            return steps, estimator


def run_steps(steps: list[tuple[str, Any]], X: Any) -> Any:
    """Push rows through fitted transformers."""
    for _, step in steps:
        X = step.transform(X)
    return X


def as_array(Z: Any) -> np.ndarray:
    """Return what a transformer returned as a dense array of numbers; a dict of arrays as one table."""
    if is_mapping(Z):
        return Layout(Z).table(Z)
    if hasattr(Z, "toarray"):
        Z = Z.toarray()
    Z = np.asarray(Z)
    return Z.astype(np.float64) if Z.dtype.kind in "Ob" else Z


def find_layout(steps, X, caller):
    """Return how the columns of what the steps return are arguments of a module, where they return a dict."""
    Z = run_steps(steps, take_rows(X, slice(1)))
    return Layout(Z, caller) if is_mapping(Z) else None


class ColumnMap:
    """From rows of the user's table to the inputs of the model, and back from attributions to columns.

    Attributes
    ----------
    steps : list of (name, transformer)
        The preprocessing that is run, in which each output is fed by one column.
    affine : (matrix (n_outputs, n_inputs), offset (n_outputs,)) or None
        What the rest of the preprocessing does, to be put in front of the network.
    feeds : ndarray of shape (n_inputs,) of int
        The column that feeds each input; -1 for an input that no background row moved.
    n_columns : int
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        n_columns: int,
        feeds: np.ndarray,
        affine: tuple[np.ndarray, np.ndarray] | None = None,
        reference: Any = None,
    ) -> None:
        self.steps = steps
        self.n_columns = n_columns
        self.feeds = feeds
        self.affine = affine
        self.reference = reference  # one background row, and what the preprocessing makes of it

    @property
    def identity(self) -> bool:
        """Whether columns and inputs are the same."""
        return not self.steps

    def inputs(self, X: Table) -> np.ndarray:
        """Return rows as the model takes them, shape (n_rows, n_inputs)."""
        return as_array(run_steps(self.steps, X))

    def fold(self, attributions: np.ndarray, X: Table, inputs: np.ndarray) -> np.ndarray:
        """Add up the attributions of the inputs that one column feeds.

        Parameters
        ----------
        attributions : ndarray of shape (n_rows, n_inputs)
        X : table of shape (n_rows, n_columns)
        inputs : ndarray of shape (n_rows, n_inputs)
        """
        if self.identity:
            return attributions
        feeds = self.feeds_of(X, inputs)
        matrix = np.zeros((len(feeds), self.n_columns), dtype=attributions.dtype)
        known = feeds >= 0
        matrix[np.flatnonzero(known), feeds[known]] = 1
        return attributions @ matrix

    def learn(self, X: Table, rows_at_once: int = 10_000) -> None:
        """Complete ``feeds`` for good, from all rows of X."""
        for start in range(0, len(X), rows_at_once):
            if (self.feeds >= 0).all():
                return
            part = take_rows(X, slice(start, start + rows_at_once))
            self.feeds = self.feeds_of(part, self.inputs(part))

    def feeds_of(self, X: Table, inputs: np.ndarray) -> np.ndarray:
        """Complete ``feeds`` for inputs that these rows move and the background did not, such as a rare category."""
        if self.identity:
            return self.feeds
        return _completed(self.feeds, self.steps, self.reference, X, inputs)


def _completed(feeds, steps, reference, X, inputs):
    """Complete ``feeds`` by the rows of X: single columns of a row that moves an input are put into the reference."""
    row, base = reference
    unknown = np.flatnonzero(feeds < 0)
    moved = unknown[_differs(inputs[:, unknown], base[unknown]).any(axis=0)] if len(unknown) else unknown
    if not len(moved):
        return feeds
    feeds = feeds.copy()
    columns = np.arange(X.shape[1])
    for output in moved:
        if feeds[output] >= 0:
            continue
        shows = np.flatnonzero(_differs(inputs[:, output], base[output]))[:1]
        pool = stack_rows(row, take_rows(X, shows))
        table = assemble(pool, (columns[:, None] == columns).astype(int))
        found = _differs(as_array(run_steps(steps, table)), base)
        for j, outputs in enumerate(found):
            feeds[np.flatnonzero(outputs & (feeds < 0))] = j
    return feeds


def _differs(a, b):
    return (a != b) & ~((a != a) & (b != b))


def find_columns(
    steps: list[tuple[str, Any]], background: Table, names: np.ndarray, caller: str | None
) -> ColumnMap | None:
    """Probe a fitted preprocessing and return its ColumnMap.

    Parameters
    ----------
    steps : list of (name, transformer)
    background : table of shape (n_background, n_columns)
    names : ndarray of shape (n_columns,)
    caller : str or None
        Class name for the error; None returns None where columns are mixed non-linearly.
    """
    n_columns = background.shape[1]
    if not steps:
        return ColumnMap([], n_columns, np.arange(n_columns))
    for cut in range(len(steps), -1, -1):
        feeds = _column_wise(steps[:cut], background)
        if feeds is None:
            continue
        affine = _affine(steps[cut:], run_steps(steps[:cut], background)) if cut < len(steps) else None
        if cut == len(steps) or affine is not None:
            return ColumnMap(steps[:cut], n_columns, feeds, affine, _reference(steps[:cut], background))
        break
    if caller is None:
        return None
    name, step = _first_nonlinear(steps, cut, background)
    raise ValueError(
        f"{caller} attributes to the columns {[str(name) for name in names[:6]]}{'...' if n_columns > 6 else ''}, but "
        f"the step {name!r} ({type(step).__name__}) of the Pipeline mixes columns in a way that is not linear, so that "
        "a gradient at its outputs says nothing of single columns. Use a method that calls the whole Pipeline, such as "
        "LocalSurrogateExplainer, RFEExplainer or SHAPExplainer, or explain the later steps alone."
    )


def _reference(steps, background):
    """Return one background row, and what the steps make of it."""
    row = take_rows(background, np.arange(1))
    return row, as_array(run_steps(steps, row))[0]


def _first_nonlinear(steps, cut, background):
    """Return the first step after the cut with which the steps are no longer affine."""
    hidden = run_steps(steps[:cut], background)
    ends = (end for end in range(cut, len(steps)) if _affine(steps[cut : end + 1], hidden) is None)
    return steps[next(ends)]


def _column_wise(steps, background):
    """Return the column that feeds each output, or None if an output is fed by several."""
    n_columns = background.shape[1]
    if not steps:
        try:
            as_array(background)
        except (TypeError, ValueError):
            return None
        return np.arange(n_columns)
    rng = np.random.RandomState(0)
    feeds = None
    for start in sorted({0, len(background) // 2}):
        base = as_array(run_steps(steps, take_rows(background, np.array([start]))))[0]
        feeds = np.full(len(base), -1) if feeds is None else feeds
        for sources, column in _single_changes(background, start):
            moved = _differs(as_array(run_steps(steps, assemble(background, sources))), base)
            rows, outputs = np.nonzero(moved)
            for j, output in set(zip(column[rows].tolist(), outputs.tolist(), strict=True)):
                if feeds[output] not in (-1, j):
                    return None
                feeds[output] = j
    feeds = _completed(feeds, steps, _reference(steps, background), background, as_array(run_steps(steps, background)))
    return feeds if _verified(steps, background, feeds, rng) else None


def _single_changes(background, start):
    """Yield (sources, changed column): rows that differ from row ``start`` in one column, with each of its values."""
    n_columns = background.shape[1]
    sources, changed = [], []
    most = max(1, _CHUNK // n_columns)
    for j in range(n_columns):
        for row in _rows_of_values(background, j):
            sources.append((j, row))
            changed.append(j)
    for first in range(0, len(sources), most):
        part = sources[first : first + most]
        table = np.full((len(part), n_columns), start)
        for i, (j, row) in enumerate(part):
            table[i, j] = row
        yield table, np.array(changed[first : first + most])


def _rows_of_values(background, j):
    """Return rows that show the distinct values of a column; of many numbers, some from the least to NaN."""
    column = background.iloc[:, j].to_numpy() if is_frame(background) else background[:, j]
    if column.dtype.kind in "fiu":
        rows = np.unique(column, return_index=True)[1]
        return rows[np.unique(np.linspace(0, len(rows) - 1, _FEW_VALUES).astype(int))]
    seen = {}
    for row, value in enumerate(column.tolist()):
        seen.setdefault(value if value == value else None, row)
    return list(seen.values())[:_MAX_VALUES]


def _verified(steps, background, feeds, rng):
    """Check that rows put together from several rows come out as the single columns say."""
    n, n_columns = background.shape
    sources = rng.randint(n, size=(64, n_columns))
    got = as_array(run_steps(steps, assemble(background, sources)))
    single = as_array(run_steps(steps, background))
    known = np.flatnonzero(feeds >= 0)
    expected = single[sources[:, feeds[known]], known]
    scale = np.nanmax(np.abs(single), axis=0, initial=1.0)[known]
    wrong = _differs(got[:, known], expected) & ~(np.abs(got[:, known] - expected) <= 1e-6 * scale)
    constant = _differs(got[:, feeds < 0], single[0, feeds < 0])
    return not wrong.any() and not constant.any()


def _affine(steps, hidden):
    """Return (matrix, offset) of steps that are affine together, or None."""
    try:
        points = as_array(hidden).astype(np.float64)
    except (TypeError, ValueError):
        return None
    if not np.isfinite(points).all():
        return None

    def run(rows):
        if is_frame(hidden):
            import pandas as pd

            rows = pd.DataFrame(rows, columns=hidden.columns)
        return as_array(run_steps(steps, rows)).astype(np.float64)

    centre, scale = points.mean(axis=0), points.std(axis=0) + 1e-3 * np.abs(points).max(axis=0) + 1e-3
    at_centre = run(centre[np.newaxis])[0]
    matrix = ((run(centre + np.diag(scale)) - at_centre) / scale[:, np.newaxis]).T
    rng = np.random.RandomState(0)
    tests = np.concatenate([points[:64], centre + 3 * scale * rng.standard_normal((64, len(centre)))])
    got, expected = run(tests), at_centre + (tests - centre) @ matrix.T
    if np.abs(got - expected).max() > 1e-5 * max(1e-12, np.abs(got - at_centre).max()):
        return None
    return matrix, at_centre - matrix @ centre
