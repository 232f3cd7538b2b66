"""The metrics that the tests go through, with few evaluations, what they need, and what they judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from inspect import signature

import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import InputXGradientExplainer, IntegratedGradientsExplainer, SaliencyExplainer
from sklearn_xai.metrics import METRICS
from tests.nets import classifier
from tests.oracles import mlp, seeded

NAMES = sorted(METRICS)
TABLE_NAMES = [name for name in NAMES if "table" in METRICS[name].inputs]
IMAGE_NAMES = [name for name in NAMES if "image" in METRICS[name].inputs]

# Of each, what is among the parameters of a metric.
FAST = {"n_samples": 3, "n_subsets": 12, "flip_probability": 0.3}


@dataclass
class Case:
    """A fitted explainer, rows that it explains, and what some metrics need to know of them."""

    explainer: object
    X: object
    attributions: np.ndarray = field(init=False)
    needs: dict = field(init=False)
    dtype: type = field(init=False)  # of the network

    def __post_init__(self):
        found = np.asarray(self.explainer.transform(self.X))
        self.dtype, self.attributions = found.dtype, found.astype(np.float64)
        attributions, rng = self.attributions, np.random.RandomState(7)
        self.needs = {
            "masks": half_of(self.explainer, attributions, rng),
            "reference": attributions + rng.randn(*attributions.shape),
        }

    def score(self, name, rows=slice(None), attributions=None, **options):
        """Return what a metric says of some of the rows, one number each."""
        X = self.X.iloc[rows] if hasattr(self.X, "iloc") else self.X[rows]
        needs = {need: self.needs[need][rows] for need in METRICS[name].needs}
        options = {"random_state": 0, "sample_wise": True} | fast_parameters(name) | needs | options
        return METRICS[name].function(self.explainer, X, attributions=attributions, **options)


def fast_parameters(name):
    """Return parameters of a metric with which it takes little time."""
    return {key: value for key, value in FAST.items() if key in signature(METRICS[name].function).parameters}


def half_of(explainer, attributions, rng):
    """Return masks of half of each row's players, one of one."""
    shape = (len(attributions), explainer.n_players_) if attributions.ndim == 2 else attributions.shape
    order = rng.rand(*shape).reshape(len(attributions), -1).argsort(axis=1)
    return (order < (order.shape[1] + 1) // 2).reshape(shape)


def rows(n, d, seed=0):
    return np.random.RandomState(seed).randn(n, d)


@cache
def table_case(target=1):
    """A network of five columns and three outputs."""
    explainer = InputXGradientExplainer(seeded(lambda: mlp(5, 3, nn.Tanh)), target=target)
    return Case(explainer.fit(rows(20, 5)), rows(6, 5, seed=1))


@cache
def constant_case():
    """A network that says the same of every row."""
    module = seeded(lambda: mlp(5, 2, nn.Tanh))
    with torch.no_grad():
        module[-1].weight.zero_()
    return Case(InputXGradientExplainer(module).fit(rows(20, 5)), rows(6, 5, seed=1))


@cache
def single_case():
    """A network of one column."""
    explainer = InputXGradientExplainer(seeded(lambda: mlp(1, 2, nn.Tanh)))
    return Case(explainer.fit(rows(20, 1)), rows(4, 1, seed=1))


@cache
def image_case():
    """A convolutional network of 6x6 images in two channels."""
    module = seeded(lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)))
    X = np.random.RandomState(0).rand(20, 2, 6, 6)
    return Case(SaliencyExplainer(module, target=1).fit(X), X[:3])


def mixed_frame(n=40):
    """Return numbers, words, and missing values of either."""
    rng = np.random.RandomState(3)
    frame = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n).astype(float),
            "city": rng.choice(["Rome", "Oslo", "Lima"], n).astype(object),
            "hours": rng.rand(n) * 40,
            "job": rng.choice(["a", "b"], n).astype(object),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::9, "city"] = None
    return frame


@cache
def frame_case(grouped=False):
    """A pipeline of a table of numbers and words with gaps, that ends in a network."""
    frame = mixed_frame()
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    columns = make_column_transformer((numbers, ["age", "hours"]), (words, ["city", "job"]))
    pipe = make_pipeline(columns, classifier(max_epochs=2))
    y = (frame["hours"].to_numpy() > 20).astype(np.int64)
    groups = {"who": ["age", "job"], "where": ["city"], "when": ["hours"]} if grouped else None
    explainer = IntegratedGradientsExplainer(pipe, feature_groups=groups, n_steps=16, random_state=0)
    return Case(explainer.fit(frame, y), frame.head(4))
