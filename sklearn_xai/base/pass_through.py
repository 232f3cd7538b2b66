"""What an explainer says in its estimator's place: predictions, tags, routing."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import available_if
from sklearn_xai._typing import Rows
from sklearn_xai.base.checks import check_rows, is_trained
from sklearn_xai.base.lazy import lazy_method
from sklearn_xai.models import is_net, is_network, split_pipeline
from sklearn_xai.tables import is_dask


class PassThrough:
    """Mixin: the estimator's predictions, tags and metadata routing, by way of the explainer."""

    @property
    def classes_(self: Any) -> np.ndarray:
        """Labels of the classes, shape (n_classes,); only where the estimator is a classifier."""
        check_is_fitted(self)
        if self._model.labels is None:
            raise AttributeError(f"{type(self._given).__name__} is not a classifier and has no classes_.")
        return self._model.labels

    @available_if(lambda self: is_network(split_pipeline(self._given)[1]) or hasattr(self._given, "predict"))
    def predict(self: Any, X: Rows) -> np.ndarray:
        """Return what the estimator predicts, labels as it was given them, shape (n_samples,).

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        """
        return self._pass_through("predict", X)

    @available_if(lambda self: is_classifier(self._given) and hasattr(self._given, "predict_proba"))
    def predict_proba(self: Any, X: Rows) -> np.ndarray:
        """Return the probabilities the estimator gives to ``classes_``, shape (n_samples, n_classes).

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        """
        return self._pass_through("predict_proba", X)

    @available_if(
        lambda self: (
            is_classifier(self._given)
            and (is_net(split_pipeline(self._given)[1]) or hasattr(self._given, "decision_function"))
        )
    )
    def decision_function(self: Any, X: Rows) -> np.ndarray:
        """Return the scores of the estimator's classes: (n_samples,) for two (the log-odds of a net), else per class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        """
        return self._pass_through("decision_function", X)

    def _pass_through(self, method, X):
        check_is_fitted(self)
        if is_dask(X):
            return lazy_method(self, method, X)
        X = check_rows(self, X, reset=False)
        if self._model.network is None:
            return getattr(self.estimator_ if self._reader is None else split_pipeline(self.estimator_)[1], method)(X)
        if method == "decision_function":
            proba = self._model.predict_proba(X).astype(np.float64).clip(1e-12, 1)
            return np.log(proba[:, 1] / proba[:, 0]) if proba.shape[1] == 2 else np.log(proba)
        return getattr(self._model, method)(X)

    def get_metadata_routing(self: Any) -> MetadataRouter:
        """Return the routing of ``fit`` parameters to the estimator.

        Returns
        -------
        routing : MetadataRouter
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64"]
        tags.target_tags.required = not is_trained(self._given)
        if is_network(split_pipeline(self._given)[1]):
            tags.transformer_tags.preserves_dtype = ["float32"]
        if not is_network(self._given) and hasattr(self._given, "__sklearn_tags__"):
            inner = get_tags(self._given).input_tags
            tags.input_tags.allow_nan = inner.allow_nan
            tags.input_tags.categorical = inner.categorical
            tags.input_tags.string = inner.string
        return tags
