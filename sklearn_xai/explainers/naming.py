"""Explainers by the names that people give them."""

from __future__ import annotations

import re
from difflib import get_close_matches

from sklearn_xai.base import BaseExplainer
from sklearn_xai.explainers.description import describe
from sklearn_xai.explainers.discovery import all_explainers

ROWS_OF = {"table": "tables", "image": "images", "tokens": "texts"}


def short_name(name: str) -> str:
    """Return the name of a class as a reader is told it, without "Explainer"."""
    return name.removesuffix("Explainer")


def explainer_named(given: str, inputs: str | None = None) -> tuple[str, type[BaseExplainer]]:
    """Find an explainer, however its name is spelled.

    Parameters
    ----------
    given : str
        With or without "Explainer", in any case, hyphenated, or by its capitals (IG).
    inputs : {"table", "image", "tokens"} or None, default=None
        What is to be explained.

    Returns
    -------
    name : str
        Without "Explainer".
    kind : type

    Raises
    ------
    ValueError
        When there is none, or it does not explain such rows; the message names the nearest, or all.

    Examples
    --------
    >>> from sklearn_xai.explainers.naming import explainer_named
    >>> explainer_named("integrated-gradients")[0], explainer_named("ig")[0]
    ('IntegratedGradients', 'IntegratedGradients')
    """
    known = {short_name(name): kind for name, kind in all_explainers(inputs=inputs)}
    initials = {"".join(c for c in name if c.isupper()).lower(): name for name in known}
    by_key = {**initials, **{_key(name): name for name in known}}
    name = by_key.get(_key(given))
    if name is not None:
        return name, known[name]
    others = {_key(name): kind for name, kind in all_explainers()}
    if inputs is not None and _key(given) in others:
        explained = " and ".join(ROWS_OF[kind] for kind in others[_key(given)]._inputs)
        asked = "this is a table" if inputs == "table" else f"not {ROWS_OF[inputs]}"
        raise ValueError(f"{given.strip()} explains {explained}, and {asked}; there are {', '.join(known)}")
    raise ValueError(f"there is no explainer {given.strip()!r}; {_hint(given, known, by_key)}")


def _hint(given, known, by_key):
    """Return which was meant: one of nearly this name, or one whose documentation has the word (LIME)."""
    meant = [name for name in known if len(_key(given)) > 2 and _key(given) in _key(name)]
    meant = meant or [by_key[key] for key in get_close_matches(_key(given), by_key, n=1)]
    word = re.compile(rf"\b{re.escape(given.strip())}\b", re.IGNORECASE)
    meant = meant or [name for name, kind in known.items() if word.search(describe(kind).question)]
    meant = meant or [name for name, kind in known.items() if word.search(kind.__doc__ or "")]
    return f"did you mean {' or '.join(meant)}?" if 0 < len(meant) <= 4 else f"there are {', '.join(known)}"


def _key(name):
    return "".join(c for c in name.lower() if c.isalnum()).removesuffix("explainer")
