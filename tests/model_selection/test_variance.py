"""Variance components are found again where they are known."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_xai.model_selection import _variance, stability_from_attributions
from sklearn_xai.model_selection._conditions import Conditions
from sklearn_xai.model_selection._variance import SOURCES, variance_components

NAMES = ["a", "b", "c"]


def drawn(levels, variance, n_rows=4_000, rows=1.0, scale=(1.0, 1.0, 1.0)):
    """Attributions of known components: the effect of each level is drawn anew for each row and column."""
    rng, effects = np.random.RandomState(0), {}
    n = len(next(iter(levels.values())))
    found = np.sqrt(rows) * rng.randn(n_rows, 3) + np.zeros((n, 1, 1)) + np.arange(3)
    for c in range(n):
        for sources, value in variance.items():
            where = tuple(int(levels[source][c]) for source in sources)
            if "backgrounds" in sources and "folds" in levels:
                where += (int(levels["folds"][c]),)
            if sources == ("noise",) and where == (0,):
                continue
            key = (sources, where)
            if key not in effects:
                effects[key] = np.sqrt(value) * rng.randn(n_rows, 3)
            found[c] += effects[key]
    return found * scale


@pytest.mark.parametrize(
    "variance",
    [
        {("folds",): 0.2},
        {("noise",): 0.2},
        {("folds",): 0.1, ("seeds",): 0.3},
        {("folds",): 0.1, ("seeds",): 0.3, ("folds", "seeds"): 0.2},
        {("folds",): 0.3, ("backgrounds",): 0.2},
        {("seeds",): 0.1, ("backgrounds",): 0.2, ("seeds", "backgrounds"): 0.1},
        {("seeds",): 0.3, ("noise",): 0.1},
        {("folds",): 0.1, ("seeds",): 0.3, ("backgrounds",): 0.1, ("noise",): 0.1, ("folds", "seeds"): 0.2},
    ],
    ids=lambda variance: " ".join("*".join(sources) for sources in variance),
)
def test_known_components_are_recovered(variance):
    sources = [source for source in SOURCES if (source,) in variance]
    levels = Conditions(tuple(sources), 5 if "folds" in sources else 1, 5, 0).levels
    assert list(levels) == sources
    found = variance_components(drawn(levels, variance, rows=1.5), levels, NAMES)
    expected = {source: variance[source,] for source in sources}
    if "seeds" in expected:  # a seed on other rows is another draw
        expected["seeds"] += sum(value for parts, value in variance.items() if len(parts) == 2)
    components = {name: value / 3 for name, value in found.components.items()}
    assert components == pytest.approx(expected, abs=0.02)
    assert found.rows / 3 == pytest.approx(1.5, rel=0.05)
    total = sum(variance.values())
    assert found.disagreement / 3 == pytest.approx(total, rel=0.05)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.reliability == pytest.approx(1.5 / (1.5 + total), abs=0.02)


def test_each_column_has_its_own_components():
    levels = Conditions(("folds", "seeds"), 5, 5, 0).levels
    attributions = drawn(levels, {("folds",): 0.1, ("seeds",): 0.4}, scale=(1.0, 2.0, 0.0))
    found = variance_components(attributions, levels, NAMES).columns
    assert list(found.index) == NAMES
    assert list(found.columns) == ["rows", "folds", "seeds"]
    np.testing.assert_allclose(found.loc["a"], [1, 0.1, 0.4], atol=0.04)
    np.testing.assert_allclose(found.loc["b"], [4, 0.4, 1.6], atol=0.16)
    assert found.loc["c"].tolist() == [0, 0, 0]


def test_a_crossed_table_is_told_apart_as_well():
    levels = {"folds": np.repeat(np.arange(4), 3), "seeds": np.tile(np.arange(3), 4)}
    variance = {("folds",): 0.1, ("seeds",): 0.3, ("folds", "seeds"): 0.2}
    found = stability_from_attributions(drawn(levels, variance), conditions=levels).decomposition
    components = {name: value / 3 for name, value in found.components.items()}
    assert components == pytest.approx({"folds": 0.1, "seeds": 0.3 + 0.2}, abs=0.02)


def test_folds_alone_have_the_sample_variance():
    attributions = np.random.RandomState(0).randn(4, 7, 3)
    found = variance_components(attributions, {"folds": np.arange(4)}, NAMES)
    expected = attributions.var(axis=0, ddof=1).mean(axis=0)
    np.testing.assert_allclose(found.columns["folds"], expected)
    assert found.components == pytest.approx({"folds": expected.sum()})
    centred = attributions - attributions.mean(axis=1, keepdims=True)
    pairs = [(centred[i] * centred[j]).sum(axis=0) / 6 for i in range(4) for j in range(i)]
    np.testing.assert_allclose(found.columns["rows"], np.maximum(np.mean(pairs, axis=0), 0))


def test_a_source_without_effect_has_no_share_beside_one_with_much():
    levels = Conditions(("folds", "noise"), 3, 3, 0).levels
    attributions = np.zeros((5, 4, 3))
    attributions[3:] = 1.0  # less apart than two independent draws would be: plain least squares blames the folds
    found = variance_components(attributions, levels, NAMES)
    assert found.shares == pytest.approx({"folds": 0, "noise": 1}, abs=1e-4)


def test_no_component_is_below_zero():
    levels = Conditions(SOURCES, 3, 3, 0).levels
    for seed in range(20):
        attributions = np.random.RandomState(seed).randn(len(levels["folds"]), 2, 3)
        found = variance_components(attributions, levels, NAMES)
        assert min(found.components.values()) >= 0
        assert (found.columns >= 0).all(axis=None)
        assert sum(found.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("n_rows", [1, 6])
def test_equal_explanations_have_no_disagreement(n_rows):
    attributions = np.repeat(np.random.RandomState(0).randn(1, n_rows, 3).astype(np.float32), 4, axis=0)
    found = variance_components(attributions, {"folds": np.arange(4)}, NAMES)
    assert found.disagreement == 0
    assert found.shares == {"folds": 0.0}
    assert found.reliability == (0.0 if n_rows == 1 else 1.0)


def test_chunks_of_columns_give_what_the_whole_gives(monkeypatch):
    attributions, levels = np.random.RandomState(0).randn(4, 10, 3), {"folds": np.arange(4)}
    whole = variance_components(attributions, levels, NAMES)
    monkeypatch.setattr(_variance, "_CHUNK_CELLS", 1)
    np.testing.assert_allclose(variance_components(attributions, levels, NAMES).columns, whole.columns)
