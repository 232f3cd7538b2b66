"""Expected gradients, against closed forms and against every background row at many nodes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import ExpectedGradientsExplainer, IntegratedGradientsExplainer
from sklearn_xai.explainers.gradient._blends import draw_blends, error_contrasts
from tests.oracles import Skip, as_net, gradient_loop, mlp, run, seeded


def rows(n=6, shape=(4,), seed=0):
    return np.random.RandomState(seed).standard_normal((n, *shape))


BACKGROUND = rows(20, seed=9)


def oracle(module, X, background, target, n_nodes=60):
    """Return the attributions of each row by the middle rule, one background row and one node at a time."""
    total = np.zeros_like(X)
    for base in background:
        for node in (np.arange(n_nodes) + 0.5) / n_nodes:
            total += (X - base) * gradient_loop(module, base + node * (X - base), target)
    return total / n_nodes / len(background)


class Square(nn.Module):
    """A quadratic form, whose expected gradients are known."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("matrix", torch.as_tensor(np.random.RandomState(5).standard_normal((4, 4))))

    def forward(self, x):
        return self.scale * ((x @ self.matrix) * x).sum(dim=1, keepdim=True)


# ---------------------------------------------------------------------- draws
@pytest.mark.parametrize(("n_background", "n_samples"), [(10, 40), (10, 10), (10, 4), (10, 25), (1, 7), (7, 1)])
def test_draws_are_balanced(n_background, n_samples):
    picked, alphas, weights = draw_blends(n_background, n_samples, np.random.RandomState(0))
    assert picked.shape == alphas.shape == weights.shape == (n_samples,)
    times = np.bincount(picked, minlength=n_background)
    assert times.max() - times.min() <= 1
    of_row = np.bincount(picked, weights, minlength=n_background)
    np.testing.assert_allclose(of_row[times > 0], 1 / (times > 0).sum(), rtol=1e-12)
    for often in np.unique(times[times > 0]):
        group = np.sort(alphas[times[picked] == often])
        np.testing.assert_array_equal(np.floor(group * len(group)), np.arange(len(group)))
        for row in np.flatnonzero(times == often):
            own = np.sort(alphas[picked == row])
            np.testing.assert_array_equal(np.floor(own * often), np.arange(often))


def test_draws_differ_from_seed_to_seed():
    first, second = (draw_blends(10, 20, np.random.RandomState(seed))[1] for seed in (0, 1))
    assert not np.allclose(first, second)


@pytest.mark.parametrize(("n_background", "n_samples"), [(10, 40), (10, 10), (10, 25), (1, 9)])
def test_contrasts_have_the_size_of_the_weights_and_nothing_of_the_mean(n_background, n_samples):
    rng = np.random.RandomState(0)
    picked, alphas, weights = draw_blends(n_background, n_samples, rng)
    contrasts = error_contrasts(picked, alphas, weights, rng)
    assert len(contrasts) > 0
    np.testing.assert_allclose(np.square(contrasts).sum(axis=1), np.square(weights).sum())
    for known in (np.ones(n_samples), alphas, alphas**2, alphas**3):
        np.testing.assert_allclose(contrasts @ known, 0, atol=1e-12)
    if n_samples > n_background:
        np.testing.assert_allclose(contrasts @ (picked[:, None] == np.arange(n_background)), 0, atol=1e-12)


# ---------------------------------------------------------------------- values
@pytest.mark.parametrize("n_samples", [20, 40, 50, 60, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_linear(n_samples, dtype):
    module, X = seeded(lambda: nn.Linear(4, 2), dtype=dtype), rows()
    explainer = ExpectedGradientsExplainer(module, n_samples=n_samples, target=1, random_state=0).fit(BACKGROUND)
    expected = (X - BACKGROUND.mean(axis=0)) * module.weight.detach().numpy()[1]
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-11 if dtype is torch.float64 else 2e-6)


@pytest.mark.parametrize("n_samples", [20, 60, 200])
def test_quadratic_within_the_standard_errors(n_samples):
    module, X = Square().double(), rows(10)
    matrix = module.matrix.numpy() + module.matrix.numpy().T
    # the gradient at a blend is matrix @ (b + alpha (x - b)): its mean over alpha is that at the middle
    expected = np.mean([(X - b) * ((X + b) / 2 @ matrix) for b in BACKGROUND], axis=0)
    outside, errors = [], []
    for seed in range(6):
        explainer = ExpectedGradientsExplainer(module, n_samples=n_samples, random_state=seed).fit(BACKGROUND)
        explanation = explainer.explain(X)
        errors.append(explanation.values - expected)
        outside.append(np.abs(errors[-1]) > 4 * explanation.standard_errors)
        np.testing.assert_allclose(explanation.values.sum(axis=1), expected.sum(axis=1), atol=1e-9)
    assert np.mean(outside) < 0.01
    assert np.sqrt(np.mean(np.square(errors))) > 1e-4  # something was drawn


@pytest.mark.parametrize("build", [lambda: mlp(4, 3, nn.Tanh), lambda: mlp(4, 3), lambda: Skip(4, 3)])
@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_many_draws_are_every_background_row_and_node(build, batch_size):
    module, X, background = seeded(build), rows(3), BACKGROUND[:4]
    target = run(module, X).argmax(axis=1)
    settings = {"n_samples": {1: 60, 7: 300, None: 3000}[batch_size], "batch_size": batch_size, "random_state": 0}
    found = ExpectedGradientsExplainer(module, **settings).fit(background).transform(X)
    expected = oracle(module, X, background, target)
    assert np.abs(found - expected).max() < {1: 0.1, 7: 0.02, None: 2e-3}[batch_size]


@pytest.mark.parametrize("n_samples", [100, 300])
def test_same_values_in_any_batches(n_samples):
    module, X = seeded(lambda: mlp(4, 3)), rows(9)
    settings = {"n_samples": n_samples, "random_state": 0}
    whole = ExpectedGradientsExplainer(module, **settings).fit(BACKGROUND).transform(X)
    for batch_size in (3, 50, 1000):
        found = ExpectedGradientsExplainer(module, batch_size=batch_size, **settings).fit(BACKGROUND).transform(X)
        np.testing.assert_allclose(found, whole, atol=1e-12)


@pytest.mark.parametrize("n_samples", [8, 20, 50, 200])
def test_complete(n_samples):
    module, X = seeded(lambda: mlp(4, 3)), rows()
    explainer = ExpectedGradientsExplainer(module, n_samples=n_samples, target="all", random_state=0).fit(BACKGROUND)
    explanation = explainer.explain(X)
    assert explanation.values.shape == explanation.standard_errors.shape == (6, 4, 3)
    np.testing.assert_allclose(explanation.base_values, np.tile(run(module, BACKGROUND).mean(axis=0), (6, 1)))
    total = explanation.values.sum(axis=1) + explanation.base_values
    np.testing.assert_allclose(total, run(module, X), atol=1e-7)


def test_one_draw_is_not_complete_and_says_so():
    module, X = seeded(lambda: mlp(4, 1, nn.Tanh)), 3 * rows()
    explainer = ExpectedGradientsExplainer(module, n_samples=1, random_state=0).fit(3 * BACKGROUND)
    with pytest.warns(ConvergenceWarning, match="Raise n_samples"):
        explanation = explainer.explain(X)
    assert np.isnan(explanation.standard_errors).all() and np.isfinite(explanation.values).all()


def test_dummy_and_invariance():
    """A column that the network does not see gets nothing, and another spelling of the same function the same."""
    first, X = seeded(lambda: mlp(4, 1, nn.Tanh)), rows()
    with torch.no_grad():
        first[0].weight[:, 2] = 0

    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = first

        def forward(self, x):
            hidden = torch.tanh(torch.einsum("ni,hi->nh", x, first[0].weight) + first[0].bias)
            return first[4](torch.tanh(first[2](hidden))) + 0 * x.sin().sum(dim=1, keepdim=True)

    one, other = (ExpectedGradientsExplainer(m, random_state=0).fit(BACKGROUND) for m in (first, Other()))
    assert one._site.found and not other._site.found
    np.testing.assert_array_equal(one.transform(X)[:, 2], 0)
    np.testing.assert_allclose(one.transform(X), other.transform(X), atol=1e-12)
    np.testing.assert_allclose(one.explain(X).standard_errors, other.explain(X).standard_errors, atol=1e-12)


def test_nothing_to_explain():
    module, X = seeded(lambda: mlp(4, 1, nn.Tanh)), rows(1)
    explanation = ExpectedGradientsExplainer(module, random_state=0).fit(X).explain(X)
    np.testing.assert_array_equal(explanation.values, 0)
    np.testing.assert_array_equal(explanation.standard_errors, 0)


# ---------------------------------------------------------------------- standard errors
@cache
def net_and_truth(kind):
    """Return a module, its background, rows, and their attributions by very many draws."""
    module, background = {
        "tanh": (seeded(lambda: mlp(4, 1, nn.Tanh, n_hidden=32)), rows(40, seed=3)),
        "relu": (seeded(lambda: mlp(4, 1, n_hidden=64), seed=2), 2 * rows(40, seed=4)),
    }[kind]
    X = 1.5 * rows(15, seed=5)
    truth = ExpectedGradientsExplainer(module, n_samples=8_000, random_state=0).fit(background).transform(X)
    return module, background, X, truth


@cache
def actual_and_said(kind, n_samples):
    """Return the root mean square of the errors of several seeds, and of what is said of them."""
    module, background, X, truth = net_and_truth(kind)
    errors, said = [], []
    for seed in range(1, 9):
        explainer = ExpectedGradientsExplainer(module, n_samples=n_samples, random_state=seed).fit(background)
        explanation = explainer.explain(X)
        errors.append(explanation.values - truth)
        said.append(explanation.standard_errors)
    return [float(np.sqrt(np.square(part).mean())) for part in (errors, said)]


@pytest.mark.parametrize("kind", ["tanh", "relu"])
@pytest.mark.parametrize("n_samples", [20, 40, 80, 100, 200])
def test_standard_errors_are_calibrated(kind, n_samples):
    actual, said = actual_and_said(kind, n_samples)
    assert 0.7 < actual / said < 1.4


@pytest.mark.parametrize("kind", ["tanh", "relu"])
def test_more_draws_are_better(kind):
    errors = [actual_and_said(kind, n_samples)[0] for n_samples in (20, 40, 80, 200)]
    assert (np.diff(errors) < 0).all() and errors[-1] < errors[0] / 5


# ---------------------------------------------------------------------- columns, layers, images
def mixed_table():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"age": rng.standard_normal(40), "job": rng.choice(["a", "b", "c"], 40).astype(object)})
    columns = make_column_transformer((OneHotEncoder(sparse_output=False), ["job"]), (StandardScaler(), ["age"]))
    return table, columns.fit(table)


def test_columns_of_a_pipeline():
    table, columns = mixed_table()
    module = seeded(lambda: mlp(4, 1, nn.Tanh))
    net, z = as_net(module), columns.transform(table)
    behind = ExpectedGradientsExplainer(net, random_state=0).fit(z).explain(z)
    explanation = ExpectedGradientsExplainer(make_pipeline(columns, net), random_state=0).fit(table).explain(table)
    expected = np.column_stack([behind.values[:, 3], behind.values[:, :3].sum(axis=1)])
    np.testing.assert_allclose(explanation.values, expected, atol=1e-12)
    np.testing.assert_allclose(explanation.standard_errors[:, 0], behind.standard_errors[:, 3], atol=1e-12)
    # Errors of inputs of one column are not independent: those of their sum are found as such.
    joint = explanation.standard_errors[:, 1]
    assert (joint <= behind.standard_errors[:, :3].sum(axis=1) + 1e-12).all()
    assert not np.allclose(joint, np.sqrt(np.square(behind.standard_errors[:, :3]).sum(axis=1)), rtol=1e-2)


def test_all_columns_in_one_group_have_no_error():
    module, X = seeded(lambda: mlp(4, 1)), rows()
    settings = {"random_state": 0, "feature_groups": {"all": [0, 1, 2, 3]}}
    explanation = ExpectedGradientsExplainer(module, **settings).fit(BACKGROUND).explain(X)
    np.testing.assert_allclose(explanation.values[:, 0], run(module, X)[:, 0] - explanation.base_values, atol=1e-7)
    np.testing.assert_allclose(explanation.standard_errors, 0, atol=1e-6)


def test_layer_is_the_network_behind_it():
    module, X = seeded(lambda: mlp(4, 2, nn.Tanh)), rows()
    settings = {"random_state": 0, "target": 1}
    inside = ExpectedGradientsExplainer(module, layer="1", **settings).fit(BACKGROUND)
    hidden, of_background = run(module[:2], X), run(module[:2], BACKGROUND)
    behind = ExpectedGradientsExplainer(module[2:], **settings).fit(of_background)
    assert inside.transform(X).shape == (6, 8)
    np.testing.assert_allclose(inside.transform(X), behind.transform(hidden), atol=1e-12)


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 3 * 2, 2)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images(dtype):
    module, X, background = seeded(cnn, dtype=dtype), rows(5, (2, 5, 4)), rows(8, (2, 5, 4), seed=1)
    settings = {"random_state": 0, "target": 0, "n_samples": 400}
    explainer = ExpectedGradientsExplainer(module, **settings).fit(background)
    assert explainer._site.found and explainer._site.channels_last
    explanation = explainer.explain(X)
    ig = IntegratedGradientsExplainer(module, baseline="sample", n_steps=200, target=0).fit(background)
    expected = ig.transform(X)
    assert explanation.values.shape == explanation.standard_errors.shape == X.shape
    assert np.abs(explanation.values - expected).max() < 0.05 * np.abs(expected).max()
    assert np.mean(np.abs(explanation.values - expected) < 4 * explanation.standard_errors) > 0.99
    summed = ExpectedGradientsExplainer(module, channels="sum", **settings).fit(background).explain(X)
    np.testing.assert_allclose(summed.values, explanation.values.sum(axis=1, keepdims=True), atol=1e-5)
    assert summed.standard_errors.shape == (5, 1, 5, 4)


def test_flat_images_have_the_values_of_images():
    class Reshaping(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = cnn()

        def forward(self, x):
            return self.inner(x.reshape(-1, 2, 5, 4))

    module, X, background = seeded(Reshaping), rows(5, (2, 5, 4)), rows(8, (2, 5, 4), seed=1)
    flat = ExpectedGradientsExplainer(module, random_state=0).fit(background.reshape(8, -1))
    images = ExpectedGradientsExplainer(module.inner, random_state=0).fit(background)
    np.testing.assert_allclose(flat.transform(X.reshape(5, -1)), images.transform(X).reshape(5, -1), atol=1e-12)


class Words(nn.Module):
    """A bag of words behind a non-linearity; token 0 is padding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(12, 5, padding_idx=0)
        self.out = nn.Linear(5, 2)

    def forward(self, ids):
        return self.out(self.embedding(ids).tanh().sum(dim=1))


def test_tokens():
    """Words do not interact here: each is blended with what the background has at its place."""
    module = seeded(Words)
    rng = np.random.RandomState(0)
    X, background = rng.randint(1, 12, (5, 4)), rng.randint(1, 12, (10, 4))
    X[0, 2:] = X[1, 3] = 0
    explanation = ExpectedGradientsExplainer(module, target=1, random_state=0, n_samples=500).fit(background).explain(X)
    said = torch.einsum("wd,d->w", module.embedding.weight.tanh(), module.out.weight[1]).detach().numpy()
    expected = np.where(X > 0, said[X] - said[background].mean(axis=0), 0)
    assert explanation.values.shape == explanation.standard_errors.shape == X.shape
    np.testing.assert_array_equal(explanation.values[X == 0], 0)
    np.testing.assert_array_equal(explanation.standard_errors[X == 0], 0)
    np.testing.assert_allclose(explanation.values, expected, atol=5e-3)
    blended = [run(module, np.where(X > 0, row, 0))[:, 1] for row in background]
    np.testing.assert_allclose(explanation.base_values, np.mean(blended, axis=0))
    gap = explanation.values.sum(axis=1) + explanation.base_values - run(module, X)[:, 1]
    np.testing.assert_allclose(gap, 0, atol=1e-7)


class Together(Words):
    """The words of a bag interact."""

    def forward(self, ids):
        return self.out(self.embedding(ids).sum(dim=1).tanh())


def test_padding_stays_what_it_is():
    """Short rows are explained as if there were no place for more words, whatever the background has there."""
    module, rng = seeded(Together), np.random.RandomState(0)
    X, background = rng.randint(1, 12, (5, 4)), rng.randint(1, 12, (10, 4))
    X[:, 2:] = 0
    settings = {"target": 1, "random_state": 0, "n_samples": 40}
    long = ExpectedGradientsExplainer(module, **settings).fit(background).transform(X)
    short = ExpectedGradientsExplainer(module, **settings).fit(background[:, :2]).transform(X[:, :2])
    np.testing.assert_allclose(long, np.hstack([short, np.zeros((5, 2))]), atol=1e-12)


def test_background_parameters():
    module, X = seeded(mlp), rows(300, seed=6)
    for sampling in ("random", "kmeans", "stratified"):
        settings = {"background_size": 12, "background_sampling": sampling, "random_state": 0}
        explainer = ExpectedGradientsExplainer(module, **settings).fit(X)
        assert explainer.baselines_.shape == (12, 4)
        np.testing.assert_allclose(explainer.base_outputs_, run(module, explainer.background_).mean(axis=0))


@pytest.mark.parametrize("wrong", [{"n_samples": 0}, {"tol": 0.0}, {"background_size": 0}, {"layer": "none"}])
def test_parameters_that_do_not_fit(wrong):
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter of ExpectedGradientsExplainer"):
        ExpectedGradientsExplainer(seeded(mlp), **wrong).fit(BACKGROUND)
