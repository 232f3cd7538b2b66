"""Rule lists: exact on rule lists, read back from their words, and shared out as an AND game is."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeRegressor

from sklearn_xai import RuleSurrogateExplainer
from tests.explainers.surrogate.test_tree_surrogate import Scores, census, holds, mixed


def rows(n=500, d=4, seed=0):
    return np.random.RandomState(seed).randint(0, 6, (n, d)).astype(float)


class Listed(RegressorMixin, BaseEstimator):
    """If x0 > 3 and x1 <= 1: 9, else if x2 = 5: -6, else 0."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        first = (X[:, 0] > 3) & (X[:, 1] <= 1)
        return np.where(first, 9.0, np.where(X[:, 2] == 5, -6.0, 0.0))


def first_rule(explainer, X):
    """Return the first rule that holds of each row, from its words alone, and which hold."""
    held = np.stack([holds(sentence, X) for sentence in explainer.rules_["rule"]])
    return held.argmax(axis=0), held


def and_game(columns, n_players, gain):
    """Return the Shapley values of a game that is won by all of some columns together, by enumeration."""
    found = np.zeros(n_players)
    for player in range(n_players):
        others = [p for p in range(n_players) if p != player]
        for size in range(n_players):
            weight = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
            for kept in itertools.combinations(others, size):
                found[player] += weight * gain * (columns <= {*kept, player}) - weight * gain * (columns <= {*kept})
    return found


# ---------------------------------------------------------------------- exactness
def test_a_list_is_found():
    X = rows()
    explainer = RuleSurrogateExplainer(Listed().fit(X), max_rules=4, random_state=0).fit(X)
    assert explainer.fidelity_ == 1
    assert explainer.rules_["prediction"].tolist()[:2] == [9.0, -6.0]
    assert explainer.rules_["rule"].tolist() == ["x0 > 3.5 and x1 <= 1.5", "x2 > 4.5", "otherwise"]
    assert explainer.explain(X).completeness_gap.max() < 1e-12


def test_attributions_are_those_of_the_game_that_all_columns_win_together():
    X = rows()
    explainer = RuleSurrogateExplainer(Listed().fit(X), random_state=0).fit(X)
    values = explainer.transform(X)
    first, second = (X[:, 0] > 3) & (X[:, 1] <= 1), X[:, 2] == 5
    np.testing.assert_allclose(values[first], np.tile(and_game({0, 1}, 4, 9.0), (first.sum(), 1)), atol=1e-12)
    np.testing.assert_allclose(values[~first & second], np.tile(and_game({2}, 4, -6.0), ((~first & second).sum(), 1)))
    assert (values[~first & ~second] == 0).all()


def test_columns_of_a_group_are_one():
    X = rows()
    groups = {"place": [0, 1]}
    explainer = RuleSurrogateExplainer(Listed().fit(X), feature_groups=groups, random_state=0).fit(X)
    first = (X[:, 0] > 3) & (X[:, 1] <= 1)
    assert explainer.transform(X)[first].tolist() == [[9.0, 0.0, 0.0]] * first.sum()


# ---------------------------------------------------------------------- rules
@pytest.mark.parametrize("max_rules", [1, 5])
def test_rules_of_mixed_columns(max_rules):
    X = mixed()
    model = Scores().fit(X)
    explainer = RuleSurrogateExplainer(model, max_rules=max_rules, random_state=0, min_fidelity=None).fit(X)
    rule, held = first_rule(explainer, X)
    rules = explainer.rules_
    assert len(rules) <= max_rules + 1 and held[-1].all()
    np.testing.assert_array_equal(np.bincount(rule, minlength=len(rules)), rules["n_rows"])
    explained = explainer.explain(X)
    np.testing.assert_allclose(explained.surrogate_output, rules["prediction"].to_numpy()[rule], atol=1e-9)
    np.testing.assert_allclose(explained.base_values, rules["prediction"].iloc[-1])
    outputs = model.predict(X)
    np.testing.assert_allclose(rules["spread"], [outputs[rule == k].std() for k in range(len(rules))], atol=1e-9)


def test_rules_of_a_census_pipeline():
    pipeline, X = census()
    explainer = RuleSurrogateExplainer(
        pipeline, output="proba", max_rules=6, min_support=0.02, random_state=0, min_fidelity=0.4
    ).fit(X)
    rules = explainer.rules_
    rule, _ = first_rule(explainer, X)
    np.testing.assert_array_equal(np.bincount(rule, minlength=len(rules)), rules["n_rows"])
    labels = pipeline.predict(X)
    for k, (label, precision) in enumerate(zip(rules["class"], rules["precision"], strict=True)):
        assert np.mean(labels[rule == k] == label) == pytest.approx(precision)
    assert explainer.agreement_ > 0.8
    lines = explainer.rules_text_.split("\n")
    assert lines[0].startswith("if ") and lines[1].startswith("else if ") and lines[-1].startswith("else: ")
    assert (rules["n_rows"][:-1] >= 0.015 * len(X)).all()


def test_rules_that_cover_many_and_say_much_come_first():
    X = rows()
    explainer = RuleSurrogateExplainer(Listed().fit(X), max_rules=1, random_state=0, min_fidelity=None).fit(X)
    assert len(explainer.rules_) == 2 and explainer.rules_["prediction"][0] == 9.0
    none = RuleSurrogateExplainer(Listed().fit(X), min_support=0.5, random_state=0, min_fidelity=None).fit(X)
    assert (none.rules_["share"][:-1] > 0.4).all()


def test_nothing_to_say():
    X = rows(60)
    explainer = RuleSurrogateExplainer(DecisionTreeRegressor().fit(X, np.full(60, 2.0)), random_state=0).fit(X)
    assert explainer.rules_text_ == "always: 2 +- 0 (60 rows, 100.0% of all)"
    assert (explainer.transform(X) == 0).all() and explainer.fidelity_ == 1


def test_every_class_has_a_list():
    X = rows()
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], [3.5, 6.5])]
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    kwargs = {"output": "proba", "random_state": 0, "min_fidelity": None}
    every = RuleSurrogateExplainer(model, target="all", **kwargs).fit(X)
    assert every.fidelity_.shape == (3,) and every.agreement_ > 0.7
    blocks = every.transform(X).reshape(len(X), 3, 4)
    likeliest = RuleSurrogateExplainer(model, **kwargs).fit(X).transform(X)
    predicted = model.predict_proba(X).argmax(axis=1)
    np.testing.assert_allclose(likeliest, blocks[np.arange(len(X)), predicted], atol=1e-12)
    assert every.rules_text_.count("else: ") == 3


def test_a_list_too_short_warns():
    X = rows()
    model = DecisionTreeRegressor().fit(X, X @ [1.0, 2.0, 3.0, 4.0])
    with pytest.warns(UserWarning, match="RuleSurrogateExplainer: the fidelity is .* Raise max_rules"):
        RuleSurrogateExplainer(model, max_rules=1, random_state=0).fit(X)
