"""Concept activation vectors: how sensitive an output is to a concept that people named (TCAV)."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from sklearn_xai._compat import Interval, StrOptions, fit_context
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Layer, Output, Rows, Seed, Target, Transformed
from sklearn_xai.base.checks import check_no_nan
from sklearn_xai.base.targets import chooser, resolve_target
from sklearn_xai.engines import gradient
from sklearn_xai.models import LayerSite
from sklearn_xai.network._concepts import ConceptReader, TakesConcepts
from sklearn_xai.network._inside import InsideEstimator
from sklearn_xai.network.activations import pool
from sklearn_xai.tables import take_rows

_MASKS_AT_ONCE = 256  # rows whose masks are read together
_TESTED = 1 / 3  # share of the examples that a vector's accuracy is measured on


def concept_vector(activations, labels, classifier):
    """Return the direction in which a linear classifier sees a concept, of length one.

    Units are scaled to a variance of one for the classifier, and its normal is scaled back.

    Parameters
    ----------
    activations : ndarray of shape (n_examples, n_units)
    labels : ndarray of shape (n_examples,) of bool
    classifier : classifier with ``coef_``

    Returns
    -------
    vector : ndarray of shape (n_units,)
    """
    spread = activations.std(axis=0)
    scale = np.where(spread > 1e-7 * np.abs(activations).max(initial=1e-30), spread, np.inf)
    vector = np.ravel(clone(classifier).fit(activations / scale, labels).coef_) / scale
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector


def tcav_test(scores, random_scores):
    """Return the p-value of Welch's two-sided t-test between the scores of a concept and of random ones.

    Parameters
    ----------
    scores : ndarray of shape (n_runs,)
    random_scores : ndarray of shape (n_random,)

    Returns
    -------
    p_value : float
        Where neither varies, 1 if they are equal and 0 if not.
    """
    from scipy.stats import ttest_ind

    if np.ptp(scores) == 0 and np.ptp(random_scores) == 0:
        return float(scores[0] == random_scores[0])
    with warnings.catch_warnings():
        # One of the two may well not vary at all: all scores are then exactly 0 or 1.
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        return float(ttest_ind(scores, random_scores, equal_var=False).pvalue)


def row_concepts(concepts, X, given, names, caller):
    """Return which rows show which concept at any of their places, (n, n_concepts) of bool, and the names."""
    reader = ConceptReader(concepts, given, names, caller=caller).look(X)
    step = range(0, len(X), _MASKS_AT_ONCE)
    parts = [reader.batch(slice(start, min(len(X), start + _MASKS_AT_ONCE)), X) for start in step]
    return np.concatenate([part.reshape(*part.shape[:2], -1).any(axis=2) for part in parts]), reader.names


def check_shown(shown, names, caller):
    """Raise unless two rows show each concept, and two do not."""
    for count, name in zip(shown.sum(axis=0), names, strict=True):
        if not 2 <= count <= len(shown) - 2:
            raise ValueError(
                f"The 'concepts' parameter of {caller}.fit: {str(name)!r} is shown by {count} of n_samples={len(shown)}"
                " rows. A vector needs two rows that show it and two that do not."
            )


class ConceptActivationVectors(TakesConcepts, InsideEstimator):
    r"""How sensitive is an output to a concept that people named?

    A linear classifier of a layer's activations h tells rows that show a concept C from rows that do not; its normal is
    the concept activation vector :math:`v_C`. The sensitivity of output k of a row is the directional derivative

    .. math:: S_{C,k}(x) = \nabla_h f_k(h(x)) \cdot v_C,

    and the TCAV score of a class is the share of its rows for which S is positive. Vectors are found ``n_runs`` times
    from examples drawn anew, and so are vectors of random concepts (rows drawn from all rows against others): a
    concept whose scores do not differ from theirs says nothing.

    Parameters
    ----------
    %(estimator)s
    layer : str, (str, "input") or None, default=None
        Dotted name of one layer as ``layer_names`` lists it: its output, or input. None is the input of the last layer
        that has weights.
    pooling : {"flatten", "mean"}, default="flatten"
        Whether a vector has an element for each unit and place, or for each unit, whose places are averaged.
    target : "auto", label or int, default="auto"
        The output whose sensitivity ``transform`` gives, as for explainers: the positive one of two classes, the
        predicted one of many.
    output : {"auto", "raw", "proba"}, default="auto"
        Whether f is the logit or the probability; "auto" is "raw", and a plain module's own output.
    classifier : linear classifier, default=None
        Cloned for each vector. None is ``LogisticRegression(max_iter=1000)``.
    n_runs : int, default=20
        Vectors of each concept, and random concepts.
    n_examples : int, default=50
        Rows with a concept, and rows without, that each vector is found from; all of them where there are fewer.
    alpha : float, default=0.05
        Level of the test, divided by the number of tests (Bonferroni).
    %(shared)s

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    concepts_ : ndarray of shape (n_concepts,) of str
        Names of the concepts.
    cavs_ : ndarray of shape (n_concepts, n_units)
        The mean vector of the runs of each concept, of length one.
    accuracies_ : ndarray of shape (n_concepts,)
        Mean accuracy of the classifiers on a third of their examples; 0.5 is chance, as both kinds are as many.
    report_ : DataFrame
        For each class (or output) and concept: the TCAV score in [0, 1], its standard deviation over the runs, the mean
        score of random concepts, the p-value times the number of tests, whether it is ``significant``, the accuracy of
        the classifiers, and the number of rows predicted as that class (all rows for other outputs).
    layers_ : list of one layer
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X has names.

    Raises
    ------
    ValueError
        When a concept is shown by fewer than two rows, or by all but one.

    See Also
    --------
    NetworkDissection : Which single units detect a concept.
    SaliencyExplainer : With ``layer=``, the gradient that the vectors are held against.

    Notes
    -----
    The runs share the rows that scores are taken over, and some examples, so that the p-value is smaller than that of
    independent runs: read it beside the scores of random concepts. Where the gradient is zero, S is not positive.

    Misleads when the examples of a concept share something else, a background or a colour: the vector is then of that.
    A score tells how often the output rises along the vector, not by how much; and other layers, or other random
    examples, may tell another story.

    Cost: one forward pass for every example, and one forward and one backward pass for every row that is scored.
    ``fit`` trains ``n_runs`` linear classifiers for each concept and layer, and as many for random ones.

    References
    ----------
    B. Kim, M. Wattenberg, J. Gilmer, C. Cai, J. Wexler, F. Viegas, R. Sayres (2018). Interpretability Beyond Feature
    Attribution: Quantitative Testing with Concept Activation Vectors (TCAV).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import torch
    >>> from torch import nn
    >>> from sklearn_xai import ConceptActivationVectors
    >>> X = np.random.RandomState(0).standard_normal((300, 5)).astype("f4")
    >>> net = nn.Sequential(nn.Tanh(), nn.Linear(5, 1))
    >>> _ = net[1].weight.data.copy_(torch.tensor([[1.0, 0, 0, 0, 0]]))  # the output heeds the first column
    >>> concepts = pd.DataFrame({"first is large": X[:, 0] > 1, "second is large": X[:, 1] > 1})
    >>> cavs = ConceptActivationVectors(net, layer="0", n_runs=5, random_state=0).fit(X, concepts)
    >>> float(cavs.report_.loc[("0", "first is large"), "tcav_score"])
    1.0
    """

    _parameter_constraints: dict = {
        **InsideEstimator._parameter_constraints,
        "layer": [str, tuple, None],
        "pooling": [StrOptions({"flatten", "mean"})],
        "target": "no_validation",
        "output": [StrOptions({"auto", "raw", "proba"})],
        "classifier": "no_validation",
        "n_runs": [Interval(Integral, 2, None, closed="left")],
        "n_examples": [Interval(Integral, 2, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        layer: Layer = None,
        pooling: Literal["flatten", "mean"] = "flatten",
        target: Target = "auto",
        output: Output = "auto",
        classifier: Any = None,
        n_runs: int = 20,
        n_examples: int = 50,
        alpha: float = 0.05,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(estimator, layer=layer, batch_size=batch_size, random_state=random_state, verbose=verbose)
        self.pooling = pooling
        self.target = target
        self.output = output
        self.classifier = classifier
        self.n_runs = n_runs
        self.n_examples = n_examples
        self.alpha = alpha

    # ------------------------------------------------------------------ fit
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Rows,
        *args: ArrayLike,
        concepts: Any = None,
        y: ArrayLike | None = None,
        concept_names: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Find the vectors of concepts, and test what outputs are sensitive to: ``fit(X, concepts, y=None)``.

        Where concepts are given by name, as a Pipeline does, what follows X is y: ``fit(X, y, concepts=labels)``,
        ``pipeline.fit(X, y, conceptactivationvectors__concepts=labels)``.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
        *args : array-like
            The concepts, and y after them, where they are given by place.
        concepts : DataFrame, array of bool (n_samples, n_concepts), masks (n_samples, n_concepts, ...), dict or list
            Which rows show which concept, as ``NetworkDissection`` takes it; a row shows what any of its places does.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            With y, a clone of ``estimator`` is trained (a FrozenEstimator or a torch module never is).
        concept_names : array-like of shape (n_concepts,) of str, default=None
            Names, instead of those that come with the concepts.
        **fit_params : dict
            Passed to the ``fit`` of the estimator, or routed to it when metadata routing is enabled.

        Returns
        -------
        self : object
        """
        concepts, y = self._concepts_and_y(args, concepts, y)
        given = X
        X, y, rng = self._fit_layers(X, y, fit_params)
        name = type(self).__name__
        if len(self.layers_) != 1:
            raise ValueError(f"The 'layer' parameter of {name} must name one layer. Got {len(self.layers_)}.")
        self._target_index = resolve_target(self._model, self.target, name)
        if self._target_index == "all":
            raise ValueError(f"The 'target' parameter of {name} must name one output of several: its index.")
        few = self._model.inputs(take_rows(X, slice(8)))
        point = self._layer_reader.points[0]
        self._site = LayerSite(self._model.network, point.path, point.side, few, name)
        shown, self.concepts_ = row_concepts(concepts, X, given, concept_names, name)
        check_shown(shown, self.concepts_, name)
        with threadpool_limits(limits=1, user_api="blas"):  # several take longer over so few rows
            vectors, accuracies = self._find_vectors(X, shown, rng)
        means = vectors[:, :-1].mean(axis=0)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        self.cavs_ = means / np.where(lengths > 0, lengths, 1)
        self.accuracies_ = accuracies[:, :-1].mean(axis=0)
        self.report_ = self._test(X, vectors)
        return self

    def _find_vectors(self, X, shown, rng):
        """Return the vectors of all runs (n_runs, n_concepts + 1, n_units), the last random ones, and accuracies."""
        n_concepts = shown.shape[1]
        examples = [[self._draw(shown[:, c], rng) for c in range(n_concepts)] for _ in range(self.n_runs)]
        size = int(np.median([len(rows) // 2 for run in examples for rows in run]))
        for run in examples:
            run.append(rng.permutation(len(X))[: 2 * size])
        used, places = np.unique(np.concatenate([rows for run in examples for rows in run]), return_inverse=True)
        activations = self._flat_activations(take_rows(X, used))
        seeds = [draw_seed(rng) for _ in range(self.n_runs)]
        vectors = np.empty((self.n_runs, n_concepts + 1, activations.shape[1]))
        accuracies, at = np.empty((self.n_runs, n_concepts + 1)), 0
        for i in track(range(self.n_runs), f"{type(self).__name__}: vectors", verbose=self.verbose):
            for c, rows in enumerate(examples[i]):
                own = activations[places[at : at + len(rows)]]
                at += len(rows)
                vectors[i, c], accuracies[i, c] = self._fit_vector(own, seeds[i])
        return vectors, accuracies

    def _draw(self, shown, rng):
        """Return as many rows that show a concept as rows that do not, those that do first."""
        rows = [np.flatnonzero(shown), np.flatnonzero(~shown)]
        size = min(self.n_examples, *map(len, rows))
        return np.concatenate([rng.choice(part, size, replace=False) for part in rows])

    def _fit_vector(self, examples, seed):
        labels = np.arange(len(examples)) < len(examples) // 2
        classifier = LogisticRegression(max_iter=1000) if self.classifier is None else self.classifier
        accuracy = np.nan
        if len(examples) >= 6:  # else a third of them is no one of either kind
            seen, held, y_seen, y_held = train_test_split(
                examples, labels, test_size=_TESTED, stratify=labels, random_state=seed % 2**32
            )
            spread = seen.std(axis=0)
            scale = np.where(spread > 0, spread, np.inf)
            accuracy = clone(classifier).fit(seen / scale, y_seen).score(held / scale, y_held)
        return concept_vector(examples, labels, classifier), accuracy

    def _flat(self, values):
        return pool(values, self._layer_reader.unit_axes[0], self.pooling)

    def _flat_activations(self, X):
        parts = [self._flat(values[0]).cpu().numpy() for _, values in self._activations(X)]
        found = np.concatenate(parts).astype(np.float64)
        self._check_no_nan(np.isnan(found).any(axis=1), X)
        return found

    def _test(self, X, vectors):
        """Return the table of scores and tests."""
        import pandas as pd

        n_runs, n_vectors, n_units = vectors.shape
        names = self._output_names()
        positive, count = np.zeros((len(names), n_runs * n_vectors)), np.zeros(len(names), dtype=int)
        flat = vectors.reshape(-1, n_units)
        for k in range(len(names)):
            for slopes, outputs in self._slopes(X, k):
                rows = outputs.argmax(axis=1) == k if self._model.classifier else np.ones(len(outputs), dtype=bool)
                positive[k] += (slopes[rows] @ flat.T > 0).sum(axis=0)
                count[k] += rows.sum()
        scores = (positive / np.maximum(count, 1)[:, None]).reshape(len(names), n_runs, n_vectors)
        found = []
        for k, name in enumerate(names):
            if not count[k]:
                continue
            random = scores[k, :, -1]
            for c, concept in enumerate(self.concepts_):
                own = scores[k, :, c]
                found.append(
                    {
                        "output": name,
                        "concept": concept,
                        "tcav_score": own.mean(),
                        "std": own.std(ddof=1),
                        "random_score": random.mean(),
                        "p_value": tcav_test(own, random),
                        "accuracy": self.accuracies_[c],
                        "n_rows": count[k],
                    }
                )
        table = pd.DataFrame(found).set_index(["output", "concept"])
        table["p_value"] = np.minimum(1.0, table["p_value"] * len(table))
        table.insert(4, "significant", table["p_value"] < self.alpha)
        return table

    def _output_names(self):
        if self._model.classes is not None:
            return [str(label) for label in self._model.classes]
        return [str(k) for k in range(self._model.n_outputs)]

    def _slopes(self, X, choose):
        """Yield the gradient at the layer, as the vectors have their elements, and the outputs, batch by batch."""
        network, site = self._model.network, self._site
        inputs = self._model.inputs(X)
        step = self._step(len(inputs))
        for start in track(range(0, len(inputs), step), type(self).__name__, verbose=self.verbose):
            with network.frozen():
                z = network.tensor(inputs[start : start + step])
                found, outputs = gradient(site, site.variable(z), choose, site.context(z), self.batch_size)
                slopes = self._flat(found)
                if self.pooling == "mean":  # a step along such a vector moves every place of a unit alike
                    slopes = slopes * (found[0].numel() / slopes.shape[1])
            yield slopes.double().cpu().numpy(), outputs.double().cpu().numpy()

    # ------------------------------------------------------------------ transform
    def transform(self, X: Rows) -> Transformed:
        """Return how sensitive the explained output of rows is to each concept.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)

        Returns
        -------
        sensitivities : ndarray of shape (n_samples, n_concepts)
            The directional derivative along ``cavs_``: units of the output for one unit of activation.
        """
        check_is_fitted(self)
        X, parts, is_nan = self._checked(X), [], []
        for slopes, outputs in self._slopes(X, chooser(self._target_index)):
            parts.append(slopes @ self.cavs_.T)
            is_nan.append(np.isnan(outputs).any(axis=1))
        check_no_nan(type(self).__name__, "the model's output", np.concatenate(is_nan), X, self._column_names())
        return np.concatenate(parts).astype(self._model.dtype)

    def concept_activations(self, X: Rows) -> np.ndarray:
        """Return how far the activations of rows go in the direction of each concept.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)

        Returns
        -------
        activations : ndarray of shape (n_samples, n_concepts)
            The layer's activations times ``cavs_``.
        """
        check_is_fitted(self)
        X = self._checked(X)
        found = (self._flat(values[0]) for _, values in self._activations(X))
        activations = np.concatenate([values.double().cpu().numpy() @ self.cavs_.T for values in found])
        self._check_no_nan(np.isnan(activations).any(axis=1), X)
        return activations.astype(self._model.dtype)

    @property
    def _n_features_out(self):
        return len(self.concepts_)

    def _names_out(self):
        """Return the concepts."""
        return np.asarray(self.concepts_, dtype=object)
