"""Quantiles of many streams of numbers at once, in memory that does not grow with their length."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import torch

from sklearn_xai._checks import check_whole

# Numbers looked at together: they and what is computed of them stay in the cache.
_AT_ONCE = 2**18


class QuantileSketch:
    r"""Which value has a share q of a stream's values below it, when there are too many of them to keep?

    The quantile of n values is the :math:`r`-th smallest, :math:`r = \max(1, \lceil q n \rceil)`, as ``inverted_cdf``
    of :func:`numpy.quantile` has it. A sketch holds one quantile of many streams, such as the activations of the units
    of a layer. Where the number of values is announced, that quantile is one of the

    .. math:: K = \min(n - r + 1,\; r)

    largest (or smallest) values, and a value below K others is counted and forgotten. Most are, for the price of a
    comparison, when q is near 0 or 1. While K does not exceed `capacity` these K values are kept and the quantile is
    exact. Otherwise they are kept in sorted blocks of :math:`b` = ``capacity // 8`` values; two blocks whose values
    stand for :math:`2^h` each become one whose values stand for :math:`2^{h+1}`: every second value, in turn those at
    even and at odd places, so that errors of two such steps are of opposite sign. The rank of what is returned is off
    by no more than

    .. math:: \frac{\log_2 (n / b) + 3}{3 b}

    of n: with the default capacity 0.00054 of ten million values and 0.00095 of ``10**10``. Nothing is drawn at random.

    Parameters
    ----------
    n_streams : int
        Number of streams.
    q : float in [0, 1]
        The quantile wanted.
    n_values : int or None, default=None
        The number of values of a stream to come in all, or a larger one. Without it nothing can be forgotten early,
        which takes some twenty times as long, and any quantile can be asked for.
    capacity : int, default=65536
        The largest K that is kept as it is; at least 64. A sketch takes at most twice as many numbers for each stream;
        in blocks an eighth for each time that the number of values doubles.
    dtype : {float32, float64}, default=float32
        Type of the kept values. Values are rounded to it.

    Attributes
    ----------
    n_values_ : int
        The number of values of each stream so far.
    rank_error_ : float
        By how much the rank of a returned value may be off, as a share of `n_values_`: 0 where it is exact.

    References
    ----------
    J. I. Munro, M. S. Paterson (1980): Selection and sorting with limited storage.
    G. S. Manku, S. Rajagopalan, B. G. Lindsay (1998): Approximate medians and other quantiles in one pass and with
    limited memory.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.network._quantile_sketch import QuantileSketch
    >>> activations = np.random.default_rng(0).normal(size=(100, 2, 8, 8))  # images, units, height, width
    >>> sketch = QuantileSketch(2, 0.995, n_values=6400)
    >>> for batch in np.split(activations, 10):
    ...     sketch = sketch.update(batch, axis=1)
    >>> sketch.quantile().round(2), sketch.rank_error_
    (array([2.54, 2.46], dtype=float32), 0.0)
    """

    def __init__(
        self, n_streams: int, q: float, *, n_values: int | None = None, capacity: int = 2**16, dtype: Any = np.float32
    ):
        check_whole(n_streams, "n_streams", "QuantileSketch")
        _check("q", q, _is_share(q), "a number from 0 to 1")
        if n_values is not None:
            check_whole(n_values, "n_values", "QuantileSketch", none="None")
        check_whole(capacity, "capacity", "QuantileSketch", least=64)
        _check("dtype", dtype, dtype in (np.float32, np.float64, "float32", "float64"), "float32 or float64")
        self.n_streams, self.q, self.n_values, self.capacity = int(n_streams), float(q), n_values, int(capacity)
        self.dtype = np.dtype(dtype)
        self.n_values_ = 0
        # what is kept are the largest values; the smallest are the largest of the negatives
        self._sign = 1 if q >= 0.5 or n_values is None else -1
        self._tail = math.inf if n_values is None else self._rank_from_the_top(self.q, n_values)
        self._exact = self._tail <= capacity
        room = max(2 * self._tail, self._tail + 4096) if self._exact else capacity // 8
        self._widest = room - self._tail if self._exact else max(room // 4, 1)
        # places not in use hold -inf, which is above nothing
        self._buffer = np.full((self.n_streams, int(room)), -np.inf, dtype=self.dtype)
        self._used = np.zeros(self.n_streams, dtype=np.int64)
        self._bounds = np.full((self.n_streams, 1), -np.inf, dtype=self.dtype)
        self._least = np.full(self.n_streams, np.inf, dtype=self.dtype)
        self._blocks: list[np.ndarray | None] = []
        self._halved: list[list[int]] = []  # how often even and odd places were kept, by level

    def update(self, values: Any, axis: int = 0) -> QuantileSketch:
        """Take in the next values.

        Parameters
        ----------
        values : array or tensor, of shape (n_streams, n_values) or with any number of axes
            The values of a stream are those along all axes but one. The activations of units, of shape (n_samples,
            n_units, height, width), come as they are, with ``axis=1``. Tensors may be on any device.
        axis : int, default=0
            The axis of the streams.

        Returns
        -------
        self : QuantileSketch

        Raises
        ------
        ValueError
            If the axis has another length than there are streams, a value is NaN, or more values come than announced.
        """
        values = _as_array(values)
        axis = axis + values.ndim if axis < 0 else axis
        if not 0 <= axis < values.ndim or values.shape[axis] != self.n_streams:
            raise ValueError(
                f"Values for QuantileSketch must have {self.n_streams} streams along axis {axis}. "
                f"Got shape {tuple(values.shape)}."
            )
        before, after = math.prod(values.shape[:axis]), math.prod(values.shape[axis + 1 :])
        self._check_number(before * after)
        self._take(values.reshape(before, self.n_streams, after))
        self.n_values_ += before * after
        return self

    def merge(self, other: QuantileSketch) -> QuantileSketch:
        """Take in all that another sketch has seen, as if it had come here.

        Parameters
        ----------
        other : QuantileSketch
            A sketch made with the same parameters. It is not changed. `n_values` has to cover the values of both.

        Returns
        -------
        self : QuantileSketch

        Raises
        ------
        ValueError
            If the other sketch was made otherwise, or both have seen more values than announced.
        """
        for name in ("n_streams", "q", "n_values", "capacity", "dtype"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(
                    f"Only sketches made with the same parameters can be merged by QuantileSketch. Got {name} "
                    f"{getattr(self, name)!r} and {getattr(other, name)!r}."
                )
        self._check_number(other.n_values_)
        held, blocks, halved = other._buffer.copy(), list(other._blocks), [list(times) for times in other._halved]
        self._bounds = np.maximum(self._bounds, other._bounds)
        self._least = np.minimum(self._least, other._least)
        self.n_values_ += other.n_values_
        for level, (block, times) in enumerate(zip(blocks, halved, strict=True)):
            self._put(level, block)
            self._halved[level] = [mine + its for mine, its in zip(self._halved[level], times, strict=True)]
        self._take(held[np.newaxis] * self._sign)
        return self

    def quantile(self, q: float | None = None) -> np.ndarray:
        """Return the quantile of each stream, of shape (n_streams,).

        Parameters
        ----------
        q : float in [0, 1] or None, default=None
            Another quantile than that of the sketch. Where `n_values` was given it must lie further out.

        Raises
        ------
        ValueError
            If there were no values yet, or nothing is known of this quantile.
        """
        q = self.q if q is None else q
        _check("q", q, _is_share(q), "a number from 0 to 1")
        if self.n_values_ == 0:
            raise ValueError("QuantileSketch has seen no values. Call update first.")
        rank = self._rank_from_the_top(q, self.n_values_)
        if rank > self._tail:
            side = "at least" if self._sign > 0 else "at most"
            raise ValueError(
                f"A QuantileSketch of q={self.q} with n_values={self.n_values} keeps what lies further out. "
                f"Got q={q}; ask for one of {side} {self.q}, or leave n_values out."
            )
        if self._exact:
            place = self._buffer.shape[1] - rank
            found = np.partition(self._buffer, place, axis=1)[:, place]
        else:
            found = np.maximum(self._weighted(rank), self._least)
        # of what is not above the bounds some was forgotten, but no value sought is below them
        return self._sign * np.maximum(found, self._bounds[:, 0])

    @property
    def rank_error_(self) -> float:
        return self._error() / max(self.n_values_, 1)

    def _rank_from_the_top(self, q, n):
        """Return which of n values the quantile is, counted from the largest, or of the negatives."""
        from_below = max(1, math.ceil(q * n))
        return n - from_below + 1 if self._sign > 0 else from_below

    def _check_number(self, n_more):
        if self.n_values is not None and self.n_values_ + n_more > self.n_values:
            raise ValueError(
                f"The 'n_values' parameter of QuantileSketch, {self.n_values}, must cover all values of a stream. "
                f"Got {self.n_values_ + n_more} values; announce as many."
            )

    def _take(self, values):
        """Keep those of values (n_before, n_streams, n_after) that are above K others, as far as is known yet."""
        before, _, after = values.shape
        wide = max(1, min(self._widest, _AT_ONCE // self.n_streams))
        n_rows = max(1, wide // max(after, 1))
        for first in range(0, before, n_rows):
            for start in range(0, after, wide):
                part = values[first : first + n_rows, :, start : start + wide]
                self._take_some(part if self._sign > 0 else -part)

    def _take_some(self, part):
        if isinstance(part, np.ndarray):
            part = part.astype(self.dtype, copy=False)
        found = self._found(part)
        if (self._used + found[1]).max(initial=0) > self._buffer.shape[1]:
            self._make_room()
            found = self._found(part)
        if not self._exact:  # there, counts may be off so far as to ask for more values than were seen
            self._least = np.minimum(self._least, _least(part))
        at, counts, values = found
        self._buffer.reshape(-1)[at] = values
        self._used += counts

    def _found(self, part):
        """Return what is above the bounds: places in the buffer, how many of each stream, the values."""
        places, values = _above(part, self._bounds)
        segments = places // part.shape[2]  # one for each leading index and stream
        if np.isnan(values).any():
            stream = int(segments[np.isnan(values)][0]) % self.n_streams
            raise ValueError(f"Values for QuantileSketch must be numbers. Got NaN in stream {stream}.")
        counts = np.bincount(segments, minlength=part.shape[0] * self.n_streams).reshape(-1, self.n_streams)
        total = counts.sum(axis=0)
        # a segment's values follow those of the same stream's segments before it
        first = self._used + counts.cumsum(axis=0) - counts + np.arange(self.n_streams) * self._buffer.shape[1]
        shift = first.reshape(-1) - (counts.cumsum() - counts.reshape(-1))
        return np.arange(len(places)) + shift[segments], total, values.astype(self.dtype, copy=False)

    def _make_room(self):
        if not self._exact:
            self._buffer.sort(axis=1)
            self._put(0, self._buffer.copy())
            self._buffer.fill(-np.inf)
            self._used[:] = 0
            return
        keep, size = self._tail, self._buffer.shape[1]
        self._buffer.partition(size - keep, axis=1)
        self._bounds = np.maximum(self._bounds, self._buffer[:, size - keep, np.newaxis])
        self._buffer[:, :keep] = self._buffer[:, size - keep :]
        self._buffer[:, keep:] = -np.inf
        self._used[:] = keep

    def _put(self, level, block):
        """Add a sorted block whose values stand for ``2**level`` each."""
        while len(self._blocks) <= level:
            self._blocks.append(None)
            self._halved.append([0, 0])
        if block is None:
            return
        other, self._blocks[level] = self._blocks[level], None
        if other is None:
            self._blocks[level] = block
            return self._raise_bounds(level)
        both = np.sort(np.concatenate([other, block], axis=1), axis=1, kind="stable")  # quick on two sorted halves
        even_before, odd_before = self._halved[level]
        odd = int(odd_before < even_before)
        self._halved[level][odd] += 1
        return self._put(level + 1, both[:, odd::2].copy())

    def _raise_bounds(self, level):
        """Raise the bounds to a value of a block that is surely below K others."""
        if math.isinf(self._tail):
            return
        from_the_top = -((self._tail + self._error()) // -(2**level))
        block = self._blocks[level]
        if from_the_top <= block.shape[1]:
            self._bounds = np.maximum(self._bounds, block[:, -from_the_top, np.newaxis])

    def _error(self):
        """Return by how many ranks at most the sum of all halvings is off."""
        # keeping even places counts up to one value too few, keeping odd ones up to one too many
        return max(sum(times[odd] * 2**level for level, times in enumerate(self._halved)) for odd in (0, 1))

    def _weighted(self, rank):
        """Return the values that a given number of values, counted with what they stand for, are not below."""
        kept = [(block, 2**level) for level, block in enumerate(self._blocks) if block is not None]
        values = np.concatenate([self._buffer] + [block for block, _ in kept], axis=1)
        weights = np.concatenate([np.full(block.shape[1], weight) for block, weight in [(self._buffer, 1)] + kept])
        found = np.empty(self.n_streams, dtype=self.dtype)
        for stream, row in enumerate(values):
            order = np.argsort(row)[::-1]
            at = np.searchsorted(np.cumsum(weights[order]), rank)
            found[stream] = row[order[min(at, len(row) - 1)]]
        return found


def _above(part, bounds):
    """Return the places in the flat array (n_before, n_streams, n_after) of values above the bounds, and these values.

    NaN is above any bound, so that it is noticed at no cost.
    """
    if isinstance(part, torch.Tensor):
        passed = ~(part <= torch.as_tensor(bounds, device=part.device))
        return passed.flatten().nonzero()[:, 0].cpu().numpy(), part[passed].cpu().numpy()
    passed = part <= bounds
    np.logical_not(passed, out=passed)
    places = np.flatnonzero(passed)
    return places, part.reshape(-1)[places]


def _least(part):
    if isinstance(part, torch.Tensor):
        return part.amin(dim=(0, 2)).cpu().numpy()
    return part.min(axis=(0, 2))


def _as_array(values):
    """Return values as an array, or as a tensor where they are on another device."""
    if not isinstance(values, torch.Tensor):
        return np.asarray(values)
    values = values.detach()
    values = values if values.dtype in (torch.float32, torch.float64) else values.to(torch.float32)
    return values.numpy() if values.device.type == "cpu" else values


def _is_share(value):
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= value <= 1


def _check(name, value, fits, what):
    if not fits:
        raise ValueError(f"The {name!r} parameter of QuantileSketch must be {what}. Got {value!r}.")
