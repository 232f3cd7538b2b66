"""BaseExplainer: everything all explainers share."""

from __future__ import annotations

import math
import warnings
from collections import namedtuple
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import Interval, StrOptions, check_feature_names_in, fit_context
from sklearn_xai._docs import fill_docstring
from sklearn_xai._progress import track
from sklearn_xai._typing import Groups, Output, Rows, Seed, Target, Transformed
from sklearn_xai.background import balanced_rows, cluster_rows, group_matrix, sample_rows, strata_rows, typical_row
from sklearn_xai.base.checks import (
    check_rows,
    raise_of_outputs,
)
from sklearn_xai.base.fitting import FitsEstimator
from sklearn_xai.base.lazy import LazyExplanation, lazy_transform, past_set_output
from sklearn_xai.base.pass_through import PassThrough
from sklearn_xai.base.players import find_players, pixels_as_players, players_data
from sklearn_xai.base.scoring import Scoring
from sklearn_xai.base.streaming import StreamsTables
from sklearn_xai.base.targets import chooser, order_keys, resolve_target
from sklearn_xai.base.texts import words_of
from sklearn_xai.engines import Coalitions
from sklearn_xai.tables import as_codes, as_shown, is_dask, take_rows

if TYPE_CHECKING:
    import shap

Attributions = namedtuple("Attributions", ["values", "base_values", "outputs", "extras"])
Attributions.__doc__ = """What a method says of some rows.

values : ndarray (n_rows, n_players), or of the shape of the rows where they are not a table.
base_values : ndarray (n_rows,); what the values add up from.
outputs : ndarray (n_rows,); the explained output.
extras : dict of str to ndarray (n_rows, ...); more facts of each row, shown by ``explain``.
"""

REMOVAL_ROWS = 16  # rows given to fit over which a removed column is averaged in score and coalition_values
_CHUNK_CELLS = 2**21

# Constraints of parameters that several explainers have and the base reads; their texts are in ``_docs``.
BACKGROUND_PARAMETERS: dict = {
    "background_size": [Interval(Integral, 1, None, closed="left")],
    "background_sampling": [StrOptions({"random", "kmeans", "stratified"})],
}
"""Constraints of the parameters that say which background rows are kept."""
REMOVAL_PARAMETERS: dict = {"removal": [StrOptions({"marginal", "baseline", "conditional"})]}
"""Constraints of the parameter that says what a removed column is replaced by."""


@past_set_output
class BaseExplainer(
    StreamsTables, Scoring, FitsEstimator, PassThrough, MetaEstimatorMixin, TransformerMixin, BaseEstimator
):
    """Base class of all explainers: ``fit`` sees background rows, ``transform`` turns rows into attributions.

    A subclass overrides ``_attribute`` and, if it has something to prepare, ``_prepare``. What it is, it says by class
    attributes.

    Attributes
    ----------
    _gradients, _probing : bool
        See ``FitsEstimator``.
    _additive : bool
        Whether the attributions of a row should add up to its output less the base value.
    _one_target : bool
        Whether ``fit`` learns of the explained output only, so that no other one can be explained then.
    _inputs : tuple of {"table", "image", "tokens"}
        What the method explains; ``all_explainers(inputs=...)`` selects by it.
    _needs, _adds_up : str
        What a reader should know of the models it explains, and of what its attributions add up to, beyond what
        ``_gradients`` and ``_additive`` say; ``describe`` shows it.
    """

    _additive = False
    _one_target = False
    _inputs: tuple[str, ...] = ("table",)
    _needs = ""
    _adds_up = ""
    _gap_advice = "Raise the number of evaluations"

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "target": "no_validation",
        "output": [StrOptions({"auto", "raw", "proba", "entropy", "aleatoric", "epistemic"})],
        "feature_groups": [
            dict,
            StrOptions({"correlated"}),
            "array-like",
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        fill_docstring(cls)

    def __init__(
        self,
        estimator: Any,
        *,
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        self.estimator = estimator
        self.target = target
        self.output = output
        self.feature_groups = feature_groups
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    # ------------------------------------------------------------------ what a subclass says
    def _prepare(self, X, y, rng):
        """Learn from the background: X (all rows given to ``fit``), y (or None), rng (every draw comes from it)."""

    def _attribute(self, X, choose):
        """Attribute the output of a few rows to the players.

        Parameters
        ----------
        X : table or array of a few rows
        choose : callable
            Turns outputs (n_rows, n_outputs), an array or a tensor, into the index of the explained output: an int, or
            one a row.

        Returns
        -------
        Attributions
        """
        raise AttributeError(f"{type(self).__name__} does not say how it attributes.")

    def _attribute_fully(self, X, choose):
        """Do as ``_attribute``, with more facts of each row where they take time of their own."""
        return self._attribute(X, choose)

    def _cells_per_row(self):
        """Return how many numbers ``_attribute`` keeps for each row: what bounds the rows of a chunk."""
        return max(1, math.prod(self._row_shape))

    # ------------------------------------------------------------------ fit
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Rows, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Take X as the background and, if y is given, train a clone of ``estimator`` on (X, y) first.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
            Background rows; what a removed or absent feature is like.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            With y, a clone of ``estimator`` is trained (a FrozenEstimator or a torch module never is). Without y,
            ``estimator`` must be fitted, and is explained as it stands.
        **fit_params : dict
            Passed to the ``fit`` of the estimator, or routed to it when metadata routing is enabled.

        Returns
        -------
        self : object
            The fitted explainer.

        Raises
        ------
        NotFittedError
            Without y, when the estimator is not fitted.
        ValueError
            When X does not suit the estimator or the method.
        """
        self.__dict__.pop("feature_importances_", None)
        X, y, probes, rng = self._fit_estimator(X, y, fit_params)
        self._look_inside(probes)
        self._find_players(X)
        self._target_index = resolve_target(self._model, self.target, type(self).__name__)
        self.background_ = self._choose_background(X, probes, rng)
        if self._model.columns is not None:
            self._model.columns.learn(X if self._gradients else self.background_)
        self._find_removal(X)
        self._prepare(X, y, rng)
        return self

    def _look_inside(self, X):
        """Look at the network, once it is known, from some rows; a gradient method finds where it attributes to."""

    def _find_players(self, X):
        self._row_shape = X.shape[1:]
        self.player_names_, self._members = find_players(
            X, self.feature_groups, self._column_names(), self._inputs, type(self).__name__
        )
        self._grouped = self.feature_groups is not None
        if self._sums_channels:
            self.player_names_, self._members = pixels_as_players(self._row_shape)
        self.n_players_ = len(self._members)

    def _choose_background(self, X, probes, rng):
        size, sampling = getattr(self, "background_size", 100), getattr(self, "background_sampling", "random")
        if sampling == "kmeans":
            return cluster_rows(X, size, rng)
        if sampling == "stratified":
            return strata_rows(X, size, rng, lambda rows: order_keys(self._model, self._target_index, rows))
        return sample_rows(probes, size, rng)

    def _find_removal(self, X):
        """Find what removed columns are filled up with, and what the model says of a row without any of its own."""
        removal = getattr(self, "removal", "marginal")
        # Whatever the explainer and its seed: those of the same rows are judged alike, and can be compared.
        self._fillers = balanced_rows(X, REMOVAL_ROWS, np.random.RandomState(0))
        self._coalitions = self._coalitions_under(removal, type(self).__name__)
        without = typical_row(self.background_) if removal == "baseline" else self.background_
        self.base_outputs_ = self._model.outputs(without).mean(axis=0)

    def _coalitions_under(self, removal, caller):
        if removal == "conditional" and len(self._row_shape) > 1:
            raise ValueError(
                f"The 'removal' parameter of {caller} is 'conditional', which looks for background rows "
                f"near to a row of a table; X has rows of shape {self._row_shape}. Use 'marginal' or 'baseline'."
            )
        fill = self._fillers if removal == "marginal" else self.background_
        return Coalitions(self._removable(), self._members, fill, self.batch_size, removal)

    def _removable(self):
        """Return the model whose columns are the players' members."""
        return self._model

    # ------------------------------------------------------------------ transform and explain
    def transform(self, X: Rows) -> Transformed:
        """Return the attributions of rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
            Or a dask array or DataFrame, whose blocks are explained when the result is asked for.

        Returns
        -------
        attributions : ndarray of shape (n_samples, n_players), or of the shape of X where it is not a table
            One number for each column of X (or group of columns), in the units of the explained output, and of the
            network's type. With ``target="all"``, one block of columns for each output. A dask array of a dask array, a
            dask DataFrame of a dask DataFrame.
        """
        if is_dask(X):
            return lazy_transform(self, X)
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        values = self._explain_rows(X)[0].values
        return values if values.ndim == 2 or not self._blocks else _as_blocks(values)

    @property
    def _blocks(self):
        return self._target_index == "all" and len(self._value_shape) == 1

    def _explain_rows(self, X, fully=False):
        """Return the Attributions of all rows, with a last axis of outputs for ``target="all"``, and their gaps.

        Facts that take time of their own are for ``explain``, which asks for them ``fully``; gaps too (else None), but
        for additive methods, whose gaps are always known.
        """
        if self._target_index != "all":
            return self._explain_target(X, self._target_index, fully)
        parts = [self._explain_target(X, k, fully) for k in range(self._model.n_outputs)]
        stacked = [np.stack([part[0][field] for part in parts], axis=-1) for field in range(3)]
        extras = {name: np.stack([part[0].extras[name] for part in parts], axis=-1) for name in parts[0][0].extras}
        gaps = None if parts[0][1] is None else np.stack([part[1] for part in parts], axis=-1)
        return Attributions(*stacked, extras), gaps

    def _explain_target(self, X, index, fully):
        attribute = self._attribute_fully if fully else self._attribute
        n, dtype, choose = len(X), self._model.dtype, chooser(index)
        step = max(16, min(4096, _CHUNK_CELLS // self._cells_per_row()))
        if n <= step:
            values, base, outputs, extras = attribute(X, choose)
            values, base, outputs = (np.ascontiguousarray(part, dtype=dtype) for part in (values, base, outputs))
        else:
            values, extras = np.empty((n, *self._value_shape), dtype=dtype), {}
            base, outputs = np.empty(n, dtype=dtype), np.empty(n, dtype=dtype)
            for start in track(range(0, n, step), type(self).__name__, verbose=self.verbose):
                rows = slice(start, min(n, start + step))
                found = attribute(take_rows(X, rows), choose)
                values[rows], base[rows], outputs[rows] = found.values, found.base_values, found.outputs
                for name, extra in found.extras.items():
                    extras.setdefault(name, np.empty((n, *extra.shape[1:]), dtype=extra.dtype))[rows] = extra
        if not math.isfinite(outputs.sum() + base.sum()):
            raise_of_outputs(type(self).__name__, outputs, X, self._column_names())
        gap = None
        if fully or self._additive:
            gap = np.abs(outputs.astype(np.float64) - base - values.reshape(n, -1).sum(axis=1, dtype=np.float64))
        if self._additive:
            self._warn_of_gap(gap, outputs, base)
        return Attributions(values, base, outputs, extras), gap

    def _warn_of_gap(self, gap, outputs, base):
        tolerance = self.gap_tolerance(outputs, base)
        above = ~(gap <= tolerance)  # a gap that is not a number is above any tolerance
        if above.any():
            worst = int(np.argmax(np.where(np.isfinite(gap), gap - tolerance, np.inf)))
            warnings.warn(
                f"{type(self).__name__}: the completeness gap of {above.sum()} of {len(gap)} rows is above the "
                f"tolerance (largest: {gap[worst]:.3g}, allowed there: {tolerance[worst]:.3g}). {self._gap_advice}.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def gap_tolerance(self, outputs: ArrayLike, base_values: ArrayLike) -> np.ndarray:
        """Return the completeness gap that is allowed for each row: ``tol * max(1, |f(x) - base value|)``.

        Parameters
        ----------
        outputs, base_values : ndarray of shape (n_rows,)

        Returns
        -------
        ndarray of shape (n_rows,)
        """
        difference = np.abs(np.asarray(outputs, dtype=np.float64) - np.asarray(base_values))
        return (getattr(self, "tol", None) or 1e-2) * np.maximum(1.0, difference)

    def explain(self, X: Rows) -> shap.Explanation | LazyExplanation:
        """Return the attributions of rows with all that belongs to them, as a ``shap.Explanation``.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Or a dask array or DataFrame.

        Returns
        -------
        explanation : shap.Explanation
            ``values`` (n_samples, n_players[, n_outputs]) as ``transform`` gives them, ``base_values``, ``data`` (codes
            where a column is not numeric, NaN for groups), ``display_data`` (as given, dates as text, a group's values
            as "age=39, city=Rome", the words of texts), ``feature_names``, and ``completeness_gap`` (n_samples[,
            n_outputs]). Every ``shap.plots`` function takes it. Of a dask collection, what becomes one by its
            ``compute()``, and has dask arrays for fields.
        """
        check_is_fitted(self)
        if is_dask(X):
            return LazyExplanation(self, X)
        words = words_of(self, X)
        X = check_rows(self, X, reset=False)
        found, gap = self._explain_rows(X, fully=True)
        facts = {"completeness_gap": gap, **found.extras}
        return self._as_explanation(X, found.values, found.base_values, facts, words)

    def _as_explanation(self, X, values, base_values, facts, words=None):
        """Put what was found of checked rows together with the rows, the names and further facts of each row."""
        import shap

        data, shown = self._data(X)
        explanation = shap.Explanation(
            values,
            base_values=base_values,
            data=data,
            display_data=shown if words is None else words,
            feature_names=self._feature_labels(),
            output_names=self._output_names() if self._target_index == "all" else None,
        )
        for name, fact in facts.items():
            setattr(explanation, name, fact)
        return explanation

    def _feature_labels(self):
        return [str(name) for name in self.player_names_] if len(self._value_shape) == 1 else None

    def _data(self, X):
        """Return the numbers that the attributions of rows belong to, and what to show of them."""
        if len(self._row_shape) > 1:
            return np.asarray(X), np.asarray(X)
        data, shown = as_codes(X), as_shown(X)
        return players_data(data, shown, self._members, self._column_names()) if self._grouped else (data, shown)

    def _output_names(self):
        if self._model.classes is not None:
            return [str(label) for label in self._model.classes]
        return [str(k) for k in range(self._model.n_outputs)]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of ``transform``: the players, or with ``target="all"`` output_player.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Checked against the columns seen in ``fit``.

        Returns
        -------
        names : ndarray of str objects
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        own_columns = self._reader is None and not self._grouped and len(self._row_shape) == 1
        if not own_columns or len(names) != self.n_players_ or getattr(self, "layer", None) is not None:
            names = self.player_names_
        if self._target_index == "all":
            return np.array([f"{output}_{name}" for output in self._output_names() for name in names], dtype=object)
        return np.asarray(names, dtype=object)

    @property
    def _n_features_out(self):
        return self.n_players_ * (self._model.n_outputs if self._target_index == "all" else 1)

    @cached_property
    def feature_importances_(self) -> np.ndarray:
        """Mean absolute attribution of each player over the background rows, shape (n_players,)."""
        check_is_fitted(self)
        values = np.abs(self._explain_rows(self.background_)[0].values, dtype=np.float64)
        values = values.mean(axis=-1) if self._target_index == "all" else values
        return values.reshape(len(values), -1).mean(axis=0)

    # ------------------------------------------------------------------ for subclasses
    @property
    def _choose(self):
        """The function from outputs to the index of the explained one; not for ``target="all"``."""
        return chooser(self._target_index)

    @property
    def _value_shape(self):
        """Shape of the attributions of one row."""
        if len(self._row_shape) == 1 or self._grouped:
            return (self.n_players_,)
        return (1, *self._row_shape[1:]) if self._sums_channels else self._row_shape

    @property
    def _sums_channels(self):
        """Whether the channels of images are added up."""
        return getattr(self, "channels", "keep") == "sum" and len(self._row_shape) > 1 and not self._grouped

    def _to_players(self, attributions, X, inputs):
        """Fold attributions of the network's inputs back to the columns of X, and add up those of a group."""
        if len(self._row_shape) > 1:
            if not self._grouped:
                return attributions.sum(axis=1, keepdims=True) if self._sums_channels else attributions
            folded = attributions.reshape(len(attributions), -1)
        else:
            folded = self._model.columns.fold(attributions, X, inputs)
        return folded @ group_matrix(self._members, folded.shape[1], folded.dtype) if self._grouped else folded


def _as_blocks(values):
    """Put (n, n_players, n_outputs) as one block of columns for each output."""
    return np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(len(values), -1)
