"""Which columns cannot be trusted: their sign, size and place across explanations of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

if TYPE_CHECKING:
    import pandas as pd

# The rule of `unstable`. A column matters when it has half of what it would have were all columns equal.
LEAST_SHARE = 0.5  # of an equal share of the mean absolute attributions
LEAST_CONSISTENCY = 0.9  # share of rows in which two explanations agree on the sign
MOST_VARIATION = 0.5  # standard deviation of the mean absolute attribution, divided by its mean
SOMETIMES = (0.1, 0.9)  # share of explanations with the column among the top

TINY = 1e-7  # mean absolute attributions that are equal up to rounding, relative to the largest


def effective_k(top_k, n_players) -> int:
    """Give how many players count as top: `top_k`, or half of them where there are no more than that."""
    return int(top_k) if top_k < n_players else max(1, n_players // 2)


def column_table(attributions, pairs, pair_sources, feature_names, k) -> pd.DataFrame:
    """Give what is known of each column across explanations.

    Parameters
    ----------
    attributions : ndarray of shape (n_conditions, n_rows, n_players)
    pairs : int ndarray of shape (n_pairs, 2)
        The explanations that differ in one source.
    pair_sources : list of str
    feature_names : list of str
    k : int
        How many columns count as top.

    Returns
    -------
    DataFrame
        As `columns` of :func:`~sklearn_xai.model_selection.explanation_stability`.
    """
    import pandas as pd

    sizes = mean_sizes(attributions)
    mean = sizes.mean(axis=0)
    ranks = rankdata(-sizes, method="min", axis=1).astype(int)
    apart = (sizes[pairs[:, 0]] - sizes[pairs[:, 1]]) ** 2 / 2
    deviation = np.sqrt(_of_sources(apart, pair_sources).max(axis=0))
    deviation[deviation <= TINY * mean] = 0.0
    alike, changes = _signs(attributions, pairs)
    top = top_members(sizes, k).mean(axis=0)
    total = mean.sum()
    table = pd.DataFrame(
        {
            "mean_abs": mean,
            "share": mean / total if total > 0 else mean,
            "variation": np.divide(deviation, mean, out=np.zeros_like(mean), where=mean > 0),
            "sign_consistency": _of_sources(alike, pair_sources).min(axis=0),
            "sign_changes": changes,
            "rank": rankdata(-mean, method="min").astype(int),
            "rank_low": ranks.min(axis=0),
            "rank_high": ranks.max(axis=0),
            "rank_iqr": np.subtract(*np.percentile(ranks, [75, 25], axis=0)),
            "top": top,
        },
        index=feature_names,
    )
    table["unstable"], table["why"] = _judge(table)
    return table


def mean_sizes(attributions) -> np.ndarray:
    """Give the mean absolute attribution over rows, (n_conditions, n_players)."""
    return np.stack([np.abs(part).mean(axis=0, dtype=np.float64) for part in attributions])


def top_members(sizes, k) -> np.ndarray:
    """Say which players are the `k` largest of each explanation, bool (n_conditions, n_players); 0 is never one."""
    places = np.argsort(np.argsort(-sizes, axis=1, kind="stable"), axis=1, kind="stable")
    return (places < k) & (sizes > 0)


def _of_sources(values, pair_sources):
    """Give the mean over the pairs of each source: a design has more pairs of one source than of another."""
    sources = np.array(pair_sources)
    return np.stack([values[sources == source].mean(axis=0) for source in dict.fromkeys(pair_sources)])


def _signs(attributions, pairs):
    """Give the share of rows in which the explanations of a pair agree on the sign, and of rows with both signs."""
    signs = [np.sign(part).astype(np.int8) for part in attributions]
    alike = np.stack([(signs[i] == signs[j]).mean(axis=0) for i, j in pairs])
    both = np.maximum.reduce(signs) - np.minimum.reduce(signs) == 2
    return alike, both.mean(axis=0)


def _judge(table):
    """Apply the rule: bool and the reasons of each column, in words."""
    matters = (table["share"] >= LEAST_SHARE / len(table)) & (table["share"] > 0)
    reasons = {
        "sign": table["sign_consistency"] < LEAST_CONSISTENCY,
        "size": table["variation"] > MOST_VARIATION,
        "place": table["top"].between(*SOMETIMES),
    }
    found = [
        ", ".join(name for name, flags in reasons.items() if flags.iloc[j]) if matters.iloc[j] else ""
        for j in range(len(table))
    ]
    return [bool(why) for why in found], found
