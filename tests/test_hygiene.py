"""What an explainer must leave alone: the user's module, its gradients, modes and hooks, random states and rows."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch import NeuralNetRegressor
from torch import nn

from tests.every_explainer import CLASSES, fast
from tests.nets import Mixed, classifier, regressor, table

X, Y, LABELS = table(n=50)


class Fragile(Mixed):
    """Breaks down in the middle of ``forward``, when told to."""

    broken = False

    def forward(self, X):
        hidden = self.hidden(self.norm(X)).relu()
        if self.broken:
            raise RuntimeError("broken down")
        return self.out(self.drop(hidden))


def worn_net(module=Mixed):
    """Return a fitted net whose module is in no default state: mixed modes, frozen layers, a gradient, a hook."""
    net = regressor(module)
    net.fit(X, Y.reshape(-1, 1))
    part = net.module_
    part.train()
    part.hidden.eval()
    part.out.weight.requires_grad_(False)
    for parameter in part.parameters():
        parameter.grad = None
    part.hidden.weight.grad = torch.full_like(part.hidden.weight, 2.5)
    part.norm.register_forward_hook(lambda layer, args, output: None)
    return net


def state(module):
    """Return everything about a module that an explainer might change."""
    parts = list(module.named_modules())
    return {
        "weights": {name: value.detach().numpy().tobytes() for name, value in module.state_dict().items()},
        "grad": {n: None if p.grad is None else p.grad.numpy().tobytes() for n, p in module.named_parameters()},
        "requires_grad": {name: p.requires_grad for name, p in module.named_parameters()},
        "training": {name: part.training for name, part in parts},
        "hooks": {name: hooks(part) for name, part in parts},
        "attributes": {name: sorted(vars(part)) for name, part in parts},
    }


def hooks(part):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
    return [len(getattr(part, kind)) for kind in kinds]


def random_states():
    algorithm, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [algorithm, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()]


def use(explainer):
    """Call everything that runs the network."""
    explainer.fit(X)
    explainer.transform(X[:7])
    explainer.explain(X[:7])
    explainer.score(X[:7])
    explainer.explained_output(X[:7])
    explainer.coalition_values(X[:3], np.eye(4, dtype=bool))
    explainer.predict(X[:7])
    return explainer.feature_importances_


@pytest.mark.parametrize("cls", CLASSES)
def test_module_and_random_states_are_left_alone(cls):
    net = worn_net()
    before, drawn = state(net.module_), random_states()
    use(fast(cls, net))
    assert state(net.module_) == before
    assert random_states() == drawn


@pytest.mark.parametrize("call", ["fit", "transform", "explain", "score", "explained_output", "predict"])
@pytest.mark.parametrize("cls", CLASSES)
def test_left_alone_after_an_exception(cls, call):
    net = worn_net(Fragile)
    explainer = fast(cls, net).fit(X)
    net.module_.broken = True
    before, drawn = state(net.module_), random_states()
    with pytest.raises((RuntimeError, ValueError), match="broken down"):
        getattr(explainer, call)(X[:7])
    assert state(net.module_) == before
    assert random_states() == drawn


@pytest.mark.parametrize("cls", CLASSES)
def test_training_leaves_the_random_states_alone(cls):
    drawn = random_states()
    fast(cls, classifier(Mixed)).fit(X, LABELS)
    fast(cls, regressor(Mixed), random_state=3).fit(X, Y)
    assert random_states() == drawn


@pytest.mark.parametrize("cls", CLASSES)
def test_random_state_instance_is_not_advanced(cls):
    rng = np.random.RandomState(7)
    fast(cls, regressor(), random_state=rng).fit(X, Y).transform(X[:3])
    assert rng.randint(2**31) == np.random.RandomState(7).randint(2**31)


@pytest.mark.parametrize("cls", CLASSES)
def test_same_random_state_same_training(cls):
    first, second = (fast(cls, regressor(Mixed), random_state=5).fit(X, Y).transform(X) for _ in range(2))
    assert_array_equal(first, second)
    other = fast(cls, regressor(Mixed), random_state=6).fit(X, Y).transform(X)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("cls", CLASSES)
def test_inside_a_block_without_gradients(cls, mode):
    net = worn_net()
    expected = fast(cls, net, random_state=0).fit(X).transform(X[:7])
    before = state(net.module_)
    with mode():
        explainer = fast(cls, net, random_state=0)
        use(explainer)
        found = explainer.transform(X[:7])
        trained = fast(cls, regressor(), random_state=0).fit(X, Y)
        inside = trained.transform(X[:7])
    assert_array_equal(found, expected)
    assert state(net.module_) == before
    assert_array_equal(trained.transform(X[:7]), inside)
    net.partial_fit(X, Y.reshape(-1, 1))  # the weights are no inference tensors


@pytest.mark.parametrize("cls", CLASSES)
def test_rows_are_explained_each_for_itself(cls):
    explainer = fast(cls, worn_net(), random_state=0).fit(X)
    whole = explainer.transform(X)
    scale = np.abs(whole).max()
    order = np.random.RandomState(0).permutation(len(X))
    assert_array_equal(explainer.transform(X), whole)
    assert_allclose(explainer.transform(X[order]), whole[order], atol=2e-6 * scale)
    assert_allclose(explainer.transform(X[5:9]), whole[5:9], atol=2e-6 * scale)
    one_by_one = np.concatenate([explainer.transform(X[i : i + 1]) for i in range(10)])
    assert_allclose(one_by_one, whole[:10], atol=2e-6 * scale)
    assert_allclose(explainer.explain(X).values, whole, atol=2e-6 * scale)


@pytest.mark.parametrize("cls", CLASSES)
def test_fit_transform_is_fit_and_transform(cls):
    net = worn_net()
    assert_array_equal(
        fast(cls, net, random_state=0).fit_transform(X), fast(cls, net, random_state=0).fit(X).transform(X)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("cls", CLASSES)
def test_rows_are_not_changed_and_attributions_have_the_type_of_the_network(cls, dtype):
    rows = (3 * X).astype(dtype)
    kept = rows.copy()
    explainer = fast(cls, regressor()).fit(rows, Y)
    found = explainer.transform(rows)
    use_of = explainer.explain(rows)
    explainer.score(rows[:5])
    assert found.dtype == np.float32
    assert_array_equal(rows, kept)
    assert use_of.values.dtype == np.float32


class Doubling(nn.Module):
    """Changes its input in place."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(4, 1)

    def forward(self, X):
        return self.out(X.mul_(2).relu_())


@pytest.mark.parametrize("cls", CLASSES)
def test_a_module_that_changes_its_input_in_place(cls):
    net = NeuralNetRegressor(Doubling, max_epochs=1, train_split=None, verbose=0).fit(X.copy(), Y.reshape(-1, 1))
    kept = X.copy()
    use(fast(cls, net))
    assert_array_equal(X, kept)


@pytest.mark.parametrize("cls", CLASSES)
def test_two_processes_say_the_same(cls):
    explainer = fast(cls, classifier(), random_state=0).fit(X, LABELS)
    halves = joblib.Parallel(n_jobs=2, backend="loky")(
        joblib.delayed(explainer.transform)(part) for part in (X[:25], X[25:])
    )
    assert_allclose(np.concatenate(halves), explainer.transform(X), atol=1e-6)
