"""Attributions to tokens: found at the vectors, however they are looked up, and the same as a loop by hand."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io as skops_io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn import functional as F

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer
from tests.nets import classifier
from tests.oracles import mlp, seeded

WORDS, LENGTH, WIDTH = 12, 5, 3
RNG = np.random.RandomState(0)


def rows(n=20, padding=True):
    ids = RNG.randint(1, WORDS, (n, LENGTH))
    if padding:
        ids[np.arange(LENGTH) >= RNG.randint(2, LENGTH + 1, n)[:, None]] = 0
        ids[0] = RNG.randint(1, WORDS, LENGTH)
    return ids


X = rows()
NODES, WEIGHTS = ((part + shift) / 2 for part, shift in zip(np.polynomial.legendre.leggauss(24), (1, 0), strict=True))


class Words(nn.Module):
    """The rest of a network of words, on vectors; a subclass looks these up."""

    def __init__(self, padding_idx=0, n_outputs=2):
        super().__init__()
        self.table = nn.Embedding(WORDS, WIDTH, padding_idx=padding_idx)
        self.gru, self.out = nn.GRU(WIDTH, 4, batch_first=True), nn.Linear(4, n_outputs)

    def after(self, vectors, ids):
        word = (ids != 0).to(vectors)[..., None]
        return self.out((self.gru(vectors)[0] * word).sum(dim=1) / word.sum(dim=1).clamp(min=1))

    def forward(self, X):
        return self.after(self.table(X), X)


class Functional(Words):
    def forward(self, X):
        return self.after(F.embedding(X, self.table.weight, padding_idx=-WORDS), X)


class NoLayer(nn.Module):
    """A table of its own, without a layer for it."""

    def __init__(self, n_outputs=2):
        super().__init__()
        self.rest = Words(n_outputs=n_outputs)
        self.weight = nn.Parameter(self.rest.table.weight.detach().clone())
        self.rest.table = nn.Identity()

    def forward(self, X):
        return self.rest.after(F.embedding(X, self.weight, padding_idx=0), X)


SPELLINGS = {
    "layer": Words,
    "function": Functional,
    "compiled": lambda: torch.compile(Words(), backend="eager"),
    "operator": lambda: with_forward(lambda m, X: m.after(torch.embedding(m.table.weight, X, 0), X)),
}


def with_forward(forward, **kwargs):
    class Spelled(Words):
        def forward(self, X):
            return forward(self, X)

    return Spelled(**kwargs)


def slope(module, vectors, ids, target):
    leaf = vectors.detach().clone().requires_grad_(True)
    return torch.autograd.grad(module.after(leaf[None], ids[None])[0, target], leaf)[0]


def by_hand(module, ids, baseline, target):
    """Return the integrated gradients of one row in the space of its vectors; padding stays as it is."""
    with torch.no_grad():
        vectors = module.table(ids)
    start = torch.where((ids == 0)[:, None], vectors, baseline)
    path = sum(
        w * slope(module, start + t * (vectors - start), ids, target) for t, w in zip(NODES, WEIGHTS, strict=True)
    )
    return ((vectors - start) * path).sum(dim=1)


def baseline_vectors(module, baseline):
    with torch.no_grad():
        vectors = module.table(torch.as_tensor(X)).numpy()
    if baseline == "zero":
        return np.zeros((LENGTH, WIDTH))
    if baseline == "pad":
        return np.broadcast_to(module.table.weight[0].detach().numpy(), (LENGTH, WIDTH))
    return np.stack([vectors[X[:, j] != 0, j].mean(axis=0) for j in range(LENGTH)])


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("baseline", ["mean", "zero", "pad"])
def test_integrated_gradients_are_those_of_a_loop(spelling, baseline):
    module = seeded(Words)
    start = torch.tensor(baseline_vectors(module, baseline))
    expected = torch.stack([by_hand(module, row, start, 1) for row in torch.as_tensor(X)])
    explainer = IntegratedGradientsExplainer(
        seeded(SPELLINGS[spelling]), target=1, baseline=baseline, n_steps=24, method="gausslegendre"
    ).fit(X)
    found = explainer.transform(X)
    assert_allclose(found, expected, atol=1e-10)
    assert (found[X == 0] == 0).all() and (found[X != 0] != 0).all()
    assert_allclose(explainer.transform(X[5:6]), found[5:6], atol=1e-12)


def test_a_table_without_a_layer():
    module = seeded(NoLayer)
    module.rest.table = nn.Embedding.from_pretrained(module.weight.detach(), padding_idx=0)
    expected = SaliencyExplainer(module.rest, target=0).fit(X).transform(X)
    module.rest.table = nn.Identity()
    assert_array_equal(SaliencyExplainer(module, target=0).fit(X).transform(X), expected)


def test_a_net_that_looks_up_without_a_layer_is_trained_on_ids():
    explainer = IntegratedGradientsExplainer(classifier(NoLayer, callbacks=None), random_state=0).fit(X, X[:, 0] % 2)
    assert explainer.transform(X).shape == X.shape and explainer.score(X) > 0.5


@pytest.mark.parametrize("cls", [SaliencyExplainer, InputXGradientExplainer])
def test_gradients_are_those_of_a_loop(cls):
    module = seeded(Words)
    ids = torch.as_tensor(X)
    expected = torch.stack([slope(module, module.table(row), row, 0) for row in ids])
    if cls is InputXGradientExplainer:
        expected = expected * module.table(ids).detach()
    expected = expected.sum(dim=2).masked_fill(ids == 0, 0)
    assert_allclose(cls(module, target=0).fit(X).transform(X), expected, atol=1e-12)


# ---------------------------------------------------------------------- networks of every kind
class TwoTables(Words):
    def __init__(self):
        super().__init__()
        self.other = nn.Embedding(WORDS, WIDTH, padding_idx=0)

    def forward(self, X):
        return self.after(self.table(X) * self.other(X) + self.table(X), X)


class Positions(Words):
    def __init__(self, kind):
        super().__init__()
        self.kind, self.places = kind, nn.Embedding(LENGTH + 1, WIDTH)

    def forward(self, X):
        places = torch.arange(LENGTH, device=X.device)
        if self.kind == "expanded":
            places = places.expand_as(X)
        if self.kind == "counted":
            places = (X != 0).long().cumsum(dim=1) * (X != 0)
        return self.after(self.table(X) + self.places(places), X)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(WORDS, 4, padding_idx=0), nn.Linear(4, 2)
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)

    def forward(self, X):
        return self.out(self.encoder(self.table(X), src_key_padding_mask=X == 0).mean(dim=1))


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(WORDS, WIDTH, padding_idx=0), nn.Linear(4, 2)
        self.lstm = nn.LSTM(WIDTH, 4, batch_first=True)

    def forward(self, X):
        lengths = (X != 0).sum(dim=1).clamp(min=1)
        vectors = nn.utils.rnn.pack_padded_sequence(self.table(X), lengths, batch_first=True, enforce_sorted=False)
        return self.out(self.lstm(vectors)[1][0][-1])


KINDS = {
    "two tables": TwoTables,
    "positions": lambda: Positions("once"),
    "expanded positions": lambda: Positions("expanded"),
    "counted positions": lambda: Positions("counted"),
    "transformer": Transformer,
    "packed": Packed,
    "looked up twice": lambda: with_forward(lambda m, X: m.after(m.table(X), X) + m.after(m.table(X.flip(1)), X)),
    "no padding": lambda: Words(padding_idx=None),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning")
@pytest.mark.parametrize("baseline", ["mean", "sample"])
@pytest.mark.parametrize("kind", KINDS)
def test_complete_and_nothing_for_padding(kind, baseline):
    ids = rows(padding=kind != "no padding")
    module = seeded(KINDS[kind])
    explainer = IntegratedGradientsExplainer(module, target=0, baseline=baseline, tol=1e-3, background_size=4).fit(ids)
    explanation = explainer.explain(ids)
    assert explanation.completeness_gap.max() < 2e-3
    assert (explanation.values[ids == 0] == 0).all()
    if baseline == "mean":  # the few background rows may all have a word at its place
        assert (explanation.values[ids != 0] != 0).all()
    assert_allclose(explainer.transform(ids[2:3]), explanation.values[2:3], atol=1e-10)


class BagAndSum(nn.Module):
    def __init__(self, mode, bag):
        super().__init__()
        self.bag, self.out = nn.EmbeddingBag(WORDS, WIDTH, mode=mode, padding_idx=0), nn.Linear(WIDTH, 2)
        self.mode, self.by_bag = mode, bag

    def forward(self, X):
        if self.by_bag:
            return self.out(torch.tanh(self.bag(X)))
        vectors, word = F.embedding(X, self.bag.weight, padding_idx=0), (X != 0)[..., None]
        if self.mode == "max":
            found = torch.where(word, vectors, -torch.inf).amax(dim=1)
            return self.out(torch.tanh(torch.where(word.any(dim=1), found, 0.0)))
        total = (vectors * word).sum(dim=1)
        return self.out(torch.tanh(total / word.sum(dim=1).clamp(min=1) if self.mode == "mean" else total))


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
def test_a_bag_is_the_net_that_adds_up_its_vectors(mode):
    ids = np.concatenate([X, np.zeros((1, LENGTH), dtype=int)])
    bag, plain = (seeded(lambda by=by: BagAndSum(mode, by)) for by in (True, False))
    with torch.no_grad():
        assert_allclose(bag(torch.as_tensor(ids)), plain(torch.as_tensor(ids)), atol=1e-12)
    for cls in (SaliencyExplainer, IntegratedGradientsExplainer):
        found, expected = (cls(module, target=0).fit(ids) for module in (bag, plain))
        assert_allclose(found.explained_output(ids), expected.explained_output(ids), atol=1e-12)
        assert_allclose(found.transform(ids), expected.transform(ids), atol=1e-10)
    assert not found.transform(ids)[-1].any()


# ---------------------------------------------------------------------- codes among numbers
class Coded(nn.Module):
    """Column 3 of a table of numbers is the code of a category."""

    def __init__(self, how="code"):
        super().__init__()
        self.how, self.table = how, nn.Embedding(5, 2)
        self.out = nn.Linear(5 + (how == "both"), 2)

    def forward(self, X):
        code, numbers = X[:, 3].long(), X[:, :3]
        if self.how == "both":
            numbers = X
        if self.how == "bins":
            code = (X[:, 0] > -0.5).long() + (X[:, 0] > 0.5)
        if self.how == "mixed":
            code = (X[:, 3] + X[:, 2].sign()).long().clamp(0, 4)
        vectors = self.table.weight[code] if self.how == "index" else self.table(code)
        return self.out(torch.tanh(torch.cat([numbers, vectors], dim=1)))


TABLE = np.column_stack([RNG.standard_normal((30, 3)), RNG.randint(0, 5, 30)])


@pytest.mark.parametrize("how", ["code", "both", "bins"])
@pytest.mark.parametrize("seen", ["all codes", "one code"])
def test_a_column_that_is_looked_up_is_not_forgotten(how, seen):
    background = TABLE.copy()
    if seen == "one code":
        background[:, 3] = 2
    module = seeded(lambda: Coded(how))
    explainer = IntegratedGradientsExplainer(module, target=0, baseline="mean", tol=1e-4).fit(background)
    explanation = explainer.explain(TABLE)
    assert explanation.completeness_gap.max() < 2e-4
    moved = TABLE[:, 3] != 2 if seen == "one code" else np.ones(30, dtype=bool)
    assert (explanation.values[moved, 3] != 0).all() == (how != "bins")
    outputs = np.unique(np.round(explanation.base_values, 10))
    assert len(outputs) == 1  # no row brings anything of its own to the baseline


def test_a_code_s_gradient_is_that_of_its_vector_and_of_its_number():
    module = seeded(lambda: Coded("both"))
    x = torch.as_tensor(TABLE).requires_grad_(True)
    vectors = module.table(x[:, 3].long()).detach().requires_grad_(True)
    out = module.out(torch.tanh(torch.cat([x, vectors], dim=1)))[:, 0]
    number, vector = torch.autograd.grad(out.sum(), [x, vectors])
    number[:, 3] += vector.sum(dim=1)
    assert_allclose(SaliencyExplainer(module, target=0).fit(TABLE).transform(TABLE), number, atol=1e-12)


@pytest.mark.parametrize(
    ("how", "message"), [("index", "columns [3] of its input in steps"), ("mixed", "several columns")]
)
def test_what_no_gradient_can_say_is_an_error(how, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        SaliencyExplainer(seeded(lambda: Coded(how)), target=0).fit(TABLE)


def test_whole_numbers_beside_codes_are_not_given_zero():
    whole = np.column_stack([RNG.randint(0, 9, (30, 3)), TABLE[:, 3]]).astype(int)
    with pytest.raises(ValueError, match=r"takes \[0, 1, 2\] as they are.*Give X as real numbers"):
        SaliencyExplainer(seeded(Coded), target=0).fit(whole)
    found = SaliencyExplainer(seeded(Coded), target=0).fit(whole.astype(float)).transform(whole)
    assert (np.abs(found).max(axis=0) > 0).all()


def test_steps_of_numbers_that_are_no_codes_are_the_gap_s_to_tell():
    module = seeded(lambda: nn.Sequential(nn.Hardtanh(), mlp(4, 1, nn.Tanh)))
    binary = np.sign(TABLE) * 3.0  # beyond where the slope ends, but not between
    explanation = IntegratedGradientsExplainer(module, tol=1e-3, baseline="mean").fit(binary).explain(binary)
    assert explanation.completeness_gap.max() < 2e-3


# ---------------------------------------------------------------------- rows of every kind
EXPLAINER = IntegratedGradientsExplainer(seeded(Words), target=0)


def test_a_row_of_padding_and_one_row():
    explainer = EXPLAINER.fit(X)
    assert_array_equal(explainer.transform(np.zeros((2, LENGTH), dtype=int)), np.zeros((2, LENGTH)))
    alone = IntegratedGradientsExplainer(EXPLAINER.estimator, target=0, baseline="zero").fit(X[:1])
    assert (alone.transform(X)[X != 0] != 0).all()  # also where the background does not vary
    constant = IntegratedGradientsExplainer(EXPLAINER.estimator, target=0).fit(np.repeat(X[:1], 10, axis=0))
    assert not constant.transform(X[:1]).any() and constant.transform(X[1:]).any()


def test_the_types_of_ids():
    explainer = EXPLAINER.fit(X)
    found = explainer.transform(X)
    for same in (X.astype(np.int16), X.astype(float), X.tolist()):
        assert_array_equal(explainer.transform(same), found)
    frame = pd.DataFrame(X, columns=list("abcde"))
    assert_array_equal(IntegratedGradientsExplainer(EXPLAINER.estimator, target=0).fit(frame).transform(frame), found)
    with pytest.raises(ValueError, match="takes whole numbers"):
        explainer.transform(X + 0.5)


@pytest.mark.parametrize("ids", [WORDS, -1])
def test_ids_that_are_not_there(ids):
    with pytest.raises(
        ValueError, match=f"from {ids} to {ids} in an embedding of {WORDS} vectors, which takes 0 to 11"
    ):
        EXPLAINER.fit(X).transform(np.full((2, LENGTH), ids))


def test_baselines():
    vectors = np.ones((LENGTH, WIDTH))
    explainer = IntegratedGradientsExplainer(EXPLAINER.estimator, target=0, baseline=vectors, tol=1e-4).fit(X)
    assert explainer.baseline_.shape == (1, LENGTH, WIDTH)
    assert explainer.explain(X).completeness_gap.max() < 2e-4
    with pytest.raises(ValueError, match=r"shape \(5, 3\)"):
        IntegratedGradientsExplainer(EXPLAINER.estimator, target=0, baseline=np.ones(LENGTH)).fit(X)
    with pytest.raises(ValueError, match="Embedding with a padding_idx"):
        IntegratedGradientsExplainer(Words(padding_idx=None), target=0, baseline="pad").fit(X)
    with pytest.raises(ValueError, match="gradients at the embedding of tokens"):
        IntegratedGradientsExplainer(nn.Linear(3, 1), baseline="pad").fit(np.eye(3))


def test_groups_of_tokens_and_a_layer():
    explainer = IntegratedGradientsExplainer(EXPLAINER.estimator, target=0, feature_groups={"start": [0, 1]}).fit(X)
    found, alone = explainer.transform(X), EXPLAINER.fit(X).transform(X)
    assert_allclose(found, np.column_stack([alone[:, :2].sum(axis=1), alone[:, 2:]]), atol=1e-12)
    units = IntegratedGradientsExplainer(EXPLAINER.estimator, target=0, layer="table", baseline="zero").fit(X)
    whole = IntegratedGradientsExplainer(EXPLAINER.estimator, target=0, baseline="zero").fit(X).transform(X)
    summed = units.transform(X).reshape(len(X), LENGTH, WIDTH).sum(axis=2)
    assert_allclose(summed[X != 0], whole[X != 0], atol=1e-6)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: with_forward(lambda m, X: m.out(m.gru(m.table(X.T).transpose(0, 1))[0][:, -1])), "Put the rows first"),
        (lambda: with_forward(lambda m, X: m.out(m.gru(m.table.weight[X])[0][:, -1])), "not seen to look up"),
        (lambda: torch.jit.script(Words()), "not seen to look up"),
    ],
)
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_networks_that_cannot_be_explained(module, message):
    with pytest.raises(ValueError, match=f"SaliencyExplainer.*{message}"):
        SaliencyExplainer(module(), target=0).fit(X[:LENGTH])


def test_what_is_asked_of_every_explainer():
    explainer = IntegratedGradientsExplainer(classifier(Words, callbacks=None), random_state=0).fit(X, X[:, 0] % 2)
    stored = skops_io.dumps(explainer)
    for loaded in (
        pickle.loads(pickle.dumps(explainer)),
        skops_io.loads(stored, trusted=skops_io.get_untrusted_types(data=stored)),
    ):
        assert_allclose(loaded.transform(X), explainer.transform(X), atol=1e-7)
    assert explainer.score(X) > 0.5
    assert explainer.feature_importances_.shape == (LENGTH,)
    kept = np.ones((1, LENGTH), dtype=bool)
    assert_allclose(explainer.coalition_values(X, kept)[:, 0], explainer.explained_output(X), atol=1e-6)
    both = IntegratedGradientsExplainer(explainer.estimator_, target="all").fit(X)
    assert both.transform(X).shape == (len(X), 2 * LENGTH)
