"""Ranks of explainers over blocks of scores, and how far apart mean ranks must be to tell explainers apart."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, norm, rankdata, studentized_range

from sklearn_xai._rng import own_random_state

# Scores that differ by less than this part of the largest in their block are ties: a network's answers in float32
# differ by as much when the same sums are taken in another order.
RESOLUTION = 1e-5


def ranks_of(scores, *, resolution=RESOLUTION) -> np.ndarray:
    """Give the rank of each explainer in each block, 1 for the largest score, the mean of their places to ties.

    Parameters
    ----------
    scores : ndarray of shape (..., n_explainers)
        Larger is better.
    resolution : float, default=1e-5
        Scores that differ by less than this part of the largest magnitude in their block are taken for equal; 0 takes
        them as they are.

    Returns
    -------
    ranks : ndarray of shape (..., n_explainers)

    Examples
    --------
    >>> from sklearn_xai.model_selection._ranking import ranks_of
    >>> ranks_of([[0.9, 0.1, 0.9], [1.0, 2.0, 3.0]])
    array([[1.5, 3. , 1.5],
           [3. , 2. , 1. ]])
    """
    scores = np.asarray(scores, dtype=np.float64)
    if resolution and scores.size:
        order = np.sort(scores, axis=-1)
        step = resolution * np.abs(scores).max(axis=-1, keepdims=True)
        # A run of neighbours that are near to each other is one score: numbers that are rounded to a grid would part
        # where they lie on two sides of a line.
        places = np.cumsum(np.diff(order, axis=-1, prepend=order[..., :1]) > step, axis=-1)
        scores = np.take_along_axis(places, np.argsort(np.argsort(scores, axis=-1), axis=-1), axis=-1)
    return rankdata(-scores, axis=-1)


def friedman(ranks) -> tuple[float, float]:
    """Test whether all explainers are alike.

    With `N` blocks and `k` explainers of mean ranks `R`, and `T` the mean over blocks of `sum(t**3 - t)` over groups
    of `t` ties,

        chi2 = 12 N sum((R - (k + 1) / 2)**2) / (k (k + 1) - T / (k - 1))

    which is compared with the chi-squared distribution of `k - 1` degrees of freedom.

    Parameters
    ----------
    ranks : ndarray of shape (n_blocks, n_explainers)

    Returns
    -------
    statistic, p_value : float
        0.0 and 1.0 where all explainers are tied in all blocks, or there is only one.

    References
    ----------
    Friedman, M. (1937). The use of ranks to avoid the assumption of normality implicit in the analysis of variance.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.model_selection._ranking import friedman
    >>> statistic, p_value = friedman(np.tile([1.0, 2.0, 3.0], (10, 1)))
    >>> statistic, round(p_value, 7)
    (20.0, 4.54e-05)
    """
    n_blocks, k = np.shape(ranks)
    # The variance of the ranks within blocks, which ties make smaller than (k * k - 1) / 12.
    spread = ((ranks - (k + 1) / 2) ** 2).sum()
    if spread == 0:
        return 0.0, 1.0
    between = n_blocks * ((np.mean(ranks, axis=0) - (k + 1) / 2) ** 2).sum()
    statistic = float((k - 1) * n_blocks * between / spread)
    return statistic, float(chi2.sf(statistic, k - 1))


def nemenyi_difference(n_explainers, n_blocks, alpha=0.05) -> float:
    """Give the difference of mean ranks from which on two explainers differ, whichever two they are.

        CD = q * sqrt(k (k + 1) / (6 N))

    with `q` the upper `alpha` point of the studentised range of `k` explainers, divided by sqrt(2).

    Parameters
    ----------
    n_explainers, n_blocks : int
    alpha : float, default=0.05
        How often, at most, alike explainers are told apart.

    Returns
    -------
    critical_difference : float

    References
    ----------
    Demsar, J. (2006). Statistical comparisons of classifiers over multiple data sets. JMLR 7.

    Examples
    --------
    >>> from sklearn_xai.model_selection._ranking import nemenyi_difference
    >>> round(nemenyi_difference(4, 14), 2)
    1.25
    """
    if n_explainers < 2:
        return 0.0
    quantile = studentized_range.ppf(1 - alpha, n_explainers, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_explainers * (n_explainers + 1) / (6 * n_blocks)))


def dunn_difference(n_explainers, n_blocks, alpha=0.05) -> float:
    """Give the difference of mean ranks from which on an explainer is better than the control, whichever it is.

        CD = z * sqrt(k (k + 1) / (6 N))

    with `z` the upper `alpha / (k - 1)` point of the normal distribution: Dunn's test with Bonferroni's correction,
    one-sided. With fewer comparisons to make than Nemenyi's, it sees smaller differences.

    Parameters
    ----------
    n_explainers : int
        The control among them.
    n_blocks : int
    alpha : float, default=0.05
        How often, at most, one that is like the control is taken for better.

    Returns
    -------
    control_difference : float

    References
    ----------
    Demsar, J. (2006). Statistical comparisons of classifiers over multiple data sets. JMLR 7.

    Examples
    --------
    >>> from sklearn_xai.model_selection._ranking import dunn_difference
    >>> round(dunn_difference(4, 14), 2)
    1.04
    """
    if n_explainers < 2:
        return 0.0
    return float(norm.isf(alpha / (n_explainers - 1)) * np.sqrt(n_explainers * (n_explainers + 1) / (6 * n_blocks)))


def bootstrap_ranks(scores, *, n_bootstrap=1000, shared=False, random_state=None) -> np.ndarray:
    """Draw folds, and rows within them, with replacement; give the mean ranks of each draw.

    All explainers and metrics keep the same rows in a draw, so that nothing is assumed of how these depend on each
    other. The metrics are not drawn.

    Parameters
    ----------
    scores : list of n_folds ndarrays of shape (n_metrics, n_explainers, n_rows)
        Larger is better.
    n_bootstrap : int, default=1000
        Number of draws.
    shared : bool, default=False
        Whether the rows are the same in all folds; a draw then has the same rows in all of them.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    mean_ranks : ndarray of shape (n_bootstrap, n_explainers)
    """
    rng = own_random_state(random_state)
    chosen = rng.randint(len(scores), size=(n_bootstrap, len(scores)))
    _, n_explainers, n_rows = scores[0].shape
    common = _draw_counts(rng, n_rows, n_bootstrap) if shared else None
    ranks = np.empty((*chosen.shape, n_explainers))
    for fold, found in enumerate(scores):
        draws = np.nonzero(chosen == fold)
        shares = _draw_counts(rng, found.shape[2], len(draws[0])) if common is None else common[draws[0]]
        means = np.einsum("bi,mei->bme", shares, found, optimize=True)
        ranks[draws] = ranks_of(means).mean(axis=1)
    return ranks.mean(axis=1)


def _draw_counts(rng, n_rows, n_draws):
    """Give how often each row was drawn, divided by their number, (n_draws, n_rows)."""
    return rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=n_draws) / n_rows


def bootstrap_difference(drawn, mean_ranks, alpha, least) -> tuple[float, float]:
    """Give the critical difference of mean ranks by bootstrap, and the p-value that all explainers are alike.

    In a draw, the differences of mean ranks deviate from those found by up to the range of `drawn - mean_ranks`. The
    critical difference is what this range exceeds in a share `alpha` of the draws, so that it holds for all pairs at
    once, as Nemenyi's does; the p-value is the share in which it reaches the range of the mean ranks.

    Parameters
    ----------
    drawn : ndarray of shape (n_bootstrap, n_explainers)
    mean_ranks : ndarray of shape (n_explainers,)
    alpha : float
    least : float
        The smallest difference that mean ranks can have, which no critical difference is below.

    Returns
    -------
    critical_difference, p_value : float
    """
    ranges = np.ptp(drawn - mean_ranks, axis=1)
    reached = np.sum(ranges >= np.ptp(mean_ranks) - 1e-12)
    return max(float(np.quantile(ranges, 1 - alpha)), least), float((reached + 1) / (len(drawn) + 1))


def bootstrap_control_difference(drawn, mean_ranks, control, alpha, least) -> float:
    """Give the advantage over the control that chance alone adds to the largest, in a share `alpha` of the draws.

    Parameters are those of :func:`bootstrap_difference`, and the place of the control.
    """
    deviations = drawn - mean_ranks
    others = np.delete(deviations, control, axis=1)
    most = (deviations[:, [control]] - others).max(axis=1, initial=0.0)
    return max(float(np.quantile(most, 1 - alpha)), least)


def alike_groups(mean_ranks: dict[str, float], critical_difference) -> list[list[str]]:
    """Give the largest groups of two or more whose mean ranks span no more than the critical difference, best first.

    Examples
    --------
    >>> from sklearn_xai.model_selection._ranking import alike_groups
    >>> alike_groups({"a": 1.0, "b": 3.0, "c": 1.8, "d": 2.6}, 1.0)
    [['a', 'c'], ['c', 'd'], ['d', 'b']]
    """
    names = sorted(mean_ranks, key=mean_ranks.__getitem__)
    groups: list[list[str]] = []
    for i, first in enumerate(names):
        group = [name for name in names[i:] if alike(mean_ranks[name], mean_ranks[first], critical_difference)]
        if len(group) > 1 and (not groups or group[-1] != groups[-1][-1]):
            groups.append(group)
    return groups


def alike(a, b, critical_difference):
    """Whether mean ranks differ by no more than the critical difference, rounding aside."""
    return np.abs(np.subtract(a, b)) <= critical_difference + 1e-9
