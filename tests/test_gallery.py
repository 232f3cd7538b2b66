"""The examples of the gallery: each asks a question of real data, runs without a warning, and ends in a picture."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "docs" / "examples").glob("*.py"))

# Functions that load or make what the examples are about.
REAL = r"load_(adult|movie_reviews|digits|wine|breast_cancer|diabetes|iris)\("
GENERATED = r"make_(concept_images|attribution_\w+)\("
DRAWS = re.compile(r"\bplt\.show\(\)")
ABSOLUTE = re.compile(r"""["'](?:/|~|[A-Za-z]:[\\/])""")

# As pyproject has it: shap makes its colour maps in a way that matplotlib will deprecate.
AS_A_SCRIPT = """
import runpy, sys, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "The set_.* function will be deprecated", PendingDeprecationWarning)
import torch
torch.set_num_threads(1)
runpy.run_path(sys.argv[1], run_name="__main__")
from matplotlib import pyplot
figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
for figure in figures:
    figure.canvas.draw()
marks = [sum(len(ax.lines + ax.collections + ax.patches + ax.images + ax.texts) for ax in f.axes) for f in figures]
print("marks:", marks)
sys.exit(0 if figures and all(marks) else "no figure, or an empty one")
"""


def name_of(path):
    return path.stem


def last_cell_of_code(source):
    """Return the code of the last ``# %%`` cell that has any."""
    cells = re.split(r"^# %%.*$", source, flags=re.MULTILINE)
    return next(cell for cell in reversed(cells) if ast.parse(cell).body)


def test_there_are_at_least_twelve():
    assert len(EXAMPLES) >= 12
    assert all(path.name.startswith("plot_") for path in EXAMPLES)  # what sphinx-gallery runs


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
class TestSource:
    def test_begins_with_a_title_and_an_introduction(self, path):
        title, line, *rest = ast.get_docstring(ast.parse(path.read_text("utf-8"))).splitlines()
        assert title.endswith("?") and set(line) == {"="} and len(line) >= len(title)
        assert len(" ".join(rest).split()) > 20

    def test_is_about_real_data(self, path):
        source = path.read_text("utf-8")
        assert re.search(REAL, source) or re.search(GENERATED, source)

    def test_ends_in_a_picture_that_is_read(self, path):
        source = path.read_text("utf-8")
        assert DRAWS.search(last_cell_of_code(source))
        prose = source.split("\n# %%")[-1].strip().splitlines()
        assert prose and all(row.startswith("#") for row in prose)

    def test_names_no_place_on_this_machine_and_nothing_private(self, path):
        source = path.read_text("utf-8")
        assert not ABSOLUTE.search(source)
        modules = [node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
        assert "__future__" not in modules
        assert not [m for m in modules if m.split(".")[0] in ("tests", "benchmarks")]
        assert not [m for m in modules if m.startswith("sklearn_xai") and "._" in m]

    def test_is_short(self, path):
        code = [row for row in path.read_text("utf-8").splitlines() if row.strip() and not row.startswith("#")]
        assert len(code) <= 90


def test_most_are_about_data_that_were_not_made_up():
    generated = [path.stem for path in EXAMPLES if not re.search(REAL, path.read_text("utf-8"))]
    assert generated == ["plot_what_a_unit_sees"]  # where the truth about each pixel is the point


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_runs_as_a_script_and_leaves_a_figure(path, tmp_path):
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    root = str(Path(__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])])
    command = [sys.executable, "-c", AS_A_SCRIPT, str(path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(tmp_path.iterdir())  # nothing is left behind
