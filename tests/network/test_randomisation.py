"""Layers drawn anew inside a block, and put back after it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import sklearn_xai
from sklearn_xai import SaliencyExplainer
from sklearn_xai.network import layer_randomisation, randomisable_layers
from tests.nets import MLP, regressor, table

X, Y, _ = table()


class Block(nn.Module):
    """Has a parameter of its own, and resets what is inside it too."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.scale = nn.Parameter(torch.arange(4.0))
        self.gain = nn.Parameter(torch.tensor(3.0))

    def reset_parameters(self):
        self.inner.reset_parameters()
        self.scale = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return self.norm(self.inner(x)) * self.scale * self.gain


class Tied(nn.Module):
    """The first layer's weights are those of the last; another is used twice, under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4, bias=False)
        self.own = nn.Linear(4, 4)
        self.again = self.own
        self.middle = nn.Linear(4, 4)
        self.last = nn.Linear(4, 4)
        self.first.weight = self.last.weight
        self.middle.weight = self.last.weight

    def forward(self, x):
        return self.last(self.middle(self.again(self.own(self.first(x))).tanh()))


def deep():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), Block(), nn.LayerNorm(4), nn.Linear(4, 1)).eval()


def state(module):
    """Return all that the block must leave as it was: the tensors themselves, where they lie, and their values."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {
        name: (
            id(tensor),
            tensor.data_ptr(),
            tensor.detach().numpy().tobytes(),
            tensor.requires_grad,
            None if tensor.grad is None else (id(tensor.grad), tensor.grad.numpy().tobytes()),
            [part.training for part in module.modules()],
        )
        for name, tensor in tensors.items()
    }


def values(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def changed(module, before):
    return {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}


def random_states():
    algorithm, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [algorithm, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()]


def worn():
    module = deep()
    module(torch.as_tensor(X)).sum().backward()
    module[0].weight.requires_grad_(False)
    module[2].norm.running_mean.fill_(0.5)
    module[2].norm.train()
    return module


def test_from_the_output_to_the_input():
    assert randomisable_layers(deep()) == ["4", "3", "2.norm", "2.inner", "2", "0"]
    assert randomisable_layers(nn.Linear(2, 1)) == [""]
    assert randomisable_layers(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False))) == ["1", "0"]


@pytest.mark.parametrize("wrap", [lambda net: net, FrozenEstimator, lambda net: make_pipeline(StandardScaler(), net)])
def test_whatever_the_network_is_wrapped_in(wrap):
    net = regressor().fit(X, Y.reshape(-1, 1))
    estimator = wrap(net)
    before = values(net.module_)
    assert randomisable_layers(estimator) == ["out", "hidden"]
    with layer_randomisation(estimator, n_layers=1) as names:
        assert names == ["out"]
        assert changed(net.module_, before) == {"out.weight", "out.bias"}
    assert not changed(net.module_, before)


def test_cascade_adds_one_layer_to_the_step_before():
    module = deep()
    before, steps = values(module), []
    for n in range(len(randomisable_layers(module)) + 1):
        with layer_randomisation(module, n_layers=n, random_state=3) as names:
            assert names == randomisable_layers(module)[:n]
            steps.append(values(module))
    assert not changed(module, steps[0])
    for n, name in enumerate(randomisable_layers(module), start=1):
        own = {f"{name}.{key}".lstrip(".") for key in vars(module.get_submodule(name))["_parameters"]}
        assert {key for key in before if not torch.equal(steps[n][key], steps[n - 1][key])} <= own
        with layer_randomisation(module, n_layers=n, order="independent", random_state=3) as names:
            assert names == [name]
            assert all(torch.equal(module.state_dict()[key], steps[n][key]) for key in own)
    module.load_state_dict(steps[-1])
    # all are new, which the normalisations, never trained, were before
    assert changed(module, before) == {key for key in before if "norm" not in key and not key.startswith("3.")}


def test_statistics_are_those_of_a_new_layer():
    module = worn()
    with layer_randomisation(module, layers=["2.norm"]):
        assert_array_equal(module[2].norm.running_mean, np.zeros(4))
    assert_array_equal(module[2].norm.running_mean, np.full(4, 0.5))


def test_block_stands_for_its_layers():
    module = deep()
    before = values(module)
    with layer_randomisation(module, layers=["2", "0"]) as names:
        assert names == ["2.norm", "2.inner", "2", "0"]
        assert {name.split(".")[0] for name in changed(module, before)} == {"0", "2"}
    with layer_randomisation(module, layers="2.inner"):
        assert changed(module, before) == {"2.inner.weight", "2.inner.bias"}


def test_own_parameters_without_a_way_to_reset_them():
    module = nn.MultiheadAttention(8, 2)
    weight = module.in_proj_weight.detach().clone()
    with layer_randomisation(module, layers=[""]):
        assert not torch.equal(module.in_proj_weight, weight)
        assert abs(float(module.in_proj_weight.detach().std() / weight.std()) - 1) < 0.2
    block = Block()
    with layer_randomisation(block):
        assert block.gain.item() != 3.0  # its reset_parameters forgets it; here it is one number
    assert block.gain.item() == 3.0


@pytest.mark.parametrize("inference", [False, True])
def test_all_is_put_back(inference):
    module = worn()
    before, drawn = state(module), random_states()
    with torch.inference_mode(inference), layer_randomisation(module, random_state=0) as names:
        assert names == randomisable_layers(module)
        assert torch.is_inference_mode_enabled() == inference
        inside = state(module)
        assert [held[:2] + held[3:] for held in inside.values()] == [held[:2] + held[3:] for held in before.values()]
        module(torch.as_tensor(X))
    assert state(module) == before
    assert random_states() == drawn
    assert module(torch.as_tensor(X)).requires_grad


def test_all_is_put_back_after_an_exception():
    module = worn()
    before, drawn = state(module), random_states()
    with pytest.raises(KeyError, match="inside"), layer_randomisation(module):
        raise KeyError("inside")
    assert state(module) == before
    assert random_states() == drawn


def test_all_is_put_back_when_a_layer_breaks_down(monkeypatch):
    module = worn()

    def broken(self):
        self.inner.reset_parameters()
        self.gain = nn.Parameter(torch.zeros(()))
        raise RuntimeError("broken down")

    monkeypatch.setattr(Block, "reset_parameters", broken)
    before, drawn = state(module), random_states()
    with pytest.raises(RuntimeError, match="broken down"), layer_randomisation(module):
        raise AssertionError("the block is not entered")
    assert state(module) == before
    assert random_states() == drawn


def test_training_inside_the_block_is_undone():
    module = worn()
    before = values(module)
    with layer_randomisation(module):
        module.zero_grad()
        module(torch.as_tensor(X)).sum().backward()
        torch.optim.SGD(module.parameters(), lr=1.0).step()
    assert not changed(module, before)


def test_shared_weights_are_drawn_once():
    module = Tied()
    assert randomisable_layers(module) == ["last", "middle", "own"]
    before, trained = state(module), values(module)
    with layer_randomisation(module, n_layers=1, random_state=0):
        last = values(module)
        assert module.first.weight is module.last.weight is module.middle.weight
    with layer_randomisation(module, n_layers=2, random_state=0):
        assert changed(module, last) == {"middle.bias"}
        both = values(module)
    with layer_randomisation(module, n_layers=2, order="independent", random_state=0):
        assert torch.equal(module.middle.bias, both["middle.bias"])
        assert changed(module, trained) == {"middle.bias"}
    with layer_randomisation(module, n_layers=3, random_state=0):
        assert changed(module, both) == {"own.weight", "own.bias", "again.weight", "again.bias"}
    assert state(module) == before


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_parametrised_and_scripted_modules():
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
    for module in (normed, torch.jit.script(deep())):
        z = torch.as_tensor(X)
        truth = module(z).detach()
        with layer_randomisation(module):
            assert not torch.allclose(module(z), truth)
        assert torch.equal(module(z), truth)


def test_draws_come_from_random_state():
    module = deep()
    seen = []
    for seed in (0, 0, 1, np.random.RandomState(1)):
        with layer_randomisation(module, random_state=seed):
            seen.append(module[0].weight.detach().clone())
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[0], seen[2])
    rng = np.random.RandomState(5)
    with layer_randomisation(module, random_state=rng):
        assert rng.randint(2**31) == np.random.RandomState(5).randint(2**31)


def test_explanations_see_the_random_weights():
    net = regressor().fit(X, Y.reshape(-1, 1))
    outside = SaliencyExplainer(net).fit(X)
    trained = outside.transform(X)
    with layer_randomisation(net, random_state=0):
        inside = SaliencyExplainer(net).fit(X).transform(X)
        assert_array_equal(outside.transform(X), inside)
    assert not np.allclose(inside, trained)
    assert_array_equal(outside.transform(X), trained)


def test_lazy_layers_must_have_seen_data():
    module = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(ValueError, match="layer '0' of Sequential is lazy"):
        randomisable_layers(module)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_layers": 7}, "from 0 to 6.*Got 7"),
        ({"n_layers": -1}, "Got -1"),
        ({"n_layers": True}, "Got True"),
        ({"n_layers": 1.5}, "Got 1.5"),
        ({"n_layers": 1, "layers": ["0"]}, "not both"),
        ({"layers": ["0", "head"]}, "names 'head'.*'2.norm'"),
        ({"order": "forwards"}, "'order' parameter.*Got 'forwards'"),
        ({"order": "independent"}, "give 'n_layers'"),
    ],
)
def test_no_such_layers(asked, message):
    with pytest.raises(ValueError, match=message), layer_randomisation(deep(), **asked):
        raise AssertionError("the block is not entered")


def test_what_has_no_layers():
    with pytest.raises(TypeError, match="randomisable_layers.*Got LinearRegression"):
        randomisable_layers(LinearRegression().fit(X, Y))
    with pytest.raises(NotFittedError, match="layer_randomisation"), layer_randomisation(regressor(MLP)):
        raise AssertionError("the block is not entered")


def test_public():
    assert sklearn_xai.layer_randomisation is layer_randomisation
    assert "randomisable_layers" in sklearn_xai.__all__
