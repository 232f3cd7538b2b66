"""What DissectionDisplay draws is what the dissection found, and its regions are those that it counted."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from torch import nn

from sklearn_xai import NetworkDissection
from sklearn_xai.datasets import make_concept_images
from sklearn_xai.display import DissectionDisplay
from sklearn_xai.display._common import MISSING
from sklearn_xai.display._dissection_images import DARK, outline
from tests.nets import classifier, table
from tests.network.planted import ConceptDetectors
from tests.test_hygiene import random_states, state

MADE = make_concept_images(40, random_state=0)


class TwoLayers(nn.Module):
    """Maps of half the size, and units without places."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc, self.out = nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.Linear(5, 4), nn.Linear(4, 2)

    def forward(self, X):
        return self.out(self.fc(self.conv(X).relu().mean(dim=(2, 3))))


def planted(seed=0, **units):
    module = ConceptDetectors(seed=seed, **units).eval()
    return NetworkDissection(module, layer="units").fit(MADE.images, MADE)


@pytest.fixture(scope="module")
def dissection():
    return planted(stride=2)


@pytest.fixture(scope="module")
def two_layers():
    torch.manual_seed(0)
    params = {"quantile": 0.9, "iou_threshold": 0.15}
    return NetworkDissection(TwoLayers().eval(), layer=["conv", "fc"], **params).fit(MADE.images, MADE)


@pytest.fixture(scope="module")
def of_table():
    X, y, _ = table(n=120)
    concepts = np.stack([X[:, j] > 0.5 for j in range(4)], axis=1)
    params = {"layer": "act", "quantile": 0.8, "iou_threshold": 0.1}
    names = {"concept_names": list("abcd"), "concept_categories": ["one", "two", "one", "two"]}
    return NetworkDissection(classifier(max_epochs=3), **params).fit(X, concepts, y, **names)


def without(dissection, iou_threshold=0.9):
    """Return the same dissection as if nothing had been found."""
    none = copy(dissection)
    none.iou_threshold, none.detectors_ = iou_threshold, np.array([], dtype=int)
    return none


def texts(display):
    """Return everything that is written on a picture, in one line."""
    display.figure_.canvas.draw()
    found = display.figure_.findobj(lambda one: hasattr(one, "get_text") and one.get_visible())
    return " ".join(one.get_text().replace("\n", " ") for one in found)


def widths(ax):
    return [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)]


# ---------------------------------------------------------------------- regions in images
@pytest.mark.parametrize("stride", [1, 2])
def test_regions_are_where_activations_exceed_thresholds(stride):
    found = planted(stride=stride)
    X = make_concept_images(12, random_state=1).images
    display = DissectionDisplay.from_top_images(found, X, n_top=3, max_units=4)
    with torch.no_grad():
        maps = found.estimator.units(torch.as_tensor(X)).double()
    large = torch.nn.functional.interpolate(maps, size=X.shape[2:], mode="bilinear", align_corners=False).numpy()
    peaks = maps.amax(dim=(2, 3)).numpy()
    units = found.detectors_[np.argsort(-found.iou_.max(axis=1)[found.detectors_], kind="stable")][:4]
    for k, unit in enumerate(units):
        rows = np.argsort(-peaks[:, unit], kind="stable")[:3]
        shown = display.table_[display.table_["unit"] == found.unit_names_[unit]]
        assert_array_equal(shown["row"], rows)
        assert_allclose(shown["activation"], peaks[rows, unit], rtol=1e-6)
        expected = large[rows, unit] > float(found.thresholds_[unit])
        assert expected.any()
        # Where float32 and float64 interpolate to either side of the threshold, they may differ.
        clear = np.abs(large[rows, unit] - float(found.thresholds_[unit])) > 1e-6
        assert_array_equal(display.regions_[k][clear], expected[clear])
        assert_allclose(shown["share"], display.regions_[k].mean(axis=(1, 2)))


def test_regions_are_those_that_were_counted(dissection):
    display = DissectionDisplay.from_top_images(dissection, MADE.images, n_top=len(MADE.images), max_units=3)
    for k, name in enumerate(dict.fromkeys(display.table_["unit"])):
        unit = list(dissection.unit_names_).index(name)
        assert display.regions_[k].mean() == dissection.active_[unit]
        masks = MADE.masks[display.table_.loc[display.table_["unit"] == name, "row"]]
        both = (display.regions_[k][:, None] & masks).sum(axis=(0, 2, 3))
        either = (display.regions_[k][:, None] | masks).sum(axis=(0, 2, 3))
        assert_allclose(both / either, dissection.iou_[unit], rtol=1e-12)


def test_what_is_outside_is_dark_and_the_outline_around_it(dissection):
    display = DissectionDisplay.from_top_images(dissection, MADE.images, n_top=2, max_units=2)
    names = list(dict.fromkeys(display.table_["unit"]))
    assert list(display.axes_) == [(name, i) for name in names for i in range(2)]
    shown = MADE.images[display.table_["row"]]
    low, high = shown.min(), shown.max()
    for i, cell in enumerate(display.axes_.values()):
        region = display.regions_.reshape(-1, 32, 32)[i]
        picture = (shown[i].transpose(1, 2, 0) - low) / (high - low)
        expected = np.where(region[..., None], picture, DARK * picture)
        assert_allclose(cell.images[0].get_array(), expected, atol=1e-6)
        (lines,) = [one for one in cell.collections if isinstance(one, LineCollection)]
        assert_array_equal(np.array(lines.get_segments()), outline(region))


def sides(region):
    """Return the sides of pixels at the border of a region, one by one."""
    found = set()
    height, width = region.shape
    for y, x in np.argwhere(region):
        for dy, dx, start, end in [
            (-1, 0, (x, y), (x + 1, y)),
            (1, 0, (x, y + 1), (x + 1, y + 1)),
            (0, -1, (x, y), (x, y + 1)),
            (0, 1, (x + 1, y), (x + 1, y + 1)),
        ]:
            inside = 0 <= y + dy < height and 0 <= x + dx < width
            if not (inside and region[y + dy, x + dx]):
                found.add((start, end))
    return {tuple((a - 0.5, b - 0.5) for a, b in side) for side in found}


@settings(max_examples=40, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_an_outline_is_every_side_between_inside_and_outside(region):
    segments = outline(region)
    assert {tuple(map(tuple, segment)) for segment in segments.tolist()} == sides(region)
    assert len(segments) == len(sides(region))


def test_rows_are_labelled_with_unit_concept_and_iou(dissection):
    display = DissectionDisplay.from_top_images(dissection, MADE.images, n_top=1)
    labels = [text.get_text().split("\n") for text in display.ax_.texts]
    order = np.argsort(-dissection.iou_.max(axis=1)[dissection.detectors_], kind="stable")
    detectors = dissection.detectors_[order]
    assert len(labels) == min(8, len(detectors))
    for label, unit in zip(labels, detectors, strict=False):
        assert label[0] == f"unit {dissection.unit_names_[unit]}"
        assert label[1] == dissection.unit_concept_[unit]
        assert f"IoU {dissection.iou_[unit].max():.3f} " in label[2]
    assert f"8 of {len(detectors)} detectors" in texts(display)


def test_units_can_be_named_in_any_order(dissection):
    concept = dissection.unit_concept_[dissection.detectors_[0]]
    of_concept = [k for k in dissection.detectors_ if dissection.unit_concept_[k] == concept]
    other = next(k for k in range(len(dissection.iou_)) if k not in dissection.detectors_)
    display = DissectionDisplay.from_top_images(dissection, MADE.images, units=["units_3", other, concept], n_top=1)
    named = list(display.table_["unit"])
    assert named[:2] == ["units_3", dissection.unit_names_[other]]
    assert set(named[2:]) == set(dissection.unit_names_[of_concept]) - {"units_3"}
    assert "no detector" in texts(display)


def test_units_without_places_are_above_all_over_or_nowhere(two_layers):
    display = DissectionDisplay.from_top_images(two_layers, MADE.images, units=["fc_1", "conv_2"], n_top=6)
    first = display.table_[display.table_["unit"] == "fc_1"]
    above = (first["activation"] > first["threshold"]).to_numpy()
    assert above.any() and not above.all()
    assert_array_equal(display.regions_[0], np.broadcast_to(above[:, None, None], (6, 32, 32)))
    assert 0 < display.regions_[1].mean() < 1


def test_grey_images_and_few_rows():
    class Grey(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.out = nn.Conv2d(1, 2, 1), nn.Linear(2, 2)

        def forward(self, X):
            return self.out(self.conv(X[:, None]).mean(dim=(2, 3)))

    X = np.random.default_rng(0).uniform(size=(6, 5, 8)).astype(np.float32)
    found = NetworkDissection(Grey().eval(), layer="conv", quantile=0.5).fit(X, (X > 0.5)[:, None])
    display = DissectionDisplay.from_top_images(found, X[:2], units=[0, 1])
    assert display.regions_.shape == (2, 2, 5, 8)
    assert next(iter(display.axes_.values())).images[0].get_array().shape == (5, 8)


# ---------------------------------------------------------------------- numbers
def test_numbers_of_detectors_are_those_of_the_report(two_layers):
    display = DissectionDisplay.from_detectors(two_layers)
    report, summary = two_layers.report_, two_layers.summary_
    detectors = report[report["detector"]]
    assert 0 < len(detectors) < len(report)
    assert display.table_["n_detectors"].sum() == len(detectors)
    for row in display.table_.itertuples():
        same = (detectors["layer"] == row.layer) & (detectors["concept"] == row.concept)
        assert row.n_detectors == same.sum()
    each = summary[summary["category"] != "(all)"]
    columns = [(layer, column) for layer in ("conv", "fc") for column in ("n_detectors", "n_unique")]
    bars = [each.loc[each["layer"] == layer, column] for layer, column in columns]
    assert widths(display.axes_["layers"]) == [n for part in bars for n in part if n]
    for row in summary[summary["category"] == "(all)"].itertuples():
        assert f"{row.n_detectors} of {row.n_units} units" in texts(display)
        assert f"{row.n_unique} of {row.n_concepts} concepts" in texts(display)


def test_concepts_are_named_with_their_detectors(two_layers):
    display = DissectionDisplay.from_detectors(two_layers)
    panel = display.axes_["concepts", "conv"]
    names = [label.get_text() for label in panel.get_yticklabels()]
    report = two_layers.report_
    detectors = report[report["detector"]]
    expected = {concept.split(": ")[1] for concept in detectors["concept"]} | set(detectors["category"])
    assert set(names) == expected and len(names) == len(expected)
    in_conv = detectors[detectors["layer"] == "conv"]
    for bar in panel.patches:
        line = names[round(bar.get_y() + bar.get_height() / 2)]
        assert bar.get_width() == sum(concept.endswith(f": {line}") for concept in in_conv["concept"])
    assert sum(widths(panel)) == len(in_conv)


def test_fewer_concepts_are_said_to_be_fewer(dissection):
    display = DissectionDisplay.from_detectors(dissection, max_concepts=3)
    n = len(set(dissection.unit_concept_[dissection.detectors_]))
    assert n > 3 and f"Detectors of each concept (3 of {n})" in texts(display)
    assert sum(width > 0 for width in widths(display.axes_["concepts", "units"])) == 3


def test_the_distribution_of_iou_holds_every_unit(two_layers):
    display = DissectionDisplay.from_detectors(two_layers)
    for layer in ("conv", "fc"):
        report = two_layers.report_[two_layers.report_["layer"] == layer]
        bars = display.axes_["iou", layer].patches
        assert sum(bar.get_height() for bar in bars) == len(report)
        grey = [bar for bar in bars if bar.get_facecolor() == to_rgba(MISSING)]
        assert sum(bar.get_height() for bar in grey) == (~report["detector"]).sum()
        (line,) = display.axes_["iou", layer].lines
        assert_allclose(line.get_xdata(), 0.15)


def test_networks_side_by_side(dissection):
    other = copy(dissection)
    gone = dissection.unit_concept_[dissection.detectors_[0]]
    other.detectors_ = np.array([k for k in dissection.detectors_ if dissection.unit_concept_[k] != gone])
    display = DissectionDisplay.from_comparison({"first": dissection, "second": other})
    assert list(display.table_.columns) == ["first", "second", "only"]
    for (_, concept), row in display.table_.iterrows():
        for name, one in (("first", dissection), ("second", other)):
            assert row[name] == (one.unit_concept_[one.detectors_] == concept).sum()
        assert row["only"] == ("first" if concept == gone else None)
    n_gone = int((dissection.unit_concept_[dissection.detectors_] == gone).sum())
    written = texts(display)
    assert f"{n_gone}, first only" in written and written.count(" only") == 1
    for name, one in (("first", dissection), ("second", other)):
        assert f"{name}: {len(one.detectors_)} of {len(one.iou_)} units are detectors" in written
    assert sum(widths(display.axes_["concepts"])) == len(dissection.detectors_) + len(other.detectors_)
    # Each category, and all of them.
    total = len(dissection.detectors_) + len(other.detectors_)
    assert sum(widths(display.axes_["categories"])) == 2 * total


def test_iou_of_all_units_and_concepts(dissection):
    display = DissectionDisplay.from_iou(dissection)
    names = list(dissection.unit_names_)
    for unit, row in display.table_.iterrows():
        assert_array_equal(row.xs(MADE.concepts[5], level="concept"), dissection.iou_[names.index(unit), 5])
    assert display.table_.shape == dissection.iou_.shape
    (mesh,) = [one for one in display.ax_.collections if one.get_array() is not None]
    drawn = mesh.get_array()
    between = np.ma.getmaskarray(drawn).all(axis=0)
    assert between.sum() == 3  # of four categories
    assert_array_equal(drawn[:, ~between], display.table_)
    frames = {(frame.get_x(), frame.get_y()) for frame in display.ax_.patches}
    assert len(frames) == len(dissection.detectors_)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == [concept.split(": ")[1] for concept in MADE.concepts]
    ticks = display.ax_.get_xticks()
    for row, unit in enumerate(display.table_.index):
        best = ticks[dissection.iou_[names.index(unit)].argmax()] - 0.5
        assert ((best, row - 0.5) in frames) == (names.index(unit) in dissection.detectors_)


def test_iou_of_some_units(dissection):
    display = DissectionDisplay.from_iou(dissection, max_units=4)
    best = np.sort(dissection.iou_.max(axis=1))[-4:]
    assert_array_equal(np.sort(display.table_.max(axis=1)), best)
    assert f"4 of {len(dissection.iou_)} units" in texts(display)
    assert list(DissectionDisplay.from_iou(dissection, units="units_2").table_.index) == ["units_2"]


def test_tables_have_all_pictures_but_images(of_table):
    assert len(of_table.detectors_)
    display = DissectionDisplay.from_detectors(of_table)
    assert display.table_["n_detectors"].sum() == len(of_table.detectors_)
    assert DissectionDisplay.from_iou(of_table).table_.shape == of_table.iou_.shape
    compared = DissectionDisplay.from_comparison({"a": of_table, "b": of_table})
    assert compared.table_["only"].isna().all()
    X = table(n=20)[0]
    with pytest.raises(ValueError, match=r"from_top_images draws images.*from_detectors and from_iou.*top_rows"):
        DissectionDisplay.from_top_images(of_table, X)


def test_sequences_have_no_regions_in_images():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(9, 6), nn.Linear(6, 2)

        def forward(self, X):
            return self.out(self.embed(X).mean(dim=1))

    X = np.random.default_rng(0).integers(0, 9, (30, 7))
    found = NetworkDissection(Words().eval(), layer="embed", quantile=0.8).fit(X, np.stack([X == 1, X == 2], axis=1))
    assert len(found.detectors_)
    assert DissectionDisplay.from_detectors(found).table_["n_detectors"].sum() == len(found.detectors_)
    with pytest.raises(ValueError, match=r"places of shape \(7,\), which are those of no image"):
        DissectionDisplay.from_top_images(found, X)


# ---------------------------------------------------------------------- nothing found
@pytest.mark.parametrize(
    "draw",
    [
        lambda one: DissectionDisplay.from_top_images(one, MADE.images),
        DissectionDisplay.from_detectors,
        DissectionDisplay.from_iou,
        lambda one: DissectionDisplay.from_comparison({"first": one, "second": one}),
    ],
)
def test_where_nothing_is_detected_the_picture_says_so(draw, dissection):
    display = draw(without(dissection))
    written = texts(display)
    assert f"None of {len(dissection.iou_)} units is a detector." in written
    assert f"The largest IoU is {dissection.iou_.max():.3g}" in written and "iou_threshold is 0.9" in written
    for ax in [display.ax_, *display.axes_.values()]:
        frame = any(spine.get_visible() for spine in ax.spines.values())
        assert not frame or ax.patches or ax.collections or ax.images


def test_above_the_threshold_but_no_more_than_chance(of_table):
    assert "no more than chance" in texts(DissectionDisplay.from_detectors(without(of_table, 0.0)))


def test_nothing_in_common(dissection):
    none = without(dissection)
    none.iou_ = np.zeros_like(none.iou_)
    none.unit_concept_ = np.full(len(none.iou_), None)
    for display in (DissectionDisplay.from_detectors(none), DissectionDisplay.from_iou(none)):
        assert "No unit has anything in common with a concept." in texts(display)


def test_one_network_without_detectors(dissection):
    display = DissectionDisplay.from_comparison({"first": dissection, "second": without(dissection)})
    assert f"second: 0 of {len(dissection.iou_)} units are detectors (largest IoU" in texts(display)
    assert set(display.table_["only"].dropna()) == {"first"}


# ---------------------------------------------------------------------- what is given and left
def test_axes_are_given_and_returned(dissection, ax):
    for draw in (DissectionDisplay.from_detectors, DissectionDisplay.from_iou):
        ax.figure.clear()
        given = ax.figure.subplots()
        display = draw(dissection, ax=given)
        assert display.ax_ is given and display.figure_ is ax.figure
        assert display.plot().ax_ is not given
    assert len(plt.get_fignums()) == 2


def test_style_is_handed_on(dissection):
    top = DissectionDisplay.from_top_images(dissection, MADE.images, n_top=1, max_units=1, linewidths=3.0)
    assert next(iter(top.axes_.values())).collections[0].get_linewidths() == [3.0]
    bars = DissectionDisplay.from_detectors(dissection, color="black").axes_["concepts", "units"].patches
    assert {bar.get_facecolor() for bar in bars} == {to_rgba("black")}
    mesh = DissectionDisplay.from_iou(dissection, vmax=0.5).ax_.collections[0]
    assert mesh.norm.vmax == 0.5


def test_the_network_and_the_images_are_left_as_they_were(dissection):
    module, X = dissection.estimator_, MADE.images.copy()
    module.train()
    before, rng = state(module), random_states()
    DissectionDisplay.from_top_images(dissection, X, n_top=2, max_units=2)
    after = state(module)
    module.eval()
    assert before == after and rng == random_states()
    assert_array_equal(X, MADE.images)


# ---------------------------------------------------------------------- errors
def test_what_is_no_dissection(dissection):
    unfitted = NetworkDissection(ConceptDetectors(), layer="units")
    with pytest.raises(NotFittedError):
        DissectionDisplay.from_detectors(unfitted)
    with pytest.raises(TypeError, match=r"'dissection' parameter of DissectionDisplay.from_iou.*Got dict"):
        DissectionDisplay.from_iou({"a": dissection})
    with pytest.raises(TypeError, match=r"'dissections' parameter.*must be a dict.*Got NetworkDissection"):
        DissectionDisplay.from_comparison(dissection)
    with pytest.raises(ValueError, match=r"two or more. Got 1"):
        DissectionDisplay.from_comparison({"a": dissection})
    with pytest.raises(TypeError, match=r"'view' parameter of DissectionDisplay.*Got NetworkDissection"):
        DissectionDisplay(dissection)


def test_other_concepts_cannot_be_compared(dissection, of_table):
    with pytest.raises(ValueError, match="'a' and 'b' were compared with different concepts"):
        DissectionDisplay.from_comparison({"a": dissection, "b": of_table})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_top": 0}, r"'n_top' parameter of DissectionDisplay.from_top_images.*Got 0"),
        ({"max_units": True}, r"'max_units' parameter.*Got True"),
        ({"units": "teapot"}, r"holds 'teapot', neither the name of a unit, such as 'units_0', nor a concept"),
        ({"units": [99]}, r"indices from 0 to 18, or names. Got 99"),
        ({"units": []}, r"'units' parameter.*is empty"),
    ],
)
def test_impossible_parameters(dissection, params, message):
    with pytest.raises(ValueError, match=message):
        DissectionDisplay.from_top_images(dissection, MADE.images, **params)
