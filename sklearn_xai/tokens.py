"""Texts as padded sequences of token ids: the first step of a Pipeline that ends in a network of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import Interval, RealNotInt, fit_context
from sklearn_xai._docs import Documented
from sklearn_xai._typing import Transformed

PADDING, UNKNOWN = 0, 1
_SPECIAL = ["", "<unknown>"]  # the words of these two ids


class TokenEncoder(Documented, TransformerMixin, BaseEstimator):
    r"""Which words does a text hold, in their order, as the ids that an embedding layer takes?

    A text becomes one row: the ids of its words, then padding up to the length L that all rows have,

    .. math:: (id(w_1), \ldots, id(w_m), 0, \ldots, 0).

    Id 0 is padding and id 1 any word that ``fit`` has not kept; from 2 on come the words kept, the most frequent first
    and those of equal frequency in alphabetical order. What comes after the first L words of a text is cut off.

    Parameters
    ----------
    max_length : int, default=None
        The length L of a row, in words. None is that of the longest text seen in ``fit``.
    max_tokens : int, default=None
        At most this many ids, padding and unknown among them, so that ``nn.Embedding(max_tokens, ...)`` has room for
        all. The most frequent words are kept. None keeps all words.
    min_df : int or float, default=1
        Words in fewer texts than this are not kept: a number of texts, or as a float a share of them.
    lowercase : bool, default=True
        Whether words that differ only in case have one id.
    token_pattern : str, default=r"\w+(?:['\u2019]\w+)*"
        Regular expression of a word, matched in the text as it was written. The default takes letters, digits and
        underscores, single letters too, and keeps a word with an apostrophe inside whole ("don't"); a hyphen parts two
        words. Where it has a group, the word is what the group matched.
    tokenizer : callable, default=None
        Takes a text as it was written and returns its words as strings; `token_pattern` is not used then. A function
        of a module can be pickled with the encoder, a lambda cannot.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The id of each word that was kept, in the order of the ids.
    n_tokens_ : int
        Number of ids, padding and unknown included: the least size of the embedding layer.
    max_length_ : int
        The length L of the rows.
    padding_id_, unknown_id_ : int
        0 and 1.

    Raises
    ------
    ValueError
        If what is given is no 1-d sequence of strings (or a table with one column of them), or has no words to learn.

    See Also
    --------
    sklearn.feature_extraction.text.CountVectorizer : Counts the words, and forgets their order.
    sklearn_xai.datasets.load_movie_reviews : Texts to try it on.

    Notes
    -----
    A text without a word, as "", is a row of padding alone. A module that divides by the number of words or masks all
    padding must allow for that.

    A network learns something of the unknown id only where `max_tokens` or `min_df` leave out some words of the texts
    it is trained on.

    Misleads when texts are longer than L: what comes after is not seen by the model, and so has no attribution. Words
    that were not kept are one and the same to the network.

    Cost: one pass over the texts in ``fit`` and another in ``transform``. No model is run.

    Examples
    --------
    >>> from sklearn_xai import TokenEncoder
    >>> texts = ["A good film.", "Not a good one", "Don't!"]
    >>> encoder = TokenEncoder(max_tokens=5).fit(texts)
    >>> encoder.vocabulary_
    {'a': 2, 'good': 3, "don't": 4}
    >>> ids = encoder.transform(texts)
    >>> ids
    array([[2, 3, 1, 0],
           [1, 2, 3, 1],
           [4, 0, 0, 0]])
    >>> encoder.inverse_transform(ids)[0].tolist()
    ['a', 'good', '<unknown>', '']
    >>> encoder.tokenize(texts)[0].tolist()
    ['A', 'good', 'film', '']
    """

    _parameter_constraints: dict = {
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "max_tokens": [Interval(Integral, len(_SPECIAL) + 1, None, closed="left"), None],
        "min_df": [Interval(Integral, 1, None, closed="left"), Interval(RealNotInt, 0, 1, closed="both")],
        "lowercase": ["boolean"],
        "token_pattern": [str],
        "tokenizer": [callable, None],
    }

    def __init__(
        self,
        *,
        max_length: int | None = None,
        max_tokens: int | None = None,
        min_df: int | float = 1,
        lowercase: bool = True,
        token_pattern: str = r"\w+(?:['\u2019]\w+)*",
        tokenizer: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self.max_length = max_length
        self.max_tokens = max_tokens
        self.min_df = min_df
        self.lowercase = lowercase
        self.token_pattern = token_pattern
        self.tokenizer = tokenizer

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn which words there are.

        Parameters
        ----------
        X : sequence of str, of shape (n_texts,)
            A list, Series or array of texts, or a table with one column of them.
        y : ignored
            For the sake of a Pipeline.

        Returns
        -------
        self : TokenEncoder
        """
        texts = self._words(X)
        words = self._kept([[self._key(word) for word in text] for text in texts])
        self.vocabulary_ = {word: id_ for id_, word in enumerate(words, start=len(_SPECIAL))}
        self.n_tokens_ = len(_SPECIAL) + len(words)
        self.max_length_ = self.max_length or max(map(len, texts))
        self.padding_id_, self.unknown_id_ = PADDING, UNKNOWN
        return self

    def transform(self, X: ArrayLike) -> Transformed:
        """Return the ids of the words of each text.

        Parameters
        ----------
        X : sequence of str, of shape (n_texts,)

        Returns
        -------
        ndarray of shape (n_texts, max_length), int64
        """
        check_is_fitted(self)
        known = self.vocabulary_
        rows = [[known.get(self._key(word), UNKNOWN) for word in text] for text in self._words(X)]
        return self._padded(rows, PADDING, np.int64)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return the word of each id.

        Parameters
        ----------
        X : array of int, of any shape

        Returns
        -------
        ndarray of the shape of X, dtype object
            "" for padding, "<unknown>" for id 1. Words are as in ``vocabulary_``.
        """
        check_is_fitted(self)
        ids = np.asarray(X)
        if ids.dtype.kind not in "iu" or (ids.size and not 0 <= ids.min() <= ids.max() < self.n_tokens_):
            raise ValueError(
                f"TokenEncoder.inverse_transform takes integers from 0 to {self.n_tokens_ - 1}, as transform returns "
                f"them. Got {_extent(ids)}."
            )
        return np.array([*_SPECIAL, *self.vocabulary_], dtype=object)[ids]

    def tokenize(self, X: ArrayLike) -> np.ndarray:
        """Return the words of each text as they were written, at the places of their ids.

        Parameters
        ----------
        X : sequence of str, of shape (n_texts,)

        Returns
        -------
        ndarray of shape (n_texts, max_length), dtype object
            "" for padding. Words that ``fit`` has not kept are there too, and capitals are capitals.
        """
        check_is_fitted(self)
        return self._padded(self._words(X), "", object)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return "token_0", "token_1", ...: the places of a row.

        Parameters
        ----------
        input_features : ignored
            For the sake of a Pipeline.

        Returns
        -------
        ndarray of shape (max_length,), dtype object
        """
        check_is_fitted(self)
        return np.array([f"token_{place}" for place in range(self.max_length_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    # ------------------------------------------------------------------ words
    def _words(self, X):
        """Return the words of each text as they were written, a list for each."""
        split = self._tokenizer()
        # What a pattern matches may be empty, and "" stands for padding.
        found = [[word for word in split(text) if word != ""] for text in _as_texts(X)]
        if self.tokenizer is not None:
            for word in (word for text in found for word in text):
                if not isinstance(word, str):
                    raise ValueError(
                        "The 'tokenizer' parameter of TokenEncoder must return a list of strings for each text. Got "
                        f"{word!r} ({type(word).__name__}) in one."
                    )
        return found

    def _tokenizer(self):
        # Words are taken from the text as it was written: a text made lower-case can be longer, and split elsewhere.
        try:
            return CountVectorizer(tokenizer=self.tokenizer, token_pattern=self.token_pattern).build_tokenizer()
        except (re.error, ValueError) as error:
            raise ValueError(
                "The 'token_pattern' parameter of TokenEncoder must be a regular expression with at most one group. "
                f"Got {self.token_pattern!r}: {error}"
            ) from error

    def _key(self, word):
        return word.lower() if self.lowercase else word

    def _kept(self, texts):
        """Return the words that have an id of their own, in the order of the ids."""
        counts = Counter(word for text in texts for word in text)
        n_texts = Counter(word for text in texts for word in set(text))
        least = self.min_df if isinstance(self.min_df, Integral) else self.min_df * len(texts)
        words = [word for word in counts if n_texts[word] >= least]
        if not words:
            raise ValueError(
                f"TokenEncoder.fit found no word to keep in {len(texts)} texts, with min_df={self.min_df}. Give it "
                "texts with words, lower min_df, or change token_pattern."
            )
        words.sort(key=lambda word: (-counts[word], word))
        return words if self.max_tokens is None else words[: self.max_tokens - len(_SPECIAL)]

    def _padded(self, rows, filler, dtype):
        found = np.full((len(rows), self.max_length_), filler, dtype=dtype)
        for i, row in enumerate(rows):
            found[i, : len(row)] = row[: self.max_length_]
        return found


def _as_texts(X):
    """Return the texts as a list of strings, or say what came instead."""
    if isinstance(X, str | bytes):
        raise ValueError(f"TokenEncoder takes a sequence of texts. Got one {type(X).__name__}: put it in a list.")
    texts = np.asarray(X, dtype=object)
    if texts.ndim == 2 and texts.shape[1] == 1:
        texts = texts[:, 0]
    if texts.ndim != 1:
        came = f"shape {texts.shape}" if texts.ndim else f"a {type(X).__name__}"
        raise ValueError(
            f"TokenEncoder takes a 1-d sequence of strings, or a table with one column of them. Got {came}: give it "
            "one column of texts, as a list, Series or array."
        )
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"TokenEncoder takes texts that are strings. Got {text!r} ({type(text).__name__}) at position {i}: "
                "replace a missing text by '', decode bytes, and turn other values into strings."
            )
    return texts.tolist()


def _extent(ids):
    return f"dtype {ids.dtype}" if ids.dtype.kind not in "iu" else f"values from {ids.min()} to {ids.max()}"
