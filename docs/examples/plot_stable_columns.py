"""
Which columns can be trusted?
=============================

An explanation is of one trained network. Had the training rows or the random seed been a little different, the
network would have been another, and so might the explanation. ``explanation_stability`` trains again and tells what
stays: which columns keep their place, and whether it is the rows or the seed that moves the others.

The data are 178 Italian wines, 13 measurements of each, from three growers. A table so small leaves room for doubt.
"""

# %%
# The explainer
# -------------
# What makes a wine one of the first grower's? ``target=0`` explains the score of that class.

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer, PredictiveDistribution
from sklearn_xai.display import StabilityDisplay
from sklearn_xai.model_selection import explanation_stability


def perceptron():
    return nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))


X, y = load_wine(return_X_y=True, as_frame=True)
X = X.rename(columns={"od280/od315_of_diluted_wines": "od280/od315"})

net = NeuralNetClassifier(
    perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.02,
    max_epochs=20,
    batch_size=64,
    train_split=None,
    verbose=0,
)
pipeline = make_pipeline(StandardScaler(), net)
explainer = IntegratedGradientsExplainer(pipeline, target=0, random_state=0)

# %%
# Train again, and compare
# ------------------------
# Three folds are three sets of training rows; three further seeds are trainings on the same rows from other first
# weights.

settings = {"cv": 3, "sources": ("folds", "seeds"), "n_repeats": 4, "random_state": 0}
single = explanation_stability(explainer, X, y, **settings)
for statement in single.statements:
    print(statement)

# %%
# ``columns`` has the evidence, column by column: the share of the attributions, how much it varies (as a share of
# itself), how often two trainings agree on the sign, and the best and worst place it had.

single.columns[["share", "variation", "sign_consistency", "rank_low", "rank_high", "unstable"]].round(2)

# %%
# A steadier model is a steadier explanation
# ------------------------------------------
# If most of the disagreement comes from the seed, the model should not hang on one seed. An ensemble of five networks
# is an estimator like any other, and is explained in the same way.

ensemble = PredictiveDistribution(pipeline, method="ensemble", n_members=5)
many = explanation_stability(IntegratedGradientsExplainer(ensemble, target=0, random_state=0), X, y, **settings)

fig, axes = plt.subplots(2, 2, figsize=(13, 9), width_ratios=[3, 2], layout="constrained")
for row, found, name in zip(axes, (single, many), ("one network", "an ensemble of five"), strict=True):
    title = f"{name}: reliability {found.decomposition.reliability:.2f}"
    display = StabilityDisplay.from_stability(
        found, kind="features", max_display=13, target_name="the first grower's score", name=title, ax=row[0]
    )
    display.plot("sources", ax=row[1])
plt.show()

# %%
# The reliability is the share of the variance of the attributions that is between wines rather than between
# trainings. The ensemble's is higher, and the seed is no longer what most of the disagreement comes from. What is
# left is due to the rows, and no further networks would remove it. ``proline``, ``alcohol`` and ``alcalinity_of_ash``
# lead in either and can be called important; which of the columns in the middle comes before which is not to be read
# from any training.
