"""``sklearn-xai report``: one HTML file on a model and what explains it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from time import perf_counter

from sklearn_xai.cli._arguments import LOOK, add_model_arguments, add_run_arguments, add_table_arguments
from sklearn_xai.cli._prepared import Prepared, check_combinations, prepare, settings_lines, threads
from sklearn_xai.cli._results import make_console
from sklearn_xai.cli._table import UserError, first_line
from sklearn_xai.cli.compare import chosen_explainers

NAME = "report"
FILE = "report.html"

EXAMPLES = """examples:
  sklearn-xai report
      train a network on the bundled census table, and write what explains it to report.html
  sklearn-xai report --data houses.csv --target price --drop id --out houses.html
      the same for a table of your own; classification or regression is found from the column
  sklearn-xai report --data t.csv --target y --model model.skops --trust torch.optim.adam.Adam
      report on a fitted model that is in a file, as it stands
"""


def add_to(commands):
    """Add the command to those of the parser."""
    report = commands.add_parser(
        NAME, help="write one HTML file on a model and its explanations", epilog=EXAMPLES, **LOOK
    )
    report.set_defaults(run=run)
    add_table_arguments(report.add_argument_group("the table"))
    add_model_arguments(report.add_argument_group("the model"))
    add_run_arguments(report.add_argument_group("the report"), FILE)


def run(args):
    """Make the report, print what is at its top, and write it."""
    start = perf_counter()
    console = make_console()
    check_combinations(args)
    out = _writable(args.out)
    names = None if args.explainers is None else list(chosen_explainers(args.explainers))
    with threads(args.threads):
        prepared = prepare(args)
        for line in settings_lines(args, prepared, "all training rows"):
            console.print(line)
        try:
            report = _report(args, prepared, names).compute()
        except (TypeError, ValueError) as error:
            raise UserError(first_line(error)) from error
        _tell_of_command(report, args, prepared)
        try:
            report.save(out)
        except OSError as error:
            raise UserError(f"--out {out} cannot be written to: {error.strerror or first_line(error)}") from None
    console.print()
    _print_top(console, report.content_, [*prepared.table.notes, *prepared.notes])
    size = out.stat().st_size / 2**20
    console.print(f"Wrote {out} ({size:.1f} MB) in {perf_counter() - start:.1f} seconds: open it in a browser")


def _report(args, prepared: Prepared, names):
    import pandas as pd

    from sklearn_xai.report import ExplanationReport

    table = prepared.table
    return ExplanationReport(
        prepared.model,
        table.X_train,
        pd.Series(table.y_train, name=table.target),
        explainers=names,
        cv=args.folds,
        X_eval=prepared.X_eval,
        y_eval=prepared.y_eval,
        output="auto" if table.task == "regression" else args.output,
        max_rows=args.eval_rows,
        title=f"{table.target}: a model and what explains it",
        random_state=args.seed,
        verbose=1,
    )


def _writable(name) -> Path:
    """Return where to write, or raise before anything is computed."""
    out = Path(name)
    if out.is_dir():
        raise UserError(f"--out {out} is a folder: name a file in it, such as {out / FILE}")
    folder = out.absolute().parent
    if not folder.is_dir():
        raise UserError(f"--out {out} cannot be written to: there is no folder {out.parent}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"--out {out} cannot be written to: permission denied")
    return out


def command_line(args) -> str:
    """Return the command that makes the same report again."""
    from sklearn_xai.cli import make_parser

    defaults, words = vars(make_parser().parse_args([NAME])), ["sklearn-xai", NAME]
    for name, value in vars(args).items():
        if value == defaults[name]:
            continue
        values = [] if value is True else value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return shlex.join(words)


def _tell_of_command(report, args, prepared: Prepared) -> None:
    """Put the command into the report, and how the table was read."""
    from sklearn_xai.report._content import Code, Text

    last = report.content_.sections[-1]
    last.blocks.insert(0, Code(command_line(args), "The command"))
    notes = [*settings_lines(args, prepared, "all training rows"), *prepared.table.notes, *prepared.notes]
    last.blocks.insert(1, Text(notes))


def _print_top(console, content, notes) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for tile in content.tiles:
        table.add_row(tile.label, tile.value, tile.note)
    console.print(table)
    console.print()
    for caution in content.cautions:
        console.print(f"caution: {caution.text}")
    for note in notes:
        console.print(f"note: {note}")
