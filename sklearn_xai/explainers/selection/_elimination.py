"""Columns given up one step after another: what is left without them, trained again or not."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from sklearn.metrics import r2_score

from sklearn_xai._rng import draw_seed
from sklearn_xai.background import sample_rows, typical_row
from sklearn_xai.engines import Coalitions
from sklearn_xai.models import ExplainedModel, train_clone
from sklearn_xai.tables import assemble, stack_rows

_FILLERS = 16  # background rows over which an eliminated column is averaged when columns are ranked
_PROBES = 500  # rows from which the preprocessing of a model that was trained again is probed

Stage = namedtuple("Stage", ["estimator", "model", "rows", "truth", "walk", "score"])
Stage.__doc__ = """What is left when some columns are given up.

estimator : fitted estimator
model : ExplainedModel of it
rows : table; the rows on which columns are ranked, of which the columns given up say nothing
truth : ndarray or None; what is true of these rows
walk : Coalitions; what the model says of them
score : float or None; how good the model is without these columns
"""


def removing(explainer, model, background, few=None):
    """Return the Coalitions of a model by the explainer's ``removal``; of marginal ones, ``few`` fillers will do."""
    fill = few if few is not None and explainer.removal == "marginal" else background
    return Coalitions(model, explainer._members, fill, explainer.batch_size, explainer.removal)


def take_cells(X, others, columns, filler):
    """Return rows of X that take some columns from other rows: one of ``others``, or one for each row."""
    if X.ndim > 2:
        flat = take_cells(X.reshape(len(X), -1), others.reshape(len(others), -1), columns, filler)
        return flat.reshape(X.shape)
    sources = np.repeat(np.arange(len(X))[:, None], X.shape[1], axis=1)
    sources[:, columns] = len(X) + np.broadcast_to(filler, len(X))[:, None]
    return assemble(stack_rows(X, others), sources)


class AsItStands:
    """A fitted model whose eliminated columns are removed as the explainer removes columns.

    Parameters
    ----------
    explainer : RFEExplainer
    estimator : fitted estimator
    model : ExplainedModel
        The estimator, as the explainer sees it.
    ranked : table and ndarray
        The rows on which columns are ranked, and what is true of them (or None).
    background : table
        Rows that fill up what is removed.
    rng : RandomState
    scored : table and ndarray, optional
        The rows on which the model is scored; ``ranked`` by default.
    """

    def __init__(self, explainer, estimator, model, ranked, background, rng, scored=None):
        self.explainer, self.estimator, self.model = explainer, estimator, model
        self.rows, self.truth = ranked
        self.scored = ranked if scored is None else scored
        self.whole = removing(explainer, model, background)
        self.walk = removing(explainer, model, background, few=sample_rows(background, _FILLERS, rng))

    def without(self, kept, rng):
        """Return the Stage at which only some players are kept."""
        return Stage(self.estimator, self.model, self._filled(kept, rng), self.truth, self.walk, self._score(kept))

    def _filled(self, kept, rng):
        """Return the rows with the eliminated columns of other rows, one drawn for each: only an explainer needs it."""
        if self.explainer.importance is None or kept.all():
            return self.rows
        walk, n = self.whole, len(self.rows)
        filler = rng.randint(len(walk.background), size=n)
        if walk.neighbours is not None and kept.any():
            near = walk.neighbours.find(self.rows, kept[None])[:, 0]
            filler = near[np.arange(n), rng.randint(near.shape[1], size=n)]
        return take_cells(self.rows, walk.background, _columns(self.explainer, ~kept), filler)

    def _score(self, kept):
        model, (rows, truth) = self.model, self.scored
        outputs = self.whole.averaged(rows, kept[None])[:, 0]
        if truth is None or model.of_uncertainty or (model.classes is None and truth.ndim == 1 and model.n_outputs > 1):
            return r2(model.outputs(rows), outputs)
        return accuracy_or_r2(model, outputs, truth)


class TrainedAgain:
    """A model that is trained again at each stage, on rows whose eliminated columns say nothing.

    These columns are held at one value, their median or most frequent one, in all rows. For a linear model, a tree or
    a distance that is the same as dropping them, and a Pipeline with named columns or a network with a fixed
    number of inputs still trains.

    Parameters
    ----------
    explainer : RFEExplainer
    training : table and array-like
        The rows to train on, and what is true of them.
    ranked : table and ndarray
        The rows on which columns are ranked, and what is true of them.
    background : table
        Rows that fill up what is removed when columns are ranked.
    rng : RandomState
    scored : table and ndarray, optional
        The rows on which the model is scored, and what is true of them.
    """

    def __init__(self, explainer, training, ranked, background, rng, scored=None):
        self.explainer, self.background, self.scored = explainer, background, scored
        (self.X, self.y), (self.rows, self.truth) = training, ranked
        self.few = sample_rows(background, _FILLERS, rng)
        self.typical = typical_row(self.X)
        self.seed = draw_seed(rng)

    def without(self, kept, rng):
        """Return the Stage at which only some players are kept; without any, nothing is trained."""
        if not kept.any():
            return Stage(None, None, None, None, None, self._blind_score())
        X = self._held(self.X, kept)
        trained = train_clone(self.explainer.estimator, X, self.y, random_state=self.seed)
        model = see(self.explainer, trained, X, rng)
        walk = removing(self.explainer, model, self._held(self.background, kept), few=self._held(self.few, kept))
        score = None
        if self.scored is not None:
            rows, truth = self.scored
            score = accuracy_or_r2(model, model.outputs(self._held(rows, kept)), truth)
        return Stage(trained, model, self._held(self.rows, kept), self.truth, walk, score)

    def _held(self, X, kept):
        return X if kept.all() else take_cells(X, self.typical, _columns(self.explainer, ~kept), 0)

    def _blind_score(self):
        """Return the score of the best constant: the most frequent class, or the mean."""
        if self.scored is None:
            return None
        seen, truth = np.asarray(self.y), self.scored[1]
        if self.explainer._model.classes is None:
            return r2(truth, np.broadcast_to(seen.mean(axis=0), truth.shape))
        labels, counts = np.unique(seen, return_counts=True)
        return float(np.mean(truth == labels[counts.argmax()]))


def see(explainer, trained, X, rng):
    """Return a trained estimator as ExplainedModel, as the explainer sees its own."""
    names, caller = explainer._column_names(), type(explainer).__name__
    return ExplainedModel(trained, sample_rows(X, _PROBES, rng), names, output=explainer.output, caller=caller)


def _columns(explainer, players):
    """Return the columns of some players, given as a mask."""
    return np.concatenate([explainer._members[player] for player in np.flatnonzero(players)])


def accuracy_or_r2(model, outputs, truth):
    """Return the accuracy of a classifier's outputs, the R2 of a regressor's."""
    if model.classes is None:
        return r2(truth, outputs if np.ndim(truth) > 1 else outputs[:, 0])
    return float(np.mean(truth == model.classes[outputs.argmax(axis=1)]))


def r2(truth, found):
    """Return R2; where the truth is a single row, or does not vary but by rounding: 1 when it is found, else 0."""
    varies = np.ptp(truth, axis=0).max() > 1e-6 * np.abs(truth).max()
    return float(r2_score(truth, found)) if varies else float(np.allclose(truth, found))
