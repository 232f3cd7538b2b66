"""Neighbours and analogies: planted vectors whose answers are known, and words that a network has learned."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from sklearn_xai import EmbeddingSimilarity, TokenEncoder
from sklearn_xai.network import _vector_queries
from tests.nets import MLP, classifier
from tests.sentiment import review_rows, sentiment_pipeline, trained
from tests.test_hygiene import random_states, state

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 5))
NAMES = [f"word{i}" for i in range(len(X))]


@parametrize_with_checks([EmbeddingSimilarity()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


# ---------------------------------------------------------------------- neighbours of rows
@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan", "chebyshev"])
def test_neighbours_are_those_of_scikit_learn(metric):
    found = EmbeddingSimilarity(vocabulary=NAMES, metric=metric).fit(X).neighbours(n_neighbors=7)
    distance, places = NearestNeighbors(n_neighbors=7, metric=metric, algorithm="brute").fit(X).kneighbors()
    assert_array_equal(found["word"], np.repeat(NAMES, 7))
    assert_array_equal(found["neighbour"], np.array(NAMES)[places.ravel()])
    assert_array_equal(found["rank"], np.tile(np.arange(1, 8), len(X)))
    assert_allclose(found["similarity"], (metric == "cosine") - distance.ravel(), atol=1e-12)


def test_chunks_change_nothing(monkeypatch):
    similarity = EmbeddingSimilarity().fit(X)
    whole = similarity.neighbours()
    monkeypatch.setattr(_vector_queries, "_CHUNK_CELLS", 7 * len(X))
    assert_frame_equal(similarity.neighbours(), whole)


def test_float32_stays_float32_and_is_as_exact():
    similarity = EmbeddingSimilarity().fit(X.astype(np.float32))
    assert similarity.vectors_.dtype == similarity.transform([3]).dtype == np.float32
    assert_allclose(similarity.similarity(list(range(60)), X), 1 - cdist(X, X, "cosine"), atol=1e-6)


def test_rows_of_a_table_go_by_its_index():
    table = pd.DataFrame(X, index=NAMES, columns=list("abcde"))
    similarity = EmbeddingSimilarity(n_neighbors=3).fit(table)
    assert_array_equal(similarity.words_, NAMES)
    found = similarity.neighbours("word5")
    assert len(found) == 3
    assert_frame_equal(found, EmbeddingSimilarity.from_vectors(NAMES, X).neighbours(["word5"], n_neighbors=3))
    assert_array_equal(similarity.get_feature_names_out(), list("abcde"))
    assert_array_equal(similarity.similarity(table.iloc[:2], "word1").index, NAMES[:2])
    with pytest.raises(ValueError, match="feature names should match"):
        similarity.neighbours(table[list("edcba")])
    with pytest.raises(ValueError, match="'word0' is the word of rows 0 and 60. Give other names by 'vocabulary'"):
        EmbeddingSimilarity().fit(pd.concat([table, table]))


def test_a_vector_may_stand_for_a_word():
    similarity = EmbeddingSimilarity.from_vectors(NAMES, X)
    assert similarity.neighbours(X[4], n_neighbors=1)["neighbour"].tolist() == ["word4"]
    assert similarity.neighbours(torch.tensor(X[4:6]), n_neighbors=1)["neighbour"].tolist() == ["word4", "word5"]
    own = similarity.neighbours("word4", n_neighbors=4)
    also_itself = similarity.neighbours(X[4].tolist(), n_neighbors=5)["similarity"]
    assert_allclose(also_itself, [1, *own["similarity"]])
    assert similarity.similarity("word4", X[4]) == pytest.approx(1)
    assert similarity.neighbours(X[4:6], n_neighbors=2)["word"].tolist() == [0, 0, 1, 1]


def test_similarity_of_two_and_of_many():
    similarity = EmbeddingSimilarity.from_vectors(NAMES, X)
    one = similarity.similarity("word1", "word2")
    assert isinstance(one, float)
    assert one == pytest.approx(1 - cdist(X[1:2], X[2:3], "cosine")[0, 0])
    found = similarity.similarity(["word1", "word3"], NAMES)
    assert_allclose(found, 1 - cdist(X[[1, 3]], X, "cosine"))
    assert_array_equal(found.columns, NAMES)
    assert found.index.tolist() == ["word1", "word3"]


def test_a_zero_vector_is_like_nothing():
    similarity = EmbeddingSimilarity.from_vectors(["a", "b", "zero"], [[1.0, 0], [0.5, 0.5], [0, 0]])
    assert similarity.similarity("zero", "a") == similarity.similarity("zero", "zero") == 0
    assert similarity.neighbours("a")["neighbour"].tolist() == ["b", "zero"]
    assert_array_equal(similarity.neighbours("zero")["similarity"], 0)


def test_equals_come_in_their_order_and_there_are_no_more_neighbours_than_words():
    similarity = EmbeddingSimilarity.from_vectors(list("abcd"), np.ones((4, 2)))
    assert similarity.neighbours("c", n_neighbors=10)["neighbour"].tolist() == ["a", "b", "d"]
    assert similarity.neighbours("a", n_neighbors=2)["neighbour"].tolist() == ["b", "c"]
    assert len(similarity.neighbours(np.ones(2), n_neighbors=10)) == 4
    assert len(EmbeddingSimilarity().fit([[1.0, 2.0]]).neighbours()) == 0


def test_the_callers_arrays_are_left_alone():
    before = X.copy()
    similarity = EmbeddingSimilarity().fit(X)
    similarity.neighbours()
    given = similarity.transform(X)
    given += 1
    assert_array_equal(X, before)
    assert_array_equal(similarity.transform([0, 1]), before[:2])


# ---------------------------------------------------------------------- analogies
def planted(seed, n_pairs=6, n_others=40, d=24):
    """Return words and vectors: "b0" is "a0" and a difference that all pairs share, all directions at right angles."""
    axes = np.linalg.qr(np.random.RandomState(seed).normal(size=(d, d)))[0]
    stems, difference = axes[:n_pairs], axes[n_pairs]
    others = np.random.RandomState(seed + 1).normal(size=(n_others, d)) @ axes[n_pairs + 1 :].T @ axes[n_pairs + 1 :]
    words = [f"{kind}{i}" for kind in "ab" for i in range(n_pairs)] + [f"other{i}" for i in range(n_others)]
    return words, np.concatenate([stems - 0.4 * difference, stems + 0.4 * difference, others])


@pytest.mark.parametrize("method", ["add", "mul"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_planted_analogies_are_found(method, metric):
    similarity = EmbeddingSimilarity.from_vectors(*planted(seed=3), metric=metric)
    for i in range(6):
        j = (i + 1) % 6
        found = similarity.analogy(f"a{i}", f"b{i}", f"a{j}", n_neighbors=3, method=method)
        assert found["word"][0] == f"b{j}"
        assert found["rank"].tolist() == [1, 2, 3]
        assert found["score"].is_monotonic_decreasing


def test_scores_are_those_of_the_equations():
    words, vectors = planted(seed=1)
    similarity = EmbeddingSimilarity.from_vectors(words, vectors)
    cosines = 1 - cdist(vectors, vectors, "cosine")
    a, b, c = cosines[[words.index(word) for word in ("a0", "b0", "a1")]]
    for method, scores in (("add", b - a + c), ("mul", (b + 1) * (c + 1) / 4 / ((a + 1) / 2 + 0.001))):
        found = similarity.analogy("a0", "b0", "a1", n_neighbors=len(words), method=method)
        assert set(found["word"]) == set(words) - {"a0", "b0", "a1"}
        assert_allclose(found["score"], [scores[words.index(word)] for word in found["word"]], atol=1e-12)


def test_analogy_of_vectors_leaves_out_words_only():
    words, vectors = planted(seed=1)
    similarity = EmbeddingSimilarity.from_vectors(words, vectors)
    assert similarity.analogy("a0", "a0", vectors[3], n_neighbors=1)["word"].tolist() == ["a3"]
    with pytest.raises(ValueError, match="'b' parameter of EmbeddingSimilarity.analogy must be one word or one vector"):
        similarity.analogy("a0", ["b0"], "a1")
    with pytest.raises(ValueError, match="'method' parameter of EmbeddingSimilarity.analogy must be one of 'add'"):
        similarity.analogy("a0", "b0", "a1", method="both")


# ---------------------------------------------------------------------- projections
def test_preserved_neighbours_are_the_published_measures():
    similarity = EmbeddingSimilarity.from_vectors(NAMES, X, metric="euclidean", n_neighbors=4)
    flat = PCA(2).fit_transform(X)
    found = similarity.preserves_neighbours(flat)
    assert found.trustworthiness == pytest.approx(trustworthiness(X, flat, n_neighbors=4))
    assert found.continuity == pytest.approx(trustworthiness(flat, X, n_neighbors=4))
    assert found.chance == pytest.approx(4 / 59)
    assert found.words["kept"].is_monotonic_increasing
    assert found.words["kept"].mean() == pytest.approx(found.kept)
    assert set(found.words["word"]) == set(NAMES)
    shuffled = pd.DataFrame(flat, index=NAMES).sample(frac=1, random_state=0)
    assert similarity.preserves_neighbours(shuffled).kept == found.kept
    assert similarity.preserves_neighbours(shuffled.to_numpy()).kept < found.kept
    with pytest.raises(ValueError, match="a row of coordinates for each of the 60 words. Got shape .59, 2."):
        similarity.preserves_neighbours(flat[1:])


def test_a_projection_that_moves_some_words_lists_them_first():
    words, vectors = NAMES, RNG.normal(size=(60, 2)) + 5
    similarity = EmbeddingSimilarity.from_vectors(words, vectors, metric="euclidean")
    coordinates = vectors.copy()
    coordinates[[7, 30]] = [[100.0, 0], [0, 100.0]]
    found = similarity.preserves_neighbours(coordinates, n_neighbors=3)
    assert set(found.words["word"][:2]) == {"word7", "word30"}
    assert similarity.preserves_neighbours(vectors, n_neighbors=3).kept == 1


@pytest.mark.parametrize("projection", [PCA(2), TSNE(perplexity=5, init="random"), make_pipeline(PCA(3), PCA(2))])
def test_a_transformer_is_run(projection):
    similarity = EmbeddingSimilarity.from_vectors(NAMES, X, n_neighbors=4)
    drawn = random_states()
    found = similarity.preserves_neighbours(projection)
    assert random_states() == drawn
    assert found.coordinates.shape == (60, 2)
    assert not hasattr(projection, "n_features_in_")
    again = similarity.preserves_neighbours(found.coordinates)
    assert_frame_equal(again.words, found.words)
    assert found.chance < found.kept < 1


def test_some_words_alone():
    similarity = EmbeddingSimilarity.from_vectors(NAMES, X)
    found = similarity.preserves_neighbours(PCA(2), words=NAMES[20:50], n_neighbors=5)
    alone = EmbeddingSimilarity.from_vectors(NAMES[20:50], X[20:50]).preserves_neighbours(PCA(2), n_neighbors=5)
    assert_frame_equal(found.words, alone.words)
    with pytest.raises(ValueError, match="from 1 to 14, less than half of the 30 rows. Got 15"):
        similarity.preserves_neighbours(PCA(2), words=NAMES[20:50], n_neighbors=15)
    with pytest.raises(ValueError, match="takes words. Got vectors as 'words'"):
        similarity.preserves_neighbours(PCA(2), words=X)


# ---------------------------------------------------------------------- embeddings of networks
class BagOfWords(nn.Module):
    """The mean of the vectors of a text's words."""

    def __init__(self, n_tokens, n_dimensions=8):
        super().__init__()
        self.embedding = nn.EmbeddingBag(n_tokens, n_dimensions, padding_idx=0)
        self.out = nn.Linear(n_dimensions, 2)

    def forward(self, X):
        return self.out(self.embedding(X))


@pytest.fixture(scope="module")
def reviews():
    """Return a Pipeline of words that learned from reviews, and these."""
    texts, _, labels, _ = review_rows(4000)
    return trained(sentiment_pipeline(BagOfWords, max_epochs=5, lr=0.02), texts, labels), texts, labels


FAVOURABLE = ["good", "best", "funny", "beautiful", "enjoyable", "moving", "touching", "powerful", "engaging", "solid"]
UNFAVOURABLE = ["bad", "dull", "worst", "boring", "too", "lacks", "flat", "tedious", "stupid", "mess"]


def test_words_of_one_opinion_are_alike_to_a_network_that_learned_from_reviews(reviews):
    similarity = EmbeddingSimilarity(reviews[0]).fit()
    within = [similarity.similarity(words, words).to_numpy().mean() for words in (FAVOURABLE, UNFAVOURABLE)]
    between = similarity.similarity(FAVOURABLE, UNFAVOURABLE).to_numpy().mean()
    assert min(within) > 0.3
    assert between < -0.3


def test_neighbours_of_unfavourable_words_stand_in_unfavourable_reviews(reviews):
    pipeline, texts, labels = reviews
    similarity = EmbeddingSimilarity(pipeline).fit()
    words_of = [set(row) for row in pipeline[0].inverse_transform(pipeline[0].transform(texts))]
    favourable = np.asarray(labels) == 1

    def share(word):
        """Return which share of the reviews around the neighbours of a word is favourable."""
        near = similarity.neighbours(word, n_neighbors=20)["neighbour"]
        return np.mean([favourable[[w in words for words in words_of]].mean() for w in near])

    assert share("dull") < 0.35
    assert share("touching") > 0.65


def test_words_are_those_of_the_encoder_without_padding(reviews):
    pipeline = reviews[0]
    encoder, weight = pipeline[0], pipeline[1].module_.embedding.weight.detach().numpy()
    similarity = EmbeddingSimilarity(pipeline).fit()
    assert similarity.layer_ == "embedding"
    assert_array_equal(similarity.words_, ["<unknown>", *encoder.vocabulary_])
    assert_array_equal(similarity.vectors_, weight[1 : encoder.n_tokens_])
    assert_array_equal(similarity.transform(["film", "Film"]), weight[[encoder.vocabulary_["film"]] * 2])
    assert_array_equal(similarity.transform(pd.DataFrame({"word": ["film"]})), weight[[encoder.vocabulary_["film"]]])
    frame = EmbeddingSimilarity(pipeline).set_output(transform="pandas").fit().transform(["film"])
    assert frame.columns.tolist() == [f"dimension_{j}" for j in range(8)]
    by_name = EmbeddingSimilarity(pipeline[1], vocabulary=encoder.vocabulary_).fit()
    assert_array_equal(by_name.words_, similarity.words_[1:])
    assert_array_equal(by_name.vectors_, similarity.vectors_[1:])


def test_an_unknown_word_and_what_is_spelled_like_it(reviews):
    similarity = EmbeddingSimilarity(reviews[0]).fit()
    with pytest.raises(
        ValueError, match="EmbeddingSimilarity does not know the word 'movei', .* Did you mean .*'movie'"
    ):
        similarity.neighbours(["film", "movei"])
    with pytest.raises(ValueError, match="does not know the word 'xqzzjwv', of 3999 that it has.$"):
        similarity.similarity("xqzzjwv", "film")
    cased = EmbeddingSimilarity.from_vectors(["Paris", "Rome"], [[1.0, 0], [0, 1]])
    with pytest.raises(ValueError, match="Did you mean 'Paris'"):
        cased.transform(["PARIS"])
    with pytest.raises(ValueError, match="does not know the word 7, of 2 that it has. The first are"):
        cased.neighbours(7)
    with pytest.raises(ValueError, match="takes several words. Got one: put 'Rome' in a list"):
        cased.transform("Rome")


class Entities(nn.Module):
    """Two columns of categories, each with an embedding."""

    def __init__(self, bound=None):
        super().__init__()
        self.city = nn.Embedding(4, 3, padding_idx=0)
        self.job = nn.Embedding(5, 2, max_norm=bound)
        self.out = nn.Linear(5, 2)

    def forward(self, X):
        X = X.long()
        return self.out(torch.cat([self.city(X[:, 0]), self.job(X[:, 1])], dim=1))


def test_categories_go_by_their_ids_or_names():
    module = Entities()
    with pytest.raises(
        ValueError, match=r"one of the embeddings of Entities: 'city' \(4 x 3\), 'job' \(5 x 2\). Got None"
    ):
        EmbeddingSimilarity(module).fit()
    ids = EmbeddingSimilarity(module, layer="city").fit()
    assert ids.words_.tolist() == [1, 2, 3]
    assert_array_equal(ids.transform([3, 1]), module.city.weight.detach()[[3, 1]])
    assert ids.neighbours(np.int64(2))["word"].tolist() == [2, 2]
    names = ["cook", "nurse", "pilot", "judge", "none"]
    named = EmbeddingSimilarity(module, layer="job", vocabulary=names).fit()
    assert_array_equal(named.transform(["pilot"]), module.job.weight.detach()[[2]])
    some = EmbeddingSimilarity(module, layer="job", vocabulary={"pilot": 2, "cook": 0}).fit()
    assert some.neighbours("cook")["neighbour"].tolist() == ["pilot"]
    with pytest.raises(ValueError, match="one word for each of the 5 vectors, or be a dict .* Got 4 words"):
        EmbeddingSimilarity(module, layer="job", vocabulary=names[1:]).fit()
    with pytest.raises(ValueError, match="a whole number from 0 to 4. Got 5 for 'pilot'"):
        EmbeddingSimilarity(module, layer="job", vocabulary={"cook": 1, "pilot": 5}).fit()
    with pytest.raises(ValueError, match="must have the 2 dimensions of the embedding. Got shape .1, 3."):
        named.neighbours(np.zeros(3))


def test_vectors_are_as_they_are_looked_up():
    module = Entities(bound=1.0)
    with torch.no_grad():
        module.job.weight.mul_(5)
    before = state(module)
    found = EmbeddingSimilarity(module.job).fit()
    assert state(module) == before
    with torch.no_grad():
        assert not np.allclose(found.vectors_, module.job.weight)
        assert_allclose(found.vectors_, module.job(torch.arange(5)), rtol=1e-6)
        module.job.weight.zero_()  # the network may learn on: the vectors are a copy
    assert found.vectors_.any()


def compiled(module):
    return torch.compile(module, backend="eager")


@pytest.mark.parametrize("wrap", [FrozenEstimator, compiled, lambda net: make_pipeline("passthrough", net)])
def test_whatever_is_around_the_network(wrap):
    module = Entities()
    found = EmbeddingSimilarity(wrap(module), layer="city").fit()
    assert_array_equal(found.vectors_, module.city.weight.detach()[1:])


def test_with_y_a_clone_is_trained(reviews):
    fitted, texts, labels = reviews
    before = state(fitted[1].module_)
    drawn = random_states()
    found = [EmbeddingSimilarity(clone(fitted), random_state=3).fit(texts[:200], labels[:200]) for _ in range(2)]
    assert random_states() == drawn
    assert state(fitted[1].module_) == before
    assert_array_equal(found[0].vectors_, found[1].vectors_)
    assert found[0].estimator_ is not found[0].estimator
    assert len(found[0].words_) == len(found[0].estimator_[0].vocabulary_) + 1
    assert not hasattr(found[0], "n_features_in_")
    with pytest.raises(NotFittedError, match="not fitted yet, and EmbeddingSimilarity.fit was called without y"):
        clone(found[0]).fit()


def test_a_table_of_mixed_columns_and_labels_that_are_strings():
    table = pd.DataFrame({"city": ["Rome", "Oslo", "Lima"] * 20, "job": ["cook", "nurse"] * 30})
    labels = np.where(table["city"] == "Rome", "south", "other")
    encode = ColumnTransformer([("codes", OrdinalEncoder(), ["city", "job"])])
    net = classifier(Entities, callbacks=None)
    names = {"Lima": 0, "Oslo": 1, "Rome": 2}
    found = EmbeddingSimilarity(make_pipeline(encode, net), layer="city", vocabulary=names).fit(table, labels)
    assert not hasattr(found, "feature_names_in_")  # those of the table; the columns of transform are words
    assert found.neighbours("Rome").columns.tolist() == ["word", "neighbour", "rank", "similarity"]
    with pytest.raises(ValueError, match="Did you mean 'Rome'"):
        found.neighbours("Roma")


# ---------------------------------------------------------------------- as an estimator
def test_clone_pickle_and_parameters(reviews):
    similarity = EmbeddingSimilarity(reviews[0], n_neighbors=3).fit()
    again = pickle.loads(pickle.dumps(similarity))
    assert_frame_equal(again.neighbours("dull"), similarity.neighbours("dull"))
    assert len(again.set_params(n_neighbors=5).neighbours("dull")) == 5
    with pytest.raises(NotFittedError):
        clone(similarity).neighbours("dull")
    table = EmbeddingSimilarity.from_vectors(NAMES, X)
    assert_frame_equal(clone(table).fit(X).neighbours("word3"), table.neighbours("word3"))
    assert "EmbeddingSimilarity(" in repr(table)


def test_in_a_pipeline_of_rows():
    found = make_pipeline(PCA(3), EmbeddingSimilarity()).fit(X)
    assert_allclose(found.transform(X), PCA(3).fit_transform(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"metric": "dot"}, "The 'metric' parameter of EmbeddingSimilarity must be"),
        ({"n_neighbors": 0}, "The 'n_neighbors' parameter of EmbeddingSimilarity must be"),
        ({"layer": 3}, "The 'layer' parameter of EmbeddingSimilarity must be"),
        ({"vocabulary": "abc"}, "The 'vocabulary' parameter of EmbeddingSimilarity must be"),
        ({"layer": "embedding"}, "without an estimator compares rows: .* Got a 'layer'"),
        ({"vocabulary": ["a"] * 60}, "'a' is the word of rows 0 and 1"),
        ({"vocabulary": [["a"]] * 60}, r"a word must be a string, .* Got \['a'\]"),
        ({"vocabulary": {}}, "Got an empty one"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingSimilarity(**parameters).fit(X)


def test_wrong_estimators():
    with pytest.raises(ValueError, match="MLP has none: leave 'estimator' None and give the rows"):
        EmbeddingSimilarity(MLP()).fit()
    with pytest.raises(TypeError, match="must be a skorch net, .* Got LogisticRegression, which has no embedding"):
        EmbeddingSimilarity(LogisticRegression().fit(X, np.arange(60) % 2)).fit()
    with pytest.raises(TypeError, match="'estimator' parameter of EmbeddingSimilarity must be an estimator"):
        EmbeddingSimilarity("net").fit()
    with pytest.raises(ValueError, match="compares rows: EmbeddingSimilarity.*.fit.X.. Got no rows"):
        EmbeddingSimilarity().fit()
    diverged = nn.Embedding.from_pretrained(torch.full((3, 2), torch.nan))
    with pytest.raises(ValueError, match="holds values that are no finite numbers"):
        EmbeddingSimilarity(diverged).fit()
    small = make_pipeline(TokenEncoder().fit(["a b c"]), nn.Embedding(3, 2))
    with pytest.raises(ValueError, match="the TokenEncoder has 5 ids, but the embedding 3 vectors"):
        EmbeddingSimilarity(small).fit()


def test_wrong_questions():
    similarity = EmbeddingSimilarity.from_vectors(NAMES, X)
    with pytest.raises(
        ValueError, match="'n_neighbors' parameter of EmbeddingSimilarity.neighbours must be a whole number from 1"
    ):
        similarity.neighbours("word1", n_neighbors=0)
    with pytest.raises(ValueError, match="must have the 5 dimensions of the embedding. Got shape .1, 4."):
        similarity.neighbours(X[0, :4])
    with pytest.raises(TypeError, match="[Ss]parse"):
        similarity.neighbours(csr_matrix(X))
    with pytest.raises(ValueError, match="contains NaN"):
        similarity.neighbours([[np.nan] * 5])
    with pytest.raises(NotFittedError):
        EmbeddingSimilarity().neighbours()
