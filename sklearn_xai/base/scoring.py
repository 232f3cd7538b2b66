"""What an explainer says of the model with columns removed, and how faithful its attributions are to that."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._typing import Removal, Rows
from sklearn_xai.base.checks import check_rows
from sklearn_xai.base.targets import chooser
from sklearn_xai.engines import draw_subsets, subset_faithfulness
from sklearn_xai.tables import take_rows

_SCORE_SUBSETS = 50


class Scoring:
    """Mixin: the explained output, of whole rows and of coalitions of players, and the score."""

    def explained_output(self: Any, X: Rows, targets: ArrayLike | None = None) -> np.ndarray:
        """Return the number that is explained, for each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        targets : int array of shape (n_samples,), default=None
            Index of the output of each row, instead of the ``target`` of the explainer.

        Returns
        -------
        outputs : ndarray of shape (n_samples,), or (n_samples, n_outputs) with ``target="all"``
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        if targets is None and self._target_index == "all":
            return self._model.outputs(X)
        return self._model.explained(X, self._choose if targets is None else chooser(self._indices(X, targets)))[0]

    def explained_targets(self: Any, X: Rows) -> np.ndarray:
        """Return the index of the output that is explained, for each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        targets : ndarray of int of shape (n_samples,), or (n_samples, n_outputs) with ``target="all"``
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        if self._target_index == "all":
            return np.tile(np.arange(self._model.n_outputs), (len(X), 1))
        return np.array(self._model.explained(X, self._choose)[1])

    def attribute(self: Any, X: Rows, targets: ArrayLike) -> np.ndarray:
        """Return the attributions of the given output of each row, as ``transform`` does of its ``target``.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        targets : int array of shape (n_samples,)
            Index of the output that is explained of each row.

        Returns
        -------
        attributions : ndarray of shape (n_samples, n_players), or of the shape of X where it is not a table

        Raises
        ------
        ValueError
            If there is no such output, or ``fit`` has learned of another one only, as surrogates do.
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        targets = self._indices(X, targets)
        if self._one_target and not isinstance(self._target_index, str) and (targets != self._target_index).any():
            raise ValueError(
                f"{type(self).__name__} has learned of the output {self._target_index} only. To explain others too, "
                f"fit it with target='all'. Got targets {np.unique(targets).tolist()}."
            )
        values = np.empty((len(X), *self._value_shape), dtype=self._model.dtype)
        for index in np.unique(targets):
            rows = np.flatnonzero(targets == index)
            values[rows] = self._explain_target(take_rows(X, rows), int(index), False)[0].values
        return values

    def coalition_values(
        self: Any,
        X: Rows,
        coalitions: ArrayLike,
        *,
        targets: ArrayLike | None = None,
        removal: Removal | None = None,
        average: bool = True,
    ) -> np.ndarray:
        """Return the explained output of rows in which only some players are kept.

        The others are taken from rows given to ``fit``, over which the output is averaged: the same 16 for all
        explainers fitted to the same rows, whose explanations are then judged alike.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        coalitions : bool array of shape (n_coalitions, n_players) or (n_samples, n_coalitions, n_players)
            True where a player is kept; the same coalitions for all rows, or each row's own.
        targets : int array of shape (n_samples,), default=None
            Index of the output of each row, instead of the ``target`` of the explainer.
        removal : {"marginal", "baseline", "conditional"}, default=None
            What a removed column is replaced by. None is the explainer's own ``removal``, "marginal" where it has none.
        average : bool, default=True
            Whether to average over the background rows that fill a coalition up.

        Returns
        -------
        values : ndarray of shape (n_samples, n_coalitions)
            Then an axis of background rows unless `average`, and last one of outputs with ``target="all"``.
        """
        check_is_fitted(self)
        caller = f"{type(self).__name__}.coalition_values"
        X = check_rows(self, X, reset=False)
        kept = np.asarray(coalitions, dtype=bool)
        own_shape = kept.ndim == 2 or (kept.ndim == 3 and len(kept) == len(X))
        if not own_shape or kept.shape[-1] != self.n_players_:
            raise ValueError(
                f"The 'coalitions' parameter of {caller} must have shape (n_coalitions, {self.n_players_}), or "
                f"({len(X)}, n_coalitions, {self.n_players_}). Got {kept.shape}."
            )
        if removal not in (None, "marginal", "baseline", "conditional"):
            raise ValueError(
                f"The 'removal' parameter of {caller} must be None, 'marginal', 'baseline' or 'conditional'. Got "
                f"{removal!r}."
            )
        if targets is not None:
            targets = self._indices(X, targets)
        elif self._target_index != "all":
            targets = self._model.explained(X, self._choose)[1]
        same = removal in (None, self._coalitions.removal)
        games = self._coalitions if same else self._coalitions_under(removal, caller)
        return games.averaged(X, kept, targets) if average else games.filled(X, kept, targets)

    def _indices(self, X, targets):
        """Return the indices of outputs as an array, one a row."""
        found, k = np.asarray(targets), self._model.n_outputs
        one_a_row = found.shape == (len(X),) and found.dtype.kind in "iu"
        if not one_a_row or ((found < 0) | (found >= k)).any():
            raise ValueError(
                f"The 'targets' parameter of {type(self).__name__} must hold the index of an output, from 0 to "
                f"{k - 1}, for each of {len(X)} rows. Got {targets!r}."
            )
        return found

    def score(self: Any, X: Rows, y: ArrayLike | None = None) -> float:
        """Return how faithful the attributions are: the correlation with what removing columns does to the output.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        score : float
            Mean over rows (and outputs) of the faithfulness correlation, from -1 to 1; random attributions give 0.

        References
        ----------
        Bhatt, U., Weller, A. and Moura, J. M. F. (2020). Evaluating and Aggregating Feature-based Model Explanations.
        """
        check_is_fitted(self)
        kept = draw_subsets(self.n_players_, _SCORE_SUBSETS, random_state=0)
        values = self.coalition_values(X, kept)
        full = self.explained_output(X)
        found = self._explain_rows(check_rows(self, X, reset=False))[0].values
        if self._target_index != "all":
            return float(subset_faithfulness(found.reshape(len(found), -1), kept, values, full).mean())
        scores = [
            subset_faithfulness(found[..., k].reshape(len(found), -1), kept, values[..., k], full[:, k])
            for k in range(full.shape[1])
        ]
        return float(np.mean(scores))
