"""What is seen of a network: look-ups however they are spelled, columns behind them, layers, steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn import functional as F

from sklearn_xai.models import EmbeddingSite, LayerSite, Network, Split, find_site
from sklearn_xai.models.finding import stepwise_columns
from sklearn_xai.models.lookups import Lookups, look_up
from tests.oracles import Skip, mlp, seeded

RNG = np.random.RandomState(0)
IDS = RNG.randint(1, 7, (10, 4))
TABLE = np.column_stack([RNG.standard_normal((10, 2)), RNG.randint(0, 3, (10, 2))])
WEIGHT = torch.as_tensor(RNG.standard_normal((7, 3)))


class Of(nn.Module):
    """A module made of a function of itself and its input."""

    def __init__(self, function, size=7):
        super().__init__()
        self.function, self.table = function, nn.Embedding(size, 3, padding_idx=0)

    def forward(self, X):
        found = torch.tanh(self.function(self, X))
        return torch.stack([found.sum(dim=1), (found * torch.arange(found.shape[1])).sum(dim=1)], dim=1)


def network(function, rows, **kwargs):
    return Network(seeded(lambda: Of(function, **kwargs)), rows)


# ---------------------------------------------------------------------- look-ups
@pytest.mark.parametrize(
    "spelled",
    [
        lambda ids: nn.Embedding.from_pretrained(WEIGHT, padding_idx=2)(ids),
        lambda ids: F.embedding(ids, WEIGHT, 2),
        lambda ids: F.embedding(input=ids, weight=WEIGHT, padding_idx=-5),
        lambda ids: torch.embedding(WEIGHT, ids, 2),
    ],
)
def test_a_look_up_is_seen_and_replaced(spelled):
    ids, seen = torch.as_tensor(IDS), []
    with Lookups(lambda *call: seen.append(call)):
        plain = spelled(ids)
    assert_array_equal(plain, WEIGHT[ids])
    ((found, padding, size, look),) = seen
    assert found is ids and padding == 2 and size == 7
    assert_array_equal(look(), WEIGHT[ids])
    with Lookups(lambda *call: -WEIGHT[ids]):
        assert_array_equal(spelled(ids), -plain)


@pytest.mark.parametrize("spelled", [lambda ids: F.embedding(ids, WEIGHT), lambda ids: torch.embedding(WEIGHT, ids)])
def test_without_padding(spelled):
    seen = []
    with Lookups(lambda ids, padding, size, look: seen.append(padding)):
        spelled(torch.as_tensor(IDS))
    assert seen == [None]


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
@pytest.mark.parametrize("padding", [None, 0, -7])
def test_a_bag_is_taken_apart(mode, padding):
    ids = torch.as_tensor(np.vstack([IDS, IDS * [1, 1, 0, 0], np.zeros_like(IDS[:1])]))
    truth = F.embedding_bag(ids, WEIGHT, mode=mode, padding_idx=padding)
    with Lookups(lambda *call: None):
        assert_allclose(F.embedding_bag(ids, WEIGHT, mode=mode, padding_idx=padding), truth, atol=1e-12)


def test_a_bag_with_weights():
    ids, weights = torch.as_tensor(IDS), torch.as_tensor(RNG.rand(*IDS.shape))
    truth = F.embedding_bag(ids, WEIGHT, mode="sum", per_sample_weights=weights)
    with Lookups(lambda *call: None):
        assert_allclose(F.embedding_bag(ids, WEIGHT, mode="sum", per_sample_weights=weights), truth, atol=1e-12)


def test_a_bag_of_one_axis_is_refused():
    with pytest.raises(ValueError, match="EmbeddingBag is explained with"), Lookups(lambda *call: None):
        F.embedding_bag(torch.as_tensor(IDS[0]), WEIGHT, torch.tensor([0]))


def test_the_forward_pass_ends_after_the_look_ups_that_are_wanted():
    calls = []
    seen = network(lambda m, X: [m.table(X), m.table(X + 0), calls.append(1)][0].mean(dim=1), IDS)
    calls.clear()
    with seen.frozen(), torch.no_grad():
        assert len(look_up(seen, seen.tensor(IDS), [0])) == 1 and not calls
        assert len(look_up(seen, seen.tensor(IDS))) == 2 and calls


# ---------------------------------------------------------------------- columns behind them
@pytest.mark.parametrize(
    ("function", "feeds"),
    [
        (lambda m, X: m.table(X).flatten(1), [0, 1, 2, 3]),
        (lambda m, X: m.table(X.flip(1)).flatten(1), [3, 2, 1, 0]),
        (lambda m, X: m.table(X[:, [2]]).flatten(1) + m.table.weight[0], [2]),
        (lambda m, X: m.table(X[:, 1]), [1]),
        (lambda m, X: (m.table(X) + m.table(torch.arange(4))).flatten(1), [0, 1, 2, 3]),
        (lambda m, X: m.table(torch.cat([X, torch.ones_like(X[:, :1])], dim=1)).flatten(1), [0, 1, 2, 3, -1]),
    ],
)
def test_the_column_of_each_vector(function, feeds):
    site = find_site(network(function, IDS), IDS, None, "Caller")
    assert isinstance(site, EmbeddingSite) and site.plain and site.single
    assert_array_equal(site.feeds.reshape(-1, 3)[:, 0], feeds)
    folded = site.fold(np.ones((2, len(feeds) * 3)), 4)
    assert_array_equal(folded[0], [3 * feeds.count(j) for j in range(4)])


@pytest.mark.parametrize("varies", [True, False])
def test_codes_beside_numbers(varies):
    rows = TABLE if varies else np.repeat(TABLE[:1], 10, axis=0)

    def function(m, X):
        there = (X[:, 2:] > 0).to(X)[..., None]  # a mask, of the row's own ids
        return torch.cat([X[:, :2], (m.table(X[:, 2:].long()) * there).flatten(1)], dim=1)

    site = find_site(network(function, rows, size=9), rows, None, "Caller")
    assert not site.plain and site.coded.tolist() == [False, False, True, True]
    assert_array_equal(site.feeds, [0, 1, 2, 3, 2, 2, 2, 3, 3, 3])
    with site.network.frozen(), torch.no_grad():
        z = site.network.tensor(TABLE)
        v = site.variable(z)
        assert_allclose(site.tail(v, z), site.network(z), atol=1e-12)
        v[:, 2:4] -= 2.7  # ids are the row's own, whatever the variable says
        assert_allclose(site.tail(v, z), site.network(z), atol=1e-12)


def test_padding_is_still():
    site = find_site(network(lambda m, X: m.table(X).flatten(1), IDS), IDS, None, "Caller")
    with site.network.frozen(), torch.no_grad():
        z = site.network.tensor(np.where(np.arange(4) < 2, IDS, 0))
        still = site.still(site.variable(z), z)
        assert_array_equal(still[:, :, 0], np.tile([False, False, True, True], (10, 1)))
        assert_array_equal(site.padding_vectors(z)[0], np.zeros((4, 3)))


# ---------------------------------------------------------------------- steps
def test_columns_of_steps():
    steps = network(lambda m, X: torch.cat([X[:, :3], F.one_hot(X[:, 3].long(), 3)], dim=1), TABLE)
    assert stepwise_columns(steps, TABLE) == [3]
    assert stepwise_columns(network(lambda m, X: X, TABLE), TABLE) == []
    assert stepwise_columns(network(lambda m, X: X[:, :3], TABLE), TABLE) == []
    saturated = network(lambda m, X: X.clamp(0.2, 0.8), TABLE)
    assert stepwise_columns(saturated, TABLE) == []


def test_what_is_found():
    assert isinstance(find_site(network(lambda m, X: X, TABLE), TABLE, None, "Caller"), Split)
    plain = Network(seeded(mlp), TABLE)
    assert find_site(plain, TABLE, None, "Caller").found
    assert isinstance(find_site(plain, TABLE, "0", "Caller"), LayerSite)


# ---------------------------------------------------------------------- rows that are whole numbers
@pytest.mark.parametrize(
    "function", [lambda m, X: m.table(X).mean(dim=1), lambda m, X: F.embedding(X, m.table.weight)[:, 0]]
)
def test_ids_stay_whole(function):
    seen = network(function, IDS)
    assert seen.takes_integers and seen.whole_rows and seen.tensor(IDS.astype(float)).dtype == torch.int64


def test_whole_numbers_of_a_table_are_real():
    scale = torch.tensor([[1.0, -1.0, 2.0]], dtype=torch.float64)
    seen = network(lambda m, X: torch.cat([X[:, :3] @ scale.T, m.table(X[:, 3].long())], dim=1), IDS)
    assert seen.takes_integers and not seen.whole_rows and seen.tensor(IDS).is_floating_point()
    assert not Network(seeded(mlp), IDS).takes_integers


# ---------------------------------------------------------------------- layers
@pytest.mark.parametrize("layer", ["0", "2", "4"])
def test_rows_are_no_context_where_all_goes_through_the_layer(layer):
    site = LayerSite(Network(seeded(mlp), TABLE), layer, "output", TABLE, "Caller")
    with site.network.frozen(), torch.no_grad():
        z = site.network.tensor(TABLE)
        assert len(site.context(z)) == 1
        assert_allclose(site.tail(site.variable(z), site.context(z)), site.network(z), atol=1e-12)


def test_rows_are_the_context_of_a_layer_that_has_a_way_around_it():
    site = LayerSite(Network(seeded(Skip), TABLE), "first", "output", TABLE, "Caller")
    with site.network.frozen(), torch.no_grad():
        z = site.network.tensor(TABLE)
        assert len(site.context(z)) == 10
        other = site.tail(site.variable(z), z.flip(0))
        assert (other - site.network(z)).abs().max() > 0.1
