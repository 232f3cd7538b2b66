"""DeepLIFT: closed forms, a slow implementation by loops, completeness, and refusals with the way out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from torch import nn

from sklearn_xai import DeepLiftExplainer
from tests.oracles import as_net, mlp, seeded

X = np.random.RandomState(0).standard_normal((6, 4))
BACKGROUND = np.random.RandomState(1).standard_normal((5, 4))
IMAGES = np.random.RandomState(2).standard_normal((4, 2, 8, 8))


def total(values):
    return values.reshape(len(values), -1).sum(axis=1)


def gaps(explainer, rows):
    """Return the completeness gaps, and the differences that they are of."""
    explanation = explainer.explain(rows)
    change = explainer.explained_output(rows) - explanation.base_values
    return np.abs(total(explanation.values) - change), np.abs(change)


# ---------------------------------------------------------------------- by hand
def test_a_linear_network_is_weight_times_difference():
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1)))
    weight = (module[1].weight @ module[0].weight).detach().numpy()
    baseline = np.array([0.5, -1.0, 2.0, 0.0])
    found = DeepLiftExplainer(module, baseline=baseline).fit(X).transform(X)
    assert_allclose(found, weight * (X - baseline), atol=1e-12)


FUNCTIONS = {nn.ReLU: lambda z: np.maximum(z, 0), nn.Tanh: np.tanh, nn.Sigmoid: lambda z: 1 / (1 + np.exp(-z))}


def by_loops(module, row, baseline, target):
    """Return the attributions of one row by the rescale rule, layer by layer and number by number."""
    runs = []
    for start in (row, baseline):
        values = [start]
        for layer in module:
            values.append(forward(layer, values[-1]))
        runs.append(values)
    multiplier = np.eye(len(runs[0][-1]))[target]
    for i in reversed(range(len(module))):
        multiplier = backward(
            module[i], multiplier, *(values[i] for values in runs), *(values[i + 1] for values in runs)
        )
    return multiplier * (row - baseline)


def forward(layer, a):
    if isinstance(layer, nn.Linear):
        return layer.weight.detach().numpy() @ a + layer.bias.detach().numpy()
    if isinstance(layer, nn.Flatten):
        return a.reshape(-1)
    if isinstance(layer, nn.Conv2d):
        kernel, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        k = kernel.shape[-1]
        out = np.empty((len(kernel), a.shape[1] - k + 1, a.shape[2] - k + 1))
        for o, i, j in np.ndindex(*out.shape):
            out[o, i, j] = (kernel[o] * a[:, i : i + k, j : j + k]).sum() + bias[o]
        return out
    if isinstance(layer, nn.MaxPool2d):
        return a.reshape(len(a), a.shape[1] // 2, 2, a.shape[2] // 2, 2).max(axis=(2, 4))
    return FUNCTIONS[type(layer)](a)


def backward(layer, m, a, b, fa, fb):
    if isinstance(layer, nn.Linear):
        return layer.weight.detach().numpy().T @ m
    if isinstance(layer, nn.Flatten):
        return m.reshape(a.shape)
    if isinstance(layer, nn.Conv2d):
        kernel, found = layer.weight.detach().numpy(), np.zeros_like(a)
        k = kernel.shape[-1]
        for o, i, j in np.ndindex(*m.shape):
            found[:, i : i + k, j : j + k] += m[o, i, j] * kernel[o]
        return found
    found = np.zeros_like(a)
    if isinstance(layer, nn.MaxPool2d):
        for c, i, j in np.ndindex(*m.shape):
            window = (c, slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
            greater = (a if fa[c, i, j] >= fb[c, i, j] else b)[window]
            place = np.unravel_index(np.argmax(greater), (2, 2))
            difference = a[window][place] - b[window][place]
            found[window][place] = m[c, i, j] * (fa[c, i, j] - fb[c, i, j]) / difference if difference else 0
        return found
    for place in np.ndindex(*a.shape):
        found[place] = m[place] * (fa[place] - fb[place]) / (a[place] - b[place])
    return found


def pooled_cnn(activation=nn.ReLU):
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), activation(), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2), activation(), nn.Flatten(),
        nn.Linear(8, 2),
    )  # fmt: skip


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("build", [lambda act: mlp(n_outputs=2, activation=act), pooled_cnn], ids=["mlp", "cnn"])
def test_by_loops(build, activation):
    module, rows = seeded(lambda: build(activation)), X if build is not pooled_cnn else IMAGES
    baselines = rows[:2] * 0.3 + 0.1
    found = DeepLiftExplainer(module, baseline=baselines, target=1).fit(rows).transform(rows)
    expected = [np.mean([by_loops(module, row, b, 1) for b in baselines], axis=0) for row in rows]
    assert_allclose(found, expected, atol=1e-12)


def test_a_product_shares_alike():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scale * (x[:, :1] * x[:, 1:2])

    baseline = np.array([1.0, 2.0, 0.0, 0.0])
    found = DeepLiftExplainer(seeded(Product), baseline=baseline).fit(X).transform(X)
    mean = (X + baseline) / 2
    expected = np.stack([(X[:, 0] - 1) * mean[:, 1], (X[:, 1] - 2) * mean[:, 0], 0 * X[:, 0], 0 * X[:, 0]], axis=1)
    assert_allclose(found, expected, atol=1e-12)


# ---------------------------------------------------------------------- completeness
class Every(nn.Module):
    """Many kinds of operations, one after the other."""

    def __init__(self, smooth=True):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2)
        self.smooth = smooth

    def forward(self, x):
        h = self.norm(self.first(x))
        h = (
            nn.functional.gelu(h) + h.sigmoid() * h.relu()
            if self.smooth
            else h.relu() - nn.functional.leaky_relu(h, 0.3)
        )
        return self.last(h * h.softmax(1) / (1 + h.abs()) + h.amax(1, keepdim=True)).log_softmax(1)


NUMBERS = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-1e3, 1e3, allow_subnormal=False))


@pytest.mark.parametrize("smooth", [True, False])
@settings(deadline=None, max_examples=60)
@given(pair=arrays(np.float64, (2, 4), elements=NUMBERS))
def test_attributions_add_up(smooth, pair):
    """Ties, zeros, equal rows, one-hot blocks and large numbers included."""
    module = seeded(lambda: Every(smooth))
    explainer = DeepLiftExplainer(module, baseline=pair[1], target=0).fit(pair)
    gap, change = gaps(explainer, pair)
    assert (gap <= 1e-10 * (1 + change)).all()
    assert_array_equal(explainer.transform(pair[1:]), 0)


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(["sqrt", "log", "rsqrt", "reciprocal", "exp", "tanh", "tan"]),
    x=st.floats(1e-6, 1.5),
    step=st.floats(-1e-2, 1e-2),
)
def test_near_a_pole_and_near_each_other(name, x, step):
    """Where row and baseline are close, the slope that takes the place of their quotient is as good."""

    class Curve(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scale * getattr(torch, name)(x)

    rows = np.array([[x], [max(1e-7, x + step)]])
    gap, change = gaps(DeepLiftExplainer(seeded(Curve), baseline=rows[1]).fit(rows), rows[:1])
    assert gap[0] <= 1e-4 * change[0] + 1e-12


def test_single_precision():
    module = seeded(lambda: Every(), dtype=torch.float32)
    rows = np.random.RandomState(3).standard_normal((50, 4)).astype(np.float32)
    gap, change = gaps(DeepLiftExplainer(module, baseline="sample", target=0).fit(rows), rows)
    assert gap.max() < 1e-4 * change.mean()


# ---------------------------------------------------------------------- how it is run
@pytest.mark.parametrize("build", [lambda: mlp(n_outputs=2), Every], ids=["mlp", "every"])
def test_chunks_make_no_difference(build):
    module = seeded(build)
    whole = DeepLiftExplainer(module, baseline="sample", target=1, random_state=0).fit(BACKGROUND).transform(X)
    few = DeepLiftExplainer(module, baseline="sample", target=1, random_state=0, batch_size=7).fit(BACKGROUND)
    assert_allclose(few.transform(X), whole, atol=1e-14)
    assert few._crossed


def test_targets():
    module = seeded(lambda: mlp(n_outputs=3))
    each = np.stack([DeepLiftExplainer(module, target=k).fit(X).transform(X) for k in range(3)], axis=-1)
    assert_allclose(DeepLiftExplainer(module, target="all").fit(X).explain(X).values, each, atol=1e-15)


def test_probabilities():
    module = seeded(lambda: nn.Sequential(mlp(n_outputs=3), nn.Softmax(dim=1)))
    explainer = DeepLiftExplainer(module, output="proba", target=2).fit(X)
    gap, change = gaps(explainer, X)
    assert (gap <= 1e-12).all()
    assert change.max() > 1e-3
    raw = DeepLiftExplainer(module, output="raw", target=2).fit(X).transform(X)
    assert_allclose(raw, DeepLiftExplainer(module[0], target=2).fit(X).transform(X), atol=1e-14)


def test_units_of_a_layer():
    module = seeded(lambda: mlp(n_outputs=2))
    inner = module[2](module[1](module[0](torch.as_tensor(X)))).detach().numpy()
    found = DeepLiftExplainer(module, layer="2", baseline="mean", target=0).fit(X).transform(X)
    expected = [by_loops(module[3:], row, inner.mean(axis=0), 0) for row in inner]
    assert_allclose(found, expected, atol=1e-12)


def test_columns_of_a_pipeline():
    table = np.random.RandomState(0).randint(0, 3, size=(30, 2)).astype(object)
    encoder = OneHotEncoder(sparse_output=False).fit(table)
    net = as_net(seeded(lambda: mlp(encoder.transform(table).shape[1])))
    found = DeepLiftExplainer(make_pipeline(encoder, net), baseline="mean").fit(table).transform(table)
    encoded = encoder.transform(table)
    inputs = DeepLiftExplainer(net, baseline="mean").fit(encoded).transform(encoded)
    assert_allclose(found, np.stack([inputs[:, :3].sum(1), inputs[:, 3:].sum(1)], axis=1), atol=1e-12)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 5, padding_idx=0)
        self.last = nn.Linear(5, 2)

    def forward(self, ids):
        return self.last(torch.tanh(self.embed(ids)).sum(1))


def test_tokens():
    """What is added up over positions is attributed to each by itself; padding gets nothing."""
    module = seeded(Words)
    ids = np.array([[1, 2, 3, 0], [4, 4, 0, 0], [8, 7, 6, 5]])
    found = DeepLiftExplainer(module, baseline="zero", target=0).fit(ids).transform(ids)
    weight = module.last.weight[0].detach().numpy()
    expected = np.tanh(module.embed.weight.detach().numpy())[ids] @ weight
    assert_allclose(found, expected, atol=1e-12)
    assert_array_equal(found[ids == 0], 0)


@pytest.mark.filterwarnings("ignore:`torch.jit.(script|trace)` is deprecated:DeprecationWarning")
def test_scripted_compiled_and_with_channels_last():
    module = seeded(pooled_cnn)
    expected = DeepLiftExplainer(module, baseline="sample", target=0, random_state=0).fit(IMAGES).transform(IMAGES)
    others = [
        torch.jit.script(module),
        torch.compile(module, backend="eager"),
        seeded(pooled_cnn).to(memory_format=torch.channels_last),
    ]
    for other in others:
        found = DeepLiftExplainer(other, baseline="sample", target=0, random_state=0).fit(IMAGES)
        assert_allclose(found.transform(IMAGES), expected, atol=1e-13)
        assert_allclose(found.transform(IMAGES[:1]), expected[:1], atol=1e-13)


def test_features_that_do_not_reach_the_output():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.ones(2))

        def forward(self, x):
            return self.value * torch.ones(len(x), 2, dtype=x.dtype)

    explainer = DeepLiftExplainer(seeded(Constant), baseline="sample", target=0).fit(BACKGROUND)
    assert_array_equal(explainer.transform(X), np.zeros_like(X))


# ---------------------------------------------------------------------- what is refused
class Choosing(nn.Module):
    """A network in which something that is no operation depends on the row."""

    def __init__(self, how):
        super().__init__()
        self.how, self.one, self.two = how, nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x):
        if self.how == "a branch":
            return self.one(x) if x.sum() > 0 else self.two(x).tanh()
        if self.how == "weights":
            return (self.one if x.sum() > 0 else self.two)(x)
        if self.how == "a number":
            return self.one(x) * x.sum().item()
        return x[:, int(x.argmax()) % 4, None] * self.one.weight.sum()


@pytest.mark.parametrize("how", ["a branch", "weights", "a number", "an index"])
def test_a_choice_that_depends_on_the_row_is_refused(how):
    rows = np.array([[1.0, 2.0, 3.0, 4.0], [-9.0, -5.0, -6.0, -7.0]])
    module = seeded(lambda: Choosing(how))
    with pytest.raises(ValueError, match="DeepLiftExplainer: .* another for the row .* IntegratedGradientsExplainer"):
        DeepLiftExplainer(module, baseline=-rows[0]).fit(rows[:1])


def test_what_reaches_another_output_is_refused_too():
    class Sorted(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(4, 1)

        def forward(self, x):
            return torch.cat([self.one(x), x.sort(1).values[:, :1]], 1)

    with pytest.raises(ValueError, match="uses sort"):
        DeepLiftExplainer(seeded(Sorted), target=0).fit(X)
