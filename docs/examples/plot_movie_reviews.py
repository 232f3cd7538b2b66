"""
Which words made the review a good one?
=======================================

A network that reads texts sees numbers: every word becomes an index, every index a vector. Attributions are taken at
the vectors and added up for each word, so that the answer is in words, and the words of a sentence add up to its
score.

The data are sentences of movie reviews that twenty readers found favourable or not.
"""

# %%
# The model
# ---------
# A Pipeline of a tokeniser and a convolution over three words at a time.

import matplotlib.pyplot as plt
import torch
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer, TokenEncoder
from sklearn_xai.datasets import load_movie_reviews
from sklearn_xai.display import AttributionDisplay


class TextCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4000, 32, padding_idx=0)
        self.convolution = nn.Conv1d(32, 48, kernel_size=3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(48, 2)

    def forward(self, ids):
        words = self.embedding(ids).transpose(1, 2)
        return self.out(self.drop(self.convolution(words).relu().mean(dim=2)))


texts, labels = load_movie_reviews(return_X_y=True, as_frame=False, target="label")
train, test, y_train, y_test = train_test_split(texts, labels, test_size=1000, random_state=0)

net = NeuralNetClassifier(
    TextCNN,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=1e-2,
    max_epochs=3,
    batch_size=128,
    train_split=None,
    verbose=0,
)
pipeline = make_pipeline(TokenEncoder(max_tokens=4000, max_length=40), net)

# %%
# The explainer
# -------------
# Each review is compared with an empty one: ``baseline="pad"``.

explainer = IntegratedGradientsExplainer(pipeline, baseline="pad", random_state=0).fit(train, y_train)
print(f"accuracy on held-out sentences: {(explainer.predict(test) == y_test).mean():.2f}")

# %%
# Sentences, and what their words add
# -----------------------------------
# Four sentences that the network has not seen in its training. The readers found the last one unfavourable, the
# others favourable.

sentences = [
    "A comedy that swings and jostles to the rhythms of life.",
    "The writing is clever and the cast is appealing.",
    "Awkward but sincere and, ultimately, it wins you over.",
    "The movie doesn't think much of its characters, its protagonist, or of us.",
]
AttributionDisplay.from_estimator(
    explainer, sentences, kind="text", target_name="log-odds of a favourable review", name="What the words add"
)
plt.show()

# %%
# The first two are read as their readers did (f(x) is above 0), and for words that one can point to, ``appealing``
# above all. The third is not: the network takes ``ultimately`` and even ``wins`` for bad signs. Nor is the last:
# ``doesn't`` counts against it, as it should, but ``protagonist`` for it. This is a network that weighs words, and
# knows little of what a sentence says; that it is right four times out of five does not show that, its words do.
