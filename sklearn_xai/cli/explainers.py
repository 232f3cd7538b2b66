"""``sklearn-xai explainers``: what each explainer answers, needs and costs, and when it misleads."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

from sklearn_xai import all_explainers
from sklearn_xai.cli._arguments import LOOK
from sklearn_xai.cli._results import make_console
from sklearn_xai.cli._table import UserError
from sklearn_xai.explainers.description import describe, first_sentence
from sklearn_xai.explainers.discovery import KINDS
from sklearn_xai.explainers.equations import as_text
from sklearn_xai.explainers.naming import ROWS_OF, explainer_named, short_name

NAME = "explainers"
_BLANKS = re.compile(r"(?: |\x1b\[[0-9;]*m)+$")  # and colours that begin or end among them
_NARROW = 110  # columns below which a table of five is a heap of single words
_HINT = "sklearn-xai explainers NAME tells all of one, and when it misleads."

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


def chosen_explainer(given, inputs=None):
    """Return (name, class) of an explainer; a UserError says which was meant when there is none."""
    try:
        return explainer_named(given, inputs)
    except ValueError as error:
        raise UserError(str(error)) from None


def run(args):
    """Print the explainers, or all of one."""
    if args.explainer is None:
        kinds = [kind for _, kind in all_explainers(inputs=args.inputs)]
    else:
        kinds = [chosen_explainer(args.explainer, args.inputs)[1]]
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
    return f"{found.needs}, {' or '.join(ROWS_OF[kind] for kind in found.inputs)}"


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
    explained = ", ".join(ROWS_OF[kind] for kind in found.inputs)
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
