"""Metrics of 500 digits and a small convolutional network against Quantus, with pixels replaced by zeros in both."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from benchmarks.common import against_best, size
from sklearn_xai import InputXGradientExplainer, SaliencyExplainer
from sklearn_xai.metrics import faithfulness_correlation, max_sensitivity, perturbation_curve
from tests.parity.quantus_peer import import_quantus, quantus_metric

N_ROWS, N_SUBSETS, SUBSET_SIZE, N_SAMPLES, RADIUS = size(500, 128), 100, 16, 10, 0.2


def small_cnn():
    """Return a network of 8x8 images and ten classes, its weights as drawn."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 10),
    ).eval()  # fmt: skip


def gradients(model, inputs, targets, **kwargs):
    """Explain as Quantus asks for it: a batch of images and the outputs to explain."""
    inputs = torch.as_tensor(inputs, dtype=torch.float32).requires_grad_()
    outputs = model(inputs).gather(1, torch.as_tensor(targets)[:, None]).sum()
    return torch.autograd.grad(outputs, inputs)[0].numpy()


def run():
    """Compare the metrics with attributions at hand; max sensitivity explains the perturbed images in both."""
    import_quantus()
    net = small_cnn()
    X = (load_digits().images[:N_ROWS, None] / 16).astype(np.float32)
    explainer = InputXGradientExplainer(net).fit(0 * X)
    attributions, targets = explainer.transform(X), explainer.explained_targets(X)
    saliency = SaliencyExplainer(net).fit(X)
    slopes = saliency.transform(X)

    correlation = quantus_metric(
        "FaithfulnessCorrelation", nr_runs=N_SUBSETS, subset_size=SUBSET_SIZE, perturb_baseline=0.0
    )
    flipping = quantus_metric("PixelFlipping", features_in_step=1, perturb_baseline=0.0)
    sensitivity = quantus_metric("MaxSensitivity", nr_samples=N_SAMPLES, lower_bound=RADIUS)

    def theirs(metric, a, **call):
        batches = {"x_batch": X.copy(), "y_batch": targets, "a_batch": a.copy()}
        return np.asarray(metric(model=net, **batches, channel_first=True, softmax=False, device="cpu", **call))

    again = {"explain_func": gradients, "explain_func_kwargs": {}}
    own = {"attributions": attributions, "removal": "baseline"}
    contenders = [
        ("faithfulness correlation, 100 subsets of 16", 5,
         lambda: faithfulness_correlation(
             explainer, X, n_subsets=N_SUBSETS, subset_size=SUBSET_SIZE, sample_wise=True, random_state=0, **own),
         lambda n_rows: theirs(correlation, attributions, batch_size=n_rows)),
        ("deletion curve, 64 steps", 4,
         lambda: perturbation_curve(explainer, X, random_state=0, **own)[1][:, 1:],
         lambda n_rows: theirs(flipping, attributions, batch_size=n_rows)),
        ("max sensitivity, 10 draws", 2,
         lambda: max_sensitivity(
             saliency, X, attributions=slopes, n_samples=N_SAMPLES, radius=RADIUS, scale="none", sample_wise=True,
             random_state=0),
         lambda n_rows: theirs(sensitivity, slopes, batch_size=n_rows, **again)),
    ]  # fmt: skip
    for work, target, ours, other in contenders:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            note = f"mean {np.mean(ours()):.4g} vs {np.mean(other(N_ROWS)):.4g}"
        calls = {f"batches of {n_rows}": partial(other, n_rows) for n_rows in (64, N_ROWS)}
        yield against_best(
            f"{work}, {N_ROWS} digits", "Quantus, best batch", target, ours, calls, note=note,
            headline=target == 5,
        )  # fmt: skip
