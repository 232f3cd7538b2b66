"""Arguments that commands share, and the parser whose errors are one line."""

from __future__ import annotations

import argparse

from sklearn_xai.cli._table import UserError

LOOK: dict = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of leaving."""

    def error(self, message):
        """Raise what is wrong with the arguments."""
        raise UserError(f"{message} (see {self.prog} --help)")


def at_least(least):
    """Return a type of argument: whole numbers from `least` on."""

    def whole_number(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not least <= number < 2**32:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, got {text!r}")
        return number

    return whole_number


def add_table_arguments(group):
    """Add what says which rows are worked on."""
    add = group.add_argument
    add("--data", metavar="FILE", help="CSV, TSV (also .gz) or parquet; without it the bundled census table")
    add("--target", metavar="COLUMN", help="the column to predict")
    add("--task", choices=["classification", "regression"], help="found from the target column when not given")
    add("--drop", metavar="COLUMN", nargs="+", action="extend", default=[], help="columns to leave out")
    add("--rows", type=at_least(20), default=12_000, help="rows to train on, shared out into folds (default: 12000)")
    add("--eval-rows", type=at_least(1), default=250, help="test rows to explain (default: 250)")


def add_model_arguments(group):
    """Add what says which model is explained."""
    add = group.add_argument
    add("--model", metavar="FILE", help="explain this fitted model (.skops, or a pickle) instead of training one")
    add("--trust", metavar="TYPE", action="append", default=[], help="load this type from a .skops file (repeatable)")
    add("--trust-pickle", action="store_true", help="load a pickle, which runs whatever code it holds")
    add("--epochs", type=at_least(1), help="passes over the training rows (default: by the number of rows)")


def add_run_arguments(group, out):
    """Add what says how explainers are run, and where results go: `out` is the default of ``--out``."""
    add = group.add_argument
    add("--explainers", metavar="NAME,...", help="which to ask (default: all that suit)")
    add("--output", choices=["raw", "proba", "entropy"], default="raw", help="what is explained (default: raw, logits)")
    add("--folds", type=at_least(2), default=3, help="folds to train and compare on (default: 3)")
    add("--threads", type=at_least(1), default=1, help="of the processor; a small network is fastest on 1 (default)")
    add("--seed", type=at_least(0), default=0, help="seeds every draw (default: 0)")
    kind = "FILE" if out.endswith(".html") else "DIR"
    add("--out", metavar=kind, default=out, help=f"where to write (default: {out})")
