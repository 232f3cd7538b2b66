"""The gradient of the explained output at blends of a row and a background.

Every gradient method is a choice of points and weights; batching, memory, the affine head and the choice of the target
are here, once. Call inside ``network.frozen()``.
"""

from __future__ import annotations

from collections import namedtuple

import torch

# Elements of one activation tensor that are computed at once: small enough to stay in a core's cache.
CHUNK_ELEMENTS = 2**20
MAX_CHUNK_ROWS = 8192

Path = namedtuple("Path", ["gradient", "values", "slopes"])
Path.__doc__ = """The weighted gradient along a path.

gradient : Tensor of the shape of the rows; sum of weight times gradient over the nodes.
values : Tensor (n_rows, n_nodes); the explained output at the nodes.
slopes : Tensor (n_rows, n_nodes); its derivative along the path at the nodes.
"""


def chunk_rows(numel, batch_size=None):
    """Return how many network rows to run at once, when one row's pre-activation has ``numel`` elements."""
    if batch_size is not None:
        return batch_size
    return max(16, min(MAX_CHUNK_ROWS, CHUNK_ELEMENTS // max(1, numel)))


def pick(outputs, target):
    """Return the explained output of each row: ``target`` is an index, or a tensor of one index a row."""
    if isinstance(target, int):
        return outputs[:, target]
    return outputs.gather(1, target[:, None])[:, 0]


def gradient(network, z, target, batch_size=None):
    """Return the gradient of the explained output at some rows, and the outputs there.

    Parameters
    ----------
    network : Network
    z : Tensor of shape (n_rows, ...)
    target : int, int Tensor of shape (n_rows,), or callable
        A callable is given the outputs and returns the target.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    gradient : Tensor of shape (n_rows, ...)
    outputs : Tensor of shape (n_rows, n_outputs)
    """
    found, results = [], []
    step = chunk_rows(z[0].numel(), batch_size)
    for first in range(0, len(z), step):
        leaf = z[first : first + step].detach().requires_grad_(True)
        outputs = network(leaf.clone())  # a copy, as the module's first step may be in place
        chosen = target(outputs.detach()) if callable(target) else target
        slope = None
        if outputs.requires_grad:
            slope = torch.autograd.grad(pick(outputs, chosen).sum(), leaf, allow_unused=True)[0]
        found.append(torch.zeros_like(leaf) if slope is None else slope)
        results.append(outputs.detach())
    return torch.cat(found), torch.cat(results)


def path_gradient(split, z, baseline, nodes, weights, target, batch_size=None):
    """Return the weighted gradient at blends ``baseline + node * (z - baseline)`` of each row.

    With an affine head, the blends are made after it: the head and its backward run once per row, not once per node.

    Parameters
    ----------
    split : Split
    z : Tensor of shape (n_rows, ...)
    baseline : Tensor of shape (1, ...) or (n_rows, ...)
    nodes : Tensor of shape (n_nodes,)
    weights : Tensor of shape (n_nodes,), or callable
        A callable gets the values and slopes of some rows, each (n_rows, n_nodes), and returns (n_rows, n_nodes).
    target : int or int Tensor of shape (n_rows,)
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    Path
    """
    end, pull = split.enter(z)
    path = path_gradient_after_head(split, z[:1], end, split.enter(baseline)[0], nodes, weights, target, batch_size)
    return path._replace(gradient=pull(path.gradient))


def path_gradient_after_head(split, like, end, start, nodes, weights, target, batch_size=None):
    """Do as ``path_gradient`` between pre-activations, shape (n_rows, ...), and return the gradient there.

    ``like`` is any one input row, shape (1, ...).
    """
    n_rows, n_nodes = len(end), len(nodes)
    layout = _Layout(end.shape[1:], split.channels_last)
    end, start = layout.flat(end), layout.flat(start)
    total = torch.empty_like(end)
    values, slopes = end.new_empty(n_rows, n_nodes), end.new_empty(n_rows, n_nodes)
    step = max(1, chunk_rows(end.shape[1], batch_size) // n_nodes)
    for first in range(0, n_rows, step):
        rows = slice(first, first + step)
        origin = start if len(start) == 1 else start[rows]
        chosen = target if isinstance(target, int) else target[rows]
        total[rows], values[rows], slopes[rows] = _chunk(
            split, like, layout, end[rows], origin, nodes, weights, chosen, batch_size
        )
    return Path(layout.shaped(total), values, slopes)


class _Layout:
    """Pre-activations as vectors in the order in which the tail reads them, so that blends need no rearranging."""

    def __init__(self, shape, channels_last):
        self.shape, self.channels_last = shape, channels_last

    def flat(self, h):
        """Return pre-activations as vectors."""
        return (h.permute(0, 2, 3, 1) if self.channels_last else h).flatten(1)

    def shaped(self, flat):
        """Return vectors as pre-activations; a view."""
        if not self.channels_last:
            return flat.reshape(-1, *self.shape)
        channels, height, width = self.shape
        return flat.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def _chunk(split, like, layout, end, start, nodes, weights, target, batch_size):
    """Blend, run and weigh a few rows: all their nodes in one batch (in several when one row alone is too many)."""
    n_rows, n_nodes = len(end), len(nodes)
    delta = (end - start)[:, None]
    gradients, values = [], []
    most = max(1, chunk_rows(end.shape[1], batch_size) // n_rows)
    for first in range(0, n_nodes, most):
        part = nodes[first : first + most]
        blend = torch.addcmul(start[:, None], part[:, None], delta)
        leaf = layout.shaped(blend.flatten(0, 1)).requires_grad_(True)
        outputs = split.tail(split.own(leaf), like)
        explained = pick(outputs, target if isinstance(target, int) else target.repeat_interleave(len(part)))
        found = None
        if explained.requires_grad:
            found = torch.autograd.grad(explained.sum(), leaf, allow_unused=True)[0]
        values.append(explained.detach().reshape(n_rows, -1))
        gradients.append(torch.zeros_like(blend) if found is None else layout.flat(found).reshape(blend.shape))
    values, gradients = (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1) for parts in (values, gradients))
    slopes = torch.bmm(gradients, delta.transpose(1, 2))[:, :, 0]
    weight = weights(values, slopes) if callable(weights) else weights.expand(n_rows, n_nodes)
    return torch.bmm(weight[:, None, :], gradients)[:, 0], values, slopes
