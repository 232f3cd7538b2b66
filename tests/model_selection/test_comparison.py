"""Explainers side by side, on linear models where each column of the table is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xai import RandomExplainer
from sklearn_xai.metrics import faithfulness_correlation, make_explanation_scorer
from sklearn_xai.model_selection import compare_explainers, explanation_stability
from sklearn_xai.model_selection._evaluation import alike
from tests.nets import MLP, classifier, regressor

COLUMNS = [
    "faithfulness",
    "completeness_gap",
    "stability",
    "stability_low",
    "stability_high",
    "agreement",
    "fit_seconds",
    "transform_seconds",
    "rows_per_second",
]


def test_every_column_of_a_known_comparison(linear, shap_like, regression, X, y):
    explainers = {
        "exact": linear(regression),
        "reversed": linear(regression, sign=-1.0),
        "silent": linear(regression, sign=0.0),
        "shap": shap_like(regression),
    }
    table = compare_explainers(explainers, X, y, cv=3, X_eval=X[:20])
    assert list(table.columns) == COLUMNS
    assert list(table.index) == list(explainers)
    np.testing.assert_allclose(table["faithfulness"], [1, -1, 0, 1], atol=1e-9)
    np.testing.assert_allclose(table["agreement"], [1, -1, 0, 1], atol=1e-9)
    stability = explanation_stability(linear(regression), X, y, cv=3, X_eval=X[:20])
    for name, sign in (("exact", 1), ("reversed", 1), ("silent", 0)):
        assert table.loc[name, "stability"] == pytest.approx(sign * stability.overall["spearman"])
    assert table.loc["exact", ["stability_low", "stability_high"]].tolist() == pytest.approx(
        stability.interval["spearman"]
    )
    differences = np.abs(stability.attributions.sum(axis=2))
    expected = [0, 2 * np.median(differences), np.median(differences), 0]
    np.testing.assert_allclose(table["completeness_gap"], expected, atol=1e-9)
    assert (table[["fit_seconds", "transform_seconds", "rows_per_second"]] > 0).all(axis=None)
    np.testing.assert_allclose(table["rows_per_second"], 20 / table["transform_seconds"])

    importances = np.abs(stability.attributions).mean(axis=(0, 1))
    for name in ("exact", "reversed", "shap"):
        np.testing.assert_allclose(table.attrs["importances"][name], importances)
    assert table.attrs["importances"]["silent"] == [0, 0, 0, 0]
    assert table.attrs["top"]["exact"][:2] == ["d", "b"]
    assert table.attrs["feature_names"] == list("abcd")
    assert (table.attrs["reference"], table.attrs["n_eval"], table.attrs["n_splits"]) == ("shap", 20, 3)


def test_a_shared_estimator_is_trained_once_per_fold(linear, regression, X, y):
    explainers = {"a": linear(regression), "b": linear(regression, sign=-1.0), "c": linear(regression, sign=2.0)}
    table = compare_explainers(explainers, X, y, cv=3)
    assert regression.trainings == [40, 40, 40]
    assert table.attrs["train_seconds"] > 0
    assert not hasattr(regression, "coef_")
    assert explainers["a"].estimator is regression
    assert explainers["a"].random_state is None


def test_another_estimator_or_seed_is_another_training(linear, regression, X, y):
    other = type(regression)(positive=True)
    explainers = {"a": linear(regression), "b": linear(other), "c": linear(regression, random_state=1)}
    compare_explainers({**explainers, "like c": linear(regression, random_state=1)}, X, y, cv=2)
    assert regression.trainings == [30] * 6


def test_equal_estimators_are_trained_once(linear, regression, X, y):
    nested = [make_pipeline(StandardScaler(), type(regression)()) for _ in range(2)]
    explainers = {"a": linear(regression), "b": linear(type(regression)())}
    compare_explainers(explainers, X, y, cv=2)
    assert regression.trainings == [30, 30]
    assert alike(*nested)
    assert not alike(nested[0], make_pipeline(StandardScaler(with_mean=False), type(regression)()))
    assert alike(regressor(), regressor())
    assert alike(clone(regressor()), regressor())
    assert not alike(regressor(), regressor(max_epochs=9))
    assert not alike(regressor(), classifier())
    assert not alike(regressor(MLP()), regressor(MLP()))


def test_folds_in_two_processes_give_the_same_table(linear, regression, X, y):
    explainers = {"a": linear(regression), "b": linear(regression, sign=-1.0), "chance": RandomExplainer(regression)}
    how = {"cv": 2, "random_state": None}
    tables = [compare_explainers(explainers, X, y, **how, n_jobs=n_jobs)[COLUMNS[:6]] for n_jobs in (None, 2)]
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("with_y", [False, True])
def test_a_frozen_estimator_is_compared_as_it_stands(linear, regression, X, y, with_y):
    frozen = FrozenEstimator(regression.fit(X, y))
    table = compare_explainers({"a": linear(frozen)}, X, -y if with_y else None, cv=3)
    assert regression.trainings == [60]
    assert table.attrs["train_seconds"] == 0
    expected = np.abs([regression.coef_ * (X - X.iloc[train].mean()) for train, _ in KFold(3).split(X)])
    np.testing.assert_allclose(table.attrs["importances"]["a"], expected.mean(axis=(0, 1)))


def test_a_fitted_estimator_without_y_is_compared_as_it_stands(linear, regression, X, y):
    regression.fit(X, y)
    table = compare_explainers({"a": linear(regression)}, X, cv=3)
    assert regression.trainings == [60]
    assert table.loc["a", "faithfulness"] == pytest.approx(1.0)


def test_reference_by_name_or_none(linear, regression, X, y):
    explainers = {"a": linear(regression), "b": linear(regression, sign=-1.0)}
    assert compare_explainers(explainers, X, y, cv=2)["agreement"].isna().all()
    named = compare_explainers(explainers, X, y, cv=2, reference="b")["agreement"]
    np.testing.assert_allclose(named, [-1, 1])


def mean_attribution(explainer, X):
    return explainer.transform(X).mean()


def test_further_metrics_become_columns(linear, regression, X, y):
    explainers = {"a": linear(regression), "b": linear(regression, sign=-1.0)}
    metrics = {"mean": mean_attribution, "first": "faithfulness_correlation"}
    table = compare_explainers(explainers, X, y, cv=2, metrics=metrics)
    assert list(table.columns) == [*COLUMNS, "mean", "first"]
    assert table.loc["a", "mean"] == pytest.approx(-table.loc["b", "mean"])
    np.testing.assert_allclose(table["first"], table["faithfulness"])
    assert list(compare_explainers(explainers, X, y, cv=2, metrics=["completeness_gap"])) == COLUMNS
    with pytest.raises(ValueError, match="'metrics' parameter .* Got 'accuracy'"):
        compare_explainers(explainers, X, y, metrics=["accuracy"])


def test_scorers_become_columns_and_the_explanation_is_made_once(linear, regression, X, y):
    class Counting(linear):
        calls = 0

        def transform(self, X):
            Counting.calls += 1
            return super().transform(X)

    scorer = make_explanation_scorer("completeness_gap", relative=True)
    metrics = {"relative": scorer, "again": "faithfulness_correlation"}
    table = compare_explainers({"half": Counting(regression, sign=0.5)}, X, y, cv=2, metrics=metrics)
    np.testing.assert_allclose(table["relative"], 0.5)
    assert table.loc["half", "again"] == table.loc["half", "faithfulness"]
    assert Counting.calls == 2
    listed = compare_explainers({"half": linear(regression, sign=0.5)}, X, y, cv=2, metrics=[scorer, mean_attribution])
    assert list(listed.columns)[-1] == "mean_attribution"
    assert listed.loc["half", "completeness_gap"] == pytest.approx(0.5)


def test_the_numbers_depend_on_the_seed_alone(linear, regression, X, y):
    class Half(linear):
        """Attributions of the first columns only."""

        def transform(self, X):
            return super().transform(X) * [1, 1, 0, 0]

    explainers = {"half": Half(regression)}
    first, again, other = (
        compare_explainers(explainers, X, y, cv=2, random_state=seed)[COLUMNS[:5]] for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first, again)
    assert first.loc["half", "faithfulness"] != other.loc["half", "faithfulness"]
    assert 0 < first.loc["half", "faithfulness"] < 1


def test_comparisons_join_and_save(linear, regression, X, y, tmp_path):
    tables = [compare_explainers({name: linear(regression)}, X, y, cv=2) for name in "ab"]
    assert list(pd.concat(tables).index) == ["a", "b"]
    tables[0].to_csv(tmp_path / "table.csv")
    back = pd.read_csv(tmp_path / "table.csv", index_col="explainer")
    pd.testing.assert_frame_equal(back, tables[0], check_dtype=False)


def test_faithfulness_is_that_of_the_metric(linear, regression, X, y):
    class First(linear):
        """Attributions of one column only."""

        def transform(self, X):
            return super().transform(X) * [0, 1, 0, 0]

    table = compare_explainers({"first": First(regression)}, X, y, cv=2, X_eval=X[:10], random_state=4)
    each = [
        faithfulness_correlation(First(LinearRegression()).fit(X.iloc[t], y[t]), X[:10], random_state=4)
        for t, _ in KFold(2).split(X)
    ]
    assert table.loc["first", "faithfulness"] == pytest.approx(np.mean(each))


def test_bad_input_ends_in_one_clear_error(linear, regression, X, y):
    good = linear(regression)
    with pytest.raises(ValueError, match="'explainers' parameter .* at least one explainer"):
        compare_explainers({}, X, y)
    with pytest.raises(TypeError, match="must be a dict .* Got list"):
        compare_explainers([good], X, y)
    with pytest.raises(TypeError, match=r"'explainers\['a'\]' parameter .* Got the class LinearExplainer: make one"):
        compare_explainers({"a": linear}, X, y)
    with pytest.raises(TypeError, match=r"'explainers\['a'\]' parameter .* Got CountedRegression"):
        compare_explainers({"a": regression}, X, y)
    with pytest.raises(TypeError, match="Got a Pipeline: put the steps"):
        compare_explainers({"a": make_pipeline(StandardScaler(), good)}, X, y)
    with pytest.raises(ValueError, match=r"'reference' parameter .* None or one of \['a'\]. Got 'shap'"):
        compare_explainers({"a": good}, X, y, reference="shap")
    with pytest.raises(ValueError, match="'X_eval' parameter of compare_explainers .* at least one row"):
        compare_explainers({"a": good}, X, y, X_eval=X[:0])
    with pytest.raises(ValueError, match="'cv' must give at least 2. Got 1"):
        compare_explainers({"a": good}, X, y, cv=ShuffleSplit(1))
    with pytest.raises(ValueError, match="n_splits=61"):
        compare_explainers({"a": good}, X, y, cv=61)
    with pytest.raises(ValueError, match="same players. Got numbers of players {'a': 4, 'b': 3}"):
        compare_explainers({"a": good, "b": linear(regression, keep=3)}, X, y)
    with pytest.raises(ValueError, match="Explainer 'a' of compare_explainers gave 240 attributions that are NaN"):
        compare_explainers({"a": linear(regression, sign=np.nan)}, X, y)
