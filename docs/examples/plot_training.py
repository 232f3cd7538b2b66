"""
When did the network learn what it knows?
=========================================

A loss curve says that a network learns, not what. Recorders are callbacks of skorch that look at a fixed sample of
rows at the end of each epoch: at the weights, at the units, and at the attributions. They tell when a column came to
matter, whether the explanation had settled when the training ended, and whether units died on the way. The weights
are the same with them and without.

The data are scikit-learn's breast cancer measurements.
"""

# %%
# A training with recorders
# -------------------------
# What a net sees is the scaled table, without names: ``feature_names`` gives them back.

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import ActivationRecorder, AttributionRecorder, ParameterRecorder
from sklearn_xai.display import TrainingDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)


def perceptron():
    return nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))


net = NeuralNetClassifier(
    perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    max_epochs=30,
    batch_size=32,
    callbacks=[
        ("activations", ActivationRecorder(random_state=0)),
        ("parameters", ParameterRecorder()),
        ("attributions", AttributionRecorder(feature_names=list(X), random_state=0)),
    ],
    verbose=0,
)
torch.manual_seed(0)
pipeline = make_pipeline(StandardScaler(), net).fit(X.astype("float32"), y)

# %%
# What was recorded is in the history of the net, epoch by epoch.

history = pipeline[-1].history
print("share of dead units, first and last epoch:", history[0, "activations_dead"], history[-1, "activations_dead"])
print(f"change of the attributions: second epoch {history[1, 'attributions_drift_cosine']:.3f},", end=" ")
print(f"last {history[-1, 'attributions_drift_cosine']:.4f}")

# %%
# All of it at once
# -----------------

TrainingDisplay.from_net(pipeline)
plt.show()

# %%
# The loss says that little happens after the tenth epoch. The attributions say so too, epoch by epoch (solid lines,
# lower right), but many small steps in the same direction add up: held against the last epoch (dashed), they still
# change in the second half. The columns that matter most were found in the first few epochs and stayed ahead. No
# gradient vanishes, and the few units that are dead were so early on.
