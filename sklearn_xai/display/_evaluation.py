"""How good a model is, how sure that is, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Rows, Splits
from sklearn_xai.display._common import ANNOTATION_SIZE, INK, number_text, require_matplotlib
from sklearn_xai.display._evaluation_plots import (
    draw_calibration,
    draw_confusion,
    draw_loss,
    draw_measures,
    draw_predicted,
    draw_residuals,
    draw_roc,
    measures_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_xai.model_selection import ModelEvaluation

PANELS: dict[str, Callable[..., None]] = {
    "scores": partial(draw_measures, better="higher"),
    "errors": partial(draw_measures, better="lower"),
    "confusion": draw_confusion,
    "calibration": draw_calibration,
    "roc": draw_roc,
    "predicted": draw_predicted,
    "residuals": draw_residuals,
    "loss": draw_loss,
}
PANELS_PER_LINE = 3


class EvaluationDisplay:
    """Show how good a model is, against one that sees nothing, and where it errs.

    Parameters
    ----------
    evaluation : ModelEvaluation
        What ``evaluate_model`` returned.

    Attributes
    ----------
    axes_ : dict of str to matplotlib Axes
        The panels of the last picture, by name.
    ax_ : matplotlib Axes
        The axes that was given, or the first panel.
    figure_ : matplotlib Figure
        The figure of the last picture.

    See Also
    --------
    sklearn_xai.model_selection.evaluate_model : Computes what is drawn here.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_xai.display import EvaluationDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> display = EvaluationDisplay.from_estimator(Ridge(), X, y, cv=3, ax=Figure().subplots())
    >>> list(display.axes_)
    ['scores', 'errors', 'predicted', 'residuals']
    """

    def __init__(self, evaluation: ModelEvaluation) -> None:
        if not hasattr(evaluation, "table") or not hasattr(evaluation, "predictions"):
            raise TypeError(
                "The 'evaluation' parameter of EvaluationDisplay must be what evaluate_model returned. Got "
                f"{type(evaluation).__name__}: EvaluationDisplay.from_estimator(estimator, X, y, cv=5) evaluates first."
            )
        self.evaluation = evaluation

    @classmethod
    def from_evaluation(
        cls, evaluation: ModelEvaluation, *, panels: Sequence[str] | None = None, ax: Axes | None = None
    ) -> EvaluationDisplay:
        """Draw what ``evaluate_model`` returned.

        Parameters
        ----------
        evaluation : ModelEvaluation
        panels : sequence of str, default=None
            As in :meth:`plot`.
        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : EvaluationDisplay
        """
        return cls(evaluation).plot(ax=ax, panels=panels)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Rows,
        y: ArrayLike,
        cv: Splits = None,
        *,
        panels: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> EvaluationDisplay:
        """Evaluate a model and draw the result.

        Parameters
        ----------
        estimator : estimator, skorch net, torch.nn.Module or Pipeline
        X : DataFrame or array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        cv : int, cross-validation generator, iterable or None, default=None
            None evaluates the fitted estimator as it stands.
        panels : sequence of str, default=None
            As in :meth:`plot`.
        ax : matplotlib Axes, default=None
            As in :meth:`plot`.
        **kwargs : dict
            Passed on to ``evaluate_model``.

        Returns
        -------
        display : EvaluationDisplay
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        from sklearn_xai.model_selection import evaluate_model

        return cls.from_evaluation(evaluate_model(estimator, X, y, cv, **kwargs), panels=panels, ax=ax)

    def plot(self, ax: Axes | None = None, *, panels: Sequence[str] | None = None, **kwargs: Any) -> EvaluationDisplay:
        """Draw the panels.

        Of classes, scores of the user's own are drawn where they are from 0 to 1; others are in the table only. The
        confusion and the reliability are those of the test rows of all folds together, ROC curves means over the folds.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; several panels share its space. A new figure when not given.
        panels : sequence of str, default=None
            Of classes "scores", "errors", "confusion", "calibration", "roc", "loss"; of values "scores", "errors",
            "predicted", "residuals", "loss". All for which there is something to draw when not given.
        **kwargs : dict
            With a single panel, passed on to the matplotlib function that draws it.

        Returns
        -------
        self : EvaluationDisplay
        """
        require_matplotlib("EvaluationDisplay.plot")
        names = self._chosen(panels)
        if kwargs and len(names) > 1:
            raise TypeError(f"EvaluationDisplay.plot hands {sorted(kwargs)} to one panel: name it in 'panels'.")
        places = self._places(ax, len(names))
        self.axes_ = dict(zip(names, places, strict=True))
        self.ax_ = places[0] if ax is None else ax
        self.figure_ = self.ax_.figure
        if len(names) > 1:
            self._write_title(ax)
        for name, place in self.axes_.items():
            PANELS[name](place, self.evaluation, **kwargs)
        self._write_key()
        return self

    def _available(self) -> list[str]:
        """Return the panels for which there is something to draw."""
        found: Any = self.evaluation
        single = "true" in found.predictions
        there = {
            "scores": bool(measures_of(found, "higher")),
            "errors": bool(found.table.loc[measures_of(found, "lower"), "mean"].notna().any()),
            "confusion": found.confusion is not None,
            "calibration": found.calibration is not None,
            "roc": found.scores is not None and bool(found.per_class["roc_auc"].notna().any()),
            "predicted": found.task == "regression" and single,
            "residuals": found.task == "regression" and single,
            "loss": len(found.loss_curves) > 0,
        }
        return [name for name, is_there in there.items() if is_there]

    def _chosen(self, panels: Sequence[str] | None) -> list[str]:
        available = self._available()
        names = available if panels is None else [panels] if isinstance(panels, str) else list(panels)
        if not names or not set(names) <= set(available) or len(set(names)) < len(names):
            raise ValueError(
                f"The 'panels' parameter of EvaluationDisplay must name some of {available}, which is what this "
                f"evaluation has, once. Got {names}."
            )
        return names

    def _places(self, ax: Axes | None, n_panels: int) -> list[Axes]:
        n_columns = min(n_panels, PANELS_PER_LINE if n_panels != 4 else 2)
        n_lines = -(-n_panels // n_columns)
        if ax is None:
            from matplotlib import pyplot as plt

            size = (4.6 * n_columns, 3.5 * n_lines + 0.8 * (n_panels > 1))
            figure, grid = plt.subplots(n_lines, n_columns, figsize=size, squeeze=False)
            figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.03)
            for spare in grid.ravel()[n_panels:]:
                spare.remove()
            return list(grid.ravel()[:n_panels])
        if n_panels == 1:
            return [ax]
        ax.set_axis_off()
        places = [divmod(i, n_columns) for i in range(n_panels)]
        return [
            ax.inset_axes(((j + 0.26) / n_columns, 1 - (i + 0.76) / n_lines, 0.48 / n_columns, 0.58 / n_lines))
            for i, j in places
        ]

    def _write_title(self, ax: Axes | None) -> None:
        lines = "\n".join([self.evaluation.title, *filter(None, [cost_line(self.evaluation)])])
        if ax is None:
            self.figure_.suptitle(lines, x=0.01, ha="left", fontsize=11, color=INK)
        else:
            ax.set_title(lines, fontsize="medium", color=INK, loc="left")

    def _write_key(self) -> None:
        """Write what the marks of the measures are, once, where they cover nothing."""
        place = self.axes_.get("scores", self.axes_.get("errors"))
        if place is None:
            return
        style = {"frameon": False, "fontsize": ANNOTATION_SIZE - 0.5, "labelcolor": INK, "handletextpad": 0.3}
        place.legend(
            *(part[::-1] for part in place.get_legend_handles_labels()),
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.1),
            borderaxespad=0.0,
            **style,
        )


def cost_line(evaluation: ModelEvaluation) -> str:
    """Return what a prediction costs, in one line; nothing where it was not measured."""
    value = evaluation.cost["value"]
    parts = {
        "latency, median": "one row {} ms",
        "throughput": "{} rows/s",
        "parameters, all": "{} parameters",
        "peak memory": "{} MiB a batch",
        "training": "{} s of training a fold",
    }
    return ", ".join(text.format(_rounded(value[name])) for name, text in parts.items() if name in value.index)


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or float(value) == np.round(value) else number_text(value)
