"""Folds, seeds, backgrounds and noise: what changes between conditions, and what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sklearn_xai import (
    ExpectedGradientsExplainer,
    IntegratedGradientsExplainer,
    LocalSurrogateExplainer,
    RandomExplainer,
    SmoothGradExplainer,
)
from sklearn_xai.model_selection import cross_val_attributions, explanation_stability, stability_from_attributions
from sklearn_xai.model_selection._conditions import Conditions
from tests.nets import MLP, regressor, table


class Seeded(RegressorMixin, BaseEstimator):
    """A regression whose coefficients owe a little to its seed."""

    trainings: list[tuple] = []

    def __init__(self, spread=0.5, random_state=None):
        self.spread = spread
        self.random_state = random_state

    def fit(self, X, y):
        Seeded.trainings.append((len(X), self.random_state))
        own = np.random.RandomState(self.random_state).randn(X.shape[1])
        self.coef_ = LinearRegression().fit(X, y).coef_ + self.spread * own
        return self

    def predict(self, X):
        return np.asarray(X) @ self.coef_


@pytest.fixture
def seeded():
    Seeded.trainings.clear()
    return Seeded(random_state=3)


def test_the_design_adds_a_level_at_a_time():
    levels = Conditions(("folds", "seeds", "noise"), 3, 4, 0).levels
    assert levels["folds"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert levels["seeds"].tolist() == [0, 0, 0, 1, 2, 3, 0, 0, 0]
    assert levels["noise"].tolist() == [0, 0, 0, 0, 0, 0, 1, 2, 3]
    around_one = Conditions(("seeds", "backgrounds"), 1, 3, 0)
    assert {source: level.tolist() for source, level in around_one.levels.items()} == {
        "seeds": [0, 1, 2, 0, 0],
        "backgrounds": [0, 0, 0, 1, 2],
    }
    assert [(job.fold, len(job.places)) for job in around_one.jobs()] == [(0, 3), (0, 1), (0, 1)]


def test_each_source_changes_what_it_says(linear, seeded, X, y):
    found = explanation_stability(linear(seeded), X, y, cv=3, sources=("noise", "seeds", "folds"), n_repeats=3)
    assert list(found.conditions) == ["folds", "seeds", "noise"]
    assert [n for n, _ in Seeded.trainings] == [40] * 5
    seeds = [seed for _, seed in Seeded.trainings]
    assert seeds.count(3) == 3
    assert len(set(seeds)) == 3
    reference, moved = found.attributions[0], found.attributions[5] - found.attributions[0]
    coef = reference[1] - reference[0]
    coef = coef / (X.iloc[1] - X.iloc[0]).to_numpy()
    steps = moved / coef
    np.testing.assert_allclose(steps.std(axis=0), 0.05 * X.std(), rtol=0.5)
    np.testing.assert_allclose(found.decomposition.columns.sum(axis=1) > 0, [True] * 4)


def test_seeds_alone_retrain_on_all_rows(linear, seeded, X, y):
    found = explanation_stability(linear(seeded), X, y, sources="seeds", n_repeats=4, X_eval=X[:9])
    assert [n for n, _ in Seeded.trainings] == [60] * 4
    assert found.attributions.shape == (4, 9, 4)
    ordinary = LinearRegression().fit(X, y).coef_
    for (_, seed), attributions in zip(Seeded.trainings, found.attributions, strict=True):
        coef = ordinary + 0.5 * np.random.RandomState(seed).randn(4)
        np.testing.assert_allclose(attributions, coef * (X[:9] - X.mean()))
    coefs = (found.attributions / (X[:9] - X.mean()).to_numpy())[:, 0]
    expected = coefs.var(axis=0, ddof=1) * ((X[:9] - X.mean()) ** 2).mean().to_numpy()
    np.testing.assert_allclose(found.decomposition.columns["seeds"], expected)


def test_backgrounds_change_and_the_model_does_not(linear, seeded, X, y):
    found = explanation_stability(linear(seeded), X, y, sources="backgrounds", n_repeats=4)
    assert len(Seeded.trainings) == 1
    shifts = found.attributions - found.attributions[0]
    assert np.ptp(shifts, axis=1).max() == pytest.approx(0, abs=1e-12)  # the mean of the background moves, no more
    assert (np.abs(shifts[1:, 0]) > 0).all()


def test_one_fold_and_another_are_the_folds_of_cross_val_attributions(linear, seeded, X, y):
    found = explanation_stability(linear(seeded), X, y, cv=3, sources=("folds", "seeds", "backgrounds"), n_repeats=2)
    folds = cross_val_attributions(linear(seeded), X, y, cv=3)
    np.testing.assert_array_equal(found.attributions[:3], folds)
    assert len(found.attributions) == 5


@pytest.mark.parametrize("frozen", [False, True])
def test_a_model_as_it_stands_has_backgrounds_and_noise(linear, regression, X, y, frozen):
    regression.fit(X, y)
    explainer = linear(FrozenEstimator(regression) if frozen else regression)
    found = explanation_stability(explainer, X, sources=("folds", "backgrounds", "noise"), n_repeats=3, cv=3)
    assert regression.trainings == [60]
    assert found.attributions.shape == (3 + 2 + 2, 60, 4)
    assert set(found.decomposition.shares) == {"folds", "backgrounds", "noise"}


def test_a_pipeline_around_the_explainer_keeps_its_steps(linear, seeded, X, y):
    pipe = make_pipeline(StandardScaler(), linear(seeded))
    found = explanation_stability(pipe, X, y, cv=2, sources=("folds", "backgrounds"), n_repeats=2)
    train = np.arange(30, 60)
    scaler = StandardScaler().fit(X.iloc[train])
    coef = LinearRegression().fit(scaler.transform(X.iloc[train]), y[train]).coef_
    coef = coef + 0.5 * np.random.RandomState(3).randn(4)
    np.testing.assert_allclose(found.attributions[0], coef * scaler.transform(X))
    shift = found.attributions[2] - found.attributions[0]
    assert np.ptp(shift, axis=0).max() == pytest.approx(0, abs=1e-12)
    assert np.abs(shift).max() > 1e-3


@pytest.mark.parametrize("random_state", [0, None])
def test_a_seed_of_its_own_keeps_the_draws_of_the_method(random_state):
    X, y, _ = table()
    control = RandomExplainer(regressor().fit(X, y.reshape(-1, 1)), random_state=random_state)
    found = explanation_stability(control, X, sources="backgrounds", n_repeats=4)
    if random_state is None:
        assert abs(found.overall["spearman"]) < 0.3
    else:
        assert found.overall["spearman"] == pytest.approx(1.0)


def test_without_a_seed_the_folds_share_one_when_seeds_are_a_source(X, y):
    Seeded.trainings.clear()
    explainer = LocalSurrogateExplainer(Seeded(), n_samples=16)
    explanation_stability(explainer, X, y, cv=3, X_eval=X[:2])
    assert len({seed for _, seed in Seeded.trainings}) == 3
    Seeded.trainings.clear()
    explanation_stability(explainer, X, y, cv=3, X_eval=X[:2], sources=("folds", "seeds"), n_repeats=3)
    seeds = [seed for _, seed in Seeded.trainings]
    assert sorted(seeds.count(seed) for seed in set(seeds)) == [1, 1, 3]


def test_a_retrained_net_is_explained_with_the_same_draws():
    X, y, _ = table()
    net = regressor(max_epochs=1, lr=0.0)  # nothing is learned: the seed shows in the first weights only
    explainer = ExpectedGradientsExplainer(net, n_samples=8, random_state=0)
    found = explanation_stability(explainer, X, y, sources="seeds", n_repeats=3, X_eval=X[:6])
    assert found.decomposition.disagreement > 0
    np.testing.assert_allclose(found.attributions[0], explainer.fit(X, y).transform(X[:6]), atol=1e-6)
    seed = next(job.retraining for job in Conditions(("seeds",), 1, 3, 0).jobs() if job.retraining is not None)
    trained = ExpectedGradientsExplainer(net, n_samples=8, random_state=seed).fit(X, y).estimator_
    again = ExpectedGradientsExplainer(FrozenEstimator(trained), n_samples=8, random_state=0).fit(X)
    np.testing.assert_allclose(found.attributions[1], again.transform(X[:6]), atol=1e-6)


def test_seeds_of_a_module_that_is_an_instance_are_warned_of():
    X, y, _ = table()
    net = regressor(MLP(X.shape[1]), callbacks=None, max_epochs=1, lr=0.0)
    message = "'sources' parameter of explanation_stability names 'seeds', but the module of the NeuralNetRegressor is"
    options = {"sources": ("seeds",), "n_repeats": 2, "X_eval": X[:4]}
    for estimator in (net, make_pipeline(StandardScaler(), net), clone(net).fit(X, y.reshape(-1, 1))):
        with pytest.warns(UserWarning, match=message + " an instance: .* Give the class instead"):
            found = explanation_stability(IntegratedGradientsExplainer(estimator, tol=10), X, y, **options)
        np.testing.assert_array_equal(found.attributions[0], found.attributions[1])
    # No warning where the first weights do differ, of an instance with arguments or a class, nor of other sources.
    made_anew = regressor(MLP(X.shape[1]), callbacks=None, module__n_features=X.shape[1], max_epochs=1, lr=0.0)
    for estimator in (made_anew, regressor(max_epochs=1, lr=0.0)):
        found = explanation_stability(IntegratedGradientsExplainer(estimator, tol=10), X, y, **options)
        assert np.abs(found.attributions[0] - found.attributions[1]).max() > 1e-3
    explanation_stability(IntegratedGradientsExplainer(net, tol=10), X, y, cv=2, X_eval=X[:4])


def test_an_explainer_inside_another_is_fitted_again():
    X, y, _ = table()
    inside = IntegratedGradientsExplainer(regressor(max_epochs=1), n_steps=4, tol=10)
    explainer = SmoothGradExplainer(inside, n_samples=2, random_state=0)
    found = explanation_stability(explainer, X, y, sources=("seeds", "backgrounds"), n_repeats=2, X_eval=X[:4])
    assert found.attributions.shape[0] == 3
    assert found.decomposition.shares["seeds"] > 0


EVERYTHING = {"cv": 2, "sources": ("folds", "seeds", "backgrounds", "noise"), "n_repeats": 2}


def test_generators_and_the_explainer_stay_as_they_are():
    X, y, _ = table()
    explainer = IntegratedGradientsExplainer(regressor(max_epochs=2), n_steps=4, background_size=5, tol=10)
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    found = explanation_stability(explainer, X, y, X_eval=X[:5], **EVERYTHING)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert set(vars(explainer)) == set(explainer.get_params(deep=False))
    again = explanation_stability(explainer, X, y, X_eval=X[:5], **EVERYTHING)
    np.testing.assert_array_equal(again.attributions, found.attributions)
    other = explanation_stability(explainer, X, y, X_eval=X[:5], random_state=1, **EVERYTHING)
    assert not np.allclose(other.attributions[0], found.attributions[0], atol=1e-3)


@pytest.mark.slow
def test_two_processes_give_what_one_gives():
    X, y, _ = table()
    explainer = IntegratedGradientsExplainer(regressor(max_epochs=2), n_steps=4, background_size=5, tol=10)
    alone = explanation_stability(explainer, X, y, X_eval=X[:5], **EVERYTHING)
    spread = explanation_stability(explainer, X, y, X_eval=X[:5], n_jobs=2, **EVERYTHING)
    np.testing.assert_allclose(spread.attributions, alone.attributions, atol=1e-6)


# ---------------------------------------------------------------------- splitters
def test_every_splitter_gives_its_folds(linear, regression, X, y):
    groups = np.repeat(np.arange(6), 10)
    for cv, given, sizes in (
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), None, [40] * 6),
        (ShuffleSplit(4, train_size=20, random_state=0), None, [20] * 4),
        (TimeSeriesSplit(3), None, [15, 30, 45]),
        (GroupKFold(3), groups, [40] * 3),
    ):
        regression.trainings.clear()
        found = explanation_stability(linear(regression), X, y, groups=given, cv=cv, n_bootstrap=10)
        assert regression.trainings == sizes
        assert found.attributions.shape == (len(sizes), 60, 4)
        assert len(found.pairs) == len(sizes) * (len(sizes) - 1) / 2
        assert found.statements


def test_groups_stay_together(linear, regression, X, y):
    groups = np.tile([0, 1, 2], 20)
    found = cross_val_attributions(linear(regression), X, y, groups=groups, cv=GroupKFold(3))
    left_out = []
    for attributions in found:
        for group in range(3):
            rows = groups != group
            expected = LinearRegression().fit(X[rows], y[rows]).coef_ * (X - X[rows].mean())
            if np.allclose(attributions, expected):
                left_out.append(group)
    assert sorted(left_out) == [0, 1, 2]
    with pytest.raises(ValueError, match="groups"):
        cross_val_attributions(linear(regression), X, y, cv=GroupKFold(3))


def test_shared_training_rows_widen_the_interval_over_refits(linear, regression, X, y):
    found = explanation_stability(linear(regression), X, y, cv=4)
    apart = stability_from_attributions(found.attributions)
    for measure in ("spearman", "cosine"):
        low, high = found.interval_refits[measure]
        assert low < apart.interval_refits[measure][0] < apart.overall[measure]
        assert low < found.interval[measure][0] < found.interval[measure][1] <= high


class Weighted(Seeded):
    """Remembers the weights of its training."""

    def fit(self, X, y, sample_weight=None):
        Weighted.seen = sample_weight
        return super().fit(X, y)


@pytest.mark.parametrize("routing", [False, True])
def test_parameters_of_fit_reach_every_training(X, y, routing):
    weights, groups = np.arange(60.0), np.repeat([0, 1], 30)
    with sklearn.config_context(enable_metadata_routing=routing):
        estimator = Weighted(random_state=0)
        params = {"sample_weight": weights}
        how = {"groups": groups}
        if routing:
            estimator.set_fit_request(sample_weight=True)
            params, how = params | how, {}
        explainer = LocalSurrogateExplainer(estimator, n_samples=16, random_state=0)
        found = explanation_stability(
            explainer,
            X,
            y,
            cv=GroupKFold(2),
            X_eval=X[:3],
            sources=("folds", "seeds"),
            n_repeats=2,
            fit_params=params,
            **how,
        )
    assert len(found.attributions) == 3
    assert sorted(Weighted.seen) in (list(range(30)), list(range(30, 60)))


# ---------------------------------------------------------------------- what noise must not move
class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(9, 3), nn.Linear(3, 2)

    def forward(self, X):
        return self.out(self.embedding(X).mean(dim=1))


def test_codes_that_a_network_looks_up_are_not_moved():
    X = np.random.RandomState(0).randint(0, 9, (40, 5))
    net = NeuralNetClassifier(Words, criterion=nn.CrossEntropyLoss, max_epochs=1, train_split=None, verbose=0)
    explainer = IntegratedGradientsExplainer(net, tol=10)
    with pytest.raises(ValueError, match="explains a network that looks up the whole numbers in the rows"):
        explanation_stability(explainer, X, (X[:, 0] > 4).astype(int), sources="noise")


# ---------------------------------------------------------------------- planted instability
@pytest.fixture(scope="module")
def copies():
    """A table with the same informative column twice, and a net that is trained on it anew with each seed."""
    rng = np.random.RandomState(0)
    twice, other = rng.randn(200), rng.randn(200)
    X = pd.DataFrame({"one": twice, "copy": twice, "other": other, "nothing": rng.randn(200)}).astype(np.float32)
    y = (2 * twice + 3 * other).astype(np.float32)
    net = NeuralNetRegressor(MLP, max_epochs=15, lr=0.05, batch_size=50, train_split=None, verbose=0)
    return IntegratedGradientsExplainer(net, n_steps=16, tol=10, random_state=0), X, y


def test_two_copies_of_a_column_are_unstable_across_seeds(copies):
    explainer, X, y = copies
    found = explanation_stability(explainer, X, y, sources="seeds", n_repeats=8, top_k=2, X_eval=X[:60])
    assert set(found.unstable_columns) == {"one", "copy"}
    assert found.top_columns[0] == "other"
    table = found.columns
    assert table.loc[["one", "copy"], "variation"].min() > 3 * table.loc["other", "variation"]
    assert 0 < found.top_same < 1
    same = round(found.top_same * 8)
    assert f"are the same in {same} of 8 retrainings ({100 * same / 8:.0f} %)." in found.statements[0]
    assert any(sentence.startswith("copy is") for sentence in found.statements)


def test_the_seeds_and_not_the_folds_are_found_to_blame(copies):
    explainer, X, y = copies
    found = explanation_stability(
        explainer, X, y, cv=4, sources=("folds", "seeds", "backgrounds", "noise"), top_k=2, X_eval=X[:60]
    )
    shares = found.decomposition.shares
    assert max(shares, key=shares.get) == "seeds"
    assert shares["seeds"] > 0.5
    columns = found.decomposition.columns.loc[["one", "copy", "other"]]
    assert (columns["seeds"] / columns["rows"]).idxmin() == "other"
    assert any(s.startswith("Most of the disagreement (") and "another seed" in s for s in found.statements)
    by_source = found.by_source
    assert by_source["seeds"]["cosine"] < min(by_source[name]["cosine"] for name in ("folds", "backgrounds", "noise"))
