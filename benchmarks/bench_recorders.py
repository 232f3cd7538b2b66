"""Training on the census table with all three recorders on every epoch, against training without."""

from __future__ import annotations

import torch
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.census import MLP, census
from benchmarks.common import size, take_turns, timed
from sklearn_xai import ActivationRecorder, AttributionRecorder, ParameterRecorder
from sklearn_xai.datasets import load_adult

N_EPOCHS, N_ROWS = size((20, 32_561), (3, 4_000))


def run():
    """All rows of the table, recorders as they are by default; the weights must come out the same."""
    X = census()[2][:N_ROWS]
    y = (load_adult(return_X_y=True)[1] == ">50K").to_numpy().astype("int64")[:N_ROWS]

    def train(callbacks, n_rows=N_ROWS):
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            MLP, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=N_EPOCHS, verbose=0,
            train_split=None, iterator_train__shuffle=True, callbacks=callbacks,
        )  # fmt: skip
        return net.fit(X[:n_rows], y[:n_rows])

    def recorded(**options):
        return train([ActivationRecorder(), ParameterRecorder(), AttributionRecorder()], **options)

    recorded(n_rows=500)  # warm both up with little of it
    trained = {}
    seconds = take_turns(
        {"without": lambda: trained.update(without=train(None)), "with": lambda: trained.update(recorded=recorded())},
        rounds=3,
        warm=False,
    )
    states = [net.module_.state_dict() for net in trained.values()]
    same = all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    yield timed(
        f"three recorders on every epoch, census, {len(X):,} rows, {N_EPOCHS} epochs", "training without", 1.1,
        seconds["with"], seconds["without"], at_most=True, note=f"weights {'equal' if same else 'DIFFER'}",
        headline=True,
    )  # fmt: skip
