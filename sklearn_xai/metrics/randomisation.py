"""Randomisation: does an explanation depend on what the network has learned?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_whole
from sklearn_xai._typing import Explained, RandomisationOrder, Rows, Scores, Seed, Similarity
from sklearn_xai.metrics._refitting import mean_of
from sklearn_xai.metrics._registry import explanation_metric
from sklearn_xai.metrics.randomisation_curve import Cascade

_LEAST_ENTROPY = 0.01  # of the largest there is: what is divided by at least


@explanation_metric(family="randomisation", greater_is_better=False, network=True, refits=True)
def parameter_randomisation(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    order: RandomisationOrder = "cascading",
    layers: list[str] | None = None,
    similarity: Similarity = "spearman",
    absolute: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much is left of an explanation when the network's layers are drawn anew?

    The model parameter randomisation test: the mean over l of the similarity of the explanation of the trained network
    to that of the network whose l last layers are as new,

    .. math:: \frac{1}{L} \sum_l \mathrm{sim}(e(x; \theta), e(x; \tilde\theta_l))

    with :math:`\tilde\theta_l` its parameters. See `parameter_randomisation_curve` for the single
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

    Notes
    -----
    Misleads where explanations are noisy: two of them differ whatever the network is, which looks like an answer to
    the randomisation. A method whose map is mostly the row itself (input times something) stays similar though it
    depends on the network. Little similarity does not say that the explanation is right.

    Cost: the explainer is fitted and explains the rows once for every layer, and once for the trained network.

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
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_samples: int = 20,
    noise: float = 0.1,
    order: RandomisationOrder = "cascading",
    layers: list[str] | None = None,
    similarity: Similarity = "spearman",
    absolute: bool = False,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""How much is left of an explanation without its noise when the network's layers are drawn anew?

    As `parameter_randomisation`, of means of explanations over S noisy copies of each row, trained network and
    randomised networks alike,

    .. math:: \bar e(x; \theta) = \frac{1}{S} \sum_s e(x + \varepsilon_s; \theta),

    since the noise of gradients would make two explanations less similar than they are.

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

    Notes
    -----
    Misleads where the noise takes away more than noise: means over noisy copies of a row are explanations of another,
    smoother network. What it shares with `parameter_randomisation`: a map that is mostly the row itself stays similar,
    and little similarity does not say that the explanation is right.

    Cost: the explainer is fitted once for every layer, and once for the trained network. Each explains `n_samples`
    copies of every row, 20 by default.

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
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    n_bins: int | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
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

    Notes
    -----
    Misleads when complexity is what the method gives anyway: a map that is spread over all players has no room to
    become more complex, and one that names few players at random is not found out. Entropies say nothing of where
    attributions are.

    Cost: the explainer is fitted and explains the rows twice.

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
    if n_bins is not None:
        check_whole(n_bins, "n_bins", metric, least=2, none="None")
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
