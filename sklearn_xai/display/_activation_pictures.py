"""How a display composes its pictures of activations."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display import _activation_inputs as excited
from sklearn_xai.display import _activation_plots as plots
from sklearn_xai.display._common import INK, axes_for, number_text, shorten
from sklearn_xai.display._image_plots import LINE_INCHES, picture_of
from sklearn_xai.display._series import letters_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

CALLER = "ActivationDisplay.plot"
PAIRS = 3  # units beside each other


class ActivationPictures:
    """Mixin: the pictures, one for each kind, drawn from arrays."""

    kind: str
    activations: np.ndarray
    units: np.ndarray
    layer: str
    rows: np.ndarray | None
    labels: np.ndarray | None
    inputs: np.ndarray | None
    deviations: np.ndarray | None
    column_names: list[str] | None
    limits: tuple[float, float] | None
    scaled: np.ndarray | None
    means: np.ndarray | None
    zero_shares: np.ndarray | None
    scaling: str
    notes: list[str]
    name: str | None
    ax_: Axes
    figure_: Figure
    image_axes_: np.ndarray
    unit_axes_: tuple[Axes, Axes, Axes]
    word_texts_: list[list[Text]]

    def plot(self, *, ax: Axes | None = None, **kwargs: Any) -> Any:
        """Draw the activations.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``imshow`` (maps, places, sets of rows), ``pcolormesh`` (tables) or ``barh``
            (flat layers).

        Returns
        -------
        self : ActivationDisplay
        """
        if self.kind == "units":
            self._plot_units(ax, **kwargs)
        elif self.kind == "feature_maps":
            self._plot_row(ax, **kwargs)
        else:
            self._plot_inputs(ax, **kwargs)
        return self

    # ------------------------------------------------------------------ the frame
    def _begin(
        self, ax: Axes | None, size: tuple[float, float], title: str, notes: list[str], left: float = 0.0
    ) -> Axes:
        width, height = size
        title = fill(shorten(title if self.name is None else self.name, 200), max(30, int((width - left) * 11)))
        n_lines = title.count("\n") + bool(notes) + len("; ".join(notes)) // letters_in(width)
        figure, ax = axes_for(ax, CALLER, (width, height + LINE_INCHES * n_lines))
        ax.set_title(title, loc="left", fontsize="medium", color=INK)
        self.figure_, self.ax_ = figure, ax
        return ax

    def _unit_names(self) -> list[str]:
        return [f"unit {unit}" for unit in self.units]

    def _row_name(self, place: Any) -> str:
        """Return the number of a row and its label."""
        assert self.rows is not None  # of all kinds there are
        name = f"row {self.rows[place]}"
        return name if self.labels is None else f"{name}: {_label(self.labels[place])}"

    def _view(self) -> list[str]:
        """Say how numbers are shown as grey and colours."""
        if self.limits is None or self.inputs is None:
            return []
        low, high = (number_text(limit) for limit in self.limits)
        shape = self.inputs.shape[0 if self.kind == "feature_maps" else 2 :]
        n_channels = shape[0] if len(shape) == 3 else 1
        mean = "" if n_channels in (1, 3) else f"the mean of {n_channels} channels is "
        what = "each colour is " if n_channels == 3 else mean or "images are "
        ends = f"from {low} to {high}" if n_channels == 3 else f"from {low} (black) to {high} (white)"
        return [f"{what}shown {ends}, the range of X"]

    # ------------------------------------------------------------------ one row
    def _plot_row(self, ax: Axes | None, **kwargs: Any) -> None:
        values, names = self.activations, self._unit_names()
        of = "" if self.rows is None else f", {self._row_name(0)}"
        title, quantity = f"activations of {self.layer}{of}", "activation"
        if values.ndim == 3:
            notes = [*self._view(), *self.notes]
            ax = self._begin(ax, plots.maps_size(values), title, notes)
            plots.write_caption(ax, notes)
            titles = [name + ("" if maps.any() else ": all 0") for name, maps in zip(names, values, strict=True)]
            picture = None if self.inputs is None else picture_of(self.inputs, self.limits)
            self.image_axes_ = plots.draw_maps(ax, values, titles, picture, quantity, **kwargs)
        elif values.ndim == 2:
            words = self.column_names or []
            size = (2.2 + float(np.clip(0.2 * values.shape[1], 3.5, 9.0)), 1.3 + 0.22 * len(names) + 0.5 * bool(words))
            ax = self._begin(ax, size, title, self.notes)
            plots.draw_places(ax, values, names, words, quantity, **kwargs)
            plots.write_caption(ax, self.notes)
        else:
            ax = self._begin(ax, (6.5, 1.2 + 0.27 * len(names)), title, self.notes)
            plots.draw_bars(ax, values, names, quantity, **kwargs)
            plots.write_caption(ax, self.notes)

    # ------------------------------------------------------------------ a set of rows
    def _plot_units(self, ax: Axes | None, **kwargs: Any) -> None:
        n_rows, n_units = self.activations.shape
        size = plots.units_size(n_rows, n_units, self.labels)
        title = f"activations of {self.layer}, {n_rows:,} rows by {n_units} units"
        notes = [*self.notes, *self._never_active()]
        ax = self._begin(ax, size, title, notes)
        shown = self.activations if self.scaled is None else self.scaled
        means = self.activations.mean(axis=0) if self.means is None else self.means
        zeros = (self.activations == 0).mean(axis=0) if self.zero_shares is None else self.zero_shares
        plots.write_caption(ax, notes)
        self.unit_axes_ = plots.draw_units(ax, shown, self.units, self.labels, (means, zeros), self.scaling, **kwargs)

    def _never_active(self) -> list[str]:
        dead = 0 if self.zero_shares is None else int((self.zero_shares == 1).sum())
        verb = "is" if dead == 1 else "are"
        return [f"{dead} of these units {verb} 0 in every row"] if dead else []

    # ------------------------------------------------------------------ inputs
    def _plot_inputs(self, ax: Axes | None, **kwargs: Any) -> None:
        what = "rows of X" if self.kind == "top" else "inputs found, and rows of X,"
        title = f"{what} that excite units of {self.layer} most"
        notes = [*self._view(), *self.notes]
        if self.limits is not None:
            notes = ["above each image its activation", *notes]
            blocks = self._image_blocks()
            ax = self._begin(ax, excited.images_size(blocks), title, notes)
            plots.write_caption(ax, notes)
            self.image_axes_ = excited.draw_image_rows(ax, blocks)
            if self.kind == "maximised":
                self.image_axes_ = self.image_axes_.ravel()[: 2 * len(self.units)].reshape(-1, 2)
        elif self.deviations is not None:
            names = self.column_names or [f"x{j}" for j in range(self.deviations.shape[-1])]
            blocks = [excited.Block([name], self._lines(k)) for k, name in enumerate(self._unit_names())]
            ax = self._begin(ax, excited.table_size(blocks, names), title, notes, excited.titles_inches(blocks))
            excited.draw_table(ax, blocks, names, **kwargs)
            plots.write_caption(ax, notes)
        else:
            blocks = [excited.Block([name], self._lines(k)) for k, name in enumerate(self._unit_names())]
            ax = self._begin(ax, excited.texts_size(blocks), title, notes)
            plots.write_caption(ax, notes)
            self.word_texts_ = excited.draw_texts(ax, blocks)

    def _lines(self, k: int) -> list[excited.Line]:
        """Return the inputs of a unit, with what is written of them in one line."""
        assert self.inputs is not None  # of these kinds there are
        lines = []
        for i, activation in enumerate(self.activations[k]):
            name = self._input_name(k, i)
            deviations = None if self.deviations is None else self.deviations[k, i]
            lines.append(excited.Line([f"{name}   {number_text(float(activation))}"], self.inputs[k, i], deviations))
        return lines

    def _input_name(self, k: int, i: int) -> str:
        if self.kind == "top":
            return self._row_name((k, i))
        return self._row_name(k) if i else "found"

    def _image_blocks(self) -> list[excited.Block]:
        assert self.inputs is not None  # of these kinds there are
        blocks, pairs = [], []
        for k, name in enumerate(self._unit_names()):
            lines = []
            for i, activation in enumerate(self.activations[k]):
                picture = picture_of(self.inputs[k, i], self.limits)
                lines.append(excited.Line([number_text(float(activation)), self._input_name(k, i)], picture))
            if self.kind == "top":
                never = ["never above 0"] if self.activations[k, 0] <= 0 else []
                blocks.append(excited.Block([name, *never], lines))
            else:
                lines[0].title[0] = f"{name}: {lines[0].title[0]}"
                pairs += lines
        if pairs:
            at_once = 2 * min(PAIRS, len(self.units))
            blocks = [excited.Block([], pairs[start : start + at_once]) for start in range(0, len(pairs), at_once)]
        return blocks


def _label(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return number_text(float(value))
    return str(value)
