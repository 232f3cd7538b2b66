"""What a selector says in its best explainer's place, and how it names the parameters of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import VisualBlock, available_if
from sklearn_xai._typing import Rows, Transformed
from sklearn_xai.base.lazy import past_set_output

if TYPE_CHECKING:
    import shap

    from sklearn_xai.base.lazy import LazyExplanation


def _explains(method):
    """Make a check for `available_if`: whether the best explainer, or before `fit` the first, has the method."""

    def check(selector):
        first = next(iter(selector._named().values()), None)
        return hasattr(getattr(selector, "best_explainer_", first), method)

    return check


@past_set_output
class BestExplainer(TransformerMixin):
    """Mixin: methods of the best explainer."""

    def _best(self, what):
        check_is_fitted(self, "best_name_")
        if not hasattr(self, "best_explainer_"):
            raise AttributeError(
                f"This {type(self).__name__} was fitted with refit=False and has no explainer for {what}. Set "
                f"refit=True, or fit {self.best_name_!r} yourself."
            )
        return self.best_explainer_

    def transform(self, X: Rows) -> Transformed:
        """Return the attributions of rows by the best explainer.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)

        Returns
        -------
        attributions : ndarray of shape (n_samples, n_players)
        """
        return self._best("transform").transform(X)

    def explain(self, X: Rows) -> shap.Explanation | LazyExplanation:
        """Return the best explainer's attributions of rows with base values, data and names.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        explanation : shap.Explanation
        """
        return self._best("explain").explain(X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None

        Returns
        -------
        names : ndarray of str
        """
        return self._best("get_feature_names_out").get_feature_names_out(input_features)

    @available_if(_explains("predict"))
    def predict(self, X: Rows) -> np.ndarray:
        """Return what the estimator behind the best explainer predicts, shape (n_samples,).

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        """
        return self._best("predict").predict(X)

    @available_if(_explains("predict_proba"))
    def predict_proba(self, X: Rows) -> np.ndarray:
        """Return the probabilities of ``classes_`` by the estimator behind it, shape (n_samples, n_classes).

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        """
        return self._best("predict_proba").predict_proba(X)

    @available_if(_explains("decision_function"))
    def decision_function(self, X: Rows) -> np.ndarray:
        """Return the scores of the classes by the estimator behind it, shape (n_samples,) for two, else per class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        """
        return self._best("decision_function").decision_function(X)

    @available_if(_explains("score"))
    def score(self, X: Rows, y: ArrayLike | None = None) -> float:
        """Return the best explainer's own score, its faithfulness.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        y : ignored
        """
        return self._best("score").score(X, y)

    @property
    def classes_(self) -> np.ndarray:
        """Labels of the classes, where the estimator is a classifier."""
        return self._best("classes_").classes_

    @property
    def feature_importances_(self) -> np.ndarray:
        """The best explainer's mean absolute attributions, shape (n_players,)."""
        return self._best("feature_importances_").feature_importances_

    @property
    def n_features_in_(self) -> int:
        """Number of columns seen in ``fit``."""
        return self._best("n_features_in_").n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns seen in ``fit``, where it saw names."""
        return self._best("feature_names_in_").feature_names_in_

    # ------------------------------------------------------------------ parameters of named explainers
    def _named(self) -> dict:
        """Give the explainers by name; nothing where `explainers` is not yet what it should be."""
        try:
            return {str(name): explainer for name, explainer in dict(self.explainers).items()}
        except (TypeError, ValueError):
            return {}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with `deep`, also each explainer by its name, and its own as ``name__parameter``.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep=False)
        if deep:
            for name, explainer in self._named().items():
                params[name] = explainer
                if hasattr(explainer, "get_params") and not isinstance(explainer, type):
                    params |= {f"{name}__{key}": value for key, value in explainer.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, explainers by their names, or parameters of theirs as ``name__parameter``.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : object
        """
        if "explainers" in params:
            self.explainers = params.pop("explainers")
        named = self._named()
        replaced = {name: params.pop(name) for name in list(params) if name in named}
        if replaced:
            named |= replaced
            self.explainers = named if isinstance(self.explainers, dict) else list(named.items())
        return super().set_params(**params)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        first = next(iter(self._named().values()), None)
        if hasattr(first, "__sklearn_tags__") and not isinstance(first, type):
            inner = get_tags(first)
            tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
            tags.transformer_tags = inner.transformer_tags
        return tags

    def _sk_visual_block_(self):
        named = self._named()
        return VisualBlock("parallel", list(named.values()), names=list(named), dash_wrapped=True)
