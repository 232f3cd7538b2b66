"""Axioms: what an explanation owes to the model as a function, whatever it is written in."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._typing import Explained, Removal, Rows, Scores, Seed
from sklearn_xai.metrics._judged import Judged
from sklearn_xai.metrics._moved_models import rectified_network, shifted_model
from sklearn_xai.metrics._refitting import Refitting, mean_of, relative_distance
from sklearn_xai.metrics._registry import explanation_metric
from sklearn_xai.models import split_pipeline

_ROUNDING = 1e-6  # share of the outputs that a float32 network may be wrong by
_CELLS = 2**22  # values of coalitions held at once


@explanation_metric(family="axioms", greater_is_better=False)
def non_sensitivity(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    tol: float = 1e-3,
    removal: Removal | None = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Are the features without attribution those to which the model does not react?

    .. math:: \frac{|A_0 \,\triangle\, X_0|}{n_\mathrm{players}}

    with :math:`A_0` the players of attribution zero and :math:`X_0` those that can be removed, that is, replaced by any
    of the background rows that the explainer fills up with, without a change of the output.

    Parameters
    ----------
    explainer : fitted explainer
        With `target="all"`, each output is judged by itself and the mean over the outputs is given.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation to judge, as `transform(X)` or `explain(X)` give it. None takes `explainer.transform(X)`.
    tol : float, default=1e-3
        What counts as zero: this share of the row's largest attribution, and of its largest reaction. A reaction below
        1e-6 of the output, the rounding of a float32 network, is none.
    removal : {"marginal", "baseline", "conditional"}, default=None
        What a removed player is replaced by, as :class:`~sklearn_xai.ShapleyExplainer` says; None leaves it to the
        explainer.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : ignored
        Nothing is drawn.

    Returns
    -------
    share : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [0, 1], lower being better; 0.0 where the two agree on every player. An all-zero explanation has the share of
        the players to which the model reacts; one without a zero, for a constant model, 1.0. Of a single player it is
        0.0 or 1.0. Ties need no rule.

    Raises
    ------
    ValueError
        If the shapes do not belong together, a number is not finite, or `tol` is not in [0, 1).

    Notes
    -----
    Misleads when attributions are small but never 0, as most methods give them: what is below `tol` then decides. A
    player that the model heeds only together with others may be removable alone.

    Cost: for each row, one evaluation for every player and each of the 16 background rows that the explainer fills up
    with. The explanation is made once.

    References
    ----------
    Nguyen, A. and Martinez, M. R. (2020). On Quantitative Aspects of Model Interpretability.

    See Also
    --------
    completeness_gap : What an explanation leaves unexplained.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import non_sensitivity
    >>> X, net = torch.eye(4).numpy(), torch.nn.Linear(4, 1)
    >>> net.weight.data[0, 1] = 0.0
    >>> non_sensitivity(SaliencyExplainer(net).fit(X), X)
    0.0
    """
    if not isinstance(tol, Real) or not 0 <= tol < 1:
        raise ValueError(f"The 'tol' parameter of non_sensitivity must be a number from 0 to below 1. Got {tol!r}.")
    judged = Judged(explainer, X, attributions, metric="non_sensitivity", removal=removal)
    return judged.result(lambda part: _disagreement(part, tol), sample_wise)


def _disagreement(part, tol):
    size = np.abs(part.attributions)
    reactions, rounding = _reactions(part)
    silent = size <= tol * size.max(axis=1, keepdims=True)
    still = reactions <= np.maximum(tol * reactions.max(axis=1), rounding)[:, None]
    return (silent != still).mean(axis=1)


def _reactions(part):
    """Return the largest change of the output without each player, (n_samples, n_players), and what is rounding."""
    largest, found = np.abs(part.full), []
    start, step = 0, 1  # how many background rows fill a place up is seen from the first player
    while start < part.n_players:
        without = ~np.eye(part.n_players, dtype=bool)[start : start + step]
        values = part.values(without, average=False)
        largest = np.maximum(largest, np.abs(values).max(axis=(1, 2)))
        found.append(np.abs(part.full[:, None, None] - values).max(axis=2))
        start, step = start + step, max(1, _CELLS // values[:, 0].size)
    return np.hstack(found), _ROUNDING * largest


@explanation_metric(family="axioms", greater_is_better=False, inputs=("table", "image"), refits=True)
def input_invariance(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    shift: float = 1.0,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Does an explanation change when the inputs are shifted and the model undoes the shift?

    With :math:`f'(x + m) = f(x)` for all rows, the distance of the two explanations of the same output,

    .. math:: \frac{\|e_f(x) - e_{f'}(x + m)\|}{\max(\|e_f(x)\|, \|e_{f'}(x + m)\|)}.

    For a method that works on the inputs of a network, these are shifted: behind the preprocessing, where there is one,
    and in front of a module that subtracts m first. For any other, the numbers in the columns of X are, and the
    estimator is a Pipeline that first subtracts m; columns of whole numbers are shifted by a whole one, constant ones
    and other values are left alone. The explainer is fitted anew around both models, to the background that it has
    kept, shifted with the rows, and with the same seed. A baseline that is given as an array, or as "zero", is not
    shifted.

    Parameters
    ----------
    explainer : fitted explainer
        Of rows with real numbers.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation of the rows as they are. None makes it anew, by an explainer fitted to the same background as
        that of the shifted rows is.
    shift : float, default=1.0
        Size of m, in standard deviations of each number over the background (of images, of all numbers together).
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : int, RandomState instance or None, default=None
        Seeds the explainer if it has no seed of its own.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [0, 2], lower being better: 0.0, up to rounding, for an explanation that does not change, which includes
        one that is all zero for both; 1.0 where one of the two is zero. Ties and a single player need no rule.

    Raises
    ------
    ValueError
        If X holds no number that may be shifted, `shift` is zero or not finite, or the estimator does not say the same
        of rows that were shifted there and back.

    Notes
    -----
    Misleads when it is taken for faithfulness: an explanation that is the same for all models is invariant too. A
    method whose baseline has a meaning in the units of the inputs changes with them by right.

    Cost: the explainer is fitted twice, and explains the rows with each.

    References
    ----------
    Kindermans, P.-J., Hooker, S., Adebayo, J., Alber, M., Schuett, K. T., Daehne, S., Erhan, D. and Kim, B. (2019).
    The (Un)reliability of Saliency Methods.

    See Also
    --------
    implementation_invariance : The same of another implementation.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import InputXGradientExplainer, SaliencyExplainer
    >>> from sklearn_xai.metrics import input_invariance
    >>> X, net = torch.eye(4).numpy(), torch.nn.Linear(4, 1)
    >>> input_invariance(SaliencyExplainer(net).fit(X), X)
    0.0
    >>> input_invariance(InputXGradientExplainer(net).fit(X), X) > 0.1
    True
    """
    if not isinstance(shift, Real) or shift == 0 or not np.isfinite(shift):
        raise ValueError(f"The 'shift' parameter of input_invariance must be a number other than zero. Got {shift!r}.")
    refitting = Refitting(explainer, X, metric="input_invariance", random_state=random_state)
    model, rows, background, params = shifted_model(refitting, shift)
    shifted = refitting.around(model, background, **params)
    refitting.check_same(shifted, rows, "the model of shifted rows")
    return _distance(refitting, attributions, refitting.attributions(shifted, rows), sample_wise)


@explanation_metric(family="axioms", greater_is_better=False, inputs=("table", "image"), refits=True)
def implementation_invariance(
    explainer: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    attributions: Explained | None = None,
    equivalent: Any = None,
    sample_wise: bool = False,
    random_state: Seed = None,
) -> Scores:
    r"""Does an explanation change when the same function is computed in another way?

    The distance of the explanations of the same output of two models f and g with f(x) = g(x),

    .. math:: \frac{\|e_f(x) - e_g(x)\|}{\max(\|e_f(x)\|, \|e_g(x)\|)},

    each by an explainer fitted to the background that the given one has kept, and with the same seed.

    Parameters
    ----------
    explainer : fitted explainer
        Also of tokens, if an `equivalent` is given.
    X : array-like or DataFrame of shape (n_samples, n_features), or array of shape (n_samples, ...)
        Rows to explain.
    y : ignored
        For scikit-learn.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation of the explained model. None makes it anew, by an explainer fitted to the same background as
        that of the other model is.
    equivalent : fitted estimator, skorch net, torch module or Pipeline, default=None
        Another model that computes the same function of the rows. None takes the explained network behind two
        rectifiers, `z = relu(z) - (relu(z) - z)`. Of a Pipeline of texts, the last step is compared.
    sample_wise : bool, default=False
        Whether to give one number per row instead of their mean.
    random_state : int, RandomState instance or None, default=None
        Seeds the explainer if it has no seed of its own.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,) if `sample_wise`
        In [0, 2], lower being better: 0.0, up to rounding, for an explanation that does not change, which includes
        one that is all zero for both; 1.0 where one of the two is zero. Ties and a single player need no rule. Without
        `equivalent`, 0.0 for a model that is no network: a method that only calls it cannot see how it is written.

    Raises
    ------
    ValueError
        If `equivalent` does not say the same of X. Without it, if the network takes whole numbers, such as ids of
        tokens, which no rectifier passes on.

    Notes
    -----
    Misleads when it is taken for faithfulness: an explanation that is the same for all models is invariant too.
    Without `equivalent` one other way of writing the network is tried, and another one may make a difference.

    Cost: the explainer is fitted twice, and explains the rows with each.

    References
    ----------
    Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic Attribution for Deep Networks. ICML.

    See Also
    --------
    input_invariance : The same of a shift of the inputs.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import GuidedBackpropExplainer, SaliencyExplainer
    >>> from sklearn_xai.metrics import implementation_invariance
    >>> X, net = torch.eye(4).numpy(), torch.nn.Linear(4, 1)
    >>> implementation_invariance(SaliencyExplainer(net).fit(X), X) < 1e-6
    True
    >>> net = torch.nn.Sequential(net, torch.nn.ReLU())
    >>> net[0].weight.data[:], net[0].bias.data[:] = torch.tensor([-1.0, 2.0, -3.0, 4.0]), 5.0
    >>> implementation_invariance(GuidedBackpropExplainer(net).fit(X), X) > 0.1
    True
    """
    refitting = Refitting(explainer, X, metric="implementation_invariance", random_state=random_state)
    params = {}
    if equivalent is None:
        if explainer._model.network is None:
            own = Judged(explainer, X, attributions, metric="implementation_invariance").parts[0].full
            return np.zeros(len(own)) if sample_wise else 0.0
        equivalent, params = rectified_network(refitting)
    elif explainer._reader is not None:
        equivalent = split_pipeline(equivalent)[1]
    other = refitting.around(equivalent, **params)
    refitting.check_same(other, refitting.rows, "the 'equivalent' model")
    return _distance(refitting, attributions, refitting.attributions(other), sample_wise)


def _distance(refitting, attributions, others, sample_wise):
    """Return how far the explanation that is judged is from another, mean over outputs."""
    own = refitting.own(attributions)
    return mean_of([relative_distance(*pair) for pair in zip(own, others, strict=True)], sample_wise)
