"""The contract of an explainer: target, output, label sets, groups, names, and what it does with bad input."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import shap
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sklearn_xai import (
    GradientXWeightExplainer,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    LocalSurrogateExplainer,
    RFEExplainer,
    SaliencyExplainer,
)
from tests.every_explainer import CLASSES, fast
from tests.nets import MLP, Mixed, classifier, regressor, table

X, Y, LABELS = table(n=40)
THREE = table(n=40, n_classes=3)[2]
FRAME = pd.DataFrame(X, columns=["age", "income", "debt", "rate"])
OTHERS = [cls for cls in CLASSES if not cls._gradients]


def saliency(net, **kwargs):
    return SaliencyExplainer(net, random_state=0, **kwargs)


# ---------------------------------------------------------------------- label sets
LABEL_SETS = {
    "strings": ["no", "yes"],
    "one and two": [1, 2],
    "minus one and one": [-1, 1],
    "zero and two": [0, 2],
    "bools": [False, True],
    "floats": [0.5, 1.5],
    "objects": np.array(["a", "b"], dtype=object),
}


def binary_net():
    module = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.Linear(6, 1), nn.Flatten(0))
    return NeuralNetBinaryClassifier(module, train_split=None, verbose=0, max_epochs=3)


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("make", [classifier, binary_net])
@pytest.mark.parametrize("kind", LABEL_SETS)
def test_labels_are_those_of_the_user(kind, make):
    labels, net = np.asarray(LABEL_SETS[kind]), make()
    explainer = saliency(net).fit(X, labels[LABELS])
    plain = saliency(net).fit(X, LABELS)
    assert_array_equal(explainer.classes_, labels)
    assert_array_equal(explainer.predict(X), labels[plain.predict(X)])
    assert_allclose(explainer.transform(X), plain.transform(X), atol=1e-7)
    assert_allclose(explainer.predict_proba(X).sum(axis=1), 1, atol=1e-6)
    named = saliency(net, target=labels.tolist()[0]).fit(X, labels[LABELS])
    if make is binary_net:  # one output: the two classes are each other's negative
        assert_allclose(named.transform(X), -explainer.transform(X), atol=1e-6)
    assert_array_equal((explainer.decision_function(X) > 0), explainer.predict(X) == labels[1])


# ---------------------------------------------------------------------- target
def test_auto_is_the_positive_class_of_two():
    fitted = classifier().fit(X, LABELS)
    assert_array_equal(saliency(fitted).fit(X).transform(X), saliency(fitted, target=1).fit(X).transform(X))


def test_auto_is_the_predicted_class_of_many():
    names = np.array(["low", "mid", "top"])
    net = classifier(max_epochs=40, lr=0.1)
    explainer = saliency(net).fit(X, names[THREE])
    each = [saliency(net, target=name).fit(X, names[THREE]).transform(X) for name in names]
    predicted = explainer.predict(X)
    assert len(set(predicted)) > 1
    for row, name in enumerate(predicted):
        assert_allclose(explainer.transform(X)[row], each[names.tolist().index(name)][row], atol=1e-6)


def test_all_is_a_block_for_each_class():
    names = np.array(["low", "mid", "top"])
    explainer = saliency(classifier(), target="all").fit(FRAME, names[THREE])
    found, shown = explainer.transform(FRAME), explainer.explain(FRAME)
    assert found.shape == (40, 12) and shown.values.shape == (40, 4, 3) and shown.base_values.shape == (40, 3)
    assert shown.completeness_gap.shape == (40, 3) and list(shown.output_names) == ["low", "mid", "top"]
    for k, name in enumerate(names):
        alone = saliency(classifier(), target=name).fit(FRAME, names[THREE])
        assert_allclose(found[:, 4 * k : 4 * k + 4], alone.transform(FRAME), atol=1e-7)
        assert_allclose(shown.values[:, :, k], alone.transform(FRAME), atol=1e-7)
    assert explainer.get_feature_names_out()[[0, 4, 11]].tolist() == ["low_age", "mid_age", "top_rate"]
    assert explainer.feature_importances_.shape == (4,)
    assert explainer.explained_output(FRAME).shape == (40, 3)
    assert explainer.coalition_values(FRAME, np.eye(4, dtype=bool)).shape == (40, 4, 3)
    assert -1 <= explainer.score(FRAME) <= 1


@pytest.mark.parametrize("target", ["maybe", 7, 1.5, None, True, [0]])
@pytest.mark.parametrize("cls", CLASSES)
def test_a_target_that_is_no_class(cls, target):
    with pytest.raises(ValueError, match=rf"'target' parameter of {cls.__name__} must be .* one of the classes"):
        fast(cls, classifier(), target=target).fit(X, LABELS)


def test_an_output_index_of_a_regressor():
    both = np.column_stack([Y, -2 * Y])
    explainer = saliency(regressor(), target=1).fit(X, both)
    assert_allclose(explainer.transform(X), saliency(regressor(), target="all").fit(X, both).transform(X)[:, 4:])
    with pytest.raises(ValueError, match="index of one of the 2 outputs, from 0 to 1. Got 2"):
        saliency(regressor(), target=2).fit(X, both)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_regression_of_several_outputs_explains_them_all(cls):
    both = np.column_stack([Y, -2 * Y, Y**2])
    explainer = fast(cls, regressor(), random_state=0).fit(X, both)
    assert explainer.transform(X).shape == (40, 12)
    assert explainer.predict(X).shape == (40, 3)
    assert explainer.get_feature_names_out()[[0, 4]].tolist() == ["0_x0", "1_x0"]


# ---------------------------------------------------------------------- output
@pytest.mark.parametrize("output", ["raw", "proba"])
@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not GradientXWeightExplainer])
def test_a_softmax_inside_the_module_makes_no_difference(cls, output):
    logits, inside = with_and_without_softmax()
    first, second = (fast(cls, net, output=output, target=2, random_state=0).fit(X) for net in (logits, inside))
    assert_allclose(first.transform(X), second.transform(X), atol=1e-6)
    assert_allclose(first.explained_output(X), second.explained_output(X), atol=1e-6)


def test_connection_weights_end_before_the_softmax():
    logits, inside = with_and_without_softmax()
    first, second = (GradientXWeightExplainer(net, target=2).fit(X) for net in (logits, inside))
    assert_allclose(first.transform(X), second.transform(X), atol=1e-6)


def with_and_without_softmax():
    logits = classifier().fit(X, THREE)
    module = nn.Sequential(logits.module_, nn.Softmax(dim=1))
    inside = NeuralNetClassifier(module, criterion=nn.NLLLoss, train_split=None, verbose=0).initialize()
    inside.history = logits.history
    return logits, inside


def test_probabilities_are_explained():
    net = classifier(max_epochs=30, lr=0.1).fit(X, THREE)
    explainer = IntegratedGradientsExplainer(net, output="proba", target=0, tol=1e-3).fit(X)
    found = explainer.explain(X)
    assert_allclose(explainer.explained_output(X), net.predict_proba(X)[:, 0], atol=1e-6)
    assert_allclose(found.values.sum(axis=1), net.predict_proba(X)[:, 0] - found.base_values, atol=1e-3)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_regressor_has_no_probabilities(cls):
    with pytest.raises(ValueError, match=rf"'output' parameter of {cls.__name__} is 'proba', but"):
        fast(cls, regressor(), output="proba").fit(X, Y)


# ---------------------------------------------------------------------- fitted or not
@pytest.mark.parametrize("make", [regressor, lambda: make_pipeline(StandardScaler(), regressor())])
@pytest.mark.parametrize("cls", CLASSES)
def test_not_fitted_and_no_y(cls, make):
    with pytest.raises(NotFittedError, match=rf"not fitted yet, and {cls.__name__}.fit was called without y. Either"):
        fast(cls, make()).fit(X)


def test_what_is_not_fitted_is_named_without_its_wrapping():
    with pytest.raises(NotFittedError, match="This NeuralNetRegressor instance is not fitted yet"):
        saliency(FrozenEstimator(regressor())).fit(X)


def test_a_row_that_is_a_series_is_told_from_texts():
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])
    explainer = saliency(regressor()).fit(frame, Y)
    with pytest.raises(ValueError, match=r"X must be a table. Got a Series of \d+ values; .* X.iloc\[\[0\]\]"):
        explainer.transform(frame.iloc[0])


@pytest.mark.parametrize("method", ["transform", "explain", "score", "predict", "explained_output"])
def test_methods_before_fit(method):
    with pytest.raises(NotFittedError, match="SaliencyExplainer"):
        getattr(saliency(regressor()), method)(X)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_frozen_net_is_never_trained(cls):
    net = regressor().fit(X, Y.reshape(-1, 1))
    weights = [parameter.detach().clone() for parameter in net.module_.parameters()]
    frozen, bare = fast(cls, FrozenEstimator(net), random_state=0), fast(cls, net, random_state=0)
    frozen.fit(X, 5 * Y)
    assert_allclose(frozen.predict(X), bare.fit(X).predict(X), atol=1e-6)
    if cls.__name__ != "PermutationImportanceExplainer":  # whose scorer asks how well y is predicted
        assert_allclose(frozen.transform(X), bare.transform(X), atol=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(weights, net.module_.parameters(), strict=True))


def test_the_net_of_the_user_is_not_trained():
    net = regressor()
    explainer = saliency(net).fit(X, Y)
    assert not hasattr(net, "module_")
    assert explainer.estimator is net and explainer.estimator_ is not net


def test_a_fitted_module_given_as_an_instance_starts_anew():
    """skorch's clone keeps the weights of an instance: what the net learned before would leak into the training."""
    found = []
    for labels in (Y, -Y):
        net = regressor(MLP(4, 1), callbacks=None, max_epochs=20, lr=0.1).fit(X, labels.reshape(-1, 1))
        weights = net.module_.hidden.weight.detach().clone()
        found.append(saliency(net).fit(X, Y).transform(X))
        assert torch.equal(net.module_.hidden.weight, weights)
    assert_allclose(*found, atol=1e-6)


def test_fits_of_one_instance_do_not_build_on_each_other():
    explainer = saliency(regressor(MLP(4, 1), callbacks=None, max_epochs=20, lr=0.1))
    first = explainer.fit(X, Y).transform(X)
    explainer.fit(X, -Y)
    assert_allclose(explainer.fit(X, Y).transform(X), first, atol=1e-6)


def test_a_net_that_never_saw_data():
    with pytest.warns(UserWarning, match="initialized, but has no training history"):
        saliency(regressor().initialize()).fit(X)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_plain_module(cls):
    module = Mixed().eval()
    explainer = fast(cls, module, random_state=0).fit(X, Y)
    assert explainer.estimator_ is module
    assert explainer.transform(X).shape == X.shape
    assert_allclose(explainer.predict(X), module(torch.as_tensor(X)).detach().numpy()[:, 0], atol=1e-6)
    assert not hasattr(explainer, "predict_proba") and not hasattr(explainer, "classes_")


# ---------------------------------------------------------------------- other estimators
BLACK_BOXES = {
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "svm": lambda: SVC(),
    "logistic": lambda: LogisticRegression(),
    "forest of numbers": lambda: RandomForestRegressor(5, random_state=0),
}


@pytest.mark.parametrize("kind", BLACK_BOXES)
@pytest.mark.parametrize("cls", OTHERS)
def test_other_estimators(cls, kind):
    explainer = fast(cls, BLACK_BOXES[kind](), random_state=0).fit(X, LABELS)
    assert explainer.transform(X[:9]).shape == (9, 4)
    assert_array_equal(explainer.predict(X), explainer.estimator_.predict(X))
    if kind in ("svm", "logistic"):
        assert_allclose(explainer.explained_output(X), explainer.estimator_.decision_function(X), atol=1e-9)


@pytest.mark.parametrize("cls", OTHERS)
def test_missing_values_where_the_estimator_takes_them(cls):
    rows = X.copy()
    rows[::5, 1] = np.nan
    explainer = fast(cls, HistGradientBoostingClassifier(max_iter=5), random_state=0).fit(rows, LABELS)
    assert np.isfinite(explainer.transform(rows)).all()


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls._gradients])
def test_gradients_need_a_network(cls):
    with pytest.raises(ValueError, match=rf"{cls.__name__} takes gradients.*LogisticRegression"):
        cls(LogisticRegression()).fit(X, LABELS)


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:, :3], "X has 3 features, but .* is expecting 4 features"),
        (X[0], "Expected 2D array, got 1D array"),
        (X[:0], "Found array with 0 sample"),
        (np.where(X > 2, np.nan, X) * np.nan, "contains NaN"),
        (np.full_like(X, np.inf), "contains infinity"),
        (np.full(X.shape, "a"), "could not convert|decimal numbers|numeric"),
        (sp.csr_matrix(X), "[Ss]parse"),
    ],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_rows_that_cannot_be_explained(cls, rows, message):
    explainer = fast(cls, regressor()).fit(X, Y)
    with pytest.raises((ValueError, TypeError), match=message):
        explainer.transform(rows)


@pytest.mark.parametrize("cls", CLASSES)
def test_columns_of_another_name(cls):
    explainer = fast(cls, regressor()).fit(FRAME, Y)
    with pytest.raises(ValueError, match="(?s)feature names should match.*salary"):
        explainer.transform(FRAME.rename(columns={"income": "salary"}))


@pytest.mark.parametrize("cls", CLASSES)
def test_texts_for_a_bare_net(cls):
    with pytest.raises(ValueError, match=rf"(?s){cls.__name__}: a network takes numbers, but .*'age'.*ColumnTransf"):
        fast(cls, regressor()).fit(FRAME.assign(age="old"), Y)


def test_columns_of_a_frame_in_any_type_of_number():
    frame = FRAME.assign(age=FRAME["age"] > 0, income=FRAME["income"].astype("Float64"), debt=3)
    assert np.isfinite(saliency(regressor()).fit(frame, Y).transform(frame)).all()


def test_an_empty_frame_for_a_pipeline():
    pipe = make_pipeline(OneHotEncoder(sparse_output=False), regressor())
    with pytest.raises(ValueError, match="Found array with 0 sample"):
        saliency(pipe).fit(FRAME.iloc[:0], Y[:0])


@pytest.mark.parametrize("estimator", [MLP, LogisticRegression, "net", None, 3])
@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_no_estimator(cls, estimator):
    with pytest.raises(TypeError, match=rf"'estimator' parameter of {cls.__name__} must be an estimator"):
        fast(cls, estimator).fit(X, Y)


def test_an_unknown_parameter_value():
    with pytest.raises(ValueError, match="'output' parameter of SaliencyExplainer must be"):
        saliency(regressor(), output="logits").fit(X, Y)


def test_y_of_another_length():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        saliency(regressor()).fit(X, Y[:-1])


# ---------------------------------------------------------------------- groups
@pytest.mark.parametrize("cls", CLASSES)
def test_groups_of_columns(cls):
    explainer = fast(cls, regressor(), feature_groups={"money": ["debt", 1]}, random_state=0).fit(FRAME, Y)
    assert explainer.get_feature_names_out().tolist() == ["age", "money", "rate"]
    assert explainer.n_players_ == 3 and explainer.transform(FRAME).shape == (40, 3)
    shown = explainer.explain(FRAME)
    assert shown.feature_names == ["age", "money", "rate"] and shown.data.shape == (40, 3)
    assert explainer.feature_importances_.shape == (3,)
    assert -1 <= explainer.score(FRAME) <= 1


def test_attributions_of_a_group_add_up():
    alone = IntegratedGradientsExplainer(regressor(), random_state=0).fit(FRAME, Y).transform(FRAME)
    groups = IntegratedGradientsExplainer(regressor(), random_state=0, feature_groups={"b": [0, 3]}).fit(FRAME, Y)
    assert groups.get_feature_names_out().tolist() == ["b", "income", "debt"]
    expected = np.column_stack([alone[:, 0] + alone[:, 3], alone[:, 1], alone[:, 2]])
    assert_allclose(groups.transform(FRAME), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["salary"]}, "names the column 'salary' in group 'a', which is not in the table"),
        ({"a": [4]}, "names the column 4 in group 'a'"),
        ({"a": [0], "b": ["age"]}, "has the column 'age' in two groups, 'a' and 'b'"),
        ({"a": []}, "has no column in group 'a'"),
        ({"rate": [0]}, "gives a group the name of a column outside it"),
    ],
)
def test_groups_that_make_no_sense(groups, message):
    with pytest.raises(ValueError, match=f"'feature_groups' parameter of SaliencyExplainer {message}"):
        saliency(regressor(), feature_groups=groups).fit(FRAME, Y)


@pytest.mark.parametrize("wrap", [lambda net: GridSearchCV(net, {"lr": [0.1]}, cv=2), TransformedTargetRegressor])
def test_a_column_to_predict_stays_a_column_inside_another_estimator(wrap):
    column = Y.reshape(-1, 1).astype(np.float32)
    estimator = wrap(regressor(max_epochs=40, lr=0.05))
    explainer = RFEExplainer(estimator, random_state=0).fit(X, column)  # without a warning of torch about shapes
    assert np.corrcoef(explainer.predict(X).ravel(), Y)[0, 1] > 0.5


def test_a_column_to_predict_is_as_good_as_a_row():
    explain = [saliency(regressor()).fit(X, y).transform(X) for y in (Y, Y.reshape(-1, 1), pd.Series(Y))]
    single = pd.Series(Y.astype(np.float32))  # a read-only array of the very type of the network
    explain.append(saliency(regressor()).fit(X, single).transform(X))
    for other in explain[1:]:
        assert_array_equal(other, explain[0])


# ---------------------------------------------------------------------- what explain adds
@pytest.mark.parametrize("cls", CLASSES)
def test_explain(cls):
    explainer = fast(cls, classifier(), random_state=0).fit(FRAME, LABELS)
    found = explainer.explain(FRAME)
    assert_array_equal(found.values, explainer.transform(FRAME))
    assert_allclose(found.data, FRAME.to_numpy())
    assert found.feature_names == FRAME.columns.tolist() and found.base_values.shape == (40,)
    gap = np.abs(explainer.explained_output(FRAME) - found.base_values - found.values.sum(axis=1))
    assert_allclose(found.completeness_gap, gap, atol=1e-5)
    if cls._additive:
        assert (gap <= explainer.gap_tolerance(explainer.explained_output(FRAME), found.base_values) + 1e-6).all()
    background = pd.DataFrame(explainer.background_, columns=FRAME.columns)
    expected = np.abs(explainer.transform(background)).mean(axis=0)
    assert_allclose(explainer.feature_importances_, expected, rtol=1e-5)


def test_a_gap_above_the_tolerance_is_told():
    net = regressor(max_epochs=60, lr=0.1).fit(X, Y.reshape(-1, 1))
    explainer = IntegratedGradientsExplainer(net, n_steps=1, method="riemann_left", tol=1e-6).fit(X)
    with pytest.warns(ConvergenceWarning, match=r"completeness gap of \d+ of 40 rows is above the tolerance"):
        explainer.transform(X)


def test_a_gap_that_is_not_a_number_is_told():
    linear = nn.Linear(4, 1)
    nn.init.constant_(linear.weight, 2.0)
    explainer = IntegratedGradientsExplainer(linear).fit(X)
    rows = X[:3].copy()
    with pytest.warns(ConvergenceWarning, match=r"completeness gap of 1 of 3 rows .*largest: (nan|inf)"):
        explainer._warn_of_gap(np.array([0.0, np.nan, 0.0]), np.ones(3), np.zeros(3))
    rows[1] = 3e38  # twice that is infinite
    with pytest.raises(ValueError, match=r"not a finite number for 1 of 3 rows, first for row 1, .*overflows"):
        explainer.transform(rows)


@pytest.mark.parametrize("explain", ["transform", "explain"])
def test_missing_values_that_nothing_fills_in_are_named(explain):
    columns = make_column_transformer((StandardScaler(), ["age", "income"]))
    explainer = saliency(make_pipeline(columns, regressor())).fit(FRAME, Y)
    rows = FRAME[:3].assign(income=[1.0, np.nan, 2.0])
    with pytest.raises(ValueError, match=r"SaliencyExplainer: .* 1 of 3 rows, first for row 1, .*\['income'\] there"):
        getattr(explainer, explain)(rows)
    with pytest.raises(ValueError, match="SaliencyExplainer: .* for the background"):
        fitted = saliency(explainer.estimator_).fit(FRAME.assign(income=np.nan))
        getattr(fitted, explain)(FRAME[:3])


def test_a_row_with_missing_values_and_dates_in_the_plots_of_shap():
    table = FRAME.assign(city=pd.Series([None, "Rome"] * 20, dtype=object), when=pd.Timestamp("2020-02-01"))
    table["count"] = pd.array([None, 2] * 20, dtype="Int64")
    columns = make_column_transformer((StandardScaler(), ["age", "income"]))
    found = saliency(make_pipeline(columns, regressor())).fit(table, Y).explain(table[:2])
    shap.plots.bar(found[0], show=False)
    assert "2020-02-01" in shap.plots.force(found).html()
    plt.close("all")


def test_html_and_text():
    explainer = saliency(make_pipeline(StandardScaler(), regressor())).fit(X, Y)
    assert "SaliencyExplainer" in explainer._repr_html_() and "StandardScaler" in explainer._repr_html_()
    assert "SaliencyExplainer(estimator=Pipeline" in repr(explainer)


def test_refit_on_other_columns_forgets_the_first():
    explainer = saliency(regressor()).fit(FRAME, Y)
    assert explainer.feature_importances_.shape == (4,)
    explainer.fit(X[:, :3], Y)
    assert explainer.feature_importances_.shape == (3,) and not hasattr(explainer, "feature_names_in_")
    assert explainer.transform(X[:, :3]).shape == (40, 3)


def test_images_keep_their_shape():
    images = np.random.RandomState(0).randn(10, 1, 6, 6).astype(np.float32)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)).eval()
    explainer = InputXGradientExplainer(module, target=0).fit(images)
    assert explainer.transform(images).shape == images.shape
    assert explainer.explain(images).values.shape == images.shape
    assert explainer.feature_importances_.shape == (36,)
    assert -1 <= explainer.score(images) <= 1
    with pytest.raises(ValueError, match="side of squares in pixels .* Got a dict"):
        InputXGradientExplainer(module, feature_groups={"a": [0]}).fit(images)


def test_faithful_attributions_score_higher_than_wrong_ones():
    module = nn.Linear(4, 1)
    explainer = InputXGradientExplainer(module).fit(X - X.mean(axis=0))
    assert explainer.score(X) > 0.9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        surrogate = LocalSurrogateExplainer(module, n_samples=200, random_state=0).fit(X)
    assert surrogate.score(X) > 0.9
