"""The machinery of the benchmarks: turns, medians, files, tables, pictures, exit codes; not what they measure."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import __main__ as runner
from benchmarks import _growth, _plots, _results, _tables, common
from benchmarks.common import Result, against_best, fastest, is_quick, set_quick, size, take_turns, timed

ROOT = Path(__file__).parents[1]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("bench_*.py"))


@pytest.fixture(autouse=True)
def full_mode():
    """Leave no quick mode, and no number of threads, behind."""
    import torch

    threads = torch.get_num_threads()
    yield
    set_quick(False)
    torch.set_num_threads(threads)


class Clock:
    """A clock that only contenders move: each call takes so long, times what the machine is slowed down by."""

    def __init__(self, monkeypatch):
        self.now, self.called, self.slowed = 0.0, [], lambda call: 1.0
        monkeypatch.setattr(common.time, "perf_counter", lambda: self.now)

    def call(self, name, seconds):
        def run():
            self.now += seconds * self.slowed(len(self.called))
            self.called.append(name)

        return run


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


# ---------------------------------------------------------------------- turns and ratios
def test_contenders_take_turns_in_both_orders(clock):
    found = take_turns({"a": clock.call("a", 1.0), "b": clock.call("b", 3.0)}, rounds=3, seconds=0.0)
    assert "".join(clock.called) == "ab" + "abbaab"  # both warm up first
    assert found["a"].tolist() == [1.0] * 3 and found["b"].tolist() == [3.0] * 3


def test_rounds_go_on_until_the_time_is_over(clock):
    found = take_turns({"a": clock.call("a", 1.0), "b": clock.call("b", 1.0)}, rounds=2, seconds=9.0, warm=False)
    assert len(found["a"]) == 5
    set_quick(True)
    assert len(take_turns({"a": clock.call("a", 1.0)}, rounds=5, seconds=9.0)["a"]) == 2
    set_quick(False)
    assert len(take_turns({"a": clock.call("a", 1e-9)}, rounds=2, seconds=9.0)["a"]) == common.MOST_ROUNDS


def test_a_machine_that_slows_down_midway_leaves_the_ratio(clock):
    clock.slowed = lambda call: 1.0 if call < 8 else 30.0
    found = take_turns({"ours": clock.call("ours", 1.0), "peer": clock.call("peer", 4.0)}, rounds=7, seconds=0.0)
    result = timed("work", "peer", 3, found["ours"], found["peer"])
    assert (result.ratio, result.low, result.high, result.repeats) == (4.0, 4.0, 4.0, 7)
    assert np.median(found["ours"]) == result.ours == 30.0


def test_a_ratio_is_the_median_of_the_rounds_with_quartiles():
    ours, theirs = np.ones(5), np.array([2.0, 9.0, 3.0, 4.0, 5.0])
    faster = timed("work", "peer", 4, ours, theirs)
    assert (faster.low, faster.ratio, faster.high) == (3.0, 4.0, 5.0)
    assert faster.reached and not timed("work", "peer", 4.1, ours, theirs).reached
    longer = timed("work", "peer", 0.25, ours, theirs, at_most=True)
    assert (longer.low, longer.ratio, longer.high) == pytest.approx((1 / 5, 1 / 4, 1 / 3))
    assert longer.reached and not timed("work", "peer", 0.24, ours, theirs, at_most=True).reached


def test_rows_that_a_peer_was_spared_count():
    ours, theirs = np.full(3, 2.0), np.full(3, 1.0)
    result = timed("work", "peer", 1, ours, theirs, n_rows=100, n_theirs=5)
    assert result.ratio == pytest.approx(50 / 5)
    assert _tables.cells(result)[5:7] == ["50 rows/s", "5 rows/s"]


def test_a_peer_goes_on_with_the_best_of_its_settings(clock):
    settings = {"slow": clock.call("slow", 5.0), "fast": clock.call("fast", 2.0), "middle": clock.call("middle", 3.0)}
    assert fastest(settings) == "fast"
    clock.called.clear()
    result = against_best("work", "peer", 2, clock.call("ours", 1.0), settings, rounds=4, seconds=0.0, note="equal")
    assert result.ratio == 2.0 and result.reached
    assert result.note == "equal; best of 3 settings: fast"
    assert [clock.called.count(name) for name in ("ours", "fast", "middle", "slow")] == [5, 8, 3, 3]


def test_sizes_follow_the_mode():
    assert size(5_000, 50) == 5_000
    set_quick(True)
    assert is_quick() and size(5_000, 50) == 50


# ---------------------------------------------------------------------- files and tables
def some_results():
    ours = np.array([0.9, 1.0, 1.1])
    return [
        timed("IG | rows", "a peer", 3, ours, 4 * np.ones(3), headline=True, note="equal"),
        timed("latency", "a peer", 0.5, ours / 1e4, np.ones(3) / 1e4, at_most=True),
        Result("memory", "fewer rows", np.float64(1.02), 1.1, True, ours=480.0, theirs=471.0, unit="MiB"),
        Result("tables of 5", "peers", np.int64(4), 4, unit=""),
    ]


def test_results_come_back_from_their_file(tmp_path):
    path = _results.save(tmp_path, "stub", "What is compared.", some_results(), 1.23)
    run = _results.load(tmp_path)["stub"]
    assert [line["reached"] for line in run["results"]] == [True, False, True, True]
    for found, expected in zip(_results.as_results(run), some_results(), strict=True):
        assert found.work == expected.work and found.headline == expected.headline
        assert found.ratio == pytest.approx(expected.ratio, rel=1e-4) and found.reached == expected.reached
    assert set(run["machine"]) == {"processor", "cores", "memory_gib", "system", "python"}  # no names of hosts
    assert run["versions"]["torch"] and run["threads"] == common.THREADS and run["seconds"] == 1.2
    assert path.name == "stub.json" and json.loads(path.read_text()) == run


def test_quick_results_are_no_figures(tmp_path):
    set_quick(True)
    _results.save(tmp_path, "stub", "", some_results(), 1.0)
    assert _results.load(tmp_path) == {}


def test_tables_show_ratio_spread_target_and_whether_it_is_reached(tmp_path):
    _results.save(tmp_path, "stub", "", some_results(), 1.0)
    runs = _results.load(tmp_path)
    picture, _, *lines = _tables.long_table(runs).splitlines()
    assert picture.endswith("(results/ratios.png)")
    assert lines[2] == r"| IG \| rows | a peer | 4.00x (3.82 to 4.22) | at least 3x | yes | 1 s | 4 s | equal |"
    assert lines[3].startswith("| latency | a peer | 1.00 (0.95 to 1.05) | at most 0.5 | **no** | 100 µs | 100 µs |")
    assert "| memory | fewer rows | 1.02 | at most 1.1 | yes | 480 MiB | 471 MiB |" in lines[4]
    assert "| tables of 5 | peers | 4 | at least 4 | yes |" in lines[5]
    short = _tables.short_table(runs).splitlines()
    assert len(short) == 5 and short[2].startswith(r"| IG \| rows |")
    assert short[4] == "3 of all 4 figures reach their targets."


def test_a_page_changes_between_its_marks_only():
    page = "before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n"
    new = _tables.between(page, "benchmarks", r"new \1")
    assert new == "before\n<!-- benchmarks -->\nnew \\1\n<!-- /benchmarks -->\nafter\n"
    with pytest.raises(ValueError, match="must have <!-- benchmarks -->"):
        _tables.between("no marks", "benchmarks", "new")


def test_the_pages_say_what_the_committed_files_say():
    for path, text in _tables.pages().items():
        assert (ROOT / path).read_text() == text, f"{path} is not what `python -m benchmarks table` makes of the files."


def test_pages_and_pictures_are_made_of_a_folder(tmp_path):
    for path in _tables.PAGES:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text())
    _results.save(tmp_path, "stub", "", some_results(), 1.0)
    _results.save(tmp_path, "growth", "", list(_growth.measured(some_points())), 1.0)
    _tables.write_pages(tmp_path, tmp_path)
    assert all("4.00x (3.82 to 4.22)" in (tmp_path / path).read_text() for path in _tables.PAGES)
    assert "1.00 (1.00 to 1.00)" in (tmp_path / "benchmarks" / "README.md").read_text()
    assert [path.name for path in _plots.write_plots(tmp_path)] == ["ratios.png", "growth.png"]
    assert (tmp_path / "growth.png").stat().st_size > 10_000


# ---------------------------------------------------------------------- growth
def some_points(exponent=1.0):
    rows = [2**k for k in range(4, 10)]
    cases = [_growth.Case("SaliencyExplainer", "rows", x, x, 8) for x in rows]
    return [(case, (1e-3 * case.x**exponent, 0.2)) for case in cases]


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.5])
def test_the_exponent_of_a_power_law_is_found(exponent):
    (line,) = _growth.measured(some_points(exponent))
    assert line["time"]["exponent"] == pytest.approx(exponent, abs=1e-9)
    assert line["time"]["low"] == pytest.approx(line["time"]["high"], abs=1e-6)
    assert line["memory"]["values"] == [_growth.LEAST_MIB] * 6 and line["memory"]["exponent"] == 0.0


def test_only_the_upper_range_is_fitted_and_noise_widens_the_interval():
    x = 2.0 ** np.arange(8)
    values = np.maximum(x, 16.0)  # an overhead below, linear above
    fit = _growth.fit_exponent(x, values)
    assert fit["exponent"] == pytest.approx(1.0) and fit["factor"] == pytest.approx(1.0) and fit["points"] == 4
    noisy = _growth.fit_exponent(x, values * np.array([1, 1, 1, 1, 1.1, 0.9, 1.1, 0.9]))
    assert noisy["low"] < 1.0 < noisy["high"] and noisy["high"] - noisy["low"] > 0.1


def test_growth_has_all_four_axes_and_a_quick_run_has_fewer_points():
    full = _growth.cases()
    set_quick(True)
    quick = _growth.cases()
    assert {case.axis for case in full} == {case.axis for case in quick} == {"rows", "features", "steps", "coalitions"}
    assert len(quick) < len(full) / 2 and {case.x for case in quick} <= {case.x for case in full}
    assert all(dict(case.options)["n_steps"] == case.x for case in full if case.axis == "steps")
    assert all(getattr(case, f"n_{case.axis}") == case.x for case in full if case.axis in ("rows", "features"))


# ---------------------------------------------------------------------- the command
@pytest.fixture
def stubs(monkeypatch):
    """Put two benchmarks and one that fails in the place of the real ones."""

    def fails():
        yield from some_results()[:1]
        raise RuntimeError("no such peer")

    runs = {"first": lambda: iter(some_results()), "fails": fails, "second": lambda: iter(some_results()[1:2])}
    for name, run in runs.items():
        module = ModuleType(f"benchmarks.bench_{name}", f"What {name} compares.\n\nMore of it.")
        module.run = run
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(runner, "known", lambda: list(runs))
    return runs


def test_a_run_writes_files_and_prints_a_table(stubs, tmp_path, capsys):
    assert runner.main(["first", "second", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.json", "ratios.png", "second.json"]
    assert json.loads((tmp_path / "first.json").read_text())["about"] == "What first compares."
    out, err = capsys.readouterr()
    assert "IG | rows" in out and "4.00x (3.82 to 4.22)" in out
    assert "latency / a peer: 1.00 (0.95 to 1.05), at most 0.5, NOT REACHED" in err.splitlines()


def test_a_failure_is_told_and_the_others_go_on(stubs, tmp_path, capsys):
    assert runner.main(["--out", str(tmp_path)]) == 1
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["first.json", "second.json"]
    err = capsys.readouterr().err.splitlines()
    assert "fails FAILED: RuntimeError: no such peer" in err and err[-1] == "Failed: fails."


def test_an_unknown_name_is_one_line(stubs, capsys):
    with pytest.raises(SystemExit) as error:
        runner.main(["first", "frist"])
    assert error.value.code == 2
    assert capsys.readouterr().err == (
        "No benchmark is called frist. There are: first, fails, second, growth and table.\n"
    )


def test_a_quick_run_keeps_nothing(stubs, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_results, "FOLDER", tmp_path)
    monkeypatch.setattr(_tables, "write_pages", lambda *args: pytest.fail("A quick run wrote the pages."))
    assert runner.main(["--quick", "first"]) == 0
    assert list(tmp_path.iterdir()) == [] and "no figures to keep" in capsys.readouterr().out


def test_a_full_run_remakes_the_pages(stubs, monkeypatch, tmp_path):
    written = []
    monkeypatch.setattr(_results, "FOLDER", tmp_path)
    monkeypatch.setattr(_tables, "write_pages", lambda: written.append("pages"))
    assert runner.main(["second"]) == 0 and runner.main(["table"]) == 0
    assert written == ["pages", "pages"] and (tmp_path / "second.json").exists()


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_has_the_form(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree).partition("\n")[0].endswith(".")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions].count("run") == 1
    assert "headline" in path.read_text()  # something of it is in the README


@pytest.mark.slow
def test_a_real_benchmark_runs(tmp_path):
    before = {path: (ROOT / path).read_bytes() for path in _tables.PAGES}
    command = [sys.executable, "-m", "benchmarks", "--quick", "latency", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    run = json.loads((tmp_path / "latency.json").read_text())
    assert run["quick"] and len(run["results"]) == 2
    for line in run["results"]:
        assert 0 < line["low"] <= line["ratio"] <= line["high"] and line["repeats"] >= 2
        assert line["ours"] > 0 and line["theirs"] > 0
    assert len(done.stderr.splitlines()) == 3  # a line a result, and the seconds of all
    assert before == {path: (ROOT / path).read_bytes() for path in _tables.PAGES}
