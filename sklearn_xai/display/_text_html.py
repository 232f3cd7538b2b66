"""Attributions of texts as HTML: a table of rows whose words carry the colours of their attributions."""

from __future__ import annotations

from html import escape

from sklearn_xai.display._common import number_text
from sklearn_xai.display._signed_scale import SignedScale
from sklearn_xai.display._text_plots import Passage

_CELL = "padding:4px 10px;vertical-align:top;text-align:left;border-bottom:1px solid #dddddd;"
_WORD = "padding:1px 3px;border-radius:3px;"


def texts_to_html(
    passages: list[Passage], facts: list[dict[str, str]], scale: SignedScale, *, caption: str, quantity: str, note: str
) -> str:
    """Return texts as one HTML table, without scripts, every text escaped.

    Parameters
    ----------
    passages : list of Passage
    facts : list of dict of str to str
        What is said of each text, the same keys for all: the columns before the text.
    scale : SignedScale
        The colours.
    caption, quantity, note : str
        The title of the table, what the numbers are, and what is left out; not shown where empty.

    Returns
    -------
    html : str
    """
    names = [*facts[0], "text"]
    header = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in names)
    rows = "".join(_row(passage, facts_of_row, scale) for passage, facts_of_row in zip(passages, facts, strict=True))
    title = f'<caption style="text-align:left;font-weight:bold;">{escape(caption)}</caption>' if caption else ""
    return (
        '<div style="font-family:sans-serif;font-size:14px;color:#000000;background-color:#ffffff;padding:6px;">'
        f'<table style="border-collapse:collapse;">{title}<thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>'
        f"{_legend(scale, quantity)}{f'<p>{escape(note)}</p>' if note else ''}</div>"
    )


def _row(passage: Passage, facts: dict[str, str], scale: SignedScale) -> str:
    values = list(facts.values())
    cells = f'<th scope="row" style="{_CELL}font-weight:normal;">{escape(values[0])}</th>'
    cells += "".join(f'<td style="{_CELL}white-space:nowrap;">{escape(value)}</td>' for value in values[1:])
    words = " ".join(
        _word(word, float(value), scale) for word, value in zip(passage.words, passage.values, strict=True)
    )
    return f'<tr>{cells}<td style="{_CELL}line-height:1.7;">{words}</td></tr>'


def _word(word: str, value: float, scale: SignedScale) -> str:
    style = f"background-color:{scale.background(value)};color:{scale.ink(value)};{_WORD}"
    return f'<span style="{style}" title="{number_text(value, signed=True)}">{escape(word)}</span>'


def _legend(scale: SignedScale, quantity: str) -> str:
    steps = [scale.limit * share for share in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    return (
        f'<p style="font-size:12px;">{escape(quantity)}: '
        + " ".join(_word(number_text(step, signed=True), step, scale) for step in steps)
        + "</p>"
    )
