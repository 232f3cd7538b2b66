"""From a Pipeline to a report: what the first page of the documentation shows, and a test runs."""

from __future__ import annotations

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn, optim

from sklearn_xai.datasets import load_adult
from sklearn_xai.report import ExplanationReport


class MLP(nn.Sequential):
    def __init__(self):
        super().__init__(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 2))


X, y = load_adult(return_X_y=True)  # a DataFrame of 14 columns, and what is to be predicted: take yours instead
columns = make_column_transformer(
    (StandardScaler(), make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
net = NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, optimizer=optim.Adam, batch_size=64, verbose=0)
pipeline = make_pipeline(columns, net)

report = ExplanationReport(pipeline, X[:4000], y[:4000], random_state=0)
report.save("report.html")
