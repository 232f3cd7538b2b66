"""What AgreementDisplay draws is the agreement it was given."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xai.display import AgreementDisplay
from sklearn_xai.display._heatmap import clustered_order, ink_on
from sklearn_xai.engines import agreement as engine

NAMES = ["IG", "Random", "SHAP", "LIME"]
MATRIX = np.array([[1.0, 0.0, 0.9, 0.5], [0.0, 1.0, -0.1, 0.1], [0.9, -0.1, 1.0, 0.6], [0.5, 0.1, 0.6, 1.0]])


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def cells(ax):
    n = len(labels(ax))
    return np.array([text.get_text() for text in ax.texts]).reshape(n, n)


def contrast(one, other):
    def luminance(color):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_cells_and_names_are_in_the_order_given(ax):
    display = AgreementDisplay(MATRIX, NAMES, name="Census").plot(ax, order=None)
    assert display.ax_ is ax
    assert plt.get_fignums() == []
    assert_allclose(ax.images[0].get_array(), MATRIX)
    assert labels(ax) == NAMES
    assert [text.get_text() for text in ax.get_xticklabels()] == NAMES
    assert cells(ax)[1].tolist() == ["0.00", "1.00", "\N{MINUS SIGN}0.10", "0.10"]
    assert ax.get_title(loc="left") == "Census"


def test_clusters_put_together_what_agrees(ax):
    display = AgreementDisplay(MATRIX, NAMES).plot(ax)
    assert labels(ax) == [NAMES[i] for i in display.order_]
    assert abs(labels(ax).index("IG") - labels(ax).index("SHAP")) == 1
    assert "Random" in (labels(ax)[0], labels(ax)[-1])
    assert_allclose(ax.images[0].get_array(), MATRIX[np.ix_(display.order_, display.order_)])


def test_order_of_blocks_does_not_depend_on_the_order_given():
    groups = np.array([0, 1, 0, 2, 1, 0, 2])
    matrix = np.where(groups[:, None] == groups, 0.9, 0.1) + 0.1 * np.eye(7)
    found = groups[clustered_order(matrix)]
    assert (np.diff(found) != 0).sum() == 2  # each group in one piece


def test_scale_is_the_same_whatever_the_numbers(ax):
    figure = ax.figure
    AgreementDisplay([[1.0, 0.5], [0.5, 1.0]], ["a", "b"]).plot(ax)
    assert ax.images[0].get_clim() == (0.0, 1.0)
    half = ax.images[0].cmap(ax.images[0].norm(0.5))
    other = figure.add_subplot(223)
    AgreementDisplay([[1.0, -0.5], [0.5, 1.0]], ["a", "b"]).plot(other)
    assert other.images[0].get_clim() == (-1.0, 1.0)
    assert_allclose(other.images[0].cmap(other.images[0].norm(0.5)), half, atol=0.02)


def test_texts_can_be_read_on_every_colour(ax):
    matrix = np.linspace(-1, 1, 64).reshape(8, 8)
    AgreementDisplay(matrix, list("abcdefgh")).plot(ax, order=None, annotate=True)
    image = ax.images[0]
    for text, value in zip(ax.texts, matrix.ravel(), strict=True):
        assert contrast(text.get_color(), image.cmap(image.norm(value))) >= 4.5
    assert {text.get_color() for text in ax.texts} == {"#000000", "#ffffff"}


def test_ink_is_the_better_of_the_two():
    for grey in np.linspace(0, 1, 21):
        color = (grey, grey, grey)
        assert contrast(ink_on(color), color) == max(contrast("black", color), contrast("white", color))


def test_unknown_is_grey_written_and_last(ax):
    matrix = MATRIX.copy()
    matrix[0, :] = matrix[:, 0] = np.nan
    AgreementDisplay(matrix, NAMES).plot(ax)
    assert labels(ax)[-1] == "IG"
    assert (cells(ax)[-1] == "n/a").all()
    assert np.ma.getmaskarray(ax.images[0].get_array())[-1].all()
    assert "n/a" in ax.figure.axes[-1].get_ylabel()


def test_all_unknown_is_drawn(ax):
    AgreementDisplay(np.full((3, 3), np.nan), ["a", "b", "c"]).plot(ax)
    assert (cells(ax) == "n/a").all()


def test_many_explainers_lose_the_numbers_not_the_names(ax):
    n = 25
    display = AgreementDisplay(np.eye(n), [f"explainer {i}" for i in range(n)]).plot(ax)
    assert len(ax.texts) == 0
    assert sorted(labels(ax)) == sorted(display.names)
    ax.figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in ax.get_yticklabels()), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 2 for low, high in pairwise(boxes))
    assert len(display.plot(annotate=True).ax_.texts) == n * n


def test_measure_is_named(ax):
    AgreementDisplay(MATRIX, NAMES, measure="cosine").plot(ax)
    assert ax.figure.axes[-1].get_ylabel() == "cosine similarity"


@pytest.mark.parametrize("measure", ["spearman", "top_k_overlap", "sign_agreement", "cosine"])
def test_from_attributions_is_the_mean_over_rows(ax, measure):
    rng = np.random.RandomState(0)
    a, b = rng.randn(6, 4), rng.randn(6, 4)
    display = AgreementDisplay.from_attributions({"a": a, "b": b}, measure=measure, k=2, ax=ax)
    options = {"k": 2} if measure == "top_k_overlap" else {}
    expected = getattr(engine, measure)(a, b, **options).mean()
    assert_allclose(display.matrix, [[1.0, expected], [expected, 1.0]])
    assert ("top 2 overlap" in ax.figure.axes[-1].get_ylabel()) == (measure == "top_k_overlap")


def test_rows_count_where_both_are_finite(ax):
    a = np.array([[1.0, 2.0], [1.0, 2.0]])
    b = np.array([[2.0, 1.0], [np.nan, 1.0]])
    before = b.copy()
    display = AgreementDisplay.from_attributions({"a": a, "b": b, "c": np.full((2, 2), np.nan)}, ax=ax)
    assert_allclose(display.matrix, [[1, -1, np.nan], [-1, 1, np.nan], [np.nan, np.nan, np.nan]])
    assert_array_equal(b, before)


def test_from_explainers_explains_the_rows(ax):
    class Fixed:
        def __init__(self, factor):
            self.factor = factor

        def transform(self, X):
            return self.factor * X

    X = np.random.RandomState(0).randn(5, 3)
    display = AgreementDisplay.from_explainers({"a": Fixed(1), "b": Fixed(-2)}, X, measure="cosine", ax=ax, order=None)
    assert_allclose(display.matrix, [[1, -1], [-1, 1]])


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"'matrix' parameter of AgreementDisplay .* Got shape \(2, 3\)"):
        AgreementDisplay(np.ones((2, 3)), ["a", "b"])
    with pytest.raises(ValueError, match=r"'names' parameter of AgreementDisplay .* 2 rows .* Got 1"):
        AgreementDisplay(np.ones((2, 2)), ["a"])
    with pytest.raises(ValueError, match=r"'order' parameter of AgreementDisplay.plot .* Got 'size'"):
        AgreementDisplay(MATRIX, NAMES).plot(order="size")
    with pytest.raises(ValueError, match=r"'annotate' parameter of AgreementDisplay.plot .* Got 'few'"):
        AgreementDisplay(MATRIX, NAMES).plot(annotate="few")
    with pytest.raises(ValueError, match=r"'measure' parameter of AgreementDisplay.from_attributions .* Got 'kappa'"):
        AgreementDisplay.from_attributions({"a": [[1.0]]}, measure="kappa")
    with pytest.raises(ValueError, match=r"'attributions' parameter of .*from_attributions .* \[\(1, 1\), \(1, 2\)\]"):
        AgreementDisplay.from_attributions({"a": [[1.0]], "b": [[1.0, 2.0]]})
    with pytest.raises(ValueError, match=r"'attributions' parameter of .*from_attributions .* Got shapes \[\]"):
        AgreementDisplay.from_attributions({})
    with pytest.raises(TypeError, match=r"'explainers' parameter of AgreementDisplay.from_explainers .* Got list"):
        AgreementDisplay.from_explainers([], np.ones((2, 2)))
    assert plt.get_fignums() == []
