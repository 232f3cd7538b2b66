"""Decision trees fitted to the model: its rules, and attributions along their paths."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from sklearn_xai._compat import Interval
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Seed, Target
from sklearn_xai.explainers.surrogate._rule_based import RuleBased, RuleBook
from sklearn_xai.explainers.surrogate._rules import Conditions, grow_tree, splits_by_depth


def path_attributions(tree, owner, n_players):
    """Return what the splits on the way to each node add to the root's value, by the player they ask.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
        Of a regressor of one output.
    owner : int ndarray of shape (n_columns,)
        The player of each column.
    n_players : int

    Returns
    -------
    attributions : ndarray of shape (n_nodes, n_players)
        Each row adds up to the node's value less the root's.
    """
    value, found = tree.value[:, 0, 0], np.zeros((tree.node_count, n_players))
    for nodes, left, right in splits_by_depth(tree):
        player = owner[tree.feature[nodes]]
        for child in (left, right):
            found[child] = found[nodes]
            found[child, player] += value[child] - value[nodes]
    return found


class TreeRules(RuleBook):
    """The nodes of a fitted tree as rules; rows fall under its leaves.

    Parameters
    ----------
    tree : DecisionTreeRegressor
    owner : int ndarray of shape (n_columns,)
    n_players : int
    """

    def __init__(self, tree, owner, n_players):
        self.tree, nodes = tree, tree.tree_
        value = nodes.value[:, 0, 0].copy()
        leaves = np.flatnonzero(nodes.children_left < 0)
        conditions = Conditions.of_nodes(nodes, len(owner))
        super().__init__(conditions, value, path_attributions(nodes, owner, n_players), value[0], leaves)

    def rule_of(self, ranked):
        """Return the leaf of each row."""
        return self.tree.tree_.apply(ranked)


class TreeSurrogateExplainer(RuleBased):
    r"""By which rules would a decision tree decide that imitates the model on all rows, and what does each step add?

    A regression tree is fitted to the explained output of the rows given to ``fit``. A row's attributions follow its
    path from the root: each split's change of the node's mean output goes to the column it asks,

    .. math:: \phi_j(x) = \sum_{\text{splits on } j} v_{\text{child}} - v_{\text{node}}

    and they add up to the tree's prediction less the root's value. Categories are split in two sets of values.

    Parameters
    ----------
    %(estimator)s
    max_depth : int, default=5
        Most conditions of a rule. None grows the tree until its leaves are pure.
    max_leaf_nodes : int, default=None
        Most rules; the best splits come first. None is unlimited.
    min_samples_leaf : int, default=5
        Fewest rows of a rule.
    %(fidelity)s
    %(shared)s

    Attributes
    ----------
    rules_ : DataFrame
        One row a leaf, the most frequent first: ``rule`` in words, with the names of columns and categories;
        ``prediction``, the tree's; ``spread``, the standard deviation of the model's output under the rule; for a
        classifier the ``class`` that the model gives most often under it and the ``precision``, how often; ``n_rows``
        and ``share`` of the rows given to ``fit`` that it covers. A first column ``output`` where several are
        explained.
    rules_text_ : str
        The same as text, one rule a line.
    trees_ : list of DecisionTreeRegressor
        The tree of each explained output. Its columns are those of X, categories by their rank.
    fidelity_ : float, or ndarray of shape (n_outputs,)
        R2 of the tree on held-out rows, a fifth of those given to ``fit``.
    agreement_ : float or None
        Share of held-out rows to which the model gives the class that it gives most often under their rule; with
        several outputs, the class whose tree says most. None for other than classifiers.
    %(attributes)s

    See Also
    --------
    RuleSurrogateExplainer : A short list of rules, read from the top.
    LinearSurrogateExplainer : A linear model in place of the tree.

    Notes
    -----
    The base value is the root's: the mean output of the rows that the tree was fitted to. Attributions add up to the
    output of the tree, not to that of the model: the completeness gap is the surrogate's error at the row. ``explain``
    adds ``surrogate_output`` (n_rows,). Missing values, and categories that ``fit`` has not seen, follow the side of a
    split that suits missing ones best.

    Misleads when ``fidelity_`` is low, and when rules are read as the model's own: another sample of rows may give
    another tree with other columns that says as much. A column that no split of the path asks gets 0, also where it
    could stand for one that does.

    Cost: one evaluation for each row given to ``fit``, and the growing of one tree for each explained output. A row
    then takes one evaluation and the walk down the tree.

    References
    ----------
    Craven, M. W. and Shavlik, J. W. (1996). Extracting Tree-Structured Representations of Trained Networks.

    Saabas, A. (2014). Interpreting random forests.

    Fisher, W. D. (1958). On Grouping for Maximum Homogeneity.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn_xai import TreeSurrogateExplainer
    >>> X = np.random.RandomState(0).randint(10, size=(200, 3))
    >>> model = RandomForestRegressor(20, random_state=0).fit(X, np.where(X[:, 0] > 4, 1.0, -2.0))
    >>> explainer = TreeSurrogateExplainer(model, max_depth=1, random_state=0).fit(X)
    >>> list(explainer.rules_["rule"])
    ['x0 <= 4.5', 'x0 > 4.5']
    """

    _fidelity_advice = (
        "Raise max_depth, give fit more rows, or use an explainer that asks the model itself, such as "
        "LocalSurrogateExplainer."
    )
    _parameter_constraints: dict = {
        **RuleBased._parameter_constraints,
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "max_leaf_nodes": [Interval(Integral, 2, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        max_depth: int = 5,
        max_leaf_nodes: int | None = None,
        min_samples_leaf: int = 5,
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
        self.max_depth = max_depth
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.min_fidelity = min_fidelity

    def _make_rules(self, ranked, target, rng):
        tree = grow_tree(
            ranked,
            target,
            max_depth=self.max_depth,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            random_state=draw_seed(rng),
        )
        return TreeRules(tree, self._owner, self.n_players_)

    @property
    def trees_(self) -> list[Any]:
        """The tree of each explained output."""
        return [book.tree for book in self._books]
