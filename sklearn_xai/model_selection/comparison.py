"""Several explainers of the same model and rows, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Rows, Seed, Splits
from sklearn_xai.engines.agreement import spearman
from sklearn_xai.model_selection._evaluation import Fold, Measured, Task, as_seed, evaluate, metric_scorers
from sklearn_xai.model_selection.folds import fold_indices, fold_seeds
from sklearn_xai.model_selection.inputs import check_explainers, given, n_rows, reference_name, rows_to_explain
from sklearn_xai.model_selection.stability import stability_from_attributions

if TYPE_CHECKING:
    import pandas as pd


def compare_explainers(
    explainers: Mapping[str, Any],
    X: Rows,
    y: ArrayLike | None = None,
    *,
    cv: Splits = None,
    X_eval: Rows | None = None,
    reference: str | None = None,
    metrics: Mapping[str, Callable[..., Any]] | Sequence[str] | None = None,
    top_k: int = 5,
    random_state: Seed = 0,
    n_jobs: int | None = None,
    verbose: int | bool = 0,
) -> pd.DataFrame:
    """Which explainer is the most faithful, complete, stable and fast on this model and these rows?

    In each fold the estimator is trained once on the training part, for all explainers that share it (the same or equal
    parameters, and the same `random_state`); each explainer is then fitted around that one trained model and explains
    the same rows, once for all metrics. Put a :class:`~sklearn_xai.RandomExplainer` among them to see what chance would
    score.

    Parameters
    ----------
    explainers : dict from str to explainer
        Never changed. One whose `random_state` is None gets another seed in each fold, for training and for its own
        draws, so that its stability counts what it owes to chance; with an int, nothing but the data differs.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows that the folds share out.
    y : array-like or None, default=None
        The targets to train on. None explains the fitted estimators as they stand, as FrozenEstimators and torch
        modules always are; the folds then differ in the background only.
    cv : int, cross-validation generator, iterable or None, default=None
        At least two splits; None is 5 folds, stratified if the first explainer's estimator is a classifier.
    X_eval : array-like or DataFrame of shape (n_eval, n_features) or None, default=None
        The rows to explain; None takes all rows of `X`.
    reference : str or None, default=None
        Name of the explainer that the others are held against. None takes the first SHAPExplainer; without one, the
        column `agreement` is NaN.
    metrics : dict from str to callable, list of str, or None, default=None
        Further columns: name of the column and `metric(explainer, X) -> float`, a scorer of
        :func:`~sklearn_xai.metrics.make_explanation_scorer`, or a name known to it. What a metric itself says is
        shown, whether larger or smaller is better.
    top_k : int, default=5
        Number of most important players listed in `attrs["top"]`.
    random_state : int, RandomState instance or None, default=0
        Seeds the subsets of the faithfulness, the bootstrap, and what has no seed of its own.
    n_jobs : int or None, default=None
        Number of folds at the same time. Worker processes share the cores between them; the seconds are then theirs.
    verbose : int or bool, default=0
        Whether to show progress.

    Returns
    -------
    comparison : DataFrame
        One row per explainer, with the columns

        - `faithfulness`: mean of :func:`~sklearn_xai.metrics.faithfulness_correlation` over folds and rows, the same
          subsets for all;
        - `completeness_gap`: median over folds and rows of :func:`~sklearn_xai.metrics.completeness_gap`, in units of
          the explained output; also given where attributions are not meant to add up;
        - `stability`, `stability_low`, `stability_high`: mean Spearman correlation between folds, and its 95% bootstrap
          interval over rows;
        - `agreement`: mean over folds and rows of the Spearman correlation with the reference, which must explain the
          same players;
        - `fit_seconds`: the explainer's own fit, without training, mean over folds;
        - `transform_seconds`: attributions of all evaluation rows (as `explain` gives them), mean over folds;
        - `rows_per_second`: the evaluation rows divided by that;
        - one per entry of `metrics`, mean over folds.

        `attrs` holds `importances` (name to list of n_players mean absolute attributions over folds and rows),
        `top` (name to the `top_k` players of largest importance), `feature_names`, `reference`, `n_eval`, `n_splits`
        and `train_seconds` (all trainings of all folds together).

    Raises
    ------
    TypeError
        If `explainers` is not a dict, or a value is a class or no explainer.
    ValueError
        If it is empty, `reference` or a metric is unknown, there are no rows to explain or fewer than two folds, or
        the explainers have different players.

    See Also
    --------
    ExplainerSelector : The choice of one of them, with tests of the differences.
    explanation_stability : All measures of stability of one explainer.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_xai import InputXGradientExplainer, RandomExplainer
    >>> from sklearn_xai.model_selection import compare_explainers
    >>> X = np.random.RandomState(0).randn(20, 3).astype("float32")
    >>> net = torch.nn.Linear(3, 1)
    >>> explainers = {"gradient": InputXGradientExplainer(net), "chance": RandomExplainer(net)}
    >>> table = compare_explainers(explainers, X, cv=2)
    >>> bool(table.loc["gradient", "faithfulness"] > table.loc["chance", "faithfulness"])
    True
    """
    caller = "compare_explainers"
    check_explainers(explainers, caller)
    X_eval = rows_to_explain(X, X_eval, caller)
    reference = reference_name(explainers, reference)
    scorers = comparison_scorers(metrics, caller, as_seed(random_state))
    splits = fold_indices(given(next(iter(explainers.values()))), X, y, cv)
    if len(splits) < 2:
        raise ValueError(
            f"compare_explainers measures stability across folds: 'cv' must give at least 2. Got {len(splits)}."
        )
    seeds = fold_seeds(random_state, len(splits))
    folds = [Fold(train, None, seed) for (train, _), seed in zip(splits, seeds, strict=True)]
    task = Task(explainers, X, y, X_eval, scorers, {}, caller)
    results = evaluate(task, folds, n_jobs=n_jobs, verbose=verbose, description="Comparing explainers")
    return comparison_table(results, reference, top_k, random_state, n_eval=n_rows(X_eval))


# What every comparison tells, by the names that cannot be those of a user's metric.
FAITHFULNESS, GAP, OWN = "faithfulness:", "gap:", "metric:"


def comparison_scorers(metrics, caller, random_state) -> dict:
    """Give the scorers behind the columns: the two of every comparison, and those asked for, marked as such."""
    always = {FAITHFULNESS: "faithfulness_correlation", GAP: "completeness_gap"}
    asked = metric_scorers({} if metrics is None else metrics, caller, random_state)
    return metric_scorers(always, caller, random_state) | {OWN + name: scorer for name, scorer in asked.items()}


def comparison_table(
    results: dict[str, list[Measured]], reference, top_k, random_state, *, n_eval, same_rows=True
) -> pd.DataFrame:
    """Make the table of what was found in the folds; without the `same_rows` in all folds, there is no stability."""
    import pandas as pd

    held_against = results.get(reference) if reference is not None else None
    rows = {name: _row(folds, held_against, n_eval, random_state, same_rows) for name, folds in results.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "explainer"
    measured = next(iter(results.values()))
    names = measured[0].feature_names
    importances = {name: np.mean([fold.importances for fold in folds], axis=0) for name, folds in results.items()}
    # Plain lists and not arrays: pandas compares attrs by == when frames are joined, and writes them as JSON.
    frame.attrs.update(
        importances={name: [float(v) for v in values] for name, values in importances.items()},
        top={
            name: [names[i] for i in np.argsort(-values, kind="stable")[:top_k]] for name, values in importances.items()
        },
        feature_names=names,
        reference=reference,
        n_eval=n_eval,
        n_splits=len(measured),
        train_seconds=sum(fold.train_seconds for folds in results.values() for fold in folds),
    )
    return frame


def _row(folds: list[Measured], reference, n_eval, random_state, same_rows) -> dict:
    """Make one row of the table from what the folds gave."""
    stability, interval, agreement = np.nan, (np.nan, np.nan), np.nan
    if same_rows:
        found = stability_from_attributions([fold.attributions for fold in folds], random_state=random_state)
        stability, interval = found.overall["spearman"], found.interval["spearman"]
    if reference is not None:
        pairs = zip(folds, reference, strict=True)
        agreement = float(np.mean([spearman(a.attributions, b.attributions) for a, b in pairs]))
    seconds = float(np.mean([fold.transform_seconds for fold in folds]))
    return {
        "faithfulness": fold_means(folds, FAITHFULNESS).mean(),
        "completeness_gap": float(np.median(np.concatenate([np.atleast_1d(fold.scores[GAP]) for fold in folds]))),
        "stability": stability,
        "stability_low": interval[0],
        "stability_high": interval[1],
        "agreement": agreement,
        "fit_seconds": float(np.mean([fold.fit_seconds for fold in folds])),
        "transform_seconds": seconds,
        "rows_per_second": n_eval / max(seconds, 1e-9),
        **{name.removeprefix(OWN): fold_means(folds, name).mean() for name in folds[0].scores if name.startswith(OWN)},
    }


def fold_means(folds: list[Measured], name) -> np.ndarray:
    """Give the mean of a metric over the rows of each fold."""
    return np.array([np.mean(fold.scores[name]) for fold in folds], dtype=np.float64)
