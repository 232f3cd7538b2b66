"""Directives that show in a page of the guide what a docstring says: ``explainer``, ``metric`` and ``described``."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Parser
from docutils.utils import new_document
from sphinx.util.docutils import SphinxDirective

from docs._ext.public_objects import PublicObject, public_objects
from sklearn_xai.explainers.description import describe

KINDS = {"table": "tables", "image": "images", "tokens": "texts"}


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


def entry_text(each: PublicObject) -> str:
    """Return an entry as reStructuredText, the language of docstrings.

    Parameters
    ----------
    each : PublicObject
        What the entry is about.

    Returns
    -------
    str
    """
    found = describe(each.value)
    lines = [f":py:obj:`{each.name} <{each.address}>`: {found.question}", ""]
    if found.equation:
        lines += [".. math::", "", *(f"   {line}" for line in _lines(found.equation)), ""]
    facts = {
        "Misleads": _capital(found.misleads.removeprefix("Misleads ")),
        "Cost": found.cost,
        "Adds up": _capital(found.adds_up),
        "Needs": _capital(found.needs) + (f"; {_list(found.inputs)}" if found.inputs else ""),
        "References": " ".join(found.references),
    }
    lines += [f":{title}: {said}" for title, said in facts.items() if said]
    return "\n".join(lines) + "\n"


def _lines(equation):
    """Put each of several equations into a line of its own, as Sphinx's directive reads them."""
    return [part for line in equation.splitlines() for part in (line, "")]


def _list(inputs):
    return ", ".join(KINDS[kind] for kind in inputs)


def _capital(text):
    return text[:1].upper() + text[1:]


def _parsed(text, document):
    inner = new_document(document["source"], document.settings)
    inner.reporter = document.reporter
    Parser().parse(text, inner)
    return inner.children
