"""The arrays behind a picture of attributions: checked, picked and put in order."""

from __future__ import annotations

from typing import Any

import numpy as np


def checked_attributions(attributions: Any, data: Any) -> np.ndarray:
    """Return attributions of a table (2-d) or of images (4-d, or 3-d with images as `data`), finite, or raise."""
    values = np.asarray(attributions, dtype=float)
    images = values.ndim == 4 or (values.ndim == 3 and np.ndim(data) >= 3)
    if not (images or values.ndim == 2) or 0 in values.shape:
        raise ValueError(
            "The 'attributions' parameter of AttributionDisplay must have shape (n_samples, n_features), "
            "(n_samples, n_channels, height, width), or with images as 'data' (n_samples, height, width), no axis of "
            f"them empty. Got shape {values.shape}."
        )
    n_bad = int((~np.isfinite(values)).sum())
    if n_bad:
        raise ValueError(
            f"The 'attributions' parameter of AttributionDisplay must be finite. Got {n_bad} NaN or infinite values."
        )
    return values


def check_kind(kind: str, shape: tuple[int, ...], has_words: bool, caller: str) -> None:
    """Raise ValueError unless attributions of `shape` can be drawn as `kind`."""
    table = len(shape) == 2
    if (kind == "image") != table and (kind != "text" or has_words):
        return
    needs = {
        "image": "attributions of shape (n_samples, n_channels, height, width) or (n_samples, height, width)",
        "text": "attributions of shape (n_samples, n_tokens) and 'display_data', the words, of the same shape",
    }
    got = f"attributions of shape {shape}" + (" without 'display_data'" if kind == "text" and table else "")
    other = "'bar', 'beeswarm', 'waterfall' or 'heatmap'" if table else "'image'"
    needed = needs.get(kind, "attributions of shape (n_samples, n_features)")
    raise ValueError(f"The 'kind' parameter of {caller} can be {kind!r} only for {needed}. Got {got}: use {other}.")


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


def names_of(names: Any, parameter: str, count: int, things: str) -> list[str]:
    """Return one name for each of the things that are counted, or raise an error that names `parameter`."""
    found = [str(name) for name in names]
    if len(found) != count:
        raise ValueError(
            f"The '{parameter}' parameter of AttributionDisplay must have one name for each of the {count} {things} of "
            f"'attributions'. Got {len(found)}."
        )
    return found


def per_cell(values: Any, parameter: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return an array that belongs to attributions of `shape`, or raise an error that names `parameter`."""
    if values is None:
        return None
    array = np.asarray(values)
    if not _belong(array.shape, shape):
        wanted = f"have the shape of 'attributions', {shape}"
        if len(shape) > 2:
            wanted = f"be the images that attributions of shape {shape} belong to, of the same number, height and width"
        raise ValueError(f"The '{parameter}' parameter of AttributionDisplay must {wanted}. Got shape {array.shape}.")
    return array


def _belong(shape: tuple[int, ...], attributed: tuple[int, ...]) -> bool:
    """Whether data of a shape belong to attributions of another: the same table, or as many images of the same size."""
    if len(attributed) <= 2 or len(shape) not in (3, 4) or len(attributed) > 4:
        return shape == attributed
    channels, attributed_channels = (size[1] if len(size) == 4 else 1 for size in (shape, attributed))
    same_size = (shape[0], *shape[-2:]) == (attributed[0], *attributed[-2:])
    return same_size and attributed_channels in (1, channels)


def matching(values: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the data of an explanation, or None where its columns are not what is attributed to (feature groups)."""
    if values is None:
        return None
    array = np.asarray(values)
    array = array[None, :] if array.ndim == 1 and shape[0] == 1 else array
    return array if _belong(array.shape, shape) else None


def has_targets(values: np.ndarray, data: Any) -> bool:
    """Whether the last axis of the values of an explanation is one of several targets.

    It is where values have 3 or 5 axes, or 4 of images without an axis of channels; but not where the data are images
    (or sequences) of that very shape.
    """
    several = values.ndim in (3, 5) or (values.ndim == 4 and np.ndim(data) == 3)
    return several and not (np.ndim(data) >= 3 and _belong(np.shape(data), values.shape))


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


def target_text(labels: Any, index: int) -> str:
    """Return the name of one of several targets."""
    return f"output {index}" if labels is None else str(np.asarray(labels)[index])


def pick(values: Any, index: int) -> Any:
    """Return what belongs to one of several targets."""
    if values is None or np.ndim(values) == 0:
        return values
    return np.asarray(values)[..., index]


def checked_row(row: Any, n_rows: int, caller: str) -> int:
    """Return the position of a row, counted from the first one, or raise."""
    if isinstance(row, bool) or not isinstance(row, int | np.integer) or not -n_rows <= row < n_rows:
        raise ValueError(
            f"The 'row' parameter of {caller} must be the position of one of the {n_rows} explained rows. Got {row!r}."
        )
    return int(row) % n_rows


def known(values: np.ndarray | None, row: int) -> float | None:
    """Return the value of one row, None where there is none."""
    return None if values is None or not np.isfinite(values[row]) else float(values[row])


def largest_first(values: np.ndarray) -> np.ndarray:
    """Return the order of `values` from the largest to the smallest absolute value."""
    return np.argsort(-np.abs(values), kind="stable")


def numbers_of(column: np.ndarray) -> np.ndarray:
    """Return a column of numbers, truth values or dates as numbers, NaN where missing; NaN alone if it has others."""
    import pandas as pd

    series = pd.Series(column)
    missing = series.isna().to_numpy()
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if np.array_equal(np.isnan(numbers), missing):
        return numbers
    dates = pd.to_datetime(series, errors="coerce", format="ISO8601", utc=True)
    if not np.array_equal(dates.isna().to_numpy(), missing):
        return np.full(len(series), np.nan)
    return np.where(missing, np.nan, (dates - dates.min()) / pd.Timedelta(1, "s"))
