"""Several explainers of the same model and rows, side by side."""

from __future__ import annotations

import copy
from collections import defaultdict
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_xai._progress import track
from sklearn_xai.engines.agreement import spearman
from sklearn_xai.metrics import completeness_gap, faithfulness_correlation
from sklearn_xai.model_selection.folds import fold_indices, fold_seeds, is_as_it_stands
from sklearn_xai.model_selection.inputs import (
    around,
    check_explainers,
    extra_metrics,
    finite,
    given,
    n_rows,
    reference_name,
    rows_to_explain,
    take_rows,
)
from sklearn_xai.model_selection.stability import stability_from_attributions
from sklearn_xai.models import train_clone

if TYPE_CHECKING:
    import pandas as pd


def compare_explainers(
    explainers,
    X,
    y=None,
    *,
    cv=None,
    X_eval=None,
    reference=None,
    metrics=None,
    top_k=5,
    random_state=0,
    verbose=0,
) -> pd.DataFrame:
    """Which explainer is the most faithful, complete, stable and fast on this model and these rows?

    In each fold the estimator is trained once on the training part, for all explainers that share it (the same object
    and the same `random_state`); each explainer is then fitted around that one trained model and explains the same
    rows. Put a :class:`~sklearn_xai.RandomExplainer` among them to see what chance would score.

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
        Further columns: name of the column and `metric(explainer, X) -> float`, or names known to
        :func:`~sklearn_xai.metrics.make_explanation_scorer`.
    top_k : int, default=5
        Number of most important players listed in `attrs["top"]`.
    random_state : int, RandomState instance or None, default=0
        Seeds the subsets of the faithfulness, the bootstrap, and what has no seed of its own.
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
    check_explainers(explainers)
    X_eval = rows_to_explain(X, X_eval, "compare_explainers")
    reference = reference_name(explainers, reference)
    extra = extra_metrics(metrics)
    splits = fold_indices(given(next(iter(explainers.values()))), X, y, cv)
    if len(splits) < 2:
        raise ValueError(
            f"compare_explainers measures stability across folds: 'cv' must give at least 2. Got {len(splits)}."
        )

    import shap  # noqa: F401 (now, and not within the first explainer's seconds)

    trainer = _Trainer()
    results: dict[str, list[dict]] = defaultdict(list)
    seeds = fold_seeds(random_state, len(splits))
    jobs = [(train, seed, name) for (train, _), seed in zip(splits, seeds, strict=True) for name in explainers]
    for train, seed, name in track(jobs, "Comparing explainers", verbose=verbose):
        X_train, y_train = take_rows(X, train), None if y is None else take_rows(y, train)
        explainer = trainer.around_trained(_with_seed(explainers[name], seed), X_train, y_train, train)
        results[name].append(_measure(explainer, X_train, y_train, X_eval, extra, random_state, name))
        _check_players(results)
    rows = {
        name: _summary(folds, results.get(reference), n_rows(X_eval), random_state) for name, folds in results.items()
    }
    return _table(
        rows, results, reference, top_k, n_eval=n_rows(X_eval), n_splits=len(splits), train_seconds=trainer.seconds
    )


class _Trainer:
    """Trains each distinct estimator once per fold, and counts the seconds."""

    def __init__(self):
        self.seconds = 0.0
        self._fold = None
        self._trained = {}

    def around_trained(self, explainer, X, y, fold):
        """Give a fresh explainer around the estimator trained on this fold, or as it stands."""
        estimator = given(explainer)
        if is_as_it_stands(estimator):
            return clone(explainer)
        if y is None:
            return clone(around(explainer, FrozenEstimator(estimator)))
        if self._fold is not fold:
            self._fold, self._trained = fold, {}
        random_state = getattr(explainer, "random_state", None)
        key = (id(estimator), random_state if isinstance(random_state, int) else id(random_state))
        if key not in self._trained:
            start = perf_counter()
            self._trained[key] = FrozenEstimator(train_clone(estimator, X, y, random_state=random_state))
            self.seconds += perf_counter() - start
        return clone(around(explainer, self._trained[key]))


def _with_params(explainer, **params):
    return copy.copy(explainer).set_params(**params)


def _with_seed(explainer, seed):
    seedless = getattr(explainer, "random_state", 0) is None
    return _with_params(explainer, random_state=seed) if seedless else explainer


def _measure(explainer, X, y, X_eval, extra, random_state, name) -> dict:
    """Fit one explainer on one fold and give everything that is measured of it there."""
    start = perf_counter()
    explainer.fit(X, y)
    fitted = perf_counter()
    explanation = explainer.explain(X_eval)
    explained = perf_counter()
    values = finite(np.asarray(explanation.values), f"Explainer {name!r} of compare_explainers")
    n_outputs = np.shape(explanation.base_values)[1:]
    players = values.reshape(len(values), -1, *n_outputs)
    return {
        "attributions": values.reshape(len(values), -1),
        "importances": np.abs(players).mean(axis=(0, 2) if n_outputs else 0),
        "feature_names": _names(explanation, players.shape[1]),
        "fit_seconds": fitted - start,
        "transform_seconds": explained - fitted,
        "faithfulness": faithfulness_correlation(explainer, X_eval, attributions=values, random_state=random_state),
        "gaps": completeness_gap(explainer, X_eval, attributions=explanation, sample_wise=True),
        **{f"metric:{column}": metric(explainer, X_eval) for column, metric in extra.items()},
    }


def _names(explanation, n_players) -> list[str]:
    names = getattr(explanation, "feature_names", None)
    return [f"x{i}" for i in range(n_players)] if names is None else [str(name) for name in names]


def _summary(folds, reference, n_eval, random_state) -> dict:
    """Make one row of the table from what the folds gave."""
    stability = stability_from_attributions([fold["attributions"] for fold in folds], random_state=random_state)
    seconds = float(np.mean([fold["transform_seconds"] for fold in folds]))
    agreement = np.nan
    if reference is not None:
        pairs = zip(folds, reference, strict=True)
        agreement = float(np.mean([spearman(a["attributions"], b["attributions"]) for a, b in pairs]))
    return {
        "faithfulness": float(np.mean([fold["faithfulness"] for fold in folds])),
        "completeness_gap": float(np.median(np.concatenate([fold["gaps"] for fold in folds]))),
        "stability": stability.overall["spearman"],
        "stability_low": stability.interval["spearman"][0],
        "stability_high": stability.interval["spearman"][1],
        "agreement": agreement,
        "fit_seconds": float(np.mean([fold["fit_seconds"] for fold in folds])),
        "transform_seconds": seconds,
        "rows_per_second": n_eval / max(seconds, 1e-9),
        **{
            key.removeprefix("metric:"): float(np.mean([fold[key] for fold in folds]))
            for key in folds[0]
            if key.startswith("metric:")
        },
    }


def _table(rows, results, reference, top_k, **attrs) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "explainer"
    names = next(iter(results.values()))[0]["feature_names"]
    importances = {name: np.mean([fold["importances"] for fold in folds], axis=0) for name, folds in results.items()}
    # Plain lists and not arrays: pandas compares attrs by == when frames are joined, and writes them as JSON.
    frame.attrs.update(
        importances={name: [float(v) for v in values] for name, values in importances.items()},
        top={
            name: [names[i] for i in np.argsort(-values, kind="stable")[:top_k]] for name, values in importances.items()
        },
        feature_names=names,
        reference=reference,
        **attrs,
    )
    return frame


def _check_players(results):
    players = {name: len(folds[-1]["importances"]) for name, folds in results.items()}
    if len(set(players.values())) > 1:
        raise ValueError(
            f"The explainers of compare_explainers must explain the same players. Got numbers of players {players}."
        )
