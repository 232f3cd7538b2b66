"""How sure a mean over folds and rows is."""

from __future__ import annotations

import numpy as np

N_DRAWS = 500
_MOST_CELLS = 2**24


def interval_of_means(values: np.ndarray, seed: int, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap of means over folds and rows, both drawn with replacement.

    Parameters
    ----------
    values : ndarray of shape (n_folds, n_rows, n_means)
    seed : int
    confidence : float, default=0.95

    Returns
    -------
    low, high : ndarray of shape (n_means,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.report._intervals import interval_of_means
    >>> low, high = interval_of_means(np.random.RandomState(0).randn(3, 400, 1), seed=0)
    >>> bool(low[0] < 0 < high[0])
    True
    """
    n_folds, n_rows, n_means = values.shape
    rng = np.random.RandomState(seed)
    folds = rng.multinomial(n_folds, np.full(n_folds, 1 / n_folds), size=N_DRAWS) / n_folds
    rows = rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=N_DRAWS) / n_rows
    flat = values.reshape(n_folds * n_rows, n_means)
    means, step = np.empty((N_DRAWS, n_means)), max(1, _MOST_CELLS // (n_folds * n_rows))
    for start in range(0, N_DRAWS, step):
        part = slice(start, start + step)
        weights = folds[part, :, None] * rows[part, None, :]
        means[part] = weights.reshape(len(weights), -1) @ flat
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high
