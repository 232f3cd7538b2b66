"""How was the report made, so that it can be made again?"""

from __future__ import annotations

import inspect
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from sklearn_xai.report._content import Block, Code, Column, Section, Table, Text
from sklearn_xai.report._words import counted, listed, text_of

if TYPE_CHECKING:
    from sklearn_xai.report._work import Found

_PACKAGES = ("scikit-learn", "skorch", "torch", "numpy", "scipy", "pandas", "shap", "matplotlib")


def versions() -> dict[str, str]:
    """Return the versions of everything the numbers depend on."""
    import sklearn_xai

    found = {"python": platform.python_version(), "sklearn-xai": sklearn_xai.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # of a build without its records
            continue
    return found


def made(found: Found, report: Any) -> Section:
    """Tell of versions, seeds, settings and seconds, and give the lines that make it again."""
    given, total = found.given, sum(found.seconds.values())
    how = (
        f"trained anew in each of {len(given.splits)} folds and once on all rows"
        if given.trains
        else f"explained as it stands, with the rows of {len(given.splits)} folds as backgrounds"
    )
    seed = "no seed was given" if report.random_state is None else f"seed {text_of(report.random_state)}"
    answer = (
        f"{counted(len(given.y), 'row')}, {counted(len(found.spread_outputs), 'explained row')}, "
        f"{counted(len(found.fitted), 'explainer')}, {seed}; {total:.0f} seconds in all. The model was {how}."
    )
    blocks: list[Block] = [
        Code(code(report), "To make it again"),
        Code(repr(report.estimator), "The model"),
        Code("\n".join(f"{name}: {_written(found.fitted[name])}" for name in found.names), "The explainers"),
        _settings(found, report),
        _two("Seconds", "work", "seconds", found.seconds),
        _two("Versions", "package", "version", versions()),
    ]
    notes = _notes(found)
    blocks += [Text(notes)] if notes else []
    question = "How was this made, and how can it be made again?"
    return Section("made", "How it was made", question, answer, blocks)


def code(report: Any) -> str:
    """Return the lines of Python that make a report again."""
    arguments = ["estimator", "X", "y"]
    names = report.explainers
    if isinstance(names, dict):
        arguments.append("explainers=explainers")
    elif names is not None:
        arguments.append(f"explainers={[names] if isinstance(names, str) else list(names)!r}")
    for name, default in report.defaults().items():
        value = getattr(report, name)
        if name in ("explainers", "verbose") or value is default or _same(value, default):
            continue
        plain = isinstance(value, str | int | float | bool) and len(repr(value)) < 60
        arguments.append(f"{name}={value!r}" if plain else f"{name}={name}")
    return "\n".join(
        [
            "from sklearn_xai.report import ExplanationReport",
            "",
            f"report = ExplanationReport({', '.join(arguments)})",
            'report.save("report.html")',
        ]
    )


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and isinstance(value, str | int | float) and value == default


def _written(explainer: Any) -> str:
    """Return an explainer as it is made, with what differs from its defaults and without the model."""
    parameters = inspect.signature(type(explainer)).parameters
    told = [
        f"{name}={value!r}"
        for name, value in explainer.get_params(deep=False).items()
        if name != "estimator" and repr(value) != repr(parameters[name].default)
    ]
    return f"{type(explainer).__name__}({', '.join(['estimator', *told])})"


def _settings(found: Found, report: Any) -> Table:
    given = found.given
    told = {
        "rows given": f"{len(given.y):,}",
        "folds": f"{len(given.splits)}, {text_of(report.cv)}" if not isinstance(report.cv, int) else str(report.cv),
        "rows that are explained": f"{len(found.spread_outputs):,}",
        "rows that are shown": f"{len(found.shown):,}",
        "seed": text_of("none" if report.random_state is None else report.random_state),
        "target": text_of(report.target),
        "output": text_of(report.output),
        "feature groups": text_of("none" if report.feature_groups is None else report.feature_groups),
        "main explainer": found.main,
        "reference": found.reference or "none",
        "control": found.control or "none",
    }
    return _two("Settings", "setting", "value", told)


def _two(caption: str, first: str, second: str, rows: dict[str, Any]) -> Table:
    kind = "number" if all(isinstance(value, float) for value in rows.values()) else "text"
    return Table(caption, [Column(first), Column(second, kind)], [[name, value] for name, value in rows.items()])


def _notes(found: Found) -> list[str]:
    notes = []
    if found.given.seen:
        notes.append(
            "The explained rows are among those that the model was trained on; the scores are of rows it was not."
        )
    notes += [f"{name} is left out: {reason}" for name, reason in found.refused.items()]
    if found.warnings:
        notes.append(f"Warnings: {listed(found.warnings, most=20)}")
    return notes
