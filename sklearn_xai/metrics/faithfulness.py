"""Faithfulness: does the output move as the attributions say it does?"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Explained, Removal, Rows, Scores, Seed
from sklearn_xai.engines.agreement import draw_subsets, spearman
from sklearn_xai.metrics._judged import Judged
from sklearn_xai.metrics._registry import explanation_metric


@explanation_metric(family="faithfulness", greater_is_better=True)
def faithfulness_correlation(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_subsets: int = 100,
    subset_size: int | None = None,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Do the attributions of a set of features add up to what the model loses without that set?

    Random subsets of the players (features, or groups of them) are removed, that is, replaced by the explainer's
    background. For each row, the faithfulness is the Pearson correlation over the subsets S between the sum of the
    attributions in S and the drop of the explained output,

    .. math:: \operatorname{corr}_S \Big( \sum_{i \in S} \phi_i,\; f(x) - f(x_{\setminus S}) \Big).

    The subsets are the same for all rows.

    Parameters
    ----------
    %(judged)s
    n_subsets : int, default=100
        Number of subsets.
    subset_size : int or None, default=None
        Number of players removed at once. None draws each subset's size from 1 to `n_players - 1`.
    %(removal)s
    %(sample_wise)s
    random_state : int, RandomState instance or None, default=None
        Seeds the subsets; None reads numpy's global generator, without advancing it.

    Returns
    -------
    correlation : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [-1, 1]; 1.0 for an explanation that is exactly additive in the removed features. A row where the summed
        attributions or the drops are constant counts 0.0: an all-zero explanation, a model that does not move, a
        single player, a single subset. Ties need no rule. Never NaN.

    Raises
    ------
    ValueError
        If the shapes do not belong together, a number is not finite, or `n_subsets` or `subset_size` is out of range.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. Explainers that remove players in the same way (Shapley
    values, occlusion) are favoured. It judges order, not size: attributions may be ten times too large.

    Cost: for each row, one evaluation for every subset and each of the 16 background rows that the explainer fills up
    with: 1,600 by default.

    References
    ----------
    Bhatt, U., Weller, A. & Moura, J. M. F. (2020). Evaluating and Aggregating Feature-based Model Explanations. IJCAI.

    See Also
    --------
    completeness_gap : What an explanation leaves unexplained.
    make_explanation_scorer : This metric as `scoring=` of a search.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import faithfulness_correlation
    >>> X = torch.eye(4).numpy()
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> bool(faithfulness_correlation(explainer, X, subset_size=1) > 0)
    True
    """
    judged = Judged(explainer, X, attributions, metric="faithfulness_correlation", removal=removal)
    n_players = judged.parts[0].n_players
    kept = draw_subsets(n_players, n_subsets, subset_size=subset_size, random_state=random_state)
    return judged.result(lambda part: part.subset_correlation(kept), sample_wise)


@explanation_metric(family="faithfulness", greater_is_better=False)
def infidelity(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_subsets: int = 100,
    subset_size: int | None = None,
    normalize: bool = False,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""By how much do the attributions of a set of features miss what the model loses without that set?

    .. math:: E_S \Big[ \Big( \sum_{i \in S} \phi_i - \big( f(x) - f(x_{\setminus S}) \big) \Big)^2 \Big]

    over random subsets S of the players, the same for all rows. This is the published measure for perturbations that
    replace the players of S, where attributions are contributions and not slopes.

    Parameters
    ----------
    %(judged)s
    n_subsets : int, default=100
        Number of subsets.
    subset_size : int or None, default=None
        Number of players removed at once. None draws each subset's size from 1 to `n_players - 1`.
    normalize : bool, default=False
        Whether to multiply each row's attributions by the number that makes the measure smallest, so that only their
        proportions are judged.
    %(removal)s
    %(sample_wise)s
    random_state : int, RandomState instance or None, default=None
        Seeds the subsets; None reads numpy's global generator, without advancing it.

    Returns
    -------
    infidelity : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In the squared units of the explained output, 0 or above; smaller is better. An all-zero explanation misses all
        of it, the mean squared drop. Of a constant model it is the mean squared sum of the attributions, 0.0 if
        `normalize`. Ties and single players need no rule.

    Raises
    ------
    ValueError
        If the shapes do not belong together, a number is not finite, or `n_subsets` or `subset_size` is out of range.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. A method in other units than the output's, such as a
    gradient, is off by its size alone, unless `normalize`.

    Cost: for each row, one evaluation for every subset and each of the 16 background rows that the explainer fills up
    with: 1,600 by default.

    References
    ----------
    Yeh, C.-K., Hsieh, C.-Y., Suggala, A., Inouye, D. I. and Ravikumar, P. (2019). On the (In)fidelity and Sensitivity
    of Explanations.

    See Also
    --------
    faithfulness_correlation : The same sums and drops, correlated.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import infidelity
    >>> X = torch.eye(4).numpy()
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(0 * X)
    >>> infidelity(explainer, X) < 1e-9
    True
    """
    judged = Judged(explainer, X, attributions, metric="infidelity", removal=removal)
    n_players = judged.parts[0].n_players
    kept = draw_subsets(n_players, n_subsets, subset_size=subset_size, random_state=random_state)

    def missed(part):
        sums, drops = part.attributions @ (~kept).T, part.full[:, None] - part.values(kept)
        if normalize:
            squares = np.square(sums).sum(axis=1, keepdims=True)
            sums = sums * (sums * drops).sum(axis=1, keepdims=True) / np.where(squares > 0, squares, 1.0)
        return np.square(sums - drops).mean(axis=1)

    return judged.result(missed, sample_wise)


@explanation_metric(family="faithfulness", greater_is_better=True)
def sensitivity_n(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    sizes: ArrayLike | None = None,
    n_subsets: int = 100,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""For sets of n features, do the attributions say which loss is larger, from small sets to large ones?

    .. math:: \frac{1}{|N|} \sum_{n \in N} \operatorname{corr}_{|S| = n}
              \Big( \sum_{i \in S} \phi_i,\; f(x) - f(x_{\setminus S}) \Big)

    with the Pearson correlation over subsets of n players, all of them where they are few, the same for all rows.

    Parameters
    ----------
    %(judged)s
    sizes : array-like of int or None, default=None
        The numbers n. None is at most five, spread evenly on a logarithmic scale from 1 to 80 % of the players.
    n_subsets : int, default=100
        Number of subsets of each size.
    %(removal)s
    %(sample_wise)s
    random_state : int, RandomState instance or None, default=None
        Seeds the subsets; None reads numpy's global generator, without advancing it.

    Returns
    -------
    correlation : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In [-1, 1]; greater is better. 1.0 for an explanation that is additive in the removed features. A size for which
        a row's sums or drops are constant counts 0.0: an all-zero or constant explanation, a model that does not move,
        a single player. Ties need no rule.

    Raises
    ------
    ValueError
        If the shapes do not belong together, a number is not finite, or `n_subsets` or a size is out of range.

    Notes
    -----
    Misleads when columns are correlated: rows with holes filled up from other rows may be like none the model was
    trained on, and part of what the output does is surprise. It judges order, not size; and of sets of many players
    the sums are much alike, so that their correlation is mostly noise.

    Cost: for each row, one evaluation for every subset of every size and each of the 16 background rows that the
    explainer fills up with: 8,000 by default where there are many players.

    References
    ----------
    Ancona, M., Ceolini, E., Oztireli, C. and Gross, M. (2018). Towards Better Understanding of Gradient-based
    Attribution Methods for Deep Neural Networks.

    See Also
    --------
    faithfulness_correlation : One correlation over subsets of all sizes.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.metrics import sensitivity_n
    >>> X = torch.arange(8.0).reshape(2, 4).numpy()
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(4, 1)).fit(0 * X)
    >>> round(sensitivity_n(explainer, X), 6)
    1.0
    """
    judged = Judged(explainer, X, attributions, metric="sensitivity_n", removal=removal)
    n_players = judged.parts[0].n_players
    sizes = _spread_sizes(n_players) if sizes is None else np.asarray(sizes).reshape(-1)
    groups = [_subsets_of_size(n_players, n_subsets, size, random_state) for size in sizes.tolist()]
    if not groups:
        raise ValueError("The 'sizes' parameter of sensitivity_n must hold at least one number of players. Got none.")
    return judged.result(lambda part: np.mean(part.subset_correlations(groups), axis=0), sample_wise)


def _spread_sizes(n_players):
    return np.unique(np.rint(np.geomspace(1, max(1.0, 0.8 * n_players), 5)).astype(int))


def _subsets_of_size(n_players, n_subsets, size, random_state):
    """Return which players stay when subsets of one size are removed: all subsets, or so many draws."""
    drawn = draw_subsets(n_players, n_subsets, subset_size=size, random_state=random_state)
    if comb(n_players, size) > n_subsets:
        return drawn
    kept = np.ones((comb(n_players, size), n_players), dtype=bool)
    for row, subset in zip(kept, combinations(range(n_players), size), strict=True):
        row[list(subset)] = False
    return kept


@explanation_metric(family="faithfulness", greater_is_better=True)
def monotonicity_correlation(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Are the players with the larger attributions those of which the model knows less when they are unknown?

    Spearman's rank correlation over the players i,

    .. math:: \operatorname{corr}_i \big( r(|\phi_i|),\; r(E_{x'_i}[ (f(x) - f(x_{\setminus i}, x'_i))^2 ]) \big)

    with r the ranks, of the attributions and of the mean squared change of the output over background values of the
    player.

    Parameters
    ----------
    %(judged)s
    %(removal)s
    %(sample_wise)s
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    correlation : float, or ndarray of shape (n_samples,) if ``sample_wise``
        In [-1, 1]; greater is better. Ties share their mean rank. 0.0 where one side is constant over the players: an
        all-zero explanation, a constant model, a single player.

    Raises
    ------
    ValueError
        If the attributions do not belong to the rows or are not finite.

    Notes
    -----
    Misleads when players matter only together: each is changed alone, and of an exclusive or, or of two that stand in
    for each other, it sees little. Signs are not judged.

    Cost: for each row, one evaluation for every player and each of the 16 background rows that the explainer fills up
    with.

    References
    ----------
    Nguyen, A. and Martinez, M. R. (2020). On Quantitative Aspects of Model Interpretability.

    See Also
    --------
    sensitivity_n : Sets of several players.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import OcclusionExplainer
    >>> from sklearn_xai.metrics import monotonicity_correlation
    >>> X = np.random.RandomState(0).randn(20, 4).astype("float32")
    >>> net = torch.nn.Linear(4, 1)
    >>> _ = torch.nn.init.constant_(net.weight, 0.5)
    >>> explainer = OcclusionExplainer(net).fit(X)
    >>> bool(monotonicity_correlation(explainer, X) > 0.5)
    True
    """
    judged = Judged(explainer, X, attributions, metric="monotonicity_correlation", removal=removal)
    kept = ~np.eye(judged.parts[0].n_players, dtype=bool)

    def monotone(part):
        change = np.square(part.full[:, None, None] - part.values(kept, average=False)).mean(axis=2)
        rounding = np.square(8 * part.rounding * np.abs(part.full))[:, None]
        return spearman(np.abs(part.attributions), np.where(change > rounding, change, 0.0))

    return judged.result(monotone, sample_wise)
