"""Layer-wise relevance propagation."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._typing import Channels, Groups, Layer, Output, Seed, Target
from sklearn_xai.engines import evaluate
from sklearn_xai.engines.tape import record
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.explainers.propagation._linear_rules import INPUT_RULES, RULES
from sklearn_xai.explainers.propagation._relevance_rules import RelevanceRules
from sklearn_xai.models import EmbeddingSite
from sklearn_xai.tables import take_rows

_CHUNK_ELEMENTS = 2**21  # elements of the network's widest value that are carried back at once
# Rules of dense layers, of convolutions, and of the first layer where it has one of its own.
COMPOSITES = {
    **{name: (name, name, None) for name in RULES},
    "epsilon_plus": ("epsilon", "z_plus", None),
    "epsilon_plus_flat": ("epsilon", "z_plus", "flat"),
    "epsilon_alpha2_beta1": ("epsilon", "alpha_beta", None),
    "epsilon_alpha2_beta1_flat": ("epsilon", "alpha_beta", "flat"),
    "epsilon_gamma_box": ("epsilon", "gamma", "box"),
}


class LRPExplainer(GradientExplainer):
    r"""How is the output shared among the features, when each layer shares what it is given among its inputs?

    The output is the relevance that the last layer has to share. A unit :math:`z_j = \sum_i w_{ij} a_i + b_j` shares
    its relevance by the contributions of its inputs,

    .. math:: R_i = \sum_j \frac{a_i w_{ij}}{z_j + \epsilon \, \mathrm{sign}(z_j)} R_j

    for the epsilon rule, with other weights in the numerator and the denominator for the other rules (see Notes). An
    activation passes its relevance on as it is.

    Parameters
    ----------
    %(estimator)s
    rule : str, default="epsilon"
        How linear layers share relevance. One rule for all: "epsilon", "gamma", "alpha_beta", "z_plus". By the type of
        layer: "epsilon_plus" (dense layers epsilon, convolutions z-plus), "epsilon_alpha2_beta1" (epsilon, alpha-beta
        with 2 and 1), "epsilon_gamma_box" (epsilon, gamma, the first layer box), "epsilon_plus_flat" and
        "epsilon_alpha2_beta1_flat" (the same as without "flat", the first layer flat).
    input_rule : {"auto", "box", "flat", "w_square"} or None, default="auto"
        Rule of the first linear layers, which see the features themselves, or these scaled and moved by constants.
        "auto" is what ``rule`` says, None the rule of the other layers.
    epsilon : float, default=1e-6
        Added to the denominators of the epsilon rule, in units of a layer's outputs. The larger, the fewer features are
        left with relevance, and the less the relevance adds up to the output. With sigmoids or softplus, whose value at
        0 is not 0, the epsilon rule divides relevance by sums that may be near 0: take 0.01 or more there.
    gamma : float, default=0.25
        By how much the gamma rule favours contributions of the sign of the sum: 0 is the epsilon rule without epsilon.
    alpha, beta : float, default=2 and 1
        Factors of positive and negative contributions in the rule "alpha_beta"; alpha - beta must be 1.
    low, high : float, array of the shape of a row, or None, default=None
        Bounds of the features for the box rule, as the network takes them. None takes the least and greatest value of
        each column, or each channel of images, in the rows given to ``fit``.
    %(site)s
    %(shared)s

    Attributes
    ----------
    low_, high_ : ndarray
        The bounds of the features, of a shape that broadcasts to a row's. Exist with the box rule only.
    %(attributes)s

    Raises
    ------
    ValueError
        When the network does something that there is no rule for, or alpha - beta is not 1.

    See Also
    --------
    InputXGradientExplainer : What the epsilon rule is on a network of ReLUs, where epsilon is small.
    IntegratedGradientsExplainer : Adds up to a difference of outputs, on any network.

    Notes
    -----
    Write :math:`w^+` and :math:`w^-` for the positive and negative parts. For inputs that are not negative, the z-plus
    rule shares by :math:`a_i w_{ij}^+`, alpha-beta gives :math:`\alpha` parts by :math:`a_i w_{ij}^+` and takes
    :math:`\beta` parts by :math:`a_i w_{ij}^-`, and gamma shares by :math:`a_i (w_{ij} + \gamma w_{ij}^+)`. Negative
    inputs have the weights of the other sign, and gamma favours :math:`w_{ij}^-` where :math:`z_j` is negative. In
    the first layer, box shares by :math:`x_i w_{ij} - l_i w_{ij}^+ - h_i w_{ij}^-`, w_square by :math:`w_{ij}^2`, and
    flat alike.

    Sums, means and pooling share in proportion to their parts, a maximum gives all to the largest. Batch normalisation
    is merged into the linear layer before it. The scale of layer and group normalisation counts as constant. In a
    product, a factor that comes from a sigmoid, a softmax or one over a root is a gate and gets nothing, such as the
    weights of attention; two signals, or two gates, get half each. A divisor gets nothing. A softmax that ends the
    network (``output="proba"``) is passed by its gradient, a sigmoid like any activation: explain the raw output unless
    there is a reason not to.

    Relevance is in units of the output. What biases contribute is lost on the way, and so is what epsilon takes: in
    networks without biases the relevance adds up to the output, but for a factor of about
    :math:`|z| / (|z| + \epsilon)` for each layer of the epsilon rule, and but for units that have no contribution of a
    sign that alpha-beta or z-plus share by. Base values are 0, and ``completeness_gap`` of ``explain`` is what was
    lost. How the module is written makes no difference: the rules are those of the basic operations it runs.

    Misleads when the rules do not suit the layers: each rule is another explanation, and the epsilon rule with a small
    epsilon is the input times the gradient on networks of rectifiers, with its noise. With z-plus and alpha-beta, the
    maps of deep networks come to depend little on the upper layers (Sixt et al., 2020). Large biases leave a large
    gap.

    Cost: one forward and one backward pass a row, operation by operation. Rules with signs go through each linear
    layer several times. The values of all operations of a chunk of rows are kept meanwhile.

    References
    ----------
    Bach, S., Binder, A., Montavon, G., Klauschen, F., Mueller, K.-R. and Samek, W. (2015). On Pixel-Wise Explanations
    for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation.

    Montavon, G., Lapuschkin, S., Binder, A., Samek, W. and Mueller, K.-R. (2017). Explaining Nonlinear Classification
    Decisions with Deep Taylor Decomposition.

    Montavon, G., Binder, A., Lapuschkin, S., Samek, W. and Mueller, K.-R. (2019). Layer-Wise Relevance Propagation: An
    Overview.

    Arras, L., Montavon, G., Mueller, K.-R. and Samek, W. (2017). Explaining Recurrent Neural Network Predictions in
    Sentiment Analysis.

    Ali, A., Schnake, T., Eberle, O., Montavon, G., Mueller, K.-R. and Wolf, L. (2022). XAI for Transformers: Better
    Explanations through Conservative Propagation.

    Achtibat, R., Hatefi, S. M. V., Dreyer, M., Jain, A., Wiegand, T., Lapuschkin, S. and Samek, W. (2024). AttnLRP:
    Attention-Aware Layer-Wise Relevance Propagation for Transformers.

    Sixt, L., Granz, M. and Landgraf, T. (2020). When Explanations Lie: Why Many Modified BP Attributions Fail.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import LRPExplainer
    >>> net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False))
    >>> X = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]])
    >>> explainer = LRPExplainer(net, rule="gamma").fit(X)
    >>> bool(np.allclose(explainer.transform(X).sum(axis=1), explainer.explained_output(X), atol=1e-5))
    True
    """

    _adds_up = "to the output, but for biases"
    _parameter_constraints: dict = {
        **GradientExplainer._parameter_constraints,
        "rule": [StrOptions(set(COMPOSITES))],
        "input_rule": [StrOptions({"auto", *INPUT_RULES}), None],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "low": [Real, "array-like", None],
        "high": [Real, "array-like", None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        rule: str = "epsilon",
        input_rule: Literal["auto", "box", "flat", "w_square"] | None = "auto",
        epsilon: float = 1e-6,
        gamma: float = 0.25,
        alpha: float = 2.0,
        beta: float = 1.0,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
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
        self.rule = rule
        self.input_rule = input_rule
        self.epsilon = epsilon
        self.gamma = gamma
        self.alpha = alpha
        self.beta = beta
        self.low = low
        self.high = high

    # ------------------------------------------------------------------ fit
    def _prepare(self, X, y, rng):
        name = type(self).__name__
        if abs(self.alpha - self.beta - 1) > 1e-9:
            raise ValueError(
                f"The 'alpha' and 'beta' parameters of {name} must differ by 1, or relevance would grow or shrink with "
                f"each layer. Got alpha={self.alpha!r} and beta={self.beta!r}."
            )
        for bound in ("low_", "high_"):
            self.__dict__.pop(bound, None)
        if self._rules["input"] == "box":
            self._find_bounds(X, name)
        # An operation without a rule is an error of fit, not of the first row that is explained.
        self._widest = 1
        self._attribute(take_rows(self.background_, slice(1)), lambda outputs: 0)

    @property
    def _rules(self):
        dense, convolution, first = COMPOSITES[self.rule]
        first = first if self.input_rule == "auto" else self.input_rule
        return {"dense": dense, "convolution": convolution, "input": first}

    @property
    def _settings(self):
        named = self.rule.startswith("epsilon_alpha2")
        alpha, beta = (2.0, 1.0) if named else (self.alpha, self.beta)
        return {"epsilon": self.epsilon, "gamma": self.gamma, "alpha": alpha, "beta": beta}

    def _find_bounds(self, X, name):
        """Find the bounds of what is attributed to, each of a shape that broadcasts with it."""
        network, site, ends = self._model.network, self._site, []
        with network.frozen(), torch.no_grad():
            inputs = self._model.inputs(X)
            for start in range(0, len(inputs), 1024):
                v = site.variable(network.tensor(inputs[start : start + 1024]))
                ends.append(torch.aminmax(v.flatten(1), dim=0))
        least = torch.stack([end.min for end in ends]).amin(dim=0).reshape(v.shape[1:])
        most = torch.stack([end.max for end in ends]).amax(dim=0).reshape(v.shape[1:])
        if v.ndim > 2:  # the same for all positions of a channel, or of a dimension of token vectors
            axes = [0] if isinstance(site, EmbeddingSite) else list(range(1, v.ndim - 1))
            least, most = least.amin(dim=axes, keepdim=True), most.amax(dim=axes, keepdim=True)
        low, high = (_bound(side, getattr(self, side), v, name) for side in ("low", "high"))
        low, high = least if low is None else low, most if high is None else high
        if bool((low > high).any()):
            raise ValueError(
                f"The 'low' parameter of {name} must not be above 'high' for any feature: the box rule needs the least "
                "and greatest values that features can have."
            )
        self.low_, self.high_ = low.cpu().numpy(), high.cpu().numpy()

    # ------------------------------------------------------------------ transform
    def _attribute_variable(self, v, context, choose):
        step, found = self.batch_size or max(16, _CHUNK_ELEMENTS // self._widest), []
        for first in range(0, len(v), step):
            rows = slice(first, first + step)
            found.append(self._attribute_chunk(v[rows], context if len(context) == 1 else context[rows], choose))
        relevance, outputs = (torch.cat(parts) for parts in zip(*found, strict=True))
        return relevance, outputs, outputs.new_zeros((1, outputs.shape[1]))

    def _attribute_chunk(self, v, context, choose):
        site = self._site.at_rows
        tape = record(self._model.network.module, lambda h: site.tail(h, context), v)
        if self._widest == 1:  # the row that ``fit`` looks at
            self._widest = max(value.numel() for value in tape.values)
        if tape.output is None:  # the features do not reach the output
            return torch.zeros_like(v), evaluate(site, v, context)
        outputs = tape.values[tape.output]
        chosen = torch.as_tensor(choose(outputs), device=outputs.device).expand(len(outputs))
        seed = torch.zeros_like(outputs).scatter_(1, chosen[:, None], 1.0)
        bounds = None
        if self._rules["input"] == "box":
            bounds = [torch.as_tensor(end).to(v).expand_as(v).contiguous() for end in (self.low_, self.high_)]
        with torch.no_grad():
            rules = RelevanceRules(tape, self._rules, self._settings, bounds, type(self).__name__)
            return rules.relevance(tape.pull(seed, rules)), outputs


def _bound(side, given, v, name):
    """Return a bound as a tensor, None for None."""
    if given is None:
        return None
    bound = torch.as_tensor(np.asarray(given, dtype=np.float64)).to(v)
    shape = tuple(v.shape[1:])
    try:
        broadcasts = np.broadcast_shapes(tuple(bound.shape), shape) == shape
    except ValueError:
        broadcasts = False
    if not broadcasts:
        raise ValueError(
            f"The {side!r} parameter of {name} must be a number or an array that broadcasts to the shape of a row as "
            f"the network takes it, {shape}. Got shape {tuple(bound.shape)}."
        )
    return bound
