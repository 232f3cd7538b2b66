"""Methods that pass what a layer says back to the input by rules of their own."""

from __future__ import annotations

from sklearn_xai.explainers.propagation.grad_cam import GradCAMExplainer

__all__ = ["GradCAMExplainer"]
