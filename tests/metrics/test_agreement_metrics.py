"""Agreement with a reference: by hand, against the mean over all orders of ties, and on planted attributions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kendalltau
from torch import nn

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, RandomExplainer, SaliencyExplainer
from sklearn_xai.datasets import make_attribution_linear
from sklearn_xai.engines.agreement import pair_order_agreement, top_k_agreement, top_shares
from sklearn_xai.metrics import (
    feature_agreement,
    pairwise_rank_agreement,
    rank_agreement,
    rank_correlation,
    sign_agreement,
    signed_rank_agreement,
)
from tests.oracles import mlp, seeded

TOP = [feature_agreement, rank_agreement, sign_agreement, signed_rank_agreement]
ORDERED = [rank_correlation, pairwise_rank_agreement]
ROWS = np.random.RandomState(0).randn(6, 3)
IMAGES = np.random.RandomState(0).rand(4, 2, 4, 5)
every = pytest.mark.parametrize("metric", TOP + ORDERED)
every_top = pytest.mark.parametrize("metric", TOP)
tied = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 0.5, 1.0, 2.0])


@pytest.fixture(scope="module")
def explainer():
    return InputXGradientExplainer(seeded(lambda: mlp(3, 1))).fit(ROWS)


# ---------------------------------------------------------------- by hand
A = [[3.0, -2, 1], [3, -2, 1], [1, 2, 3], [2, 2, 0], [0, 0, 0], [4, 0, 0]]
B = [[3.0, -2, 1], [-3, -1, 2], [3, 2, 1], [1, 3, 2], [1, 2, 3], [4, 2, 1]]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # Both name two players; one of two; one of two; half of each tie, for 1 and 0; none; one of two.
        (feature_agreement, [1, 0.5, 0.5, 0.5, 0, 0.5]),
        (rank_agreement, [1, 0.5, 0.5, 0.25, 0, 0.5]),
        (sign_agreement, [1, 0, 0.5, 0.5, 0, 0.5]),
        (signed_rank_agreement, [1, 0, 0.5, 0.25, 0, 0.5]),
    ],
)
def test_two_of_three_players_by_hand(explainer, metric, expected):
    assert_allclose(metric(explainer, ROWS, reference=B, attributions=A, k=2, sample_wise=True), expected)
    assert metric(explainer, ROWS, reference=B, attributions=A, k=2) == pytest.approx(np.mean(expected))


def test_three_players_in_order_by_hand(explainer):
    options = {"reference": B, "attributions": A, "sample_wise": True}
    assert_allclose(rank_correlation(explainer, ROWS, **options), [1, 0.5, -1, 0, 0, np.sqrt(3) / 2], atol=1e-15)
    # The tie of the fourth row is one pair of three; of the last row two pairs are alike and one is a tie.
    assert_allclose(pairwise_rank_agreement(explainer, ROWS, **options), [1, 2 / 3, 0, 0.5, 0.5, 5 / 6])
    options["absolute"] = False
    assert_allclose(rank_correlation(explainer, ROWS, **options), [1, -0.5, -1, 0, 0, np.sqrt(3) / 2], atol=1e-15)
    assert_allclose(pairwise_rank_agreement(explainer, ROWS, **options), [1, 1 / 3, 0, 0.5, 0.5, 5 / 6])


def test_a_reference_decides_how_many_are_named(explainer):
    truth = [[0, 5.0, 0]] * 3
    found = feature_agreement(
        explainer, ROWS[:3], reference=truth, attributions=[[1, 3, 2], [3, 2, 1], [0, 1, 0]], k=3, sample_wise=True
    )
    assert_array_equal(found, [1, 0, 1])
    wide = SaliencyExplainer(seeded(lambda: mlp(9, 1))).fit(np.ones((2, 9)))
    a, b = np.zeros((1, 9)), np.arange(9.0)[None]
    a[0, [8, 7, 6]], a[0, 0] = 1, 9
    assert feature_agreement(wide, np.ones((1, 9)), reference=b, attributions=a) == pytest.approx(2 / 3)  # k = 3


# ---------------------------------------------------------------- ties
def all_orders(row):
    """Return the players from the largest on, for every order of those that tie."""
    size = np.abs(row)
    orders = {tuple(sorted(order, key=lambda i: -size[i])) for order in permutations(range(len(row)))}
    return [order for order in orders]


def shares_of_places(a):
    """Return how often each player is at each place over all orders of ties, none for a player of attribution zero."""
    orders = list(all_orders(a))
    shares = np.zeros((len(a), len(a)))
    for order in orders:
        for place, i in enumerate(order):
            shares[i, place] += (a[i] != 0) / len(orders)
    return shares


def slow_top(a, b, k, same_rank, same_sign):
    """Return what the shares of places have in common."""
    first, second = shares_of_places(a)[:, :k], shares_of_places(b)[:, :k]
    if same_rank:
        alike = np.minimum(first, second).sum(axis=1)
    else:
        alike = np.minimum(first.sum(axis=1), second.sum(axis=1))
    return alike[(a * b >= 0) | (not same_sign)].sum() / k


@settings(max_examples=40)
@given(pair=arrays(float, (2, 2, 4), elements=tied), k=st.integers(1, 5), rank=st.booleans(), sign=st.booleans())
def test_ties_share_their_places(pair, k, rank, sign):
    found = top_k_agreement(*pair, k, same_rank=rank, same_sign=sign)
    expected = [slow_top(a, b, k, rank, sign) for a, b in zip(*pair, strict=True)]
    assert_allclose(found, expected, atol=1e-12)
    most = [min(np.sum(a != 0), k) / k for a in pair[0]]
    assert_allclose(top_k_agreement(pair[0], pair[0], k, same_rank=rank, same_sign=sign), most)


@given(arrays(float, (2, 3, 7), elements=tied))
def test_pairs_are_those_counted_one_by_one(pair):
    for a, b, found in zip(*pair, pair_order_agreement(*pair), strict=True):
        counted = [
            (1 + np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])) / 2 for i in range(7) for j in range(i) if b[i] != b[j]
        ]
        assert found == pytest.approx(np.mean(counted) if counted else 0.5)


@pytest.mark.parametrize("n_players", [2, 63, 200, 40_000])
def test_pairs_of_many_players_are_as_kendall_counts_them(n_players):
    a, b = np.random.RandomState(n_players).randn(2, 2, n_players)
    a += b
    expected = [(1 + kendalltau(*row).statistic) / 2 for row in zip(a, b, strict=True)]
    assert_allclose(pair_order_agreement(a, b), expected, rtol=1e-12)


def test_empty_and_per_row_counts():
    nothing = np.empty((0, 3))
    assert top_k_agreement(nothing, nothing, 2).shape == pair_order_agreement(nothing, nothing).shape == (0,)
    assert_array_equal(top_shares(np.array([[1, 1, 0], [3, 2, 1]]), np.array([[1], [2]])), [[0.5, 0.5, 0], [1, 1, 0]])
    assert_allclose(top_k_agreement([[3, 2, 1]] * 2, [[3, 1, 2]] * 2, [1, 2]), [1, 0.5])


# ---------------------------------------------------------------- properties
@every
@settings(max_examples=25)
@given(
    pair=arrays(float, (2, 3, 3), elements=tied),
    places=st.permutations(range(3)),
    order=st.permutations(range(3)),
    factor=st.sampled_from([0.25, 3.0, 8.0]),
)
def test_neither_place_nor_scale_nor_the_order_of_rows_matters(metric, explainer, pair, places, order, factor):
    a, b = pair
    before = pair.copy()
    found = metric(explainer, ROWS[:3], reference=b, attributions=a, sample_wise=True)
    moved = metric(
        explainer, ROWS[:3], reference=b[order][:, places], attributions=factor * a[order][:, places], sample_wise=True
    )
    assert_allclose(moved, found[order], atol=1e-12)
    assert (np.abs(found) <= 1).all()
    assert_array_equal(pair, before)


@every
@settings(max_examples=25)
@given(b=arrays(float, (3, 3), elements=tied))
def test_an_explanation_that_says_nothing_scores_no_better_than_chance(metric, explainer, b):
    for a in (np.zeros((3, 3)), b):
        zeros = np.zeros((3, 3))
        chance = 0.5 if metric is pairwise_rank_agreement else 0.0
        assert_array_equal(metric(explainer, ROWS[:3], reference=a, attributions=zeros, sample_wise=True), chance)
        assert_array_equal(metric(explainer, ROWS[:3], reference=zeros, attributions=a, sample_wise=True), chance)


@every
def test_the_truth_scores_best_and_chance_far_below(metric):
    X, _, truth, model = make_attribution_linear(60, n_informative=4, random_state=0, return_model=True)
    exact = IntegratedGradientsExplainer(model, baseline=np.zeros(10)).fit(X)
    best = metric(exact, X, reference=truth, attributions=truth)
    assert best == pytest.approx(1.0)
    assert metric(exact, X, reference=truth) == pytest.approx(1.0, abs=1e-3)
    random = metric(exact, X, reference=truth, attributions=RandomExplainer(model, random_state=0).fit(X).transform(X))
    constant = metric(exact, X, reference=truth, attributions=np.ones_like(X))
    assert max(random, constant) < 0.65
    half = metric(exact, X, reference=truth, attributions=truth + 0.3 * np.random.RandomState(1).randn(*X.shape))
    assert random + 0.1 < half < best


@every_top
def test_one_player_agrees_where_both_name_it(metric):
    single = SaliencyExplainer(seeded(lambda: mlp(1, 1))).fit(ROWS[:, :1])
    found = metric(single, ROWS[:3, :1], reference=[[2], [1], [0]], attributions=[[1], [0], [1]], sample_wise=True)
    assert_array_equal(found, [1, 0, 0])


# ---------------------------------------------------------------- what a reference may be
@every
def test_a_reference_is_an_array_a_frame_an_explanation_or_an_explainer(metric, explainer):
    other = SaliencyExplainer(seeded(lambda: mlp(3, 1))).fit(ROWS)
    values = other.transform(ROWS)
    expected = metric(explainer, ROWS, reference=values, sample_wise=True)
    for reference in (values.tolist(), pd.DataFrame(values), other.explain(ROWS), other):
        assert_array_equal(metric(explainer, ROWS, reference=reference, sample_wise=True), expected)
    assert_array_equal(
        metric(explainer, ROWS, reference=values, attributions=explainer.explain(ROWS), sample_wise=True), expected
    )


@every
def test_an_explainer_is_asked_for_the_outputs_that_are_explained(metric):
    module = seeded(lambda: mlp(3, 3))
    judged, all_of = (InputXGradientExplainer(module, target=target).fit(ROWS) for target in (2, "all"))
    other = SaliencyExplainer(module, target=0).fit(ROWS)
    right = SaliencyExplainer(module, target=2).fit(ROWS).transform(ROWS)
    found = metric(judged, ROWS, reference=other, sample_wise=True)
    assert_array_equal(found, metric(judged, ROWS, reference=right, sample_wise=True))
    together = metric(all_of, ROWS, reference=other, sample_wise=True)
    blocks = SaliencyExplainer(module, target="all").fit(ROWS)
    for reference in (blocks.transform(ROWS), blocks.explain(ROWS)):
        assert_array_equal(metric(all_of, ROWS, reference=reference, sample_wise=True), together)
    parts = [
        metric(InputXGradientExplainer(module, target=k).fit(ROWS), ROWS, reference=other, sample_wise=True)
        for k in range(3)
    ]
    assert_allclose(together, np.mean(parts, axis=0))


@every
def test_channels_of_images_are_added_up_where_the_other_side_has_none(metric):
    module = seeded(lambda: nn.Sequential(nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(24, 2)))
    every_channel, summed = (
        SaliencyExplainer(module, target=1, channels=channels).fit(IMAGES) for channels in ("keep", "sum")
    )
    b = np.random.RandomState(3).randn(4, 2, 4, 5)
    expected = metric(summed, IMAGES, reference=b.sum(axis=1, keepdims=True), sample_wise=True)
    for judged, reference in [
        (summed, b),
        (every_channel, b.sum(axis=1, keepdims=True)),
        (every_channel, b.sum(axis=1)),
    ]:
        assert_allclose(metric(judged, IMAGES, reference=reference, sample_wise=True), expected)
    assert_array_equal(
        metric(every_channel, IMAGES, reference=b), metric(every_channel, IMAGES, reference=b.reshape(4, -1))
    )
    all_of = SaliencyExplainer(module, target="all").fit(IMAGES)
    by_output = metric(all_of, IMAGES, reference=np.stack([b, b], axis=-1))
    both = [metric(SaliencyExplainer(module, target=k).fit(IMAGES), IMAGES, reference=b) for k in range(2)]
    assert by_output == pytest.approx(np.mean(both))


# ---------------------------------------------------------------- errors
@every
@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (np.ones((5, 3)), r"one row for each of the 6 rows of X, .* Got shape \(5, 3\)"),
        (np.ones((6, 4)), r"must have attributions of the same players. Got shape \(6, 4\), .* 3 players"),
        ("truth", "or a fitted explainer. Got str"),
        ({"a": 1}, "or a fitted explainer. Got dict"),
        (np.full((6, 3), np.nan), "must be finite"),
    ],
)
def test_a_wrong_reference_is_named(metric, explainer, reference, message):
    with pytest.raises(ValueError, match=f"'reference' parameter of {metric.__name__} .*{message}"):
        metric(explainer, ROWS, reference=reference)


def test_a_reference_of_one_output_does_not_do_for_all(explainer):
    judged = SaliencyExplainer(seeded(lambda: mlp(3, 2)), target="all").fit(ROWS)
    with pytest.raises(ValueError, match=r"attributions of each of the 2 explained outputs. Got shape \(6, 3\)"):
        feature_agreement(judged, ROWS, reference=np.ones((6, 3)))


@every_top
@pytest.mark.parametrize("k", [0, 4, True, 1.5, "all"])
def test_a_wrong_k_is_named(metric, explainer, k):
    with pytest.raises(ValueError, match=f"'k' parameter of {metric.__name__} must be None or an integer from 1 to 3"):
        metric(explainer, ROWS, reference=B, k=k)
