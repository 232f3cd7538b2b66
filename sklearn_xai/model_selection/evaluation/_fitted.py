"""A fitted estimator as its evaluation asks it: labels or values of rows, scores of their classes."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.utils.multiclass import type_of_target

from sklearn_xai.model_selection.inputs import n_rows, take_rows
from sklearn_xai.models import ExplainedModel, Layout, is_mapping, is_module, is_net, split_pipeline
from sklearn_xai.tables import columns_of_no_numbers, is_frame


class FittedModel:
    """Predictions of a fitted estimator, in the user's labels.

    Parameters
    ----------
    estimator : fitted estimator, skorch net, torch module, or Pipeline that ends in one
    X : table, array, texts or dict of arrays
        Some rows; the first few show what a network returns.
    batch_size : int
        Rows that a network is given at once.
    caller : str

    Attributes
    ----------
    model : ExplainedModel or None
        Where the estimator ends in a network.
    classes : ndarray of shape (n_classes,) or None
        The labels of a classifier; of a torch module that classifies, the numbers of its outputs.
    """

    def __init__(self, estimator, X, *, task=None, batch_size=1024, caller="evaluate_model"):
        self.estimator, self.batch_size, self.caller = estimator, batch_size, caller
        self.task = task
        self.model = self.layout = None
        # An estimator of many networks is asked itself: it has labels, which the networks as one have not.
        steps, final = split_pipeline(estimator, as_network=False)
        self.module = is_module(final)
        if self.module or is_net(final):
            self.layout = Layout(X, caller) if is_mapping(X) else None
            few = take_rows(X, np.arange(min(8, n_rows(X))))
            if not steps:
                _check_numbers(few, caller)
            few = few if self.layout is None else self.layout.table(few)
            self.model = self._seen(few, "proba" if task == "classification" else "auto")
        self.classes = self._find_classes()

    def _seen(self, few, output):
        options = {"probing": False, "layout": self.layout, "caller": self.caller}
        try:
            model = ExplainedModel(self.estimator, few, None, output=output, **options)
        except ValueError:
            if not self.module or output == "auto":
                raise
            model = ExplainedModel(self.estimator, few, None, output="auto", **options)
        self.ends_in_probabilities = self.module and model.network.output == "proba"
        return model

    def _find_classes(self):
        if self.task != "classification":
            return None
        if self.model is None:
            return np.asarray(self.estimator.classes_)
        return np.arange(max(self.model.n_outputs, 2)) if self.module else np.asarray(self.model.classes)

    def answers(self, X):
        """Return (predictions, scores of the classes or None, whether these are probabilities) of rows."""
        if self.model is None:
            return self._ask_estimator(X)
        X = X if self.layout is None else self.layout.table(X, self.caller)
        # A plain list is made an array before: rows of it are taken by slices.
        parts = [slice(start, start + self.batch_size) for start in range(0, n_rows(X), self.batch_size)]
        found = [self._ask_network(take_rows(X, part)) for part in parts]
        predicted = np.concatenate([part[0] for part in found])
        scores = None if self.classes is None else np.concatenate([part[1] for part in found])
        return predicted, scores, scores is not None

    def _ask_network(self, X):
        model = self.model
        if self.classes is None:
            return model.predict(X), None
        if not self.module:
            proba = model.predict_proba(X).astype(np.float64)
            return model.predict(X), proba / proba.sum(axis=1, keepdims=True)
        proba = self._as_probabilities(model.outputs(X).astype(np.float64))
        return proba.argmax(axis=1), proba

    def _as_probabilities(self, outputs):
        """Return probabilities for what a torch module says of classes."""
        if not self.ends_in_probabilities:
            powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        if outputs.shape[1] == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        total = outputs.sum(axis=1, keepdims=True)
        if not np.allclose(total, 1, atol=1e-3):
            raise ValueError(
                f"{self.caller}: the probabilities that the {type(split_pipeline(self.estimator)[1]).__name__} gives "
                "its outputs do not add up to 1. A model of several labels for a row is not evaluated: evaluate one "
                "label at a time."
            )
        return outputs / total

    def _ask_estimator(self, X):
        predicted = np.asarray(self.estimator.predict(X))
        if self.classes is None:
            return predicted, None, False
        if hasattr(self.estimator, "predict_proba"):
            return predicted, np.asarray(self.estimator.predict_proba(X), dtype=np.float64), True
        if not hasattr(self.estimator, "decision_function"):
            return predicted, None, False
        scores = np.asarray(self.estimator.decision_function(X), dtype=np.float64)
        scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
        # One column a pair of classes ranks the rows of no single class.
        return predicted, scores if scores.shape[1] == len(self.classes) else None, False

    def run(self, X):
        """Predict rows by the shortest way: what is timed."""
        if self.model is None:
            return self.estimator.predict(X)
        return self.model.outputs(X if self.layout is None else self.layout.table(X))

    def for_scorers(self):
        """Return an estimator that scikit-learn's scorers can ask."""
        if self.model is None:
            return self.estimator
        return _Classifier(self) if self.classes is not None else _Regressor(self)


class _Answers(BaseEstimator):
    """What a network predicts, asked for as scikit-learn does."""

    def __init__(self, fitted):
        self.fitted = fitted

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.fitted.answers(X)[0]


class _Regressor(RegressorMixin, _Answers):
    """A network of values."""


class _Classifier(ClassifierMixin, _Answers):
    """A network of classes."""

    @property
    def classes_(self):
        return self.fitted.classes

    def predict_proba(self, X):
        return self.fitted.answers(X)[1]


def _check_numbers(X, caller):
    """Raise where a network would be given columns that hold no numbers."""
    if not is_frame(X):
        return
    bad = columns_of_no_numbers(X)
    if bad:
        raise ValueError(
            f"{caller}: a network takes numbers, but the columns {bad} of X hold other values. Put a ColumnTransformer "
            "in front of the net, in one Pipeline."
        )


# ---------------------------------------------------------------------- what kind of task it is
def task_of(estimator, X, y, caller):
    """Say whether an estimator is evaluated as one of classes or of values: "classification" or "regression"."""
    final = split_pipeline(estimator, as_network=False)[1]
    if is_module(final):
        return _task_of_module(estimator, X, y, caller)
    if is_classifier(estimator):
        return "classification"
    if is_regressor(estimator):
        return "regression"
    kind = type(final).__name__
    instead = "a NeuralNetClassifier or NeuralNetRegressor" if is_net(final) else "a classifier or a regressor"
    raise TypeError(
        f"The 'estimator' parameter of {caller} must say whether it predicts classes or values. Got {kind}: give "
        f"{instead}."
    )


def _task_of_module(estimator, X, y, caller):
    """Tell from the targets: a torch module says nothing of what its outputs mean."""
    if y.dtype.kind not in "fiub":
        raise ValueError(
            f"{caller}: the labels of a torch module are the numbers of its outputs, from 0. Got y of type {y.dtype}, "
            f"such as {y.ravel().tolist()[0]!r}. Encode it, or wrap the module in a NeuralNetClassifier."
        )
    if y.ndim > 1 or type_of_target(y) not in ("binary", "multiclass") or y.min() < 0:
        return "regression"
    seen = FittedModel(estimator, X, task="classification", caller=caller)
    # One output is of a class only where it is a probability; many are of classes where y can be their numbers.
    enough = y.max() < len(seen.classes) and (seen.model.n_outputs > 1 or seen.ends_in_probabilities)
    return "classification" if enough else "regression"
