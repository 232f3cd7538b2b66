"""LRP with the epsilon rule on 32x32 images against zennit."""

from __future__ import annotations

import copy

import torch
from torch import nn

from benchmarks.common import against_best, in_batches, size
from benchmarks.nets import cnn, farthest, images
from sklearn_xai import LRPExplainer
from tests.parity.zennit_peer import import_zennit

N_ROWS, TARGET, EPSILON = size(256, 128), 1, 1e-6


def run():
    """Compare one call on all images with the best of zennit's batches; its hooks are registered before."""
    zennit = import_zennit()
    net, X = cnn(), images(N_ROWS)
    ours = LRPExplainer(net, rule="epsilon", epsilon=EPSILON, target=TARGET).fit(X)
    rules = [((nn.Conv2d, nn.Linear), zennit.rules.Epsilon(EPSILON)), ((nn.ReLU,), zennit.rules.Pass())]
    chosen = nn.functional.one_hot(torch.tensor(TARGET), 10)
    # Its hooks are on a copy, so that ours does not run them.
    method = zennit.attribution.Gradient(
        copy.deepcopy(net), zennit.composites.LayerMapComposite(rules), lambda outputs: outputs * chosen
    )
    with method:
        calls = in_batches(lambda part: method(part)[1], torch.as_tensor(X), (8, 16, 32, 64, 128, 256))
        result = against_best(
            "LRP epsilon, 32x32 CNN", "zennit, best batch", 1, lambda: ours.transform(X), calls, n_rows=N_ROWS,
            note=farthest(ours.transform(X), calls[32]()), headline=True,
        )  # fmt: skip
    yield result
