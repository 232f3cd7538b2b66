"""
Which columns make the network unsure?
======================================

A network that says 0.6 may have seen many such people of whom 60 in 100 earn well, or none at all. An ensemble tells
the two apart: where its members agree, the doubt is in the data; where they do not, it is for lack of data. And since
the doubt is an output like any other, an explainer can say which columns it comes from.

The data are the census income table, and the network is trained on only 2,000 people.
"""

# %%
# An ensemble of the whole Pipeline
# ---------------------------------

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer, PredictiveDistribution
from sklearn_xai.datasets import load_adult
from sklearn_xai.display import AttributionDisplay


def perceptron():
    return nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 2))


X, y = load_adult(return_X_y=True)
X_test, y_test = load_adult(return_X_y=True, split="test")
people, truth = X_test[:1000], y_test[:1000]

columns = make_column_transformer(
    (StandardScaler(), make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
net = NeuralNetClassifier(
    perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    max_epochs=10,
    batch_size=64,
    train_split=None,
    verbose=0,
)
ensemble = PredictiveDistribution(make_pipeline(columns, net), method="ensemble", n_members=5, random_state=0)
ensemble.fit(X[:2000], y[:2000])

# %%
# Two kinds of doubt
# ------------------
# In nats: the aleatoric part is noise that no further rows would remove, the epistemic part is what the members
# disagree on.

doubt = ensemble.uncertainty(people)
wrong = (ensemble.predict(people) != truth).to_numpy()
doubt.assign(prediction=np.where(wrong, "wrong", "right")).groupby("prediction").mean().round(3)

# %%
# What the members disagree on
# ----------------------------
# ``output="epistemic"`` explains that number instead of the prediction.

explainer = IntegratedGradientsExplainer(ensemble, output="epistemic", random_state=0).fit(X[:500])

fig, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
axes[0].hist([doubt["epistemic"][~wrong], doubt["epistemic"][wrong]], bins=20, density=True, label=["right", "wrong"])
axes[0].set(
    xlabel="epistemic uncertainty (nats)", ylabel="density of people", title="Where the ensemble is right, and wrong"
)
axes[0].legend()
AttributionDisplay.from_estimator(
    explainer, people, kind="beeswarm", max_display=8, target_name="epistemic uncertainty (nats)", ax=axes[1]
)
plt.show()

# %%
# Where the ensemble is wrong, its members disagree more, but not by so much that one could tell the errors by it:
# most of what is wrong here is noise in the data, as the table above says. What disagreement there is comes from age
# more than from any other column, and the members are at odds about the oldest people (yellow, far to the right), of
# whom there are few. The attributions are small numbers because the epistemic uncertainty is one.
