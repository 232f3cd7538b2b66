"""Does an explanation depend on the output that is explained?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_whole
from sklearn_xai._progress import track
from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Explained, Rows, Scores, Seed, Similarity
from sklearn_xai.metrics._judged import check_explainer
from sklearn_xai.metrics._refitting import Refitting, mean_of
from sklearn_xai.metrics._registry import explanation_metric
from sklearn_xai.metrics.randomisation_curve import similarity_of

_MIRRORED = 1e-5  # by this share of their spread two outputs may miss adding up to a constant


@explanation_metric(family="randomisation", greater_is_better=False)
def random_target(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_targets: int = 10,
    similarity: Similarity = "spearman",
    absolute: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much is an explanation like that of another output of the model?

    The random logit test: the mean over T other outputs of the similarity of their explanations, by the same fitted
    explainer, to that of the explained output t of the row,

    .. math:: \frac{1}{T} \sum_{t' \ne t} \mathrm{sim}(e_t(x), e_{t'}(x)).

    With many outputs, some are drawn: those that lie the same
    number of places, in turn, after the explained output of each row.

    Parameters
    ----------
    explainer : fitted explainer
        Of a model with at least two outputs.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation to judge, as `transform(X)` or `explain(X)` give it. None takes `explainer.transform(X)`.
    n_targets : int, default=10
        How many other outputs to compare with; all of them where there are no more.
    similarity : {"spearman", "cosine"} or callable, default="spearman"
        Of two explanations; a function of two arrays (n_samples, n_players) that gives (n_samples,).
    absolute : bool, default=False
        Whether to compare the magnitudes of the attributions: for methods that have no sign, or where an explanation
        with all signs turned is to count as the same.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of outputs, where there are more than `n_targets`; it is the same for all rows.

    Returns
    -------
    similarity : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [-1, 1], lower being better: 1.0 for an explanation that is the same for all outputs. 0.0 where one of the
        two is constant over the players (for "cosine": all zero), as it is of a single player. Ties share their mean
        rank. With `target="all"`, the mean over the outputs.

    Raises
    ------
    ValueError
        If the model has one output, or two of which one is the other with its sign turned: then there is no other
        output that an explanation could be told from. If a parameter is not one of the above.

    Notes
    -----
    Misleads when outputs need the same players by right: what tells one class from another may speak of both, with the
    sign turned, which "spearman" tells and `absolute` does not. Few outputs make a coarse test.

    Cost: one explanation of the rows for every other output, at most `n_targets`.

    References
    ----------
    Sixt, L., Granz, M. and Landgraf, T. (2020). When Explanations Lie: Why Many Modified BP Attributions Fail. ICML.

    See Also
    --------
    parameter_randomisation : How much is like that of another network.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import random_target
    >>> X = torch.eye(4).numpy()
    >>> explainer = SaliencyExplainer(torch.nn.Linear(4, 3)).fit(X)
    >>> -1 <= random_target(explainer, X) < 1
    True
    """
    check_explainer(explainer, "random_target")
    _check_outputs(explainer)
    check_whole(n_targets, "n_targets", "random_target")
    compare = similarity_of(similarity, "random_target")
    refitting = Refitting(explainer, X, metric="random_target", random_state=0)
    values = explainer.transform(X) if attributions is None else attributions
    own, n_outputs = refitting.own(values), explainer._model.n_outputs
    every = refitting.around(target="all") if explainer._one_target else explainer
    steps = np.arange(1, n_outputs)
    if len(steps) > n_targets:
        steps = own_random_state(random_state).choice(steps, n_targets, replace=False)
    of_output = {}  # with target="all", each output is the other one of several
    found = []
    verbose = getattr(explainer, "verbose", 0)
    for targets, judged in zip(refitting.targets, own, strict=True):
        for step in track(steps, "random_target: other outputs", verbose=verbose):
            others = (targets + step) % n_outputs
            key = others.tobytes()
            if key not in of_output:
                of_output[key] = np.asarray(every.attribute(refitting.rows, others), dtype=np.float64).reshape(
                    judged.shape
                )
            pair = judged, of_output[key]
            found.append(compare(*map(np.abs, pair) if absolute else pair))
    return mean_of(found, sample_wise)


def _check_outputs(explainer):
    """Raise where explanations of two outputs are bound to be each other's mirror image."""
    model, way_out = explainer._model, "Use it for models of several classes or outputs"
    if model.n_outputs == 1:
        raise ValueError(
            f"random_target compares explanations of different outputs, but the explained model has one. {way_out}."
        )
    if model.n_outputs == 2:
        outputs = np.asarray(model.outputs(explainer.background_), dtype=np.float64)
        if np.ptp(outputs.sum(axis=1)) <= _MIRRORED * np.ptp(outputs, axis=0).max() > 0:
            raise ValueError(
                "random_target compares explanations of different outputs, but the two outputs of the explained model "
                "always add up to the same, so that one explanation is the other with its signs turned, whatever the "
                f"method. {way_out}, or, of a network with two logits, with output='raw'."
            )
