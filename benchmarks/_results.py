"""Results as files: one JSON file a benchmark, with what they were measured on and with what."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.common import THREADS, Result, is_quick

FOLDER = Path(__file__).parent / "results"
GROWTH = "growth"
# Of the library, of what it is made of, and of the peers.
PACKAGES = (
    "torch", "scikit-learn", "numpy", "pandas", "skorch", "captum", "shap", "lime", "quantus", "zennit", "shapiq",
    "dask", "distributed", "pyarrow",
)  # fmt: skip


def versions():
    """Return {package: version} of those that are installed."""
    import sklearn_xai

    found = {"sklearn-xai": sklearn_xai.__version__}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine():
    """Return what the times depend on, and nothing that names the machine."""
    processor, memory = platform.machine(), None
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
        processor = names[0] if names else processor
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (OSError, ValueError):  # not Linux
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor, "cores": cores, "memory_gib": memory, "system": platform.system(),
        "python": platform.python_version(),
    }  # fmt: skip


def save(folder, name, about, results, seconds):
    """Write the results of one benchmark, and return the path of the file.

    ``results`` are Results, or what is JSON already.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found = {
        "benchmark": name, "about": about, "date": datetime.now(UTC).date().isoformat(), "seconds": round(seconds, 1),
        "quick": is_quick(), "threads": THREADS, "machine": machine(), "versions": versions(),
        "results": [asdict(r) | {"reached": r.reached} if isinstance(r, Result) else r for r in results],
    }  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(json.dumps(_rounded(found), indent=1) + "\n")
    return path


def _rounded(value):
    """Return what JSON holds with five digits of each number: the others are noise."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    value = value.item() if isinstance(value, np.generic) else value
    return float(f"{value:.5g}") if isinstance(value, float) else value


def load(folder):
    """Return the full runs of a folder, by name; quick ones are no figures to show."""
    found = (json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json")))
    return {run["benchmark"]: run for run in found if not run["quick"]}


def as_results(run):
    """Return the Results of a benchmark's file."""
    return [Result(**{key: value for key, value in line.items() if key != "reached"}) for line in run["results"]]
