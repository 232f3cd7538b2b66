"""Completeness: does an explanation account for the whole output?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Explained, Rows, Scores, Seed
from sklearn_xai.metrics._judged import check_attributions, check_explainer, check_finite
from sklearn_xai.metrics._registry import explanation_metric


@explanation_metric(family="axioms", greater_is_better=False)
def completeness_gap(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    relative: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much of the explained output do the attributions leave unexplained?

    For each row, in float64,

    .. math:: \Big| f(x) - f_0 - \sum_i \phi_i \Big|

    with :math:`f_0` the base value.

    Parameters
    ----------
    explainer : fitted explainer
        Any explainer: one whose attributions are not meant to add up simply has a large gap.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : shap.Explanation, array-like or None, default=None
        What `explainer.explain(X)` gave, where it is at hand; None calls it. Of an array, which has no base values, the
        explainer's own are taken.
    relative : bool, default=False
        Whether to divide by `|f(x) - base value|`. The divisor is never below 1e-6 of the larger of the two, the
        rounding of a float32 network; where both are exactly zero the gap is left as it is.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    gap : float, or ndarray of shape (n_samples,) if `sample_wise`
        Non-negative and finite, in the units of the explained output, or a fraction of the difference if `relative`.
        With `target="all"`, the mean over the outputs. An all-zero explanation leaves everything, `|f(x) - base|` (1.0
        if relative); one of a constant model has gap 0.0. Ties need no rule.

    Raises
    ------
    ValueError
        If an attribution, a base value or an output is not finite.

    Notes
    -----
    Misleads when it is taken for faithfulness: attributions that share the output out equally, or at random, add up as
    well. A method that is not meant to add up, such as a gradient, has a gap by right.

    Cost: one explanation of the rows, and two evaluations a row.

    References
    ----------
    Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic Attribution for Deep Networks. ICML.

    See Also
    --------
    faithfulness_correlation : Do the attributions say how the output moves?

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import IntegratedGradientsExplainer
    >>> from sklearn_xai.metrics import completeness_gap
    >>> X = torch.eye(4).numpy()
    >>> explainer = IntegratedGradientsExplainer(torch.nn.Linear(4, 1)).fit(X)
    >>> completeness_gap(explainer, X) < 1e-5
    True
    """
    check_explainer(explainer, "completeness_gap")
    explanation: Any = attributions if hasattr(attributions, "base_values") else explainer.explain(X)
    full = np.asarray(explainer.explained_output(X), dtype=np.float64)
    given = explanation if attributions is None else attributions
    values = check_attributions(explainer, given, full, "completeness_gap").astype(np.float64)
    if attributions is not None:
        check_finite(values, "completeness_gap")
    base = np.broadcast_to(np.asarray(explanation.base_values, dtype=np.float64), full.shape)
    if full.ndim == 2 and values.ndim == 2:  # blocks of columns
        values = values.reshape(len(values), full.shape[1], -1).transpose(0, 2, 1)
    # Everything between the row and, where there is one, the output axis is a player: columns, or pixels and channels.
    values = values.reshape(len(values), -1, *full.shape[1:])
    gap = np.abs(full - base - values.sum(axis=1))
    if not np.isfinite(gap).all():
        row = int(np.argmin(np.isfinite(gap.reshape(len(gap), -1)).all(axis=1)))
        raise ValueError(f"completeness_gap needs finite numbers. {type(explainer).__name__} gave others in row {row}.")
    if relative:
        divisor = np.maximum(np.abs(full - base), 1e-6 * np.maximum(np.abs(full), np.abs(base)))
        gap = gap / np.where(divisor > 0, divisor, 1.0)
    gap = gap.reshape(len(gap), -1).mean(axis=1)
    return gap if sample_wise else float(gap.mean())
