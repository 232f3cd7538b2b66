"""The data and models of the study: public tables, digits, and generated sets whose attributions are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shap
import torch
from scipy.linalg import hadamard
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sklearn_xai import ShapleyExplainer
from sklearn_xai.datasets import (
    load_adult,
    make_attribution_clusters,
    make_attribution_images,
    make_attribution_interactions,
    make_attribution_linear,
)
from sklearn_xai.models import train_clone

N_ROWS = 32  # rows that are explained
N_BACKGROUND = 300


@dataclass
class StudySet:
    """A fitted model, the rows to explain, and what their explanations are held against."""

    name: str
    estimator: Any
    background: Any
    rows: Any
    reference: np.ndarray  # exact attributions, or Shapley values where none are known
    masks: np.ndarray | None = None  # what is relevant, where that is known
    truth: Any = None  # an Explanation that is exact by construction
    balanced: np.ndarray | None = None  # background rows against which it is exact
    inputs: str = "table"


class MLP(nn.Sequential):
    """A perceptron of two hidden layers, which finds the number of its inputs by itself."""

    def __init__(self, n_outputs=1):
        super().__init__(nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, n_outputs))


class CNN(nn.Sequential):
    """A small convolutional network of 8x8 digits."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(256, 10),
        )  # fmt: skip


def _classifier(module, n_outputs=None, **options):
    sizes = {} if n_outputs is None else {"module__n_outputs": n_outputs}
    options = {"optimizer": torch.optim.Adam, "lr": 3e-3, "max_epochs": 30, "batch_size": 64} | options
    return NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, verbose=0, train_split=None, **sizes, **options)


def _shapley(estimator, background, rows, **options):
    explainer = ShapleyExplainer(FrozenEstimator(estimator), random_state=0, **options)
    return np.asarray(explainer.fit(background).transform(rows))


def _shuffled(*arrays):
    order = np.random.RandomState(0).permutation(len(arrays[0]))
    return [array.iloc[order] if hasattr(array, "iloc") else array[order] for array in arrays]


def census():
    X, y = _shuffled(*load_adult(return_X_y=True))
    fill = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (fill, make_column_selector(dtype_exclude="number")),
    )
    pipeline = make_pipeline(columns, _classifier(MLP, 2, max_epochs=8))
    model = train_clone(pipeline, X[:8000], y[:8000], random_state=0)
    rows, background = X[8000 : 8000 + N_ROWS], X[:N_BACKGROUND]
    return StudySet("census", model, background, rows, _shapley(model, background, rows))


def _standard(name, n_outputs):
    bunch = getattr(datasets, f"load_{name}")()
    X = StandardScaler().fit_transform(bunch.data).astype(np.float32)
    X, y = _shuffled(X, bunch.target)
    if n_outputs == 1:
        y = ((y - y.mean()) / y.std()).astype(np.float32)[:, None]
        net = NeuralNetRegressor(
            MLP, optimizer=torch.optim.Adam, lr=3e-3, max_epochs=60, batch_size=64, verbose=0, train_split=None
        )
    else:
        net = _classifier(MLP, n_outputs)
    model = train_clone(net, X[N_ROWS:], y[N_ROWS:], random_state=0)
    background = X[N_ROWS : N_ROWS + N_BACKGROUND]
    return StudySet(name, model, background, X[:N_ROWS], _shapley(model, background, X[:N_ROWS]))


def breast_cancer():
    return _standard("breast_cancer", 2)


def wine():
    return _standard("wine", 3)


def diabetes():
    return _standard("diabetes", 1)


def digits():
    X, y = _shuffled((datasets.load_digits().images[:, None] / 16).astype(np.float32), datasets.load_digits().target)
    model = train_clone(_classifier(CNN, max_epochs=15), X[N_ROWS:], y[N_ROWS:], random_state=0)
    background = X[N_ROWS : N_ROWS + N_BACKGROUND]
    reference = _shapley(model, background, X[:N_ROWS], background_size=30)
    return StudySet("digits", model, background, X[:N_ROWS], reference, inputs="image")


def linear():
    made = make_attribution_linear(2000, dtype=np.float32, random_state=0, return_bunch=True)
    return _generated("linear", made, made.attributions, made.attributions != 0, made.means, 1.0)


def interactions():
    made = make_attribution_interactions(2000, dtype=np.float32, random_state=0, return_bunch=True)
    spread = np.where(made.binary, 0.5, 1.0)
    return _generated("interactions", made, made.attributions, made.attributions != 0, made.means, spread)


def clusters():
    """One cluster of several: the attributions are exact as long as the background is of the same cluster."""
    made = make_attribution_clusters(4000, n_features=15, dtype=np.float32, random_state=0, return_bunch=True)
    own = made.cluster == made.cluster[0]
    for key in ("data", "target"):
        made[key] = made[key][own]
    return _generated("clusters", made, made.contributions[own], made.relevant[own], made.centers[made.cluster[0]], 1.0)


def _generated(name, made, truth, masks, means, spread):
    model, X = made.model.eval(), made.data
    background, rows = X[N_ROWS : N_ROWS + N_BACKGROUND], slice(0, N_ROWS)
    # A two-level orthogonal array: means, and products of two columns, are those of the population, not of a sample.
    balanced = (means + spread * hadamard(16)[:, 1 : 1 + X.shape[1]]).astype(np.float32)
    base = np.full(N_ROWS, np.float32(made.base_value))
    exact = shap.Explanation(np.asarray(truth[rows]), base_values=base)
    return StudySet(
        name, model, background, X[rows], exact.values, np.asarray(masks[rows]), truth=exact, balanced=balanced
    )


def images():
    X, _, masks, model = make_attribution_images(
        400, image_size=16, object_size=4, n_distractors=1, random_state=0, return_model=True
    )
    background, rows = X[N_ROWS : N_ROWS + N_BACKGROUND], X[:N_ROWS]
    reference = _shapley(model, background, rows, background_size=10)
    return StudySet("images", model.eval(), background, rows, reference, masks[:N_ROWS], inputs="image")


SETS = (census, breast_cancer, wine, diabetes, digits, linear, interactions, clusters, images)
