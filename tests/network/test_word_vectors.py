"""Tables of word vectors in files: what is written comes back, and what is broken is named by its line."""

from __future__ import annotations

import bz2
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from sklearn_xai import EmbeddingSimilarity, read_word_vectors

# As they stand in published tables: punctuation, words with spaces, digits, what counts as the end of a line elsewhere.
WORDS = [
    "the",
    ",",
    ". . .",
    "at name@domain.com",
    "2000",
    "1.5",
    "naïve",
    "東京",
    "a\u2028b",
    "\x85",
    "\u00a0",
    "x\x0cy",
]
VECTORS = np.random.RandomState(0).normal(size=(len(WORDS), 5)).astype(np.float32)


def text_of(words, vectors, header=False, end="\n"):
    lines = [f"{len(words)} {vectors.shape[1]}"] if header else []
    lines += [f"{word} {' '.join(map(repr, map(float, v)))}" for word, v in zip(words, vectors, strict=True)]
    return "".join(line + end for line in lines).encode()


def written(tmp_path, content, name="vectors.txt"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("header", [False, True], ids=["glove", "word2vec"])
@pytest.mark.parametrize(
    "end", ["\n", " \n", "\r\n"], ids=["plain", "space", "windows"]
)  # word2vec's lines end in a space
def test_what_is_written_comes_back(tmp_path, header, end):
    found = read_word_vectors(written(tmp_path, text_of(WORDS, VECTORS, header, end)))
    assert found.words == WORDS
    assert found.vectors.dtype == np.float32
    assert_array_equal(found.vectors, VECTORS)


def test_packed_by_gzip_whatever_its_name(tmp_path):
    path = written(tmp_path, gzip.compress(text_of(WORDS, VECTORS)), "vectors.txt")
    found = read_word_vectors(str(path))
    assert found.words == WORDS
    assert_array_equal(found.vectors, VECTORS)


def test_last_line_without_an_end_and_blank_lines(tmp_path):
    content = text_of(WORDS, VECTORS).rstrip(b"\n").replace(b"\n,", b"\n\n,")
    assert read_word_vectors(written(tmp_path, content)).words == WORDS


WORD = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(lambda w: w.strip(" \t\r\n") == w)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(WORD.filter(lambda w: not any(c.isdigit() for c in w)), min_size=2, max_size=6, unique=True),
    st.integers(1, 4),
    st.booleans(),
    st.data(),
)
def test_any_words_and_any_numbers(tmp_path_factory, words, d, header, data):
    vectors = data.draw(arrays(np.float32, (len(words), d), elements=NUMBERS))
    first = words[0]  # nothing but the first line says how many numbers there are, where there is no header
    words[0] = first if header else first.replace(" ", "_")
    if len(set(words)) < len(words):
        words[0] = "first"
    path = written(tmp_path_factory.mktemp("any"), text_of(words, vectors, header))
    found = read_word_vectors(path)
    assert found.words == words
    assert_array_equal(found.vectors, vectors)


@pytest.mark.parametrize("header", [False, True])
def test_limit(tmp_path, header):
    path = written(tmp_path, text_of(WORDS, VECTORS, header) + b"broken")
    found = read_word_vectors(path, limit=3)
    assert found.words == WORDS[:3]
    assert_array_equal(found.vectors, VECTORS[:3])


@pytest.mark.parametrize("header", [False, True])
def test_some_words(tmp_path, header):
    path = written(tmp_path, text_of(WORDS, VECTORS, header))
    found = read_word_vectors(path, words=["東京", "not there", ". . ."])
    assert found.words == [". . .", "東京"]
    assert_array_equal(found.vectors, VECTORS[[2, 7]])
    assert read_word_vectors(path, words=iter(["東京", "the"]), limit=3).words == ["the"]


def test_reading_ends_with_the_last_of_the_words(tmp_path):
    path = written(tmp_path, text_of(WORDS, VECTORS) + b"broken\n")
    assert read_word_vectors(path, words=["the", "x\x0cy"]).words == ["the", "x\x0cy"]


def test_first_of_words_that_come_twice(tmp_path):
    path = written(tmp_path, text_of([*WORDS, "the"], np.concatenate([VECTORS, VECTORS[3:4]])))
    with pytest.warns(UserWarning, match="1 words come more than once in .* such as 'the'. The first vector"):
        found = read_word_vectors(path)
    assert found.words == WORDS
    assert_array_equal(found.vectors, VECTORS)


def test_to_be_looked_up(tmp_path):
    path = written(tmp_path, text_of(WORDS, VECTORS))
    similarity = EmbeddingSimilarity.from_vectors(*read_word_vectors(path))
    assert_array_equal(similarity.transform(["東京", "the"]), VECTORS[[7, 0]])
    assert similarity.vectors_.dtype == np.float32


# ---------------------------------------------------------------------- what is broken
@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("short 0.1 0.2", r"'short 0.1 0.2' \(3 fields\)"),
        ("word 0.1 0.2 abc 0.4 0.5", "abc"),
        ("word 0.1 0.2  0.4 0.5", "'word 0.1 0.2  0.4 0.5'"),
        ("word 0.1 0.2 0.3 0.4 0.5 0.6", r"\(7 fields\)"),
        ("word\t0.1\t0.2\t0.3\t0.4\t0.5", r"\(1 fields\)"),
        (" 0.1 0.2 0.3 0.4 0.5", r"' 0.1 0.2"),
        ("word 0.1 nan 0.3 0.4 0.5", "finite numbers"),
        ("word 0.1 1e60 0.3 0.4 0.5", "finite numbers"),
    ],
)
@pytest.mark.parametrize("header", [False, True])
def test_a_broken_line_is_named(tmp_path, line, got, header):
    lines = text_of(WORDS, VECTORS, header).split(b"\n")
    lines[4 + header] = line.encode()
    path = written(tmp_path, b"\n".join(lines))
    with pytest.raises(ValueError, match=f"line {5 + header} of .*vectors.txt' should hold a word and 5 .*{got}"):
        read_word_vectors(path)


def test_first_line_without_numbers(tmp_path):
    with pytest.raises(ValueError, match="line 1 of .* should hold a word and numbers, with spaces .* Got 'a text'"):
        read_word_vectors(written(tmp_path, b"a text\nof words\n"))


def test_words_that_are_no_utf8(tmp_path):
    path = written(tmp_path, b"the 0.1 0.2\nna\xefve 0.3 0.4\n")
    with pytest.raises(ValueError, match="line 2 of .* should hold a word in UTF-8 .errors='replace' reads any."):
        read_word_vectors(path)
    assert read_word_vectors(path, errors="replace").words == ["the", "na\ufffdve"]
    assert read_word_vectors(path, errors="ignore").words == ["the", "nave"]


def test_files_of_another_kind(tmp_path):
    binary = b"2 3\nthe " + np.zeros(3, dtype=np.float32).tobytes() + b"\nof " + b"\x01" * 12
    with pytest.raises(ValueError, match="line 2 of .* word2vec's binary format"):
        read_word_vectors(written(tmp_path, binary))
    with pytest.raises(ValueError, match="is a zip archive, .* Unpack it"):
        read_word_vectors(written(tmp_path, b"PK\x03\x04 and so on"))
    with pytest.raises(ValueError, match="is a bz2 file, .* Unpack it"):
        read_word_vectors(written(tmp_path, bz2.compress(text_of(WORDS, VECTORS))))
    with pytest.raises(ValueError, match="holds no word"):
        read_word_vectors(written(tmp_path, b""))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_word_vectors(tmp_path / "nowhere.txt")


def test_files_cut_off(tmp_path):
    packed = gzip.compress(text_of(WORDS, VECTORS))
    with pytest.raises(ValueError, match="cannot be unpacked to its end"):
        read_word_vectors(written(tmp_path, packed[:-40]))
    cut = text_of(WORDS, VECTORS, header=True).split(b"\n")[:-3]
    with pytest.raises(
        ValueError, match="says in its first line that it holds 12 words, but it holds 10. Was it copied"
    ):
        read_word_vectors(written(tmp_path, b"\n".join(cut)))


def test_wrong_parameters(tmp_path):
    path = written(tmp_path, text_of(WORDS, VECTORS))
    for limit in (0, 2.5, True):
        with pytest.raises(ValueError, match="'limit' parameter of read_word_vectors must be a whole number from 1"):
            read_word_vectors(path, limit=limit)
    with pytest.raises(ValueError, match="must be several words. Got one str: put it in a list"):
        read_word_vectors(path, words="the")
    with pytest.raises(ValueError, match="'strict', 'replace', 'ignore'. Got 'wrong'"):
        read_word_vectors(path, errors="wrong")
    with pytest.raises(ValueError, match="holds none of the 2 words that were asked for"):
        read_word_vectors(path, words=["nowhere", "no one"])
