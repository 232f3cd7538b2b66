"""Faithfulness: does the output move as the attributions say it does?"""

from __future__ import annotations

import numpy as np

from sklearn_xai.engines.agreement import draw_subsets, subset_faithfulness


def faithfulness_correlation(
    explainer, X, attributions=None, *, n_subsets=100, subset_size=None, random_state=0, per_row=False
):
    """Do the attributions of a set of features add up to what the model loses without that set?

    Random subsets of the players (features, or groups of them) are removed, that is, replaced by the explainer's
    background. For each row, the faithfulness is the Pearson correlation over the subsets S between the sum of the
    attributions in S and the drop of the explained output, f(x) - f(x without S). The subsets are the same for all
    rows.

    Parameters
    ----------
    explainer : fitted explainer
        With `target="all"`, each output is judged by itself and the mean over the outputs is given.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows to explain.
    attributions : array-like of shape (n_samples, n_players) or None, default=None
        The explanation to judge, in the units of the explained output, as `transform(X)` or `explain(X).values` give
        it. None takes `explainer.transform(X)`.
    n_subsets : int, default=100
        Number of subsets.
    subset_size : int or None, default=None
        Number of players removed at once. None draws each subset's size from 1 to `n_players - 1`.
    random_state : int, RandomState instance or None, default=0
        Seeds the subsets.
    per_row : bool, default=False
        Whether to give one number per row instead of their mean.

    Returns
    -------
    correlation : float, or ndarray of shape (n_samples,) if `per_row`
        In [-1, 1]; 1.0 for an explanation that is exactly additive in the removed features. A row where the summed
        attributions or the drops are constant counts 0.0: an all-zero explanation, a model that does not move, a
        single player, a single subset. Ties need no rule. Never NaN.

    Raises
    ------
    ValueError
        If the shapes do not belong together, a number is not finite, or `n_subsets` or `subset_size` is out of range.

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
    full = np.asarray(explainer.explained_output(X))
    attributions = np.asarray(explainer.transform(X) if attributions is None else attributions)
    by_output = _by_output(attributions, None if full.ndim == 1 else full.shape[1])
    n_players = by_output[0].shape[1]
    coalitions = draw_subsets(n_players, n_subsets, subset_size=subset_size, random_state=random_state)
    values = np.asarray(explainer.coalition_values(X, coalitions))
    full, values = full.reshape(len(full), -1), values.reshape(*values.shape[:2], -1)
    parts = [subset_faithfulness(a, coalitions, values[..., k], full[:, k]) for k, a in enumerate(by_output)]
    correlation = np.mean(parts, axis=0)
    return correlation if per_row else float(correlation.mean())


def _by_output(attributions, n_outputs) -> list[np.ndarray]:
    """Give the attributions of each output, (n_samples, n_players), whether they come as blocks or on a last axis."""
    rows = len(attributions)
    if n_outputs is None:
        return [attributions.reshape(rows, -1)]
    if attributions.ndim == 2:
        return list(attributions.reshape(rows, n_outputs, -1).transpose(1, 0, 2))
    return [attributions[..., k].reshape(rows, -1) for k in range(n_outputs)]
