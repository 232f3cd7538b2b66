from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest

from sklearn_xai import all_explainers
from sklearn_xai.cli import COMMANDS, main
from sklearn_xai.cli.completion import SHELLS, completion_script
from sklearn_xai.explainers.description import describe
from sklearn_xai.explainers.equations import as_text
from sklearn_xai.explainers.naming import explainer_named, short_name

NAMES = [short_name(name) for name, _ in all_explainers()]


@pytest.fixture
def terminal(monkeypatch):
    """Make rich draw as on a terminal of some columns."""

    def of(columns):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", str(columns))

    return of


def printed(capsys, *arguments):
    assert main(["explainers", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys, *arguments):
    assert main(["explainers", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sklearn-xai: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def without_colours(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# ---------------------------------------------------------------------- all of them
def test_in_a_pipe_there_is_one_line_for_each(capsys):
    lines = printed(capsys).splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    for line, (_, kind) in zip(lines, all_explainers(), strict=True):
        found = describe(kind).plain()
        assert found.question in line
        assert found.needs in line
        assert found.adds_up in line


@pytest.mark.parametrize("columns", [80, 109, 110, 120, 200])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_left_out(columns, terminal, capsys):
    terminal(columns)
    text = without_colours(printed(capsys))
    assert max(map(len, text.splitlines())) <= columns
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    for name in NAMES:
        assert f"\n{name}\n" in f"\n{text}" or f"\n{name} " in text
    assert "…" not in text
    assert text.splitlines()[-1].startswith("sklearn-xai explainers NAME")


def test_a_narrow_terminal_has_blocks_and_a_wide_one_a_table(terminal, capsys):
    terminal(80)
    assert "what it answers" not in printed(capsys)
    terminal(120)
    assert "what it answers" in printed(capsys)


@pytest.mark.parametrize("kind", ["table", "image", "tokens"])
def test_only_those_that_explain_such_rows(kind, capsys):
    lines = printed(capsys, "--inputs", kind).splitlines()
    assert [line.split()[0] for line in lines] == [short_name(name) for name, _ in all_explainers(inputs=kind)]


def test_what_explains_no_tables_says_so(capsys):
    line = next(line for line in printed(capsys).splitlines() if line.startswith("GradCAM"))
    assert "a network with convolutions, images" in line


def test_json_holds_all(capsys):
    found = json.loads(printed(capsys, "--json"))
    assert [one["name"] for one in found] == list(dict(all_explainers()))
    assert found[0].keys() >= {"question", "equation", "misleads", "cost", "needs", "adds_up", "references"}
    assert [one["name"] for one in json.loads(printed(capsys, "rfe", "--json"))] == ["RFEExplainer"]


# ---------------------------------------------------------------------- one of them
@pytest.mark.parametrize("name", NAMES)
def test_one_in_full(name, terminal, capsys):
    terminal(80)
    text = without_colours(printed(capsys, name))
    found = describe(dict(all_explainers())[f"{name}Explainer"]).plain()
    assert max(map(len, text.splitlines())) <= 80
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    flat = " ".join(text.split())
    assert found.question in flat
    assert found.cost in flat
    assert found.misleads.split(" ", 2)[2] in flat
    assert all(reference in flat for reference in found.references)
    assert all(as_text(line).split("   ")[0] in flat for line in found.equation.splitlines())
    assert all(parameter in flat for parameter in found.parameters)


def test_an_equation_stays_latex_where_the_terminal_has_no_greek(monkeypatch, capsys):
    import io

    from sklearn_xai.cli import explainers

    assert explainers._printable(r"\phi_i = x_i", "ascii") == r"\phi_i = x_i"
    assert explainers._printable(r"\phi_i = x_i", "utf-8") == "φ_i = x_i"
    assert explainers._printable(r"\phi_i = x_i", "no-such-encoding") == r"\phi_i = x_i"
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", latin)
    assert main(["explainers", "saliency"]) == 0
    latin.seek(0)
    assert r"\partial" in latin.read()


@pytest.mark.parametrize(
    "given",
    ["IntegratedGradients", "integrated-gradients", "INTEGRATED_GRADIENTS", "IntegratedGradientsExplainer", "ig"],
)
def test_spelling_is_not_held_against_the_user(given):
    assert explainer_named(given) == ("IntegratedGradients", dict(all_explainers())["IntegratedGradientsExplainer"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("integratd-gradients", "did you mean IntegratedGradients?"),
        ("lime", "did you mean LocalSurrogate?"),
        ("olden", "did you mean GradientXWeight?"),
        ("partial", "did you mean PartialDependence?"),
        ("surrogate", "did you mean LinearSurrogate"),
        ("zzzz", "there are Captum, DecisionBoundary"),
        ("", "there are Captum, DecisionBoundary"),
        ("(", "there are Captum, DecisionBoundary"),
    ],
)
def test_a_name_that_there_is_not(given, words, capsys):
    error = refused(capsys, given)
    assert repr(given) in error
    assert words in error


def test_a_name_of_another_kind_of_rows(capsys):
    assert "GradCAM explains images, and this is a table" in refused(capsys, "GradCAM", "--inputs", "table")
    assert "Shapley explains tables and images, and not texts" in refused(capsys, "Shapley", "--inputs", "tokens")
    assert "--inputs" in refused(capsys, "--inputs", "sound")


# ---------------------------------------------------------------------- help
def test_help_has_a_line_for_each_command_and_examples(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[: lines.index("examples:")])) <= 80
    start = lines.index("commands:")
    listed = lines[start + 1 : lines.index("", start)]
    assert [line.split()[0] for line in listed] == [command.NAME for command in COMMANDS]
    assert all(len(line.split()) > 3 for line in listed)
    assert all(
        f"  sklearn-xai {command.NAME}" in "\n".join(lines) for command in COMMANDS if command.NAME != "completion"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples(command, capsys):
    assert main([command.NAME, "--help"]) == 0
    assert "examples:" in capsys.readouterr().out


# ---------------------------------------------------------------------- completion
@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("sklearn-xai", *(command.NAME for command in COMMANDS), *NAMES):
        assert word in script


def test_a_shell_that_there_is_not(monkeypatch, capsys):
    assert main(["completion", "ksh"]) == 2
    assert "'ksh'" in capsys.readouterr().err
    monkeypatch.setattr("shtab.SUPPORTED_SHELLS", ["bash"])
    assert main(["completion", "fish"]) == 2
    assert "shtab completes bash, not fish" in capsys.readouterr().err


@pytest.fixture(scope="module")
def bash(tmp_path_factory):
    """Return a function from the words of a command line to what bash makes of the last one."""
    if shutil.which("bash") is None:
        pytest.fail("these tests ask bash, which is not installed")
    folder = tmp_path_factory.mktemp("completion")
    script = folder / "script"
    script.write_text(completion_script("bash"), encoding="utf-8")
    function = re.search(r"^complete .*-F (\S+) sklearn-xai$", script.read_text(encoding="utf-8"), re.MULTILINE)[1]
    (folder / "people.csv").write_text("a\n1\n", encoding="utf-8")
    (folder / "plots").mkdir()

    def run(*arguments):
        done = subprocess.run(
            ["bash", "--norc", *arguments], cwd=folder, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    ask = f"""
        source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}
        {function} sklearn-xai "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf "%s\\n" "${{COMPREPLY[@]}}"
    """

    def completed(*words):
        return run("-c", ask, "bash", "sklearn-xai", *words)

    run("-n", "script")
    return completed


def test_bash_completes_commands(bash):
    assert bash("expl") == ["explainers"]
    assert set(bash("")) == {command.NAME for command in COMMANDS}


def test_bash_completes_names_of_explainers(bash):
    assert bash("explainers", "Sal") == ["Saliency"]
    assert bash("compare", "--explainers", "Shap") == ["Shapley"]
    assert bash("compare", "--explainers", "SHAP,IG,Integ") == ["SHAP,IG,IntegratedGradients"]


def test_bash_completes_options_and_choices(bash):
    assert bash("explainers", "--in") == ["--inputs"]
    assert bash("explainers", "--inputs", "im") == ["image"]
    assert bash("completion", "z") == ["zsh"]


def test_bash_completes_files_and_folders(bash):
    assert bash("compare", "--data", "peo") == ["people.csv"]
    assert bash("compare", "--out", "p") == ["plots"]
