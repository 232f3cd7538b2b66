"""Sentences say what was measured, and the rule of what is unstable does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_xai.model_selection import stability_from_attributions
from sklearn_xai.model_selection._statements import listed, out_of, percent

FOLDS = ("fold", "folds")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "less than 1 %"),
        (0.0049, "less than 1 %"),
        (0.3, "30 %"),
        (0.9949, "99 %"),
        (0.995, "more than 99 %"),
        (1 - 1e-9, "more than 99 %"),
        (1.0, "100 %"),
        (1.5, "150 %"),
    ],
)
def test_all_is_said_of_all_only(share, text):
    assert percent(share) == text


def test_parts_and_lists_in_words():
    assert out_of(5, 5, FOLDS) == "all 5 folds"
    assert out_of(2, 2, FOLDS) == "both folds"
    assert out_of(1, 2, FOLDS) == "1 of 2 folds (50 %)"
    assert out_of(0, 3, FOLDS) == "none of 3 folds"
    assert out_of(249, 250, FOLDS) == "249 of 250 folds (more than 99 %)"
    assert [listed("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


@pytest.fixture
def attributions():
    """Ten explanations of forty rows by five columns that differ in nothing."""
    rows = np.abs(np.random.RandomState(0).randn(40, 5)) + 0.5
    return np.repeat([rows / rows.mean(axis=0) * [5, 4, 3, 2, 0.01]], 10, axis=0)


def stability(attributions, **params):
    return stability_from_attributions(attributions, **{"feature_names": list("abcde"), "top_k": 2, **params})


def test_equal_explanations_are_said_to_be_equal(attributions):
    found = stability(attributions)
    assert found.statements == ["All 10 folds give the same attributions, up to rounding."]
    assert found.unstable_columns == []
    assert found.top_columns == ["a", "b"]
    assert found.top_same == 1


def test_rounding_is_no_disagreement(attributions):
    noisy = (attributions * (1 + 1e-7 * np.random.RandomState(0).randn(*attributions.shape))).astype(np.float32)
    assert stability(noisy).statements == ["All 10 folds give the same attributions, up to rounding."]


def test_a_sign_that_changes_is_not_to_be_read(attributions):
    attributions[:4, :12, 2] *= -1  # 4 of 10 explanations, in 12 of 40 rows
    found = stability(attributions)
    assert found.unstable_columns == ["c"]
    row = found.columns.loc["c"]
    assert row["why"] == "sign"
    assert row["sign_changes"] == pytest.approx(0.3)
    assert row["sign_consistency"] == pytest.approx(1 - 0.3 * 24 / 45)
    assert "c changes its sign between folds in 30 % of rows: do not read its direction." in found.statements
    assert found.statements[0] == "The top two columns (a and b) are the same in all 10 folds."


def test_a_size_that_varies_is_not_to_be_read(attributions):
    attributions[:, :, 3] *= np.linspace(0.1, 1.9, 10)[:, None]
    found = stability(attributions)
    assert found.columns.loc["d", "variation"] == pytest.approx(np.linspace(0.1, 1.9, 10).std(ddof=1))
    assert found.unstable_columns == ["d"]
    sentence = "d has a mean absolute attribution that varies by 61 % of its mean: do not read its size."
    assert sentence in found.statements


def test_a_place_that_varies_is_not_to_be_read(attributions):
    attributions[:3, :, [1, 2]] = attributions[:3, :, [2, 1]]
    found = stability(attributions)
    assert found.unstable_columns == ["b", "c"]
    assert found.top_same == pytest.approx(0.7)
    assert found.columns["top"].tolist() == pytest.approx([1, 0.7, 0.3, 0, 0])
    assert found.columns.loc["b", ["rank_low", "rank_high"]].tolist() == [2, 3]
    assert found.statements[0] == "The top two columns (a and b) are the same in 7 of 10 folds (70 %)."
    assert "c is among the top two columns in 3 of 10 folds: do not read its rank." in found.statements


def test_reasons_are_joined_and_many_columns_are_counted(attributions):
    attributions[:5] *= -1
    attributions[:, :, 3] *= 1.4
    attributions[:5, :, 3] *= 0.001
    found = stability(attributions)
    assert found.unstable_columns == ["a", "b", "c", "d"]
    assert found.columns.loc["d", "why"] == "sign, size"
    assert sum("do not read" in sentence for sentence in found.statements) == 3
    assert "1 more column is unstable: see `unstable_columns`." in found.statements
    only = stability(attributions[:, :, 3:], feature_names=["d", "e"], top_k=1)
    sentence = (
        "d changes its sign between folds in 100 % of rows, has a mean absolute attribution that varies by 105 % of "
        "its mean and is the top column in 5 of 10 folds: do not read its direction, size or rank."
    )
    assert sentence in only.statements


def test_columns_that_do_not_matter_are_not_called_unstable(attributions):
    attributions[:5, :, 4] *= -3
    found = stability(attributions)
    assert found.columns.loc["e", "sign_changes"] == 1
    assert found.unstable_columns == []


def test_one_top_column_and_one_column():
    rows = np.random.RandomState(0).rand(6, 3, 2) + [0, 9]
    assert stability_from_attributions(rows).statements[0] == "The top column (x1) is the same in all 6 folds."
    alone = stability_from_attributions(rows[:, :, :1])
    assert not any("top" in sentence for sentence in alone.statements)
    zero = stability_from_attributions(np.zeros((3, 2, 4)))
    assert zero.top_columns == []
    assert zero.columns.loc["x0", "variation"] == 0


def test_the_agreement_and_both_its_intervals_are_told():
    attributions = np.random.RandomState(0).randn(4, 50, 5) + 2 * np.arange(5)
    found = stability(attributions)
    low, high = found.interval["spearman"]
    wide_low, wide_high = found.interval_refits["spearman"]
    sentence = (
        f"Two folds order the columns of a row with a mean Spearman correlation of {found.overall['spearman']:.2f} "
        f"(interval over rows {low:.2f} to {high:.2f}, over folds and rows {wide_low:.2f} to {wide_high:.2f})."
    )
    assert sentence in found.statements
    two = stability(attributions[:2]).statements
    assert not any("nan" in sentence or "over folds" in sentence for sentence in two)
    share = f"{100 * (1 - found.decomposition.reliability):.0f} %"
    assert any(s.startswith(f"Of the variance of the attributions, {share} is disagreement") for s in found.statements)


def test_the_sources_are_told_from_the_largest_on():
    rng, base = np.random.RandomState(0), np.random.RandomState(1).randn(500, 5)
    conditions = {"folds": [0, 1, 2, 3, 0, 1, 2, 3], "seeds": [0, 0, 0, 0, 1, 2, 3, 4]}
    folds, seeds = rng.randn(4, 500, 5), rng.randn(5, 500, 5)
    both = zip(conditions["folds"], conditions["seeds"], strict=True)
    attributions = np.stack([base + 0.5 * folds[f] + seeds[s] for f, s in both])
    found = stability(attributions, conditions=conditions)
    shares = found.decomposition.shares
    sentence = (
        f"Most of the disagreement ({100 * shares['seeds']:.0f} %) comes from retraining with another seed, "
        f"{100 * shares['folds']:.0f} % from the folds"
    )
    assert any(s.startswith(sentence) for s in found.statements)
    assert any(s.startswith("Changing one source at a time, they stay the same in ") for s in found.statements)
    only = stability(np.stack([base + seeds[s] for s in conditions["seeds"]]), conditions=conditions)
    assert any("comes from retraining with another seed." in s for s in only.statements)
