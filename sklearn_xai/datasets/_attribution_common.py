"""What the generators of rows with known attributions share: checks of parameters, weights, columns, labels."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.utils import Bunch

from sklearn_xai.datasets._shipped import check_switches

TASKS = ("regression", "threshold", "logistic")


def checked_count(caller: str, name: str, value: Any, least: int = 1, most: int | None = None, why: str = "") -> int:
    """Return a whole number, or say between what it must lie."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"The {name!r} parameter of {caller} must be an int {limits}{why}. Got {value!r}.")
    return int(value)


def checked_number(caller: str, name: str, value: Any, low: float, high: float, brackets: str = "[)") -> float:
    """Return a finite number of an interval; ``brackets`` say which of its ends belong to it."""
    fits = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not (
        fits
        and (value > low or (value == low and brackets[0] == "["))
        and (value < high or (value == high and brackets[1] == "]"))
    ):
        interval = f"{brackets[0]}{low:g}, {high:g}{brackets[1]}"
        raise ValueError(f"The {name!r} parameter of {caller} must be a number in {interval}. Got {value!r}.")
    return float(value)


def checked_size(caller: str, image_size: Any, least: int) -> tuple[int, int]:
    """Return height and width of images, where one number for both or two were given."""
    both = (image_size, image_size) if isinstance(image_size, Integral) else image_size
    try:
        height, width = both
    except (TypeError, ValueError):
        raise ValueError(
            f"The 'image_size' parameter of {caller} must be an int or two, height and width. Got {image_size!r}."
        ) from None
    return checked_count(caller, "image_size", height, least), checked_count(caller, "image_size", width, least)


def checked_choice(caller: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return one of some words."""
    if not isinstance(value, str) or value not in choices:
        words = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        raise ValueError(f"The {name!r} parameter of {caller} must be {words}. Got {value!r}.")
    return value


def checked_dtype(caller: str, dtype: Any) -> np.dtype:
    """Return the floating type of rows, attributions and model."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found not in (np.float32, np.float64):
        raise ValueError(f"The 'dtype' parameter of {caller} must be float32 or float64. Got {dtype!r}.")
    return found


def checked_vector(caller: str, name: str, value: Any, n_features: int) -> np.ndarray:
    """Return one finite number a column, where one for all or an array was given."""
    try:
        vector = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.array(np.nan)
    if vector.shape not in ((), (n_features,)) or not np.isfinite(vector).all():
        got = f"shape {vector.shape}" if vector.ndim and np.isfinite(vector).all() else repr(value)
        raise ValueError(
            f"The {name!r} parameter of {caller} must be a finite number or an array of such of shape ({n_features},), "
            f"one for each column. Got {got}."
        )
    return np.broadcast_to(vector, n_features).copy()


def drawn_weights(rng: np.random.RandomState, shape: tuple[int, ...]) -> np.ndarray:
    """Draw weights of either sign and a size between 0.5 and 1.5: none so small that it is one in name only."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def drawn_columns(rng: np.random.RandomState, n_samples: int, n_features: int, correlation: float) -> np.ndarray:
    """Draw standard normal columns, each of which has the given correlation with the next one."""
    columns = rng.standard_normal((n_samples, n_features))
    for j in range(1, n_features):
        columns[:, j] = correlation * columns[:, j - 1] + np.sqrt(1 - correlation**2) * columns[:, j]
    return columns


def covariance_of(n_features: int, correlation: float) -> np.ndarray:
    """Return the covariance (n_features, n_features) of such columns: the correlation to the power of the distance."""
    places = np.arange(n_features)
    return np.power(float(correlation), np.abs(places[:, None] - places))


def labelled(rng: np.random.RandomState, output: np.ndarray, task: str, noise: float, dtype: np.dtype) -> np.ndarray:
    """Return y (n_samples,) of the output of the exact function."""
    noisy = output + noise * rng.standard_normal(len(output))
    if task == "regression":
        return noisy.astype(dtype)
    if task == "threshold":
        return (noisy > 0).astype(np.int64)
    return (rng.uniform(size=len(output)) < expit(noisy)).astype(np.int64)


def returned(caller: str, bunch: Bunch, return_model: Any, return_bunch: Any) -> Any:
    """Return what was asked for: ``(X, y, attributions)``, with the model or without, or all there is."""
    check_switches(caller, return_model=return_model, return_bunch=return_bunch)
    if return_bunch:
        return bunch
    three = (bunch.data, bunch.target, bunch.attributions)
    return (*three, bunch.model) if return_model else three
