"""Explainers of images that take no tables: the checks that the others go through, on images and flattened signals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch import nn

from sklearn_xai import all_explainers
from tests.every_explainer import fast
from tests.nets import classifier, regressor, table
from tests.test_common import OUTSIDE, name_of, named
from tests.test_hygiene import random_states, state
from tests.test_persistence import WAYS, stays_the_same

CLASSES = [cls for _, cls in all_explainers(inputs="image") if "table" not in cls._inputs]
LABELS = np.arange(30) % 3
IMAGES = np.random.RandomState(0).standard_normal((30, 2, 6, 5)).astype(np.float32)
IMAGES += (LABELS - 1).astype(np.float32)[:, None, None, None]
NUMBERS = IMAGES[:, 0].mean(axis=(1, 2))[:, None]


class Signal(nn.Module):
    """Takes a row of any length as a signal of one channel."""

    def __init__(self, n_features=1, n_outputs=1):
        super().__init__()
        self.conv, self.out = nn.Conv1d(1, 4, 3, padding=1), nn.Linear(4, n_outputs)

    def forward(self, X):
        return self.out(self.conv(X[:, None]).relu().mean(dim=2))


class WornCNN(nn.Module):
    """Layers with a state of their own; it breaks down in the middle of ``forward``, when told to."""

    broken = False

    def __init__(self, n_outputs=1):
        super().__init__()
        self.norm, self.hidden = nn.BatchNorm2d(2), nn.Conv2d(2, 4, 3, padding=1)
        self.drop, self.deep = nn.Dropout(0.3), nn.Conv2d(4, 4, 2, stride=2)
        self.out = nn.Linear(4, n_outputs)

    def forward(self, X):
        h = self.drop(self.hidden(self.norm(X)).relu())
        if self.broken:
            raise RuntimeError("broken down")
        return self.out(self.deep(h).relu_().mean(dim=(2, 3)))


def worn_net():
    """Return a fitted net whose module is in no default state: mixed modes, frozen layers, a gradient, a hook."""
    net = regressor(WornCNN, callbacks=None).fit(IMAGES, NUMBERS)
    part = net.module_
    part.train()
    part.hidden.eval()
    part.out.weight.requires_grad_(False)
    for parameter in part.parameters():
        parameter.grad = None
    part.hidden.weight.grad = torch.full_like(part.hidden.weight, 2.5)
    part.norm.register_forward_hook(lambda layer, args, output: None)
    return net


def three_classes():
    return classifier(WornCNN, callbacks=None, module__n_outputs=3, max_epochs=30, lr=0.1)


# ---------------------------------------------------------------------- scikit-learn's checks, on rows of any length
NETS = {"regressor": lambda: regressor(Signal), "classifier": lambda: classifier(Signal)}


def frozen():
    X, y, _ = table()
    return FrozenEstimator(regressor(Signal, callbacks=None).fit(X, y.reshape(-1, 1)))


def whole_suite():
    for cls in CLASSES:
        for kind, net in NETS.items():
            for estimator, check in estimator_checks_generator(fast(cls, net())):
                yield named(estimator, check, kind)
        for estimator, check in estimator_checks_generator(fast(cls, frozen())):
            if name_of(check) != "check_estimators_overwrite_params":  # the hash of a module is not that of its copy
                yield named(estimator, check, "frozen")


@pytest.mark.parametrize(("estimator", "check"), [*whole_suite()])
def test_scikit_learn_suite(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("check", [name for name in OUTSIDE if hasattr(checks, name)])
@pytest.mark.parametrize("cls", CLASSES)
def test_outside_the_suite(cls, check, kind):
    getattr(checks, check)(cls.__name__, fast(cls, NETS[kind]()))


# ---------------------------------------------------------------------- hygiene
def use(explainer):
    """Call everything that runs the network."""
    explainer.fit(IMAGES)
    explainer.transform(IMAGES[:7])
    explainer.explain(IMAGES[:7])
    explainer.score(IMAGES[:4])
    explainer.explained_output(IMAGES[:7])
    explainer.predict(IMAGES[:7])
    return explainer.feature_importances_


@pytest.mark.parametrize("cls", CLASSES)
def test_module_random_states_and_images_are_left_alone(cls):
    net, kept = worn_net(), IMAGES.copy()
    before, drawn = state(net.module_), random_states()
    use(fast(cls, net))
    assert state(net.module_) == before
    assert random_states() == drawn
    assert_array_equal(IMAGES, kept)


@pytest.mark.parametrize("call", ["fit", "transform", "explain", "score", "explained_output", "predict"])
@pytest.mark.parametrize("cls", CLASSES)
def test_left_alone_after_an_exception(cls, call):
    net = worn_net()
    explainer = fast(cls, net).fit(IMAGES)
    net.module_.broken = True
    before, drawn = state(net.module_), random_states()
    with pytest.raises((RuntimeError, ValueError), match="broken down"):
        getattr(explainer, call)(IMAGES[:7])
    assert state(net.module_) == before
    assert random_states() == drawn


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("cls", CLASSES)
def test_inside_a_block_without_gradients(cls, mode):
    net = worn_net()
    expected = fast(cls, net, random_state=0).fit(IMAGES).transform(IMAGES[:7])
    with mode():
        assert_array_equal(fast(cls, net, random_state=0).fit(IMAGES).transform(IMAGES[:7]), expected)
        fast(cls, three_classes(), random_state=0).fit(IMAGES, LABELS).transform(IMAGES[:7])


@pytest.mark.parametrize("cls", CLASSES)
def test_images_are_explained_each_for_itself(cls):
    explainer = fast(cls, worn_net(), random_state=0).fit(IMAGES)
    whole = explainer.transform(IMAGES)
    scale = np.abs(whole).max()
    order = np.random.RandomState(0).permutation(len(IMAGES))
    assert whole.shape == IMAGES.shape and whole.dtype == np.float32 and scale > 0
    assert_array_equal(explainer.transform(IMAGES), whole)
    assert_allclose(explainer.transform(IMAGES[order]), whole[order], atol=2e-6 * scale)
    one_by_one = np.concatenate([explainer.transform(IMAGES[i : i + 1]) for i in range(10)])
    assert_allclose(one_by_one, whole[:10], atol=2e-6 * scale)
    few = fast(cls, explainer.estimator_, random_state=0, batch_size=3).fit(IMAGES).transform(IMAGES)
    assert_allclose(few, whole, atol=2e-6 * scale)
    assert_allclose(explainer.explain(IMAGES).values, whole, atol=2e-6 * scale)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_mode_of_the_module_does_not_matter(cls):
    net = worn_net()
    explainer = fast(cls, net, random_state=0).fit(IMAGES)
    before = explainer.transform(IMAGES[:5])
    net.module_.eval()
    assert_array_equal(explainer.transform(IMAGES[:5]), before)


@pytest.mark.parametrize("cls", CLASSES)
def test_training_leaves_the_random_states_alone(cls):
    drawn = random_states()
    first, second = (
        fast(cls, three_classes(), random_state=5).fit(IMAGES, LABELS).transform(IMAGES[:5]) for _ in range(2)
    )
    assert random_states() == drawn
    assert_array_equal(first, second)


# ---------------------------------------------------------------------- targets, storing
@pytest.mark.parametrize("channels", ["keep", "sum"])
@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_and_the_predicted_one(cls, channels):
    fitted = fast(cls, three_classes(), random_state=0, channels=channels).fit(IMAGES, LABELS)
    net, shape = fitted.estimator_, (30, 2 if channels == "keep" else 1, 6, 5)
    every = fast(cls, net, target="all", channels=channels).fit(IMAGES)
    values = every.transform(IMAGES)
    assert values.shape == (*shape, 3)
    scale = np.abs(values).max()
    for k in range(3):
        single = fast(cls, net, target=k, channels=channels).fit(IMAGES).transform(IMAGES)
        assert_allclose(values[..., k], single, atol=2e-6 * scale)
    predicted = every.explained_output(IMAGES).argmax(axis=1)
    assert len(set(predicted)) > 1
    assert_allclose(fitted.transform(IMAGES), values[np.arange(30), ..., predicted], atol=2e-6 * scale)
    assert fitted.explain(IMAGES).values.shape == shape


@pytest.mark.parametrize("cls", CLASSES)
def test_stored_and_loaded(cls):
    explainer = fast(cls, three_classes(), random_state=0).fit(IMAGES, LABELS)
    found, predicted = explainer.transform(IMAGES), explainer.predict(IMAGES)
    for way, through in WAYS.items():
        loaded = through(explainer)
        assert_allclose(loaded.transform(IMAGES), found, atol=1e-6, err_msg=way)
        assert_array_equal(loaded.predict(IMAGES), predicted, way)
    X, _, labels = table()
    stays_the_same(fast(cls, classifier(Signal), random_state=0).fit(X, labels), X[:10])


@pytest.mark.parametrize("cls", CLASSES)
def test_a_clone_is_fitted_anew(cls):
    explainer = fast(cls, worn_net(), channels="sum").fit(IMAGES)
    copy = clone(explainer).set_params(channels="keep")
    assert not hasattr(copy, "background_") and copy.fit(IMAGES, NUMBERS).transform(IMAGES).shape == IMAGES.shape
