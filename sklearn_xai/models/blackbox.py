"""Any scikit-learn estimator, seen as a batched function of rows."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from scipy.special import entr
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._typing import Output, Table
from sklearn_xai.models.uncertainty import UNCERTAINTIES, check_uncertainty

# A forest may be certain: its log-odds are cut where a probability differs from 0 or 1 by less than this.
PROBABILITY_FLOOR = 1e-6


class BlackBox:
    """The explained outputs of a fitted estimator as a function of its rows.

    Parameters
    ----------
    estimator : estimator
        Fitted, with ``decision_function``, ``predict_proba`` or ``predict``.
    sample : array-like or DataFrame of shape (n_samples, n_features)
        A few rows, to see what the estimator returns.
    output : {"auto", "raw", "proba", "entropy"}
        "auto" and "raw": the decision function, else the log-odds of each class, else the prediction. "entropy": that
        of the probabilities, in nats.
    caller : str
        The explainer's name, for messages.
    """

    classes = None
    _input_names = None  # columns that arrays are given, where the estimator was trained with names

    def __init__(self, estimator: Any, sample: Table, *, output: Output = "auto", caller: str = "BlackBox") -> None:
        check_is_fitted(estimator)
        self.estimator = estimator
        self.output = output
        self.classifier = is_classifier(estimator)
        self.method = self._find_method(caller)
        self.n_outputs = self.outputs(sample).shape[1]
        if self.classifier:
            self.classes = np.asarray(estimator.classes_)
            if self.output not in UNCERTAINTIES and len(self.classes) != self.n_outputs:
                raise ValueError(
                    f"{caller}: {type(estimator).__name__}.{self.method} returns {self.n_outputs} columns for "
                    f"{len(self.classes)} classes. Use output='proba', or decision_function_shape='ovr'."
                )

    def _find_method(self, caller):
        """Choose the method that is explained."""
        estimator = self.estimator
        if self.output in UNCERTAINTIES:
            possible = self.classifier and hasattr(estimator, "predict_proba")
            check_uncertainty(self.output, caller, type(estimator).__name__, classifier=possible)
            return "predict_proba"
        if self.output == "proba":
            if not (self.classifier and hasattr(estimator, "predict_proba")):
                raise ValueError(
                    f"The 'output' parameter of {caller} is 'proba', but {type(estimator).__name__} has no "
                    "predict_proba. Use output='auto'."
                )
            return "predict_proba"
        wanted = ("decision_function", "predict_proba") if self.classifier else ("predict", "decision_function")
        for name in wanted:
            if hasattr(estimator, name):
                return name
        raise ValueError(
            f"{caller} explains a number, but {type(estimator).__name__} has neither of {', '.join(wanted)}. Give a "
            "classifier with scores or probabilities, or a regressor."
        )

    def behind(self, final: Any) -> BlackBox:
        """Return the same outputs as a function of what the final estimator of this Pipeline takes, as an array."""
        twin = copy.copy(self)
        twin.estimator = final
        twin._input_names = getattr(final, "feature_names_in_", None)
        return twin

    def outputs(self, rows: Table) -> np.ndarray:
        """Return the explained outputs of rows, shape (n_rows, n_outputs), float64."""
        if self._input_names is not None:
            import pandas as pd

            rows = pd.DataFrame(rows, columns=self._input_names)
        out = np.asarray(getattr(self.estimator, self.method)(rows), dtype=np.float64)
        if self.output in UNCERTAINTIES:
            return entr(out).sum(axis=1, keepdims=True)
        if self.method == "predict_proba" and self.output != "proba":
            out = np.clip(out, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
            return np.log(out) - np.log1p(-out)
        if self.classifier and out.ndim == 1:
            return np.column_stack([-out, out])
        return out.reshape(len(out), -1)
