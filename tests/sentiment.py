"""Networks of words, and a Pipeline that tells favourable sentences of movie reviews from unfavourable ones."""

from __future__ import annotations

import torch
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import TokenEncoder
from sklearn_xai.datasets import load_movie_reviews

MAX_TOKENS = 4000  # fixed, so that the size of the embedding is known before the encoder is fitted


class TextCNN(nn.Module):
    """Three words at a time, and the strongest of each filter over the text."""

    def __init__(self, n_tokens=MAX_TOKENS, n_dimensions=32, n_filters=32, n_outputs=2, dropout=0.5):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, n_dimensions, padding_idx=0)
        self.conv = nn.Conv1d(n_dimensions, n_filters, kernel_size=3, padding=1)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(n_filters, n_outputs)

    def forward(self, X):
        found = self.conv(self.embedding(X).transpose(1, 2)).relu()
        return self.out(self.drop(found.amax(dim=2)))


class TextGRU(nn.Module):
    """Word by word, and the mean of the states at the words; a text without words is a mean of nothing, 0."""

    def __init__(self, n_tokens=MAX_TOKENS, n_dimensions=32, n_hidden=32, n_outputs=2, dropout=0.5):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, n_dimensions, padding_idx=0)
        self.gru = nn.GRU(n_dimensions, n_hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(n_hidden, n_outputs)

    def forward(self, X):
        is_word = (X != 0).unsqueeze(2).to(self.out.weight.dtype)
        states, _ = self.gru(self.embedding(X))
        mean = (states * is_word).sum(dim=1) / is_word.sum(dim=1).clamp(min=1)
        return self.out(self.drop(mean))


def sentiment_pipeline(module=TextCNN, *, max_tokens=MAX_TOKENS, max_length=None, **kwargs):
    """Return the two steps, not fitted: "tokens" and "net"."""
    kwargs = {"max_epochs": 4, "lr": 5e-3, "batch_size": 64, "module__n_tokens": max_tokens} | kwargs
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        **kwargs,
    )
    return Pipeline([("tokens", TokenEncoder(max_tokens=max_tokens, max_length=max_length)), ("net", net)])


def review_rows(n_train=None, n_test=1000, seed=0):
    """Return X_train, X_test, y_train, y_test: texts and labels, shuffled."""
    X, y = load_movie_reviews(return_X_y=True, target="label")
    return train_test_split(X, y, train_size=n_train, test_size=n_test, random_state=seed, stratify=y)


def trained(pipeline, X, y, seed=0):
    """Fit with the same weights, dropout and order of the rows each time; torch's generator is as before afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return pipeline.fit(X, y)
