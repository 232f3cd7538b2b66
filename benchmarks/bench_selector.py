"""The choice among six explainers by five metrics on breast cancer, in seconds."""

from __future__ import annotations

import time

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.common import Result, size
from sklearn_xai import (
    DeepLiftExplainer,
    ExpectedGradientsExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
)
from sklearn_xai.model_selection import ExplainerSelector

LIMIT = 120.0  # seconds
N_ROWS, N_FOLDS, N_EXPLAINERS, N_JOBS = size((569, 5, 6, 2), (150, 2, 3, 1))
METRICS = ("faithfulness_correlation", "deletion_auc", "max_sensitivity", "sparseness", "completeness_gap")


def run():
    """Fit the selector once: five folds, each a training, seven explainers with the control, five metrics."""
    X, y = load_breast_cancer(return_X_y=True)
    X, y = StandardScaler().fit_transform(X).astype(np.float32)[:N_ROWS], y[:N_ROWS]
    net = NeuralNetClassifier(
        nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2)),
        criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=20, verbose=0, train_split=None,
    )  # fmt: skip
    classes = (
        SaliencyExplainer, IntegratedGradientsExplainer, DeepLiftExplainer, InputXGradientExplainer,
        ExpectedGradientsExplainer, ShapleyExplainer,
    )  # fmt: skip
    explainers = {cls.__name__: cls(net, random_state=0) for cls in classes[:N_EXPLAINERS]}
    selector = ExplainerSelector(explainers, metrics=METRICS, cv=N_FOLDS, n_jobs=N_JOBS, random_state=0)
    start = time.perf_counter()
    selector.fit(X, y)
    seconds = time.perf_counter() - start
    yield Result(
        f"ExplainerSelector, {N_EXPLAINERS} explainers x 5 metrics, {N_FOLDS} folds, breast cancer", "two minutes",
        seconds / LIMIT, 1, at_most=True, ours=seconds, theirs=LIMIT, headline=True,
        note=f"best: {selector.best_name_}, Friedman p = {selector.p_value_:.1e}",
    )  # fmt: skip
