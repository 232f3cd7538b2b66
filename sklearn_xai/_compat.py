"""The only file that imports scikit-learn's private helpers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils._set_output import _get_output_config as get_output_config
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in

from sklearn_xai._typing import Decorated

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
except ImportError:  # before scikit-learn 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock as VisualBlock

if TYPE_CHECKING:  # to type checkers these leave a method as it is

    def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Decorated], Decorated]: ...

    def available_if(check: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]: ...
else:
    from sklearn.base import _fit_context as fit_context
    from sklearn.utils.metaestimators import available_if

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
