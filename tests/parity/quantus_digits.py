"""The images, the network and the attributions of the comparisons with Quantus.

A removed pixel becomes 0: the only background row is black.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from torch import nn

from sklearn_xai import SaliencyExplainer
from tests.oracles import run, seeded
from tests.parity.quantus_peer import quantus_scores

N_ROWS, SIDE = 12, 8
N_PIXELS = SIDE * SIDE
BLACK = np.zeros((1, 1, SIDE, SIDE), dtype=np.float32)


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 8, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(72, 10),
    )  # fmt: skip


@cache
def network():
    return seeded(cnn, dtype=None)


@cache
def digits(n=N_ROWS):
    """Return images of which no pixel is quite black, so that each one that is removed changes something."""
    images = load_digits().images[:n, np.newaxis] / 16
    return (images + np.random.RandomState(0).uniform(0.02, 0.1, images.shape)).astype(np.float32)


@cache
def explained(method=SaliencyExplainer):
    """Return an explainer of the network's first output, its attributions of the images, and that output's index."""
    explainer = method(network(), target=0).fit(BLACK)
    return explainer, explainer.transform(digits()), np.zeros(N_ROWS, dtype=int)


def both(name, method=SaliencyExplainer, attributions=None, **parameters):
    """Return Quantus's scores of the images."""
    _, own, y = explained(method)
    return np.asarray(
        quantus_scores(name, network(), digits(), y, own if attributions is None else attributions, **parameters)
    )


def network_classes(X):
    return run(network(), X).argmax(axis=1)
