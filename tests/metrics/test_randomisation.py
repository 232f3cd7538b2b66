"""Randomisation: layers whose new weights are known, explainers that do not look at the network, two outputs alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import entropy, spearmanr
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn

from sklearn_xai import (
    ForestExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    OcclusionExplainer,
    RandomExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
    SmoothGradExplainer,
)
from sklearn_xai._rng import draw_seed
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.metrics import (
    efficient_parameter_randomisation,
    parameter_randomisation,
    parameter_randomisation_curve,
    random_target,
    smooth_parameter_randomisation,
)
from sklearn_xai.network import layer_randomisation, randomisable_layers
from tests.metrics.every_metric import frame_case, image_case, rows
from tests.nets import classifier
from tests.oracles import mlp, seeded
from tests.test_hygiene import random_states, state

X = rows(12, 3)


class Known(nn.Linear):
    """A layer without offsets, of which it is known what it is as new."""

    def __init__(self, trained, new):
        self.new = torch.from_numpy(np.array(new, dtype=np.float64))
        super().__init__(self.new.shape[1], self.new.shape[0], bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(np.array(trained, dtype=np.float64)))

    def reset_parameters(self):
        with torch.no_grad():
            self.weight.copy_(self.new)


def one_layer(trained, new):
    return SaliencyExplainer(Known([trained], [new])).fit(np.zeros((4, len(trained))))


def two_layers():
    """Gradients [1, 2, 3]; the last layer as new makes them [3, 1, 2], the first one turns them round."""
    first = Known(np.eye(3), np.eye(3)[::-1])
    return SaliencyExplainer(nn.Sequential(first, Known([[1.0, 2.0, 3.0]], [[3.0, 1.0, 2.0]]))).fit(X)


class Deaf(BaseExplainer):
    """Says of each row what the row is, whatever the network."""

    seen: list = []

    def _attribute(self, X, choose):
        outputs = self._model.outputs(X)
        self.seen.append(np.array(X))
        return Attributions(np.abs(np.asarray(X)), np.zeros(len(X)), outputs[:, 0], {})


# ---------------------------------------------------------------- by hand
def test_curves_by_hand():
    curve = parameter_randomisation_curve(two_layers(), X)
    assert curve.layers == ["1", "0"]
    assert_allclose(curve.similarity, np.tile([[-0.5], [0.5]], (1, 12)))
    up = parameter_randomisation_curve(two_layers(), X, order="bottom_up")
    assert up.layers == ["0", "1"]
    assert_allclose(up.similarity[:, 0], [-1.0, 0.5])
    alone = parameter_randomisation_curve(two_layers(), X, order="independent")
    assert_allclose(alone.similarity[:, 0], [-0.5, -1.0])


def test_the_metric_is_the_mean_of_its_curve():
    assert parameter_randomisation(two_layers(), X) == pytest.approx(0.0)
    assert parameter_randomisation(two_layers(), X, order="bottom_up") == pytest.approx(-0.25)
    assert parameter_randomisation(two_layers(), X, order="independent") == pytest.approx(-0.75)
    assert_allclose(parameter_randomisation(two_layers(), X, layers="1", sample_wise=True), np.full(12, -0.5))


def test_similarities_by_hand():
    explainer = one_layer([1.0, -2.0, 3.0], [3.0, 1.0, 2.0])
    zeros = np.zeros((2, 3))
    assert parameter_randomisation(explainer, zeros) == pytest.approx(0.5)
    assert parameter_randomisation(explainer, zeros, absolute=True) == pytest.approx(-0.5)
    assert parameter_randomisation(explainer, zeros, similarity="cosine") == pytest.approx(7 / 14)
    first = lambda a, b: b[:, 0] - a[:, 0]  # noqa: E731
    assert parameter_randomisation(explainer, zeros, similarity=first) == pytest.approx(2.0)
    at_hand = parameter_randomisation(explainer, zeros, attributions=np.tile([6.0, 4.0, 5.0], (2, 1)))
    assert at_hand == pytest.approx(1.0)
    assert parameter_randomisation(explainer, zeros, attributions=zeros) == 0.0


def test_rises_of_entropy_by_hand():
    zeros = np.zeros((2, 3))
    rise = efficient_parameter_randomisation(one_layer([1.0, -1.0, 2.0], [1.0, 1.0, 1.0]), zeros)
    assert rise == pytest.approx((np.log(3) - 1.5 * np.log(2)) / (1.5 * np.log(2)))
    assert efficient_parameter_randomisation(one_layer([1.0, 0.0, 0.0], [1.0, 1.0, 1.0]), zeros) == pytest.approx(100)
    fall = one_layer([1.0, 1.0, 1.0], [0.0, 5.0, 0.0])
    assert efficient_parameter_randomisation(fall, zeros) == pytest.approx(-1.0)
    nothing = one_layer([0.0, 0.0, 0.0], [2.0, 2.0, 2.0])
    assert efficient_parameter_randomisation(nothing, zeros) == pytest.approx(0.0)
    assert efficient_parameter_randomisation(one_layer([2.0], [3.0]), np.zeros((2, 1))) == 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 7, 100]))
def test_entropies_of_histograms_are_those_of_numpy_and_scipy(seed, n_bins):
    drawn = np.random.RandomState(seed).randn(2, 30)
    explainer = one_layer(drawn[0], drawn[1])
    before, after = (entropy(np.histogram(part, bins=n_bins)[0]) for part in drawn)
    found = efficient_parameter_randomisation(explainer, np.zeros((1, 30)), n_bins=n_bins)
    assert found == pytest.approx((after - before) / before)


def test_random_targets_by_hand():
    """The explanations are [1, 2, 3], [3, 1, 2] and [2, 1, 3], whose pairs correlate by -1/2, 1/2 and 1/2."""
    weights = [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 1.0, 3.0]]
    module = Known(weights, weights)
    expected = {0: 0.0, 1: 0.0, 2: 0.5, "all": 0.5 / 3}
    for target, mean in expected.items():
        explainer = SaliencyExplainer(module, target=target).fit(X)
        assert random_target(explainer, X) == pytest.approx(mean)
        assert random_target(explainer, X, attributions=explainer.explain(X)) == pytest.approx(mean)
    predicted = SaliencyExplainer(module).fit(X)
    found = random_target(predicted, X, sample_wise=True)
    assert_allclose(found, [expected[k] for k in predicted.explained_targets(X)], atol=1e-12)
    drawn = {round(random_target(SaliencyExplainer(module, target=0).fit(X), X, n_targets=1, random_state=s), 6)
             for s in range(8)}  # fmt: skip
    assert drawn == {-0.5, 0.5}


def test_magnitudes_and_constants_of_random_targets():
    module = Known([[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]], np.zeros((2, 3)))
    with torch.no_grad():
        module.weight[1, 2] = -2.5
    explainer = SaliencyExplainer(module, target=0).fit(X)
    assert random_target(explainer, X) == pytest.approx(-1.0)
    assert random_target(explainer, X, absolute=True) == pytest.approx(1.0)
    assert random_target(explainer, X, attributions=np.ones_like(X)) == 0.0


# ---------------------------------------------------------------- ends of the scale
@pytest.mark.parametrize("kind", [Deaf, RandomExplainer])
def test_what_does_not_look_at_the_network_is_found_out(kind):
    module = seeded(lambda: mlp(3, 2))
    explainer = kind(module, target=0).fit(X)
    assert parameter_randomisation(explainer, X, random_state=1) == pytest.approx(1.0)
    assert smooth_parameter_randomisation(explainer, X, n_samples=3) == pytest.approx(1.0)
    assert efficient_parameter_randomisation(explainer, X) == pytest.approx(0.0)


def test_what_looks_at_the_network_passes():
    module = seeded(lambda: mlp(12, 1, nn.Tanh))
    table = rows(20, 12)
    for explainer in (InputXGradientExplainer(module), OcclusionExplainer(module)):
        scores = [parameter_randomisation(explainer.fit(table), table, random_state=seed) for seed in range(4)]
        assert abs(np.mean(scores)) < 0.4


def test_an_explanation_that_is_the_same_for_all_outputs_is_found_out():
    explainer = Deaf(seeded(lambda: mlp(3, 4)), target=2).fit(X)
    assert random_target(explainer, X) == pytest.approx(1.0)


def test_smoothing_a_linear_network_changes_nothing():
    explainer = SaliencyExplainer(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)).double()).fit(X)
    plain = parameter_randomisation(explainer, X, sample_wise=True, random_state=3)
    assert_allclose(smooth_parameter_randomisation(explainer, X, sample_wise=True, random_state=3), plain)


def test_explanations_of_noisy_copies_are_averaged():
    explainer = InputXGradientExplainer(Known([[1.0, 2.0, 3.0]], [[3.0, 1.0, 2.0]])).fit(X)
    kept = {}

    def keep(a, b):
        kept["trained"], kept["random"] = a, b
        return np.zeros(len(a))

    smooth_parameter_randomisation(explainer, X, n_samples=4, noise=0.5, similarity=keep, random_state=0)
    noise = kept["trained"] / [1, 2, 3] - X
    assert_allclose(noise, np.tile(noise[:1], (12, 1)), atol=1e-12)  # the same for all rows
    assert_allclose(kept["random"] / [3, 1, 2] - X, noise, atol=1e-12)
    assert (np.abs(noise[0] / X.std(axis=0)) < 4 * 0.5 / np.sqrt(4)).all() and (noise[0] != 0).all()


# ---------------------------------------------------------------- how explanations are made
def test_each_step_is_what_the_cascade_of_layers_gives():
    module, order = seeded(lambda: mlp(3, 1, nn.Tanh)), ["4", "2", "0"]
    explainer = IntegratedGradientsExplainer(module, n_steps=20).fit(X)
    curve = parameter_randomisation_curve(explainer, X, random_state=5)
    assert curve.layers == order == randomisable_layers(module)
    # the similarity of a first layer drawn anew does not depend on the order in which it was its turn
    named = parameter_randomisation_curve(explainer, X, layers=["0"], random_state=5)
    alone = parameter_randomisation_curve(explainer, X, order="independent", random_state=5)
    assert_array_equal(named.similarity[0], alone.similarity[2])
    assert_array_equal(curve.similarity[0], alone.similarity[0])
    together = parameter_randomisation_curve(explainer, X, order="bottom_up", random_state=5)
    assert_array_equal(curve.similarity[2], together.similarity[2])


def test_the_baseline_is_that_of_the_randomised_network():
    """Base values move with the network: an explainer fitted before would say something else."""
    module = seeded(lambda: mlp(3, 1, nn.Tanh))
    explainer = ShapleyExplainer(module, random_state=0).fit(X)
    kept = []

    def keep(a, b):
        kept.append(b)
        return np.zeros(len(a))

    parameter_randomisation(explainer, X, similarity=keep, random_state=2)
    seed, expected = draw_seed(np.random.RandomState(2)), []
    for n in (1, 2, 3):
        with layer_randomisation(module, n_layers=n, random_state=seed):
            expected.append(ShapleyExplainer(module, random_state=0).fit(X).transform(X))
    assert_allclose(kept, expected, atol=1e-12)


def test_methods_around_others_and_methods_of_the_whole_model():
    case = frame_case()
    pipe = case.explainer.estimator_
    for explainer in (
        SmoothGradExplainer(InputXGradientExplainer(pipe), n_samples=5),
        ForestExplainer(pipe, min_fidelity=None),
        ShapleyExplainer(pipe, feature_groups="correlated"),
        SaliencyExplainer(pipe, layer="hidden"),
        IntegratedGradientsExplainer(pipe, target="all"),
    ):
        explainer.fit(case.X)
        for metric in (parameter_randomisation, efficient_parameter_randomisation, random_target):
            found = metric(explainer, case.X, sample_wise=True, random_state=0)
            assert found.shape == (len(case.X),) and np.isfinite(found).all()
        assert parameter_randomisation(explainer, case.X, similarity="cosine", random_state=0) < 0.999


def test_whole_numbers_and_words_get_no_noise():
    case = frame_case()
    frame = case.X.assign(hours=case.X["hours"].round())  # and ages are whole
    explainer = IntegratedGradientsExplainer(case.explainer.estimator_).fit(frame)
    with pytest.raises(ValueError, match="smooth_parameter_randomisation adds noise to the real numbers in X"):
        smooth_parameter_randomisation(explainer, frame)
    assert np.isfinite(smooth_parameter_randomisation(case.explainer, case.X, n_samples=2))


def test_a_net_of_named_columns_and_images():
    table = pd.DataFrame(rows(30, 3), columns=list("abc"))
    y = (table["a"] > 0).to_numpy().astype(int)
    explainer = IntegratedGradientsExplainer(classifier(), feature_groups={"bc": ["b", "c"]}, random_state=0)
    explainer.fit(table, y)
    for metric in (parameter_randomisation, smooth_parameter_randomisation, efficient_parameter_randomisation):
        assert np.isfinite(metric(explainer, table))
    images = image_case()
    curve = parameter_randomisation_curve(images.explainer, images.X, random_state=0)
    assert curve.layers == ["3", "0"] and curve.similarity.shape == (2, len(images.X))
    assert (np.abs(curve.similarity) < 0.9).all()


class OfTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.code, self.out = nn.Embedding(4, 2), nn.Linear(4, 2)

    def forward(self, code, number):
        return self.out(torch.cat([self.code(code[:, 0]), number], dim=1))


def test_arguments_of_a_module_and_ids_of_tokens():
    rng = np.random.RandomState(0)
    both = {"number": rng.randn(20, 2), "code": rng.randint(0, 4, (20, 1))}
    explainer = IntegratedGradientsExplainer(seeded(OfTwo), target=0).fit(both)
    few = {name: part[:4] for name, part in both.items()}
    for metric in (parameter_randomisation, smooth_parameter_randomisation, random_target):
        assert metric(explainer, few, sample_wise=True).shape == (4,)
    ids = rng.randint(0, 9, (20, 5))
    tokens = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 2))
    explainer = IntegratedGradientsExplainer(tokens, target=0).fit(ids)
    assert parameter_randomisation(explainer, ids[:4], sample_wise=True).shape == (4,)
    with pytest.raises(ValueError, match="whole numbers, such as codes and ids of tokens, are left as they are"):
        smooth_parameter_randomisation(explainer, ids[:4])


# ---------------------------------------------------------------- what is left alone
class Fragile(SaliencyExplainer):
    """Breaks down when it is fitted for the n-th time, or explains for the n-th time."""

    left = 0

    def _prepare(self, X, y, rng):
        type(self).left -= 1
        if type(self).left == 0:
            raise RuntimeError("broken down")


@pytest.mark.parametrize("left", [1, 2, 3, 4])
def test_weights_are_what_they_were_after_an_exception(left):
    module = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))).train()
    Fragile.left = 0
    explainer = Fragile(module).fit(X)
    before, drawn = state(module), random_states()
    Fragile.left = left
    with pytest.raises(RuntimeError, match="broken down"):
        parameter_randomisation(explainer, X, random_state=None)
    assert Fragile.left == 0
    assert state(module) == before
    assert random_states() == drawn
    parameter_randomisation(explainer, X, random_state=None)
    assert state(module) == before
    assert random_states() == drawn


# ---------------------------------------------------------------- invariances
@settings(max_examples=15, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 1000))
def test_the_order_of_columns_does_not_matter(order, seed):
    rng = np.random.RandomState(seed)
    trained, new, others, zeros = rng.randn(5), rng.randn(5), rng.randn(2, 5), np.zeros((2, 5))
    for metric in (parameter_randomisation, efficient_parameter_randomisation):
        expected = metric(one_layer(trained, new), zeros)
        assert metric(one_layer(trained[order], new[order]), zeros) == pytest.approx(expected)
    module, turned = (Known(part, part) for part in (others, others[:, order]))
    pair = [SaliencyExplainer(part, target=0).fit(rows(4, 5)) for part in (module, turned)]
    assert random_target(pair[0], zeros) == pytest.approx(random_target(pair[1], zeros))


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-6, 1e6), st.integers(0, 1000))
def test_positive_scale_does_not_matter(scale, seed):
    drawn = np.random.RandomState(seed).randn(12, 3)
    explainer = two_layers()
    for metric in (parameter_randomisation, efficient_parameter_randomisation):
        expected = metric(explainer, X, attributions=drawn, sample_wise=True)
        assert_allclose(metric(explainer, X, attributions=drawn * scale, sample_wise=True), expected, atol=1e-9)


def test_spearman_is_scipys():
    drawn = np.random.RandomState(0).randn(1, 3)
    found = parameter_randomisation(two_layers(), X[:1], attributions=drawn, layers=["1"])
    assert found == pytest.approx(spearmanr(drawn[0], [3, 1, 2]).statistic)


# ---------------------------------------------------------------- what does not fit
def test_one_output_and_mirror_images_have_no_other_target():
    with pytest.raises(ValueError, match="random_target .* the explained model has one"):
        random_target(SaliencyExplainer(mlp(3, 1)).fit(X), X)
    with pytest.raises(ValueError, match="the explained model has one"):
        random_target(ShapleyExplainer(LinearRegression().fit(X, X[:, 0])).fit(X), X)
    mirrored = LogisticRegression().fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match="two outputs of the explained model always add up to the same"):
        random_target(ShapleyExplainer(mirrored).fit(X), X)
    y = (X[:, 0] > 0).astype(int)
    logits = IntegratedGradientsExplainer(classifier(), output="raw").fit(X, y)
    assert -1 <= random_target(logits, X) <= 1
    with pytest.raises(ValueError, match="with output='raw'"):
        random_target(IntegratedGradientsExplainer(classifier(), output="proba").fit(X, y), X)


def test_one_clear_error():
    explainer = two_layers()
    with pytest.raises(TypeError, match="parameter_randomisation draws the layers of a network anew.*LinearRegression"):
        parameter_randomisation(ShapleyExplainer(LinearRegression().fit(X, X[:, 0])).fit(X), X)
    for metric in (parameter_randomisation, smooth_parameter_randomisation):
        with pytest.raises(ValueError, match=f"'order' parameter of {metric.__name__} must be one of"):
            metric(explainer, X, order="top_down")
        with pytest.raises(ValueError, match=f"'similarity' parameter of {metric.__name__} must be one of"):
            metric(explainer, X, similarity="pearson")
        with pytest.raises(ValueError, match="names 'hidden', but the layers"):
            metric(explainer, X, layers=["hidden"])
        with pytest.raises(ValueError, match=f"{metric.__name__} needs layers to be drawn anew"):
            metric(explainer, X, layers=[])
    with pytest.raises(ValueError, match="'n_samples' parameter of smooth_.* whole number from 1. Got 0"):
        smooth_parameter_randomisation(explainer, X, n_samples=0)
    with pytest.raises(ValueError, match="'noise' parameter of smooth_.* positive number. Got -1"):
        smooth_parameter_randomisation(explainer, X, noise=-1)
    with pytest.raises(ValueError, match="Leave 'attributions' or 'n_samples' None"):
        parameter_randomisation_curve(explainer, X, attributions=X, n_samples=3)
    with pytest.raises(ValueError, match="'n_bins' parameter .* whole number from 2, or None. Got 1"):
        efficient_parameter_randomisation(explainer, X, n_bins=1)
    with pytest.raises(ValueError, match="'n_targets' parameter of random_target"):
        random_target(SaliencyExplainer(mlp(3, 2)).fit(X), X, n_targets=0)
