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
    total = torch.empty_like(end)
    values, slopes = end.new_empty(n_rows, n_nodes), end.new_empty(n_rows, n_nodes)
    step = max(1, chunk_rows(end[0].numel(), batch_size) // n_nodes)
    for first in range(0, n_rows, step):
        rows = slice(first, first + step)
        origin = start if len(start) == 1 else start[rows]
        chosen = target if isinstance(target, int) else target[rows]
        total[rows], values[rows], slopes[rows] = _chunk(
            split, like, end[rows], origin, nodes, weights, chosen, batch_size
        )
    return Path(total, values, slopes)


def _chunk(split, like, end, start, nodes, weights, target, batch_size):
    """Blend, run and weigh a few rows: all their nodes in one batch (in several when one row alone is too many)."""
    n_rows, n_nodes = len(end), len(nodes)
    delta = end - start
    flat = delta.reshape(n_rows, 1, -1)
    gradients = end.new_empty(n_rows, n_nodes, flat.shape[2])
    values = end.new_empty(n_rows, n_nodes)
    most = max(1, chunk_rows(flat.shape[2], batch_size) // n_rows)
    for first in range(0, n_nodes, most):
        part = slice(first, first + most)
        blend = torch.addcmul(start.reshape(len(start), 1, -1), nodes[part].reshape(1, -1, 1), flat)
        leaf = blend.reshape(-1, *end.shape[1:]).requires_grad_(True)
        outputs = split.tail(split.own(leaf), like)
        chosen = target if isinstance(target, int) else target.repeat_interleave(len(nodes[part]))
        explained = pick(outputs, chosen)
        found = None
        if explained.requires_grad:
            found = torch.autograd.grad(explained.sum(), leaf, allow_unused=True)[0]
        values[:, part] = explained.detach().reshape(n_rows, -1)
        gradients[:, part] = 0 if found is None else found.reshape(n_rows, -1, flat.shape[2])
    slopes = torch.bmm(gradients, flat.transpose(1, 2))[:, :, 0]
    weight = weights(values, slopes) if callable(weights) else weights.expand(n_rows, n_nodes)
    return torch.bmm(weight[:, None, :], gradients).reshape(end.shape), values, slopes
