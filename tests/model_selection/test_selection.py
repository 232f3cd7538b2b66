"""The choice among explainers: of linear models in closed form, and of small nets."""

from __future__ import annotations

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_xai import (
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    RandomExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
)
from sklearn_xai.metrics import (
    completeness_gap,
    explanation_metric,
    faithfulness_correlation,
    get_explanation_scorer,
    make_explanation_scorer,
)
from sklearn_xai.metrics._registry import METRICS
from sklearn_xai.model_selection import ExplainerSelector, compare_explainers
from tests.nets import classifier, regressor, table

TWO = ["faithfulness_correlation", "completeness_gap"]


@pytest.fixture
def sabotaged(linear, regression):
    """The true attributions, and what has been done to them."""

    class Shuffled(linear):
        def transform(self, X):
            return super().transform(X)[:, ::-1]

    return {
        "negated": linear(regression, sign=-1.0),
        "true": linear(regression),
        "shuffled": Shuffled(regression),
        "zero": linear(regression, sign=0.0),
    }


# ---------------------------------------------------------------- the choice
@pytest.mark.parametrize("test", ["nemenyi", "bootstrap"])
def test_the_truth_is_chosen_among_sabotaged_explanations(sabotaged, X, y, test):
    selector = ExplainerSelector(sabotaged, TWO, cv=5, test=test, random_state=0).fit(X, y)
    assert (selector.best_name_, selector.best_index_) == ("true", 1)
    assert list(selector.results_.index) == [*sabotaged, "random"]
    assert selector.results_.loc["true", "mean_rank"] == selector.results_["mean_rank"].min()
    assert selector.results_.loc["true", "better_than_control"]
    assert not selector.results_.loc[["random", "negated"], "better_than_control"].any()
    assert selector.results_["not_different_from_best"].tolist()[:2] == [False, True]
    assert selector.p_value_ < 0.01
    np.testing.assert_allclose(
        selector.transform(X), LinearRegression().fit(X, y).coef_ * (X - X.mean()).to_numpy(), atol=1e-9
    )


def test_results_are_those_of_the_metrics_on_held_out_rows(sabotaged, linear, X, y):
    selector = ExplainerSelector(sabotaged, TWO, cv=3, n_eval=None, random_state=4).fit(X, y)
    for name in ("true", "negated"):
        each = []
        for train, test in KFold(3).split(X):
            fitted = linear(LinearRegression(), sign=sabotaged[name].sign).fit(X.iloc[train], y[train])
            rows = X.iloc[test]
            each.append([faithfulness_correlation(fitted, rows, random_state=4), completeness_gap(fitted, rows)])
        row = selector.results_.loc[name].astype(float)
        for metric, values in zip(TWO, np.transpose(each), strict=True):
            np.testing.assert_allclose(
                row[[f"mean_{metric}", f"std_{metric}"]], [values.mean(), values.std()], atol=1e-9
            )
            np.testing.assert_allclose(selector.scores_.loc[metric, name], values, atol=1e-9)
    assert list(selector.results_.columns) == [
        *(f"{part}_{metric}" for metric in TWO for part in ("mean", "std", "rank")),
        *("mean_rank", "not_different_from_best", "better_than_control", "fit_seconds", "transform_seconds"),
    ]
    assert list(selector.comparison_.columns)[:2] == ["faithfulness", "completeness_gap"]
    np.testing.assert_allclose(
        selector.comparison_["faithfulness"], selector.results_["mean_faithfulness_correlation"], atol=1e-12
    )
    assert selector.comparison_["stability"].isna().all()


def test_ranks_are_over_blocks_of_metric_and_fold(sabotaged, X, y):
    selector = ExplainerSelector(sabotaged, TWO, cv=4, random_state=0).fit(X, y)
    assert selector.ranks_.shape == (8, 5)
    assert (selector.n_blocks_, selector.n_splits_) == (8, 4)
    signs = np.where(selector.scores_.index.get_level_values("metric") == TWO[0], 1, -1)
    ranks = (selector.scores_.round(6).mul(-signs, axis=0)).rank(axis=1)
    pd.testing.assert_frame_equal(selector.ranks_, ranks)
    assert selector.mean_ranks_ == pytest.approx(selector.ranks_.mean().to_dict())
    np.testing.assert_allclose(selector.results_["mean_rank"], list(selector.mean_ranks_.values()))
    np.testing.assert_allclose(
        selector.results_["rank_completeness_gap"], selector.ranks_.loc["completeness_gap"].mean()
    )
    # q = 2.728 for five explainers: 2.728 * sqrt(5 * 6 / (6 * 8)).
    assert selector.critical_difference_ == pytest.approx(2.157, abs=1e-3)


def test_twins_share_their_ranks_and_the_first_is_chosen(linear, regression, X, y):
    twins = {"one": linear(regression, sign=0.5), "other": linear(regression, sign=0.5)}
    selector = ExplainerSelector(twins, TWO, cv=3, test="bootstrap", random_state=0).fit(X, y)
    assert selector.mean_ranks_["one"] == selector.mean_ranks_["other"] == 1.5
    assert selector.best_name_ == "one"
    assert selector.groups_ == [["one", "other"]]
    assert selector.results_["not_different_from_best"].tolist() == [True, True, False]
    # Nothing but the twins' ties is drawn, so the difference is the least there can be: half a rank in one block.
    assert selector.critical_difference_ == pytest.approx(0.5 / 6)


def first_column(explainer, X, y=None, *, sample_wise=False):
    rows = explainer.sign * np.asarray(X)[:, 0]
    return rows if sample_wise else rows.mean()


def test_the_bootstrap_draws_the_rows_behind_the_scores(linear, regression, X, y):
    X = X - X.mean() + 0.01
    explainers = {"above": linear(regression), "below": linear(regression, sign=-1.0)}
    how = {"cv": ShuffleSplit(1, test_size=59, random_state=0), "control": None, "test": "bootstrap", "n_eval": None}
    doubtful = ExplainerSelector(explainers, first_column, **how, random_state=0).fit(X, y)
    assert (doubtful.n_blocks_, doubtful.critical_difference_) == (1, 2.0)
    assert doubtful.groups_ == [["above", "below"]] or doubtful.groups_ == [["below", "above"]]
    clear = ExplainerSelector(explainers, first_column, **how, random_state=0).fit(X + 5, y)
    assert (clear.critical_difference_, clear.groups_, clear.best_name_) == (0.5, [], "above")


def test_rows_to_explain_can_be_the_same_in_all_folds(sabotaged, X, y):
    selector = ExplainerSelector(sabotaged, TWO, cv=3, test="bootstrap", random_state=2).fit(X, y, X_eval=X[:20])
    table = compare_explainers(sabotaged, X, y, cv=3, X_eval=X[:20], random_state=2, metrics=TWO)
    columns = ["faithfulness", "completeness_gap", "stability", "stability_low", "stability_high", *TWO[:1]]
    pd.testing.assert_frame_equal(selector.comparison_.loc[list(sabotaged), columns], table[columns])
    assert selector.comparison_.attrs["n_eval"] == 20
    assert selector.best_name_ == "true"


# ---------------------------------------------------------------- chance
def test_it_warns_when_all_explain_at_random(regression, X, y):
    explainers = {"dice": RandomExplainer(regression), "cards": RandomExplainer(regression)}
    message = (
        r"no explainer is better than the control 'dice', whose mean rank over 4 blocks is \d.\d\d. The best, 'cards', "
        r"has \d.\d\d; only a difference above 0.82 \(nemenyi, alpha=0.05\) tells them apart"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        selector = ExplainerSelector(explainers, TWO, cv=2, random_state=0).fit(X, y)
    assert caught[0].filename == __file__
    assert (selector.control_, selector.best_name_) == ("dice", "cards")
    assert list(selector.results_["better_than_control"]) == [False, False]


def test_controls(linear, regression, X, y):
    explainers = [("zero", linear(regression, sign=0.0)), ("true", linear(regression))]
    added = ExplainerSelector(explainers, TWO, cv=4, random_state=0).fit(X, y)
    assert (added.control_, len(added.results_)) == ("random", 3)
    named = ExplainerSelector(explainers, TWO, cv=4, control="zero", alpha=0.1, random_state=0).fit(X, y)
    assert named.results_["better_than_control"].tolist() == [False, True]
    own = ExplainerSelector([*explainers, ("dice", RandomExplainer(regression))], TWO, cv=4, random_state=0).fit(X, y)
    assert (own.control_, len(own.results_)) == ("dice", 3)
    without = ExplainerSelector(explainers, TWO, cv=4, control=None, random_state=0).fit(X, y)
    assert without.control_ is None
    assert "better_than_control" not in without.results_
    alone = ExplainerSelector({"true": linear(regression)}, TWO, cv=2, control=None).fit(X, y)
    assert (alone.best_name_, alone.p_value_, alone.groups_) == ("true", 1.0, [])


def test_the_added_control_explains_what_the_first_explains():
    X, _, labels = table(n=60, n_classes=3)
    net = FrozenEstimator(classifier(max_epochs=20, lr=0.1).fit(X, labels))
    groups = {"pair": [0, 1]}
    explainers = {"ig": IntegratedGradientsExplainer(net, target=2, feature_groups=groups, n_steps=16, tol=1)}
    selector = ExplainerSelector(explainers, TWO, cv=4, random_state=0).fit(X)
    assert list(selector.results_.index) == ["ig", "random"]
    assert len(selector.comparison_.attrs["importances"]["random"]) == 3


# ---------------------------------------------------------------- what is trained, when
def test_the_estimator_is_trained_once_a_fold_and_once_for_the_best(sabotaged, regression, X, y):
    selector = ExplainerSelector(sabotaged, TWO, cv=3, random_state=0)
    selector.fit(X, y)
    assert regression.trainings == [40, 40, 40, 60]
    assert not hasattr(regression, "coef_")
    regression.trainings.clear()
    clone(selector).set_params(refit=False).fit(X, y)
    assert regression.trainings == [40, 40, 40]


@pytest.mark.parametrize("with_y", [False, True])
def test_a_frozen_estimator_is_explained_as_it_stands(linear, regression, X, y, with_y):
    frozen = FrozenEstimator(regression.fit(X, y))
    explainers = {"negated": linear(frozen, sign=-1.0), "true": linear(frozen)}
    selector = ExplainerSelector(explainers, TWO, cv=4, random_state=0).fit(X, -y if with_y else None)
    assert regression.trainings == [60]
    assert selector.best_name_ == "true"


def test_a_fitted_estimator_needs_no_y_and_an_unfitted_one_does(linear, regression, X, y):
    net = regressor()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        ExplainerSelector({"a": SaliencyExplainer(net)}, TWO, cv=2).fit(X)
    selector = ExplainerSelector({"true": linear(regression.fit(X, y))}, TWO, cv=4, control=None).fit(X)
    assert regression.trainings == [60]
    np.testing.assert_allclose(selector.transform(X), regression.coef_ * (X - X.mean()).to_numpy(), atol=1e-9)
    assert selector.best_explainer_.estimator_.coef_ is regression.coef_


# ---------------------------------------------------------------- the same again
def test_processes_seeds_and_global_generators(X, y):
    net = regressor(max_epochs=2)
    X, y = X.to_numpy(np.float32), y.astype(np.float32)[:, None]
    explainers = {"shapley": ShapleyExplainer(net, background_size=4), "products": InputXGradientExplainer(net)}
    how = {"metrics": [*TWO, "max_sensitivity"], "cv": 2, "n_eval": 8, "test": "bootstrap", "n_bootstrap": 50}
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    found = {}
    for key, n_jobs, seed in (("alone", None, 3), ("spread", 2, 3), ("other", None, 4)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that two folds tell nothing apart
            selector = ExplainerSelector(explainers, **how, n_jobs=n_jobs, random_state=seed).fit(X, y)
        found[key] = selector.scores_, selector.ranks_, selector.critical_difference_, selector.transform(X[:3])
    for a, b in zip(found["alone"], found["spread"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert np.abs(found["alone"][0] - found["other"][0]).max(axis=None) > 1e-3
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


# ---------------------------------------------------------------- metrics that do not apply
def test_what_cannot_be_computed_is_nan_and_takes_part_in_no_rank(regression, X, y):
    explainers = {"shapley": ShapleyExplainer(regression), "dice": RandomExplainer(regression)}
    metrics = [*TWO, "parameter_randomisation", "random_target"]
    message = (
        "take part in no rank: parameter_randomisation .shapley: it needs a network, .*; dice: it needs a network.*"
        "random_target .shapley: random_target compares explanations of different outputs"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        selector = ExplainerSelector(explainers, metrics, cv=4, random_state=0).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert list(selector.left_out_) == metrics[2:]
    assert selector.results_[[f"mean_{m}" for m in metrics[2:]] + ["rank_random_target"]].isna().all(axis=None)
    assert selector.n_blocks_ == 8
    assert selector.scores_.shape == (16, 2)
    assert selector.best_name_ == "shapley"
    with pytest.raises(ValueError, match="no metric could be computed: parameter_randomisation .shapley: it needs"):
        ExplainerSelector(explainers, metrics[2:], cv=2).fit(X, y)


def test_a_metric_that_fails_for_one_explainer_ranks_nobody(linear, regression, X, y):
    def positive(explainer, X, y=None):
        if explainer.sign < 0:
            raise ValueError("no sign\nbelow zero")
        return np.nan if explainer.sign == 0 else 1.0

    explainers = {name: linear(regression, sign=sign) for name, sign in (("a", 1.0), ("b", -1.0), ("c", 0.0))}
    metrics = {"gap": "completeness_gap", "own": positive}
    with pytest.warns(UserWarning, match=r"own \(b: no sign; c: it gave a number that is not finite\)"):
        selector = ExplainerSelector(explainers, metrics, cv=6, control=None, random_state=0).fit(X, y)
    assert selector.results_.loc["a", "mean_own"] == 1.0
    assert selector.ranks_.index.get_level_values("metric").unique().tolist() == ["gap"]


def test_defaults_are_of_five_families_and_suit_the_estimator(regression, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selector = ExplainerSelector({"shapley": ShapleyExplainer(regression)}, cv=3, n_eval=5, random_state=0)
        assert selector.fit(X, y).n_blocks_ == 12
    X, y, _ = table(n=60)
    net = regressor(max_epochs=40, lr=0.05)
    explainers = {"ig": IntegratedGradientsExplainer(net, tol=1), "slopes": SaliencyExplainer(net)}
    selector = ExplainerSelector(explainers, cv=3, n_eval=6, random_state=0).fit(X, y[:, None])
    metrics = selector.scores_.index.get_level_values("metric").unique()
    assert len({METRICS[metric].family for metric in metrics}) == 5
    # Randomised networks change what looks at them, and not the dice: that metric alone tells them apart.
    assert selector.results_.loc["random", "mean_parameter_randomisation"] == pytest.approx(1.0)
    assert selector.best_name_ == "ig"


def test_metrics_are_given_what_they_need_of_each_row(linear, regression, X, y):
    @explanation_metric(family="agreement", greater_is_better=True, needs=("truth",))
    def first_as_told(explainer, X, y=None, *, truth, attributions=None, sample_wise=False, random_state=None):
        return -np.abs(np.asarray(attributions.values)[:, 0] - truth)

    try:
        estimator = FrozenEstimator(regression.fit(X, y))
        explainers = {"zero": linear(estimator, sign=0.0), "true": linear(estimator)}
        truth = regression.coef_[0] * X["a"].to_numpy()
        selector = ExplainerSelector(explainers, "first_as_told", cv=5, control=None, n_eval=7, random_state=0)
        with pytest.raises(TypeError, match=r"metric 'first_as_told' needs \['truth'\], with an entry a row"):
            selector.fit(X)
        selector.fit(X, metric_params={"truth": truth})
        scores = selector.scores_.loc["first_as_told", "true"]
        means = [regression.coef_[0] * X["a"].iloc[train].mean() for train, _ in KFold(5).split(X)]
        np.testing.assert_allclose(scores, -np.abs(means))
        selector.fit(X, X_eval=X[:9], metric_params={"truth": truth[:9]})
        np.testing.assert_allclose(selector.scores_.loc["first_as_told", "true"], -np.abs(means))
        with pytest.raises(ValueError, match=r"metric_params\['truth'\] .* for each of the 60 rows. Got 9"):
            selector.fit(X, metric_params={"truth": truth[:9]})
        with pytest.raises(TypeError, match="got metric_params 'marks', which none of the metrics"):
            selector.fit(X, metric_params={"marks": truth})
    finally:
        del METRICS["first_as_told"]


# ---------------------------------------------------------------- a scikit-learn estimator
def quick(estimator, **params):
    """A selector for data of any shape, which has nothing to be warned of."""
    explainers = {"products": ShapleyExplainer(estimator, background_size=4, random_state=0)}
    return ExplainerSelector(explainers, "completeness_gap", cv=2, control=None, random_state=0, **params)


@parametrize_with_checks([quick(LinearRegression())])
def test_it_is_an_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [dict, list])
def test_parameters_of_explainers_by_name(linear, regression, X, y, kind):
    pairs = [("a", linear(regression)), ("b", linear(regression, sign=-1.0))]
    given = kind(pairs)
    selector = ExplainerSelector(given, TWO, cv=2)
    params = selector.get_params()
    assert params["a"] is pairs[0][1]
    assert params["b__sign"] == -1.0
    assert "b__sign" not in selector.get_params(deep=False)
    selector.set_params(b__sign=3.0, cv=4)
    assert (pairs[1][1].sign, selector.cv) == (3.0, 4)
    other = linear(regression, sign=7.0)
    selector.set_params(a=other)
    assert given == kind(pairs)
    assert type(selector.explainers) is kind
    assert selector.get_params()["a__sign"] == 7.0
    copy = clone(selector)
    assert copy.get_params()["b__sign"] == 3.0
    assert copy.get_params()["b"] is not pairs[1][1]
    with pytest.raises(ValueError, match="Invalid parameter 'c'"):
        selector.set_params(c=other)
    search = GridSearchCV(
        ExplainerSelector(given, TWO, cv=2, control=None),
        {"b__sign": [-1.0, 0.5]},
        scoring=get_explanation_scorer("faithfulness_correlation"),
        cv=2,
    ).fit(X, y)
    assert search.best_score_ == pytest.approx(1.0)


def test_it_delegates_to_the_best():
    X, _, labels = table(n=60)
    net = make_pipeline(StandardScaler(), classifier(max_epochs=20, lr=0.1))
    frame = pd.DataFrame(X, columns=list("abcd"))
    words = np.array(["no", "yes"])[labels]
    explainers = {"ig": IntegratedGradientsExplainer(net, n_steps=32, tol=1), "slopes": SaliencyExplainer(net)}
    selector = ExplainerSelector(explainers, TWO, cv=3, random_state=0)
    assert hasattr(selector, "predict_proba")
    assert not hasattr(ExplainerSelector({"a": SaliencyExplainer(regressor())}), "predict_proba")
    with pytest.raises(NotFittedError):
        selector.transform(frame)
    selector.fit(frame, words)
    best = selector.best_explainer_
    assert selector.best_name_ == "ig"
    np.testing.assert_array_equal(selector.classes_, ["no", "yes"])
    np.testing.assert_array_equal(selector.feature_names_in_, list("abcd"))
    assert selector.n_features_in_ == 4
    for method in ("transform", "predict", "predict_proba", "decision_function", "score"):
        np.testing.assert_array_equal(getattr(selector, method)(frame), getattr(best, method)(frame))
    np.testing.assert_array_equal(selector.explain(frame).values, best.transform(frame))
    np.testing.assert_array_equal(selector.feature_importances_, best.feature_importances_)
    chosen = SelectFromModel(selector, prefit=True, max_features=2, threshold=-np.inf)
    assert chosen.fit(frame).transform(frame).shape == (60, 2)
    shown = selector.set_output(transform="pandas").transform(frame)
    assert list(shown.columns) == list(selector.get_feature_names_out()) == list("abcd")
    assert get_tags(selector).transformer_tags.preserves_dtype == ["float32"]
    scorer = make_explanation_scorer("faithfulness_correlation")
    assert scorer(selector, frame) == scorer(best, frame)
    again = pickle.loads(pickle.dumps(selector))
    pd.testing.assert_frame_equal(again.transform(frame), shown)
    html = selector._repr_html_()
    assert html.count("IntegratedGradientsExplainer") and re.search(r">\s*slopes\s*<", html)


def test_without_refit_there_is_a_verdict_and_no_explainer(linear, regression, X, y):
    selector = ExplainerSelector({"true": linear(regression)}, TWO, cv=4, refit=False, random_state=0).fit(X, y)
    assert selector.best_name_ == "true"
    assert not hasattr(selector, "refit_time_")
    with pytest.raises(AttributeError, match="fitted with refit=False and has no explainer for transform"):
        selector.transform(X)
    selector.set_params(refit=True).fit(X, y)
    assert selector.set_params(refit=False).fit(X, y).best_index_ == 0
    assert not hasattr(selector, "best_explainer_")


def test_it_works_inside_a_pipeline(linear, regression, X, y):
    explainers = {"negated": linear(regression, sign=-1.0), "true": linear(regression)}
    pipe = make_pipeline(StandardScaler(), ExplainerSelector(explainers, TWO, cv=4, random_state=0)).fit(X, y)
    assert pipe[-1].best_name_ == "true"
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(pipe.transform(X), LinearRegression().fit(scaled, y).coef_ * scaled, atol=1e-9)
    pipe.set_params(explainerselector__true__sign=-1.0, explainerselector__negated__sign=1.0)
    assert pipe.fit(X, y)[-1].best_name_ == "negated"


def test_the_ranks_can_be_drawn(sabotaged, X, y):
    from matplotlib.figure import Figure

    from sklearn_xai.display import CriticalDifferenceDisplay

    for test in ("nemenyi", "bootstrap"):
        selector = ExplainerSelector(sabotaged, TWO, cv=3, test=test, refit=False, random_state=0).fit(X, y)
        display = CriticalDifferenceDisplay(
            selector.mean_ranks_,
            selector.critical_difference_,
            n_datasets=selector.n_blocks_,
            p_value=selector.p_value_,
            control=selector.control_,
        ).plot(ax=Figure().subplots())
        assert display.groups == selector.groups_


def test_bad_input_ends_in_one_clear_error(linear, regression, X, y):
    good = linear(regression)

    def fit(explainers, metrics=TWO, **params):
        return ExplainerSelector(explainers, metrics, **params).fit(X, y)

    with pytest.raises(TypeError, match="must be a dict {name: explainer} or a list of .name, explainer., of at least"):
        fit([good])
    with pytest.raises(TypeError, match="Got None"):
        fit(None)
    with pytest.raises(TypeError, match="of at least one. Got a list that holds LinearExplainer.$"):
        fit([good, good])
    with pytest.raises(ValueError, match="must name at least one explainer"):
        fit({})
    with pytest.raises(ValueError, match=r"has a name twice: \['a', 'a'\]"):
        fit([("a", good), ("a", good)])
    for name in ("a__b", "cv", 3):
        with pytest.raises(ValueError, match="must have strings as names, without '__' and other than its parameters"):
            fit({name: good})
    with pytest.raises(TypeError, match=r"'explainers\['a'\]' parameter of ExplainerSelector .* Got the class"):
        fit({"a": linear})
    with pytest.raises(TypeError, match="Got a Pipeline: put the steps"):
        fit({"a": make_pipeline(StandardScaler(), good)})
    with pytest.raises(ValueError, match=r"'control' parameter .* None, 'random' or one of \['a'\]. Got 'chance'"):
        fit({"a": good}, control="chance")
    with pytest.raises(
        ValueError, match="'metrics' parameter of ExplainerSelector must hold .*'sparseness'.* 'accuracy'"
    ):
        fit({"a": good}, ["accuracy"])
    with pytest.raises(ValueError, match="Got 'neg_complexity' for 'neg_complexity'. Did you mean 'complexity'"):
        fit({"a": good}, ["neg_complexity"])
    with pytest.raises(ValueError, match="must be None or name at least one. Got"):
        fit({"a": good}, [])
    with pytest.raises(ValueError, match="'test' parameter of ExplainerSelector must be a str among"):
        fit({"a": good}, test="t")
    with pytest.raises(ValueError, match="'alpha' parameter of ExplainerSelector"):
        fit({"a": good}, alpha=1.0)
    with pytest.raises(ValueError, match="same players. Got numbers of players {'a': 4, 'b': 3}"):
        fit({"a": good, "b": linear(regression, keep=3)}, control=None)
    with pytest.raises(ValueError, match="'X_eval' parameter of ExplainerSelector.fit must have at least one row"):
        ExplainerSelector({"a": good}, TWO).fit(X, y, X_eval=X[:0])
    with pytest.raises(ValueError, match="Explainer 'a' of ExplainerSelector gave 80 attributions that are NaN"):
        fit({"a": linear(regression, sign=np.nan)}, cv=ShuffleSplit(1, test_size=20), control=None)
