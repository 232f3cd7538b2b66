"""What CriticalDifferenceDisplay draws are the ranks it was given, and bars over what they do not tell apart."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from scipy.stats import friedmanchisquare

from sklearn_xai.display import CriticalDifferenceDisplay
from sklearn_xai.display._critical_difference import levels_of
from sklearn_xai.display._series import CONTROL

RANKS = {"Random control": 4.6, "IG": 1.4, "SHAP": 1.9, "Saliency": 3.0, "LRP": 4.1}


def lines(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def written(ax):
    return [text.get_text() for text in ax.texts]


def many(n=25):
    ranks = np.linspace(2.0, n - 1.0, n)
    return {f"an explainer with a long name, {i}": rank for i, rank in enumerate(ranks)}


def test_lines_come_down_at_the_ranks_and_names_stand_at_both_sides(ax):
    display = CriticalDifferenceDisplay(RANKS, 1.2, control="Random control").plot(ax)
    assert display.ax_ is ax
    assert plt.get_fignums() == []
    ends = {}
    for name, rank in RANKS.items():
        (line,) = lines(ax, f"name {name}")
        assert_allclose(line.get_xdata()[:2], rank)
        assert line.get_ydata()[0] == 0
        ends[name] = (line.get_xdata()[2], line.get_ydata()[2])
    left = {name for name, (x, _) in ends.items() if x < min(RANKS.values())}
    assert left == {"IG", "SHAP", "Saliency"}
    heights = [ends[name][1] for name in ("IG", "SHAP", "Saliency")]
    assert heights == sorted(heights, reverse=True)
    assert ends["Random control"][1] > ends["LRP"][1]
    assert {"IG  1.40", "SHAP  1.90", "4.10  LRP", "4.60  Random control"} <= set(written(ax))


def test_bars_join_what_differs_less_than_the_critical_difference(ax):
    display = CriticalDifferenceDisplay(RANKS, 1.2).plot(ax)
    assert display.groups == [["IG", "SHAP"], ["SHAP", "Saliency"], ["Saliency", "LRP"], ["LRP", "Random control"]]
    spans = [tuple(line.get_xdata()) for line in lines(ax, "group")]
    assert spans == [(1.4, 1.9), (1.9, 3.0), (3.0, 4.1), (4.1, 4.6)]
    heights = [line.get_ydata()[0] for line in lines(ax, "group")]
    assert heights[0] != heights[1]  # they meet at SHAP
    assert heights[0] == heights[2]
    (bar,) = lines(ax, "critical difference")
    assert np.ptp(bar.get_xdata()) == pytest.approx(1.2)
    assert "critical difference 1.2" in written(ax)


def test_given_groups_may_leave_someone_out(ax):
    CriticalDifferenceDisplay(RANKS, groups=[["IG", "Saliency"], ["SHAP"]]).plot(ax)
    (bar,) = lines(ax, "group")
    assert tuple(bar.get_xdata()) == (1.4, 3.0)
    (members,) = lines(ax, "members")
    assert list(members.get_xdata()) == [1.4, 3.0]
    assert lines(ax, "critical difference") == []


def test_no_bars_without_a_critical_difference(ax):
    assert CriticalDifferenceDisplay(RANKS).plot(ax).groups == []
    assert lines(ax, "group") == []


def test_test_and_number_of_data_sets_are_written(ax):
    CriticalDifferenceDisplay(RANKS, 1.2, n_datasets=18, p_value=0.00123, name="Deletion").plot(ax)
    assert "all ranks equal: p = 0.0012; means over 18 rankings" in [text.replace("\n", " ") for text in written(ax)]
    assert ax.get_title(loc="left") == "Deletion"


def test_control_is_grey(ax):
    CriticalDifferenceDisplay(RANKS, control="Random control").plot(ax)
    assert lines(ax, "name Random control")[0].get_color() == CONTROL
    assert lines(ax, "name IG")[0].get_color() != CONTROL
    (text,) = [text for text in ax.texts if "Random control" in text.get_text()]
    assert text.get_color() == CONTROL


def test_unknown_rank_is_written_and_gets_no_line(ax):
    CriticalDifferenceDisplay({"IG": 1.0, "gone": np.nan, "SHAP": 2.0}, 2.0).plot(ax)
    assert "gone  n/a" in written(ax)
    assert lines(ax, "name gone") == []
    assert [tuple(line.get_xdata()) for line in lines(ax, "group")] == [(1.0, 2.0)]


@pytest.mark.parametrize("size", [None, (7, 4), (3.4, 2.6)])
def test_twenty_five_names_neither_overlap_nor_leave_the_axes(size):
    axes = None if size is None else Figure(figsize=size).subplots()
    display = CriticalDifferenceDisplay(many(), 6.0, n_datasets=30).plot(axes)
    display.figure_.draw_without_rendering()
    axes = display.ax_
    names = [text for text in axes.texts if "an expl" in text.get_text()]
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 25
    for i, box in enumerate(boxes):
        assert axes.bbox.x0 - 1 <= box.x0 and box.x1 <= axes.bbox.x1 + 1
        assert axes.bbox.y0 - 1 <= box.y0 and box.y1 <= axes.bbox.y1 + 1
        # Texts may touch by what is empty above and below their letters.
        assert not any(
            min(box.x1, other.x1) > max(box.x0, other.x0)
            and min(box.y1, other.y1) - max(box.y0, other.y0) > 0.35 * box.height
            for other in boxes[:i]
        )


def test_equal_ranks_are_drawn(ax):
    display = CriticalDifferenceDisplay({"a": 1.5, "b": 1.5}, 0.7).plot(ax)
    assert display.groups == [["a", "b"]]
    assert {"a  1.50", "1.50  b"} <= set(written(ax))


def test_keywords_reach_the_bars(ax):
    CriticalDifferenceDisplay(RANKS, 1.2).plot(ax, color="red")
    assert {line.get_color() for line in lines(ax, "group")} == {"red"}


def test_groups_are_the_largest_sets_within_the_difference():
    ranks = {"a": 1.0, "b": 1.4, "c": 1.8, "d": 2.2, "e": 9.0}
    assert CriticalDifferenceDisplay(ranks, 0.8).groups == [["a", "b", "c"], ["b", "c", "d"]]
    assert CriticalDifferenceDisplay({"a": 1.0, "b": 3.0}, 1.0).groups == []
    # 0.1 + 0.2 is a little more than 0.3
    assert CriticalDifferenceDisplay({"a": 0.3, "b": 0.1 + 0.2 + 0.3}, 0.3).groups == [["a", "b"]]


def test_levels_part_what_touches():
    assert levels_of([(1, 4), (2, 5), (3, 6), (4.5, 7), (8, 9)]) == [0, 1, 2, 0, 0]


def test_from_scores_tests_by_friedman_and_nemenyi(ax):
    scores = pd.DataFrame(np.random.RandomState(0).rand(14, 4), columns=list("abcd"))
    display = CriticalDifferenceDisplay.from_scores(scores, ax=ax)
    # Demsar (2006), table 5: q = 2.569 for four at 0.05
    assert display.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), rel=1e-3)
    assert display.p_value == pytest.approx(friedmanchisquare(*scores.to_numpy().T).pvalue)


def test_from_scores_ranks_within_each_row(ax):
    scores = pd.DataFrame(
        {"IG": [0.9, 0.8, 0.7, np.nan], "Saliency": [0.5, 0.8, 0.6, 1.0], "random": [0.1, 0.2, 0.1, 0.0]}
    )
    display = CriticalDifferenceDisplay.from_scores(scores, ax=ax)
    assert display.mean_ranks == pytest.approx({"IG": 3.5 / 3, "Saliency": 5.5 / 3, "random": 3.0})
    assert (display.n_datasets, display.control) == (3, "random")
    lower = CriticalDifferenceDisplay.from_scores(scores, greater_is_better=False, ax=ax)
    assert lower.mean_ranks["random"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), r"'mean_ranks' parameter of CriticalDifferenceDisplay"),
        (({"a": np.nan},), r"'mean_ranks' parameter of CriticalDifferenceDisplay .* no rank"),
        ((RANKS, -1.0), r"'critical_difference' parameter of CriticalDifferenceDisplay .* Got -1.0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CriticalDifferenceDisplay(*arguments)


def test_strangers_are_named():
    with pytest.raises(ValueError, match=r"'groups' parameter of CriticalDifferenceDisplay .* \['X'\]"):
        CriticalDifferenceDisplay(RANKS, groups=[["IG", "X"]])
    with pytest.raises(ValueError, match=r"'control' parameter of CriticalDifferenceDisplay .* Got 'X'"):
        CriticalDifferenceDisplay(RANKS, control="X")
    with pytest.raises(ValueError, match=r"'scores' parameter of .*from_scores .* Got 2 columns and 1 such rows"):
        CriticalDifferenceDisplay.from_scores(pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0]}))
    with pytest.raises(TypeError, match=r"'scores' parameter of .*from_scores must be a DataFrame.* Got ndarray"):
        CriticalDifferenceDisplay.from_scores(np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"'alpha' parameter of .*from_scores .* Got 5"):
        CriticalDifferenceDisplay.from_scores(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}), alpha=5)


def test_a_selector_has_all_that_is_drawn():
    selector = SimpleNamespace(
        mean_ranks_={"a": 1.2, "b": 2.1, "random": 2.7}, critical_difference_=0.5, n_blocks_=10, p_value_=0.01,
        control_="random",
    )  # fmt: skip
    display = CriticalDifferenceDisplay.from_selector(selector, ax=Figure().subplots())
    assert (display.mean_ranks, display.critical_difference) == (selector.mean_ranks_, 0.5)
    assert (display.n_datasets, display.p_value, display.control) == (10, 0.01, "random")
    with pytest.raises(TypeError, match="must be a fitted ExplainerSelector. Got SimpleNamespace, not fitted"):
        CriticalDifferenceDisplay.from_selector(SimpleNamespace(explainers={}))
