"""Pictures of what a network makes of a few rows, as PNG: drawn without pyplot, whose state is the user's."""

from __future__ import annotations

from io import BytesIO

import numpy as np

_CELL = 128  # pixels of the longer side of an image
_MAP = 64  # of a feature map
_GAP = 4
_MOST_MAPS = 16
_MOST_COLUMNS = 30
_QUANTILE = 0.99  # of the absolute attributions: the colours of larger ones are full


def attributions_of_images(rows, values):
    """Return a PNG of images (n, H, W) or (n, C, H, W), each with its attributions beside it.

    Red raises the output and blue lowers it, on one scale; attributions are summed over the channels.
    """
    values = np.asarray(values, float)
    values = values.sum(axis=1) if values.ndim == 4 else values
    limit = np.quantile(np.abs(values), _QUANTILE, method="higher") or np.abs(values).max() or 1.0
    shown = _colored(0.5 + values / (2 * limit), "RdBu_r")
    return _png(_grid([[_picture(row), one] for row, one in zip(rows, shown, strict=True)], _CELL))


def attributions_of_columns(names, values, titles, epoch):
    """Return a PNG of a table of attributions, a line for each column and a place for each row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = np.asarray(values, float)
    largest = np.sort(np.argsort(-np.abs(values).max(axis=0), kind="stable")[:_MOST_COLUMNS])
    few = f" ({len(largest)} of {len(names)} columns)" if len(largest) < len(names) else ""
    names, titles, values = [_short(names[j]) for j in largest], [_short(title) for title in titles], values[:, largest]
    limit = np.abs(values).max() or 1.0
    # Sizes in inches, by the texts: an automatic layout takes longer than all else.
    left, bottom, top = 0.25 + 0.075 * max(map(len, names)), 0.2 + 0.055 * max(map(len, titles)), 0.35
    wide, tall = 0.7 * len(values), 0.24 * len(names)
    size = (left + wide + 1.1, bottom + tall + top)
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    ax = figure.add_axes((left / size[0], bottom / size[1], wide / size[0], tall / size[1]))
    image = ax.imshow(values.T, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.set_xticks(range(len(titles)), titles, rotation=30, ha="right", fontsize=8, rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.tick_params(length=0)
    ax.set_title(f"attributions, epoch {epoch}{few}", fontsize=9, loc="left", x=-left / wide + 0.1)
    place = ((left + wide + 0.15) / size[0], bottom / size[1], 0.12 / size[0], min(tall, 3) / size[1])
    figure.colorbar(image, cax=figure.add_axes(place)).ax.tick_params(labelsize=8)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100, facecolor="white")
    width, height = figure.canvas.get_width_height()
    return height, width, file.getvalue()


def feature_maps(rows, maps):
    """Return a PNG of what the first channels of a layer say of images: a line for each, after the image.

    Each channel has its own scale of brightness, the same in all lines.

    Parameters
    ----------
    rows : ndarray of shape (n, ...)
        Images are drawn in front, what is none is not.
    maps : ndarray of shape (n, n_channels, H, W)
    """
    maps = np.asarray(maps, float)[:, :_MOST_MAPS]
    finite = np.where(np.isfinite(maps), maps, 0.0)
    low, high = (end(finite, axis=(0, 2, 3), keepdims=True) for end in (np.min, np.max))
    shown = _colored((finite - low) / np.where(high > low, high - low, 1.0), "viridis")
    pictures = [[_picture(row)] if row.ndim in (2, 3) else [] for row in rows]
    return _png(_grid([[*before, *line] for before, line in zip(pictures, shown, strict=True)], _MAP))


# ---------------------------------------------------------------------- arrays of colours, (H, W, 3) from 0 to 1
def _colored(unit, name):
    from matplotlib import colormaps

    return colormaps[name](np.clip(unit, 0, 1))[..., :3]


def _picture(row):
    """Return an image (H, W) or (C, H, W) from black to white; of channels that are not three, their mean."""
    row = np.asarray(row, float)
    row = row.transpose(1, 2, 0) if row.ndim == 3 and row.shape[0] == 3 else row.mean(axis=0) if row.ndim == 3 else row
    unit = (row - row.min()) / (np.ptp(row) or 1.0)
    return unit if unit.ndim == 3 else np.repeat(unit[..., None], 3, axis=2)


def _grid(lines, side):
    """Return pictures in lines, each as large as fits into a square of a side, with white between."""
    wide = max(len(line) for line in lines) * (side + _GAP) - _GAP
    page = np.ones((len(lines) * (side + _GAP) - _GAP, wide, 3))
    for i, line in enumerate(lines):
        for j, picture in enumerate(line):
            fitted = _fitted(picture, side)
            top, left = i * (side + _GAP), j * (side + _GAP)
            page[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return page


def _fitted(picture, side):
    """Return a picture whose longer side has so many pixels, each that of the nearest of its own."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    y, x = (np.arange(max(1, round(n * scale))) for n in (height, width))
    y, x = ((at / scale).astype(int).clip(max=n - 1) for at, n in ((y, height), (x, width)))
    return picture[y][:, x]


def _png(page):
    from matplotlib.image import imsave

    file = BytesIO()
    imsave(file, np.ascontiguousarray((page * 255).round().astype(np.uint8)), format="png")
    return page.shape[0], page.shape[1], file.getvalue()


def _short(name, most=24):
    name = str(name)
    return (name if len(name) <= most else f"{name[: most - 1]}…").replace("$", r"\$")
