"""Small nets, written as a user of skorch writes them."""

from __future__ import annotations

import numpy as np
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback
from torch import nn


class MLP(nn.Module):
    """A multi-layer perceptron with one hidden layer."""

    def __init__(self, n_features=4, n_outputs=1, n_hidden=8):
        super().__init__()
        self.hidden = nn.Linear(n_features, n_hidden)
        self.act = nn.ReLU()
        self.out = nn.Linear(n_hidden, n_outputs)

    def forward(self, X):
        return self.out(self.act(self.hidden(X)))


class Mixed(nn.Module):
    """Layers with a state of their own: batch normalisation and dropout."""

    def __init__(self, n_features=4, n_outputs=1):
        super().__init__()
        self.norm = nn.BatchNorm1d(n_features)
        self.hidden = nn.Linear(n_features, 8)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(8, n_outputs)

    def forward(self, X):
        return self.out(self.drop(self.hidden(self.norm(X)).relu()))


class LazyMLP(nn.Module):
    """Finds the number of its inputs when it first sees data."""

    def __init__(self, n_outputs=32):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, n_outputs))

    def forward(self, X):
        return self.layers(X)


class AnySize(nn.Module):
    """Treats all features alike, so that it takes any number of them."""

    def __init__(self, n_outputs=1):
        super().__init__()
        self.each = nn.Linear(1, 8)
        self.out = nn.Linear(8, n_outputs)

    def forward(self, X):
        return self.out(self.each(X[..., None]).relu().mean(dim=1))


class SizesFromData(Callback):
    """Gives the module as many inputs and outputs as the data ask for."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        y = np.asarray(y)
        n_outputs = len(np.unique(y)) if isinstance(net, NeuralNetClassifier) else y.reshape(len(y), -1).shape[1]
        net.set_params(module__n_features=X.shape[1], module__n_outputs=n_outputs)


def regressor(module=MLP, **kwargs):
    """Return a small regressor that suits any table."""
    kwargs = {"max_epochs": 3, "lr": 0.01, "callbacks": [("sizes", SizesFromData())]} | kwargs
    return NeuralNetRegressor(module, train_split=None, verbose=0, **kwargs)


def classifier(module=MLP, **kwargs):
    """Return a small classifier that suits any table and any number of classes."""
    kwargs = {"max_epochs": 3, "lr": 0.01, "callbacks": [("sizes", SizesFromData())]} | kwargs
    return NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, train_split=None, verbose=0, **kwargs)


def table(n=40, n_features=4, n_classes=2, seed=0):
    """Return (X, y, labels): rows of float32, a number and a class for each."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n, n_features).astype(np.float32)
    y = X @ np.linspace(-1, 2, n_features).astype(np.float32) + 0.5 * X[:, 0] * X[:, 1]
    labels = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    return X, y, labels
