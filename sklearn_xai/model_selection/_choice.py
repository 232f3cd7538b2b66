"""From what was found of explainers in the folds to their ranks, the tests on them, and the table of results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sklearn_xai.model_selection._evaluation import Measured
from sklearn_xai.model_selection._ranking import (
    alike,
    alike_groups,
    bootstrap_control_difference,
    bootstrap_difference,
    bootstrap_ranks,
    dunn_difference,
    friedman,
    nemenyi_difference,
    ranks_of,
)
from sklearn_xai.model_selection.comparison import OWN, fold_means

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Scores:
    """What the metrics say, explainer by explainer.

    Attributes
    ----------
    names, metrics : list of str
        Of the explainers and of all metrics.
    greater : dict of str to bool
        Whether larger values of a metric are better.
    means : ndarray of shape (n_metrics, n_folds, n_explainers)
        As the metrics say it; NaN where one could not be computed.
    left_out : dict of str to dict of str to str
        The metrics that take part in no rank: why, by explainer.
    """

    names: list[str]
    metrics: list[str]
    greater: dict[str, bool]
    means: np.ndarray
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def ranked(self) -> list[int]:
        """The places of the metrics that take part in the ranks."""
        return [m for m, metric in enumerate(self.metrics) if metric not in self.left_out]

    @property
    def signs(self) -> np.ndarray:
        """1 for metrics of which larger is better, else -1, shape (n_metrics,)."""
        return np.array([1.0 if self.greater[metric] else -1.0 for metric in self.metrics])


@dataclass
class Verdict:
    """The ranks, and what is to be believed of their differences.

    Attributes
    ----------
    ranks : ndarray of shape (n_ranked_metrics, n_folds, n_explainers)
    mean_ranks : dict of str to float
    statistic, p_value : float
        That all explainers are alike.
    critical_difference, control_difference : float
        Between any two; of one that is better than the control.
    groups : list of list of str
        Explainers that are not told apart.
    """

    ranks: np.ndarray
    mean_ranks: dict[str, float]
    statistic: float
    p_value: float
    critical_difference: float
    control_difference: float
    groups: list[list[str]]


def scores_of(results: dict[str, list[Measured]], greater: dict[str, bool]) -> Scores:
    """Collect the metrics' means over the rows of each fold, and say which could not be computed."""
    names, metrics = list(results), list(greater)
    means = np.array([[fold_means(results[name], OWN + metric) for name in names] for metric in metrics])
    found = Scores(names, metrics, greater, means.transpose(0, 2, 1))
    for metric, values in zip(metrics, found.means, strict=True):
        for name in np.array(names)[~np.isfinite(values).all(axis=0)]:
            reasons = (fold.reasons.get(OWN + metric) for fold in results[name])
            reason = next((reason for reason in reasons if reason), "it gave a number that is not finite")
            found.left_out.setdefault(metric, {})[str(name)] = reason
    return found


def row_scores(results: dict[str, list[Measured]], scores: Scores) -> list[np.ndarray]:
    """Give for each fold what the ranked metrics say of each row, larger being better.

    Each array has the shape (n_metrics, n_explainers, n_rows). A metric that gave one number for all rows has it
    in each of them.
    """
    signs, folds = scores.signs, []
    for fold in range(scores.means.shape[1]):
        n = len(next(iter(results.values()))[fold].attributions)
        folds.append(
            np.array(
                [
                    [_spread_out(results[name][fold].scores[OWN + scores.metrics[m]], n) * signs[m] for name in results]
                    for m in scores.ranked
                ]
            )
        )
    return folds


def _spread_out(values, n):
    return values if values.shape == (n,) else np.full(n, values.mean())


def verdict_of(scores: Scores, results, *, control, test, alpha, same_rows, n_bootstrap, random_state) -> Verdict:
    """Rank the explainers within each block, a metric in a fold, and test the differences of their mean ranks."""
    signed = scores.means[scores.ranked] * scores.signs[scores.ranked][:, None, None]
    ranks = ranks_of(signed)
    blocks = ranks.reshape(-1, len(scores.names))
    mean_ranks = blocks.mean(axis=0)
    statistic, p_value = friedman(blocks)
    if test == "nemenyi":
        difference = nemenyi_difference(len(scores.names), len(blocks), alpha)
        advantage = dunn_difference(len(scores.names), len(blocks), alpha)
    else:
        rows = row_scores(results, scores)
        drawn = bootstrap_ranks(rows, n_bootstrap=n_bootstrap, shared=same_rows, random_state=random_state)
        # Two places exchanged in one block change a mean rank by half a rank at least: a tie that is broken.
        least = 0.5 / len(blocks)
        difference, p_value = bootstrap_difference(drawn, mean_ranks, alpha, least)
        place = scores.names.index(control) if control is not None else 0
        advantage = bootstrap_control_difference(drawn, mean_ranks, place, alpha, least)
    named = {name: float(rank) for name, rank in zip(scores.names, mean_ranks, strict=True)}
    return Verdict(ranks, named, statistic, p_value, difference, advantage, alike_groups(named, difference))


def results_table(results: dict[str, list[Measured]], scores: Scores, verdict: Verdict, best, control) -> pd.DataFrame:
    """Make the table of results: a row per explainer."""
    import pandas as pd

    columns: dict[str, object] = {}
    mean_of_folds = dict(zip(np.array(scores.metrics)[scores.ranked], verdict.ranks.mean(axis=1), strict=True))
    for m, metric in enumerate(scores.metrics):
        columns[f"mean_{metric}"] = scores.means[m].mean(axis=0)
        columns[f"std_{metric}"] = scores.means[m].std(axis=0)
        columns[f"rank_{metric}"] = mean_of_folds.get(metric, np.full(len(scores.names), np.nan))
    mean_ranks = np.array([verdict.mean_ranks[name] for name in scores.names])
    columns["mean_rank"] = mean_ranks
    columns["not_different_from_best"] = alike(mean_ranks, verdict.mean_ranks[best], verdict.critical_difference)
    if control is not None:
        columns["better_than_control"] = better_than(verdict, scores.names, control)
    columns["fit_seconds"] = [float(np.mean([fold.fit_seconds for fold in results[name]])) for name in scores.names]
    columns["transform_seconds"] = [
        float(np.mean([fold.transform_seconds for fold in results[name]])) for name in scores.names
    ]
    return pd.DataFrame(columns, index=pd.Index(scores.names, name="explainer"))


def better_than(verdict: Verdict, names, control) -> np.ndarray:
    """Say of each explainer whether its mean rank is better than the control's by more than chance makes it."""
    ranks, against = np.array([verdict.mean_ranks[name] for name in names]), verdict.mean_ranks[control]
    return (ranks < against) & ~alike(ranks, against, verdict.control_difference)


def blocks_table(values, metrics, names) -> pd.DataFrame:
    """Make a table of (n_metrics, n_folds, n_explainers) with a row for each metric and fold."""
    import pandas as pd

    index = pd.MultiIndex.from_product([metrics, range(values.shape[1])], names=["metric", "fold"])
    return pd.DataFrame(values.reshape(-1, len(names)), index=index, columns=pd.Index(names, name="explainer"))
