"""How good a model is, how sure that figure is, and what the model costs."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_whole
from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Rows, Seed, Splits
from sklearn_xai.model_selection._conditions import is_as_it_stands
from sklearn_xai.model_selection.evaluation._cost import cost_table
from sklearn_xai.model_selection.evaluation._folds import Outcome, Task, dummy_outcome, run_folds
from sklearn_xai.model_selection.evaluation._inputs import checked_inputs, checked_scorers, notes_of, split_rows
from sklearn_xai.model_selection.evaluation._judged import Classes, Values
from sklearn_xai.model_selection.evaluation._measures import MEASURES, Measure, measures_table
from sklearn_xai.model_selection.evaluation._result import ModelEvaluation
from sklearn_xai.model_selection.folds import fold_seeds
from sklearn_xai.model_selection.inputs import n_rows, take_rows
from sklearn_xai.models import split_pipeline, unwrap

if TYPE_CHECKING:
    import pandas as pd

_CALLER = "evaluate_model"


def evaluate_model(
    estimator: Any,
    X: Rows,
    y: ArrayLike,
    cv: Splits = None,
    *,
    groups: ArrayLike | None = None,
    scoring: Any = None,
    n_bins: int = 10,
    n_bootstrap: int = 100,
    batch_size: int = 1024,
    cost: bool = True,
    fit_params: dict[str, Any] | None = None,
    return_estimator: bool = False,
    random_state: Seed = None,
    n_jobs: int | None = None,
    verbose: int | bool = 0,
) -> ModelEvaluation:
    r"""How good is this model, how sure is that figure, and what does it cost?

    Without `cv`, the fitted estimator is evaluated as it stands on (X, y), which should be rows that it was not trained
    on. With `cv`, a clone is trained on the training rows of each fold and evaluated on its test rows.

    Parameters
    ----------
    estimator : classifier, regressor, skorch net, torch.nn.Module, or Pipeline that ends in one
        Never changed. A FrozenEstimator and a torch module are never trained: with `cv` they are evaluated on the test
        rows of each fold. A torch module classifies where y can be the numbers of its outputs (whole numbers from 0;
        with a single output, if that ends in a sigmoid); otherwise its outputs are values.
    X : DataFrame, array-like of shape (n_samples, ...), texts, or dict of arrays
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels as the user has them, or values. Several outputs of a regressor are averaged, each counting the same;
        several labels of a row are not evaluated.
    cv : int, cross-validation generator, iterable or None, default=None
        None: no training. Otherwise as in :func:`sklearn.model_selection.cross_validate`; an int makes folds that are
        stratified for a classifier, and not shuffled.
    groups : array-like of shape (n_samples,) or None, default=None
        For a splitter that keeps the rows of a group together, such as GroupKFold.
    scoring : str, callable, list of str, dict of str to str or callable, or None, default=None
        Further scores, as scikit-learn has them; a row of the table each.
    n_bins : int, default=10
        Bins of equal width of the reliability curve and the calibration error.
    n_bootstrap : int, default=100
        Where there is one fold, resamples of its rows from which the standard errors in "std" come; 0 leaves them out.
    batch_size : int, default=1024
        Rows that are predicted at once, where throughput and memory are measured and wherever a network runs.
    cost : bool, default=True
        Whether to measure times and memory of the predictions, by the model of the first fold.
    fit_params : dict or None, default=None
        Handed to `fit`; what has one entry per row of `X` is shared out like `X`.
    return_estimator : bool, default=False
        Whether to keep the model of each fold, as ``estimators`` of the result.
    random_state : int, RandomState or None, default=None
        Seeds the training and the bootstrap. With an int nothing but the data differs between the folds; otherwise each
        has a seed of its own.
    n_jobs : int or None, default=None
        Number of folds at the same time. Worker processes share the cores between them, which their seconds of
        training then tell.
    verbose : int or bool, default=0
        Whether to show progress.

    Returns
    -------
    evaluation : ModelEvaluation
        Its ``table`` is a DataFrame of the measures; it prints itself, and ``plot()`` draws it.

    Raises
    ------
    NotFittedError
        Without `cv`, when the estimator is not fitted.
    TypeError
        If `estimator` is a class, or neither a classifier nor a regressor.
    ValueError
        If X and y do not go together, y misses values, has several labels a row or labels that the model does not
        know, the model says something else than finite numbers, or a parameter is not as described.

    See Also
    --------
    sklearn_xai.display.EvaluationDisplay : Draws it.
    sklearn.model_selection.cross_validate : One number a score and fold.

    Notes
    -----
    Precision, recall and F1 are means over the classes that are among a fold's test rows or predictions (0 where a
    class is never predicted), as :func:`sklearn.metrics.f1_score` with ``average="macro"``. ROC AUC and average
    precision are those of the second of two classes; of many the mean over the classes that are among the test rows,
    each against the rest. The Brier score is the mean of :math:`(p - y)^2` for two classes, and of
    :math:`\sum_k (p_k - y_k)^2` for many. The expected calibration error is, with n rows in bins b of equal width by
    the probability p of the most probable class,

    .. math:: \sum_b \frac{n_b}{n} \left| \frac{1}{n_b} \sum_{i \in b} r_i - \frac{1}{n_b} \sum_{i \in b} p_i \right|

    where :math:`r_i` is 1 if that is the class of the row [1]_, and a bin holds its upper end. On few rows a perfectly
    calibrated model has an error above 0, by chance. A class that the training rows of a fold
    lack has probability 0 there. Probabilities are those of the model in double precision.

    The baseline is scikit-learn's DummyClassifier (the shares of the classes) or DummyRegressor (the mean), trained on
    each fold's training rows; without `cv` on the very rows it is measured on, which flatters it a little. Folds share
    training rows, so that their standard deviation tells too little of how a mean over other data would differ [2]_.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML, 2017.
    .. [2] Y. Bengio and Y. Grandvalet, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation", Journal of
       Machine Learning Research, 2004.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_xai.model_selection import evaluate_model
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> evaluation = evaluate_model(LogisticRegression(max_iter=1000), X, y, cv=5, cost=False)
    >>> evaluation.table.loc[["accuracy", "log_loss"], ["mean", "std", "baseline", "better"]].round(3)
               mean    std  baseline  better
    measure
    accuracy  0.973  0.028     0.333  higher
    log_loss  0.140  0.035     1.099   lower
    """
    check_whole(n_bins, "n_bins", _CALLER)
    check_whole(n_bootstrap, "n_bootstrap", _CALLER, least=0)
    check_whole(batch_size, "batch_size", _CALLER)
    X, y, kind = checked_inputs(estimator, X, y, cv, _CALLER)
    scorers = checked_scorers(scoring, MEASURES[kind], _CALLER)
    final = split_pipeline(estimator, as_network=False)[1]
    as_it_stands = is_as_it_stands(estimator) or is_as_it_stands(final)
    splits = split_rows(y, cv, groups, kind, _CALLER)
    trains = cv is not None and not as_it_stands
    task = Task(
        estimator, X, y, kind, trains, scorers, dict(fit_params or {}), batch_size, _CALLER, bool(return_estimator)
    )
    fixed = [int(random_state)] * len(splits) if isinstance(random_state, Integral) else None
    seeds = fold_seeds(random_state, len(splits)) if fixed is None else fixed
    outcomes = run_folds(task, splits, seeds, n_jobs, verbose)
    judged, base = _judge(task, outcomes, n_bins)
    errors = _standard_errors(judged, n_bootstrap, random_state) if len(splits) == 1 else None
    name = type(unwrap(final)).__name__
    return ModelEvaluation(
        task=kind,
        name=name,
        **_tables(judged, base, task, outcomes, errors),
        loss_curves=_loss_curves(outcomes),
        cost=_cost(outcomes, X, cost),
        notes=notes_of(task, outcomes, judged, cv),
        estimators=[outcome.estimator for outcome in outcomes] if return_estimator else [],
        **judged.more(),
    )


def _judge(task: Task, outcomes: list[Outcome], n_bins):
    """Give what is measured of the model, and of the model that looks at no column."""
    dummies = [dummy_outcome(task, outcome) for outcome in outcomes]
    if task.kind == "regression":
        return Values(task, outcomes), Values(task, dummies)
    judged = Classes(task, outcomes, n_bins)
    return judged, Classes(task, dummies, n_bins, judged.labels)


# ---------------------------------------------------------------------- tables
def _standard_errors(judged, n_bootstrap, random_state):
    """Return the spread of each measure over resamples of the rows of the only fold."""
    import pandas as pd

    rng, n = own_random_state(random_state), len(judged.true[0])
    draws = [judged.measured(0, rng.randint(n, size=n)).values for _ in range(n_bootstrap)]
    return pd.DataFrame(draws, columns=list(judged.found[0].values)).std(ddof=1).to_dict()


def _tables(judged, base, task: Task, outcomes: list[Outcome], errors) -> dict[str, pd.DataFrame]:
    import pandas as pd

    known = MEASURES[task.kind] | {name: Measure("", True) for name in task.scorers}
    folds, baseline_folds = (
        pd.DataFrame([found.values for found in part.found], columns=list(known)).rename_axis("fold")
        for part in (judged, base)
    )
    folds["n_train"] = [len(outcome.train) for outcome in outcomes]
    folds["n_test"] = [len(outcome.test) for outcome in outcomes]
    folds["train_seconds"] = [outcome.train_seconds for outcome in outcomes]
    where = {
        "fold": np.repeat(np.arange(len(outcomes)), [len(outcome.test) for outcome in outcomes]),
        "row": np.concatenate([outcome.test for outcome in outcomes]),
    }
    return {
        "table": measures_table(known, judged.found, base.found, errors),
        "folds": folds,
        "baseline_folds": baseline_folds,
        "predictions": pd.DataFrame(where | judged.predictions()),
    }


def _loss_curves(outcomes: list[Outcome]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (fold, epoch, *losses)
        for fold, outcome in enumerate(outcomes)
        for epoch, losses in enumerate(outcome.losses, start=1)
    ]
    return pd.DataFrame(rows, columns=["fold", "epoch", "train_loss", "valid_loss"])


def _cost(outcomes: list[Outcome], X, wanted) -> pd.DataFrame:
    import pandas as pd

    if not wanted:
        return pd.DataFrame({"value": [], "unit": [], "how": []}, index=pd.Index([], name="quantity"))
    first = outcomes[0]
    trained = [outcome.train_seconds for outcome in outcomes if np.isfinite(outcome.train_seconds)]
    rows = X if len(first.test) == n_rows(X) else take_rows(X, first.test)
    return cost_table(first.fitted, rows, trained)
