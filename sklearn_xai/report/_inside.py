"""What do the units of an image network respond to?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display import ActivationDisplay, DissectionDisplay
from sklearn_xai.model_selection.inputs import take_rows
from sklearn_xai.network import NetworkDissection, layer_names
from sklearn_xai.report._content import Block, Column, Section, Table
from sklearn_xai.report._figures import picture
from sklearn_xai.report._words import counted, listed, short, text_of

if TYPE_CHECKING:
    from sklearn_xai.report._work import Found

_UNITS, _IMAGES = 6, 5


def layer_of_maps(model: Any, X: Any) -> str | None:
    """Return the last layer whose units are maps of the image, or None."""
    layers = layer_names(model, X)
    maps = [
        str(name)
        for name, row in layers.iterrows()
        if row["shape"] is not None and len(row["shape"]) == 3 and min(row["shape"][1:]) > 1 and row["calls"] == 1
    ]
    return maps[-1] if maps else None


def inside(found: Found) -> Section | None:
    """Tell what units are excited by, and which concepts they detect; None where no layer has maps."""
    model, given = found.fitted[found.main].estimator, found.given
    layer = layer_of_maps(model, take_rows(given.X_eval, np.arange(min(4, len(given.eval_rows)))))
    if layer is None:
        return None
    images = given.X_eval
    labels = None if given.truth is None else given.truth[given.eval_rows]

    def top(ax: Any) -> None:
        ActivationDisplay.from_top_images(
            model, images, labels, layer=layer, n_top=_IMAGES, max_units=_UNITS, name=None, ax=ax
        )

    def maps(ax: Any) -> None:
        ActivationDisplay.from_feature_maps(model, images, layer=layer, row=0, max_units=8, ax=ax)

    answer = f"Shown are units of the layer {layer!r}, the last one that keeps the places of the image"
    alt = f"For each of up to {_UNITS} units of the layer {layer} the {_IMAGES} images that excite it most."
    maps_alt = f"An image, and beside it where units of the layer {layer} are active in it."
    blocks: list[Block] = [
        picture(top, (7.6, 6.8), alt, f"The explained images that excite units of the layer {layer!r} most."),
        picture(maps, (7.6, 5.0), maps_alt, f"What units of the layer {layer!r} say of one image."),
    ]
    if given.concepts is None:
        answer += "; no concepts were given to name what they detect."
    else:
        dissection = NetworkDissection(model, layer=layer).fit(given.X, given.concepts)
        blocks = [*_dissected(dissection, given), *blocks]
        answer += f". {_detected(dissection)}"
    return Section("inside", "Inside the network", "What do its units respond to?", answer, blocks)


def _detected(dissection: Any) -> str:
    n_units = len(dissection.unit_concept_)
    if not len(dissection.detectors_):
        return f"None of {counted(n_units, 'unit')} detects a concept that was given."
    found = sorted({str(dissection.unit_concept_[unit]) for unit in dissection.detectors_})
    n = len(dissection.detectors_)
    return f"Of {counted(n_units, 'unit')}, {n} {'detects' if n == 1 else 'detect'} {listed(found)}."


def _dissected(dissection: Any, given: Any) -> list[Block]:
    best = np.argsort(-dissection.iou_.max(axis=1), kind="stable")[:20]
    marks = {int(unit) for unit in dissection.detectors_}
    rows = [
        [
            text_of(dissection.unit_names_[unit]),
            text_of(dissection.concepts_[dissection.iou_[unit].argmax()]),
            float(dissection.iou_[unit].max()),
            "yes" if int(unit) in marks else "no",
        ]
        for unit in best
    ]
    columns = [
        Column("unit"),
        Column("nearest concept"),
        Column("overlap", "bar", "Intersection over union of where the unit is active and where the concept is."),
        Column("detects it", "text", "Whether the overlap is large enough."),
    ]
    table = Table("Units and the concept that each is nearest to", columns, rows)
    if not len(dissection.detectors_):
        return [table]

    def detectors(ax: Any) -> None:
        DissectionDisplay.from_detectors(dissection, ax=ax)

    def top(ax: Any) -> None:
        DissectionDisplay.from_top_images(dissection, given.X, n_top=_IMAGES, max_units=_UNITS, ax=ax)

    largest = short(float(dissection.iou_.max()), 2)
    alts = (
        f"How many units detect each concept; the largest overlap is {largest}.",
        "The images that excite each detector most, with an outline where it is active.",
    )
    n_shown = min(_UNITS, len(dissection.detectors_))
    return [
        table,
        picture(detectors, (7.6, 4.2), alts[0]),
        picture(top, (7.6, 0.8 + 1.3 * n_shown), alts[1], "Detectors, in the images that excite them most."),
    ]
