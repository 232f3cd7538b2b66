"""The command line: ``sklearn-xai``, a file for each of its commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sklearn_xai import __version__
from sklearn_xai.cli import compare, completion, explainers, report
from sklearn_xai.cli._arguments import LOOK, Parser
from sklearn_xai.cli._table import UserError

COMMANDS = (report, compare, explainers, completion)  # each adds its arguments, and the function that runs it

EXAMPLES = """examples:
  sklearn-xai report
      train a network on the bundled census table, and write one HTML file on it and what explains it
  sklearn-xai compare
      train a network on the bundled census table, and compare ten explainers of it
  sklearn-xai explainers
      what each explainer answers, needs and costs
  sklearn-xai explainers Shapley
      all of one: its equation, when it misleads, its parameters
  source <(sklearn-xai completion bash)
      complete all this with the tab key

sklearn-xai COMMAND --help has the options of a command, and examples.
"""

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str or None, default=None
        The arguments; None takes those of the process.

    Returns
    -------
    code : int
        0, 2 for an input that cannot be worked with, 130 when interrupted.

    Examples
    --------
    >>> from sklearn_xai.cli import main
    >>> main(["--version"])
    sklearn-xai ...
    0
    """
    try:
        args = make_parser().parse_args(argv)
        if args.command is None:
            raise UserError(f"a command is needed: {', '.join(command.NAME for command in COMMANDS)} (see --help)")
        args.run(args)
    except SystemExit as leave:  # --help and --version
        return int(leave.code or 0)
    except UserError as error:
        print(f"sklearn-xai: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sklearn-xai: interrupted", file=sys.stderr)
        return 130
    return 0


class _Lines(argparse.RawDescriptionHelpFormatter):
    """Puts the commands right under their heading, one line each."""

    def _iter_indented_subactions(self, action):
        yield from getattr(action, "_get_subactions", list)()

    def _format_action(self, action):
        if action.nargs == argparse.PARSER:
            return "".join(map(self._format_action, self._iter_indented_subactions(action)))
        return super()._format_action(action)


def make_parser():
    """Return the parser of all commands."""
    parser = Parser(
        prog="sklearn-xai",
        description="Explain PyTorch networks, and any scikit-learn model.\nTell which explanation can be believed.",
        epilog=EXAMPLES,
        **{**LOOK, "formatter_class": _Lines},
    )
    parser.add_argument("--version", action="version", version=f"sklearn-xai {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
