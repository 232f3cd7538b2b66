"""How much do the explanations of the same rows depend on the data that the model and the explainer were fitted on?"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from sklearn.utils import Bunch

from sklearn_xai._rng import own_random_state
from sklearn_xai.engines.agreement import cosine, sign_agreement, spearman, top_k_overlap
from sklearn_xai.model_selection.folds import attributions_and_names

MEASURES = ("spearman", "top_k_overlap", "sign_agreement", "cosine")


def explanation_stability(
    explainer,
    X,
    y=None,
    *,
    cv=None,
    X_eval=None,
    top_k=5,
    n_bootstrap=1000,
    confidence_level=0.95,
    random_state=0,
    n_jobs=None,
    verbose=0,
) -> Bunch:
    """How much do explanations of the same rows agree when explainer and model come from other folds?

    Parameters
    ----------
    explainer : explainer, or Pipeline whose last step is one
        As in :func:`cross_val_attributions`.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows that the folds share out.
    y : array-like or None, default=None
        The targets to train on; None explains the fitted estimator as it stands with the folds as backgrounds.
    cv : int, cross-validation generator, iterable or None, default=None
        At least two splits; None is 5 folds.
    X_eval : array-like or DataFrame of shape (n_eval, n_features) or None, default=None
        The rows to explain; None takes all rows of `X`.
    top_k : int, default=5
        How many players count as top; with no more players than that, their overlap says nothing.
    n_bootstrap : int, default=1000
        Number of resamples of the rows behind the intervals.
    confidence_level : float, default=0.95
        Of the intervals.
    random_state : int, RandomState instance or None, default=0
        Seeds the resamples, and each fold of an explainer that has no seed of its own.
    n_jobs : int or None, default=None
        Number of folds at the same time.
    verbose : int or bool, default=0
        Whether to show progress.

    Returns
    -------
    stability : sklearn.utils.Bunch
        - `spearman`, `top_k_overlap`, `sign_agreement`, `cosine`: ndarrays of shape (n_pairs, n_eval), the agreement of
          two folds on a row. All-zero explanations agree with nothing (0.0); see
          :mod:`sklearn_xai.engines.agreement` for ties and constants.
        - `pairs`: ndarray of shape (n_pairs, 2), the folds compared.
        - `per_row`: dict from measure to ndarray of shape (n_eval,), the mean over the pairs.
        - `overall`: dict from measure to float, the mean over pairs and rows.
        - `interval`: dict from measure to (low, high), the percentile bootstrap over rows of `overall`. It says how
          well the rows at hand pin the mean down, given these folds.
        - `attributions`: ndarray of shape (n_splits, n_eval, n_players).
        - `feature_names`: list of the players' names.

    Raises
    ------
    TypeError
        If `explainer` is a class, or no explainer.
    ValueError
        If there are fewer than two folds, no rows to explain, or a parameter is out of range.

    See Also
    --------
    stability_from_attributions : The same for attributions at hand.
    compare_explainers : Which of several explainers is the most stable?

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer
    >>> from sklearn_xai.model_selection import explanation_stability
    >>> X = np.random.RandomState(0).randn(20, 3).astype("float32")
    >>> explainer = InputXGradientExplainer(torch.nn.Linear(3, 1))
    >>> round(explanation_stability(explainer, X, cv=4).overall["cosine"], 3)
    1.0
    """
    _check_bootstrap(n_bootstrap, confidence_level, "explanation_stability")
    attributions, names = attributions_and_names(explainer, X, y, cv, X_eval, None, n_jobs, verbose, random_state)
    return stability_from_attributions(
        attributions,
        top_k=top_k,
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
        random_state=random_state,
        feature_names=names,
    )


def stability_from_attributions(
    attributions, *, top_k=5, n_bootstrap=1000, confidence_level=0.95, random_state=0, feature_names=None
) -> Bunch:
    """How much do several explanations of the same rows agree?

    Parameters
    ----------
    attributions : array-like of shape (n_splits, n_eval, n_players)
        At least two explanations, as :func:`cross_val_attributions` gives them.
    top_k : int, default=5
        How many players count as top.
    n_bootstrap : int, default=1000
        Number of resamples of the rows behind the intervals.
    confidence_level : float, default=0.95
        Of the intervals.
    random_state : int, RandomState instance or None, default=0
        Seeds the resamples.
    feature_names : list of str or None, default=None
        The players' names; None numbers them.

    Returns
    -------
    stability : sklearn.utils.Bunch
        As of :func:`explanation_stability`.

    Raises
    ------
    ValueError
        If there are fewer than two explanations, no rows, numbers that are not finite, or a parameter out of range.

    Examples
    --------
    >>> from sklearn_xai.model_selection import stability_from_attributions
    >>> stability_from_attributions([[[1.0, 2.0]], [[2.0, 4.0]], [[2.0, 1.0]]]).spearman
    array([[ 1.],
           [-1.],
           [-1.]])
    """
    _check_bootstrap(n_bootstrap, confidence_level, "stability_from_attributions")
    attributions = np.asarray(attributions)
    if attributions.ndim < 3 or len(attributions) < 2 or 0 in attributions.shape:
        raise ValueError(
            "Stability compares at least two explanations of at least one row: attributions of shape "
            f"(n_splits >= 2, n_eval, n_players). Got shape {attributions.shape}."
        )
    pairs = np.array(list(combinations(range(len(attributions)), 2)))
    agreement = _pairwise(attributions, pairs, top_k)
    per_row = {measure: agreement[measure].mean(axis=0) for measure in MEASURES}
    return Bunch(
        **agreement,
        pairs=pairs,
        per_row=per_row,
        overall={measure: float(per_row[measure].mean()) for measure in MEASURES},
        interval=_bootstrap(per_row, n_bootstrap, confidence_level, random_state),
        attributions=attributions,
        feature_names=list(feature_names or (f"x{i}" for i in range(attributions[0, 0].size))),
    )


def _pairwise(attributions, pairs, top_k) -> dict[str, np.ndarray]:
    """Give each measure for each pair of folds, (n_pairs, n_eval), one pair in memory at a time."""
    functions = (spearman, lambda a, b: top_k_overlap(a, b, top_k), sign_agreement, cosine)
    found = [[function(attributions[i], attributions[j]) for function in functions] for i, j in pairs]
    return {measure: np.stack([row[m] for row in found]) for m, measure in enumerate(MEASURES)}


def _bootstrap(per_row, n_bootstrap, confidence_level, random_state) -> dict[str, tuple[float, float]]:
    """Resample the rows, the same ones for all measures, and give the percentiles of the means."""
    table = np.stack(list(per_row.values()), axis=1)
    rng = own_random_state(random_state)
    means = np.stack([table[rng.randint(len(table), size=len(table))].mean(axis=0) for _ in range(n_bootstrap)])
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return {measure: (float(low[m]), float(high[m])) for m, measure in enumerate(per_row)}


def _check_bootstrap(n_bootstrap, confidence_level, caller):
    if not isinstance(n_bootstrap, int | np.integer) or isinstance(n_bootstrap, bool) or n_bootstrap < 1:
        raise ValueError(f"The 'n_bootstrap' parameter of {caller} must be a positive integer. Got {n_bootstrap!r}.")
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"The 'confidence_level' parameter of {caller} must be between 0 and 1. Got {confidence_level!r}."
        )
