"""Which units tell rows apart, and in which order rows and units are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_xai.display._attribution_plots import similarity_order

MOST_CLASSES = 20  # whole numbers with more values are amounts


def is_classes(y: np.ndarray, classifier: bool) -> bool:
    """Whether targets are classes: of a classifier, in words, or few whole numbers."""
    return classifier or y.dtype.kind not in "fiu" or (y.dtype.kind in "iu" and len(np.unique(y)) <= MOST_CLASSES)


def shares_between(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    r"""Return the share of each unit's variance that lies between classes.

    .. math:: \eta^2 = \sum_c n_c (\bar a_c - \bar a)^2 / \sum_i (a_i - \bar a)^2,

    0 for units that are constant.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.display._activation_order import shares_between
    >>> shares_between(np.array([[0.0, 1, 5], [0, 2, 5], [3, 1, 5], [3, 2, 5]]), np.array([0, 0, 1, 1])).tolist()
    [1.0, 0.0, 0.0]
    """
    values = values.astype(np.float64)
    counts = np.bincount(codes)
    means = class_means(values, codes)
    between = (counts[:, None] * (means - values.mean(axis=0)) ** 2).sum(axis=0)
    return _ratio(between, ((values - values.mean(axis=0)) ** 2).sum(axis=0))


def class_means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the mean activations of each class, (n_classes, n_units)."""
    return np.stack([values[codes == code].mean(axis=0, dtype=np.float64) for code in range(codes.max() + 1)])


def correlations(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the correlation of each unit with a number of each row, 0 where one of both is constant."""
    a, b = values - values.mean(axis=0, dtype=np.float64), numbers - numbers.mean(dtype=np.float64)
    return _ratio((a * b[:, None]).sum(axis=0), np.sqrt((a**2).sum(axis=0) * (b**2).sum()))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    # Below that, what differs is the rounding of a constant.
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 1e-20)


def scaled(values: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what is taken off each unit and what it is divided by, so that units can share one scale of colours."""
    values = values.astype(np.float64)
    offset = np.zeros(values.shape[1]) if scaling == "max" else values.mean(axis=0)
    width = np.abs(values).max(axis=0) if scaling == "max" else values.std(axis=0)
    return offset, np.where(width > 0, width, 1.0)


def chosen_units(strength: np.ndarray, n_most: int) -> np.ndarray:
    """Return the units of the largest strength, in their own order; of equal ones the first."""
    return np.sort(np.argsort(-np.abs(strength), kind="stable")[:n_most])


@dataclass(frozen=True)
class Order:
    """Which units are drawn, in which order, and what rows are put in order by.

    Parameters
    ----------
    units : ndarray of int of shape (n_shown,)
    why : str
        Why these.
    offsets, widths : ndarray of shape (n_units,)
        What is taken off the activations of each unit, and what they are divided by.
    labels : ndarray of shape (n_rows,), or None
        Classes, or numbers of float.
    codes : ndarray of int of shape (n_rows,), or None
        Classes as numbers from 0.
    """

    units: np.ndarray
    why: str
    offsets: np.ndarray
    widths: np.ndarray
    labels: np.ndarray | None
    codes: np.ndarray | None

    def rows(self, activations: np.ndarray, units: np.ndarray, n_most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that are drawn, in their order, and the activations of units there on one scale.

        Parameters
        ----------
        activations : ndarray of shape (n_rows, n_units)
        units : ndarray of int of shape (n_shown,)
        n_most : int
            Of more rows a sample is drawn, always the same.
        """
        n_rows = len(activations)
        drawn = np.arange(n_rows)
        if n_rows > n_most:
            drawn = np.sort(np.random.RandomState(0).choice(n_rows, n_most, replace=False))
        shown = (activations[np.ix_(drawn, units)] - self.offsets[units]) / self.widths[units]
        numbers = self.labels[drawn] if self.labels is not None and self.codes is None else None
        order = order_of_rows(shown, None if self.codes is None else self.codes[drawn], numbers)
        return drawn[order], shown[order]


def order_of(
    activations: np.ndarray, labels: np.ndarray | None, *, classifier: bool, scaling: str, n_most: int
) -> Order:
    """Return which units tell rows apart, and the order of units and rows.

    Parameters
    ----------
    activations : ndarray of shape (n_rows, n_units)
    labels : ndarray of shape (n_rows,), or None
    classifier : bool
        Whether labels are classes, whatever they look like.
    scaling : {"max", "standard"}
    n_most : int
        The largest number of units.
    """
    offsets, widths = scaled(activations, scaling)
    shown = (activations - offsets) / widths
    codes = numbers = None
    if labels is not None and is_classes(labels, classifier):
        codes = np.unique(labels, return_inverse=True)[1].reshape(-1)
        strength, why = shares_between(shown, codes), "those that tell classes apart best"
    elif labels is not None:
        labels = numbers = labels.astype(np.float64)
        strength, why = correlations(shown, numbers), "those that go with y most"
    else:
        strength, why = (activations / scaled(activations, "max")[1]).var(axis=0), "those that differ most between rows"
    units = chosen_units(strength, n_most)
    units = units[order_of_units(shown[:, units], codes, numbers)]
    return Order(units, why, offsets, widths, labels, codes)


def order_of_units(unit_scaled: np.ndarray, codes: np.ndarray | None, numbers: np.ndarray | None) -> np.ndarray:
    """Return the order of units: by the class where they are highest, by their correlation, or similar ones together.

    Parameters
    ----------
    unit_scaled : ndarray of shape (n_rows, n_units)
        Activations on one scale.
    codes : ndarray of shape (n_rows,), or None
        Classes as numbers from 0.
    numbers : ndarray of shape (n_rows,), or None
    """
    if codes is not None:
        highest = class_means(unit_scaled, codes).argmax(axis=0)
        tells = shares_between(unit_scaled, codes)
        constant = np.ptp(unit_scaled, axis=0) == 0
        return np.lexsort((-tells, np.where(constant, codes.max() + 1, highest)))
    if numbers is not None:
        return np.argsort(-correlations(unit_scaled, numbers), kind="stable")
    return similarity_order(unit_scaled.T, -unit_scaled.mean(axis=0))


def order_of_rows(unit_scaled: np.ndarray, codes: np.ndarray | None, numbers: np.ndarray | None) -> np.ndarray:
    """Return the order of rows: class by class and within these similar ones together, or from small to large."""
    if numbers is not None:
        return np.argsort(numbers, kind="stable")
    codes = np.zeros(len(unit_scaled), dtype=int) if codes is None else codes
    blocks = []
    for code in np.unique(codes):
        inside = np.flatnonzero(codes == code)
        blocks.append(inside[similarity_order(unit_scaled[inside], -unit_scaled[inside].mean(axis=1))])
    return np.concatenate(blocks)
