"""The choice among six explainers by five metrics on breast cancer, in seconds."""

from __future__ import annotations

import time

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.common import THREADS, Result
from sklearn_xai import (
    DeepLiftExplainer,
    ExpectedGradientsExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
)
from sklearn_xai.model_selection import ExplainerSelector

LIMIT = 120.0
METRICS = ("faithfulness_correlation", "deletion_auc", "max_sensitivity", "sparseness", "completeness_gap")


def run():
    """Fit the selector once: five folds, each a training, seven explainers with the control, five metrics."""
    torch.set_num_threads(THREADS)
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    net = NeuralNetClassifier(
        nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2)),
        criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=20, verbose=0, train_split=None,
    )  # fmt: skip
    classes = (
        SaliencyExplainer, InputXGradientExplainer, IntegratedGradientsExplainer, ExpectedGradientsExplainer,
        DeepLiftExplainer, ShapleyExplainer,
    )  # fmt: skip
    explainers = {cls.__name__: cls(net, random_state=0) for cls in classes}
    selector = ExplainerSelector(explainers, metrics=METRICS, cv=5, n_jobs=2, random_state=0)
    start = time.perf_counter()
    selector.fit(X, y)
    seconds = time.perf_counter() - start
    note = f"seconds; best: {selector.best_name_}, Friedman p = {selector.p_value_:.1e}"
    yield Result(
        "ExplainerSelector, 6 explainers x 5 metrics, breast cancer", "two minutes", seconds, LIMIT,
        at_most=True, note=note,
    )  # fmt: skip
