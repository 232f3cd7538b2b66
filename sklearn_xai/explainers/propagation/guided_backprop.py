"""Guided backpropagation."""

from __future__ import annotations

from sklearn_xai.explainers.propagation._rectified import RectifiedExplainer


class GuidedBackpropExplainer(RectifiedExplainer):
    r"""Which features feed what speaks for the output, all the way up?

    The gradient, except that a rectifier passes back only what is positive after it and was let through by it,

    .. math:: c_{in} = c_{out} \, [c_{out} > 0] \, [a > 0],

    with a the value before the rectifier. Rectifiers are found in the computation, not among the modules: functions,
    methods and activations that are used twice count too. Other activations pass the gradient on.

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
    DeconvolutionExplainer : Lets pass what is positive after the rectifier, whether or not it was let through.
    GradCAMExplainer : Where in an image the evidence is.

    Notes
    -----
    Misleads where a sharp picture is taken for a faithful one: it recovers edges of the image, and changes little when
    the upper layers are drawn anew (Adebayo et al., 2018), so that it can tell little of what they decide by. Hold it
    against ``layer_randomisation`` before it is believed.

    Cost: one forward pass and one backward pass a row, operation by operation. The values of all operations of a chunk
    of rows are kept meanwhile.

    References
    ----------
    Springenberg, J. T., Dosovitskiy, A., Brox, T. and Riedmiller, M. (2015). Striving for Simplicity: The All
    Convolutional Net.

    Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M. and Kim, B. (2018). Sanity Checks for Saliency Maps.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import GuidedBackpropExplainer
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> GuidedBackpropExplainer(net).fit(X).transform(X).shape
    (2, 2)
    """

    @staticmethod
    def _rule(cotangent, passed):
        return cotangent.clamp(min=0) * passed
