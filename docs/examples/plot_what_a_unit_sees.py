"""
What does this unit see?
========================

Inside a network that reads images, each unit of a convolution answers to something. Network dissection finds out to
what, by comparing the places where the unit is at its strongest with the places where a concept is. For that it must
be known of every pixel what is there, so that the images of this example are generated: coloured, textured shapes.
"""

# %%
# A network that is asked for colours only
# ----------------------------------------

import matplotlib.pyplot as plt
import torch
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import LayerActivations, NetworkDissection
from sklearn_xai.datasets import make_concept_images
from sklearn_xai.display import DissectionDisplay


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 24, 3, padding=1)
        self.out = nn.Linear(24, 7)

    def forward(self, X):
        X = nn.functional.max_pool2d(self.first(X).relu(), 2)
        return self.out(self.second(X).relu().amax(dim=(2, 3)))


train, test = make_concept_images(400, random_state=0), make_concept_images(200, random_state=1)

net = NeuralNetClassifier(
    CNN,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.01,
    max_epochs=8,
    batch_size=32,
    train_split=None,
    verbose=0,
)
net = LayerActivations(net, random_state=0).fit(train.images, train.y_colour).estimator_
print(f"accuracy on new images, of seven colours: {(net.predict(test.images) == test.y_colour).mean():.2f}")

# %%
# Which units detect what
# -----------------------
# A unit is called a detector of a concept if its strongest places cover the concept's by more than a threshold.

dissection = NetworkDissection(net, layer=["first", "second"], quantile=0.99).fit(test.images, test)
detectors = dissection.report_.query("detector").sort_values("iou", ascending=False)
detectors[["layer", "concept", "category", "iou", "chance"]].head(8).round(3)

# %%
# Are they of any use?
# --------------------
# Detectors are switched off together, and as many other units, drawn at random, for comparison.

lost = dissection.ablation(dissection.detectors_, test.images, test.y_colour, n_random=3)
lost.round(3).tail(3)

# %%
# What they see
# -------------
# Bright is where a unit is above its threshold, in the images that excite it most.

DissectionDisplay.from_top_images(dissection, test.images, n_top=6, max_units=5)
plt.show()

# %%
# These units light up wherever there is a magenta, a cyan or a red, be it a square, a stripe or the grid of a
# texture. Their intersection over union is not high, though many times that of chance: each of them answers to a good
# part of the pixels of its colour, not to all. The network was asked for colours, and it is colours that its units
# have learned to see.
