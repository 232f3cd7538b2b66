"""The arithmetic behind the critical-difference diagram: groups, their levels, and the Friedman and Nemenyi tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import chi2, rankdata, studentized_range


def groups_within(mean_ranks: Mapping[str, float], critical_difference: float) -> list[list[str]]:
    """Return the largest sets of names whose ranks span no more than the critical difference, best first.

    Examples
    --------
    >>> from sklearn_xai.display._rank_arrays import groups_within
    >>> groups_within({"a": 1.0, "b": 1.5, "c": 2.5, "d": 4.0}, 1.0)
    [['a', 'b'], ['b', 'c']]
    """
    names = sorted(mean_ranks, key=lambda key: mean_ranks[key])
    ranks = np.array([mean_ranks[key] for key in names])
    # A rank is a mean of halves: what differs by rounding only is on the line.
    ends = np.searchsorted(ranks, ranks + critical_difference * (1 + 1e-12) + 1e-12, side="right")
    groups, reached = [], 0
    for start, end in enumerate(ends):
        if end > reached and end - start > 1:
            groups.append(names[start:end])
        reached = max(reached, int(end))
    return groups


def levels_of(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return for each span the lowest level on which it touches no earlier one.

    Examples
    --------
    >>> from sklearn_xai.display._rank_arrays import levels_of
    >>> levels_of([(1, 3), (2, 4), (3.5, 5)])
    [0, 1, 0]
    """
    levels: list[int] = []
    for i, (low, high) in enumerate(spans):
        taken = {
            levels[j] for j, (other_low, other_high) in enumerate(spans[:i]) if low <= other_high and other_low <= high
        }
        levels.append(next(level for level in range(i + 1) if level not in taken))
    return levels


def friedman_nemenyi(losses: np.ndarray, alpha: float) -> tuple[np.ndarray, float, float]:
    """Return mean ranks, the critical difference of Nemenyi, and the p-value that all explainers are alike.

    Parameters
    ----------
    losses : ndarray of shape (n_datasets, n_explainers)
        Lower is better.
    alpha : float
        The level of the critical difference.

    Returns
    -------
    mean_ranks : ndarray of shape (n_explainers,)
        1 is the best; ties share their mean.
    critical_difference : float
    p_value : float
        Of Friedman's chi-squared with the correction for ties; 1.0 when all are tied everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.display._rank_arrays import friedman_nemenyi
    >>> ranks, difference, p_value = friedman_nemenyi(np.array([[1.0, 2, 3]] * 4 + [[1.0, 3, 2]] * 2), 0.05)
    >>> ranks.round(2), round(difference, 2), round(p_value, 3)
    (array([1.  , 2.33, 2.67]), 1.35, 0.009)
    """
    n_datasets, n_explainers = losses.shape
    ranks = rankdata(losses, axis=1)
    quantile = studentized_range.ppf(1 - alpha, n_explainers, np.inf) / np.sqrt(2)
    difference = float(quantile * np.sqrt(n_explainers * (n_explainers + 1) / (6 * n_datasets)))
    centred = ranks - (n_explainers + 1) / 2
    total = (centred**2).sum()
    if total == 0:
        return ranks.mean(axis=0), difference, 1.0
    statistic = (n_explainers - 1) * (centred.sum(axis=0) ** 2).sum() / total
    return ranks.mean(axis=0), difference, float(chi2.sf(statistic, n_explainers - 1))
