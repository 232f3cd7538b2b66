"""Inputs that excite a unit most: among rows of data, and among all inputs, found by gradient ascent."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils import Bunch

from sklearn_xai._checks import check_choice, check_whole
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai._typing import Layer, Rows, Seed
from sklearn_xai.base.findings import Findings
from sklearn_xai.network._inside import Look
from sklearn_xai.network._top_rows import TopRows
from sklearn_xai.network.activations import pool

_CALLER = "maximise_activation"


def total_variation(images):
    """Return the mean squared difference of neighbouring pixels of each image, shape (n_images,).

    Parameters
    ----------
    images : Tensor of shape (n_images, n_channels, height, width)

    References
    ----------
    A. Mahendran, A. Vedaldi (2016). Visualizing Deep Convolutional Neural Networks Using Natural Pre-images.
    """
    down, right = images.diff(dim=-2).square(), images.diff(dim=-1).square()
    return sum(part.flatten(1).mean(dim=1) if part[0].numel() else 0 for part in (down, right))


def top_rows(
    estimator: Any,
    X: Rows,
    *,
    layer: Layer = None,
    n_top: int = 9,
    pooling: Literal["max", "mean"] = "max",
    batch_size: int | None = None,
    verbose: int | bool = 0,
) -> Bunch:
    """Which rows excite each unit of a layer most?

    Parameters
    ----------
    estimator : fitted skorch net, torch.nn.Module, or Pipeline that ends in one
    X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
    layer : str, (str, "input") or None, default=None
        As for ``LayerActivations``.
    n_top : int, default=9
        Rows for each unit.
    pooling : {"max", "mean"}, default="max"
        What is taken of a unit's places.
    batch_size : int, default=None
        Rows given to the network at once.
    verbose : int, default=0
        Shows progress when positive.

    Returns
    -------
    found : Bunch
        ``rows`` (n_units, n_top) of int, places of rows in X, the strongest first and of equal ones the first;
        ``activations`` (n_units, n_top), ``layer``.

    Raises
    ------
    ValueError
        When ``n_top`` is not a positive integer, or the layer cannot be read.

    See Also
    --------
    maximise_activation : The input of all that excites a unit most.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import top_rows
    >>> found = top_rows(nn.Sequential(nn.Identity(), nn.Linear(2, 1)), np.diag([1.0, 2.0]), layer="0", n_top=1)
    >>> found.rows.tolist()
    [[0], [1]]
    """
    check_whole(n_top, "n_top", "top_rows")
    check_choice(pooling, ("max", "mean"), "pooling", "top_rows")
    look = Look.of("top_rows")(estimator, layer=layer, batch_size=batch_size, random_state=0, verbose=verbose)
    return _top(look, look.at_one_layer(X), n_top, pooling)


def _top(look, X, n_top, pooling):
    """Return the rows that excite each unit of one layer most."""
    top, is_nan = TopRows(n_top), np.zeros(len(X), dtype=bool)
    for rows, values in look._activations(X, "top_rows"):
        found = pool(values[0], look.unit_axis, pooling)
        is_nan[rows] = found.isnan().any(dim=1).cpu().numpy()
        top.update(found, rows.start)
    look._check_no_nan(is_nan, X)
    return Findings(rows=top.rows.cpu().numpy(), activations=top.values.cpu().numpy(), layer=look.layers_[0])


def maximise_activation(
    estimator: Any,
    X: Rows,
    *,
    layer: Layer = None,
    units: int | Sequence[int] | None = None,
    pooling: Literal["mean", "max"] = "mean",
    n_steps: int = 256,
    learning_rate: float = 0.05,
    jitter: int = 0,
    tv_weight: float = 0.0,
    l2_weight: float = 0.0,
    bounds: Literal["range"] | tuple[float, float] | None = "range",
    start: Literal["mean", "noise"] | np.ndarray = "mean",
    random_state: Seed = None,
    verbose: int | bool = 0,
) -> Bunch:
    r"""Which input excites a unit most?

    Gradient ascent on the input, from the mean of X or from noise, within the range of X:

    .. math:: x^* = \arg\max_x a_u(x) - \lambda_{tv} TV(x) - \lambda_2 \|x - \bar x\|^2 / d.

    All units are one batch. Steps are Adam's, in units of the range of each column (or channel). The best
    input on the way is kept, so that none is worse than the start; with ``jitter`` the last one.

    Parameters
    ----------
    estimator : fitted skorch net, torch.nn.Module, or Pipeline that ends in one
        Behind a Pipeline, the inputs found are those of the network, after the preprocessing.
    X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows of data: the range and the start, and the rows that are compared.
    layer : str, (str, "input") or None, default=None
        As for ``LayerActivations``.
    units : int or list of int, default=None
        None is all units.
    pooling : {"mean", "max"}, default="mean"
        What is maximised of a unit's places.
    n_steps : int, default=256
    learning_rate : float, default=0.05
        As a share of the range of a column.
    jitter : int, default=0
        Images are shifted by up to so many pixels before each step, and back: patterns then do not hang on a place.
    tv_weight : float, default=0.0
        Weight of the total variation of images, ``total_variation``; smooths.
    l2_weight : float, default=0.0
        Weight of the mean squared distance from the mean of X, in squared units of the range.
    bounds : {"range"}, None or (low, high), default="range"
        What an input must stay within: the range of X column by column (channel by channel), nothing, or two numbers.
    start : {"mean", "noise"} or ndarray of the shape of a row, default="mean"
        "noise" is uniform within a tenth of the range about the mean.
    random_state : int, RandomState instance or None, default=None
        Seeds noise and jitter.
    verbose : int, default=0
        Shows progress when positive.

    Returns
    -------
    found : Bunch
        ``inputs`` (n_units, ...), ``activations`` (n_units,) there, ``start_activations`` (n_units,), ``data_rows``
        (n_units,) the row of X that excites the unit most, ``data_activations`` (n_units,) how much, ``units`` and
        ``layer``.

    Raises
    ------
    ValueError
        For parameters that do not fit, or a network that looks whole numbers up, which have no gradient.

    See Also
    --------
    top_rows : The rows of data that excite a unit most.
    ActivationDisplay : Draws both.

    References
    ----------
    D. Erhan, Y. Bengio, A. Courville, P. Vincent (2009). Visualizing Higher-Layer Features of a Deep Network.

    K. Simonyan, A. Vedaldi, A. Zisserman (2014). Deep Inside Convolutional Networks.

    A. Mordvintsev, C. Olah, M. Tyka (2015). Inceptionism: Going Deeper into Neural Networks.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch import nn
    >>> from sklearn_xai import maximise_activation
    >>> unit = nn.Linear(2, 1)
    >>> _ = unit.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> X = np.random.RandomState(0).uniform(-1, 1, (50, 2))
    >>> found = maximise_activation(nn.Sequential(unit, nn.Tanh()), X, layer="0")
    >>> bool(np.allclose(found.inputs, [[X[:, 0].max(), X[:, 1].min()]], atol=1e-5))
    True
    """
    _check_settings(pooling, n_steps, learning_rate, jitter, tv_weight, l2_weight)
    look = Look.of(_CALLER)(estimator, layer=layer, random_state=random_state, verbose=verbose)
    X = look.at_one_layer(X)
    network = look._model.network
    inputs = look._model.inputs(X)
    if not network.tensor(inputs[:1]).is_floating_point() or network.takes_integers:
        raise ValueError(
            f"{_CALLER}: the network looks whole numbers up, such as ids of tokens, which have no gradient. Use "
            "top_rows, or name a layer after the embedding of another module."
        )
    images = inputs.ndim == 4
    if not images and (jitter or tv_weight):
        raise ValueError(
            f"{_CALLER}: 'jitter' and 'tv_weight' are of images (n_samples, n_channels, height, width). X has rows of "
            f"shape {inputs.shape[1:]}."
        )
    chosen = look.units(units)
    top = _top(look, X, 1, pooling)
    ascent = _Ascent(look, inputs, chosen, pooling, bounds)
    rng = np.random.RandomState(draw_seed(own_random_state(random_state)))
    first = ascent.start(start, rng)
    x, activations, before = ascent.climb(first, n_steps, learning_rate, jitter, tv_weight, l2_weight, rng)
    return Findings(
        inputs=x,
        activations=activations,
        start_activations=before,
        data_rows=top.rows[chosen, 0],
        data_activations=top.activations[chosen, 0],
        units=chosen,
        layer=look.layers_[0],
    )


class _Ascent:
    """Gradient ascent on inputs, one for each unit, in units of the range of the data."""

    def __init__(self, look, inputs, units, pooling, bounds):
        self.look, self.pooling, self.network = look, pooling, look._model.network
        self.units = units
        axes = (0, 2, 3) if inputs.ndim == 4 else 0
        low, high = inputs.min(axis=axes, keepdims=True), inputs.max(axis=axes, keepdims=True)
        self.shape, self.mean = inputs.shape[1:], inputs.mean(axis=0, keepdims=True)
        self.low, self.width = low, np.where(high > low, high - low, 1.0)
        self.limits = self._limits(bounds, low, high)

    def _limits(self, bounds, low, high):
        """Return the smallest and largest share of the range that an input may take, or None."""
        if bounds is None:
            return None
        if isinstance(bounds, str) and bounds == "range":
            return (low - self.low) / self.width, (high - self.low) / self.width
        pair = isinstance(bounds, (tuple, list)) and len(bounds) == 2
        if not pair or not all(isinstance(b, Real) for b in bounds) or not bounds[0] < bounds[1]:
            raise ValueError(
                f"The 'bounds' parameter of {_CALLER} must be 'range', None or (low, high), low being less. Got "
                f"{bounds!r}."
            )
        return tuple((bound - self.low) / self.width for bound in bounds)

    def start(self, start, rng):
        """Return where the ascent begins, as shares of the range, shape (n_units, ...)."""
        shape = (len(self.units), *self.shape)
        mean = np.broadcast_to((self.mean - self.low) / self.width, shape)
        if isinstance(start, str) and start == "mean":
            return mean
        if isinstance(start, str) and start == "noise":
            return mean + 0.1 * (rng.random_sample(shape) - 0.5)
        if isinstance(start, str) or np.shape(start) != self.shape:
            got = repr(start) if isinstance(start, str) else f"shape {np.shape(start)}"
            raise ValueError(
                f"The 'start' parameter of {_CALLER} must be 'mean', 'noise' or an array of shape {self.shape}. Got "
                f"{got}."
            )
        return np.broadcast_to((np.asarray(start) - self.low) / self.width, shape)

    def climb(self, first, n_steps, learning_rate, jitter, tv_weight, l2_weight, rng):
        """Return the best inputs on the way, their activations, and those at the start."""
        network = self.network
        with network.frozen():
            low, width, mean = (self._tensor(part) for part in (self.low, self.width, self.mean))
            limits = None if self.limits is None else [self._tensor(part) for part in self.limits]
            share = self._tensor(first)
            share = share if limits is None else share.clamp(*limits)
            share.requires_grad_(True)
            adam = torch.optim.Adam([share], lr=learning_rate)
            best = best_score = best_activation = before = None
            for step in track(range(n_steps + 1), _CALLER, verbose=self.look.verbose):
                x = low + share * width
                # The last look is at inputs that are not shifted, as are those that are returned.
                shift = rng.randint(-jitter, jitter + 1, 2).tolist() if jitter and step < n_steps else None
                activation = self._activation(x if shift is None else x.roll(shift, (2, 3)))
                score = activation
                if tv_weight:
                    score = score - tv_weight * total_variation(share)
                if l2_weight:
                    score = score - l2_weight * ((x - mean) / width).square().flatten(1).mean(dim=1)
                if before is None:
                    before = self._activation(x).detach() if shift is not None else activation.detach()
                best, best_score, best_activation = _better(
                    (best, best_score, best_activation), (x, score, activation), keep_last=bool(jitter)
                )
                if step < n_steps:
                    adam.zero_grad()
                    (-score.sum()).backward()
                    adam.step()
                    if limits is not None:
                        with torch.no_grad():
                            share.clamp_(*limits)
        return best.cpu().numpy(), best_activation.cpu().numpy(), before.cpu().numpy()

    def _tensor(self, array):
        return torch.as_tensor(np.array(array), dtype=self.network.dtype, device=self.network.device)

    def _activation(self, x):
        """Return the activation of each input's own unit."""
        values = pool(self.look._layer_reader.read(x)[0], self.look.unit_axis, self.pooling)
        units = torch.as_tensor(self.units, device=values.device)
        return values.gather(1, units[:, None])[:, 0]


def _better(kept, found, keep_last):
    """Return, unit by unit, the input with the higher score; with ``keep_last``, what was found last."""
    found = tuple(part.detach().clone() for part in found)
    if kept[0] is None or keep_last:
        return found
    higher = found[1] > kept[1]
    wide = higher.reshape(-1, *[1] * (found[0].ndim - 1))
    return tuple(torch.where(wide if new.ndim > 1 else higher, new, old) for new, old in zip(found, kept, strict=True))


def _check_settings(pooling, n_steps, learning_rate, jitter, tv_weight, l2_weight):
    check_choice(pooling, ("mean", "max"), "pooling", _CALLER)
    check_whole(n_steps, "n_steps", _CALLER)
    check_whole(jitter, "jitter", _CALLER, least=0)
    numbers = {"learning_rate": learning_rate, "tv_weight": tv_weight, "l2_weight": l2_weight}
    for name, value in numbers.items():
        if not isinstance(value, Real) or not value >= 0 or (name == "learning_rate" and value == 0):
            raise ValueError(f"The '{name}' parameter of {_CALLER} must be a positive number, or 0. Got {value!r}.")
