"""Rows and inputs as they can be shown: images, values of columns with how unusual they are, or words."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_xai.base.nearby import Numbers
from sklearn_xai.display._activation_reading import CALLER, Looking
from sklearn_xai.display._image_plots import channels_first, limits_of
from sklearn_xai.tables import is_frame, take_rows


def shown_rows(looking: Looking, rows: np.ndarray, units: np.ndarray, max_columns: int) -> dict[str, Any]:
    """Return what is drawn of rows of X, as arguments of ``ActivationDisplay``.

    Parameters
    ----------
    looking : Looking
    rows : ndarray of int of shape (n_units, n_top)
    units : ndarray of int of shape (n_units,)
    max_columns : int
    """
    texts = looking.texts(rows, units)
    if texts is not None:
        bracketed = any(text.endswith("]") or "] " in text for text in texts.flat)
        return {"inputs": texts, "notes": ["in brackets the word that excites the unit most"] if bracketed else []}
    images = as_images(looking.inputs())
    if images is not None:
        return {"inputs": images[rows], "limits": limits_of(images), "notes": []}
    return _table(looking.rows, rows, looking.column_names(), max_columns)


def shown_inputs(looking: Looking, found: np.ndarray, best: np.ndarray, max_columns: int) -> dict[str, Any]:
    """Return what is drawn of inputs, each beside that of a row of X, as arguments of ``ActivationDisplay``.

    Parameters
    ----------
    looking : Looking
    found : ndarray of shape (n_units, ...)
        Inputs of the network.
    best : ndarray of int of shape (n_units,)
        A row of X for each unit.
    max_columns : int
    """
    inputs = looking.inputs()
    images = as_images(inputs)
    if images is not None:
        found = as_images(found)  # type: ignore[assignment] # of the same shape as what is none of a table
        low, high = limits_of(images)
        beyond = ["what lies beyond is cut off"] if found.min() < low or found.max() > high else []
        return {"inputs": np.stack([found, images[best]], axis=1), "limits": (low, high), "notes": beyond}
    names, behind = looking.input_names(inputs.shape[1])
    # Both are rows of one table, the inputs found after the data.
    both = np.concatenate([inputs, found])
    rows = np.stack([len(inputs) + np.arange(len(found)), best], axis=1)
    shown = _table(both, rows, names, max_columns, n_data=len(inputs))
    return {**shown, "notes": [*shown["notes"], *(["inputs of the network, after the preprocessing"] * behind)]}


def as_images(inputs: np.ndarray) -> np.ndarray | None:
    """Return inputs as images, (n, C, H, W) or (n, H, W); None where they are a table."""
    if inputs.ndim == 2:
        return None
    if inputs.ndim > 4:
        raise ValueError(
            f"{CALLER} draws rows that are images, sequences or rows of a table. X has rows of {inputs.ndim - 1} axes."
        )
    return channels_first(inputs)


def _table(X: Any, rows: np.ndarray, names: list[str], max_columns: int, n_data: int | None = None) -> dict[str, Any]:
    values, deviations, strength = table_rows(X, rows, len(X) if n_data is None else n_data)
    chosen = np.sort(np.argsort(-strength, kind="stable")[:max_columns])
    notes = []
    if len(chosen) < len(names):
        notes = [f"{len(chosen)} of {len(names)} columns, those in which these rows are farthest from the mean"]
    return {
        "inputs": values[..., chosen],
        "deviations": deviations[..., chosen],
        "column_names": [names[j] for j in chosen],
        "notes": notes,
    }


def table_rows(X: Any, rows: np.ndarray, n_data: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of a table as they are to be read, and how far they are from the mean of the first rows.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_rows, n_columns)
    rows : ndarray of int of shape (n_units, n_rows_of_a_unit)
    n_data : int
        The means and standard deviations are those of so many rows.

    Returns
    -------
    values : ndarray of objects of shape (*rows.shape, n_columns)
    deviations : ndarray of shape (*rows.shape, n_columns)
        In standard deviations; 0 in columns of one value, NaN for what is no number.
    strength : ndarray of shape (n_columns,)
        How far the mean of a unit's rows is from that of all, in standard deviations, on average over units; in a
        column of categories, the share of the most frequent one of these rows.
    """
    values = np.empty((*rows.shape, X.shape[1]), dtype=object)
    every = _deviations(X, n_data)
    deviations, strength = every[rows], np.zeros(X.shape[1])
    for j in range(X.shape[1]):
        column = X.iloc[:, j].to_numpy(dtype=object) if is_frame(X) else X[:, j]
        values[..., j] = column[rows]
        if np.isnan(every[:, j]).all():
            strength[j] = np.mean([_most_frequent(own, column[:n_data]) for own in values[..., j]])
        else:
            known = np.where(np.isfinite(deviations[..., j]), deviations[..., j], 0.0)
            strength[j] = np.abs(known.mean(axis=1)).mean()
    return values, deviations, strength


def _deviations(X: Any, n_data: int) -> np.ndarray:
    """Return the cells of a table in standard deviations of the first rows from their mean; NaN for no number."""
    numbers = Numbers(take_rows(X, slice(n_data)))
    cells = np.full(X.shape, np.nan)
    cells[:, numbers.is_number] = numbers.values(X)
    known = np.isfinite(cells[:n_data])
    mean = np.where(known, cells[:n_data], 0.0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
    return (cells - mean) / np.where(numbers.spread > 0, numbers.spread, 1.0)


def _most_frequent(own: np.ndarray, column: np.ndarray) -> float:
    """Return how many standard deviations the share of the most frequent of some values is above that in a column."""
    own_texts, all_texts = own.astype(str), column.astype(str)
    names, counts = np.unique(own_texts, return_counts=True)
    share = float((all_texts == names[counts.argmax()]).mean())
    spread = np.sqrt(share * (1 - share))
    return abs(counts.max() / len(own) - share) / spread if spread > 0 else 0.0
