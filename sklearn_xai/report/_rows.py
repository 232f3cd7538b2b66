"""Why did these rows get their outputs?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display import AttributionDisplay
from sklearn_xai.display._common import ANNOTATION_SIZE, shorten
from sklearn_xai.model_selection.inputs import take_rows
from sklearn_xai.report._content import Block, Figure, Row, Rows, Section
from sklearn_xai.report._figures import picture
from sklearn_xai.report._words import counted, label, output_words, short, text_of
from sklearn_xai.tables import is_frame

if TYPE_CHECKING:
    from sklearn_xai.report._work import Found

_MOST_NUMBERS = 150_000  # attributions in the page, of which a megabyte holds about as many
_IMAGES, _OTHER_IMAGES = 8, 4


def rows(found: Found) -> Section:
    """Tell of chosen rows, one by one."""
    n, what = len(found.shown), output_words(found.fitted[found.main], found.given.target_name)
    outputs = found.outputs[found.main]
    how = "chosen by the caller" if found.given.rows is not None else "spread over all outputs"
    answer = (
        f"{counted(n, 'row')}, {how}: their {what} goes from {short(outputs.min())} to {short(outputs.max())}."
        " Pick one to see what each column adds."
    )
    blocks: list[Block] = _images(found, what) if found.of_pixels else [_table(found, what)]
    if found.of_pixels:
        answer = answer.replace(" Pick one to see what each column adds.", " Red pixels raise it, blue ones lower it.")
    return Section("rows", "Single rows", "Why did this row get this output?", answer, blocks)


def _table(found: Found, what: str) -> Rows:
    table = take_rows(found.given.table, found.shown)
    columns, values, names = _values(table, found)
    heard = list(found.explanations)
    room = _MOST_NUMBERS // max(1, len(found.shown) * len(found.features))
    heard = [found.main, *(name for name in heard if name != found.main)][: max(1, room)]
    said = [text_of(label) for label in np.ravel(_predicted(found, table))]
    truth = found.given.truth
    right = [""] * len(values) if truth is None or truth.ndim > 1 else [text_of(v) for v in truth[found.shown].tolist()]
    parts = {name: _numbers(found, name) for name in heard}
    listed = [
        Row(
            names[i],
            values[i],
            {name: part["values"][i] for name, part in parts.items()},
            {name: part["base"][i] for name, part in parts.items()},
            {name: part["outputs"][i] for name, part in parts.items()},
            {name: part["gaps"][i] for name, part in parts.items() if "gaps" in part},
            said[i],
            right[i],
        )
        for i in range(len(values))
    ]
    shown = np.asarray(found.explanations[found.main].display_data, dtype=object)
    feature_values = [[text_of(value) for value in row] for row in shown]
    return Rows(columns, [text_of(name) for name in found.features], feature_values, what, listed)


def _predicted(found: Found, table: Any) -> np.ndarray:
    predicted = np.asarray(found.fitted[found.main].predict(table))
    return predicted if predicted.ndim == 1 else predicted[:, 0]


def _values(table: Any, found: Found) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the columns of the user's table, what rows hold there, and the names of the rows."""
    if is_frame(table):
        cells = [[text_of(value) for value in table.iloc[:, j].tolist()] for j in range(table.shape[1])]
        names = [text_of(label) for label in table.index.tolist()]
        return [text_of(c) for c in table.columns], [list(row) for row in zip(*cells, strict=True)], names
    names = [str(int(place)) for place in found.shown]
    if getattr(table, "ndim", 0) == 2 and hasattr(table, "tolist"):
        held = [[text_of(value) for value in row] for row in table.tolist()]
        known = getattr(found.fitted[found.main], "n_features_in_", len(held[0]))
        return [f"x{j}" for j in range(known)], held, names
    shown = np.asarray(found.explanations[found.main].display_data, dtype=object)
    return [text_of(name) for name in found.features], [[text_of(value) for value in row] for row in shown], names


def _numbers(found: Found, name: str) -> dict[str, list]:
    """Return what an explainer says of the rows, in plain numbers of six digits."""
    explanation, n = found.explanations[name], len(found.shown)
    values = np.asarray(explanation.values, dtype=float).reshape(n, -1)
    parts: dict[str, list] = {
        "values": [[_rounded(value) for value in row] for row in values],
        "base": [_rounded(value) for value in np.broadcast_to(explanation.base_values, n)],
        "outputs": [_rounded(value) for value in found.outputs[name]],
    }
    if getattr(found.fitted[name], "_additive", False):
        parts["gaps"] = [_rounded(value) for value in np.asarray(explanation.completeness_gap)]
    return parts


def _rounded(value: Any) -> float:
    return float(f"{float(value):.6g}")


def _images(found: Found, what: str) -> list[Block]:
    """Draw images and what explainers say of them, most of them by the main one."""
    predicted = [text_of(label) for label in np.ravel(_predicted(found, take_rows(found.given.table, found.shown)))]
    blocks: list[Block] = []
    for name, explanation in found.explanations.items():
        n = min(_IMAGES if name == found.main else _OTHER_IMAGES, len(found.shown))
        some = np.unique(np.linspace(0, len(found.shown) - 1, n).round().astype(int))
        labels = [f"row {found.shown[i]}: {label(predicted[i])}" for i in some]
        drawn = _image(found, name, explanation, some, labels, what)
        blocks = [drawn, *blocks] if name == found.main else [*blocks, drawn]
    return blocks


def _image(found: Found, name: str, explanation: Any, some: np.ndarray, labels: list[str], what: str) -> Figure:
    values, data = np.asarray(explanation.values)[some], np.asarray(explanation.data)[some]

    def draw(ax: Any) -> None:
        display = AttributionDisplay(values, data=data, target_name=what, name=name)
        display.plot("image", max_display=None, overlay=True, ax=ax)
        for place, text in zip(display.image_axes_[:, -1], labels, strict=True):
            place.set_title(shorten(text), fontsize=ANNOTATION_SIZE, loc="left")

    n_lines = -(-len(some) // 4)
    alt = f"{counted(len(some), 'image')}; red where a pixel raises the {what} by {name}, blue where it lowers it."
    caption = f"Above each image its row and what is predicted; explained by {name}."
    return picture(draw, (7.6, 1.2 + 1.9 * n_lines), alt, caption)
