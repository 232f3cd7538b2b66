"""Do explainers say the same, and do they say more than chance?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_xai.display import AgreementDisplay, PerturbationCurveDisplay
from sklearn_xai.display._agreement import agreement_matrix
from sklearn_xai.display._heatmap import square_size
from sklearn_xai.engines.agreement import spearman, top_k_overlap
from sklearn_xai.model_selection.inputs import take_rows
from sklearn_xai.report._content import Block, Column, Figure, Section, Table, Text
from sklearn_xai.report._figures import picture
from sklearn_xai.report._intervals import interval_of_means
from sklearn_xai.report._words import counted, listed, output_words, two

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_xai.report._work import Found

HIGH, LOW = 0.9, 0.7  # agreement from which on two explanations are alike, and below which they are not
TOP = 5
_DELETED_ROWS = 60


@dataclass
class Mean:
    """A mean over folds and rows with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray, seed: int) -> Mean:
        """Take the mean of values of shape (n_folds, n_rows)."""
        low, high = interval_of_means(np.asarray(values, dtype=float)[:, :, None], seed)
        return cls(float(np.mean(values)), float(low[0]), float(high[0]))

    @property
    def cell(self) -> tuple[float, float, float]:
        """As a cell of a table."""
        return self.value, self.low, self.high

    @property
    def words(self) -> str:
        """As text."""
        return f"{two(self.value)} (95\N{NO-BREAK SPACE}% interval {two(self.low)} to {two(self.high)})"


# ---------------------------------------------------------------------- agreement
def agreement_with_reference(found: Found, name: str) -> Mean:
    """Return the rank correlation of an explainer with SHAP."""
    assert found.reference is not None
    return Mean.of(found.agreement(name, found.reference), found.seed)


def agreement(found: Found) -> Section:
    """Tell which explainers say the same."""
    others = [name for name in found.names if name not in (found.reference, found.control)]
    blocks: list[Block] = []
    if found.reference is None:
        answer = "SHAP is not among the explainers; the picture compares those that are with each other."
    elif len(found.features) < 2:
        answer = "There is one column only, in whose order explainers cannot differ."
    elif not others:
        answer = "SHAP is the only explainer: there is none to compare it with."
    else:
        answer = _agreement_answer(found, others)
    if found.reference is not None:
        blocks.append(_agreement_table(found))
    blocks += [
        _agreement_picture(found),
        Text(["Explainers that share a mistake agree, too: agreement is no proof, but disagreement is a question."]),
    ]
    question = "Do explainers of different kinds, and SHAP, say the same?"
    return Section("agreement", "Agreement", question, answer, blocks)


def _agreement_answer(found: Found, others: list[str]) -> str:
    means = {name: agreement_with_reference(found, name) for name in others}
    first = others[0]
    alike = [name for name in others if means[name].value >= HIGH]
    apart = [name for name in others if means[name].value < LOW]
    told = f"{first} orders the columns of a row as SHAP does with a rank correlation of {means[first].words}."
    if found.of_pixels:
        told = told.replace("columns", "pixels")
    if len(alike) == len(others) > 1:
        return f"{told} So do all others, at {HIGH} or more."
    if apart:
        return f"{told} {listed(apart)} {'differs' if len(apart) == 1 else 'differ'} from it, at less than {LOW}."
    return told


def _agreement_table(found: Found) -> Table:
    rows: list[list] = []
    marked: set[int] = set()
    k = min(TOP, max(1, len(found.features) // 2))
    for name in found.names:
        if name == found.reference:
            continue
        pairs = zip(found.folds[name], found.folds[str(found.reference)], strict=True)
        top = np.mean([top_k_overlap(a.attributions, b.attributions, k) for a, b in pairs])
        marked |= {len(rows)} if name == found.control else set()
        rows.append([name, agreement_with_reference(found, name).cell, float(top)])
    noun = "pixels" if found.of_pixels else "columns"
    columns = [
        Column("explainer"),
        Column("rank correlation", "interval", f"Of the {noun} of a row with SHAP's, and its 95 % interval."),
        Column(f"top {k} shared", "bar", f"Share of the {k} largest {noun} of a row that are among SHAP's {k}."),
    ]
    return Table(f"Agreement with {found.reference}; 1 is the same order, 0 is none", columns, rows, marked)


def _agreement_picture(found: Found) -> Figure:
    names = found.names
    joined = [np.concatenate([fold.attributions for fold in found.folds[name]]) for name in names]
    matrix = agreement_matrix([np.asarray(part, dtype=float) for part in joined], spearman)

    def draw(ax: Axes) -> None:
        AgreementDisplay(matrix, names).plot(ax)

    upper = [(matrix[i, j], i, j) for i in range(len(names)) for j in range(i)]
    alt = "A grid of the explainers against each other."
    if upper:
        (most, a, b), (least, c, d) = max(upper), min(upper)
        alt += f" Closest are {names[a]} and {names[b]} ({two(most)}), farthest {names[c]} and {names[d]} "
        alt += f"({two(least)})."
    width, height = square_size(len(names), max(len(name) for name in names))
    caption = "Mean rank correlation over rows and folds of each explainer with each other."
    return picture(draw, (min(width, 8.0), min(height, 7.4)), alt, caption)


# ---------------------------------------------------------------------- faithfulness
@dataclass
class Verdict:
    """How faithful an explainer is, and how much more than chance."""

    name: str
    faithfulness: Mean
    above: Mean | None  # of the difference to the control

    @property
    def beats(self) -> bool:
        """Whether it is better than the control beyond doubt."""
        return self.above is not None and self.above.low > 0


def verdicts(found: Found) -> list[Verdict]:
    """Return how each explainer compares with the control, the same rows and removed columns for all."""
    chance = found.faithfulness(found.control) if found.control else None
    judged = []
    for name in found.names:
        own = found.faithfulness(name)
        above = None if chance is None or name == found.control else Mean.of(own - chance, found.seed)
        judged.append(Verdict(name, Mean.of(own, found.seed), above))
    return judged


def faithfulness(found: Found) -> Section:
    """Tell whether the columns that explainers name are those that the model needs."""
    judged = verdicts(found)
    blocks: list[Block] = [_faithfulness_table(found, judged), _deletion_picture(found), _cost_table(found)]
    if found.refused:
        blocks.append(Text([f"{name} is left out: {reason}" for name, reason in found.refused.items()]))
    question = "Does the output change as the explanations say when columns are removed, more than by chance?"
    if found.of_pixels:
        question = question.replace("columns", "pixels")
    return Section("faithfulness", "Faithfulness", question, _faithfulness_answer(found, judged), blocks)


def _faithfulness_answer(found: Found, judged: list[Verdict]) -> str:
    if len(found.features) < 2:
        return "There is one column only: faithfulness compares columns, and there is none to compare it with."
    main, compared = judged[0], [verdict for verdict in judged if verdict.above is not None]
    noun = "pixels" if found.of_pixels else "columns"
    told = f"What {main.name} says goes with what removing {noun} does at a correlation of {main.faithfulness.words}"
    chance = next((verdict for verdict in judged if verdict.above is None), None)
    told += f"; random numbers have {two(chance.faithfulness.value)}." if chance and compared else "."
    worse = [verdict.name for verdict in compared if not verdict.beats]
    if worse:
        return f"{told} {listed(worse)} {'is' if len(worse) == 1 else 'are'} not better than chance beyond doubt."
    return f"{told} All {counted(len(compared), 'explainer')} are better than chance." if len(compared) > 1 else told


def _faithfulness_table(found: Found, judged: list[Verdict]) -> Table:
    rows: list[list] = []
    marked: set[int] = set()
    for place, verdict in enumerate(judged):
        above = verdict.above
        better = None if above is None else "yes" if verdict.beats else "not beyond doubt"
        marked |= {place} if verdict.name == found.control else set()
        rows.append(
            [
                verdict.name,
                verdict.faithfulness.cell,
                None if above is None else above.cell,
                better,
            ]
        )
    columns = [
        Column("explainer"),
        Column(
            "faithfulness",
            "interval",
            "Correlation over random sets of columns between the sum of their attributions and what the output loses "
            "without them; the mean over folds and rows with its 95 % interval.",
        ),
        Column("above chance", "interval", "The same, less that of random numbers on the same rows."),
        Column("better than chance", "text", "Whether the interval of the difference lies above 0."),
    ]
    return Table("Explainers against the random control", columns, rows, marked)


def _cost_table(found: Found) -> Table:
    frame = found.comparison
    rows = [
        [name, *(float(frame.loc[name, key]) for key in ("completeness_gap", "fit_seconds", "rows_per_second"))]
        for name in found.names
    ]
    columns = [
        Column("explainer"),
        Column("completeness gap", "number", "How far the attributions of a row miss its output; the median."),
        Column("seconds to fit", "number", "Without training the model.", 2),
        Column("rows per second", "number", "Explained in one go."),
    ]
    marked = {len(rows) - 1} if found.control else set()
    return Table("What the explainers leave over, and what they cost", columns, rows, marked)


def _deletion_picture(found: Found) -> Figure:
    noun = "pixels" if found.of_pixels else "columns"
    names = dict.fromkeys(name for name in (found.main, found.reference, found.control) if name is not None)
    rows = take_rows(found.given.X_eval, np.arange(min(_DELETED_ROWS, len(found.spread_outputs))))
    explainers = {name: found.fitted[name] for name in names}
    what = output_words(found.fitted[found.main], found.given.target_name)

    def draw(ax: Axes) -> None:
        PerturbationCurveDisplay.from_explainers(
            explainers, rows, control=found.control, random_state=found.seed, target_name=what, ax=ax
        )

    alt = f"The mean {what} as more and more {noun} are removed, in the order of each explainer: {listed(names)}."
    caption = f"The output as {noun} are removed, those first that raise it most. A faithful order makes it fall early."
    return picture(draw, (7.0, 4.2), alt, caption)
