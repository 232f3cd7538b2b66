"""``python -m benchmarks [name ...]`` runs all benchmarks, or those whose names are given, and prints the ratios."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.common import show


def main(names):
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = set(names) - set(found)
    if unknown:
        sys.exit(f"No benchmark is called {sorted(unknown)}. There are: {', '.join(found)}.")
    results = []
    for name in names or found:
        for result in importlib.import_module(f"benchmarks.bench_{name}").run():
            print(f"{result.work}: {result.measured:.2f} ({result.note})", file=sys.stderr, flush=True)
            results.append(result)
    show(results)


if __name__ == "__main__":
    main(sys.argv[1:])
