"""DecisionBoundaryExplainer: closed forms, an optimiser as oracle, mixed tables, and what goes wrong."""

from __future__ import annotations

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from torch import nn

from sklearn_xai import DecisionBoundaryExplainer, all_explainers
from sklearn_xai.output.boundary.cuts import Cuts, box_nearest
from sklearn_xai.output.boundary.moves import LinearMoves, TableMoves
from tests.nets import classifier, regressor

N = 200
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 4)) * [0.5, 1.0, 2.0, 10.0]
W = np.array([1.0, -2.0, 0.5, 0.1])


def people(n=N):
    rng = np.random.RandomState(1)
    table = pd.DataFrame(
        {
            "age": rng.uniform(20, 70, n),
            "income": rng.gamma(2.0, 1.5, n),
            "job": np.array(["clerk", "nurse", "smith"], dtype=object)[rng.randint(3, size=n)],
            "kids": rng.poisson(2, n),
            "code": rng.randint(4, size=n),
        },
        index=np.arange(n) + 1000,
    )
    score = 0.05 * table["age"] - 0.8 * table["income"] + 2 * (table["job"] == "nurse") + 0.3 * table["kids"]
    labels = np.where(score > np.median(score), "yes", "no")
    table.iloc[3, 0] = np.nan
    return table, labels


PEOPLE, LABELS = people()


def prepared(model, numbers=None):
    numbers = make_pipeline(SimpleImputer(), StandardScaler() if numbers is None else numbers)
    one_hot = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    columns = ColumnTransformer([("n", numbers, ["age", "income", "kids"]), ("c", one_hot, ["job", "code"])])
    return make_pipeline(columns, model)


@pytest.fixture(scope="module")
def fitted():
    """An explainer of a net behind a ColumnTransformer, trained on strings."""
    return DecisionBoundaryExplainer(prepared(classifier(max_epochs=60, lr=0.1)), random_state=0).fit(PEOPLE, LABELS)


def linear_module(bias=0.3, weights=W):
    module = nn.Linear(4, 1).double()
    module.weight.data, module.bias.data = torch.tensor(weights[None]), torch.tensor([bias], dtype=torch.float64)
    return module


# ---------------------------------------------------------------------- closed forms
@pytest.mark.parametrize("kind", ["logistic", "module", "regression"])
def test_projection_onto_a_plane(kind):
    if kind == "logistic":
        model = LogisticRegression().fit(X, X @ W > 0)
        explainer, w, output = DecisionBoundaryExplainer(model), model.coef_[0], model.decision_function(X)
    elif kind == "module":
        explainer, w, output = DecisionBoundaryExplainer(linear_module(), threshold=0.0), W, X @ W + 0.3
    else:
        model = LinearRegression().fit(X, X @ W)
        explainer, w, output = DecisionBoundaryExplainer(model, threshold=2.0), W, X @ W - 2.0
    normal = w * X.std(axis=0)
    found = explainer.fit(X).explain(X)
    assert_allclose(found.values, -output[:, None] * normal / (normal @ normal), atol=1e-6)
    assert_allclose(found.distance, np.abs(output) / np.linalg.norm(normal), atol=1e-6)
    assert_allclose(found.nearest_point, X + found.values * X.std(axis=0), atol=1e-6)
    assert found.converged.all() and found.residual.max() < 1e-6
    assert_allclose(explainer.margin(X), 2 * output if kind == "logistic" else output, atol=1e-9)


class Ball(nn.Module):
    def __init__(self, radius):
        super().__init__()
        self.radius = radius

    def forward(self, X):
        return (X**2).sum(dim=1, keepdim=True) - self.radius**2


@pytest.mark.parametrize("d", [2, 6])
@pytest.mark.parametrize("radius", [0.7, 2.0])
def test_distance_to_a_circle_from_inside_and_outside(d, radius):
    rows = np.random.RandomState(d).standard_normal((N, d))
    rows = ((rows - rows.mean(axis=0)) / rows.std(axis=0)).astype(np.float32)
    length = np.linalg.norm(rows, axis=1)
    found = DecisionBoundaryExplainer(Ball(radius), threshold=0.0, random_state=0).fit(rows).explain(rows)
    assert_allclose(found.distance, np.abs(length - radius), atol=1e-4)
    assert_allclose(np.linalg.norm(rows + found.values, axis=1), radius, atol=1e-5)
    assert found.converged.mean() > 0.99


def test_a_row_on_the_boundary_stays():
    explainer = DecisionBoundaryExplainer(linear_module(bias=0.0), threshold=0.0).fit(X)
    assert_array_equal(explainer.transform(np.zeros((1, 4))), np.zeros((1, 4)))
    assert_array_equal(explainer.distance(np.zeros((1, 4))), [0.0])


def test_the_threshold_of_a_regression_is_the_mean_by_default():
    explainer = DecisionBoundaryExplainer(LinearRegression().fit(X, X @ W), background_size=N).fit(X)
    assert_allclose(explainer.threshold_, (X @ W).mean())
    assert DecisionBoundaryExplainer(LogisticRegression().fit(X, X @ W > 0)).fit(X).threshold_ is None


def test_a_probability_as_threshold():
    model = LogisticRegression().fit(X, X @ W > 0)
    explainer = DecisionBoundaryExplainer(model, output="proba", threshold=0.8).fit(X)
    points = explainer.nearest_point(X)
    near = np.abs(model.decision_function(X)) < 10  # a probability of 1 - 1e-5 has little of a slope
    assert_allclose(model.predict_proba(points[near])[:, 1], 0.8, atol=1e-6)


def test_probabilities_have_the_boundary_of_logits():
    net = classifier(max_epochs=40, lr=0.1)
    scaled = (X / X.std(axis=0)).astype(np.float32)
    labels = np.digitize(scaled[:, 0] + scaled[:, 1] * scaled[:, 2], [-0.5, 0.5])
    raw = DecisionBoundaryExplainer(net, random_state=0).fit(scaled, labels)
    proba = DecisionBoundaryExplainer(raw.estimator_, output="proba", random_state=0).fit(scaled)
    assert_allclose(proba.transform(scaled), raw.transform(scaled), atol=1e-5)
    assert np.abs(proba.margin(scaled)).max() <= 1


# ---------------------------------------------------------------------- an optimiser as oracle
def small_net(activation, n_outputs, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(4, 12), activation(), nn.Linear(12, 12), activation(), nn.Linear(12, n_outputs))
        for part in net[::2]:
            part.weight.data *= 2.5
    return net.double()


def oracle(net, row, spread, n_starts=8):
    """Return the least distance that SLSQP finds from many starts."""

    def outputs(u):
        with torch.no_grad():
            return net(torch.tensor(row + u * spread)[None])[0].numpy()

    def slope(u, k):
        leaf = torch.tensor(row + u * spread).requires_grad_(True)
        out = net(leaf[None])[0]
        return torch.autograd.grad(out[k] - out[own], leaf)[0].numpy() * spread

    own, best = int(outputs(np.zeros(4)).argmax()), np.inf
    rng = np.random.RandomState(0)
    for other in set(range(3)) - {own}:
        gap = {
            "type": "ineq",
            "fun": lambda u, k=other: outputs(u)[k] - outputs(u)[own],
            "jac": lambda u, k=other: slope(u, k),
        }
        for start in range(n_starts):
            begin = rng.standard_normal(4) * (start % 4) / 2
            found = minimize(lambda u: u @ u / 2, begin, jac=lambda u: u, constraints=[gap], method="SLSQP")
            if gap["fun"](found.x) > -1e-6:
                best = min(best, np.linalg.norm(found.x))
    return best


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_as_near_as_an_optimiser_finds(activation):
    net = small_net(activation, 3, seed=4)
    rows = np.random.RandomState(4).standard_normal((120, 4))
    found = DecisionBoundaryExplainer(net, random_state=0).fit(rows).explain(rows[:25])
    truth = np.array([oracle(net, row, rows.std(axis=0)) for row in rows[:25]])
    assert np.mean(found.distance <= 1.01 * truth) >= 0.95
    assert found.converged.mean() > 0.9 and found.residual.max() < 1e-8


def test_cuts_meet_in_a_corner():
    """Two planes whose nearest common point is on both, and one that alone decides."""
    cuts = Cuts(2, 2)
    at = np.arange(2)
    first = np.array([[1.0, 0.2], [1.0, 0.0]])
    second = np.array([[0.2, 1.0], [0.0, -1.0]])
    zero = np.zeros((2, 2))
    cuts.take_current(at, zero, np.array([1.0, 1.0]), first)  # 1 + g v <= 0
    cuts.remember(at, zero, np.array([1.0, -1.0]), second, np.array([False, False]))
    point = cuts.nearest(at)
    assert_allclose(point[0], np.linalg.solve(np.array([first[0], second[0]]), [-1.0, -1.0]), atol=1e-6)
    assert_allclose(point[1], [-1.0, 0.0], atol=1e-9)


class Box:
    low, high = np.array([[-0.5, -5.0]]), np.array([[0.5, 5.0]])

    def within(self, steps, rows):
        return np.clip(steps, self.low[rows], self.high[rows])


def test_the_nearest_point_of_a_plane_within_a_box():
    point = box_nearest(Box(), np.array([0]), np.zeros((1, 2)), np.array([2.0]), np.array([[1.0, 1.0]]))
    assert_allclose(point, [[-0.5, -1.5]], atol=1e-6)


# ---------------------------------------------------------------------- classes
def test_the_boundary_of_a_class_that_the_row_has_not():
    rows = RNG.standard_normal((N, 2))
    labels = np.array(["a", "b", "c"])[np.digitize(rows[:, 0], [-0.5, 0.5])]
    model = LogisticRegression(C=100).fit(rows, labels)
    explainer = DecisionBoundaryExplainer(model, target="c", random_state=0).fit(rows)
    found = explainer.explain(rows)
    beyond = model.predict(rows + 1.001 * found.values * rows.std(axis=0))
    assert_array_equal(beyond == "c", model.predict(rows) != "c")
    assert_array_equal(found.other_class[model.predict(rows) != "c"], "c")
    assert_array_equal(found.margin > 0, model.predict(rows) == "c")


def test_every_class_has_its_boundary():
    rows = RNG.standard_normal((60, 2))
    model = LogisticRegression(C=100).fit(rows, np.digitize(rows[:, 0], [-0.5, 0.5]))
    every = DecisionBoundaryExplainer(model, target="all", random_state=0).fit(rows)
    found = every.explain(rows[:9])
    assert found.distance.shape == (9, 3) and every.margin(rows[:9]).shape == (9, 3)
    one = DecisionBoundaryExplainer(model, target=1, random_state=0).fit(rows)
    assert_allclose(found.distance[:, 1], one.distance(rows[:9]))
    with pytest.raises(ValueError, match="target='all', and so several boundaries"):
        every.distance(rows)


# ---------------------------------------------------------------------- tables
def test_a_table_of_mixed_columns(fitted):
    assert_array_equal(fitted.varies_, [True, True, False, True, False])  # codes go through a one-hot encoder
    assert isinstance(fitted._how.of(PEOPLE), LinearMoves)
    few = PEOPLE.iloc[:40]
    found, before = fitted.explain(few), fitted.predict(few)
    assert_allclose(np.linalg.norm(found.values, axis=1), found.distance, rtol=1e-5)
    points = fitted.nearest_point(few)
    pd.testing.assert_frame_equal(points, found.nearest_point, check_dtype=False)
    assert points.index.equals(few.index) and points.columns.equals(few.columns)
    assert points["job"].equals(few["job"]) and points["code"].equals(few["code"])
    assert np.isnan(points["age"].iloc[3]) and found.values[3, 0] == 0
    assert_allclose(fitted.margin(points), 0, atol=1e-5)
    further = few.copy()
    for name in ("age", "income", "kids"):
        further[name] = few[name] + 1.001 * (points[name] - few[name])
    assert (fitted.predict(further) != before).all() and set(found.other_class) == {"no", "yes"}
    assert_array_equal(found.other_class, fitted.predict(further))
    not_yet = few.assign(**{name: few[name] + 0.98 * (points[name] - few[name]) for name in ("age", "income", "kids")})
    assert_array_equal(fitted.predict(not_yet), before)


def test_a_preprocessing_that_is_not_linear():
    rows = PEOPLE.drop(columns=["job", "code"]).dropna().assign(kids=PEOPLE["kids"] + 0.5)
    logs = make_pipeline(FunctionTransformer(np.log), StandardScaler(), classifier(max_epochs=60, lr=0.1))
    labels = LABELS[PEOPLE["age"].notna()]
    explainer = DecisionBoundaryExplainer(logs, within_background=True, random_state=0).fit(rows, labels)
    assert isinstance(explainer._how.of(rows), TableMoves)
    found = explainer.explain(rows.iloc[:30])
    known = np.isfinite(found.distance)
    assert known.mean() > 0.9 and found.converged[known].mean() > 0.8
    assert_allclose(explainer.margin(found.nearest_point[known]), 0, atol=1e-5)


def test_categories_are_switched_where_that_is_nearer(fitted):
    both = DecisionBoundaryExplainer(fitted.estimator_, categories="switch", random_state=0).fit(PEOPLE)
    few = PEOPLE.iloc[:60]
    held, found = fitted.distance(few), both.explain(few)
    assert (found.distance <= held + 1e-6).all() and (found.distance < held - 0.1).any()
    points = both.nearest_point(few)
    changed = (points["job"] != few["job"]).to_numpy()
    assert changed.any() and not changed.all()
    assert_array_equal(found.values[:, 2], changed.astype(float))
    assert_allclose(np.linalg.norm(found.values, axis=1), found.distance, rtol=1e-5)
    assert_allclose(both.margin(points), 0, atol=1e-5)  # no switch alone does it here
    single = pd.concat([both.nearest_point(few.iloc[[i]]) for i in range(5)])
    assert_array_equal(single["job"], points["job"].iloc[:5])


def test_a_switch_alone_and_a_value_for_a_missing_number():
    rows = PEOPLE[["age", "job"]]
    labels = np.where((rows["job"] == "nurse") ^ (rows["age"].fillna(45) > 60), "yes", "no")
    one_hot = OneHotEncoder(sparse_output=False)
    filled = make_pipeline(SimpleImputer(fill_value=45.0, strategy="constant"), StandardScaler())
    model = make_pipeline(ColumnTransformer([("n", filled, ["age"]), ("c", one_hot, ["job"])]), SVC(C=10))
    model.fit(rows, labels)
    explainer = DecisionBoundaryExplainer(model, categories="switch", random_state=0).fit(rows)
    young = rows.iloc[[int(np.argmin(rows["age"]))]]
    found = explainer.explain(young)
    assert_array_equal(found.values, [[0.0, 1.0]])
    assert found.distance == 1 and found.nearest_point["age"].equals(young["age"])
    assert model.predict(found.nearest_point) == found.other_class != model.predict(young)
    ageless = DecisionBoundaryExplainer(model, categories="switch", features_to_vary=["age"], random_state=0).fit(rows)
    found = ageless.explain(rows.iloc[[3]])
    assert np.isfinite(found.nearest_point["age"].iloc[0]) and found.values[0, 0] >= 1
    assert model.predict(found.nearest_point) != model.predict(rows.iloc[[3]])


def test_columns_that_may_vary(fitted):
    explainer = DecisionBoundaryExplainer(fitted.estimator_, features_to_vary=["income", 3]).fit(PEOPLE)
    found = explainer.transform(PEOPLE.iloc[:20])
    assert not found[:, [0, 2, 4]].any() and (found[:, 1] != 0).all()
    assert (explainer.distance(PEOPLE.iloc[:20]) >= fitted.distance(PEOPLE.iloc[:20]) - 1e-6).all()


def test_points_stay_in_the_range_of_the_background():
    rows = RNG.uniform(-1, 1, (N, 2))
    module = nn.Linear(2, 1).double()
    module.weight.data, module.bias.data = torch.tensor([[2.0, 1.0]]).double(), torch.tensor([-2.4]).double()
    free, inside = (
        DecisionBoundaryExplainer(module, threshold=0.0, within_background=within).fit(rows) for within in (False, True)
    )
    start = np.array([[-0.9, -0.9], [0.9, 0.9]])
    points = inside.nearest_point(start)
    assert (free.nearest_point(start)[0] > rows.max(axis=0)).any()
    assert (points <= rows.max(axis=0) + 1e-9).all()
    assert_allclose(points @ [2.0, 1.0], 2.4, atol=1e-6)
    assert_allclose(points[0, 0], rows[:, 0].max(), atol=1e-6)
    assert_allclose(points[1], free.nearest_point(start)[1], atol=1e-6)


def test_a_forest_is_left_by_its_own_steps():
    forest = RandomForestClassifier(10, random_state=0).fit(X, X @ W > 0)
    explainer = DecisionBoundaryExplainer(forest, random_state=0).fit(X)
    assert explainer._how.stepwise
    found = explainer.explain(X[:40])
    assert (forest.predict(found.nearest_point) != forest.predict(X[:40])).mean() > 0.9  # else a tie
    assert not found.converged.any()
    nearest_other = [
        np.linalg.norm((X[forest.predict(X) != forest.predict(row[None])] - row) / X.std(axis=0), axis=1).min()
        for row in X[:40]
    ]
    assert np.median(found.distance / nearest_other) < 0.7


def test_a_smooth_black_box_by_differences():
    model = SVC(C=10).fit(X / X.std(axis=0), X @ W > 0)
    rows = X[:30] / X.std(axis=0)
    explainer = DecisionBoundaryExplainer(model, random_state=0).fit(X / X.std(axis=0))
    found = explainer.explain(rows)
    assert found.converged.all() and found.residual.max() < 1e-8
    step = 1e-5 * np.eye(4)
    for point, way in zip(found.nearest_point[:5], found.values[:5], strict=True):
        slope = model.decision_function(point + step) - model.decision_function(point - step)
        cosine = np.abs(slope @ way) / np.linalg.norm(slope) / np.linalg.norm(way)
        assert cosine > 1 - 1e-4


def test_a_row_alone_goes_where_it_goes_among_others(fitted):
    whole = fitted.transform(PEOPLE)
    for rows in ([0], [3], [7, 3, 0]):
        assert_allclose(fitted.transform(PEOPLE.iloc[rows]), whole[rows], atol=2e-6 * np.abs(whole).max())


def test_a_group_moves_by_the_norm_of_its_columns():
    model = LogisticRegression().fit(X, X @ W > 0)
    alone = DecisionBoundaryExplainer(model).fit(X).transform(X)
    both = DecisionBoundaryExplainer(model, feature_groups={"both": [0, 2]}).fit(X).transform(X)
    assert_allclose(both[:, 0], np.hypot(alone[:, 0], alone[:, 2]))


# ---------------------------------------------------------------------- no boundary
def test_a_constant_model_has_no_boundary():
    model = DummyClassifier().fit(X, X @ W > 0)
    explainer = DecisionBoundaryExplainer(model).fit(X)
    assert np.isinf(explainer.distance(X)).all() and not explainer.transform(X).any()
    found = explainer.explain(X[:3])
    assert np.isinf(found.residual).all() and not found.converged.any() and np.isnan(found.nearest_point).all()
    assert_array_equal(found.other_class, model.predict(X[:3]))
    mean = DecisionBoundaryExplainer(linear_module(weights=np.zeros(4))).fit(X)
    assert np.isinf(mean.distance(X)).all() and not mean.transform(X).any()


def test_rows_that_come_to_no_boundary_are_told():
    model = LogisticRegression().fit(X, X @ W > 0)
    explainer = DecisionBoundaryExplainer(model, features_to_vary=[3], within_background=True).fit(X)
    with pytest.warns(ConvergenceWarning, match=r"no boundary was found from \d+ of 200 rows: their distance is inf"):
        found = explainer.transform(X)
    lost = np.isinf(explainer.distance(X))
    assert 0 < lost.mean() < 1
    assert_array_equal(~found.any(axis=1), lost)


# ---------------------------------------------------------------------- rules
def test_rules_of_the_region(fitted):
    rules = fitted.region_rules(PEOPLE)
    assert rules.index.equals(PEOPLE.index)
    assert_array_equal(rules["side"], fitted.predict(PEOPLE))
    assert rules["coverage"].between(0, 1).all() and rules["rule"].str.contains("income").mean() > 0.5
    for rule, part in rules.groupby("rule"):
        # Both sides have trees of their own; the rows under a rule are those that it counts, whatever their side.
        assert (part["n_rows"] >= len(part)).all(), rule
    tested = rules[rules["n_held_out"] > 0]
    assert (tested["purity"] * tested["n_held_out"]).round(6).mod(1).lt(1e-5).all()
    assert np.average(tested["purity"], weights=tested["n_held_out"]) > 0.8
    assert fitted.region_rules(PEOPLE.iloc[[5]]).iloc[0].equals(rules.iloc[5])


def test_rules_say_what_was_planted():
    rows = pd.DataFrame(RNG.uniform(size=(400, 2)), columns=["a", "b"])
    model = RandomForestClassifier(20, random_state=0).fit(rows, (rows["a"] > 0.5) & (rows["b"] > 0.5))
    rules = (
        DecisionBoundaryExplainer(model, random_state=0)
        .fit(rows)
        .region_rules(pd.DataFrame({"a": [0.9, 0.1], "b": [0.9, 0.9]}), max_depth=2)
    )
    assert rules["rule"].iloc[0].startswith("a > 0.") and " and b > 0." in rules["rule"].iloc[0]
    assert rules["rule"].iloc[1].startswith("a <= 0.")
    assert (rules["purity"] > 0.95).all() and rules["side"].tolist() == [True, False]


def test_sides_of_a_threshold():
    explainer = DecisionBoundaryExplainer(LinearRegression().fit(X, X @ W), threshold=1.0, random_state=0).fit(X)
    assert_array_equal(explainer.region_rules(X)["side"] == "above", X @ W >= 1.0)


# ---------------------------------------------------------------------- slices and pictures
@pytest.mark.parametrize("method", ["auto", "predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scikit_learn_draws_a_slice(method, n_classes):
    labels = np.array(["low", "mid", "high"])[np.digitize(X @ W, [0.0] if n_classes == 2 else [-0.5, 0.5])]
    explainer = DecisionBoundaryExplainer(make_pipeline(StandardScaler(), classifier()), random_state=0).fit(X, labels)
    part = explainer.slice_estimator(X[:1], (1, 2))
    rows = np.tile(X[:1], (5, 1))
    rows[:, [1, 2]] = X[:5][:, [1, 2]]
    assert_array_equal(part.predict(X[:5][:, [1, 2]]), explainer.predict(rows))
    assert_allclose(part.predict_proba(X[:5][:, [1, 2]]), explainer.predict_proba(rows))
    display = DecisionBoundaryDisplay.from_estimator(part, X[:, [1, 2]], response_method=method, grid_resolution=5)
    assert np.isfinite(display.response).all()
    plt.close("all")


def test_the_boundary_in_a_plane(fitted):
    row = PEOPLE.iloc[[5]]
    display = fitted.plot_boundary(row, ("age", "income"), grid_resolution=200)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("age", "income")
    start, end = (part.get_offsets()[0] for part in display.ax_.collections[-2:])
    assert_allclose(start, row[["age", "income"]].to_numpy()[0])
    there = row.assign(age=end[0], income=end[1])
    assert_allclose(fitted.margin(there), 0, atol=1e-5)
    plt.close("all")
    widest = fitted.plot_boundary(row)
    assert {widest.ax_.get_xlabel(), widest.ax_.get_ylabel()} <= {"age", "income", "kids"}
    plt.close("all")


def test_the_slice_of_a_regressor():
    explainer = DecisionBoundaryExplainer(make_pipeline(StandardScaler(), regressor()), random_state=0).fit(X, X @ W)
    display = explainer.plot_boundary(X[:1], (0, 1), grid_resolution=10)
    assert display.response.shape == (10, 10)
    plt.close("all")


# ---------------------------------------------------------------------- wrong use
def test_messages(fitted):
    with pytest.raises(ValueError, match="'features_to_vary' parameter of DecisionBoundaryExplainer names.*'height'"):
        DecisionBoundaryExplainer(fitted.estimator_, features_to_vary=["height"]).fit(PEOPLE)
    with pytest.raises(ValueError, match=r"'features' .*slice_estimator must name two columns of numbers"):
        fitted.slice_estimator(PEOPLE.iloc[[0]], ("age", "job"))
    with pytest.raises(ValueError, match=r"'row' parameter of .*slice_estimator must be one row. Got 2"):
        fitted.slice_estimator(PEOPLE.iloc[:2], ("age", "income"))
    several = DecisionBoundaryExplainer(regressor(), target="all").fit(X, np.column_stack([X[:, 0], X[:, 1]]))
    with pytest.raises(ValueError, match="region_rules tells the sides of one threshold"):
        several.region_rules(X)


def test_it_is_found():
    assert dict(all_explainers(inputs="table"))["DecisionBoundaryExplainer"] is DecisionBoundaryExplainer
    assert "DecisionBoundaryExplainer" not in dict(all_explainers(inputs="image"))


@pytest.mark.parametrize("ask", ["distance", "nearest_point", "margin", "region_rules"])
def test_an_output_that_is_nan_is_on_no_side(ask):
    X = pd.DataFrame(np.random.RandomState(0).standard_normal((40, 2)), columns=["age", "size"])
    explainer = DecisionBoundaryExplainer(make_pipeline(StandardScaler(), classifier(max_epochs=1)), random_state=0)
    explainer.fit(X, X["age"] > 0)
    X.loc[1, "size"] = np.nan
    with pytest.raises(ValueError, match="output is NaN for 1 of 3 rows, first for row 1. X has no value in .'size'."):
        getattr(explainer, ask)(X[:3])
