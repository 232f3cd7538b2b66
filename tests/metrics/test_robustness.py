"""Sensitivity, local Lipschitz constants and relative stability, against closed forms and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestRegressor
from torch import nn

from sklearn_xai import (
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    OcclusionExplainer,
    RandomExplainer,
    SaliencyExplainer,
)
from sklearn_xai.metrics import (
    METRICS,
    _neighbours,
    avg_sensitivity,
    local_lipschitz,
    max_sensitivity,
    relative_input_stability,
    relative_output_stability,
    relative_representation_stability,
)
from sklearn_xai.metrics._explained_neighbours import relative_change
from tests.oracles import gradient_loop, mlp, run, seeded

ALL = [metric.function for metric in METRICS.values() if metric.family == "robustness"]
RELATIVE = [relative_input_stability, relative_output_stability, relative_representation_stability]
every = pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)


def table(n=12, d=3, seed=0):
    return np.random.RandomState(seed).randn(n, d) * np.arange(1, d + 1)


class Squares(nn.Module):
    """The sum of a_j x_j^2, whose gradient is 2 a_j x_j."""

    def __init__(self, *factors):
        super().__init__()
        self.factors = nn.Parameter(torch.tensor(factors, dtype=torch.float64))

    def forward(self, X):
        return (self.factors * X**2).sum(dim=1, keepdim=True)


class Times(nn.Module):
    def __init__(self, module, factor):
        super().__init__()
        self.module, self.factor = module, factor

    def forward(self, X):
        return self.module(X) * self.factor


class Recorded(InputXGradientExplainer):
    """Keeps the neighbours that it is given."""

    def attribute(self, X, targets):
        self.seen = np.array(X, dtype=np.float64)
        self.targets = np.array(targets)
        return super().attribute(X, targets)


# ---------------------------------------------------------------- known answers
def test_there_are_six_and_less_is_better():
    assert len(ALL) == 6
    assert not any(METRICS[metric.__name__].greater_is_better for metric in ALL)
    assert [name for name, metric in METRICS.items() if metric.function in ALL and metric.network] == [
        "relative_representation_stability"
    ]


@every
def test_the_gradient_of_a_linear_model_is_the_same_everywhere(metric):
    X = table()
    explainer = SaliencyExplainer(seeded(lambda: nn.Linear(3, 2)), target="all").fit(X)
    assert_array_equal(metric(explainer, X, sample_wise=True), np.zeros(12))


def test_the_gradient_of_equal_squares_changes_as_the_row_does():
    X = table()
    explainer = SaliencyExplainer(Squares(1, 1, 1)).fit(X)
    found = max_sensitivity(explainer, X, scale="none", radius=0.01, sample_wise=True)
    # 2 |d| / 2 |x|, the same d for all rows, and |d| at most the radius in each of three columns
    lengths = found * np.linalg.norm(X, axis=1)
    assert_allclose(lengths, lengths[0])
    assert 0.005 < lengths[0] <= 0.01 * np.sqrt(3)
    assert_allclose(local_lipschitz(explainer, X, scale="none", sample_wise=True), 2.0)
    assert_allclose(relative_input_stability(explainer, X, sample_wise=True), 1.0)


def test_steepness_lies_between_the_factors():
    X = table()
    found = local_lipschitz(SaliencyExplainer(Squares(1, 2, 5)).fit(X), X, scale="none", n_samples=300)
    assert 9 < found <= 10
    one = SaliencyExplainer(Squares(-3)).fit(X[:, :1])
    assert local_lipschitz(one, X[:, :1], scale="none", n_samples=1) == pytest.approx(6.0)
    # in standard deviations, a unit of distance is longer by them
    assert local_lipschitz(one, X[:, :1], n_samples=1) == pytest.approx(6.0 * X[:, 0].std())


def test_input_times_gradient_of_a_linear_model():
    X = table()
    linear = seeded(lambda: nn.Linear(3, 1))
    weights = linear.weight.detach().numpy()[0]
    explainer = Recorded(linear).fit(X)
    found = local_lipschitz(explainer, X, scale="none", sample_wise=True)
    moves = (explainer.seen.reshape(12, 10, 3) - X[:, None])[0]
    steepest = max(np.linalg.norm(weights * d) / np.linalg.norm(d) for d in moves)
    assert_allclose(found, steepest)
    assert steepest <= np.abs(weights).max()
    assert_allclose(relative_input_stability(explainer, X, sample_wise=True), 1.0)
    stable = relative_output_stability(explainer, X, scale="none", sample_wise=True)
    each = [[np.linalg.norm(d / x) / abs(weights @ d) for d in moves] for x in X]
    assert_allclose(stable, np.max(each, axis=1))


@pytest.mark.parametrize("same_prediction", [False, True])
@pytest.mark.parametrize("target", ["auto", 1, "all"])
def test_plain_loops_say_the_same(target, same_prediction):
    """Three outputs, of which each row's largest is explained with "auto", at its neighbours too."""
    module, X = seeded(lambda: mlp(3, 3, nn.Tanh)), table()
    explainer = Recorded(module, target=target).fit(X)
    last = dict(module.named_modules())["3"]  # what goes into the last layer comes out of this one

    def hidden(rows):
        kept = []
        with last.register_forward_hook(lambda layer, args, out: kept.append(out.detach().numpy())):
            run(module, rows)
        return kept[0]

    outputs = [1] if target == 1 else range(3) if target == "all" else [None]
    expected = {metric: np.zeros(12) for metric in ALL}
    options = {"n_samples": 6, "radius": 0.5, "random_state": 3, "same_prediction": same_prediction}
    found = {metric: metric(explainer, X, sample_wise=True, **options) for metric in ALL}
    near, left_out = explainer.seen.reshape(12, 6, 3), 0
    for k in outputs:
        for i, x in enumerate(X):
            own = run(module, x[None])[0].argmax()
            kept = [x2 for x2 in near[i] if run(module, x2[None])[0].argmax() == own] if same_prediction else near[i]
            left_out += 6 - len(kept)
            kept = kept if len(kept) else near[i]
            row = _loop(module, x, kept, own if k is None else k, X.std(axis=0), hidden)
            for metric in ALL:
                expected[metric][i] += row[metric] / len(outputs)
    assert bool(left_out) == same_prediction
    for metric in ALL:
        assert_allclose(found[metric], expected[metric], rtol=1e-9, err_msg=metric.__name__)


def _loop(module, x, near, k, unit, hidden):
    phi = x * gradient_loop(module, x[None], k)[0]
    found = {metric: [] for metric in ALL}
    for x2 in near:
        phi2 = x2 * gradient_loop(module, x2[None], k)[0]
        change, ratio = np.linalg.norm(phi2 - phi), np.linalg.norm((phi - phi2) / phi)
        h, h2, inside, inside2 = run(module, x[None])[0], run(module, x2[None])[0], hidden(x[None]), hidden(x2[None])
        found[max_sensitivity].append(change / np.linalg.norm(phi))
        found[local_lipschitz].append(change / np.linalg.norm((x2 - x) / unit))
        found[relative_input_stability].append(ratio / np.linalg.norm((x2 - x) / x))
        found[relative_output_stability].append(ratio / np.linalg.norm(h2 - h))
        found[relative_representation_stability].append(ratio / np.linalg.norm((inside2 - inside) / inside))
    mean = np.mean(found[max_sensitivity])
    return {metric: max(values, default=0) for metric, values in found.items()} | {avg_sensitivity: mean}


def test_neighbours_are_explained_at_the_output_of_their_row():
    X = np.array([[0.01], [-0.01], [2.0]])
    linear = nn.Linear(1, 2, bias=False, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    explainer = SaliencyExplainer(linear).fit(X)
    assert_array_equal(explainer.explained_targets(X), [0, 1, 0])
    crossed = {"scale": "none", "radius": 1.0}
    assert_array_equal(max_sensitivity(explainer, X, **crossed, sample_wise=True), 0)
    recorded = Recorded(linear).fit(X)
    max_sensitivity(recorded, X, n_samples=4, **crossed)
    assert_array_equal(recorded.targets, np.repeat([0, 1, 0], 4))
    assert (run(linear, recorded.seen[:8]).argmax(axis=1) != recorded.targets[:8]).any()


def test_a_row_without_neighbours_of_its_class_is_judged_on_all():
    class Alone(nn.Module):
        """Class 1 at 0 exactly, else class 0."""

        def forward(self, X):
            return torch.cat([X**2, (X == 0) * 1.0], dim=1)

    X = np.array([[0.0], [5.0]])
    explainer = InputXGradientExplainer(Alone(), target=0).fit(X)
    found = max_sensitivity(explainer, X, scale="none", same_prediction=True, sample_wise=True)
    assert_array_equal(found, max_sensitivity(explainer, X, scale="none", sample_wise=True))
    assert found[0] == 1.0


def test_the_mean_is_below_the_largest_and_the_same_of_one_draw():
    X = table()
    explainer = SaliencyExplainer(seeded(lambda: mlp(3, 1, nn.Tanh))).fit(X)
    largest = max_sensitivity(explainer, X, sample_wise=True, random_state=1)
    assert (avg_sensitivity(explainer, X, sample_wise=True, random_state=1) < largest).all()
    assert avg_sensitivity(explainer, X, n_samples=1) == max_sensitivity(explainer, X, n_samples=1)
    assert max_sensitivity(explainer, X, random_state=1) == pytest.approx(largest.mean())


# ---------------------------------------------------------------- zeros and constants
def test_stated_values_of_attributions_that_are_zero():
    X = table()
    explainer = SaliencyExplainer(Squares(1, 1, 1)).fit(X)
    nothing = {"attributions": np.zeros_like(X)}
    assert max_sensitivity(explainer, X, **nothing) == avg_sensitivity(explainer, X, **nothing) == 1.0
    constant = SaliencyExplainer(Times(seeded(lambda: mlp(3, 1)), 0.0)).fit(X)
    for metric in ALL:
        assert metric(constant, X) == metric(constant, X, **nothing) == 0.0
        other = metric(constant, X, attributions=np.ones_like(X))
        assert np.isfinite(other) and other > 0


def test_relative_changes_of_zeros_and_of_entries_near_zero():
    before = np.array([[2.0, -4.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    after = np.array([[[3.0, -4.0, 0.0], [2.0, -4.0, 0.4]], [[0.0, 0.0, 0.0], [0.0, 3.0, 0.0]], np.zeros((2, 3))])
    assert_allclose(relative_change(before, after, 0.01), [[0.5, 10.0], [0.0, 100.0], [0.0, 0.0]])
    assert_allclose(relative_change(before * 8, after * 8, 0.01), relative_change(before, after, 0.01))


@pytest.mark.parametrize("metric", RELATIVE)
def test_logarithms_of_ratios(metric):
    X = table()
    explainer = InputXGradientExplainer(seeded(lambda: mlp(3, 1, nn.Tanh))).fit(X)
    ratios = metric(explainer, X, sample_wise=True)
    assert_allclose(metric(explainer, X, log=True, sample_wise=True), np.log(ratios))
    still = SaliencyExplainer(seeded(lambda: nn.Linear(3, 1))).fit(X)
    assert metric(still, X, log=True) == pytest.approx(np.log(1e-6))
    assert metric(still, X, log=True, eps_min=1e-3) == pytest.approx(np.log(1e-3))


# ---------------------------------------------------------------- what does not matter
@settings(max_examples=15, deadline=None)
@given(exponent=st.integers(-12, 12), seed=st.integers(0, 5))
def test_the_size_of_attributions(exponent, seed):
    """Multiplied by a power of two, which rounds nothing."""
    X, factor, module = table(5, seed=seed), 2.0**exponent, seeded(lambda: mlp(3, 1, nn.Tanh))
    plain, larger = (SaliencyExplainer(net).fit(X) for net in (module, Times(module, factor)))
    options = {"random_state": seed, "n_samples": 3, "sample_wise": True}
    for metric, power in [(max_sensitivity, 0), (avg_sensitivity, 0), (local_lipschitz, 1)]:
        assert_allclose(metric(larger, X, **options), metric(plain, X, **options) * factor**power)
    for metric, power in zip(RELATIVE, (0, -1, 0), strict=True):
        options["eps_min"] = 1e-30
        assert_allclose(metric(larger, X, **options), metric(plain, X, **options) * factor**power)


class Shuffled(SaliencyExplainer):
    """The same attributions, in another order."""

    order = slice(None)

    def transform(self, X):
        return super().transform(X)[:, self.order]

    def attribute(self, X, targets):
        return super().attribute(X, targets)[:, self.order]


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_of_attributions(order):
    X = table(5, 4)
    explainer = Shuffled(seeded(lambda: mlp(4, 1, nn.Tanh))).fit(X)
    before = [metric(explainer, X, random_state=0) for metric in ALL]
    explainer.order = list(order)
    assert_allclose([metric(explainer, X, random_state=0) for metric in ALL], before)


@every
def test_how_many_rows_are_explained_at_once(metric, monkeypatch):
    X = table()
    explainer = InputXGradientExplainer(seeded(lambda: mlp(3, 2, nn.Tanh)), target="all").fit(X)
    together = metric(explainer, X, sample_wise=True)
    monkeypatch.setattr(_neighbours, "_CHUNK_CELLS", 70)
    calls = []
    monkeypatch.setattr(
        InputXGradientExplainer, "attribute", _counting(InputXGradientExplainer.attribute, calls), raising=True
    )
    assert_allclose(metric(explainer, X, sample_wise=True), together, rtol=1e-9)
    assert calls == [20] * 12  # two rows of ten neighbours of three cells, for each of two outputs


def _counting(attribute, calls):
    def counted(self, X, targets):
        calls.append(len(X))
        return attribute(self, X, targets)

    return counted


# ---------------------------------------------------------------- what does
@every
def test_the_random_control_is_worse_than_gradients(metric):
    X, module = table(40), seeded(lambda: mlp(3, 2, nn.Tanh))
    control = metric(RandomExplainer(module, target=1, random_state=0).fit(X), X)
    for kind in (SaliencyExplainer, InputXGradientExplainer, IntegratedGradientsExplainer):
        assert metric(kind(module, target=1).fit(X), X) < control / 2


def test_a_larger_radius_is_less_robust():
    X = table(30)
    explainer = SaliencyExplainer(seeded(lambda: mlp(3, 1, nn.Tanh))).fit(X)
    found = [max_sensitivity(explainer, X, radius=radius) for radius in (0.01, 0.1, 0.5)]
    assert found[0] < found[1] < found[2]
    assert found[1] != max_sensitivity(explainer, X, random_state=7)


# ---------------------------------------------------------------- inside the network
def test_the_representation_is_what_the_last_layer_is_given():
    X, module = table(), seeded(lambda: mlp(3, 2, nn.Tanh))
    explainer = InputXGradientExplainer(module, target=0).fit(X)
    found = relative_representation_stability(explainer, X)
    assert found == relative_representation_stability(explainer, X, layer="3")
    assert found == relative_representation_stability(explainer, X, layer=("4", "input"))
    assert found != relative_representation_stability(explainer, X, layer="1")
    occlusion = OcclusionExplainer(module, target=0).fit(X)
    assert relative_representation_stability(occlusion, X, layer="0") > 0


def test_a_network_of_one_layer_is_represented_by_its_input():
    X = table()
    explainer = InputXGradientExplainer(seeded(lambda: nn.Linear(3, 1))).fit(X)
    assert relative_representation_stability(explainer, X) == pytest.approx(relative_input_stability(explainer, X))


def test_no_hook_is_left_and_errors_say_what_to_name():
    X, module = table(), seeded(lambda: mlp(3, 2, nn.Tanh))
    explainer = InputXGradientExplainer(module, target=0).fit(X)
    relative_representation_stability(explainer, X)
    with pytest.raises(ValueError, match="'layer' parameter of relative_representation_stability must name"):
        relative_representation_stability(explainer, X, layer="nowhere")
    with pytest.raises(ValueError, match=r"must be the name of a sub-module, or \(name, 'input'\). Got 3"):
        relative_representation_stability(explainer, X, layer=3)
    with pytest.raises(ValueError, match="Squares calls no linear layer .* by 'layer'"):
        relative_representation_stability(SaliencyExplainer(Squares(1, 1, 1)).fit(X), X)
    forest = OcclusionExplainer(RandomForestRegressor(5, random_state=0).fit(X, X[:, 0])).fit(X)
    with pytest.raises(ValueError, match="looks inside a network, but OcclusionExplainer explains RandomForestReg"):
        relative_representation_stability(forest, X)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


# ---------------------------------------------------------------- errors
@every
@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_samples": 0}, "'n_samples' parameter of {} must be a whole number from 1. Got 0"),
        ({"n_samples": 2.5}, "'n_samples' parameter of {} must be a whole number from 1. Got 2.5"),
        ({"radius": -0.1}, "'radius' parameter of {} must be a finite number from 0. Got -0.1"),
        ({"radius": np.inf}, "'radius' parameter of {} must be a finite number from 0. Got inf"),
        ({"scale": "mad"}, "'scale' parameter of {} must be 'std' or 'none'. Got 'mad'"),
        ({"flip_probability": 1.5}, "'flip_probability' parameter of {} must be a number from 0 to 1. Got 1.5"),
        ({"radius": 0}, "{}: no neighbour could differ from its row, with radius=0"),
        ({"same_prediction": True}, "'same_prediction' parameter of {} asks for the predicted class"),
        ({"attributions": np.ones((12, 2))}, "'attributions' parameter of {} must be as InputX.* 3 numbers .* Got .*2"),
        ({"attributions": np.full((12, 3), np.inf)}, "'attributions' parameter of {} must be finite"),
    ],
)
def test_what_does_not_fit_is_named(metric, options, message):
    X = table()
    explainer = InputXGradientExplainer(seeded(lambda: mlp(3, 1))).fit(X)
    with pytest.raises(ValueError, match=message.format(metric.__name__)):
        metric(explainer, X, **options)


@pytest.mark.parametrize("metric", RELATIVE)
@pytest.mark.parametrize("eps_min", [0, -1, 1.0, "small"])
def test_the_least_denominator_is_positive(metric, eps_min):
    X = table()
    explainer = InputXGradientExplainer(seeded(lambda: mlp(3, 1))).fit(X)
    with pytest.raises(ValueError, match=f"'eps_min' parameter of {metric.__name__} must be a number between 0 and 1"):
        metric(explainer, X, eps_min=eps_min)


def test_columns_of_one_value_do_not_move():
    X = np.ones((4, 3))
    explainer = InputXGradientExplainer(seeded(lambda: mlp(3, 1))).fit(X)
    with pytest.raises(ValueError, match="max_sensitivity: no neighbour could differ .* use scale='none'"):
        max_sensitivity(explainer, X)
    assert max_sensitivity(explainer, X, scale="none") > 0
