"""What somebody new gets wrong, in whatever looks inside: one sentence that names who says it and what would do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import (
    ConceptActivationVectors,
    LayerActivations,
    NetworkDissection,
    PredictiveDistribution,
    layer_names,
    maximise_activation,
    top_rows,
)
from tests.nets import classifier, table

_, _, LABELS = table(n=60)
RNG = np.random.RandomState(0)
FRAME = pd.DataFrame({"age": RNG.uniform(20, 60, 60), "town": RNG.choice(["Ulm", "Rom"], 60)})
OLD = (FRAME["age"] > 40).rename("old")
GAP = FRAME.assign(age=np.where(np.arange(60) == 3, np.nan, FRAME["age"]))


def pipeline():
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["town"]))
    return make_pipeline(columns, classifier(max_epochs=1))


@pytest.fixture(scope="module")
def fitted():
    return LayerActivations(pipeline(), random_state=0).fit(FRAME, np.where(LABELS, "yes", "no")).estimator_


def test_a_missing_value_is_named(fitted):
    said = r"is NaN for 1 of 60 rows, first for row 3\. X has no value in \['age'\] there: fill it in"
    dissection = NetworkDissection(fitted, quantile=0.6).fit(FRAME, OLD)
    vectors = ConceptActivationVectors(fitted, n_runs=2, random_state=0).fit(FRAME, OLD)
    unsure = PredictiveDistribution(fitted, method="laplace_last_layer", n_samples=2, random_state=0).fit(FRAME)
    for name, ask in {
        "LayerActivations": LayerActivations(fitted).fit(FRAME).transform,
        "ConceptActivationVectors: the activation": vectors.concept_activations,
        "ConceptActivationVectors: the model's": vectors.transform,
        "PredictiveDistribution": unsure.predict,
        r"NetworkDissection\.ablation": lambda X: dissection.ablation(0, X, LABELS),
        "top_rows": lambda X: top_rows(fitted, X, batch_size=2),
        "maximise_activation": lambda X: maximise_activation(fitted, X, n_steps=1),
    }.items():
        with pytest.raises(ValueError, match=f"^{name}.*{said}"):
            ask(GAP)
    with pytest.raises(ValueError, match=f"^ConceptActivationVectors: the activation.*{said.split('60')[1]}"):
        clone(vectors).set_params(estimator=fitted, n_examples=60).fit(GAP, GAP["age"].isna() | OLD)


def test_logits_that_skorch_takes_for_probabilities_are_told():
    net = classifier(max_epochs=1).set_params(criterion=nn.NLLLoss)
    said = "PredictiveDistribution: the probabilities that NeuralNetClassifier gives do not add .*CrossEntropyLoss"
    with pytest.raises(ValueError, match=said):
        PredictiveDistribution(net, method="laplace_last_layer", random_state=0).fit(FRAME[["age"]], LABELS)


@pytest.mark.parametrize("function", [layer_names, top_rows, maximise_activation])
def test_a_function_goes_by_its_name(function, fitted):
    name = function.__name__
    with pytest.raises(NotFittedError, match=f"This Pipeline instance is not fitted yet, and {name} trains nothing"):
        function(pipeline(), FRAME)
    with pytest.raises(ValueError, match=rf"minimum of 1 is required by {name}\."):
        function(fitted, FRAME[:0])
    if function is not layer_names:
        with pytest.raises(ValueError, match=f"The 'layer' parameter of {name} must name a sub-module of .*'hiden'"):
            function(fitted, FRAME, layer="hiden")
        with pytest.raises(ValueError, match=f"The 'layer' parameter of {name} must name one layer. Got 2"):
            function(fitted, FRAME, layer=["hidden", "out"])
        with pytest.raises(ValueError, match=f"^{name} looks into a network"):
            function(LogisticRegression().fit(FRAME[["age"]], LABELS), FRAME[["age"]])
    with pytest.raises(ValueError, match="The 'batch_size' parameter of top_rows must be"):
        top_rows(fitted, FRAME, batch_size=0)


def test_one_unit_needs_no_list(fitted):
    one = maximise_activation(fitted, FRAME, units=1, n_steps=2)
    assert_array_equal(one.inputs, maximise_activation(fitted, FRAME, units=[1], n_steps=2).inputs)


@pytest.mark.parametrize("kind", [ConceptActivationVectors, NetworkDissection])
def test_a_column_is_a_concept(kind, fitted):
    given = {"quantile": 0.6} if kind is NetworkDissection else {}
    frame, column = (kind(fitted, random_state=0, **given).fit(FRAME, concepts) for concepts in (OLD.to_frame(), OLD))
    assert column.concepts_.tolist() == ["old"]
    assert_array_equal(column.transform(FRAME), frame.transform(FRAME))
    assert kind(fitted).fit(FRAME, OLD.rename(None)).concepts_.tolist() == ["concept0"]
    with pytest.raises(ValueError, match="column 'town' holds other values than True and False"):
        kind(fitted).fit(FRAME, FRAME["town"])
