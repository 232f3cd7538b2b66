"""Scorers: by name, of one's own metrics, several of one explanation, inside searches, with metadata a row."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xai import IntegratedGradientsExplainer, RandomExplainer
from sklearn_xai.metrics import (
    METRICS,
    ExplanationScorers,
    completeness_gap,
    explanation_metric,
    faithfulness_correlation,
    get_explanation_scorer,
    get_explanation_scorer_names,
    make_explanation_scorer,
)
from tests.nets import regressor, table


def test_scorers_are_larger_for_better_explanations(linear_explainer, X):
    good, bad = linear_explainer().fit(X), linear_explainer(noise=0.9).fit(X)
    for metric in ("faithfulness_correlation", "completeness_gap", faithfulness_correlation, completeness_gap):
        scorer = make_explanation_scorer(metric)
        assert isinstance(scorer(good, X), float)
        assert scorer(good, X) > scorer(bad, X, None)
    assert make_explanation_scorer("completeness_gap", greater_is_better=False)(bad, X) == -completeness_gap(bad, X)
    with pytest.raises(
        ValueError, match="'greater_is_better' parameter .* is False for completeness_gap; leave it out"
    ):
        make_explanation_scorer("completeness_gap", greater_is_better=True)


def largest_attribution(explainer, X, *, power=1):
    return np.abs(explainer.transform(X)).max() ** power


def test_own_metrics_become_scorers(linear_explainer, X):
    explainer = linear_explainer().fit(X)
    scorer = make_explanation_scorer(largest_attribution, greater_is_better=False, power=2)
    assert scorer(explainer, X) == pytest.approx(-(np.abs(explainer.transform(X)).max() ** 2))
    assert repr(scorer) == "make_explanation_scorer(largest_attribution, greater_is_better=False, power=2)"


def test_scorers_show_copy_clone_and_pickle(linear_explainer, X):
    explainer = linear_explainer(noise=0.3).fit(X)
    scorer = make_explanation_scorer("faithfulness_correlation", n_subsets=7, random_state=5)
    assert repr(scorer) == "make_explanation_scorer('faithfulness_correlation', n_subsets=7, random_state=5)"
    expected = faithfulness_correlation(explainer, X, n_subsets=7, random_state=5)
    for copy in (scorer, clone(scorer, safe=False), pickle.loads(pickle.dumps(scorer))):
        assert copy(explainer, X) == expected
    search = clone(GridSearchCV(explainer, {}, scoring=scorer))
    assert repr(search.scoring) == repr(scorer)


def test_scorers_say_what_is_wrong(linear_explainer, X):
    with pytest.raises(ValueError, match="'metric' parameter .* must be one of .*completeness_gap.*Got 'accuracy'"):
        make_explanation_scorer("accuracy")
    with pytest.raises(TypeError, match="faithfulness_correlation cannot be called so: .*n_subset'"):
        make_explanation_scorer("faithfulness_correlation", n_subset=3)
    with pytest.raises(TypeError, match="scores explainers. Got LinearRegression"):
        make_explanation_scorer("completeness_gap")(LinearRegression().fit(X, X[:, 0]), X)
    with pytest.raises(ValueError, match=r"needs one number. completeness_gap gave an array of shape \(60,\)"):
        make_explanation_scorer("completeness_gap", sample_wise=True)(linear_explainer().fit(X), X)


def test_scorer_looks_through_pipelines(linear_explainer, X):
    y = X @ np.arange(6.0)
    pipe = make_pipeline(
        StandardScaler(), "passthrough", make_pipeline(SelectKBest(f_regression, k=3), linear_explainer())
    )
    pipe.fit(X * 100 + 7, y)
    found = make_explanation_scorer("faithfulness_correlation")(pipe, X * 100 + 7, y)
    inner = pipe[-1][0].transform(pipe[0].transform(X * 100 + 7))
    assert found == faithfulness_correlation(pipe[-1][-1], inner) == pytest.approx(1.0)


def test_searches_find_the_setting_that_explains_best(linear_explainer, X):
    y = X @ np.arange(1.0, 7.0)
    scorer = make_explanation_scorer("faithfulness_correlation")
    search = GridSearchCV(linear_explainer(), {"noise": [0.9, 0.0, 0.5]}, scoring=scorer, cv=3).fit(X, y)
    assert search.best_params_ == {"noise": 0.0}
    assert search.best_score_ == pytest.approx(1.0)
    gap = make_explanation_scorer("completeness_gap")
    pipe = make_pipeline(StandardScaler(), linear_explainer())
    drawn = RandomizedSearchCV(
        pipe, {"linearexplainer__scale": [0.5, 1.0, 2.0]}, n_iter=3, scoring=gap, cv=2, random_state=0
    )
    assert drawn.fit(X, y).best_params_ == {"linearexplainer__scale": 1.0}
    many = cross_validate(linear_explainer(scale=0.5), X, y, scoring={"faithful": scorer, "gap": gap}, cv=3)
    np.testing.assert_allclose(many["test_faithful"], 1.0)
    assert (many["test_gap"] < -0.1).all()


def test_scorer_works_with_metadata_routing(linear_explainer, X):
    with config_context(enable_metadata_routing=True):
        scores = cross_validate(linear_explainer(), X, scoring=make_explanation_scorer("completeness_gap"), cv=2)
    np.testing.assert_allclose(scores["test_score"], 0.0, atol=1e-12)


# ---------------------------------------------------------------- by name
def test_names_say_which_way_is_better():
    names = get_explanation_scorer_names()
    assert names == sorted(names)
    assert len(names) == len(METRICS)
    for name in names:
        scorer = get_explanation_scorer(name)
        assert scorer.name == name
        assert scorer.greater_is_better != name.startswith("neg_")
    assert get_explanation_scorer("neg_completeness_gap") == make_explanation_scorer("completeness_gap")
    assert get_explanation_scorer(largest_attribution) is largest_attribution
    with pytest.raises(
        ValueError, match="Got 'completeness_gap'. Of completeness_gap, smaller .*: 'neg_completeness_gap'"
    ):
        get_explanation_scorer("completeness_gap")
    with pytest.raises(ValueError, match=r"must be one of \[.*'faithfulness_correlation'.*\]. Got 'accuracy'.$"):
        get_explanation_scorer("accuracy")
    with pytest.raises(ValueError, match="Got 'faithfulnes_correlation'. Did you mean 'faithfulness_correlation'.$"):
        get_explanation_scorer("faithfulnes_correlation")
    with pytest.raises(ValueError, match="Got 'neg_complexity'. Did you mean 'complexity'.$"):
        make_explanation_scorer("neg_complexity")


def test_scorers_are_equal_by_their_parameters():
    first = make_explanation_scorer("faithfulness_correlation", n_subsets=7)
    assert first == make_explanation_scorer(faithfulness_correlation, n_subsets=7, random_state=0)
    assert hash(first) == hash(make_explanation_scorer(faithfulness_correlation, n_subsets=7, random_state=0))
    assert first != make_explanation_scorer("faithfulness_correlation", n_subsets=8)
    assert first != make_explanation_scorer("faithfulness_correlation")
    assert first != "faithfulness_correlation"
    one, same, other = (make_explanation_scorer(marked, marks=np.arange(n)) for n in (3, 3, 4))
    assert one == same != other
    assert clone(one) == one == pickle.loads(pickle.dumps(one))
    assert make_explanation_scorer(marked, greater_is_better=False) != make_explanation_scorer(marked)


def test_the_repr_makes_the_scorer_again():
    for scorer in (
        make_explanation_scorer("completeness_gap", relative=True),
        make_explanation_scorer(largest_attribution, greater_is_better=False, power=2),
        ExplanationScorers({"a": "neg_completeness_gap", "b": make_explanation_scorer(largest_attribution)}),
    ):
        assert eval(repr(scorer)) == scorer
    with config_context(enable_metadata_routing=True):
        scorer = make_explanation_scorer(marked).set_score_request(marks=True)
        assert repr(scorer) == "make_explanation_scorer(marked).set_score_request(marks=True)"
        assert eval(repr(scorer)) == scorer != make_explanation_scorer(marked)


def test_own_metrics_get_what_they_name(linear_explainer, X):
    def mean_target(explainer, X, y, attributions=None):
        return y.mean() + (attributions is not None)

    explainer, y = linear_explainer().fit(X), np.ones(len(X))
    assert make_explanation_scorer(mean_target)(explainer, X, y) == 1.0
    assert ExplanationScorers({"a": make_explanation_scorer(mean_target)})(explainer, X, y) == {"a": 2.0}


# ---------------------------------------------------------------- several
class Counting(IntegratedGradientsExplainer):
    """Counts how often it explains."""

    calls = 0

    def _explain_rows(self, X, fully=False):
        Counting.calls += 1
        return super()._explain_rows(X, fully)


def test_a_metric_that_fits_anew_makes_its_own_explanation():
    X, y, _ = table(n=150)  # more rows than a background has, so that the dice of another fit fall otherwise
    net = regressor().fit(X, y.reshape(-1, 1))
    explainer = RandomExplainer(net, random_state=0).fit(X)
    scores = ExplanationScorers(["neg_parameter_randomisation"])(explainer, X[:20])
    assert scores["neg_parameter_randomisation"] == pytest.approx(-1.0)


SEVERAL = ["faithfulness_correlation", "neg_completeness_gap"]


def test_several_scores_cost_one_explanation():
    X, y, _ = table()
    explainer = Counting(regressor(), n_steps=8, random_state=0).fit(X, y.reshape(-1, 1))
    Counting.calls = 0
    scores = ExplanationScorers(SEVERAL)(explainer, X)
    assert Counting.calls == 1
    assert scores == {name: get_explanation_scorer(name)(explainer, X) for name in SEVERAL}
    assert Counting.calls == 3


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_several_scores_in_a_grid_search_over_a_net(n_jobs):
    X, y, _ = table(n=30)
    explainer = IntegratedGradientsExplainer(regressor(max_epochs=2), random_state=0, tol=10)
    grid = {"n_steps": [1, 32], "method": ["gausslegendre"]}
    expected = None
    for scoring in (ExplanationScorers(SEVERAL), {name: get_explanation_scorer(name) for name in SEVERAL}):
        search = GridSearchCV(explainer, grid, scoring=scoring, refit="neg_completeness_gap", cv=2, n_jobs=n_jobs)
        search.fit(X, y.reshape(-1, 1))
        assert search.best_params_["n_steps"] == 32
        found = [search.cv_results_[f"mean_test_{name}"] for name in SEVERAL]
        np.testing.assert_allclose(found, expected if expected is not None else found, atol=1e-6)
        expected = found


def test_several_scorers_say_what_is_wrong(linear_explainer, X):
    for nothing in ([], {}, "faithfulness_correlation"):
        with pytest.raises(ValueError, match="must be a list of names or a dict of scorers, of at least one"):
            ExplanationScorers(nothing)
    with pytest.raises(ValueError, match="names one twice"):
        ExplanationScorers(["neg_completeness_gap", "neg_completeness_gap"])
    with pytest.raises(TypeError, match="what make_explanation_scorer makes. Got function for 'a'"):
        ExplanationScorers({"a": largest_attribution})
    with pytest.raises(TypeError, match="scores explainers. Got LinearRegression"):
        ExplanationScorers(SEVERAL)(LinearRegression().fit(X, X[:, 0]), X)
    with pytest.raises(TypeError, match=r"none of the metrics has the parameters \['marks'\]"):
        ExplanationScorers(SEVERAL)(linear_explainer().fit(X), X, marks=X)


def test_several_scorers_look_through_pipelines_and_copy(linear_explainer, X):
    pipe = make_pipeline(StandardScaler(), linear_explainer()).fit(X, X @ np.arange(6.0))
    scoring = ExplanationScorers(SEVERAL)
    assert scoring(pipe, X)["faithfulness_correlation"] == pytest.approx(1.0)
    assert clone(scoring) == pickle.loads(pickle.dumps(scoring)) == scoring != ExplanationScorers(SEVERAL[:1])
    assert hash(clone(scoring)) == hash(scoring)


# ---------------------------------------------------------------- metadata
def marked(explainer, X, y=None, *, attributions=None, marks=None, sample_wise=False):
    """The largest difference between a row's first column and its mark."""
    return float(np.abs(X[:, 0] - marks).max())


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def needy():
    """A known metric that needs something of each row."""

    @explanation_metric(family="localisation", greater_is_better=False, needs=("marks",))
    def needing_marks(explainer, X, y=None, *, marks, attributions=None, sample_wise=False, random_state=None):
        return marked(explainer, X, marks=marks)

    yield needing_marks
    del METRICS["needing_marks"]


def test_metadata_of_rows_is_shared_out_to_the_folds(routing, needy, linear_explainer, X):
    marks = X[:, 0].copy()
    scorer = get_explanation_scorer("neg_needing_marks").set_score_request(marks=True)
    for scoring, key in (
        (scorer, "test_score"),
        ({"m": scorer}, "test_m"),
        (ExplanationScorers({"m": scorer}), "test_m"),
    ):
        scores = cross_validate(linear_explainer(), X, scoring=scoring, cv=3, params={"marks": marks})
        np.testing.assert_array_equal(scores[key], 0.0)
    renamed = make_explanation_scorer(marked, greater_is_better=False).set_score_request(marks="of_rows")
    both = ExplanationScorers({"m": scorer, "r": renamed, "f": "faithfulness_correlation"})
    params = {"marks": marks, "of_rows": marks + 1}
    scores = cross_validate(linear_explainer(), X, scoring=both, cv=3, params=params)
    np.testing.assert_array_equal(scores["test_m"], 0.0)
    np.testing.assert_allclose(scores["test_r"], -1.0)
    search = GridSearchCV(linear_explainer(), {"scale": [1.0]}, scoring=both, refit="m", cv=2).fit(X, **params)
    assert search.best_score_ == 0.0


def test_metadata_that_nobody_asked_for_is_an_error(routing, needy, linear_explainer, X):
    scorer = get_explanation_scorer("neg_needing_marks")
    with pytest.raises(UnsetMetadataPassedError, match="marks.*not explicitly set as requested"):
        cross_validate(linear_explainer(), X, scoring=scorer, cv=2, params={"marks": X[:, 0]})
    with pytest.raises(TypeError, match=r"has no parameters \['masks'\]. It has \['y', 'marks'"):
        scorer.set_score_request(masks=True)


def test_what_a_metric_needs_is_given_at_the_call_or_named(needy, linear_explainer, X):
    explainer, scorer = linear_explainer().fit(X), get_explanation_scorer("neg_needing_marks")
    assert scorer(explainer, X, marks=X[:, 0] + 2) == pytest.approx(-2.0)
    assert make_explanation_scorer("needing_marks", marks=X[:, 0])(explainer, X) == 0.0
    assert (
        ExplanationScorers({"m": scorer, **dict.fromkeys(SEVERAL[:1], SEVERAL[0])})(explainer, X, marks=X[:, 0])["m"]
        == 0
    )
    for call in (lambda: scorer(explainer, X), lambda: ExplanationScorers({"m": scorer})(explainer, X)):
        with pytest.raises(TypeError, match=r"needs \['marks'\]: .* set_score_request\(marks=True\)"):
            call()
    with pytest.raises(RuntimeError, match="set_score_request has an effect with metadata routing only"):
        scorer.set_score_request(marks=True)


def test_scoring_leaves_the_global_generators_alone():
    X, _, _ = table(n=10)
    explainer = RandomExplainer(regressor().fit(X, X[:, :1])).fit(X)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = ExplanationScorers(SEVERAL)(explainer, X)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert ExplanationScorers(SEVERAL)(explainer, X) == first
