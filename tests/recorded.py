"""Trainings that are recorded, for the tests of recorders."""

from __future__ import annotations

import torch
from skorch import NeuralNetRegressor

from sklearn_xai import ActivationRecorder, AttributionRecorder, ParameterRecorder
from tests.nets import MLP, table

X, Y, LABELS = table(n=80)
TARGET = Y.reshape(-1, 1)
RECORDERS = {"activations": ActivationRecorder, "parameters": ParameterRecorder, "attributions": AttributionRecorder}


def all_recorders(**kwargs):
    return [ActivationRecorder(X, **kwargs), ParameterRecorder(**kwargs), AttributionRecorder(X=X, **kwargs)]


def net_of(module=MLP, callbacks=None, kind=NeuralNetRegressor, **kwargs):
    kwargs = {"max_epochs": 3, "lr": 0.05, "batch_size": 16, "train_split": None, "verbose": 0} | kwargs
    return kind(module, callbacks=callbacks, **kwargs)


def train(module=MLP, callbacks=None, seed=0, y=TARGET, **kwargs):
    torch.manual_seed(seed)
    return net_of(module, callbacks, **kwargs).fit(X, y)


def weights(net):
    return {name: value.numpy().tobytes() for name, value in net.module_.state_dict().items()}
