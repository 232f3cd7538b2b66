"""One row through the whole scikit-learn call against Captum's bare one on the same module."""

from __future__ import annotations

import captum.attr as captum
import numpy as np
import torch
from torch import nn

from benchmarks.common import take_turns, timed
from sklearn_xai import IntegratedGradientsExplainer, SaliencyExplainer


def run():
    """Compare ``transform`` of one row, checks and names included, with ``attribute`` of one tensor."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(103, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)
        ).eval()  # fmt: skip
    X = np.random.RandomState(0).standard_normal((200, 103)).astype(np.float32)
    row, z = X[:1], torch.as_tensor(X[:1])
    baseline = torch.as_tensor(X.mean(axis=0, keepdims=True))

    ours, peer = SaliencyExplainer(net, target=1).fit(X), captum.Saliency(net)
    seconds = take_turns(
        {
            "ours": lambda: ours.transform(row),
            "peer": lambda: peer.attribute(z.requires_grad_(), target=1),  # else Captum warns, each time
        },
        rounds=600,
    )
    yield _result("saliency of one row, 103-128-128-2", "Captum Saliency", seconds, headline=True)

    path, of_path = IntegratedGradientsExplainer(net, target=1, n_steps=50).fit(X), captum.IntegratedGradients(net)
    seconds = take_turns(
        {
            "ours": lambda: path.transform(row),
            "peer": lambda: of_path.attribute(z, baseline, target=1, n_steps=50),
        },
        rounds=300,
    )
    yield _result("integrated gradients of one row, 50 nodes", "Captum IntegratedGradients", seconds)


def _result(work, against, seconds, **options):
    return timed(work, against, 1.5, seconds["ours"], seconds["peer"], at_most=True, **options)
