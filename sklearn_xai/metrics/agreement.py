"""Agreement: does an explanation say what another one says, or what is known to be true?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Explained, Rows, Scores, Seed
from sklearn_xai.engines.agreement import pair_order_agreement, spearman, top_k_agreement
from sklearn_xai.metrics._reference import Compared
from sklearn_xai.metrics._registry import explanation_metric

_TEXTS = {
    "reference": """reference : array-like, shap.Explanation or fitted explainer
        What to agree with: the true attributions of the same rows, another explanation of them, or an explainer, whose
        attributions of the same outputs are taken. Where one side has the channels of images added up, those of
        the other are too.""",
    "k": """k : int or None, default=None
        How many players are named. None takes a quarter of them, rounded up. Of a row whose reference names fewer,
        its other attributions being zero, it is as many as that.""",
    "importance": """absolute : bool, default=True
        Whether players are ordered by their absolute attributions, as the paper has it, or from the most negative to
        the most positive.""",
    "undrawn": """random_state : ignored
        Nothing is drawn: tied players share their places.""",
    "values": """From 0 to 1; greater is better. A player of attribution zero is not named, so that an all-zero
        explanation gives 0.0, as does an all-zero reference. Tied players share the places that they tie for equally,
        whatever their column, and two shares of a place have the smaller one in common: an explanation agrees with
        itself, one that ties all players with another as far as chance does. Random attributions""",
    "errors": """ValueError
        If the attributions or the reference do not belong to the rows or are not finite""",
    "krishna": """Krishna, S., Han, T., Gu, A., Wu, S., Jabbari, S. and Lakkaraju, H. (2022). The Disagreement Problem
    in Explainable Machine Learning: A Practitioner's Perspective.

    Agarwal, C., Krishna, S., Saxena, E., Pawelczyk, M., Johnson, N., Puri, I., Zitnik, M. and Lakkaraju, H. (2022).
    OpenXAI: Towards a Transparent Evaluation of Model Explanations. NeurIPS.""",
    "misleads": """Misleads when the reference is not the truth: two methods that share a fault agree, and what agrees
    with another explanation is no more right than that one is.""",
    "cost": "Cost: one explanation of the rows, and one of the reference where that is an explainer.",
    "start": """>>> import numpy as np, torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> explainer = SaliencyExplainer(torch.nn.Linear(3, 1)).fit(np.eye(3, dtype="float32"))
    >>> rows, found, truth = np.eye(3)[:2], [[3, -2, 1], [1, 2, 0]], [[2, 3, 1], [1, 4, 0]]""",
}


def _agreement(function):
    """Make a function known as a metric that needs a reference."""
    for name, text in _TEXTS.items():
        function.__doc__ = (function.__doc__ or "").replace(f"%({name})s", text)
    return explanation_metric(family="agreement", greater_is_better=True, needs=("reference",))(function)


@_agreement
def feature_agreement(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    reference: Any,
    attributions: Explained | None = None,
    k: int | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Do explanation and reference name the same most important players?

    .. math:: |T_k(a) \cap T_k(b)| \, / \, k

    where :math:`T_k` are the k players with the largest absolute attributions.

    Parameters
    ----------
    %(judged)s
    %(reference)s
    %(k)s
    %(sample_wise)s
    %(undrawn)s

    Returns
    -------
    agreement : float, or ndarray of shape (n_samples,) if ``sample_wise``
        %(values)s agree in k of p players by chance. 1.0 for a single player that both name.

    Raises
    ------
    %(errors)s, or `k` is out of range.

    Notes
    -----
    %(misleads)s Of few players, many are named by chance.

    %(cost)s

    References
    ----------
    %(krishna)s

    See Also
    --------
    rank_agreement : The same players in the same places.
    sign_agreement : The same players with the same sign.

    Examples
    --------
    %(start)s
    >>> from sklearn_xai.metrics import feature_agreement
    >>> feature_agreement(explainer, rows, reference=truth, attributions=found, k=2, sample_wise=True)
    array([1., 1.])
    """
    compared = Compared(explainer, X, attributions, reference, metric="feature_agreement")
    return compared.result(_top(compared, k, "feature_agreement"), sample_wise)


@_agreement
def rank_agreement(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    reference: Any,
    attributions: Explained | None = None,
    k: int | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Do explanation and reference put the same players in the same places?

    .. math:: |\{i \in T_k(a) \cap T_k(b) : r_i(a) = r_i(b)\}| \, / \, k

    where :math:`T_k` are the k players with the largest absolute attributions and :math:`r_i` the place of player i.

    Parameters
    ----------
    %(judged)s
    %(reference)s
    %(k)s
    %(sample_wise)s
    %(undrawn)s

    Returns
    -------
    agreement : float, or ndarray of shape (n_samples,) if ``sample_wise``
        %(values)s agree in one of p places by chance. 1.0 for a single player that both name.

    Raises
    ------
    %(errors)s, or `k` is out of range.

    Notes
    -----
    %(misleads)s A single swap of neighbours counts as two misses, however near
    their attributions are.

    %(cost)s

    References
    ----------
    %(krishna)s

    See Also
    --------
    feature_agreement : The same players in any place.
    signed_rank_agreement : The same players in the same places with the same sign.

    Examples
    --------
    %(start)s
    >>> from sklearn_xai.metrics import rank_agreement
    >>> rank_agreement(explainer, rows, reference=truth, attributions=found, k=2, sample_wise=True)
    array([0., 1.])
    """
    compared = Compared(explainer, X, attributions, reference, metric="rank_agreement")
    return compared.result(_top(compared, k, "rank_agreement", same_rank=True), sample_wise)


@_agreement
def sign_agreement(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    reference: Any,
    attributions: Explained | None = None,
    k: int | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Do explanation and reference give the most important players the same direction?

    .. math:: |\{i \in T_k(a) \cap T_k(b) : \mathrm{sign}\, a_i = \mathrm{sign}\, b_i\}| \, / \, k

    where :math:`T_k` are the k players with the largest absolute attributions.

    Parameters
    ----------
    %(judged)s
    %(reference)s
    %(k)s
    %(sample_wise)s
    %(undrawn)s

    Returns
    -------
    agreement : float, or ndarray of shape (n_samples,) if ``sample_wise``
        %(values)s agree in half of k of p players by chance. 1.0 for a single player with the same sign.

    Raises
    ------
    %(errors)s, or `k` is out of range.

    Notes
    -----
    %(misleads)s A method without signs, such as absolute gradients, agrees by
    chance alone.

    %(cost)s

    References
    ----------
    %(krishna)s

    See Also
    --------
    feature_agreement : The same players with any sign.
    signed_rank_agreement : The same players in the same places with the same sign.

    Examples
    --------
    %(start)s
    >>> from sklearn_xai.metrics import sign_agreement
    >>> sign_agreement(explainer, rows, reference=truth, attributions=found, k=2, sample_wise=True)
    array([0.5, 1. ])
    """
    compared = Compared(explainer, X, attributions, reference, metric="sign_agreement")
    return compared.result(_top(compared, k, "sign_agreement", same_sign=True), sample_wise)


@_agreement
def signed_rank_agreement(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    reference: Any,
    attributions: Explained | None = None,
    k: int | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Do explanation and reference put the same players in the same places, with the same direction?

    .. math:: |\{i \in T_k(a) \cap T_k(b) : r_i(a) = r_i(b),\ \mathrm{sign}\, a_i = \mathrm{sign}\, b_i\}| \, / \, k

    where :math:`T_k` are the k players with the largest absolute attributions and :math:`r_i` the place of player i.

    Parameters
    ----------
    %(judged)s
    %(reference)s
    %(k)s
    %(sample_wise)s
    %(undrawn)s

    Returns
    -------
    agreement : float, or ndarray of shape (n_samples,) if ``sample_wise``
        %(values)s agree in half of one of p places by chance. 1.0 for a single player with the same sign. Never above
        `rank_agreement` or `sign_agreement`.

    Raises
    ------
    %(errors)s, or `k` is out of range.

    Notes
    -----
    %(misleads)s It is the strictest of these measures: little agreement may
    still be a single swap.

    %(cost)s

    References
    ----------
    %(krishna)s

    See Also
    --------
    rank_agreement : The same players in the same places, with any sign.
    sign_agreement : The same players with the same sign, in any place.

    Examples
    --------
    %(start)s
    >>> from sklearn_xai.metrics import signed_rank_agreement
    >>> signed_rank_agreement(explainer, rows, reference=truth, attributions=found, k=3, sample_wise=True)
    array([0.33333333, 1.        ])
    """
    compared = Compared(explainer, X, attributions, reference, metric="signed_rank_agreement")
    return compared.result(_top(compared, k, "signed_rank_agreement", same_rank=True, same_sign=True), sample_wise)


@_agreement
def rank_correlation(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    reference: Any,
    attributions: Explained | None = None,
    absolute: bool = True,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Do explanation and reference order all players alike?

    Spearman's rank correlation of the attributions of a row with those of the reference,

    .. math:: \operatorname{corr}(r(a), r(b))

    with r the places of the players.

    Parameters
    ----------
    %(judged)s
    %(reference)s
    %(importance)s
    %(sample_wise)s
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    correlation : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From -1 to 1; greater is better, and random attributions give 0. Ties share their mean place. 0.0 where either
        side gives all players the same attribution: an all-zero explanation, a single player.

    Raises
    ------
    %(errors)s.

    Notes
    -----
    %(misleads)s Players that matter to nobody count as much as the others, and
    of many such the order is noise.

    %(cost)s

    References
    ----------
    %(krishna)s

    See Also
    --------
    pairwise_rank_agreement : The share of pairs that are ordered alike.

    Examples
    --------
    %(start)s
    >>> from sklearn_xai.metrics import rank_correlation
    >>> rank_correlation(explainer, rows, reference=truth, attributions=found, sample_wise=True)
    array([0.5, 1. ])
    """
    compared = Compared(explainer, X, attributions, reference, metric="rank_correlation")
    return compared.result(_ordered(spearman, absolute), sample_wise)


@_agreement
def pairwise_rank_agreement(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    reference: Any,
    attributions: Explained | None = None,
    absolute: bool = True,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Of which share of pairs of players do explanation and reference agree which is more important?

    .. math:: \frac{|\{i, j : b_i > b_j,\ a_i > a_j\}| + \frac{1}{2} |\{i, j : b_i > b_j,\ a_i = a_j\}|}
              {|\{i, j : b_i > b_j\}|}

    for the attributions a and those of the reference b, by size.

    Parameters
    ----------
    %(judged)s
    %(reference)s
    %(importance)s
    %(sample_wise)s
    %(undrawn)s

    Returns
    -------
    agreement : float, or ndarray of shape (n_samples,) if ``sample_wise``
        From 0 to 1; greater is better, and random attributions give 0.5. Pairs that the reference ties are left out: it
        says nothing of them. Pairs that the explanation ties count one half, so that an all-zero explanation gives 0.5,
        as chance does. So does a reference that orders no pair, and a single player.

    Raises
    ------
    %(errors)s.

    Notes
    -----
    %(misleads)s Pairs of players that hardly matter count as much as the others.

    %(cost)s

    References
    ----------
    %(krishna)s

    See Also
    --------
    rank_correlation : Spearman's correlation of the same orders.

    Examples
    --------
    %(start)s
    >>> from sklearn_xai.metrics import pairwise_rank_agreement
    >>> pairwise_rank_agreement(explainer, rows, reference=truth, attributions=found, sample_wise=True).round(3)
    array([0.667, 1.   ])
    """
    compared = Compared(explainer, X, attributions, reference, metric="pairwise_rank_agreement")
    return compared.result(_ordered(pair_order_agreement, absolute), sample_wise)


def _top(compared, k, metric, **same):
    """Return the function of attributions and reference that compares their first k players."""
    integer = isinstance(k, int | np.integer) and not isinstance(k, bool)
    if k is not None and not (integer and 1 <= k <= compared.n_players):
        raise ValueError(
            f"The 'k' parameter of {metric} must be None or an integer from 1 to {compared.n_players}, the number of "
            f"players. Got {k!r}."
        )
    k = -(-compared.n_players // 4) if k is None else int(k)
    return lambda a, b: top_k_agreement(a, b, np.clip((b != 0).sum(axis=1), 1, k), **same)


def _ordered(measure, absolute):
    return (lambda a, b: measure(np.abs(a), np.abs(b))) if absolute else measure
