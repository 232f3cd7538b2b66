"""``sklearn-xai completion``: what makes a shell complete the commands, options, files and names of explainers."""

from __future__ import annotations

import argparse

from sklearn_xai import all_explainers
from sklearn_xai.cli._arguments import LOOK
from sklearn_xai.cli._table import UserError
from sklearn_xai.explainers.naming import short_name

NAME = "completion"
SHELLS = ("bash", "zsh", "tcsh", "fish")

EXAMPLES = """examples:
  source <(sklearn-xai completion bash)
      complete in this bash; in ~/.bashrc, in every one
  sklearn-xai completion zsh > ~/.zfunc/_sklearn-xai
      the same for zsh, with ~/.zfunc in its fpath
  sklearn-xai completion tcsh > ~/.sklearn-xai.tcsh
      the same for tcsh, with "source ~/.sklearn-xai.tcsh" in ~/.tcshrc
  sklearn-xai completion fish > ~/.config/fish/completions/sklearn-xai.fish
      the same for fish
"""

# Names after a comma: bash is given the whole word back, so that what is before stands in front of each.
_NAMES_FUNCTION = "_sklearn_xai_names"
_BASH_NAMES = """{function}() {{
  local before=""
  case "$1" in *,*) before="${{1%,*}},";; esac
  compgen -P "$before" -W "{names}" -- "${{1##*,}}"
}}
"""


def add_to(commands):
    """Add the command to those of the parser."""
    command = commands.add_parser(NAME, help="print what completes all this in a shell", epilog=EXAMPLES, **LOOK)
    command.add_argument("shell", choices=SHELLS, help="of which the script is")
    command.set_defaults(run=run)


def run(args):
    """Print the script."""
    print(completion_script(args.shell))


def completion_script(shell):
    """Return the script that makes a shell complete ``sklearn-xai``.

    Parameters
    ----------
    shell : {"bash", "zsh", "tcsh", "fish"}

    Returns
    -------
    str

    Raises
    ------
    UserError
        When the installed shtab does not know the shell.
    """
    import shtab

    from sklearn_xai.cli import make_parser

    if shell not in shtab.SUPPORTED_SHELLS:
        raise UserError(f"the installed shtab completes {', '.join(shtab.SUPPORTED_SHELLS)}, not {shell}; upgrade it")
    names, parser = [short_name(name) for name, _ in all_explainers()], make_parser()
    for action in _actions(parser):
        if action.metavar == "FILE":
            action.complete = shtab.FILE
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY
        elif action.metavar == "NAME,..." and shell == "bash":
            action.complete = {"bash": _NAMES_FUNCTION}
        elif action.metavar in ("NAME", "NAME,..."):
            action.choices = names
    preamble = _BASH_NAMES.format(function=_NAMES_FUNCTION, names=" ".join(names)) if shell == "bash" else ""
    return shtab.complete(parser, shell, preamble=preamble)


def _actions(parser):
    """Yield the arguments of a parser and of its commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
        else:
            yield action
