"""Texts in front of a Pipeline: any sequence of strings, and attributions to the words or terms made of it."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io as skops_io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from torch import nn

from sklearn_xai import (
    IntegratedGradientsExplainer,
    LocalSurrogateExplainer,
    OcclusionExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
    TokenEncoder,
)
from sklearn_xai.model_selection import compare_explainers, explanation_stability
from tests.nets import classifier

RNG = np.random.RandomState(0)
VOCABULARY = ["bad", "dull", "film", "fine", "good"]
TEXTS = [" ".join(RNG.choice(VOCABULARY, RNG.randint(1, 6))) for _ in range(40)]
LABELS = np.array(["good" in text or "fine" in text for text in TEXTS]).astype(int)
LENGTH = 6


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(8, 3, padding_idx=0), nn.Linear(3, 2)

    def forward(self, X):
        return self.out(self.embed(X).tanh().mean(dim=1))


class Terms(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(len(VOCABULARY), 2)

    def forward(self, X):
        return self.out(X.tanh())


def tokens():
    return make_pipeline(TokenEncoder(max_length=LENGTH), classifier(Tokens, callbacks=None))


def terms(net=True):
    return make_pipeline(TfidfVectorizer(), classifier(Terms, callbacks=None) if net else LogisticRegression())


FORMS = {
    "list": TEXTS,
    "tuple": tuple(TEXTS),
    "objects": np.array(TEXTS, dtype=object),
    "strings": np.array(TEXTS),
    "series": pd.Series(TEXTS, index=range(100, 140)),
    "string series": pd.Series(TEXTS, dtype="string"),
}


@pytest.fixture(scope="module")
def fitted():
    return IntegratedGradientsExplainer(tokens(), random_state=0).fit(TEXTS, LABELS)


@pytest.mark.parametrize("form", FORMS)
def test_sequences_of_every_kind(form, fitted):
    texts = FORMS[form]
    explainer = IntegratedGradientsExplainer(tokens(), random_state=0).fit(texts, LABELS)
    found = explainer.transform(texts)
    assert found.shape == (40, LENGTH)
    assert_array_equal(found, fitted.transform(TEXTS))
    words = explainer.explain(texts).display_data
    assert words.shape == (40, LENGTH) and words.dtype == object
    assert [" ".join(row[row != ""]) for row in words] == TEXTS
    assert (found[words == ""] == 0).all() and (found[words != ""] != 0).any()
    assert explainer.get_feature_names_out().tolist() == [f"token_{j}" for j in range(LENGTH)]
    assert_array_equal(explainer.predict(texts), explainer.estimator_.predict(TEXTS))
    assert explainer.score(texts) > 0.5


def test_texts_and_their_ids_are_the_same_rows(fitted):
    ids = fitted.estimator_[0].transform(TEXTS)
    assert_array_equal(fitted.transform(ids), fitted.transform(TEXTS))
    assert_array_equal(fitted.transform([""]), np.zeros((1, LENGTH)))
    assert_allclose(fitted.transform(TEXTS[3:4]), fitted.transform(TEXTS)[3:4], atol=1e-7)


def test_a_fitted_pipeline_is_explained_as_it_stands(fitted):
    again = IntegratedGradientsExplainer(fitted.estimator_).fit(TEXTS)
    assert_array_equal(again.transform(TEXTS), fitted.transform(TEXTS))
    with pytest.raises(NotFittedError, match="called without y"):
        IntegratedGradientsExplainer(tokens()).fit(TEXTS)


@pytest.mark.parametrize("net", [True, False])
@pytest.mark.parametrize(
    "cls", [IntegratedGradientsExplainer, ShapleyExplainer, LocalSurrogateExplainer, OcclusionExplainer]
)
def test_terms_of_a_vectorizer(cls, net):
    if cls is IntegratedGradientsExplainer and not net:
        with pytest.raises(ValueError, match="takes gradients"):
            cls(terms(net)).fit(TEXTS, LABELS)
        return
    explainer = cls(terms(net), random_state=0, background_size=8).fit(TEXTS, LABELS)
    assert explainer.transform(TEXTS).shape == (40, 5)
    assert explainer.get_feature_names_out().tolist() == VOCABULARY
    matrix = explainer.estimator_[0].transform(TEXTS).toarray()
    assert_allclose(explainer.explain(TEXTS).data, matrix, atol=1e-6)
    assert explainer.predict_proba(TEXTS).shape == (40, 2)
    assert_array_equal(explainer.predict(TEXTS), explainer.estimator_[-1].predict(matrix.astype(np.float32)))
    assert explainer.score(TEXTS[:8]) > 0.5


def test_a_frame_with_one_column_of_texts_has_one_attribution_a_row(fitted):
    frame = pd.DataFrame({"review": TEXTS})
    explainer = IntegratedGradientsExplainer(tokens(), random_state=0).fit(frame, LABELS)
    assert explainer.get_feature_names_out().tolist() == ["review"]
    assert_allclose(explainer.transform(frame)[:, 0], fitted.transform(TEXTS).sum(axis=1), atol=1e-6)


def test_a_layer_and_groups_behind_texts(fitted):
    units = IntegratedGradientsExplainer(fitted.estimator_, layer="embed").fit(TEXTS).transform(TEXTS)
    assert units.shape == (40, LENGTH * 3)
    groups = {"start": ["token_0", "token_1"]}
    found = IntegratedGradientsExplainer(fitted.estimator_, feature_groups=groups).fit(TEXTS).transform(TEXTS)
    assert_allclose(found[:, 0], fitted.transform(TEXTS)[:, :2].sum(axis=1), atol=1e-6)


@pytest.mark.parametrize("texts", [TEXTS, pd.Series(TEXTS), np.array(TEXTS, dtype=object)])
def test_across_folds(texts):
    explainer = IntegratedGradientsExplainer(tokens(), random_state=0)
    assert cross_validate(explainer, texts, LABELS, cv=2)["test_score"].min() > 0.5
    assert np.isfinite(explanation_stability(explainer, texts, LABELS, cv=2).overall["cosine"])


def test_explainers_compared():
    explainers = {"ig": IntegratedGradientsExplainer(tokens(), random_state=0), "slope": SaliencyExplainer(tokens())}
    assert len(compare_explainers(explainers, TEXTS, LABELS)) == 2


def test_stored_and_loaded(fitted):
    stored = skops_io.dumps(fitted)
    trusted = skops_io.get_untrusted_types(data=stored)
    for loaded in (pickle.loads(pickle.dumps(fitted)), skops_io.loads(stored, trusted=trusted)):
        assert_allclose(loaded.transform(TEXTS), fitted.transform(TEXTS), atol=1e-7)
        assert_array_equal(loaded.explain(TEXTS).display_data, fitted.explain(TEXTS).display_data)
    frame = pickle.loads(pickle.dumps(fitted)).set_output(transform="pandas").transform(TEXTS[:2])
    assert frame.columns.tolist() == [f"token_{j}" for j in range(LENGTH)]


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["good", None], "None at position 1"),
        (["good", float("nan")], "nan at position 1"),
        (pd.Series(["good", None, "bad"], dtype=object), "None at position 1"),
        ([3, "good"], "3 at position 0"),
        ("good film", "Got one str: put it in a list"),
    ],
)
def test_what_is_no_sequence_of_texts(texts, message, fitted):
    with pytest.raises(ValueError, match=f"IntegratedGradientsExplainer.*{message}"):
        fitted.transform(texts)
    with pytest.raises(ValueError, match=f"IntegratedGradientsExplainer.*{message}"):
        IntegratedGradientsExplainer(fitted.estimator_).fit(texts)


def test_no_text_at_all(fitted):
    with pytest.raises(ValueError, match="holds no text"):
        fitted.transform([])


def test_texts_where_nothing_reads_them():
    with pytest.raises(ValueError, match="no step that turns them into numbers"):
        SaliencyExplainer(classifier(Tokens, callbacks=None)).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="fitted on a table"):
        SaliencyExplainer(nn.Linear(3, 1)).fit(np.eye(3)).transform(TEXTS)
