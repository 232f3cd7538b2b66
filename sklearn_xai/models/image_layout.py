"""How images lie in memory: convolutions and pooling on a CPU are faster where the channels come last."""

from __future__ import annotations

import torch


def takes_channels_last(module, run, z):
    """Whether a module convolves images on a CPU, and says the same of them when their channels come last in memory.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
        From images to what the module, or what is left of it, makes of them; call inside ``network.frozen()``.
    z : Tensor of shape (n_rows, n_channels, height, width)
        Images, or what an affine head makes of them. False for rows of any other shape.
    """
    convolves = any(isinstance(layer, torch.nn.Conv2d) for layer in module.modules())
    if not convolves or z.ndim != 4 or z.device.type != "cpu":
        return False
    try:
        with torch.no_grad():
            ordinary, last = run(z.clone()), run(z.clone(memory_format=torch.channels_last))
    except RuntimeError:  # the module views its tensors, which needs the ordinary layout
        return False
    tolerance = 1e-9 if ordinary.dtype == torch.float64 else 1e-5
    return bool((ordinary - last).abs().amax() <= tolerance * (ordinary.abs().amax() + 1e-30))
