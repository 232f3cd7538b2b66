"""What holds for the package as a whole: what its import costs and what it declares."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("heavy", ["shap", "matplotlib", "captum", "lime", "skops"])
def test_import_leaves_heavy_libraries_out(heavy):
    code = f"import sys, sklearn_xai; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_requirement_is_pinned():
    pinned = {
        line.split("==")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    extras = [line for lines in project()["optional-dependencies"].values() for line in lines]
    names = {line.split(">=")[0].split("[")[0] for line in [*project()["dependencies"], *extras]}
    assert names <= pinned
