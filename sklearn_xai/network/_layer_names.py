"""Lists the layers of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from sklearn_xai._typing import Rows
from sklearn_xai.base.checks import check_is_trained
from sklearn_xai.models import is_net, is_network, noted_calls, split_pipeline, unwrap
from sklearn_xai.network._inside import Look

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 8


def layer_names(estimator: Any, X: Rows | None = None) -> pd.DataFrame:
    """Which layers of a network can be named, and what is the shape of what comes out of them?

    Parameters
    ----------
    estimator : fitted skorch net, torch.nn.Module, or Pipeline that ends in one
    X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...), default=None
        A few rows, from which the shapes are found. Without, names, types and weights are listed.

    Returns
    -------
    layers : DataFrame
        Indexed by the dotted name that the ``layer`` parameters take, in the order of the module. ``type``;
        ``n_parameters``, those of the layers within included; with X also ``shape``, of one row of the layer's output
        (None where that is no tensor, or has no row for each row of X), and ``calls``, how often it is called for a
        row: only a layer that is called once can be read.

    Raises
    ------
    TypeError
        When the estimator is no network.
    NotFittedError
        When the estimator is not fitted.

    See Also
    --------
    LayerActivations : What the units of a layer say of each row.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import layer_names
    >>> module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> print(layer_names(module, np.zeros((5, 4), dtype=np.float32)))
             type  n_parameters shape  calls
    layer
    0      Linear            40  (8,)      1
    1        ReLU             0  (8,)      1
    2      Linear            27  (3,)      1
    """
    import pandas as pd

    final = unwrap(split_pipeline(estimator)[1])
    if not is_network(final):
        raise TypeError(
            "The 'estimator' parameter of layer_names must be a skorch net, a torch.nn.Module, or a Pipeline that ends "
            f"in one. Got {type(final).__name__}."
        )
    check_is_trained(estimator, "layer_names", trains=False)
    module = final.module_ if is_net(final) else final
    module = module._modules.get("_orig_mod", module)
    parts = {name.replace("_orig_mod.", ""): part for name, part in module.named_modules() if name}
    table = pd.DataFrame(
        {
            "type": [type(part).__name__ for part in parts.values()],
            "n_parameters": [sum(p.numel() for p in part.parameters()) for part in parts.values()],
        },
        index=pd.Index(parts, name="layer", dtype=object),
    )
    if X is None:
        return table
    outputs, n = _outputs(estimator, X, parts)
    table["shape"] = [_row_shape(found, n) for found in outputs.values()]
    table["calls"] = [len(found) for found in outputs.values()]
    return table


def _outputs(estimator, X, parts):
    """Return the outputs of all calls of each layer, for a few rows, and how many rows they are."""
    network, inputs = Look.of("layer_names")(estimator, random_state=0).network_and_inputs(X, _ROWS)
    with noted_calls(parts.items()) as calls, network.frozen(), torch.no_grad():
        network(network.tensor(inputs))
    outputs: dict[str, list] = {name: [] for name in parts}
    for call in calls:
        outputs[call.name].append(call.output)
    return outputs, len(inputs)


def _row_shape(found, n):
    value = found[0] if found else None
    value = value[0] if isinstance(value, (tuple, list)) and value else value
    rows = isinstance(value, torch.Tensor) and value.ndim > 0 and len(value) == n
    return tuple(value.shape[1:]) if rows else None
