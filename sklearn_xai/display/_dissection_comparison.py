"""The picture of several networks side by side: how many detectors each has of which category and concept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._dissection_bars import (
    HEAD,
    ROW,
    draw_grouped,
    most_frequent,
    name_lines,
    sheet_on,
    styles_of,
    title,
    width_of,
    write_key,
)
from sklearn_xai.display._dissection_tables import (
    categories_of,
    comparison_table,
    detectors_text,
    largest_iou,
    layers_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from sklearn_xai.network.dissection import NetworkDissection


@dataclass
class ComparisonView:
    """How many detectors several networks have of each category and concept."""

    dissections: Mapping[str, NetworkDissection]
    max_concepts: int
    table: DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self.table = comparison_table(self.dissections)
        self.names = list(self.dissections)
        self.styles = list(styles_of(self.names).values())
        self.lines, self.n_found = most_frequent(self.table, self.names, self.max_concepts)
        self.categories = categories_of(next(iter(self.dissections.values())))
        n = len(self.names)
        self.bar = max(ROW * 0.95, 0.34 / n)
        self.label = width_of([*self.categories, "all categories"])
        self.key_height = ROW * n + 0.1
        self.left_tall = HEAD + self.bar * n * 1.2 * (len(self.categories) + 1)
        right_tall = HEAD + self.bar * n * 1.1 * self.lines.n
        self.concept_left = self.label + 3.5 + self.lines.label_width
        self.sheet_size = self.concept_left + 3.0, self.key_height + max(self.left_tall, right_tall)

    def heading(self) -> list[str]:
        places = {layers_text(one) for one in self.dissections.values()}
        what = places.pop() if len(places) == 1 else "different layers"
        absent = len(self.table) - self.n_found
        more = f", {absent} by none of the networks" if absent else ""
        detected = f"{self.n_found} of {len(self.table)} concepts are detected{more}"
        return [f"Dissection of {what}, one network beside the other", detected]

    def size(self) -> tuple[float, float]:
        wide, tall = self.sheet_size
        return wide + 0.2, tall + 0.65

    def draw(self, ax: Axes, **kwargs: Any) -> dict[Any, Axes]:
        sheet = sheet_on(ax, self.sheet_size)
        panels: dict[Any, Axes] = {"key": sheet.panel(0.0, 0.0, self.sheet_size[0], self.key_height)}
        entries = [
            (f"{name}: {self._detectors(one)}", style)
            for (name, one), style in zip(self.dissections.items(), self.styles, strict=True)
        ]
        write_key(panels["key"], entries, 1)
        top = self.key_height + HEAD
        panels["categories"] = sheet.panel(self.label, top, 3.0, self.left_tall - HEAD)
        self._draw_categories(panels["categories"], **kwargs)
        tall = self.sheet_size[1] - top
        tall = min(tall, self.bar * len(self.names) * 1.1 * self.lines.n)
        panels["concepts"] = sheet.panel(self.concept_left, top, 3.0, tall)
        self._draw_concepts(panels["concepts"], **kwargs)
        return panels

    def _detectors(self, dissection: NetworkDissection) -> str:
        text = detectors_text(dissection)
        if len({layers_text(one) for one in self.dissections.values()}) > 1:
            text += f" in {layers_text(dissection)}"
        if len(dissection.detectors_):
            return text
        return f"{text} (largest IoU {largest_iou(dissection).max():.3g})"

    def _draw_categories(self, ax: Axes, **kwargs: Any) -> None:
        rows = [*self.categories, "(all)"]
        numbers = np.empty((len(rows), len(self.names)))
        texts: list[list[str]] = []
        for i, category in enumerate(rows):
            texts.append([])
            for j, name in enumerate(self.names):
                part = self.table[name] if category == "(all)" else self.table.loc[[category], name]
                numbers[i, j] = part.sum()
                n_unique = int((part > 0).sum())
                concepts = "concept" if n_unique == 1 else "concepts"
                texts[-1].append(f"{numbers[i, j]:g} ({n_unique} {concepts})" if numbers[i, j] else "0")
        draw_grouped(ax, np.arange(len(rows)), numbers, texts, self.styles, len(rows), **kwargs)
        ax.set_yticks(np.arange(len(rows)), [*self.categories, "all categories"])
        title(ax, "Detectors of each category")

    def _draw_concepts(self, ax: Axes, **kwargs: Any) -> None:
        shown = self.table.loc[self.lines.pairs]
        numbers = shown[self.names].to_numpy(dtype=float)
        texts = []
        for row, only in zip(numbers, shown["only"], strict=True):
            alone = f", {only} only" if isinstance(only, str) else ""
            texts.append([f"{number:g}{alone}" if number else "" for number in row])
        places, _ = self.lines.places()
        draw_grouped(ax, places, numbers, texts, self.styles, self.lines.n, **kwargs)
        name_lines(ax, self.lines, {})
        left = len(self.lines.pairs)
        title(ax, "Detectors of each concept" + (f" ({left} of {self.n_found})" if left < self.n_found else ""))
