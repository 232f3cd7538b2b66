"""The exact functions behind generated data, as modules: nothing in them is learned, and nothing is drawn."""

from __future__ import annotations

from functools import reduce
from operator import mul

import numpy as np
import torch
from torch import nn


def _fixed(array: np.ndarray, dtype: np.dtype) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.array(array, dtype=dtype)), requires_grad=False)


def linear_model(weights: np.ndarray, intercept: float, dtype: np.dtype) -> nn.Module:
    """Return the layer with one output of the given weights (n_features,) and intercept."""
    # The layer would draw its first weights from torch's global generator.
    layer = nn.utils.skip_init(nn.Linear, len(weights), 1)
    layer.weight, layer.bias = _fixed(weights[np.newaxis], dtype), _fixed(np.array([intercept]), dtype)
    return layer.eval()


def template_model(templates: np.ndarray, dtype: np.dtype) -> nn.Module:
    """Return matched filters for templates (n_classes, n_channels, side, side), and the best place of each."""
    n_classes, n_channels, side, _ = templates.shape
    filters = nn.utils.skip_init(nn.Conv2d, n_channels, n_classes, side, bias=False)
    filters.weight = _fixed(templates, dtype)
    return nn.Sequential(filters, nn.AdaptiveMaxPool2d(1), nn.Flatten()).eval()


class TermSum(nn.Module):
    """A constant and products of affine functions of single columns.

    Parameters
    ----------
    intercept : float
    products : list of (columns, scale, shift, factor)
        Each adds ``factor * prod(scale * x[j] + shift for j in columns)``.
    dtype : dtype
    """

    def __init__(self, intercept: float, products: list, dtype: np.dtype):
        super().__init__()
        self.columns = [list(columns) for columns, *_ in products]
        self.affine = [(scale, shift) for _, scale, shift, _ in products]
        self.intercept = _fixed(np.array([intercept]), dtype)
        self.factors = _fixed(np.array([factor for *_, factor in products]), dtype)

    def forward(self, x):
        """Return the sum, (n_samples, 1)."""
        total = self.intercept.expand(len(x))
        for columns, (scale, shift), factor in zip(self.columns, self.affine, self.factors, strict=True):
            # One product after another, for methods that have a rule for a product of two and none for torch.prod.
            total = total + factor * reduce(mul, [scale * x[:, j] + shift for j in columns])
        return total[:, None]


class NearestCentreLinear(nn.Module):
    """The linear function of the nearest centre, ``weights[k] @ (x - centers[k])``.

    Parameters
    ----------
    centers, weights : ndarray of shape (n_clusters, n_features)
    dtype : dtype
    """

    def __init__(self, centers: np.ndarray, weights: np.ndarray, dtype: np.dtype):
        super().__init__()
        self.centers, self.weights = _fixed(centers, dtype), _fixed(weights, dtype)

    def forward(self, x):
        """Return the logit of class 1, (n_samples, 1)."""
        # |x - c|^2 without |x|^2, which is the same for all centres. Which one is nearest has no gradient.
        nearest = ((self.centers**2).sum(dim=1) - 2 * x.detach() @ self.centers.T).argmin(dim=1)
        return ((x - self.centers[nearest]) * self.weights[nearest]).sum(dim=1, keepdim=True)
