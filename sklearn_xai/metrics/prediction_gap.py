"""Prediction gaps: how far the output moves when what an explanation calls important changes, or all else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import is_whole
from sklearn_xai._typing import Explained, Removal, Rows, Scores, Seed
from sklearn_xai.metrics._judged import Judged, first_players
from sklearn_xai.metrics._registry import explanation_metric


@explanation_metric(family="faithfulness", greater_is_better=True)
def prediction_gap_important(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    k: int | None = None,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How far does the output move when the most important players change (PGI)?

    .. math:: E_{x'} |f(x) - f(x')|, \qquad x'_{T} \text{ of background rows}, \; x'_{\setminus T} = x_{\setminus T}

    where T are the k players with the largest absolute attributions.

    Parameters
    ----------
    %(judged)s
    k : int or None, default=None
        Number of players that count as important. None is a quarter of them, at least one.
    %(removal)s
    %(sample_wise)s
    %(ties)s

    Returns
    -------
    gap : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In the units of the explained output, 0 or above; greater is better. Equal attributions, zeros too, are taken in
        a random order, so that an explanation that says nothing scores as chance does. 0.0 for a constant model; a
        single player is always the important one.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite, or `k` is not between 1 and n_players.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. The size of the players' own variation counts: one that
    is nearly constant over the background moves nothing.

    Cost: for each row, one evaluation for each of the 16 background rows that the explainer fills up with.

    References
    ----------
    Petsiuk, V., Das, A. and Saenko, K. (2018). RISE: Randomized Input Sampling for Explanation of Black-box Models.

    Agarwal, C., Krishna, S., Saxena, E., Pawelczyk, M., Johnson, N., Puri, I., Zitnik, M. and Lakkaraju, H. (2022).
    OpenXAI: Towards a Transparent Evaluation of Model Explanations.

    See Also
    --------
    prediction_gap_unimportant : The same for all the other players.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import prediction_gap_important, prediction_gap_unimportant
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> bool(prediction_gap_important(explainer, X, k=2) > prediction_gap_unimportant(explainer, X, k=2))
    True
    """
    judged = Judged(explainer, X, attributions, metric="prediction_gap_important", removal=removal)
    return _prediction_gap(judged, k, False, sample_wise, random_state)


@explanation_metric(family="faithfulness", greater_is_better=False)
def prediction_gap_unimportant(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    k: int | None = None,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How far does the output move when all but the most important players change (PGU)?

    .. math:: E_{x'} |f(x) - f(x')|, \qquad x'_{T} = x_{T}, \; x'_{\setminus T} \text{ of background rows}

    where T are the k players with the largest absolute attributions.

    Parameters
    ----------
    %(judged)s
    k : int or None, default=None
        Number of players that count as important. None is a quarter of them, at least one.
    %(removal)s
    %(sample_wise)s
    %(ties)s

    Returns
    -------
    gap : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In the units of the explained output, 0 or above; smaller is better. Ties, zeros and constant models as of
        :func:`prediction_gap_important`; 0.0 for a single player.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite, or `k` is not between 1 and n_players.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. The size of the players' own variation counts: one that
    is nearly constant over the background moves nothing.

    Cost: for each row, one evaluation for each of the 16 background rows that the explainer fills up with.

    References
    ----------
    Agarwal, C., Krishna, S., Saxena, E., Pawelczyk, M., Johnson, N., Puri, I., Zitnik, M. and Lakkaraju, H. (2022).
    OpenXAI: Towards a Transparent Evaluation of Model Explanations.

    See Also
    --------
    prediction_gap_important : The same for the important players.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import prediction_gap_unimportant
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> prediction_gap_unimportant(explainer, X, k=4) < 1e-6
    True
    """
    judged = Judged(explainer, X, attributions, metric="prediction_gap_unimportant", removal=removal)
    return _prediction_gap(judged, k, True, sample_wise, random_state)


def _prediction_gap(judged, k, keep, sample_wise, random_state):
    n_players = judged.parts[0].n_players
    if k is None:
        k = max(1, round(n_players / 4))
    elif not is_whole(k, 1) or k > n_players:
        raise ValueError(
            f"The 'k' parameter of {judged.metric} must be None or from 1 to {n_players}, the number of players. Got "
            f"{k!r}."
        )

    def gap(part):
        kept = first_players(part.order(random_state, absolute=True), [k]) == keep
        return np.abs(part.full[:, None] - part.values(kept, average=False)[:, 0]).mean(axis=1)

    return judged.result(gap, sample_wise)
