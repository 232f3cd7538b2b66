"""Grad-CAM on 32x32 images against Captum's LayerGradCam, upsampled to the images, at the last convolution."""

from __future__ import annotations

import torch
from captum.attr import LayerAttribution, LayerGradCam

from benchmarks.common import against_best, in_batches, size
from benchmarks.nets import cnn, farthest, images
from sklearn_xai import GradCAMExplainer

N_ROWS, TARGET = size(256, 128), 1


def run():
    """Compare one call on all images with the best of Captum's batches."""
    net, X = cnn(), images(N_ROWS)
    ours = GradCAMExplainer(net, channels="sum", target=TARGET).fit(X)
    method, z = LayerGradCam(net, net.get_submodule(ours.layer_)), torch.as_tensor(X)

    def attribute(part):
        maps = method.attribute(part, target=TARGET, relu_attributions=True)
        return LayerAttribution.interpolate(maps, X.shape[2:], "bilinear")

    calls = in_batches(attribute, z, (8, 16, 32, 64, 128, 256))
    yield against_best(
        "Grad-CAM, 32x32 CNN", "Captum LayerGradCam, best batch", 1, lambda: ours.transform(X), calls, n_rows=N_ROWS,
        note=farthest(ours.transform(X), calls[32]()), headline=True,
    )  # fmt: skip
