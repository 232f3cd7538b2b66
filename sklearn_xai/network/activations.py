"""The activations of layers as features, and the layers that there are."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import StrOptions, fit_context
from sklearn_xai._typing import Layer, Rows, Seed, Transformed
from sklearn_xai.network._inside import InsideEstimator

POOLING = ("mean", "max", "flatten")


def pool(values, unit_axis, pooling):
    """Return the activations of units as one row of numbers for each row.

    Parameters
    ----------
    values : Tensor of shape (n_rows, ...)
    unit_axis : int
        Axis of a row of values that the units are on, from 0.
    pooling : {"mean", "max", "flatten"}

    Returns
    -------
    Tensor of shape (n_rows, n_units), or (n_rows, n_units * n_places) for "flatten"
    """
    if values.ndim == 2:
        return values
    values = values.movedim(1 + unit_axis, 1).flatten(2)
    if pooling == "flatten":
        return values.flatten(1)
    return values.mean(dim=2) if pooling == "mean" else values.amax(dim=2)


class LayerActivations(InsideEstimator):
    """What do the units of a layer say of each row?

    A transformer from rows to the activations of one or several layers, to be put before PCA, t-SNE, k-means or a
    linear probe in a Pipeline.

    Parameters
    ----------
    %(estimator)s
    %(layer)s
    pooling : {"mean", "max", "flatten"}, default="mean"
        What becomes of the places of a unit: pixels of a channel, tokens of a feature. "flatten" keeps each, unit by
        unit.
    unit_axis : "auto" or int, default="auto"
        Axis of one row of a layer that its units are on, from 0. "auto" is 0, the channels, after a convolution,
        normalisation or pooling of channels, and the last, the features, after layers that work on the last axis
        (Linear, LayerNorm, Embedding, recurrence, attention); where no layer tells, the channels of an image and the
        features of a sequence.
    %(shared)s

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    layers_ : list of str or (str, "input")
        The layers that are read.
    layer_shapes_ : list of tuple of int
        Shape of one row at each of them.
    unit_axes_ : list of int
        Axis of these shapes that the units are on.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X has names.

    Raises
    ------
    ValueError
        When there is no such layer, it is called several times for a row, or its first axis is not that of the rows.

    See Also
    --------
    layer_names : What can be named.
    NetworkDissection : Which concepts the units detect.

    Notes
    -----
    Misleads when what a probe reads off a layer is taken for what the network uses: a label may be read off units that
    play no part in the output. The next layer sees mixtures of units, so that a single one need not mean anything.

    Cost: one forward pass a row, for all layers at once. The memory is that of the activations asked for.

    References
    ----------
    G. Alain, Y. Bengio (2017). Understanding intermediate layers using linear classifier probes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from torch import nn
    >>> from sklearn_xai import LayerActivations
    >>> X, y = load_iris(return_X_y=True)
    >>> module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> LayerActivations(module, layer="1").fit_transform(X).shape
    (150, 8)
    >>> make_pipeline(LayerActivations(module, layer=["0", "1"]), PCA(2)).fit_transform(X).shape
    (150, 2)
    """

    _parameter_constraints: dict = {
        **InsideEstimator._parameter_constraints,
        "pooling": [StrOptions(set(POOLING))],
        "unit_axis": [StrOptions({"auto"}), Integral],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        layer: Layer | Sequence[Layer] = None,
        pooling: Literal["mean", "max", "flatten"] = "mean",
        unit_axis: int | Literal["auto"] = "auto",
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(estimator, layer=layer, batch_size=batch_size, random_state=random_state, verbose=verbose)
        self.pooling = pooling
        self.unit_axis = unit_axis

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Rows, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Find the layers and, if y is given, train a clone of ``estimator`` on (X, y) first.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            With y, a clone of ``estimator`` is trained (a FrozenEstimator or a torch module never is).
        **fit_params : dict
            Passed to the ``fit`` of the estimator, or routed to it when metadata routing is enabled.

        Returns
        -------
        self : object
        """
        self._fit_layers(X, y, fit_params)
        self.layer_shapes_ = self._layer_reader.shapes
        self.unit_axes_ = [self._unit_axis(i) for i in range(len(self.layer_shapes_))]
        return self

    def _unit_axis(self, i):
        shape, axis = self.layer_shapes_[i], self.unit_axis
        if axis == "auto":
            return self._layer_reader.unit_axes[i]
        if not -len(shape) <= axis < len(shape):
            raise ValueError(
                f"The 'unit_axis' parameter of LayerActivations is {axis}, but a row of layer {self.layers_[i]!r} is "
                f"of shape {shape}: it must be from {-len(shape)} to {len(shape) - 1}."
            )
        return axis % len(shape)

    def transform(self, X: Rows) -> Transformed:
        """Return the activations of rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)

        Returns
        -------
        activations : ndarray of shape (n_samples, n_units)
            Layer by layer, in the network's type.

        Raises
        ------
        ValueError
            When activations are NaN, as they are where X misses values that no step of a Pipeline fills in.
        """
        check_is_fitted(self)
        X = self._checked(X)
        found = []
        for _, values in self._activations(X):
            parts = [pool(value, axis, self.pooling) for value, axis in zip(values, self.unit_axes_, strict=True)]
            found.append(parts[0] if len(parts) == 1 else torch.cat([part.to(parts[0].dtype) for part in parts], dim=1))
        result = found[0] if len(found) == 1 else torch.cat(found)
        if result.sum().isnan():  # cheaper than to look at each number
            self._check_no_nan(result.isnan().any(dim=1).cpu().numpy(), X)
        return result.cpu().numpy().astype(self._model.dtype, copy=False)

    def _units(self, i):
        """Return how many columns a layer has, and the shape of the places of a unit."""
        shape, axis = self.layer_shapes_[i], self.unit_axes_[i]
        places = tuple(np.delete(shape, axis)) if self.pooling == "flatten" else ()
        return shape[axis], places

    @property
    def _n_features_out(self):
        return sum(n * int(np.prod(places)) for n, places in map(self._units, range(len(self.layer_shapes_))))

    def _names_out(self):
        """Return layer_unit, or layer_unit_place with "flatten"."""
        names = []
        for i, layer in enumerate(self.layers_):
            n, places = self._units(i)
            name = layer if isinstance(layer, str) else "_".join(layer)
            names += ["_".join([name, *map(str, index)]) for index in np.ndindex(n, *places)]
        return np.asarray(names, dtype=object)
