"""What several explanations of the same rows say of their stability, put together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from sklearn.utils import Bunch

from sklearn_xai.base.findings import Findings
from sklearn_xai.model_selection._pairs import MEASURES, pairwise_agreement, refits_interval, rows_interval
from sklearn_xai.model_selection._statements import statements_of
from sklearn_xai.model_selection._unstable import column_table, effective_k, mean_sizes, top_members
from sklearn_xai.model_selection._variance import differing, variance_components


def summarise(
    attributions, conditions, names, *, top_k, n_bootstrap, confidence_level, random_state, inflation=1.0
) -> Bunch:
    """Give all that :func:`~sklearn_xai.model_selection.explanation_stability` says of attributions.

    Parameters
    ----------
    attributions : ndarray of shape (n_conditions, n_eval, ...)
    conditions : dict from source to int ndarray of shape (n_conditions,)
    names : list of str or None
    inflation : float
        Of the jackknife's variance.
    """
    if attributions.ndim < 3 or len(attributions) < 2 or 0 in attributions.shape:
        raise ValueError(
            "Stability compares at least two explanations of at least one row: attributions of shape "
            f"(n_splits >= 2, n_eval, n_players). Got shape {attributions.shape}."
        )
    flat = attributions.reshape(*attributions.shape[:2], -1)
    if not np.isfinite(flat).all():
        raise ValueError(f"'attributions' must be finite. Got {np.sum(~np.isfinite(flat))} that are NaN or infinite.")
    names = [str(name) for name in names] if names is not None else [f"x{i}" for i in range(flat.shape[2])]
    if len(names) != flat.shape[2]:
        raise ValueError(
            f"'feature_names' must have one name for each of the {flat.shape[2]} players. Got {len(names)}."
        )
    decomposition = variance_components(flat, conditions, names)
    pairs, pair_sources = _compared(conditions, len(flat))
    agreement = pairwise_agreement(flat, pairs, top_k)
    per_row = {measure: agreement[measure].mean(axis=0) for measure in MEASURES}
    of_columns, same_top = _of_columns(flat, pairs, pair_sources, names, effective_k(top_k, flat.shape[2]))
    means = {measure: agreement[measure].mean(axis=1) for measure in MEASURES} | {"same_top": same_top}
    found = Findings(
        **agreement,
        pairs=pairs,
        pair_sources=pair_sources,
        per_row=per_row,
        overall={measure: float(per_row[measure].mean()) for measure in MEASURES},
        by_source={
            source: {name: float(mean[np.array(pair_sources) == source].mean()) for name, mean in means.items()}
            for source in dict.fromkeys(pair_sources)
        },
        interval=rows_interval(per_row, n_bootstrap, confidence_level, random_state),
        interval_refits=refits_interval(agreement, pairs, len(flat), confidence_level, inflation),
        decomposition=decomposition,
        conditions=conditions,
        attributions=attributions,
        feature_names=names,
        **of_columns,
    )
    found.statements = statements_of(found)
    return found


def _of_columns(attributions, pairs, pair_sources, names, k):
    """Give the fields that are about columns, and in which pairs the top columns are the same."""
    table = column_table(attributions, pairs, pair_sources, names, k)
    sizes = mean_sizes(attributions)
    members = top_members(sizes, k)
    top = top_members(sizes.mean(axis=0, keepdims=True), k)[0]
    order = np.argsort(-sizes.mean(axis=0), kind="stable")
    fields = {
        "columns": table,
        "unstable_columns": [name for name, bad in zip(names, table["unstable"], strict=True) if bad],
        "top_columns": [names[j] for j in order if top[j]],
        "top_same": float((members == top).all(axis=1).mean()),
    }
    return fields, (members[pairs[:, 0]] == members[pairs[:, 1]]).all(axis=1)


def _compared(conditions, n):
    """Give the pairs of conditions that differ in one source, and in which."""
    pairs = np.array(list(combinations(range(n), 2)))
    differ = differing(conditions, pairs)
    one = differ.sum(axis=1) == 1
    sources = list(conditions)
    missing = [source for place, source in enumerate(sources) if not differ[one, place].any()]
    if missing:
        raise ValueError(
            "The 'conditions' parameter of stability_from_attributions must have, for each source, explanations that "
            f"differ in that source alone. Got none for {missing}."
        )
    return pairs[one], [sources[place] for place in differ[one].argmax(axis=1)]
