"""
What in the picture speaks for a digit?
=======================================

A convolutional network reads handwritten digits. Four methods say which pixels speak for its answer, on one scale:
red raises the score of the class that it predicts, blue lowers it. They do not ask the same question, and do not give
the same answer.

The data are scikit-learn's digits, 8 x 8 pixels.
"""

# %%
# A convolutional network
# -----------------------
# Activations are called as functions, or modules used twice: it makes no difference to the explainers.

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import (
    GradCAMExplainer,
    GuidedBackpropExplainer,
    IntegratedGradientsExplainer,
    LRPExplainer,
)
from sklearn_xai.display import AttributionDisplay


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.hidden, self.out = nn.Linear(32 * 4 * 4, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.first(x).relu(), 2)
        x = self.second(x).relu().flatten(1)
        return self.out(self.hidden(x).relu())


X, y = load_digits(return_X_y=True)
X = (X / 16).reshape(-1, 1, 8, 8).astype("float32")
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

net = NeuralNetClassifier(
    CNN,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=3e-3,
    max_epochs=8,
    batch_size=64,
    train_split=None,
    verbose=0,
)

# %%
# Four explainers
# ---------------
# The first trains the network; the others explain the one that is trained.

integrated = IntegratedGradientsExplainer(net, baseline="zero", random_state=0).fit(X_train, y_train)
print(f"accuracy on held-out digits: {(integrated.predict(X_test) == y_test).mean():.2f}")

trained = integrated.estimator_
explainers = {
    "integrated gradients": integrated,
    "LRP": LRPExplainer(trained).fit(X_train),
    "guided backpropagation": GuidedBackpropExplainer(trained).fit(X_train),
    "Grad-CAM": GradCAMExplainer(trained).fit(X_train),
}

# %%
# Side by side
# ------------

fig, axes = plt.subplots(2, 2, figsize=(13, 4.8), layout="constrained")
for ax, (name, explainer) in zip(axes.flat, explainers.items(), strict=True):
    AttributionDisplay.from_estimator(explainer, X_test[:4], kind="image", name=name, ax=ax)
plt.show()

# %%
# Integrated gradients and LRP all but agree: the foot of the twos and the left side of the six speak for them, the
# middle of the stroke of a two against it, for there other digits have theirs. Guided backpropagation marks edges of
# the strokes, in the background as well. Grad-CAM sees with the coarse eye of the last convolution, which has 4 x 4
# places here: enough for large photographs, too little for these.
