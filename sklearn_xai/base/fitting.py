"""How an estimator comes to be looked at: rows are checked, it is trained or taken as it is, and seen as a model."""

from __future__ import annotations

import numpy as np
import sklearn
from sklearn.utils.metadata_routing import process_routing

from sklearn_xai._docs import Documented
from sklearn_xai._rng import own_random_state
from sklearn_xai.background import sample_rows
from sklearn_xai.base.checks import check_estimator, check_is_trained, check_rows, check_target_values
from sklearn_xai.base.texts import names_of_texts, read_texts
from sklearn_xai.models import ExplainedModel, split_pipeline, train_clone
from sklearn_xai.tables import pack_tables, unpack_tables

PROBE_ROWS = 2_000  # background rows from which the preprocessing is probed


class FitsEstimator(Documented):
    """Mixin of explainers and of what else looks at a fitted estimator.

    ``_fit_estimator`` learns ``estimator_``, the names and number of columns, and the model that is looked at.

    Class attributes
    ----------------
    _gradients : bool
        Whether the model is differentiated at its inputs, and must then end in a network.
    _probing : bool
        Whether it pays to know which column feeds which input of the model, which takes time to find out.
    """

    _gradients = False
    _probing = True

    def _fit_estimator(self, X, y, fit_params):
        """Train a clone of the estimator on (X, y), or take it as it stands, and look at it.

        Returns
        -------
        X : table or array, as the model takes it
        y : array, or None
        probes : rows of X from which the model was looked at
        rng : RandomState, from which every draw comes
        """
        self._layout = self._reader = None
        check_estimator(self._given, type(self).__name__)
        X = check_rows(self, X, reset=True)
        y = check_target_values(self, X, y)
        rng = own_random_state(self.random_state)
        self.estimator_ = self._fitted_estimator(X, y, fit_params)
        X = read_texts(self, X) if X.ndim == 1 else X
        probes = sample_rows(X, PROBE_ROWS, rng)
        self._model = ExplainedModel(
            self.estimator_ if self._reader is None else split_pipeline(self.estimator_)[1],
            probes,
            self._column_names(),
            output=getattr(self, "output", "auto"),
            gradients=self._gradients,
            probing=self._probing,
            layout=self._layout,
            caller=type(self).__name__,
        )
        return X, y, probes, rng

    def _fitted_estimator(self, X, y, fit_params):
        estimator, name = self._given, type(self).__name__
        if y is not None:
            if sklearn.get_config()["enable_metadata_routing"]:
                fit_params = process_routing(self, "fit", **fit_params).estimator.fit
            settings = {"layout": self._layout, "random_state": self.random_state, "fit_params": fit_params}
            return train_clone(estimator, X, y, **settings)
        if fit_params:
            raise ValueError(f"{name}.fit got {sorted(fit_params)} without y: an estimator is only trained with y.")
        check_is_trained(estimator, name)
        return estimator

    @property
    def _given(self):
        """The estimator that the user gave to be looked at."""
        return self.estimator

    def _column_names(self):
        names = names_of_texts(self) if self._reader is not None else getattr(self, "feature_names_in_", None)
        if names is not None:
            return names
        return np.array([f"x{j}" for j in range(self.n_features_in_)], dtype=object)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_model")

    def __getstate__(self):
        # No DataFrame is stored as such: skops cannot hold it, and a pickle of it depends on the version of pandas.
        return pack_tables(dict(super().__getstate__()))

    def __setstate__(self, state):
        super().__setstate__(unpack_tables(state))
