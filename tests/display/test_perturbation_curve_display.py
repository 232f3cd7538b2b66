"""What PerturbationCurveDisplay draws are the curves it was given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose
from sklearn.utils import check_random_state

from sklearn_xai import InputXGradientExplainer, RandomExplainer
from sklearn_xai.display import PerturbationCurveDisplay
from sklearn_xai.display._perturbation_arrays import band_of_rows, on_common_fractions
from sklearn_xai.display._series import CONTROL, PALETTE
from sklearn_xai.metrics import perturbation_curve

FRACTIONS = np.array([0.0, 0.25, 1.0])


def curves(n_rows=40):
    rng = np.random.RandomState(0)
    means = {"IG": [1.0, 0.2, 0.0], "Random control": [1.0, 0.8, 0.0], "Saliency": [1.0, 0.5, 0.0]}
    return {name: np.array(mean) + 0.1 * rng.randn(n_rows, 3) for name, mean in means.items()}


def many(n=25):
    return {f"explainer {i:02d}": np.array([1.0, 0.02 * i, 0.0]) for i in range(n)}


def line_of(ax, mean):
    (line,) = [line for line in ax.lines if len(line.get_ydata()) == 3 and np.allclose(line.get_ydata(), mean)]
    return line


def key(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_lines_are_the_means_and_the_key_has_the_areas_best_first(ax):
    given = curves()
    display = PerturbationCurveDisplay(FRACTIONS, given, control="Random control", name="Wine").plot(ax)
    areas = {}
    for name, values in given.items():
        mean = values.mean(axis=0)
        assert_allclose(line_of(ax, mean).get_xdata(), FRACTIONS)
        areas[name] = 0.25 * (mean[0] + mean[1]) / 2 + 0.75 * (mean[1] + mean[2]) / 2
    assert display.auc == pytest.approx(areas)
    assert key(ax) == [f"{areas[name]:.3f}  {name}" for name in ("IG", "Saliency", "Random control")]
    assert "lower is better" in ax.get_legend().get_title().get_text()
    assert ax.get_title(loc="left") == "Wine"


def test_given_axes_are_used_and_no_figure_appears(ax):
    display = PerturbationCurveDisplay(FRACTIONS, curves()).plot(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert plt.get_fignums() == []
    assert PerturbationCurveDisplay(FRACTIONS, curves()).plot().figure_.number in plt.get_fignums()


def test_insertion_ranks_the_highest_area_first_and_says_so(ax):
    PerturbationCurveDisplay(FRACTIONS, curves(), kind="insertion").plot(ax)
    assert [line.split("  ")[1] for line in key(ax)] == ["Random control", "Saliency", "IG"]
    assert "higher is better" in ax.get_legend().get_title().get_text()
    assert "put in" in ax.get_xlabel()


def test_control_is_grey_and_others_keep_their_colours(ax):
    given = curves()
    PerturbationCurveDisplay(FRACTIONS, given, control="Random control").plot(ax)
    colors = {name: to_hex(line_of(ax, values.mean(axis=0)).get_color()).upper() for name, values in given.items()}
    assert colors == {"IG": PALETTE[0], "Saliency": PALETTE[1], "Random control": CONTROL}


def test_bands_are_the_quartiles_of_the_rows(ax):
    given = {"IG": curves()["IG"]}
    PerturbationCurveDisplay(FRACTIONS, given).plot(ax, spread="quartiles")
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    for x, low, high in zip(FRACTIONS, *np.percentile(given["IG"], [25, 75], axis=0), strict=True):
        at = corners[np.isclose(corners[:, 0], x), 1]
        assert_allclose([at.min(), at.max()], [low, high])
    assert "quartiles of the rows" in ax.get_xlabel()
    assert "mean of 40 rows" in ax.get_xlabel()


def test_interval_is_that_of_the_mean_and_leaves_the_global_generator(ax):
    values = np.random.RandomState(0).randn(400, 2) * [1.0, 3.0]
    before = check_random_state(None).get_state()[1].copy()
    low, high = band_of_rows(values, "interval", 0)
    error = 1.96 * values.std(axis=0) / 20
    assert_allclose((high - low) / 2, error, rtol=0.12)
    assert_allclose((high + low) / 2, values.mean(axis=0), atol=0.03)
    assert_allclose(band_of_rows(values, "interval", 0), (low, high), rtol=0)
    PerturbationCurveDisplay(FRACTIONS, curves()).plot(ax, random_state=None)
    assert (check_random_state(None).get_state()[1] == before).all()


def test_no_bands_for_curves_without_rows(ax):
    PerturbationCurveDisplay(FRACTIONS, {"IG": [1.0, 0.5, 0.0]}).plot(ax)
    assert len(ax.collections) == 0
    assert "band" not in ax.get_xlabel()


def test_many_bands_are_those_of_the_best_and_the_control(ax):
    given = {f"e{i}": np.array([[1.0, 0.1 * i, 0.0]] * 3) for i in range(7)}
    PerturbationCurveDisplay(FRACTIONS, given, control="e5").plot(ax)
    colors = {to_hex(band.get_facecolor()).upper() for band in ax.collections}
    assert colors == {PALETTE[0], CONTROL}
    assert "best, control" in ax.get_xlabel()


def test_many_explainers_the_best_have_names_the_others_are_counted(ax):
    given = many() | {"Random control": np.array([1.0, 0.9, 0.0])}
    PerturbationCurveDisplay(FRACTIONS, given, control="Random control").plot(ax, max_display=3)
    assert [text.split("  ")[-1] for text in key(ax)] == [
        "explainer 00",
        "explainer 01",
        "explainer 02",
        "Random control",
        "22 others",
    ]
    assert len([line for line in ax.lines if len(line.get_ydata()) == 3]) == 26


def test_all_of_many_lines_can_be_told_apart(ax):
    PerturbationCurveDisplay(FRACTIONS, many()).plot(ax, max_display=None)
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(looks) == 25


@pytest.mark.parametrize("size", [(3.2, 2.4), (7.5, 5.0)])
def test_key_lies_inside_the_axes_and_beside_the_data(size):
    from matplotlib.figure import Figure

    axes = Figure(figsize=size).subplots()
    PerturbationCurveDisplay(FRACTIONS, many()).plot(axes, max_display=None)
    axes.figure.draw_without_rendering()
    box = axes.get_legend().get_window_extent()
    assert box.x1 <= axes.bbox.x1 + 1
    assert box.y0 >= axes.bbox.y0 - 1
    assert axes.transData.transform((1.0, 0.0))[0] < box.x0
    names = key(axes)
    assert len(names) == 25 if size[0] > 5 else names[-1] == f"and {26 - len(names)} more"


def test_unknown_values_are_left_out_and_an_unknown_curve_is_written_as_such(ax):
    given = {"gone": np.full((2, 3), np.nan), "IG": np.array([[1.0, np.nan, 0.0], [3.0, 1.0, 0.0]])}
    display = PerturbationCurveDisplay(FRACTIONS, given).plot(ax)
    assert_allclose(line_of(ax, [2.0, 1.0, 0.0]).get_xdata(), FRACTIONS)
    assert np.isnan(display.auc["gone"])
    assert key(ax) == ["0.750  IG", "n/a  gone"]


def test_levels_are_the_means_of_what_was_given(ax):
    PerturbationCurveDisplay(FRACTIONS, {"IG": [1.0, 0.5, 0.0]}, base_value=[0.0, 0.2], full_value=1.1).plot(ax)
    heights = [segment[0, 1] for lines in ax.collections for segment in lines.get_segments()]
    assert heights == pytest.approx([0.1, 1.1])
    assert [text.get_text() for text in ax.texts] == ["no player left", "all players there"]


def test_names_and_units_are_written(ax):
    PerturbationCurveDisplay(FRACTIONS, {"a" * 60: [1.0, 0.5, 0.0]}, target_name="price in euros").plot(ax)
    assert ax.get_ylabel() == "price in euros"
    assert key(ax)[0].endswith("…")


def test_keywords_reach_the_lines(ax):
    PerturbationCurveDisplay(FRACTIONS, curves()).plot(ax, linewidth=5)
    assert {line.get_linewidth() for line in ax.lines} == {5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fractions": [0.0, 1.0, 0.5]}, r"'fractions' parameter of PerturbationCurveDisplay .* Got shape \(3,\)"),
        ({"curves": {}}, r"'curves' parameter of PerturbationCurveDisplay must hold at least one"),
        ({"curves": {"IG": [1.0, 2.0]}}, r"'curves' parameter .* Got shape \(2,\) for 'IG'"),
        ({"kind": "removal"}, r"'kind' parameter of PerturbationCurveDisplay .* Got 'removal'"),
        ({"control": "nobody"}, r"'control' parameter of PerturbationCurveDisplay .* Got 'nobody'"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    arguments = {"fractions": FRACTIONS, "curves": curves(), **changes}
    with pytest.raises(ValueError, match=message):
        PerturbationCurveDisplay(arguments.pop("fractions"), arguments.pop("curves"), **arguments)


def test_wrong_plot_arguments_are_named_before_a_figure_appears():
    display = PerturbationCurveDisplay(FRACTIONS, curves())
    with pytest.raises(ValueError, match=r"'spread' parameter of PerturbationCurveDisplay.plot .* Got 'std'"):
        display.plot(spread="std")
    with pytest.raises(ValueError, match=r"'max_display' parameter of PerturbationCurveDisplay.plot .* Got 0"):
        display.plot(max_display=0)
    assert plt.get_fignums() == []


def test_other_steps_are_brought_together():
    found = {"a": ([0.0, 0.5, 1.0], [[4.0, 2.0, 0.0]]), "b": ([0.0, 0.25, 1.0], [[4.0, 1.0, 1.0]])}
    fractions, both = on_common_fractions(found)
    assert_allclose(fractions, [0.0, 0.25, 0.5, 1.0])
    assert_allclose(both["a"], [[4.0, 3.0, 2.0, 0.0]])
    assert_allclose(both["b"], [[4.0, 1.0, 1.0, 1.0]])


def explainers():
    net = torch.nn.Linear(4, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[4.0, 2.0, 1.0, -1.0]]))
        net.bias.zero_()
    X = np.random.RandomState(0).rand(12, 4).astype(np.float32)
    background = np.zeros((3, 4), dtype=np.float32)
    named = {"IxG": InputXGradientExplainer(net), "Random": RandomExplainer(net, random_state=0)}
    return {name: explainer.fit(background) for name, explainer in named.items()}, X


@pytest.mark.parametrize("kind", ["deletion", "insertion"])
def test_from_explainers_draws_what_the_metric_says(ax, kind):
    fitted, X = explainers()
    display = PerturbationCurveDisplay.from_explainers(fitted, X, kind=kind, ax=ax, random_state=0)
    assert display.control == "Random"
    assert display.ax_ is ax
    for name, explainer in fitted.items():
        attributions = explainer.transform(X)
        fractions, values = perturbation_curve(fitted["IxG"], X, kind=kind, attributions=attributions, random_state=0)
        assert_allclose(display.fractions, fractions)
        assert_allclose(display.curves[name], values)
    better = display.auc["IxG"] < display.auc["Random"]
    assert better == (kind == "deletion")


def test_curves_under_one_judge_begin_and_end_alike(ax):
    fitted, X = explainers()
    fitted["Random"].fit(np.ones((3, 4), dtype=np.float32))
    judged = PerturbationCurveDisplay.from_explainers(fitted, X, judge="Random", ax=ax, random_state=0)
    for at in (0, -1):
        assert_allclose(judged.curves["IxG"][:, at], judged.curves["Random"][:, at])
    assert_allclose(judged.curves["IxG"][:, -1], 6.0, rtol=1e-6)  # the output for the other background
    apart = PerturbationCurveDisplay.from_explainers(fitted, X, judge=None, ax=ax, random_state=0)
    assert_allclose(apart.curves["IxG"][:, -1], 0.0, atol=1e-6)
    assert_allclose(apart.curves["Random"][:, -1], 6.0, rtol=1e-6)


def test_from_explainers_names_what_is_wrong():
    with pytest.raises(ValueError, match=r"'judge' parameter of PerturbationCurveDisplay.from_explainers .* 'no'"):
        PerturbationCurveDisplay.from_explainers({"IG": None}, np.zeros((2, 2)), judge="no")
    with pytest.raises(ValueError, match=r"'explainers' parameter of PerturbationCurveDisplay.from_explainers"):
        PerturbationCurveDisplay.from_explainers({}, np.zeros((2, 2)))
    with pytest.raises(TypeError, match=r"must be a dict from names to fitted explainers. Got list"):
        PerturbationCurveDisplay.from_explainers([None], np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"'control' parameter of PerturbationCurveDisplay.from_explainers .* 'no'"):
        PerturbationCurveDisplay.from_explainers({"IG": None}, np.zeros((2, 2)), control="no")
