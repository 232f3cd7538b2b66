"""``sklearn-xai report``, from the arguments to the file."""

from __future__ import annotations

import shlex

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklearn_xai.cli import main, make_parser
from sklearn_xai.cli.report import command_line
from tests.report.conftest import pipeline

pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture
def frame():
    rng = np.random.RandomState(0)
    n = 80
    word = rng.choice(["a", "b"], n)
    amount = rng.randn(n)
    target = np.where(amount + 0.3 * rng.randn(n) > 0, "yes", "no")
    return pd.DataFrame({"amount": amount, "<b>": word, "other": rng.randn(n), "target": target})


@pytest.fixture
def csv(frame, tmp_path):
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def refused(capsys, arguments, *words):
    assert main(["report", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sklearn-xai: error: ") and error.count("\n") == 1
    for word in words:
        assert word in error


def test_a_table_of_ones_own(csv, tmp_path, capsys):
    out = tmp_path / "houses.html"
    arguments = ["--data", csv, "--target", "target", "--epochs", "3", "--folds", "2", "--eval-rows", "6"]
    assert main(["report", *map(str, arguments), "--explainers", "ig", "--out", str(out)]) == 0
    told, page = capsys.readouterr().out, out.read_text(encoding="utf-8")
    assert "60 of 60 training rows" in told and "ROC AUC" in told and "caution: There are 60 rows only" in told
    assert f"Wrote {out}" in told.replace("\n", "")
    assert "&lt;b&gt;" in page and "sklearn-xai report --data" in page and "--explainers ig" in page
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_given_model_is_explained_as_it_stands(frame, csv, tmp_path, capsys):
    import joblib

    X = frame.drop(columns="target")
    joblib.dump(pipeline(LogisticRegression()).fit(X, frame["target"]), tmp_path / "model.joblib")
    arguments = ["--data", csv, "--target", "target", "--model", tmp_path / "model.joblib", "--trust-pickle"]
    out = ["--explainers", "Occlusion", "--folds", "2", "--eval-rows", "6", "--out", tmp_path / "r.html"]
    assert main(["report", *map(str, arguments + out)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "as it stands" in told and "was given fitted" in told and "is a pickle" in told


def test_the_command_that_makes_it_again():
    words = ["report", "--data", "a file.csv", "--target", "y", "--drop", "x", "z", "--seed", "3", "--trust-pickle"]
    text = command_line(make_parser().parse_args(words))
    assert text == "sklearn-xai report --data 'a file.csv' --target y --drop x z --trust-pickle --seed 3"
    again = make_parser().parse_args(shlex.split(text)[1:])
    assert vars(again) == vars(make_parser().parse_args(words))


def test_what_cannot_be_done_is_one_line(csv, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sklearn_xai.cli.report.prepare", None)  # all of these are told before any work
    refused(capsys, ["--data", csv], "--data needs --target")
    refused(capsys, ["--out", tmp_path], "is a folder", "report.html")
    refused(capsys, ["--out", tmp_path / "no" / "r.html"], "there is no folder")
    refused(capsys, ["--explainers", "Shaply"], "did you mean Shapley")
    refused(capsys, ["--folds", "1"], "at least 2")


def test_tables_and_models_that_cannot_be_done(frame, csv, tmp_path, capsys):
    import joblib

    refused(capsys, ["--data", csv, "--target", "targte", "--out", tmp_path / "r.html"], "did you mean 'target'")
    joblib.dump(StandardScaler().fit(frame[["amount"]]), tmp_path / "scaler.joblib")
    model = ["--model", tmp_path / "scaler.joblib", "--trust-pickle", "--out", tmp_path / "r.html"]
    refused(capsys, ["--data", csv, "--target", "target", *model], "fitted estimator with predict")
    frame.assign(target="yes").to_csv(csv, index=False)
    refused(capsys, ["--data", csv, "--target", "target", "--out", tmp_path / "r.html"], "one class only")
    assert not (tmp_path / "r.html").exists()


@pytest.mark.slow
def test_the_census_table_needs_no_argument(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--rows", "600", "--eval-rows", "20", "--epochs", "4"]) == 0
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    assert "census income table" in capsys.readouterr().out
