"""Network dissection: counts held against all activations kept in memory, and every form that concepts come in."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_xai import NetworkDissection
from sklearn_xai.models import train_clone
from tests.nets import classifier, regressor, table
from tests.oracles import seeded
from tests.test_hygiene import Fragile, random_states, state, worn_net

RNG = np.random.RandomState(0)
IMAGES = RNG.standard_normal((40, 3, 12, 12)).astype(np.float32)
MASKS = RNG.uniform(size=(40, 11, 24, 24)) < np.linspace(0.02, 0.5, 11)[:, None, None]
TOKENS = RNG.randint(0, 9, (30, 7))
X, Y, LABELS = table(n=120)


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3, stride=2), nn.Linear(4, 3)

    def forward(self, X):
        return self.out(self.two(self.one(X).relu()).mean(dim=(2, 3)))


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.conv, self.out = nn.Embedding(9, 6), nn.Conv1d(6, 5, 2), nn.Linear(5, 2)

    def forward(self, X):
        return self.out(self.conv(self.embed(X).transpose(1, 2)).amax(dim=2))


class Given(nn.Module):
    """Shows what it is given at a layer, so that a test decides on the activations."""

    def __init__(self, n_outputs=2):
        super().__init__()
        self.seen, self.n_outputs = nn.Identity(), n_outputs

    def forward(self, X):
        return self.seen(X).flatten(1)[:, : self.n_outputs]


def activations(module, path, rows):
    """Return what a hook sees, units on the second axis."""
    found = []
    hook = module.get_submodule(path).register_forward_hook(lambda part, args, out: found.append(out.detach().clone()))
    with torch.no_grad():
        module(
            torch.as_tensor(rows).to(next(module.parameters()).dtype)
            if rows.dtype.kind == "f"
            else torch.as_tensor(rows)
        )
    hook.remove()
    return found[0].transpose(1, 2) if path == "embed" else found[0]


def brute_force(maps, masks, thresholds):
    """Return IoU (n_units, n_concepts) unit by unit, concept by concept, with torch's own interpolation."""
    if masks.ndim > 2 and maps.ndim > 2:
        mode = {3: "linear", 4: "bilinear"}[maps.ndim]
        maps = nn.functional.interpolate(maps.double(), size=masks.shape[2:], mode=mode, align_corners=False)
    result = np.zeros((maps.shape[1], masks.shape[1]))
    for k, threshold in enumerate(thresholds):
        on = (maps[:, k] > threshold).numpy()
        for c in range(masks.shape[1]):
            either = (on | masks[:, c]).sum()
            result[k, c] = (on & masks[:, c]).sum() / either if either else 0
    return result


# ---------------------------------------------------------------------- the counts
@pytest.mark.parametrize("places", [(10, 10), (4, 7)])
@pytest.mark.parametrize("size", [(24, 24), (10, 10), (5, 4), (17, 31)])
@pytest.mark.parametrize("quantile", [0.995, 0.8, 0.3])
def test_regions_of_images(places, size, quantile):
    rng = np.random.RandomState(1)
    maps = (3 + rng.standard_normal((200, 6, *places))).astype(np.float32)
    masks = rng.uniform(size=(200, 11, *size)) < 0.1
    found = NetworkDissection(Given(), layer="seen", quantile=quantile).fit(maps, masks)
    flat = np.moveaxis(maps, 1, 0).reshape(6, -1)
    assert_array_equal(found.thresholds_, np.quantile(flat, quantile, axis=1, method="inverted_cdf"))
    assert_allclose((flat <= found.thresholds_[:, None]).mean(axis=1), quantile, atol=1e-3)
    assert_allclose(found.iou_, brute_force(torch.as_tensor(maps), masks, found.thresholds_), atol=1e-6)


@pytest.mark.parametrize("path", ["one", "two"])
def test_regions_of_a_convolution(path):
    module = seeded(Convolutions)
    maps = activations(module, path, IMAGES)
    found = NetworkDissection(module, layer=path, quantile=0.95).fit(IMAGES, MASKS)
    flat = np.moveaxis(maps.numpy(), 1, 0).reshape(maps.shape[1], -1)
    assert_allclose(found.thresholds_, np.quantile(flat, 0.95, axis=1, method="inverted_cdf"), rtol=1e-12)
    assert_allclose(found.iou_, brute_force(maps, MASKS, found.thresholds_), atol=1e-6)


@pytest.mark.parametrize(("path", "size"), [("embed", 7), ("conv", 7), ("conv", 11)])
def test_regions_of_sequences(path, size):
    module = seeded(Sequences)
    masks = np.random.RandomState(1).uniform(size=(30, 3, size)) < 0.3
    found = NetworkDissection(module, layer=path, quantile=0.9).fit(TOKENS, masks)
    maps = activations(module, path, TOKENS)
    assert_allclose(found.iou_, brute_force(maps, masks, found.thresholds_), atol=1e-6)


def test_units_of_tables_are_compared_row_by_row():
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)))
    labels = np.column_stack([X[:, 0] > 0, X[:, 1] > 1, X[:, 2] < -1])
    found = NetworkDissection(net, layer="0", quantile=0.8).fit(X, labels)
    with torch.no_grad():
        values = net[0](torch.as_tensor(X).double())
    assert_allclose(found.iou_, brute_force(values, labels, found.thresholds_), atol=1e-12)


def test_masks_of_units_without_places_are_whether_a_concept_is_anywhere():
    module = seeded(Convolutions)
    sparse = MASKS & (np.arange(40)[:, None, None, None] % 3 == 0)
    masks, labels = (
        NetworkDissection(module, layer="out", quantile=0.7).fit(IMAGES, concepts).iou_
        for concepts in (sparse, sparse.any(axis=(2, 3)))
    )
    assert_array_equal(masks, labels)
    assert masks.max() > 0


def test_labels_of_images_are_true_all_over_them():
    module, labels = seeded(Convolutions), MASKS[:, :, 0, 0]
    whole = np.broadcast_to(labels[:, :, None, None], (40, 11, 12, 12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of_labels, of_masks = (NetworkDissection(module, layer="two").fit(IMAGES, each) for each in (labels, whole))
    assert_allclose(of_labels.iou_, of_masks.iou_, rtol=1e-12)
    assert_allclose(of_labels.chance_iou_, of_masks.chance_iou_, rtol=1e-12)
    assert of_labels.iou_.max() > 0


def test_labels_of_what_is_no_image():
    labels = TOKENS[:, :2] > 4
    whole = np.repeat(labels[:, :, None], 7, axis=2)
    of_labels, of_masks = (
        NetworkDissection(seeded(Sequences), layer="embed", quantile=0.9).fit(TOKENS, each) for each in (labels, whole)
    )
    assert_allclose(of_labels.iou_, of_masks.iou_)
    assert of_labels.iou_.max() > 0
    volumes = np.random.RandomState(0).uniform(size=(20, 2, 5, 4, 3)).astype(np.float32)
    there = volumes[:, :1, 0, 0, 0] > 0.5
    found = NetworkDissection(Given(), layer="seen", quantile=0.9).fit(volumes, there)
    everywhere = np.repeat(there, 60, axis=1)[:, np.newaxis]
    flat = torch.as_tensor(volumes).flatten(2)
    assert_allclose(found.iou_, brute_force(flat, everywhere, found.thresholds_))
    with pytest.raises(ValueError, match=r"shape \(5, 4, 3\). Give labels \(n_samples, n_concepts\)"):
        found.fit(volumes, volumes > 0.5)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_change_nothing(batch_size):
    module = seeded(Convolutions)
    whole = NetworkDissection(module, layer=["one", "two"], iou_threshold=0).fit(IMAGES, MASKS)
    parts = clone(whole).set_params(estimator=module, batch_size=batch_size).fit(IMAGES, MASKS)
    assert_allclose(parts.iou_, whole.iou_, atol=1e-6)
    assert_allclose(parts.transform(IMAGES), whole.transform(IMAGES), rtol=1e-6)


def test_chance_is_what_regions_that_know_nothing_of_the_masks_have():
    rng = np.random.RandomState(0)
    rows = rng.standard_normal((60, 2, 32, 32)).astype(np.float32)
    masks = rng.uniform(size=(60, 2, 32, 32)) < [[[0.1]], [[0.4]]]
    found = NetworkDissection(Given(), layer="seen", quantile=0.9).fit(rows, masks)
    assert_allclose(found.iou_, found.chance_iou_, rtol=0.05)
    assert_allclose(found.chance_iou_[0], [0.1 * 0.1 / 0.19, 0.1 * 0.4 / 0.46], rtol=0.05)
    assert_allclose(found.active_, 0.1, atol=1e-3)


def test_dead_and_saturated_units():
    rows = np.random.RandomState(0).uniform(size=(50, 5, 8, 8)).astype(np.float32)
    masks = np.random.RandomState(1).uniform(size=(50, 1, 8, 8)) < 0.05
    rows[:, 0] = 0  # dead
    rows[:, 1] = 3.3  # constant
    rows[:, 2] = np.where(masks[:, 0], 1, rows[:, 2] / 2)  # saturated where the concept is, in more places than 0.5%
    rows[:, 3] = np.where(masks[:, 0] & (rows[:, 3] < 0.02), 1, 0)  # active in fewer places than 0.5%
    found = NetworkDissection(Given(), layer="seen").fit(rows, masks)
    assert_array_equal(found.iou_[:2], 0)
    assert found.iou_[2, 0] == 1
    assert_allclose(found.iou_[3, 0], (rows[:, 3] > 0).sum() / masks.sum())
    assert list(found.unit_concept_[:3]) == [None, None, "concept0"]
    assert found.active_[1] == 0 and found.thresholds_[1] == np.float32(3.3)
    # larger masks: equal neighbours at the threshold of a unit are not above it by a rounding error
    flat = np.repeat(np.repeat(masks, 3, axis=2), 3, axis=3)
    plateau = np.where(rows[:, 4:] > 0.999, 1.1, 0.1).astype(np.float32)
    found = NetworkDissection(Given(), layer="seen", quantile=0.5).fit(plateau, flat)
    assert 0 < found.active_[0] < 0.01


# ---------------------------------------------------------------------- detectors
def planted_table():
    rng = np.random.RandomState(0)
    rows = rng.standard_normal((500, 4)).astype(np.float32)
    labels = pd.DataFrame({"high": rows[:, 0] > 1.2, "low": rows[:, 1] < -1.2, "noise": rng.uniform(size=500) < 0.3})
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    with torch.no_grad():
        module[0].weight.copy_(torch.diag(torch.tensor([1.0, -1.0, 1.0, 0.0])))
        module[0].bias.zero_()
        module[2].weight.zero_()
        module[2].weight[1, 0], module[2].bias[1] = 1, -1.2
        module[2].bias[0] = 0
    return rows, labels, module


def test_detectors_of_a_table_agree_more_than_chance_has_it():
    rows, labels, module = planted_table()
    found = NetworkDissection(module, layer="1", quantile=0.88).fit(rows, labels)
    assert list(found.detectors_) == [0, 1]  # the third agrees with noise by chance, and by more than 0.04
    assert list(found.unit_concept_[:2]) == ["high", "low"] and found.iou_[2].max() > 0.04
    assert list(found.get_feature_names_out()) == ["1_0: high", "1_1: low"]
    assert found.iou_[0, 0] > 0.85
    report = found.report_
    assert list(report["detector"]) == [True, True, False, False] and report.loc["1_1", "concept"] == "low"
    assert pd.isna(report.loc["1_3", "concept"]) and report.loc["1_3", "iou"] == 0
    assert "concept iou" not in report  # of one category
    assert found.summary_.set_index("category").loc["(all)", ["n_detectors", "n_unique"]].tolist() == [2, 2]


def test_the_report_tells_categories_and_layers():
    module = seeded(Convolutions)
    names = [f"c{j}" for j in range(11)]
    kinds = {"few": names[:5], "many": names[5:]}
    found = NetworkDissection(module, layer=["one", ("two", "input")], quantile=0.9, iou_threshold=0.05).fit(
        IMAGES, MASKS, concept_names=names, concept_categories=kinds
    )
    report = found.report_
    assert report["layer"].tolist() == ["one"] * 6 + ["two_input"] * 6 and report["unit"].tolist() == [*range(6)] * 2
    assert report.index[7] == "two_input_1"
    few = found.iou_[:, :5]
    assert_allclose(report["few iou"], few.max(axis=1))
    assert report["few concept"].tolist() == [names[j] for j in few.argmax(axis=1)]
    assert report["concept"].tolist() == [names[j] for j in found.iou_.argmax(axis=1)]
    assert set(report["category"]) <= {"few", "many"}
    summary = found.summary_
    assert len(summary) == 6 and summary["n_units"].eq(6).all()
    each = summary[summary["category"] != "(all)"].groupby("layer")["n_detectors"].sum()
    whole = summary[summary["category"] == "(all)"].set_index("layer")["n_detectors"]
    assert each.equals(whole) and whole.sum() == len(found.detectors_)


def test_transform_gives_the_detectors():
    module = seeded(Convolutions)
    maps = activations(module, "two", IMAGES).numpy()
    found = NetworkDissection(module, layer="two", quantile=0.9, iou_threshold=0).fit(IMAGES, MASKS)
    best = found.iou_.max(axis=1)
    found.set_params(iou_threshold=float(np.sort(best)[1])).fit(IMAGES, MASKS)
    assert_array_equal(found.detectors_, np.flatnonzero(best > np.sort(best)[1]))
    assert_allclose(found.transform(IMAGES), maps[:, found.detectors_].max(axis=(2, 3)))
    mean = found.set_params(pooling="mean").set_output(transform="pandas").transform(IMAGES)
    assert_allclose(mean, maps[:, found.detectors_].mean(axis=(2, 3)))
    assert list(mean.columns) == list(found.get_feature_names_out())


def test_no_detector():
    found = NetworkDissection(seeded(Convolutions), layer="two", iou_threshold=0.9).fit(IMAGES, MASKS)
    assert len(found.detectors_) == 0 and len(found.get_feature_names_out()) == 0
    with pytest.raises(ValueError, match=rf"found no detector.*{found.iou_.max():.3g}.*iou_threshold is 0.9"):
        found.transform(IMAGES)
    assert not found.report_["detector"].any()


# ---------------------------------------------------------------------- the forms of concepts
def test_all_forms_of_masks_are_one():
    module = seeded(Convolutions)
    names = [f"c{j}" for j in range(11)]

    def segmenter(rows):
        assert rows.shape[1:] == IMAGES.shape[1:]
        at = [np.flatnonzero((IMAGES == row).all(axis=(1, 2, 3)))[0] for row in rows]
        return MASKS[at].astype(np.uint8)

    first = NetworkDissection(module, layer="two").fit(IMAGES, MASKS, concept_names=names)
    forms = [
        MASKS.astype(int), MASKS.astype(float), torch.as_tensor(MASKS), MASKS.tolist(),
        {"masks": MASKS, "concepts": ["other"] * 11}, segmenter,
    ]  # fmt: skip
    for form in forms:
        found = NetworkDissection(module, layer="two", batch_size=16).fit(IMAGES, form, concept_names=names)
        assert_allclose(found.iou_, first.iou_, atol=1e-6)
        assert list(found.concepts_) == names


def test_forms_of_labels():
    rows, labels, module = planted_table()
    first = NetworkDissection(module, layer="1", quantile=0.88).fit(rows, labels)
    two = labels.set_axis(pd.MultiIndex.from_tuples([("a", "high"), ("b", "low"), ("b", "noise")]), axis=1)
    found = NetworkDissection(module, layer="1", quantile=0.88).fit(rows, two)
    assert list(found.concept_categories_) == ["a", "b", "b"] and list(found.concepts_) == list(labels.columns)
    assert_array_equal(found.iou_, first.iou_)
    found = clone(found).fit(rows, {"labels": labels.to_numpy(int), "concepts": ["x", "y", "z"], "categories": "abc"})
    assert list(found.concepts_) == ["x", "y", "z"] and list(found.concept_categories_) == ["a", "b", "c"]
    assert_array_equal(found.iou_, first.iou_)
    found = clone(found).fit(rows, labels.astype("boolean"), concept_categories={"high": "p", "low": "q", "noise": "q"})
    assert list(found.concept_categories_) == ["p", "q", "q"]
    assert_array_equal(found.iou_, first.iou_)


def frame(n=300):
    rng = np.random.RandomState(0)
    data = pd.DataFrame(
        {"age": rng.randint(20, 60, n), "city": rng.choice(["Rome", "Oslo", "Bern"], n, p=[0.7, 0.2, 0.1])}
    )
    return data.assign(old=data["age"] > 50, city=data["city"].astype("category"))


def mixed_pipeline(**settings):
    columns = make_column_transformer(
        (StandardScaler(), ["age"]), (OneHotEncoder(sparse_output=False), ["city"]), ("passthrough", ["old"])
    )
    return make_pipeline(columns, classifier(**{"max_epochs": 40, "lr": 0.1} | settings))


def test_columns_of_a_table_behind_a_pipeline():
    data = frame()
    y = np.where(data["city"] == "Oslo", "yes", "no")
    found = NetworkDissection(mixed_pipeline(), layer="act", quantile=0.8, random_state=0)
    found.fit(data, ["city", "old"], y)
    assert list(found.concepts_) == ["city=Bern", "city=Oslo", "city=Rome", "old"]
    assert list(found.concept_categories_) == ["city", "city", "city", "old"]
    assert "city=Oslo" in set(found.unit_concept_[found.detectors_])
    assert (found.predict(data) == y).mean() > 0.95
    named = found.set_output(transform="pandas").transform(data)
    assert named.index.equals(data.index) and all(": " in name for name in named.columns)
    lost = found.ablation("city=Oslo", data, y, n_random=3)
    assert list(lost.index) == ["(all)", "no", "yes"] and lost.loc["yes", "lost"] > 0.5
    with pytest.raises(ValueError, match="(?s)feature names.*agee"):
        found.transform(data.rename(columns={"age": "agee"}))


def test_segmenters_see_the_rows_of_the_user():
    data = frame()
    y = np.where(data["city"] == "Oslo", 1, 0)
    fitted = train_clone(mixed_pipeline(max_epochs=1), data, y)
    seen = []

    def old(rows):
        seen.append(len(rows))
        return rows[["old"]].to_numpy()

    found = NetworkDissection(fitted, layer="act", quantile=0.8, batch_size=100).fit(data, old, concept_names=["old"])
    assert seen == [2, 100, 100, 100]
    same = NetworkDissection(fitted, layer="act", quantile=0.8).fit(data, ["old"])
    assert_allclose(found.iou_, same.iou_)


# ---------------------------------------------------------------------- with scikit-learn
def test_a_linear_model_on_concepts():
    rows, labels, module = planted_table()
    y = np.where(labels["high"] | labels["low"], "odd", "even")
    steps = make_pipeline(NetworkDissection(module, layer="1", quantile=0.88), LogisticRegression())
    steps.fit(rows, y, networkdissection__concepts=labels)
    assert steps.score(rows, y) > 0.85
    assert list(steps[:-1].get_feature_names_out()) == ["1_0: high", "1_1: low"]
    found = cross_val_score(steps, rows, y, params={"networkdissection__concepts": labels}, cv=3)
    assert found.mean() > 0.85
    last = make_pipeline(StandardScaler(with_std=False), NetworkDissection(module, layer="1", quantile=0.88))
    last.fit(rows, y, networkdissection__concepts=labels)
    assert len(last[-1].detectors_) == 2
    last.fit(rows, networkdissection__concepts=labels)
    assert_array_equal(last[-1].fit_transform(rows, labels), last[-1].fit(rows, labels).transform(rows))


def test_metadata_routing():
    rows, labels, module = planted_table()
    y = np.where(labels["high"], 1, 0)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = NetworkDissection(module, layer="1", quantile=0.88).set_fit_request(concepts=True)
        steps = make_pipeline(asking, LogisticRegression()).fit(rows, y, concepts=labels)
        assert steps.score(rows, y) > 0.85


def test_with_y_a_clone_is_trained():
    net = classifier(max_epochs=2)
    concepts = {"labels": X[:, :2] > 1}
    asked = NetworkDissection(net, layer="act", quantile=0.8, random_state=0)
    first = clone(asked).fit(X, concepts, LABELS)
    assert list(first.classes_) == sorted(set(LABELS))
    for found in (clone(asked).fit(X, LABELS, concepts=concepts), clone(asked).fit(X, y=LABELS, concepts=concepts)):
        assert_array_equal(found.iou_, first.iou_)
    assert not getattr(net, "initialized_", False)
    frozen = FrozenEstimator(classifier().fit(X, LABELS))
    assert NetworkDissection(frozen, layer="act").fit(X, concepts, LABELS).estimator_ is frozen


def test_pickle_and_clone():
    rows, labels, module = planted_table()
    found = NetworkDissection(module, layer="1", quantile=0.88).fit(rows, labels)
    twin = pickle.loads(pickle.dumps(found))
    assert_array_equal(twin.transform(rows), found.transform(rows))
    assert twin.report_.equals(found.report_)
    assert clone(found).get_params()["quantile"] == 0.88


# ---------------------------------------------------------------------- units switched off
def test_ablation_is_that_of_a_network_without_the_units():
    rows, labels, module = planted_table()
    y = labels["high"].to_numpy().astype(int)
    found = NetworkDissection(module, layer="1", quantile=0.88, random_state=0).fit(rows, labels)
    table_ = found.ablation("high", rows, y, n_random=3)
    assert table_.loc["(all)", "score"] == 1 and table_.loc[1, "ablated"] == 0 and table_.loc[0, "lost"] == 0
    assert_allclose(table_.loc["(all)", "lost"], y.mean())
    assert_array_equal(table_["lost_at_random"], 0)  # nothing is read from other units
    assert_array_equal(found.ablation(["1_0"], rows, y)["lost"], table_["lost"])
    assert_array_equal(found.ablation([0], rows, y, value="mean")["score"], table_["score"])
    assert found.ablation(0, rows, y, n_random=0)["lost_at_random"].isna().all()


@pytest.mark.parametrize("value", ["zero", "mean"])
def test_ablation_of_channels_of_several_layers(value):
    module, y = seeded(Convolutions), np.arange(40) % 3
    with torch.no_grad():
        module.out.bias -= module(torch.as_tensor(IMAGES).double()).mean(dim=0)
    found = NetworkDissection(module, layer=["one", "two"]).fit(IMAGES, MASKS)
    table_ = found.ablation([1, 4, 6 + 2], IMAGES, y, value=value, n_random=2)
    one, two = (activations(module, path, IMAGES) for path in ("one", "two"))
    with torch.no_grad():
        for k in (1, 4):
            one[:, k] = one[:, k].mean() if value == "mean" else 0
        hidden = module.two(one.relu())
        hidden[:, 2] = two[:, 2].mean() if value == "mean" else 0
        predicted = module.out(hidden.mean(dim=(2, 3))).argmax(dim=1).numpy()
    assert_allclose(table_.loc["(all)", "ablated"], (predicted == y).mean())
    assert (predicted != found.predict(IMAGES).argmax(axis=1)).any()
    assert_allclose(table_.loc[2, "ablated"], (predicted == y)[y == 2].mean())


def test_ablation_of_a_regressor():
    net = regressor(max_epochs=30).fit(X, Y.reshape(-1, 1))
    found = NetworkDissection(net, layer="act", quantile=0.8).fit(X, X[:, :2] > 1)
    table_ = found.ablation(list(range(8)), X, Y, n_random=0)
    assert list(table_.index) == ["(all)"] and table_.loc["(all)", "ablated"] <= 1e-6 < table_.loc["(all)", "score"]


@pytest.mark.parametrize(
    ("units", "settings", "message"),
    [
        ("red", {}, r"holds 'red', neither.*'1_0', nor a concept with a detector. There are: \['high', 'low'\]"),
        (4, {}, "indices from 0 to 3.*Got 4"),
        ([0.5], {}, "Got 0.5"),
        ([], {}, "empty"),
        (
            0,
            {"value": "median"},
            "'value' parameter of NetworkDissection.ablation must be one of 'zero', 'mean'. Got 'median'",
        ),
        (
            0,
            {"n_random": -1},
            "'n_random' parameter of NetworkDissection.ablation must be a whole number from 0. Got -1",
        ),
    ],
)
def test_ablation_of_what_is_not_there(units, settings, message):
    rows, labels, module = planted_table()
    found = NetworkDissection(module, layer="1", quantile=0.88).fit(rows, labels)
    with pytest.raises(ValueError, match=message):
        found.ablation(units, rows, labels["high"].to_numpy().astype(int), **settings)


# ---------------------------------------------------------------------- what is left alone
@pytest.mark.parametrize("broken", [False, True])
def test_the_module_is_as_it_was(broken):
    net, labels = worn_net(Fragile), X[:, :2] > 1
    found = NetworkDissection(net, layer=["hidden", "drop"], quantile=0.8, iou_threshold=0).fit(X, labels)
    before, draws = state(net.module_), random_states()
    net.module_.broken = broken
    uses = [
        lambda: found.fit(X, labels), lambda: found.ablation(0, X, Y), lambda: found.ablation(9, X, Y, value="mean"),
        lambda: clone(found).set_params(estimator=net, iou_threshold=0).fit_transform(X, labels),
    ]  # fmt: skip
    for use in uses:
        if broken:
            with pytest.raises((RuntimeError, ValueError), match="broken down"):
                use()
        else:
            use()
    del net.module_.broken
    assert state(net.module_) == before and random_states() == draws


def test_what_is_given_is_not_written_to():
    rows, masks = IMAGES.copy(), MASKS.copy()
    for array in (rows, masks):
        array.setflags(write=False)
    NetworkDissection(seeded(Convolutions), layer="one").fit(rows, masks)
    assert_array_equal(rows, IMAGES)
    assert_array_equal(masks, MASKS)


# ---------------------------------------------------------------------- what cannot be compared
@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        (MASKS[:7], "one row for each row of X. Got shape .7, 11, 24, 24. for 40 rows"),
        (MASKS[:, 0, 0, 0], "must be masks of shape.*Got an array of shape .40,."),
        (MASKS[:, :, 0], r"masks of shape \(24,\).*shape \(10, 10\). Give masks \(n_samples, n_concepts, h"),
        (MASKS + 0.5, "must hold True and False, or 1 and 0.*Got .*masks > 0.5"),
        (np.where(MASKS, np.nan, 1), "Got .*nan"),
        (MASKS.astype(str), "Got ndarray of type <U5"),
        ([[True], [True, False]], "must be masks.*Got list"),
        ({"pixels": MASKS}, r"dict with the keys \['pixels'\].*'masks' or 'labels'"),
        (["red"], r"names columns, \['red'\], but X is no DataFrame"),
        (lambda rows: MASKS[:1], "function|returned masks of shape .1, 11, 24, 24.. Expected"),
        (lambda rows: [[0.3]] * len(rows), "Got np.float64.0.3."),
        (None, "needs the concepts.*networkdissection__concepts=concepts"),
    ],
)  # fmt: skip
def test_concepts_that_are_none(concepts, message):
    with pytest.raises(ValueError, match=message):
        NetworkDissection(seeded(Convolutions), layer="one").fit(IMAGES, concepts)


def test_names_that_do_not_fit():
    found = NetworkDissection(seeded(Convolutions), layer="one")
    with pytest.raises(ValueError, match="got 2 names of concepts for 11 concepts: .'a', 'b'."):
        found.fit(IMAGES, MASKS, concept_names=["a", "b"])
    with pytest.raises(ValueError, match="several are called 'a'"):
        found.fit(IMAGES, MASKS, concept_names=["a"] * 11)
    with pytest.raises(ValueError, match="got 1 categories"):
        found.fit(IMAGES, MASKS, concept_categories=["a"])
    with pytest.raises(ValueError, match=r"none for \['concept1'"):
        found.fit(IMAGES, MASKS, concept_categories={"concept0": "a"})
    with pytest.raises(TypeError, match="takes X, concepts and y"):
        found.fit(IMAGES, MASKS, LABELS, concepts=MASKS)


def test_columns_that_are_no_concepts():
    data = frame()
    fitted = train_clone(mixed_pipeline(max_epochs=1), data, np.where(data["old"], 1, 0))
    found = NetworkDissection(fitted, layer="act")
    with pytest.raises(ValueError, match=r"'town' is no column of X. There are: \['age', 'city', 'old'\]"):
        found.fit(data, ["town"])
    with pytest.raises(ValueError, match=r"column 'age' of X holds numbers.*X\['age'\] >"):
        found.fit(data, ["age"])
    with pytest.raises(ValueError, match="column 'city' holds other values than True and False"):
        found.fit(data, data[["old", "city"]])


def test_concepts_that_are_nowhere():
    masks = MASKS.copy()
    masks[:, 3] = False
    with pytest.warns(UserWarning, match=r"concepts \['concept3'\] are nowhere"):
        found = NetworkDissection(seeded(Convolutions), layer="one").fit(IMAGES, masks)
    assert_array_equal(found.iou_[:, 3], 0)


def test_activations_that_are_no_numbers():
    module = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)).eval()
    with torch.no_grad():
        module[0].bias[1] = np.inf
    with pytest.raises(ValueError, match="unit 1 of layer '0' are not all finite"):
        NetworkDissection(module, layer="0").fit(X, X[:, :2] > 1)
    found = NetworkDissection(module, layer="1")
    with pytest.raises(NotFittedError):
        found.transform(X)
    with pytest.raises(NotFittedError):
        found.report_  # noqa: B018
    with pytest.raises(ValueError, match="'quantile' parameter"):
        clone(found).set_params(estimator=module, quantile=1.5).fit(X, X[:, :2] > 1)
