"""Short lists of rules fitted to the model."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from sklearn_xai._compat import Interval
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Seed, Target
from sklearn_xai.explainers.surrogate._rule_based import RuleBased, RuleBook
from sklearn_xai.explainers.surrogate._rules import Conditions, grow_tree


def cover(ranked, target, *, max_rules, max_conditions, min_rows, seed):
    """Find rules one after the other, each for rows that no rule before it covers.

    Each rule is a leaf of a small tree grown on the rows that are left: the one whose mean differs most from theirs in
    units of its standard error, ``sqrt(n_leaf) * abs(mean_leaf - mean)``. What it asks is then taken back, a column at
    a time, as long as this does not make it worse.

    Parameters
    ----------
    ranked : float32 ndarray of shape (n_rows, n_columns)
    target : ndarray of shape (n_rows,)
    max_rules, max_conditions, min_rows, seed : int

    Returns
    -------
    conditions : Conditions
        Of n_rules rules, at most ``max_rules``.
    value : ndarray of shape (n_rules + 1,)
        Mean target of the rows that each rule covers first; last, of those that none covers.
    """
    left, found, value = np.arange(len(target)), [Conditions.of_all(0, ranked.shape[1])], []
    while len(value) < max_rules and len(left) >= 2 * min_rows:
        x, y = ranked[left], target[left]
        tree = grow_tree(x, y, max_depth=max_conditions, min_samples_leaf=min_rows, random_state=seed).tree_
        if tree.node_count == 1:
            break
        leaves = np.flatnonzero(tree.children_left < 0)
        away = np.sqrt(tree.n_node_samples) * np.abs(tree.value[:, 0, 0] - tree.value[0, 0, 0])
        best = leaves[[away[leaves].argmax()]]
        rule = _shortened(Conditions.of_nodes(tree, ranked.shape[1]).take(best), x, y)
        held = rule.hold(x)[:, 0]
        found.append(rule)
        value.append(y[held].mean())
        left = left[~held]
    return Conditions.stack(found), np.array([*value, target[left].mean()])


def _shortened(rule, x, y):
    """Return a rule without what can be left out of it."""
    columns, merit = np.flatnonzero(rule.used[0]), _merits(rule, x, y)[0]
    while len(columns) > 1:
        shorter = Conditions.stack([rule.without(column) for column in columns])
        merits = _merits(shorter, x, y)
        best = int(merits.argmax())
        if merits[best] < merit * (1 - 1e-9):
            break
        rule, merit, columns = shorter.take([best]), merits[best], np.delete(columns, best)
    return rule


def _merits(rules, x, y):
    """Return how far the mean of the rows of each rule is from that of all, in units of its standard error."""
    held = rules.hold(x)
    counts = held.sum(axis=0)
    return np.abs((y - y.mean()) @ held) / np.sqrt(np.maximum(counts, 1))


class RuleList(RuleBook):
    """Rules that are read from the top; the last holds of every row.

    Parameters
    ----------
    conditions : Conditions
        Of all rules but the last.
    value : ndarray of shape (n_rules,)
    owner : int ndarray of shape (n_columns,)
    n_players : int
    """

    def __init__(self, conditions, value, owner, n_players):
        asked = np.zeros((len(value), n_players), dtype=bool)
        for rule, column in zip(*np.nonzero(conditions.used), strict=True):
            asked[rule, owner[column]] = True
        shares = asked / np.maximum(asked.sum(axis=1, keepdims=True), 1)
        conditions = Conditions.stack([conditions, Conditions.of_all(1, len(owner))])
        super().__init__(conditions, value, shares * (value - value[-1])[:, None], value[-1], np.arange(len(value)))

    def rule_of(self, ranked):
        """Return the first rule that holds of each row."""
        return self.conditions.hold(ranked).argmax(axis=1)


class RuleSurrogateExplainer(RuleBased):
    r"""Which few rules, read from the top, imitate the model on all rows, and which decides for a row?

    "If A: a, else if B: b, ..., else: c". A rule is a leaf of a small tree, grown on the rows that no earlier rule
    covers, less the conditions it does not need, and says the mean output of the rows that it covers. Attributions of a
    row are shared equally by the columns that its rule asks,

    .. math:: \phi_j(x) = \frac{v_{\text{rule}} - v_{\text{else}}}{\text{number of columns in the rule}}

    the Shapley values of the game in which the rule's output is won by all its columns together. They add up to what
    the list says, less what its last line says of all rows that no rule covers.

    Parameters
    ----------
    %(estimator)s
    max_rules : int, default=10
        Most rules before the "else".
    max_conditions : int, default=3
        Most conditions of a rule.
    min_support : float, default=0.01
        Smallest share of the rows that a rule covers.
    %(fidelity)s
    %(shared)s

    Attributes
    ----------
    rules_ : DataFrame
        The rules in their order: ``rule`` in words, with the names of columns and categories; ``prediction``, what the
        list says; ``spread``, the standard deviation of the model's output where the rule decides; for a classifier the
        ``class`` that the model gives most often there and the ``precision``, how often; ``n_rows`` and ``share`` of
        the rows given to ``fit`` for which it decides. A first column ``output`` where several are explained.
    rules_text_ : str
        The same as text, one rule a line.
    fidelity_ : float, or ndarray of shape (n_outputs,)
        R2 of the list on held-out rows, a fifth of those given to ``fit``.
    agreement_ : float or None
        Share of held-out rows to which the model gives the class that it gives most often under their rule; with
        several outputs, the class whose list says most. None for other than classifiers.
    %(attributes)s

    See Also
    --------
    TreeSurrogateExplainer : Says more, in more rules.

    Notes
    -----
    The base value is what the last line says: a row that no rule covers has attributions of zero. The completeness gap
    is the surrogate's error at the row. ``explain`` adds ``surrogate_output`` (n_rows,).

    Misleads when ``fidelity_`` is low, and when a rule is read without those above it: it holds of the rows that none
    of them covers. Columns of a rule share equally, however much each of them does, and another sample of rows may
    give other rules.

    Cost: one evaluation for each row given to ``fit``, and a small tree for each of ``max_rules`` rules. A row then
    takes one evaluation and the list is read once.

    References
    ----------
    Frank, E. and Witten, I. H. (1998). Generating Accurate Rule Sets Without Global Optimization.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn_xai import RuleSurrogateExplainer
    >>> X = np.random.RandomState(0).randint(10, size=(200, 3))
    >>> model = RandomForestRegressor(20, random_state=0).fit(X, np.where(X[:, 0] > 4, 1.0, -2.0))
    >>> explainer = RuleSurrogateExplainer(model, max_rules=1, max_conditions=1, random_state=0).fit(X)
    >>> list(explainer.rules_["rule"])
    ['x0 > 4.5', 'otherwise']
    """

    _ordered = True
    _fidelity_advice = (
        "Raise max_rules or max_conditions, lower min_support, or use TreeSurrogateExplainer, or an explainer that "
        "asks the model itself, such as LocalSurrogateExplainer."
    )
    _parameter_constraints: dict = {
        **RuleBased._parameter_constraints,
        "max_rules": [Interval(Integral, 1, None, closed="left")],
        "max_conditions": [Interval(Integral, 1, None, closed="left")],
        "min_support": [Interval(Real, 0, 0.5, closed="both")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        max_rules: int = 10,
        max_conditions: int = 3,
        min_support: float = 0.01,
        min_fidelity: float | None = 0.7,
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.max_rules = max_rules
        self.max_conditions = max_conditions
        self.min_support = min_support
        self.min_fidelity = min_fidelity

    def _make_rules(self, ranked, target, rng):
        conditions, value = cover(
            ranked,
            target,
            max_rules=self.max_rules,
            max_conditions=self.max_conditions,
            min_rows=max(1, int(np.ceil(self.min_support * len(target)))),
            seed=draw_seed(rng),
        )
        return RuleList(conditions, value, self._owner, self.n_players_)
