"""The time of ``import sklearn_xai`` against that of what it is made of."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.common import Result


def seconds(statement, repeats=7):
    """Return the best time of a fresh interpreter that runs one statement."""
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, env={**os.environ, "PYTHONPATH": path})
        best = min(best, time.perf_counter() - start)
    return best


def run():
    """Compare after both were imported once, so that the files are in memory."""
    ours, parts = "import sklearn_xai", "import torch, skorch, sklearn"
    seconds(ours, 1), seconds(parts, 1)
    a, b = seconds(ours), seconds(parts)
    yield Result(ours, parts, a / b, 1.15, at_most=True, note=f"{a:.2f} vs {b:.2f} s, interpreter included")
