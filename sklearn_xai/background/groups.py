"""Players: columns of a table that are attributed to as one."""

from __future__ import annotations

from numbers import Integral

import numpy as np


def resolve_groups(feature_groups, names, caller):
    """Turn ``feature_groups`` into the players: what is attributed to, removed and ranked as one.

    Parameters
    ----------
    feature_groups : dict of str to list of (column name or index), or None
        Columns that are named in no group stay players of their own.
    names : ndarray of shape (n_columns,) of str
        Names of the columns.
    caller : str
        Class name for the message.

    Returns
    -------
    player_names : ndarray of shape (n_players,) of object
    members : list of int ndarray
        The columns of each player.
    """
    n = len(names)
    if feature_groups is None:
        return np.asarray(names, dtype=object), [np.array([j]) for j in range(n)]
    position = {name: j for j, name in enumerate(names)}
    owner = {}
    groups = []
    for group, columns in feature_groups.items():
        columns = [columns] if isinstance(columns, (str, Integral)) else list(columns)
        found = []
        for column in columns:
            j = position.get(column, column)
            if not isinstance(j, Integral) or isinstance(j, bool) or not 0 <= j < n:
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


def group_matrix(members, n_columns, dtype=np.float64):
    """Return the 0/1 matrix (n_columns, n_players) that adds the attributions of columns up to those of players."""
    matrix = np.zeros((n_columns, len(members)), dtype=dtype)
    for player, columns in enumerate(members):
        matrix[columns, player] = 1
    return matrix
