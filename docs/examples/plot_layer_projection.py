"""
What does each layer know?
==========================

From layer to layer a network may spread out what it needs and forget what it does not. Two ways to look at that: how
much can be read off a layer by a linear model (a probe), and which rows a layer holds for alike, drawn in two
dimensions.

The data are scikit-learn's digits.
"""

# %%
# The network
# -----------

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import LayerActivations
from sklearn_xai.display import ProjectionDisplay

torch.manual_seed(0)


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(64, 64), nn.Linear(64, 16), nn.Linear(16, 10)

    def forward(self, x):
        return self.out(self.second(self.first(x).relu()).relu())


X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X.astype("float32"), y, test_size=0.4, random_state=0)

net = NeuralNetClassifier(
    Perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=3e-3,
    max_epochs=15,
    batch_size=32,
    train_split=None,
    verbose=0,
)
trained = make_pipeline(MinMaxScaler(), net).fit(X_train, y_train)
print(f"accuracy on held-out digits: {trained.score(X_test, y_test):.2f}")

# %%
# Probes
# ------
# ``LayerActivations`` turns rows into what the units of a layer say, and a probe is a Pipeline. Two questions are
# put: which digit is it, and is it drawn with more ink than most? The network was never asked for the second. Without
# the ``FrozenEstimator`` it would be trained again for each question.

ink = X_test.sum(axis=1)
questions = {"digit": y_test, "much ink": ink > np.median(ink)}
frozen = FrozenEstimator(trained)
for layer in ("first", "second", "out"):
    probe = make_pipeline(LayerActivations(frozen, layer=layer), StandardScaler(), LogisticRegression(max_iter=500))
    scores = {name: cross_val_score(probe, X_test, labels, cv=3).mean() for name, labels in questions.items()}
    print(f"{layer:<7}", {name: f"{score:.2f}" for name, score in scores.items()})

# %%
# Which digits are alike to a layer
# ---------------------------------
# By PCA, which shows distances as they are but only in two directions, and by t-SNE, which keeps neighbours together
# and nothing else.

fig, axes = plt.subplots(1, 3, figsize=(15, 5), layout="constrained")
for ax, layer, method in zip(axes, ("first", "out", "out"), ("pca", "pca", "tsne"), strict=True):
    ProjectionDisplay.from_estimator(
        trained,
        X_test[:400],
        y_test[:400],
        layer=layer,
        method=method,
        random_state=0,
        name=f"{layer}, {method}",
        ax=ax,
    )
plt.show()

# %%
# The digit can be read off every layer. How much ink there was is best known to the first, and harder to read off the
# later ones, although nobody told the network to forget it. By PCA the ten digits lie over each other in both layers:
# two directions hold half of the variance of the first and less than all of the last, as is written above the
# pictures. By t-SNE nearly all digits stand in crowds of their own; but how far crowds are from each other means
# nothing there.
