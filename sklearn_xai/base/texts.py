"""Texts in front of a Pipeline: what its first steps make of them is what is explained."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import validate_data

from sklearn_xai.models import as_array, is_mapping, run_steps, split_pipeline


def is_texts(X):
    """Whether X is a one-dimensional sequence of strings: a list, an array or a Series."""
    if isinstance(X, (str, bytes)) or is_mapping(X) or not hasattr(X, "__len__") or getattr(X, "ndim", 1) != 1:
        return False
    return len(X) > 0 and all(isinstance(text, str) for text in X)


def check_no_gaps(X, caller):
    """Raise where texts are missing, or something else stands among them."""
    if isinstance(X, (str, bytes)):
        raise ValueError(f"{caller} takes a sequence of texts. Got one {type(X).__name__}: put it in a list.")
    if is_mapping(X) or not hasattr(X, "__len__") or getattr(X, "ndim", 1) != 1:
        return
    is_text = [isinstance(text, str) for text in X]
    if any(is_text) and not all(is_text):
        at = is_text.index(False)
        raise ValueError(
            f"{caller}: X holds texts, but {list(X)[at]!r} at position {at}. Replace a missing text by '', and turn "
            "other values into strings."
        )


def as_texts(explainer, X):
    """Return texts as an array of objects, if the estimator takes texts.

    Raises
    ------
    ValueError
        When no step would turn the texts into numbers.
    """
    if not split_pipeline(explainer._given)[0]:
        raise ValueError(
            f"{type(explainer).__name__}: X holds texts, but the estimator has no step that turns them into numbers. "
            "Put a TokenEncoder or a vectorizer in front, in one Pipeline, and explain that."
        )
    texts = np.empty(len(X), dtype=object)
    texts[:] = list(X)
    return texts


def read_texts(explainer, texts):
    """Return what the steps of the explained Pipeline make of texts, and note on the explainer that it reads them."""
    explainer._reader = split_pipeline(explainer.estimator_)[0]
    return validate_data(explainer, as_array(run_steps(explainer._reader, texts)), reset=True, dtype="numeric")


def names_of_texts(explainer):
    """Return the names of what the steps make of texts, where they say so, else None."""
    last = explainer._reader[-1][1]
    names = last.get_feature_names_out() if hasattr(last, "get_feature_names_out") else None
    return names if names is not None and len(names) == explainer.n_features_in_ else None


def words_of(explainer, X):
    """Return the words that belong to the attributions of texts, (n_rows, n_tokens), or None where there are none.

    A step with ``tokenize`` says how the texts are written; one with ``inverse_transform`` what its ids stand for.
    """
    if explainer._reader is None or len(explainer._reader) != 1 or not is_texts(X):
        return None
    step, texts = explainer._reader[0][1], as_texts(explainer, X)
    if hasattr(step, "tokenize"):
        words = step.tokenize(texts)
    elif hasattr(step, "inverse_transform") and not hasattr(step, "vocabulary"):
        words = step.inverse_transform(step.transform(texts))
    else:
        return None
    words = np.asarray(words, dtype=object)
    return words if words.shape == (len(texts), explainer.n_features_in_) else None
