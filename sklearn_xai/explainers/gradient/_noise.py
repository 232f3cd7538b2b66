"""The noise of SmoothGrad, and what is made of what is said of noisy rows."""

from __future__ import annotations

import numpy as np
import torch

from sklearn_xai.engines import scattered_gradients

_MOST_SHIFTS = 2**24  # elements of the noise after the affine head


def draw_noise(values, n_samples, noise, rng):
    """Draw normal noise that is shared by all rows, in pairs of opposite sign.

    Parameters
    ----------
    values : ndarray of shape (n_background, ...)
        The noise's standard deviation is ``noise`` times the range of these: of each element of a vector, of all
        elements together where a row has several axes.
    n_samples : int
    noise : float
    rng : RandomState

    Returns
    -------
    ndarray of shape (n_samples, ...)
    """
    spread = np.ptp(values, axis=0) if values.ndim == 2 else np.ptp(values)
    half = rng.standard_normal(((n_samples + 1) // 2, *values.shape[1:])) * spread * noise
    return np.concatenate([half, -half])[:n_samples].astype(values.dtype)


def shifts_after_head(site, noise):
    """Return what noise in the variable is where blends are made, (n_samples, ...); None where that is too large."""
    if not getattr(site, "found", False):
        return noise
    zero = site.enter(torch.zeros_like(noise[:1]))[0]
    if zero.numel() * len(noise) > _MOST_SHIFTS:
        return None
    return site.enter(noise)[0] - zero


def mean_gradients(site, v, shifts, target, context, batch_size=None):
    """Return the mean gradient at noisy copies of some rows; call inside ``network.frozen()``.

    The head is affine: noise is added after it, and its backward runs once a row.

    Parameters
    ----------
    site : Split or Site
    v : Tensor of shape (n_rows, ...)
        The site's variable.
    shifts : Tensor of shape (n_samples, ...)
        The noise, where blends are made; what plays no part in a row gets none.
    target : int or int Tensor of shape (n_rows,)
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    batch_size : int, optional
        Network rows run at once.
    """
    h, pull = site.enter(v)
    total, scales = torch.zeros_like(h), h.new_ones(len(shifts))
    still = site.still(v, context)
    found = scattered_gradients(site, h, scales, shifts.__getitem__, target, context, still, batch_size)
    for rows, _, gradients in found:
        total[rows] += gradients.sum(dim=1)
    return pull(total / len(shifts))


class Moments:
    """The mean and the variance over draws that come in parts."""

    def __init__(self):
        self.n, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values):
        """Take in values of shape (n_rows, n_draws, ...)."""
        n, mean = values.shape[1], values.mean(dim=1)
        away = mean - self.mean
        self.squares = self.squares + (values - mean[:, None]).square().sum(dim=1)
        self.squares = self.squares + away.square() * (self.n * n / (self.n + n))
        self.mean = self.mean + away * (n / (self.n + n))
        self.n += n

    def of(self, kind):
        """Return what a kind of SmoothGrad makes of them."""
        if kind == "smoothgrad":
            return self.mean
        variance = self.squares / self.n
        return variance if kind == "vargrad" else variance + self.mean.square()
