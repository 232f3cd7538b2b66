"""Equations as MathML, which browsers draw themselves: no script, no font and no file from elsewhere."""

from __future__ import annotations

import re
from html import escape

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

# What docutils does not know, and MathML does not need: sizes of brackets, the style of inline equations
NOT_NEEDED = re.compile(r"\\([bB]igg?[lrm]?|textstyle)(?![A-Za-z])")


def setup(app):
    """Make ``mathml`` known as a renderer of equations."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator, node):
    translator.body.append(_mathml(node.astext(), node, as_block=False))
    raise SkipNode


def _block(translator, node):
    number = f'<span class="eqno">({get_node_equation_number(translator, node)})</span>' if node["number"] else ""
    lines = (_mathml(line, node, as_block=True) for line in node.astext().split("\n\n") if line.strip())
    translator.body.append(f'<div class="equation">{number}{"".join(lines)}</div>')
    raise SkipNode


def _mathml(equation, node, as_block):
    try:
        return tex2mathml(NOT_NEEDED.sub("", equation).replace(r"\dots", r"\ldots"), as_block=as_block)
    except MathError as error:
        logging.getLogger(__name__).warning("an equation cannot be drawn: %s", error, location=node)
        return f"<code>{escape(equation)}</code>"
