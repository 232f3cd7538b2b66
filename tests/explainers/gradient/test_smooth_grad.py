"""SmoothGrad, its squares and its variance, against the method inside at each noisy row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import (
    ExpectedGradientsExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    OcclusionExplainer,
    SaliencyExplainer,
    SmoothGradExplainer,
    all_explainers,
)
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.model_selection import cross_val_attributions
from tests.nets import classifier, table
from tests.oracles import Skip, as_net, gradient_loop, mlp, run, seeded

INSIDE = {
    name: cls
    for name, cls in all_explainers(inputs="table")
    if issubclass(cls, GradientExplainer) and cls is not SmoothGradExplainer
}


def rows(n=6, shape=(4,), seed=0):
    return np.random.RandomState(seed).standard_normal((n, *shape))


BACKGROUND = rows(20, seed=9)


def of_kind(kind, values):
    """Return the mean, mean square or variance over the first axis."""
    return {"smoothgrad": values.mean, "smoothgrad_sq": (values**2).mean, "vargrad": values.var}[kind](axis=0)


def loop(module, X, noise, kind):
    """Return what ``kind`` makes of the gradients at noisy rows, one row and one draw at a time."""
    target = run(module, X).argmax(axis=1)
    return of_kind(kind, np.stack([gradient_loop(module, X + shift, target) for shift in noise]))


# ---------------------------------------------------------------------- the noise
def test_noise():
    explainer = SmoothGradExplainer(seeded(mlp), n_samples=4001, noise=0.2, random_state=0).fit(BACKGROUND)
    noise = explainer.noise_
    assert noise.shape == (4001, 4)
    np.testing.assert_array_equal(noise[:2000], -noise[2001:])
    np.testing.assert_allclose(noise.std(axis=0), 0.2 * np.ptp(BACKGROUND, axis=0), rtol=0.05)
    other = SmoothGradExplainer(seeded(mlp), n_samples=4001, noise=0.2, random_state=1).fit(BACKGROUND)
    assert not np.allclose(other.noise_, noise)


def test_noise_of_images_has_the_range_of_all_elements():
    X = rows(8, (2, 5, 4)) * np.array([1.0, 9.0])[:, None, None]
    explainer = SmoothGradExplainer(seeded(cnn), n_samples=500, noise=0.1, random_state=0).fit(X)
    np.testing.assert_allclose(explainer.noise_.std(axis=(0, 2, 3)), 0.1 * np.ptp(X), rtol=0.05)


@pytest.mark.parametrize("inside", [SaliencyExplainer, IntegratedGradientsExplainer])
def test_without_noise_it_is_the_method_inside(inside):
    module, X = seeded(lambda: mlp(4, 3, nn.Tanh)), rows()
    expected = inside(module).fit(BACKGROUND).transform(X)
    for explainer in (
        SmoothGradExplainer(inside(module), noise=0.0),
        SmoothGradExplainer(inside(module), noise=0.3, n_samples=3).fit(BACKGROUND[:1]),
    ):
        fitted = explainer if hasattr(explainer, "noise_") else explainer.fit(BACKGROUND)
        if inside is SaliencyExplainer or fitted.noise == 0:
            np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-12)


# ---------------------------------------------------------------------- values
@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
@pytest.mark.parametrize("build", [lambda: mlp(4, 3), lambda: mlp(4, 3, nn.Tanh), lambda: Skip(4, 3)])
@pytest.mark.parametrize("batch_size", [3, None])
def test_gradients_at_noisy_rows(build, kind, batch_size):
    module, X = seeded(build), rows()
    settings = {"kind": kind, "n_samples": 7, "batch_size": batch_size, "random_state": 0, "noise": 0.4}
    explainer = SmoothGradExplainer(module, **settings).fit(BACKGROUND)
    np.testing.assert_allclose(explainer.transform(X), loop(module, X, explainer.noise_, kind), atol=1e-12)


def test_the_target_is_that_of_the_row():
    """Noise that changes the predicted class does not change what is explained."""
    module, X = seeded(lambda: mlp(4, 3, nn.Tanh)), rows(30)
    explainer = SmoothGradExplainer(module, n_samples=9, noise=1.0, random_state=0).fit(BACKGROUND)
    noisy = np.stack([run(module, X + shift).argmax(axis=1) for shift in explainer.noise_])
    assert (noisy != run(module, X).argmax(axis=1)).mean() > 0.1
    expected = loop(module, X, explainer.noise_, "smoothgrad")
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-12)
    wrapped = SmoothGradExplainer(SaliencyExplainer(module, absolute=True), n_samples=9, noise=1.0, random_state=0)
    target = run(module, X).argmax(axis=1)
    absolute = np.mean([np.abs(gradient_loop(module, X + e, target)) for e in explainer.noise_], axis=0)
    np.testing.assert_allclose(wrapped.fit(BACKGROUND).transform(X), absolute, atol=1e-12)


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
@pytest.mark.parametrize("name", [*INSIDE])
def test_any_gradient_method_inside(name, kind):
    module, X = seeded(lambda: mlp(4, 2)), rows()
    options = {"ExpectedGradientsExplainer": {"n_samples": 300, "tol": 1e9}}.get(name, {})
    settings = {"target": 1, "random_state": 0}
    inside = INSIDE[name](module, **options)
    explainer = SmoothGradExplainer(inside, n_samples=6, kind=kind, **settings).fit(BACKGROUND)
    alone = explainer.explainer_  # it has the same draws
    expected = of_kind(kind, np.stack([alone.transform(X + shift) for shift in explainer.noise_]))
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-9)
    again = INSIDE[name](module, **options, **settings).fit(BACKGROUND)
    assert type(alone) is type(again) and np.isfinite(explainer.transform(X)).all()


@pytest.mark.parametrize("kind", ["smoothgrad", "vargrad"])
def test_quadratic(kind):
    """The gradient of a quadratic form is linear: pairs of opposite noise cancel, and the variance is known."""
    matrix = torch.as_tensor(rows(4, seed=5) / 4)

    class Square(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

        def forward(self, x):
            return self.scale * ((x @ matrix) * x).sum(dim=1, keepdim=True)

    X, slopes = rows(), matrix.numpy() + matrix.numpy().T
    explainer = SmoothGradExplainer(Square(), kind=kind, n_samples=4000, random_state=0).fit(BACKGROUND)
    spread = 0.15 * np.ptp(BACKGROUND, axis=0)
    expected = X @ slopes if kind == "smoothgrad" else np.tile(spread**2 @ slopes**2, (6, 1))
    np.testing.assert_allclose(explainer.transform(X), expected, rtol=1e-9 if kind == "smoothgrad" else 0.15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_variance_of_what_does_not_vary(dtype):
    module = seeded(lambda: nn.Linear(4, 1), dtype=dtype)
    found = SmoothGradExplainer(module, kind="vargrad", random_state=0).fit(BACKGROUND).transform(rows())
    assert (found >= 0).all()
    np.testing.assert_allclose(found, 0, atol=1e-12)


def test_many_draws_come_in_parts(monkeypatch):
    module, X = seeded(lambda: mlp(4, 3)), rows()
    for kind in ("smoothgrad_sq", "vargrad"):
        explainer = SmoothGradExplainer(
            IntegratedGradientsExplainer(module, n_steps=8, tol=1e9), kind=kind, n_samples=11, random_state=0
        ).fit(BACKGROUND)
        whole = explainer.explain(X)
        for most in (4, 20, 100):
            monkeypatch.setattr("sklearn_xai.explainers.gradient.smooth_grad._MOST_POINTS", most)
            parts = explainer.explain(X)
            np.testing.assert_allclose(parts.values, whole.values, atol=1e-12)
            np.testing.assert_allclose(parts.base_values, whole.base_values, atol=1e-12)
        monkeypatch.undo()


def test_noise_too_large_to_keep_after_the_head(monkeypatch):
    module, X = seeded(lambda: mlp(4, 3)), rows()
    usual = SmoothGradExplainer(module, n_samples=7, random_state=0).fit(BACKGROUND)
    monkeypatch.setattr("sklearn_xai.explainers.gradient._noise._MOST_SHIFTS", 10)
    other = SmoothGradExplainer(module, n_samples=7, random_state=0).fit(BACKGROUND)
    assert usual._shifts is not None and other._shifts is None
    np.testing.assert_allclose(other.transform(X), usual.transform(X), atol=1e-12)


# ---------------------------------------------------------------------- columns, layers, images, tokens
def test_squares_are_taken_before_columns_are_added_up():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"age": rng.standard_normal(40), "job": rng.choice(["a", "b", "c"], 40).astype(object)})
    columns = make_column_transformer((OneHotEncoder(sparse_output=False), ["job"]), (StandardScaler(), ["age"]))
    net, z = as_net(seeded(lambda: mlp(4, 1, nn.Tanh))), columns.fit(frame).transform(frame)
    settings = {"kind": "smoothgrad_sq", "n_samples": 5, "random_state": 0}
    behind = SmoothGradExplainer(net, **settings).fit(z).transform(z)
    found = SmoothGradExplainer(make_pipeline(columns, net), **settings).fit(frame).transform(frame)
    np.testing.assert_allclose(found, np.column_stack([behind[:, 3], behind[:, :3].sum(axis=1)]), atol=1e-12)


def test_layer_is_the_network_behind_it():
    module, X = seeded(lambda: mlp(4, 2, nn.Tanh)), rows()
    settings = {"random_state": 0, "target": 1, "n_samples": 6}
    inside = SmoothGradExplainer(module, layer="1", **settings).fit(BACKGROUND)
    behind = SmoothGradExplainer(module[2:], **settings).fit(run(module[:2], BACKGROUND))
    assert inside.transform(X).shape == (6, 8)
    np.testing.assert_allclose(inside.transform(X), behind.transform(run(module[:2], X)), atol=1e-12)


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 3 * 2, 2)
    )


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq"])
def test_images(kind):
    module, X, background = seeded(cnn), rows(5, (2, 5, 4)), rows(8, (2, 5, 4), seed=1)
    settings = {"random_state": 0, "target": 0, "n_samples": 6, "kind": kind}
    explainer = SmoothGradExplainer(module, **settings).fit(background)
    alone = SaliencyExplainer(module, target=0).fit(background)
    expected = of_kind(kind, np.stack([alone.transform(X + shift) for shift in explainer.noise_]))
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-12)
    summed = SmoothGradExplainer(module, channels="sum", **settings).fit(background).transform(X)
    np.testing.assert_allclose(summed, expected.sum(axis=1, keepdims=True), atol=1e-12)
    regions = SmoothGradExplainer(module, feature_groups=2, **settings).fit(background).transform(X)
    np.testing.assert_allclose(regions.sum(axis=1), expected.reshape(5, -1).sum(axis=1), atol=1e-12)


class Words(nn.Module):
    """A bag of words behind a non-linearity; token 0 is padding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(12, 5, padding_idx=0)
        self.out = nn.Linear(5, 2)

    def forward(self, ids):
        return self.out(self.embedding(ids).tanh().sum(dim=1))


@pytest.mark.parametrize("inside", [SaliencyExplainer, InputXGradientExplainer])
def test_tokens(inside):
    module, rng = seeded(Words), np.random.RandomState(0)
    X, background = rng.randint(1, 12, (5, 4)), rng.randint(1, 12, (10, 4))
    X[0, 2:] = X[1, 3] = 0
    explainer = SmoothGradExplainer(inside(module), target=1, random_state=0, n_samples=8).fit(background)
    vectors = module.embedding.weight.detach().numpy()[X]
    points = vectors + explainer.noise_[:, None]
    slopes = (1 - np.tanh(points) ** 2) * module.out.weight.detach().numpy()[1]
    expected = (slopes * (points if inside is InputXGradientExplainer else 1)).mean(axis=0).sum(axis=2)
    np.testing.assert_allclose(explainer.transform(X), np.where(X > 0, expected, 0), atol=1e-12)


class Together(Words):
    """The words of a bag interact."""

    def forward(self, ids):
        return self.out(self.embedding(ids).sum(dim=1).tanh())


@pytest.mark.parametrize("inside", [SaliencyExplainer, InputXGradientExplainer])
def test_no_noise_on_padding(inside):
    module, rng = seeded(Together), np.random.RandomState(0)
    X, background = rng.randint(1, 12, (5, 4)), rng.randint(1, 12, (10, 4))
    X[:, 2:] = 0
    explainer = SmoothGradExplainer(inside(module), target=1, random_state=0, n_samples=8).fit(background)
    points = module.embedding.weight.detach().numpy()[X[:, :2]] + explainer.noise_[:, None, :2]
    slopes = (1 - np.tanh(points.sum(axis=2, keepdims=True)) ** 2) * module.out.weight.detach().numpy()[1]
    expected = (slopes * (points if inside is InputXGradientExplainer else np.ones_like(points))).mean(axis=0)
    np.testing.assert_allclose(explainer.transform(X)[:, :2], expected.sum(axis=2), atol=1e-12)


# ---------------------------------------------------------------------- two explainers in one
def test_what_is_explained_is_said_once():
    module = seeded(lambda: mlp(4, 3))
    settings = {"random_state": 0, "n_samples": 3}
    for inner in (
        {"target": 2},
        {"output": "raw"},
        {"batch_size": 3},
        {"layer": "1"},
        {"channels": "sum"},
        {"feature_groups": {"a": [0, 1]}},
        {"verbose": 1},
        {"random_state": 5},
    ):
        name, value = next(iter(inner.items()))
        explainer = SmoothGradExplainer(SaliencyExplainer(module, **inner), **settings)
        with pytest.raises(ValueError, match=f"'{name}' parameter of the SaliencyExplainer inside SmoothGradExplainer"):
            explainer.fit(BACKGROUND)
        same = {**settings, **inner}
        fitted = SmoothGradExplainer(SaliencyExplainer(module, **inner), **same).fit(BACKGROUND)
        assert getattr(fitted.explainer_, name) == value


@pytest.mark.parametrize("cls", [OcclusionExplainer, SmoothGradExplainer])
@pytest.mark.parametrize("model", [LinearRegression(), mlp()])
def test_no_method_to_smooth(cls, model):
    with pytest.raises(TypeError, match=f"must be a gradient explainer, or a model. Got {cls.__name__}"):
        SmoothGradExplainer(cls(model)).fit(BACKGROUND, BACKGROUND[:, 0])


def test_wrong_parameters():
    for wrong in ({"noise": -0.1}, {"n_samples": 0}, {"kind": "smooth"}):
        with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter of SmoothGradExplainer"):
            SmoothGradExplainer(seeded(mlp), **wrong).fit(BACKGROUND)
    with pytest.raises(ValueError, match="'n_steps' parameter of IntegratedGradientsExplainer"):
        SmoothGradExplainer(IntegratedGradientsExplainer(seeded(mlp), n_steps=0)).fit(BACKGROUND)
    with pytest.raises(ValueError, match="takes gradients"):
        SmoothGradExplainer(LinearRegression()).fit(BACKGROUND, BACKGROUND[:, 0])


def test_parameters_of_the_method_inside():
    X, _, labels = table()
    explainer = SmoothGradExplainer(IntegratedGradientsExplainer(classifier(), n_steps=4), n_samples=4, random_state=0)
    assert explainer.get_params()["estimator__n_steps"] == 4
    twin = clone(explainer).set_params(estimator__n_steps=6, estimator__estimator__lr=0.5)
    assert explainer.estimator.n_steps == 4 and twin.estimator.estimator.lr == 0.5
    fitted = twin.fit(X, labels)
    assert fitted.explainer_.n_steps == 6 and not hasattr(twin.estimator, "estimator_")
    np.testing.assert_array_equal(fitted.classes_, [0, 1])
    assert fitted.predict_proba(X).shape == (40, 2)
    search = GridSearchCV(explainer, {"estimator__n_steps": [2, 8], "noise": [0.0, 0.1]}, cv=2, error_score="raise")
    assert search.fit(X, labels).best_params_["estimator__n_steps"] in (2, 8)


def test_a_frozen_method_is_that_of_a_frozen_model():
    X, _, labels = table()
    net = classifier().fit(X, labels)
    inside = IntegratedGradientsExplainer(net, n_steps=4, tol=1e9)
    settings = {"n_samples": 4, "random_state": 0}
    expected = SmoothGradExplainer(inside, **settings).fit(X).transform(X)
    frozen = clone(SmoothGradExplainer(FrozenEstimator(inside), **settings)).fit(X, 1 - labels)
    np.testing.assert_array_equal(frozen.transform(X), expected)
    folds = cross_val_attributions(SmoothGradExplainer(inside, **settings), X, cv=2, X_eval=X[:3])
    assert folds.shape == (2, 3, 4) and np.isfinite(folds).all()


def test_the_background_is_that_of_the_method_inside():
    module, X = seeded(mlp), rows(80)
    inside = ExpectedGradientsExplainer(module, background_size=9)
    explainer = SmoothGradExplainer(inside, random_state=0).fit(X)
    assert len(explainer.background_) == len(explainer.explainer_.baselines_) == 9
    assert explainer.explain(X[:3]).values.shape == (3, 4)
