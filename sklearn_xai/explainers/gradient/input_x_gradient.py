"""The gradient times the input."""

from __future__ import annotations

from sklearn_xai.engines import gradient
from sklearn_xai.explainers.gradient._base import GradientExplainer


class InputXGradientExplainer(GradientExplainer):
    r"""How much would the output lose without each feature, if the network were linear where it stands?

    The attribution of feature i is :math:`x_i \, \partial f(x) / \partial x_i`, with x as the network takes it.

    Parameters
    ----------
    %(estimator)s
    %(site)s
    %(shared)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    SaliencyExplainer : The gradient alone.
    IntegratedGradientsExplainer : Averages the gradient along a path and adds up to the output.

    References
    ----------
    Shrikumar, A., Greenside, P., Shcherbina, A. and Kundaje, A. (2016). Not Just a Black Box: Learning Important
    Features Through Propagating Activation Differences.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import InputXGradientExplainer
    >>> linear = nn.Linear(3, 1, bias=False)
    >>> X = np.array([[1.0, 2.0, 3.0]])
    >>> explainer = InputXGradientExplainer(linear).fit(X)
    >>> bool(np.isclose(explainer.transform(X).sum(), explainer.predict(X)[0]))
    True
    """

    def _attribute_variable(self, v, context, choose):
        found, outputs = gradient(self._site, v, choose, context, self.batch_size)
        return found * v, outputs, None
