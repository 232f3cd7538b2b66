"""What an explainer says of the model with columns removed, and how faithful its attributions are to that."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_xai.base.checks import check_rows
from sklearn_xai.engines import draw_subsets, subset_faithfulness

_SCORE_SUBSETS = 50


class Scoring:
    """Mixin: the explained output, of whole rows and of coalitions of players, and the score."""

    def explained_output(self, X):
        """Return the number that is explained, for each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_samples,), or (n_samples, n_outputs) with ``target="all"``
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        if self._target_index == "all":
            return self._model.outputs(X)
        return self._model.explained(X, self._choose)[0]

    def coalition_values(self, X, coalitions):
        """Return the explained output of rows in which only some players are kept.

        The others are taken from background rows, over which the output is averaged.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        coalitions : bool array of shape (n_coalitions, n_players)
            True where a player is kept.

        Returns
        -------
        values : ndarray of shape (n_samples, n_coalitions); a last axis of outputs with ``target="all"``
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        kept = np.asarray(coalitions, dtype=bool)
        if kept.ndim != 2 or kept.shape[1] != self.n_players_:
            raise ValueError(
                f"The 'coalitions' parameter of {type(self).__name__}.coalition_values must have shape (n_coalitions, "
                f"{self.n_players_}). Got {kept.shape}."
            )
        targets = None if self._target_index == "all" else self._model.explained(X, self._choose)[1]
        return self._coalitions.averaged(X, kept, targets)

    def score(self, X, y=None):
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
