"""What a report is given, checked: one clear error for everything that cannot work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_xai._checks import check_whole
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai.base.checks import is_trained
from sklearn_xai.model_selection._conditions import is_as_it_stands
from sklearn_xai.model_selection.evaluation._inputs import checked_inputs, split_rows
from sklearn_xai.model_selection.inputs import n_rows, take_rows
from sklearn_xai.models import is_mapping, is_network, split_pipeline

CALLER = "ExplanationReport"
FEWEST_ROWS = 10
MOST_ROWS = {"table": 250, "image": 30}  # that are explained, unless the caller says otherwise


@dataclass
class Inputs:
    """The checked parameters of a report.

    Attributes
    ----------
    estimator : estimator
    X, y : table and ndarray
    task : {"classification", "regression"}
    inputs : {"table", "image"}
        What the rows are.
    splits : list of (ndarray, ndarray)
    trains : bool
        Whether clones of the estimator are trained.
    table : table
        The rows of which some are explained, and whose positions `rows` and `eval_rows` are: `X_eval`, or `X`.
    truth : ndarray or None
        What is right for the rows of `table`.
    X_eval : table
        The rows of `table` at `eval_rows`.
    eval_rows : int ndarray
    rows : int ndarray or None
        The rows to show; None chooses them.
    seen : bool
        Whether the explained rows are among those that the model of all rows is trained on.
    target_name : str or None
        The name of y.
    """

    estimator: Any
    X: Any
    y: np.ndarray
    task: str
    inputs: str
    splits: list[tuple[np.ndarray, np.ndarray]]
    trains: bool
    fitted_before: bool
    table: Any
    truth: np.ndarray | None
    X_eval: Any
    eval_rows: np.ndarray
    rows: np.ndarray | None
    seen: bool
    target_name: str | None
    explainers: Any
    settings: dict[str, Any]
    concepts: Any
    title: str | None
    random_state: Any
    n_jobs: Any
    verbose: Any

    @property
    def network(self) -> bool:
        """Whether the model ends in a network."""
        return is_network(split_pipeline(self.estimator)[1])


def check(report: Any) -> Inputs:
    """Return the checked parameters of a report.

    Parameters
    ----------
    report : ExplanationReport

    Raises
    ------
    TypeError, ValueError
        For what cannot be reported on.
    """
    if n_rows(report.X) == 0:
        raise ValueError(f"{CALLER}: X must have rows. Got none.")
    if report.cv is None:
        raise ValueError(f"The 'cv' parameter of {CALLER} must give at least 2 folds. Got None.")
    X, y, task = checked_inputs(report.estimator, report.X, report.y, report.cv, CALLER)
    _check_table(X, y, task)
    final = split_pipeline(report.estimator, as_network=False)[1]
    as_it_stands = is_as_it_stands(report.estimator) or is_as_it_stands(final)
    splits = split_rows(y, report.cv, None, task, CALLER)
    if len(splits) < 2:
        raise ValueError(f"The 'cv' parameter of {CALLER} must give at least 2 folds. Got {len(splits)}.")
    inputs = "image" if _n_axes(X) > 2 else "table"
    if report.X_eval is None and report.y_eval is not None:
        raise ValueError(f"The 'y_eval' parameter of {CALLER} is for the rows of 'X_eval', which is not given.")
    table, truth, seen = (X, y, not as_it_stands) if report.X_eval is None else _other_rows(report)
    most = report.max_rows
    most = MOST_ROWS[inputs] if most is None else check_whole(most, "max_rows", CALLER, none="None")
    chosen = np.arange(n_rows(table))
    if len(chosen) > most:
        rng = np.random.RandomState(draw_seed(own_random_state(report.random_state)))
        chosen = np.sort(rng.choice(len(chosen), most, replace=False))
    return Inputs(
        estimator=report.estimator,
        X=X,
        y=y,
        task=task,
        inputs=inputs,
        splits=splits,
        trains=not as_it_stands,
        fitted_before=is_trained(report.estimator),
        table=table,
        truth=truth,
        X_eval=take_rows(table, chosen),
        eval_rows=chosen,
        rows=_checked_rows(report.rows, n_rows(table)),
        seen=seen,
        target_name=_name_of(report.y),
        explainers=report.explainers,
        settings={"target": report.target, "output": report.output, "feature_groups": report.feature_groups},
        concepts=report.concepts,
        title=report.title,
        random_state=report.random_state,
        n_jobs=report.n_jobs,
        verbose=report.verbose,
    )


def _n_axes(X: Any) -> int:
    return 2 if is_mapping(X) or not hasattr(X, "ndim") else X.ndim


def _check_table(X: Any, y: np.ndarray, task: str) -> None:
    if _n_axes(X) == 1:
        raise ValueError(
            f"{CALLER} reports on tables and images: X must have two axes or more. Got one, which texts have; put what "
            "turns them into columns before the report."
        )
    if n_rows(X) < FEWEST_ROWS:
        raise ValueError(f"{CALLER}: X must have at least {FEWEST_ROWS} rows. Got {n_rows(X)}.")
    if _n_axes(X) == 2 and hasattr(X, "shape") and X.shape[1] == 0:
        raise ValueError(f"{CALLER}: X must have at least one column. Got none.")
    if y.ndim == 1 and len(np.unique(y.astype(str) if y.dtype == object else y)) < 2:
        kind = "classes" if task == "classification" else "values"
        raise ValueError(f"{CALLER}: y must hold at least two {kind} to tell apart. Got {y.tolist()[0]!r} in all rows.")


def _other_rows(report: Any) -> tuple[Any, np.ndarray | None, bool]:
    """Return the rows to explain where they are not those of X, what is right for them, and that they are new."""
    table = report.X_eval
    if n_rows(table) == 0:
        raise ValueError(f"The 'X_eval' parameter of {CALLER} must have at least one row to explain. Got none.")
    if report.y_eval is None:
        return table, None, False
    truth = np.asarray(report.y_eval)
    if len(truth) != n_rows(table):
        raise ValueError(
            f"The 'y_eval' parameter of {CALLER} must have a value for each of the {n_rows(table)} rows of 'X_eval'. "
            f"Got {len(truth)}."
        )
    return table, truth, False


def _checked_rows(rows: Any, n: int) -> np.ndarray | None:
    if rows is None:
        return None
    found = np.atleast_1d(np.asarray(rows))
    if not len(found) or found.ndim != 1 or found.dtype.kind not in "iu" or (found < -n).any() or (found >= n).any():
        raise ValueError(
            f"The 'rows' parameter of {CALLER} must be positions of rows to show, whole numbers below {n}. "
            f"Got {rows!r}."
        )
    return found % n


def _name_of(y: Any) -> str | None:
    name = getattr(y, "name", None)
    return None if name is None else str(name)
