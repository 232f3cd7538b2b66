"""What evaluate_model says of a model is what scikit-learn's metrics say of its predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_xai.model_selection import ModelEvaluation, evaluate_model
from sklearn_xai.models import train_clone
from tests.model_selection.evaluated import NAMES, QUICK, by_hand, census, loop_calibration_error
from tests.nets import classifier, regressor, table


# ---------------------------------------------------------------------- the figures
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_fitted_classifier_is_measured_as_by_hand(iris, n_classes):
    X, y = iris[0][50 * (3 - n_classes) :], iris[1][50 * (3 - n_classes) :]
    model = LogisticRegression(C=0.02).fit(X, y)
    found = evaluate_model(model, X, y, cost=False, n_bootstrap=5)
    assert (found.table["std"] > 0).all()
    expected = by_hand(y, model.predict(X), model.predict_proba(X), model.classes_)
    assert set(expected) == set(found.table.index)
    for name, value in expected.items():
        assert_allclose(found.table.loc[name, "mean"], value, rtol=1e-12, err_msg=name)
    assert_array_equal(found.confusion, metrics.confusion_matrix(y, model.predict(X)))
    assert_array_equal(found.predictions["predicted"], model.predict(X))
    assert_allclose(found.scores, model.predict_proba(X))
    assert list(found.table["folds"]) == [1] * 10


def test_folds_are_those_of_cross_validate(iris):
    X, y = iris
    model = LogisticRegression(C=0.02)
    names = {"accuracy": "accuracy", "f1": "f1_macro", "roc_auc": "roc_auc_ovr", "log_loss": "neg_log_loss"}
    theirs = cross_validate(model, X, y, cv=4, scoring=list(names.values()))
    found = evaluate_model(model, X, y, cv=4, cost=False)
    for name, scorer in names.items():
        assert_allclose(found.folds[name], np.abs(theirs[f"test_{scorer}"]), rtol=1e-12)
        assert_allclose(found.table.loc[name, "mean"], np.abs(theirs[f"test_{scorer}"]).mean())
        assert_allclose(found.table.loc[name, "std"], np.std(theirs[f"test_{scorer}"], ddof=1))
    splits = list(StratifiedKFold(4).split(X, y))
    assert found.folds["n_test"].tolist() == [len(test) for _, test in splits]
    assert found.folds["n_train"].tolist() == [len(train) for train, _ in splits]
    assert_array_equal(found.predictions["row"], np.concatenate([test for _, test in splits]))
    assert (found.folds["train_seconds"] > 0).all()


def test_baseline_is_scikit_learns_dummy(iris):
    X, y = iris[0].iloc[:130], iris[1][:130]
    theirs = cross_validate(DummyClassifier(), X, y, cv=3, scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"])
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=3, cost=False)
    assert_allclose(found.baseline_folds["accuracy"], theirs["test_accuracy"])
    assert_allclose(found.table.loc["log_loss", "baseline"], -theirs["test_neg_log_loss"].mean())
    assert_allclose(found.table.loc["roc_auc", "baseline"], 0.5)
    values = np.arange(130) / 10.0
    theirs = cross_validate(DummyRegressor(), X, values, cv=3, scoring=["r2", "neg_mean_absolute_error"])
    found = evaluate_model(LinearRegression(), X, values, cv=3, cost=False)
    assert_allclose(found.baseline_folds["r2"], theirs["test_r2"])
    assert_allclose(found.baseline_folds["mae"], -theirs["test_neg_mean_absolute_error"])


def test_values_are_measured_as_by_hand():
    X, y, _ = table(60)
    model = LinearRegression().fit(X, y)
    found, predicted = evaluate_model(model, X, y, **QUICK).table["mean"], model.predict(X)
    assert_allclose(found["r2"], metrics.r2_score(y, predicted), rtol=1e-6)
    assert_allclose(found["rmse"], metrics.root_mean_squared_error(y, predicted), rtol=1e-6)
    assert_allclose(found["mae"], metrics.mean_absolute_error(y, predicted), rtol=1e-6)
    assert_allclose(found["median_absolute_error"], metrics.median_absolute_error(y, predicted), rtol=1e-6)


def test_several_outputs_are_averaged_and_that_is_said():
    X, y, _ = table(60)
    both = np.column_stack([y, 10 * X[:, 0] ** 2])
    model = LinearRegression().fit(X, both)
    found = evaluate_model(model, X, both, **QUICK)
    each = [evaluate_model(LinearRegression().fit(X, part), X, part, **QUICK).table["mean"] for part in both.T]
    assert_allclose(found.table["mean"], (each[0] + each[1]) / 2, rtol=1e-5)
    assert "Each measure is the mean over 2 outputs." in found.notes
    assert {"true 0", "true 1", "predicted 0", "predicted 1"} < set(found.predictions.columns)


def test_classes_are_measured_each_and_add_up_to_the_table(iris):
    X, y = iris
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=3, cost=False)
    for name in ("precision", "recall", "f1", "roc_auc", "average_precision"):
        assert_allclose(found.per_class[name].mean(), found.table.loc[name, "mean"])
    first = found.predictions["fold"] == 0
    true, predicted = found.predictions["true"][first], found.predictions["predicted"][first]
    per_fold = [
        metrics.f1_score(part["true"], part["predicted"], average=None) for _, part in found.predictions.groupby("fold")
    ]
    assert_allclose(per_fold[0], metrics.f1_score(true, predicted, average=None))
    assert_allclose(found.per_class["f1_std"], np.std(per_fold, axis=0, ddof=1))
    assert found.per_class["n_rows"].tolist() == [50, 50, 50]
    assert list(found.per_class.index) == list(NAMES)


def test_the_calibration_table_holds_the_error(iris):
    X, y = iris
    found = evaluate_model(LogisticRegression(C=0.02).fit(X, y), X, y, n_bins=7, **QUICK)
    bins = found.calibration
    error = (bins["n_rows"] / 150 * (bins["accuracy"] - bins["confidence"]).abs()).sum()
    assert_allclose(error, found.table.loc["calibration_error", "mean"])
    assert_allclose(error, loop_calibration_error(y, found.scores.to_numpy(), NAMES, 7))
    assert (bins["confidence"].between(bins["from"], bins["to"])).all()


def test_own_scores_are_rows_of_the_table_for_estimators_and_nets(iris):
    X, y = iris
    scoring = {"kappa": metrics.make_scorer(metrics.cohen_kappa_score), "auc": "roc_auc_ovr"}
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=3, scoring=scoring, cost=False)
    theirs = cross_validate(LogisticRegression(C=0.02), X, y, cv=3, scoring=scoring)
    assert_allclose(found.folds["kappa"], theirs["test_kappa"])
    net = evaluate_model(classifier(), X, y, cv=3, scoring=scoring, cost=False, random_state=0)
    assert_allclose(net.folds["auc"], net.folds["roc_auc"], rtol=1e-6)
    values = evaluate_model(regressor(), *table(60)[:2], cv=2, scoring="neg_mean_absolute_error", cost=False)
    assert_allclose(-values.folds["neg_mean_absolute_error"], values.folds["mae"])
    assert values.table.loc["neg_mean_absolute_error", "baseline"] < 0


def test_bootstrap_is_near_the_known_standard_error_and_repeats():
    rng = np.random.RandomState(0)
    X, y = rng.randn(400, 1), rng.randn(400)
    model = DummyRegressor(strategy="constant", constant=0.0).fit(X, y)
    first, second = (evaluate_model(model, X, y, cost=False, n_bootstrap=300, random_state=3).table for _ in range(2))
    assert_allclose(first.loc["mae", "std"], np.abs(y).std() / 20, rtol=0.1)
    pd.testing.assert_frame_equal(first, second)
    assert not np.allclose(evaluate_model(model, X, y, cost=False, random_state=4).table["std"], first["std"])
    assert evaluate_model(model, X, y, **QUICK).table["std"].isna().all()


def test_the_order_of_the_rows_does_not_matter(iris):
    X, y = iris
    order = np.random.RandomState(0).permutation(150)
    model = make_pipeline(StandardScaler(), classifier())
    fitted = train_clone(model, X, y, random_state=0)
    found, again = (evaluate_model(fitted, X.iloc[rows], y[rows], **QUICK) for rows in (np.arange(150), order))
    assert_allclose(found.table["mean"], again.table["mean"], rtol=1e-6)
    assert_array_equal(found.confusion, again.confusion)


# ---------------------------------------------------------------------- hard cases
def test_a_class_that_a_fold_lacks_in_training_has_probability_0_and_that_is_said(iris):
    X, y = iris
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=KFold(3), cost=False)
    assert (found.folds["accuracy"] == 0).all()
    assert found.scores.to_numpy()[np.arange(150), np.repeat([0, 1, 2], 50)].tolist() == [0] * 150
    assert "Class 'setosa' is unknown to the model in fold 0 and has probability 0 there." in found.notes
    assert_allclose(found.table.loc["log_loss", "mean"], -np.log(np.finfo(float).eps), rtol=1e-6)


def test_test_rows_of_one_class_leave_out_what_needs_two_and_say_so(iris):
    X, y = iris
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=KFold(3), cost=False)
    assert np.isnan(found.table.loc["roc_auc", "mean"])
    assert found.table.loc["roc_auc", "folds"] == 0
    assert found.table.loc["roc_auc", "note"] == "the test rows are all of one class"
    rows = np.arange(150)
    folds = [(rows[rows % 2 == 0], rows[rows % 2 == 1]), (rows, rows[:30]), (rows, rows[:80])]
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=folds, cost=False)
    assert found.table.loc["roc_auc", "folds"] == 2
    assert found.table.loc["roc_auc", "note"] == (
        "fold 1: the test rows are all of one class; fold 2: mean without 1 of 3 classes, of which there is no test row"
    )
    two = np.isin(found.predictions["true"], NAMES[:2]) & (found.predictions["fold"] == 2)
    scores, true = found.scores[two], found.predictions["true"][two]
    expected = np.mean([metrics.roc_auc_score(true == name, scores[name]) for name in NAMES[:2]])
    assert_allclose(found.folds.loc[2, "roc_auc"], expected)


def test_a_net_whose_outputs_are_not_its_labels_is_refused(iris):
    X, y = iris
    net = classifier(module__n_outputs=3, callbacks=[])
    with pytest.raises(ValueError, match="3 outputs was trained on rows of 2 classes.*Stratify 'cv'") as raised:
        evaluate_model(net, X, y, cv=KFold(3))
    assert raised.value.__notes__ == ["This was in fold 0 of evaluate_model."]


@pytest.mark.parametrize("model", [RidgeClassifier(), OneVsRestClassifier(LogisticRegression(C=0.02))])
def test_what_needs_probabilities_says_that_there_are_none(iris, model):
    found = evaluate_model(model, *iris, cv=3, cost=False)
    if hasattr(model, "estimator"):
        assert found.table.drop(columns=["note", "unit", "better"]).notna().all().all()
        return
    assert found.table.loc[["log_loss", "brier", "calibration_error"], "note"].unique() == [
        "the model gives no probabilities"
    ]
    assert found.calibration is None
    assert not found.probabilistic
    theirs = [
        metrics.roc_auc_score(part["true"] == "virginica", found.scores.loc[part.index, "virginica"])
        for _, part in found.predictions.groupby("fold")
    ]
    assert_allclose(found.per_class.loc["virginica", "roc_auc"], np.mean(theirs))


def test_every_undefined_figure_has_its_reason():
    X, y = np.zeros((4, 1)), np.ones(4, dtype=int)
    cases = [evaluate_model(DummyClassifier().fit(X, y), X, y, **QUICK)]
    cases.append(evaluate_model(DummyRegressor().fit(X, y), X[:1], y[:1], **QUICK))
    for found in cases:
        undefined = found.table["mean"].isna()
        assert undefined.any()
        assert (found.table.loc[undefined, "note"] != "").all()


def test_groups_are_kept_together(iris):
    X, y = iris
    groups = np.arange(150) // 5 % 7
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=GroupKFold(3), groups=groups, cost=False)
    per_fold = [set(groups[part["row"]]) for _, part in found.predictions.groupby("fold")]
    assert not set.intersection(*per_fold[:2])
    assert sum(map(len, per_fold)) == 7


def test_fit_parameters_are_shared_out(iris):
    X, y = iris
    weights = np.where(y == "setosa", 50.0, 0.1)
    params = {"sample_weight": weights}
    found = evaluate_model(LogisticRegression(C=0.02), X, y, cv=3, fit_params=params, cost=False)
    theirs = cross_validate(LogisticRegression(C=0.02), X, y, cv=3, params=params)
    assert_allclose(found.folds["accuracy"], theirs["test_score"])


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"estimator": LogisticRegression}, TypeError, "must be an estimator.*Got <class"),
        ({"estimator": KMeans()}, TypeError, "classes or values. Got KMeans"),
        ({"estimator": LogisticRegression(), "cv": None}, NotFittedError, "without cv.*cv=5"),
        ({"estimator": regressor()}, ValueError, "predicts values, but y holds 'setosa'"),
        ({"y": None}, ValueError, "requires y to be passed"),
        ({"y": NAMES}, ValueError, "same number of rows. Got 150 and 3"),
        ({"y": np.linspace(0, 1, 150)}, ValueError, "classes, but y holds numbers with a fraction"),
        ({"y": np.array([None, *["a", "b"] * 74, "a"])}, ValueError, "misses a value in 1 of 150 rows, first in row 0"),
        ({"y": np.zeros((150, 2), dtype=int)}, ValueError, "one column of y at a time"),
        ({"cv": 1}, ValueError, "n_splits=2 or more"),
        ({"cv": True}, ValueError, "'cv' parameter of evaluate_model.*Got True"),
        ({"cv": "five"}, ValueError, "Expected `cv`"),
        ({"cv": []}, ValueError, "must give folds with rows to test on. Got none"),
        ({"cv": GroupKFold()}, ValueError, "must know the group of each row"),
        ({"cv": None, "groups": np.arange(150)}, ValueError, "pass 'cv' too"),
        ({"scoring": "f1"}, ValueError, r"names \['f1'\], but the table has rows of these names"),
        ({"scoring": "acuracy"}, ValueError, "no scorer of scikit-learn"),
        ({"scoring": [3]}, ValueError, "Got 3"),
        ({"n_bins": 0}, ValueError, "'n_bins'.*whole number from 1. Got 0"),
        ({"n_bootstrap": -1}, ValueError, "'n_bootstrap'.*whole number from 0. Got -1"),
        ({"batch_size": 2.5}, ValueError, "'batch_size'.*Got 2.5"),
    ],
)
def test_one_clear_error(iris, changes, error, message):
    fitted = LogisticRegression(C=0.02).fit(*iris)
    arguments = {"estimator": fitted, "X": iris[0], "y": iris[1], "cv": 3, "cost": False} | changes
    with pytest.raises(error, match=message):
        evaluate_model(**arguments)


def test_empty_tables_strings_for_a_net_and_missing_values_are_errors():
    X, y, steps = census()
    model = train_clone(make_pipeline(steps, classifier()), X, y)
    with pytest.raises(ValueError, match="at least one row. Got none"):
        evaluate_model(model, X.iloc[:0], y[:0])
    with pytest.raises(ValueError, match=r"takes numbers, but the columns \['job'\]"):
        evaluate_model(model[-1], X, y)
    with pytest.raises(ValueError, match="age"):
        evaluate_model(model, X.rename(columns={"age": "years"}), y)
    gaps = X.astype({"age": float})
    gaps.loc[4, "age"] = np.nan
    with pytest.raises(ValueError, match="not a finite number for 1 of 90 rows, first for row 4"):
        evaluate_model(model, gaps, y)
    with pytest.raises(ValueError, match="predicts 1 value for each row, but y has 2 values"):
        evaluate_model(nn.Linear(4, 1), *[np.zeros((9, n), dtype=np.float32) for n in (4, 2)])
    with pytest.raises(ValueError, match="labels of a torch module are the numbers"):
        evaluate_model(nn.Linear(4, 2), np.zeros((3, 4)), ["a", "b", "a"])


# ---------------------------------------------------------------------- what is printed
def test_it_prints_itself(iris):
    found = evaluate_model(LogisticRegression(C=0.02), *iris, cv=3)
    assert isinstance(found, ModelEvaluation)
    text = repr(found)
    assert text.startswith("LogisticRegression: classification, 150 rows in 3 folds")
    assert "calibration_error" in text
    assert "latency, median" in text
    assert "note" not in text
    assert "<table" in found._repr_html_()
    as_it_stands = evaluate_model(LogisticRegression(C=0.02).fit(*iris), *iris, **QUICK)
    assert "true of new rows only" in repr(as_it_stands)
