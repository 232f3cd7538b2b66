"""Attributions as pictures: of a whole set of rows, or of one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display import _attribution_arrays as arrays
from sklearn_xai.display import _attribution_plots as plots
from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    INK,
    axes_for,
    check_choice,
    check_max_display,
    require_matplotlib,
    shorten,
    value_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("bar", "beeswarm", "waterfall", "heatmap")


class AttributionDisplay:
    """Show which features move the output, in which direction, and by how much.

    Build it with :meth:`from_estimator` or :meth:`from_explanation`, which also draw; call :meth:`plot` for another
    kind of picture of the same attributions.

    Parameters
    ----------
    attributions : array-like of shape (n_samples, n_features)
        What each feature adds to the explained output of each row, in units of that output.
    base_values : float or array-like of shape (n_samples,), default=None
        The output that the attributions start from.
    outputs : array-like of shape (n_samples,), default=None
        The explained output f(x) of each row. Without it, what the attributions leave unexplained cannot be shown.
    data : array-like of shape (n_samples, n_features), default=None
        The rows as numbers (codes for categories), for the colours of the beeswarm.
    display_data : array-like of shape (n_samples, n_features), default=None
        The rows as the reader knows them, written beside the columns of a waterfall. `data` when not given.
    feature_names : sequence of str of length n_features, default=None
        ``x0, x1, ...`` when not given.
    target_name : str, default=None
        What is explained, in words and with its unit, such as "log-odds of >50K".
    name : str, default=None
        The title, usually the name of the explainer.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.
    output_ax_ : matplotlib Axes
        The strip of outputs above a heatmap. Exists after ``plot("heatmap")``.
    max_points : int
        The largest number of rows drawn by the beeswarm (2,000) and by the heatmap (half of it). Of more rows, a sample
        that is the same every time is drawn, and the picture says so; the order of the features comes from all rows.

    See Also
    --------
    StabilityDisplay : How much the attributions change with the training data.
    ComparisonDisplay : How explainers compare.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xai.display import AttributionDisplay
    >>> display = AttributionDisplay([[0.5, -0.2]], base_values=0.1, outputs=[0.4], feature_names=["age", "hours"])
    >>> display.plot("waterfall", ax=Figure().subplots()).ax_.get_xlabel()
    'explained output'
    """

    max_points = 2000

    def __init__(
        self,
        attributions: Any,
        *,
        base_values: Any = None,
        outputs: Any = None,
        data: Any = None,
        display_data: Any = None,
        feature_names: Sequence[str] | None = None,
        target_name: str | None = None,
        name: str | None = None,
    ) -> None:
        self.attributions = arrays.checked_attributions(attributions)
        n_rows, n_features = self.attributions.shape
        self.base_values = arrays.per_row(base_values, "base_values", n_rows)
        self.outputs = arrays.per_row(outputs, "outputs", n_rows)
        self.data = arrays.per_cell(data, "data", self.attributions.shape)
        self.display_data = arrays.per_cell(display_data, "display_data", self.attributions.shape)
        names = [f"x{i}" for i in range(n_features)] if feature_names is None else [str(name) for name in feature_names]
        if len(names) != n_features:
            raise ValueError(
                "The 'feature_names' parameter of AttributionDisplay must have one name for each of the "
                f"{n_features} columns of 'attributions'. Got {len(names)}."
            )
        self.feature_names = names
        self.target_name = target_name
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        explainer: Any,
        X: Any,
        *,
        kind: str = "bar",
        max_display: int | None = 10,
        row: int | None = None,
        target: Any = None,
        target_name: str | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> AttributionDisplay:
        """Explain `X` with a fitted explainer and draw the result.

        Parameters
        ----------
        explainer : fitted explainer
            Its ``explain(X)`` gives the attributions, its ``explained_output(X)`` the outputs.
        X : array-like of shape (n_samples, n_features)
            The rows to explain.
        kind : {"bar", "beeswarm", "waterfall", "heatmap"}, default="bar"
            See :meth:`plot`.
        max_display : int or None, default=10
            See :meth:`plot`.
        row : int, default=None
            See :meth:`plot`.
        target : label or int, default=None
            Which class to draw when the explainer explains all of them.
        target_name : str, default=None
            What is explained, in words and with its unit.
        name : str, default=None
            The title. The name of the explainer's class when not given.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : AttributionDisplay
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        outputs = explainer.explained_output(X) if hasattr(explainer, "explained_output") else None
        return cls.from_explanation(
            explainer.explain(X),
            outputs=outputs,
            target=target,
            classes=getattr(explainer, "classes_", None),
            target_name=target_name,
            name=type(explainer).__name__ if name is None else name,
            kind=kind,
            max_display=max_display,
            row=row,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_explanation(
        cls,
        explanation: Any,
        *,
        outputs: Any = None,
        target: Any = None,
        classes: Any = None,
        target_name: str | None = None,
        name: str | None = None,
        kind: str = "bar",
        max_display: int | None = 10,
        row: int | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> AttributionDisplay:
        """Draw a ``shap.Explanation``, or any object with its attributes.

        Parameters
        ----------
        explanation : shap.Explanation
            Its `values` have shape (n_samples, n_features), (n_features,) for a single row, or
            (n_samples, n_features, n_targets), which needs `target`.
        outputs : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The explained output of each row.
        target : label or int, default=None
            Which of several targets to draw: one of `classes` or of the explanation's `output_names`, or an index.
        classes : array-like of shape (n_targets,), default=None
            The labels of the targets.
        target_name : str, default=None
            What is explained, in words and with its unit.
        name : str, default=None
            The title.
        kind : {"bar", "beeswarm", "waterfall", "heatmap"}, default="bar"
            See :meth:`plot`.
        max_display : int or None, default=10
            See :meth:`plot`.
        row : int, default=None
            See :meth:`plot`.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : AttributionDisplay

        Raises
        ------
        ValueError
            When there are several targets and `target` names none of them.
        """
        values = np.asarray(explanation.values)
        base_values = getattr(explanation, "base_values", None)
        if values.ndim == 3:
            labels = classes if classes is not None else getattr(explanation, "output_names", None)
            index = arrays.target_index(target, labels, values.shape[2])
            values, base_values, outputs = (
                values[..., index],
                arrays.pick(base_values, index),
                arrays.pick(outputs, index),
            )
        elif values.ndim == 1:
            values = values[None, :]
        display = cls(
            values,
            base_values=base_values,
            outputs=outputs,
            data=arrays.matching(getattr(explanation, "data", None), values.shape),
            display_data=arrays.matching(getattr(explanation, "display_data", None), values.shape),
            feature_names=getattr(explanation, "feature_names", None),
            target_name=target_name,
            name=name,
        )
        return display.plot(kind, max_display=max_display, row=row, ax=ax, **kwargs)

    def plot(
        self,
        kind: str = "bar",
        *,
        max_display: int | None = 10,
        row: int | None = None,
        row_order: str = "similarity",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> AttributionDisplay:
        """Draw the attributions.

        Parameters
        ----------
        kind : {"bar", "beeswarm", "waterfall", "heatmap"}, default="bar"
            "bar": the mean absolute attribution of each feature, or with `row` the attributions of that row.
            "beeswarm": a point for each row, coloured by the value of the feature.
            "waterfall": the way of one row from the base value to f(x); what the attributions leave over when f(x) is
            known is hatched.
            "heatmap": all rows, their outputs above.
        max_display : int or None, default=10
            How many features get a place of their own, largest mean absolute attribution first (largest absolute
            attribution in pictures of one row). Bar and waterfall add up the others in one bar; beeswarm and heatmap
            say how many are not shown. None shows all.
        row : int, default=None
            The row of a waterfall (the first when None) or of a bar chart.
        row_order : {"similarity", "output"}, default="similarity"
            How a heatmap sorts rows: by clustering their attributions, or by their outputs.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to the matplotlib function that draws: ``barh`` (bar, waterfall), ``scatter`` (beeswarm) or
            ``imshow`` (heatmap).

        Returns
        -------
        self : AttributionDisplay

        Raises
        ------
        ValueError
            When `kind`, `max_display`, `row` or `row_order` is none of the above.
        """
        caller = "AttributionDisplay.plot"
        check_choice(kind, KINDS, "kind", caller)
        check_choice(row_order, ("similarity", "output"), "row_order", caller)
        n_shown = check_max_display(max_display, self.attributions.shape[1], caller)
        one_row = row is not None or kind == "waterfall"
        row = self._checked_row(0 if row is None else row) if one_row else None
        n_bars = n_shown + 2 * (kind == "waterfall")
        figure, ax = axes_for(ax, caller, (7.5, 1.5 + 0.33 * n_bars + 0.9 * (kind == "heatmap")))
        if kind == "bar":
            self._plot_bar(ax, n_shown, row, **kwargs)
        elif kind == "waterfall":
            self._plot_waterfall(ax, n_shown, row or 0, **kwargs)
        elif kind == "beeswarm":
            self._plot_beeswarm(ax, n_shown, **kwargs)
        else:
            self._plot_heatmap(ax, n_shown, row_order, **kwargs)
        self.figure_, self.ax_ = figure, ax
        return self

    def _plot_bar(self, ax: Axes, n_shown: int, row: int | None, **kwargs: Any) -> None:
        if row is None:
            values, labels = self._importances(), self._labels()
        else:
            values, labels = self.attributions[row], self._labels_with_values(row)
        steps = plots.fold(values, labels, arrays.largest_first(values), n_shown)
        plots.draw_bars(ax, steps, signed=row is not None, **kwargs)
        ax.set_xlabel(self._quantity() if row is not None else f"mean absolute {self._quantity()}")
        self._title(ax, row)

    def _plot_waterfall(self, ax: Axes, n_shown: int, row: int, **kwargs: Any) -> None:
        values = self.attributions[row]
        steps = plots.fold(values, self._labels_with_values(row), arrays.largest_first(values), n_shown)
        plots.draw_waterfall(ax, steps, arrays.known(self.base_values, row), arrays.known(self.outputs, row), **kwargs)
        ax.set_xlabel("explained output" if self.target_name is None else shorten(self.target_name, 60))
        self._title(ax, row)

    def _plot_beeswarm(self, ax: Axes, n_shown: int, **kwargs: Any) -> None:
        columns, rows = arrays.largest_first(self._importances())[:n_shown], self._sample(self.max_points)
        data = self.data if self.data is not None else self.display_data
        codes = None if data is None else np.column_stack([arrays.codes_of(data[:, column]) for column in columns])
        labels = self._labels()
        plots.draw_beeswarm(
            ax,
            self.attributions[np.ix_(rows, columns)],
            None if codes is None else codes[rows],
            [labels[i] for i in columns],
            **kwargs,
        )
        ax.set_xlabel(self._quantity() + self._left_out(n_shown, len(rows)))
        self._title(ax)

    def _plot_heatmap(self, ax: Axes, n_shown: int, row_order: str, **kwargs: Any) -> None:
        columns, rows = arrays.largest_first(self._importances())[:n_shown], self._sample(self.max_points // 2)
        attributions, (outputs, meaning) = self.attributions[rows], self._curve()
        outputs = outputs[rows]
        order = (
            plots.similarity_order(attributions, outputs)
            if row_order == "similarity"
            else np.argsort(outputs, kind="stable")
        )
        base = None if self.base_values is None else float(np.mean(self.base_values[rows]))
        base = base if base is not None and np.isfinite(base) else None
        labels = [self._labels()[i] for i in columns]
        strip = plots.draw_heatmap(ax, attributions[np.ix_(order, columns)], outputs[order], base, labels, **kwargs)
        strip.set_ylabel(meaning, fontsize=ANNOTATION_SIZE, rotation=0, ha="right", va="center")
        ax.set_xlabel(f"rows, sorted by {row_order}" + self._left_out(n_shown, len(rows)))
        ax.figure.axes[-1].set_ylabel(self._quantity())
        self._title(strip)
        self.output_ax_ = strip

    def _curve(self) -> tuple[np.ndarray, str]:
        """Return the number drawn above a heatmap for each row, and what it is."""
        sums = self.attributions.sum(axis=1)
        if self.outputs is not None and np.isfinite(self.outputs).all():
            return self.outputs, "f(x)"
        if self.base_values is not None and np.isfinite(self.base_values).all():
            return self.base_values + sums, "base + sum"
        return sums, "sum"

    def _importances(self) -> np.ndarray:
        return np.abs(self.attributions).mean(axis=0)

    def _labels(self) -> list[str]:
        return [shorten(name) for name in self.feature_names]

    def _labels_with_values(self, row: int) -> list[str]:
        data = self.display_data if self.display_data is not None else self.data
        if data is None:
            return self._labels()
        return [f"{shorten(name, 24)} = {value_text(data[row, i])}" for i, name in enumerate(self.feature_names)]

    def _quantity(self) -> str:
        return "attribution" if self.target_name is None else f"attribution to {shorten(self.target_name, 60)}"

    def _left_out(self, n_shown: int, n_drawn: int) -> str:
        n_rows, n_features = self.attributions.shape
        parts = []
        if n_drawn < n_rows:
            parts.append(f"{n_drawn:,} of {n_rows:,} rows drawn")
        if n_shown < n_features:
            parts.append(f"{n_features - n_shown:,} features of less weight not shown")
        return f"\n({'; '.join(parts)})" if parts else ""

    def _title(self, ax: Axes, row: int | None = None) -> None:
        parts = [] if self.name is None else [shorten(self.name, 50)]
        if row is not None:
            parts.append(f"row {row}")
        if parts:
            ax.set_title(", ".join(parts), loc="left", fontsize="medium", color=INK)

    def _sample(self, size: int) -> np.ndarray:
        """Return the rows to draw: all, or the same sample of them every time."""
        n_rows = len(self.attributions)
        if n_rows <= size:
            return np.arange(n_rows)
        return np.sort(np.random.RandomState(0).choice(n_rows, size, replace=False))

    def _checked_row(self, row: Any) -> int:
        n_rows = len(self.attributions)
        if isinstance(row, bool) or not isinstance(row, int | np.integer) or not -n_rows <= row < n_rows:
            raise ValueError(
                "The 'row' parameter of AttributionDisplay.plot must be the position of one of the "
                f"{n_rows} explained rows. Got {row!r}."
            )
        return int(row) % n_rows
