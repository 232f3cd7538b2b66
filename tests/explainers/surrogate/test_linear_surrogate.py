"""Global linear surrogates, against closed forms and scikit-learn's linear models."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from sklearn_xai import LinearSurrogateExplainer
from sklearn_xai.explainers._fidelity import class_agreement, r2_fidelity, split_rows
from sklearn_xai.explainers.surrogate import _base
from sklearn_xai.explainers.surrogate.linear_surrogate import lasso, logistic, ridge
from tests.oracles import as_net, mlp, run, seeded


def rows(n=200, d=4, seed=0):
    return np.random.RandomState(seed).standard_normal((n, d))


def mixed(n=300, seed=0):
    """Return a table with every kind of column, and an output that is linear in it."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(
        {
            "age": rng.uniform(18, 80, n),
            "city": rng.choice(["Bern", "Genf", "Basel"], n),
            "size": pd.Categorical(rng.choice(["s", "m", "l"], n), categories=["s", "m", "l"], ordered=True),
            "member": rng.rand(n) < 0.5,
        }
    )
    X.loc[::7, "age"] = np.nan
    X.loc[::11, "city"] = None
    return X


class Table(LinearRegression):
    """Adds up what each column says: a number, what is missing, a city, a size, a membership."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        city = X["city"].map({"Bern": 1.0, "Genf": -2.0, "Basel": 0.5}).fillna(3.0).to_numpy(dtype=float)
        size = X["size"].astype(str).map({"s": 0.0, "m": 1.0, "l": 4.0}).to_numpy(dtype=float)
        age = X["age"].fillna(0).to_numpy() * 0.1 + 2.0 * X["age"].isna().to_numpy()
        return age + city + size - 1.5 * X["member"].to_numpy(dtype=float)


# ---------------------------------------------------------------------- closed forms
def test_linear_model():
    X, w = rows(), np.array([1.0, -2.0, 0.0, 3.0])
    model = LinearRegression().fit(X, X @ w + 5)
    explainer = LinearSurrogateExplainer(model, alpha=0, random_state=0).fit(X)
    np.testing.assert_allclose(explainer.transform(X), w * (X - X.mean(axis=0)), atol=1e-10)
    np.testing.assert_allclose(explainer.coef_, w, atol=1e-10)
    assert explainer.intercept_ == pytest.approx(5, abs=1e-10)
    assert explainer.fidelity_ == pytest.approx(1)
    explained = explainer.explain(X)
    assert explained.completeness_gap.max() < 1e-10
    np.testing.assert_allclose(explained.base_values, X.mean(axis=0) @ w + 5, atol=1e-10)
    np.testing.assert_allclose(explained.surrogate_output, model.predict(X), atol=1e-10)


def test_additive_model_of_mixed_columns():
    X = mixed()
    model = Table().fit(X)
    explainer = LinearSurrogateExplainer(model, alpha=0, random_state=0).fit(X)
    parts = {"city": {"Bern": 1.0, "Genf": -2.0, "Basel": 0.5}, "size": {"s": 0.0, "m": 1.0, "l": 4.0}}
    age = X["age"].fillna(0).to_numpy() * 0.1 + 2.0 * X["age"].isna().to_numpy()
    city = X["city"].map(parts["city"]).fillna(3.0).to_numpy(dtype=float)
    size = X["size"].astype(str).map(parts["size"]).to_numpy(dtype=float)
    expected = np.column_stack([age, city, size, -1.5 * X["member"]])
    np.testing.assert_allclose(explainer.transform(X), expected - expected.mean(axis=0), atol=1e-9)
    assert [*explainer.terms_] == [
        "age", "city = Basel", "city = Bern", "city = Genf", "city = missing",
        "size = s", "size = m", "size = l", "member", "age is missing",
    ]  # fmt: skip


def test_groups_add_up_their_columns():
    X = mixed()
    kwargs = {"random_state": 0, "min_fidelity": None}
    model = HistGradientBoostingRegressor(max_iter=10).fit(X[["age"]], X["member"])
    alone = LinearSurrogateExplainer(model, **kwargs).fit(X[["age"]])
    assert alone.transform(X[["age"]]).shape == (len(X), 1)
    single = LinearSurrogateExplainer(Table().fit(X), **kwargs).fit(X).transform(X)
    grouped = LinearSurrogateExplainer(Table().fit(X), feature_groups={"who": ["age", "member"]}, **kwargs).fit(X)
    assert [*grouped.player_names_] == ["who", "city", "size"]
    np.testing.assert_allclose(grouped.transform(X), np.column_stack([single[:, 0] + single[:, 3], single[:, 1:3]]))


def test_logistic_surrogate_of_a_logistic_regression():
    X = rows(400)
    y = np.where(X @ [1.0, -2.0, 0.0, 0.5] + rows(400, 1, 1)[:, 0] > 0, "yes", "no")
    model = LogisticRegression().fit(X, y)
    explainer = LinearSurrogateExplainer(model, kind="logistic", alpha=0, random_state=0).fit(X)
    np.testing.assert_allclose(explainer.coef_, model.coef_[0], atol=1e-5)
    np.testing.assert_allclose(explainer.transform(X), model.coef_[0] * (X - X.mean(axis=0)), atol=1e-4)
    assert explainer.fidelity_ > 1 - 1e-9 and explainer.agreement_ == 1
    proba = LinearSurrogateExplainer(model, kind="logistic", alpha=0, output="proba", random_state=0).fit(X)
    np.testing.assert_allclose(proba.transform(X), explainer.transform(X), atol=1e-6)
    assert proba.explain(X[:5]).completeness_gap.max() < 1e-4


# ---------------------------------------------------------------------- parity with scikit-learn
@pytest.mark.parametrize("n", [100, 5])
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
def test_ridge_is_that_of_scikit_learn(alpha, n):
    X, Y = rows(n, 7), rows(n, 3, seed=1)
    np.testing.assert_allclose(ridge(X, Y, alpha), Ridge(alpha=alpha).fit(X, Y).coef_, atol=1e-10)


def test_ridge_without_penalty_is_the_smallest_solution():
    X, Y = rows(50, 3), rows(50, 2, seed=1)
    X = np.column_stack([X, X[:, 0] + X[:, 1], np.ones(50)])
    expected = np.linalg.lstsq(X - X.mean(axis=0), Y - Y.mean(axis=0), rcond=1e-10)[0].T
    np.testing.assert_allclose(ridge(X, Y, 0), expected, atol=1e-10)


def test_lasso_is_that_of_scikit_learn():
    X, Y = rows(100, 7), rows(100, 2, seed=1) + rows(100, 7)[:, :2]
    expected = [Lasso(alpha=0.1 * y.std(), tol=1e-9).fit(X, y).coef_ for y in Y.T]
    np.testing.assert_allclose(lasso(X, Y, 0.1), expected, atol=1e-5)
    assert (lasso((X - X.mean(axis=0)) / X.std(axis=0), Y, 1.0) == 0).all()


def test_logistic_is_that_of_scikit_learn():
    X = rows(100, 3)
    labels = (X[:, 0] + rows(100, 1, 1)[:, 0] > 0).astype(int)
    found, intercepts = logistic(X, np.eye(2)[labels], alpha=2.0)
    model = LogisticRegression(C=0.5, tol=1e-8).fit(X, labels)
    np.testing.assert_allclose(found, [-model.coef_[0], model.coef_[0]], atol=1e-4)
    np.testing.assert_allclose(intercepts[1], model.intercept_[0], atol=1e-4)


@pytest.mark.parametrize("kind", ["ridge", "lasso"])
def test_the_whole_is_scikit_learn_on_the_training_rows(kind, monkeypatch):
    train, held_out = np.arange(150), np.arange(150, 200)
    monkeypatch.setattr(_base, "split_rows", lambda n, rng: (train, held_out))
    X = rows(200) * [1, 10, 0.1, 1]
    model = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, X[:, 0] + 3 * X[:, 2] ** 2)
    explainer = LinearSurrogateExplainer(model, kind=kind, random_state=0, min_fidelity=None).fit(X)
    y, Z = model.predict(X), (X - X.mean(axis=0)) / X.std(axis=0)
    scale = y[train].std()
    other = Ridge(alpha=1.0) if kind == "ridge" else Lasso(alpha=0.01, tol=1e-10)
    found = other.fit(Z[train], y[train] / scale).predict(Z) * scale
    np.testing.assert_allclose(explainer.explain(X).surrogate_output, found, atol=1e-5)
    assert explainer.fidelity_ == pytest.approx(r2_score(y[held_out], found[held_out]), abs=1e-5)


# ---------------------------------------------------------------------- targets and kinds of models
def test_every_class_has_a_surrogate():
    X = rows(300)
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])]
    model = LogisticRegression().fit(X, y)
    kwargs = {"alpha": 0, "random_state": 0}
    every = LinearSurrogateExplainer(model, target="all", **kwargs).fit(X)
    assert every.coef_.shape == (3, 4) and every.fidelity_.shape == (3,) and every.agreement_ == 1
    np.testing.assert_allclose(every.coef_, model.coef_, atol=1e-9)
    blocks = every.transform(X).reshape(len(X), 3, 4)
    likeliest = LinearSurrogateExplainer(model, **kwargs).fit(X).transform(X)
    predicted = model.decision_function(X).argmax(axis=1)
    np.testing.assert_allclose(likeliest, blocks[np.arange(len(X)), predicted], atol=1e-9)
    one = LinearSurrogateExplainer(model, target="b", **kwargs).fit(X)
    np.testing.assert_allclose(one.transform(X), blocks[:, 1], atol=1e-9)


def test_class_of_two_is_known_though_one_logit_is_explained():
    net = as_net(seeded(lambda: mlp(4, 2)))
    X = rows(200)
    plain = LinearSurrogateExplainer(net.module_, target=1, random_state=0, min_fidelity=None).fit(X)
    assert plain.agreement_ is None  # a plain module has outputs, not classes
    X = rows(300)
    forest = RandomForestClassifier(20, random_state=0).fit(X, X[:, 0] > 0)
    explainer = LinearSurrogateExplainer(forest, output="proba", random_state=0, min_fidelity=0.5).fit(X)
    assert explainer.coef_.shape == (4,) and explainer.agreement_ > 0.9


def test_network_outputs_are_what_is_fitted():
    module = seeded(lambda: mlp(4, 1))
    X = rows(500)
    explainer = LinearSurrogateExplainer(as_net(module), alpha=0, random_state=0, min_fidelity=None).fit(X)
    explained = explainer.explain(X)
    np.testing.assert_allclose(
        explained.completeness_gap, np.abs(run(module, X)[:, 0] - explained.surrogate_output), atol=1e-9
    )
    assert 0.3 < explainer.fidelity_ < 1


def test_logistic_surrogate_of_predicted_classes():
    X = rows(300)
    model = SVC(kernel="linear").fit(X, np.where(X[:, 1] > 0, "up", "down"))
    explainer = LinearSurrogateExplainer(model, kind="logistic", random_state=0).fit(X)
    assert explainer.agreement_ > 0.95 and explainer.fidelity_ > 0.8
    assert np.abs(explainer.coef_).argmax() == 1


def test_logistic_needs_a_classifier():
    model = LinearRegression().fit(rows(), rows()[:, 0])
    with pytest.raises(
        ValueError, match="'kind' parameter of LinearSurrogateExplainer is 'logistic'.*LinearRegression"
    ):
        LinearSurrogateExplainer(model, kind="logistic").fit(rows())


def test_pipeline_of_strings():
    X = mixed()
    before = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "size"]), (SimpleImputer(), ["age", "member"])
    )
    model = make_pipeline(before, Ridge(alpha=1e-6)).fit(X, Table().fit(X).predict(X))
    explainer = LinearSurrogateExplainer(model, random_state=0).fit(X)
    assert explainer.fidelity_ > 0.999
    strange = X.iloc[:3].assign(city="Zug")
    assert np.isfinite(explainer.transform(strange)).all()
    np.testing.assert_allclose(explainer.transform(X.iloc[[5]]), explainer.transform(X)[[5]], atol=1e-12)


def test_constant_and_single_columns():
    X = np.column_stack([rows(100, 1), np.full(100, 7.0)])
    model = LinearRegression().fit(X, 2 * X[:, 0])
    explainer = LinearSurrogateExplainer(model, random_state=0).fit(X)
    assert (explainer.transform(X)[:, 1] == 0).all()
    one = LinearSurrogateExplainer(LinearRegression().fit(X[:, :1], X[:, 0]), random_state=0).fit(X[:, :1])
    assert one.fidelity_ > 0.99


# ---------------------------------------------------------------------- fidelity
def test_a_surrogate_that_fails_warns_with_the_number():
    X = rows(300)
    model = DecisionTreeRegressor().fit(X, np.sign(X[:, 0] * X[:, 1]))
    explainer = LinearSurrogateExplainer(model, random_state=0)
    with pytest.warns(
        UserWarning, match="LinearSurrogateExplainer: the fidelity is .* below min_fidelity=0.7"
    ) as found:
        explainer.fit(X)
    assert explainer.fidelity_ < 0.2
    assert f"{explainer.fidelity_:.3g}" in str(found[0].message) and found[0].filename == __file__
    for quiet in ({"min_fidelity": None}, {"min_fidelity": -1.0}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            LinearSurrogateExplainer(model, random_state=0, **quiet).fit(X)


def test_the_output_that_fails_is_named():
    X = rows(300)
    model = DecisionTreeRegressor().fit(X, np.column_stack([X[:, 0], np.sign(X[:, 0] * X[:, 1])]))
    with pytest.warns(UserWarning, match="fidelity of output '1' is"):
        LinearSurrogateExplainer(model, target="all", random_state=0).fit(X)


def test_held_out_rows():
    train, held_out = split_rows(101, np.random.RandomState(0))
    assert len(held_out) == 21 and sorted([*train, *held_out]) == list(range(101))
    few = split_rows(3, np.random.RandomState(0))
    assert [part.tolist() for part in few] == [[0, 1, 2], [0, 1, 2]]


def test_r2():
    truth = np.array([[1.0, 2.0, 2.0], [3.0, 2.0, 2.0]])
    found = np.array([[1.0, 2.0, 2.0], [2.0, 2.0, 3.0]])
    np.testing.assert_allclose(r2_fidelity(truth, found), [0.5, 1.0, 0.0])


def test_class_agreement():
    two = np.array([[-1.0, 1.0], [2.0, -2.0], [-3.0, 3.0], [-1.0, 1.0]])
    found = np.array([[0.5], [-0.5], [-0.1], [1.0]])
    assert class_agreement(two, found, 1) == 0.75
    assert class_agreement(two, -found, 0) == 0.75
    assert class_agreement(two + [[0.0], [1.0], [2.0], [0.0]], found, 1) is None
    assert class_agreement(np.column_stack([two, two[:, 0]]), found, 1) is None
