"""Texts as token ids: what each id stands for, whatever texts come; and networks that learn from them."""

from __future__ import annotations

import io
import pickle
import time

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils import estimator_checks as checks
from sklearn.utils import get_tags

from sklearn_xai import TokenEncoder
from tests.sentiment import TextCNN, TextGRU, review_rows, sentiment_pipeline, trained

TEXTS = ["The film is good, the cast isn't.", "A good film", "Is it? It is!", ""]


# ---------------------------------------------------------------------- ids
def test_ids_by_falling_frequency_then_alphabetical():
    encoder = TokenEncoder().fit(TEXTS)
    assert encoder.vocabulary_ == {
        **{"is": 2, "film": 3, "good": 4, "it": 5, "the": 6},
        **{"a": 7, "cast": 8, "isn't": 9},
    }
    assert list(encoder.vocabulary_.values()) == [*range(2, 10)]
    assert (encoder.n_tokens_, encoder.max_length_, encoder.padding_id_, encoder.unknown_id_) == (10, 7, 0, 1)
    ids = encoder.transform([*TEXTS, "A bad film"])
    assert ids.dtype == np.int64
    np.testing.assert_array_equal(
        ids,
        [
            [6, 3, 2, 4, 6, 8, 9],
            [7, 4, 3, 0, 0, 0, 0],
            [2, 5, 5, 2, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0],
            [7, 1, 3, 0, 0, 0, 0],
        ],
    )


def test_longer_texts_are_cut_and_shorter_ones_padded():
    encoder = TokenEncoder(max_length=2).fit(["a b c d"])
    np.testing.assert_array_equal(encoder.transform(["a b c", "d", "x d a"]), [[2, 3], [5, 0], [1, 5]])
    assert TokenEncoder(max_length=6).fit(["a"]).transform(["a"]).shape == (1, 6)
    unbounded = TokenEncoder().fit(["a", "a b"])
    assert unbounded.transform(["a b c d"]).tolist() == [[2, 3]]


@pytest.mark.parametrize("max_tokens", [3, 5, 10, 99])
def test_max_tokens_counts_padding_and_unknown(max_tokens):
    encoder = TokenEncoder(max_tokens=max_tokens).fit(TEXTS)
    assert encoder.n_tokens_ == min(max_tokens, 10)
    assert list(encoder.vocabulary_) == list(TokenEncoder().fit(TEXTS).vocabulary_)[: max_tokens - 2]
    ids = torch.as_tensor(encoder.transform([*TEXTS, "words never seen"]))
    assert torch.nn.Embedding(max_tokens, 3)(ids).shape == (5, encoder.max_length_, 3)


@pytest.mark.parametrize(("min_df", "kept"), [(1, 8), (2, 3), (0.5, 3), (0.0, 8), (0.51, 0), (3, 0)])
def test_min_df_counts_texts_not_words(min_df, kept):
    if not kept:
        with pytest.raises(ValueError, match=f"found no word to keep in 4 texts, with min_df={min_df}"):
            TokenEncoder(min_df=min_df).fit(TEXTS)
    else:
        assert len(TokenEncoder(min_df=min_df).fit(TEXTS).vocabulary_) == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't, I can\u2019t!", ["Don't", "I", "can\u2019t"]),
        ("''Conan'' 'quoted' rock'n'roll", ["Conan", "quoted", "rock'n'roll"]),
        ("well-made 3 D, a B movie", ["well", "made", "3", "D", "a", "B", "movie"]),
        ("clichés über_alles 1.5", ["clichés", "über_alles", "1", "5"]),
        (" ... !\n", []),
    ],
)
def test_what_a_word_is(text, words):
    encoder = TokenEncoder(max_length=8).fit(["x"])
    assert encoder.tokenize([text])[0].tolist() == words + [""] * (8 - len(words))


def test_case():
    assert list(TokenEncoder().fit(["Film film"]).vocabulary_) == ["film"]
    cased = TokenEncoder(lowercase=False).fit(["Film film film"])
    assert cased.vocabulary_ == {"film": 2, "Film": 3}
    assert cased.transform(["FILM Film"]).tolist() == [[1, 3, 0]]


def test_pattern_and_tokenizer():
    assert list(TokenEncoder(token_pattern=r"(\w)\w*").fit(["red green"]).vocabulary_) == ["g", "r"]
    assert list(TokenEncoder(token_pattern=r"[a-z]*").fit(["ab  Cd"]).vocabulary_) == ["ab", "d"]
    encoder = TokenEncoder(tokenizer=str.split, token_pattern="(").fit(["Well-made, but", "but long"])
    assert encoder.vocabulary_ == {"but": 2, "long": 3, "well-made,": 4}
    assert encoder.tokenize(["Well-made, AND long"]).tolist() == [["Well-made,", "AND"]]


# ---------------------------------------------------------------------- words
def test_words_are_those_of_the_ids_or_of_the_text():
    encoder = TokenEncoder(max_tokens=5).fit(TEXTS)
    ids, texts = encoder.transform(["The GOOD cast", ""]), encoder.tokenize(["The GOOD cast", ""])
    words = encoder.inverse_transform(ids)
    assert words.dtype == texts.dtype == object
    assert words.tolist()[0][:4] == ["<unknown>", "good", "<unknown>", ""]
    assert texts.tolist()[0][:4] == ["The", "GOOD", "cast", ""]
    assert words.tolist()[1] == texts.tolist()[1] == [""] * 7
    np.testing.assert_array_equal(encoder.inverse_transform(ids[0]), words[0])
    assert encoder.inverse_transform(np.empty((0, 7), dtype=int)).shape == (0, 7)
    np.testing.assert_array_equal(encoder.inverse_transform(torch.as_tensor(ids)), words)


@pytest.mark.parametrize(
    ("ids", "came"),
    [
        ([[2, 10]], "values from 2 to 10"),
        ([[-1, 2]], "values from -1 to 2"),
        ([[2.0]], "dtype float64"),
        ([["film"]], "dtype <U4"),
    ],
)
def test_no_words_for_what_are_no_ids(ids, came):
    encoder = TokenEncoder().fit(TEXTS)
    with pytest.raises(ValueError, match=f"inverse_transform takes integers from 0 to 9, .*Got {came}"):
        encoder.inverse_transform(ids)


WORDS = st.one_of(
    st.sampled_from(["good", "Good", "bad", "I", "don't", "STRASSE", "straße", "İstanbul", "ǅ", "e\u0301", "1"]),
    st.text(max_size=5),
)
TEXT_LISTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(TEXT_LISTS, TEXT_LISTS, st.sampled_from([None, 1, 3]), st.sampled_from([None, 4, 6]), st.booleans())
def test_ids_and_words_of_a_text_agree_in_any_company(seen, new, max_length, max_tokens, lowercase):
    encoder = TokenEncoder(max_length=max_length, max_tokens=max_tokens, lowercase=lowercase).fit([*seen, "word"])
    ids, written = encoder.transform(new), encoder.tokenize(new)
    known = encoder.inverse_transform(ids)
    assert ids.shape == written.shape == known.shape == (len(new), encoder.max_length_)
    assert ids.min() >= 0 and ids.max() < encoder.n_tokens_
    np.testing.assert_array_equal(ids == 0, written == "")
    for id_, word, text in zip(ids.ravel(), known.ravel(), written.ravel(), strict=True):
        key = text.lower() if lowercase else text
        assert (key not in encoder.vocabulary_) if id_ == 1 else word == key
    for i, text in enumerate(new):
        np.testing.assert_array_equal(encoder.transform([text]), ids[[i]])
        words = encoder.tokenize([text])[0]
        assert [*words] == [*written[i]]
    reordered = TokenEncoder(max_length=max_length, max_tokens=max_tokens, lowercase=lowercase).fit(
        ["word", *seen[::-1]]
    )
    assert reordered.vocabulary_ == encoder.vocabulary_


# ---------------------------------------------------------------------- what texts come in
@pytest.mark.parametrize(
    "wrap",
    [
        list,
        tuple,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        lambda texts: np.array(texts, dtype=object)[:, None],
        lambda texts: np.array(texts, dtype=np.dtypes.StringDType()),
        lambda texts: pd.Series(texts, index=[7, 5, 3, 1]),
        lambda texts: pd.Series(texts, dtype=object),
        lambda texts: pd.Series(texts, dtype="string"),
        lambda texts: pd.Series(texts, dtype="category"),
        lambda texts: pd.Index(texts),
        lambda texts: pd.DataFrame({"review": texts}),
        lambda texts: [np.str_(text) for text in texts],
    ],
)
def test_texts_in_any_container(wrap):
    expected = TokenEncoder().fit(TEXTS)
    encoder = TokenEncoder().fit(wrap(TEXTS))
    assert encoder.vocabulary_ == expected.vocabulary_
    np.testing.assert_array_equal(encoder.transform(wrap(TEXTS)), expected.transform(TEXTS))
    np.testing.assert_array_equal(encoder.tokenize(wrap(TEXTS)), expected.tokenize(TEXTS))


NOT_TEXTS = [
    ("one text", "takes a sequence of texts. Got one str: put it in a list"),
    (b"one text", "Got one bytes: put it in a list"),
    (["a", None], r"takes texts that are strings. Got None \(NoneType\) at position 1: replace a missing text by ''"),
    (pd.Series(["a", np.nan], dtype=object), r"Got nan \(float\) at position 1"),
    (pd.Series(["a", None], dtype="string"), r"Got <NA> \(NAType\) at position 1"),
    ([b"a"], r"Got b'a' \(bytes\) at position 0: .*decode bytes"),
    ([3, "a"], r"Got 3 \(int\) at position 0"),
    (np.arange(3), r"Got 0 \(int\) at position 0"),
    ([["a", "b"], ["c", "d"]], r"a 1-d sequence of strings, or a table with one column of them. Got shape \(2, 2\)"),
    ([["a", "b"], ["c"]], r"Got \['a', 'b'\] \(list\) at position 0"),
    (pd.DataFrame({"a": ["x"], "b": ["y"]}), r"Got shape \(1, 2\)"),
    (np.array(["a"])[:, None, None], r"Got shape \(1, 1, 1\)"),
    (7, "Got a int"),
    (iter(["a"]), "Got a list_iterator"),
    ({"text": ["a"]}, "Got a dict"),
]


@pytest.mark.parametrize("method", ["fit", "transform", "tokenize"])
@pytest.mark.parametrize(("wrong", "message"), NOT_TEXTS, ids=range(len(NOT_TEXTS)))
def test_what_is_no_text_says_what_came(method, wrong, message):
    with pytest.raises(ValueError, match=f"^TokenEncoder .*{message}"):
        getattr(TokenEncoder().fit(TEXTS), method)(wrong)


@pytest.mark.parametrize("texts", [[], [""], ["...", " "]])
def test_no_words_to_learn(texts):
    with pytest.raises(ValueError, match=f"TokenEncoder.fit found no word to keep in {len(texts)} texts"):
        TokenEncoder().fit(texts)


def test_no_texts_to_transform():
    encoder = TokenEncoder().fit(TEXTS)
    assert encoder.transform([]).shape == encoder.tokenize([]).shape == (0, 7)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_length": 0}, "'max_length' parameter of TokenEncoder must be an int in the range"),
        ({"max_tokens": 2}, r"'max_tokens' parameter of TokenEncoder must be an int in the range \[3, inf\)"),
        ({"min_df": 1.5}, "'min_df' parameter of TokenEncoder"),
        ({"lowercase": "yes"}, "'lowercase' parameter of TokenEncoder"),
        ({"tokenizer": "split"}, "'tokenizer' parameter of TokenEncoder"),
        (
            {"token_pattern": "("},
            r"'token_pattern' parameter of TokenEncoder must be a regular expression .*Got '\(': ",
        ),
        ({"token_pattern": r"(\w)(\w)"}, "'token_pattern' parameter of TokenEncoder .*with at most one group"),
        ({"tokenizer": lambda text: [3]}, r"'tokenizer' parameter of TokenEncoder must return .*Got 3 \(int\)"),
    ],
)
def test_parameters_that_do_not_fit(wrong, message):
    with pytest.raises(ValueError, match=message):
        TokenEncoder(**wrong).fit(TEXTS)


# ---------------------------------------------------------------------- as scikit-learn knows it
# The suite gives tables of numbers to what it checks, and of what takes texts runs the first of these only. Those that
# need no data are named here; what the others ask is asked below.
WITHOUT_DATA = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_param_validation",
    "check_mixin_order",
    "check_valid_tag_types",
    "check_estimator_tags_renamed",
    "check_estimators_unfitted",
    "check_transformers_unfitted",
    "check_get_feature_names_out_error",
]


@pytest.mark.parametrize("check", WITHOUT_DATA)
def test_scikit_learn_checks(check):
    getattr(checks, check)("TokenEncoder", TokenEncoder())


def test_fit_and_transform_leave_texts_and_parameters_alone():
    texts = np.array(TEXTS, dtype=object)
    encoder = TokenEncoder(max_tokens=6)
    encoder.fit(texts)
    fitted = pickle.dumps(encoder)
    for method in (encoder.transform, encoder.tokenize):
        method(texts)
    assert pickle.dumps(encoder) == fitted == pickle.dumps(encoder.fit(texts, [0, 1, 0, 1]))
    assert encoder.get_params() == TokenEncoder(max_tokens=6).get_params()
    assert texts.tolist() == TEXTS


def test_says_that_it_takes_texts():
    tags = get_tags(TokenEncoder())
    assert tags.input_tags.string and tags.input_tags.one_d_array and not tags.input_tags.two_d_array
    assert tags.requires_fit and not tags.target_tags.required


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "tokenize", "get_feature_names_out"])
def test_nothing_before_fit(method):
    with pytest.raises(NotFittedError, match="This TokenEncoder instance is not fitted yet"):
        getattr(TokenEncoder(), method)(TEXTS)


def test_refitted_as_if_new():
    encoder = TokenEncoder().fit(TEXTS)
    state = vars(TokenEncoder().fit(["other words"]))
    assert vars(encoder.fit(["other words"])) == state
    assert clone(encoder).get_params() == encoder.get_params()
    assert not hasattr(clone(encoder), "vocabulary_")


def test_output_in_frames():
    texts = pd.Series(TEXTS, index=list("wxyz"))
    encoder = TokenEncoder().set_output(transform="pandas")
    found = encoder.fit_transform(texts)
    names = [f"token_{i}" for i in range(7)]
    assert list(found.columns) == list(encoder.get_feature_names_out()) == names
    assert list(found.index) == list("wxyz")
    assert set(found.dtypes) == {np.dtype(np.int64)}
    np.testing.assert_array_equal(found, TokenEncoder().fit_transform(TEXTS))
    assert encoder.inverse_transform(found)[1, 0] == "a"


def test_one_column_of_a_table():
    frame = pd.DataFrame({"review": TEXTS, "stars": [1.0, 4.0, 2.0, 3.0]})
    for column in ("review", ["review"]):
        table = ColumnTransformer([("words", TokenEncoder(), column)], remainder="passthrough")
        found = table.fit_transform(frame)
        np.testing.assert_array_equal(found[:, :7], TokenEncoder().fit_transform(TEXTS))
        assert list(table.get_feature_names_out())[-2:] == ["words__token_6", "remainder__stars"]


def in_memory(library):
    def through(encoder):
        file = io.BytesIO()
        library.dump(encoder, file)
        file.seek(0)
        return library.load(file)

    return through


@pytest.mark.parametrize(
    "through",
    [
        in_memory(pickle),
        in_memory(joblib),
        lambda encoder: skops.io.loads(skops.io.dumps(encoder), trusted=["sklearn_xai.tokens.TokenEncoder"]),
    ],
    ids=["pickle", "joblib", "skops"],
)
def test_saved_and_loaded(through):
    encoder = TokenEncoder(max_tokens=6, tokenizer=None).fit(TEXTS)
    loaded = through(encoder)
    assert vars(loaded) == vars(encoder)
    np.testing.assert_array_equal(loaded.transform(TEXTS), encoder.transform(TEXTS))
    np.testing.assert_array_equal(loaded.tokenize(TEXTS), encoder.tokenize(TEXTS))


# ---------------------------------------------------------------------- networks of words
@pytest.mark.parametrize("module", [TextCNN, TextGRU])
def test_padding_and_empty_texts_do_no_harm(module):
    encoder = TokenEncoder(max_length=6).fit(TEXTS)
    ids = torch.as_tensor(encoder.transform(TEXTS))
    found = module(n_tokens=encoder.n_tokens_).eval()(ids)
    assert found.shape == (4, 2) and torch.isfinite(found).all()


@pytest.mark.parametrize(("module", "max_epochs"), [(TextCNN, 6), (TextGRU, 3)])
def test_learns_from_reviews_in_seconds(module, max_epochs):
    X_train, X_test, y_train, y_test = review_rows(n_train=5000)
    start = time.process_time()
    pipeline = trained(sentiment_pipeline(module, max_epochs=max_epochs), X_train, y_train)
    assert time.process_time() - start < 10
    assert pipeline.score(X_test, y_test) > 0.6
    praise, blame = pipeline.predict_proba(["A moving, funny and beautiful film", "A dull, bad, pointless mess"])[:, 1]
    assert praise > 0.5 > blame


def test_training_is_repeatable_and_leaves_the_generator_alone():
    X, _, y, _ = review_rows(n_train=200)
    before = torch.random.get_rng_state()
    first, second = (trained(sentiment_pipeline(max_epochs=1), X, y) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_searched_and_cross_validated_as_any_pipeline():
    X, _, y, _ = review_rows(n_train=300)
    pipeline = sentiment_pipeline(max_epochs=2, max_tokens=300)
    for texts in (X, X.tolist(), X.to_numpy()):
        scores = cross_val_score(pipeline, texts, y, cv=3, error_score="raise")
        assert scores.shape == (3,) and np.isfinite(scores).all()
    search = GridSearchCV(pipeline, {"tokens__max_length": [5, 20], "net__lr": [1e-3, 1e-2]}, cv=2, error_score="raise")
    search.fit(X, y)
    assert search.best_estimator_["tokens"].max_length_ in (5, 20)
    assert set(search.predict(X)) <= {0, 1}
