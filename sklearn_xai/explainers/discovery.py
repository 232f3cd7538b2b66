"""Finds every explainer of the package, so that nothing has to keep a list of them."""

from __future__ import annotations

from sklearn_xai import explainers, output
from sklearn_xai.base import BaseExplainer

WINGS = (explainers, output)  # what explains how an output comes about, and what explains the output itself
KINDS = ("table", "image", "tokens")


def all_explainers(inputs: str | None = None) -> list[tuple[str, type[BaseExplainer]]]:
    """List the explainers of the package.

    Parameters
    ----------
    inputs : {"table", "image", "tokens"} or None, default=None
        Only those that explain rows of this kind. None lists all.

    Returns
    -------
    explainers : list of (str, type)
        Names and classes, sorted by name.

    Raises
    ------
    ValueError
        For another kind of input.

    Examples
    --------
    >>> from sklearn_xai import all_explainers
    >>> "GradCAMExplainer" in dict(all_explainers(inputs="image"))
    True
    >>> "GradCAMExplainer" in dict(all_explainers(inputs="table"))
    False
    """
    if inputs is not None and inputs not in KINDS:
        raise ValueError(f"The 'inputs' parameter of all_explainers must be None or one of {KINDS}. Got {inputs!r}.")
    classes = (getattr(wing, name) for wing in WINGS for name in wing.__all__)
    found = [(c.__name__, c) for c in classes if isinstance(c, type) and issubclass(c, BaseExplainer)]
    return sorted((name, c) for name, c in found if inputs is None or inputs in c._inputs)
