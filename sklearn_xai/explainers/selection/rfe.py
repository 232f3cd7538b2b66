"""Recursive feature elimination."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_xai._compat import Interval, RealNotInt
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed
from sklearn_xai.background import sample_rows
from sklearn_xai.base import Attributions, BaseExplainer
from sklearn_xai.engines import Coalitions, gradient
from sklearn_xai.models import ExplainedModel, Network, split_pipeline, train_clone
from sklearn_xai.tables import assemble, take_rows

_FILLERS = 16  # background rows over which an eliminated column is averaged when columns are ranked
_DRAWS = 256  # points at which ``attribution_importance`` takes gradients


class RFEExplainer(BaseExplainer):
    r"""In what order can columns be given up, and what does each row lose with each of them?

    ``fit`` eliminates the columns one after the other: at each step the one (or the ``step``) whose removal changes the
    explained output of background rows least, the columns eliminated before being gone already. ``transform`` walks the
    same order for each row; the attribution of the column eliminated at step t is

    .. math:: \phi_t(x) = v(x, S_{t-1}) - v(x, S_t)

    with v(x, S) the output when only the columns S are kept and the others are taken from background rows. The sum
    telescopes to :math:`f(x) - \mathrm{E} f(background)`: completeness holds to rounding.

    Parameters
    ----------
    %(estimator)s
    step : int or float, default=1
        Number of columns eliminated at a time; below 1.0, a share of all columns.
    n_features_to_select : int or float, default=None
        Number (or share) of columns that are selected. None selects half.
    refit : bool, default=False
        Whether the estimator is trained again after each elimination (needs y). The eliminated columns are then
        shuffled in the training rows, so that nothing can be learned from them and every preprocessing still fits.
    background_size : int, default=100
        Number of background rows on which columns are ranked, and over which ``transform`` averages what is removed.
    %(shared)s

    Attributes
    ----------
    ranking_ : ndarray of shape (n_players,) of int
        1 for the selected columns, 2 for those eliminated last, and so on, as in scikit-learn's ``RFE``: columns that
        go in one step share a rank.
    support_ : bool ndarray of shape (n_players,)
        Which columns are selected.
    elimination_order_ : ndarray of shape (n_players,) of int
        The players from the first eliminated to the last.
    elimination_path_ : dict of list
        ``n_features`` that remain after each step, the names ``eliminated`` in it, the ``score``: accuracy or R2 of
        what remains on rows with y (held out from training with ``refit=True``), without y the R2 with which the
        outputs of the full model are reproduced. The first entry is the model with all columns.
    %(attributes)s

    Raises
    ------
    ValueError
        With ``refit=True`` and no y, or an estimator that is never trained.

    See Also
    --------
    attribution_importance : An ``importance_getter`` for scikit-learn's own ``RFE`` and ``RFECV`` around a net.

    References
    ----------
    Guyon, I., Weston, J., Barnhill, S. and Vapnik, V. (2002). Gene selection for cancer classification using support
    vector machines. Machine Learning 46.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import RFEExplainer
    >>> X = np.random.RandomState(0).standard_normal((50, 3))
    >>> model = LinearRegression().fit(X, X @ [1.0, 0.0, -2.0])
    >>> explainer = RFEExplainer(model, n_features_to_select=1, random_state=0).fit(X)
    >>> explainer.ranking_
    array([2, 3, 1])
    """

    _additive = True
    _inputs = ("table", "image")
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "step": [Interval(Integral, 1, None, closed="left"), Interval(RealNotInt, 0, 1, closed="neither")],
        "n_features_to_select": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            None,
        ],
        "refit": ["boolean"],
        "background_size": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator,
        *,
        step=1,
        n_features_to_select=None,
        refit=False,
        background_size=100,
        target="auto",
        output="auto",
        feature_groups=None,
        batch_size=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            estimator,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.step = step
        self.n_features_to_select = n_features_to_select
        self.refit = refit
        self.background_size = background_size

    # ------------------------------------------------------------------ elimination
    def _prepare(self, X, y, rng):
        n_players = self.n_players_
        per_step = self._per_step()
        refits = self._training_rows(X, y, rng) if self.refit else None
        rows = np.sort(rng.choice(len(X), min(len(X), self.background_size), replace=False))
        table = take_rows(X, rows)
        truth = None if y is None else np.asarray(y)[rows]
        self._walk = Coalitions(self._model, self._members, self.background_, self.batch_size)
        fillers = sample_rows(self.background_, _FILLERS, rng)
        model, walk = self._model, Coalitions(self._model, self._members, fillers, self.batch_size)
        kept = np.ones(n_players, dtype=bool)
        score = self._score(walk, table, truth, kept) if refits is None else refits.score(kept, rng)[1]
        order, path = [], {"n_features": [n_players], "eliminated": [[]], "score": [score]}
        steps = range(0, n_players, per_step)
        for _ in track(steps, "eliminating columns", verbose=self.verbose):
            worst = self._least_important(model, walk, table, kept)[:per_step]
            kept = kept.copy()
            kept[worst] = False
            order += worst.tolist()
            if refits is None:
                score = self._score(walk, table, truth, kept)
            else:
                model, score = refits.score(kept, rng)
                walk = Coalitions(model, self._members, fillers, self.batch_size)
            path["n_features"].append(int(kept.sum()))
            path["eliminated"].append([str(name) for name in self.player_names_[worst]])
            path["score"].append(score)
        self.elimination_order_, self.elimination_path_ = np.array(order), path
        self._rank()

    def _per_step(self):
        return self.step if self.step >= 1 else max(1, int(self.step * self.n_players_))

    def _training_rows(self, X, y, rng):
        if y is None or self.estimator_ is self.estimator:
            raise ValueError(
                f"The 'refit' parameter of {type(self).__name__} is True, but there is nothing to train: call "
                "fit(X, y), with an estimator that is not frozen and not a plain torch module, or use refit=False."
            )
        return _Refits(self, X, y, rng)

    def _least_important(self, model, walk, table, kept):
        """Return the kept players, those first whose removal changes the outputs least."""
        left = np.flatnonzero(kept)
        tried = np.repeat(kept[None], len(left) + 1, axis=0)
        tried[np.arange(len(left)), left] = False
        targets = None if self._target_index == "all" else model.explained(table, self._choose)[1]
        values = walk.averaged(table, tried, targets)
        change = np.abs(values[:, :-1] - values[:, -1:])
        change = change.mean(axis=(0, *range(2, change.ndim)))
        return left[np.argsort(change, kind="stable")]

    def _score(self, walk, table, truth, kept):
        model = walk.model
        outputs = walk.averaged(table, kept[None])[:, 0]
        if truth is None or (model.classes is None and truth.ndim == 1 and model.n_outputs > 1):
            return _r2(model.outputs(table), outputs)
        return _accuracy_or_r2(model, outputs, truth)

    def _rank(self):
        n = self.n_players_
        wanted = self.n_features_to_select
        if wanted is None:
            wanted = max(1, n // 2)
        elif wanted < 1:
            wanted = max(1, int(wanted * n))
        if wanted > n:
            raise ValueError(
                f"The 'n_features_to_select' parameter of {type(self).__name__} is {wanted}, but there are {n} columns."
            )
        self.ranking_ = np.ones(n, dtype=int)
        steps = np.arange(n - wanted) // self._per_step()
        self.ranking_[self.elimination_order_[: n - wanted]] += steps.max(initial=0) + 1 - steps
        self.support_ = self.ranking_ == 1

    # ------------------------------------------------------------------ attribution
    def _cells_per_row(self):
        return max(super()._cells_per_row(), (self.n_players_ + 1) * len(self._walk.background))

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        kept = np.ones((self.n_players_ + 1, self.n_players_), dtype=bool)
        for step, player in enumerate(self.elimination_order_):
            kept[step + 1 :, player] = False
        values = self._walk.averaged(X, kept, targets)
        found = np.empty((len(X), self.n_players_))
        found[:, self.elimination_order_] = values[:, :-1] - values[:, 1:]
        return Attributions(found.reshape(len(X), *self._value_shape), values[:, -1], outputs, {})


class _Refits:
    """Trains the estimator again with the eliminated columns shuffled, and scores it on rows held out."""

    def __init__(self, explainer, X, y, rng):
        self.explainer = explainer
        rows = np.arange(len(X))
        train, test = train_test_split(rows, test_size=0.2, random_state=draw_seed(rng)) if len(X) > 4 else (rows, rows)
        self.train, self.truth_train = take_rows(X, train), take_rows(y, train)
        self.test, self.truth = take_rows(X, test), np.asarray(y)[test]
        self.seed = draw_seed(rng)

    def score(self, kept, rng):
        """Return the model trained with some players only, and its score."""
        explainer = self.explainer
        names = explainer._column_names()
        shuffled = self._shuffle(self.train, kept, rng)
        trained = train_clone(explainer.estimator, shuffled, self.truth_train, random_state=self.seed)
        model = ExplainedModel(
            trained, sample_rows(shuffled, 500, rng), names, output=explainer.output, caller=type(explainer).__name__
        )
        return model, _accuracy_or_r2(model, model.outputs(self._shuffle(self.test, kept, rng)), self.truth)

    def _shuffle(self, X, kept, rng):
        sources = np.repeat(np.arange(len(X))[:, None], X.shape[1], axis=1)
        for player in np.flatnonzero(~kept):
            sources[:, self.explainer._members[player]] = rng.permutation(len(X))[:, None]
        return assemble(X, sources)


def _accuracy_or_r2(model, outputs, truth):
    if model.classes is None:
        return _r2(truth, outputs if np.ndim(truth) > 1 else outputs[:, 0])
    return float(np.mean(truth == model.classes[outputs.argmax(axis=1)]))


def _r2(truth, found):
    """Return R2; where the truth is a single row, or does not vary but by rounding: 1 when it is found, else 0."""
    varies = np.ptp(truth, axis=0).max() > 1e-6 * np.abs(truth).max()
    return float(r2_score(truth, found)) if varies else float(np.allclose(truth, found))


def attribution_importance(estimator):
    """Return how sensitive a fitted network is to each of its inputs: an ``importance_getter`` for scikit-learn.

    ``RFE(net, importance_getter=attribution_importance)`` and ``RFECV`` call it with the fitted net alone, so that the
    gradients are taken at standard normal rows: standardise the inputs, as a net wants them anyway.

    Parameters
    ----------
    estimator : fitted skorch net, torch.nn.Module, or Pipeline of a scaler and one

    Returns
    -------
    importances : ndarray of shape (n_inputs,)
        Mean absolute gradient of the outputs, of each less the mean of all where there are several.

    Raises
    ------
    ValueError
        When the number of inputs cannot be read off the module.

    Examples
    --------
    >>> from torch import nn
    >>> from sklearn_xai import attribution_importance
    >>> linear = nn.Linear(3, 1)
    >>> attribution_importance(linear).shape
    (3,)
    """
    final = split_pipeline(estimator)[1]
    module = getattr(final, "module_", final)
    sizes = (getattr(part, "in_features", None) or getattr(part, "num_features", None) for part in module.modules())
    n_inputs = next((size for size in sizes if size), None)
    if n_inputs is None:
        raise ValueError(
            "attribution_importance reads the number of inputs off the first Linear or BatchNorm layer, and the "
            f"module {type(module).__name__} has none. Use RFEExplainer instead of RFE."
        )
    rows = np.random.RandomState(0).standard_normal((_DRAWS, n_inputs))
    network = Network(final, rows[:2], caller="attribution_importance")
    total = 0.0
    with network.frozen():
        z = network.tensor(rows)
        slopes = torch.stack([gradient(network, z, k)[0] for k in range(network.n_outputs)])
        if len(slopes) > 1:
            slopes = slopes - slopes.mean(dim=0)
        total = slopes.abs().mean(dim=(0, 1))
    return total.cpu().numpy().astype(np.float64)
