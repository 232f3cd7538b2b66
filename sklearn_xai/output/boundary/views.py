"""What else DecisionBoundaryExplainer says: distances, points, margins, rules and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._typing import Rows, Table
from sklearn_xai.base.checks import check_rows
from sklearn_xai.output.boundary.margin import Margin
from sklearn_xai.output.boundary.regions import rules_of_regions
from sklearn_xai.output.boundary.slices import ClassifierSlice, RegressorSlice, draw_slice
from sklearn_xai.tables import is_dask, is_frame, stack_rows, take_rows

if TYPE_CHECKING:
    import pandas as pd
    import shap
    from matplotlib.axes import Axes
    from sklearn.inspection import DecisionBoundaryDisplay

_BEYOND = 1e-3  # share of the step by which it is gone on to see what is there


class BoundaryViews:
    """Mixin of DecisionBoundaryExplainer: methods beside ``transform``."""

    # ------------------------------------------------------------------ numbers
    def distance(self: Any, X: Rows) -> np.ndarray:
        """Return how far rows are from the boundary, in standard deviations; inf where none was found.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        distance : ndarray of shape (n_samples,)
        """
        return np.concatenate([found.distance for _, found in self._all_found(X)])

    def nearest_point(self: Any, X: Rows) -> Table:
        """Return rows moved to the nearest point of the boundary, in the columns of X.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        points : DataFrame or ndarray, like X
            Columns that were moved are float64; all numbers that may change are NaN where no boundary was found.
        """
        parts: list[Any] = [self._rows_at(part, found) for part, found in self._all_found(X)]
        if len(parts) == 1:
            return parts[0]
        index = [part.index for part in parts] if is_frame(parts[0]) else None
        points: Any = stack_rows(*parts)
        if index is not None:
            points.index = index[0].append(index[1:])
        return points

    def margin(self: Any, X: Rows) -> np.ndarray:
        """Return by how much the explained class is ahead of the best other one, or the output above its threshold.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        margin : ndarray of shape (n_samples,)
            In the units of the output; negative where another class is ahead. With ``target="all"``, of shape
            (n_samples, n_outputs).
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        outputs = self._known_outputs(X)
        if isinstance(self._target_index, str) and self._target_index == "all":
            every = range(outputs.shape[1])
            return np.column_stack([self._signed_margin(outputs, np.full(len(X), k)) for k in every])
        return self._signed_margin(outputs, np.array(np.broadcast_to(self._choose(outputs), len(X))))

    def _signed_margin(self, outputs, targets):
        margin = Margin(outputs, targets, self.threshold_)
        return margin.sign * margin(outputs, np.arange(len(outputs)))

    def _facts(self, X, found):
        """Return what ``explain`` adds."""
        known, rows = np.isfinite(found.distance), np.arange(len(X))
        there = self._model.outputs(self._rows_at(X, found.stretched(1))).astype(np.float64)
        residual = np.abs(self._signed_margin(there, found.targets))
        points = self._rows_at(X, found)
        facts = {
            "distance": found.distance,
            "margin": self._signed_margin(found.outputs, found.targets),
            "converged": found.settled & known,
            "residual": np.where(known, residual, np.inf),
            "nearest_point": np.asarray(points),
        }
        if self.threshold_ is None:
            beyond = self._model.outputs(self._rows_at(X, found.stretched(1 + _BEYOND))).astype(np.float64)
            other = np.where(found.margin.sign > 0, found.margin.rival(beyond, rows), found.targets)
            other = np.where(known, other, found.outputs.argmax(axis=1))
            facts["other_class"] = other if self._model.classes is None else self._model.classes[other]
        return facts

    def explain(self: Any, X: Rows) -> shap.Explanation:
        """Return the steps with all that belongs to them, as a ``shap.Explanation``.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        explanation : shap.Explanation
            As of every explainer, with ``distance``, ``margin``, ``converged``, ``residual``, ``nearest_point`` and,
            between classes, ``other_class``.
        """
        explanation = super().explain(X)  # type: ignore[misc] # of what it is mixed into
        if is_frame(X) and not is_dask(X) and explanation.nearest_point.ndim == 2:
            import pandas as pd

            points = pd.DataFrame(explanation.nearest_point, columns=X.columns, index=X.index)
            explanation.nearest_point = points.infer_objects()
        return explanation

    # ------------------------------------------------------------------ rules
    def region_rules(self: Any, X: Rows, *, max_depth: int = 4, min_samples_leaf: int = 10) -> pd.DataFrame:
        """Return the rule of the region that each row falls in, in the words of the columns of X.

        For each side of the boundary, a tree is fitted to whether the model puts rows given to ``fit`` there; the rule
        of a row is the leaf it falls in.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        max_depth : int, default=4
            Most conditions of a rule.
        min_samples_leaf : int, default=10
            Fewest rows under a rule.

        Returns
        -------
        rules : DataFrame of shape (n_samples, 6)
            ``rule``; ``side``, the class that the model gives to the row, or "above" or "below" the threshold;
            ``coverage``, the share of rows given to ``fit`` (at most 5,000) under the rule, and ``n_rows``; ``purity``,
            the share of held-out rows under the rule that the model puts on this side too, and ``n_held_out``, how
            many these are. Without any, the purity is NaN.
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        if self.threshold_ is not None and isinstance(self._target_index, str) and self._target_index == "all":
            raise ValueError(
                f"{type(self).__name__}.region_rules tells the sides of one threshold, and target='all' has several. "
                "Give the index of one output as target."
            )
        sides, own = self._side_of(self._model.outputs(self._seen)), self._side_of(self._known_outputs(X))
        labels = ["below", "above"] if self.threshold_ is not None else self._output_labels()
        rng = np.random.RandomState(self._seed)
        leaf = {"max_depth": max_depth, "min_samples_leaf": min_samples_leaf}
        return rules_of_regions(self._seen, X, sides, own, self._column_names(), labels, rng, **leaf)

    def _side_of(self, outputs):
        if self.threshold_ is None:
            return outputs.argmax(axis=1)
        targets = np.broadcast_to(self._choose(outputs), len(outputs))
        explained = np.take_along_axis(outputs, targets[:, None], axis=1)[:, 0]
        return (explained >= self.threshold_[targets]).astype(int)

    def _output_labels(self):
        classes = self._model.classes
        return list(range(self._model.n_outputs)) if classes is None else classes.tolist()

    # ------------------------------------------------------------------ pictures
    def slice_estimator(self: Any, row: Rows, features: Sequence[str | int]) -> ClassifierSlice | RegressorSlice:
        """Return the model as a fitted estimator of two columns, the others held at a row.

        ``sklearn.inspection.DecisionBoundaryDisplay.from_estimator`` takes it with rows of the two columns, and every
        ``response_method`` that the estimator has.

        Parameters
        ----------
        row : DataFrame or array-like of shape (1, n_features)
        features : pair of column names or indices
            Two numeric columns.

        Returns
        -------
        estimator : ClassifierSlice or RegressorSlice
        """
        check_is_fitted(self)
        row = check_rows(self, row, reset=False)
        caller = ".slice_estimator"
        if len(row) != 1:
            raise ValueError(f"The 'row' parameter of {type(self).__name__}{caller} must be one row. Got {len(row)}.")
        columns = self._positions(features, "features", caller)
        if len(set(columns)) != 2 or not self._how.numbers.is_number[columns].all():
            raise ValueError(
                f"The 'features' parameter of {type(self).__name__}{caller} must name two columns of numbers. Got "
                f"{list(features)}."
            )
        model = self._model
        between = model.classifier or (model.plain and model.n_outputs > 1)
        return (ClassifierSlice if between else RegressorSlice)(self, row, columns).fit()

    def plot_boundary(
        self: Any,
        row: Rows,
        features: Sequence[str | int] | None = None,
        *,
        response_method: Literal["auto", "predict", "predict_proba", "decision_function"] = "auto",
        grid_resolution: int = 100,
        ax: Axes | None = None,
    ) -> DecisionBoundaryDisplay:
        """Draw what the model says in the plane of two columns through a row, and the way to the boundary there.

        Parameters
        ----------
        row : DataFrame or array-like of shape (1, n_features)
        features : pair of column names or indices, default=None
            Two numeric columns. None takes those with the largest steps to the boundary.
        response_method : {"auto", "predict", "predict_proba", "decision_function"}, default="auto"
            As of ``DecisionBoundaryDisplay``; "auto" is "predict".
        grid_resolution : int, default=100
            Points along each column.
        ax : matplotlib axes, default=None

        Returns
        -------
        display : sklearn.inspection.DecisionBoundaryDisplay
            The diamond is the nearest point of the boundary within the plane; with a threshold, a line is drawn there.
        """
        from sklearn.inspection import DecisionBoundaryDisplay

        check_is_fitted(self)
        row = check_rows(self, row, reset=False)
        if features is None:
            features = self._widest_step(row)
        estimator = self.slice_estimator(row, features)
        columns = estimator.columns
        found = self._search(row, self._choose, only=np.isin(np.arange(len(self.varies_)), columns))
        step = found.steps[0, columns]
        cells = self._plane(row, columns, step)
        display = DecisionBoundaryDisplay.from_estimator(
            estimator,
            cells,
            response_method="predict" if response_method == "auto" else response_method,
            grid_resolution=grid_resolution,
            eps=0.0,
            alpha=0.5,
            ax=ax,
        )
        names = self._column_names()[columns]
        draw_slice(display, self, row, step, columns, names, self._told(row, found))
        return display

    def _told(self, row, found):
        """Return what to call a row and the point of the boundary: by the classes there."""
        away = f"{found.distance[0]:.2g} sd away"
        if self.threshold_ is not None:
            return "row", f"boundary, {away}"
        facts, labels = self._facts(row, found), self._output_labels()
        return f"row: {labels[found.outputs[0].argmax()]}", f"boundary to {facts['other_class'][0]}, {away}"

    def _widest_step(self, row):
        numbers = np.flatnonzero(self._how.numbers.is_number)
        if len(numbers) < 2:
            raise ValueError(
                f"{type(self).__name__}.plot_boundary needs two columns of numbers. There are {len(numbers)}."
            )
        steps = np.abs(np.nan_to_num(self._search(row, self._choose).steps[0, numbers]))
        return numbers[np.argsort(-steps, kind="stable")[:2]].tolist()

    def _plane(self, row, columns, step):
        """Return cells at the corners of the plane that is drawn: the range of the background, the row, the point."""
        numbers = self._how.numbers
        at = self._how.standardised(row)[0, columns] * numbers.spread[columns]
        to = at + np.nan_to_num(step) * numbers.spread[columns]
        corners = np.stack([numbers.low[columns], numbers.high[columns], at, to])
        low, high = corners.min(axis=0), corners.max(axis=0)
        edge = 0.05 * np.where(high > low, high - low, 1)
        cells = np.stack([low - edge, high + edge])
        if not is_frame(row):
            return cells
        import pandas as pd

        return pd.DataFrame(cells, columns=take_rows(row, slice(1)).columns[columns])
