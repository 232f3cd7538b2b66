"""Nearest points of a boundary where categories change as well: each switch costs as much as one standard deviation."""

from __future__ import annotations

import numpy as np

from sklearn_xai.tables import as_codes, assemble, stack_rows, take_rows, value_codes

_MOST_VALUES = 16  # most frequent values of a category that are tried
_FILLED = 5  # values from the least to the largest that a missing number is tried with
_MOST_SWITCHES = 3
_FOLLOWED = 2  # rows with one more switch whose numbers are moved too


def switched(X, donors, background):
    """Return rows that take some columns from background rows: donors (n_rows, n_columns), -1 for the row's own."""
    if not (donors >= 0).any():
        return X
    own = np.arange(len(X))[:, None]
    found = assemble(stack_rows(X, background), np.where(donors >= 0, len(X) + donors, own))
    if hasattr(found, "index"):
        found.index = X.index
    return found


def values_of(background, columns, numbers):
    """Return (column, background row) for the most frequent values of categories, and values spread over numbers.

    Parameters
    ----------
    background : table
    columns : int ndarray
        Categories.
    numbers : int ndarray
        Columns of numbers, of which some miss their value.
    """
    codes, found = value_codes(background, columns), []
    for j, code in zip(columns, codes.T, strict=True):
        _, first, count = np.unique(code, return_index=True, return_counts=True)
        found += [(int(j), int(row)) for row in first[np.argsort(-count, kind="stable")[:_MOST_VALUES]]]
    for j in numbers:
        cells = as_codes(background)[:, j].astype(np.float64)
        order = np.argsort(cells, kind="stable")[: np.isfinite(cells).sum()]
        some = np.unique(np.linspace(0, len(order) - 1, _FILLED).round().astype(int)) if len(order) else []
        found += [(int(j), int(order[k])) for k in some]
    return found


def switch_categories(X, background, columns, missing, steps, settled, search, estimate):
    """Switch one category after the other, as long as this may lead to a nearer point.

    Parameters
    ----------
    X, background : tables
    columns : int ndarray
        Categories that may switch.
    missing : bool ndarray of shape (n_rows, n_columns)
        Which numbers have no value, and may get one.
    steps : ndarray of shape (n_rows, n_columns)
        What was found without switches; NaN where nothing was.
    settled : bool ndarray of shape (n_rows,)
    search : callable
        From rows and the place of each in X to their steps, and whether settled.
    estimate : callable
        From rows and the place of each in X to a guess of how far they are from the boundary; 0 on the other side.

    Returns
    -------
    steps, settled
        Of the best that was found.
    donors : int ndarray of shape (n_rows, n_columns)
        The background row that a category is taken from, -1 for the row's own.
    """
    n, d = steps.shape
    steps, settled, donors = steps.copy(), settled.copy(), np.full((n, d), -1)
    values = values_of(background, columns, np.flatnonzero(missing.any(axis=0)))
    switches = missing | np.isin(np.arange(d), columns)
    best = np.where(np.isfinite(steps).all(axis=1), np.linalg.norm(np.nan_to_num(steps), axis=1), np.inf)
    base, going = donors.copy(), np.flatnonzero(best > 1)
    codes = value_codes(stack_rows(X, background), range(d)) if values else None
    for number in range(1, min(_MOST_SWITCHES, d) + 1):
        tries = _tries(base, going, values, codes, switches)
        tries = [(place, donor) for place, donor in tries if best[place] ** 2 > number]
        if not tries:
            break
        places, variants = np.array([place for place, _ in tries]), np.array([donor for _, donor in tries])
        rows = switched(take_rows(X, places), variants, background)
        cost = np.sqrt(number + np.square(estimate(rows, places)))
        order = np.lexsort((cost, places))
        rank = np.arange(len(order)) - np.searchsorted(places[order], places[order])
        base[places[order][rank == 0]] = variants[order][rank == 0]
        chosen = order[rank < _FOLLOWED]
        found, ok = search(take_rows(rows, chosen), places[chosen])
        total = np.sqrt(number + np.square(found).sum(axis=1))
        for i in np.argsort(-total, kind="stable"):  # NaN first, the nearest last
            place = places[chosen[i]]
            if total[i] < best[place]:
                best[place], steps[place], settled[place] = total[i], found[i], ok[i]
                donors[place] = variants[chosen[i]]
        going = np.unique(places)
    return steps, settled, donors


def _tries(base, going, values, codes, switches):
    """Return (row, donors) with one more switch to another value."""
    found, n = [], len(base)
    for place in going:
        for j, row in values:
            if switches[place, j] and base[place, j] < 0 and codes[n + row, j] != codes[place, j]:
                donor = base[place].copy()
                donor[j] = row
                found.append((place, donor))
    return found
