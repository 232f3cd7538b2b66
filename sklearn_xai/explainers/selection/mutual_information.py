"""Mutual information of columns with what the model says."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Seed, Target
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.encoding import TableEncoder
from sklearn_xai.explainers.selection._aims import aim_of, find_aims
from sklearn_xai.explainers.selection._information import Player, separate, takes_few_values
from sklearn_xai.tables import take_rows


def observed_information(players, aim, discrete, *, n_neighbors, seed):
    """Return the mutual information of each player with a variable: by scikit-learn for what it takes.

    Parameters
    ----------
    players : list of Player
    aim : ndarray of shape (n_rows,)
        Codes from 0, or numbers.
    discrete : bool
        Whether these are codes.
    n_neighbors : int
    seed : int
        Of the noise that tells ties apart.

    Returns
    -------
    ndarray of shape (n_players,), in nats
    """
    found = np.zeros(len(players))
    columns = [player.plain(aim, discrete) for player in players]
    plain = np.array([column is not None for column in columns])
    if plain.any():
        values, mask = zip(*[column for column in columns if column is not None], strict=True)
        options = {"discrete_features": np.array(mask), "n_neighbors": n_neighbors, "random_state": seed}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of codes that few rows share
            estimate = mutual_info_classif if discrete else mutual_info_regression
            found[plain] = estimate(np.column_stack(values), aim, **options)
    y = aim if discrete else separate(aim, np.random.RandomState(seed))
    for p in np.flatnonzero(~plain):
        found[p] = players[p].information(y, discrete, n_neighbors)
    return found


def shuffled_information(player, aims, kinds, orders, n_neighbors):
    """Return the mutual information of a player with shuffles of each variable, (n_aims, n_permutations)."""
    return np.array(
        [
            [player.information(aim[order], discrete, n_neighbors) for order in orders]
            for aim, discrete in zip(aims, kinds, strict=True)
        ]
    ).reshape(len(aims), len(orders))


class MutualInformationExplainer(BaseExplainer):
    r"""How much does each column tell of what the model says, in whatever way it depends on it?

    The attribution of a column, the same for every row, is its mutual information with the explained output (or the
    predicted class, or y),

    .. math:: I(X_i; Y) = \mathrm{E} \log \frac{p(x_i, y)}{p(x_i) \, p(y)},

    in nats: 0 if and only if they are independent, the entropy of Y at most. It sees any dependence, also that which
    comes through other columns, and no interaction. Estimates from finitely many rows are above 0 also where nothing is
    told; shuffles of Y show by how much.

    Parameters
    ----------
    %(estimator)s
    to : {"model", "class", "y"}, default="model"
        What the columns tell of: the explained output of the model, the class it predicts, or the y given to ``fit``,
        which leaves the model out.
    discrete_features : "auto", bool, or array-like of names, indices or bool, default="auto"
        Which columns are discrete. Columns of strings, categories and booleans always are; "auto" adds numbers that
        take at most 20 values, and no more than the square root of the number of rows. Of other columns the
        information is estimated from nearest neighbours.
    n_neighbors : int, default=3
        Neighbours; more lower the variance and raise the bias.
    n_permutations : int, default=50
        Shuffles of the output, for ``p_values_``.
    max_samples : int or None, default=2000
        Rows that are looked at, drawn from those given to ``fit``. None takes all.
    n_jobs : int or None, default=None
        Threads among which the columns are shared out. -1 takes all.
    %(shared)s

    Attributes
    ----------
    mutual_information_ : ndarray of shape (n_players,), or (n_outputs, n_players) where several outputs are explained
        The attributions: estimates in nats, at least 0.
    null_mean_, null_std_ : ndarray of the shape of ``mutual_information_``
        Mean and standard deviation of the estimates for shuffled outputs: what "zero" looks like. NaN without shuffles.
    p_values_ : ndarray of the shape of ``mutual_information_``
        ``(1 + shuffles that reach the estimate) / (1 + n_permutations)``.
    discrete_features_ : bool ndarray of shape (n_features,)
        Which columns are taken as discrete.
    %(attributes)s

    Raises
    ------
    ValueError
        By ``fit``, for ``to="y"`` without y, ``to="class"`` without classes, and columns that are not in the table.

    See Also
    --------
    ForestExplainer : Sees interactions, and depends on the fit of a forest.

    Notes
    -----
    Missing values are a value of their own, and say what being missing says. The columns of ``feature_groups`` are
    one variable: discrete ones by their joint values, numbers by neighbours in all of them, within each of the joint
    values that more than ``n_neighbors`` rows have. The hundred most frequent values of a category are told apart.

    Single columns are estimated by scikit-learn's ``mutual_info_regression`` and ``mutual_info_classif``; shuffles,
    groups and columns with missing numbers by the same estimators, written for many at once.

    Misleads when a column matters only together with others (of an exclusive or, each gets 0), and when one merely
    goes along with what the model uses: it then gets as much, though the model does not read it. Estimates are biased
    upwards, of columns with many values most: look at ``p_values_`` and ``null_mean_``.

    Cost: one evaluation for each of ``max_samples`` rows in ``fit``, and 1 + ``n_permutations`` estimates a column,
    each growing a little faster than the rows. A row then takes one evaluation.

    References
    ----------
    Kraskov, A., Stögbauer, H. and Grassberger, P. (2004). Estimating mutual information. Physical Review E 69.

    Ross, B. C. (2014). Mutual Information between Discrete and Continuous Data Sets. PLoS ONE 9.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import MutualInformationExplainer
    >>> X = np.random.RandomState(0).standard_normal((200, 3))
    >>> model = LinearRegression().fit(X, X @ [2.0, 0.0, -2.0])
    >>> explainer = MutualInformationExplainer(model, random_state=0).fit(X)
    >>> explainer.p_values_ < 0.05
    array([ True, False,  True])
    """

    _one_target = True
    _probing = False
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "to": [StrOptions({"model", "class", "y"})],
        "discrete_features": [StrOptions({"auto"}), "boolean", "array-like"],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "n_permutations": [Interval(Integral, 0, None, closed="left")],
        "max_samples": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        to: Literal["model", "class", "y"] = "model",
        discrete_features: Literal["auto"] | bool | ArrayLike = "auto",
        n_neighbors: int = 3,
        n_permutations: int = 50,
        max_samples: int | None = 2000,
        n_jobs: int | None = None,
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
        self.to = to
        self.discrete_features = discrete_features
        self.n_neighbors = n_neighbors
        self.n_permutations = n_permutations
        self.max_samples = max_samples
        self.n_jobs = n_jobs

    # ------------------------------------------------------------------ fit
    def _prepare(self, X, y, rng):
        n = len(X) if self.max_samples is None else min(len(X), self.max_samples)
        rows = np.sort(rng.choice(len(X), n, replace=False))
        X, y = take_rows(X, rows), None if y is None else np.asarray(y)[rows]
        encoder = TableEncoder(one_hot=False).fit(X)
        codes = encoder.codes(X)
        empty = ~np.isfinite(codes).any(axis=0)
        self.discrete_features_ = encoder.is_category | self._find_discrete(codes) | empty
        aims, kinds = self._coded_aims(X, y)
        k = max(1, min(self.n_neighbors, n - 1))
        self._seed, noise = draw_seed(rng), np.random.RandomState(draw_seed(rng))
        players = [Player(codes[:, at], self.discrete_features_[at], k, noise) for at in self._members]
        self._information = np.array(
            [
                observed_information(players, aim, discrete, n_neighbors=k, seed=self._seed)
                for aim, discrete in zip(aims, kinds, strict=True)
            ]
        )
        orders = np.array([rng.permutation(n) for _ in range(self.n_permutations)], dtype=int).reshape(-1, n)
        aims = [aim if discrete else separate(aim, noise) for aim, discrete in zip(aims, kinds, strict=True)]
        self._hold_against(self._shuffled(players, aims, kinds, orders, k))

    def _find_discrete(self, codes):
        """Return which columns are discrete by the ``discrete_features`` parameter, bool (n_columns,)."""
        given, n, names = self.discrete_features, codes.shape[1], self._column_names()
        if isinstance(given, str):
            return np.array([takes_few_values(column) for column in codes.T], dtype=bool)
        if isinstance(given, (bool, np.bool_)):
            return np.full(n, bool(given))
        found, known = np.asarray(given), {str(name): j for j, name in enumerate(names)}
        if found.dtype.kind == "b" and found.shape == (n,):
            return found
        at = np.array([known.get(str(j), j) if isinstance(j, str) else j for j in found.tolist()], dtype=object)
        if found.dtype.kind == "b" or not all(isinstance(j, int) and 0 <= j < n for j in at):
            raise ValueError(
                f"The 'discrete_features' parameter of {type(self).__name__} must be 'auto', a bool, a bool for each "
                f"of the {n} columns, or names or indices of columns. Got {given!r}."
            )
        return np.isin(np.arange(n), at.astype(int))

    def _coded_aims(self, X, y):
        """Return what the columns tell of, one array for each aim, and whether each is codes."""
        model = self._model
        if self.to == "class":
            if model.classes is None:
                raise ValueError(
                    f"The 'to' parameter of {type(self).__name__} is 'class', but the model predicts no classes. Use "
                    "to='model'."
                )
            aims = np.asarray(model.outputs(X)).argmax(axis=1)[:, None]
        else:
            aims = find_aims(self, X, y)
        labels = self.to == "class" or (self.to == "y" and model.classes is not None)
        kinds = [labels or aim.dtype.kind not in "fiu" or takes_few_values(aim) for aim in aims.T]
        coded = [
            np.unique(aim, return_inverse=True)[1].ravel() if kind else np.asarray(aim, dtype=np.float64)
            for aim, kind in zip(aims.T, kinds, strict=True)
        ]
        return coded, kinds

    def _shuffled(self, players, aims, kinds, orders, k):
        """Return the estimates for shuffled outputs, (n_aims, n_players, n_permutations)."""
        work = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(
            delayed(shuffled_information)(player, aims, kinds, orders, k) for player in players
        )
        found = list(track(work, "shuffling outputs", total=len(players), verbose=self.verbose))
        return np.stack(found, axis=1)

    def _hold_against(self, null):
        """Keep what the estimates are for shuffled outputs, and how often these reach the observed ones."""
        n = null.shape[2]
        reached = null >= self._information[:, :, None] - 1e-12  # what is equal may differ by rounding
        p_values = (1 + reached.sum(axis=2)) / (1 + n)
        mean, std = (null.mean(axis=2), null.std(axis=2)) if n else (np.full(null.shape[:2], np.nan),) * 2
        found = (self._information, p_values, mean, std)
        found = [values[0] if len(values) == 1 else values for values in found]
        self.mutual_information_, self.p_values_, self.null_mean_, self.null_std_ = found

    # ------------------------------------------------------------------ transform
    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        values = self._information[aim_of(targets, len(self._information))]
        return Attributions(values, self.base_outputs_[targets], outputs, {})
