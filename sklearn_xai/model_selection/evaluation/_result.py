"""What the evaluation of a model found, as tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from sklearn_xai.display import EvaluationDisplay


@dataclass(repr=False)
class ModelEvaluation:
    """How good is the model, how sure is that figure, and what does it cost?

    What :func:`evaluate_model` returns. Folds are numbered from 0; without `cv` there is one, of all rows given.

    Attributes
    ----------
    table : DataFrame
        One row a measure: "mean" over the folds, "std" (over the folds, n - 1; of one fold the standard error by
        bootstrap), "folds" in which it is defined, "baseline" (the same mean for a model that looks at no column),
        "unit", "better" ("higher" or "lower"), and "note": why it is not defined, or what it leaves out.
    folds, baseline_folds : DataFrame of shape (n_folds, n_measures + ...)
        The measures in each fold; "n_train", "n_test" (rows) and "train_seconds".
    per_class : DataFrame or None
        Of classes: precision, recall, F1, ROC AUC and average precision of each class against the rest, the mean over
        the folds and, with several, its standard deviation; "n_rows" over all folds.
    confusion : DataFrame or None
        Counts over the test rows of all folds; one row a true class, one column a predicted one.
    calibration : DataFrame or None
        The reliability curve over the test rows of all folds: bins "from" and "to" of the probability of the most
        probable class, its mean ("confidence"), how often it is right ("accuracy"), "n_rows".
    loss_curves : DataFrame
        "fold", "epoch", "train_loss" and "valid_loss", as the net's history has them. Empty where there is none.
    cost : DataFrame
        Latency of one row (ms), throughput (rows/s), parameters of a network, peak memory of a batch (MiB), seconds of
        training: "value", "unit", and "how" it was measured.
    predictions : DataFrame
        "fold", "row" (its position in X), "true" and "predicted"; of several outputs "true 0", "true 1", ...
    scores : DataFrame or None
        Of classes, beside `predictions`: a column for each, its probability or what a decision function says.
    probabilistic : bool
        Whether `scores` are probabilities.
    task : {"classification", "regression"}
    name : str
        Of the estimator.
    notes : list of str
        What is to be known before the figures are believed.
    estimators : list of estimators
        The model of each fold, where it was asked for.
    """

    task: str
    name: str
    table: pd.DataFrame
    folds: pd.DataFrame
    baseline_folds: pd.DataFrame
    predictions: pd.DataFrame
    loss_curves: pd.DataFrame
    cost: pd.DataFrame
    per_class: pd.DataFrame | None = None
    confusion: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    probabilistic: bool = False
    notes: list[str] = field(default_factory=list)
    estimators: list[Any] = field(default_factory=list)

    def plot(self, **kwargs: Any) -> EvaluationDisplay:
        """Draw it.

        Parameters
        ----------
        **kwargs : dict
            Passed on to :meth:`sklearn_xai.display.EvaluationDisplay.plot`.

        Returns
        -------
        display : EvaluationDisplay
        """
        from sklearn_xai.display import EvaluationDisplay

        return EvaluationDisplay(self).plot(**kwargs)

    @property
    def title(self) -> str:
        """What was evaluated, in one line."""
        n_rows, n_folds = self.predictions["row"].nunique(), len(self.folds)
        rows = f"{n_rows:,} row{'s' if n_rows != 1 else ''}"
        how = f"{rows} in {n_folds} folds" if n_folds > 1 else rows
        return f"{self.name}: {self.task}, {how}"

    def _parts(self):
        """Give the table and the costs as they are read: notes only where there are any."""
        table = self.table if self.table["note"].any() else self.table.drop(columns="note")
        return table, self.cost.drop(columns="how")

    def __repr__(self) -> str:
        table, cost = self._parts()
        shown = [self.title, table.to_string(float_format=_text)]
        if len(cost):
            shown.append(cost.to_string(float_format=_text))
        return "\n\n".join([*shown, *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        table, cost = self._parts()
        shown = [f"<p>{escape(self.title)}</p>", table.to_html(float_format=_text)]
        if len(cost):
            shown.append(cost.to_html(float_format=_text))
        return "\n".join([*shown, *(f"<p>{escape(note)}</p>" for note in self.notes)])


def _text(number: float) -> str:
    """Write a number with four digits, as it is read best.

    Examples
    --------
    >>> from sklearn_xai.model_selection.evaluation._result import _text
    >>> _text(0.84213), _text(15370.2), _text(1.5e-7)
    ('0.8421', '15,370', '1.5e-07')
    """
    return f"{number:,.0f}" if 1e3 <= abs(number) < 1e9 else f"{number:.4g}"
