"""Rules in the words of the user's columns: what the paths of a tree, or a list of conditions, say."""

from __future__ import annotations

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from sklearn_xai.encoding import MISSING
from sklearn_xai.tables import is_frame

_LIMIT = float(np.finfo(np.float32).max)


# ---------------------------------------------------------------------- rows as trees take them
class RankedRows:
    """Rows as a tree takes them: numbers, and categories by their rank in the mean of what is fitted.

    A threshold on the rank parts the values of a category in two sets: for a squared error, none parts them better
    (Fisher, 1958). What is missing, or unknown, is NaN, which a split sends to one side.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted, with ``one_hot=False``.
    encoded : ndarray of shape (n_rows, n_columns)
    target : ndarray of shape (n_rows,)
    """

    def __init__(self, encoder, encoded, target):
        self.columns = np.flatnonzero(encoder.is_category)
        self.ranks = []
        for j in self.columns:
            known = ~np.isnan(encoded[:, j])
            codes, n_levels = encoded[known, j].astype(int), max(1, len(encoder.categories[j]))
            counts = np.bincount(codes, minlength=n_levels)
            sums = np.bincount(codes, target[known], minlength=n_levels)
            means = np.where(counts > 0, sums / np.maximum(counts, 1), target.mean())
            self.ranks.append(np.argsort(np.argsort(means, kind="stable"), kind="stable"))

    def transform(self, encoded):
        """Return rows as a tree takes them, float32."""
        ranked = np.clip(encoded, -_LIMIT, _LIMIT).astype(np.float32)
        for j, ranks in zip(self.columns, self.ranks, strict=True):
            codes = encoded[:, j]
            gone = np.isnan(codes)
            ranked[:, j] = np.where(gone, np.nan, ranks[np.where(gone, 0, codes).astype(int)])
        return ranked

    def ranks_of(self, column):
        """Return the rank of each value of a column, or None for numbers."""
        at = np.flatnonzero(self.columns == column)
        return self.ranks[at[0]] if len(at) else None


def grow_tree(ranked, target, **kwargs):
    """Return a regression tree that does not part rows whose target differs by rounding alone."""
    kwargs["min_impurity_decrease"] = 1e-10 * float(np.var(target))
    return DecisionTreeRegressor(**kwargs).fit(ranked, target)


# ---------------------------------------------------------------------- conditions
def splits_by_depth(tree):
    """Yield (nodes, left children, right children) of all splits, a level of the tree at a time."""
    nodes = np.array([0])
    while True:
        nodes = nodes[tree.children_left[nodes] >= 0]
        if not len(nodes):
            return
        left, right = tree.children_left[nodes], tree.children_right[nodes]
        yield nodes, left, right
        nodes = np.concatenate([left, right])


class Conditions:
    """What rules ask of each column: a value above ``low`` and up to ``high``, or, where ``missing``, none at all.

    Parameters
    ----------
    low, high : ndarray of shape (n_rules, n_columns)
    missing : bool ndarray of shape (n_rules, n_columns)
    """

    def __init__(self, low, high, missing):
        self.low, self.high, self.missing = low, high, missing

    @classmethod
    def of_all(cls, n_rules, n_columns):
        """Return rules that hold of every row."""
        shape = (n_rules, n_columns)
        return cls(np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape, dtype=bool))

    @classmethod
    def stack(cls, parts):
        """Return the rules of several, in their order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("low", "high", "missing")))

    @classmethod
    def of_nodes(cls, tree, n_columns):
        """Return what leads to each node of a tree; conditions on one column are merged as they come."""
        found = cls.of_all(tree.node_count, n_columns)
        goes_left = np.asarray(tree.missing_go_to_left, dtype=bool)
        for nodes, left, right in splits_by_depth(tree):
            column, threshold = tree.feature[nodes], tree.threshold[nodes]
            for child in (left, right):
                for part in (found.low, found.high, found.missing):
                    part[child] = part[nodes]
            found.high[left, column] = np.minimum(found.high[left, column], threshold)
            found.low[right, column] = np.maximum(found.low[right, column], threshold)
            found.missing[left, column] &= goes_left[nodes]
            found.missing[right, column] &= ~goes_left[nodes]
        return found

    def take(self, rules):
        """Return some of the rules."""
        return Conditions(self.low[rules], self.high[rules], self.missing[rules])

    def without(self, column):
        """Return the rules without what they ask of one column."""
        low, high, missing = self.low.copy(), self.high.copy(), self.missing.copy()
        low[:, column], high[:, column], missing[:, column] = -np.inf, np.inf, True
        return Conditions(low, high, missing)

    def hold(self, ranked):
        """Return whether each rule holds of each row, bool ndarray of shape (n_rows, n_rules)."""
        held = np.ones((len(ranked), len(self.low)), dtype=bool)
        for rule, column in zip(*np.nonzero(self.used), strict=True):
            x = ranked[:, column]
            inside = (x > self.low[rule, column]) & (x <= self.high[rule, column])
            held[:, rule] &= inside | (np.isnan(x) & self.missing[rule, column])
        return held

    @property
    def used(self):
        """Which columns each rule asks something of, bool ndarray of shape (n_rules, n_columns)."""
        return (self.low > -np.inf) | (self.high < np.inf) | ~self.missing


# ---------------------------------------------------------------------- words
class Vocabulary:
    """How conditions on the columns of a table are written.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
    names : ndarray of shape (n_columns,) of str
    encoder : TableEncoder
    ranked_rows : RankedRows
    ranked : ndarray of shape (n_rows, n_columns)
        The rows, as trees take them.
    """

    def __init__(self, X, names, encoder, ranked_rows, ranked):
        self.names, self.encoder, self.ranked_rows, self.ranked = names, encoder, ranked_rows, ranked
        self.kinds = _kinds(X, encoder)
        self.some_missing = np.isnan(ranked).any(axis=0)
        self._sorted: dict[int, np.ndarray] = {}

    def sentences(self, conditions):
        """Return each rule in words; the empty string for one that asks nothing."""
        return [
            " and ".join(
                words
                for j in np.flatnonzero(used)
                if (words := self.words(j, conditions.low[i, j], conditions.high[i, j], conditions.missing[i, j]))
            )
            for i, used in enumerate(conditions.used)
        ]

    def words(self, j, low, high, missing):
        """Return one condition in words; the empty string where it asks nothing of the values that were seen."""
        name, missing = self.names[j], missing and self.some_missing[j]
        if self.kinds[j] in ("category", "bool"):
            return self._set_words(j, name, low, high, missing)
        if low == -np.inf and high == np.inf:
            return f"{name} is not missing" if self.some_missing[j] and not missing else ""
        if low >= high:  # no number is left
            return f"{name} is missing"
        low, high = self._number(j, low), self._number(j, high)
        if low is not None and high is not None:
            text = f"{low} < {name} <= {high}"
        else:
            text = f"{name} <= {high}" if low is None else f"{name} > {low}"
        return f"({text} or missing)" if missing else text

    def _number(self, j, threshold):
        """Return a threshold in as few digits as part the rows alike; None at the ends."""
        if np.isinf(threshold):
            return None
        if j not in self._sorted:
            column = self.ranked[:, j]
            self._sorted[j] = np.unique(column[~np.isnan(column)]).astype(np.float64)
        values = self._sorted[j]
        at = np.searchsorted(values, threshold, side="right")
        below = values[at - 1] if at else -np.inf
        above = values[at] if at < len(values) else np.inf
        if self.kinds[j] == "date":
            return _date(threshold, below)
        middle = (below + above) / 2 if np.isfinite(below + above) else threshold
        rounded = (float(f"{at:.{digits}g}") for digits in range(3, 18) for at in (threshold, middle))
        return _plain(next((value for value in rounded if below <= value < above), float(threshold)))

    def _set_words(self, j, name, low, high, missing):
        """Return a condition on a category as the set of its values."""
        if self.kinds[j] == "bool":
            values, ranks = [False, True], np.array([0, 1])
        else:
            values, ranks = self.encoder.categories[j], self.ranked_rows.ranks_of(j)
        inside = [bool(low < rank <= high) for rank in ranks]
        if self.some_missing[j]:
            unknown = MISSING if self.encoder._missing[j] else "other"  # too rare to be told apart
            values, inside = [*values, unknown], [*inside, bool(missing)]
        chosen = [str(value) for value, kept in zip(values, inside, strict=True) if kept]
        others = [str(value) for value, kept in zip(values, inside, strict=True) if not kept]
        if not others:
            return ""
        if len(chosen) <= len(others):
            return f"{name} = {chosen[0]}" if len(chosen) == 1 else f"{name} in {{{', '.join(chosen)}}}"
        return f"{name} != {others[0]}" if len(others) == 1 else f"{name} not in {{{', '.join(others)}}}"


def _kinds(X, encoder):
    """Return "category", "bool", "date" or "number" for each column."""
    import pandas as pd

    dtypes = (X if is_frame(X) else pd.DataFrame(np.asarray(X)).infer_objects()).dtypes
    kinds = (getattr(dtype, "kind", "O") for dtype in dtypes)
    return [
        "category" if values is not None else {"b": "bool", "M": "date"}.get(kind, "number")
        for kind, values in zip(kinds, encoder.categories, strict=True)
    ]


def _plain(value):
    """Return a number without an exponent, where it has not many zeros."""
    return np.format_float_positional(value, trim="-") if 1e-5 <= abs(value) < 1e15 or not value else f"{value:g}"


def _date(days, below):
    """Return a threshold in days since 1970 as a day, where this parts the rows alike, else with the time (UTC)."""
    import pandas as pd

    days = np.floor(days) if np.floor(days) >= below else float(days)
    return str((pd.Timestamp(0) + pd.Timedelta(days=days)).round("s")).removesuffix(" 00:00:00")
