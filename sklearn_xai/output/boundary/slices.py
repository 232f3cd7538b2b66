"""Two columns of a model, the others held at a row: what scikit-learn's DecisionBoundaryDisplay draws."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import available_if
from sklearn_xai.tables import is_frame, take_rows


class _Slice(BaseEstimator):
    """An explained model as an estimator of two columns, which are put into copies of one row.

    Parameters
    ----------
    explainer : fitted DecisionBoundaryExplainer
    row : table of one row
    columns : list of two int
    """

    def __init__(self, explainer, row, columns):
        self.explainer = explainer
        self.row = row
        self.columns = columns

    def fit(self, X=None, y=None):
        """Learn the names of the columns; the model stays as it is.

        Parameters
        ----------
        X, y : ignored

        Returns
        -------
        self : object
        """
        check_is_fitted(self.explainer)
        self.n_features_in_ = 2
        if is_frame(self.row):
            self.feature_names_in_ = np.asarray(self.row.columns, dtype=object)[self.columns]
        return self

    def __sklearn_is_fitted__(self):
        return hasattr(self, "n_features_in_")

    def _table(self, X):
        """Return copies of the row with the two columns of X."""
        cells = X.to_numpy() if is_frame(X) else np.asarray(X)
        table = take_rows(self.row, np.zeros(len(cells), dtype=int))
        if is_frame(table):
            table = table.reset_index(drop=True)
            for j, values in zip(self.columns, cells.T, strict=True):
                table.isetitem(j, values)
            return table
        table = table.astype(np.result_type(table, np.float64)) if table.dtype.kind in "fiu" else table.copy()
        table[:, self.columns] = cells
        return table


class ClassifierSlice(ClassifierMixin, _Slice):
    """Which class does the model give where two columns change and the others stay those of one row?

    Made by ``DecisionBoundaryExplainer.slice_estimator``.

    Parameters
    ----------
    explainer : fitted DecisionBoundaryExplainer
    row : table of one row
    columns : list of two int
    """

    @property
    def classes_(self):
        """Labels of the classes, shape (n_classes,)."""
        model = self.explainer._model
        return np.arange(model.n_outputs) if model.classes is None else model.classes

    def predict(self, X):
        """Return the class of rows of the two columns, shape (n_samples,).

        Parameters
        ----------
        X : table of shape (n_samples, 2)
        """
        if self.explainer._model.classes is not None:
            return self.explainer.predict(self._table(X))
        return self.explainer._model.outputs(self._table(X)).argmax(axis=1)

    @available_if(lambda self: hasattr(self.explainer, "predict_proba"))
    def predict_proba(self, X):
        """Return the probabilities of the classes, shape (n_samples, n_classes).

        Parameters
        ----------
        X : table of shape (n_samples, 2)
        """
        return self.explainer.predict_proba(self._table(X))

    @available_if(lambda self: hasattr(self.explainer, "decision_function"))
    def decision_function(self, X):
        """Return the scores of the classes, (n_samples,) for two, else (n_samples, n_classes).

        Parameters
        ----------
        X : table of shape (n_samples, 2)
        """
        return self.explainer.decision_function(self._table(X))


class RegressorSlice(RegressorMixin, _Slice):
    """What does the model say where two columns change and the others stay those of one row?

    Made by ``DecisionBoundaryExplainer.slice_estimator``.

    Parameters
    ----------
    explainer : fitted DecisionBoundaryExplainer
    row : table of one row
    columns : list of two int
    """

    def predict(self, X):
        """Return the explained output of rows of the two columns, shape (n_samples,).

        Parameters
        ----------
        X : table of shape (n_samples, 2)
        """
        return np.asarray(self.explainer.explained_output(self._table(X)), dtype=np.float64)


def draw_slice(display, explainer, row, step, columns, names, labels):
    """Draw a row, and the way to the nearest point in the plane of two columns, into a display of that plane."""
    if explainer.threshold_ is not None and not explainer._model.classifier:
        level = explainer.threshold_[explainer._model.explained(row, explainer._choose)[1][0]]
        if display.response.min() < level < display.response.max():
            display.ax_.contour(display.xx0, display.xx1, display.response, levels=[level], colors="black")
    axes, spread = display.ax_, explainer.spread_[columns]
    at = np.array([explainer._how.standardised(row)[0, j] for j in columns]) * spread
    axes.scatter(*at, color="black", s=40, zorder=3, label=labels[0])
    if np.isfinite(step).all():
        to = at + step * spread
        axes.plot([at[0], to[0]], [at[1], to[1]], color="black", linewidth=1.2, zorder=3)
        axes.scatter(*to, color="white", edgecolor="black", marker="D", s=45, zorder=4, label=labels[1])
    axes.set(xlabel=str(names[0]), ylabel=str(names[1]), title="The other columns are held at the row")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
