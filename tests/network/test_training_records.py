"""Where recorders write to, how they are used in skorch and scikit-learn, and what they say of wrong use."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, PrintLog
from skorch.history import History
from torch import nn

from sklearn_xai import (
    ActivationRecorder,
    AttributionRecorder,
    IntegratedGradientsExplainer,
    ParameterRecorder,
    SaliencyExplainer,
    TrainingRecords,
    read_records,
)
from sklearn_xai.models import train_clone
from tests.nets import MLP, Mixed
from tests.recorded import LABELS, RECORDERS, TARGET, X, all_recorders, net_of, train, weights


# ---------------------------------------------------------------------- the history and its log
def printed(callbacks):
    lines = []
    train(Mixed, [*callbacks, PrintLog(sink=lines.append)], callbacks__print_log=None)
    return lines


def test_the_log_is_what_it_is_without():
    plain, recorded = printed([]), printed(all_recorders())
    assert [line.split()[:2] for line in recorded] == [line.split()[:2] for line in plain]
    assert len(recorded[0].split()) == len(plain[0].split()) == 3


def test_history_goes_to_a_file_and_back(tmp_path):
    recorders = all_recorders()
    net = train(Mixed, recorders)
    net.history.to_file(tmp_path / "history.json")
    read = History.from_file(tmp_path / "history.json")
    for recorder in recorders:
        found = TrainingRecords.from_history(read, recorder._kind)
        assert str(found) == str(recorder.records_)
        assert (found.name, found.place) == (recorder._kind, recorder._place)
    with pytest.raises(ValueError, match=r"named 'weights'.*\['activations', 'attributions', 'parameters'\]"):
        TrainingRecords.from_history(read, "weights")


def test_training_may_stop_when_explanations_settle():
    stop = EarlyStopping(monitor="attributions_drift_cosine", patience=3, sink=lambda text: None)
    recorder = AttributionRecorder(X=X)
    net = train(nn.Sequential(nn.Linear(4, 1)), [recorder, ("stop", stop)], max_epochs=200, lr=0.1)
    assert 3 < len(net.history) < 200
    assert recorder.records_.epochs == list(range(1, len(net.history) + 1))
    assert "to_last_cosine" in recorder.records_[0]["overall"]


# ---------------------------------------------------------------------- tables and files
def test_frames_are_tidy():
    recorder = ActivationRecorder(X, n_bins=5)
    train(Mixed, [recorder])
    frame = recorder.to_frame()
    assert list(frame.columns) == ["epoch", "layer", "statistic", "value"]
    assert not frame.duplicated(["epoch", "layer", "statistic"]).any()
    assert frame["value"].dtype == float
    assert set(frame["layer"]) == {"norm", "hidden", "drop", "out", "(all)"}
    bins = recorder.records_.histograms()
    assert list(bins.columns) == ["epoch", "layer", "left", "right", "count"]
    assert bins.query("layer == 'hidden' and epoch == 2")["count"].sum() == 80 * 8


def test_file_holds_what_was_recorded(tmp_path):
    path = tmp_path / "runs" / "training.jsonl"
    recorders = all_recorders(path=path)
    train(Mixed, recorders)
    found = read_records(path)
    assert list(found) == ["activations", "parameters", "attributions"]
    for recorder in recorders:
        assert str(found[recorder._kind]) == str(recorder.records_)
        assert found[recorder._kind].place == recorder._place
    assert all(isinstance(json.loads(line), dict) for line in path.read_text().splitlines())


def test_file_of_a_training_that_goes_on_and_of_a_new_one(tmp_path):
    path = tmp_path / "training.jsonl"
    recorder = ParameterRecorder(path=path)
    net = train(MLP, [recorder]).partial_fit(X, TARGET)
    assert read_records(path)["parameters"].epochs == [1, 2, 3, 4, 5, 6]
    later = pickle.loads(pickle.dumps(net)).partial_fit(X, TARGET)
    assert read_records(path)["parameters"] == dict(later.callbacks_)["ParameterRecorder"].records_
    fresh = net_of(MLP, [ParameterRecorder(path=path)]).initialize()
    fresh.history = copy.deepcopy(net.history)  # as read from a file, in another process
    fresh.partial_fit(X, TARGET)
    assert read_records(path)["parameters"].epochs == list(range(1, 10))
    train(MLP, [recorder])
    assert read_records(path)["parameters"].epochs == [1, 2, 3]


def test_trainings_side_by_side_do_not_mix(tmp_path):
    path = tmp_path / "training.jsonl"
    recorders = [ParameterRecorder(path=path) for _ in range(2)]
    first, second = (net_of(MLP, [recorder], max_epochs=1).initialize() for recorder in recorders)
    for net in (first, second, first, second, first):
        net.partial_fit(X, TARGET)
    assert read_records(path)["parameters"] == recorders[0].records_
    second.partial_fit(X, TARGET)
    net_of(MLP, [ParameterRecorder(path=path, name="other")]).fit(X, TARGET)
    recorders[0].file_.add({"epoch": 9, "values": {}, "overall": {}})  # by another process, meanwhile
    found = read_records(path)
    assert found["parameters"] == recorders[1].records_
    assert found["other"].epochs == [1, 2, 3]


def test_a_line_that_was_cut_off_costs_itself_only(tmp_path):
    path = tmp_path / "training.jsonl"
    train(MLP, [ParameterRecorder(path=path)])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.warns(UserWarning, match="1 lines of .* are no records"):
        assert read_records(path)["parameters"].epochs == [1, 2]
    train(MLP, [ParameterRecorder(path=path)], max_epochs=4)
    with pytest.warns(UserWarning, match="1 lines of .* are no records"):
        assert read_records(path)["parameters"].epochs == [1, 2, 3, 4]


def test_a_file_without_records(tmp_path):
    path = tmp_path / "training.jsonl"
    path.write_text("")
    with pytest.raises(ValueError, match="holds no records"):
        read_records(path)


# ---------------------------------------------------------------------- skorch and scikit-learn
@pytest.mark.parametrize("kind", RECORDERS)
def test_parameters_clone_and_pickle(kind):
    recorder = RECORDERS[kind](every=2, name="mine", path=None)
    assert recorder.get_params()["every"] == 2
    fitted = train(MLP, [recorder])
    copied = clone(recorder)
    assert copied.get_params() == recorder.get_params()
    assert not hasattr(copied, "records_")
    net = clone(fitted)
    net.set_params(**{f"callbacks__{type(recorder).__name__}__every": 1}).fit(X, TARGET)
    assert net.callbacks_[-2][1].records_.epochs == [1, 2, 3]
    back = dict(pickle.loads(pickle.dumps(fitted)).callbacks_)[type(recorder).__name__]
    assert str(back.records_) == str(recorder.records_)
    assert (back.records_.place, back.records_.name) == (recorder._place, "mine")
    assert str(back.to_frame()) == str(recorder.to_frame())


def test_parameters_of_the_explainer_can_be_set():
    recorder = AttributionRecorder(IntegratedGradientsExplainer(None), X)
    recorder.set_params(explainer__n_steps=4, every=2)
    assert (recorder.explainer.n_steps, recorder.get_params()["explainer__n_steps"]) == (4, 4)
    assert clone(recorder).explainer.n_steps == 4


def test_grid_search():
    net = net_of(Mixed, [ActivationRecorder(), ParameterRecorder(), AttributionRecorder()], max_epochs=2)
    plain = GridSearchCV(net_of(Mixed, max_epochs=2), {"lr": [0.01, 0.1]}, cv=2, scoring="r2")
    search = GridSearchCV(net, {"lr": [0.01, 0.1]}, cv=2, scoring="r2")
    torch.manual_seed(0)
    search.fit(X, TARGET)
    torch.manual_seed(0)
    plain.fit(X, TARGET)
    assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert search.best_estimator_.callbacks_[-2][1].records_.epochs == [1, 2]
    assert not hasattr(net.callbacks[0], "records_")


def test_fit_begins_anew_and_partial_fit_goes_on():
    recorders = all_recorders()
    net = train(Mixed, recorders).partial_fit(X, TARGET)
    assert all(recorder.records_.epochs == [1, 2, 3, 4, 5, 6] for recorder in recorders)
    assert not math.isnan(recorders[2].records_[3]["overall"]["drift_cosine"])
    net.fit(X, TARGET)
    assert all(recorder.records_.epochs == [1, 2, 3] for recorder in recorders)
    assert math.isnan(recorders[2].records_[0]["overall"]["drift_cosine"])


def test_probe_of_a_training_that_goes_on_stays():
    recorder = AttributionRecorder(probe_size=5, random_state=0)
    net = train(MLP, [recorder])
    probe = recorder.probe_
    net.partial_fit(X[::-1].copy(), TARGET[::-1].copy())
    assert_array_equal(recorder.probe_, probe)
    assert len(probe) == 5


def frame_and_pipeline(recorders):
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(kind=np.where(X[:, 0] > 0, "x", "z"))
    columns = make_column_transformer((StandardScaler(), ["a", "b", "c", "d"]), (OneHotEncoder(), ["kind"]))
    net = net_of(
        MLP, recorders, NeuralNetClassifier, criterion=nn.CrossEntropyLoss, module__n_features=6, module__n_outputs=2
    )
    return frame, make_pipeline(columns, net)


def test_behind_a_column_transformer_with_labels():
    names = ["a", "b", "c", "d", "x", "z"]
    recorders = [ActivationRecorder(), ParameterRecorder(), AttributionRecorder(feature_names=names)]
    frame, pipeline = frame_and_pipeline(recorders)
    y = np.where(LABELS, ">50K", "<=50K")
    trained = train_clone(pipeline, frame, y, random_state=0)
    plain = train_clone(frame_and_pipeline(None)[1], frame, y, random_state=0)
    assert weights(trained[-1]) == weights(plain[-1])
    found = dict(trained[-1].callbacks_)["AttributionRecorder"]
    assert found.feature_names_ == names
    assert found.probe_.shape == (80, 6)


def test_the_raw_table_is_one_clear_error():
    frame, pipeline = frame_and_pipeline([ActivationRecorder()])
    pipeline.set_params(neuralnetclassifier__callbacks=[ActivationRecorder(frame)])
    with pytest.raises(ValueError, match=r"columns \['kind'\] of X hold no numbers.*pipeline\[:-1\].transform"):
        train_clone(pipeline, frame, LABELS, random_state=0)
    pipeline.set_params(neuralnetclassifier__callbacks=[ActivationRecorder(frame[["a", "b", "c", "d"]])])
    with pytest.raises(ValueError, match=r"shape \(4,\), but the net is trained on rows of shape \(6,\)"):
        train_clone(pipeline, frame, LABELS, random_state=0)


def test_a_frame_of_numbers_gives_the_names():
    import pandas as pd

    recorder = AttributionRecorder(SaliencyExplainer(None), pd.DataFrame(X, columns=list("abcd")))
    train(MLP, [recorder])
    assert recorder.feature_names_ == ["a", "b", "c", "d"]


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 1), nn.Linear(3, 1)

    def forward(self, left, right):
        return self.first(left) + self.second(right)


def test_a_module_of_several_inputs():
    rows = {"left": X[:, :2], "right": np.concatenate([X[:, 2:], X[:, :1]], axis=1)}
    given, drawn = AttributionRecorder(X=rows), AttributionRecorder(probe_size=9, name="drawn")
    recorders = [ActivationRecorder(rows), given, drawn]
    net_of(Two, recorders).fit(rows, TARGET)
    assert given.feature_names_ == ["left_0", "left_1", "right_0", "right_1", "right_2"]
    assert list(recorders[0].records_[0]["values"]) == ["first", "second"]
    assert {key: len(value) for key, value in drawn.probe_.items()} == {"left": 9, "right": 9}


# ---------------------------------------------------------------------- wrong use
@pytest.mark.parametrize(
    "recorder, message",
    [
        (lambda: ActivationRecorder(X, ["hiden"]), r"Got \['hiden'\]. There are: .*'hidden', 'act', 'out'"),
        (lambda: ActivationRecorder(X, []), "must name layers"),
        (lambda: ParameterRecorder("act"), r"layers with parameters. Got \['act'\]. There are: \['hidden', 'out'\]"),
        (lambda: ActivationRecorder(X, every=0), "'every' parameter of ActivationRecorder must be a whole number"),
        (lambda: ParameterRecorder(every=1.5), "Got 1.5"),
        (lambda: ActivationRecorder(X, probe_size=0), "'probe_size' parameter"),
        (lambda: ActivationRecorder(X, n_bins=-1), "'n_bins' parameter"),
        (lambda: ActivationRecorder(X[:0]), "no rows"),
        (lambda: ActivationRecorder(np.full((3, 4), np.nan)), "NaN or infinity"),
        (lambda: ActivationRecorder("text"), "needs rows to probe the network with"),
        (lambda: ActivationRecorder(X[:, :3]), r"shape \(3,\), but the net is trained on rows of shape \(4,\)"),
        (lambda: AttributionRecorder(X), "'explainer' parameter of AttributionRecorder"),
        (lambda: AttributionRecorder(X=X, feature_names=["a"]), "4 names, one for each column. Got 1"),
    ],
)
def test_wrong_use_is_one_error_before_training(recorder, message):
    net = net_of(MLP, [recorder()])
    with pytest.raises(ValueError, match=message):
        net.fit(X, TARGET)
    assert not len(net.history)


def test_two_recorders_of_one_name():
    with pytest.raises(ValueError, match="2 recorders of the net have the name 'activations'"):
        train(MLP, [ActivationRecorder(X), ActivationRecorder(X[:5])])
    recorders = [ActivationRecorder(X), ActivationRecorder(X[:5], name="few")]
    net = train(MLP, recorders)
    assert {"activations", "few", "activations_dead", "few_dead"} <= set(net.history[-1])


def test_a_frame_before_training():
    with pytest.raises(ValueError, match="ParameterRecorder has recorded nothing yet"):
        ParameterRecorder().to_frame()


def test_no_rows_to_draw_from():
    from skorch.dataset import Dataset

    with pytest.raises(ValueError, match="give some of its rows as the X of the recorder"):
        net_of(MLP, [ActivationRecorder()]).fit(Dataset(X, TARGET), None)
    recorder = ActivationRecorder(X)
    net_of(MLP, [recorder]).fit(Dataset(X, TARGET), None)
    assert recorder.records_.epochs == [1, 2, 3]
