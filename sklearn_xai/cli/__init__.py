"""The command line: ``sklearn-xai``, a file for each of its commands."""

from __future__ import annotations

import sys

from sklearn_xai import __version__
from sklearn_xai.cli import compare, explainers
from sklearn_xai.cli._arguments import LOOK, Parser
from sklearn_xai.cli._table import UserError

COMMANDS = (compare, explainers)  # each adds its arguments, and the function that runs it

EXAMPLES = """examples:
  sklearn-xai compare
      train a network on the bundled census table, and compare ten explainers of it
  sklearn-xai explainers
      what each explainer answers
"""

__all__ = ["main"]


def main(argv=None) -> int:
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
        args = _parser().parse_args(argv)
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


def _parser():
    parser = Parser(
        prog="sklearn-xai", description="Explain PyTorch networks as scikit-learn estimators.", epilog=EXAMPLES, **LOOK
    )
    parser.add_argument("--version", action="version", version=f"sklearn-xai {__version__}")
    names = ",".join(command.NAME for command in COMMANDS)
    commands = parser.add_subparsers(dest="command", required=True, metavar=f"{{{names}}}")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
