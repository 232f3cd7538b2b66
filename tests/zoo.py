"""A zoo of small networks as users write them: every member a module, the rows it takes, and the net around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from tests import zoo_modules as zoo
from tests.zoo_modules import LENGTH, SIDE, WORDS, P, mlp


@dataclass(frozen=True)
class Member:
    """A network of the zoo.

    ``inputs`` is what it takes: "table" (n, P), "image" (n, 2, SIDE, SIDE), "tokens" (n, LENGTH) with padding 0 at the
    end, or a dict of arrays by the names of ``forward``: "mixed", numbers and categories, or "two tables" of numbers.
    ``wrap`` is what a user trains it with, ``traits`` what tests may choose by.
    """

    name: str
    build: Callable[[], nn.Module]
    inputs: str = "table"
    wrap: str = "regressor"
    traits: frozenset[str] = frozenset()
    dtype: type = np.float32

    def rows(self, n=6, seed=0):
        """Return rows as a user gives them."""
        return ROWS[self.inputs](np.random.RandomState(seed), n, self.dtype)

    def net(self, seed=0):
        """Return a fitted estimator around a new module; the training ran, and moved no weight."""
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            module = self.build()
            if self.wrap == "module":
                return module.train()
            return _fitted(self.wrap, module, self.rows(32, seed=1), self.dtype)


def _fitted(kind, module, X, dtype):
    options = {"lr": 0.0, "max_epochs": 1, "train_split": None, "verbose": 0}
    classes = np.arange(32) % 3
    if kind == "classifier":
        return NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, **options).fit(X, classes)
    if kind == "probabilities":
        return NeuralNetClassifier(module, criterion=nn.NLLLoss, **options).fit(X, classes)
    if kind == "binary":
        return NeuralNetBinaryClassifier(module, **options).fit(X, (classes > 0).astype(np.float32))
    if kind == "labels":
        labels = (classes[:, None] == np.arange(3)).astype(np.float32)
        return NeuralNet(module, criterion=nn.BCEWithLogitsLoss, **options).fit(X, labels)
    k = {"regressor": 1, "regressor of 3": 3}[kind]
    return NeuralNetRegressor(module, **options).fit(X, np.zeros((32, k), dtype=dtype))


# ---------------------------------------------------------------------- rows
def _table(rng, n, dtype):
    return rng.randn(n, P).astype(dtype)


def _image(rng, n, dtype):
    return rng.randn(n, 2, SIDE, SIDE).astype(dtype)


def _tokens(rng, n, dtype):
    ids = rng.randint(1, WORDS, size=(n, LENGTH))
    lengths = rng.randint(2, LENGTH + 1, size=n)
    lengths[0] = LENGTH
    return np.where(np.arange(LENGTH) < lengths[:, None], ids, 0).astype(np.int64)


def _mixed(rng, n, dtype):
    return {"num": rng.randn(n, 3).astype(dtype), "cat": rng.randint(0, 4, size=(n, 2)).astype(np.int64)}


def _two_tables(rng, n, dtype):
    return {"left": rng.randn(n, 3).astype(dtype), "right": rng.randn(n, 2).astype(dtype)}


ROWS = {"table": _table, "image": _image, "tokens": _tokens, "mixed": _mixed, "two tables": _two_tables}


# ---------------------------------------------------------------------- the register
def _smooth(name, activation):
    return Member(name, lambda: mlp(activation), traits=frozenset({"smooth"}))


_STOCHASTIC = frozenset({"differs in training"})
_LINEAR = frozenset({"piecewise linear"})

MEMBERS = [
    Member("linear", lambda: nn.Linear(P, 1), traits=frozenset({"linear", "piecewise linear"})),
    Member("mlp", mlp, traits=_LINEAR),
    Member("classifier", lambda: mlp(n_outputs=3), wrap="classifier", traits=_LINEAR),
    Member("softmax", lambda: nn.Sequential(mlp(nn.Tanh, 3), nn.Softmax(dim=1)), wrap="probabilities"),
    Member("plain module", lambda: mlp(n_outputs=3), wrap="module", traits=_LINEAR),
    Member("functional", zoo.Functional, traits=_LINEAR),
    Member("methods", zoo.Methods, traits=_LINEAR),
    Member("operators", zoo.Operators, traits=_LINEAR),
    Member("in place", zoo.InPlace, traits=_LINEAR),
    Member("in place at the input", lambda: nn.Sequential(nn.ReLU(inplace=True), mlp()), traits=_LINEAR),
    Member("reused activation", zoo.Reused, traits=_LINEAR),
    Member("shared weights", zoo.SharedWeights, traits=_LINEAR),
    Member("residual", zoo.Residual, traits=_LINEAR),
    Member("two answers", zoo.TwoAnswers, wrap="module", traits=_LINEAR),
    Member("one number", zoo.OneNumber, wrap="module", traits=_LINEAR),
    Member("hardtanh", lambda: mlp(nn.Hardtanh), traits=_LINEAR),
    Member("leaky", lambda: mlp(nn.LeakyReLU), traits=_LINEAR),
    Member("prelu", lambda: mlp(nn.PReLU), traits=_LINEAR),
    _smooth("gelu", nn.GELU),
    _smooth("silu", nn.SiLU),
    _smooth("mish", nn.Mish),
    _smooth("elu", nn.ELU),
    _smooth("softplus", nn.Softplus),
    _smooth("sigmoid", nn.Sigmoid),
    Member("layer norm", lambda: zoo.normalised(nn.LayerNorm)),
    Member("batch norm", lambda: zoo.normalised(nn.BatchNorm1d), traits=_STOCHASTIC | _LINEAR),
    Member("dropout", zoo.dropped, traits=_STOCHASTIC | _LINEAR),
    Member("weight norm", zoo.weight_normed, traits=_LINEAR),
    Member("gated", zoo.Gated, traits=frozenset({"smooth"})),
    Member("experts", zoo.Experts),
    Member("maxout", zoo.Maxout, traits=_LINEAR),
    Member("distances", zoo.Distances, traits=frozenset({"smooth"})),
    Member("one logit", lambda: mlp(), wrap="binary", traits=_LINEAR),
    Member("several labels", lambda: mlp(n_outputs=3), wrap="labels", traits=_LINEAR),
    Member("several outputs", lambda: mlp(nn.Tanh, 3), wrap="regressor of 3", traits=frozenset({"smooth"})),
    Member("float64", lambda: mlp().double(), dtype=np.float64, traits=_LINEAR),
    Member("gru", lambda: zoo.Recurrent(nn.GRU), traits=frozenset({"smooth"})),
    Member("lstm", lambda: zoo.Recurrent(nn.LSTM), wrap="module", traits=frozenset({"smooth"})),
    Member("self-attention", zoo.SelfAttention, wrap="classifier", traits=frozenset({"smooth"})),
    Member("multi-head attention", zoo.MultiHead, wrap="module", traits=frozenset({"smooth"})),
    Member("transformer encoder", zoo.ColumnTransformer, wrap="classifier", traits=_STOCHASTIC),
    Member("reshaping cnn", zoo.ReshapingCNN, traits=_LINEAR),
    Member("sequence cnn", zoo.sequence_cnn, traits=_LINEAR),
    Member("scripted", zoo.scripted, wrap="module", traits=_LINEAR),
    Member("traced", zoo.traced, wrap="module", traits=_LINEAR),
    Member("compiled", zoo.compiled, wrap="module", traits=_LINEAR),
    Member("cnn with max pooling", zoo.cnn, "image", "classifier", _LINEAR),
    Member("cnn with batch norm", lambda: zoo.cnn(nn.AvgPool2d, nn.BatchNorm2d), "image", "classifier", _STOCHASTIC),
    Member("channels last", lambda: zoo.cnn(channels_last=True), "image", "module", _LINEAR),
    Member("functional cnn", zoo.FunctionalCNN, "image"),
    Member("residual block", zoo.ResBlock, "image", "classifier", _STOCHASTIC | _LINEAR),
    Member("cnn with group norm", zoo.group_normed_cnn, "image", traits=_STOCHASTIC),
    Member("upsampling cnn", zoo.autoencoder_cnn, "image", "module", _LINEAR),
    Member("vision transformer", zoo.VisionTransformer, "image", "module", _STOCHASTIC),
    Member("mean of words", zoo.MeanOfWords, "tokens", "classifier", _LINEAR),
    Member("text cnn", zoo.TextCNN, "tokens", "classifier", _LINEAR),
    Member("text gru", zoo.TextGRU, "tokens", traits=frozenset({"smooth"})),
    Member("text transformer", zoo.TextTransformer, "tokens", "module", _STOCHASTIC),
    Member("bag of words", zoo.BagOfWords, "tokens", traits=_LINEAR),
    Member("entity embeddings", zoo.Entities, "mixed", "classifier", _LINEAR),
    Member("one embedding", zoo.OneEmbedding, "mixed", traits=_LINEAR),
    Member("two towers", zoo.TwoTowers, "two tables"),
]
# Members that are one function of their parameters, however it is written down.
SPELLINGS = ["mlp", "functional", "methods", "in place", "reused activation", "scripted", "traced", "compiled"]
BY_NAME = {member.name: member for member in MEMBERS}


def take(X, rows):
    """Return some rows of an array, or of each array of a dict."""
    return {name: part[rows] for name, part in X.items()} if isinstance(X, dict) else X[rows]


def n_rows(X):
    return len(next(iter(X.values()))) if isinstance(X, dict) else len(X)
