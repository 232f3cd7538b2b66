from __future__ import annotations

import pytest

from sklearn_xai._progress import track


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
