"""Sentences of movie reviews, and how favourable people found them."""

from __future__ import annotations

import csv
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

from sklearn_xai.datasets._shipped import check_switches, described, shipped

if TYPE_CHECKING:
    import pandas as pd

FILE = "movie_reviews.tsv.gz"
HIGHEST = 4.0


def load_movie_reviews(
    *, return_X_y: bool = False, as_frame: bool = True, target: str = "score", threshold: float = 0.5
) -> Any:
    """Load 10,605 sentences of movie reviews: how favourable is each?

    The score of a sentence is the mean of what up to 20 people gave it, from -4 (extremely negative) to 4 (extremely
    positive). About half of the scores are positive. The sentences come with the package.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Return Series; otherwise ndarrays, that of the texts with dtype object.
    target : {"score", "label"}, default="score"
        What is to be predicted: the score, or its sign as an integer, 0 for negative and 1 for positive sentences.
    threshold : float, default=0.5
        With ``target="label"``, sentences whose score is nearer to 0 than this are left out, and those with a score of
        0 always. 533 of them are by default.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        With the keys

        - ``data``: Series or ndarray of shape (n_samples,), the texts: 1 to 51 words parted by spaces.
        - ``target``: Series or ndarray of shape (n_samples,): float64 scores, or int64 labels, as skorch takes them.
        - ``frame``: DataFrame of shape (n_samples, 2), ``text`` and the target; None without `as_frame`.
        - ``target_names``: ``["score"]``, or what the labels 0 and 1 stand for: ``["negative", "positive"]``.
        - ``DESCR``: what the sentences are, their source and their licence.
    (data, target) : tuple
        When `return_X_y` is True.

    Raises
    ------
    ValueError
        If `target` is neither of the two, `threshold` not a number from 0 to below 4, or a switch not a bool.

    Notes
    -----
    The sentences come in the order of their publication, nearly all of the favourable ones first: shuffle them before
    you take a part, as ``train_test_split`` does.

    References
    ----------
    B. Pang, L. Lee (2005). Seeing Stars: Exploiting Class Relationships for Sentiment Categorization with Respect to
    Rating Scales.

    C. J. Hutto, E. Gilbert (2014). VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text.

    Examples
    --------
    >>> from sklearn_xai.datasets import load_movie_reviews
    >>> reviews = load_movie_reviews()
    >>> print(reviews.data[2], round(reviews.target[2], 1))
    Effective but too tepid biopic -0.6
    >>> X, y = load_movie_reviews(return_X_y=True, target="label")
    >>> X.shape, round(float(y.mean()), 2)
    ((10072,), 0.5)
    """
    check_switches("load_movie_reviews", return_X_y=return_X_y, as_frame=as_frame)
    if target not in ("score", "label"):
        raise ValueError(f"The 'target' parameter of load_movie_reviews must be 'score' or 'label'. Got {target!r}.")
    if isinstance(threshold, bool) or not isinstance(threshold, Real) or not 0 <= threshold < HIGHEST:
        raise ValueError(
            f"The 'threshold' parameter of load_movie_reviews must be a number from 0 to below 4. Got {threshold!r}."
        )

    frame = _read()
    if target == "label":
        score = frame["score"]
        frame = frame[(score.abs() >= threshold) & (score != 0)].reset_index(drop=True)
        frame["label"] = (frame["score"] > 0).astype(np.int64)
    frame = frame[["text", target]]
    data, wanted = frame["text"].copy(), frame[target].copy()
    if not as_frame:
        frame, data, wanted = None, data.to_numpy(dtype=object), wanted.to_numpy()
    if return_X_y:
        return data, wanted
    return Bunch(
        data=data,
        target=wanted,
        frame=frame,
        target_names=["score"] if target == "score" else ["negative", "positive"],
        DESCR=described(FILE),
    )


def _read() -> pd.DataFrame:
    import pandas as pd

    with shipped(FILE).open("rb") as file:
        return pd.read_csv(file, compression="gzip", sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False)
