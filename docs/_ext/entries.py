"""Directives that show in a page of the guide what a docstring says: ``explainer``, ``metric`` and ``described``."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Parser
from docutils.utils import new_document
from sphinx.util.docutils import SphinxDirective

from docs._ext.entry_text import entry_text
from docs._ext.public_objects import public_objects


def setup(app):
    """Make the directives known."""
    for name in ("explainer", "metric", "described"):
        app.add_directive(name, Entry)
    return {"parallel_read_safe": True}


class Entry(SphinxDirective):
    """A short entry of a public class or function, by its name: question, equation, limits, cost, needs, references."""

    required_arguments = 1

    def run(self):
        """Return the entry as nodes."""
        name = self.arguments[0]
        matching = [each for each in public_objects() if name in (each.name, each.address)]
        if len(matching) != 1:
            raise self.error(f"{self.name}: {name!r} names {len(matching) or 'no'} public objects, and must name one")
        self.env.note_dependency(__file__)
        entry = nodes.container(classes=["entry"])
        entry += _parsed(entry_text(matching[0]), self.state.document)
        return [entry]


def _parsed(text, document):
    inner = new_document(document["source"], document.settings)
    inner.reporter = document.reporter
    Parser().parse(text, inner)
    return inner.children
