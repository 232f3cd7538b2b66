"""A small report that many tests read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_xai.report import ExplanationReport
from tests.nets import classifier

NAMES = {
    "number": "<script>alert(1)</script>",
    "dollars": "$a$ & \"b\" 'c' \\frac{",
    "long": "x" * 200,
    "word": "naïve 列",
    "constant": "one",
}


@pytest.fixture(scope="session")
def table():
    """Mixed columns with names that mean something to a page, LaTeX or XML, and missing values."""
    rng = np.random.RandomState(0)
    n = 90
    X = pd.DataFrame(
        {
            NAMES["number"]: rng.randn(n),
            NAMES["dollars"]: np.where(rng.rand(n) < 0.2, np.nan, rng.randn(n)),
            NAMES["long"]: rng.randint(5, size=n),
            NAMES["word"]: rng.choice(["</script><b>", "b"], n),
            NAMES["constant"]: 1.0,
        },
        index=[f"row<{i}>" for i in range(n)],
    )
    X.loc[X.index[::9], NAMES["word"]] = None
    y = pd.Series(np.where(X[NAMES["number"]] + 0.2 * rng.randn(n) > 0, "yes & <b>", "no"), name="<i>t</i>")
    return X, y


def pipeline(model):
    """Put the preprocessing of mixed columns before a model."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    kinds = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
    return make_pipeline(make_column_transformer((numbers, kinds[0]), (words, kinds[1])), model)


@pytest.fixture
def without_pictures(monkeypatch):
    """Leave out what takes nine tenths of the time of a small report."""
    monkeypatch.setattr("sklearn_xai.report._figures._drawn", lambda draw, size: "<svg/>")


@pytest.fixture(scope="session")
def report(table):
    """Report on a tiny net behind a ColumnTransformer, computed once."""
    net = pipeline(classifier(max_epochs=25, lr=0.5, optimizer=torch.optim.SGD))
    explainers = ["InputXGradient", "SHAP"]
    return ExplanationReport(net, *table, explainers=explainers, cv=2, max_rows=8, random_state=0).compute()
