"""Records what a network attends to while it is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
from scipy.stats import rankdata
from sklearn.base import clone

from sklearn_xai._typing import Rows, Seed
from sklearn_xai.base import BaseExplainer
from sklearn_xai.explainers import InputXGradientExplainer
from sklearn_xai.models import is_mapping
from sklearn_xai.network.training._probe import ProbeRecorder
from sklearn_xai.tables import take_rows

_DRIFT_CELLS = 2**13  # numbers that are kept of each epoch, to compare it with later ones
_LEAST_ROWS = 8
_BACKGROUND_ROWS = 16
_DRIFTS = ("cosine", "spearman")


class AttributionRecorder(ProbeRecorder):
    r"""When in the training does each column become important, and when do explanations settle?

    A skorch callback. At the end of an epoch an explainer is fitted on the same rows and explains the network as it
    then stands. Recorded are, for each column :math:`j`, the mean absolute attribution
    :math:`\frac{1}{n} \sum_i |a_{ij}|`, the mean and the standard deviation, and the *drift* of the explanations
    between epochs :math:`s` and :math:`t`,

    .. math:: \frac{1}{n} \sum_{i=1}^{n} \big(1 - \cos(a_i^{(s)}, a_i^{(t)})\big),

    and the same with Spearman's rank correlation: 0 for explanations that say the same, 1 for unrelated and 2 for
    opposite ones. ``drift_...`` is from the epoch recorded before, ``to_last_...`` to the one recorded last, known when
    training ends. The training is bit by bit what it is without.

    Parameters
    ----------
    explainer : explainer or class of explainers, default=None
        Which attributions. It need not be fitted and its ``estimator`` does not matter: in each epoch, the net takes
        its place in a clone. None is ``InputXGradientExplainer``, one gradient a row.
    %(probe)s
    feature_names : list of str, default=None
        Names of the columns of X, or of its channels, where X is no DataFrame.
    %(probe_size)s
    %(every)s
    %(end)s
    %(random_state)s

    Attributes
    ----------
    %(records)s
    %(probe_)s
    feature_names_ : list of str
        What the explainer attributes to: columns, groups or units. Of rows that are no table, such as images, the
        places of the first axis ("channel_0").

    Raises
    ------
    ValueError
        When training begins, for rows that the net cannot be given.

    Notes
    -----
    Values in the history are under ``net.history[-1, "attributions"]``; ``attributions_drift_cosine`` and
    ``attributions_drift_spearman`` are numbers that other callbacks can watch: ``EarlyStopping`` of a training whose
    explanations are to be settled, for one. None of them shows up in the log that skorch prints. An epoch in which the
    network's output is not finite has none of these values. With ``target="auto"`` the class of three or more that is
    explained is the one that is predicted in that epoch; set a target to follow one, by the label that the net itself
    is trained on. Drift is measured on the first rows of the probe, as many as make some 8,000 attributions.

    Misleads when attributions that settle are taken for attributions that are right: a training that has stopped
    moving settles whatever it has learned, and what misleads in the explainer misleads here.

    Cost: the explainer is fitted and explains the probe after each recorded epoch. Drift takes beside it the
    attributions of some rows for every epoch, which are kept.

    See Also
    --------
    ActivationRecorder : What comes out of the layers.
    explanation_stability : How explanations differ between trainings.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetRegressor
    >>> from torch import nn
    >>> from sklearn_xai import AttributionRecorder, SaliencyExplainer
    >>> X = np.random.RandomState(0).randn(50, 3).astype(np.float32)
    >>> recorder = AttributionRecorder(SaliencyExplainer, X, feature_names=["a", "b", "c"])
    >>> module = nn.Sequential(nn.Linear(3, 1))
    >>> net = NeuralNetRegressor(module, max_epochs=20, lr=0.1, verbose=0, callbacks=[recorder]).fit(X, 3 * X[:, :1])
    >>> last = recorder.records_[-1]["values"]
    >>> max(last, key=lambda column: last[column]["mean_abs"])
    'a'
    """

    _kind = "attributions"
    _place = "column"
    _overall = ("drift_cosine", "drift_spearman")

    def __init__(
        self,
        explainer: Any = None,
        X: Rows | None = None,
        *,
        feature_names: Sequence[str] | None = None,
        probe_size: int | float | Literal["auto"] | None = "auto",
        every: int = 1,
        name: str | None = None,
        path: str | PathLike[str] | None = None,
        random_state: Seed = None,
    ) -> None:
        super().__init__(X, probe_size=probe_size, every=every, name=name, path=path, random_state=random_state)
        self.explainer = explainer
        self.feature_names = feature_names

    def _check(self, net):
        super()._check(net)
        given = self.explainer
        kind = given if isinstance(given, type) else type(given)
        if given is not None and not issubclass(kind, BaseExplainer):
            raise ValueError(
                f"The 'explainer' parameter of {type(self).__name__} must be an explainer of sklearn_xai, its class or "
                f"None. Got {given!r}."
            )

    def _begin(self, net, X, rng):
        super()._begin(net, X, rng)
        self._check_names()
        epochs = set(self.records_.epochs)
        self.kept_ = {epoch: rows for epoch, rows in getattr(self, "kept_", {}).items() if epoch in epochs}

    def _check_names(self):
        if self.feature_names is None:
            return
        caller = f"The 'feature_names' parameter of {type(self).__name__} must be"
        if is_mapping(self.probe_):
            raise ValueError(f"{caller} None where X is a dict, whose keys name the columns.")
        n = np.shape(self.probe_)[1:2]
        if (len(self.feature_names),) != n:
            raise ValueError(f"{caller} {n[0] if n else 0} names, one for each column. Got {len(self.feature_names)}.")

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Compare what was recorded with the last epoch."""
        if not self.kept_:
            return
        last = self.kept_[max(self.kept_)]
        for record in self.records_:
            epoch = record["epoch"]
            if epoch not in self.kept_:
                continue
            found = {f"to_last_{name}": value for name, value in _drift(self.kept_[epoch], last).items()}
            found = self.records_.update_overall(record, found)
            entry = net.history[epoch - 1].get(self.name_)
            if entry is not None:
                entry["overall"].update(record["overall"])
            if self.file_ is not None:
                self.file_.add({"epoch": epoch, "overall": found})

    def _measure(self, net):
        explained = self._explain(net)
        if explained is None:
            return {}, {}
        values, self.feature_names_ = explained
        columns = np.moveaxis(values, 1, -1).reshape(-1, values.shape[1]).astype(np.float64)
        found = {"mean_abs": np.abs(columns).mean(axis=0), "mean": columns.mean(axis=0), "std": columns.std(axis=0)}
        by_column = {
            name: {statistic: numbers[j] for statistic, numbers in found.items()}
            for j, name in enumerate(self.feature_names_)
        }
        rows = values.reshape(len(values), -1)
        now = _directions(rows[: max(_LEAST_ROWS, _DRIFT_CELLS // max(1, rows.shape[1]))])
        before = self.kept_[max(self.kept_)] if self.kept_ else None
        self.kept_[len(net.history)] = now
        drift = {} if before is None else {f"drift_{name}": value for name, value in _drift(before, now).items()}
        return by_column, drift

    def _explain(self, net):
        """Return the attributions to the probe rows and the names of what they are to; None of a net gone wrong."""
        probe = self._named_probe()
        explainer = self._explainer(net)
        try:
            # The gradient at a row asks nothing of other rows: a few are enough to see how the network is built.
            background = take_rows(probe, slice(_BACKGROUND_ROWS)) if self._is_default else probe
            values = np.asarray(explainer.fit(background).transform(probe))
        except ValueError:
            if self._is_finite(net):
                raise
            return None
        if values.ndim > 2:
            return values, list(self.feature_names or [f"channel_{j}" for j in range(values.shape[1])])
        return values, [str(name) for name in explainer.get_feature_names_out()]

    @property
    def _is_default(self):
        return self.explainer is None and not is_mapping(self.probe_)

    def _explainer(self, net):
        template = self.explainer
        if template is None or isinstance(template, type):
            return (template or InputXGradientExplainer)(net)
        params = template.get_params(deep=False)
        others = {name: clone(value, safe=False) for name, value in params.items() if name != "estimator"}
        return type(template)(net, **others)

    def _named_probe(self):
        if self.feature_names is None or np.ndim(self.probe_) != 2:
            return self.probe_
        import pandas as pd

        return pd.DataFrame(np.asarray(self.probe_), columns=list(self.feature_names))

    def _is_finite(self, net):
        network, rows = self._look(net)
        return bool(np.isfinite(network.outputs(rows)).all())


def _directions(rows):
    """Return the direction of each row and of its ranks: an array (2, n_rows, n_columns), zero where there is none."""
    ranks = rankdata(rows, axis=1)
    both = np.stack([rows, ranks - ranks.mean(axis=1, keepdims=True)]).astype(np.float64)
    both /= np.maximum(np.abs(both).max(axis=2, keepdims=True), np.finfo(np.float64).tiny)
    both /= np.maximum(np.linalg.norm(both, axis=2, keepdims=True), 1)
    return both.astype(np.float32)


def _drift(a, b):
    """Return how far directions of the same rows are from each other: 1 less the mean cosine, by kind."""
    if a.shape != b.shape:
        return dict.fromkeys(_DRIFTS, math.nan)
    cosines = np.einsum("kij,kij->k", a, b) / a.shape[1]
    return {name: max(0.0, 1 - float(cosine)) for name, cosine in zip(_DRIFTS, cosines, strict=True)}
