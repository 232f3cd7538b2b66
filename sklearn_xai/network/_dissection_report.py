"""What a dissection found, as tables."""

from __future__ import annotations

import numpy as np


def best_concepts(iou, concepts):
    """Return the index of the concept that each unit agrees with most, and the IoU, shapes (n_units,).

    Parameters
    ----------
    iou : ndarray of shape (n_units, n_concepts)
    concepts : int or bool ndarray
        Those that are compared.
    """
    among = np.arange(iou.shape[1])[concepts]
    best = among[iou[:, among].argmax(axis=1)]
    return best, np.take_along_axis(iou, best[:, np.newaxis], axis=1)[:, 0]


def named(best, iou, names):
    """Return the names of concepts, None where a unit and a concept have nothing in common."""
    return np.where(iou > 0, names[best], None)


def unit_table(found):
    """Return the table of units of a fitted NetworkDissection: what each responds to."""
    import pandas as pd

    best, iou = best_concepts(found.iou_, slice(None))
    table = {
        "layer": [_name(found.layers_[i]) for i in found._layer_of],
        "unit": np.concatenate([np.arange(n) for n in np.bincount(found._layer_of)]),
        "threshold": found.thresholds_,
        "active": found.active_,
        "concept": found.unit_concept_,
        "category": named(best, iou, found.concept_categories_),
        "iou": iou,
        "chance": np.take_along_axis(found.chance_iou_, best[:, np.newaxis], axis=1)[:, 0],
        "detector": np.isin(np.arange(len(iou)), found.detectors_),
    }
    categories = list(dict.fromkeys(found.concept_categories_))
    for category in categories if len(categories) > 1 else ():
        best, iou = best_concepts(found.iou_, found.concept_categories_ == category)
        table[f"{category} concept"] = named(best, iou, found.concepts_)
        table[f"{category} iou"] = iou
    return pd.DataFrame(table, index=pd.Index(found.unit_names_, name="name"))


def summary_table(found):
    """Return how many detectors, and of how many different concepts, there are by layer and category."""
    import pandas as pd

    best, _ = best_concepts(found.iou_, slice(None))
    records = []
    for i, layer in enumerate(found.layers_):
        units = found.detectors_[found._layer_of[found.detectors_] == i]
        for category in [*dict.fromkeys(found.concept_categories_), "(all)"]:
            among = np.ones(len(found.concepts_), dtype=bool)
            if category != "(all)":
                among = found.concept_categories_ == category
            concepts = best[units][among[best[units]]]
            records.append(
                {
                    "layer": _name(layer),
                    "category": category,
                    "n_units": int((found._layer_of == i).sum()),
                    "n_detectors": len(concepts),
                    "n_concepts": int(among.sum()),
                    "n_unique": len(np.unique(concepts)),
                }
            )
    return pd.DataFrame.from_records(records)


def _name(layer):
    return layer if isinstance(layer, str) else "_".join(layer)
