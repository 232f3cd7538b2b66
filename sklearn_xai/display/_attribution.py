"""Attributions as pictures: of a whole set of rows, or of one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_choice
from sklearn_xai._typing import Rows, Target
from sklearn_xai.display import _attribution_arrays as arrays
from sklearn_xai.display._attribution_rows import RowPictures
from sklearn_xai.display._attribution_tables import TablePictures
from sklearn_xai.display._common import axes_for, check_max_display, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("bar", "beeswarm", "waterfall", "heatmap", "image", "text")


class AttributionDisplay(RowPictures, TablePictures):
    """Show which features, pixels or words move the output, in which direction, and by how much.

    Build it with :meth:`from_estimator` or :meth:`from_explanation`, which also draw; call :meth:`plot` for another
    kind of picture of the same attributions.

    Parameters
    ----------
    attributions : array-like of shape (n_samples, n_features) or of the shape of images
        What each feature adds to the explained output of each row, in units of that output. Of images, of shape
        (n_samples, n_channels, height, width); (n_samples, height, width) only together with `data`, because
        attributions of a table to several targets have three axes too.
    base_values : float or array-like of shape (n_samples,), default=None
        The output that the attributions start from.
    outputs : array-like of shape (n_samples,), default=None
        The explained output f(x) of each row. Without it, what the attributions leave unexplained cannot be shown.
    data : array-like of shape (n_samples, n_features) or of the shape of images, default=None
        The rows as numbers (codes for categories), for the colours of the beeswarm where there is no `display_data`;
        or the images,
        (n_samples, n_channels, height, width) or (n_samples, height, width).
    display_data : array-like of shape (n_samples, n_features), default=None
        The rows as the reader knows them, written beside the columns of a waterfall. `data` when not given. Of texts
        the words, "" where there is none (padding).
    feature_names : sequence of str of length n_features, default=None
        ``x0, x1, ...`` when not given. None for images.
    row_names : sequence of str of length n_samples, default=None
        What to write beside the number of a row, such as the class that is explained there.
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
    image_axes_ : ndarray of matplotlib Axes of shape (n_drawn, 1) or (n_drawn, 2)
        Where each image is drawn; its attributions are in the last column. Exists after ``plot("image")``.
    word_texts_ : list of lists of matplotlib Text
        The words of each text drawn. Exists after ``plot("text")``.
    kind_ : str
        The kind of the last picture.
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
        attributions: ArrayLike,
        *,
        base_values: ArrayLike | None = None,
        outputs: ArrayLike | None = None,
        data: ArrayLike | None = None,
        display_data: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        row_names: Sequence[str] | None = None,
        target_name: str | None = None,
        name: str | None = None,
    ) -> None:
        self.attributions = arrays.checked_attributions(attributions, data)
        shape = self.attributions.shape
        self.base_values = arrays.per_row(base_values, "base_values", shape[0])
        self.outputs = arrays.per_row(outputs, "outputs", shape[0])
        self.data = arrays.per_cell(data, "data", shape)
        self.display_data = arrays.per_cell(display_data, "display_data", shape)
        self.feature_names = []
        if len(shape) == 2:
            names = [f"x{i}" for i in range(shape[1])] if feature_names is None else feature_names
            self.feature_names = arrays.names_of(names, "feature_names", shape[1], "columns")
        elif feature_names is not None:
            raise ValueError(
                f"The 'feature_names' parameter of AttributionDisplay must be None for images. Got {feature_names!r}."
            )
        self.row_names = None if row_names is None else arrays.names_of(row_names, "row_names", shape[0], "rows")
        self.target_name = target_name
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        explainer: Any,
        X: Rows,
        *,
        kind: str = "bar",
        max_display: int | None = 10,
        row: int | None = None,
        target: Target | None = None,
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
        X : array-like of shape (n_samples, n_features), (n_samples, ...) of images, or sequence of str
            The rows to explain.
        kind : {"bar", "beeswarm", "waterfall", "heatmap", "image", "text"}, default="bar"
            See :meth:`plot`.
        max_display : int or None, default=10
            See :meth:`plot`.
        row : int, default=None
            See :meth:`plot`.
        target : label or int, default=None
            Which class to draw when the explainer explains all of them.
        target_name : str, default=None
            What is explained, in words and with its unit. The name of `target` where there are several.
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
            row_names=_explained_classes(explainer, X) if kind in ("image", "text") else None,
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
        outputs: ArrayLike | None = None,
        target: Target | None = None,
        classes: ArrayLike | None = None,
        row_names: Sequence[str] | None = None,
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
            Its `values` have shape (n_samples, n_features), (n_features,) for a single row, or that of images,
            (n_samples, n_channels, height, width) or (n_samples, height, width). One more axis at the end, of several
            targets, needs `target`: three axes are (n_samples, n_features, n_targets) unless its `data` are as many
            images of this height and width; four are images of one target unless `data` has three.
        outputs : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The explained output of each row.
        target : label or int, default=None
            Which of several targets to draw: one of `classes` or of the explanation's `output_names`, or an index.
        classes : array-like of shape (n_targets,), default=None
            The labels of the targets.
        row_names : sequence of str of length n_samples, default=None
            What to write beside the number of a row.
        target_name : str, default=None
            What is explained, in words and with its unit. The name of `target` where there are several.
        name : str, default=None
            The title.
        kind : {"bar", "beeswarm", "waterfall", "heatmap", "image", "text"}, default="bar"
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
        data = getattr(explanation, "data", None)
        if arrays.has_targets(values, data):
            labels = classes if classes is not None else getattr(explanation, "output_names", None)
            index = arrays.target_index(target, labels, values.shape[-1])
            values, base_values, outputs = (
                values[..., index],
                arrays.pick(base_values, index),
                arrays.pick(outputs, index),
            )
            target_name = arrays.target_text(labels, index) if target_name is None else target_name
        elif values.ndim == 1:
            values = values[None, :]
        display = cls(
            values,
            base_values=base_values,
            outputs=outputs,
            data=arrays.matching(data, values.shape),
            display_data=arrays.matching(getattr(explanation, "display_data", None), values.shape),
            feature_names=getattr(explanation, "feature_names", None) if values.ndim == 2 else None,
            row_names=row_names,
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
        overlay: bool = True,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> AttributionDisplay:
        """Draw the attributions.

        Parameters
        ----------
        kind : {"bar", "beeswarm", "waterfall", "heatmap", "image", "text"}, default="bar"
            "bar": the mean absolute attribution of each feature, or with `row` the attributions of that row.
            "beeswarm": a point for each row, coloured by the value of the feature, where that is a number or a date.
            "waterfall": the way of one row from the base value to f(x); what the attributions leave over when f(x) is
            known is hatched.
            "heatmap": all rows, their outputs above.
            "image": rows that are images, their attributions (summed over channels) in red where they raise the output
            and blue where they lower it. Each image is drawn from its own smallest to its own largest value, grey, or
            RGB where it has three channels.
            "text": the words of `display_data`, coloured in the same way; :meth:`to_html` gives the same for notebooks.
            All images or texts share one scale of colours, symmetric around 0. It ends at the value that 99 % of the
            absolute attributions drawn do not exceed (at the largest of fewer than 100), and has arrows where some do.
        max_display : int or None, default=10
            How many features get a place of their own, largest mean absolute attribution first (largest absolute
            attribution in pictures of one row). Bar and waterfall add up the others in one bar; beeswarm and heatmap
            say how many are not shown. None shows all. Of images and texts: how many rows are drawn, from the first on.
        row : int, default=None
            The row of a waterfall (the first when None) or of a bar chart; the only image or text to draw.
        row_order : {"similarity", "output"}, default="similarity"
            How a heatmap sorts rows: by clustering their attributions, or by their outputs.
        overlay : bool, default=True
            Whether attributions lie on top of their image, which is light grey then, or beside it.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given, as high as texts need.
        **kwargs : dict
            Passed on to the matplotlib function that draws: ``barh`` (bar, waterfall), ``scatter`` (beeswarm),
            ``imshow`` (heatmap, attributions of images) or ``text`` (words).

        Returns
        -------
        self : AttributionDisplay

        Raises
        ------
        ValueError
            When `kind`, `max_display`, `row` or `row_order` is none of the above, or the attributions do not have the
            shape that `kind` draws.
        """
        caller = "AttributionDisplay.plot"
        check_choice(kind, KINDS, "kind", caller)
        check_choice(row_order, ("similarity", "output"), "row_order", caller)
        arrays.check_kind(kind, self.attributions.shape, self.display_data is not None, caller)
        n_shown = check_max_display(max_display, self.attributions.shape[1], caller)
        if kind in ("image", "text"):
            self._plot_rows(kind, self._rows_drawn(row, max_display, caller), overlay, ax, **kwargs)
            return self
        one_row = row is not None or kind == "waterfall"
        row = arrays.checked_row(0 if row is None else row, len(self.attributions), caller) if one_row else None
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
        self.figure_, self.ax_, self.kind_ = figure, ax, kind
        return self


def _explained_classes(explainer: Any, X: Any) -> list[str] | None:
    """Return the class that is explained of each row where it is the predicted one of many, else None."""
    classes = getattr(explainer, "classes_", ())
    if getattr(explainer, "target", None) != "auto" or len(classes) < 3:
        return None
    return [f"class {label}" for label in explainer.predict(X)]
