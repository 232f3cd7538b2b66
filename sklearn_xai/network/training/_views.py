"""What a network in training makes of a few rows, as TensorBoard takes it: maps, points, gradients, attributions."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sklearn_xai.models import LayerReader, Layout, Network, is_mapping
from sklearn_xai.network._inside import as_layers
from sklearn_xai.network.activations import pool
from sklearn_xai.network.training._pictures import attributions_of_columns, attributions_of_images, feature_maps
from sklearn_xai.network.training._statistics import as_real, describe
from sklearn_xai.tables import take_rows

_COMPILED = "_orig_mod."
_FEW = 8  # rows from which a network is looked at
_BATCH = 256
_MOST_LAYERS = 6


def first_rows(rows, n):
    """Return the first rows of a table, an array or a dict of arrays."""
    return {key: value[:n] for key, value in rows.items()} if is_mapping(rows) else take_rows(rows, slice(n))


def network_and_rows(net, rows, caller):
    """Return a net as a ``Network``, and rows as it takes them."""
    layout = None
    if is_mapping(rows):
        layout = Layout(rows, caller)
        rows = layout.table(rows, caller)
    rows = np.asarray(rows)
    return Network(net, rows[:_FEW], layout=layout, caller=caller), rows


def map_layers(module):
    """Return the names of layers whose maps are worth a look: of 2-d convolution, evenly from the first to the last."""
    names = [name for name, part in module.named_modules() if name and isinstance(part, nn.Conv2d)]
    at = np.unique(np.linspace(0, len(names) - 1, min(len(names), _MOST_LAYERS)).round().astype(int))
    return [names[i] for i in at]


def pictures_of_maps(network, rows, layers, caller):
    """Return the feature maps of some layers for some rows, a PNG for each layer."""
    if not layers:
        return {}
    reader = LayerReader(network, layers, rows, caller)
    flat = [layer for layer, shape in zip(layers, reader.shapes, strict=True) if len(shape) != 3]
    if flat:
        raise ValueError(
            f"The 'layer' parameter of {caller} must name layers that give maps, (channels, height, width) for each "
            f"row. Got {flat}."
        )
    with network.frozen(), torch.no_grad():
        found = reader.read(network.tensor(rows))
    found = [as_real(maps).movedim(1 + axis, 1) for maps, axis in zip(found, reader.unit_axes, strict=True)]
    return {
        f"feature_maps/{layer}": feature_maps(rows, maps.cpu().numpy())
        for layer, maps in zip(layers, found, strict=True)
    }


def points_of(network, rows, embedding, caller):
    """Return the activations of one layer or of several, each (n_rows, n_units); no layer where they are not finite.

    ``embedding="auto"`` is the input of the last layer with weights, and none for a network that has no layer inside.
    """
    if embedding == "auto" and not any(network.module.children()):
        return {}
    layers = as_layers(None if embedding == "auto" else embedding, network, rows[:_FEW], caller)
    reader = LayerReader(network, layers, rows, caller)
    parts = []
    with network.frozen(), torch.no_grad():
        for start in range(0, len(rows), _BATCH):
            values = reader.read(network.tensor(rows[start : start + _BATCH]))
            pooled = [pool(as_real(one), axis, "mean") for one, axis in zip(values, reader.unit_axes, strict=True)]
            parts.append([one.reshape(len(one), -1).cpu().numpy() for one in pooled])
    names = [point.name if point.side == "output" else f"input of {point.name}" for point in reader.points]
    found = {name: np.concatenate(values) for name, values in zip(names, zip(*parts, strict=True), strict=True)}
    return {name: values for name, values in found.items() if np.isfinite(values).all()}


def gradients_of(module, names, bins):
    """Return the histograms of the gradients that the last batch left, by parameter."""
    found = {}
    for name, parameter in module.named_parameters():
        name, gradient = name.replace(_COMPILED, ""), parameter.grad
        if gradient is None or name not in names:
            continue
        gradient = gradient.coalesce().values() if gradient.is_sparse else gradient
        if gradient.numel():
            found[f"gradients/{name}"] = describe(as_real(gradient), bins)
    return found


def picture_of_attributions(recorder, net, n, titles, epoch):
    """Return a PNG of what a recorder's explainer says of its first rows, by tag; none of a net gone wrong."""
    explainer, probe = recorder._explainer(net), recorder._named_probe()
    try:
        values = np.asarray(explainer.fit(probe).transform(first_rows(probe, n)))
    except ValueError:
        if recorder._is_finite(net):
            raise
        return {}
    tag, rows = f"{recorder.name_}/rows", np.asarray(first_rows(probe, n)) if not is_mapping(probe) else None
    if not values.size or not np.isfinite(values).all():
        return {}
    if values.ndim == 2:
        return {tag: attributions_of_columns(explainer.get_feature_names_out(), values, titles[: len(values)], epoch)}
    if values.ndim in (3, 4) and rows is not None and rows.ndim in (3, 4):
        return {tag: attributions_of_images(rows, values)}
    return {}
