"""
Which explainer should I use, and is it really better?
======================================================

``ExplainerSelector`` is to explainers what ``GridSearchCV`` is to parameters: it ranks them by several metrics in
every fold and keeps the best, fitted to all rows. Ranks of a few folds differ by chance too, so it also says which
differences are more than that, and a random control takes part without being asked.

The data are scikit-learn's breast cancer measurements: 569 tumours, 30 columns, benign or malignant.
"""

# %%
# Five explainers of one network
# ------------------------------

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import (
    DeepLiftExplainer,
    IntegratedGradientsExplainer,
    LRPExplainer,
    OcclusionExplainer,
    SaliencyExplainer,
)
from sklearn_xai.display import CriticalDifferenceDisplay
from sklearn_xai.model_selection import ExplainerSelector


def perceptron():
    return nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))


X, y = load_breast_cancer(return_X_y=True, as_frame=True)
y = y.map({0: "malignant", 1: "benign"})

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
explainers = {
    "integrated gradients": IntegratedGradientsExplainer(pipeline),
    "DeepLIFT": DeepLiftExplainer(pipeline),
    "LRP": LRPExplainer(pipeline),
    "occlusion": OcclusionExplainer(pipeline, background_size=20),
    "saliency": SaliencyExplainer(pipeline),
}

# %%
# The choice
# ----------
# Four metrics of different families: does the output heed the columns that the attributions name, do similar rows get
# similar attributions, do few columns carry them, do they add up to the output?

metrics = ["faithfulness_correlation", "max_sensitivity", "sparseness", "completeness_gap"]
selector = ExplainerSelector(explainers, metrics, cv=5, n_eval=20, random_state=0).fit(X, y)

print("chosen:", selector.best_name_)
print(f"mean ranks that differ by less than {selector.critical_difference_:.2f} are not told apart")
selector.results_[["mean_rank", "not_different_from_best", "better_than_control"]].round(2)

# %%
# What it found
# -------------

CriticalDifferenceDisplay.from_selector(selector)
plt.show()

# %%
# The lower the rank the better; a bar joins explainers that five folds and four metrics do not tell apart. DeepLIFT
# comes out first, but integrated gradients and occlusion are as good as far as this can tell, so that one may take
# the fastest of them, or the one that is easiest to tell a colleague about. Saliency is not told apart from the
# random control.
