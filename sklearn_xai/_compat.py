"""The only file that imports scikit-learn's private helpers."""

from __future__ import annotations

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in

__all__ = [
    "Interval",
    "RealNotInt",
    "StrOptions",
    "available_if",
    "check_feature_names_in",
    "fit_context",
]
