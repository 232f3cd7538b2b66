"""What a network makes of rows, at a layer."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sklearn_xai.base.checks import check_rows
from sklearn_xai.metrics._judged import check_explainer
from sklearn_xai.models import find_site, noted_calls
from sklearn_xai.tables import take_rows

_AFFINE = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)
_BATCH = 4096


def find_representation(explainer, layer, metric):
    """Return the function from rows to the values at a layer, (n_rows, n_units).

    Parameters
    ----------
    explainer : fitted explainer
    layer : str, (str, "input") or None
        None is the input of the last affine layer.
    metric : str
        Name of the metric, for messages.

    Raises
    ------
    ValueError
        When the explained model is no network, or has no such layer.
    """
    check_explainer(explainer, metric)
    model = explainer._model
    if model.network is None:
        raise ValueError(
            f"{metric} looks inside a network, but {type(explainer).__name__} explains "
            f"{type(explainer.estimator_).__name__}. Use relative_output_stability, which takes any model."
        )
    named = layer is None or isinstance(layer, str)
    if not named and not (isinstance(layer, tuple) and len(layer) == 2 and layer[1] in ("input", "output")):
        raise ValueError(
            f"The 'layer' parameter of {metric} must be the name of a sub-module, or (name, 'input'). Got {layer!r}."
        )
    few = model.inputs(take_rows(explainer.background_, slice(8)))
    if layer is None:
        last = _last_affine(model.network, few, metric)
        if not last:
            return lambda rows: _inputs(explainer, rows).reshape(len(rows), -1)
        layer = (last, "input")
    site = find_site(model.network, few, layer, metric)

    def represent(rows):
        inputs = _inputs(explainer, rows)
        with model.network.frozen(), torch.no_grad():
            parts = [inputs[start : start + _BATCH] for start in range(0, len(inputs), _BATCH)]
            values = [site.variable(model.network.tensor(part)).flatten(1).cpu().numpy() for part in parts]
        return np.concatenate(values)

    return represent


def _inputs(explainer, rows):
    return explainer._model.inputs(check_rows(explainer, rows, reset=False))


def _last_affine(network, rows, metric):
    """Return the name of the linear layer or convolution that is called last; "" where that is the network itself."""
    affine = [(name, part) for name, part in network.module.named_modules() if isinstance(part, _AFFINE)]
    with noted_calls(affine) as calls, network.frozen(), torch.no_grad():
        network(network.tensor(rows))
    if not calls:
        raise ValueError(
            f"{metric}: {type(network.module).__name__} calls no linear layer and no convolution that is seen. Name "
            "the layer whose output is the representation of a row by 'layer'."
        )
    return calls[-1].name
