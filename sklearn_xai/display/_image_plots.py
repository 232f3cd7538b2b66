"""How attributions of images are drawn: a grid of pictures under one scale of colours."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, MISSING, finish_bar, inches_of, no_frame, shorten
from sklearn_xai.display._series import letters_in
from sklearn_xai.display._signed_scale import SignedScale, signed_colormap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL_INCHES = 1.55
ONE_CELL_INCHES = 3.2  # a single image gets more room
LINE_INCHES = 0.18  # of a title
GAP_INCHES = 0.12
FAINTEST = 0.55  # the black of an image below attributions: colours must stay visible on it


@dataclass
class Panel:
    """One image: its title, its picture (grey or RGB, 0 to 1; None when unknown) and its attributions, (H, W)."""

    title: list[str]
    picture: np.ndarray | None
    values: np.ndarray


def summed_over_channels(attributions: np.ndarray) -> np.ndarray:
    """Return attributions of images as (n, H, W)."""
    return attributions if attributions.ndim == 3 else attributions.sum(axis=1)


def channels_first(images: np.ndarray) -> np.ndarray:
    """Return images as (n, C, H, W), or (n, H, W) without channels; one or three at the end are taken for channels."""
    last = images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[-1] in (1, 3)
    return np.moveaxis(images, -1, 1) if last else images


def limits_of(images: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest number of images."""
    return float(images.min()), float(images.max())


def picture_of(image: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Return an image (H, W) or (C, H, W) as grey (H, W) or, with three channels, RGB (H, W, 3), both from 0 to 1.

    The smallest value becomes 0 and the largest 1, over all channels, or with `limits` the first and the second of
    these, what lies beyond being cut off; a constant image becomes grey, what is not finite black. Of other numbers of
    channels the mean is shown.
    """
    values = np.asarray(image, dtype=float)
    values = np.where(np.isfinite(values), values, np.nan)
    if values.ndim == 3:
        values = values.transpose(1, 2, 0) if values.shape[0] == 3 else values.mean(axis=0)
    finite = values[np.isfinite(values)]
    low, high = limits or ((finite.min(), finite.max()) if finite.size else (0.0, 0.0))
    unit = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
    return np.clip(np.nan_to_num(unit, nan=0.0), 0.0, 1.0)


def faint_grey(picture: np.ndarray) -> np.ndarray:
    """Return a picture in light grey, as the ground for colours."""
    grey = picture if picture.ndim == 2 else picture @ np.array([0.299, 0.587, 0.114])
    return FAINTEST + (1 - FAINTEST) * grey


def grid_of(n_panels: int, *, doubled: bool) -> tuple[int, int]:
    """Return the numbers of rows and columns of the grid that holds `n_panels`; pairs of pictures are twice as wide."""
    n_rows = -(-n_panels // (3 if doubled else 5))
    return n_rows, -(-n_panels // n_rows)


def figure_size(panels: list[Panel], *, doubled: bool) -> tuple[float, float]:
    """Return the inches of a figure of images and its scale of colours."""
    n_rows, n_columns = grid_of(len(panels), doubled=doubled)
    side = ONE_CELL_INCHES if len(panels) == 1 else CELL_INCHES
    height, width = panels[0].values.shape
    tall, wide = side * min(1.0, max(height / width, 0.2)), side * min(1.0, max(width / height, 0.2))
    cell_height = tall + _title_inches(panels) + GAP_INCHES
    return n_columns * (wide * (1 + doubled) + GAP_INCHES) + 1.1, max(1.6, n_rows * cell_height + 0.1)


def draw_images(ax: Axes, panels: list[Panel], *, overlay: bool, quantity: str, **kwargs: Any) -> np.ndarray:
    """Draw images and their attributions inside `ax`.

    Return the axes of the pictures, an array of shape (n_panels, 1), or (n_panels, 2) with image and attributions side
    by side.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = SignedScale.of(np.stack([panel.values for panel in panels]))
    apart = not overlay and all(panel.picture is not None for panel in panels)
    style = {"vmin": -scale.limit, "vmax": scale.limit, "interpolation": "nearest", **kwargs}
    shown = ScalarMappable(Normalize(style.pop("vmin"), style.pop("vmax")), style.get("cmap", signed_colormap()))
    style.setdefault("cmap", signed_colormap(transparent=True))

    blank(ax)
    color_bar(ax, shown, quantity, scale.extend)
    cells = _cells(ax, panels, doubled=apart)
    for panel, axes in zip(panels, cells, strict=True):
        if panel.picture is not None:
            draw_picture(axes[0], panel.picture if apart else faint_grey(panel.picture))
        axes[-1].imshow(panel.values, norm=shown.norm, **style)
    return cells


def blank(ax: Axes) -> None:
    """Make axes the invisible frame of the pictures inside."""
    ax.set(xticks=[], yticks=[])
    ax.patch.set_visible(False)
    no_frame(ax)


def color_bar(ax: Axes, shown: Any, quantity: str, extend: str) -> None:
    """Draw the scale of colours right of `ax`, with what they mean and arrows where values lie beyond."""
    arrows: dict[str, Any] = {"extend": extend, "extendfrac": 0.03}
    bar = ax.figure.colorbar(shown, ax=ax, fraction=0.04, pad=0.02, aspect=35, **arrows)
    finish_bar(bar, fill(quantity, max(8, letters_in(inches_of(ax)[1]))))


def draw_picture(ax: Axes, picture: np.ndarray) -> None:
    """Draw a picture, grey or RGB from 0 to 1, as it is."""
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _cells(ax: Axes, panels: list[Panel], *, doubled: bool) -> np.ndarray:
    """Return the axes of all panels inside `ax`, in reading order, titles written above them."""
    n_rows, n_columns = grid_of(len(panels), doubled=doubled)
    width, height = inches_of(ax)
    cell_width, cell_height = (width + GAP_INCHES) / n_columns, (height + GAP_INCHES) / n_rows
    # In axes too small for titles, pictures come first.
    title_height = min(_title_inches(panels), 0.4 * cell_height)
    side = (cell_width - GAP_INCHES) / (1 + doubled)
    cells = np.empty((len(panels), 1 + doubled), dtype=object)
    for i, panel in enumerate(panels):
        row, column = divmod(i, n_columns)
        bottom = height - (row + 1) * cell_height
        for part in range(1 + doubled):
            left = column * cell_width + part * side
            box = (left, bottom + GAP_INCHES, side - 0.04 * doubled, cell_height - title_height - GAP_INCHES)
            cells[i, part] = cell_in(ax, box, (width, height))
        title = "\n".join(shorten(line, max(8, letters_in(cell_width))) for line in panel.title)
        cells[i, 0].set_title(title, fontsize=ANNOTATION_SIZE, color=INK, pad=3, loc="left", linespacing=1.1)
    return cells


def _title_inches(panels: list[Panel]) -> float:
    return LINE_INCHES * max(len(panel.title) for panel in panels) + 0.04


def cell_in(ax: Axes, box: tuple[float, float, float, float], size: tuple[float, float]) -> Axes:
    """Return axes inside `ax`, which is of a size in inches, at a box: left, bottom, width, height."""
    left, bottom, width, height = box
    cell = ax.inset_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    cell.set(xticks=[], yticks=[], anchor="NW")
    for spine in cell.spines.values():
        spine.set(color=MISSING, linewidth=0.6)
    return cell
