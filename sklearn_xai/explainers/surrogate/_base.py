"""What global surrogates share: the rows they are fitted to, and how well they say what the model says."""

from __future__ import annotations

import numpy as np

from sklearn_xai._progress import track
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.explainers._fidelity import (
    FIDELITY_PARAMETERS,
    class_agreement,
    r2_fidelity,
    split_rows,
    warn_of_fidelity,
)
from sklearn_xai.tables import take_rows

_OUTPUT_ROWS = 20_000  # rows given to the model at once


class GlobalSurrogate(BaseExplainer):
    """Base class of the explainers that fit one simple model to what the model says of all rows given to ``fit``.

    A subclass says how it is fitted (``_fit_surrogate``), what it says of rows (``_surrogate_outputs``), and what it
    says that their columns add (``_explain_encoded``). The rows come as numbers.
    """

    _one_target = True
    _adds_up = "to the surrogate's output"
    _one_hot = False  # categories as 0/1 columns, or as one column of codes
    _both_classes = False  # fit both outputs of two classes, though one is explained: then the class is known
    _fidelity_advice = ""
    _probing = False
    _parameter_constraints: dict = {**BaseExplainer._parameter_constraints, **FIDELITY_PARAMETERS}

    # ------------------------------------------------------------------ what a subclass says
    def _fit_surrogate(self, X, encoded, truth, outputs, train, rng):
        """Fit to ``encoded[train]`` and ``truth[train]``, one surrogate for each column of truth.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
        encoded : ndarray of shape (n_rows, n_encoded)
        truth : ndarray of shape (n_rows, n_fitted)
        outputs : ndarray of shape (n_rows, n_outputs)
            All outputs of the model, of which truth are some.
        train : int ndarray
        rng : RandomState
        """
        raise AttributeError(f"{type(self).__name__} does not say how it is fitted.")

    def _surrogate_outputs(self, encoded):
        """Return what the surrogates say of rows, shape (n_rows, n_fitted)."""
        raise AttributeError(f"{type(self).__name__} does not say what it says.")

    def _explain_encoded(self, encoded, which):
        """Return attributions (n_rows, n_players) and base values (n_rows,), of surrogate ``which[i]`` for row i."""
        raise AttributeError(f"{type(self).__name__} does not say how it attributes.")

    def _fitted_to(self, X, outputs):
        """Return the numbers that the surrogates are fitted to, shape (n_rows, n_outputs)."""
        return outputs

    def _r2(self, truth, found):
        return r2_fidelity(truth, found)

    def _agreement(self, outputs, found, encoded):
        """Return the share of rows to which a classifier and its surrogates give the same class, or None."""
        return class_agreement(outputs, found, self._fitted[0])

    # ------------------------------------------------------------------ template
    def _prepare(self, X, y, rng):
        train, held_out = split_rows(len(X), rng)
        self._encoder = TableEncoder(one_hot=self._one_hot).fit(X)
        encoded = self._encoder.transform(X)
        outputs = self._outputs_of(X)
        every = np.arange(self._model.n_outputs)
        self._explained = every if isinstance(self._target_index, str) else np.array([self._target_index])
        self._fitted = every if self._both_classes and self._model.classifier and len(every) == 2 else self._explained
        self._owner = self._coalitions.owners(np.arange(X.shape[1]))
        fitted_to = self._fitted_to(X, outputs)
        self._fit_surrogate(X, encoded, fitted_to[:, self._fitted], outputs, train, rng)
        r2 = self._measure(fitted_to[held_out], encoded[held_out])
        names = self._output_names() if len(r2) > 1 else None
        warn_of_fidelity(type(self).__name__, r2, self.min_fidelity, self._fidelity_advice, names)

    def _outputs_of(self, X):
        starts = track(range(0, len(X), _OUTPUT_ROWS), "asking the model", verbose=self.verbose)
        parts = [self._model.outputs(take_rows(X, slice(start, start + _OUTPUT_ROWS))) for start in starts]
        return np.concatenate(parts).astype(np.float64, copy=False)

    def _measure(self, truth, encoded):
        found = self._surrogate_outputs(encoded)
        shown = np.isin(self._fitted, self._explained)
        r2 = self._r2(truth[:, self._explained], found[:, shown])
        self.fidelity_ = r2 if len(r2) > 1 else float(r2[0])
        self.agreement_ = self._agreement(truth, found, encoded) if self._model.classifier else None
        return r2

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        which = np.searchsorted(self._fitted, targets)
        values, base = self._explain_encoded(self._encoder.transform(X), which)
        return Attributions(values, base, outputs, {"surrogate_output": base + values.sum(axis=1)})
