"""The pictures of dissections: what each shows, how large it is and what is on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, MISSING, number_text
from sklearn_xai.display._dissection_bars import (
    HEAD,
    ROW,
    Sheet,
    draw_iou_histogram,
    draw_layers,
    draw_lines,
    iou_edges,
    most_frequent,
    name_lines,
    sheet_on,
    styles_of,
    title,
    width_of,
    write_key,
)
from sklearn_xai.display._dissection_heatmap import draw_iou, heatmap_size
from sklearn_xai.display._dissection_images import draw_top_images, images_size
from sklearn_xai.display._dissection_tables import (
    best_table,
    by_layer,
    categories_of,
    counts_table,
    detectors_text,
    largest_iou,
    layer_names_of,
    layers_text,
    nothing_found,
)
from sklearn_xai.display._image_plots import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from sklearn_xai.display._dissection_regions import TopImages
    from sklearn_xai.network.dissection import NetworkDissection


class View(Protocol):
    """What a DissectionDisplay draws."""

    table: DataFrame

    def heading(self) -> list[str]:
        """Return the lines above the picture."""
        ...

    def size(self) -> tuple[float, float]:
        """Return the inches of a figure of its own."""
        ...

    def draw(self, ax: Axes, **kwargs: Any) -> dict[Any, Axes]:
        """Draw on axes, and return the axes inside by name."""
        ...


@dataclass
class Nothing:
    """A picture that says why there is nothing else on it."""

    table: DataFrame
    lines: list[str]
    place: str

    def heading(self) -> list[str]:
        return [self.place]

    def size(self) -> tuple[float, float]:
        return 6.4, 0.9 + ROW * len(self.lines)

    def draw(self, ax: Axes, **kwargs: Any) -> dict[Any, Axes]:
        blank(ax)
        style: dict[str, Any] = {"va": "top", "ha": "left", "fontsize": ANNOTATION_SIZE + 0.5, "color": INK}
        ax.text(0, 0.92, "\n".join(self.lines), transform=ax.transAxes, linespacing=1.5, wrap=True, **style)
        return {}


@dataclass
class TopImagesView:
    """Images that excite units most, their regions drawn."""

    dissection: NetworkDissection
    found: TopImages
    table: DataFrame
    left_out: int

    def heading(self) -> list[str]:
        lines = [f"Where units of {layers_text(self.dissection)} exceed their threshold: bright, outlined"]
        lines.append("Rows of X that excite each unit most, and its activation there")
        shown = len(self.found.units)
        return [*lines, f"{shown} of {shown + self.left_out} detectors, of the largest IoU"] if self.left_out else lines

    def labels(self) -> list[list[str]]:
        """Return what is written beside the images of each unit."""
        labels = []
        for _, unit in self.dissection.report_.iloc[self.found.units].iterrows():
            agree = f"IoU {unit['iou']:.3f} (chance {unit['chance']:.3f})"
            concept = unit["concept"] if unit["detector"] else f"no detector: {unit['concept'] or 'no concept'}"
            labels.append([f"unit {unit.name}", concept, agree, f"threshold {number_text(unit['threshold'])}"])
        return labels

    def size(self) -> tuple[float, float]:
        return images_size(self.found)

    def draw(self, ax: Axes, **kwargs: Any) -> dict[Any, Axes]:
        cells = draw_top_images(ax, self.found, self.labels(), **kwargs)
        names = self.dissection.unit_names_[self.found.units]
        return {(str(names[k]), i): cell for (k, i), cell in np.ndenumerate(cells)}


@dataclass
class DetectorsView:
    """How many detectors there are, of what, and how well units agree with concepts."""

    dissection: NetworkDissection
    max_concepts: int
    table: DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self.table = counts_table(self.dissection)
        self.layers = layer_names_of(self.dissection)
        self.best = best_table(self.dissection)
        self.numbers = by_layer(self.table)
        self.lines, self.n_found = most_frequent(self.numbers, self.layers, self.max_concepts)
        self.styles = styles_of(categories_of(self.dissection))
        seen = set(self.best.loc[self.best["detector"], "category"])
        self.key = [(name, style) for name, style in self.styles.items() if name in seen]
        if self.key:
            self.key.append(("no detector", {"color": MISSING}))
        self._measure()

    def _measure(self) -> None:
        """Find the inches of all parts."""
        n, any_found = len(self.layers), bool(self.n_found)
        names = [f"{layer}: concepts" for layer in self.layers] if n > 1 else ["concepts"]
        self.left = width_of(names) if any_found else 0.5
        self.middle = 3.6  # inches of bars and histograms
        self.bars = (HEAD + 0.26 * 2.2 * n) if any_found else 0.0
        # Columns of the key are as wide as its longest name.
        self.key_columns = max(1, min(3, int(self.middle / (width_of([name for name, _ in self.key]) + 0.45))))
        self.key_height = ROW * -(-len(self.key) // self.key_columns) + 0.25 if self.key else 0.0
        self.histogram = 0.95 if n > 1 else 1.5
        left_tall = self.bars + 0.15 + HEAD + (self.histogram + 0.12) * n + 0.55 + self.key_height
        self.concept_left = self.left + self.middle + 0.35 + self.lines.label_width
        self.column = 1.15 if n > 1 else 2.2
        right_tall = HEAD + ROW * self.lines.n * 1.05 + (0.26 if n > 1 else 0)
        if any_found:
            self.sheet_size = self.concept_left + self.column * n, max(left_tall, right_tall)
        else:
            self.sheet_size = self.left + self.middle + 0.4, left_tall

    def heading(self) -> list[str]:
        text = layers_text(self.dissection)
        if not self.n_found:
            return [f"Dissection of {text}", *nothing_found(self.dissection)]
        return [f"Dissection of {text}: {detectors_text(self.dissection)}"]

    def size(self) -> tuple[float, float]:
        wide, tall = self.sheet_size
        return wide + 0.2, tall + 0.2 + 0.2 * len(self.heading())

    def draw(self, ax: Axes, **kwargs: Any) -> dict[Any, Axes]:
        sheet = sheet_on(ax, self.sheet_size)
        panels: dict[Any, Axes] = {}
        if self.n_found:
            panels["layers"] = sheet.panel(self.left, HEAD, self.middle, self.bars - HEAD)
            title(panels["layers"], "Detectors, and the concepts they detect")
            draw_layers(panels["layers"], self.dissection.summary_, list(self.styles), self.styles, **kwargs)
            panels |= self._draw_concepts(sheet, **kwargs)
        return panels | self._draw_histograms(sheet)

    def _draw_concepts(self, sheet: Sheet, **kwargs: Any) -> dict[Any, Axes]:
        panels: dict[Any, Axes] = {}
        n, head = len(self.layers), HEAD + (0.26 if len(self.layers) > 1 else 0)
        shown = self.numbers.loc[self.lines.pairs]
        most = float(shown.to_numpy().max())
        for j, layer in enumerate(self.layers):
            place = self.concept_left + j * self.column
            panel = sheet.panel(place, head, self.column - 0.1, ROW * 1.05 * self.lines.n)
            draw_lines(panel, self.lines, shown[layer].to_numpy(), self.styles, most, **kwargs)
            if n > 1:
                panel.set_title(layer, fontsize=ANNOTATION_SIZE, color=INK, loc="left")
            if j:
                panel.set_yticks([])
            panels["concepts", layer] = panel
        first = panels["concepts", self.layers[0]]
        name_lines(first, self.lines, {name: style["color"] for name, style in self.styles.items()})
        left = len(self.lines.pairs)
        more = f" ({left} of {self.n_found})" if left < self.n_found else ""
        pad = 0.28 if n > 1 else 0.06
        first.annotate(
            f"Detectors of each concept{more}",
            (-self.lines.label_width / (self.column - 0.1), 1),
            (0, 72 * pad),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=ANNOTATION_SIZE + 0.5,
            color=INK,
            fontweight="bold",
        )
        return panels

    def _draw_histograms(self, sheet: Sheet) -> dict[Any, Axes]:
        threshold = self.dissection.iou_threshold
        edges = iou_edges(largest_iou(self.dissection), threshold)
        top = (self.bars + 0.15 if self.n_found else 0.0) + HEAD
        panels: dict[Any, Axes] = {}
        for j, layer in enumerate(self.layers):
            panel = sheet.panel(self.left, top + j * (self.histogram + 0.12), self.middle, self.histogram)
            draw_iou_histogram(panel, self.best[self.best["layer"] == layer], edges, threshold, self.styles)
            panel.set_ylabel("units", fontsize=ANNOTATION_SIZE, color=INK)
            if j < len(self.layers) - 1:
                panel.tick_params(axis="x", labelbottom=False)
            if len(self.layers) > 1:
                panel.set_ylim(top=1.2 * panel.get_ylim()[1])  # room for the name of the layer
                style: dict[str, Any] = {"ha": "right", "va": "top", "fontsize": ANNOTATION_SIZE, "color": INK}
                panel.text(0.99, 0.97, layer, transform=panel.transAxes, **style)
            panels["iou", layer] = panel
        title(panels["iou", self.layers[0]], "Largest IoU of each unit with a concept")
        panel.set_xlabel(f"IoU (dashed: iou_threshold, {threshold:g})", fontsize=ANNOTATION_SIZE, color=INK)
        if not self.key:
            return panels
        key_top = top + len(self.layers) * (self.histogram + 0.12) + 0.6
        panels["key"] = sheet.panel(self.left, key_top, self.middle, self.key_height - 0.2)
        write_key(panels["key"], self.key, self.key_columns)
        return panels


@dataclass
class IoUView:
    """The IoU of units and concepts as colours."""

    dissection: NetworkDissection
    units: np.ndarray
    concepts: np.ndarray
    table: DataFrame

    def heading(self) -> list[str]:
        lines = [f"IoU of the units of {layers_text(self.dissection)} and concepts"]
        if not len(self.dissection.detectors_):
            lines += nothing_found(self.dissection)
        elif len(self.units) < len(self.dissection.iou_):
            lines.append(f"{len(self.units)} of {len(self.dissection.iou_)} units, of the largest IoU")
        return [*lines, *(["Framed: what a detector detects"] if len(self.dissection.detectors_) else [])]

    def size(self) -> tuple[float, float]:
        return heatmap_size(self.dissection, self.units)

    def draw(self, ax: Axes, **kwargs: Any) -> dict[Any, Axes]:
        draw_iou(ax, self.dissection, self.units, self.concepts, **kwargs)
        return {"iou": ax}
