"""Integrated gradients."""

from __future__ import annotations

from functools import lru_cache
from numbers import Integral, Real

import numpy as np
import torch

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai.background import BASELINES, resolve_baseline
from sklearn_xai.engines import path_gradient, pick
from sklearn_xai.explainers.gradient._base import GradientExplainer

METHODS = ("adaptive", "gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")
# n_steps="auto" begins with the first number of nodes; rows that are not there yet go on with the next.
AUTO_STEPS = (33, 129, 513, 2049)


@lru_cache(maxsize=64)
def path_nodes(method, n_steps):
    """Return the nodes and weights of a quadrature rule on [0, 1], as float64 arrays of shape (n_steps,)."""
    if method == "gausslegendre":
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
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


def integrated_gradients(split, z, baseline, target, *, n_steps=50, method="adaptive", batch_size=None):
    """Return the integrated gradients of some rows; call inside ``network.frozen()``.

    Parameters
    ----------
    split : Split
        The network, after its affine head where it has one.
    z : Tensor of shape (n_rows, ...)
    baseline : Tensor of shape (1, ...)
    target : int or int Tensor of shape (n_rows,)
    n_steps : int
        Number of nodes.
    method : str
        One of ``METHODS``.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    attributions : Tensor of the shape of z
    """
    nodes, weights = path_nodes(method, n_steps)
    weights = balanced_weights if method == "adaptive" and n_steps > 1 else torch.as_tensor(weights).to(z)
    path = path_gradient(split, z, baseline, torch.as_tensor(nodes).to(z), weights, target, batch_size)
    return path.gradient * (z - baseline)


def converged_gradients(split, z, baseline, target, difference, tolerance, *, method="adaptive", batch_size=None):
    """Return integrated gradients with as many nodes as each row needs, and that number.

    Parameters
    ----------
    split, z, baseline, target, method, batch_size
        As in ``integrated_gradients``.
    difference : Tensor of shape (n_rows,)
        The change of the output from baseline to row, to which the attributions must add up.
    tolerance : Tensor of shape (n_rows,)
        The gap that is allowed.

    Returns
    -------
    attributions : Tensor of the shape of z
    n_steps : int Tensor of shape (n_rows,)
    """
    found = torch.empty_like(z)
    steps = torch.zeros(len(z), dtype=torch.int64, device=z.device)
    open_rows = torch.arange(len(z), device=z.device)
    for n_steps in AUTO_STEPS:
        chosen = target if isinstance(target, int) else target[open_rows]
        part = integrated_gradients(
            split, z[open_rows], baseline, chosen, n_steps=n_steps, method=method, batch_size=batch_size
        )
        found[open_rows], steps[open_rows] = part, n_steps
        gap = (part.flatten(1).sum(dim=1, dtype=torch.float64) - difference[open_rows]).abs()
        open_rows = open_rows[gap > tolerance[open_rows]]
        if not len(open_rows):
            break
    return found, steps


class IntegratedGradientsExplainer(GradientExplainer):
    r"""How does each feature contribute to the difference of the output from that of a baseline?

    The gradient is averaged along the straight path from a baseline b to the row,

    .. math:: \phi_i = (x_i - b_i) \int_0^1 \frac{\partial f(b + \alpha (x - b))}{\partial x_i} d\alpha,

    and the attributions add up to :math:`f(x) - f(b)`. What numerical integration leaves open is the completeness gap.

    Parameters
    ----------
    %(estimator)s
    baseline : {"zero", "mean", "median", "min", "max", "sample"} or array, default="mean"
        Where the path begins, in the space of the network's inputs: behind a Pipeline, the mean of a one-hot block is
        the frequency of the categories. "sample" averages the attributions over ``background_size`` background rows. An
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
        target="auto",
        output="auto",
        feature_groups=None,
        batch_size=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            estimator,
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
        super()._prepare(X, y, rng)
        rows = self.background_ if isinstance(self.baseline, str) and self.baseline == "sample" else X
        inputs = np.asarray(self._model.inputs(rows), dtype=self._model.dtype)
        self.baseline_ = resolve_baseline(self.baseline, inputs, type(self).__name__)

    def _attribute_inputs(self, z, choose):
        network, split = self._model.network, self._model.split
        baselines = network.tensor(self.baseline_)
        with torch.no_grad():
            outputs, ends = network(z), network(baselines)
        target = choose(outputs)
        total = torch.zeros_like(z)
        self_outputs = pick(outputs, target).double()
        for start, end in zip(baselines, ends, strict=True):
            start = start[None]
            if self.n_steps == "auto":
                difference = self_outputs - pick(end.expand(len(z), -1), target)
                tolerance = self.tol * difference.abs().clamp(min=1)
                total += converged_gradients(
                    split, z, start, target, difference, tolerance, method=self.method, batch_size=self.batch_size
                )[0]
            else:
                total += integrated_gradients(
                    split, z, start, target, n_steps=self.n_steps, method=self.method, batch_size=self.batch_size
                )
        return total / len(baselines), outputs, ends.mean(dim=0, keepdim=True)
