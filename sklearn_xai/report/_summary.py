"""What stands on top: the figures of a report in a line, and what to know before it is believed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._evaluation_plots import NAMES
from sklearn_xai.report._columns import shares
from sklearn_xai.report._content import Caution, Tile
from sklearn_xai.report._judgement import LOW, agreement_with_reference, verdicts
from sklearn_xai.report._quality import main_measure
from sklearn_xai.report._rules import fidelity_of
from sklearn_xai.report._words import counted, even, label, listed, percent, short, two

if TYPE_CHECKING:
    from sklearn_xai.report._work import Found

FEW_ROWS, FEW_EXPLAINED = 200, 30
LEAST_FIDELITY = 0.7
ONE_COLUMN = 0.8  # share of one column from which on it may stand for the target
_UNSTABLE_ORDER = 0.7
_MOST_TOLD = 6
_TOLD_OTHERWISE = re.compile(r"completeness gap|fidelity|min_fidelity|R2 of|no more than chance", re.IGNORECASE)


# ---------------------------------------------------------------------- tiles
def tiles(found: Found) -> list[Tile]:
    """Return the figures of the summary."""
    evaluation = found.evaluation
    measure = main_measure(evaluation)
    row = evaluation.table.loc[measure]
    mean, spread, baseline = even(row["mean"], row["std"], row["baseline"])
    note = f"± {spread} over {len(evaluation.folds)} folds; without columns {baseline}"
    made = [Tile(NAMES[measure], mean, note)]
    if not found.of_pixels:
        made.append(_column_tile(found))
    if len(found.features) < 2:
        return made
    judged = verdicts(found)
    chance = next((verdict for verdict in judged if verdict.name == found.control), None)
    note = f"by {found.main}" + (f"; random numbers {two(chance.faithfulness.value)}" if chance else "")
    made.append(Tile("Faithfulness", two(judged[0].faithfulness.value), note))
    if found.reference is not None and found.reference != found.main:
        value = agreement_with_reference(found, found.main).value
        made.append(Tile("Agreement with SHAP", two(value), f"rank correlation with {found.main}"))
    value = found.stability.overall["spearman"]
    made.append(Tile("Stability", two(value), f"rank correlation of {len(evaluation.folds)} folds"))
    return made


def _column_tile(found: Found) -> Tile:
    mean, _, _ = shares(found, found.main)
    j = int(np.argmax(mean))
    row = found.stability.columns.iloc[j]
    ranks = "first in all folds" if row["rank_high"] == 1 else f"rank {row['rank_low']} to {row['rank_high']} in folds"
    if not mean[j] > 0:
        return Tile("Most important column", "none", "nothing moves the output")
    return Tile("Most important column", label(found.features[j]), f"{percent(mean[j])} of all attribution, {ranks}")


# ---------------------------------------------------------------------- cautions
def cautions(found: Found, surrogates: dict[str, Any]) -> list[Caution]:
    """Return what the reader must know, what matters most first."""
    told = [
        *_of_quality(found),
        *_of_chance(found),
        *_of_gaps(found),
        *_of_columns(found),
        *_of_reference(found),
        *_of_rules(surrogates),
        *_of_rows(found),
        *_of_methods(found),
    ]
    other = [line for line in found.warnings if not _TOLD_OTHERWISE.search(line)]
    told += [Caution(f"Warned of while computing: {line}", "made") for line in other[:_MOST_TOLD]]
    if len(other) > _MOST_TOLD:
        told.append(Caution(f"{counted(len(other) - _MOST_TOLD, 'more warning')} came while computing.", "made"))
    return told


def _of_quality(found: Found) -> list[Caution]:
    evaluation, told = found.evaluation, []
    name = main_measure(evaluation)
    row = evaluation.table.loc[name]
    spread = row["std"] if np.isfinite(row["std"]) else 0.0
    if not row["mean"] - spread > row["baseline"]:
        mean, error, baseline = even(row["mean"], spread, row["baseline"])
        told.append(
            f"The model is hardly better than one that looks at no column: {NAMES[name]} {mean} ± {error}, against "
            f"{baseline}. What explains it explains little of the world."
        )
    if not found.given.trains:
        told.append(
            "The model was given fitted and is explained as it stands: whether it was trained on these rows is not "
            "known here, and its scores are true of new rows only if it was not."
        )
    elif found.given.fitted_before:
        told.append(
            "The model that was given had been fitted before: all figures are of clones trained anew on the rows given "
            "here. Wrap it in a FrozenEstimator to report on it as it stands."
        )
    unknown = [note for note in evaluation.notes if "unknown to the model" in note or "no history" in note]
    return [Caution(text, "quality") for text in told + unknown]


def _of_chance(found: Found) -> list[Caution]:
    if len(found.features) < 2:
        text = (
            "There is one column only: no order of columns can be right or wrong, so that faithfulness is not measured."
        )
        return [Caution(text, "faithfulness")]
    told = [
        f"{verdict.name} (by {two(above.value)}, interval {two(above.low)} to {two(above.high)})"
        for verdict in verdicts(found)
        if (above := verdict.above) is not None and not verdict.beats
    ]
    if not told:
        return []
    names = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    text = f"Not better than random numbers beyond doubt, by faithfulness: {names}. Do not read what they say."
    return [Caution(text, "faithfulness")]


def _of_gaps(found: Found) -> list[Caution]:
    """Return which explainers' attributions do not add up to the output as they should."""
    told = []
    for name, explanation in found.explanations.items():
        explainer = found.fitted[name]
        if not getattr(explainer, "_additive", False):
            continue
        gaps = np.asarray(explanation.completeness_gap, dtype=float)
        above = ~(gaps <= explainer.gap_tolerance(found.outputs[name], np.asarray(explanation.base_values)))
        if above.any():
            told.append(
                Caution(
                    f"The attributions of {name} do not add up to the output in {above.sum()} of {len(gaps)} rows that "
                    f"are shown: they miss it by up to {short(float(gaps.max()), 2)}, more than the tolerance.",
                    "rows",
                )
            )
    return told


def _of_columns(found: Found) -> list[Caution]:
    told = []
    mean_order = found.stability.overall["spearman"]
    if not found.of_pixels:
        unstable = found.stability.unstable_columns
        if unstable and len(found.features) > 1:
            noun = "column" if len(unstable) == 1 else "columns"
            told.append(
                Caution(
                    f"{counted(len(unstable), noun, noun)} that {'matters' if len(unstable) == 1 else 'matter'} cannot "
                    f"be trusted in sign, size or rank when the training rows change: {listed(unstable)}.",
                    "stability",
                )
            )
        mean, _, _ = shares(found, found.main)
        if len(mean) > 3 and mean.max() >= ONE_COLUMN:
            told.append(
                Caution(
                    f"{label(found.features[int(mean.argmax())])} alone has {percent(mean.max())} of all "
                    "attribution: make sure that it is known before the target is, and does not stand for it.",
                    "columns",
                )
            )
    if len(found.features) > 1 and mean_order < _UNSTABLE_ORDER:
        noun = "pixels" if found.of_pixels else "columns"
        told.append(
            Caution(
                f"Explanations depend on the training rows: two folds order the {noun} of a row with a rank "
                f"correlation of {two(mean_order)} only.",
                "stability",
            )
        )
    return told


def _of_reference(found: Found) -> list[Caution]:
    if found.reference is None or found.reference == found.main or len(found.features) < 2:
        return []
    value = agreement_with_reference(found, found.main).value
    if value >= LOW:
        return []
    text = (
        f"{found.main} and SHAP disagree: a rank correlation of {two(value)}. They ask different questions, or one "
        "of them misleads here; compare them row by row."
    )
    return [Caution(text, "agreement")]


def _of_rules(surrogates: dict[str, Any]) -> list[Caution]:
    if not surrogates:
        return []
    worst = {name: fidelity_of(explainer) for name, explainer in surrogates.items()}
    low = [f"the {name} ({two(value)})" for name, value in worst.items() if value < LEAST_FIDELITY]
    if not low:
        return []
    text = (
        f"Rules are not the model: the fidelity, an R2 on held-out rows, is low for {listed(low)}. Do not decide by "
        "them."
    )
    return [Caution(text, "rules")]


def _of_rows(found: Found) -> list[Caution]:
    n, n_explained, told = len(found.given.y), len(found.spread_outputs), []
    if n < FEW_ROWS:
        told.append(Caution(f"There are {n} rows only: scores and intervals are rough.", "quality"))
    if n_explained < FEW_EXPLAINED:
        text = f"Importances, agreement and faithfulness rest on {counted(n_explained, 'explained row')} only."
        told.append(Caution(text, "columns"))
    return told


def _of_methods(found: Found) -> list[Caution]:
    """Return which explainers estimate, and how far the main one may be off."""
    told = []
    if not found.given.trains:
        text = (
            "The folds differ in their background rows only, as the model is not trained again: stability says nothing "
            "of other training rows."
        )
        told.append(Caution(text, "stability"))
    errors = getattr(found.explanations[found.main], "standard_errors", None)
    if errors is not None and np.isfinite(errors).any():
        sizes = np.abs(np.asarray(found.explanations[found.main].values)).mean()
        typical = float(np.nanmedian(np.asarray(errors, dtype=float)))
        if sizes > 0 and typical > 0.1 * sizes:
            text = (
                f"{found.main} is estimated from draws: the standard error of an attribution is {short(typical, 2)}, "
                f"{percent(typical / sizes)} of a typical one."
            )
            told.append(Caution(text, "rows"))
    if found.refused:
        names = listed(found.refused)
        text = f"{names} could not explain this model and {'is' if len(found.refused) == 1 else 'are'} left out."
        told.append(Caution(text, "faithfulness"))
    return told
