"""Which rows are the background."""

from __future__ import annotations

import numpy as np

from sklearn_xai.tables import take_rows


def sample_rows(X, size, rng):
    """Draw at most ``size`` rows without replacement, in their order; all rows when ``size`` is None."""
    n = X.shape[0]
    if size is None or n <= size:
        return take_rows(X, np.arange(n))
    return take_rows(X, np.sort(rng.choice(n, size, replace=False)))
