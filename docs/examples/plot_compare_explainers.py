"""
Is one explainer better than another, and is it better than chance?
===================================================================

Two explainers of the same network seldom say the same. Which of them should be believed can be measured: does the
output change where the attributions say that it should (faithfulness), do the attributions add up to the output
(completeness), do they stay when the network is trained on other rows (stability)? And since every measure has a
scale of its own, what would an explainer score that draws its attributions at random?
"""

# %%
# A network on the census table, and five explainers of it. One is SHAP's, one is the random control.

import matplotlib.pyplot as plt
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import (
    IntegratedGradientsExplainer,
    LocalSurrogateExplainer,
    RandomExplainer,
    SaliencyExplainer,
    SHAPExplainer,
    ShapleyExplainer,
)
from sklearn_xai.datasets import load_adult
from sklearn_xai.display import ComparisonDisplay
from sklearn_xai.model_selection import compare_explainers


def perceptron():
    return nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 2))


X, y = load_adult(return_X_y=True)
X_eval, _ = load_adult(return_X_y=True, split="test")

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
pipeline = make_pipeline(columns, net)

# %%
# ``compare_explainers`` trains the Pipeline once in each fold and hands the trained one to all of them, so that what
# differs is the explainer. None of them has a ``random_state``: each fold then gets seeds of its own, and their
# stability counts what they owe to chance.

explainers = {
    "Shapley values": ShapleyExplainer(pipeline, background_size=25),
    "integrated gradients": IntegratedGradientsExplainer(pipeline),
    "LIME": LocalSurrogateExplainer(pipeline, n_samples=300),
    "saliency": SaliencyExplainer(pipeline),
    "SHAP": SHAPExplainer(pipeline, algorithm="kernel", max_evals=500, background_size=25),
    "random control": RandomExplainer(pipeline),
}
table = compare_explainers(explainers, X[:5000], y[:5000], cv=3, X_eval=X_eval[:20], random_state=0)
measures = ["faithfulness", "completeness_gap", "stability", "agreement"]
table[measures].round(3)

# %%
# The dashed line is the control's: what is not clear of it says nothing that this measure can see.

ComparisonDisplay.from_frame(table, measures=measures)
plt.show()

# %%
# Shapley values, integrated gradients and SHAP are faithful, add up to rounding (which of them is the nearest there
# means nothing), and largely agree, though they are found in three different ways: a reason to believe them. LIME is
# nearly as faithful, but changes more from fold to fold. Saliency is the most stable of all, and no better than the
# control at anything else: it is a slope, in units of output per unit of each column, and not a share of the output.
# Stability alone is no virtue.
