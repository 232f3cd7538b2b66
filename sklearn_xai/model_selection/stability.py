"""How much do the explanations of the same rows depend on the data, seeds, background and noise behind them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from sklearn_xai._checks import check_whole
from sklearn_xai._typing import Rows, Seed, Splits
from sklearn_xai.model_selection._conditions import Conditions, check_retrainable, check_sources, make_noise
from sklearn_xai.model_selection._summary import summarise
from sklearn_xai.model_selection.folds import explain_conditions, splits_and_params
from sklearn_xai.model_selection.inputs import check_explainer, rows_to_explain


def explanation_stability(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    cv: Splits = None,
    X_eval: Rows | None = None,
    sources: Sequence[str] = ("folds",),
    n_repeats: int = 5,
    noise: float = 0.05,
    top_k: int = 5,
    fit_params: dict[str, Any] | None = None,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    random_state: Seed = 0,
    n_jobs: int | None = None,
    verbose: int | bool = 0,
) -> Bunch:
    r"""Would the same rows be explained alike had folds, seeds, background or rows been a little different, and which?

    Each fold is explained as it is, and each further level of each other source at one fold. Under this design the
    variance of an attribution is split as

    .. math:: \mathrm{Var}(\phi_j) = \sigma^2_{rows} + \sigma^2_{folds} + \sigma^2_{seeds}
              + \sigma^2_{backgrounds} + \sigma^2_{noise}

    by the random-effects equation :math:`\frac{1}{2} E(\phi_c - \phi_{c'})^2 = \sum_u w_u \sigma^2_u`, where u runs
    over the sources, and pairs of them, in which the conditions c and c' differ (w_u = 1; noise against no noise:
    1/2). Its left side is averaged over rows and over all pairs of conditions alike; weighted least squares, with no
    component below 0, gives the right side. Backgrounds are nested in folds. Seeds and noise count with what they do
    together with other sources, as the same seed on other rows is another draw.

    Parameters
    ----------
    explainer : explainer, or Pipeline whose last step is one
        As in :func:`cross_val_attributions`. Without a seed of its own (`random_state=None`), what it draws changes
        with every fold, seed and background, and counts to them; so does the seed of training, but for the folds when
        "seeds" is among the sources. With an int, nothing but the source changes.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows that the folds share out; without "folds", all of them train.
    y : array-like or None, default=None
        The targets to train on; None explains the fitted estimator as it stands with the folds as backgrounds.
    groups : array-like of shape (n_samples,) or None, default=None
        For a splitter that keeps the rows of a group together.
    cv : int, cross-validation generator, iterable or None, default=None
        At least two splits; None is 5 folds. Any splitter, repeated, grouped or of time series.
    X_eval : array-like or DataFrame of shape (n_eval, n_features) or None, default=None
        The rows to explain; None takes all rows of `X`.
    sources : tuple of {"folds", "seeds", "backgrounds", "noise"}, default=("folds",)
        What changes: the rows to train on; the seed of training on the same rows (every `random_state` inside the
        estimator too; a skorch net must be given the class of its module for other first weights, of which a warning
        reminds); the background rows of the same model (a resample of its training rows); the rows explained, by noise.
    n_repeats : int, default=5
        Number of levels of each source but the folds, at least 2: the first, which all folds have (for noise: none),
        and `n_repeats - 1` further ones, at one fold each. Each further seed is one more training.
    noise : float, default=0.05
        Standard deviation of the noise, in those of each numeric column of `X`. Numbers stay in the range of their
        column and whole numbers whole (in rows that go into a network as they are, those of an integer type);
        categories, booleans, texts and missing values stay as they are.
    top_k : int, default=5
        How many players count as top; with no more players than that, the overlap says nothing, and `columns` and
        `statements` take half of them.
    fit_params : dict or None, default=None
        As in :func:`cross_val_attributions`.
    n_bootstrap : int, default=1000
        Number of resamples of the rows behind the intervals.
    confidence_level : float, default=0.95
        Of the intervals.
    random_state : int, RandomState instance or None, default=0
        Seeds the resamples, the further seeds, backgrounds and noise, and each fold of an explainer that has no seed
        of its own.
    n_jobs : int or None, default=None
        Number of models at the same time.
    verbose : int or bool, default=0
        Whether to show progress.

    Returns
    -------
    stability : sklearn.utils.Bunch
        Of the agreement of pairs of conditions that differ in one source:

        - `spearman`, `top_k_overlap`, `sign_agreement`, `cosine`: ndarrays of shape (n_pairs, n_eval). All-zero
          explanations agree with nothing (0.0); see :mod:`sklearn_xai.engines.agreement` for ties and constants.
        - `pairs`: ndarray of shape (n_pairs, 2), the conditions compared; `pair_sources`: what each differs in.
        - `per_row`: dict from measure to ndarray of shape (n_eval,), the mean over the pairs.
        - `overall`: dict from measure to float, the mean over pairs and rows; `by_source`: dict from source to such a
          dict, with `same_top`, the share of its pairs whose top columns (see below) are the same.
        - `interval`: dict from measure to (low, high), the percentile bootstrap over rows of `overall`. It says how
          well the rows at hand pin the mean down, given these models.
        - `interval_refits`: dict from measure to (low, high), what `overall` might have been with other conditions of
          this kind and other rows: a jackknife over conditions, its variance times 1 + n_folds n_test / n_train for
          the training rows that folds share (Nadeau and Bengio's correction), and the variance over rows, with
          Student's t. Approximate with few conditions, rough with several sources, NaN where leaving one condition
          out leaves no pair.

        Of the disagreement, where the unit is that of the attributions, squared:

        - `decomposition`: Bunch of `components` (dict from source to variance, added up over players), `shares` (those
          divided by their sum), `disagreement` (their sum), `rows` (row-to-row variance), `reliability`
          (rows / (rows + disagreement), an intraclass correlation) and `columns` (DataFrame of each player's own
          components, which add up to the overall ones where none is held at 0).

        Of the columns:

        - `columns`: DataFrame, one row per player: `mean_abs` attribution over rows and conditions, and its `share`;
          `variation`, the standard deviation of a condition's mean absolute attribution (root of half the mean squared
          difference of pairs), divided by that mean; `sign_consistency`, the share of rows in which a pair agrees on
          the sign; both of the source where they are worst; `sign_changes`, the share of rows with both signs in some
          conditions; `rank`, `rank_low`, `rank_high` and `rank_iqr` over conditions; `top`, the share of conditions
          with it among the top; `unstable`, and `why`.
        - `unstable_columns`: names of those that matter (at least half of an equal share of the mean absolute
          attributions) and are unstable by sign (`sign_consistency` below 0.9), size (`variation` above 0.5) or place
          (`top` from 0.1 to 0.9).
        - `top_columns`: names of the top players over all conditions; `top_same`: share of conditions with the same.
        - `statements`: list of str, all this in sentences.

        And `conditions` (dict from source to the level of each condition), `attributions` (ndarray of shape
        (n_conditions, n_eval, n_players), the folds first) and `feature_names`.

    Raises
    ------
    TypeError
        If `explainer` is a class, or no explainer.
    ValueError
        If there are fewer than two folds, no rows to explain, nothing to retrain or to move with noise, or a parameter
        is out of range.

    Notes
    -----
    Folds share training rows, so that `components["folds"]` is the variance among models that are trained on these
    overlapping rows; independent data would differ more.

    References
    ----------
    Searle, S. R., Casella, G. and McCulloch, C. E. (1992). Variance Components.

    Nadeau, C. and Bengio, Y. (2003). Inference for the Generalization Error.

    Arvesen, J. N. (1969). Jackknifing U-Statistics.

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
    >>> found = explanation_stability(explainer, X, cv=4, sources=("folds", "noise"))
    >>> {source: round(share, 3) for source, share in found.decomposition.shares.items()}
    {'folds': 0.0, 'noise': 1.0}
    """
    caller = "explanation_stability"
    _check_summary(top_k, n_bootstrap, confidence_level, caller)
    sources = check_sources(sources, caller)
    check_explainer(explainer, caller)
    check_retrainable(explainer, y, sources, caller)
    _check_amounts(n_repeats, noise, caller)
    X_eval = rows_to_explain(X, X_eval, caller)
    splits, fit_params = _splits(explainer, X, y, cv, groups, fit_params, sources, caller)
    moving = make_noise(explainer, sources, X, noise, caller)
    conditions = Conditions(sources, len(splits), n_repeats, random_state, moving)
    attributions, names = explain_conditions(
        explainer, X, y, conditions, splits, X_eval, fit_params, n_jobs, verbose, caller
    )
    return summarise(
        attributions,
        conditions.levels,
        names,
        top_k=top_k,
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
        random_state=random_state,
        inflation=_inflation(splits) if "folds" in sources else 1.0,
    )


def stability_from_attributions(
    attributions: ArrayLike,
    *,
    conditions: Mapping[str, ArrayLike] | None = None,
    top_k: int = 5,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    random_state: Seed = 0,
    feature_names: Sequence[str] | None = None,
) -> Bunch:
    """How much do several explanations of the same rows agree, and what does their disagreement come from?

    Parameters
    ----------
    attributions : array-like of shape (n_conditions, n_eval, n_players)
        At least two explanations, as :func:`cross_val_attributions` gives them.
    conditions : dict from {"folds", "seeds", "backgrounds", "noise"} to int array-like of shape (n_conditions,) or None
        The level of each source in each explanation; level 0 of "noise" is none, and backgrounds of different folds
        are different ones. None takes each explanation for a fold.
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
        As of :func:`explanation_stability`; `interval_refits` takes the explanations for independent.

    Raises
    ------
    ValueError
        If there are fewer than two explanations, no rows, numbers that are not finite, names that do not fit, a
        parameter out of range, or conditions that do not tell the sources apart.

    See Also
    --------
    explanation_stability : Makes the explanations as well.

    Examples
    --------
    >>> from sklearn_xai.model_selection import stability_from_attributions
    >>> found = stability_from_attributions([[[1.0, 2.0]], [[2.0, 4.0]], [[2.0, 1.0]]])
    >>> found.spearman
    array([[ 1.],
           [-1.],
           [-1.]])
    >>> found.statements[0]
    'The top column (x1) is the same in 2 of 3 folds (67 %).'
    """
    caller = "stability_from_attributions"
    _check_summary(top_k, n_bootstrap, confidence_level, caller)
    attributions = np.asarray(attributions)
    return summarise(
        attributions,
        _levels(conditions, len(attributions) if attributions.ndim else 0, caller),
        feature_names,
        top_k=top_k,
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
        random_state=random_state,
    )


def _splits(explainer, X, y, cv, groups, fit_params, sources, caller):
    """Give the folds; without them among the sources one with all rows."""
    if "folds" in sources:
        splits, fit_params = splits_and_params(explainer, X, y, cv, groups, fit_params)
        if len(splits) < 2:
            raise ValueError(f"{caller} compares at least two explanations: 'cv' must give 2 folds. Got {len(splits)}.")
        return splits, fit_params
    for name, value in (("cv", cv), ("groups", groups)):
        if value is not None:
            raise ValueError(
                f"The '{name}' parameter of {caller} is for the folds, which 'sources' does not name. Got {sources}."
            )
    return [(None, None)], dict(fit_params or {})


def _inflation(splits):
    """Give 1 + n_folds * n_test / n_train: by how much the mean over folds varies more than over independent data."""
    n_train, n_test = np.array([[len(train), len(test)] for train, test in splits]).sum(axis=0)
    return 1.0 + len(splits) * n_test / max(n_train, 1)


def _levels(conditions, n, caller):
    if conditions is None:
        return {"folds": np.arange(n)}
    levels = {source: np.asarray(conditions[source]) for source in check_sources(conditions, caller, "conditions")}
    for source, level in levels.items():
        if level.shape != (n,):
            raise ValueError(
                f"The 'conditions' parameter of {caller} must have one level per explanation, {n}. Got shape "
                f"{level.shape} for {source!r}."
            )
    return levels


def _check_amounts(n_repeats, noise, caller):
    check_whole(n_repeats, "n_repeats", caller, least=2)
    if not noise > 0:
        raise ValueError(f"The 'noise' parameter of {caller} must be positive. Got {noise!r}.")


def _check_summary(top_k, n_bootstrap, confidence_level, caller):
    check_whole(top_k, "top_k", caller)
    check_whole(n_bootstrap, "n_bootstrap", caller)
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"The 'confidence_level' parameter of {caller} must be between 0 and 1. Got {confidence_level!r}."
        )
