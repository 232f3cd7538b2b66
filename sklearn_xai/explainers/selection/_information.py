"""Mutual information of columns of any kind, alone and in groups, with one variable and with its shuffles.

The estimates are those behind scikit-learn's ``mutual_info_regression`` and ``mutual_info_classif``, written for
thousands of shuffles, and for several columns at once.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma
from sklearn.preprocessing import scale

_MOST_VALUES = 20  # a number that takes more values than this, or than the square root of the rows, is continuous
_NOISE = 1e-10  # tells ties apart, as in scikit-learn


def takes_few_values(values):
    """Whether numbers (some of which may be missing) are values of a discrete variable."""
    return len(np.unique(values[np.isfinite(values)])) <= max(2, min(_MOST_VALUES, int(np.sqrt(len(values)))))


def separate(values, rng):
    """Return numbers (n_rows,) of unit standard deviation without ties, as scikit-learn's estimators draw them."""
    scaled = scale(values, with_mean=False)
    return scaled + _NOISE * max(1.0, np.nanmean(np.abs(scaled))) * rng.standard_normal(len(scaled))


# ---------------------------------------------------------------------- one player
class Player:
    """The columns of a player as one discrete variable and, within each of its values, a block of numbers.

    Missing values and infinities are values of their own: ``I(D, C; Y) = I(D; Y) + sum_d p(d) I(C; Y | D = d)`` with
    D the discrete columns and which numbers are there, and C the numbers that are.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, n_columns)
        Codes of discrete columns, numbers of others; NaN where a value is missing.
    discrete : bool ndarray of shape (n_columns,)
    n_neighbors : int
        Numbers are not looked at within values of D that no more rows have.
    rng : RandomState
    """

    def __init__(self, columns, discrete, n_neighbors, rng):
        numbers = columns[:, ~discrete]
        there = np.isfinite(numbers)
        kinds = np.select([there, np.isnan(numbers), numbers > 0], [0, 1, 2], 3)
        codes = [np.unique(column, return_inverse=True)[1].ravel() for column in columns[:, discrete].T]
        self.code = np.unique(np.column_stack([*codes, kinds]), axis=0, return_inverse=True)[1].ravel()
        self.numbers = numbers
        self.blocks = []
        if not numbers.shape[1]:
            return
        separated = np.column_stack([separate(column, rng) for column in np.where(there, numbers, np.nan).T])
        for value in range(self.code.max() + 1):
            rows = np.flatnonzero(self.code == value)
            present = there[rows[0]]
            if present.any() and len(rows) > n_neighbors:
                self.blocks.append((rows, separated[np.ix_(rows, present)]))

    @property
    def constant(self):
        """Whether all rows are alike."""
        return not self.blocks and not self.code.any()

    def plain(self, y, discrete):
        """Return the single column that the player is to scikit-learn, and whether it is discrete; else None.

        Constant variables, and codes that no two rows share beside numbers, are none of scikit-learn's.
        """
        if self.constant or y.min() == y.max():
            return None
        if not self.blocks:
            return (self.code, True) if discrete or np.bincount(self.code).max() > 1 else None
        if self.numbers.shape[1] > 1 or self.code.any() or (discrete and np.bincount(y).max() == 1):
            return None
        return self.numbers[:, 0], False

    def information(self, y, discrete, n_neighbors):
        """Return the mutual information with a variable, in nats.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Codes from 0, or separated numbers.
        discrete : bool
        n_neighbors : int

        Returns
        -------
        float, at least 0
        """
        if self.constant or y.min() == y.max():
            return 0.0
        total = table_information(self.code, y) if discrete else labels_information(y[:, None], self.code, n_neighbors)
        for rows, numbers in self.blocks:
            within = labels_information if discrete else numbers_information
            total += len(rows) / len(y) * within(numbers, y[rows], n_neighbors)
        return max(0.0, total)


# ---------------------------------------------------------------------- estimates
def table_information(first, second):
    """Return the mutual information of two variables of codes from 0: that of their table of counts."""
    width = int(second.max()) + 1
    counts = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width).reshape(-1, width)
    share = counts / len(first)
    rows, columns = np.nonzero(counts)
    product = share.sum(axis=1)[rows] * share.sum(axis=0)[columns]
    joint = share[rows, columns]
    return float(joint @ (np.log(joint) - np.log(product)))


def numbers_information(x, y, n_neighbors):
    """Return the mutual information of two variables of numbers (Kraskov et al., their first estimate).

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_columns)
    y : ndarray of shape (n_rows,)
    n_neighbors : int, fewer than n_rows

    Returns
    -------
    float, which chance may put below 0
    """
    joint = np.column_stack([x, y])
    radius = cKDTree(joint).query(joint, k=[n_neighbors + 1], p=np.inf)[0][:, 0]
    near_x, near_y = _count_nearer(x, radius), _count_nearer(y[:, None], radius)
    return digamma(len(x)) + digamma(n_neighbors) - np.mean(digamma(near_x) + digamma(near_y))


def labels_information(x, labels, n_neighbors):
    """Return the mutual information of numbers (n_rows, n_columns) and codes (n_rows,) (Ross).

    Rows whose code no other row has say nothing, and are left out. Chance may put the result below 0.
    """
    sizes = np.bincount(labels)[labels]
    keep = sizes > 1
    x, labels, sizes = x[keep], labels[keep], sizes[keep]
    if not len(x):
        return 0.0
    k = np.minimum(n_neighbors, sizes - 1)
    radius = _radius_1d(x[:, 0], labels, k) if x.shape[1] == 1 else _radius(x, labels, k)
    near = _count_nearer(x, radius)
    return float(digamma(len(x)) + np.mean(digamma(k) - digamma(sizes) - digamma(near)))


def _radius_1d(x, labels, k):
    """Return the distance of each number to the k-th nearest of its label: the ends of the best window of k + 1."""
    order = np.lexsort([x, labels])
    x, labels, k = x[order], labels[order], k[order]
    first, last = np.searchsorted(labels, labels, "left"), np.searchsorted(labels, labels, "right") - 1
    at, best = np.arange(len(x)), np.full(len(x), np.inf)
    for before in range(int(k.max()) + 1):
        left, right = at - before, at - before + k
        inside = (left >= first) & (right <= last) & (before <= k)
        left, right = np.where(inside, left, at), np.where(inside, right, at)
        reach = np.maximum(x - x[left], x[right] - x)
        best = np.where(inside, np.minimum(best, reach), best)
    radius = np.empty(len(x))
    radius[order] = best
    return radius


def _radius(x, labels, k):
    radius = np.empty(len(x))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        radius[rows] = cKDTree(x[rows]).query(x[rows], k=[k[rows[0]] + 1], p=np.inf)[0][:, 0]
    return radius


def _count_nearer(x, radius):
    """Return how many rows, each itself among them, are nearer to each row than its radius (in the largest column)."""
    if x.shape[1] > 1:
        return cKDTree(x).query_ball_point(x, np.nextafter(radius, 0), p=np.inf, return_length=True)
    x = x[:, 0]
    # A sum rounds to the number at the radius itself, which is not nearer: two units in the last place keep it out.
    reach = np.maximum(radius - 2 * np.spacing(np.abs(x) + radius), 0)
    ordered = np.sort(x)
    return np.searchsorted(ordered, x + reach, "right") - np.searchsorted(ordered, x - reach, "left")
