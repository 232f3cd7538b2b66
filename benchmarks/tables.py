"""The public tables that scikit-learn brings along, a model trained on each, and a count of the rows it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sklearn_xai.models import train_clone

NAMES = ("iris", "wine", "diabetes", "breast_cancer", "digits")


@dataclass
class Table:
    """A table of standardised numbers with the players that its columns form.

    ``groups`` is None where each column is a player: breast cancer has ten properties, each as mean, error and worst,
    digits has 16 squares of 2x2 pixels. So every game is small enough to be enumerated.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    groups: dict | None = None
    members: list = field(init=False)

    def __post_init__(self):
        columns = range(self.X.shape[1])
        self.members = [[j] for j in columns] if self.groups is None else list(self.groups.values())

    @property
    def is_regression(self):
        return self.y.dtype.kind == "f"


@cache
def load(name):
    """Return a Table, its rows in a random order."""
    bunch = getattr(datasets, f"load_{name}")()
    X, y = np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target)
    groups = None
    if name == "breast_cancer":
        groups = {
            str(label).removeprefix("mean "): [j, j + 10, j + 20] for j, label in enumerate(bunch.feature_names[:10])
        }
    elif name == "digits":
        pixels = np.arange(64).reshape(8, 8)
        groups = {
            f"block {i}{j}": pixels[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].ravel().tolist()
            for i in range(4)
            for j in range(4)
        }
    order = np.random.RandomState(0).permutation(len(X))
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12)
    y = (y - y.mean()) / y.std() if y.dtype.kind == "f" else y
    return Table(name, X[order], y[order], groups)


def mlp(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, n_outputs)
    ).double()  # fmt: skip


class CountedNet:
    """A perceptron of a table, in float64: the rows that pass its last layer are counted."""

    def __init__(self, table):
        options = {"optimizer": torch.optim.Adam, "max_epochs": 30, "verbose": 0, "train_split": None, "batch_size": 32}
        shared = {"module__n_inputs": table.X.shape[1], "lr": 3e-3, "optimizer__weight_decay": 1e-2} | options
        if table.is_regression:
            net, y = NeuralNetRegressor(mlp, module__n_outputs=1, **shared), table.y[:, None]
        else:
            n_classes = len(np.unique(table.y))
            net = NeuralNetClassifier(mlp, module__n_outputs=n_classes, criterion=nn.CrossEntropyLoss, **shared)
            y = table.y
        self.estimator = train_clone(net, table.X, y, random_state=0)
        self.estimator.module_.eval()
        self.estimator.module_[-1].register_forward_pre_hook(self._count)
        self.rows = 0

    def _count(self, layer, arguments):
        self.rows += len(arguments[0])

    def outputs(self, X):
        """Return the logits, or the predicted number, of rows, (n_rows, n_outputs)."""
        with torch.no_grad():
            return self.estimator.module_(torch.as_tensor(X)).numpy()


class _Regressor(HistGradientBoostingRegressor):
    rows = 0

    def predict(self, X):
        self.rows += len(X)
        return super().predict(X)


class _Classifier(HistGradientBoostingClassifier):
    rows = 0

    def decision_function(self, X):
        self.rows += len(X)
        return super().decision_function(X)


class CountedBoosting:
    """Gradient boosting of a table; the rows that it predicts are counted."""

    def __init__(self, table):
        self.estimator = (_Regressor if table.is_regression else _Classifier)(max_iter=50, random_state=0)
        self.estimator.fit(table.X, table.y)
        self._ask = self.estimator.predict if table.is_regression else self.estimator.decision_function
        self._binary = not table.is_regression and len(self.estimator.classes_) == 2

    @property
    def rows(self):
        return self.estimator.rows

    @rows.setter
    def rows(self, value):
        self.estimator.rows = value

    def outputs(self, X):
        """Return the scores of the classes, or the predicted number, of rows, (n_rows, n_outputs)."""
        out = self._ask(X)
        return np.column_stack([-out, out]) if self._binary else out.reshape(len(X), -1)


@cache
def model_of(name, kind="net"):
    """Return the counted model of a table: "net" or "boosting"."""
    return (CountedNet if kind == "net" else CountedBoosting)(load(name))
