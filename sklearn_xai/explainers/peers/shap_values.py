"""SHAP as a baseline."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Sampling, Seed, Target
from sklearn_xai.background import group_matrix
from sklearn_xai.base import BACKGROUND_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.explainers.peers._players import players
from sklearn_xai.explainers.peers._shap_calls import (
    black_box_values,
    cluster_players,
    linear_values,
    network_values,
    tree_values,
)
from sklearn_xai.models import split_pipeline
from sklearn_xai.tables import is_frame, take_rows

BLACK_BOX = ("kernel", "permutation", "sampling", "exact", "partition")
NETWORK = ("gradient", "deep")
DIRECT = ("tree", "linear")
_FEW_PLAYERS = 8  # up to here all coalitions cost about as much as ten permutations
_MOST_COALITIONS = 2**16
_CHECKED_ROWS = 8
_ADVICE = {
    "deep": "shap's 'deep' knows some layers only, each called once, and no function of torch.nn.functional: use "
    "algorithm='gradient', 'permutation' or 'kernel'",
    "gradient": "Raise max_evals, or use algorithm='permutation' or 'kernel'",
    "tree": "Use algorithm='permutation'",
    "linear": "Use algorithm='permutation'",
}


class SHAPExplainer(BaseExplainer):
    r"""What is each feature's share of the output, by the ``shap`` library?

    The Shapley value of feature i is what it adds to the output, averaged over the orders in which the features of the
    row replace those of background rows,

    .. math:: \phi_i = \sum_{S \not\ni i} \frac{|S|! (d - |S| - 1)!}{d!} (v(S \cup i) - v(S)),

    where v(S) is the mean output over background rows that take the features S from the row. All algorithms explain
    the same number as the other explainers, in the columns of X: the black-box ones take a whole Pipeline, with strings
    and missing values.

    Parameters
    ----------
    %(estimator)s
    algorithm : str, default="auto"
        "auto", "kernel", "permutation", "sampling", "exact", "partition", "gradient", "deep", "tree" or "linear".
        "auto" takes "tree" or "linear" where the estimator is an ensemble of trees or a linear model on columns of
        numbers, and what they say adds up to the explained output; else "exact" for few columns (or groups), and
        "permutation" for more. "gradient" (expected gradients) and "deep" (DeepLIFT) need a network at the end and
        attribute to its inputs, which are added up to columns. "partition" gives Owen values along a hierarchy of
        correlated columns.
    max_evals : int or "auto", default="auto"
        Coalitions that are evaluated for each row, over all background rows each; for "sampling", rows that are
        evaluated; for "gradient", points. "auto": ten permutations there and back, and shap's own number for the
        others. "deep", "tree" and "linear" need none.
    %(background)s
    tol : float, default=1e-2
        Completeness gap that is allowed: at most ``tol * max(1, |f(x) - base value|)``. A ConvergenceWarning tells when
        a row is above it, as happens with "deep" on layers that shap does not know, and with few points of "gradient".
    %(shared)s

    Attributes
    ----------
    algorithm_ : str
        The algorithm that is used.
    %(attributes)s

    Raises
    ------
    ValueError
        By ``fit``, when the algorithm cannot explain the estimator or its chosen output.

    See Also
    --------
    RandomExplainer : The control at the other end.

    Notes
    -----
    ``feature_groups`` are single players of the black-box algorithms; the others add up the values of their columns.

    Misleads where Shapley values do (see ``ShapleyExplainer``): columns are put together that do not occur together.
    Of the algorithms, "deep" is off without a word on layers that shap does not know, but for the gap; "sampling",
    "kernel" and "gradient" draw; and "partition" depends on the hierarchy that it found.

    Cost: ``max_evals`` evaluations for each pair of a row and a background row. By default that is 20 coalitions a
    column with "permutation", all of them with "exact". "tree" and "linear" ask the model once a row, "deep" takes one
    forward and one backward pass for each pair, "gradient" 200 a row.

    References
    ----------
    Lundberg, S. M. and Lee, S.-I. (2017). A Unified Approach to Interpreting Model Predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import SHAPExplainer
    >>> X = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0]])
    >>> explainer = SHAPExplainer(LinearRegression().fit(X, X @ [2.0, -1.0])).fit(X)
    >>> found = explainer.transform(X)
    >>> explainer.algorithm_, bool(np.allclose(found, [[-2, 1], [0, -1], [2, 0]]))
    ('linear', True)
    """

    _additive = True

    _inputs = ("table", "image")
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "algorithm": [StrOptions({"auto", *BLACK_BOX, *NETWORK, *DIRECT})],
        "max_evals": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        **BACKGROUND_PARAMETERS,
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        algorithm: str = "auto",
        max_evals: int | Literal["auto"] = "auto",
        background_size: int = 100,
        background_sampling: Sampling = "random",
        tol: float = 1e-2,
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
        self.algorithm = algorithm
        self.max_evals = max_evals
        self.background_size = background_size
        self.background_sampling = background_sampling
        self.tol = tol

    # ------------------------------------------------------------------ fit: which algorithm, and whether it can
    def _prepare(self, X, y, rng):
        self._seed = draw_seed(rng)
        if self.algorithm in DIRECT:
            self._require(*self._check_direct(self.algorithm))
        elif self.algorithm in NETWORK:
            self._require(*self._check_network())
        self.algorithm_ = self._find_algorithm() if self.algorithm == "auto" else self.algorithm
        if self.algorithm_ == "partition" and self.n_players_ == 1:
            self.algorithm_ = "exact"
        self._evaluations = self._find_evaluations()
        self._clustering = None
        if self.algorithm_ == "partition":
            self._clustering = cluster_players(self.background_, self._members)
        self._gap_advice = _ADVICE.get(self.algorithm_, "Raise max_evals")

    def _require(self, reason, way_out):
        if reason:
            name = type(self).__name__
            raise ValueError(f"The 'algorithm' parameter of {name} is {self.algorithm!r}, but {reason} {way_out}")

    def _find_algorithm(self):
        if not self._grouped:
            for algorithm in DIRECT:
                if not self._check_direct(algorithm)[0]:
                    return algorithm
        few = _FEW_PLAYERS if self.max_evals == "auto" else np.log2(self.max_evals)
        return "exact" if self.n_players_ <= few else "permutation"

    def _check_network(self):
        """Return why a network algorithm cannot explain the estimator (None if it can), and what would do."""
        model = self._model
        way_out = "Use algorithm='auto', 'permutation' or 'kernel', which call the whole estimator."
        final = split_pipeline(self.estimator_)[1]
        if model.network is None:
            return f"{type(final).__name__} is no network whose gradients could be taken.", way_out
        if model.columns is None:
            return "a step of the Pipeline mixes columns in a way that is not linear.", way_out
        if not model.network.tensor(model.inputs(take_rows(self.background_, slice(0, 1)))).is_floating_point():
            return "the network looks whole numbers up in an embedding, which has no gradient there.", way_out
        return None, way_out

    def _check_direct(self, algorithm):
        """Return why shap cannot take the estimator apart (None if it can), and what would do."""
        steps, final = split_pipeline(self.estimator_)
        name = type(final).__name__
        way_out = "Use algorithm='auto', 'permutation' or 'kernel'."
        if self._model.network is not None or steps:
            kind = "an ensemble of trees" if algorithm == "tree" else "a linear model"
            return f"it takes {kind} apart that is given columns of numbers, not {_described(steps, name)}.", way_out
        if not _is_numeric(self.background_):
            return "X has columns that are no numbers.", way_out
        reason, understood = self._find_model_output(algorithm, name)
        if understood and self._model.classifier and hasattr(final, "predict_proba"):
            other = "raw" if self.output == "proba" else "proba"
            way_out = f"Use output={other!r}, or algorithm='auto', 'permutation' or 'kernel'."
        return reason, way_out

    def _find_model_output(self, algorithm, name):
        """Find what shap must explain to say the same as others; return why not, and whether it understands the model.

        Shap explains the probabilities of some models and the log-odds of others: whether that is what is explained
        here is told by the numbers.
        """
        rows = take_rows(self.background_, slice(0, _CHECKED_ROWS))
        difference = self._model.outputs(rows) - self.base_outputs_
        reasons = []
        for self._model_output in ("raw", "probability") if algorithm == "tree" else ("raw",):
            try:
                gap = np.abs(self._direct_values(algorithm, rows).sum(axis=1) - difference).max()
            except Exception as error:  # shap raises bare exceptions, assertions and more for what it does not know
                reasons.append((f"shap cannot explain {name} by it ({' '.join(str(error).split())}).", False))
                continue
            if gap <= 1e-4 * max(1.0, np.abs(difference).max()):
                return None, True
            reasons.append((f"what it says of {name} does not add up to output={self.output!r} (gap {gap:.2g}).", True))
        return reasons[0]

    def _find_evaluations(self):
        """Return how many evaluations a row takes, and check that they are enough."""
        n, most = self.n_players_, self.max_evals
        default = {"permutation": 10 * (2 * n + 1), "exact": _MOST_COALITIONS, "gradient": 200, "partition": 500}
        least = {"permutation": 2 * n + 1, "exact": 2**n, "sampling": 2 * n, "kernel": 2 * n}.get(self.algorithm_, 1)
        most = default.get(self.algorithm_, "auto") if most == "auto" else most
        if most != "auto" and most < least and self.algorithm_ not in DIRECT + ("deep",):
            raise ValueError(
                f"The 'max_evals' parameter of SHAPExplainer must be at least {least} for algorithm="
                f"{self.algorithm_!r} and {n} players. Got {self.max_evals!r}. Raise it, make groups of columns by "
                "feature_groups, or use another algorithm."
            )
        return most

    # ------------------------------------------------------------------ transform
    def _attribute(self, X, choose):
        outputs = self._model.outputs(X)
        target = np.broadcast_to(choose(outputs), len(X))
        shape = (self.n_players_,) if len(self._row_shape) == 1 else self._row_shape
        values, base = np.empty((len(X), *shape)), np.empty(len(X))
        explain = self._explain_network if self.algorithm_ in NETWORK else self._explain_black_box
        explain = self._explain_direct if self.algorithm_ in DIRECT else explain
        shown = track(range(len(X)), f"shap {self.algorithm_}", verbose=self.verbose)
        try:
            for k in np.unique(target):
                rows = np.flatnonzero(target == k)
                part = X if len(rows) == len(X) else take_rows(X, rows)
                found, base[rows] = explain(part, int(k), lambda: next(shown))
                values[rows] = found.reshape(-1, *shape)
        finally:
            shown.close()
        return Attributions(values, base, outputs[np.arange(len(X)), target], {})

    def _explain_black_box(self, X, target, done):
        with players(self._model, self._coalitions, self.background_, X, self.batch_size) as (known, rows, outputs):
            return black_box_values(
                self.algorithm_,
                lambda matrix: np.ascontiguousarray(outputs(matrix)[:, target]),
                known,
                rows,
                max_evals=self._evaluations,
                seed=self._seed,
                clustering=self._clustering,
                done=done,
            )

    def _explain_network(self, X, target, done):
        network = self._model.network
        inputs = self._model.inputs(X)
        with network.frozen():
            try:
                found = network_values(
                    self.algorithm_,
                    network,
                    network.tensor(self._model.inputs(self.background_)),
                    network.tensor(inputs),
                    target,
                    n_samples=self._evaluations,
                    batch_size=self.batch_size,
                    seed=self._seed,
                    done=done,
                )
            except (RuntimeError, AssertionError, IndexError, TypeError) as error:
                raise ValueError(
                    f"SHAPExplainer: shap's {self.algorithm_!r} could not be run on {type(network.module).__name__} "
                    f"({error}). Use algorithm='permutation' or 'kernel'."
                ) from error
        return self._to_players(found, X, inputs), self.base_outputs_[target]

    def _explain_direct(self, X, target, done):
        values = self._direct_values(self.algorithm_, X)[:, :, target]
        values = values @ group_matrix(self._members, values.shape[1]) if self._grouped else values
        return values, self.base_outputs_[target]

    def _direct_values(self, algorithm, X):
        """Return what shap says of all outputs, (n_rows, n_columns, n_outputs)."""
        model = split_pipeline(self.estimator_)[1]
        known, rows = (np.asarray(table, dtype=np.float64) for table in (self.background_, X))
        if algorithm == "tree":
            values = np.asarray(tree_values(model, known, rows, self._model_output))
        else:
            values = np.asarray(linear_values(model, known, rows))
        values = values[:, :, np.newaxis] if values.ndim == 2 else values
        one_of_two = values.shape[2] == 1 and self._model.n_outputs == 2
        return np.concatenate([-values, values], axis=2) if one_of_two else values


def _described(steps, name):
    return f"a Pipeline that ends in {name}" if steps else name


def _is_numeric(X):
    if is_frame(X):
        return all(getattr(dtype, "kind", "O") in "fiub" for dtype in X.dtypes)
    return X.dtype.kind in "fiub"
