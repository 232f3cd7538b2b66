"""What TensorBoard reads from the event files of a training is what the history and the recorders hold."""

from __future__ import annotations

import builtins
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from matplotlib import colormaps
from matplotlib.image import imread
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochScoring
from skorch.dataset import ValidSplit
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from torch import nn

from sklearn_xai import (
    ActivationRecorder,
    AttributionRecorder,
    InputXGradientExplainer,
    IntegratedGradientsExplainer,
    LayerActivations,
    ParameterRecorder,
    TensorBoardExplanations,
)
from sklearn_xai.network.training._event_file import EventFile, new_run
from sklearn_xai.network.training._statistics import describe
from tests.nets import MLP, LazyMLP, Mixed
from tests.recorded import LABELS, TARGET, X, net_of, train, weights

IMAGES = np.random.RandomState(0).rand(24, 1, 8, 8).astype(np.float32)


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.act = nn.ReLU()
        self.out = nn.Linear(3 * 36, 2)

    def forward(self, X):
        return self.out(self.act(self.conv(X)).flatten(1))


class Counting(Mixed):
    """Counts its calls whatever the mode, trains by that, and draws in each."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, X):
        self.seen += 1
        return super().forward(X) / self.seen + 0 * torch.rand(())


def read(folder):
    """Return what tensorboard finds in the folder of a run."""
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0, "images": 0})
    return found.Reload()


def scalars(found, tag):
    return {event.step: event.value for event in found.Scalars(tag)}


def last_picture(found, tag):
    event = found.Images(tag)[-1]
    picture = imread(BytesIO(event.encoded_image_string))[..., :3]
    assert picture.shape[:2] == (event.height, event.width)
    return picture


def board_of(net):
    return next(callback for _, callback in net.callbacks_ if isinstance(callback, TensorBoardExplanations))


# ---------------------------------------------------------------------- the training is left alone
@pytest.mark.parametrize("module", [Counting, LazyMLP])
@pytest.mark.parametrize("split", [None, ValidSplit(4)])
def test_same_training_bit_for_bit(module, split, tmp_path):
    kwargs = {"iterator_train__shuffle": True, "train_split": split, "optimizer": torch.optim.Adam, "lr": 0.01}
    y = TARGET if module is not LazyMLP else np.repeat(TARGET, 32, axis=1)
    plain, drawn = train(module, y=y, **kwargs), torch.get_rng_state()
    written = train(module, [TensorBoardExplanations(tmp_path)], y=y, **kwargs)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert weights(written) == weights(plain)
    assert written.history[:, "train_loss"] == plain.history[:, "train_loss"]
    assert read(board_of(written).run_dir_).Tags()["scalars"]


def test_same_training_of_images(tmp_path):
    nets = []
    for callbacks in (None, [TensorBoardExplanations(tmp_path)]):
        torch.manual_seed(0)
        nets.append(net_of(Conv, callbacks, NeuralNetClassifier, criterion=nn.CrossEntropyLoss))
        nets[-1].fit(IMAGES, LABELS[:24])
    assert weights(nets[0]) == weights(nets[1])
    assert all(not part._forward_hooks for part in nets[1].module_.modules())


# ---------------------------------------------------------------------- numbers and histograms
@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a net with recorders and a score of its own, the board in front of the others, and what was read."""

    def score(net, X, y=None):
        return float(net.predict(X).std())

    callbacks = [
        TensorBoardExplanations(tmp_path_factory.mktemp("runs"), run="written"),
        ActivationRecorder(X, n_bins=7),
        ParameterRecorder(n_bins=9),
        AttributionRecorder(IntegratedGradientsExplainer(None), X, feature_names=list("abcd"), name="integrated"),
        ("spread", EpochScoring(score, name="spread")),
    ]
    net = train(MLP, callbacks, train_split=ValidSplit(4), max_epochs=4)
    return net, read(board_of(net).run_dir_)


def test_losses_and_scores_are_those_of_the_history(written):
    net, found = written
    for tag, key in [
        ("loss/train_loss", "train_loss"),
        ("loss/valid_loss", "valid_loss"),
        ("history/spread", "spread"),
    ]:
        assert list(scalars(found, tag)) == [1, 2, 3, 4]
        assert_allclose(list(scalars(found, tag).values()), net.history[:, key], rtol=1e-6)
    assert not any("best" in tag or "batches" in tag for tag in found.Tags()["scalars"])


def test_every_number_of_the_recorders_is_there_once(written):
    net, found = written
    expected = {}
    for _, recorder in net.callbacks_:
        if not hasattr(recorder, "records_"):
            continue
        for record in recorder.records_:
            name = recorder.name_
            numbers = {f"{name}/{key}": value for key, value in record["overall"].items() if "to_last" not in key}
            for place, statistics in record["values"].items():
                numbers |= {f"{name}_{key}/{place}": value for key, value in statistics.items()}
            for tag, value in numbers.items():
                if not isinstance(value, list) and not math.isnan(value):
                    expected[tag, record["epoch"]] = value
    tags = [tag for tag in found.Tags()["scalars"] if not tag.startswith(("loss/", "history/"))]
    events = [(tag, event.step, event.value) for tag in tags for event in found.Scalars(tag)]
    assert len(events) == len(expected) > 200
    for tag, step, value in events:
        assert value == pytest.approx(expected[tag, step], rel=1e-6)


def test_histograms_are_those_of_the_recorders(written):
    net, found = written
    recorders = {recorder.name_: recorder for _, recorder in net.callbacks_ if hasattr(recorder, "records_")}
    for tag in ["parameters/hidden.weight", "activations/act"]:
        name, place = tag.split("/")
        for event, record in zip(found.Histograms(tag), recorders[name].records_, strict=True):
            kept, seen = record["values"][place], event.histogram_value
            assert event.step == record["epoch"]
            assert_array_equal(seen.bucket, kept["histogram_counts"])
            assert_allclose([seen.min, *seen.bucket_limit], kept["histogram_edges"])
            assert seen.max == seen.bucket_limit[-1]
            assert seen.num == sum(kept["histogram_counts"])
            mean, square = seen.sum / seen.num, seen.sum_squares / seen.num
            assert (mean, math.sqrt(square - mean**2)) == pytest.approx((kept["mean"], kept["std"]), rel=1e-4)


class Gradients(Callback):
    """Keeps the gradients of the last batch."""

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.last_ = {name: parameter.grad.clone() for name, parameter in named_parameters}


def test_histograms_of_gradients_are_those_of_the_last_batch(tmp_path):
    board, gradients = TensorBoardExplanations(tmp_path, n_pictured=0), Gradients()
    train(MLP, [board, gradients], max_epochs=2)
    found = read(board.run_dir_)
    for name, gradient in gradients.last_.items():
        expected, seen = describe(gradient, 20), found.Histograms(f"gradients/{name}")[-1].histogram_value
        assert_array_equal(seen.bucket, expected["histogram_counts"])
        assert_allclose(seen.bucket_limit, expected["histogram_edges"][1:])


def test_histograms_of_what_is_not_finite(tmp_path):
    file = EventFile(tmp_path)
    values = torch.tensor([0.5, 1.5, 1.5, math.inf, math.nan])
    file.write(3, histograms={"some": describe(values, 2), "none": describe(values[3:], 2)})
    found = read(tmp_path)
    some, none = (found.Histograms(tag)[0].histogram_value for tag in ("some", "none"))
    assert (some.num, none.num, none.sum) == (3, 0, 0)
    assert some.sum == pytest.approx(0.75 + 2 * 1.25)  # centres of the bins


# ---------------------------------------------------------------------- pictures
def test_attributions_of_images_are_pictured(tmp_path):
    board = TensorBoardExplanations(tmp_path, IMAGES[:5], n_pictured=3)
    net = net_of(Conv, [board], NeuralNetClassifier, criterion=nn.CrossEntropyLoss).fit(IMAGES, LABELS[:24])
    found = read(board.run_dir_)
    assert [event.step for event in found.Images("attributions/rows")] == [1, 2, 3]
    picture = last_picture(found, "attributions/rows")
    values = InputXGradientExplainer(net).fit(IMAGES[:5]).transform(IMAGES[:3]).sum(axis=1)
    limit = np.quantile(np.abs(values), 0.99, method="higher")
    side = 128 // 8
    for i in range(3):
        top, left = i * (128 + 4), 128 + 4
        shown = picture[top + side // 2 : top + 128 : side, left + side // 2 : left + 128 : side]
        assert_allclose(shown, colormaps["RdBu_r"](0.5 + values[i] / (2 * limit))[..., :3], atol=0.02)
        image = picture[top + side // 2 : top + 128 : side, side // 2 : 128 : side, 0]
        unit = (IMAGES[i, 0] - IMAGES[i].min()) / np.ptp(IMAGES[i])
        assert_allclose(image, unit, atol=0.01)


def test_feature_maps_are_pictured(tmp_path):
    board = TensorBoardExplanations(tmp_path, IMAGES[:5], layer=["conv", "act"], n_pictured=2)
    net = net_of(Conv, [board], NeuralNetClassifier, criterion=nn.CrossEntropyLoss).fit(IMAGES, LABELS[:24])
    found = read(board.run_dir_)
    assert {"feature_maps/conv", "feature_maps/act"} < set(found.Tags()["images"])
    picture = last_picture(found, "feature_maps/conv")
    with torch.no_grad():
        maps = net.module_.conv(torch.from_numpy(IMAGES[:2])).numpy()
    assert picture.shape == (2 * 68 - 4, 4 * 68 - 4, 3)
    centres = ((np.arange(6) + 0.5) * 64 / 6).astype(int)
    for i in range(2):
        for j in range(3):
            shown = picture[i * 68 + centres][:, (j + 1) * 68 + centres]
            unit = (maps[i, j] - maps[:, j].min()) / np.ptp(maps[:, j])
            assert_allclose(shown, colormaps["viridis"](unit)[..., :3], atol=0.02)


def test_attributions_of_tables_are_pictured_without_pyplot(tmp_path):
    from matplotlib import pyplot as plt

    board = TensorBoardExplanations(tmp_path, every=2)
    train(MLP, [board], max_epochs=4)
    found = read(board.run_dir_)
    assert found.Tags()["images"] == ["attributions/rows"]
    assert [event.step for event in found.Images("attributions/rows")] == [1, 3]
    assert np.ptp(last_picture(found, "attributions/rows")) > 0.5
    assert plt.get_fignums() == []


def test_no_pictures_and_no_points_on_request(tmp_path):
    board = TensorBoardExplanations(tmp_path, n_pictured=0, embedding=None, recorders=[])
    net = train(MLP, [board])
    found = read(board.run_dir_)
    tags = found.Tags()
    assert (tags["images"], tags["histograms"]) == ([], [])
    assert set(tags["scalars"]) == {"loss/train_loss", "history/dur", "history/train_batch_count"}
    assert "parameters" not in net.history[-1]
    assert not (board.run_dir_ / "projector_config.pbtxt").exists()


def test_a_network_that_diverges_is_written(tmp_path):
    board = TensorBoardExplanations(tmp_path)
    with np.errstate(all="ignore"):
        train(MLP, [board], lr=1e30, max_epochs=2)
    found = read(board.run_dir_)
    assert not math.isfinite(scalars(found, "loss/train_loss")[2])
    assert scalars(found, "activations_not_finite/out")[2] == 1
    assert "attributions/rows" not in found.Tags()["images"]


# ---------------------------------------------------------------------- the projector
def points(board):
    """Return the tensors and the lines of metadata that the projector is told of, by name."""
    config = text_format.Parse((board.run_dir_ / "projector_config.pbtxt").read_text(), ProjectorConfig())
    return {
        one.tensor_name: (
            np.loadtxt(board.run_dir_ / one.tensor_path, delimiter="\t", ndmin=2),
            [line.split("\t") for line in (board.run_dir_ / one.metadata_path).read_text().splitlines()],
        )
        for one in config.embeddings
    }


def test_the_projector_shows_a_layer_and_the_labels(tmp_path):
    y = np.array(["no\tway", "yes"])[LABELS]  # labels that the net itself never sees
    layers = ["hidden", ("out", "input")]
    board = TensorBoardExplanations(tmp_path, X, y=y, embedding=layers, probe_size=30, random_state=3, n_pictured=0)
    net = train(MLP, [board])
    found = points(board)
    assert list(found) == ["hidden", "input of out"]
    rows = board.labels_["row"]
    assert len(rows) == 30 == len(set(rows))
    assert_array_equal(board.probe_, X[rows])
    for name, layer in [("hidden", "hidden"), ("input of out", ("out", "input"))]:
        values, lines = found[name]
        assert_allclose(values, LayerActivations(net, layer=layer).fit(X).transform(X[rows]), rtol=1e-5, atol=1e-6)
        assert lines[0] == ["row", "label"]
        assert lines[1:] == [[str(i), ["no way", "yes"][LABELS[i]]] for i in rows]


def test_labels_are_those_of_the_training_without_others(tmp_path):
    board = TensorBoardExplanations(tmp_path, probe_size=10, n_pictured=0)
    train(MLP, [board])
    _, lines = points(board)["input of out"]
    assert_allclose([float(label) for _, label in lines[1:]], TARGET[board.labels_["row"], 0])
    several = TensorBoardExplanations(tmp_path, probe_size=10, n_pictured=0)
    train(LazyMLP, [several], y=np.repeat(TARGET, 32, axis=1))
    _, lines = next(iter(points(several).values()))
    assert lines[0] == ["row", *(f"label_{j}" for j in range(32))]
    alone = TensorBoardExplanations(tmp_path, X[:9], n_pictured=0)
    train(MLP, [alone])
    assert points(alone)["input of out"][1] == [[str(i)] for i in range(9)]  # a single column has no header


def test_channels_are_averaged_for_the_projector_and_a_bare_layer_has_no_points(tmp_path):
    board = TensorBoardExplanations(tmp_path, IMAGES[:5], embedding="act")
    net = net_of(Conv, [board], NeuralNetClassifier, criterion=nn.CrossEntropyLoss).fit(IMAGES, LABELS[:24])
    expected = LayerActivations(net, layer="act", pooling="mean").fit(IMAGES).transform(IMAGES[:5])
    assert_allclose(points(board)["act"][0], expected, rtol=1e-5, atol=1e-6)
    bare = TensorBoardExplanations(tmp_path)
    train(nn.Linear(4, 1), [bare])
    assert not (bare.run_dir_ / "projector_config.pbtxt").exists()


# ---------------------------------------------------------------------- runs
def test_a_new_training_is_a_new_run_and_one_that_goes_on_is_not(tmp_path):
    board = TensorBoardExplanations(tmp_path, run="mine", n_pictured=0)
    net = train(MLP, [board]).partial_fit(X, TARGET)
    assert board.run_dir_ == tmp_path / "mine"
    assert list(scalars(read(board.run_dir_), "loss/train_loss")) == [1, 2, 3, 4, 5, 6]
    probe = board.probe_
    net.partial_fit(X[::-1].copy(), TARGET)
    assert_array_equal(board.probe_, probe)
    net.fit(X, TARGET)
    assert board.run_dir_ == tmp_path / "mine-2"
    assert list(scalars(read(tmp_path / "mine-2"), "loss/train_loss")) == [1, 2, 3]
    assert list(scalars(read(tmp_path / "mine"), "loss/train_loss")) == list(range(1, 10))


def test_a_pickled_net_goes_on_with_its_run(tmp_path):
    net = train(MLP, [TensorBoardExplanations(tmp_path, n_pictured=0)])
    later = pickle.loads(pickle.dumps(net)).partial_fit(X, TARGET)
    board = board_of(later)
    assert board.run_dir_ == board_of(net).run_dir_
    found = read(board.run_dir_)
    assert_allclose(list(scalars(found, "loss/train_loss").values()), later.history[:, "train_loss"], rtol=1e-6)
    assert len(list(board.run_dir_.glob("events.out.tfevents.*"))) == 2


class Failing(Callback):
    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 3:
            raise RuntimeError("broken down")


def test_what_a_training_that_breaks_down_did_is_there(tmp_path):
    board = TensorBoardExplanations(tmp_path)
    with pytest.raises(RuntimeError, match="broken down"):
        train(MLP, [board, Failing()])
    found = read(board.run_dir_)
    assert list(scalars(found, "loss/train_loss")) == list(scalars(found, "activations/dead")) == [1, 2]
    assert len(found.Images("attributions/rows")) == 2
    train(MLP, [board])
    assert len(list(tmp_path.iterdir())) == 2


def test_runs_of_a_search_do_not_mix(tmp_path):
    net = net_of(Mixed, [TensorBoardExplanations(tmp_path, run="search", n_pictured=1)], max_epochs=2)
    search = GridSearchCV(net, {"lr": [0.01, 0.1]}, cv=2, scoring="r2").fit(X, TARGET)
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == 5
    losses = [list(scalars(read(folder), "loss/train_loss").values()) for folder in folders]
    assert all(len(loss) == 2 for loss in losses)
    assert len({tuple(loss) for loss in losses}) == 5
    assert board_of(search.best_estimator_).run_dir_ in folders
    assert not hasattr(net.callbacks[0], "run_dir_")


def test_folders_are_not_shared_by_runs_that_begin_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_run(tmp_path / "log", "run"), range(24)))
    assert len(set(folders)) == 24
    assert {folder.name for folder in folders} == {"run", *(f"run-{i}" for i in range(2, 25))}


# ---------------------------------------------------------------------- recorders
def test_recorders_of_its_own(tmp_path):
    given = [ActivationRecorder(X, "act", name="answers"), AttributionRecorder(X=X, feature_names=list("abcd"))]
    board = TensorBoardExplanations(tmp_path, recorders=given)
    net = train(MLP, [board, ParameterRecorder()])
    tags = read(board.run_dir_).Tags()
    assert {"answers_dead/act", "attributions_mean_abs/a", "parameters/norm"} <= set(tags["scalars"])
    assert not any(tag.startswith("answers_dead/hidden") for tag in tags["scalars"])
    assert [len(recorder.records_) for recorder in board.recorders_] == [3, 3]
    assert not hasattr(given[0], "records_")
    assert "answers" in net.history[-1]


def test_recorders_of_the_net_are_not_doubled(tmp_path):
    board = TensorBoardExplanations(tmp_path)
    train(MLP, [ParameterRecorder(), board])
    assert [type(recorder) for recorder in board.recorders_] == [ActivationRecorder, AttributionRecorder]


def test_clone_and_parameters(tmp_path):
    board = TensorBoardExplanations(tmp_path, X, recorders=[ParameterRecorder()], every=2, run="a")
    copied = clone(board)
    assert copied.get_params()["every"] == 2
    assert copied.recorders[0] is not board.recorders[0]
    net = clone(train(MLP, [board]))
    net.set_params(callbacks__TensorBoardExplanations__every=1).fit(X, TARGET)
    assert board_of(net).recorders_[0].records_.epochs == [1, 2, 3]
    assert board_of(net).run_dir_.name == "a-2"


def test_modules_of_several_inputs_and_compiled_ones(tmp_path):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(2, 1), nn.Linear(3, 1)

        def forward(self, left, right):
            return self.first(left) + self.second(right)

    rows = {"left": X[:, :2], "right": np.concatenate([X[:, 2:], X[:, :1]], axis=1)}
    board = TensorBoardExplanations(tmp_path, probe_size=9)
    net_of(Two, [board]).fit(rows, TARGET)
    found = read(board.run_dir_).Tags()
    assert "attributions_mean_abs/right_2" in found["scalars"]
    assert "attributions/rows" in found["images"]
    assert len(points(board)["input of second"][0]) == 9


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's, of the criterion that skorch compiles
def test_a_compiled_module(tmp_path):
    board = TensorBoardExplanations(tmp_path, IMAGES[:5], embedding="conv")
    kwargs = {"criterion": nn.CrossEntropyLoss, "compile": True, "compile__backend": "eager"}
    net_of(Conv, [board], NeuralNetClassifier, **kwargs).fit(IMAGES, LABELS[:24])
    tags = read(board.run_dir_).Tags()
    assert set(tags["images"]) == {"feature_maps/conv", "attributions/rows"}
    assert "gradients/conv.weight" in tags["histograms"]


# ---------------------------------------------------------------------- wrong use
@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"every": 0}, "'every' parameter of TensorBoardExplanations must be a whole number from 1"),
        ({"n_pictured": -1}, "'n_pictured' parameter"),
        ({"recorders": "all"}, "must be 'auto' or a list of recorders. Got 'all'"),
        ({"recorders": [3]}, "must be 'auto' or a list of recorders"),
        ({"y": LABELS}, "labels of X, which is None"),
        ({"X": X, "y": LABELS[:5]}, "5 labels for the 80 rows"),
        ({"X": X[:, :3]}, r"shape \(3,\), but the net is trained on rows of shape \(4,\)"),
        ({"layer": "hiden"}, r"Got \['hiden'\]. There are"),
        ({"recorders": [ParameterRecorder(), ParameterRecorder()]}, "recorder of the name 'parameters'"),
    ],
)
def test_wrong_use_is_one_error_before_training(kwargs, message, tmp_path):
    net = net_of(MLP, [TensorBoardExplanations(tmp_path, **kwargs)])
    with pytest.raises(ValueError, match=message):
        net.fit(X, TARGET)
    assert not len(net.history)
    assert list(tmp_path.iterdir()) == []


def test_layers_without_maps(tmp_path):
    with pytest.raises(ValueError, match=r"'layer' parameter .* must name layers that give maps.*Got \['hidden'\]"):
        train(MLP, [TensorBoardExplanations(tmp_path, layer=["hidden"])])


def test_missing_tensorboard_is_one_error(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tensorboard"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"TensorBoardExplanations needs tensorboard: pip install sklearn-xai\["):
        train(MLP, [TensorBoardExplanations(tmp_path)])
