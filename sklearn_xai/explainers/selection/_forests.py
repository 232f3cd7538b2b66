"""What a random forest says out of bag, and which columns it goes by."""

from __future__ import annotations

import numpy as np
from joblib import Parallel, delayed

from sklearn_xai._progress import track
from sklearn_xai.explainers._fidelity import r2_fidelity


def forest_outputs(forest, codes):
    """Return what a forest, or a tree of it, says of rows: its prediction, or the probability of each class.

    Parameters
    ----------
    forest : fitted RandomForestRegressor, RandomForestClassifier or tree of one
    codes : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    ndarray of shape (n_rows, n_forest_outputs)
    """
    if hasattr(forest, "predict_proba"):
        return forest.predict_proba(codes)
    return forest.predict(codes).reshape(len(codes), 1)


def out_of_bag(forest, tables):
    """Return what the trees that were not grown on a row say of it, averaged.

    Parameters
    ----------
    forest : fitted RandomForestRegressor or RandomForestClassifier
    tables : ndarray of shape (n_tables, n_rows, n_columns)
        The rows that the forest was fitted to, or versions of them.

    Returns
    -------
    outputs : ndarray of shape (n_tables, n_rows, n_forest_outputs)
    held_out : bool ndarray of shape (n_rows,)
        False where all trees were grown on the row: their average is then that of all.
    """
    n_tables, n_rows, n_columns = tables.shape
    count = np.zeros(n_rows)
    outputs = np.zeros((n_tables, n_rows, getattr(forest, "n_classes_", 1)))
    for tree, sample in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        rows = np.setdiff1d(np.arange(n_rows), sample)
        if len(rows):
            said = forest_outputs(tree, tables[:, rows].reshape(-1, n_columns))
            outputs[:, rows] += said.reshape(n_tables, len(rows), -1)
            count[rows] += 1
    held_out = count > 0
    outputs /= np.maximum(count, 1)[:, None]
    if not held_out.all():
        rest = tables[:, ~held_out]
        outputs[:, ~held_out] = forest_outputs(forest, rest.reshape(-1, n_columns)).reshape(*rest.shape[:2], -1)
    return outputs, held_out


def impurity_importances(forest):
    """Return by how much the splits on each column lower the variance of each output, as shares of all splits.

    A split of w rows into two of w_l and w_r, in which an output has the means m_l and m_r, lowers its sum of squares
    by ``w_l * w_r / w * (m_l - m_r)**2``. Added up over the classes of a classifier, that is Gini's impurity. One
    output gives scikit-learn's ``feature_importances_``.

    Parameters
    ----------
    forest : fitted RandomForestRegressor or RandomForestClassifier

    Returns
    -------
    ndarray of shape (n_forest_outputs, n_columns); each row adds up to 1, or is 0 where nothing was split.
    """
    found = [_impurity_shares(tree.tree_, forest.n_features_in_) for tree in forest.estimators_]
    return _shares(np.sum(found, axis=0))


def _impurity_shares(tree, n_columns):
    inner = np.flatnonzero(tree.children_left >= 0)
    left, right = tree.children_left[inner], tree.children_right[inner]
    weight, mean = tree.weighted_n_node_samples, tree.value[:, 0]
    gain = (weight[left] * weight[right] / weight[inner])[:, None] * np.square(mean[left] - mean[right])
    total = np.zeros((n_columns, mean.shape[1]))
    np.add.at(total, tree.feature[inner], gain)
    return _shares(total.T)


def _shares(gains):
    total = gains.sum(axis=1, keepdims=True)
    return gains / np.where(total > 0, total, 1.0)


def permutation_importances(forest, codes, truth, members, *, n_repeats, rng, n_jobs=None, verbose=0):
    """Return by how much R2 on the rows a tree was not grown on drops when the columns of a player are shuffled.

    Parameters
    ----------
    forest : fitted RandomForestRegressor or RandomForestClassifier
    codes : ndarray of shape (n_rows, n_columns)
        The rows that it was fitted to.
    truth : ndarray of shape (n_rows, n_forest_outputs)
    members : list of int ndarray
        The columns of each player, which are shuffled together.
    n_repeats : int
    rng : RandomState
    n_jobs : int, optional
        Threads among which the players are shared out.
    verbose : int
        Shows progress when positive.

    Returns
    -------
    ndarray of shape (n_forest_outputs, n_players), the mean over the repeats
    """
    orders = np.stack([rng.permutation(len(codes)) for _ in range(n_repeats)])
    (whole,), rows = out_of_bag(forest, codes[None])
    rows = rows if rows.sum() > 1 else np.ones_like(rows)
    score = r2_fidelity(truth[rows], whole[rows])

    def drop(columns):
        tables = np.repeat(codes[None], n_repeats, axis=0)
        tables[:, :, columns] = codes[orders[:, :, None], columns]
        shuffled = out_of_bag(forest, tables)[0]
        return np.mean([score - r2_fidelity(truth[rows], found[rows]) for found in shuffled], axis=0)

    work = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator")(
        delayed(drop)(columns) for columns in members
    )
    return np.stack([*track(work, "shuffling columns", total=len(members), verbose=verbose)], axis=1)
