"""
How few columns would do?
=========================

Fewer columns are cheaper to measure and easier to explain. An explainer says which ones to keep, and in scikit-learn
that is a step of a Pipeline: ``SelectFromModel`` takes any explainer, a search chooses how many columns to keep, and
``RFEExplainer`` gives them up step by step and keeps account of what is lost.

The data are scikit-learn's breast cancer measurements: 569 tumours, 30 columns, many of which say nearly the same.
"""

# %%
# A selection as a step
# ---------------------
# ``SelectFromModel`` keeps the columns with the largest ``feature_importances_``: here those of integrated gradients,
# of a network that is trained in each fold of the search on the training rows alone. What comes after it is any
# model.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer, RFEExplainer
from sklearn_xai.display import AttributionDisplay


def perceptron():
    return nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.Linear(16, 2))


X, y = load_breast_cancer(return_X_y=True, as_frame=True)

net = NeuralNetClassifier(
    perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=5e-3,
    max_epochs=10,
    batch_size=64,
    train_split=None,
    verbose=0,
)
pipeline = make_pipeline(StandardScaler(), net)
explainer = IntegratedGradientsExplainer(pipeline, random_state=0)
select = SelectFromModel(explainer, threshold=-np.inf)
model = make_pipeline(select, StandardScaler(), LogisticRegression())

search = GridSearchCV(model, {"selectfrommodel__max_features": [1, 2, 5, 10, 20, 30]}, cv=3).fit(X, y)
selected = search.best_estimator_["selectfrommodel"]
print(f"best: {search.best_params_}, accuracy {search.best_score_:.3f}")

# %%
# Two by two
# ----------
# ``RFEExplainer`` removes the two columns that the network misses least, then the next two, and scores what is left
# on held-out rows. The network is not trained again in between (``refit=True`` would do that), so this asks another
# question: not how few columns a model could do with, but how many this one relies on.

rfe = RFEExplainer(pipeline, step=2, cv=3, background_size=20, random_state=0).fit(X, y)
print(f"the network relies on {rfe.n_features_} of {X.shape[1]} columns")

# %%

fig, axes = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
numbers = search.cv_results_["param_selectfrommodel__max_features"].astype(int)
for name, n_columns, found in (
    ("chosen by integrated gradients, model trained again", numbers, search.cv_results_),
    ("given up two by two, same network", rfe.cv_results_["n_features"], rfe.cv_results_),
):
    mean, std = found["mean_test_score"], found["std_test_score"]
    axes[0].plot(n_columns, mean, marker=".", label=name)
    axes[0].fill_between(n_columns, mean - std, mean + std, alpha=0.2)
axes[0].set(xlabel="columns that are left", ylabel="accuracy on held-out rows (± std of folds)")
axes[0].legend(loc="lower right")
AttributionDisplay.from_estimator(selected.estimator_, X, kind="bar", target_name="log-odds of benign", ax=axes[1])
plt.show()

# %%
# Five columns, chosen by their attributions, come within a few hundredths of all thirty when the model is trained on
# them. The network that has been trained on all of them spreads its attributions evenly, as the bars show, so that it
# can give up few columns for nothing, and with only five of them left it errs more often than the model that was
# trained for it.
