"""The shap library behind one interface: right numbers, the user's columns, and no trace left."""

from __future__ import annotations

import logging
import pickle
from io import StringIO

import numpy as np
import pandas as pd
import pytest
import shap
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import SHAPExplainer
from sklearn_xai._rng import isolated_rng
from sklearn_xai.explainers.peers._players import first_rows, players
from sklearn_xai.explainers.peers._shap_calls import _flipped
from sklearn_xai.models import train_clone
from tests.nets import Mixed, classifier, regressor, table

BLACK_BOX = ["kernel", "permutation", "sampling", "exact", "partition"]
ALGORITHMS = [*BLACK_BOX, "gradient", "deep"]
X, Y, LABELS = table(n=40)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return regressor().fit(X, Y.reshape(-1, 1))


def sequential(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))


def as_function(module):
    def function(rows):
        with torch.no_grad():
            return module(torch.as_tensor(rows, dtype=torch.float32)).double().numpy()[:, 0]

    return function


def explained(estimator, algorithm, **kwargs):
    kwargs = {"background_size": 12, "random_state": 0, **kwargs}
    return SHAPExplainer(estimator, algorithm=algorithm, **kwargs)


# ---------------------------------------------------------------------- right numbers
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_linear_net_in_closed_form(algorithm):
    linear = nn.Linear(4, 1)
    explainer = explained(linear, algorithm, tol=1.0, max_evals=2000 if algorithm == "sampling" else "auto").fit(X)
    weight = linear.weight.detach().numpy()[0]
    expected = weight * (X - explainer.background_.mean(axis=0))
    tolerance = {"gradient": 0.2, "sampling": 0.1}.get(algorithm, 1e-5)
    assert_allclose(explainer.transform(X[:6]), expected[:6], atol=tolerance)


def independent(background):
    return shap.maskers.Independent(background, max_samples=len(background))


@pytest.mark.parametrize("algorithm", ["permutation", "exact", "kernel", "sampling"])
def test_black_boxes_are_what_shap_says_when_called_directly(algorithm):
    module = sequential()
    explainer = explained(module, algorithm, max_evals=90 if algorithm == "permutation" else "auto").fit(X)
    function, background, row = as_function(module), explainer.background_.astype(float), X[3:4].astype(float)
    with isolated_rng(explainer._seed):
        if algorithm == "permutation":
            direct = shap.PermutationExplainer(function, independent(background))
        elif algorithm == "exact":
            direct = shap.ExactExplainer(function, independent(background))
        elif algorithm == "kernel":
            direct = shap.KernelExplainer(function, background)
        else:
            direct = shap.SamplingExplainer(function, background)
    with isolated_rng(explainer._seed):
        if algorithm == "permutation":
            expected = direct(row, max_evals=90, silent=True).values
        elif algorithm == "exact":
            expected = direct(row, silent=True).values
        else:
            expected = direct.shap_values(row, l1_reg=0, silent=True)
    assert_allclose(explainer.transform(X[3:4]), expected, atol=1e-6)


def test_kernel_drops_no_feature():
    rng = np.random.RandomState(0)
    wide = rng.randn(30, 14)
    model = RandomForestRegressor(3, random_state=0).fit(wide, wide @ np.linspace(1, 2, 14))
    explainer = explained(model, "kernel", background_size=3, max_evals=600).fit(wide)
    found = explainer.transform(wide[:2])
    assert ((np.abs(found) > 1e-9).sum(axis=1) > 10).all()
    assert explainer.explain(wide[:2]).completeness_gap.max() < 1e-9


def test_partition_is_what_shap_says_with_the_same_hierarchy():
    module = sequential()
    explainer = explained(module, "partition").fit(X)
    background = explainer.background_.astype(float)
    clustering = shap.utils.hclust(background, metric="correlation")
    assert_allclose(explainer._clustering, clustering, atol=1e-6)
    masker = shap.maskers.Partition(background, max_samples=100, clustering=clustering)
    expected = shap.PartitionExplainer(as_function(module), masker)(X[:2].astype(float), silent=True).values
    assert_allclose(explainer.transform(X[:2]), expected, atol=1e-6)


def test_deep_and_gradient_are_what_shap_says_when_called_directly():
    module = sequential()
    explainer = explained(module, "deep").fit(X)
    background = torch.as_tensor(explainer.background_)
    direct = shap.DeepExplainer(sequential(), background)
    expected = direct.shap_values(torch.as_tensor(X[:3]), check_additivity=True)[..., 0]
    assert_allclose(explainer.transform(X[:3]), expected, atol=1e-6)
    explainer = explained(module, "gradient", tol=1.0).fit(X)
    with isolated_rng():
        direct = shap.GradientExplainer(sequential(), background)
        expected = direct.shap_values(torch.as_tensor(X[:1]), rseed=explainer._seed)[..., 0]
    assert_allclose(explainer.transform(X[:1]), expected, atol=1e-6)


def test_tree_is_what_shap_says_when_called_directly():
    forest = RandomForestClassifier(10, random_state=0).fit(X, LABELS)
    explainer = explained(forest, "tree", output="proba", target="all").fit(X)
    expected = shap.TreeExplainer(forest, explainer.background_.astype(float)).shap_values(X[:5])
    found = explainer.explain(X[:5])
    assert_allclose(found.values, expected, atol=1e-8)
    assert_allclose(found.base_values + found.values.sum(axis=1), forest.predict_proba(X[:5]), atol=1e-6)
    exact = explained(forest, "exact", output="proba", target="all").fit(X)
    assert_array_equal(exact.background_, explainer.background_)
    assert_allclose(exact.transform(X[:5]), explainer.transform(X[:5]), atol=1e-6)


def test_linear_is_what_shap_says_when_called_directly():
    X3, _, labels = table(n_classes=3)
    for y, target in ((LABELS, 1), (LABELS, 0), (labels, 2)):
        model = LogisticRegression().fit(X3, y)
        explainer = explained(model, "linear", target=target).fit(X3)
        expected = shap.LinearExplainer(model, independent(explainer.background_)).shap_values(X3)
        expected = expected[..., target] if expected.ndim == 3 else expected * (1 if target else -1)
        assert_allclose(explainer.transform(X3), expected, atol=1e-6)
        assert explainer.explain(X3).completeness_gap.max() < 1e-5


@pytest.mark.parametrize(
    ("model", "output", "algorithm"),
    [
        (RandomForestRegressor(5, random_state=0), "auto", "tree"),
        (RandomForestClassifier(5, random_state=0), "proba", "tree"),
        (RandomForestClassifier(5, random_state=0), "auto", "exact"),
        (GradientBoostingClassifier(n_estimators=5), "auto", "tree"),
        (GradientBoostingClassifier(n_estimators=5), "proba", "tree"),
        (HistGradientBoostingClassifier(max_iter=5), "auto", "tree"),
        (LogisticRegression(), "auto", "linear"),
        (LogisticRegression(), "proba", "exact"),
        (Ridge(), "auto", "linear"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else value,
)
def test_auto_takes_models_apart_only_where_that_explains_the_same_number(model, output, algorithm):
    explainer = explained(model.fit(X, LABELS), "auto", output=output).fit(X)
    found = explainer.explain(X[:4])
    assert explainer.algorithm_ == algorithm
    assert_allclose(found.base_values + found.values.sum(axis=1), explainer.explained_output(X[:4]), atol=1e-5)


def test_auto_for_many_columns_and_with_a_number_of_evaluations():
    wide = np.random.RandomState(0).randn(12, 10).astype(np.float32)
    net = nn.Linear(10, 1)
    assert explained(net, "auto").fit(wide).algorithm_ == "permutation"
    assert explained(net, "auto", max_evals=1024).fit(wide).algorithm_ == "exact"
    assert explained(net, "auto", max_evals=1023).fit(wide).algorithm_ == "permutation"
    assert explained(net, "auto", feature_groups={"a": [0, 1, 2]}).fit(wide).algorithm_ == "exact"


@pytest.mark.parametrize("algorithm", ["kernel", "exact", "deep", "gradient"])
def test_the_predicted_class_of_many_and_all_of_them(algorithm):
    X3, _, labels = table(n_classes=3)
    torch.manual_seed(0)
    net = classifier(max_epochs=20, lr=0.1).fit(X3, labels)
    predicted = explained(net, algorithm, tol=1.0).fit(X3)
    every = explained(net, algorithm, tol=1.0, target="all").fit(X3)
    chosen = predicted.predict(X3[:8])
    assert len(np.unique(chosen)) > 1
    values = every.explain(X3[:8]).values
    assert_allclose(predicted.transform(X3[:8]), values[np.arange(8), :, chosen], atol=1e-6)


# ---------------------------------------------------------------------- the user's columns
def people(n=24):
    rng = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "age": rng.randint(18, 80, n).astype(float),
            "town": rng.choice(["Ghent", "Lund", "Turin"], n),
            "job": pd.Categorical(rng.choice(["cook", "smith"], n)),
            "owner": rng.rand(n) > 0.5,
            "income": np.where(rng.rand(n) < 0.3, np.nan, rng.randn(n)),
        }
    ).assign(town=lambda t: t["town"].astype(object).where(rng.rand(n) > 0.2, None))


def preprocessing():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [("n", numbers, ["age", "income"]), ("c", OneHotEncoder(handle_unknown="ignore"), ["town", "job", "owner"])],
        sparse_threshold=0,
    )


def worth(people):
    return (people["age"].to_numpy() > 45) ^ (people["town"] == "Lund").to_numpy() ^ people["owner"].to_numpy()


def shapley(explainer, X):
    """Enumerate all coalitions over all background rows, by the explainer's own account of coalitions."""
    from itertools import combinations
    from math import comb

    n = explainer.n_players_
    kept = np.array([[i in subset for i in range(n)] for k in range(n + 1) for subset in combinations(range(n), k)])
    value = {tuple(row): v for row, v in zip(kept, explainer.coalition_values(X, kept).T, strict=True)}
    found = np.zeros((len(X), n))
    for row in kept:
        size = row.sum()
        for i in np.flatnonzero(~row):
            more = row.copy()
            more[i] = True
            found[:, i] += (value[tuple(more)] - value[tuple(row)]) / n / comb(n - 1, size)
    return found


PIPELINES = {
    "net": lambda: make_pipeline(preprocessing(), classifier()),
    "forest": lambda: make_pipeline(preprocessing(), RandomForestClassifier(5, random_state=0)),
}


@pytest.mark.parametrize("groups", [None, {"money": ["job", "income"]}], ids=["columns", "groups"])
@pytest.mark.parametrize("algorithm", BLACK_BOX)
@pytest.mark.parametrize("kind", PIPELINES)
def test_pipelines_on_frames_with_strings_and_missing_values(kind, algorithm, groups):
    X = people()
    output = "proba" if kind == "forest" else "auto"
    options = {"background_size": 8, "output": output, "feature_groups": groups, "random_state": 0}
    trained = FrozenEstimator(train_clone(PIPELINES[kind](), X, worth(X), random_state=0))
    # Of no more rows than the background has, those that columns are removed in favour of are the background.
    explainer = SHAPExplainer(trained, algorithm=algorithm, **options).fit(X[:8])
    found = explainer.explain(X[:2])
    names = ["age", "town", "job", "owner", "income"] if groups is None else ["age", "town", "money", "owner"]
    assert explainer.get_feature_names_out().tolist() == found.feature_names == names
    assert found.completeness_gap.max() < 1e-4
    assert_allclose(found.base_values, explainer.base_outputs_[1], atol=1e-6)
    exact = shapley(explainer, X[:2])
    scale = np.abs(exact).max()
    if algorithm in ("kernel", "exact"):
        assert_allclose(found.values, exact, atol=1e-5 * max(1, scale))
    else:
        assert np.abs(found.values - exact).max() < (0.7 if algorithm == "partition" else 0.25) * scale


@pytest.mark.parametrize("algorithm", ["deep", "gradient"])
def test_network_algorithms_fold_back_to_columns(algorithm):
    X = people()
    options = {"background_size": 20, "tol": 1.0, "random_state": 0, "feature_groups": {"money": ["job", "income"]}}
    explainer = SHAPExplainer(PIPELINES["net"](), algorithm=algorithm, **options).fit(X, worth(X))
    found = explainer.transform(X[:3])
    exact = shapley(explainer, X[:3])
    assert found.shape == (3, 4)
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.85


def test_a_pipeline_that_mixes_columns_is_a_black_box():
    mixing = make_pipeline(FunctionTransformer(np.cumprod, kw_args={"axis": 1}), regressor())
    explainer = explained(mixing, "exact").fit(X, Y)
    assert_allclose(explainer.transform(X[:3]), shapley_of_rows(explainer, X[:3]), atol=1e-5)
    with pytest.raises(ValueError, match="mixes columns in a way that is not linear.*'permutation'"):
        explained(mixing, "deep").fit(X, Y)


def shapley_of_rows(explainer, rows):
    predict = explainer.explained_output
    direct = shap.ExactExplainer(predict, independent(explainer.background_.astype(float)))
    return direct(rows.astype(float), silent=True).values


def test_values_are_told_apart_and_put_back_exactly():
    table = pd.DataFrame(
        {
            "mixed": [1, True, 1.0, None, np.nan, "1"],
            "time": pd.to_datetime(["2020-01-01", None, "2020-01-01", "2021-01-01", None, "2020-01-02"]),
            "close": [1e9, 1e9 + 1, 1e9 + 2, 1e9, 1e9 + 1, 1e9 + 2],
        }
    )
    numbers = first_rows(table, [np.array([j]) for j in range(3)])
    assert_array_equal(numbers[:, 0], np.arange(6))
    assert_array_equal(numbers[:, 1], [0, 1, 0, 3, 1, 5])
    assert_array_equal(numbers[:, 2], [0, 1, 2, 0, 1, 2])
    assert_array_equal(first_rows(table, [np.array([1, 2])])[:, 0], [0, 1, 2, 3, 1, 5])
    assert_array_equal(first_rows(table, [np.array([0, 1])])[:, 0], np.arange(6))


@pytest.mark.parametrize("kind", ["net", "forest"])
def test_the_function_given_to_shap_is_the_explained_output(kind):
    X = people()
    explainer = SHAPExplainer(PIPELINES[kind](), algorithm="exact", background_size=8, batch_size=5).fit(X, worth(X))
    with players(explainer._model, explainer._coalitions, explainer.background_, X, 5) as (known, rows, outputs):
        assert_allclose(outputs(rows), explainer._model.outputs(X), atol=1e-6)
        assert_allclose(outputs(known), explainer._model.outputs(explainer.background_), atol=1e-6)
        mixed = X.copy()
        mixed["town"] = pd.Series(X["town"].to_numpy()[::-1], index=X.index, dtype=object)
        swapped = rows.copy()
        swapped[:, 1] = rows[::-1, 1]
        assert_allclose(outputs(swapped), explainer._model.outputs(mixed), atol=1e-6)


def test_masks_are_those_of_shap():
    rng = np.random.RandomState(0)
    background, row = rng.randint(0, 3, (7, 5)).astype(float), rng.randint(0, 3, 5).astype(float)
    flips = np.array([2**31 - 1, 3, 0, 4, 3, 1, 2, 0])
    (rows,), changed = _flipped(flips, row, background)
    (expected,), moved = independent(background)(flips, row)
    assert_array_equal(rows, expected)
    assert_array_equal(changed, moved)


@pytest.mark.parametrize("algorithm", BLACK_BOX)
def test_close_values_are_not_equal_ones(algorithm):
    rng = np.random.RandomState(0)
    big = np.column_stack([1e6 + rng.rand(20), rng.rand(20), rng.rand(20)])
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(big, (big - big.mean(axis=0)) @ [3.0, 1.0, 1.0])
    explainer = explained(model, algorithm, background_size=20).fit(big)
    assert_allclose(explainer.transform(big[:4])[:, 0], 3 * (big[:4, 0] - big[:, 0].mean()), atol=0.05)


@pytest.mark.parametrize("algorithm", BLACK_BOX)
def test_missing_numbers_and_whole_numbers(algorithm):
    numbers = np.random.RandomState(0).randint(0, 4, (30, 3))
    missing = numbers.astype(float)
    missing[::4, 1] = np.nan
    for rows in (numbers, missing, pd.DataFrame(numbers), pd.DataFrame(missing)):
        model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2).fit(rows, numbers[:, 0] > 1)
        explainer = explained(model, algorithm).fit(rows)
        found = explainer.explain(rows[:3])
        assert np.isfinite(found.values).all()
        assert found.completeness_gap.max() < 1e-6


@pytest.mark.parametrize("algorithm", BLACK_BOX)
def test_one_background_row_and_one_column(algorithm, net):
    explainer = explained(net, algorithm, background_size=1).fit(X)
    at_background = explainer.transform(explainer.background_)
    assert_allclose(at_background, 0, atol=1e-7)
    assert_allclose(explainer.explain(X[:3]).completeness_gap, 0, atol=1e-5)
    single = explained(nn.Linear(1, 1), algorithm).fit(X[:, :1])
    assert_allclose(single.explain(X[:3, :1]).completeness_gap, 0, atol=1e-5)


# ---------------------------------------------------------------------- no trace left
def state(module):
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_parameters")
    return [
        (name, part.training, sorted(vars(part)), [list(getattr(part, hook)) for hook in hooks],
         getattr(part, "inplace", None), part._is_full_backward_hook)
        for name, part in module.named_modules()
    ] + [(name, p.requires_grad, p.grad is None, p.tolist()) for name, p in module.named_parameters()]  # fmt: skip


def random_states():
    algorithm, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [algorithm, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()]


class Breaking(nn.Module):
    """Has attributes by the names that shap gives to its own, nested layers, and breaks down on demand."""

    def __init__(self):
        super().__init__()
        self.first = nn.ModuleDict({"linear": nn.Linear(4, 8), "act": nn.ReLU(inplace=True)})
        self.last = nn.Linear(8, 1)
        self.x, self.y = "mine", "mine too"
        self.calls_left = np.inf

    def forward(self, rows):
        self.calls_left -= 1
        hidden = self.first["act"](self.first["linear"](rows))
        if self.calls_left < 0:
            raise RuntimeError("broken down")
        return self.last(hidden)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("broken", [False, True])
def test_modules_random_states_and_streams_are_left_alone(algorithm, broken, capfd):
    module = Breaking()
    module.train()
    module.first["linear"].eval()
    module.last.bias.requires_grad_(False)
    module.last.weight.grad = torch.ones_like(module.last.weight)
    explainer = explained(module, algorithm, tol=1.0).fit(X)
    module.calls_left = np.inf
    before, drawn, level = state(module), random_states(), logging.getLogger("shap").level
    if broken:
        module.calls_left = 3 if algorithm in ("gradient", "deep") else 2
        with pytest.raises((RuntimeError, ValueError), match="broken down"):
            explainer.transform(X[:3])
    else:
        explainer.transform(X[:3])
        assert (module.x, module.y) == ("mine", "mine too")
    assert state(module) == before
    assert random_states() == drawn
    assert logging.getLogger("shap").level == level
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_are_explained_each_for_itself(algorithm):
    X3, _, labels = table(n=16, n_features=6, n_classes=3)
    options = {"tol": 10.0, "max_evals": 70 if algorithm not in ("deep",) else "auto"}
    explainer = explained(classifier(Mixed), algorithm, **options).fit(X3, labels)
    whole = explainer.transform(X3)
    order = np.random.RandomState(0).permutation(len(X3))
    assert_allclose(explainer.transform(X3[order]), whole[order], atol=1e-6)
    assert_allclose(explainer.transform(X3[5:6]), whole[5:6], atol=1e-6)
    assert_array_equal(explainer.transform(X3), whole)
    assert_array_equal(pickle.loads(pickle.dumps(explainer)).transform(X3), whole)


def test_random_state_makes_the_draws(net):
    first, again, other = (
        SHAPExplainer(net, algorithm="sampling", max_evals=40, random_state=seed).fit(X).transform(X[:3])
        for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_large_background_is_used_whole_and_in_silence(net, capfd):
    wide, y, _ = table(n=150)
    for algorithm in ("kernel", "exact"):
        explainer = SHAPExplainer(net, algorithm=algorithm, background_size=150).fit(wide)
        assert_allclose(explainer.explain(wide[:1]).base_values, explainer.explained_output(wide).mean(), atol=1e-5)
    forest = RandomForestRegressor(5, random_state=0).fit(wide, y)
    explainer = SHAPExplainer(forest, algorithm="tree", background_size=150).fit(wide)
    assert explainer.explain(wide[:1]).completeness_gap.max() < 1e-6
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_progress_is_shown_on_demand(algorithm, net, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = StringIO()
    monkeypatch.setattr("sys.stderr", shown)
    explainer = explained(net, algorithm, tol=1.0, max_evals=20)
    explainer.fit(X).transform(X[:3])
    assert shown.getvalue() == ""
    explainer.set_params(verbose=1).transform(X[:3])
    assert f"shap {algorithm}" in shown.getvalue()


# ---------------------------------------------------------------------- never silently wrong
class Functional(nn.Module):
    """Applies its non-linearity as a function, which shap's deep cannot see."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 1)

    def forward(self, rows):
        return self.last(torch.relu(self.first(3 * rows)) ** 2)


def test_deep_warns_with_the_gap_where_it_is_wrong():
    torch.manual_seed(0)
    explainer = explained(Functional(), "deep").fit(X)
    with pytest.warns(ConvergenceWarning, match=r"completeness gap.*largest: .*permutation"):
        found = explainer.transform(X[:4])
    with pytest.warns(ConvergenceWarning):
        gap = explainer.explain(X[:4]).completeness_gap
    assert_allclose(
        gap, np.abs(explainer.explained_output(X[:4]) - explainer.base_outputs_[0] - found.sum(axis=1)), rtol=1e-3
    )


def test_deep_on_a_net_that_ends_in_a_softmax():
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), nn.Softmax(dim=-1))
    for output in ("raw", "proba"):
        explainer = explained(module, "deep", output=output, target=1).fit(X)
        assert explainer.explain(X[:5]).completeness_gap.max() < 1e-4


def test_gradient_in_double_precision_and_on_images():
    double = sequential().double()
    assert explained(double, "gradient", tol=1.0).fit(X).transform(X[:2]).dtype == np.float64
    images = np.random.RandomState(0).randn(6, 1, 4, 4).astype(np.float32)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))
    deep = explained(net, "deep").fit(images)
    exact = explained(net, "permutation").fit(images)
    assert deep.transform(images[:2]).shape == (2, 1, 4, 4)
    assert_allclose(deep.transform(images[:2]), exact.transform(images[:2]), atol=0.2)


@pytest.mark.parametrize(
    ("algorithm", "model", "message"),
    [
        ("tree", "net", "'tree', .* not NeuralNetRegressor. Use algorithm='auto', 'permutation'"),
        ("linear", "pipeline", "not a Pipeline that ends in LinearRegression. Use"),
        ("linear", "forest", "shap cannot explain RandomForestClassifier by it"),
        ("tree", "forest", "does not add up to output='auto' .*. Use output='proba'"),
        ("tree", "logistic", "shap cannot explain LogisticRegression by it .*Use algorithm='auto'"),
        ("deep", "forest", "RandomForestClassifier is no network"),
        ("gradient", "logistic", "LogisticRegression is no network"),
    ],
)  # fmt: skip
def test_algorithms_that_do_not_suit_the_model(algorithm, model, message, net):
    models = {
        "net": net,
        "pipeline": make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y),
        "forest": RandomForestClassifier(5, random_state=0).fit(X, LABELS),
        "logistic": LogisticRegression().fit(X, LABELS),
    }
    with pytest.raises(ValueError, match=message):
        explained(models[model], algorithm).fit(X)


def test_token_ids_have_no_gradient():
    tokens = np.random.RandomState(0).randint(0, 5, (10, 3))
    module = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 1))
    with pytest.raises(ValueError, match="embedding, which has no gradient"):
        explained(module, "deep").fit(tokens)
    assert explained(module, "exact").fit(tokens).explain(tokens[:3]).completeness_gap.max() < 1e-5


@pytest.mark.parametrize(("algorithm", "least"), [("permutation", 9), ("exact", 16), ("sampling", 8), ("kernel", 8)])
def test_too_few_evaluations(algorithm, least, net):
    explained(net, algorithm, max_evals=least).fit(X).transform(X[:1])
    with pytest.raises(ValueError, match=f"'max_evals' parameter of SHAPExplainer must be at least {least} for"):
        explained(net, algorithm, max_evals=least - 1).fit(X)
