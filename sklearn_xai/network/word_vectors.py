"""Reads tables of word vectors that others have trained: the text formats of GloVe and word2vec."""

from __future__ import annotations

import gzip
import os
import re
import warnings
import zlib
from collections import namedtuple
from collections.abc import Iterable
from contextlib import contextmanager
from os import PathLike
from typing import Literal

import numpy as np

from sklearn_xai._checks import check_choice, check_whole

_GZIP = b"\x1f\x8b"
_OTHER = [(0, b"PK\x03\x04", "a zip archive"), (4, b"1AY&SY", "a bz2 file"), (0, b"\xfd7zXZ", "an xz file")]
_MORE_NUMBERS = re.compile(rb" -?\d*\.\d+(e[-+]?\d+)?$")  # what the word ends in where a line holds too many

WordVectors = namedtuple("WordVectors", ["words", "vectors"])
WordVectors.__doc__ = """Words and their vectors, in the order of the file.

words : list of str
vectors : ndarray of shape (n_words, n_dimensions), float32
"""


def read_word_vectors(
    path: str | PathLike[str],
    *,
    limit: int | None = None,
    words: Iterable[str] | None = None,
    errors: Literal["strict", "replace", "ignore"] = "strict",
) -> WordVectors:
    r"""Which vectors does a file of word vectors hold?

    Reads the text format of GloVe, a line :math:`w\; v_1 \ldots v_d` for each word, and that of word2vec and fastText,
    which has the number of words and of dimensions in a line before. Nothing is downloaded.

    Parameters
    ----------
    path : str or path-like
        The file, UTF-8, packed by gzip or not.
    limit : int, default=None
        At most this many words are read from the beginning of the file, where the frequent ones are.
    words : iterable of str, default=None
        Only the vectors of these words are kept; those that the file does not have are left out. Reading ends when all
        are found.
    errors : {"strict", "replace", "ignore"}, default="strict"
        What becomes of words that are no UTF-8, as of ``bytes.decode``.

    Returns
    -------
    WordVectors
        ``words``, a list of str, and ``vectors``, an ndarray of shape (n_words, n_dimensions), float32.

    Raises
    ------
    ValueError
        When a line is no word with numbers after it, as many as in the first: the message names the line. When the
        file ends early, or holds none of the words.

    Warns
    -----
    UserWarning
        When words come twice: the first vector is kept, that of the more frequent spelling.

    See Also
    --------
    EmbeddingSimilarity.from_vectors : Neighbours and analogies of the words.

    Notes
    -----
    Words may hold spaces (". . .", as in GloVe's table of 840 billion tokens): the numbers are split off from the
    right. In memory are the vectors that are kept, and one line.

    References
    ----------
    Mikolov, T., Chen, K., Corrado, G. and Dean, J. (2013). Efficient Estimation of Word Representations in Vector
    Space.

    Pennington, J., Socher, R. and Manning, C. (2014). GloVe: Global Vectors for Word Representation.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_xai import read_word_vectors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "vectors.txt")
    ...     _ = path.write_text("good 1.0 0.5\nnot bad 0.8 0.6\n")
    ...     found = read_word_vectors(path)
    >>> found.words
    ['good', 'not bad']
    >>> found.vectors.shape
    (2, 2)
    """
    _check_parameters(limit, words, errors)
    wanted = None if words is None else set(words)
    reader = _Reader(os.fspath(path), errors)
    with _opened(reader.path) as file, np.errstate(over="ignore"):  # what is too large for float32 is a broken line
        reader.read(file, limit, wanted)
    if not reader.words:
        what = "no word" if wanted is None else f"none of the {len(wanted)} words that were asked for"
        raise ValueError(f"read_word_vectors: {reader.path!r} holds {what}.")
    if reader.twice:
        warnings.warn(
            f"read_word_vectors: {len(reader.twice)} words come more than once in {reader.path!r}, such as "
            f"{reader.twice[0]!r}. The first vector of each is kept.",
            UserWarning,
            stacklevel=2,
        )
    return WordVectors(list(reader.words), reader.vectors())


class _Reader:
    """Words and numbers of a file, line by line.

    Attributes
    ----------
    words : dict of str to None, in the order of the file
    twice : list of str, words that came again
    """

    def __init__(self, path, errors):
        self.path, self.errors = path, errors
        self.words: dict[str, None] = {}
        self.twice: list[str] = []
        self._numbers = bytearray()  # grows in place: an array of a known size would need the number of words first
        self._n_dimensions = self._promised = None

    def read(self, file, limit, wanted):
        """Read until the end of the file, ``limit`` lines, or until all ``wanted`` words are there."""
        count = 0
        # Lines end at b"\n" and nowhere else: some words hold what counts as the end of a line in Unicode.
        for number, line in enumerate(file, start=1):
            line = line.rstrip(b" \t\r\n")
            if not line or (number == 1 and self._is_header(line)):
                continue
            if count == limit:
                return
            count += 1
            self._take(line, number, wanted)
            if wanted is not None and len(self.words) == len(wanted):
                return
        if self._promised is not None and count != self._promised:
            raise ValueError(
                f"read_word_vectors: {self.path!r} says in its first line that it holds {self._promised} words, but it "
                f"holds {count}. Was it copied or unpacked to its end?"
            )

    def vectors(self):
        """Return the vectors of all words."""
        return np.frombuffer(self._numbers, dtype=np.float32).reshape(len(self.words), self._n_dimensions)

    def _is_header(self, line):
        fields = line.split()
        if len(fields) != 2 or not all(field.isdigit() for field in fields):
            return False
        self._promised, self._n_dimensions = map(int, fields)
        return True

    def _take(self, line, number, wanted):
        if self._n_dimensions is None:
            self._n_dimensions = _n_numbers(line)
        d = self._n_dimensions
        word, *fields = line.rsplit(b" ", d) if d else [line]
        if not word or not d or len(fields) != d or _MORE_NUMBERS.search(word):
            raise self._broken(line, number, f"a word and {d} numbers" if d else "a word and numbers")
        word = self._decoded(word, line, number)
        if wanted is not None and word not in wanted:
            return
        try:
            vector = np.array(fields, dtype=np.float32)
        except ValueError as error:
            raise self._broken(line, number, f"a word and {d} numbers") from error
        if not np.isfinite(vector).all():
            raise self._broken(line, number, f"a word and {d} finite numbers")
        if word in self.words:
            self.twice.append(word)
            return
        self.words[word] = None
        self._numbers += vector.tobytes()

    def _decoded(self, word, line, number):
        try:
            return word.decode("utf-8", self.errors)
        except UnicodeDecodeError as error:
            raise self._broken(line, number, "a word in UTF-8 (errors='replace' reads any)") from error

    def _broken(self, line, number, expected):
        shown = line if len(line) <= 60 else line[:57] + b"..."
        hint = ", which looks like word2vec's binary format: store the vectors as text" if b"\x00" in line else ""
        return ValueError(
            f"read_word_vectors: line {number} of {self.path!r} should hold {expected}, with spaces between them. Got "
            f"{shown.decode('utf-8', 'backslashreplace')!r} ({len(line.split(b' '))} fields){hint}."
        )


def _n_numbers(line):
    """Return how many of the last fields are numbers, the first of all being a word, whatever it is."""
    count = 0
    for field in reversed(line.split(b" ")[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


@contextmanager
def _opened(path):
    """Open a file, packed by gzip or not, for reading bytes."""
    with open(path, "rb") as plain:
        start = plain.read(16)
        for at, magic, kind in _OTHER:
            if start.startswith(magic, at):
                raise ValueError(
                    f"read_word_vectors: {path!r} is {kind}, and not a text file or one packed by gzip. Unpack it."
                )
        plain.seek(0)
        if not start.startswith(_GZIP):
            yield plain
            return
        try:
            with gzip.open(plain) as unpacked:
                yield unpacked
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"read_word_vectors: {path!r} cannot be unpacked to its end ({error}).") from error


def _check_parameters(limit, words, errors):
    if limit is not None:
        check_whole(limit, "limit", "read_word_vectors", none="None")
    if isinstance(words, str | bytes):
        raise ValueError(
            f"The 'words' parameter of read_word_vectors must be several words. Got one {type(words).__name__}: put it "
            "in a list."
        )
    check_choice(errors, ("strict", "replace", "ignore"), "errors", "read_word_vectors")
