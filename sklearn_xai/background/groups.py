"""Players: columns of a table that are attributed to as one, as named or as they go together."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from sklearn_xai._checks import is_whole
from sklearn_xai._typing import Table
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.tables import take_rows

_ASSOCIATED_ROWS = 10_000  # rows of a larger table, evenly spaced, in which columns are compared
_ASSOCIATED = 0.5  # mean association within a group
_NAMED = 3  # columns of a group that its name spells out


def resolve_groups(
    feature_groups: Mapping[str, Any] | Literal["correlated"] | None,
    names: np.ndarray,
    caller: str,
    X: Table | None = None,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Turn ``feature_groups`` into the players: what is attributed to, removed and ranked as one.

    Parameters
    ----------
    feature_groups : dict of str to list of (column name or index), "correlated" or None
        Columns that are named in no group stay players of their own.
    names : ndarray of shape (n_columns,) of str
        Names of the columns.
    caller : str
        Class name for the message.
    X : table of shape (n_rows, n_columns)
        Rows by which "correlated" finds groups.

    Returns
    -------
    player_names : ndarray of shape (n_players,) of object
    members : list of int ndarray
        The columns of each player.
    """
    n = len(names)
    if feature_groups is None:
        return np.asarray(names, dtype=object), [np.array([j]) for j in range(n)]
    if isinstance(feature_groups, str):
        feature_groups = correlated_groups(X, names)
    position = {name: j for j, name in enumerate(names)}
    owner: dict[int, str] = {}
    groups = []
    for group, columns in feature_groups.items():
        columns = [columns] if isinstance(columns, (str, Integral)) else list(columns)
        found = []
        for column in columns:
            j: Any = position.get(column, column)
            if not is_whole(j) or j >= n:
                raise ValueError(
                    f"The 'feature_groups' parameter of {caller} names the column {column!r} in group {group!r}, which "
                    f"is not in the table. Its columns are: {_listed(names)}."
                )
            if j in owner:
                raise ValueError(
                    f"The 'feature_groups' parameter of {caller} has the column {column!r} in two groups, "
                    f"{owner[j]!r} and {group!r}. Each column belongs to at most one."
                )
            owner[int(j)] = group
            found.append(int(j))
        if not found:
            raise ValueError(f"The 'feature_groups' parameter of {caller} has no column in group {group!r}.")
        groups.append((str(group), np.array(sorted(found))))
    groups += [(names[j], np.array([j])) for j in range(n) if j not in owner]
    groups.sort(key=lambda group: group[1][0])
    labels = [group[0] for group in groups]
    if len(set(labels)) != len(labels):
        raise ValueError(f"The 'feature_groups' parameter of {caller} gives a group the name of a column outside it.")
    return np.array(labels, dtype=object), [group[1] for group in groups]


def _listed(names, most=12):
    shown = ", ".join(repr(str(name)) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def group_matrix(members: list[np.ndarray], n_columns: int, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Return the 0/1 matrix (n_columns, n_players) that adds the attributions of columns up to those of players."""
    matrix = np.zeros((n_columns, len(members)), dtype=dtype)
    for player, columns in enumerate(members):
        matrix[columns, player] = 1
    return matrix


# ---------------------------------------------------------------------- columns that go together
def correlated_groups(X: Table, names: np.ndarray) -> dict[str, list[int]]:
    """Return groups of columns that go together: average linkage of ``1 - association``, cut at 0.5.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
    names : ndarray of shape (n_columns,) of str

    Returns
    -------
    dict of str to list of int
        Groups of two columns and more, each named by its columns.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if X.shape[1] < 2:
        return {}
    above = np.triu_indices(X.shape[1], 1)
    tree = linkage(1 - association(X)[above], "average")
    label = fcluster(tree, 1 - _ASSOCIATED, "distance")
    found = [np.flatnonzero(label == k) for k in np.unique(label)]
    groups: dict[str, list[int]] = {}
    for columns in found:
        if len(columns) > 1:
            groups[_joined(columns, names, groups)] = columns.tolist()
    return groups


def _joined(columns, names, groups):
    """Return a name that no other group and no column has."""
    name = "+".join(str(names[j]) for j in columns[:_NAMED])
    name += f"+{len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
    while name in groups or name in names:
        name = f"({name})"
    return name


def association(X: Table) -> np.ndarray:
    """Return how closely each two columns of a table go together, from 0 to 1.

    It is the absolute Spearman correlation of two columns of numbers (dates, booleans), the correlation ratio of the
    ranks of numbers and a category, Cramer's V of two categories. All three are the root of the mean squared canonical
    correlation of the columns as ranks and as indicators of the values,

    .. math:: r^2 = ||Q_a^T Q_b||^2 / min(d_a, d_b)

    with orthonormal bases Q of the centred columns. What independent columns are expected to show, ``max(d_a, d_b) /
    (n - 1)``, is taken off as in an adjusted R2, so that a column of many values goes with no other by chance.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)

    Returns
    -------
    ndarray of shape (n_columns, n_columns)

    References
    ----------
    Cramer, H. (1946). Mathematical Methods of Statistics.
    """
    X = take_rows(X, np.unique(np.linspace(0, len(X) - 1, min(len(X), _ASSOCIATED_ROWS)).round().astype(int)))
    encoder = TableEncoder().fit(X)
    numbers = encoder.transform(X)
    bases = [_orthonormal(numbers[:, encoder.feeds == j], category) for j, category in enumerate(encoder.is_category)]
    size = np.array([basis.shape[1] for basis in bases])
    start = np.concatenate([[0], np.cumsum(size)])
    whole = np.concatenate(bases, axis=1)
    products = np.concatenate([np.square(whole.T @ whole), np.zeros((1, len(whole.T)))])
    products = np.concatenate([products, np.zeros((len(products), 1))], axis=1)
    shared = np.add.reduceat(np.add.reduceat(products, start[:-1], axis=0), start[:-1], axis=1)
    shared[size == 0], shared[:, size == 0] = 0, 0  # reduceat takes the next column's number for an empty one
    squared = shared / np.maximum(np.minimum.outer(size, size), 1)
    chance = np.minimum(np.maximum.outer(size, size) / max(1, len(X) - 1), 1)
    left = np.where(chance < 1, (squared - chance) / np.where(chance < 1, 1 - chance, 1), 0)
    return np.sqrt(np.clip(left, 0, 1))


def _orthonormal(columns, category):
    """Return an orthonormal basis of the centred ranks of a number, or of the indicators of a category."""
    from scipy.stats import rankdata

    if not category:
        seen = ~np.isnan(columns[:, 0])
        ranks = np.zeros((len(columns), 1))
        if seen.any():
            ranks[seen, 0] = rankdata(columns[seen, 0])
            ranks[seen, 0] -= ranks[seen, 0].mean()
        columns = ranks
    columns = columns - columns.mean(axis=0)
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, singular > 1e-9 * max(1.0, singular.max(initial=0))]
