"""Which rows are the background."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Table
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.tables import is_frame, take_rows

_MOST_ROWS = 10_000  # rows that are clustered or ordered by the model's output, at random of a larger table
_MOST_CELLS = 2**24  # and numbers in them
_MOST_CLUSTERS = 100
_MOST_CANDIDATES = 1_000  # rows from which balanced ones are chosen
_SWEEPS = 3


def sample_rows(X: Table, size: int | None, rng: np.random.RandomState) -> Table:
    """Draw at most ``size`` rows without replacement, in their order; all rows when ``size`` is None."""
    n = X.shape[0]
    if size is None or n <= size:
        return take_rows(X, np.arange(n))
    return take_rows(X, np.sort(rng.choice(n, size, replace=False)))


def cluster_rows(X: Table, size: int, rng: np.random.RandomState) -> Table:
    """Draw ``size`` rows, as many from each k-means cluster as its share of the rows.

    There are as many clusters as rows to draw, at most 100. The rows are put in the order of the clusters in their
    dendrogram (Ward) and of their distance from the centre, and drawn as by ``stratify``: no row needs a weight.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns), or array (n_rows, ...)
    size : int
    rng : RandomState
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    X = _few_rows(X, size, rng)
    if len(X) <= size:
        return X
    points = standardised(X)
    n_clusters = min(size, _MOST_CLUSTERS, len(np.unique(points, axis=0)))
    with threadpool_limits(limits=1):  # sums in one order: the same clusters on any number of cores
        clusters = KMeans(n_clusters, n_init=1, random_state=draw_seed(rng)).fit(points)
    place = np.zeros(n_clusters)
    if n_clusters > 1:
        place[leaves_list(linkage(clusters.cluster_centers_, "ward"))] = np.arange(n_clusters)
    distance = np.square(points - clusters.cluster_centers_[clusters.labels_]).sum(axis=1)
    return take_rows(X, stratify(size, rng, distance, place[clusters.labels_]))


def strata_rows(X: Table, size: int, rng: np.random.RandomState, outputs: Callable[[Table], np.ndarray]) -> Table:
    """Draw ``size`` rows, one from each of as many equal strata of the explained output.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns), or array (n_rows, ...)
    size : int
    rng : RandomState
    outputs : callable
        Returns what orders rows, the last first as for ``numpy.lexsort``: the explained output, and its class if the
        explained output is that of the predicted class.
    """
    X = _few_rows(X, size, rng)
    return X if len(X) <= size else take_rows(X, stratify(size, rng, *outputs(X)))


def balanced_rows(X: Table, size: int, rng: np.random.RandomState) -> Table:
    """Draw ``size`` rows whose means of columns are close to those of all rows.

    Rows drawn at random are exchanged, one after the other, for the row that brings the means closest (numbers and
    categories scaled to a variance of one), until none does or each has been looked at a few times.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns), or array (n_rows, ...)
    size : int
    rng : RandomState
    """
    X = _few_rows(X, size, rng)
    if len(X) <= size:
        return X
    points = standardised(X)
    candidates = rng.permutation(len(X))[: max(size, _MOST_CANDIDATES)]
    points = points[candidates]
    norms = np.square(points).sum(axis=1)
    chosen = np.arange(size)
    for _ in range(_SWEEPS):
        before = chosen.copy()
        for k in range(size):
            others = np.delete(chosen, k)
            distance = norms + points @ (2 * points[others].sum(axis=0))  # of the sum from zero, less what is the same
            distance[others] = np.inf
            chosen[k] = distance.argmin()
        if (chosen == before).all():
            break
    return take_rows(X, np.sort(candidates[chosen]))


def _few_rows(X, size, rng):
    return sample_rows(X, max(size, min(_MOST_ROWS, _MOST_CELLS // max(1, int(np.prod(X.shape[1:]))))), rng)


def stratify(size, rng, *keys):
    """Return ``size`` places of rows in increasing order: one at random from each of as many equal parts of an order.

    Parameters
    ----------
    size : int
    rng : RandomState
    *keys : ndarray of shape (n_rows,)
        What orders the rows, the last first.
    """
    order = np.lexsort(keys)
    parts = np.linspace(0, len(order), size + 1)
    first, last = np.ceil(parts[:-1]).astype(int), np.ceil(parts[1:]).astype(int)
    return np.sort(order[first + (rng.random_sample(size) * (last - first)).astype(int)])


def standardised(X):
    """Return rows as numbers in which every column of the table has a variance of one, a missing number being its mean.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns), or array (n_rows, ...)

    Returns
    -------
    ndarray of shape (n_rows, n_outputs), float64
    """
    X = X.reshape(len(X), -1) if X.ndim > 2 else X
    if not is_frame(X) and X.dtype.kind in "biuf":  # many times faster than column by column
        numbers, feeds = X.astype(np.float64), np.arange(X.shape[1])
    else:
        encoder = TableEncoder().fit(X)
        numbers, feeds = encoder.transform(X), encoder.feeds
    numbers[~np.isfinite(numbers)] = np.nan
    seen = ~np.isnan(numbers)
    total = np.where(seen, numbers, 0.0).sum(axis=0)
    centred = np.where(seen, numbers - total / np.maximum(seen.sum(axis=0), 1), 0.0)
    variance = np.bincount(feeds, np.square(centred).mean(axis=0), minlength=X.shape[1])
    spread = np.sqrt(np.where(variance > 0, variance, 1.0))
    return centred / spread[feeds]
