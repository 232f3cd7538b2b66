"""Axioms by hand: features without effect, inputs moved to where a bias undoes it, networks written in another way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import (
    DeconvolutionExplainer,
    GuidedBackpropExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    OcclusionExplainer,
    RandomExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
    SmoothGradExplainer,
)
from sklearn_xai.metrics import (
    axioms,
    completeness_gap,
    implementation_invariance,
    input_invariance,
    non_sensitivity,
)
from tests.metrics.every_metric import frame_case, image_case, rows
from tests.nets import classifier, regressor
from tests.oracles import as_net, mlp, seeded
from tests.test_hygiene import random_states, state

X = rows(12, 3)


def linear(*weights, bias=0.0):
    module = nn.Linear(len(weights), 1).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([weights]))
        module.bias.fill_(bias)
    return module


def relative(a, b):
    """Return the distance of the explanations of each row, one row at a time."""
    return [np.linalg.norm(p - q) / max(np.linalg.norm(p), np.linalg.norm(q)) for p, q in zip(a, b, strict=True)]


# ---------------------------------------------------------------- non-sensitivity
def test_non_sensitivity_by_hand():
    explainer = SaliencyExplainer(linear(1.0, 0.0, 2.0)).fit(X)
    assert non_sensitivity(explainer, X) == 0.0
    for attributions, share in (([1, 0, 0], 1 / 3), ([0, 0, 0], 2 / 3), ([1, 1, 1], 1 / 3), ([0, 5, 0], 1.0)):
        found = non_sensitivity(explainer, X, attributions=np.tile(np.float64(attributions), (12, 1)), sample_wise=True)
        assert_allclose(found, np.full(12, share))


def test_non_sensitivity_of_constant_models_and_single_players():
    explainer = SaliencyExplainer(linear(0.0, 0.0, 0.0, bias=3.0)).fit(X)
    assert non_sensitivity(explainer, X) == 0.0
    assert non_sensitivity(explainer, X, attributions=np.ones_like(X)) == 1.0
    alone = SaliencyExplainer(linear(2.0)).fit(X[:, :1])
    assert non_sensitivity(alone, X[:, :1]) == 0.0
    assert non_sensitivity(alone, X[:, :1], attributions=np.zeros((12, 1))) == 1.0


def test_what_counts_as_zero():
    explainer = SaliencyExplainer(linear(1.0, 1e-4, 2.0)).fit(X)
    nearly = np.tile([1.0, 5e-3, 2.0], (12, 1))
    assert non_sensitivity(explainer, X, attributions=nearly) == pytest.approx(1 / 3)
    assert non_sensitivity(explainer, X, attributions=nearly, tol=0.01) == 0.0
    assert non_sensitivity(explainer, X, attributions=nearly, tol=0) == 0.0


def test_rounding_of_a_float32_network_is_no_reaction():
    module = nn.Sequential(nn.Linear(3, 64), nn.Linear(64, 1))
    with torch.no_grad():
        module[0].weight[:, 1] = 1e-6  # a reaction at the size of what summing leaves
        module[1].bias.fill_(1e3)
        module[0].weight[:, ::2] = 0
    explainer = SaliencyExplainer(module).fit(X)
    assert non_sensitivity(explainer, X, attributions=np.zeros_like(X)) == 0.0


def test_players_in_lots_react_as_all_at_once(monkeypatch):
    case = frame_case()
    for explainer, table in (
        (case.explainer, case.X),
        (SaliencyExplainer(mlp(7, 3), target="all").fit(rows(20, 7)),) * 2,
    ):
        table = rows(5, 7) if table is explainer else table
        expected = non_sensitivity(explainer, table, sample_wise=True)
        monkeypatch.setattr(axioms, "_CELLS", 1)
        assert_allclose(non_sensitivity(explainer, table, sample_wise=True), expected)
        monkeypatch.undo()


def test_removal_decides_what_a_reaction_is():
    """Where the typical value is what every row has, nobody reacts to its being put there."""
    table = np.column_stack([np.zeros(9), np.arange(9.0)])
    table[0, 0] = 5.0
    explainer = SaliencyExplainer(linear(1.0, 1.0)).fit(table)
    rows_at_zero = table[5:]
    zero_at_first = np.tile([0.0, 1.0], (4, 1))
    assert non_sensitivity(explainer, rows_at_zero, attributions=zero_at_first, removal="baseline") == 0.0
    assert non_sensitivity(explainer, rows_at_zero, attributions=zero_at_first, removal="marginal") == 0.5
    # the one background row with a 5 decides, not the mean over all of them
    assert non_sensitivity(explainer, rows_at_zero, attributions=zero_at_first, tol=0.3) == 0.5


# ---------------------------------------------------------------- input invariance
def test_a_shift_of_a_linear_network_by_hand():
    weights = np.array([1.0, -2.0, 3.0])
    module, m = linear(*weights, bias=1.0), 1.5 * X.std(axis=0)
    moved = relative(X * weights, (X + m) * weights)
    for build, expected in (
        (InputXGradientExplainer, moved),
        (lambda net: IntegratedGradientsExplainer(net, baseline="zero"), moved),
        (lambda net: IntegratedGradientsExplainer(net, baseline=np.ones(3)),
         relative((X - 1) * weights, (X + m - 1) * weights)),
        (lambda net: IntegratedGradientsExplainer(net, baseline="mean"), 0.0),
        (SaliencyExplainer, 0.0),
        (ShapleyExplainer, 0.0),
        (lambda net: SmoothGradExplainer(InputXGradientExplainer(net), noise=0.0, n_samples=2), moved),
    ):  # fmt: skip
        explainer = build(module).fit(X)
        found = input_invariance(explainer, X, shift=1.5, sample_wise=True)
        assert_allclose(found, np.broadcast_to(expected, 12), atol=1e-6)
        assert input_invariance(explainer, X, shift=1.5) == pytest.approx(np.mean(expected), abs=1e-6)


def test_the_network_of_a_pipeline_is_shifted_behind_its_steps():
    weights = np.array([1.0, -2.0, 3.0])
    far = X * [1, 10, 100] + 50
    scaler = StandardScaler().fit(far)
    pipe = make_pipeline(scaler, as_net(linear(*weights)))
    inputs = scaler.transform(far)
    found = input_invariance(InputXGradientExplainer(pipe).fit(far), far, sample_wise=True)
    assert_allclose(found, relative(inputs * weights, (inputs + 1) * weights), atol=1e-6)
    assert input_invariance(IntegratedGradientsExplainer(pipe).fit(far), far) < 1e-6


def test_steps_that_mix_columns_become_part_of_the_network():
    """What is explained then is the table before these steps, and this is what is shifted."""
    pca = PCA(2).fit(X)
    weights = np.array([1.0, -2.0]) @ pca.components_
    pipe = make_pipeline(StandardScaler(with_mean=False, with_std=False).fit(X), pca, linear(1.0, -2.0))
    found = input_invariance(InputXGradientExplainer(pipe).fit(X), X, sample_wise=True)
    assert_allclose(found, relative(X * weights, (X + X.std(axis=0)) * weights), atol=1e-6)
    assert implementation_invariance(InputXGradientExplainer(pipe).fit(X), X) < 1e-9


def test_words_gaps_and_codes_are_left_where_they_are():
    case = frame_case()
    pipe, frame = case.explainer.estimator_, case.X
    assert input_invariance(IntegratedGradientsExplainer(pipe, random_state=0).fit(frame), frame) < 1e-3
    assert input_invariance(OcclusionExplainer(pipe, random_state=0).fit(frame), frame) < 1e-4
    codes = pd.DataFrame({"code": [1, 3, 7, 10] * 10, "as_float": [0.0, 2.0] * 20, "size": rows(40, 1)[:, 0]})
    columns = make_column_transformer((OneHotEncoder(), ["code", "as_float"]), ("passthrough", ["size"]))
    forest = make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(codes, codes["code"] > 3)
    before = codes.copy()
    explainer = ShapleyExplainer(forest).fit(codes)
    assert input_invariance(explainer, codes) == 0.0
    assert input_invariance(explainer, codes, shift=-0.3) == 0.0
    pd.testing.assert_frame_equal(codes, before)
    objects = codes.astype(object)
    assert input_invariance(ShapleyExplainer(forest).fit(objects), objects) == 0.0


def test_a_control_that_goes_by_the_values_changes():
    found = input_invariance(RandomExplainer(linear(1.0, 2.0, 3.0), random_state=0).fit(X), X)
    assert 0.5 < found <= 2.0


def test_an_explainer_without_a_seed_has_that_of_the_metric():
    explainer = RandomExplainer(linear(1.0, 2.0, 3.0)).fit(X)
    scores = [input_invariance(explainer, X, random_state=seed) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]


def test_images_are_shifted_by_one_number():
    case = image_case()
    module, images = case.explainer.estimator_, case.X
    assert input_invariance(case.explainer, images) < 1e-9
    explainer = InputXGradientExplainer(module, target=1).fit(images)
    slopes = case.explainer.transform(images)
    shift = 0.5 * images.std()
    flat = [(part * slopes).reshape(len(images), -1) for part in (images, images + shift)]
    found = input_invariance(explainer, images, shift=0.5, sample_wise=True)
    assert_allclose(found, relative(*flat), atol=1e-6)
    grouped = OcclusionExplainer(module, target=1, feature_groups=3).fit(images)
    assert input_invariance(grouped, images) < 1e-9


def test_layers_keep_their_names():
    explainer = IntegratedGradientsExplainer(mlp(3, 2).double(), layer="2", target=0).fit(X)
    assert input_invariance(explainer, X) < 1e-6
    assert implementation_invariance(explainer, X) < 1e-9
    before = SaliencyExplainer(as_net(mlp(3, 2).double()), layer=("4", "input"), target=0).fit(X)
    assert input_invariance(before, X) < 1e-6


class OfTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.code, self.out = nn.Embedding(4, 2), nn.Linear(4, 2)

    def forward(self, code, number):
        return self.out(torch.cat([self.code(code[:, 0]), number], dim=1))


def test_arguments_of_a_module_are_shifted_where_they_are_real():
    rng = np.random.RandomState(0)
    both = {"number": rng.randn(20, 2), "code": rng.randint(0, 4, (20, 1))}
    module = seeded(OfTwo)
    assert input_invariance(SaliencyExplainer(module, target=0).fit(both), both) < 1e-9
    assert 0.1 < input_invariance(InputXGradientExplainer(module, target=0).fit(both), both) < 1
    assert implementation_invariance(InputXGradientExplainer(module, target=0).fit(both), both) < 1e-9


# ---------------------------------------------------------------- implementation invariance
def test_guided_backpropagation_by_hand():
    """Behind two rectifiers, a slope g at a positive input becomes g + |g|."""
    net = nn.Sequential(linear(-1.0, 2.0, -3.0, bias=9.0), nn.ReLU())
    inside = np.abs(X[:4]).clip(0.1, 1.0)
    found = implementation_invariance(GuidedBackpropExplainer(net).fit(inside), inside, sample_wise=True)
    assert_allclose(found, np.full(4, np.sqrt(14) / 4))


@pytest.mark.parametrize("build", [InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer])
def test_gradients_do_not_see_how_a_network_is_written(build):
    module = seeded(lambda: mlp(3, 2, nn.Tanh))
    zeros = np.vstack([X, np.zeros((1, 3))])  # where rectifiers have a corner
    assert implementation_invariance(build(module, target=1).fit(zeros), zeros) < 1e-9


def test_deconvolution_sees_it():
    assert implementation_invariance(DeconvolutionExplainer(seeded(lambda: mlp(3, 2)), target=1).fit(X), X) > 0.1


def test_an_equivalent_of_ones_own():
    first, last = linear(1.0, -2.0, 3.0, bias=0.5), LinearRegression().fit(X, 2 * (X @ [1.0, -2.0, 3.0]) + 3)
    equivalent = nn.Sequential(first, linear(2.0, bias=2.0))
    explainer = ShapleyExplainer(last, random_state=0).fit(X)
    for other in (equivalent, as_net(equivalent), make_pipeline(FunctionTransformer().fit(X), equivalent)):
        assert implementation_invariance(explainer, X, equivalent=other) < 1e-9
    own = explainer.transform(X)
    assert implementation_invariance(explainer, X, attributions=-own, equivalent=equivalent) == pytest.approx(2.0)
    assert implementation_invariance(explainer, X, attributions=0 * own, equivalent=equivalent) == pytest.approx(1.0)


def test_another_function_is_told_by_how_much():
    explainer = SaliencyExplainer(linear(1.0, 2.0, 3.0)).fit(X)
    message = r"the 'equivalent' model must compute the same function of X .* differ by up to 0\.5, the largest"
    with pytest.raises(ValueError, match=message):
        implementation_invariance(explainer, X, equivalent=linear(1.0, 2.0, 3.0, bias=0.5))


def test_black_boxes_and_tokens():
    forest = RandomForestClassifier(5, random_state=0).fit(X, X[:, 0] > 0)
    explainer = ShapleyExplainer(forest).fit(X)
    assert implementation_invariance(explainer, X) == 0.0
    assert_allclose(implementation_invariance(explainer, X, sample_wise=True), np.zeros(12))
    ids = np.random.RandomState(0).randint(0, 9, (20, 5))
    module = seeded(lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 2)))
    tokens = IntegratedGradientsExplainer(module, target=0).fit(ids)
    with pytest.raises(ValueError, match="takes whole numbers, such as ids of tokens.*Give another model"):
        implementation_invariance(tokens, ids)
    assert implementation_invariance(tokens, ids, equivalent=nn.Sequential(module, nn.Identity())) < 1e-9
    with pytest.raises(ValueError, match="input_invariance shifts the numbers that are explained, but there are none"):
        input_invariance(tokens, ids)


def test_texts_are_explained_behind_the_steps_that_read_them():
    texts = ["good film", "bad film", "a very good plot", "a bad bad plot", "nice story", "so boring"] * 3
    y = np.array([1, 0, 1, 0, 1, 0] * 3)
    pipe = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, y)
    explainer = ShapleyExplainer(pipe).fit(texts)
    again = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, y)
    assert implementation_invariance(explainer, texts[:6], equivalent=again) < 1e-9
    assert input_invariance(explainer, texts[:6]) < 1e-9
    net = make_pipeline(CountVectorizer(), classifier())
    assert input_invariance(IntegratedGradientsExplainer(net).fit(texts, y), texts[:6]) < 1e-3


# ---------------------------------------------------------------- invariances, and what is left alone
@settings(max_examples=15, deadline=None)
@given(st.permutations(range(3)), st.floats(1e-5, 1e5), st.integers(0, 1000))
def test_neither_the_order_of_columns_nor_positive_scale_matter(order, scale, seed):
    rng = np.random.RandomState(seed)
    weights, attributions = rng.randn(3), rng.randn(12, 3) * (rng.rand(12, 3) < 0.6)
    weights[rng.randint(3)] = 0.0
    one, turned = (SaliencyExplainer(linear(*w)).fit(x) for w, x in ((weights, X), (weights[order], X[:, order])))
    expected = non_sensitivity(one, X, attributions=attributions)
    assert non_sensitivity(turned, X[:, order], attributions=attributions[:, order]) == pytest.approx(expected)
    assert non_sensitivity(one, X, attributions=attributions * scale) == pytest.approx(expected)
    pair = [InputXGradientExplainer(part.estimator).fit(x) for part, x in ((one, X), (turned, X[:, order]))]
    assert input_invariance(pair[1], X[:, order]) == pytest.approx(input_invariance(pair[0], X))


@pytest.mark.parametrize("metric", [input_invariance, implementation_invariance])
def test_a_net_is_not_changed_by_what_is_put_around_it(metric):
    net = regressor(max_epochs=1).fit(X.astype(np.float32), X[:, :1].astype(np.float32))
    module, known = net.module_, sorted(vars(net))
    module.train()
    before, drawn = state(module), random_states()
    explainer = SmoothGradExplainer(net, n_samples=3).fit(X)
    assert np.isfinite(metric(explainer, X))
    assert net.module_ is module and sorted(vars(net)) == known
    assert state(module) == before and random_states() == drawn


class Watched(nn.Linear):
    """A module of which its net asks for more than a call."""

    factor = 2.0


class Asking(type(as_net(linear(1.0)))):
    def infer(self, x, **fit_params):
        return self.module_.factor * super().infer(x, **fit_params)


def test_a_net_that_asks_its_module_for_more_than_a_call():
    net = Asking(Watched(3, 1), lr=0.0, max_epochs=1, train_split=None, verbose=0)
    net.fit(X.astype(np.float32), X[:, :1].astype(np.float32))
    assert input_invariance(SaliencyExplainer(net).fit(X), X) < 1e-6


# ---------------------------------------------------------------- what does not fit
def test_one_clear_error():
    explainer = SaliencyExplainer(linear(1.0, 2.0, 3.0)).fit(X)
    with pytest.raises(ValueError, match="'tol' parameter of non_sensitivity .* Got 1"):
        non_sensitivity(explainer, X, tol=1)
    for shift in (0, np.inf, "one"):
        with pytest.raises(ValueError, match="'shift' parameter of input_invariance must be a number other than zero"):
            input_invariance(explainer, X, shift=shift)
    with pytest.raises(ValueError, match=r"'attributions' parameter of completeness_gap .* Got shape \(3, 3\)"):
        completeness_gap(explainer, X, attributions=np.zeros((3, 3)))
    words = pd.DataFrame({"word": ["a", "b"] * 6})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, X[:, 0] > 0)
    with pytest.raises(ValueError, match="input_invariance shifts the numbers"):
        input_invariance(ShapleyExplainer(model).fit(words), words)


def test_a_model_that_cannot_undo_the_shift_is_found_out():
    """Numbers beyond the range in which a step can tell them apart come back as others."""
    coarse = make_pipeline(FunctionTransformer(lambda Z: np.asarray(Z) > 0), LinearRegression())
    edge = np.array([[1e-18, 1.0], [-1e-18, 2.0], [1.0, 3.0], [-1.0, 4.0]])
    coarse.fit(edge, [1.0, 0.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="input_invariance: the model of shifted rows must compute the same function"):
        input_invariance(ShapleyExplainer(coarse).fit(edge), edge)
