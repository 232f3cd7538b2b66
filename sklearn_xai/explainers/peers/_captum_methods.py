"""Captum's attribution classes: found by name, and given their options."""

from __future__ import annotations

import inspect
from functools import cached_property

import numpy as np

REFUSED = {
    "DataLoaderAttribution": "it goes through a whole data set, not through rows",
    "LLMAttribution": "it explains a language model that writes text",
    "LLMGradientAttribution": "it explains a language model that writes text",
    "RemoteLLMAttribution": "it explains a language model that writes text",
}
# What is no option of a method, as it is said in another way.
_SAID_ELSEWHERE = {
    "additional_forward_args": "the network is given the rows only",
    "attribute_to_layer_input": "use layer=(name, 'input')",
    "attribute_to_neuron_input": "use layer=(name, 'input')",
    "baselines": "use the 'baseline' parameter",
    "forward_func": "it is the estimator",
    "inputs": "they are the rows given to transform",
    "layer": "use the 'layer' parameter",
    "model": "it is the estimator",
    "return_convergence_delta": "explain(X).completeness_gap has it",
    "return_input_shape": "attributions always have the shape of the rows",
    "target": "use the 'target' parameter",
}
_OWN = {*_SAID_ELSEWHERE, "attribution_method", "sliding_window_shapes"}


def import_captum(caller):
    """Return ``captum.attr``, or say how to install it."""
    try:
        import captum.attr
    except ImportError as error:
        raise ImportError(f"{caller} needs captum: pip install sklearn-xai[captum]") from error
    return captum.attr


def explains_rows(kind):
    """Whether a class attributes to the rows it is given."""
    from captum.attr import Attribution

    ours = isinstance(kind, type) and issubclass(kind, Attribution) and callable(getattr(kind, "attribute", None))
    return ours and kind.__name__ not in REFUSED


def find_class(method, caller, parameter="method"):
    """Return the attribution class that a name (or the class itself) stands for."""
    captum = import_captum(caller)
    kind = getattr(captum, method, None) if isinstance(method, str) else method
    if isinstance(kind, type) and explains_rows(kind):
        return kind
    known = sorted(name for name in captum.__all__ if explains_rows(getattr(captum, name)))
    name = getattr(method, "__name__", method)
    reason = "captum.attr has no class of that name" if kind is None else "it does not attribute to rows"
    raise ValueError(
        f"The '{parameter}' parameter of {caller} is {name!r}, but {REFUSED.get(name, reason)}. Use one of "
        f"{', '.join(known)}, or such a class."
    )


class Method:
    """One attribution class of Captum with its options.

    Parameters
    ----------
    method : str or class
    options : dict or None
        For the constructor and for ``attribute``; of NoiseTunnel also those of the method that it repeats.
    caller : str
        The explainer's name, for messages.
    """

    def __init__(self, method, options, caller):
        self.kind = find_class(method, caller)
        self.name = self.kind.__name__
        options, self.inner = dict(options or {}), None
        if "attribution_method" in _names(self.kind.__init__):
            if "attribution_method" not in options:
                raise ValueError(
                    f"{caller}: {self.name} repeats another method: name it, as in method_params="
                    "{'attribution_method': 'Saliency'}."
                )
            self.inner = find_class(options.pop("attribution_method"), caller, "method_params")
        self.core = self.inner or self.kind
        self.parameters = _names(self.core.attribute)
        self.inits: dict[type, dict] = {kind: {} for kind in (self.kind, self.core)}
        self.call: dict[str, object] = {}
        self._split(options, caller)

    def _split(self, options, caller):
        """Give each option to what takes it, and see that none is missing."""
        places = [(self.call, self.kind.attribute), (self.inits[self.kind], self.kind.__init__)]
        places += [(self.call, self.core.attribute), (self.inits[self.core], self.core.__init__)]
        known = sorted(set().union(*(_names(function) for _, function in places)) - set(_SAID_ELSEWHERE))
        for option, value in options.items():
            if option not in known:
                why = _SAID_ELSEWHERE.get(option, f"it is no option of {self.name}, whose options are {known}")
                raise ValueError(f"The 'method_params' parameter of {caller} has {option!r}: {why}.")
            next(place for place, function in places if option in _names(function))[option] = value
        missing = set().union(*(_names(function, required=True) for _, function in places)) - _OWN - set(options)
        if missing:
            needed = "{" + ", ".join(f"{name!r}: ..." for name in sorted(missing)) + "}"
            raise ValueError(f"{caller}: Captum's {self.name} needs method_params={needed}.")

    @cached_property
    def has_layer(self):
        """Whether it needs a layer of the network."""
        return "layer" in _names(self.core.__init__)

    @cached_property
    def has_units(self):
        """Whether it attributes to the units of a layer, rather than to the inputs."""
        from captum.attr import LayerAttribution

        return issubclass(self.core, LayerAttribution)

    @property
    def sums_channels(self):
        """Whether it says one number of all channels of a layer."""
        return self.is_of == "LayerGradCam" and self.call.get("attr_dim_summation", True)

    @property
    def takes_gradients(self):
        """Whether it differentiates at the inputs."""
        from captum.attr import GradientAttribution

        return issubclass(self.core, GradientAttribution) and not self.has_units

    @property
    def side_option(self):
        """The option by which what enters the layer is meant."""
        return "attribute_to_layer_input" if self.has_units else "attribute_to_neuron_input"

    @property
    def is_of(self):
        """The name of the method whose rules apply: that which NoiseTunnel repeats, else its own."""
        return self.core.__name__

    @property
    def is_lrp(self):
        """Whether it passes relevance back, which begins at a raw output."""
        return self.is_of in ("LRP", "LayerLRP")

    @property
    def of_neuron(self):
        """Whether it explains a neuron, and not the output of the network."""
        return "neuron_selector" in self.parameters and "target" not in self.parameters

    @property
    def permutes(self):
        """Whether it takes removed values from the other rows that it is given."""
        return self.is_of in ("FeaturePermutation", "LayerFeaturePermutation")

    @property
    def takes_mask(self):
        """Whether it can treat several inputs as one."""
        return "feature_mask" in self.parameters

    @property
    def takes_baselines(self):
        """Whether it begins at baselines."""
        return "baselines" in self.parameters

    @property
    def takes_distribution(self):
        """Whether it wants many baselines at once: they have no default then."""
        return "baselines" in _names(self.core.attribute, required=True)

    def build(self, function, layer=None):
        """Construct the attribution object for a module."""
        given = (function,) if layer is None else (function, layer)
        found = self.core(*given, **self.inits[self.core])
        return self.kind(found, **self.inits[self.kind]) if self.inner else found


def _names(function, required=False):
    """Return the names of a function's parameters, or of those without a default."""
    listed = inspect.signature(function).parameters.values()
    named = [p for p in listed if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return {p.name for p in named if not required or p.default is p.empty}


def check_layer(method, layer, module, grouped, caller):
    """Raise where a method lacks a layer or is given one that it has no use for.

    Parameters
    ----------
    method : Method
    layer : str, tuple or None
    module : nn.Module
        The network, whose layers are named in the message.
    grouped : bool
        Whether ``feature_groups`` are given.
    caller : str
        The explainer's name, for messages.
    """
    if layer is None:
        if not method.has_layer:
            return
        parts = [repr(part) for part, _ in module.named_modules() if part]
        listed = ", ".join(parts[:12]) + (", ..." if len(parts) > 12 else "")
        raise ValueError(f"{caller}: Captum's {method.is_of} needs the 'layer' parameter, one of {listed}.")
    if not method.has_layer:
        way_out = "leave it None, or use a method whose name begins with Layer or Neuron"
        reason = f"Captum's {method.is_of} has none"
    elif isinstance(layer, tuple) and not (len(layer) == 2 and layer[1] in ("input", "output")):
        way_out, reason = "give the name of a sub-module, or (name, 'input')", "that names no place in the network"
    elif isinstance(layer, tuple) and layer[1] == "input" and method.side_option not in method.parameters:
        way_out, reason = f"use {layer[0]!r}", f"Captum's {method.is_of} knows only what comes out of a layer"
    elif method.has_units and grouped:
        way_out, reason = "leave feature_groups None", "feature_groups join columns of X, and not units"
    else:
        return
    raise ValueError(f"The 'layer' parameter of {caller} is {layer!r}, but {reason}: {way_out}.")


def number_inputs(members, feeds):
    """Return the player of each input, numbered without gaps, or None where each input is a player of its own.

    Parameters
    ----------
    members : list of int ndarray
        The columns of each player.
    feeds : ndarray of shape (n_inputs,) of int
        The column that feeds each input; an input with -1 stays on its own.
    """
    owner = np.empty(1 + max(columns.max() for columns in members), dtype=int)
    for player, columns in enumerate(members):
        owner[columns] = player
    alone = len(members) + np.arange(len(feeds))
    numbers = np.unique(np.where(feeds >= 0, owner[feeds], alone), return_inverse=True)[1]
    return numbers if len(np.unique(numbers)) < len(numbers) else None


def first_of_each(mask):
    """Return 1 for the first input of each player, else 0: all have what a method with a mask says of the player."""
    first = np.zeros(mask.size, dtype=np.float32)
    first[np.unique(mask, return_index=True)[1]] = 1
    return first.reshape(mask.shape)
