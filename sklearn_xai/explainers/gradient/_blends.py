"""The draws of expected gradients, and what is made of them."""

from __future__ import annotations

import numpy as np
import torch

from sklearn_xai.engines import chunk_rows, evaluate, pick, scattered_gradients

_CONTRASTS = 24  # combinations of draws by which errors are measured
_DEGREE = 3  # of the polynomials in alpha that the strata integrate almost without error
_MOST_MATRIX = 2**24  # elements of the matrix of an affine head


# ---------------------------------------------------------------------- draws
def draw_blends(n_background, n_samples, rng):
    """Draw which background row each draw blends with, how far, and with which weight it counts.

    Background rows are used equally often, up to one, and each as a whole has the same weight (without enough draws,
    some are not used). The alphas of those used equally often lie one in each of equal cells, and those of one
    background row in equal strata.

    Returns
    -------
    picked : ndarray of shape (n_samples,) of int
    alphas, weights : ndarray of shape (n_samples,)
    """
    order, often = rng.permutation(n_background), n_samples // n_background
    more = n_samples - often * n_background
    parts = []
    for rows, times in ((order[:more], often + 1), (order[more:], often)):
        if not len(rows) or not times:
            continue
        cells = np.stack([rng.permutation(len(rows)) + k * len(rows) for k in range(times)])
        alphas = (cells + rng.random_sample(cells.shape)) / cells.size
        used = n_background if often else n_samples
        parts.append((np.tile(rows, times), alphas.ravel(), np.full(cells.size, 1 / (used * times))))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def error_contrasts(picked, alphas, weights, rng):
    """Return combinations of draws that have the error of the weighted mean and nothing of the mean itself.

    What the design takes care of is taken out of them: polynomials in alpha, and the differences between background
    rows, if all are used more than once.

    Returns
    -------
    contrasts : ndarray of shape (n_contrasts, n_samples)
        No rows, when there are too few draws.
    """
    rows = np.unique(picked)
    known = np.vander(alphas - 0.5, _DEGREE + 1)
    if len(picked) >= 2 * len(rows):
        known = np.hstack([known, picked[:, None] == rows])
    left, singular, _ = np.linalg.svd(known, full_matrices=False)
    left = left[:, singular > 1e-9 * singular[0]]
    free = len(picked) - left.shape[1]
    if free < 1:
        return np.empty((0, len(picked)))
    drawn = rng.standard_normal((len(picked), min(_CONTRASTS, free)))
    drawn = np.linalg.qr(drawn - left @ (left.T @ drawn))[0]
    return drawn.T * np.sqrt(np.square(weights).sum())


# ---------------------------------------------------------------------- attributions
def expected_gradients(site, v, baselines, draws, context, choose, *, matrix=None, batch_size=None):
    """Return the expected gradients of some rows, and combinations that show their error; inside ``network.frozen()``.

    Parameters
    ----------
    site : Split or Site
    v : Tensor of shape (n_rows, ...)
        The site's variable.
    baselines : Tensor of shape (n_background, ...)
        What plays no part in a row, such as padding, keeps its value.
    draws : tuple of ndarray
        The background row of each draw, its alpha and its weight, (n_samples,) each, and contrasts
        (n_contrasts, n_samples).
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    choose : callable
        From outputs to the index of the explained one.
    matrix : Tensor of shape (n_pre_activations, n_inputs), optional
        The matrix of the site's affine head, as ``head_matrix`` returns it.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    attributions : Tensor of the shape of v
    outputs : Tensor of shape (n_rows, n_outputs)
    base_outputs : Tensor of shape (1 or n_rows, n_outputs)
        Mean output of the baselines.
    errors : Tensor of shape (n_rows, n_contrasts, ...)
        Combinations of the draws; each has a mean of 0 and the variance of the attributions.
    """
    picked = torch.as_tensor(draws[0], device=v.device)
    alphas, weights, contrasts = (torch.as_tensor(part).to(v) for part in draws[1:])
    end, starts = site.enter(v)[0], site.enter(baselines)[0]
    still = site.still(v, context)
    outputs = evaluate(site, end, context)
    target = choose(outputs)
    of_baselines = _outputs_of_baselines(site, v, end, starts, still, context)
    base_outputs = of_baselines.mean(dim=1)
    explained, of_starts = pick(outputs, target), _pick_each(of_baselines, target)
    offsets = (of_starts - of_starts.mean(dim=1, keepdim=True)).expand(len(v), -1)[:, picked]
    expected = explained[:, None] - of_starts.expand(len(v), -1)[:, picked]

    def shifts(part):
        return starts[picked[part]] * (1 - alphas[part]).reshape(-1, *[1] * (starts.ndim - 1))

    pull = _pull_from(site, v, matrix)
    n_known = 3 + len(contrasts)  # the mean, the products with two controls, the contrasts
    sums = v.new_zeros(len(v), n_known, v[0].numel())
    misses = v.new_empty(len(v), len(picked))
    ones, seen = v.new_ones(v[0].numel()), None
    found = scattered_gradients(site, end, alphas, shifts, target, context, still, batch_size)
    for rows, part, gradients in found:
        if part != seen:
            seen, chosen = part, baselines[picked[part]][None]
        shares = v[rows][:, None] - chosen
        if still is not None:
            shares.masked_fill_(still[rows][:, None], 0)
        shares = shares.mul_(pull(gradients)).flatten(2)
        misses[rows, part] = (shares.flatten(0, 1) @ ones).reshape(shares.shape[:2]) - expected[rows, part]
        once = weights[part].expand(len(shares), -1)
        controlled = torch.stack([once, once * misses[rows, part], once * offsets[rows, part]], dim=1)
        every = torch.cat([controlled, contrasts[:, part].expand(len(shares), -1, -1)], dim=1)
        sums[rows] += torch.bmm(every, shares)
    scale = explained.abs() + (expected.abs() * weights).sum(dim=1)
    mean, errors = _corrected(sums, misses, offsets, weights, contrasts, scale)
    return mean.reshape(v.shape), outputs, base_outputs, errors.unflatten(2, v.shape[1:])


def _corrected(sums, misses, offsets, weights, contrasts, scale):
    """Correct the mean of the draws by what is known of them, and the contrasts alike.

    Two numbers of a draw have a known mean: by how much it misses the difference of the outputs that it divides (0
    for each background row), and the output of its background row. The correction is the linear regression of the
    attributions on both, after which they add up.
    """
    (of_miss, of_offset), tiny = ((part * weights).sum(dim=1) for part in (misses, offsets)), _tiny(scale)
    miss, offset = misses - of_miss[:, None], offsets - of_offset[:, None]
    # The covariance is regular: what is constant over the draws up to rounding explains nothing.
    a, c = ((part.square() * weights).sum(dim=1) + tiny for part in (miss, offset))
    b = (miss * offset * weights).sum(dim=1)
    inverse = torch.stack([c, -b, -b, a], dim=1).reshape(-1, 2, 2) / (a * c - b * b)[:, None, None]
    mean = torch.stack([of_miss, of_offset], dim=1)
    slopes = torch.bmm(inverse, sums[:, 1:3] - mean[:, :, None] * sums[:, :1])
    of_contrasts = torch.stack([misses @ contrasts.T, offsets @ contrasts.T], dim=2)
    return sums[:, 0] - torch.bmm(mean[:, None], slopes)[:, 0], sums[:, 3:] - torch.bmm(of_contrasts, slopes)


def _tiny(scale):
    """Return the variance that is taken for rounding; well above it, as what it explains by chance is divided by it."""
    about = torch.finfo(scale.dtype)
    return (2 * about.eps**0.6 * scale).square() + about.tiny


def _outputs_of_baselines(site, v, end, starts, still, context):
    """Return the outputs of the baselines, (1 or n_rows, n_background, n_outputs): of each row where it matters."""
    if len(context) == 1 and still is None:
        return evaluate(site, starts, context)[None]
    each, step = [], max(1, chunk_rows(end[0].numel()) // len(end))
    for part in starts.split(step):
        points = part[None].expand(len(end), *part.shape)
        points = points if still is None else torch.where(still[:, None], end[:, None], points)
        around = context.repeat_interleave(len(part), dim=0)
        each.append(evaluate(site, points.flatten(0, 1), around).unflatten(0, (len(end), len(part))))
    return torch.cat(each, dim=1)


def _pick_each(outputs, target):
    """Return the explained one of outputs (n_rows, n_background, n_outputs)."""
    if isinstance(target, int):
        return outputs[:, :, target]
    outputs = outputs.expand(len(target), -1, -1)
    return outputs.gather(2, target[:, None, None].expand(-1, outputs.shape[1], 1))[:, :, 0]


def head_matrix(site, like):
    """Return the matrix of a site's affine head on tables, (n_pre_activations, n_inputs); None for other sites.

    Parameters
    ----------
    site : Split or Site
    like : Tensor of shape (1, ...)
        One row of the site's variable.
    """
    if not getattr(site, "found", False) or like.ndim != 2:
        return None
    n_inputs = like.shape[1]
    zero = site.enter(torch.zeros_like(like))[0]
    if zero.numel() * n_inputs > _MOST_MATRIX:
        return None
    every = site.enter(torch.eye(n_inputs, dtype=like.dtype, device=like.device))[0]
    return (every - zero).flatten(1).T.contiguous()


def _pull_from(site, v, matrix):
    """Return what turns gradients (n_rows, n_draws, ...) where blends are made into gradients at the variable."""
    if matrix is not None:
        return lambda gradients: gradients.flatten(2) @ matrix
    pulls = {}

    def pull(gradients):
        n, k = gradients.shape[:2]
        if n * k not in pulls:  # the head is affine: where it is differentiated does not matter
            pulls.clear()
            pulls[n * k] = site.enter(v.new_zeros(n * k, *v.shape[1:]))[1]
        return pulls[n * k](gradients.flatten(0, 1)).unflatten(0, (n, k))

    return pull
