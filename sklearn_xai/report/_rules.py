"""By which few rules could the model be imitated, and how well?"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.explainers import RuleSurrogateExplainer, TreeSurrogateExplainer
from sklearn_xai.report._content import Block, Code, Column, Section, Table, Text
from sklearn_xai.report._words import percent, text_of

if TYPE_CHECKING:
    from sklearn_xai.report._work import Found

_DEPTH, _MOST_RULES = 3, 8


def fit_rules(found: Found) -> dict[str, Any]:
    """Return a small tree and a list of rules that imitate the model of all rows; none where they cannot."""
    model, given = found.fitted[found.main].estimator, found.given
    fitted = {}
    for name, kind, size in (
        ("tree", TreeSurrogateExplainer, {"max_depth": _DEPTH}),
        ("list of rules", RuleSurrogateExplainer, {"max_rules": _MOST_RULES}),
    ):
        settings: dict[str, Any] = {**size, **given.settings}
        explainer = kind(model, **settings, min_fidelity=None, random_state=found.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fitted[name] = explainer.fit(given.X)
            except Exception as error:  # the model is the user's, and raises what it likes
                found.refused[f"The {name}"] = " ".join(str(error).split())
    return fitted


def fidelity_of(explainer: Any) -> float:
    """Return the share of the model's variance that a surrogate accounts for, the worst of its outputs."""
    return float(np.min(explainer.fidelity_))


def rules(found: Found, fitted: dict[str, Any]) -> Section:
    """Tell the rules and how far they are those of the model."""
    blocks: list[Block] = [_fidelities(fitted)]
    for name, explainer in fitted.items():
        listed = Code(
            explainer.rules_text_, "The list of rules: the first that holds decides; the output, its spread, rows"
        )
        blocks.append(_rule_table(explainer) if name == "tree" else listed)
    blocks.append(
        Text(
            ["Rules are of a simpler model that imitates the explained one. Where it does not, they say nothing of it."]
        )
    )
    question = "By which few rules could the model be imitated, and how well?"
    return Section("rules", "Rules", question, _answer(fitted), blocks)


def _answer(fitted: dict[str, Any]) -> str:
    best = max(fitted, key=lambda name: fidelity_of(fitted[name]))
    explainer, share = fitted[best], fidelity_of(fitted[best])
    how = "accounts for" if share >= 0.7 else "accounts for only"
    n, n_fitted = len(explainer.rules_), np.size(explainer.fidelity_)
    what, verb = f"A {best} of {n} rules", how
    if n_fitted > 1:  # one for each output
        trees = "trees" if best == "tree" else "lists"
        what, verb = f"{n_fitted} {trees}, {n} rules together,", how.replace("accounts", "account")
    told = f"{what} {verb} {percent(max(share, 0.0))} of what the output varies by"
    agreement, names = getattr(explainer, "agreement_", None), "name" if n_fitted > 1 else "names"
    told += f", and {names} the model's class for {percent(agreement)} of rows" if agreement is not None else ""
    return told + ", on rows it was not made from."


def _fidelities(fitted: dict[str, Any]) -> Table:
    columns = [
        Column("surrogate"),
        Column("rules", "number"),
        Column("fidelity", "number", "R2 on held-out rows: 1 is the model itself, 0 no better than a constant."),
        Column("same class", "number", "Percent of held-out rows that get the model's class."),
    ]
    rows = []
    for name, explainer in fitted.items():
        agreement = getattr(explainer, "agreement_", None)
        same = None if agreement is None else 100 * float(agreement)
        rows.append([name, len(explainer.rules_), fidelity_of(explainer), same])
    return Table("How well rules imitate the model", columns, rows)


def _rule_table(explainer: Any) -> Table:
    frame = explainer.rules_
    kinds = {"prediction": "number", "spread": "number", "precision": "number", "share": "bar", "n_rows": "number"}
    names = {"n_rows": "rows", "share": "percent of rows", "precision": "percent of that class"}
    help_ = {
        "prediction": "The mean output under the rule.",
        "spread": "How far the model's output varies under the rule.",
        "class": "The class that the model gives most often under the rule.",
    }
    columns = [Column(names.get(c, c), kinds.get(c, "text"), help_.get(c, "")) for c in frame.columns]
    rows = [
        [_cell(column, value) for column, value in zip(frame.columns, row, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]
    return Table("The rules of the tree: one holds of each row", columns, rows)


def _cell(column: str, value: Any) -> Any:
    if column in ("share", "precision"):
        return 100 * float(value)
    if column in ("prediction", "spread"):
        return float(value)
    if column == "n_rows":
        return int(value)
    return text_of(value)
