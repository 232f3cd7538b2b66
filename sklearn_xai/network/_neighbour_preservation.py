"""Whether a projection keeps the neighbours that the rows had: trustworthiness, continuity, and the share kept."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.utils import check_array, gen_batches

from sklearn_xai._checks import is_whole

_CHUNK_CELLS = 2**21  # distances that are sorted at once

Preservation = namedtuple("Preservation", ["trustworthiness", "continuity", "kept"])
Preservation.__doc__ = """How the neighbours of each row fared, all ndarrays of shape (n_rows,), from 0 to 1.

trustworthiness : low where rows are near in the projection that were not.
continuity : low where rows that were near are not in the projection.
kept : share of the nearest rows that are among the nearest in the projection too.
"""


def neighbour_preservation(X, embedded, n_neighbors=5, metric="euclidean"):
    r"""Of which rows does a projection keep the neighbours?

    With the :math:`k` nearest rows :math:`N_k(i)` of row i, and :math:`r(i, j)` the rank of row j among all by their
    distance to row i (1 is the nearest), in the space given, and :math:`N'_k`, :math:`r'` in the projection,

    .. math::
        T(i) = 1 - \frac{2}{k (2n - 3k - 1)} \sum_{j \in N'_k(i)} \max(0, r(i, j) - k), \quad
        C(i) = 1 - \frac{2}{k (2n - 3k - 1)} \sum_{j \in N_k(i)} \max(0, r'(i, j) - k)

    are its trustworthiness and continuity. Their means over the rows are the published measures; the mean of T is
    ``sklearn.manifold.trustworthiness``.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_dimensions)
        The rows in the space that was projected.
    embedded : array-like of shape (n_rows, n_components)
        Their coordinates in the projection, where distances are Euclidean, as the eye sees them.
    n_neighbors : int, default=5
        The number k of nearest rows, less than half of the rows.
    metric : str or callable, default="euclidean"
        The distance in the space of X, as ``sklearn.metrics.pairwise_distances`` takes it, "precomputed" left out. The
        cosine distance of a vector of zeros to any other is 1.

    Returns
    -------
    Preservation
        ``trustworthiness``, ``continuity`` and ``kept``, each an ndarray of shape (n_rows,).

    Raises
    ------
    ValueError
        When the rows do not belong together, or are too few for `n_neighbors`.

    Notes
    -----
    Rows at equal distances come in a random order that all rows and both spaces share: a projection of all rows to one
    point keeps as much as chance does, and X keeps all of its own neighbours.

    References
    ----------
    Venna, Kaski (2001), Neighborhood preservation in nonlinear projection methods: an experimental study.

    Venna, Kaski (2006), Local multidimensional scaling.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.network._neighbour_preservation import neighbour_preservation
    >>> line = np.arange(8.0)[:, None]
    >>> folded = np.abs(line - 3.6)
    >>> neighbour_preservation(line, folded, n_neighbors=2).kept
    array([0.5, 0. , 0. , 0.5, 1. , 0. , 0. , 0. ])
    """
    X, embedded = _checked(X, embedded, n_neighbors)
    n, k = len(X), int(n_neighbors)
    order = np.random.RandomState(0).permutation(n)
    X, embedded = X[order], embedded[order]
    largest = k * (2 * n - 3 * k - 1) / 2
    found = np.empty((3, n))
    for rows in gen_batches(n, max(1, _CHUNK_CELLS // n)):
        near, ranks = _nearest(X, rows, k, metric)
        shown, shown_ranks = _nearest(embedded, rows, k, "euclidean")
        there, back = np.take_along_axis(ranks, shown, 1), np.take_along_axis(shown_ranks, near, 1)
        at = order[rows]
        found[0, at] = 1 - np.maximum(0, there - k).sum(axis=1) / largest
        found[1, at] = 1 - np.maximum(0, back - k).sum(axis=1) / largest
        found[2, at] = (back <= k).mean(axis=1)
    return Preservation(*found)


def trustworthiness_continuity(X, embedded, n_neighbors=5, metric="euclidean"):
    """Does a projection invent neighbours, and does it lose them?

    Parameters
    ----------
    X, embedded, n_neighbors, metric
        As of ``neighbour_preservation``.

    Returns
    -------
    trustworthiness, continuity : float
        From 0 to 1; 1 when no row is near that was not, and when all that were near still are.
    """
    found = neighbour_preservation(X, embedded, n_neighbors, metric)
    return float(found.trustworthiness.mean()), float(found.continuity.mean())


def neighbour_overlap(X, embedded, n_neighbors=5, metric="euclidean"):
    """Which share of the nearest rows are among the nearest in a projection too?

    Parameters
    ----------
    X, embedded, n_neighbors, metric
        As of ``neighbour_preservation``.

    Returns
    -------
    float
        From 0 to 1; chance gives ``n_neighbors / (n_rows - 1)``.
    """
    return float(neighbour_preservation(X, embedded, n_neighbors, metric).kept.mean())


def _nearest(X, rows, k, metric):
    """Return the k nearest of some rows, and the rank of all by their distance, 1 for the nearest, n for the row."""
    distances = np.asarray(pairwise_distances(X[rows], X, metric=metric), dtype=np.float64)
    own = np.arange(len(distances))
    distances[own, rows.start + own] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, len(X) + 1)[None], axis=1)
    return order[:, :k], ranks


def _checked(X, embedded, n_neighbors):
    X = check_array(X, dtype=[np.float64, np.float32], input_name="X")
    embedded = check_array(embedded, dtype=[np.float64, np.float32], input_name="embedded")
    if len(X) != len(embedded):
        raise ValueError(
            f"A projection has one point for each row. Got {len(embedded)} points ('embedded') for {len(X)} rows (X)."
        )
    most = (len(X) - 1) // 2
    if not is_whole(n_neighbors, 1) or n_neighbors > most:
        way_out = f"a whole number from 1 to {most}, less than half of" if most else "less than half of"
        raise ValueError(
            f"The 'n_neighbors' parameter of a neighbour preservation must be {way_out} the {len(X)} rows. Got "
            f"{n_neighbors!r}."
        )
    return X, embedded
