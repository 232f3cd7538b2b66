"""``sklearn-xai compare``: train or load a model, explain it in several ways, compare the ways."""

from __future__ import annotations

import argparse
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from time import perf_counter
from typing import Any

import torch

from sklearn_xai import all_explainers
from sklearn_xai._progress import track
from sklearn_xai.cli._arguments import LOOK, add_model_arguments, add_table_arguments, at_least
from sklearn_xai.cli._model import (
    HIDDEN,
    build_pipeline,
    check_labels,
    load_model,
    measure_model,
    model_columns,
    training_schedule,
)
from sklearn_xai.cli._results import (
    FILES,
    Results,
    draw_pictures,
    make_console,
    on_terminal,
    output_folder,
    print_comparison,
    print_metrics,
    print_top,
    write_tables,
)
from sklearn_xai.cli._table import Table, UserError, first_line, load_table, sample_test_rows, split_rows
from sklearn_xai.cli.explainers import short_name

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
        NAME, help="train or load a model, explain it in several ways, compare the ways", epilog=EXAMPLES, **LOOK
    )
    compare.set_defaults(run=run)
    add_table_arguments(compare.add_argument_group("the table"))
    add_model_arguments(compare.add_argument_group("the model"))
    _add_comparison_arguments(compare.add_argument_group("the comparison"))


def _add_comparison_arguments(group):
    add = group.add_argument
    add("--explainers", metavar="NAME,...", help="which to compare (default: all that suit)")
    add("--output", choices=["raw", "proba", "entropy"], default="raw", help="what is explained (default: raw, logits)")
    add("--folds", type=at_least(2), default=3, help="folds to train and compare on (default: 3)")
    add("--top", metavar="K", type=at_least(1), default=5, help="how many columns to list (default: 5)")
    add("--threads", type=at_least(1), default=1, help="of the processor; a small network is fastest on 1 (default)")
    add("--seed", type=at_least(0), default=0, help="seeds every draw (default: 0)")
    add("--out", metavar="DIR", default="sklearn-xai-results", help="where to write (default: sklearn-xai-results)")


# ---------------------------------------------------------------------- compare
@dataclass
class _Job:
    """A table, a model of it, and the explainers to compare."""

    args: argparse.Namespace
    table: Table
    X_eval: Any
    model: Any  # to be trained in each fold, or frozen
    trained: Any  # the frozen model behind metrics and pictures
    kinds: dict[str, type]
    epochs: int | None
    notes: list[str]

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
    _check_combinations(args)
    with output_folder(args.out) as folder, _threads(args.threads), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        job = _prepare(args)
        _print_settings(console, job)
        main = job.explainers(job.trained, args.seed)[job.main].fit(job.table.X_train)
        if args.model and job.table.task == "classification":
            check_labels(main, job.table)
        metrics = measure_model(main, job.table.X_test, job.table.y_test, job.table.task)
        print_metrics(console, metrics, len(job.table.X_test))
        frame, stability = _compare(job)
        notes = job.table.notes + job.notes + _told(caught)
        results = Results(frame, metrics, _settings(job), notes, job.main, _target_name(job, main))
        draw_pictures(results, main, job.X_eval, stability, folder)
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


@contextmanager
def _threads(number):
    """Hold torch to some threads: on a small network, more of them wait for each other more than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_combinations(args):
    if args.data is not None and args.target is None:
        raise UserError("--data needs --target, the column to predict")
    if args.model is None and (args.trust or args.trust_pickle):
        raise UserError("--trust and --trust-pickle say how to load --model, which is not given")
    if args.model is not None and args.epochs is not None:
        raise UserError("--epochs is for training, but --model is explained as it stands")


def _prepare(args) -> _Job:
    kinds = _chosen(args.explainers)
    if args.model is not None:
        return _prepare_given(args, kinds)
    table = load_table(args.data, args.target, task=args.task, drop=args.drop)
    table = split_rows(table, args.rows, args.folds, args.seed)
    from sklearn.frozen import FrozenEstimator

    from sklearn_xai.models import train_clone

    epochs, batch_size = training_schedule(len(table.X_train), args.epochs)
    pipeline = build_pipeline(table.X_train, table.task, epochs, batch_size)
    for _ in track(range(1), f"Training on {len(table.X_train):,} rows", verbose=on_terminal()):
        trained = train_clone(pipeline, table.X_train, table.y_train, random_state=args.seed)
    X_eval = sample_test_rows(table, args.eval_rows, args.seed)
    return _Job(args, table, X_eval, pipeline, FrozenEstimator(trained), kinds, epochs, [])


def _prepare_given(args, kinds) -> _Job:
    from sklearn.base import is_classifier
    from sklearn.frozen import FrozenEstimator

    model = load_model(args.model, trust=args.trust, trust_pickle=args.trust_pickle)
    task = "classification" if is_classifier(model) else "regression"
    if args.task not in (None, task):
        raise UserError(f"--task {args.task} cannot be done: the model {args.model} does {task}")
    table = load_table(args.data, args.target, task=task, drop=args.drop, keep_columns=True)
    table.X = model_columns(model, table.X, table.name)
    table = split_rows(table, args.rows, args.folds, args.seed)
    frozen = FrozenEstimator(model)
    notes = [f"{args.model} is a pickle: loading it ran whatever code it holds"] if args.trust_pickle else []
    job = _Job(args, table, sample_test_rows(table, args.eval_rows, args.seed), frozen, frozen, kinds, None, notes)
    _keep_fitting(job)
    return job


def _chosen(names) -> dict[str, type]:
    """Return the classes of the named explainers, in the order they were named."""
    known = {short_name(name): kind for name, kind in all_explainers(inputs="table")}
    if names is None:
        return {name: known[name] for name in DEFAULTS if name in known}
    initials = {"".join(c for c in name if c.isupper()).lower(): name for name in known}
    by_key = {**initials, **{_key(name): name for name in known}}
    chosen = {}
    for given in names.split(","):
        name = by_key.get(_key(given))
        if name is None and _key(given) in {_key(other) for other, _ in all_explainers()}:
            raise UserError(f"{given.strip()} explains images, and this is a table; there are {', '.join(known)}")
        if name is None:
            close = get_close_matches(_key(given), by_key, n=1)
            hint = f"did you mean {by_key[close[0]]}?" if close else f"there are {', '.join(known)}"
            raise UserError(f"there is no explainer {given.strip()!r}; {hint}")
        chosen[name] = known[name]
    return chosen


def _key(name):
    return "".join(c for c in name.lower() if c.isalnum()).removesuffix("explainer")


def _keep_fitting(job):
    """Leave out the explainers that cannot explain a given model, unless they were asked for by name."""
    X, refused = job.table.X_train.iloc[:_PROBE_ROWS], {}
    for name, explainer in job.explainers(job.model, job.args.seed).items():
        try:
            explainer.fit(X).predict(X)
        except Exception as error:  # the model is the user's, and raises what it likes
            refused[name] = first_line(error)
    if refused and (job.args.explainers or len(refused) == len(job.kinds)):
        reason = next(iter(refused.values()))
        raise UserError(f"the model {job.args.model} cannot be explained on the columns of {job.table.name}: {reason}")
    for name, reason in refused.items():
        job.notes.append(f"{name} is left out: {reason}")
        del job.kinds[name]


def _compare(job):
    """Return the table of the explainers, and the stability of the main one."""
    from sklearn_xai.model_selection import compare_explainers, explanation_stability

    table, args = job.table, job.args
    y = None if args.model else table.y_train
    explainers = job.explainers(job.model)
    how = {"cv": args.folds, "X_eval": job.X_eval, "random_state": args.seed, "verbose": on_terminal()}
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
    args, table = job.args, job.table
    rows = f"{len(table.X_train):,} of {table.n_train_available:,} training rows"
    console.print(f"{table.name}: {table.task} of {table.target!r} from {table.X.shape[1]} columns; {rows}")
    if args.model:
        console.print(f"{args.model}, as it stands, with the rows of {args.folds} folds as backgrounds")
    else:
        net = f"network: {HIDDEN}-{HIDDEN} hidden units, {job.epochs} epochs, seed {args.seed}"
        console.print(f"{net}; trained for the test rows and in each of {args.folds} folds")
    console.print(f"{len(job.X_eval):,} of {len(table.X_test):,} test rows explained by {len(job.kinds)} explainers")


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
        "eval_rows": len(job.X_eval),
        "epochs": job.epochs,
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
