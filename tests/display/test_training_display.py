"""What TrainingDisplay draws is what the recorders noted, and planted faults of a training are marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.dataset import ValidSplit
from torch import nn

from sklearn_xai import (
    ActivationRecorder,
    AttributionRecorder,
    ConceptActivationVectors,
    ParameterRecorder,
    TrainingRecords,
    read_records,
)
from sklearn_xai.display import TrainingDisplay
from sklearn_xai.display._training_tables import gradient_flags, importances, settled
from tests.nets import MLP
from tests.recorded import TARGET, X, all_recorders, net_of, train


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a net with all recorders, trained and validated for five epochs, and the file they wrote."""
    path = tmp_path_factory.mktemp("records") / "training.jsonl"
    names = ["age", "$income$", "capital gain", "d"]
    callbacks = [
        ActivationRecorder(X, path=path),
        ParameterRecorder(path=path),
        AttributionRecorder(X=X, feature_names=names, path=path),
    ]
    return train(MLP, callbacks, train_split=ValidSplit(4), max_epochs=5), path


def records_of(net, name):
    return TrainingRecords.from_history(net.history, name)


def lines(ax):
    """Return the lines of axes by the first word of their label."""
    return {line.get_label().split("  ")[0]: line for line in ax.lines if not line.get_label().startswith("_")}


def cells(ax):
    """Return the numbers of a map of layers and epochs."""
    return np.asarray(ax.collections[0].get_array(), dtype=float)


def names_of_rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


# ---------------------------------------------------------------------- what is drawn is what was recorded
def test_losses_and_the_best_epoch(recorded):
    net, _ = recorded
    ax = TrainingDisplay.from_net(net, panels="loss").axes_["loss"]
    found = lines(ax)
    assert_allclose(found["training"].get_xdata(), [1, 2, 3, 4, 5])
    assert_allclose(found["training"].get_ydata(), net.history[:, "train_loss"])
    valid = net.history[:, "valid_loss"]
    assert_allclose(found["validation"].get_ydata(), valid)
    best = next(line for label, line in found.items() if label.startswith("best validation"))
    assert best.get_xydata().tolist() == [[np.argmin(valid) + 1, min(valid)]]


def test_gradients_and_changes_are_those_of_layers(recorded):
    net, _ = recorded
    display = TrainingDisplay.from_net(net)
    values = [record["values"] for record in records_of(net, "parameters")]
    for i, layer in enumerate(["hidden", "out"]):
        parts = [[found[f"{layer}.{name}"] for name in ("weight", "bias")] for found in values]
        norms = [np.hypot(*(part["gradient_norm"] for part in pair)) for pair in parts]
        assert_allclose(cells(display.axes_["gradients"])[i], norms, rtol=1e-6)
        moved = [np.hypot(*(part["update"] * part["norm"] for part in pair)) for pair in parts]
        sizes = [np.hypot(*(part["norm"] for part in pair)) for pair in parts]
        assert_allclose(cells(display.axes_["updates"])[i], np.divide(moved, sizes), rtol=1e-6)
    assert names_of_rows(display.axes_["gradients"]) == ["hidden", "out"]
    assert "none vanish or explode" in display.axes_["gradients"].get_title(loc="left")


def test_dead_units_are_those_of_the_records(recorded):
    net, _ = recorded
    ax = TrainingDisplay.from_net(net, panels=["dead"]).axes_["dead"]
    records = records_of(net, "activations")
    assert names_of_rows(ax) == ["hidden", "act", "out"]
    expected = [[record["values"][layer]["dead"] for record in records] for layer in ("hidden", "act", "out")]
    assert_allclose(cells(ax), expected)


def test_importance_is_the_share_of_each_column(recorded):
    net, _ = recorded
    ax = TrainingDisplay.from_net(net, panels="importance").axes_["importance"]
    values = [record["values"] for record in records_of(net, "attributions")]
    total = np.array([sum(found["mean_abs"] for found in epoch.values()) for epoch in values])
    found = lines(ax)
    assert set(found) == {"age", r"\$income\$", "capital gain", "d"}
    for name, label in [("age", "age"), ("$income$", r"\$income\$")]:
        assert_allclose(found[label].get_ydata(), [epoch[name]["mean_abs"] for epoch in values] / total, rtol=1e-6)
    last = [line.get_ydata()[-1] for line in found.values()]
    assert last == sorted(last, reverse=True)


def test_drift_is_that_of_the_records(recorded):
    net, _ = recorded
    ax = TrainingDisplay.from_net(net, panels="drift").axes_["drift"]
    overall = [record["overall"] for record in records_of(net, "attributions")]
    found = lines(ax)
    assert_allclose(found["cosine, to the epoch before"].get_ydata(), [o["drift_cosine"] for o in overall])
    assert_allclose(found["rank corr., to the last epoch"].get_ydata(), [o["to_last_spearman"] for o in overall])


def test_a_file_says_the_same_as_the_net(recorded):
    net, path = recorded
    panels = ["gradients", "updates", "dead", "importance", "drift"]
    given = [
        path,
        read_records(path),
        [records_of(net, name) for name in ("activations", "parameters", "attributions")],
        {name: records_of(net, name).to_frame() for name in ("activations", "parameters", "attributions")},
    ]
    expected = TrainingDisplay.from_net(net).tables
    for records in given:
        found = TrainingDisplay.from_records(records)
        assert list(found.tables) == list(found.axes_) == panels
        for panel in panels:
            assert_allclose(found.tables[panel], expected[panel], rtol=1e-6)
    display = TrainingDisplay.from_records(str(path), history=net.history)
    assert list(display.axes_) == ["loss", *panels]
    one = TrainingDisplay.from_records(records_of(net, "activations"))
    assert list(one.axes_) == ["dead"]


def test_epochs_that_were_not_recorded_have_no_place():
    net = train(MLP, all_recorders(every=3), max_epochs=8)
    display = TrainingDisplay.from_net(net)
    mesh = display.axes_["dead"].collections[0]
    assert mesh.get_coordinates()[0, :, 0].tolist() == [-0.5, 2.5, 5.5, 8.5]
    assert display.axes_["dead"].get_xticks().tolist() == [1, 4, 7]
    assert lines(display.axes_["importance"])["x0"].get_xdata().tolist() == [1, 4, 7]


def test_one_epoch_is_drawn():
    net = train(MLP, all_recorders(), max_epochs=1)
    display = TrainingDisplay.from_net(net)
    assert list(display.axes_) == ["loss", "gradients", "updates", "dead", "importance"]
    assert lines(display.axes_["importance"])["x0"].get_marker() == "o"
    for ax in display.axes_.values():
        assert ax.get_xticks().tolist() == [1]


def test_layers_come_in_the_order_of_their_calls():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.out, self.first = nn.Linear(5, 1), nn.Linear(4, 5)

        def forward(self, X):
            return self.out(self.first(X).relu())

    net = train(Backwards, [ParameterRecorder(), ActivationRecorder()])
    assert list(TrainingDisplay.from_net(net).tables["gradients"].index) == ["first", "out"]
    alone = TrainingDisplay.from_records(records_of(net, "parameters"))
    assert list(alone.tables["gradients"].index) == ["out", "first"]


# ---------------------------------------------------------------------- planted faults
def test_vanishing_gradients_of_a_deep_sigmoid_net_are_marked():
    layers = [nn.Linear(4, 12), nn.Sigmoid()]
    for _ in range(7):
        layers += [nn.Linear(12, 12), nn.Sigmoid()]
    net = train(nn.Sequential(*layers, nn.Linear(12, 1)), [ParameterRecorder()])
    display = TrainingDisplay.from_net(net, panels="gradients")
    flags = gradient_flags(display.tables["gradients"], 100)
    values = records_of(net, "parameters")
    ratio = [
        np.median(
            [
                np.hypot(*(found[f"{i}.{part}"]["gradient_norm"] for part in ("weight", "bias")))
                / np.hypot(*(found[f"16.{part}"]["gradient_norm"] for part in ("weight", "bias")))
                for found in (record["values"] for record in values)
            ]
        )
        for i in range(0, 17, 2)
    ]
    assert_allclose(flags["ratio"], ratio, rtol=1e-5)
    assert (flags["flag"] == np.where(np.array(ratio) < 0.01, "vanishing", "")).all()
    assert list(flags["flag"][:3]) == ["vanishing"] * 3
    assert list(flags["flag"][-2:]) == ["", ""]
    ax = display.axes_["gradients"]
    n = (flags["flag"] == "vanishing").sum()
    assert f"{n} vanishing" in ax.get_title(loc="left")
    assert [label.startswith("▼") for label in names_of_rows(ax)] == (flags["flag"] == "vanishing").tolist()
    assert "1/100" in ax.texts[0].get_text()


def test_exploding_gradients_are_marked():
    layers = [nn.Linear(4, 12)] + [nn.Linear(12, 12) for _ in range(5)] + [nn.Linear(12, 1)]
    for layer in layers[1:]:
        nn.init.normal_(layer.weight, std=3.0)
    nn.init.normal_(layers[0].weight, std=1e-4)
    net = train(nn.Sequential(*layers), [ParameterRecorder()], lr=0.0)
    display = TrainingDisplay.from_net(net, panels="gradients", limit=10)
    flags = gradient_flags(display.tables["gradients"], 10)
    assert flags["flag"].iloc[0] == "exploding"
    assert flags["flag"].iloc[-1] == ""
    assert names_of_rows(display.axes_["gradients"])[0].startswith("▲")


def test_dead_units_of_a_huge_learning_rate_are_shown():
    titles, shares = [], []
    for lr in (0.05, 0.5):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(4, 20), nn.ReLU(), nn.Linear(20, 1))
        net = net_of(module, [ActivationRecorder()], lr=lr, max_epochs=4).fit(X, TARGET)
        display = TrainingDisplay.from_net(net, panels="dead")
        shares.append(display.tables["dead"].loc["1"].iloc[-1])
        titles.append(display.axes_["dead"].get_title(loc="left"))
    assert shares[0] == 0
    assert shares[1] >= 0.4
    assert titles == ["dead units: none in the end", f"dead units: up to {shares[1]:.0%} (layer 1)"]


def test_a_training_that_diverged_is_drawn():
    with np.errstate(all="ignore"):
        net = train(MLP, all_recorders(), lr=1e30, max_epochs=3)
    display = TrainingDisplay.from_net(net)
    display.figure_.draw_without_rendering()
    assert list(display.axes_)[:2] == ["loss", "gradients"]
    assert "losses: not finite from epoch 1" in display.axes_["loss"].get_title(loc="left")
    assert "2 exploding" in display.axes_["gradients"].get_title(loc="left")
    assert names_of_rows(display.axes_["gradients"]) == ["▲ not finite  hidden", "▲ not finite  out"]


# ---------------------------------------------------------------------- when something became important
def test_settled_is_the_first_epoch_from_which_on_a_column_stays():
    frame = TrainingRecords(name="a", place="column")
    shares = {1: [0.8, 0.1, 0.1], 3: [0.5, 0.4, 0.1], 5: [0.49, 0.41, 0.1], 7: [0.5, 0.4, 0.1]}
    for epoch, values in shares.items():
        frame.add(epoch, {name: {"mean": 5.0, "mean_abs": 2 * v} for name, v in zip("abc", values, strict=True)}, {})
    table = importances(frame.to_frame())
    assert_allclose(table, list(shares.values()))
    assert settled(table, 0.02).to_dict() == {"a": 3, "b": 3, "c": 1}
    assert settled(table, 0.5).to_dict() == {"a": 1, "b": 1, "c": 1}
    assert settled(table, 0.005).isna().tolist() == [True, True, False]
    ax = TrainingDisplay.from_records(frame).axes_["importance"]
    assert lines(ax)["a"].get_label() == "a  0.500 ● 3"
    dots = [line.get_xydata()[0].tolist() for line in ax.lines if line.get_marker() == "o"]
    assert [3, 0.5] in dots
    strict = TrainingDisplay.from_records(frame, tolerance=0.005).axes_["importance"]
    assert lines(strict)["a"].get_label() == "a  0.500 moving"
    assert "±0.005" in strict.get_legend().get_title().get_text()


def test_many_columns_are_grey():
    records = TrainingRecords(name="a", place="column")
    for epoch in (1, 2):
        records.add(epoch, {f"column {j}": {"mean_abs": j} for j in range(1, 21)}, {})
    ax = TrainingDisplay.from_records(records).axes_["importance"]
    assert list(lines(ax)) == [f"column {j}" for j in range(20, 13, -1)]
    assert "grey: 13 more" in ax.get_legend().get_title().get_text()


def test_concepts_by_epoch():
    rows = np.random.RandomState(1).randn(80, 4).astype(np.float32)
    labels = (rows[:, 0] > 0).astype(np.int64)
    torch.manual_seed(0)
    net = net_of(
        MLP, kind=NeuralNetClassifier, module__n_outputs=2, criterion=nn.CrossEntropyLoss, max_epochs=1, lr=0.5
    )
    records = TrainingRecords(name="concepts", place="concept")
    concepts = pd.DataFrame({"first": rows[:, 0] > 0, "last": rows[:, 3] > 0})
    for epoch in (1, 2, 3):
        net.partial_fit(rows, labels)
        vectors = ConceptActivationVectors(net, layer="act", n_runs=2, random_state=0)
        found = np.abs(vectors.fit(rows, concepts).transform(rows)).mean(axis=0)
        records.add(epoch, {name: {"sensitivity": value} for name, value in zip(concepts, found, strict=True)}, {})
    ax = TrainingDisplay.from_records(records).axes_["importance"]
    assert ax.get_title(loc="left") == "when each concept became important"
    assert ax.get_ylabel() == "sensitivity"
    expected = [record["values"]["first"]["sensitivity"] for record in records]
    assert_allclose(lines(ax)["first"].get_ydata(), expected)


# ---------------------------------------------------------------------- axes and wrong use
def test_two_recorders_of_a_kind_have_panels_of_their_own():
    net = train(MLP, [AttributionRecorder(X=X), AttributionRecorder(X=X[:9], name="few")])
    display = TrainingDisplay.from_net(net)
    assert list(display.axes_) == ["loss", "importance", "importance:few", "drift", "drift:few"]
    assert display.axes_["importance:few"].get_title(loc="left").endswith("(few)")


def test_axes_are_taken_and_shared(recorded, ax):
    net, _ = recorded
    display = TrainingDisplay.from_net(make_pipeline(StandardScaler(), net), ax=ax)
    assert display.ax_ is ax
    assert len(ax.child_axes) == 6
    assert plt.get_fignums() == []
    one = Figure().subplots()
    TrainingDisplay.from_net(net, ax=one, panels="loss", alpha=0.5)
    assert lines(one)["training"].get_alpha() == 0.5
    assert "(MLP), 5 epochs" in ax.get_title(loc="left")


def test_no_text_lies_on_another(recorded):
    display = TrainingDisplay.from_net(recorded[0])
    display.figure_.draw_without_rendering()
    boxes = []
    for ax in display.axes_.values():
        labels = [*ax.texts, ax.xaxis.label, ax.yaxis.label, ax._left_title]
        for child in (ax, *ax.child_axes):
            for axis in (child.xaxis, child.yaxis):
                low, high = sorted(axis.get_view_interval())
                labels += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                labels += [tick.label2 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        labels += ax.get_legend().get_texts() if ax.get_legend() else []
        boxes += [(t.get_text(), t.get_window_extent()) for t in labels if t.get_text() and t.get_visible()]
    assert len(boxes) > 60
    for i, (first, box) in enumerate(boxes):
        for second, other in boxes[i + 1 :]:
            assert not box.padded(-1).overlaps(other.padded(-1)), (first, second)


def test_one_clear_error(recorded):
    net, _ = recorded
    with pytest.raises(ValueError, match=r"nothing was recorded. Train the net with recorders.*ParameterRecorder\(\)"):
        TrainingDisplay.from_net(train(MLP))
    with pytest.raises(TypeError, match="must be a fitted skorch net.*Got StandardScaler"):
        TrainingDisplay.from_net(StandardScaler())
    with pytest.raises(ValueError, match=r"some of \['dead'\].*Got \['loss'\]"):
        TrainingDisplay.from_records(records_of(net, "activations"), panels="loss")
    with pytest.raises(TypeError, match=r"hands \['alpha'\] to one panel"):
        TrainingDisplay.from_net(net, alpha=0.5)
    with pytest.raises(ValueError, match="'limit' parameter of TrainingDisplay must be a number above 1. Got 1"):
        TrainingDisplay.from_net(net, limit=1)
    with pytest.raises(TypeError, match="must be the records_ of a recorder.*Got int"):
        TrainingDisplay.from_records({"a": 3})
    with pytest.raises(ValueError, match="must have the columns 'epoch', 'layer'"):
        TrainingDisplay.from_records({"a": records_of(net, "activations").to_frame().drop(columns="statistic")})
    twice = [records_of(net, "activations")] * 2
    with pytest.raises(ValueError, match="two of the name 'activations'"):
        TrainingDisplay.from_records(twice)
