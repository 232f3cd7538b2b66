"""What an entry of the guide says of a class or function: its description, as reStructuredText."""

from __future__ import annotations

from docs._ext.public_objects import PublicObject
from sklearn_xai.explainers.description import describe

KINDS = {"table": "tables", "image": "images", "tokens": "texts"}


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
        "References": "\n\n   ".join(found.references),
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
