"""Curves over the values of one column: where they are evaluated, how effects add up along them, how they are read."""

from __future__ import annotations

import numpy as np

from sklearn_xai.encoding import TableEncoder
from sklearn_xai.tables import is_frame

_CUTS = 10  # points at which the distributions of a number in two categories are compared


class ColumnCodes:
    """The columns of a table as numbers: numbers (NaN where missing), the places of categories (NaN where unknown).

    A missing category has a place of its own, after all others.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
    """

    def __init__(self, X):
        self.encoder = TableEncoder(one_hot=False).fit(X)
        self.is_category = self.encoder.is_category

    def __call__(self, X):
        """Return the codes of a table, shape (n_rows, n_columns)."""
        codes = self.encoder.codes(X)
        for j in np.flatnonzero(self.is_category):
            column = codes[:, j]
            place = np.where(np.isnan(column), self.n_places(j) - 1, column)
            codes[:, j] = np.where(place < 0, np.nan, place)
        return codes

    def n_places(self, j):
        """Return the number of values of a category, missing included."""
        return len(self.encoder.categories[j]) + 1


class Curve:
    """A function of a column's codes, for each output: linear between its points, constant beyond them.

    Parameters
    ----------
    positions : ndarray of shape (n_points,)
        Codes of the points, in increasing order; their ranks where there is an ``order``.
    values : ndarray of shape (n_points, n_outputs)
    missing : ndarray of shape (n_outputs,), optional
        The value of a missing number.
    order : ndarray of shape (n_places,), optional
        The rank of each value of a category, NaN for one that has none.
    """

    def __init__(self, positions, values, missing=None, order=None):
        self.positions = positions
        self.values = values
        self.missing = missing
        self.order = order

    def read(self, codes):
        """Return (values, known): what the curve says of each code, (n_rows, n_outputs), and whether it can.

        Parameters
        ----------
        codes : ndarray of shape (n_rows,)
        """
        if self.order is not None:
            places = np.where(np.isnan(codes), len(self.order), codes).astype(int)
            codes = np.append(self.order, np.nan)[places]
        known = ~np.isnan(codes)
        at = np.clip(np.where(known, codes, self.positions[0]), self.positions[0], self.positions[-1])
        above = np.clip(np.searchsorted(self.positions, at), 1, max(1, len(self.positions) - 1))
        below = above - 1
        above = np.minimum(above, len(self.positions) - 1)
        width = self.positions[above] - self.positions[below]
        share = np.divide(at - self.positions[below], width, out=np.zeros(len(at)), where=width > 0)[:, None]
        found = (1 - share) * self.values[below] + share * self.values[above]
        if self.missing is not None:
            found[~known] = self.missing
            known = np.ones(len(known), dtype=bool)
        return found, known

    def at_points(self):
        """Return the values at the points and, last, that of a missing number, (n_points, n_outputs)."""
        return self.values if self.missing is None else np.concatenate([self.values, self.missing[None]])

    def shift(self, amount):
        """Add a number to each output."""
        self.values = self.values + amount
        self.missing = None if self.missing is None else self.missing + amount


# ---------------------------------------------------------------------- points
def quantile_points(values, resolution):
    """Return the distinct values in increasing order or, where they are too many, quantiles, the extremes included.

    Parameters
    ----------
    values : ndarray of shape (n,)
    resolution : int
        The largest number of points.
    """
    distinct = np.unique(values)
    if len(distinct) <= resolution:
        return distinct
    at = np.rint(np.linspace(0, len(values) - 1, resolution)).astype(int)
    return np.unique(np.sort(values)[at])


def rows_with(codes, points):
    """Return the first row that has each of the points, which all occur in the codes."""
    distinct, first = np.unique(codes, return_index=True)
    return first[np.searchsorted(distinct, points)]


def grid_points(codes, is_category, resolution):
    """Return the codes at which partial dependence is evaluated: all of a category, at most so many of a number."""
    seen = codes[np.isfinite(codes)]
    return np.unique(seen) if is_category else quantile_points(seen, resolution)


def bin_edges(codes, inner, resolution):
    """Return the edges of bins of which each has some background row, from the smallest to the largest code.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Codes of all rows.
    inner : ndarray of shape (n_background,)
        Codes of the background rows, which are some of them.
    resolution : int
        The largest number of bins.
    """
    seen, inner = codes[np.isfinite(codes)], inner[np.isfinite(inner)]
    if not len(seen):
        return seen
    return np.unique(np.concatenate([[seen.min()], quantile_points(inner, resolution + 1)[1:-1], [seen.max()]]))


def ranks_of(points, n_places):
    """Return the rank of each value of a category, NaN for those that are not among the points (in order)."""
    order = np.full(n_places, np.nan)
    order[np.asarray(points, dtype=int)] = np.arange(len(points))
    return order


# ---------------------------------------------------------------------- accumulated local effects
def plan_effects(codes, own, order, resolution):
    """Return what the local effects of a column are taken from.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Codes of all rows given to ``fit``.
    own : ndarray of shape (n_background,)
        Codes of the background rows, which are some of them.
    order : ndarray of shape (n_places,) or None
        Rank of each value of a category; None for a number.
    resolution : int
        The largest number of bins of a number.

    Returns
    -------
    dict
        ``points`` of the curve and ``rows`` that have them; for each background row its code (``own``), whether it has
        a place on the curve (``inside``) and which (``at``: its point, or its bin); the rows from which it takes the
        cell that moves it down (``lower``), up (``upper``), or makes it ``missing``.
    """
    places = own if order is None else np.append(order, np.nan)[np.where(np.isnan(own), -1, own).astype(int)]
    inside = ~np.isnan(places)
    gone = np.isnan(codes).argmax()
    if order is None:
        points = bin_edges(codes, own, resolution)
        rows = rows_with(codes, points)
    else:
        points = np.unique(places[inside])
        rows = rows_with(codes, np.argsort(order)[points.astype(int)])
    has_missing = order is None and bool(np.isnan(codes).any())
    if not len(points):  # no value at all
        points, rows, has_missing = np.zeros(1), np.array([gone]), False
    last = len(points) - 1
    at = np.searchsorted(points, np.where(inside, places, points[0]))
    at = np.clip(at - 1, 0, None) if order is None else at
    lower = at if order is None else np.maximum(at - 1, 0)
    return {
        "points": points, "order": order, "own": own, "inside": inside, "at": at,
        "lower": rows[np.minimum(lower, last)], "upper": rows[np.minimum(at + 1, last)],
        "missing": np.full(len(own), gone), "rows": np.append(rows, gone) if has_missing else rows,
        "has_missing": has_missing,
    }  # fmt: skip


def effect_curve(plan, outputs, lower, upper, missing=None):
    """Return the curve of accumulated local effects, centred over the background rows that have a place on it.

    Parameters
    ----------
    plan : dict
        What ``plan_effects`` returned.
    outputs, lower, upper, missing : ndarray of shape (n_background, n_outputs)
        What the model says of the background rows as they are, and with their cells moved; ``missing`` is needed only
        where some cell is.
    """
    at, inside, n_steps = plan["at"], plan["inside"], len(plan["points"]) - 1
    up, down = inside & (at < n_steps), inside & (at > 0)
    if plan["order"] is None:
        step, effects = at[up], (upper - lower)[up]
    else:
        step = np.concatenate([at[up], at[down] - 1])
        effects = np.concatenate([(upper - outputs)[up], (outputs - lower)[down]])
    curve = Curve(plan["points"], accumulate(step, effects, n_steps), order=plan["order"])
    if inside.any():
        curve.shift(-curve.read(plan["own"])[0][inside].mean(axis=0))
    if plan["has_missing"]:
        curve.missing = (missing - outputs)[inside].mean(axis=0) if inside.any() else np.zeros(outputs.shape[1])
    return curve


def accumulate(step, effects, n_steps):
    """Return the sums of the mean local effects from the first point to each, (n_steps + 1, n_outputs).

    Parameters
    ----------
    step : int ndarray of shape (n_effects,)
        The step of each local effect: k is from point k to point k + 1. A step without any is flat.
    effects : ndarray of shape (n_effects, n_outputs)
    n_steps : int
    """
    totals = np.zeros((n_steps, effects.shape[1]))
    np.add.at(totals, step, effects)
    counts = np.bincount(step, minlength=n_steps)[:, None]
    means = totals / np.maximum(counts, 1)
    return np.concatenate([np.zeros((1, effects.shape[1])), np.cumsum(means, axis=0)])


def similarity_order(codes, j, n_places, is_category):
    """Return the rank of each value of a category such that values with similar rows are neighbours.

    The distance of two values adds up, over all other columns, how far the distributions of the column among their
    rows are apart (Kolmogorov-Smirnov for numbers, total variation for categories); classical scaling puts the values
    on a line.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
    j : int
        The column.
    n_places : int
        Number of values it may have.
    is_category : bool ndarray of shape (n_columns,)

    Returns
    -------
    ndarray of shape (n_places,); NaN for a value that no row has
    """
    rows = ~np.isnan(codes[:, j])
    places = codes[rows, j].astype(int)
    counts = np.bincount(places, minlength=n_places)
    seen = np.flatnonzero(counts)
    distance = np.zeros((len(seen), len(seen)))
    for other in np.flatnonzero(np.arange(codes.shape[1]) != j):
        marks = _marks(codes[rows, other], is_category[other])
        shares = np.stack([np.bincount(places, weights=mark, minlength=n_places)[seen] for mark in marks], axis=1)
        apart = np.abs((shares / counts[seen, None])[:, None] - (shares / counts[seen, None])[None])
        distance += apart.sum(axis=2) / 2 if is_category[other] else apart.max(axis=2)
    order = np.full(n_places, np.nan)
    order[seen[np.argsort(_on_a_line(distance), kind="stable")]] = np.arange(len(seen))
    return order


def _marks(codes, is_category):
    """Return 0/1 marks of rows whose shares describe a distribution: below each cut, or with each value."""
    if is_category:
        return [(codes == value).astype(float) for value in np.unique(codes[~np.isnan(codes)])] or [codes * 0]
    finite = codes[np.isfinite(codes)]
    cuts = np.quantile(finite, np.linspace(0, 1, _CUTS + 1)[:-1]) if len(finite) else [0.0]
    return [(codes <= cut).astype(float) for cut in cuts]


def _on_a_line(distance):
    """Return the first coordinate of classical scaling; its sign lets the first value come before the last."""
    centring = np.eye(len(distance)) - 1 / max(1, len(distance))
    weights, axes = np.linalg.eigh(-0.5 * centring @ np.square(distance) @ centring)
    if not len(weights) or weights[-1] <= 1e-12:
        return np.zeros(len(distance))
    line = axes[:, -1]
    return np.round(line if line[0] <= line[-1] else -line, 12)


def keeps_its_order(X, j):
    """Whether a column is a pandas categorical that says itself in which order its values are."""
    return bool(is_frame(X) and getattr(X.dtypes.iloc[j], "ordered", False))
