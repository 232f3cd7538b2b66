"""Layers of a trained network drawn anew for a while: the sanity check of explanations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn

from sklearn_xai._checks import is_whole
from sklearn_xai._rng import draw_seed, isolated_rng, own_random_state
from sklearn_xai._typing import Seed
from sklearn_xai.models import check_network_is_fitted, is_module, is_network, split_pipeline, unwrap

ORDERS = ("cascading", "independent")


def randomisable_layers(estimator: Any) -> list[str]:
    """Which layers can be randomised, from the output to the input?

    A layer is a module with parameters of its own, or with statistics that it learns from data, as batch normalisation
    without parameters has. The order is the reverse of that in which the module registers them, which is the order of
    the calls in modules written in the usual way.

    Parameters
    ----------
    estimator : skorch net, torch.nn.Module, or Pipeline that ends in one
        Fitted.

    Returns
    -------
    names : list of str
        Dotted names of the layers inside the module. The empty name is that of the module itself, where it has
        parameters of its own. A layer that is used several times is listed once, as are layers that share all of
        their parameters: the one nearest to the output.

    Raises
    ------
    NotFittedError
        When a net has no module yet.
    TypeError
        When the estimator does not end in a network.
    ValueError
        When a lazy layer has not seen data yet.

    See Also
    --------
    layer_randomisation : Draws the parameters of such layers anew.

    Examples
    --------
    >>> from torch import nn
    >>> from sklearn_xai.network import randomisable_layers
    >>> randomisable_layers(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)))
    ['2', '0']
    """
    return list(_layers(_module_of(estimator, "randomisable_layers")))


@contextmanager
def layer_randomisation(
    estimator: Any,
    *,
    n_layers: int | None = None,
    layers: list[str] | None = None,
    order: Literal["cascading", "independent"] = "cascading",
    random_state: Seed = None,
) -> Iterator[list[str]]:
    r"""What would be explained, had the network learned nothing in some of its layers?

    Inside the block the parameters :math:`\theta_l` of the chosen layers are replaced by new draws,

    .. math:: f(x; \theta_1, \ldots, \theta_{L-n}, \tilde\theta_{L-n+1}, \ldots, \tilde\theta_L),

    and after it, also after an exception, they are what they were, bit by bit. An explanation that hardly differs from
    that of the trained network does not depend on what the network has learned.

    Parameters
    ----------
    estimator : skorch net, torch.nn.Module, or Pipeline that ends in one
        Fitted. Its module is changed in place: the same parameters, in the same memory, with the same gradients.
    n_layers : int, default=None
        How many layers to randomise, counted from the output; none with 0. None stands for all of them.
    layers : list of str, default=None
        Names of the layers instead, as ``randomisable_layers`` gives them. The name of a block stands for all
        layers in it.
    order : {"cascading", "independent"}, default="cascading"
        What ``n_layers`` means: "cascading" randomises the last ``n_layers`` layers together, "independent" the layer
        at this place only.
    random_state : int, RandomState instance or None, default=None
        Seeds the draws. With the same seed a layer is drawn alike whichever others are randomised, so that each step of
        a cascade adds one layer to the step before.

    Yields
    ------
    names : list of str
        The layers that are randomised, from the output to the input.

    Raises
    ------
    NotFittedError
        When a net has no module yet.
    TypeError
        When the estimator does not end in a network.
    ValueError
        When the network has no such layers.

    See Also
    --------
    randomisable_layers : The layers of a network, from the output to the input.

    Notes
    -----
    A layer is drawn by its own ``reset_parameters``, and so made as new: the running statistics of batch normalisation,
    which it learned from data too, are those of a new layer. A parameter of a layer without that method, or that
    the method leaves alone, gets draws from a normal distribution of its mean and standard deviation, or of its
    magnitude where all of its values are the same. Parameters that several layers share are drawn once, with the one
    nearest to the output.

    Fit explainers inside the block: one that was fitted before it explains the randomised network, which it holds, but
    keeps base values, connection weights and the like of the trained one.

    References
    ----------
    Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M. and Kim, B. (2018). Sanity Checks for Saliency Maps.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.network import layer_randomisation, randomisable_layers
    >>> net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    >>> X = np.eye(3)
    >>> trained = SaliencyExplainer(net).fit(X).transform(X)
    >>> for n in range(1, len(randomisable_layers(net)) + 1):
    ...     with layer_randomisation(net, n_layers=n, random_state=0) as names:
    ...         found = SaliencyExplainer(net).fit(X).transform(X)
    ...     print(names, np.allclose(found, trained))
    ['2'] False
    ['2', '0'] False
    >>> bool(np.array_equal(SaliencyExplainer(net).fit(X).transform(X), trained))
    True
    """
    known = _layers(_module_of(estimator, "layer_randomisation"))
    chosen = _choose(list(known), n_layers, layers, order)
    rng = own_random_state(random_state)
    seeds = {name: draw_seed(rng) for name in known}
    saved = [_Slot(held, key) for name in chosen for held, key in _own_state(known[name])]
    nearer: set[int] = set()  # tensors of layers nearer to the output, which their draws include
    try:
        for name, layer in known.items():
            if name in chosen:
                with isolated_rng(seeds[name]), torch.no_grad():
                    _draw_layer(layer, nearer)
            nearer.update(id(held[key]) for held, key in _own_state(layer))
        yield chosen
    finally:
        _put_back(saved)


# ---------------------------------------------------------------------- which layers
def _module_of(estimator, caller):
    """Return the torch module at the end of an estimator."""
    final = split_pipeline(estimator)[1]
    if not is_network(final):
        raise TypeError(
            f"The 'estimator' parameter of {caller} must be a skorch net, a torch.nn.Module, or a Pipeline that ends in"
            f" one. Got {type(final).__name__}, which has no layers."
        )
    if is_module(final):
        return unwrap(final)
    check_network_is_fitted(final, caller)
    return unwrap(final).module_


def _layers(module):
    """Return the layers of a module by name, from the output to the input."""
    found, seen = {}, set()
    for name, part in reversed(list(module.named_modules())):
        own = {id(parameter) for parameter in part.parameters(recurse=False)}
        statistics = hasattr(part, "reset_parameters") and any(True for _ in part.buffers(recurse=False))
        if own - seen or (statistics and not own):
            found[name] = part
        seen |= own
    for name, part in found.items():
        if any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in part.parameters()):
            raise ValueError(
                f"The layer {name!r} of {type(module).__name__} is lazy and has not seen data: it has no weights to be "
                "randomised. Run the module on a batch of rows first."
            )
    return found


def _choose(known, n_layers, layers, order):
    """Return the names of the layers to randomise, from the output to the input."""
    if order not in ORDERS:
        raise ValueError(f"The 'order' parameter of layer_randomisation must be one of {ORDERS}. Got {order!r}.")
    if layers is not None:
        if n_layers is not None:
            raise ValueError("layer_randomisation takes 'n_layers' or 'layers', not both.")
        return _named(known, layers)
    if n_layers is None:
        if order == "independent":
            raise ValueError(
                "layer_randomisation with order='independent' randomises one layer: give 'n_layers', its place "
                f"counted from the output, from 1 to {len(known)}."
            )
        return known
    if not is_whole(n_layers) or n_layers > len(known):
        raise ValueError(
            f"The 'n_layers' parameter of layer_randomisation must be a whole number from 0 to {len(known)}, the "
            f"number of layers of the network. Got {n_layers!r}."
        )
    first = max(0, n_layers - 1) if order == "independent" else 0
    return known[first:n_layers]


def _named(known, layers):
    if isinstance(layers, str):
        layers = [layers]
    wanted = set()
    for asked in layers:
        inside = [name for name in known if name == asked or (asked and name.startswith(f"{asked}."))]
        if not inside:
            raise ValueError(
                f"The 'layers' parameter of layer_randomisation names {asked!r}, but the layers with parameters of "
                f"the network are {known}."
            )
        wanted.update(inside)
    return [name for name in known if name in wanted]


# ---------------------------------------------------------------------- drawing and putting back
class _Slot:
    """A parameter or buffer of a module, and a copy of its values."""

    def __init__(self, held, key):
        self.held, self.key, self.tensor = held, key, held[key]
        with torch.no_grad():
            self.values = self.tensor.detach().clone()

    def put_back(self):
        """Give the module the same tensor with the same values."""
        if self.held[self.key] is not self.tensor:
            self.held[self.key] = self.tensor
        self.tensor.copy_(self.values)

    def keep_draws(self):
        """Give the module the same tensor, with the values of one that took its place."""
        drawn = self.held[self.key]
        if drawn is not self.tensor:
            self.held[self.key] = self.tensor
            self.tensor.copy_(drawn)


def _own_state(part):
    """Return where a module holds each tensor of its own: (dictionary, key)."""
    slots = [(held, key) for held in (part._parameters, part._buffers) for key, _ in list(held.items())]
    return [(held, key) for held, key in slots if held[key] is not None]


def _put_back(slots):
    with torch.no_grad():
        for slot in slots:
            slot.put_back()


def _draw_layer(part, nearer):
    """Draw the parameters of a layer, but none of those ``nearer`` to the output, nor of the modules inside it."""
    own = [_Slot(held, key) for held, key in _own_state(part)]
    new = [slot for slot in own if id(slot.tensor) not in nearer]
    kept = [slot for slot in own if id(slot.tensor) in nearer]
    kept += [_Slot(held, key) for inner in part.modules() if inner is not part for held, key in _own_state(inner)]
    left = [slot for slot in new if slot.held is part._parameters and slot.tensor.is_floating_point()]
    if hasattr(part, "reset_parameters"):
        for slot in left:
            slot.tensor.fill_(torch.nan)  # what is still there after it was left alone
        try:
            part.reset_parameters()
        finally:
            for slot in new:
                slot.keep_draws()
            _put_back(kept)
        left = [slot for slot in left if slot.tensor.isnan().any()]
    for slot in left:
        slot.put_back()
        _draw_normal(slot.tensor)


def _draw_normal(tensor):
    """Fill a tensor with normal draws of its own mean and standard deviation."""
    mean, spread = tensor.mean(), tensor.std(correction=0)
    tensor.copy_(mean + torch.where(spread > 0, spread, mean.abs()) * torch.randn_like(tensor))
