"""Randomisation: does an explanation depend on what the network has learned, and on the output that is explained?"""

from __future__ import annotations

from numbers import Integral

import numpy as np

from sklearn_xai._rng import own_random_state
from sklearn_xai.metrics._refitting import Refitting, mean_of
from sklearn_xai.metrics._registry import explanation_metric
from sklearn_xai.metrics.randomisation_curve import Cascade, similarity_of

_LEAST_ENTROPY = 0.01  # of the largest there is: what is divided by at least
_MIRRORED = 1e-5  # by this share of their spread two outputs may miss adding up to a constant


@explanation_metric(family="randomisation", greater_is_better=False, network=True, refits=True)
def parameter_randomisation(
    explainer,
    X,
    y=None,
    *,
    attributions=None,
    order="cascading",
    layers=None,
    similarity="spearman",
    absolute=False,
    sample_wise=False,
    random_state=None,
):
    """How much is left of an explanation when the network's layers are drawn anew?

    The model parameter randomisation test: the mean over l of the similarity of the explanation of the trained network
    to that of the network whose l last layers are as new. See `parameter_randomisation_curve` for the single
    values, and for how each explanation is made.

    Parameters
    ----------
    explainer : fitted explainer
        Of a skorch net, a torch module or a Pipeline that ends in one.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation of the trained network. None makes it anew, by an explainer fitted to the same background as
        those of the randomised networks are, which is all that then differs.
    order, layers, similarity, absolute : default="cascading", None, "spearman", False
        As in `parameter_randomisation_curve`.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : int, RandomState instance or None, default=None
        Seeds the layers, the same for all rows, and the explainer if it has no seed of its own.

    Returns
    -------
    similarity : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [-1, 1], lower being better: 1.0 for an explanation that does not depend on the network at all, about 0 for
        one that is a new one with each network. So a random explanation, drawn without a look at the network, has 1.0.
        Steps where either explanation is constant over the players count 0.0: all zeros, a single player. Ties share
        their mean rank.

    Raises
    ------
    TypeError
        If the explained model does not end in a network.
    ValueError
        If a parameter is not one of the above, or the network has no such layers.

    References
    ----------
    Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M. and Kim, B. (2018). Sanity Checks for Saliency Maps.

    See Also
    --------
    smooth_parameter_randomisation : The same of explanations without their noise.
    efficient_parameter_randomisation : Whether explanations become more complex.
    parameter_randomisation_curve : Layer by layer.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import RandomExplainer
    >>> from sklearn_xai.metrics import parameter_randomisation
    >>> X = torch.eye(4).numpy()
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    >>> round(parameter_randomisation(RandomExplainer(net, random_state=0).fit(X), X), 6)
    1.0
    """
    metric = "parameter_randomisation"
    cascade = Cascade(explainer, X, metric=metric, order=order, layers=layers, random_state=random_state)
    scores = cascade.curve(attributions, similarity, absolute, None, None).similarity
    return mean_of(scores, sample_wise)


@explanation_metric(
    family="randomisation", greater_is_better=False, network=True, inputs=("table", "image"), refits=True
)
def smooth_parameter_randomisation(
    explainer,
    X,
    y=None,
    *,
    attributions=None,
    n_samples=20,
    noise=0.1,
    order="cascading",
    layers=None,
    similarity="spearman",
    absolute=False,
    sample_wise=False,
    random_state=None,
):
    """How much is left of an explanation without its noise when the network's layers are drawn anew?

    As `parameter_randomisation`, of means of explanations over noisy copies of each row, trained network and
    randomised networks alike: the noise of gradients would make two explanations less similar than they are.

    Parameters
    ----------
    explainer : fitted explainer
        Of a skorch net, a torch module or a Pipeline that ends in one.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        Checked, but not compared with anything: also the trained network's explanations are those of noisy copies.
    n_samples : int, default=20
        Number of noisy copies of each row.
    noise, order, layers, similarity, absolute : default=0.1, "cascading", None, "spearman", False
        As in `parameter_randomisation_curve`.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : int, RandomState instance or None, default=None
        Seeds layers and noise, the same for all rows, and the explainer if it has no seed of its own.

    Returns
    -------
    similarity : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [-1, 1], lower being better, with the values of `parameter_randomisation` for zeros, ties, constants and a
        single player.

    Raises
    ------
    TypeError
        If the explained model does not end in a network.
    ValueError
        If a parameter is not one of the above, the network has no such layers, or no number in X can have noise.

    References
    ----------
    Hedstroem, A., Weber, L., Lapuschkin, S. and Hoehne, M. (2023). Sanity Checks Revisited: An Exploration to Repair
    the Model Parameter Randomisation Test.

    See Also
    --------
    parameter_randomisation : The same of explanations as they are.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import smooth_parameter_randomisation
    >>> X = torch.eye(4).numpy()
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    >>> smooth_parameter_randomisation(SaliencyExplainer(net).fit(X), X, n_samples=3, random_state=0) < 1
    True
    """
    metric = "smooth_parameter_randomisation"
    cascade = Cascade(explainer, X, metric=metric, order=order, layers=layers, random_state=random_state)
    if attributions is not None:
        cascade.refitting.own(attributions)
    scores = cascade.curve(None, similarity, absolute, n_samples, noise).similarity
    return mean_of(scores, sample_wise)


@explanation_metric(family="randomisation", greater_is_better=True, network=True, refits=True)
def efficient_parameter_randomisation(
    explainer, X, y=None, *, attributions=None, n_bins=None, sample_wise=False, random_state=None
):
    r"""How much more complex does an explanation become when the whole network is drawn anew?

    .. math:: \frac{H(e(x; \tilde\theta)) - H(e(x; \theta))}{\max(H(e(x; \theta)), 0.01 \log n)}

    of the entropy H, at most log n. With `n_bins=None` it is that of the shares of the n players in the sum of the
    magnitudes of the attributions; with a number, that of the histogram of the signed attributions of a row over
    their range, as in the publication, and n is the number of bins. There is one randomised network and no similarity
    to choose; explanations are made as those of `parameter_randomisation_curve`.

    Parameters
    ----------
    explainer : fitted explainer
        Of a skorch net, a torch module or a Pipeline that ends in one.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation of the trained network. None makes it anew, by an explainer fitted to the same background as
        that of the randomised network is.
    n_bins : int or None, default=None
        Number of bins of the histogram, for images; None takes the shares of players, which a table of few columns
        needs.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : int, RandomState instance or None, default=None
        Seeds the layers, the same for all rows, and the explainer if it has no seed of its own.

    Returns
    -------
    rise : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [-1, 100], higher being better; 0.0 for an explanation that does not depend on the network. An all-zero
        explanation, which singles no player out, counts as the most complex one, log n, if shares are taken; in a
        histogram what is constant has entropy 0. Ties need no rule; a single player has 0.0.

    Raises
    ------
    TypeError
        If the explained model does not end in a network.
    ValueError
        If the network has no layers with parameters, or `n_bins` is not at least 2.

    References
    ----------
    Hedstroem, A., Weber, L., Lapuschkin, S. and Hoehne, M. (2023). Sanity Checks Revisited: An Exploration to Repair
    the Model Parameter Randomisation Test.

    See Also
    --------
    parameter_randomisation : Whether explanations stay alike.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import RandomExplainer
    >>> from sklearn_xai.metrics import efficient_parameter_randomisation
    >>> X = torch.eye(4).numpy()
    >>> explainer = RandomExplainer(torch.nn.Linear(4, 1), random_state=0).fit(X)
    >>> abs(efficient_parameter_randomisation(explainer, X)) < 1e-6
    True
    """
    metric = "efficient_parameter_randomisation"
    if n_bins is not None and (not isinstance(n_bins, Integral) or isinstance(n_bins, bool) or n_bins < 2):
        raise ValueError(f"The 'n_bins' parameter of {metric} must be None or at least 2. Got {n_bins!r}.")
    cascade = Cascade(explainer, X, metric=metric, random_state=random_state)
    trained = cascade.refitting.own(attributions)
    randomised = cascade.randomised(len(cascade.layers) - 1, cascade.refitting.attributions)
    return mean_of([_rise(*pair, n_bins) for pair in zip(trained, randomised, strict=True)], sample_wise)


def _rise(trained, randomised, n_bins):
    before, after = (_shares_entropy(a) if n_bins is None else _bins_entropy(a, n_bins) for a in (trained, randomised))
    largest = np.log(max(2, trained.shape[1] if n_bins is None else n_bins))
    return (after - before) / np.maximum(before, _LEAST_ENTROPY * largest)


def _entropy(weights):
    """Return the entropy of weights of each row, which add up to something positive."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)


def _shares_entropy(attributions):
    size = np.abs(attributions)
    largest = size.max(axis=1, keepdims=True)
    return _entropy(np.where(largest > 0, size / np.where(largest > 0, largest, 1.0), 1.0))


def _bins_entropy(attributions, n_bins):
    """Return the entropy of the histogram of each row, in bins of equal width over its range."""
    scaled = attributions / np.maximum(np.abs(attributions).max(axis=1, keepdims=True), np.finfo(float).tiny)
    low, high = scaled.min(axis=1, keepdims=True), scaled.max(axis=1, keepdims=True)
    bins = (n_bins * (scaled - low) / np.where(high > low, high - low, 1.0)).astype(int).clip(0, n_bins - 1)
    counts = np.zeros((len(scaled), n_bins))
    np.add.at(counts, (np.arange(len(scaled))[:, None], bins), 1.0)
    return _entropy(counts)


@explanation_metric(family="randomisation", greater_is_better=False)
def random_target(
    explainer,
    X,
    y=None,
    *,
    attributions=None,
    n_targets=10,
    similarity="spearman",
    absolute=False,
    sample_wise=False,
    random_state=None,
):
    """How much is an explanation like that of another output of the model?

    The random logit test: the mean over other outputs of the similarity of their explanations, by the same fitted
    explainer, to that of the explained output of the row. With many outputs, some are drawn: those that lie the same
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
    _check_outputs(explainer)
    if not isinstance(n_targets, Integral) or isinstance(n_targets, bool) or n_targets < 1:
        raise ValueError(f"The 'n_targets' parameter of random_target must be a positive integer. Got {n_targets!r}.")
    compare = similarity_of(similarity, "random_target")
    refitting = Refitting(explainer, X, metric="random_target", random_state=0)
    values = explainer.transform(X) if attributions is None else attributions
    own, n_outputs = refitting.own(values), explainer._model.n_outputs
    every = refitting.around(target="all") if explainer._one_target else explainer
    steps = np.arange(1, n_outputs)
    if len(steps) > n_targets:
        steps = own_random_state(random_state).choice(steps, n_targets, replace=False)
    of_output: dict = {}  # with target="all", each output is the other one of several
    found = []
    for targets, judged in zip(refitting.targets, own, strict=True):
        for step in steps:
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
