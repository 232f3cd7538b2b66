"""Training on the census table with all three recorders on every epoch, against training without."""

from __future__ import annotations

import torch
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.census import MLP, census
from benchmarks.common import Result, best_times
from sklearn_xai import ActivationRecorder, AttributionRecorder, ParameterRecorder
from sklearn_xai.datasets import load_adult

N_EPOCHS = 20


def run():
    """All rows of the table, recorders as they are by default; the weights must come out the same."""
    X = census()[2]
    y = (load_adult(return_X_y=True)[1] == ">50K").to_numpy().astype("int64")

    def train(callbacks):
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            MLP, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=N_EPOCHS, verbose=0,
            train_split=None, iterator_train__shuffle=True, callbacks=callbacks,
        )  # fmt: skip
        return net.fit(X, y)

    def recorded():
        return train([ActivationRecorder(), ParameterRecorder(), AttributionRecorder()])

    trained = {}
    times = best_times(
        {"without": lambda: trained.update(without=train(None)), "with": lambda: trained.update(recorded=recorded())},
        repeats=2,
    )
    states = [net.module_.state_dict() for net in trained.values()]
    same = all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    note = f"{times['with']:.2f} vs {times['without']:.2f} s, {len(X):,} rows; weights {'equal' if same else 'DIFFER'}"
    yield Result(
        f"three recorders on every epoch, census, {N_EPOCHS} epochs", "training without",
        times["with"] / times["without"], 1.1, at_most=True, note=note,
    )  # fmt: skip
