"""The arithmetic behind pictures of perturbation curves: means, bands and areas, of rows with gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_xai._rng import own_random_state

N_RESAMPLES = 1000


def mean_of_rows(curve: np.ndarray) -> np.ndarray:
    """Return the mean over the rows that are known at each step; NaN where none is.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.display._perturbation_arrays import mean_of_rows
    >>> mean_of_rows(np.array([[1.0, np.nan], [3.0, np.nan]]))
    array([ 2., nan])
    """
    if curve.ndim == 1:
        return curve
    known = np.isfinite(curve)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, curve, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)


def band_of_rows(curve: np.ndarray, spread: str, random_state: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper end of the band around the mean of the rows, at each step."""
    known = np.isfinite(curve)
    ends = np.full((2, curve.shape[1]), np.nan)
    steps = known.any(axis=0)
    if not steps.any():
        return ends[0], ends[1]
    if spread == "quartiles":
        ends[:, steps] = np.nanpercentile(np.where(known, curve, np.nan)[:, steps], [25, 75], axis=0)
        return ends[0], ends[1]
    rng = own_random_state(random_state)
    # How often each row is in each resample; whole rows, so that the steps of a curve stay together.
    times = rng.multinomial(len(curve), np.full(len(curve), 1 / len(curve)), size=N_RESAMPLES).astype(float)
    counts = times @ known
    means = (times @ np.where(known, curve, 0.0)) / np.where(counts > 0, counts, np.nan)
    ends[:, steps] = np.nanpercentile(means[:, steps], [2.5, 97.5], axis=0)
    return ends[0], ends[1]


def on_common_fractions(found: Mapping[str, tuple[Any, Any]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return all shares that occur, and the curves at these, on the straight lines between their own points.

    Explainers with other players have other steps.
    """
    steps = {str(key): np.asarray(fractions, dtype=float) for key, (fractions, _) in found.items()}
    everywhere = np.unique(np.concatenate(list(steps.values())))
    curves = {}
    for key, (_, values) in found.items():
        rows = np.asarray(values, dtype=float)
        own = steps[str(key)]
        same = np.array_equal(own, everywhere)
        curves[str(key)] = rows if same else np.stack([np.interp(everywhere, own, row) for row in rows])
    return everywhere, curves


def area_under(fractions: np.ndarray, mean: np.ndarray) -> float:
    """Return the area under a curve by trapezoids, over the range of `fractions`."""
    return float(np.trapezoid(mean, fractions) / (fractions[-1] - fractions[0]))
