"""Explanations of PyTorch networks as scikit-learn estimators."""

from __future__ import annotations

# Family by family: type checkers do not follow a star to names that are put together when the package is imported.
from sklearn_xai.explainers import __all__ as _explainers
from sklearn_xai.explainers.discovery import all_explainers
from sklearn_xai.explainers.gradient import *  # noqa: F403
from sklearn_xai.explainers.peers import *  # noqa: F403
from sklearn_xai.explainers.perturbation import *  # noqa: F403
from sklearn_xai.explainers.propagation import *  # noqa: F403
from sklearn_xai.explainers.selection import *  # noqa: F403
from sklearn_xai.explainers.shapley import *  # noqa: F403
from sklearn_xai.explainers.surrogate import *  # noqa: F403
from sklearn_xai.network import *  # noqa: F403
from sklearn_xai.network import __all__ as _network
from sklearn_xai.output import *  # noqa: F403
from sklearn_xai.output import __all__ as _output
from sklearn_xai.tokens import TokenEncoder

__version__ = "0.1.0"

__all__ = [*_explainers, *_network, *_output, "TokenEncoder", "all_explainers"]
