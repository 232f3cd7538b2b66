"""Integrated gradients."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._typing import Baseline, Channels, Groups, Layer, Output, Seed, Target
from sklearn_xai.background import BASELINES, resolve_baseline
from sklearn_xai.engines import evaluate, path_gradient_between, pick
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.explainers.gradient._conductance import PathFromInput, layer_conductance, passes_through
from sklearn_xai.explainers.gradient._quadrature import AUTO_STEPS, METHODS, balanced_weights, path_nodes


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
    """Return the mean gradient between two values at a site; a row whose gap is too wide goes a round further."""
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
        token, "mean" the mean of the tokens at a place), or the units of ``layer``. "sample" averages the attributions
        over ``background_size`` background rows. An array is one baseline of shape (n_inputs,), or several, which are
        averaged over.
    n_steps : int or "auto", default="auto"
        Number of nodes of the path. "auto" begins with a few and goes on with the rows whose gap is above ``tol``.
    tol : float, default=1e-2
        Completeness gap that is allowed: at most ``tol * max(1, |f(x) - f(b)|)``, in units of the explained output. A
        ConvergenceWarning tells when a row stays above it.
    method : str, default="adaptive"
        Quadrature rule: "adaptive", "gausslegendre", "riemann_left", "riemann_right", "riemann_middle" or
        "riemann_trapezoid". "adaptive" is the trapezoidal rule, except that the weight of each segment is split between
        its ends so that the segment's own completeness holds: on networks with kinks (ReLU) others converge slowly.
    background_size : int, default=100
        Number of background rows for ``baseline="sample"`` and the importances.
    path : {"layer", "input"}, default="layer"
        With a ``layer``, where the path runs. "layer": straight from a baseline of the layer's units to their values.
        "input": straight in the network's inputs, where the baselines then are; the units go whatever way they go. The
        attributions are then the layer's conductance, how much of the integrated gradients flows through each unit,

        .. math:: \phi_j = \int_0^1 \frac{\partial f}{\partial h_j} \frac{\partial h_j}{\partial \alpha} d\alpha,

        and add up to f(x) - f(b) where there is no way to the output past the layer. The inputs must be numbers.
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

    Notes
    -----
    Misleads when the baseline means something: a feature that is at its baseline gets 0, however much it matters, and
    another baseline tells another story (a black image hides what is black). The path crosses blends of the row and
    the baseline that may be like no row, where columns are correlated or categories are blended.

    Cost: 33 forward and backward passes a row. Rows whose gap is then above ``tol`` take 129, 513 and at last 2,049
    more; a number for ``n_steps`` takes that many. This is multiplied by the number of baselines. The leading linear
    part of the network is run once a row, not once a node.

    References
    ----------
    Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic Attribution for Deep Networks.

    Dhamdhere, K., Sundararajan, M. and Yan, Q. (2019). How Important is a Neuron?

    Shrikumar, A., Su, J. and Kundaje, A. (2018). Computationally Efficient Measures of Internal Neuron Importance.

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
        "path": [StrOptions({"layer", "input"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        baseline: Baseline = "mean",
        n_steps: int | Literal["auto"] = "auto",
        tol: float = 1e-2,
        method: str = "adaptive",
        background_size: int = 100,
        path: Literal["layer", "input"] = "layer",
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
        self.baseline = baseline
        self.n_steps = n_steps
        self.tol = tol
        self.method = method
        self.background_size = background_size
        self.path = path

    def _prepare(self, X, y, rng):
        self._gap_advice = type(self)._gap_advice
        if self.layer is not None and self.path == "input":
            self._find_input_path(X)
        else:
            self.baseline_ = self._find_baseline(self.baseline, X, rng)

    def _find_input_path(self, X):
        """Let the path to a layer run in the network's inputs."""
        model, baseline, name = self._model, self.baseline, type(self).__name__
        if model.network.takes_integers or (isinstance(baseline, str) and baseline == "pad"):
            raise ValueError(
                f"The 'path' parameter of {name} is 'input', which blends rows of numbers, but the network looks up "
                "its inputs in an embedding, or 'baseline' is 'pad'. Use path='layer' to blend the values of the layer."
            )
        rows = self.background_ if isinstance(baseline, str) and baseline == "sample" else X
        inputs = np.asarray(model.inputs(rows), dtype=model.dtype)
        self.baseline_ = resolve_baseline(baseline, inputs, name)
        with model.network.frozen():
            if not passes_through(self._site, model.network.tensor(inputs[:1])):
                self._gap_advice += (
                    ". Rows may also reach the output past the layer: that part belongs to none of its units"
                )
        self._site = PathFromInput(self._site)

    def _attribute_variable(self, v, context, choose):
        baselines = torch.as_tensor(self.baseline_).to(v)
        rule = {"n_steps": self.n_steps, "tol": self.tol, "method": self.method, "batch_size": self.batch_size}
        if isinstance(self._site, PathFromInput):
            return layer_conductance(self._site.layer, v, baselines, choose, **rule)
        return integrated_gradients(self._site, v, baselines, context, choose, **rule)
