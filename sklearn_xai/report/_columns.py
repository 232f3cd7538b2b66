"""Which columns matter, and which of them can be trusted?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display import AttributionDisplay, StabilityDisplay
from sklearn_xai.report._content import Block, Column, Figure, Section, Table, Text
from sklearn_xai.report._figures import picture
from sklearn_xai.report._intervals import interval_of_means
from sklearn_xai.report._words import counted, label, listed, names_in_order, output_words, percent, text_of, two

if TYPE_CHECKING:
    from sklearn_xai.report._work import Found

MOST_LISTED = 200  # columns that a table lists; more make no page
_DRAWN = 12
_REASONS = {"sign": "direction changes", "size": "size varies", "place": "rank varies"}


def shares(found: Found, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each column's share of all attribution by an explainer, and the ends of its interval."""
    sizes = found.sizes(name)
    totals = sizes.sum(axis=2, keepdims=True).mean(axis=1, keepdims=True)
    scaled = np.divide(sizes, totals, out=np.zeros_like(sizes), where=totals > 0)
    low, high = interval_of_means(scaled, found.seed)
    return scaled.mean(axis=(0, 1)), low, high


def columns(found: Found) -> Section:
    """Tell which columns, or which places of an image, the model heeds."""
    if found.of_pixels:
        return _places(found)
    mean, _, _ = shares(found, found.main)
    largest = np.argsort(-mean, kind="stable")[:3]
    told = [f"{label(found.features[j])} ({percent(mean[j])})" for j in largest if mean[j] > 0]
    what = output_words(found.fitted[found.main], found.given.target_name)
    answer = f"By {found.main}, no column changes the {what}."
    if told:
        verb = "has" if len(told) == 1 else "have"
        answer = f"By {found.main}, {listed(told)} {verb} the largest shares of what moves the {what}."
    blocks: list[Block] = [_importance_table(found), *_pictures(found, what)]
    question = "Which columns does the model heed, on the whole?"
    return Section("columns", "Columns that matter", question, answer, blocks)


def _importance_table(found: Found) -> Table:
    heard = [name for name in found.names if name != found.control]
    of_each = {name: shares(found, name) for name in heard}
    order = np.argsort(-of_each[found.main][0], kind="stable")[:MOST_LISTED]
    columns = [Column("column")]
    for name in heard:
        kind = "interval" if name == found.main else "bar"
        help_ = f"Share of all absolute attribution by {name}, in percent"
        columns.append(Column(name, kind, help_ + (", with its 95 % interval." if name == found.main else ".")))
    rows = []
    for j in order:
        mean, low, high = (round(100 * float(part[j]), 1) for part in of_each[found.main])
        others = (round(100 * float(of_each[name][0][j]), 1) for name in heard[1:])
        rows.append([text_of(found.features[j]), (mean, low, high), *others])
    left = len(found.features) - len(order)
    more = f"; {counted(left, 'smaller one')} not listed" if left else ""
    return Table(f"Share of all attribution that each column has, in percent, by each explainer{more}", columns, rows)


def _pictures(found: Found, what: str) -> list[Figure]:
    n_shown = min(_DRAWN, len(found.features))
    explanation = found.spread
    names = [text_of(name) for name in found.features]

    def beeswarm(ax: Any) -> None:
        AttributionDisplay.from_explanation(
            explanation, outputs=found.spread_outputs, target_name=what, kind="beeswarm", max_display=n_shown, ax=ax
        )

    first = names_in_order(names, np.abs(explanation.values).mean(axis=0), 3)
    alt = f"A point for each row and column, right where the column raises the output; on top {listed(first)}."
    caption = f"What each column adds to the {what} in each explained row, by {found.main}."
    return [picture(beeswarm, (7.4, 1.4 + 0.34 * n_shown), alt, caption)]


def _places(found: Found) -> Section:
    """Tell where in images the attributions are."""
    sizes = np.abs(found.spread.values).mean(axis=0)
    total = sizes.sum(axis=0) if sizes.ndim == 3 else sizes
    height, width = total.shape
    weights = total / total.sum() if total.sum() > 0 else np.full(total.shape, 1 / total.size)
    inner = weights[height // 4 : height - height // 4, width // 4 : width - width // 4].sum()
    what = output_words(found.fitted[found.main], found.given.target_name)
    answer = f"By {found.main}, the middle quarter of the images has {percent(inner)} of all attribution to the {what}."
    mean = np.asarray(found.spread.data, dtype=float).mean(axis=0)

    def draw(ax: Any) -> None:
        shown = AttributionDisplay(sizes[None], data=mean[None]).plot("image", overlay=False, ax=ax)
        for place in shown.image_axes_.ravel():
            place.set_title("")  # it is no single row

    alt = f"The mean image and beside it the mean absolute attribution of each pixel; {percent(inner)} in the middle."
    blocks: list[Block] = [
        picture(
            draw,
            (6.0, 3.0),
            alt,
            f"The mean of all explained images, and of the absolute attributions by {found.main}.",
        )
    ]
    return Section("columns", "Places that matter", "Where in the images does the model look?", answer, blocks)


# ---------------------------------------------------------------------- trust
def stability(found: Found) -> Section:
    """Tell which columns would be explained alike by a model of other rows."""
    question = "Would a model trained on other rows be explained alike, and which columns can be trusted?"
    blocks: list[Block] = []
    if found.of_pixels:
        question = "Would a model trained on other rows be explained alike?"
    else:
        blocks += [_trust_table(found), _fold_picture(found)]
    blocks += [_agreement_picture(found), _explainer_table(found), Text(_stated(found))]
    return Section("stability", "What can be trusted", question, _answer(found), blocks)


def _answer(found: Found) -> str:
    table, mean = found.stability.columns, found.stability.overall["spearman"]
    folds = "folds, of retrained models," if found.given.trains else "backgrounds of the same model"
    first = f"Two {folds} order the columns of a row with a mean rank correlation of {two(mean)}."
    if found.of_pixels:
        return first.replace("columns", "pixels")
    if len(found.features) < 2:
        return "There is one column only, which has no rank to change."
    unstable = found.stability.unstable_columns
    matter = int(((table["share"] >= 0.5 / len(table)) & (table["share"] > 0)).sum())
    if not unstable:
        kept = (
            "The one column that matters keeps its" if matter == 1 else f"The {matter} columns that matter keep their"
        )
        return f"{first} {kept} sign, size and rank."
    return f"{first} Of {matter} columns that matter, {len(unstable)} cannot be trusted: {listed(unstable)}."


def _trust_table(found: Found) -> Table:
    table = found.stability.columns
    order = np.argsort(-table["mean_abs"].to_numpy(), kind="stable")[:MOST_LISTED]
    rows = []
    for j in order:
        row = table.iloc[j]
        why = ", ".join(_REASONS[reason] for reason in row["why"].split(", ") if reason)
        matters = row["share"] >= 0.5 / len(table) and row["share"] > 0
        verdict = f"no: {why}" if row["unstable"] else "yes" if matters else "too small to matter"
        ranks = tuple(int(row[name]) for name in ("rank", "rank_low", "rank_high"))
        signs, sizes = 100 * row["sign_consistency"], 100 * row["variation"]
        rows.append([text_of(found.features[j]), verdict, 100 * row["share"], ranks, signs, sizes])
    columns = [
        Column("column"),
        Column("to be trusted", "text", "Whether sign, size and rank hold in all folds, of columns that matter."),
        Column("share", "bar", "Share of all absolute attribution, in percent."),
        Column("rank", "interval", "Rank by mean absolute attribution, and the best and worst in a fold."),
        Column("same sign", "number", "Percent of rows in which two folds agree on the sign."),
        Column("variation", "number", "How far the size differs between folds, in percent of itself.", 2),
    ]
    return Table(f"Columns across {len(found.stability.attributions)} folds, by {found.main}", columns, rows)


def _fold_picture(found: Found) -> Figure:
    n_shown = min(_DRAWN, len(found.features))
    what = output_words(found.fitted[found.main], found.given.target_name)

    def draw(ax: Any) -> None:
        StabilityDisplay.from_stability(
            found.stability, kind="features", max_display=n_shown, target_name=what, name=found.main, ax=ax
        )

    alt = "The mean absolute attribution of each column in each fold, a line over their range."
    return picture(draw, (7.0, 1.4 + 0.32 * n_shown), alt, "A short line is a column on which the folds agree.")


def _agreement_picture(found: Found) -> Figure:
    def draw(ax: Any) -> None:
        StabilityDisplay.from_stability(found.stability, kind="box", name=found.main, ax=ax)

    mean = two(found.stability.overall["spearman"])
    alt = f"How far the folds agree on each row, by four measures; the mean rank correlation is {mean}."
    return picture(draw, (7.0, 3.0), alt, "Agreement of each pair of folds on each row: boxes of rows, and the mean.")


def _explainer_table(found: Found) -> Table:
    frame = found.comparison
    rows, marked = [], set()
    for place, name in enumerate(found.names):
        row = frame.loc[name]
        rows.append([name, (row["stability"], row["stability_low"], row["stability_high"])])
        marked |= {place} if name == found.control else set()
    columns = [
        Column("explainer"),
        Column("stability", "interval", "Mean rank correlation of two folds, and its 95 % interval over rows."),
    ]
    return Table("Stability of each explainer; 1 is the same explanation in all folds", columns, rows, marked)


def _stated(found: Found) -> list[str]:
    statements = [str(line) for line in found.stability.statements if "`" not in line]  # the table names them all
    if found.of_pixels:
        return [line.replace("columns", "pixels") for line in statements if "top" not in line and "do not" not in line]
    return statements
