"""The gradient times the input."""

from __future__ import annotations

from sklearn_xai.engines import gradient
from sklearn_xai.explainers.gradient._base import GradientExplainer


class InputXGradientExplainer(GradientExplainer):
    r"""How much would the output lose without each feature, if the network were linear where it stands?

    The attribution of feature i is, with x as the network takes it,

    .. math:: \phi_i = x_i \, \frac{\partial f(x)}{\partial x_i}.

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

    Notes
    -----
    Misleads where the network bends between 0 and the row, since the gradient at the row is taken for the whole way,
    and where 0 means something: a feature that is 0 gets 0, however much it matters that it is. Behind a scaler 0 is
    the mean, behind none it is whatever the units make it.

    Cost: one forward and one backward pass a row. ``fit`` adds nothing.

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
