"""Neighbours and analogies of words, categories or rows that a network knows as vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_xai._compat import Interval, StrOptions, check_feature_names_in, fit_context
from sklearn_xai._typing import Rows, Seed, Transformed
from sklearn_xai.base.checks import check_estimator, check_rows, check_target_values
from sklearn_xai.base.fitting import FitsEstimator
from sklearn_xai.network._embedding_tables import (
    Words,
    as_query,
    encoder_of,
    layer_vectors,
    rows_named,
    tokens_named,
)
from sklearn_xai.network._vector_queries import FLOATS, VectorQueries, inverse_lengths
from sklearn_xai.tables import is_frame


class EmbeddingSimilarity(VectorQueries, FitsEstimator, TransformerMixin, BaseEstimator):
    r"""Which words, categories or rows are alike to a network?

    Words u and w with the vectors :math:`v_u, v_w` are as similar as

    .. math:: \cos(u, w) = \frac{v_u \cdot v_w}{\lVert v_u \rVert \, \lVert v_w \rVert},

    which is 0 where a vector is zero. The vectors are the rows of an embedding layer, of a table that was trained
    elsewhere (GloVe, word2vec: ``from_vectors``), or of any table of numbers, such as activations or attributions.

    Parameters
    ----------
    estimator : skorch net, torch.nn.Module, nn.Embedding or Pipeline that ends in one, default=None
        The network whose embedding is looked into. Trained by ``fit(X, y)``, taken as it stands by ``fit()``. None
        compares the rows that are given to ``fit``.
    layer : str, default=None
        Dotted name of the Embedding or EmbeddingBag layer. None is the only one.
    vocabulary : sequence, dict of word to int, or None, default=None
        The word of each vector, in their order, or the rows that belong to some words: the categories of a column, or
        ``encoder.vocabulary_``. Words are strings, whole numbers or other names. None takes the words of the
        ``TokenEncoder`` in front of the network, without padding; else the ids; of rows the index of the DataFrame,
        else their numbers.
    metric : {"cosine", "euclidean", "manhattan", "chebyshev"}, default="cosine"
        What is nearest. The similarity is the cosine, or minus the distance: more is nearer.
    n_neighbors : int, default=10
        How many neighbours there are, where no other number is asked for.
    random_state : int, RandomState instance or None, default=None
        Seeds the training of the clone.

    Attributes
    ----------
    vectors_ : ndarray of shape (n_words, n_dimensions)
        A copy of those of the layer; those given to ``fit`` themselves.
    words_ : ndarray of shape (n_words,), dtype object
        What the vectors stand for.
    estimator_ : estimator
        The fitted estimator, where one was given.
    layer_ : str
        Name of the embedding, where an estimator was given.
    n_features_in_ : int
        Number of dimensions, where rows were given to ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the rows have any.

    Raises
    ------
    NotFittedError
        Without y, when the estimator is not fitted.
    ValueError
        When the network has no embedding, or several and `layer` names none; when words and vectors do not belong
        together; for an unknown word, with similar spellings.

    See Also
    --------
    read_word_vectors : Reads the text formats of GloVe and word2vec.
    TokenEncoder : Texts as the ids that an embedding takes.
    LayerActivations : Rows as activations, whose neighbours are found by ``fit(activations)``.

    Notes
    -----
    A vector may stand wherever a word may: a 1-d array of real numbers is one, a 2-d array several. What is given as a
    vector may have itself as its first neighbour; a word never has.

    Every similarity is computed, in chunks of a few megabytes: there is no approximate index.

    Misleads when likeness of vectors is read as likeness of meaning: words that occur in the same places are near, and
    so are opposites; rare words lie where chance left them. Some words are near to most others in many dimensions.

    Cost: one product of the words asked with all vectors. No model is run; with ``y``, ``fit`` trains one.

    References
    ----------
    Mikolov, T., Yih, W. and Zweig, G. (2013). Linguistic Regularities in Continuous Space Word Representations.

    Levy, O. and Goldberg, Y. (2014). Linguistic Regularities in Sparse and Explicit Word Representations.

    Examples
    --------
    >>> from sklearn_xai import EmbeddingSimilarity
    >>> words = ["king", "queen", "man", "woman", "apple"]
    >>> vectors = [[3, 1, 0], [3, -1, 0], [1, 2, 0], [1, -2, 0], [0, 0, 1]]
    >>> similarity = EmbeddingSimilarity.from_vectors(words, vectors)
    >>> similarity.neighbours("king", n_neighbors=2)
       word neighbour  rank  similarity
    0  king     queen     1    0.800000
    1  king       man     2    0.707107
    >>> similarity.analogy("man", "king", "woman", n_neighbors=1)
        word  rank    score
    0  queen     1  1.365685
    """

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "layer": [str, None],
        "vocabulary": ["array-like", dict, None],
        "metric": [StrOptions({"cosine", "euclidean", "manhattan", "chebyshev"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        layer: str | None = None,
        vocabulary: Sequence[Any] | Mapping[Any, int] | None = None,
        metric: Literal["cosine", "euclidean", "manhattan", "chebyshev"] = "cosine",
        n_neighbors: int = 10,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.layer = layer
        self.vocabulary = vocabulary
        self.metric = metric
        self.n_neighbors = n_neighbors
        self.random_state = random_state

    @classmethod
    def from_vectors(
        cls,
        words: Sequence[Any],
        vectors: ArrayLike,
        *,
        metric: Literal["cosine", "euclidean", "manhattan", "chebyshev"] = "cosine",
        n_neighbors: int = 10,
    ) -> Self:
        """Compare words by vectors that were trained elsewhere.

        Parameters
        ----------
        words : sequence of length n_words
        vectors : array-like of shape (n_words, n_dimensions)
            Both as ``read_word_vectors`` returns them: ``from_vectors(*read_word_vectors(path))``.
        metric, n_neighbors
            As of the class.

        Returns
        -------
        EmbeddingSimilarity
            Fitted; the same as ``EmbeddingSimilarity(vocabulary=words).fit(vectors)``.
        """
        return cls(vocabulary=words, metric=metric, n_neighbors=n_neighbors).fit(vectors)

    # ------------------------------------------------------------------ fit and transform
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Rows | None = None, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Take the vectors of a network's embedding, trained first if y is given, or the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_words, n_dimensions), or what the estimator takes, default=None
            Without an estimator, the vectors. With one, what a clone of it is trained on; not needed without y.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            With y, a clone of ``estimator`` is trained (a FrozenEstimator or a torch module never is).
        **fit_params : dict
            Passed to the ``fit`` of the estimator, or routed to it when metadata routing is enabled.

        Returns
        -------
        self : EmbeddingSimilarity
        """
        caller = type(self).__name__
        for name in ("estimator_", "layer_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        if self.estimator is None:
            words, vectors, lowercase = self._of_rows(X, fit_params, caller)
        else:
            words, vectors, lowercase = self._of_layer(X, y, fit_params, caller)
        self._lookup = Words(words, caller, lowercase)
        self.vectors_, self.words_ = vectors, np.fromiter(words, dtype=object, count=len(words))
        self._inverse_lengths = inverse_lengths(vectors)
        return self

    def _of_rows(self, X, fit_params, caller):
        if X is None or fit_params or self.layer is not None:
            got = "no rows" if X is None else f"fit parameters {sorted(fit_params)}" if fit_params else "a 'layer'"
            raise ValueError(
                f"{caller} without an estimator compares rows: {caller}().fit(X). Got {got}. To look into a network, "
                f"give it: {caller}(net).fit()."
            )
        names = X.index.tolist() if is_frame(X) else None
        vectors = validate_data(self, X, reset=True, dtype=FLOATS)
        if self.vocabulary is None:
            return names or list(range(len(vectors))), vectors, False
        words, rows = rows_named(self.vocabulary, len(vectors), caller)
        return words, vectors if rows == list(range(len(vectors))) else vectors[rows], False

    def _of_layer(self, X, y, fit_params, caller):
        self._layout = self._reader = None
        check_estimator(self.estimator, caller)
        if y is not None:
            X = check_rows(self, X, reset=True)
            y = check_target_values(self, X, y)
            for name in ("n_features_in_", "feature_names_in_"):  # those of texts or tables; words are transformed
                self.__dict__.pop(name, None)
        self.estimator_ = self._fitted_estimator(X, y, fit_params)
        self.layer_, vectors, padding = layer_vectors(self.estimator_, self.layer, caller)
        if not np.isfinite(vectors).all():
            raise ValueError(f"{caller}: the embedding {self.layer_!r} holds values that are no finite numbers.")
        encoder = encoder_of(self.estimator_) if self.vocabulary is None else None
        if encoder is not None:
            words, rows = tokens_named(encoder, len(vectors), caller)
        elif self.vocabulary is not None:
            words, rows = rows_named(self.vocabulary, len(vectors), caller)
        else:
            words = rows = [id_ for id_ in range(len(vectors)) if id_ != padding]
        return words, vectors[rows], encoder is not None and encoder.lowercase

    def transform(self, X: Rows) -> Transformed:
        """Return the vectors of words.

        Parameters
        ----------
        X : sequence of words, or array-like of shape (n, n_dimensions)
            A table with one column of words will do. Vectors are returned as they are.

        Returns
        -------
        ndarray of shape (n, n_dimensions)
        """
        check_is_fitted(self)
        if isinstance(X, str | bytes):
            raise ValueError(f"{type(self).__name__}.transform takes several words. Got one: put {X!r} in a list.")
        kind, value = as_query(X, self._lookup)
        return self._resolved(X).vectors if kind == "words" else np.array(self._checked(value))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the dimensions.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Where rows were given to ``fit``, checked against their columns; else ignored.

        Returns
        -------
        ndarray of shape (n_dimensions,), dtype object
            The columns of the rows that were given to ``fit``; else "dimension_0", "dimension_1", ...
        """
        check_is_fitted(self)
        if self.estimator is None:
            return check_feature_names_in(self, input_features)
        return np.array([f"dimension_{j}" for j in range(self.vectors_.shape[1])], dtype=object)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of ``fit`` parameters to the estimator.

        Returns
        -------
        routing : MetadataRouter
        """
        router = MetadataRouter(owner=self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return router if self.estimator is None else router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_lookup")
