"""The weights of coalitions, against the definition and against games of known Shapley values."""

from __future__ import annotations

from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_xai.explainers.shapley.designs import (
    draw_pairs,
    energies,
    enumerate_coalitions,
    fit_energies,
    kernel_design,
    krawtchouk,
    permutation_design,
)

ENERGIES = (0.01, 0.1)


def characters(patterns, order):
    """Return the products of the signs of all sets of players of one order, and the sets."""
    signs = np.where(patterns, 1.0, -1.0)
    sets = list(combinations(range(patterns.shape[1]), order))
    return np.stack([signs[:, list(players)].prod(axis=1) for players in sets], axis=1), sets


def shapley_of(coefficients, sets, d):
    """Return the Shapley values of a game of one odd order."""
    phi = np.zeros(d)
    for beta, players in zip(coefficients, sets, strict=True):
        phi[list(players)] += 2 * beta / len(players)
    return phi


@pytest.mark.parametrize("d", [1, 2, 3, 5, 14])
def test_enumeration_is_the_definition(d):
    blocks = list(enumerate_coalitions(d, interactions=True))
    patterns = np.concatenate([block.patterns for block in blocks])
    weights = np.concatenate([block.weights for block in blocks], axis=1)
    assert len(np.unique(patterns, axis=0)) == len(patterns) == 2**d
    size = patterns.sum(axis=1)
    for i in range(d):
        joined = [factorial(s - 1) * factorial(d - s) / factorial(d) if s else 0 for s in size]
        left = [factorial(s) * factorial(d - s - 1) / factorial(d) if s < d else 0 for s in size]
        assert_allclose(weights[i], np.where(patterns[:, i], joined, -np.array(left)), rtol=1e-12)


@pytest.mark.parametrize("d", [3, 6])
def test_enumeration_finds_the_interactions_of_even_orders(d):
    (design,) = enumerate_coalitions(d, interactions=True)
    for order in range(1, d + 1):
        values, sets = characters(design.patterns, order)
        found = design.pair_weights @ values
        for column, players in zip(found.T, sets, strict=True):
            truth = [
                4 / (order - 1) if order % 2 == 0 and {i, j} <= set(players) else 0
                for i, j in combinations(range(d), 2)
            ]
            assert_allclose(column, truth, atol=1e-12)


def test_krawtchouk_polynomials_are_sums_of_characters():
    for n in (1, 4, 7):
        found = krawtchouk(n, n + 1)
        for h in range(n + 1):
            signs = np.array([np.arange(n) >= h])
            for k in range(1, n + 1):
                assert_allclose(found[k, h], characters(signs, k)[0].sum() / comb(n, k), atol=1e-12)
        assert not found[n + 1].any()


@pytest.mark.parametrize(("d", "n_pairs"), [(2, 2), (5, 8), (6, 32), (9, 40), (12, 500), (40, 300)])
def test_pairs_are_different_and_balanced_over_sizes(d, n_pairs):
    kept = draw_pairs(d, n_pairs, np.random.RandomState(0))
    assert kept[0].all()
    assert len(kept) <= n_pairs
    both = np.concatenate([kept, ~kept])
    assert len(np.unique(both, axis=0)) == len(both)
    size = kept[1:].sum(axis=1)
    share = (n_pairs - 1) // (d // 2)
    for s in range(1, d // 2 + 1):
        count = comb(d, s) // (2 if 2 * s == d else 1)
        assert (size == s).sum() >= min(count, share)


@pytest.mark.parametrize("d", [2, 3, 5, 8])
def test_all_pairs_give_the_exact_values_whatever_the_energies(d):
    design = kernel_design(d, 2**d, np.random.RandomState(0), (0.1, 0.4), (0.1, 0.4))
    assert len(design.patterns) == 2**d
    values = np.random.RandomState(1).standard_normal((7, 2**d))
    (exact,) = enumerate_coalitions(d, interactions=True)
    code = 2 ** np.arange(d)
    place = np.argsort(exact.patterns @ code)[design.patterns @ code]
    assert_allclose(design.weights @ values[:, place].T, exact.weights @ values.T, atol=1e-5)
    assert_allclose(design.pair_weights @ values[:, place].T, exact.pair_weights @ values.T, atol=1e-5)
    assert_allclose(design.variance, 0, atol=1e-6)


@settings(deadline=None)
@given(d=st.integers(2, 12), n=st.integers(4, 200), seed=st.integers(0, 99), scale=st.sampled_from([1e-3, 1, 1e4]))
def test_drawn_designs_are_efficient_odd_and_linear(d, n, seed, scale):
    for build in (lambda rng: kernel_design(d, n, rng, ENERGIES), lambda rng: permutation_design(d, n, rng)):
        design = build(np.random.RandomState(seed))
        values = scale * np.random.RandomState(seed + 1).standard_normal(len(design.patterns))
        full = design.patterns.all(axis=1)
        none = ~design.patterns.any(axis=1)
        assert full.sum() == none.sum() == 1
        assert_allclose((design.weights @ values).sum(), values[full][0] - values[none][0], atol=1e-6 * scale)
        assert_allclose(design.weights @ np.ones(len(values)), 0, atol=1e-8)


@pytest.mark.parametrize("d", [4, 9, 16])
def test_a_linear_game_is_found_from_few_coalitions(d):
    beta = np.random.RandomState(0).standard_normal(d)
    for design in (
        kernel_design(d, 4 * d, np.random.RandomState(1), (1e-6, 1e-3)),
        permutation_design(d, 2 * d, np.random.RandomState(1)),
    ):
        assert_allclose(design.weights @ (design.patterns @ beta), beta, atol=1e-4)


def random_game(patterns, third, rng):
    """Return the values of a game of the first, second, third and fifth order, and its Shapley values."""
    d = patterns.shape[1]
    values, phi = 0.0, np.zeros(d)
    for order, energy in ((1, 1.0), (2, 0.5), (3, third), (5, third / 10)):
        characters_, sets = characters(patterns, order)
        beta = rng.standard_normal(len(sets)) * np.sqrt(energy / len(sets))
        values = values + characters_ @ beta
        if order % 2:
            phi += shapley_of(beta, sets, d)
    return values, phi


def test_the_kernel_design_is_better_than_first_order_regression_and_knows_its_error():
    d, n = 8, 160
    missed, first, claimed = [], [], []
    for seed in range(30):
        rng = np.random.RandomState(seed)
        design = kernel_design(d, n, rng, (0.05, 0.1))
        values, phi = random_game(design.patterns, 0.05, rng)
        missed.append(design.weights @ values - phi)
        scale = np.square(design.checks @ values).mean()
        claimed.append(scale * design.variance)
        signs = np.where(design.patterns, 1.0, -1.0) * np.where(design.patterns.all(axis=1), 1e3, 1)[:, None]
        odd = (values - np.roll(values, len(values) // 2)) / 2 * np.where(design.patterns.all(axis=1), 1e3, 1)
        first.append(2 * np.linalg.lstsq(signs, odd)[0] - phi)
    rms, before, said = (
        np.sqrt(np.mean(np.square(missed))),
        np.sqrt(np.mean(np.square(first))),
        np.sqrt(np.mean(claimed)),
    )
    assert rms < 0.6 * before
    assert 0.7 < rms / said < 1.4


def test_permutations_are_unbiased_and_know_their_error():
    d, missed, claimed = 7, [], []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        design = permutation_design(d, 12 * d, rng)
        values, phi = random_game(design.patterns, 0.2, rng)
        missed.append(design.weights @ values - phi)
        claimed.append(np.square(design.checks @ values).mean() * design.variance)
    missed = np.array(missed)
    rms = np.sqrt(np.square(missed).mean())
    assert np.abs(missed.mean(axis=0)).max() < 4 * rms / np.sqrt(len(missed))
    assert 0.7 < rms / np.sqrt(np.mean(claimed)) < 1.4


def test_energies_are_found_again():
    d = 9
    kept = draw_pairs(d, 200, np.random.RandomState(0))
    for third, decay in ((1e-3, 0.1), (0.1, 0.4)):
        values = 0
        rng = np.random.RandomState(1)
        for order, energy in enumerate(energies(d, third, decay)):
            if energy:
                characters_, sets = characters(kept, order)
                values = values + rng.standard_normal((40, len(sets))) * np.sqrt(energy / len(sets)) @ characters_.T
        assert fit_energies(kept, values) == (third, decay)
    assert fit_energies(kept, np.zeros((3, 200))) == fit_energies(kept[:1], np.ones((3, 1)))
