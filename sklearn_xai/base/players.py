"""What is attributed to: columns of a table, groups of them, or the cells of another array."""

from __future__ import annotations

import numpy as np

from sklearn_xai.background import image_groups, resolve_groups

_SHOWN = 4  # columns of a group whose values are spelled out


def find_players(X, feature_groups, names, inputs, caller):
    """Return the players of rows like those of X.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns), or array (n_rows, ...)
    feature_groups : dict, "correlated" or None
    names : ndarray of shape (n_columns,)
    inputs : tuple of {"table", "image", "tokens"}
        What the explainer takes.
    caller : str
        Class name for messages.

    Returns
    -------
    player_names : ndarray of shape (n_players,) of object
    members : list of int ndarray
    """
    shape = X.shape[1:]
    if len(shape) == 1:
        if not (feature_groups is None or isinstance(feature_groups, (dict, str))):
            raise ValueError(
                f"The 'feature_groups' parameter of {caller} must be a dict of lists of columns or 'correlated' for a "
                f"table; squares and arrays of labels are for images. Got {type(feature_groups).__name__}."
            )
        return resolve_groups(feature_groups, names, caller, X)
    if not {"image"} & set(inputs):
        raise ValueError(f"{caller} explains tables: X must be 2-dimensional. Got rows of shape {shape}.")
    if feature_groups is not None:
        return image_groups(feature_groups, shape, caller)
    members = [np.array([j]) for j in range(int(np.prod(shape)))]
    return np.array([f"x{j}" for j in range(len(members))], dtype=object), members


def pixels_as_players(shape):
    """Return the players of images whose channels are added up: their pixels.

    Parameters
    ----------
    shape : tuple of int
        Shape of a row, the channels first.

    Returns
    -------
    player_names : ndarray of shape (n_pixels,) of object
    members : list of int ndarray
        The numbers of a flat row that each pixel has, one for each channel.
    """
    n_pixels = int(np.prod(shape[1:]))
    members = [np.arange(shape[0]) * n_pixels + j for j in range(n_pixels)]
    return np.array([f"x{j}" for j in range(n_pixels)], dtype=object), members


def players_data(data, shown, members, names):
    """Return one number and one thing to show for each row and player.

    Parameters
    ----------
    data : ndarray of shape (n_rows, n_columns)
        Numbers, or codes of what is none.
    shown : ndarray of shape (n_rows, n_columns)
        The columns as given.
    members : list of int ndarray
        The columns of each player.
    names : ndarray of shape (n_columns,)

    Returns
    -------
    numbers : ndarray of shape (n_rows, n_players)
        NaN for a group of several columns.
    shown : ndarray of shape (n_rows, n_players)
        The values of a group of several columns as text, "age=39, city=Rome".
    """
    several = any(len(columns) > 1 for columns in members)
    numbers = np.full((len(data), len(members)), np.nan)
    things = np.empty(numbers.shape, dtype=object if several else shown.dtype)
    for player, columns in enumerate(members):
        if len(columns) == 1:
            numbers[:, player], things[:, player] = data[:, columns[0]], shown[:, columns[0]]
        else:
            things[:, player] = [_spelled(values, columns, names) for values in shown[:, columns]]
    return numbers, things


def _spelled(values, columns, names):
    told = [f"{names[j]}={_readable(value)}" for j, value in zip(columns[:_SHOWN], values, strict=False)]
    return ", ".join(told) + (f", {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else "")


def _readable(value):
    number = isinstance(value, (float, np.floating))
    return "missing" if number and np.isnan(value) else f"{value:.4g}" if number else str(value)
