"""Deconvolution."""

from __future__ import annotations

from sklearn_xai.explainers.propagation._rectified import RectifiedExplainer


class DeconvolutionExplainer(RectifiedExplainer):
    r"""What pattern of features would speak for the output, by the weights on the way back?

    The gradient, except that a rectifier passes back what is positive after it, whatever it let through,

    .. math:: c_{in} = c_{out} \, [c_{out} > 0].

    Rectifiers are found in the computation, not among the modules: functions, methods and activations that are used
    twice count too. Other activations pass the gradient on; max-pooling passes it to the places of the maxima.

    Parameters
    ----------
    %(estimator)s
    %(site)s
    %(shared)s

    Attributes
    ----------
    %(attributes)s

    Raises
    ------
    ValueError
        By ``fit``, for a network without rectifiers, on which it would be the plain gradient, and for one whose
        gradient is not that of its operations (a ``torch.autograd.Function``, a part without gradients).

    See Also
    --------
    GuidedBackpropExplainer : Lets pass what was let through on the way up, too.

    Notes
    -----
    Misleads where it is taken for what the network saw: it depends on the row by the places of maxima and by other
    activations alone. Of a network of linear layers and rectifiers, all rows have the same attributions for one
    output. On images it recovers edges whatever the upper layers say (see ``GuidedBackpropExplainer``).

    Cost: one forward pass and one backward pass a row, operation by operation. The values of all operations of a chunk
    of rows are kept meanwhile.

    References
    ----------
    Zeiler, M. D. and Fergus, R. (2014). Visualizing and Understanding Convolutional Networks.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import DeconvolutionExplainer
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> DeconvolutionExplainer(net).fit(X).transform(X).shape
    (2, 2)
    """

    @staticmethod
    def _rule(cotangent, passed):
        return cotangent.clamp(min=0)
