"""Gradient sensitivity analysis."""

from __future__ import annotations

from typing import Any

from sklearn_xai._typing import Channels, Groups, Layer, Output, Seed, Target
from sklearn_xai.engines import gradient
from sklearn_xai.explainers.gradient._base import GradientExplainer


class SaliencyExplainer(GradientExplainer):
    r"""How much does the output change with a small change of each feature?

    The attribution of feature i is the gradient, or its absolute value,

    .. math:: \phi_i = \frac{\partial f(x)}{\partial x_i}.

    The ``feature_importances_`` are the mean absolute gradients over the background: gradient sensitivity analysis.

    Parameters
    ----------
    %(estimator)s
    absolute : bool, default=False
        Whether to return the absolute values of the gradients. Behind a Pipeline, the gradients of the inputs that one
        column feeds are made absolute before they are added up.
    %(site)s
    %(shared)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    InputXGradientExplainer : The gradient times the input, in the units of the output.
    IntegratedGradientsExplainer : Averages the gradient along a path and adds up to the output.

    Notes
    -----
    Gradients are in units of the output per unit of the network's input, after the preprocessing of a Pipeline. They do
    not add up to the output: the completeness gap that ``explain`` reports is what they leave open.

    Misleads when the output has flattened out: a feature that decided the row has a gradient near 0 once a sigmoid or
    a rectifier is saturated. It says what a small change would do, not what brought the output about, and of ReLU
    networks the gradients of near rows differ widely.

    Cost: one forward and one backward pass a row. ``fit`` adds nothing.

    References
    ----------
    Simonyan, K., Vedaldi, A. and Zisserman, A. (2014). Deep Inside Convolutional Networks: Visualising Image
    Classification Models and Saliency Maps.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import SaliencyExplainer
    >>> linear = nn.Linear(3, 1)
    >>> explainer = SaliencyExplainer(linear).fit(np.eye(3))
    >>> bool(np.allclose(explainer.transform(np.eye(3)), linear.weight.detach()))
    True
    """

    _parameter_constraints: dict = {**GradientExplainer._parameter_constraints, "absolute": ["boolean"]}

    def __init__(
        self,
        estimator: Any,
        *,
        absolute: bool = False,
        layer: Layer = None,
        channels: Channels = "keep",
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            layer=layer,
            channels=channels,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.absolute = absolute

    def _attribute_variable(self, v, context, choose):
        found, outputs = gradient(self._site, v, choose, context, self.batch_size)
        return (found.abs() if self.absolute else found), outputs, None
