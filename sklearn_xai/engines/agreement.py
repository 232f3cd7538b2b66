"""How far two sets of numbers agree, row by row: attributions with a model's answers, attributions with each other.

Every function here takes arrays of shape (n_rows, ...), flattens what follows the first axis, computes in float64
without a loop over rows, and gives one finite number a row. What has no answer (a constant side of a correlation, an
all-zero explanation) is 0.0: an explanation that says nothing agrees with nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from sklearn_xai._checks import check_whole, is_whole
from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Seed

__all__ = [
    "cosine",
    "draw_subsets",
    "pair_order_agreement",
    "sign_agreement",
    "spearman",
    "subset_faithfulness",
    "top_k_agreement",
    "top_k_overlap",
    "top_shares",
]

_CHUNK_ENTRIES = 2**20  # entries whose pairs are counted at once


def _as_rows(name: str, values) -> np.ndarray:
    """Give `values` as a finite float64 array (n_rows, n_entries)."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        raise ValueError(f"'{name}' must have one row per sample. Got a scalar; wrap a single row as [[...]].")
    array = array.reshape(array.shape[0], -1) if array.shape[0] else array.reshape(0, int(np.prod(array.shape[1:])))
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"'{name}' must be finite. Got NaN or infinity in {np.sum(~finite)} rows, first in row {row}.")
    return array


def _as_pair(a, b) -> tuple[np.ndarray, np.ndarray]:
    """Give two attribution arrays of one shape as rows."""
    if np.shape(a) != np.shape(b):
        raise ValueError(f"'a' and 'b' must have one shape. Got shapes {np.shape(a)} and {np.shape(b)}.")
    return _as_rows("a", a), _as_rows("b", b)


def unit_scale(rows: np.ndarray) -> np.ndarray:
    """Divide each row by its largest magnitude, so that no square or sum below can overflow or vanish."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    return rows / np.where(largest > 0, largest, 1.0)


def _row_correlation(a: np.ndarray, b: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Pearson correlation of each row of `a` with that row of `b`; 0.0 where `constant` or a side does not vary."""
    a = unit_scale(a - a.mean(axis=1, keepdims=True))
    b = unit_scale(b - b.mean(axis=1, keepdims=True))
    return np.where(constant, 0.0, _row_cosine(a, b))


def _row_cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of each row of `a` with that row of `b`, both scaled to largest magnitude 1; 0.0 where either is zero."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = np.einsum("ij,ij->i", a, b)
    return np.clip(products / np.where(norms > 0, norms, 1.0), -1.0, 1.0)


def _spread(rows: np.ndarray) -> np.ndarray:
    if rows.shape[1] == 0:
        return np.zeros(rows.shape[0])
    return rows.max(axis=1) - rows.min(axis=1)


def _resolution(*arrays) -> float:
    """Give the rounding step of the coarsest floating dtype among `arrays`."""
    dtypes = [np.asarray(array).dtype for array in arrays]
    steps = [np.finfo(dtype).eps for dtype in dtypes if np.issubdtype(dtype, np.floating)]
    return float(max(steps, default=np.finfo(np.float64).eps))


def draw_subsets(
    n_players: int, n_subsets: int, *, subset_size: int | None = None, random_state: Seed = 0
) -> np.ndarray:
    """Which players stay when random subsets of them are removed?

    Parameters
    ----------
    n_players : int
        Number of players.
    n_subsets : int
        Number of subsets to draw.
    subset_size : int or None, default=None
        Number of players in each subset. None draws each size from 1 to `n_players - 1`, all sizes equally likely.
    random_state : int, RandomState instance or None, default=0
        Seeds the draws; an instance is read and not advanced.

    Returns
    -------
    coalitions : ndarray of bool of shape (n_subsets, n_players)
        True where a player is kept, False where it belongs to the removed subset.

    Raises
    ------
    ValueError
        If `n_subsets` is not positive or `subset_size` is not between 1 and `n_players`.

    Examples
    --------
    >>> from sklearn_xai.engines.agreement import draw_subsets
    >>> draw_subsets(4, 3, subset_size=1).sum(axis=1)
    array([3, 3, 3])
    """
    check_whole(n_subsets, "n_subsets", "draw_subsets")
    if subset_size is not None and not (is_whole(subset_size, 1) and subset_size <= n_players):
        raise ValueError(
            f"'subset_size' must be None or from 1 to {n_players}, the number of players. Got {subset_size!r}."
        )
    rng = own_random_state(random_state)
    if subset_size is None:
        subset_size = rng.randint(1, max(n_players, 2), size=(n_subsets, 1))
    places = rng.random_sample((n_subsets, n_players)).argsort(axis=1).argsort(axis=1)
    return places >= subset_size


def subset_faithfulness(
    attributions: ArrayLike, coalitions: ArrayLike, values: ArrayLike, full: ArrayLike
) -> np.ndarray:
    """Do the attributions of a set of features add up to what the model loses without that set?

    For each row, the Pearson correlation over the coalitions between the summed attributions of the removed players
    and the drop of the explained output, `full - values`.

    Parameters
    ----------
    attributions : array-like of shape (n_rows, n_players)
        One attribution per player and row.
    coalitions : array-like of bool of shape (n_coalitions, n_players)
        True where a player is kept, False where it is removed.
    values : array-like of shape (n_rows, n_coalitions)
        The explained output of each row with only that coalition kept.
    full : array-like of shape (n_rows,)
        The explained output of each row with every player kept.

    Returns
    -------
    correlation : ndarray of shape (n_rows,)
        In [-1, 1]. 0.0 where the summed attributions or the drops do not vary beyond rounding (the inputs' own dtype
        decides what rounding is), in particular for an all-zero explanation and for a model that is constant around
        the row.

    Raises
    ------
    ValueError
        If the shapes do not belong together or a number is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.engines.agreement import subset_faithfulness
    >>> kept = np.array([[True, False, False], [False, True, False], [False, False, True]])
    >>> attributions = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    >>> full = attributions[:1].sum(axis=1).repeat(2)
    >>> values = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]])
    >>> subset_faithfulness(attributions, kept, values, full)
    array([1., 0.])
    """
    rows, answers = _as_rows("attributions", attributions), _as_rows("values", values)
    whole, kept = _as_rows("full", full), np.asarray(coalitions, dtype=bool)
    n_rows, n_players = rows.shape
    if kept.ndim != 2 or kept.shape[1] != n_players:
        raise ValueError(f"'coalitions' must have shape (n_coalitions, {n_players}). Got shape {kept.shape}.")
    if answers.shape != (n_rows, len(kept)):
        raise ValueError(f"'values' must have shape ({n_rows}, {len(kept)}). Got shape {answers.shape}.")
    if whole.shape != (n_rows, 1):
        raise ValueError(f"'full' must have shape ({n_rows},). Got shape {np.shape(full)}.")

    scaled = unit_scale(np.hstack([whole, answers]))
    drops = scaled[:, :1] - scaled[:, 1:]
    players = unit_scale(rows)
    sums = players @ (~kept).T.astype(np.float64)
    # Rounding errors correlate too, and sometimes highly: what moves no more than rounding does is constant.
    silent = _spread(drops) <= 8 * _resolution(values, full)
    flat = _spread(sums) <= 8 * _resolution(attributions) * np.abs(players).sum(axis=1)
    return _row_correlation(sums, drops, silent | flat)


def spearman(a, b) -> np.ndarray:
    """Do two explanations order the players of a row alike, from most negative to most positive?

    Parameters
    ----------
    a, b : array-like of shape (n_rows, n_players)
        Signed attributions of the same rows. To compare orders of importance, pass absolute values.

    Returns
    -------
    correlation : ndarray of shape (n_rows,)
        Spearman's rank correlation, in [-1, 1]. Ties share their mean rank. 0.0 where either side gives every player
        the same attribution, which includes an all-zero explanation and a single player.

    Examples
    --------
    >>> from sklearn_xai.engines.agreement import spearman
    >>> spearman([[1, 2, 3], [1, 2, 3], [0, 0, 0]], [[5, 6, 9], [3, 2, 1], [0, 0, 0]])
    array([ 1., -1.,  0.])
    """
    a, b = _as_pair(a, b)
    if a.size == 0:
        return np.zeros(len(a))
    return _row_correlation(rankdata(a, axis=1), rankdata(b, axis=1), np.zeros(len(a), dtype=bool))


def top_weights(rows: np.ndarray, k: int) -> np.ndarray:
    """Give each player its share of the `k` top places: 1, 0, or an equal share of the places that a tie leaves."""
    size = np.abs(rows)
    last = np.partition(size, -k, axis=1)[:, [-k]]
    above = size > last
    tied = (size == last) & (last > 0)
    places = k - above.sum(axis=1, keepdims=True)
    return above + tied * places / np.maximum(tied.sum(axis=1, keepdims=True), 1)


def top_k_overlap(a, b, k) -> np.ndarray:
    """Do two explanations name the same players as the `k` most important ones?

    Parameters
    ----------
    a, b : array-like of shape (n_rows, n_players)
        Attributions of the same rows; players are ordered by absolute value.
    k : int
        How many players count as top; all of them when there are fewer than `k`.

    Returns
    -------
    overlap : ndarray of shape (n_rows,)
        In [0, 1]: the players in both top sets, divided by the size of the larger set. A player of attribution zero is
        in no top set, so a row with fewer than `k` non-zero attributions has a smaller one, and an all-zero explanation
        overlaps with nothing (0.0), itself included. Players tied for the last places share them equally, whatever
        their column, so that a constant explanation overlaps with another only as far as chance does.

    Raises
    ------
    ValueError
        If `k` is not a positive integer.

    Examples
    --------
    >>> from sklearn_xai.engines.agreement import top_k_overlap
    >>> top_k_overlap([[9, -8, 1], [0, 0, 0]], [[-7, 1, 8], [0, 0, 0]], k=2)
    array([0.5, 0. ])
    """
    check_whole(k, "k", "top_k_overlap")
    a, b = _as_pair(a, b)
    if a.size == 0:
        return np.zeros(len(a))
    k = min(int(k), a.shape[1])
    top_a, top_b = top_weights(a, k), top_weights(b, k)
    larger = np.maximum(top_a.sum(axis=1), top_b.sum(axis=1))
    return np.minimum(top_a, top_b).sum(axis=1) / np.where(larger > 0, larger, 1.0)


def sign_agreement(a, b) -> np.ndarray:
    """Do two explanations push the players of a row in the same direction?

    Parameters
    ----------
    a, b : array-like of shape (n_rows, n_players)
        Signed attributions of the same rows.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        In [0, 1]: among the players to which at least one side gives a non-zero attribution, the share with the same
        sign on both. Zero against non-zero is a disagreement. 0.0 where both sides are all zero.

    Examples
    --------
    >>> from sklearn_xai.engines.agreement import sign_agreement
    >>> sign_agreement([[1, -1, 0, 0], [0, 0, 0, 0]], [[2, 1, 0, 0], [0, 0, 0, 0]])
    array([0.5, 0. ])
    """
    a, b = _as_pair(a, b)
    spoken = (a != 0) | (b != 0)
    same = spoken & (np.sign(a) == np.sign(b))
    return same.sum(axis=1) / np.maximum(spoken.sum(axis=1), 1)


def cosine(a, b) -> np.ndarray:
    """Do two explanations of a row point the same way, large attributions counting most?

    Parameters
    ----------
    a, b : array-like of shape (n_rows, n_players)
        Signed attributions of the same rows.

    Returns
    -------
    similarity : ndarray of shape (n_rows,)
        The cosine of the angle between the two rows, in [-1, 1]. 0.0 where either is all zero.

    Examples
    --------
    >>> from sklearn_xai.engines.agreement import cosine
    >>> cosine([[1, 2], [1, 0], [0, 0]], [[2, 4], [0, 1], [1, 1]])
    array([1., 0., 0.])
    """
    a, b = _as_pair(a, b)
    return _row_cosine(unit_scale(a), unit_scale(b))


def _places(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the first and the last place, from 1, that each player may take from the largest on: a tie shares them."""
    return rankdata(-size, method="min", axis=1), rankdata(-size, method="max", axis=1)


def top_shares(size, k) -> np.ndarray:
    """How likely is each player among the `k` largest, when those of the same size come in a random order?

    Parameters
    ----------
    size : ndarray of shape (n_rows, n_players)
        Not negative. A player of size zero is never among the largest.
    k : int, or int array of shape (n_rows, 1)

    Returns
    -------
    share : ndarray of shape (n_rows, n_players)
        From 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xai.engines.agreement import top_shares
    >>> top_shares(np.array([[3, 2, 2, 0], [1, 0, 0, 0]]), 2)
    array([[1. , 0.5, 0.5, 0. ],
           [1. , 0. , 0. , 0. ]])
    """
    first, last = _places(size)
    tied = last - first + 1
    return np.clip(k - first + 1, 0, tied) / tied * (size > 0)


def top_k_agreement(a, b, k, *, same_rank=False, same_sign=False) -> np.ndarray:
    """Which share of `k` places do two explanations give to the same players?

    Parameters
    ----------
    a, b : array-like of shape (n_rows, n_players)
        Attributions of the same rows; players are ordered by absolute value.
    k : int, or int array-like of shape (n_rows,)
        Number of places, at least 1.
    same_rank : bool, default=False
        Whether a player counts only if both sides put it at the same place.
    same_sign : bool, default=False
        Whether a player counts only if both sides give it the same sign.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        In [0, 1]: the number of players that count, divided by `k`. Tied players share their places equally, and two
        shares of a place have the smaller one in common: an explanation agrees with itself, ties or not, and one that
        ties all its players agrees with another as far as chance does. A player of attribution zero has no place, so
        that an all-zero explanation gives 0.0.

    Examples
    --------
    >>> from sklearn_xai.engines.agreement import top_k_agreement
    >>> a, b = [[3, -2, 1], [1, 1, 0]], [[2, 3, 1], [2, 1, 0]]
    >>> top_k_agreement(a, b, 2), top_k_agreement(a, b, 2, same_rank=True), top_k_agreement(a, b, 2, same_sign=True)
    (array([1., 1.]), array([0. , 0.5]), array([0.5, 1. ]))
    """
    a, b = _as_pair(a, b)
    if a.size == 0:
        return np.zeros(len(a))
    k = np.broadcast_to(k, len(a))[:, None]
    if same_rank:
        (first_a, last_a), (first_b, last_b) = _places(np.abs(a)), _places(np.abs(b))
        shared = np.minimum(np.minimum(last_a, last_b), k) - np.maximum(first_a, first_b) + 1
        tied = np.maximum(last_a - first_a, last_b - first_b) + 1
        both = np.maximum(shared, 0) / tied * ((a != 0) & (b != 0))
    else:
        both = np.minimum(top_shares(np.abs(a), k), top_shares(np.abs(b), k))
    if same_sign:
        both = both * (np.sign(a) == np.sign(b))
    return both.sum(axis=1) / k[:, 0]


def pair_order_agreement(a, b) -> np.ndarray:
    """Which share of the pairs of players that `b` orders does `a` order alike?

    Parameters
    ----------
    a, b : array-like of shape (n_rows, n_players)
        Signed attributions of the same rows. To compare orders of importance, pass absolute values.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        In [0, 1]. A pair that `a` ties counts one half, as a random order of it would on average; a pair that `b` ties
        is left out. 0.5, which is chance, where `a` is constant, where `b` is, and with a single player.

    Notes
    -----
    The pairs ordered the other way are the inversions of `a` where the players stand in the order of `b`. They are
    counted bit by bit of the ranks, in O(n_players log^2 n_players), never pair by pair.

    Examples
    --------
    >>> from sklearn_xai.engines.agreement import pair_order_agreement
    >>> pair_order_agreement([[1, 2, 3], [1, 3, 2], [0, 0, 0]], [[4, 5, 6], [4, 5, 5], [4, 5, 6]])
    array([1. , 1. , 0.5])
    """
    a, b = _as_pair(a, b)
    if a.size == 0:
        return np.full(len(a), 0.5)
    rows = max(1, _CHUNK_ENTRIES // a.shape[1])
    return np.concatenate([_pair_order(a[i : i + rows], b[i : i + rows]) for i in range(0, len(a), rows)])


def _pair_order(a, b):
    ranks = rankdata(a, method="dense", axis=1).astype(np.int64) - 1
    within = rankdata(b, method="dense", axis=1).astype(np.int64) * a.shape[1] + ranks
    ordered = a.shape[1] * (a.shape[1] - 1) / 2 - _tied_pairs(b)
    against = _inversions(np.take_along_axis(ranks, np.argsort(within, axis=1), axis=1))
    undecided = _tied_pairs(a) - _tied_pairs(within)
    return np.where(ordered > 0, (ordered - against - undecided / 2) / np.maximum(ordered, 1), 0.5)


def _tied_pairs(rows):
    first, last = _places(rows)
    return (last - first).sum(axis=1) / 2


def _inversions(ranks):
    """Count the pairs of each row in which the larger rank comes first."""
    # What is sorted by its higher bits falls into blocks; inside one, the next bit decides a pair in which it differs.
    count, ranks = np.zeros(len(ranks)), ranks.astype(np.int16 if ranks.shape[1] < 2**15 else np.int64)
    for bit in reversed(range(int(ranks.max()).bit_length())):
        high = ranks >> bit
        ones, block = (high & 1).astype(np.int64), high >> 1
        before = ones.cumsum(axis=1) - ones
        starts = np.diff(block, axis=1, prepend=-1) != 0
        inside = before - np.maximum.accumulate(np.where(starts, before, 0), axis=1)
        count += (inside * (1 - ones)).sum(axis=1)
        ranks = np.take_along_axis(ranks, np.argsort(high, axis=1, kind="stable"), axis=1)
    return count
