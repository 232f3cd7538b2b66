"""What all estimators share that look at the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import Interval, check_feature_names_in
from sklearn_xai._progress import track
from sklearn_xai._typing import Layer, Seed
from sklearn_xai.base.checks import check_estimator, check_is_trained, check_no_nan, check_rows
from sklearn_xai.base.fitting import FitsEstimator
from sklearn_xai.base.pass_through import PassThrough
from sklearn_xai.models import LayerReader, noted_calls
from sklearn_xai.tables import take_rows

_BATCH_CELLS = 2**21  # numbers at the widest layer, for the rows of a batch

SHARED = {
    "estimator": """estimator : skorch net, torch.nn.Module, or Pipeline that ends in one
        The network to look into. Trained by ``fit(X, y)``, taken as it stands by ``fit(X)``.""",
    "layer": """layer : str, (str, "input"), list of these, or None, default=None
        Dotted names of layers as ``layer_names`` lists them: their outputs, or inputs. None is the input of the last
        layer that has weights: the representation that the output is read from.""",
    "shared": """batch_size : int, default=None
        Rows given to the network at once. None chooses by the size of the layers.
    random_state : int, RandomState instance or None, default=None
        Seeds the training of the clone and every draw.
    verbose : int, default=0
        Shows progress when positive.""",
}


class InsideEstimator(FitsEstimator, PassThrough, MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Base class of what reads the layers of a network.

    ``_fit_layers`` learns ``estimator_`` and finds the layers; ``_activations`` reads them batch by batch.
    """

    _probing = False

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "layer": [str, tuple, list, None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, text in SHARED.items():
            cls.__doc__ = (cls.__doc__ or "").replace(f"%({name})s", text)

    def __init__(
        self,
        estimator: Any,
        *,
        layer: Layer | Sequence[Layer] = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        self.estimator = estimator
        self.layer = layer
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    def _fit_layers(self, X, y, fit_params):
        """Train or take the estimator and find the layers; returns X, y and the generator of all draws."""
        X, y, probes, rng = self._fit_estimator(X, y, fit_params)
        caller = type(self).__name__
        if self._model.network is None:
            raise ValueError(
                f"{caller} looks into a network: the 'estimator' parameter must be a skorch net, a torch.nn.Module, or "
                f"a Pipeline that ends in one. Got {type(self._given).__name__}."
            )
        few = self._model.inputs(take_rows(probes, slice(8)))
        layers = as_layers(self.layer, self._model.network, few, caller)
        self._layer_reader = LayerReader(self._model.network, layers, few, caller)
        self.layers_ = [
            point.name if point.side == "output" else (point.name, "input") for point in self._layer_reader.points
        ]
        return X, y, rng

    def _step(self, n):
        """Return how many rows are read at once."""
        return self.batch_size or max(16, min(16_384, _BATCH_CELLS // self._layer_reader.widest))

    def _activations(self, X, label=None):
        """Yield (slice of rows, list of tensors, one for each layer) of checked rows, batch by batch.

        No gradients are taken, and the module is as it was between batches.
        """
        network, reader = self._model.network, self._layer_reader
        inputs = self._model.inputs(X)
        step = self._step(len(inputs))
        starts = range(0, len(inputs), step)
        for start in track(starts, label or type(self).__name__, verbose=self.verbose):
            rows = slice(start, min(len(inputs), start + step))
            with network.frozen(), torch.no_grad():
                found = reader.read(network.tensor(inputs[rows]))
            yield rows, found

    def _check_no_nan(self, is_nan, X):
        """Raise when activations of some rows of X are NaN: steps that come after could not say why."""
        what = f"the activation of {', '.join(map(repr, self.layers_))}"
        check_no_nan(type(self).__name__, what, is_nan, X, self._column_names())

    def _names_out(self):
        """Return the names of the columns of ``transform``."""
        raise AttributeError(f"{type(self).__name__} has no columns.")

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of ``transform``: units of layers, or concepts.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Checked against the columns seen in ``fit``.

        Returns
        -------
        names : ndarray of str objects
        """
        check_is_fitted(self)
        check_feature_names_in(self, input_features)
        return np.asarray(self._names_out(), dtype=object)

    def _checked(self, X):
        return check_rows(self, X, reset=False)


class Look(InsideEstimator):
    """A look into a fitted network, for a function or a picture, which trains nothing.

    ``Look.of(name)`` is the class to make one of: errors say the name of who looks, as those of estimators do theirs.
    """

    @classmethod
    def of(cls, name):
        """Return the class whose errors say a name."""
        return type(name, (cls,), {})

    def network_and_inputs(self, X, n):
        """Return the network, and n rows as it takes them."""
        self._check_fitted()
        probes = self._fit_estimator(X, None, {})[2]
        return self._model.network, self._model.inputs(take_rows(probes, slice(n)))

    def at_one_layer(self, X):
        """Find the one layer that is asked for; returns the rows as the estimator takes them.

        It learns ``unit_axis``, which axis of a row's values the units are on, and ``n_units``.
        """
        self._check_fitted()
        X = self._fit_layers(X, None, {})[0]
        caller, n = type(self).__name__, len(self.layers_)
        if n != 1:
            raise ValueError(f"The 'layer' parameter of {caller} must name one layer. Got {n}.")
        self.unit_axis = self._layer_reader.unit_axes[0]
        self.n_units = self._layer_reader.shapes[0][self.unit_axis]
        return X

    def _check_fitted(self):
        self._validate_params()
        check_estimator(self.estimator, type(self).__name__)
        check_is_trained(self.estimator, type(self).__name__, trains=False)

    @property
    def layer_text(self):
        """The one layer, in words."""
        name = self.layers_[0]
        return f"layer {name!r}" if isinstance(name, str) else f"the input of layer {name[0]!r}"

    def units(self, units):
        """Return the units that were asked for, as an array of int; None is all of them.

        Raises
        ------
        ValueError
            When there is no such unit.
        """
        if units is None:
            return np.arange(self.n_units)
        found = np.atleast_1d(np.asarray(units))
        right = found.ndim == 1 and len(found) and found.dtype.kind in "iu"
        if not right or (found < 0).any() or (found >= self.n_units).any():
            raise ValueError(
                f"The 'units' parameter of {type(self).__name__} must be units of {self.layer_text}, from 0 to "
                f"{self.n_units - 1}. Got {units!r}."
            )
        return found.astype(np.int64)


def as_layers(layer, network, rows, caller):
    """Return the ``layer`` parameter as a list of (name, side).

    Raises
    ------
    ValueError
        When it is no name, pair of a name and a side, or list of these.
    """
    if layer is None:
        return [(_last_with_weights(network, rows, caller), "input")]
    layers = [layer] if isinstance(layer, str) or _is_side(layer) else list(layer)
    wrong = [one for one in layers if not isinstance(one, str) and not _is_side(one)]
    if wrong or not layers:
        raise ValueError(
            f"The 'layer' parameter of {caller} must be the name of a layer, (name, 'input'), or a list of these. Got "
            f"{repr(wrong[0]) if wrong else 'none'}."
        )
    return [(one, "output") if isinstance(one, str) else tuple(one) for one in layers]


def _is_side(layer):
    pair = isinstance(layer, (tuple, list)) and len(layer) == 2
    return pair and isinstance(layer[0], str) and layer[1] in ("input", "output")


def _last_with_weights(network, rows, caller):
    """Return the name of the layer with weights, and no layers of its own, that is called last."""
    parts = ((name, part) for name, part in network.module.named_modules() if name and not any(part.children()))
    weighted = [(name, part) for name, part in parts if any(p.ndim > 1 for p in part.parameters(recurse=False))]
    with noted_calls(weighted) as calls, network.frozen(), torch.no_grad():
        network(network.tensor(rows))
    if not calls:
        kind = type(network.module).__name__
        raise ValueError(f"{caller}: {kind} has no layer with weights inside. Give the 'layer' parameter.")
    return calls[-1].name
