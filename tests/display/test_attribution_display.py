"""What AttributionDisplay draws is what it was given."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import shap
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xai.display import AttributionDisplay
from sklearn_xai.display._attribution_plots import density_jitter, similarity_order
from sklearn_xai.display._common import NEGATIVE, POSITIVE, number_text, shorten, value_text

KINDS = ["bar", "beeswarm", "waterfall", "heatmap"]


class LinearExplainer:
    """Explains a linear function: the attributions are known in closed form."""

    def __init__(self, coef, classes=None):
        self.coef = np.asarray(coef, dtype=float)
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def explained_output(self, X):
        return 1.0 + X @ self.coef

    def explain(self, X):
        values = X[:, :, None] * self.coef if self.coef.ndim == 2 else X * self.coef
        base = np.ones((len(X), *self.coef.shape[1:]))
        return shap.Explanation(values, base, X, feature_names=[f"c{i}" for i in range(X.shape[1])])


def random_display(n=30, d=6, **kwargs):
    rng = np.random.RandomState(0)
    values = rng.randn(n, d) * np.arange(1, d + 1)
    kwargs = {"base_values": 0.3, "outputs": 0.3 + values.sum(axis=1), "data": rng.randn(n, d), **kwargs}
    return AttributionDisplay(values, **kwargs)


def widths(ax):
    return np.array([bar.get_width() for bar in ax.patches])


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("kind", KINDS)
def test_plot_uses_the_given_axes_and_returns_self(kind, ax):
    display = random_display(name="IG")
    assert display.plot(kind, ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert plt.get_fignums() == []


@pytest.mark.parametrize("kind", KINDS)
def test_plot_opens_one_figure_without_axes(kind):
    display = random_display().plot(kind)
    assert plt.get_fignums() == [display.figure_.number]


def test_bar_widths_are_mean_absolute_attributions_largest_on_top(ax):
    display = random_display(feature_names=list("abcdef")).plot("bar", ax=ax)
    means = np.abs(display.attributions).mean(axis=0)
    assert_allclose(widths(ax), np.sort(means))
    assert labels(ax) == [display.feature_names[i] for i in np.argsort(means)]


def test_bar_folds_the_others_into_their_sum(ax):
    display = random_display(d=9).plot("bar", max_display=3, ax=ax)
    means = np.sort(np.abs(display.attributions).mean(axis=0))[::-1]
    assert labels(ax)[0] == "6 other features"
    assert_allclose(widths(ax)[::-1], [*means[:3], means[3:].sum()])


def test_one_feature_left_over_is_shown_itself(ax):
    random_display(d=4).plot("bar", max_display=3, ax=ax)
    assert sorted(labels(ax)) == ["x0", "x1", "x2", "x3"]


def test_bar_of_one_row_keeps_signs_and_colours_them(ax):
    display = AttributionDisplay([[9.0, 9.0], [2.0, -3.0]]).plot("bar", row=-1, ax=ax)
    assert_allclose(widths(ax), [2.0, -3.0])
    assert [to_hex(bar.get_facecolor()).upper() for bar in ax.patches] == [POSITIVE, NEGATIVE]
    assert texts(ax) == ["+2", f"{number_text(-3.0)}"]
    assert display.ax_.get_title(loc="left") == "row 1"


def test_waterfall_goes_from_base_value_to_output_without_breaks(ax):
    display = random_display(d=7).plot("waterfall", row=4, ax=ax)
    starts = np.array([bar.get_x() for bar in ax.patches])
    ends = starts + widths(ax)
    assert_allclose(starts[0], 0.3)
    assert_allclose(starts[1:], ends[:-1])
    assert_allclose(ends[-1], display.outputs[4])
    assert_allclose(np.sort(widths(ax)), np.sort(display.attributions[4]))
    marks = ax.lines[0].get_xdata()
    assert_allclose(marks, [0.3, display.outputs[4]])
    assert labels(ax)[0] == "base value"
    assert labels(ax)[-1] == "f(x)"
    assert not any(bar.get_hatch() for bar in ax.patches)


def test_waterfall_folds_with_sign_and_still_ends_at_output(ax):
    display = random_display(d=50).plot("waterfall", max_display=5, ax=ax)
    assert len(ax.patches) == 6
    assert labels(ax)[1] == "45 other features"
    assert_allclose(widths(ax).sum(), display.outputs[0] - 0.3)


def test_waterfall_hatches_what_is_not_attributed(ax):
    AttributionDisplay([[1.0, -0.5]], base_values=0.0, outputs=[2.0]).plot("waterfall", ax=ax)
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [True, False, False]
    assert_allclose(widths(ax)[0], 1.5)
    assert_allclose(ax.patches[-1].get_x() + ax.patches[-1].get_width(), 2.0)
    assert labels(ax)[1] == "not attributed"


def test_waterfall_shows_the_remainder_of_an_explanation_that_is_all_zero(ax):
    AttributionDisplay(np.zeros((1, 2)), base_values=1.0, outputs=[0.25]).plot("waterfall", ax=ax)
    assert_allclose(widths(ax), [-0.75, 0.0, 0.0])


def test_waterfall_does_not_hatch_float_rounding(ax):
    values = np.array([[1e-8, -1e-8]])
    AttributionDisplay(values, base_values=5.0, outputs=[5.0 + 4e-7]).plot("waterfall", ax=ax)
    assert not any(bar.get_hatch() for bar in ax.patches)


@pytest.mark.parametrize(
    ("given", "top", "bottom"),
    [
        ({}, "sum of attributions", "start"),
        ({"base_values": 1.0}, "base value + sum", "base value"),
        ({"base_values": np.nan, "outputs": [3.0]}, "sum of attributions", "start"),
        ({"base_values": 1.0, "outputs": [np.nan]}, "base value + sum", "base value"),
    ],
)
def test_waterfall_claims_no_output_that_it_does_not_know(given, top, bottom, ax):
    AttributionDisplay([[1.0, 2.0]], **given).plot("waterfall", ax=ax)
    assert labels(ax)[-1] == top
    assert labels(ax)[0] == bottom


def test_waterfall_writes_the_values_of_the_row(ax):
    data = pd.DataFrame({"age": [39.0], "work": ["x" * 60], "gap": [None], "price $ now $": [7]}).astype(object)
    display = AttributionDisplay(
        [[4.0, 3.0, 2.0, 1.0]], display_data=data, feature_names=data.columns, target_name="log-odds of >50K"
    ).plot("waterfall", ax=ax)
    assert labels(ax)[1:-1] == [r"price \$ now \$ = 7", "gap = missing", "work = " + "x" * 17 + "…", "age = 39"]
    assert display.ax_.get_xlabel() == "log-odds of >50K"
    display.figure_.draw_without_rendering()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=12), st.floats(-10, 10))
def test_texts_of_any_waterfall_lie_inside_and_do_not_overlap(values, base):
    ax = Figure(figsize=(6, 6)).subplots()
    AttributionDisplay([values], base_values=base, outputs=[base + sum(values)]).plot("waterfall", ax=ax)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == len(ax.patches) + 2
    assert all(box.x0 >= ax.bbox.x0 and box.x1 <= ax.bbox.x1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_axis_labels_say_the_unit(ax):
    display = random_display(target_name="log-odds of >50K")
    assert display.plot("bar", ax=ax).ax_.get_xlabel() == "mean absolute attribution to log-odds of >50K"
    assert display.plot("beeswarm", ax=ax).ax_.get_xlabel() == "attribution to log-odds of >50K"


def test_beeswarm_puts_each_attribution_on_the_line_of_its_feature(ax):
    display = random_display(n=50, d=3).plot("beeswarm", ax=ax)
    points = ax.collections[-1].get_offsets()
    assert len(points) == 150
    order = np.argsort(-np.abs(display.attributions).mean(axis=0))
    for line, feature in zip([2, 1, 0], order, strict=True):
        x = points[np.round(points[:, 1]) == line, 0]
        assert_allclose(np.sort(x), np.sort(display.attributions[:, feature]))


def test_beeswarm_colours_values_from_low_to_high_and_others_in_grey(ax):
    data = np.column_stack([np.r_[np.nan, np.arange(9.0)], [*"abcdefgh", None, "a"]]).astype(object)
    display = AttributionDisplay(np.ones((10, 2)), data=data).plot("beeswarm", ax=ax)
    without, known = ax.collections
    assert len(without.get_offsets()) == 11
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["missing or no number"]
    shown = np.asarray(known.get_array())
    assert_allclose(shown[[0, 8]], [0, 1])
    assert (np.diff(shown[:9]) >= 0).all()
    assert known.get_clim() == (0, 1)
    legend = display.figure_.axes[-1]
    assert [text.get_text() for text in legend.get_yticklabels()] == ["low", "high"]


def test_codes_of_words_have_no_low_and_high(ax):
    words = np.array(["red", "green", "blue"] * 3, dtype=object)[:, None]
    AttributionDisplay(np.ones((9, 1)), data=np.arange(9)[:, None] % 3, display_data=words).plot("beeswarm", ax=ax)
    assert ax.figure.axes == [ax] and ax.collections[0].get_array() is None


@pytest.mark.parametrize("values", [["2020-01-01", None, "2020-01-03", "2020-01-02"], [False, np.nan, True, True]])
def test_dates_and_truth_values_have_low_and_high(ax, values):
    AttributionDisplay(np.ones((4, 1)), display_data=np.array(values, dtype=object)[:, None]).plot("beeswarm", ax=ax)
    shown = np.asarray(ax.collections[-1].get_array())
    assert_allclose(shown[:2], [0, 1])
    assert len(ax.collections[0].get_offsets()) == 1


def test_beeswarm_without_data_has_no_colour_bar(ax):
    display = AttributionDisplay(np.ones((10, 2))).plot("beeswarm", ax=ax)
    assert display.figure_.axes == [ax]


def test_large_beeswarm_draws_the_same_sample_every_time():
    display = random_display(n=20_000, d=2)
    drawn = [display.plot("beeswarm", ax=Figure().subplots()).ax_ for _ in range(2)]
    first, second = (ax.collections[-1].get_offsets() for ax in drawn)
    assert len(first) == 2 * display.max_points == 4000
    assert_array_equal(first, second)
    assert "2,000 of 20,000 rows drawn" in drawn[0].get_xlabel()


def test_drawing_leaves_the_global_random_state_alone(ax):
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    random_display(n=3000, d=2).plot("beeswarm", ax=ax)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_jitter_follows_the_density():
    x = np.r_[np.random.RandomState(0).randn(500) * 0.1, 5.0]
    offsets = density_jitter(x)
    assert np.abs(offsets).max() <= 0.38
    assert abs(offsets[-1]) < 0.01
    assert np.ptp(offsets[np.abs(x) < 0.05]) > 0.5
    assert_array_equal(density_jitter(np.array([2.0])), [0.0])


def test_heatmap_colours_are_symmetric_around_zero(ax):
    values = np.random.RandomState(0).rand(40, 5) + 1  # all positive
    display = AttributionDisplay(values).plot("heatmap", ax=ax)
    low, high = ax.images[0].get_clim()
    assert low == -high
    assert_allclose(high, values.max())
    assert ax.images[0].get_array().shape == (5, 40)
    assert display.output_ax_.get_ylabel() == "sum"


def test_heatmap_by_output_shows_rising_outputs_over_their_rows(ax):
    display = random_display(n=25, d=4).plot("heatmap", row_order="output", ax=ax)
    order = np.argsort(display.outputs)
    curve = display.output_ax_.lines[0].get_ydata()
    assert_allclose(curve, display.outputs[order])
    columns = np.argsort(-np.abs(display.attributions).mean(axis=0))
    assert_allclose(ax.images[0].get_array(), display.attributions[np.ix_(order, columns)].T)


def test_heatmap_by_similarity_brings_groups_of_rows_together():
    groups = np.random.RandomState(0).permutation(np.repeat([0, 1, 2], 20))
    values = np.eye(3)[groups] * 5 + 0.01 * np.random.RandomState(1).randn(60, 3)
    order = similarity_order(values, values.sum(axis=1))
    assert_array_equal(np.sort(order), np.arange(60))
    assert (np.diff(groups[order]) != 0).sum() == 2


def test_pictures_of_many_features_say_how_many_are_left_out(ax):
    display = random_display(n=5, d=1000)
    assert "990 features of less weight not shown" in display.plot("beeswarm", ax=ax).ax_.get_xlabel()
    assert "990 features of less weight not shown" in display.plot("heatmap", ax=ax).ax_.get_xlabel()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (3, 1000)])
@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e9])
def test_extreme_sizes_are_drawn(kind, shape, scale, ax):
    values = scale * np.random.RandomState(0).randn(*shape)
    data = np.full(shape, np.nan)
    display = AttributionDisplay(values, base_values=0.0, outputs=values.sum(axis=1), data=data)
    display.plot(kind, ax=ax).figure_.draw_without_rendering()
    low, high = ax.get_xlim()
    assert np.isfinite([low, high]).all()
    assert low < high


def test_from_estimator_explains_and_draws(ax):
    X = np.random.RandomState(0).randn(8, 3)
    display = AttributionDisplay.from_estimator(LinearExplainer([1, -2, 3]), X, kind="waterfall", row=2, ax=ax)
    assert_allclose(display.attributions, X * [1, -2, 3])
    assert_allclose(display.outputs, display.base_values + display.attributions.sum(axis=1))
    assert display.feature_names == ["c0", "c1", "c2"]
    assert ax.get_title(loc="left") == "LinearExplainer, row 2"
    assert "f(x)" in labels(ax)


def test_from_estimator_picks_one_of_several_targets(ax):
    X = np.random.RandomState(0).randn(8, 2)
    coef = np.array([[1.0, 5.0], [2.0, 7.0]])
    display = AttributionDisplay.from_estimator(LinearExplainer(coef, ["no", "yes"]), X, target="yes", ax=ax)
    assert_allclose(display.attributions, X * coef[:, 1])
    assert_allclose(display.outputs, 1 + X @ coef[:, 1])
    with pytest.raises(ValueError, match=r"'target' parameter .* one of \['no', 'yes'\] or an index below 2. Got None"):
        AttributionDisplay.from_estimator(LinearExplainer(coef, ["no", "yes"]), X, ax=ax)


def test_from_explanation_takes_a_single_row(ax):
    explanation = shap.Explanation(np.array([1.0, -2.0]), 0.5, np.array([3.0, 4.0]), feature_names=["a", "b"])
    AttributionDisplay.from_explanation(explanation, kind="waterfall", ax=ax)
    assert labels(ax) == ["base value", "a = 3", "b = 4", "base value + sum"]


def test_from_explanation_of_groups_does_without_their_data(ax):
    explanation = SimpleNamespace(values=np.ones((4, 2)), data=np.ones((4, 5)), feature_names=["g", "h"])
    display = AttributionDisplay.from_explanation(explanation, kind="beeswarm", ax=ax)
    assert display.data is None


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("base_values", np.ones(3)),
        ("outputs", np.ones((2, 2))),
        ("data", np.ones((2, 3))),
        ("display_data", np.ones((3, 2))),
        ("feature_names", ["a"]),
    ],
)
def test_shapes_that_do_not_match_name_the_parameter(parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of AttributionDisplay"):
        AttributionDisplay(np.ones((2, 2)), **{parameter: value})


@pytest.mark.parametrize("values", [np.ones(3), np.ones((2, 3, 4)), np.ones((0, 3)), [[np.nan, 1.0]]])
def test_attributions_must_be_a_finite_table(values):
    with pytest.raises(ValueError, match="'attributions' parameter of AttributionDisplay"):
        AttributionDisplay(values)


@pytest.mark.parametrize(
    ("parameter", "value", "kind"),
    [
        ("kind", "pie", None),
        ("max_display", 0, "bar"),
        ("max_display", 2.5, "bar"),
        ("row", 30, "waterfall"),
        ("row", "first", "bar"),
        ("row_order", "random", "heatmap"),
    ],
)
def test_wrong_parameters_of_plot_are_named_before_anything_is_drawn(parameter, value, kind):
    arguments = {"kind": kind, parameter: value}
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of AttributionDisplay.plot"):
        random_display().plot(**arguments)
    assert plt.get_fignums() == []


def test_keyword_arguments_reach_matplotlib(ax):
    random_display().plot("bar", ax=ax, color="k")
    assert {to_hex(bar.get_facecolor()) for bar in ax.patches} == {"#000000"}


def test_short_texts():
    assert shorten("a  b\nc") == "a b c"
    assert len(shorten("x" * 100, 10)) == 10
    assert value_text(pd.NA) == value_text(None) == value_text(np.nan) == "missing"
    assert value_text(1234.5678) == "1235"
    assert value_text(51234.6) == "51235" and value_text(2.5e12) == "2.5e+12"
    assert number_text(-0.5) == "\N{MINUS SIGN}0.5"
    assert number_text(12345.0, signed=True) == "+12,345"


def test_missing_matplotlib_is_told_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"AttributionDisplay.plot needs matplotlib to draw: pip install matplotlib"):
        random_display().plot()
