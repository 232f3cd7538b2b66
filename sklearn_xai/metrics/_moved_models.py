"""Models that compute the same function in another way: of shifted inputs, or behind rectifiers."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from torch import nn

from sklearn_xai.base.nearby import Numbers, looked_up, numbers_of
from sklearn_xai.models import split_pipeline


def shifted_model(refitting, shift):
    """Return what undoes a shift of an explainer's inputs, and the shifted rows.

    Parameters
    ----------
    refitting : Refitting
    shift : float
        In standard deviations of each number.

    Returns
    -------
    model : estimator
        What is to be explained instead.
    rows, background
        What it takes.
    params : dict
        Parameters of the explainer that differ.
    """
    explainer, network = refitting.explainer, refitting.explainer._model.network
    steps = split_pipeline(refitting.model)[0]
    if network is not None and steps and explainer._gradients:
        return _shifted_behind(refitting, network, steps, shift)
    numbers = numbers_of(explainer, refitting.rows)
    added = _steps(refitting, numbers, shift)
    rows, background = (numbers.moved(part, added, real=True) for part in (refitting.rows, refitting.background))
    if network is not None and not steps:
        return with_module(network, Unshifted(network, added, numbers.shape)), rows, background, inner_layer(explainer)
    model = Pipeline([("shift", Shift(numbers, -added)), ("model", refitting.model)])
    return model, rows, background, {}


def _shifted_behind(refitting, network, steps, shift):
    """Shift what the preprocessing of a Pipeline gives to the network."""
    explainer = refitting.explainer
    columns = explainer._model.columns.steps
    inputs = explainer._model.inputs(explainer.background_)
    numbers = Numbers(inputs, direct=True, layout=network.layout, codes=looked_up(network, inputs))
    added = _steps(refitting, numbers, shift)
    model = with_module(network, Unshifted(network, added, numbers.shape))
    named = [(f"step{i}", step) for i, (_, step) in enumerate(columns)]
    model = Pipeline([*named, ("shift", Shift(numbers, added)), ("model", model)])
    return model, refitting.rows, refitting.background, inner_layer(explainer)


def _steps(refitting, numbers, shift):
    """Return what is added to each number, a whole number to whole ones, for one copy: (1, n_entries)."""
    if not numbers.spread.any():
        raise ValueError(
            f"{refitting.metric} shifts the numbers that are explained, but there are none here: values that are "
            "looked up, such as ids of tokens and categories, cannot be shifted."
        )
    added = shift * numbers.spread
    whole = np.sign(shift) * np.maximum(1.0, np.rint(np.abs(added)))
    return np.where(numbers.whole & (numbers.spread > 0), whole, added)[None]


class Shift(TransformerMixin, BaseEstimator):
    """A step of a Pipeline that adds something to the numbers of rows.

    Parameters
    ----------
    numbers : Numbers
    steps : ndarray of shape (1, n_entries)
    """

    def __init__(self, numbers, steps):
        self.numbers = numbers
        self.steps = steps

    def fit(self, X, y=None):
        """Do nothing: there is nothing to be learned."""
        return self

    def transform(self, X):
        """Return moved rows."""
        return self.numbers.moved(X, self.steps, real=True)

    def __sklearn_is_fitted__(self):
        return True


def rectified_network(refitting):
    """Return the explained network behind rectifiers that change nothing, and parameters of the explainer."""
    explainer, network = refitting.explainer, refitting.explainer._model.network
    if network.whole_rows or (network.takes_integers and network.layout is None):
        raise ValueError(
            f"{refitting.metric} puts rectifiers before the network, but it takes whole numbers, such as ids of "
            "tokens. Give another model that computes the same function, 'equivalent'."
        )
    model = with_module(network, Rectified(network))
    steps = explainer._model.columns.steps if network.prefix is not None else split_pipeline(refitting.model)[0]
    named = [(f"step{i}", step) for i, (_, step) in enumerate(steps)]
    return Pipeline([*named, ("model", model)]) if named else model, inner_layer(explainer)


def inner_layer(explainer):
    """Return the parameter that names a layer of a network that is now inside another module."""
    layer = getattr(explainer, "layer", None)
    if layer is None:
        return {}
    return {"layer": f"inner.{layer}" if isinstance(layer, str) else (f"inner.{layer[0]}", *layer[1:])}


class Before(nn.Module):
    """A network behind something that is done to its inputs first.

    Parameters
    ----------
    network : Network
        As an explainer sees it; an affine map in front of it becomes part of the module.
    """

    def __init__(self, network):
        super().__init__()
        self.inner = network.module
        if network.prefix is not None:
            for name, array in zip(("matrix", "offset"), network.prefix, strict=True):
                self.register_buffer(name, torch.as_tensor(array, dtype=network.dtype, device=network.device))

    def change(self, name, z):
        """Return what an input, of this place or name, is turned into."""
        return z

    def forward(self, *args, **kwargs):
        """Run the network on changed inputs."""
        args = tuple(self.change(i, z) for i, z in enumerate(args))
        if "matrix" in self._buffers:
            args = (nn.functional.linear(args[0], self.matrix, self.offset), *args[1:])
        return self.inner(*args, **{name: self.change(name, z) for name, z in kwargs.items()})

    def __getattr__(self, name):
        # A net of one's own may ask its module for more than a call.
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)


class Unshifted(Before):
    """A network that takes away what was added to its inputs.

    Parameters
    ----------
    network : Network
    steps : ndarray of shape (1, n_entries)
        What was added.
    shape : tuple of int
        Shape of a row.
    """

    def __init__(self, network, steps, shape):
        super().__init__(network)
        added = torch.as_tensor(steps.reshape(1, *shape), dtype=network.dtype, device=network.device)
        self._added = {0: added} if network.layout is None else network.layout.unpack(added)

    def change(self, name, z):
        """Return an input without what was added; whole numbers were left as they are."""
        return z - self._added[name] if z.is_floating_point() else z


class Rectified(Before):
    """A network whose inputs go through rectifiers that leave them what they are.

    ``relu(z) - (relu(z) - z)`` is z, also in its derivative at zero, where ``relu(z) - relu(-z)`` has none in torch.
    """

    def __init__(self, network):
        super().__init__(network)
        self.first, self.second = nn.ReLU(), nn.ReLU()

    def change(self, name, z):
        """Return an input by way of two rectifiers."""
        return self.first(z) - (self.second(z) - z) if z.is_floating_point() else z


def with_module(network, module):
    """Return an estimator like that of a network, with another module; the user's stays as it is."""
    if not network.is_net:
        return module
    twin = object.__new__(type(network.estimator))
    # Neither copied nor set the usual way: a net stores its module as bytes in the one, and takes notes in the other.
    vars(twin).update(vars(network.estimator))
    vars(twin)["module_"] = module
    return twin
