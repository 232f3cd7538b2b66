"""How sensitive a network is to its inputs, for scikit-learn's own feature elimination."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sklearn_xai.engines import gradient
from sklearn_xai.models import Network, Split, split_pipeline

_DRAWS = 256  # points at which gradients are taken


def attribution_importance(estimator: Any) -> np.ndarray:
    """Return how sensitive a fitted network is to each of its inputs: an ``importance_getter`` for scikit-learn.

    ``RFE(net, importance_getter=attribution_importance)`` and ``RFECV`` call it with the fitted net alone, so that the
    gradients are taken at standard normal rows: standardise the inputs, as a net wants them anyway.

    Parameters
    ----------
    estimator : fitted skorch net, torch.nn.Module, or Pipeline of a scaler and one

    Returns
    -------
    importances : ndarray of shape (n_inputs,)
        Mean absolute gradient of the outputs, of each less the mean of all where there are several.

    Raises
    ------
    ValueError
        When the number of inputs cannot be read off the module.

    Examples
    --------
    >>> from torch import nn
    >>> from sklearn_xai import attribution_importance
    >>> linear = nn.Linear(3, 1)
    >>> attribution_importance(linear).shape
    (3,)
    """
    final = split_pipeline(estimator)[1]
    module = getattr(final, "module_", final)
    sizes = (getattr(part, "in_features", None) or getattr(part, "num_features", None) for part in module.modules())
    n_inputs = next((size for size in sizes if size), None)
    if n_inputs is None:
        raise ValueError(
            "attribution_importance reads the number of inputs off the first Linear or BatchNorm layer, and the "
            f"module {type(module).__name__} has none. Use RFEExplainer instead of RFE."
        )
    rows = np.random.RandomState(0).standard_normal((_DRAWS, n_inputs))
    network = Network(final, rows[:2], caller="attribution_importance")
    with network.frozen():
        z, whole = network.tensor(rows), Split(network)
        slopes = torch.stack([gradient(whole, z, k, z[:1])[0] for k in range(network.n_outputs)])
        if len(slopes) > 1:
            slopes = slopes - slopes.mean(dim=0)
        total = slopes.abs().mean(dim=(0, 1))
    return total.cpu().numpy().astype(np.float64)
