"""A network of which weights are drawn, as a function to log-probabilities or to predictions."""

from __future__ import annotations

import torch

from sklearn_xai.models import Network, is_module
from sklearn_xai.output._weight_draws import Member, WithProbabilities

_FEW = 8


def network_of(final, inputs, layout, *, gaussian, caller):
    """Return the network to log-probabilities (an output of "entropy"), or of a regressor to predictions.

    Parameters
    ----------
    final : skorch net or torch.nn.Module
    inputs : ndarray of shape (n_rows, ...)
        Rows as the network takes them.
    layout : Layout or None
    gaussian : bool
        Whether it predicts numbers.
    caller : str
        Class name for messages.

    Raises
    ------
    ValueError
        When a net does more than to call its module, which its draws do without.
    """
    settings, few = {"layout": layout, "caller": caller}, inputs[:_FEW]
    if gaussian:
        network = Network(final, few, output="auto", **settings)
    else:
        final = _with_probabilities(final, few, settings) if is_module(final) else final
        network = Network(final, few, output="entropy", **settings)
    with network.frozen(), torch.no_grad():
        z = network.tensor(few)
        truth = network(z) if gaussian else network.log_probabilities(z)
        alone = Member(network, network.module)(z if layout is None else layout.unpack(z))
    if not torch.allclose(truth, alone, rtol=1e-4, atol=1e-5, equal_nan=True):
        raise ValueError(
            f"{caller}: what {type(final).__name__} makes of rows is not what its module does. Let the module's "
            "forward do all of it."
        )
    return network


def _with_probabilities(module, rows, settings):
    """Return a module that ends in probabilities: itself, or with the step that its training has in its loss."""
    try:
        Network(module, rows, output="proba", **settings)
    except ValueError:
        return WithProbabilities(module)
    return module
