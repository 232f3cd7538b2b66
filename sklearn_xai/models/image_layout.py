"""How images lie in memory: how many at once, and with the channels last, where convolutions are faster for it."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


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


def widest(run, z):
    """Return how many numbers a row of images has at most on its way through a network; call it without gradients.

    Parameters
    ----------
    run : callable
        From images to outputs; call inside ``network.frozen()``.
    z : Tensor of shape (n_rows, ...)
    """
    with _Sizes(len(z)) as sizes:
        run(z.clone())
    return max(z.numel(), sizes.largest) // len(z)


class _Sizes(TorchDispatchMode):
    """Remembers the size of the largest tensor of so many rows that an operation gives."""

    def __init__(self, n_rows):
        super().__init__()
        self.n_rows, self.largest = n_rows, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor) and leaf.ndim]
        sizes = [tensor.numel() for tensor in tensors if len(tensor) == self.n_rows]
        self.largest = max([self.largest, *sizes])
        return out
