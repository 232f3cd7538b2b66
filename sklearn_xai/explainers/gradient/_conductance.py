"""Layer conductance: how much of the integrated gradients flows through each unit of a layer.

Along the path z(a) from a baseline to a row, unit i has the value h_i(a), and its conductance is the integral of
df/dh_i against dh_i(a). It is summed up from differences of h between points of the path, so that no second derivatives
are needed, and with one exact property: where all rows reach the output through the layer, the units add up to what the
quadrature makes of f(x) - f(b).
"""

from __future__ import annotations

import numpy as np
import torch

from sklearn_xai.engines import evaluate, gradient, pick
from sklearn_xai.engines.gradients import chunk_rows
from sklearn_xai.explainers.gradient._quadrature import AUTO_STEPS, path_nodes, segment_shares
from sklearn_xai.models import Site


class PathFromInput(Site):
    """A layer that is attributed to along a path through the network's inputs.

    Parameters
    ----------
    layer : LayerSite
    """

    def __init__(self, layer):
        super().__init__(layer.network)
        self.layer = layer

    def variable(self, z):
        """Return what is blended: the input."""
        return z

    def context(self, z):
        """Return what the part after the layer needs to know of input rows."""
        return self.layer.context(z)

    def tail(self, h, context):
        """Return the explained outputs of input rows."""
        return self.network(h)


def layer_conductance(layer, z, baselines, choose, *, n_steps="auto", tol=1e-2, method="adaptive", batch_size=None):
    """Return the conductance of a layer's units, averaged over baselines; call inside ``network.frozen()``.

    Parameters
    ----------
    layer : LayerSite
    z : Tensor of shape (n_rows, ...)
        Input rows.
    baselines : Tensor of shape (n_baselines, ...)
        Of the network's input.
    choose : callable
        From outputs to the index of the explained one.
    n_steps : int or "auto"
        Number of nodes; "auto": as many as each row needs.
    tol : float
        Gap that is allowed with "auto", ``tol * max(1, |f(x) - f(b)|)``; where rows reach the output past the layer
        too, the change of the sum from one round to the next.
    method : str
        A quadrature rule.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    conductance : Tensor of shape (n_rows, *shape of the layer)
    outputs : Tensor of shape (n_rows, n_outputs)
    base_outputs : Tensor of shape (1, n_outputs)
        Mean output of the baselines.
    """
    site = PathFromInput(layer)
    outputs = evaluate(site, z, z)
    target = choose(outputs)
    found, base_outputs = z.new_zeros(len(z), *layer.shape), torch.zeros_like(outputs[:1])
    for baseline in baselines[:, None]:
        base_output = evaluate(site, baseline, baseline)
        difference = pick(outputs - base_output, target)
        found += _integrate(layer, z, baseline, target, difference, n_steps, tol, method, batch_size)
        base_outputs = base_outputs + base_output
    return found / len(baselines), outputs, base_outputs / len(baselines)


def passes_through(layer, z):
    """Whether all rows reach the output through the layer only."""
    return len(layer.context(z[:1].expand(2, *z.shape[1:]))) == 1


def _integrate(layer, z, baseline, target, difference, n_steps, tol, method, batch_size):
    """Return the conductance of each row; one whose gap is above the allowed goes a round further."""
    total = z.new_empty(len(z), *layer.shape)
    left = torch.arange(len(z), device=z.device)
    allowed = 0.99 * tol * difference.abs().clamp(min=1)  # the gap of the result is rounded otherwise
    whole = passes_through(layer, z)
    wanted = difference if whole else torch.full_like(difference, torch.inf)
    rounds = AUTO_STEPS if n_steps == "auto" else (n_steps,)
    for steps in rounds:
        chosen = target if isinstance(target, int) else target[left]
        total[left] = _along_path(layer, z[left], baseline, chosen, method, steps, whole, batch_size)
        if steps == rounds[-1]:
            break
        sums = total[left].flatten(1).sum(dim=1)
        far = (sums - wanted[left]).abs() > allowed[left]
        if not whole:  # nothing tells what the units must add up to: the next round tells how far this one was
            wanted[left] = sums
        left = left[far]
        if not len(left):
            break
    return total


def _along_path(layer, z, baseline, target, method, n_steps, whole, batch_size):
    nodes, weights = path_nodes(method, n_steps)
    segments = method == "adaptive" and n_steps > 1
    # The rule's nodes stand for cells of the path, one as wide as the other's weight.
    edges = None if segments else np.concatenate([[0.0], np.cumsum(weights)])
    numel = max(z[0].numel(), int(np.prod(layer.shape)))
    step = max(1, chunk_rows(numel, batch_size) // n_steps)
    most = max(2, min(n_steps, chunk_rows(numel, batch_size)))  # nodes of a row that are run at once
    total = z.new_empty(len(z), *layer.shape)
    for first in range(0, len(z), step):
        rows = slice(first, first + step)
        path = _Path(layer, z[rows], baseline, target if isinstance(target, int) else target[rows], batch_size)
        if segments:
            total[rows] = _by_segments(path, nodes, most, whole)
        else:
            total[rows] = _by_cells(path, nodes, edges, most)
    return total


def _by_segments(path, nodes, most, whole):
    """Give each change of the units to the gradients at its two ends, so that the segment's completeness holds."""
    total, last = 0, None
    for first in range(0, len(nodes), most):
        found = path.gradients(nodes[first : first + most])
        if last is not None:
            found = [torch.cat([end, part], dim=1) for end, part in zip(last, found, strict=True)]
        h, slopes, values = found
        last = [part[:, -1:] for part in found]
        if h.shape[1] < 2:
            continue
        change = h[:, 1:] - h[:, :-1]
        left, right = slopes[:, :-1], slopes[:, 1:]
        share = 0.5
        if whole:
            ends = ((change * slope).sum(dim=2) for slope in (left, right))
            share = segment_shares(values[:, 1:] - values[:, :-1], *ends)[:, :, None]
        total = total + (change * (share * left + (1 - share) * right)).sum(dim=1)
    return path.shaped(total)


def _by_cells(path, nodes, edges, most):
    """Give the change of the units in the cell around each node to the gradient at the node."""
    total = 0
    for first in range(0, len(nodes), most):
        slopes = path.gradients(nodes[first : first + most])[1]
        h = path.units(edges[first : first + most + 1])
        total = total + ((h[:, 1:] - h[:, :-1]) * slopes).sum(dim=1)
    return path.shaped(total)


class _Path:
    """Blends of a few rows and a baseline, as what goes through a layer."""

    def __init__(self, layer, z, baseline, target, batch_size):
        self.layer, self.z, self.baseline = layer, z, baseline
        self.target, self.batch_size = target, batch_size

    def _blends(self, nodes):
        nodes = torch.as_tensor(nodes).to(self.z).reshape(1, -1, *[1] * (self.z.ndim - 1))
        return torch.addcmul(self.baseline[:, None], nodes, (self.z - self.baseline)[:, None]).flatten(0, 1)

    def _apart(self, tensor):
        return tensor.reshape(len(self.z), -1, int(np.prod(self.layer.shape)))

    def shaped(self, total):
        """Return one vector for each row as values of the layer."""
        return total.reshape(len(self.z), *self.layer.shape)

    def units(self, nodes):
        """Return what goes through the layer, (n_rows, n_nodes, n_units)."""
        with torch.no_grad():
            return self._apart(self.layer.variable(self._blends(nodes)))

    def gradients(self, nodes):
        """Return the units, the gradients there, both (n_rows, n_nodes, n_units), and the outputs (n_rows, n_nodes)."""
        blends = self._blends(nodes)
        with torch.no_grad():
            h = self.layer.variable(blends)
        target = self.target if isinstance(self.target, int) else self.target.repeat_interleave(len(nodes))
        slopes, outputs = gradient(self.layer, h, target, self.layer.context(blends), self.batch_size)
        return [self._apart(h), self._apart(slopes), pick(outputs, target).reshape(len(self.z), -1)]
