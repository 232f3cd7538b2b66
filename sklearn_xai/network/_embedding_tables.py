"""Vectors with names: the embedding layer of a network, what its rows stand for, and words looked up by them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np
import torch
from scipy.sparse import issparse
from torch import nn

from sklearn_xai._checks import is_whole
from sklearn_xai.models import is_module, is_network, split_pipeline, unwrap
from sklearn_xai.tables import is_frame
from sklearn_xai.tokens import TokenEncoder

_COMPILED = "_orig_mod."  # torch.compile puts it before the names of the layers of what it compiles
_SPELLINGS = 20_000  # words among which a similar spelling is looked for


# ---------------------------------------------------------------------- the vectors of a layer
def layer_vectors(estimator, layer, caller):
    """Return (name, vectors, id of padding or None) of an embedding layer of a fitted network.

    Parameters
    ----------
    estimator : skorch net, torch.nn.Module or Pipeline that ends in one
    layer : str or None
        None is the only one there is.
    caller : str
        Class name for messages.
    """
    name, found = _find_layer(_module_of(estimator, caller), layer, caller)
    with torch.no_grad():
        vectors = found.weight.detach().cpu()
        vectors = vectors.to(vectors.dtype if vectors.dtype == torch.float64 else torch.float32, copy=True)
        if found.max_norm is not None:  # of vectors that are longer, looking them up makes ones of this length
            nn.functional.embedding(torch.arange(len(vectors)), vectors, None, found.max_norm, found.norm_type)
    return name, vectors.numpy(), found.padding_idx


def _module_of(estimator, caller):
    final = split_pipeline(estimator)[1]
    if not is_network(final):
        raise TypeError(
            f"The 'estimator' parameter of {caller} must be a skorch net, a torch.nn.Module, or a Pipeline that ends in"
            f" one. Got {type(final).__name__}, which has no embedding. Leave it None to compare rows: {caller}.fit(X)."
        )
    return unwrap(final) if is_module(final) else unwrap(final).module_


def _find_layer(module, layer, caller):
    """Return the name and the module of an embedding layer."""
    kinds = (nn.Embedding, nn.EmbeddingBag)
    parts = {name: part for name, part in module.named_modules() if isinstance(part, kinds)}
    known = {name.replace(_COMPILED, ""): part for name, part in parts.items()}
    sizes = ", ".join(f"{name!r} ({part.num_embeddings} x {part.embedding_dim})" for name, part in known.items())
    kind = type(getattr(module, "_orig_mod", module)).__name__
    if not known:
        raise ValueError(
            f"{caller} needs a network with an Embedding or EmbeddingBag layer. {kind} has none: leave 'estimator' None"
            f" and give the rows to be compared to fit, such as activations."
        )
    if layer is None and len(known) == 1:
        return next(iter(known.items()))
    if layer is None or layer not in known:
        raise ValueError(
            f"The 'layer' parameter of {caller} must name one of the embeddings of {kind}: {sizes}. Got {layer!r}."
        )
    return layer, known[layer]


# ---------------------------------------------------------------------- what the rows stand for
def encoder_of(estimator):
    """Return the last TokenEncoder in front of a network, or None."""
    steps = [step for _, step in split_pipeline(estimator)[0]]
    return next((step for step in reversed(steps) if isinstance(unwrap(step), TokenEncoder)), None)


def tokens_named(encoder, n, caller):
    """Return words and their rows, among n, by a fitted TokenEncoder; padding is no word."""
    encoder = unwrap(encoder)
    if encoder.n_tokens_ > n:
        raise ValueError(
            f"{caller}: the TokenEncoder has {encoder.n_tokens_} ids, but the embedding {n} vectors. Name the "
            "embedding of its tokens by 'layer', or give 'vocabulary'."
        )
    ids = [encoder.unknown_id_, *encoder.vocabulary_.values()]
    return encoder.inverse_transform(ids).tolist(), ids


def rows_named(vocabulary, n, caller):
    """Return words and their rows, among n, by the ``vocabulary`` parameter: a sequence of all, or a dict of some."""
    if isinstance(vocabulary, Mapping):
        words, rows = list(vocabulary), list(vocabulary.values())
        bad = [row for row in rows if not is_whole(row) or row >= n]
        if bad or not words:
            got = f"{bad[0]!r} for {words[rows.index(bad[0])]!r}" if bad else "an empty one"
            raise ValueError(
                f"The 'vocabulary' parameter of {caller}, where a dict, must give each word its row, a whole number "
                f"from 0 to {n - 1}. Got {got}."
            )
        return words, [int(row) for row in rows]
    words = np.asarray(vocabulary).tolist() if hasattr(vocabulary, "dtype") else list(vocabulary)
    if len(words) != n:
        raise ValueError(
            f"The 'vocabulary' parameter of {caller} must hold one word for each of the {n} vectors, or be a dict of "
            f"words and rows. Got {len(words)} words."
        )
    return words, list(range(n))


# ---------------------------------------------------------------------- looking words up
class Words:
    """The places of words in a table.

    Parameters
    ----------
    words : list of hashable
    caller : str
        Class name for messages.
    lowercase : bool
        Whether words are known in lower case only, so that "Good" is "good".
    """

    def __init__(self, words, caller, lowercase=False):
        self.caller, self.lowercase = caller, lowercase
        self._places = {}
        for place, word in enumerate(words):
            if self._places.setdefault(self._checked(word), place) != place:
                raise ValueError(
                    f"{caller}: each vector needs a word of its own, but {word!r} is the word of rows "
                    f"{self._places[word]} and {place}. Give other names by 'vocabulary'."
                )

    def __len__(self):
        return len(self._places)

    def __contains__(self, word):
        try:  # 1.0 is found where 1 is, but is no name of it: lists of real numbers are vectors
            return not isinstance(word, float) and word in self._places
        except TypeError:
            return False

    def place(self, word):
        """Return the place of a word.

        Raises
        ------
        ValueError
            For a word that is not there: the message names words of a similar spelling.
        """
        known = self._places.get(self._checked(word))
        if known is None and self.lowercase and isinstance(word, str):
            known = self._places.get(word.lower())
        if known is None:
            raise ValueError(
                f"{self.caller} does not know the word {word!r}, of {len(self)} that it has.{self._similar(word)}"
            )
        return known

    def _checked(self, word):
        try:
            hash(word)
        except TypeError:
            raise ValueError(
                f"{self.caller}: a word must be a string, a whole number or another name. Got {word!r} "
                f"({type(word).__name__})."
            ) from None
        return word

    def _similar(self, word):
        """Return a sentence about words that are spelled nearly like one."""
        if not isinstance(word, str):
            first = list(self._places)[:5]
            return f" The first are {first}."
        # The nearest spellings are found by comparison with each: not with all of a large table.
        near = [w for w in self._places if isinstance(w, str) and abs(len(w) - len(word)) <= 2]
        same = [w for w in near if w.lower() == word.lower()]
        found = dict.fromkeys(same + difflib.get_close_matches(word, near[:_SPELLINGS], n=5, cutoff=0.6))
        return f" Did you mean {', '.join(repr(w) for w in list(found)[:5])}?" if found else ""


def as_query(given, words):
    """Return what was given to be looked up, and what it is.

    Parameters
    ----------
    given : word, sequence of words, vector or vectors
    words : Words

    Returns
    -------
    kind : {"word", "words", "vector", "vectors"}
    value : the word, a list of words, a 1-d array, or what should be a table of numbers
    """
    if given in words or isinstance(given, str | bytes) or not hasattr(given, "__len__"):
        return "word", given
    if isinstance(given, list | tuple) and given and given[0] in words:
        return "words", list(given)
    given = given.detach().cpu().numpy() if hasattr(given, "detach") else given
    if issparse(given):
        return "vectors", given
    array = np.asarray(given)
    if array.ndim == 0:
        return "word", array.item()
    if array.ndim == 1 and array.dtype.kind == "f":
        return "vector", array
    if array.ndim == 1:
        return "words", array.tolist()
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind not in "fiubc":
        return "words", array[:, 0].tolist()
    return "vectors", given if is_frame(given) else array
