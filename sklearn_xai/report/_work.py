"""The work behind a report, done once: models of the folds, their quality, explanations by each explainer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch

from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai.engines.agreement import spearman
from sklearn_xai.model_selection import evaluate_model, stability_from_attributions
from sklearn_xai.model_selection._evaluation import Fold, Measured, Task, as_frozen, evaluate
from sklearn_xai.model_selection.comparison import FAITHFULNESS, comparison_scorers, comparison_table
from sklearn_xai.model_selection.inputs import n_rows, take_rows
from sklearn_xai.models import train_clone
from sklearn_xai.report._explainers import CONTROL, REFERENCE, asked_explainers, main_of, name_of_kind, suited
from sklearn_xai.tables import columns_of_no_numbers, is_frame

if TYPE_CHECKING:
    import pandas as pd

    from sklearn_xai.model_selection import ModelEvaluation
    from sklearn_xai.report._inputs import Inputs

CALLER = "ExplanationReport"
TOP = 5


@dataclass
class Found:
    """All that a report tells of.

    Attributes
    ----------
    given : Inputs
        The checked parameters of the report.
    evaluation : ModelEvaluation
    folds : dict of str to list of Measured
        What was found of each explainer in each fold.
    comparison : DataFrame
        As ``compare_explainers`` gives it.
    stability : Bunch
        Of the main explainer, as ``explanation_stability`` gives it.
    fitted : dict of str to fitted explainer
        Around the model of all rows.
    explanations : dict of str to shap.Explanation
        Of the rows that are shown, by each explainer but the control.
    outputs : dict of str to ndarray of shape (n_shown,)
        The explained output of these rows.
    spread : shap.Explanation
        Of the rows to explain, by the main explainer.
    spread_outputs : ndarray of shape (n_eval,)
    shown : int ndarray of shape (n_shown,)
        Positions of the shown rows in the table that `given` says they are of.
    refused : dict of str to str
        Why explainers were left out.
    warnings : list of str
    seconds : dict of str to float
    """

    given: Inputs
    evaluation: ModelEvaluation
    folds: dict[str, list[Measured]]
    comparison: pd.DataFrame
    stability: Bunch
    fitted: dict[str, Any]
    explanations: dict[str, Any]
    outputs: dict[str, np.ndarray]
    spread: Any
    spread_outputs: np.ndarray
    shown: np.ndarray
    refused: dict[str, str]
    seed: int
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The explainers, the main one first and the control last."""
        others = [name for name in self.folds if name not in (self.main, self.control)]
        return [self.main, *others, *([self.control] if self.control else [])]

    @property
    def main(self) -> str:
        """The explainer that most of the report is about."""
        return main_of(self.fitted)

    @property
    def reference(self) -> str | None:
        """SHAP, where it is among them."""
        return name_of_kind(self.fitted, REFERENCE)

    @property
    def control(self) -> str | None:
        """The explainer that knows nothing, where it is among them."""
        return name_of_kind(self.fitted, CONTROL)

    @property
    def features(self) -> list[str]:
        """What is attributed to."""
        return self.folds[self.main][0].feature_names

    @property
    def of_pixels(self) -> bool:
        """Whether the attributions of a row are an image."""
        return np.ndim(self.spread.values) > 2

    def faithfulness(self, name: str) -> np.ndarray:
        """Return the faithfulness of an explainer, shape (n_folds, n_eval)."""
        n = len(self.spread_outputs)
        return np.stack([np.broadcast_to(fold.scores[FAITHFULNESS], n) for fold in self.folds[name]])

    def agreement(self, name: str, other: str) -> np.ndarray:
        """Return the rank correlation of two explainers, shape (n_folds, n_eval)."""
        pairs = zip(self.folds[name], self.folds[other], strict=True)
        return np.stack([spearman(a.attributions, b.attributions) for a, b in pairs])

    def sizes(self, name: str) -> np.ndarray:
        """Return the absolute attributions of an explainer, shape (n_folds, n_eval, n_features)."""
        return np.stack([np.abs(fold.attributions, dtype=np.float64) for fold in self.folds[name]])


@contextmanager
def told() -> Iterator[list[str]]:
    """Note what is warned of, once each, in place of showing it: the report tells."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lines
    for warning in caught:
        if issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning):
            continue
        text = " ".join(str(warning.message).split())
        if text not in lines:
            lines.append(text)


def find(given: Inputs) -> Found:
    """Do the work.

    Parameters
    ----------
    given : Inputs
    """
    seconds, clock = {}, _Clock()
    rng = own_random_state(given.random_state)
    seed, drawn = draw_seed(rng), draw_seed(rng)
    options = {"n_jobs": given.n_jobs, "verbose": given.verbose}
    evaluation = _evaluated(given, seed, options)
    seconds["training and judging the models of the folds"] = clock.lap()
    for _ in track(range(1), "Training on all rows", verbose=given.verbose and given.trains):
        model = as_frozen(train_clone(given.estimator, given.X, given.y, random_state=seed))
    seconds["training the model of all rows"] = clock.lap()
    explainers, asked = asked_explainers(given.explainers, model, given.settings, given.inputs)
    explainers, refused = suited(explainers, asked, given.X, given.y)
    reference = name_of_kind(explainers, REFERENCE)
    seeds = np.random.RandomState(drawn).randint(2**31 - 1, size=len(given.splits))
    folds = [
        Fold(train if len(train) else test, None, int(own), as_frozen(estimator))
        for (train, test), own, estimator in zip(given.splits, seeds, evaluation.estimators, strict=True)
    ]
    evaluation.estimators = []
    task = Task(explainers, given.X, given.y, given.X_eval, comparison_scorers(None, CALLER, seed), {}, CALLER)
    results = evaluate(task, folds, description="Explaining by each explainer", **options)
    comparison = comparison_table(results, reference, TOP, seed, n_eval=n_rows(given.X_eval))
    seconds["explaining in the folds"] = clock.lap()
    main = results[main_of(explainers)]
    stability = stability_from_attributions(
        [fold.attributions for fold in main], feature_names=main[0].feature_names, top_k=TOP, random_state=seed
    )
    fitted = {name: _seeded(explainer, seed).fit(given.X, given.y) for name, explainer in explainers.items()}
    first = fitted[main_of(fitted)]
    spread, spread_outputs = first.explain(given.X_eval), np.asarray(first.explained_output(given.X_eval))
    shown = given.rows if given.rows is not None else given.eval_rows[spread_over(first, given.X_eval, spread_outputs)]
    rows = take_rows(given.table, shown)
    heard = [name for name in fitted if type(fitted[name]).__name__ != CONTROL]
    explanations = {name: fitted[name].explain(rows) for name in track(heard, "Explaining rows", verbose=given.verbose)}
    outputs = {name: np.asarray(fitted[name].explained_output(rows)) for name in heard}
    seconds["explaining the rows that are shown"] = clock.lap()
    return Found(
        given,
        evaluation,
        results,
        comparison,
        stability,
        fitted,
        explanations,
        outputs,
        spread,
        spread_outputs,
        shown,
        refused,
        seed,
        seconds=seconds,
    )


def _evaluated(given: Inputs, seed: int, options: dict[str, Any]) -> ModelEvaluation:
    """Train and judge the models of the folds, and keep them."""
    each = np.random.RandomState(seed)  # a seed of its own for each fold, as each retraining has
    try:
        return evaluate_model(
            given.estimator, given.X, given.y, cv=given.splits, return_estimator=True, random_state=each, **options
        )
    except (TypeError, ValueError) as error:
        words = columns_of_no_numbers(given.X) if is_frame(given.X) else []
        if not words or "could not convert" not in str(error):
            raise
        raise ValueError(
            f"{CALLER}: the model takes numbers, but the columns {words} of X hold other values. Put a "
            "ColumnTransformer in front of it, in one Pipeline."
        ) from error


def _seeded(explainer: Any, seed: int) -> Any:
    again = clone(explainer)
    return again.set_params(random_state=seed) if getattr(again, "random_state", 0) is None else again


def spread_over(explainer: Any, X: Any, outputs: np.ndarray, n_shown: int = 40) -> np.ndarray:
    """Return positions of rows that are spread over the explained output, class by class where it is a class's own.

    Parameters
    ----------
    explainer : fitted explainer
    X : table
    outputs : ndarray of shape (n_rows,)
    n_shown : int, default=40
    """
    keys = (outputs, explainer.explained_targets(X))
    order = np.lexsort([np.asarray(key) for key in keys])
    return order[np.unique(np.linspace(0, len(order) - 1, n_shown).round().astype(int))]


class _Clock:
    def __init__(self) -> None:
        self.last = perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        now = perf_counter()
        self.last, passed = now, now - self.last
        return passed
