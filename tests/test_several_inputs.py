"""A dict of arrays is one table of named columns; a Pipeline may make the dict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler
from torch import nn

from sklearn_xai import (
    IntegratedGradientsExplainer,
    LocalSurrogateExplainer,
    OcclusionExplainer,
    SaliencyExplainer,
    ShapleyExplainer,
)
from tests.nets import classifier
from tests.oracles import mlp, seeded

RNG = np.random.RandomState(0)
X = {"num": RNG.standard_normal((30, 3)), "cat": RNG.randint(0, 4, (30, 2))}
NAMES = ["num_0", "num_1", "num_2", "cat_0", "cat_1"]
LABELS = np.where(X["num"][:, 0] + X["cat"][:, 0] > 1, "high", "low")
LABEL_NAMES = np.unique(LABELS)
FAST = {
    SaliencyExplainer: {},
    IntegratedGradientsExplainer: {},
    OcclusionExplainer: {"background_size": 5},
    ShapleyExplainer: {"background_size": 5},
    LocalSurrogateExplainer: {"n_samples": 60, "background_size": 5},
}


class Mixed(nn.Module):
    """Numbers, and categories that are looked up."""

    def __init__(self, n_outputs=2):
        super().__init__()
        self.embed, self.out = nn.Embedding(4, 2), nn.Linear(7, n_outputs)

    def forward(self, num, cat):
        return self.out(torch.tanh(torch.cat([num, self.embed(cat).flatten(1)], dim=1)))


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = mlp(3, 2, nn.Tanh), mlp(2, 2, nn.Tanh)

    def forward(self, left, right):
        return self.left(left) * self.right(right)


class Pictured(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(1, 2, 3), nn.Linear(8 + 3, 2)

    def forward(self, image, num):
        return self.out(torch.cat([torch.tanh(self.conv(image)).flatten(1), num], dim=1))


@pytest.mark.parametrize("cls", FAST)
def test_a_trained_net(cls):
    rows = {"num": X["num"].astype(np.float32), "cat": X["cat"]}
    explainer = cls(classifier(Mixed, callbacks=None), random_state=0, **FAST[cls]).fit(rows, LABELS)
    assert explainer.transform(rows).shape == (30, 5)
    assert explainer.get_feature_names_out().tolist() == NAMES
    assert explainer.feature_importances_.shape == (5,) and (explainer.feature_importances_ > 0).all()
    net = explainer.estimator_
    proba = net.predict_proba(rows)
    assert_allclose(explainer.predict_proba(rows), proba, atol=1e-6)
    assert_array_equal(explainer.predict(rows), LABEL_NAMES[proba.argmax(axis=1)])
    assert -1 <= explainer.score(rows) <= 1
    assert_allclose(explainer.transform({key: part[2:4] for key, part in rows.items()}), explainer.transform(rows)[2:4])


def test_gradients_of_the_numbers_and_of_the_categories():
    module = seeded(Mixed)
    num = torch.as_tensor(X["num"]).requires_grad_(True)
    vectors = module.embed(torch.as_tensor(X["cat"])).detach().requires_grad_(True)
    out = module.out(torch.tanh(torch.cat([num, vectors.flatten(1)], dim=1)))[:, 1]
    by_number, by_vector = torch.autograd.grad(out.sum(), [num, vectors])
    found = SaliencyExplainer(module, target=1).fit(X).transform(X)
    assert_allclose(found, torch.cat([by_number, by_vector.sum(dim=2)], dim=1), atol=1e-12)


@pytest.mark.parametrize("baseline", ["mean", "zero", "sample"])
def test_integrated_gradients_of_both_are_complete(baseline):
    explainer = IntegratedGradientsExplainer(seeded(Mixed), target=0, baseline=baseline, tol=1e-4, background_size=5)
    assert explainer.fit(X).explain(X).completeness_gap.max() < 2e-4


def test_two_tables_are_as_one():
    rows = {"left": X["num"], "right": X["num"][:, :2]}
    module = seeded(Towers)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module

        def forward(self, x):
            return self.inner(x[:, :3], x[:, 3:])

    table = np.concatenate(list(rows.values()), axis=1)
    for cls in (SaliencyExplainer, IntegratedGradientsExplainer, OcclusionExplainer):
        found = cls(module, target=0).fit(rows).transform(rows)
        assert_allclose(found, cls(Whole(), target=0).fit(table).transform(table), atol=1e-10)


def test_an_image_among_them_and_a_layer_of_its():
    rows = {"image": RNG.standard_normal((8, 1, 4, 4)), "num": X["num"][:8]}
    module = seeded(Pictured)
    explanation = IntegratedGradientsExplainer(module, target=0, tol=1e-4).fit(rows).explain(rows)
    assert explanation.values.shape == (8, 19) and explanation.completeness_gap.max() < 1e-3
    inside = IntegratedGradientsExplainer(module, layer="conv", target=0, tol=1e-4).fit(rows).explain(rows)
    with torch.no_grad():
        assert_allclose(inside.data, module.conv(torch.as_tensor(rows["image"])).flatten(1), atol=1e-12)
    assert inside.completeness_gap.max() < 1e-3


@pytest.mark.parametrize("cls", FAST)
def test_groups_by_the_names_of_columns(cls):
    explainer = cls(seeded(Mixed), target=0, feature_groups={"kinds": ["cat_0", "cat_1"]}, random_state=0, **FAST[cls])
    assert explainer.fit(X).transform(X).shape == (30, 4)
    assert explainer.get_feature_names_out().tolist() == ["num_0", "num_1", "num_2", "kinds"]


def test_frames_and_tensors_in_the_dict():
    given = {"num": pd.DataFrame(X["num"]), "cat": torch.as_tensor(X["cat"])}
    explainer = SaliencyExplainer(seeded(Mixed), target=0).fit(given)
    assert_array_equal(explainer.transform(X), explainer.transform(given))


def as_inputs(Z):
    Z = np.asarray(Z)
    return {"num": Z[:, :3].astype(np.float32), "cat": Z[:, 3:].astype(np.int64)}


@pytest.mark.parametrize("cls", FAST)
def test_a_pipeline_that_makes_the_dict(cls):
    frame = pd.DataFrame(X["num"], columns=["age", "income", "height"])
    frame.insert(1, "city", np.array(["Bern", "Genf", "Rom", "Ulm"])[X["cat"][:, 0]])
    frame.insert(0, "size", np.array(["l", "m", "s", "xl"])[X["cat"][:, 1]])
    before = make_column_transformer(
        (StandardScaler(), ["age", "income", "height"]), (OrdinalEncoder(), ["city", "size"])
    )
    pipeline = make_pipeline(before, FunctionTransformer(as_inputs), classifier(Mixed, callbacks=None))
    explainer = cls(pipeline, random_state=0, **FAST[cls]).fit(frame, LABELS)
    assert explainer.get_feature_names_out().tolist() == frame.columns.tolist()
    found = explainer.transform(frame)
    assert found.shape == (30, 5)
    assert_array_equal(explainer.predict(frame), LABEL_NAMES[explainer.estimator_.predict_proba(frame).argmax(axis=1)])
    if cls is IntegratedGradientsExplainer:
        assert explainer.explain(frame).completeness_gap.max() < 1e-2
    assert np.abs(found).max(axis=0).min() > 0  # no column is forgotten


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([X["num"], X["cat"]], "list of 2 arrays. Give a dict"),
        ((X["num"], X["cat"]), "tuple of 2 arrays. Give a dict"),
        (X["num"], "Give X as a dict of arrays"),
        ({"num": X["num"], "kind": X["cat"]}, "unexpected keyword argument 'kind'"),
        ({"num": X["num"], "cat": X["cat"].astype(str)}, r"X\['cat'\] must be an array of numbers"),
    ],
)
def test_what_is_no_dict_of_the_arguments(given, message):
    with pytest.raises(ValueError, match=f"SaliencyExplainer.*{message}"):
        SaliencyExplainer(seeded(Mixed), target=0).fit(given)


def test_ids_that_the_embedding_does_not_have():
    explainer = SaliencyExplainer(seeded(Mixed), target=0).fit(X)
    new = {"num": X["num"], "cat": X["cat"] + 7}
    with pytest.raises(ValueError, match="ids from 7 to 10 in an embedding of 4 vectors"):
        explainer.transform(new)
    with pytest.raises(ValueError, match="could not look up"):
        explainer.explained_output(new)


def test_other_estimators_take_no_dict():
    with pytest.raises(ValueError, match="only a skorch net or a torch module takes"):
        LocalSurrogateExplainer(LogisticRegression().fit(X["num"], LABELS)).fit(X)
    with pytest.raises(ValueError, match="fitted on a table"):
        SaliencyExplainer(seeded(lambda: mlp(3, 1))).fit(X["num"]).transform(X)


class OneHot(nn.Module):
    """Whole numbers that no gradient passes."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(7, 2)

    def forward(self, num, cat):
        return self.out(torch.cat([num, nn.functional.one_hot(cat[:, 0], 4).to(num)], dim=1))


def test_whole_numbers_without_a_gradient_are_named_and_not_given_zero():
    with pytest.raises(ValueError, match=r"columns \['cat_0'\] of its input in steps only"):
        SaliencyExplainer(seeded(OneHot), target=0).fit(X)
    assert ShapleyExplainer(seeded(OneHot), target=0, background_size=5).fit(X).transform(X)[:, 3].any()


class Masked(nn.Module):
    """Ids, and which of them are there."""

    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(9, 3, padding_idx=0), nn.Linear(3, 2)

    def forward(self, ids, mask):
        mask = mask.to(self.out.weight)[..., None]
        return self.out((torch.tanh(self.embed(ids)) * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1))


@pytest.mark.parametrize("kind", [np.int64, np.bool_])
def test_a_mask_is_held_and_said_to_be(kind):
    ids = RNG.randint(1, 9, (20, 4))
    ids[::3, 2:] = 0
    rows = {"ids": ids, "mask": (ids > 0).astype(kind)}
    explainer = IntegratedGradientsExplainer(seeded(Masked), target=0, baseline="pad", tol=1e-4)
    with pytest.warns(UserWarning, match=r"columns \['mask_2', 'mask_3'\].*get 0"):
        explanation = explainer.fit(rows).explain(rows)
    assert explanation.completeness_gap.max() < 2e-4
    assert (explanation.values[:, 4:] == 0).all() and (explanation.values[:, :4][ids == 0] == 0).all()
    assert (explanation.values[:, :4][ids > 0] != 0).all()
