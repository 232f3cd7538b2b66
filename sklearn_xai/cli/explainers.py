"""``sklearn-xai explainers``: what each explainer answers, needs and costs, and when it misleads."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from difflib import get_close_matches

from sklearn_xai import all_explainers
from sklearn_xai.cli._arguments import LOOK
from sklearn_xai.cli._results import make_console
from sklearn_xai.cli._table import UserError
from sklearn_xai.explainers.description import describe, first_sentence
from sklearn_xai.explainers.discovery import KINDS
from sklearn_xai.explainers.equations import as_text

NAME = "explainers"
_BLANKS = re.compile(r"(?: |\x1b\[[0-9;]*m)+$")  # and colours that begin or end among them
_NARROW = 110  # columns below which a table of five is a heap of single words
_HINT = "sklearn-xai explainers NAME tells all of one, and when it misleads."
_ROWS_OF = {"table": "tables", "image": "images", "tokens": "texts"}

EXAMPLES = """examples:
  sklearn-xai explainers
      all of them: what each answers, needs and costs
  sklearn-xai explainers IntegratedGradients
      one in full: equation, when it misleads, parameters, references
  sklearn-xai explainers --inputs image
      those that explain images
  sklearn-xai explainers --json
      all that is known of them, for a program
"""


def add_to(commands):
    """Add the command to those of the parser."""
    command = commands.add_parser(NAME, help="list the explainers, or tell all of one", epilog=EXAMPLES, **LOOK)
    command.add_argument("explainer", metavar="NAME", nargs="?", help="tell all of this one")
    command.add_argument("--inputs", choices=KINDS, help="only those that explain such rows")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=run)


def short_name(name):
    """Return the name of a class as the command line takes it."""
    return name.removesuffix("Explainer")


def explainer_named(given, inputs=None):
    """Find an explainer, however its name is spelled.

    Parameters
    ----------
    given : str
        With or without "Explainer", in any case, hyphenated, or by its capitals (IG).
    inputs : str, optional
        What is to be explained.

    Returns
    -------
    name : str
        As the command line takes it.
    kind : type

    Raises
    ------
    UserError
        When there is none; it names the nearest, or all.
    """
    known = {short_name(name): kind for name, kind in all_explainers(inputs=inputs)}
    initials = {"".join(c for c in name if c.isupper()).lower(): name for name in known}
    by_key = {**initials, **{_key(name): name for name in known}}
    name = by_key.get(_key(given))
    if name is not None:
        return name, known[name]
    others = {_key(name): kind for name, kind in all_explainers()}
    if _key(given) in others:
        explained = " and ".join(_ROWS_OF[kind] for kind in others[_key(given)]._inputs)
        asked = f"this is a {inputs}" if inputs == "table" else f"not {_ROWS_OF[inputs]}"
        raise UserError(f"{given.strip()} explains {explained}, and {asked}; there are {', '.join(known)}")
    raise UserError(f"there is no explainer {given.strip()!r}; {_hint(given, known, by_key)}")


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


def run(args):
    """Print the explainers, or all of one."""
    if args.explainer is None:
        kinds = [kind for _, kind in all_explainers(inputs=args.inputs)]
    else:
        kinds = [explainer_named(args.explainer, args.inputs)[1]]
    found = [describe(kind).plain() for kind in kinds]
    console = make_console()
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    elif args.explainer is not None:
        _print_in_full(console, found[0])
    elif not console.is_terminal:
        _print_lines(found)
    elif console.width < _NARROW:
        _print_blocks(console, found)
    else:
        _print_table(console, found)


# ---------------------------------------------------------------------- all of them
def _needs(found):
    """Return what an explainer needs, with what it explains where that is no table."""
    if "table" in found.inputs:
        return found.needs
    return f"{found.needs}, {' or '.join(_ROWS_OF[kind] for kind in found.inputs)}"


def _cost(found):
    return first_sentence(found.cost).rstrip(".")


def _print_lines(found):
    """Print one line each, for grep and other programs."""
    names = [short_name(one.name) for one in found]
    widths = [max(map(len, part)) for part in (names, map(_needs, found), [one.adds_up for one in found])]
    for name, one in zip(names, found, strict=True):
        parts = [text.ljust(width) for text, width in zip((name, _needs(one), one.adds_up), widths, strict=True)]
        print("  ".join([*parts, f"{one.question}  {_cost(one)}."]))


def _print_blocks(console, found):
    from rich.text import Text

    parts = []
    for one in found:
        facts = f"Needs {_needs(one)}. Adds up: {one.adds_up}. {_cost(one)}."
        parts += [
            Text(short_name(one.name), style="bold"),
            _indented(one.question),
            _indented(Text(facts, style="dim")),
        ]
    _print(console, *parts, "", _HINT)


def _print_table(console, found):
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, expand=True, leading=1)
    table.add_column("explainer", no_wrap=True, style="bold")
    table.add_column("what it answers", ratio=6)
    table.add_column("needs", ratio=3, min_width=len("convolutions,"))
    table.add_column("adds up", ratio=3)
    table.add_column("costs", ratio=5)
    for one in found:
        table.add_row(short_name(one.name), one.question, _needs(one), one.adds_up, _cost(one))
    _print(console, table, "", _HINT)


# ---------------------------------------------------------------------- one of them
def _print_in_full(console, found):
    from rich.table import Table
    from rich.text import Text

    parameters = Table.grid(padding=(0, 2, 0, 0))
    parameters.add_column(no_wrap=True)
    parameters.add_column()
    for name, said in found.parameters.items():
        parameters.add_row(name, said)
    explained = ", ".join(_ROWS_OF[kind] for kind in found.inputs)
    parts = {
        "Equation": [_printable(line, console.encoding) for line in found.equation.splitlines()],
        "When it misleads": [found.misleads.replace("Misleads w", "W", 1)],
        "Cost": [found.cost],
        "Needs": [f"{found.needs}; explains {explained}"],
        "Adds up": [found.adds_up],
        "Parameters": [parameters],
        "References": found.references,
    }
    lines = [Text(found.name, style="bold"), found.question]
    for heading, part in parts.items():
        lines += ["", Text(heading, style="bold"), *map(_indented, part)]
    _print(console, *lines)


def _indented(part):
    from rich.padding import Padding

    return Padding(part, (0, 0, 0, 2))


def _print(console, *parts):
    """Print without the blanks that fill up the lines."""
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    for line in capture.get().splitlines():
        print(_BLANKS.sub(lambda end: end[0].replace(" ", ""), line))


def _printable(tex, encoding):
    """Return an equation as text, or as it is where a terminal has not the letters."""
    text = as_text(tex)
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return tex
    return text
