"""What a method answers, when it misleads, what it costs: read from its docstring and its class attributes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from textwrap import dedent
from typing import Any

from sklearn_xai.explainers.equations import as_text

_HEADING = re.compile(r"^(\S.*)\n-{3,}[ ]*$", re.MULTILINE)
_MATH = re.compile(r"^( *)\.\. math::(.*(?:\n(?:\1[ ]+.*|[ ]*$))*)", re.MULTILINE)
_INLINE = re.compile(r":math:`([^`]*)`")
_ROLE = re.compile(r":[\w:]+:`~?([^`]*)`")
_PARAMETER = re.compile(r"^([*\w, ]+) : (?:.*\\\n)*.*\n((?:[ ]+.*\n?|\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Description:
    """What a reader wants to know of a method before it is used; texts are reStructuredText in one line.

    Attributes
    ----------
    name : str
        Name of the class or function.
    question : str
        What it answers: the first line of its docstring.
    equation : str
        Its equations in LaTeX, one to a line; "" where it has none.
    misleads : str
        When it misleads.
    cost : str
        What it costs, in evaluations of the model; the first sentence is enough for a table.
    needs : str
        Which models it explains.
    inputs : tuple of {"table", "image", "tokens"}
        Which rows it explains.
    adds_up : str
        What the attributions of a row add up to: "to the output", "no" and others.
    parameters : dict of str to str
        The first sentence on each parameter.
    references : list of str
        Authors, year, title.
    """

    name: str
    question: str
    equation: str
    misleads: str
    cost: str
    needs: str
    inputs: tuple[str, ...]
    adds_up: str
    parameters: dict[str, str]
    references: list[str]

    def plain(self) -> Description:
        """Return the same without markup, for a page or a terminal; the equation stays LaTeX.

        Returns
        -------
        Description

        Examples
        --------
        >>> from sklearn_xai import SaliencyExplainer
        >>> from sklearn_xai.explainers.description import describe
        >>> "`" in describe(SaliencyExplainer).plain().misleads
        False
        """
        texts = {field.name: _plain(getattr(self, field.name)) for field in fields(self) if field.name != "equation"}
        return replace(self, **texts)


def describe(kind: Callable[..., Any]) -> Description:
    """Read the description of an explainer, of another estimator or of a metric.

    There is one source: the docstring, with a paragraph of its notes that begins "Misleads when" or "Misleads where"
    and one that begins "Cost:", and what explainers declare as class attributes.

    Parameters
    ----------
    kind : type or function
        A public class or function with a numpydoc docstring.

    Returns
    -------
    Description
        What a docstring does not have is empty.

    See Also
    --------
    sklearn_xai.all_explainers : The explainers that there are.

    Examples
    --------
    >>> from sklearn_xai import IntegratedGradientsExplainer
    >>> from sklearn_xai.explainers.description import describe
    >>> found = describe(IntegratedGradientsExplainer)
    >>> found.question
    'How does each feature contribute to the difference of the output from that of a baseline?'
    >>> found.needs, found.adds_up
    ('a network', 'to the output')
    """
    sections = _sections(inspect.getdoc(kind) or "")
    notes = [_one_line(part) for part in sections.get("Notes", "").split("\n\n")]
    return Description(
        name=kind.__name__,
        question=_one_line(sections[""].split("\n\n")[0]),
        equation=_equation(sections[""]) or _equation(sections.get("Notes", "")),
        misleads=next((part for part in notes if part.startswith(("Misleads when ", "Misleads where "))), ""),
        cost=_upper(next((part.removeprefix("Cost: ") for part in notes if part.startswith("Cost: ")), "")),
        **_facts(kind),
        parameters=_parameters(sections.get("Parameters", "")),
        references=[_one_line(part) for part in sections.get("References", "").split("\n\n") if part.strip()],
    )


def _facts(kind):
    """Return what classes declare; of what is no explainer, nothing is known."""
    gradients, additive = getattr(kind, "_gradients", None), getattr(kind, "_additive", None)
    if gradients is None:
        return {"needs": "", "inputs": (), "adds_up": ""}
    return {
        "needs": getattr(kind, "_needs", "") or ("a network" if gradients else "any model"),
        "inputs": getattr(kind, "_inputs", ()),
        "adds_up": getattr(kind, "_adds_up", "") or {True: "to the output", False: "no"}.get(additive, ""),
    }


def _sections(text):
    """Split a docstring at its underlined headings; what stands before the first of them is called ""."""
    lead, *parts = _HEADING.split(text)
    bodies = [body.strip("\n") for body in parts[1::2]]
    return {"": lead.strip(), **dict(zip(parts[::2], bodies, strict=True))}


def _equation(text):
    return "\n".join(_one_line(dedent(found)).rstrip(",;. ") for _, found in _MATH.findall(text))


def _parameters(text):
    said = {}
    for names, body in _PARAMETER.findall(text):
        for name in names.split(","):
            said[name.strip()] = first_sentence(_one_line(body))
    return said


def first_sentence(text: str) -> str:
    """Return a text up to its first full stop, which ends no abbreviation and no number.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> from sklearn_xai.explainers.description import first_sentence
    >>> first_sentence("Takes 0.5 s a row. More with groups.")
    'Takes 0.5 s a row.'
    """
    return re.split(r"(?<=[.?!])(?<!e\.g\.)(?<!i\.e\.)(?<! al\.)\s+(?=[A-Za-z\"`])", text, maxsplit=1)[0]


def _one_line(text):
    return " ".join(text.split())


def _upper(text):
    return text[:1].upper() + text[1:]


def _plain(value):
    if isinstance(value, str):
        value = _INLINE.sub(lambda found: as_text(found[1]), value)
        return _ROLE.sub(r"\1", value).replace("`", "").replace("\\ ", "")
    if isinstance(value, dict):
        return {name: _plain(text) for name, text in value.items()}
    return type(value)(_plain(text) for text in value)
