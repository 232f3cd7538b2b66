"""What is inside a network, and what becomes of explanations when it changes."""

from __future__ import annotations

from sklearn_xai.network.randomisation import layer_randomisation, randomisable_layers

__all__ = ["layer_randomisation", "randomisable_layers"]
