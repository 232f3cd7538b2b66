"""Networks, and errors of attributions, that several benchmarks share."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def cnn():
    """Return a convolutional net of 3x32x32 images and ten classes, its weights as drawn."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 8 * 8, 10),
    ).eval()  # fmt: skip


def images(n_rows):
    return np.random.RandomState(0).standard_normal((n_rows, 3, 32, 32)).astype("f4")


def only_output(layers, index):
    """Return a stack of layers with one of its outputs: shap explains all, and would do twice the work on two."""
    *before, last = layers
    alone = nn.Linear(last.in_features, 1)
    with torch.no_grad():
        alone.weight.copy_(last.weight[index : index + 1])
        alone.bias.copy_(last.bias[index : index + 1])
    return nn.Sequential(*before, alone).eval()


def rmse(values, exact):
    return float(np.sqrt(np.square(np.asarray(values) - exact).mean()))


def farthest(values, others):
    """Return the largest difference, and the largest value it may be compared with."""
    values, others = np.asarray(values), np.asarray(others)
    return f"differ by {np.abs(values - others).max():.0e} of {np.abs(others).max():.1g}"


def median_gap(values, net, rows, background, target):
    """Return by how much attributions miss the difference of an output from its mean over the background."""
    with torch.no_grad():
        outputs, base = (net(torch.as_tensor(part))[:, target].double().numpy() for part in (rows, background))
    values = np.asarray(values, dtype=np.float64).reshape(len(rows), -1)
    return float(np.median(np.abs(values.sum(axis=1) - (outputs - base.mean()))))
