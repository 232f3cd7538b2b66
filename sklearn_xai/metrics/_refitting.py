"""The same explanation of another model: what randomisation and the axioms compare an explanation with."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai.base.checks import check_rows
from sklearn_xai.base.wrapping import around
from sklearn_xai.metrics._judged import Judged, check_explainer
from sklearn_xai.models import split_pipeline
from sklearn_xai.tables import is_frame

_SAME = 1e-4  # two models are the same function if they differ by less than this share of the largest output


class Refitting:
    """An explainer, of which copies are fitted around other models: the same background, outputs and draws.

    Parameters
    ----------
    explainer : fitted explainer
    X : rows to explain, as the explainer takes them
    metric : str
        Name of the metric, for messages.
    random_state : int, RandomState instance or None
        Seeds the copies, where the explainer has no seed of its own.

    Attributes
    ----------
    model : fitted estimator
        What is explained; of a Pipeline of texts the last step.
    rows : the rows as the model takes them
        X itself, or what the first steps of a Pipeline make of texts.
    background : rows like them, to which the copies are fitted
    targets : list of int ndarray of shape (n_samples,)
        The index of the explained output of each row; several with ``target="all"``.
    """

    def __init__(self, explainer, X, *, metric, random_state):
        check_explainer(explainer, metric)
        self.explainer, self.X, self.metric = explainer, X, metric
        found = np.asarray(explainer.explained_targets(X))
        self.targets = [found] if found.ndim == 1 else list(found.T)
        self.model, self.rows = explainer.estimator_, X
        if explainer._reader is not None:
            self.model, self.rows = split_pipeline(self.model)[1], check_rows(explainer, X, reset=False)
        self.background = self._as_given(explainer.background_)
        self._seed = draw_seed(own_random_state(random_state))

    def _as_given(self, table):
        """Return the kept background as ``fit`` took it: with its names, or as the arguments of a module."""
        explainer = self.explainer
        if explainer._layout is not None:
            return explainer._layout.unpack(np.asarray(table))
        names = getattr(explainer, "feature_names_in_", None)
        if names is None or is_frame(table) or explainer._reader is not None:
            return table
        import pandas as pd

        return pd.DataFrame(table, columns=names)

    def around(self, model=None, background=None, **params):
        """Return a copy of the explainer, fitted around another model, or the same, as it stands.

        Parameters
        ----------
        model : fitted estimator, skorch net, torch module or Pipeline; default that of the explainer
        background : rows, default those of the explainer
        **params : dict
            Parameters of the copy that differ.
        """
        frozen = FrozenEstimator(self.model if model is None else model)
        twin = clone(around(self.explainer, frozen))
        if not isinstance(getattr(twin, "random_state", 0), int | np.integer):
            params["random_state"] = self._seed
        if isinstance(self.explainer.feature_groups, str):  # found once, from more rows than were kept
            named = zip(self.explainer.player_names_, self.explainer._members, strict=True)
            params["feature_groups"] = {str(name): list(members) for name, members in named}
        with quiet():  # the explainer has said what there is to warn of when it was fitted itself
            return twin.set_params(**params).fit(self.background if background is None else background)

    def attributions(self, fitted, rows=None):
        """Return what a fitted copy says of the explained outputs, one (n_samples, n_players) for each."""
        rows = self.rows if rows is None else rows
        return [self._finite(fitted.attribute(rows, targets)) for targets in self.targets]

    def _finite(self, values):
        values = np.asarray(values, dtype=np.float64)
        values = values.reshape(len(values), -1)
        if not np.isfinite(values).all():
            raise ValueError(f"{self.metric}: {type(self.explainer).__name__} gave attributions that are not finite.")
        return values

    def own(self, attributions=None):
        """Return the explanation that is judged: the one at hand, or one with the copies' background and draws."""
        if attributions is None:
            return self.attributions(self.around())
        judged = Judged(self.explainer, self.X, attributions, metric=self.metric)
        return [part.attributions for part in judged.parts]

    def check_same(self, fitted, rows, what):
        """Raise ValueError unless another model says of rows what the explained one says of its own."""
        for targets in self.targets:
            expected = np.asarray(self.explainer.explained_output(self.X, targets), dtype=np.float64)
            found = np.asarray(fitted.explained_output(rows, targets), dtype=np.float64)
            difference = np.abs(found - expected).max()
            largest = max(np.abs(expected).max(), np.abs(self.explainer.base_outputs_).max())
            if not difference <= _SAME * largest:
                raise ValueError(
                    f"{self.metric}: {what} must compute the same function of X as the explained model. Their outputs "
                    f"differ by up to {difference:.3g}, the largest of them being {largest:.3g}."
                )


@contextmanager
def quiet():
    """Keep warnings back that say again, or of a model that nobody uses, what has been said."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def mean_of(scores, sample_wise):
    """Return the mean over explained outputs of scores of rows, or with it over rows, a float."""
    scores = np.mean(scores, axis=0)
    return scores if sample_wise else float(scores.mean())


def relative_distance(a, b):
    """Return the distance of two explanations of each row by the length of the longer one; 0.0 where both are zero."""
    largest = np.maximum(np.abs(a).max(axis=1), np.abs(b).max(axis=1))[:, None]
    a, b = (part / np.where(largest > 0, largest, 1.0) for part in (a, b))
    length = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return np.linalg.norm(a - b, axis=1) / np.where(length > 0, length, 1.0)
