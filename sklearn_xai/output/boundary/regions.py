"""The rule of the region that a row falls in: a leaf of a tree fitted to what the model decides."""

from __future__ import annotations

import numpy as np

from sklearn_xai._rng import draw_seed
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.explainers._fidelity import split_rows
from sklearn_xai.explainers.surrogate._rule_based import NO_CONDITION
from sklearn_xai.explainers.surrogate._rules import Conditions, RankedRows, Vocabulary, grow_tree


def rules_of_regions(X, rows, sides, own, names, labels, rng, **options):
    """Return one rule for each row: a leaf of the tree that tells its side from all others.

    Parameters
    ----------
    X : table of rows that the trees are grown on
    rows : table of rows to explain
    sides, own : int ndarray
        The side of each row of X, and of each of the rows.
    names : ndarray of shape (n_columns,) of str
    labels : sequence
        What each side is called.
    rng : RandomState
    **options : dict
        Of the tree.

    Returns
    -------
    DataFrame of shape (n_rows, 6)
    """
    import pandas as pd

    train, held_out = split_rows(len(X), rng)
    encoder = TableEncoder(one_hot=False).fit(X)
    encoded, asked, seed = encoder.transform(X), encoder.transform(rows), draw_seed(rng)
    found = pd.DataFrame(
        {
            "rule": "",
            "side": [labels[side] for side in own],
            "coverage": 0.0,
            "n_rows": 0,
            "purity": 0.0,
            "n_held_out": 0,
        },
        index=rows.index if hasattr(rows, "index") else None,
    )
    for side in np.unique(own):
        inside = (sides == side).astype(np.float64)
        ranked_rows = RankedRows(encoder, encoded[train], inside[train])
        ranked = ranked_rows.transform(encoded)
        tree = grow_tree(ranked[train], inside[train], random_state=seed, **options).tree_
        words = Vocabulary(X, names, encoder, ranked_rows, ranked)
        leaves, places = tree.apply(ranked), np.flatnonzero(own == side)
        mine = tree.apply(ranked_rows.transform(asked[places]))
        conditions = Conditions.of_nodes(tree, X.shape[1])
        for leaf in np.unique(mine):
            there = places[mine == leaf]
            tested = inside[held_out][leaves[held_out] == leaf]
            facts = {
                "rule": words.sentences(conditions.take(np.array([leaf])))[0] or NO_CONDITION,
                "coverage": float(np.mean(leaves == leaf)),
                "n_rows": int(np.sum(leaves == leaf)),
                "purity": float(tested.mean()) if len(tested) else np.nan,
                "n_held_out": len(tested),
            }
            for name, value in facts.items():
                found.iloc[there, found.columns.get_loc(name)] = value
    return found
