"""How a display composes its pictures of tables: what goes on which axes, with which labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display import _attribution_arrays as arrays
from sklearn_xai.display import _attribution_plots as plots
from sklearn_xai.display._attribution_parts import PictureParts
from sklearn_xai.display._common import ANNOTATION_SIZE, shorten, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class TablePictures(PictureParts):
    """Mixin: pictures of attributions of shape (n_samples, n_features)."""

    feature_names: list[str]
    max_points: int
    output_ax_: Axes

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
        data = self.display_data if self.display_data is not None else self.data  # codes of categories have no order
        numbers = None if data is None else np.column_stack([arrays.numbers_of(data[:, column]) for column in columns])
        labels = self._labels()
        plots.draw_beeswarm(
            ax,
            self.attributions[np.ix_(rows, columns)],
            None if numbers is None else numbers[rows],
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

    def _left_out(self, n_shown: int, n_drawn: int) -> str:
        n_rows, n_features = self.attributions.shape
        parts = []
        if n_drawn < n_rows:
            parts.append(f"{n_drawn:,} of {n_rows:,} rows drawn")
        if n_shown < n_features:
            parts.append(f"{n_features - n_shown:,} features of less weight not shown")
        return f"\n({'; '.join(parts)})" if parts else ""

    def _sample(self, size: int) -> np.ndarray:
        """Return the rows to draw: all, or the same sample of them every time."""
        n_rows = len(self.attributions)
        if n_rows <= size:
            return np.arange(n_rows)
        return np.sort(np.random.RandomState(0).choice(n_rows, size, replace=False))
