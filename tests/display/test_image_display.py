"""What AttributionDisplay draws of images is what it was given, under one scale of colours."""

from __future__ import annotations

import numpy as np
import pytest
import shap
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from torch import nn

from sklearn_xai.display import AttributionDisplay
from sklearn_xai.display._common import NEGATIVE, POSITIVE
from sklearn_xai.display._image_plots import FAINTEST, picture_of
from sklearn_xai.display._signed_scale import SignedScale, signed_colormap
from sklearn_xai.explainers import InputXGradientExplainer

rng = np.random.RandomState(0)
DIGITS = load_digits().images[:12, None].astype(np.float32)
VALUES = rng.randn(12, 1, 8, 8)


def display_of(values=VALUES, **kwargs):
    return AttributionDisplay(values, **{"data": DIGITS, **kwargs})


def titles(display):
    return [cells[0].get_title(loc="left") for cells in display.image_axes_]


def drawn(display):
    """The attributions that each panel shows."""
    return np.array([cells[-1].images[-1].get_array() for cells in display.image_axes_])


def test_attributions_lie_on_their_light_grey_image(ax):
    display = display_of().plot("image", ax=ax)
    assert display.ax_ is ax and plt.get_fignums() == []
    assert display.image_axes_.shape == (10, 1)
    assert_allclose(drawn(display), VALUES[:10, 0])
    for row, (cell,) in enumerate(display.image_axes_):
        image, attributions = cell.images
        shown = np.asarray(image.get_array())
        assert_allclose(shown, FAINTEST + (1 - FAINTEST) * DIGITS[row, 0] / DIGITS[row].max(), rtol=1e-6)
        assert image.get_clim() == (0, 1)
        assert image.get_interpolation() == attributions.get_interpolation() == "nearest"
    assert ax.get_xlabel() == "(10 of 12 rows shown)"


def test_all_panels_share_one_symmetric_scale(ax):
    values = VALUES.copy()
    values[0] *= 100  # of another size than all others
    display = display_of(values).plot("image", max_display=5, ax=ax)
    limits = {cell.images[-1].get_clim() for (cell,) in display.image_axes_}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high
    size = np.abs(values[:5]).ravel()
    assert (size <= high).mean() == pytest.approx(0.99, abs=1 / size.size)
    bar = display.figure_.axes[-1]
    assert bar.get_ylim()[0] <= low and bar.get_ylim()[1] >= high
    assert bar.get_ylabel() == "attribution"


def test_beside_each_other_the_image_keeps_its_colours(ax):
    data = rng.rand(4, 3, 6, 5)
    values = rng.randn(4, 3, 6, 5)
    display = display_of(values, data=data).plot("image", overlay=False, ax=ax)
    assert display.image_axes_.shape == (4, 2)
    assert_allclose(drawn(display), values.sum(axis=1))
    for row, (left, right) in enumerate(display.image_axes_):
        low, high = data[row].min(), data[row].max()
        assert_allclose(left.images[0].get_array(), (data[row].transpose(1, 2, 0) - low) / (high - low))
        assert len(left.images) == len(right.images) == 1
        assert left.get_position().x1 <= right.get_position().x0


@pytest.mark.parametrize("shape", [(4, 1, 6, 5), (4, 3, 6, 5), (4, 2, 6, 5)])
def test_attributions_are_summed_over_channels(shape, ax):
    values = rng.randn(*shape)
    data = rng.rand(4, max(3, shape[1]), 6, 5) if shape[1] != 2 else rng.rand(*shape)
    assert_allclose(drawn(display_of(values, data=data).plot("image", ax=ax)), values.sum(axis=1))


def test_images_without_an_axis_of_channels(ax):
    for data in (DIGITS, DIGITS[:, 0]):
        display = AttributionDisplay(VALUES[:, 0], data=data).plot("image", max_display=None, ax=ax)
        assert_allclose(drawn(display), VALUES[:, 0])


def test_attributions_alone_are_drawn_without_an_image(ax):
    display = AttributionDisplay(VALUES).plot("image", overlay=False, row=-1, ax=ax)
    assert display.image_axes_.shape == (1, 1)
    assert len(display.image_axes_[0, 0].images) == 1
    assert_allclose(drawn(display), VALUES[-1:, 0])


def test_titles_say_row_class_and_output(ax):
    display = display_of(
        outputs=np.arange(12.0), row_names=[f"class {i % 3}" for i in range(12)], target_name="log-odds", name="IG"
    )
    display.plot("image", row=4, ax=ax)
    assert titles(display) == ["row 4, class 1\nf(x) = 4"]
    assert ax.get_title(loc="left") == "IG"
    assert ax.get_xlabel() == ""
    assert display.figure_.axes[-1].get_ylabel() == "attribution to log-odds"
    assert titles(display_of().plot("image", max_display=2, ax=Figure().subplots())) == ["row 0", "row 1"]


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 11])
@pytest.mark.parametrize("overlay", [True, False])
def test_panels_and_titles_lie_inside_the_axes_and_do_not_overlap(n, overlay):
    display = display_of(outputs=np.arange(12.0)).plot("image", max_display=n, overlay=overlay)
    display.figure_.draw_without_rendering()
    boxes = [cell.get_tightbbox() for cells in display.image_axes_ for cell in cells]
    frame = display.figure_.bbox
    assert len(boxes) == n * (1 if overlay else 2)
    assert all(box.x0 >= frame.x0 - 1 and box.x1 <= frame.x1 + 1 for box in boxes)
    assert all(box.y0 >= frame.y0 - 1 and box.y1 <= frame.y1 + 1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    # Square images stay square.
    cells = [cells[-1].get_window_extent() for cells in display.image_axes_]
    assert_allclose([cell.height / cell.width for cell in cells], 1, rtol=1e-3)


def test_pictures_are_rescaled_from_0_to_1():
    assert_allclose(picture_of(np.array([[-2.0, 0.0], [1.0, 2.0]])), [[0, 0.5], [0.75, 1]])
    assert_allclose(picture_of(np.full((1, 2, 2), 7)), 0.5)
    assert_allclose(picture_of(np.array([[[np.nan, 1.0], [3.0, np.inf]]])), [[0, 0], [1, 0]])
    channels = np.array([[[0.0, 4.0]], [[2.0, 8.0]]])
    assert_allclose(picture_of(channels), [[0, 1]])
    assert picture_of(rng.rand(3, 4, 5)).shape == (4, 5, 3)


def test_colours_are_red_above_and_blue_below_zero():
    opaque, clear = signed_colormap(), signed_colormap(transparent=True)
    assert [to_hex(opaque(x)).upper() for x in (0.0, 0.5, 1.0)] == [NEGATIVE, "#FFFFFF", POSITIVE]
    assert [clear(x)[3] for x in (0.0, 0.5, 1.0)] == [1, 0, 1]
    share = np.linspace(0, 1, 23)
    over_white = clear(share)[:, :3] * clear(share)[:, 3:] + 1 - clear(share)[:, 3:]
    assert_allclose(over_white, opaque(share)[:, :3], atol=1e-6)


@pytest.mark.parametrize(
    ("values", "limit"),
    [([0.0, -3.0, 1.0], 3.0), (np.zeros(4), 1.0), (np.r_[np.zeros(999), 5.0], 5.0), ([], 1.0)],
)
def test_limit_of_few_or_mostly_zero_values_is_the_largest(values, limit):
    assert SignedScale.of(np.asarray(values)).limit == limit


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e12])
def test_extreme_attributions_are_drawn(scale, ax):
    display_of(scale * VALUES).plot("image", ax=ax).figure_.draw_without_rendering()


def test_keyword_arguments_reach_matplotlib(ax):
    display = display_of().plot("image", ax=ax, vmin=-9, vmax=9, cmap="PuOr", alpha=0.5)
    image = display.image_axes_[0, 0].images[-1]
    assert (image.get_clim(), image.get_cmap().name, image.get_alpha()) == ((-9, 9), "PuOr", 0.5)
    assert display.figure_.axes[-1].get_ylim() == (-9, 9)


class Stub:
    """Explains images in closed form: pixel times weight, for one or several outputs."""

    def __init__(self, weights, keep=True, classes=None):
        self.weights, self.keep = weights, keep
        if classes is not None:
            self.classes_ = np.array(classes)

    def explained_output(self, X):
        values = self._values(X)
        return values.reshape(len(X), -1, *values.shape[4:]).sum(axis=1)

    def _values(self, X):
        values = X[..., None] * self.weights if self.weights.ndim == 4 else X * self.weights
        return values if self.keep else values.sum(axis=1, keepdims=True)

    def explain(self, X):
        return shap.Explanation(self._values(X), np.zeros((len(X), *self.weights.shape[3:])), X, display_data=X)


@pytest.mark.parametrize("keep", [True, False])
def test_from_estimator_draws_one_output(keep, ax):
    X = rng.rand(3, 3, 4, 4)
    explainer = Stub(rng.randn(3, 4, 4), keep)
    display = AttributionDisplay.from_estimator(explainer, X, kind="image", ax=ax)
    assert_allclose(drawn(display), explainer._values(X).sum(axis=1))
    assert_allclose(display.outputs, explainer.explained_output(X))
    assert_array_equal(display.data, X)
    assert ax.get_title(loc="left") == "Stub"
    assert titles(display)[0].startswith("row 0\nf(x) = ")


@pytest.mark.parametrize("keep", [True, False])
def test_from_estimator_picks_one_of_several_outputs(keep, ax):
    X = rng.rand(3, 2, 4, 5)
    explainer = Stub(rng.randn(2, 4, 5, 3), keep, ["cat", "dog", "owl"])
    display = AttributionDisplay.from_estimator(explainer, X, kind="image", target="dog", ax=ax)
    assert_allclose(drawn(display), explainer._values(X)[..., 1].sum(axis=1))
    assert_allclose(display.outputs, explainer.explained_output(X)[:, 1])
    assert display.figure_.axes[-1].get_ylabel() == "attribution to dog"
    with pytest.raises(ValueError, match=r"'target' parameter .* one of \['cat', 'dog', 'owl'\]"):
        AttributionDisplay.from_estimator(explainer, X, kind="image", ax=ax)


def test_from_explanation_tells_targets_from_columns_of_pixels(ax):
    X = rng.rand(6, 5, 4)
    one = AttributionDisplay.from_explanation(shap.Explanation(2 * X, 0.0, X), kind="image", ax=ax)
    assert_allclose(drawn(one), 2 * X)
    several = shap.Explanation(np.stack([X, -X], axis=-1), np.zeros((6, 2)), X)
    display = AttributionDisplay.from_explanation(several, kind="image", target=1, ax=Figure().subplots())
    assert_allclose(drawn(display), -X)
    # Attributions to the units of a layer of a network of images are a table.
    units = shap.Explanation(rng.randn(6, 7, 2), np.zeros((6, 2)), X)
    display = AttributionDisplay.from_explanation(units, target=0, ax=Figure().subplots())
    assert display.attributions.shape == (6, 7)
    assert display.data is None


def test_a_network_of_digits(ax):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    explainer = InputXGradientExplainer(net, target=3).fit(DIGITS)
    display = AttributionDisplay.from_estimator(explainer, DIGITS, kind="image", max_display=3, ax=ax)
    assert_allclose(drawn(display), explainer.transform(DIGITS)[:3, 0])
    explainer = InputXGradientExplainer(net, target="all").fit(DIGITS)
    display = AttributionDisplay.from_estimator(explainer, DIGITS, kind="image", target=3, ax=Figure().subplots())
    assert_allclose(drawn(display), explainer.transform(DIGITS)[:10, 0, ..., 3])


class Auto(Stub):
    """Explains the predicted class of each row."""

    target = "auto"

    def predict(self, X):
        return self.classes_[np.arange(len(X)) % len(self.classes_)]


def test_the_predicted_class_that_is_explained_is_named(ax):
    explainer = Auto(rng.randn(1, 8, 8), classes=["cat", "dog", "owl"])
    display = AttributionDisplay.from_estimator(explainer, DIGITS, kind="image", max_display=2, ax=ax)
    assert [title.split("\n")[0] for title in titles(display)] == ["row 0, class cat", "row 1, class dog"]


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "waterfall", "heatmap", "text"])
def test_images_are_no_table(kind):
    message = rf"'kind' parameter of AttributionDisplay.plot can be '{kind}' only .* Got .*\(12, 1, 8, 8\): use 'image'"
    with pytest.raises(ValueError, match=message):
        display_of().plot(kind)
    assert plt.get_fignums() == []


def test_tables_are_no_images():
    with pytest.raises(ValueError, match=r"can be 'image' only .*height, width.* Got attributions of shape \(2, 3\)"):
        AttributionDisplay(np.ones((2, 3))).plot("image")
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("data", DIGITS[:5]),
        ("data", DIGITS[..., :4]),
        ("data", DIGITS.reshape(12, 64)),
        ("display_data", DIGITS[..., :4]),
        ("feature_names", ["a"]),
        ("row_names", ["a"]),
        ("outputs", np.ones(3)),
    ],
)
def test_what_does_not_belong_to_the_images_is_named(parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of AttributionDisplay"):
        AttributionDisplay(VALUES, **{parameter: value})


def test_more_channels_than_the_image_has_are_refused():
    with pytest.raises(ValueError, match=r"'data' parameter .* images that attributions of shape \(12, 2, 8, 8\)"):
        AttributionDisplay(np.repeat(VALUES, 2, axis=1), data=DIGITS)


@pytest.mark.parametrize(("parameter", "value"), [("max_display", 0), ("row", 12), ("row", "first")])
def test_wrong_rows_are_named_before_anything_is_drawn(parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of AttributionDisplay.plot"):
        display_of().plot("image", **{parameter: value})
    assert plt.get_fignums() == []
