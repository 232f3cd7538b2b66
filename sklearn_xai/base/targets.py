"""Which of the model's outputs is explained."""

from __future__ import annotations

from numbers import Integral

import numpy as np


def resolve_target(model, target, caller):
    """Turn the ``target`` parameter into the index of an output, "all", or "predicted".

    Parameters
    ----------
    model : ExplainedModel
    target : "auto", "all", label or int
    caller : str
        The explainer's name, for messages.
    """
    k = model.n_outputs
    if model.of_uncertainty and not (isinstance(target, str) and target in ("auto", "all")):
        raise ValueError(
            f"The 'target' parameter of {caller} must be 'auto' where the 'output' is an uncertainty: it is one "
            f"number, of no class. Got {target!r}."
        )
    if isinstance(target, str) and target == "all":
        return "all" if k > 1 else 0
    if isinstance(target, str) and target == "auto":
        if k == 1:
            return 0
        if model.classifier:
            return 1 if k == 2 else "predicted"
        return "predicted" if model.plain else "all"
    if model.classes is not None:
        at = [i for i, label in enumerate(model.classes.tolist()) if label == target and _same_kind(label, target)]
        if at:
            return at[0]
        raise ValueError(
            f"The 'target' parameter of {caller} must be 'auto', 'all' or one of the classes {model.classes.tolist()}. "
            f"Got {target!r}."
        )
    if isinstance(target, Integral) and not isinstance(target, bool) and 0 <= target < k:
        return int(target)
    raise ValueError(
        f"The 'target' parameter of {caller} must be 'auto', 'all' or the index of one of the {k} outputs, from 0 to "
        f"{k - 1}. Got {target!r}."
    )


def _same_kind(label, target):
    return isinstance(label, str) == isinstance(target, str) and isinstance(label, bool) == isinstance(target, bool)


def chooser(index):
    """Return the function from outputs to the explained one's index: fixed (one, or one a row), or the largest's."""
    return _largest if isinstance(index, str) and index == "predicted" else _Fixed(index)


def _largest(outputs):
    return outputs.argmax(axis=1) if isinstance(outputs, np.ndarray) else outputs.argmax(dim=1)


class _Fixed:
    def __init__(self, index):
        self.index = index

    def __call__(self, outputs):
        return self.index


def order_keys(model, index, X):
    """Return what orders rows by the explained output, the last first, as ``numpy.lexsort`` takes it.

    Rows are ordered by the output; where it is that of the predicted class, or of every class, first by that class; for
    every output of a regressor, along the first principal component of the outputs.

    Parameters
    ----------
    model : ExplainedModel
    index : int, "all" or "predicted"
        As ``resolve_target`` returns it.
    X : table of some rows
    """
    outputs = np.asarray(model.outputs(X), dtype=np.float64)
    if index not in ("all", "predicted"):
        return (outputs[:, index],)
    if index == "all" and not model.classifier:
        centred = outputs - outputs.mean(axis=0)
        spread = centred.std(axis=0)
        scaled = centred / np.where(spread > 0, spread, 1)
        return (scaled @ np.linalg.svd(scaled, full_matrices=False)[2][0],)
    largest = outputs.argmax(axis=1)
    return outputs[np.arange(len(outputs)), largest], largest
