"""
Which columns of a mixed table matter?
======================================

Most tables have numbers, categories and gaps side by side, and most explanations of a network behind such a table
answer in the network's inputs: a hundred one-hot columns, scaled. Here a whole Pipeline is explained, and the answer
has the columns of the DataFrame.

The data are the census income table: 14 columns, missing values in three of them, and the question who earns more
than 50,000 dollars a year.
"""

# %%
# The model
# ---------
# A skorch net behind a ColumnTransformer, as one would write it anyway.

import matplotlib.pyplot as plt
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_xai import IntegratedGradientsExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.display import AttributionDisplay


def perceptron():
    return nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 2))


X, y = load_adult(return_X_y=True)
X_test, y_test = load_adult(return_X_y=True, split="test")

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
# The explainer
# -------------
# ``fit(X, y)`` trains a clone of the Pipeline, and keeps some of the rows as the background that people are compared
# with. ``transform`` then gives one number for each person and column: what the column adds to the log-odds of
# ``>50K``.

explainer = IntegratedGradientsExplainer(pipeline, random_state=0).set_output(transform="pandas")
explainer.fit(X[:10_000], y[:10_000])
print(f"accuracy on the test part: {(explainer.predict(X_test) == y_test).mean():.2f}")

people = X_test[:500]
explainer.transform(people).head(3).round(2)

# %%
# The attributions of a person add up to that person's log-odds less those of the baseline, and ``completeness_gap``
# says how exactly they do.

explanation = explainer.explain(people)
print(f"largest gap of 500 people: {explanation.completeness_gap.max():.4f}, in log-odds")

# %%
# All people at once
# ------------------
# A point is a person. Its place says what the column adds to the log-odds, its colour is the value in the column; of
# categories, which have no order, the colours only tell one from another.

AttributionDisplay.from_estimator(explainer, people, kind="beeswarm", max_display=14, target_name="log-odds of >50K")
plt.show()

# %%
# Being married or not parts people in two. A large capital gain, which few people have, outweighs everything else
# about them. Age, schooling and hours of work go the way one would expect, high values to the right. ``fnlwgt`` is a
# survey weight and should not matter: that it comes last is a check that nothing went wrong. ``relationship`` tells a
# husband from a person who is not married just as ``marital_status`` does; how the network shares out between the two
# what they have in common is a choice of its training, not a fact about people.
