"""Concept activation vectors: directions and derivatives known in closed form, and the test against random concepts."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ttest_ind
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_xai import ConceptActivationVectors, SaliencyExplainer
from sklearn_xai.network.concept_vectors import concept_vector, tcav_test
from tests.nets import classifier, regressor, table
from tests.oracles import seeded

RNG = np.random.RandomState(0)
X = RNG.standard_normal((400, 5)).astype(np.float32)
CONCEPTS = pd.DataFrame({"first": X[:, 0] > 0.5, "second": X[:, 1] > 0.5, "noise": RNG.random_sample(400) < 0.3})


class Known(nn.Module):
    """A hidden layer that is the input, and outputs that rise with the first column and do not heed the second."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Identity()
        self.out = nn.Linear(5, 3, bias=False)
        with torch.no_grad():
            self.out.weight.copy_(torch.tensor([[2.0, 0, 0, 0, 0], [-2.0, 0, 0, 0, 0], [0, 0, 1.0, 0, 0]]))

    def forward(self, X):
        return self.out(self.hidden(X))


def fitted(module=None, **kwargs):
    settings = {"layer": "hidden", "n_runs": 8, "random_state": 0} | kwargs
    return ConceptActivationVectors(module or Known(), **settings).fit(X, CONCEPTS)


def test_the_vector_of_a_concept_of_one_unit():
    labels = X[:, 0] > 0.2
    vector = concept_vector(X.astype(float), labels, LogisticRegression(C=1e3, max_iter=5000))
    assert_allclose(np.linalg.norm(vector), 1)
    assert vector[0] > 0.999


def test_the_vector_does_not_depend_on_the_units_scale_but_by_it():
    labels, scale = X[:, 0] + X[:, 1] > 0.2, np.array([1, 100, 1e-3, 1, 1])
    plain, scaled = (concept_vector(rows.astype(float), labels, LogisticRegression()) for rows in (X, X * scale))
    expected = plain / scale
    assert_allclose(scaled, expected / np.linalg.norm(expected), atol=1e-6)
    dead = concept_vector(np.column_stack([X, np.full(400, 7.0)]).astype(float), labels, LogisticRegression())
    assert dead[-1] == 0 and np.isfinite(dead).all()


def test_scores_of_a_linear_net_are_the_signs_of_its_weights():
    report = fitted(n_runs=20).report_
    assert report.loc[("0", "first"), "tcav_score"] == 1 and report.loc[("1", "first"), "tcav_score"] == 0
    assert report.loc[("0", "first"), "significant"] and report.loc[("1", "first"), "significant"]
    assert not report.xs("noise", level="concept")["significant"].any()
    assert report.loc[("0", "first"), "accuracy"] > 0.85
    assert abs(report.loc[("0", "noise"), "accuracy"] - 0.5) < 0.15
    assert (report["n_rows"] == len(X)).all()  # a plain module has no classes


def test_sensitivities_are_directional_derivatives():
    module = seeded(lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)))
    found = fitted(module, layer="1", target=2)
    slopes = SaliencyExplainer(module, layer="1", target=2).fit(X).transform(X[:20])
    assert_allclose(found.transform(X[:20]), slopes @ found.cavs_.T, rtol=1e-5, atol=1e-7)
    # and they say what a small step does
    step, hidden = 1e-4, module[:2](torch.as_tensor(X[:20]).double())
    moved = [module[2](hidden + step * torch.as_tensor(vector))[:, 2] for vector in found.cavs_]
    finite = torch.stack(moved, 1).sub(module[2](hidden)[:, 2:]).div(step).detach()
    assert_allclose(found.transform(X[:20]), finite, rtol=1e-4, atol=1e-6)
    activations = hidden.detach().numpy() @ found.cavs_.T
    assert_allclose(found.concept_activations(X[:20]), activations, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", ["flatten", "mean"])
def test_places_of_a_unit(pooling):
    images = RNG.standard_normal((60, 2, 6, 6)).astype(np.float32)
    images[:30, 0] += 1.5
    module = seeded(lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 2))).double()
    found = ConceptActivationVectors(module, layer="1", pooling=pooling, n_runs=3, random_state=0)
    found.fit(images, pd.DataFrame({"bright": np.arange(60) < 30}))
    assert found.cavs_.shape == (1, 48 if pooling == "flatten" else 3)
    z = torch.as_tensor(images[:5]).double()
    hidden, step = module[:2](z), 1e-5
    vector = torch.as_tensor(found.cavs_[0]).reshape(3, *([4, 4] if pooling == "flatten" else [1, 1]))
    finite = (module[2:](hidden + step * vector) - module[2:](hidden))[:, 1] / step
    assert_allclose(
        ConceptActivationVectors(module, layer="1", pooling=pooling, n_runs=3, random_state=0, target=1)
        .fit(images, pd.DataFrame({"bright": np.arange(60) < 30}))
        .transform(images[:5])[:, 0],
        finite.detach(),
        rtol=1e-4,
        atol=1e-7,
    )


def test_the_test_is_welchs():
    one, other = RNG.standard_normal(12), RNG.standard_normal(9) + 1
    assert tcav_test(one, other) == ttest_ind(one, other, equal_var=False).pvalue
    assert tcav_test(np.ones(4), np.ones(3)) == 1 and tcav_test(np.ones(4), np.zeros(3)) == 0


def test_random_concepts_are_rarely_significant():
    """Over 20 nets and concepts that are no concept, false alarms are few."""
    alarms = 0
    for seed in range(20):
        rng = np.random.RandomState(seed)
        module = seeded(lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2)), seed)
        concept = pd.DataFrame({"nothing": rng.random_sample(len(X)) < 0.5})
        found = ConceptActivationVectors(module, layer="1", n_runs=6, random_state=seed).fit(X, concept)
        alarms += found.report_["significant"].any()
    assert alarms <= 5


def test_classes_are_those_that_are_predicted():
    rows, _, labels = table(n=200, n_classes=3)
    names = np.array(["low", "middle", "high"])[labels]
    cavs = ConceptActivationVectors(classifier(max_epochs=20), layer="act", n_runs=3, random_state=0)
    cavs.fit(rows, pd.DataFrame({"last": rows[:, -1] > 0}), names)
    report = cavs.report_.reset_index()
    predicted = pd.Series(cavs.predict(rows)).value_counts()
    assert dict(zip(report["output"], report["n_rows"], strict=True)) == predicted.to_dict()
    assert list(cavs.set_output(transform="pandas").transform(rows).columns) == ["last"]


def test_masks_frames_and_arrays_say_the_same():
    shown = CONCEPTS.to_numpy()
    masks = np.zeros((400, 3, 2, 2), dtype=bool)
    masks[:, :, 1, 0] = shown
    truth = fitted().report_.to_numpy(dtype=float)
    for concepts in (shown, shown.astype(int), masks, {"masks": masks, "concepts": list(CONCEPTS)}):
        cavs = ConceptActivationVectors(Known(), layer="hidden", n_runs=8, random_state=0).fit(X, concepts)
        assert_allclose(cavs.report_.to_numpy(dtype=float), truth)


def test_the_same_again_and_pickled():
    first, again = fitted(), fitted(batch_size=7)
    assert_allclose(again.cavs_, first.cavs_, atol=1e-9)
    pd.testing.assert_frame_equal(again.report_, first.report_)
    assert_array_equal(pickle.loads(pickle.dumps(first)).transform(X), first.transform(X))


def test_nothing_else_is_touched():
    from tests.test_hygiene import state, worn_net

    net = worn_net()
    before, drawn = state(net.module_), torch.get_rng_state()
    rows, _, labels = table(n=50)
    cavs = ConceptActivationVectors(net, layer="hidden", n_runs=3).fit(rows, pd.DataFrame({"one": labels == 1}))
    cavs.transform(rows)
    assert state(net.module_) == before
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        (pd.DataFrame({"rare": np.arange(400) == 3}), "'rare' is shown by 1 of n_samples=400 rows"),
        (pd.DataFrame({"all": np.ones(400, dtype=bool)}), "'all' is shown by 400 of n_samples=400 rows"),
        (np.ones((399, 2), dtype=bool), "one row for each row of X.*399, 2.*400 rows"),
        (np.full((400, 1), 0.5), "0.5"),
    ],
)
def test_wrong_concepts(concepts, message):
    with pytest.raises(ValueError, match=message):
        ConceptActivationVectors(Known(), layer="hidden").fit(X, concepts)


def test_wrong_use():
    with pytest.raises(ValueError, match="'target' parameter of ConceptActivationVectors.*9"):
        fitted(target=9)
    with pytest.raises(ValueError, match="'n_runs' parameter"):
        fitted(n_runs=1)
    rows, y, labels = table(n=60)
    several = regressor().fit(rows, np.column_stack([y, -y]))
    with pytest.raises(ValueError, match="one output of several"):
        ConceptActivationVectors(several, layer="act").fit(rows, pd.DataFrame({"one": labels == 1}))


def test_in_a_pipeline():
    rows, _, labels = table(n=80)
    cavs = ConceptActivationVectors(classifier(), layer="act", n_runs=3, random_state=0)
    steps = make_pipeline(StandardScaler(), cavs, LogisticRegression())
    steps.fit(rows, labels, conceptactivationvectors__concepts=pd.DataFrame({"last": rows[:, -1] > 0}))
    assert steps[1].transform(steps[0].transform(rows)).shape == (80, 1) and steps.predict(rows).shape == (80,)
    alone = clone(cavs).fit(steps[0].transform(rows), rows[:, -1:] > 0, labels, concept_names=["last"])
    assert_array_equal(alone.report_.to_numpy(), steps[1].report_.to_numpy())
    with pytest.raises(ValueError, match="needs the concepts"):
        clone(cavs).fit(rows)
