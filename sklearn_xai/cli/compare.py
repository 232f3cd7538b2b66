"""``sklearn-xai compare``: train or load a model, explain it in several ways, compare the ways."""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sklearn_xai import all_explainers
from sklearn_xai._progress import track
from sklearn_xai.cli._arguments import LOOK, add_model_arguments, add_run_arguments, add_table_arguments, at_least
from sklearn_xai.cli._model import check_labels, measure_model
from sklearn_xai.cli._prepared import Prepared, check_combinations, prepare, settings_lines, threads
from sklearn_xai.cli._results import (
    FILES,
    Results,
    draw_pictures,
    make_console,
    output_folder,
    print_comparison,
    print_metrics,
    print_top,
    write_tables,
)
from sklearn_xai.cli._table import Table, UserError, first_line
from sklearn_xai.cli.explainers import chosen_explainer
from sklearn_xai.explainers.naming import short_name

NAME = "compare"
DEFAULTS = (
    "Saliency",
    "InputXGradient",
    "GradientXWeight",
    "IntegratedGradients",
    "LocalSurrogate",
    "Occlusion",
    "RFE",
    "Shapley",
    "SHAP",
    "Random",
)
MAIN = ("IntegratedGradients", "SHAP", "LocalSurrogate")  # the first of these is behind the pictures of rows
_PROBE_ROWS = 64

EXAMPLES = """examples:
  sklearn-xai compare
      train a network on the bundled census table, and compare ten explainers of it
  sklearn-xai compare --data houses.csv --target price --drop id --out houses
      the same for a table of your own; classification or regression is found from the column
  sklearn-xai compare --data t.csv --target y --model model.skops --trust torch.optim.adam.Adam
      explain a fitted model that is in a file
  sklearn-xai compare --explainers IntegratedGradients,SHAP,Random --output proba
      only these explainers, of the probability
"""


# ---------------------------------------------------------------------- arguments
def add_to(commands):
    """Add the command to those of the parser."""
    compare = commands.add_parser(
        NAME, help="explain a model in several ways, compare the ways", epilog=EXAMPLES, **LOOK
    )
    compare.set_defaults(run=run)
    add_table_arguments(compare.add_argument_group("the table"))
    add_model_arguments(compare.add_argument_group("the model"))
    _add_comparison_arguments(compare.add_argument_group("the comparison"))


def _add_comparison_arguments(group):
    group.add_argument("--top", metavar="K", type=at_least(1), default=5, help="how many columns to list (default: 5)")
    add_run_arguments(group, "sklearn-xai-results")


# ---------------------------------------------------------------------- compare
@dataclass
class _Job:
    """A table, a model of it, and the explainers to compare."""

    args: argparse.Namespace
    prepared: Prepared
    trained: Any  # the frozen model behind metrics and pictures
    kinds: dict[str, type]

    @property
    def table(self) -> Table:
        """The rows."""
        return self.prepared.table

    def explainers(self, model, seed=None):
        """Return a fresh explainer of each kind; without a seed, each fold draws its own."""
        output = "raw" if self.table.task == "regression" else self.args.output
        return {name: kind(model, output=output, random_state=seed) for name, kind in self.kinds.items()}

    @property
    def main(self):
        """The explainer behind the pictures of rows."""
        return next(name for name in (*MAIN, *self.kinds) if name in self.kinds)


def run(args):
    """Run the comparison, print it and write it."""
    start = perf_counter()
    console = make_console()
    check_combinations(args)
    with output_folder(args.out) as folder, threads(args.threads), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        job = _prepare(args)
        _print_settings(console, job)
        main = job.explainers(job.trained, args.seed)[job.main].fit(job.table.X_train)
        if args.model and job.table.task == "classification":
            check_labels(main, job.table)
        metrics = measure_model(main, job.table.X_test, job.table.y_test, job.table.task)
        print_metrics(console, metrics, len(job.table.X_test))
        frame, stability = _compare(job)
        notes = job.table.notes + job.prepared.notes + _told(caught)
        results = Results(frame, metrics, _settings(job), notes, job.main, _target_name(job, main))
        draw_pictures(results, main, job.prepared.X_eval, stability, folder)
        results.seconds = perf_counter() - start
        write_tables(results, folder)
    console.print()
    print_comparison(console, frame)
    console.print()
    print_top(console, frame, args.top)
    console.print()
    for note in notes:
        console.print(f"note: {note}")
    console.print(f"Wrote comparison.csv, comparison.json and {len(FILES) - 2} pictures to {args.out}")
    console.print(f"{perf_counter() - start:.1f} seconds in all, {frame.attrs['train_seconds']:.1f} of them training")


def _prepare(args) -> _Job:
    kinds, prepared = chosen_explainers(args.explainers), prepare(args)
    table, model = prepared.table, prepared.model
    if args.model is not None:
        job = _Job(args, prepared, model, kinds)
        _keep_fitting(job)
        return job
    from sklearn.frozen import FrozenEstimator

    from sklearn_xai.models import train_clone

    for _ in track(range(1), f"Training on {len(table.X_train):,} rows", verbose=1):
        trained = train_clone(model, table.X_train, table.y_train, random_state=args.seed)
    return _Job(args, prepared, FrozenEstimator(trained), kinds)


def chosen_explainers(names) -> dict[str, type]:
    """Return the classes of the named explainers, in the order they were named."""
    known = {short_name(name): kind for name, kind in all_explainers(inputs="table")}
    if names is None:
        return {name: known[name] for name in DEFAULTS if name in known}
    return dict(chosen_explainer(given, inputs="table") for given in names.split(","))


def _keep_fitting(job):
    """Leave out the explainers that cannot explain a given model, unless they were asked for by name."""
    X, refused = job.table.X_train.iloc[:_PROBE_ROWS], {}
    for name, explainer in job.explainers(job.prepared.model, job.args.seed).items():
        try:
            explainer.fit(X).predict(X)
        except Exception as error:  # the model is the user's, and raises what it likes
            refused[name] = first_line(error)
    if refused and (job.args.explainers or len(refused) == len(job.kinds)):
        reason = next(iter(refused.values()))
        raise UserError(f"the model {job.args.model} cannot be explained on the columns of {job.table.name}: {reason}")
    for name, reason in refused.items():
        job.prepared.notes.append(f"{name} is left out: {reason}")
        del job.kinds[name]


def _compare(job):
    """Return the table of the explainers, and the stability of the main one."""
    from sklearn_xai.model_selection import compare_explainers, explanation_stability

    table, args = job.table, job.args
    y = None if args.model else table.y_train
    explainers = job.explainers(job.prepared.model)
    how = {"cv": args.folds, "X_eval": job.prepared.X_eval, "random_state": args.seed, "verbose": 1}
    try:
        frame = compare_explainers(explainers, table.X_train, y, top_k=args.top, **how)
        stability = explanation_stability(explainers[job.main], table.X_train, y, top_k=args.top, **how)
    except ValueError as error:
        raise UserError(first_line(error)) from error
    return frame, stability


# ---------------------------------------------------------------------- words
def _target_name(job, explainer) -> str:
    """Say in words what is explained."""
    table = job.table
    if table.task == "regression":
        return table.target
    if job.args.output == "entropy":
        return "entropy of the classes' probabilities, in nats"
    what = "probability" if job.args.output == "proba" else "log-odds" if _not_a_net(explainer) else "logit"
    classes = explainer.classes_
    return f"{what} of {classes[1]}" if len(classes) == 2 else f"{what} of the predicted class"


def _not_a_net(explainer):
    from sklearn_xai.models import is_network, split_pipeline

    return not is_network(split_pipeline(explainer.estimator_)[1])


def _print_settings(console, job):
    for line in settings_lines(job.args, job.prepared, "the test rows"):
        console.print(line)
    n_test = len(job.table.X_test)
    console.print(f"{len(job.prepared.X_eval):,} of {n_test:,} test rows explained by {len(job.kinds)} explainers")


def _settings(job) -> dict[str, Any]:
    args, table = job.args, job.table
    asked = {name: value for name, value in vars(args).items() if name not in ("run", "command")}
    return asked | {
        "table": table.name,
        "target": table.target,
        "task": table.task,
        "columns": list(table.X.columns),
        "train_rows": len(table.X_train),
        "test_rows": len(table.X_test),
        "eval_rows": len(job.prepared.X_eval),
        "epochs": job.prepared.epochs,
        "explainers": list(job.kinds),
        "main_explainer": job.main,
    }


def _told(caught) -> list[str]:
    """Return the warnings of this package, one for each explainer."""
    told: dict[str, str] = {}
    for warning in caught:
        text = first_line(warning.message)
        if "Explainer" in text.split(":")[0]:
            told.setdefault(text.split(":")[0], text)
    return list(told.values())
