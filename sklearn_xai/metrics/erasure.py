"""Erasure: what the output loses without the players that an explanation names, and with nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Explained, Removal, Rows, Scores, Seed
from sklearn_xai.metrics._judged import Judged, first_players
from sklearn_xai.metrics._registry import explanation_metric


@explanation_metric(family="faithfulness", greater_is_better=True)
def comprehensiveness(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    fractions: ArrayLike = (0.1, 0.2, 0.3, 0.4, 0.5),
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Does the explanation name all that the output needs: what is lost without its most important players?

    .. math:: \frac{1}{|B|} \sum_{t \in B} f(x) - f(x_{\setminus T_t})

    where :math:`T_t` is the share t of the players, at least one, that raise the output most.

    Parameters
    ----------
    %(judged)s
    fractions : array-like of float, default=(0.1, 0.2, 0.3, 0.4, 0.5)
        The shares B, above 0 and at most 1.
    %(removal)s
    %(sample_wise)s
    %(ties)s

    Returns
    -------
    loss : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In the units of the explained output; greater is better; in [-1, 1] with ``output="proba"``. Equal
        attributions, zeros too, are taken in a random order, so that an explanation that says nothing scores as chance
        does. 0.0 for a constant model; of a single player, what the output loses without it.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite, or a fraction is none.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. Players that stand in for each other hide their loss.
    Explainers that remove players in the same way are favoured.

    Cost: for each row, one evaluation for every fraction and each of the 16 background rows that the explainer fills
    up with: 80 by default.

    References
    ----------
    DeYoung, J., Jain, S., Rajani, N. F., Lehman, E., Xiong, C., Socher, R. and Wallace, B. C. (2020). ERASER: A
    Benchmark to Evaluate Rationalized NLP Models.

    See Also
    --------
    sufficiency : What is lost with nothing but these players.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import comprehensiveness
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> bool(comprehensiveness(explainer, X) > 0)
    True
    """
    judged = Judged(explainer, X, attributions, metric="comprehensiveness", removal=removal)
    counts = _shares(judged, fractions)
    return judged.result(lambda part: _mean_loss(part, counts, False, random_state), sample_wise)


@explanation_metric(family="faithfulness", greater_is_better=False)
def sufficiency(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    fractions: ArrayLike = (0.1, 0.2, 0.3, 0.4, 0.5),
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Is what the explanation names enough: what is lost with nothing but its most important players?

    .. math:: \frac{1}{|B|} \sum_{t \in B} f(x) - f(x_{T_t})

    where :math:`T_t` is the share t of the players, at least one, that raise the output most.

    Parameters
    ----------
    %(judged)s
    fractions : array-like of float, default=(0.1, 0.2, 0.3, 0.4, 0.5)
        The shares B, above 0 and at most 1.
    %(removal)s
    %(sample_wise)s
    %(ties)s

    Returns
    -------
    loss : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In the units of the explained output; smaller is better, and below 0 where players that lower the output are
        left out; in [-1, 1] with ``output="proba"``. Equal attributions, zeros too, are taken in a random order, so
        that an explanation that says nothing scores as chance does. 0.0 for a constant model and for a single player.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite, or a fraction is none.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. An explanation that names players that only raise the
    output is enough for more than it was.

    Cost: for each row, one evaluation for every fraction and each of the 16 background rows that the explainer fills
    up with: 80 by default.

    References
    ----------
    DeYoung, J., Jain, S., Rajani, N. F., Lehman, E., Xiong, C., Socher, R. and Wallace, B. C. (2020). ERASER: A
    Benchmark to Evaluate Rationalized NLP Models.

    See Also
    --------
    comprehensiveness : What is lost without these players.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import sufficiency
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> bool(sufficiency(explainer, X) < sufficiency(explainer, X, attributions=-explainer.transform(X)))
    True
    """
    judged = Judged(explainer, X, attributions, metric="sufficiency", removal=removal)
    counts = _shares(judged, fractions)
    return judged.result(lambda part: _mean_loss(part, counts, True, random_state), sample_wise)


def _shares(judged, fractions):
    """Return how many players the shares are, at least one."""
    shares = np.asarray(fractions, dtype=np.float64).reshape(-1)
    if not len(shares) or not ((shares > 0) & (shares <= 1)).all():
        raise ValueError(
            f"The 'fractions' parameter of {judged.metric} must hold numbers above 0 and at most 1. Got {fractions!r}."
        )
    return np.maximum(1, np.rint(shares * judged.parts[0].n_players).astype(int))


def _mean_loss(part, counts, keep, random_state):
    values = part.values(first_players(part.order(random_state), counts) == keep)
    return (part.full[:, None] - values).mean(axis=1)
