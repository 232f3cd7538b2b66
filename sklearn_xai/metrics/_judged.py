"""An explanation of some rows beside the model that it explains: what the metrics are functions of."""

from __future__ import annotations

import math

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._rng import own_random_state
from sklearn_xai.engines.agreement import subset_faithfulness


class Judged:
    """Attributions of rows, output by output, and the model's answers to their coalitions.

    Parameters
    ----------
    explainer : fitted explainer
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
    attributions : array, shap.Explanation or None
        As ``transform(X)`` or ``explain(X)`` gives them; None calls ``explainer.transform(X)``.
    metric : str
        Name of the metric, for messages.
    removal : {"marginal", "baseline", "conditional"} or None
        What a removed player is replaced by; None leaves it to the explainer.
    targets : int array of shape (n_samples,) or None
        Index of the output of each row that was explained, where it is not the explainer's target.

    Attributes
    ----------
    parts : list of JudgedOutput
        One for each explained output: one, or all of them with ``target="all"``.
    """

    def __init__(self, explainer, X, attributions=None, *, metric, removal=None, targets=None):
        check_explainer(explainer, metric)
        full = np.asarray(explainer.explained_output(X, **_only(targets=targets)))
        if full.size == 0:
            raise ValueError(f"The 'X' parameter of {metric} must have at least one row. Got none.")
        if attributions is None:
            attributions = explainer.transform(X) if targets is None else explainer.attribute(X, targets)
        values = check_attributions(explainer, attributions, full, metric)
        self.row_shape = values.shape[1:]
        if full.ndim == 1:
            parts = [(values, None)]
        else:
            parts = [(part, k) for k, part in enumerate(by_output(values, full.shape[1]))]
        columns = full.reshape(len(full), -1).T
        self.parts = [
            JudgedOutput(explainer, X, check_finite(part, metric), column, k, removal, targets, metric)
            for (part, k), column in zip(parts, columns, strict=True)
        ]
        self.metric = metric

    def result(self, function, sample_wise):
        """Return the mean over outputs of ``function(part)``, (n_samples,), or with it the mean over rows, a float."""
        scores = np.mean([np.asarray(function(part), dtype=np.float64) for part in self.parts], axis=0)
        return scores if sample_wise else float(scores.mean())


class JudgedOutput:
    """The attributions of one output.

    Attributes
    ----------
    attributions : ndarray of shape (n_samples, n_players), float64
    full : ndarray of shape (n_samples,), float64
        The explained output.
    """

    def __init__(self, explainer, X, attributions, full, output, removal, targets, metric):
        self.attributions, self.full = attributions.astype(np.float64), full.astype(np.float64)
        self._as_given = attributions, full  # their types say how far they are rounded
        self._explainer, self._X, self._metric = explainer, X, metric
        self._options = _only(removal=removal, targets=targets)
        if output is not None:
            self._options["targets"] = np.full(len(full), output)

    @property
    def n_players(self):
        """Number of players."""
        return self.attributions.shape[1]

    def values(self, kept, *, average=True):
        """Return the explained output with only some players kept, float64.

        Parameters
        ----------
        kept : bool ndarray of shape (n_coalitions, n_players) or (n_samples, n_coalitions, n_players)
        average : bool, default=True
            Whether to average over the background rows that fill a coalition up.

        Returns
        -------
        ndarray of shape (n_samples, n_coalitions), with a last axis of background rows unless `average`
        """
        options = self._options if average else {**self._options, "average": False}
        n_players = getattr(self._explainer, "n_players_", self.n_players)
        if self.n_players != n_players:
            raise ValueError(
                f"The 'attributions' parameter of {self._metric} must hold one number for each of the {n_players} "
                f"players of {type(self._explainer).__name__}, which are removed. Got {self.n_players} a row."
            )
        return np.asarray(self._explainer.coalition_values(self._X, kept, **options), dtype=np.float64)

    def subset_correlation(self, kept):
        """Return the correlation over coalitions of the attributions removed with what the output loses, a row."""
        attributions, full = self._as_given
        return subset_faithfulness(attributions, kept, self.values(kept), full)

    def subset_correlations(self, groups):
        """Return ``subset_correlation`` for each of several groups of coalitions, evaluated together."""
        attributions, full = self._as_given
        values = np.split(self.values(np.concatenate(groups)), np.cumsum([len(kept) for kept in groups])[:-1], axis=1)
        return [subset_faithfulness(attributions, kept, own, full) for kept, own in zip(groups, values, strict=True)]

    @property
    def rounding(self):
        """The rounding step of the explained output, relative to it."""
        dtype = self._as_given[1].dtype
        return float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)

    def order(self, random_state, *, absolute=False):
        """Return the players from the largest attribution to the smallest, (n_samples, n_players).

        Players of the same attribution come in a random order, the same for all rows, whatever their column: an
        explanation that says nothing scores as chance does.
        """
        return order_players(np.abs(self.attributions) if absolute else self.attributions, random_state)


def check_explainer(explainer, metric):
    """Raise unless a metric was given an explainer that is fitted."""
    if isinstance(explainer, type):
        got, way_out = f"the class {explainer.__name__}", ""
    elif hasattr(explainer, "explained_output"):
        check_is_fitted(explainer)
        return
    elif hasattr(explainer, "best_explainer_"):
        got, way_out = f"{type(explainer).__name__}", " Its best_explainer_ is one."
    else:
        got = type(explainer).__name__
        steps = getattr(explainer, "steps", None)
        last = steps[-1][1] if steps else None
        way_out = (
            " Give its last step, and X as it reaches that; a scorer of get_explanation_scorer does both."
            if hasattr(last, "explained_output")
            else ""
        )
    raise TypeError(
        f"The 'explainer' parameter of {metric} must be a fitted explainer, such as ShapleyExplainer(model).fit(X). "
        f"Got {got}.{way_out}"
    )


def check_attributions(explainer, attributions, full, metric):
    """Return attributions as an array, of as many rows and players as the explainer gives; `full` is its output."""
    values = np.asarray(getattr(attributions, "values", attributions))
    if values.ndim < 2 or values.dtype.kind not in "buif":
        raise ValueError(
            f"The 'attributions' parameter of {metric} must be numbers of shape (n_samples, ...), as transform(X) or "
            f"explain(X) of {type(explainer).__name__} gives them. Got {type(attributions).__name__} of shape "
            f"{values.shape} and type {values.dtype}."
        )
    if len(values) != len(full):
        raise ValueError(
            f"The 'attributions' parameter of {metric} must have one row for each of the {len(full)} rows of X. "
            f"Got shape {values.shape}."
        )
    shape = getattr(explainer, "_value_shape", None)  # an explainer of somebody's own need not say
    if shape is None or values.shape[1:4] == (1, *shape[1:]):  # the channels of images may be added up
        return values
    found, expected = math.prod(values.shape[1:]), math.prod((*shape, *full.shape[1:]))
    if found != expected:
        outputs = f" for the {full.shape[1]} outputs" if full.ndim > 1 else ""
        raise ValueError(
            f"The 'attributions' parameter of {metric} must be as {type(explainer).__name__} gives them, {expected} "
            f"numbers for each row{outputs}. Got {found}, of shape {values.shape}."
        )
    return values


def check_finite(values, metric):
    """Return attributions as (n_samples, n_numbers) unless there is NaN or infinity among them."""
    rows = values.reshape(len(values), -1)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"The 'attributions' parameter of {metric} must be finite. Got NaN or infinity in {np.sum(~finite)} rows, "
            f"first in row {int(np.argmin(finite))}."
        )
    return rows


def order_players(attributions, random_state):
    """Return players from the largest number to the smallest, ties in a random order that is the same for all rows."""
    shuffled = own_random_state(random_state).permutation(attributions.shape[1])
    return shuffled[np.argsort(-attributions[:, shuffled], axis=1, kind="stable")]


def first_players(order, counts):
    """Say which players are among the first so many of each row, (n_samples, n_counts, n_players)."""
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    return place[:, None, :] < np.asarray(counts)[:, None]


def by_output(values, n_outputs) -> list[np.ndarray]:
    """Give the attributions of each output, whether they come as blocks of columns or on a last axis."""
    if values.ndim == 2:
        return list(values.reshape(len(values), n_outputs, -1).transpose(1, 0, 2))
    return [values[..., k] for k in range(n_outputs)]


def _only(**options):
    """Return the options that were given, so that the explainer's own defaults hold for the others."""
    return {name: value for name, value in options.items() if value is not None}
