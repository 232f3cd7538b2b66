"""How attributions of texts are drawn: words in reading order, each on the colour of its attribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import ANNOTATION_SIZE, INK, MUTED, inches_of
from sklearn_xai.display._signed_scale import SignedScale, signed_colormap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

FONT_SIZE = 10.0
SMALLEST_FONT = 5.0
LINE = 1.75  # distance of lines, in font sizes
SPACE = 0.5  # distance of words, in font sizes; it holds the margins of two coloured boxes
SCALE_INCHES = 0.5
MARGIN = 0.16  # of a coloured box around its word, in font sizes


@dataclass
class Passage:
    """One text: what is said of it, its words, and an attribution for each word."""

    header: str
    words: list[str]
    values: np.ndarray


def passage_of(header: str, words: np.ndarray, values: np.ndarray) -> Passage:
    """Return a text without its padding: cells that hold no word ("", None or NaN)."""
    kept = [i for i, word in enumerate(words) if not (word is None or word != word or str(word) == "")]
    # White space is a token like any other, but nobody sees it.
    return Passage(header, [" ".join(str(words[i]).split()) or "\N{OPEN BOX}" for i in kept], values[kept])


def scale_of(passages: list[Passage]) -> SignedScale:
    """Return the colours that all words of all texts share."""
    return SignedScale.of(np.concatenate([passage.values for passage in passages]))


def wrap(widths: list[float], space: float, available: float) -> list[list[int]]:
    """Return the positions of words for each line: as many as fit, at least one.

    Examples
    --------
    >>> from sklearn_xai.display._text_plots import wrap
    >>> wrap([3.0, 4.0, 2.0, 9.0, 1.0], space=1.0, available=8.0)
    [[0, 1], [2], [3], [4]]
    """
    lines: list[list[int]] = []
    end = np.inf
    for i, width in enumerate(widths):
        if end + space + width > available:
            lines.append([i])
            end = width
        else:
            lines[-1].append(i)
            end += space + width
    return lines


def draw_texts(
    ax: Axes, passages: list[Passage], *, quantity: str, own_figure: bool, **kwargs: Any
) -> list[list[Text]]:
    """Draw texts below one another and the scale of their colours; return the words of each text.

    A figure of our own becomes as high as the texts need; in axes of somebody else the letters become smaller.
    """
    scale = scale_of(passages)
    _empty(ax)
    headers = [_write(ax, passage.header, color=INK, fontweight="bold") for passage in passages]
    words = [
        [
            _write_word(ax, word, value, scale, **kwargs)
            for word, value in zip(passage.words, passage.values, strict=True)
        ]
        for passage in passages
    ]
    size = next((float(word.get_fontsize()) for row in words for word in row), FONT_SIZE)
    blocks = list(zip(headers, words, strict=True))
    width, height = inches_of(ax)
    lines = _lines(blocks, size, width)
    if own_figure:
        _grow(ax, height, _height(lines, size))
        width, height = inches_of(ax)
    while _height(lines, size) > height + 0.02:
        size -= 0.5
        if size < SMALLEST_FONT:
            raise ValueError(
                f"The 'ax' parameter of AttributionDisplay.plot must have room for {sum(map(len, words)):,} words in "
                f"{len(words)} texts. Got axes of {width:.1f} x {height:.1f} inches; give larger ones or none, or draw "
                "fewer texts with 'max_display' or 'row'."
            )
        lines = _lines(blocks, size, width)
    _place(blocks, lines, size, (width, height))
    _draw_scale(ax, scale, quantity, (width, height))
    return words


def _empty(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _draw_scale(ax: Axes, scale: SignedScale, quantity: str, inches: tuple[float, float]) -> None:
    """Draw the colours and what they mean at the bottom of the axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width, height = inches
    bar_axes = ax.inset_axes((0.01, 0.22 / height, min(3.0, 0.8 * width) / width, 0.1 / height))
    shown = ScalarMappable(Normalize(-scale.limit, scale.limit), signed_colormap())
    where: dict[str, Any] = {"cax": bar_axes, "orientation": "horizontal", "extendfrac": 0.03}
    bar = ax.figure.colorbar(shown, extend=scale.extend, **where)
    bar_axes.set_title(quantity, loc="left", fontsize=ANNOTATION_SIZE, pad=3)
    bar.outline.set_color(MUTED)
    bar.ax.tick_params(length=0, labelsize=ANNOTATION_SIZE)


def _write(ax: Axes, text: str, **style: Any) -> Text:
    style = {"fontsize": FONT_SIZE, "va": "baseline", "ha": "left", "transform": ax.transAxes, **style}
    artist = ax.text(0.0, 0.0, text, parse_math=False, **style)
    artist.set_in_layout(False)  # its place follows from the size of the axes
    return artist


def _write_word(ax: Axes, word: str, value: float, scale: SignedScale, **kwargs: Any) -> Text:
    color = scale.background(value)
    box = {"boxstyle": f"square,pad={MARGIN}", "facecolor": color, "edgecolor": "none"}
    return _write(ax, word, **{"color": scale.ink(value), "bbox": box, **kwargs})


def _lines(blocks: list[tuple[Text, list[Text]]], size: float, width: float) -> list[list[list[int]]]:
    """Give all words a font size and break each text into lines of `width` inches."""
    available = width - 2 * MARGIN * size / 72
    found = []
    for header, words in blocks:
        header.set_fontsize(size)
        widths = []
        for word in words:
            word.set_fontsize(size)
            widths.append(_cut(word, available))
        found.append(wrap(widths, SPACE * size / 72, available))
    return found


def _cut(word: Text, available: float) -> float:
    """Return the width of a word in inches; shorten it first if it is wider than a whole line."""
    width = _width(word)
    while width > available and len(word.get_text()) > 2:
        text = word.get_text()
        word.set_text(text[: max(1, min(len(text) - 2, int(len(text) * available / width) - 1))] + "…")
        width = _width(word)
    return width


def _width(word: Text) -> float:
    figure = word.get_figure(root=True)
    assert figure is not None  # the words are drawn into axes
    return word.get_window_extent().width / figure.dpi


def _height(lines: list[list[list[int]]], size: float) -> float:
    """Return the inches that texts need: a line for each header, half a line between texts, then the colours."""
    return sum(len(block) + 1.5 for block in lines) * LINE * size / 72 + SCALE_INCHES


def _grow(ax: Axes, height: float, wanted: float) -> None:
    """Make the figure so high that `ax`, of `height` inches now, has the inches that are `wanted`."""
    figure = ax.figure.canvas.figure
    width, total = figure.get_size_inches()
    figure.set_size_inches(width, total - height + wanted + 0.05)


def _place(
    blocks: list[tuple[Text, list[Text]]], lines: list[list[list[int]]], size: float, inches: tuple[float, float]
) -> None:
    """Put every word where it belongs, from the top of the axes down."""
    width, height = inches
    line, space, margin = LINE * size / 72, SPACE * size / 72, MARGIN * size / 72
    top = height - 0.75 * line
    for (header, words), block in zip(blocks, lines, strict=True):
        header.set_position((0.0, top / height))
        for positions in block:
            top -= line
            left = margin
            for i in positions:
                words[i].set_position((left / width, top / height))
                left += _width(words[i]) + space
        top -= 1.5 * line
