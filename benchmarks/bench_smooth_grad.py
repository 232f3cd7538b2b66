"""SmoothGrad on 32x32 images against Captum's NoiseTunnel around Saliency: the same noise level and number of draws.

The error is the distance to a mean over 4,000 draws, in pairs of opposite sign.
"""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import NoiseTunnel, Saliency

from benchmarks.common import against_best, size
from benchmarks.nets import cnn, images, rmse
from sklearn_xai import SmoothGradExplainer
from sklearn_xai._rng import isolated_rng

N_ROWS, N_SAMPLES, TARGET = size(32, 8), 50, 1
# Images, and draws of each, that Captum is given at once.
SETTINGS = size(((32, 1), (32, 2), (32, 5), (32, 10), (32, 50), (8, 5), (8, 10), (8, 50)), ((8, 5), (8, 10)))
ERROR_ROWS, MANY, SEEDS = 4, size(4_000, 1_000), range(size(3, 1))


def many_draws(net, rows, deviation):
    """Return the mean gradient at noisy copies of each row."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for row in torch.as_tensor(rows):
        total = torch.zeros_like(row)
        for _ in range(MANY // 200):
            noise = torch.randn(100, *row.shape, generator=generator) * deviation
            points = (row + torch.cat([noise, -noise])).requires_grad_()
            total += torch.autograd.grad(net(points)[:, TARGET].sum(), points)[0].sum(dim=0)
        found.append(total / MANY)
    return torch.stack(found).numpy()


def run():
    """Compare one call on all images with the best of Captum's batches."""
    net, X = cnn(), images(N_ROWS)
    fitted = [SmoothGradExplainer(net, n_samples=N_SAMPLES, target=TARGET, random_state=seed).fit(X) for seed in SEEDS]
    ours, method, z = fitted[0], NoiseTunnel(Saliency(net)), torch.as_tensor(X)
    deviation = float(ours.noise * np.ptp(X))

    def call(n_rows, n_draws):
        def attribute(part):
            return method.attribute(
                part, nt_type="smoothgrad", nt_samples=N_SAMPLES, nt_samples_batch_size=n_draws, stdevs=deviation,
                target=TARGET, abs=False,
            )  # fmt: skip

        return lambda: torch.cat([attribute(part) for part in z.split(n_rows)])

    calls = {f"{n_rows} images x {n_draws} draws": call(n_rows, n_draws) for n_rows, n_draws in SETTINGS}
    exact = many_draws(net, X[:ERROR_ROWS], deviation)
    with isolated_rng(0):
        theirs = call(N_ROWS, N_SAMPLES)()[:ERROR_ROWS].detach()
        mean = np.mean([rmse(explainer.transform(X[:ERROR_ROWS]), exact) for explainer in fitted])
        note = f"RMSE {mean:.1e} vs {rmse(theirs, exact):.1e}"
        result = against_best(
            f"SmoothGrad, {N_SAMPLES} draws, 32x32 CNN", "Captum NoiseTunnel + Saliency, best batch", 1.2,
            lambda: ours.transform(X), calls, n_rows=N_ROWS, note=note, headline=True,
        )  # fmt: skip
    yield result
