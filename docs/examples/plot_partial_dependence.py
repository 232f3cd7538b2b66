"""
How does the prediction change with a column?
=============================================

Partial dependence sets a column to one value in all rows and averages what the model says. Where columns hang
together, that asks the model about rows that do not exist. Accumulated local effects ask only about small steps from
rows that do exist, and add these up. Where the two agree, nothing hangs on it; where they part, the model was asked
about something it has never seen.

The data are 442 patients with diabetes, two of whose blood measurements, ``s1`` and ``s2``, are correlated by 0.9.
"""

# %%
# The model
# ---------
# A network, to predict how far the disease progresses in a year.

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from torch import nn

from sklearn_xai import PartialDependenceExplainer


def perceptron():
    return nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))


X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
y = (y - y.mean()) / y.std()
print(f"correlation of s1 and s2: {X['s1'].corr(X['s2']):.2f}")

net = NeuralNetRegressor(
    perceptron, optimizer=torch.optim.Adam, lr=5e-3, max_epochs=30, batch_size=32, train_split=None, verbose=0
)
pipeline = make_pipeline(StandardScaler(), net)

# %%
# Two explainers of the same network
# ----------------------------------
# The attribution of a column is the height of its curve at the row's value, less its mean over the background.

settings = {"background_size": 442, "grid_resolution": 20, "random_state": 0}
dependence = PartialDependenceExplainer(pipeline, kind="pd", **settings).fit(X, y)
local = PartialDependenceExplainer(dependence.estimator_, kind="ale", **settings).fit(X)

importances = zip(X.columns, dependence.feature_importances_, local.feature_importances_, strict=True)
for column, pd_importance, ale_importance in importances:
    print(f"{column:<4} partial dependence {pd_importance:.2f}   accumulated local effects {ale_importance:.2f}")

# %%
# The curves
# ----------
# Those of ``bmi`` and of the two that are correlated, as scikit-learn's ``PartialDependenceDisplay`` draws them.

columns = ["bmi", "s1", "s2"]
fig, axes = plt.subplots(2, 3, figsize=(12, 7), sharey="row", layout="constrained")
for row, explainer, name in zip(
    axes, (dependence, local), ("partial dependence", "accumulated local effects"), strict=True
):
    explainer.plot_dependence(columns, ax=row)
    for ax in row:
        ax.set_ylabel(name if ax is row[0] else "")
plt.show()

# %%
# The body mass index raises the prediction, by either account. So do they agree on ``s1``, which lowers it. On ``s2``
# they part, at both ends, beyond the ticks that mark the deciles of the patients: partial dependence bends up on the
# right, where accumulated local effects fall. A patient with an ``s2`` of 240 and the ``s1`` of another is one that
# nobody has met, and only the first of the two asked the network about such patients.
