"""A skorch net or a torch module, seen as a function of rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.utils import to_numpy
from torch import nn
from torch.nn import functional as F

from sklearn_xai.models import Network, is_module, is_net, is_network
from tests.nets import MLP, Mixed, regressor, table

X, Y, LABELS = table(n_classes=3)
BINARY = (Y > 0).astype(np.int64)


class Ending(nn.Module):
    """A network that ends in a non-linearity, spelled in one of many ways."""

    def __init__(self, ending, n_outputs=3):
        super().__init__()
        self.body = MLP(4, n_outputs)
        self.ending = ending

    def forward(self, X):
        return self.ending(self.body(X))


class InTuple(MLP):
    def forward(self, X):
        hidden = self.act(self.hidden(X))
        return self.out(hidden).softmax(-1), hidden


ENDINGS = {
    "module": nn.Softmax(dim=1),
    "log module": nn.LogSoftmax(dim=-1),
    "function": lambda x: F.softmax(x, dim=1),
    "log function": lambda x: F.log_softmax(x, -1),
    "torch": lambda x: torch.softmax(x, 1),
    "log torch": lambda x: torch.log_softmax(input=x, dim=1),
    "method": lambda x: x.softmax(dim=1),
    "log method": lambda x: x.log_softmax(1),
    "special": lambda x: torch.special.softmax(x, 1),
    "reshaped": lambda x: x.softmax(1).reshape(len(x), 3),
}
SIGMOIDS = {
    "module": nn.Sigmoid(),
    "function": F.sigmoid,
    "torch": torch.sigmoid,
    "special": torch.special.expit,
    "method": lambda x: x.sigmoid(),
    "squeezed": lambda x: x.sigmoid().squeeze(1),
    "squeezed before": lambda x: x.squeeze(1).sigmoid(),
}


def fitted(cls, module, y=LABELS, **kwargs):
    return cls(module, train_split=None, verbose=0, max_epochs=2, lr=0.1, **kwargs).fit(X, y)


def outputs(estimator, rows=X, **kwargs):
    return Network(estimator, rows[:4], **kwargs).outputs(rows)


@pytest.fixture
def body():
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    yield MLP(4, 3).eval()
    torch.set_rng_state(torch_state)


@pytest.mark.parametrize("kind", ENDINGS)
def test_raw_is_what_comes_before_the_softmax(body, kind):
    module = Ending(ENDINGS[kind])
    module.body = body
    logits = body(torch.as_tensor(X)).detach().numpy()
    assert_allclose(outputs(module, output="raw"), logits, atol=1e-7)
    assert_allclose(outputs(module), module(torch.as_tensor(X)).detach().numpy(), atol=1e-7)


# skorch takes the logarithm for NLLLoss itself
@pytest.mark.parametrize("kind", [kind for kind in ENDINGS if not kind.startswith("log")])
def test_a_classifier_with_the_softmax_inside(kind):
    net = fitted(NeuralNetClassifier, Ending(ENDINGS[kind]), criterion=nn.NLLLoss)
    logits = to_numpy(net.module_.body(torch.as_tensor(X)))
    assert np.isfinite(logits).all()
    assert_allclose(outputs(net), logits, atol=1e-6)
    assert_allclose(outputs(net, output="proba"), net.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("kind", ENDINGS)
def test_probabilities_of_a_plain_module(body, kind):
    module = Ending(ENDINGS[kind])
    module.body = body
    assert_allclose(outputs(module, output="proba").sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("kind", SIGMOIDS)
def test_raw_is_what_comes_before_the_sigmoid(kind):
    module = Ending(SIGMOIDS[kind], n_outputs=1)
    logit = module.body(torch.as_tensor(X)).detach().numpy()
    assert_allclose(outputs(module, output="raw"), logit, atol=1e-6)


@pytest.mark.parametrize("kind", SIGMOIDS)
def test_a_binary_classifier_with_the_sigmoid_inside(kind):
    flat = nn.Identity() if kind.startswith("squeezed") else nn.Flatten(0)
    module = nn.Sequential(Ending(SIGMOIDS[kind], 1), flat)
    net = fitted(NeuralNetBinaryClassifier, module, BINARY.astype(np.float32), criterion=nn.BCELoss)
    logit = to_numpy(net.module_[0].body(torch.as_tensor(X)))
    assert_allclose(outputs(net), np.column_stack([-logit, logit]), atol=1e-6)
    proba = outputs(net, output="proba")
    assert_allclose(proba[:, 1], 1 / (1 + np.exp(-logit[:, 0])), atol=1e-6)
    assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


def test_a_sigmoid_inside_the_network_is_not_its_end():
    module = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 3))
    assert_array_equal(outputs(module, output="raw"), outputs(module, output="auto"))
    with pytest.raises(ValueError, match="(?s)'output' parameter of Network is 'proba'.*no softmax or sigmoid"):
        outputs(module, output="proba")


def test_logits_are_explained_as_they_are():
    net = fitted(NeuralNetClassifier, MLP, module__n_outputs=3, criterion=nn.CrossEntropyLoss)
    assert_allclose(outputs(net), to_numpy(net.module_(torch.as_tensor(X))), atol=1e-6)
    assert_allclose(outputs(net, output="proba"), net.predict_proba(X), atol=1e-6)


def test_one_sigmoid_output():
    net = fitted(NeuralNetBinaryClassifier, nn.Sequential(MLP(4, 1), nn.Flatten(0)), BINARY.astype(np.float32))
    logit = to_numpy(net.module_(torch.as_tensor(X)))
    assert_allclose(outputs(net), np.column_stack([-logit, logit]), atol=1e-6)
    assert_allclose(outputs(net, output="proba"), net.predict_proba(X), atol=1e-6)
    assert_allclose(Network(net, X[:4], output="proba").classes, [0, 1])


def double(output):
    return torch.softmax(2 * output, dim=1)


def test_a_non_linearity_of_the_user():
    net = fitted(
        NeuralNetClassifier, MLP, module__n_outputs=3, criterion=nn.CrossEntropyLoss, predict_nonlinearity=double
    )
    assert_allclose(outputs(net, output="proba"), net.predict_proba(X), atol=1e-6)
    assert_allclose(outputs(net), to_numpy(net.module_(torch.as_tensor(X))), atol=1e-6)


TRIMMED = {
    "softmax": (lambda: MLP(4, 3), nn.CrossEntropyLoss, LABELS),
    "softmax inside": (lambda: Ending(nn.Softmax(dim=1)), nn.NLLLoss, LABELS),
    "sigmoid": (lambda: nn.Sequential(MLP(4, 1), nn.Flatten(0)), nn.BCEWithLogitsLoss, BINARY.astype(np.float32)),
}


@pytest.mark.parametrize("kind", TRIMMED)
def test_a_trimmed_net_still_knows_its_probabilities(kind):
    """skorch forgets the criterion, and then takes logits for probabilities."""
    module, criterion, y = TRIMMED[kind]
    cls = NeuralNetBinaryClassifier if kind == "sigmoid" else NeuralNetClassifier
    net = fitted(cls, module(), y, criterion=criterion)
    proba, raw = net.predict_proba(X), outputs(net)
    net.trim_for_prediction()
    assert_allclose(outputs(net, output="proba"), proba, atol=1e-6)
    assert_allclose(outputs(net), raw, atol=1e-6)


def test_the_first_of_several_outputs_is_explained(body):
    module = InTuple(4, 3)
    module.load_state_dict(body.state_dict())
    assert_allclose(outputs(module, output="raw"), body(torch.as_tensor(X)).detach().numpy(), atol=1e-6)


def test_two_sigmoid_outputs():
    both = np.column_stack([BINARY, 1 - BINARY]).astype(np.float32)
    net = fitted(NeuralNetClassifier, MLP, both, module__n_outputs=2, criterion=nn.BCEWithLogitsLoss)
    logits = to_numpy(net.module_(torch.as_tensor(X)))
    assert_allclose(outputs(net), logits, atol=1e-6)
    assert_allclose(outputs(net, output="proba"), 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_a_regressor_is_explained_as_it_stands():
    net = fitted(NeuralNetRegressor, Ending(nn.Sigmoid(), 1), Y.reshape(-1, 1))
    assert_allclose(outputs(net), net.predict(X), atol=1e-7)


def test_a_plain_neural_net():
    net = fitted(NeuralNet, MLP, Y.reshape(-1, 1), criterion=nn.MSELoss)
    assert_allclose(outputs(net), net.predict(X), atol=1e-7)


# ---------------------------------------------------------------------- types
def test_float64_stays_float64():
    module = MLP(4, 3).double()
    rows = np.random.RandomState(0).randn(9, 4)
    found = outputs(module, rows)
    assert found.dtype == np.float64
    assert_allclose(found, module(torch.as_tensor(rows)).detach().numpy(), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, bool, np.float64])
def test_numbers_of_any_type(dtype):
    module = MLP(4, 3)
    rows = (np.abs(X) * 3).astype(dtype)
    expected = module(torch.as_tensor(rows.astype(np.float32))).detach().numpy()
    assert_allclose(outputs(module, rows), expected, atol=1e-6)


def test_token_ids_stay_integers():
    module = nn.Sequential(nn.EmbeddingBag(10, 4), nn.Linear(4, 2))
    ids = np.random.RandomState(0).randint(10, size=(6, 5))
    assert_allclose(outputs(module, ids), module(torch.as_tensor(ids)).detach().numpy(), atol=1e-7)


def test_batches_make_no_difference():
    module = MLP(4, 3)
    network = Network(module, X[:4])
    assert_allclose(network.outputs(X, batch_size=7), network.outputs(X), atol=1e-6)


def test_it_is_run_in_evaluation_mode():
    net = fitted(NeuralNetRegressor, Mixed, Y.reshape(-1, 1))
    expected = net.predict(X)
    net.module_.train()
    assert_allclose(outputs(net), expected, atol=1e-6)
    assert net.module_.training


# ---------------------------------------------------------------------- what is no network of rows
class Summary(MLP):
    def forward(self, X):
        return super().forward(X).mean()


def test_one_row_of_outputs_for_each_row():
    with pytest.raises(ValueError, match=r"Test needs a network that returns one row .* For 4 rows it returned \(\)"):
        Network(Summary(), X[:4], caller="Test")


def test_rows_of_another_width():
    with pytest.raises(ValueError, match=r"Test: the network could not be run on rows of shape \(3,\) .*float32"):
        Network(MLP(), X[:4, :3], caller="Test")


def test_kinds():
    assert is_net(regressor()) and not is_module(regressor()) and is_network(regressor())
    assert is_module(MLP()) and not is_net(MLP()) and is_network(MLP())
    assert not is_network(MLP) and not is_network("net")
