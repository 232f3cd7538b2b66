"""What every metric of explanations does, whichever it is: found by registry, so that a new one is tested at once."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import InputXGradientExplainer, metrics
from sklearn_xai.metrics import METRICS
from sklearn_xai.metrics._registry import FAMILIES
from tests.metrics.every_metric import (
    IMAGE_NAMES,
    NAMES,
    TABLE_NAMES,
    Case,
    constant_case,
    fast_parameters,
    frame_case,
    image_case,
    rows,
    single_case,
    table_case,
)
from tests.oracles import mlp, seeded
from tests.test_hygiene import random_states, state

# Metrics that are the same for all attributions multiplied by one positive number.
SCALE_FREE = [
    "complexity",
    "comprehensiveness",
    "deletion_auc",
    "effective_complexity",
    "faithfulness_correlation",
    "feature_agreement",
    "insertion_auc",
    "monotonicity_correlation",
    "pairwise_rank_agreement",
    "pointing_game",
    "prediction_gap_important",
    "prediction_gap_unimportant",
    "rank_agreement",
    "rank_correlation",
    "relevance_mass_accuracy",
    "relevance_rank_accuracy",
    "sensitivity_n",
    "sign_agreement",
    "signed_rank_agreement",
    "sparseness",
    "sufficiency",
]
# Metrics that draw nothing which belongs to a column.
ORDER_FREE = [name for name in SCALE_FREE if name not in ("faithfulness_correlation", "sensitivity_n")] + [
    "completeness_gap",
    "implementation_invariance",
    "input_invariance",
    "non_sensitivity",
]
every_metric = pytest.mark.parametrize("name", NAMES)
every_table_metric = pytest.mark.parametrize("name", TABLE_NAMES)


# ---------------------------------------------------------------- form
@every_metric
def test_the_form_is_that_of_all_metrics(name):
    metric = METRICS[name]
    assert getattr(metrics, name) is metric.function and name in metrics.__all__
    assert metric.family in FAMILIES and isinstance(metric.greater_is_better, bool)
    parameters = inspect.signature(metric.function).parameters
    assert list(parameters)[:3] == ["explainer", "X", "y"]
    assert parameters["y"].default is None
    own = list(parameters.values())[3:]
    assert {parameter.kind for parameter in own} == {inspect.Parameter.KEYWORD_ONLY}
    assert {"attributions": None, "sample_wise": False, "random_state": None}.items() <= {
        parameter.name: parameter.default for parameter in own
    }.items()
    assert {parameter.name for parameter in own if parameter.default is parameter.empty} == set(metric.needs)


@every_metric
def test_the_docstring_says_all_that_must_be_known(name):
    text = inspect.getdoc(METRICS[name].function)
    assert "?" in text.partition("\n\n")[0]
    for section in ("Parameters", "Returns", "Raises", "References", "See Also", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text, section
    assert "%(" not in text
    described = text.partition("Parameters\n---")[2].partition("Returns\n---")[0]
    for parameter in inspect.signature(METRICS[name].function).parameters:
        assert f"{parameter} : " in described or f"{parameter}, " in described, parameter


# ---------------------------------------------------------------- numbers
@every_table_metric
@pytest.mark.parametrize("target", [1, "all"])
def test_one_number_a_row_or_their_mean(name, target):
    case = table_case(target)
    found = case.score(name)
    assert found.shape == (len(case.X),) and found.dtype == np.float64 and np.isfinite(found).all()
    together = case.score(name, sample_wise=False)
    assert type(together) is float
    assert together == pytest.approx(found.mean())


@every_table_metric
@pytest.mark.parametrize("value", [0.0, 1.0, -2.0])
@pytest.mark.parametrize("case", [table_case, constant_case, single_case])
def test_finite_where_an_explanation_says_nothing(name, value, case):
    attributions = np.full(case().attributions.shape, value)
    assert np.isfinite(case().score(name, attributions=attributions)).all()


@every_table_metric
@pytest.mark.parametrize("case", [constant_case, single_case])
def test_finite_on_constant_models_and_single_players(name, case):
    found = case().score(name)
    assert np.isfinite(found).all()
    drawn = np.random.RandomState(5).randn(*case().attributions.shape)
    assert np.isfinite(case().score(name, attributions=drawn)).all()


@every_table_metric
@pytest.mark.parametrize("case", [table_case, frame_case])
def test_a_row_alone_scores_as_among_others(name, case):
    """Of a network's rows, and of a pipeline's with words and gaps."""
    case = case()
    together = case.score(name)
    assert together.shape == (len(case.X),) and np.isfinite(together).all()
    alone = np.concatenate([case.score(name, [i]) for i in (0, 2)])
    rounding = np.finfo(case.dtype).eps * 100
    assert_allclose(alone, together[[0, 2]], rtol=rounding, atol=rounding * (1 + np.abs(together).max()))


@every_table_metric
@pytest.mark.parametrize("attributions", ["own", "ties"])
def test_the_order_of_rows_does_not_matter(name, attributions):
    case = table_case()
    values = case.attributions if attributions == "own" else np.sign(case.attributions)
    order = np.random.RandomState(3).permutation(len(case.X))
    found = case.score(name, order, attributions=values[order])
    assert_allclose(found, case.score(name, attributions=values)[order], rtol=1e-9, atol=1e-12)


@every_table_metric
def test_the_same_seed_gives_the_same_score(name):
    case, attributions = table_case(), np.sign(table_case().attributions)
    for seed in (0, 1, np.random.RandomState(2), None):
        found = case.score(name, attributions=attributions, random_state=seed)
        assert_array_equal(case.score(name, attributions=attributions, random_state=seed), found)


# ---------------------------------------------------------------- what attributions may be
@every_table_metric
@pytest.mark.parametrize("kind", ["one output", "all outputs", "groups of words and numbers"])
def test_attributions_at_hand_score_as_those_computed(name, kind):
    case = table_case() if kind == "one output" else table_case("all") if kind == "all outputs" else frame_case(True)
    found = case.score(name)
    assert found.shape == (len(case.X),) and np.isfinite(found).all()
    transformed = case.explainer.transform(case.X)
    for attributions in (transformed, pd.DataFrame(transformed), case.explainer.explain(case.X)):
        given = case.score(name, attributions=attributions)
        assert_allclose(given, found, rtol=1e-6, atol=1e-7, err_msg=type(attributions).__name__)


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_images(name):
    case = image_case()
    found = case.score(name)
    assert found.shape == (3,) and np.isfinite(found).all()
    zeros = case.score(name, attributions=np.zeros_like(case.attributions))
    assert zeros.shape == (3,) and np.isfinite(zeros).all()
    assert_allclose(case.score(name, attributions=case.explainer.transform(case.X)), found)
    assert_allclose(case.score(name, attributions=case.explainer.explain(case.X)), found)
    assert_allclose(case.score(name, [1]), found[1:2], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in TABLE_NAMES if name in SCALE_FREE])
@settings(max_examples=8, deadline=None)
@given(exponent=st.integers(-20, 20))
def test_the_unit_of_attributions_does_not_matter(name, exponent):
    """Powers of two, by which numbers are multiplied without rounding."""
    case = table_case()
    found = case.score(name, attributions=case.attributions * 2.0**exponent)
    assert_allclose(found, case.score(name), rtol=1e-9, atol=1e-12)


class Reordered(nn.Module):
    """The same network of columns in another order."""

    def __init__(self, module, order):
        super().__init__()
        self.module, self.places = module, np.argsort(order).tolist()

    def forward(self, X):
        return self.module(X[:, self.places])


@pytest.mark.parametrize("name", [name for name in TABLE_NAMES if name in ORDER_FREE])
@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_order_of_columns_does_not_matter(name, order):
    """Where nothing is drawn but the order of ties, of which there are none."""
    case = table_case()
    other = InputXGradientExplainer(Reordered(case.explainer.estimator, order), target=1).fit(rows(20, 5)[:, order])
    moved = Case(other, case.X[:, order])
    assert_allclose(moved.attributions, case.attributions[:, order], atol=1e-12)
    moved.needs = {need: values[:, order] for need, values in case.needs.items()}
    assert_allclose(moved.score(name), case.score(name), rtol=1e-7, atol=1e-9)


# ---------------------------------------------------------------- what is left alone
@every_table_metric
def test_what_the_caller_gave_is_not_written_to(name):
    case = table_case()
    X, attributions = case.X.copy(), case.attributions.copy()
    X.flags.writeable = attributions.flags.writeable = False
    needs = {need: case.needs[need].copy() for need in METRICS[name].needs}
    for array in needs.values():
        array.flags.writeable = False
    METRICS[name].function(case.explainer, X, attributions=attributions, **fast_parameters(name) | needs)
    explanation = case.explainer.explain(case.X)
    before = explanation.values.copy(), explanation.base_values.copy()
    case.score(name, attributions=explanation)
    assert_array_equal(explanation.values, before[0])
    assert_array_equal(explanation.base_values, before[1])
    frame = frame_case()
    shown = frame.X.copy(deep=True)
    values = pd.DataFrame(frame.attributions)
    kept = values.copy(deep=True)
    frame.score(name, attributions=values)
    pd.testing.assert_frame_equal(frame.X, shown)
    pd.testing.assert_frame_equal(values, kept)


class Fragile(nn.Module):
    """Breaks down in ``forward`` after some calls, in the midst of a metric."""

    left = np.inf

    def __init__(self):
        super().__init__()
        self.layers = mlp(5, 2, nn.Tanh)
        self.drop = nn.Dropout(0.5)

    def forward(self, X):
        self.count()
        return self.drop(self.layers(X))

    def count(self):
        type(self).left -= 1
        if type(self).left < 0:
            raise RuntimeError("broken down")


def worn_case():
    """Return an explainer of a module in no default state: mixed modes, a frozen layer, a gradient, a hook."""
    module = seeded(Fragile)
    module.train()
    module.layers[0].eval()
    module.layers[0].weight.requires_grad_(False)
    module.layers[2].weight.grad = torch.full_like(module.layers[2].weight, 2.5)
    module.layers[1].register_forward_hook(lambda layer, args, output: None)
    explainer = InputXGradientExplainer(module, target=0).fit(rows(20, 5))
    return Case(explainer, rows(6, 5, seed=1)), module


@pytest.fixture
def unbroken():
    yield
    Fragile.left = np.inf


@every_table_metric
def test_the_network_and_the_random_states_are_left_as_they_were(name, unbroken):
    case, module = worn_case()
    before, drawn = state(module), random_states()
    case.score(name, random_state=None)
    case.score(name, random_state=3)
    assert state(module) == before
    assert random_states() == drawn


@every_table_metric
def test_also_after_an_exception(name, unbroken):
    case, module = worn_case()
    before, drawn = state(module), random_states()
    broken = 0
    for calls in range(4):
        Fragile.left = calls
        try:
            case.score(name)
        except (RuntimeError, ValueError) as error:  # a fit says which network it was
            assert "broken down" in str(error)
            broken += 1
        assert state(module) == before
        assert random_states() == drawn
    # metrics of attributions alone may call the model once, for the attributions, or twice
    assert broken >= 1


# ---------------------------------------------------------------- what does not fit
@every_table_metric
def test_what_does_not_fit_is_named(name):
    case = table_case()
    for attributions in (case.attributions[:3], np.full_like(case.attributions, np.nan)):
        with pytest.raises(ValueError, match=name):
            case.score(name, attributions=attributions)
