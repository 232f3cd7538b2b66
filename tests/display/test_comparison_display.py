"""What ComparisonDisplay draws is the comparison it was given."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

from sklearn_xai.display import ComparisonDisplay
from sklearn_xai.display._common import MUTED, NEUTRAL


def comparison():
    return pd.DataFrame(
        {
            "faithfulness": [0.9, 0.5, 0.8, 0.05],
            "faithfulness_std": [0.1, 0.2, 0.05, 0.1],
            "completeness_gap": [1e-5, np.nan, 0.1, np.nan],
            "stability": [0.7, 0.9, -0.2, 0.0],
            "fit_seconds": [1.0, 2.0, 50.0, 0.1],
            "rows_per_second": [5e4, 1e5, 20.0, 1e6],
        },
        index=["IG", "Saliency", "SHAP", "A random control"],
    )


def panel(display, name):
    return display.axes_[display.measures.index(name)]


def bars(ax):
    return [bar.get_width() for bar in ax.patches][::-1]


def best(ax):
    return [to_hex(bar.get_facecolor()).upper() == NEUTRAL for bar in ax.patches][::-1]


def dashed(ax):
    return [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata())]


def written(ax):
    return [text.get_text() for text in ax.texts][::-1]


def test_one_panel_for_each_measure_with_shared_names():
    display = ComparisonDisplay.from_frame(comparison())
    assert display.measures == ["faithfulness", "completeness_gap", "stability", "fit_seconds", "rows_per_second"]
    assert len(display.axes_) == 5
    assert plt.get_fignums() == [display.figure_.number]
    first = display.axes_[0]
    assert [text.get_text() for text in first.get_yticklabels()] == ["SHAP", "Saliency", "IG"]
    assert all(first.get_shared_y_axes().joined(first, ax) for ax in display.axes_)
    assert_allclose(bars(first), [0.9, 0.5, 0.8])


def test_best_is_emphasised_in_the_direction_of_the_measure():
    display = ComparisonDisplay.from_frame(comparison())
    assert best(panel(display, "faithfulness")) == [True, False, False]
    assert best(panel(display, "completeness_gap")) == [True, False, False]
    assert best(panel(display, "fit_seconds")) == [True, False, False]
    assert best(panel(display, "rows_per_second")) == [False, True, False]
    weights = [text.get_fontweight() for text in panel(display, "stability").texts][::-1]
    assert weights == ["normal", "bold", "normal"]
    assert {to_hex(bar.get_facecolor()).upper() for bar in display.axes_[0].patches} == {NEUTRAL, MUTED}


def test_random_control_is_a_dashed_line_where_it_has_a_value():
    display = ComparisonDisplay.from_frame(comparison())
    assert dashed(panel(display, "faithfulness")) == [0.05]
    assert dashed(panel(display, "rows_per_second")) == [1e6]
    assert dashed(panel(display, "completeness_gap")) == []
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["control: A random control"]


def test_controls_alone_are_drawn_as_bars(ax):
    display = ComparisonDisplay.from_frame(comparison().iloc[[3]], measures=["faithfulness"], ax=ax)
    assert bars(display.axes_[0]) == [0.05]
    assert dashed(display.axes_[0]) == []


def test_log_scale_only_where_positive_values_span_two_decades():
    display = ComparisonDisplay.from_frame(comparison())
    scales = {name: panel(display, name).get_xscale() for name in display.measures}
    assert scales == {
        "faithfulness": "linear",
        "completeness_gap": "log",
        "stability": "linear",
        "fit_seconds": "log",  # the control counts: it is drawn on the same axis
        "rows_per_second": "log",
    }
    assert "log scale" in panel(display, "rows_per_second").get_xlabel()
    small = comparison().assign(faithfulness=[0.9, 0.8, 0.7, 0.002])
    assert ComparisonDisplay.from_frame(small, measures=["faithfulness"]).axes_[0].get_xscale() == "linear"
    zero = comparison().assign(completeness_gap=[0.0, 1e-6, 1.0, np.nan])
    assert ComparisonDisplay.from_frame(zero, measures=["completeness_gap"]).axes_[0].get_xscale() == "linear"


def test_missing_values_are_written_and_get_no_bar():
    display = ComparisonDisplay.from_frame(comparison())
    ax = panel(display, "completeness_gap")
    assert written(ax) == ["1e\N{MINUS SIGN}05", "n/a", "0.1"]
    assert bars(ax) == [1e-5, 0.0, 0.1]


def test_column_of_missing_values_is_drawn(ax):
    frame = comparison().assign(agreement=np.nan)
    display = ComparisonDisplay.from_frame(frame, measures=["agreement"], ax=ax)
    assert written(display.axes_[0]) == ["n/a"] * 3
    display.figure_.draw_without_rendering()


def spans(ax):
    (lines,) = ax.collections
    return [list(segment[:, 0]) for segment in lines.get_segments()][::-1]


def test_error_bars_are_the_standard_deviations(ax):
    display = ComparisonDisplay.from_frame(comparison(), measures=["faithfulness"], ax=ax)
    assert_allclose(spans(display.axes_[0]), [[0.8, 1.0], [0.3, 0.7], [0.75, 0.85]])


def test_error_bars_are_the_interval_where_there_is_one(ax):
    frame = comparison().assign(stability_low=[0.6, np.nan, -0.4, 0.0], stability_high=[0.75, np.nan, 0.1, 0.0])
    display = ComparisonDisplay.from_frame(frame, measures=["stability"], ax=ax)
    assert_allclose(spans(display.axes_[0]), [[0.6, 0.75], [-0.4, 0.1]])


def test_reference_is_not_praised_for_agreeing_with_itself(ax):
    frame = comparison().assign(agreement=[0.8, 0.6, 1.0, 0.0])
    frame.attrs["reference"] = "SHAP"
    display = ComparisonDisplay.from_frame(frame, measures=["agreement", "faithfulness"], ax=ax)
    assert best(display.axes_[0]) == [True, False, False]


def test_given_axes_hold_all_panels(ax):
    display = ComparisonDisplay.from_frame(comparison(), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert list(display.axes_) == ax.child_axes
    assert not ax.axison
    assert plt.get_fignums() == []


def test_texts_lie_inside_their_panels(ax):
    display = ComparisonDisplay.from_frame(comparison())
    display.figure_.draw_without_rendering()
    for axes in display.axes_:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_wrong_frames_and_measures_are_named():
    with pytest.raises(ValueError, match=r"'measures' parameter of ComparisonDisplay .* Got \['beauty'\]"):
        ComparisonDisplay(comparison(), measures=["faithfulness", "beauty"])
    with pytest.raises(ValueError, match=r"'frame' parameter of ComparisonDisplay .* the columns \['other'\]"):
        ComparisonDisplay(pd.DataFrame({"other": [1.0]}))
    with pytest.raises(ValueError, match=r"'frame' parameter of ComparisonDisplay .* Got 0 rows"):
        ComparisonDisplay(comparison().iloc[:0])


def test_from_estimators_asks_for_the_comparison(monkeypatch, ax):
    calls = []

    def compare_explainers(*args, **kwargs):
        calls.append((args, kwargs))
        return comparison()

    module = SimpleNamespace(compare_explainers=compare_explainers)
    monkeypatch.setitem(sys.modules, "sklearn_xai.model_selection", module)
    display = ComparisonDisplay.from_estimators({"IG": 1}, "X", "y", cv=3, ax=ax, verbose=0)
    assert calls == [(({"IG": 1}, "X", "y"), {"cv": 3, "verbose": 0})]
    assert len(display.axes_) == 5
