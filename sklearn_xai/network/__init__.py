"""What is inside a network, and what becomes of explanations when it changes."""

from __future__ import annotations

from sklearn_xai.network._layer_names import layer_names
from sklearn_xai.network.activations import LayerActivations
from sklearn_xai.network.randomisation import layer_randomisation, randomisable_layers

__all__ = ["LayerActivations", "layer_names", "layer_randomisation", "randomisable_layers"]
