"""Pictures for a page: drawn by the displays, without a trace in matplotlib's state, in the page's own ink."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sklearn_xai.display._common import GRID, INK
from sklearn_xai.report._content import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE_INK = "#010203"  # no picture has it by chance; where it is written, the page's colour of text will be
_MOST_POINTS = 300  # more points than that are one picture of pixels
_DPI = 160
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sklearn_xai",
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica", "sans-serif"],
    "font.size": 9.5,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), PAGE_INK),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.transparent": False,  # it would make what has a colour of its own transparent, too
    "savefig.dpi": _DPI,
}


def picture(draw: Callable[[Axes], Any], size: tuple[float, float], alt: str, caption: str = "") -> Figure:
    """Return what a function draws on axes of `size` inches, as SVG whose text and lines take the page's colour.

    Parameters
    ----------
    draw : callable
        Draws on the axes it is given, such as ``lambda ax: display.plot(ax=ax)``.
    size : (float, float)
        Width and height in inches.
    alt : str
        What there is to see, for a reader who cannot see it.
    caption : str, default=""

    Returns
    -------
    figure : Figure

    Examples
    --------
    >>> from sklearn_xai.report._figures import picture
    >>> "currentColor" in picture(lambda ax: ax.set_title("a"), (3, 2), "Empty axes.").svg
    True
    """
    return Figure(_drawn(draw, size), alt, caption)


def _drawn(draw: Callable[[Axes], Any], size: tuple[float, float]) -> str:
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    buffer = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A sign that the measuring font lacks is drawn by the browser's; a picture too narrow for a long name is cut.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message="constrained_layout not applied", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Canvas(figsize=size, layout="constrained")
        draw(figure.subplots())
        _prepare(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _in_page_colors(buffer.getvalue())


def _prepare(figure: Any) -> None:
    """Give the page's ink to what the displays draw in theirs, and make pixels of many points."""
    from matplotlib.collections import PathCollection
    from matplotlib.colors import same_color
    from matplotlib.text import Text

    for ax in figure.findobj(lambda artist: hasattr(artist, "images") and hasattr(artist, "texts")):
        on_cells = set(ax.texts) if ax.images else set()
        for text in ax.findobj(Text):
            if text not in on_cells and same_color(text.get_color(), INK):
                text.set_color(PAGE_INK)
            # The halo that parts a text from lines is of the axes' colour, which is the unknown one of the page.
            text.set_path_effects([])
    for points in figure.findobj(PathCollection):
        if len(points.get_offsets()) > _MOST_POINTS:
            points.set_rasterized(True)


def _in_page_colors(svg: str) -> str:
    svg = re.sub(rf"(stroke|fill): {GRID}", r"\1: currentColor; \1-opacity: 0.14", svg, flags=re.IGNORECASE)
    return re.sub(rf"{PAGE_INK}|{INK}(?=[;\"])", "currentColor", svg, flags=re.IGNORECASE)
