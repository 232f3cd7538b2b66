"""The census table as numbers, and a net trained on it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai.datasets import load_adult
from sklearn_xai.models import train_clone


class MLP(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.layers = nn.Sequential(
            nn.LazyLinear(hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2)
        )

    def forward(self, x):
        return self.layers(x)


@cache
def census(n_train=8_000):
    """Return (pipeline, DataFrame, matrix): around a trained 103-128-128-2 net, all rows, and its inputs."""
    X, y = load_adult(return_X_y=True)
    fill = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (fill, make_column_selector(dtype_exclude="number")),
    )
    net = NeuralNetClassifier(
        MLP, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=8, verbose=0, train_split=None
    )
    pipeline = train_clone(make_pipeline(columns, net), X.iloc[:n_train], y.iloc[:n_train], random_state=0)
    matrix = pipeline[:-1].transform(X)
    matrix = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return pipeline, X, np.ascontiguousarray(matrix, dtype=np.float32)
