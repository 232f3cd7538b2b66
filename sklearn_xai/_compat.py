"""The only file that imports scikit-learn's private helpers."""

from __future__ import annotations

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils._set_output import _get_output_config as get_output_config
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
except ImportError:  # before scikit-learn 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock as VisualBlock

__all__ = [
    "Interval",
    "RealNotInt",
    "StrOptions",
    "VisualBlock",
    "available_if",
    "check_feature_names_in",
    "fit_context",
    "get_output_config",
]
