"""
Does the network heed a concept that I have a word for?
=======================================================

"Well educated" is no column of the census table, nor is "works long hours". Concept activation vectors ask a network
about such words: they take the direction in a layer that tells rows with the concept from rows without it, and ask
for how many rows the output rises along it. A concept drawn at random is the control, and the test is held against
random directions.
"""

# %%
# The network
# -----------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import ConceptActivationVectors, LayerActivations
from sklearn_xai.datasets import load_adult


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.LazyLinear(32), nn.Linear(32, 2)

    def forward(self, X):
        return self.out(self.hidden(X).relu())


X, y = load_adult(return_X_y=True)
columns = make_column_transformer(
    (StandardScaler(), make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
net = NeuralNetClassifier(
    Perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    max_epochs=3,
    batch_size=128,
    train_split=None,
    verbose=0,
)
trained = LayerActivations(make_pipeline(columns, net), layer="hidden", random_state=0).fit(X, y).estimator_

# %%
# Concepts in words
# -----------------
# A concept is a column of True and False, made in any way.

people = X[:4000]
concepts = pd.DataFrame(
    {
        "well educated": people["education_num"] >= 13,
        "works long hours": people["hours_per_week"] > 45,
        "in their twenties": people["age"].between(20, 29),
        "never married": people["marital_status"] == "Never-married",
        "born abroad": people["native_country"] != "United-States",
        "drawn by lot": np.random.RandomState(0).random_sample(len(people)) < 0.3,
    }
)
vectors = ConceptActivationVectors(trained, layer="hidden", output="proba", n_examples=200, random_state=0)
vectors.fit(people, concepts)
report = vectors.report_.loc["<=50K"]
report[["tcav_score", "std", "random_score", "p_value", "significant", "accuracy"]].round(3)

# %%
# Of the people whom the network gives ``<=50K``
# ----------------------------------------------
# For what share of them does the probability of that answer rise with the concept? At one half, the output does not
# heed it.

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
colors = ["C0" if significant else "0.75" for significant in report["significant"]]
ax.barh(report.index, report["tcav_score"], xerr=report["std"], color=colors)
ax.axvline(report["random_score"].iloc[0], color="k", linestyle="--", label="random directions")
ax.set(xlim=(0, 1), xlabel="share of people for whom the probability of <=50K rises (grey: not significant)")
ax.invert_yaxis()
ax.legend(loc="lower right")
plt.show()

# %%
# Along "never married" the answer becomes more certain for nearly everyone, along "well educated" and "works long
# hours" less so for most. The lot is where it should be, in the middle and not significant, and its spread over the
# runs shows how much one run by itself would be worth. "Born abroad" is a warning: it seems to speak for a good
# income as clearly as long hours do. A vector is of all that its examples have in common, and those who were born
# abroad are alike in more than that.
