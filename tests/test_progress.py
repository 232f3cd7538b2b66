from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_xai import SaliencyExplainer
from sklearn_xai._progress import track
from sklearn_xai.metrics import max_sensitivity, parameter_randomisation
from tests.every_explainer import CLASSES, fast


@pytest.fixture
def wide_terminal(monkeypatch):
    """Make rich draw as it would on a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize("verbose", [0, 1, True, False])
def test_items_pass_through_in_order(verbose):
    assert list(track(iter("abc"), "letters", verbose=verbose)) == ["a", "b", "c"]


def test_the_bar_is_on_stderr_only(wide_terminal, capsys):
    assert list(track(range(3), "counting")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "counting" in captured.err
    assert "100%" in captured.err


def test_a_generator_takes_its_length_from_total(wide_terminal, capsys):
    assert list(track((i for i in range(4)), "counting", total=4)) == [0, 1, 2, 3]
    assert "100%" in capsys.readouterr().err


def test_silent_when_not_verbose(wide_terminal, capsys):
    list(track(range(3), "counting", verbose=0))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_only_the_outer_of_nested_bars_is_shown(wide_terminal, capsys):
    pairs = [(i, j) for i in track(range(2), "outer") for j in track(range(2), "inner")]
    assert pairs == [(0, 0), (0, 1), (1, 0), (1, 1)]
    error = capsys.readouterr().err
    assert "outer" in error
    assert "inner" not in error


def test_a_bar_is_shown_again_after_an_exception_or_an_early_end(wide_terminal, capsys):
    with pytest.raises(ZeroDivisionError):
        sum(1 / (item - 1) for item in track(range(3), "first"))
    bar = track(range(3), "second")
    next(bar)
    bar.close()
    list(track(range(3), "third"))
    assert "third" in capsys.readouterr().err


def test_where_nobody_looks_there_is_nothing_not_even_an_empty_line(monkeypatch, capsys):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    assert list(track(range(3), "counting")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_what_is_printed_to_a_file_meanwhile_stays_there(wide_terminal, capsys):
    for item in track(range(3), "counting"):
        print("item", item)
    captured = capsys.readouterr()
    assert captured.out == "item 0\nitem 1\nitem 2\n"
    assert "item" not in captured.err


def test_a_worker_draws_no_bar(wide_terminal, monkeypatch, capsys):
    from multiprocessing import current_process

    monkeypatch.setattr(current_process(), "_name", "LokyProcess-1")
    assert list(track(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def _name_of_the_process():
    from multiprocessing import current_process

    return current_process().name


@pytest.mark.slow
def test_workers_of_joblib_are_known_by_their_name():
    from joblib import Parallel, delayed

    [name] = Parallel(n_jobs=2)(delayed(_name_of_the_process)() for _ in range(1))
    assert name != "MainProcess"


def test_names_of_columns_are_no_markup(wide_terminal, capsys):
    list(track(range(2), "[red]income[/red] [/x]"))
    assert "[red]income[/red] [/x]" in capsys.readouterr().err


# ---------------------------------------------------------------------- in explainers and metrics
def _net():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


@pytest.mark.slow
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("looked_at", [False, True])
def test_an_explainer_draws_only_where_somebody_looks_and_asked(cls, looked_at, request, capsys):
    if looked_at:
        request.getfixturevalue("wide_terminal")
    X = np.random.RandomState(0).standard_normal((20, 4)).astype("float32")
    explainer = fast(cls, _net(), random_state=0, target=0, verbose=0 if looked_at else 1)
    explainer.fit(X).transform(X)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_an_explainer_shows_its_rows(wide_terminal, capsys):
    X = np.zeros((5000, 4), dtype="float32")
    SaliencyExplainer(_net(), target=0, verbose=1).fit(X[:9]).transform(X)
    captured = capsys.readouterr()
    assert "SaliencyExplainer" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("metric", "words"),
    [(max_sensitivity, "neighbours"), (parameter_randomisation, "layers")],
    ids=["robustness", "randomisation"],
)
def test_metrics_show_what_takes_long_if_the_explainer_does(metric, words, wide_terminal, capsys):
    X = np.random.RandomState(0).standard_normal((20, 4)).astype("float32")
    for verbose in (0, 1):
        metric(SaliencyExplainer(_net(), target=0, verbose=verbose).fit(X), X, random_state=0)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert (words in captured.err) == bool(verbose)
