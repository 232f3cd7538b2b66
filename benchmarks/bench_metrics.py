"""Metrics of 500 digits and a small convolutional network against Quantus, with pixels replaced by zeros in both."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from benchmarks.common import Result, best_times
from sklearn_xai import InputXGradientExplainer, SaliencyExplainer
from sklearn_xai.metrics import faithfulness_correlation, max_sensitivity, perturbation_curve
from tests.parity.quantus_peer import import_quantus, quantus_metric

N_ROWS, N_SUBSETS, SUBSET_SIZE, N_SAMPLES, RADIUS = 500, 100, 16, 10, 0.2


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
         lambda size: theirs(correlation, attributions, batch_size=size)),
        ("deletion curve, 64 steps", 4,
         lambda: perturbation_curve(explainer, X, random_state=0, **own)[1][:, 1:],
         lambda size: theirs(flipping, attributions, batch_size=size)),
        ("max sensitivity, 10 draws", 2,
         lambda: max_sensitivity(
             saliency, X, attributions=slopes, n_samples=N_SAMPLES, radius=RADIUS, scale="none", sample_wise=True,
             random_state=0),
         lambda size: theirs(sensitivity, slopes, batch_size=size, **again)),
    ]  # fmt: skip
    for work, wanted, ours, other in contenders:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = best_times({"ours": ours, **{size: lambda s=size, f=other: f(s) for size in (64, 500)}})
            found, expected = ours(), other(500)
        best = min((64, 500), key=times.get)
        note = (
            f"{times['ours']:.3f} s vs {times[best]:.3f} s (batches of {best}); mean {np.mean(found):.4g} vs "
            f"{np.mean(expected):.4g}"
        )
        yield Result(f"{work}, 500 digits", "Quantus", times[best] / times["ours"], wanted, note=note)
