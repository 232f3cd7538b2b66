"""What of an estimator is projected, and what it predicts for the colours."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._checks import check_choice, check_whole, is_whole
from sklearn_xai._rng import own_random_state
from sklearn_xai.base import BaseExplainer
from sklearn_xai.base.checks import is_trained
from sklearn_xai.display._projection_colors import WRONG, Coloring, coloring_of, column_of
from sklearn_xai.models import is_mapping, is_network, split_pipeline, unwrap
from sklearn_xai.network import EmbeddingSimilarity, LayerActivations
from sklearn_xai.network._projections import FEWEST_ROWS, percent
from sklearn_xai.tables import take_rows

KINDS = ("auto", "activations", "attributions", "embedding")
FEW = 256  # rows from which the layers of a network are found
COLORS = ("auto", "class", "predicted", "error")

Source = namedtuple("Source", ["read", "what", "predictor", "words", "metric"], defaults=(None, None, "euclidean"))
Source.__doc__ = """What is projected.

read : callable; turns rows as the user gives them into an array (n_rows, ...)
what : str, for the title
predictor : fitted estimator with ``predict``, or None
words : ndarray of shape (n_vectors,), or None where rows are projected
metric : str, the distance that is meant
"""


def source_of(
    estimator: Any, X: Any, *, layer: Any, of: str, pooling: Literal["mean", "max", "flatten"], caller: str
) -> Source:
    """Return what is projected of an estimator.

    Parameters
    ----------
    estimator : fitted explainer, transformer, EmbeddingSimilarity, net, or Pipeline that ends in one of these
    X : some rows
    layer, of, pooling
        As of ``ProjectionDisplay.from_estimator``.
    caller : str
    """
    check_choice(of, KINDS, "of", caller)
    seen, final = unwrap(estimator), unwrap(split_pipeline(estimator)[1])
    if of == "attributions" and not isinstance(final, BaseExplainer):
        raise ValueError(
            f"The 'of' parameter of {caller} is 'attributions', which an explainer makes: give a fitted one, such as "
            f"IntegratedGradientsExplainer(estimator).fit(X). Got {type(final).__name__}."
        )
    if isinstance(seen, BaseExplainer) and of in ("activations", "embedding"):
        check_is_fitted(seen)
        seen, final = unwrap(seen.estimator_), unwrap(split_pipeline(seen.estimator_)[1])
    if isinstance(seen, EmbeddingSimilarity) or of == "embedding":
        return _embedding(seen, layer, of, caller)
    if X is None:
        raise ValueError(f"{caller} needs the rows to project: X is None. Only embeddings have vectors of their own.")
    if is_network(final):
        if not is_trained(seen):
            raise NotFittedError(
                f"This {type(final).__name__} instance is not fitted yet, and {caller} trains nothing. Fit it first, "
                "or give LayerActivations(estimator, layer=...).fit(X, y), which trains a clone."
            )
        return _layers(LayerActivations(seen, layer=layer, pooling=pooling, random_state=0).fit(X))
    if layer is not None:
        raise ValueError(
            f"The 'layer' parameter of {caller} names a layer of a network, which {type(seen).__name__} is not. Give "
            "the net, leave 'layer' None, or with an explainer set of='activations'."
        )
    if not hasattr(seen, "transform"):
        raise TypeError(
            f"The 'estimator' parameter of {caller} must be a fitted explainer, a transformer such "
            "as LayerActivations, an EmbeddingSimilarity, a skorch net, a torch.nn.Module, or a Pipeline that ends in "
            f"one. Got {type(seen).__name__}."
        )
    if isinstance(seen, LayerActivations):
        return _layers(seen)
    what = f"attributions of {type(final).__name__}" if isinstance(final, BaseExplainer) else f"{type(final).__name__}"
    if of == "activations":
        raise ValueError(f"The 'of' parameter of {caller} is 'activations', which {type(final).__name__} has none of.")
    check_is_fitted(seen)
    return Source(seen.transform, what, seen if hasattr(seen, "predict") else None)


def _layers(layers: Any) -> Source:
    check_is_fitted(layers)
    names = [f"{name!r}" if isinstance(name, str) else f"{name[0]!r} (its input)" for name in layers.layers_]
    what = f"activations of layer{'s' if len(names) > 1 else ''} {', '.join(names)}"
    return Source(layers.transform, what, layers)


def _embedding(seen: Any, layer: Any, of: str, caller: str) -> Source:
    if not isinstance(seen, EmbeddingSimilarity):
        seen = EmbeddingSimilarity(seen, layer=layer).fit()
    elif of not in ("auto", "embedding") or layer is not None:
        got = f"'of' is {of!r}" if of not in ("auto", "embedding") else f"'layer' is {layer!r}"
        raise ValueError(f"{caller}: an EmbeddingSimilarity has one embedding, but {got}.")
    check_is_fitted(seen)
    name = getattr(seen, "layer_", None)
    what = "vectors" if name is None else f"vectors of embedding {name!r}"
    return Source(seen.transform, what, None, seen.words_, seen.metric)


# ---------------------------------------------------------------------- rows
def n_rows_of(X: Any) -> int:
    """Return the number of rows of a table, an array, a list of texts or a dict of arrays."""
    if is_mapping(X):
        return len(next(iter(X.values()))) if len(X) else 0
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def rows_of(X: Any, rows: np.ndarray | None) -> Any:
    """Return some rows of what ``n_rows_of`` takes; all where ``rows`` is None."""
    if X is None or rows is None:
        return X
    if is_mapping(X):
        return {name: rows_of(part, rows) for name, part in X.items()}
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return take_rows(X, rows) if hasattr(X, "shape") else [X[i] for i in rows]


def drawn_rows(n: int, max_rows: Any, random_state: Any, keep: np.ndarray | None, caller: str) -> np.ndarray | None:
    """Return which of n rows are drawn, ``keep`` among them; None for all."""
    if max_rows is None:
        return None
    most = check_whole(max_rows, "max_rows", caller, least=FEWEST_ROWS, none="None for all")
    if n <= most:
        return None
    order = own_random_state(random_state).permutation(n)
    if keep is not None:
        order = np.concatenate([keep, order[~np.isin(order, keep)]])
    return np.sort(order[: max(most, 0 if keep is None else len(keep))])


def places_of(words: Any, annotate: Any, caller: str) -> np.ndarray | None:
    """Return the places of the words that are to be written; None where ``annotate`` is their number."""
    if is_whole(annotate):
        return None
    if isinstance(annotate, (str, bytes, bool)) or not hasattr(annotate, "__len__"):
        raise ValueError(
            f"The 'annotate' parameter of {caller} must be a number of words, or a list of words. Got {annotate!r}."
        )
    known = {word: i for i, word in reversed(list(enumerate([] if words is None else words)))}
    missing = [word for word in annotate if word not in known]
    if missing:
        raise ValueError(
            f"The 'annotate' parameter of {caller} holds {missing[0]!r}, which is none of the {len(known)} words that "
            "are drawn."
        )
    return np.array([known[word] for word in annotate], dtype=int)


def check_length(values: Any, n: int, parameter: str, caller: str) -> None:
    """Raise unless there is one value for each of n rows, or none at all."""
    if values is not None and (not hasattr(values, "__len__") or n_rows_of(values) != n):
        got = f"{n_rows_of(values)} values" if hasattr(values, "__len__") else repr(values)
        raise ValueError(
            f"The '{parameter}' parameter of {caller} must have one value for each of the {n} rows. Got {got}."
        )


# ---------------------------------------------------------------------- colours
def colors_of(source: Source, X: Any, y: Any, color: Any, color_name: str | None, caller: str) -> Coloring | None:
    """Return the colours that ``from_estimator`` was asked for."""
    if color is None:
        return None
    if not isinstance(color, str):
        return coloring_of(color, color_name, caller)
    if color == "auto":
        if y is None and source.predictor is None:
            return None
        color = "class" if y is not None else "predicted"
    if color not in COLORS:
        return coloring_of(column_of(X, color, caller), color_name or color, caller)
    if color in ("class", "error") and y is None:
        raise ValueError(
            f"The 'color' parameter of {caller} is {color!r}, which needs the targets: give y. Without, use "
            "'predicted', the name of a column of X, or None."
        )
    classes = _classes(source.predictor)
    if color == "class":
        found = coloring_of(y, color_name, caller, classes=None if classes is None else True)
        return found if found.name else replace(found, name="class" if found.kind == "classes" else "y")
    predicted = _predictions(source, X, color, caller)
    if color == "predicted":
        kind = "predicted class" if classes is not None or predicted.dtype.kind in "iuOUSb" else "prediction"
        return coloring_of(predicted, color_name or kind, caller, classes=kind == "predicted class")
    return _errors(predicted, y, classes, color_name, caller)


def _classes(predictor: Any) -> Any:
    return None if predictor is None else getattr(predictor, "classes_", None)


def _predictions(source: Source, X: Any, color: str, caller: str) -> np.ndarray:
    if source.predictor is None:
        raise ValueError(
            f"The 'color' parameter of {caller} is {color!r}, but what is projected ({source.what}) predicts nothing. "
            "Give the values themselves."
        )
    predicted = np.asarray(source.predictor.predict(X))
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        return predicted[:, 0]
    if predicted.ndim == 2 and getattr(getattr(source.predictor, "_model", None), "plain", False):
        return predicted.argmax(axis=1)  # a module says nothing of classes; several outputs are taken for theirs
    if predicted.ndim != 1:
        raise ValueError(
            f"The 'color' parameter of {caller} is {color!r}, but the estimator predicts {predicted.shape[1]} numbers "
            "for each row. Give one value for each row instead."
        )
    return predicted


def _errors(predicted: np.ndarray, y: Any, classes: Any, name: str | None, caller: str) -> Coloring:
    y = np.asarray(y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != predicted.shape:
        raise ValueError(f"{caller}: y must have one value for each of the {len(predicted)} rows. Got shape {y.shape}.")
    if classes is None and predicted.dtype.kind == "f":
        if y.dtype.kind not in "fiub":
            raise ValueError(f"{caller}: the estimator predicts numbers, but y holds {y.tolist()[0]!r}.")
        return Coloring("signed", predicted.astype(np.float64) - y, name or "error: predicted less actual")
    known = set(np.unique(predicted).tolist() if classes is None else np.asarray(classes).tolist())
    if not known & set(y.tolist()):
        raise ValueError(
            f"{caller}: y holds labels such as {y.tolist()[0]!r}, of which the estimator predicts none: it predicts "
            f"{sorted(known, key=str)[:10]}. Give y as it was trained on."
        )
    wrong = predicted != y
    return Coloring("error", wrong, name or f"prediction: {percent(wrong.mean())} {WRONG}")
