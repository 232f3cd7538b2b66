"""The words of texts are drawn in order, none lost, on colours of one scale; in HTML nothing of them is markup."""

from __future__ import annotations

import re
import sys
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import shap
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from sklearn_xai.display import AttributionDisplay
from sklearn_xai.display._signed_scale import SignedScale
from sklearn_xai.display._text_plots import wrap

WORDS = np.array([["not", "a", "good", "film", ""], ["costs", "$5", "and", "$6", "!"], [""] * 5], dtype=object)
VALUES = np.array([[-2.0, 0.0, 1.0, 0.5, 9.0], [0.1, 0.2, -0.3, 0.4, -4.0], [7.0] * 5])


def display_of(**kwargs):
    return AttributionDisplay(VALUES, **{"display_data": WORDS, **kwargs})


def drawn(display):
    return [[text.get_text() for text in words] for words in display.word_texts_]


def lines_of(words):
    """Group drawn words into lines, by their height."""
    heights = [text.get_position()[1] for text in words]
    assert heights == sorted(heights, reverse=True)
    return [[text for text in words if text.get_position()[1] == height] for height in dict.fromkeys(heights)]


def test_words_are_drawn_in_order_and_padding_is_not(ax):
    display = display_of().plot("text", ax=ax)
    assert display.ax_ is ax and plt.get_fignums() == []
    assert drawn(display) == [["not", "a", "good", "film"], ["costs", "$5", "and", "$6", "!"], []]
    display.figure_.draw_without_rendering()  # a word in dollars is no formula


def test_all_words_share_one_symmetric_scale(ax):
    display = display_of(target_name="log-odds").plot("text", ax=ax)
    scale = SignedScale(4.0, 4.0)  # the values of padding do not count
    for row, words in enumerate(display.word_texts_):
        for text, value in zip(words, VALUES[row], strict=False):
            assert to_hex(text.get_bbox_patch().get_facecolor()) == scale.background(value)
            assert text.get_color() == scale.ink(value)
    assert to_hex(display.word_texts_[0][1].get_bbox_patch().get_facecolor()) == "#ffffff"
    bar = display.figure_.axes[-1] if len(display.figure_.axes) > 1 else ax.child_axes[-1]
    assert bar.get_xlim() == (-4.0, 4.0)
    assert bar.get_title(loc="left") == "attribution to log-odds"


def test_headers_say_row_output_and_base_value(ax):
    display = display_of(outputs=[1.5, np.nan, 2.0], base_values=0.25, row_names=["pos", "neg", "neg"], name="IG")
    display.plot("text", max_display=2, ax=ax)
    texts = [text.get_text() for text in ax.texts]
    assert "row 0, pos, f(x) = 1.5, base value = 0.25" in texts
    assert "row 1, neg, base value = 0.25" in texts
    assert not any("row 2" in text for text in texts)
    assert ax.get_title(loc="left") == "IG"
    assert ax.get_xlabel() == "(2 of 3 rows shown)"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text("ab.iWm", min_size=1, max_size=14), min_size=1, max_size=60), st.floats(2.5, 8))
def test_lines_end_at_word_boundaries_inside_the_axes(words, width):
    ax = Figure(figsize=(width, 7)).subplots()
    values = np.zeros((1, len(words)))
    display = AttributionDisplay(values, display_data=np.array([words], dtype=object)).plot("text", ax=ax)
    assert drawn(display) == [words]
    boxes = []
    for line in lines_of(display.word_texts_[0]):
        boxes = [text.get_window_extent() for text in line]
        assert boxes[0].x0 >= ax.bbox.x0 and boxes[-1].x1 <= ax.bbox.x1
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert boxes[0].y0 > ax.bbox.y0


def test_a_new_figure_is_as_high_as_the_texts_need():
    heights = []
    for n in (5, 400):
        words = np.array([["wonderful"] * n], dtype=object)
        display = AttributionDisplay(np.ones((1, n)), display_data=words).plot("text")
        assert drawn(display) == [["wonderful"] * n]
        lowest = display.word_texts_[0][-1].get_window_extent()
        assert lowest.y0 > display.ax_.child_axes[-1].get_tightbbox().y1
        heights.append(display.figure_.get_size_inches()[1])
        assert display.word_texts_[0][0].get_fontsize() == 10
    assert heights[1] > heights[0] + 5
    assert plt.get_fignums() == [1, 2]


def test_given_axes_make_letters_smaller_and_refuse_more_than_they_hold():
    words = np.array([["wonderful"] * 120], dtype=object)
    display = AttributionDisplay(np.ones((1, 120)), display_data=words)
    display.plot("text", ax=Figure(figsize=(6, 3.5)).subplots())
    assert len(drawn(display)[0]) == 120
    assert 5 <= display.word_texts_[0][0].get_fontsize() < 10
    with pytest.raises(ValueError, match=r"'ax' parameter of AttributionDisplay.plot .* 120 words in 1 texts"):
        display.plot("text", ax=Figure(figsize=(2, 1)).subplots())


def test_a_word_wider_than_the_axes_is_cut():
    words = np.array([["tiny", "x" * 500, "end"]], dtype=object)
    display = AttributionDisplay(np.ones((1, 3)), display_data=words)
    display.plot("text", ax=Figure(figsize=(4, 3)).subplots())
    first, long, last = drawn(display)[0]
    assert (first, last) == ("tiny", "end")
    assert re.fullmatch("x+…", long)
    assert display.word_texts_[0][1].get_window_extent().x1 <= display.ax_.bbox.x1


def test_wrapping_fills_lines():
    assert wrap([], 1.0, 5.0) == []
    assert wrap([2.0, 2.0, 2.0], 1.0, 5.0) == [[0, 1], [2]]
    assert wrap([2.0, 2.0, 2.0], 1.0, 4.9) == [[0], [1], [2]]


@pytest.mark.parametrize("value", [-1.0, -0.7, -0.45, -0.1, 0.0, 0.2, 0.5, 0.75, 1.0, 3.0])
def test_words_are_readable_on_their_colour(value):
    def luminance(color):
        parts = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(color)]
        return np.dot(parts, [0.2126, 0.7152, 0.0722]) + 0.05

    scale = SignedScale(1.0, 1.0)
    low, high = sorted([luminance(scale.background(value)), luminance(scale.ink(value))])
    assert high / low >= 4.5
    red, _, blue = to_rgb(scale.background(value))
    assert np.sign(red - blue) == np.sign(value)


class Page(HTMLParser):
    """Reads what a browser would show: words with their titles, and which tags there are."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.title, self.open = set(), [], None, []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)
        self.title = dict(attrs).get("title") if tag == "span" else None

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.title = None

    def handle_data(self, data):
        if self.title is not None:
            self.words.append((data, self.title))


def test_html_holds_words_and_numbers_in_order():
    html = display_of(outputs=[1.5, 2.5, 3.5], base_values=0.25, name="IG <1>").to_html(max_display=2)
    page = Page(html)
    assert page.open == []
    minus = "\N{MINUS SIGN}"
    assert page.words[:4] == [("not", f"{minus}2"), ("a", "0"), ("good", "+1"), ("film", "+0.5")]
    assert [word for word, _ in page.words[4:9]] == ["costs", "$5", "and", "$6", "!"]
    assert [word for word, _ in page.words[9:]] == [f"{minus}4", f"{minus}2", "0", "+2", "+4"]  # the legend
    columns = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', html)
    assert columns == ["row", "f(x)", "base value", "text"]
    assert re.findall(r"<td [^>]*nowrap;\">([^<]*)</td>", html) == ["1.5", "0.25", "2.5", "0.25"]
    assert "IG &lt;1&gt;" in html
    assert "(2 of 3 rows shown)" in html


def test_html_of_words_alone_has_no_empty_columns():
    html = display_of(target_name="odds of $").to_html(row=1)
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', html) == ["row", "text"]
    assert "attribution to odds of $: " in html
    assert [word for word, _ in Page(html).words[:5]] == ["costs", "$5", "and", "$6", "!"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_html_never_takes_a_word_for_markup(words):
    words = [*words, "<script>alert('x')</script>", '"><img src=x onerror=y>', "&amp;"]
    display = AttributionDisplay(
        np.ones((1, len(words))),
        display_data=np.array([words], dtype=object),
        name=words[-3],
        row_names=words[-2:-1],
        target_name=words[0],
    )
    html = display.to_html()
    assert "<script" not in html and "<img" not in html
    assert Page(html).tags == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "p"}
    shown = [unescape(word) for word in re.findall(r'title="\+1">([^<]*)</span>', html)]
    visible = [" ".join(word.split()) or "\N{OPEN BOX}" for word in words]
    assert shown[: len(words)] == visible


def test_notebooks_show_html_after_a_picture_of_words_only(ax):
    display = display_of()
    assert display._repr_html_() is None
    display.plot("text", row=1, ax=ax)
    assert display._repr_html_() == display.to_html(row=1) != display.to_html()
    assert display.plot("bar", ax=Figure().subplots())._repr_html_() is None


def test_html_needs_no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "good" in display_of().to_html()


def test_missing_words_are_padding_and_white_space_is_visible(ax):
    words = np.array([["a", None, np.nan, " \n", "two\nlines"]], dtype=object)
    display = AttributionDisplay(np.ones((1, 5)), display_data=words).plot("text", ax=ax)
    assert drawn(display) == [["a", "\N{OPEN BOX}", "two lines"]]


def test_keyword_arguments_reach_matplotlib(ax):
    display = display_of().plot("text", ax=ax, fontsize=8, style="italic")
    word = display.word_texts_[0][0]
    assert (word.get_fontsize(), word.get_style()) == (8, "italic")


class Explainer:
    """Explains texts: the attribution of a word is its length, of several outputs a multiple of it."""

    def __init__(self, classes=None):
        if classes is not None:
            self.classes_ = np.array(classes)

    def _words(self, X):
        split = [text.split() for text in X]
        width = max(map(len, split))
        return np.array([words + [""] * (width - len(words)) for words in split], dtype=object)

    def explained_output(self, X):
        return self.explain(X).values.sum(axis=1)

    def explain(self, X):
        words = self._words(X)
        values = np.vectorize(len)(words).astype(float)
        if hasattr(self, "classes_"):
            values = values[..., None] * np.arange(len(self.classes_))
        base = np.zeros((len(X), *values.shape[2:]))
        return shap.Explanation(values, base, np.array(X, dtype=object), display_data=words)


@pytest.mark.parametrize("target", [None, "good"])
def test_from_estimator_explains_texts(target, ax):
    texts = ["an awful film", "fine"]
    explainer = Explainer(target and ["bad", "good"])
    display = AttributionDisplay.from_estimator(explainer, texts, kind="text", target=target, ax=ax)
    assert drawn(display) == [["an", "awful", "film"], ["fine"]]
    assert_allclose(display.attributions, [[2, 5, 4], [4, 0, 0]])
    assert_allclose(display.outputs, [11, 4])
    assert display.target_name == target
    assert "row 0, f(x) = 11, base value = 0" in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("method", ["plot", "to_html"])
@pytest.mark.parametrize("values", [np.ones((2, 3)), np.ones((2, 1, 3, 3))])
def test_words_are_needed(values, method):
    display = AttributionDisplay(values)
    with pytest.raises(ValueError, match=rf"of AttributionDisplay.{method} can be 'text' only .*'display_data'"):
        display.plot("text") if method == "plot" else display.to_html()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("parameter", "value"), [("max_display", -1), ("row", 3)])
def test_wrong_rows_of_html_are_named(parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of AttributionDisplay.to_html"):
        display_of().to_html(**{parameter: value})
