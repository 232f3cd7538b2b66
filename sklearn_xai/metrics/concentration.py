"""Complexity: how few players does an explanation come down to?"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from sklearn_xai._typing import Explained, Removal, Rows, Scores, Seed
from sklearn_xai.metrics._judged import Judged, first_players
from sklearn_xai.metrics._registry import explanation_metric

MOST_SIZES = 64  # of more players, this many numbers of players are tried


@explanation_metric(family="complexity", greater_is_better=True)
def sparseness(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Is the explanation concentrated on few players?

    The Gini index of the absolute attributions,

    .. math:: G = \frac{\sum_k (2k - p - 1)\, |a|_{(k)}}{p \sum_k |a|_{(k)}}

    where :math:`|a|_{(1)} \le \dots \le |a|_{(p)}`.

    Parameters
    ----------
    %(judged)s
    %(sample_wise)s
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    index : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From 0, all attributions being of one size, to :math:`1 - 1/p`, one only being not zero; greater is better. 0.0
        for an all-zero explanation, which names nothing, and for a single player. Ties need no rule. What the model
        says does not matter.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite.

    Notes
    -----
    Misleads when it is taken for quality: an explanation that names one player, and the wrong one, is as sparse as can
    be. A model that needs many players has no short explanation that is true.

    Cost: one explanation of the rows, and nothing else.

    References
    ----------
    Hurley, N. and Rickard, S. (2009). Comparing Measures of Sparsity. IEEE Transactions on Information Theory.

    Chalasani, P., Chen, J., Chowdhury, A. R., Jha, S. and Wu, X. (2020). Concise Explanations of Neural Networks using
    Adversarial Training. ICML.

    See Also
    --------
    complexity : The entropy of the same shares.
    effective_complexity : How many players the model's output needs.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import sparseness
    >>> explainer = SaliencyExplainer(torch.nn.Linear(3, 1)).fit(np.eye(3, dtype="float32"))
    >>> found = sparseness(explainer, np.eye(3)[:2], attributions=[[0, 0, 6], [1, 2, 3]], sample_wise=True)
    >>> found.round(3)
    array([0.667, 0.222])
    """
    judged = Judged(explainer, X, attributions, metric="sparseness")
    return judged.result(lambda part: _gini(part.attributions), sample_wise)


@explanation_metric(family="complexity", greater_is_better=False)
def complexity(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Over how many players is the explanation spread?

    The entropy of the shares of the absolute attributions, in nats,

    .. math:: H = -\sum_i s_i \ln s_i, \qquad s_i = \frac{|a_i|}{\sum_j |a_j|}.

    Parameters
    ----------
    %(judged)s
    %(sample_wise)s
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    entropy : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From 0, one attribution only being not zero, to :math:`\ln p`, all being of one size; smaller is better. An
        all-zero explanation has no shares and gives :math:`\ln p`: what says nothing is not simple. 0.0 for a single
        player. Ties need no rule. What the model says does not matter.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite.

    Notes
    -----
    Misleads when it is taken for quality: an explanation that names one player, and the wrong one, is as simple as can
    be. A model that needs many players has no short explanation that is true.

    Cost: one explanation of the rows, and nothing else.

    References
    ----------
    Bhatt, U., Weller, A. and Moura, J. M. F. (2020). Evaluating and Aggregating Feature-based Model Explanations.

    See Also
    --------
    sparseness : The Gini index of the same shares.
    effective_complexity : How many players the model's output needs.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import complexity
    >>> explainer = SaliencyExplainer(torch.nn.Linear(3, 1)).fit(np.eye(3, dtype="float32"))
    >>> found = complexity(explainer, np.eye(3)[:2], attributions=[[0, 0, 6], [2, 2, 0]], sample_wise=True)
    >>> found.round(3)
    array([0.   , 0.693])
    """
    judged = Judged(explainer, X, attributions, metric="complexity")
    return judged.result(lambda part: _entropy(part.attributions), sample_wise)


@explanation_metric(family="complexity", greater_is_better=False)
def effective_complexity(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    tol: float = 0.1,
    normalize: bool = True,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How many of the most important players must be kept for the output to stay what it is?

    The smallest number of players that, kept alone, leave the expected change of the output within a share of what it
    is without any player,

    .. math:: k^* = \min \{k : \mathrm{E}_b |f(x) - f(x_{T_k}, b)| \le tol \cdot \mathrm{E}_b |f(x) - f(b)|\}

    where :math:`T_k` are the k players with the largest absolute attributions, and the expectation is over the
    background rows b that the other players are taken from.

    Parameters
    ----------
    %(judged)s
    tol : float from 0 to 1, default=0.1
        The share of the change that is allowed.
    normalize : bool, default=True
        Whether to divide the number by that of all players.
    %(removal)s
    %(sample_wise)s
    %(ties)s

    Returns
    -------
    share : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From 0 to 1, or to the number of players unless `normalize`; smaller is better. Of more than 64 players, 64
        evenly spaced numbers are tried. 0.0 where the background gives the row's output anyway, up to rounding, in
        particular for a constant model. Equal attributions, zeros too, are taken in a random order, so that an
        explanation that says nothing scores as chance does. A single player gives 1.0, unless the model is constant.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite, or `tol` is out of range.

    Notes
    -----
    The change is measured row of the background by row, before it is averaged: a row whose output happens to be the
    mean of the background's still needs its players.

    Misleads when columns are correlated: the players that are kept meet values of the others that they do not occur
    with, and the model is asked where it was never trained. A smooth and an abrupt model need different numbers by
    right.

    Cost: for each row, one evaluation for every number of players (at most 64) and each of the 16 background rows that
    the explainer fills up with.

    References
    ----------
    Nguyen, A. and Martinez, M. R. (2020). On Quantitative Aspects of Model Interpretability.

    See Also
    --------
    complexity : How evenly attributions are spread, whatever the model says.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import IntegratedGradientsExplainer
    >>> from sklearn_xai.metrics import effective_complexity
    >>> X = np.random.RandomState(0).randn(20, 3).astype("float32")
    >>> model = torch.nn.Linear(3, 1)
    >>> model.weight.data = torch.tensor([[0.0, 1.0, 0.0]])
    >>> effective_complexity(IntegratedGradientsExplainer(model).fit(X), X, normalize=False)
    1.0
    """
    if isinstance(tol, bool) or not isinstance(tol, Real) or not 0 <= tol <= 1:
        raise ValueError(f"The 'tol' parameter of effective_complexity must be a number from 0 to 1. Got {tol!r}.")
    judged = Judged(explainer, X, attributions, metric="effective_complexity", removal=removal)
    n_players = judged.parts[0].n_players
    sizes = np.unique(np.rint(np.linspace(0, n_players, min(n_players, MOST_SIZES) + 1)).astype(int))
    divisor = n_players if normalize else 1
    return judged.result(lambda part: sizes[_first_enough(part, sizes, tol, random_state)] / divisor, sample_wise)


def _sizes(attributions):
    """Return absolute attributions, scaled so that the largest of a row is 1, and whether a row has any."""
    size = np.abs(attributions)
    largest = size.max(axis=1, keepdims=True)
    return size / np.where(largest > 0, largest, 1.0), largest[:, 0] > 0


def _gini(attributions):
    size, spoken = _sizes(attributions)
    p = size.shape[1]
    index = np.sort(size, axis=1) @ (2.0 * np.arange(1, p + 1) - p - 1) / (p * np.where(spoken, size.sum(axis=1), 1.0))
    return np.maximum(index, 0.0)


def _entropy(attributions):
    size, spoken = _sizes(attributions)
    shares = size / np.where(spoken, size.sum(axis=1), 1.0)[:, None]
    return np.where(spoken, entr(shares).sum(axis=1), np.log(size.shape[1]))


def _first_enough(part, sizes, tol, random_state):
    """Return the place of the first size that leaves the output within `tol` of what it is, a row."""
    kept = first_players(part.order(random_state, absolute=True), sizes)
    change = np.abs(part.values(kept, average=False) - part.full[:, None, None]).mean(axis=2)
    rounding = 8 * part.rounding * np.abs(part.full)
    enough = change <= np.maximum(tol * change[:, :1], rounding[:, None])
    enough[:, -1] = True  # with all players kept the output is the row's own
    return enough.argmax(axis=1)
