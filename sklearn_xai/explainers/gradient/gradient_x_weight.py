"""The gradient times the connection weight."""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode

from sklearn_xai.engines import gradient
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.models.affine_head import nonlinear_operation

_ACTIVATIONS = {
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign", "tanh",
    "prelu", "sigmoid", "expit", "hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "log_sigmoid", "rrelu",
    "threshold", "tanhshrink", "softshrink", "hardshrink", "clamp", "clamp_min", "clamp_max", "clip", "sin", "cos",
    "atan", "arctan",
}  # fmt: skip


class _WithoutActivations(TorchFunctionMode):
    """Runs a network with its element-wise non-linearities replaced by the identity, however they are spelled."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__name__", "").strip("_").removeprefix("special_") in _ACTIVATIONS:
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)


def connection_weights(site, v, context):
    """Return the weight that connects each input with each output (Olden, Joy & Death, 2004).

    It is the input-output gradient of the network with its non-linearities replaced by the identity: for a multi-layer
    perceptron, the product of its weight matrices. Call inside ``network.frozen()``.

    Parameters
    ----------
    site : Split or Site
    v : Tensor of shape (n_rows, ...)
        The site's variable of any rows of data; the weights do not depend on them.
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.

    Returns
    -------
    weights : Tensor of shape (n_outputs, ...)

    Raises
    ------
    ValueError
        When what is left is not linear, so that no weight connects an input with the output.
    """
    leaf = v.detach().requires_grad_(True)
    with _WithoutActivations():
        outputs = site.tail(leaf.clone(), context)
    found = nonlinear_operation(outputs.grad_fn) if outputs.grad_fn is not None else None
    weights = []
    for k in range(outputs.shape[1] if found is None else 0):
        rows = torch.autograd.grad(outputs[:, k].sum(), leaf, retain_graph=True, allow_unused=True)[0]
        rows = torch.zeros_like(leaf) if rows is None else rows
        if not torch.allclose(rows, rows[:1].expand_as(rows), rtol=1e-4, atol=1e-5 * float(rows.abs().max())):
            found = "a product of inputs"
        weights.append(rows[0])
    if found is not None:
        raise ValueError(
            f"GradientXWeightExplainer: the network is not linear once its activations are the identity, because of "
            f"{found}: no single weight connects an input with the output. Use InputXGradientExplainer or "
            "IntegratedGradientsExplainer."
        )
    return torch.stack(weights)


class GradientXWeightExplainer(GradientExplainer):
    r"""How sensitive is the output to each feature, weighed by what connects the two?

    The attribution of feature i is

    .. math:: \phi_i = w_i \, \frac{\partial f(x)}{\partial x_i},

    with :math:`w_i` the connection weight of Olden, Joy and Death: the gradient of the network with its non-linearities
    replaced by the identity, which for a multi-layer perceptron is entry i of the product of the weight matrices.

    A positive value says that the network reacts to the feature in the direction of its connection weight, a negative
    one that the non-linearities turn the sign around at this row.

    Parameters
    ----------
    %(estimator)s
    %(site)s
    %(shared)s

    Attributes
    ----------
    connection_weights_ : ndarray of shape (n_outputs, n_inputs)
        The connection weights, in units of the output per unit of the network's input.
    %(attributes)s

    Raises
    ------
    ValueError
        In ``fit``, for a network that is not linear without its activations: max-pooling, attention, recurrent cells.

    See Also
    --------
    SaliencyExplainer : The gradient alone.

    Notes
    -----
    Misleads when weights of opposite signs cancel in the connection weight: a feature that some units take with one
    sign and some with the other gets about 0, however much it matters. The numbers are in no unit of the output, do
    not depend on how large a feature is at the row, and vanish where the gradient does (see ``SaliencyExplainer``).

    Cost: one forward and one backward pass a row. ``fit`` takes one more of each for every output.

    References
    ----------
    Olden, J. D., Joy, M. K. and Death, R. G. (2004). An accurate comparison of methods for quantifying variable
    importance in artificial neural networks using simulated data. Ecological Modelling 178.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import GradientXWeightExplainer
    >>> linear = nn.Linear(3, 1)
    >>> explainer = GradientXWeightExplainer(linear).fit(np.eye(3))
    >>> bool(np.allclose(explainer.transform(np.eye(3)), linear.weight.detach() ** 2))
    True
    """

    def _prepare(self, X, y, rng):
        site, network = self._site, self._model.network
        with network.frozen():
            z = network.tensor(self._model.inputs(self.background_)[:16])
            self.connection_weights_ = connection_weights(site.at_rows, site.variable(z), site.context(z)).cpu().numpy()

    def _attribute_variable(self, v, context, choose):
        found, outputs = gradient(self._site, v, choose, context, self.batch_size)
        weights = torch.as_tensor(self.connection_weights_, device=v.device)
        return found * weights[choose(outputs)], outputs, None
