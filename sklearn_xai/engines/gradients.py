"""The gradient of the explained output at blends of a row and a background.

Every gradient method is a choice of points and weights; batching, memory, the affine head and the choice of the target
are here, once. Call inside ``network.frozen()``.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sklearn_xai.models import Site, Split

# Elements of one activation tensor that are computed at once: small enough to stay in a core's cache.
CHUNK_ELEMENTS = 2**20
MAX_CHUNK_ROWS = 8192

Path = namedtuple("Path", ["gradient", "values", "slopes"])
Path.__doc__ = """The weighted gradient along a path.

gradient : Tensor of the shape of the rows; sum of weight times gradient over the nodes.
values : Tensor (n_rows, n_nodes); the explained output at the nodes.
slopes : Tensor (n_rows, n_nodes); its derivative along the path at the nodes.
"""


def chunk_rows(numel: int, batch_size: int | None = None) -> int:
    """Return how many network rows to run at once, when one row's pre-activation has ``numel`` elements."""
    if batch_size is not None:
        return batch_size
    return max(16, min(MAX_CHUNK_ROWS, CHUNK_ELEMENTS // max(1, numel)))


def pick(outputs: torch.Tensor, target: int | torch.Tensor) -> torch.Tensor:
    """Return the explained output of each row: ``target`` is an index, or a tensor of one index a row."""
    if isinstance(target, int):
        return outputs[:, target]
    return outputs.gather(1, target[:, None])[:, 0]


def one_hot(outputs, target):
    """Return the cotangent of the explained output of each row, of the shape of the outputs."""
    seed = torch.zeros_like(outputs)
    if isinstance(target, int):
        seed.select(1, target).fill_(1)
        return seed
    return seed.scatter_(1, target[:, None], 1)


def evaluate(site: Site | Split, h: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
    """Return the explained outputs for values at a site, without gradients; one row of either serves all others."""
    with torch.no_grad():
        if len(h) == 1 < len(context):
            h = h.expand(len(context), *h.shape[1:])
        return site.tail(site.own(h), context)


def gradient(
    site: Site | Split,
    v: torch.Tensor,
    target: int | torch.Tensor | Callable[[torch.Tensor], Any],
    context: torch.Tensor,
    batch_size: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient of the explained output at some rows, and the outputs there.

    Parameters
    ----------
    site : Split or Site
        Where the gradient is taken: at the input, at the vectors of tokens, at a layer.
    v : Tensor of shape (n_rows, ...)
        The site's variable.
    target : int, int Tensor of shape (n_rows,), or callable
        A callable is given the outputs and returns the target.
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    gradient : Tensor of shape (n_rows, ...)
    outputs : Tensor of shape (n_rows, n_outputs)
    """
    site, step = site.at_rows, chunk_rows(v[0].numel(), batch_size)
    if len(v) <= step:
        return _gradient(site, v, target, context)
    found = []
    for first in range(0, len(v), step):
        rows = slice(first, first + step)
        around = context if len(context) == 1 else context[rows]
        found.append(_gradient(site, v[rows], target if callable(target) else _of_rows(target, rows), around))
    slopes, outputs = zip(*found, strict=True)
    return torch.cat(slopes), torch.cat(outputs)


def _gradient(site, v, target, context):
    leaf = v.detach().requires_grad_(True)
    outputs = site.tail(site.own(leaf), context)
    plain = outputs.detach()
    slope = None
    if outputs.requires_grad:
        cotangent = one_hot(plain, target(plain) if callable(target) else target)
        slope = torch.autograd.grad(outputs, leaf, cotangent, allow_unused=True)[0]
    return torch.zeros_like(leaf) if slope is None else slope, plain


def _of_rows(target, rows):
    return target if isinstance(target, int) else target[rows]


def path_gradient(
    site: Site | Split,
    v: torch.Tensor,
    baseline: torch.Tensor,
    nodes: torch.Tensor,
    weights: torch.Tensor | Callable[..., torch.Tensor],
    target: int | torch.Tensor,
    context: torch.Tensor,
    batch_size: int | None = None,
) -> Path:
    """Return the weighted gradient at blends ``baseline + node * (v - baseline)`` of each row.

    With an affine head, the blends are made after it: the head and its backward run once per row, not once per node.

    Parameters
    ----------
    site : Split or Site
    v : Tensor of shape (n_rows, ...)
        The site's variable: the input rows, the vectors of tokens, or the values of a layer.
    baseline : Tensor of shape (1, ...) or (n_rows, ...)
    nodes : Tensor of shape (n_nodes,)
    weights : Tensor of shape (n_nodes,), or callable
        A callable gets the values and slopes of some rows, each (n_rows, n_nodes), and returns (n_rows, n_nodes).
    target : int or int Tensor of shape (n_rows,)
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    Path
    """
    end, pull = site.enter(v)
    start = site.enter(baseline)[0]
    path = path_gradient_between(site, end, start, nodes, weights, target, context, batch_size)
    return path._replace(gradient=pull(path.gradient))


def path_gradient_between(
    site: Site | Split,
    end: torch.Tensor,
    start: torch.Tensor,
    nodes: torch.Tensor,
    weights: torch.Tensor | Callable[..., torch.Tensor],
    target: int | torch.Tensor,
    context: torch.Tensor,
    batch_size: int | None = None,
) -> Path:
    """Do as ``path_gradient`` between what ``site.enter`` returned, shape (n_rows, ...), with the gradient there."""
    n_rows, n_nodes = len(end), len(nodes)
    layout = _Layout(end.shape[1:], site.channels_last)
    end, start = layout.flat(end), layout.flat(start)
    total = torch.empty_like(end)
    values, slopes = end.new_empty(n_rows, n_nodes), end.new_empty(n_rows, n_nodes)
    step = max(1, chunk_rows(end.shape[1], batch_size) // n_nodes)
    for first in range(0, n_rows, step):
        rows = slice(first, first + step)
        origin, around = (part if len(part) == 1 else part[rows] for part in (start, context))
        total[rows], values[rows], slopes[rows] = _chunk(
            site, around, layout, end[rows], origin, nodes, weights, _of_rows(target, rows), batch_size
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


def _chunk(site, context, layout, end, start, nodes, weights, target, batch_size):
    """Blend, run and weigh a few rows: all their nodes in one batch (in several when one row alone is too many)."""
    n_rows, n_nodes = len(end), len(nodes)
    delta = (end - start)[:, None]
    gradients, values = [], []
    most = max(1, chunk_rows(end.shape[1], batch_size) // n_rows)
    for first in range(0, n_nodes, most):
        part = nodes[first : first + most]
        blend = torch.addcmul(start[:, None], part[:, None], delta)
        leaf = layout.shaped(blend.flatten(0, 1)).requires_grad_(True)
        around = context if len(context) == 1 else context.repeat_interleave(len(part), dim=0)
        outputs = site.tail(site.own(leaf), around)
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


def scattered_gradients(
    site: Site | Split,
    h: torch.Tensor,
    scales: torch.Tensor,
    shifts: Callable[..., torch.Tensor],
    target: int | torch.Tensor,
    context: torch.Tensor,
    still: torch.Tensor | None = None,
    batch_size: int | None = None,
) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Yield the gradients of the explained output at points ``scale * h + shift`` around each row.

    The points of a few rows are one batch; of a row that has too many for one, they come in several parts.

    Parameters
    ----------
    site : Split or Site
    h : Tensor of shape (n_rows, ...)
        Rows where blends are made, as ``site.enter`` returns them.
    scales : Tensor of shape (n_draws,)
    shifts : callable
        Returns the shifts of a slice of the draws, (n_draws_of_it, ...).
    target : int or int Tensor of shape (n_rows,)
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    still : bool Tensor of the shape of h, optional
        What keeps the row's own value.
    batch_size : int, optional
        Network rows run at once.

    Yields
    ------
    rows, draws : slice
    gradients : Tensor of shape (n_rows_of_it, n_draws_of_it, ...)
    """
    n_draws, layout = len(scales), _Layout(h.shape[1:], site.channels_last)
    flat = layout.flat(h)
    most = chunk_rows(flat.shape[1], batch_size)
    step, part = max(1, most // n_draws), min(n_draws, most)
    for start in range(0, n_draws, part):
        draws = slice(start, min(n_draws, start + part))
        shift, scale = layout.flat(shifts(draws))[None], scales[draws][None, :, None]
        for first in range(0, len(h), step):
            rows = slice(first, min(len(h), first + step))
            own = flat[rows][:, None]
            points = torch.addcmul(shift, scale, own)
            if still is not None:
                points = torch.where(layout.flat(still[rows])[:, None], own, points)
            n, k = points.shape[:2]
            leaf = layout.shaped(points.flatten(0, 1)).requires_grad_(True)
            around = context if len(context) == 1 else context[rows].repeat_interleave(k, dim=0)
            chosen = _of_rows(target, rows)
            outputs = site.tail(site.own(leaf), around)
            explained = pick(outputs, chosen if isinstance(chosen, int) else chosen.repeat_interleave(k))
            found = None
            if explained.requires_grad:
                found = torch.autograd.grad(explained.sum(), leaf, allow_unused=True)[0]
            yield rows, draws, (torch.zeros_like(leaf) if found is None else found).unflatten(0, (n, k))
