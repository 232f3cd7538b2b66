"""Faithfulness on models of three features, where every value can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from sklearn_xai import InputXGradientExplainer, OcclusionExplainer, RandomExplainer, ShapleyExplainer
from sklearn_xai.engines.agreement import draw_subsets
from sklearn_xai.metrics import (
    comprehensiveness,
    deletion_auc,
    faithfulness_correlation,
    infidelity,
    insertion_auc,
    monotonicity_correlation,
    perturbation_curve,
    prediction_gap_important,
    prediction_gap_unimportant,
    sensitivity_n,
    sufficiency,
)

ROW = np.ones((1, 3), dtype=np.float32)
EXACT = np.array([[4.0, 2.0, -1.0]])  # of 4 x0 + 2 x1 - x2 against a background of zeros
CURVES = (deletion_auc, insertion_auc, comprehensiveness, sufficiency)
GAPS = (prediction_gap_important, prediction_gap_unimportant)


@pytest.fixture
def explainer():
    net = torch.nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[4.0, 2.0, -1.0]]))
    return InputXGradientExplainer(net).fit(np.zeros((4, 3), dtype=np.float32))


# ---------------------------------------------------------------- curves
def test_curves_by_hand(explainer):
    fractions, deletion = perturbation_curve(explainer, ROW)
    np.testing.assert_allclose(fractions, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(deletion, [[5, 1, -1, 0]])
    np.testing.assert_allclose(perturbation_curve(explainer, ROW, kind="insertion")[1], [[0, 4, 6, 5]])
    by_size = [[1.0, 2.0, -9.0]]
    np.testing.assert_allclose(perturbation_curve(explainer, ROW, attributions=by_size)[1], [[5, 3, -1, 0]])
    np.testing.assert_allclose(
        perturbation_curve(explainer, ROW, attributions=by_size, absolute=True)[1], [[5, 6, 4, 0]]
    )


def test_areas_by_hand(explainer):
    assert deletion_auc(explainer, ROW) == pytest.approx((5 / 2 + 1 - 1 + 0 / 2) / 3)
    assert insertion_auc(explainer, ROW) == pytest.approx((0 / 2 + 4 + 6 + 5 / 2) / 3)
    assert deletion_auc(explainer, ROW, n_steps=1) == pytest.approx(2.5)
    assert comprehensiveness(explainer, ROW, fractions=[1 / 3, 2 / 3]) == pytest.approx((4 + 6) / 2)
    assert sufficiency(explainer, ROW, fractions=[1 / 3, 2 / 3]) == pytest.approx((1 - 1) / 2)
    assert comprehensiveness(explainer, ROW, fractions=0.01) == pytest.approx(4)  # at least one player
    assert sufficiency(explainer, ROW, fractions=1.0) == pytest.approx(0)


def test_prediction_gaps_by_hand(explainer):
    assert prediction_gap_important(explainer, ROW) == pytest.approx(4)
    assert prediction_gap_unimportant(explainer, ROW) == pytest.approx(1)
    assert prediction_gap_important(explainer, ROW, k=3) == pytest.approx(5)
    assert prediction_gap_unimportant(explainer, ROW, k=2, attributions=[[0, 1, -9]]) == pytest.approx(4)


def test_a_gap_is_the_mean_of_changes_and_not_the_change_of_the_mean():
    net = torch.nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[4.0, 2.0, -1.0]]))
    around = np.array([[1, 0, 0], [-1, 0, 0]], dtype=np.float32)
    explainer = InputXGradientExplainer(net).fit(around)
    row = np.zeros((1, 3), dtype=np.float32)
    attributions = [[3.0, 0.0, 0.0]]
    assert prediction_gap_important(explainer, row, attributions=attributions) == pytest.approx(4)
    assert comprehensiveness(explainer, row, attributions=attributions, fractions=0.3) == pytest.approx(0)
    # Likewise the first feature matters to the monotonicity, though its changes cancel out.
    assert monotonicity_correlation(explainer, row, attributions=attributions) == pytest.approx(1)


def test_steps_are_equal_shares():
    net = torch.nn.Linear(100, 1)
    X = np.random.RandomState(0).randn(3, 100).astype(np.float32)
    explainer = InputXGradientExplainer(net).fit(X)
    fractions, values = perturbation_curve(explainer, X)
    assert values.shape == (3, 65)
    assert np.diff(fractions).max() < 0.021
    assert perturbation_curve(explainer, X, n_steps=4)[0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(values[:, 0], explainer.explained_output(X), rtol=1e-6)
    nobody = explainer.coalition_values(X, np.zeros((1, 100), dtype=bool))
    np.testing.assert_allclose(values[:, -1:], nobody)


# ---------------------------------------------------------------- subsets
def test_infidelity_by_hand(explainer):
    assert infidelity(explainer, ROW) == pytest.approx(0, abs=1e-9)
    assert infidelity(explainer, ROW, attributions=[[0, 0, 0]], subset_size=3) == pytest.approx(25)
    with_last = ~draw_subsets(3, 50, subset_size=1, random_state=3)[:, 2]
    found = infidelity(explainer, ROW, attributions=[[4, 2, 0]], subset_size=1, n_subsets=50, random_state=3)
    assert 0 < found == pytest.approx(with_last.mean())


def test_infidelity_of_proportions(explainer):
    assert infidelity(explainer, ROW, attributions=-7 * EXACT, normalize=True) == pytest.approx(0, abs=1e-9)
    assert infidelity(explainer, ROW, attributions=0 * EXACT, normalize=True) == pytest.approx(
        infidelity(explainer, ROW, attributions=0 * EXACT)
    )
    # One subset of two players at a time: beta = sum ab / sum a^2.
    kept = draw_subsets(3, 20, subset_size=2, random_state=0)
    a, b = (~kept) @ np.array([1.0, 1.0, 1.0]), (~kept) @ EXACT[0]
    expected = np.mean((a * (a @ b) / (a @ a) - b) ** 2)
    options = {"subset_size": 2, "n_subsets": 20, "random_state": 0}
    assert infidelity(explainer, ROW, attributions=[[1, 1, 1]], normalize=True, **options) == pytest.approx(expected)


def test_sensitivity_n_by_hand(explainer):
    assert sensitivity_n(explainer, ROW) == pytest.approx(1)
    wrong = [[1.0, 2.0, 3.0]]
    one = np.corrcoef([1, 2, 3], [4, 2, -1])[0, 1]
    two = np.corrcoef([3, 4, 5], [6, 3, 1])[0, 1]
    assert sensitivity_n(explainer, ROW, attributions=wrong, sizes=[1]) == pytest.approx(one)
    assert sensitivity_n(explainer, ROW, attributions=wrong, sizes=[1, 2]) == pytest.approx((one + two) / 2)
    assert sensitivity_n(explainer, ROW, attributions=wrong, sizes=3) == 0  # one subset has no correlation


def test_monotonicity_by_hand(explainer):
    assert monotonicity_correlation(explainer, ROW) == pytest.approx(1)
    assert monotonicity_correlation(explainer, ROW, attributions=[[1, 2, 3]]) == pytest.approx(-1)
    tied = monotonicity_correlation(explainer, ROW, attributions=[[1, -1, 3]])
    assert tied == pytest.approx(spearmanr([1, 1, 3], [16, 4, 1]).statistic)


# ---------------------------------------------------------------- what they all do
def test_an_explanation_that_says_nothing_is_put_in_a_random_order(explainer):
    nothing = np.zeros((1, 3))
    for metric in (*CURVES, *GAPS):
        scores = {round(metric(explainer, ROW, attributions=nothing, random_state=seed), 6) for seed in range(20)}
        assert len(scores) > 1, metric.__name__
        assert metric(explainer, ROW, attributions=nothing, random_state=4) == metric(
            explainer, ROW, attributions=nothing, random_state=4
        )
    for metric in (faithfulness_correlation, sensitivity_n, monotonicity_correlation):
        assert metric(explainer, ROW, attributions=nothing) == 0


def test_many_rows_of_their_own_orders_equal_single_rows():
    X, y = make_classification(30, 6, random_state=0)
    model = LogisticRegression().fit(X, y)
    explainer = ShapleyExplainer(model).fit(X)
    for metric in (*CURVES, *GAPS, infidelity, sensitivity_n, monotonicity_correlation):
        together = metric(explainer, X[:7], sample_wise=True, random_state=0)
        alone = [metric(explainer, X[i : i + 1], random_state=0) for i in range(7)]
        np.testing.assert_allclose(together, alone, atol=1e-12, err_msg=metric.__name__)


@pytest.mark.parametrize("removal", ["marginal", "baseline", "conditional"])
def test_a_row_s_own_coalitions_are_those_of_an_explicit_loop(removal):
    rng = np.random.RandomState(0)
    X, y = make_classification(60, 5, n_informative=4, n_redundant=1, random_state=0)
    net = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    frame = pd.DataFrame(X, columns=list("abcde"))
    for estimator, rows in ((LogisticRegression().fit(frame, y), frame), (net, X.astype(np.float32))):
        explainer = OcclusionExplainer(estimator, background_size=30, random_state=0).fit(rows)
        few = rows[:6]
        kept = rng.rand(6, 9, 5) > 0.5
        kept[:, 0], kept[:, 1] = False, True
        found = explainer.coalition_values(few, kept, removal=removal)
        for i in range(6):
            one = explainer.coalition_values(few[i : i + 1], kept[i], removal=removal)
            np.testing.assert_allclose(found[i], one[0], rtol=1e-5, atol=1e-6)
        each = explainer.coalition_values(few, kept, removal=removal, average=False)
        np.testing.assert_allclose(each.mean(axis=2), found, rtol=1e-5, atol=1e-6)


def test_another_removal_than_the_explainer_s_own():
    X, y = make_classification(60, 4, random_state=0)
    model = LogisticRegression().fit(X, y)
    ours, other = (OcclusionExplainer(model, removal=removal).fit(X) for removal in ("baseline", "conditional"))
    attributions = ours.transform(X[:5])
    found = deletion_auc(ours, X[:5], removal="conditional")
    assert found == deletion_auc(other, X[:5], attributions=attributions)
    assert found != deletion_auc(ours, X[:5])
    with pytest.raises(ValueError, match="'removal' parameter of .* must be None, 'marginal', .* Got 'mean'"):
        deletion_auc(ours, X[:5], removal="mean")


def test_outputs_can_be_chosen_row_by_row():
    X = np.random.RandomState(0).randn(20, 4).astype(np.float32)
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    every = InputXGradientExplainer(net, target="all").fit(X)
    one = InputXGradientExplainer(net, target=0).fit(X)
    targets = np.arange(20) % 3
    rows = np.arange(20)
    np.testing.assert_allclose(
        one.attribute(X, targets), every.transform(X).reshape(20, 3, 4)[rows, targets], rtol=1e-6
    )
    np.testing.assert_allclose(one.explained_output(X, targets), every.explained_output(X)[rows, targets], rtol=1e-6)
    kept = np.eye(4, dtype=bool)
    np.testing.assert_allclose(
        one.coalition_values(X, kept, targets=targets), every.coalition_values(X, kept)[rows, :, targets], rtol=1e-5
    )
    assert one.explained_targets(X).tolist() == [0] * 20
    assert every.explained_targets(X[:2]).tolist() == [[0, 1, 2]] * 2
    for wrong in (np.arange(19), np.full(20, 3), np.full(20, -1), np.zeros(20)):
        with pytest.raises(ValueError, match="'targets' parameter .* from 0 to 2, for each of 20 rows"):
            one.attribute(X, wrong)


def test_chance_is_worse_than_shapley_values():
    X, y = make_classification(200, 8, n_informative=6, random_state=0)
    model = LogisticRegression().fit(X, y)
    exact, chance = (cls(model, random_state=0).fit(X) for cls in (ShapleyExplainer, RandomExplainer))
    for metric in (insertion_auc, comprehensiveness, prediction_gap_important, sensitivity_n, monotonicity_correlation):
        assert metric(exact, X[:50]) > metric(chance, X[:50]) + 0.2
    for metric in (deletion_auc, sufficiency, prediction_gap_unimportant, infidelity):
        assert metric(exact, X[:50]) < metric(chance, X[:50]) - 0.2


def test_what_cannot_be_asked_for(explainer):
    with pytest.raises(ValueError, match="'kind' parameter of perturbation_curve must be .* Got 'delete'"):
        perturbation_curve(explainer, ROW, kind="delete")
    for n_steps in (0, 2.5, True):
        with pytest.raises(
            ValueError, match="'n_steps' parameter of deletion_auc must be a whole number from 1, or None"
        ):
            deletion_auc(explainer, ROW, n_steps=n_steps)
    for fractions in ((), (0.0, 0.5), (1.5,), (np.nan,)):
        with pytest.raises(ValueError, match="'fractions' parameter of sufficiency must hold numbers above 0"):
            sufficiency(explainer, ROW, fractions=fractions)
    for k in (0, 4, 1.0):
        with pytest.raises(ValueError, match="'k' parameter of prediction_gap_important must be None or from 1 to 3"):
            prediction_gap_important(explainer, ROW, k=k)
    with pytest.raises(ValueError, match="'sizes' parameter of sensitivity_n must hold at least one"):
        sensitivity_n(explainer, ROW, sizes=[])
    with pytest.raises(ValueError, match="'subset_size' must be None or from 1 to 3"):
        sensitivity_n(explainer, ROW, sizes=[4])
    with pytest.raises(ValueError, match=r"'coalitions' parameter .* or \(1, n_coalitions, 3\). Got \(2, 1, 3\)"):
        explainer.coalition_values(ROW, np.ones((2, 1, 3), dtype=bool))
