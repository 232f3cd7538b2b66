"""Explainers by several measures at once: parallel axes, or the spokes of a wheel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai._checks import check_choice
from sklearn_xai.display._common import INK, axes_for, check_max_display, require_matplotlib, shorten
from sklearn_xai.display._metrics_plots import FEWEST_SPOKES, Scaled, draw_parallel, draw_radar, is_polar, polar_axes
from sklearn_xai.display._series import chosen_series, control_among

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

KINDS = ("parallel", "radar")


class MetricsDisplay:
    """Show which explainer is good at what, and whether it is better than the random control.

    Each measure has an axis of its own, scaled from the worst value of all explainers (usually the control's) to the
    best one: (value - worst) / (best - worst), whatever direction is better.

    Parameters
    ----------
    frame : DataFrame of shape (n_explainers, n_metrics)
        Explainers as index, metrics as columns. What is not finite is shown as "n/a".
    greater_is_better : dict of str to bool
        For each metric whether high values are good.
    control : str, default=None
        Which explainer is a random control. It is drawn in grey.
    name : str, default=None
        The title.

    Attributes
    ----------
    scaled : DataFrame of shape (n_explainers, n_metrics)
        The heights that are drawn, from 0 (worst) to 1 (best); 0.5 where all explainers have the same value.
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.

    Raises
    ------
    ValueError
        When `frame` is empty, or `greater_is_better` or `control` do not fit it.

    See Also
    --------
    ComparisonDisplay : One panel of bars for each measure.
    CriticalDifferenceDisplay : Which differences are more than chance.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xai.display import MetricsDisplay
    >>> frame = pd.DataFrame({"faithfulness": [0.9, 0.1], "seconds": [2.0, 1.0]}, index=["IG", "random"])
    >>> display = MetricsDisplay(frame, {"faithfulness": True, "seconds": False}, control="random")
    >>> display.plot(ax=Figure().subplots()).scaled.loc["IG"].tolist()
    [1.0, 0.0]
    """

    def __init__(
        self,
        frame: DataFrame,
        greater_is_better: Mapping[str, bool],
        *,
        control: str | None = None,
        name: str | None = None,
    ) -> None:
        caller = type(self).__name__
        if frame.size == 0 or not frame.index.is_unique or not frame.columns.is_unique:
            raise ValueError(
                f"The 'frame' parameter of {caller} must have a row for each explainer and a column for each metric, "
                f"each name once. Got {frame.shape[0]} rows and the columns {list(frame.columns)}."
            )
        undirected = [str(metric) for metric in frame.columns if metric not in greater_is_better]
        if undirected:
            raise ValueError(
                f"The 'greater_is_better' parameter of {caller} must say True or False for each column of 'frame'. "
                f"Got none for {undirected}."
            )
        self.frame = frame
        self.greater_is_better = {str(metric): bool(greater_is_better[metric]) for metric in frame.columns}
        self.control = control_among([str(key) for key in frame.index], control, caller)
        self.name = name
        self.scaled = self._scaled().frame

    @classmethod
    def from_frame(
        cls,
        frame: DataFrame,
        greater_is_better: Mapping[str, bool],
        *,
        kind: str = "parallel",
        control: str | None = "auto",
        max_display: int | None = 10,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> MetricsDisplay:
        """Draw a table of explainers and metrics.

        Parameters
        ----------
        frame : DataFrame of shape (n_explainers, n_metrics)
            Explainers as index, metrics as columns. Columns that `greater_is_better` does not name are left out.
        greater_is_better : dict of str to bool
            For each metric to draw whether high values are good.
        kind : {"parallel", "radar"}, default="parallel"
            See :meth:`plot`.
        control : str or None, default="auto"
            Which explainer is a random control; "auto" takes the first whose name contains "random".
        max_display : int or None, default=10
            See :meth:`plot`.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.

        Returns
        -------
        display : MetricsDisplay

        Raises
        ------
        ValueError
            When no column of `frame` has a direction, or `control` or `kind` is not known.
        """
        control = control_among([str(key) for key in frame.index], control, f"{cls.__name__}.from_frame")
        metrics = [metric for metric in frame.columns if metric in greater_is_better]
        if not metrics:
            raise ValueError(
                f"The 'greater_is_better' parameter of {cls.__name__}.from_frame must name columns of 'frame', which "
                f"are {[str(column) for column in frame.columns]}. Got {list(greater_is_better)}."
            )
        display = cls(frame[metrics], greater_is_better, control=control, name=name)
        return display.plot(kind, max_display=max_display, ax=ax)

    def plot(
        self, kind: str = "parallel", *, max_display: int | None = 10, ax: Axes | None = None, **kwargs: Any
    ) -> MetricsDisplay:
        """Draw one line for each explainer.

        Parameters
        ----------
        kind : {"parallel", "radar"}, default="parallel"
            "parallel": an axis for each metric side by side, the best value on top and the worst below, both written
            there; what is unknown lies on a line of its own below. "radar": the same axes as spokes of a wheel, the
            best at the rim; at least three metrics.
        max_display : int or None, default=10
            How many explainers get a colour and a name, those with the highest mean height; the others become thin
            light lines. The control always has both. None shows all.
        ax : matplotlib Axes, default=None
            Where to draw; polar ones for "radar". A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``plot``, which draws the lines.

        Returns
        -------
        self : MetricsDisplay

        Raises
        ------
        ValueError
            When `kind` is none of the above, or "radar" with fewer than three metrics or with axes that are not polar.
        """
        caller = f"{type(self).__name__}.plot"
        check_choice(kind, KINDS, "kind", caller)
        require_matplotlib(caller)
        scaled, n_metrics = self._scaled(), self.frame.shape[1]
        rivals = [key for key in scaled.ranking if key != self.control]
        shown = chosen_series(scaled.ranking, check_max_display(max_display, len(rivals), caller), self.control)
        if kind == "parallel":
            if ax is not None and is_polar(ax):
                raise ValueError(f"The 'ax' parameter of {caller} must not be polar with kind='parallel'. Got {ax!r}.")
            height = max(4.2, 1.9 + 0.19 * len(shown))
            figure, ax = axes_for(ax, caller, (float(np.clip(3.2 + 1.05 * n_metrics, 6.5, 15)), height))
            draw = draw_parallel
        else:
            if n_metrics < FEWEST_SPOKES:
                raise ValueError(
                    f"The 'kind' parameter of {caller} can be 'radar' only with at least {FEWEST_SPOKES} metrics. "
                    f"Got {n_metrics}. Use 'parallel'."
                )
            figure, ax = polar_axes(ax, caller)
            draw = draw_radar
        if self.name is not None:
            ax.set_title(shorten(self.name, 50), loc="left", fontsize="medium", color=INK)
        draw(ax, scaled, shown, self.control, **kwargs)
        self.figure_, self.ax_ = figure, ax
        return self

    def _scaled(self) -> Scaled:
        return Scaled.of(self.frame, self.greater_is_better)
