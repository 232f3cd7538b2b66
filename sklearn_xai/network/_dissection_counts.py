"""How often units are active where a concept is: counts of pixels, tokens or rows, batch by batch."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

_AT_ONCE = 2**20  # numbers that are up-sampled together
_BYTE = 256


class ConceptBatch:
    """Where the concepts are in the rows of a batch.

    Parameters
    ----------
    masks : bool ndarray of shape (n_rows, n_concepts, ...)
        With axes for the places of a row, or for the row as a whole without.
    """

    def __init__(self, masks):
        self.masks = masks
        self.placed = masks.ndim > 2

    @cached_property
    def labels(self):
        """Whether a concept is anywhere in a row, shape (n_rows, n_concepts)."""
        return self.masks.any(axis=tuple(range(2, self.masks.ndim))) if self.placed else self.masks

    @cached_property
    def packed(self):
        """The concepts of each place, eight to a byte, shape (n_rows, n_bytes, n_places)."""
        return np.packbits(self.masks.reshape(*self.masks.shape[:2], -1), axis=1)

    @cached_property
    def areas(self):
        """At how many places each concept is, shape (n_concepts,)."""
        return self.masks.sum(axis=(0, *range(2, self.masks.ndim)))


class ConceptCounts:
    r"""How large are intersection and union of the regions of units and of concepts, over a whole set?

    The region of a unit is where its activation, brought to the size of the masks by linear interpolation, exceeds its
    threshold. Interpolated values are no larger than those between which they lie: only lines of pixels beside an
    activation above the threshold are interpolated, some 15% of them where 0.5% of activations are. The concepts of a
    place are looked up for the places of these regions alone, eight concepts at a time.

    Parameters
    ----------
    thresholds : ndarray of shape (n_units,)
    places : tuple of int
        Shape of the places of a unit; () for units that are one number a row.
    size : tuple of int
        Shape of the places that are counted, as many axes.
    n_concepts : int

    Attributes
    ----------
    active : ndarray of shape (n_units,)
        Size of the regions of the units.
    present : ndarray of shape (n_concepts,)
        Size of the regions of the concepts.
    n_counted : int
        Number of places, or rows, that were counted.
    """

    def __init__(self, thresholds: np.ndarray, places: tuple, size: tuple, n_concepts: int):
        if len(places) > 2:  # volumes, whose concepts are labels
            places = size = (math.prod(places),)
        self.thresholds, self.places, self.size = thresholds, places, size
        self.active = np.zeros(len(thresholds), dtype=np.int64)
        self.present = np.zeros(n_concepts, dtype=np.int64)
        self.n_counted = 0
        self._both = np.zeros((len(thresholds), n_concepts))
        self._codes = np.zeros((math.ceil(n_concepts / 8), len(thresholds) * _BYTE), dtype=np.int64)
        if places:
            # a sequence is an image of one line
            self._lines = (1, *places)[-2], (1, *size)[-2]
            self._low, self._high, self._share = _between(*self._lines)
            self._across = _interpolation(places[-1], size[-1]).astype(thresholds.dtype)
            self._share = self._share.astype(thresholds.dtype)[:, np.newaxis]

    def add(self, maps: np.ndarray, batch: ConceptBatch) -> None:
        """Count the rows of a batch.

        Parameters
        ----------
        maps : ndarray of shape (n_rows, n_units, ...)
            Activations, of the type of the thresholds.
        batch : ConceptBatch
        """
        self.n_counted += len(maps) * math.prod(self.size)
        if not self.places:
            self._add_rows(maps, batch.labels)
        elif batch.placed:
            self.present += batch.areas
            for image, unit, place in self.regions(maps):
                self.active += np.bincount(unit, minlength=len(self.active))
                for codes, packed in zip(self._codes, batch.packed.swapaxes(0, 1), strict=True):
                    codes += np.bincount(unit * _BYTE + packed[image, place], minlength=len(codes))
        else:
            self._add_whole(maps, batch.labels)

    def _add_rows(self, values, labels):
        on = (values > self.thresholds).astype(np.float64)
        self._add_products(on, labels)
        self.present += labels.sum(axis=0)

    def _add_whole(self, maps, labels):
        """Count images of which the concepts are all over."""
        sizes = np.zeros(len(maps) * len(self.active))
        for image, unit, _ in self.regions(maps):
            sizes += np.bincount(image * len(self.active) + unit, minlength=len(sizes))
        self._add_products(sizes.reshape(len(maps), -1), labels)
        self.present += labels.sum(axis=0) * math.prod(self.size)

    def _add_products(self, sizes, labels):
        self.active += sizes.sum(axis=0).astype(np.int64)
        self._both += sizes.T @ labels.astype(np.float64)  # whole numbers, exact to 2**53

    def regions(self, maps):
        """Yield (rows, units, places) of pixels above the thresholds, some of them at a time.

        Parameters
        ----------
        maps : ndarray of shape (n_rows, n_units, ...)
        """
        (n_lines, new_lines), (width, new_width) = self._lines, (self.places[-1], self.size[-1])
        n_units = len(self.thresholds)
        maps = maps.reshape(len(maps), n_units, -1)
        lines = maps.reshape(-1, width)
        near = np.zeros(len(lines), dtype=bool)
        near[np.flatnonzero(maps > self.thresholds[:, np.newaxis]) // width] = True
        near = near.reshape(-1, n_lines)
        wanted = np.flatnonzero(near[:, self._low] | near[:, self._high])
        step = max(1, _AT_ONCE // new_width)
        for start in range(0, len(wanted), step):
            which, line = np.divmod(wanted[start : start + step], new_lines)
            image, unit = np.divmod(which, n_units)
            # Of what is left above the threshold the sign is exact where activations are equal to it.
            low = lines[which * n_lines + self._low[line]] - self.thresholds[unit, np.newaxis]
            high = lines[which * n_lines + self._high[line]] - self.thresholds[unit, np.newaxis]
            values = low + self._share[line] * (high - low)
            values = values if width == new_width else values @ self._across.T
            at, column = np.divmod(np.flatnonzero(values > 0), new_width)
            yield image[at], unit[at], line[at] * new_width + column

    @property
    def intersections(self) -> np.ndarray:
        """Size of the intersections, shape (n_units, n_concepts)."""
        bits = np.unpackbits(np.arange(_BYTE, dtype=np.uint8)[:, np.newaxis], axis=1).astype(np.int64)
        by_code = self._codes.reshape(len(self._codes), -1, _BYTE) @ bits
        return np.concatenate(list(by_code), axis=1)[:, : len(self.present)] + self._both

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union, shape (n_units, n_concepts); 0 where there is neither."""
        both = self.intersections
        return _ratio(both, self.active[:, np.newaxis] + self.present - both)

    @property
    def chance(self) -> np.ndarray:
        """Intersection over union of regions of these sizes that lie at random, shape (n_units, n_concepts)."""
        both = self.active[:, np.newaxis] / max(self.n_counted, 1) * self.present
        return _ratio(both, self.active[:, np.newaxis] + self.present - both)


def _ratio(part: Any, whole: Any) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)


def _between(n_before, n_after):
    """Return between which two of n_before pixels each of n_after lies, and how far on the way.

    Pixels are squares, and the two rows of them are of the same length (``align_corners=False``); beyond the centre of
    the outermost its value goes on.
    """
    at = np.maximum((np.arange(n_after) + 0.5) * n_before / n_after - 0.5, 0)
    low = at.astype(np.int64)
    share = at - low
    return low, np.where(share > 0, np.minimum(low + 1, n_before - 1), low), share


def _interpolation(n_before, n_after):
    """Return the matrix (n_after, n_before) of linear interpolation."""
    low, high, share = _between(n_before, n_after)
    return np.eye(n_before)[low] * (1 - share)[:, np.newaxis] + np.eye(n_before)[high] * share[:, np.newaxis]
