"""Attributions of a table that does not fit into memory: part by part, from Parquet to Parquet."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._checks import check_whole
from sklearn_xai._progress import track
from sklearn_xai.base.checks import check_rows
from sklearn_xai.base.streaming.arrow_rows import rows_as_fitted
from sklearn_xai.base.streaming.parquet import digest, in_parts, open_source
from sklearn_xai.base.streaming.parts import Parts
from sklearn_xai.base.streaming.plan import Plan, describe_explainer, find_plan, no_word_of_gaps

if TYPE_CHECKING:
    import pyarrow as pa

_PART_CELLS = 2**21  # cells of rows and result that are held at once


@dataclass(frozen=True)
class StreamedAttributions(os.PathLike):
    """What ``transform_to`` wrote; a path, so that ``pandas.read_parquet`` takes it as it is.

    Attributes
    ----------
    path : Path
        The folder of Parquet files.
    n_rows : int
    columns : tuple of str
        Columns of the result.
    n_parts : int
        Files.
    n_resumed : int
        Those of them that an earlier run, which was cut off, had written.
    n_above_tolerance : int
        Rows whose completeness gap is above the tolerance of an additive method.
    """

    path: Path
    n_rows: int
    columns: tuple[str, ...]
    n_parts: int
    n_resumed: int
    n_above_tolerance: int

    def __fspath__(self) -> str:
        """Return the path."""
        return str(self.path)

    def __repr__(self) -> str:
        """Return how much there is, and where."""
        before = f", {self.n_resumed:,} of them from an earlier run" if self.n_resumed else ""
        return (
            f"<StreamedAttributions: {self.n_rows:,} rows x {len(self.columns)} columns, {self.n_parts:,} "
            f"part{'s' if self.n_parts > 1 else ''}{before}, in {str(self.path)!r}>"
        )


class StreamsTables:
    """Mixin of explainers: ``transform_to``, for tables that do not fit into memory."""

    verbose: int
    _row_shape: tuple[int, ...]
    _gap_advice: str

    def transform_to(
        self,
        path: str | os.PathLike[str],
        X: Any,
        *,
        columns: Sequence[str] | None = None,
        keep: Sequence[str] | Mapping[str, str] = (),
        fields: Sequence[str] = ("attributions",),
        batch_rows: int | None = None,
        overwrite: bool = False,
        verbose: int | None = None,
    ) -> StreamedAttributions:
        """Write the attributions of a table that does not fit into memory, from Parquet to Parquet.

        The rows are read, explained and written part by part, so that memory does not grow with their number. Until
        all is done the parts are in a folder ``path + ".partial"``: what is at ``path`` is complete. After a crash the
        same call goes on with the parts that are missing, and refuses to go on with another explainer or other rows.

        Parameters
        ----------
        path : str or path
            The folder to write to; its Parquet files, in the order of their names, have the rows in the order of X.
        X : path, list of paths, pyarrow Dataset or Table, DataFrame, or iterable of DataFrames or Arrow tables
            A Parquet file, a folder of them (read in the order of their names) or a glob, or what gives one table
            after the other, such as ``pandas.read_csv(..., chunksize=100_000)``. Columns are found by their names,
            those that ``fit`` did not see are left out, and categories are those of ``fit`` in every part.
        columns : sequence of str, default=None
            The columns that are explained. None takes those of ``fit``; or, if ``fit`` saw an array, all but ``keep``.
        keep : str, sequence of str, or dict of str to str, default=()
            Columns of X to carry over, such as a key; a dict gives their names in the result, where ``{"age":
            "age_value"}`` tells a value from its attribution.
        fields : sequence of {"attributions", "base_value", "output", "completeness_gap"}, default=("attributions",)
            What to write of each row. Attributions are named as by ``get_feature_names_out``, other fields as here
            (with ``target="all"``, after the name of the output and "_"). Numbers are of the network's type.
        batch_rows : int, default=None
            Rows of a part. None takes those with which some 2 million cells are held at once, at most 65,536.
        overwrite : bool, default=False
            Whether to replace what an earlier call wrote to ``path``, once the new result is complete, and to give up
            an unfinished run of another explainer or other rows.
        verbose : int, default=None
            Shows progress when positive. None takes the explainer's ``verbose``.

        Returns
        -------
        StreamedAttributions
            ``path``, ``n_rows``, ``columns``; ``pandas.read_parquet`` takes it as it is.

        Raises
        ------
        ValueError
            When X lacks a column, has no rows, or holds texts where ``fit`` saw numbers; when an unfinished run at
            ``path`` is of another explainer or other rows.
        FileExistsError
            When something else is at ``path``.

        Warns
        -----
        ConvergenceWarning
            At the end, when completeness gaps are above the tolerance.

        See Also
        --------
        sklearn_xai.base.BaseExplainer.transform : The same for a table in memory.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.linear_model import Ridge
        >>> from sklearn_xai import LinearSurrogateExplainer
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> explainer = LinearSurrogateExplainer(Ridge(), random_state=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     X.to_parquet(f"{folder}/rows.parquet")
        ...     written = explainer.transform_to(f"{folder}/attributions", f"{folder}/rows.parquet")
        ...     pd.read_parquet(written).shape
        (442, 10)
        """
        caller = f"{type(self).__name__}.transform_to"
        check_is_fitted(self)
        if len(self._row_shape) > 1:
            raise ValueError(
                f"{caller} explains tables, but this explainer was fitted on rows of shape {self._row_shape}."
            )
        if batch_rows is not None:
            check_whole(batch_rows, "batch_rows", caller, none="None")
        source = open_source(X, caller)
        if source.n_rows == 0:
            raise ValueError(f"{caller}: X has no rows.")
        plan = find_plan(self, source, columns, keep, fields, caller)
        worker = _worker(self, verbose)
        n_cells = len(plan.needed) + len(plan.names)
        rows = batch_rows or max(1_024, min(65_536, _PART_CELLS // n_cells))
        run = {
            "explainer": describe_explainer(worker),
            "columns": {"read": plan.read, "kept": plan.kept, "written": plan.names},
            "input": source.fingerprint(),
            "batch_rows": rows,
        }
        parts = Parts(_place(path, source, caller), run, overwrite=overwrite, caller=caller)
        if not parts.complete:
            parts.begin()
            tables = in_parts(source.tables(plan.needed, parts.n_leading * rows), rows)
            total = None if source.n_rows is None else -(-source.n_rows // rows) - parts.n_leading
            shown = track(tables, caller, total=total, verbose=self.verbose if verbose is None else verbose)
            for number, table in enumerate(shown, parts.n_leading):
                fresh = digest(table) if run["input"] is None else None
                if not parts.has(number, len(table), fresh):
                    with _told_where(number * rows, len(table), parts.partial):
                        result, above = _explained(worker, table, plan, caller)
                        parts.write(number, result, above=above, digest=fresh)
            parts.finish()
        done = StreamedAttributions(path=parts.path, columns=tuple(plan.names), **parts.summary())
        if done.n_above_tolerance:
            warnings.warn(
                f"{type(self).__name__}: the completeness gap of {done.n_above_tolerance:,} of {done.n_rows:,} rows is "
                f"above the tolerance. {self._gap_advice}.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return done


def _place(path: Any, source: Any, caller: str) -> Path:
    place = Path(os.fspath(path))
    if source.overlaps(place):
        raise ValueError(
            f"{caller}: the result at {str(place)!r} would lie among the files of X. Give a path outside of them."
        )
    return place


def _worker(explainer: Any, verbose: Any) -> Any:
    """Return the explainer, or a copy of it that shows nothing, where it would although it should not."""
    if verbose is None or verbose or not explainer.verbose:
        return explainer
    return copy.copy(explainer).set_params(verbose=0)


def _explained(explainer: Any, table: pa.Table, plan: Plan, caller: str) -> tuple[pa.Table, int]:
    """Return the result of some rows, and of how many the completeness gap is above the tolerance."""
    import pyarrow as pa

    X = check_rows(explainer, rows_as_fitted(explainer, table.select(plan.read)), reset=False)
    with no_word_of_gaps():
        found, gap = explainer._explain_rows(X, fully="completeness_gap" in plan.fields)
    above = 0
    if explainer._additive:
        above = int(np.sum(~(gap <= explainer.gap_tolerance(found.outputs, found.base_values))))
    values = found.values if found.values.ndim == 2 else found.values.transpose(0, 2, 1).reshape(len(table), -1)
    numbers = {
        "attributions": values,
        "base_value": found.base_values,
        "output": found.outputs,
        "completeness_gap": gap,
    }
    arrays = [table[name] for name in plan.kept]
    for field in plan.fields:
        arrays += list(numbers[field].reshape(len(table), -1).T)
    return pa.table(dict(zip(plan.names, arrays, strict=True))), above


@contextmanager
def _told_where(start: int, n_rows: int, partial: Path) -> Iterator[None]:
    """Add to an error where in X the rows are, and what is there already."""
    try:
        yield
    except Exception as error:
        error.add_note(
            f"This was in rows {start:,} to {start + n_rows - 1:,} of X, counted from 0. The parts before them are in "
            f"{str(partial)!r}; the same call goes on from there."
        )
        raise
