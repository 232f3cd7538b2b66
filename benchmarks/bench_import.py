"""The time of ``import sklearn_xai`` against that of what it is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

from benchmarks.common import size, take_turns, timed


def run_fresh(statement):
    """Run a fresh interpreter with one statement."""
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", statement], check=True, env={**os.environ, "PYTHONPATH": path})


def run():
    """Compare after both were imported once, so that the files are in memory."""
    ours, parts = "import sklearn_xai", "import torch, skorch, sklearn"
    seconds = take_turns(
        {name: partial(run_fresh, name) for name in (ours, parts)}, rounds=size(7, 1), warm=size(True, False)
    )
    yield timed(
        ours, parts, 1.15, seconds[ours], seconds[parts], at_most=True, note="interpreter included", headline=True
    )
