"""What is built from the tree, and installed elsewhere, is the package: all of it, nothing else, and it works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from sklearn_xai import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MOST_BYTES = 3_000_000  # the bundled tables are some 1.3 MB of it
NOT_COPIED = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "results", "_build", "node_modules"
)


def run(*command, cwd, **options):
    """Run a command outside of the tree, with nothing of it on the path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return (wheel, sdist, copy of the tree): the wheel is made of the sdist, not of the tree."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "tree", ignore=NOT_COPIED)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "tree", cwd=folder)
    (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return wheel, sdist, folder / "tree"


@pytest.fixture(scope="module")
def python(built, tmp_path_factory):
    """Return the interpreter of a new environment that has the wheel, and sees what it needs where it is already."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    (packages,) = folder.glob("env/lib/python*/site-packages")
    install = ("-m", "pip", "--python", folder / "env", "install", "--quiet", "--no-deps", "--no-index", built[0])
    run(sys.executable, *install, cwd=folder)
    # Paths that a .pth file names are searched last, and a package that is there "editable" does not come along.
    there = [path for path in sys.path if path.endswith("-packages")]
    (packages / "others.pth").write_text("\n".join(there), encoding="utf-8")
    return folder / "env" / "bin" / "python"


def in_package(tree):
    files = [path for path in (tree / "sklearn_xai").rglob("*") if path.is_file()]
    return {path.relative_to(tree).as_posix() for path in files}


def test_the_wheel_holds_the_package_and_nothing_else(built):
    wheel, _, tree = built
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(f"sklearn_xai-{__version__}.dist-info/entry_points.txt").decode()
    there = {name for name in names if ".dist-info/" not in name}
    assert there == in_package(tree)
    assert {PurePosixPath(name).suffix for name in there} <= {".py", ".typed", ".gz", ".md", ".html", ".css", ".js"}
    assert {
        "sklearn_xai/py.typed",
        "sklearn_xai/datasets/data/adult.csv.gz",
        "sklearn_xai/report/page/page.html",
    } <= there
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert "sklearn-xai = sklearn_xai.cli:main" in entry_points
    assert wheel.stat().st_size < MOST_BYTES


def test_the_sdist_holds_what_a_wheel_is_made_of(built):
    _, sdist, tree = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert in_package(tree) | {"pyproject.toml", "setup.cfg", "README.md", "LICENSE"} <= names
    assert not [name for name in names if name.startswith(("docs", "benchmarks"))]
    assert sdist.stat().st_size < MOST_BYTES


def test_it_works_from_outside_of_the_tree(python, tmp_path):
    code = """
        import sys
        from pathlib import Path
        import sklearn_xai
        assert Path(sys.prefix) in Path(sklearn_xai.__file__).parents, sklearn_xai.__file__
        from torch import nn
        from sklearn_xai import IntegratedGradientsExplainer, all_explainers
        from sklearn_xai.datasets import load_adult, load_movie_reviews
        X, y = load_adult(return_X_y=True)
        assert X.shape[0] > 30_000 and len(load_movie_reviews().target) > 10_000
        numbers = X[["age", "education_num", "hours_per_week"]].to_numpy("float32")
        net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
        found = IntegratedGradientsExplainer(net, random_state=0).fit(numbers[:200]).transform(numbers[:5])
        assert found.shape == (5, 3)
        assert len(all_explainers()) > 20
        page = Path(sklearn_xai.__file__).parent / "report" / "page"
        assert "<html" in (page / "page.html").read_text(encoding="utf-8")
        import sklearn_xai.report, sklearn_xai.display, sklearn_xai.model_selection, sklearn_xai.metrics
        print("works")
    """
    assert run(python, "-I", "-c", textwrap.dedent(code), cwd=tmp_path).endswith("works\n")
    command = python.parent / "sklearn-xai"
    assert __version__ in run(command, "--version", cwd=tmp_path)
    assert "Shapley" in run(command, "explainers", cwd=tmp_path)


def test_who_uses_it_gets_its_types(python, tmp_path):
    (tmp_path / "mypy.ini").write_text(
        # the types of large libraries are of no interest, and take a minute to read
        "[mypy]\n[mypy-torch.*,sklearn.*,skorch.*,numpy.*,pandas.*,shap.*]\nfollow_imports = skip\n"
        "ignore_missing_imports = True\n"
    )
    (tmp_path / "consumer.py").write_text(
        textwrap.dedent("""
            from sklearn_xai import SaliencyExplainer
            from sklearn_xai.metrics import faithfulness_correlation
            written = SaliencyExplainer(object()).transform_to("out", "rows.parquet", keep=["id"])
            reveal_type(written.n_rows)
            written.n_rows.nothing
        """)
    )
    told = subprocess.run(
        [python, "-I", "-m", "mypy", "consumer.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert 'Revealed type is "int"' in told.stdout.replace("builtins.", ""), told
    assert 'consumer.py:6: error: "int" has no attribute "nothing"' in told.stdout, told
    assert told.stdout.count("error:") == 1, told
