"""Relative stability: how much an explanation changes, beside how much else does."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Explained, Layer, Rows, Scale, Scores, Seed
from sklearn_xai.metrics._explained_neighbours import (
    Surroundings,
    at_both,
    outputs_of,
    over_neighbours,
    relative_change,
    robustness_metric,
)
from sklearn_xai.metrics._representation import find_representation


@robustness_metric()
def relative_input_stability(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_samples: int = 10,
    radius: float = 0.1,
    scale: Scale = "std",
    flip_probability: float = 0.03,
    same_prediction: bool = False,
    eps_min: float = 1e-6,
    log: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much do the attributions change, relative to how much the row does (RIS)?

    .. math:: \max_{x'} \frac{\|(\phi(x) - \phi(x')) / \phi(x)\|_2}{\max(\|(x - x') / x\|_2, \epsilon)}

    over neighbours x' of the row x; the quotients inside the norms are taken entry by entry. A category that changes is
    a relative change of 1.

    Parameters
    ----------
    %(judged)s
    %(neighbours)s
    %(relative)s
    %(sample_wise)s
    %(draws)s

    Returns
    -------
    instability : float, or ndarray of shape (n_samples,) if ``sample_wise``
        0 or above (with ``log``, ``log(eps_min)`` or above); smaller is better. 0.0 for attributions that are the same
        at all neighbours, as those of a constant model, zeros too. Ties need no rule; one player, or one draw, is as
        any number of them.

    Raises
    ------
    ValueError
        If the attributions are not finite or not those of the rows, a parameter is out of range, or no neighbour could
        differ from its row.

    Notes
    -----
    Misleads where an attribution is near 0: entries are divided by it, and one that does not matter can decide the
    number. A model that changes steeply at the row has an explanation that does by right, and a constant one is the
    most stable of all.

    Cost: one explanation of `n_samples` neighbours of every row, 10 by default.

    References
    ----------
    Agarwal, C., Johnson, N., Pawelczyk, M., Krishna, S., Saxena, E., Zitnik, M. and Lakkaraju, H. (2022). Rethinking
    Stability for Attribution-based Explanations.

    See Also
    --------
    relative_output_stability : Beside the change of the output.
    relative_representation_stability : Beside the change inside the network.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import relative_input_stability
    >>> X = np.random.RandomState(0).randn(20, 4)
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1).double()).fit(X)
    >>> round(relative_input_stability(explainer, X), 6)  # the attributions w * x change as the row does
    1.0
    """
    around = Surroundings(n_samples, radius, scale, flip_probability, same_prediction, random_state)
    return _relative(
        "relative_input_stability",
        (explainer, X, attributions, around),
        lambda rows: rows.near.relative(eps_min),
        eps_min,
        log,
        sample_wise,
    )


@robustness_metric()
def relative_output_stability(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_samples: int = 10,
    radius: float = 0.1,
    scale: Scale = "std",
    flip_probability: float = 0.03,
    same_prediction: bool = False,
    eps_min: float = 1e-6,
    log: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much do the attributions change, beside how much the model's outputs do (ROS)?

    .. math:: \max_{x'} \frac{\|(\phi(x) - \phi(x')) / \phi(x)\|_2}{\max(\|h(x) - h(x')\|_2, \epsilon)}

    over neighbours x' of the row x, h being all outputs as they are explained: logits, with ``output="proba"``
    probabilities. The quotient in the numerator is taken entry by entry.

    Parameters
    ----------
    %(judged)s
    %(neighbours)s
    %(relative)s
    %(sample_wise)s
    %(draws)s

    Returns
    -------
    instability : float, or ndarray of shape (n_samples,) if ``sample_wise``
        Per unit of the outputs, 0 or above (with ``log``, ``log(eps_min)`` or above); smaller is better. 0.0 for
        attributions that are the same at all neighbours, as those of a constant model, zeros too; other attributions of
        a constant model are divided by ``eps_min``. Ties need no rule; one player, or one draw, is as any number.

    Raises
    ------
    ValueError
        As of :func:`relative_input_stability`.

    Notes
    -----
    Misleads where an attribution is near 0: entries are divided by it, and one that does not matter can decide the
    number. A model that changes steeply at the row has an explanation that does by right, and a constant one is the
    most stable of all.

    Cost: one explanation of `n_samples` neighbours of every row, 10 by default. Their outputs take as many
    evaluations.

    References
    ----------
    Agarwal, C., Johnson, N., Pawelczyk, M., Krishna, S., Saxena, E., Zitnik, M. and Lakkaraju, H. (2022). Rethinking
    Stability for Attribution-based Explanations.

    See Also
    --------
    relative_input_stability : Relative to the change of the row.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import relative_output_stability
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> relative_output_stability(SaliencyExplainer(torch.nn.Linear(4, 1)).fit(X), X)
    0.0
    """
    around = Surroundings(n_samples, radius, scale, flip_probability, same_prediction, random_state)

    def moved(rows):
        own, others = at_both(rows.near, outputs_of(explainer))
        return np.linalg.norm(others - own[:, None], axis=2)

    given = (explainer, X, attributions, around)
    return _relative("relative_output_stability", given, moved, eps_min, log, sample_wise)


@robustness_metric(network=True)
def relative_representation_stability(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    layer: Layer = None,
    n_samples: int = 10,
    radius: float = 0.1,
    scale: Scale = "std",
    flip_probability: float = 0.03,
    same_prediction: bool = False,
    eps_min: float = 1e-6,
    log: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much do the attributions change, relative to what the network makes of the row (RRS)?

    .. math:: \max_{x'} \frac{\|(\phi(x) - \phi(x')) / \phi(x)\|_2}{\max(\|(L(x) - L(x')) / L(x)\|_2, \epsilon)}

    over neighbours x' of the row x, L being the values at a layer; the quotients inside the norms are taken entry by
    entry.

    Parameters
    ----------
    %(judged)s
    layer : str, (str, "input") or None, default=None
        Name of a sub-module, as ``named_modules`` gives it, whose output (or input) is the representation. None is the
        input of the last linear layer or convolution that is called.
    %(neighbours)s
    %(relative)s
    %(sample_wise)s
    %(draws)s

    Returns
    -------
    instability : float, or ndarray of shape (n_samples,) if ``sample_wise``
        0 or above (with ``log``, ``log(eps_min)`` or above); smaller is better. 0.0 for attributions that are the same
        at all neighbours, as those of a constant model, zeros too; others, where the representation stays the same, are
        divided by ``eps_min``. Ties need no rule; one player, or one draw, is as any number of them.

    Raises
    ------
    ValueError
        As of :func:`relative_input_stability`; if the explained model is no network, or has no such layer.

    Notes
    -----
    Misleads where an attribution is near 0: entries are divided by it, and one that does not matter can decide the
    number. A model that changes steeply at the row has an explanation that does by right, and a constant one is the
    most stable of all.

    Cost: one explanation of `n_samples` neighbours of every row, 10 by default. Their values at the layer take as many
    forward passes.

    References
    ----------
    Agarwal, C., Johnson, N., Pawelczyk, M., Krishna, S., Saxena, E., Zitnik, M. and Lakkaraju, H. (2022). Rethinking
    Stability for Attribution-based Explanations.

    See Also
    --------
    relative_output_stability : Beside the change of the output.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import relative_representation_stability
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    >>> bool(relative_representation_stability(InputXGradientExplainer(net).fit(X), X) > 0)
    True
    """
    around = Surroundings(n_samples, radius, scale, flip_probability, same_prediction, random_state)
    represent = find_representation(explainer, layer, "relative_representation_stability")

    def moved(rows):
        return relative_change(*at_both(rows.near, represent), eps_min)

    given = (explainer, X, attributions, around)
    return _relative("relative_representation_stability", given, moved, eps_min, log, sample_wise)


def _relative(metric, given, moved, eps_min, log, sample_wise):
    """Return the largest ratio of the relative change of the attributions to what else moved."""
    if not isinstance(eps_min, Real) or not 0 < eps_min < 1:
        raise ValueError(f"The 'eps_min' parameter of {metric} must be a number between 0 and 1. Got {eps_min!r}.")

    def ratio(rows):
        return relative_change(rows.before, rows.after, eps_min) / np.maximum(moved(rows), eps_min)

    logged = (lambda found: np.log(np.maximum(found, eps_min))) if log else None
    return over_neighbours(metric, *given, ratio, finish=logged, sample_wise=sample_wise)
