"""What the command line gives back: tables on the terminal, files and pictures in a folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_xai._progress import track
from sklearn_xai.cli._table import UserError, first_line

FILES = (
    "comparison.csv",
    "comparison.json",
    "comparison.png",
    "importances.png",
    "beeswarm.png",
    "waterfall.png",
    "heatmap.png",
    "stability.png",
)
PRINTED_WIDTH = 100  # where the output is not a terminal
_METRIC_NAMES = {"roc_auc": "ROC AUC", "f1": "F1", "r2": "R2", "mae": "MAE", "rmse": "RMSE"}
_LONGEST_NAME = 14


@dataclass
class Results:
    """All that one comparison found.

    Attributes
    ----------
    table : DataFrame
        As ``compare_explainers`` returns it.
    metrics : dict of str to float
        How good the model is on the test rows.
    settings : dict
        What was used.
    notes : list of str
        What the reader should know of how the numbers came about.
    main : str
        The explainer behind the pictures of single rows.
    target_name : str
        The explained output, in words.
    """

    table: Any
    metrics: dict[str, float]
    settings: dict[str, Any]
    notes: list[str]
    main: str
    target_name: str
    seconds: float = 0.0


# ---------------------------------------------------------------------- terminal
def make_console(stream=None):
    """Return a console: as wide as the terminal, 100 columns elsewhere."""
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(file=stream, highlight=False, markup=False, emoji=False, width=PRINTED_WIDTH)
    return console


def print_metrics(console, metrics, n_test):
    """Print how good the model is."""
    parts = [f"{_METRIC_NAMES.get(name, name)} {_metric_text(name, value)}" for name, value in metrics.items()]
    console.print(f"On {n_test:,} test rows: " + ", ".join(parts))


def _metric_text(name, value):
    if np.isnan(value):
        return "n/a"
    return f"{value:.4g}" if name in ("mae", "rmse") else f"{value:.3f}"


def print_comparison(console, frame):
    """Print the comparison, one row for each explainer."""
    reference = frame.attrs["reference"]
    table = _table("explainer", gap=0)
    for title in ("faithful-\nness", "complete-\nness gap", "stability\n[95% interval]"):
        table.add_column(title, justify="right", no_wrap=True)
    if reference is not None:
        table.add_column(f"agreement\nwith {reference}", justify="right", no_wrap=True)
    for title in ("fit\nseconds", "explain\nseconds", "rows per\nsecond"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, row in frame.iterrows():
        cells = [
            f"{row['faithfulness']:.3f}",
            f"{row['completeness_gap']:.2g}",
            f"{row['stability']:.3f} [{row['stability_low']:.2f}, {row['stability_high']:.2f}]",
            "" if name == reference else f"{row['agreement']:.3f}",
            f"{row['fit_seconds']:.2f}",
            f"{row['transform_seconds']:.2f}",
            f"{row['rows_per_second']:,.0f}",
        ]
        table.add_row(str(name), *(cells if reference is not None else cells[:3] + cells[4:]))
    console.print(table)


def print_top(console, frame, top):
    """Print the most important columns of each explainer, as many as fit beside each other on a line."""
    table = _table("explainer")
    shown = max(1, min(top, (console.width - 21) // (_LONGEST_NAME + 1)))
    for place in range(1, min(shown, len(frame.attrs["feature_names"])) + 1):
        table.add_column(f"{place}.", no_wrap=True, overflow="ellipsis", max_width=_LONGEST_NAME)
    for name, columns in frame.attrs["top"].items():
        table.add_row(name, *columns[: len(table.columns) - 1])
    console.print(table)


def _table(first, gap=1):
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0), show_edge=False)
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    return table


# ---------------------------------------------------------------------- files
@contextmanager
def output_folder(out):
    """Give an empty folder to write to; when all went well, what is in it is moved to `out`, and else nothing is.

    Files of `out` that have other names than ours stay.

    Parameters
    ----------
    out : str

    Raises
    ------
    UserError
        When `out` cannot be written to.
    """
    out = Path(out).absolute()
    above = next(folder for folder in [out.parent, *out.parent.parents] if folder.exists())
    in_the_way = [path for path in (out, *(out / name for name in FILES)) if path.exists() and _blocks(path, out)]
    if in_the_way:
        kind = "not a folder" if in_the_way[0] == out else "a folder"
        raise UserError(f"--out {out} cannot be written to: {in_the_way[0]} is {kind}")
    if out.exists() and not os.access(out, os.W_OK | os.X_OK):
        raise UserError(f"--out {out} cannot be written to: permission denied")
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=above))
    except OSError as error:
        raise UserError(f"--out {out} cannot be written to: {error.strerror}") from None
    try:
        yield temporary
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted(temporary.iterdir()):
            os.replace(path, out / path.name)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written to: {first_line(error)}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _blocks(path, out):
    return not path.is_dir() if path == out else path.is_dir()


def write_tables(results: Results, folder: Path):
    """Write comparison.csv and comparison.json; the numbers of both are the same."""
    frame = results.table
    frame.to_csv(folder / "comparison.csv")
    attrs = frame.attrs
    content = {
        "settings": results.settings,
        "versions": versions(),
        "metrics": results.metrics,
        "explainers": {str(name): row.to_dict() for name, row in frame.iterrows()},
        "reference": attrs["reference"],
        "top": attrs["top"],
        "importances": {
            name: dict(zip(attrs["feature_names"], values, strict=True))
            for name, values in attrs["importances"].items()
        },
        "explained_output": results.target_name,
        "notes": results.notes,
        "seconds": {"training": attrs["train_seconds"], "total": results.seconds},
    }
    text = json.dumps(_jsonable(content), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "comparison.json").write_text(text + "\n", encoding="utf-8")


def _jsonable(value):
    """Return nested dicts and lists with plain numbers; what is no number becomes null."""
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def versions() -> dict[str, str]:
    """Return the versions of everything the numbers depend on."""
    import platform
    from importlib.metadata import version

    import sklearn_xai

    names = ("scikit-learn", "skorch", "torch", "numpy", "pandas", "shap")
    own = {"python": platform.python_version(), "sklearn-xai": sklearn_xai.__version__}
    return own | {name: version(name) for name in names}


# ---------------------------------------------------------------------- pictures
def draw_pictures(results: Results, explainer, X, stability, folder: Path):
    """Draw all pictures into a folder.

    Parameters
    ----------
    results : Results
    explainer : fitted explainer
        The main one.
    X : DataFrame
        The rows to explain.
    stability : Bunch
        As ``explanation_stability`` returns it.
    folder : Path
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    from sklearn_xai.display import AttributionDisplay, ComparisonDisplay

    def attributions(kind, **kwargs):
        return AttributionDisplay.from_explanation(
            explanation, outputs=outputs, kind=kind, name=results.main, target_name=results.target_name, **kwargs
        ).figure_

    explanation, outputs = explainer.explain(X), explainer.explained_output(X)
    row = int(np.argsort(np.asarray(outputs))[int(0.75 * len(outputs))])  # neither an extreme nor a dull one
    pictures = {
        "comparison.png": lambda: ComparisonDisplay.from_frame(results.table).figure_,
        "importances.png": lambda: _draw_importances(results),
        "beeswarm.png": lambda: attributions("beeswarm"),
        "waterfall.png": lambda: attributions("waterfall", row=row),
        "heatmap.png": lambda: attributions("heatmap"),
        "stability.png": lambda: _draw_stability(results, stability),
    }
    for name, draw in track(pictures.items(), "Drawing", verbose=1):
        figure = draw()
        figure.savefig(folder / name, dpi=150)
        plt.close(figure)


def _draw_importances(results: Results):
    """Draw the most important columns of each explainer side by side."""
    from matplotlib import pyplot as plt

    from sklearn_xai.display import AttributionDisplay

    attrs = results.table.attrs
    names, n_bars = list(attrs["importances"]), min(8, len(attrs["feature_names"]))
    n_columns = min(len(names), 2)
    n_lines = -(-len(names) // n_columns)
    # Inches, instead of a layout engine, which would lay everything out anew for each panel.
    labels, wide, title, ticks, high = 2.0, 4.4, 0.35, 0.6, 0.4 + 0.27 * n_bars
    width, height = n_columns * (labels + wide) + 0.1, n_lines * (title + high + ticks)
    places = {
        "left": labels / width,
        "right": 1 - 0.1 / width,
        "wspace": labels / wide,
        "top": 1 - title / height,
        "bottom": ticks / height,
        "hspace": (title + ticks) / high,
    }
    figure, grid = plt.subplots(n_lines, n_columns, figsize=(width, height), squeeze=False, gridspec_kw=places)
    for name, ax in zip(names, grid.ravel(), strict=False):
        display = AttributionDisplay([attrs["importances"][name]], feature_names=attrs["feature_names"], name=name)
        display.plot("bar", max_display=n_bars, ax=ax)
        ax.set_xlabel("mean absolute attribution")
    for spare in grid.ravel()[len(names) :]:
        spare.remove()
    return figure


def _draw_stability(results: Results, stability):
    """Draw how well the folds agree, and the importances of each fold."""
    from matplotlib import pyplot as plt

    from sklearn_xai.display import StabilityDisplay

    size = (8, 6.8)
    figure, (above, below) = plt.subplots(2, 1, figsize=size, layout="constrained", height_ratios=[2, 3])
    display = StabilityDisplay.from_stability(
        stability, kind="box", name=results.main, target_name=results.target_name, ax=above
    )
    display.name = None
    display.plot("features", max_display=8, ax=below)
    return figure
