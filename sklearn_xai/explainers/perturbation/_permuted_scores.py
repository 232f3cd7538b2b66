"""Scores of a model whose columns are permuted: rows that many permutations have in common are predicted once."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, r2_score
from sklearn.utils import get_tags

from sklearn_xai._compat import available_if
from sklearn_xai._rng import own_random_state
from sklearn_xai.models import is_network, split_pipeline, unwrap
from sklearn_xai.tables import is_frame, take_rows, value_codes

_ROWS_AT_ONCE = 20_000  # permuted rows that are put together and predicted at once
_SCORER = type(make_scorer(accuracy_score))  # what get_scorer returns: it asks for predictions, and for nothing else


# ---------------------------------------------------------------------- permutations
def permutations(n_rows, n_repeats, random_state):
    """Return the row that each row's values come from in each repeat: scikit-learn's for the same random state.

    scikit-learn shuffles a column again and again, so that each permutation builds on the one before; they are the
    same for all columns.

    Parameters
    ----------
    n_rows, n_repeats : int
    random_state : int, RandomState instance or None

    Returns
    -------
    orders : int ndarray of shape (n_repeats, n_rows)
    """
    seed = own_random_state(random_state).randint(np.iinfo(np.int32).max + 1)
    rng = np.random.RandomState(seed)
    shuffled, order = np.arange(n_rows), np.arange(n_rows)
    orders = np.empty((n_repeats, n_rows), dtype=int)
    for repeat in range(n_repeats):
        rng.shuffle(shuffled)
        orders[repeat] = order = order[shuffled]
    return orders


def distinct_rows(codes, orders):
    """Find the permuted rows that differ from the original ones and from each other.

    In a column of few values, most permutations give a row the value it had, or had in an earlier repeat.

    Parameters
    ----------
    codes : int ndarray of shape (n_rows,)
        Equal where the values of the permuted columns are.
    orders : int ndarray of shape (n_repeats, n_rows)

    Returns
    -------
    rows, sources : int ndarray of shape (n_distinct,)
        Row ``rows[i]`` with the permuted columns of row ``sources[i]``.
    place : int ndarray of shape (n_repeats, n_rows)
        Where each permuted row is found among the n_rows original rows and, after them, the distinct ones.
    """
    n_rows = len(codes)
    found = codes[orders]
    place = np.broadcast_to(np.arange(n_rows), orders.shape).copy()
    changed = found != codes
    rows, sources = place[changed], orders[changed]
    _, first, inverse = np.unique(found[changed] * n_rows + rows, return_index=True, return_inverse=True)
    place[changed] = n_rows + inverse
    return rows[first], sources[first], place


def codes_of(table, columns):
    """Return numbers below the number of rows that are equal where the values of the columns are."""
    return np.unique(value_codes(table, columns), axis=0, return_inverse=True)[1].reshape(-1)


def mixed_rows(table, columns, rows, sources):
    """Return some rows of a table, with some columns taken from other rows."""
    mixed = take_rows(table, rows)
    if not is_frame(table):
        mixed[:, columns] = table[sources[:, None], columns]
        return mixed
    mixed = mixed.reset_index(drop=True)
    for j in columns:
        mixed.isetitem(j, table.iloc[:, j].array.take(sources))
    return mixed


# ---------------------------------------------------------------------- predictions
class _Rows:
    """The rows given to ``fit``, behind the preprocessing if that is column-wise, and what predicts from there.

    Parameters
    ----------
    model : ExplainedModel
    estimator : fitted estimator
    coalitions : Coalitions
        Knows the player of each input.
    X : table of shape (n_rows, n_columns)
    """

    def __init__(self, model, estimator, coalitions, X):
        self.table, self.columns, self._names = X, coalitions.members, None
        self.predictor = estimator if model.network is None else model
        self.classes = None if model.labels is None else plain(model.labels)
        if model.column_wise:
            self.table = model.inputs(X)
            owner = coalitions.owners(model.columns.feeds_of(X, self.table))
            self.columns = [np.flatnonzero(owner == player) for player in range(len(coalitions.members))]
            self.predictor = split_pipeline(estimator)[1] if model.network is None else model.behind()
            self._names = getattr(self.predictor, "feature_names_in_", None)
        named = get_tags(estimator).estimator_type if model.network is None else None
        self.type = named or ("regressor" if model.labels is None else "classifier")
        known = {"predict"} if self.type == "regressor" else {"predict", "predict_proba", "decision_function"}
        self.methods = {name for name in known if hasattr(self.predictor, name)}
        self._own: dict[str, np.ndarray] = {}

    def own(self, method):
        """Return the predictions of the rows as they are."""
        if method not in self._own:
            self._own[method] = self.predict(method, self.table)
        return self._own[method]

    def predict(self, method, table):
        """Return the predictions of a table as the predictor takes it."""
        if self._names is not None and not is_frame(table):
            import pandas as pd

            table = pd.DataFrame(table, columns=self._names)
        return plain(getattr(self.predictor, method)(table))


def plain(values):
    """Return an array of a numeric type where it holds numbers: metrics do not know what objects are."""
    values = np.asarray(values)
    found = np.asarray(values.tolist()) if values.dtype.kind == "O" else values
    return found if found.dtype.kind in "fiub" else values


class _Predictions:
    """Predictions of the rows and of rows put together from them, asked for when a scorer does, and once."""

    def __init__(self, source, columns, rows, sources, rows_at_once):
        self.source, self.columns = source, columns
        self.rows, self.sources, self.rows_at_once = rows, sources, rows_at_once
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, method):
        if method not in self._known:
            parts = [self.source.own(method)]
            for start in range(0, len(self.rows), self.rows_at_once):
                part = slice(start, start + self.rows_at_once)
                table = mixed_rows(self.source.table, self.columns, self.rows[part], self.sources[part])
                parts.append(self.source.predict(method, table))
            self._known[method] = np.concatenate(parts)
        return self._known[method]


class _Answering(BaseEstimator):
    """Stands for the estimator in a scorer: whatever the rows, it answers with predictions that are at hand."""

    def __init__(self, predictions, place):
        self.predictions = predictions
        self.place = place

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = self.predictions.source.type
        return tags

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        if self.predictions.source.classes is None:
            raise AttributeError("There are no classes_: this is no classifier.")
        return self.predictions.source.classes

    def predict(self, X):
        return self.predictions("predict")[self.place]

    @available_if(lambda self: "predict_proba" in self.predictions.source.methods)
    def predict_proba(self, X):
        return self.predictions("predict_proba")[self.place]

    @available_if(lambda self: "decision_function" in self.predictions.source.methods)
    def decision_function(self, X):
        return self.predictions("decision_function")[self.place]


# ---------------------------------------------------------------------- scores
def find_scorer(scoring, estimator, model):
    """Return the scorer, and whether it asks for nothing but predictions.

    Parameters
    ----------
    scoring : str, callable or None
        None is the estimator's own score; the accuracy or R2 where it has none, and of a network, as skorch's takes
        labels for numbers.
    estimator : fitted estimator
    model : ExplainedModel
    """
    if scoring is not None:
        scorer = get_scorer(scoring)
        return scorer, isinstance(scorer, _SCORER)
    last = unwrap(estimator)
    while hasattr(last, "named_steps"):
        last = unwrap(last.steps[-1][1])
    own = getattr(type(last), "score", None)
    if own is None or is_network(last):
        return make_scorer(r2_score if model.labels is None else accuracy_score), True
    if own is ClassifierMixin.score or own is RegressorMixin.score:
        return make_scorer(accuracy_score if is_classifier(last) else r2_score), True
    return _own_score, False


def _own_score(estimator, X, y):
    return estimator.score(X, y)


class PermutedScores:
    """The score of the model on some rows, and on the same rows with the columns of one player permuted.

    Parameters
    ----------
    scoring : str, callable or None
    estimator : fitted estimator
    whole : object
        What a scorer is given that wants the rows themselves: the estimator or what predicts labels in its place.
    model : ExplainedModel
    coalitions : Coalitions
    X : table of shape (n_rows, n_columns)
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs), or None
        None is what the model itself predicts.
    batch_size : int, optional
    """

    def __init__(self, scoring, estimator, whole, model, coalitions, X, y, batch_size=None):
        self.scorer, self.by_predictions = find_scorer(scoring, estimator, model)
        self.X, self.members = X, coalitions.members
        self.whole = estimator if self.scorer is _own_score else whole
        self.source = _Rows(model, estimator, coalitions, X)
        self.y = self.source.own("predict") if y is None else plain(y)
        self.rows_at_once = batch_size or _ROWS_AT_ONCE

    def of_rows(self):
        """Return the score of the rows as they are."""
        if not self.by_predictions:
            return float(self.scorer(self.whole, self.X, self.y))
        none = np.arange(0)
        return self._score(_Predictions(self.source, none, none, none, 1), slice(None))

    def permuted(self, player, orders):
        """Return the score of each permutation of a player's columns.

        Parameters
        ----------
        player : int
        orders : int ndarray of shape (n_repeats, n_rows)

        Returns
        -------
        scores : ndarray of shape (n_repeats,)
        """
        if not self.by_predictions:
            every, columns = np.arange(len(self.X)), self.members[player]
            tables = (mixed_rows(self.X, columns, every, order) for order in orders)
            return np.array([float(self.scorer(self.whole, table, self.y)) for table in tables])
        columns = self.source.columns[player]
        rows, sources, place = distinct_rows(codes_of(self.source.table, columns), orders)
        predictions = _Predictions(self.source, columns, rows, sources, self.rows_at_once)
        return np.array([self._score(predictions, at) for at in place])

    def _score(self, predictions, place):
        return float(self.scorer(_Answering(predictions, place), self.source.table, self.y))
