"""``sklearn-xai explainers``: what each explainer answers."""

from __future__ import annotations

from sklearn_xai import all_explainers
from sklearn_xai.cli._arguments import LOOK
from sklearn_xai.cli._results import make_console

NAME = "explainers"


def add_to(commands):
    """Add the command to those of the parser."""
    commands.add_parser(NAME, help="name the explainers", **LOOK).set_defaults(run=run)


def short_name(name):
    """Return the name of a class as the command line takes it."""
    return name.removesuffix("Explainer")


def run(args):
    """Print the explainers, one line each."""
    from rich.table import Table as Lines

    lines = Lines.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column()
    for name, kind in all_explainers():
        question = (kind.__doc__ or "").strip().splitlines()[0].replace("``", "")
        lines.add_row(short_name(name), question if "table" in kind._inputs else f"{question} (of images, not tables)")
    make_console().print(lines)
