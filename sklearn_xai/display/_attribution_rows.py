"""How a display composes its pictures of single rows: images and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display import _attribution_arrays as arrays
from sklearn_xai.display import _image_plots as images
from sklearn_xai.display import _text_plots as texts
from sklearn_xai.display._attribution_parts import PictureParts
from sklearn_xai.display._common import ANNOTATION_SIZE, axes_for, check_max_display, number_text
from sklearn_xai.display._text_html import texts_to_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

TEXT_INCHES = 7.5


class RowPictures(PictureParts):
    """Mixin: rows that are images or texts, drawn one by one under one scale of colours."""

    ax_: Axes
    figure_: Figure
    image_axes_: np.ndarray
    word_texts_: list[list[Text]]
    kind_: str

    def to_html(self, *, max_display: int | None = 10, row: int | None = None) -> str:
        """Return the words of texts, each on the colour of its attribution, as HTML.

        The number is the `title` of each word, shown when the pointer rests on it and read by screen readers. The
        scale of colours is that of ``plot("text")``. Notebooks show it by themselves after ``plot("text")``.

        Parameters
        ----------
        max_display : int or None, default=10
            How many rows to show, from the first on. None shows all.
        row : int, default=None
            The only row to show.

        Returns
        -------
        html : str
            One ``<div>``, without scripts or references to files; all words are escaped.

        Raises
        ------
        ValueError
            When the attributions are not of words: `display_data` is missing.

        Examples
        --------
        >>> from sklearn_xai.display import AttributionDisplay
        >>> display = AttributionDisplay([[0.5, -0.2]], display_data=[["good", "<b>"]])
        >>> 'title="+0.5">good</span>' in display.to_html(), "&lt;b&gt;" in display.to_html()
        (True, True)
        """
        caller = "AttributionDisplay.to_html"
        arrays.check_kind("text", self.attributions.shape, self.display_data is not None, caller)
        return self._html(self._rows_drawn(row, max_display, caller))

    def _repr_html_(self) -> str | None:
        # None makes notebooks show the text that repr gives.
        return self._html(self._rows) if getattr(self, "kind_", None) == "text" else None

    def _rows_drawn(self, row: int | None, max_display: int | None, caller: str) -> np.ndarray:
        n_rows = len(self.attributions)
        check_max_display(max_display, n_rows, caller)
        if row is not None:
            return np.array([arrays.checked_row(row, n_rows, caller)])
        return np.arange(n_rows if max_display is None else min(n_rows, max_display))

    def _plot_rows(self, kind: str, rows: np.ndarray, overlay: bool, ax: Axes | None, **kwargs: Any) -> None:
        own_figure, note = ax is None, self._rows_left_out(rows)
        caller = "AttributionDisplay.plot"
        if kind == "image":
            panels = [self._panel(row) for row in rows]
            apart = not overlay and self.data is not None
            width, height = images.figure_size(panels, doubled=apart)
            figure, ax = axes_for(ax, caller, (width, height + 0.3 * (self.name is not None) + 0.3 * bool(note)))
            self._caption(ax, note)
            self.image_axes_ = images.draw_images(ax, panels, overlay=overlay, quantity=self._quantity(), **kwargs)
        else:
            passages = [self._passage(row) for row in rows]
            figure, ax = axes_for(ax, caller, (TEXT_INCHES, 3.0))
            self._caption(ax, note)
            self.word_texts_ = texts.draw_texts(
                ax, passages, quantity=self._quantity(), own_figure=own_figure, **kwargs
            )
        self.figure_, self.ax_, self.kind_, self._rows = figure, ax, kind, rows

    def _caption(self, ax: Axes, note: str) -> None:
        self._title(ax)
        ax.set_xlabel(note, loc="left", fontsize=ANNOTATION_SIZE)

    def _rows_left_out(self, rows: np.ndarray) -> str:
        # A row that was asked for leaves nothing out.
        n_rows, one_chosen = len(self.attributions), len(rows) == 1
        return "" if one_chosen or len(rows) == n_rows else f"({len(rows):,} of {n_rows:,} rows shown)"

    def _panel(self, row: int) -> images.Panel:
        output = arrays.known(self.outputs, row)
        title = [self._row_text(row), *([] if output is None else [f"f(x) = {number_text(output)}"])]
        values = images.summed_over_channels(self.attributions[[row]])[0]
        return images.Panel(title, None if self.data is None else images.picture_of(self.data[row]), values)

    def _passage(self, row: int) -> texts.Passage:
        assert self.display_data is not None  # checked by plot and to_html
        facts = self._facts(row)
        header = ", ".join([self._row_text(row), *(f"{name} = {value}" for name, value in facts.items())])
        return texts.passage_of(header, self.display_data[row], self.attributions[row])

    def _facts(self, row: int) -> dict[str, str]:
        """Return what is known of a row beside its attributions."""
        known = {"f(x)": arrays.known(self.outputs, row), "base value": arrays.known(self.base_values, row)}
        return {name: number_text(value) for name, value in known.items() if value is not None}

    def _html(self, rows: np.ndarray) -> str:
        passages = [self._passage(row) for row in rows]
        found = [self._facts(row) for row in rows]
        columns = [name for name in ("f(x)", "base value") if any(name in facts for facts in found)]
        facts = [
            {"row": self._row_text(row).removeprefix("row ")} | {name: of_row.get(name, "") for name in columns}
            for row, of_row in zip(rows, found, strict=True)
        ]
        return texts_to_html(
            passages,
            facts,
            texts.scale_of(passages),
            caption="" if self.name is None else self.name,
            quantity=self._quantity().replace(r"\$", "$"),  # only matplotlib has formulas
            note=self._rows_left_out(rows),
        )
