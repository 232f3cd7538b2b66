from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io as sio
import torch
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import check_random_state
from skorch import NeuralNetClassifier

from sklearn_xai import __version__, all_explainers
from sklearn_xai.cli import compare as command
from sklearn_xai.cli import main
from sklearn_xai.cli._results import FILES
from sklearn_xai.models import train_clone

N_ROWS = 120


@pytest.fixture(autouse=True)
def no_width(monkeypatch):
    """Print as to a file, whatever width the process that runs the tests was told."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def frame():
    """Columns of every kind, of which `size` and `town` matter."""
    rng = np.random.RandomState(0)
    table = pd.DataFrame(
        {
            "age": rng.randint(18, 80, N_ROWS).astype(float),
            "town": rng.choice(["Bonn", "Ulm", "Wien"], N_ROWS),
            "size": rng.randn(N_ROWS),
            "member": rng.rand(N_ROWS) > 0.5,
        }
    )
    score = 2 * table["size"] + (table["town"] == "Ulm")
    table.loc[::7, "age"] = np.nan
    table.loc[::11, "town"] = np.nan
    return table.assign(kind=np.where(score > 0, "yes", "no"), price=1000 * score + 5000)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a table to a CSV in an empty working directory, and return its name."""
    monkeypatch.chdir(tmp_path)

    def write_table(table, name="t.csv"):
        table.to_csv(name, index=False)
        return name

    return write_table


@pytest.fixture
def without_pictures(monkeypatch):
    """Save the time of drawing where the pictures are not what is tested."""
    monkeypatch.setattr(command, "draw_pictures", lambda *args: None)


def compare(*arguments, epochs="3", explainers="InputXGradient,Random"):
    training = ["--epochs", epochs] if epochs else []
    return main(["compare", "--eval-rows", "12", "--folds", "2", "--explainers", explainers, *training, *arguments])


def assert_refused(capsys, code, *words, left=()):
    """One line on stderr that holds the words, exit code 2, and nothing written but what was there."""
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("sklearn-xai: error: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error
    written = {path.name for path in Path.cwd().iterdir()}
    assert written <= {"t.csv", *left}


# ---------------------------------------------------------------------- whole runs
def test_classification_end_to_end(frame, write, capsys):
    code = compare("--data", write(frame), "--target", "kind", "--drop", "price", "--out", "found", "--top", "2")
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert printed.err == ""
    assert {path.name for path in Path("found").iterdir()} == set(FILES)
    assert {path.name for path in Path.cwd().iterdir()} == {"t.csv", "found"}
    content = json.loads(Path("found/comparison.json").read_text(encoding="utf-8"))
    assert set(content["metrics"]) == {"accuracy", "precision", "recall", "f1", "roc_auc"}
    assert all(0 <= value <= 1 for value in content["metrics"].values())
    assert content["explained_output"] == "logit of yes"
    assert content["settings"]["task"] == "classification"
    assert content["settings"]["eval_rows"] == 12
    assert content["versions"]["sklearn-xai"] == __version__
    assert set(content["importances"]["InputXGradient"]) == {"age", "town", "size", "member"}
    assert (
        content["top"]["InputXGradient"]
        == sorted(content["importances"]["InputXGradient"], key=lambda c: -content["importances"]["InputXGradient"][c])[
            :2
        ]
    )
    for words in ("accuracy", "ROC AUC", "InputXGradient", "faithful", "3 epochs", "seconds in all"):
        assert words in printed.out
    assert max(len(line) for line in printed.out.splitlines()) <= 100
    for name in FILES:
        if name.endswith(".png"):
            assert Path("found", name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("without_pictures")
def test_the_numbers_of_csv_and_json_are_the_same(frame, write):
    assert compare("--data", write(frame), "--target", "kind", "--out", "found") == 0
    table = pd.read_csv("found/comparison.csv", index_col="explainer")
    content = json.loads(Path("found/comparison.json").read_text(encoding="utf-8"))
    assert list(table.index) == list(content["explainers"]) == ["InputXGradient", "Random"]
    assert content["reference"] is None
    for name, row in content["explainers"].items():
        assert set(row) == set(table.columns)
        for column, value in row.items():
            found = table.loc[name, column]
            assert np.isnan(found) if value is None else found == pytest.approx(value, rel=1e-14)


def test_regression_learns_and_reports_in_units_of_the_target(frame, write, capsys):
    arguments = ["--data", write(frame), "--target", "price", "--drop", "kind", "--out", "found"]
    code = compare(*arguments, epochs="60")
    printed = capsys.readouterr()
    assert code == 0, printed.err
    content = json.loads(Path("found/comparison.json").read_text(encoding="utf-8"))
    assert set(content["metrics"]) == {"r2", "mae", "rmse"}
    assert content["metrics"]["r2"] > 0.8
    assert content["metrics"]["rmse"] > 10  # the target spreads over thousands
    assert content["top"]["InputXGradient"][0] == "size"
    assert "R2 0." in printed.out


@pytest.mark.usefixtures("without_pictures")
def test_the_seed_decides_every_number(frame, write):
    found = []
    for out in ("a", "b"):
        torch.rand(1)  # another global state
        assert compare("--data", write(frame), "--target", "kind", "--out", out, "--seed", "3") == 0
        content = json.loads(Path(out, "comparison.json").read_text(encoding="utf-8"))
        found.append((content["metrics"], content["importances"]))
    assert found[0] == found[1]


def test_the_global_states_are_left_alone(frame, write):
    numpy_state, torch_state = check_random_state(None).get_state()[1].copy(), torch.get_rng_state()
    threads = torch.get_num_threads()
    assert compare("--data", write(frame), "--target", "kind") == 0
    assert (check_random_state(None).get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_the_census_table_needs_no_argument(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert compare("--rows", "300", epochs="2") == 0
    assert "census income table" in capsys.readouterr().out
    assert {path.name for path in Path("sklearn-xai-results").iterdir()} == set(FILES)
    settings = json.loads(Path("sklearn-xai-results/comparison.json").read_text())["settings"]
    assert (settings["train_rows"], settings["test_rows"], len(settings["columns"])) == (300, 16_281, 14)


def test_only_files_of_ours_are_replaced(frame, write):
    Path(write(frame)).with_name("found").mkdir()
    Path("found/mine.txt").write_text("keep")
    Path("found/comparison.csv").write_text("old")
    assert compare("--data", "t.csv", "--target", "kind", "--out", "found") == 0
    assert Path("found/mine.txt").read_text() == "keep"
    assert Path("found/comparison.csv").read_text().startswith("explainer,")


@pytest.mark.usefixtures("without_pictures")
def test_many_classes_and_probabilities(frame, write):
    table = frame.assign(kind=np.arange(N_ROWS) % 3)
    code = compare("--data", write(table), "--target", "kind", "--output", "proba", "--out", "found")
    content = json.loads(Path("found/comparison.json").read_text())
    assert code == 0
    assert content["settings"]["task"] == "classification"
    assert content["explained_output"] == "probability of the predicted class"


# ---------------------------------------------------------------------- columns
@pytest.mark.usefixtures("without_pictures")
def test_columns_are_prepared_and_the_reader_is_told(frame, write, capsys):
    table = frame.assign(
        key=[f"k{i}" for i in range(N_ROWS)],
        since=pd.date_range("2001-01-01", periods=N_ROWS).astype(str),
        wild=np.where(np.arange(N_ROWS) == 5, np.inf, 1.5),
    )
    table.loc[:3, "kind"] = np.nan
    table.insert(0, "Unnamed: 0", range(N_ROWS))
    assert compare("--data", write(table), "--target", "kind", "--out", "found") == 0
    printed = capsys.readouterr().out
    content = json.loads(Path("found/comparison.json").read_text())
    assert content["settings"]["columns"] == ["age", "town", "size", "member", "price", "since", "wild"]
    for words in (
        "4 rows without",
        "'key' is left out",
        "dates of 'since'",
        "infinite values of 'wild'",
        "'Unnamed: 0'",
    ):
        assert any(words in note for note in content["notes"])
        assert words in printed


@pytest.mark.parametrize(
    ("values", "task"),
    [(["a", "b"], "classification"), ([0, 1], "classification"), ([1.0, np.nan, 2.0, 1.0], "classification"),
     ([True, False], "classification"), (range(40), "regression"), ([0.5, 1.5], "regression")],
)  # fmt: skip
def test_the_task_is_found_from_the_target(values, task, write):
    from sklearn_xai.cli._table import load_table

    column = np.resize(np.array(values, dtype=object), 80)
    write(pd.DataFrame({"x": np.arange(80), "y": column}))
    assert load_table("t.csv", "y").task == task


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv", "t.tsv.gz"])
def test_other_formats_of_text(frame, tmp_path, name):
    from sklearn_xai.cli._table import read_file

    frame.to_csv(tmp_path / name, index=False, sep="\t" if "tsv" in name else ",")
    pd.testing.assert_frame_equal(read_file(tmp_path / name), frame, check_dtype=False)


# ---------------------------------------------------------------------- bad tables
@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"a,kind\n", "no rows"), (b"\x00\x01\x02junk\xff", "binary"), (b"a,kind\n\xff\xfe,1\n", "UTF-8"),
     (b"a,kind\n1,2,3\n1,2,3,4,5,6\n", "cannot be read"), (b"a;kind\n1;2\n", "commas instead of semicolons")],
)  # fmt: skip
def test_a_file_that_is_no_table(content, words, write, capsys):
    Path("t.csv").write_bytes(content)
    assert_refused(capsys, compare("--data", "t.csv", "--target", "kind"), "t.csv", words)


def test_a_broken_archive(write, capsys):
    Path("t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 50)[:-12])
    assert_refused(capsys, compare("--data", "t.csv.gz", "--target", "b"), "t.csv.gz", left=["t.csv.gz"])


def test_files_that_are_not_there(frame, write, capsys):
    write(frame)
    assert_refused(capsys, compare("--data", "T1.csv", "--target", "kind"), "T1.csv", "did you mean 't.csv'")
    assert_refused(capsys, compare("--data", ".", "--target", "kind"), "folder")
    Path("t.xls").write_bytes(b"x")
    assert_refused(capsys, compare("--data", "t.xls", "--target", "kind"), ".parquet", left=["t.xls"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--target", "Kimd"], ["'Kimd'", "did you mean 'kind'"]),
     (["--target", "zzz"], ["'zzz'", "age, town"]),
     (["--target", "kind", "--drop", "pric"], ["'pric'", "'price'"]),
     (["--target", "kind", "--drop", "kind"], ["'kind'", "cannot be dropped"]),
     (["--target", "kind", "--drop", "age", "town", "size", "member", "price"], ["no column left"]),
     (["--target", "kind", "--task", "regression"], ["'kind'", "not numeric"]),
     (["--target", "price", "--task", "classification"], ["rows, at least"]),
     (["--target", "kind", "--rows", "0"], ["--rows", "'0'"]),
     (["--target", "kind", "--rows", "-5"], ["--rows", "'-5'"]),
     (["--target", "kind", "--eval-rows", "many"], ["--eval-rows", "'many'"]),
     (["--target", "kind", "--folds", "1"], ["--folds", "'1'"]),
     (["--target", "kind", "--epochs", "0"], ["--epochs", "'0'"]),
     (["--target", "kind", "--output", "logit"], ["--output", "'logit'"]),
     (["--target", "kind", "--explainers", "integratd-gradients"], ["integratd", "did you mean IntegratedGradients"]),
     (["--target", "kind", "--explainers", "grad-cam"], ["grad-cam explains images", "this is a table"]),
     (["--target", "kind", "--explainers", "zzzz"], ["'zzzz'", "Saliency"]),
     (["--target", "kind", "--trust", "builtins.print"], ["--trust", "--model"]),
     (["--target", "kind", "--what"], ["--what"]),
     ([], ["--target"])],
)  # fmt: skip
def test_arguments_that_cannot_be_done(arguments, words, frame, write, capsys):
    assert_refused(capsys, compare("--data", write(frame), *arguments), *words)


def test_tables_that_cannot_be_done(frame, write, capsys):
    def refused(table, *words):
        assert_refused(capsys, compare("--data", write(table), "--target", "kind"), *words)

    refused(frame.assign(kind="yes"), "'kind'", "one class only")
    refused(frame.assign(kind=np.nan), "'kind'", "no value")
    refused(frame.assign(void=np.nan), "'void'", "--drop void")
    refused(frame.iloc[:8], "8 rows")
    refused(frame.assign(kind=["rare"] * 2 + ["yes", "no"] * 59), "'rare'", "2 rows")
    refused(frame.assign(kind=["rare"] * 4 + ["yes", "no"] * 58), "'rare'", "--folds")


@pytest.mark.parametrize("out", ["t.csv", "t.csv/inside"])
def test_an_output_folder_that_cannot_be_made(out, frame, write, capsys):
    assert_refused(capsys, compare("--data", write(frame), "--target", "kind", "--out", out), "--out", "t.csv")


def test_a_folder_in_the_place_of_a_file(frame, write, capsys):
    write(frame)
    Path("found/comparison.csv").mkdir(parents=True)
    code = compare("--data", "t.csv", "--target", "kind", "--out", "found")
    assert_refused(capsys, code, "comparison.csv", left=["found"])
    assert [path.name for path in Path("found").iterdir()] == ["comparison.csv"]


# ---------------------------------------------------------------------- given models
@pytest.fixture
def pipeline(frame):
    """A network behind the preprocessing of two columns."""
    columns = make_column_transformer(
        (StandardScaler(), ["size"]), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["town"])
    )
    net = NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=5,
        module__out_features=2,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=3,
        train_split=None,
        verbose=0,
    )
    return train_clone(make_pipeline(columns, net), frame[["size", "town"]], frame["kind"], random_state=0)


@pytest.mark.usefixtures("without_pictures")
def test_a_skops_model_is_loaded_when_its_types_are_named(frame, pipeline, write, capsys):
    write(frame)
    sio.dump(pipeline, "m.skops")
    arguments = ["--data", "t.csv", "--target", "kind", "--model", "m.skops", "--out", "found"]
    code = compare(*arguments, epochs=None)
    types = sio.get_untrusted_types(file="m.skops")
    assert "skorch.classifier.NeuralNetClassifier" in types
    assert_refused(capsys, code, "m.skops", "--trust", *types, left=["m.skops"])
    named = [word for kind in types for word in ("--trust", kind)]
    assert_refused(capsys, compare(*arguments, *named[:-2], epochs=None), types[-1], left=["m.skops"])

    assert compare(*arguments, *named, epochs=None) == 0
    content = json.loads(Path("found/comparison.json").read_text())
    assert content["settings"]["columns"] == ["size", "town"]
    assert set(content["importances"]["InputXGradient"]) == {"size", "town"}
    assert content["seconds"]["training"] == 0


@pytest.mark.usefixtures("without_pictures")
def test_a_pickle_is_refused_without_the_flag(frame, write, capsys):
    write(frame)
    model = LinearRegression().fit(frame[["size"]], frame["price"])
    Path("m.pkl").write_bytes(pickle.dumps(model))
    arguments = ["--data", "t.csv", "--target", "price", "--model", "m.pkl", "--out", "found"]
    random_only = {"epochs": None, "explainers": "Random"}
    assert_refused(capsys, compare(*arguments, **random_only), "m.pkl", "--trust-pickle", left=["m.pkl"])
    assert compare(*arguments, "--trust-pickle", **random_only) == 0
    assert "ran whatever code" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("without_pictures")
def test_explainers_that_do_not_suit_a_given_model_are_left_out(frame, write, monkeypatch):
    write(frame)
    monkeypatch.setattr(command, "DEFAULTS", ("Saliency", "Random"))
    Path("m.pkl").write_bytes(pickle.dumps(LogisticRegression().fit(frame[["size", "member"]], frame["kind"])))
    common = ["compare", "--eval-rows", "9", "--folds", "2", "--data", "t.csv", "--target", "kind"]
    assert main([*common, "--model", "m.pkl", "--trust-pickle", "--out", "found"]) == 0
    content = json.loads(Path("found/comparison.json").read_text())
    assert list(content["explainers"]) == ["Random"]
    assert content["explained_output"] == "log-odds of yes"
    assert any(note.startswith("Saliency is left out") for note in content["notes"])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("m.skops", b"junk", "cannot be read"), ("m.pkl", b"junk", "cannot be read"), ("m.h5", b"junk", ".skops"),
     ("m.pkl", b"nonsense", "KeyError"),
     ("m.pkl", pickle.dumps({"a": 1}), "dict")],
)  # fmt: skip
def test_a_file_that_is_no_model(name, content, words, frame, write, capsys):
    write(frame)
    Path(name).write_bytes(content)
    code = compare("--data", "t.csv", "--target", "kind", "--model", name, "--trust-pickle", epochs=None)
    assert_refused(capsys, code, name, words, left=[name])


def test_a_model_that_does_not_suit_the_table(frame, write, capsys):
    write(frame)

    def refused(model, target, *words, more=()):
        Path("m.pkl").write_bytes(pickle.dumps(model))
        arguments = ["--data", "t.csv", "--target", target, "--model", "m.pkl", "--trust-pickle", *more]
        assert_refused(capsys, compare(*arguments, epochs=None, explainers="Random"), *words, left=["m.pkl"])

    X = frame[["size"]]
    refused(LogisticRegression().fit(X.rename(columns={"size": "sise"}), frame["kind"]), "kind", "'sise'", "'size'")
    refused(LogisticRegression().fit(np.ones((6, 2)), [0, 1] * 3), "kind", "m.pkl", "cannot be explained")
    refused(LogisticRegression().fit(X, frame["kind"] == "yes"), "kind", "'kind'", "True")
    refused(LinearRegression().fit(X, frame["price"]), "kind", "'kind'", "not numeric")
    refused(LinearRegression(), "price", "m.pkl", "not fitted")
    regressor = LinearRegression().fit(X, frame["price"])
    refused(regressor, "price", "--task", more=["--task", "classification"])
    refused(regressor, "price", "--epochs", more=["--epochs", "2"])


def test_a_model_file_that_is_not_there(frame, write, capsys):
    code = compare("--data", write(frame), "--target", "kind", "--model", "no.skops", epochs=None)
    assert_refused(capsys, code, "no.skops")


# ---------------------------------------------------------------------- the rest
def test_list_names_every_explainer(capsys):
    assert main(["explainers"]) == 0
    printed = capsys.readouterr().out
    for name, _ in all_explainers():
        assert f"{name.removesuffix('Explainer')} " in printed


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert main(["compare", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "examples:" in printed
    assert "--trust-pickle" in printed


@pytest.mark.parametrize("arguments", [[], ["explain"]])
def test_a_command_is_needed(arguments, write, capsys):
    assert_refused(capsys, main(arguments), "compare")


def test_an_interrupt_leaves_nothing(frame, write, monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "draw_pictures", interrupted)
    assert compare("--data", write(frame), "--target", "kind", "--out", "found") == 130
    assert capsys.readouterr().err == "sklearn-xai: interrupted\n"
    assert {path.name for path in Path.cwd().iterdir()} == {"t.csv"}


def test_an_unknown_error_is_not_hidden(frame, write, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(command, "draw_pictures", broken)
    with pytest.raises(ZeroDivisionError):
        compare("--data", write(frame), "--target", "kind", "--out", "found")
    assert not Path("found").exists()


def test_explainers_are_found_by_several_spellings():
    spellings = "saliency,SaliencyExplainer,input-x-gradient,IG"
    assert list(command.chosen_explainers(spellings)) == ["Saliency", "InputXGradient", "IntegratedGradients"]
