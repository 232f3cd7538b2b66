"""Shapley values of models: closed forms, the definition, axioms, errors, interactions, removal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from torch import nn

from sklearn_xai import ShapleyExplainer
from sklearn_xai.datasets import load_adult
from tests.games import closed_forms, shapley_interactions, shapley_values
from tests.nets import classifier
from tests.oracles import mlp, run, seeded


class Model(LinearRegression):
    """A regressor that predicts a given function of its rows."""

    def __init__(self, function=None):
        super().__init__()
        self.function = function
        self.coef_, self.intercept_ = np.zeros(1), 0.0

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.function(np.asarray(X))


@pytest.mark.parametrize("game", closed_forms(), ids=lambda game: game.name)
def test_games_of_known_values(game):
    for kwargs in ({"algorithm": "exact"}, {}, {"algorithm": "kernel"}, {"algorithm": "kernel", "n_coalitions": 4}):
        explainer = ShapleyExplainer(game.model, interactions_order=2, random_state=0, **kwargs).fit(game.background)
        pairs = explainer.explain_interactions(game.row)
        assert_allclose(pairs.values.sum(), game.values.sum(), atol=1e-6)
        if kwargs.get("n_coalitions") is None:
            assert_allclose(explainer.transform(game.row)[0], game.values, atol=1e-12)
            assert_allclose(pairs.interactions[0], game.pairs, atol=1e-12)
            off = ~np.eye(game.n_players, dtype=bool)
            assert_allclose(pairs.values[0][off], game.pairs[off] / 2, atol=1e-12)
            assert_allclose(pairs.values[0].sum(axis=1), game.values, atol=1e-12)
    walks = ShapleyExplainer(game.model, algorithm="permutation", n_coalitions=4_000, random_state=0)
    found = walks.fit(game.background).explain(game.row)
    assert (np.abs(found.values - game.values) <= 5 * found.standard_errors + 1e-9).all()


@pytest.mark.parametrize("algorithm", ["exact", "kernel", "permutation"])
def test_a_linear_model(algorithm):
    rng = np.random.RandomState(0)
    X, w = rng.standard_normal((60, 7)), rng.standard_normal(7)
    model = LinearRegression().fit(X, X @ w)
    explainer = ShapleyExplainer(model, algorithm=algorithm, background_size=60, random_state=0).fit(X)
    assert_allclose(explainer.transform(X[:9]), (X[:9] - X.mean(axis=0)) * model.coef_, atol=1e-10)


def polynomial(X):
    return X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] * X[:, 4] + X[:, 5] ** 2 - X[:, 0]


def test_exact_values_are_the_definition_also_where_values_are_tied():
    rng = np.random.RandomState(0)
    X = rng.randint(3, size=(30, 6)).astype(float)
    explainer = ShapleyExplainer(Model(polynomial), interactions_order=2, background_size=12, random_state=0).fit(X)
    found = explainer.explain_interactions(X[:4])
    assert (found.n_evaluations < 12 * 2**6).all()
    for i in range(4):
        background = explainer.background_
        assert_allclose(found.values[i].sum(axis=1), shapley_values(polynomial, X[i], background), atol=1e-10)
        assert_allclose(found.interactions[i], shapley_interactions(polynomial, X[i], background), atol=1e-10)


def test_groups_are_single_players():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((30, 6))
    groups = {"a": [0, 2], "b": [1, 5]}
    explainer = ShapleyExplainer(Model(polynomial), feature_groups=groups, background_size=8, random_state=0).fit(X)
    members = [[0, 2], [1, 5], [3], [4]]
    truth = [shapley_values(polynomial, row, explainer.background_, members) for row in X[:3]]
    assert_allclose(explainer.transform(X[:3]), truth, atol=1e-10)
    assert explainer.get_feature_names_out().tolist() == ["a", "b", "x3", "x4"]


@pytest.mark.parametrize("n_hidden", [3, 40])  # more players than hidden units, and fewer
@pytest.mark.parametrize("algorithm", ["exact", "kernel"])
def test_a_network_is_explained_as_the_same_function_is(algorithm, n_hidden):
    module = seeded(lambda: mlp(6, 3, n_hidden=n_hidden))
    X = np.random.RandomState(0).standard_normal((40, 6))
    kwargs = {"algorithm": algorithm, "n_coalitions": 40, "background_size": 15, "random_state": 0, "target": 1}
    found = ShapleyExplainer(module, **kwargs).fit(X).explain(X[:5])
    truth = ShapleyExplainer(Model(lambda X: run(module, X)[:, 1]), **{**kwargs, "target": "auto"}).fit(X)
    assert_allclose(found.values, truth.transform(X[:5]), atol=1e-10)
    if algorithm == "exact":
        assert_allclose(
            found.values[0], shapley_values(lambda X: run(module, X)[:, 1], X[0], truth.background_), atol=1e-10
        )
    assert found.completeness_gap.max() < 1e-8


def test_images_are_explained_in_their_shape():
    module = seeded(lambda: nn.Sequential(nn.Flatten(), mlp(12, 2)))
    X = np.random.RandomState(0).standard_normal((20, 1, 3, 4))
    explainer = ShapleyExplainer(module, target=0, n_coalitions=200, background_size=5, random_state=0).fit(X)
    found = explainer.explain(X[:2])
    assert found.values.shape == found.standard_errors.shape == (2, 1, 3, 4)
    truth = shapley_values(
        lambda rows: run(module, rows.reshape(-1, 1, 3, 4))[:, 0], X[0].ravel(), explainer.background_.reshape(5, -1)
    )
    assert np.sqrt(np.square(found.values[0].ravel() - truth).mean()) < 0.1 * truth.std()


@pytest.fixture(scope="module")
def census():
    X, y = load_adult(return_X_y=True)
    X = X.iloc[:400, [0, 1, 3, 5, 8, 9, 12]]
    numbers = [name for name in X if X[name].dtype.kind in "if"]
    words = [name for name in X if name not in numbers]
    steps = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), words))
    forest = make_pipeline(steps, RandomForestClassifier(10, max_depth=6, random_state=0)).fit(X, y[:400])
    return X, y[:400], steps, forest


def test_a_pipeline_of_a_forest_on_raw_columns(census):
    X, _, _, forest = census
    exact = ShapleyExplainer(forest, algorithm="exact", background_size=6, random_state=0, output="proba").fit(X)
    found = exact.transform(X[50:52])

    def predict(codes):
        return forest.predict_proba(decoded(codes))[:, 1]

    pool = pd.concat([X[50:52], exact.background_], ignore_index=True)

    def decoded(codes):  # the definition mixes numbers: those of rows of the pool
        return pd.DataFrame({name: pool[name].to_numpy()[codes[:, j].astype(int)] for j, name in enumerate(pool)})

    numbers = np.tile(np.arange(len(pool))[:, None], len(X.columns)).astype(float)
    for i in range(2):
        assert_allclose(found[i], shapley_values(predict, numbers[i], numbers[2:]), atol=1e-9)


def test_the_whole_pipeline_and_the_network_behind_it_say_the_same(census):
    X, y, steps, _ = census
    pipeline = make_pipeline(steps, classifier(max_epochs=20, lr=0.1))
    trained = ShapleyExplainer(pipeline, background_size=10, random_state=0).fit(X, y)
    found = trained.explain(X[:6])
    assert found.completeness_gap.max() < 1e-5
    assert not found.standard_errors.any()
    inputs = np.asarray(steps.transform(X).toarray() if hasattr(steps.transform(X), "toarray") else steps.transform(X))
    feeds = trained._model.columns.feeds
    groups = {str(j): np.flatnonzero(feeds == j).tolist() for j in range(X.shape[1])}
    alone = ShapleyExplainer(trained.estimator_[-1], feature_groups=groups, background_size=10, random_state=0).fit(
        inputs.astype(np.float32)
    )
    names = alone.get_feature_names_out().tolist()
    assert_allclose(
        alone.transform(inputs[:6].astype(np.float32))[:, [names.index(str(j)) for j in range(X.shape[1])]],
        found.values, atol=1e-5,
    )  # fmt: skip


def test_an_input_that_no_column_feeds_is_left_as_it_is():
    X = np.random.RandomState(0).standard_normal((40, 3))
    module = seeded(lambda: mlp(4, 1))
    pipeline = make_pipeline(PolynomialFeatures(1).fit(X), module)  # its first output is always 1
    found = ShapleyExplainer(pipeline, background_size=10, random_state=0).fit(X)
    ones = np.ones((len(X), 1))
    truth = [
        shapley_values(lambda rows: run(module, np.hstack([ones[: len(rows)], rows]))[:, 0], row, found.background_)
        for row in X[:2]
    ]
    assert_allclose(found.transform(X[:2]), truth, atol=1e-10)


def test_a_row_is_enumerated_where_its_pairs_are_few_together():
    background = np.zeros((4, 6))
    background[0] = 1  # one pair of 64 coalitions, three of 2
    background[1:, 5] = 1
    explainer = ShapleyExplainer(Model(polynomial), algorithm="kernel", n_coalitions=20, random_state=0)
    found = explainer.fit(background).explain(np.zeros((1, 6)))
    assert found.n_evaluations.tolist() == [64 + 3 * 2]
    assert not found.standard_errors.any()
    assert_allclose(found.values[0], shapley_values(polynomial, np.zeros(6), background), atol=1e-12)


# ---------------------------------------------------------------------- axioms
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), algorithm=st.sampled_from(["exact", "kernel", "permutation"]))
def test_efficiency_dummy_symmetry_and_linearity(seed, algorithm):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((25, 5))
    X[:, 1] = X[:, 0]  # tied
    a, b = rng.standard_normal((2, 5))

    def first(X):
        return np.tanh(X[:, 0] + X[:, 1]) * X[:, 2] + a[3] * X[:, 3]

    def second(X):
        return np.abs(X[:, 0] * X[:, 1]) + b[2] * X[:, 2] ** 2

    kwargs = {"algorithm": algorithm, "background_size": 7, "random_state": 0}
    one, other, both = (
        ShapleyExplainer(Model(f), **kwargs).fit(X).explain(X[:3])
        for f in (first, second, lambda X: 2 * first(X) - second(X))
    )
    assert one.completeness_gap.max() < 1e-8
    assert_allclose(both.values, 2 * one.values - other.values, atol=1e-8)
    if algorithm != "permutation":  # a game of five is enumerated
        assert_allclose(one.values[:, 0], one.values[:, 1], atol=1e-8)
    assert_allclose(one.values[:, 4], 0, atol=1e-12)


# ---------------------------------------------------------------------- errors of what is drawn
@pytest.fixture(scope="module")
def wide():
    module = seeded(lambda: mlp(13, 1, n_hidden=20))
    X = 1.5 * np.random.RandomState(0).standard_normal((60, 13))
    exact = ShapleyExplainer(module, algorithm="exact", background_size=40, random_state=0).fit(X)
    return module, X, exact.transform(X[:12])


@pytest.mark.parametrize(("algorithm", "n"), [("kernel", 64), ("kernel", 256), ("permutation", 256)])
def test_standard_errors_are_near_the_errors(wide, algorithm, n):
    module, X, truth = wide
    explainer = ShapleyExplainer(module, algorithm=algorithm, n_coalitions=n, background_size=40, random_state=0)
    found = explainer.fit(X).explain(X[:12])
    missed = np.sqrt(np.square(found.values - truth).mean())
    assert 0.5 < missed / np.sqrt(np.square(found.standard_errors).mean()) < 2
    assert found.completeness_gap.max() < 1e-8


def test_the_kernel_is_closer_than_permutations_and_more_coalitions_are_closer(wide):
    module, X, truth = wide

    def error(**kwargs):
        explainer = ShapleyExplainer(module, background_size=40, random_state=0, **kwargs).fit(X)
        return np.sqrt(np.square(explainer.transform(X[:12]) - truth).mean())

    few, more = (error(algorithm="kernel", n_coalitions=n) for n in (100, 400))
    assert more < 0.5 * few
    assert more < 0.5 * error(algorithm="permutation", n_coalitions=400)


def test_tol_goes_on_with_the_rows_above_it(wide):
    module, X, truth = wide
    kwargs = {"n_coalitions": 64, "background_size": 40, "random_state": 0, "algorithm": "kernel"}
    short = ShapleyExplainer(module, **kwargs).fit(X).explain(X[:12])
    tol = float(np.median(short.standard_errors.max(axis=1)))
    long = ShapleyExplainer(module, tol=tol, **kwargs).fit(X)
    found = long.explain(X[:12])
    again = found.n_evaluations > short.n_evaluations
    assert again.any() and not again.all()
    assert_array_equal(found.values[~again], short.values[~again])
    allowed = long.gap_tolerance(long.explained_output(X[:12]), found.base_values)
    assert (found.standard_errors.max(axis=1) <= allowed).all()
    assert np.square(found.values - truth)[again].mean() < np.square(short.values - truth)[again].mean()
    assert_allclose(long.transform(X[3:4])[0], found.values[3], atol=1e-12)  # whatever else is in the batch


def test_many_coalitions_are_several_designs():
    X = np.random.RandomState(0).standard_normal((30, 15))
    model = Model(lambda X: np.tanh(X @ np.linspace(-1, 1, 15)))
    few, many = (
        ShapleyExplainer(model, algorithm="kernel", n_coalitions=n, background_size=2, random_state=0).fit(X)
        for n in (600, 9_000)
    )
    assert few.explain(X[:2]).n_evaluations.tolist() == [1_200, 1_200]
    assert 17_000 < many.explain(X[:1]).n_evaluations[0] <= 18_000
    assert many.explain(X[:2]).standard_errors.max() < few.explain(X[:2]).standard_errors.min()


def test_interactions_are_found_from_drawn_coalitions(wide):
    module, X, _ = wide
    kwargs = {"interactions_order": 2, "background_size": 10, "random_state": 0}
    exact = ShapleyExplainer(module, algorithm="exact", **kwargs).fit(X).explain_interactions(X[:4])
    drawn = ShapleyExplainer(module, algorithm="kernel", n_coalitions=1_000, **kwargs).fit(X)
    found = drawn.explain_interactions(X[:4])
    off = ~np.eye(13, dtype=bool)
    assert np.corrcoef(found.values[:, off].ravel(), exact.values[:, off].ravel())[0, 1] > 0.98
    assert_allclose(found.values.sum(axis=2), drawn.transform(X[:4]), atol=1e-10)
    assert_array_equal(found.values, found.values.transpose(0, 2, 1))


# ---------------------------------------------------------------------- removal
def test_removal_by_a_baseline_is_a_single_background_row():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((41, 5))
    forest = RandomForestRegressor(10, random_state=0).fit(X, X[:, 0] * X[:, 1])
    explainer = ShapleyExplainer(forest, removal="baseline", background_size=41, random_state=0).fit(X)
    truth = [shapley_values(forest.predict, row, np.median(X, axis=0)[None]) for row in X[:3]]
    assert_allclose(explainer.transform(X[:3]), truth, atol=1e-10)


def test_conditional_removal_does_not_split_what_goes_together():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 3))
    X[:, 1] = X[:, 0]
    model = Model(lambda X: 2 * X[:, 0])
    kwargs = {"background_size": 400, "random_state": 0}
    rows = X[np.abs(X[:, 0]) < 1][:20]
    together = ShapleyExplainer(model, removal="conditional", **kwargs).fit(X).explain(rows)
    apart = ShapleyExplainer(model, **kwargs).fit(X).transform(rows)
    assert_allclose(apart[:, 1], 0, atol=1e-12)
    assert_allclose(together.values[:, 0], together.values[:, 1], atol=0.3)
    assert_allclose(together.values[:, 0], rows[:, 0] - X[:, 0].mean(), atol=0.3)
    assert together.completeness_gap.max() < 1e-8


@pytest.mark.parametrize("n", [16, 64])
def test_conditional_games_are_sampled_too(n):
    X = np.random.RandomState(0).standard_normal((50, 7))
    model = Model(lambda X: np.tanh(X @ np.linspace(-1, 1, 7)))
    exact = ShapleyExplainer(model, removal="conditional", random_state=0).fit(X).transform(X[:5])
    found = ShapleyExplainer(model, removal="conditional", n_coalitions=n, random_state=0).fit(X).explain(X[:5])
    assert found.completeness_gap.max() < 1e-8
    assert np.sqrt(np.square(found.values - exact).mean()) < 3 * np.sqrt(np.square(found.standard_errors).mean())


def test_many_coalitions_of_a_conditional_game_are_several_designs():
    X = np.random.RandomState(0).standard_normal((8, 13))
    model = Model(lambda X: np.tanh(X @ np.linspace(-1, 1, 13)))
    explainer = ShapleyExplainer(model, removal="conditional", n_coalitions=5_000, random_state=0).fit(X)
    assert explainer.explain(X[:2]).completeness_gap.max() < 1e-8


# ---------------------------------------------------------------------- bad parameters
def test_too_many_players_to_enumerate():
    X = np.random.RandomState(0).standard_normal((5, 21))
    model = Model(lambda X: X[:, 0])
    with pytest.raises(ValueError, match="'algorithm' parameter of ShapleyExplainer is 'exact'.*There are 21"):
        ShapleyExplainer(model, algorithm="exact").fit(X)
    with pytest.raises(ValueError, match="'interactions_order' .*permutation"):
        ShapleyExplainer(model, algorithm="permutation", interactions_order=2).fit(X)
    with pytest.raises(ValueError, match="'interactions_order' .*at most 64.*There are 65"):
        ShapleyExplainer(model, interactions_order=2).fit(np.zeros((5, 65)))
    with pytest.raises(ValueError, match="interactions_order' parameter to be 2"):
        ShapleyExplainer(model).fit(X).explain_interactions(X)
    assert ShapleyExplainer(model).fit(X).algorithm_ == "kernel"
    assert ShapleyExplainer(model).fit(X[:, :5]).algorithm_ == "exact"
