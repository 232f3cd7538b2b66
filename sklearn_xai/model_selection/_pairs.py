"""How far pairs of explanations of the same rows agree, and how sure their mean is.

The measures are those of :mod:`sklearn_xai.engines.agreement`. What a measure needs of one explanation (its ranks, its
top players, its length) is found once and not once a pair.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata, t

from sklearn_xai._rng import own_random_state
from sklearn_xai.engines.agreement import top_weights, unit_scale

MEASURES = ("spearman", "top_k_overlap", "sign_agreement", "cosine")
LOWEST = {"spearman": -1.0, "top_k_overlap": 0.0, "sign_agreement": 0.0, "cosine": -1.0}

_CHUNK_CELLS = 2**19  # attributions of all explanations that are worked on at a time: what a cache holds
_MOST_GROUPS = 2_048


def pairwise_agreement(attributions, pairs, top_k) -> dict[str, np.ndarray]:
    """Give each measure for each pair of explanations and each row.

    Parameters
    ----------
    attributions : ndarray of shape (n_conditions, n_rows, n_players)
    pairs : int ndarray of shape (n_pairs, 2)
    top_k : int

    Returns
    -------
    dict from measure to ndarray of shape (n_pairs, n_rows)
    """
    n_conditions, n_rows, n_players = attributions.shape
    found = {measure: np.empty((len(pairs), n_rows)) for measure in MEASURES}
    step = max(1, _CHUNK_CELLS // (n_conditions * n_players))
    for start in range(0, n_rows, step):
        rows = slice(start, start + step)
        prepared = [_Prepared(part[rows].astype(np.float64), min(int(top_k), n_players)) for part in attributions]
        for p, (i, j) in enumerate(pairs):
            for measure, values in zip(MEASURES, prepared[i].agreement(prepared[j]), strict=True):
                found[measure][p, rows] = values
    return found


class _Prepared:
    """One explanation of some rows, as all its pairs need it."""

    def __init__(self, values, k):
        ranks = rankdata(values, axis=1)
        self.ranks = _unit_length(ranks - ranks.mean(axis=1, keepdims=True))
        self.direction = _unit_length(unit_scale(values))
        self.top = top_weights(values, k)
        self.n_top = self.top.sum(axis=1)
        self.sign = np.sign(values)
        self.spoken = np.abs(self.sign)
        self.n_spoken = self.spoken.sum(axis=1)

    def agreement(self, other):
        """Give the measures in their order, each of shape (n_rows,)."""
        larger = np.maximum(self.n_top, other.n_top)
        shared = np.minimum(self.top, other.top).sum(axis=1)
        both = _dot(self.spoken, other.spoken)
        same = (_dot(self.sign, other.sign) + both) / 2  # same less opposite, and same plus opposite
        either = self.n_spoken + other.n_spoken - both
        return (
            np.clip(_dot(self.ranks, other.ranks), -1.0, 1.0),
            shared / np.where(larger > 0, larger, 1.0),
            same / np.maximum(either, 1),
            np.clip(_dot(self.direction, other.direction), -1.0, 1.0),
        )


def _unit_length(rows):
    norms = np.sqrt(_dot(rows, rows))[:, None]
    return rows / np.where(norms > 0, norms, 1.0)


def _dot(a, b):
    return np.einsum("ij,ij->i", a, b)


def rows_interval(per_row, n_bootstrap, confidence_level, random_state) -> dict[str, tuple[float, float]]:
    """Give the percentile bootstrap over rows of each measure's mean, the same resamples for all measures.

    Of more than 2,048 rows, 2,048 random groups of equal size (up to one row) are resampled in their place: the mean of
    a resample has the same variance, and no resample costs more for there being more rows.

    Parameters
    ----------
    per_row : dict from measure to ndarray of shape (n_rows,)
    n_bootstrap : int
    confidence_level : float
    random_state : int, RandomState instance or None
    """
    table = np.stack(list(per_row.values()), axis=1)
    rng = own_random_state(random_state)
    sizes = np.ones(len(table))
    if len(table) > _MOST_GROUPS:
        shuffled = table[rng.permutation(len(table))]
        starts = np.linspace(0, len(table), _MOST_GROUPS, endpoint=False).astype(int)
        table, sizes = np.add.reduceat(shuffled, starts), np.diff(starts, append=len(table))
    n, means = len(table), np.empty((n_bootstrap, table.shape[1]))
    for start in range(0, n_bootstrap, 256):
        part = means[start : start + 256]
        drawn = rng.randint(n, size=(len(part), n)) + n * np.arange(len(part))[:, None]
        counts = np.bincount(drawn.ravel(), minlength=len(part) * n).reshape(len(part), n).astype(float)
        part[:] = counts @ table / (counts @ sizes)[:, None]
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return {measure: (float(low[m]), float(high[m])) for m, measure in enumerate(per_row)}


def refits_interval(agreement, pairs, n_conditions, confidence_level, inflation=1.0) -> dict[str, tuple[float, float]]:
    """Give the interval of each measure's mean had other refits been made and other rows been explained.

    With U the mean over pairs and rows and U_(c) the same without the pairs of explanation c, the variance is the
    jackknife's over the n explanations, (n - 1) / n * sum_c (U_(c) - mean U_(c))^2, times `inflation`, plus that of
    the mean over rows; the interval is U plus and minus a quantile of Student's t with n - 1 degrees of freedom, inside
    the measure's range. NaN where no pair is left without some explanation, as with two.

    Parameters
    ----------
    agreement : dict from measure to ndarray of shape (n_pairs, n_rows)
    pairs : int ndarray of shape (n_pairs, 2)
    n_conditions : int
    confidence_level : float
    inflation : float
        What the jackknife's variance is multiplied by because the refits share training rows.
    """
    kept = (pairs[:, :, None] != np.arange(n_conditions)).all(axis=1)  # (n_pairs, n_conditions)
    if not kept.any(axis=0).all():
        return dict.fromkeys(agreement, (float("nan"), float("nan")))
    quantile, intervals = t.ppf((1 + confidence_level) / 2, n_conditions - 1), {}
    for measure, values in agreement.items():
        without = values.mean(axis=1) @ kept / kept.sum(axis=0)
        jackknife = (n_conditions - 1) * without.var() * inflation
        n_rows = values.shape[1]
        of_rows = values.mean(axis=0).var(ddof=1) / n_rows if n_rows > 1 else 0.0
        half, mean = quantile * np.sqrt(jackknife + of_rows), values.mean()
        intervals[measure] = (float(max(LOWEST[measure], mean - half)), float(min(1.0, mean + half)))
    return intervals
