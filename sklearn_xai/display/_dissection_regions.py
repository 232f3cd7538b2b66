"""Images that excite units most, and where in them the units' activations exceed their thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sklearn_xai.display._image_plots import channels_first
from sklearn_xai.network._dissection_counts import ConceptCounts
from sklearn_xai.network._top_rows import TopRows
from sklearn_xai.network.activations import pool
from sklearn_xai.network.dissection import NetworkDissection
from sklearn_xai.tables import take_rows


@dataclass
class TopImages:
    """The images that excite each unit most, the strongest first.

    ``units`` (n_units,), ``rows`` and ``activations`` (n_units, n_top), ``regions`` (n_units, n_top, H, W) of bool,
    ``images`` (n_units, n_top, H, W) or (n_units, n_top, C, H, W).
    """

    units: np.ndarray
    rows: np.ndarray
    activations: np.ndarray
    images: np.ndarray
    regions: np.ndarray


def find_top_images(dissection: NetworkDissection, X: Any, units: np.ndarray, n_top: int, caller: str) -> TopImages:
    """Return the images of X that excite units most, with the regions of the units, in two looks at X."""
    X = dissection._checked(X)
    _check_images(dissection, X, units, caller)
    layer_of = dissection._layer_of[units]
    # Which of the units of its own layer a unit is.
    within = units - np.searchsorted(dissection._layer_of, layer_of)
    rows, activations = _top(dissection, X, layer_of, within, min(n_top, len(X)), caller)
    chosen, at = np.unique(rows, return_inverse=True)
    at = at.reshape(rows.shape)
    images = channels_first(dissection._model.inputs(take_rows(X, chosen)))
    regions = np.zeros((*rows.shape, *images.shape[-2:]), dtype=bool)
    for batch, values in dissection._activations(take_rows(X, chosen), label=caller):
        for k, (i, unit) in enumerate(zip(layer_of, within, strict=True)):
            here = np.flatnonzero((at[k] >= batch.start) & (at[k] < batch.stop))
            if len(here):
                maps = dissection._maps(values[i], i)[at[k, here] - batch.start, unit : unit + 1].cpu().numpy()
                regions[k, here] = regions_of(maps, dissection.thresholds_[units[k]], images.shape[-2:])
    return TopImages(units, rows, activations, images[at], regions)


def regions_of(maps: np.ndarray, threshold: float, size: tuple[int, int]) -> np.ndarray:
    """Return where a unit exceeds its threshold, as the dissection counts it, shape (n_rows, *size).

    Parameters
    ----------
    maps : ndarray of shape (n_rows, 1, ...)
        A unit without places is above its threshold all over an image, or nowhere.
    threshold : float
    size : (int, int)
        Height and width that activations are brought to.
    """
    thresholds = np.array([threshold], dtype=maps.dtype)
    on = np.zeros((len(maps), math.prod(size)), dtype=bool)
    if maps.ndim == 2:
        on[:] = maps > thresholds
    else:
        for row, _, place in ConceptCounts(thresholds, maps.shape[2:], size, 0).regions(maps):
            on[row, place] = True
    return on.reshape(len(maps), *size)


def _top(dissection, X, layer_of, within, n_top, caller):
    """Return rows and activations, each (n_units, n_top)."""
    found = {int(i): TopRows(n_top) for i in np.unique(layer_of)}
    for batch, values in dissection._activations(X, label=caller):
        for i, top in found.items():
            maps = dissection._maps(values[i], i)[:, torch.as_tensor(within[layer_of == i])]
            top.update(pool(maps, 0, "max"), batch.start)
    rows = np.empty((len(within), n_top), dtype=np.int64)
    activations = np.empty(rows.shape)
    for i, top in found.items():
        rows[layer_of == i], activations[layer_of == i] = top.rows.cpu().numpy(), top.values.cpu().numpy()
    if not np.isfinite(activations).all():
        raise ValueError(f"{caller}: activations are not finite. Does X miss values, or does the network overflow?")
    return rows, activations


def _check_images(dissection, X, units, caller):
    others = "DissectionDisplay.from_detectors and from_iou draw what was found in any data; top_rows gives the rows"
    shape = dissection._model.inputs(take_rows(X, slice(0, 1))).shape[1:]
    places = {dissection._places[i] for i in dissection._layer_of[units]}
    wrong = sorted(place for place in places if len(place) not in (0, 2))
    if wrong:
        raise ValueError(
            f"{caller} draws regions of images, but units of the dissection have places of shape {wrong[0]}, which are "
            f"those of no image. {others} that excite each unit most."
        )
    if len(shape) not in (2, 3) or (len(shape) == 2 and places == {()}):
        raise ValueError(
            f"{caller} draws images, but rows of X come to the network with shape {shape}, not (n_channels, height, "
            f"width). {others} that excite each unit most."
        )
