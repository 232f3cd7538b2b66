"""Tree surrogates: exact on trees, paths against a loop, and rules that hold of the rows they say."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_xai import TreeSurrogateExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.explainers.surrogate._rules import Conditions, RankedRows, Vocabulary
from sklearn_xai.explainers.surrogate.tree_surrogate import path_attributions

DEEP = {"max_depth": None, "min_samples_leaf": 1, "random_state": 0}


def rows(n=300, d=4, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


def mixed(n=1200, seed=0):
    """Return a table with every kind of column."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n).astype(float),
            "city": rng.choice(["Bern", "Genf", "Basel", "Chur"], n),
            "size": pd.Categorical(rng.choice(["s", "m", "l"], n), categories=["s", "m", "l"], ordered=True),
            "member": rng.rand(n) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.randint(0, 40, n), unit="D"),
        }
    )
    X.loc[::7, "age"] = np.nan
    X.loc[::11, "city"] = None
    return X


class Scores(DecisionTreeRegressor):
    """A model of the mixed table."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def __sklearn_is_fitted__(self):
        return hasattr(self, "fitted_")

    def predict(self, X):
        in_town = X["city"].isin(["Bern", "Genf"]).to_numpy()
        old = X["age"].fillna(0).to_numpy() > 50
        late = (X["since"] > "2020-01-21").to_numpy()
        gone = X["age"].isna().to_numpy()
        large = (X["size"] == "l").to_numpy()
        return 8.0 * in_town + 4.0 * old * in_town + 2.0 * late + 1.0 * gone - 16.0 * (large & X["member"].to_numpy())


@cache
def census(n=1500):
    X, y = load_adult(return_X_y=True)
    X, y = X.iloc[:n], y.iloc[:n]
    fill = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (fill, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=500)).fit(X, y), X


# ---------------------------------------------------------------------- reading rules back
def holds(sentence, X):
    """Return of which rows a rule holds, from its words alone."""
    found = np.ones(len(X), dtype=bool)
    for part in [] if sentence == "otherwise" else re.split(r" and (?![^{]*\})", sentence):
        found &= clause(part, X)
    return found


def clause(part, X):
    if part.startswith("("):
        inner = part[1:].removesuffix(" or missing)")
        name = next(name for name in X if name in inner.split())
        return clause(inner, X) | X[name].isna().to_numpy()
    if match := re.fullmatch(r"(\S+) is (not )?missing", part):
        return X[match[1]].isna().to_numpy() ^ bool(match[2])
    if match := re.fullmatch(r"(\S+) (not in|in) \{(.*)\}", part):
        return among(X[match[1]], match[3].split(", ")) ^ (match[2] == "not in")
    if match := re.fullmatch(r"(\S+) (=|!=) (.*)", part):
        return among(X[match[1]], [match[3]]) ^ (match[2] == "!=")
    if match := re.fullmatch(r"(.+) < (\S+) <= (.+)", part):
        return above(X[match[2]], match[1]) & ~above(X[match[2]], match[3]) & X[match[2]].notna().to_numpy()
    match = re.fullmatch(r"(\S+) (<=|>) (.+)", part)
    return (above(X[match[1]], match[3]) ^ (match[2] == "<=")) & X[match[1]].notna().to_numpy()


def above(column, text):
    return (column > (pd.Timestamp(text) if column.dtype.kind == "M" else float(text))).to_numpy(dtype=bool)


def among(column, values):
    return (column.astype(object).where(column.notna(), "missing").astype(str)).isin(values).to_numpy(dtype=bool)


def assert_rules_hold(explainer, X, outputs):
    """The words part the rows as the numbers beside them say, into rules that say what the surrogate says."""
    rules = explainer.rules_
    held = np.stack([holds(sentence, X) for sentence in rules["rule"]])
    assert (held.sum(axis=0) == 1).all()
    np.testing.assert_array_equal(held.sum(axis=1), rules["n_rows"])
    np.testing.assert_allclose(rules["share"], rules["n_rows"] / len(X))
    np.testing.assert_allclose(rules["spread"], [outputs[mask].std() for mask in held], atol=1e-9)
    said = explainer.explain(X).surrogate_output
    np.testing.assert_allclose(rules["prediction"].to_numpy()[held.argmax(axis=0)], said, atol=1e-9)


# ---------------------------------------------------------------------- exactness
def test_a_tree_is_imitated_exactly():
    X = np.random.RandomState(0).randint(0, 6, (600, 3)).astype(float)
    model = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, X[:, 0] * (X[:, 1] > 2) + X[:, 2])
    explainer = TreeSurrogateExplainer(model, **DEEP).fit(X)
    assert explainer.fidelity_ == 1
    explained = explainer.explain(X)
    assert explained.completeness_gap.max() < 1e-12
    np.testing.assert_allclose(explained.values.sum(axis=1) + explained.base_values, model.predict(X), atol=1e-12)
    np.testing.assert_allclose(explained.base_values, explainer.trees_[0].tree_.value[0, 0, 0])


def test_mixed_columns_are_imitated_exactly():
    X = mixed()
    model = Scores().fit(X)
    explainer = TreeSurrogateExplainer(model, **DEEP).fit(X)
    assert explainer.fidelity_ == 1
    assert explainer.explain(X).completeness_gap.max() < 1e-12
    assert_rules_hold(explainer, X, model.predict(X))
    text = " | ".join(explainer.rules_["rule"])
    assert "member = True" in text and "size = l" in text and "city in {Bern, Genf}" in text
    assert re.search(r"since > 2020-01-21(?! \d)", text)
    assert "age is missing" in text


def test_a_split_gives_its_change_to_its_column():
    X = np.random.RandomState(0).randint(0, 2, (200, 3)).astype(float)
    model = DecisionTreeRegressor().fit(X, 3 * X[:, 0] - X[:, 0] * X[:, 2])
    explainer = TreeSurrogateExplainer(model, **DEEP).fit(X)
    values, tree = explainer.transform(X), explainer.trees_[0].tree_
    assert tree.feature[0] == 0
    root, left, right = tree.value[[0, tree.children_left[0], tree.children_right[0]], 0, 0]
    np.testing.assert_allclose(values[:, 0], np.where(X[:, 0] == 0, left, right) - root, atol=1e-12)
    assert (values[:, 1] == 0).all()


# ---------------------------------------------------------------------- parity
def path_loop(tree, X, n_columns):
    """Return the attributions of each row, one node of its path at a time."""
    found = np.zeros((len(X), n_columns))
    for i, row in enumerate(X):
        node = 0
        while tree.children_left[node] != -1:
            x, column = row[tree.feature[node]], tree.feature[node]
            left = tree.missing_go_to_left[node] if np.isnan(x) else x <= tree.threshold[node]
            child = (tree.children_left if left else tree.children_right)[node]
            found[i, column] += tree.value[child, 0, 0] - tree.value[node, 0, 0]
            node = child
    return found


@pytest.mark.parametrize("kwargs", [{}, {"max_leaf_nodes": 12}, {"max_depth": 2}])
@pytest.mark.parametrize("missing", [False, True])
def test_paths_are_those_of_a_loop(kwargs, missing):
    X = rows().astype(np.float32)
    if missing:
        X[::5, 1] = np.nan
    tree = DecisionTreeRegressor(random_state=0, **kwargs).fit(X, np.nan_to_num(X[:, 0] * X[:, 1]) + X[:, 2]).tree_
    new = rows(seed=1).astype(np.float32)
    new[::3, :2] = np.nan  # also in a column where the tree has seen none
    found = path_attributions(tree, np.arange(4), 4)[tree.apply(new)]
    np.testing.assert_allclose(found, path_loop(tree, new, 4), atol=1e-12)
    held = Conditions.of_nodes(tree, 4).hold(new)
    assert (held & (tree.children_left < 0)).sum() == len(new)
    assert held[np.arange(len(new)), tree.apply(new)].all()


def test_explainer_is_a_loop_over_its_tree():
    X = rows()
    model = HistGradientBoostingRegressor(max_iter=20).fit(X, X[:, 0] * X[:, 1])
    explainer = TreeSurrogateExplainer(model, random_state=0, min_fidelity=None).fit(X)
    expected = path_loop(explainer.trees_[0].tree_, X.astype(np.float32), 4)
    np.testing.assert_allclose(explainer.transform(X), expected, atol=1e-12)
    grouped = TreeSurrogateExplainer(model, feature_groups={"both": [0, 3]}, random_state=0, min_fidelity=None).fit(X)
    np.testing.assert_allclose(
        grouped.transform(X), np.column_stack([expected[:, 0] + expected[:, 3], expected[:, 1:3]]), atol=1e-12
    )


def test_categories_are_split_in_the_best_two_sets():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"letter": rng.choice([*"abcdef"], 500)})
    y = X["letter"].map(dict(zip("abcdef", rng.permutation(6) ** 2.0, strict=True))).to_numpy()
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["letter"])), DecisionTreeRegressor()).fit(X, y)
    explainer = TreeSurrogateExplainer(model, max_depth=1, random_state=0, min_fidelity=None).fit(X)
    train = explainer.trees_[0].tree_.n_node_samples[0]
    assert train == 400 and len(explainer.rules_) == 2
    best = max(between(y, X["letter"].isin([*chosen])) for chosen in subsets("abcdef"))
    assert between(y, holds(explainer.rules_["rule"][0], X)) == pytest.approx(best)


def subsets(letters):
    return ["".join(c for i, c in enumerate(letters) if m >> i & 1) for m in range(1, 2 ** len(letters) - 1)]


def between(y, mask):
    return y[mask].mean() ** 2 * np.mean(mask) + y[~mask].mean() ** 2 * np.mean(~mask)


# ---------------------------------------------------------------------- rules
def test_rules_of_a_census_pipeline():
    pipeline, X = census()
    explainer = TreeSurrogateExplainer(pipeline, max_depth=4, random_state=0, min_fidelity=None).fit(X)
    outputs = pipeline.decision_function(X)
    assert_rules_hold(explainer, X, outputs)
    rules = explainer.rules_
    assert (np.diff(rules["n_rows"]) <= 0).all()
    held = np.stack([holds(sentence, X) for sentence in rules["rule"]])
    labels = pipeline.predict(X)
    for mask, label, precision in zip(held, rules["class"], rules["precision"], strict=True):
        assert np.mean(labels[mask] == label) == pytest.approx(precision) and precision >= 0.5
    assert explainer.fidelity_ > 0.6 and explainer.agreement_ > 0.85
    lines = explainer.rules_text_.split("\n")
    assert len(lines) == len(rules) and lines[0].startswith(f"if {rules['rule'][0]}: ")
    assert re.search(r"(relationship|marital_status) (=|in) ", explainer.rules_text_)
    assert len(X.columns) == explainer.transform(X[:3]).shape[1]


def test_conditions_on_one_column_are_merged():
    X = rows(500, 2)
    model = DecisionTreeRegressor(max_depth=4).fit(X, np.sin(3 * X[:, 0]))
    explainer = TreeSurrogateExplainer(model, max_depth=4, random_state=0, min_fidelity=None).fit(X)
    assert all(rule.count("x0") == 1 and " and " not in rule for rule in explainer.rules_["rule"])
    assert any(re.fullmatch(r"\S+ < x0 <= \S+", rule) for rule in explainer.rules_["rule"])


@pytest.mark.parametrize(
    ("column", "low", "high", "missing", "words"),
    [
        (0, -np.inf, 33.5, True, "(n <= 33.5 or missing)"),
        (0, 20.25, np.inf, False, "n > 20.2"),
        (0, float(np.float32(5.9)), np.inf, False, "n > 6"),
        (0, -np.inf, np.inf, False, "n is not missing"),
        (0, np.inf, np.inf, True, "n is missing"),
        (0, np.inf, 33.5, True, "n is missing"),
        (0, -np.inf, np.inf, True, ""),
        (1, 12345.5, np.inf, True, "big > 12345.5"),
        (1, 1e-7, np.inf, True, "big > 1e-07"),
        (2, -np.inf, 0.5, True, "b = False"),
        (3, -np.inf, 0.5, False, "c = x"),
        (3, -np.inf, 0.5, True, "c in {x, missing}"),
        (3, 0.5, np.inf, True, "c != x"),
        (3, -np.inf, 2.5, False, "c != missing"),
    ],
)
def test_words(column, low, high, missing, words):
    X = pd.DataFrame(
        {
            "n": [20.0, 20.5, 33.0, 34.0, np.nan, 5.9, 6.1],
            "big": [0.0, 12345.0, 12346.0, 0.0, 0.0, 0.0, 0.0],
            "b": [True, False, True, False, True, True, True],
            "c": ["x", "y", "z", None, "x", "x", "x"],
        }
    )
    encoder = TableEncoder(one_hot=False).fit(X)
    encoded = encoder.transform(X)
    ranked_rows = RankedRows(encoder, encoded, np.array([0.0, 1.0, 2.0, 1.0, 0.0, 0.0, 0.0]))
    vocabulary = Vocabulary(X, list(X), encoder, ranked_rows, ranked_rows.transform(encoded))
    assert vocabulary.words(column, low, high, missing) == words


def test_constant_output_has_one_rule():
    X = rows(50)
    explainer = TreeSurrogateExplainer(DecisionTreeRegressor().fit(X, np.full(50, 3.0)), random_state=0).fit(X)
    assert explainer.fidelity_ == 1 and (explainer.transform(X) == 0).all()
    assert explainer.rules_text_ == "always: 3 +- 0 (50 rows, 100.0% of all)"


# ---------------------------------------------------------------------- targets
def test_every_class_has_a_tree():
    X = rows(600)
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])]
    model = RandomForestClassifier(10, max_depth=4, random_state=0).fit(X, y)
    kwargs = {"output": "proba", "max_depth": 6, "random_state": 0, "min_fidelity": None}
    every = TreeSurrogateExplainer(model, target="all", **kwargs).fit(X)
    assert every.fidelity_.shape == (3,) and every.agreement_ > 0.8 and len(every.trees_) == 3
    assert sorted(set(every.rules_["output"])) == ["a", "b", "c"]
    for label in "abc":
        assert f"output {label}:" in every.rules_text_
        part = every.rules_[every.rules_["output"] == label]
        assert part["n_rows"].sum() == len(X)
    blocks = every.transform(X).reshape(len(X), 3, 4)
    likeliest = TreeSurrogateExplainer(model, **kwargs).fit(X).transform(X)
    predicted = model.predict_proba(X).argmax(axis=1)
    np.testing.assert_allclose(likeliest, blocks[np.arange(len(X)), predicted], atol=1e-12)
    one = TreeSurrogateExplainer(model, target="b", **kwargs).fit(X)
    assert "output" not in one.rules_ and one.agreement_ > 0.5


def test_agreement_counts_the_classes_under_the_rules():
    X = np.random.RandomState(0).randint(0, 4, (400, 2)).astype(float)
    model = DecisionTreeClassifier(random_state=0).fit(X, np.where(X[:, 0] > 1, "up", "down"))
    explainer = TreeSurrogateExplainer(model, **DEEP).fit(X)
    assert explainer.agreement_ == 1 and list(explainer.rules_["precision"]) == [1.0, 1.0]
    assert dict(zip(explainer.rules_["rule"], explainer.rules_["class"], strict=True)) == {
        "x0 > 1.5": "up",
        "x0 <= 1.5": "down",
    }


def test_what_fit_has_not_seen():
    X = mixed()
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features=["size"]).fit(
        X[["age", "size"]], X["member"]
    )
    explainer = TreeSurrogateExplainer(model, random_state=0, min_fidelity=None).fit(X[["age", "size"]])
    new = X[["age", "size"]].iloc[:4].assign(age=[np.inf, -np.inf, 1e300, np.nan])
    assert np.isfinite(explainer.transform(new)).all()
    model = Scores().fit(X)
    explainer = TreeSurrogateExplainer(model, random_state=0).fit(X)
    assert np.isfinite(explainer.transform(X.iloc[:3].assign(city="Zug"))).all()
    np.testing.assert_array_equal(explainer.transform(X.iloc[[5]]), explainer.transform(X)[[5]])


def test_a_tree_too_small_warns():
    X = rows()
    model = DecisionTreeRegressor().fit(X, X[:, 0] * X[:, 1])
    with pytest.warns(UserWarning, match="TreeSurrogateExplainer: the fidelity is .* Raise max_depth"):
        TreeSurrogateExplainer(model, max_depth=1, random_state=0).fit(X)
