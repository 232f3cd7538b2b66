"""DeepLIFT, by the rescale rule, for one baseline or averaged over many."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._typing import Baseline, Channels, Groups, Layer, Output, Sampling, Seed, Target
from sklearn_xai.background import BASELINES
from sklearn_xai.base import BACKGROUND_PARAMETERS
from sklearn_xai.engines import evaluate, record
from sklearn_xai.engines.tape import Ref
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.explainers.propagation._rescale_rules import RescaleRule

_CHUNK_ELEMENTS = 2**19  # elements of the widest value of the network, for all pairs that are carried back at once
_SIZED = {"view", "_unsafe_view", "reshape", "_reshape_alias", "expand"}  # operations that are told the number of rows


def deep_lift(site, v, baselines, context, choose, *, crossed, widest, refuse, batch_size=None):
    """Return the DeepLIFT attributions of some rows, averaged over baselines; call inside ``network.frozen()``.

    Parameters
    ----------
    site : Split or Site
    v : Tensor of shape (n_rows, ...)
        The site's variable.
    baselines : Tensor of shape (n_baselines, ...)
        What plays no part in a row, such as padding, keeps its value.
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    choose : callable or None
        From outputs to the index of the explained one; None explains the sum of all.
    crossed : bool
        Whether the network keeps its rows apart, so that each row and each baseline need to be run only once.
    widest : int
        Elements of the network's widest value, for one row.
    refuse : callable
        Raises, given the name of an operation that is not covered.
    batch_size : int, optional
        Pairs of rows and baselines carried back at once.

    Returns
    -------
    attributions : Tensor of the shape of v
    outputs : Tensor of shape (n_rows, n_outputs)
    base_outputs : Tensor of shape (1 or n_rows, n_outputs)
        Mean output of the baselines.
    """
    site, still = site.at_rows, site.still(v, context)
    crossed = crossed and still is None and len(context) == 1
    n_baselines = len(baselines)
    most = max(1, (batch_size or max(16, _CHUNK_ELEMENTS // widest)) // n_baselines)
    of_baselines = _record(site, baselines, context) if crossed else None
    found = []
    for first in range(0, len(v), most):
        rows = slice(first, first + most)
        part, around = v[rows], context if len(context) == 1 else context[rows]
        tape, other, as_planned = _record(site, part, around) if crossed else None, of_baselines, crossed
        if crossed and not _same_operations(tape, other, crossed=True):
            as_planned = False  # layouts may differ with the number of rows, and a reshape copy for one only
        if not as_planned:
            tape, other = _record_pairs(site, part, baselines, around, still if still is None else still[rows])
        if tape.output is None and other.output is None:  # the features do not reach the output
            outputs = evaluate(site, part, around)
            found.append((torch.zeros_like(v[rows]), outputs, outputs))
            continue
        found.append(_share_out(tape, other, n_baselines, as_planned, choose, refuse))
    attributions, outputs, base_outputs = (torch.cat(parts) for parts in zip(*found, strict=True))
    return attributions, outputs, base_outputs


def _record_pairs(site, v, baselines, context, still):
    """Return the tapes of each row as often as there are baselines, and of the baselines once for each row."""
    n, k = len(v), len(baselines)
    context = context if len(context) == 1 else context.repeat_interleave(k, dim=0)
    start = baselines.repeat(n, *[1] * (v.ndim - 1))
    v = v.repeat_interleave(k, dim=0)
    if still is not None:
        start = torch.where(still.repeat_interleave(k, dim=0), v, start)
    return _record(site, v, context), _record(site, start, context)


def _record(site, v, context):
    v = v.contiguous()  # whether a reshape copies hangs on the strides, which must be those of the other tape
    return record(site.network.module, lambda leaf: site.tail(leaf, context), v)


def _share_out(tape, other, n_baselines, crossed, choose, refuse):
    """Return the mean attributions of the rows of one tape, their outputs, and the mean outputs of their baselines."""
    if not _same_operations(tape, other, crossed) or tape.output is None:
        refuse("a branch, or a constant, that is another for the row than for its baseline")
    outputs, base_outputs = (t.values[t.output] for t in (tape, other))
    x, b = tape.values[0], other.values[0]
    if crossed:
        base_outputs = base_outputs.mean(dim=0, keepdim=True).expand(len(x), -1)
    else:
        outputs = outputs[::n_baselines]
        base_outputs = base_outputs.unflatten(0, (-1, n_baselines)).mean(dim=1)
    if choose is None:
        seed = torch.ones_like(outputs)
    else:
        target = torch.as_tensor(choose(outputs), device=outputs.device).expand(len(outputs))
        seed = torch.nn.functional.one_hot(target, outputs.shape[1]).to(outputs)
    seed = seed.repeat_interleave(n_baselines, dim=0)
    rule = RescaleRule(tape, other, n_baselines if crossed else None, refuse)
    multipliers = tape.pull(seed, rule)
    if multipliers is None:
        return x.new_zeros(len(outputs), *x.shape[1:]), outputs, base_outputs
    if crossed:
        shares = multipliers.unflatten(0, (-1, n_baselines)) * (x[:, None] - b)
    else:
        shares = (multipliers * (x - b)).unflatten(0, (-1, n_baselines))
    return shares.mean(dim=1), outputs, base_outputs


def _same_operations(tape, other, crossed=False):
    """Whether two tapes do the same with other numbers, and with the same constants, such as weights of a branch."""
    return len(tape.steps) == len(other.steps) and all(
        a.name == b.name and a.inputs == b.inputs and _same_arguments(a, b, crossed)
        for a, b in zip(tape.steps, other.steps, strict=True)
    )


def keeps_rows_apart(two, three):
    """Whether every value of a network has the rows as its first axis, and nothing else hangs on their number.

    Parameters
    ----------
    two, three : Tape
        Of two and of three rows.
    """
    if not _same_operations(two, three, crossed=True) or len(two.values) != len(three.values):
        return False
    for a, b in zip(two.values, three.values, strict=True):
        if not (a.ndim and len(a) == 2 and len(b) == 3 and a.shape[1:] == b.shape[1:]):
            return False
    return not any(step.name == "overwrite" for step in two.steps)


def _same_arguments(a, b, crossed):
    if len(a.kwargs) != len(b.kwargs):
        return False
    if a.name == "rrelu_with_noise":  # its noise is memory that evaluation does not read
        a, b = (step._replace(args=(step.args[0], *step.args[2:])) for step in (a, b))
    sized = crossed and a.name in _SIZED
    return _same_argument((*a.args, *a.kwargs.values()), (*b.args, *b.kwargs.values()), sized)


def _same_argument(a, b, sized=False):
    """Compare arguments; of sizes, the number of rows may be another."""
    if isinstance(a, Ref):
        return isinstance(b, Ref)
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and _same_tensor(a, b)
    if isinstance(a, (list, tuple)):
        skip = 1 if sized and a and isinstance(a[0], int) else 0
        return len(a) == len(b) and all(_same_argument(p, q, sized) for p, q in zip(a[skip:], b[skip:], strict=True))
    return a == b or (a != a and b != b)


def _same_tensor(a, b):
    if a.shape != b.shape:
        return False
    strided = a.layout is b.layout is torch.strided
    shared = strided and a.data_ptr() == b.data_ptr() and a.stride() == b.stride()
    return (
        shared or torch.equal(a, b) or (a.is_floating_point() and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True))
    )


class DeepLiftExplainer(GradientExplainer):
    r"""What is each feature's share of the difference that the row makes to the output, layer by layer?

    The difference of the output from that of a baseline b is shared out backwards. A multiplier m says that
    :math:`m \, (a - a')` is the share of a value that is a for the row and a' for the baseline; through an element-wise
    function g, the rescale rule gives

    .. math:: m_{in} = m_{out} \, \frac{g(a) - g(a')}{a - a'},

    through linear operations multipliers go back as gradients do, and the attribution of feature i is
    :math:`m_i (x_i - b_i)`. They add up to :math:`f(x) - f(b)`.

    It depends on the computation only, not on how it is written: activations may be modules, functions, methods, in
    place or used twice. Each factor of a product has the mean of the other's two values; softmax, attention, gates and
    the normalisations are taken apart into such products, so that all of them add up exactly.

    Parameters
    ----------
    %(estimator)s
    baseline : {"zero", "mean", "median", "min", "max", "pad", "sample"} or array, default="mean"
        What the row is compared with, in the space that is attributed to: the network's inputs (behind a Pipeline, the
        mean of a one-hot block is the frequency of the categories), the vectors of tokens ("pad" is that of the padding
        token), or the units of ``layer``. "sample" averages the attributions over ``background_size`` background rows,
        which is known as DeepLIFT-SHAP. An array is one baseline of shape (n_inputs,), or several, averaged over.
    %(background)s
    tol : float, default=1e-3
        Completeness gap that is allowed: at most ``tol * max(1, |f(x) - f(b)|)``. A ConvergenceWarning tells when a row
        is above it.
    %(site)s
    %(shared)s

    Attributes
    ----------
    baseline_ : ndarray of shape (n_baselines, n_inputs)
        The baselines, as the network takes them.
    %(attributes)s

    Raises
    ------
    ValueError
        By ``fit``, for a network with an operation whose difference the rule cannot share out, by its name: a
        comparison of what the rows hold, sorting, a product of all elements.

    See Also
    --------
    IntegratedGradientsExplainer : Takes many gradients along a path instead, on any network.
    LRPExplainer : Shares out the output itself.

    Notes
    -----
    Misleads when the baseline means something, as with ``IntegratedGradientsExplainer``: a feature that is at its
    baseline gets 0. The shares of a product or a maximum are a convention, and two networks that compute the same
    function by other layers may be explained differently.

    Cost: one forward and one backward pass for each pair of a row and a baseline, operation by operation. That is one
    a row with ``baseline="mean"``, ``background_size`` with "sample". The values of all operations of a chunk are kept
    meanwhile.

    References
    ----------
    Shrikumar, A., Greenside, P. and Kundaje, A. (2017). Learning Important Features Through Propagating Activation
    Differences.

    Lundberg, S. M. and Lee, S.-I. (2017). A Unified Approach to Interpreting Model Predictions.

    Chen, H., Lundberg, S. M. and Lee, S.-I. (2022). Explaining a series of models by propagating Shapley values.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import DeepLiftExplainer
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> explainer = DeepLiftExplainer(net, baseline="zero").fit(X)
    >>> change = explainer.predict(X) - explainer.predict(np.zeros((1, 2)))
    >>> bool(np.allclose(explainer.transform(X).sum(axis=1), change, atol=1e-6))
    True
    """

    _additive = True
    _gap_advice = "The network's numbers are too large or too close for its precision: use float64"

    _parameter_constraints: dict = {
        **GradientExplainer._parameter_constraints,
        "baseline": [StrOptions(set(BASELINES)), "array-like"],
        **BACKGROUND_PARAMETERS,
        "tol": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        baseline: Baseline = "mean",
        background_size: int = 100,
        background_sampling: Sampling = "random",
        tol: float = 1e-3,
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
        self.background_size = background_size
        self.background_sampling = background_sampling
        self.tol = tol

    def _prepare(self, X, y, rng):
        self.baseline_ = self._find_baseline(self.baseline, X, rng)
        site, network = self._site.at_rows, self._model.network
        with network.frozen():
            z = network.tensor(self._model.inputs(self.background_)[:1])
            z = z.expand(3, *z.shape[1:]).clone()
            v, context = site.variable(z), site.context(z)
            two, three = (_record(site, v[:n], context[:n]) for n in (2, 3))
            self._widest = max(value[0].numel() for value in three.values if value.ndim)
            self._crossed = keeps_rows_apart(two, three)
            # what is not covered, on the way to any output, is found now, not with the first row that is explained
            start = torch.as_tensor(self.baseline_[:1]).to(v)
            deep_lift(site, v[:1], start, context[:1], None, **self._settings())

    def _settings(self):
        return {"crossed": self._crossed, "widest": self._widest, "refuse": self._refuse, "batch_size": self.batch_size}

    def _refuse(self, operation):
        raise ValueError(
            f"{type(self).__name__}: the network uses {operation}, whose difference the rescale rule cannot share out. "
            "Use IntegratedGradientsExplainer or ExpectedGradientsExplainer."
        )

    def _attribute_variable(self, v, context, choose):
        baselines = torch.as_tensor(self.baseline_).to(v)
        return deep_lift(self._site, v, baselines, context, choose, **self._settings())
