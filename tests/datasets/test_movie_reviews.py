from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_xai.datasets import load_adult, load_movie_reviews


@pytest.fixture(scope="module")
def reviews():
    return load_movie_reviews()


def test_every_sentence_with_its_score(reviews):
    assert reviews.data.shape == reviews.target.shape == (10605,)
    assert {type(text) for text in reviews.data} == {str}
    assert not (reviews.data.str.strip() == "").any()
    assert reviews.target.dtype == np.float64
    assert reviews.target.abs().max() <= 4
    assert abs(reviews.target.mean() - 0.0048) < 1e-4
    assert reviews.target_names == ["score"]
    assert list(reviews.frame.columns) == ["text", "score"]


def test_quotes_and_accents_are_as_written(reviews):
    assert reviews.data.str.contains('9" black and white portable TV').sum() == 1
    assert reviews.data.str.contains("the clichés disappear").sum() == 1
    assert not reviews.data.str.contains("\t|\ufffd").any()


@pytest.mark.parametrize(("threshold", "n_left_out"), [(0, 37), (0.5, 533), (1, 1432)])
def test_labels_are_the_signs_of_scores_away_from_zero(reviews, threshold, n_left_out):
    labels = load_movie_reviews(target="label", threshold=threshold)
    kept = reviews.frame[(reviews.target.abs() >= threshold) & (reviews.target != 0)]
    assert len(labels.data) == 10605 - n_left_out == len(kept)
    np.testing.assert_array_equal(labels.data, kept["text"])
    np.testing.assert_array_equal(labels.target, kept["score"] > 0)
    assert labels.target.dtype == np.int64
    assert labels.target_names == ["negative", "positive"]
    assert list(labels.data.index) == list(labels.target.index) == list(range(len(kept)))


def test_threshold_says_nothing_of_scores(reviews):
    pd.testing.assert_frame_equal(load_movie_reviews(threshold=3).frame, reviews.frame)


@pytest.mark.parametrize("target", ["score", "label"])
def test_arrays_hold_the_same_values(target):
    frame, arrays = (load_movie_reviews(target=target, as_frame=as_frame) for as_frame in (True, False))
    assert arrays.frame is None
    assert isinstance(arrays.data, np.ndarray) and arrays.data.dtype == object and arrays.data.ndim == 1
    np.testing.assert_array_equal(arrays.data, frame.data)
    np.testing.assert_array_equal(arrays.target, frame.target)
    X, y = load_movie_reviews(target=target, return_X_y=True)
    pd.testing.assert_series_equal(X, frame.data)
    pd.testing.assert_series_equal(y, frame.target)


def test_source_and_licence_are_shipped_beside_the_data(reviews):
    for words in ("Hutto", "Gilbert", "Pang", "Lee", "The MIT License", "-4", "10,605 sentences"):
        assert words in reviews.DESCR
    assert "census" not in reviews.DESCR
    assert "movie" not in load_adult().DESCR


def test_two_loads_share_no_memory(reviews):
    changed = load_movie_reviews()
    changed.data.iloc[0], changed.target.iloc[0] = "nothing", -9
    assert changed.frame.loc[0, "score"] == reviews.target[0] == load_movie_reviews().target[0] > 0
    assert changed.frame.loc[0, "text"] == reviews.data[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target": "stars"}, "'target' parameter of load_movie_reviews must be 'score' or 'label'. Got 'stars'"),
        ({"target": ["label"]}, r"must be 'score' or 'label'. Got \['label'\]"),
        ({"threshold": -1}, "'threshold' parameter of load_movie_reviews must be a number from 0 to below 4. Got -1"),
        ({"threshold": 4}, "from 0 to below 4. Got 4"),
        ({"threshold": float("nan")}, "from 0 to below 4. Got nan"),
        ({"threshold": "1"}, "from 0 to below 4. Got '1'"),
        ({"threshold": True}, "from 0 to below 4. Got True"),
        ({"as_frame": "no"}, "'as_frame' parameter of load_movie_reviews must be True or False. Got 'no'"),
        ({"return_X_y": 1}, "'return_X_y' parameter of load_movie_reviews must be True or False. Got 1"),
    ],
)
def test_what_does_not_fit_says_what_would(wrong, message):
    with pytest.raises(ValueError, match=message):
        load_movie_reviews(**wrong)
