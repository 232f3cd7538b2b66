"""An explainer and what it is wrapped around: the same method, another model."""

from __future__ import annotations

import copy


def given(explainer):
    """Give what the user wants explained, also where an explainer wraps another."""
    return getattr(explainer, "_given", explainer.estimator)


def around(explainer, estimator):
    """Give a copy of an explainer with another estimator to be explained, also where it wraps another explainer."""
    inside = explainer.estimator
    if given(explainer) is not inside:
        estimator = around(inside, estimator)
    return copy.copy(explainer).set_params(estimator=estimator)
