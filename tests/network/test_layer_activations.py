"""Activations of layers: those that a forward hook sees, whatever the network, and nothing else touched."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import LayerActivations, TokenEncoder, layer_names
from sklearn_xai.models import train_clone
from tests.nets import Mixed, classifier, regressor, table
from tests.oracles import seeded
from tests.test_hygiene import Fragile, state, worn_net

X, Y, LABELS = table(n=60)
IMAGES = np.random.RandomState(0).standard_normal((30, 3, 8, 8)).astype(np.float32)


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 4, 3)
        self.act, self.out = nn.ReLU(inplace=True), nn.Linear(4, 2)
        self.norm = nn.BatchNorm2d(5)

    def forward(self, X):
        hidden = self.act(self.two(self.norm(self.one(X)).relu_()))
        return self.out(hidden.mean(dim=(2, 3)))


class Sequences(nn.Module):
    """Layers whose units are last (embedding, recurrence, linear), first (convolution), and rows that are not first."""

    def __init__(self):
        super().__init__()
        self.embed, self.conv = nn.Embedding(9, 6), nn.Conv1d(6, 5, 2)
        self.gru, self.turned = nn.GRU(6, 3, batch_first=True), nn.GRU(6, 3)
        self.act, self.out = nn.ReLU(), nn.Linear(11, 2)

    def forward(self, X):
        vectors = self.embed(X)
        mapped = self.act(self.conv(vectors.transpose(1, 2))).mean(dim=2)
        turned = self.turned(vectors.transpose(0, 1))[1][0]
        return self.out(torch.cat([mapped, self.gru(vectors)[0][:, -1], turned], dim=1))


TOKENS = np.random.RandomState(0).randint(0, 9, (20, 7))


def seen(module, path, rows, side="output"):
    """Return what a hook of one's own sees."""
    found, layer = [], module.get_submodule(path)

    def see(value):
        found.append((value[0] if isinstance(value, tuple) else value).detach().clone().numpy())

    if side == "output":
        hook = layer.register_forward_hook(lambda part, args, out: see(out))
    else:
        hook = layer.register_forward_pre_hook(lambda part, args: see(args[0]))
    module.eval()
    rows = torch.as_tensor(rows)
    with torch.no_grad():
        module(rows.to(next(module.parameters()).dtype) if rows.is_floating_point() else rows)
    hook.remove()
    return found[0]


# ---------------------------------------------------------------------- what is read
@pytest.mark.parametrize("path", ["one", "norm", "two", "act"])
@pytest.mark.parametrize("pooling", ["mean", "max", "flatten"])
def test_channels_are_units(path, pooling):
    module = seeded(Convolutions)
    truth = seen(module, path, IMAGES)
    pooled = {"mean": truth.mean((2, 3)), "max": truth.max((2, 3)), "flatten": truth.reshape(len(truth), -1)}[pooling]
    found = LayerActivations(module, layer=path, pooling=pooling).fit(IMAGES)
    assert_allclose(found.transform(IMAGES), pooled, rtol=1e-5, atol=1e-6)
    assert len(found.get_feature_names_out()) == pooled.shape[1]


def test_a_value_is_as_it_was_before_a_later_layer_wrote_to_it():
    module = seeded(Convolutions)  # relu_ writes to what norm gives, the module act to what two gives
    found = LayerActivations(module, layer=["norm", "two", "act"], pooling="flatten").fit_transform(IMAGES)
    parts = [seen(module, path, IMAGES).reshape(len(IMAGES), -1) for path in ("norm", "two", "act")]
    assert (parts[0] < 0).any() and (parts[1] < 0).any()
    assert_allclose(found, np.hstack(parts), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("path", "axis"), [("embed", 2), ("gru", 2), ("conv", 1), ("act", 1)])
def test_which_axis_the_units_are_on(path, axis):
    module = seeded(Sequences)
    truth = seen(module, path, TOKENS)
    found = LayerActivations(module, layer=path).fit(TOKENS)
    assert found.unit_axes_ == [axis - 1]
    assert_allclose(found.transform(TOKENS), truth.mean(axis=3 - axis), rtol=1e-5, atol=1e-6)
    other = LayerActivations(module, layer=path, unit_axis=2 - axis).fit(TOKENS)
    assert_allclose(other.transform(TOKENS), truth.mean(axis=axis), rtol=1e-5, atol=1e-6)


def test_units_follow_each_other_place_by_place():
    found = LayerActivations(seeded(Sequences), layer="embed", pooling="flatten").fit(TOKENS)
    truth = seen(found.estimator, "embed", TOKENS)
    assert_allclose(found.transform(TOKENS), truth.transpose(0, 2, 1).reshape(len(truth), -1))
    assert list(found.get_feature_names_out()[[0, 1, 7]]) == ["embed_0_0", "embed_0_1", "embed_1_0"]


def test_none_is_the_representation_that_the_output_is_read_from():
    module = seeded(Convolutions)
    found = LayerActivations(module).fit(IMAGES)
    assert found.layers_ == [("out", "input")]
    assert_allclose(found.transform(IMAGES), seen(module, "out", IMAGES, "input"), rtol=1e-5, atol=1e-6)
    assert list(found.get_feature_names_out()) == [f"out_input_{k}" for k in range(4)]


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_change_nothing(batch_size):
    whole = LayerActivations(seeded(Convolutions), layer=["one", "act"]).fit(IMAGES)
    parts = clone(whole).set_params(batch_size=batch_size, estimator=whole.estimator).fit(IMAGES)
    assert_allclose(parts.transform(IMAGES), whole.transform(IMAGES), rtol=1e-5, atol=1e-6)
    assert_allclose(whole.transform(IMAGES[3:4]), whole.transform(IMAGES)[3:4], rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------------- with scikit-learn
def frame():
    rng = np.random.RandomState(0)
    return pd.DataFrame({"age": rng.randint(20, 60, 80), "city": rng.choice(["Rome", "Oslo"], 80)})


def mixed_pipeline():
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(sparse_output=False), ["city"]))
    return make_pipeline(columns, classifier(max_epochs=2))


def test_a_pipeline_of_mixed_columns_before_a_probe():
    data = frame()
    y = np.where(data["city"] == "Rome", "yes", "no")
    steps = make_pipeline(LayerActivations(mixed_pipeline(), layer="act", random_state=0), LogisticRegression())
    steps.fit(data, y)
    assert steps.score(data, y) > 0.9
    fitted = steps[0]
    net = fitted.estimator_[-1].module_
    truth = seen(net, "act", fitted.estimator_[0].transform(data).astype(np.float32))
    assert_allclose(fitted.transform(data), truth, rtol=1e-5, atol=1e-6)
    named = fitted.set_output(transform="pandas").transform(data)
    assert list(named.columns) == [f"act_{k}" for k in range(8)] and named.index.equals(data.index)
    with pytest.raises(ValueError, match="(?s)feature names.*aeg"):
        fitted.transform(data.rename(columns={"age": "aeg"}))


@pytest.mark.parametrize("after", [PCA(2), KMeans(3, n_init=1, random_state=0)], ids=["PCA", "KMeans"])
def test_before_other_estimators(after):
    net = regressor().fit(X, Y.reshape(-1, 1))
    assert make_pipeline(LayerActivations(net, layer="act"), after).fit_transform(X).shape[0] == len(X)


def test_layers_are_searched():
    from sklearn.frozen import FrozenEstimator

    net = classifier(max_epochs=5).fit(X, LABELS)
    steps = make_pipeline(LayerActivations(FrozenEstimator(net)), LogisticRegression())
    search = GridSearchCV(steps, {"layeractivations__layer": ["hidden", "act"]}, cv=2).fit(X, LABELS)
    assert search.best_params_["layeractivations__layer"] in ("hidden", "act")


def test_texts():
    texts = ["good film", "bad film", "good good", "bad"] * 5
    net = classifier(Sequences, callbacks=None, max_epochs=1)
    net.set_params(module=Words)
    steps = make_pipeline(TokenEncoder(max_length=4), net).fit(texts, np.array([1, 0, 1, 0] * 5))
    found = LayerActivations(steps, layer="embed").fit(texts)
    assert found.transform(texts[:3]).shape == (3, 3)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(20, 3), nn.Linear(3, 2)

    def forward(self, X):
        return self.out(self.embed(X).mean(dim=1))


def test_pickle_and_clone():
    net = regressor().fit(X, Y.reshape(-1, 1))
    fitted = LayerActivations(net, layer="act").fit(X)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), fitted.transform(X))
    assert clone(fitted).get_params()["layer"] == "act"


# ---------------------------------------------------------------------- what is left alone
@pytest.mark.parametrize("broken", [False, True])
def test_the_module_is_as_it_was(broken):
    net = worn_net(Fragile)
    fitted = LayerActivations(net, layer=["hidden", "drop"]).fit(X)
    before, draw = state(net.module_), torch.get_rng_state()
    net.module_.broken = broken
    if broken:
        with pytest.raises(RuntimeError, match="broken down"):
            fitted.transform(X)
    else:
        fitted.transform(X)
    net.module_.broken = False
    del net.module_.broken
    assert state(net.module_) == before
    assert torch.equal(torch.get_rng_state(), draw)


def test_rows_given_are_not_written_to():
    module, rows = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 2)), X.copy()
    found = LayerActivations(module, layer=[("0", "input"), "0"]).fit_transform(rows)
    assert_array_equal(rows, X)
    assert_array_equal(found, np.hstack([X, np.maximum(X, 0)]))


# ---------------------------------------------------------------------- what cannot be read
class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.act, self.out, self.unused = nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1), nn.Linear(2, 2)

    def forward(self, X):
        return self.out(self.act(self.one(self.act(X))))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("nope", r"must name a sub-module of Shared.*Got 'nope'. There are: one, act, out, unused"),
        ("act", "called 2 times for a row"),
        ("unused", "not called for a row"),
        ([], "Got none"),
        (["one", 3], "Got 3"),
        (("one", "middle"), "must name a sub-module.*Got 'middle'"),
    ],
)
def test_layers_that_cannot_be_read(layer, message):
    with pytest.raises(ValueError, match=message):
        LayerActivations(seeded(Shared), layer=layer).fit(X)


def test_rows_that_are_not_first():
    with pytest.raises(ValueError, match="no array with one row for each row of X.*batch_first=True"):
        LayerActivations(seeded(Sequences), layer="turned").fit(TOKENS[:7])


def test_wrong_use():
    with pytest.raises(NotFittedError, match="LayerActivations.fit was called without y"):
        LayerActivations(regressor(Mixed)).fit(X)
    with pytest.raises(NotFittedError):
        LayerActivations(seeded(Shared)).transform(X)
    with pytest.raises(ValueError, match="looks into a network.*Got LogisticRegression"):
        LayerActivations(LogisticRegression()).fit(X, LABELS)
    with pytest.raises(ValueError, match="unit_axis.*is 3.*shape"):
        LayerActivations(seeded(Convolutions), layer="one", unit_axis=3).fit(IMAGES)
    with pytest.raises(ValueError, match="NaN"):
        LayerActivations(seeded(Shared), layer="one").fit(np.where(X > 2, np.nan, X) * np.nan)
    with pytest.raises(ValueError, match="0 sample"):
        LayerActivations(seeded(Shared), layer="one").fit(X[:0])


# ---------------------------------------------------------------------- the list of layers
def test_layers_are_listed_with_shapes():
    table_ = layer_names(seeded(Convolutions), IMAGES)
    assert table_.loc["one", "shape"] == (5, 6, 6) and table_.loc["out", "shape"] == (2,)
    assert table_.loc["one", "n_parameters"] == 5 * 3 * 9 + 5 and table_.loc["act", "calls"] == 1
    readable = table_.index[table_["calls"] == 1]
    for name in readable:
        assert LayerActivations(seeded(Convolutions), layer=name).fit(IMAGES).layer_shapes_ == [
            table_.loc[name, "shape"]
        ]


def test_layers_of_a_pipeline_and_without_rows():
    data = frame()
    steps = train_clone(mixed_pipeline(), data, np.where(data["city"] == "Rome", 1, 0))
    assert list(layer_names(steps).index) == ["hidden", "act", "out"]
    assert layer_names(steps, data)["shape"].tolist() == [(8,), (8,), (2,)]
    shared = layer_names(seeded(Shared), X)
    assert shared["calls"].tolist() == [1, 2, 1, 0] and shared.loc["unused", "shape"] is None
    with pytest.raises(TypeError, match="layer_names must be a skorch net.*Got PCA"):
        layer_names(PCA().fit(X))
    with pytest.raises(NotFittedError):
        layer_names(regressor(), X)


def test_a_compiled_module_keeps_its_names():
    module = seeded(Convolutions)
    compiled = torch.compile(module, backend="eager")
    assert list(layer_names(compiled, IMAGES).index) == list(layer_names(module, IMAGES).index)
    assert_allclose(
        LayerActivations(compiled, layer="act").fit_transform(IMAGES),
        LayerActivations(module, layer="act").fit_transform(IMAGES),
        rtol=1e-5,
        atol=1e-6,
    )
