"""The thresholds of units, from one pass over their activations."""

from __future__ import annotations

import math

import numpy as np
import torch

from sklearn_xai.network._quantile_sketch import QuantileSketch


class UnitThresholds:
    """Which value are so many of a unit's activations below, and which are the smallest and the largest?

    Parameters
    ----------
    maps : Tensor of shape (n_rows, n_units, ...)
        The first of them.
    n_rows : int
        How many rows there will be.
    quantile : float
    caller : str
        Class name for messages.
    """

    def __init__(self, maps, n_rows, quantile, caller):
        self.caller = caller
        n_units = maps.shape[1]
        dtype = np.float64 if maps.dtype == torch.float64 else np.float32
        n_values = n_rows * math.prod(maps.shape[2:])
        self._sketch = QuantileSketch(n_units, quantile, n_values=n_values, dtype=dtype)
        self._low, self._high = np.full(n_units, np.inf, dtype), np.full(n_units, -np.inf, dtype)

    def update(self, maps, layer):
        """Take in the activations of a batch."""
        by_unit = maps.T.contiguous()[np.newaxis] if maps.ndim == 2 else maps.flatten(2)
        low, high = (extreme.cpu().numpy() for extreme in torch.aminmax(by_unit, dim=2))
        finite = np.isfinite(low) & np.isfinite(high)
        if not finite.all():
            raise ValueError(
                f"{self.caller}: the activations of unit {int(np.argwhere(~finite)[0][1])} of layer {layer!r} are "
                "not all finite numbers. Does X miss values, or does the network overflow?"
            )
        self._low, self._high = np.minimum(self._low, low.min(axis=0)), np.maximum(self._high, high.max(axis=0))
        self._sketch.update(by_unit, axis=1)

    @property
    def thresholds(self):
        """The value that activations of the region of a unit are above."""
        quantile = self._sketch.quantile()
        # Nothing is above the largest value, however many places have it: then these are the region. A constant unit
        # has no lower value, and keeps its threshold.
        return np.where(quantile == self._high, np.nextafter(quantile, self._low), quantile)
