"""Tables put together from rows, numbers for what is none, baselines and groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from torch import nn

from sklearn_xai import InputXGradientExplainer, LocalSurrogateExplainer, SHAPExplainer
from sklearn_xai.background import (
    association,
    balanced_rows,
    cluster_rows,
    correlated_groups,
    group_matrix,
    resolve_baseline,
    resolve_groups,
    sample_rows,
    strata_rows,
)
from sklearn_xai.background.sampling import standardised, stratify
from sklearn_xai.base.players import players_data
from sklearn_xai.base.targets import order_keys
from sklearn_xai.tables import as_codes, as_shown, assemble, stack_rows, take_rows
from tests.every_explainer import CLASSES, fast
from tests.nets import classifier, regressor


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "number": [0.5, np.nan, 2.5],
            "category": pd.Categorical(["b", None, "a"], categories=["a", "b", "unused"]),
            "string": pd.array(["x", None, "y"], dtype="string"),
            "object": np.array(["u", None, "v"], dtype=object),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "bool": [True, False, True],
            "when": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
            "small": np.array([1, 2, 3], dtype=np.int8),
        },
        index=[7, 3, 9],
    )


def test_assemble_takes_each_column_from_a_row_of_its_own_and_keeps_types(frame):
    sources = np.random.RandomState(0).randint(3, size=(10, frame.shape[1]))
    made = assemble(frame, sources)
    pd.testing.assert_series_equal(made.dtypes, frame.dtypes)
    for i in range(10):
        for j in range(frame.shape[1]):
            got, expected = made.iat[i, j], frame.iat[sources[i, j], j]
            assert (pd.isna(got) and pd.isna(expected)) or got == expected


def test_assemble_keeps_columns_of_one_name_apart():
    frame = pd.DataFrame([[1, "a"], [2, "b"]])
    frame.columns = ["same", "same"]
    made = assemble(frame, np.array([[1, 0]]))
    assert made.columns.tolist() == ["same", "same"] and made.iloc[0].tolist() == [2, "a"]


def test_assemble_an_array():
    X = np.arange(6, dtype=np.float32).reshape(3, 2)
    made = assemble(X, np.array([[0, 2], [1, 0]]))
    np.testing.assert_array_equal(made, [[0, 5], [2, 1]])
    assert made.dtype == np.float32


def test_stack_rows_keeps_types(frame):
    stacked = stack_rows(frame, take_rows(frame, np.array([2, 0])))
    pd.testing.assert_series_equal(stacked.dtypes, frame.dtypes)
    pd.testing.assert_frame_equal(stacked, frame.iloc[[0, 1, 2, 2, 0]].reset_index(drop=True))
    np.testing.assert_array_equal(stack_rows(np.eye(2), np.ones((1, 2))), [[1, 0], [0, 1], [1, 1]])


def test_as_codes(frame):
    codes = as_codes(frame)
    assert codes.dtype == np.float64
    nan = np.nan
    expected = [[0.5, 1, 0, 0, 1, 1, 0, 1], [nan, nan, nan, nan, nan, 0, nan, 2], [2.5, 0, 1, 1, 3, 1, 1, 3]]
    np.testing.assert_array_equal(codes, expected)


def test_codes_of_categories_are_their_own():
    sizes = pd.Categorical(["low", "high", None, "mid"], categories=["low", "mid", "high"], ordered=True)
    nan = np.nan
    np.testing.assert_array_equal(as_codes(pd.DataFrame({"size": sizes}))[:, 0], [0, 2, nan, 1])
    np.testing.assert_array_equal(as_codes(pd.DataFrame({"size": sizes}).iloc[[3]]), [[1]])  # of any selection of rows


def test_as_shown(frame):
    shown = as_shown(frame)
    assert shown[0].tolist() == [0.5, "b", "x", "u", 1, True, "2020-01-01", 1]
    missing = [j for j, value in enumerate(shown[1]) if isinstance(value, float) and np.isnan(value)]
    assert missing == [0, 1, 2, 3, 4, 6]
    assert as_shown(frame[["when"]])[2, 0] == "2021-01-01"
    numbers = np.ones((2, 2), dtype=np.float32)
    assert as_shown(numbers) is numbers


def test_as_codes_of_arrays():
    numbers = np.ones((2, 2), dtype=np.float32)
    assert as_codes(numbers) is numbers
    np.testing.assert_array_equal(as_codes([[2.5, "b"], [0.5, "a"]]), [[1, 1], [0, 0]])
    mixed = np.array([[2.5, "b"], [0.5, None]], dtype=object)
    np.testing.assert_array_equal(as_codes(mixed), [[2.5, 0], [0.5, np.nan]])


def test_sample_rows_keeps_order_and_draws_without_replacement(frame):
    X = np.arange(100)[:, None]
    drawn = sample_rows(X, 30, np.random.RandomState(0))[:, 0]
    assert len(drawn) == 30 and (np.diff(drawn) > 0).all()
    for size in (None, 100, 200):
        np.testing.assert_array_equal(sample_rows(X, size, np.random.RandomState(0)), X)
    assert sample_rows(frame, 2, np.random.RandomState(0)).shape == (2, frame.shape[1])


# ---------------------------------------------------------------------- chosen rows
def clustered(n=300):
    """Three clusters of 60, 30 and 10 percent of the rows, far apart."""
    rng = np.random.RandomState(0)
    cluster = np.repeat([0, 1, 2], [n * 6 // 10, n * 3 // 10, n // 10])
    return 20 * np.eye(3)[cluster] + rng.standard_normal((n, 3)), cluster


@pytest.mark.parametrize("as_frame", [False, True])
def test_clusters_are_drawn_from_in_proportion(as_frame):
    X, cluster = clustered()
    table = pd.DataFrame({"at": X[:, 0], "kind": np.array(["a", "b", "c"])[cluster]}) if as_frame else X
    for seed in range(5):
        drawn = cluster_rows(table, 20, np.random.RandomState(seed))
        kinds = drawn["kind"].map({"a": 0, "b": 1, "c": 2}) if as_frame else drawn.argmax(axis=1)
        counts = np.bincount(kinds, minlength=3)
        assert len(drawn) == 20 and (np.abs(counts - [12, 6, 2]) <= 1).all()
    again = cluster_rows(table, 20, np.random.RandomState(4))
    np.testing.assert_array_equal(np.asarray(again), np.asarray(drawn))
    assert (np.asarray(cluster_rows(table, 20, np.random.RandomState(9))) != np.asarray(drawn)).any()


@pytest.mark.parametrize("shape", [(50, 1), (50, 1, 2, 2)])
def test_clusters_of_equal_rows_and_of_images(shape):
    X = np.zeros(shape, dtype=np.float32)
    assert cluster_rows(X, 7, np.random.RandomState(0)).shape == (7, *shape[1:])
    X[:25] = 1
    assert cluster_rows(X, 10, np.random.RandomState(0)).reshape(10, -1)[:, 0].sum() == 5


def test_few_rows_are_all_the_background(frame):
    for drawn in (
        cluster_rows(frame, 3, np.random.RandomState(0)),
        strata_rows(frame, 3, np.random.RandomState(0), lambda X: (X["small"],)),
    ):
        pd.testing.assert_frame_equal(drawn, frame)


def test_one_row_of_each_stratum_of_the_output():
    X = np.random.RandomState(0).permutation(1000).astype(float)[:, None]
    drawn = strata_rows(X, 50, np.random.RandomState(1), lambda rows: (rows[:, 0],))[:, 0]
    np.testing.assert_array_equal(np.sort(drawn) // 20, np.arange(50))
    place = {value: i for i, value in enumerate(X[:, 0])}
    assert (np.diff([place[value] for value in drawn]) > 0).all()  # in the order of the table


def test_every_row_is_as_likely_to_be_drawn():
    rng, n, size = np.random.RandomState(0), 30, 7
    key = rng.permutation(n)
    counts = np.zeros(n)
    for _ in range(3000):
        counts[stratify(size, rng, key)] += 1
    assert (np.abs(counts / 3000 - size / n) < 0.06).all()


def test_standardised_columns_weigh_the_same(frame):
    rng = np.random.RandomState(0)
    many = frame.iloc[rng.randint(3, size=200)]
    points = standardised(many)
    assert np.isfinite(points).all()
    np.testing.assert_allclose(np.square(points).sum() / len(points), frame.shape[1])
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-12)


# ---------------------------------------------------------------------- baselines
@pytest.mark.parametrize("kind", ["mean", "median", "min", "max"])
@pytest.mark.parametrize("shape", [(5, 3), (5, 1, 2, 2)])
def test_named_baselines(kind, shape):
    inputs = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
    baseline = resolve_baseline(kind, inputs, "Me")
    assert baseline.dtype == np.float32 and baseline.shape == (1, *shape[1:])
    np.testing.assert_array_equal(baseline[0], getattr(np, kind)(inputs, axis=0))


def test_zero_sample_and_arrays():
    inputs = np.random.RandomState(0).standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_array_equal(resolve_baseline("zero", inputs, "Me"), np.zeros((1, 3)))
    np.testing.assert_array_equal(resolve_baseline("sample", inputs, "Me"), inputs)
    for given in ([1, 2, 3], [[1, 2, 3]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.array([True, False, True])):
        baseline = resolve_baseline(given, inputs, "Me")
        assert baseline.dtype == np.float32
        np.testing.assert_array_equal(baseline, np.atleast_2d(given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0, 2.0], r"'baseline' parameter of Me must be one of 'zero'.*shape \(3,\).* Got shape \(2,\)"),
        (np.zeros((2, 2, 3)), r"Got shape \(2, 2, 3\)"),
        (1.0, r"Got shape \(\)"),
        ([1.0, np.nan, 2.0], "'baseline' parameter of Me must be finite"),
        (["a", "b", "c"], "'baseline' parameter of Me must hold numbers"),
    ],
)
def test_baselines_that_do_not_fit(given, message):
    with pytest.raises(ValueError, match=message):
        resolve_baseline(given, np.zeros((4, 3)), "Me")


# ---------------------------------------------------------------------- groups
NAMES = np.array(["age", "city", "job", "pay"], dtype=object)


def test_without_groups_each_column_is_a_player():
    names, members = resolve_groups(None, NAMES, "Me")
    assert names.tolist() == NAMES.tolist() and [m.tolist() for m in members] == [[0], [1], [2], [3]]


@pytest.mark.parametrize("groups", [{"work": ["pay", "job"]}, {"work": [3, 2]}, {"work": ("job", np.int64(3))}])
def test_groups_stand_where_their_first_column_stands(groups):
    names, members = resolve_groups(groups, NAMES, "Me")
    assert names.tolist() == ["age", "city", "work"]
    assert [m.tolist() for m in members] == [[0], [1], [2, 3]]
    np.testing.assert_array_equal(group_matrix(members, 4), [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])


def test_a_group_may_be_one_column():
    names, members = resolve_groups({"where": "city", "years": 0}, NAMES, "Me")
    assert names.tolist() == ["years", "where", "job", "pay"] and members[1].tolist() == [1]


def test_a_group_may_have_the_name_of_a_column_in_it():
    names, _ = resolve_groups({"job": ["job", "pay"]}, NAMES, "Me")
    assert names.tolist() == ["age", "city", "job"]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"g": ["aeg"]}, "'feature_groups' parameter of Me names the column 'aeg' in group 'g'.*'age', 'city'"),
        ({"g": [4]}, "the column 4 in group 'g'"),
        ({"g": [-1]}, "the column -1 in group 'g'"),
        ({"g": [True]}, "the column True in group 'g'"),
        ({"g": ["age"], "h": ["age"]}, "the column 'age' in two groups, 'g' and 'h'"),
        ({"g": ["age", 0]}, "the column 0 in two groups, 'g' and 'g'"),
        ({"g": []}, "has no column in group 'g'"),
        ({"pay": ["age", "city"]}, "gives a group the name of a column outside it"),
    ],
)
def test_groups_that_do_not_fit(groups, message):
    with pytest.raises(ValueError, match=message):
        resolve_groups(groups, NAMES, "Me")


def test_a_long_table_is_not_listed_whole():
    names = np.array([f"c{j}" for j in range(50)], dtype=object)
    with pytest.raises(ValueError, match="'c11' and 38 more"):
        resolve_groups({"g": ["none"]}, names, "Me")


def test_assemble_keeps_none_in_a_column_of_objects():
    """Pandas 3 reads objects again as strings when a frame is made of arrays, and None becomes NaN."""
    frame = pd.DataFrame({"a": pd.Series(["x", None, "y"], dtype=object), "b": [1, 2, 3]})
    made = assemble(frame, np.array([[1, 0], [2, 1]]))
    assert made["a"].dtype == object and made["a"].tolist() == [None, "y"] and made["b"].tolist() == [1, 2]


# ---------------------------------------------------------------------- columns that go together
def related(n=400, seed=0):
    rng = np.random.RandomState(seed)
    a, b = rng.standard_normal((2, n))
    kind = rng.choice(["u", "v", "w"], n)
    return pd.DataFrame(
        {
            "a": a,
            "b": b,
            "curve": np.exp(a),
            "kind": kind,
            "level": np.where(kind == "u", 3.0, 0.0) + 0.1 * rng.standard_normal(n),
            "same": 1.0,
            "twin": pd.Categorical(np.where(kind == "u", "x", np.where(kind == "v", "y", "z"))),
            "id": [f"row {i}" for i in range(n)],
        }
    )


def test_association_is_what_the_books_say():
    from scipy.stats import contingency, spearmanr

    table = related(4000)
    table["b"] += table["a"]
    table["kind"] = np.where(np.random.RandomState(1).rand(4000) < 0.5, table["kind"], table["kind"].iloc[::-1])
    found = association(table)
    at = {name: j for j, name in enumerate(table.columns)}
    allowed = {"atol": 3e-3}  # what is taken off for chance
    expected = abs(spearmanr(table["a"], table["b"]).statistic)
    np.testing.assert_allclose(found[at["a"], at["b"]], expected, **allowed)
    np.testing.assert_allclose(
        found[at["kind"], at["twin"]],
        contingency.association(pd.crosstab(table["kind"], table["twin"]).to_numpy(), method="cramer"),
        **allowed,
    )
    ranks = table["level"].rank()
    between = ranks.groupby(table["kind"]).transform("mean")
    np.testing.assert_allclose(found[at["level"], at["kind"]], between.std() / ranks.std(), **allowed)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_allclose(np.diag(found), [1, 1, 1, 1, 1, 0, 1, found[-1, -1]], atol=1e-9)


def test_independent_columns_and_constants_go_with_nothing():
    table = related(60)
    found = association(table[["a", "same", "id"]]) - np.diag([1, 0, 0])
    assert found[0, 1:].max() < 0.3 and found[1].max() == 0


def test_missing_values_are_a_category_and_no_number():
    rng = np.random.RandomState(0)
    numbers = rng.standard_normal(200)
    text = np.where(numbers > 0, "up", None).astype(object)
    found = association(pd.DataFrame({"n": np.where(rng.rand(200) < 0.3, np.nan, numbers), "t": text}))
    assert 0.6 < found[0, 1] < 0.9


def test_correlated_groups():
    table = related()
    groups = correlated_groups(table, table.columns.to_numpy())
    assert groups == {"a+curve": [0, 2], "kind+level+twin": [3, 4, 6]}
    shuffled = table.sample(frac=1, random_state=0)
    assert correlated_groups(shuffled, table.columns.to_numpy()) == groups
    assert correlated_groups(table[["a"]], np.array(["a"])) == {}
    assert correlated_groups(table.iloc[:1], table.columns.to_numpy()) == {}


def test_names_of_correlated_groups():
    x = np.random.RandomState(0).standard_normal((50, 2))
    table = np.column_stack([x[:, 0], x[:, 0], x[:, 1], np.repeat(x[:, 1:], 4, axis=1)])
    names = np.array(["a", "b", "a+b", "c", "d", "e", "f"], dtype=object)
    labels, members = resolve_groups("correlated", names, "Me", table)
    assert labels.tolist() == ["(a+b)", "a+b+c+d+2 more"]
    assert [m.tolist() for m in members] == [[0, 1], [2, 3, 4, 5, 6]]


def test_data_of_groups(frame):
    members = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5, 6, 7, 0])]
    shown = as_shown(frame)
    numbers, things = players_data(as_codes(frame), shown, members, frame.columns)
    np.testing.assert_array_equal(np.isnan(numbers), [[True, False, True], [True, True, True], [True, False, True]])
    assert things[0].tolist() == [
        "number=0.5, category=b, string=x", "u", "nullable=1, bool=True, when=2020-01-01, small=1, 1 more"
    ]  # fmt: skip
    assert things[1, 0] == "number=missing, category=missing, string=missing"
    plain = players_data(np.eye(2), np.eye(2), [np.array([1]), np.array([0])], frame.columns)
    np.testing.assert_array_equal(plain[1], [[0, 1], [1, 0]])
    assert plain[1].dtype == float


# ---------------------------------------------------------------------- in explainers
TABLE = pd.DataFrame(
    np.random.RandomState(0).standard_normal((120, 3)), columns=["a", "b", "c"], dtype=np.float32
).assign(d=lambda table: np.exp(table["a"]))


@pytest.mark.parametrize("cls", CLASSES)
def test_every_explainer_takes_correlated_groups(cls):
    y = (TABLE["a"] - 2 * TABLE["b"] + TABLE["d"]).to_numpy()
    explainer = fast(cls, regressor(), feature_groups="correlated", random_state=0).fit(TABLE, y)
    assert explainer.get_feature_names_out().tolist() == ["a+d", "b", "c"]
    assert explainer.transform(TABLE.iloc[:5]).shape == (5, 3)
    twin = fast(cls, regressor(), feature_groups={"a+d": ["a", "d"]}, random_state=0).fit(TABLE, y)
    np.testing.assert_array_equal(explainer.transform(TABLE.iloc[:5]), twin.transform(TABLE.iloc[:5]))


def test_correlated_groups_are_of_tables():
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
    with pytest.raises(ValueError, match="side of squares in pixels .* Got 'correlated'"):
        InputXGradientExplainer(module, feature_groups="correlated").fit(np.ones((3, 1, 2, 2), dtype=np.float32))
    with pytest.raises(ValueError, match="'feature_groups' parameter of InputXGradientExplainer must be.*'correlated'"):
        InputXGradientExplainer(regressor(), feature_groups="clustered").fit(TABLE, TABLE["a"])


def test_groups_are_shown_by_their_values():
    explainer = LocalSurrogateExplainer(regressor(), feature_groups={"ad": ["a", "d"]}, n_samples=20, random_state=0)
    explanation = explainer.fit(TABLE, TABLE["a"].to_numpy()).explain(TABLE.iloc[:2])
    a, b, c, d = TABLE.iloc[0]
    assert explanation.display_data[0].tolist() == [f"a={a:.4g}, d={d:.4g}", b, c]
    np.testing.assert_array_equal(explanation.data[0], [np.nan, b, c])


def test_random_rows_are_drawn_as_ever():
    X = np.random.RandomState(0).standard_normal((5000, 2))
    model = LinearRegression().fit(X, X[:, 0])
    rng = np.random.RandomState(7)
    probes = sample_rows(X, 2000, rng)
    explainer = LocalSurrogateExplainer(model, background_size=30, n_samples=10, random_state=7).fit(X)
    np.testing.assert_array_equal(explainer.background_, sample_rows(probes, 30, rng))


@pytest.mark.parametrize("cls", [LocalSurrogateExplainer, SHAPExplainer])
def test_strata_are_those_of_the_explained_output(cls):
    X = np.random.RandomState(0).standard_normal((4000, 2))
    model = LinearRegression().fit(X, X @ [1.0, -2.0])
    explainer = fast(cls, model, background_size=40, background_sampling="stratified", random_state=0).fit(X)
    edges = np.quantile(model.predict(X), np.linspace(0, 1, 41))
    drawn = np.sort(model.predict(explainer.background_))
    assert (drawn >= edges[:-1] - 1e-9).all() and (drawn <= edges[1:] + 1e-9).all()


@pytest.mark.parametrize("target", ["auto", "all", 1])
def test_strata_of_many_classes(target):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 3)).astype(np.float32)
    X[:, 2] += np.repeat([0, 4, 8], [200, 70, 30])
    y = np.repeat([0, 1, 2], [200, 70, 30])
    net = classifier(max_epochs=60, lr=0.05).fit(X, y)
    explainer = LocalSurrogateExplainer(
        net, target=target, background_size=30, background_sampling="stratified", n_samples=10, random_state=0
    ).fit(X)
    shares = np.bincount(net.predict(X), minlength=3) / 10
    assert (shares > 1).all()
    if target != 1:
        assert (np.abs(np.bincount(net.predict(explainer.background_), minlength=3) - shares) <= 1).all()


def test_several_outputs_are_ordered_along_their_first_component():
    class Model:
        classifier = False

        def outputs(self, X):
            return np.column_stack([X, 100 + 5 * X, np.zeros_like(X)])

    x = np.random.RandomState(0).standard_normal(50)
    (key,) = order_keys(Model(), "all", x)
    order = np.argsort(key)
    assert np.array_equal(order, np.argsort(x)) or np.array_equal(order[::-1], np.argsort(x))
    np.testing.assert_array_equal(order_keys(Model(), 1, x)[0], 100 + 5 * x)


def means(rows):
    """Return the mean of each number, and the share of one category."""
    if isinstance(rows, pd.DataFrame):
        return np.append(rows.iloc[:, :5].mean(), (rows["city"] == "b").mean())
    return rows.mean(axis=0).ravel()


@pytest.mark.parametrize("kind", ["array", "frame", "images"])
def test_balanced_rows_have_the_means_of_all(kind):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 5)) ** 3
    if kind == "frame":
        X = pd.DataFrame(X).assign(city=rng.choice(["a", "b", "b", "c"], 300))
    elif kind == "images":
        X = rng.standard_normal((300, 1, 2, 3))
    off = {}
    for draw in (balanced_rows, sample_rows):
        drawn = [draw(X, 16, np.random.RandomState(seed)) for seed in range(5)]
        off[draw] = np.mean([np.abs(means(X) - means(rows)).mean() for rows in drawn])
        assert all(rows.shape == (16, *X.shape[1:]) for rows in drawn)
    assert off[balanced_rows] < 0.35 * off[sample_rows]
    first, again = (np.asarray(balanced_rows(X, 16, np.random.RandomState(4))) for _ in range(2))
    assert (first == again).all()
    assert len(np.unique(first.reshape(16, -1).astype(str), axis=0)) == 16


def test_balanced_rows_of_few_are_all():
    X = np.arange(20.0).reshape(10, 2)
    assert (balanced_rows(X, 10, np.random.RandomState(0)) == X).all()
    assert balanced_rows(np.ones((30, 2)), 4, np.random.RandomState(0)).shape == (4, 2)
