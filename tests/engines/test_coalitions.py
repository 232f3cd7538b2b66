"""Values of coalitions, against rows that are put together cell by cell and given to the model one at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai.engines import Coalitions
from sklearn_xai.engines.coalitions import HeadBlend, _InputBlend
from sklearn_xai.models import ExplainedModel
from tests.oracles import Skip, coalition_loop, mlp, run, seeded

BATCH_SIZES = [1, 5, 64, None]


def drawn(n_players, n_background, n=9, seed=0):
    rng = np.random.RandomState(seed)
    kept = rng.rand(n, n_players) < 0.5
    kept[0], kept[1] = True, False
    return kept, rng.randint(n_background, size=n)


def singles(n):
    return [np.array([j]) for j in range(n)]


def blends(monkeypatch):
    """Record how the rows are put together."""
    used = []
    for cls in (HeadBlend, _InputBlend):
        own = cls.run
        monkeypatch.setattr(cls, "run", lambda self, rows, own=own: used.append(type(self)) or own(self, rows))
    return used


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize(
    ("build", "n_columns", "kind"),
    [(lambda: mlp(4, 2), 4, HeadBlend), (Skip, 4, _InputBlend), (lambda: mlp(70, 2), 70, _InputBlend)],
    ids=["head", "no head", "many players"],
)
def test_values_of_a_bare_net(build, n_columns, kind, batch_size, monkeypatch):
    module, rng = seeded(build), np.random.RandomState(0)
    X, background = rng.standard_normal((6, n_columns)), rng.standard_normal((5, n_columns))
    members = singles(n_columns)
    kept, filler = drawn(n_columns, 5)
    used = blends(monkeypatch)
    model = ExplainedModel(module, background, np.arange(n_columns))
    found = Coalitions(model, members, background, batch_size).values(X, kept, filler)
    assert set(used) == {kind}
    expected = coalition_loop(lambda row: run(module, row), X, background, kept, filler, members)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("build", [lambda: mlp(5, 3), lambda: Skip(5, 3)], ids=["head", "no head"])
def test_groups_and_a_target_for_each_row(build):
    module, rng = seeded(build), np.random.RandomState(1)
    X, background = rng.standard_normal((6, 5)), rng.standard_normal((4, 5))
    members = [np.array([0, 3]), np.array([1]), np.array([2, 4])]
    kept, filler = drawn(3, 4)
    targets = np.array([0, 2, 1, 1, 0, 2])
    found = Coalitions(ExplainedModel(module, background, np.arange(5)), members, background).values(
        X, kept, filler, targets
    )
    expected = coalition_loop(lambda row: run(module, row), X, background, kept, filler, members)
    np.testing.assert_allclose(found, expected[np.arange(6), :, targets], atol=1e-12)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_values_of_images(batch_size):
    module = seeded(lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)))
    rng = np.random.RandomState(0)
    X, background = rng.standard_normal((4, 1, 3, 3)), rng.standard_normal((3, 1, 3, 3))
    kept, filler = drawn(9, 3)
    model = ExplainedModel(module, background, np.arange(9))
    found = Coalitions(model, singles(9), background, batch_size).values(X, kept, filler)
    expected = coalition_loop(lambda row: run(module, row), X, background, kept, filler, singles(9))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.fixture
def frame():
    """A table of numbers, strings and missing values; the city "Rome" is in its last row only."""
    rng = np.random.RandomState(0)
    table = pd.DataFrame(
        {
            "age": rng.randint(20, 60, 30).astype(float),
            "city": rng.choice(["Oslo", "Bern"], 30).astype(object),
            "income": rng.standard_normal(30) * 100,
            "job": pd.Categorical(rng.choice(["a", "b", "c"], 30)),
        }
    )
    table.loc[[3, 8], "income"] = np.nan
    table.loc[[5, 9], "city"] = None
    table.loc[29, "city"] = "Rome"
    return table


def columns_of(frame):
    return make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age", "income"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["job", "city"]),
    ).fit(frame)


def test_values_of_a_pipeline_on_strings_and_missing_values(frame):
    columns = columns_of(frame)
    module = seeded(lambda: mlp(columns.transform(frame).shape[1], 2))
    background, X = frame.iloc[:20], frame.iloc[[29, 3, 5, 21, 22]]
    assert "Rome" not in set(background["city"]) and "Rome" in set(X["city"])
    members = [np.array([0, 2]), np.array([1]), np.array([3])]
    kept, filler = drawn(3, 20, n=12)
    model = ExplainedModel(Pipeline([("columns", columns), ("net", module)]), background, frame.columns)
    assert model.column_wise
    expected = coalition_loop(lambda row: run(module, columns.transform(row)), X, background, kept, filler, members)
    for batch_size in BATCH_SIZES:
        found = Coalitions(model, members, background, batch_size).values(X, kept, filler)
        np.testing.assert_allclose(found, expected, atol=1e-11)


def test_values_of_a_forest_pipeline(frame):
    forest = make_pipeline(columns_of(frame), RandomForestClassifier(3, max_depth=4, random_state=0))
    forest.fit(frame, frame["age"] + (frame["job"] == "a") * 20 > 45)
    background, X = frame.iloc[:20], frame.iloc[[29, 3, 5, 21]]
    members = [np.array([0]), np.array([1, 3]), np.array([2])]
    kept, filler = drawn(3, 20)
    targets = np.array([1, 0, 0, 1])
    model = ExplainedModel(forest, background, frame.columns, output="proba")
    assert model.column_wise
    expected = coalition_loop(forest.predict_proba, X, background, kept, filler, members)
    assert expected.std() > 0.05
    for batch_size in BATCH_SIZES:
        coalitions = Coalitions(model, members, background, batch_size)
        np.testing.assert_allclose(coalitions.values(X, kept, filler), expected, atol=1e-12)
        of_target = coalitions.values(X, kept, filler, targets)
        np.testing.assert_allclose(of_target, expected[np.arange(4), :, targets], atol=1e-12)


def test_values_of_a_net_behind_steps_that_mix_columns():
    rng = np.random.RandomState(0)
    X, background = rng.standard_normal((5, 3)), rng.standard_normal((6, 3))
    kept, filler = drawn(3, 6)
    linear = PCA(2).fit(background)
    product = FunctionTransformer(lambda X: np.column_stack([X[:, 0] * X[:, 1], X[:, 2]])).fit(background)
    module = seeded(lambda: mlp(2, 2))
    for step, column_wise in ((linear, True), (product, False)):
        model = ExplainedModel(Pipeline([("step", step), ("net", module)]), background, np.arange(3))
        assert model.column_wise == column_wise
        found = Coalitions(model, singles(3), background, 4).values(X, kept, filler)
        expected = coalition_loop(
            lambda row, step=step: run(module, step.transform(row)), X, background, kept, filler, singles(3)
        )
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_all_kept_is_the_row_and_none_kept_is_the_background_row():
    module, rng = seeded(lambda: mlp(4, 2)), np.random.RandomState(0)
    X, background = rng.standard_normal((3, 4)), rng.standard_normal((2, 4))
    coalitions = Coalitions(ExplainedModel(module, background, np.arange(4)), singles(4), background)
    values = coalitions.values(X, np.array([[True] * 4, [False] * 4, [False] * 4]), np.array([0, 0, 1]))
    np.testing.assert_allclose(values[:, 0], run(module, X), atol=1e-12)
    np.testing.assert_allclose(values[:, 1:], np.broadcast_to(run(module, background), (3, 2, 2)), atol=1e-12)


# ---------------------------------------------------------------------- removal
def removing(model, X, members, removal):
    return Coalitions(ExplainedModel(model, X, np.arange(X.shape[1])), members, X, removal=removal)


@pytest.mark.parametrize("removal", ["marginal", "baseline", "conditional"])
def test_ends_of_a_coalition_game(removal):
    module, rng = seeded(lambda: mlp(4, 2)), np.random.RandomState(0)
    X = rng.standard_normal((30, 4))
    coalitions = removing(module, X, singles(4), removal)
    values = coalitions.averaged(X[:6], np.array([[True] * 4, [False] * 4]))
    np.testing.assert_allclose(values[:, 0], run(module, X[:6]), atol=1e-12)
    base = run(module, np.sort(X, axis=0)[14:15]) if removal == "baseline" else run(module, X).mean(axis=0)
    np.testing.assert_allclose(values[:, 1], np.broadcast_to(base, (6, 2)), atol=1e-12)
    targets = np.array([0, 1, 1, 0, 0, 1])
    of_target = coalitions.averaged(X[:6], np.array([[True] * 4, [False] * 4]), targets)
    np.testing.assert_allclose(of_target, values[np.arange(6), :, targets], atol=1e-12)


@pytest.mark.parametrize("removal", ["marginal", "baseline", "conditional"])
def test_a_sampled_filler_is_one_of_those_averaged_over(removal):
    module, rng = seeded(lambda: mlp(4, 2)), np.random.RandomState(0)
    X = rng.standard_normal((30, 4))
    coalitions = removing(module, X, singles(4), removal)
    kept = np.array([[True, False, False, True], [False] * 4, [True, True, False, False]])
    n_picks = 30 * (coalitions.neighbours.n_neighbours if removal == "conditional" else 1)  # each filler as often
    picks, drawn = np.tile((np.arange(n_picks) + 0.5) / n_picks, 3), np.repeat(kept, n_picks, axis=0)
    filler = coalitions.fillers(X[:5], drawn, picks)
    assert filler.ndim == (2 if removal == "conditional" else 1)
    values = coalitions.values(X[:5], drawn, filler).reshape(5, 3, n_picks, 2)
    np.testing.assert_allclose(values.mean(axis=2), coalitions.averaged(X[:5], kept), atol=1e-12)


def test_neighbours_of_a_row_do_not_depend_on_the_others():
    rng = np.random.RandomState(0)
    X = rng.randint(3, size=(50, 5)).astype(float)  # many rows at the same distance
    model = LinearRegression().fit(X, X @ rng.standard_normal(5))
    coalitions = removing(model, X, singles(5), "conditional")
    kept = np.random.RandomState(1).rand(40, 5) < 0.5
    values = coalitions.averaged(X, kept)
    alone = np.concatenate([coalitions.averaged(X[i : i + 1], kept[::-1])[:, ::-1] for i in range(50)])
    np.testing.assert_allclose(values, alone, atol=1e-12)
