"""What is asked of vectors that have names: neighbours, similarities, analogies, and whether a projection is true."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.metrics import pairwise_distances
from sklearn.utils import Bunch, check_array, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_xai._checks import check_choice, check_whole
from sklearn_xai._rng import draw_seed, isolated_rng, own_random_state
from sklearn_xai.base.findings import Findings
from sklearn_xai.network._embedding_tables import as_query
from sklearn_xai.network._neighbour_preservation import neighbour_preservation
from sklearn_xai.tables import is_frame

if TYPE_CHECKING:
    import pandas as pd

FLOATS = [np.float64, np.float32]
_CHUNK_CELLS = 2**22  # similarities that are held at once
_EPSILON = 1e-3  # of Levy and Goldberg, so that 3CosMul never divides by zero

_Query = namedtuple("_Query", ["vectors", "labels", "places", "single"])  # places is None where vectors were given


# ---------------------------------------------------------------------- numerics
def inverse_lengths(vectors):
    """Return one over the Euclidean length of each vector, 0 where that is 0: shape (n_vectors,)."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0).astype(vectors.dtype)


def similarities(queries, vectors, metric="cosine", inverse=None):
    """Return the cosine of each query and each vector, 0 where one is zero, or minus their distance.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_dimensions)
    vectors : ndarray of shape (n_vectors, n_dimensions)
    metric : {"cosine", "euclidean", "manhattan", "chebyshev"}
    inverse : ndarray of shape (n_vectors,), optional
        ``inverse_lengths(vectors)``, so that they are found once.

    Returns
    -------
    ndarray of shape (n_queries, n_vectors), not above 1 for cosines and 0 for distances
    """
    if metric != "cosine":
        return -pairwise_distances(queries, vectors, metric=metric)
    inverse = inverse_lengths(vectors) if inverse is None else inverse
    # The table is not copied to be normalised, as scikit-learn does: it may fill half of the memory.
    found = (queries * inverse_lengths(queries)[:, None]).astype(vectors.dtype, copy=False) @ vectors.T
    found *= inverse
    return np.clip(found, -1, 1, out=found)


def highest(scores, n):
    """Return the places and values of the n highest scores of each row, of equals the first: two (n_rows, n)."""
    places = np.empty((len(scores), n), dtype=int)
    if n:
        least = np.partition(scores, -n, axis=1)[:, [-n]]
        for row, near, found in zip(scores, scores >= least, places, strict=True):
            near = np.flatnonzero(near)
            found[:] = near[np.argsort(-row[near], kind="stable")[:n]]
    return places, np.take_along_axis(scores, places, axis=1)


class VectorQueries:
    """Mixin of what has ``vectors_`` of ``words_``, a ``_lookup`` of these, ``metric`` and ``n_neighbors``."""

    def neighbours(self: Any, words: Any = None, n_neighbors: int | None = None) -> pd.DataFrame:
        """Which words are the nearest to words?

        Parameters
        ----------
        words : word, sequence of words, or vectors of shape (n_dimensions,) or (n_vectors, n_dimensions), default=None
            None takes all words.
        n_neighbors : int, default=None
            How many neighbours each has, or all there are where these are fewer; None takes that of the class.

        Returns
        -------
        DataFrame
            A row for each neighbour, the nearest first: ``word`` (the number of a vector), ``neighbour``, ``rank`` from
            1, ``similarity``. A word is no neighbour of itself.
        """
        import pandas as pd

        check_is_fitted(self)
        query = self._resolved(self.words_ if words is None else words)
        n = min(self._number(n_neighbors, "neighbours"), len(self.words_) - (query.places is not None))
        found, similar = np.empty((len(query.vectors), n), dtype=int), np.empty((len(query.vectors), n))
        for part in gen_batches(len(found), max(1, _CHUNK_CELLS // len(self.words_))):
            scores = self._similarities(query.vectors[part], self.metric)
            if query.places is not None:
                scores[np.arange(len(scores)), query.places[part]] = -np.inf
            found[part], similar[part] = highest(scores, n)
        table = {
            "word": [label for label in query.labels for _ in range(n)],
            "neighbour": self.words_[found.ravel()].tolist(),
            "rank": np.tile(np.arange(1, n + 1), len(found)),
            "similarity": similar.ravel(),
        }
        return pd.DataFrame(table)

    def similarity(self: Any, a: Any, b: Any) -> float | pd.DataFrame:
        """How alike are two words, or each of some to each of others?

        Parameters
        ----------
        a, b : word, sequence of words, or vectors of shape (n_dimensions,) or (n_vectors, n_dimensions)

        Returns
        -------
        float or DataFrame
            A number for two single words or vectors; else a table with a row for each of `a`, a column for each of `b`.
        """
        import pandas as pd

        check_is_fitted(self)
        rows, columns = self._resolved(a), self._resolved(b)
        found = similarities(rows.vectors, columns.vectors, self.metric)
        if rows.single and columns.single:
            return float(found[0, 0])
        return pd.DataFrame(found, index=rows.labels, columns=columns.labels)

    def analogy(
        self: Any, a: Any, b: Any, c: Any, n_neighbors: int | None = None, *, method: Literal["add", "mul"] = "add"
    ) -> pd.DataFrame:
        r"""A is to b as c is to what?

        The words w with the highest

        .. math::
            \cos(w, b) - \cos(w, a) + \cos(w, c) \quad \text{or} \quad
            \frac{\cos'(w, b) \, \cos'(w, c)}{\cos'(w, a) + 0.001}, \quad \cos' = \tfrac{1}{2} (1 + \cos),

        the three given ones left out: 3CosAdd, in which one large term may outweigh the others, and 3CosMul, in which
        it cannot. Cosines are taken whatever `metric` is.

        Parameters
        ----------
        a, b, c : word, or vector of shape (n_dimensions,)
        n_neighbors : int, default=None
            How many answers; None takes that of the class.
        method : {"add", "mul"}, default="add"

        Returns
        -------
        DataFrame
            A row for each answer, the best first: ``word``, ``rank`` from 1, ``score``.
        """
        import pandas as pd

        check_is_fitted(self)
        check_choice(method, ("add", "mul"), "method", f"{type(self).__name__}.analogy")
        given = [self._one(word, name) for word, name in ((a, "a"), (b, "b"), (c, "c"))]
        cosines = np.concatenate([self._similarities(one.vectors, "cosine") for one in given]).astype(np.float64)
        to_a, to_b, to_c = cosines if method == "add" else (cosines + 1) / 2
        scores = to_b - to_a + to_c if method == "add" else to_b * to_c / (to_a + _EPSILON)
        known = list({int(one.places[0]) for one in given if one.places is not None})
        scores[known] = -np.inf
        n = min(self._number(n_neighbors, "analogy"), len(scores) - len(known))
        found, best = highest(scores[None], n)
        return pd.DataFrame({"word": self.words_[found[0]].tolist(), "rank": np.arange(1, n + 1), "score": best[0]})

    def preserves_neighbours(
        self: Any, projection: Any, *, n_neighbors: int | None = None, words: Sequence[Any] | None = None
    ) -> Bunch:
        """Does a projection keep the neighbours that the embedding has?

        Parameters
        ----------
        projection : array-like or DataFrame of shape (n_words, n_components), or transformer
            Coordinates of the words, in their order, or of a DataFrame with words for its index in any. Of a
            transformer, such as PCA or TSNE, a clone is fitted on the vectors as they are.
        n_neighbors : int, default=None
            How many nearest words are looked at, less than half of the words; None takes that of the class.
        words : sequence of words, default=None
            The words that are projected, which alone are neighbours then; None takes all. The time grows with the
            square of their number.

        Returns
        -------
        Bunch
            ``kept``, the share of the nearest words that are among the nearest in the projection too; ``chance``, the
            share that a random projection keeps; ``trustworthiness`` and ``continuity`` (1 where none came near that
            was not, and none that was got lost); ``words``, a DataFrame of the three for each ``word``, the worst
            first; ``coordinates``, an ndarray of shape (n_words, n_components).

        References
        ----------
        Venna, J. and Kaski, S. (2006). Local multidimensional scaling.
        """
        import pandas as pd

        check_is_fitted(self)
        query = self._resolved(self.words_ if words is None else words)
        if query.places is None:
            raise ValueError(f"{type(self).__name__}.preserves_neighbours takes words. Got vectors as 'words'.")
        k = self._number(n_neighbors, "preserves_neighbours")
        coordinates = _coordinates(projection, query, f"{type(self).__name__}.preserves_neighbours")
        found = neighbour_preservation(query.vectors, coordinates, k, self.metric)
        measures = {name: getattr(found, name) for name in ("kept", "trustworthiness", "continuity")}
        table = pd.DataFrame({"word": query.labels, **measures})
        return Findings(
            **{name: float(values.mean()) for name, values in measures.items()},
            chance=k / (len(coordinates) - 1),
            words=table.sort_values(list(measures), kind="stable", ignore_index=True),
            coordinates=coordinates,
        )

    # ------------------------------------------------------------------ words and vectors
    def _resolved(self, given):
        """Return words or vectors as a ``_Query``."""
        kind, value = as_query(given, self._lookup)
        if kind in ("word", "words"):
            labels = [value] if kind == "word" else value
            places = np.array([self._lookup.place(word) for word in labels], dtype=int)
            return _Query(self.vectors_[places], labels, places, kind == "word")
        vectors = self._checked(value[None] if kind == "vector" else value, named=is_frame(value))
        labels = value.index.tolist() if is_frame(value) else list(range(len(vectors)))
        return _Query(vectors, labels, None, kind == "vector")

    def _checked(self, vectors, named=True):
        """Return vectors that were given, if they have as many dimensions as the words, and the same names of these."""
        if self.estimator is None and named:
            return validate_data(self, vectors, reset=False, dtype=FLOATS)
        vectors, d = check_array(vectors, dtype=FLOATS, estimator=self), self.vectors_.shape[1]
        if vectors.shape[1] != d:
            raise ValueError(
                f"{type(self).__name__}: vectors must have the {d} dimensions of the embedding. Got shape "
                f"{vectors.shape}."
            )
        return vectors

    def _one(self, given, name):
        query = self._resolved(given)
        if not query.single:
            raise ValueError(
                f"The {name!r} parameter of {type(self).__name__}.analogy must be one word or one vector. Got "
                f"{given!r}."
            )
        return query

    def _number(self, n, method):
        """Return a number of neighbours that was given, or that of the class."""
        if n is None:
            return self.n_neighbors
        return check_whole(n, "n_neighbors", f"{type(self).__name__}.{method}")

    def _similarities(self, vectors, metric):
        return similarities(vectors, self.vectors_, metric, self._inverse_lengths)


def _coordinates(projection, query, caller):
    """Return where a projection puts words, shape (n_words, n_components)."""
    n = len(query.vectors)
    if hasattr(projection, "fit_transform"):
        with isolated_rng(draw_seed(own_random_state(None))):  # without a random_state it draws from the global one
            found = clone(projection).fit_transform(query.vectors)
    else:
        found = projection
        if is_frame(found) and _names_rows(found.index, query.labels):
            found = found.loc[query.labels]
    found = check_array(found, dtype=FLOATS, input_name="projection")
    if len(found) != n:
        raise ValueError(
            f"The 'projection' parameter of {caller} must have a row of coordinates for each of the {n} words. Got "
            f"shape {found.shape}."
        )
    return found


def _names_rows(index, words):
    """Whether the index of coordinates is of words; the numbers of rows that no one named are not."""
    import pandas as pd

    return not isinstance(index, pd.RangeIndex) and index.is_unique and set(words) <= set(index)
