"""The same rows explained by every fold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xai import InputXGradientExplainer
from sklearn_xai.model_selection import compare_explainers, cross_val_attributions
from sklearn_xai.model_selection.folds import fold_indices, limited_threads


def test_each_fold_trains_and_explains_as_ordinary_least_squares_does(linear, regression, X, y):
    found = cross_val_attributions(linear(regression), X, y, cv=3, X_eval=X[:7])
    assert found.shape == (3, 7, 4)
    for (train, _), attributions in zip(KFold(3).split(X), found, strict=True):
        model = LinearRegression().fit(X.iloc[train], y[train])
        expected = model.coef_ * (X[:7] - X.iloc[train].mean())
        np.testing.assert_allclose(attributions, expected)
    assert regression.trainings == [40, 40, 40]


def test_all_rows_are_explained_by_default_and_nothing_given_changes(linear, regression, X, y):
    explainer, before = linear(regression), X.copy()
    assert cross_val_attributions(explainer, X, y).shape == (5, 60, 4)
    assert set(vars(explainer)) == {"estimator", "sign", "keep", "random_state"}
    assert not hasattr(regression, "coef_")
    assert X.equals(before)


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda model: model], ids=["frozen", "fitted"])
def test_a_fitted_estimator_is_explained_as_it_stands(linear, regression, X, y, wrap):
    regression.fit(X, y)
    found = cross_val_attributions(linear(wrap(regression)), X, cv=3)
    for (train, _), attributions in zip(KFold(3).split(X), found, strict=True):
        np.testing.assert_allclose(attributions, regression.coef_ * (X - X.iloc[train].mean()))
    assert regression.trainings == [60]


def test_a_frozen_estimator_is_not_trained_with_y_either(linear, regression, X, y):
    frozen = FrozenEstimator(regression.fit(X, y))
    cross_val_attributions(linear(frozen), X, -y, cv=3)
    assert regression.trainings == [60]


def test_a_pipeline_is_fitted_whole_in_each_fold(linear, regression, X, y):
    pipe = make_pipeline(StandardScaler(), linear(regression))
    found = cross_val_attributions(pipe, X, y, cv=3)
    train = next(KFold(3).split(X))[0]
    expected = make_pipeline(StandardScaler(), linear(LinearRegression())).fit(X.iloc[train], y[train]).transform(X)
    np.testing.assert_allclose(found[0], expected)
    regression.fit(StandardScaler().fit_transform(X), y)
    as_it_stands = cross_val_attributions(pipe, X, cv=3)
    scaler = StandardScaler().fit(X.iloc[train])
    np.testing.assert_allclose(as_it_stands[0], regression.coef_ * scaler.transform(X), atol=1e-12)
    assert pipe[-1].estimator is regression


def test_folds_are_stratified_for_classifiers_only(X):
    from sklearn.linear_model import LogisticRegression

    labels = np.repeat([0, 1], 30)
    stratified = [np.mean(labels[test]) for _, test in fold_indices(LogisticRegression(), X, labels, 3)]
    assert stratified == [0.5, 0.5, 0.5]
    for estimator in (LinearRegression(), torch.nn.Linear(4, 1), FrozenEstimator(torch.nn.Linear(4, 1))):
        assert [np.mean(labels[test]) for _, test in fold_indices(estimator, X, labels, 3)] == [0.0, 0.5, 1.0]
    frozen = FrozenEstimator(LogisticRegression().fit(X, labels))
    assert [np.mean(labels[test]) for _, test in fold_indices(frozen, X, labels, 3)] == stratified


class Weighted(BaseEstimator):
    """An explainer that shows what reached its fit."""

    def __init__(self, estimator=None):
        self.estimator = estimator

    def fit(self, X, y=None, *, weights, factor, words):
        assert len(weights) == len(X)
        self.sum_ = factor * np.sum(weights) + len(words)
        return self

    def transform(self, X):
        return np.full((len(X), 1), self.sum_)

    explain = transform

    def get_feature_names_out(self):
        return ["sum", "and a name too many"]


def test_fit_params_are_shared_out_with_the_rows():
    weights = np.arange(4.0)
    params = {"weights": weights, "factor": 10, "words": "four"}
    found = cross_val_attributions(Weighted(LinearRegression()), np.zeros((4, 1)), cv=2, fit_params=params)
    np.testing.assert_array_equal(found[:, 0, 0], [10 * 5 + 4, 10 * 1 + 4])
    params["weights"] = list(weights)
    again = cross_val_attributions(Weighted(LinearRegression()), np.zeros((4, 1)), cv=2, fit_params=params)
    np.testing.assert_array_equal(found, again)


def test_threads_are_limited_inside_a_worker_and_given_back():
    before = torch.get_num_threads()
    with limited_threads(None):
        assert torch.get_num_threads() == before
    with limited_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), limited_threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_progress_is_shown_on_stderr_when_asked(linear, regression, X, y, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    cross_val_attributions(linear(regression), X, y, cv=2)
    assert capsys.readouterr() == ("", "")
    cross_val_attributions(linear(regression), X, y, cv=2, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Explaining folds" in err


def test_bad_input_ends_in_one_clear_error(linear, regression, X, y):
    with pytest.raises(TypeError, match="'explainer' parameter of cross_val_attributions .* class LinearExplainer"):
        cross_val_attributions(linear, X, y)
    with pytest.raises(TypeError, match="must be an explainer, or a Pipeline .* Got CountedRegression"):
        cross_val_attributions(regression, X, y)
    with pytest.raises(ValueError, match="'X_eval' parameter .* at least one row"):
        cross_val_attributions(linear(regression), X, y, X_eval=X[:0])
    with pytest.raises(ValueError, match="n_splits=61"):
        cross_val_attributions(linear(regression), X, y, cv=61)
    with pytest.raises(ValueError, match="LinearExplainer gave 60 attributions that are NaN"):
        cross_val_attributions(linear(regression, sign=np.nan), X[["a"]], y, cv=2)


class Uneven(Weighted):
    """An explainer with as many players as it saw rows."""

    def fit(self, X, y=None):
        self.n_ = len(X)
        return self

    def transform(self, X):
        return np.ones((len(X), self.n_))


def test_folds_of_different_players_are_named():
    folds = ShuffleSplit(1, train_size=3).split(range(9)), ShuffleSplit(1, train_size=5).split(range(9))
    cv = [split for fold in folds for split in fold]
    with pytest.raises(ValueError, match=r"Uneven gave the shapes \[\(9, 3\), \(9, 5\)\]"):
        cross_val_attributions(Uneven(LinearRegression()), np.zeros((9, 2)), cv=cv)


def test_a_splitter_without_its_groups_says_what_would_do():
    X = np.random.RandomState(0).randn(12, 3).astype("float32")
    explainer = InputXGradientExplainer(torch.nn.Linear(3, 1))
    message = "GroupKFold, which must know the group of each row. Pass 'groups', .* cv=list.splitter.split.X, y, groups"
    with pytest.raises(ValueError, match=message):
        compare_explainers({"a": explainer}, X, cv=GroupKFold(2))
    folds = list(GroupKFold(2).split(X, groups=np.arange(12) // 3))
    assert len(compare_explainers({"a": explainer}, X, cv=folds)) == 1
