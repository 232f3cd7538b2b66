"""Quantus 0.6 on robustness, complexity, localisation, randomisation and axioms, beside the same measures here."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_xai import InputXGradientExplainer, SaliencyExplainer
from sklearn_xai.metrics import (
    avg_sensitivity,
    complexity,
    effective_complexity,
    efficient_parameter_randomisation,
    input_invariance,
    local_lipschitz,
    max_sensitivity,
    non_sensitivity,
    parameter_randomisation,
    parameter_randomisation_curve,
    pointing_game,
    random_target,
    relative_input_stability,
    relative_output_stability,
    relative_representation_stability,
    relevance_mass_accuracy,
    relevance_rank_accuracy,
    smooth_parameter_randomisation,
    sparseness,
)
from tests.oracles import seeded
from tests.parity.quantus_digits import BLACK, N_PIXELS, N_ROWS, SIDE, both, digits, explained, network, network_classes
from tests.parity.quantus_peer import import_quantus, quantus_scores

pytestmark = pytest.mark.slow


# ---------------------------------------------------------------- robustness
def with_neighbours(metric, n_samples=4, radius=0.1, explainer=None, **options):
    """Return a metric's scores and the rows that it explained in place of each row, (n_rows, n_samples, ...)."""
    explainer, seen = SaliencyExplainer(network(), target=0).fit(BLACK) if explainer is None else explainer, []
    attribute = explainer.attribute
    explainer.attribute = lambda X, targets: (seen.append(np.array(X)), attribute(X, targets))[1]
    found = metric(
        explainer,
        digits(),
        n_samples=n_samples,
        radius=radius,
        scale="none",
        sample_wise=True,
        random_state=0,
        **options,
    )
    return found, seen[0].reshape(N_ROWS, n_samples, 1, SIDE, SIDE)


def of_neighbours(name, near, **parameters):
    """Return Quantus's scores of the same neighbours, explained by the same explainer."""
    explainer, attributions, y = explained()
    steps = iter(near.transpose(1, 0, 2, 3, 4))
    found = quantus_scores(
        name, network(), digits(), y, attributions,
        explain=lambda module, inputs, targets: explainer.transform(np.asarray(inputs, dtype=np.float32)),
        nr_samples=near.shape[1], perturb_func=lambda arr, **kwargs: next(steps).reshape(arr.shape),
        **{"return_nan_when_prediction_changes": False} | parameters,
    )  # fmt: skip
    assert next(steps, None) is None
    return np.asarray(found)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (max_sensitivity, "MaxSensitivity"),
        (avg_sensitivity, "AvgSensitivity"),
        (relative_input_stability, "RelativeInputStability"),
        (relative_output_stability, "RelativeOutputStability"),
    ],
)
def test_stability_of_the_same_neighbours(ours, theirs):
    """Both differ in how near to zero a divisor may be: nothing is, here."""
    found, near = with_neighbours(ours)
    assert np.abs(near - digits()[:, None]).max() > 0.09
    assert_allclose(found, of_neighbours(theirs, near), rtol=2e-3)


def test_local_lipschitz_of_the_same_neighbours():
    found, near = with_neighbours(local_lipschitz)
    assert_allclose(found, of_neighbours("LocalLipschitzEstimate", near), rtol=1e-4)


def test_relative_representation_stability_of_the_same_neighbours():
    """Quantus hooks all layers together unless one is named; here it is the input of the last."""
    found, near = with_neighbours(relative_representation_stability, layer="2")
    theirs = of_neighbours("RelativeRepresentationStability", near, layer_names=["2"])
    assert_allclose(found, theirs, rtol=2e-3)


def test_one_neighbour_of_another_class_makes_a_row_nan_in_quantus():
    """Its default gives no number to such a row, nor to the mean over rows; here that neighbour alone is left out."""
    settings = {"n_samples": 6, "radius": 0.9}
    found, near = with_neighbours(max_sensitivity, same_prediction=True, **settings)
    theirs = of_neighbours("MaxSensitivity", near, return_nan_when_prediction_changes=True)
    same = network_classes(near.reshape(-1, 1, SIDE, SIDE)).reshape(N_ROWS, 6) == network_classes(digits())[:, None]
    some = same.any(axis=1) & ~same.all(axis=1)
    assert some.sum() >= 3
    assert np.isnan(theirs[some]).all() and np.isnan(theirs.mean())
    assert np.isfinite(found).all()
    assert_allclose(found[same.all(axis=1)], theirs[same.all(axis=1)], rtol=1e-4)


# ---------------------------------------------------------------- complexity
def test_sparseness_and_complexity():
    """On absolute attributions, which Quantus takes by itself unless told not to."""
    explainer, attributions, _ = explained()
    options = {"attributions": attributions, "sample_wise": True}
    size = np.abs(attributions)
    assert_allclose(sparseness(explainer, digits(), **options), both("Sparseness", attributions=size), atol=1e-5)
    assert_allclose(complexity(explainer, digits(), **options), both("Complexity", attributions=size), rtol=1e-5)


def test_signed_and_silent_attributions_have_a_complexity():
    """Quantus: NaN for a row of zeros, and for rows with signs, as negative numbers have no logarithm."""
    explainer, attributions, _ = explained()
    silent = np.abs(attributions)
    silent[3] = 0
    with np.errstate(all="ignore"):
        assert_array_equal(np.flatnonzero(np.isnan(both("Complexity", attributions=silent))), [3])
        assert np.isnan(both("Complexity")).all()
    for given in (silent, attributions):
        assert np.isfinite(complexity(explainer, digits(), attributions=given, sample_wise=True)).all()


def test_effective_complexity_asks_the_model():
    """Quantus counts attributions above a number in their own unit: half of them are fewer. Here none has a unit."""
    explainer, attributions, _ = explained()
    size = np.abs(attributions)
    theirs = [both("EffectiveComplexity", attributions=scale * size, eps=0.005) for scale in (1.0, 0.5)]
    assert (theirs[1] < theirs[0]).all()
    ours = [
        effective_complexity(explainer, digits(), attributions=scale * attributions, sample_wise=True)
        for scale in (1.0, 0.5)
    ]
    assert_array_equal(ours[0], ours[1])


# ---------------------------------------------------------------- localisation
@cache
def masks():
    """Return squares of 9 pixels."""
    found = np.zeros((N_ROWS, 1, SIDE, SIDE), dtype=bool)
    for i, (row, column) in enumerate(np.random.RandomState(0).randint(0, SIDE - 2, (N_ROWS, 2))):
        found[i, 0, row : row + 3, column : column + 3] = True
    return found


def test_localisation():
    explainer, attributions, _ = explained()
    positive = np.maximum(attributions, 0)
    for metric, name in [
        (pointing_game, "PointingGame"),
        (relevance_mass_accuracy, "RelevanceMassAccuracy"),
        (relevance_rank_accuracy, "RelevanceRankAccuracy"),
    ]:
        ours = metric(explainer, digits(), masks=masks(), attributions=attributions, sample_wise=True)
        assert_allclose(ours, both(name, attributions=positive, masks=masks()), rtol=1e-5, err_msg=name)


def test_an_explanation_that_says_nothing_points_at_nothing():
    """Quantus: a hit, as all pixels of a row of zeros are the largest, and NaN for its mass.

    Its ranks are those of the columns: of a mask at the start of the image all of it is found, of another nothing.
    """
    explainer, attributions, _ = explained()
    attributions = np.maximum(attributions, 0)
    attributions[3] = 0
    start = np.zeros_like(masks())
    start[:, :, 0] = True
    given = {"attributions": attributions, "masks": start}
    assert both("PointingGame", **given)[3]
    with np.errstate(all="ignore"):
        assert np.isnan(both("RelevanceMassAccuracy", **given)[3])
    assert both("RelevanceRankAccuracy", **given)[3] == 1
    assert both("RelevanceRankAccuracy", attributions=attributions, masks=start[:, :, ::-1])[3] == 0
    for metric in (pointing_game, relevance_mass_accuracy, relevance_rank_accuracy):
        assert metric(explainer, digits(), sample_wise=True, **given)[3] == 0


def test_an_empty_mask_is_an_error_and_no_hit():
    """Quantus writes NaN into an array of bool, which makes it True: an image without an object is a hit."""
    explainer, attributions, _ = explained()
    empty = masks().copy()
    empty[3] = False
    assert both("PointingGame", masks=empty)[3]
    with pytest.raises(ValueError, match="in 1 rows, first in row 3"):
        pointing_game(explainer, digits(), masks=empty, attributions=attributions)


# ---------------------------------------------------------------- randomisation
def slopes(module, inputs, targets):
    """Return gradients, as Quantus asks for them."""
    leaf = torch.tensor(np.asarray(inputs, dtype=np.float32), requires_grad=True)
    chosen = module(leaf)[torch.arange(len(leaf)), torch.as_tensor(targets)]
    return torch.autograd.grad(chosen.sum(), leaf)[0].numpy()


def test_random_logit():
    """The mean over all other outputs here; one that is drawn in Quantus, which seeds numpy's global generator.

    What is drawn after it is then the same, whatever was seeded before.
    """
    explainer, attributions, _ = explained()
    ours = random_target(explainer, digits(), attributions=attributions, sample_wise=True)
    options = {"num_classes": 10, "similarity_func": import_quantus().correlation_spearman}
    each = []
    for other in range(1, 10):
        others = explainer.attribute(digits(), np.full(N_ROWS, other))
        each.append(both("RandomLogit", explain=lambda module, inputs, targets, others=others: others, **options))
    assert_allclose(ours, np.mean(each, axis=0), atol=1e-6)
    after = []
    for seed in (7, 8):
        np.random.seed(seed)  # noqa: NPY002
        drawn = both("RandomLogit", explain=slopes, **options)
        after.append(np.random.rand())  # noqa: NPY002
    assert after[0] == after[1]
    assert (np.abs(np.array(each) - drawn).min(axis=0) < 1e-4).all()


@pytest.fixture
def same_weights(monkeypatch):
    """Give our cascade the weights that Quantus draws, from the output on; return the names of the layers.

    Quantus seeds torch's global generator for each layer, with the same number.
    """
    peer = import_quantus().helpers.model.pytorch_model.PyTorchModel(network(), channel_first=True, softmax=False)
    drawn = peer.get_random_layer_generator("top_down", seed=42)
    steps = [(name, copy.deepcopy(module.state_dict())) for name, module in drawn]

    @contextmanager
    def as_drawn(module, layers, random_state):
        before = copy.deepcopy(module.state_dict())
        module.load_state_dict(steps[len(layers) - 1][1])
        yield layers
        module.load_state_dict(before)

    monkeypatch.setattr("sklearn_xai.metrics.randomisation_curve.layer_randomisation", as_drawn)
    return [name for name, _ in steps]


def test_model_parameter_randomisation(same_weights):
    """In its mean over layers Quantus counts the trained network too, which is like itself: 1.0 of four here."""
    explainer, attributions, _ = explained()
    options = {"similarity_func": import_quantus().correlation_spearman, "explain": slopes, "seed": 42}
    options["layer_order"] = "top_down"
    y = np.zeros(N_ROWS, dtype=int)
    theirs = quantus_scores("MPRT", network(), digits(), y, attributions, **options)
    curve = parameter_randomisation_curve(explainer, digits(), attributions=attributions)
    assert list(theirs) == ["original", *curve.layers] == ["original", *same_weights]
    for name, similarity in zip(curve.layers, curve.similarity, strict=True):
        assert_allclose(similarity, theirs[name], atol=1e-4, err_msg=name)
    ours = parameter_randomisation(explainer, digits(), attributions=attributions, sample_wise=True)
    mean = quantus_scores("MPRT", network(), digits(), y, attributions, return_average_correlation=True, **options)
    assert_allclose(mean, (1 + 3 * ours) / 4, atol=1e-4)


def test_efficient_parameter_randomisation(same_weights):
    """The rise of the entropy of histograms of 30 bins, from the trained network to one that is drawn anew."""
    explainer, attributions, _ = explained()
    entropy = import_quantus().functions.complexity_func.discrete_entropy
    theirs = both(
        "EfficientMPRT",
        complexity_func=entropy,
        complexity_func_kwargs={"n_bins": 30},
        layer_order="top_down",
        seed=42,
        explain=slopes,
        call={"softmax": True},
    )
    ours = efficient_parameter_randomisation(
        explainer, digits(), attributions=attributions, n_bins=30, sample_wise=True
    )
    assert_allclose(ours, theirs, atol=1e-6)


def test_smooth_parameter_randomisation_asks_the_explainer():
    """Quantus's never calls the function that it is given: whatever it is to judge, it judges plain gradients."""
    _, attributions, y = explained()
    called = []
    options = {"nr_samples": 2, "similarity_func": import_quantus().correlation_spearman}
    with pytest.warns(UserWarning, match="will produce a vanilla 'Gradient' explanation"):
        quantus_scores(
            "SmoothMPRT", network(), digits(), y, attributions, explain=lambda *given: called.append(given), **options
        )
    assert not called
    scores = [
        smooth_parameter_randomisation(cls(network(), target=0).fit(digits()), digits(), n_samples=3, random_state=0)
        for cls in (SaliencyExplainer, InputXGradientExplainer)
    ]
    assert abs(scores[0] - scores[1]) > 0.01


# ---------------------------------------------------------------- axioms
class Deaf(nn.Module):
    """A network that does not see the upper half of an image."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(N_PIXELS // 2, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, X):
        return self.layers(X.flatten(1)[:, N_PIXELS // 2 :])


def test_non_sensitivity():
    """Counts of pixels in Quantus, a share here. It takes a negative attribution for none, unless its size is given."""
    module, y = seeded(Deaf, dtype=None), np.zeros(N_ROWS, dtype=int)
    explainer = SaliencyExplainer(module, target=0).fit(BLACK)
    right = explainer.transform(digits())
    wrong = right.copy()
    wrong[:, :, 4, :3], wrong[:, :, 0, 0] = 0, 1
    for attributions, expected in [(right, 0), (wrong, 4)]:
        options = {"features_in_step": 1, "eps": 1e-7, "perturb_baseline": 0.0}
        theirs = quantus_scores("NonSensitivity", module, digits(), y, np.abs(attributions), **options)
        ours = non_sensitivity(explainer, digits(), attributions=attributions, tol=1e-6, sample_wise=True)
        assert_array_equal(theirs, expected)
        assert_allclose(ours, expected / N_PIXELS)
    signed = quantus_scores("NonSensitivity", module, digits(), y, right, **options)
    assert_array_equal(signed, (right < 0).sum(axis=(1, 2, 3)))


class WithoutFirst(nn.Module):
    """Lets the first row and column of a convolution's outputs out, all that the first pixel goes into."""

    def forward(self, X):
        return X[..., 1:, 1:]


def invariant(layers, method):
    """Return what Quantus says of each row, and how far its explanations differ here."""
    module = nn.Sequential(*layers)
    explainer, y = method(module, target=0).fit(digits()), np.zeros(N_ROWS, dtype=int)

    def explain(network, inputs, targets):
        return method(network, target=0).fit(digits()).transform(np.asarray(inputs, dtype=np.float32))

    theirs = quantus_scores("InputInvariance", module, digits(), y, explainer.transform(digits()), explain=explain)
    return theirs, input_invariance(explainer, digits(), sample_wise=True)


def test_input_invariance():
    """Quantus shifts all pixels but the first, and the bias of the first layer, which must be a convolution.

    Where the first pixel counts, or the convolution pads its input, its shifted model is another one, and it finds
    gradients to depend on the shift. Here the shift is taken away in front of the network, whatever that is.
    """
    late = [nn.Conv2d(1, 4, 3), WithoutFirst(), nn.Tanh(), nn.Flatten(), nn.Linear(100, 3)]
    for method, same in [(SaliencyExplainer, True), (InputXGradientExplainer, False)]:
        theirs, ours = invariant(late, method)
        assert_array_equal(theirs, same)
        assert_array_equal(ours < 1e-3, same)
    for first, n_units in [(nn.Conv2d(1, 4, 3), 144), (nn.Conv2d(1, 4, 3, padding=1), 256)]:
        theirs, ours = invariant([first, nn.Tanh(), nn.Flatten(), nn.Linear(n_units, 3)], SaliencyExplainer)
        assert not np.any(theirs)
        assert ours.max() < 1e-3
