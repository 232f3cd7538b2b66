"""The arrays behind a picture of attributions: checked, picked and put in order."""

from __future__ import annotations

from typing import Any

import numpy as np


def checked_attributions(attributions: Any) -> np.ndarray:
    """Return attributions as a finite array of shape (n_samples, n_features), or raise."""
    values = np.asarray(attributions, dtype=float)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            "The 'attributions' parameter of AttributionDisplay must have shape (n_samples, n_features), both at least "
            f"1. Got shape {values.shape}; images and tokens need a picture of their own kind."
        )
    n_bad = int((~np.isfinite(values)).sum())
    if n_bad:
        raise ValueError(
            f"The 'attributions' parameter of AttributionDisplay must be finite. Got {n_bad} NaN or infinite values."
        )
    return values


def per_row(values: Any, parameter: str, n_rows: int) -> np.ndarray | None:
    """Return one number for each row, or raise an error that names `parameter`."""
    if values is None:
        return None
    array = np.asarray(values, dtype=float)
    array = np.full(n_rows, array.item()) if array.size == 1 else array
    if array.shape not in {(n_rows,), (n_rows, 1)}:
        raise ValueError(
            f"The '{parameter}' parameter of AttributionDisplay must have one value for each of the {n_rows} rows of "
            f"'attributions'. Got shape {array.shape}."
        )
    return array.ravel()


def per_cell(values: Any, parameter: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return an array of the shape of the attributions, or raise an error that names `parameter`."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(
            f"The '{parameter}' parameter of AttributionDisplay must have the shape of 'attributions', {shape}. "
            f"Got shape {array.shape}."
        )
    return array


def matching(values: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the data of an explanation, or None where its columns are not what is attributed to (feature groups)."""
    if values is None:
        return None
    array = np.asarray(values)
    array = array[None, :] if array.ndim == 1 and shape[0] == 1 else array
    return array if array.shape == shape else None


def target_index(target: Any, labels: Any, n_targets: int) -> int:
    """Return the index of `target` among the labels of several targets, or raise."""
    names = [] if labels is None else list(np.asarray(labels).tolist())
    if target is not None and target in names:
        return names.index(target)
    if isinstance(target, int | np.integer) and not isinstance(target, bool) and 0 <= target < n_targets:
        return int(target)
    among = f"one of {names} or " if names else ""
    raise ValueError(
        f"The 'target' parameter of AttributionDisplay must say which of the {n_targets} explained targets to draw: "
        f"{among}an index below {n_targets}. Got {target!r}."
    )


def pick(values: Any, index: int) -> Any:
    """Return what belongs to one of several targets."""
    if values is None or np.ndim(values) == 0:
        return values
    return np.asarray(values)[..., index]


def known(values: np.ndarray | None, row: int) -> float | None:
    """Return the value of one row, None where there is none."""
    return None if values is None or not np.isfinite(values[row]) else float(values[row])


def largest_first(values: np.ndarray) -> np.ndarray:
    """Return the order of `values` from the largest to the smallest absolute value."""
    return np.argsort(-np.abs(values), kind="stable")


def codes_of(column: np.ndarray) -> np.ndarray:
    """Return a column as numbers, NaN where missing; categories by their place in sorted order."""
    import pandas as pd

    series = pd.Series(column)
    missing = series.isna().to_numpy()
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if np.array_equal(np.isnan(numbers), missing):
        return numbers
    codes = pd.factorize(series.astype(str), sort=True)[0].astype(float)
    codes[missing] = np.nan
    return codes
