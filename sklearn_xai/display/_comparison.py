"""Explainers side by side, one panel for each measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Rows, Splits
from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    INK,
    MISSING,
    MUTED,
    NEUTRAL,
    POSITIVE,
    clean,
    make_room,
    number_text,
    require_matplotlib,
    set_rows,
    shorten,
    write_beside,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


@dataclass(frozen=True)
class Measure:
    """How a column of the comparison is named and read."""

    title: str
    higher_is_better: bool
    bounded: bool = False  # a correlation or a share, whose zero counts: never on a logarithmic axis


MEASURES = {
    "faithfulness": Measure("faithfulness\n(correlation)", True, bounded=True),
    "completeness_gap": Measure("completeness gap\n(units of the output)", False),
    "stability": Measure("stability\n(agreement of folds)", True, bounded=True),
    "agreement": Measure("agreement\nwith the reference", True, bounded=True),
    "fit_seconds": Measure("fit\n(seconds)", False),
    "transform_seconds": Measure("transform\n(seconds)", False),
    "rows_per_second": Measure("speed\n(rows per second)", True),
}
PANELS_PER_LINE = 4


class ComparisonDisplay:
    """Show which explainer is the most faithful, the most stable, the fastest.

    Parameters
    ----------
    frame : DataFrame of shape (n_explainers, n_measures)
        Explainers as index, measures as columns.
    measures : sequence of str, default=None
        The columns to draw. All known ones that `frame` has when not given.

    Attributes
    ----------
    axes_ : ndarray of shape (n_measures,) of matplotlib Axes
        The panels of the last picture.
    ax_ : matplotlib Axes
        The axes that was given, or the first panel.
    figure_ : matplotlib Figure
        The figure of the last picture.

    See Also
    --------
    sklearn_xai.model_selection.compare_explainers : Computes what is drawn here.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xai.display import ComparisonDisplay
    >>> frame = pd.DataFrame({"faithfulness": [0.9, 0.1]}, index=["IG", "Random"])
    >>> display = ComparisonDisplay.from_frame(frame, ax=Figure().subplots())
    >>> [text.get_text() for text in display.axes_[0].get_yticklabels()]
    ['IG']
    """

    def __init__(self, frame: DataFrame, *, measures: Sequence[str] | None = None) -> None:
        names = [name for name in MEASURES if name in frame.columns] if measures is None else list(measures)
        unknown = [name for name in names if name not in frame.columns or name not in MEASURES]
        if unknown:
            raise ValueError(
                "The 'measures' parameter of ComparisonDisplay must name columns of 'frame' among "
                f"{', '.join(MEASURES)}. Got {unknown}."
            )
        if not names or len(frame) == 0:
            raise ValueError(
                "The 'frame' parameter of ComparisonDisplay must have a row for each explainer and at least one of the "
                f"columns {', '.join(MEASURES)}. Got {len(frame)} rows and the columns {list(frame.columns)}."
            )
        self.frame = frame
        self.measures = names

    @classmethod
    def from_frame(
        cls, frame: DataFrame, *, measures: Sequence[str] | None = None, ax: Axes | None = None
    ) -> ComparisonDisplay:
        """Draw what ``compare_explainers`` returned.

        Parameters
        ----------
        frame : DataFrame of shape (n_explainers, n_measures)
            Explainers as index; of the columns faithfulness, completeness_gap, stability, agreement, fit_seconds,
            transform_seconds and rows_per_second those that there are; for error bars a column with `_std` after the
            name of the measure, or one with `_low` and one with `_high`. A reference named in ``frame.attrs`` is not
            emphasised for agreeing with itself.
        measures : sequence of str, default=None
            The columns to draw. All known ones that `frame` has when not given.
        ax : matplotlib Axes, default=None
            Where to draw; the panels share its space. A new figure when not given.

        Returns
        -------
        display : ComparisonDisplay
        """
        return cls(frame, measures=measures).plot(ax=ax)

    @classmethod
    def from_estimators(
        cls,
        explainers: Mapping[str, Any],
        X: Rows,
        y: ArrayLike | None = None,
        *,
        cv: Splits = None,
        measures: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ComparisonDisplay:
        """Compare explainers on the same folds and draw the result.

        Parameters
        ----------
        explainers : dict of str to explainer
            Explainers under the names they get in the picture.
        X : array-like of shape (n_samples, n_features)
            Rows to train on and to explain.
        y : array-like of shape (n_samples,), default=None
            Targets to train on.
        cv : int, cross-validator or iterable, default=None
            How to split, as in ``compare_explainers``.
        measures : sequence of str, default=None
            The measures to draw. All that are computed when not given.
        ax : matplotlib Axes, default=None
            Where to draw; the panels share its space. A new figure when not given.
        **kwargs : dict
            Passed on to ``compare_explainers``.

        Returns
        -------
        display : ComparisonDisplay
        """
        require_matplotlib(f"{cls.__name__}.from_estimators")
        from sklearn_xai.model_selection import compare_explainers

        return cls.from_frame(compare_explainers(explainers, X, y, cv=cv, **kwargs), measures=measures, ax=ax)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> ComparisonDisplay:
        """Draw one panel for each measure.

        The best value of each measure is emphasised. Explainers whose name contains "random" are controls: they appear
        as dashed lines, not as bars, and are never the best. Seconds, gaps and speeds that span more than two decades
        have a logarithmic axis, which says so.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; the panels share its space. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``barh``.

        Returns
        -------
        self : ComparisonDisplay
        """
        require_matplotlib("ComparisonDisplay.plot")
        is_control = np.array(["random" in str(name).lower() for name in self.frame.index])
        if is_control.all():
            is_control[:] = False
        bars, controls = self.frame[~is_control], self.frame[is_control]
        labels = [shorten(name, 30) for name in bars.index][::-1]
        self.axes_ = self._panels(ax, len(labels))
        self.ax_ = self.axes_[0] if ax is None else ax
        self.figure_ = self.ax_.figure
        for i, (panel, name) in enumerate(zip(self.axes_, self.measures, strict=True)):
            set_rows(panel, labels)
            if i % PANELS_PER_LINE:
                panel.tick_params(axis="y", labelleft=False)
            _draw_panel(panel, name, bars.iloc[::-1], controls, **kwargs)
        for panel in self.axes_:
            make_room(panel, panel.texts)
        if len(controls):
            handles = [line for line in self.axes_[0].lines if str(line.get_label()).startswith("control")]
            style = {"handles": handles, "frameon": False, "fontsize": ANNOTATION_SIZE}
            if ax is None:
                self.figure_.legend(loc="outside lower left", **style)
            else:
                ax.legend(loc="upper left", bbox_to_anchor=(0.0, 0.0), borderaxespad=0.0, **style)
        return self

    def _panels(self, ax: Axes | None, n_bars: int) -> np.ndarray:
        n_columns = min(len(self.measures), PANELS_PER_LINE)
        n_lines = -(-len(self.measures) // n_columns)
        if ax is None:
            from matplotlib import pyplot as plt

            size = (1.6 + 2.2 * n_columns, (1.3 + 0.32 * n_bars) * n_lines)
            _, grid = plt.subplots(n_lines, n_columns, figsize=size, sharey=True, squeeze=False, layout="constrained")
            for spare in grid.ravel()[len(self.measures) :]:
                spare.remove()
            return grid.ravel()[: len(self.measures)]
        ax.set_axis_off()
        width, height = 1 / n_columns, 1 / n_lines
        panels: list[Axes] = []
        for i in range(len(self.measures)):
            line, column = divmod(i, n_columns)
            place = (column * width, 1 - (line + 0.78) * height, 0.88 * width, 0.6 * height)
            panels.append(ax.inset_axes(place, sharey=panels[0] if panels else None))
        return np.array(panels, dtype=object)


def _draw_panel(ax: Axes, name: str, bars: DataFrame, controls: DataFrame, **kwargs: Any) -> None:
    """Draw one measure: the bars of the explainers from the bottom up, and the controls as lines."""
    from matplotlib.patheffects import withStroke

    measure = MEASURES[name]
    values, references = (frame[name].to_numpy(dtype=float, na_value=np.nan) for frame in (bars, controls))
    known, y = np.isfinite(values), np.arange(len(values))
    # The reference agrees with itself; that is no merit.
    rivals = known & ~((name == "agreement") & (bars.index == bars.attrs.get("reference")))
    best = np.zeros(len(values), dtype=bool)
    if rivals.any():
        best = rivals & (values == (values[rivals].max() if measure.higher_is_better else values[rivals].min()))
    colors = [NEUTRAL if is_best else MUTED for is_best in best]
    ax.barh(y, np.where(known, values, 0.0), **{"height": 0.64, "color": colors, **kwargs})
    low, high = _spread(bars, name, values)
    ax.hlines(y[high > low], low[high > low], high[high > low], color=INK, linewidth=1, zorder=2)
    reach = np.where(values < 0, low, high)
    for reference, label in zip(references, controls.index, strict=True):
        if np.isfinite(reference):
            ax.axvline(reference, color=POSITIVE, linestyle="--", linewidth=1.2, zorder=2)
        # The entry of the legend must not depend on whether the first measure is known.
        ax.plot([], [], color=POSITIVE, linestyle="--", linewidth=1.2, label=f"control: {shorten(label, 30)}")

    clean(ax)
    shown = np.concatenate([values[known], low[known], high[known], references[np.isfinite(references)]])
    is_log = _limits(ax, shown, measure.bounded)
    direction = "higher is better" if measure.higher_is_better else "lower is better"
    ax.set_title(measure.title, fontsize="medium", color=INK, loc="left")
    ax.set_xlabel(direction + (", log scale" if is_log else ""), fontsize=ANNOTATION_SIZE, color=INK)
    ax.tick_params(axis="x", labelsize=ANNOTATION_SIZE)
    start = ax.get_xlim()[0] if is_log else 0.0
    halo = [withStroke(linewidth=2.5, foreground=ax.get_facecolor())]  # parts the text from a control's line
    for row, (value, is_best, end) in enumerate(zip(values, best, reach, strict=True)):
        style: dict[str, Any] = (
            {"fontweight": "bold" if is_best else "normal"} if np.isfinite(value) else {"color": MISSING}
        )
        text = number_text(value) if np.isfinite(value) else "n/a"
        write_beside(ax, end if np.isfinite(value) else start, row, text, left=value < 0, path_effects=halo, **style)


def _spread(frame: DataFrame, name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the error bars: an interval, a standard deviation to both sides, or the values themselves."""
    low, high = values, values
    if {f"{name}_low", f"{name}_high"} <= set(frame.columns):
        low, high = (frame[f"{name}_{end}"].to_numpy(dtype=float, na_value=np.nan) for end in ("low", "high"))
    elif f"{name}_std" in frame.columns:
        error = frame[f"{name}_std"].to_numpy(dtype=float, na_value=np.nan)
        low, high = values - error, values + error
    return np.where(np.isnan(low), values, low), np.where(np.isnan(high), values, high)


def _limits(ax: Axes, values: np.ndarray, linear: bool) -> bool:
    """Set the scale and the limits of a panel that shows `values`; say whether the scale is logarithmic."""
    if not linear and values.size and values.min() > 0 and values.max() / values.min() > 100:
        ax.set_xscale("log")
        ax.set_xlim(10 ** np.floor(np.log10(values.min()) - 0.3), values.max() * 1.2)
        ax.minorticks_off()
        return True
    low, high = (min(0.0, values.min()), max(0.0, values.max())) if values.size else (0.0, 1.0)
    ax.set_xlim(1.05 * low, 1.05 * high if high > low or high else 1.0)
    ax.locator_params(axis="x", nbins=4)
    if low < 0:
        ax.axvline(0, color=INK, linewidth=0.8)
    return False
