"""What MetricsDisplay draws are the values it was given, scaled from the worst to the best."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from sklearn_xai.display import MetricsDisplay
from sklearn_xai.display._metrics_plots import UNKNOWN_LEVEL
from sklearn_xai.display._series import CONTROL

DIRECTIONS = {"faithfulness": True, "deletion_auc": False, "seconds": False, "unused": True}


def table():
    return pd.DataFrame(
        {"faithfulness": [0.8, 0.5, 0.0], "deletion_auc": [0.2, np.nan, 0.6], "seconds": [4.0, 3.0, 2.0]},
        index=["IG", "Saliency", "Random control"],
    )


def many(n=25, m=6):
    values = np.random.RandomState(0).rand(n, m)
    frame = pd.DataFrame(values, index=[f"e{i}" for i in range(n)], columns=[f"metric_{j}" for j in range(m)])
    return frame, dict.fromkeys(frame.columns, True)


def lines(ax, n_points):
    """The heights of all lines of so many points."""
    return [
        np.asarray(line.get_ydata()) for line in ax.lines if len(line.get_ydata()) == n_points and not line.get_gid()
    ]


def key(ax):
    return [text.get_text().strip() for text in ax.get_legend().get_texts()]


def written(ax):
    return [text.get_text() for text in ax.texts]


def polar(size=(7, 4)):
    return Figure(figsize=size).subplots(subplot_kw={"projection": "polar"})


def test_heights_go_from_the_worst_to_the_best(ax):
    display = MetricsDisplay.from_frame(table(), DIRECTIONS, ax=ax)
    assert display.ax_ is ax
    assert plt.get_fignums() == []
    expected = np.array([[1.0, 1.0, 0.0], [0.625, np.nan, 0.5], [0.0, 0.0, 1.0]])
    assert_allclose(display.scaled.to_numpy(), expected)
    drawn = lines(ax, 3)
    assert len(drawn) == 3
    for row in expected:
        assert any(np.allclose(line, row, equal_nan=True) for line in drawn)


def test_raw_values_stand_at_the_ends_of_each_axis(ax):
    MetricsDisplay.from_frame(table(), DIRECTIONS, ax=ax)
    ends = {(round(text.xy[0]), round(text.xy[1])): text.get_text() for text in ax.texts}
    assert ends == {(0, 1): "0.8", (0, 0): "0", (1, 1): "0.2", (1, 0): "0.6", (2, 1): "2", (2, 0): "4"}


def test_axes_are_named_with_their_direction():
    MetricsDisplay.from_frame(table(), DIRECTIONS)
    names = [text.get_text().replace("\n", " ") for text in plt.gca().get_xticklabels()]
    assert names == ["faithfulness (higher is better)", "deletion auc (lower is better)", "seconds (lower is better)"]


@pytest.mark.parametrize("size", [(4, 3), (2.5, 2)])
def test_narrow_axes_have_arrows_for_directions(size):
    axes = Figure(figsize=size).subplots()
    MetricsDisplay.from_frame(table(), DIRECTIONS, ax=axes)
    names = [text.get_text().replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ") for text in axes.get_xticklabels()]
    assert names == ["faithfulness ↑", "deletion auc ↓", "seconds ↓"]
    assert "↑ higher is better" in axes.get_xlabel()


def test_control_is_found_by_name_and_grey(ax):
    display = MetricsDisplay.from_frame(table(), DIRECTIONS, ax=ax)
    assert display.control == "Random control"
    grey = [line for line in ax.lines if line.get_color() == CONTROL]
    assert_allclose(grey[0].get_ydata(), [0.0, 0.0, 1.0])
    assert len(grey) == 1


def test_key_goes_by_mean_height(ax):
    MetricsDisplay.from_frame(table(), DIRECTIONS, ax=ax)
    assert key(ax) == ["IG", "Saliency", "Random control"]  # 0.67, 0.56, 0.33


def test_unknown_lies_on_a_line_of_its_own(ax):
    MetricsDisplay.from_frame(table(), DIRECTIONS, ax=ax)
    (point,) = [line for line in ax.lines if line.get_gid() == "n/a Saliency"]
    assert_allclose(point.get_ydata(), UNKNOWN_LEVEL)
    assert_allclose(point.get_xdata(), 1, atol=0.2)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["n/a"]


def test_nothing_says_unknown_when_all_is_known(ax):
    MetricsDisplay.from_frame(table()[["faithfulness", "seconds"]], DIRECTIONS, ax=ax)
    assert len(ax.get_yticks()) == 0


def test_infinite_values_are_unknown(ax):
    frame = table().assign(seconds=[np.inf, 3.0, 2.0])
    display = MetricsDisplay.from_frame(frame, DIRECTIONS, ax=ax)
    assert_allclose(display.scaled["seconds"], [np.nan, 0.0, 1.0])


def test_equal_values_lie_in_the_middle_and_unknown_metrics_are_written(ax):
    frame = table().assign(deletion_auc=np.nan, seconds=3.0)
    display = MetricsDisplay.from_frame(frame, DIRECTIONS, ax=ax)
    assert_allclose(display.scaled["seconds"], 0.5)
    assert written(ax)[2:4] == ["n/a", "n/a"]


def test_radar_closes_the_lines_on_equal_spokes():
    axes = polar()
    frame = table().assign(deletion_auc=[0.2, 0.5, 0.6])
    display = MetricsDisplay.from_frame(frame, DIRECTIONS, kind="radar", ax=axes)
    assert display.ax_ is axes
    assert plt.get_fignums() == []
    drawn = lines(axes, 4)
    assert len(drawn) == 3
    for _, row in display.scaled.iterrows():
        assert any(np.allclose(line, [*row, row.iloc[0]]) for line in drawn)
    assert_allclose(axes.lines[0].get_xdata(), np.arange(4) * 2 * np.pi / 3)
    spokes = [text.get_text() for text in axes.get_xticklabels()]
    assert spokes == ["faithfulness\n0 → 0.8", "deletion auc\n0.6 → 0.2", "seconds\n4 → 2"]
    assert written(axes) == ["worst", "", "best"]


def test_radar_shows_what_is_unknown_near_the_centre():
    axes = polar()
    MetricsDisplay.from_frame(table(), DIRECTIONS, kind="radar", ax=axes)
    (point,) = [line for line in axes.lines if line.get_gid() == "n/a Saliency"]
    assert_allclose(point.get_xydata(), [[2 * np.pi / 3, UNKNOWN_LEVEL]])
    assert "n/a" in written(axes)


def test_radar_makes_polar_axes_of_its_own():
    display = MetricsDisplay.from_frame(table(), DIRECTIONS, kind="radar")
    assert display.ax_.name == "polar"
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.x1 <= display.figure_.bbox.x1
    names = [text.get_window_extent() for text in display.ax_.get_xticklabels()]
    assert max(box.x1 for box in names) < legend.x0
    assert min(box.x0 for box in names) >= 0


@pytest.mark.parametrize("kind", ["parallel", "radar"])
def test_many_explainers_the_best_have_names(kind):
    frame, directions = many()
    display = MetricsDisplay.from_frame(frame, directions, kind=kind, control="e7", max_display=4)
    best = [name for name in display.scaled.mean(axis=1).sort_values(ascending=False).index if name != "e7"][:4]
    assert [name for name in key(display.ax_) if name != "e7"] == [*best, "20 others"]
    assert "e7" in key(display.ax_)
    assert len(lines(display.ax_, 6 + (kind == "radar"))) == 25


def test_key_is_beside_the_axes(ax):
    frame, directions = many()
    MetricsDisplay.from_frame(frame, directions, max_display=None, ax=ax)
    ax.figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    assert ax.transData.transform((5, 0))[0] < box.x0
    assert box.x1 <= ax.bbox.x1 + 1
    assert box.y0 >= ax.bbox.y0 - 1


def test_frame_is_not_written_to_and_keywords_reach_the_lines(ax):
    frame = table()
    MetricsDisplay.from_frame(frame, DIRECTIONS).plot(ax=ax, linewidth=4)
    pd.testing.assert_frame_equal(frame, table())
    assert {line.get_linewidth() for line in ax.lines} == {4}


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"'frame' parameter of MetricsDisplay .* Got 0 rows"):
        MetricsDisplay(table().iloc[:0], DIRECTIONS)
    with pytest.raises(ValueError, match=r"'greater_is_better' parameter of MetricsDisplay.from_frame .* \['other'\]"):
        MetricsDisplay.from_frame(table(), {"other": True})
    with pytest.raises(ValueError, match=r"'greater_is_better' parameter of MetricsDisplay .* \['seconds'\]"):
        MetricsDisplay(table(), {"faithfulness": True, "deletion_auc": False})
    with pytest.raises(ValueError, match=r"'control' parameter of MetricsDisplay .* Got 'nobody'"):
        MetricsDisplay(table(), DIRECTIONS, control="nobody")
    assert plt.get_fignums() == []


def test_wrong_kinds_and_axes_are_named(ax):
    display = MetricsDisplay(table(), DIRECTIONS)
    with pytest.raises(ValueError, match=r"'kind' parameter of MetricsDisplay.plot .* Got 'bars'"):
        display.plot("bars")
    with pytest.raises(ValueError, match=r"'ax' parameter of MetricsDisplay.plot must be polar with kind='radar'"):
        display.plot("radar", ax=ax)
    with pytest.raises(ValueError, match=r"'ax' parameter of MetricsDisplay.plot must not be polar"):
        display.plot("parallel", ax=polar())
    with pytest.raises(ValueError, match=r"'kind' parameter of MetricsDisplay.plot .* at least 3 metrics. Got 2"):
        MetricsDisplay(table()[["faithfulness", "seconds"]], DIRECTIONS).plot("radar")
    assert plt.get_fignums() == []
