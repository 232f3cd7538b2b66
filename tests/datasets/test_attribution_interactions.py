from __future__ import annotations

from itertools import combinations, product
from math import comb, factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xai import IntegratedGradientsExplainer, OcclusionExplainer, ShapleyExplainer
from sklearn_xai.datasets import make_attribution_interactions
from tests.games import coalitions_of
from tests.oracles import run

MIXED = [
    ("and", (0, 1, 2), 2.0), ("or", (2, 3), -1.5), ("xor", (0, 3), 1.0), ("product", (4, 5), 1.0),
    ("product", (1, 4), 0.5), ("linear", (5, 0), -2.0),
]  # fmt: skip
# What a term says of rows, in words that are not those of the code under test.
SAYS = {
    "and": lambda Z: (Z == 1).all(axis=1),
    "or": lambda Z: (Z == 1).any(axis=1),
    "xor": lambda Z: (Z == 1).sum(axis=1) % 2,
    "product": lambda Z: np.exp(np.log(np.abs(Z)).sum(axis=1)) * (-1.0) ** (Z < 0).sum(axis=1),
    "linear": lambda Z: Z.sum(axis=1),
}


def total_of(terms, X):
    with np.errstate(divide="ignore"):  # the logarithm of a binary column that is 0
        return sum(coefficient * SAYS[kind](X[:, list(columns)]) for kind, columns, coefficient in terms)


def population_of(made):
    """Return rows and their weights that have the population's expectation of any polynomial of degree 5 a column."""
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(3)
    columns = [
        ([0.0, 1.0], [1 - mean, mean]) if binary else (mean + nodes, node_weights / node_weights.sum())
        for mean, binary in zip(made.means, made.binary, strict=True)
    ]
    rows = np.array(list(product(*(values for values, _ in columns))))
    return rows, np.array([np.prod(w) for w in product(*(weights for _, weights in columns))])


def enumerated(terms, made, row):
    """Return the Shapley values and pairwise interactions of a row by their definitions."""
    rows, weights = population_of(made)
    n = len(row)
    v = {}
    for kept in coalitions_of(range(n)):
        mixed = rows.copy()
        mixed[:, kept] = row[list(kept)]
        v[kept] = weights @ total_of(terms, mixed)
    phi, pairs = np.zeros(n), np.zeros((n, n))
    for i in range(n):
        for kept in coalitions_of(set(range(n)) - {i}):
            share = factorial(len(kept)) * factorial(n - len(kept) - 1) / factorial(n)
            phi[i] += share * (v[tuple(sorted((*kept, i)))] - v[tuple(sorted(kept))])
    for i, j in combinations(range(n), 2):
        for kept in coalitions_of(set(range(n)) - {i, j}):
            both, one, other, none = (v[tuple(sorted((*kept, *new)))] for new in ((i, j), (i,), (j,), ()))
            pairs[i, j] += (both - one - other + none) / ((n - 1) * comb(n - 2, len(kept)))
    return phi, pairs + pairs.T


@pytest.mark.parametrize(
    "terms",
    [
        [("and", (0, 1), 1.0)],
        [("or", (1, 3, 0), 2.0)],
        [("xor", (0, 2), 1.0)],
        [("xor", (3, 0, 2, 1), -1.0)],
        [("product", (0, 3, 1), 1.0)],
        [("linear", (1, 2), 3.0)],
        MIXED,
    ],
    ids=["and", "or", "xor", "parity", "product", "linear", "mixed"],
)
def test_the_definitions_enumerated(terms):
    n_features = 7 if terms is MIXED else 5
    made = make_attribution_interactions(
        6, n_features=n_features, terms=terms, p=np.linspace(0.2, 0.9, n_features), loc=np.linspace(-1, 2, n_features),
        random_state=0, return_bunch=True,
    )  # fmt: skip
    for i, row in enumerate(made.data[: 2 if terms is MIXED else 6]):
        phi, pairs = enumerated(terms, made, row)
        assert_allclose(made.attributions[i], phi, atol=1e-10)
        assert_allclose(made.interactions[i], pairs, atol=1e-10)


def test_values_written_out():
    made = make_attribution_interactions(
        40, n_features=4, terms=[("and", (0, 1), 1.0), ("xor", (2, 3), 1.0)], random_state=0, return_bunch=True
    )
    X = made.data
    # p = 1/2: of f - E f = 3/4 where both are 1, half to each
    both = (X[:, :2] == 1).all(axis=1)
    assert both.any() and not both.all()
    assert_allclose(made.attributions[both, :2], 3 / 8)
    # "xor" alone has no effect of one column; what the pair makes of it is halved
    says = (X[:, 2] != X[:, 3]) - 0.5
    assert_allclose(made.attributions[:, 2:], np.repeat(says[:, None] / 2, 2, axis=1))
    assert_allclose(made.interactions[:, 2, 3], says)
    assert_allclose(made.interactions[:, 0, 2], 0)


def test_the_model_says_what_the_terms_say():
    made = make_attribution_interactions(
        100, n_features=9, terms=MIXED, bias=4.0, p=0.3, loc=1.0, random_state=0, return_bunch=True
    )
    rows, weights = population_of(made)
    expected = 4.0 + total_of(MIXED, made.data) - weights @ total_of(MIXED, rows)
    assert_allclose(run(made.model, made.data)[:, 0], expected, atol=1e-10)
    assert_allclose(made.output, expected, atol=1e-10)
    assert_allclose(weights @ run(made.model, rows)[:, 0], made.base_value, atol=1e-10)


def test_kinds_of_columns():
    made = make_attribution_interactions(2000, p=0.3, loc=-1.0, random_state=0, return_bunch=True)
    assert_array_equal(made.relevant, np.arange(12) < 9)
    assert_array_equal(made.binary[:9], np.arange(9) < 6)
    assert 0 < made.binary[9:].sum() < 3  # irrelevant ones are of both kinds too
    assert set(np.unique(made.data[:, made.binary])) == {0, 1}
    assert_allclose(made.data.mean(axis=0), np.where(made.binary, 0.3, -1.0), atol=0.1)
    assert_allclose(made.data[:, ~made.binary].std(axis=0), 1, atol=0.1)
    logic = make_attribution_interactions(50, n_features=6, terms=[("or", (0, 4), 1.0)], return_bunch=True)
    assert logic.binary.all()


def test_explainers_of_the_exact_model():
    made = make_attribution_interactions(2000, p=0.4, loc=0.5, random_state=0, return_bunch=True)
    X, truth = made.data[:20], made.attributions[:20]
    # linear in each column: the path from the means is the diagonal of the multilinear extension
    gradients = IntegratedGradientsExplainer(made.model, baseline=made.means, n_steps=8).fit(made.data)
    assert_allclose(gradients.transform(X), truth, atol=1e-8)
    shapley = ShapleyExplainer(made.model, background_size=500, random_state=0).fit(made.data).transform(X)
    assert np.sqrt(np.mean((shapley - truth) ** 2)) < 0.05 * truth.std()
    # to remove one column at a time counts what columns do together more than once
    alone = OcclusionExplainer(made.model, background_size=500, random_state=0).fit(made.data).transform(X)
    assert np.sqrt(np.mean((alone - truth) ** 2)) > 0.2 * truth.std()


@st.composite
def some_terms(draw, n_features):
    terms = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["and", "or", "xor", "product", "linear"]))
        columns = draw(st.permutations(range(n_features)))[: draw(st.integers(2, n_features))]
        terms.append((kind, columns, draw(st.sampled_from([-2.0, 0.5, 1.0]))))
    return terms


@settings(max_examples=25, deadline=None)
@given(data=st.data(), n_samples=st.integers(1, 10), n_features=st.integers(2, 5), seed=st.integers(0, 2**31))
def test_sizes(data, n_samples, n_features, seed):
    terms = data.draw(some_terms(n_features))
    made = make_attribution_interactions(
        n_samples, n_features=n_features, terms=terms, p=0.35, loc=0.7, random_state=seed, return_bunch=True
    )
    assert made.data.shape == made.attributions.shape == (n_samples, n_features)
    assert made.interactions.shape == (n_samples, n_features, n_features)
    assert_allclose(made.attributions.sum(axis=1), run(made.model, made.data)[:, 0], atol=1e-8)
    assert_array_equal(made.interactions, made.interactions.transpose(0, 2, 1))
    assert_array_equal(made.interactions[:, range(n_features), range(n_features)], 0)
    phi, pairs = enumerated(terms, made, made.data[0])
    assert_allclose(made.attributions[0], phi, atol=1e-8)
    assert_allclose(made.interactions[0], pairs, atol=1e-8)


@pytest.mark.parametrize("terms", [[], None, "and", 3])
def test_terms_must_be_a_list(terms):
    with pytest.raises(ValueError, match=r"'terms' parameter of make_attribution_interactions must be a list of"):
        make_attribution_interactions(terms=terms)


@pytest.mark.parametrize(
    "term",
    [
        ("nand", (0, 1), 1.0), (["and"], (0, 1), 1.0), ("and", (0,), 1.0), ("and", (0, 0), 1.0), ("and", (0, 12), 1.0),
        ("and", (-1, 0), 1.0), ("and", (0.0, 1.0), 1.0), ("and", 0, 1.0), ("linear", (), 1.0), ("product", (3,), 1.0),
        ("xor", (0, 1), 0.0), ("xor", (0, 1), np.inf), ("xor", (0, 1), "1"), ("xor", (0, 1)), "xor",
    ],
    ids=str,
)  # fmt: skip
def test_each_term_is_looked_at(term):
    with pytest.raises(ValueError, match=r"Each of the 'terms' of make_attribution_interactions must be .* Got "):
        make_attribution_interactions(terms=[("linear", (0,), 1.0), term])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features": 5}, r"different columns from 0 to 4, .* Got \('xor', \(4, 5\), 1.0\)"),
        ({"p": 0.0}, r"'p' parameter of .* must lie between 0 and 1, without these. Got 0.0"),
        ({"p": 1.5}, r"'p' parameter of .* must lie between 0 and 1"),
        ({"p": [0.5, 0.5]}, r"'p' parameter of .* of shape \(12,\), one for each column. Got shape \(2,\)"),
        ({"loc": "left"}, r"'loc' parameter of .* Got 'left'"),
        ({"bias": None}, r"'bias' parameter of .* must be a number in \(-inf, inf\). Got None"),
    ],
)
def test_impossible_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_attribution_interactions(**parameters)
