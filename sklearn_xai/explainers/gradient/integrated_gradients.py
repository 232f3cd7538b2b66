"""Integrated gradients."""

from __future__ import annotations

from functools import lru_cache
from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import roots_legendre

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai.background import BASELINES
from sklearn_xai.engines import evaluate, path_gradient_between, pick
from sklearn_xai.explainers.gradient._base import GradientExplainer

METHODS = ("adaptive", "gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")
# n_steps="auto" begins with the first number of nodes; rows that are not there yet go on with the next.
AUTO_STEPS = (33, 129, 513, 2049)


@lru_cache(maxsize=64)
def path_nodes(method, n_steps):
    """Return the nodes and weights of a quadrature rule on [0, 1], as float64 arrays of shape (n_steps,)."""
    if method == "gausslegendre":
        nodes, weights = roots_legendre(n_steps)
        return (nodes + 1) / 2, weights / 2
    if method in ("adaptive", "riemann_trapezoid") and n_steps > 1:
        weights = np.full(n_steps, 1 / (n_steps - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, n_steps), weights
    shift = {"riemann_left": 0.0, "riemann_right": 1.0}.get(method, 0.5)
    return (np.arange(n_steps) + shift) / n_steps, np.full(n_steps, 1 / n_steps)


def balanced_weights(values, slopes):
    """Return weights of equal nodes that give each segment's change of the output to its two ends.

    On a piecewise linear network the slope jumps somewhere inside a segment; where, is told by the values at its ends.
    The segment's weight is split so that slope times weight adds up to the change (each part stays within [0, 1]).

    Parameters
    ----------
    values, slopes : Tensor of shape (n_rows, n_nodes)
        The output at the nodes, and its derivative along the path.

    Returns
    -------
    weights : Tensor of shape (n_rows, n_nodes), rows sum to 1.
    """
    n = values.shape[1] - 1
    left, right = slopes[:, :-1], slopes[:, 1:]
    change = (values[:, 1:] - values[:, :-1]) * n
    jump = left - right
    share = ((change - right) / torch.where(jump == 0, 1.0, jump)).clamp(0, 1)
    # Where the two slopes agree to rounding, the share says nothing.
    noise = 1e-4 * (left.abs() + right.abs())
    share = torch.where(jump.abs() <= noise, 0.5, share)
    weights = torch.zeros_like(values)
    weights[:, :-1] += share / n
    weights[:, 1:] += (1 - share) / n
    return weights


def integrated_gradients(
    site, v, baselines, context, choose, *, n_steps="auto", tol=1e-2, method="adaptive", batch_size=None
):
    """Return the integrated gradients of some rows, averaged over baselines; call inside ``network.frozen()``.

    Parameters
    ----------
    site : Split or Site
        Where the network is looked into: at its input, after its affine head where it has one, or further inside.
    v : Tensor of shape (n_rows, ...)
        The site's variable.
    baselines : Tensor of shape (n_baselines, ...)
        What plays no part in a row, such as padding, keeps its value.
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    choose : callable
        From outputs to the index of the explained one.
    n_steps : int or "auto"
        Number of nodes; "auto": as many as each row needs.
    tol : float
        Gap that is allowed with "auto", ``tol * max(1, |f(x) - f(b)|)``.
    method : str
        One of ``METHODS``.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    attributions : Tensor of the shape of v
    outputs : Tensor of shape (n_rows, n_outputs)
    base_outputs : Tensor of shape (1 or n_rows, n_outputs)
        Mean output of the baselines.
    """
    end, pull = site.enter(v)
    outputs, still = evaluate(site, end, context), site.still(v, context)
    target = choose(outputs)
    rounds = AUTO_STEPS if n_steps == "auto" else (n_steps,)
    found, base_outputs = torch.zeros_like(v), torch.zeros_like(outputs[:1])
    for baseline in baselines[:, None]:
        baseline = baseline if still is None else torch.where(still, v, baseline)
        start = site.enter(baseline)[0]
        base_output = evaluate(site, start, context)
        difference = pick(outputs - base_output, target)
        allowed = 0.99 * tol * difference.abs().clamp(min=1)  # the gap of the result is rounded otherwise
        total = _integrate(site, context, end, start, target, difference, allowed, rounds, method, batch_size)
        found += pull(total) * (v - baseline)
        base_outputs = base_outputs + base_output
    return found / len(baselines), outputs, base_outputs / len(baselines)


def _integrate(site, context, end, start, target, difference, allowed, rounds, method, batch_size):
    """Return the mean gradient between two values at a site; a row whose gap is above the allowed goes a round further."""
    total = torch.empty_like(end)
    left = torch.arange(len(end), device=end.device)
    for n_steps in rounds:
        nodes, weights = (torch.as_tensor(part).to(end) for part in path_nodes(method, n_steps))
        if method == "adaptive" and n_steps > 1:
            weights = balanced_weights
        chosen = target if isinstance(target, int) else target[left]
        origin, around = (part if len(part) == 1 else part[left] for part in (start, context))
        path = path_gradient_between(site, end[left], origin, nodes, weights, chosen, around, batch_size)
        total[left] = path.gradient
        if n_steps == rounds[-1]:
            break
        sums = (path.gradient * (end[left] - origin)).flatten(1).sum(dim=1)
        left = left[(sums - difference[left]).abs() > allowed[left]]
        if not len(left):
            break
    return total


class IntegratedGradientsExplainer(GradientExplainer):
    r"""How does each feature contribute to the difference of the output from that of a baseline?

    The gradient is averaged along the straight path from a baseline b to the row,

    .. math:: \phi_i = (x_i - b_i) \int_0^1 \frac{\partial f(b + \alpha (x - b))}{\partial x_i} d\alpha,

    and the attributions add up to :math:`f(x) - f(b)`. What numerical integration leaves open is the completeness gap.

    Parameters
    ----------
    %(estimator)s
    baseline : {"zero", "mean", "median", "min", "max", "pad", "sample"} or array, default="mean"
        Where the path begins, in the space that is attributed to: the network's inputs (behind a Pipeline, the mean of
        a one-hot block is the frequency of the categories), the vectors of tokens ("pad" is that of the padding
        token, "mean" the mean of the tokens at a place), or the units of ``layer``. "sample" averages the attributions over ``background_size`` background rows. An
        array is one baseline of shape (n_inputs,), or several, which are averaged over.
    n_steps : int or "auto", default="auto"
        Number of nodes of the path. "auto" begins with a few and goes on with the rows whose gap is above ``tol``.
    tol : float, default=1e-2
        Completeness gap that is allowed: at most ``tol * max(1, |f(x) - f(b)|)``, in units of the explained output. A
        ConvergenceWarning tells when a row stays above it.
    method : {"adaptive", "gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"}, \
            default="adaptive"
        Quadrature rule. "adaptive" is the trapezoidal rule, except that the weight of each segment is split between its
        ends so that the segment's own completeness holds: on networks with kinks (ReLU) others converge slowly.
    background_size : int, default=100
        Number of background rows for ``baseline="sample"`` and the importances.
    %(site)s
    %(shared)s

    Attributes
    ----------
    baseline_ : ndarray of shape (n_baselines, n_inputs)
        The baselines, as the network takes them.
    %(attributes)s

    See Also
    --------
    InputXGradientExplainer : The gradient at the row only.

    References
    ----------
    Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic Attribution for Deep Networks.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import IntegratedGradientsExplainer
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> linear = nn.Linear(2, 1)
    >>> explainer = IntegratedGradientsExplainer(linear, baseline="zero").fit(X)
    >>> bool(np.allclose(explainer.transform(X), X * linear.weight.detach().numpy(), atol=1e-6))
    True
    """

    _additive = True
    _gap_advice = "Raise n_steps, or use n_steps='auto' with method='adaptive'"

    _parameter_constraints: dict = {
        **GradientExplainer._parameter_constraints,
        "baseline": [StrOptions(set(BASELINES)), "array-like"],
        "n_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "method": [StrOptions(set(METHODS))],
        "background_size": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator,
        *,
        baseline="mean",
        n_steps="auto",
        tol=1e-2,
        method="adaptive",
        background_size=100,
        layer=None,
        channels="keep",
        target="auto",
        output="auto",
        feature_groups=None,
        batch_size=None,
        random_state=None,
        verbose=0,
    ):
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
        self.baseline = baseline
        self.n_steps = n_steps
        self.tol = tol
        self.method = method
        self.background_size = background_size

    def _prepare(self, X, y, rng):
        self.baseline_ = self._find_baseline(self.baseline, X, rng)

    def _attribute_variable(self, v, context, choose):
        return integrated_gradients(
            self._site,
            v,
            torch.as_tensor(self.baseline_).to(v),
            context,
            choose,
            n_steps=self.n_steps,
            tol=self.tol,
            method=self.method,
            batch_size=self.batch_size,
        )
