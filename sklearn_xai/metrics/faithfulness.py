"""Faithfulness: does the output move as the attributions say it does?"""

from __future__ import annotations

from sklearn_xai.engines.agreement import draw_subsets
from sklearn_xai.metrics._judged import Judged
from sklearn_xai.metrics._registry import explanation_metric


@explanation_metric(family="faithfulness", greater_is_better=True)
def faithfulness_correlation(
    explainer,
    X,
    y=None,
    *,
    attributions=None,
    n_subsets=100,
    subset_size=None,
    removal=None,
    sample_wise=False,
    random_state=None,
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
    y : ignored
        For scikit-learn.
    attributions : array-like of shape (n_samples, n_players), shap.Explanation or None, default=None
        The explanation to judge, in the units of the explained output, as `transform(X)` or `explain(X)` give
        it. None takes `explainer.transform(X)`.
    n_subsets : int, default=100
        Number of subsets.
    subset_size : int or None, default=None
        Number of players removed at once. None draws each subset's size from 1 to `n_players - 1`.
    removal : {"marginal", "baseline", "conditional"}, default=None
        What a removed player is replaced by, as :class:`~sklearn_xai.ShapleyExplainer` says; None leaves it to the
        explainer.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
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
