"""
What would have to change for another answer?
=============================================

Someone who is told no may not ask why, but what to do about it. ``DecisionBoundaryExplainer`` looks for the nearest
row to which the model gives another answer. Which columns may move is for the user to say: nobody gets younger, and
nobody should be told to change their race.

The data are the census income table, and the question is what would lift people above 50,000 dollars a year in the
eyes of the model. That is no advice: the model knows who earns what, not what makes them earn it.
"""

# %%
# The model
# ---------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import DecisionBoundaryExplainer
from sklearn_xai.datasets import load_adult


def perceptron():
    return nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 2))


X, y = load_adult(return_X_y=True)
X_test, _ = load_adult(return_X_y=True, split="test")

columns = make_column_transformer(
    (StandardScaler(), make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
net = NeuralNetClassifier(
    perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    max_epochs=3,
    batch_size=128,
    train_split=None,
    verbose=0,
)

# %%
# The nearest other answer
# ------------------------
# Only schooling and hours of work may change, and they stay within what the data have seen.

explainer = DecisionBoundaryExplainer(
    make_pipeline(columns, net),
    features_to_vary=["education_num", "hours_per_week"],
    within_background=True,
    background_size=500,
    random_state=0,
)
explainer.fit(X[:10_000], y[:10_000])

people = X_test[:100]
people = people[explainer.predict(people) == "<=50K"]
nearest = explainer.nearest_point(people)
distance = explainer.distance(people)
reachable = np.isfinite(distance)
print(f"{reachable.sum()} of {len(people)} people could be lifted by these two columns")

# %%
# For the five who are nearest to it:

first = np.argsort(distance)[:5]
both = {"now": people.iloc[first], "needed": nearest.iloc[first]}
pd.concat({when: rows[["education_num", "hours_per_week"]] for when, rows in both.items()}, axis=1).round(1)

# %%
# One person, and all of them
# ---------------------------
# Left, for the one who is half-way down the list, what the model says at other numbers of years and hours, and the
# way to the boundary. Right, what everyone who can be lifted by these two columns would need.

fig, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
someone = people.iloc[[np.argsort(distance)[reachable.sum() // 2]]]
explainer.plot_boundary(
    someone, ["education_num", "hours_per_week"], response_method="predict_proba", grid_resolution=40, ax=axes[0]
)
for i in np.flatnonzero(reachable):
    way = [people.iloc[i], nearest.iloc[i]]
    axes[1].plot(
        *[[row[column] for row in way] for column in ("education_num", "hours_per_week")], color="0.7", zorder=1
    )
for rows, name in ((people[reachable], "now"), (nearest[reachable], "needed")):
    axes[1].scatter(rows["education_num"], rows["hours_per_week"], s=18, label=name, zorder=2)
axes[1].set(xlabel="education_num", ylabel="hours_per_week")
axes[1].legend()
plt.show()

# %%
# Many would need a degree rather than a few hours more, and the lines run upwards less than to the right. Some would
# have to study to the end of the scale and work more hours than a week can bear: the model has an answer for them,
# but there is no such way. For the others, more than half, these two columns do not suffice at all.
