"""Activations of 10,000 digits against a bare forward hook and a loop over batches."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from benchmarks.common import against_best, size
from sklearn_xai import LayerActivations

N_ROWS = size(10_000, 2_000)


def perceptron():
    """Return a perceptron of flat digits and the name of its last hidden layer."""
    layers = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(*layers).eval(), "3"


def convolutions():
    """Return a convolutional net of 1x8x8 digits and the name of its last convolution's activation."""
    before = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*before, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10)).eval(), "3"


def bare(module, path, X, n_rows):
    """Return the activations as one gets them with a hook: shape (n_rows, n_units), a channel's mean over places."""
    found = []

    def see(layer, args, output):
        found.append(output.mean(dim=(2, 3)) if output.ndim == 4 else output)

    handle = module.get_submodule(path).register_forward_hook(see)
    with torch.inference_mode():
        for part in torch.as_tensor(X).split(n_rows):
            module(part)
    handle.remove()
    return torch.cat(found).numpy()


def compare(name, module, path, X, **options):
    """Compare one ``transform`` with the best batch of the loop."""
    activations = LayerActivations(module, layer=path).fit(X[:100])
    calls = {n_rows: partial(bare, module, path, X, n_rows) for n_rows in (128, 256, 512, 1024, 2048, N_ROWS)}
    apart = np.abs(activations.transform(X) - calls[N_ROWS]()).max()
    return against_best(
        f"LayerActivations, {N_ROWS:,} digits, {name}", "a bare forward hook loop, best batch", 1.1,
        partial(activations.transform, X), calls, at_most=True, note=f"differ by {apart:.0e}", rounds=40, **options,
    )  # fmt: skip


def run():
    """Compare a perceptron and a convolutional net."""
    digits = np.resize(load_digits().data.astype("f4") / 16, (N_ROWS, 64))
    torch.manual_seed(0)
    yield compare("MLP 64-128-64-10", *perceptron(), digits)
    yield compare("CNN on 8x8 images", *convolutions(), digits.reshape(-1, 1, 8, 8), headline=True)
