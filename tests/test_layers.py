"""``layer=``: attributions to the units of any named layer are those of a loop by hand, however it is written."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io as skops_io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer
from tests.nets import MLP, classifier, regressor, table
from tests.oracles import Skip, as_net, mlp, seeded

EXPLAINERS = [SaliencyExplainer, InputXGradientExplainer, IntegratedGradientsExplainer]
RNG = np.random.RandomState(0)
X = RNG.standard_normal((12, 4))
IMAGES = RNG.standard_normal((6, 2, 5, 5))
NODES, WEIGHTS = ((part + shift) / 2 for part, shift in zip(np.polynomial.legendre.leggauss(24), (1, 0), strict=True))


class Recurrent(nn.Module):
    """A layer that returns a tuple."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.lstm(x[..., None])[0][:, -1])


class Attending(nn.Module):
    """A layer that is given the same tensor three times, and a way around it."""

    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Linear(1, 4), nn.Linear(4, 2)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def around(self, h):
        return self.out((self.attention(h, h, h, need_weights=False)[0]).mean(dim=1))

    def forward(self, x):
        return self.around(self.embed(x[..., None])) + x[:, :2]


class Branching(nn.Module):
    """Two layers side by side, so that neither is all that the output knows of the row."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.out = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(torch.tanh(self.left(x)) * torch.sigmoid(self.right(x)))


def in_place():
    return nn.Sequential(nn.Linear(4, 5), nn.LeakyReLU(0.3, inplace=True), nn.Linear(5, 3))


def conv():
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.AvgPool2d(3), nn.Flatten(), nn.Linear(3, 2))


def rest(module, *layers):
    return lambda h, x: nn.Sequential(*(module[i] for i in layers))(h * 1)


# name: (module, layer, rows, values at the layer, what follows it)
CASES = {
    "a cut": (lambda: mlp(4, 2, nn.Tanh), "2", X, lambda m: m[:3], lambda m: rest(m, 3, 4)),
    "activation": (lambda: mlp(4, 2, nn.Tanh), "1", X, lambda m: m[:2], lambda m: rest(m, 2, 3, 4)),
    "input": (lambda: mlp(4, 2, nn.Tanh), ("2", "input"), X, lambda m: m[:2], lambda m: rest(m, 2, 3, 4)),
    "in place after": (in_place, "0", X, lambda m: lambda x: m[0](x), lambda m: rest(m, 1, 2)),
    "conv": (conv, "0", IMAGES, lambda m: m[0], lambda m: rest(m, 1, 2, 3, 4)),
    "skip": (Skip, "first", X, lambda m: m.first, lambda m: lambda h, x: m.last(torch.tanh(h) + x)),
    "branch": (
        Branching, "left", X, lambda m: m.left,
        lambda m: lambda h, x: m.out(torch.tanh(h) * torch.sigmoid(m.right(x))),
    ),
    "tuple": (
        Recurrent, "lstm", X, lambda m: lambda x: m.lstm(x[..., None])[0],
        lambda m: lambda h, x: m.out(h[:, -1]),
    ),
    "attention": (
        Attending, ("attention", "input"), X, lambda m: lambda x: m.embed(x[..., None]),
        lambda m: lambda h, x: m.around(h) + x[:, :2],
    ),
}  # fmt: skip


def slope(after, h, x, target):
    """Return the gradient of one output at each row's values, one row at a time."""
    found = []
    for own, row in zip(h, x, strict=True):
        leaf = own[None].detach().clone().requires_grad_(True)
        found.append(torch.autograd.grad(after(leaf, row[None])[0, target], leaf)[0][0])
    return torch.stack(found)


def by_hand(cls, at, after, rows, target):
    """Return the attributions to a layer and the base outputs of each row, from their definitions."""
    x = torch.as_tensor(rows)
    with torch.no_grad():
        h = at(x).clone()
    if cls is SaliencyExplainer:
        return slope(after, h, x, target)
    if cls is InputXGradientExplainer:
        return slope(after, h, x, target) * h
    mean = h.mean(dim=0)
    path = sum(w * slope(after, mean + t * (h - mean), x, target) for t, w in zip(NODES, WEIGHTS, strict=True))
    return path * (h - mean)


def options(cls):
    return {"n_steps": 24, "method": "gausslegendre"} if cls is IntegratedGradientsExplainer else {}


@pytest.mark.parametrize("cls", EXPLAINERS)
@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_a_loop(name, cls):
    build, layer, rows, at, after = CASES[name]
    module = seeded(build)
    expected = by_hand(cls, at(module), after(module), rows, 1).detach().numpy()
    explainer = cls(module, layer=layer, target=1, **options(cls)).fit(rows)
    assert_allclose(explainer.transform(rows), expected.reshape(len(rows), -1), atol=1e-10)
    assert_allclose(explainer.transform(rows[3:4]), expected[3:4].reshape(1, -1), atol=1e-10)
    with torch.no_grad():
        values = at(module)(torch.as_tensor(rows)).reshape(len(rows), -1)
    assert_allclose(explainer.explain(rows).data, values, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_integrated_gradients_are_complete(name):
    build, layer, rows, _, _ = CASES[name]
    explainer = IntegratedGradientsExplainer(seeded(build), layer=layer, target=0, tol=1e-4).fit(rows)
    explanation = explainer.explain(rows)
    assert explanation.completeness_gap.max() < 1.1e-4
    assert_allclose(
        explanation.values.sum(axis=1) + explanation.base_values, explainer.explained_output(rows), atol=2e-4
    )


def test_a_layer_before_which_all_is_linear_says_the_same_as_its_input():
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    inner = IntegratedGradientsExplainer(module, layer="0", target=0).fit(X).transform(X)
    outer = IntegratedGradientsExplainer(module, target=0).fit(X).transform(X)
    assert_allclose(inner.sum(axis=1), outer.sum(axis=1), atol=1e-12)


def test_the_way_around_a_layer_is_the_rows_own():
    module = seeded(Skip)
    explanation = IntegratedGradientsExplainer(module, layer="first", target=0, baseline="zero").fit(X).explain(X)
    with torch.no_grad():
        around = module.last(torch.as_tensor(X))[:, 0].numpy()
    assert_allclose(explanation.base_values, around, atol=1e-12)


# ---------------------------------------------------------------------- what can be asked of a layer
def test_everything_else_speaks_of_the_units():
    module = seeded(lambda: mlp(4, 3, nn.Tanh))
    explainer = IntegratedGradientsExplainer(module, layer="2", target=2).fit(X)
    names = [f"2_{j}" for j in range(8)]
    assert explainer.n_players_ == 8 and explainer.player_names_.tolist() == names
    assert explainer.get_feature_names_out().tolist() == names
    assert explainer.explain(X).feature_names == names
    assert explainer.feature_importances_.shape == (8,)
    assert explainer.score(X) > 0.9
    frame = clone(explainer).set_output(transform="pandas").fit(X).transform(X)
    assert isinstance(frame, pd.DataFrame) and frame.columns.tolist() == names


def test_names_are_the_layers_also_where_it_has_as_many_units_as_x_has_columns():
    explainer = SaliencyExplainer(seeded(Skip), layer="first", target=0).fit(pd.DataFrame(X, columns=list("abcd")))
    assert explainer.get_feature_names_out().tolist() == ["first_0", "first_1", "first_2", "first_3"]


def test_every_output():
    explainer = SaliencyExplainer(seeded(lambda: mlp(4, 3, nn.Tanh)), layer="0", target="all").fit(X)
    found = explainer.transform(X)
    assert found.shape == (12, 24) and explainer.explain(X).values.shape == (12, 8, 3)
    one = SaliencyExplainer(explainer.estimator, layer="0", target=1).fit(X).transform(X)
    assert_allclose(found[:, 8:16], one)
    assert explainer.get_feature_names_out()[8] == "1_0_0"


def test_coalitions_of_units_are_what_the_tail_says():
    module = seeded(Skip)
    explainer = SaliencyExplainer(module, layer="first", target=0).fit(X)
    kept = np.array([[True] * 4, [False] * 4, [True, False, True, False]])
    found = explainer.coalition_values(X, kept)
    with torch.no_grad():
        x, fill = torch.as_tensor(X), torch.as_tensor(np.asarray(explainer._coalitions.background))
        h, other = module.first(x), module.first(fill)
        for i, mask in enumerate(torch.as_tensor(kept)):
            blends = torch.where(mask, h[:, None], other)
            expected = module.last(torch.tanh(blends) + x[:, None])[..., 0].mean(dim=1)
            assert_allclose(found[:, i], expected, atol=1e-12)


def test_a_layer_of_a_net_in_a_pipeline():
    rows, _, labels = table()
    pipeline = make_pipeline(StandardScaler(), classifier())
    explainer = IntegratedGradientsExplainer(pipeline, layer="hidden", random_state=0).fit(rows, labels)
    module = explainer.estimator_[-1].module_
    scaled = torch.as_tensor(explainer.estimator_[0].transform(rows), dtype=torch.float32)
    with torch.no_grad():
        assert_allclose(explainer.explain(rows).data, module.hidden(scaled), atol=1e-6)
    assert explainer.transform(rows).shape == (40, 8)


@pytest.mark.parametrize("way", ["pickle", "skops"])
@pytest.mark.parametrize("layer", ["hidden", ("act", "input"), ("out", "output")])
def test_stored_and_loaded(layer, way):
    rows, y, _ = table()
    explainer = IntegratedGradientsExplainer(regressor(), layer=layer, random_state=0).fit(rows, y)
    if way == "pickle":
        loaded = pickle.loads(pickle.dumps(explainer))
    else:
        stored = skops_io.dumps(explainer)
        loaded = skops_io.loads(stored, trusted=skops_io.get_untrusted_types(data=stored))
    assert_allclose(loaded.transform(rows), explainer.transform(rows), atol=1e-6)
    assert_allclose(loaded.score(rows), explainer.score(rows), atol=1e-4)


def test_compiled_layers_go_by_the_names_they_had():
    module = seeded(lambda: mlp(4, 1, nn.Tanh))
    expected = SaliencyExplainer(module, layer="0").fit(X).transform(X)
    assert_allclose(SaliencyExplainer(torch.compile(module, backend="eager"), layer="0").fit(X).transform(X), expected)
    inner = nn.Sequential(torch.compile(module[:2], backend="eager"), module[2:])
    assert_allclose(SaliencyExplainer(inner, layer="0.0").fit(X).transform(X), expected)


def test_a_transformer_s_layers_are_called_also_without_gradients():
    layer = seeded(lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True))
    module = seeded(
        lambda: nn.Sequential(nn.Unflatten(1, (4, 1)), nn.Linear(1, 4), layer, nn.Flatten(), nn.Linear(16, 1))
    )
    explanation = IntegratedGradientsExplainer(module, layer="2.linear1", tol=1e-4).fit(X).explain(X)
    assert explanation.values.shape == (12, 32) and explanation.completeness_gap.max() < 1e-3
    assert torch.backends.mha.get_fastpath_enabled()


# ---------------------------------------------------------------------- what cannot
class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.twice, self.never, self.time_first = nn.Linear(4, 4), nn.Linear(4, 4), nn.LSTM(1, 2)
        self.ids, self.out, self.soft = nn.Embedding(9, 4), nn.Linear(6, 2), nn.Softmax(dim=1)

    def forward(self, x):
        states = self.time_first(x.T[..., None])[0][-1]
        vectors = self.ids(torch.zeros(len(x), dtype=torch.long))
        return self.soft(self.out(torch.cat([self.twice(self.twice(x)) + vectors, states], dim=1)))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("twice", "called 2 times"),
        ("never", "not called"),
        ("time_first", "one row for each row of X"),
        (("ids", "input"), "it has no gradient"),
        ("soft", "explained output cannot be reached"),
        ("absent", "There are: twice, never, time_first"),
        (("out", "inputs"), r"\(name, 'input'\)"),
        (("out",), r"\(name, 'input'\)"),
    ],
)
def test_layers_that_cannot_be_explained(layer, message):
    explainer = SaliencyExplainer(seeded(Odd), layer=layer, target=0, output="raw")
    with pytest.raises(ValueError, match=f"'layer' parameter of SaliencyExplainer.*{message}"):
        explainer.fit(X[:4])  # as many rows as columns


def test_groups_are_for_columns():
    with pytest.raises(ValueError, match="with a layer, leave it None"):
        SaliencyExplainer(seeded(Skip), layer="first", feature_groups={"two": [0, 1]}, target=0).fit(X)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_scripted_modules_cannot_be_looked_into():
    with pytest.raises(ValueError, match="inside a scripted module"):
        SaliencyExplainer(torch.jit.script(seeded(in_place)), layer="0").fit(X)


def test_hooks_are_gone_after_an_exception():
    class Failing(MLP):
        fail = False

        def forward(self, X):
            out = super().forward(X)
            if self.fail:
                raise RuntimeError("broken")
            return out

    module = seeded(Failing)
    explainer = SaliencyExplainer(module, layer=("act", "input")).fit(X)
    module.fail = True
    with pytest.raises(RuntimeError, match="broken"):
        explainer.transform(X)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert not any("forward" in vars(part) for part in module.modules())
    module.fail = False
    assert np.isfinite(explainer.transform(X)).all()


def test_a_net_and_its_module_agree():
    module = seeded(lambda: mlp(4, 1, nn.Tanh))
    plain = IntegratedGradientsExplainer(module, layer="0").fit(X).transform(X)
    assert_array_equal(IntegratedGradientsExplainer(as_net(module), layer="0").fit(X).transform(X), plain)
