"""How good is the model, how sure is that, and what does it cost?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sklearn_xai.display import EvaluationDisplay
from sklearn_xai.display._evaluation_plots import NAMES
from sklearn_xai.report._content import Block, Column, Figure, Section, Table, Text
from sklearn_xai.report._figures import picture
from sklearn_xai.report._words import even, short, text_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_xai.model_selection import ModelEvaluation
    from sklearn_xai.report._work import Found

_SIZES = {"scores": (6.4, 3.6), "errors": (6.4, 3.2), "loss": (5.0, 3.3)}
_SHOWN = {  # by task: a measure of which the table has all is not drawn again
    "classification": ("scores", "confusion", "calibration", "roc", "loss"),
    "regression": ("errors", "predicted", "residuals", "loss"),
}
_TOLD = {
    "scores": "Scores of each fold as points, their mean and spread, and the score of a model that sees no column.",
    "errors": "Errors of each fold as points, their mean and spread, and the error of a model that sees no column.",
    "confusion": "Which true class (rows) is taken for which (columns), in test rows of all folds.",
    "calibration": "How often predictions are right against how sure the model is; it should follow the diagonal.",
    "roc": "True positive rate against false positive rate; the diagonal is chance.",
    "predicted": "Predicted against true values, one point a row; the diagonal is exact.",
    "residuals": "How the errors of the predictions are distributed.",
    "loss": "The loss by epoch of training.",
}


def main_measure(evaluation: ModelEvaluation) -> str:
    """Return the measure that is told first: ROC AUC where it is defined, else balanced accuracy, or R2."""
    if evaluation.task == "regression":
        return "r2"
    return "roc_auc" if np.isfinite(evaluation.table.loc["roc_auc", "mean"]) else "balanced_accuracy"


def quality(found: Found) -> Section:
    """Tell of the model's scores in each fold, its losses and its cost."""
    evaluation = found.evaluation
    blocks: list[Block] = [_measures(evaluation), *_pictures(evaluation)]
    if evaluation.per_class is not None and len(evaluation.per_class) > 2:
        blocks.append(_classes(evaluation))
    blocks.append(_cost(evaluation))
    notes = [note for note in evaluation.notes if not note.startswith("std:")]
    blocks += [Text(notes)] if notes else []
    return Section("quality", "Model quality", "How good is the model, and how sure is that?", _answer(found), blocks)


def _answer(found: Found) -> str:
    evaluation, given = found.evaluation, found.given
    name = main_measure(evaluation)
    row = evaluation.table.loc[name]
    mean, spread, baseline = even(row["mean"], row["std"], row["baseline"])
    rows = "the model had not seen" if given.trains else "which it may have seen when it was trained"
    first = (
        f"{NAMES[name]} is {mean} ± {spread} over {len(evaluation.folds)} folds of rows {rows}; a model that looks at "
        f"no column has {baseline}."
    )
    cost = evaluation.cost["value"]
    latency = cost.get("latency, median", np.nan)
    return first + (f" A prediction of one row takes {short(latency, 2)} ms." if np.isfinite(latency) else "")


def _measures(evaluation: ModelEvaluation) -> Table:
    one_scale = evaluation.task == "classification"  # R2 and errors have none on which to draw intervals
    rows = []
    for name, row in evaluation.table.iterrows():
        values = evaluation.folds[name].dropna()
        low, high = (values.min(), values.max()) if len(values) else (np.nan, np.nan)
        spans = [(row["mean"], low, high)] if one_scale else [row["mean"], low, high]
        cells = [NAMES.get(str(name), text_of(name)), *spans, row["std"], row["baseline"]]
        rows.append([*cells, row["better"], text_of(row["note"]) if row["note"] else None])
    of_folds = [Column("mean", "interval", "The mean over the folds, and the lowest and highest fold.")]
    if not one_scale:
        of_folds = [Column(name, "number") for name in ("mean", "lowest fold", "highest fold")]
    columns = [
        Column("measure"),
        *of_folds,
        Column("spread", "number", "The standard deviation of the folds.", 2),
        Column("baseline", "number", "The same for a model that looks at no column."),
        Column("better", "text", "Whether a higher or a lower value is better."),
        Column("note", "text", "Why a measure is not defined, or what it leaves out."),
    ]
    if all(row[-1] is None for row in rows):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    return Table(f"Measures of {evaluation.title}", columns, rows)


def _pictures(evaluation: ModelEvaluation) -> list[Figure]:
    display = EvaluationDisplay(evaluation)
    figures = []
    for panel in [name for name in display._available() if name in _SHOWN[evaluation.task]]:
        size = _SIZES.get(panel, (4.4, 3.6))
        if panel == "confusion" and evaluation.confusion is not None:
            side = float(np.clip(0.45 * len(evaluation.confusion), 3.4, 7.0))
            size = (side + 0.8, side)
        figures.append(picture(partial(_draw, display, panel), size, _TOLD[panel], _TOLD[panel]))
    return figures


def _draw(display: EvaluationDisplay, panel: str, ax: Axes) -> None:
    display.plot(ax, panels=[panel])


def _classes(evaluation: ModelEvaluation) -> Table:
    table = evaluation.per_class
    assert table is not None
    shown = [name for name in ("precision", "recall", "f1", "roc_auc") if name in table]
    columns = [Column("class"), Column("rows", "number", "Test rows of all folds.")]
    columns += [Column(NAMES.get(name, name), "bar", "Of this class against the rest.") for name in shown]
    rows = [[text_of(label), int(row["n_rows"]), *(row[name] for name in shown)] for label, row in table.iterrows()]
    return Table("Measures of each class", columns, rows)


def _cost(evaluation: ModelEvaluation) -> Table:
    columns = [Column("quantity"), Column("value", "number"), Column("unit"), Column("how it was measured")]
    rows = [[str(name), row["value"], row["unit"], row["how"]] for name, row in evaluation.cost.iterrows()]
    return Table("What predictions cost on this machine", columns, rows)
