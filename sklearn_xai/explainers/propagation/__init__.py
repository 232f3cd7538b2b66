"""Methods that pass what a layer says back to the input by rules of their own."""

from __future__ import annotations

from sklearn_xai.explainers.propagation.deconvolution import DeconvolutionExplainer
from sklearn_xai.explainers.propagation.deep_lift import DeepLiftExplainer
from sklearn_xai.explainers.propagation.grad_cam import GradCAMExplainer
from sklearn_xai.explainers.propagation.guided_backprop import GuidedBackpropExplainer
from sklearn_xai.explainers.propagation.lrp import LRPExplainer

__all__ = ["DeconvolutionExplainer", "DeepLiftExplainer", "GradCAMExplainer", "GuidedBackpropExplainer", "LRPExplainer"]
