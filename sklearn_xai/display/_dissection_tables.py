"""What a dissection found, in the words and the order of its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_xai.network._unit_ablation import check_units
from sklearn_xai.network.dissection import NetworkDissection

if TYPE_CHECKING:
    from pandas import DataFrame


def check_dissection(dissection: Any, caller: str) -> None:
    """Raise unless `dissection` is a fitted NetworkDissection."""
    if not isinstance(dissection, NetworkDissection):
        raise TypeError(
            f"The 'dissection' parameter of {caller} must be a fitted NetworkDissection. Got "
            f"{type(dissection).__name__}."
        )
    check_is_fitted(dissection)


def check_dissections(dissections: Any, caller: str) -> dict[str, NetworkDissection]:
    """Return at least two named dissections of the same concepts."""
    if not isinstance(dissections, Mapping):
        raise TypeError(
            f"The 'dissections' parameter of {caller} must be a dict from names to fitted NetworkDissections. Got "
            f"{type(dissections).__name__}."
        )
    named = {str(name): one for name, one in dissections.items()}
    for one in named.values():
        check_dissection(one, caller)
    if len(named) < 2:
        raise ValueError(f"The 'dissections' parameter of {caller} must hold two or more. Got {len(named)}.")
    (first, wanted), *others = ((name, set(concepts_of(one))) for name, one in named.items())
    for name, concepts in others:
        if concepts != wanted:
            odd = ", ".join(sorted(repr(concept) for _, concept in concepts ^ wanted)[:6])
            raise ValueError(
                f"The 'dissections' parameter of {caller}: {first!r} and {name!r} were compared with different "
                f"concepts, such as {odd}. What one was not asked for, it cannot have: fit both with the same concepts."
            )
    return named


def concepts_of(dissection: NetworkDissection) -> list[tuple[str, str]]:
    """Return the (category, concept) pairs in their order."""
    return list(zip(dissection.concept_categories_, dissection.concepts_, strict=True))


def categories_of(dissection: NetworkDissection) -> list[str]:
    """Return the categories in their order."""
    return list(dict.fromkeys(dissection.concept_categories_))


def layer_names_of(dissection: NetworkDissection) -> list[str]:
    """Return the layers as the tables of the dissection name them."""
    return list(dict.fromkeys(dissection.summary_["layer"]))


def layers_text(dissection: NetworkDissection) -> str:
    """Return the layers in words."""
    names = [repr(layer) if isinstance(layer, str) else f"{layer[0]!r} (input)" for layer in dissection.layers_]
    return f"layer {names[0]}" if len(names) == 1 else "layers " + ", ".join(names)


def short_concept(category: str, concept: str) -> str:
    """Return the name of a concept without that of its category, under which it is written.

    Examples
    --------
    >>> from sklearn_xai.display._dissection_tables import short_concept
    >>> short_concept("colour", "colour: red"), short_concept("sex", "sex=female"), short_concept("part", "wheel")
    ('red', 'female', 'wheel')
    """
    for mark in (":", "="):
        head = f"{category}{mark}"
        if concept.startswith(head) and concept[len(head) :].strip():
            return concept[len(head) :].strip()
    return concept


def largest_iou(dissection: NetworkDissection) -> np.ndarray:
    """Return the largest IoU of each unit."""
    return dissection.iou_.max(axis=1)


def detectors_first(dissection: NetworkDissection) -> np.ndarray:
    """Return the detectors, that of the largest IoU first."""
    detectors = np.asarray(dissection.detectors_)
    return detectors[np.argsort(-largest_iou(dissection)[detectors], kind="stable")]


def chosen_units(dissection: NetworkDissection, units: Any, caller: str) -> np.ndarray:
    """Return the units that were asked for, by index, by name or by the concept they detect, each once."""
    concepts: dict[str, list[int]] = {}
    for unit in detectors_first(dissection).tolist():
        concepts.setdefault(dissection.unit_concept_[unit], []).append(unit)
    return check_units(units, dissection.unit_names_, concepts, caller)


def detectors_text(dissection: NetworkDissection) -> str:
    """Return how many units are detectors, in words."""
    return f"{len(dissection.detectors_)} of {len(dissection.iou_)} units are detectors"


def nothing_found(dissection: NetworkDissection) -> list[str]:
    """Say that no unit is a detector, and how near the nearest is, in two lines."""
    unit = int(largest_iou(dissection).argmax())
    iou = dissection.iou_[unit].max()
    first = f"None of {len(dissection.iou_)} units is a detector."
    if dissection.unit_concept_[unit] is None:
        return [first, "No unit has anything in common with a concept."]
    near = f"The largest IoU is {iou:.3g}, of unit {dissection.unit_names_[unit]} and {dissection.unit_concept_[unit]}"
    if iou > dissection.iou_threshold:
        # Only units without places have to beat chance.
        near += f", above iou_threshold ({dissection.iou_threshold:g}), but no more than chance has it."
    else:
        near += f"; iou_threshold is {dissection.iou_threshold:g}."
    return [first, near]


def best_table(dissection: NetworkDissection) -> DataFrame:
    """Return the layer, category, concept and IoU of each unit's best concept, and whether it is a detector."""
    return dissection.report_[["layer", "category", "concept", "iou", "detector"]]


def counts_table(dissection: NetworkDissection) -> DataFrame:
    """Return the number of detectors of each concept in each layer."""
    import pandas as pd

    table = best_table(dissection)
    numbers = table[table["detector"]].groupby(["layer", "category", "concept"]).size().to_dict()
    records = [
        {"layer": layer, "category": category, "concept": concept, "n_detectors": numbers.get((layer, *pair), 0)}
        for layer in layer_names_of(dissection)
        for pair in concepts_of(dissection)
        for category, concept in [pair]
    ]
    return pd.DataFrame.from_records(records)


def by_layer(counts: DataFrame) -> DataFrame:
    """Return the numbers of `counts_table` with a row for each (category, concept) and a column for each layer."""
    import pandas as pd

    parts = {layer: part.set_index(["category", "concept"])["n_detectors"] for layer, part in counts.groupby("layer")}
    return pd.DataFrame({layer: parts[layer] for layer in dict.fromkeys(counts["layer"])})


def comparison_table(dissections: Mapping[str, NetworkDissection]) -> DataFrame:
    """Return the number of detectors of each concept, a column for each dissection, and which alone has any.

    ``only`` is None where a concept is detected by none or by several.
    """
    import pandas as pd

    columns = {}
    for name, one in dissections.items():
        columns[name] = counts_table(one).groupby(["category", "concept"], sort=False)["n_detectors"].sum()
    first = next(iter(dissections.values()))
    index = pd.MultiIndex.from_tuples(concepts_of(first), names=["category", "concept"])
    numbers = pd.DataFrame(columns).reindex(index)
    alone = (numbers > 0).sum(axis=1) == 1
    only = [numbers.columns[row.argmax()] if one else None for row, one in zip(numbers.to_numpy(), alone, strict=True)]
    return numbers.assign(only=pd.Series(only, index=index, dtype=object))
