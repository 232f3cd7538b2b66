"""The page of a report: one HTML file that asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from html import escape
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING, Any

from sklearn_xai.report._content import Block, Code, Content, Figure, Rows, Table, Text
from sklearn_xai.report._page_rows import as_json, explorer
from sklearn_xai.report._page_svg import inline_svg
from sklearn_xai.report._page_tables import table_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Environment

_STYLES = ("style.css", "blocks.css", "explorer.css", "print.css")
_SCRIPTS = ("tables.js", "explorer.js", "page.js")


def render(content: Content) -> str:
    """Return a report as one HTML page that is complete in itself.

    The page loads nothing, not even when it is asked to: its content security policy allows its own style and its own
    script alone. All text of `content` is text on the page, whatever it holds.

    Parameters
    ----------
    content : Content

    Returns
    -------
    html : str

    Raises
    ------
    ValueError
        If two sections have the same key, a caution names a section that is not there, or a figure is not SVG.

    Examples
    --------
    >>> from sklearn_xai.report._content import Content, Section, Text
    >>> section = Section("data", "The data", "What was seen?", "Three rows.", [Text(["All of them <small>."])])
    >>> html = render(Content("A report", "on three rows", [], [], [section]))
    >>> "All of them &lt;small&gt;." in html
    True
    """
    anchors = _anchors(content)
    numbers: dict[str, Iterator[int]] = {kind: count(1) for kind in ("figure", "table", "rows", "code")}
    sections = [
        {
            "anchor": anchors[section.key],
            "title": section.title,
            "question": section.question,
            "answer": section.answer,
            "blocks": [_block_view(block, numbers) for block in section.blocks],
        }
        for section in content.sections
    ]
    titles = {section.key: section.title for section in content.sections}
    style, script = _asset(_STYLES), _asset(_SCRIPTS)
    html = (
        _environment()
        .get_template("page.html")
        .render(
            content=content,
            sections=sections,
            cautions=[
                {"text": caution.text, "anchor": anchors.get(caution.section), "title": titles.get(caution.section)}
                for caution in content.cautions
            ],
            style=style,
            script=script,
            policy=_policy(style, script),
        )
    )
    # Half a surrogate pair, which a column of Python text can hold, has no place in a file.
    return html.encode("utf-8", "replace").decode("utf-8")


def notebook_frame(html: str, height: int = 800) -> str:
    """Return the HTML of a frame that shows a page within a notebook, out of reach of the notebook.

    Parameters
    ----------
    html : str
        A whole page.
    height : int
        In pixels.

    Returns
    -------
    html : str

    Examples
    --------
    >>> notebook_frame("<p>A &amp; B</p>", height=300)[:52]
    '<iframe title="Report of explanations" height="300" '
    """
    return (
        f'<iframe title="Report of explanations" height="{int(height)}" sandbox="allow-scripts" '
        f'style="width:100%;border:0" srcdoc="{escape(html)}"></iframe>'
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sklearn_xai.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _breakable(text: str) -> Any:
    """Return text in which a name such as IntegratedGradients may go on in the next line where its parts meet."""
    from markupsafe import Markup

    return Markup("<wbr>").join(re.split(r"(?<=[a-z])(?=[A-Z])", text))


@cache
def _asset(names: tuple[str, ...]) -> Any:
    from markupsafe import Markup

    folder = files("sklearn_xai.report") / "page"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def _policy(style: str, script: str) -> str:
    """Return the content security policy under which this style and this script work, and nothing else does."""

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _anchors(content: Content) -> dict[str, str]:
    """Return the id of each section by its key."""
    anchors: dict[str, str] = {}
    for section in content.sections:
        if section.key in anchors:
            raise ValueError(
                f"render: each section needs a key of its own. {section.key!r} is the key of two sections."
            )
        anchors[section.key] = "section-" + re.sub(r"[^A-Za-z0-9_-]+", "-", section.key)
    if len(set(anchors.values())) < len(anchors):
        raise ValueError(f"render: keys of sections must differ in letters or digits. Got {sorted(anchors)}.")
    for caution in content.cautions:
        if caution.section and caution.section not in anchors:
            raise ValueError(
                f"render: a caution names the section {caution.section!r}, which is not among {sorted(anchors)}."
            )
    return anchors


def _block_view(block: Block, numbers: dict[str, Iterator[int]]) -> dict[str, Any]:
    """Return what the template needs of a block; `numbers` counts the blocks of each kind."""
    if isinstance(block, Text):
        return {"kind": "text", "paragraphs": block.paragraphs}
    if isinstance(block, Figure):
        number = next(numbers["figure"])
        svg, wide = inline_svg(block.svg, block.alt, f"figure-{number}-")
        return {"kind": "figure", "number": number, "svg": svg, "wide": wide, "caption": block.caption}
    if isinstance(block, Table):
        return {"kind": "table", "number": next(numbers["table"]), **table_view(block)}
    if isinstance(block, Rows):
        view = explorer(block)
        return {"kind": "rows", "number": next(numbers["rows"]), "json": as_json(view), **view}
    if isinstance(block, Code):
        return {"kind": "code", "number": next(numbers["code"]), "text": block.text, "caption": block.caption}
    raise TypeError(f"render: a block must be a Text, Figure, Table, Rows or Code. Got {type(block).__name__}.")
