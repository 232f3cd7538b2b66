"""The table and the model that a command works on, as its arguments say."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from sklearn_xai.cli._model import HIDDEN, build_pipeline, load_model, model_columns, training_schedule
from sklearn_xai.cli._table import Table, UserError, load_table, sample_test_rows, split_rows


@dataclass
class Prepared:
    """A table parted into rows to train on and to explain, and a model of it.

    Attributes
    ----------
    table : Table
    X_eval : DataFrame
        The test rows to explain.
    y_eval : ndarray
        What is right for them.
    model : estimator
        To be trained; a FrozenEstimator where it was given.
    epochs : int or None
        Of the training; None where there is none.
    notes : list of str
        What the reader should know of the model.
    """

    table: Table
    X_eval: Any
    y_eval: Any
    model: Any
    epochs: int | None
    notes: list[str] = field(default_factory=list)


def check_combinations(args) -> None:
    """Raise where arguments do not go together."""
    if args.data is not None and args.target is None:
        raise UserError("--data needs --target, the column to predict")
    if args.model is None and (args.trust or args.trust_pickle):
        raise UserError("--trust and --trust-pickle say how to load --model, which is not given")
    if args.model is not None and args.epochs is not None:
        raise UserError("--epochs is for training, but --model is explained as it stands")


def prepare(args) -> Prepared:
    """Load the table and the model, or make a network for it."""
    if args.model is not None:
        return _prepare_given(args)
    table = load_table(args.data, args.target, task=args.task, drop=args.drop)
    table = split_rows(table, args.rows, args.folds, args.seed)
    epochs, batch_size = training_schedule(len(table.X_train), args.epochs)
    model = build_pipeline(table.X_train, table.task, epochs, batch_size)
    X_eval, y_eval = sample_test_rows(table, args.eval_rows, args.seed)
    return Prepared(table, X_eval, y_eval, model, epochs)


def _prepare_given(args) -> Prepared:
    from sklearn.base import is_classifier
    from sklearn.frozen import FrozenEstimator

    model = load_model(args.model, trust=args.trust, trust_pickle=args.trust_pickle)
    task = "classification" if is_classifier(model) else "regression"
    if args.task not in (None, task):
        raise UserError(f"--task {args.task} cannot be done: the model {args.model} does {task}")
    table = load_table(args.data, args.target, task=task, drop=args.drop, keep_columns=True)
    table.X = model_columns(model, table.X, table.name)
    table = split_rows(table, args.rows, args.folds, args.seed)
    notes = [f"{args.model} is a pickle: loading it ran whatever code it holds"] if args.trust_pickle else []
    X_eval, y_eval = sample_test_rows(table, args.eval_rows, args.seed)
    return Prepared(table, X_eval, y_eval, FrozenEstimator(model), None, notes)


@contextmanager
def threads(number):
    """Hold torch to some threads: on a small network, more of them wait for each other more than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def settings_lines(args, prepared: Prepared, how: str) -> list[str]:
    """Say which rows and which model are worked on.

    Parameters
    ----------
    args : Namespace
    prepared : Prepared
    how : str
        For what a network is trained, besides the folds.
    """
    table = prepared.table
    rows = f"{len(table.X_train):,} of {table.n_train_available:,} training rows"
    first = f"{table.name}: {table.task} of {table.target!r} from {table.X.shape[1]} columns; {rows}"
    if args.model:
        return [first, f"{args.model}, as it stands, with the rows of {args.folds} folds as backgrounds"]
    net = f"network: {HIDDEN}-{HIDDEN} hidden units, {prepared.epochs} epochs, seed {args.seed}"
    return [first, f"{net}; trained for {how} and in each of {args.folds} folds"]
