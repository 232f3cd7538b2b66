"""What all pictures of attributions share: the arrays of a display, and the words for what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn_xai.display._common import INK, shorten

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes


class PictureParts:
    """Mixin: titles and labels."""

    attributions: np.ndarray
    base_values: np.ndarray | None
    outputs: np.ndarray | None
    data: np.ndarray | None
    display_data: np.ndarray | None
    row_names: list[str] | None
    target_name: str | None
    name: str | None

    def _quantity(self) -> str:
        return "attribution" if self.target_name is None else f"attribution to {shorten(self.target_name, 60)}"

    def _row_text(self, row: int) -> str:
        return f"row {row}" if self.row_names is None else f"row {row}, {self.row_names[row]}"

    def _title(self, ax: Axes, row: int | None = None) -> None:
        parts = [] if self.name is None else [shorten(self.name, 50)]
        if row is not None:
            parts.append(shorten(self._row_text(row), 50))
        if parts:
            ax.set_title(", ".join(parts), loc="left", fontsize="medium", color=INK)
