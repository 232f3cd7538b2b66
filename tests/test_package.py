"""What holds for the package as a whole: what its import costs and what it declares."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_import_leaves_heavy_libraries_out():
    heavy = ["shap", "matplotlib", "captum", "lime", "skops", "dask", "distributed", "jinja2.loaders", "tensorboard"]
    ours = "import sklearn_xai.display, sklearn_xai.metrics, sklearn_xai.model_selection, sklearn_xai.report"
    code = f"import sys, torch, skorch; own = set(sys.modules); {ours}; print(set({heavy}) & (set(sys.modules) - own))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "set()"


def test_every_requirement_is_pinned():
    pinned = {
        line.split("==")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    extras = [line for lines in project()["optional-dependencies"].values() for line in lines]
    names = {line.split(">=")[0].split("[")[0] for line in [*project()["dependencies"], *extras]}
    assert names <= pinned
