"""Recorders see what a training does, and the training is bit by bit what it is without them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn

from sklearn_xai import (
    ActivationRecorder,
    AttributionRecorder,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    LocalSurrogateExplainer,
    ParameterRecorder,
)
from sklearn_xai.network.training._probe import Recorder
from tests.nets import MLP, LazyMLP, Mixed
from tests.recorded import RECORDERS, TARGET, X, all_recorders, net_of, train, weights


def global_states():
    return [torch.get_rng_state().numpy().tobytes(), str(np.random.get_state())]  # noqa: NPY002


class Accountant(Mixed):
    """Keeps account of its calls in every way there is, whatever the mode, and trains by it."""

    def __init__(self, n_features=4, n_outputs=1):
        super().__init__(n_features, n_outputs)
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("replaced", torch.zeros(()))
        self.calls = 0
        self.broken = False

    def forward(self, X):
        self.seen += 1
        self.replaced = self.replaced + 1
        self.calls += 1
        self.cache = X
        if self.broken and not self.training:
            raise RuntimeError("broken down")
        return super().forward(X) / (self.seen + self.replaced + self.calls)


class Breaking(Recorder):
    """Disturbs what it can reach, and breaks down."""

    def _measure(self, net):
        net.module_(torch.randn(5, 4)).sum().backward()
        np.random.rand()  # noqa: NPY002
        raise RuntimeError("broken down")


# ---------------------------------------------------------------------- the training is left alone
@pytest.mark.parametrize("module", [Mixed, Accountant, LazyMLP])
@pytest.mark.parametrize("split", [None, ValidSplit(4)])
def test_same_training_bit_for_bit(module, split):
    kwargs = {"iterator_train__shuffle": True, "train_split": split, "optimizer": torch.optim.Adam, "lr": 0.01}
    callbacks = [*all_recorders(), AttributionRecorder(LocalSurrogateExplainer, X, name="local", probe_size=5)]
    y = TARGET if module is not LazyMLP else np.repeat(TARGET, 32, axis=1)
    plain, drawn = train(module, y=y, **kwargs), global_states()
    recorded = train(module, callbacks, y=y, **kwargs)
    assert global_states() == drawn
    assert weights(recorded) == weights(plain)
    assert recorded.history[:, "train_loss"] == plain.history[:, "train_loss"]
    if split is not None:
        assert recorded.history[:, "valid_loss"] == plain.history[:, "valid_loss"]
    assert all(len(recorder.records_) == 3 for recorder in callbacks)


def test_same_training_when_it_goes_on():
    nets = [train(Mixed, callbacks) for callbacks in (None, all_recorders())]
    for net in nets:
        torch.manual_seed(1)
        net.partial_fit(X, TARGET)
    assert weights(nets[0]) == weights(nets[1])


@pytest.mark.parametrize("recorder", ["activations", "attributions", "own"])
def test_everything_is_put_back_when_a_recorder_fails(recorder):
    net = train(Accountant)
    net.module_.broken = recorder != "own"
    net.module_.drop.eval()
    made = Breaking() if recorder == "own" else RECORDERS[recorder](X=X)
    net.callbacks_ = [*net.callbacks_, ("made", made)]
    made.on_train_begin(net, X)

    def state():
        attributes = {
            name: {key: value for key, value in vars(part).items() if not isinstance(value, (dict, set))}
            for name, part in net.module_.named_modules()
        }
        hooks = {name: len(part._forward_hooks) for name, part in net.module_.named_modules()}
        grads = {n: None if p.grad is None else p.grad.numpy().tobytes() for n, p in net.module_.named_parameters()}
        learning = {name: p.requires_grad for name, p in net.module_.named_parameters()}
        return weights(net), str(attributes), hooks, grads, learning, global_states()

    before = state()
    with pytest.raises((RuntimeError, ValueError), match="broken down"):
        made.on_epoch_end(net)
    assert state() == before


def test_caller_keeps_the_rows():
    kept = X.copy()
    train(Mixed, all_recorders())
    assert_array_equal(X, kept)


# ---------------------------------------------------------------------- what is recorded
def test_activations_are_those_of_the_network_as_it_stands():
    recorder = ActivationRecorder(X, n_bins=7)
    net = train(Mixed, [recorder])
    net.module_.eval()
    with torch.no_grad():
        hidden = net.module_.hidden(net.module_.norm(torch.from_numpy(X))).numpy()
    found = recorder.records_[-1]["values"]
    assert list(found) == ["norm", "hidden", "drop", "out"]
    assert found["drop"]["zeros"] == pytest.approx((hidden <= 0).mean())
    assert found["drop"]["dead"] == (hidden <= 0).all(axis=0).mean()
    found = found["hidden"]
    assert found["mean"] == pytest.approx(hidden.mean(), rel=1e-5, abs=1e-7)
    assert found["std"] == pytest.approx(hidden.std(), rel=1e-5)
    assert found["norm"] == pytest.approx(np.sqrt(np.square(hidden).sum(axis=1).mean()), rel=1e-5)
    counts, edges = np.histogram(hidden, bins=7)
    assert_allclose(found["histogram_edges"], edges, rtol=1e-5)
    assert found["histogram_counts"] == counts.tolist()
    assert (found["zeros"], found["dead"], found["not_finite"]) == (0, 0, 0)


def test_dead_and_saturated_units_are_found():
    module = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 4), nn.Tanh(), nn.Linear(4, 1))
    with torch.no_grad():
        module[0].bias[:3] = -1e4
        module[2].bias[:] = torch.tensor([50.0, -50.0, 0.0, 0.0])
        module[2].weight[:] = 0
    recorder = ActivationRecorder(X)
    net = train(module, [recorder], lr=0.0)
    values = recorder.records_[0]["values"]
    assert values["1"]["dead"] == pytest.approx(0.3)
    assert values["3"]["saturated"] == 0.5
    assert values["3"]["dead"] == 0.5
    assert "saturated" not in values["1"]
    assert net.history[-1, "activations_dead"] == 0.5
    assert net.history[-1, "activations"]["values"] == recorder.records_[-1]["values"]


def test_channels_are_the_units_of_images():
    module = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 1))
    with torch.no_grad():
        module[0].bias[:] = torch.tensor([-1e4, -1e4, 0.0, 10.0, 10.0])
        module[0].weight[2] = 0
        module[0].weight[2, 0, 1, 1] = 1
    images = np.random.RandomState(0).rand(20, 1, 8, 8).astype(np.float32)
    images[..., :4] = 0  # where the third channel says nothing, but it does elsewhere
    recorders = [ActivationRecorder(), AttributionRecorder()]
    net_of(module, recorders, lr=0.0).fit(images, TARGET[:20])
    assert recorders[0].records_[0]["values"]["1"]["dead"] == pytest.approx(0.4)
    assert list(recorders[1].records_[0]["values"]) == ["channel_0"]


class Several(nn.Module):
    """A layer that is used twice, one that returns several tensors, one with parameters of its own around layers."""

    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(1, 4)
        self.act = nn.ReLU()
        self.lstm = nn.LSTM(4, 4, batch_first=True)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.out = nn.Linear(4, 1)
        self.unused = nn.Linear(3, 3)

    def forward(self, X):
        hidden = self.lstm(self.act(self.lift(X[..., None])))[0]
        hidden = self.attention(hidden, hidden, hidden)[0]
        return self.out(self.act(hidden).mean(dim=1))


def test_layers_of_all_kinds():
    recorder = ActivationRecorder(X)
    train(Several, [recorder], max_epochs=1)
    assert list(recorder.records_[0]["values"]) == ["lift", "act", "lstm", "attention", "act#2", "out"]
    chosen = ActivationRecorder(X, ["act", "out"])
    train(Several, [chosen], max_epochs=1)
    assert list(chosen.records_[0]["values"]) == ["act", "act#2", "out"]
    assert chosen.records_[0]["values"]["act#2"] == recorder.records_[0]["values"]["act#2"]


def test_a_module_that_is_a_layer():
    recorders = [ActivationRecorder(), ParameterRecorder()]
    train(nn.Linear(4, 1), recorders, max_epochs=1)
    assert [list(recorder.records_[0]["values"]) for recorder in recorders] == [["(module)"], ["weight", "bias"]]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's, of the criterion that skorch compiles
def test_a_compiled_module_goes_by_its_own_names():
    recorders = all_recorders()
    plain = train(MLP)
    compiled = train(MLP, recorders, compile=True, compile__backend="eager")
    assert list(recorders[0].records_[-1]["values"]) == ["hidden", "act", "out"]
    assert list(recorders[1].records_[-1]["values"]) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    found = compiled.module_._orig_mod.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in plain.module_.state_dict().items())


def test_parameters_and_gradients_of_plain_descent():
    # One batch an epoch: the step is the gradient times the learning rate.
    recorder = ParameterRecorder()
    first = train(MLP, max_epochs=2, batch_size=-1, lr=0.1).module_
    net = train(MLP, [recorder], max_epochs=3, batch_size=-1, lr=0.1)
    values = recorder.records_[-1]["values"]
    steps, sizes = [], []
    for name, after in net.module_.named_parameters():
        before, after = first.get_parameter(name).detach().numpy(), after.detach().numpy()
        found, step = values[name], np.linalg.norm(after - before)
        size = max(np.linalg.norm(after), np.linalg.norm(before))
        assert found["gradient_norm"] == pytest.approx(step / 0.1, rel=1e-3)
        assert found["gradient_max"] == found["gradient_norm"]
        assert found["update"] == pytest.approx(step / size, rel=1e-3)
        assert found["norm"] == pytest.approx(np.linalg.norm(after), rel=1e-5)
        assert found["mean"] == pytest.approx(after.mean(), rel=1e-5, abs=1e-7)
        assert found["std"] == pytest.approx(after.std(), rel=1e-5)
        assert sum(found["histogram_counts"]) == after.size
        steps.append(step)
        sizes.append(size)
    overall = recorder.records_[-1]["overall"]
    assert overall["gradient_norm"] == pytest.approx(np.linalg.norm(steps) / 0.1, rel=1e-3)
    assert net.history[-1, "parameters_update"] == overall["update"]
    assert overall["update"] == pytest.approx(np.linalg.norm(steps) / np.linalg.norm(sizes), rel=2e-2)


class Watching(Callback):
    """Notes the norms of all gradients, batch by batch."""

    def initialize(self):
        self.norms_ = {}
        return self

    def on_grad_computed(self, net, named_parameters, **kwargs):
        for name, parameter in named_parameters:
            if parameter.grad is not None:
                gradient = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
                self.norms_.setdefault((len(net.history), name), []).append(gradient.norm().item())


class Sparse(nn.Module):
    """Some gradients are sparse, and some are there in some batches only."""

    def __init__(self):
        super().__init__()
        self.vectors = nn.Embedding(5, 3, sparse=True)
        self.out = nn.Linear(3, 1)
        self.rare = nn.Linear(3, 1)
        self.calls = 0

    def forward(self, X):
        hidden = self.vectors(X).mean(dim=1)
        self.calls += self.training
        return self.rare(hidden) if self.calls % 3 == 0 else self.out(hidden)


@pytest.mark.parametrize("module, rows", [(MLP, X), (Sparse, np.random.RandomState(0).randint(0, 5, (80, 4)))])
@pytest.mark.parametrize("batch_size, n_batches", [(16, 5), (1, 80)])
def test_gradients_are_averaged_over_batches(module, rows, batch_size, n_batches):
    recorder, watching = ParameterRecorder(), Watching()
    net_of(module, [recorder, watching], batch_size=batch_size).fit(rows, TARGET)
    for record in recorder.records_:
        for name, found in record["values"].items():
            norms = watching.norms_.get((record["epoch"], name))
            if module is MLP:
                assert len(norms) == n_batches
            if norms:
                assert found["gradient_norm"] == pytest.approx(np.mean(norms), rel=1e-4)
                assert found["gradient_max"] == pytest.approx(max(norms), rel=1e-4)
            else:
                assert "gradient_norm" not in found
    assert all("gradient_norm" in found for found in recorder.records_[-1]["values"].values())


def test_attributions_are_those_of_the_explainer():
    template = IntegratedGradientsExplainer(None, n_steps=64)
    recorder = AttributionRecorder(template, X, feature_names=["a", "b", "c", "d"])
    net = train(Mixed, [recorder])
    expected = IntegratedGradientsExplainer(net, n_steps=64).fit(X).transform(X)
    found = recorder.records_[-1]["values"]
    assert list(found) == recorder.feature_names_ == ["a", "b", "c", "d"]
    assert_allclose([c["mean_abs"] for c in found.values()], np.abs(expected).mean(axis=0), rtol=1e-5)
    assert_allclose([c["mean"] for c in found.values()], expected.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert_allclose([c["std"] for c in found.values()], expected.std(axis=0), rtol=1e-5)
    assert template.estimator is None
    assert not hasattr(template, "estimator_")


def test_drift_is_from_the_epoch_before_and_to_the_last():
    recorder = AttributionRecorder(X=X)
    net = net_of(MLP, [recorder], max_epochs=1, warm_start=True)
    seen = []
    for _ in range(3):
        net.fit(X, TARGET)
        seen.append(InputXGradientExplainer(net).fit(X).transform(X))

    def drift(a, b):
        a, b = a.astype(float), b.astype(float)
        cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        return 1 - cosines.mean(), 1 - np.mean([spearmanr(p, q)[0] for p, q in zip(a, b, strict=True)])

    overall = [record["overall"] for record in recorder.records_]
    assert math.isnan(overall[0]["drift_cosine"])
    for t in (1, 2):
        cosine, spearman = drift(seen[t - 1], seen[t])
        assert overall[t]["drift_cosine"] == pytest.approx(cosine, abs=1e-5)
        assert overall[t]["drift_spearman"] == pytest.approx(spearman, abs=1e-5)
        assert net.history[t, "attributions_drift_cosine"] == overall[t]["drift_cosine"]
    for t in range(3):
        assert overall[t]["to_last_cosine"] == pytest.approx(drift(seen[t], seen[-1])[0], abs=1e-5)
        assert net.history[t, "attributions"]["overall"]["to_last_cosine"] == overall[t]["to_last_cosine"]
    assert overall[2]["to_last_cosine"] < 1e-6


def test_a_network_that_stands_still_does_not_drift():
    recorder = AttributionRecorder(LocalSurrogateExplainer(None, n_samples=50), X, probe_size=10)
    train(Mixed, [recorder], lr=0.0, max_epochs=3)
    norm_moves = recorder.records_[1]["overall"]["drift_cosine"]  # the running statistics do go on
    still = AttributionRecorder(LocalSurrogateExplainer(None, n_samples=50), X, probe_size=10)
    train(MLP, [still], lr=0.0)
    assert norm_moves > 1e-4
    assert still.records_[1]["overall"]["drift_cosine"] == pytest.approx(0, abs=1e-6)


def test_important_columns_are_found_over_time():
    recorder = AttributionRecorder(X=X, feature_names=list("abcd"))
    train(nn.Sequential(nn.Linear(4, 1)), [recorder], max_epochs=15, lr=0.05, y=3 * X[:, :1])
    frame = recorder.to_frame().query("statistic == 'mean_abs'").pivot(index="epoch", columns="column", values="value")
    assert frame["a"].is_monotonic_increasing
    assert frame.loc[15].idxmax() == "a"


@pytest.mark.parametrize("every, epochs", [(1, [1, 2, 3, 4, 5]), (2, [1, 3, 5]), (3, [1, 4])])
def test_every_so_many_epochs(every, epochs):
    recorders = all_recorders(every=every)
    net = train(Mixed, recorders, max_epochs=5)
    assert all(recorder.records_.epochs == epochs for recorder in recorders)
    assert [i for i, row in enumerate(net.history, 1) if "parameters" in row] == epochs


def test_a_network_that_diverges_is_recorded():
    recorders = all_recorders()
    with np.errstate(all="ignore"):
        net = train(MLP, recorders, lr=1e30, max_epochs=2)
    assert not math.isfinite(net.history[-1, "train_loss"])
    activations, parameters, attributions = (recorder.records_[-1] for recorder in recorders)
    assert activations["values"]["out"]["not_finite"] == 1
    assert parameters["values"]["out.weight"]["not_finite"] == 1
    assert not math.isfinite(parameters["overall"]["gradient_norm"])
    assert attributions["values"] == {}
    assert math.isnan(attributions["overall"]["drift_cosine"])
