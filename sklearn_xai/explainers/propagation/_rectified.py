"""Gradients with a rule of their own at rectifiers, wherever and however these are written."""

from __future__ import annotations

import torch

from sklearn_xai.engines import gradient, pick, record, vector_jacobian
from sklearn_xai.engines.gradients import chunk_rows
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.tables import take_rows

_CHECKED_ROWS, _CHECKED_OUTPUTS = 8, 4  # on which the gradient of the operations is held against autograd's

_ZERO = (0, 0.0, None)


def is_rectifier(step):
    """Whether a step of a tape is max(0, x): a ReLU under any name, also one that is cut above (ReLU6)."""
    name, args, kwargs = step.name, step.args, step.kwargs
    if name in ("maximum", "fmax"):
        constants = [part for part in args if isinstance(part, torch.Tensor)]
        return bool(constants) and not constants[0].any()
    low = args[1] if len(args) > 1 else kwargs.get("min")
    if name == "threshold":
        return args[1] in _ZERO and args[2] in _ZERO
    return name == "relu" or (name in ("clamp", "clamp_min", "hardtanh") and low is not None and low in _ZERO)


def rectified_gradient(site, v, target, context, rule, batch_size=None):
    """Return a gradient in which rectifiers pass cotangents on by a rule; call inside ``network.frozen()``.

    Parameters
    ----------
    site : Split or Site
    v : Tensor of shape (n_rows, ...)
        The site's variable.
    target : callable
        From outputs to the index of the explained one.
    context : Tensor of shape (1, ...) or (n_rows, ...)
        As ``site.context`` returns it.
    rule : callable
        From the cotangent after a rectifier, and whether it let each value through, to the cotangent before it. None
        is the gradient itself.
    batch_size : int, optional
        Network rows run at once.

    Returns
    -------
    gradient : Tensor of the shape of v
    outputs : Tensor of shape (n_rows, n_outputs)
    n_rectifiers : int
        How many were met.
    """
    site, found, count = site.at_rows, [], 0
    step = chunk_rows(v[0].numel(), batch_size)
    for first in range(0, len(v), step):
        rows = slice(first, first + step)
        around = context if len(context) == 1 else context[rows]
        tape = record(site.network.module, lambda leaf, around=around: site.tail(leaf, around), v[rows])
        count = sum(is_rectifier(step) for step in tape.steps)

        def carry(step, cotangents, tape=tape):
            if rule is None or not is_rectifier(step):
                return vector_jacobian(tape, step, cotangents)
            before, after = tape.values[step.inputs[0]], tape.values[step.outputs[0]]
            # what is cut above is not let through, nor is exactly 0, however the rectifier is spelled
            passed = (before > 0) & (after == before)
            return [rule(cotangents[0], passed).sum_to_size(before.shape)]

        if tape.output is None:
            outputs = site.tail(site.own(v[rows]), around)
            found.append((torch.zeros_like(v[rows]), outputs))
            continue
        outputs = tape.values[tape.output]
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_(True)
            seed = torch.autograd.grad(pick(leaf, target(outputs)).sum(), leaf)[0]
        slope = tape.pull(seed, carry)
        found.append((torch.zeros_like(v[rows]) if slope is None else slope, outputs))
    gradient, outputs = (torch.cat(parts) for parts in zip(*found, strict=True))
    return gradient, outputs, count


class RectifiedExplainer(GradientExplainer):
    """Base class of gradients with a rule of their own at rectifiers; a subclass has the ``_rule``."""

    _needs = "a network with rectifiers (ReLU)"

    @staticmethod
    def _rule(cotangent, passed):
        """Return what a rectifier passes back, from the cotangent after it and whether it let the value through."""
        raise AttributeError("No rule is given.")

    def _prepare(self, X, y, rng):
        site, network, name = self._site, self._model.network, type(self).__name__
        with network.frozen():
            z = network.tensor(self._model.inputs(take_rows(self.background_, slice(_CHECKED_ROWS))))
            v, context = site.variable(z), site.context(z)
            n_rectifiers, same = 0, True
            for k in range(min(network.n_outputs, _CHECKED_OUTPUTS)):
                found, _, n_rectifiers = rectified_gradient(site, v, lambda outputs, k=k: k, context, None)
                true = gradient(site, v, k, context)[0]
                same = same and torch.allclose(found, true, rtol=1e-3, atol=1e-3 * float(true.abs().max()))
        kind = network.module.__class__.__name__
        if not n_rectifiers:
            raise ValueError(
                f"{name} has a rule of its own at rectifiers (ReLU, max(0, x)), and the network {kind} has none after "
                "what is attributed to: it would be the plain gradient. Use SaliencyExplainer."
            )
        if not same:
            raise ValueError(
                f"{name} goes back through the operations of the network {kind}, and their gradient is not the one "
                "that torch has of it: it may have a backward of its own (torch.autograd.Function) or be run without "
                "gradients in parts (torch.no_grad). Use SaliencyExplainer, or write it without."
            )

    def _attribute_variable(self, v, context, choose):
        found, outputs, _ = rectified_gradient(self._site, v, choose, context, self._rule, self.batch_size)
        return found, outputs, None
