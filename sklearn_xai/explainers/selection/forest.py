"""Random forests fitted to the model, and what they say of the columns."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from sklearn_xai._compat import Interval, RealNotInt, StrOptions
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Sampling, Seed, Target
from sklearn_xai.background import group_matrix
from sklearn_xai.base import BACKGROUND_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.explainers._fidelity import FIDELITY_PARAMETERS, class_agreement, r2_fidelity, warn_of_fidelity
from sklearn_xai.explainers.peers._shap_calls import tree_values
from sklearn_xai.explainers.selection._aims import aim_of, find_aims
from sklearn_xai.explainers.selection._forests import (
    forest_outputs,
    impurity_importances,
    out_of_bag,
    permutation_importances,
)

_LARGEST = 1e37  # trees compare in single precision, and halve the sum of two values


class ForestExplainer(BaseExplainer):
    r"""Which columns does a random forest need to say what the model says?

    A forest of the columns is fitted to the explained output of the rows given to ``fit``, or to y, and explained
    instead of the model. ``importance="shap"`` gives the forest's Shapley values, row by row: for background rows b

    .. math:: \phi_i(x) = \frac{1}{B} \sum_b \sum_{S \not\ni i} \frac{|S|! (d - |S| - 1)!}{d!}
        \left( g(x_{S \cup i}, b) - g(x_S, b) \right)

    exactly, where :math:`g(x_S, b)` is the forest's output with the columns S from x and the others from b; they add up
    to g(x) less its mean over the background. "impurity" and "permutation" say the same of every row.

    Parameters
    ----------
    %(estimator)s
    importance : {"shap", "impurity", "permutation"}, default="shap"
        "shap": interventional tree-SHAP, in the units of the output. "impurity": the share of a column in what all
        splits take off the variance of the output; it favours columns of many values. "permutation": the drop of the
        out-of-bag R2 when the column is shuffled.
    to : {"model", "y"}, default="model"
        What the forest is fitted to: the explained output of the model, or the y given to ``fit``, which leaves the
        model out. With labels as y the forest is a classifier, and its outputs are the probabilities of the classes.
    n_estimators : int, default=100
        Number of trees.
    max_depth : int or None, default=None
        Depth of the trees; None does not bound it.
    min_samples_leaf : int or float, default=5
        Rows (or share of them) in a leaf. Larger leaves make smaller trees, which are explained faster.
    max_features : {"sqrt", "log2"}, int, float or None, default=1.0
        Columns that are tried at a split; fewer share the importance out among correlated columns.
    n_repeats : int, default=5
        Shuffles of each column for ``importance="permutation"``.
    n_jobs : int or None, default=None
        Processors that grow the forest and shuffle columns. -1 takes all.
    %(fidelity)s
    %(background)s
    %(shared)s

    Attributes
    ----------
    forest_ : RandomForestRegressor or RandomForestClassifier, or list of RandomForestRegressor
        The forest, of numbers and of the places of categories' values; one for each output where several are explained.
    fidelity_ : float, or ndarray of shape (n_outputs,)
        R2 of the forest's out-of-bag outputs, or with labels as y the share of rows that get their label.
    agreement_ : float or None
        Share of rows to which the forest, out of bag, gives the model's class (with ``to="y"``, the label). None
        without classes, or where the explained output alone does not tell the class.
    %(attributes)s

    Raises
    ------
    ValueError
        By ``fit`` with ``to="y"``, when there is no y, or labels in it that the model does not know.

    See Also
    --------
    MutualInformationExplainer : Asks no model for the dependence.
    SHAPExplainer : Explains the model itself.

    Notes
    -----
    ``explain`` adds ``surrogate_output`` (n_rows,), what the forest says of each row, for "shap". The completeness gap
    is then the forest's error at the row; with ``to="y"`` the forest's output is what is explained, and the gap is
    rounding. The time that "shap" takes grows with the trees, their size and the background rows: for large tables
    lower ``background_size`` or ``max_depth``.

    Missing values go their own way in the trees. The attributions of ``feature_groups`` are the sums of those of their
    columns, but "permutation" shuffles the columns of a group together.

    Misleads when ``fidelity_`` is low, since the forest is explained and not the model, and when columns are
    correlated: the forest may split on one where the model uses another. "impurity" favours columns with many values,
    and counts what was learned by heart.

    Cost: one evaluation for each row given to ``fit``, and the growing of ``n_estimators`` trees. A row then takes one
    evaluation; with "shap" also all leaves of all trees for each background row, which is most of the time.

    References
    ----------
    Breiman, L. (2001). Random Forests. Machine Learning 45.

    Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable AI for trees.
    Nature Machine Intelligence 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import ForestExplainer
    >>> X = np.random.RandomState(0).standard_normal((200, 3))
    >>> model = LinearRegression().fit(X, X @ [1.0, 0.0, -2.0])
    >>> explainer = ForestExplainer(model, importance="impurity", n_estimators=20, random_state=0).fit(X)
    >>> explainer.feature_importances_.argsort()
    array([1, 0, 2])
    >>> bool(explainer.fidelity_ > 0.8)
    True
    """

    _one_target = True
    _adds_up = "with 'shap', to the forest's output"
    _probing = False
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        **BACKGROUND_PARAMETERS,
        **FIDELITY_PARAMETERS,
        "importance": [StrOptions({"shap", "impurity", "permutation"})],
        "to": [StrOptions({"model", "y"})],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left"), Interval(RealNotInt, 0, 1, closed="neither")],
        "max_features": [
            StrOptions({"sqrt", "log2"}),
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            None,
        ],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        importance: Literal["shap", "impurity", "permutation"] = "shap",
        to: Literal["model", "y"] = "model",
        n_estimators: int = 100,
        max_depth: int | None = None,
        min_samples_leaf: int | float = 5,
        max_features: Literal["sqrt", "log2"] | int | float | None = 1.0,
        n_repeats: int = 5,
        n_jobs: int | None = None,
        min_fidelity: float | None = 0.7,
        background_size: int = 100,
        background_sampling: Sampling = "random",
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
        self.importance = importance
        self.to = to
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.n_repeats = n_repeats
        self.n_jobs = n_jobs
        self.min_fidelity = min_fidelity
        self.background_size = background_size
        self.background_sampling = background_sampling

    # ------------------------------------------------------------------ fit
    def _prepare(self, X, y, rng):
        self._encoder = TableEncoder(one_hot=False).fit(X)
        self._group_matrix = group_matrix(self._members, X.shape[1])
        codes = self._codes(X)
        aims = find_aims(self, X, y)
        labels = self.to == "y" and self._model.classes is not None
        if labels:
            self._check_labels(aims)
        # One seed for all: what is said of an output does not depend on which others are explained.
        seed, shuffles = draw_seed(rng), draw_seed(rng)
        kind = RandomForestClassifier if labels else RandomForestRegressor
        columns = track(range(aims.shape[1]), "growing forests", verbose=self.verbose)
        self._forests = [self._new_forest(kind, seed).fit(codes, aims[:, k]) for k in columns]
        self.forest_ = self._forests[0] if len(self._forests) == 1 else self._forests
        truth = [self._indicators(aims) if labels else aims[:, [k]] for k in range(aims.shape[1])]
        self._measure_fidelity(X, codes, truth, labels)
        self._find_places(labels)
        if self.importance == "shap":
            self._known = self._codes(self.background_)
            self._bases = np.concatenate([forest_outputs(forest, self._known).mean(axis=0) for forest in self._forests])
        else:
            self._importances = self._find_importances(codes, truth, shuffles)

    def _codes(self, X):
        return np.clip(self._encoder.codes(X), -_LARGEST, _LARGEST).astype(np.float32)

    def _check_labels(self, aims):
        known = self._model.classes.tolist()
        unknown = sorted(set(aims[:, 0].tolist()) - set(known), key=str)
        if unknown:
            raise ValueError(
                f"The 'to' parameter of {type(self).__name__} is 'y', but y has the labels {unknown}, which the model "
                f"does not know. Its classes are {known}."
            )

    def _new_forest(self, kind, seed):
        return kind(
            n_estimators=self.n_estimators,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            n_jobs=self.n_jobs,
            random_state=seed,
        )

    def _indicators(self, aims):
        return (aims == self._forests[0].classes_).astype(np.float64)

    def _measure_fidelity(self, X, codes, truth, labels):
        """Hold the forests against the rows that their trees were not grown on."""
        found = [out_of_bag(forest, codes[None]) for forest in self._forests]
        rows = found[0][1] if found[0][1].sum() > 1 else np.ones(len(codes), dtype=bool)
        said = np.concatenate([outputs[0] for outputs, _ in found], axis=1)[rows]
        wanted = np.concatenate(truth, axis=1)[rows]
        self.agreement_ = None
        if labels:
            self.agreement_ = class_agreement(wanted, said)
        elif self.to == "model" and self._model.classifier:
            index = None if isinstance(self._target_index, str) else self._target_index
            outputs = wanted if index is None else np.asarray(self._model.outputs(X), dtype=np.float64)[rows]
            self.agreement_ = class_agreement(outputs, said, index)
        r2 = r2_fidelity(wanted, said)
        self.fidelity_ = self.agreement_ if labels else (r2 if len(r2) > 1 else float(r2[0]))
        advice = "Raise n_estimators, lower min_samples_leaf, or give fit more rows."
        if self.to == "y":
            advice += " It was fitted to y, and can be no better than y lets it be."
        warn_of_fidelity(type(self).__name__, self.fidelity_, self.min_fidelity, advice, self._output_names())

    def _find_places(self, labels):
        """Find the forest of each output, and its place among all outputs of the forests; -1 for a class not in y."""
        n = self._model.n_outputs
        self._forest_of = aim_of(np.arange(n), len(self._forests))
        self._place_of = self._forest_of
        if labels:
            places = {label: place for place, label in enumerate(self._forests[0].classes_.tolist())}
            self._place_of = np.array([places.get(label, -1) for label in self._model.classes.tolist()])

    def _find_importances(self, codes, truth, seed):
        """Return the importances of all outputs of the forests, (n_forest_outputs, n_players); a last row of zeros."""
        parts = []
        for forest, wanted in zip(self._forests, truth, strict=True):
            if self.importance == "impurity":
                parts.append(impurity_importances(forest) @ self._group_matrix)
            else:
                drawn = {"n_repeats": self.n_repeats, "rng": np.random.RandomState(seed)}
                run = {"n_jobs": self.n_jobs, "verbose": self.verbose}
                parts.append(permutation_importances(forest, codes, wanted, self._members, **drawn, **run))
        return np.concatenate([*parts, np.zeros((1, self.n_players_))])

    # ------------------------------------------------------------------ transform
    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        if self.importance != "shap":
            return Attributions(self._importances[self._place_of[targets]], self.base_outputs_[targets], outputs, {})
        codes = self._codes(X)
        values, base, said = np.zeros((len(X), self.n_players_)), np.zeros(len(X)), np.zeros(len(X))
        for k in np.unique(targets):
            rows, place = np.flatnonzero(targets == k), self._place_of[k]
            if place >= 0:
                base[rows] = self._bases[place]
                values[rows], said[rows] = self._explain_forest(k, codes[rows])
        explained = said if self.to == "y" else outputs
        return Attributions(values, base, explained, {"surrogate_output": said})

    def _explain_forest(self, k, codes):
        """Return the Shapley values of a forest's output, (n_rows, n_players), and the output, (n_rows,)."""
        forest, place = self._forests[self._forest_of[k]], self._place_of[k]
        values, said = tree_values(forest, self._known, codes), forest_outputs(forest, codes)
        if values.ndim == 3:
            values, said = values[:, :, place], said[:, [place]]
        return values @ self._group_matrix, said[:, 0]
